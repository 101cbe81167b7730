//! `colophon policy …`: what the policy says of some words, whether its files are in order, and what another version would have said.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Common, open, say};
use crate::actions::found;
use crate::actions::policy_diff::{Asked, Changed, compare, past};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Settings;
use crate::policy::{Bundle, Decision, Facts, Outcome, Problem, Use, decide};

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Ask about a prompt, or about one in each line of standard input
    Check {
        /// The words
        #[arg(required_unless_present = "jsonl")]
        prompt: Option<String>,
        /// Read `{"prompt": …}` lines from standard input and answer each with `{"outcome", "matches"}` on a line
        #[arg(long, conflicts_with = "prompt")]
        jsonl: bool,
        /// What the picture is for: personal, education, news, commercial, logo or merch
        #[arg(long = "use", default_value = "personal", value_parser = Use::parse)]
        use_: Use,
    },
    /// Run the cases beside the files: outcome and deciding rules of each, every rule met by one and missed by another
    Test {
        /// Folder of a bundle (default: the one in use)
        folder: Option<PathBuf>,
    },
    /// Look for what should be better, and list the facts that nobody has confirmed
    Lint {
        /// Folder of a bundle (default: the one in use)
        folder: Option<PathBuf>,
    },
    /// What another version of the bundle would have answered differently, over past decisions or a file of prompts
    Diff {
        /// Folder of the bundle before
        old: PathBuf,
        /// Folder of the bundle after
        new: PathBuf,
        /// Ask these lines (`{"prompt": …}`) instead of past decisions
        #[arg(long, value_name = "FILE")]
        corpus: Option<PathBuf>,
    },
    /// The lines whose SHA-256 is the bundle's hash: path, NUL, SHA-256 of the file
    Listing {
        /// Folder of a bundle (default: the one in use)
        folder: Option<PathBuf>,
    },
}

/// A line of standard input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    prompt: String,
    #[serde(default)]
    negative: String,
    #[serde(default)]
    style: Option<String>,
    #[serde(default)]
    title: String,
    #[serde(default)]
    model: String,
    #[serde(default, rename = "use")]
    use_: Option<Use>,
    #[serde(default)]
    region: Option<String>,
}

impl Line {
    fn decide(&self, bundle: &Bundle, use_: Use) -> Decision {
        let facts = Facts {
            prompt: &self.prompt,
            negative: &self.negative,
            style: self.style.as_deref(),
            titles: &[&self.title],
            models: &[&self.model],
            use_: self.use_.unwrap_or(use_),
            region: self.region.as_deref(),
            ..Facts::default()
        };
        decide(bundle, &facts, SystemClock.now())
    }
}

