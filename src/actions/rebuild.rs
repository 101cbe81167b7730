//! Rebuild: the public tables emptied and made again from the log alone, in one transaction. They come out equal, because both ways go
//! through `apply`.

use super::{Error, Instance, Result, apply::apply, publish_checkpoint::publish_checkpoint};
use crate::ledger::Envelope;
use crate::storage;

/// Entries read at a time.
const CHUNK: u64 = 2_048;

/// Replays the log. How many statements were applied. Nothing changes when one of them can't be.
pub async fn rebuild(instance: &Instance) -> Result<u64> {
    publish_checkpoint(instance).await?;
    let mut tx = instance.store.begin().await?;
    storage::log::empty_public_tables(&mut tx).await?;
    let key = instance.keys.statement.verifying_key();
    let mut applied = 0;
    loop {
        let entries = storage::log::entries(&mut tx, applied, applied + CHUNK).await?;
        if entries.is_empty() {
            break;
        }
        for (index, bytes) in entries {
            let broken = |e| Error::Internal(format!("entry {index} can't be replayed: {e}; run `colophon doctor`"));
            let statement = Envelope::parse(&bytes).and_then(|e| e.verify(&key)).map_err(broken)?;
            apply(&mut tx, &statement).await?;
            applied += 1;
        }
    }
    tx.commit().await?;
    Ok(applied)
}
