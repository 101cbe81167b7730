//! What a pass knows besides the noisy code: prompt, works and time. All of it is worked out once per drawing, before the first step.

use candle_core::{D, DType, Device, Result, Tensor};

use super::block::Block;
use crate::generation::config::CodeSizes;
use crate::generation::nn::{Linear, silu};
use crate::generation::text::PAD;
use crate::generation::weights::{Loaded, Weights};

/// Numbers of the time's sinusoids, and the lowest frequency's divisor.
const WAVES: usize = 128;
const SLOWEST: f32 = 1000.0;
/// Width of a word's embedding.
const WORD: usize = 128;

/// Prompt and works, embedded.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Rows of works and text × width; rows that are alike stand once.
    pub(super) context: Tensor,
    /// For each row of the context, how many tokens it stands for.
    pub(super) counts: Vec<usize>,
    /// Log of how many tokens each row stands for, for context and image in the order of the first pass (context first) and of the
    /// second (image first); `None` where every row stands for one.
    pub(super) log_counts: Option<[Tensor; 2]>,
    /// Patches × width: what is added to each image token besides the code itself.
    pub(super) image: Tensor,
    /// Patches × code numbers: the works' direct way to the velocity, before its gate; `None` without works.
    pub(super) guide: Option<Tensor>,
    /// 1 × width.
    pooled: Tensor,
}

impl Condition {
    /// How many tokens each row of the context stands for.
    #[cfg(test)]
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// Rows of the context.
    pub(super) fn rows(&self) -> usize {
        self.counts.len()
    }
}

/// The modulations at one time.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Blocks × 6 × width: shift, 1 + scale, 1 + gate of attention, then of the feed-forward part.
    pub(super) blocks: Tensor,
    /// Width; 1 is added already.
    pub(super) last_scale: Tensor,
    /// Width.
    pub(super) last_shift: Tensor,
    /// 1 × code numbers.
    pub(super) guide_gate: Tensor,
}

/// The layers that make conditions and moments.
#[derive(Debug, Clone)]
pub(super) struct Embedding {
    pub(super) device: Device,
    words: Tensor,
    pool: Linear,
    text: Linear,
    text_position: Tensor,
    work: Linear,
    /// Position within a work, and the kind "work".
    work_position: Tensor,
    no_work: Tensor,
    /// Position within the image, and the input's bias.
    image_position: Tensor,
    guide_in: Linear,
    guide_out: Linear,
    guide_gate: Linear,
    time: [Linear; 2],
    modulation: Linear,
    last: Linear,
    grid: usize,
    works: usize,
    width: usize,
}

impl Embedding {
    pub(super) fn load(weights: &mut Weights, config: &CodeSizes, vocabulary: usize) -> Loaded<Self> {
        let (width, code, patches) = (config.width, config.code, config.patches());
        let kind = weights.take("rkind", &[width])?;
        let position = weights.take("rpos", &[patches / 4, width])?;
        let bias = weights.take("inp.bias", &[width])?;
        let image_position = weights.take("pos", &[patches, width])?;
        Ok(Self {
            device: weights.device().clone(),
            words: weights.take("emb.weight", &[vocabulary, WORD])?,
            pool: Linear::load(weights, "pool", WORD, width, true)?,
            text: Linear::load(weights, "tp", WORD, width, true)?,
            text_position: weights.take("tpos", &[config.text_slots, width])?,
            work: Linear::load(weights, "rin", 4 * code, width, true)?,
            work_position: weights.ready(position.broadcast_add(&kind))?,
            no_work: weights.take("rnone", &[width]).and_then(|w| weights.ready(w.unsqueeze(0)))?,
            image_position: weights.ready(image_position.broadcast_add(&bias))?,
            guide_in: Linear::load(weights, "rdir", 2 * code, width, false)?,
            guide_out: Linear::load(weights, "rout", 2 * code, code, false)?,
            guide_gate: Linear::load(weights, "rg", width, code, true)?,
            time: [Linear::load(weights, "t1", 2 * WAVES, width, true)?, Linear::load(weights, "t2", width, width, true)?],
            modulation: Linear::load(weights, "mod", width, 6 * width, true)?,
            last: Linear::load(weights, "fm", width, 2 * width, true)?,
            grid: config.grid(),
            works: config.works_per_prompt,
            width,
        })
    }

