//! A run: one training, from a frozen dataset to weights. Its statement ties the weights to the dataset's root by hash.

use crate::clock::Timestamp;
use crate::digest::Sha256Hash;
use crate::id::{DatasetId, RunId};

/// A finished run. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Run {
    /// Name in every row and log entry.
    pub id: RunId,
    /// What was learnt from.
    pub dataset: DatasetId,
    /// Its Merkle root.
    pub dataset_root: Sha256Hash,
    /// Works of the dataset that were learnt from; the others were kept out to measure by.
    pub works_learnt: u64,
    /// The program that ran, as name and version.
    pub code: String,
    /// SHA-256 of the settings file.
    pub settings: Sha256Hash,
    /// SHA-256 of the checkpoint it began from; none for a beginning from chance alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_from: Option<Sha256Hash>,
    /// Steps taken.
    pub steps: u64,
    /// Pictures seen.
    pub pictures: u64,
    /// SHA-256 of the weights that came out.
    pub weights: Sha256Hash,
    /// When it ended.
    pub ended_at: Timestamp,
}
