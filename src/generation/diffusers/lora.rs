//! Low-rank adapters (LoRA, Hu et al. 2021): for some of a model's matrices a product of two thin ones that is added to it when it is loaded.
//!
//! Three ways to name them are read: diffusers' and PEFT's (`unet.….to_q.lora_A.weight`), kohya's (`lora_unet_…_to_q.lora_down.weight`), and
//! kohya's for XL, which counts blocks as the first code of Stable Diffusion did (`lora_unet_input_blocks_4_1_…`).

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor};
use colophon_ops::Precision;

use super::folder::Folder;
use super::tensors::{Onto, Tensors};
use crate::generation::weights::{LoadError, Loaded, first_line};

/// Highest rank that is read.
const RANK: usize = 1024;

/// Endings of the first and of the second matrix.
const DOWN: [&str; 4] = [".lora_A.weight", ".lora_A.default.weight", ".lora.down.weight", ".lora_down.weight"];
const UP: [&str; 4] = [".lora_B.weight", ".lora_B.default.weight", ".lora.up.weight", ".lora_up.weight"];

/// An adapter's file.
#[derive(Debug)]
pub(in crate::generation) struct Lora {
    file: String,
    pairs: BTreeMap<String, Pair>,
}

/// The change of one matrix.
#[derive(Debug, Default)]
struct Pair {
    down: Option<Tensor>,
    up: Option<Tensor>,
    alpha: Option<f64>,
}

/// What is added to one tensor: a product that is computed when it is added, since all of them together can be as large as the model.
#[derive(Debug)]
pub(super) struct Change {
    down: Tensor,
    up: Tensor,
    scale: f64,
}

impl Change {
    /// Adds it.
    pub(super) fn add_to(&self, numbers: &mut [f32]) -> candle_core::Result<()> {
        let added = (self.up.matmul(&self.down)? * self.scale)?.flatten_all()?.to_vec1::<f32>()?;
        numbers.iter_mut().zip(added).for_each(|(number, added)| *number += added);
        Ok(())
    }
}

/// Kinds of adapters that are something else.
const OTHERS: [(&str, &str); 5] = [
    ("hada_", "a LoHa"),
    ("lokr_", "a LoKr"),
    ("dora_scale", "a DoRA"),
    ("lora_magnitude_vector", "a DoRA"),
    ("lora_mid", "a LoRA in Tucker form"),
];

/// What older files call the layers of a text encoder's attention.
const OLD: [(&str, &str); 4] = [
    (".self_attn.to_q.", ".self_attn.q_proj."),
    (".self_attn.to_k.", ".self_attn.k_proj."),
    (".self_attn.to_v.", ".self_attn.v_proj."),
    (".self_attn.to_out.", ".self_attn.out_proj."),
];

