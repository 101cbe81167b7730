//! A model in a folder, seen from outside: of which files it consists, what it offers, and what it is called in a request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::folder::{Folder, INDEX, json};
use super::lora::Lora;
use super::mmdit::MmditConfig;
use super::parts::numbers;
use super::unet::UNetConfig;
use super::vae::VaeConfig;
use crate::digest::Sha256Hash;
use crate::generation::config::{ModelConfig, NetworkSizes, PictureSizes};
use crate::generation::scheduler::{Method, Sampler, ScheduleConfig};
use crate::generation::weights::{LoadError, Loaded};
use crate::id::ModelId;

/// Longest side of a picture, in pixels.
const LONGEST: u32 = 2048;
/// Shortest.
const SHORTEST: u32 = 64;

/// Which family a folder's model belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Stable Diffusion 1.x and 2.x: one text encoder.
    StableDiffusion,
    /// Stable Diffusion XL: two.
    Xl,
    /// Stable Diffusion 3 and 3.5: a flow.
    Flow,
}

impl Family {
    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::StableDiffusion => "latent diffusion, U-Net with one text encoder (Rombach et al. 2022)",
            Self::Xl => "latent diffusion, U-Net with two text encoders (Podell et al. 2023)",
            Self::Flow => "rectified flow transformer (Esser et al. 2024), drawn without its third text encoder",
        }
    }

    pub(super) fn of(folder: &Folder, file: &Path) -> Loaded<Self> {
        let class = |part: &str| folder.parts.get(part).map(String::as_str);
        match (class("unet"), class("transformer"), class("text_encoder_2")) {
            (Some("UNet2DConditionModel"), _, None) => Ok(Self::StableDiffusion),
            (Some("UNet2DConditionModel"), _, Some(_)) => Ok(Self::Xl),
            (_, Some("SD3Transformer2DModel"), Some(_)) => Ok(Self::Flow),
            (unet, transformer, _) => Err(LoadError::Malformed {
                file: file.display().to_string(),
                cause: format!(
                    "its network is `{}`, and Stable Diffusion 1.5, 2.1, XL, 3 and 3.5 are drawn with",
                    unet.or(transformer).unwrap_or("none")
                ),
            }),
        }
    }

    /// The folders that are needed, the tokens of each encoder before it.
    pub(super) const fn parts(self) -> &'static [&'static str] {
        match self {
            Self::StableDiffusion => &["tokenizer", "text_encoder", "unet", "vae", "scheduler"],
            Self::Xl => &["tokenizer", "text_encoder", "tokenizer_2", "text_encoder_2", "unet", "vae", "scheduler"],
            Self::Flow => &["tokenizer", "text_encoder", "tokenizer_2", "text_encoder_2", "transformer", "vae", "scheduler"],
        }
    }

    /// The folder of the network.
    pub(super) const fn network(self) -> &'static str {
        match self {
            Self::StableDiffusion | Self::Xl => "unet",
            Self::Flow => "transformer",
        }
    }
}

/// A model that lies in a folder, as a request names it.
#[derive(Debug, Clone, PartialEq)]
pub struct FolderModel {
    /// Which model.
    pub id: ModelId,
    /// For people.
    pub title: String,
    /// Where it lies.
    pub folder: PathBuf,
    /// What its card says its files hash to, by path in the folder.
    pub files: BTreeMap<String, Sha256Hash>,
    /// What it offers.
    pub offer: ModelConfig,
}

/// What a card may say of how to draw with a model, where its folder does not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Usual {
    /// Steps.
    pub steps: Option<u16>,
    /// Guidance.
    pub guidance: Option<f32>,
    /// Sampler.
    pub sampler: Option<String>,
}

/// A file of a model: path in its folder, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// With `/`.
    pub name: String,
    /// `index`, `config`, `tokens` or `weights`.
    pub role: &'static str,
}

#[derive(Deserialize)]
struct Sample {
    #[serde(default)]
    sample_size: Option<usize>,
}

