//! A model: weights and their card. The card says what is known of the training data, and says aloud when nothing is.

use crate::clock::Timestamp;
use crate::digest::Sha256Hash;
use crate::id::{DatasetId, ModelId};

/// A registered model. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Model {
    /// Name in every URL, row and log entry.
    pub id: ModelId,
    /// SHA-256 of the weights file; of a model of several files, of their listing (see [`ModelCard::listing`]).
    pub weights: Sha256Hash,
    /// What its maker says of it.
    pub card: ModelCard,
    /// Registered datasets it was trained on. Empty: its training data is not documented.
    pub datasets: Vec<DatasetId>,
    /// The model it adds to, for an adapter; none for a whole model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<ModelId>,
    /// Public name of whoever made it; empty for the model that comes with the program.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub made_by: String,
    /// When it was registered.
    pub registered_at: Timestamp,
}

/// `model.toml`: what a model is, from which files, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Folder name, such as `colophon-mini`.
    pub name: String,
    /// For people, such as `Colophon Mini`.
    pub title: String,
    /// SemVer (C2PA wants it so).
    pub version: String,
    /// What kind of network.
    pub architecture: String,
    /// Weights, in millions.
    pub parameters_millions: String,
    /// SPDX identifier of the weights' licence.
    pub licence: String,
    /// What it can do.
    pub summary: String,
    /// What is known of its training, in words.
    pub training: String,
    /// Where it is weak.
    pub limits: Vec<String>,
    /// Who made it; empty where the program's own developers or an account of this instance did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub maker: String,
    /// Where the licence can be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub licence_url: String,
    /// What the licence forbids to do with the model and with what it draws.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub use_limits: Vec<String>,
    /// What is not known of its training, in words; empty when nothing is missing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unknown: String,
    /// Where what stands here was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// How it is best drawn with, where its own files do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<Usual>,
    /// Its files, each with its hash.
    pub files: Vec<ModelFile>,
}

/// How a model is best drawn with.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usual {
    /// Steps, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u16>,
    /// Guidance in tenths, 0 to 300: text and log hold no fractions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance_tenths: Option<u16>,
    /// Sampler, such as `euler-ancestral`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampler: Option<String>,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Path in the model's folder, with `/`.
    pub name: String,
    /// What it is for.
    pub role: String,
    /// Of its bytes.
    pub sha256: Sha256Hash,
}

impl ModelCard {
    /// Reads `model.toml`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let card: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        let leaves = |name: &str| name.contains('\\') || name.split('/').any(|part| part.is_empty() || part.starts_with('.'));
        if let Some(file) = card.files.iter().find(|f| leaves(&f.name)) {
            return Err(format!("file name `{}` leaves the model's folder", file.name));
        }
        Ok(card)
    }

    /// Whether the name can be that of a folder: 1 to 60 of a–z, 0–9, `-` and `.`, not beginning with a dot.
    pub fn names_a_folder(&self) -> bool {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        (1..=60).contains(&self.name.len()) && !self.name.starts_with('.') && self.name.chars().all(plain)
    }

    /// Whether the model is a folder of several parts, with an index that lists them.
    pub fn is_folder(&self) -> bool {
        self.file("index").is_some()
    }

    /// Its files as `sha256sum` prints them, sorted by name: one line for each, hash, two spaces, name. Its SHA-256 stands for all of a model
    /// in a folder, and anyone can make it from the files alone.
    pub fn listing(&self) -> String {
        let mut lines: Vec<String> = self.files.iter().map(|f| format!("{}  {}\n", f.sha256, f.name)).collect();
        lines.sort_by(|a, b| a[66..].cmp(&b[66..]));
        lines.concat()
    }

    /// As `model.toml`.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// The file that plays `role`.
    pub fn file(&self, role: &str) -> Option<&ModelFile> {
        self.files.iter().find(|f| f.role == role)
    }
}
