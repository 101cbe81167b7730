//! Drawing a delivered image again from its record: are the pixels the same, and is what each work did to it what was recorded? Nothing is
//! delivered, so terms are not asked again: a check must still be possible when a work has been revoked.

use super::generate::left_out;
use crate::actions::adapters::adapter_weights;
use crate::actions::choose_works::picture;
use crate::actions::drawn_with::drawn_with;
use crate::actions::finish_image::{change, shares};
use crate::actions::material::{Material, Named, gather};
use crate::actions::{Error, Instance, Result};
use crate::digest::blake3_of;
use crate::generation::edit::{Edit, Role};
use crate::generation::{DrawRequest, Engine, Picture, Reference, Sampler};
use crate::id::{ImageId, InputId, ParentId, WorkId};
use crate::policy::folded_for_model;
use crate::provenance::{Replay, pixels_hash};
use crate::storage::images::Image;
use crate::storage::{self, Tx};

/// What drawing an image again gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// The image.
    pub image: ImageId,
    /// Whether the pixels are those on record.
    pub same_pixels: bool,
    /// Each work with its influence on record and as found now, in millionths; empty when it was not asked for.
    pub influence: Vec<(WorkId, u32, u32)>,
}

impl Replayed {
    /// Whether everything is as recorded.
    pub fn same(&self) -> bool {
        self.same_pixels && self.influence.iter().all(|(_, recorded, found)| recorded == found)
    }
}

/// Draws an image again, with `influence` also once without each of its works.
pub async fn replay(instance: &Instance, engine: &Engine, id: ImageId, influence: bool) -> Result<Replayed> {
    let mut tx = instance.store.read().await?;
    let image = storage::images::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("image", id))?.image;
    let Some(model) = image.model else { return apply_again(instance, tx, image).await };
    let with = drawn_with(instance, &mut tx, Some(model))
        .await
        .map_err(|e| Error::Conflict(format!("`{id}` was drawn by the model `{model}`, which can't be drawn with here: {e}")))?;
    let Some(words) = storage::images::find_prompt(&mut tx, id).await? else {
        return Err(erased(&mut tx, &format!("the words of `{id}` were"), &id.to_string(), "them").await);
    };
    let replay: Replay = serde_json::from_value(image.replay.clone()).map_err(Error::internal)?;
    let folded = replay.folded.then(|| folded_for_model(&words.prompt)).flatten();
    let mut request = DrawRequest::new(folded.unwrap_or(words.prompt), replay.seed, &with.offer);
    request.model = with.folder.clone();
    if with.offer.negative {
        request.negative = words.negative;
    }
    request.sampler = Sampler::parse(&replay.sampler).filter(|_| with.folder.is_some());
    request.style = replay.style;
    request.steps = u16::try_from(replay.steps).map_err(Error::internal)?;
    (request.guidance, request.start) = (replay.guidance as f32, replay.start as f32);
    (request.width, request.height) = (image.width, image.height);
    for drawn in image.works.iter().filter(|drawn| drawn.is_own()) {
        let work = storage::works::find(&mut tx, drawn.work).await?.ok_or_else(|| Error::not_found("work", drawn.work))?.work;
        let [width, height] = instance.offer.image;
        let rgb = picture(instance, &mut tx, &work, width, height).await?;
        request.references.push(Reference { work: work.id, rgb, part: drawn.part as usize, colour: work.colour });
    }
    if let Some(id) = image.adapter {
        let adapter = storage::models::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("model", id))?;
        request.adapter = Some(adapter_weights(instance, &mut tx, &adapter.model, replay.strength.unwrap_or(1.0) as f32).await?);
    }
    let plan = match material(instance, tx, &image).await? {
        Some((edit, material)) => {
            let size = matches!(edit, Edit::Sketch).then_some([image.width, image.height]);
            Some(material.plan(&edit, &with.offer, size)?)
        }
        None => None,
    };
    if let Some(plan) = &plan {
        plan.ask(&mut request);
    }
    let again = draw(engine, request.clone()).await?;
    let finished = plan.map_or_else(|| again.clone(), |plan| plan.finish(&again));
    let mut replayed = Replayed { image: id, same_pixels: blake3_of(&finished.rgb) == image.pixels, influence: Vec::new() };
    if influence {
        let mut changes = Vec::with_capacity(image.works.len());
        for without in left_out(&request) {
            changes.push(change(&again, &draw(engine, without).await?));
        }
        let found = shares(&changes);
        let own = image.works.iter().filter(|drawn| drawn.is_own());
        replayed.influence = own.zip(found).map(|(drawn, found)| (drawn.work, drawn.influence, found)).collect();
    }
    Ok(replayed)
}

/// Why an image can't be drawn again: something of it was erased, and when.
async fn erased(tx: &mut Tx, what: &str, about: &str, without: &str) -> Error {
    match storage::erasures::find(tx, about).await {
        Ok(Some(erasure)) => {
            Error::Conflict(format!("{what} erased on {}, and without {without} it can't be drawn again", erasure.at.day()))
        }
        Ok(None) => Error::Conflict(format!("{what} erased, and without {without} it can't be drawn again")),
        Err(e) => e.into(),
    }
}

/// What an image was made from, where it was made from something.
async fn material(instance: &Instance, mut tx: Tx, image: &Image) -> Result<Option<(Edit, Material)>> {
    let Some(edit) = image.edit.clone() else { return Ok(None) };
    let edit: Edit = serde_json::from_value(edit).map_err(Error::internal)?;
    let mut given: Vec<(String, InputId)> = storage::inputs::of_image(&mut tx, image.id).await?;
    for (role, input) in &given {
        if storage::inputs::find(&mut tx, *input).await?.is_none() {
            let what = format!("the {role} handed in for `{}` was", image.id);
            return Err(erased(&mut tx, &what, &input.to_string(), "it").await);
        }
    }
    drop(tx);
    let mut handed_in = |role: Role| {
        let at = given.iter().position(|(named, _)| named == role.as_str())?;
        Some(given.swap_remove(at).1)
    };
    let named = Named {
        edit: &edit,
        parent: image.parent.map(ParentId::Image).or_else(|| handed_in(Role::Parent).map(ParentId::Input)),
        sketch: handed_in(Role::Sketch),
        mask: handed_in(Role::Mask),
    };
    let material = gather(instance, None, named).await?;
    Ok(Some((edit, material)))
}

/// Makes an image again that no model drew: its works are its parent's, so there is no influence to measure.
async fn apply_again(instance: &Instance, tx: Tx, image: Image) -> Result<Replayed> {
    let id = image.id;
    let (edit, material) = material(instance, tx, &image).await?.ok_or_else(|| {
        Error::Conflict(format!("how `{id}` was made is not on record: no model drew it, and no edit is named"))
    })?;
    let made = tokio::task::spawn_blocking(move || edit.apply(&material.borrowed(), &mut |_, _| true));
    let made = made.await.map_err(Error::internal)?.map_err(|e| Error::invalid(e.field, e.text))?;
    let made = made.ok_or_else(|| Error::internal("the edit was stopped"))?;
    let same_pixels = pixels_hash(&made.picture.rgb, made.alpha.as_deref()) == image.pixels;
    Ok(Replayed { image: id, same_pixels, influence: Vec::new() })
}

async fn draw(engine: &Engine, request: DrawRequest) -> Result<Picture> {
    let drawing = engine.submit(request).map_err(Error::internal)?;
    drawing.finished().await.map_err(Error::internal)
}
