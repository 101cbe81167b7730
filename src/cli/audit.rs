//! `colophon audit` and `colophon rebuild`: the log checked, and the tables made again from it.

use std::process::ExitCode;

use super::say;
use crate::actions::{Instance, check_log::check_log, rebuild::rebuild as replay};

pub(super) async fn audit(instance: &Instance, json: bool) -> anyhow::Result<ExitCode> {
    let report = check_log(instance).await?;
    if json {
        say(&serde_json::json!({
            "sound": report.is_sound(), "size": report.size, "root": report.root, "problems": report.problems,
        })
        .to_string());
    } else if report.is_sound() {
        say(&format!("The log is sound: {} entries, root {}.", report.size, report.root));
    } else {
        say(&format!("The log is NOT sound ({} entries, root {}):", report.size, report.root));
        report.problems.iter().for_each(|p| say(&format!("- {p}")));
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) async fn rebuild(instance: &Instance, json: bool) -> anyhow::Result<ExitCode> {
    let applied = replay(instance).await?;
    if json {
        say(&serde_json::json!({ "applied": applied }).to_string());
    } else {
        say(&format!("The public tables were made again from {applied} statements."));
    }
    Ok(ExitCode::SUCCESS)
}
