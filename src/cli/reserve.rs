//! `colophon reserve`: what a site says of its works, handed in as a file.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::say;
use crate::actions::Instance;
use crate::actions::publish_checkpoint::publish_checkpoint;
use crate::actions::reserve_works::reserve_site;
use crate::actions::sign_in::local_operator;
use crate::works::reservation::Signal;

/// Flags of `reserve`.
#[derive(Debug, clap::Args)]
pub(super) struct Reserve {
    /// What the file is: tdmrep, aipref, rsl or robots
    signal: Signal,
    /// Where it was seen, such as https://example.org/robots.txt; works on record as published on that site are looked at
    place: String,
    /// The file, as it was served
    file: PathBuf,
}

pub(super) async fn run(asked: &Reserve, instance: &Instance, as_json: bool) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(&asked.file).with_context(|| format!("`{}` can't be read", asked.file.display()))?;
    let actor = local_operator(instance).await?;
    let done = reserve_site(instance, &actor, asked.signal, &asked.place, &bytes).await?;
    publish_checkpoint(instance).await?;
    if as_json {
        say(&json!({ "looked": done.looked, "reserved": done.reserved, "known": done.known }).to_string());
    } else {
        say(&format!("{} works of that site: {} reserved now, {} before.", done.looked, done.reserved.len(), done.known));
        done.reserved.iter().take(20).for_each(|id| say(&format!("  {id}")));
    }
    Ok(ExitCode::SUCCESS)
}
