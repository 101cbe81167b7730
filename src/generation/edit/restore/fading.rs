//! Fading and colour casts: what a picture's tones have lost, as numbers a person can change, and the correction by them. Every
//! pixel is a function of its own colour alone: nothing is invented.

use serde::{Deserialize, Serialize};

use super::super::mask::Mask;
use crate::generation::backend::Picture;

/// How the tones of a picture are corrected. In this order, for each channel, with values from 0 to 1: the black and white points
/// are taken to 0 and 1, the rest between them; the power 1 / `gamma` is taken; the channel is multiplied by its `cast`; then the
/// distance from the pixel's brightness is multiplied by `saturation`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tone {
    /// What becomes black, for red, green and blue: 0 to 254.
    pub black: [f32; 3],
    /// What becomes white, for red, green and blue: 1 to 255, above `black`.
    pub white: [f32; 3],
    /// Above 1 makes the middle lighter, below it darker: 0.2 to 5.
    pub gamma: f32,
    /// Gains of red, green and blue after that: 0.25 to 4.
    pub cast: [f32; 3],
    /// 0 is grey, 1 as it is, at most 4.
    pub saturation: f32,
}

impl Default for Tone {
    fn default() -> Self {
        Self { black: [0.0; 3], white: [255.0; 3], gamma: 1.0, cast: [1.0; 3], saturation: 1.0 }
    }
}

impl Tone {
    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        let ends = self.black.iter().zip(&self.white);
        if let Some((black, white)) = ends.clone().find(|(b, w)| !((0.0..=254.0).contains(*b) && (1.0..=255.0).contains(*w))) {
            return Some(format!("black is {black} and white {white}: they must be from 0 to 254 and from 1 to 255"));
        }
        if let Some((black, white)) = ends.clone().find(|(b, w)| b >= w) {
            return Some(format!("black is {black} and white {white}: white must be above black"));
        }
        if let Some(cast) = self.cast.iter().find(|gain| !(0.25..=4.0).contains(*gain)) {
            return Some(format!("cast is {cast}: it must be from 0.25 to 4"));
        }
        if !(0.2..=5.0).contains(&self.gamma) {
            return Some(format!("gamma is {}: it must be from 0.2 to 5", self.gamma));
        }
        let inside = (0.0..=4.0).contains(&self.saturation);
        (!inside).then(|| format!("saturation is {}: it must be from 0 to 4", self.saturation))
    }
}

/// Weights of red, green and blue in brightness (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
/// Share of the pixels that may lie beyond the black or the white point.
const BEYOND: f32 = 0.003;
/// Darkest tones, 0 to 255, between which a picture passes from sound to faded: all but misty ones have something near black.
const LIFTED: (f32, f32) = (26.0, 54.0);
/// How far the lightest tones lie below white, 0 to 255, between which the same happens: fading shortens both ends.
const LOWERED: (f32, f32) = (10.0, 30.0);
/// How colourful, as the root mean square of two colour differences in levels, a picture is too much so to be faded.
const COLOURFUL: (f32, f32) = (55.0, 85.0);
/// Mean colour over its spread, between which a picture passes from sound to cast over.
const OVERCAST: (f32, f32) = (3.6, 6.0);

/// 0 below `from`, 1 above `to`, and a smooth step between.
fn step(x: f32, (from, to): (f32, f32)) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The value, 0 to 255, below which this share of a histogram lies.
fn quantile(histogram: &[u32; 256], share: f32) -> f32 {
    let all: u64 = histogram.iter().map(|n| u64::from(*n)).sum();
    let wanted = (f64::from(share) * all as f64) as u64;
    let mut sum = 0u64;
    for (value, n) in histogram.iter().enumerate() {
        sum += u64::from(*n);
        if sum > wanted {
            return value as f32;
        }
    }
    255.0
}

