//! What pictures are found by, made: of a picture at hand, and of works and images that have none yet.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use super::choose_works::file_here;
use super::{Error, Instance, Result};
use crate::digest::{Sha256Hash, sha256_of};
use crate::embedded::{LIKENESS_KNOWN, LIKENESS_WEIGHTS};
use crate::generation::ModelFile;
use crate::generation::embedding::{Embedder, SIDE};
use crate::likeness::{Descriptor, Fingerprints, Looked, Query, Subject, View};
use crate::provenance::Format;
use crate::provenance::encode::{Rgb, decode};
use crate::provenance::reading::read_picture;
use crate::storage;
use crate::works::metadata::is_svg;
use crate::works::sources::render::render_into;

/// Pictures whose fingerprints are made in one transaction.
const AT_ONCE: u32 = 500;
/// Bytes of files that are held together.
const BYTES_AT_ONCE: usize = 64 << 20;
/// Pictures whose fingerprints a look makes itself.
const A_FEW: u32 = 64;
/// Room for decoding one.
const DECODE_BYTES: u64 = 256 << 20;
/// Drawings are rendered in this size.
const DRAWN_SIDE: u32 = 256;
/// Bytes of a known descriptor: the beginning of the file's SHA-256, then the descriptor.
const KNOWN: usize = 16 + 64;

/// The network, read once.
static EMBEDDER: LazyLock<std::result::Result<Embedder, String>> = LazyLock::new(|| {
    let file =
        ModelFile { name: "models/likeness/weights.safetensors".to_owned(), bytes: LIKENESS_WEIGHTS.to_vec(), sha256: None };
    Embedder::read(&file).map_err(|e| e.to_string())
});

/// Descriptors of the shipped works, by the beginning of their SHA-256: so that a first start need not make thousands.
static KNOWN_DESCRIPTORS: LazyLock<HashMap<[u8; 16], Descriptor>> = LazyLock::new(|| {
    let rows = LIKENESS_KNOWN.as_chunks::<KNOWN>().0.iter();
    rows.map(|row| (std::array::from_fn(|i| row[i]), std::array::from_fn(|i| row[16 + i].cast_signed()))).collect()
});

/// SHA-256 of the network's weights: part of the method's name.
pub static WEIGHTS: LazyLock<Sha256Hash> = LazyLock::new(|| sha256_of(LIKENESS_WEIGHTS));

/// A picture looked at: what is kept of it, and how it is looked for.
#[derive(Debug)]
pub struct Seen {
    looked: Looked,
    descriptors: Vec<Descriptor>,
}

impl Seen {
    /// Looks at a picture. Costs some tens of milliseconds: wants a thread that may block.
    pub fn of(rgb: &Rgb) -> Result<Self> {
        let looked = Looked::at(&rgb.bytes, rgb.width, rgb.height, SIDE).map_err(Error::internal)?;
        let embedder = EMBEDDER.as_ref().map_err(Error::internal)?;
        let describe = |face: &crate::likeness::query::Face| embedder.describe(&face.small).map_err(Error::internal);
        let descriptors = looked.faces.iter().map(describe).collect::<Result<_>>()?;
        Ok(Self { looked, descriptors })
    }

    /// What is kept.
    pub fn fingerprints(&self) -> Fingerprints {
        self.looked.fingerprints(self.descriptors[0])
    }

    /// The picture in 32×32 cells.
    pub fn view(&self) -> &View {
        self.looked.view()
    }

    /// What is looked for.
    pub fn query(&self) -> Query {
        Query::new(&self.looked, self.descriptors.clone())
    }
}

/// The pixels of a registered file: a drawing is rendered, anything else decoded, upright, on white.
fn pixels(bytes: &[u8]) -> std::result::Result<Rgb, String> {
    if is_svg(bytes) {
        let square = render_into(&String::from_utf8_lossy(bytes), DRAWN_SIDE).map_err(|e| e.reason().to_owned())?;
        return Ok(Rgb { width: DRAWN_SIDE, height: DRAWN_SIDE, bytes: square });
    }
    // What a person may not hand in may be registered: 16 bits, for one.
    match read_picture(bytes) {
        Ok(reading) => Ok(reading.rgb),
        Err(refused) => {
            let format = Format::sniff(bytes).ok_or_else(|| refused.to_string())?;
            decode(bytes, format, DECODE_BYTES).map_err(|e| e.to_string())
        }
    }
}

/// What is kept of a file, with its view.
pub fn fingerprints_of(bytes: &[u8]) -> Result<(Fingerprints, View)> {
    let rgb = pixels(bytes).map_err(Error::internal)?;
    let hash = sha256_of(bytes);
    if let Some(&descriptor) = hash.0.first_chunk::<16>().and_then(|key| KNOWN_DESCRIPTORS.get(key)) {
        let looked = Looked::at(&rgb.bytes, rgb.width, rgb.height, SIDE).map_err(Error::internal)?;
        return Ok((looked.fingerprints(descriptor), looked.view().clone()));
    }
    let seen = Seen::of(&rgb)?;
    Ok((seen.fingerprints(), seen.view().clone()))
}

