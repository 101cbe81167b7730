//! What things look like as JSON. One function per thing; ids, hashes and times as text.

use serde_json::{Value, json};

use crate::actions::drawn_with::DrawnWith;
use crate::actions::impact::marks;
use crate::actions::{Error, Instance};
use crate::clock::Timestamp;
use crate::generation::{ModelConfig, PictureSizes};
use crate::id::StatementId;
use crate::storage::datasets::DatasetRecord;
use crate::storage::images::{ImageRecord, Prompt};
use crate::storage::log::Entry;
use crate::storage::models::ModelRecord;
use crate::storage::terms::ReservationRecord;
use crate::storage::works::{GrantRecord, WorkRecord};
use crate::storage::{self, Result, Tx};
use crate::works::rules::RULES_VERSION;
use crate::works::{Answer, Terms, Usage, Verdict};

/// A work in a list.
pub fn work(record: &WorkRecord) -> Value {
    let mut shown = serde_json::to_value(&record.work).unwrap_or_default();
    shown["statement"] = json!(record.statement);
    shown["url"] = json!(format!("/works/{}", record.work.id));
    if record.work.held {
        shown["picture"] = json!(format!("/api/v1/works/{}/picture", record.work.id));
    }
    shown
}

/// A grant.
pub fn grant(record: &GrantRecord, now: Timestamp) -> Value {
    let mut shown = serde_json::to_value(&record.grant).unwrap_or_default();
    shown["statement"] = json!(record.statement);
    shown["in_force"] = json!(record.in_force(now));
    if let Some(revoked) = &record.revoked {
        shown["revoked"] = json!({ "at": revoked.at, "reason": revoked.reason, "statement": revoked.statement });
    }
    shown
}

/// A reservation.
pub fn reservation(record: &ReservationRecord) -> Value {
    let mut shown = serde_json::to_value(&record.reservation).unwrap_or_default();
    shown["seen_at"] = json!(record.seen_at);
    shown["statement"] = json!(record.statement);
    shown
}

/// The revoked works that a dataset, model or image stands on.
pub async fn affected(tx: &mut Tx, about: &[String], now: Timestamp) -> std::result::Result<Value, Error> {
    let mut rows = Vec::new();
    for id in about {
        for found in marks(tx, id, now).await? {
            rows.push(json!({
                "work": found.work, "since": found.since, "through": id, "statement": found.statement, "dispute": found.dispute,
            }));
        }
    }
    Ok(Value::Array(rows))
}

/// What the grants in force allow everyone, one verdict for each use.
pub fn verdicts(terms: &Terms, now: Timestamp) -> Vec<Verdict> {
    Usage::ALL.into_iter().map(|usage| terms.verdict(usage, "", now)).collect()
}

/// A whole work.
pub async fn whole_work(tx: &mut Tx, record: &WorkRecord, now: Timestamp) -> Result<Value> {
    let grants = storage::works::grants(tx, record.work.id).await?;
    let (images, newest) = storage::images::of_work(tx, record.work.id, 50).await?;
    let datasets: Vec<_> = storage::datasets::of_work(tx, record.work.id).await?.iter().map(dataset).collect();
    let mut shown = work(record);
    shown["index"] = json!(index(tx, record.statement).await?);
    shown["grants"] = grants.iter().map(|g| grant(g, now)).collect();
    shown["verdicts"] = json!(verdicts(&storage::terms::of(tx, record.work.id).await?, now));
    shown["reservations"] = storage::terms::reservations(tx, record.work.id).await?.iter().map(reservation).collect();
    shown["rules_version"] = json!(RULES_VERSION);
    shown["images"] = json!({ "total": images, "newest": newest });
    shown["datasets"] = Value::Array(datasets);
    Ok(shown)
}

/// A dataset.
pub fn dataset(record: &DatasetRecord) -> Value {
    let mut shown = serde_json::to_value(&record.dataset).unwrap_or_default();
    shown["statement"] = json!(record.statement);
    shown
}

