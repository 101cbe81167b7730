//! `colophon rebuild`: the public tables made again, in place from the log in the database, or from a log that is kept elsewhere into an empty
//! data folder and database.
//!
//! From elsewhere the log is audited first, into a mirror, and nothing is written before all of it was found sound. Then its entries go in, a
//! few thousand in each transaction, with everything they say; then files that everyone may read; at last the signed head. What broke off goes
//! on when it is begun again. With the log's keys the new instance goes on as the log, without them it is a copy to be read.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::json;

use super::audit::{bar, check, tell_first_visit, tell_problems};
use super::import::rate;
use super::mirror::{Mirror, Source};
use super::{open, say};
use crate::actions::Instance;
use crate::actions::rebuild::rebuild;
use crate::actions::refill::{Refill, has_keys, keep_files, put_in_embedded};
use crate::config::Settings;
use crate::storage::Store;
use crate::storage::blobs::{Blobs, Missing, missing_of_images, missing_of_works};
use crate::storage::files::{self, Access};

/// Bundles of entries in one transaction: 4,096 statements.
const BUNDLES: u64 = 16;
/// Files that are fetched before they are kept.
const FILES: u32 = 32;
/// Files that are only counted at a time.
const COUNTED: u32 = 5_000;

#[derive(Debug, clap::Args)]
pub(super) struct Rebuild {
    /// Fill an empty data folder and database from this log: its address, such as https://colophon.example/log, or a folder with its files
    #[arg(long, value_name = "URL|DIR")]
    from: Option<String>,
    /// Folder with the log's keys, copied into the data folder, to go on as the log (default: those that lie there, if any do)
    #[arg(long, value_name = "DIR", requires = "from")]
    key_dir: Option<PathBuf>,
    /// Folder that keeps what was seen, as `audit` does (default: named after the log's address)
    #[arg(long, value_name = "DIR", requires = "from")]
    into: Option<PathBuf>,
    /// The log's key as a C2SP vkey, or a file with it (default: as the service says at the first visit, and the same from then on)
    #[arg(long, value_name = "VKEY", requires = "from")]
    vkey: Option<String>,
    /// The registry's key for statements: 64 hex digits, or a file with them (default: like --vkey)
    #[arg(long, value_name = "KEY", requires = "from")]
    statement_key: Option<String>,
    /// Folder of blobs, such as a backup's, where files are looked for before the service is asked
    #[arg(long, value_name = "DIR", requires = "from")]
    blobs: Option<PathBuf>,
    /// Bring no files but those of the works inside the program
    #[arg(long, requires = "from", conflicts_with = "blobs")]
    no_blobs: bool,
}

pub(super) async fn run(asked: &Rebuild, settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    match &asked.from {
        None => in_place(&open(settings).await?, json).await,
        Some(log) => from_log(asked, log, settings, json).await,
    }
}

async fn in_place(instance: &Instance, json: bool) -> anyhow::Result<ExitCode> {
    let since = Instant::now();
    let applied = rebuild(instance).await?;
    let took = since.elapsed();
    let rate = rate(applied, took);
    if json {
        say(&json!({ "applied": applied, "seconds": took.as_secs_f64(), "per_second": rate }).to_string());
    } else {
        let seconds = took.as_secs_f64();
        say(&format!("The public tables were made again from {applied} statements in {seconds:.1} s, {rate:.0} a second."));
    }
    Ok(ExitCode::SUCCESS)
}

/// What came of the files.
#[derive(Debug, Default)]
struct Brought {
    /// Works inside the program.
    inside: u64,
    /// From the folder or the service.
    fetched: u64,
    /// Named by a row and not to be had.
    missing: u64,
    /// Why, of the first of them.
    why: Option<String>,
}

