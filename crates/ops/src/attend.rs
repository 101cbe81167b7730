//! Attention over a sequence and, beside it, a context that was prepared before; queries and keys RMS-normalised with learned gains
//! (QK-norm, Henry et al. 2020). Scores never leave the cache; the way back computes them again.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor};

use super::product::{Matrix, Precision, product};
use super::{exp, fold, fused, greatest, numbers, vectorised, with};

/// Added to the mean square.
const EPSILON: f32 = 1e-6;

struct Attend {
    heads: usize,
    precision: Precision,
}

/// `qkv` batch × tokens × 3·width, `context` batch × others × 2·width (keys, values; `others` may be 0), `gains` 2 × head (queries, keys) →
/// batch × tokens × width.
pub fn attend(qkv: &Tensor, context: &Tensor, gains: &Tensor, heads: usize, precision: Precision) -> Result<Tensor> {
    if fused(qkv) {
        return qkv.contiguous()?.apply_op3(&context.contiguous()?, &gains.contiguous()?, Attend { heads, precision });
    }
    let (batch, tokens, width3) = qkv.dims3()?;
    let (width, others) = (width3 / 3, context.dim(1)?);
    let head = width / heads;
    let split = |x: &Tensor, n: usize| x.contiguous()?.reshape((batch, n, heads, head))?.transpose(1, 2)?.contiguous();
    let part = |i: usize| split(&qkv.narrow(2, i * width, width)?, tokens);
    let beside = |x: Tensor, i: usize| match others {
        0 => Ok(x),
        _ => Tensor::cat(&[x, split(&context.narrow(2, i * width, width)?, others)?], 2),
    };
    let unit = |x: &Tensor, i: usize| {
        let root = (x.sqr()?.mean_keepdim(D::Minus1)? + f64::from(EPSILON))?.sqrt()?;
        x.broadcast_div(&root)?.broadcast_mul(&gains.get(i)?)
    };
    let q = (unit(&part(0)?, 0)? / (head as f64).sqrt())?;
    let (k, v) = (unit(&beside(part(1)?, 0)?, 1)?, beside(part(2)?, 1)?);
    let scores = q.matmul(&k.t()?)?;
    let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
    let scores = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
    scores.matmul(&v)?.transpose(1, 2)?.reshape((batch, tokens, width))
}

/// One head of one picture: its numbers gathered, and room for what is computed.
struct Head {
    tokens: usize,
    all: usize,
    size: usize,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    /// 1/root mean square of each query and key before the gain.
    q_root: Vec<f32>,
    k_root: Vec<f32>,
    scores: Vec<f32>,
}

/// Where the numbers lie: all of `qkv`, `context` and `gains`.
struct Inputs<'a> {
    qkv: &'a [f32],
    context: &'a [f32],
    gains: &'a [f32],
    width: usize,
    others: usize,
}

impl Inputs<'_> {
    /// Where part `part` (0 query, 1 key, 2 value) of token `t` begins: in `qkv` (true) or in the context.
    #[inline(always)]
    fn place(&self, tokens: usize, size: usize, (b, h): (usize, usize), part: usize, t: usize) -> (bool, usize) {
        if t < tokens {
            (true, ((b * tokens + t) * 3 + part) * self.width + h * size)
        } else {
            (false, ((b * self.others + t - tokens) * 2 + part - 1) * self.width + h * size)
        }
    }
}

impl Head {
    fn new(tokens: usize, others: usize, size: usize) -> Self {
        let all = tokens + others;
        let room = |n: usize| vec![0f32; n];
        Self {
            tokens,
            all,
            size,
            q: room(tokens * size),
            k: room(all * size),
            v: room(all * size),
            q_root: room(tokens),
            k_root: room(all),
            scores: room(tokens * all),
        }
    }

    /// Normalised queries (1/√size included) and keys, values, then softmax of the scores.
    #[inline(always)]
    fn scores(&mut self, of: &Inputs<'_>, b: usize, h: usize, precision: Precision) {
        let size = self.size;
        let (q_gain, k_gain) = of.gains.split_at(size);
        let scale = 1.0 / (size as f32).sqrt();
        vectorised(|| {
            for t in 0..self.all {
                let tokens = self.tokens;
                let find = |part| match of.place(tokens, size, (b, h), part, t) {
                    (true, at) => &of.qkv[at..][..size],
                    (false, at) => &of.context[at..][..size],
                };
                let root = |x: &[f32]| 1.0 / (fold(x, x, |x, _| x * x) / size as f32 + EPSILON).sqrt();
                if t < self.tokens {
                    let q = find(0);
                    self.q_root[t] = root(q);
                    let factor = self.q_root[t] * scale;
                    self.q[t * size..][..size].iter_mut().zip(q).zip(q_gain).for_each(|((n, q), g)| *n = q * factor * g);
                }
                let (k, v) = (find(1), find(2));
                self.k_root[t] = root(k);
                let factor = self.k_root[t];
                self.k[t * size..][..size].iter_mut().zip(k).zip(k_gain).for_each(|((n, k), g)| *n = k * factor * g);
                self.v[t * size..][..size].copy_from_slice(v);
            }
        });
        let (q, k) = (Matrix::new(&self.q, self.tokens, size), Matrix::new(&self.k, self.all, size));
        product(&mut self.scores, self.all, q, k.t(), false, precision);
        vectorised(|| {
            for row in self.scores.chunks_exact_mut(self.all) {
                let most = greatest(row);
                row.iter_mut().for_each(|x| *x = exp(*x - most));
                let total = 1.0 / fold(row, row, |x, _| x);
                row.iter_mut().for_each(|x| *x *= total);
            }
        });
    }
}

