//! `colophon model …`: models from elsewhere, added, listed, and their files checked.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::json;

use super::{Common, complain, open, say};
use crate::actions::Instance;
use crate::actions::drawn_with::{licence_verdict, models_here};
use crate::actions::publish_checkpoint::publish_checkpoint;
use crate::actions::register_model::{Added, look_through, register_folder, register_lora};
use crate::actions::sign_in::local_operator;
use crate::config::Settings;
use crate::generation::FolderModel;
use crate::generation::diffusers::compare::{How, check, compare};
use crate::id::ModelId;
use crate::lineage::ModelCard;
use crate::policy::Use;
use crate::storage;

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Model {
    /// Add a model: a folder in the layout of diffusers, an id of the Hugging Face Hub such as `OWNER/NAME`, or an adapter's file
    Add(Add),
    /// List the models that are registered: what can be drawn with here, for what, and what is known of their training
    List,
    /// Load every part of a model in the folder layout of diffusers: each tensor's shape and numbers are checked
    Check {
        /// Folder with `model_index.json`
        folder: PathBuf,
        /// Compare with what another implementation answered: a record as `tests/parity/make.py` writes it
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
        /// Greatest difference, by the greatest number of an answer
        #[arg(long, default_value_t = 1e-3)]
        within: f64,
        /// All products in f32, also where the processor has a faster way that is right to five places
        #[arg(long)]
        plain: bool,
        /// Layers composed of plain operations, as they are on a device
        #[arg(long, conflicts_with = "plain")]
        composed: bool,
        /// Threads to compute on
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
        threads: u16,
        /// A low-rank adapter (LoRA) that is added first; whether it fits is checked too
        #[arg(long, value_name = "FILE")]
        lora: Option<PathBuf>,
    },
}

/// Flags of `add`.
#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// The folder, the id, or the adapter's safetensors file
    what: String,
    /// Its card: a file, or the name of one that comes with the program; found by the hashes of its files when left out
    #[arg(long, value_name = "FILE|NAME")]
    card: Option<String>,
    /// For an adapter (LoRA): the model it belongs to, by id or name
    #[arg(long, value_name = "MODEL")]
    base: Option<String>,
    /// Licence of its weights: an SPDX identifier, or a `LicenseRef-…` of the rule table
    #[arg(long, value_name = "LICENCE")]
    licence: Option<String>,
    /// Who made it
    #[arg(long, value_name = "WHO")]
    maker: Option<String>,
    /// Title for people
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Name of its folder
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// `check`: needs no data folder.
pub(super) fn check_only(common: &Common, command: &Model) -> Option<anyhow::Result<ExitCode>> {
    matches!(command, Model::Check { .. }).then(|| run_check(common, command))
}

/// The other commands.
pub(super) async fn run(settings: &Settings, common: &Common, command: &Model) -> anyhow::Result<ExitCode> {
    let instance = open(settings).await?;
    match command {
        Model::Add(asked) => add(&instance, settings, common, asked).await,
        Model::List => list(&instance, common).await,
        Model::Check { .. } => run_check(common, command),
    }
}

/// A registered model, by its id or the name of its folder.
pub(super) async fn named(instance: &Instance, text: &str) -> anyhow::Result<ModelId> {
    if let Ok(id) = ModelId::parse(text) {
        return Ok(id);
    }
    let mut tx = instance.store.read().await?;
    let all = storage::models::all(&mut tx).await?;
    let found = all.into_iter().rev().find(|r| r.model.base.is_none() && r.model.card.name == text);
    let found = found.with_context(|| format!("no model is called `{text}`: `colophon model list` names all"))?;
    Ok(found.model.id)
}

async fn add(instance: &Instance, settings: &Settings, common: &Common, asked: &Add) -> anyhow::Result<ExitCode> {
    let actor = local_operator(instance).await?;
    let given = match &asked.card {
        None => None,
        Some(card) if Path::new(card).is_file() => {
            let text = std::fs::read_to_string(card).with_context(|| format!("the card `{card}` can't be read"))?;
            // A line end tells a card from a name.
            Some(format!("{text}\n"))
        }
        Some(name) => Some(name.clone()),
    };
    let path = Path::new(&asked.what);
    let said = |card: &mut ModelCard| {
        let fields = [
            (&asked.licence, &mut card.licence),
            (&asked.maker, &mut card.maker),
            (&asked.title, &mut card.title),
            (&asked.name, &mut card.name),
        ];
        fields.into_iter().filter_map(|(said, field)| Some((said.clone()?, field))).for_each(|(said, field)| *field = said);
    };
    let (added, card) = if let Some(base) = &asked.base {
        let base = named(instance, base).await?;
        let mut card = match given {
            Some(text) => ModelCard::parse(&text).map_err(anyhow::Error::msg).context("the card can't be read")?,
            None => lora_card(path),
        };
        said(&mut card);
        (register_lora(instance, &actor, base, card.clone(), path).await?, card)
    } else {
        let folder = match path.is_dir() {
            true => path.to_owned(),
            false => fetch(&asked.what, settings)?,
        };
        let mut found = tokio::task::block_in_place(|| look_through(&folder, given.as_deref()))?;
        said(&mut found.card);
        if found.known {
            complain(&format!("These are the files of {}.", found.card.title));
        }
        (register_folder(instance, &actor, &folder, &found.card).await?, found.card)
    };
    publish_checkpoint(instance).await?;
    tell(common, &added, &card);
    Ok(ExitCode::SUCCESS)
}

