//! Each fused layer against the same layer composed of candle's plain operations: results and every gradient. And every shape of product
//! against plain arithmetic.

use candle_core::{D, Device, Result, Tensor, Var};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::*;

/// Numbers of mean 0 and deviation about 1: sums of twelve uniform ones.
fn normal(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    (0..count).map(|_| (0..12).map(|_| rng.next_u32() as f32 / u32::MAX as f32).sum::<f32>() - 6.0).collect()
}

fn var(seed: u64, shape: &[usize]) -> Var {
    let count = shape.iter().product();
    Var::from_tensor(&Tensor::from_vec(normal(seed, count), shape, &Device::Cpu).unwrap()).unwrap()
}

/// Greatest difference, relative to the greatest number.
fn apart(a: &Tensor, b: &Tensor) -> f32 {
    let list = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (a, b) = (list(a), list(b));
    assert_eq!(a.len(), b.len());
    let most = b.iter().fold(1e-6f32, |m, x| m.max(x.abs()));
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / most
}

/// Results and gradients of two ways to compute the same, for a loss that weighs every number of the result differently.
fn same(vars: &[&Var], ours: impl Fn() -> Result<Tensor>, theirs: impl Fn() -> Result<Tensor>, tolerance: f32) {
    let (a, b) = (ours().unwrap(), theirs().unwrap());
    assert_eq!(a.dims(), b.dims());
    assert!(apart(&a, &b) < tolerance, "results differ by {}", apart(&a, &b));
    let weights = Tensor::from_vec(normal(99, a.elem_count()), a.shape(), &Device::Cpu).unwrap();
    let gradients = |y: Tensor| (y * &weights).unwrap().sum_all().unwrap().backward().unwrap();
    let (ga, gb) = (gradients(a), gradients(b));
    for (i, var) in vars.iter().enumerate() {
        let (x, y) = (ga.get(var).unwrap_or_else(|| panic!("no gradient for {i}")), gb.get(var).unwrap());
        assert!(apart(x, y) < tolerance, "gradient {i} differs by {}", apart(x, y));
    }
}

