//! `/jobs/{id}`: a picture in work, for whoever asked for it.

use axum::extract::State as Handed;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::view::JobPage;
use super::{Page, chrome};
use crate::actions::board::Progress;
use crate::actions::queue;
use crate::actions::request_image::{self, Order};
use crate::id::JobId;
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

pub(super) async fn cancel(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<JobId>,
    form: Form,
) -> Result<Redirect, Failure> {
    let actor = visitor.someone()?;
    visitor.check_form(form.get("csrf"))?;
    request_image::cancel(&state.instance, actor, id).await?;
    Ok(Redirect::to(&format!("/jobs/{id}")))
}
