//! Layer norm without weights of its own (Ba et al. 2016), then scale and shift from a modulation (adaLN, Peebles and Xie 2023).

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor};

use super::{fold, fused, numbers, vectorised, with};

/// Added to the variance.
const EPSILON: f32 = 1e-6;

struct Norm {
    /// Which row of the modulation is the shift; the next is the scale.
    row: usize,
}

/// `x` batch × tokens × width, `modulation` batch × rows × width: (x − mean)/deviation · (1 + scale) + shift, with shift in row `row` of the
/// modulation and scale in the next.
pub fn norm(x: &Tensor, modulation: &Tensor, row: usize) -> Result<Tensor> {
    if fused(x) {
        return x.contiguous()?.apply_op2(&modulation.contiguous()?, Norm { row });
    }
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + f64::from(EPSILON))?.sqrt()?;
    let scale = (modulation.narrow(1, row + 1, 1)? + 1.0)?;
    centred.broadcast_div(&deviation)?.broadcast_mul(&scale)?.broadcast_add(&modulation.narrow(1, row, 1)?)
}

/// Mean and 1/deviation.
#[inline(always)]
fn moments(x: &[f32]) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = fold(x, x, |x, _| x) / n;
    let variance = fold(x, x, |x, _| (x - mean) * (x - mean)) / n;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

impl CustomOp2 for Norm {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, m: &CpuStorage, lm: &Layout) -> Result<(CpuStorage, Shape)> {
        let ((_, tokens, width), (_, rows, _)) = (lx.shape().dims3()?, lm.shape().dims3()?);
        let (x, m) = (numbers(x, lx)?, numbers(m, lm)?);
        let mut y = vec![0f32; x.len()];
        vectorised(|| {
            let each = x.chunks_exact(tokens * width).zip(y.chunks_exact_mut(tokens * width)).zip(m.chunks_exact(rows * width));
            for ((x, y), m) in each {
                let (shift, scale) = m[self.row * width..][..2 * width].split_at(width);
                for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
                    let (mean, inverse) = moments(x);
                    for ((y, x), (shift, scale)) in y.iter_mut().zip(x).zip(shift.iter().zip(scale)) {
                        *y = (x - mean) * inverse * (1.0 + scale) + shift;
                    }
                }
            }
        });
        Ok((CpuStorage::F32(y), lx.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, m: &Tensor, _: &Tensor, dy: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let ((_, tokens, width), (_, rows, _)) = (x.dims3()?, m.dims3()?);
        let (mut dx, mut dm) = (vec![0f32; x.elem_count()], vec![0f32; m.elem_count()]);
        with(x, |x| {
            with(m, |m| {
                with(dy, |dy| {
                    vectorised(|| {
                        let mut carried = vec![0f32; width];
                        for (((x, dy), (dx, dm)), m) in x
                            .chunks_exact(tokens * width)
                            .zip(dy.chunks_exact(tokens * width))
                            .zip(dx.chunks_exact_mut(tokens * width).zip(dm.chunks_exact_mut(rows * width)))
                            .zip(m.chunks_exact(rows * width))
                        {
                            let scale = &m[(self.row + 1) * width..][..width];
                            let (d_shift, d_scale) = dm[self.row * width..][..2 * width].split_at_mut(width);
                            for ((x, dy), dx) in x.chunks_exact(width).zip(dy.chunks_exact(width)).zip(dx.chunks_exact_mut(width))
                            {
                                let (mean, inverse) = moments(x);
                                for i in 0..width {
                                    let n = (x[i] - mean) * inverse;
                                    d_shift[i] += dy[i];
                                    d_scale[i] += dy[i] * n;
                                    carried[i] = dy[i] * (1.0 + scale[i]);
                                    dx[i] = n;
                                }
                                // dx = (g − mean(g) − n·mean(g·n)) / deviation, with g = dy·(1 + scale) and n the normalised x.
                                let average = fold(&carried, &carried, |g, _| g) / width as f32;
                                let along = fold(&carried, dx, |g, n| g * n) / width as f32;
                                for (dx, g) in dx.iter_mut().zip(&carried) {
                                    *dx = (g - average - *dx * along) * inverse;
                                }
                            }
                        }
                    });
                    Ok(())
                })
            })
        })?;
        Ok((Some(Tensor::from_vec(dx, x.shape(), x.device())?), Some(Tensor::from_vec(dm, m.shape(), m.device())?)))
    }
}
