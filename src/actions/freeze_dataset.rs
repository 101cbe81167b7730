//! Freezing a dataset: a list of works is checked work by work, sorted, and put under one Merkle root. From then on it can't change.

use serde_json::json;

use super::granted::Granted;
use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{DatasetId, WorkId};
use crate::ledger::Subject;
use crate::lineage::{Dataset, dataset};
use crate::storage::{self, Tx};
use crate::works::{Usage, Verdict};

/// Members named in one `dataset-works` statement: keeps it well under the 65,535 bytes of a log entry.
const PART: usize = 1_000;
/// Works named in a refusal.
const NAMED: usize = 10;

/// Freezes `works` under a name. Every work must be registered, and its terms must allow training now: a work that may not be used is
/// named, with the rule that says so.
pub async fn freeze_dataset(instance: &Instance, actor: &Actor, name: &str, works: Vec<WorkId>) -> Result<Dataset> {
    if !actor.may(Scope::Works) {
        return Err(Error::Forbidden(Scope::Works));
    }
    if name.trim().is_empty() || name.chars().count() > crate::works::TEXT_LIMIT || name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "give the dataset a name of at most 300 characters"));
    }
    if works.is_empty() {
        return Err(Error::invalid("works", "a dataset has at least one work: name some"));
    }
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    let refused = refusals(&mut tx, &works, Usage::Train, &actor.name, now).await?;
    refuse(&refused)?;
    if let Some(same) = storage::datasets::find(&mut tx, DatasetId::derived(&dataset::root(&works).0)).await? {
        return Err(Error::Conflict(format!("these very works are frozen already as `{}`", same.dataset.id)));
    }
    let frozen = freeze(&mut tx, instance, name.trim(), works, &actor.name, now).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok(frozen)
}

/// The works whose terms do not allow `usage` by `account` at this moment, each with its title and the verdict. A work nobody registered is one too.
pub(super) async fn refusals(
    tx: &mut Tx,
    works: &[WorkId],
    usage: Usage,
    account: &str,
    now: Timestamp,
) -> Result<Vec<(WorkId, String, Verdict)>> {
    let granted = Granted::of(tx, works).await?;
    let mut refused = Vec::new();
    for &work in works {
        let verdict = granted.verdict(work, usage, account, now);
        if !verdict.permits() {
            let record = storage::works::find(tx, work).await?;
            refused.push((work, record.map_or_else(|| "not registered".to_owned(), |r| r.work.title), verdict));
        }
    }
    Ok(refused)
}

/// An error that names the refused works, if there are any.
pub(super) fn refuse(refused: &[(WorkId, String, Verdict)]) -> Result<()> {
    if refused.is_empty() {
        return Ok(());
    }
    let mut lines: Vec<String> =
        refused.iter().take(NAMED).map(|(id, title, v)| format!("`{id}` ({title}): {}, rule {}", v.reason, v.rule)).collect();
    if refused.len() > NAMED {
        lines.push(format!("and {} more", refused.len() - NAMED));
    }
    Err(Error::invalid("works", format!("{} may not be trained on: {}", count(refused.len()), lines.join("; "))))
}

fn count(n: usize) -> String {
    if n == 1 { "one work".to_owned() } else { format!("{n} works") }
}

/// The members in parts, then the dataset itself with its root.
pub(super) async fn freeze(
    tx: &mut Tx,
    instance: &Instance,
    name: &str,
    mut ids: Vec<WorkId>,
    actor: &str,
    now: Timestamp,
) -> Result<Dataset> {
    ids.sort_unstable();
    ids.dedup();
    let root = dataset::root(&ids);
    let id = DatasetId::derived(&root.0);
    let frozen = Dataset { id, name: name.to_owned(), root, works: ids.len() as u64, frozen_at: now };
    let parts = ids.chunks(PART);
    let of = parts.len();
    for (part, works) in parts.enumerate() {
        let body = json!({ "dataset": id, "part": part + 1, "parts": of, "works": works });
        let subject = vec![Subject::new(format!("works {} of {of}", part + 1), listing(works))];
        let deed = Deed { kind: "dataset-works", subject, actor: actor.to_owned(), body };
        record(tx, instance, now, deed).await?;
    }
    let deed = Deed {
        kind: "dataset",
        subject: vec![Subject::new("works", listing(&ids))],
        actor: actor.to_owned(),
        body: json!({ "dataset": frozen }),
    };
    record(tx, instance, now, deed).await?;
    Ok(frozen)
}

/// Digest of the ids, one a line.
fn listing(works: &[WorkId]) -> Digest {
    Digest::of(works.iter().map(|id| format!("{id}\n")).collect::<String>().as_bytes())
}
