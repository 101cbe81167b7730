//! `/log`, its entries and their receipts: the head, the growth, the ways in, and every statement with its signatures and its proof.

use axum::extract::State as Handed;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::view::log::{EntrySignature, KindLink, Narrowed, WitnessRow};
use super::view::{EntryPage, EntryRow, GrowthPoint, Link, LogPage, ReceiptPage, Recipe};
use super::{Page, chrome, fill};
use crate::actions::find_in_log::{Found, Thing, explore_log, thing};
use crate::actions::receipt::receipt;
use crate::actions::{Error, Instance};
use crate::clock::Timestamp;
use crate::id::StatementId;
use crate::ledger::statement::StatementSigner as _;
use crate::ledger::{Envelope, Receipt};
use crate::storage::keys::KeyRecord;
use crate::storage::log::Exploring;
use crate::storage::{self, Tx};
use crate::web::State;
use crate::web::error::{Failure, encode};
use crate::web::extract::{Query, Segment};
use crate::web::session::Visitor;

/// Entries on a page.
const ROWS: u32 = 30;
/// Points of the growing line.
const POINTS: u32 = 120;

/// What the list is narrowed to; empty texts narrow nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    kind: String,
    actor: String,
    about: String,
    after: Option<u64>,
}

impl Asked {
    /// The address of the newest entries that are asked for.
    fn url(&self) -> String {
        let pairs = [("q", &self.q), ("kind", &self.kind), ("actor", &self.actor), ("about", &self.about)];
        let given = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let query: Vec<String> = given.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        if query.is_empty() { "/log".to_owned() } else { format!("/log?{}", query.join("&")) }
    }

    /// The same, changed.
    fn but(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut asked = self.clone();
        change(&mut asked);
        asked.url()
    }
}

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let chrome = chrome(&state, &visitor, "Log", "/log").await?;
    let instance = &state.instance;
    let mut tx = instance.store.read().await?;
    let narrowed = Exploring { kind: &asked.kind, actor: &asked.actor, about: &asked.about, before: asked.after, limit: ROWS };
    let (found, page) = explore_log(&mut tx, &asked.q, narrowed, instance.clock.now()).await?;
    let things = match found {
        // What is one thing has an address of its own.
        Found::Entry(index) => return Ok(Redirect::to(&format!("/log/entries/{index}")).into_response()),
        Found::About(id) => {
            let url = asked.but(|asked| {
                asked.q.clear();
                asked.about = id;
            });
            return Ok(Redirect::to(&url).into_response());
        }
        Found::Named { things, .. } => things,
        Found::Everything | Found::Nothing => Vec::new(),
    };
    let narrowed = narrowed_to(&mut tx, &asked).await?;
    let growth = if narrowed.is_empty() { storage::log::growth(&mut tx, POINTS).await? } else { Vec::new() };
    let signed = storage::log::head(&mut tx).await?.map(|h| fill::minute(h.published_at)).unwrap_or_default();
    let first_url = asked.url();
    let more = if first_url.contains('?') { '&' } else { '?' };
    let kinds = fill::KINDS.map(|(kind, words)| {
        let chosen = asked.kind == kind;
        let url = asked.but(|asked| asked.kind = if chosen { String::new() } else { kind.to_owned() });
        KindLink { link: Link::new(words, url), chosen }
    });
    Ok(Page(LogPage {
        origin: instance.site.log_origin.clone(),
        head: chrome.head.clone(),
        signed,
        vkey: instance.keys.log_vkey(),
        growth: growth.into_iter().map(|(at, size)| GrowthPoint { at: fill::minute(at), millis: at.millis(), size }).collect(),
        q: asked.q.clone(),
        kinds: kinds.into(),
        narrowed,
        things: things
            .into_iter()
            .map(|thing| (thing.what.to_owned(), Link::new(named(&thing), fill::about_url(&thing.id))))
            .collect(),
        total: page.total,
        entries: page
            .items
            .iter()
            .map(|e| EntryRow {
                index: e.index.unwrap_or(0),
                kind: fill::kind_words(&e.kind).to_owned(),
                actor: party(&e.actor),
                subject: fill::subject_link(&e.kind, &e.subject),
                at: fill::minute(e.staged_at),
            })
            .collect(),
        older_url: page.next.map(|n| format!("{first_url}{more}after={n}")).unwrap_or_default(),
        first_url: if asked.after.is_some() { first_url } else { String::new() },
        recipes: recipes(&instance.site.url),
        chrome,
    })
    .into_response())
}

