//! Enlarging two, three and four times, so that edges come out sharp and smooth along their length and the enlargement, averaged
//! back in squares, is the picture it came from.
//!
//! Two ways: flat art (few colours, hard edges) by least total variation, shading and photographs by least second-order
//! variation, both with directions (`variation`), begun from Catmull-Rom interpolation with iterated back-projection (Irani and
//! Peleg 1991). Averages are of sRGB values, not of light: what draws antialiased outlines mixes them so.

use serde::{Deserialize, Serialize};

use super::variation::{Plan, least};
use crate::generation::backend::Picture;

/// Most pixels on a side of an enlargement.
pub const SIDE_MAX: u32 = 16_384;

/// Pixels of a tile's side in the picture to be enlarged, and of the margin around it that is thrown away.
const TILE: usize = 48;
const MARGIN: usize = 6;

/// What the picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Told from the picture: see [`is_flat`].
    #[default]
    Auto,
    /// Few colours and hard edges.
    Flat,
    /// Shading, texture, photographs.
    Shaded,
}

/// An enlargement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Upscale {
    /// How many times as wide and as high: 2, 3 or 4.
    pub factor: u32,
    /// What the picture is.
    pub way: Way,
}

impl Default for Upscale {
    fn default() -> Self {
        Self { factor: 2, way: Way::Auto }
    }
}

impl Upscale {
    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        (!(2..=4).contains(&self.factor)).then(|| format!("factor is {}: it must be 2, 3 or 4", self.factor))
    }

    /// What would be wrong with enlarging a picture of this size.
    pub fn fault_for(&self, width: u32, height: u32) -> Option<String> {
        self.fault().or_else(|| {
            let longest = u64::from(width.max(height)) * u64::from(self.factor);
            (longest > u64::from(SIDE_MAX)).then(|| format!("the enlargement's side is {longest}: it must be at most {SIDE_MAX}"))
        })
    }

    /// The enlargement; the picture itself where there is a [`fault_for`](Self::fault_for) it.
    pub fn apply(&self, picture: &Picture) -> Picture {
        let factor = self.factor as usize;
        if self.fault_for(picture.width, picture.height).is_some() || picture.rgb.is_empty() {
            return picture.clone();
        }
        let flat = match self.way {
            Way::Auto => is_flat(picture),
            Way::Flat => true,
            Way::Shaded => false,
        };
        let plan = if flat { Plan::FLAT } else { Plan::SHADED };
        let (width, height) = (picture.width as usize, picture.height as usize);
        let mut out = vec![0u8; picture.rgb.len() * factor * factor];
        for top in (0..height).step_by(TILE) {
            for left in (0..width).step_by(TILE) {
                tile(picture, &mut out, (left, top), factor, &plan);
            }
        }
        Picture { rgb: out, width: picture.width * self.factor, height: picture.height * self.factor }
    }
}

/// Whether a picture is flat art: between most neighbours there is either next to no difference or an edge, seldom the small
/// differences of shading and texture.
pub fn is_flat(picture: &Picture) -> bool {
    let (width, pixels) = (picture.width as usize, picture.rgb.as_chunks::<3>().0);
    let differ = |x: &[u8; 3], y: &[u8; 3]| x.iter().zip(y).map(|(x, y)| x.abs_diff(*y)).max().unwrap_or(0);
    let (mut calm, mut small, mut edges) = (0usize, 0usize, 0usize);
    for (at, pixel) in pixels.iter().enumerate() {
        let right = if (at + 1) % width.max(1) == 0 { 0 } else { pixels.get(at + 1).map_or(0, |next| differ(pixel, next)) };
        let below = pixels.get(at + width).map_or(0, |next| differ(pixel, next));
        match right.max(below) {
            0..=1 => calm += 1,
            2..=24 => small += 1,
            _ => edges += 1,
        }
    }
    // Antialiased outlines leave some small differences too, in proportion to their length.
    calm * 4 > pixels.len() && small * 5 < pixels.len() + edges * 3
}

