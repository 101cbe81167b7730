//! People who answer for a tradition: who they are, what they allow, and the requests that wait for their ruling.

use axum::body::Bytes;
use axum::extract::State as Handed;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Paging, TheInstance, limit};
use crate::accounts::Scope;
use crate::actions::appoint_steward::{appoint_steward, end_steward, forget_member, note_member};
use crate::actions::attach_project::{ask_for_project, attach_project};
use crate::actions::give_consent::{Consenting, give_consent, revoke_consent};
use crate::actions::reload_policies::{Reloaded, reload_policies};
use crate::actions::review::{in_the_way, may_see, open_review, rule_on, withdraw_review};
use crate::actions::{Error, Instance};
use crate::clock::Timestamp;
use crate::id::{ConsentId, DecisionId, ReviewId, WorkId};
use crate::policy::review::Ruling;
use crate::storage::consents::ConsentRecord;
use crate::storage::reviews::Review;
use crate::storage::{self, Tx};
use crate::web::error::Failure;
use crate::web::extract::{Json, Query, Segment};
use crate::web::session::Visitor;

type Answer = Result<axum::Json<Value>, Failure>;

/// Rulings and consents shown with a policy.
const SHOWN: u32 = 50;

fn consent_shown(record: &ConsentRecord, now: Timestamp) -> Value {
    let mut shown = serde_json::to_value(&record.consent).unwrap_or_default();
    let held = record.consent.starts_at <= now && now < record.consent.ends_at && record.withdrawn.is_none();
    shown["in_force"] = json!(held);
    shown["statement"] = json!(record.statement);
    if let Some(end) = &record.withdrawn {
        shown["revoked"] = json!({ "at": end.at, "by": end.by, "reason": end.reason, "statement": end.statement });
    }
    shown
}

/// One policy: its rules, who answers for it, what they allowed and ruled, how often it answered what.
pub(super) async fn policy(Handed(instance): TheInstance, Segment(id): Segment<String>) -> Answer {
    let bundle = instance.policies();
    let policy = bundle.policy(&id).ok_or_else(|| Error::not_found("policy", &id))?;
    let now = instance.clock.now();
    let mut tx = instance.store.read().await?;
    let stewards: Vec<Value> = storage::stewards::of(&mut tx, &id)
        .await?
        .iter()
        .map(|s| {
            let mut shown = serde_json::to_value(&s.steward).unwrap_or_default();
            shown["statement"] = json!(s.statement);
            shown["ended"] = json!(s.ended.as_ref().map(|(at, by)| json!({ "at": at, "by": by })));
            shown
        })
        .collect();
    let consents: Vec<Value> = storage::consents::of_policy(&mut tx, &id).await?.iter().map(|c| consent_shown(c, now)).collect();
    let rulings: Vec<Value> = storage::reviews::rulings_of_policy(&mut tx, &id, SHOWN)
        .await?
        .iter()
        .map(|(ruled, statement)| {
            let mut shown = serde_json::to_value(ruled).unwrap_or_default();
            shown["statement"] = json!(statement);
            shown
        })
        .collect();
    let counts: Vec<Value> = storage::decisions::counts(&mut tx)
        .await?
        .into_iter()
        .filter(|(policy, ..)| *policy == id)
        .map(|(_, outcome, n)| json!({ "outcome": outcome, "requests": n }))
        .collect();
    let mut shown = serde_json::to_value(policy).unwrap_or_default();
    shown["bundle"] = json!(bundle.reference());
    shown["stewards"] = Value::Array(stewards);
    shown["consents"] = Value::Array(consents);
    shown["rulings"] = Value::Array(rulings);
    shown["counts"] = Value::Array(counts);
    Ok(axum::Json(shown))
}

/// Somebody, by the name of their account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    name: String,
    #[serde(default)]
    evidence: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    ends_at: Option<Timestamp>,
}

