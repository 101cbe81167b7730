//! `colophon audit`: a log checked, here or anywhere.
//!
//! The audit of a log elsewhere keeps what it saw as a mirror: a folder in the layout of C2SP tlog-tiles, which other tools can check as well.
//! The next visit goes on from there, so a log can't be changed between two visits without showing; what shows is kept as evidence.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::mirror::{Keys, Mirror, Source};
use super::{open, say};
use crate::actions::{Instance, check_log::check_log};
use crate::config::Settings;
use crate::ledger::fsck::{Fsck, Report};
use crate::ledger::proof::root;
use crate::ledger::tile::{TileLevel, TilePath, decode_bundle};
use crate::ledger::tile_reader::{SourceError, TileReader, right_edge_tiles};
use crate::ledger::{Checkpoint, Envelope, Head, Keyring, SignedCheckpoint, Verifier};

/// Bundles that are fetched at once.
const AT_ONCE: u64 = 32;

#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    /// Address of a log, such as https://colophon.example/log, or a folder with its files; without: the log in the data folder
    log: Option<String>,
    /// Folder that keeps what was seen (default: named after the log's address)
    #[arg(long, value_name = "DIR", requires = "log")]
    into: Option<PathBuf>,
    /// The log's key as a C2SP vkey, or a file with it (default: as the service says at the first visit, and the same from then on)
    #[arg(long, value_name = "VKEY", requires = "log")]
    vkey: Option<String>,
    /// The registry's key for statements: 64 hex digits, or a file with them (default: like --vkey)
    #[arg(long, value_name = "KEY", requires = "log")]
    statement_key: Option<String>,
}

pub(super) async fn run(asked: &Audit, settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    match &asked.log {
        None => here(&open(settings).await?, json).await,
        Some(log) => tokio::task::block_in_place(|| elsewhere(asked, log, json)),
    }
}

