//! The network of Stable Diffusion 1.5, 2.1 and XL: a U of residual blocks with attention to the words (Rombach et al. 2022; Podell et al.
//! 2023), as diffusers' `UNet2DConditionModel`. A time for each picture of a batch, so that pictures at different steps can share one.

use candle_core::{Result, Tensor, bail};
use colophon_ops::{Activation, Add, Convolution, Norm, Walk};
use serde::Deserialize;

use super::blocks::{Embedding, Here, Residual, Transformers, beside, waves};
use super::folder::{Config, OneOrMany};
use super::tensors::Tensors;
use crate::generation::weights::Loaded;

/// `unet/config.json`, as far as the network depends on it. Sizes in channels.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct UNetConfig {
    pub in_channels: usize,
    pub out_channels: usize,
    pub block_out_channels: Vec<usize>,
    pub layers_per_block: OneOrMany,
    pub down_block_types: Vec<String>,
    pub up_block_types: Vec<String>,
    #[serde(default)]
    pub mid_block_type: Option<String>,
    /// Called a size there and used as the number of heads.
    pub attention_head_dim: OneOrMany,
    #[serde(default)]
    pub num_attention_heads: Option<OneOrMany>,
    #[serde(default)]
    pub transformer_layers_per_block: Option<OneOrMany>,
    pub cross_attention_dim: usize,
    #[serde(default)]
    pub norm_num_groups: Option<usize>,
    #[serde(default)]
    pub norm_eps: Option<f64>,
    #[serde(default)]
    pub act_fn: Option<String>,
    #[serde(default)]
    pub flip_sin_to_cos: Option<bool>,
    #[serde(default)]
    pub freq_shift: Option<f32>,
    #[serde(default)]
    pub addition_embed_type: Option<String>,
    #[serde(default)]
    pub addition_time_embed_dim: Option<usize>,
    #[serde(default)]
    pub projection_class_embeddings_input_dim: Option<usize>,
    #[serde(default)]
    pub time_cond_proj_dim: Option<usize>,
    #[serde(default)]
    pub class_embed_type: Option<String>,
    #[serde(default)]
    pub encoder_hid_dim_type: Option<String>,
}

#[derive(Debug)]
struct Level {
    residuals: Vec<Residual>,
    attentions: Vec<Transformers>,
    resize: Option<Convolution>,
}

/// The network.
#[derive(Debug)]
pub(super) struct UNet {
    config: UNetConfig,
    here: Here,
    groups: usize,
    first: Convolution,
    time: Embedding,
    more: Option<Embedding>,
    down: Vec<Level>,
    middle: (Residual, Option<Transformers>, Residual),
    up: Vec<Level>,
    norm: Norm,
    last: Convolution,
}

/// What XL is told beside the words: the pooled words, and original size, crop and target size in pixels.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    /// batch × pooled width.
    pub pooled: Tensor,
    /// Six numbers for each picture.
    pub sizes: Vec<[f32; 6]>,
}