pub(super) async fn appoint(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<String>,
    Json(sent): Json<Person>,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let statement = appoint_steward(&instance, actor, &id, &sent.name, &sent.evidence).await?;
    Ok((StatusCode::CREATED, axum::Json(json!({ "policy": id, "statement": statement }))).into_response())
}

pub(super) async fn end(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<String>,
    Json(sent): Json<Person>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    let statement = end_steward(&instance, actor, &id, &sent.name, &sent.reason).await?;
    Ok(axum::Json(json!({ "policy": id, "statement": statement })))
}

pub(super) async fn member(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<String>,
    Json(sent): Json<Person>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    note_member(&instance, actor, &id, &sent.name, sent.ends_at).await?;
    Ok(axum::Json(json!({ "policy": id, "member": sent.name })))
}

pub(super) async fn no_member(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<String>,
    Json(sent): Json<Person>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    forget_member(&instance, actor, &id, &sent.name).await?;
    Ok(axum::Json(json!({ "policy": id, "member": null })))
}

pub(super) async fn consent(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Json(sent): Json<Consenting>,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let (consent, statement) = give_consent(&instance, actor, sent).await?;
    let location = HeaderValue::from_str(&format!("/api/v1/consents/{consent}")).map_err(Error::internal)?;
    let body = axum::Json(json!({ "consent": consent, "statement": statement }));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], body).into_response())
}

pub(super) async fn one_consent(Handed(instance): TheInstance, Segment(id): Segment<ConsentId>) -> Answer {
    let mut tx = instance.store.read().await?;
    let found = storage::consents::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("consent", id))?;
    Ok(axum::Json(consent_shown(&found, instance.clock.now())))
}

/// Why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    reason: String,
}

pub(super) async fn revoke(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<ConsentId>,
    Json(sent): Json<Reason>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    let statement = revoke_consent(&instance, actor, id, &sent.reason).await?;
    Ok(axum::Json(json!({ "consent": id, "statement": statement })))
}

/// A request to be looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    decision: DecisionId,
    #[serde(default)]
    words: String,
}

pub(super) async fn ask(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Json(sent): Json<Asked>,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let review = open_review(&instance, actor, sent.decision, &sent.words).await?;
    let mut tx = instance.store.read().await?;
    let shown = review_shown(&instance, &mut tx, &review, true).await?;
    let location = HeaderValue::from_str(&format!("/api/v1/reviews/{}", review.id)).map_err(Error::internal)?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(shown)).into_response())
}

/// A request with its clock and its place in the queue; with what was asked for those who may see it.
async fn review_shown(instance: &Instance, tx: &mut Tx, review: &Review, whole: bool) -> Result<Value, Failure> {
    let now = instance.clock.now();
    let state = review.stands(now);
    let asked = storage::decisions::find(tx, review.decision).await?;
    let decision = asked.as_ref().map(|a| &a.decision);
    let rulings: Vec<Value> = storage::reviews::rulings(tx, review.id)
        .await?
        .iter()
        .map(|(ruled, statement)| {
            let mut shown = serde_json::to_value(ruled).unwrap_or_default();
            shown["statement"] = json!(statement);
            shown
        })
        .collect();
    let mut shown = json!({
        "id": review.id, "kind": review.kind, "state": state, "opened_at": review.opened_at, "due_at": review.due_at,
        "closed_at": review.closed_at, "decision": review.decision, "job": review.job, "rulings": rulings,
        "rules": decision.map(|d| in_the_way(d).map(crate::policy::Fired::key).collect::<Vec<_>>()),
        "ahead": storage::reviews::waiting(tx, now, Some(review.id)).await?,
    });
    if whole {
        shown["words"] = json!(review.words);
        shown["request"] = json!(asked.as_ref().and_then(|a| a.request.clone()));
        shown["answer"] = json!(decision);
    }
    Ok(shown)
}

