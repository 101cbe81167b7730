//! One block: a local 3×3 branch over the image, attention over everything, a feed-forward part; both modulated by time and prompt.

use candle_core::{Result, Tensor};

use super::Rows;
use super::condition::{Condition, Moment};
use crate::generation::config::CodeSizes;
use crate::generation::nn::{Conv3, LayerNorm, Linear, Neighbours, gelu, rms_norm, silu};
use crate::generation::weights::{Loaded, Weights};

/// Channels of the local branch.
const LOCAL: usize = 48;
/// The feed-forward part is cut into this many runs of columns: each stays below the size from which candle splits element-wise work over
/// spinning threads, and within the cache.
const RUNS: usize = 3;

/// Its layers.
#[derive(Debug, Clone)]
pub(super) struct Block {
    local_in: Linear,
    local: Conv3,
    local_out: Linear,
    qkv: Linear,
    /// By channel of a head, the attention's 1/√channels included.
    q_scale: Tensor,
    k_scale: Tensor,
    out: Linear,
    up: Vec<Linear>,
    down: Vec<Linear>,
    down_bias: Tensor,
    /// 6 × width, added to the modulation; 1 is added to scales and gates already.
    offsets: Tensor,
    heads: usize,
}

impl Block {
    pub(super) fn load(weights: &mut Weights, index: usize, config: &CodeSizes) -> Loaded<Self> {
        let name = |part: &str| format!("blocks.{index}.{part}");
        let (width, head, hidden) = (config.width, config.width / config.heads, 4 * config.width);
        let kernel = weights.take(&name("lc"), &[LOCAL, LOCAL * 9])?;
        let kernel = weights.ready(kernel.reshape((LOCAL, LOCAL, 3, 3)))?;
        let q_scale = weights.take(&name("qs"), &[head])?;
        let offsets = weights.take(&name("ss"), &[6, width])?;
        // Rows: shift, scale, gate, shift, scale, gate.
        let ones = Tensor::new(&[[0f32], [1.0], [1.0], [0.0], [1.0], [1.0]], weights.device());
        let offsets = weights.ready(ones.and_then(|ones| offsets.broadcast_add(&ones)))?;
        let up = weights.take(&name("f1.weight"), &[hidden, width])?;
        let up_bias = weights.take(&name("f1.bias"), &[hidden])?;
        let down = weights.take(&name("f2.weight"), &[width, hidden])?;
        let part = |i: usize| {
            let first = i * hidden / RUNS;
            let run = (i + 1) * hidden / RUNS - first;
            let w = weights.ready(up.narrow(0, first, run).and_then(|w| w.t()))?;
            let b = weights.ready(up_bias.narrow(0, first, run))?;
            let d = weights.ready(down.narrow(1, first, run).and_then(|w| w.t()))?;
            Ok((Linear::new(w, Some(b)), Linear::new(d, None)))
        };
        let (up, down) = (0..RUNS).map(part).collect::<Loaded<Vec<_>>>()?.into_iter().unzip();
        Ok(Self {
            local_in: Linear::load(weights, &name("l1"), width, LOCAL, false)?,
            local: Conv3::new(weights, &kernel, None)?,
            local_out: Linear::load(weights, &name("l2"), LOCAL, width, false)?,
            qkv: Linear::load(weights, &name("qkv"), width, 3 * width, false)?,
            q_scale: weights.ready(q_scale / (head as f64).sqrt())?,
            k_scale: weights.take(&name("ks"), &[head])?,
            out: Linear::load(weights, &name("o"), width, width, false)?,
            up,
            down,
            down_bias: weights.take(&name("f2.bias"), &[width])?,
            offsets,
            heads: config.heads,
        })
    }

    /// 6 × width.
    pub(super) fn offsets(&self) -> &Tensor {
        &self.offsets
    }

