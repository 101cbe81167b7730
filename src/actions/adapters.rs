//! Adapters: small additions to the model in use, learnt from 10 to 30 works that one person registered. Each is a model of its own, with
//! its run, its dataset and its card; its weights lie with the blobs, so every process can draw with it.

use std::sync::Arc;

use super::choose_works::{picture, usage_for};
use super::drawn_with::check_licence;
use super::freeze_dataset::{freeze, refusals, refuse};
use super::granted::Granted;
use super::register_run::{TrainingSet, record_run};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::digest::Digest;
use crate::generation::Adapter;
use crate::id::{DatasetId, ModelId, WorkId};
use crate::lineage::{Model, Run, dataset};
use crate::policy::Use;
use crate::storage::{self, Tx, blobs::Blob};
use crate::works::Usage;

/// Works an adapter is learnt from.
pub const WORKS: std::ops::RangeInclusive<usize> = 10..=30;
/// Media type of weights.
const SAFETENSORS: &str = "application/vnd.safetensors";

/// What an adapter may learn from: the person's own works, frozen as a dataset, and for company the works that the model itself learnt
/// from, as far as their terms still allow it.
pub struct AdapterSet {
    /// Their own works.
    pub own: TrainingSet,
    /// The model's works.
    pub others: TrainingSet,
}

/// Freezes `works` and hands their pictures out, if they are the actor's own and the terms of every single one allow training.
pub async fn adapter_set(instance: &Instance, actor: &Actor, name: &str, works: Vec<WorkId>) -> Result<AdapterSet> {
    if !actor.may(Scope::Works) {
        return Err(Error::Forbidden(Scope::Works));
    }
    if !WORKS.contains(&works.len()) {
        return Err(Error::invalid(
            "works",
            format!("an adapter is learnt from {} to {} works, and {} are named", WORKS.start(), WORKS.end(), works.len()),
        ));
    }
    let (now, side) = (instance.clock.now(), instance.offer.image[0]);
    let mut tx = instance.store.begin().await?;
    for &id in &works {
        let record = storage::works::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("work", id))?;
        if record.work.registered_by != actor.name {
            let text =
                format!("“{}” ({id}) was registered by {}: name works of your own", record.work.title, record.work.registered_by);
            return Err(Error::invalid("works", text));
        }
    }
    refuse(&refusals(&mut tx, &works, Usage::FineTune, &actor.name, now).await?)?;
    let known = storage::datasets::find(&mut tx, DatasetId::derived(&dataset::root(&works).0)).await?;
    let dataset = match known {
        Some(record) => record.dataset,
        None => freeze(&mut tx, instance, name, works.clone(), &actor.name, now).await?,
    };
    tx.commit().await?;
    let mut tx = instance.store.read().await?;
    let own = pictures(instance, &mut tx, dataset.clone(), works, side).await?;
    let mut others = Vec::new();
    for base in &instance.model.model.datasets {
        others.extend(storage::datasets::members(&mut tx, *base).await?);
    }
    let granted = Granted::of(&mut tx, &others).await?;
    let mine: std::collections::HashSet<WorkId> = own.works.iter().map(|(work, _)| work.id).collect();
    others.retain(|id| !mine.contains(id) && granted.verdict(*id, Usage::FineTune, &actor.name, now).permits());
    let others = pictures(instance, &mut tx, dataset, others, side).await?;
    Ok(AdapterSet { own, others })
}

async fn pictures(
    instance: &Instance,
    tx: &mut Tx,
    dataset: crate::lineage::Dataset,
    ids: Vec<WorkId>,
    side: u32,
) -> Result<TrainingSet> {
    let mut works = Vec::with_capacity(ids.len());
    for id in ids {
        let record = storage::works::find(tx, id).await?.ok_or_else(|| Error::not_found("work", id))?;
        let rgb = picture(instance, tx, &record.work, side, side).await?;
        works.push((record.work, rgb));
    }
    Ok(TrainingSet { dataset, works })
}

/// Records the run, registers the adapter and puts its weights away, in one transaction. The terms are looked at once more.
pub async fn register_adapter(instance: &Instance, actor: &Actor, run: Run, model: Model, weights: Vec<u8>) -> Result<ModelId> {
    let now = instance.clock.now();
    // INVARIANT: the bytes are on disk before a row names them.
    let digest = instance.blobs.put(weights).await?;
    if digest.sha256 != run.weights || run.weights != model.weights || model.datasets != [run.dataset] {
        return Err(Error::internal("run, weights and adapter do not belong together"));
    }
    let mut tx = instance.store.begin().await?;
    let members = storage::datasets::members(&mut tx, run.dataset).await?;
    refuse(&refusals(&mut tx, &members, Usage::FineTune, &actor.name, now).await?)?;
    storage::blobs::insert(&mut tx, &Blob { digest, media_type: SAFETENSORS.to_owned(), pack: None }).await?;
    let id = model.id;
    record_run(&mut tx, instance, actor, &run, model, &digest, now).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok(id)
}

/// The adapter `id`, if a picture for `use_` may be drawn with it now: it must belong to `base`, and the terms of each work it learnt from
/// must allow that use, unless they are `account`'s own. A revoked work takes it out of use. Of an adapter from elsewhere its licence must.
pub async fn usable_adapter(
    tx: &mut Tx,
    instance: &Instance,
    id: ModelId,
    base: &Model,
    use_: Use,
    account: &str,
) -> Result<Model> {
    let no = |text: String| Error::invalid("adapter", text);
    let Some(found) = storage::models::find(tx, id).await? else {
        return Err(no(format!("no adapter `{id}` is registered here: take the id from its page")));
    };
    let model = found.model;
    if model.base != Some(base.id) {
        return Err(no(format!("“{}” ({id}) is no adapter of “{}”", model.card.title, base.card.title)));
    }
    // Those made here stand under the terms of their works; those from elsewhere under their own licence.
    if model.datasets.is_empty() {
        check_licence(&model, use_, "adapter")?;
    }
    let now = instance.clock.now();
    for dataset in &model.datasets {
        for work in storage::datasets::members(tx, *dataset).await? {
            let record = storage::works::find(tx, work).await?.ok_or_else(|| Error::not_found("work", work))?;
            if super::choose_works::permitting(tx, &record.work, usage_for(use_), now, account).await?.is_none() {
                return Err(no(format!(
                    "“{}” ({id}) can't be drawn with: it learnt from “{}” ({work}), whose terms do not allow this now",
                    model.card.title, record.work.title
                )));
            }
        }
    }
    Ok(model)
}

/// The weights of an adapter, as the engine takes them.
pub async fn adapter_weights(instance: &Instance, tx: &mut Tx, model: &Model, strength: f32) -> Result<Adapter> {
    let gone = || Error::internal(format!("the weights of `{}` have no bytes on record; run `colophon doctor`", model.id));
    let blob = storage::blobs::find_by_sha256(tx, model.weights).await?.ok_or_else(gone)?;
    let bytes = instance.blobs.get(&blob).await?;
    if Digest::of(&bytes).sha256 != model.weights {
        return Err(gone());
    }
    Ok(Adapter { model: model.id, weights: Arc::from(bytes), strength })
}

/// The adapters of a model, newest first.
pub async fn adapters(tx: &mut Tx, base: ModelId) -> Result<Vec<Model>> {
    let all = storage::models::all(tx).await?;
    Ok(all.into_iter().rev().map(|record| record.model).filter(|m| m.base == Some(base)).collect())
}
