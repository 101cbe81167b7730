//! Reservations that stand outside a work's own file: what its site says (TDMRep, aipref, RSL, robots.txt), handed in with the bytes seen, or what
//! its rights holder declares in words.

use serde_json::json;

use super::affect::affected;
use super::record::{Deed, record as record_deed};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::clock::Timestamp;
use crate::id::WorkId;
use crate::ledger::Subject;
use crate::lineage::Cause;
use crate::storage::works::WorkRecord;
use crate::storage::{self, Tx};
use crate::works::Reservation;
use crate::works::reservation::Signal;
use crate::works::site_file::{self, SiteFileError};

/// Works that one file can speak of at once.
const AT_ONCE: u32 = 500;

/// What came of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reserved {
    /// Works of that site that were looked at.
    pub looked: u64,
    /// Works reserved now.
    pub reserved: Vec<WorkId>,
    /// Works that had this very reservation already.
    pub known: u64,
}

/// Reads what a site's file says of every work on record as published there, and keeps what is reserved. `place` is where the file was seen; its
/// site is whose works are looked at: one's own, or everyone's for an operator.
pub async fn reserve_site(instance: &Instance, actor: &Actor, signal: Signal, place: &str, bytes: &[u8]) -> Result<Reserved> {
    if !actor.may(Scope::Grants) {
        return Err(Error::Forbidden(Scope::Grants));
    }
    let unreadable = |e: SiteFileError| Error::invalid("file", e.to_string());
    let site = site_file::site_of(place).map_err(unreadable)?;
    // Once for the place itself, so that a file of another kind is refused before anything is looked at.
    site_file::read(signal, bytes, place, place).map_err(unreadable)?;
    let now = instance.clock.now();
    let owner = if actor.may(Scope::Operate) { "" } else { &actor.name };
    let (mut done, mut after) = (Reserved::default(), String::new());
    loop {
        let mut tx = instance.store.begin().await?;
        let works = storage::works::of_site(&mut tx, &site, owner, &after, AT_ONCE).await?;
        let Some(last) = works.last() else { break };
        after = last.work.id.to_string();
        for record in &works {
            done.looked += 1;
            // What is no address under that site by itself, such as `https://site.example.org`, says nothing of it.
            let Ok(Some(found)) = site_file::read(signal, bytes, place, &record.work.source) else { continue };
            if keep(&mut tx, instance, actor, record, found, now).await? {
                done.reserved.push(record.work.id);
            } else {
                done.known += 1;
            }
        }
        tx.commit().await?;
        instance.bell.ring();
    }
    Ok(done)
}

/// Keeps a rights holder's own opt-out of one work, in their words.
pub async fn reserve_work(instance: &Instance, actor: &Actor, work: WorkId, words: &str) -> Result<bool> {
    if !actor.may(Scope::Grants) {
        return Err(Error::Forbidden(Scope::Grants));
    }
    let words = words.trim();
    if words.is_empty() || words.chars().count() > 1_000 || words.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Error::invalid("words", "say in 1 to 1000 characters what is reserved; it will be public"));
    }
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    let record = storage::works::find(&mut tx, work).await?.ok_or_else(|| Error::not_found("work", work))?;
    if record.work.registered_by != actor.name && !actor.may(Scope::Operate) {
        return Err(Error::invalid("work", "only who registered a work, or an operator, may reserve it"));
    }
    let place = format!("declared by {}", actor.name);
    let address = format!("{}/works/{work}", instance.site.url.trim_end_matches('/'));
    let found = site_file::read(Signal::Declared, words.as_bytes(), &place, &address);
    let found = found.map_err(|e| Error::invalid("words", e.to_string()))?;
    let kept = match found {
        Some(found) => keep(&mut tx, instance, actor, &record, found, now).await?,
        None => false,
    };
    tx.commit().await?;
    instance.bell.ring();
    Ok(kept)
}

/// Puts a reservation on record, unless it is there; what stands on the work is affected when something may be done no longer.
async fn keep(
    tx: &mut Tx,
    instance: &Instance,
    actor: &Actor,
    record: &WorkRecord,
    found: Reservation,
    now: Timestamp,
) -> Result<bool> {
    let work = &record.work;
    let before = storage::terms::reservations(tx, work.id).await?;
    if before.iter().any(|r| {
        (r.reservation.signal, &r.reservation.says, r.reservation.seen_sha256) == (found.signal, &found.says, found.seen_sha256)
    }) {
        return Ok(false);
    }
    let terms = storage::terms::of(tx, work.id).await?;
    let deed = Deed {
        kind: "reservation",
        subject: vec![Subject::new(work.id.to_string(), work.digest)],
        actor: actor.name.clone(),
        body: json!({ "work": work.id, "reservations": [found] }),
    };
    let statement = record_deed(tx, instance, now, deed).await?;
    if terms.lost(&storage::terms::of(tx, work.id).await?, now) {
        affected(tx, instance, work, Cause::Reservation(statement), &actor.name, now).await?;
    }
    Ok(true)
}