/// What the model in a folder offers, read from its configurations alone; `checked` where the card's hashes are to hold.
fn offer_of(folder: &Folder, path: &Path, usual: &Usual) -> Loaded<ModelConfig> {
    let family = Family::of(folder, &path.join(INDEX))?;
    let vae = folder.config::<VaeConfig>("vae", "config.json")?;
    let factor = 1usize << vae.read.block_out_channels.len().saturating_sub(1).min(6);
    let sample = folder.config::<Sample>(family.network(), "config.json")?;
    // A latent is cut into patches, and half as large at each level of the network: where that does not come out even, pictures get worse.
    let patch = match family {
        Family::Flow => folder.config::<MmditConfig>("transformer", "config.json")?.read.patch_size,
        _ => {
            folder.config::<UNetConfig>("unet", "config.json")?;
            1
        }
    };
    let of = u32::try_from((factor * patch).max(8)).unwrap_or(8);
    let side = u32::try_from(sample.read.sample_size.unwrap_or(64) * factor).unwrap_or(LONGEST);
    let side = (side / of * of).clamp(SHORTEST, LONGEST);
    let schedule = folder.config::<ScheduleConfig>("scheduler", "scheduler_config.json")?;
    // PNDM is a multistep walk like DPM-Solver++ (2M), which stands for it.
    let own = Method::of_class(&schedule.read.class_name).unwrap_or(Method::DpmSolver);
    let own = Sampler { method: own, karras: schedule.read.use_karras_sigmas };
    let samplers = match family {
        Family::Flow => vec![Sampler { method: Method::FlowEuler, karras: false }],
        _ => {
            let first = match &usual.sampler {
                Some(name) => Sampler::parse(name).filter(|s| s.method != Method::FlowEuler).ok_or_else(|| {
                    schedule.wrong(&format!("`{name}`, which the card names as usual, is no sampler of this model"))
                })?,
                None => own,
            };
            std::iter::once(first).chain(Sampler::discrete().filter(|other| *other != first)).collect()
        }
    };
    let (steps, guidance) = match family {
        Family::StableDiffusion => (25, 7.5),
        Family::Xl => (30, 5.0),
        Family::Flow => (28, 7.0),
    };
    let config = ModelConfig {
        architecture: family.title().to_owned(),
        network: NetworkSizes::Folder(family),
        works_per_prompt: 0,
        image: [side, side],
        sizes: PictureSizes::Multiples { of, least: SHORTEST, most: LONGEST },
        steps: usual.steps.unwrap_or(steps),
        guidance: usual.guidance.unwrap_or(guidance),
        guidance_most: 30.0,
        start: 0.0,
        strides: false,
        negative: true,
        samplers,
        styles: Vec::new(),
    };
    if !(1..=100).contains(&config.steps) || !(0.0..=config.guidance_most).contains(&config.guidance) {
        return Err(schedule.wrong("the steps or the guidance that the card names as usual are out of range"));
    }
    Ok(config)
}

impl FolderModel {
    /// What the model in a folder offers. Reads its configurations, each checked against `files`; of the weights nothing.
    pub fn offer(folder: &Path, files: BTreeMap<String, Sha256Hash>, usual: &Usual) -> Loaded<ModelConfig> {
        offer_of(&Folder::open_checked(folder, files)?, folder, usual)
    }

    /// The files that a model in a folder consists of, in order of name, and how many millions of numbers its weights have; whatever else lies
    /// there is none of the model.
    pub fn describe(folder: &Path) -> Loaded<(Vec<NamedFile>, u64)> {
        let opened = Folder::open(folder)?;
        let family = Family::of(&opened, &folder.join(INDEX))?;
        offer_of(&opened, folder, &Usual::default())?;
        let mut files = vec![NamedFile { name: INDEX.to_owned(), role: "index" }];
        let mut count = 0;
        for part in family.parts() {
            let mut add = |name: &str, role| files.push(NamedFile { name: format!("{part}/{name}"), role });
            if part.starts_with("tokenizer") {
                super::tokens::Tokens::read(&opened, part)?;
                ["vocab.json", "merges.txt"].iter().for_each(|name| add(name, "tokens"));
                if opened.part(part).join("tokenizer_config.json").is_file() {
                    add("tokenizer_config.json", "tokens");
                }
                continue;
            }
            if *part == "scheduler" {
                add("scheduler_config.json", "config");
                continue;
            }
            add("config.json", "config");
            let weights = opened.weights(part)?;
            for file in &weights {
                add(&file.file_name().unwrap_or_default().to_string_lossy(), "weights");
            }
            let stem = if part.starts_with("text_encoder") { "model" } else { "diffusion_pytorch_model" };
            let index = format!("{stem}.safetensors.index.json");
            if opened.part(part).join(&index).is_file() {
                add(&index, "config");
            }
            count += numbers(&opened, part)?;
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((files, count / 1_000_000))
    }

    /// Whether an adapter fits the model: every matrix must have its place and shape. `name` is the adapter's, for messages.
    pub fn check_adapter(&self, name: &str, bytes: &[u8]) -> Loaded<()> {
        Lora::read(name, bytes)?.fits(&Folder::open_checked(&self.folder, self.files.clone())?)
    }

    /// Whether every file of a folder is the one that its card names; all of them are read.
    pub fn check_hashes(folder: &Path, files: BTreeMap<String, Sha256Hash>) -> Loaded<()> {
        let opened = Folder::open_checked(folder, files.clone())?;
        files.keys().try_for_each(|name| opened.checked(&folder.join(name)))
    }
}

/// `scheduler_config.json` of a folder.
pub(super) fn schedule(folder: &Folder) -> Loaded<ScheduleConfig> {
    let path = folder.part("scheduler").join("scheduler_config.json");
    folder.checked(&path)?;
    json(&path)
}
