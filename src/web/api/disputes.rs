//! `/api/v1/disputes` and what opens and moves them.

use axum::extract::State as Handed;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Paging, TheInstance, limit};
use crate::actions::Error;
use crate::actions::dispute::{Said, answer_dispute, appeal_dispute, decide_dispute, open_dispute};
use crate::id::{DisputeId, StatementId, WorkId};
use crate::storage;
use crate::storage::disputes::DisputeRecord;
use crate::web::error::Failure;
use crate::web::extract::{Json, Query, Segment};
use crate::web::session::Visitor;
use crate::works::dispute::{Ground, Ruling};

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
    let step = |(step, statement): &(crate::works::dispute::DisputeStep, StatementId)| {
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
    #[serde(flatten)]
    paging: Paging,
}

pub(super) async fn list(Handed(instance): TheInstance, Query(asked): Query<Asked>) -> Answer {
    let open = matches!(asked.open.as_str(), "yes" | "true" | "1");
    let mut tx = instance.store.read().await?;
    let page = storage::disputes::list(&mut tx, open, &asked.paging.after, limit(asked.paging.limit)).await?;
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
    let said = Said { words: claim.words, files: Vec::new() };
    let (dispute, statement) = open_dispute(&instance, actor, id, claim.ground, said).await?;
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

impl Words {
    fn said(&self) -> Said {
        Said { words: self.words.clone(), files: Vec::new() }
    }
}

fn done(id: DisputeId, statement: StatementId) -> axum::Json<Value> {
    axum::Json(json!({ "dispute": id, "statement": statement }))
}

pub(super) async fn answer(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<DisputeId>,
    Json(words): Json<Words>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    Ok(done(id, answer_dispute(&instance, actor, id, words.said()).await?))
}

pub(super) async fn decide(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<DisputeId>,
    Json(words): Json<Words>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    let ruling = words.ruling.ok_or_else(|| Error::invalid("ruling", "say `upheld` or `rejected`"))?;
    Ok(done(id, decide_dispute(&instance, actor, id, ruling, words.said()).await?))
}

pub(super) async fn appeal(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<DisputeId>,
    Json(words): Json<Words>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    Ok(done(id, appeal_dispute(&instance, actor, id, words.said()).await?))
}
