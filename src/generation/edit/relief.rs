//! A soft relief guessed from a picture: what a light from the side would see.
//!
//! Two heights are added up. Areas swell like cushions between their outlines: the steady state of a membrane under even pressure
//! that is held down where the picture has edges and where its background is (inflation, as in Johnston's Lumo, 2002). And what
//! is lighter is a little higher than what is darker (Pentland's linear shape from shading, 1990, without its direction).

use super::oklab::{Lab, distance2};

/// Pixels of the longer side on which the cushions are computed.
const SIDE: usize = 160;

/// Slopes of the relief, so that the 19th of 20 is as follows: cushions, lightness.
const CUSHION: f32 = 1.5;
const LIGHTNESS: f32 = 0.28;

/// Slopes of each pixel to the right and downwards; 0 is level, 1 is 45 degrees. `thing`: how much of each pixel is not
/// background, 0 to 1, where that is known.
pub(super) fn slopes(colours: &[Lab], thing: Option<&[f32]>, width: usize, height: usize) -> Vec<[f32; 2]> {
    let (cushions, wide, high) = cushions(colours, thing, width, height);
    let mut slopes = differences(&enlarged(&cushions, (wide, high), (width, height)), width, height);
    level(&mut slopes, thing, CUSHION, 0.05 * wide as f32 / width as f32);
    let mut light: Vec<f32> = colours.iter().map(|colour| colour[0]).collect();
    let radius = (width.max(height) / 200).max(1);
    for _ in 0..2 {
        smooth(&mut light, width, height, radius);
    }
    let mut fine = differences(&light, width, height);
    level(&mut fine, thing, LIGHTNESS, 0.001);
    slopes.iter_mut().zip(fine).for_each(|(slope, fine)| *slope = [slope[0] + fine[0], slope[1] + fine[1]]);
    slopes
}

/// The cushions on a reduced picture, and its size.
fn cushions(colours: &[Lab], thing: Option<&[f32]>, width: usize, height: usize) -> (Vec<f32>, usize, usize) {
    let step = width.max(height).div_ceil(SIDE).max(1);
    let (wide, high) = (width.div_ceil(step), height.div_ceil(step));
    let (mut small, mut cover, mut counts) =
        (vec![[0.0f32; 3]; wide * high], vec![0.0f32; wide * high], vec![0.0f32; wide * high]);
    for (at, colour) in colours.iter().enumerate() {
        let target = at / width / step * wide + at % width / step;
        small[target].iter_mut().zip(colour).for_each(|(sum, x)| *sum += x);
        cover[target] += thing.map_or(1.0, |thing| thing[at]);
        counts[target] += 1.0;
    }
    for at in 0..small.len() {
        small[at] = small[at].map(|sum| sum / counts[at].max(1.0));
        cover[at] /= counts[at].max(1.0);
    }
    let near = |at: usize| {
        let (x, y) = (at % wide, at / wide);
        [
            x.max(1) - 1 + y * wide,
            (x + 1).min(wide - 1) + y * wide,
            y.max(1).wrapping_sub(1) * wide + x,
            (y + 1).min(high - 1) * wide + x,
        ]
    };
    // How fast each place is held down: a little everywhere, so that wide areas are flat in the middle; much on edges.
    let size = wide.max(high) as f32;
    let hold: Vec<f32> = (0..small.len())
        .map(|at| {
            let edge = near(at).into_iter().map(|next| distance2(small[at], small[next])).fold(0.0, f32::max);
            (3.5 / size).powi(2) + 0.25 * (edge / 0.02).min(1.0) * edge.sqrt()
        })
        .collect();
    // Successive over-relaxation, from what it would be without neighbours.
    let mut heights: Vec<f32> = (0..small.len()).map(|at| if cover[at] > 0.5 { 1.0 / hold[at] } else { 0.0 }).collect();
    for _ in 0..160 {
        for at in 0..small.len() {
            if cover[at] > 0.5 {
                let sum: f32 = near(at).into_iter().map(|next| heights[next]).sum();
                heights[at] += 1.85 * ((sum + 1.0) / (4.0 + hold[at]) - heights[at]);
            }
        }
    }
    // Round rather than pointed.
    heights.iter_mut().for_each(|height| *height = height.max(0.0).sqrt());
    for _ in 0..2 {
        smooth(&mut heights, wide, high, 1);
    }
    (heights, wide, high)
}

/// The mean over a square of 2 · radius + 1 pixels, the ends repeated.
fn smooth(plane: &mut [f32], width: usize, height: usize, radius: usize) {
    let mut line = Vec::new();
    for (count, step, lines, next) in [(width, 1, height, width), (height, width, width, 1)] {
        for start in 0..lines {
            line.clear();
            line.extend((0..count).map(|i| plane[start * next + i * step]));
            let value = |i: isize| line[i.clamp(0, count as isize - 1) as usize];
            let reach = radius as isize;
            let mut sum: f64 = (-reach..=reach).map(|i| f64::from(value(i))).sum();
            for i in 0..count {
                plane[start * next + i * step] = (sum / (2 * radius + 1) as f64) as f32;
                let i = i as isize;
                sum += f64::from(value(i + reach + 1)) - f64::from(value(i - reach));
            }
        }
    }
}

