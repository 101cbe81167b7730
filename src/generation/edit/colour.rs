//! Brightness, contrast, saturation, warmth, tint, hue and curves, in OKLab; levels by the picture itself.
//!
//! Black and white stay black and white, hue stays what it is unless it is asked to turn, and what a screen cannot show loses
//! chroma rather than lightness. With nothing asked for the result is the same bytes.

use serde::{Deserialize, Serialize};

use super::oklab::{Lab, mapped, plane};
use super::preferences::WARM;
use crate::generation::backend::Picture;

/// How far warmth and tint of 1 move a middle grey in OKLab.
const CAST: f32 = 0.09;

/// Most points of a curve.
pub const CURVE_MAX: usize = 16;

/// Changes of colour; each from -1 to 1, 0 leaves alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adjust {
    /// Darker or lighter: lightness to the power of 2 to the minus this.
    pub brightness: f32,
    /// Flatter or steeper about middle lightness.
    pub contrast: f32,
    /// -1 is grey, 1 has double the chroma.
    pub saturation: f32,
    /// Towards blue or towards orange.
    pub warmth: f32,
    /// Towards green or towards magenta.
    pub tint: f32,
    /// Turns all hues: 1 is half a turn from red through yellow and green, -1 the other way.
    pub hue: f32,
    /// Points (lightness in, lightness out), each 0 to 1, the first numbers rising; the monotone cubic through them (Fritsch and
    /// Carlson 1980) is applied to lightness, level beyond its ends. Without points lightness is left alone.
    pub curve: Vec<[f32; 2]>,
}

impl Adjust {
    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        let numbers = [
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("saturation", self.saturation),
            ("warmth", self.warmth),
            ("tint", self.tint),
            ("hue", self.hue),
        ];
        if let Some((name, value)) = numbers.into_iter().find(|(_, value)| !(-1.0..=1.0).contains(value)) {
            return Some(format!("{name} is {value}: it must be from -1 to 1"));
        }
        if self.curve.len() == 1 || self.curve.len() > CURVE_MAX {
            return Some(format!("curve has {} points: it must have none, or 2 to {CURVE_MAX}", self.curve.len()));
        }
        if let Some(value) = self.curve.iter().flatten().find(|value| !(0.0..=1.0).contains(*value)) {
            return Some(format!("curve has {value}: it must be from 0 to 1"));
        }
        let rising = self.curve.windows(2).all(|pair| pair[1][0] - pair[0][0] > 1e-4);
        (!rising).then(|| "curve does not rise: the first number of each point must be above the one before".to_owned())
    }

    /// Whether it leaves everything alone.
    pub fn is_neutral(&self) -> bool {
        *self == Self::default()
    }

    /// The picture so changed; the same bytes where nothing is asked for, or where there is a [`fault`](Self::fault).
    pub fn apply(&self, picture: &Picture) -> Picture {
        if self.is_neutral() || self.fault().is_some() {
            return picture.clone();
        }
        let curve = Curve::through(&self.curve);
        let (sin, cos) = (self.hue * std::f32::consts::PI).sin_cos();
        let (gamma, steep) = ((-self.brightness).exp2(), (1.5 * self.contrast).exp2());
        let change = |[lightness, a, b]: Lab| {
            let mut l = lightness.clamp(0.0, 1.0);
            if self.brightness != 0.0 {
                l = l.powf(gamma);
            }
            if self.contrast != 0.0 {
                let (up, down) = (l.powf(steep), (1.0 - l).powf(steep));
                l = up / (up + down);
            }
            l = curve.as_ref().map_or(l, |curve| curve.at(l));
            // What becomes darker or lighter keeps its saturation: chroma goes along with lightness, within reason.
            let along = if lightness > 0.05 { (l / lightness).clamp(0.5, 1.5) } else { 1.0 } * (1.0 + self.saturation);
            let (a, b) = (along * (a * cos - b * sin), along * (a * sin + b * cos));
            // A cast on middle tones; black and white have no room for one.
            let room = CAST * 4.0 * l * (1.0 - l);
            [l, a + room * (self.warmth * WARM[0] + self.tint * 0.8), b + room * (self.warmth * WARM[1] - self.tint * 0.4)]
        };
        mapped(picture, change)
    }
}

/// A monotone cubic.
struct Curve<'a> {
    points: &'a [[f32; 2]],
    slopes: Vec<f32>,
}

