//! `/api/v1/datasets` and `/api/v1/models`.

use axum::extract::State as Handed;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{TheInstance, shape};
use crate::actions::Error;
use crate::actions::drawn_with::models_here;
use crate::actions::freeze_query::{freeze_query, look};
use crate::actions::membership::membership as prove;
use crate::id::{DatasetId, ModelId, WorkId};
use crate::storage;
use crate::storage::works::Filter;
use crate::web::error::Failure;
use crate::web::extract::{Json, Query, Segment};
use crate::web::session::Visitor;

type Answer = Result<axum::Json<Value>, Failure>;

fn whole(items: Vec<Value>) -> axum::Json<Value> {
    axum::Json(json!({ "total": items.len(), "items": items, "next": null }))
}

pub(super) async fn datasets(Handed(instance): TheInstance) -> Answer {
    let mut tx = instance.store.read().await?;
    Ok(whole(storage::datasets::all(&mut tx).await?.iter().map(shape::dataset).collect()))
}

pub(super) async fn dataset(Handed(instance): TheInstance, Segment(id): Segment<DatasetId>) -> Answer {
    let mut tx = instance.store.read().await?;
    let found = storage::datasets::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("dataset", id))?;
    let mut shown = shape::dataset(&found);
    let counted = |rows: Vec<(String, u64)>, name: &str| -> Value {
        rows.into_iter().map(|(what, n)| json!({ name: what, "works": n })).collect()
    };
    shown["affected"] = shape::affected(&mut tx, &[id.to_string()], instance.clock.now()).await?;
    shown["licences"] = counted(storage::datasets::licences(&mut tx, id).await?, "licence");
    shown["authors"] = counted(storage::datasets::authors(&mut tx, id).await?, "author");
    shown["index"] = json!(shape::index(&mut tx, found.statement).await?);
    Ok(axum::Json(shown))
}

pub(super) async fn members(Handed(instance): TheInstance, Segment(id): Segment<DatasetId>) -> Answer {
    let mut tx = instance.store.read().await?;
    let found = storage::datasets::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("dataset", id))?;
    let members = storage::datasets::members(&mut tx, id).await?;
    Ok(axum::Json(json!({ "root": found.dataset.root, "total": members.len(), "items": members, "next": null })))
}

/// Whose membership is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct AboutWork {
    work: String,
}

pub(super) async fn membership(
    Handed(instance): TheInstance,
    Segment(id): Segment<DatasetId>,
    Query(about): Query<AboutWork>,
) -> Result<impl IntoResponse, Failure> {
    let work = WorkId::parse(&about.work).map_err(|e| Error::invalid("work", e.to_string()))?;
    let evidence = prove(&instance, id, work).await?;
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{work}-in-{id}.json\"")).map_err(Error::internal)?;
    Ok(([(header::CONTENT_DISPOSITION, name)], axum::Json(evidence)))
}

pub(super) async fn models(Handed(instance): TheInstance) -> Answer {
    let mut tx = instance.store.read().await?;
    let here = models_here(&instance, &mut tx).await?;
    Ok(whole(storage::models::all(&mut tx).await?.iter().map(|record| shape::model(record, &here)).collect()))
}

pub(super) async fn model(Handed(instance): TheInstance, Segment(id): Segment<ModelId>) -> Answer {
    let mut tx = instance.store.read().await?;
    let found = storage::models::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("model", id))?;
    let mut shown = shape::model(&found, &models_here(&instance, &mut tx).await?);
    shown["affected"] = shape::affected(&mut tx, &[id.to_string()], instance.clock.now()).await?;
    shown["index"] = json!(shape::index(&mut tx, found.statement).await?);
    Ok(axum::Json(shown))
}

/// A query, and the name of what it finds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Freezing {
    name: String,
    q: String,
    licence: String,
    author: String,
    owner: String,
    /// Only look: how many match, and which rules leave others out.
    dry_run: bool,
}

pub(super) async fn freeze(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Json(sent): Json<Freezing>,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let plain = |text: &str| text.replace('\0', "");
    let filter =
        Filter { words: plain(&sent.q), licence: plain(&sent.licence), author: plain(&sent.author), owner: plain(&sent.owner) };
    if sent.dry_run {
        let found = look(&instance, &actor.name, &filter).await?;
        let body = json!({ "matched": found.matched(), "permitted": found.works.len(), "refused": found.refused });
        return Ok(axum::Json(body).into_response());
    }
    let (dataset, found) = freeze_query(&instance, actor, &sent.name, &filter).await?;
    let body = json!({ "dataset": dataset, "matched": found.matched(), "refused": found.refused });
    Ok((StatusCode::CREATED, axum::Json(body)).into_response())
}
