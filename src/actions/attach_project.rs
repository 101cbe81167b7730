//! Saying that a work belongs to a project of the Local Contexts Hub. From then on the community's labels hold for every picture that is made
//! from the work; its words are handed on as they are.

use serde_json::json;

use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::id::{StatementId, WorkId};
use crate::ledger::Subject;
use crate::policy::{Project, read_project};
use crate::storage;

/// Attaches a project, from the JSON of the Hub's API, to a work: by who registered it, or an operator. Read again, it takes the place of what
/// was read before.
pub async fn attach_project(instance: &Instance, actor: &Actor, work: WorkId, json: &[u8]) -> Result<(Project, StatementId)> {
    if !actor.may(Scope::Grants) {
        return Err(Error::Forbidden(Scope::Grants));
    }
    let project = read_project(json).map_err(|e| Error::invalid("project", e.to_string()))?;
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    let found = storage::works::find(&mut tx, work).await?.ok_or_else(|| Error::not_found("work", work))?;
    if found.work.registered_by != actor.name && !actor.may(Scope::Operate) {
        return Err(Error::invalid("work", "only who registered a work, or an operator, may say to which project it belongs"));
    }
    let deed = Deed {
        kind: "project",
        about: work.to_string(),
        subject: vec![Subject::new(work.to_string(), found.work.digest)],
        actor: actor.name.clone(),
        body: json!({ "work": work, "project": project }),
    };
    let statement = record(&mut tx, instance, now, deed).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok((project, statement))
}
