//! Looking by picture: which registered works and which images a picture is like, all of them asked. The index is read from the database
//! once and kept up before every look, so that what another process committed is seen.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;
use tokio::sync::{Mutex, Semaphore};

use super::fingerprint::{Seen, WEIGHTS, make_a_few, make_fingerprints};
use super::finish_image::NEAREST;
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::digest::{Blake3, Sha256Hash};
use crate::id::{ImageId, WorkId};
use crate::likeness::{Fingerprints, Index, Likeness, MATCH, METHOD, NEAR, PROPOSED, Query, Subject, View};
use crate::provenance::{Thumbnail, thumbnail_rms};
use crate::storage::{self, Tx};

/// Rows that are read at once.
const ROWS: u32 = 20_000;

/// The index, and how far it was read.
#[derive(Debug, Default)]
pub(super) struct Eye {
    /// Held while missing fingerprints are made: once for all who wait for them.
    pub(super) making: Mutex<()>,
    /// Held while the index is brought up to date.
    reading: Mutex<()>,
    /// Pictures of strangers that are looked at together: each may take some hundred megabytes.
    open: Places,
    index: RwLock<(Index, i64)>,
}

/// Places to look from.
#[derive(Debug)]
struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from))))
    }
}

/// Runs `look` on a thread that may block, when there is a place: no more of them at once than there are processors.
pub async fn in_turn<T: Send + 'static>(instance: &Instance, look: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let place = Arc::clone(&instance.eye.open.0).acquire_owned().await.map_err(Error::internal)?;
    let looked = move || {
        let _place = place;
        look()
    };
    tokio::task::spawn_blocking(looked).await.map_err(Error::internal)
}

/// A subject that a picture is like.
#[derive(Debug, Clone, PartialEq)]
pub struct Alike {
    /// Which.
    pub subject: Subject,
    /// How, and where.
    pub likeness: Likeness,
}

/// What is looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// All registered works.
    Works,
    /// All images.
    Images,
}

/// What was compared with what, and how: goes into the record of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndexFacts {
    /// Name of the method.
    pub method: &'static str,
    /// SHA-256 of the weights of the network that proposes.
    pub weights_sha256: Sha256Hash,
    /// Works that were compared.
    pub works: u64,
    /// Images in the index.
    pub images: u64,
    /// BLAKE3 over id and fingerprints of every work, in the order of their ids.
    pub digest: Blake3,
}

/// Brings the index up to date with the database.
pub(super) async fn keep_up(instance: &Instance) -> Result<()> {
    let _one_at_a_time = instance.eye.reading.lock().await;
    let mut tx = instance.store.read().await?;
    loop {
        let read_to = instance.eye.index.read().unwrap_or_else(PoisonError::into_inner).1;
        let rows = storage::fingerprints::after(&mut tx, read_to, ROWS).await?;
        let whole = rows.len() == ROWS as usize;
        if !rows.is_empty() {
            let mut kept = instance.eye.index.write().unwrap_or_else(PoisonError::into_inner);
            for (seq, subject, fingerprints) in rows {
                kept.1 = seq;
                if let Some(fingerprints) = fingerprints {
                    kept.0.add(subject, &fingerprints);
                }
            }
        }
        if !whole {
            return Ok(());
        }
    }
}

/// Looks something up in the index, on a thread that may block.
pub async fn in_index<T: Send + 'static>(instance: &Instance, ask: impl FnOnce(&Index) -> T + Send + 'static) -> Result<T> {
    let instance = instance.clone();
    let asked = move || ask(&instance.eye.index.read().unwrap_or_else(PoisonError::into_inner).0);
    tokio::task::spawn_blocking(asked).await.map_err(Error::internal)
}

/// What pictures are compared with at this moment.
pub async fn index_facts(instance: &Instance) -> Result<IndexFacts> {
    keep_up(instance).await?;
    in_index(instance, facts).await
}

