//! The picture of least variation among all whose pixels, averaged in squares, are a given smaller picture: what makes
//! enlargements sharp along edges and calm elsewhere.
//!
//! Minimises the sum over pixels of |A ∇u| (first order: flat areas with sharp outlines) or |A H A| (second order, H the matrix
//! of second differences: smooth shading), all three channels jointly, under the constraint that the mean of each square of u is
//! the given pixel. A lessens what crosses an edge and keeps what runs along it; its directions are those of the structure tensor
//! (Förstner and Gülch 1987; directional total variation: Bayram and Kamasak 2012). Solved by the primal-dual method of Chambolle
//! and Pock (2011), which needs only sums and products; the constraint is met exactly after every step.

use super::framed::{Framed, blur};

/// Every so many steps of the second half, first order, what has become an edge counts less from there on.
const SHARPEN_EVERY: usize = 40;

/// Difference of neighbours, 0 to 1 over three channels, at which it counts 1/√2.
const SHARPEN_AT: f32 = 0.15;

/// How to solve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plan {
    /// First order for flat art, second for shading.
    pub second: bool,
    /// Steps.
    pub steps: usize,
    /// How much of the variation across a clear edge counts, 0 to 1.
    pub across: f32,
    /// Contrast, 0 to 1, from which on an edge is clear.
    pub clear: f32,
}

impl Plan {
    /// For art of few colours and hard edges.
    pub const FLAT: Self = Self { second: false, steps: 240, across: 0.08, clear: 0.2 };
    /// For shading and photographs.
    pub const SHADED: Self = Self { second: true, steps: 45, across: 0.3, clear: 0.1 };
}

/// The symmetric matrix A of each pixel: its three entries.
#[derive(Clone)]
struct Directions([Framed; 3]);

impl Directions {
    /// From the structure tensor of a first guess, averaged over about `reach` pixels.
    fn of(guess: &[Vec<f32>; 3], width: usize, height: usize, reach: f32, plan: &Plan) -> Self {
        let mut tensor = [(); 3].map(|()| vec![0.0f32; width * height]);
        for channel in guess {
            for y in 0..height {
                for x in 0..width {
                    let at = y * width + x;
                    let dx = if x + 1 < width { channel[at + 1] - channel[at] } else { 0.0 };
                    let dy = if y + 1 < height { channel[at + width] - channel[at] } else { 0.0 };
                    tensor[0][at] += dx * dx;
                    tensor[1][at] += dx * dy;
                    tensor[2][at] += dy * dy;
                }
            }
        }
        for plane in &mut tensor {
            blur(plane, width, height, reach);
        }
        let mut out = [(); 3].map(|()| Framed::new(width, height));
        for y in 0..height {
            for x in 0..width {
                let [xx, xy, yy] = [0, 1, 2].map(|i| tensor[i][y * width + x]);
                let span = ((xx - yy) * (xx - yy) + 4.0 * xy * xy).sqrt();
                let less = (1.0 - plan.across) * span / (xx + yy + plan.clear * plan.clear);
                // The normal's double angle, without trigonometry.
                let (cos, sin) = if span > 1e-12 { ((xx - yy) / span, 2.0 * xy / span) } else { (0.0, 0.0) };
                out[0].inner_mut(y)[x] = 1.0 - less * (1.0 + cos) / 2.0;
                out[1].inner_mut(y)[x] = -less * sin / 2.0;
                out[2].inner_mut(y)[x] = 1.0 - less * (1.0 - cos) / 2.0;
            }
        }
        Self(out)
    }

    fn rows(&self, y: usize) -> [&[f32]; 3] {
        [0, 1, 2].map(|i| self.0[i].inner(y))
    }
}

/// One channel's state.
struct Channel {
    /// The picture so far.
    now: Framed,
    /// The picture extrapolated by one step.
    ahead: Framed,
    /// The dual variable: x, y, and for the second order the mixed part.
    dual: [Framed; 3],
    /// A (or A · A) times the dual variable.
    turned: [Framed; 3],
}

