//! From records to what the templates show: cards, counts, rules, proofs. No page of its own.

use super::view::lineage::AffectedRow;
use super::view::log::PathStep;
use super::view::{
    AuthorCount, DatasetRef, ImageCard, Inclusion, LicenceCount, Link, RecordView, RuleLine, Tone, When, WorkCard,
};
use crate::actions::Error;
use crate::actions::Instance;
use crate::actions::impact::marks;
use crate::actions::receipt::receipt;
use crate::clock::Timestamp;
use crate::id::{ImageId, StatementId, WorkId};
use crate::ledger::proof::steps;
use crate::ledger::{Receipt, leaf_hash};
use crate::policy::{Decision, Fired};
use crate::storage::datasets::DatasetRecord;
use crate::storage::images::ImageRecord;
use crate::storage::log::Entry;
use crate::storage::works::GrantRecord;
use crate::storage::{self, Result, Tx};
use crate::web::error::encode;
use crate::works::licence::spoken;
use crate::works::verdict::{Usage, verdict};

/// A day.
pub fn day(at: Timestamp) -> When {
    When::new(at.day(), at.rfc3339())
}

/// A minute.
pub fn minute(at: Timestamp) -> When {
    let text = at.rfc3339();
    When::new(format!("{}, {} UTC", at.day(), text.get(11..16).unwrap_or_default()), text)
}

/// The grant that is shown for a work: the one that held at `at`, else the last given.
pub fn shown_grant(grants: &[GrantRecord], at: Timestamp) -> Option<&GrantRecord> {
    let open = grants.iter().find(|g| g.in_force(at) && g.grant.scope.grantee.is_none());
    open.or_else(|| grants.iter().find(|g| g.in_force(at)))
        .or_else(|| grants.iter().rfind(|g| g.grant.covers(at)))
        .or_else(|| grants.last())
}

/// A work as a card. `made_at`: for works that a picture drew on, under the terms of that moment.
pub async fn work_card(
    tx: &mut Tx,
    id: WorkId,
    distance: Option<f64>,
    now: Timestamp,
    made_at: Timestamp,
) -> Result<Option<WorkCard>> {
    let Some(record) = storage::works::find(tx, id).await? else { return Ok(None) };
    let grants = storage::works::grants(tx, id).await?;
    let grant = shown_grant(&grants, made_at).map(|g| &g.grant);
    let terms = storage::terms::of(tx, id).await?;
    let open = Usage::ALL.into_iter().any(|usage| terms.verdict(usage, "", now).permits());
    let taken_back =
        terms.disputed.is_some() || (!open && grants.iter().any(|g| g.revoked.as_ref().is_some_and(|r| r.at <= now)));
    Ok(Some(WorkCard {
        id: id.to_string(),
        title: record.work.title,
        picture: if record.work.held { format!("/works/{id}/picture") } else { String::new() },
        author: record.work.author,
        licence: grant.map_or_else(|| "unknown".to_owned(), |g| short_licence(g.licence_concluded())),
        licence_url: grant.map(|g| g.licence_url.clone()).unwrap_or_default(),
        distance,
        influence: None,
        revoked: taken_back,
        disputed: terms.disputed.is_some(),
    }))
}

/// The revoked works that a dataset, model or image stands on; one that was given a licence again is none any more.
pub async fn affected(tx: &mut Tx, about: &str, now: Timestamp) -> std::result::Result<Vec<AffectedRow>, Error> {
    let mut rows: Vec<AffectedRow> = Vec::new();
    for found in marks(tx, about, now).await? {
        let title = storage::works::find(tx, found.work).await?.map(|w| w.work.title).unwrap_or_default();
        let work = Link::new(title, format!("/works/{}", found.work));
        rows.push(AffectedRow { work, since: day(found.since), disputed: found.dispute.is_some() });
    }
    Ok(rows)
}

/// `CC BY 4.0`, `public domain`.
pub fn short_licence(licence: &str) -> String {
    if licence == crate::works::licence::NO_ASSERTION {
        return "unknown terms".to_owned();
    }
    if licence == "public-domain" { "public domain".to_owned() } else { spoken(licence) }
}

