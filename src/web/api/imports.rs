//! `/api/v1/imports`: many works at once. The body is a list (CSV, JSON Lines, Croissant) or a ZIP archive, received as a stream.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State as Handed;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::table::{cell, table};
use super::{Paging, TheInstance, limit};
use crate::accounts::{Actor, Scope};
use crate::actions::Error;
use crate::actions::import_list::{ImportSettings, begin_import, cancel_import};
use crate::id::ImportId;
use crate::storage::imports::{Import, ImportRow, Outcome};
use crate::storage::uploads::Incoming;
use crate::storage::{self, Tx};
use crate::web::State;
use crate::web::error::Failure;
use crate::web::extract::{Query, Segment};
use crate::web::session::Visitor;

type Answer = Result<axum::Json<Value>, Failure>;

/// Rows of the report fetched at once for a table.
const TABLE_ROWS: u32 = 5_000;
/// Endings that say what a body is.
const ENDINGS: [&str; 6] = ["zip", "csv", "tsv", "jsonl", "json", "jsonld"];

/// What an import is asked with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// Name of the file: its ending says what it is.
    pub name: String,
    list: String,
    from_files: bool,
    author: String,
    rights_holder: String,
    licence: String,
    licence_url: String,
    source: String,
    collection: String,
    evidence: String,
}

impl Asked {
    fn settings(self) -> (String, ImportSettings) {
        let Self { name, list, from_files, author, rights_holder, licence, licence_url, source, collection, evidence } = self;
        let settings =
            ImportSettings { list, from_files, author, rights_holder, licence, licence_url, source, collection, evidence };
        (name, settings)
    }
}

/// Where a received file will lie: its ending from its name, the rest ours.
pub(crate) async fn incoming(state: &State, name: &str) -> Result<Incoming, Failure> {
    let ending = name.rsplit_once('.').map(|(_, e)| e.to_lowercase()).filter(|e| ENDINGS.contains(&e.as_str()));
    let ending = ending.ok_or_else(|| {
        Error::invalid("name", "send a .zip with a list and its files, or a list: .csv, .jsonl, or a Croissant (.json)")
    })?;
    let own = format!("import-{}", hex::encode(state.instance.chance.bytes::<16>()));
    Ok(Incoming::begin_alone(&state.instance.uploads, &own, &format!("sent.{ending}"), state.max_import).await?)
}

/// More than may be imported.
pub(crate) fn too_large(state: &State) -> Failure {
    Failure::TooLarge(format!(
        "this is more than {} MiB, the most that is imported here: send it in parts, or use `colophon import` on the machine itself",
        state.max_import >> 20
    ))
}

/// The body as a file.
async fn receive(state: &State, name: &str, body: Body) -> Result<std::path::PathBuf, Failure> {
    let mut file = incoming(state, name).await?;
    let mut body = body;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Failure::Malformed(format!("the upload broke off: {e}")))?;
        if let Ok(bytes) = frame.into_data()
            && !file.write(&bytes).await?
        {
            return Err(too_large(state));
        }
    }
    if file.is_empty() {
        return Err(Error::invalid("body", "the body is empty: send the archive or list itself").into());
    }
    Ok(file.finish().await?)
}

pub(super) async fn begin(
    Handed(state): Handed<State>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
    body: Body,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    if !actor.may(Scope::Works) {
        return Err(Error::Forbidden(Scope::Works).into());
    }
    let (name, settings) = asked.settings();
    let place = receive(&state, &name, body).await?;
    let begun = begin_import(&state.instance, actor, &name, &place, &settings, false).await;
    let import = match begun {
        Ok(import) => import,
        Err(e) => {
            storage::uploads::remove(&state.instance.uploads, &place).await;
            return Err(e.into());
        }
    };
    let location = HeaderValue::from_str(&format!("/api/v1/imports/{}", import.id)).map_err(Error::internal)?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(shown(&import))).into_response())
}

