//! Refill: an empty database filled from a log that was kept elsewhere, entry by entry, as it was when the log was made.
//!
//! Where the entries come from is its caller's business, who has checked the log against its signed head. Checked here once more: every
//! signature that an entry needs, and that the entries hash to that head. The log's keys may be somewhere else, so there is no `Instance` yet.
//! What the log does not say does not come back: accounts, words of prompts, what waited in queues.
//!
//! INVARIANT: from the first row until the signed head is in, the database says that it is half-way, and no instance opens it. Entries and what
//! they say go in together, so a refill that broke off goes on after the last entry that is there.

use std::path::Path;

use super::about::about_of;
use super::apply::{apply_all, name_and_time};
use super::found::{REGISTRAR, model, model_file, model_folder};
use super::import_works::read_collection;
use super::publish_checkpoint::load;
use super::rebuild::admitted;
use super::remembered_head::{RememberedHead, not_behind};
use super::{Error, Result};
use crate::accounts::key::KeyPair;
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::StatementId;
use crate::ledger::sequence::{Integration, integrate};
use crate::ledger::tile_reader::right_edge_tiles;
use crate::ledger::{
    Head, Keyring, SignedCheckpoint, Signer as LogSigner, Statement, TileLevel, TileReader, TileSet, TileSource as _, Verifier,
};
use crate::storage::blobs::{Blob, Blobs, Missing};
use crate::storage::files;
use crate::storage::instance::Fact;
use crate::storage::log::{HeadRow, Placed, Staged};
use crate::storage::{self, Store, Tx};

/// A database being filled. After a failure it is of no more use: begin again, and it goes on.
#[derive(Debug)]
pub struct Refill {
    store: Store,
    verifier: Verifier,
    keyring: Keyring,
    /// Of the entries that were taken.
    head: Head,
    /// The tiles at its right edge.
    edge: TileSet,
    /// Entries that an earlier try has put in.
    there: u64,
    /// When the last entry was recorded.
    last_at: Timestamp,
}

impl Refill {
    /// On an empty database, or one that was half filled from the same log; another is refused. `keyring` is as before the first entry. Writes
    /// nothing.
    pub async fn begin(store: &Store, verifier: &Verifier, keyring: Keyring) -> Result<Self> {
        let mut tx = store.read().await?;
        let half = storage::instance::get(&mut tx, Fact::Refilling).await?;
        if let Some(vkey) = half.as_ref().filter(|vkey| **vkey != verifier.to_string()) {
            return Err(Error::Conflict(format!(
                "the database is half filled from another log (`{vkey}`): go on with that one, or take an empty database"
            )));
        }
        if half.is_none() && !storage::instance::is_untouched(&mut tx).await? {
            return Err(Error::Conflict(
                "the database is not empty: a log fills only an empty database and an empty data folder; `colophon rebuild` without \
                 `--from` makes the public tables of this one again"
                    .into(),
            ));
        }
        let there = size(&mut tx).await?;
        Ok(Self {
            store: store.clone(),
            verifier: verifier.clone(),
            keyring,
            head: Head::EMPTY,
            edge: TileSet::default(),
            there,
            last_at: Timestamp::from_millis(0),
        })
    }

    /// Entries that an earlier try has put in; 0 on an empty database.
    pub const fn there(&self) -> u64 {
        self.there
    }

    /// Entries that were taken.
    pub const fn taken(&self) -> u64 {
        self.head.size
    }

    /// Takes the next entries, in their order from the first one of the log. Those that are there already must be the same; the others go in
    /// with everything that they say, in one transaction.
    pub async fn append(&mut self, entries: &[Vec<u8>]) -> Result<()> {
        let first = self.head.size;
        let (statements, step) = tokio::task::block_in_place(|| self.read(entries))?;
        let known = usize::try_from(self.there.saturating_sub(first)).map_or(entries.len(), |n| n.min(entries.len()));
        if known > 0 {
            self.compare(first, &entries[..known]).await?;
        }
        if known < entries.len() {
            self.put_in(first + known as u64, &entries[known..], &statements[known..], &step).await?;
        }
        if let Some(last) = statements.last() {
            self.last_at = name_and_time(last)?.1;
        }
        self.edge = edge_after(&self.edge, &step)?;
        self.head = step.head;
        Ok(())
    }

    /// The statements in the next entries, and the step by which the log grows with them.
    fn read(&mut self, entries: &[Vec<u8>]) -> Result<(Vec<Statement>, Integration)> {
        let mut statements = Vec::with_capacity(entries.len());
        for (index, bytes) in (self.head.size..).zip(entries) {
            let refused = |e| Error::Internal(format!("entry {index} can't be taken over: {e}"));
            statements.push(admitted(&mut self.keyring, index, bytes).map_err(refused)?);
        }
        let step = integrate(&self.head, &self.edge, entries).map_err(Error::internal)?;
        Ok((statements, step))
    }

