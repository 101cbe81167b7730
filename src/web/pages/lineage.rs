//! `/datasets/{id}`, `/models` and `/models/{id}`.

use axum::extract::State as Handed;
use serde::Deserialize;

use super::view::lineage::{FileRow, MembershipView};
use super::view::{DatasetPage, Link, ModelCard, ModelPage, ModelsPage, WorkCard};
use super::{Page, chrome, fill, images};
use crate::actions::Error;
use crate::actions::drawn_with::models_here;
use crate::id::{DatasetId, ModelId, WorkId};
use crate::lineage::Run;
use crate::storage;
use crate::web::State;
use crate::web::error::Failure;
use crate::web::extract::{Query, Segment};
use crate::web::session::Visitor;

/// Works on a page of a dataset.
const ROWS: usize = 36;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    after: String,
    work: String,
}

pub(super) async fn dataset(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<DatasetId>,
    Query(asked): Query<Asked>,
) -> Result<Page<DatasetPage>, Failure> {
    let instance = &state.instance;
    let now = instance.clock.now();
    let mut tx = instance.store.read().await?;
    let found = storage::datasets::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("dataset", id))?;
    let members = storage::datasets::members(&mut tx, id).await?;
    let from = members.iter().position(|m| m.to_string() > asked.after).unwrap_or(members.len());
    let shown = members.iter().skip(from).take(ROWS);
    let mut works: Vec<WorkCard> = Vec::new();
    for work in shown.clone() {
        works.extend(fill::work_card(&mut tx, *work, None, now, found.dataset.frozen_at).await?);
    }
    let next = shown.clone().next_back().filter(|_| from + ROWS < members.len());
    let authors = storage::datasets::authors(&mut tx, id).await?;
    let licences = storage::datasets::licences(&mut tx, id).await?;
    let models = storage::models::all(&mut tx).await?;
    let record = fill::record_view(instance, &mut tx, found.statement, format!("/log/receipts/{}", found.statement)).await?;
    let membership = (!asked.work.is_empty()).then(|| membership_view(id, &members, &asked.work));
    drop(tx);
    Ok(Page(DatasetPage {
        chrome: chrome(&state, &visitor, &found.dataset.name, &format!("/datasets/{id}")).await?,
        id: id.to_string(),
        title: found.dataset.name.clone(),
        frozen: fill::minute(found.dataset.frozen_at),
        works_total: found.dataset.works,
        authors_total: authors.len() as u64,
        merkle_root: found.dataset.root.to_string(),
        licences: fill::licence_counts(licences),
        authors: fill::author_counts(authors.into_iter().take(40).collect()),
        models: models
            .iter()
            .filter(|m| m.model.datasets.contains(&id))
            .map(|m| Link::new(m.model.card.title.clone(), format!("/models/{}", m.model.id)))
            .collect(),
        asked: asked.work,
        membership,
        works,
        next_url: next.map(|n| format!("/datasets/{id}?after={n}")).unwrap_or_default(),
        json_url: format!("/api/v1/datasets/{id}"),
        csv_url: String::new(),
        record,
    }))
}

/// The answer in words; the proof itself is a file.
fn membership_view(dataset: DatasetId, members: &[WorkId], asked: &str) -> MembershipView {
    let Ok(work) = WorkId::parse(asked.trim()) else {
        let sentence =
            format!("“{asked}” is no work: a work's name looks like work_0000000000RFWWFV399SSV6ZD8 and stands on its page.");
        return MembershipView { sentence, ..MembershipView::default() };
    };
    let proof_url = format!("/api/v1/datasets/{dataset}/membership?work={work}");
    let place = members.binary_search(&work);
    let sentence = match place {
        Ok(index) => format!("{work} is in this dataset, at place {} of {}.", index + 1, members.len()),
        Err(_) => format!(
            "{work} is not in this dataset. The list is sorted, and the proof shows its two neighbours with nothing between them."
        ),
    };
    MembershipView { present: place.is_ok(), sentence, proof_url }
}

