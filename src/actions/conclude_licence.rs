//! Looking into a licence: what was declared, what the file says and what is known besides are weighed by somebody who registered neither, and
//! the verdicts go by what they found.

use serde_json::json;

use super::affect::affected;
use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::id::{GrantId, StatementId};
use crate::ledger::Subject;
use crate::lineage::Cause;
use crate::storage;
use crate::works::TEXT_LIMIT;
use crate::works::licence::{Concluded, LICENCE_LIMIT, NO_ASSERTION};
use crate::works::verdict::{is_expression, is_listed};

/// Records what a licence was found to be, and from what.
pub async fn conclude_licence(
    instance: &Instance,
    actor: &Actor,
    id: GrantId,
    licence: &str,
    reason: &str,
) -> Result<StatementId> {
    if !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate));
    }
    let (licence, reason) = (licence.trim(), reason.trim());
    let mut problems = Vec::new();
    if licence.len() > LICENCE_LIMIT || !(is_listed(licence) || licence == NO_ASSERTION || is_expression(licence)) {
        problems.push((
            "licence",
            format!("name it by its SPDX identifier or expression, or `{NO_ASSERTION}` when none can be told"),
        ));
    }
    if reason.is_empty() || reason.chars().count() > TEXT_LIMIT || reason.chars().any(char::is_control) {
        problems.push(("reason", format!("say in 1 to {TEXT_LIMIT} characters what this rests on; it will be public")));
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    let kept = storage::works::find_grant(&mut tx, id).await?.ok_or_else(|| Error::not_found("grant", id))?;
    let work = storage::works::find(&mut tx, kept.grant.work).await?.ok_or_else(|| Error::not_found("work", kept.grant.work))?;
    if work.work.registered_by == actor.name || kept.grant.declared_by == actor.name {
        return Err(Error::invalid("grant", "nobody looks into what they declared themselves: ask another operator"));
    }
    let before = storage::terms::of(&mut tx, work.work.id).await?;
    let concluded = Concluded { licence: licence.to_owned(), verified_by: Some(actor.name.clone()), reason: reason.to_owned() };
    let deed = Deed {
        kind: "conclusion",
        subject: vec![Subject::new(work.work.id.to_string(), work.work.digest)],
        actor: actor.name.clone(),
        body: json!({ "grant": id, "work": work.work.id, "concluded": concluded }),
    };
    let statement = record(&mut tx, instance, now, deed).await?;
    let after = storage::terms::of(&mut tx, work.work.id).await?;
    if before.lost(&after, now) {
        affected(&mut tx, instance, &work.work, Cause::Grant(id), &actor.name, now).await?;
    }
    tx.commit().await?;
    instance.bell.ring();
    Ok(statement)
}
