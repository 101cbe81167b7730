//! Blocks that the networks share: residual blocks, attention over pixels and words, feed-forward layers. Pictures lie as batch × height ×
//! width × channels, so that a pixel is a row of every matrix product.

use candle_core::{D, DType, Device, Result, Tensor};
use colophon_ops::{Activation, Add, Convolution, Norm, Packed, Precision, Walk, geglu, look};

use super::tensors::Tensors;
use crate::generation::weights::Loaded;

/// Two convolutions around a sum with the time (He et al. 2016; Ho et al. 2020, appendix B).
#[derive(Debug)]
pub(super) struct Residual {
    norm1: Norm,
    conv1: Convolution,
    time: Option<Packed>,
    norm2: Norm,
    conv2: Convolution,
    shortcut: Option<Packed>,
    groups: usize,
}

impl Residual {
    /// `time` is the width of the time's embedding; `None` for a block without.
    pub(super) fn load(
        w: &mut Tensors,
        name: &str,
        (inputs, outputs): (usize, usize),
        time: Option<usize>,
        (groups, epsilon): (usize, f64),
    ) -> Loaded<Self> {
        let part = |part: &str| format!("{name}.{part}");
        Ok(Self {
            norm1: w.norm(&part("norm1"), inputs, epsilon)?,
            conv1: w.convolution(&part("conv1"), inputs, outputs, 3, Walk::SAME)?,
            time: time.map(|time| w.linear(&part("time_emb_proj"), time, outputs)).transpose()?,
            norm2: w.norm(&part("norm2"), outputs, epsilon)?,
            conv2: w.convolution(&part("conv2"), outputs, outputs, 3, Walk::SAME)?,
            shortcut: if inputs == outputs { None } else { Some(w.pointwise(&part("conv_shortcut"), inputs, outputs)?) },
            groups,
        })
    }

    /// `time`, batch × width, has been through SiLU.
    pub(super) fn apply(&self, x: &Tensor, time: Option<&Tensor>) -> Result<Tensor> {
        let shift = match (&self.time, time) {
            (Some(layer), Some(time)) => Some(layer.apply(time, Add::Nothing)?),
            _ => None,
        };
        let h = self.norm1.groups(x, self.groups, true)?;
        let h = self.conv1.apply(&h, shift.as_ref().map_or(Add::Nothing, Add::Batch))?;
        let h = self.norm2.groups(&h, self.groups, true)?;
        match &self.shortcut {
            Some(shortcut) => self.conv2.apply(&h, Add::Same(&shortcut.apply(x, Add::Nothing)?)),
            None => self.conv2.apply(&h, Add::Same(x)),
        }
    }
}

/// Queries from one sequence, keys and values from it or another.
#[derive(Debug)]
pub(super) struct Attention {
    q: Packed,
    k: Packed,
    v: Packed,
    out: Packed,
    heads: usize,
    precision: Precision,
}

impl Attention {
    /// `names` are those of queries, keys, values and the way out.
    pub(super) fn load(
        w: &mut Tensors,
        name: &str,
        names: [&str; 4],
        (width, context): (usize, usize),
        heads: usize,
    ) -> Loaded<Self> {
        let part = |i: usize| format!("{name}.{}", names[i]);
        Ok(Self {
            q: w.pointwise(&part(0), width, width)?,
            k: w.pointwise(&part(1), context, width)?,
            v: w.pointwise(&part(2), context, width)?,
            out: w.pointwise(&part(3), width, width)?,
            heads,
            precision: w.precision(),
        })
    }

    /// batch × tokens × width, looking at `context` (batch × others × context width), plus `add`.
    pub(super) fn apply(&self, x: &Tensor, context: &Tensor, causal: bool, add: &Tensor) -> Result<Tensor> {
        let q = self.q.apply(x, Add::Nothing)?;
        let (k, v) = (self.k.apply(context, Add::Nothing)?, self.v.apply(context, Add::Nothing)?);
        let seen = look(&q, &k, &v, self.heads, causal, self.precision)?;
        self.out.apply(&seen, Add::Same(add))
    }
}

/// Names of an attention's layers in diffusers.
pub(super) const TO: [&str; 4] = ["to_q", "to_k", "to_v", "to_out.0"];

/// Attention to itself, attention to the words, a gated feed-forward layer (Rombach et al. 2022, appendix E).
#[derive(Debug)]
struct Transformer {
    norms: [Norm; 3],
    itself: Attention,
    words: Attention,
    wide: Packed,
    narrow: Packed,
}

/// Transformer blocks over the pixels of a picture.
#[derive(Debug)]
pub(super) struct Transformers {
    norm: Norm,
    into: Packed,
    blocks: Vec<Transformer>,
    out: Packed,
    groups: usize,
}