/// What would undo a picture's fading and cast, from the pixels that `mask` doesn't cover. A picture that has near-black tones
/// and colours on all sides is taken as sound, and gets [`Tone::default`] or nearly that. Black and white points are the
/// histogram's ends (Limare et al. 2011, "Simplest color balance"); how much of the correction is taken grows with the signs of
/// fading.
pub fn estimate(picture: &Picture, mask: &Mask) -> Tone {
    let mut histograms = [[0u32; 256]; 3];
    let mut dark = [0u32; 256];
    let (mut n, mut sum, mut squares) = (0.0f64, [0.0f64; 2], [0.0f64; 2]);
    for (at, pixel) in picture.rgb.as_chunks::<3>().0.iter().enumerate() {
        if mask.covers(at) {
            continue;
        }
        (0..3).for_each(|c| histograms[c][usize::from(pixel[c])] += 1);
        let [r, g, b] = pixel.map(f64::from);
        let luma = 0.299 * r + 0.587 * g + 0.114 * b;
        dark[luma.clamp(0.0, 255.0) as usize] += 1;
        n += 1.0;
        for (i, colour) in [r - luma, b - luma].into_iter().enumerate() {
            sum[i] += colour;
            squares[i] += colour * colour;
        }
    }
    if n < 16.0 {
        return Tone::default();
    }
    let low = histograms.map(|h| quantile(&h, BEYOND));
    let high = histograms.map(|h| quantile(&h, 1.0 - BEYOND));
    let mean = sum.map(|s| s / n);
    let spread = (0..2).map(|i| (squares[i] / n - mean[i] * mean[i]).max(0.0)).sum::<f64>().sqrt();
    let coloured = mean[0].hypot(mean[1]);
    let colourful = coloured.hypot(spread) as f32;
    let ends = step(quantile(&dark, BEYOND), LIFTED) * step(255.0 - quantile(&dark, 1.0 - BEYOND), LOWERED);
    let faded = ends * (1.0 - step(colourful, COLOURFUL));
    let overcast = step((coloured / (spread + 1.0)) as f32, OVERCAST) * step(coloured as f32, (6.0, 14.0));
    let strength = faded.max(overcast);
    if strength == 0.0 {
        return Tone::default();
    }
    // A channel's end may not be stretched to more than this, so that a misty picture isn't torn.
    let (most_black, least_white) = (110.0, 120.0);
    let black = low.map(|low| strength * low.min(most_black));
    let white = high.map(|high| 255.0 - strength * (255.0 - high.max(least_white)));
    let mut tone = Tone { black, white, ..Tone::default() };
    let middle = middles(&histograms, &tone);
    let luma: f32 = middle.iter().zip(LUMA).map(|(m, w)| m * w).sum();
    if luma > 0.02 {
        // What is left of a cast in the middle tones, half taken away: grey world (Buchsbaum 1980), never by more than 15 %.
        tone.cast = middle.map(|m| (luma / m.max(0.02)).powf(0.5 * overcast).clamp(0.85, 1.15));
    }
    // Faded dyes lose colour as they lose contrast; stretching gives back what contrast took.
    let range = (0..3).map(|c| (white[c] - black[c]) / 255.0).sum::<f32>() / 3.0;
    tone.saturation = 1.0 + faded * 0.25 * (1.0 - range).clamp(0.0, 1.0);
    tone
}

/// The channels' means once black and white points are set, 0 to 1.
fn middles(histograms: &[[u32; 256]; 3], tone: &Tone) -> [f32; 3] {
    std::array::from_fn(|c| {
        let table = curve(tone, c);
        let (mut sum, mut n) = (0.0f64, 0.0f64);
        for (count, value) in histograms[c].iter().zip(table) {
            sum += f64::from(*count) * f64::from(value);
            n += f64::from(*count);
        }
        (sum / n.max(1.0)) as f32
    })
}

/// The corrected value, 0 to 1, of each of a channel's 256.
fn curve(tone: &Tone, channel: usize) -> [f32; 256] {
    let (black, white) = (tone.black[channel], tone.white[channel]);
    let range = (white - black).max(1.0);
    let power = 1.0 / tone.gamma.clamp(0.2, 5.0);
    let gain = tone.cast[channel].clamp(0.25, 4.0);
    std::array::from_fn(|value| ((value as f32 - black) / range).clamp(0.0, 1.0).powf(power) * gain)
}

