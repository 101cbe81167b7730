//! `/api/v1/images`.

use axum::extract::State as Handed;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Paging, TheInstance, limit, shape};
use crate::actions::erase::{Erasing, erase as erase_private, erased_at};
use crate::actions::request_image::{Order, request_images};
use crate::actions::{Error, Instance, receipt::receipt};
use crate::id::ImageId;
use crate::storage::images::ImageRecord;
use crate::storage::{self, Tx};
use crate::web::error::Failure;
use crate::web::extract::{Json, Query, Segment};
use crate::web::session::Visitor;

type Answer = Result<axum::Json<Value>, Failure>;

pub(super) async fn list(Handed(instance): TheInstance, Query(paging): Query<Paging>) -> Answer {
    let mut tx = instance.store.read().await?;
    let page = storage::images::list(&mut tx, &paging.after, limit(paging.limit)).await?;
    let mut items = Vec::new();
    for record in &page.items {
        items.push(shape::image(&instance, &mut tx, record).await?);
    }
    Ok(axum::Json(json!({ "items": items, "total": page.total, "next": page.next })))
}

/// An order, and how many pictures of it.
#[derive(serde::Deserialize)]
pub(super) struct Asked {
    #[serde(default = "one_picture")]
    n: u32,
    #[serde(flatten)]
    order: Order,
}

const fn one_picture() -> u32 {
    1
}

pub(super) async fn request(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Json(asked): Json<Asked>,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let requested = request_images(&instance, actor, asked.order, asked.n, None).await?;
    let job = format!("/api/v1/jobs/{}", requested.job.id);
    let jobs: Vec<_> = requested.series.iter().map(|job| json!({ "job": job.id, "seed": job.request["seed"] })).collect();
    let body = json!({
        "job": requested.job.id,
        "state": requested.job.state.as_str(),
        "url": job,
        "seed": requested.job.request["seed"],
        "jobs": jobs,
        "decision": requested.decision,
    });
    let location = HeaderValue::from_str(&job).map_err(Error::internal)?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(body)).into_response())
}

pub(crate) async fn record(tx: &mut Tx, id: ImageId) -> Result<ImageRecord, Failure> {
    Ok(storage::images::find(tx, id).await?.ok_or_else(|| Error::not_found("image", id))?)
}

pub(super) async fn one(Handed(instance): TheInstance, visitor: Visitor, Segment(id): Segment<ImageId>) -> Answer {
    let mut tx = instance.store.read().await?;
    let found = record(&mut tx, id).await?;
    let mut shown = shape::image(&instance, &mut tx, &found).await?;
    // Its maker's to know: the words were private.
    if let Some(at) = erased_at(&mut tx, visitor.actor.as_ref(), id, &found.image.creator).await? {
        shown["erased_at"] = json!(at);
    }
    Ok(axum::Json(shown))
}

pub(super) async fn erase(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<ImageId>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    Ok(axum::Json(json!(erase_private(&instance, actor, Erasing::Image(id)).await?)))
}

pub(super) async fn family(Handed(instance): TheInstance, Segment(id): Segment<ImageId>) -> Answer {
    let mut tx = instance.store.read().await?;
    let mut parents = Vec::new();
    let mut next = record(&mut tx, id).await?.image.parent;
    while let Some(parent) = next {
        parents.push(parent);
        next = record(&mut tx, parent).await?.image.parent;
    }
    let children = storage::images::children(&mut tx, id).await?;
    Ok(axum::Json(json!({ "id": id, "parents": parents, "children": children })))
}

pub(crate) async fn file(Handed(instance): TheInstance, Segment(id): Segment<ImageId>) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let image = record(&mut tx, id).await?.image;
    let name = format!("{id}.{}", image.format);
    blob(&instance, &mut tx, image.digest.blake3, &name).await
}

/// Bytes by their hash: they never change, so they may be kept.
pub(crate) async fn blob(
    instance: &Instance,
    tx: &mut Tx,
    blake3: crate::digest::Blake3,
    name: &str,
) -> Result<Response, Failure> {
    let blob =
        storage::blobs::find(tx, blake3).await?.ok_or_else(|| Error::internal(format!("no blob is on record for {blake3}")))?;
    let bytes = instance.blobs.get(&blob).await?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(Error::internal);
    let headers = [
        (header::CONTENT_TYPE, value(&blob.media_type)?),
        (header::CACHE_CONTROL, value("public, max-age=31536000, immutable")?),
        (header::CONTENT_DISPOSITION, value(&format!("inline; filename=\"{name}\""))?),
        (header::ETAG, value(&format!("\"{blake3}\""))?),
    ];
    Ok((headers, bytes).into_response())
}

pub(crate) async fn proof(Handed(instance): TheInstance, Segment(id): Segment<ImageId>) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let statement = record(&mut tx, id).await?.statement;
    let receipt = receipt(&instance, &mut tx, statement).await?.ok_or_else(|| {
        Error::not_found("receipt for the image", format!("{id} (it waits for its place in the log; ask again in a second)"))
    })?;
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{id}.tlog-proof\"")).map_err(Error::internal)?;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], receipt.to_string()).into_response())
}
