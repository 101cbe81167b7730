//! 3×3 convolution as a gather of nine neighbours and one matrix product; and pixel shuffle.

use candle_core::{Device, Result, Tensor};

use super::linear::Linear;
use crate::generation::weights::{Loaded, Weights};

/// For each pixel of `images` square images, the row numbers of its nine neighbours, itself in the middle.
#[derive(Debug, Clone)]
pub struct Neighbours {
    rows: Tensor,
    pixels: usize,
}

impl Neighbours {
    /// For images of `side` × `side` pixels, one after another.
    pub fn new(images: usize, side: usize, device: &Device) -> Result<Self> {
        let mut rows = Vec::with_capacity(images * side * side * 9);
        let inside = |at: usize, shift: usize| (at + shift).checked_sub(1).filter(|&at| at < side);
        for image in 0..images {
            for (y, x) in (0..side * side).map(|pixel| (pixel / side, pixel % side)) {
                for (dy, dx) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                    let neighbour = inside(y, dy).zip(inside(x, dx)).map(|(y, x)| ((image * side + y) * side + x) as u32);
                    // The greatest number stands for a row of zeros in candle's `index_select`.
                    rows.push(neighbour.unwrap_or(u32::MAX));
                }
            }
        }
        Ok(Self { rows: Tensor::new(rows, device)?, pixels: images * side * side })
    }

    /// Pixels × channels → pixels × 9·channels.
    fn gather(&self, x: &Tensor) -> Result<Tensor> {
        x.index_select(&self.rows, 0)?.reshape((self.pixels, ()))
    }
}

/// A 3×3 convolution with zero padding.
#[derive(Debug, Clone)]
pub struct Conv3(Linear);

impl Conv3 {
    /// From a kernel of outputs × inputs × 3 × 3 and a bias.
    pub fn new(weights: &Weights, kernel: &Tensor, bias: Option<Tensor>) -> Loaded<Self> {
        let (outputs, inputs, ..) = weights.ready(Ok(kernel.clone()))?.dims4().unwrap_or_default();
        let by_tap = kernel.permute((2, 3, 1, 0)).and_then(|k| k.reshape((9 * inputs, outputs)));
        Ok(Self(Linear::new(weights.ready(by_tap)?, bias)))
    }

    /// Takes `name.weight` and `name.bias`.
    pub fn load(weights: &mut Weights, name: &str, inputs: usize, outputs: usize) -> Loaded<Self> {
        let kernel = weights.take(&format!("{name}.weight"), &[outputs, inputs, 3, 3])?;
        let bias = weights.take(&format!("{name}.bias"), &[outputs])?;
        Self::new(weights, &kernel, Some(bias))
    }

    /// Pixels × inputs → pixels × outputs.
    pub fn apply(&self, x: &Tensor, neighbours: &Neighbours) -> Result<Tensor> {
        self.0.apply(&neighbours.gather(x)?)
    }
}

/// Pixel shuffle by 2: one image of `side`² pixels × 4·channels → (2·side)² pixels × channels.
pub fn shuffle2(x: &Tensor, side: usize) -> Result<Tensor> {
    let channels = x.dim(1)? / 4;
    x.reshape((side, side, channels, 2, 2))?.permute((0, 3, 1, 4, 2))?.contiguous()?.reshape((4 * side * side, channels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_stop_at_every_edge() {
        let neighbours = Neighbours::new(2, 3, &Device::Cpu).unwrap();
        let rows = neighbours.rows.to_vec1::<u32>().unwrap();
        let o = u32::MAX;
        assert_eq!(rows[..9], [o, o, o, o, 0, 1, o, 3, 4]);
        assert_eq!(rows[4 * 9..5 * 9], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(rows[8 * 9..9 * 9], [4, 5, o, 7, 8, o, o, o, o]);
        // The second image does not look into the first.
        assert_eq!(rows[9 * 9..10 * 9], [o, o, o, o, 9, 10, o, 12, 13]);
    }

    #[test]
    fn outside_counts_as_zero() {
        let neighbours = Neighbours::new(1, 2, &Device::Cpu).unwrap();
        let x = Tensor::new(&[[1f32], [2.0], [3.0], [4.0]], &Device::Cpu).unwrap();
        let gathered = neighbours.gather(&x).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(gathered[0], [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 4.0]);
    }

    #[test]
    fn shuffle_follows_the_usual_order() {
        // One pixel of 2·4 channels → 2×2 pixels of 2: channel c of pixel (dy, dx) comes from c·4 + dy·2 + dx.
        let x = Tensor::new(&[[0f32, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]], &Device::Cpu).unwrap();
        let y = shuffle2(&x, 1).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(y, [[0.0, 4.0], [1.0, 5.0], [2.0, 6.0], [3.0, 7.0]]);
    }
}
