//! `colophon import` and `colophon hash`: registering many works from this machine.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tokio::sync::watch;

use super::{complain, say};
use crate::actions::Instance;
use crate::actions::freeze_dataset::freeze_dataset;
use crate::actions::import_list::{ImportSettings, begin_import, go_on, take_up_import};
use crate::actions::import_works::import_works;
use crate::actions::publish_checkpoint::publish_checkpoint;
use crate::actions::sign_in::{actor_named, local_operator};
use crate::actions::signing::with_key;
use crate::digest::Digest;
use crate::jobs;
use crate::storage::imports::{self, Import as Record, Outcome};
use crate::storage::sources::Source;
use crate::storage::tasks::TaskState;
use crate::works::collection::COLLECTION;
use crate::works::metadata::{Metadata, Property};

/// Flags of `import`.
#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// A list (.csv, .jsonl, Croissant .json), a folder or .zip with one, or a folder of pictures that speak for themselves; also a folder made
    /// by `prepare`
    source: PathBuf,
    /// The list in the folder or archive, when there are several
    #[arg(long, value_name = "NAME")]
    list: Option<String>,
    /// Fill what the list leaves empty from the files' own records
    #[arg(long)]
    from_files: bool,
    /// Sign each registration with the key in this file (`colophon keys`), which is one of the account's
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Author, where a row names none
    #[arg(long, value_name = "NAME", default_value = "")]
    author: String,
    /// Rights holder, where a row names none
    #[arg(long, value_name = "NAME", default_value = "")]
    rights_holder: String,
    /// Licence, where a row names none: SPDX identifier or address
    #[arg(long, value_name = "SPDX", default_value = "")]
    licence: String,
    /// Where its text stands
    #[arg(long, value_name = "URL", default_value = "")]
    licence_url: String,
    /// Where the works were published
    #[arg(long, value_name = "URL", default_value = "")]
    from: String,
    /// The set they belong to
    #[arg(long, value_name = "NAME", default_value = "")]
    collection: String,
    /// What the right to give these licences rests on
    #[arg(long, value_name = "WORDS", default_value = "")]
    evidence: String,
    /// In the name of this account (default: the operator of this machine)
    #[arg(long = "as", value_name = "ACCOUNT")]
    account: Option<String>,
    /// Write what became of each row to a CSV
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Freeze the works as a dataset of this name
    #[arg(long, value_name = "NAME")]
    freeze: Option<String>,
}