/// The picture of least variation. `guess`: three planes of `width · height` to begin from, `small`: three planes of the picture
/// smaller by `factor` (2, 3 or 4), values 0 to 1.
pub(super) fn least(guess: &mut [Vec<f32>; 3], small: &[Vec<f32>; 3], width: usize, height: usize, factor: usize, plan: &Plan) {
    let mut directions = Directions::of(guess, width, height, 0.6 * factor as f32, plan);
    let unsharpened = directions.clone();
    let mut channels: Vec<Channel> = guess
        .iter()
        .map(|plane| {
            let mut now = Framed::new(width, height);
            (0..height).for_each(|y| now.inner_mut(y).copy_from_slice(&plane[y * width..][..width]));
            let empty = || [(); 3].map(|()| Framed::new(width, height));
            Channel { ahead: now.clone(), now, dual: empty(), turned: empty() }
        })
        .collect();
    // Step lengths: their product times the operator's squared norm (8, or 64) is at most 1.
    let (primal, dual) = if plan.second { (0.006_25, 1.0 / (64.0 * 0.006_25)) } else { (0.08, 1.0 / (8.0 * 0.08)) };
    for step in 0..plan.steps {
        if !plan.second && step >= plan.steps / 2 && step % SHARPEN_EVERY == 0 {
            sharpen(&mut channels, &mut directions, &unsharpened);
        }
        channels.iter_mut().for_each(|channel| channel.ahead.frame());
        climb(&mut channels, &directions, dual, plan.second);
        for (channel, small) in channels.iter_mut().zip(small) {
            let [x, y, mixed] = &mut channel.turned;
            if plan.second {
                x.frame();
                y.frame();
                mixed.clear_frame(true, true);
            } else {
                x.clear_frame(true, false);
                y.clear_frame(false, true);
            }
            match factor {
                2 => descend::<2>(channel, small, primal, plan.second),
                3 => descend::<3>(channel, small, primal, plan.second),
                _ => descend::<4>(channel, small, primal, plan.second),
            }
        }
    }
    for (plane, channel) in guess.iter_mut().zip(&channels) {
        (0..height).for_each(|y| plane[y * width..][..width].copy_from_slice(channel.now.inner(y)));
    }
}

/// Lessens each pixel's directions by the contrast it has now. Where the means leave open how an edge is spread over pixels, the
/// variation alone does not tell; so weighted, one step is cheaper than two (reweighted norms: Candès, Wakin and Boyd 2008).
fn sharpen(channels: &mut [Channel], directions: &mut Directions, unsharpened: &Directions) {
    let mut contrast = directions.0[0].clone();
    contrast.data.fill(0.0);
    let width = contrast.width();
    for channel in channels {
        channel.now.frame();
        for y in 0..contrast.height() {
            let (here, below) = (channel.now.row(y + 1), channel.now.row(y + 2));
            for (x, contrast) in contrast.inner_mut(y).iter_mut().enumerate() {
                let (dx, dy) = (here[x + 2] - here[x + 1], below[x + 1] - here[x + 1]);
                *contrast += dx * dx + dy * dy;
            }
        }
    }
    for (plane, full) in directions.0.iter_mut().zip(&unsharpened.0) {
        for y in 0..contrast.height() {
            let (row, full, contrast) = (plane.inner_mut(y), full.inner(y), contrast.inner(y));
            for x in 0..width {
                row[x] = full[x] / (1.0 + contrast[x] / (SHARPEN_AT * SHARPEN_AT)).sqrt();
            }
        }
    }
}