fn shown(import: &Import) -> Value {
    json!({
        "id": import.id, "name": import.name, "state": import.state.as_str(), "rows": import.rows, "registered": import.registered,
        "known": import.known, "refused": import.refused, "problem": import.problem, "settings": import.settings,
        "created_at": import.created_at, "changed_at": import.changed_at, "by": import.actor,
        "report": format!("/api/v1/imports/{}/rows", import.id), "url": format!("/imports/{}", import.id),
    })
}

/// An import of one's own, or any for an operator.
pub(crate) async fn own(tx: &mut Tx, actor: &Actor, id: ImportId) -> Result<Import, Failure> {
    let found = storage::imports::find(tx, id).await?.filter(|i| i.account == actor.account || actor.may(Scope::Operate));
    Ok(found.ok_or_else(|| Error::not_found("import", id))?)
}

pub(super) async fn list(Handed(instance): TheInstance, visitor: Visitor, Query(paging): Query<Paging>) -> Answer {
    let actor = visitor.someone()?;
    let whose = (!actor.may(Scope::Operate)).then_some(actor.account);
    let mut tx = instance.store.read().await?;
    let page = storage::imports::list(&mut tx, whose, &paging.after, limit(paging.limit)).await?;
    let items: Vec<Value> = page.items.iter().map(shown).collect();
    Ok(axum::Json(json!({ "items": items, "total": page.total, "next": page.next })))
}

pub(super) async fn one(Handed(instance): TheInstance, visitor: Visitor, Segment(id): Segment<ImportId>) -> Answer {
    let mut tx = instance.store.read().await?;
    Ok(axum::Json(shown(&own(&mut tx, visitor.someone()?, id).await?)))
}

/// What a report may be asked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct AskedRows {
    outcome: String,
    after: u64,
    limit: Option<u32>,
    format: String,
}

pub(crate) fn outcome(text: &str) -> Result<Option<Outcome>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let known = || Outcome::ALL.map(Outcome::as_str).join("`, `");
    let read = text.parse().map_err(|e: String| Error::invalid("outcome", format!("{e}: ask for `{}`", known())))?;
    Ok(Some(read))
}

pub(super) async fn rows(
    Handed(instance): TheInstance,
    visitor: Visitor,
    Segment(id): Segment<ImportId>,
    Query(asked): Query<AskedRows>,
) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    own(&mut tx, visitor.someone()?, id).await?;
    let outcome = outcome(&asked.outcome)?;
    if asked.format == "csv" {
        drop(tx);
        return Ok(table("report.csv", REPORT, 0, move |after| {
            let instance = Arc::clone(&instance);
            async move {
                let mut tx = instance.store.read().await?;
                let rows = storage::imports::report(&mut tx, id, outcome, after, TABLE_ROWS).await?;
                Ok((rows.iter().map(line).collect(), rows.last().map(|row| row.n)))
            }
        }));
    }
    let most = limit(asked.limit);
    let mut found = storage::imports::report(&mut tx, id, outcome, asked.after, most + 1).await?;
    let more = found.len() > most as usize;
    found.truncate(most as usize);
    let next = found.last().filter(|_| more).map(|row| row.n.to_string());
    let items: Vec<Value> = found
        .iter()
        .map(|r| json!({ "n": r.n, "item": r.item, "outcome": r.outcome.as_str(), "work": r.work, "note": r.note }))
        .collect();
    Ok(axum::Json(json!({ "items": items, "next": next })).into_response())
}

/// The columns of a report.
pub(crate) const REPORT: &str = "row,item,outcome,work,note\r\n";

/// A row of the report as a line of its table.
pub(crate) fn line(row: &ImportRow) -> String {
    let work = row.work.map(|w| w.to_string()).unwrap_or_default();
    let cells = [cell(&row.item), cell(row.outcome.as_str()), cell(&work), cell(&row.note)];
    format!("{},{}\r\n", row.n, cells.join(","))
}

pub(super) async fn cancel(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<ImportId>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    cancel_import(&instance, actor, id).await?;
    Ok(axum::Json(json!({ "id": id, "state": "cancelled" })))
}
