//! A training run from beginning to end: what may be learnt from, the loop with its checkpoints, and the record of what came out. It can be
//! stopped at any moment, by a signal or a power cut, and goes on from its last checkpoint when it is begun again.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use serde_json::json;

use crate::accounts::Actor;
use crate::actions::Instance;
use crate::actions::register_run::{TrainingSet, register_run, training_set};
use crate::clock::Timestamp;
use crate::digest::{Sha256Hash, sha256_of};
use crate::generation::candle::Place;
use crate::generation::train::{Bank, Item, TrainSettings, Trainer};
use crate::generation::{LibraryEntry, ModelFile, Picture, Vocab};
use crate::id::{DatasetId, ModelId, RunId};
use crate::lineage::{Model, ModelCard, Run};
use crate::provenance::{Format, encode};
use crate::storage::files::{self, Access};

/// Steps between two lines of progress.
const SAY_EVERY: u64 = 20;

/// What to train, and where.
#[derive(Debug, Clone)]
pub struct Training {
    /// `train.toml`.
    pub settings: String,
    /// A frozen dataset.
    pub dataset: DatasetId,
    /// Folder of checkpoints, samples and the model.
    pub output: PathBuf,
    /// The checkpoint of another run to begin from; that run's `vocab.json` lies beside it.
    pub from: Option<PathBuf>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub enum Ended {
    /// All steps are done; run and model are on record.
    Done(Box<Run>),
    /// It was told to stop; this many steps are done.
    Stopped(u64),
}

/// Trains. `say` hears lines of progress; `stop` is looked at after every step.
pub async fn train(
    instance: &Instance,
    actor: &Actor,
    training: &Training,
    say: &(dyn Fn(&str) + Sync),
    stop: &AtomicBool,
) -> anyhow::Result<Ended> {
    let settings = TrainSettings::parse(&training.settings).map_err(|e| anyhow!("the settings can't be used: {e}"))?;
    let side = u32::try_from(settings.network.side)?;
    let set = training_set(instance, actor, training.dataset, side).await?;
    say(&format!("{}: {} works, all of which may be trained on", set.dataset.name, set.dataset.works));
    let (run, model, weights) = match tokio::task::block_in_place(|| learn(instance, training, settings, &set, say, stop))? {
        Learnt::Stopped(step) => return Ok(Ended::Stopped(step)),
        Learnt::Done(done) => *done,
    };
    register_run(instance, actor, run.clone(), model, &weights).await?;
    Ok(Ended::Done(Box::new(run)))
}

enum Learnt {
    Stopped(u64),
    Done(Box<(Run, Model, Vec<u8>)>),
}

fn learn(
    instance: &Instance,
    training: &Training,
    settings: TrainSettings,
    set: &TrainingSet,
    say: &(dyn Fn(&str) + Sync),
    stop: &AtomicBool,
) -> anyhow::Result<Learnt> {
    let out = &training.output;
    files::writable_folder(out)?;
    let (hash, root) = (sha256_of(training.settings.as_bytes()), set.dataset.root);
    let kept = out.join("checkpoint.safetensors");
    // The words belong to the checkpoint beside which they lie.
    let vocab = match Some(&kept).filter(|kept| kept.exists()).or(training.from.as_ref()) {
        Some(path) => Some(Vocab::read(&ModelFile::read(&path.with_file_name("vocab.json"), None)?)?),
        None => None,
    };
    let begun = Instant::now();
    let bank = Bank::new(set.works.iter().map(item).collect(), settings.network.side, settings.examples.held_out, vocab);
    say(&format!(
        "{} works to learn from, {} kept out, {} words ({:.1} s)",
        bank.learnt.len(),
        bank.held_out.len(),
        bank.vocab.len(),
        begun.elapsed().as_secs_f64()
    ));
    let mut trainer = Trainer::new(settings, bank.vocab.len(), Place::built_for())?;
    say(&format!("{} parameters, products in {:?}", trainer.parameters(), trainer.settings.precision().here()));
    if kept.exists() {
        trainer.resume(&read(&kept)?, &hash.to_string(), &root.to_string()).map_err(|e| anyhow!("`{}`: {e}", kept.display()))?;
        say(&format!("going on from step {}", trainer.step));
    } else if let Some(earlier) = &training.from {
        trainer.begin_from(&read(earlier)?, &root.to_string()).map_err(|e| anyhow!("`{}`: {e}", earlier.display()))?;
    }
    files::write(&out.join("train.toml"), training.settings.as_bytes(), Access::Public)?;
    files::write(&out.join("vocab.json"), &serde_json::to_vec(bank.vocab.words())?, Access::Public)?;
    let keep = |trainer: &Trainer| -> anyhow::Result<()> {
        let bytes = trainer.checkpoint(&hash.to_string(), &root.to_string()).map_err(|e| anyhow!(e))?;
        Ok(files::write(&kept, &bytes, Access::Public)?)
    };
    let mut log = std::fs::OpenOptions::new().create(true).append(true).open(out.join("log.jsonl"))?;
    let (first, clock) = (trainer.step, Instant::now());
    let (mut sum, mut counted) = (0.0, 0u32);
    while trainer.step < trainer.settings.steps {
        let (loss, norm) = trainer.step(&bank)?;
        let (step, of) = (trainer.step, trainer.settings.steps);
        (sum, counted) = (sum + loss, counted + 1);
        if step.is_multiple_of(SAY_EVERY) || step == of {
            let rate = ((step - first) * trainer.settings.batch as u64) as f64 / clock.elapsed().as_secs_f64();
            let left = ((of - step) * trainer.settings.batch as u64) as f64 / rate;
            let mean = sum / f64::from(counted);
            say(&format!("step {step} of {of}: loss {mean:.4}, gradient {norm:.2}, {rate:.1} pictures/s, {} left", time(left)));
            writeln!(log, "{}", json!({ "step": step, "loss": mean, "gradient": norm, "pictures_per_s": rate }))?;
            (sum, counted) = (0.0, 0);
        }
        if step.is_multiple_of(trainer.settings.validate_every) || step == of {
            let losses = trainer.validate(&bank)?;
            say(&format!("step {step}: held-out loss {:.4} with works, {:.4} without", losses.with_works, losses.without));
            writeln!(log, "{}", json!({ "step": step, "with_works": losses.with_works, "without": losses.without }))?;
        }
        if (step.is_multiple_of(trainer.settings.sample_every) || step == of) && !trainer.settings.prompts.is_empty() {
            samples(&trainer, &bank, &out.join(format!("samples-{step:06}.png")))?;
        }
        let stopping = stop.load(Ordering::Relaxed);
        if step.is_multiple_of(trainer.settings.checkpoint_every) || step == of || stopping {
            keep(&trainer)?;
        }
        if stopping && step < of {
            return Ok(Learnt::Stopped(step));
        }
    }
    finish(instance.clock.now(), &trainer, &bank, set, hash, out).map(|done| Learnt::Done(Box::new(done)))
}

/// A work with its picture, as the trainer takes it.
pub(super) fn item((work, rgb): &(crate::works::Work, std::sync::Arc<[u8]>)) -> Item {
    let w = work.clone();
    let entry = LibraryEntry { work: w.id, titles: w.titles, tags: w.tags, colour: w.colour, style: w.style };
    Item { entry, rgb: rgb.to_vec() }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("`{}` can't be read", path.display()))
}