async fn from_log(asked: &Rebuild, log: &str, settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let source = Source::new(log);
    let into = asked.into.clone().unwrap_or_else(|| PathBuf::from(format!("{}.audit", source.short_name())));
    let mirror = Mirror::open(&into, source)?;
    let keys = tokio::task::block_in_place(|| mirror.keys(asked.vkey.as_deref(), asked.statement_key.as_deref()))?;
    if let Some(folder) = &asked.key_dir {
        ensure!(has_keys(folder, &keys.verifier, &keys.registry)?, "there are no keys in `{}`", folder.display());
    }
    let own_keys = settings.data_dir.join("keys");
    has_keys(&own_keys, &keys.verifier, &keys.registry)?;
    files::writable_folder(&settings.data_dir)?;
    let store = Store::open(&settings.database_url).await?;
    let mut refill = Refill::begin(&store, &keys.verifier, keys.keyring.afresh()).await?;
    let blob_folder = settings.data_dir.join("blobs");
    if refill.there() == 0 {
        let left = std::fs::read_dir(&blob_folder).is_ok_and(|mut entries| entries.next().is_some());
        ensure!(!left, "the data folder is not empty: files lie in `{}`; choose another data_dir", blob_folder.display());
    }

    let since = Instant::now();
    let outcome = tokio::task::block_in_place(|| check(&mirror, &keys.verifier, keys.keyring.clone()))?;
    if !outcome.report.is_sound() {
        if json {
            say(&json!({ "sound": false, "origin": outcome.origin, "problems": outcome.report.problems, "evidence": outcome.evidence })
                .to_string());
        } else {
            tell_problems(&outcome);
            say("Nothing was written.");
        }
        return Ok(ExitCode::FAILURE);
    }
    let audited = since.elapsed();

    let since = Instant::now();
    let size = outcome.report.size;
    let taken = fill(&mut refill, &mirror, size).await;
    taken.with_context(|| format!("broke off at entry {}; nothing of an entry is half there", refill.taken()))?;
    let took = since.elapsed();

    let blobs = Blobs::folder(&blob_folder)?;
    let mut brought = Brought { inside: put_in_embedded(&store, &blobs, &settings.models_dir).await?, ..Brought::default() };
    let ask_service = mirror.has_service() && !asked.no_blobs;
    bring(&store, &blobs, asked.blobs.as_deref(), ask_service.then_some(&mirror), &mut brought).await?;

    if let Some(folder) = &asked.key_dir {
        take_over(folder, &own_keys)?;
    }
    let goes_on = has_keys(&own_keys, &keys.verifier, &keys.registry)?;
    refill.finish(&mirror.kept_checkpoint()?, &own_keys).await?;
    store.close().await;

    if json {
        say(&json!({
            "origin": outcome.origin, "size": size, "root": outcome.report.root, "statements": size,
            "audit_seconds": audited.as_secs_f64(), "seconds": took.as_secs_f64(), "per_second": rate(size, took),
            "files": { "inside": brought.inside, "fetched": brought.fetched, "missing": brought.missing, "why": brought.why },
            "goes_on": goes_on, "mirror": into, "vkey": keys.verifier.to_string(), "first_visit": keys.first_visit,
        })
        .to_string());
    } else {
        tell_first_visit(&keys);
        say(&format!("The log {} is sound: {size} entries, root {}.", outcome.origin, outcome.report.root));
        tell(size, audited, took, &brought, goes_on);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(size: u64, audited: Duration, took: Duration, brought: &Brought, goes_on: bool) {
    say(&format!(
        "{size} statements in {:.1} s, {:.0} a second, after {:.1} s of checking.",
        took.as_secs_f64(),
        rate(size, took),
        audited.as_secs_f64()
    ));
    say(&format!(
        "Files: {} inside the program, {} brought from elsewhere, {} not to be had.",
        brought.inside, brought.fetched, brought.missing
    ));
    if let Some(why) = &brought.why {
        say(&format!("  The first of those: {why}."));
    }
    if goes_on {
        say(
            "The log's keys are here: `colophon serve` goes on with it. Nobody else may do so with the same keys, or the log forks.",
        );
    } else {
        say(
            "The log's keys are not here: this is a reading copy. Put its folder `keys` into the data folder and `colophon serve` goes on.",
        );
    }
    say("Accounts, words of prompts and what waited in queues are in no log: they do not come back.");
}

/// The entries of the mirror go in.
async fn fill(refill: &mut Refill, mirror: &Mirror, size: u64) -> anyhow::Result<()> {
    let bar = bar(size, 0, "statements");
    let bundles = size.div_ceil(256);
    let mut from = 0;
    while from < bundles {
        let to = (from + BUNDLES).min(bundles);
        let entries = tokio::task::block_in_place(|| mirror.entries(from..to, size))?;
        refill.append(&entries).await?;
        bar.set_position(refill.taken());
        from = to;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Brings the files that public rows name: from a folder of blobs, then from the service.
async fn bring(
    store: &Store,
    blobs: &Blobs,
    folder: Option<&Path>,
    service: Option<&Mirror>,
    brought: &mut Brought,
) -> anyhow::Result<()> {
    let limit = if folder.is_some() || service.is_some() { FILES } else { COUNTED };
    for images in [false, true] {
        let mut after = String::new();
        loop {
            let mut tx = store.read().await?;
            let missing = if images {
                missing_of_images(&mut tx, &after, limit).await?
            } else {
                missing_of_works(&mut tx, &after, limit).await?
            };
            drop(tx);
            let Some(last) = missing.last() else { break };
            after.clone_from(&last.id);
            let all = missing.len() as u64;
            let (found, why) = tokio::task::block_in_place(|| look(missing, images, folder, service));
            let had = found.len() as u64;
            let kept = keep_files(store, blobs, found).await?;
            brought.fetched += kept;
            brought.missing += all - kept;
            let other = (kept < had).then(|| "a file is not the one that its row names".to_owned());
            brought.why = brought.why.take().or(why).or(other);
        }
    }
    Ok(())
}

/// Looks for files; those found, and why the first of the others was not.
fn look(
    missing: Vec<Missing>,
    images: bool,
    folder: Option<&Path>,
    service: Option<&Mirror>,
) -> (Vec<(Missing, Vec<u8>)>, Option<String>) {
    let (mut found, mut rest, mut why) = (Vec::new(), Vec::new(), None);
    for one in missing {
        let name = one.blake3.to_string();
        match folder.and_then(|folder| std::fs::read(folder.join(&name[..2]).join(&name)).ok()) {
            Some(bytes) => found.push((one, bytes)),
            None => rest.push(one),
        }
    }
    let Some(service) = service else { return (found, why) };
    let path = |one: &Missing| match images {
        true => format!("api/v1/images/{}/file", one.id),
        false => format!("api/v1/works/{}/picture", one.id),
    };
    let paths: Vec<String> = rest.iter().map(path).collect();
    for (one, answer) in rest.into_iter().zip(service.public_files(&paths)) {
        match answer {
            Ok(bytes) => found.push((one, bytes)),
            Err(e) => why = why.or_else(|| Some(format!("{e:#}"))),
        }
    }
    (found, why)
}

/// Copies the log's keys into the data folder. What lies there already must be the same.
fn take_over(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut copied = Vec::new();
    for entry in std::fs::read_dir(from).with_context(|| format!("can't read `{}`", from.display()))? {
        let path = entry?.path();
        let Some(name) = path.file_name().filter(|_| path.is_file()) else { continue };
        let target = to.join(name);
        let bytes = std::fs::read(&path).with_context(|| format!("can't read `{}`", path.display()))?;
        match std::fs::read(&target) {
            Ok(there) if there == bytes => {}
            // The head that was signed last, as an earlier try took it over.
            Ok(_) if name == "signed-head" => {}
            Ok(_) => bail!("`{}` is another file than `{}`: empty the data folder", target.display(), path.display()),
            Err(_) => copied.push((target, bytes)),
        }
    }
    for (target, bytes) in copied {
        let secret = target.extension().is_some_and(|ending| ending == "key");
        files::write(&target, &bytes, if secret { Access::Private } else { Access::Public })?;
    }
    Ok(())
}
