//! Files that are not blobs: keys and the unpacked model. Written to a temporary name, synced, renamed; private ones readable by their
//! owner only.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::{Error, Result};
use crate::digest::Digest;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its owner only: keys.
    Private,
    /// Everyone on this machine.
    Public,
}

fn failed(what: &str, path: &Path, e: &std::io::Error) -> Error {
    Error::Unavailable(format!(
        "can't {what} `{}`: {e}; check that the folder exists, may be written and has room",
        path.display()
    ))
}

/// Makes the folder and shows that it can be written.
pub fn writable_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| failed("make the folder", path, &e))?;
    let probe = path.join(".writable.tmp");
    fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).map_err(|e| failed("write to the folder", path, &e))
}

/// Writes a whole file, or leaves the old one as it was.
pub fn write(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(parent).map_err(|e| failed("make the folder", parent, &e))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = parent.join(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if access == Access::Private { 0o600 } else { 0o644 });
    }
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        // The rename itself must last, too.
        fs::File::open(parent).and_then(|folder| folder.sync_all())
    });
    written.map_err(|e| failed("write", path, &e))
}

/// What tells that a file was changed: its name, its size, and when it was written.
pub type Stamp = (std::path::PathBuf, u64, Option<std::time::SystemTime>);

/// The stamps of all files of a folder and the folders in it, by name.
pub fn stamps(folder: &Path) -> Result<Vec<Stamp>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| failed("read the folder", &folder, &e))? {
            let entry = entry.map_err(|e| failed("read the folder", &folder, &e))?;
            let about = entry.metadata().map_err(|e| failed("read", &entry.path(), &e))?;
            if about.is_dir() {
                folders.push(entry.path());
            } else {
                found.push((entry.path(), about.len(), about.modified().ok()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a text file; `None` when there is none.
pub fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed("read", path, &e)),
    }
}

/// Waits until nobody else holds the lock of this name; it is held until the file that is given back is dropped.
pub fn lock(path: &Path) -> Result<fs::File> {
    let held = fs::File::create(path).and_then(|file| file.lock().map(|()| file));
    held.map_err(|e| failed("lock", path, &e))
}

/// Reads a file of bytes that must be there.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| failed("read", path, &e))
}

/// Both hashes of a file, of any size.
pub fn digest(path: &Path) -> Result<Digest> {
    fs::File::open(path).and_then(Digest::of_reader).map_err(|e| failed("read", path, &e))
}

/// Makes `to` the same file as `from`: a second name for it where both lie on one disk, a copy where they do not. What stands there already
/// stays if it is as long, and gives way otherwise.
pub fn link(from: &Path, to: &Path) -> Result<()> {
    let of = |path: &Path| fs::canonicalize(path).and_then(|path| Ok((fs::metadata(&path)?.len(), path)));
    let (length, source) = of(from).map_err(|e| failed("read", from, &e))?;
    if of(to).is_ok_and(|(there, path)| path == source || there == length) {
        return Ok(());
    }
    let parent = to.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(parent).map_err(|e| failed("make the folder", parent, &e))?;
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = parent.join(name);
    let put = fs::remove_file(&temporary)
        .or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
        .and_then(|()| fs::hard_link(&source, &temporary).or_else(|_| fs::copy(&source, &temporary).map(drop)))
        .and_then(|()| fs::rename(&temporary, to));
    put.map_err(|e| failed("put a file to", to, &e))
}

/// Unpacks `files` into `folder`, unless the folder is there already (then its owner decides what is in it). True when it did.
pub fn unpack(folder: &Path, files: &[(&str, &[u8])]) -> Result<bool> {
    if folder.exists() {
        return Ok(false);
    }
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".unpacking");
    let fresh = folder.with_file_name(name);
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(|e| failed("remove what an interrupted start left in", &fresh, &e))?;
    }
    for (name, bytes) in files {
        write(&fresh.join(name), bytes, Access::Public)?;
    }
    // INVARIANT: the folder appears whole or not at all.
    fs::rename(&fresh, folder).map_err(|e| failed("unpack", folder, &e))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_unpacked_once_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("models/m");
        fs::create_dir_all(dir.path().join("models/m.unpacking")).unwrap();
        assert!(unpack(&folder, &[("a", b"1"), ("b", b"2")]).unwrap());
        fs::write(folder.join("a"), b"changed").unwrap();
        assert!(!unpack(&folder, &[("a", b"1")]).unwrap(), "what is there stays");
        assert_eq!(read(&folder.join("a")).unwrap().as_deref(), Some("changed"));
        assert_eq!(read(&folder.join("c")).unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn private_files_are_private_and_errors_name_the_path() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k/key.pem");
        write(&path, b"x", Access::Private).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let blocked = path.join("below-a-file");
        assert!(writable_folder(&blocked).unwrap_err().to_string().contains("below-a-file"));
    }
}
