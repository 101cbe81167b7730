//! `colophon doctor`: every setting with its value and origin, then what is wrong.

use std::process::ExitCode;

use serde_json::json;

use super::{open, say};
use crate::actions::Instance;
use crate::actions::check_log::check_log;
use crate::actions::drawn_with::drawn_with;
use crate::actions::erase::finish_erasing;
use crate::config::Settings;
use crate::generation::FolderModel;
use crate::storage;

pub(super) async fn run(settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let mut problems = Instance::model_problems(&settings.models_dir);
    let mut facts = vec![("database".to_owned(), settings.database_shown())];
    match open(settings).await {
        Err(e) => problems.push(e.to_string()),
        Ok(instance) => {
            problems.extend(instance.policies().lint().iter().map(ToString::to_string));
            problems.extend(instance.policies().check_cases().iter().map(ToString::to_string));
            if let Err(e) = finish_erasing(&instance).await {
                problems.push(format!("what was erased is not gone from this machine's files yet: {e}"));
            }
            let report = check_log(&instance).await?;
            problems.extend(report.problems.iter().cloned());
            let mut tx = instance.store.read().await?;
            let (works, authors) = storage::works::totals(&mut tx).await?;
            facts.push(("works".into(), format!("{works} by {authors} authors")));
            facts.push(("images".into(), storage::images::total(&mut tx).await?.to_string()));
            facts.push(("log".into(), format!("{} entries in {}", report.size, instance.site.log_origin)));
            facts.push(("log waiting".into(), storage::log::staged_total(&mut tx).await?.to_string()));
            facts.push(("policy bundle".into(), instance.policies().hash().to_string()));
            facts.push(("model".into(), format!("{} {}", instance.model.model.card.title, instance.model.model.card.version)));
            for record in storage::models::all(&mut tx).await?.into_iter().filter(|r| r.model.card.is_folder()) {
                let title = record.model.card.title.clone();
                // All of its files are read: several gigabytes may take a while.
                match drawn_with(&instance, &mut tx, Some(record.model.id)).await.map(|with| with.folder) {
                    Ok(Some(model)) => match FolderModel::check_hashes(&model.folder, model.files.clone()) {
                        Ok(()) => facts.push(("model".into(), format!("{title}, {} files as registered", model.files.len()))),
                        Err(e) => problems.push(e.to_string()),
                    },
                    Ok(None) => {}
                    Err(e) => facts.push(("model".into(), format!("{title}, not drawn with here: {e}"))),
                }
            }
            facts.push(("certificate ends".into(), instance.keys.leaf_not_after().day()));
            facts.push(("time stamps end".into(), instance.keys.authority.ends_at().day()));
            let head = storage::log::head(&mut tx).await?.map_or(0, |head| head.size);
            if head < report.size {
                problems.push(format!(
                    "the published log ends at {head} of {} entries: the rest waits for its witnesses, or for a service",
                    report.size
                ));
            }
        }
    }
    if json {
        let settings: Vec<_> = settings
            .shown()
            .iter()
            .map(|(s, value, from)| json!({ "name": s.name, "value": value, "from": from.to_string(), "doc": s.doc }))
            .collect();
        let facts: serde_json::Map<_, _> = facts.into_iter().map(|(k, v)| (k, v.into())).collect();
        say(&json!({ "settings": settings, "facts": facts, "problems": problems }).to_string());
    } else {
        say("Settings (file: colophon.toml; environment: COLOPHON_ and the name in capitals)");
        for (s, value, from) in settings.shown() {
            say(&format!("  {:<17} {:<28} {} ({from})", s.name, if value.is_empty() { "–" } else { value }, s.doc));
        }
        say("State");
        facts.iter().for_each(|(name, value)| say(&format!("  {name:<16} {value}")));
        say(if problems.is_empty() { "Nothing is wrong." } else { "Problems" });
        problems.iter().for_each(|p| say(&format!("- {p}")));
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
