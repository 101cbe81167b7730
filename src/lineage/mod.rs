//! Lineage: datasets (frozen lists of works), the models trained on them, what follows for pictures, and what people agree on as their authorship. Pure values: no I/O, no SQL.

pub mod agreement;
pub mod dataset;
pub mod impact;
pub mod model;
pub mod run;

pub use agreement::{Agreement, Author, AuthorSignature};
pub use dataset::{Dataset, Member, Membership, Unproved};
pub use impact::{Cause, Impact, ImpactPart};
pub use model::{Model, ModelCard};
pub use run::Run;
