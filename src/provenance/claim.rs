//! What we assert of an image, as plain structs. Not how it is written into a file (`manifest`) and not whether it is true: every field
//! is the signer's word, so the caller fills it from what it did, never from what a file said.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::encode::Format;
use crate::clock::Timestamp;
use crate::digest::{Blake3, Sha256Hash};
use crate::id::{DatasetId, ImageId, ModelId, StatementId, WorkId};
use crate::likeness::{Compared, Iscc};

/// Everything an image of ours says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageClaim {
    /// The image.
    pub image: ImageId,
    /// For people.
    pub title: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Public name of whoever asked for it.
    pub creator: String,
    /// The sentence that gives credit to model, works and authors.
    pub credit_line: String,
    /// The image's public page, if it has one.
    pub page: Option<String>,
    /// What was asked for.
    pub prompt: PromptClaim,
    /// What was asked to be left out.
    pub negative: Option<PromptClaim>,
    /// The model that drew, where one did.
    pub model: Option<ModelClaim>,
    /// The program that ran it.
    pub software: Software,
    /// Works drawn on for this image, in the order they were given to the model.
    pub works: Vec<WorkCredit>,
    /// Works that it is near to without having drawn on them, credited as their terms ask.
    pub near: Vec<WorkCredit>,
    /// What it was compared with before it was signed.
    pub compared: Option<Compared>,
    /// Its ISCC, by which a copy without credentials finds back to them.
    pub iscc: Option<Iscc>,
    /// The first work, when the picture started from it and so varies it.
    pub varies: Option<StartWork>,
    /// The adapter it was drawn with.
    pub adapter: Option<AdapterClaim>,
    /// The picture it was made from.
    pub parent: Option<ParentClaim>,
    /// What was done to make it from that, or along a sketch.
    pub edit: Option<EditClaim>,
    /// Who made it and what it was made from, and what they declare.
    pub authorship: AuthorshipClaim,
    /// The nearest of all registered works, drawn on or not.
    pub nearest: Option<StartWork>,
    /// Datasets the model was trained on.
    pub datasets: Vec<DatasetCredit>,
    /// What the policy answered, without the prompt's words.
    pub decision: serde_json::Value,
    /// Hash of the policy folder that answered.
    pub bundle_sha256: Sha256Hash,
    /// What is needed to draw it again.
    pub replay: Replay,
    /// The log entry that records it.
    pub statement_id: StatementId,
    /// Origin line of the log that holds the entry.
    pub log_origin: String,
    /// Whether others may mine it or train on it.
    pub mining: Mining,
}

/// The picture an image was made from.
#[derive(Clone, PartialEq, Eq)]
pub struct ParentClaim {
    /// For people.
    pub title: String,
    /// Of the file.
    pub format: Format,
    /// The whole file; its credentials come with it.
    pub file: Arc<[u8]>,
}

impl std::fmt::Debug for ParentClaim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ParentClaim({:?}, {} bytes of {:?})", self.title, self.file.len(), self.format)
    }
}

/// How an image was made from another picture, or along a sketch: the assertion `colophon.edit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EditClaim {
    /// Kind and numbers, as they can be asked for again.
    pub edit: serde_json::Value,
    /// In a sentence.
    pub sentence: String,
    /// The parent, where it is an image of this registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ImageId>,
    /// C2PA actions that it stands for, in order, where no model drew. (Judges take whatever has `actions` for an actions assertion.)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub c2pa_actions: Vec<String>,
    /// Whether a program chose what was done, rather than numbers that a person gave; where no model drew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
    /// IPTC digital source type of the whole, where the parent's making decides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The pixels that were invented.
    pub drawn: Drawn,
    /// What people handed in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputClaim>,
}

/// Who made an image and what it was made from: the assertion `colophon.authorship`. Each signs their own generation (`cawg.identity`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorshipClaim {
    /// One for each generation, the first one first.
    pub makers: Vec<MakerClaim>,
    /// Per cent of the whole that its maker declares as the machine's; not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ai_share: Option<u8>,
}

/// Who made one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakerClaim {
    /// Public name.
    pub name: String,
    /// Such as `cawg.editor`.
    pub role: String,
    /// The image.
    pub image: ImageId,
}

/// Which pixels were invented, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "which", rename_all = "lowercase")]
pub enum Drawn {
    /// None: each is worked out from the parent's.
    None,
    /// Those of a part, told from the rest of the picture without a model; the others are the parent's, byte for byte.
    Filled {
        /// How many, of all pixels.
        pixels: u64,
        /// The smallest rectangle around them: left, top, width, height.
        within: [u32; 4],
    },
    /// All, from noise.
    All,
    /// All, on top of the parent's.
    Over,
    /// Those of a part, by a model; the others are the parent's, byte for byte.
    Part {
        /// How many, of all pixels.
        pixels: u64,
        /// The smallest rectangle around them: left, top, width, height.
        within: [u32; 4],
    },
    /// Those around a rectangle that holds the parent (left, top, width, height), by a model.
    Around {
        /// The rectangle.
        kept: [u32; 4],
    },
}

