//! The variational autoencoder between pixels and latents, as diffusers' `AutoencoderKL` (Rombach et al. 2022, appendix G).

use candle_core::{Result, Tensor};
use colophon_ops::{Add, Convolution, Norm, Packed, Walk};
use serde::Deserialize;

use super::blocks::{Attention, Here, Residual, TO};
use super::folder::Config;
use super::tensors::Tensors;
use crate::generation::weights::Loaded;

const EPSILON: f64 = 1e-6;
/// The network's tensors below the first layers.
const OLD: [&str; 4] = ["query", "key", "value", "proj_attn"];

/// `vae/config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct VaeConfig {
    pub in_channels: usize,
    pub out_channels: usize,
    pub latent_channels: usize,
    pub block_out_channels: Vec<usize>,
    pub layers_per_block: usize,
    #[serde(default)]
    pub norm_num_groups: Option<usize>,
    #[serde(default)]
    pub act_fn: Option<String>,
    #[serde(default)]
    pub scaling_factor: Option<f64>,
    #[serde(default)]
    pub shift_factor: Option<f64>,
    #[serde(default)]
    pub use_quant_conv: Option<bool>,
    #[serde(default)]
    pub use_post_quant_conv: Option<bool>,
    #[serde(default)]
    pub mid_block_add_attention: Option<bool>,
}

#[derive(Debug)]
struct Level {
    residuals: Vec<Residual>,
    resize: Option<Convolution>,
}

#[derive(Debug)]
struct Middle {
    one: Residual,
    attention: Option<(Norm, Attention)>,
    two: Residual,
}

/// One half: encoder or decoder.
#[derive(Debug)]
struct Half {
    first: Convolution,
    levels: Vec<Level>,
    middle: Middle,
    norm: Norm,
    last: Convolution,
}

/// Both halves.
#[derive(Debug)]
pub(super) struct Vae {
    config: VaeConfig,
    here: Here,
    groups: usize,
    encoder: Half,
    decoder: Half,
    quant: Option<Packed>,
    post_quant: Option<Packed>,
}

impl Vae {
    pub(super) fn load(config: &Config<VaeConfig>, w: &mut Tensors) -> Loaded<Self> {
        let c = config.read.clone();
        let groups = c.norm_num_groups.unwrap_or(32);
        if c.block_out_channels.is_empty() || groups == 0 || c.block_out_channels.iter().any(|n| !n.is_multiple_of(groups)) {
            return Err(config.wrong("block_out_channels must be multiples of norm_num_groups, one at least"));
        }
        if c.act_fn.as_deref().is_some_and(|act| act != "silu") {
            return Err(config.wrong("act_fn must be `silu`"));
        }
        let here = Here::of(w, "decoder.conv_in.weight");
        let norm = (groups, EPSILON);
        let levels = c.block_out_channels.len();
        let top = c.block_out_channels[levels - 1];
        let middle = |w: &mut Tensors, name: &str| -> Loaded<Middle> {
            let residual =
                |w: &mut Tensors, j: usize| Residual::load(w, &format!("{name}.mid_block.resnets.{j}"), (top, top), None, norm);
            let attention = if c.mid_block_add_attention.unwrap_or(true) {
                let name = format!("{name}.mid_block.attentions.0");
                let names = if w.has(&format!("{name}.query.weight")) { OLD } else { TO };
                Some((w.norm(&format!("{name}.group_norm"), top, EPSILON)?, Attention::load(w, &name, names, (top, top), 1)?))
            } else {
                None
            };
            Ok(Middle { one: residual(w, 0)?, attention, two: residual(w, 1)? })
        };
        let level =
            |w: &mut Tensors, name: &str, (mut inputs, outputs): (usize, usize), layers: usize| -> Loaded<Vec<Residual>> {
                let mut residuals = Vec::with_capacity(layers);
                for j in 0..layers {
                    residuals.push(Residual::load(w, &format!("{name}.resnets.{j}"), (inputs, outputs), None, norm)?);
                    inputs = outputs;
                }
                Ok(residuals)
            };
        let encoder = {
            let first = w.convolution("encoder.conv_in", c.in_channels, c.block_out_channels[0], 3, Walk::SAME)?;
            let (mut all, mut width) = (Vec::new(), c.block_out_channels[0]);
            for (i, &outputs) in c.block_out_channels.iter().enumerate() {
                let name = format!("encoder.down_blocks.{i}");
                let residuals = level(w, &name, (width, outputs), c.layers_per_block)?;
                // Half the size, with zeros below and to the right alone.
                let walk = Walk { stride: 2, padding: [0, 1] };
                let resize = match i + 1 < levels {
                    true => Some(w.convolution(&format!("{name}.downsamplers.0.conv"), outputs, outputs, 3, walk)?),
                    false => None,
                };
                all.push(Level { residuals, resize });
                width = outputs;
            }
            let norm = w.norm("encoder.conv_norm_out", top, EPSILON)?;
            let last = w.convolution("encoder.conv_out", top, 2 * c.latent_channels, 3, Walk::SAME)?;
            Half { first, levels: all, middle: middle(w, "encoder")?, norm, last }
        };
        let decoder = {
            let first = w.convolution("decoder.conv_in", c.latent_channels, top, 3, Walk::SAME)?;
            let (mut all, mut width) = (Vec::new(), top);
            for (i, &outputs) in c.block_out_channels.iter().rev().enumerate() {
                let name = format!("decoder.up_blocks.{i}");
                let residuals = level(w, &name, (width, outputs), c.layers_per_block + 1)?;
                let resize = match i + 1 < levels {
                    true => Some(w.convolution(&format!("{name}.upsamplers.0.conv"), outputs, outputs, 3, Walk::SAME)?),
                    false => None,
                };
                all.push(Level { residuals, resize });
                width = outputs;
            }
            let norm = w.norm("decoder.conv_norm_out", c.block_out_channels[0], EPSILON)?;
            let last = w.convolution("decoder.conv_out", c.block_out_channels[0], c.out_channels, 3, Walk::SAME)?;
            Half { first, levels: all, middle: middle(w, "decoder")?, norm, last }
        };
        let between = |w: &mut Tensors, wanted: Option<bool>, name: &str, n: usize| match wanted.unwrap_or(true) {
            true => w.pointwise(name, n, n).map(Some),
            false => Ok(None),
        };
        let quant = between(w, c.use_quant_conv, "quant_conv", 2 * c.latent_channels)?;
        let post_quant = between(w, c.use_post_quant_conv, "post_quant_conv", c.latent_channels)?;
        Ok(Self { config: c, here, groups, encoder, decoder, quant, post_quant })
    }

