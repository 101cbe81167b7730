//! The flow transformer: given a noisy code, a time, a prompt's tokens and works to draw with, the velocity towards the picture.
//!
//! All passes over one code go through together (guidance needs one with and one without the prompt), their tokens stacked as rows of one
//! matrix. Tokens that are alike stay alike, for there is no attention by position: empty text slots, and the places of works that were
//! not given, are each kept as one row that attention counts as often as it stands for. This changes no number but by rounding, and saves
//! half of the pass without a prompt.

mod block;
mod condition;

use candle_core::{Device, Result, Tensor};

use block::Block;
use condition::Embedding;
pub use condition::{Condition, Moment};

use super::config::CodeSizes;
use super::nn::{Conv3, LayerNorm, Neighbours};
use super::weights::{LoadError, Loaded, Weights};

/// Rows of the stacked tokens, for one pass or two: works and text of the first pass, its image, the image of the second, works and text
/// of the second. So each pass is one run of rows, and the images are one run too.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    /// First row and number of rows of each pass.
    passes: Vec<(usize, usize)>,
    /// First row and number of rows of the images.
    images: (usize, usize),
    total: usize,
}

/// Sees named intermediate results; for tests.
pub type Trace<'a> = &'a mut dyn FnMut(&str, &Tensor);

/// The network.
#[derive(Debug, Clone)]
pub struct FlowTransformer {
    embedding: Embedding,
    blocks: Vec<Block>,
    /// Code → width, the pointwise projection folded into the kernel's middle.
    input: Conv3,
    /// Width → code, likewise.
    output: Conv3,
    norm: LayerNorm,
    /// For one image and for two.
    neighbours: [Neighbours; 2],
    patches: usize,
}

impl FlowTransformer {
    /// Takes all its tensors; `vocabulary` is how many words it knows.
    pub fn load(weights: &mut Weights, config: &CodeSizes, vocabulary: usize) -> Loaded<Self> {
        let (width, code) = (config.width, config.code);
        let device = weights.device().clone();
        let constants =
            |e: candle_core::Error| LoadError::Device { device: format!("{:?}", device.location()), cause: e.to_string() };
        let embedding = Embedding::load(weights, config, vocabulary)?;
        let blocks = (0..config.depth).map(|i| Block::load(weights, i, config)).collect::<Loaded<_>>()?;
        let input = folded(weights, "inc", "inp.weight", code, width, None)?;
        let bias = weights.take("out.bias", &[code])?;
        let output = folded(weights, "outc", "out.weight", width, code, Some(bias))?;
        let norm = LayerNorm::new(width, &device).map_err(constants)?;
        let neighbours = |images| Neighbours::new(images, config.grid(), &device).map_err(constants);
        let neighbours = [neighbours(1)?, neighbours(2)?];
        Ok(Self { embedding, blocks, input, output, norm, neighbours, patches: config.patches() })
    }

    /// What a pass knows of prompt and works: `tokens` fill the text slots, `works` are codes (patches × code numbers), the first first.
    pub fn condition(&self, tokens: &[u32], works: &[Tensor]) -> Result<Condition> {
        self.embedding.condition(tokens, works)
    }

    /// A pass's modulations at each of `times` (0 noise, 1 picture).
    pub fn moments(&self, condition: &Condition, times: &[f64]) -> Result<Vec<Moment>> {
        self.embedding.moments(condition, times, &self.blocks)
    }

    /// The velocity (picture − noise) at the code `x` (patches × code numbers) for each of one or two passes, each at its moment.
    pub fn velocity(&self, x: &Tensor, passes: &[(&Condition, &Moment)], mut trace: Option<Trace<'_>>) -> Result<Vec<Tensor>> {
        let rows = Rows::stack(passes, self.patches);
        let neighbours = &self.neighbours[passes.len() - 1];
        let seen = self.input.apply(x, &self.neighbours[0])?;
        let image = |condition: &Condition| &seen + &condition.image;
        let mut h = match passes {
            [(a, _)] => Tensor::cat(&[&a.context, &image(a)?], 0)?,
            [(a, _), (b, _)] => Tensor::cat(&[&a.context, &image(a)?, &image(b)?, &b.context], 0)?,
            _ => candle_core::bail!("one pass or two, not {}", passes.len()),
        };
        let mut show = |name: &str, h: &Tensor| {
            if let Some(trace) = trace.as_mut() {
                trace(name, h);
            }
        };
        show("embedded", &h);
        for (i, block) in self.blocks.iter().enumerate() {
            h = block.apply(&h, i, &rows, passes, &self.norm, neighbours)?;
            show(&format!("block{i}"), &h);
        }
        let images = h.narrow(0, rows.images.0, rows.images.1)?;
        let normed = passes.iter().enumerate().map(|(i, (_, moment))| {
            LayerNorm::scaled(&images.narrow(0, i * self.patches, self.patches)?, &moment.last_scale, &moment.last_shift)
        });
        let out = self.output.apply(&Tensor::cat(&normed.collect::<Result<Vec<_>>>()?, 0)?, neighbours)?;
        let each = passes.iter().enumerate().map(|(i, (condition, moment))| {
            let own = out.narrow(0, i * self.patches, self.patches)?;
            match &condition.guide {
                Some(guide) => own + guide.broadcast_mul(&moment.guide_gate)?,
                None => Ok(own),
            }
        });
        each.collect()
    }

    /// Where the tensors lie.
    pub fn device(&self) -> &Device {
        &self.embedding.device
    }
}

/// A 3×3 kernel with a pointwise projection added to its middle.
fn folded(
    weights: &mut Weights,
    kernel: &str,
    pointwise: &str,
    inputs: usize,
    outputs: usize,
    bias: Option<Tensor>,
) -> Loaded<Conv3> {
    let kernel = weights.take(kernel, &[outputs, inputs, 3, 3])?;
    let pointwise = weights.take(pointwise, &[outputs, inputs])?;
    let middle = pointwise
        .reshape((outputs, inputs, 1, 1))
        .and_then(|p| p.pad_with_zeros(2, 1, 1))
        .and_then(|p| p.pad_with_zeros(3, 1, 1));
    let kernel = weights.ready(middle.and_then(|middle| kernel + middle))?;
    Conv3::new(weights, &kernel, bias)
}

impl Rows {
    fn stack(passes: &[(&Condition, &Moment)], patches: usize) -> Self {
        let mut runs = Vec::with_capacity(2);
        let mut first = 0;
        for (condition, _) in passes {
            let count = condition.rows() + patches;
            runs.push((first, count));
            first += count;
        }
        let before = passes.first().map_or(0, |(condition, _)| condition.rows());
        Self { passes: runs, images: (before, patches * passes.len()), total: first }
    }
}