/// A plane at another, larger size: linear between the pixels, smoothed over the size of one.
fn enlarged(plane: &[f32], (wide, high): (usize, usize), (width, height): (usize, usize)) -> Vec<f32> {
    let along = |at: usize, from: usize, to: usize| {
        let place = ((at as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, (from - 1) as f32);
        (place as usize, (place as usize + 1).min(from - 1), place.fract())
    };
    let columns: Vec<(usize, usize, f32)> = (0..width).map(|x| along(x, wide, width)).collect();
    let mut out = Vec::with_capacity(width * height);
    for y in 0..height {
        let (above, below, part) = along(y, high, height);
        for &(left, right, share) in &columns {
            let row = |y: usize| plane[y * wide + left] * (1.0 - share) + plane[y * wide + right] * share;
            out.push(row(above) * (1.0 - part) + row(below) * part);
        }
    }
    if width > wide {
        smooth(&mut out, width, height, width.div_ceil(wide) / 2 + 1);
    }
    out
}

/// Half the difference of the pixels on both sides.
fn differences(plane: &[f32], width: usize, height: usize) -> Vec<[f32; 2]> {
    (0..plane.len())
        .map(|at| {
            let (x, y) = (at % width, at / width);
            let row = |x: usize| plane[y * width + x];
            let column = |y: usize| plane[y * width + x];
            let across = row((x + 1).min(width - 1)) - row(x.saturating_sub(1));
            [across / 2.0, (column((y + 1).min(height - 1)) - column(y.saturating_sub(1))) / 2.0]
        })
        .collect()
}

/// Scales slopes so that 19 of 20 on the thing are at most `usual`, and bends down what is steeper. Where they are less than
/// `least` there is no relief to be seen, and none is made up.
fn level(slopes: &mut [[f32; 2]], thing: Option<&[f32]>, usual: f32, least: f32) {
    let mut steep: Vec<f32> = (0..slopes.len())
        .step_by(slopes.len().div_ceil(50_000).max(1))
        .filter(|&at| thing.is_none_or(|thing| thing[at] > 0.5))
        .map(|at| slopes[at][0].hypot(slopes[at][1]))
        .collect();
    steep.sort_by(f32::total_cmp);
    let most = steep.get(steep.len() * 19 / 20).copied().unwrap_or(0.0).max(least);
    for slope in slopes {
        let factor = usual / most;
        let length = slope[0].hypot(slope[1]) * factor;
        let bent = factor / (1.0 + (length / (3.0 * usual)).powi(2)).sqrt();
        *slope = slope.map(|slope| slope * bent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disc_swells() {
        const SIDE: usize = 64;
        let inside = |i: usize| ((i % SIDE) as f32 - 31.5).hypot((i / SIDE) as f32 - 31.5) < 24.0;
        let thing: Vec<f32> = (0..SIDE * SIDE).map(|i| f32::from(u8::from(inside(i)))).collect();
        let colours: Vec<Lab> = (0..SIDE * SIDE).map(|i| if inside(i) { [0.6, 0.1, 0.1] } else { [1.0, 0.0, 0.0] }).collect();
        let slopes = slopes(&colours, Some(&thing), SIDE, SIDE);
        let at = |x: usize, y: usize| slopes[y * SIDE + x];
        assert!(at(15, 32)[0] > 0.2 && at(48, 32)[0] < -0.2, "{:?} {:?}", at(15, 32), at(48, 32));
        assert!(at(32, 15)[1] > 0.2 && at(32, 48)[1] < -0.2);
        assert!(at(32, 32)[0].hypot(at(32, 32)[1]) < 0.1);
        assert!(slopes.iter().flatten().all(|slope| slope.is_finite()));
    }

    #[test]
    fn any_size_has_a_relief() {
        for (width, height) in [(1, 1), (1, 5), (7, 1), (300, 2)] {
            let colours = vec![[0.5, 0.0, 0.0]; width * height];
            let slopes = slopes(&colours, None, width, height);
            assert!(slopes.len() == width * height && slopes.iter().flatten().all(|slope| slope.is_finite()));
        }
    }

    #[test]
    fn smoothing_keeps_the_sum_of_what_is_far_from_the_ends() {
        let mut plane = vec![0.0; 81];
        plane[40] = 9.0;
        smooth(&mut plane, 9, 9, 1);
        assert!((plane[40] - 1.0).abs() < 1e-6 && (plane[30] - 1.0).abs() < 1e-6 && plane[22].abs() < 1e-6);
    }
}
