//! The draft: what the works alone would make of a prompt, before the network draws. The first work of each part of the prompt, in the
//! colour the part asks for, a little moved, two parts side by side. Plain arithmetic on pixels: the same everywhere.
//!
//! The network is given the draft beside the noise, so that a drawing need not pass through words to be drawn on; how far a picture may
//! depart from it is learnt, and asked (`start`).

use super::text::words;

/// Colour words, which every vocabulary has.
pub const COLOURS: [&str; 12] =
    ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "grey", "white", "gray"];

/// Hues, in degrees, of the colour words a drawing can be recoloured to.
pub const HUES: [(&str, f32); 7] =
    [("red", 0.0), ("orange", 28.0), ("yellow", 52.0), ("green", 120.0), ("blue", 218.0), ("purple", 280.0), ("pink", 330.0)];

/// Words whose mirror image means something else.
const NO_MIRROR: [&str; 10] = ["letter", "number", "digit", "sign", "clock", "keyboard", "text", "flag", "button", "sheet"];

/// Whether a drawing of these words may be mirrored.
pub fn may_mirror(prompt: &str) -> bool {
    !words(prompt).iter().any(|word| NO_MIRROR.contains(&word.as_str()))
}

/// The parts of a prompt that are drawn side by side: two, or the whole.
pub fn parts(prompt: &str) -> Vec<&str> {
    match prompt.split_once(" and ") {
        Some((left, right)) if !words(left).is_empty() && !words(right).is_empty() => vec![left, right],
        _ => vec![prompt],
    }
}

/// The colour a part asks for, if a drawing can be given it.
pub fn colour_of(part: &str) -> Option<(&'static str, f32)> {
    let asked = words(part);
    HUES.iter().copied().find(|(name, _)| asked.iter().any(|word| word == name))
}

/// How a drawing is placed in a draft.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placing {
    /// Left for right.
    pub mirrored: bool,
    /// Size, 1 as it is.
    pub scale: f32,
    /// To the right and down, in shares of the side.
    pub shift: (f32, f32),
}

impl Placing {
    /// As it is.
    pub const NONE: Self = Self { mirrored: false, scale: 1.0, shift: (0.0, 0.0) };

    /// By four numbers from 0 to 1, `how_far` from 0 (as it is) on.
    pub fn by_chance(numbers: [f64; 4], mirror: bool, how_far: f32) -> Self {
        let [side, scale, x, y] = numbers.map(|x| x as f32);
        let most = 0.12 * how_far;
        Self {
            mirrored: mirror && side < 0.5,
            scale: 1.0 - how_far * (0.24 * scale - 0.06),
            shift: (most * (x - 0.5), most * (y - 0.5)),
        }
    }

    /// A drawing of side² pixels so placed on white paper.
    pub fn place(&self, rgb: &[u8], side: usize) -> Vec<u8> {
        if *self == Self::NONE {
            return rgb.to_vec();
        }
        let mut out = vec![255u8; side * side * 3];
        let centre = (side as f32 - 1.0) / 2.0;
        let at = |y: i32, x: i32, c: usize| {
            let inside = (0..side as i32).contains(&y) && (0..side as i32).contains(&x);
            if inside { f32::from(rgb[(y as usize * side + x as usize) * 3 + c]) } else { 255.0 }
        };
        for y in 0..side {
            let sy = (y as f32 - centre - self.shift.1 * side as f32) / self.scale + centre;
            for x in 0..side {
                let mut sx = (x as f32 - centre - self.shift.0 * side as f32) / self.scale + centre;
                if self.mirrored {
                    sx = side as f32 - 1.0 - sx;
                }
                let (y0, x0) = (sy.floor(), sx.floor());
                let (fy, fx) = (sy - y0, sx - x0);
                let (y0, x0) = (y0 as i32, x0 as i32);
                for c in 0..3 {
                    let top = at(y0, x0, c) * (1.0 - fx) + at(y0, x0 + 1, c) * fx;
                    let low = at(y0 + 1, x0, c) * (1.0 - fx) + at(y0 + 1, x0 + 1, c) * fx;
                    out[(y * side + x) * 3 + c] = (top * (1.0 - fy) + low * fy).round() as u8;
                }
            }
        }
        out
    }
}

