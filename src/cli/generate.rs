//! `colophon generate`: the whole loop without a browser, on the data folder of this machine (a service may run on it meanwhile).

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::{complain, open, say};
use crate::accounts::Actor;
use crate::actions::Instance;
use crate::actions::hand_in::{HandIn, hand_in};
use crate::actions::publish_checkpoint::publish_checkpoint;
use crate::actions::receipt::receipt;
use crate::actions::request_image::{Order, request_image};
use crate::actions::sign_in::local_operator;
use crate::actions::verify_image::{Logged, verify_image};
use crate::config::Settings;
use crate::generation::edit::{Edit, Role};
use crate::id::{InputId, ParentId};
use crate::jobs::{self, generate};
use crate::policy::Use;
use crate::provenance::Format;
use crate::storage;
use crate::storage::files::{self, Access};

/// What to draw.
#[derive(Debug, clap::Args)]
pub(super) struct Generate {
    /// What to draw, in words; an edit may go without
    #[arg(default_value = "", required_unless_present = "edit")]
    prompt: String,
    /// File to write; its ending chooses PNG, JPEG or WebP. The receipt goes beside it, with `.tlog-proof` added
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Chooses noise and works; the same seed gives the same pixels
    #[arg(long)]
    seed: Option<u64>,
    /// Style: fluent, twemoji, noto, …
    #[arg(long)]
    style: Option<String>,
    /// What the picture is for: personal, education, news, commercial, logo or merch
    #[arg(long = "use", default_value = "personal", value_parser = Use::parse)]
    use_: Use,
    /// What to keep away from
    #[arg(long, default_value = "")]
    negative: String,
    /// Steps, 1 to 100
    #[arg(long)]
    steps: Option<u16>,
    /// How strongly words and works are followed, 0 to 10 (models of folders: to 30)
    #[arg(long)]
    guidance: Option<f64>,
    /// How much of the first work to begin with, 0 to below 0.95
    #[arg(long)]
    start: Option<f64>,
    /// A work to draw with, by id, instead of those the words would find; may be given several times
    #[arg(long = "with", value_name = "WORK")]
    with: Vec<crate::id::WorkId>,
    /// A work to do without, by id; may be given several times
    #[arg(long = "without", value_name = "WORK")]
    without: Vec<crate::id::WorkId>,
    /// The model to draw with, by id or name; the embedded one when left out
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// How much of the adapter, 0 to 2
    #[arg(long)]
    strength: Option<f64>,
    /// Sampler, such as euler or dpm-solver-karras, where the model offers some
    #[arg(long, default_value = "")]
    sampler: String,
    /// An adapter to draw with, by id
    #[arg(long, value_name = "MODEL")]
    adapter: Option<crate::id::ModelId>,
    /// Size in pixels, such as 128x128
    #[arg(long, value_name = "WxH")]
    size: Option<String>,
    /// Title of the picture; its first words when left out
    #[arg(long, default_value = "")]
    title: String,
    /// Country in which it is to be used, two capital letters; when left out the rules of every country hold
    #[arg(long, value_name = "COUNTRY")]
    region: Option<String>,
    /// Per cent of the whole that you declare as the machine's; stands in the file
    #[arg(long, value_name = "PERCENT")]
    ai_share: Option<u8>,
    /// Keep the words out of the file: only a commitment stands in it
    #[arg(long)]
    private: bool,
    /// What is done to make it from a picture, or along a sketch: a kind such as `variation` or `levels`, or JSON such as
    /// '{"kind":"resize","width":640,"height":360}'
    #[arg(long, value_name = "EDIT")]
    edit: Option<String>,
    /// The picture to make it from: an image by id, or a file of yours
    #[arg(long, value_name = "IMAGE|FILE", requires = "edit")]
    from: Option<String>,
    /// A sketch to draw along: a file
    #[arg(long, value_name = "FILE", requires = "edit")]
    sketch: Option<PathBuf>,
    /// Which part of the picture is meant: a file, white where it is
    #[arg(long, value_name = "FILE", requires = "edit")]
    mask: Option<PathBuf>,
    /// Also print how long each part took
    #[arg(long)]
    timings: bool,
}

