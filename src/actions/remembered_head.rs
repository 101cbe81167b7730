//! The head that was signed last, remembered beside the database: whoever restores an old copy of the database must not go on from there, as
//! the log would then say two things of one place (a fork), which can't be taken back.
//!
//! Written after the head was signed and before it is published, so the file is never ahead of the database that belongs to it.

use std::path::{Path, PathBuf};

use super::{Error, Instance, Result};
use crate::ledger::proof::root;
use crate::ledger::tile_reader::tiles_needed;
use crate::ledger::tree::peaks;
use crate::ledger::{Checkpoint, Head, NodeHash, SignedCheckpoint, TileReader, Verifier};
use crate::storage::faults::{Call, Faults};
use crate::storage::files::{self, Access};
use crate::storage::log::HeadRow;
use crate::storage::{self, Tx};

/// The file, in the folder of the keys.
const FILE: &str = "signed-head";

/// Where the last signed head is remembered.
#[derive(Debug, Clone)]
pub struct RememberedHead {
    path: PathBuf,
}

impl RememberedHead {
    /// In this folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self { path: folder.join(FILE) }
    }

    /// The head in the file, signed with the log's key under the log's name; `None` when there is no file yet.
    pub(super) fn read(&self, verifier: &Verifier, faults: &Faults) -> Result<Option<Checkpoint>> {
        faults.before(Call::File(FILE)).map_err(Error::Internal)?;
        let Some(text) = files::read(&self.path)? else { return Ok(None) };
        let opened = SignedCheckpoint::parse(text.as_bytes())
            .and_then(|signed| signed.open(verifier.name(), std::slice::from_ref(verifier)).cloned());
        let checkpoint = opened.map_err(|e| {
            Error::Internal(format!(
                "the head remembered in `{}` is not this log's: {e}; start with the database and the keys that belong together",
                self.path.display()
            ))
        })?;
        Ok(Some(checkpoint))
    }

    /// Remembers a head. A larger one may be remembered already (another process was quicker); what it is then is given back, for the caller to
    /// see whether the database knows it. Another head of the same size is another history, and refused.
    pub(super) fn write(&self, head: &HeadRow, verifier: &Verifier, faults: &Faults) -> Result<Option<Checkpoint>> {
        let held = files::lock(&self.path.with_extension("lock"))?;
        let known = self.read(verifier, faults)?;
        if let Some(known) = known.as_ref().filter(|known| known.size == head.size) {
            not_behind(known, Some(head))?;
        }
        if known.as_ref().is_some_and(|known| known.size > head.size) {
            return Ok(known);
        }
        if known.is_none_or(|known| known.size < head.size) {
            let signed = SignedCheckpoint::parse(head.checkpoint.as_bytes()).map_err(Error::internal)?;
            let said = signed.open(verifier.name(), std::slice::from_ref(verifier)).map_err(Error::internal)?;
            if said.size != head.size || said.root.0[..] != head.root[..] {
                return Err(Error::internal("the last signed head and its row differ: restore the database from a backup"));
            }
            faults.before(Call::File(FILE)).map_err(Error::Internal)?;
            files::write(&self.path, head.checkpoint.as_bytes(), Access::Public)?;
            faults.after(Call::File(FILE)).map_err(Error::Internal)?;
        }
        drop(held);
        Ok(None)
    }
}

/// A stored head in the ledger's words.
pub(super) fn head_of(row: &HeadRow) -> Result<Head> {
    let root = NodeHash::from_slice(&row.root).ok_or_else(|| Error::internal("the stored head has no 32-byte root"))?;
    Ok(Head { size: row.size, root })
}