/// Left for right.
pub fn mirror(rgb: &[u8], side: usize) -> Vec<u8> {
    rgb.chunks_exact(side * 3).flat_map(|row| row.rchunks_exact(3).flatten().copied()).collect()
}

/// Two drawings, each half as large, side by side, `down` pixels from the top.
pub fn side_by_side(left: &[u8], right: &[u8], side: usize, down: usize) -> Vec<u8> {
    let (mut sheet, half) = (vec![255u8; side * side * 3], side / 2);
    for (rgb, across) in [(left, 0), (right, half)] {
        for y in 0..half {
            for x in 0..half {
                for channel in 0..3 {
                    let at = |dy: usize, dx: usize| u32::from(rgb[((2 * y + dy) * side + 2 * x + dx) * 3 + channel]);
                    let mean = (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1) + 2) / 4;
                    sheet[((y + down) * side + x + across) * 3 + channel] = mean as u8;
                }
            }
        }
    }
    sheet
}

fn hsv([r, g, b]: [f32; 3]) -> (f32, f32, f32) {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let span = most - least;
    let hue = if span == 0.0 {
        0.0
    } else if most == r {
        60.0 * (g - b) / span
    } else if most == g {
        120.0 + 60.0 * (b - r) / span
    } else {
        240.0 + 60.0 * (r - g) / span
    };
    (hue.rem_euclid(360.0), if most == 0.0 { 0.0 } else { span / most }, most)
}

fn from_hsv(hue: f32, saturation: f32, value: f32) -> [f32; 3] {
    [5.0, 3.0, 1.0].map(|n| {
        let k = (n + hue / 60.0).rem_euclid(6.0);
        value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0)
    })
}

/// Moves the hue that covers most of a drawing to another; `None` when nothing in it has a colour.
pub fn recolour(rgb: &[u8], to: f32) -> Option<Vec<u8>> {
    const BINS: usize = 36;
    let pixels = rgb.as_chunks::<3>().0;
    let mut bins = [0usize; BINS];
    let coloured = |pixel: &[u8; 3]| {
        let (hue, saturation, value) = hsv(pixel.map(|x| f32::from(x) / 255.0));
        (saturation > 0.25 && value > 0.2).then_some((hue, saturation, value))
    };
    for (hue, ..) in pixels.iter().filter_map(coloured) {
        bins[(hue / 10.0) as usize % BINS] += 1;
    }
    let around = |i: usize| bins[(i + BINS - 1) % BINS] + bins[i] + bins[(i + 1) % BINS];
    let top = (0..BINS).max_by_key(|&i| around(i))?;
    if around(top) * 20 < pixels.len() {
        return None;
    }
    let centre = top as f32 * 10.0 + 5.0;
    let moved = pixels.iter().flat_map(|pixel| match coloured(pixel) {
        Some((hue, saturation, value)) => {
            let off = (hue - centre + 540.0).rem_euclid(360.0) - 180.0;
            if off.abs() <= 32.0 {
                from_hsv((to + off * 0.4).rem_euclid(360.0), saturation, value).map(|x| (x * 255.0).round() as u8)
            } else {
                *pixel
            }
        }
        None => *pixel,
    });
    Some(moved.collect())
}

