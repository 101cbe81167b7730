//! What a patch holds, told from alike ones: the mean of a Gaussian given noisy numbers (Lebrun et al. 2013, "A nonlocal Bayesian
//! image denoising algorithm", equation 6, with each pixel's own noise).

use super::nonlocal::PIXELS;

/// Each pixel's expected value, and its variance.
pub(super) struct Estimate {
    pub(super) mean: [f32; PIXELS],
    pub(super) variance: [f32; PIXELS],
}

/// One channel of a patch from `seen`, whose pixels have the variances `noise`, where patches are spread as `samples` are, which
/// are left with their mean taken off. Variances are only told where `spread` asks for them.
pub(super) fn given(samples: &mut [[f32; PIXELS]], seen: &[f32; PIXELS], noise: &[f32; PIXELS], spread: bool) -> Estimate {
    let mean = centre(samples);
    let covariance = covariance(samples);
    let lower = cholesky(&covariance, noise);
    // (C + D)⁻¹ (y − μ), by the triangle and then its transpose.
    let mut solved: [f32; PIXELS] = std::array::from_fn(|i| seen[i] - mean[i]);
    for i in 0..PIXELS {
        solved[i] = (solved[i] - dot(&lower[i][..i], &solved[..i])) / lower[i][i];
    }
    for i in (0..PIXELS).rev() {
        solved[i] /= lower[i][i];
        let (before, rest) = solved.split_at_mut(i);
        let value = rest[0];
        before.iter_mut().zip(&lower[i]).for_each(|(to, l)| *to -= value * l);
    }
    let expected = std::array::from_fn(|i| mean[i] + dot(&covariance[i], &solved));
    let mut variance = [0.0; PIXELS];
    if spread {
        // C − C (C + D)⁻¹ C at the diagonal: squares of L⁻¹ C, summed down the columns.
        let mut rows: Vec<[f32; PIXELS]> = Vec::with_capacity(PIXELS);
        (0..PIXELS).for_each(|i| variance[i] = covariance[i][i]);
        for i in 0..PIXELS {
            let mut row = covariance[i];
            for (l, above) in rows.iter().enumerate() {
                let factor = lower[i][l];
                row.iter_mut().zip(above).for_each(|(to, from)| *to -= factor * from);
            }
            row.iter_mut().for_each(|to| *to /= lower[i][i]);
            variance.iter_mut().zip(&row).for_each(|(to, r)| *to -= r * r);
            rows.push(row);
        }
        variance.iter_mut().for_each(|v| *v = v.max(0.0));
    }
    Estimate { mean: expected, variance }
}

/// Takes their mean off all samples, and gives it back.
fn centre(samples: &mut [[f32; PIXELS]]) -> [f32; PIXELS] {
    let mut mean = [0.0f32; PIXELS];
    let n = samples.len().max(1) as f32;
    samples.iter().for_each(|sample| mean.iter_mut().zip(sample).for_each(|(m, s)| *m += s));
    mean.iter_mut().for_each(|m| *m /= n);
    samples.iter_mut().for_each(|sample| sample.iter_mut().zip(&mean).for_each(|(s, m)| *s -= m));
    mean
}

/// The covariance of centred samples.
fn covariance(samples: &[[f32; PIXELS]]) -> Vec<[f32; PIXELS]> {
    let mut sums = vec![[0.0f32; PIXELS]; PIXELS];
    let (fours, rest) = samples.as_chunks::<4>();
    // Four at a time, and of each row only up to the diagonal, in whole eights.
    for [a, b, c, d] in fours {
        for (i, row) in sums.iter_mut().enumerate() {
            let to = ((i / 8 + 1) * 8).min(PIXELS);
            let (ai, bi, ci, di) = (a[i], b[i], c[i], d[i]);
            for ((((sum, a), b), c), d) in row[..to].iter_mut().zip(&a[..to]).zip(&b[..to]).zip(&c[..to]).zip(&d[..to]) {
                *sum += ai * a + bi * b + ci * c + di * d;
            }
        }
    }
    for sample in rest {
        for (row, own) in sums.iter_mut().zip(sample) {
            row.iter_mut().zip(sample).for_each(|(sum, s)| *sum += own * s);
        }
    }
    let scale = 1.0 / (samples.len() as f32 - 1.0).max(1.0);
    let symmetric = |i: usize, j: usize| sums[i.max(j)][i.min(j)] * scale;
    (0..PIXELS).map(|i| std::array::from_fn(|j| symmetric(i, j))).collect()
}

/// The lower triangle L with L·Lᵀ = covariance + the diagonal of `noise`.
fn cholesky(covariance: &[[f32; PIXELS]], noise: &[f32; PIXELS]) -> Vec<[f32; PIXELS]> {
    let mut lower: Vec<[f32; PIXELS]> = Vec::with_capacity(PIXELS);
    for i in 0..PIXELS {
        let mut row = [0.0f32; PIXELS];
        for (j, above) in lower.iter().enumerate() {
            row[j] = (covariance[i][j] - dot(&row[..j], &above[..j])) / above[j];
        }
        let left = covariance[i][i] + noise[i] - dot(&row[..i], &row[..i]);
        row[i] = left.max(1e-3).sqrt();
        lower.push(row);
    }
    lower
}

/// The sum of the products, in eight lanes.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let ((eights, rest), (others, others_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in eights.iter().zip(others) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
    sums.iter().sum::<f32>() + rest.iter().zip(others_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ramps of all slopes: a patch is known by any two of its pixels.
    fn ramps() -> Vec<[f32; PIXELS]> {
        let slope = |n: i32| move |i: usize| 100.0 + f64::from(n % 7 - 3) as f32 * i as f32 + (n / 7) as f32;
        (0..70).map(|n| std::array::from_fn(slope(n))).collect()
    }

    #[test]
    fn what_is_seen_tells_the_rest() {
        let truth: [f32; PIXELS] = std::array::from_fn(|i| 106.0 + 2.5 * i as f32);
        let (mut seen, mut noise) = (truth, [1.0; PIXELS]);
        for i in 24..40 {
            (seen[i], noise[i]) = (0.0, 1e9);
        }
        let told = given(&mut ramps(), &seen, &noise, true);
        for (i, (told, truth)) in told.mean.iter().zip(truth).enumerate() {
            assert!((told - truth).abs() < 1.0, "{i}: {told} for {truth}");
        }
        assert!(told.variance.iter().all(|v| *v < 1.0), "{:?}", told.variance);
    }

    #[test]
    fn where_nothing_is_seen_the_mean_is_told() {
        let told = given(&mut ramps(), &[0.0; PIXELS], &[1e12; PIXELS], true);
        assert!((told.mean[10] - 104.5).abs() < 0.5, "{}", told.mean[10]);
        assert!((told.variance[10] - 408.0).abs() < 25.0, "as uncertain as the patches are spread: {}", told.variance[10]);
    }

    #[test]
    fn samples_that_are_all_alike_are_told_as_they_are() {
        let mut samples = vec![[50.0; PIXELS]; 6];
        let told = given(&mut samples, &[200.0; PIXELS], &[4.0; PIXELS], false);
        assert!(told.mean.iter().all(|v| (v - 50.0).abs() < 1e-3), "{:?}", told.mean);
        assert!(given(&mut [], &[1.0; PIXELS], &[1.0; PIXELS], true).mean.iter().all(|v| v.is_finite()));
    }
}