impl Lora {
    /// Reads an adapter's file; `file` names it in messages.
    pub(in crate::generation) fn read(file: &str, bytes: &[u8]) -> Loaded<Self> {
        let malformed = |cause: String| LoadError::Malformed { file: file.to_owned(), cause };
        let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu).map_err(|e| malformed(first_line(&e)))?;
        let mut pairs: BTreeMap<String, Pair> = BTreeMap::new();
        for (name, tensor) in tensors {
            if let Some((_, kind)) = OTHERS.iter().find(|(mark, _)| name.contains(mark)) {
                return Err(malformed(format!("`{name}` belongs to {kind}, and only plain LoRA is read")));
            }
            let tensor = tensor.to_dtype(DType::F32).map_err(|e| malformed(format!("`{name}`: {}", first_line(&e))))?;
            let flat: Vec<f32> = tensor.flatten_all().and_then(|t| t.to_vec1()).map_err(|e| malformed(first_line(&e)))?;
            if flat.iter().any(|x| !x.is_finite()) {
                return Err(LoadError::NotFinite { file: file.to_owned(), tensor: name });
            }
            // Older files of diffusers name the layer in its processor, or a linear layer beside it.
            let name = name.replace("_lora.down.weight", ".lora.down.weight").replace("_lora.up.weight", ".lora.up.weight");
            let name = name.replace(".processor.to_out.", ".to_out.0.").replace(".processor.", ".");
            let name = name.replace(".lora_linear_layer.", ".lora.");
            let name = OLD.iter().fold(name, |name, (old, new)| name.replace(old, new));
            let of = |endings: &[&str]| endings.iter().find_map(|ending| name.strip_suffix(ending)).map(str::to_owned);
            if let Some(base) = of(&DOWN) {
                pairs.entry(base).or_default().down = Some(tensor);
            } else if let Some(base) = of(&UP) {
                pairs.entry(base).or_default().up = Some(tensor);
            } else if let Some(base) = name.strip_suffix(".alpha") {
                pairs.entry(base.to_owned()).or_default().alpha = flat.first().map(|x| f64::from(*x));
            } else {
                return Err(malformed(format!("`{name}` is no part of a LoRA: fetch the adapter itself, not a whole model")));
            }
        }
        if pairs.is_empty() {
            return Err(malformed("it holds no matrix".to_owned()));
        }
        Ok(Self { file: file.to_owned(), pairs })
    }

    /// Whether the adapter fits a model: each of its matrices must have a place in one of the parts, and its shape.
    pub(in crate::generation) fn fits(&self, folder: &Folder) -> Loaded<()> {
        let mut found: Vec<String> = Vec::new();
        for part in folder.parts.keys().filter(|part| prefixes(part).is_some()) {
            let tensors = Tensors::open(&folder.weights(part)?, Onto::processor(Precision::F32))?;
            for (base, tensor, shape) in self.places(part, &tensors) {
                self.pairs.get(&base).map_or(Ok(()), |pair| self.fit(pair, &base, &tensor, &shape).map(drop))?;
                found.push(base);
            }
        }
        match self.pairs.keys().find(|base| !found.contains(base)) {
            Some(base) => {
                Err(LoadError::Adapter { file: self.file.clone(), cause: format!("the model has no place for `{base}`") })
            }
            None => Ok(()),
        }
    }

    /// What is added to the tensors of a part, `strength` times.
    pub(super) fn changes(&self, part: &str, tensors: &Tensors, strength: f32) -> Loaded<HashMap<String, Change>> {
        let mut changes = HashMap::new();
        for (base, tensor, shape) in self.places(part, tensors) {
            let Some(pair) = self.pairs.get(&base) else { continue };
            let (down, up, rank) = self.fit(pair, &base, &tensor, &shape)?;
            let scale = pair.alpha.unwrap_or(rank as f64) / rank as f64 * f64::from(strength);
            changes.insert(tensor, Change { down, up, scale });
        }
        Ok(changes)
    }

    /// The matrices that lie in a part: key here, tensor there, its shape.
    fn places(&self, part: &str, tensors: &Tensors) -> Vec<(String, String, Vec<usize>)> {
        let mut out = Vec::new();
        for (name, shape) in tensors.shapes() {
            let Some(layer) = name.strip_suffix(".weight") else { continue };
            if let Some(base) = names(part, layer).into_iter().find(|name| self.pairs.contains_key(name)) {
                out.push((base, name.to_owned(), shape.to_vec()));
            }
        }
        out
    }

    /// Both matrices, as rank × inputs and outputs × rank, and the rank.
    fn fit(&self, pair: &Pair, base: &str, tensor: &str, shape: &[usize]) -> Loaded<(Tensor, Tensor, usize)> {
        let (Some(down), Some(up)) = (&pair.down, &pair.up) else {
            return Err(LoadError::Missing { file: self.file.clone(), tensor: format!("{base} (one of its two matrices)") });
        };
        let inputs: usize = shape.iter().skip(1).product();
        let rank = down.dims().first().copied().unwrap_or(0);
        let fits = (1..=RANK).contains(&rank)
            && down.elem_count() == rank * inputs
            && up.dims().first() == shape.first()
            && up.elem_count() == shape.first().copied().unwrap_or(0) * rank;
        if !fits {
            let cause = format!("`{base}` of {:?} and {:?} does not fit `{tensor}` of {shape:?}", down.dims(), up.dims());
            return Err(LoadError::Adapter { file: self.file.clone(), cause });
        }
        let flat = |x: &Tensor, rows: usize| x.reshape((rows, x.elem_count() / rows));
        match (flat(down, rank), flat(up, shape[0])) {
            (Ok(down), Ok(up)) => Ok((down, up, rank)),
            (Err(e), _) | (_, Err(e)) => Err(LoadError::Adapter { file: self.file.clone(), cause: first_line(&e) }),
        }
    }
}

