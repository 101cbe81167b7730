//! Any size from any size: area-correct filters in linear light, and three ways to meet another aspect ratio.
//!
//! A filter's width grows with the reduction, so that every pixel of the source counts (no aliasing); results are kept within the
//! range of the source pixels under the filter's main lobe, so that outlines get no ringing.

use serde::{Deserialize, Serialize};

use super::crop::{border_colour, crop_window};
use super::oklab::{encoded, linear};
use super::window::Window;
use crate::generation::backend::Picture;

/// Most pixels on a side.
pub const SIDE_MAX: u32 = 16_384;

/// How pixels are weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// sinc(x) · sinc(x / 3) (Lanczos 1956; Duchon 1979): the sharpest.
    #[default]
    Lanczos3,
    /// Cubic convolution with a = -1/2 (Keys 1981): softer, a third less work.
    CatmullRom,
}

impl Filter {
    /// Half the width, in pixels of the coarser picture.
    const fn reach(self) -> f64 {
        match self {
            Self::Lanczos3 => 3.0,
            Self::CatmullRom => 2.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let x = x.abs();
        if x >= self.reach() {
            return 0.0;
        }
        match self {
            Self::Lanczos3 => {
                let sinc = |x: f64| if x < 1e-9 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
                sinc(x) * sinc(x / 3.0)
            }
            Self::CatmullRom if x < 1.0 => 1.5 * x.powi(3) - 2.5 * x * x + 1.0,
            Self::CatmullRom => -0.5 * x.powi(3) + 2.5 * x * x - 4.0 * x + 2.0,
        }
    }
}

/// What to do when the aspect ratio changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fit {
    /// Stretches.
    Stretch,
    /// Cuts off what is too much, on the sides where least is to be seen.
    #[default]
    Crop,
    /// Adds borders.
    Pad {
        /// Their colour, sRGB; the picture's own border colour when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        colour: Option<[u8; 3]>,
    },
}

/// A change of size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Pixels, 1 to 16,384.
    pub width: u32,
    /// Pixels, 1 to 16,384.
    pub height: u32,
    /// What to do when the aspect ratio changes.
    #[serde(default)]
    pub fit: Fit,
    /// How pixels are weighed.
    #[serde(default)]
    pub filter: Filter,
}

impl Resize {
    /// To a size, by the usual filter, cutting off what is too much.
    pub fn to(width: u32, height: u32) -> Self {
        Self { width, height, fit: Fit::default(), filter: Filter::default() }
    }

    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        [("width", self.width), ("height", self.height)]
            .into_iter()
            .find(|(_, side)| !(1..=SIDE_MAX).contains(side))
            .map(|(name, side)| format!("{name} is {side}: it must be from 1 to {SIDE_MAX} pixels"))
    }

    /// The picture at that size; the picture itself where there is a [`fault`](Self::fault).
    pub fn apply(&self, picture: &Picture) -> Picture {
        if self.fault().is_some() || picture.width == 0 || picture.height == 0 {
            return picture.clone();
        }
        let whole = Window { x: 0, y: 0, width: picture.width, height: picture.height };
        match self.fit {
            Fit::Stretch => scaled(picture, whole, self.width, self.height, self.filter),
            Fit::Crop => {
                let window = crop_window(picture, self.width, self.height);
                scaled(picture, window, self.width, self.height, self.filter)
            }
            Fit::Pad { colour } => {
                let (width, height) = inside(picture, self.width, self.height);
                let inner = scaled(picture, whole, width, height, self.filter);
                let colour = colour.unwrap_or_else(|| border_colour(picture));
                padded(&inner, self.width, self.height, colour)
            }
        }
    }
}

/// Width and height of the largest picture of the same aspect ratio that fits.
fn inside(picture: &Picture, width: u32, height: u32) -> (u32, u32) {
    let scale = (f64::from(width) / f64::from(picture.width)).min(f64::from(height) / f64::from(picture.height));
    let side = |own: u32, most: u32| ((f64::from(own) * scale).round() as u32).clamp(1, most);
    (side(picture.width, width), side(picture.height, height))
}

