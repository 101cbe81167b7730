//! Saying that a work belongs to a project of the Local Contexts Hub. From then on the community's labels hold for every picture that is made
//! from the work; its words are handed on as they are. A project is handed in as the Hub writes it, or named by its id and fetched later.

use serde_json::json;

use super::affect::told;
use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::id::{StatementId, WorkId};
use crate::ledger::Subject;
use crate::policy::{Project, is_project_id, read_project};
use crate::storage::projects::Asked;
use crate::storage::works::WorkRecord;
use crate::storage::{self, Tx};

/// Attaches a project, from the JSON of the Hub's API, to a work: by who registered it, or an operator. Read again, it takes the place of what
/// was read before.
pub async fn attach_project(instance: &Instance, actor: &Actor, work: WorkId, json: &[u8]) -> Result<(Project, StatementId)> {
    let project = read_project(json).map_err(|e| Error::invalid("project", e.to_string()))?;
    let mut tx = instance.store.begin().await?;
    let found = whose(&mut tx, actor, work).await?;
    let statement = attach(&mut tx, instance, &found, &project, &actor.name).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok((project, statement))
}

/// Names a project by its `unique_id`, to be fetched from the Hub in the background: by who registered the work, or an operator. Named again,
/// it is fetched again.
pub async fn ask_for_project(instance: &Instance, actor: &Actor, work: WorkId, project: &str) -> Result<()> {
    if !is_project_id(project) {
        let problem = "this is no unique_id of a project: copy it from the address of the project's page on the Hub";
        return Err(Error::invalid("project", problem));
    }
    if !instance.asks_hub {
        let problem = "this service has no key for the Local Contexts Hub, so it can't fetch a project: send the project's JSON instead, or ask \
                       the operator to set `hub_key`";
        return Err(Error::invalid("project", problem));
    }
    let mut tx = instance.store.begin().await?;
    whose(&mut tx, actor, work).await?;
    let at = instance.clock.now();
    let asked = Asked { work, project: project.to_owned(), by: actor.name.clone(), at, problem: String::new() };
    storage::projects::ask(&mut tx, &asked).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok(())
}

/// Attaches what the Hub answered to everything it was asked for, and to the works it was read for before. How many statements that made.
pub async fn attach_fetched(instance: &Instance, id: &str, json: &[u8]) -> Result<usize> {
    let project = read_project(json).map_err(|e| Error::invalid("project", e.to_string()))?;
    if project.id != id {
        let problem = format!("the Local Contexts Hub was asked for `{id}` and answers with `{}`", project.id);
        return Err(Error::invalid("project", problem));
    }
    let mut tx = instance.store.begin().await?;
    let before = storage::projects::all(&mut tx).await?;
    let before: Vec<(WorkId, Project)> = before.into_iter().filter(|(_, known)| known.id == id).collect();
    let mut to_attach: Vec<(WorkId, String)> = before
        .iter()
        .filter(|(_, known)| known.sha256 != project.sha256)
        .map(|(work, _)| (*work, instance.site.name.clone()))
        .collect();
    for asked in storage::projects::asked(&mut tx, None).await?.into_iter().filter(|asked| asked.project == id) {
        if !before.iter().any(|(work, _)| *work == asked.work) {
            to_attach.push((asked.work, asked.by));
        }
        storage::projects::forget_ask(&mut tx, asked.work, id).await?;
    }
    for (work, by) in &to_attach {
        if let Some(found) = storage::works::find(&mut tx, *work).await? {
            attach(&mut tx, instance, &found, &project, by).await?;
        }
    }
    tx.commit().await?;
    instance.bell.ring();
    Ok(to_attach.len())
}

/// Notes why a project that was asked for could not be fetched; told to the operators once for each reason.
pub async fn note_problem(instance: &Instance, id: &str, problem: &str) -> Result<()> {
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    let mut new = false;
    for asked in storage::projects::asked(&mut tx, None).await?.into_iter().filter(|asked| asked.project == id) {
        new |= asked.problem != problem;
        storage::projects::ask(&mut tx, &Asked { problem: problem.to_owned(), ..asked }).await?;
    }
    if new {
        told(&mut tx, instance, None, &format!("The project {id} could not be read: {problem}"), "/policies", now).await?;
    }
    Ok(tx.commit().await?)
}

/// The work, if `actor` may say where it belongs.
async fn whose(tx: &mut Tx, actor: &Actor, work: WorkId) -> Result<WorkRecord> {
    if !actor.may(Scope::Grants) {
        return Err(Error::Forbidden(Scope::Grants));
    }
    let found = storage::works::find(tx, work).await?.ok_or_else(|| Error::not_found("work", work))?;
    if found.work.registered_by != actor.name && !actor.may(Scope::Operate) {
        return Err(Error::invalid("work", "only who registered a work, or an operator, may say to which project it belongs"));
    }
    Ok(found)
}

async fn attach(tx: &mut Tx, instance: &Instance, found: &WorkRecord, project: &Project, by: &str) -> Result<StatementId> {
    let work = found.work.id;
    let deed = Deed {
        kind: "project",
        subject: vec![Subject::new(work.to_string(), found.work.digest)],
        actor: by.to_owned(),
        body: json!({ "work": work, "project": project }),
    };
    record(tx, instance, instance.clock.now(), deed).await
}
