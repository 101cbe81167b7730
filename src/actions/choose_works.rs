//! Choosing the works a picture draws on: those whose words meet the prompt and whose terms, at this moment, allow it.

use std::sync::Arc;

use super::granted::Granted;
use super::request_image::Order;
use super::{Error, Instance, Result};
use crate::clock::Timestamp;
use crate::generation::draft::parts;
use crate::generation::{Library, LibraryEntry, Reference};
use crate::id::WorkId;
use crate::policy::Use;
use crate::provenance::encode::{decode, fit};
use crate::provenance::{Format, container::outline};
use crate::storage::works::WorkRecord;
use crate::storage::{self, Tx};
use crate::works::verdict::{Usage, best, of_grant};
use crate::works::{Grant, Work};

/// The retrieval index, with how far in the log it has read.
pub(super) struct Shelf {
    library: Library,
    seq: i64,
}

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
    let (usage, now) = (usage_for(order.use_), instance.clock.now());
    let mut tx = instance.store.read().await?;
    let [width, height] = instance.offer.image;
    let mut chosen = Vec::new();
    if !order.with.is_empty() {
        let parts = parts(&order.prompt).len();
        for (n, (work, grant)) in named(&mut tx, order, account, now).await?.into_iter().enumerate() {
            let rgb = picture(instance, &mut tx, &work, width, height).await?;
            chosen.push(Chosen { work, grant, rgb, words: Vec::new(), part: n % parts });
        }
        return Ok(chosen);
    }
    let granted = Granted::at(&mut tx, now).await?;
    let allowed = |id: WorkId| !order.without.contains(&id) && granted.verdict(id, usage, account).permits();
    let picks = {
        let mut shelf = instance.shelf.lock().await;
        let shelf = match &mut *shelf {
            Some(shelf) => shelf,
            empty => empty.insert(fill(&mut tx).await?),
        };
        keep_up(shelf, &mut tx).await?;
        let (k, style) = (instance.offer.works_per_prompt, order.style.as_deref().filter(|s| !s.is_empty()));
        shelf.library.retrieve_parts(&order.prompt, style, k, &allowed, order.seed)
    };
    for (part, pick) in picks {
        let record = storage::works::find(&mut tx, pick.work).await?.ok_or_else(|| Error::not_found("work", pick.work))?;
        let Some(grant) = permitting(&mut tx, &record.work, usage, now, account).await? else { continue };
        let rgb = picture(instance, &mut tx, &record.work, width, height).await?;
        chosen.push(Chosen { work: record.work, grant, rgb, words: pick.words, part });
    }
    Ok(chosen)
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
            let in_force: Vec<_> =
                grants.iter().filter(|g| g.in_force(now)).map(|g| (g.grant.licence.as_str(), &g.grant.scope)).collect();
            let why = match (in_force.is_empty(), grants.iter().any(|g| g.revoked.is_some())) {
                (true, true) => "it was revoked".to_owned(),
                (true, false) => "it has no licence in force".to_owned(),
                _ => best(in_force.iter().copied(), usage, account).reason,
            };
            return Err(Error::invalid(
                "with",
                format!("“{}” ({id}) can't be drawn on: {why}. Choose another work, or another use", record.work.title),
            ));
        };
        works.push((record.work, grant));
    }
    Ok(works)
}

/// The grant in force under which `account` may draw on a work: of those that permit `usage` the one that asks least in return; of their
/// own works any. A revoked work has none.
pub async fn permitting(tx: &mut Tx, work: &Work, usage: Usage, now: Timestamp, account: &str) -> Result<Option<Grant>> {
    let own = work.registered_by == account;
    let grants = storage::works::grants(tx, work.id).await?;
    Ok(grants
        .into_iter()
        .filter(|g| g.in_force(now))
        .map(|g| (of_grant(&g.grant.licence, &g.grant.scope, usage, account), g.grant))
        .filter(|(v, _)| own || v.permits())
        .min_by_key(|(v, _)| v.answer)
        .map(|(_, grant)| grant))
}

async fn fill(tx: &mut Tx) -> Result<Shelf> {
    let seq = storage::works::registered_after(tx, -1).await?.last().map_or(-1, |(seq, _)| *seq);
    let entries = storage::works::all(tx).await?.into_iter().map(entry);
    Ok(Shelf { library: Library::new(entries), seq })
}

async fn keep_up(shelf: &mut Shelf, tx: &mut Tx) -> Result<()> {
    for (seq, id) in storage::works::registered_after(tx, shelf.seq).await? {
        if !shelf.library.contains(id)
            && let Some(record) = storage::works::find(tx, id).await?
        {
            shelf.library.add(entry(record));
        }
        shelf.seq = seq;
    }
    // On PostgreSQL a transaction that took its place in the order earlier may commit later: whatever is missing is looked for by name.
    let (works, _) = storage::works::totals(tx).await?;
    if works != shelf.library.len() as u64 {
        for record in storage::works::all(tx).await? {
            if !shelf.library.contains(record.work.id) {
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
    let blob = storage::blobs::find(tx, work.digest.blake3)
        .await?
        .ok_or_else(|| Error::internal(format!("the picture of `{}` has no bytes on record; run `colophon doctor`", work.id)))?;
    let bytes = instance.blobs.get(&blob).await?;
    let unreadable = |e: String| Error::internal(format!("the picture of `{}` can't be read: {e}", work.id));
    let format = Format::sniff(&bytes).ok_or_else(|| unreadable("it is no PNG, JPEG or WebP file".into()))?;
    outline(&bytes).map_err(|e| unreadable(e.to_string()))?;
    let rgb = decode(&bytes, format, DECODE_BYTES).map_err(|e| unreadable(e.to_string()))?;
    Ok(fit(&rgb, width, height).into())
}
