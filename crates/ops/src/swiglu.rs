//! The gated activation silu(a)·b (Shazeer 2020).

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor};

use super::{exp, fused, numbers, vectorised, with};

struct SwiGlu;

/// … × 2n → … × n: the first half, through SiLU, times the second.
pub fn swiglu(x: &Tensor) -> Result<Tensor> {
    if fused(x) {
        return x.contiguous()?.apply_op1(SwiGlu);
    }
    let n = x.dim(D::Minus1)? / 2;
    x.narrow(D::Minus1, 0, n)?.silu()? * x.narrow(D::Minus1, n, n)?
}

impl CustomOp1 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut shape = lx.dims().to_vec();
        let n = shape.last().copied().unwrap_or(0) / 2;
        *shape.last_mut().unwrap_or(&mut 0) = n;
        let x = numbers(x, lx)?;
        let mut y = vec![0f32; x.len() / 2];
        vectorised(|| {
            for (x, y) in x.chunks_exact(2 * n).zip(y.chunks_exact_mut(n)) {
                let (a, b) = x.split_at(n);
                y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (a, b))| *y = a / (1.0 + exp(-a)) * b);
            }
        });
        Ok((CpuStorage::F32(y), shape.into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let n = x.dim(D::Minus1)? / 2;
        let mut dx = vec![0f32; x.elem_count()];
        with(x, |x| {
            with(dy, |dy| {
                vectorised(|| {
                    for ((x, dy), dx) in x.chunks_exact(2 * n).zip(dy.chunks_exact(n)).zip(dx.chunks_exact_mut(2 * n)) {
                        let ((a, b), (da, db)) = (x.split_at(n), dx.split_at_mut(n));
                        for i in 0..n {
                            let s = 1.0 / (1.0 + exp(-a[i]));
                            da[i] = dy[i] * b[i] * s * (1.0 + a[i] * (1.0 - s));
                            db[i] = dy[i] * a[i] * s;
                        }
                    }
                });
                Ok(())
            })
        })?;
        Ok(Some(Tensor::from_vec(dx, x.shape(), x.device())?))
    }
}