    /// Pixels along one side of a latent's pixel.
    pub(super) fn factor(&self) -> usize {
        1 << (self.config.block_out_channels.len() - 1)
    }

    /// Scaling factor and shift: the network works on (latent − shift) · factor.
    pub(super) fn scaling(&self) -> [f64; 2] {
        [self.config.scaling_factor.unwrap_or(0.18215), self.config.shift_factor.unwrap_or(0.0)]
    }

    /// Latents (batch × height × width × channels, not scaled) → pictures, −1 to 1.
    pub(super) fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let latents = self.here.bring(latents)?;
        let h = match &self.post_quant {
            Some(layer) => layer.apply(&latents, Add::Nothing)?,
            None => latents,
        };
        let half = &self.decoder;
        let mut h = self.middle(&half.middle, half.first.apply(&h, Add::Nothing)?)?;
        for level in &half.levels {
            for residual in &level.residuals {
                h = residual.apply(&h, None)?;
            }
            if let Some(conv) = &level.resize {
                let (_, high, wide, _) = h.dims4()?;
                h = conv.apply_to(&h, [2 * high, 2 * wide], Add::Nothing)?;
            }
        }
        self.here.give(&half.last.apply(&half.norm.groups(&h, self.groups, true)?, Add::Nothing)?)
    }

    /// Pictures, −1 to 1 → mean and logarithm of the variance of their latents, one after the other in the channels.
    pub(super) fn encode(&self, pictures: &Tensor) -> Result<Tensor> {
        let half = &self.encoder;
        let mut h = half.first.apply(&self.here.bring(pictures)?, Add::Nothing)?;
        for level in &half.levels {
            for residual in &level.residuals {
                h = residual.apply(&h, None)?;
            }
            if let Some(conv) = &level.resize {
                h = conv.apply(&h, Add::Nothing)?;
            }
        }
        let h = self.middle(&half.middle, h)?;
        let h = half.last.apply(&half.norm.groups(&h, self.groups, true)?, Add::Nothing)?;
        self.here.give(&match &self.quant {
            Some(layer) => layer.apply(&h, Add::Nothing)?,
            None => h,
        })
    }

    fn middle(&self, middle: &Middle, h: Tensor) -> Result<Tensor> {
        let mut h = middle.one.apply(&h, None)?;
        if let Some((norm, attention)) = &middle.attention {
            let (batch, high, wide, channels) = h.dims4()?;
            let flat = h.reshape((batch, high * wide, channels))?;
            let n = norm.groups(&flat, self.groups, false)?;
            h = attention.apply(&n, &n, false, &flat)?.reshape((batch, high, wide, channels))?;
        }
        middle.two.apply(&h, None)
    }
}
