//! Thing and background told apart by the colours of both, begun from a rough guess: Gaussian mixtures in OKLab as in GrabCut
//! (Rother, Kolmogorov and Blake 2004), neighbours made to agree where there is no edge between them by mean-field iteration (in
//! place of a graph cut). Computed on a reduced picture.

use super::oklab::{Lab, distance2};

/// Pixels of the reduced picture's longer side.
const SIDE: usize = 320;

/// To the right, lower left, below, lower right.
const WAYS: [(isize, usize); 4] = [(1, 0), (-1, 1), (0, 1), (1, 1)];

/// Gaussians on each side.
const PARTS: usize = 4;

/// How much neighbours count.
const AGREE: f32 = 2.5;

/// A Gaussian with its own variance on each axis of OKLab.
#[derive(Clone, Copy)]
struct Gaussian {
    mean: [f64; 3],
    variance: [f64; 3],
    share: f64,
}

impl Gaussian {
    fn density(&self, colour: Lab) -> f64 {
        let (mut exponent, mut volume) = (0.0, 1.0);
        for ((colour, mean), variance) in colour.into_iter().zip(self.mean).zip(self.variance) {
            exponent += (f64::from(colour) - mean).powi(2) / variance;
            volume *= variance;
        }
        self.share * (-0.5 * exponent).exp() / volume.sqrt()
    }
}

/// A mixture for weighted colours: parts begin as slices along lightness, then expectation and maximisation in turns.
fn mixture(colours: &[Lab], weights: &[f32]) -> Vec<Gaussian> {
    let mut order: Vec<usize> = (0..colours.len()).filter(|&i| weights[i] > 0.5).collect();
    if order.is_empty() {
        return Vec::new();
    }
    order.sort_by(|&i, &j| colours[i][0].total_cmp(&colours[j][0]));
    let mut parts: Vec<Gaussian> = order
        .chunks(order.len().div_ceil(PARTS))
        .map(|slice| fitted(slice.iter().map(|&i| (colours[i], 1.0)), order.len() as f64))
        .collect();
    for _ in 0..4 {
        let mut members: Vec<Vec<(Lab, f64)>> = vec![Vec::new(); parts.len()];
        for &i in order.iter().step_by(order.len().div_ceil(20_000)) {
            let densities: Vec<f64> = parts.iter().map(|part| part.density(colours[i])).collect();
            let total: f64 = densities.iter().sum::<f64>() + 1e-12;
            members.iter_mut().zip(&densities).for_each(|(members, density)| members.push((colours[i], density / total)));
        }
        let total: f64 = members.iter().flatten().map(|(_, weight)| weight).sum();
        parts = members.into_iter().map(|members| fitted(members.into_iter(), total)).collect();
    }
    parts
}

fn fitted(colours: impl Iterator<Item = (Lab, f64)>, total: f64) -> Gaussian {
    let (mut sum, mut square, mut weights) = ([0.0; 3], [0.0; 3], 1e-9);
    for (colour, weight) in colours {
        weights += weight;
        for ((sum, square), value) in sum.iter_mut().zip(&mut square).zip(colour.map(f64::from)) {
            *sum += weight * value;
            *square += weight * value * value;
        }
    }
    let mean = sum.map(|sum| sum / weights);
    let variance = std::array::from_fn(|c| (square[c] / weights - mean[c] * mean[c]).max(0.0) + 2e-4);
    Gaussian { mean, variance, share: weights / total.max(1e-9) }
}

/// A better guess of what is background, from a rough one.
pub(super) fn refined(colours: &[Lab], gone: &[bool], width: usize, height: usize) -> Vec<bool> {
    let step = width.max(height).div_ceil(SIDE).max(1);
    let (wide, high) = (width.div_ceil(step), height.div_ceil(step));
    let mut small = vec![[0.0f32; 3]; wide * high];
    let mut thing = vec![0.0f32; wide * high];
    let mut counts = vec![0.0f32; wide * high];
    for at in 0..colours.len() {
        let target = at / width / step * wide + at % width / step;
        small[target].iter_mut().zip(colours[at]).for_each(|(sum, x)| *sum += x);
        thing[target] += f32::from(u8::from(!gone[at]));
        counts[target] += 1.0;
    }
    for at in 0..small.len() {
        small[at] = small[at].map(|sum| sum / counts[at].max(1.0));
        thing[at] /= counts[at].max(1.0);
    }
    // The border was found to be background: there it stays so.
    let fixed: Vec<bool> = (0..small.len())
        .map(|at| (at % wide == 0 || at % wide + 1 == wide || at < wide || at / wide + 1 == high) && thing[at] < 0.5)
        .collect();
    let links = links(&small, wide);
    for _ in 0..3 {
        let behind: Vec<f32> = thing.iter().map(|thing| 1.0 - thing).collect();
        let (front, back) = (mixture(&small, &thing), mixture(&small, &behind));
        if front.is_empty() || back.is_empty() {
            return gone.to_vec();
        }
        let log = |parts: &[Gaussian], colour: Lab| (parts.iter().map(|part| part.density(colour)).sum::<f64>() + 1e-6).ln();
        let own: Vec<f32> =
            small.iter().map(|&colour| ((log(&front, colour) - log(&back, colour)) as f32).clamp(-6.0, 6.0)).collect();
        for _ in 0..12 {
            for at in 0..small.len() {
                let mut field = 0.5 * own[at];
                for (i, offset) in [1, wide - 1, wide, wide + 1].into_iter().enumerate() {
                    let forth = links[at][i];
                    if forth > 0.0 {
                        field += forth * (2.0 * thing[at + offset] - 1.0);
                    }
                    let back = at.checked_sub(offset).map_or(0.0, |from| links[from][i]);
                    if back > 0.0 {
                        field += back * (2.0 * thing[at - offset] - 1.0);
                    }
                }
                thing[at] = if fixed[at] { 0.0 } else { 1.0 / (1.0 + (-2.0 * field).exp()) };
            }
        }
    }
    enlarged(colours, &small, &thing, (width, height), step)
}

