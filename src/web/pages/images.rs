//! `/images`: the list, and the page of one image: the picture, its sentence, and the evidence for each part of it.

use axum::extract::State as Handed;
use axum::response::Redirect;
use serde::Deserialize;

use super::agreements::authorship;
use super::view::images::{AuthorshipView, DecisionView, Download, EditView, NearCopy, Relative, ReplayRow, SignatureView};
use super::view::{ImagePage, ImagesPage, Link, Tone, WorkCard};
use super::{Page, chrome, fill, studio};
use crate::accounts::{Actor, Scope};
use crate::actions::Error;
use crate::actions::drawn_with::licence_verdict;
use crate::actions::erase::{Erasing, erase as erase_private, erased_at, is_published};
use crate::actions::finish_image::NEAREST;
use crate::actions::verify_image::verify_image;
use crate::generation::edit::{Edit, Role};
use crate::id::ImageId;
use crate::lineage::ModelCard;
use crate::policy::{Decision, Use};
use crate::provenance::Verdict;
use crate::storage;
use crate::storage::images::{Image, ImageRecord};
use crate::web::State;
use crate::web::api::{image_record, public_words};
use crate::web::error::{Failure, encode};
use crate::web::extract::{Form, Query, Segment};
use crate::web::session::Visitor;

/// Pictures on a page of the list.
const ROWS: u32 = 24;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    after: String,
}

pub(super) async fn list(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Page<ImagesPage>, Failure> {
    let chrome = chrome(&state, &visitor, "Images", "/images").await?;
    let mut tx = state.instance.store.read().await?;
    let page = storage::images::list(&mut tx, &asked.after, ROWS).await?;
    let mut items = Vec::new();
    for record in &page.items {
        items.push(fill::image_card(&mut tx, record).await?);
    }
    Ok(Page(ImagesPage {
        chrome,
        q: String::new(),
        items,
        total: page.total,
        next_url: page.next.map(|n| format!("/images?after={n}")).unwrap_or_default(),
        first_url: if asked.after.is_empty() { String::new() } else { "/images".to_owned() },
        json_url: "/api/v1/images".to_owned(),
        csv_url: String::new(),
    }))
}

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<ImageId>,
) -> Result<Page<ImagePage>, Failure> {
    Ok(Page(view(&state, &visitor, id).await?))
}

/// Erases what is private of an image.
pub(super) async fn erase(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<ImageId>,
    form: Form,
) -> Result<Redirect, Failure> {
    let actor = visitor.sent(&form)?;
    erase_private(&state.instance, actor, Erasing::Image(id)).await?;
    Ok(Redirect::to(&format!("/images/{id}#words")))
}

