//! Finding stains: round, darker and browner by the same amount on every side. Only on even ground can they be told from things:
//! what is found is little, and seldom wrong on sound pictures.

use super::super::mask::{Mask, distances};
use super::damage::around;

/// Thresholds, in levels of 0 to 255, at which an area stands out from what is around it.
const LEVELS: [f32; 6] = [9.0, 14.0, 20.0, 28.0, 38.0, 50.0];
/// Pixels to each side of the surroundings that an area is compared with.
const SURROUNDINGS: usize = 36;
/// Rays from an area's middle over its edge.
const RAYS: usize = 48;

/// Areas that may be stains, without overlap, each with how sure that is, 0 to 1.
pub(super) fn find(pixels: &[[u8; 3]], width: usize, height: usize, bare: &Mask, sensitivity: f32) -> Vec<(Vec<usize>, f32)> {
    let light: Vec<f32> = pixels.iter().map(|p| (f32::from(p[0]) + f32::from(p[1]) + f32::from(p[2])) / 3.0).collect();
    let warm: Vec<f32> = pixels.iter().map(|p| (f32::from(p[0]) - f32::from(p[2])) * 0.7).collect();
    let least_trust = 0.86 - 0.36 * sensitivity;
    let mut all: Vec<(Vec<usize>, f32)> = Vec::new();
    for (feature, sign) in [(&light, -1.0f32), (&warm, 1.0), (&warm, -1.0)] {
        let (near, wide) = (box_mean(feature, width, height, 2), box_mean(feature, width, height, SURROUNDINGS));
        let above: Vec<f32> = near.iter().zip(&wide).map(|(near, wide)| sign * (near - wide)).collect();
        for level in LEVELS {
            for area in blobs(&above, level, width, height) {
                let covered = area.iter().filter(|at| bare.covers(**at)).count();
                if 3 * covered > area.len() {
                    continue;
                }
                let trust = trust(&area, pixels, width, height);
                if trust >= least_trust {
                    all.push((area, trust));
                }
            }
        }
    }
    // The surest first; what overlaps one that is surer is left out.
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.first().cmp(&b.0.first())).then_with(|| a.0.len().cmp(&b.0.len())));
    let mut taken = vec![false; pixels.len()];
    let mut found = Vec::new();
    for (area, trust) in all {
        if area.iter().any(|at| taken[*at]) {
            continue;
        }
        let grown = grow(&area, width, height);
        grown.iter().for_each(|at| taken[*at] = true);
        found.push((grown, trust));
    }
    found
}

/// An area and the soft edge around it, two pixels wide.
fn grow(area: &[usize], width: usize, height: usize) -> Vec<usize> {
    let mut grown = area.to_vec();
    for _ in 0..2 {
        let more: Vec<usize> = grown.iter().flat_map(|at| around(*at, width, height)).collect();
        grown.extend(more);
        grown.sort_unstable();
        grown.dedup();
    }
    grown
}

/// The mean over a square of `2 × reach + 1` pixels, smaller at the border.
fn box_mean(values: &[f32], width: usize, height: usize, reach: usize) -> Vec<f32> {
    let across = width + 1;
    let mut sums = vec![0.0f64; across * (height + 1)];
    for y in 0..height {
        let mut row = 0.0f64;
        for x in 0..width {
            row += f64::from(values[y * width + x]);
            sums[(y + 1) * across + x + 1] = sums[y * across + x + 1] + row;
        }
    }
    let mut out = Vec::with_capacity(values.len());
    for y in 0..height {
        let (top, bottom) = (y.saturating_sub(reach), (y + reach + 1).min(height));
        for x in 0..width {
            let (left, right) = (x.saturating_sub(reach), (x + reach + 1).min(width));
            let sum = sums[bottom * across + right] + sums[top * across + left]
                - sums[top * across + right]
                - sums[bottom * across + left];
            out.push((sum / ((bottom - top) * (right - left)) as f64) as f32);
        }
    }
    out
}

/// Connected areas above a level that are neither small, nor large, nor long.
fn blobs(above: &[f32], level: f32, width: usize, height: usize) -> Vec<Vec<usize>> {
    let most = above.len() / 40;
    let mut seen = vec![false; above.len()];
    let mut found = Vec::new();
    for start in 0..above.len() {
        if seen[start] || above[start] < level {
            continue;
        }
        seen[start] = true;
        let (mut area, mut next) = (vec![start], 0);
        while let Some(at) = area.get(next).copied() {
            next += 1;
            for to in around(at, width, height) {
                if !seen[to] && above[to] >= level {
                    seen[to] = true;
                    area.push(to);
                }
            }
        }
        if area.len() < 100 || area.len() > most {
            continue;
        }
        let edge = area.iter().filter(|at| around(**at, width, height).any(|to| above[to] < level)).count() as f32;
        if 4.0 * std::f32::consts::PI * area.len() as f32 >= 0.40 * edge * edge {
            found.push(area);
        }
    }
    found
}

