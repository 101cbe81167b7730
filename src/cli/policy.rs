//! `colophon policy …`: what the policy says of some words, and whether its files are in order.

use std::process::ExitCode;

use clap::Subcommand;

use super::say;
use crate::actions::found;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Settings;
use crate::policy::{Facts, Outcome, Use, decide};

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Ask about a prompt
    Check {
        /// The words
        prompt: String,
        /// What the picture is for: personal, education, news, commercial, logo or merch
        #[arg(long = "use", default_value = "personal", value_parser = Use::parse)]
        use_: Use,
    },
    /// Lint the bundle and run the cases beside its files
    Test,
}

pub(super) fn run(what: &Policy, settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let bundle = found::policies(settings.policies_dir.as_deref())?;
    match what {
        Policy::Check { prompt, use_ } => {
            let facts = Facts { prompt, negative: "", style: None, use_: *use_, consents: &[] };
            let decision = decide(&bundle, &facts, SystemClock.now());
            say(&if json { serde_json::to_string(&decision)? } else { decision.sentence() });
            Ok(if decision.outcome <= Outcome::AllowWithNotice { ExitCode::SUCCESS } else { ExitCode::from(3) })
        }
        Policy::Test => {
            let problems: Vec<_> = bundle.lint().into_iter().chain(bundle.check_cases()).collect();
            problems.iter().for_each(|p| say(&p.to_string()));
            say(&format!("{} policies, {} problems, bundle {}", bundle.policies().count(), problems.len(), bundle.hash()));
            Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}