/// The page of an image.
pub(super) async fn view(state: &State, visitor: &Visitor, id: ImageId) -> Result<ImagePage, Failure> {
    let instance = &state.instance;
    let mut tx = instance.store.read().await?;
    let ImageRecord { image, statement } = image_record(&mut tx, id).await?;
    let now = instance.clock.now();
    let prompt = storage::images::find_prompt(&mut tx, id).await?;
    let words = public_words(prompt.as_ref()).unwrap_or_default().to_owned();
    let erased = erased_at(&mut tx, visitor.actor.as_ref(), id, &image.creator).await?;
    let own = |actor: &Actor| actor.may(Scope::Operate) || actor.name == image.creator && actor.may(Scope::Images);
    let may_erase = visitor.actor.as_ref().is_some_and(own) && prompt.as_ref().is_some_and(|prompt| !is_published(prompt));
    let mut works: Vec<WorkCard> = Vec::new();
    let mut licences: Vec<Link> = Vec::new();
    let mut near_works: Vec<WorkCard> = Vec::new();
    for drawn in &image.works {
        if drawn.near {
            near_works.extend(fill::work_card(&mut tx, drawn.work, None, now, image.made_at).await?);
            continue;
        }
        // Of a parent's works both were measured on the parent, and say nothing of this picture.
        let measured = |millionths: u32| (drawn.generation == 0).then(|| f64::from(millionths) / 1e6);
        let card = fill::work_card(&mut tx, drawn.work, measured(drawn.nearness), now, image.made_at).await?;
        if let Some(mut card) = card {
            card.influence = measured(drawn.influence);
            if !licences.iter().any(|l| l.label == card.licence) {
                licences.push(Link::new(card.licence.clone(), card.licence_url.clone()));
            }
            works.push(card);
        }
    }
    let mut authors: Vec<String> = Vec::new();
    works.iter().for_each(|w| {
        if !authors.contains(&w.author) {
            authors.push(w.author.clone());
        }
    });
    let model = match image.model {
        Some(id) => Some(storage::models::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("model", id))?.model),
        None => None,
    };
    let (mut training_licences, mut training_authors, mut datasets) = (Vec::new(), Vec::new(), Vec::new());
    for dataset in model.iter().flat_map(|m| &m.datasets) {
        if let Some(record) = storage::datasets::find(&mut tx, *dataset).await? {
            training_licences.extend(storage::datasets::licences(&mut tx, *dataset).await?);
            training_authors.extend(storage::datasets::authors(&mut tx, *dataset).await?);
            datasets.push(fill::dataset_ref(&record));
        }
    }
    let mut affected = match image.model {
        Some(id) => fill::affected(&mut tx, &id.to_string(), now).await?,
        None => Vec::new(),
    };
    affected.retain(|row| !works.iter().any(|w| row.work.url.ends_with(&w.id)));
    let nearest = match image.nearest {
        Some(near) => fill::work_card(&mut tx, near.work, Some(f64::from(near.nearness) / 1e6), now, image.made_at).await?,
        None => None,
    };
    let mostly_one = match image.mostly_one() {
        Some(work) => fill::work_card(&mut tx, work, None, now, image.made_at).await?,
        None => None,
    };
    let adapter = match image.adapter {
        Some(id) => {
            let found = storage::models::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("model", id))?;
            Some(Link::new(format!("“{}” by {}", found.model.card.title, found.model.made_by), format!("/models/{id}")))
        }
        None => None,
    };
    let again_url = if words.is_empty() {
        String::new()
    } else {
        let seed = image.replay.get("seed").and_then(|s| s.as_str()).unwrap_or_default();
        let with = image.model.filter(|id| *id != instance.model.model.id).map(|id| format!("&model={id}")).unwrap_or_default();
        format!("/studio?prompt={}&seed={seed}{with}", encode(&words))
    };
    let mut edit = edit_view(&image);
    // What somebody handed in is shown to them alone.
    if let (Some(edit), Some(actor)) = (&mut edit, &visitor.actor)
        && edit.parent_picture.is_empty()
    {
        for (role, input) in storage::inputs::of_image(&mut tx, id).await? {
            let own = storage::inputs::find(&mut tx, input).await?.is_some_and(|input| input.account == actor.account);
            if own && role == Role::Parent.as_str() {
                edit.parent_picture = format!("/api/v1/inputs/{input}/file");
                edit.before_is_private = true;
            }
        }
    }
    let mut children = Vec::new();
    for id in storage::images::children(&mut tx, id).await? {
        if let Some(record) = storage::images::find(&mut tx, id).await? {
            children.push(fill::image_card(&mut tx, &record).await?);
        }
    }
    let decision: Option<Decision> = serde_json::from_value(image.decision.clone()).ok();
    let record = fill::record_view(instance, &mut tx, statement, format!("/images/{id}/receipt")).await?;
    let blob = storage::blobs::find(&mut tx, image.digest.blake3).await?;
    drop(tx);
    let (signature, verdict) = signature(state, blob).await?;
    let mut tx = instance.store.read().await?;
    let authorship = match &verdict {
        Some(verdict) => authorship(instance, &mut tx, visitor, &image, verdict).await?,
        None => AuthorshipView::default(),
    };
    let family = family(&mut tx, &image).await?;
    drop(tx);
    let near_copy = NearCopy {
        sentence: match &nearest {
            None => "It was compared with no work, as none was registered.".to_owned(),
            Some(w) => {
                let how = if works.iter().any(|drawn| drawn.id == w.id) { "it drew on it" } else { "it did not draw on it" };
                format!("Of all registered works, “{}” by {} is the nearest; {how}.", w.title, w.author)
            }
        },
        distance: (nearest.as_ref().and_then(|w| w.distance).unwrap_or(1.0) * 1e3).round() / 1e3,
        threshold: NEAREST,
    };
    let title = if words.is_empty() { "An image".to_owned() } else { words.clone() };
    let training = model.as_ref().map(|m| training_sentence(m, training_authors.len(), &datasets)).unwrap_or_default();
    Ok(ImagePage {
        chrome: chrome(state, visitor, &title, &format!("/images/{id}")).await?,
        id: id.to_string(),
        picture: format!("/images/{id}/file"),
        width: image.width,
        height: image.height,
        words,
        commitment: image.commitment.to_string(),
        erased: erased.map(fill::day),
        may_erase,
        made_by: image.creator.clone(),
        made: fill::day(image.made_at),
        model: match &model {
            Some(m) => Link::new(m.card.title.clone(), format!("/models/{}", m.id)),
            None => Link::default(),
        },
        model_version: model.as_ref().map(|m| m.card.version.clone()).unwrap_or_default(),
        edit,
        family,
        authorship,
        children,
        works,
        near_works,
        authors,
        licences,
        // Where no model drew, there is no training to know of.
        training_known: model.as_ref().is_none_or(|m| !m.datasets.is_empty()),
        model_licence: model.as_ref().map(|m| licence_sentence(&m.card)).unwrap_or_default(),
        model_use_limits: model.as_ref().map(|m| m.card.use_limits.clone()).unwrap_or_default(),
        model_unknown: model.as_ref().map(|m| m.card.unknown.clone()).unwrap_or_default(),
        training_sentence: training,
        affected,
        training_licences: fill::licence_counts(training_licences),
        training_authors: fill::author_counts(training_authors.into_iter().take(12).collect()),
        datasets,
        near_copy,
        mostly_one,
        adapter,
        again_url,
        decision: decision_view(decision.as_ref()),
        signature,
        record,
        replay: replay_rows(&image.replay, &image.pixels.to_string()),
        downloads: vec![
            Download {
                label: format!("Picture ({}, signed)", image.format.to_uppercase()),
                url: format!("/images/{id}/file"),
                bytes: image.digest.len,
            },
            Download { label: "Dossier of its authorship".to_owned(), url: format!("/api/v1/images/{id}/dossier"), bytes: 0 },
            Download { label: "Receipt (tlog-proof)".to_owned(), url: format!("/images/{id}/receipt"), bytes: 0 },
            Download {
                label: "For the US Copyright Office".to_owned(),
                url: format!("/api/v1/images/{id}/authorship"),
                bytes: 0,
            },
            Download { label: "Statement (JSON)".to_owned(), url: format!("/api/v1/statements/{statement}"), bytes: 0 },
        ],
    })
}

