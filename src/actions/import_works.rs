//! Registering many works at once: a collection (`works.zip`, as `colophon prepare` makes it). Each work is one
//! statement; what is registered already is left as it is, so an import that was cut off is simply begun again.

use std::io::Read as _;

use serde_json::json;

use super::record::{Deed, record_all};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::clock::Timestamp;
use crate::digest::{Blake3, Digest};
use crate::id::{GrantId, WorkId};
use crate::ledger::Subject;
use crate::storage::{self, Tx, blobs::Blob};
use crate::works::collection::{LIST, Line};
use crate::works::{Grant, GrantScope, Work};

/// The longest list that is read.
const LIST_BYTES: u64 = 1 << 30;
/// Works registered in one transaction.
const AT_ONCE: usize = 500;

/// A work of a collection, and where its picture lies in the archive.
pub(super) struct Collected {
    pub work: Work,
    pub grant: Grant,
    pub digest: Digest,
    pub offset: u64,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Every work of the collection, in its order.
    pub works: Vec<WorkId>,
    /// How many of them were registered now.
    pub registered: usize,
}

/// Registers the works of a collection: the bytes of its archive.
pub async fn import_works(instance: &Instance, actor: &Actor, archive: Vec<u8>) -> Result<Imported> {
    if !actor.may(Scope::Works) {
        return Err(Error::Forbidden(Scope::Works));
    }
    let now = instance.clock.now();
    let collected = tokio::task::block_in_place(|| read_collection(&archive, &actor.name, now))?;
    // INVARIANT: the bytes are on disk before a row names them.
    let pack = instance.blobs.put(archive).await?;
    let mut imported = Imported { works: collected.iter().map(|c| c.work.id).collect(), registered: 0 };
    let mut rest = collected.into_iter().peekable();
    while rest.peek().is_some() {
        let mut tx = instance.store.begin().await?;
        let mut new = Vec::new();
        for each in rest.by_ref().take(AT_ONCE) {
            if storage::works::find(&mut tx, each.work.id).await?.is_none() {
                new.push(each);
            }
        }
        imported.registered += new.len();
        register_all(&mut tx, instance, new, pack.blake3, &actor.name, now).await?;
        tx.commit().await?;
        instance.bell.ring();
    }
    Ok(imported)
}

/// Works of a collection: their bytes in the pack, their rows and their statements.
pub(super) async fn register_all(
    tx: &mut Tx,
    instance: &Instance,
    works: Vec<Collected>,
    pack: Blake3,
    actor: &str,
    now: Timestamp,
) -> Result<()> {
    let mut works = works.into_iter().peekable();
    while works.peek().is_some() {
        register_part(tx, instance, works.by_ref().take(AT_ONCE), pack, actor, now).await?;
    }
    Ok(())
}

async fn register_part(
    tx: &mut Tx,
    instance: &Instance,
    works: impl Iterator<Item = Collected>,
    pack: Blake3,
    actor: &str,
    now: Timestamp,
) -> Result<()> {
    let (mut blobs, mut deeds) = (Vec::new(), Vec::new());
    for Collected { work, grant, digest, offset } in works {
        blobs.push(Blob { digest, media_type: work.media_type.clone(), pack: Some((pack, offset)) });
        deeds.push(Deed {
            kind: "work",
            subject: vec![Subject::new(work.id.to_string(), work.digest)],
            actor: actor.to_owned(),
            body: json!({ "work": work, "grants": [grant] }),
        });
    }
    storage::blobs::insert_all(tx, &blobs).await?;
    record_all(tx, instance, now, deeds).await.map(drop)
}

/// Reads a collection; each picture must be the one its line names.
pub(super) fn read_collection(archive: &[u8], actor: &str, now: Timestamp) -> Result<Vec<Collected>> {
    let broken = |what: String| Error::invalid("collection", format!("the collection can't be read: {what}"));
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(archive)).map_err(|e| broken(e.to_string()))?;
    let mut list = Vec::new();
    zip.by_name(LIST)
        .map_err(|e| broken(format!("{LIST}: {e}")))?
        .take(LIST_BYTES)
        .read_to_end(&mut list)
        .map_err(|e| broken(format!("{LIST}: {e}")))?;
    let mut works = Vec::new();
    for line in list.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let line: Line = serde_json::from_slice(line).map_err(|e| broken(e.to_string()))?;
        let mut file = zip.by_name(&line.picture("png")).map_err(|e| broken(format!("picture {}: {e}", line.n)))?;
        if file.compression() != zip::CompressionMethod::Stored {
            return Err(broken(format!("picture {} is compressed in the archive; a pack holds files as they are", line.n)));
        }
        let offset = file.data_start().ok_or_else(|| broken(format!("picture {} has no place in the archive", line.n)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| broken(format!("picture {}: {e}", line.n)))?;
        let digest = Digest::of(&bytes);
        if digest.sha256 != line.sha256 {
            return Err(broken(format!("picture {} is not the one its record names", line.n)));
        }
        let n = line.n;
        let (work, grant) = as_work(line, digest, actor, now);
        work.check().map_err(|e| broken(format!("work {n}: {e}")))?;
        works.push(Collected { work, grant, digest, offset });
    }
    Ok(works)
}

fn as_work(line: Line, digest: Digest, actor: &str, now: Timestamp) -> (Work, Grant) {
    let id = line.work();
    let package = format!("{} {} {}", line.package.registry, line.package.name, line.package.version);
    let grant = Grant {
        id: GrantId::derived(line.seed().as_bytes()),
        work: id,
        licence: line.licence,
        licence_url: line.licence_url,
        declared_by: line.source.clone(),
        evidence: format!("licence field of {package}"),
        starts_at: now,
        ends_at: None,
        scope: GrantScope::default(),
        detected: Vec::new(),
        concluded: None,
    };
    let work = Work {
        id,
        title: line.title,
        author: line.author,
        collection: line.set,
        item: line.item,
        source: line.source,
        package,
        style: line.style,
        colour: line.colour,
        titles: line.titles,
        tags: line.tags,
        media_type: "image/png".to_owned(),
        digest: digest.into(),
        held: true,
        creators: Vec::new(),
        rights_holder: String::new(),
        created: String::new(),
        published: String::new(),
        evidence_files: Vec::new(),
        reservations: Vec::new(),
        registered_by: actor.to_owned(),
        registered_at: now,
    };
    (work, grant)
}
