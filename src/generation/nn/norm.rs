//! Normalisations.

use candle_core::{D, Device, Result, Tensor};

use crate::generation::weights::{Loaded, Weights};

/// Normalises each row to mean 0 and variance 1 (ε = 1e-5), then scales and shifts by channel. It has no weights of its own.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    one: Tensor,
    zero: Tensor,
}

impl LayerNorm {
    /// For rows of `width` channels.
    pub fn new(width: usize, device: &Device) -> Result<Self> {
        Ok(Self {
            one: Tensor::ones(width, candle_core::DType::F32, device)?,
            zero: Tensor::zeros(width, candle_core::DType::F32, device)?,
        })
    }

    /// Without scale and shift.
    pub fn plain(&self, x: &Tensor) -> Result<Tensor> {
        Self::scaled(x, &self.one, &self.zero)
    }

    /// With scale and shift, one number per channel.
    pub fn scaled(x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
        candle_nn::ops::layer_norm(x, scale, shift, 1e-5)
    }
}

/// Divides each row by its root mean square (ε = 1e-6 under the root), times `scale` by channel.
pub fn rms_norm(x: &Tensor, scale: &Tensor) -> Result<Tensor> {
    candle_nn::ops::rms_norm(x, scale, 1e-6)
}

/// Normalises over all rows and a group of channels, eight groups (Wu and He 2018, ε = 1e-5).
#[derive(Debug, Clone)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
}

impl GroupNorm {
    const GROUPS: usize = 8;

    /// Takes `name.weight` and `name.bias`.
    pub fn load(weights: &mut Weights, name: &str, channels: usize) -> Loaded<Self> {
        Ok(Self {
            weight: weights.take(&format!("{name}.weight"), &[channels])?,
            bias: weights.take(&format!("{name}.bias"), &[channels])?,
        })
    }

    /// Pixels × channels → the same.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let channels = x.dim(D::Minus1)?;
        let centred = x.broadcast_sub(&Self::by_group(&x.mean_keepdim(0)?, channels)?)?;
        let deviation = (Self::by_group(&centred.sqr()?.mean_keepdim(0)?, channels)? + 1e-5)?.sqrt()?;
        let scale = self.weight.unsqueeze(0)?.div(&deviation)?;
        centred.broadcast_mul(&scale)?.broadcast_add(&self.bias)
    }

    /// 1 × channels: each channel's number becomes the mean of its group.
    fn by_group(x: &Tensor, channels: usize) -> Result<Tensor> {
        let size = channels / Self::GROUPS;
        x.reshape((Self::GROUPS, size))?.mean_keepdim(1)?.broadcast_as((Self::GROUPS, size))?.contiguous()?.reshape((1, channels))
    }
}
