//! `colophon serve`: the service, until it is told to stop. The one place that wires everything together.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing_subscriber::EnvFilter;

use super::{Common, open, say};
use crate::actions::Instance;
use crate::actions::sign_in::setup_link;
use crate::config::Settings;
use crate::generation::{Engine, Health};
use crate::{embedded, jobs, storage, web};

/// How long running requests and jobs have to end after a signal.
const GRACE: Duration = Duration::from_secs(10);

/// Prepares everything that the service needs.
pub(super) async fn init(settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let instance = open(settings).await?;
    let mut tx = instance.store.read().await?;
    let (works, authors) = storage::works::totals(&mut tx).await?;
    if json {
        say(&serde_json::json!({ "works": works, "authors": authors, "log_origin": instance.site.log_origin }).to_string());
    } else {
        say(&format!("Ready: {works} works by {authors} authors are registered in {}.", instance.site.log_origin));
    }
    Ok(ExitCode::SUCCESS)
}

/// The first start in a process of its own: what importing thousands of works takes in memory is given back whole when that ends, and the
/// service begins small.
async fn first_start(common: &Common) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("can't tell where this program is")?;
    let mut command = tokio::process::Command::new(program);
    for (flag, value) in [("--data-dir", common.data_dir.as_deref()), ("--config", common.config.as_deref())] {
        if let Some(value) = value {
            command.arg(flag).arg(value);
        }
    }
    if let Some(listen) = &common.listen {
        command.arg("--listen").arg(listen);
    }
    let status =
        command.arg("init").stdout(std::process::Stdio::null()).status().await.context("can't prepare the first start")?;
    anyhow::ensure!(status.success(), "the first start failed; what is wrong is said above");
    Ok(())
}

pub(super) async fn run(settings: Settings, common: &Common) -> anyhow::Result<ExitCode> {
    log(&settings)?;

    // The port first: a second service must not touch the data before it learns that there is a first.
    let listener = TcpListener::bind(settings.listen).await.with_context(|| {
        format!(
            "can't listen on {}: choose another address with --listen or COLOPHON_LISTEN, or stop what uses it",
            settings.listen
        )
    })?;
    let address = listener.local_addr()?;
    if !settings.models_dir.join(embedded::MODEL).exists() {
        first_start(common).await?;
    }
    let instance = Arc::new(open(&settings).await?);
    let engine = {
        let (settings, clock) = (settings.clone(), Arc::clone(&instance.clock));
        tokio::task::spawn_blocking(move || jobs::start_engine(&settings, settings.queue, clock)).await??
    };
    let (stop, stopping) = watch::channel(false);
    let worker = draw(&settings, &instance, &engine, &stopping);
    let sequencer = tokio::spawn(jobs::sequence::run(Arc::clone(&instance), stopping.clone()));

    let importer = tokio::spawn(jobs::import::run(Arc::clone(&instance), stopping.clone()));

    let policies = tokio::spawn(jobs::policies::run(Arc::clone(&instance), stopping.clone()));

    let eraser = tokio::spawn(jobs::erase::run(Arc::clone(&instance), stopping.clone()));

    let hub = settings.hub_key.as_deref().map(|key| jobs::hub::Hub::new(&settings.hub_url, key));
    let hub = tokio::spawn(jobs::hub::run(Arc::clone(&instance), hub, stopping.clone()));

    let health = engine.health();
    let state = web::State {
        instance: Arc::clone(&instance),
        max_upload: settings.max_upload,
        max_import: settings.max_import,
        health: Arc::new(move || match &*health.borrow() {
            Health::Ready | Health::Shaken(_) => None,
            Health::Down(cause) => Some(format!("the engine is out of order: {cause}")),
            Health::Stopped => Some("the engine was shut down".to_owned()),
        }),
    };
    let app = web::router(state);
    say(&format!("Colophon is ready on http://{address}"));
    if let Some(secret) = setup_link(&instance).await? {
        say("Nobody can sign in yet. Make the operator's account with this one-time link:");
        say(&format!("  http://{address}/setup/{}", secret.reveal()));
    }
    let mut told = stopping.clone();
    let served = axum::serve(listener, app).with_graceful_shutdown(async move {
        let _ = told.wait_for(|stop| *stop).await;
    });
    let served = tokio::spawn(async move { served.await });
    signal().await?;
    tracing::info!("stopping");
    let _ = stop.send(true);
    let ended = async {
        let _ = tokio::join!(served, worker, sequencer, importer, policies, eraser, hub);
    };
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        tracing::warn!("some requests did not end in time; what they had not committed is not kept");
    }
    tokio::task::spawn_blocking(move || engine.shutdown()).await?;
    instance.store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Starts to draw what this process is to draw.
fn draw(settings: &Settings, instance: &Arc<Instance>, engine: &Engine, stopping: &watch::Receiver<bool>) -> JoinHandle<()> {
    match jobs::which(settings.draws) {
        Some(which) => tokio::spawn(jobs::worker::run(Arc::clone(instance), engine.clone(), which, stopping.clone())),
        None => tokio::spawn(async {}),
    }
}

/// `colophon work`: draws beside a service, until it is told to stop.
pub(super) async fn work(settings: Settings) -> anyhow::Result<ExitCode> {
    log(&settings)?;
    anyhow::ensure!(
        jobs::which(settings.draws).is_some(),
        "the setting `draws` is `none`, and a worker that draws nothing has nothing to do: choose all, embedded or added"
    );
    let instance = Arc::new(open(&settings).await?);
    let engine = {
        let (settings, clock) = (settings.clone(), Arc::clone(&instance.clock));
        tokio::task::spawn_blocking(move || jobs::start_engine(&settings, 1, clock)).await??
    };
    let (stop, stopping) = watch::channel(false);
    let worker = draw(&settings, &instance, &engine, &stopping);
    // Whoever asks is told by the service; what this worker delivers must reach the log all the same when the service is down.
    let sequencer = tokio::spawn(jobs::sequence::run(Arc::clone(&instance), stopping.clone()));
    say(&format!("Drawing on {} for {}", engine.info().device, instance.site.log_origin));
    signal().await?;
    tracing::info!("stopping");
    let _ = stop.send(true);
    if tokio::time::timeout(GRACE, async { tokio::join!(worker, sequencer) }).await.is_err() {
        tracing::warn!("a picture did not end in time; another worker goes on with it");
    }
    tokio::task::spawn_blocking(move || engine.shutdown()).await?;
    instance.store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Begins to log as the settings say.
fn log(settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.log_filter)
        .with_context(|| format!("setting `log_filter` can't be `{}`", settings.log_filter))?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    if settings.log_json {
        log.json().init()
    } else {
        log.init()
    }
    Ok(())
}

/// Until someone asks the program to stop.
pub(super) async fn signal() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => {}
            done = tokio::signal::ctrl_c() => done?,
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}