/// What is known of an adapter without a card: nothing.
fn lora_card(path: &Path) -> ModelCard {
    let title = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    ModelCard {
        name: "adapter".to_owned(),
        title,
        version: "1.0.0".to_owned(),
        architecture: "low-rank additions (LoRA)".to_owned(),
        summary: "Nothing is known of this adapter but its file.".to_owned(),
        training: "Nothing is known of its training.".to_owned(),
        unknown: "On what it was trained, by whom those works were made, and under which licences.".to_owned(),
        ..ModelCard::default()
    }
}

fn tell(common: &Common, added: &Added, card: &ModelCard) {
    let (personal, sold) = (licence_verdict(card, Use::Personal), licence_verdict(card, Use::Commercial));
    if common.json {
        say(&json!({
            "model": added.id, "new": added.new, "title": card.title, "licence": card.licence,
            "personal": personal, "commercial": sold, "files": card.files,
        })
        .to_string());
        return;
    }
    say(&format!("{} “{}”: {}", if added.new { "Registered" } else { "Registered before:" }, card.title, added.id));
    let licence = if card.licence.is_empty() { "unknown" } else { &card.licence };
    say(&format!("Licence {licence}: {}.", personal.reason));
    for (use_, verdict) in [("personal use", &personal), ("commercial use", &sold)] {
        let duties: Vec<&str> = verdict.duties.iter().map(|duty| duty.sentence()).collect();
        let answer = if verdict.permits() { "may draw" } else { "may not draw" };
        let owed = if duties.is_empty() { String::new() } else { format!(": {}", duties.join("; ")) };
        say(&format!("  {use_}: {answer}{owed}"));
    }
    if !card.unknown.is_empty() {
        say(&format!("Not known: {}", card.unknown));
    }
}

