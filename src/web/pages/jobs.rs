//! `/jobs/{id}`: a picture in work, for whoever asked for it.

use axum::extract::State as Handed;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::view::workbench::QueueRow;
use super::view::{JobPage, QueuePage};
use super::{Page, chrome, fill};
use crate::actions::board::Progress;
use crate::actions::queue;
use crate::actions::request_image::{self, Order};
use crate::generation::edit::Edit;
use crate::id::JobId;
use crate::storage;
use crate::storage::tasks::TaskState;
use crate::web::State;
use crate::web::api::own_job;
use crate::web::error::Failure;
use crate::web::extract::{Form, Segment};
use crate::web::session::Visitor;

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<JobId>,
) -> Result<Response, Failure> {
    let actor = visitor.someone()?;
    let chrome = chrome(&state, &visitor, "A picture in work", &format!("/jobs/{id}")).await?;
    let mut tx = state.instance.store.read().await?;
    let job = own_job(&mut tx, actor, id).await?;
    if let (TaskState::Done, Some(image)) = (job.state, job.image) {
        return Ok(Redirect::to(&format!("/images/{image}")).into_response());
    }
    let place = queue::place(&mut tx, &job, state.instance.clock.now()).await?;
    let progress = state.instance.board.get(id).unwrap_or_else(|| Progress::recorded(&job));
    let order: Option<Order> = serde_json::from_value(job.request).ok();
    let page = JobPage {
        chrome,
        id: id.to_string(),
        state: job.state.as_str().to_owned(),
        step: progress.step,
        of: progress.of,
        ahead: u32::try_from(place.ahead).unwrap_or(u32::MAX),
        preview: progress.preview.map(|png| format!("data:image/png;base64,{}", STANDARD.encode(png))).unwrap_or_default(),
        words: order.map(|o| o.prompt).unwrap_or_default(),
        // A cancelled job needs no other explanation.
        problem: job.problem.filter(|_| job.state != TaskState::Cancelled).unwrap_or_default(),
        image_id: String::new(),
        refresh_seconds: if job.state.is_over() { 0 } else { 1 },
    };
    Ok(Page(page).into_response())
}

/// Jobs that the list shows.
const SHOWN: u32 = 40;

pub(super) async fn list(Handed(state): Handed<State>, visitor: Visitor) -> Result<Response, Failure> {
    let actor = visitor.someone()?;
    let chrome = chrome(&state, &visitor, "Your pictures in work", "/jobs").await?;
    let mut tx = state.instance.store.read().await?;
    let mut jobs = Vec::new();
    for job in storage::jobs::list(&mut tx, actor.account, "", SHOWN).await?.items {
        let place = queue::place(&mut tx, &job, state.instance.clock.now()).await?;
        let now = match (job.state, &job.problem) {
            (TaskState::Queued, _) => match place.seconds {
                Some(seconds) => format!("{} ahead of it, about {seconds} s", place.ahead),
                None => format!("{} ahead of it", place.ahead),
            },
            (TaskState::Failed, Some(why)) => format!("failed: {why}"),
            (state, _) => state.as_str().to_owned(),
        };
        let order: Option<Order> = serde_json::from_value(job.request).ok();
        let edit = order.as_ref().and_then(|o| o.edit.as_ref()).map(Edit::name);
        jobs.push(QueueRow {
            id: job.id.to_string(),
            how: edit.unwrap_or("drawn from words").to_owned(),
            words: order.filter(|o| !o.private).map(|o| o.prompt).unwrap_or_default(),
            asked: fill::minute(job.created_at),
            now,
            image: job.image.map(|id| id.to_string()).unwrap_or_default(),
            open: !job.state.is_over(),
            again: matches!(job.state, TaskState::Failed | TaskState::Cancelled),
        });
    }
    Ok(Page(QueuePage { chrome, jobs }).into_response())
}

pub(super) async fn retry(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<JobId>,
    form: Form,
) -> Result<Redirect, Failure> {
    let actor = visitor.sent(&form)?;
    let requested = queue::retry(&state.instance, actor, id).await?;
    Ok(Redirect::to(&format!("/jobs/{}", requested.job.id)))
}

pub(super) async fn cancel(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<JobId>,
    form: Form,
) -> Result<Redirect, Failure> {
    let actor = visitor.sent(&form)?;
    request_image::cancel(&state.instance, actor, id).await?;
    Ok(Redirect::to(&format!("/jobs/{id}")))
}
