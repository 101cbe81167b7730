//! `/api/v1/jobs`: pictures in work, for whoever asked for them.

use std::time::Duration;

use axum::extract::State as Handed;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::events::Events;
use super::{Paging, TheInstance, limit};
use crate::accounts::{Actor, Scope};
use crate::actions::board::Progress;
use crate::actions::gate::credit_and_go_on;
use crate::actions::{Error, Instance, queue, request_image};
use crate::id::JobId;
use crate::storage::jobs::Job;
use crate::storage::{self, Tx};
use crate::web::error::Failure;
use crate::web::extract::{Json, Query, Segment};
use crate::web::session::Visitor;

type Answer = Result<axum::Json<Value>, Failure>;

/// A job of the actor's; others' jobs do not exist for them.
pub(crate) async fn own(tx: &mut Tx, actor: &Actor, id: JobId) -> Result<Job, Failure> {
    let job = storage::jobs::find(tx, id).await?.filter(|j| j.account == actor.account || actor.may(Scope::Operate));
    Ok(job.ok_or_else(|| Error::not_found("job", id))?)
}

pub(super) async fn one(Handed(instance): TheInstance, visitor: Visitor, Segment(id): Segment<JobId>) -> Answer {
    let actor = visitor.someone()?;
    let mut tx = instance.store.read().await?;
    let job = own(&mut tx, actor, id).await?;
    Ok(axum::Json(shown(&instance, &mut tx, job).await?))
}

/// A job as it stands now.
async fn shown(instance: &Instance, tx: &mut Tx, job: Job) -> Result<Value, Failure> {
    let place = queue::place(tx, &job, instance.clock.now()).await?;
    let progress = instance.board.get(job.id).unwrap_or_else(|| Progress::recorded(&job));
    let preview = progress.preview.map(|png| format!("data:image/png;base64,{}", STANDARD.encode(png)));
    Ok(json!({
        "id": job.id,
        "series": job.series,
        "priority": job.priority,
        "state": job.state.as_str(),
        "step": progress.step,
        "of": progress.of,
        "ahead": place.ahead,
        "seconds": place.seconds,
        "preview": preview,
        "image": job.image,
        "problem": job.problem,
        "held": job.held,
        "edit": job.request.get("edit"),
        "seed": job.request.get("seed"),
        "created_at": job.created_at,
    }))
}

pub(super) async fn list(Handed(instance): TheInstance, visitor: Visitor, Query(paging): Query<Paging>) -> Answer {
    let actor = visitor.someone()?;
    let mut tx = instance.store.read().await?;
    let page = storage::jobs::list(&mut tx, actor.account, &paging.after, limit(paging.limit)).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for job in page.items {
        items.push(shown(&instance, &mut tx, job).await?);
    }
    Ok(axum::Json(json!({ "items": items, "total": page.total, "next": page.next })))
}

pub(super) async fn retry(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<JobId>,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let requested = queue::retry(&instance, actor, id).await?;
    let url = format!("/api/v1/jobs/{}", requested.job.id);
    let body = json!({ "job": requested.job.id, "state": requested.job.state.as_str(), "url": url });
    Ok((StatusCode::ACCEPTED, axum::Json(body)).into_response())
}

/// Goes on with a held picture, with the works that it is too near to credited.
pub(super) async fn credit(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<JobId>,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    credit_and_go_on(&instance, actor, id).await?;
    let body = json!({ "job": id, "state": "queued", "url": format!("/api/v1/jobs/{id}") });
    Ok((StatusCode::ACCEPTED, axum::Json(body)).into_response())
}

#[derive(Deserialize)]
pub(super) struct Priority {
    priority: i64,
}

pub(super) async fn priority(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<JobId>,
    Json(asked): Json<Priority>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    queue::set_priority(&instance, actor, id, asked.priority).await?;
    Ok(axum::Json(json!({ "id": id, "priority": asked.priority })))
}

/// How often a stream looks at its job.
const LOOK: Duration = Duration::from_millis(200);
/// Looks without news after which a stream says that it lives.
const QUIET: u32 = 50;

/// A job as server-sent events: `job` with the same JSON as the job itself whenever it has changed, until it is over.
pub(super) async fn events(
    Handed(instance): TheInstance,
    visitor: Visitor,
    Segment(id): Segment<JobId>,
) -> Result<Response, Failure> {
    let actor = visitor.someone()?.clone();
    own(&mut instance.store.read().await?, &actor, id).await?;
    let (mut events, response) = Events::begin();
    tokio::spawn(async move {
        let (mut before, mut quiet) = (Value::Null, 0);
        loop {
            let now = async {
                let mut tx = instance.store.read().await?;
                let job = own(&mut tx, &actor, id).await?;
                let over = job.state.is_over();
                Ok::<_, Failure>((shown(&instance, &mut tx, job).await?, over))
            };
            let Ok((now, over)) = now.await else { break };
            quiet += 1;
            let heard = if now != before {
                (before, quiet) = (now, 0);
                events.send("job", &before).await
            } else if quiet >= QUIET {
                quiet = 0;
                events.alive().await
            } else {
                true
            };
            if over || !heard {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    Ok(response)
}

pub(super) async fn cancel(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<JobId>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    request_image::cancel(&instance, actor, id).await?;
    Ok(axum::Json(json!({ "id": id, "state": "cancelled" })))
}