/// How much each pixel and its neighbours to the right, lower left, below and lower right should agree: less over an edge.
fn links(small: &[Lab], wide: usize) -> Vec<[f32; 4]> {
    let high = small.len() / wide;
    let neighbour = |at: usize, (dx, dy): (isize, usize)| {
        let (x, y) = ((at % wide).checked_add_signed(dx)?, at / wide + dy);
        (x < wide && y < high).then_some(y * wide + x)
    };
    let all = |at: usize| WAYS.map(|way| neighbour(at, way).map(|to| distance2(small[at], small[to])));
    let (mut sum, mut count) = (0.0f64, 0.0f64);
    for apart in (0..small.len()).flat_map(all).flatten() {
        sum += f64::from(apart);
        count += 1.0;
    }
    let usual = ((sum / f64::max(count, 1.0)) as f32).max(1e-5);
    let length = [1.0, std::f32::consts::FRAC_1_SQRT_2, 1.0, std::f32::consts::FRAC_1_SQRT_2];
    let strength = |at: usize| {
        let apart = all(at);
        std::array::from_fn(|i| apart[i].map_or(0.0, |apart| AGREE / 4.0 * length[i] * (-apart / (2.0 * usual)).exp()))
    };
    (0..small.len()).map(strength).collect()
}

/// Back to the full size: each pixel follows those of the reduced pixels around it that have its colour (joint bilateral, Kopf et
/// al. 2007).
fn enlarged(colours: &[Lab], small: &[Lab], thing: &[f32], (width, height): (usize, usize), step: usize) -> Vec<bool> {
    let (wide, high) = (width.div_ceil(step), height.div_ceil(step));
    (0..colours.len())
        .map(|at| {
            let (x, y) = (at % width / step, at / width / step);
            let (columns, rows) = (x.saturating_sub(1)..(x + 2).min(wide), y.saturating_sub(1)..(y + 2).min(high));
            let mut vote = 0.0;
            for row in rows {
                for column in columns.clone() {
                    let i = row * wide + column;
                    vote += (thing[i] - 0.5) / (distance2(small[i], colours[at]) + 5e-4);
                }
            }
            vote < 0.0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rough_guess_is_made_better() {
        // A red square on a noisy green ground; the guess is a smaller square, shifted, with holes.
        const SIDE: usize = 48;
        let noise = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) >> 24) as f32 / 255.0 - 0.5;
        let truth = |i: usize| (14..34).contains(&(i % SIDE)) && (14..34).contains(&(i / SIDE));
        let colour = |i: usize| if truth(i) { [0.55 + 0.1 * noise(i), 0.15, 0.08] } else { [0.6 + 0.2 * noise(i), -0.1, 0.1] };
        let colours: Vec<Lab> = (0..SIDE * SIDE).map(colour).collect();
        let guess = |i: usize| !((17..37).contains(&(i % SIDE)) && (15..30).contains(&(i / SIDE)) && !i.is_multiple_of(7));
        let gone: Vec<bool> = (0..SIDE * SIDE).map(guess).collect();
        let better = refined(&colours, &gone, SIDE, SIDE);
        let wrong = |gone: &[bool]| (0..SIDE * SIDE).filter(|&i| gone[i] == truth(i)).count();
        assert!(wrong(&gone) > 100 && wrong(&better) < 5, "{} {}", wrong(&gone), wrong(&better));
        let all = vec![true; 9];
        assert_eq!(refined(&[[0.5, 0.0, 0.0]; 9], &all, 3, 3), all);
    }
}
