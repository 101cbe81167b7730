//! `colophon likeness`: what pictures are compared with, and the training of the network that proposes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use serde_json::json;

use super::{complain, say};
use crate::actions::Instance;
use crate::actions::fingerprint::{known_rows, make_fingerprints};
use crate::actions::look::index_facts;
use crate::actions::register_run::training_set;
use crate::actions::sign_in::local_operator;
use crate::digest::sha256_of;
use crate::generation::embedding::{EmbeddingRun, EmbeddingSettings, EmbeddingTrainer};
use crate::generation::train::is_held_out;
use crate::id::DatasetId;
use crate::storage::files::{self, Access};

/// Side of the pictures that are learnt from.
const SIDE: u32 = 64;
/// Steps between two lines of progress.
const SAY_EVERY: u64 = 20;

/// What `likeness` does.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Likeness {
    /// Train the network that proposes which works a picture may be a version of, on a frozen dataset
    Train(Train),
    /// Make what works and images are found by, where it is missing: a running service does so by itself
    Make,
    /// Write down what the network says of every work that is kept here: shipped with the program, so that a first start need not ask it
    Known(Known),
}

/// Flags of `likeness known`.
#[derive(Debug, clap::Args)]
pub(super) struct Known {
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Flags of `likeness train`.
#[derive(Debug, clap::Args)]
pub(super) struct Train {
    /// Settings of the run
    settings: PathBuf,
    /// A frozen dataset
    #[arg(long, value_name = "ID", value_parser = DatasetId::parse)]
    dataset: DatasetId,
    /// Folder for `weights.safetensors` and `run.json`
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

pub(super) async fn run(what: &Likeness, instance: &Instance, as_json: bool) -> anyhow::Result<ExitCode> {
    match what {
        Likeness::Train(asked) => train(asked, instance, as_json).await,
        Likeness::Make => make(instance, as_json).await,
        Likeness::Known(asked) => known(asked, instance, as_json).await,
    }
}

async fn train(asked: &Train, instance: &Instance, as_json: bool) -> anyhow::Result<ExitCode> {
    let text =
        std::fs::read_to_string(&asked.settings).with_context(|| format!("`{}` can't be read", asked.settings.display()))?;
    let settings: EmbeddingSettings = toml::from_str(&text).context("the settings can't be used")?;
    files::writable_folder(&asked.output)?;
    let actor = local_operator(instance).await?;
    let set = training_set(instance, &actor, asked.dataset, SIDE).await?;
    let learnt: Vec<Vec<u8>> =
        set.works.iter().filter(|(work, _)| !is_held_out(work.id, settings.held_out)).map(|(_, rgb)| rgb.to_vec()).collect();
    complain(&format!("{}: {} of {} works are learnt from", set.dataset.name, learnt.len(), set.works.len()));
    let run = EmbeddingRun {
        settings: sha256_of(text.as_bytes()).to_string(),
        dataset_root: set.dataset.root.to_string(),
        works: learnt.len() as u64,
        pictures: 2 * settings.steps * settings.batch.min(learnt.len()) as u64,
    };
    let weights = tokio::task::block_in_place(|| learn(settings, &learnt, &run))?;
    files::write(&asked.output.join("weights.safetensors"), &weights, Access::Public)?;
    files::write(&asked.output.join("run.json"), &serde_json::to_vec_pretty(&run)?, Access::Public)?;
    let hash = sha256_of(&weights);
    if as_json {
        say(&json!({ "run": run, "weights_sha256": hash }).to_string());
    } else {
        say(&format!("Trained: weights {hash}, in {}.", asked.output.display()));
    }
    Ok(ExitCode::SUCCESS)
}

async fn make(instance: &Instance, as_json: bool) -> anyhow::Result<ExitCode> {
    let made = make_fingerprints(instance).await?;
    let index = index_facts(instance).await?;
    if as_json {
        say(&json!({ "made": made, "index": index }).to_string());
    } else {
        let (works, images, digest) = (index.works, index.images, index.digest);
        say(&format!("{made} made. {works} works and {images} images are found by picture, index {digest}."));
    }
    Ok(ExitCode::SUCCESS)
}

async fn known(asked: &Known, instance: &Instance, as_json: bool) -> anyhow::Result<ExitCode> {
    let rows = known_rows(instance).await?;
    files::write(&asked.output, &rows.concat(), Access::Public)?;
    if as_json {
        say(&json!({ "works": rows.len() }).to_string());
    } else {
        say(&format!("{} works, in {}.", rows.len(), asked.output.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn learn(settings: EmbeddingSettings, pictures: &[Vec<u8>], run: &EmbeddingRun) -> anyhow::Result<Vec<u8>> {
    let (steps, begun) = (settings.steps, Instant::now());
    let mut trainer = EmbeddingTrainer::new(settings).map_err(|e| anyhow!(e))?;
    while !trainer.is_done() {
        let (loss, found) = trainer.step(pictures, SIDE as usize).map_err(|e| anyhow!(e))?;
        if trainer.step.is_multiple_of(SAY_EVERY) || trainer.is_done() {
            let (step, each) = (trainer.step, begun.elapsed().as_secs_f64() / trainer.step as f64);
            complain(&format!("step {step} of {steps}: loss {loss:.3}, found {:.1} %, {each:.2} s a step", found * 100.0));
        }
    }
    trainer.weights(run).map_err(|e| anyhow!(e))
}