impl Transformers {
    pub(super) fn load(
        w: &mut Tensors,
        name: &str,
        (width, context): (usize, usize),
        (heads, blocks): (usize, usize),
        groups: usize,
    ) -> Loaded<Self> {
        let norm = w.norm(&format!("{name}.norm"), width, 1e-6)?;
        let into = w.pointwise(&format!("{name}.proj_in"), width, width)?;
        let mut all = Vec::with_capacity(blocks);
        for i in 0..blocks {
            let part = |part: &str| format!("{name}.transformer_blocks.{i}.{part}");
            all.push(Transformer {
                norms: [
                    w.norm(&part("norm1"), width, 1e-5)?,
                    w.norm(&part("norm2"), width, 1e-5)?,
                    w.norm(&part("norm3"), width, 1e-5)?,
                ],
                itself: Attention::load(w, &part("attn1"), TO, (width, width), heads)?,
                words: Attention::load(w, &part("attn2"), TO, (width, context), heads)?,
                wide: w.linear(&part("ff.net.0.proj"), width, 8 * width)?,
                narrow: w.linear(&part("ff.net.2"), 4 * width, width)?,
            });
        }
        Ok(Self { norm, into, blocks: all, out: w.pointwise(&format!("{name}.proj_out"), width, width)?, groups })
    }

    /// batch × height × width × channels, with the words, batch × tokens × context.
    pub(super) fn apply(&self, x: &Tensor, words: &Tensor) -> Result<Tensor> {
        let (batch, high, wide, channels) = x.dims4()?;
        let mut h =
            self.into.apply(&self.norm.groups(x, self.groups, false)?, Add::Nothing)?.reshape((batch, high * wide, channels))?;
        for block in &self.blocks {
            let n = block.norms[0].rows(&h)?;
            h = block.itself.apply(&n, &n, false, &h)?;
            h = block.words.apply(&block.norms[1].rows(&h)?, words, false, &h)?;
            let gated = geglu(&block.wide.apply(&block.norms[2].rows(&h)?, Add::Nothing)?)?;
            h = block.narrow.apply(&gated, Add::Same(&h))?;
        }
        self.out.apply(&h.reshape((batch, high, wide, channels))?, Add::Same(x))
    }
}

/// Two layers with SiLU between them: how a time, or what stands beside it, becomes an embedding.
#[derive(Debug)]
pub(super) struct Embedding {
    one: Packed,
    two: Packed,
}

impl Embedding {
    pub(super) fn load(w: &mut Tensors, name: &str, inputs: usize, width: usize) -> Loaded<Self> {
        Ok(Self {
            one: w.linear(&format!("{name}.linear_1"), inputs, width)?,
            two: w.linear(&format!("{name}.linear_2"), width, width)?,
        })
    }

    pub(super) fn apply(&self, x: &Tensor, add: Add<'_>) -> Result<Tensor> {
        self.two.apply(&Activation::Silu.apply(&self.one.apply(x, Add::Nothing)?)?, add)
    }
}

/// Sines and cosines of numbers at `width`/2 frequencies from 1 to 1/10,000 (Vaswani et al. 2017): numbers → numbers × width. Cosines first if
/// `flipped`; `shift` as diffusers' `downscale_freq_shift`.
pub(super) fn waves(numbers: &[f32], width: usize, flipped: bool, shift: f32) -> Result<Tensor> {
    let half = width / 2;
    let mut out = Vec::with_capacity(numbers.len() * width);
    for number in numbers {
        let angles: Vec<f32> = (0..half).map(|i| number * (-(10_000f32.ln()) * i as f32 / (half as f32 - shift)).exp()).collect();
        let (sines, cosines) = (angles.iter().map(|a| a.sin()), angles.iter().map(|a| a.cos()));
        if flipped {
            out.extend(cosines.chain(sines));
        } else {
            out.extend(sines.chain(cosines));
        }
        out.extend(std::iter::repeat_n(0.0, width % 2));
    }
    Tensor::from_vec(out, (numbers.len(), width), &Device::Cpu)
}

/// Where a network computes and in which numbers: what comes in is brought there, what goes out is f32 in main memory.
#[derive(Debug, Clone)]
pub(super) struct Here {
    device: Device,
    kind: DType,
}

impl Here {
    /// Where the tensor `name` goes.
    pub(super) fn of(w: &Tensors, name: &str) -> Self {
        Self { device: w.device().clone(), kind: w.kind(name) }
    }

    pub(super) fn bring(&self, x: &Tensor) -> Result<Tensor> {
        x.to_device(&self.device)?.to_dtype(self.kind)
    }

    pub(super) fn give(&self, x: &Tensor) -> Result<Tensor> {
        x.to_dtype(DType::F32)?.to_device(&Device::Cpu)
    }
}

/// Two pictures of the same size, their channels one after the other's.
pub(super) fn beside(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    Tensor::cat(&[a, b], D::Minus1)
}
