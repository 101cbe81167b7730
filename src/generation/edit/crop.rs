//! Which part of a picture to keep, and the colour of its border.

use super::oklab::{distance2, encoded, lab, linear};
use super::window::Window;
use crate::generation::backend::Picture;

/// The colour of the border: of the outermost pixels the commonest kind, averaged in light. White for a picture without pixels.
pub fn border_colour(picture: &Picture) -> [u8; 3] {
    const BINS: usize = 16 * 16 * 16;
    let (width, height) = (picture.width as usize, picture.height as usize);
    let (mut counts, mut sums) = (vec![0u32; BINS], vec![[0f64; 3]; BINS]);
    for (at, pixel) in picture.rgb.as_chunks::<3>().0.iter().enumerate() {
        let (x, y) = (at % width.max(1), at / width.max(1));
        if x == 0 || y == 0 || x + 1 == width || y + 1 == height {
            let bin = pixel.iter().fold(0, |bin, byte| bin * 16 + usize::from(byte >> 4));
            counts[bin] += 1;
            sums[bin].iter_mut().zip(pixel).for_each(|(sum, &byte)| *sum += f64::from(linear(byte)));
        }
    }
    // The first of equals.
    let Some(bin) = (0..BINS).rev().max_by_key(|&bin| counts[bin]).filter(|&bin| counts[bin] > 0) else { return [255; 3] };
    sums[bin].map(|sum| encoded((sum / f64::from(counts[bin])) as f32))
}

/// The part of a picture, of the aspect ratio of `width × height` and as large as can be, in which most is to be seen:
/// differences between neighbours and from the border's colour, in OKLab, the middle a little preferred.
pub fn crop_window(picture: &Picture, width: u32, height: u32) -> Window {
    let ratio = f64::from(width) / f64::from(height.max(1));
    let (own_width, own_height) = (f64::from(picture.width), f64::from(picture.height));
    let wide = own_width > own_height * ratio;
    let (across, down) = if wide { (own_height * ratio, own_height) } else { (own_width, own_width / ratio) };
    let side = |side: f64, most: u32| (side.round() as u32).clamp(1, most.max(1));
    let (across, down) = (side(across, picture.width), side(down, picture.height));
    let (whole, part) = if wide { (picture.width, across) } else { (picture.height, down) };
    let mut window = Window { x: 0, y: 0, width: across, height: down };
    if whole > part {
        let first = best_stretch(&energy(picture, wide), part as usize) as u32;
        if wide { window.x = first } else { window.y = first }
    }
    window
}

/// What is to be seen in each column (or row).
fn energy(picture: &Picture, columns: bool) -> Vec<f64> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let (count, others) = if columns { (width, height) } else { (height, width) };
    let mut sums = vec![0.0; count];
    let border = lab(border_colour(picture));
    // Some 300 lines are enough.
    let step = others.div_ceil(300).max(1);
    for other in (0..others).step_by(step) {
        let mut last = None;
        for (i, sum) in sums.iter_mut().enumerate() {
            let (x, y) = if columns { (i, other) } else { (other, i) };
            let at = (y * width + x) * 3;
            let here = lab([picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]]);
            let edge = last.map_or(0.0, |last| distance2(last, here).sqrt());
            *sum += f64::from(edge + 0.3 * distance2(border, here).sqrt());
            last = Some(here);
        }
    }
    sums
}

/// Where the stretch of `length` numbers begins that has the largest sum; the middle counts up to 5 % more, and wins when all is
/// equal.
fn best_stretch(numbers: &[f64], length: usize) -> usize {
    let places = numbers.len() - length + 1;
    let middle = (places as f64 - 1.0) / 2.0;
    let mut sum: f64 = numbers[..length].iter().sum();
    let (mut best, mut most) = (0, f64::NEG_INFINITY);
    for first in 0..places {
        if first > 0 {
            sum += numbers[first + length - 1] - numbers[first - 1];
        }
        let off = if middle > 0.0 { (first as f64 - middle).abs() / middle } else { 0.0 };
        let worth = (sum.max(0.0) + 1e-6) * (1.05 - 0.05 * off);
        if worth > most {
            (best, most) = (first, worth);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
        Picture { rgb: (0..width * height).flat_map(|i| pixel(i % width, i / width)).collect(), width, height }
    }

    #[test]
    fn cropping_keeps_what_is_to_be_seen() {
        // A red patch far right on white.
        let wide = picture(300, 100, |x, y| if x > 230 && (20..80).contains(&y) { [220, 20, 20] } else { [255; 3] });
        let window = crop_window(&wide, 50, 50);
        assert_eq!((window.width, window.height, window.y), (100, 100, 0));
        assert!(window.x >= 190, "{window:?}");
        assert_eq!(crop_window(&picture(300, 100, |_, _| [7; 3]), 1, 1).x, 100, "the middle when there is nothing");
        let high = picture(50, 200, |_, y| if y < 40 { [0, 0, 90] } else { [240; 3] });
        assert_eq!(crop_window(&high, 10, 10), Window { x: 0, y: 0, width: 50, height: 50 });
    }

    #[test]
    fn the_commonest_border_colour_counts() {
        let sheet = picture(30, 30, |x, y| if x == 0 && y > 20 { [0; 3] } else { [200, 210, 220] });
        assert_eq!(border_colour(&sheet), [200, 210, 220]);
        assert_eq!(border_colour(&picture(1, 1, |_, _| [7, 8, 9])), [7, 8, 9]);
    }
}
