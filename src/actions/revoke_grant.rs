//! Revoking a grant: from this moment no picture may draw on the work under it.

use serde_json::json;

use super::affect::affected;
use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::id::{GrantId, StatementId};
use crate::ledger::Subject;
use crate::lineage::Cause;
use crate::storage;

/// Longest reason kept, in characters.
const REASON_LIMIT: usize = 500;

/// Revokes a grant and says why, in public.
pub async fn revoke_grant(instance: &Instance, actor: &Actor, id: GrantId, reason: &str) -> Result<StatementId> {
    if !actor.may(Scope::Grants) {
        return Err(Error::Forbidden(Scope::Grants));
    }
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_LIMIT || reason.contains('\0') {
        return Err(Error::invalid(
            "reason",
            format!("say in 1 to {REASON_LIMIT} characters why the grant is revoked; it will be public"),
        ));
    }
    let mut tx = instance.store.begin().await?;
    let now = instance.clock.now();
    let kept = storage::works::find_grant(&mut tx, id).await?.ok_or_else(|| Error::not_found("grant", id))?;
    let work = storage::works::find(&mut tx, kept.grant.work).await?.ok_or_else(|| Error::not_found("work", kept.grant.work))?;
    // A rights holder speaks for what they registered; an operator may act on a complaint.
    if work.work.registered_by != actor.name && !actor.may(Scope::Operate) {
        return Err(Error::invalid("grant", "only who registered the work, or an operator, may revoke a grant on it"));
    }
    if kept.revoked.is_some() {
        return Err(Error::Conflict(format!("the grant `{id}` was revoked before")));
    }
    let before = storage::terms::of(&mut tx, kept.grant.work).await?;
    let deed = Deed {
        kind: "revocation",
        subject: vec![Subject::new(work.work.id.to_string(), work.work.digest)],
        actor: actor.name.clone(),
        body: json!({ "grant": id, "work": kept.grant.work, "reason": reason }),
    };
    let statement = record(&mut tx, instance, now, deed).await?;
    // What may be done no longer, by anybody: everything that stands on the work is affected, and the log says what that is.
    let after = storage::terms::of(&mut tx, kept.grant.work).await?;
    if before.lost(&after, now) {
        affected(&mut tx, instance, &work.work, Cause::Grant(id), &actor.name, now).await?;
    }
    tx.commit().await?;
    instance.bell.ring();
    Ok(statement)
}
