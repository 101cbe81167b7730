//! What the registry knows, in other people's formats.

use axum::extract::State as Handed;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::TheInstance;
use super::images::record as image_record;
use super::shape;
use super::table::cell;
use crate::actions::{Error, Instance};
use crate::digest::{Sha256Hash, sha256_of};
use crate::export::authorship::{Making, copyright_office};
use crate::export::croissant::{COLUMNS, croissant};
use crate::export::cyclonedx::cyclonedx;
use crate::export::provenance_card::provenance_card;
use crate::export::spdx::spdx;
use crate::export::training_summary::training_summary;
use crate::export::{DatasetFacts, Publisher};
use crate::id::{DatasetId, ImageId, ModelId};
use crate::storage::datasets::DatasetRecord;
use crate::storage::models::ModelRecord;
use crate::storage::{self, Tx};
use crate::web::error::Failure;
use crate::web::extract::Segment;

/// Rows read at once.
const ROWS: u32 = 1_000;

fn publisher(instance: &Instance) -> Publisher<'_> {
    Publisher { name: &instance.site.name, url: instance.site.url.trim_end_matches('/') }
}

async fn facts(tx: &mut Tx, found: DatasetRecord) -> Result<DatasetFacts, Failure> {
    let id = found.dataset.id;
    Ok(DatasetFacts {
        licences: storage::datasets::licences(tx, id).await?,
        authors: storage::datasets::authors(tx, id).await?,
        index: shape::index(tx, found.statement).await?,
        dataset: found.dataset,
    })
}

async fn dataset(tx: &mut Tx, id: DatasetId) -> Result<DatasetRecord, Failure> {
    Ok(storage::datasets::find(tx, id).await?.ok_or_else(|| Error::not_found("dataset", id))?)
}

/// The members as a table, under the licences of the day on which the dataset was frozen: it never changes, as the dataset does not.
async fn table(instance: &Instance, tx: &mut Tx, found: &DatasetRecord) -> Result<String, Failure> {
    let url = publisher(instance).url;
    let mut out = COLUMNS.map(|(name, ..)| name).join(",") + "\r\n";
    let mut after = String::new();
    loop {
        let rows = storage::datasets::rows(tx, found.dataset.id, found.dataset.frozen_at, &after, ROWS).await?;
        let Some(last) = rows.last() else { return Ok(out) };
        after = last.work.to_string();
        for row in rows {
            let picture = format!("{url}/works/{}/picture", row.work);
            let cells = [
                row.work.to_string(),
                row.title,
                row.author,
                row.licences.join(" OR "),
                row.source,
                picture,
                row.media_type,
                row.sha256.to_string(),
                row.statement.to_string(),
            ];
            out.push_str(&cells.map(|text| cell(&text)).join(","));
            out.push_str("\r\n");
        }
    }
}

fn file(kind: &'static str, name: &str, body: impl Into<axum::body::Body>) -> Result<Response, Failure> {
    let disposition = HeaderValue::from_str(&format!("inline; filename=\"{name}\"")).map_err(Error::internal)?;
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, body.into()).into_response())
}

pub(super) async fn works_csv(Handed(instance): TheInstance, Segment(id): Segment<DatasetId>) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let found = dataset(&mut tx, id).await?;
    file("text/csv; charset=utf-8", "works.csv", table(&instance, &mut tx, &found).await?)
}

pub(super) async fn dataset_croissant(
    Handed(instance): TheInstance,
    Segment(id): Segment<DatasetId>,
) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let found = dataset(&mut tx, id).await?;
    let hash: Sha256Hash = sha256_of(table(&instance, &mut tx, &found).await?.as_bytes());
    let document = croissant(&facts(&mut tx, found).await?, &hash, publisher(&instance));
    pretty("application/ld+json", "croissant.json", &document)
}

fn pretty(kind: &'static str, name: &str, document: &Value) -> Result<Response, Failure> {
    file(kind, name, serde_json::to_string_pretty(document).map_err(Error::internal)?)
}

async fn model(tx: &mut Tx, id: ModelId) -> Result<(ModelRecord, Vec<DatasetFacts>), Failure> {
    let found = storage::models::find(tx, id).await?.ok_or_else(|| Error::not_found("model", id))?;
    let mut datasets = Vec::new();
    for dataset in &found.model.datasets {
        if let Some(record) = storage::datasets::find(tx, *dataset).await? {
            datasets.push(facts(tx, record).await?);
        }
    }
    Ok((found, datasets))
}

pub(super) async fn model_cyclonedx(Handed(instance): TheInstance, Segment(id): Segment<ModelId>) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let (found, datasets) = model(&mut tx, id).await?;
    let run = storage::runs::find_by_weights(&mut tx, found.model.weights).await?;
    let run = run.as_ref().map(|record| &record.run);
    let document = cyclonedx(&found.model, run, &datasets, publisher(&instance), instance.clock.now());
    pretty("application/vnd.cyclonedx+json", "bom.json", &document)
}

pub(super) async fn model_spdx(Handed(instance): TheInstance, Segment(id): Segment<ModelId>) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let (found, datasets) = model(&mut tx, id).await?;
    let run = storage::runs::find_by_weights(&mut tx, found.model.weights).await?;
    let run = run.as_ref().map(|record| &record.run);
    let document = spdx(&found.model, run, &datasets, publisher(&instance), instance.clock.now());
    pretty("application/spdx+json", "spdx.json", &document)
}

pub(super) async fn model_summary(Handed(instance): TheInstance, Segment(id): Segment<ModelId>) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let (found, datasets) = model(&mut tx, id).await?;
    file("text/markdown; charset=utf-8", "training-summary.md", training_summary(&found.model, &datasets, publisher(&instance)))
}

pub(super) async fn image_authorship(Handed(instance): TheInstance, Segment(id): Segment<ImageId>) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let image = image_record(&mut tx, id).await?.image;
    let prompt = storage::images::find_prompt(&mut tx, id).await?;
    let model = match image.model {
        Some(id) => Some(storage::models::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("model", id))?),
        None => None,
    };
    let model = model.map_or_else(|| "no model".to_owned(), |m| format!("{} {}", m.model.card.title, m.model.card.version));
    let mut works = Vec::new();
    for drawn in image.works.iter().filter(|drawn| !drawn.near) {
        let Some(record) = storage::works::find(&mut tx, drawn.work).await? else { continue };
        let grants = storage::works::grants(&mut tx, drawn.work).await?;
        let licence = grants.iter().find(|g| g.grant.covers(image.made_at)).map_or("unknown", |g| &g.grant.licence).to_owned();
        works.push((record.work.title, record.work.author, licence));
    }
    let text = copyright_office(&Making {
        creator: &image.creator,
        model: &model,
        page: &format!("{}/images/{id}", publisher(&instance).url),
        sha256: &image.digest.sha256.to_string(),
        prompt: shape::public_words(prompt.as_ref()),
        works: &works,
    });
    file("text/plain; charset=utf-8", "copyright-office.txt", text)
}

pub(super) async fn dataset_card(
    Handed(instance): TheInstance,
    Segment(id): Segment<DatasetId>,
) -> Result<axum::Json<Value>, Failure> {
    let mut tx = instance.store.read().await?;
    let found = dataset(&mut tx, id).await?;
    let sources = storage::datasets::sources(&mut tx, id).await?;
    let verified = storage::datasets::verified(&mut tx, id).await?;
    let facts = facts(&mut tx, found).await?;
    Ok(axum::Json(provenance_card(&facts, &sources, &verified, publisher(&instance))))
}
