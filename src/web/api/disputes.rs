//! `/api/v1/disputes` and what opens and moves them.

use axum::extract::State as Handed;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{TheInstance, limit};
use crate::actions::Error;
use crate::actions::dispute::{Pleading, open_dispute, take_step};
use crate::id::{DisputeId, StatementId, WorkId};
use crate::storage;
use crate::storage::disputes::DisputeRecord;
use crate::web::error::Failure;
use crate::web::extract::{Json, Query, Segment};
use crate::web::session::Visitor;
use crate::works::dispute::{DisputeStep, Ground, Ruling, Step};

type Answer = Result<axum::Json<Value>, Failure>;

/// A dispute with its clock.
pub(super) fn shown(record: &DisputeRecord) -> Value {
    let standing = record.standing();
    let mut shown = serde_json::to_value(&record.dispute).unwrap_or_default();
    shown["statement"] = json!(record.statement);
    shown["state"] = json!(standing.step.as_str());
    shown["ruling"] = json!(standing.ruling);
    shown["open"] = json!(standing.open);
    shown["due"] = json!(standing.due);
    shown["decision_due"] = json!(standing.decision_due());
    shown["url"] = json!(format!("/disputes/{}", record.dispute.id));
    let step = |(step, statement): &(DisputeStep, StatementId)| {
        let mut shown = serde_json::to_value(step).unwrap_or_default();
        shown["statement"] = json!(statement);
        shown
    };
    shown["steps"] = record.steps.iter().map(step).collect();
    shown
}

/// What the list may be asked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    open: String,
    after: String,
    limit: Option<u32>,
}

pub(super) async fn list(Handed(instance): TheInstance, Query(asked): Query<Asked>) -> Answer {
    let open = matches!(asked.open.as_str(), "yes" | "true" | "1");
    let mut tx = instance.store.read().await?;
    let page = storage::disputes::list(&mut tx, open, &asked.after, limit(asked.limit)).await?;
    let items: Vec<Value> = page.items.iter().map(shown).collect();
    Ok(axum::Json(json!({ "items": items, "total": page.total, "next": page.next })))
}

pub(super) async fn one(Handed(instance): TheInstance, Segment(id): Segment<DisputeId>) -> Answer {
    let mut tx = instance.store.read().await?;
    let found = storage::disputes::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("dispute", id))?;
    Ok(axum::Json(shown(&found)))
}

/// A claim.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    ground: Ground,
    words: String,
}

pub(super) async fn open(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<WorkId>,
    Json(claim): Json<Claim>,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let pleading = Pleading { words: claim.words, files: Vec::new() };
    let (dispute, statement) = open_dispute(&instance, actor, id, claim.ground, pleading).await?;
    let location = HeaderValue::from_str(&format!("/api/v1/disputes/{dispute}")).map_err(Error::internal)?;
    let body = axum::Json(json!({ "dispute": dispute, "statement": statement }));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], body).into_response())
}

/// What is said with a step.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    words: String,
    #[serde(default)]
    ruling: Option<Ruling>,
}

/// Answer, decision or appeal, as the path says.
pub(super) async fn step(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    Segment(id): Segment<DisputeId>,
    Json(sent): Json<Words>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    let step = Step::of_path(uri.path()).ok_or(Failure::NoPage)?;
    let pleading = Pleading { words: sent.words, files: Vec::new() };
    let statement = take_step(&instance, actor, id, step, sent.ruling, pleading).await?;
    Ok(axum::Json(json!({ "dispute": id, "statement": statement })))
}
