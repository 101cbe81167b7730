//! sRGB bytes ⇄ OKLab and OKLCh (Björn Ottosson, “A perceptual color space for image processing”, 2020): the space that every
//! edit here thinks in.
//!
//! Lightness goes from 0 (black) to 1 (white); the two opponent axes from about -0.4 to 0.4: `a` from green to red, `b` from blue
//! to yellow. Distances are Euclidean: 0.02 is just visible, black and white are 1 apart.

use std::sync::LazyLock;

use crate::generation::backend::Picture;

/// A colour as lightness, `a`, `b`.
pub type Lab = [f32; 3];

/// A colour as lightness, chroma (0 is grey, about 0.3 the most that a screen shows), hue in degrees.
pub type Lch = [f32; 3];

/// Linear light of each sRGB byte (IEC 61966-2-1), 0 to 1.
static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| std::array::from_fn(|byte| decode(byte as f64 / 255.0) as f32));

/// Linear light half-way between each byte and the next: where rounding turns.
static TURNS: LazyLock<[f32; 255]> = LazyLock::new(|| std::array::from_fn(|byte| decode((byte as f64 + 0.5) / 255.0) as f32));

/// For each 4,096th of linear light, the byte at its dark end: where the search for a turn begins.
static FIRST: LazyLock<[u8; 4097]> = LazyLock::new(|| {
    std::array::from_fn(|step| TURNS.partition_point(|&turn| turn <= step as f32 / 4096.0).try_into().unwrap_or(u8::MAX))
});

