//! A mirror: what an auditor has seen of a log, as files in the layout of C2SP tlog-tiles, and the place they come from. Files there are
//! read and not fetched again, so an audit that broke off goes on where it was.

use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use ed25519_dalek::VerifyingKey;

use super::audit::text_or_file;
use crate::ledger::keyring::HeldKey;
use crate::ledger::tile::{TileLevel, TilePath, bundles_for, decode_bundle, tiles_for};
use crate::ledger::{Checkpoint, Keyring, SignedCheckpoint, Verifier};
use crate::storage::files::{self, Access};

/// Longest file of a log: a bundle of 256 entries of 65,535 bytes, with their lengths.
const LONGEST: u64 = 256 * 65_537;
/// Longest file of a work or an image: the largest upload there is.
const LONGEST_FILE: u64 = 256 << 20;
/// Said when an address of a log answers otherwise than one.
const OTHER: &str = "; is this the address of a tlog-tiles log?";
/// Files fetched side by side.
const THREADS: usize = 8;

/// Where a log is read from.
pub(super) enum Source {
    /// `http://…` or `https://…`, without a slash at its end.
    Web { agent: ureq::Agent, url: String },
    /// A folder with its files.
    Folder(PathBuf),
}

impl Source {
    pub(super) fn new(log: &str) -> Self {
        if !log.starts_with("http://") && !log.starts_with("https://") {
            return Self::Folder(PathBuf::from(log));
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .build()
            .into();
        Self::Web { agent, url: log.trim_end_matches('/').to_owned() }
    }

    /// Good for the name of a folder.
    pub(super) fn short_name(&self) -> String {
        let text = match self {
            Self::Web { url, .. } => url.split_once("://").map_or(url.as_str(), |(_, rest)| rest).to_owned(),
            Self::Folder(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        };
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '-' }).collect()
    }

    /// A file below the log's address; one that is not there is an error.
    fn get(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(path);
                std::fs::read(&path).with_context(|| format!("can't read `{}`", path.display()))
            }
            Self::Web { agent, url } => fetch(agent, &format!("{url}/{path}"), LONGEST, OTHER),
        }
    }

    /// A file of the service that the log belongs to.
    fn get_beside(&self, path: &str) -> anyhow::Result<String> {
        let bytes = match self {
            Self::Folder(_) => self.get(path.rsplit('/').next().unwrap_or(path))?,
            Self::Web { agent, url } => fetch(agent, &beside(url, path), LONGEST, OTHER)?,
        };
        String::from_utf8(bytes).with_context(|| format!("`{path}` is not a text"))
    }

    /// A file that the service keeps for everyone.
    fn public_file(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Folder(_) => bail!("a folder holds a log and no other files"),
            Self::Web { agent, url } => fetch(agent, &beside(url, path), LONGEST_FILE, ""),
        }
    }
}

/// An address of the service whose log is at `url`.
fn beside(url: &str, path: &str) -> String {
    format!("{}/{path}", url.strip_suffix("/log").unwrap_or(url))
}

fn fetch(agent: &ureq::Agent, url: &str, longest: u64, hint: &str) -> anyhow::Result<Vec<u8>> {
    let mut answer = agent.get(url).call().with_context(|| format!("can't ask `{url}`"))?;
    ensure!(answer.status() == 200, "`{url}` answered {}{hint}", answer.status());
    let mut bytes = Vec::new();
    let body = answer.body_mut().as_reader();
    body.take(longest + 1).read_to_end(&mut bytes).with_context(|| format!("can't read `{url}`"))?;
    ensure!(bytes.len() as u64 <= longest, "`{url}` is longer than any such file");
    Ok(bytes)
}

/// The registry's key for statements, from its 64 hex digits.
pub(super) fn statement_key(text: &str) -> anyhow::Result<VerifyingKey> {
    let bytes: Option<[u8; 32]> = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    key.with_context(|| format!("the registry's key `{text}` is not 64 hex digits of an Ed25519 key"))
}

/// What a log's signatures are checked with.
pub(super) struct Keys {
    pub(super) verifier: Verifier,
    /// The registry's key for statements, hex.
    pub(super) registry: String,
    pub(super) keyring: Keyring,
    /// Whether they were taken over just now.
    pub(super) first_visit: bool,
}

