//! The second embedded model's network: a rectified-flow transformer on pixels that draws with registered works as context.
//!
//! A picture is cut into patches of 16×16 pixels, one token each; the network returns the picture itself (x-prediction, Li and He 2025,
//! arXiv 2511.13720), not the noise. Words and works go through an encoder of their own once for each picture, since they do not change
//! from step to step; every block then attends to the image and to them (Blattmann et al. 2022 for drawing with retrieved pictures). Only
//! matrix products and element-wise passes: no convolution. Training and drawing run this same code.

mod adapter;
mod context;
mod params;
mod patches;
mod planes;
mod walk;

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Result, Tensor};
use serde::{Deserialize, Serialize};

pub use adapter::{adapter_parameters, read_adapter};
pub use context::Context;
pub use params::{Init, Parameter};
pub use patches::{pack, unpack};
pub use planes::{edges, planes};
pub use walk::{Walk, input};

use colophon_ops::{Precision, attend, bias, blend, gate, linear, neighbours, norm, swiglu};

/// Planes beside the noisy picture: known pixels (3), where they are known (1), edges of a sketch (1).
pub const PLANES: usize = 5;
/// Runs of a patch that have a blending weight of their own for each work and the draft: 4×4 cells of 4×4 pixels.
pub const CELLS: usize = 16;
/// Frequencies of a time's features, each as cosine and sine.
const FREQUENCIES: usize = 128;

/// Sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// Side of a picture in pixels.
    pub side: usize,
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Numbers per token.
    pub width: usize,
    /// Blocks over the image.
    pub depth: usize,
    /// Attention heads; they divide `width`.
    pub heads: usize,
    /// Numbers between the two halves of a feed-forward part.
    pub hidden: usize,
    /// Channels of a block's 3×3 branch.
    pub local: usize,
    /// Numbers between the two layers of the head.
    pub head: usize,
    /// Words read of a prompt, the style's token included.
    pub text_slots: usize,
    /// Works drawn on at most; 0 for a model that knows none.
    pub works: usize,
    /// Words known.
    #[serde(default)]
    pub vocabulary: usize,
}

impl Sizes {
    /// Image tokens.
    pub fn tokens(&self) -> usize {
        (self.side / self.patch).pow(2)
    }

    /// Numbers of a patch's pixels.
    pub fn pixels(&self) -> usize {
        self.patch * self.patch * 3
    }

    /// Numbers of a patch with its planes and its draft.
    pub fn input(&self) -> usize {
        self.patch * self.patch * (3 + PLANES + 3)
    }

    /// Numbers of a patch's planes.
    pub fn planes(&self) -> usize {
        self.patch * self.patch * PLANES
    }

    /// Tokens of one work: it is read at half its size.
    pub fn work_tokens(&self) -> usize {
        self.tokens() / 4
    }

    /// What is wrong with them, if anything.
    pub fn fault(&self) -> Option<&'static str> {
        let each =
            [self.side, self.patch, self.width, self.depth, self.heads, self.hidden, self.local, self.head, self.text_slots];
        if each.iter().any(|n| !(1..=4096).contains(n)) || self.works > 16 || !(4..=1 << 20).contains(&self.vocabulary) {
            Some("a size is out of range")
        } else if !self.side.is_multiple_of(2 * self.patch) || !self.patch.is_multiple_of(8) {
            Some("twice the patch must divide the side, and 8 the patch")
        } else if !self.width.is_multiple_of(self.heads) || !self.width.is_multiple_of(4) {
            Some("heads and 4 must divide the width")
        } else if !self.depth.is_multiple_of(2) {
            Some("the depth must be even: two blocks share their keys and values of the context")
        } else {
            None
        }
    }
}

/// A network's parameters, on one device.
#[derive(Debug, Clone)]
pub struct Network {
    /// Its sizes.
    pub sizes: Sizes,
    tensors: BTreeMap<String, Tensor>,
    precision: Precision,
    /// What learns by itself; everything else is frozen (training an adapter).
    frozen: bool,
}

/// What a pass over the image is given.
#[derive(Debug, Clone)]
pub struct Moment<'a> {
    /// batch × tokens × `Sizes::input`: noisy picture, planes and draft, packed (see [`input`]).
    pub input: &'a Tensor,
    /// batch × tokens × `Sizes::pixels`: the draft once more, as it is blended in; zeros where there is none.
    pub draft: &'a Tensor,
    /// batch: 0 noise, 1 picture.
    pub time: &'a Tensor,
    /// batch: size of the step the answer is for; 0 for the flow itself (Frans et al. 2024, shortcut models).
    pub stride: &'a Tensor,
}

