//! Actions: what can be done, one file per deed, and the only write transactions. An action reads, decides with the domain, and writes
//! tables, jobs and statements in one `Tx`. It knows no HTTP, no templates and no tensors.
//!
//! | file | deed |
//! | --- | --- |
//! | `instance` | what actions work with: store, keys, clock, policy, model; opening it |
//! | `found` | the first start: the embedded model, its works and its dataset become rows and statements |
//! | `record` | sign a statement, stage it, and let `apply` change the public tables |
//! | `apply` | a statement → public tables: used by `record`, `rebuild` and `refill`, so all give the same rows |
//! | `about` | a statement → the id by which it is found again |
//! | `publish_checkpoint`, `remembered_head`, `ask_witnesses` | the log grows; what it signed last is remembered; others sign it too |
//! | `receipt`, `check_log` | a proof from the log; all of it checked |
//! | `index_log`, `find_in_log` | whose deed each entry is; entries by number, id, hash and name |
//! | `prepare_works` | drawings of other packages, rendered into a collection |
//! | `register_work`, `import_list`, `import_works`, `grant_licence`, `revoke_grant` | what rights holders do |
//! | `conclude_licence` | what a licence was found to be by somebody who looked into it |
//! | `reserve_works` | opt-outs that stand outside a work's file |
//! | `offer_record` | what a file says of itself, offered to who registers it |
//! | `candidate` | the rules of registering, the same for one work and for many |
//! | `impact`, `affect` | everything that stands on a work; putting it on record and telling the operators |
//! | `dispute` | claims against a registration, step by step |
//! | `membership` | proof that a work is, or is not, in a dataset |
//! | `granted` | what the grants in force allow, of all works at once |
//! | `freeze_dataset`, `freeze_query`, `register_run` | what a model may learn from, and what came of it |
//! | `check_policy`, `request_image`, `choose_works`, `finish_image` | the way of a picture |
//! | `image_claim` | what its file says |
//! | `hand_in`, `material` | what an edit is made from: pictures, sketches, masks; whether it may be used |
//! | `find_damage`, `learn_preferences` | what is offered to whoever edits: a mask of the damage, their own colours |
//! | `identity`, `agree` | people sign: their certificates; what they agree on as the authorship of an image |
//! | `drawn_with`, `register_model` | the model of an order; models and adapters from elsewhere |
//! | `fingerprint`, `look` | what pictures are found by; which works and images a picture is like |
//! | `uses` | where a rights holder's works are found |
//! | `recover` | credentials found again by what a picture shows, or by its ISCC |
//! | `gate` | a picture too near to a registered work is held |
//! | `check_picture` | what the policy says of a picture handed in |
//! | `appoint_steward`, `give_consent`, `review` | people who answer for a tradition: who they are, what they allow, how they rule |
//! | `reload_policies`, `policy_diff` | another bundle in force; what it would have answered |
//! | `attach_project` | what communities say of a work, from the Local Contexts Hub |
//! | `queue` | whose turn is when; asking again |
//! | `board`, `bell` | progress of pictures in work; waking those who wait for work |
//! | `verify_image` | is this file what it claims? |
//! | `sign_in` | accounts, sessions, tokens |
//! | `erase` | what is private is erased; commitments and proofs stay |
//! | `rebuild` | the public tables again, from the log alone |
//! | `refill` | an empty database filled from a log that was kept elsewhere |

pub mod about;
pub mod account_keys;
pub mod adapters;
mod affect;
pub mod agree;
pub mod apply;
pub mod appoint_steward;
mod ask_witnesses;
pub mod attach_project;
pub mod bell;
pub mod board;
mod candidate;
pub mod check_log;
pub mod check_picture;
pub mod check_policy;
pub mod choose_works;
pub mod conclude_licence;
pub mod dispute;
pub mod drawn_with;
pub mod erase;
mod error;
pub mod find_damage;
pub mod find_in_log;
pub mod fingerprint;
pub mod finish_image;
pub mod found;
pub mod freeze_dataset;
pub mod freeze_query;
pub mod gate;
pub mod give_consent;
pub mod grant_licence;
mod granted;
pub mod hand_in;
mod identity;
mod image_claim;
pub mod impact;
pub mod import_list;
pub mod import_works;
mod index_log;
pub mod instance;
pub mod learn_preferences;
pub mod look;
pub mod material;
pub mod membership;
pub mod offer_record;
pub mod policy_diff;
pub mod prepare_works;
pub mod publish_checkpoint;
pub mod queue;
pub mod rebuild;
pub mod receipt;
mod record;
pub mod recover;
pub mod refill;
pub mod register_model;
pub mod register_run;
pub mod register_work;
pub mod reload_policies;
mod remembered_head;
pub mod request_image;
pub mod reserve_works;
pub mod review;
pub mod revoke_grant;
pub mod sign_in;
pub mod signing;
pub mod uses;
pub mod verify_image;

pub use error::Error;
pub use instance::Instance;

/// Result of actions.
pub type Result<T> = std::result::Result<T, Error>;
