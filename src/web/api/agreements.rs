//! `/api/v1/agreements`: who has which share in an image, proposed, signed by everyone named, and then public. `/api/v1/images/{id}/dossier`: all that is on
//! record of its authorship.

use axum::extract::State as Handed;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::images::record as image_record;
use super::{TheInstance, shape};
use crate::actions::agree::{self, Proposing, check_signatures};
use crate::actions::{Error, Instance};
use crate::export::dossier::{Agreed, Generation, HumanInput, dossier as document};
use crate::generation::edit::Edit;
use crate::id::{AgreementId, ImageId};
use crate::provenance::{Limits, Verdict, verify};
use crate::storage::agreements::Proposal;
use crate::storage::images::ImageRecord;
use crate::storage::{self, Tx};
use crate::web::error::Failure;
use crate::web::extract::{Json, Segment};
use crate::web::session::Visitor;

type Answer = Result<axum::Json<Value>, Failure>;

/// Proposals of a list.
const LIST: u32 = 100;
/// Generations that a dossier goes back: each file is checked.
const GENERATIONS: usize = 100;

fn shown(proposal: &Proposal) -> Value {
    let waiting = proposal.agreement.authors.iter().map(|a| &a.name);
    let waiting: Vec<&String> = waiting.filter(|name| proposal.agreement.signatures.iter().all(|s| s.name != **name)).collect();
    json!({ "agreement": proposal.agreement, "state": proposal.standing.as_str(), "waits_for": waiting })
}

pub(super) async fn propose(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<ImageId>,
    Json(asked): Json<Proposing>,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let proposal = agree::propose(&instance, actor, id, asked).await?;
    let place = format!("/api/v1/agreements/{}", proposal.agreement.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], axum::Json(shown(&proposal))).into_response())
}

pub(super) async fn list(Handed(instance): TheInstance, visitor: Visitor) -> Answer {
    let actor = visitor.someone()?;
    let mut tx = instance.store.read().await?;
    let all = storage::agreements::proposals_of(&mut tx, &actor.name, LIST).await?;
    Ok(axum::Json(json!({ "items": all.iter().map(shown).collect::<Vec<_>>() })))
}

pub(super) async fn one(Handed(instance): TheInstance, visitor: Visitor, Segment(id): Segment<AgreementId>) -> Answer {
    let actor = visitor.someone()?;
    Ok(axum::Json(shown(&agree::own(&mut instance.store.read().await?, actor, id).await?)))
}

pub(super) async fn sign(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<AgreementId>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    Ok(axum::Json(shown(&agree::sign(&instance, actor, id).await?)))
}

pub(super) async fn refuse(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<AgreementId>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    Ok(axum::Json(shown(&agree::refuse(&instance, actor, id).await?)))
}

pub(super) async fn dossier(Handed(instance): TheInstance, Segment(id): Segment<ImageId>) -> Answer {
    let mut tx = instance.store.read().await?;
    let mut generations = Vec::new();
    let mut next = Some(id);
    while let Some(id) = next.filter(|_| generations.len() < GENERATIONS) {
        let record = image_record(&mut tx, id).await?;
        next = record.image.parent;
        generations.push(generation(&instance, &mut tx, record).await?);
    }
    generations.reverse();
    let agreements = agreed(&instance, &mut tx, id).await?;
    let page = format!("{}/images/{id}", instance.site.url);
    Ok(axum::Json(document(&page, &instance.site.log_origin, &generations, &agreements, instance.clock.now())))
}

/// What was agreed about an image, each signature checked.
pub(crate) async fn agreed(instance: &Instance, tx: &mut Tx, id: ImageId) -> Result<Vec<Agreed>, Failure> {
    let mut all = Vec::new();
    for (agreement, statement) in storage::agreements::of_image(tx, id).await? {
        let checked = check_signatures(instance, &agreement)?;
        all.push(Agreed { checked, index: shape::index(tx, statement).await?, agreement, statement });
    }
    Ok(all)
}

async fn generation(instance: &Instance, tx: &mut Tx, record: ImageRecord) -> Result<Generation, Failure> {
    let ImageRecord { image, statement } = record;
    let verdict = checked(instance, tx, &image.digest.blake3).await?;
    let edit = image.edit.clone().and_then(|edit| serde_json::from_value::<Edit>(edit).ok());
    let model = match image.model {
        Some(id) => storage::models::find(tx, id).await?.map(|m| format!("{} {}", m.model.card.title, m.model.card.version)),
        None => None,
    };
    let prompt = storage::images::find_prompt(tx, image.id).await?;
    Ok(Generation {
        image: image.id,
        maker: image.creator,
        made_at: image.made_at,
        sha256: image.digest.sha256,
        sentence: edit.as_ref().map_or_else(|| "It was drawn from words.".to_owned(), Edit::sentence),
        edit: image.edit,
        human_inputs: image.inputs.into_iter().map(|i| HumanInput { role: i.role, at: i.at, commitment: i.commitment }).collect(),
        words: shape::public_words(prompt.as_ref()).map(str::to_owned),
        words_commitment: image.commitment,
        model,
        works: image.works.iter().filter(|work| work.is_own()).count(),
        declared_ai_share: verdict.claim.and_then(|claim| claim.authorship).and_then(|a| a.ai_share),
        credentials: verdict.sentence,
        signature: verdict.people.into_iter().find(|signed| signed.active),
        statement,
        index: shape::index(tx, statement).await?,
    })
}

async fn checked(instance: &Instance, tx: &mut Tx, blake3: &crate::digest::Blake3) -> Result<Verdict, Failure> {
    let blob = storage::blobs::find(tx, *blake3).await?;
    let blob = blob.ok_or_else(|| Error::internal(format!("no blob is on record for {blake3}")))?;
    let (bytes, signer) = (instance.blobs.get(&blob).await?, instance.keys.image_signer());
    let verdict = tokio::task::spawn_blocking(move || verify(&bytes, signer.trust(), &Limits::default()));
    Ok(verdict.await.map_err(Error::internal)?)
}