/// Something a person handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputClaim {
    /// `picture`, `sketch` or `mask`.
    pub role: String,
    /// When.
    pub at: Timestamp,
    /// What the person said of the rights in it.
    pub rights: String,
    /// Of the file as it was handed in; not told where the words are not told either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256Hash>,
    /// Keyed blake3 of that hash, as the log has it.
    pub commitment: Blake3,
}

/// A prompt, or only a commitment to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptClaim {
    /// The words themselves, public.
    Text(String),
    /// Keyed blake3 of the words; the key stays with the record, so the words can be proved later or forgotten.
    Commitment(Blake3),
}

/// The model that drew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelClaim {
    /// Registered model.
    pub id: ModelId,
    /// Name for people.
    pub name: String,
    /// Version, such as `0.1.0`.
    pub version: String,
    /// SHA-256 of the weight file.
    pub weights_sha256: Sha256Hash,
    /// Kind of network, such as `retrieval-augmented rectified-flow transformer`.
    pub architecture: String,
}

/// An adapter: additions to the model's weights, learnt from a few works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterClaim {
    /// Registered model.
    pub id: ModelId,
    /// Name for people.
    pub name: String,
    /// Public name of whoever made it.
    pub made_by: String,
    /// SHA-256 of its weights.
    pub weights_sha256: Sha256Hash,
    /// What it was trained on.
    pub datasets: Vec<DatasetCredit>,
}

/// A program by name and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Software {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
}

/// A work drawn on, and the credit it is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkCredit {
    /// Registered work.
    pub work: WorkId,
    /// Title.
    pub title: String,
    /// Author or authors as they wish to be named.
    pub author: String,
    /// SPDX identifier, or `public-domain`.
    pub licence: String,
    /// Where the licence text is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence_url: Option<String>,
    /// Where the work came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// SHA-256 of the work's file.
    pub sha256: Sha256Hash,
    /// Its share of what the works changed in the picture, in millionths: each was left out once, and the change measured.
    #[serde(default)]
    pub influence: u32,
}

/// A work that a picture started from, or that is the nearest to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StartWork {
    /// Registered work.
    pub work: WorkId,
    /// RMS distance of the 16×16 thumbnails of work and picture, 0..=1; smaller is nearer.
    pub nearness: f64,
}

/// A dataset by name and root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetCredit {
    /// Frozen dataset.
    pub id: DatasetId,
    /// Title.
    pub title: String,
    /// Merkle root.
    pub root: Sha256Hash,
    /// Number of works in it.
    pub works: u64,
}

/// What is needed to draw the picture again and to compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// Seed of the noise. Written as decimal text: JSON numbers lose digits above 2⁵³.
    #[serde(with = "decimal")]
    pub seed: u64,
    /// Sampler steps.
    pub steps: u32,
    /// Style that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// Guidance scale.
    pub guidance: f64,
    /// Time at which sampling began, 0 (from noise) to 1 (the work itself).
    pub start: f64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Sampler name.
    pub sampler: String,
    /// How much of the adapter was added, where it was not 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
    /// Whether the words were folded before they were drawn from: look-alike letters, and what shows nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub folded: bool,
    /// Version of the engine that drew.
    pub engine: String,
    /// blake3 of the raw bytes, row by row, before encoding: RGB, or RGBA where a part is transparent.
    pub pixels_blake3: Blake3,
}

/// Whether others may mine the picture or train on it (CAWG training and data mining 1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mining {
    /// Not allowed, which is also what silence means here.
    #[default]
    NotAllowed,
    /// Allowed.
    Allowed,
    /// Allowed under these terms (text or an address).
    Constrained(String),
}

/// What a model's signed card says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCard {
    /// The model.
    pub model: ModelClaim,
    /// Licence of the weights: SPDX identifier.
    pub licence: String,
    /// Datasets it was trained on; empty where they are not known.
    pub datasets: Vec<DatasetCredit>,
    /// Licences of the works in those datasets, with how many works have each.
    pub licences: Vec<LicenceCount>,
    /// Whether the training data is documented. `false` is said wherever the model appears.
    pub training_data_documented: bool,
    /// Known limits, for people.
    pub limits: String,
    /// When the card was made.
    pub made_at: Timestamp,
    /// The program that made the card.
    pub software: Software,
}

/// How many works have a licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenceCount {
    /// SPDX identifier, or `public-domain`.
    pub licence: String,
    /// Works.
    pub works: u64,
}

/// `u64` as decimal text.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &u64, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(|_| serde::de::Error::custom("expected a whole number as text"))
    }
}
