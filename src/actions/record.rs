//! Recording a deed: the statement is signed, staged in the log, and applied to the public tables, all in the caller's transaction.

use serde_json::{Map, Value, json};

use super::{Error, Instance, Result, apply};
use crate::clock::Timestamp;
use crate::id::StatementId;
use crate::ledger::{Statement, Subject};
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

/// The same under an id that was promised before (an image names its statement in the file).
pub(super) async fn record_as(tx: &mut Tx, instance: &Instance, now: Timestamp, id: StatementId, deed: Deed) -> Result<()> {
    let mut predicate = Map::new();
    predicate.insert("statement".into(), json!(id));
    predicate.insert("recorded_at".into(), json!(now));
    predicate.insert("actor".into(), json!(deed.actor));
    // The instance signs for accounts that hold no key of their own, and says so.
    predicate.insert("custody".into(), json!("instance"));
    if let Value::Object(body) = deed.body {
        predicate.extend(body);
    }
    let statement = Statement::new(deed.kind, deed.subject, Value::Object(predicate));
    let signed = statement.sign(&instance.keys.statement).and_then(|envelope| Ok((envelope.to_bytes()?, envelope.statement()?)));
    let (bytes, as_logged) =
        signed.map_err(|e| Error::internal(format!("the statement `{}` can't be signed: {e}", deed.kind)))?;
    storage::log::stage(tx, id, deed.kind, &deed.about, &bytes, now).await?;
    // As read back from the entry, so that a rebuild sees the very same values.
    apply::apply(tx, &as_logged).await
}
