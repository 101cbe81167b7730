//! `colophon freeze` and `colophon train`: from works to a dataset, from a dataset to a model.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use serde_json::json;

use super::{complain, say};
use crate::actions::Instance;
use crate::actions::freeze_dataset::freeze_dataset;
use crate::actions::freeze_query::freeze_query;
use crate::actions::publish_checkpoint::publish_checkpoint;
use crate::actions::sign_in::local_operator;
use crate::config::is_set;
use crate::id::{DatasetId, WorkId};
use crate::jobs::train::{Ended, Training, train};
use crate::storage::works::Filter;

/// Flags of `freeze`.
#[derive(Debug, clap::Args)]
pub(super) struct Freeze {
    /// Name of the dataset
    name: String,
    /// File with the works' ids, one a line
    #[arg(long, value_name = "FILE", required_unless_present_any = ["query", "licence", "author", "owner"])]
    works: Option<PathBuf>,
    /// Words that stand in title, author or tags; what may not be trained on is left out and counted
    #[arg(long, value_name = "WORDS", conflicts_with = "works", default_value = "")]
    query: String,
    /// Under this licence
    #[arg(long, value_name = "SPDX", conflicts_with = "works", default_value = "")]
    licence: String,
    /// By this author
    #[arg(long, value_name = "NAME", conflicts_with = "works", default_value = "")]
    author: String,
    /// Registered by, or with rights held by
    #[arg(long, value_name = "NAME", conflicts_with = "works", default_value = "")]
    owner: String,
}

/// Flags of `train`.
#[derive(Debug, clap::Args)]
pub(super) struct Train {
    /// Settings of the run (`train.toml`)
    settings: PathBuf,
    /// A frozen dataset
    #[arg(long, value_name = "ID", value_parser = DatasetId::parse)]
    dataset: DatasetId,
    /// Folder of checkpoints, samples and the model; a run that was stopped goes on from what lies there
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Begin from the checkpoint of another run
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// What a run wants of its process, read by libraries as it starts: an allocator that keeps its memory between two steps, and products
/// that start no threads of their own, as each replica is one already.
const ENVIRONMENT: [(&str, &str); 3] = [("MIMALLOC_PURGE_DELAY", "-1"), ("RAYON_NUM_THREADS", "1"), ("CANDLE_NUM_THREADS", "1")];

/// Starts the same command again in the same process with what it lacks of [`ENVIRONMENT`]; what is set already stays.
pub(super) fn prepare_process() -> anyhow::Result<()> {
    let missing: Vec<_> = ENVIRONMENT.into_iter().filter(|(name, _)| !is_set(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut again = std::process::Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).envs(missing);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        Err(again.exec()).context("can't start again with the memory settings of a run")
    }
    #[cfg(not(unix))]
    {
        let status = again.status().context("can't start again with the memory settings of a run")?;
        std::process::exit(status.code().unwrap_or(1));
    }
}

pub(super) async fn freeze(asked: &Freeze, instance: &Instance, as_json: bool) -> anyhow::Result<ExitCode> {
    let actor = local_operator(instance).await?;
    let (dataset, refused) = match &asked.works {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("`{}` can't be read", path.display()))?;
            let works = text.split_whitespace().map(WorkId::parse).collect::<Result<Vec<_>, _>>()?;
            (freeze_dataset(instance, &actor, &asked.name, works).await?, std::collections::BTreeMap::new())
        }
        None => {
            let filter = Filter {
                words: asked.query.clone(),
                licence: asked.licence.clone(),
                author: asked.author.clone(),
                owner: asked.owner.clone(),
            };
            let (dataset, found) = freeze_query(instance, &actor, &asked.name, &filter).await?;
            (dataset, found.refused)
        }
    };
    publish_checkpoint(instance).await?;
    if as_json {
        say(&json!({ "dataset": dataset, "refused": refused }).to_string());
    } else {
        say(&format!("{} works frozen as {}, root {}.", dataset.works, dataset.id, dataset.root));
        refused.iter().for_each(|(rule, n)| say(&format!("  {n} left out by the rule {rule}")));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn run(asked: &Train, instance: &Instance, as_json: bool) -> anyhow::Result<ExitCode> {
    let settings =
        std::fs::read_to_string(&asked.settings).with_context(|| format!("`{}` can't be read", asked.settings.display()))?;
    let training = Training { settings, dataset: asked.dataset, output: asked.output.clone(), from: asked.from.clone() };
    let actor = local_operator(instance).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&stop);
    tokio::spawn(async move {
        if super::serve::signal().await.is_ok() {
            complain("stopping after this step; begin again to go on");
            heard.store(true, Ordering::Relaxed);
        }
    });
    let ended = train(instance, &actor, &training, &|line| complain(line), &stop).await?;
    publish_checkpoint(instance).await?;
    match ended {
        Ended::Done(run) if as_json => say(&json!({ "run": run }).to_string()),
        Ended::Done(run) => say(&format!(
            "Trained: {} ({} pictures), weights {}. The model lies in {}.",
            run.id,
            run.pictures,
            run.weights,
            asked.output.join("model").display()
        )),
        Ended::Stopped(step) if as_json => say(&json!({ "stopped_at": step }).to_string()),
        Ended::Stopped(step) => say(&format!("Stopped after step {step}.")),
    }
    Ok(ExitCode::SUCCESS)
}
