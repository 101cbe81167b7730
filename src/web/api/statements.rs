//! `/api/v1/statements`: the log's entries by name.

use axum::extract::State as Handed;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{TheInstance, limit, shape};
use crate::actions::Error;
use crate::id::StatementId;
use crate::storage;
use crate::web::error::Failure;
use crate::web::extract::{Query, Segment};

/// What the list may be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    kind: String,
    after: Option<u64>,
    limit: Option<u32>,
}

pub(super) async fn list(Handed(instance): TheInstance, Query(asked): Query<Asked>) -> Result<axum::Json<Value>, Failure> {
    let mut tx = instance.store.read().await?;
    let page = storage::log::list(&mut tx, &asked.kind, asked.after, limit(asked.limit)).await?;
    let items: Vec<Value> = page.items.iter().map(shape::entry).collect();
    Ok(axum::Json(json!({ "items": items, "total": page.total, "next": page.next })))
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
