//! Rebuild: the public tables emptied and made again from the log alone, in one transaction. They come out equal, because both ways go
//! through `apply`.

use super::{Error, Instance, Result, apply::apply_all, publish_checkpoint::publish_checkpoint};
use crate::ledger::{Envelope, Keyring, KeyringError, Statement};
use crate::storage;

/// Entries read at a time.
const CHUNK: u64 = 2_048;

/// Replays the log. How many statements were applied. Nothing changes when one of them can't be.
pub async fn rebuild(instance: &Instance) -> Result<u64> {
    publish_checkpoint(instance).await?;
    let mut tx = instance.store.begin().await?;
    storage::log::empty_public_tables(&mut tx).await?;
    let mut keyring = Keyring::new(instance.keys.statement.verifying_key());
    let mut applied = 0;
    loop {
        let entries = storage::log::entries(&mut tx, applied, applied + CHUNK).await?;
        if entries.is_empty() {
            break;
        }
        let mut statements = Vec::with_capacity(entries.len());
        for (index, bytes) in entries {
            let broken = |e| Error::Internal(format!("entry {index} can't be replayed: {e}; run `colophon doctor`"));
            statements.push(admitted(&mut keyring, index, &bytes).map_err(broken)?);
        }
        apply_all(&mut tx, &statements).await?;
        applied += statements.len() as u64;
    }
    // Deeds that were done since: they have no place yet, and their rows went with the others.
    let staged = storage::log::staged(&mut tx, u32::MAX >> 1).await?;
    let mut statements = Vec::with_capacity(staged.len());
    for ((_, bytes), index) in staged.iter().zip(applied..) {
        let broken = |e| Error::Internal(format!("a staged statement can't be replayed: {e}; run `colophon doctor`"));
        statements.push(admitted(&mut keyring, index, bytes).map_err(broken)?);
    }
    apply_all(&mut tx, &statements).await?;
    applied += statements.len() as u64;
    storage::fingerprints::settle(&mut tx).await?;
    tx.commit().await?;
    Ok(applied)
}

/// The statement of the next entry, if it bears every signature that it must.
pub(super) fn admitted(keyring: &mut Keyring, index: u64, bytes: &[u8]) -> std::result::Result<Statement, KeyringError> {
    keyring.admit(index, &Envelope::parse(bytes)?)
}