/// What the network says of every work that is kept here, as it is shipped: rows of the
/// beginning of the file's SHA-256 and the descriptor, in the order of the hashes.
pub async fn known_rows(instance: &Instance) -> Result<Vec<Vec<u8>>> {
    let mut tx = instance.store.read().await?;
    let mut rows = Vec::new();
    for record in storage::works::all_held(&mut tx).await? {
        let bytes = file_of(instance, &mut tx, Subject::Work(record.work.id)).await?;
        let row = tokio::task::spawn_blocking(move || known_row(&bytes));
        rows.push(row.await.map_err(Error::internal)??);
    }
    rows.sort_unstable();
    Ok(rows)
}

fn known_row(bytes: &[u8]) -> Result<Vec<u8>> {
    let seen = Seen::of(&pixels(bytes).map_err(Error::internal)?)?;
    let mut row = sha256_of(bytes).0[..16].to_vec();
    row.extend(seen.descriptors[0].iter().map(|x| x.cast_unsigned()));
    Ok(row)
}

/// Makes all fingerprints that are missing. How many. What can't be fetched at the moment stays due.
pub async fn make_fingerprints(instance: &Instance) -> Result<u64> {
    let _one_at_a_time = instance.eye.making.lock().await;
    let (mut made, mut after) = (0, String::new());
    while let Some((more, last)) = make(instance, &after, AT_ONCE).await? {
        (made, after) = (made + more, last);
    }
    Ok(made)
}

/// Makes a few, where nobody is at it: so that a look sees what came a moment ago, and need not wait for an import of thousands.
pub(super) async fn make_a_few(instance: &Instance) -> Result<()> {
    if let Ok(_one_at_a_time) = instance.eye.making.try_lock() {
        // Images have theirs from the moment they are recorded.
        make(instance, storage::fingerprints::BEFORE_WORKS, A_FEW).await?;
    }
    Ok(())
}

/// Makes some of those that are due, after an id; how many, and the last id. None where there are no more.
async fn make(instance: &Instance, after: &str, most: u32) -> Result<Option<(u64, String)>> {
    let mut tx = instance.store.read().await?;
    let due = storage::fingerprints::due(&mut tx, after, most).await?;
    if due.is_empty() {
        return Ok(None);
    }
    let (mut files, mut bytes, mut last) = (Vec::with_capacity(due.len()), 0, String::new());
    for subject in due {
        if bytes > BYTES_AT_ONCE {
            break;
        }
        last = subject.to_string();
        match file_of(instance, &mut tx, subject).await {
            Ok(file) => {
                bytes += file.len();
                files.push((subject, file));
            }
            Err(e) => tracing::warn!(%subject, problem = %e, "no fingerprints yet: the file can't be fetched"),
        }
    }
    drop(tx);
    let all = made_of(files).await?;
    if !all.is_empty() {
        let mut tx = instance.store.begin().await?;
        storage::fingerprints::insert(&mut tx, &all).await?;
        tx.commit().await?;
    }
    Ok(Some((all.len() as u64, last)))
}

type Made = (Subject, Option<(Fingerprints, View)>);

/// On as many threads as there are. A picture that can't be read is a matter for `colophon doctor`, and like nothing.
async fn made_of(files: Vec<(Subject, Vec<u8>)>) -> Result<Vec<Made>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let each = files.len().div_ceil(threads).max(1);
    let mut files = files.into_iter();
    let parts: Vec<Vec<_>> =
        std::iter::from_fn(|| Some(files.by_ref().take(each).collect::<Vec<_>>()).filter(|p| !p.is_empty())).collect();
    let look = |part: Vec<(Subject, Vec<u8>)>| {
        tokio::task::spawn_blocking(move || {
            // A file that a decoder stumbles over is one that can't be read, and must not keep all others from being looked at.
            let look = |file: &[u8]| {
                catch_unwind(AssertUnwindSafe(|| fingerprints_of(file)))
                    .unwrap_or_else(|_| Err(Error::internal("its decoder broke")))
            };
            let one = |(subject, file): (Subject, Vec<u8>)| match look(&file) {
                Ok(found) => (subject, Some(found)),
                Err(e) => {
                    tracing::warn!(%subject, problem = %e, "no fingerprints: the picture can't be read");
                    (subject, None)
                }
            };
            part.into_iter().map(one).collect::<Vec<Made>>()
        })
    };
    let mut all = Vec::new();
    for part in parts.into_iter().map(look).collect::<Vec<_>>() {
        all.extend(part.await.map_err(Error::internal)?);
    }
    Ok(all)
}

async fn file_of(instance: &Instance, tx: &mut storage::Tx, subject: Subject) -> Result<Vec<u8>> {
    let gone = || Error::internal("no bytes are on record");
    match subject {
        Subject::Work(id) => {
            let record = storage::works::find(tx, id).await?.ok_or_else(|| Error::not_found("work", id))?;
            file_here(instance, tx, &record.work).await?.ok_or_else(gone)
        }
        Subject::Image(id) => {
            let record = storage::images::find(tx, id).await?.ok_or_else(|| Error::not_found("image", id))?;
            let blob = storage::blobs::find(tx, record.image.digest.blake3).await?.ok_or_else(gone)?;
            Ok(instance.blobs.get(&blob).await?)
        }
    }
}