/// The queue, for those who may rule in it.
pub(super) async fn reviews(Handed(instance): TheInstance, visitor: Visitor, Query(paging): Query<Paging>) -> Answer {
    let actor = visitor.someone()?;
    if !actor.may(Scope::Policies) {
        return Err(Error::Forbidden(Scope::Policies).into());
    }
    let mut tx = instance.store.read().await?;
    let page = storage::reviews::open(&mut tx, instance.clock.now(), &paging.after, limit(paging.limit)).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for review in &page.items {
        let decision = storage::decisions::find(&mut tx, review.decision).await?.map(|d| d.decision);
        let whole = match &decision {
            Some(decision) => may_see(&mut tx, actor, review, decision).await?,
            None => false,
        };
        items.push(review_shown(&instance, &mut tx, review, whole).await?);
    }
    let mut hours = storage::reviews::answer_hours(&mut tx, 200).await?;
    hours.sort_by(f64::total_cmp);
    let median = hours.get(hours.len() / 2);
    Ok(axum::Json(json!({ "items": items, "total": page.total, "next": page.next, "median_hours": median })))
}

pub(super) async fn one_review(Handed(instance): TheInstance, visitor: Visitor, Segment(id): Segment<ReviewId>) -> Answer {
    let actor = visitor.someone()?;
    let mut tx = instance.store.read().await?;
    let review = storage::reviews::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("review", id))?;
    let decision = storage::decisions::find(&mut tx, review.decision).await?.map(|d| d.decision);
    let whole = match &decision {
        Some(decision) => may_see(&mut tx, actor, &review, decision).await?,
        None => false,
    };
    if !whole {
        return Err(Error::not_found("review", id).into());
    }
    Ok(axum::Json(review_shown(&instance, &mut tx, &review, true).await?))
}

/// A ruling on one rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Says {
    rule: String,
    ruling: Ruling,
    reason: String,
}

pub(super) async fn rule(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<ReviewId>,
    Json(sent): Json<Says>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    let statement = rule_on(&instance, actor, id, &sent.rule, sent.ruling, &sent.reason).await?;
    let mut tx = instance.store.read().await?;
    let review = storage::reviews::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("review", id))?;
    let state = review.stands(instance.clock.now());
    Ok(axum::Json(json!({ "review": id, "state": state, "job": review.job, "statement": statement })))
}

pub(super) async fn withdraw(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<ReviewId>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    withdraw_review(&instance, actor, id).await?;
    Ok(axum::Json(json!({ "review": id, "state": "withdrawn" })))
}

/// Reads the policy folder again; what is wrong with it is said line by line, and the bundle in force stays.
pub(super) async fn reload(Handed(instance): TheInstance, visitor: Visitor, headers: HeaderMap) -> Answer {
    let actor = visitor.check_api(&headers)?;
    if !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate).into());
    }
    let (changed, sha256) = match reload_policies(&instance).await {
        Ok(Reloaded::Changed(hash)) => (true, hash),
        Ok(Reloaded::Same(hash)) => (false, hash),
        Err(e) => return Err(Error::invalid("policies", e.to_string()).into()),
    };
    Ok(axum::Json(json!({ "changed": changed, "sha256": sha256 })))
}

/// A project by its id alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectNamed {
    unique_id: String,
}

/// A project of the Local Contexts Hub: as its API writes it, or by its id alone, to be fetched.
pub(super) async fn project(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<WorkId>,
    body: Bytes,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    if let Ok(ProjectNamed { unique_id }) = serde_json::from_slice(&body) {
        ask_for_project(&instance, actor, id, &unique_id).await?;
        return Ok((StatusCode::ACCEPTED, axum::Json(json!({ "work": id, "asked": unique_id }))).into_response());
    }
    let (project, statement) = attach_project(&instance, actor, id, &body).await?;
    Ok(axum::Json(json!({ "work": id, "project": project, "statement": statement })).into_response())
}