fn decode(value: f64) -> f64 {
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// Linear light, 0 to 1, of an sRGB byte.
pub fn linear(byte: u8) -> f32 {
    LINEAR[usize::from(byte)]
}

/// The sRGB byte nearest to a linear light; below 0 is black, above 1 (and not a number) is full.
pub fn encoded(light: f32) -> u8 {
    if light <= 0.0 {
        return 0;
    }
    if light >= 1.0 || light.is_nan() {
        return 255;
    }
    let mut byte = FIRST[(light * 4096.0) as usize];
    while byte < 255 && TURNS[usize::from(byte)] <= light {
        byte += 1;
    }
    byte
}

/// OKLab of linear light.
pub fn from_linear([r, g, b]: [f32; 3]) -> Lab {
    let l = (0.412_221_47 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

/// Linear light of OKLab; outside 0 to 1 where a screen cannot show the colour.
pub fn to_linear([lightness, a, b]: Lab) -> [f32; 3] {
    let cube = |x: f32| x * x * x;
    let l = cube(lightness + 0.396_337_78 * a + 0.215_803_76 * b);
    let m = cube(lightness - 0.105_561_346 * a - 0.063_854_17 * b);
    let s = cube(lightness - 0.089_484_18 * a - 1.291_485_5 * b);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
}

/// OKLab of sRGB bytes.
pub fn lab(rgb: [u8; 3]) -> Lab {
    from_linear(rgb.map(linear))
}

/// The sRGB bytes nearest to a colour, each channel cut off at the ends of what a screen shows.
pub fn rgb(lab: Lab) -> [u8; 3] {
    to_linear(lab).map(encoded)
}

/// The sRGB bytes of a colour. Where a screen cannot show it, of the first that it can on the way to a grey, at the same hue: the
/// grey is between the colour's lightness and a middle one, so that some lightness is given up and less chroma (Ottosson, “sRGB
/// gamut clipping”, 2021).
pub fn rgb_in_gamut(lab: Lab) -> [u8; 3] {
    const SLACK: f32 = 0.000_5;
    let [lightness, a, b] = lab;
    let inside = |light: &[f32; 3]| light.iter().all(|x| (-SLACK..=1.0 + SLACK).contains(x));
    let full = to_linear(lab);
    if inside(&full) {
        return full.map(encoded);
    }
    if !(0.0..1.0).contains(&lightness) {
        return [if lightness < 0.0 { 0 } else { 255 }; 3];
    }
    let grey = lightness + 0.35 * (0.6 - lightness);
    let at = |share: f32| [grey + share * (lightness - grey), share * a, share * b];
    let (mut shown, mut too_much) = (0.0, 1.0);
    for _ in 0..12 {
        let share = (shown + too_much) / 2.0;
        if inside(&to_linear(at(share))) { shown = share } else { too_much = share }
    }
    rgb(at(shown))
}

/// Lightness, chroma, hue (0 to below 360 degrees) of OKLab; a grey has hue 0 or near enough to nothing.
pub fn lch([lightness, a, b]: Lab) -> Lch {
    [lightness, a.hypot(b), b.atan2(a).to_degrees().rem_euclid(360.0)]
}

/// OKLab of lightness, chroma and hue in degrees.
pub fn from_lch([lightness, chroma, hue]: Lch) -> Lab {
    let (sin, cos) = hue.to_radians().sin_cos();
    [lightness, chroma * cos, chroma * sin]
}

/// Square of the distance of two colours.
pub fn distance2(x: Lab, y: Lab) -> f32 {
    let [l, a, b] = [x[0] - y[0], x[1] - y[1], x[2] - y[2]];
    l * l + a * a + b * b
}

/// Each pixel of a picture in OKLab, rows from the top.
pub fn plane(picture: &Picture) -> Vec<Lab> {
    picture.rgb.as_chunks::<3>().0.iter().map(|&pixel| lab(pixel)).collect()
}

/// A picture with each pixel changed in OKLab; the result is brought into what a screen shows ([`rgb_in_gamut`]).
pub fn mapped(picture: &Picture, change: impl Fn(Lab) -> Lab) -> Picture {
    // Neighbours are often the same, in drawings above all: the last answer is kept.
    let mut last: Option<([u8; 3], [u8; 3])> = None;
    let mut out = Vec::with_capacity(picture.rgb.len());
    for &pixel in picture.rgb.as_chunks::<3>().0 {
        let changed = match last {
            Some((from, to)) if from == pixel => to,
            _ => rgb_in_gamut(change(lab(pixel))),
        };
        last = Some((pixel, changed));
        out.extend_from_slice(&changed);
    }
    Picture { rgb: out, ..*picture }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_the_same() {
        for byte in 0..=255u8 {
            assert_eq!(encoded(linear(byte)), byte);
        }
        let steps = (0..=255u8).step_by(15);
        for r in steps.clone() {
            for g in steps.clone() {
                for b in steps.clone() {
                    assert_eq!(rgb(lab([r, g, b])), [r, g, b]);
                    assert_eq!(rgb_in_gamut(lab([r, g, b])), [r, g, b]);
                    let there = from_lch(lch(lab([r, g, b])));
                    assert!(rgb(there).iter().zip([r, g, b]).all(|(x, y)| x.abs_diff(y) <= 1), "{r} {g} {b}");
                }
            }
        }
    }

    #[test]
    fn the_published_values_are_met() {
        // From the article's table of XYZ pairs and from sRGB's corners.
        for (pixel, want) in [
            ([255, 255, 255], [1.0, 0.0, 0.0]),
            ([0, 0, 0], [0.0, 0.0, 0.0]),
            ([255, 0, 0], [0.627_96, 0.224_86, 0.125_85]),
            ([0, 255, 0], [0.866_44, -0.233_89, 0.179_5]),
            ([0, 0, 255], [0.452_01, -0.032_46, -0.311_53]),
        ] {
            assert!(distance2(lab(pixel), want) < 1e-7, "{pixel:?} {:?}", lab(pixel));
        }
    }

    #[test]
    fn what_a_screen_cannot_show_keeps_its_hue() {
        let asked = [0.7, 0.4, 40.0];
        let got = lch(lab(rgb_in_gamut(from_lch(asked))));
        assert!((got[0] - 0.7).abs() < 0.04 && (got[2] - 40.0).abs() < 2.0 && got[1] < 0.25, "{got:?}");
        assert_eq!(rgb_in_gamut([1.2, 0.1, 0.0]), [255; 3]);
        assert_eq!(rgb_in_gamut([-0.2, 0.1, 0.0]), [0; 3]);
        assert_eq!((encoded(f32::NAN), encoded(-1.0), encoded(2.0)), (255, 0, 255));
    }

    #[test]
    fn a_mapped_picture_changes_where_it_is_told_to() {
        let picture = Picture { rgb: vec![10, 200, 30, 10, 200, 30, 90, 90, 90], width: 3, height: 1 };
        assert_eq!(mapped(&picture, |x| x), picture);
        let grey = mapped(&picture, |[l, ..]| [l, 0.0, 0.0]);
        assert!(grey.rgb.chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]) && grey.rgb[6..] == [90; 3]);
    }
}
