//! The network of Stable Diffusion 3 and 3.5: pixels and words as two streams of one attention (MMDiT; Esser et al. 2024), a rectified flow, as
//! diffusers' `SD3Transformer2DModel`.

use candle_core::{D, DType, Device, Result, Tensor, bail};
use colophon_ops::{Activation, Add, Convolution, Norm, Packed, Precision, Walk, look};
use serde::Deserialize;

use super::blocks::{Embedding, Here, waves};
use super::folder::Config;
use super::tensors::Tensors;
use crate::generation::weights::Loaded;

const EPSILON: f64 = 1e-6;
/// Width of the waves that a time is told in.
const WAVES: usize = 256;

/// `transformer/config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct MmditConfig {
    pub patch_size: usize,
    pub in_channels: usize,
    pub num_layers: usize,
    pub attention_head_dim: usize,
    pub num_attention_heads: usize,
    pub joint_attention_dim: usize,
    pub caption_projection_dim: usize,
    pub pooled_projection_dim: usize,
    #[serde(default)]
    pub out_channels: Option<usize>,
    pub pos_embed_max_size: usize,
    #[serde(default)]
    pub dual_attention_layers: Vec<usize>,
    #[serde(default)]
    pub qk_norm: Option<String>,
}

/// Queries, keys and values of one stream, and the way out; queries and keys RMS-normalised with learned gains where there are some.
#[derive(Debug)]
struct Stream {
    q: Packed,
    k: Packed,
    v: Packed,
    gains: Option<[Tensor; 2]>,
    out: Option<Packed>,
}

/// The feed-forward layer of one stream.
#[derive(Debug)]
struct Forward {
    wide: Packed,
    narrow: Packed,
}

#[derive(Debug)]
struct Block {
    /// What the time says to the pixels: shifts, scales and gates.
    pixels_told: Packed,
    words_told: Packed,
    pixels: Stream,
    words: Stream,
    /// A second attention of the pixels to themselves (3.5 medium).
    second: Option<Stream>,
    pixels_forward: Forward,
    words_forward: Option<Forward>,
}

/// The network.
#[derive(Debug)]
pub(super) struct Mmdit {
    config: MmditConfig,
    here: Here,
    precision: Precision,
    patches: Convolution,
    /// (most · most) × width.
    places: Tensor,
    time: Embedding,
    pooled: Embedding,
    words: Packed,
    blocks: Vec<Block>,
    last_told: Packed,
    last: Packed,
    norm: Norm,
}

/// Unchanged by a gain or a shift.
fn plain_norm(width: usize, device: &Device, precision: Precision) -> Result<Norm> {
    let (gain, shift) = (Tensor::ones(width, DType::F32, device)?, Tensor::zeros(width, DType::F32, device)?);
    Norm::new(&gain, &shift, EPSILON, precision)
}

