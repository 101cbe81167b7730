//! The command line: arguments in, text or JSON out, an exit code that says what happened.
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done; for `verify`: trusted (and, where a log was asked, logged) |
//! | 1 | something failed; the message says what to do |
//! | 2 | the arguments can't be understood |
//! | 3 | the policy does not allow it |
//! | 10–18 | `verify`: see `verify::code` |

mod adapt;
mod audit;
mod doctor;
mod erase;
mod generate;
mod import;
mod keys;
mod licence;
mod likeness;
mod mirror;
mod model;
mod policy;
mod prepare;
mod rebuild;
mod replay;
mod reserve;
mod serve;
mod train;
mod trust;
mod verify;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::actions::{self, Instance};
use crate::chance::SystemChance;
use crate::clock::SystemClock;
use crate::config::Settings;

#[derive(Debug, Parser)]
#[command(
    name = "colophon",
    version,
    about = "Pictures that say from which works, under which licences and by whose words they were made"
)]
struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Folder for database, blobs and keys
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address and port the service answers on
    #[arg(long, global = true, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Settings file (default: colophon.toml in this folder, if there is one)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the service
    Serve,
    /// Draw what a service is asked for, in a process beside it: on another device, or on a machine that shares its data folder and database
    Work,
    /// Prepare data folder and database, and leave (`serve` does this by itself)
    Init,
    /// Make a picture: checked, drawn, signed, logged and verified, without a browser
    Generate(generate::Generate),
    /// Draw delivered images again and compare them with their records
    Replay(replay::Replay),
    /// Render drawings of other packages into a collection of works
    Prepare(prepare::Prepare),
    /// Register many works: a list, a folder, an archive
    Import(import::Import),
    /// Print hashes and records of files, as a list to import without them
    Hash(import::Hash),
    /// Keep what a site says of its works: tdmrep.json, Content-Usage, RSL, robots.txt
    Reserve(reserve::Reserve),
    /// Freeze works as a dataset: a list of them, or what a query finds
    Freeze(train::Freeze),
    /// Train a model on a frozen dataset
    Train(train::Train),
    /// What pictures are compared with
    #[command(subcommand)]
    Likeness(likeness::Likeness),
    /// Train an adapter on 10 to 30 works of your own
    Adapt(adapt::Adapt),
    /// Check a file: is it what it claims, and is it in the log?
    Verify(verify::Verify),
    /// Print what others need to check our files
    #[command(subcommand)]
    Trust(trust::Trust),
    /// Ask the cultural policy, or test its files
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Models from elsewhere: add, list, check their files
    #[command(subcommand)]
    Model(model::Model),
    /// Keys of one's own, in files: make, add, end
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Ask what licences allow
    #[command(subcommand)]
    Licence(licence::Licence),
    /// Check a log, here or elsewhere: every entry, tile and signature, and that it goes on from what was seen before
    Audit(audit::Audit),
    /// Make the public tables again from the log alone: here, or (`--from`) in an empty data folder and database
    Rebuild(rebuild::Rebuild),
    /// Erase what is private: words, what was handed in, an account; commitments and proofs stay
    #[command(subcommand)]
    Erase(erase::Erase),
    /// Show every setting and look for what is wrong
    Doctor,
}

impl Common {
    fn settings(&self) -> anyhow::Result<Settings> {
        let mut flags = Vec::new();
        if let Some(dir) = &self.data_dir {
            flags.push(("data_dir", dir.display().to_string()));
        }
        if let Some(listen) = &self.listen {
            flags.push(("listen", listen.clone()));
        }
        Ok(Settings::load(self.config.as_deref(), &flags)?)
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let json = args.common.json;
    match run(args) {
        Ok(code) => code,
        Err(e) => {
            let denied = matches!(e.downcast_ref::<actions::Error>(), Some(actions::Error::Denied(_)));
            if json {
                let mut problem = serde_json::json!({ "error": e.to_string() });
                if let Some(actions::Error::Denied(decision)) = e.downcast_ref::<actions::Error>() {
                    problem["decision"] = serde_json::to_value(decision).unwrap_or_default();
                }
                say(&problem.to_string());
            } else {
                complain(&format!("colophon: {e:#}"));
            }
            ExitCode::from(if denied { 3 } else { 1 })
        }
    }
}

fn run(args: Args) -> anyhow::Result<ExitCode> {
    let common = args.common;
    // Checking a file needs no data folder and no service.
    if let Command::Verify(verify) = args.command {
        return verify::run(&verify, &common);
    }
    if let Command::Prepare(prepare) = args.command {
        return prepare::run(&prepare, common.json);
    }
    if let Command::Model(what) = &args.command
        && let Some(checked) = model::check_only(&common, what)
    {
        return checked;
    }
    if let Command::Licence(what) = &args.command {
        return Ok(licence::run(what, common.json));
    }
    if let Command::Keys(what) = &args.command
        && let Some(done) = keys::without_instance(what, common.json)
    {
        return done;
    }
    if let Command::Hash(hash) = &args.command {
        return import::hash(hash);
    }
    let settings = common.settings()?;
    if matches!(args.command, Command::Train(_) | Command::Adapt(_) | Command::Likeness(likeness::Likeness::Train(_))) {
        train::prepare_process()?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match args.command {
            Command::Serve => serve::run(settings, &common).await,
            Command::Init => serve::init(&settings, common.json).await,
            Command::Generate(generate) => generate::run(&generate, &settings, common.json).await,
            Command::Replay(replay) => replay::run(&replay, &settings, common.json).await,
            Command::Trust(what) => trust::run(what, &open(&settings).await?),
            Command::Policy(what) => policy::run(&what, &settings, &common).await,
            Command::Import(import) => import::run(&import, Arc::new(open(&settings).await?), common.json).await,
            Command::Reserve(reserve) => reserve::run(&reserve, &open(&settings).await?, common.json).await,
            Command::Freeze(freeze) => train::freeze(&freeze, &open(&settings).await?, common.json).await,
            Command::Train(train) => train::run(&train, &open(&settings).await?, common.json).await,
            Command::Likeness(what) => likeness::run(&what, &open(&settings).await?, common.json).await,
            Command::Adapt(adapt) => adapt::run(&adapt, &settings, common.json).await,
            Command::Work => serve::work(settings).await,
            Command::Model(what) => model::run(&settings, &common, &what).await,
            Command::Audit(audit) => audit::run(&audit, &settings, common.json).await,
            Command::Keys(what) => keys::run(&what, &common).await,
            Command::Rebuild(rebuild) => rebuild::run(&rebuild, &settings, common.json).await,
            Command::Erase(what) => erase::run(what, &open(&settings).await?, common.json).await,
            Command::Doctor => doctor::run(&settings, common.json).await,
            Command::Verify(_) | Command::Prepare(_) | Command::Licence(_) | Command::Hash(_) => Ok(ExitCode::SUCCESS),
        }
    })
}

async fn open(settings: &Settings) -> anyhow::Result<Instance> {
    Ok(Instance::open(settings, Arc::new(SystemClock), Arc::new(SystemChance)).await?)
}

/// Prints a line. A reader that went away is no failure.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a line for people beside the output.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
