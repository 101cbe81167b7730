//! A collection: many works in one archive, `works.zip`: `works.jsonl` (a line each) and their pictures. `colophon prepare` makes it,
//! registering reads it. The pictures are stored, not compressed, so that the archive serves as a pack of blobs.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Hash;
use crate::id::WorkId;

/// Name of a collection's file.
pub const COLLECTION: &str = "works.zip";
/// Name of the list in it.
pub const LIST: &str = "works.jsonl";

/// One work of a collection, before it is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its place, from 0.
    pub n: usize,
    /// The set it comes from.
    pub set: String,
    /// Its name there.
    pub item: String,
    /// For people.
    pub title: String,
    /// Words of each of its names, as the retrieval index stems them.
    pub titles: Vec<Vec<String>>,
    /// Words of each tag.
    pub tags: Vec<Vec<String>>,
    /// Main colour.
    pub colour: Option<String>,
    /// Style family.
    pub style: String,
    /// What it is a picture of, broadly.
    pub category: String,
    /// On record as author.
    pub author: String,
    /// SPDX identifier, or `public-domain`.
    pub licence: String,
    /// Its text.
    pub licence_url: String,
    /// Where the originals are.
    pub source: String,
    /// The distribution it was taken from.
    pub package: Package,
    /// Whether its mirror image shows the same thing.
    pub may_flip: bool,
    /// Of the picture's bytes; the picture is `NNNNN.png` or `NNNNN.webp` in the archive.
    #[serde(alias = "png_sha256")]
    pub sha256: Sha256Hash,
}

/// A distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Whose, such as `npm`.
    pub registry: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Line {
    /// Name of the picture in the archive, for a kind of file such as `webp`.
    pub fn picture(&self, ending: &str) -> String {
        format!("{:05}.{ending}", self.n)
    }

    /// Set, item and picture: the same in every copy of the collection.
    pub fn seed(&self) -> String {
        format!("{}/{}/{}", self.set, self.item, self.sha256)
    }

    /// The id follows from the [`seed`](Self::seed): the same collection gives the same works everywhere, and a dataset of them the same root.
    pub fn work(&self) -> WorkId {
        WorkId::derived(self.seed().as_bytes())
    }
}
