//! Soft edges: how much of each edge pixel is the thing, and the thing's own colour there, without the background's.
//!
//! A pixel C on an edge is αF + (1 - α)B in sRGB values, as renderers mix outlines. B is known; F is looked for by going from the
//! pixel to ever more different neighbours, as long as they lie on the same line of colours from B; then α is C's place between B
//! and F.

use std::collections::VecDeque;

/// Farthest steps from the pixel to its thing's colour.
const STEPS: usize = 4;

/// How far, of 255, a pixel may be off the line between background and thing.
const OFF: f32 = 14.0;

/// Steps to the nearest pixel of the other kind, beside, above and below: up to `most`.
pub(super) fn depth(inside: &[bool], width: usize, most: u8) -> Vec<u8> {
    let mut depth: Vec<u8> = inside.iter().map(|inside| if *inside { most } else { 0 }).collect();
    let mut open: VecDeque<usize> = (0..inside.len()).filter(|&at| !inside[at]).collect();
    while let Some(at) = open.pop_front() {
        let next = depth[at] + 1;
        if next >= most {
            continue;
        }
        for beside in neighbours(at, width, depth.len()) {
            if depth[beside] > next {
                depth[beside] = next;
                open.push_back(beside);
            }
        }
    }
    depth
}

/// The pixels beside, above and below.
pub(super) fn neighbours(at: usize, width: usize, count: usize) -> impl Iterator<Item = usize> {
    let x = at % width;
    let beside = [(x > 0).then(|| at - 1), (x + 1 < width).then(|| at + 1), at.checked_sub(width), Some(at + width)];
    beside.into_iter().flatten().filter(move |&at| at < count)
}

/// The pixels around, slanted ones too.
fn around(at: usize, width: usize, count: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (at % width, at / width);
    let rows = y.saturating_sub(1)..(y + 2).min(count / width);
    rows.flat_map(move |row| (x.saturating_sub(1)..(x + 2).min(width)).map(move |column| row * width + column))
}

fn minus(x: [u8; 3], y: [u8; 3]) -> [f32; 3] {
    std::array::from_fn(|c| f32::from(x[c]) - f32::from(y[c]))
}

fn dot(x: [f32; 3], y: [f32; 3]) -> f32 {
    x[0] * y[0] + x[1] * y[1] + x[2] * y[2]
}

/// α (0 to 255) and the thing's colour at one pixel. `thing` says which pixels may be of the thing.
pub(super) fn unmixed(
    pixels: &[[u8; 3]],
    width: usize,
    at: usize,
    behind: [u8; 3],
    thing: impl Fn(usize) -> bool,
) -> (u8, [u8; 3]) {
    let own = minus(pixels[at], behind);
    let far = dot(own, own);
    if far < 1.0 {
        return (0, pixels[at]);
    }
    let (mut here, mut best, mut reach) = (at, own, far);
    for _ in 0..STEPS {
        let next = around(here, width, pixels.len()).filter(|&next| thing(next)).filter_map(|next| {
            let line = minus(pixels[next], behind);
            let length = dot(line, line);
            // Clearly farther from the background, and the pixel between the two.
            if length < reach * 1.03 + 20.0 {
                return None;
            }
            let share = dot(own, line) / length;
            let off: [f32; 3] = std::array::from_fn(|c| own[c] - share * line[c]);
            (share > 0.0 && dot(off, off) < OFF * OFF).then_some((length, next, line))
        });
        let Some((length, next, line)) = next.max_by(|x, y| x.0.total_cmp(&y.0).then(y.1.cmp(&x.1))) else { break };
        (here, best, reach) = (next, line, length);
    }
    let alpha = (dot(own, best) / reach).clamp(0.0, 1.0);
    if here == at {
        return (255, pixels[at]);
    }
    // The thing's colour that gives the pixel back exactly, where that is a colour; near the background the neighbour's.
    let exact = |c: usize| f32::from(behind[c]) + own[c] / alpha.max(0.05);
    let blend = ((alpha - 0.25) * 2.0).clamp(0.0, 1.0);
    let colour = std::array::from_fn(|c| {
        let found = f32::from(pixels[here][c]);
        (found + blend * (exact(c).clamp(0.0, 255.0) - found)).round() as u8
    });
    ((alpha * 255.0).round() as u8, colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_steps() {
        let inside = [false, true, true, true, true, true];
        assert_eq!(depth(&inside, 6, 4), [0, 1, 2, 3, 4, 4]);
        assert_eq!(depth(&[true], 1, 3), [3]);
    }

    #[test]
    fn a_soft_edge_is_unmixed() {
        // Blue on yellow, one pixel half and half; then a fill of another colour, which is not taken for the thing's.
        let (blue, yellow, green) = ([20u8, 40, 200], [250u8, 230, 60], [10u8, 160, 40]);
        let mixed: [u8; 3] = std::array::from_fn(|c| blue[c].midpoint(yellow[c]));
        let row = [yellow, mixed, blue, blue, green];
        let (alpha, colour) = unmixed(&row, 5, 1, yellow, |at| at > 0);
        assert!(alpha.abs_diff(128) <= 2, "{alpha}");
        assert!(colour.iter().zip(blue).all(|(x, y)| x.abs_diff(y) <= 3), "{colour:?}");
        assert_eq!(unmixed(&row, 5, 2, yellow, |at| at > 0), (255, blue));
        assert_eq!(unmixed(&row, 5, 0, yellow, |at| at > 0).0, 0);
        assert_eq!(unmixed(&[blue], 1, 0, yellow, |_| true), (255, blue));
    }
}
