//! Registering a work: its file or its hash, whose it is, and the licence given on it. It can be drawn on at once when its file is kept.

use super::candidate::{Candidate, MOST_PIXELS, Told, candidate, deed};
use super::fingerprint::fingerprints_of;
use super::record::record;
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::id::{StatementId, WorkId};
use crate::likeness::Subject;
use crate::provenance::encode::decode;
use crate::provenance::{Format, container::outline};
use crate::storage::{self, Lock, blobs::Blob};
use crate::works::EvidenceFile;
use crate::works::list::Row;
use crate::works::sources::render::render_into;

const NO_LICENCE: &str = "name the licence by its SPDX identifier, such as `CC-BY-4.0`";

/// What is sent to register a work.
#[derive(Debug, Clone, Default)]
pub struct Registration {
    /// Its file: PNG, JPEG, WebP or SVG; empty for a work that is registered by its hash.
    pub file: Vec<u8>,
    /// What is said of it.
    pub row: Row,
    /// Files that show the right to give the licence, with their names.
    pub evidence: Vec<(String, Vec<u8>)>,
    /// Whether what is left empty is taken from the file's own record.
    pub from_file: bool,
}

/// Registers a work and gives its licence. The work's id and its statement.
pub async fn register_work(instance: &Instance, actor: &Actor, sent: Registration) -> Result<(WorkId, StatementId)> {
    if !actor.may(Scope::Works) {
        return Err(Error::Forbidden(Scope::Works));
    }
    let now = instance.clock.now();
    let ready = tokio::task::block_in_place(|| checked(instance, actor, sent))?;
    // INVARIANT: the bytes are on disk before a row names them.
    for (_, bytes) in ready.file.iter().chain(&ready.evidence) {
        instance.blobs.put(bytes.clone()).await?;
    }
    // Found by picture from the moment it is registered. A file that can't be looked at is like nothing.
    let looked = ready.file.as_ref().map(|(_, bytes)| tokio::task::block_in_place(|| fingerprints_of(bytes)));
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Works).await?;
    let sha256 = ready.work.digest.sha256;
    if let Some(other) = storage::works::ids_by_sha256(&mut tx, &[sha256]).await?.remove(&sha256) {
        return Err(Error::Conflict(format!("this very picture is registered already as `{other}`")));
    }
    if let Some((digest, _)) = &ready.file {
        let blob = Blob { digest: *digest, media_type: ready.work.media_type.clone(), pack: None };
        storage::blobs::insert(&mut tx, &blob).await?;
    }
    for (digest, _) in &ready.evidence {
        let blob = Blob { digest: *digest, media_type: "application/octet-stream".to_owned(), pack: None };
        storage::blobs::insert(&mut tx, &blob).await?;
    }
    let statement = record(&mut tx, instance, now, deed(&ready, actor)).await?;
    if let Some(looked) = looked {
        storage::fingerprints::insert(&mut tx, &[(Subject::Work(ready.work.id), looked.ok())]).await?;
    }
    tx.commit().await?;
    instance.bell.ring();
    Ok((ready.work.id, statement))
}

fn checked(instance: &Instance, actor: &Actor, sent: Registration) -> Result<Candidate> {
    let mut problems = Vec::new();
    let Registration { file, row, evidence, from_file } = sent;
    if file.is_empty() && row.sha256.is_none() {
        problems.push(("picture", "choose the work's picture (PNG, JPEG, WebP or SVG), or give its sha256".to_owned()));
    } else if !file.is_empty()
        && let Err(problem) = readable(&file)
    {
        problems.push(("picture", problem));
    }
    if let Err(problem) = EvidenceFile::check(&evidence) {
        problems.push(("evidence_files", problem));
    }
    // Whoever registers by hand says under which licence, or lets the file say it.
    let unsaid = row.licence.trim().is_empty();
    let told =
        Told { file: (!file.is_empty() || row.sha256.is_none()).then_some(file), row, evidence, from_file, ..Told::default() };
    let ready = candidate(told, actor, instance.keys.image_signer().trust(), instance.clock.now(), &*instance.chance);
    let found = match ready {
        Ok(ready) if ready.grant.is_none() => {
            problems.push(("licence", NO_LICENCE.to_owned()));
            None
        }
        Ok(ready) => Some(ready),
        Err(more) => {
            // What is wrong with the picture was said above, in more words.
            problems.extend(more.into_iter().filter(|(field, _)| *field != "file"));
            if unsaid {
                problems.push(("licence", NO_LICENCE.to_owned()));
            }
            None
        }
    };
    match found {
        Some(ready) if problems.is_empty() => Ok(ready),
        _ => Err(Error::Invalid(problems)),
    }
}

fn readable(file: &[u8]) -> std::result::Result<(), String> {
    if crate::works::metadata::is_svg(file) {
        let text = String::from_utf8_lossy(file);
        return render_into(&text, 64).map(drop).map_err(|e| format!("the drawing can't be rendered: {}", e.reason()));
    }
    let found = outline(file).map_err(|e| e.to_string())?;
    if u64::from(found.width) * u64::from(found.height) > MOST_PIXELS {
        return Err(format!("the picture has {}×{} pixels: at most 4096×4096 are registered", found.width, found.height));
    }
    decode(file, Format::sniff(file).unwrap_or(found.format), MOST_PIXELS * 8).map(drop).map_err(|e| e.to_string())
}
