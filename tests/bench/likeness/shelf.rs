//! The shipped works: their pictures, what is kept of each, and an index over all of them.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};
use std::path::Path;

use colophon::actions::fingerprint::{Seen, fingerprints_of};
use colophon::embedded::MODEL_FILES;
use colophon::generation::LibraryEntry;
use colophon::generation::train::is_held_out;
use colophon::id::WorkId;
use colophon::likeness::{Fingerprints, Index, Likeness, PROPOSED, Query, Subject, View};
use colophon::provenance::encode::Rgb;
use colophon::works::collection::{LIST, Line};
use image::{ImageFormat, RgbImage, imageops};

use crate::in_two;

/// Sides of the works' pictures.
pub const SIDE: usize = 128;
/// Share of the works that the network has not learnt from: `models/likeness/train.toml`.
const HELD_OUT: f64 = 0.2;
/// Pairs in a row of a sheet.
const PAIRS: u32 = 8;

/// A shipped work.
pub struct Work {
    pub id: WorkId,
    pub title: String,
    pub author: String,
    pub licence: String,
    /// Whether the network has not learnt from it.
    pub held_out: bool,
    pub entry: LibraryEntry,
    pub picture: RgbImage,
    pub prints: Fingerprints,
    pub view: View,
}

/// All of them.
pub struct Shelf {
    pub works: Vec<Work>,
    pub index: Index,
    places: HashMap<Subject, usize>,
}

impl Shelf {
    /// Reads them from the program, with what would be kept of them on registering.
    pub fn open() -> Self {
        let (_, bytes) = MODEL_FILES.iter().find(|(name, _)| *name == "works.zip").unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(*bytes)).unwrap();
        let mut list = String::new();
        archive.by_name(LIST).unwrap().read_to_string(&mut list).unwrap();
        let mut files: Vec<(Line, Vec<u8>)> = Vec::new();
        for line in list.lines() {
            let line: Line = serde_json::from_str(line).unwrap();
            let mut bytes = Vec::new();
            archive.by_name(&line.picture("png")).unwrap().read_to_end(&mut bytes).unwrap();
            files.push((line, bytes));
        }
        let works = in_two(&files, |(line, bytes)| work(line, bytes));
        let mut index = Index::default();
        works.iter().for_each(|work| index.add(Subject::Work(work.id), &work.prints));
        let places = works.iter().enumerate().map(|(at, work)| (Subject::Work(work.id), at)).collect();
        Self { works, index, places }
    }

    /// Where a work stands.
    pub fn place(&self, subject: Subject) -> usize {
        self.places[&subject]
    }

    /// At most `most` places, evenly chosen.
    pub fn some(&self, most: usize) -> Vec<usize> {
        let count = most.clamp(1, self.works.len());
        (0..count).map(|n| n * self.works.len() / count).collect()
    }

    /// Works that a picture may be like, with their views.
    pub fn candidates(&self, query: &Query) -> Vec<(Subject, View)> {
        let proposed = self.index.proposed_works(&query.descriptors, PROPOSED);
        proposed.into_iter().map(|subject| (subject, self.works[self.place(subject)].view.clone())).collect()
    }

    /// Works that a picture is like.
    pub fn look(&self, picture: &RgbImage, least: f32) -> Vec<(Subject, Likeness)> {
        let query = seen(picture).query();
        query.rank(&self.candidates(&query), least)
    }
}

fn work(line: &Line, bytes: &[u8]) -> Work {
    let (prints, view) = fingerprints_of(bytes).unwrap();
    let picture = image::load_from_memory_with_format(bytes, ImageFormat::Png).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (SIDE as u32, SIDE as u32), "{}", line.title);
    let (id, line) = (line.work(), line.clone());
    let entry = LibraryEntry { work: id, titles: line.titles, tags: line.tags, colour: line.colour, style: line.style };
    Work {
        id,
        title: line.title,
        author: line.author,
        licence: line.licence,
        held_out: is_held_out(id, HELD_OUT),
        entry,
        picture,
        prints,
        view,
    }
}

/// Looks at a picture as the service does.
pub fn seen(picture: &RgbImage) -> Seen {
    let (width, height) = picture.dimensions();
    Seen::of(&Rgb { width, height, bytes: picture.as_raw().clone() }).unwrap()
}

/// Pairs of pictures side by side, on one sheet.
pub fn sheet(path: &Path, pairs: &[(&RgbImage, &RgbImage)]) {
    let (cell, gap) = (SIDE as u32, 8);
    let high = (pairs.len() as u32).div_ceil(PAIRS).max(1);
    let mut sheet = RgbImage::from_pixel(PAIRS * (2 * cell + gap), high * (cell + gap), image::Rgb([128; 3]));
    for (n, (left, right)) in (0u32..).zip(pairs) {
        let (x, y) = (i64::from(n % PAIRS * (2 * cell + gap)), i64::from(n / PAIRS * (cell + gap)));
        imageops::replace(&mut sheet, *left, x, y);
        imageops::replace(&mut sheet, *right, x + i64::from(cell), y);
    }
    sheet.save_with_format(path, ImageFormat::Png).unwrap();
}
