//! What was prepared from words and works, kept over all steps of a picture.

use candle_core::{Result, Tensor};

/// Words and works, prepared.
#[derive(Debug, Clone)]
pub struct Context {
    /// For every two blocks: batch × others × 2·width, keys and values.
    pub kept: Vec<Tensor>,
    /// batch × width: the words' sum, for the modulation.
    pub pooled: Tensor,
    /// batch × works × tokens × pixels; none for a model without works.
    pub works: Option<Tensor>,
}

impl Context {
    /// Two batches as one.
    pub fn join(&self, other: &Self) -> Result<Self> {
        let cat = |a: &Tensor, b: &Tensor| Tensor::cat(&[a, b], 0);
        Ok(Self {
            kept: self.kept.iter().zip(&other.kept).map(|(a, b)| cat(a, b)).collect::<Result<_>>()?,
            pooled: cat(&self.pooled, &other.pooled)?,
            works: self.works.as_ref().zip(other.works.as_ref()).map(|(a, b)| cat(a, b)).transpose()?,
        })
    }
}
