//! `/jobs/{id}`: a picture in work, for whoever asked for it; also one that is held for being too near to works.

use axum::extract::State as Handed;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::look::{DRAWING, data_url, over as laid_over, whole_percent};
use super::view::look::{Given, HeldView, HeldWork, Laid};
use super::view::workbench::QueueRow;
use super::view::{JobPage, QueuePage};
use super::{Page, chrome, fill};
use crate::actions::board::Progress;
use crate::actions::gate::{Held, HeldBy, credit_and_go_on};
use crate::actions::queue;
use crate::actions::request_image::{self, Order};
use crate::generation::edit::Edit;
use crate::id::JobId;
use crate::likeness::{Map, VIEW_SIDE};
use crate::provenance::{Format, encode};
use crate::storage::jobs::Job;
use crate::storage::tasks::TaskState;
use crate::storage::{self, Tx};
use crate::web::State;
use crate::web::api::own_job;
use crate::web::error::{Failure, capital};
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
    let held = held(&mut tx, &job, job.account == actor.account).await?;
    let order: Option<Order> = serde_json::from_value(job.request).ok();
    let page = JobPage {
        chrome,
        id: id.to_string(),
        state: job.state.as_str().to_owned(),
        step: progress.step,
        of: progress.of,
        ahead: u32::try_from(place.ahead).unwrap_or(u32::MAX),
        preview: progress.preview.map(|png| data_url(&png)).unwrap_or_default(),
        words: order.map(|o| o.prompt).unwrap_or_default(),
        // A cancelled job needs no other explanation.
        problem: job.problem.filter(|_| job.state != TaskState::Cancelled).unwrap_or_default(),
        held,
        image_id: String::new(),
        refresh_seconds: if job.state.is_over() { 0 } else { 1 },
    };
    Ok(Page(page).into_response())
}

/// Why a picture was not delivered, where that is for being too near to works: itself in cells, beside them.
async fn held(tx: &mut Tx, job: &Job, mine: bool) -> Result<Option<HeldView>, Failure> {
    let Some(held) = job.held.clone().and_then(|held| serde_json::from_value::<Held>(held).ok()) else { return Ok(None) };
    let sentence = held.sentence();
    let is_held = job.state == TaskState::Held;
    // What held it once stays on record when it goes on; how it ended then is another matter.
    if !is_held && (job.state != TaskState::Failed || job.problem.as_deref() != Some(&*sentence)) {
        return Ok(None);
    }
    let mut works = Vec::with_capacity(held.works.len());
    for near in &held.works {
        works.push(held_by(tx, near).await?);
    }
    Ok(Some(HeldView {
        sentence: capital(&sentence),
        given: cells(&held.view),
        works,
        may_credit: mine && is_held && held.may_go_on(),
        may_ask_again: mine,
        may_cancel: is_held,
    }))
}

async fn held_by(tx: &mut Tx, near: &HeldBy) -> Result<HeldWork, Failure> {
    let kept = storage::works::find(tx, near.work).await?.map(|record| record.work).filter(|work| work.held);
    let [a, b, c, d, x, y] = near.map;
    Ok(HeldWork {
        title: near.title.clone(),
        percent: whole_percent(near.likeness),
        may: near.may,
        says: near.says.clone(),
        laid: Laid {
            url: format!("/works/{}", near.work),
            name: format!("“{}” by {}", near.title, near.author),
            kind: "The work".to_owned(),
            picture: if kept.is_some() { format!("/works/{}/picture", near.work) } else { "/static/blank.svg".to_owned() },
            drawing: kept.is_some_and(|work| work.media_type == DRAWING),
            over: laid_over(&Map { a: [a, b, c, d], t: [x, y] }),
            parts: near.parts.clone(),
        },
    })
}

/// A picture from its cells, as they are kept.
fn cells(view: &str) -> Option<Given> {
    let (rgb, side) = (STANDARD.decode(view).ok()?, VIEW_SIDE as u32);
    let png = encode(&rgb, side, side, Format::Png).ok()?;
    Some(Given { picture: data_url(&png), width: side, height: side, cells: true })
}

/// Where a job stands that does not wait, in words.
pub(super) fn over(state: TaskState, problem: Option<&str>) -> String {
    match (state, problem) {
        (TaskState::Failed, Some(why)) => format!("failed: {why}"),
        (TaskState::Held, Some(why)) => format!("held: {}", why.strip_prefix("the picture came out ").unwrap_or(why)),
        (state, _) => state.as_str().to_owned(),
    }
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
        let now = match (job.state, place.seconds) {
            (TaskState::Queued, Some(seconds)) => format!("{} ahead of it, about {seconds} s", place.ahead),
            (TaskState::Queued, None) => format!("{} ahead of it", place.ahead),
            (state, _) => over(state, job.problem.as_deref()),
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
            again: matches!(job.state, TaskState::Failed | TaskState::Cancelled | TaskState::Held),
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

/// Credits the works that a held picture is too near to, and goes on with it.
pub(super) async fn credit(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<JobId>,
    form: Form,
) -> Result<Redirect, Failure> {
    let actor = visitor.sent(&form)?;
    credit_and_go_on(&state.instance, actor, id).await?;
    Ok(Redirect::to(&format!("/jobs/{id}")))
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