/// What the list is narrowed to, each with the list without it.
async fn narrowed_to(tx: &mut Tx, asked: &Asked) -> Result<Vec<Narrowed>, Failure> {
    let mut rows = Vec::new();
    let mut row = |name: &str, what: Link, off_url: String| rows.push(Narrowed { name: name.to_owned(), what, off_url });
    if !asked.q.trim().is_empty() {
        row("Found by", Link::new(asked.q.trim(), ""), asked.but(|asked| asked.q.clear()));
    }
    if !asked.kind.is_empty() {
        row("Type", Link::new(fill::kind_words(&asked.kind), ""), asked.but(|asked| asked.kind.clear()));
    }
    if !asked.actor.is_empty() {
        row("By", Link::new(asked.actor.clone(), ""), asked.but(|asked| asked.actor.clear()));
    }
    if !asked.about.is_empty() {
        let about = thing(tx, &asked.about).await?;
        let page = if about.what.is_empty() { String::new() } else { format!("/{}s/{}", about.what, about.id) };
        let label = if about.what.is_empty() { named(&about) } else { format!("{} {}", about.what, named(&about)) };
        row("About", Link::new(label, page), asked.but(|asked| asked.about.clear()));
    }
    Ok(rows)
}

/// A thing's name where it has one, else its id.
fn named(thing: &Thing) -> String {
    if thing.name.is_empty() { thing.id.clone() } else { format!("“{}”", thing.name) }
}