pub(super) async fn run(asked: &Generate, settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let ending = asked.output.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let Some(format) = Format::from_ending(ending) else {
        bail!("`{}` has no ending that names a format: end it with .png, .jpg or .webp", asked.output.display());
    };
    if let Some(folder) = asked.output.parent().filter(|p| !p.as_os_str().is_empty() && !p.is_dir()) {
        bail!("the folder `{}` does not exist: make it first", folder.display());
    }
    let instance = open(settings).await?;
    let actor = local_operator(&instance).await?;
    let (width, height) = match asked.size.as_deref().map(size).transpose()? {
        Some((w, h)) => (Some(w), Some(h)),
        None => (None, None),
    };
    let order = Order {
        prompt: asked.prompt.clone(),
        negative: asked.negative.clone(),
        edit: asked.edit.as_deref().map(read_edit).transpose()?,
        parent: match &asked.from {
            None => None,
            Some(from) => match from.parse() {
                Ok(ParentId::Image(id)) => Some(ParentId::Image(id)),
                _ => Some(ParentId::Input(handed_in(&instance, &actor, Role::Parent, Path::new(from)).await?)),
            },
        },
        sketch: match &asked.sketch {
            Some(file) => Some(handed_in(&instance, &actor, Role::Sketch, file).await?),
            None => None,
        },
        mask: match &asked.mask {
            Some(file) => Some(handed_in(&instance, &actor, Role::Mask, file).await?),
            None => None,
        },
        style: asked.style.clone(),
        use_: asked.use_,
        seed: asked.seed,
        steps: asked.steps,
        guidance: asked.guidance,
        start: asked.start,
        width,
        height,
        with: asked.with.clone(),
        without: asked.without.clone(),
        credit: Vec::new(),
        model: match &asked.model {
            Some(name) => Some(super::model::named(&instance, name).await?),
            None => None,
        },
        adapter: asked.adapter,
        strength: asked.strength,
        sampler: asked.sampler.clone(),
        format: format.ending().to_owned(),
        ai_share: asked.ai_share,
        private: asked.private,
        title: asked.title.clone(),
        region: asked.region.clone(),
        read_as: None,
    };
    let opened = begun.elapsed();
    let engine = {
        let (settings, clock) = (settings.clone(), Arc::clone(&instance.clock));
        tokio::task::spawn_blocking(move || jobs::start_engine(&settings, 1, clock)).await??
    };
    let loaded = begun.elapsed() - opened;
    // Only now: a job is not begun by a program that can't draw.
    let requested = request_image(&instance, &actor, order, Some(generate::lease_end(&instance))).await?;
    let Some((delivered, drawn)) = generate::run(&instance, &engine, &requested.job).await? else {
        let mut tx = instance.store.read().await?;
        let job = storage::jobs::find(&mut tx, requested.job.id).await?.context("the job is gone from the record")?;
        bail!("no picture was made: {}", job.problem.unwrap_or_else(|| format!("the job is {}", job.state)));
    };
    let finishing = Instant::now();
    publish_checkpoint(&instance).await?;
    let mut tx = instance.store.read().await?;
    let proof = receipt(&instance, &mut tx, delivered.statement).await?.context("the statement has no place in the log yet")?;
    drop(tx);
    let log = finishing.elapsed() + delivered.times.record;
    let report = verify_image(&instance, delivered.file.clone()).await?;
    if !report.verdict.is_trusted() || !matches!(report.logged, Logged::Proved { .. }) {
        bail!("the finished file does not verify: {}", report.sentence);
    }
    files::write(&asked.output, &delivered.file, Access::Public)?;
    let beside = receipt_path(&asked.output);
    files::write(&beside, proof.to_string().as_bytes(), Access::Public)?;
    engine.shutdown();
    let total = begun.elapsed();
    let ms = |d: std::time::Duration| (d.as_secs_f64() * 1e5).round() / 100.0;
    let times = json!({
        "total_ms": ms(total), "open_ms": ms(opened), "load_ms": ms(loaded), "choose_ms": ms(drawn.choose), "draw_ms": ms(drawn.draw), "measure_ms": ms(drawn.measure),
        "encode_ms": ms(delivered.times.encode), "sign_ms": ms(delivered.times.sign), "log_ms": ms(log),
        "peak_memory_mib": peak_memory_mib(), "models_held_at_most_mib": engine.held()[1] >> 20,
    });
    if json {
        let licences = report.verdict.claim.as_ref().and_then(|c| c.licences.clone());
        say(&json!({
            "image": delivered.image, "file": asked.output, "receipt": beside, "statement": delivered.statement,
            "seed": requested.job.request["seed"], "sha256": report.digest.sha256, "works": licences.map(|l| l.works),
            "pixels": report.verdict.claim.as_ref().and_then(|c| c.replay.as_ref()).map(|r| r.pixels_blake3),
            "decision": requested.decision.without_prompt(), "verdict": report.sentence, "times": times,
        })
        .to_string());
    } else {
        say(&format!("{}  ({})", asked.output.display(), delivered.image));
        if let Some(licences) = report.verdict.claim.as_ref().and_then(|c| c.licences.as_ref()) {
            say(&licences.credit_line);
            for work in &licences.works {
                say(&format!("  “{}” by {}, {}  {}", work.title, work.author, work.licence, work.work));
            }
        }
        let seed = requested.job.request["seed"].as_str().map(|seed| format!("Seed {seed}. ")).unwrap_or_default();
        say(&format!("{seed}{}", report.sentence));
        if requested.decision.outcome > crate::policy::Outcome::Allow {
            say(&requested.decision.sentence());
        }
        if asked.timings {
            complain(&times.to_string());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the receipt of a file lies: beside it, `.tlog-proof` added.
pub(super) fn receipt_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".tlog-proof");
    PathBuf::from(name)
}

/// A kind, or JSON.
fn read_edit(text: &str) -> anyhow::Result<Edit> {
    let json = if text.trim_start().starts_with('{') { text.to_owned() } else { json!({ "kind": text }).to_string() };
    serde_json::from_str(&json)
        .with_context(|| format!("`{text}` is no edit: name a kind such as `variation`, or give JSON with `kind`"))
}

/// Hands a file of this machine in, as its owner's.
async fn handed_in(instance: &Instance, actor: &Actor, role: Role, file: &Path) -> anyhow::Result<InputId> {
    let bytes = std::fs::read(file).with_context(|| format!("`{}` can't be read", file.display()))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(hand_in(instance, actor, HandIn { role, name, rights: "own".to_owned(), bytes }).await?.id)
}

fn size(text: &str) -> anyhow::Result<(u32, u32)> {
    text.split_once('x')
        .and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)))
        .with_context(|| format!("`{text}` is not a size: write width and height as in 128x128"))
}

/// The most memory this process has held, in MiB, where the system tells.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib / 1024)
}