pub(super) async fn models(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<ModelsPage>, Failure> {
    let chrome = chrome(&state, &visitor, "Models", "/models").await?;
    let mut tx = state.instance.store.read().await?;
    let mut items = Vec::new();
    for record in storage::models::all(&mut tx).await? {
        let (sentence, ..) = training(&mut tx, &record.model).await?;
        items.push(ModelCard {
            id: record.model.id.to_string(),
            images: storage::images::total_of_model(&mut tx, record.model.id).await?,
            training_known: !record.model.datasets.is_empty(),
            training_sentence: sentence,
            name: record.model.card.title,
            version: record.model.card.version,
            summary: record.model.card.summary,
            licence: record.model.card.licence,
        });
    }
    Ok(Page(ModelsPage { chrome, items, json_url: "/api/v1/models".to_owned() }))
}

/// What is on record of a run, in the order in which one would ask.
fn run_facts(run: &Run) -> Vec<(String, String)> {
    let mut facts = vec![
        ("Run", run.id.to_string()),
        ("Steps", fill::grouped(run.steps)),
        ("Pictures seen", fill::grouped(run.pictures)),
        ("Works learnt from", fill::grouped(run.works_learnt)),
        ("Root of its dataset", run.dataset_root.to_string()),
        ("Program", run.code.clone()),
        ("Settings, SHA-256", run.settings.to_string()),
        ("Weights, SHA-256", run.weights.to_string()),
        ("Ended", run.ended_at.rfc3339()),
    ];
    if let Some(from) = run.begun_from {
        facts.insert(1, ("Begun from, SHA-256", from.to_string()));
    }
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

type Counted = Vec<(String, u64)>;

/// What is known of a model's training: a sentence, its datasets, licences, authors.
async fn training(
    tx: &mut storage::Tx,
    model: &crate::lineage::Model,
) -> Result<(String, Vec<super::view::DatasetRef>, Counted, Counted), storage::Error> {
    let (mut datasets, mut licences, mut authors) = (Vec::new(), Vec::new(), Vec::new());
    for id in &model.datasets {
        if let Some(record) = storage::datasets::find(tx, *id).await? {
            licences.extend(storage::datasets::licences(tx, *id).await?);
            authors.extend(storage::datasets::authors(tx, *id).await?);
            datasets.push(fill::dataset_ref(&record));
        }
    }
    Ok((images::training_sentence(model, authors.len(), &datasets), datasets, licences, authors))
}

pub(super) async fn model(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<ModelId>,
) -> Result<Page<ModelPage>, Failure> {
    let instance = &state.instance;
    let mut tx = instance.store.read().await?;
    let found = storage::models::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("model", id))?;
    let (sentence, datasets, licences, authors) = training(&mut tx, &found.model).await?;
    let images = storage::images::total_of_model(&mut tx, id).await?;
    let run = storage::runs::find_by_weights(&mut tx, found.model.weights).await?;
    let run_entry = match &run {
        Some(record) => storage::log::find(&mut tx, record.statement).await?.and_then(|entry| entry.index),
        None => None,
    };
    let affected = fill::affected(&mut tx, &id.to_string(), instance.clock.now()).await?;
    let draws = models_here(instance, &mut tx).await?.iter().any(|with| with.model().id == id);
    let draw_url = if draws { format!("/studio?model={id}") } else { String::new() };
    let record = fill::record_view(instance, &mut tx, found.statement, format!("/log/receipts/{}", found.statement)).await?;
    drop(tx);
    let card = found.model.card;
    let parameters = card.parameters_millions.parse::<f64>().map_or(0, |m| (m * 1e6).round() as u64);
    Ok(Page(ModelPage {
        chrome: chrome(&state, &visitor, &card.title, &format!("/models/{id}")).await?,
        id: id.to_string(),
        name: card.title.clone(),
        version: card.version.clone(),
        summary: card.summary.clone(),
        maker: match found.model.made_by {
            // What comes with the program has no other maker; of a folder nobody has said.
            empty if empty.is_empty() && !card.is_folder() => "the Colophon developers".to_owned(),
            maker => maker,
        },
        draw_url,
        licence: Link::new(
            card.licence.clone(),
            if card.licence_url.starts_with("https://") { card.licence_url.clone() } else { String::new() },
        ),
        architecture: card.architecture.clone(),
        parameters,
        registered: fill::minute(found.model.registered_at),
        images,
        training_sentence: format!("{sentence} {}", card.training),
        training_known: !found.model.datasets.is_empty(),
        datasets,
        licences: fill::licence_counts(licences),
        authors: fill::author_counts(authors.into_iter().take(40).collect()),
        run: run.as_ref().map(|r| run_facts(&r.run)).unwrap_or_default(),
        run_entry,
        affected,
        limits: card.limits.clone(),
        licence_sentence: images::licence_sentence(&card),
        use_limits: card.use_limits.clone(),
        unknown: card.unknown.clone(),
        sources: card.sources.iter().filter(|s| s.starts_with("https://")).cloned().collect(),
        files: card
            .files
            .into_iter()
            .map(|f| FileRow { name: f.name, bytes: 0, sha256: f.sha256.to_string(), blake3: String::new() })
            .collect(),
        json_url: format!("/api/v1/models/{id}"),
        record,
    }))
}