/// One part's drawing: the work as it is, or in the asked colour when its own is another. `own` is the work's main colour.
pub fn coloured(rgb: &[u8], part: &str, own: Option<&str>) -> Vec<u8> {
    match colour_of(part) {
        Some((name, hue)) if own != Some(name) => recolour(rgb, hue).unwrap_or_else(|| rgb.to_vec()),
        _ => rgb.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 32;

    /// A red disc on white paper, left of the middle.
    fn disc() -> Vec<u8> {
        let inside = |at: usize| (at % SIDE).abs_diff(10).pow(2) + (at / SIDE).abs_diff(16).pow(2) < 64;
        (0..SIDE * SIDE).flat_map(|at| if inside(at) { [220u8, 30, 30] } else { [255; 3] }).collect()
    }

    fn at(rgb: &[u8], x: usize, y: usize) -> [u8; 3] {
        rgb[(y * SIDE + x) * 3..][..3].try_into().unwrap()
    }

    #[test]
    fn a_prompt_has_one_part_or_two() {
        assert_eq!(parts("red car and green tree"), ["red car", "green tree"]);
        assert_eq!(parts("cat and dog and owl"), ["cat", "dog and owl"]);
        for whole in ["red car", " and tree", "salt and ", "sand andy"] {
            assert_eq!(parts(whole), [whole]);
        }
    }

    #[test]
    fn a_drawing_is_given_the_colour_asked_for_and_only_that() {
        let rgb = disc();
        let blue = coloured(&rgb, "a blue ball", Some("red"));
        let [r, _, b] = at(&blue, 10, 16);
        assert!(b > 150 && r < 80, "{:?}", at(&blue, 10, 16));
        assert_eq!(at(&blue, 30, 2), [255; 3], "paper stays");
        // Its own colour, no colour, and a colour that is only a word leave it as it is.
        for part in ["red ball", "a ball", "black ball"] {
            assert_eq!(coloured(&rgb, part, Some("red")), rgb, "{part}");
        }
        assert_eq!(recolour(&vec![255; SIDE * SIDE * 3], 120.0), None, "nothing to recolour");
    }

    #[test]
    fn placing_moves_and_keeps_paper_white() {
        let rgb = disc();
        assert_eq!(Placing::NONE.place(&rgb, SIDE), rgb);
        let mirrored = Placing { mirrored: true, ..Placing::NONE }.place(&rgb, SIDE);
        assert_eq!(mirrored, mirror(&rgb, SIDE));
        let moved = Placing { shift: (0.25, 0.0), ..Placing::NONE }.place(&rgb, SIDE);
        assert_eq!((at(&moved, 18, 16), at(&moved, 2, 16)), ([220, 30, 30], [255; 3]));
        let dark = |rgb: &[u8]| rgb.chunks(3).filter(|p| p[1] < 128).count();
        let smaller = Placing { scale: 0.7, ..Placing::NONE }.place(&rgb, SIDE);
        assert!(dark(&smaller) * 10 < dark(&rgb) * 6 && dark(&smaller) > 0);
        // Never farther than it says, whatever chance brings.
        for numbers in [[0.0; 4], [0.999; 4], [0.0, 0.999, 0.0, 0.999]] {
            let p = Placing::by_chance(numbers, true, 1.0);
            assert!((0.8..1.1).contains(&p.scale) && p.shift.0.abs() <= 0.06 && p.shift.1.abs() <= 0.06, "{p:?}");
        }
        assert_eq!(Placing::by_chance([0.3; 4], true, 0.0), Placing { mirrored: true, scale: 1.0, shift: (0.0, 0.0) });
        assert!(!Placing::by_chance([0.0; 4], false, 1.0).mirrored);
    }

    #[test]
    fn two_drawings_stand_side_by_side() {
        let (left, right) = (disc(), recolour(&disc(), 218.0).unwrap());
        let both = side_by_side(&left, &right, SIDE, SIDE / 4);
        let ([r, ..], [.., b]) = (at(&both, 5, 16), at(&both, 21, 16));
        assert!(r > 150 && b > 150 && at(&both, 5, 2) == [255; 3] && at(&both, 5, 30) == [255; 3]);
    }

    #[test]
    fn letters_are_not_mirrored() {
        assert!(may_mirror("a red apple") && !may_mirror("the letter R") && !may_mirror("flags of France"));
    }
}
