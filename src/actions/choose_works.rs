//! Choosing the works a picture draws on: those whose words meet the prompt and whose terms, at this moment, allow it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::request_image::Order;
use super::{Error, Instance, Result};
use crate::clock::Timestamp;
use crate::generation::draft::parts;
use crate::generation::{Library, LibraryEntry, Reference};
use crate::id::WorkId;
use crate::policy::{Outcome, Use};
use crate::provenance::encode::{Rgb, decode, fit};
use crate::provenance::{Format, container::outline};
use crate::storage::works::WorkRecord;
use crate::storage::{self, Tx};
use crate::works::sources::render::render_into;
use crate::works::{Grant, Terms, Usage, Work};

/// The retrieval index and the terms of its works, with how far in the log it has read.
pub(super) struct Shelf {
    library: Library,
    terms: HashMap<WorkId, Terms>,
    seq: i64,
}

/// Statements read once more each time where transactions don't commit in order.
const OVERLAP: i64 = 256;

/// A work that was chosen.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The work.
    pub work: Work,
    /// The grant it is drawn on under.
    pub grant: Grant,
    /// Its picture at the model's size, RGB.
    pub rgb: Arc<[u8]>,
    /// The prompt's words it was found by.
    pub words: Vec<String>,
    /// The part of the prompt it was looked up for.
    pub part: usize,
}

impl Chosen {
    /// As the engine takes it.
    pub fn reference(&self) -> Reference {
        Reference { work: self.work.id, rgb: Arc::clone(&self.rgb), part: self.part, colour: self.work.colour.clone() }
    }
}

/// Room for decoding one registered picture.
const DECODE_BYTES: u64 = 256 << 20;

/// What a picture for `use_` needs to be allowed to do with a work.
pub const fn usage_for(use_: Use) -> Usage {
    match use_ {
        Use::Personal | Use::Education | Use::News => Usage::Generate,
        Use::Commercial | Use::Logo | Use::Merch => Usage::GenerateCommercial,
    }
}

/// The works for an order, the first being where the picture starts: those it names, or those that its words find. `account` is who asked:
/// their own works they may name under any terms.
pub async fn choose_works(instance: &Instance, order: &Order, account: &str) -> Result<Vec<Chosen>> {
    // Models of folders draw from their weights alone: they look nothing up.
    if order.model.is_some_and(|id| id != instance.model.model.id) {
        return Ok(Vec::new());
    }
    let (usage, now) = (usage_for(order.use_), instance.clock.now());
    let mut tx = instance.store.read().await?;
    let [width, height] = instance.offer.image;
    let mut chosen = Vec::new();
    if !order.with.is_empty() {
        let parts = parts(order.words()).len();
        for (n, (work, grant)) in named(&mut tx, order, account, now).await?.into_iter().enumerate() {
            let rgb = picture(instance, &mut tx, &work, width, height).await?;
            chosen.push(Chosen { work, grant, rgb, words: Vec::new(), part: n % parts });
        }
        return Ok(chosen);
    }
    let picks = {
        let mut shelf = instance.shelf.lock().await;
        let shelf = match &mut *shelf {
            Some(shelf) => shelf,
            empty => empty.insert(fill(&mut tx).await?),
        };
        keep_up(shelf, &mut tx).await?;
        let (k, style) = (instance.offer.works_per_prompt, order.style.as_deref().filter(|s| !s.is_empty()));
        let mut labelled = HashSet::new();
        loop {
            let allowed = |id: WorkId| {
                let permits = |terms: &Terms| terms.verdict(usage, account, now).permits();
                !order.without.contains(&id) && !labelled.contains(&id) && shelf.terms.get(&id).is_some_and(permits)
            };
            let picks = shelf.library.retrieve_parts(order.words(), style, k, &allowed, order.seed);
            let known = labelled.len();
            for (_, pick) in &picks {
                if asks_something(&mut tx, pick.work, order.use_).await? {
                    labelled.insert(pick.work);
                }
            }
            if labelled.len() == known {
                break picks;
            }
        }
    };
    for (part, pick) in picks {
        let record = storage::works::find(&mut tx, pick.work).await?.ok_or_else(|| Error::not_found("work", pick.work))?;
        let Some(grant) = permitting(&mut tx, &record.work, usage, now, account).await? else { continue };
        // A file that can't be drawn is left out: it is registered all the same.
        // A registry that was made again from its log may lack files that nobody could give it.
        let Some(bytes) = file_here(instance, &mut tx, &record.work).await? else {
            tracing::warn!(work = %record.work.id, problem = "its file is not here", "not drawn on");
            continue;
        };
        match drawable(&record.work, &bytes, width, height) {
            Ok(rgb) => chosen.push(Chosen { work: record.work, grant, rgb, words: pick.words, part }),
            Err(e) => tracing::warn!(work = %record.work.id, problem = %e, "not drawn on"),
        }
    }
    Ok(chosen)
}

