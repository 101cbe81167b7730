//! Cultural policy: reads the `policies/` folder as one bundle, finds mentions in a prompt, and answers with a decision that names
//! rule, file, line, reason and contact. Not a place for consents, queues or storage: facts are handed in, a value comes out. Touches
//! nothing outside its arguments.
//!
//! | file | what it does |
//! | --- | --- |
//! | `terms` | the five ordered outcomes and the six uses |
//! | `schema` | the TOML shapes of a bundle, exactly as written by people |
//! | `bundle` | the parsed folder: `Bundle`, `Policy`, `Rule`, `Problem`, and the canonical hash |
//! | `read`, `read_policy` | texts → `Bundle`: every reference checked, the search prepared, what did not change kept |
//! | `forms` | versions, ids, days, lines and columns |
//! | `lint` | what a bundle should have beyond being readable; runs the cases in `policies/tests/` |
//! | `views` | the same prompt read several ways (folded, look-alike, leet, spaced, native script), each mapped to the original bytes |
//! | `for_model` | the prompt as a model is given it |
//! | `typo` | near spellings on windows of one to three words |
//! | `patterns`, `words` | the forms of names and cues, compiled; sets of short words |
//! | `search` | all that is looked for, compiled once |
//! | `mention`, `bounds` | where a name stands and how it was read; where words begin and end |
//! | `matcher` | mentions of aliases, cues and exceptions over all views |
//! | `near` | which cue is near which mention |
//! | `consent` | what a steward allowed, and what it opens |
//! | `review` | stewards, and what a person says to one rule of one request |
//! | `labels` | labels of the Local Contexts Hub and what follows from them |
//! | `hub` | a project of the Hub, read from its JSON |
//! | `decide` | (bundle, facts, day) → `Decision` |
//! | `explain` | a decision as one sentence for a person |
//!
//! Semantics: every matching rule fires; the result is the highest outcome; a consent satisfies exactly the rule it names; nothing
//! lowers another rule's result; near spellings and descriptions never answer more than `human-review`; a mention in the negative prompt
//! is recorded and fires nothing.

mod bounds;
mod bundle;
pub mod consent;
mod decide;
mod explain;
mod for_model;
mod forms;
mod hub;
mod labels;
mod lint;
mod matcher;
mod mention;
mod near;
mod patterns;
mod read;
mod read_policy;
pub mod review;
mod schema;
mod search;
mod terms;
#[cfg(test)]
mod tests;
mod typo;
mod views;
mod words;

pub use bundle::{Authority, Bundle, Kind, Policy, Problem, Rule};
pub use consent::{Consent, Held};
pub use decide::{BundleRef, Decision, Facts, Fired, Mention, Reference, Satisfied, decide};
pub use for_model::folded_for_model;
pub use hub::{HubError, is_project_id, read_dates, read_project};
pub use labels::{Label, Project};
pub use mention::{Surface, View};
pub use schema::AuthorityStatus;
pub use terms::{Outcome, TermError, Use};