#[test]
fn products_of_every_shape() {
    for (m, k, n) in [(1, 1, 1), (3, 5, 7), (32, 32, 32), (33, 65, 31), (64, 256, 96), (17, 1030, 40), (100, 2100, 33)] {
        let (a, b) = (normal(1, m * k), normal(2, k * n));
        let transposed = |x: &[f32], r: usize, c: usize| (0..r * c).map(|i| x[i % r * c + i / r]).collect::<Vec<_>>();
        let (at, bt) = (transposed(&a, m, k), transposed(&b, k, n));
        let stride = n + 3;
        let base = normal(3, m * stride);
        for add in [false, true] {
            let mut expected: Vec<f64> = base.iter().map(|&x| f64::from(x)).collect();
            for r in 0..m {
                for c in 0..n {
                    let sum: f64 = (0..k).map(|i| f64::from(a[r * k + i]) * f64::from(b[i * n + c])).sum();
                    expected[r * stride + c] = sum + if add { f64::from(base[r * stride + c]) } else { 0.0 };
                }
            }
            for precision in [Precision::F32, Precision::Bf16] {
                for (a, b) in [
                    (Matrix::new(&a, m, k), Matrix::new(&b, k, n)),
                    (Matrix::new(&at, k, m).t(), Matrix::new(&b, k, n)),
                    (Matrix::new(&a, m, k), Matrix::new(&bt, n, k).t()),
                    (Matrix::new(&at, k, m).t(), Matrix::new(&bt, n, k).t()),
                ] {
                    let mut out = base.clone();
                    product(&mut out, stride, a, b, add, precision);
                    let tolerance = if precision.here() == Precision::F32 { 1e-4 } else { 2e-2 } * (k as f64).sqrt();
                    for (i, (ours, theirs)) in out.iter().zip(&expected).enumerate() {
                        assert!(
                            (f64::from(*ours) - theirs).abs() < tolerance,
                            "{m}×{k}×{n} {precision:?} at {i}: {ours} {theirs}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn exponential_agrees_with_the_library() {
    for i in -8700..=8800 {
        let x = i as f32 / 100.0;
        let (ours, theirs) = (exp(x), x.exp());
        assert!((ours - theirs).abs() <= 3e-7 * theirs, "{x}: {ours} {theirs}");
    }
    assert!(exp(-1e9) < 1e-37 && exp(f32::NEG_INFINITY) < 1e-37);
}

#[test]
fn linear_layer() {
    let (x, w, b) = (var(1, &[2, 5, 12]), var(2, &[12, 7]), var(3, &[7]));
    let ours = || bias(&linear(&x, &w, Precision::F32, false)?, &b);
    let theirs = || x.reshape(((), 12))?.matmul(&w)?.broadcast_add(&b)?.reshape((2, 5, 7));
    same(&[&x, &w, &b], ours, theirs, 1e-5);
    let frozen = linear(&x, &w, Precision::F32, true).unwrap().sum_all().unwrap().backward().unwrap();
    assert!(frozen.get(&w).is_none() && frozen.get(&x).is_some());
}

#[test]
fn norm_and_gate() {
    let (x, y, m) = (var(1, &[3, 4, 20]), var(2, &[3, 4, 20]), var(3, &[3, 6, 20]));
    let composed_norm = |row: usize| {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + 1e-6)?.sqrt()?;
        let scale = (m.narrow(1, row + 1, 1)? + 1.0)?;
        centred.broadcast_div(&deviation)?.broadcast_mul(&scale)?.broadcast_add(&m.narrow(1, row, 1)?)
    };
    same(&[&x, &m], || norm(&x, &m, 3), || composed_norm(3), 2e-5);
    let composed_gate = || x.as_tensor() + y.broadcast_mul(&(m.narrow(1, 2, 1)? + 1.0)?)?;
    same(&[&x, &y, &m], || gate(&x, &y, &m, 2), composed_gate, 1e-5);
}

#[test]
fn swiglu_layer() {
    let x = var(1, &[2, 3, 40]);
    same(&[&x], || swiglu(&x), || x.narrow(2, 0, 20)?.silu()? * x.narrow(2, 20, 20)?, 1e-5);
}

#[test]
fn neighbours_layer() {
    let x = var(1, &[2, 16, 3]);
    let theirs = || {
        let grid = x.reshape((2, 4, 4, 3))?.pad_with_zeros(1, 1, 1)?.pad_with_zeros(2, 1, 1)?;
        let taps = (0..9).map(|tap| grid.narrow(1, tap / 3, 4)?.narrow(2, tap % 3, 4)).collect::<Result<Vec<_>>>()?;
        Tensor::cat(&taps, 3)?.reshape((2, 16, 27))
    };
    same(&[&x], || neighbours(&x), theirs, 1e-6);
}

#[test]
fn blend_layer() {
    let (a, r) = (var(1, &[2, 4, 3 * 5]), var(2, &[2, 3, 4, 20]));
    let theirs = || {
        let w = a.reshape((2, 4, 3, 5, 1))?.transpose(1, 2)?;
        r.reshape((2, 3, 4, 5, 4))?.broadcast_mul(&w)?.sum(1)?.reshape((2, 4, 20))
    };
    same(&[&a], || blend(&a, &r), theirs, 1e-5);
}

#[test]
fn attention_with_and_without_context() {
    let (heads, width, head) = (2, 16, 8);
    let (qkv, gains) = (var(1, &[2, 5, 3 * width]), var(3, &[2, head]));
    for others in [0, 7] {
        let context = var(2, &[2, others, 2 * width]);
        let theirs = || {
            let split = |x: &Tensor, n: usize| x.contiguous()?.reshape((2, n, heads, head))?.transpose(1, 2)?.contiguous();
            let part = |i: usize| split(&qkv.narrow(2, i * width, width)?, 5);
            let join = |x: Tensor, i: usize| match others {
                0 => Ok(x),
                _ => Tensor::cat(&[x, split(&context.narrow(2, i * width, width)?, others)?], 2),
            };
            let unit = |x: &Tensor, i: usize| {
                x.broadcast_div(&(x.sqr()?.mean_keepdim(D::Minus1)? + 1e-6)?.sqrt()?)?.broadcast_mul(&gains.get(i)?)
            };
            let scores = (unit(&part(0)?, 0)?.matmul(&unit(&join(part(1)?, 0)?, 1)?.t()?)? / (head as f64).sqrt())?;
            let scores = candle_nn::ops::softmax(&scores, D::Minus1)?;
            scores.matmul(&join(part(2)?, 1)?)?.transpose(1, 2)?.reshape((2, 5, width))
        };
        let ours = || attend(&qkv, &context, &gains, heads, Precision::F32);
        if others == 0 {
            same(&[&qkv, &gains], ours, theirs, 2e-5);
        } else {
            same(&[&qkv, &context, &gains], ours, theirs, 2e-5);
        }
    }
}
