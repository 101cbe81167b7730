//! The eight neighbours of each patch beside it: what a 3×3 convolution multiplies, as one row.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::{fused, numbers, with};

struct Neighbours;

/// batch × side² × channels → batch × side² × 9·channels; outside is zero.
pub fn neighbours(x: &Tensor) -> Result<Tensor> {
    if fused(x) {
        return x.contiguous()?.apply_op1(Neighbours);
    }
    let (batch, tokens, channels) = x.dims3()?;
    let side = tokens.isqrt();
    let grid = x.reshape((batch, side, side, channels))?.pad_with_zeros(1, 1, 1)?.pad_with_zeros(2, 1, 1)?;
    let taps = (0..9).map(|tap| grid.narrow(1, tap / 3, side)?.narrow(2, tap % 3, side)).collect::<Result<Vec<_>>>()?;
    Tensor::cat(&taps, 3)?.reshape((batch, tokens, 9 * channels))
}

/// Calls `copy(from, to)` with the offsets, in rows of channels, of every neighbour that exists.
fn each(side: usize, mut copy: impl FnMut(usize, usize)) {
    for at in 0..side * side {
        for tap in 0..9 {
            let (y, x) = ((at / side + tap / 3).wrapping_sub(1), (at % side + tap % 3).wrapping_sub(1));
            if y < side && x < side {
                copy(y * side + x, at * 9 + tap);
            }
        }
    }
}

impl CustomOp1 for Neighbours {
    fn name(&self) -> &'static str {
        "neighbours"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, tokens, channels) = lx.shape().dims3()?;
        let x = numbers(x, lx)?;
        let mut y = vec![0f32; x.len() * 9];
        for (x, y) in x.chunks_exact(tokens * channels).zip(y.chunks_exact_mut(tokens * channels * 9)) {
            each(tokens.isqrt(), |from, to| {
                y[to * channels..][..channels].copy_from_slice(&x[from * channels..][..channels]);
            });
        }
        Ok((CpuStorage::F32(y), (batch, tokens, 9 * channels).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let (_, tokens, channels) = x.dims3()?;
        let mut dx = vec![0f32; x.elem_count()];
        with(dy, |dy| {
            for (dx, dy) in dx.chunks_exact_mut(tokens * channels).zip(dy.chunks_exact(tokens * channels * 9)) {
                each(tokens.isqrt(), |from, to| {
                    let gradient = &dy[to * channels..][..channels];
                    dx[from * channels..][..channels].iter_mut().zip(gradient).for_each(|(d, g)| *d += g);
                });
            }
            Ok(())
        })?;
        Ok(Some(Tensor::from_vec(dx, x.shape(), x.device())?))
    }
}
