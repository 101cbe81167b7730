//! Receipts: the proof that a statement stands in the log, complete enough to be checked without us.

use super::publish_checkpoint::load;
use super::{Error, Instance, Result};
use crate::id::StatementId;
use crate::ledger::tile_reader::tiles_for_inclusion;
use crate::ledger::{NodeHash, Receipt, SignedCheckpoint, TileReader};
use crate::storage::{self, Tx};

/// The receipt of a statement under the newest checkpoint, its entry carried along in the `extra` line. `None` while it waits for that.
pub async fn receipt(instance: &Instance, tx: &mut Tx, id: StatementId) -> Result<Option<Receipt>> {
    let entry = storage::log::find(tx, id).await?.ok_or_else(|| Error::not_found("statement", id))?;
    let (Some(index), Some(head)) = (entry.index, storage::log::head(tx).await?) else { return Ok(None) };
    if index >= head.size {
        // It has its place, under a head that is not published yet.
        return Ok(None);
    }
    let root = NodeHash::from_slice(&head.root).ok_or_else(|| Error::internal("the stored head has no 32-byte root"))?;
    let tiles = load(tx, &tiles_for_inclusion(index, head.size)).await?;
    let reader = TileReader::open(&tiles, head.size, root).map_err(Error::internal)?;
    let checkpoint = SignedCheckpoint::parse(head.checkpoint.as_bytes()).map_err(Error::internal)?;
    let mut receipt = Receipt::build(index, checkpoint, &reader).map_err(Error::internal)?;
    receipt.extra = Some(entry.bytes);
    // A receipt is never handed out unchecked.
    let bytes = receipt.extra.as_deref().unwrap_or_default();
    receipt.verify(bytes, instance.keys.log.verifier(), &instance.site.log_origin).map_err(Error::internal)?;
    Ok(Some(receipt))
}