impl Network {
    /// From tensors by name; names and shapes are those of [`Network::parameters`], or the caller's fault is an error of candle.
    pub fn new(sizes: Sizes, tensors: BTreeMap<String, Tensor>, precision: Precision) -> Self {
        Self { sizes, tensors, precision: precision.here(), frozen: false }
    }

    /// Names, shapes and beginnings of all parameters.
    pub fn parameters(sizes: &Sizes) -> Vec<Parameter> {
        params::parameters(sizes)
    }

    fn get(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| candle_core::Error::Msg(format!("the network has no `{name}`")))
    }

    fn device(&self) -> Result<&Device> {
        Ok(self.get("pos")?.device())
    }

    /// x·W of the layer `name`, plus its low-rank addition x·A·B if it has one (Hu et al. 2021), plus its bias if it has one.
    fn layer(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let mut y = linear(x, self.get(&format!("{name}.w"))?, self.precision, self.frozen)?;
        if let (Some(a), Some(b)) = (self.tensors.get(&format!("{name}.lora_a")), self.tensors.get(&format!("{name}.lora_b"))) {
            y = (y + linear(&linear(x, a, self.precision, false)?, b, self.precision, false)?)?;
        }
        match self.tensors.get(&format!("{name}.b")) {
            Some(row) => bias(&y, row),
            None => Ok(y),
        }
    }

    /// The same rows of a table for every picture of a batch.
    fn table(&self, name: &str, batch: usize) -> Result<Tensor> {
        let table = self.get(name)?;
        let (rows, width) = table.dims2()?;
        table.unsqueeze(0)?.broadcast_as((batch, rows, width))?.contiguous()
    }

    /// One transformer block, modulated by `modulation` (batch × 6 × width: shift, scale, gate, twice).
    fn block(&self, h: &Tensor, context: &Tensor, modulation: &Tensor, name: &str) -> Result<Tensor> {
        let y = norm(h, modulation, 0)?;
        let qkv = self.layer(&y, &format!("{name}.qkv"))?;
        let y = attend(&qkv, context, self.get(&format!("{name}.gains"))?, self.sizes.heads, self.precision)?;
        let h = gate(h, &self.layer(&y, &format!("{name}.out"))?, modulation, 2)?;
        let y = swiglu(&self.layer(&norm(&h, modulation, 3)?, &format!("{name}.up"))?)?;
        gate(&h, &self.layer(&y, &format!("{name}.down"))?, modulation, 5)
    }

    /// Adds what the patches around say.
    fn local(&self, h: &Tensor, plain: &Tensor, name: &str) -> Result<Tensor> {
        let x = self.layer(&norm(h, plain, 0)?, &format!("{name}.local_in"))?;
        let x = self.layer(&neighbours(&x)?, &format!("{name}.local"))?.silu()?;
        h + self.layer(&x, &format!("{name}.local_out"))?
    }

    /// Times → features, as cosines and sines of 1000·t over a geometric row of frequencies (Vaswani et al. 2017).
    fn features(&self, time: &Tensor) -> Result<Tensor> {
        let steps = (0..FREQUENCIES).map(|i| 1000.0 * (-(1000f32.ln()) * i as f32 / FREQUENCIES as f32).exp());
        let frequencies = Tensor::from_iter(steps, self.device()?)?.unsqueeze(0)?;
        let angles = time.to_dtype(DType::F32)?.unsqueeze(1)?.broadcast_mul(&frequencies)?;
        Tensor::cat(&[angles.cos()?, angles.sin()?], 1)
    }

    /// The picture as the network sees it through the noise: batch × tokens × `Sizes::pixels`, about −1 to 1.
    pub fn picture(&self, moment: &Moment<'_>, context: &Context) -> Result<Tensor> {
        let batch = moment.input.dim(0)?;
        let time = (self.layer(&self.features(moment.time)?, "time")? + self.layer(&self.features(moment.stride)?, "stride")?)?;
        let c = (self.layer(&time.silu()?, "time_out")? + &context.pooled)?.silu()?;
        let shared = self.layer(&c, "mod")?.reshape((batch, 6, self.sizes.width))?;
        let plain = Tensor::zeros((batch, 2, self.sizes.width), DType::F32, self.device()?)?;
        let mut h = self.layer(moment.input, "in")?.broadcast_add(self.get("pos")?)?;
        for i in 0..self.sizes.depth {
            let name = format!("block{i}");
            h = self.local(&h, &plain, &name)?;
            let modulation = shared.broadcast_add(self.get(&format!("{name}.mod"))?)?;
            h = self.block(&h, &context.kept[i / 2], &modulation, &name)?;
        }
        h = self.local(&h, &plain, "last")?;
        let y = norm(&h, &self.layer(&c, "last.mod")?.reshape((batch, 2, self.sizes.width))?, 0)?;
        let drawn = self.layer(&self.layer(&y, "head")?.silu()?, "head_out")?;
        match &context.works {
            Some(works) => {
                let draft = moment.draft.unsqueeze(1)?;
                let weights = self.layer(&y, "blend")?;
                let of = |from: usize, count: usize| weights.narrow(2, from * CELLS, count * CELLS);
                drawn + (blend(&of(0, self.sizes.works)?, works)? + blend(&of(self.sizes.works, 1)?, &draft)?)?
            }
            None => Ok(drawn),
        }
    }

    /// Mean over tokens that count.
    fn pooled(&self, text: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let count = mask.sum(1)?.clamp(1f32, f32::MAX)?;
        let mean = text.broadcast_mul(mask)?.sum(1)?.broadcast_div(&count)?;
        self.layer(&mean, "pool")
    }

    /// Prepares words and works. `tokens` batch × slots (u32); `works` batch × works × tokens × `Sizes::pixels`; `present` batch × works,
    /// 1 where there is a work and 0 where not.
    pub fn context(&self, tokens: &Tensor, works: &Tensor, present: &Tensor) -> Result<Context> {
        let (batch, slots) = tokens.dims2()?;
        let (width, count) = (self.sizes.width, self.sizes.works);
        let mask = tokens.ne(0u32)?.to_dtype(DType::F32)?.unsqueeze(D::Minus1)?;
        let words = self.get("words")?.index_select(&tokens.flatten_all()?, 0)?.reshape((batch, slots, width))?;
        let mut h = words.broadcast_add(self.get("slots")?)?.broadcast_mul(&mask)?;
        let nothing = Tensor::zeros((batch, 0, 2 * width), DType::F32, self.device()?)?;
        h = self.block(&h, &nothing, &self.table("text.mod", batch)?, "text")?;
        let pooled = self.pooled(&h, &mask)?;
        let mut seen = None;
        if count > 0 {
            let here = present.unsqueeze(2)?.unsqueeze(3)?;
            let works = works.broadcast_mul(&here)?;
            let patches = self.layer(&halved(&works, self.sizes.patch)?, "work")?;
            let patches = patches.broadcast_add(self.get("work_pos")?)?.broadcast_add(self.get("work_kind")?)?;
            let absent = here.affine(-1.0, 1.0)?.broadcast_mul(&self.get("work_none")?.reshape((1, 1, 1, width))?)?;
            let patches = patches.broadcast_mul(&here)?.broadcast_add(&absent)?;
            h = Tensor::cat(&[h, patches.reshape((batch, count * self.sizes.work_tokens(), width))?], 1)?;
            seen = Some(works);
        }
        h = self.block(&h, &nothing, &self.table("joint.mod", batch)?, "joint")?;
        let h = norm(&h, &self.table("joint.last", batch)?, 0)?;
        let kept = (0..self.sizes.depth / 2).map(|i| self.layer(&h, &format!("context{i}.kv"))).collect::<Result<Vec<_>>>()?;
        Ok(Context { kept, pooled, works: seen })
    }
}

/// … × works × tokens × pixels at half the size: … × works × tokens/4 × pixels. A cell's pixels are meant two by two, and four patches
/// become one.
fn halved(works: &Tensor, patch: usize) -> Result<Tensor> {
    let (batch, count, tokens, pixels) = works.dims4()?;
    let (half, rows) = (patch / 8, batch * count * tokens * CELLS);
    let mean = |x: &Tensor| (x.narrow(1, 0, 1)? + x.narrow(1, 1, 1)?)? * 0.5;
    // Rows, then columns, of a cell's pixels.
    let x = works.reshape((rows * half, 2, 2 * half * 3))?;
    let x = mean(&x)?.reshape((rows * half * half, 2, 3))?;
    // (image, row of pairs, row, column of pairs, column, numbers) → the four patches of a square beside each other.
    let side = tokens.isqrt() / 2;
    let x = mean(&x)?.reshape(&[batch * count, side, 2, side, 2, pixels / 4][..])?;
    x.permute([0, 1, 3, 2, 4, 5])?.contiguous()?.reshape((batch, count, tokens / 4, pixels))
}

#[cfg(test)]
mod tests;
