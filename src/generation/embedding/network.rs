//! The network: four 3×3 convolutions on ever coarser grids, a pooled row, a point on the unit sphere.

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Result, Tensor};
use colophon_ops::{Precision, bias, linear, neighbours, norm};

use crate::digest::blake3_of;
use crate::generation::config::ModelFile;
use crate::generation::noise;
use crate::generation::weights::{LoadError, Weights};

/// Side of the picture it looks at.
pub const SIDE: usize = 48;
/// Numbers it answers with.
pub const WIDTH: usize = 64;
/// Channels of each layer.
const CHANNELS: [usize; 4] = [32, 64, 128, 192];
/// Layers before which 2×2 pixels become one with four times the channels.
const COARSER: usize = 3;
/// Exponent of the pooling (generalised mean, Radenović et al. 2018).
const POWER: f64 = 3.0;
/// Keeps roots away from zero.
const FLOOR: f64 = 1e-6;
/// The numbers come as whole ones, this much for 1.
const UNIT: f32 = 127.0;

/// Name and shape of each parameter; matrices are inputs × outputs.
pub(super) fn shapes() -> Vec<(String, Vec<usize>)> {
    let mut all = Vec::new();
    let mut inputs = 3;
    for (layer, outputs) in CHANNELS.into_iter().enumerate() {
        inputs *= if layer < COARSER { 4 } else { 1 };
        all.push((format!("layer{layer}.w"), vec![9 * inputs, outputs]));
        all.push((format!("layer{layer}.b"), vec![outputs]));
        all.push((format!("layer{layer}.norm"), vec![1, 2, outputs]));
        inputs = outputs;
    }
    all.extend([("out.w".to_owned(), vec![inputs, WIDTH]), ("out.b".to_owned(), vec![WIDTH])]);
    all
}

/// Where training begins: normal numbers for the matrices (He et al. 2015), zero for the rest. `seed` and the name decide.
pub(super) fn first(seed: u64, name: &str, shape: &[usize]) -> Vec<f32> {
    let count = shape.iter().product();
    if !name.ends_with(".w") {
        return vec![0.0; count];
    }
    let key = blake3_of(format!("{seed} {name}").as_bytes());
    let key = u64::from_le_bytes(key.0[..8].try_into().unwrap_or_default());
    let deviation = (2.0 / shape[0] as f32).sqrt();
    noise::normal(key, count).into_iter().map(|x| x * deviation).collect()
}

/// batch × 48² × 3 colours of −1..=1 → batch × 64, each row of length 1.
pub(super) fn forward(parameters: &BTreeMap<String, Tensor>, pictures: &Tensor) -> Result<Tensor> {
    let of = |name: String| {
        parameters.get(&name).ok_or_else(|| candle_core::Error::Msg(format!("the embedding's weights lack `{name}`")))
    };
    let batch = pictures.dim(0)?;
    let (mut x, mut side) = (pictures.clone(), SIDE);
    for (layer, width) in CHANNELS.into_iter().enumerate() {
        if layer < COARSER {
            (x, side) = (coarser(&x, side)?, side / 2);
        }
        let product = linear(&neighbours(&x)?, of(format!("layer{layer}.w"))?, Precision::F32, false)?;
        let gains = of(format!("layer{layer}.norm"))?.broadcast_as((batch, 2, width))?.contiguous()?;
        x = norm(&bias(&product, of(format!("layer{layer}.b"))?)?, &gains, 0)?.relu()?;
    }
    let pooled = (x.sqr()?.mul(&x)?.mean(1)? + FLOOR)?.powf(1.0 / POWER)?;
    let row = bias(&linear(&pooled, of("out.w".into())?, Precision::F32, false)?, of("out.b".into())?)?;
    unit(&row)
}

/// Rows of length 1.
fn unit(rows: &Tensor) -> Result<Tensor> {
    rows.broadcast_div(&(rows.sqr()?.sum_keepdim(D::Minus1)? + FLOOR)?.sqrt()?)
}

/// batch × side² × channels → batch × (side/2)² × 4·channels.
fn coarser(x: &Tensor, side: usize) -> Result<Tensor> {
    let (batch, _, channels) = x.dims3()?;
    let half = side / 2;
    let blocks = x.reshape((batch, half, 2, half, 2 * channels))?.permute((0, 1, 3, 2, 4))?;
    blocks.contiguous()?.reshape((batch, half * half, 4 * channels))
}

/// The trained network.
#[derive(Debug)]
pub struct Embedder {
    parameters: BTreeMap<String, Tensor>,
}

impl Embedder {
    /// Reads a file of weights.
    ///
    /// # Errors
    /// [`LoadError`] when the file is damaged, lacks a parameter, or has one of another shape.
    pub fn read(file: &ModelFile) -> std::result::Result<Self, LoadError> {
        let mut weights = Weights::open(file, &Device::Cpu)?;
        let read = |(name, shape): (String, Vec<usize>)| {
            let tensor = weights.take(&name, &shape)?;
            Ok::<_, LoadError>((name, tensor))
        };
        let parameters = shapes().into_iter().map(read).collect::<std::result::Result<_, _>>()?;
        weights.finish()?;
        Ok(Self { parameters })
    }

    /// With these numbers, one row for each of [`shapes`].
    pub(super) const fn new(parameters: BTreeMap<String, Tensor>) -> Self {
        Self { parameters }
    }

    /// Of 48×48 RGB, 8 bits each, row by row: 64 whole numbers, together of length 127. The picture's eight poses (turned and mirrored) give
    /// the same numbers: each is looked at, and the answers are averaged in a fixed order.
    ///
    /// # Errors
    /// When the picture has another size, in the words of the tensor library.
    pub fn describe(&self, rgb: &[u8]) -> std::result::Result<[i8; WIDTH], String> {
        self.mean_of_poses(rgb).map_err(|e| e.to_string())
    }

    fn mean_of_poses(&self, rgb: &[u8]) -> Result<[i8; WIDTH]> {
        let plain: Vec<f32> = rgb.iter().map(|&x| f32::from(x) / 127.5 - 1.0).collect();
        let x = Tensor::from_vec(plain, (SIDE, SIDE, 3), &Device::Cpu)?;
        let turned = x.transpose(0, 1)?.contiguous()?;
        let mirrored = |x: &Tensor, dim| -> Result<Tensor> { x.index_select(&backwards()?, dim) };
        let mut poses = Vec::with_capacity(8);
        for x in [x, turned] {
            let upside_down = mirrored(&x, 0)?;
            poses.extend([mirrored(&x, 1)?, mirrored(&upside_down, 1)?, upside_down, x]);
        }
        let batch = Tensor::stack(&poses, 0)?.reshape((8, SIDE * SIDE, 3))?;
        let row = unit(&forward(&self.parameters, &batch)?.mean_keepdim(0)?)?.to_dtype(DType::F32)?.flatten_all()?;
        let numbers = row.to_vec1::<f32>()?;
        Ok(std::array::from_fn(|i| (numbers[i] * UNIT).round() as i8))
    }
}

fn backwards() -> Result<Tensor> {
    Tensor::from_vec((0..SIDE as u32).rev().collect::<Vec<_>>(), SIDE, &Device::Cpu)
}