    /// Stacked rows × width → the same. `index` is the block's place among the moments' modulations.
    pub(super) fn apply(
        &self,
        h: &Tensor,
        index: usize,
        rows: &Rows,
        passes: &[(&Condition, &Moment)],
        norm: &LayerNorm,
        neighbours: &Neighbours,
    ) -> Result<Tensor> {
        let h = self.add_local(h, rows, norm, neighbours)?;
        let modulations: Vec<Tensor> = passes.iter().map(|(_, moment)| moment.blocks.get(index)).collect::<Result<_>>()?;
        let normed = modulated(&h, rows, &modulations, 0)?;
        let attended = self.attend(&normed, rows, passes)?;
        let h = gated(&h, &self.out.apply(&attended)?, rows, &modulations, 2)?;
        let fed = self.feed(&modulated(&h, rows, &modulations, 3)?)?;
        gated(&h, &fed, rows, &modulations, 5)
    }

    /// Adds the local branch to the image rows.
    fn add_local(&self, h: &Tensor, rows: &Rows, norm: &LayerNorm, neighbours: &Neighbours) -> Result<Tensor> {
        let (first, count) = rows.images;
        let image = h.narrow(0, first, count)?;
        let inner = silu(&self.local.apply(&self.local_in.apply(&norm.plain(&image)?)?, neighbours)?)?;
        let image = (image + self.local_out.apply(&inner)?)?;
        let after = first + count;
        if after == rows.total {
            return Tensor::cat(&[&h.narrow(0, 0, first)?, &image], 0);
        }
        Tensor::cat(&[&h.narrow(0, 0, first)?, &image, &h.narrow(0, after, rows.total - after)?], 0)
    }

    /// Attention within each pass: queries and keys are normalised, so their products stay small.
    fn attend(&self, x: &Tensor, rows: &Rows, passes: &[(&Condition, &Moment)]) -> Result<Tensor> {
        let (total, heads) = (rows.total, self.heads);
        let qkv = self.qkv.apply(x)?.reshape((total, 3 * heads, ()))?.transpose(0, 1)?.contiguous()?;
        let q = rms_norm(&qkv.narrow(0, 0, heads)?, &self.q_scale)?;
        let k = rms_norm(&qkv.narrow(0, heads, heads)?, &self.k_scale)?;
        let v = qkv.narrow(0, 2 * heads, heads)?;
        let each = rows.passes.iter().zip(passes).enumerate().map(|(i, (&(first, count), (condition, _)))| {
            let run = |t: &Tensor| t.narrow(1, first, count)?.contiguous();
            let mut scores = run(&q)?.matmul(&run(&k)?.t()?)?;
            if let Some(log_counts) = &condition.log_counts {
                scores = scores.broadcast_add(&log_counts[i])?;
            }
            let attention = candle_nn::ops::softmax_last_dim(&scores)?;
            attention.matmul(&run(&v)?)?.transpose(0, 1)?.contiguous()?.reshape((count, ()))
        });
        stacked(each)
    }

    fn feed(&self, x: &Tensor) -> Result<Tensor> {
        let mut sum: Option<Tensor> = None;
        for (up, down) in self.up.iter().zip(&self.down) {
            let part = down.apply(&gelu(&up.apply(x)?)?)?;
            sum = Some(match sum {
                Some(sum) => (sum + part)?,
                None => part.broadcast_add(&self.down_bias)?,
            });
        }
        sum.ok_or_else(|| candle_core::Error::Msg("a feed-forward part without columns".into()))
    }
}

/// Normalised, then shifted by row `at` and scaled by row `at + 1` of each pass's modulation.
fn modulated(h: &Tensor, rows: &Rows, modulations: &[Tensor], at: usize) -> Result<Tensor> {
    let each = rows.passes.iter().zip(modulations);
    stacked(each.map(|(&(first, count), m)| LayerNorm::scaled(&h.narrow(0, first, count)?, &m.get(at + 1)?, &m.get(at)?)))
}

/// h + y, y gated by row `at` of each pass's modulation.
fn gated(h: &Tensor, y: &Tensor, rows: &Rows, modulations: &[Tensor], at: usize) -> Result<Tensor> {
    let each = rows.passes.iter().zip(modulations);
    h + stacked(each.map(|(&(first, count), m)| y.narrow(0, first, count)?.broadcast_mul(&m.get(at)?)))?
}

/// The parts one below the other.
fn stacked(parts: impl Iterator<Item = Result<Tensor>>) -> Result<Tensor> {
    let parts = parts.collect::<Result<Vec<_>>>()?;
    match parts.as_slice() {
        [only] => Ok(only.clone()),
        parts => Tensor::cat(parts, 0),
    }
}
