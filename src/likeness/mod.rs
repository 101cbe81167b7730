//! Which pictures show the same: what is kept of each, the index over all of them, and the measure of a match.
//!
//! A look has two halves. The index proposes: 64 numbers of every picture (`generation::embedding`) are compared with the query's, all of
//! them, exactly. Then each proposal is laid over the query ([`compare`]), and only what fits part by part is a match. PDQ and ISCC are
//! kept beside, for those who know a picture by them.

use serde::{Deserialize, Serialize};

use crate::digest::{Blake3, Sha256Hash};
use crate::id::WorkId;

pub mod index;
pub mod query;

pub use colophon_likeness::pdq::{ALGORITHM as PDQ, USABLE_QUALITY};
pub use colophon_likeness::view::{SIDE as VIEW_SIDE, averages, shrunken};
pub use colophon_likeness::{CELLS, Iscc, Likeness, Map, Pdq, PerceptualHash256, Prepared, SizeError, View, compare};
pub use index::{Descriptor, Fingerprints, Index, Subject};
pub use query::{Looked, Query};

/// Name of the method: how descriptors, maps and scores are made. Another method has another name.
pub const METHOD: &str = "colophon.likeness.v1";
/// From here on two pictures match, 0..=1: shown by a search.
pub const MATCH: f32 = 0.65;
/// From here on a picture is too near to a work to leave without its terms being asked, 0..=1.
pub const NEAR: f32 = 0.8;
/// Proposals that are compared coarsely, and of these finely.
pub const PROPOSED: usize = 128;
/// See [`PROPOSED`].
pub const COMPARED: usize = 24;

/// What an image was compared with before it was signed, and what came of it: part of its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// [`METHOD`].
    pub method: String,
    /// SHA-256 of the weights of the network that proposes.
    pub weights_sha256: Sha256Hash,
    /// Names what it was compared with: BLAKE3 over id and fingerprints of every work, in the order of their ids.
    pub index_blake3: Blake3,
    /// How many works that were.
    pub works: u64,
    /// Registered works that could not be compared, as their files could not be fetched.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_compared: u64,
    /// From this likeness on, in millionths, a picture is held until the work's terms are heard.
    pub held_from: u32,
    /// Works that it is like, the likest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub like: Vec<Like>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A work that an image is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Like {
    /// The work.
    pub work: WorkId,
    /// How much, in millionths.
    pub likeness: u32,
}

/// In millionths, as records keep it.
pub fn millionths(share: f32) -> u32 {
    (f64::from(share) * 1e6).round() as u32
}
