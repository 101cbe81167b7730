//! 1×1 and 3×3 convolutions of pictures whose channels lie together (batch × height × width × channels): one matrix product whose left side
//! is looked up in the picture, never laid out.

use candle_core::{Result, Tensor, bail};

use super::packed::{Add, Packed};
use super::{Precision, composed, with};

/// A convolution, its weights packed.
#[derive(Debug)]
pub struct Convolution {
    packed: Packed,
    /// Kernel and bias as they were given, where layers are composed.
    composed: Option<(Tensor, Option<Tensor>)>,
    channels: usize,
    kernel: usize,
    stride: usize,
    before: usize,
    after: usize,
}

/// How the kernel walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    /// Pixels from one place to the next: 1 or 2.
    pub stride: usize,
    /// Zeros around the picture: above and to the left, below and to the right.
    pub padding: [usize; 2],
}

impl Walk {
    /// Every pixel, the picture keeping its size.
    pub const SAME: Self = Self { stride: 1, padding: [1, 1] };
    /// Every other pixel.
    pub const HALF: Self = Self { stride: 2, padding: [1, 1] };
}

impl Convolution {
    /// From a kernel of outputs × inputs × k × k, k 1 or 3, and a bias of outputs.
    pub fn new(kernel: &Tensor, bias: Option<&Tensor>, walk: Walk, precision: Precision) -> Result<Self> {
        let (outputs, channels, k, across) = kernel.dims4()?;
        if k != across || !(k == 1 || k == 3) || !(1..=2).contains(&walk.stride) {
            bail!("a kernel of {k}×{across} with stride {} is not made for: 1×1 or 3×3, stride 1 or 2", walk.stride);
        }
        let [before, after] = if k == 1 { [0, 0] } else { walk.padding };
        let composed = match precision {
            Precision::Composed => Some((kernel.contiguous()?, bias.cloned())),
            _ => None,
        };
        // The composed form has no use for a second copy.
        let packed = match composed {
            Some(_) => Packed::new(
                &kernel.zeros_like()?.narrow(1, 0, 1)?.narrow(2, 0, 1)?.narrow(3, 0, 1)?.reshape((1, outputs))?,
                None,
                Precision::F32,
            )?,
            None => Packed::turned(kernel, bias, precision)?,
        };
        Ok(Self { packed, composed, channels, kernel: k, stride: walk.stride, before, after })
    }

    /// batch × height × width × inputs → batch × height' × width' × outputs.
    pub fn apply(&self, x: &Tensor, add: Add<'_>) -> Result<Tensor> {
        let (_, height, width, _) = x.dims4()?;
        self.apply_to(x, [height, width], add)
    }

    /// The same of the picture enlarged to `size` (height, width) first, by nearest neighbours.
    pub fn apply_to(&self, x: &Tensor, size: [usize; 2], add: Add<'_>) -> Result<Tensor> {
        let (batch, height, width, channels) = x.dims4()?;
        if channels != self.channels {
            bail!("a convolution of {} channels was given {channels}", self.channels);
        }
        let around = self.before + self.after;
        let walked = |n: usize| (n + around).checked_sub(self.kernel).map(|n| n / self.stride + 1);
        let [tall, broad] = size;
        let (Some(high), Some(wide)) = (walked(tall), walked(broad)) else {
            bail!("the picture of {height}×{width} is too small");
        };
        if let Some((kernel, bias)) = &self.composed {
            let y = composed::convolve(x, (kernel, bias.as_ref()), size, [self.before, self.after], self.stride)?;
            return composed::added(y, add);
        }
        let rows = batch * high * wide;
        let y = with(x, |x| {
            // Where a tap of a pixel of the result lies in the picture.
            let at = |r: usize, tap: usize| {
                let (b, y, x) = (r / (high * wide), r / wide % high, r % wide);
                let (dy, dx) = (tap / self.kernel, tap % self.kernel);
                let place = |at: usize, shift: usize, from: usize, to: usize| {
                    let at = (at * self.stride + shift).checked_sub(self.before).filter(|&at| at < to)?;
                    Some(if from == to { at } else { at * from / to })
                };
                let (y, x) = (place(y, dy, height, tall)?, place(x, dx, width, broad)?);
                Some(((b * height + y) * width + x) * channels)
            };
            if channels.is_multiple_of(32) || self.kernel == 1 {
                return self.run(rows, add, &|r, k| at(r, k / channels).map(|from| &x[from + k % channels..from + channels]));
            }
            // Few channels: laid out after all.
            let inner = self.packed.inputs();
            let mut laid = vec![0f32; rows * inner];
            for (r, laid) in laid.chunks_exact_mut(inner).enumerate() {
                for (tap, laid) in laid.chunks_exact_mut(channels).enumerate() {
                    if let Some(from) = at(r, tap) {
                        laid.copy_from_slice(&x[from..from + channels]);
                    }
                }
            }
            self.run(rows, add, &|r, k| Some(&laid[r * inner + k..(r + 1) * inner]))
        })?;
        Tensor::from_vec(y, (batch, high, wide, self.packed.outputs()), x.device())
    }

    fn run<'x>(&self, rows: usize, add: Add<'_>, line: &(impl Fn(usize, usize) -> Option<&'x [f32]> + Sync)) -> Result<Vec<f32>> {
        add.with(rows, self.packed.outputs(), |onto| self.packed.rows(rows, onto, line))
    }
}
