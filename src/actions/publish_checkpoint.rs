//! The sequencer: staged statements get their places in the log, a head is signed over them, and published.
//!
//! Stage → lock → publish → recover. A deed stages its statement. Locking gives what is staged its places, writes the tiles and swaps the last
//! signed head for the next, in one transaction: whoever loses the swap rolls back and tries again, so two processes on one database can't
//! fork the log. Publishing comes after it, once the head is remembered beside the database and the witnesses that the operator names have
//! signed it too. Whatever breaks off between the two, the next round publishes what was locked.
//!
//! INVARIANT: a head is signed only over entries and tiles that were read back, and over a right edge that hashes to the head before it.

use super::remembered_head::{head_of, not_behind};
use super::{Error, Instance, Result};
use crate::ledger::sequence::{Integration, integrate};
use crate::ledger::tile_reader::right_edge_tiles;
use crate::ledger::{Checkpoint, Head, NodeHash, SourceError, TileLevel, TilePath, TileReader, TileSet, leaf_hash};
use crate::storage::log::HeadRow;
use crate::storage::{self, Lock, Tx};

/// Entries taken in one round: 32 full tiles.
const ROUND: u32 = 8_192;
/// Races lost in a row before giving up.
const MOST_RACES: u32 = 20;

/// Sequences everything that is staged and publishes it. The number of entries that were added. Signs an empty head if there is none yet.
pub async fn publish_checkpoint(instance: &Instance) -> Result<u64> {
    let (mut added, mut races) = (0, 0);
    loop {
        match lock(instance).await {
            Ok(n) => {
                // Also when nothing was added: what a process before this one has locked may still have to be published.
                publish(instance).await?;
                if n == 0 {
                    return Ok(added);
                }
                added += n;
            }
            Err(Error::Conflict(_)) if races < MOST_RACES => races += 1,
            Err(e) => return Err(e),
        }
    }
}

/// Gives what is staged its places and signs a head over it. How many entries were added.
async fn lock(instance: &Instance) -> Result<u64> {
    // Before the database is read: what is remembered is never ahead of it.
    let remembered = instance.remembered.read(instance.keys.log.verifier(), instance.store.faults())?;
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Sequencer).await?;
    let last = storage::log::locked(&mut tx).await?;
    if let Some(remembered) = &remembered {
        not_behind(remembered, last.as_ref())?;
    }
    let staged = storage::log::staged(&mut tx, ROUND).await?;
    if staged.is_empty() && last.is_some() {
        return Ok(0);
    }
    let head = last.as_ref().map_or(Ok(Head::EMPTY), head_of)?;
    let edge = load(&mut tx, &right_edge_tiles(head.size)).await?;
    let (seqs, entries): (Vec<i64>, Vec<Vec<u8>>) = staged.into_iter().unzip();
    let step = integrate(&head, &edge, &entries).map_err(Error::internal)?;
    drop(entries);
    let mut index = step.first_index;
    // Side by side in the staging order they are numbered together; a transaction that was rolled back leaves a gap.
    for run in seqs.chunk_by(|a, b| a + 1 == *b) {
        if !storage::log::number(&mut tx, run[0], run[run.len() - 1], index).await? {
            return Err(Error::Conflict("a statement was sequenced meanwhile".into()));
        }
        index += run.len() as u64;
    }
    for tile in &step.tiles {
        storage::log::put_tile(&mut tx, tile.level, tile.index, &tile.bytes).await?;
    }
    read_back(&mut tx, &step).await?;
    let checkpoint = Checkpoint::new(&instance.site.log_origin, step.head.size, step.head.root)
        .sign(&[&instance.keys.log])
        .map_err(Error::internal)?;
    let next = HeadRow {
        size: step.head.size,
        root: step.head.root.0.to_vec(),
        checkpoint: checkpoint.note().to_string(),
        published_at: instance.clock.now(),
    };
    let swapped = match &last {
        Some(last) => storage::log::swap_lock(&mut tx, last, &next).await?,
        None => storage::log::first_lock(&mut tx, &next).await?,
    };
    if !swapped {
        return Err(Error::Conflict("another sequencer signed a head meanwhile".into()));
    }
    tx.commit().await?;
    Ok(seqs.len() as u64)
}

/// Reads the new entries and tiles as they are stored now and compares them with what is about to be signed.
async fn read_back(tx: &mut Tx, step: &Integration) -> Result<()> {
    let differs =
        |what: String| Error::Internal(format!("{what} reads back otherwise than it was written: check the database's disk"));
    let entries = storage::log::entries(tx, step.first_index, step.head.size).await?;
    let hashes: Vec<NodeHash> = entries.iter().map(|(_, bytes)| leaf_hash(bytes)).collect();
    if hashes != step.leaf_hashes || entries.iter().map(|(index, _)| *index).ne(step.first_index..step.head.size) {
        return Err(differs(format!("an entry from {} on", step.first_index)));
    }
    for tile in &step.tiles {
        if storage::log::tile(tx, tile.level, tile.index).await?.as_deref() != Some(tile.bytes.as_slice()) {
            return Err(differs(format!("the tile `{}`", TilePath::hashes(tile.level, tile.index, tile.width()))));
        }
    }
    let edge = load(tx, &right_edge_tiles(step.head.size)).await?;
    TileReader::open(&edge, step.head.size, step.head.root).map(drop).map_err(Error::internal)
}

/// Publishes the last signed head, unless it is published.
async fn publish(instance: &Instance) -> Result<()> {
    let mut tx = instance.store.read().await?;
    let published = storage::log::head(&mut tx).await?;
    let Some(locked) = storage::log::locked(&mut tx).await? else { return Ok(()) };
    drop(tx);
    if published.is_some_and(|published| published.size >= locked.size) {
        return Ok(());
    }
    if let Some(newer) = instance.remembered.write(&locked, instance.keys.log.verifier(), instance.store.faults())? {
        // Another process has signed a newer head meanwhile, on this very database or not.
        let now = storage::log::locked(&mut instance.store.read().await?).await?;
        not_behind(&newer, now.as_ref())?;
    }
    let checkpoint = match super::ask_witnesses::ask_witnesses(instance, &locked).await {
        Ok(checkpoint) => checkpoint,
        Err(e) => {
            // Another process may have shown them a newer head, and published it.
            let newest = storage::log::head(&mut instance.store.read().await?).await?;
            return if newest.is_some_and(|newest| newest.size >= locked.size) { Ok(()) } else { Err(e) };
        }
    };
    let head = HeadRow { checkpoint, published_at: instance.clock.now(), ..locked };
    let mut tx = instance.store.begin().await?;
    match storage::log::insert_head(&mut tx, &head).await {
        Ok(()) => Ok(tx.commit().await?),
        // Another process published the very same head.
        Err(storage::Error::Conflict(_)) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Reads hash tiles into memory, as stored.
pub(super) async fn load(tx: &mut Tx, paths: &[TilePath]) -> Result<TileSet> {
    let mut set = TileSet::default();
    for path in paths {
        let TileLevel::Hashes(level) = path.level else { continue };
        let bytes =
            storage::log::tile(tx, level, path.index).await?.ok_or_else(|| Error::internal(SourceError::Missing(*path)))?;
        set.insert(level, path.index, bytes);
    }
    Ok(set)
}
