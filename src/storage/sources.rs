//! Where a list of works and its files lie: a folder, a ZIP archive, or a list by itself. Read piece by piece: nothing here grows with the
//! number of works but the archive's own directory.
//!
//! Names in a list never lead out of the folder or archive: neither by `..` nor by a link.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;

/// A place that works are read from.
#[derive(Debug)]
pub struct Source {
    kind: Kind,
    /// Folder of the list in it: what the list's names are relative to. Ends with a slash unless empty.
    base: String,
}

#[derive(Debug)]
enum Kind {
    Folder(PathBuf),
    Zip(Box<ZipArchive<BufReader<File>>>),
}

/// Names that a list is looked for by when there are several.
const PREFERRED: &[&str] = &["works.csv", "works.jsonl", "croissant.json", "metadata.jsonl", "metadata.csv", "croissant.jsonld"];
/// Bytes of a list in an archive, unpacked.
const LIST_BYTES: u64 = 8 << 30;
/// Endings of files that are works when there is no list.
const PICTURES: &[&str] = &["svg", "png", "jpg", "jpeg", "webp"];

/// Names of files, or why they can't be listed further.
pub type Names = Box<dyn Iterator<Item = Result<String, String>> + Send>;

impl Source {
    /// Opens a folder, an archive (`.zip`) or a list (whose folder is then the place). The name of the list, if that was given.
    pub fn open(path: &Path) -> Result<(Self, Option<String>), String> {
        let shown = path.display();
        let about = fs::metadata(path).map_err(|e| format!("`{shown}` can't be read: {e}"))?;
        if about.is_dir() {
            let root = fs::canonicalize(path).map_err(|e| format!("`{shown}` can't be read: {e}"))?;
            return Ok((Self { kind: Kind::Folder(root), base: String::new() }, None));
        }
        let mut file = File::open(path).map_err(|e| format!("`{shown}` can't be read: {e}"))?;
        let mut head = [0; 4];
        let archive = file.read_exact(&mut head).is_ok() && (head == *b"PK\x03\x04" || head == *b"PK\x05\x06");
        if archive {
            file.seek(SeekFrom::Start(0)).map_err(|e| e.to_string())?;
            let zip = ZipArchive::new(BufReader::new(file))
                .map_err(|e| format!("`{shown}` is no ZIP archive that can be read: {e}"))?;
            return Ok((Self { kind: Kind::Zip(Box::new(zip)), base: String::new() }, None));
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let root = fs::canonicalize(folder).map_err(|e| format!("`{}` can't be read: {e}", folder.display()))?;
        let name = path.file_name().and_then(|n| n.to_str()).ok_or_else(|| format!("`{shown}` has no name in UTF-8"))?;
        Ok((Self { kind: Kind::Folder(root), base: String::new() }, Some(name.to_owned())))
    }

    /// The list in it, at its top or in its one top folder; `is_list` tells by a name. `None`: there is none, and its pictures are the works.
    pub fn find_list(&self, is_list: &dyn Fn(&str) -> bool) -> Result<Option<String>, String> {
        let mut found: Vec<String> = match &self.kind {
            Kind::Folder(root) => {
                let entries = fs::read_dir(root).map_err(|e| format!("`{}` can't be read: {e}", root.display()))?;
                let names = entries
                    .filter_map(|e| e.ok().filter(|e| e.path().is_file()))
                    .filter_map(|e| e.file_name().into_string().ok());
                names.filter(|n| is_list(n)).collect()
            }
            Kind::Zip(zip) => {
                let hidden = |n: &str| n.starts_with("__MACOSX/") || n.rsplit('/').next().is_some_and(|f| f.starts_with('.'));
                zip.file_names().filter(|n| is_list(n) && !hidden(n) && n.matches('/').count() <= 1).map(str::to_owned).collect()
            }
        };
        found.sort_by_key(|n| (n.matches('/').count(), n.clone()));
        let last = |name: &String| name.rsplit('/').next().unwrap_or_default().to_lowercase();
        let preferred = PREFERRED.iter().find_map(|p| found.iter().find(|n| last(n) == *p)).cloned();
        match (preferred, found.as_slice()) {
            (Some(name), _) => Ok(Some(name)),
            (None, []) => Ok(None),
            (None, [one]) => Ok(Some(one.clone())),
            (None, many) => Err(format!("there are several lists ({}): name the one that is meant", many.join(", "))),
        }
    }

    /// Makes names relative to the folder of this list.
    pub fn base_on(&mut self, list: &str) {
        self.base = list.rfind('/').map_or(String::new(), |at| list[..=at].to_owned());
    }

    /// A file as a stream that lives by itself: an archive's is unpacked beside first.
    pub fn stream(&mut self, name: &str) -> Result<Box<dyn Read + Send>, String> {
        match &mut self.kind {
            Kind::Folder(root) => {
                let path = inside(root, name)?;
                File::open(path).map(|f| Box::new(f) as _).map_err(|e| format!("`{name}` can't be read: {e}"))
            }
            Kind::Zip(zip) => {
                let entry = zip.by_name(name).map_err(|e| format!("`{name}` can't be read: {e}"))?;
                // An archive of a few bytes may unpack to more than any disk holds.
                if entry.size() > LIST_BYTES {
                    return Err(format!("`{name}` unpacks to more than {} GiB: send it in parts", LIST_BYTES >> 30));
                }
                let mut unpacked = tempfile::tempfile().map_err(|e| format!("no room to unpack `{name}`: {e}"))?;
                io::copy(&mut entry.take(LIST_BYTES), &mut unpacked)
                    .and_then(|_| unpacked.seek(SeekFrom::Start(0)))
                    .map_err(|e| format!("`{name}` can't be unpacked: {e}"))?;
                Ok(Box::new(unpacked))
            }
        }
    }

    /// A file's bytes, at most `most`; the name is as the list says it.
    pub fn bytes(&mut self, name: &str, most: u64) -> Result<Vec<u8>, String> {
        let name = format!("{}{}", self.base, name.strip_prefix("./").unwrap_or(name));
        let missing = |e: &dyn std::fmt::Display| format!("the file can't be read: {e}");
        let mut bytes = Vec::new();
        match &mut self.kind {
            Kind::Folder(root) => {
                File::open(inside(root, &name)?)
                    .and_then(|f| f.take(most + 1).read_to_end(&mut bytes))
                    .map_err(|e| missing(&e))?;
            }
            Kind::Zip(zip) => {
                let entry = zip.by_name(&name).map_err(|e| missing(&e))?;
                entry.take(most + 1).read_to_end(&mut bytes).map_err(|e| missing(&e))?;
            }
        }
        if bytes.len() as u64 > most {
            return Err(format!("the file has more than {} MiB: register it by its hash", most >> 20));
        }
        Ok(bytes)
    }

    /// The names of all pictures, in a fixed order.
    pub fn pictures(&self) -> Names {
        let wanted = |name: &str| {
            let ending = name.rsplit_once('.').map(|(_, e)| e.to_lowercase());
            ending.is_some_and(|e| PICTURES.contains(&e.as_str())) && !name.starts_with("__MACOSX/")
        };
        match &self.kind {
            Kind::Zip(zip) => {
                let mut names: Vec<String> = zip.file_names().filter(|n| wanted(n)).map(str::to_owned).collect();
                names.sort_unstable();
                Box::new(names.into_iter().map(Ok))
            }
            Kind::Folder(root) => {
                let walk = Walk { root: root.clone(), open: vec![vec![String::new()]] };
                Box::new(walk.filter(move |name| name.as_ref().map_or(true, |n| wanted(n))))
            }
        }
    }
}

/// `name` below `root`, links followed: refused when that leads out.
fn inside(root: &Path, name: &str) -> Result<PathBuf, String> {
    let relative = Path::new(name);
    if name.contains('\0') || relative.components().any(|c| !matches!(c, Component::Normal(_) | Component::CurDir)) {
        return Err(format!("`{name}` leads out of the folder: name files below it"));
    }
    let path = fs::canonicalize(root.join(relative)).map_err(|e| format!("the file can't be read: {e}"))?;
    if path.starts_with(root) { Ok(path) } else { Err(format!("`{name}` is a link that leads out of the folder")) }
}

/// The files of a folder, depth first, each folder in the order of its names: holds the folders on the way and no more.
struct Walk {
    root: PathBuf,
    /// Names still to be looked at, the next one last.
    open: Vec<Vec<String>>,
}

impl Iterator for Walk {
    type Item = Result<String, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let level = self.open.last_mut()?;
            let Some(name) = level.pop() else {
                self.open.pop();
                continue;
            };
            let path = self.root.join(&name);
            // Linked folders are not entered, so that no circle is walked; linked files are second names, which the report says.
            let is_folder = name.is_empty() || fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir());
            if !is_folder {
                if fs::metadata(&path).is_ok_and(|m| m.is_file()) {
                    return Some(Ok(name));
                }
                continue;
            }
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(e) => return Some(Err(format!("the folder `{name}` can't be read: {e}"))),
            };
            let mut names: Vec<String> = entries
                .filter_map(|e| e.ok()?.file_name().into_string().ok())
                .filter(|n| !n.starts_with('.'))
                .map(|n| if name.is_empty() { n } else { format!("{name}/{n}") })
                .collect();
            names.sort_unstable_by(|a, b| b.cmp(a));
            self.open.push(names);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn names_never_lead_out() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("set");
        fs::create_dir_all(root.join("a")).unwrap();
        fs::write(root.join("a/in.png"), b"in").unwrap();
        fs::write(dir.path().join("secret.png"), b"out").unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(dir.path().join("secret.png"), root.join("link.png")).unwrap();
            std::os::unix::fs::symlink("a/in.png", root.join("second.png")).unwrap();
            std::os::unix::fs::symlink("..", root.join("circle")).unwrap();
        }
        let (mut source, list) = Source::open(&root).unwrap();
        assert_eq!(list, None);
        assert_eq!(source.bytes("a/in.png", 10).unwrap(), b"in");
        assert_eq!(source.bytes("./a/in.png", 10).unwrap(), b"in");
        for name in ["../secret.png", "/etc/passwd", "a/../../secret.png", "link.png", "circle/secret.png", "a\0", "none.png"] {
            assert!(source.bytes(name, 10).is_err(), "{name}");
        }
        assert!(source.bytes("a/in.png", 1).unwrap_err().contains("more than"));
        let names: Vec<_> = source.pictures().map(Result::unwrap).collect();
        assert_eq!(names, ["a/in.png", "link.png", "second.png"]);
    }

    #[test]
    fn a_list_is_found_in_an_archive_with_a_top_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.zip");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        for (name, bytes) in
            [("set/works.csv", "file\nb.png\n"), ("set/b.png", "b"), ("__MACOSX/set/._works.csv", "x"), ("set/other.csv", "x")]
        {
            zip.start_file(name, options).unwrap();
            zip.write_all(bytes.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        let (mut source, _) = Source::open(&path).unwrap();
        let list = source.find_list(&|n| n.ends_with(".csv")).unwrap().unwrap();
        assert_eq!(list, "set/works.csv");
        source.base_on(&list);
        let mut text = String::new();
        source.stream(&list).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), source.bytes("b.png", 10).unwrap()), ("file\nb.png\n", b"b".to_vec()));
        assert_eq!(source.pictures().map(Result::unwrap).collect::<Vec<_>>(), ["set/b.png"]);
        fs::write(dir.path().join("not.zip"), b"PK\x03\x04 broken").unwrap();
        assert!(Source::open(&dir.path().join("not.zip")).unwrap_err().contains("no ZIP archive"));
        assert!(Source::open(&dir.path().join("none")).is_err());
    }
}