fn facts(index: &Index) -> IndexFacts {
    let (works, images) = (index.works() as u64, index.images() as u64);
    IndexFacts { method: METHOD, weights_sha256: *WEIGHTS, works, images, digest: index.digest() }
}

/// Subjects that a picture is like, the likest first: see [`Query::rank`].
pub async fn alike(instance: &Instance, query: &Arc<Query>, among: Among, least: f32) -> Result<Vec<Alike>> {
    make_a_few(instance).await?;
    keep_up(instance).await?;
    let views = proposed(instance, query, among).await?;
    compared(Arc::clone(query), views, least).await
}

/// The candidates with their views.
async fn proposed(instance: &Instance, query: &Arc<Query>, among: Among) -> Result<Vec<(Subject, View)>> {
    let asked = Arc::clone(query);
    let candidates = in_index(instance, move |index| match among {
        Among::Works => index.proposed_works(&asked.descriptors, PROPOSED),
        Among::Images => index.proposed_images(&asked.descriptors, PROPOSED),
    });
    let candidates = candidates.await?;
    Ok(storage::fingerprints::views(&mut instance.store.read().await?, &candidates).await?)
}

async fn compared(query: Arc<Query>, views: Vec<(Subject, View)>, least: f32) -> Result<Vec<Alike>> {
    let found = tokio::task::spawn_blocking(move || query.rank(&views, least)).await.map_err(Error::internal)?;
    Ok(found.into_iter().map(|(subject, likeness)| Alike { subject, likeness }).collect())
}

/// What a finished picture is near to among all registered works, revoked or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Near {
    /// The work whose thumbnail is nearest, with the distance, 0 to 1; none where there is no work.
    pub nearest: Option<(WorkId, f64)>,
    /// Works that it matches, the likest first.
    pub alike: Vec<AlikeWork>,
    /// What it was compared with.
    pub index: IndexFacts,
    /// Works whose files can't be fetched at the moment.
    pub not_compared: u64,
    /// How far the index was read.
    read_to: i64,
}

/// A work that a picture matches.
#[derive(Debug, Clone, PartialEq)]
pub struct AlikeWork {
    /// The work.
    pub work: WorkId,
    /// How, and where.
    pub likeness: Likeness,
    /// RMS distance of the 16×16 thumbnails, 0 to 1.
    pub distance: f64,
}

impl Near {
    /// The work that the picture shows, whole or nearly so, with the distance of their thumbnails.
    pub fn shown(&self) -> Option<(WorkId, f64)> {
        let alike = self.alike.first().filter(|alike| alike.likeness.score >= NEAR).map(|alike| (alike.work, alike.distance));
        alike.or(self.nearest.filter(|(_, distance)| *distance < NEAREST))
    }
}

/// Compares a picture with all registered works: what is missing in the index is made first.
pub async fn near_works(instance: &Instance, seen: &Seen) -> Result<Near> {
    make_fingerprints(instance).await?;
    let mut tx = instance.store.read().await?;
    let not_compared = storage::fingerprints::due(&mut tx, storage::fingerprints::BEFORE_WORKS, ROWS).await?.len() as u64;
    drop(tx);
    keep_up(instance).await?;
    let read_to = instance.eye.index.read().unwrap_or_else(PoisonError::into_inner).1;
    let query = Arc::new(seen.query());
    let views = proposed(instance, &query, Among::Works).await?;
    let own = thumbnail(seen.view());
    let work = |subject: &Subject| match subject {
        Subject::Work(id) => Some(*id),
        Subject::Image(_) => None,
    };
    let distances: HashMap<WorkId, f64> =
        views.iter().filter_map(|(subject, view)| Some((work(subject)?, thumbnail_rms(&own, &thumbnail(view))))).collect();
    let nearest = distances.iter().map(|(work, distance)| (*work, *distance));
    let nearest = nearest.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let found = compared(query, views, MATCH).await?;
    let alike = found.into_iter().filter_map(|alike| {
        let work = work(&alike.subject)?;
        Some(AlikeWork { work, likeness: alike.likeness, distance: distances.get(&work).copied()? })
    });
    let alike = alike.collect();
    Ok(Near { nearest, alike, index: in_index(instance, facts).await?, not_compared, read_to })
}

