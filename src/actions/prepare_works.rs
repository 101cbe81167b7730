//! Preparing a collection: drawings of other people's packages are read, rendered, named and written into one folder, ready to be
//! registered. Nothing is registered here. It can be stopped and begun again: what was rendered is kept under the digest of its drawing.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Error, Result};
use crate::digest::{blake3_of, sha256_of};
use crate::generation::text::words;
use crate::provenance::Format;
use crate::provenance::encode::encode_indexed;
use crate::storage::files::{self, Access};
use crate::works::collection::{COLLECTION, LIST, Line, Package};
use crate::works::sources::palette::reduce;
use crate::works::sources::render::{is_line_art, main_colour, render};
use crate::works::sources::{Drawing, Skip, iconify, openclipart};

/// Colours of a prepared picture, at most.
const COLOURS: usize = 64;

/// Where drawings are read from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Unpacked npm packages `@iconify-json/…`.
    pub iconify: Vec<PathBuf>,
    /// `en/data.json` of emojibase-data: what the emoji are called.
    pub labels: Option<PathBuf>,
    /// Folder of the Open Clip Art Library's SVG files.
    pub openclipart: Option<PathBuf>,
    /// The version of the package that folder came from.
    pub openclipart_version: String,
}

/// What was prepared.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// Works in the collection, by set.
    pub sets: BTreeMap<String, usize>,
    /// Drawings passed over, by set and reason.
    pub skipped: BTreeMap<(String, Skip), usize>,
    /// Rendered now; the others were there from before.
    pub rendered: usize,
}

/// A picture's bytes, or why there is none.
type Rendered = std::result::Result<Vec<u8>, Skip>;

struct Candidate {
    drawing: Drawing,
    package: Package,
}

/// Prepares a collection of `side`×`side` pictures in `out`. `progress` hears of drawings done and in all.
pub fn prepare_works(
    sources: &Sources,
    side: u32,
    out: &Path,
    threads: usize,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Prepared> {
    let mut prepared = Prepared::default();
    let candidates = gather(sources, &mut prepared)?;
    let kept = out.join(".rendered");
    files::writable_folder(&kept)?;
    let (next, done, fresh) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || -> Result<Vec<(usize, Rendered)>> {
        let mut mine = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(candidate) = candidates.get(at) else { return Ok(mine) };
            mine.push((at, picture(&candidate.drawing, side, &kept, &fresh)?));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, candidates.len());
        }
    };
    let mut pictures: Vec<(usize, Rendered)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for handle in handles {
            all.extend(handle.join().map_err(|_| Error::internal("rendering broke off: report the set it was at"))??);
        }
        Ok::<_, Error>(all)
    })?;
    pictures.sort_by_key(|(at, _)| *at);
    prepared.rendered = fresh.into_inner();
    write(&candidates, pictures, out, &mut prepared)?;
    Ok(prepared)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|e| Error::invalid("sources", format!("`{}` can't be read: {e}; give an unpacked package", path.display())))
}

fn gather(sources: &Sources, prepared: &mut Prepared) -> Result<Vec<Candidate>> {
    let refused = |e: String| Error::invalid("sources", e);
    let mut labels = match &sources.labels {
        Some(path) => iconify::Labels::read(&read(path)?).map_err(refused)?,
        None if sources.iconify.is_empty() => iconify::Labels::default(),
        None => return Err(refused("icon sets need `--labels`: the file en/data.json of the npm package emojibase-data".into())),
    };
    for folder in &sources.iconify {
        labels.learn(&read(&folder.join("chars.json"))?).map_err(refused)?;
    }
    let mut candidates = Vec::new();
    for folder in &sources.iconify {
        let manifest: serde_json::Value = serde_json::from_slice(&read(&folder.join("package.json"))?)
            .map_err(|e| refused(format!("package.json in `{}` can't be read: {e}", folder.display())))?;
        let field = |name: &str| manifest[name].as_str().unwrap_or_default().to_owned();
        let package = Package { registry: "npm".into(), name: field("name"), version: field("version") };
        let (icons, info, chars) =
            (read(&folder.join("icons.json"))?, read(&folder.join("info.json"))?, read(&folder.join("chars.json"))?);
        let found = iconify::read(iconify::Package { icons: &icons, info: &info, chars: &chars }, &labels).map_err(refused)?;
        for each in found {
            match each {
                Ok(drawing) => candidates.push(Candidate { drawing, package: package.clone() }),
                Err((_, why)) => *prepared.skipped.entry((package.name.clone(), why)).or_default() += 1,
            }
        }
    }
    if let Some(folder) = &sources.openclipart {
        let package =
            Package { registry: "debian".into(), name: "openclipart-svg".into(), version: sources.openclipart_version.clone() };
        let mut paths = Vec::new();
        list_svg(folder, folder, &mut paths)
            .map_err(|e| refused(format!("`{}` can't be read: {e}; give the folder of SVG files", folder.display())))?;
        paths.sort();
        for path in paths {
            let svg = String::from_utf8_lossy(&read(&folder.join(&path))?).into_owned();
            match openclipart::read(&path, &svg) {
                Ok(drawing) => candidates.push(Candidate { drawing, package: package.clone() }),
                Err(why) => *prepared.skipped.entry(("openclipart".into(), why)).or_default() += 1,
            }
        }
    }
    Ok(candidates)
}

