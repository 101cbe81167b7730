//! Activations over whole tensors, forward only.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::{composed, exp, fused, vectorised, with};

/// Numbers of one task.
const SOME: usize = 1 << 14;

/// What is done to each number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x·σ(x).
    Silu,
    /// x·Φ(x), with the error function.
    Gelu,
    /// The same, approximated by tanh (Hendrycks and Gimpel 2016).
    GeluTanh,
    /// x·σ(1.702·x).
    QuickGelu,
}

impl Activation {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        match self {
            Self::Silu => x / (1.0 + exp(-x)),
            Self::Gelu => 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)),
            Self::GeluTanh => {
                let inner = 0.797_884_6 * (x + 0.044_715 * x * x * x);
                x / (1.0 + exp(-2.0 * inner))
            }
            Self::QuickGelu => x / (1.0 + exp(-1.702 * x)),
        }
    }

    /// Of every number.
    pub fn apply(self, x: &Tensor) -> Result<Tensor> {
        if !fused(x) {
            return composed::activate(self, x);
        }
        let y = with(x, |x| {
            let mut y = vec![0f32; x.len()];
            y.par_chunks_mut(SOME).zip(x.par_chunks(SOME)).for_each(|(y, x)| {
                // One loop for each, so that none asks in every turn.
                vectorised(|| match self {
                    Self::Silu => y.iter_mut().zip(x).for_each(|(y, x)| *y = Self::Silu.of(*x)),
                    Self::Gelu => y.iter_mut().zip(x).for_each(|(y, x)| *y = Self::Gelu.of(*x)),
                    Self::GeluTanh => y.iter_mut().zip(x).for_each(|(y, x)| *y = Self::GeluTanh.of(*x)),
                    Self::QuickGelu => y.iter_mut().zip(x).for_each(|(y, x)| *y = Self::QuickGelu.of(*x)),
                });
            });
            Ok(y)
        })?;
        Tensor::from_vec(y, x.shape(), x.device())
    }
}

/// … × 2n → … × n: the first half times GELU of the second (GEGLU, Shazeer 2020).
pub fn geglu(x: &Tensor) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let Some(last) = shape.last_mut().filter(|n| n.is_multiple_of(2)) else { bail!("{:?} has no two halves", x.dims()) };
    *last /= 2;
    let n = *last;
    if !fused(x) {
        return composed::geglu(x);
    }
    let y = with(x, |x| {
        let mut y = vec![0f32; x.len() / 2];
        let rows = (SOME / n.max(1)).max(1);
        y.par_chunks_mut(rows * n).zip(x.par_chunks(rows * 2 * n)).for_each(|(y, x)| {
            vectorised(|| {
                for (y, x) in y.chunks_exact_mut(n).zip(x.chunks_exact(2 * n)) {
                    let (a, b) = x.split_at(n);
                    y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (a, b))| *y = a * Activation::Gelu.of(*b));
                }
            });
        });
        Ok(y)
    })?;
    Tensor::from_vec(y, shape, x.device())
}

/// The error function within 1.5·10⁻⁷ (Abramowitz and Stegun 7.1.26), free of branches.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let a = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * a);
    let p = 1.061_405_4;
    let p = p * t - 1.453_152;
    let p = p * t + 1.421_413_7;
    let p = p * t - 0.284_496_74;
    let p = p * t + 0.254_829_6;
    (1.0 - p * t * exp(-a * a)).copysign(x)
}
