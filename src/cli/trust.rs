//! `colophon trust …`: the two anchors by which others check us.

use std::process::ExitCode;

use clap::Subcommand;

use super::say;
use crate::actions::Instance;

/// What to print.
#[derive(Debug, Subcommand)]
pub(super) enum Trust {
    /// The root certificate of our Content Credentials, PEM
    C2paRoot,
    /// The public key of our log, as a C2SP verifier key
    LogVkey,
}

pub(super) fn run(what: Trust, instance: &Instance) -> anyhow::Result<ExitCode> {
    match what {
        Trust::C2paRoot => say(instance.keys.root_pem().trim_end()),
        Trust::LogVkey => say(&instance.keys.log_vkey()),
    }
    Ok(ExitCode::SUCCESS)
}
