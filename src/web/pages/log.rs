//! `/log` and its entries: the head, the growth, and every statement with its proof.

use axum::extract::State as Handed;
use serde::Deserialize;

use super::view::log::{EntryPage, EntryRow, GrowthPoint, LogPage, Recipe};
use super::{Page, chrome, fill};
use crate::actions::Error;
use crate::ledger::Envelope;
use crate::storage;
use crate::web::State;
use crate::web::error::Failure;
use crate::web::extract::{Query, Segment};
use crate::web::session::Visitor;

/// Entries on a page.
const ROWS: u32 = 30;
/// Points of the growing line.
const POINTS: u32 = 120;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    after: Option<u64>,
}

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Page<LogPage>, Failure> {
    let chrome = chrome(&state, &visitor, "Log", "/log").await?;
    let instance = &state.instance;
    let mut tx = instance.store.read().await?;
    let page = storage::log::list(&mut tx, "", asked.after, ROWS).await?;
    let growth = storage::log::growth(&mut tx, POINTS).await?;
    let signed = storage::log::head(&mut tx).await?.map(|h| fill::minute(h.published_at)).unwrap_or_default();
    Ok(Page(LogPage {
        origin: instance.site.log_origin.clone(),
        head: chrome.head.clone(),
        signed,
        vkey: instance.keys.log_vkey(),
        growth: growth.into_iter().map(|(at, size)| GrowthPoint { at: fill::minute(at), millis: at.millis(), size }).collect(),
        entries: page
            .items
            .iter()
            .map(|e| EntryRow {
                index: e.index.unwrap_or(0),
                kind: fill::kind_words(&e.kind).to_owned(),
                subject: fill::subject_link(&e.kind, &e.subject),
                at: fill::minute(e.staged_at),
            })
            .collect(),
        older_url: page.next.map(|n| format!("/log?after={n}")).unwrap_or_default(),
        first_url: if asked.after.is_some() { "/log".to_owned() } else { String::new() },
        recipes: recipes(&instance.site.url),
        chrome,
    }))
}

/// How to check the log with other people's tools.
pub(super) fn recipes(url: &str) -> Vec<Recipe> {
    let recipe = |what: &str, command: String| Recipe { what: what.to_owned(), command };
    vec![
        recipe("Read the newest signed head.", format!("curl {url}/log/checkpoint")),
        recipe("Fetch the key that checks it.", format!("curl {url}/trust/log.vkey")),
        recipe(
            "Check a picture and its place in the log, from any machine.",
            format!("colophon verify picture.png --log {url}/log"),
        ),
        recipe("Read the first 256 entries as the C2SP tlog-tiles format has them.", format!("curl {url}/log/tile/entries/000")),
    ]
}

pub(super) async fn entry(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(index): Segment<u64>,
) -> Result<Page<EntryPage>, Failure> {
    let instance = &state.instance;
    let title = format!("Log entry {}", fill::grouped(index));
    let chrome = chrome(&state, &visitor, &title, &format!("/log/entries/{index}")).await?;
    let mut tx = instance.store.read().await?;
    let entry = storage::log::at(&mut tx, index).await?.ok_or_else(|| Error::not_found("log entry", index))?;
    let record = fill::record_view(instance, &mut tx, entry.id, format!("/log/receipts/{}", entry.id)).await?;
    let envelope = Envelope::parse(&entry.bytes).map_err(Error::internal)?;
    let statement = envelope.statement().map_err(Error::internal)?;
    let said = |name: &str| statement.predicate.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let payload = serde_json::from_slice::<serde_json::Value>(envelope.payload())
        .and_then(|v| serde_json::to_string_pretty(&v))
        .map_err(Error::internal)?;
    Ok(Page(EntryPage {
        index,
        kind: fill::kind_words(&entry.kind).to_owned(),
        subject: fill::subject_link(&entry.kind, &entry.subject),
        statement_id: entry.id.to_string(),
        at: fill::minute(entry.staged_at),
        signer: format!("{}, for {}", instance.site.name, said("actor")),
        custody: if said("custody") == "instance" { "held by this instance".to_owned() } else { "held by its owner".to_owned() },
        signature_verified: envelope.verify(&instance.keys.statement.verifying_key()).is_ok(),
        payload,
        inclusion: record.inclusion,
        raw_url: format!("/api/v1/statements/{}", entry.id),
        last: chrome.head.as_ref().map_or(0, |h| h.size.saturating_sub(1)),
        chrome,
    }))
}