impl<'a> Curve<'a> {
    /// `None` for fewer than two points. Slopes as Fritsch and Butland (1984): the harmonic mean of the neighbouring ones, so
    /// that nothing overshoots.
    fn through(points: &'a [[f32; 2]]) -> Option<Self> {
        let secants: Vec<f32> = points.windows(2).map(|pair| (pair[1][1] - pair[0][1]) / (pair[1][0] - pair[0][0])).collect();
        let (first, last) = (*secants.first()?, *secants.last()?);
        let inner = secants.windows(2).map(|pair| {
            let product = pair[0] * pair[1];
            if product > 0.0 { 2.0 * product / (pair[0] + pair[1]) } else { 0.0 }
        });
        Some(Self { points, slopes: std::iter::once(first).chain(inner).chain([last]).collect() })
    }

    fn at(&self, x: f32) -> f32 {
        let right = self.points.partition_point(|point| point[0] <= x);
        if right == 0 {
            return self.points[0][1];
        }
        let left = right - 1;
        if right == self.points.len() {
            return self.points[left][1];
        }
        let ([x0, y0], [x1, y1]) = (self.points[left], self.points[right]);
        let (width, t) = (x1 - x0, (x - x0) / (x1 - x0));
        let (t2, t3) = (t * t, t * t * t);
        (2.0 * t3 - 3.0 * t2 + 1.0) * y0
            + (t3 - 2.0 * t2 + t) * width * self.slopes[left]
            + (3.0 * t2 - 2.0 * t3) * y1
            + (t3 - t2) * width * self.slopes[right]
    }
}

/// Levels by the picture itself: the darkest and the lightest half per cent become black and white, or come as near as 0.2 and
/// 0.25 of lightness bring them, and a cast common to all near-greys goes away.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auto {
    /// 0 leaves alone, 1 is the whole way.
    pub strength: f32,
}

impl Default for Auto {
    fn default() -> Self {
        Self { strength: 1.0 }
    }
}

impl Auto {
    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        let inside = (0.0..=1.0).contains(&self.strength);
        (!inside).then(|| format!("strength is {}: it must be from 0 to 1", self.strength))
    }

    /// The picture so changed; the same bytes at strength 0, or where there is a [`fault`](Self::fault).
    pub fn apply(&self, picture: &Picture) -> Picture {
        if self.strength == 0.0 || self.fault().is_some() {
            return picture.clone();
        }
        let colours = plane(picture);
        let mut counts = [0usize; 1001];
        let (mut cast, mut greys) = ([0.0f64; 2], 0usize);
        for [l, a, b] in &colours {
            counts[((l * 1000.0).round() as usize).min(1000)] += 1;
            // Paper has no cast, and would hide that of the rest.
            if a.hypot(*b) < 0.04 && (0.2..0.97).contains(l) {
                (cast[0], cast[1]) = (cast[0] + f64::from(*a), cast[1] + f64::from(*b));
                greys += 1;
            }
        }
        let few = colours.len() / 200;
        let low = level_beyond(counts.iter().enumerate(), few);
        let high = level_beyond(counts.iter().enumerate().rev(), few);
        // A picture without black or white may be meant so: neither end moves too far, nor does contrast more than double.
        let (low, high) = (low.min(0.2), high.max(0.75));
        let gain = 1.0 / (high - low);
        // Greys must be a fair part of the picture to tell of a cast.
        let trust = if greys * 10 > colours.len() { self.strength / greys as f32 } else { 0.0 };
        let cast = cast.map(|sum| sum as f32 * trust);
        mapped(picture, |[l, a, b]| {
            let levelled = l + self.strength * (((l - low) * gain).clamp(0.0, 1.0) - l);
            let along = if l > 0.05 { (levelled / l).clamp(0.7, 1.4) } else { 1.0 };
            let room = (4.0 * l * (1.0 - l)).clamp(0.0, 1.0);
            [levelled, along * (a - room * cast[0]), along * (b - room * cast[1])]
        })
    }
}

