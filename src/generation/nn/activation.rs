//! Activations.

use candle_core::{Result, Tensor};

/// x·σ(x).
pub fn silu(x: &Tensor) -> Result<Tensor> {
    x.silu()
}

/// The tanh form of GELU (Hendrycks and Gimpel 2016), which equals x·σ(2u) with 2u = x·(a + b·x²), a = 2√(2/π), b = 0.044715·a.
///
/// Written as silu(2u) ÷ (a + b·x²): candle's own takes six times as long, for its tanh.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    const A: f64 = 1.595_769_121_605_730_7;
    let slope = x.sqr()?.affine(0.044_715 * A, A)?;
    x.mul(&slope)?.silu()?.div(&slope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn gelu_is_the_tanh_form() {
        let xs: Vec<f32> = (-80..=80).map(|i| i as f32 / 8.0).chain([-1e4, 1e4, 0.0, 1e-6]).collect();
        let ours = gelu(&Tensor::new(&xs[..], &Device::Cpu).unwrap()).unwrap().to_vec1::<f32>().unwrap();
        for (x, y) in xs.iter().map(|&x| f64::from(x)).zip(ours) {
            let expected = 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh());
            assert!((f64::from(y) - expected).abs() <= 2e-6 * (1.0 + x.abs()), "{x}: {y} {expected}");
        }
    }
}
