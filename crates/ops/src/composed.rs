//! The layers of pictures composed of candle's plain operations: on any device, in the number type of their weights.
//!
//! Norms are computed in f32 and attention in the type of its inputs: turning queries, keys and values to f32 first, as candle's own models do,
//! costs twice the memory and most of the speed of a device.

use candle_core::{D, DType, Result, Tensor, bail};

use super::Activation;
use super::packed::Add;

/// Queries whose scores are held at once.
const QUERIES: usize = 1024;

/// What is added to a result of … × outputs.
pub(crate) fn added(y: Tensor, add: Add<'_>) -> Result<Tensor> {
    match add {
        Add::Nothing => Ok(y),
        Add::Same(x) => &y + x.reshape(y.shape())?,
        Add::Batch(x) => {
            let (batch, outputs) = x.dims2()?;
            let rows = y.elem_count() / outputs.max(1);
            if batch == 0 || !rows.is_multiple_of(batch) || y.dims().last() != Some(&outputs) {
                bail!("what is added to each picture has {:?} numbers, not batch × {:?}", x.dims(), y.dims().last());
            }
            y.reshape((batch, rows / batch, outputs))?.broadcast_add(&x.unsqueeze(1)?)?.reshape(y.shape())
        }
    }
}

/// x·W + bias: … × inputs → … × outputs.
pub(crate) fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (inputs, outputs) = weight.dims2()?;
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = outputs;
    }
    let y = x.contiguous()?.reshape(((), inputs))?.matmul(weight)?;
    match bias {
        Some(bias) => y.broadcast_add(bias),
        None => Ok(y),
    }?
    .reshape(shape)
}

/// A convolution of batch × height × width × channels, enlarged to `size` first; `padding` before and after, `stride` 1 or 2.
pub(crate) fn convolve(
    x: &Tensor,
    (kernel, bias): (&Tensor, Option<&Tensor>),
    [high, wide]: [usize; 2],
    [before, after]: [usize; 2],
    stride: usize,
) -> Result<Tensor> {
    let (_, height, width, _) = x.dims4()?;
    let x = x.permute((0, 3, 1, 2))?.contiguous()?;
    let x = if [height, width] == [high, wide] { x } else { x.upsample_nearest2d(high, wide)? };
    let (x, padding) = match before == after {
        true => (x, before),
        false => (x.pad_with_zeros(2, before, after)?.pad_with_zeros(3, before, after)?, 0),
    };
    let y = x.conv2d(kernel, padding, stride, 1, 1)?.permute((0, 2, 3, 1))?.contiguous()?;
    match bias {
        Some(bias) => y.broadcast_add(bias),
        None => Ok(y),
    }
}

/// Each picture's channels normalised in groups.
pub(crate) fn groups(x: &Tensor, gain: &Tensor, shift: &Tensor, groups: usize, epsilon: f64) -> Result<Tensor> {
    let (batch, channels) = (x.dim(0)?, x.dim(D::Minus1)?);
    let all = x.to_dtype(DType::F32)?.reshape((batch, (), groups, channels / groups))?;
    let mean = |t: &Tensor| t.mean_keepdim(3)?.mean_keepdim(1);
    let apart = all.broadcast_sub(&mean(&all)?)?;
    let root = (mean(&apart.sqr()?)? + epsilon)?.sqrt()?;
    let y = apart.broadcast_div(&root)?.reshape(x.shape())?;
    y.broadcast_mul(gain)?.broadcast_add(shift)?.to_dtype(x.dtype())
}

/// Each row normalised by itself.
pub(crate) fn rows(x: &Tensor, gain: &Tensor, shift: &Tensor, epsilon: f64) -> Result<Tensor> {
    let all = x.to_dtype(DType::F32)?;
    let apart = all.broadcast_sub(&all.mean_keepdim(D::Minus1)?)?;
    let root = (apart.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?;
    apart.broadcast_div(&root)?.broadcast_mul(gain)?.broadcast_add(shift)?.to_dtype(x.dtype())
}

/// Attention; shapes as [`look`](super::look()) takes them.
pub(crate) fn look(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    let (batch, tokens, width) = q.dims3()?;
    let others = k.dim(1)?;
    let size = width / heads;
    let split = |x: &Tensor| x.reshape((batch, (), heads, size))?.transpose(1, 2)?.contiguous();
    let (q, k, v) = ((split(q)? / (size as f64).sqrt())?, split(k)?.transpose(2, 3)?.contiguous()?, split(v)?);
    let mut parts = Vec::with_capacity(tokens.div_ceil(QUERIES));
    for first in (0..tokens).step_by(QUERIES) {
        let some = QUERIES.min(tokens - first);
        let mut scores = q.narrow(2, first, some)?.contiguous()?.matmul(&k)?;
        if causal {
            let hidden = (first..first + some).flat_map(|t| (0..others).map(move |o| if o > t { -1e4f32 } else { 0.0 }));
            let mask = Tensor::from_iter(hidden, q.device())?.reshape((some, others))?.to_dtype(scores.dtype())?;
            scores = scores.broadcast_add(&mask)?;
        }
        let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let seen = scores.matmul(&v)?;
        parts.push(seen.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?);
    }
    Tensor::cat(&parts, 2)?.transpose(1, 2)?.contiguous()?.reshape((batch, tokens, width))
}

/// An activation.
pub(crate) fn activate(activation: Activation, x: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::Silu => x.silu(),
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
        Activation::QuickGelu => x / ((x * -1.702)?.exp()? + 1.0)?,
    }
}

/// The first half times GELU of the second.
pub(crate) fn geglu(x: &Tensor) -> Result<Tensor> {
    let n = x.dim(D::Minus1)? / 2;
    x.narrow(D::Minus1, 0, n)? * x.narrow(D::Minus1, n, n)?.gelu_erf()?
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    #[test]
    fn composed_and_fused_say_the_same() {
        let x = Tensor::from_vec((0..480).map(|i| (i as f32 * 0.37).sin() * 3.0).collect(), (2, 4, 3, 20), &Device::Cpu).unwrap();
        let near = |a: &Tensor, b: &Tensor| {
            let apart = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
            assert!(apart < 1e-5, "{apart}");
        };
        for activation in [Activation::Silu, Activation::Gelu, Activation::GeluTanh, Activation::QuickGelu] {
            near(&activate(activation, &x).unwrap(), &activation.apply(&x).unwrap());
        }
        near(&geglu(&x).unwrap(), &super::super::geglu(&x).unwrap());
    }
}
