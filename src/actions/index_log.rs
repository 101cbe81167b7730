//! Indexing the log: entries from before there was a column for who did what get theirs, read from the entries. Looked for at every start;
//! once done there is nothing to find.

use super::{Instance, Result};
use crate::ledger::Envelope;
use crate::storage;

/// Entries read at a time.
const CHUNK: u32 = 2_048;

/// Fills in whose deed each entry is. One that can't be read stays without.
pub(super) async fn index_log(instance: &Instance) -> Result<()> {
    let mut from = 0;
    loop {
        let mut tx = instance.store.read().await?;
        let found = storage::log::without_actor(&mut tx, from, CHUNK).await?;
        drop(tx);
        let Some((last, _)) = found.last() else { return Ok(()) };
        from = last + 1;
        let mut tx = instance.store.begin().await?;
        for (index, bytes) in &found {
            if let Some(actor) = actor_of(bytes) {
                storage::log::set_actor(&mut tx, *index, &actor).await?;
            }
        }
        tx.commit().await?;
    }
}

/// Who did it, as the entry says.
fn actor_of(bytes: &[u8]) -> Option<String> {
    let statement = Envelope::parse(bytes).and_then(|envelope| envelope.statement()).ok()?;
    statement.predicate.get("actor").and_then(|actor| actor.as_str()).map(str::to_owned)
}