fn list_svg(root: &Path, folder: &Path, paths: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            list_svg(root, &path, paths)?;
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "svg") {
            // Links give one drawing a second name; the file itself is found where it lies.
            paths.push(path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned());
        }
    }
    Ok(())
}

/// The picture of a drawing, rendered or from before.
fn picture(drawing: &Drawing, side: u32, kept: &Path, fresh: &AtomicUsize) -> Result<Rendered> {
    let path = kept.join(format!("{}-{side}-{COLOURS}.png", blake3_of(drawing.svg.as_bytes())));
    if let Ok(bytes) = std::fs::read(&path) {
        return Ok(Ok(bytes));
    }
    fresh.fetch_add(1, Ordering::Relaxed);
    // A drawing that breaks the renderer is a drawing that can't be rendered.
    let rendered = std::panic::catch_unwind(|| render(&drawing.svg, side)).unwrap_or(Err(Skip::Unreadable));
    let rgb = match rendered {
        Ok(rgb) if is_line_art(&rgb) && drawing.set == "openclipart" => return Ok(Err(Skip::LineArt)),
        Ok(rgb) => rgb,
        Err(why) => return Ok(Err(why)),
    };
    let reduced = reduce(&rgb, COLOURS);
    let bytes = encode_indexed(&reduced.palette, &reduced.pixels, side, side).map_err(Error::internal)?;
    files::write(&path, &bytes, Access::Public)?;
    Ok(Ok(bytes))
}

fn write(candidates: &[Candidate], pictures: Vec<(usize, Rendered)>, out: &Path, prepared: &mut Prepared) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    let mut list = Vec::new();
    let mut n = 0;
    for (at, picture) in pictures {
        let Candidate { drawing, package } = &candidates[at];
        let bytes = match picture {
            Ok(bytes) if seen.insert((drawing.set.clone(), sha256_of(&bytes))) => bytes,
            Ok(_) => {
                *prepared.skipped.entry((drawing.set.clone(), Skip::Double)).or_default() += 1;
                continue;
            }
            Err(why) => {
                *prepared.skipped.entry((drawing.set.clone(), why)).or_default() += 1;
                continue;
            }
        };
        let line = line(drawing, package, n, &bytes)?;
        archive.start_file(line.picture("png"), stored).and_then(|()| Ok(archive.write_all(&bytes)?)).map_err(Error::internal)?;
        serde_json::to_writer(&mut list, &line).map_err(Error::internal)?;
        list.push(b'\n');
        *prepared.sets.entry(drawing.set.clone()).or_default() += 1;
        n += 1;
    }
    let deflated = stored.compression_method(zip::CompressionMethod::Deflated);
    archive.start_file(LIST, deflated).and_then(|()| Ok(archive.write_all(&list)?)).map_err(Error::internal)?;
    let archive = archive.finish().map_err(Error::internal)?.into_inner();
    Ok(files::write(&out.join(COLLECTION), &archive, Access::Public)?)
}

fn line(drawing: &Drawing, package: &Package, n: usize, bytes: &[u8]) -> Result<Line> {
    let rgb = crate::provenance::encode::decode(bytes, Format::Png, 64 << 20).map_err(Error::internal)?;
    let split = |texts: &[String]| -> Vec<Vec<String>> {
        let mut lists: Vec<Vec<String>> = texts.iter().map(|t| words(t)).filter(|w| !w.is_empty()).collect();
        lists.dedup();
        lists
    };
    Ok(Line {
        n,
        set: drawing.set.clone(),
        item: drawing.item.clone(),
        title: drawing.title.clone(),
        titles: split(&drawing.names),
        tags: split(&drawing.tags),
        colour: main_colour(&rgb.bytes).map(str::to_owned),
        style: drawing.style.clone(),
        category: drawing.category.clone(),
        author: drawing.author.clone(),
        licence: drawing.licence.clone(),
        licence_url: drawing.licence_url.clone(),
        source: drawing.source.clone(),
        package: package.clone(),
        may_flip: drawing.may_flip,
        sha256: sha256_of(bytes),
    })
}