impl Mmdit {
    pub(super) fn load(config: &Config<MmditConfig>, w: &mut Tensors) -> Loaded<Self> {
        let c = config.read.clone();
        let (size, heads) = (c.attention_head_dim, c.num_attention_heads);
        let width = size * heads;
        if c.caption_projection_dim != width || c.num_layers == 0 || c.patch_size == 0 || width == 0 {
            return Err(
                config.wrong("caption_projection_dim must be attention_head_dim · num_attention_heads, and nothing may be 0")
            );
        }
        let gains = match c.qk_norm.as_deref() {
            None => false,
            Some("rms_norm") => true,
            Some(other) => return Err(config.wrong(&format!("qk_norm `{other}` is not supported"))),
        };
        let p = c.patch_size;
        let here = Here::of(w, "pos_embed.proj.weight");
        // A patch is a row of the product: its pixels one after the other.
        let kernel = w.take("pos_embed.proj.weight", &[width, c.in_channels, p, p])?;
        let kernel = w.ready(
            "pos_embed.proj.weight",
            kernel.permute((0, 2, 3, 1)).and_then(|k| k.reshape((width, p * p * c.in_channels, 1, 1))),
        )?;
        let bias = w.take("pos_embed.proj.bias", &[width])?;
        let patches = w.ready("pos_embed.proj", Convolution::new(&kernel, Some(&bias), Walk::SAME, w.precision()))?;
        let most = c.pos_embed_max_size;
        let places = w.take("pos_embed.pos_embed", &[1, most * most, width])?;
        let places = w.ready("pos_embed.pos_embed", places.squeeze(0))?;
        let time = Embedding::load(w, "time_text_embed.timestep_embedder", WAVES, width)?;
        let pooled = Embedding::load(w, "time_text_embed.text_embedder", c.pooled_projection_dim, width)?;
        let words = w.linear("context_embedder", c.joint_attention_dim, width)?;
        let stream = |w: &mut Tensors, name: &str, names: [&str; 4], norms: [&str; 2], out: bool| -> Loaded<Stream> {
            let part = |part: &str| format!("{name}.{part}");
            Ok(Stream {
                q: w.linear(&part(names[0]), width, width)?,
                k: w.linear(&part(names[1]), width, width)?,
                v: w.linear(&part(names[2]), width, width)?,
                gains: match gains {
                    true => Some([
                        w.take(&part(&format!("{}.weight", norms[0])), &[size])?,
                        w.take(&part(&format!("{}.weight", norms[1])), &[size])?,
                    ]),
                    false => None,
                },
                out: if out { Some(w.linear(&part(names[3]), width, width)?) } else { None },
            })
        };
        let forward = |w: &mut Tensors, name: &str| -> Loaded<Forward> {
            Ok(Forward {
                wide: w.linear(&format!("{name}.net.0.proj"), width, 4 * width)?,
                narrow: w.linear(&format!("{name}.net.2"), 4 * width, width)?,
            })
        };
        let mut blocks = Vec::with_capacity(c.num_layers);
        for i in 0..c.num_layers {
            let part = |part: &str| format!("transformer_blocks.{i}.{part}");
            let (ends, twice) = (i + 1 == c.num_layers, c.dual_attention_layers.contains(&i));
            let own = (["to_q", "to_k", "to_v", "to_out.0"], ["norm_q", "norm_k"]);
            let other = (["add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"], ["norm_added_q", "norm_added_k"]);
            blocks.push(Block {
                pixels_told: w.linear(&part("norm1.linear"), width, if twice { 9 } else { 6 } * width)?,
                words_told: w.linear(&part("norm1_context.linear"), width, if ends { 2 } else { 6 } * width)?,
                pixels: stream(w, &part("attn"), own.0, own.1, true)?,
                words: stream(w, &part("attn"), other.0, other.1, !ends)?,
                second: if twice { Some(stream(w, &part("attn2"), own.0, own.1, true)?) } else { None },
                pixels_forward: forward(w, &part("ff"))?,
                words_forward: if ends { None } else { Some(forward(w, &part("ff_context"))?) },
            });
        }
        let outputs = c.out_channels.unwrap_or(c.in_channels);
        let last_told = w.linear("norm_out.linear", width, 2 * width)?;
        let last = w.linear("proj_out", width, p * p * outputs)?;
        let norm = w.ready("norm_out", plain_norm(width, w.device(), w.precision()))?;
        let precision = w.precision();
        Ok(Self { config: c, here, precision, patches, places, time, pooled, words, blocks, last_told, last, norm })
    }

    /// Channels of a latent, in and out.
    pub(super) fn channels(&self) -> [usize; 2] {
        [self.config.in_channels, self.config.out_channels.unwrap_or(self.config.in_channels)]
    }

    /// What the network says of `x` (batch × height × width × channels) at the times `t` (0 to 1,000), with the words (batch × tokens × joint width)
    /// and the pooled words.
    pub(super) fn apply(&self, x: &Tensor, t: &[f32], words: &Tensor, pooled: &Tensor) -> Result<Tensor> {
        let (c, here) = (&self.config, &self.here);
        let (x, words, pooled) = (&here.bring(x)?, &here.bring(words)?, &here.bring(pooled)?);
        let (p, width) = (c.patch_size, c.attention_head_dim * c.num_attention_heads);
        let (batch, high, wide, channels) = x.dims4()?;
        let (h, w) = (high / p, wide / p);
        if channels != c.in_channels || batch != t.len() || h * p != high || w * p != wide || h.max(w) > c.pos_embed_max_size {
            bail!(
                "latents of {:?} and {} times do not fit a network for at most {} patches of {p} pixels a side",
                x.dims(),
                t.len(),
                c.pos_embed_max_size
            );
        }
        let patches = x.reshape((batch, h, p, w, p, channels))?.permute((0, 1, 3, 2, 4, 5))?.contiguous()?.reshape((
            batch,
            h,
            w,
            p * p * channels,
        ))?;
        let most = c.pos_embed_max_size;
        let places =
            self.places.reshape((most, most, width))?.narrow(0, (most - h) / 2, h)?.narrow(1, (most - w) / 2, w)?.contiguous()?;
        let places = places.unsqueeze(0)?.repeat((batch, 1, 1, 1))?;
        let mut pixels = self.patches.apply(&patches, Add::Same(&places))?.reshape((batch, h * w, width))?;
        let mut words = self.words.apply(words, Add::Nothing)?;
        let pooled = self.pooled.apply(pooled, Add::Nothing)?;
        let told = self.time.apply(&here.bring(&waves(t, WAVES, true, 0.0)?)?, Add::Same(&pooled))?;
        let told = Activation::Silu.apply(&told)?;
        for block in &self.blocks {
            (pixels, words) = self.block(block, &pixels, &words, &told)?;
        }
        let by = parts(&self.last_told.apply(&told, Add::Nothing)?, width)?;
        let y = self.last.apply(&self.told(&pixels, &by[1], &by[0])?, Add::Nothing)?;
        let outputs = self.last.outputs() / (p * p);
        let y = y.reshape((batch, h, w, p, p, outputs))?.permute((0, 1, 3, 2, 4, 5))?.contiguous()?;
        here.give(&y.reshape((batch, high, wide, outputs))?)
    }