/// The picture in the middle of a sheet.
fn padded(inner: &Picture, width: u32, height: u32, colour: [u8; 3]) -> Picture {
    let mut rgb = colour.repeat(width as usize * height as usize);
    let (left, top) = (((width - inner.width) / 2) as usize, ((height - inner.height) / 2) as usize);
    for (y, row) in inner.rgb.chunks_exact(inner.width as usize * 3).enumerate() {
        rgb[((top + y) * width as usize + left) * 3..][..row.len()].copy_from_slice(row);
    }
    Picture { rgb, width, height }
}

/// For each pixel of a result: the first source pixel, the weights from there on, and which of them are under the main lobe.
struct Taps {
    first: usize,
    weights: Vec<f32>,
    lobe: std::ops::Range<usize>,
}

/// The taps from `count` source pixels to `to`.
fn taps(count: usize, to: usize, filter: Filter) -> Vec<Taps> {
    let scale = count as f64 / to as f64;
    let stretch = scale.max(1.0);
    (0..to)
        .map(|i| {
            let centre = (i as f64 + 0.5) * scale - 0.5;
            let reach = filter.reach() * stretch;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor().max(0.0) as usize).min(count - 1);
            let first = first.min(last);
            let weights: Vec<f64> = (first..=last).map(|x| filter.weight((x as f64 - centre) / stretch)).collect();
            let sum: f64 = weights.iter().sum();
            let near = |x: usize| (x as f64 - centre).abs() < stretch;
            let from = (first..=last).position(near).unwrap_or(0);
            let until = weights.len() - (first..=last).rev().position(near).unwrap_or(0);
            Taps { first, weights: weights.iter().map(|w| (w / sum) as f32).collect(), lobe: from..until }
        })
        .collect()
}