/// Flags of `hash`.
#[derive(Debug, clap::Args)]
pub(super) struct Hash {
    /// Files or folders
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

pub(super) async fn run(asked: &Import, instance: Arc<Instance>, as_json: bool) -> anyhow::Result<ExitCode> {
    if asked.source.join(COLLECTION).is_file() && asked.list.is_none() {
        return collection(asked, &instance, as_json).await;
    }
    let actor = match &asked.account {
        None => local_operator(&instance).await?,
        Some(name) => actor_named(&instance, name).await?,
    };
    let instance = match &asked.key {
        Some(file) => Arc::new(with_key(&instance, &actor, vec![super::keys::read(file)?], Vec::new())),
        None => instance,
    };
    let place = std::fs::canonicalize(&asked.source)
        .with_context(|| format!("`{}` can't be read: give a list, a folder or a .zip", asked.source.display()))?;
    let settings = ImportSettings {
        list: asked.list.clone().unwrap_or_default(),
        from_files: asked.from_files,
        author: asked.author.clone(),
        rights_holder: asked.rights_holder.clone(),
        licence: asked.licence.clone(),
        licence_url: asked.licence_url.clone(),
        source: asked.from.clone(),
        collection: asked.collection.clone(),
        evidence: asked.evidence.clone(),
    };
    let begun = match take_up_import(&instance, &actor, &place, &settings).await? {
        Some(import) => {
            complain(&format!("going on with {} after row {}", import.id, import.rows));
            import
        }
        None => {
            let name = place.file_name().map_or_else(|| place.display().to_string(), |n| n.to_string_lossy().into_owned());
            begin_import(&instance, &actor, &name, &place, &settings, true).await?
        }
    };
    // What is staged gets its place in the log while the next rows are read.
    let (stop, stopping) = watch::channel(false);
    let sequencer = tokio::spawn(jobs::sequence::run(Arc::clone(&instance), stopping));
    let interrupted = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&interrupted);
    tokio::spawn(async move {
        if super::serve::signal().await.is_ok() {
            complain("stopping after this batch; the same command goes on from there");
            heard.store(true, Ordering::Relaxed);
        }
    });
    let since = std::time::Instant::now();
    let before = begun.rows;
    let live = std::io::stderr().is_terminal();
    let progress = |import: &Record| {
        if live || import.rows % 10_000 < 500 {
            let rate = rate(import.rows - before, since.elapsed());
            complain(&format!(
                "{} rows, {} registered, {} refused; {rate:.0} rows a second",
                import.rows, import.registered, import.refused
            ));
        }
    };
    let import = go_on(&instance, begun, &|| !interrupted.load(Ordering::Relaxed), &progress).await?;
    let took = since.elapsed();
    let _ = stop.send(true);
    sequencer.await?;
    publish_checkpoint(&instance).await?;
    if let Some(path) = &asked.report {
        report(&instance, &import, path).await?;
    }
    let dataset = match (&asked.freeze, import.state) {
        (Some(name), TaskState::Done) => Some(freeze_dataset(&instance, &actor, name, works(&instance, &import).await?).await?),
        _ => None,
    };
    publish_checkpoint(&instance).await?;
    tell(&import, before, took, as_json, dataset.as_ref());
    Ok(ExitCode::from(u8::from(import.state == TaskState::Failed)))
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(super) fn rate(rows: u64, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64().max(1e-3)
}

fn tell(import: &Record, before: u64, took: Duration, as_json: bool, dataset: Option<&crate::lineage::Dataset>) {
    let rate = rate(import.rows - before, took);
    if as_json {
        say(&json!({
            "import": import.id, "state": import.state.as_str(), "rows": import.rows, "registered": import.registered,
            "known": import.known, "refused": import.refused, "problem": import.problem, "seconds": took.as_secs_f64(),
            "rows_per_second": rate, "dataset": dataset,
        })
        .to_string());
        return;
    }
    if let Some(problem) = &import.problem {
        say(&format!("Stopped after row {}: {problem}", import.rows));
    }
    say(&format!(
        "{} rows: {} registered, {} known before, {} refused, in {:.1} s ({rate:.0} rows a second).",
        import.rows,
        import.registered,
        import.known,
        import.refused,
        took.as_secs_f64()
    ));
    if import.refused > 0 {
        say(&format!("What became of each row: `colophon import … --report FILE`, or /imports/{} in the service.", import.id));
    }
    if let Some(dataset) = dataset {
        say(&format!("Frozen as {}, root {}.", dataset.id, dataset.root));
    }
}

async fn report(instance: &Instance, import: &Record, path: &Path) -> anyhow::Result<()> {
    use std::io::Write as _;
    let file = std::fs::File::create(path).with_context(|| format!("`{}` can't be written", path.display()))?;
    let mut out = std::io::BufWriter::new(file);
    out.write_all(crate::web::api::REPORT_COLUMNS.as_bytes())?;
    let mut after = 0;
    loop {
        let mut tx = instance.store.read().await?;
        let rows = imports::report(&mut tx, import.id, None, after, 5_000).await?;
        let Some(last) = rows.last() else { break };
        after = last.n;
        for row in &rows {
            out.write_all(crate::web::api::report_line(row).as_bytes())?;
        }
    }
    out.flush().with_context(|| format!("`{}` can't be written", path.display()))
}

/// Every work that a row of the import names.
async fn works(instance: &Instance, import: &Record) -> anyhow::Result<Vec<crate::id::WorkId>> {
    let (mut works, mut after) = (Vec::new(), 0);
    loop {
        let mut tx = instance.store.read().await?;
        let rows = imports::report(&mut tx, import.id, None, after, 5_000).await?;
        let Some(last) = rows.last() else { return Ok(works) };
        after = last.n;
        works.extend(rows.iter().filter(|r| r.outcome != Outcome::Refused).filter_map(|r| r.work));
    }
}

/// A folder made by `prepare`.
async fn collection(asked: &Import, instance: &Instance, as_json: bool) -> anyhow::Result<ExitCode> {
    let path = asked.source.join(COLLECTION);
    let archive = std::fs::read(&path).with_context(|| format!("`{}` can't be read", path.display()))?;
    let actor = local_operator(instance).await?;
    let imported = import_works(instance, &actor, archive).await?;
    let works = imported.works.len();
    let dataset = match &asked.freeze {
        Some(name) => Some(freeze_dataset(instance, &actor, name, imported.works).await?),
        None => None,
    };
    publish_checkpoint(instance).await?;
    if as_json {
        say(&json!({ "works": works, "registered": imported.registered, "dataset": dataset }).to_string());
    } else {
        say(&format!("{works} works, {} of them registered now.", imported.registered));
        if let Some(dataset) = dataset {
            say(&format!("Frozen as {}, root {}.", dataset.id, dataset.root));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a row of JSON Lines for each file: its hashes, and what it says of itself. With it works are registered whose files never leave
/// their owner's machine.
pub(super) fn hash(asked: &Hash) -> anyhow::Result<ExitCode> {
    for given in &asked.files {
        if given.is_dir() {
            let (source, _) = Source::open(given).map_err(anyhow::Error::msg)?;
            for name in source.pictures() {
                let name = name.map_err(anyhow::Error::msg)?;
                say(&row(&given.join(&name), &name)?.to_string());
            }
        } else {
            let name = given.file_name().map_or_else(|| given.display().to_string(), |n| n.to_string_lossy().into_owned());
            say(&row(given, &name)?.to_string());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(path: &Path, name: &str) -> anyhow::Result<serde_json::Value> {
    let bytes = std::fs::read(path).with_context(|| format!("`{}` can't be read", path.display()))?;
    let (digest, found) = (Digest::of(&bytes), Metadata::read(&bytes));
    let mut row = json!({ "item": name, "sha256": digest.sha256, "blake3": digest.blake3, "size": digest.len });
    let mut put = |column: &str, value: serde_json::Value| {
        if !value.is_null() && value != json!([]) && value != json!("") {
            row[column] = value;
        }
    };
    put("title", json!(found.first(Property::Title)));
    put("creators", json!(found.creators()));
    put("rights_holder", json!(found.first(Property::RightsHolder)));
    put("tags", json!(found.keywords(40)));
    put("licence", json!(found.licence()));
    put("created", json!(found.first(Property::Created).and_then(crate::works::date_of)));
    Ok(row)
}