impl UNet {
    /// Reads the network; what it can't do is said.
    pub(super) fn load(config: &Config<UNetConfig>, w: &mut Tensors) -> Loaded<Self> {
        let c = config.read.clone();
        let levels = c.block_out_channels.len();
        if levels == 0 || c.down_block_types.len() != levels || c.up_block_types.len() != levels {
            return Err(config.wrong("block_out_channels, down_block_types and up_block_types must be of one length"));
        }
        if c.act_fn.as_deref().is_some_and(|act| act != "silu" && act != "swish") {
            return Err(config.wrong("act_fn must be `silu`"));
        }
        for (set, what) in [
            (c.time_cond_proj_dim.is_some(), "time_cond_proj_dim"),
            (c.class_embed_type.is_some(), "class_embed_type"),
            (c.encoder_hid_dim_type.is_some(), "encoder_hid_dim_type"),
        ] {
            if set {
                return Err(config.wrong(&format!("networks with {what} are not supported")));
            }
        }
        let groups = c.norm_num_groups.unwrap_or(32);
        let norm = (groups, c.norm_eps.unwrap_or(1e-5));
        let first_width = c.block_out_channels[0];
        let time_width = 4 * first_width;
        let heads = c.num_attention_heads.clone().unwrap_or_else(|| c.attention_head_dim.clone());
        let depth = c.transformer_layers_per_block.clone().unwrap_or(OneOrMany::One(1));
        let per_level = |many: &OneOrMany, what: &str| {
            many.each(levels).ok_or_else(|| config.wrong(&format!("{what} must be one number or one for each block")))
        };
        let (heads, depth) = (per_level(&heads, "attention_head_dim")?, per_level(&depth, "transformer_layers_per_block")?);
        let layers = per_level(&c.layers_per_block, "layers_per_block")?;
        let attends = |kind: &str| match kind {
            "CrossAttnDownBlock2D" | "CrossAttnUpBlock2D" => Ok(true),
            "DownBlock2D" | "UpBlock2D" => Ok(false),
            other => Err(config.wrong(&format!("blocks of type `{other}` are not supported"))),
        };
        if c.block_out_channels
            .iter()
            .zip(&heads)
            .any(|(n, h)| *h == 0 || !n.is_multiple_of(*h) || !n.is_multiple_of(groups.max(1)))
        {
            return Err(config.wrong("block_out_channels must be multiples of the heads and of norm_num_groups"));
        }

        let here = Here::of(w, "conv_in.weight");
        let time = Embedding::load(w, "time_embedding", first_width, time_width)?;
        let more = match c.addition_embed_type.as_deref() {
            None => None,
            Some("text_time") => {
                let inputs = c.projection_class_embeddings_input_dim.unwrap_or(2816);
                Some(Embedding::load(w, "add_embedding", inputs, time_width)?)
            }
            Some(other) => return Err(config.wrong(&format!("addition_embed_type `{other}` is not supported"))),
        };
        let level = |w: &mut Tensors, name: &str, at: usize, sizes: &[(usize, usize)], attend: bool| -> Loaded<Level> {
            let (mut residuals, mut attentions) = (Vec::new(), Vec::new());
            for (j, size) in sizes.iter().enumerate() {
                residuals.push(Residual::load(w, &format!("{name}.resnets.{j}"), *size, Some(time_width), norm)?);
                if attend {
                    let name = format!("{name}.attentions.{j}");
                    attentions.push(Transformers::load(
                        w,
                        &name,
                        (size.1, c.cross_attention_dim),
                        (heads[at], depth[at]),
                        groups,
                    )?);
                }
            }
            Ok(Level { residuals, attentions, resize: None })
        };
        let first = w.convolution("conv_in", c.in_channels, first_width, 3, Walk::SAME)?;
        // Widths of what the way up takes over from the way down.
        let mut skipped = vec![first_width];
        let mut down = Vec::with_capacity(levels);
        let mut width = first_width;
        for (i, &outputs) in c.block_out_channels.iter().enumerate() {
            let name = format!("down_blocks.{i}");
            let sizes: Vec<(usize, usize)> = (0..layers[i]).map(|j| (if j == 0 { width } else { outputs }, outputs)).collect();
            let mut made = level(w, &name, i, &sizes, attends(&c.down_block_types[i])?)?;
            skipped.extend(std::iter::repeat_n(outputs, layers[i]));
            if i + 1 < levels {
                made.resize = Some(w.convolution(&format!("{name}.downsamplers.0.conv"), outputs, outputs, 3, Walk::HALF)?);
                skipped.push(outputs);
            }
            down.push(made);
            width = outputs;
        }
        let middle = {
            let at = levels - 1;
            let residual = |w: &mut Tensors, j: usize| {
                Residual::load(w, &format!("mid_block.resnets.{j}"), (width, width), Some(time_width), norm)
            };
            let (one, two) = (residual(w, 0)?, residual(w, 1)?);
            let attention = match c.mid_block_type.as_deref() {
                None | Some("UNetMidBlock2DCrossAttn") => {
                    let sizes = (width, c.cross_attention_dim);
                    Some(Transformers::load(w, "mid_block.attentions.0", sizes, (heads[at], depth[at]), groups)?)
                }
                Some(other) => return Err(config.wrong(&format!("a mid_block_type of `{other}` is not supported"))),
            };
            (one, attention, two)
        };
        let mut up = Vec::with_capacity(levels);
        for i in 0..levels {
            let at = levels - 1 - i;
            let outputs = c.block_out_channels[at];
            let name = format!("up_blocks.{i}");
            let mut sizes = Vec::with_capacity(layers[at] + 1);
            for j in 0..=layers[at] {
                let before = if j == 0 { width } else { outputs };
                sizes.push((before + skipped.pop().unwrap_or(0), outputs));
            }
            let mut made = level(w, &name, at, &sizes, attends(&c.up_block_types[i])?)?;
            if at > 0 {
                made.resize = Some(w.convolution(&format!("{name}.upsamplers.0.conv"), outputs, outputs, 3, Walk::SAME)?);
            }
            up.push(made);
            width = outputs;
        }
        let end = w.norm("conv_norm_out", first_width, norm.1)?;
        let last = w.convolution("conv_out", first_width, c.out_channels, 3, Walk::SAME)?;
        Ok(Self { config: c, here, groups, first, time, more, down, middle, up, norm: end, last })
    }

