//! Pictures ↔ codes: principal components of 8×8 patches (a fixed linear code), and a small convolutional decoder that refines what the
//! linear code leaves out. No sampling, no training.

mod code;
mod refine;

use candle_core::{Result, Tensor};

pub use code::PatchCode;
use refine::Refinement;

use super::config::CodeSizes;
use super::weights::{Loaded, Weights};

/// Encoder and decoder.
#[derive(Debug, Clone)]
pub struct Autoencoder {
    /// The linear part; alone it makes previews.
    pub code: PatchCode,
    refinement: Refinement,
}

impl Autoencoder {
    /// Takes the tensors `pca.…` and `dec.…`.
    pub fn load(weights: &mut Weights, config: &CodeSizes) -> Loaded<Self> {
        Ok(Self { code: PatchCode::load(weights, config)?, refinement: Refinement::load(weights, config)? })
    }

    /// Patches × code numbers → the picture: rows from the top, three numbers per pixel, about −1 to 1.
    pub fn decode(&self, z: &Tensor) -> Result<Vec<f32>> {
        let mut picture = self.code.decode(z)?;
        self.refinement.add_to(&mut picture, z)?;
        Ok(picture)
    }
}

/// Numbers from −1 to 1 → bytes; what lies outside is cut off.
pub fn to_bytes(picture: &[f32]) -> Vec<u8> {
    picture.iter().map(|&y| ((y.clamp(-1.0, 1.0) + 1.0) * 127.5).round_ties_even() as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::to_bytes;

    #[test]
    fn bytes_are_cut_off_at_both_ends() {
        assert_eq!(to_bytes(&[-9.0, -1.0, 0.0, 0.5, 1.0, 9.0, f32::NAN]), [0, 0, 128, 191, 255, 255, 0]);
    }
}
