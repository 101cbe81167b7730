//! Files on their way in: an archive to import, or a work whose record is being filled in. They lie in a folder of this machine until they are
//! registered or given up; none of them is a blob.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use super::{Error, Result};

/// A file being received. Dropped before `finish` it is gone.
#[derive(Debug)]
pub struct Incoming {
    file: fs::File,
    path: PathBuf,
    len: u64,
    most: u64,
    finished: bool,
    /// The folder, when the file has one to itself.
    own: Option<PathBuf>,
}

fn failed(path: &Path, e: &io::Error) -> Error {
    Error::Unavailable(format!("can't keep the upload `{}`: {e}; check that the folder has room", path.display()))
}

impl Incoming {
    /// Begins a file of this name in `folder`, of at most `most` bytes.
    pub async fn begin(folder: &Path, name: &str, most: u64) -> Result<Self> {
        fs::create_dir_all(folder).await.map_err(|e| failed(folder, &e))?;
        let path = folder.join(name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(&path).await.map_err(|e| failed(&path, &e))?;
        Ok(Self { file, path, len: 0, most, finished: false, own: None })
    }

    /// The same in a folder of its own inside `folder`: a list names files beside it, and nobody else's lie there.
    pub async fn begin_alone(folder: &Path, own: &str, name: &str, most: u64) -> Result<Self> {
        let own = folder.join(own);
        let mut begun = Self::begin(&own, name, most).await?;
        begun.own = Some(own);
        Ok(begun)
    }

    /// Adds bytes. False: they would be too many.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<bool> {
        self.len += bytes.len() as u64;
        if self.len > self.most {
            return Ok(false);
        }
        self.file.write_all(bytes).await.map_err(|e| failed(&self.path, &e))?;
        Ok(true)
    }

    /// Bytes so far.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The whole file is on disk.
    pub async fn finish(mut self) -> Result<PathBuf> {
        self.file.flush().await.map_err(|e| failed(&self.path, &e))?;
        self.file.sync_all().await.map_err(|e| failed(&self.path, &e))?;
        self.finished = true;
        Ok(self.path.clone())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_file(&self.path);
            if let Some(own) = &self.own {
                let _ = std::fs::remove_dir(own);
            }
        }
    }
}

/// A whole file; `None` when it is gone.
pub async fn read(folder: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let path = folder.join(name);
    match fs::read(&path).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed(&path, &e)),
    }
}

/// Removes a file of the folder, with the folder that it has to itself; what lies elsewhere is left alone.
pub async fn remove(folder: &Path, path: &Path) {
    let Some(parent) = path.parent() else { return };
    let own = parent.parent() == Some(folder);
    if own || parent == folder {
        let _ = fs::remove_file(path).await;
    }
    if own {
        let _ = fs::remove_dir(parent).await;
    }
}

/// Removes files whose name begins so and that were left for longer than `age`.
pub async fn sweep(folder: &Path, prefix: &str, age: Duration) {
    let Ok(mut entries) = fs::read_dir(folder).await else { return };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let named = entry.file_name().to_str().is_some_and(|n| n.starts_with(prefix));
        let old = entry.metadata().await.and_then(|m| m.modified()).is_ok_and(|t| t.elapsed().is_ok_and(|past| past > age));
        if named && old {
            let _ = fs::remove_file(entry.path()).await;
        }
    }
}