    /// Embeds tokens and works.
    pub(super) fn condition(&self, tokens: &[u32], works: &[Tensor]) -> Result<Condition> {
        let mut context = Vec::new();
        let mut counts = Vec::new();
        for work in works {
            context.push((self.work.apply(&self.merge(work)?)? + &self.work_position)?);
            counts.extend(vec![1; self.grid * self.grid / 4]);
        }
        if works.len() < self.works {
            context.push(self.no_work.clone());
            counts.push((self.works - works.len()) * self.grid * self.grid / 4);
        }
        let (slots, written): (Vec<u32>, Vec<u32>) = (0..).zip(tokens).filter(|&(_, &token)| token != PAD).unzip();
        let mut pooled = Tensor::zeros((1, WORD), DType::F32, &self.device)?;
        if !written.is_empty() {
            counts.extend(vec![1; written.len()]);
            let place = |rows: Vec<u32>| Tensor::new(rows, &self.device);
            let embedded = self.words.index_select(&place(written)?, 0)?;
            pooled = embedded.mean_keepdim(0)?;
            context.push((self.text.apply(&embedded)? + self.text_position.index_select(&place(slots)?, 0)?)?);
        }
        let empty = tokens.iter().filter(|&&token| token == PAD).count();
        if empty > 0 {
            context.push(Tensor::zeros((1, self.width), DType::F32, &self.device)?);
            counts.push(empty);
        }
        let guide = match works {
            [] => None,
            [first, rest @ ..] => {
                let sum = rest.iter().try_fold(first.clone(), |sum, work| sum + work)?;
                Some(Tensor::cat(&[&(sum / works.len() as f64)?, first], 1)?)
            }
        };
        let image = match &guide {
            Some(guide) => (self.guide_in.apply(guide)? + &self.image_position)?,
            None => self.image_position.clone(),
        };
        Ok(Condition {
            context: Tensor::cat(&context, 0)?,
            log_counts: self.log_counts(&counts)?,
            counts,
            image,
            guide: guide.map(|guide| self.guide_out.apply(&guide)).transpose()?,
            pooled: self.pool.apply(&pooled)?,
        })
    }

    fn log_counts(&self, counts: &[usize]) -> Result<Option<[Tensor; 2]>> {
        if counts.iter().all(|&count| count == 1) {
            return Ok(None);
        }
        let context = counts.iter().map(|&count| (count as f32).ln());
        let image = vec![0.0; self.grid * self.grid];
        let first: Vec<f32> = context.clone().chain(image.iter().copied()).collect();
        let second: Vec<f32> = image.into_iter().chain(context).collect();
        Ok(Some([Tensor::new(first, &self.device)?, Tensor::new(second, &self.device)?]))
    }

    /// Patches × code → a quarter of the rows, four times the columns: 2×2 neighbouring patches side by side.
    fn merge(&self, work: &Tensor) -> Result<Tensor> {
        let (half, code) = (self.grid / 2, work.dim(D::Minus1)?);
        work.reshape((half, 2, half, 2, code))?.permute((0, 2, 1, 3, 4))?.contiguous()?.reshape((half * half, 4 * code))
    }

    /// Modulations at each time, all times in one product per layer.
    pub(super) fn moments(&self, condition: &Condition, times: &[f64], blocks: &[Block]) -> Result<Vec<Moment>> {
        let waves: Vec<f32> = times.iter().flat_map(|&t| waves(t as f32)).collect();
        let waves = Tensor::from_vec(waves, (times.len(), 2 * WAVES), &self.device)?;
        let [first, second] = &self.time;
        let c = silu(&second.apply(&silu(&first.apply(&waves)?)?)?.broadcast_add(&condition.pooled)?)?;
        let shared = self.modulation.apply(&c)?.reshape((times.len(), 1, 6, self.width))?;
        let offsets = Tensor::stack(&blocks.iter().map(Block::offsets).collect::<Vec<_>>(), 0)?;
        let all = shared.broadcast_add(&offsets)?;
        let last = self.last.apply(&c)?;
        let gates = self.guide_gate.apply(&c)?;
        let moment = |i: usize| {
            let last = last.get(i)?;
            Ok(Moment {
                blocks: all.get(i)?,
                last_shift: last.narrow(0, 0, self.width)?,
                last_scale: (last.narrow(0, self.width, self.width)? + 1.0)?,
                guide_gate: gates.narrow(0, i, 1)?,
            })
        };
        (0..times.len()).map(moment).collect()
    }
}

/// Cosines, then sines, of 1000·t at falling frequencies.
fn waves(t: f32) -> impl Iterator<Item = f32> {
    let angle = move |i: usize| f64::from((-SLOWEST.ln() * i as f32 / WAVES as f32).exp() * t * 1000.0);
    let cosines = (0..WAVES).map(move |i| angle(i).cos() as f32);
    cosines.chain((0..WAVES).map(move |i| angle(i).sin() as f32))
}
