//! A model in the folder layout of diffusers: `model_index.json`, and a folder for each part with its `config.json` and weights.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::tensors::files_of;
use crate::digest::{Sha256Hash, sha256_of_reader};
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

/// What a card says the files of a folder hash to.
#[derive(Debug)]
struct Hashes {
    expected: BTreeMap<String, Sha256Hash>,
    /// Files that were right, with their size and time at that moment: several gigabytes are not hashed again for every picture.
    right: Mutex<HashMap<PathBuf, (u64, Option<SystemTime>)>>,
}

/// A model's folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    hashes: Option<Arc<Hashes>>,
    /// Parts with the class of each; those that are none are left out.
    pub parts: BTreeMap<String, String>,
    /// Whether an empty prompt is told as zeros.
    pub zeros: bool,
}

/// The folder's list of its parts.
pub(super) const INDEX: &str = "model_index.json";

impl Folder {
    /// Reads `model_index.json`. No file is checked but for what it must be to be read.
    pub(super) fn open(path: &Path) -> Loaded<Self> {
        Self::read(path, None)
    }

    /// The same; every file must be the one that `expected` names, by its path in the folder with `/`.
    pub(super) fn open_checked(path: &Path, expected: BTreeMap<String, Sha256Hash>) -> Loaded<Self> {
        Self::read(path, Some(Arc::new(Hashes { expected, right: Mutex::default() })))
    }

    fn read(path: &Path, hashes: Option<Arc<Hashes>>) -> Loaded<Self> {
        let mut folder = Self { path: path.to_owned(), hashes, parts: BTreeMap::new(), zeros: false };
        let index = path.join(INDEX);
        folder.checked(&index)?;
        let read: BTreeMap<String, serde_json::Value> = json(&index)?;
        let part = |(name, value): (&String, &serde_json::Value)| {
            let class = value.as_array().filter(|pair| pair.len() == 2)?.get(1)?.as_str()?;
            Some((name.clone(), class.to_owned()))
        };
        folder.parts = read.iter().filter(|(name, _)| !name.starts_with('_')).filter_map(part).collect();
        if let Some(odd) = folder.parts.keys().find(|name| name.contains(['/', '\\', '.'])) {
            let cause = format!("`{odd}` is no folder in it");
            return Err(LoadError::Malformed { file: index.display().to_string(), cause });
        }
        folder.zeros = read.get("force_zeros_for_empty_prompt").and_then(serde_json::Value::as_bool).unwrap_or(false);
        Ok(folder)
    }

    /// Whether a file of the folder is the one its card names; always, where there is no card.
    pub(super) fn checked(&self, path: &Path) -> Loaded<()> {
        let Some(hashes) = &self.hashes else { return Ok(()) };
        let file = path.display().to_string();
        let unreadable = |cause: std::io::Error| LoadError::Unreadable { file: file.clone(), cause: cause.to_string() };
        let name = path.strip_prefix(&self.path).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let Some(expected) = hashes.expected.get(&name) else {
            return Err(LoadError::Malformed { file, cause: "the model's card names no such file".to_owned() });
        };
        let opened = File::open(path).map_err(unreadable)?;
        let now = opened.metadata().map(|m| (m.len(), m.modified().ok())).map_err(unreadable)?;
        let known = hashes.right.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
        if known == Some(now) {
            return Ok(());
        }
        let found = sha256_of_reader(opened).map_err(unreadable)?;
        if found != *expected {
            return Err(LoadError::WrongHash { file, expected: expected.to_string(), found: found.to_string() });
        }
        hashes.right.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), now);
        Ok(())
    }

    /// Files of a part's weights, each checked.
    pub(super) fn weights(&self, part: &str) -> Loaded<Vec<PathBuf>> {
        let stem = if part.starts_with("text_encoder") { "model" } else { "diffusion_pytorch_model" };
        files_of(&self.part(part), stem, &|file| self.checked(file))
    }

    /// The folder of a part.
    pub(super) fn part(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A part's configuration.
    pub(super) fn config<T: DeserializeOwned>(&self, name: &str, file: &str) -> Loaded<Config<T>> {
        let path = self.part(name).join(file);
        self.checked(&path)?;
        Ok(Config { read: json(&path)?, file: path.display().to_string() })
    }
}

/// Reads a file of JSON.
pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Loaded<T> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|e| LoadError::Unreadable { file: file.clone(), cause: e.to_string() })?;
    serde_json::from_slice(&bytes).map_err(|e| LoadError::Malformed { file, cause: e.to_string() })
}
