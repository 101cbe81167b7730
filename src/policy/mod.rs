//! Cultural policy: reads the `policies/` folder as one bundle, finds mentions in a prompt, and answers with a decision that names
//! rule, file, line, reason and contact. Not a place for consents, queues or storage: facts are handed in, a value comes out. Touches
//! nothing outside its arguments.
//!
//! | file | what it does |
//! | --- | --- |
//! | `terms` | the five ordered outcomes and the six uses |
//! | `schema` | the TOML shapes of a bundle, exactly as written by people |
//! | `bundle` | the parsed folder: `Bundle`, `Policy`, `Rule`, `Problem`, and the canonical hash |
//! | `read` | texts → `Bundle`: every reference checked, the search prepared |
//! | `forms` | versions, ids, days, lines and columns |
//! | `lint` | what a bundle should have beyond being readable; runs the cases in `policies/tests/` |
//! | `views` | the same prompt read several ways (folded, look-alike, leet, spaced, native script), each mapped to the original bytes |
//! | `typo` | near spellings on windows of one to three words |
//! | `matcher` | mentions of aliases, cues and exceptions over all views |
//! | `near` | which cue is near which mention |
//! | `decide` | (bundle, facts, day) → `Decision` |
//! | `explain` | a decision as one sentence for a person |
//!
//! Semantics: every matching rule fires; the result is the highest outcome; a consent satisfies exactly the rule it names; nothing
//! lowers another rule's result; near spellings never answer more than `human-review`; a mention in the negative prompt is recorded
//! and fires nothing.

mod bundle;
mod decide;
mod explain;
mod forms;
mod lint;
mod matcher;
mod near;
mod read;
mod schema;
mod terms;
#[cfg(test)]
mod tests;
mod typo;
mod views;

pub use bundle::{Authority, Bundle, Kind, Policy, Problem, Rule};
pub use decide::{BundleRef, ConsentRef, Decision, Facts, Fired, Mention, Satisfied, decide};
pub use matcher::{Surface, View};
pub use schema::AuthorityStatus;
pub use terms::{Outcome, TermError, Use};
