//! For this room's tests only: the first model's files and works, read from `models/colophon-mini`, whose reference recorded its numbers.

use std::path::PathBuf;

#[path = "../../tests/it/support/tiny_model.rs"]
mod tiny_model;

pub use tiny_model::{tiny_lora, write_tiny_model};

use super::config::ModelFiles;
use super::library::{Library, LibraryEntry};
use crate::id::WorkId;

/// Where the first model lies.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/colophon-mini")
}

/// The shipped model's files, hashes unchecked.
pub fn files() -> ModelFiles {
    ModelFiles::read(&folder(), &|_| None).unwrap()
}

/// A test's id for the shipped work of line `n`.
pub fn work(n: usize) -> WorkId {
    WorkId::derived(&n.to_le_bytes())
}

#[derive(serde::Deserialize)]
struct Line {
    titles: Vec<Vec<String>>,
    tags: Vec<Vec<String>>,
    colour: Option<String>,
    style: String,
}

/// All shipped works.
pub fn shipped_library() -> Library {
    let text = std::fs::read_to_string(folder().join("works.jsonl")).unwrap();
    let entries = text.lines().enumerate().map(|(n, line)| {
        let Line { titles, tags, colour, style } = serde_json::from_str(line).unwrap();
        LibraryEntry { work: work(n), titles, tags, colour, style }
    });
    Library::new(entries)
}

/// Greatest difference between two lists of numbers, relative to the root mean square of the second.
pub fn relative_error(ours: &[f32], reference: &[f32]) -> f64 {
    assert_eq!(ours.len(), reference.len());
    let square = reference.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / reference.len() as f64;
    let worst = ours
        .iter()
        .zip(reference)
        .map(|(a, b)| f64::from((a - b).abs()))
        .fold(0.0, |worst, d| if d > worst || d.is_nan() { d } else { worst });
    worst / square.sqrt().max(1e-12)
}