    /// Normalised, scaled and shifted as the time says.
    fn told(&self, x: &Tensor, shift: &Tensor, scale: &Tensor) -> Result<Tensor> {
        self.norm.rows(x)?.broadcast_mul(&(scale + 1.0)?)?.broadcast_add(shift)
    }

    fn block(&self, block: &Block, pixels: &Tensor, words: &Tensor, told: &Tensor) -> Result<(Tensor, Tensor)> {
        let c = &self.config;
        let width = pixels.dim(D::Minus1)?;
        let of = parts(&block.pixels_told.apply(told, Add::Nothing)?, width)?;
        let of_words = parts(&block.words_told.apply(told, Add::Nothing)?, width)?;
        let x = self.told(pixels, &of[0], &of[1])?;
        // The last block's words are told scale and shift, in this order, and nothing more.
        let y = match block.words_forward {
            Some(_) => self.told(words, &of_words[0], &of_words[1])?,
            None => self.told(words, &of_words[1], &of_words[0])?,
        };
        let (tokens, others) = (x.dim(1)?, y.dim(1)?);
        let ([q, k, v], [q2, k2, v2]) = (block.pixels.look_from(&x, c)?, block.words.look_from(&y, c)?);
        let both = |a: &Tensor, b: &Tensor| Tensor::cat(&[a, b], 1);
        let seen = look(&both(&q, &q2)?, &both(&k, &k2)?, &both(&v, &v2)?, c.num_attention_heads, false, self.precision)?;
        let gated = |x: &Tensor, y: &Tensor, gate: &Tensor| x + y.broadcast_mul(gate)?;
        // The second attention looks at the pixels as they were before the first.
        let again = block.second.as_ref().map(|second| self.told(pixels, &of[6], &of[7]).map(|x| (second, x))).transpose()?;
        let mut pixels = gated(pixels, &block.pixels.out(&seen.narrow(1, 0, tokens)?.contiguous()?)?, &of[2])?;
        if let Some((second, x)) = again {
            let [q, k, v] = second.look_from(&x, c)?;
            let seen = look(&q, &k, &v, c.num_attention_heads, false, self.precision)?;
            pixels = gated(&pixels, &second.out(&seen)?, &of[8])?;
        }
        let x = self.told(&pixels, &of[3], &of[4])?;
        let pixels = gated(&pixels, &block.pixels_forward.apply(&x)?, &of[5])?;
        let words = match &block.words_forward {
            None => words.clone(),
            Some(forward) => {
                let words = gated(words, &block.words.out(&seen.narrow(1, tokens, others)?.contiguous()?)?, &of_words[2])?;
                let y = self.told(&words, &of_words[3], &of_words[4])?;
                gated(&words, &forward.apply(&y)?, &of_words[5])?
            }
        };
        Ok((pixels, words))
    }
}

/// What a layer told, in parts of batch × 1 × width.
fn parts(told: &Tensor, width: usize) -> Result<Vec<Tensor>> {
    (0..told.dim(1)? / width).map(|i| told.narrow(1, i * width, width)?.contiguous()?.unsqueeze(1)).collect()
}

impl Stream {
    /// Queries, keys and values.
    fn look_from(&self, x: &Tensor, c: &MmditConfig) -> Result<[Tensor; 3]> {
        let (q, k, v) = (self.q.apply(x, Add::Nothing)?, self.k.apply(x, Add::Nothing)?, self.v.apply(x, Add::Nothing)?);
        let Some([of_q, of_k]) = &self.gains else { return Ok([q, k, v]) };
        let unit = |x: &Tensor, gain: &Tensor| {
            let (batch, tokens, width) = x.dims3()?;
            let heads = x.reshape((batch, tokens, c.num_attention_heads, c.attention_head_dim))?;
            let root = (heads.sqr()?.mean_keepdim(D::Minus1)? + EPSILON)?.sqrt()?;
            heads.broadcast_div(&root)?.broadcast_mul(gain)?.reshape((batch, tokens, width))
        };
        Ok([unit(&q, of_q)?, unit(&k, of_k)?, v])
    }

    fn out(&self, x: &Tensor) -> Result<Tensor> {
        match &self.out {
            Some(layer) => layer.apply(x, Add::Nothing),
            None => bail!("this stream ends here"),
        }
    }
}

impl Forward {
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        self.narrow.apply(&Activation::GeluTanh.apply(&self.wide.apply(x, Add::Nothing)?)?, Add::Nothing)
    }
}
