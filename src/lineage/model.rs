//! A model: weights and their card. The card says what is known of the training data, and says aloud when nothing is.

use crate::clock::Timestamp;
use crate::digest::Sha256Hash;
use crate::id::{DatasetId, ModelId};

/// A registered model. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Model {
    /// Name in every URL, row and log entry.
    pub id: ModelId,
    /// SHA-256 of the weights file.
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
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
    /// Its files, each with its hash.
    pub files: Vec<ModelFile>,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Name in the model's folder.
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
        if let Some(file) = card.files.iter().find(|f| f.name.contains(['/', '\\']) || f.name.starts_with('.')) {
            return Err(format!("file name `{}` leaves the model's folder", file.name));
        }
        Ok(card)
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
