//! `/api/v1/statements`: the log's entries by name.

use axum::extract::State as Handed;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{TheInstance, limit, shape};
use crate::actions::Error;
use crate::actions::find_in_log::{Found, explore_log};
use crate::id::StatementId;
use crate::storage::{self, log::Exploring};
use crate::web::error::Failure;
use crate::web::extract::{Query, Segment};

/// What the list may be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// A number, an id, a hash or a name.
    q: String,
    kind: String,
    actor: String,
    about: String,
    after: Option<u64>,
    limit: Option<u32>,
}

pub(super) async fn list(Handed(instance): TheInstance, Query(asked): Query<Asked>) -> Result<axum::Json<Value>, Failure> {
    let mut tx = instance.store.read().await?;
    let narrowed =
        Exploring { kind: &asked.kind, actor: &asked.actor, about: &asked.about, before: asked.after, limit: limit(asked.limit) };
    let (found, page) = explore_log(&mut tx, &asked.q, narrowed, instance.clock.now()).await?;
    let items: Vec<Value> = page.items.iter().map(shape::entry).collect();
    let mut shown = json!({ "items": items, "total": page.total, "next": page.next });
    if let Found::Named { things, .. } = &found {
        shown["found"] = things.iter().map(|t| json!({ "id": t.id, "kind": t.what, "name": t.name })).collect();
    }
    Ok(axum::Json(shown))
}

pub(super) async fn one(Handed(instance): TheInstance, Segment(id): Segment<StatementId>) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let entry = storage::log::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("statement", id))?;
    let index = entry.index.map_or_else(|| "waiting".to_owned(), |n| n.to_string());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.in-toto+json")),
        (header::HeaderName::from_static("x-log-index"), HeaderValue::from_str(&index).map_err(Error::internal)?),
    ];
    Ok((headers, entry.bytes).into_response())
}
