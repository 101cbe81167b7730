//! What the linear code leaves out, by a small residual network that doubles its side twice and a last pixel shuffle.

use candle_core::{Result, Tensor};

use crate::generation::config::CodeSizes;
use crate::generation::nn::{Conv3, GroupNorm, Linear, Neighbours, shuffle2, silu};
use crate::generation::weights::{LoadError, Loaded, Weights};

/// Channels at 1×, 2× and 4× the grid's side.
const CHANNELS: [usize; 3] = [160, 80, 32];

/// x + conv(silu(norm(conv(silu(norm x))))).
#[derive(Debug, Clone)]
struct Residual {
    norms: [GroupNorm; 2],
    convs: [Conv3; 2],
}

impl Residual {
    fn load(weights: &mut Weights, name: &str, channels: usize) -> Loaded<Self> {
        let mut norm = |part: &str| GroupNorm::load(weights, &format!("{name}.{part}"), channels);
        let norms = [norm("n1")?, norm("n2")?];
        let mut conv = |part: &str| Conv3::load(weights, &format!("{name}.{part}"), channels, channels);
        Ok(Self { norms, convs: [conv("c1")?, conv("c2")?] })
    }

    fn apply(&self, x: &Tensor, neighbours: &Neighbours) -> Result<Tensor> {
        let mut y = x.clone();
        for (norm, conv) in self.norms.iter().zip(&self.convs) {
            y = conv.apply(&silu(&norm.apply(&y)?)?, neighbours)?;
        }
        x + y
    }
}

/// The tensors `dec.…`.
#[derive(Debug, Clone)]
pub struct Refinement {
    first: Conv3,
    residuals: [Residual; 4],
    doubles: [Linear; 2],
    norm: GroupNorm,
    last: Conv3,
    /// At 1×, 2× and 4×.
    neighbours: [Neighbours; 3],
    grid: usize,
}

impl Refinement {
    /// Takes the tensors.
    pub fn load(weights: &mut Weights, config: &CodeSizes) -> Loaded<Self> {
        let [wide, middle, narrow] = CHANNELS;
        if config.patch != 8 {
            let expected = vec![8];
            let (file, tensor) = ("config.json".to_owned(), "patch".to_owned());
            return Err(LoadError::Shape { file, tensor, expected, found: vec![config.patch] });
        }
        let first = Conv3::load(weights, "dec.c0", config.code, wide)?;
        let residuals = [
            Residual::load(weights, "dec.r0", wide)?,
            Residual::load(weights, "dec.r1", wide)?,
            Residual::load(weights, "dec.r2", middle)?,
            Residual::load(weights, "dec.r3", narrow)?,
        ];
        let doubles = [Self::double(weights, "dec.u0", wide, middle)?, Self::double(weights, "dec.u1", middle, narrow)?];
        let norm = GroupNorm::load(weights, "dec.n", narrow)?;
        let last = Conv3::load(weights, "dec.o", narrow, 12)?;
        let grid = config.grid();
        let neighbours = |times: usize| {
            Neighbours::new(1, grid * times, weights.device())
                .map_err(|e| LoadError::Device { device: "model".into(), cause: e.to_string() })
        };
        let neighbours = [neighbours(1)?, neighbours(2)?, neighbours(4)?];
        Ok(Self { first, residuals, doubles, norm, last, neighbours, grid })
    }

    /// A 1×1 convolution to four times `outputs`, before a pixel shuffle.
    fn double(weights: &mut Weights, name: &str, inputs: usize, outputs: usize) -> Loaded<Linear> {
        let kernel = weights.take(&format!("{name}.weight"), &[4 * outputs, inputs, 1, 1])?;
        let matrix = weights.ready(kernel.reshape((4 * outputs, inputs)).and_then(|k| k.t()))?;
        let bias = weights.take(&format!("{name}.bias"), &[4 * outputs])?;
        Ok(Linear::new(matrix, Some(bias)))
    }

    /// Adds the refinement of the code `z` to a picture of three numbers per pixel.
    pub fn add_to(&self, picture: &mut [f32], z: &Tensor) -> Result<()> {
        let [at1, at2, at4] = &self.neighbours;
        let mut h = self.first.apply(z, at1)?;
        h = self.residuals[0].apply(&h, at1)?;
        h = self.residuals[1].apply(&h, at1)?;
        h = self.residuals[2].apply(&shuffle2(&self.doubles[0].apply(&h)?, self.grid)?, at2)?;
        h = self.residuals[3].apply(&shuffle2(&self.doubles[1].apply(&h)?, 2 * self.grid)?, at4)?;
        h = self.last.apply(&silu(&self.norm.apply(&h)?)?, at4)?;
        // The last pixel shuffle: three channels, twice the side.
        let side = 4 * self.grid;
        for (i, number) in h.flatten_all()?.to_vec1::<f32>()?.into_iter().enumerate() {
            let (pixel, channel, dy, dx) = (i / 12, i % 12 / 4, i / 2 % 2, i % 2);
            let (y, x) = (2 * (pixel / side) + dy, 2 * (pixel % side) + dx);
            picture[(y * 2 * side + x) * 3 + channel] += number;
        }
        Ok(())
    }
}
