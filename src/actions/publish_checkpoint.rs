//! The sequencer: staged statements get their places in the log, and a new head is signed over them.
//!
//! INVARIANT: a head is signed only over entries read back from the database and over a right edge that hashes to the head before it.
//! Entries, tiles and head are one transaction; whoever loses a race rolls back and tries again.

use super::{Error, Instance, Result};
use crate::ledger::sequence::integrate;
use crate::ledger::tile_reader::right_edge_tiles;
use crate::ledger::{Checkpoint, EMPTY_ROOT, Head, NodeHash, SourceError, TileLevel, TilePath, TileSet};
use crate::storage::log::HeadRow;
use crate::storage::{self, Tx};

/// Entries taken in one round: 32 full tiles.
const ROUND: u32 = 8_192;
/// Races lost in a row before giving up.
const MOST_RACES: u32 = 20;

/// Sequences everything that is staged. The number of entries that were added. Signs an empty head if there is none yet.
pub async fn publish_checkpoint(instance: &Instance) -> Result<u64> {
    let (mut added, mut races) = (0, 0);
    loop {
        match round(instance).await {
            Ok(0) => return Ok(added),
            Ok(n) => added += n,
            Err(Error::Conflict(_)) if races < MOST_RACES => races += 1,
            Err(e) => return Err(e),
        }
    }
}

async fn round(instance: &Instance) -> Result<u64> {
    let mut tx = instance.store.begin().await?;
    let row = storage::log::head(&mut tx).await?;
    let staged = storage::log::staged(&mut tx, ROUND).await?;
    if staged.is_empty() && row.is_some() {
        return Ok(0);
    }
    let head = match &row {
        Some(row) => Head {
            size: row.size,
            root: NodeHash::from_slice(&row.root).ok_or_else(|| Error::internal("the stored head has no 32-byte root"))?,
        },
        None => Head { size: 0, root: EMPTY_ROOT },
    };
    let edge = load(&mut tx, &right_edge_tiles(head.size)).await?;
    let (seqs, entries): (Vec<i64>, Vec<Vec<u8>>) = staged.into_iter().unzip();
    let step = integrate(&head, &edge, &entries).map_err(Error::internal)?;
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
    let now = instance.clock.now();
    let checkpoint = Checkpoint::new(&instance.site.log_origin, step.head.size, step.head.root)
        .sign(&[&instance.keys.log])
        .map_err(Error::internal)?;
    let head = HeadRow {
        size: step.head.size,
        root: step.head.root.0.to_vec(),
        checkpoint: checkpoint.note().to_string(),
        published_at: now,
    };
    storage::log::insert_head(&mut tx, &head).await?;
    tx.commit().await?;
    Ok(seqs.len() as u64)
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
