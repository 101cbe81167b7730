//! Registering a work: its picture, whose it is, and the licence given on it. It can be drawn on at once.

use serde_json::json;

use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::digest::Digest;
use crate::generation::text::words;
use crate::id::{GrantId, StatementId, WorkId};
use crate::ledger::Subject;
use crate::provenance::{Format, container::outline, encode::decode};
use crate::storage::{self, blobs::Blob};
use crate::works::{Grant, GrantScope, Work, licence::LICENCE_LIMIT};

/// Tags kept.
const MOST_TAGS: usize = 40;
/// Pixels a registered picture may have: 4096 × 4096.
const MOST_PIXELS: u64 = 4096 * 4096;

/// What is sent to register a work.
#[derive(Debug, Clone, Default)]
pub struct Registration {
    /// The picture: PNG, JPEG or WebP.
    pub picture: Vec<u8>,
    /// As its author calls it.
    pub title: String,
    /// Whose it is.
    pub author: String,
    /// Words by which it should be found, comma-separated.
    pub tags: String,
    /// Where the original is.
    pub source: String,
    /// SPDX identifier.
    pub licence: String,
    /// Its text; may be empty.
    pub licence_url: String,
    /// What the right to give this licence rests on.
    pub evidence: String,
}

/// Registers a work and gives its licence. The work's id and its statement.
pub async fn register_work(instance: &Instance, actor: &Actor, sent: Registration) -> Result<(WorkId, StatementId)> {
    if !actor.may(Scope::Works) {
        return Err(Error::Forbidden(Scope::Works));
    }
    let now = instance.clock.now();
    let id = WorkId::new(now, &*instance.chance);
    let mut problems = Vec::new();
    let format = match readable(&sent.picture) {
        Ok(format) => Some(format),
        Err(problem) => {
            problems.push(("picture", problem));
            None
        }
    };
    let licence = sent.licence.trim();
    if licence.is_empty()
        || licence.len() > LICENCE_LIMIT
        || !licence.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+".contains(&b))
    {
        problems.push(("licence", "name the licence by its SPDX identifier, such as `CC-BY-4.0`".to_owned()));
    }
    for (field, text) in [("source", &sent.source), ("licence_url", &sent.licence_url), ("evidence", &sent.evidence)] {
        if text.chars().count() > crate::works::TEXT_LIMIT || text.chars().any(char::is_control) {
            problems
                .push((field, format!("{field} has at most {} characters and no control characters", crate::works::TEXT_LIMIT)));
        }
    }
    let tags: Vec<Vec<String>> = sent.tags.split([',', '\n']).map(words).filter(|w| !w.is_empty()).take(MOST_TAGS).collect();
    let work = Work {
        id,
        titles: [words(&sent.title)].into_iter().filter(|w| !w.is_empty()).collect(),
        title: sent.title.trim().to_owned(),
        author: sent.author.trim().to_owned(),
        collection: String::new(),
        item: String::new(),
        source: sent.source.trim().to_owned(),
        package: String::new(),
        style: String::new(),
        colour: None,
        tags,
        media_type: format.map_or("", Format::mime).to_owned(),
        digest: Digest::of(&sent.picture),
        registered_by: actor.name.clone(),
        registered_at: now,
    };
    if let Err(e) = work.check() {
        problems.push((e.field(), e.to_string()));
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let grant = Grant {
        id: GrantId::new(now, &*instance.chance),
        work: id,
        licence: licence.to_owned(),
        licence_url: sent.licence_url.trim().to_owned(),
        declared_by: actor.name.clone(),
        evidence: if sent.evidence.trim().is_empty() {
            "declared at registration".to_owned()
        } else {
            sent.evidence.trim().to_owned()
        },
        starts_at: now,
        ends_at: None,
        scope: GrantScope::default(),
    };
    // INVARIANT: the bytes are on disk before a row names them.
    instance.blobs.put(sent.picture).await?;
    let mut tx = instance.store.begin().await?;
    if let Some(other) = storage::works::find_by_sha256(&mut tx, work.digest.sha256).await? {
        return Err(Error::Conflict(format!("this very picture is registered already as `{}`", other.work.id)));
    }
    storage::blobs::insert(&mut tx, &Blob { digest: work.digest, media_type: work.media_type.clone(), pack: None }).await?;
    let deed = Deed {
        kind: "work",
        about: id.to_string(),
        subject: vec![Subject::new(id.to_string(), &work.digest)],
        actor: actor.name.clone(),
        body: json!({ "work": work, "grants": [grant] }),
    };
    let statement = record(&mut tx, instance, now, deed).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok((id, statement))
}

fn readable(picture: &[u8]) -> std::result::Result<Format, String> {
    if picture.is_empty() {
        return Err("choose the work's picture: a PNG, JPEG or WebP file".to_owned());
    }
    let found = outline(picture).map_err(|e| e.to_string())?;
    if u64::from(found.width) * u64::from(found.height) > MOST_PIXELS {
        return Err(format!("the picture has {}×{} pixels: at most 4096×4096 are registered", found.width, found.height));
    }
    decode(picture, found.format, MOST_PIXELS * 8).map_err(|e| e.to_string())?;
    Ok(found.format)
}