/// A party, leading to their entries.
fn party(name: &str) -> Link {
    if name.is_empty() { Link::default() } else { Link::new(name, format!("/log?actor={}", encode(name))) }
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
        recipe(
            "Mirror the whole log, check every entry, and see that it goes on from your last visit.",
            format!("colophon audit {url}/log"),
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
    let actor = said("actor");
    let held = storage::keys::of(&mut tx, &actor).await?;
    let custody = if said("custody") == "own" {
        let keyid = said("signed_with");
        format!("Signed by {actor} with their own key ({}…)", keyid.get(..12).unwrap_or(&keyid))
    } else {
        let then = if held.is_empty() {
            "who holds no key of their own here"
        } else if held_at(&mut tx, &held, index).await? {
            "whose own key did not sign it"
        } else {
            "who held no key of their own here then"
        };
        format!("Signed by {} on behalf of {actor}, {then}", instance.site.name)
    };
    let payload = serde_json::from_slice::<serde_json::Value>(envelope.payload())
        .and_then(|v| serde_json::to_string_pretty(&v))
        .map_err(Error::internal)?;
    Ok(Page(EntryPage {
        index,
        kind: fill::kind_words(&entry.kind).to_owned(),
        actor: party(&entry.actor),
        subject: fill::subject_link(&entry.kind, &entry.subject),
        about_url: record.about_url,
        statement_id: entry.id.to_string(),
        at: fill::minute(entry.staged_at),
        custody,
        signatures: envelope.signatures().iter().map(|s| signature(instance, &envelope, &s.keyid, &held)).collect(),
        payload,
        inclusion: record.inclusion,
        raw_url: format!("/api/v1/statements/{}", entry.id),
        last: chrome.head.as_ref().map_or(0, |h| h.size.saturating_sub(1)),
        chrome,
    }))
}

/// Whether one of these keys could sign at a place of the log.
async fn held_at(tx: &mut Tx, held: &[KeyRecord], index: u64) -> Result<bool, Failure> {
    for key in held {
        let from = storage::log::find(tx, key.statement).await?.and_then(|entry| entry.index);
        let until = match &key.end {
            Some(end) => storage::log::find(tx, end.statement).await?.and_then(|entry| entry.index),
            None => None,
        };
        if from.is_some_and(|from| from < index) && until.is_none_or(|until| index <= until) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A signature on an entry, checked: the registry's, or one by a key of whoever did it.
fn signature(instance: &Instance, envelope: &Envelope, keyid: &str, held: &[KeyRecord]) -> EntrySignature {
    let registry = &instance.keys.statement;
    let (holder, whose, verified) = if registry.key_id() == keyid {
        let fits = envelope.verify(&registry.verifying_key()).is_ok();
        (Link::new(instance.site.name.clone(), "/trust/statement.key"), "the registry’s key", fits)
    } else if let Some(key) = held.iter().find(|key| key.added.keyid == keyid) {
        let fits = key.added.key().is_some_and(|key| envelope.verify(&key).is_ok());
        (Link::new(key.holder.clone(), fill::about_url(keyid)), "their own key", fits)
    } else {
        (Link::default(), "a key that is not on record", false)
    };
    EntrySignature { keyid: keyid.to_owned(), holder, whose: whose.to_owned(), verified }
}

pub(super) async fn explained(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<StatementId>,
) -> Result<Page<ReceiptPage>, Failure> {
    let instance = &state.instance;
    let chrome = chrome(&state, &visitor, "Receipt", &format!("/receipts/{id}")).await?;
    let mut tx = instance.store.read().await?;
    let entry = storage::log::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("statement", id))?;
    let found = receipt(instance, &mut tx, id).await?;
    let published = storage::log::head(&mut tx).await?.map(|head| fill::minute(head.published_at)).unwrap_or_default();
    let inclusion = match &found {
        Some(receipt) => Some(fill::inclusion(&entry, receipt, format!("/log/receipts/{id}"))?),
        None => None,
    };
    Ok(Page(ReceiptPage {
        statement_id: id.to_string(),
        kind: fill::kind_words(&entry.kind).to_owned(),
        subject: fill::subject_link(&entry.kind, &entry.subject),
        origin: instance.site.log_origin.clone(),
        published: if found.is_some() { published } else { Default::default() },
        inclusion,
        witnesses: found.as_ref().map(|receipt| witnesses(instance, receipt)).unwrap_or_default(),
        recipes: receipt_recipes(&instance.site.url, id, entry.kind == "image"),
        chrome,
    }))
}

/// Who signed the head of a receipt beside the log itself.
fn witnesses(instance: &Instance, receipt: &Receipt) -> Vec<WitnessRow> {
    let log = instance.keys.log.verifier();
    let lines = receipt.checkpoint().note().signatures().iter();
    lines
        .filter(|line| line.name != log.name() || line.key_id != log.id())
        .map(|line| WitnessRow {
            name: line.name.clone(),
            key: hex::encode(line.key_id),
            at: cosigned_at(&line.signature).map(fill::minute),
        })
        .collect()
}

/// When a cosignature was made: eight bytes of seconds before an Ed25519 signature (C2SP tlog-cosignature, type 0x04).
fn cosigned_at(signature: &[u8]) -> Option<Timestamp> {
    let (seconds, rest) = signature.split_first_chunk::<8>()?;
    let millis = i64::try_from(u64::from_be_bytes(*seconds)).ok()?.checked_mul(1_000)?;
    (rest.len() == 64).then(|| Timestamp::from_millis(millis))
}

/// How to check one receipt without this server.
fn receipt_recipes(url: &str, id: StatementId, picture: bool) -> Vec<Recipe> {
    let recipe = |what: &str, command: String| Recipe { what: what.to_owned(), command };
    let mut recipes = vec![recipe(
        "Fetch the receipt, and once the log’s key; keep both.",
        format!("curl -o receipt.tlog-proof {url}/log/receipts/{id}\ncurl -o log.vkey {url}/trust/log.vkey"),
    )];
    recipes.push(recipe(
        "Check the receipt by itself, and read what it is for. Nothing is asked of any server.",
        format!(
            "curl -o statement.key {url}/trust/statement.key\n\
             colophon verify receipt.tlog-proof --vkey log.vkey --statement-key statement.key"
        ),
    ));
    if picture {
        recipes.push(recipe(
            "Check the picture with it.",
            format!(
                "curl -o c2pa-root.pem {url}/trust/c2pa-root.pem\n\
                 colophon verify picture.png --receipt receipt.tlog-proof --vkey log.vkey --root c2pa-root.pem"
            ),
        ));
    }
    recipes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_what_narrows() {
        let asked = Asked { kind: "grant".into(), actor: "Mere & Co".into(), after: Some(7), ..Asked::default() };
        assert_eq!(asked.url(), "/log?kind=grant&actor=Mere%20%26%20Co");
        assert_eq!(asked.but(|asked| asked.actor.clear()), "/log?kind=grant");
        assert_eq!(Asked::default().url(), "/log");
    }

    #[test]
    fn a_cosignature_says_when_it_was_made() {
        let signature = [&1_795_434_077_u64.to_be_bytes()[..], &[7; 64]].concat();
        assert_eq!(cosigned_at(&signature), Some(Timestamp::from_millis(1_795_434_077_000)));
        assert_eq!(cosigned_at(&signature[1..]), None);
        assert_eq!(cosigned_at(&[0xff; 72]), None);
    }
}
