//! The paper of a drawing: near-white pixels that hang together with the border.

use super::oklab::lab;
use crate::generation::backend::Picture;

/// Least lightness of paper and most chroma, OKLab.
const LIGHTNESS: f32 = 0.955;
const CHROMA: f32 = 0.02;

/// Whether each pixel is paper.
pub(super) fn paper(picture: &Picture) -> Vec<bool> {
    let pixels = picture.rgb.as_chunks::<3>().0;
    let white = |&pixel: &[u8; 3]| {
        // What is plainly darker needs no arithmetic.
        pixel.iter().all(|&byte| byte > 200) && {
            let [lightness, a, b] = lab(pixel);
            lightness >= LIGHTNESS && a.hypot(b) <= CHROMA
        }
    };
    let white: Vec<bool> = pixels.iter().map(white).collect();
    flood(picture.width as usize, &white)
}

/// Of the pixels that may be flooded, those reached from the border through neighbours beside, above and below.
pub(super) fn flood(width: usize, may: &[bool]) -> Vec<bool> {
    let mut reached = vec![false; may.len()];
    if width == 0 {
        return reached;
    }
    let height = may.len() / width;
    let mut open = Vec::new();
    let border = (0..width).flat_map(|x| [x, (height.max(1) - 1) * width + x]);
    for at in border.chain((0..height).flat_map(|y| [y * width, (y + 1) * width - 1])) {
        if may.get(at) == Some(&true) && !reached[at] {
            reached[at] = true;
            open.push(at);
        }
    }
    while let Some(at) = open.pop() {
        let x = at % width;
        let beside = [(x > 0).then(|| at - 1), (x + 1 < width).then(|| at + 1), at.checked_sub(width), Some(at + width)];
        for next in beside.into_iter().flatten().filter(|&next| next < may.len()) {
            if may[next] && !reached[next] {
                reached[next] = true;
                open.push(next);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paper_hangs_together_with_the_border() {
        // A dark ring: white within is not paper.
        let ring = |i: usize| {
            let away = (i % 9).abs_diff(4).max((i / 9).abs_diff(4));
            if away == 2 { [20u8, 30, 90] } else { [253; 3] }
        };
        let picture = Picture { rgb: (0..81).flat_map(ring).collect(), width: 9, height: 9 };
        let paper = paper(&picture);
        assert_eq!(paper.iter().filter(|x| **x).count(), 81 - 25);
        assert!(paper[0] && !paper[40]);
    }

    #[test]
    fn any_size_is_flooded() {
        for (width, pixels) in [(1, 1), (1, 5), (5, 5), (3, 9)] {
            assert_eq!(flood(width, &vec![true; pixels]), vec![true; pixels]);
        }
        assert!(flood(0, &[]).is_empty());
    }
}
