//! A training run, from its first look at a dataset to its record: what it may learn from, and what it made.

use std::sync::Arc;

use serde_json::json;

use super::choose_works::picture;
use super::freeze_dataset::{refusals, refuse};
use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{DatasetId, StatementId};
use crate::ledger::Subject;
use crate::lineage::{Dataset, Model, Run};
use crate::storage::{self, Tx};
use crate::works::Work;
use crate::works::verdict::Usage;

/// What a run may learn from: a dataset with its works' pictures.
pub struct TrainingSet {
    /// The dataset.
    pub dataset: Dataset,
    /// Its works, each with its picture as RGB bytes.
    pub works: Vec<(Work, Arc<[u8]>)>,
}

/// The works of a frozen dataset as pictures of `side`×`side`, if the terms of every single one allow training now. Otherwise the works
/// that may not be used are named, and nothing is handed out.
pub async fn training_set(instance: &Instance, actor: &Actor, id: DatasetId, side: u32) -> Result<TrainingSet> {
    if !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate));
    }
    let mut tx = instance.store.read().await?;
    let dataset = allowed(instance, actor, &mut tx, id).await?;
    let mut works = Vec::new();
    for member in storage::datasets::members(&mut tx, id).await? {
        let record = storage::works::find(&mut tx, member).await?.ok_or_else(|| Error::not_found("work", member))?;
        let rgb = picture(instance, &mut tx, &record.work, side, side).await?;
        works.push((record.work, rgb));
    }
    Ok(TrainingSet { dataset, works })
}

async fn allowed(instance: &Instance, actor: &Actor, tx: &mut Tx, id: DatasetId) -> Result<Dataset> {
    let record = storage::datasets::find(tx, id).await?.ok_or_else(|| Error::not_found("dataset", id))?;
    let members = storage::datasets::members(tx, id).await?;
    if crate::lineage::dataset::root(&members) != record.dataset.root {
        return Err(Error::internal(format!("the members of `{id}` do not give its root: run `colophon audit`")));
    }
    refuse(&refusals(tx, &members, Usage::Train, &actor.name, instance.clock.now()).await?)?;
    Ok(record.dataset)
}

/// Records a finished run and registers the model it made, in one transaction. The terms are looked at once more: a work whose grant ended
/// meanwhile stops it.
pub async fn register_run(instance: &Instance, actor: &Actor, run: Run, model: Model, weights: &[u8]) -> Result<StatementId> {
    if !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate));
    }
    let now = instance.clock.now();
    let digest = Digest::of(weights);
    if digest.sha256 != run.weights || run.weights != model.weights {
        return Err(Error::internal("the weights are not those the run names"));
    }
    let mut tx = instance.store.begin().await?;
    let dataset = allowed(instance, actor, &mut tx, run.dataset).await?;
    if dataset.root != run.dataset_root || model.datasets != [run.dataset] {
        return Err(Error::internal("run, model and dataset do not belong together"));
    }
    let statement = record_run(&mut tx, instance, actor, &run, model, &digest, now).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok(statement)
}

/// The run and the model it made, as two statements.
pub(super) async fn record_run(
    tx: &mut Tx,
    instance: &Instance,
    actor: &Actor,
    run: &Run,
    model: Model,
    weights: &Digest,
    now: Timestamp,
) -> Result<StatementId> {
    if let Some(same) = storage::models::find_by_weights(tx, run.weights).await? {
        return Err(Error::Conflict(format!("these very weights are registered already as `{}`", same.model.id)));
    }
    let deed = |kind: &'static str, body: serde_json::Value| Deed {
        kind,
        subject: vec![Subject::new("weights", *weights)],
        actor: actor.name.clone(),
        body,
    };
    let statement = record(tx, instance, now, deed("run", json!({ "run": run }))).await?;
    let registered = Model { registered_at: now, ..model };
    record(tx, instance, now, deed("model", json!({ "model": registered }))).await?;
    Ok(statement)
}