/// Most works that may have come while a picture was signed; it is begun again where more did.
const MEANWHILE: u32 = 200;

/// Whether a work that came after the comparison is too near to the picture: asked in the transaction that records it, which then lets no
/// other come before it is committed.
pub(super) async fn came_meanwhile(tx: &mut Tx, seen: &Seen, near: &Near) -> Result<bool> {
    tx.lock(storage::Lock::Fingerprints).await?;
    let rows = storage::fingerprints::after(tx, near.read_to, MEANWHILE).await?;
    let whole = rows.len() == MEANWHILE as usize;
    let works: Vec<Subject> =
        rows.into_iter().map(|(_, subject, _)| subject).filter(|subject| matches!(subject, Subject::Work(_))).collect();
    if works.is_empty() || whole {
        return Ok(whole);
    }
    let views = storage::fingerprints::views(tx, &works).await?;
    let query = seen.query();
    Ok(tokio::task::block_in_place(|| !query.rank(&views, NEAR).is_empty()))
}

/// Two by two cells of a view are one of a thumbnail.
fn thumbnail(view: &View) -> Thumbnail {
    const ROW: usize = crate::likeness::VIEW_SIDE * 3;
    let mut cells = [0; 16 * 16 * 3];
    for (i, cell) in cells.iter_mut().enumerate() {
        let (x, y, c) = (i / 3 % 16, i / 48, i % 3);
        let at = |dx: usize, dy: usize| u16::from(view.bytes()[(2 * y + dy) * ROW + (2 * x + dx) * 3 + c]);
        *cell = ((at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4) as u8;
    }
    Thumbnail(cells)
}

/// Whether a search may show a subject: an image always, a work only while a licence on it is in force and nobody disputes it, or to
/// whoever registered it, or an operator.
pub async fn shown(instance: &Instance, tx: &mut Tx, subject: Subject, actor: Option<&Actor>) -> Result<bool> {
    let Subject::Work(id) = subject else { return Ok(true) };
    let Some(record) = storage::works::find(tx, id).await? else { return Ok(false) };
    if actor.is_some_and(|actor| actor.name == record.work.registered_by || actor.may(Scope::Operate)) {
        return Ok(true);
    }
    let now = instance.clock.now();
    let open = storage::terms::of(tx, id).await?.disputed.is_none();
    Ok(open && storage::works::grants(tx, id).await?.iter().any(|grant| grant.in_force(now)))
}

/// What is kept of a registered picture, as a query.
async fn kept_query(instance: &Instance, subject: Subject) -> Result<Option<Query>> {
    let kept: Option<Fingerprints> = in_index(instance, move |index| index.of(subject)).await?;
    let view = storage::fingerprints::views(&mut instance.store.read().await?, &[subject]).await?.pop();
    Ok(kept.zip(view).map(|(kept, (_, view))| Query::kept(&view, kept.descriptor)))
}

/// Images that are like a registered work, the likest first.
pub async fn images_like(instance: &Instance, work: WorkId) -> Result<Vec<(ImageId, Likeness)>> {
    keep_up(instance).await?;
    let Some(query) = kept_query(instance, Subject::Work(work)).await? else { return Ok(Vec::new()) };
    let found = alike(instance, &Arc::new(query), Among::Images, MATCH).await?;
    let image = |alike: Alike| match alike.subject {
        Subject::Image(id) => Some((id, alike.likeness)),
        Subject::Work(_) => None,
    };
    Ok(found.into_iter().filter_map(image).collect())
}
