//! Another light: shades a picture as if its areas were soft cushions lit from a side.
//!
//! Lambert's law on a guessed relief (`relief`), as a factor on linear light relative to a level area, so that level
//! areas keep their colour. No vignette: the light is equally strong everywhere. White paper of drawings stays white.

use serde::{Deserialize, Serialize};

use super::background::Removal;
use super::crop::border_colour;
use super::oklab::{encoded, lab, linear, plane};
use super::relief::slopes;
use crate::generation::backend::Picture;

/// Lightness of a border (OKLab) from which on it is paper.
const PAPER: f32 = 0.95;

/// A light.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Relight {
    /// Where the light comes from, clockwise: 0 to 360 degrees, 0 is from above, 90 from the right.
    pub azimuth: f32,
    /// How high it stands: 0 degrees grazes the picture, 90 is straight from the viewer.
    pub elevation: f32,
    /// 0 leaves alone, 1 is the whole light.
    pub strength: f32,
    /// The light's colour: -1 bluish, 0 white, 1 like a candle.
    pub warmth: f32,
    /// How much of the light comes from everywhere, 0 to 1.
    pub ambient: f32,
}

impl Default for Relight {
    /// From the upper left, as drawings are usually lit.
    fn default() -> Self {
        Self { azimuth: 315.0, elevation: 35.0, strength: 0.6, warmth: 0.0, ambient: 0.3 }
    }
}

impl Relight {
    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        [
            ("azimuth", self.azimuth, 0.0..=360.0, "0 to 360 degrees"),
            ("elevation", self.elevation, 0.0..=90.0, "0 to 90 degrees"),
            ("strength", self.strength, 0.0..=1.0, "0 to 1"),
            ("warmth", self.warmth, -1.0..=1.0, "-1 to 1"),
            ("ambient", self.ambient, 0.0..=1.0, "0 to 1"),
        ]
        .into_iter()
        .find(|(_, value, range, _)| !range.contains(value))
        .map(|(name, value, _, range)| format!("{name} is {value}: it must be from {range}"))
    }

    /// The picture in that light; the same bytes at strength 0, or where there is a [`fault`](Self::fault).
    pub fn apply(&self, picture: &Picture) -> Picture {
        if self.strength == 0.0 || self.fault().is_some() || picture.rgb.is_empty() {
            return picture.clone();
        }
        let (width, height) = (picture.width as usize, picture.height as usize);
        let thing: Option<Vec<f32>> = Removal::default()
            .apply(picture)
            .ok()
            .map(|cutout| cutout.alpha.iter().map(|alpha| f32::from(*alpha) / 255.0).collect());
        let slopes = slopes(&plane(picture), thing.as_deref(), width, height);
        let paper = lab(border_colour(picture))[0] >= PAPER;
        let (sin, cos) = self.azimuth.to_radians().sin_cos();
        let (up, flat) = self.elevation.to_radians().sin_cos();
        let towards = [flat * sin, -flat * cos, up];
        let colour = self.colour();
        // A little light goes around corners, so that shadows are soft.
        let wrapped = |facing: f32| ((facing + 0.1) / 1.1).max(0.0);
        let shaded = |facing: f32, c: usize| self.ambient + (1.0 - self.ambient) * wrapped(facing) * colour[c];
        // A level area keeps its brightness; under a grazing light the lit sides would have no end.
        let level = (self.ambient + (1.0 - self.ambient) * wrapped(up)).max(0.25);
        let mut rgb = Vec::with_capacity(picture.rgb.len());
        for (at, pixel) in picture.rgb.as_chunks::<3>().0.iter().enumerate() {
            let [x, y] = slopes[at];
            let facing = (towards[2] - x * towards[0] - y * towards[1]) / (1.0 + x * x + y * y).sqrt();
            let much = match &thing {
                Some(thing) if paper => self.strength * thing[at],
                _ => self.strength,
            };
            for (c, &byte) in pixel.iter().enumerate() {
                let factor = 1.0 + much * (shaded(facing, c) / level - 1.0);
                rgb.push(if much == 0.0 { byte } else { encoded(lit(linear(byte), factor)) });
            }
        }
        Picture { rgb, ..*picture }
    }

    /// The light's colour as factors of linear light, of luminance 1 (ITU-R BT.709's weights).
    fn colour(&self) -> [f32; 3] {
        let warm = self.warmth;
        let tint =
            if warm >= 0.0 { [1.0 + 0.35 * warm, 1.0, 1.0 - 0.55 * warm] } else { [1.0 + 0.45 * warm, 1.0, 1.0 - 0.35 * warm] };
        let luminance = 0.2126 * tint[0] + 0.7152 * tint[1] + 0.0722 * tint[2];
        tint.map(|channel| channel / luminance)
    }
}