/// What names of a part's layers begin with in adapters: diffusers' way, and kohya's. `None`: adapters change no such part.
fn prefixes(part: &str) -> Option<(&'static [&'static str], &'static [&'static str])> {
    match part {
        "unet" => Some((&["unet.", "base_model.model.", ""], &["lora_unet_"])),
        "transformer" => Some((&["transformer.", "base_model.model.", ""], &["lora_transformer_", "lora_unet_"])),
        "text_encoder" => Some((&["text_encoder."], &["lora_te_", "lora_te1_"])),
        "text_encoder_2" => Some((&["text_encoder_2."], &["lora_te2_"])),
        _ => None,
    }
}

/// All names that a layer of a part may have in an adapter.
fn names(part: &str, layer: &str) -> Vec<String> {
    let Some((dotted, flat)) = prefixes(part) else { return Vec::new() };
    let mut layers = vec![layer.to_owned()];
    if part.starts_with("text_encoder") && !layer.starts_with("text_model.") {
        layers.push(format!("text_model.{layer}"));
    }
    let mut all = Vec::new();
    for layer in &layers {
        all.extend(dotted.iter().map(|prefix| format!("{prefix}{layer}")));
        let joined = layer.replace('.', "_");
        all.extend(flat.iter().map(|prefix| format!("{prefix}{joined}")));
        if part == "unet" {
            // Blocks of the first code, of two layers each, as XL has them.
            all.extend(counted(layer).map(|counted| format!("lora_unet_{}", counted.replace('.', "_"))));
        }
    }
    all
}

/// A layer's name as the first code of Stable Diffusion has it: blocks counted through, two layers on the way down and three on the way up.
fn counted(layer: &str) -> Option<String> {
    const DOWN: usize = 3;
    let mut parts = layer.splitn(5, '.');
    let (way, first) = (parts.next()?, parts.next()?);
    if way == "mid_block" {
        let (kind, rest) = (first, parts.collect::<Vec<_>>());
        let (at, rest) = rest.split_first()?;
        let at: usize = at.parse().ok()?;
        return match kind {
            "resnets" => Some(format!("middle_block.{}.{}", 2 * at, residual(&rest.join(".")))),
            "attentions" => Some(format!("middle_block.1.{}", rest.join("."))),
            _ => None,
        };
    }
    let block: usize = first.parse().ok()?;
    let (kind, at) = (parts.next()?, parts.next()?);
    let rest = parts.next()?;
    let at: usize = at.parse().ok()?;
    match (way, kind) {
        ("down_blocks", "resnets") => Some(format!("input_blocks.{}.0.{}", 1 + DOWN * block + at, residual(rest))),
        ("down_blocks", "attentions") => Some(format!("input_blocks.{}.1.{rest}", 1 + DOWN * block + at)),
        ("down_blocks", "downsamplers") => Some(format!("input_blocks.{}.0.op", DOWN * (block + 1))),
        ("up_blocks", "resnets") => Some(format!("output_blocks.{}.0.{}", DOWN * block + at, residual(rest))),
        ("up_blocks", "attentions") => Some(format!("output_blocks.{}.1.{rest}", DOWN * block + at)),
        ("up_blocks", "upsamplers") => Some(format!("output_blocks.{}.2.conv", DOWN * block + 2)),
        _ => None,
    }
}

/// A layer of a residual block as the first code has it.
fn residual(rest: &str) -> String {
    let known = [
        ("conv1", "in_layers.2"),
        ("time_emb_proj", "emb_layers.1"),
        ("conv2", "out_layers.3"),
        ("conv_shortcut", "skip_connection"),
    ];
    known.iter().find(|(ours, _)| *ours == rest).map_or(rest, |(_, theirs)| theirs).to_owned()
}
