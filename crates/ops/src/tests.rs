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

mod drawing {
    //! Layers of pictures, each compared with candle's plain operations.

    use candle_core::{D, Device, Tensor};

    use crate::{Activation, Add, Convolution, Norm, Packed, Precision, Walk, geglu, look};

    fn some(shape: &[usize], seed: u32) -> Tensor {
        let n: usize = shape.iter().product();
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        let numbers: Vec<f32> = (0..n)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
    }

    /// Largest difference, by the largest number.
    fn apart(a: &Tensor, b: &Tensor) -> f32 {
        assert_eq!(a.dims(), b.dims());
        let most = |t: &Tensor| t.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
        most(&(a - b).unwrap()) / most(b).max(1e-6)
    }

    const WAYS: [(Precision, f32); 3] = [(Precision::F32, 2e-6), (Precision::Split, 3e-5), (Precision::Composed, 2e-6)];

    #[test]
    fn packed_products_of_every_shape() {
        for (rows, inputs, outputs) in [(1, 1, 1), (5, 7, 3), (33, 64, 32), (300, 100, 70), (600, 1100, 40), (2, 2048, 500)] {
            let (x, w, b) = (some(&[rows, inputs], 1), some(&[inputs, outputs], 2), some(&[outputs], 3));
            let onto = some(&[rows, outputs], 4);
            let expected = x.matmul(&w).unwrap().broadcast_add(&b).unwrap();
            for (precision, most) in WAYS {
                let packed = Packed::new(&w, Some(&b), precision).unwrap();
                assert!(
                    apart(&packed.apply(&x, Add::Nothing).unwrap(), &expected) < most,
                    "{rows} {inputs} {outputs} {precision:?}"
                );
                let sum = (&expected + &onto).unwrap();
                assert!(
                    apart(&packed.apply(&x, Add::Same(&onto)).unwrap(), &sum) < most,
                    "{rows} {inputs} {outputs} {precision:?}"
                );
                // Weights that lie with their rows for columns, as a linear layer keeps them.
                let turned = Packed::new(&w.t().unwrap().contiguous().unwrap().t().unwrap(), Some(&b), precision).unwrap();
                assert!(apart(&turned.apply(&x, Add::Nothing).unwrap(), &expected) < most);
            }
        }
        let packed = Packed::new(&some(&[4, 2], 1), None, Precision::F32).unwrap();
        assert!(
            packed.apply(&some(&[3, 5], 1), Add::Nothing).is_err()
                && packed.apply(&some(&[3, 4], 1), Add::Same(&some(&[2, 2], 1))).is_err()
        );
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let (x, w) = (some(&[700, 320], 1), some(&[320, 96], 2));
        for (precision, _) in WAYS {
            let packed = Packed::new(&w, None, precision).unwrap();
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| packed.apply(&x, Add::Nothing).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap())
            };
            assert!(on(1) == on(2) && on(2) == on(5), "{precision:?}");
        }
    }

    #[test]
    fn convolutions_are_candles() {
        for (channels, outputs, k, high, wide) in
            [(4, 8, 3, 5, 6), (32, 16, 3, 8, 8), (64, 40, 3, 6, 10), (3, 5, 1, 4, 4), (64, 32, 1, 3, 7)]
        {
            let (x, kernel, bias) =
                (some(&[2, high, wide, channels], 1), some(&[outputs, channels, k, k], 2), some(&[outputs], 3));
            let first = x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
            for (walk, padding, times) in [
                (Walk::SAME, (1, 1), 1),
                (Walk::HALF, (1, 1), 1),
                (Walk::SAME, (1, 1), 2),
                (Walk { stride: 2, padding: [0, 1] }, (0, 1), 1),
            ] {
                if k == 1 && (walk != Walk::SAME || times > 1) {
                    continue;
                }
                let mut from = first.clone();
                if times > 1 {
                    from = from.upsample_nearest2d(high * 2, wide * 2).unwrap();
                }
                if k == 3 {
                    from = from.pad_with_zeros(2, padding.0, padding.1).unwrap().pad_with_zeros(3, padding.0, padding.1).unwrap();
                }
                let expected = from.conv2d(&kernel, 0, walk.stride, 1, 1).unwrap();
                let expected = expected.broadcast_add(&bias.reshape((1, outputs, 1, 1)).unwrap()).unwrap();
                let expected = expected.permute((0, 2, 3, 1)).unwrap().contiguous().unwrap();
                for (precision, most) in WAYS {
                    let convolution = Convolution::new(&kernel, Some(&bias), walk, precision).unwrap();
                    let got = convolution.apply_to(&x, [high * times, wide * times], Add::Nothing).unwrap();
                    assert!(apart(&got, &expected) < most, "{channels} {k} {walk:?} {precision:?}");
                    let twice = convolution.apply_to(&x, [high * times, wide * times], Add::Same(&expected)).unwrap();
                    assert!(apart(&twice, &(&expected * 2.0).unwrap()) < most);
                    let each = some(&[2, outputs], 5);
                    let shifted = expected.broadcast_add(&each.reshape((2, 1, 1, outputs)).unwrap()).unwrap();
                    let got = convolution.apply_to(&x, [high * times, wide * times], Add::Batch(&each)).unwrap();
                    assert!(apart(&got, &shifted) < most);
                }
            }
        }
        let kernel = some(&[4, 4, 3, 3], 1);
        let convolution = Convolution::new(&kernel, None, Walk::SAME, Precision::F32).unwrap();
        assert!(convolution.apply(&some(&[1, 4, 4, 5], 1), Add::Nothing).is_err());
        assert!(Convolution::new(&some(&[4, 4, 5, 5], 1), None, Walk::SAME, Precision::F32).is_err());
    }

    #[test]
    fn norms_are_the_plain_ones() {
        for (batch, pixels, channels, groups) in [(2, 16, 64, 32), (1, 700, 32, 4), (3, 512, 8, 2), (2, 1, 4, 4)] {
            let x = ((some(&[batch, pixels, channels], 1) * 3.0).unwrap() + 2.0).unwrap();
            let (gain, shift) = (some(&[channels], 2), some(&[channels], 3));
            for precision in [Precision::F32, Precision::Composed] {
                let norm = Norm::new(&gain, &shift, 1e-5, precision).unwrap();
                let by_group = x.reshape((batch, pixels, groups, channels / groups)).unwrap();
                let mean = by_group.mean_keepdim((1, 3)).unwrap();
                let centred = by_group.broadcast_sub(&mean).unwrap();
                let root = (centred.sqr().unwrap().mean_keepdim((1, 3)).unwrap() + 1e-5).unwrap().sqrt().unwrap();
                let expected = centred.broadcast_div(&root).unwrap().reshape((batch, pixels, channels)).unwrap();
                let expected = expected.broadcast_mul(&gain).unwrap().broadcast_add(&shift).unwrap();
                assert!(apart(&norm.groups(&x, groups, false).unwrap(), &expected) < 1e-5, "{batch} {pixels} {channels}");
                let silu = expected.silu().unwrap();
                assert!(apart(&norm.groups(&x, groups, true).unwrap(), &silu) < 1e-5);
                let mean = x.mean_keepdim(D::Minus1).unwrap();
                let centred = x.broadcast_sub(&mean).unwrap();
                let root = (centred.sqr().unwrap().mean_keepdim(D::Minus1).unwrap() + 1e-5).unwrap().sqrt().unwrap();
                let expected = centred.broadcast_div(&root).unwrap().broadcast_mul(&gain).unwrap().broadcast_add(&shift).unwrap();
                assert!(apart(&norm.rows(&x).unwrap(), &expected) < 1e-5);
            }
        }
    }

    #[test]
    fn attention_is_the_plain_one() {
        for (tokens, others, heads, size, causal) in
            [(70, 77, 2, 40, false), (130, 130, 3, 8, true), (1, 5, 1, 64, false), (64, 64, 2, 33, true)]
        {
            let width = heads * size;
            let (q, k, v) = (some(&[2, tokens, width], 1), some(&[2, others, width], 2), some(&[2, others, width], 3));
            let split = |x: &Tensor, n| x.reshape((2, n, heads, size)).unwrap().transpose(1, 2).unwrap().contiguous().unwrap();
            let (qs, ks, vs) = (split(&(&q * 4.0).unwrap(), tokens), split(&k, others), split(&v, others));
            let mut scores = (qs.matmul(&ks.t().unwrap()).unwrap() / (size as f64).sqrt()).unwrap();
            if causal {
                let mask: Vec<f32> =
                    (0..tokens).flat_map(|t| (0..others).map(move |o| if o > t { f32::NEG_INFINITY } else { 0.0 })).collect();
                scores = scores.broadcast_add(&Tensor::from_vec(mask, (tokens, others), &Device::Cpu).unwrap()).unwrap();
            }
            let weights = candle_nn::ops::softmax(&scores, D::Minus1).unwrap();
            let expected = weights.matmul(&vs).unwrap().transpose(1, 2).unwrap().reshape((2, tokens, width)).unwrap();
            for (precision, most) in [(Precision::F32, 1e-5), (Precision::Split, 1e-4), (Precision::Composed, 1e-5)] {
                let got = look(&(&q * 4.0).unwrap(), &k, &v, heads, causal, precision).unwrap();
                assert!(apart(&got, &expected) < most, "{tokens} {others} {precision:?} {}", apart(&got, &expected));
            }
        }
    }

    #[test]
    fn activations_are_the_plain_ones() {
        let x = (some(&[3, 1000], 1) * 6.0).unwrap();
        for (activation, expected) in [
            (Activation::Silu, x.silu().unwrap()),
            (Activation::Gelu, x.gelu_erf().unwrap()),
            (Activation::GeluTanh, x.gelu().unwrap()),
            (Activation::QuickGelu, (&x * candle_nn::ops::sigmoid(&(&x * 1.702).unwrap()).unwrap()).unwrap()),
        ] {
            assert!(apart(&activation.apply(&x).unwrap(), &expected) < 1e-6, "{activation:?}");
        }
        let expected = (x.narrow(1, 0, 500).unwrap() * x.narrow(1, 500, 500).unwrap().gelu_erf().unwrap()).unwrap();
        assert!(apart(&geglu(&x).unwrap(), &expected) < 1e-6);
    }
}
