//! Recording a deed: the statement is signed, staged in the log, and applied to the public tables, all in the caller's transaction.

use serde_json::{Map, Value, json};

use super::{Error, Instance, Result, apply};
use crate::clock::Timestamp;
use crate::id::StatementId;
use crate::ledger::{Statement, Subject};
use crate::storage::log::Staged;
use crate::storage::{self, Tx};

/// What a statement is about.
pub(super) struct Deed {
    /// Name of the predicate: `work`, `image`, …
    pub kind: &'static str,
    /// Id by which it is found again.
    pub about: String,
    /// Things named with their digests.
    pub subject: Vec<Subject>,
    /// Public name of who did it.
    pub actor: String,
    /// The deed itself, under its kind's field names.
    pub body: Value,
}

/// Records a deed under a new statement id.
pub(super) async fn record(tx: &mut Tx, instance: &Instance, now: Timestamp, deed: Deed) -> Result<StatementId> {
    let id = StatementId::new(now, &*instance.chance);
    record_as(tx, instance, now, id, deed).await?;
    Ok(id)
}

/// Records many deeds, in their order: as [`record`], with fewer words to the database.
pub(super) async fn record_all(tx: &mut Tx, instance: &Instance, now: Timestamp, deeds: Vec<Deed>) -> Result<Vec<StatementId>> {
    let deeds = deeds.into_iter().map(|deed| (StatementId::new(now, &*instance.chance), deed)).collect();
    record_each(tx, instance, now, deeds).await
}

/// Records a deed under an id that was promised before (an image names its statement in the file).
pub(super) async fn record_as(tx: &mut Tx, instance: &Instance, now: Timestamp, id: StatementId, deed: Deed) -> Result<()> {
    record_each(tx, instance, now, vec![(id, deed)]).await.map(drop)
}

async fn record_each(
    tx: &mut Tx,
    instance: &Instance,
    now: Timestamp,
    deeds: Vec<(StatementId, Deed)>,
) -> Result<Vec<StatementId>> {
    let mut signed = Vec::with_capacity(deeds.len());
    let mut as_logged = Vec::with_capacity(deeds.len());
    for (id, deed) in deeds {
        let (bytes, statement) = sign(instance, now, id, deed.kind, deed.subject, &deed.actor, deed.body)?;
        signed.push((id, deed.kind, deed.about, bytes));
        as_logged.push(statement);
    }
    let staged: Vec<Staged<'_>> =
        signed.iter().map(|(id, kind, about, bytes)| Staged { id: *id, kind, subject: about, bytes }).collect();
    storage::log::stage_all(tx, &staged, now).await?;
    // As read back from the entries, so that a rebuild sees the very same values.
    apply::apply_all(tx, &as_logged).await?;
    Ok(signed.into_iter().map(|(id, ..)| id).collect())
}

/// The entry of a statement, and the statement as read back from it.
fn sign(
    instance: &Instance,
    now: Timestamp,
    id: StatementId,
    kind: &'static str,
    subject: Vec<Subject>,
    actor: &str,
    body: Value,
) -> Result<(Vec<u8>, Statement)> {
    let mut predicate = Map::new();
    predicate.insert("statement".into(), json!(id));
    predicate.insert("recorded_at".into(), json!(now));
    predicate.insert("actor".into(), json!(actor));
    // The instance signs for accounts that hold no key of their own, and says so.
    predicate.insert("custody".into(), json!("instance"));
    if let Value::Object(body) = body {
        predicate.extend(body);
    }
    let statement = Statement::new(kind, subject, Value::Object(predicate));
    let signed = statement.sign(&instance.keys.statement).and_then(|envelope| Ok((envelope.to_bytes()?, envelope.statement()?)));
    signed.map_err(|e| Error::internal(format!("the statement `{kind}` can't be signed: {e}")))
}
