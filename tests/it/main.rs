//! What the program does as a whole, tested from outside: on both databases, through its actions, its files, its command line and its
//! doors.
//!
//! `tests/run` runs everything, with a PostgreSQL server of its own.

mod support;

mod actions;
mod audit;
mod chaos;
mod cli;
mod docs;
mod layering;
mod ledger_files;
mod processes;
mod sequencing;
mod store;
mod web;
mod witnesses;
