//! `/api/v1/jobs`: pictures in work, for whoever asked for them.

use axum::extract::State as Handed;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::TheInstance;
use crate::accounts::{Actor, Scope};
use crate::actions::board::Progress;
use crate::actions::{Error, request_image};
use crate::id::JobId;
use crate::storage::jobs::Job;
use crate::storage::{self, Tx};
use crate::web::error::Failure;
use crate::web::extract::Segment;
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
    let ahead = storage::jobs::ahead(&mut tx, &job).await?;
    let progress = instance.board.get(id).unwrap_or_else(|| Progress::recorded(&job));
    let preview = progress.preview.map(|png| format!("data:image/png;base64,{}", STANDARD.encode(png)));
    Ok(axum::Json(json!({
        "id": id,
        "state": job.state.as_str(),
        "step": progress.step,
        "of": progress.of,
        "ahead": ahead,
        "preview": preview,
        "image": job.image,
        "problem": job.problem,
        "created_at": job.created_at,
    })))
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