/// Enlarges one tile of the picture into its place.
fn tile(picture: &Picture, out: &mut [u8], (left, top): (usize, usize), factor: usize, plan: &Plan) {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let (right, bottom) = ((left + TILE).min(width), (top + TILE).min(height));
    let (x0, y0) = (left.saturating_sub(MARGIN), top.saturating_sub(MARGIN));
    let (x1, y1) = ((right + MARGIN).min(width), (bottom + MARGIN).min(height));
    let (w, h) = (x1 - x0, y1 - y0);
    let mut small = [(); 3].map(|()| Vec::with_capacity(w * h));
    let (mut least_byte, mut most_byte) = ([255u8; 3], [0u8; 3]);
    for y in y0..y1 {
        for pixel in picture.rgb[(y * width + x0) * 3..(y * width + x1) * 3].as_chunks::<3>().0 {
            for (c, &byte) in pixel.iter().enumerate() {
                small[c].push(f32::from(byte) / 255.0);
                (least_byte[c], most_byte[c]) = (least_byte[c].min(byte), most_byte[c].max(byte));
            }
        }
    }
    let wide = w * factor;
    let mut large = [0, 1, 2].map(|c| interpolate(&small[c], w, factor));
    // Nothing to sharpen where all is nearly the same.
    if least_byte.iter().zip(most_byte).any(|(least, most)| most - least > 2) {
        for (large, small) in large.iter_mut().zip(&small) {
            back_project(large, small, w, factor);
        }
        least(&mut large, &small, wide, h * factor, factor, plan);
        for (large, small) in large.iter_mut().zip(&small) {
            settle(large, small, w, factor);
        }
    }
    for y in top * factor..bottom * factor {
        for x in left * factor..right * factor {
            let from = (y - y0 * factor) * wide + x - x0 * factor;
            for (c, plane) in large.iter().enumerate() {
                out[(y * width * factor + x) * 3 + c] = (plane[from] * 255.0).round().clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// Catmull-Rom interpolation (cubic convolution with a = -1/2, Keys 1981), the ends repeated.
fn interpolate(small: &[f32], width: usize, factor: usize) -> Vec<f32> {
    let (height, wide) = (small.len() / width, width * factor);
    let taps: Vec<(isize, [f32; 4])> = (0..factor)
        .map(|phase| {
            let at = (phase as f32 + 0.5) / factor as f32 - 0.5;
            let t = at - at.floor();
            let (t2, t3) = (t * t, t * t * t);
            let weights = [t2 - (t3 + t) / 2.0, 1.0 + 1.5 * t3 - 2.5 * t2, 2.0 * t2 - 1.5 * t3 + t / 2.0, (t3 - t2) / 2.0];
            (at.floor() as isize - 1, weights)
        })
        .collect();
    let near = |at: usize, offset: isize, count: usize| at.saturating_add_signed(offset).min(count - 1);
    let mut rows = vec![0.0f32; wide * height];
    for y in 0..height {
        let row = &small[y * width..][..width];
        for x in 0..width {
            for (phase, (first, weights)) in taps.iter().enumerate() {
                let sum = weights.iter().enumerate().map(|(i, weight)| weight * row[near(x, first + i as isize, width)]);
                rows[y * wide + x * factor + phase] = sum.sum();
            }
        }
    }
    let mut out = vec![0.0f32; wide * height * factor];
    for y in 0..height {
        for (phase, (first, weights)) in taps.iter().enumerate() {
            let target = &mut out[(y * factor + phase) * wide..][..wide];
            for (i, weight) in weights.iter().enumerate() {
                let row = &rows[near(y, first + i as isize, height) * wide..][..wide];
                target.iter_mut().zip(row).for_each(|(target, value)| *target += weight * value);
            }
        }
    }
    out
}

/// What the averages of squares lack to be the small picture.
fn lacking(large: &[f32], small: &[f32], width: usize, factor: usize) -> Vec<f32> {
    let mut lack = small.to_vec();
    for (y, row) in large.chunks_exact(width * factor).enumerate() {
        for (lack, square) in lack[y / factor * width..][..width].iter_mut().zip(row.chunks_exact(factor)) {
            *lack -= square.iter().sum::<f32>() / (factor * factor) as f32;
        }
    }
    lack
}

/// Adds what the averages lack, a few times.
fn back_project(large: &mut [f32], small: &[f32], width: usize, factor: usize) {
    for _ in 0..4 {
        let lack = lacking(large, small, width, factor);
        large.iter_mut().zip(interpolate(&lack, width, factor)).for_each(|(large, lack)| *large += lack);
    }
}

/// Brings values into 0 to 1 and the averages back to what they were, in turns.
fn settle(large: &mut [f32], small: &[f32], width: usize, factor: usize) {
    for _ in 0..6 {
        large.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
        let lack = lacking(large, small, width, factor);
        for (y, row) in large.chunks_exact_mut(width * factor).enumerate() {
            for (square, lack) in row.chunks_exact_mut(factor).zip(&lack[y / factor * width..]) {
                square.iter_mut().for_each(|value| *value += lack);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dark disc on white paper with a soft edge of a pixel.
    fn disc(side: u32, radius: f32) -> Picture {
        let centre = (side as f32 - 1.0) / 2.0;
        let pixel = |i: u32| {
            let away = (((i % side) as f32 - centre).powi(2) + ((i / side) as f32 - centre).powi(2)).sqrt();
            let cover = (radius - away + 0.5).clamp(0.0, 1.0);
            [255.0 - 200.0 * cover, 255.0 - 60.0 * cover, 255.0 - 220.0 * cover].map(|x: f32| x.round() as u8)
        };
        Picture { rgb: (0..side * side).flat_map(pixel).collect(), width: side, height: side }
    }

    fn shrunk(picture: &Picture, factor: usize) -> Picture {
        let (w, h) = (picture.width as usize / factor, picture.height as usize / factor);
        let mut rgb = Vec::new();
        for i in 0..w * h * 3 {
            let (x, y, c) = (i / 3 % w, i / 3 / w, i % 3);
            let at = |j: usize| (((y * factor + j / factor) * w + x) * factor + j % factor) * 3 + c;
            let sum: usize = (0..factor * factor).map(|j| usize::from(picture.rgb[at(j)])).sum();
            rgb.push(((sum + factor * factor / 2) / (factor * factor)) as u8);
        }
        Picture { rgb, width: w as u32, height: h as u32 }
    }

    fn square_error(x: &Picture, y: &Picture) -> f64 {
        x.rgb.iter().zip(&y.rgb).map(|(x, y)| f64::from(x.abs_diff(*y)).powi(2)).sum::<f64>() / x.rgb.len() as f64
    }

    #[test]
    fn an_enlargement_gives_the_picture_back_and_is_nearer_than_interpolation() {
        for factor in [2, 3, 4] {
            let whole = disc(24 * factor, 7.3 * factor as f32);
            let small = shrunk(&whole, factor as usize);
            let plain: Vec<Vec<f32>> = (0..3)
                .map(|c| {
                    let plane: Vec<f32> = small.rgb.iter().skip(c).step_by(3).map(|x| f32::from(*x)).collect();
                    interpolate(&plane, 24, factor as usize)
                })
                .collect();
            let plain = (0..whole.rgb.len()).map(|i| plain[i % 3][i / 3].round().clamp(0.0, 255.0) as u8).collect();
            let plain = square_error(&Picture { rgb: plain, ..whole }, &whole);
            for (way, better) in [(Way::Flat, 3.0), (Way::Shaded, 1.5)] {
                let large = Upscale { factor, way }.apply(&small);
                assert_eq!((large.width, large.height), (24 * factor, 24 * factor));
                let back = shrunk(&large, factor as usize);
                assert!(back.rgb.iter().zip(&small.rgb).all(|(x, y)| x.abs_diff(*y) <= 1), "{factor} {way:?}");
                let error = square_error(&large, &whole);
                assert!(error * better < plain, "{factor} {way:?}: {error} against {plain}");
            }
        }
    }

    #[test]
    fn flat_art_is_told_from_texture() {
        assert!(is_flat(&disc(64, 20.0)));
        let texture = |i: u32| (120 + (i.wrapping_mul(2_654_435_761) >> 27)) as u8;
        assert!(!is_flat(&Picture { rgb: (0..64 * 64 * 3).map(texture).collect(), width: 64, height: 64 }));
    }

    #[test]
    fn any_size_is_enlarged_and_faults_are_named() {
        for (width, height) in [(1, 1), (1, 7), (5, 1), (50, 3), (49, 97)] {
            let rgb: Vec<u8> = (0..width * height * 3).map(|i| (i * 37 % 256) as u8).collect();
            let picture = Picture { rgb, width, height };
            for way in [Way::Auto, Way::Flat, Way::Shaded] {
                let large = Upscale { factor: 3, way }.apply(&picture);
                assert_eq!((large.rgb.len(), large.width), (picture.rgb.len() * 9, width * 3));
            }
        }
        assert_eq!(Upscale { factor: 5, way: Way::Auto }.fault().as_deref(), Some("factor is 5: it must be 2, 3 or 4"));
        assert!(Upscale { factor: 4, ..Upscale::default() }.fault_for(5000, 10).is_some_and(|fault| fault.contains("20000")));
        assert_eq!(Upscale::default().fault_for(4096, 4096), None);
    }

    #[test]
    fn one_colour_stays_one_colour() {
        let picture = Picture { rgb: [12, 200, 77].repeat(60 * 60), width: 60, height: 60 };
        assert_eq!(Upscale { factor: 2, way: Way::Auto }.apply(&picture).rgb, [12, 200, 77].repeat(120 * 120));
    }
}