/// Whether a community says anything about a work that a picture for this use must heed. Such a work is drawn on by who chooses it, and is
/// then asked about; words alone never find it.
pub(super) async fn asks_something(tx: &mut Tx, work: WorkId, use_: Use) -> Result<bool> {
    Ok(storage::projects::of_work(tx, work).await?.iter().any(|project| project.outcome(use_) > Outcome::Allow))
}

/// Whether the works an order names can be drawn on now; the first that can't is named with its reason.
pub(super) async fn check_chosen(instance: &Instance, order: &Order, account: &str) -> Result<()> {
    if order.with.is_empty() {
        return Ok(());
    }
    let mut tx = instance.store.read().await?;
    named(&mut tx, order, account, instance.clock.now()).await.map(drop)
}

async fn named(tx: &mut Tx, order: &Order, account: &str, now: Timestamp) -> Result<Vec<(Work, Grant)>> {
    let usage = usage_for(order.use_);
    let mut works: Vec<(Work, Grant)> = Vec::with_capacity(order.with.len());
    for &id in &order.with {
        if works.iter().any(|(work, _)| work.id == id) {
            return Err(Error::invalid("with", format!("`{id}` is named twice: name it once")));
        }
        let Some(record) = storage::works::find(tx, id).await? else {
            return Err(Error::invalid("with", format!("no work `{id}` is registered here: take the id from its page")));
        };
        let Some(grant) = permitting(tx, &record.work, usage, now, account).await? else {
            let grants = storage::works::grants(tx, id).await?;
            let none = !grants.iter().any(|g| g.in_force(now));
            let why = match (none, grants.iter().any(|g| g.revoked.is_some())) {
                (true, true) => "it was revoked".to_owned(),
                (true, false) => "it has no licence in force".to_owned(),
                _ => storage::terms::of(tx, id).await?.verdict(usage, account, now).reason,
            };
            return Err(Error::invalid(
                "with",
                format!("“{}” ({id}) can't be drawn on: {why}. Choose another work, or another use", record.work.title),
            ));
        };
        if !record.work.held {
            let why = "only its hash is registered, its file is not kept here";
            return Err(Error::invalid("with", format!("“{}” ({id}) can't be drawn on: {why}", record.work.title)));
        }
        works.push((record.work, grant));
    }
    Ok(works)
}

/// The grant in force under which `account` may draw on a work: of those that permit `usage` the one that asks least in return; of their
/// own works any. A revoked work has none.
pub async fn permitting(tx: &mut Tx, work: &Work, usage: Usage, now: Timestamp, account: &str) -> Result<Option<Grant>> {
    let own = work.registered_by == account;
    let terms = storage::terms::of(tx, work.id).await?;
    if terms.disputed.is_some() {
        return Ok(None);
    }
    let grants = storage::works::grants(tx, work.id).await?;
    Ok(grants
        .into_iter()
        .filter(|g| g.in_force(now))
        .map(|g| (terms.of_one(g.grant.licence_concluded(), &g.grant.scope, usage, account), g.grant))
        .filter(|(v, _)| own || v.permits())
        .min_by_key(|(v, _)| v.answer)
        .map(|(_, grant)| grant))
}

