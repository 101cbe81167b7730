//! What can be done, and what is refused: each deed from its action to tables, log and file, on both databases.

mod adapters;
mod disputes;
mod edits;
mod erasing;
mod failures;
mod first_start;
mod importing;
mod lineage;
mod looking;
mod model_files;
mod models;
mod pictures;
mod policy;
mod projects;
mod queue;
mod rebuilding;
mod rights;
mod sign_in;
mod stewards;
mod terms;
mod training;
