//! `colophon replay`: draws delivered images again and compares them with their records.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use super::{complain, open, say};
use crate::config::Settings;
use crate::id::ImageId;
use crate::jobs::{self, replay::replay};
use crate::storage;

/// What to draw again.
#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// Images by id
    images: Vec<ImageId>,
    /// The newest N images instead
    #[arg(long, value_name = "N", conflicts_with = "images")]
    latest: Option<u32>,
    /// Also measure each work's influence again
    #[arg(long)]
    influence: bool,
}

pub(super) async fn run(asked: &Replay, settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let instance = open(settings).await?;
    let mut images = asked.images.clone();
    if let Some(latest) = asked.latest {
        let mut tx = instance.store.read().await?;
        images = storage::images::list(&mut tx, "", latest).await?.items.iter().map(|record| record.image.id).collect();
    }
    if images.is_empty() {
        anyhow::bail!("there is nothing to draw again: name images by their ids, or the newest with `--latest 10`");
    }
    let engine = {
        let (settings, clock) = (settings.clone(), Arc::clone(&instance.clock));
        tokio::task::spawn_blocking(move || jobs::start_engine(&settings, 1, clock)).await??
    };
    let mut same = 0;
    for id in &images {
        let replayed = match replay(&instance, &engine, *id, asked.influence).await {
            Ok(replayed) => replayed,
            Err(e) => {
                complain(&format!("{id}: {e}"));
                continue;
            }
        };
        same += usize::from(replayed.same());
        if json {
            let works = replayed
                .influence
                .iter()
                .map(|(work, recorded, found)| json!({ "work": work, "recorded": recorded, "found": found }));
            say(&json!({ "image": id, "same_pixels": replayed.same_pixels, "influence": works.collect::<Vec<_>>() }).to_string());
        } else {
            let pixels = if replayed.same_pixels { "same pixels" } else { "OTHER PIXELS" };
            let works = replayed.influence.iter().map(|(work, recorded, found)| {
                let percent = |x: &u32| f64::from(*x) / 1e4;
                if recorded == found {
                    format!(", {work} {:.1} %", percent(found))
                } else {
                    format!(", {work} {:.4} % BUT {:.4} % ON RECORD", percent(found), percent(recorded))
                }
            });
            say(&format!("{id}: {pixels}{}", works.collect::<String>()));
        }
    }
    engine.shutdown();
    if !json {
        say(&format!("{same} of {} as recorded.", images.len()));
    }
    Ok(if same == images.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
