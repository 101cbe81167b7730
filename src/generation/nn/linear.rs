//! A matrix product with an optional bias.

use candle_core::{Result, Tensor};

use crate::generation::weights::{Loaded, Weights};

/// y = x·W + b.
#[derive(Debug, Clone)]
pub struct Linear {
    /// Inputs × outputs.
    weight: Tensor,
    /// Outputs.
    bias: Option<Tensor>,
}

impl Linear {
    /// From its parts: `weight` inputs × outputs.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// Takes `name.weight` (outputs × inputs in the file) and, if `bias`, `name.bias`.
    pub fn load(weights: &mut Weights, name: &str, inputs: usize, outputs: usize, bias: bool) -> Loaded<Self> {
        let weight = weights.take(&format!("{name}.weight"), &[outputs, inputs])?;
        let weight = weights.ready(weight.t())?;
        let bias = if bias { Some(weights.take(&format!("{name}.bias"), &[outputs])?) } else { None };
        Ok(Self { weight, bias })
    }

    /// Rows × inputs → rows × outputs.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}