/// An image as a card.
pub async fn image_card(tx: &mut Tx, record: &ImageRecord) -> Result<ImageCard> {
    let id = record.image.id;
    let prompt = storage::images::find_prompt(tx, id).await?;
    let mut authors: Vec<String> = Vec::new();
    for drawn in record.image.works.iter().filter(|drawn| !drawn.near) {
        if let Some(work) = storage::works::find(tx, drawn.work).await?
            && !authors.contains(&work.work.author)
        {
            authors.push(work.work.author);
        }
    }
    Ok(ImageCard {
        id: id.to_string(),
        picture: format!("/images/{id}/file"),
        words: crate::web::api::public_words(prompt.as_ref()).unwrap_or_default().to_owned(),
        authors,
        made: day(record.image.made_at),
    })
}

/// Images by id, as cards.
pub async fn image_cards(tx: &mut Tx, ids: &[ImageId]) -> Result<Vec<ImageCard>> {
    let mut cards = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(record) = storage::images::find(tx, *id).await? {
            cards.push(image_card(tx, &record).await?);
        }
    }
    Ok(cards)
}

/// Licences with their share of `total`.
#[expect(clippy::cast_precision_loss, reason = "shares are shown in whole percent")]
pub fn licence_counts(rows: Vec<(String, u64)>) -> Vec<LicenceCount> {
    let total: u64 = rows.iter().map(|(_, n)| n).sum();
    rows.into_iter()
        .map(|(licence, count)| LicenceCount {
            url: format!("/works?licence={}", encode(&licence)),
            count,
            share: count as f64 / total.max(1) as f64,
            known: verdict(&licence, Usage::Train).answer != crate::works::Answer::Unknown,
            licence: short_licence(&licence),
        })
        .collect()
}

/// Authors with their number of works, the first few.
pub fn author_counts(rows: Vec<(String, u64)>) -> Vec<AuthorCount> {
    rows.into_iter()
        .map(|(author, count)| AuthorCount { url: format!("/works?author={}", encode(&author)), author, count })
        .collect()
}

/// A dataset as a link.
pub fn dataset_ref(record: &DatasetRecord) -> DatasetRef {
    DatasetRef { id: record.dataset.id.to_string(), title: record.dataset.name.clone(), works: record.dataset.works }
}

/// The rules of a decision. `words` are there only where the prompt may be seen.
pub fn rule_lines(decision: &Decision) -> Vec<RuleLine> {
    decision.rules.iter().map(|rule| rule_line(rule, decision)).collect()
}

fn rule_line(rule: &Fired, decision: &Decision) -> RuleLine {
    let mut words: Vec<String> = rule
        .matches
        .iter()
        .filter_map(|n| decision.matches.get(*n)?.words.clone().or_else(|| decision.matches.get(*n)?.alias.clone()))
        .collect();
    words.dedup();
    RuleLine {
        policy: rule.title.clone(),
        rule: rule.key(),
        file: rule.file.clone(),
        line: u32::try_from(rule.line).unwrap_or(0),
        outcome: rule.outcome.as_str().to_owned(),
        words,
        why: rule.why.clone(),
        authority: rule.authority_name.clone(),
        authority_status: rule.authority_status.as_str().to_owned(),
        contact: Link::new(rule.authority_name.clone(), rule.contact_url.clone()),
        alternatives: rule.suggest.clone(),
        appeal: Link::new(decision.appeal.clone(), ""),
    }
}

/// A statement's place in the log, with its proof checked just now.
pub async fn record_view(
    instance: &Instance,
    tx: &mut Tx,
    id: StatementId,
    receipt_url: String,
) -> std::result::Result<RecordView, Error> {
    let entry = storage::log::find(tx, id).await?;
    let index = entry.as_ref().and_then(|e| e.index);
    let about_url = entry.as_ref().map(|e| about_url(&e.subject)).unwrap_or_default();
    let proof = match index {
        Some(_) => receipt(instance, tx, id).await?,
        None => None,
    };
    let inclusion = match (&entry, &proof) {
        (Some(entry), Some(receipt)) => Some(inclusion(entry, receipt, receipt_url)?),
        _ => None,
    };
    Ok(RecordView { statement_id: id.to_string(), index, inclusion, about_url })
}

