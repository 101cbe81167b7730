//! `colophon prepare`: drawings of other packages, rendered into a collection.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{complain, say};
use crate::actions::prepare_works::{Prepared, Sources, prepare_works};

/// Flags of `prepare`.
#[derive(Debug, clap::Args)]
pub(super) struct Prepare {
    /// An unpacked npm package @iconify-json/…; may be given many times
    #[arg(long, value_name = "DIR")]
    iconify: Vec<PathBuf>,
    /// en/data.json of the npm package emojibase-data: what the emoji are called
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Folder of the Open Clip Art Library's SVG files (Debian: /usr/share/openclipart/svg)
    #[arg(long, value_name = "DIR")]
    openclipart: Option<PathBuf>,
    /// Version of the package that folder came from
    #[arg(long, value_name = "VERSION", default_value = "unknown")]
    openclipart_version: String,
    /// Side of the pictures in pixels
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(16..=1024))]
    side: u32,
    /// Threads that render
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Folder of the collection
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

pub(super) fn run(asked: &Prepare, json: bool) -> anyhow::Result<ExitCode> {
    if asked.iconify.is_empty() && asked.openclipart.is_none() {
        anyhow::bail!("no source was named: give `--iconify DIR` or `--openclipart DIR`");
    }
    let sources = Sources {
        iconify: asked.iconify.clone(),
        labels: asked.labels.clone(),
        openclipart: asked.openclipart.clone(),
        openclipart_version: asked.openclipart_version.clone(),
    };
    let live = std::io::stderr().is_terminal();
    let progress = |done: usize, of: usize| {
        if done.is_multiple_of(if live { 50 } else { 1_000 }) || done == of {
            complain(&format!("{done} of {of} drawings"));
        }
    };
    let prepared = prepare_works(&sources, asked.side, &asked.output, asked.threads, &progress)?;
    report(asked, &prepared, json);
    Ok(ExitCode::SUCCESS)
}

fn report(asked: &Prepare, prepared: &Prepared, json: bool) {
    let works: usize = prepared.sets.values().sum();
    if json {
        let skipped: Vec<_> = prepared
            .skipped
            .iter()
            .map(|((set, why), count)| serde_json::json!({ "set": set, "reason": why.reason(), "drawings": count }))
            .collect();
        say(&serde_json::json!({
            "folder": asked.output, "works": works, "sets": prepared.sets, "skipped": skipped, "rendered": prepared.rendered,
        })
        .to_string());
        return;
    }
    say(&format!("{works} works in {} ({} rendered now)", asked.output.display(), prepared.rendered));
    prepared.sets.iter().for_each(|(set, count)| say(&format!("  {set}: {count}")));
    say("Passed over:");
    prepared.skipped.iter().for_each(|((set, why), count)| say(&format!("  {set}: {count}, {}", why.reason())));
}