/// Most images of a family that a page shows.
const FAMILY: usize = 60;

/// An image with its parents and everything made from them, as a tree; nothing where it stands alone.
async fn family(tx: &mut storage::Tx, image: &Image) -> Result<Vec<Relative>, Failure> {
    let mut root = image.id;
    let mut next = image.parent;
    while let Some(parent) = next {
        root = parent;
        next = storage::images::find(tx, parent).await?.and_then(|record| record.image.parent);
    }
    let (mut waiting, mut rows) = (vec![(root, 0)], Vec::new());
    while let Some((id, depth)) = waiting.pop().filter(|_| rows.len() < FAMILY) {
        let Some(record) = storage::images::find(tx, id).await? else { continue };
        let edit = record.image.edit.and_then(|edit| serde_json::from_value::<Edit>(edit).ok());
        rows.push(Relative {
            depth,
            id: id.to_string(),
            how: edit.map_or("drawn from words", |edit| edit.name()).to_owned(),
            maker: record.image.creator,
            here: id == image.id,
        });
        let children = storage::images::children(tx, id).await?;
        waiting.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
    }
    Ok(if rows.len() > 1 { rows } else { Vec::new() })
}

/// What was done to make an image from its parent, or along a sketch; none for one drawn from words alone.
fn edit_view(image: &Image) -> Option<EditView> {
    let edit = image.edit.clone().and_then(|edit| serde_json::from_value::<Edit>(edit).ok())?;
    let mut view = EditView {
        sentence: edit.sentence(),
        inputs: image.inputs.iter().map(|input| (input.role.clone(), fill::minute(input.at))).collect(),
        ..EditView::default()
    };
    if let Some(parent) = image.parent {
        view.parent = format!("/images/{parent}");
        view.parent_picture = format!("/images/{parent}/file");
    }
    Some(view)
}

