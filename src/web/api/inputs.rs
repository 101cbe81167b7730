//! `/api/v1/inputs`: what people hand in for pictures, each for its sender alone.

use axum::extract::State as Handed;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::images::blob;
use super::{Paging, TheInstance, limit};
use crate::actions::Error;
use crate::actions::erase::{Erasing, erase as erase_private};
use crate::actions::hand_in::{Facts, HandIn, hand_in as take};
use crate::generation::edit::Role;
use crate::id::InputId;
use crate::storage::inputs::Input;
use crate::storage::{self, Tx};
use crate::web::error::Failure;
use crate::web::extract::{Query, Segment, Upload};
use crate::web::session::Visitor;

type Answer = Result<axum::Json<Value>, Failure>;

fn shown(input: &Input) -> Result<Value, Failure> {
    let facts = Facts::of(input)?;
    Ok(json!({
        "id": input.id,
        "role": input.role,
        "name": input.name,
        "width": input.width,
        "height": input.height,
        "sha256": input.digest.sha256,
        "rights": input.rights,
        "at": input.at,
        "facts": facts,
        "file": format!("/api/v1/inputs/{}/file", input.id),
    }))
}

pub(super) async fn hand_in(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let given = from_upload(upload)?;
    let input = take(&instance, actor, given).await?;
    let place = format!("/api/v1/inputs/{}", input.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], axum::Json(shown(&input)?)).into_response())
}

/// What a form hands in.
fn from_upload(upload: Upload) -> Result<HandIn, Failure> {
    let role = match upload.form.get("role") {
        "" | "picture" => Role::Parent,
        "sketch" => Role::Sketch,
        "mask" => Role::Mask,
        other => {
            let shown: String = other.chars().take(40).collect();
            let text = format!("`{shown}` is nothing to hand in: choose picture, sketch or mask");
            return Err(Error::invalid("role", text).into());
        }
    };
    if upload.file.is_empty() {
        return Err(Error::invalid("file", "no file was sent: add it as `file`").into());
    }
    Ok(HandIn { role, name: upload.name, rights: upload.form.get("rights").to_owned(), bytes: upload.file })
}

async fn own(tx: &mut Tx, visitor: &Visitor, id: InputId) -> Result<Input, Failure> {
    let actor = visitor.someone()?;
    let input = storage::inputs::find(tx, id).await?.filter(|input| input.account == actor.account);
    Ok(input.ok_or_else(|| Error::not_found("input", id))?)
}

pub(super) async fn list(Handed(instance): TheInstance, visitor: Visitor, Query(paging): Query<Paging>) -> Answer {
    let actor = visitor.someone()?;
    let mut tx = instance.store.read().await?;
    let page = storage::inputs::list(&mut tx, actor.account, &paging.after, limit(paging.limit)).await?;
    let items = page.items.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    Ok(axum::Json(json!({ "items": items, "total": page.total, "next": page.next })))
}

pub(super) async fn one(Handed(instance): TheInstance, visitor: Visitor, Segment(id): Segment<InputId>) -> Answer {
    let mut tx = instance.store.read().await?;
    Ok(axum::Json(shown(&own(&mut tx, &visitor, id).await?)?))
}

pub(super) async fn erase(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<InputId>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    Ok(axum::Json(json!(erase_private(&instance, actor, Erasing::Input(id)).await?)))
}

pub(super) async fn file(
    Handed(instance): TheInstance,
    visitor: Visitor,
    Segment(id): Segment<InputId>,
) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let input = own(&mut tx, &visitor, id).await?;
    let mut response = blob(&instance, &mut tx, input.digest.blake3, &input.id.to_string()).await?;
    // Its sender's alone: no cache between may keep it.
    response.headers_mut().insert(header::CACHE_CONTROL, axum::http::HeaderValue::from_static("private, no-store"));
    Ok(response)
}