/// How alike the change of colour is along an area's edge, and how much that of a stain, 0 to 1.
fn trust(area: &[usize], pixels: &[[u8; 3]], width: usize, height: usize) -> f32 {
    let n = area.len() as f32;
    let (cx, cy) = area.iter().fold((0.0, 0.0), |(x, y), at| (x + (at % width) as f32 / n, y + (at / width) as f32 / n));
    let radius = (2.2 * n.sqrt()) as usize + 12;
    let (x0, y0) = ((cx as usize).saturating_sub(radius), (cy as usize).saturating_sub(radius));
    let (across, down) = ((cx as usize + radius).min(width - 1) - x0 + 1, (cy as usize + radius).min(height - 1) - y0 + 1);
    let mut inside = vec![false; across * down];
    for at in area {
        let (x, y) = (at % width, at / width);
        if x < x0 || y < y0 || x - x0 >= across || y - y0 >= down {
            return 0.0;
        }
        inside[(y - y0) * across + x - x0] = true;
    }
    let outside: Vec<bool> = inside.iter().map(|on| !on).collect();
    let (out, within) = (distances(&inside, across, down), distances(&outside, across, down));
    let mut pairs: Vec<([f32; 3], [f32; 3])> = Vec::with_capacity(RAYS);
    for ray in 0..RAYS {
        let (sin, cos) = (ray as f32 / RAYS as f32 * std::f32::consts::TAU).sin_cos();
        // The last place two and more pixels within, and the first two and more outside after it.
        let (mut last, mut first) = (None, None);
        for step in 0..2 * radius {
            let (x, y) = (cx + step as f32 * cos - x0 as f32, cy + step as f32 * sin - y0 as f32);
            if x < 0.0 || y < 0.0 || x >= across as f32 || y >= down as f32 {
                break;
            }
            let at = y as usize * across + x as usize;
            if within[at] >= 1.5 {
                (last, first) = (Some(at), None);
            } else if out[at] >= 3.5 && first.is_none() {
                first = Some(at);
            }
        }
        if let (Some(last), Some(first)) = (last, first) {
            let colour = |at: usize| mean(pixels, width, height, x0 + at % across, y0 + at / across);
            pairs.push((colour(last), colour(first)));
        }
    }
    if pairs.len() * 3 < RAYS * 2 {
        return 0.0;
    }
    browner(&pairs)
}

/// The mean colour of a pixel and those around it.
fn mean(pixels: &[[u8; 3]], width: usize, height: usize, x: usize, y: usize) -> [f32; 3] {
    let at = y * width + x;
    let (mut sum, mut n) = ([0.0f32; 3], 0.0f32);
    for from in around(at, width, height).chain([at]) {
        (0..3).for_each(|c| sum[c] += f32::from(pixels[from][c]));
        n += 1.0;
    }
    sum.map(|s| s / n)
}

/// How far pairs (inside, outside) differ by one amount, darker and browner inside, 0 to 1.
fn browner(pairs: &[([f32; 3], [f32; 3])]) -> f32 {
    let n = pairs.len() as f32;
    let (mut shift, mut squares) = ([0.0f32; 3], 0.0f32);
    for (inside, outside) in pairs {
        for c in 0..3 {
            let off = outside[c] - inside[c];
            shift[c] += off / n;
            squares += off * off / (3.0 * n);
        }
    }
    let [red, green, blue] = shift;
    let mean = (red + green + blue) / 3.0;
    let scatter = squares - shift.iter().map(|s| s * s).sum::<f32>() / 3.0;
    if mean < 10.0 || red < 0.0 || blue < green || green < red || blue - red < 0.15 * mean {
        return 0.0;
    }
    (1.0 - 0.9 * scatter.max(0.0).sqrt() / mean).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 224;

    /// Even paper with a round spot, whose colour is `inside` at its middle and goes over into the paper's within 3 pixels.
    fn paper(inside: [u8; 3]) -> Vec<[u8; 3]> {
        let pixel = |at: usize| {
            let far = ((at % SIDE) as f32 - 60.0).hypot((at / SIDE) as f32 - 66.0);
            let share = ((18.0 - far) / 3.0).clamp(0.0, 1.0);
            let grain = (at * 7919 % 5) as f32 - 2.0;
            std::array::from_fn(|c| ([205.0, 200.0, 185.0][c] * (1.0 - share) + f32::from(inside[c]) * share + grain) as u8)
        };
        (0..SIDE * SIDE).map(pixel).collect()
    }

    fn found(inside: [u8; 3]) -> Vec<(Vec<usize>, f32)> {
        find(&paper(inside), SIDE, SIDE, &Mask::empty(SIDE as u32, SIDE as u32), 0.5)
    }

    #[test]
    fn a_brown_spot_on_paper_is_a_stain() {
        let found = found([170, 145, 100]);
        assert_eq!(found.len(), 1);
        let truth = Mask::of(
            SIDE,
            SIDE,
            (0..SIDE * SIDE).map(|at| (at % SIDE).abs_diff(60).pow(2) + (at / SIDE).abs_diff(66).pow(2) < 324),
        );
        let ours = Mask::of(SIDE, SIDE, (0..SIDE * SIDE).map(|at| found[0].0.contains(&at)));
        assert!(ours.iou(&truth) > 0.75, "{}", ours.iou(&truth));
        assert!(found[0].1 > 0.7);
    }

    #[test]
    fn paper_and_spots_of_other_colours_are_not() {
        for inside in [[205, 200, 185], [90, 120, 220], [250, 250, 250]] {
            assert!(found(inside).is_empty(), "{inside:?}");
        }
    }
}