/// The dual step: adds the turned differences of the picture ahead, then shortens what is longer than 1.
fn climb(channels: &mut [Channel], directions: &Directions, step: f32, second: bool) {
    let Some(first) = channels.first() else { return };
    let (width, height) = (first.now.width(), first.now.height());
    let mut shorten = vec![0.0f32; width];
    for y in 0..height {
        // All rows are cut to one length that the compiler sees, so that the loops need no checks.
        let [a, b, c] = directions.rows(y).map(|row| &row[..width]);
        let shorten = &mut shorten[..width];
        shorten.fill(0.0);
        for channel in channels.iter_mut() {
            let (above, here, below) = (channel.ahead.row(y), channel.ahead.row(y + 1), channel.ahead.row(y + 2));
            let (above, left, below_right) = (&above[1..=width], &here[..width], &below[2..width + 2]);
            let (here, right, below) = (&here[1..=width], &here[2..width + 2], &below[1..=width]);
            let [px, py, pm] = &mut channel.dual;
            let (px, py, pm) = (&mut px.inner_mut(y)[..width], &mut py.inner_mut(y)[..width], &mut pm.inner_mut(y)[..width]);
            if second {
                // No mixed difference in the last row and column: the frame repeats its neighbours, so it is nothing there
                // already.
                for x in 0..width {
                    let xx = right[x] - 2.0 * here[x] + left[x];
                    let yy = below[x] - 2.0 * here[x] + above[x];
                    let xy = below_right[x] - below[x] - right[x] + here[x];
                    let [xx, xy, yy] = both_sides([a[x], b[x], c[x]], [xx, xy, yy]);
                    px[x] += step * xx;
                    py[x] += step * yy;
                    pm[x] += step * std::f32::consts::SQRT_2 * xy;
                    shorten[x] += px[x] * px[x] + py[x] * py[x] + pm[x] * pm[x];
                }
            } else {
                for x in 0..width {
                    let (dx, dy) = (right[x] - here[x], below[x] - here[x]);
                    px[x] += step * (a[x] * dx + b[x] * dy);
                    py[x] += step * (b[x] * dx + c[x] * dy);
                    shorten[x] += px[x] * px[x] + py[x] * py[x];
                }
            }
        }
        shorten.iter_mut().for_each(|x| *x = 1.0 / x.sqrt().max(1.0));
        for channel in channels.iter_mut() {
            let [px, py, pm] = &mut channel.dual;
            let (px, py, pm) = (&mut px.inner_mut(y)[..width], &mut py.inner_mut(y)[..width], &mut pm.inner_mut(y)[..width]);
            let [tx, ty, tm] = &mut channel.turned;
            let (tx, ty, tm) = (&mut tx.inner_mut(y)[..width], &mut ty.inner_mut(y)[..width], &mut tm.inner_mut(y)[..width]);
            for x in 0..width {
                px[x] *= shorten[x];
                py[x] *= shorten[x];
            }
            if second {
                for x in 0..width {
                    pm[x] *= shorten[x];
                    let mixed = pm[x] * std::f32::consts::FRAC_1_SQRT_2;
                    [tx[x], tm[x], ty[x]] = both_sides([a[x], b[x], c[x]], [px[x], mixed, py[x]]);
                }
            } else {
                for x in 0..width {
                    tx[x] = a[x] * px[x] + b[x] * py[x];
                    ty[x] = b[x] * px[x] + c[x] * py[x];
                }
            }
        }
    }
}

/// A · M · A for symmetric A and M, as (xx, xy, yy).
#[inline]
fn both_sides([a, b, c]: [f32; 3], [xx, xy, yy]: [f32; 3]) -> [f32; 3] {
    let (m00, m01) = (a * xx + b * xy, a * xy + b * yy);
    let (m10, m11) = (b * xx + c * xy, b * xy + c * yy);
    [m00 * a + m01 * b, m00 * b + m01 * c, m10 * b + m11 * c]
}

