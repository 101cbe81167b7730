//! The pictures a run learns from, with their words, in memory; which of them show the same drawing; which are kept out to measure by.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::blake3_of;
use crate::generation::config::ModelFiles;
use crate::generation::draft::COLOURS;
use crate::generation::library::{Library, LibraryEntry};
use crate::generation::pixel::Sizes;
use crate::generation::text::Vocab;
use crate::generation::weights::LoadError;
use crate::id::WorkId;
use colophon_ops::{Matrix, Precision, product};

/// Works nearer than this are one drawing under two names: RMS of 16×16 thumbnails, 0 to 1.
const TWIN: f32 = 0.05;
/// Side of a thumbnail.
const THUMB: usize = 16;
/// A word is learnt when it stands with this many works.
const OFTEN: usize = 2;

/// A work to learn from.
#[derive(Debug, Clone)]
pub struct Item {
    /// How it is found, and what it is called.
    pub entry: LibraryEntry,
    /// side × side × 3 bytes.
    pub rgb: Vec<u8>,
}

/// All works of a run.
#[derive(Debug)]
pub struct Bank {
    /// In the order of their ids.
    pub items: Vec<Item>,
    /// The words.
    pub vocab: Vocab,
    /// Looks works up, held-out ones left out.
    pub library: Library,
    /// Works that are learnt from.
    pub learnt: Vec<usize>,
    /// Works that are kept out.
    pub held_out: Vec<usize>,
    /// For each work, those that show the same drawing.
    twins: Vec<Vec<usize>>,
    places: BTreeMap<WorkId, usize>,
}

/// Whether a work is kept out of a run that keeps `share` of its dataset out: decided by the digest of its id, so anybody can tell.
pub fn is_held_out(work: WorkId, share: f64) -> bool {
    let hash = blake3_of(work.to_string().as_bytes()).0;
    f64::from(u16::from_le_bytes([hash[0], hash[1]])) < share * 65_536.0
}

impl Bank {
    /// From works with pictures of `side`; `held_out` is the share kept out, chosen by the digest of the id. `vocab` is the one of an
    /// earlier run that is gone on with; without it, one is made of the works' words.
    pub fn new(mut items: Vec<Item>, side: usize, held_out: f64, vocab: Option<Vocab>) -> Self {
        items.sort_by_key(|item| item.entry.work);
        let vocab = vocab.unwrap_or_else(|| vocabulary(&items));
        let (held_out, learnt): (Vec<usize>, Vec<usize>) =
            (0..items.len()).partition(|&i| is_held_out(items[i].entry.work, held_out));
        let library = Library::new(learnt.iter().map(|&i| items[i].entry.clone()));
        let places = items.iter().enumerate().map(|(i, item)| (item.entry.work, i)).collect();
        let twins = twins(&items, side);
        Self { items, vocab, library, learnt, held_out, twins, places }
    }

    /// For an adapter: `own` works are learnt, all of them; `others` are drawn on beside them, as they will be later.
    pub fn adapter(own: Vec<Item>, others: Vec<Item>, sizes: &Sizes, files: &ModelFiles) -> Result<Self, LoadError> {
        let mine: BTreeSet<WorkId> = own.iter().map(|item| item.entry.work).collect();
        let items = own.into_iter().chain(others).collect();
        let mut bank = Self::new(items, sizes.side, 0.0, Some(Vocab::read(&files.vocab)?));
        bank.learnt.retain(|&i| mine.contains(&bank.items[i].entry.work));
        Ok(bank)
    }

    /// Where a work stands.
    pub fn place(&self, work: WorkId) -> Option<usize> {
        self.places.get(&work).copied()
    }

    /// Whether two works show the same drawing.
    pub fn same(&self, a: usize, b: usize) -> bool {
        a == b || self.twins[a].contains(&b)
    }
}

/// Pad, null, unknown, “and”, styles, colours, then words by how many works have them.
fn vocabulary(items: &[Item]) -> Vocab {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut styles: Vec<String> = Vec::new();
    for item in items {
        let lists = item.entry.titles.iter().chain(&item.entry.tags);
        let mut own: Vec<&str> = lists.flatten().map(String::as_str).collect();
        own.sort_unstable();
        own.dedup();
        own.into_iter().for_each(|word| *counts.entry(word).or_default() += 1);
        let style = format!("<{}>", item.entry.style);
        if !item.entry.style.is_empty() && !styles.contains(&style) {
            styles.push(style);
        }
    }
    styles.sort_unstable();
    let mut words: Vec<String> = ["<pad>", "<null>", "<unk>", "and"].map(str::to_owned).to_vec();
    words.extend(styles);
    words.extend(COLOURS.map(str::to_owned));
    let mut rest: Vec<(&str, usize)> =
        counts.into_iter().filter(|(word, n)| *n >= OFTEN && !words.iter().any(|known| known == word)).collect();
    rest.sort_by_key(|(word, n)| (usize::MAX - n, *word));
    words.extend(rest.into_iter().map(|(word, _)| word.to_owned()));
    Vocab::new(words)
}

fn twins(items: &[Item], side: usize) -> Vec<Vec<usize>> {
    let size = THUMB * THUMB * 3;
    let thumbs: Vec<f32> = items.iter().flat_map(|item| thumbnail(&item.rgb, side)).collect();
    let squares: Vec<f32> = thumbs.chunks_exact(size).map(|t| t.iter().map(|x| x * x).sum()).collect();
    let mut twins = vec![Vec::new(); items.len()];
    let all = Matrix::new(&thumbs, items.len(), size);
    const ROWS: usize = 256;
    let mut block = vec![0f32; ROWS * items.len()];
    for (n, rows) in thumbs.chunks(ROWS * size).enumerate() {
        let count = rows.len() / size;
        product(&mut block, items.len(), Matrix::new(rows, count, size), all.t(), false, Precision::F32);
        for r in 0..count {
            let a = n * ROWS + r;
            for (b, along) in block[r * items.len()..][..items.len()].iter().enumerate() {
                let distance = ((squares[a] + squares[b] - 2.0 * along).max(0.0) / size as f32).sqrt();
                if a != b && distance < TWIN {
                    twins[a].push(b);
                }
            }
        }
    }
    twins
}

/// Means over a 16×16 grid, 0 to 1.
fn thumbnail(rgb: &[u8], side: usize) -> Vec<f32> {
    let cell = (side / THUMB).max(1);
    let mut numbers = Vec::with_capacity(THUMB * THUMB * 3);
    for at in 0..THUMB * THUMB {
        for channel in 0..3 {
            let pixel = |i: usize| {
                let (y, x) = (at / THUMB * side / THUMB + i / cell, at % THUMB * side / THUMB + i % cell);
                f32::from(rgb[(y.min(side - 1) * side + x.min(side - 1)) * 3 + channel])
            };
            numbers.push((0..cell * cell).map(pixel).sum::<f32>() / (cell * cell) as f32 / 255.0);
        }
    }
    numbers
}