fn time(seconds: f64) -> String {
    let minutes = (seconds / 60.0).ceil() as u64;
    if minutes < 90 { format!("{minutes} min") } else { format!("{} h {} min", minutes / 60, minutes % 60) }
}

/// Pictures side by side, six in a row.
fn samples(trainer: &Trainer, bank: &Bank, path: &Path) -> anyhow::Result<()> {
    const WIDE: usize = 6;
    let pictures = trainer.samples(bank, &trainer.settings.prompts, None, 16, 2.0)?;
    let side = trainer.sizes.side;
    let high = pictures.len().div_ceil(WIDE);
    let mut sheet = vec![255u8; WIDE * high * side * side * 3];
    for (at, Picture { rgb, .. }) in pictures.iter().enumerate() {
        for (y, row) in rgb.chunks_exact(side * 3).enumerate() {
            let place = (((at / WIDE) * side + y) * WIDE + at % WIDE) * side * 3;
            sheet[place..place + side * 3].copy_from_slice(row);
        }
    }
    let png = encode(&sheet, (WIDE * side) as u32, (high * side) as u32, Format::Png)?;
    Ok(files::write(path, &png, Access::Public)?)
}

/// The model's folder, its card, and the run's record.
fn finish(
    now: Timestamp,
    trainer: &Trainer,
    bank: &Bank,
    set: &TrainingSet,
    settings: Sha256Hash,
    out: &Path,
) -> anyhow::Result<(Run, Model, Vec<u8>)> {
    let seen = trainer.settings.steps * trainer.settings.batch as u64;
    let said = json!({ "dataset": set.dataset.root, "settings": settings, "steps": trainer.settings.steps, "pictures": seen });
    let weights = trainer.weights(&said.to_string()).map_err(|e| anyhow!(e))?;
    let hash = sha256_of(&weights);
    let config = serde_json::to_vec_pretty(&json!({
        "architecture": "retrieval-augmented pixel transformer",
        "network": trainer.sizes,
        "steps": 16, "guidance": 2.0, "start": 0.0,
    }))?;
    let vocab = serde_json::to_vec(bank.vocab.words())?;
    let name = trainer.settings.name.clone();
    let file = |name: &str, role: &str, bytes: &[u8]| crate::lineage::model::ModelFile {
        name: name.to_owned(),
        role: role.to_owned(),
        sha256: sha256_of(bytes),
    };
    let card = ModelCard {
        title: name.clone(),
        version: "0.1.0".to_owned(),
        architecture: format!("retrieval-augmented pixel transformer, {0}×{0} RGB", trainer.sizes.side),
        parameters_millions: format!("{:.1}", trainer.parameters() as f64 / 1e6),
        licence: "MIT OR Apache-2.0".to_owned(),
        summary: "Draws with registered works that it looks up for each prompt.".to_owned(),
        training: format!(
            "Trained on “{}”: {} works, of which {} were kept out to measure by. {seen} pictures seen.",
            set.dataset.name,
            set.dataset.works,
            bank.held_out.len()
        ),
        limits: vec!["Not judged yet: nobody has looked at its pictures.".to_owned()],
        files: vec![
            file("weights.safetensors", "weights", &weights),
            file("config.json", "config", &config),
            file("vocab.json", "vocabulary", &vocab),
        ],
        name,
        ..ModelCard::default()
    };
    let folder = out.join("model");
    files::write(&folder.join("weights.safetensors"), &weights, Access::Public)?;
    files::write(&folder.join("config.json"), &config, Access::Public)?;
    files::write(&folder.join("vocab.json"), &vocab, Access::Public)?;
    files::write(&folder.join("model.toml"), card.to_toml().as_bytes(), Access::Public)?;
    let run = Run {
        id: RunId::derived(&[&settings.0[..], &hash.0[..]].concat()),
        dataset: set.dataset.id,
        dataset_root: set.dataset.root,
        works_learnt: bank.learnt.len() as u64,
        code: format!("colophon {}", env!("CARGO_PKG_VERSION")),
        settings,
        begun_from: trainer.begun_from,
        steps: trainer.settings.steps,
        pictures: seen,
        weights: hash,
        ended_at: now,
    };
    files::write(&folder.join("run.json"), &serde_json::to_vec_pretty(&run)?, Access::Public)?;
    let model = Model {
        id: ModelId::derived(&hash.0),
        weights: hash,
        card,
        datasets: vec![set.dataset.id],
        base: None,
        made_by: String::new(),
        registered_at: now,
    };
    Ok((run, model, weights))
}