/// The primal step: against the variation, then into 0 to 1, then back to the picture whose squares have the right means.
fn descend<const FACTOR: usize>(channel: &mut Channel, small: &[f32], step: f32, second: bool) {
    let (width, height) = (channel.now.width(), channel.now.height());
    let small_width = width / FACTOR;
    let mut off = vec![0.0f32; small_width];
    let [tx, ty, tm] = &channel.turned;
    for block in 0..height / FACTOR {
        off.fill(0.0);
        for y in block * FACTOR..(block + 1) * FACTOR {
            let (x_here, y_above, y_here) = (tx.row(y + 1), &ty.row(y)[1..=width], &ty.row(y + 1)[1..=width]);
            let now = &channel.now.inner(y)[..width];
            let ahead = &mut channel.ahead.inner_mut(y)[..width];
            let (x_left, x_here, x_right) = (&x_here[..width], &x_here[1..=width], &x_here[2..width + 2]);
            if second {
                let y_below = &ty.row(y + 2)[1..=width];
                let (m_above, m_here) = (tm.row(y), tm.row(y + 1));
                let (m_above_left, m_above) = (&m_above[..width], &m_above[1..=width]);
                let (m_left, m_here) = (&m_here[..width], &m_here[1..=width]);
                for x in 0..width {
                    let straight = x_right[x] - 2.0 * x_here[x] + x_left[x] + y_below[x] - 2.0 * y_here[x] + y_above[x];
                    let mixed = m_here[x] - m_left[x] - m_above[x] + m_above_left[x];
                    ahead[x] = (now[x] - step * (straight + 2.0 * mixed)).clamp(0.0, 1.0);
                }
            } else {
                for x in 0..width {
                    ahead[x] = (now[x] + step * (x_here[x] - x_left[x] + y_here[x] - y_above[x])).clamp(0.0, 1.0);
                }
            }
            for (off, square) in off.iter_mut().zip(ahead.as_chunks::<FACTOR>().0) {
                *off += square.iter().sum::<f32>();
            }
        }
        let count = (FACTOR * FACTOR) as f32;
        for (off, want) in off.iter_mut().zip(&small[block * small_width..]) {
            *off = want - *off / count;
        }
        for y in block * FACTOR..(block + 1) * FACTOR {
            let (now, ahead) = (channel.now.inner_mut(y), channel.ahead.inner_mut(y));
            for ((now, ahead), off) in now.as_chunks_mut::<FACTOR>().0.iter_mut().zip(ahead.as_chunks_mut::<FACTOR>().0).zip(&off)
            {
                for (now, ahead) in now.iter_mut().zip(ahead) {
                    let new = *ahead + off;
                    *ahead = 2.0 * new - *now;
                    *now = new;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(plane: &[f32], width: usize, factor: usize) -> Vec<f32> {
        let (w, h) = (width / factor, plane.len() / width / factor);
        let mean = |x: usize, y: usize| {
            let at = |i: usize| plane[(y * factor + i / factor) * width + x * factor + i % factor];
            (0..factor * factor).map(at).sum::<f32>() / (factor * factor) as f32
        };
        (0..w * h).map(|i| mean(i % w, i / w)).collect()
    }

    #[test]
    fn the_means_stay_and_an_edge_becomes_sharp() {
        // An upright edge at 7.5 of 16 pixels, seen at half the size: its column of half-tones must part again.
        let edge: Vec<f32> = (0..16 * 16).map(|i| if i % 16 < 7 { 0.0 } else { 1.0 }).collect();
        let small = means(&edge, 16, 2);
        let guess: Vec<f32> = (0..16 * 16)
            .map(|i| {
                if i % 16 == 6 {
                    0.3
                } else if i % 16 == 7 {
                    0.7
                } else {
                    edge[i]
                }
            })
            .collect();
        for plan in [Plan::FLAT, Plan::SHADED] {
            let mut planes = [(); 3].map(|()| guess.clone());
            least(&mut planes, &[(); 3].map(|()| small.clone()), 16, 16, 2, &plan);
            let got = means(&planes[1], 16, 2);
            assert!(got.iter().zip(&small).all(|(x, y)| (x - y).abs() < 1e-4));
            let row = &planes[1][8 * 16..][..16];
            let most = if plan.second { 0.4 } else { 0.1 };
            assert!(row[6] < most && row[7] > 1.0 - most, "{plan:?} {row:?}");
        }
    }

    #[test]
    fn a_ramp_is_a_ramp_to_the_second_order() {
        let ramp: Vec<f32> = (0..24 * 12).map(|i| (i % 24) as f32 / 24.0).collect();
        let small = means(&ramp, 24, 3);
        let guess: Vec<f32> = (0..24 * 12).map(|i| small[i / 24 / 3 * 8 + i % 24 / 3]).collect();
        let mut planes = [(); 3].map(|()| guess.clone());
        least(&mut planes, &[(); 3].map(|()| small.clone()), 24, 12, 3, &Plan { steps: 300, ..Plan::SHADED });
        let off = |at: usize| (planes[0][at] - ramp[at]).abs();
        assert!((0..12).all(|y| (3..21).all(|x| off(y * 24 + x) < 0.01)), "{:?}", &planes[0][..24]);
    }
}
