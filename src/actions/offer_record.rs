//! Offering what a file says of itself: the file is kept for a day while its registrant reads the record, changes what is wrong, and says what
//! is missing. Nothing is registered here.

use std::time::Duration;

use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::storage::uploads::{self, Incoming};
use crate::works::metadata::Metadata;

/// How long an unfinished registration keeps its file.
const AGE: Duration = Duration::from_secs(24 * 3600);

/// A name of a kept file: only whoever sent it knows it, and only their account finds it.
fn file_name(actor: &Actor, name: &str) -> Option<String> {
    let plain = name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| format!("work-{}-{name}", actor.account))
}

/// Keeps a file and reads its record. The name by which it is handed in again.
pub async fn offer_record(instance: &Instance, actor: &Actor, file: &[u8]) -> Result<(String, Metadata)> {
    if !actor.may(Scope::Works) {
        return Err(Error::Forbidden(Scope::Works));
    }
    uploads::sweep(&instance.uploads, "work-", AGE).await;
    let name = hex::encode(instance.secrets.bytes::<16>());
    let path = file_name(actor, &name).ok_or_else(|| Error::internal("a name of 32 digits has another length"))?;
    let mut incoming = Incoming::begin(&instance.uploads, &path, u64::MAX).await?;
    incoming.write(file).await?;
    incoming.finish().await?;
    Ok((name, tokio::task::block_in_place(|| Metadata::read(file))))
}

/// A file kept before; `None` when it is gone or another's.
pub async fn offered_file(instance: &Instance, actor: &Actor, name: &str) -> Result<Option<Vec<u8>>> {
    match file_name(actor, name) {
        Some(path) => Ok(uploads::read(&instance.uploads, &path).await?),
        None => Ok(None),
    }
}

/// Forgets a kept file: its work is registered.
pub async fn forget_offered(instance: &Instance, actor: &Actor, name: &str) {
    if let Some(path) = file_name(actor, name) {
        uploads::remove(&instance.uploads, &instance.uploads.join(path)).await;
    }
}