/// The first lightness, 0 to 1, at which more than `few` pixels are passed.
fn level_beyond<'a>(levels: impl Iterator<Item = (usize, &'a usize)>, few: usize) -> f32 {
    let mut sum = 0;
    for (level, count) in levels {
        sum += count;
        if sum > few {
            return level as f32 / 1000.0;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::super::oklab::{lab, lch};
    use super::*;

    /// A little of every colour.
    fn wheel() -> Picture {
        let rgb: Vec<u8> =
            (0..16 * 16u32).flat_map(|i| [(i % 16 * 17) as u8, (i / 16 * 17) as u8, (i * 7 % 256) as u8]).collect();
        Picture { rgb, width: 16, height: 16 }
    }

    fn one(adjust: &Adjust, rgb: [u8; 3]) -> [f32; 3] {
        let out = adjust.apply(&Picture { rgb: rgb.to_vec(), width: 1, height: 1 });
        lch(lab(out.rgb.try_into().unwrap()))
    }

    #[test]
    fn nothing_asked_for_is_the_same_bytes() {
        assert_eq!(Adjust::default().apply(&wheel()), wheel());
        assert_eq!(Auto { strength: 0.0 }.apply(&wheel()), wheel());
        let straight = Adjust { curve: vec![[0.0, 0.0], [0.3, 0.3], [1.0, 1.0]], ..Adjust::default() };
        assert!(straight.apply(&wheel()).rgb.iter().zip(wheel().rgb).all(|(x, y)| x.abs_diff(y) <= 1));
    }

    #[test]
    fn each_number_does_its_own() {
        let red = [190, 60, 50];
        let own = lch(lab(red));
        let with = |change: &dyn Fn(&mut Adjust)| {
            let mut adjust = Adjust::default();
            change(&mut adjust);
            one(&adjust, red)
        };
        assert!(with(&|x| x.brightness = 0.5)[0] > own[0] + 0.05 && with(&|x| x.brightness = -0.5)[0] < own[0] - 0.05);
        assert!(with(&|x| x.saturation = -1.0)[1] < 0.005 && with(&|x| x.saturation = 0.3)[1] > own[1] + 0.02);
        assert!((with(&|x| x.hue = 0.5)[2] - own[2] - 90.0).abs() < 3.0);
        let curve = with(&|x| x.curve = vec![[0.0, 1.0], [1.0, 0.0]]);
        assert!((curve[0] - (1.0 - own[0])).abs() < 0.01, "{curve:?} {own:?}");
        let grey =
            |adjust: &Adjust| lab(adjust.apply(&Picture { rgb: vec![120; 3], width: 1, height: 1 }).rgb.try_into().unwrap());
        let [_, _, b] = grey(&Adjust { warmth: 1.0, ..Adjust::default() });
        let [_, a, _] = grey(&Adjust { tint: -1.0, ..Adjust::default() });
        assert!(b > 0.05 && a < -0.05);
        let contrast = |contrast: f32, level: u8| one(&Adjust { contrast, ..Adjust::default() }, [level; 3])[0];
        assert!(contrast(0.5, 200) > contrast(0.0, 200) && contrast(0.5, 40) < contrast(0.0, 40));
        assert!(contrast(-0.5, 200) < contrast(0.0, 200));
    }

    #[test]
    fn black_and_white_stay() {
        let sheet = Picture { rgb: [[0u8; 3], [255; 3]].concat(), width: 2, height: 1 };
        for sign in [-1.0, 1.0] {
            let all =
                Adjust { brightness: sign, contrast: sign, saturation: sign, warmth: sign, tint: sign, hue: sign, curve: vec![] };
            assert_eq!(all.apply(&sheet), sheet);
        }
    }

    #[test]
    fn levels_spread_and_casts_go() {
        // A dull, yellowish ramp.
        let rgb: Vec<u8> =
            (0..64 * 64u32).flat_map(|i| [90 + (i / 64) as u8, 88 + (i / 64) as u8, 70 + (i / 64) as u8]).collect();
        let dull = Picture { rgb, width: 64, height: 64 };
        let lively = Auto::default().apply(&dull);
        let (first, last) = (lab([lively.rgb[0], lively.rgb[1], lively.rgb[2]]), plane(&lively)[64 * 64 - 1]);
        let own = plane(&dull);
        assert!(last[0] - first[0] > 1.6 * (own[64 * 64 - 1][0] - own[0][0]), "{first:?} {last:?}");
        let middle = plane(&lively)[64 * 32];
        assert!(middle[2].abs() < 0.5 * own[64 * 32][2].abs(), "{middle:?}");
        let one = Picture { rgb: vec![130, 90, 40], width: 1, height: 1 };
        let tone = plane(&Auto::default().apply(&one))[0];
        assert!((tone[0] - plane(&one)[0][0]).abs() < 0.2, "one tone stays about where it is: {tone:?}");
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(Adjust { hue: 1.5, ..Adjust::default() }.fault().as_deref(), Some("hue is 1.5: it must be from -1 to 1"));
        assert!(Adjust { tint: f32::NAN, ..Adjust::default() }.fault().is_some());
        for curve in [vec![[0.5, 0.5]], vec![[0.5, 0.1], [0.5, 0.2]], vec![[0.0, 0.0], [1.0, 2.0]]] {
            assert!(Adjust { curve, ..Adjust::default() }.fault().is_some_and(|fault| fault.starts_with("curve")));
        }
        assert_eq!(Adjust::default().fault(), None);
        assert!(Auto { strength: 2.0 }.fault().is_some_and(|fault| fault.contains("from 0 to 1")));
    }
}
