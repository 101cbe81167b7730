//! `colophon licence …`: what the rule table says of licences. Needs no data folder.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::say;
use crate::works::rules::{JURISDICTION, RULES_VERSION};
use crate::works::verdict::{Answer, Usage, Verdict, strictest, verdict};

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Licence {
    /// What may be done with a work under this licence; with several, with a picture or a dataset that draws on all of them
    Check {
        /// SPDX identifiers or expressions, one for each work
        #[arg(required = true, value_name = "LICENCE")]
        licences: Vec<String>,
        /// Only this use; ends with 3 when it is refused
        #[arg(long = "for", value_name = "USE", value_parser = usage)]
        usage: Option<Usage>,
    },
}

fn usage(text: &str) -> Result<Usage, String> {
    let known = Usage::ALL.map(Usage::as_str).join(", ");
    Usage::ALL.into_iter().find(|u| u.as_str() == text).ok_or_else(|| format!("not one of {known}"))
}

pub(super) fn run(what: &Licence, json: bool) -> ExitCode {
    let Licence::Check { licences, usage } = what;
    let asked: Vec<Usage> = usage.map_or_else(|| Usage::ALL.to_vec(), |u| vec![u]);
    let over = |usage| strictest(licences.iter().map(|l| verdict(l, usage)));
    let verdicts: Vec<Verdict> = asked.into_iter().filter_map(over).collect();
    if json {
        say(&json!({ "licences": licences, "verdicts": verdicts, "rules_version": RULES_VERSION, "jurisdiction": JURISDICTION })
            .to_string());
    } else {
        for v in &verdicts {
            let answer = match v.answer {
                Answer::Allow => "Yes".to_owned(),
                Answer::Conditional => {
                    format!("Yes, if you {}", v.duties.iter().map(|d| d.sentence()).collect::<Vec<_>>().join(" and "))
                }
                Answer::Unknown => "Unknown, so no".to_owned(),
                Answer::Deny => "No".to_owned(),
            };
            say(&format!("{} {answer}: {} ({}; {}).", v.usage.question(), v.reason, v.rule, v.citation));
        }
        say(&format!("Rule table {RULES_VERSION}: {JURISDICTION}."));
    }
    let refused = usage.is_some() && verdicts.iter().any(|v| !v.permits());
    if refused { ExitCode::from(3) } else { ExitCode::SUCCESS }
}
