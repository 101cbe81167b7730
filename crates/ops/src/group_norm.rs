//! Group norm (Wu and He 2018) of pictures whose channels lie together, with SiLU in the same pass; layer norm of rows. Forward only.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::{Activation, Precision, composed, exp, vectorised, with};

/// Pixels that are summed by one task: fixed, so that sums do not depend on the number of threads.
const PIXELS: usize = 256;

/// Gains and shifts of a norm.
#[derive(Debug)]
pub struct Norm {
    gain: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f64,
    /// Gains and shifts in f32 on their device, where layers are composed.
    composed: Option<[Tensor; 2]>,
}

impl Norm {
    /// From gains and shifts, one a channel; `epsilon` is added to the variance.
    pub fn new(gain: &Tensor, shift: &Tensor, epsilon: f64, precision: Precision) -> Result<Self> {
        let read = |t: &Tensor| t.to_dtype(candle_core::DType::F32)?.to_vec1();
        let whole = |t: &Tensor| t.to_dtype(candle_core::DType::F32);
        let composed = if precision == Precision::Composed { Some([whole(gain)?, whole(shift)?]) } else { None };
        let (gain, shift) = (read(gain)?, read(shift)?);
        if gain.len() != shift.len() {
            bail!("{} gains and {} shifts", gain.len(), shift.len());
        }
        Ok(Self { gain, shift, epsilon, composed })
    }

    /// batch × … × channels, each picture's channels in `groups`; then SiLU if asked for.
    pub fn groups(&self, x: &Tensor, groups: usize, silu: bool) -> Result<Tensor> {
        let (channels, batch) = (self.gain.len(), x.dim(0)?);
        if x.dims().last() != Some(&channels) || groups == 0 || !channels.is_multiple_of(groups) {
            bail!("{groups} groups of {channels} channels do not fit {:?}", x.dims());
        }
        if let Some([gain, shift]) = &self.composed {
            let y = composed::groups(x, gain, shift, groups, self.epsilon)?;
            return if silu { composed::activate(Activation::Silu, &y) } else { Ok(y) };
        }
        let each = x.elem_count() / batch.max(1);
        let size = channels / groups;
        let y = with(x, |x| {
            let sums: Vec<Vec<[f64; 2]>> =
                x.par_chunks(PIXELS * channels).with_min_len(1).map(|some| vectorised(|| channel_sums(some, channels))).collect();
            // Chunks do not end with pictures when those are not a multiple of PIXELS: then each picture is summed by itself.
            let sums: Vec<Vec<[f64; 2]>> = if each.is_multiple_of(PIXELS * channels) {
                let per = each / (PIXELS * channels);
                sums.chunks(per.max(1)).map(added).collect()
            } else {
                x.par_chunks(each)
                    .map(|picture| {
                        let parts: Vec<_> =
                            picture.chunks(PIXELS * channels).map(|some| vectorised(|| channel_sums(some, channels))).collect();
                        added(&parts)
                    })
                    .collect()
            };
            let count = (each / groups) as f64;
            let factors: Vec<Vec<[f32; 2]>> = sums
                .iter()
                .map(|sums| {
                    let mut factors = Vec::with_capacity(channels);
                    for (g, sums) in sums.chunks_exact(size).enumerate() {
                        let (sum, squares) = sums.iter().fold((0.0, 0.0), |(s, q), [a, b]| (s + a, q + b));
                        let mean = sum / count;
                        let root = 1.0 / ((squares / count - mean * mean).max(0.0) + self.epsilon).sqrt();
                        for c in g * size..(g + 1) * size {
                            let gain = f64::from(self.gain[c]) * root;
                            factors.push([gain as f32, (f64::from(self.shift[c]) - mean * gain) as f32]);
                        }
                    }
                    factors
                })
                .collect();
            let mut y = vec![0f32; x.len()];
            y.par_chunks_mut(PIXELS * channels).zip(x.par_chunks(PIXELS * channels)).enumerate().for_each(|(n, (y, x))| {
                vectorised(|| {
                    for (i, (y, x)) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)).enumerate() {
                        let factors = &factors[(n * PIXELS + i) * channels / each];
                        for ((y, x), [gain, shift]) in y.iter_mut().zip(x).zip(factors) {
                            let v = x * gain + shift;
                            *y = if silu { v / (1.0 + exp(-v)) } else { v };
                        }
                    }
                });
            });
            Ok(y)
        })?;
        Tensor::from_vec(y, x.shape(), x.device())
    }

    /// … × channels, each row by itself.
    pub fn rows(&self, x: &Tensor) -> Result<Tensor> {
        let channels = self.gain.len();
        if x.dims().last() != Some(&channels) {
            bail!("a norm of {channels} channels does not fit {:?}", x.dims());
        }
        if let Some([gain, shift]) = &self.composed {
            return composed::rows(x, gain, shift, self.epsilon);
        }
        let y = with(x, |x| {
            let mut y = vec![0f32; x.len()];
            y.par_chunks_mut(64 * channels).zip(x.par_chunks(64 * channels)).for_each(|(y, x)| {
                vectorised(|| {
                    for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                        let n = channels as f32;
                        let mean = super::fold(x, x, |x, _| x) / n;
                        let variance = super::fold(x, x, |x, _| (x - mean) * (x - mean)) / n;
                        let root = 1.0 / (variance + self.epsilon as f32).sqrt();
                        for (((y, x), gain), shift) in y.iter_mut().zip(x).zip(&self.gain).zip(&self.shift) {
                            *y = (x - mean) * root * gain + shift;
                        }
                    }
                });
            });
            Ok(y)
        })?;
        Tensor::from_vec(y, x.shape(), x.device())
    }
}

/// Sum and sum of squares of each channel.
#[inline(always)]
fn channel_sums(x: &[f32], channels: usize) -> Vec<[f64; 2]> {
    let mut out = vec![[0f64; 2]; channels];
    // Eight pixels at a time in f32, then on in f64.
    let (mut sums, mut squares) = (vec![0f32; channels], vec![0f32; channels]);
    for some in x.chunks(8 * channels) {
        sums.fill(0.0);
        squares.fill(0.0);
        for x in some.chunks_exact(channels) {
            for ((s, q), x) in sums.iter_mut().zip(squares.iter_mut()).zip(x) {
                *s += x;
                *q += x * x;
            }
        }
        for (out, (s, q)) in out.iter_mut().zip(sums.iter().zip(&squares)) {
            out[0] += f64::from(*s);
            out[1] += f64::from(*q);
        }
    }
    out
}

fn added(parts: &[Vec<[f64; 2]>]) -> Vec<[f64; 2]> {
    let mut all = parts.first().cloned().unwrap_or_default();
    for part in parts.iter().skip(1) {
        all.iter_mut().zip(part).for_each(|(a, b)| (a[0], a[1]) = (a[0] + b[0], a[1] + b[1]));
    }
    all
}
