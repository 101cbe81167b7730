//! fsck: the whole log again from its rows, every signature that an entry needs, and every blob that rows name.

use super::remembered_head::served;
use super::{Instance, Result};
use crate::ledger::fsck::{Fsck, Report};
use crate::ledger::{Keyring, TileSet};
use crate::storage;

/// Entries read at a time.
const CHUNK: u64 = 4_096;
/// Published heads read at a time.
const HEADS: u32 = 4_096;

/// Checks everything. Slow: reads and hashes all of it.
pub async fn check_log(instance: &Instance) -> Result<Report> {
    let mut tx = instance.store.read().await?;
    let Some(head) = storage::log::locked(&mut tx).await? else {
        return Ok(Report { size: 0, root: crate::ledger::EMPTY_ROOT, problems: vec!["no checkpoint was ever signed".into()] });
    };
    let mut tiles = TileSet::default();
    for (level, n, bytes) in storage::log::tiles(&mut tx).await? {
        tiles.insert(level, n, bytes);
    }
    let mut fsck = Fsck::new(&tiles, head.checkpoint.as_bytes(), &instance.site.log_origin, instance.keys.log.verifier());
    let mut keyring = Keyring::new(instance.keys.statement.verifying_key());
    let mut from = 0;
    let mut published = storage::log::heads(&mut tx, None, HEADS).await?.into_iter().peekable();
    loop {
        let entries = storage::log::entries(&mut tx, from, from + CHUNK).await?;
        if entries.is_empty() {
            break;
        }
        for (index, bytes) in &entries {
            while let Some((size, root)) = published.next_if(|(size, _)| size <= index) {
                if size == *index && fsck.root().0[..] != root {
                    fsck.problem(format!("a head of `{size}` entries was published with a root that they do not hash to"));
                }
                if published.peek().is_none() {
                    published = storage::log::heads(&mut tx, Some(size), HEADS).await?.into_iter().peekable();
                }
            }
            if let Some((envelope, _)) = fsck.entry(*index, bytes)
                && let Err(e) = keyring.admit(*index, &envelope)
            {
                fsck.problem(format!("entry `{index}`: {e}"));
            }
        }
        from += CHUNK;
    }
    if let Some(row) = storage::log::head(&mut tx).await?
        && let Err(e) = served(&row, instance.keys.log.verifier())
    {
        fsck.problem(e.to_string());
    }
    for (size, root) in published {
        if size != head.size || root != head.root {
            fsck.problem(format!(
                "a head of `{size}` entries was published, which the last signed head of {} does not have",
                head.size
            ));
        }
    }
    for object in storage::blobs::objects(&mut tx).await? {
        if !instance.blobs.exists(object).await? {
            fsck.problem(format!("the blob `{object}` is named by a row and gone from the blob store"));
        }
    }
    Ok(fsck.finish())
}