/// Refuses a database that is behind what this log has signed, or beside it.
pub(super) fn not_behind(remembered: &Checkpoint, locked: Option<&HeadRow>) -> Result<()> {
    let (size, root) = match locked {
        Some(row) => (row.size, head_of(row)?.root),
        None => (0, Head::EMPTY.root),
    };
    if size < remembered.size {
        return Err(Error::Internal(format!(
            "this log has signed a head of {} entries, but the database knows only {size}: it is an old copy, and going on from it would \
             fork the log; restore a newer backup of the database",
            remembered.size
        )));
    }
    if size == remembered.size && root != remembered.root {
        return Err(Error::Internal(format!(
            "this log has signed the root {} for {size} entries, but the database has {root}: it is another history; restore the database \
             that belongs to these keys",
            remembered.root
        )));
    }
    Ok(())
}

/// Refuses to start on a log that can't be gone on with: a head under another key or name, a right edge that does not lead to it, entries
/// that are missing before it, a published head or a remembered one that is not its beginning.
pub(super) async fn check_heads(instance: &Instance) -> Result<()> {
    let verifier = instance.keys.log.verifier();
    // The file first: it is never ahead of the database, so one that was read earlier can't be either.
    let remembered = instance.remembered.read(verifier, instance.store.faults())?;
    let mut tx = instance.store.read().await?;
    let locked = storage::log::locked(&mut tx).await?;
    if let Some(remembered) = &remembered {
        not_behind(remembered, locked.as_ref())?;
    }
    let Some(row) = locked else { return Ok(()) };
    let head = head_of(&row)?;
    let signed = SignedCheckpoint::parse(row.checkpoint.as_bytes()).map_err(Error::internal)?;
    let said = signed.open(verifier.name(), std::slice::from_ref(verifier)).map_err(|e| {
        Error::Internal(format!(
            "the last signed head in the database is not this log's: {e}; start with the keys that belong to it"
        ))
    })?;
    if (said.size, said.root) != (head.size, head.root) {
        return Err(Error::internal("the last signed head and its row differ: restore the database from a backup"));
    }
    let last = storage::log::last_index(&mut tx).await?;
    if last.map_or(0, |index| index + 1) != head.size {
        return Err(Error::Internal(format!(
            "the last signed head has {} entries, but the entries end with {last:?}: restore the database from a backup",
            head.size
        )));
    }
    let published = match storage::log::head(&mut tx).await? {
        Some(row) => Some(served(&row, verifier)?),
        None => None,
    };
    let earlier = published.into_iter().chain(remembered.map(|c| Head { size: c.size, root: c.root }));
    for earlier in earlier {
        let found = root_of(&mut tx, &head, earlier.size).await?;
        if found != earlier.root {
            return Err(Error::Internal(format!(
                "a head of {} entries was signed with the root {}, but the log has {found} there: it was changed behind it; restore the \
                 database from a backup",
                earlier.size, earlier.root
            )));
        }
    }
    Ok(())
}

/// A published head, as it is served: signed by the log, and what its row says.
pub(super) fn served(row: &HeadRow, verifier: &Verifier) -> Result<Head> {
    let wrong =
        |why: String| Error::Internal(format!("the published head of {} entries is not one of this log's: {why}", row.size));
    let signed = SignedCheckpoint::parse(row.checkpoint.as_bytes()).map_err(|e| wrong(e.to_string()))?;
    let said = signed.open(verifier.name(), std::slice::from_ref(verifier)).map_err(|e| wrong(e.to_string()))?;
    let head = head_of(row)?;
    if (said.size, said.root) == (head.size, head.root) { Ok(head) } else { Err(wrong("its row says otherwise".into())) }
}

/// The root of the first `size` entries of the log at `head`, from tiles that lead to it.
pub(super) async fn root_of(tx: &mut Tx, head: &Head, size: u64) -> Result<NodeHash> {
    if size > head.size {
        return Err(Error::Internal(format!(
            "a head of {size} entries was published, but the last signed one has {}: restore a newer backup of the database",
            head.size
        )));
    }
    let tiles = super::publish_checkpoint::load(tx, &tiles_needed(head.size, peaks(size))).await?;
    let reader = TileReader::open(&tiles, head.size, head.root).map_err(Error::internal)?;
    root(size, &reader).map_err(Error::internal)
}