async fn list(instance: &Instance, common: &Common) -> anyhow::Result<ExitCode> {
    let mut tx = instance.store.read().await?;
    let here = models_here(instance, &mut tx).await?;
    for record in storage::models::all(&mut tx).await? {
        let (model, licence) = (&record.model, licence_verdict(&record.model.card, Use::Personal));
        let found = here.iter().find(|with| with.model().id == model.id);
        if common.json {
            say(&json!({
                "id": model.id, "name": model.card.name, "title": model.card.title, "version": model.card.version,
                "licence": model.card.licence, "base": model.base, "draws_here": found.is_some(), "permits": licence.permits(),
                "training_data_documented": !model.datasets.is_empty(),
            })
            .to_string());
            continue;
        }
        let place = match (found, model.base) {
            (_, Some(base)) => format!("adapter of {base}"),
            (Some(with), _) => format!("draws here, {}x{}", with.offer.image[0], with.offer.image[1]),
            (None, None) => "not on this machine".to_owned(),
        };
        let licence = if model.card.licence.is_empty() { "licence unknown" } else { &model.card.licence };
        let training = if model.datasets.is_empty() { "training data not documented" } else { "training data on record" };
        say(&format!("{}  {} ({})", model.id, model.card.title, model.card.name));
        say(&format!("    {place} · {licence} · {training}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Fetches a model's folder from the Hugging Face Hub; what is there already is not fetched again.
fn fetch(id: &str, settings: &Settings) -> anyhow::Result<PathBuf> {
    let well = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if id.split('/').count() != 2 || !id.split('/').all(well) {
        bail!("`{id}` is neither a folder nor an id of the Hugging Face Hub such as OWNER/NAME");
    }
    complain(&format!("Asking the Hugging Face Hub for {id}."));
    let offline = |e: &dyn std::fmt::Display| {
        anyhow::anyhow!(
            "{id} can't be fetched from the Hugging Face Hub ({e}): look whether this machine reaches huggingface.co and the model is \
             public, or fetch its folder elsewhere and name that: colophon model add DIR"
        )
    };
    let api = hf_hub::api::sync::ApiBuilder::new().with_cache_dir(settings.data_dir.join("hub")).build();
    let repo = api.map_err(|e| offline(&e))?.model(id.to_owned());
    let all: Vec<String> = repo.info().map_err(|e| offline(&e))?.siblings.into_iter().map(|s| s.rfilename).collect();
    let wanted = wanted(&all);
    if !wanted.iter().any(|name| name == "model_index.json") {
        bail!("{id} is no model in the folder layout of diffusers: it has no `model_index.json`");
    }
    let mut folder = None;
    for name in &wanted {
        let path = repo.get(name).map_err(|e| offline(&e))?;
        if name == "model_index.json" {
            folder = path.parent().map(Path::to_owned);
        }
    }
    folder.with_context(|| format!("{id} was fetched to no folder"))
}

/// The files that are drawn with, of all that a repository holds: weights in f32 where there are, else those in f16.
fn wanted(all: &[String]) -> Vec<String> {
    let weights = |name: &str, half: bool| {
        let plain = ["non_ema", "flax", "onnx", "openvino", "bf16"].iter().all(|odd| !name.contains(odd));
        let kind = name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json");
        plain && kind && name.contains("fp16") == half
    };
    let small = |name: &str| {
        ["model_index.json", "scheduler/scheduler_config.json"].contains(&name)
            || name.split_once('/').is_some_and(|(part, file)| match part {
                "tokenizer" | "tokenizer_2" => ["vocab.json", "merges.txt", "tokenizer_config.json"].contains(&file),
                "text_encoder" | "text_encoder_2" | "unet" | "transformer" | "vae" => file == "config.json",
                _ => false,
            })
    };
    let mut out: Vec<String> = all.iter().filter(|name| small(name)).cloned().collect();
    for part in ["text_encoder", "text_encoder_2", "unet", "transformer", "vae"] {
        let of = |half: bool| -> Vec<String> {
            let inside =
                |name: &&String| name.split_once('/').is_some_and(|(folder, file)| folder == part && weights(file, half));
            all.iter().filter(inside).cloned().collect()
        };
        let whole = of(false);
        out.extend(if whole.is_empty() { of(true) } else { whole });
    }
    out
}

fn run_check(common: &Common, command: &Model) -> anyhow::Result<ExitCode> {
    let Model::Check { folder, against, within, plain, composed, threads, lora } = command else {
        bail!("this is no check");
    };
    // A card beside the index says what each file must hash to.
    if let Ok(text) = std::fs::read_to_string(folder.join("model.toml")) {
        let card = ModelCard::parse(&text).map_err(anyhow::Error::msg).context("the card `model.toml` can't be read")?;
        let files = card.files.iter().map(|file| (file.name.clone(), file.sha256)).collect();
        FolderModel::check_hashes(folder, files)?;
        if !common.json {
            say(&format!("{} files are those that the card of “{}” names", card.files.len(), card.title));
        }
    }
    let how = How { plain: *plain, composed: *composed, threads: usize::from(*threads), lora: lora.clone() };
    let Some(record) = against else {
        for (part, numbers) in check(folder, &how)? {
            match common.json {
                true => say(&json!({ "part": part, "numbers": numbers }).to_string()),
                false => say(&format!("{part}: whole, {numbers} numbers")),
            }
        }
        return Ok(ExitCode::SUCCESS);
    };
    let all = compare(folder, record, &how)?;
    anyhow::ensure!(!all.is_empty(), "`{}` records nothing of this model; make it with tests/parity/make.py", record.display());
    let mut far = 0;
    for one in &all {
        let near = one.relative <= *within;
        far += usize::from(!near);
        let took = one.took.as_secs_f64();
        match common.json {
            true => {
                say(&json!({ "name": one.name, "shape": one.shape, "relative": one.relative, "near": near, "seconds": took })
                    .to_string())
            }
            false => say(&format!(
                "{} {:.1e}  {:.3} s  {:?}  {}",
                if near { "ok " } else { "FAR" },
                one.relative,
                took,
                one.shape,
                one.name
            )),
        }
    }
    if !common.json {
        say(&format!("{} answers, {far} further than {within:e}", all.len()));
    }
    Ok(if far == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_repository_the_files_that_are_drawn_with_are_wanted() {
        let all: Vec<String> = [
            "README.md",
            "model_index.json",
            "scheduler/scheduler_config.json",
            "tokenizer/vocab.json",
            "tokenizer/merges.txt",
            "tokenizer/special_tokens_map.json",
            "unet/config.json",
            "unet/diffusion_pytorch_model.safetensors",
            "unet/diffusion_pytorch_model.fp16.safetensors",
            "unet/diffusion_pytorch_model.non_ema.safetensors",
            "unet/diffusion_pytorch_model.bin",
            "vae/config.json",
            "vae/diffusion_pytorch_model.fp16.safetensors",
            "safety_checker/model.safetensors",
            "v1-5-pruned.safetensors",
        ]
        .map(str::to_owned)
        .to_vec();
        let wanted = wanted(&all);
        let some =
            ["unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.fp16.safetensors", "tokenizer/vocab.json"];
        assert!(some.iter().all(|name| wanted.iter().any(|w| w == name)), "{wanted:?}");
        assert_eq!(wanted.len(), 8, "{wanted:?}");
    }
}
