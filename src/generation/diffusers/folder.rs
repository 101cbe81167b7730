//! A model in the folder layout of diffusers: `model_index.json`, and a folder for each part with its `config.json` and weights.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::generation::weights::{LoadError, Loaded};

/// A part's `config.json`, with the name of its file for messages.
#[derive(Debug, Clone)]
pub(super) struct Config<T> {
    /// What it says.
    pub read: T,
    file: String,
}

impl<T> Config<T> {
    /// Something in it that can't be.
    pub(super) fn wrong(&self, cause: &str) -> LoadError {
        LoadError::Malformed { file: self.file.clone(), cause: cause.to_owned() }
    }
}

/// One number for all blocks, or one for each.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(usize),
    Many(Vec<usize>),
}

impl OneOrMany {
    /// One for each of `n` blocks; `None` when there are more or fewer.
    pub(super) fn each(&self, n: usize) -> Option<Vec<usize>> {
        match self {
            Self::One(one) => Some(vec![*one; n]),
            Self::Many(many) => (many.len() == n).then(|| many.clone()),
        }
    }
}

/// A model's folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    /// Parts with the class of each; those that are none are left out.
    pub parts: BTreeMap<String, String>,
}

impl Folder {
    /// Reads `model_index.json`.
    pub(super) fn open(path: &Path) -> Loaded<Self> {
        let read: BTreeMap<String, serde_json::Value> = json(&path.join("model_index.json"))?;
        let part = |(name, value): (&String, &serde_json::Value)| {
            let class = value.as_array().filter(|pair| pair.len() == 2)?.get(1)?.as_str()?;
            Some((name.clone(), class.to_owned()))
        };
        let parts = read.iter().filter(|(name, _)| !name.starts_with('_')).filter_map(part).collect();
        Ok(Self { path: path.to_owned(), parts })
    }

    /// The folder of a part.
    pub(super) fn part(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A part's configuration.
    pub(super) fn config<T: DeserializeOwned>(&self, name: &str, file: &str) -> Loaded<Config<T>> {
        let path = self.part(name).join(file);
        Ok(Config { read: json(&path)?, file: path.display().to_string() })
    }
}

/// Reads a file of JSON.
fn json<T: DeserializeOwned>(path: &Path) -> Loaded<T> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|e| LoadError::Unreadable { file: file.clone(), cause: e.to_string() })?;
    serde_json::from_slice(&bytes).map_err(|e| LoadError::Malformed { file, cause: e.to_string() })
}
