//! The linear code: each patch, less the mean patch, as coordinates along principal components, each divided by its scale.

use candle_core::{Device, Result, Tensor};

use crate::generation::config::CodeSizes;
use crate::generation::weights::{Loaded, Weights};

/// Encodes and decodes patches by one matrix product.
#[derive(Debug, Clone)]
pub struct PatchCode {
    /// Numbers of a patch: red, then green, then blue, each row by row.
    mean: Tensor,
    /// Patch numbers × code numbers.
    encode: Tensor,
    /// Code numbers × patch numbers.
    decode: Tensor,
    grid: usize,
    patch: usize,
}

impl PatchCode {
    /// Takes `pca.mean`, `pca.basis`, `pca.scale`.
    pub fn load(weights: &mut Weights, config: &CodeSizes) -> Loaded<Self> {
        let numbers = 3 * config.patch * config.patch;
        let mean = weights.take("pca.mean", &[numbers])?;
        let basis = weights.take("pca.basis", &[numbers, config.code])?;
        let scale = weights.take("pca.scale", &[config.code])?;
        let encode = weights.ready(basis.broadcast_div(&scale))?;
        let decode = weights.ready(basis.broadcast_mul(&scale).and_then(|b| b.t()))?;
        Ok(Self { mean, encode, decode, grid: config.grid(), patch: config.patch })
    }

    /// For each number of each patch in turn, where it stands in a picture of three numbers per pixel.
    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let (grid, patch) = (self.grid, self.patch);
        (0..grid * grid).flat_map(move |at| {
            let (top, left) = (at / grid * patch, at % grid * patch);
            (0..3 * patch * patch).map(move |i| {
                let (channel, dy, dx) = (i / (patch * patch), i / patch % patch, i % patch);
                ((top + dy) * grid * patch + left + dx) * 3 + channel
            })
        })
    }

    /// RGB bytes → patches × code numbers.
    pub fn encode(&self, rgb: &[u8], device: &Device) -> Result<Tensor> {
        let numbers: Vec<f32> = self.places().map(|at| f32::from(rgb[at]) / 127.5 - 1.0).collect();
        Tensor::from_vec(numbers, (self.grid * self.grid, 3 * self.patch * self.patch), device)?
            .broadcast_sub(&self.mean)?
            .matmul(&self.encode)
    }

    /// Patches × code numbers → three numbers per pixel, about −1 to 1. Fast and soft.
    pub fn decode(&self, z: &Tensor) -> Result<Vec<f32>> {
        let patches = z.matmul(&self.decode)?.broadcast_add(&self.mean)?.flatten_all()?.to_vec1::<f32>()?;
        let mut picture = vec![0.0; patches.len()];
        for (at, number) in self.places().zip(patches) {
            picture[at] = number;
        }
        Ok(picture)
    }
}