/// A model's licence and what it asks in return for pictures, in one sentence.
pub(super) fn licence_sentence(card: &ModelCard) -> String {
    let verdict = licence_verdict(card, Use::Personal);
    let licence = if card.licence.is_empty() { "not known" } else { &card.licence };
    if !verdict.permits() {
        return format!("Its licence is {licence}: {}.", verdict.reason);
    }
    match verdict.duties.iter().map(|duty| duty.sentence()).collect::<Vec<_>>() {
        duties if duties.is_empty() => format!("Its licence is {licence}."),
        duties => format!("Its licence is {licence}: {}.", duties.join("; ")),
    }
}

/// What is known of a model's training, in one sentence.
pub(super) fn training_sentence(model: &crate::lineage::Model, authors: usize, datasets: &[super::view::DatasetRef]) -> String {
    if model.datasets.is_empty() {
        return format!("What {} was trained on is not known.", model.card.title);
    }
    let works: u64 = datasets.iter().map(|d| d.works).sum();
    format!("Trained on {} registered works by {authors} authors, every one of them on record.", fill::grouped(works))
}

/// The file's signature, checked just now, with all that was found.
async fn signature(state: &State, blob: Option<storage::blobs::Blob>) -> Result<(SignatureView, Option<Verdict>), Failure> {
    let Some(blob) = blob else {
        let gone = SignatureView {
            tone: Tone::Refused,
            sentence: "Its bytes are gone from this registry.".to_owned(),
            ..SignatureView::default()
        };
        return Ok((gone, None));
    };
    let report = verify_image(&state.instance, state.instance.blobs.get(&blob).await?).await?;
    let signer = report.verdict.signer.as_ref();
    let named = |name: Option<&String>| name.cloned().unwrap_or_default();
    let made = report.verdict.claim.as_ref().and_then(|c| c.image.as_ref()).map(|i| fill::minute(i.made_at)).unwrap_or_default();
    let trusted = report.verdict.finding == crate::provenance::verdict::Finding::Trusted;
    let view = SignatureView {
        tone: if trusted { Tone::Verified } else { Tone::Refused },
        sentence: if trusted {
            format!("Signed by {}, and unchanged since.", state.instance.site.name)
        } else {
            report.verdict.sentence.clone()
        },
        signer: named(signer.and_then(|s| s.common_name.as_ref())),
        issuer: named(signer.and_then(|s| s.organisation.as_ref())),
        algorithm: "Ed25519".to_owned(),
        manifest: String::new(),
        signed: made,
    };
    Ok((view, Some(report.verdict)))
}

fn decision_view(decision: Option<&Decision>) -> DecisionView {
    let Some(decision) = decision else { return DecisionView::default() };
    DecisionView {
        id: decision.id.map(|id| id.to_string()).unwrap_or_default(),
        outcome: decision.outcome.as_str().to_owned(),
        sentence: if decision.rules.is_empty() { "No rule was met.".to_owned() } else { decision.sentence() },
        use_label: studio::use_label(decision.use_).to_owned(),
        bundle: decision.bundle.sha256.to_string(),
        rules: fill::rule_lines(decision),
    }
}

fn replay_rows(replay: &serde_json::Value, pixels: &str) -> Vec<ReplayRow> {
    let row = |name: &str, key: &str| {
        let value = replay.get(key).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).unwrap_or_default();
        ReplayRow { name: name.to_owned(), value }
    };
    vec![
        row("Seed", "seed"),
        row("Steps", "steps"),
        row("Guidance", "guidance"),
        row("Start", "start"),
        row("Sampler", "sampler"),
        row("Engine", "engine"),
        ReplayRow { name: "Pixels (blake3)".to_owned(), value: pixels.to_owned() },
    ]
}