/// A model, with what it offers where it draws on this machine.
pub fn model(record: &ModelRecord, here: &[DrawnWith]) -> Value {
    let mut shown = serde_json::to_value(&record.model).unwrap_or_default();
    shown["statement"] = json!(record.statement);
    shown["training_data_documented"] = json!(!record.model.datasets.is_empty());
    shown["offer"] = match here.iter().find(|with| with.model().id == record.model.id) {
        Some(with) => offer(&with.offer),
        None => Value::Null,
    };
    shown
}

/// What may be asked of a model.
fn offer(offer: &ModelConfig) -> Value {
    let [width, height] = offer.image;
    let sizes = match offer.sizes {
        PictureSizes::Usual => Value::Null,
        PictureSizes::Multiples { of, least, most } => json!({ "multiple_of": of, "least": least, "most": most }),
    };
    json!({
        "width": width, "height": height, "other_sizes": sizes, "steps": offer.steps, "guidance": offer.guidance,
        "guidance_most": offer.guidance_most, "start": offer.start, "negative": offer.negative, "styles": offer.styles,
        "samplers": offer.samplers.iter().map(ToString::to_string).collect::<Vec<_>>(), "works": offer.works_per_prompt,
    })
}

/// An image with the works it drew on.
pub async fn image(instance: &Instance, tx: &mut Tx, record: &ImageRecord) -> std::result::Result<Value, Error> {
    let id = record.image.id;
    let mut shown = serde_json::to_value(&record.image).unwrap_or_default();
    let mut works = Vec::new();
    for drawn in &record.image.works {
        let found = storage::works::find(tx, drawn.work).await?;
        let grants = storage::works::grants(tx, drawn.work).await?;
        let now = instance.clock.now();
        works.push(json!({
            "work": drawn.work,
            "nearness": f64::from(drawn.nearness) / 1e6,
            "influence": f64::from(drawn.influence) / 1e6,
            "part": drawn.part,
            "generation": drawn.generation,
            "near": drawn.near,
            "title": found.as_ref().map(|w| &w.work.title),
            "author": found.as_ref().map(|w| &w.work.author),
            "licence": grants.iter().find(|g| g.grant.covers(record.image.made_at)).map(|g| &g.grant.licence),
            "in_force": grants.iter().any(|g| g.in_force(now)),
        }));
    }
    let prompt = storage::images::find_prompt(tx, id).await?;
    shown["works"] = Value::Array(works);
    shown["mostly_one_work"] = json!(record.image.mostly_one());
    if let Some(nearest) = record.image.nearest {
        shown["nearest"] = json!({ "work": nearest.work, "nearness": f64::from(nearest.nearness) / 1e6 });
    }
    let abouts: Vec<String> = std::iter::once(id.to_string()).chain(record.image.model.map(|model| model.to_string())).collect();
    shown["affected"] = affected(tx, &abouts, instance.clock.now()).await?;
    shown["prompt"] = json!(public_words(prompt.as_ref()));
    shown["statement"] = json!(record.statement);
    shown["index"] = json!(index(tx, record.statement).await?);
    shown["url"] = json!(format!("{}/images/{id}", instance.site.url));
    shown["file"] = json!(format!("/api/v1/images/{id}/file"));
    shown["receipt"] = json!(format!("/api/v1/images/{id}/receipt"));
    Ok(shown)
}

/// The words of an image, when its creator lets everyone read them.
pub fn public_words(prompt: Option<&Prompt>) -> Option<&str> {
    prompt.filter(|p| p.public).map(|p| p.prompt.as_str())
}

/// A statement's place in the log; `null` while it waits.
pub async fn index(tx: &mut Tx, id: StatementId) -> Result<Option<u64>> {
    Ok(storage::log::find(tx, id).await?.and_then(|e| e.index))
}

/// A log entry in a list.
pub fn entry(entry: &Entry) -> Value {
    json!({
        "id": entry.id, "index": entry.index, "kind": entry.kind, "subject": entry.subject, "actor": entry.actor, "staged_at": entry.staged_at,
        "bytes": entry.bytes.len(),
    })
}

/// A verdict's answer as one word.
pub const fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Allow => "allow",
        Answer::Conditional => "conditional",
        Answer::Unknown => "unknown",
        Answer::Deny => "deny",
    }
}