/// Light times a factor; where it becomes brighter it nears full light without reaching it (Reinhard et al. 2002).
fn lit(light: f32, factor: f32) -> f32 {
    if factor > 1.0 { light * factor / (1.0 + light * (factor - 1.0)) } else { light * factor }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 64;

    fn disc(behind: [u8; 3]) -> Picture {
        let pixel = |i: usize| {
            let away = ((i % SIDE) as f32 - 31.5).hypot((i / SIDE) as f32 - 31.5);
            if away < 22.0 { [180u8, 90, 80] } else { behind }
        };
        Picture { rgb: (0..SIDE * SIDE).flat_map(pixel).collect(), width: SIDE as u32, height: SIDE as u32 }
    }

    fn at(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
        picture.rgb[(y * SIDE + x) * 3..][..3].try_into().unwrap()
    }

    #[test]
    fn the_lit_side_is_lighter_and_paper_stays_white() {
        for (azimuth, lit, dark) in [(0.0, (32, 14), (32, 49)), (90.0, (49, 32), (14, 32)), (225.0, (18, 45), (45, 18))] {
            let made = Relight { azimuth, strength: 1.0, ..Relight::default() }.apply(&disc([255; 3]));
            let (lit, dark) = (at(&made, lit.0, lit.1), at(&made, dark.0, dark.1));
            assert!(lit[0] > 190 && dark[0] < 165, "{azimuth}: {lit:?} {dark:?}");
            assert!((0..SIDE).all(|x| at(&made, x, 3) == [255; 3]));
        }
    }

    #[test]
    fn nothing_asked_for_is_the_same_bytes_and_the_middle_stays() {
        let picture = disc([40, 60, 90]);
        assert_eq!(Relight { strength: 0.0, warmth: 1.0, ..Relight::default() }.apply(&picture), picture);
        let middle = at(&Relight::default().apply(&picture), 32, 32);
        assert!(middle.iter().zip([180, 90, 80]).all(|(x, y)| x.abs_diff(y) < 12), "{middle:?}");
        let corners =
            Relight { strength: 1.0, ..Relight::default() }.apply(&Picture { rgb: vec![90; 30 * 30 * 3], width: 30, height: 30 });
        assert!(corners.rgb.iter().all(|x| x.abs_diff(90) <= 1), "no vignette");
    }

    #[test]
    fn a_warm_light_is_warm() {
        let grey = Picture { rgb: vec![128; 20 * 20 * 3], width: 20, height: 20 };
        let with = |warmth: f32| Relight { warmth, strength: 1.0, ..Relight::default() }.apply(&grey);
        let (warm, cold) = (with(1.0), with(-1.0));
        assert!(warm.rgb[0] > warm.rgb[2] + 20 && cold.rgb[2] > cold.rgb[0] + 20, "{:?} {:?}", &warm.rgb[..3], &cold.rgb[..3]);
    }

    #[test]
    fn any_size_is_lit_and_faults_are_named() {
        for (width, height) in [(1u32, 1u32), (1, 8), (9, 1), (2, 3)] {
            let rgb: Vec<u8> = (0..width * height * 3).map(|i| (i * 53 % 256) as u8).collect();
            let picture = Picture { rgb, width, height };
            assert_eq!(
                Relight { elevation: 0.0, ambient: 0.0, ..Relight::default() }.apply(&picture).rgb.len(),
                picture.rgb.len()
            );
        }
        assert_eq!(
            Relight { azimuth: 400.0, ..Relight::default() }.fault().as_deref(),
            Some("azimuth is 400: it must be from 0 to 360 degrees")
        );
        assert!(Relight { ambient: f32::NAN, ..Relight::default() }.fault().is_some() && Relight::default().fault().is_none());
    }
}