    async fn compare(&self, first: u64, entries: &[Vec<u8>]) -> Result<()> {
        let mut tx = self.store.read().await?;
        let there = storage::log::entries(&mut tx, first, first + entries.len() as u64).await?;
        if there.iter().map(|(_, bytes)| bytes).ne(entries) {
            return Err(Error::Conflict(format!(
                "what an earlier try put in from entry {first} on is not what this log says: begin anew with an empty database"
            )));
        }
        Ok(())
    }

    async fn put_in(&self, first: u64, entries: &[Vec<u8>], statements: &[Statement], step: &Integration) -> Result<()> {
        let mut facts: Vec<(StatementId, Timestamp, String)> = Vec::with_capacity(statements.len());
        for (index, statement) in (first..).zip(statements) {
            let (id, at) = name_and_time(statement)?;
            let about = about_of(statement).map_err(|e| Error::Internal(format!("entry {index} can't be taken over: {e}")))?;
            facts.push((id, at, about));
        }
        let mut rows = Vec::with_capacity(entries.len());
        for (((index, bytes), statement), (id, at, about)) in (first..).zip(entries).zip(statements).zip(&facts) {
            let actor = statement.predicate.get("actor").and_then(|actor| actor.as_str()).unwrap_or_default();
            let staged = Staged { id: *id, kind: &statement.name, subject: about, actor, bytes };
            rows.push(Placed { index, staged, staged_at: *at });
        }
        let mut tx = self.store.begin().await?;
        if size(&mut tx).await? != first {
            return Err(Error::Conflict("another process fills this database as well: let one of them do it".into()));
        }
        self.half_way(&mut tx).await?;
        storage::log::place_all(&mut tx, &rows).await?;
        for tile in &step.tiles {
            storage::log::put_tile(&mut tx, tile.level, tile.index, &tile.bytes).await?;
        }
        apply_all(&mut tx, statements).await?;
        Ok(tx.commit().await?)
    }

    /// Notes that the database is half filled, unless it says so.
    async fn half_way(&self, tx: &mut Tx) -> Result<()> {
        if storage::instance::get(tx, Fact::Refilling).await?.is_none() {
            storage::instance::set(tx, Fact::Refilling, &self.verifier.to_string()).await?;
        }
        Ok(())
    }

    /// All entries were taken: the signed head goes in as the log served it, with the facts of the log, and the database is whole. The head is
    /// remembered in `keys`, the folder where the log's keys are or will be. How many entries there are.
    pub async fn finish(self, note: &[u8], keys: &Path) -> Result<u64> {
        let wrong = |e: String| Error::Internal(format!("the log's signed head can't be taken over: {e}"));
        let signed = SignedCheckpoint::parse(note).map_err(|e| wrong(e.to_string()))?;
        let said = signed.open(self.verifier.name(), std::slice::from_ref(&self.verifier)).map_err(|e| wrong(e.to_string()))?;
        if (said.size, said.root) != (self.head.size, self.head.root) {
            return Err(wrong(format!(
                "it has {} entries and the root {}, but what was handed in is {} entries with the root {}",
                said.size, said.root, self.head.size, self.head.root
            )));
        }
        let checkpoint = String::from_utf8(note.to_vec()).map_err(|e| wrong(e.to_string()))?;
        let head = HeadRow { size: self.head.size, root: self.head.root.0.to_vec(), checkpoint, published_at: self.last_at };
        files::writable_folder(keys)?;
        let remembered = RememberedHead::new(keys);
        if let Some(known) = remembered.read(&self.verifier, self.store.faults())? {
            not_behind(&known, Some(&head))?;
        }
        let mut tx = self.store.begin().await?;
        if size(&mut tx).await? != self.head.size {
            return Err(Error::Conflict(
                "the database has other entries than were handed in: fetch the log again, or begin anew with an empty database"
                    .into(),
            ));
        }
        // As it is stored now, and not as it was meant to be.
        let edge = load(&mut tx, &right_edge_tiles(self.head.size)).await?;
        TileReader::open(&edge, self.head.size, self.head.root).map_err(Error::internal)?;
        if !storage::log::first_lock(&mut tx, &head).await? {
            return Err(Error::Conflict("a head was signed in this database meanwhile".into()));
        }
        storage::log::insert_head(&mut tx, &head).await?;
        storage::instance::set(&mut tx, Fact::LogOrigin, self.verifier.name()).await?;
        storage::instance::set(&mut tx, Fact::LogVkey, &self.verifier.to_string()).await?;
        storage::instance::set(&mut tx, Fact::Founding, "done").await?;
        storage::instance::unset(&mut tx, Fact::Refilling).await?;
        tx.commit().await?;
        // After the commit: the file is never ahead of the database.
        remembered.write(&head, &self.verifier, self.store.faults())?;
        Ok(head.size)
    }
}