pub(super) async fn run(what: &Policy, settings: &Settings, common: &Common) -> anyhow::Result<ExitCode> {
    let bundle = |folder: &Option<PathBuf>| found::policies(folder.as_deref().or(settings.policies_dir.as_deref()));
    match what {
        Policy::Check { prompt: Some(prompt), use_, .. } => {
            let decision = decide(&bundle(&None)?, &Facts { prompt, use_: *use_, ..Facts::default() }, SystemClock.now());
            say(&if common.json { serde_json::to_string(&decision)? } else { decision.sentence() });
            Ok(if decision.outcome <= Outcome::AllowWithNotice { ExitCode::SUCCESS } else { ExitCode::from(3) })
        }
        Policy::Check { use_, .. } => {
            let bundle = bundle(&None)?;
            for (n, line) in std::io::stdin().lock().lines().enumerate() {
                let line = line?;
                if line.trim().is_empty() {
                    continue;
                }
                let read: Line = serde_json::from_str(&line)
                    .map_err(|e| anyhow::anyhow!("line {} is not `{{\"prompt\": …}}`: {e}; correct it and start again", n + 1))?;
                say(&short(&read.decide(&bundle, *use_)).to_string());
            }
            Ok(ExitCode::SUCCESS)
        }
        Policy::Test { folder } => {
            let bundle = bundle(folder)?;
            let problems: Vec<_> = bundle.lint().into_iter().chain(bundle.check_cases()).collect();
            print(&problems);
            let (cases, rules) = (bundle.cases(), bundle.policies().map(|p| p.rules.len()).sum::<usize>());
            say(&format!(
                "{} policies, {rules} rules, {} names, {cases} cases, {} problems, bundle {}",
                bundle.policies().len(),
                bundle.names(),
                problems.len(),
                bundle.hash()
            ));
            Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Policy::Lint { folder } => {
            let bundle = bundle(folder)?;
            let (problems, open) = (bundle.lint(), bundle.to_confirm());
            let late = bundle.overdue(SystemClock.now());
            if common.json {
                say(&json!({ "problems": problems, "overdue": late, "to_confirm": open }).to_string());
            } else {
                print(&problems);
                print(&late);
                print(&open);
                say(&format!(
                    "{} problems, {} contacts overdue, {} facts that nobody has confirmed",
                    problems.len(),
                    late.len(),
                    open.len()
                ));
            }
            Ok(if problems.is_empty() && late.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Policy::Diff { old, new, corpus } => {
            let (old, new) = (found::policies(Some(old))?, found::policies(Some(new))?);
            let asked = match corpus {
                Some(file) => read_corpus(file)?,
                None => past(&open(settings).await?).await?,
            };
            let now = SystemClock.now();
            let changed = compare(&old, &new, &asked, now);
            changed.iter().for_each(|c| say(&if common.json { json!(c).to_string() } else { c.to_string() }));
            if !common.json {
                say(&format!("{} of {} answers change from {} to {}", changed.len(), asked.len(), old.hash(), new.hash()));
            }
            Ok(if changed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
        }
        Policy::Listing { folder } => {
            std::io::Write::write_all(&mut std::io::stdout().lock(), bundle(folder)?.listing().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn print(problems: &[Problem]) {
    problems.iter().for_each(|p| say(&p.to_string()));
}

fn read_corpus(file: &std::path::Path) -> anyhow::Result<Vec<Asked>> {
    let text = std::fs::read_to_string(file).map_err(|e| anyhow::anyhow!("can't read `{}`: {e}", file.display()))?;
    let mut asked = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let line: Line = serde_json::from_str(line)
            .map_err(|e| anyhow::anyhow!("line {} of `{}` is not `{{\"prompt\": …}}`: {e}", n + 1, file.display()))?;
        asked.push(Asked {
            name: format!("line {}", n + 1),
            prompt: line.prompt,
            negative: line.negative,
            style: line.style,
            names: [line.title, line.model].into_iter().filter(|n| !n.is_empty()).collect(),
            use_: line.use_.unwrap_or_default(),
        });
    }
    Ok(asked)
}

/// A decision on one line: the outcome, and each rule met with the place in the text that met it (bytes of the UTF-8 form).
fn short(decision: &Decision) -> Value {
    let mut matches = Vec::new();
    for rule in &decision.rules {
        let line =
            json!({ "policy": rule.policy, "rule": rule.rule, "outcome": rule.outcome, "file": rule.file, "line": rule.line });
        for m in rule.matches.iter().filter_map(|&n| decision.matches.get(n)) {
            let mut line = line.clone();
            line["span"] = json!([m.start, m.end]);
            line["words"] = json!(m.words);
            line["surface"] = json!(m.surface);
            line["view"] = json!(m.view);
            matches.push(line);
        }
        if rule.matches.is_empty() {
            matches.push(line);
        }
    }
    json!({ "outcome": decision.outcome, "matches": matches })
}

impl std::fmt::Display for Changed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, use_, before, after, rules_before, rules_after } = self;
        let by = |rules: &[String]| if rules.is_empty() { "no rule".to_owned() } else { rules.join(", ") };
        write!(f, "{name} ({use_}): {before} by {} → {after} by {}", by(rules_before), by(rules_after))
    }
}