    /// Channels of a latent.
    pub(super) fn channels(&self) -> [usize; 2] {
        [self.config.in_channels, self.config.out_channels]
    }

    /// What the network says of `x` (batch × height × width × channels) at the times `t`, one for each picture, with the words (batch × tokens ×
    /// width) and, for XL, what stands beside them.
    pub(super) fn apply(&self, x: &Tensor, t: &[f32], words: &Tensor, more: Option<&Beside>) -> Result<Tensor> {
        if x.dim(0)? != t.len() {
            bail!("{} times for {:?} pictures", t.len(), x.dims());
        }
        let (c, here) = (&self.config, &self.here);
        let (x, words) = (&here.bring(x)?, &here.bring(words)?);
        let (flipped, shift) = (c.flip_sin_to_cos.unwrap_or(true), c.freq_shift.unwrap_or(0.0));
        let more = match (&self.more, more) {
            (Some(layer), Some(beside_words)) => {
                let sizes = beside_words.sizes.as_flattened();
                let waves = waves(sizes, c.addition_time_embed_dim.unwrap_or(256), flipped, shift)?.reshape((t.len(), ()))?;
                Some(layer.apply(&here.bring(&beside(&beside_words.pooled, &waves)?)?, Add::Nothing)?)
            }
            (Some(_), None) => bail!("this network wants pooled words and sizes"),
            (None, _) => None,
        };
        let time = self.time.apply(
            &here.bring(&waves(t, c.block_out_channels[0], flipped, shift)?)?,
            more.as_ref().map_or(Add::Nothing, Add::Same),
        )?;
        let time = Activation::Silu.apply(&time)?;
        let mut h = self.first.apply(x, Add::Nothing)?;
        let mut skipped = vec![h.clone()];
        for level in &self.down {
            for (j, residual) in level.residuals.iter().enumerate() {
                h = residual.apply(&h, Some(&time))?;
                if let Some(attention) = level.attentions.get(j) {
                    h = attention.apply(&h, words)?;
                }
                skipped.push(h.clone());
            }
            if let Some(half) = &level.resize {
                h = half.apply(&h, Add::Nothing)?;
                skipped.push(h.clone());
            }
        }
        h = self.middle.0.apply(&h, Some(&time))?;
        if let Some(attention) = &self.middle.1 {
            h = attention.apply(&h, words)?;
        }
        h = self.middle.2.apply(&h, Some(&time))?;
        for level in &self.up {
            for (j, residual) in level.residuals.iter().enumerate() {
                let Some(skip) = skipped.pop() else { bail!("the way up is longer than the way down") };
                h = residual.apply(&beside(&h, &skip)?, Some(&time))?;
                if let Some(attention) = level.attentions.get(j) {
                    h = attention.apply(&h, words)?;
                }
            }
            if let (Some(conv), Some(next)) = (&level.resize, skipped.last()) {
                // Twice as large, or as large as what comes next where that was no multiple of two.
                let (_, high, wide, _) = next.dims4()?;
                h = conv.apply_to(&h, [high, wide], Add::Nothing)?;
            }
        }
        here.give(&self.last.apply(&self.norm.groups(&h, self.groups, true)?, Add::Nothing)?)
    }
}
