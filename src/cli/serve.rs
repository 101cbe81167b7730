//! `colophon serve`: the service, until it is told to stop.

use std::process::ExitCode;

use crate::config::Settings;

pub(super) async fn run(_settings: Settings) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}
