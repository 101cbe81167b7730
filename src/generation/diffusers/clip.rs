//! CLIP's text encoder (Radford et al. 2021), as transformers' `CLIPTextModel` and `CLIPTextModelWithProjection`.

use candle_core::{Result, Tensor, bail};
use colophon_ops::{Activation, Add, Norm, Packed};
use serde::Deserialize;

use super::blocks::{Attention, Here};
use super::folder::Config;
use super::tensors::Tensors;
use crate::generation::weights::Loaded;

/// `text_encoder/config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ClipConfig {
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub max_position_embeddings: usize,
    pub hidden_act: String,
    #[serde(default)]
    pub layer_norm_eps: Option<f64>,
    #[serde(default)]
    pub projection_dim: Option<usize>,
    #[serde(default)]
    pub eos_token_id: Option<u32>,
}

#[derive(Debug)]
struct Block {
    norm1: Norm,
    attention: Attention,
    norm2: Norm,
    wide: Packed,
    narrow: Packed,
}

/// The encoder.
#[derive(Debug)]
pub(super) struct Clip {
    config: ClipConfig,
    here: Here,
    tokens: Tensor,
    positions: Tensor,
    blocks: Vec<Block>,
    norm: Norm,
    projection: Option<Packed>,
    activation: Activation,
}

/// What it says of a prompt.
#[derive(Debug, Clone)]
pub(super) struct Encoded {
    /// After the last block and the last norm: batch × tokens × width.
    pub last: Tensor,
    /// After the last block but one, without that norm.
    pub before_last: Tensor,
    /// The last token's row, projected where the encoder has a projection: batch × width.
    pub pooled: Tensor,
}

impl Encoded {
    /// What it said of one of several prompts.
    pub(super) fn row(&self, n: usize) -> Result<Self> {
        let one = |t: &Tensor| t.narrow(0, n, 1)?.contiguous();
        Ok(Self { last: one(&self.last)?, before_last: one(&self.before_last)?, pooled: one(&self.pooled)? })
    }
}

impl Clip {
    pub(super) fn load(config: &Config<ClipConfig>, w: &mut Tensors) -> Loaded<Self> {
        let c = config.read.clone();
        let activation = match c.hidden_act.as_str() {
            "quick_gelu" => Activation::QuickGelu,
            "gelu" => Activation::Gelu,
            other => return Err(config.wrong(&format!("hidden_act `{other}` is not supported"))),
        };
        if c.num_hidden_layers < 2 || c.num_attention_heads == 0 || !c.hidden_size.is_multiple_of(c.num_attention_heads) {
            return Err(config.wrong("two layers or more are wanted, and a hidden_size that the heads divide"));
        }
        let (width, epsilon) = (c.hidden_size, c.layer_norm_eps.unwrap_or(1e-5));
        // Newer files name the tensors without this.
        let root = if w.has("text_model.final_layer_norm.weight") { "text_model." } else { "" };
        let here = Here::of(w, &format!("{root}embeddings.token_embedding.weight"));
        let tokens = w.take(&format!("{root}embeddings.token_embedding.weight"), &[c.vocab_size, width])?;
        let positions = w.take(&format!("{root}embeddings.position_embedding.weight"), &[c.max_position_embeddings, width])?;
        let mut blocks = Vec::with_capacity(c.num_hidden_layers);
        for i in 0..c.num_hidden_layers {
            let part = |part: &str| format!("{root}encoder.layers.{i}.{part}");
            blocks.push(Block {
                norm1: w.norm(&part("layer_norm1"), width, epsilon)?,
                attention: Attention::load(
                    w,
                    &part("self_attn"),
                    ["q_proj", "k_proj", "v_proj", "out_proj"],
                    (width, width),
                    c.num_attention_heads,
                )?,
                norm2: w.norm(&part("layer_norm2"), width, epsilon)?,
                wide: w.linear(&part("mlp.fc1"), width, c.intermediate_size)?,
                narrow: w.linear(&part("mlp.fc2"), c.intermediate_size, width)?,
            });
        }
        let norm = w.norm(&format!("{root}final_layer_norm"), width, epsilon)?;
        let projection = match c.projection_dim {
            Some(outputs) if w.has("text_projection.weight") => Some(w.linear("text_projection", width, outputs)?),
            _ => None,
        };
        Ok(Self { config: c, here, tokens, positions, blocks, norm, projection, activation })
    }

    /// Tokens that a prompt may have, those at both ends included.
    pub(super) fn length(&self) -> usize {
        self.config.max_position_embeddings
    }

    /// Ids, each prompt's as many, at most [`Clip::length`].
    pub(super) fn encode(&self, ids: &[Vec<u32>]) -> Result<Encoded> {
        let (batch, n) = (ids.len(), ids.first().map_or(0, Vec::len));
        if n == 0 || n > self.length() || ids.iter().any(|row| row.len() != n) {
            bail!(
                "prompts of {:?} tokens, where all have as many, from 1 to {}",
                ids.iter().map(Vec::len).collect::<Vec<_>>(),
                self.length()
            );
        }
        if let Some(odd) = ids.iter().flatten().find(|id| **id as usize >= self.config.vocab_size) {
            bail!("token {odd} is none of the {} that the encoder knows", self.config.vocab_size);
        }
        let flat = Tensor::new(ids.concat(), self.tokens.device())?;
        let width = self.config.hidden_size;
        let x = self.tokens.index_select(&flat, 0)?.reshape((batch, n, width))?;
        let mut h = x.broadcast_add(&self.positions.narrow(0, 0, n)?)?;
        let mut before_last = h.clone();
        for block in &self.blocks {
            before_last = h.clone();
            let normed = block.norm1.rows(&h)?;
            h = block.attention.apply(&normed, &normed, true, &h)?;
            let wide = self.activation.apply(&block.wide.apply(&block.norm2.rows(&h)?, Add::Nothing)?)?;
            h = block.narrow.apply(&wide, Add::Same(&h))?;
        }
        let last = self.norm.rows(&h)?;
        let mut rows = Vec::with_capacity(batch);
        for (b, ids) in ids.iter().enumerate() {
            rows.push(last.get(b)?.get(self.end(ids))?);
        }
        let pooled = Tensor::stack(&rows, 0)?;
        let pooled = match &self.projection {
            Some(layer) => layer.apply(&pooled, Add::Nothing)?,
            None => pooled,
        };
        let give = |x: &Tensor| self.here.give(x);
        Ok(Encoded { last: give(&last)?, before_last: give(&before_last)?, pooled: give(&pooled)? })
    }

    /// Where a prompt ends. Old configurations name 2 as the last token, which it never was: there it is the greatest id.
    fn end(&self, ids: &[u32]) -> usize {
        match self.config.eos_token_id {
            Some(end) if end != 2 => ids.iter().position(|id| *id == end).unwrap_or(0),
            _ => {
                let most = ids.iter().max().copied().unwrap_or(0);
                ids.iter().position(|id| *id == most).unwrap_or(0)
            }
        }
    }
}
