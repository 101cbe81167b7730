//! `colophon adapt`: an adapter from a person's own works.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use serde_json::json;

use super::{complain, open, say};
use crate::actions::publish_checkpoint::publish_checkpoint;
use crate::actions::sign_in::{actor_of, local_operator};
use crate::config::Settings;
use crate::embedded::ADAPTER_SETTINGS;
use crate::id::WorkId;
use crate::jobs::adapt::{Adapting, adapt};
use crate::storage;

/// What to learn from.
#[derive(Debug, clap::Args)]
pub(super) struct Adapt {
    /// Name of the adapter, for people
    name: String,
    /// File with the ids of 10 to 30 works, one a line; all registered by the account
    #[arg(long, value_name = "FILE")]
    works: PathBuf,
    /// The account whose works they are (default: the local operator)
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

pub(super) async fn run(asked: &Adapt, settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(&asked.works).with_context(|| format!("`{}` can't be read", asked.works.display()))?;
    let works = text.split_whitespace().map(WorkId::parse).collect::<Result<Vec<_>, _>>()?;
    let instance = Arc::new(open(settings).await?);
    let actor = match &asked.account {
        None => local_operator(&instance).await?,
        Some(name) => {
            let mut tx = instance.store.read().await?;
            let found = storage::accounts::find_by_name(&mut tx, name).await?;
            actor_of(&found.with_context(|| format!("no account is called `{name}`"))?.0)
        }
    };
    let stop = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&stop);
    tokio::spawn(async move {
        if super::serve::signal().await.is_ok() {
            heard.store(true, Ordering::Relaxed);
        }
    });
    let asked = Adapting { name: asked.name.clone(), works, settings: ADAPTER_SETTINGS.to_owned() };
    let id = adapt(&instance, &actor, asked, &settings.models_dir, &|line| complain(line), &stop).await?;
    publish_checkpoint(&instance).await?;
    if as_json {
        say(&json!({ "adapter": id }).to_string());
    } else {
        say(&format!("Registered {id}. Draw with it: colophon generate … --adapter {id}"));
    }
    Ok(ExitCode::SUCCESS)
}
