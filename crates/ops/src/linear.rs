//! x·W, and the sum with a bias.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::product::{Matrix, Precision, product_of};
use super::{fused, numbers, vectorised, with};

struct Linear {
    precision: Precision,
    /// The weight learns nothing: its gradient, a third of the work, is left out.
    frozen: bool,
}

/// … × inputs times inputs × outputs. `frozen` leaves the weight without gradient.
pub fn linear(x: &Tensor, weight: &Tensor, precision: Precision, frozen: bool) -> Result<Tensor> {
    if fused(x) {
        return x.contiguous()?.apply_op2(&weight.contiguous()?, Linear { precision, frozen });
    }
    let weight = if frozen { weight.detach() } else { weight.clone() };
    let (inputs, outputs) = weight.dims2()?;
    let mut shape = x.dims().to_vec();
    *shape.last_mut().unwrap_or(&mut 0) = outputs;
    x.reshape(((), inputs))?.matmul(&weight)?.reshape(shape)
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, w: &CpuStorage, lw: &Layout) -> Result<(CpuStorage, Shape)> {
        let (inputs, outputs) = lw.shape().dims2()?;
        let (x, w) = (numbers(x, lx)?, numbers(w, lw)?);
        let rows = x.len() / inputs;
        let y = product_of(Matrix::new(x, rows, inputs), Matrix::new(w, inputs, outputs), self.precision);
        let mut shape = lx.dims().to_vec();
        *shape.last_mut().unwrap_or(&mut 0) = outputs;
        Ok((CpuStorage::F32(y), shape.into()))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _: &Tensor, dy: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (inputs, outputs) = w.dims2()?;
        let rows = x.elem_count() / inputs;
        with(dy, |dy| {
            let dy = Matrix::new(dy, rows, outputs);
            let dx = with(w, |w| {
                let dx = product_of(dy, Matrix::new(w, inputs, outputs).t(), self.precision);
                Tensor::from_vec(dx, x.shape(), x.device())
            });
            let dw = (!self.frozen).then(|| {
                with(x, |x| {
                    let dw = product_of(Matrix::new(x, rows, inputs).t(), dy, self.precision);
                    Tensor::from_vec(dw, w.shape(), w.device())
                })
            });
            Ok((Some(dx?), dw.transpose()?))
        })
    }
}

struct Bias;

/// … × n plus a row of n.
pub fn bias(x: &Tensor, row: &Tensor) -> Result<Tensor> {
    if fused(x) { x.contiguous()?.apply_op2(&row.contiguous()?, Bias) } else { x.broadcast_add(row) }
}

impl CustomOp2 for Bias {
    fn name(&self) -> &'static str {
        "bias"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, b: &CpuStorage, lb: &Layout) -> Result<(CpuStorage, Shape)> {
        let (mut y, b) = (numbers(x, lx)?.to_vec(), numbers(b, lb)?);
        vectorised(|| y.chunks_exact_mut(b.len()).for_each(|row| row.iter_mut().zip(b).for_each(|(y, b)| *y += b)));
        Ok((CpuStorage::F32(y), lx.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, b: &Tensor, _: &Tensor, dy: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let n = b.elem_count();
        let db = with(dy, |dy| {
            let mut db = vec![0f32; n];
            vectorised(|| dy.chunks_exact(n).for_each(|row| db.iter_mut().zip(row).for_each(|(d, g)| *d += g)));
            Tensor::from_vec(db, b.shape(), b.device())
        })?;
        Ok((Some(dy.clone()), Some(db)))
    }
}