/// Part of a picture, stretched to a size.
fn scaled(picture: &Picture, window: Window, width: u32, height: u32, filter: Filter) -> Picture {
    let (left, top) = (window.x as usize, window.y as usize);
    let (from_width, from_height) = (window.width as usize, window.height as usize);
    let (wide, high) = (width as usize, height as usize);
    let source = |y: usize| &picture.rgb[((top + y) * picture.width as usize + left) * 3..][..from_width * 3];
    if (from_width, from_height) == (wide, high) {
        return Picture { rgb: (0..high).flat_map(source).copied().collect(), width, height };
    }
    // Across, then down.
    let across = taps(from_width, wide, filter);
    let mut rows = vec![0.0f32; wide * 3 * from_height];
    let mut light = vec![[0.0f32; 3]; from_width];
    for (y, row) in rows.chunks_exact_mut(wide * 3).enumerate() {
        for (light, pixel) in light.iter_mut().zip(source(y).as_chunks::<3>().0) {
            *light = pixel.map(linear);
        }
        for (target, taps) in row.as_chunks_mut::<3>().0.iter_mut().zip(&across) {
            let pixels = &light[taps.first..][..taps.weights.len()];
            let mut sum = [0.0f32; 3];
            for (weight, pixel) in taps.weights.iter().zip(pixels) {
                sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * value);
            }
            for c in 0..3 {
                let lobe = pixels[taps.lobe.clone()].iter().map(|pixel| pixel[c]);
                let (least, most) = lobe.fold((1.0f32, 0.0f32), |(least, most), value| (least.min(value), most.max(value)));
                target[c] = sum[c].max(least).min(most);
            }
        }
    }
    let mut rgb = Vec::with_capacity(wide * high * 3);
    let (mut sum, mut least, mut most) = (vec![0.0f32; wide * 3], vec![0.0f32; wide * 3], vec![0.0f32; wide * 3]);
    for taps in taps(from_height, high, filter) {
        sum.fill(0.0);
        least.fill(1.0);
        most.fill(0.0);
        for (i, weight) in taps.weights.iter().enumerate() {
            let row = &rows[(taps.first + i) * wide * 3..][..wide * 3];
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
            if taps.lobe.contains(&i) {
                least.iter_mut().zip(row).for_each(|(least, value)| *least = least.min(*value));
                most.iter_mut().zip(row).for_each(|(most, value)| *most = most.max(*value));
            }
        }
        rgb.extend(sum.iter().zip(least.iter().zip(&most)).map(|(sum, (least, most))| encoded(sum.max(*least).min(*most))));
    }
    Picture { rgb, width, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
        Picture { rgb: (0..width * height).flat_map(|i| pixel(i % width, i / width)).collect(), width, height }
    }

    #[test]
    fn light_is_averaged_not_bytes() {
        let checks = picture(64, 64, |x, y| [if (x + y) % 2 == 0 { 255 } else { 0 }; 3]);
        for filter in [Filter::Lanczos3, Filter::CatmullRom] {
            let small = Resize { filter, ..Resize::to(8, 8) }.apply(&checks);
            // Half of all light is 188 as a byte.
            assert!(small.rgb.iter().all(|x| x.abs_diff(188) <= 2), "{:?}", &small.rgb[..9]);
        }
    }

    #[test]
    fn one_colour_stays_and_edges_do_not_ring() {
        for (width, height) in [(1, 1), (7, 90), (33, 5), (200, 200)] {
            let same = Resize { fit: Fit::Stretch, ..Resize::to(width, height) }.apply(&picture(20, 30, |_, _| [9, 120, 250]));
            assert_eq!(same.rgb, [9, 120, 250].repeat((width * height) as usize));
        }
        let edge = picture(16, 16, |x, _| if x < 8 { [40; 3] } else { [200; 3] });
        let large = Resize::to(128, 128).apply(&edge);
        assert!(large.rgb.iter().all(|x| (40..=200).contains(x)));
        assert_eq!((large.rgb[0], large.rgb[127 * 3]), (40, 200));
        assert_eq!(Resize::to(16, 16).apply(&edge), edge);
    }

    #[test]
    fn padding_takes_the_borders_colour() {
        let disc = picture(40, 20, |x, y| if x.abs_diff(20) + y.abs_diff(10) < 8 { [0; 3] } else { [240, 250, 245] });
        assert_eq!(border_colour(&disc), [240, 250, 245]);
        let square = Resize { fit: Fit::Pad { colour: None }, ..Resize::to(40, 40) }.apply(&disc);
        assert_eq!((&square.rgb[..3], square.height), (&[240, 250, 245][..], 40));
        assert_eq!(square.rgb[10 * 40 * 3..30 * 40 * 3], disc.rgb, "as it was, in the middle");
        let given = Resize { fit: Fit::Pad { colour: Some([1, 2, 3]) }, ..Resize::to(60, 20) }.apply(&disc);
        assert_eq!(given.rgb[..3], [1, 2, 3]);
    }

    #[test]
    fn any_size_becomes_any_size_and_faults_are_named() {
        for (width, height) in [(1, 1), (1, 9), (8, 1), (13, 21)] {
            let any = picture(width, height, |x, y| [(x * 40) as u8, (y * 11) as u8, 77]);
            for fit in [Fit::Stretch, Fit::Crop, Fit::Pad { colour: None }] {
                for (w, h) in [(1, 1), (5, 2), (2, 17), (64, 64)] {
                    let made = Resize { fit, ..Resize::to(w, h) }.apply(&any);
                    assert_eq!((made.width, made.height, made.rgb.len()), (w, h, (w * h * 3) as usize));
                }
            }
        }
        assert_eq!(Resize::to(0, 5).fault().as_deref(), Some("width is 0: it must be from 1 to 16384 pixels"));
        assert!(Resize::to(5, 20_000).fault().is_some() && Resize::to(512, 512).fault().is_none());
    }
}
