//! Lineage: datasets (frozen lists of works), the models trained on them, and what follows for pictures. Pure values: no I/O, no SQL.

pub mod dataset;
pub mod impact;
pub mod model;
pub mod run;

pub use dataset::{Dataset, Member, Membership, Unproved};
pub use impact::{Cause, Impact, ImpactPart};
pub use model::{Model, ModelCard};
pub use run::Run;
