//! Training an adapter, from a list of a person's own works to a registered model: a few minutes, in one go.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{anyhow, bail};
use serde_json::json;

use super::model_files;
use super::train::item;
use crate::accounts::Actor;
use crate::actions::Instance;
use crate::actions::adapters::{AdapterSet, adapter_set, register_adapter};
use crate::digest::sha256_of;
use crate::generation::candle::Place;
use crate::generation::train::{AdapterSettings, Bank, Trainer};
use crate::id::{ModelId, RunId, WorkId};
use crate::lineage::{Model, ModelCard, Run};

/// Steps between two lines of progress.
const SAY_EVERY: u64 = 20;

/// What to learn from, and what to call it.
#[derive(Debug, Clone)]
pub struct Adapting {
    /// Name, for people.
    pub name: String,
    /// 10 to 30 works that the actor registered.
    pub works: Vec<WorkId>,
    /// `adapter.toml`; that of [`crate::embedded`] in the service.
    pub settings: String,
}

/// Trains and registers an adapter. `say` hears lines of progress; `stop` is looked at after every step.
pub async fn adapt(
    instance: &Arc<Instance>,
    actor: &Actor,
    asked: Adapting,
    models_dir: &Path,
    say: &(dyn Fn(&str) + Sync),
    stop: &AtomicBool,
) -> anyhow::Result<ModelId> {
    let name = asked.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
        bail!("give the adapter a name of at most 80 characters");
    }
    let set = adapter_set(instance, actor, &format!("Works of {name}"), asked.works.clone()).await?;
    let learnt = || learn(instance, actor, &name, &set, &asked.settings, models_dir, say, stop);
    let (run, model, weights) = tokio::task::block_in_place(learnt)?;
    Ok(register_adapter(instance, actor, run, model, weights).await?)
}

#[expect(clippy::too_many_arguments, reason = "one call, where a run comes together")]
fn learn(
    instance: &Instance,
    actor: &Actor,
    name: &str,
    set: &AdapterSet,
    text: &str,
    models_dir: &Path,
    say: &(dyn Fn(&str) + Sync),
    stop: &AtomicBool,
) -> anyhow::Result<(Run, Model, Vec<u8>)> {
    let begun = Instant::now();
    let settings = AdapterSettings::parse(text).map_err(|e| anyhow!("the settings can't be used: {e}"))?;
    let files = model_files(models_dir)?;
    let mut trainer = Trainer::adapter(&settings, &files, Place::built_for())?;
    let bank = Bank::adapter(
        set.own.works.iter().map(item).collect(),
        set.others.works.iter().map(item).collect(),
        &trainer.sizes,
        &files,
    )?;
    say(&format!(
        "{} works of your own, {} others for company; {} parameters ({:.1} s)",
        set.own.works.len(),
        set.others.works.len(),
        trainer.parameters(),
        begun.elapsed().as_secs_f64()
    ));
    let (mut sum, mut counted, clock) = (0.0, 0u32, Instant::now());
    while trainer.step < trainer.settings.steps {
        if stop.load(Ordering::Relaxed) {
            bail!("stopped after {} of {} steps; nothing was kept", trainer.step, trainer.settings.steps);
        }
        let (loss, _) = trainer.step(&bank)?;
        (sum, counted) = (sum + loss, counted + 1);
        if trainer.step.is_multiple_of(SAY_EVERY) {
            let rate = (trainer.step * trainer.settings.batch as u64) as f64 / clock.elapsed().as_secs_f64();
            say(&format!(
                "step {} of {}: loss {:.4}, {rate:.1} pictures/s",
                trainer.step,
                settings.steps,
                sum / f64::from(counted)
            ));
            (sum, counted) = (0.0, 0);
        }
    }
    let base = &instance.model.model;
    let (hash, dataset) = (sha256_of(text.as_bytes()), &set.own.dataset);
    let seen = trainer.settings.steps * trainer.settings.batch as u64;
    let said = json!({ "dataset": dataset.root, "settings": hash, "base": base.weights, "steps": settings.steps, "rank": settings.rank });
    let weights = trainer.weights(&said.to_string()).map_err(|e| anyhow!(e))?;
    let digest = sha256_of(&weights);
    let file =
        crate::lineage::model::ModelFile { name: "adapter.safetensors".to_owned(), role: "weights".to_owned(), sha256: digest };
    let card = ModelCard {
        name: "adapter".to_owned(),
        title: name.to_owned(),
        version: "1.0.0".to_owned(),
        architecture: format!("low-rank additions (LoRA) of rank {} to {}", settings.rank, base.card.title),
        parameters_millions: format!("{:.2}", trainer.parameters() as f64 / 1e6),
        licence: "LicenseRef-as-its-works".to_owned(),
        summary: format!("Draws more like the {} works it learnt from.", dataset.works),
        training: format!(
            "Trained on {} works that {} registered, beginning from {}. {seen} pictures seen.",
            dataset.works, actor.name, base.card.title
        ),
        limits: vec![
            "Only as good as the model it adds to; it can be drawn with while the terms of all its works allow it.".to_owned(),
        ],
        files: vec![file],
        ..ModelCard::default()
    };
    let now = instance.clock.now();
    let run = Run {
        id: RunId::derived(&[&hash.0[..], &digest.0[..]].concat()),
        dataset: dataset.id,
        dataset_root: dataset.root,
        works_learnt: bank.learnt.len() as u64,
        code: format!("colophon {}", env!("CARGO_PKG_VERSION")),
        settings: hash,
        begun_from: Some(base.weights),
        steps: settings.steps,
        pictures: seen,
        weights: digest,
        ended_at: now,
    };
    let model = Model {
        id: ModelId::derived(&digest.0),
        weights: digest,
        card,
        datasets: vec![dataset.id],
        base: Some(base.id),
        made_by: actor.name.clone(),
        registered_at: now,
    };
    Ok((run, model, weights))
}