/// The picture with its tones corrected. [`Tone::default`] changes nothing.
pub fn apply(picture: &Picture, tone: &Tone) -> Picture {
    let tables: [[f32; 256]; 3] = std::array::from_fn(|c| curve(tone, c));
    let saturation = tone.saturation.clamp(0.0, 4.0);
    let mut out = picture.clone();
    for pixel in out.rgb.as_chunks_mut::<3>().0 {
        let values: [f32; 3] = std::array::from_fn(|c| tables[c][usize::from(pixel[c])]);
        let luma: f32 = values.iter().zip(LUMA).map(|(v, w)| v * w).sum();
        *pixel = values.map(|v| ((luma + saturation * (v - luma)) * 255.0).round().clamp(0.0, 255.0) as u8);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: u32 = 64;

    /// Dark to light from left to right, colours from top to bottom.
    fn sound() -> Picture {
        let pixel = |at: u32| {
            let (x, y) = (at % SIDE, at / SIDE);
            let (light, turn) = (x as f32 * 4.0, y as f32 / SIDE as f32 * std::f32::consts::TAU);
            [0.0, 2.1, 4.2].map(|phase| (light + 40.0 * (turn + phase).sin()).clamp(0.0, 255.0) as u8)
        };
        Picture { rgb: (0..SIDE * SIDE).flat_map(pixel).collect(), width: SIDE, height: SIDE }
    }

    fn faded(picture: &Picture) -> Picture {
        let mut out = picture.clone();
        for pixel in out.rgb.as_chunks_mut::<3>().0 {
            let to = [(80.0, 240.0), (70.0, 215.0), (60.0, 180.0)];
            *pixel = std::array::from_fn(|c| (to[c].0 + (to[c].1 - to[c].0) * f32::from(pixel[c]) / 255.0).round() as u8);
        }
        out
    }

    fn error(a: &Picture, b: &Picture) -> f64 {
        a.rgb.iter().zip(&b.rgb).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.rgb.len() as f64
    }

    #[test]
    fn a_sound_picture_is_left_alone() {
        let picture = sound();
        let tone = estimate(&picture, &Mask::empty(SIDE, SIDE));
        assert_eq!(tone, Tone::default());
        assert_eq!(apply(&picture, &tone), picture);
    }

    #[test]
    fn fading_is_undone() {
        let (picture, mask) = (sound(), Mask::empty(SIDE, SIDE));
        let hurt = faded(&picture);
        let tone = estimate(&hurt, &mask);
        assert!(tone.black.iter().zip([80.0, 70.0, 60.0]).all(|(b, to)| (b - to).abs() < 8.0), "{tone:?}");
        assert!(tone.white.iter().zip([240.0, 215.0, 180.0]).all(|(w, to)| (w - to).abs() < 8.0), "{tone:?}");
        let after = error(&apply(&hurt, &tone), &picture);
        assert!(after * 4.0 < error(&hurt, &picture), "{after}");
    }

    #[test]
    fn what_is_masked_has_no_say() {
        let mut hurt = faded(&sound());
        let mut mask = Mask::empty(SIDE, SIDE);
        let before = estimate(&hurt, &mask);
        for at in 0..SIDE as usize * 8 {
            hurt.rgb[3 * at..3 * at + 3].copy_from_slice(&[if at % 2 == 0 { 0 } else { 255 }; 3]);
            mask.bytes[at] = 255;
        }
        assert_eq!(estimate(&hurt, &Mask::empty(SIDE, SIDE)), Tone::default(), "black spots seem sound");
        let after = estimate(&hurt, &mask);
        assert!(before.black.iter().zip(after.black).all(|(a, b)| (a - b).abs() < 6.0), "{before:?} {after:?}");
    }

    #[test]
    fn each_number_does_what_it_says() {
        let one = |rgb: [u8; 3], tone: Tone| apply(&Picture { rgb: rgb.to_vec(), width: 1, height: 1 }, &tone).rgb;
        let tone = Tone::default();
        assert_eq!(one([50, 100, 150], Tone { saturation: 0.0, ..tone }), [91; 3]);
        assert_eq!(one([64, 64, 64], Tone { gamma: 2.0, ..tone }), [128; 3]);
        assert_eq!(one([100, 100, 100], Tone { cast: [1.1, 1.0, 0.5], ..tone }), [110, 100, 50]);
        assert_eq!(one([50, 125, 200], Tone { black: [50.0; 3], white: [200.0; 3], ..tone }), [0, 128, 255]);
        let wild = Tone { black: [300.0; 3], white: [-5.0; 3], gamma: 0.0, cast: [-1.0; 3], saturation: f32::INFINITY };
        assert_eq!(one([1, 2, 3], wild).len(), 3);
        let nothing = Picture { rgb: Vec::new(), width: 0, height: 0 };
        assert_eq!(estimate(&nothing, &Mask::empty(0, 0)), Tone::default());
    }
}