/// The proof of an entry, whose receipt was checked when it was made.
pub fn inclusion(entry: &Entry, receipt: &Receipt, receipt_url: String) -> std::result::Result<Inclusion, Error> {
    let checkpoint = receipt.checkpoint().unverified();
    let leaf = leaf_hash(&entry.bytes);
    let (steps, _) = steps(leaf, receipt.index, checkpoint.size, &receipt.proof).map_err(Error::internal)?;
    Ok(Inclusion {
        tone: Tone::Verified,
        sentence: format!("Entry {} is in the log of {} entries.", grouped(receipt.index), grouped(checkpoint.size)),
        index: receipt.index,
        leaf: leaf.to_hex(),
        size: checkpoint.size,
        root: checkpoint.root.to_hex(),
        steps: steps.iter().map(|s| PathStep { node: s.node.to_hex(), sibling: s.sibling.to_hex(), left: s.left }).collect(),
        receipt_url,
        explained_url: format!("/receipts/{}", entry.id),
    })
}

/// Where the log has everything about a thing.
pub fn about_url(id: &str) -> String {
    format!("/log?about={}", encode(id))
}

/// `10 482`, with narrow no-break spaces.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        // Four digits are read at a glance.
        if i > 0 && digits.len() > 4 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(c);
    }
    out
}

/// Where a thing that a statement is about has its page; what has none leads to its entries.
pub fn subject_link(kind: &str, subject: &str) -> Link {
    let short = || format!("{}…", subject.get(..8).unwrap_or(subject));
    match kind {
        "work" | "grant" | "revocation" | "impact" | "dispute" | "dispute-step" | "conclusion" | "reservation" | "project" => {
            Link::new(subject, format!("/works/{subject}"))
        }
        "image" | "agreement" => Link::new(subject, format!("/images/{subject}")),
        "model" => Link::new(subject, format!("/models/{subject}")),
        "dataset" | "dataset-works" => Link::new(subject, format!("/datasets/{subject}")),
        "steward" | "steward-end" | "consent" | "consent-revocation" | "ruling" => {
            Link::new(subject, format!("/policies/{}", encode(subject)))
        }
        "bundle" => Link::new(short(), "/policies"),
        "key" | "key-end" => Link::new(format!("key {}", short()), about_url(subject)),
        _ => Link::new(subject, about_url(subject)),
    }
}

/// Every type of statement, as words, in the order in which they are offered.
pub const KINDS: [(&str, &str); 23] = [
    ("work", "work registered"),
    ("grant", "grant given"),
    ("revocation", "grant revoked"),
    ("conclusion", "licence looked into"),
    ("reservation", "opt-out seen"),
    ("project", "labels of a community"),
    ("dispute", "dispute opened"),
    ("dispute-step", "step in a dispute"),
    ("impact", "what stood on a work"),
    ("dataset", "dataset frozen"),
    ("dataset-works", "dataset members"),
    ("model", "model registered"),
    ("run", "training run recorded"),
    ("image", "image made"),
    ("agreement", "authorship agreed on"),
    ("bundle", "policy bundle in force"),
    ("steward", "steward named"),
    ("steward-end", "steward’s office ended"),
    ("consent", "consent given"),
    ("consent-revocation", "consent taken back"),
    ("ruling", "ruling on a request"),
    ("key", "key added"),
    ("key-end", "key ended"),
];

/// What a statement states, as words.
pub fn kind_words(kind: &str) -> &str {
    KINDS.iter().find(|(each, _)| *each == kind).map_or(kind, |(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::keyring::{KEY, KEY_END};

    #[test]
    fn every_kind_that_is_applied_has_words_and_a_link() {
        let applied = include_str!("../../actions/apply.rs");
        let kinds = applied.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" =>").map(|(kind, _)| kind));
        let kinds: Vec<&str> = kinds.chain([KEY, KEY_END]).collect();
        assert_eq!(kinds.len(), KINDS.len(), "{kinds:?}");
        for kind in kinds {
            assert_ne!(kind_words(kind), kind);
            assert!(subject_link(kind, "a/b").url.starts_with('/'), "{kind}");
        }
    }

    #[test]
    fn numbers_are_grouped_from_five_digits() {
        assert_eq!(
            ["7", "1204", "10\u{202f}482", "1\u{202f}234\u{202f}567"],
            [7, 1204, 10_482, 1_234_567].map(grouped).each_ref().map(String::as_str)
        );
    }
}
