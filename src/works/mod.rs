//! Works: registered things, their authors, the licences given on them, and what those allow. Pure values: no I/O, no SQL.

pub mod collection;
pub mod creator;
pub mod dispute;
pub mod licence;
pub mod list;
pub mod metadata;
pub mod reservation;
pub mod rules;
pub mod site_file;
pub mod sources;
pub mod terms;
pub mod verdict;
mod work;

pub use creator::Creator;
pub use licence::{Grant, GrantScope};
pub use metadata::Metadata;
pub use reservation::Reservation;
pub use terms::Terms;
pub use verdict::{Answer, Duty, Usage, Verdict};
pub use work::{EvidenceFile, TEXT_LIMIT, Work, WorkError, date_of};