async fn fill(tx: &mut Tx) -> Result<Shelf> {
    let seq = storage::log::newest(tx).await?;
    let terms = storage::terms::all_held(tx).await?;
    let entries = storage::works::all_held(tx).await?.into_iter().map(entry);
    Ok(Shelf { library: Library::new(entries), terms, seq })
}

async fn keep_up(shelf: &mut Shelf, tx: &mut Tx) -> Result<()> {
    let newest = storage::log::newest(tx).await?;
    if newest == shelf.seq && storage::works::count_held(tx).await? == shelf.library.len() as u64 {
        return Ok(());
    }
    let overlap = if tx.commits_in_order() { 0 } else { OVERLAP };
    let changed = storage::terms::changed_after(tx, shelf.seq - overlap).await?;
    let works: std::collections::BTreeSet<WorkId> = changed.into_iter().map(|(_, id)| id).collect();
    for id in works {
        let known = shelf.library.contains(id);
        if !known {
            match storage::works::find(tx, id).await?.filter(|record| record.work.held) {
                Some(record) => shelf.library.add(entry(record)),
                None => continue,
            }
        }
        shelf.terms.insert(id, storage::terms::of(tx, id).await?);
    }
    shelf.seq = newest;
    // Whatever committed later still is looked for by name.
    if storage::works::count_held(tx).await? != shelf.library.len() as u64 {
        for record in storage::works::all_held(tx).await? {
            if !shelf.library.contains(record.work.id) {
                shelf.terms.insert(record.work.id, storage::terms::of(tx, record.work.id).await?);
                shelf.library.add(entry(record));
            }
        }
    }
    Ok(())
}

fn entry(record: WorkRecord) -> LibraryEntry {
    let work = record.work;
    LibraryEntry { work: work.id, titles: work.titles, tags: work.tags, colour: work.colour, style: work.style }
}

/// A work's picture, fitted into `width`×`height`, as RGB bytes.
pub async fn picture(instance: &Instance, tx: &mut Tx, work: &Work, width: u32, height: u32) -> Result<Arc<[u8]>> {
    let bytes = file(instance, tx, work).await?;
    drawable(work, &bytes, width, height).map_err(|e| Error::internal(format!("the picture of `{}` can't be read: {e}", work.id)))
}

/// The bytes of a work that is kept here.
async fn file(instance: &Instance, tx: &mut Tx, work: &Work) -> Result<Vec<u8>> {
    file_here(instance, tx, work)
        .await?
        .ok_or_else(|| Error::internal(format!("the picture of `{}` has no bytes on record; run `colophon doctor`", work.id)))
}

/// The same; `None` where no bytes are on record.
pub(super) async fn file_here(instance: &Instance, tx: &mut Tx, work: &Work) -> Result<Option<Vec<u8>>> {
    let blob = match work.digest.blake3 {
        Some(blake3) => storage::blobs::find(tx, blake3).await?,
        None => None,
    };
    match blob {
        Some(blob) => Ok(Some(instance.blobs.get(&blob).await?)),
        None => Ok(None),
    }
}

/// A file as pixels; a drawing is rendered.
fn drawable(work: &Work, bytes: &[u8], width: u32, height: u32) -> std::result::Result<Arc<[u8]>, String> {
    if work.media_type == "image/svg+xml" {
        let (side, text) = (width.max(height), String::from_utf8_lossy(bytes));
        let square = tokio::task::block_in_place(|| render_into(&text, side)).map_err(|e| e.reason().to_owned())?;
        return Ok(fit(&Rgb { width: side, height: side, bytes: square }, width, height).into());
    }
    let format = Format::sniff(bytes).ok_or("it is no PNG, JPEG or WebP file")?;
    outline(bytes).map_err(|e| e.to_string())?;
    let rgb = decode(bytes, format, DECODE_BYTES).map_err(|e| e.to_string())?;
    Ok(fit(&rgb, width, height).into())
}
