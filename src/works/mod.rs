//! Works: registered things, their authors, the licences given on them, and what those allow. Pure values: no I/O, no SQL.

pub mod collection;
pub mod licence;
pub mod rules;
pub mod sources;
pub mod verdict;
mod work;

pub use licence::{Grant, GrantScope};
pub use verdict::{Answer, Duty, Usage, Verdict};
pub use work::{TEXT_LIMIT, Work, WorkError};
