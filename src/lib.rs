//! Colophon gives every AI-generated image a page saying from which works, under which licences, from whose words and under which
//! cultural policy it was made: signed into the file, recorded in a public append-only log, and checkable with other people's tools.
//!
//! One crate, five floors. A floor imports floors below it, never upward; `tests/it/layering` keeps that true. Beside it stands
//! `crates/ops` and `crates/likeness`, arithmetic on numbers alone, so that their loops are optimised in every profile.

// -- ground: imports nothing of ours
pub mod chance;
pub mod clock;
pub mod config;
pub mod digest;
pub mod embedded;
pub mod id;

// -- domain: pure; no I/O, no async, no SQL, no HTTP
pub mod accounts;
pub mod export;
pub mod generation;
pub mod ledger;
pub mod likeness;
pub mod lineage;
pub mod policy;
pub mod provenance;
pub mod works;

// -- stores: the only SQL, the only files on disk
pub mod storage;

// -- actions: what can be done; the only write transactions
pub mod actions;

// -- jobs
pub mod jobs;

// -- doors: translate, nothing more
pub mod cli;
pub mod web;
