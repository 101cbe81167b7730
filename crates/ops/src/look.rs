//! Attention without gradient: softmax(q·kᵀ·scale)·v, head by head, sixty-four queries at a time, so that scores never leave the cache.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::amx::{Panels, Place};
use super::product::{Matrix, Precision, product};
use super::{composed, exp, greatest, vectorised, with};

/// Queries of one task.
const QUERIES: usize = 64;

/// Keys or values of one head, the right side of its products.
enum Side {
    Plain { numbers: Vec<f32>, rows: usize, columns: usize },
    Tiles(Panels),
}

impl Side {
    fn new(numbers: Vec<f32>, rows: usize, columns: usize, precision: Precision) -> Self {
        match precision.here() {
            Precision::F32 => Self::Plain { numbers, rows, columns },
            precision => Self::Tiles(Panels::new(Matrix::new(&numbers, rows, columns), precision == Precision::Split)),
        }
    }

    /// `out` = a·side.
    fn product(&self, out: &mut [f32], a: &[f32], rows: usize, inner: usize, columns: usize) {
        match self {
            Self::Plain { numbers, rows: k, columns: n } => {
                product(out, columns, Matrix::new(a, rows, inner), Matrix::new(numbers, *k, *n), false, Precision::F32);
            }
            Self::Tiles(panels) => {
                out.fill(0.0);
                let place = Place { out: out.as_mut_ptr(), stride: columns };
                // SAFETY: `out` is borrowed alone and has room for rows × columns.
                #[expect(unsafe_code, reason = "tiles write through a pointer; the size is checked here")]
                unsafe {
                    assert!(out.len() >= rows * columns, "the result is larger than its slice");
                    panels.apply(place, 0..rows, 0..columns, &|r, k| Some(&a[r * inner + k..(r + 1) * inner]));
                }
            }
        }
    }
}

/// `q` batch × tokens × heads·size, `k` and `v` batch × others × heads·size → the shape of `q`. With `causal` a token looks at none behind it;
/// `mask`, tokens × others, is added to the scores.
pub fn look(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, causal: bool, precision: Precision) -> Result<Tensor> {
    let (batch, tokens, width) = q.dims3()?;
    let (_, others, _) = k.dims3()?;
    if heads == 0 || !width.is_multiple_of(heads) || k.dims() != v.dims() || k.dims() != [batch, others, width] {
        bail!("{heads} heads of queries {:?} do not fit keys {:?} and values {:?}", q.dims(), k.dims(), v.dims());
    }
    if precision == Precision::Composed {
        return composed::look(q, k, v, heads, causal);
    }
    let size = width / heads;
    let scale = 1.0 / (size as f32).sqrt();
    let y = with(q, |q| {
        with(k, |k| {
            with(v, |v| {
                let sides: Vec<(Side, Side)> = (0..batch * heads)
                    .into_par_iter()
                    .map(|n| {
                        let (b, h) = (n / heads, n % heads);
                        let row = |x: &[f32], t: usize| -> usize {
                            _ = x;
                            (b * others + t) * width + h * size
                        };
                        let mut keys = vec![0f32; size * others];
                        for t in 0..others {
                            let from = &k[row(k, t)..][..size];
                            from.iter().enumerate().for_each(|(i, x)| keys[i * others + t] = *x);
                        }
                        let mut values = Vec::with_capacity(others * size);
                        (0..others).for_each(|t| values.extend_from_slice(&v[row(v, t)..][..size]));
                        (Side::new(keys, size, others, precision), Side::new(values, others, size, precision))
                    })
                    .collect();
                let blocks = tokens.div_ceil(QUERIES);
                let parts: Vec<Vec<f32>> = (0..batch * heads * blocks)
                    .into_par_iter()
                    .map(|n| {
                        let (b, h, first) = (n / blocks / heads, n / blocks % heads, n % blocks * QUERIES);
                        let rows = QUERIES.min(tokens - first);
                        let mut queries = Vec::with_capacity(rows * size);
                        for t in first..first + rows {
                            queries.extend(q[(b * tokens + t) * width + h * size..][..size].iter().map(|x| x * scale));
                        }
                        let (keys, values) = &sides[b * heads + h];
                        let mut scores = vec![0f32; rows * others];
                        keys.product(&mut scores, &queries, rows, size, others);
                        let mut roots = vec![0f32; rows];
                        vectorised(|| {
                            for (r, scores) in scores.chunks_exact_mut(others).enumerate() {
                                let seen = if causal { (first + r + 1).min(others) } else { others };
                                let most = greatest(&scores[..seen]);
                                scores[..seen].iter_mut().for_each(|s| *s = exp(*s - most));
                                scores[seen..].fill(0.0);
                                roots[r] = 1.0 / super::fold(scores, scores, |s, _| s);
                            }
                        });
                        let mut out = vec![0f32; rows * size];
                        values.product(&mut out, &scores, rows, others, size);
                        for (out, root) in out.chunks_exact_mut(size).zip(&roots) {
                            out.iter_mut().for_each(|x| *x *= root);
                        }
                        out
                    })
                    .collect();
                let mut y = vec![0f32; batch * tokens * width];
                for (n, part) in parts.iter().enumerate() {
                    let (b, h, first) = (n / blocks / heads, n / blocks % heads, n % blocks * QUERIES);
                    for (r, part) in part.chunks_exact(size).enumerate() {
                        y[(b * tokens + first + r) * width + h * size..][..size].copy_from_slice(part);
                    }
                }
                Ok(y)
            })
        })
    })?;
    Tensor::from_vec(y, q.shape(), q.device())
}