/// Adds the way back through x·root·gain to `dx`, and to the gain's gradient. `scale` is a factor of the result besides the gain.
#[inline(always)]
fn unit_back(x: &[f32], root: f32, gain: &[f32], scale: f32, d: &[f32], dx: &mut [f32], d_gain: &mut [f32]) {
    let size = x.len() as f32;
    let mut along = 0.0;
    for i in 0..x.len() {
        d_gain[i] += d[i] * x[i] * root * scale;
        along += d[i] * gain[i] * x[i];
    }
    let along = along * scale * root * root * root / size;
    for i in 0..x.len() {
        dx[i] += d[i] * gain[i] * scale * root - x[i] * along;
    }
}

impl Attend {
    fn shape(&self, qkv: &Shape, context: &Shape) -> Result<(usize, usize, usize, usize)> {
        let ((batch, tokens, width3), (_, others, _)) = (qkv.dims3()?, context.dims3()?);
        Ok((batch, tokens, width3 / 3, others))
    }
}

impl CustomOp3 for Attend {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        lq: &Layout,
        context: &CpuStorage,
        lc: &Layout,
        gains: &CpuStorage,
        lg: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, tokens, width, others) = self.shape(lq.shape(), lc.shape())?;
        let of = Inputs { qkv: numbers(qkv, lq)?, context: numbers(context, lc)?, gains: numbers(gains, lg)?, width, others };
        let size = width / self.heads;
        let mut head = Head::new(tokens, others, size);
        let mut out = vec![0f32; batch * tokens * width];
        for b in 0..batch {
            for h in 0..self.heads {
                head.scores(&of, b, h, self.precision);
                let (p, v) = (Matrix::new(&head.scores, tokens, head.all), Matrix::new(&head.v, head.all, size));
                product(&mut out[b * tokens * width + h * size..], width, p, v, false, self.precision);
            }
        }
        Ok((CpuStorage::F32(out), (batch, tokens, width).into()))
    }

    fn bwd(
        &self,
        qkv: &Tensor,
        context: &Tensor,
        gains: &Tensor,
        _: &Tensor,
        d: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (batch, tokens, width, others) = self.shape(qkv.shape(), context.shape())?;
        let size = width / self.heads;
        let (mut d_qkv, mut d_context) = (vec![0f32; qkv.elem_count()], vec![0f32; context.elem_count()]);
        let mut d_gains = vec![0f32; 2 * size];
        with(qkv, |qkv| {
            with(context, |context| {
                with(gains, |gains| {
                    with(d, |d| {
                        let of = Inputs { qkv, context, gains, width, others };
                        let mut head = Head::new(tokens, others, size);
                        let all = head.all;
                        let (mut dp, mut dq) = (vec![0f32; tokens * all], vec![0f32; tokens * size]);
                        let (mut dk, mut dv) = (vec![0f32; all * size], vec![0f32; all * size]);
                        for b in 0..batch {
                            for h in 0..self.heads {
                                head.scores(&of, b, h, self.precision);
                                let d = Matrix::strided(&d[b * tokens * width + h * size..], tokens, size, width);
                                let p = Matrix::new(&head.scores, tokens, all);
                                product(&mut dp, all, d, Matrix::new(&head.v, all, size).t(), false, self.precision);
                                product(&mut dv, size, p.t(), d, false, self.precision);
                                // Softmax: ds = p·(dp − Σ dp·p).
                                vectorised(|| {
                                    for (dp, p) in dp.chunks_exact_mut(all).zip(head.scores.chunks_exact(all)) {
                                        let along = fold(dp, p, |d, p| d * p);
                                        dp.iter_mut().zip(p).for_each(|(d, p)| *d = p * (*d - along));
                                    }
                                });
                                let ds = Matrix::new(&dp, tokens, all);
                                product(&mut dq, size, ds, Matrix::new(&head.k, all, size), false, self.precision);
                                product(&mut dk, size, ds.t(), Matrix::new(&head.q, tokens, size), false, self.precision);
                                let scale = 1.0 / (size as f32).sqrt();
                                vectorised(|| {
                                    let (q_gain, k_gain) = gains.split_at(size);
                                    let (d_q_gain, d_k_gain) = d_gains.split_at_mut(size);
                                    for t in 0..all {
                                        if t < tokens {
                                            let (_, at) = of.place(tokens, size, (b, h), 0, t);
                                            let (x, dx) = (&qkv[at..][..size], &mut d_qkv[at..][..size]);
                                            unit_back(x, head.q_root[t], q_gain, scale, &dq[t * size..][..size], dx, d_q_gain);
                                        }
                                        let (own, k) = of.place(tokens, size, (b, h), 1, t);
                                        let (_, v) = of.place(tokens, size, (b, h), 2, t);
                                        let (x, all_d) = if own {
                                            (&qkv[k..][..size], &mut d_qkv)
                                        } else {
                                            (&context[k..][..size], &mut d_context)
                                        };
                                        unit_back(
                                            x,
                                            head.k_root[t],
                                            k_gain,
                                            1.0,
                                            &dk[t * size..][..size],
                                            &mut all_d[k..][..size],
                                            d_k_gain,
                                        );
                                        all_d[v..][..size].copy_from_slice(&dv[t * size..][..size]);
                                    }
                                });
                            }
                        }
                        Ok(())
                    })
                })
            })
        })?;
        let tensor = |numbers, like: &Tensor| Tensor::from_vec(numbers, like.shape(), like.device());
        Ok((Some(tensor(d_qkv, qkv)?), Some(tensor(d_context, context)?), Some(tensor(d_gains, gains)?)))
    }
}