async fn here(instance: &Instance, json: bool) -> anyhow::Result<ExitCode> {
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

/// What an audit came to.
pub(super) struct Outcome {
    pub(super) origin: String,
    /// The head of the last visit.
    pub(super) before: Option<Head>,
    pub(super) report: Report,
    /// Where two heads that exclude each other were put.
    pub(super) evidence: Option<PathBuf>,
}

fn elsewhere(asked: &Audit, log: &str, json: bool) -> anyhow::Result<ExitCode> {
    let source = Source::new(log);
    let into = asked.into.clone().unwrap_or_else(|| PathBuf::from(format!("{}.audit", source.short_name())));
    let mirror = Mirror::open(&into, source)?;
    let keys = mirror.keys(asked.vkey.as_deref(), asked.statement_key.as_deref())?;
    let outcome = check(&mirror, &keys.verifier, keys.keyring.clone())?;
    let sound = outcome.report.is_sound();
    let Outcome { origin, before, report, evidence } = &outcome;
    let known = before.as_ref().map_or(0, |head| head.size);
    if json {
        say(&serde_json::json!({
            "sound": sound, "origin": origin, "size": report.size, "root": report.root, "new": report.size.saturating_sub(known),
            "problems": report.problems, "evidence": evidence, "mirror": into, "vkey": keys.verifier.to_string(), "first_visit": keys.first_visit,
        })
        .to_string());
        return Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    tell_first_visit(&keys);
    if sound {
        say(&format!("The log {origin} is sound: {} entries, root {}.", report.size, report.root));
        match before {
            Some(before) if before.size < report.size => {
                say(&format!("It goes on from the {known} entries of the last visit: {} are new.", report.size - known));
            }
            Some(_) => say("Nothing is new since the last visit."),
            None => {}
        }
        say(&format!("Mirror: {}", into.display()));
    } else {
        tell_problems(&outcome);
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Keys that were taken over unseen are told.
pub(super) fn tell_first_visit(keys: &Keys) {
    if keys.first_visit {
        say("First visit. Compare these keys with what the operator publishes elsewhere:");
        say(&format!("  {}", keys.verifier));
        say(&format!("  {}", keys.registry));
    }
}

/// What is wrong with a log.
pub(super) fn tell_problems(outcome: &Outcome) {
    say(&format!("The log {} is NOT sound:", outcome.origin));
    outcome.report.problems.iter().for_each(|p| say(&format!("- {p}")));
    if let Some(evidence) = &outcome.evidence {
        say(&format!("This log has FORKED. Both signed heads are in `{}`: show them to others.", evidence.display()));
    }
}

/// Checks everything since the last visit, and takes it into the mirror when it is sound.
pub(super) fn check(mirror: &Mirror, verifier: &Verifier, mut keyring: Keyring) -> anyhow::Result<Outcome> {
    let note = mirror.fetch_checkpoint()?;
    let signed = SignedCheckpoint::parse(&note).context("what the log serves as its checkpoint can't be read")?;
    let new = signed.open(verifier.name(), std::slice::from_ref(verifier)).context("the log's checkpoint is refused")?.clone();
    let new_head = Head { size: new.size, root: new.root };
    let before = mirror.remembered(verifier)?;
    let outcome =
        |report, evidence| Ok(Outcome { origin: new.origin.clone(), before: before.as_ref().map(head), report, evidence });
    let refused = |problem: String| Report { size: new.size, root: new.root, problems: vec![problem] };
    if let Some(old) = before.as_ref().filter(|old| old.size >= new.size) {
        // The same head, or an older one, of which the mirror knows everything.
        let found = mirror_root(mirror, &head(old), new.size)?;
        if found != new.root {
            let evidence = mirror.keep_evidence(&note, new.size)?;
            let problem = format!(
                "a head of {} entries is signed with the root {}, but the log that was seen has {found}",
                new.size, new.root
            );
            return outcome(refused(problem), Some(evidence));
        }
        let mut problems = Vec::new();
        if new.size < old.size {
            problems.push(format!(
                "the log serves a head of {} entries and has signed one of {}: the rest is held back (ask again in a minute; it is no fork)",
                new.size, old.size
            ));
        } else {
            // Is it still there? The right edge and the last bundle, as they are served now.
            let last = new.size.checked_sub(1).and_then(|index| TilePath::at(TileLevel::Entries, index / 256, new.size));
            for path in right_edge_tiles(new.size).into_iter().chain(last) {
                match mirror.fetch(path) {
                    Ok(bytes) if bytes == mirror.kept(path)? => {}
                    Ok(_) => problems.push(format!("`{path}` is served otherwise than it was seen")),
                    Err(e) => problems.push(format!("`{path}` is not served any more: {e:#}")),
                }
            }
        }
        return outcome(Report { size: old.size, root: old.root, problems }, None);
    }
    let served = |path: TilePath| mirror.tile(path).map_err(|e| unavailable(path, &e));
    let mut fsck = Fsck::new(&served, &note, verifier.name(), verifier);
    let from = before.as_ref().map_or(0, |old| old.size);
    if let Some(old) = &before {
        let edge = |path: TilePath| mirror.kept(path).map_err(|e| unavailable(path, &e));
        fsck = fsck.resume(&head(old), &edge).context("the mirror is damaged: remove it and begin anew")?;
    }
    let bar = bar(new.size, from, "entries");
    let mut index = from;
    'log: while index < new.size {
        let last = (index / 256 + AT_ONCE).min(new.size.div_ceil(256));
        let bundles: Vec<TilePath> = (index / 256..last).filter_map(|n| TilePath::at(TileLevel::Entries, n, new.size)).collect();
        let leaves = bundles.iter().filter_map(|b| TilePath::at(TileLevel::Hashes(0), b.index, new.size));
        mirror.fetch_all(&bundles.iter().copied().chain(leaves).collect::<Vec<_>>())?;
        for path in bundles {
            let bytes = mirror.tile(path)?;
            let entries = match decode_bundle(&bytes, path.width) {
                Ok(entries) => entries,
                Err(e) => {
                    fsck.problem(format!("`{path}`: {e}"));
                    break 'log;
                }
            };
            let first = path.index * 256;
            // Those of the last visit again: the same as then.
            if index > first
                && let Some(old) = TilePath::at(TileLevel::Entries, path.index, from)
            {
                let kept = mirror.kept(old)?;
                if !bytes.starts_with(&kept) {
                    fsck.problem(format!("`{path}` does not begin with the entries that were seen there before"));
                }
            }
            for (at, entry) in (first..).zip(entries).skip((index - first) as usize) {
                if fsck.entry(at, entry).is_some()
                    && let Err(e) = Envelope::parse(entry).map_err(Into::into).and_then(|envelope| keyring.admit(at, &envelope))
                {
                    fsck.problem(format!("entry `{at}`: {e}"));
                }
            }
            index = first + u64::from(path.width);
            bar.set_position(index);
        }
    }
    bar.finish_and_clear();
    let report = fsck.finish();
    if report.is_sound() {
        mirror.remember(&note, new.size, &keyring)?;
        return outcome(report, None);
    }
    // Serving wrongly can be made good; two heads that exclude each other can't.
    let forked = match &before {
        // From what is served now, not from what was seen before.
        Some(old) => served_root(&mirror_less(mirror), &new_head, old.size).is_ok_and(|root| root != old.root),
        None => false,
    };
    let evidence = if forked { Some(mirror.keep_evidence(&note, new.size)?) } else { None };
    // As far as it was read: how large a log says it is may be anything.
    mirror.forget_since(from, index.max(from).saturating_add(256 * AT_ONCE).min(new.size));
    outcome(report, evidence)
}

fn head(checkpoint: &Checkpoint) -> Head {
    Head { size: checkpoint.size, root: checkpoint.root }
}

fn unavailable(tile: TilePath, e: &anyhow::Error) -> SourceError {
    SourceError::Unavailable { tile, reason: format!("{e:#}") }
}

/// Tiles as they are served at this moment.
fn mirror_less(mirror: &Mirror) -> impl Fn(TilePath) -> Result<Vec<u8>, SourceError> + Sync + '_ {
    |path: TilePath| mirror.fetch(path).map_err(|e| unavailable(path, &e))
}

/// The root of the first `size` entries of the log in the mirror.
fn mirror_root(mirror: &Mirror, at: &Head, size: u64) -> anyhow::Result<crate::ledger::NodeHash> {
    let kept = |path: TilePath| mirror.kept(path).map_err(|e| unavailable(path, &e));
    served_root(&kept, at, size).context("the mirror is damaged: remove it and begin anew")
}

/// The root of the first `size` entries of a log, from tiles that lead to its head.
fn served_root(
    tiles: &(impl Fn(TilePath) -> Result<Vec<u8>, SourceError> + Sync),
    at: &Head,
    size: u64,
) -> anyhow::Result<crate::ledger::NodeHash> {
    let reader = TileReader::open(tiles, at.size, at.root)?;
    Ok(root(size, &reader)?)
}

/// Shown where somebody looks on.
pub(super) fn bar(total: u64, from: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(total).with_position(from);
    let template = format!("{{wide_bar}} {{human_pos}} of {{human_len}} {what}, {{per_sec}}, {{eta}} left");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}

/// A key given as text or as a file with it.
pub(super) fn text_or_file(given: &str) -> anyhow::Result<String> {
    let text = if Path::new(given).is_file() {
        std::fs::read_to_string(given).with_context(|| format!("can't read `{given}`"))?
    } else {
        given.to_owned()
    };
    let text = text.trim().to_owned();
    if text.is_empty() {
        bail!("`{given}` holds no key");
    }
    Ok(text)
}