/// A folder with what was seen.
pub(super) struct Mirror {
    folder: PathBuf,
    source: Source,
}

const CHECKPOINT: &str = "checkpoint";
const VKEY: &str = "log.vkey";
const REGISTRY: &str = "statement.key";
const KEYRING: &str = "keyring.json";

impl Mirror {
    pub(super) fn open(folder: &Path, source: Source) -> anyhow::Result<Self> {
        files::writable_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), source })
    }

    /// The keys of the first visit, or those that are given; another one than was seen before is refused.
    pub(super) fn keys(&self, vkey: Option<&str>, registry: Option<&str>) -> anyhow::Result<Keys> {
        let pinned = |name: &str, given: Option<&str>, served: &str| -> anyhow::Result<(String, bool)> {
            let given = given.map(text_or_file).transpose()?;
            let seen = files::read(&self.folder.join(name))?.map(|text| text.trim().to_owned());
            match (given, seen) {
                (Some(given), Some(seen)) if given != seen => {
                    bail!("the key given is not the one of the last visit (`{seen}`): use another folder for another log")
                }
                (given, Some(seen)) => Ok((given.unwrap_or(seen), false)),
                (given, None) => {
                    let trusted = given.is_none();
                    let key = given.map_or_else(|| self.source.get_beside(served).map(|text| text.trim().to_owned()), Ok)?;
                    Ok((key, trusted))
                }
            }
        };
        let (vkey, first_visit) = pinned(VKEY, vkey, "trust/log.vkey")?;
        let (registry, _) = pinned(REGISTRY, registry, "trust/statement.key")?;
        let verifier = Verifier::parse(&vkey).context("the log's key can't be used")?;
        let key = statement_key(&registry)?;
        for (name, text) in [(VKEY, &vkey), (REGISTRY, &registry)] {
            if files::read(&self.folder.join(name))?.is_none() {
                files::write(&self.folder.join(name), format!("{text}\n").as_bytes(), Access::Public)?;
            }
        }
        let held: Vec<HeldKey> = match files::read(&self.folder.join(KEYRING))? {
            Some(text) => {
                serde_json::from_str(&text).context("the mirror's keyring is damaged: remove the mirror and begin anew")?
            }
            None => Vec::new(),
        };
        // Written before the head that it belongs to: what is beyond that head was not kept.
        let size = self.remembered(&verifier)?.map_or(0, |head| head.size);
        let held = held.into_iter().filter(|key| key.from_index < size).map(|key| {
            let until_index = key.until_index.filter(|until| *until < size);
            HeldKey { until_index, ..key }
        });
        Ok(Keys { verifier, registry, keyring: Keyring::resume(key, held), first_visit })
    }

    /// The signed head of the last visit, as it was served.
    pub(super) fn kept_checkpoint(&self) -> anyhow::Result<Vec<u8>> {
        Ok(files::read_bytes(&self.folder.join(CHECKPOINT))?)
    }

    /// The entries in these bundles of the log of `size` entries that was seen.
    pub(super) fn entries(&self, bundles: Range<u64>, size: u64) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut entries = Vec::new();
        for n in bundles {
            let path = TilePath::at(TileLevel::Entries, n, size).with_context(|| format!("the log has no bundle {n}"))?;
            let bytes = self.kept(path)?;
            let read = decode_bundle(&bytes, path.width).context("the mirror is damaged: remove it and begin anew")?;
            entries.extend(read.into_iter().map(<[u8]>::to_vec));
        }
        Ok(entries)
    }

    /// Whether there is a service to ask for other files.
    pub(super) fn has_service(&self) -> bool {
        matches!(self.source, Source::Web { .. })
    }

    /// Files that the service keeps for everyone, in the order asked for; several are fetched at once.
    pub(super) fn public_files(&self, paths: &[String]) -> Vec<anyhow::Result<Vec<u8>>> {
        let source = &self.source;
        let fetch_some = |some: &[String]| -> Vec<anyhow::Result<Vec<u8>>> {
            std::thread::scope(|scope| {
                let asked: Vec<_> = some.iter().map(|path| scope.spawn(move || source.public_file(path))).collect();
                asked.into_iter().map(|one| one.join().unwrap_or_else(|_| bail!("a fetcher broke down"))).collect()
            })
        };
        paths.chunks(THREADS).flat_map(fetch_some).collect()
    }

    pub(super) fn fetch_checkpoint(&self) -> anyhow::Result<Vec<u8>> {
        self.source.get(CHECKPOINT)
    }

    /// The head of the last visit.
    pub(super) fn remembered(&self, verifier: &Verifier) -> anyhow::Result<Option<Checkpoint>> {
        let Some(note) = files::read(&self.folder.join(CHECKPOINT))? else { return Ok(None) };
        let signed = SignedCheckpoint::parse(note.as_bytes()).context("the mirror is damaged: remove it and begin anew")?;
        Ok(Some(signed.open(verifier.name(), std::slice::from_ref(verifier))?.clone()))
    }

    /// A tile or bundle that is here.
    pub(super) fn kept(&self, path: TilePath) -> anyhow::Result<Vec<u8>> {
        Ok(files::read_bytes(&self.folder.join(path.to_string()))?)
    }

    /// A tile or bundle: from here, or fetched and kept here.
    pub(super) fn tile(&self, path: TilePath) -> anyhow::Result<Vec<u8>> {
        let file = self.folder.join(path.to_string());
        if let Ok(bytes) = std::fs::read(&file) {
            return Ok(bytes);
        }
        let bytes = self.fetch(path)?;
        // Not synced: what is lost with the power is fetched again.
        let parent = file.parent().unwrap_or(&self.folder);
        let fresh = parent.join(format!(".{}.{}", path.index, std::process::id()));
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&fresh, &bytes))
            .and_then(|()| std::fs::rename(&fresh, &file))
            .with_context(|| format!("can't keep `{}`", file.display()))?;
        Ok(bytes)
    }

    /// A tile or bundle as it is served now.
    pub(super) fn fetch(&self, path: TilePath) -> anyhow::Result<Vec<u8>> {
        self.source.get(&path.to_string())
    }

    /// Fetches what is not here yet, several at once.
    pub(super) fn fetch_all(&self, paths: &[TilePath]) -> anyhow::Result<()> {
        let next = Mutex::new(paths.iter().filter(|path| !self.folder.join(path.to_string()).exists()));
        let take = || next.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next().copied();
        std::thread::scope(|scope| {
            let fetchers: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| -> anyhow::Result<()> {
                        while let Some(path) = take() {
                            self.tile(path)?;
                        }
                        Ok(())
                    })
                })
                .collect();
            fetchers.into_iter().try_for_each(|fetcher| fetcher.join().unwrap_or_else(|_| bail!("a fetcher broke down")))
        })
    }

    /// Takes a head over as seen: everything up to it was checked.
    pub(super) fn remember(&self, note: &[u8], size: u64, keyring: &Keyring) -> anyhow::Result<()> {
        let held: Vec<&HeldKey> = keyring.keys().collect();
        files::write(&self.folder.join(KEYRING), serde_json::to_string_pretty(&held)?.as_bytes(), Access::Public)?;
        files::write(&self.folder.join("heads").join(size.to_string()), note, Access::Public)?;
        files::write(&self.folder.join(CHECKPOINT), note, Access::Public)?;
        Ok(())
    }

    /// Both signed heads that exclude each other. The folder they are in.
    pub(super) fn keep_evidence(&self, note: &[u8], size: u64) -> anyhow::Result<PathBuf> {
        let seen = files::read(&self.folder.join(CHECKPOINT))?.unwrap_or_default();
        let folder = self.folder.join(format!("evidence-{size}"));
        files::write(&folder.join("seen.checkpoint"), seen.as_bytes(), Access::Public)?;
        files::write(&folder.join("served.checkpoint"), note, Access::Public)?;
        Ok(folder)
    }

    /// Throws away what was fetched beyond the head that was seen, as some of it is wrong.
    pub(super) fn forget_since(&self, size: u64, new_size: u64) {
        for path in tiles_for(size, new_size).into_iter().chain(bundles_for(size, new_size)) {
            let _ = std::fs::remove_file(self.folder.join(path.to_string()));
        }
    }
}
