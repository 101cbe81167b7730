//! A residual sum with a gate from the modulation.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use super::{fused, numbers, vectorised, with};

struct Gate {
    row: usize,
}

/// `x` + (1 + gate)·`y`, all batch × tokens × width, with the gate in row `row` of the modulation (batch × rows × width).
pub fn gate(x: &Tensor, y: &Tensor, modulation: &Tensor, row: usize) -> Result<Tensor> {
    if fused(x) {
        return x.contiguous()?.apply_op3(&y.contiguous()?, &modulation.contiguous()?, Gate { row });
    }
    x + y.broadcast_mul(&(modulation.narrow(1, row, 1)? + 1.0)?)?
}

impl CustomOp3 for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        y: &CpuStorage,
        ly: &Layout,
        m: &CpuStorage,
        lm: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((_, tokens, width), (_, rows, _)) = (lx.shape().dims3()?, lm.shape().dims3()?);
        let (mut out, y, m) = (numbers(x, lx)?.to_vec(), numbers(y, ly)?, numbers(m, lm)?);
        vectorised(|| {
            let size = tokens * width;
            for ((out, y), m) in out.chunks_exact_mut(size).zip(y.chunks_exact(size)).zip(m.chunks_exact(rows * width)) {
                let gates = &m[self.row * width..][..width];
                for (out, y) in out.chunks_exact_mut(width).zip(y.chunks_exact(width)) {
                    out.iter_mut().zip(y).zip(gates).for_each(|((out, y), g)| *out += (1.0 + g) * y);
                }
            }
        });
        Ok((CpuStorage::F32(out), lx.shape().clone()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        y: &Tensor,
        m: &Tensor,
        _: &Tensor,
        d: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let ((_, tokens, width), (_, rows, _)) = (y.dims3()?, m.dims3()?);
        let (mut dy, mut dm) = (vec![0f32; y.elem_count()], vec![0f32; m.elem_count()]);
        with(y, |y| {
            with(m, |m| {
                with(d, |d| {
                    vectorised(|| {
                        let size = tokens * width;
                        for (((y, d), (dy, dm)), m) in y
                            .chunks_exact(size)
                            .zip(d.chunks_exact(size))
                            .zip(dy.chunks_exact_mut(size).zip(dm.chunks_exact_mut(rows * width)))
                            .zip(m.chunks_exact(rows * width))
                        {
                            let gates = &m[self.row * width..][..width];
                            let d_gates = &mut dm[self.row * width..][..width];
                            for ((y, d), dy) in y.chunks_exact(width).zip(d.chunks_exact(width)).zip(dy.chunks_exact_mut(width)) {
                                for i in 0..width {
                                    dy[i] = (1.0 + gates[i]) * d[i];
                                    d_gates[i] += y[i] * d[i];
                                }
                            }
                        }
                    });
                    Ok(())
                })
            })
        })?;
        let dy = Tensor::from_vec(dy, y.shape(), y.device())?;
        Ok((Some(d.clone()), Some(dy), Some(Tensor::from_vec(dm, m.shape(), m.device())?)))
    }
}