/// Entries in the database.
async fn size(tx: &mut Tx) -> Result<u64> {
    Ok(storage::log::last_index(tx).await?.map_or(0, |last| last + 1))
}

/// The right edge of the log after a step, from the one before it.
fn edge_after(edge: &TileSet, step: &Integration) -> Result<TileSet> {
    let mut next = TileSet::default();
    for path in right_edge_tiles(step.head.size) {
        let TileLevel::Hashes(level) = path.level else { continue };
        let changed = step.tiles.iter().find(|tile| (tile.level, tile.index) == (level, path.index));
        let bytes = match changed {
            Some(tile) => tile.bytes.clone(),
            None => edge.tile(path).map_err(Error::internal)?,
        };
        next.insert(level, path.index, bytes);
    }
    Ok(next)
}

/// Refuses a database that is half filled.
pub(super) async fn not_half_way(store: &Store) -> Result<()> {
    let mut tx = store.read().await?;
    match storage::instance::get(&mut tx, Fact::Refilling).await? {
        None => Ok(()),
        Some(vkey) => Err(Error::Internal(format!(
            "the database is half filled from the log `{vkey}`: begin the same `colophon rebuild --from` again, which goes on, or take an \
             empty database"
        ))),
    }
}

/// Whether the keys of this log lie in `folder`; `registry` is its key for statements, hex. Those of another log, and one without the other,
/// are refused.
pub fn has_keys(folder: &Path, verifier: &Verifier, registry: &str) -> Result<bool> {
    let read = |name: &str| -> Result<Option<KeyPair>> {
        let path = folder.join(name);
        let Some(pem) = files::read(&path)? else { return Ok(None) };
        let pair = KeyPair::from_pem(&pem);
        pair.map(Some).map_err(|e| Error::Internal(format!("the key file `{}` can't be used: {e}", path.display())))
    };
    match (read("log.key")?, read("statement.key")?) {
        (None, None) => Ok(false),
        (Some(log), Some(statement)) => {
            let log = LogSigner::new(verifier.name(), log.signing().clone()).map_err(Error::internal)?;
            let statement = hex::encode(statement.public().as_bytes());
            if log.verifier().to_string() != verifier.to_string() || !statement.eq_ignore_ascii_case(registry) {
                return Err(Error::Conflict(format!(
                    "the keys in `{}` are not those of the log `{verifier}`: give the folder that belongs to it, or none",
                    folder.display()
                )));
            }
            Ok(true)
        }
        _ => Err(Error::Conflict(format!(
            "of `log.key` and `statement.key` only one is in `{}`: give both, or none",
            folder.display()
        ))),
    }
}

/// The files of those works that come with the program, as far as they are on record: put into the blob store as at the first start. How many.
pub async fn put_in_embedded(store: &Store, blobs: &Blobs, models_dir: &Path) -> Result<u64> {
    let folder = model_folder(models_dir)?;
    let archive = model_file(&folder, &model(&folder)?.card, "works")?;
    let works = tokio::task::block_in_place(|| read_collection(&archive, REGISTRAR, Timestamp::from_millis(0)))?;
    let mut found = Vec::new();
    let mut tx = store.read().await?;
    for each in works {
        let on_record = storage::works::find(&mut tx, each.work.id).await?;
        if on_record.is_some_and(|record| record.work.digest.blake3 == Some(each.digest.blake3)) {
            found.push(each);
        }
    }
    drop(tx);
    if found.is_empty() {
        return Ok(0);
    }
    // INVARIANT: the bytes are on disk before a row names them.
    let pack = blobs.put(archive).await?.blake3;
    let rows: Vec<Blob> = found
        .into_iter()
        .map(|each| Blob { digest: each.digest, media_type: each.work.media_type, pack: Some((pack, each.offset)) })
        .collect();
    let mut tx = store.begin().await?;
    storage::blobs::insert_all(&mut tx, &rows).await?;
    tx.commit().await?;
    Ok(rows.len() as u64)
}

/// Keeps files that were found somewhere, if they are what their rows name. How many are.
pub async fn keep_files(store: &Store, blobs: &Blobs, found: Vec<(Missing, Vec<u8>)>) -> Result<u64> {
    let mut rows = Vec::with_capacity(found.len());
    for (missing, bytes) in found {
        let digest = Digest::of(&bytes);
        if (digest.blake3, digest.sha256) == (missing.blake3, missing.sha256) {
            blobs.put(bytes).await?;
            rows.push(Blob { digest, media_type: missing.media_type, pack: None });
        }
    }
    let mut tx = store.begin().await?;
    storage::blobs::insert_all(&mut tx, &rows).await?;
    tx.commit().await?;
    Ok(rows.len() as u64)
}
