//! `/api/v1/keys`: keys that accounts sign with; and `/trust/keys`, all that is needed to check who signed a statement.

use std::collections::BTreeMap;

use axum::extract::State as Handed;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::TheInstance;
use crate::actions::account_keys::{add_key, end_key};
use crate::ledger::keyring::AddedKey;
use crate::ledger::statement::StatementSigner as _;
use crate::storage::keys::KeyRecord;
use crate::storage::{self, Tx};
use crate::web::error::Failure;
use crate::web::extract::{Json, Query, Segment};
use crate::web::session::Visitor;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    holder: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Ending {
    reason: String,
}

async fn shown(tx: &mut Tx, key: &KeyRecord) -> Result<Value, Failure> {
    let from = storage::log::find(tx, key.statement).await?.and_then(|entry| entry.index);
    let until = match &key.end {
        Some(end) => storage::log::find(tx, end.statement).await?.and_then(|entry| entry.index),
        None => None,
    };
    Ok(json!({
        "keyid": key.added.keyid, "public_key": key.added.public_key, "holder": key.holder, "required": key.added.required,
        "replaces": key.added.replaces, "added_at": key.added_at, "statement": key.statement, "from_index": from,
        "ended_at": key.end.as_ref().map(|end| end.at), "ended_reason": key.end.as_ref().map(|end| &end.reason), "until_index": until,
    }))
}

pub(super) async fn list(Handed(instance): TheInstance, Query(asked): Query<Asked>) -> Result<axum::Json<Value>, Failure> {
    let mut tx = instance.store.read().await?;
    let keys = match asked.holder.as_str() {
        "" => storage::keys::all(&mut tx).await?,
        holder => storage::keys::of(&mut tx, holder).await?,
    };
    let mut items = Vec::with_capacity(keys.len());
    for key in &keys {
        items.push(shown(&mut tx, key).await?);
    }
    Ok(axum::Json(json!({ "items": items })))
}

pub(super) async fn add(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Json(key): Json<AddedKey>,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let place = format!("/api/v1/keys?holder={}", actor.name);
    let keyid = key.keyid.clone();
    let statement = add_key(&instance, actor, key).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], axum::Json(json!({ "keyid": keyid, "statement": statement })))
        .into_response())
}

pub(super) async fn end(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(keyid): Segment<String>,
    Json(asked): Json<Ending>,
) -> Result<axum::Json<Value>, Failure> {
    let actor = visitor.check_api(&headers)?;
    let statement = end_key(&instance, actor, &keyid, &asked.reason).await?;
    Ok(axum::Json(json!({ "keyid": keyid, "statement": statement })))
}

/// Every key that has signed statements, with the entries it may have signed: those after `from_index` to before `until_index`.
pub(in crate::web) async fn trusted(Handed(instance): TheInstance) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let registry = &instance.keys.statement;
    let mut keys = vec![json!({
        "keyid": registry.key_id(), "public_key": STANDARD.encode(registry.verifying_key().as_bytes()), "holder": "this instance",
        "from_index": null, "until_index": null,
    })];
    let mut seen = BTreeMap::new();
    for key in &storage::keys::all(&mut tx).await? {
        let mut one = shown(&mut tx, key).await?;
        // The entry that adds a key bears its signature too, and the one that replaces it the old one's.
        if seen.insert(key.added.keyid.clone(), ()).is_none() {
            if let Value::Object(members) = &mut one {
                members.retain(|name, _| ["keyid", "public_key", "holder", "from_index", "until_index"].contains(&name.as_str()));
            }
            keys.push(one);
        }
    }
    let headers = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, axum::Json(json!({ "log": instance.keys.log_vkey(), "statement_keys": keys }))).into_response())
}
