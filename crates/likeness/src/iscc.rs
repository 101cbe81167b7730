//! The image Content-Code of the International Standard Content Code, ISO 24138:2024: 256 bits of how a picture looks, near for
//! pictures that look alike. The code is made by `iscc-lib`, the standard's implementation in Rust, from 32×32 grey pixels; how a
//! picture becomes those follows the standard's companion, Python's `iscc-sdk` 0.9, which does it with Pillow: empty borders cut
//! off, luma of ITU-R BT.601 in whole numbers, bicubic reduction with Pillow 13's roundings. Same pixels, same code.

use std::fmt;

use iscc_lib::codec::{MainType, SubType, Version, encode_component};

use super::{SizeError, check_size};

/// Name of the method.
pub const ALGORITHM: &str = "iscc.image.v0";

/// Bits of the code; shorter codes are its beginnings.
const BITS: u32 = 256;
/// Side of the picture that the code is made from.
const SIDE: usize = 32;
/// Channels may differ by this much from the border's colour in a tolerant cut.
const TOLERANCE: u8 = 16;
/// Cuts in a row at most: borders within borders.
const MAX_CUTS: usize = 16;
/// A 64-bit part of the code with fewer bits than this says nothing: most of its frequencies are equal.
const FEATURES: u32 = 8;
/// Header of the code as bytes: [`FIELDS`], half a byte each.
const HEADER: [u8; 2] = [0x21, 0x07];
/// The same: Content-Code, of a picture, version 0, eight times 32 bits.
const FIELDS: [u32; 4] = [2, 1, 0, MOST_LENGTH];
/// Last kind of unit that may stand in a sequence: Meta, Semantic, Content, Data, Instance.
const MOST_KIND: u32 = 4;
/// Length of 256 bits: the number of 32-bit parts after the first.
const MOST_LENGTH: u32 = 7;
/// Bits of fraction in the weights of a reduction.
const FRACTION: u32 = 22;
/// Pixels of the reduced picture that its cubic reaches over, each way.
const REACH: f64 = 2.0;

/// Which empty borders are cut off before a code is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trim {
    /// Nearly uniform ones, 16 of 255 to either side, border within border, but no smooth gradient at a single edge. What
    /// `iscc-sdk` 0.9 does unless told otherwise.
    #[default]
    Tolerant,
    /// One of exactly the top left pixel's colour (`image_trim_tolerant` off).
    Exact,
    /// None (`image_trim_border` off).
    Untouched,
}

/// A picture's image Content-Code, version 0, of 256 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Iscc([u8; 32]);

impl Iscc {
    /// Of RGB pixels, 8 bits each, row by row, any size from 1×1, upright and with nothing transparent: transparent pixels are to
    /// be laid on white first. Fails unless there are `width × height × 3` bytes and at least one pixel.
    pub fn of_rgb(rgb: &[u8], width: u32, height: u32) -> Result<Self, SizeError> {
        Self::of_rgb_trimmed(rgb, width, height, Trim::default())
    }

    /// The same with other borders cut off. Takes and fails like [`Self::of_rgb`].
    pub fn of_rgb_trimmed(rgb: &[u8], width: u32, height: u32, trim: Trim) -> Result<Self, SizeError> {
        check_size(rgb, width, height)?;
        let picture = Picture { rgb, width: width as usize };
        let area = trimmed(&picture, Area { left: 0, top: 0, right: width as usize, bottom: height as usize }, trim);
        Ok(Self::of_grey(&reduce(&grey(&picture, area), area.width())))
    }

    /// Of 32×32 grey pixels, row by row.
    fn of_grey(pixels: &[u8; SIDE * SIDE]) -> Self {
        // INVARIANT: the maker refuses other than 1024 pixels or 32, 64 … 256 bits, and what it makes is a code of those bits.
        let text = iscc_lib::gen_image_code_v0(pixels, BITS).expect("1024 pixels make 256 bits").iscc;
        Self::parse(&text).expect("the maker's codes are codes")
    }

    /// From bits kept elsewhere, the first in the top bit of the first byte.
    pub fn from_bits(bits: [u8; 32]) -> Self {
        Self(bits)
    }

    /// The 256 bits, without the header of the text form, the first in the top bit of the first byte.
    pub fn bits(&self) -> [u8; 32] {
        self.0
    }

    /// Reads the text form, `ISCC:` and 55 characters of base 32; none for anything else, so also for codes of another kind,
    /// version or length and for other spellings.
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.strip_prefix("ISCC:")?;
        if !code.bytes().all(|c| matches!(c, b'A'..=b'Z' | b'2'..=b'7')) {
            return None;
        }
        let (.., digest) = iscc_lib::iscc_decode(text).ok()?;
        let read = Self(digest.try_into().ok()?);
        (read.to_string() == text).then_some(read)
    }

    /// The code as a unit of a sequence: its header, then its bits.
    pub fn to_unit(&self) -> [u8; 34] {
        let mut unit = [0; 34];
        unit[..2].copy_from_slice(&HEADER);
        unit[2..].copy_from_slice(&self.0);
        unit
    }

    /// The codes in a sequence of units (ISCC-SEQ, IEP-0020): those of pictures with 256 bits; units of other kinds and lengths
    /// are passed over. None for what is no sequence.
    pub fn of_sequence(bytes: &[u8]) -> Option<Vec<Self>> {
        if bytes.is_empty() {
            return None;
        }
        let (mut rest, mut found) = (bytes, Vec::new());
        while !rest.is_empty() {
            let mut at = 0;
            let mut field = || header_field(rest, &mut at);
            let header = [field()?, field()?, field()?, field()?];
            // A header ends with a byte: half a byte after it is empty.
            if at % 2 == 1 && nibble(rest, at)? != 0 {
                return None;
            }
            let [kind, .., length] = header;
            if kind > MOST_KIND || length > MOST_LENGTH {
                return None;
            }
            let (body, after) = rest.get(at.div_ceil(2)..)?.split_at_checked((length as usize + 1) * 4)?;
            if header == FIELDS {
                found.push(Self(body.try_into().ok()?));
            }
            rest = after;
        }
        Some(found)
    }

    /// Differing bits, 0..=256. Unrelated pictures lie near 128.
    pub fn distance(&self, other: &Self) -> u32 {
        self.0.iter().zip(other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    /// Whether the picture has too little in it to be compared: uniform, a gradient along one side, plain stripes. Such codes are
    /// near each other whatever they show (`is_featureless_image_code` of `iscc-sdk`).
    pub fn is_featureless(&self) -> bool {
        self.0.chunks_exact(8).any(|part| part.iter().map(|byte| byte.count_ones()).sum::<u32>() < FEATURES)
    }
}

impl fmt::Display for Iscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = encode_component(MainType::Content, SubType::Image, Version::V0, BITS, &self.0);
        write!(f, "ISCC:{}", code.map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Iscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Half a byte, the upper one first.
fn nibble(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at / 2).map(|byte| u32::from(if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 }))
}

/// A field of a header, one to four half bytes: how many, its first bits say (ISO 24138:2024, ISCC-HEADER).
fn header_field(bytes: &[u8], at: &mut usize) -> Option<u32> {
    let mut next = || {
        let half = nibble(bytes, *at)?;
        *at += 1;
        Some(half)
    };
    Some(match next()? {
        first @ 0..8 => first,
        first @ 8..12 => ((first & 3) << 4 | next()?) + 8,
        first @ 12..14 => ((first & 1) << 8 | next()? << 4 | next()?) + 72,
        14 => (next()? << 8 | next()? << 4 | next()?) + 584,
        _ => return None,
    })
}

/// RGB rows.
struct Picture<'a> {
    rgb: &'a [u8],
    width: usize,
}

impl Picture<'_> {
    /// The pixels of row `y` within an area.
    fn row(&self, y: usize, area: Area) -> &[[u8; 3]] {
        let (pixels, _) = self.rgb.as_chunks();
        &pixels[y * self.width..][area.left..area.right]
    }
}

/// Part of a picture: `left..right` × `top..bottom`, never empty.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Area {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Area {
    fn width(&self) -> usize {
        self.right - self.left
    }

    /// How many sides lie further in than an outer area's.
    fn sides_within(&self, outer: &Self) -> usize {
        let sides = [self.left > outer.left, self.top > outer.top, self.right < outer.right, self.bottom < outer.bottom];
        sides.iter().filter(|side| **side).count()
    }
}

/// The area without its borders.
fn trimmed(picture: &Picture<'_>, whole: Area, trim: Trim) -> Area {
    match trim {
        Trim::Untouched => whole,
        Trim::Exact => content(picture, whole, 0).unwrap_or(whole),
        Trim::Tolerant => {
            let cuts = std::iter::successors(Some(whole), |area| tolerant_cut(picture, *area));
            cuts.take(MAX_CUTS + 1).last().unwrap_or(whole)
        }
    }
}

/// The part of a picture within its outermost uniform frame, as left, top, right and bottom: none where it has no frame, or nothing else.
/// Takes and fails like [`Iscc::of_rgb`].
pub fn within_frame(rgb: &[u8], width: u32, height: u32) -> Result<Option<[usize; 4]>, SizeError> {
    check_size(rgb, width, height)?;
    let (right, bottom) = (width as usize, height as usize);
    let inner = tolerant_cut(&Picture { rgb, width: right }, Area { left: 0, top: 0, right, bottom });
    Ok(inner.map(|area| [area.left, area.top, area.right, area.bottom]))
}

/// Cuts off one border; none where there is none. At a single edge it must be flat, or skies would go.
fn tolerant_cut(picture: &Picture<'_>, area: Area) -> Option<Area> {
    let inner = content(picture, area, TOLERANCE).filter(|inner| *inner != area)?;
    let flat = || content(picture, area, TOLERANCE / 2) == Some(inner);
    (inner.sides_within(&area) > 1 || flat()).then_some(inner)
}

/// The least part of an area with all pixels in it that differ from the top left one by more than `tolerance` in some channel;
/// none where no pixel does.
fn content(picture: &Picture<'_>, area: Area, tolerance: u8) -> Option<Area> {
    let border = picture.row(area.top, area).first()?;
    let differs = |pixel: &[u8; 3]| pixel.iter().zip(border).any(|(a, b)| a.abs_diff(*b) > tolerance);
    let mut found: Option<Area> = None;
    for y in area.top..area.bottom {
        let row = picture.row(y, area);
        let (Some(first), Some(last)) = (row.iter().position(differs), row.iter().rposition(differs)) else { continue };
        let (left, right) = (area.left + first, area.left + last + 1);
        let part = Area { left, top: y, right, bottom: y + 1 };
        found = Some(found.map_or(part, |a| Area { left: a.left.min(left), right: a.right.max(right), bottom: y + 1, ..a }));
    }
    found
}

/// Luma 0..=255 of an area, row by row: 0.299, 0.587 and 0.114 in 65536ths, rounded.
fn grey(picture: &Picture<'_>, area: Area) -> Vec<u8> {
    let luma = |&[r, g, b]: &[u8; 3]| ((u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000) >> 16) as u8;
    (area.top..area.bottom).flat_map(|y| picture.row(y, area).iter().map(luma)).collect()
}

/// 32×32 pixels of grey ones, `width` a row: by cubics in one direction, rounded, then in the other.
fn reduce(pixels: &[u8], width: usize) -> [u8; SIDE * SIDE] {
    let height = pixels.len() / width;
    let (across, down) = (windows(width), windows(height));
    if down_first(width, height) {
        let flat = reduce_down(pixels, width, &down);
        std::array::from_fn(|at| across[at % SIDE].mean(flat[at / SIDE * width..].iter()))
    } else {
        let narrow: Vec<u8> =
            pixels.chunks_exact(width).flat_map(|row| across.iter().map(|window| window.mean(row.iter()))).collect();
        std::array::from_fn(|at| down[at / SIDE].mean(narrow[at % SIDE..].iter().step_by(SIDE)))
    }
}

/// Whether the height is reduced first: Pillow from 13.0 does so where it shrinks by more than twice as many pixels as the width.
/// Before, the width always came first. The order shows in the rounding between the two alone.
fn down_first(width: usize, height: usize) -> bool {
    height > SIDE && height + SIDE > 2 * width
}

/// 32 rows, as wide as before.
fn reduce_down(pixels: &[u8], width: usize, windows: &[Window; SIDE]) -> Vec<u8> {
    windows.iter().flat_map(|window| (0..width).map(|x| window.mean(pixels[x..].iter().step_by(width)))).collect()
}

/// The pixels that make one of the reduced picture.
struct Window {
    /// The first of them.
    start: usize,
    /// Their weights in 2⁻²²; they add up to 1.
    weights: Vec<i32>,
}

impl Window {
    /// The weighted mean of pixels of a row or column, rounded and held within 0..=255.
    fn mean<'a>(&self, pixels: impl Iterator<Item = &'a u8>) -> u8 {
        let half = 1_i32 << (FRACTION - 1);
        let sum = pixels.skip(self.start).zip(&self.weights).fold(half, |sum, (pixel, weight)| sum + i32::from(*pixel) * weight);
        (sum >> FRACTION).clamp(0, 255) as u8
    }
}

/// The windows that bring so many pixels to 32. Where there are more, the cubic is as much wider.
fn windows(side: usize) -> [Window; SIDE] {
    let scale = side as f64 / SIDE as f64;
    let wide = scale.max(1.0);
    std::array::from_fn(|at| {
        let centre = (at as f64 + 0.5) * scale;
        // Casts of what is below 0 give 0.
        let start = (centre - REACH * wide + 0.5) as usize;
        let end = ((centre + REACH * wide + 0.5) as usize).min(side);
        let weights: Vec<f64> = (start..end).map(|x| cubic((x as f64 - centre + 0.5) * (1.0 / wide))).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: &f64| (weight / sum * f64::from(1 << FRACTION)).round() as i32;
        Window { start, weights: weights.iter().map(fixed).collect() }
    })
}

/// Keys' cubic with a = -0.5 ("Cubic convolution interpolation for digital image processing", 1981), `x` in pixels.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < REACH {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    /// A test picture: the colours of the pixel at x, y of a picture of w × h, each modulo 256.
    type Formula = fn(u32, u32, u32, u32) -> [u32; 3];

    fn noise(x: u32, y: u32, _: u32, _: u32) -> [u32; 3] {
        let n = (x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663)).wrapping_mul(2_654_435_761);
        [n >> 24, n >> 16, n >> 8]
    }

    fn rings(x: u32, y: u32, _: u32, _: u32) -> [u32; 3] {
        let v = (x * x + y * y) / 97;
        [v, v * 3, 255 - v % 256]
    }

    fn blocks(x: u32, y: u32, _: u32, _: u32) -> [u32; 3] {
        let v = (x / 17) ^ (y / 13);
        [v * 37, v * 59 + x, v * 83 + y]
    }

    fn flat(_: u32, _: u32, _: u32, _: u32) -> [u32; 3] {
        [200, 120, 40]
    }

    fn picture(formula: Formula, w: u32, h: u32) -> Vec<u8> {
        (0..h).flat_map(|y| (0..w).flat_map(move |x| formula(x, y, w, h).map(|v| (v & 255) as u8))).collect()
    }

    /// `gen_image_code_v0` in `data.json` of iscc-core 1.5.0 (Apache-2.0): 32×32 grey pixels and the code, its beginnings where
    /// shorter.
    #[test]
    fn conformance_vectors() {
        let pixels = concat!(
            "FxENDxlPW1tpRG1jYl1LRTozM0eZn4JQXlBaTTITFxoSEAgJEERrcElPcGFqWkhMV0MrcK6hekphRDhIMhESFg8SCgcLQI1fRmBugHlGQ0RmgXym",
            "tqhnL1hHLD41ERIVDRELBwZwyK1lXXuAXkdLTXOFmrHOslQhRkctKjESERQNEQwHBmu81rhiWmVXVFBTbHmJsdW8NR8jMjEjKBQQExESDAcIWbnV",
            "z61PUlxZSV5wYFB+ta8tGyMZJSoqFhAUExINBwhFtN/QvpR0eGNHVXljanl1fj8WJB8cLjAYERQSFBAIBz2P3d/PsIGCWGJJYnp8goFaNRAgLB8v",
            "LBgSExIWEQgGNWHB3djImYJvY11nkIFpakYsFRknITMoFxMTExgTCQUrYrLX3byYm3tzZ22TkohqUTUWGhsjMyUXExQVGRQLBRxnocXPvrOpi4V3",
            "aYt8hHNYPRYkKyY3JBkYGBcZEw0GEFdwnry2qKaZgXuEf5+bd2pHGyMpLzsnHBobGBkTDggGS4Chq66Zp6mFXZp9cmBnU0ofICgySCofGxwaGBIQ",
            "DQM2g6Sjub+2r6iAlYNAfYZSMSMhLjdIJhwaHBoXEhEQCR2Ap7TDr5LPtp2Ba4yAnGxXISEsODEgGxoeGhgSEhMTFmuuqKjLk8rfpn9LVIWRcVAh",
            "JzUrHB4hHyMaFRMXHBkTUJKG0qHHl+GvgFqJrWZROCY3PSEaJCcjIxoXGRohJhUgjc/CuIaW18qBRJB8aGJCOEY2JiYkJCUmGhoaGR8oJxtdz9Oh",
            "s8mf0oswY31zVktENycoIyMmJyobGx4bHiMqK0GJysKmr4jDnTpibnBaUDYUFyEoJyopKxobJB0dIiUrJmTG3tfQt7WtV26CfWxkMBkdIiksLSwt",
            "GhskHyEjHyImdurn8dTjtHeVio2SjoM8MDEqKi0vLi0eJCIpKywrNz1n8vr55u/fi8Sco6qwmC8pNzs5NC0tLiMtIiY0OT02P2jc/vHw8Nipsa3V",
            "0MOoQyw5NC0wLS0wLzQmKC01PkpiaInRx7Xc17RtevHs1qM8OjA9NjEsLjI6NCklND5FYmBRR256aHl4XTJD2/nXf0I7Nik6NyktNUM9NiBDV1Fc",
            "T0Y9ZlpSSkdGOShuu4RYUUQ4MDpALC00SUgzJFBXVVg/RktXUUtLSk5DMjZFMklPSzk+N0E3LTRNSCgzTkpbVTZOW0hTSUxJTEo6OEMxQko9OUQ/",
            "Nj01M0hGOEFETFhMOFFgRFBJSEtNQj89QTVBRTs7PUY1QDM3RkRAQ0JGT0RCUVZFTklJSU1BPkRCOkM+QDs9Pjc/LzRNREBFP0RFSElUTEhOTUpI",
            "TUNDQEY7QEFCQTxBNT0xMw==",
        );
        let picture = base64::engine::general_purpose::STANDARD.decode(pixels).unwrap();
        let code = Iscc::of_grey(&picture.try_into().unwrap());
        assert_eq!(code.to_string(), "ISCC:EED4GQZQTY6J5DTHNDQ7S7EGNENJNRTEGLGHFWXFGNDZHSMO4HEZGZI");

        let black = Iscc::of_grey(&[0; SIDE * SIDE]);
        let short = encode_component(MainType::Content, SubType::Image, Version::V0, 64, &black.bits()).unwrap();
        assert_eq!(short, "EEAQAAAAAAAAAAAA");
        let white = Iscc::of_grey(&[255; SIDE * SIDE]);
        let short = encode_component(MainType::Content, SubType::Image, Version::V0, 128, &white.bits()).unwrap();
        assert_eq!(short, "EEBYAAAAAAAAAAAAAAAAAAAAAAAAA");
        assert!(black.is_featureless() && white.is_featureless() && !code.is_featureless());
    }

    /// Pictures, their codes by iscc-sdk 0.9.7 with Pillow 13.0.0, and whether it calls those featureless.
    #[test]
    fn codes_as_the_sdk() {
        let expected: [(Formula, u32, u32, &str, bool); 9] = [
            (noise, 1, 1, "ISCC:EEDQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", true),
            (noise, 5, 5, "ISCC:EED6PFQPG3JOQKOI7TLPD3WWQEQMB5RX263AY4HIICA2DQGQYXHRP7Y", false),
            (rings, 32, 32, "ISCC:EED2UPPKLL2ETMQFVLPBYBD4LT6GDQSPRNXO47WAAFS5FB2ODS7HJYA", false),
            (blocks, 63, 65, "ISCC:EED3AC5TJTW2SMVT6EXDFDKIJO3XETHEKYL3GTWNKLE4TZZWG2G4RBI", false),
            (rings, 31, 200, "ISCC:EED2UKRLIZ4NPKRLNKGRGS5MKSXRWKSZY24S5VFJI7KOYU4VR5UIYUY", false),
            (blocks, 90, 301, "ISCC:EED7KOQ5TIDRFHKTHJLIW5MDMLQZ4WETBLZDZZ5HEPJWJU42F6UXIFA", false),
            (noise, 129, 128, "ISCC:EED42IO52UULFCV4GDXANO4M5AXONQHDJ3ZY7OABV2QVDVK2RC3VPGI", false),
            (flat, 50, 70, "ISCC:EEDYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", true),
            (rings, 513, 400, "ISCC:EEDYCAIBAMDX7777MMBWGR6HB4HR6AAAAP7777QAP47PZ4PDQYMHBAY", false),
        ];
        for (formula, w, h, text, featureless) in expected {
            let code = Iscc::of_rgb(&picture(formula, w, h), w, h).unwrap();
            assert_eq!(code.to_string(), text, "{w}×{h}");
            assert_eq!(Iscc::parse(text), Some(code));
            assert_eq!(code.is_featureless(), featureless, "{w}×{h}");
        }
    }

    /// `blocks` of 80×60 in a border of left, top, right and bottom pixels whose colour varies by so much: the codes by iscc-sdk
    /// 0.9.7 with Pillow 13.0.0 by kind of [`Trim`].
    #[test]
    fn borders_are_cut_as_by_the_sdk() {
        let expected: [([u32; 4], u32, [&str; 3]); 5] = [
            (
                [5, 7, 3, 2],
                0,
                [
                    "ISCC:EED3QFGUM73CTGFOHTG2YUNJK2XFR264BOKGHZRJDFJCZQ5MKM4VN3Q",
                    "ISCC:EED3QFGUM73CTGFOHTG2YUNJK2XFR264BOKGHZRJDFJCZQ5MKM4VN3Q",
                    "ISCC:EED36F6Q43QOTQHA73O2IUYBKRKHH32QV5IC6GA5MZJ2YV5IKOWIZKY",
                ],
            ),
            (
                [5, 7, 3, 2],
                12,
                [
                    "ISCC:EED3QFGUM73CTGFOHTG2YUNJK2XFR264BOKGHZRJDFJCZQ5MKM4VN3Q",
                    "ISCC:EED37F6Q47QORAHA77H2AUYBKRKHH32YV5ICOGA5MZJ2YV5IKOWIZKY",
                    "ISCC:EED37F6Q43AOTQHA73O2IUYBKRKHH32QV5IC6GA5MZJ2YV5IKOWIZKY",
                ],
            ),
            (
                [0, 9, 0, 0],
                12,
                [
                    "ISCC:EED3BFGU4P4KT4DGFTG22UZ4KY4VCXIUE53COFCH46SK3WNJZGWFGKI",
                    "ISCC:EED3BFGU4P4KT4DGFTG22UZ4KY4VCXIUE53COFCH46SK3WNJZGWFGKI",
                    "ISCC:EED3BFGU4P4KT4DGFTG22UZ4KY4VCXIUE53COFCH46SK3WNJZGWFGKI",
                ],
            ),
            (
                [0, 9, 0, 0],
                6,
                [
                    "ISCC:EED3QFGUM73CTGFOHTG2YUNJK2XFR264BOKGHZRJDFJCZQ5MKM4VN3Q",
                    "ISCC:EED3BFGU4PYOT4HCHTG22UJ4KY6FDXYUE53COFAPI6TK3QJN2OWMDKI",
                    "ISCC:EED3BFGU4P4KT4DGHTG22UZ4KY4FCXIUE53COFCH46SK3UNNYOWFGKI",
                ],
            ),
            (
                [0, 0, 0, 0],
                0,
                [
                    "ISCC:EED3QFGUM73CTGFOHTG2YUNJK2XFR264BOKGHZRJDFJCZQ5MKM4VN3Q",
                    "ISCC:EED3QFGUM73CTGFOHTG2YUNJK2XFR264BOKGHZRJDFJCZQ5MKM4VN3Q",
                    "ISCC:EED3QFGUM73CTGFOHTG2YUNJK2XFR264BOKGHZRJDFJCZQ5MKM4VN3Q",
                ],
            ),
        ];
        for (sides @ [left, top, right, bottom], vary, texts) in expected {
            let (w, h) = (80 + left + right, 60 + top + bottom);
            let pixel = |x: u32, y: u32| {
                let inside = (left..left + 80).contains(&x) && (top..top + 60).contains(&y);
                let shade = (x * 7 + y * 13) % (vary + 1);
                if inside { blocks(x - left, y - top, 80, 60) } else { [230 + shade, 200 + shade, 10 + shade] }
            };
            let pixels = (0..h).flat_map(|y| (0..w).map(move |x| (x, y)));
            let rgb: Vec<u8> = pixels.flat_map(|(x, y)| pixel(x, y).map(|v| (v & 255) as u8)).collect();
            for (trim, text) in [Trim::Tolerant, Trim::Exact, Trim::Untouched].into_iter().zip(texts) {
                assert_eq!(Iscc::of_rgb_trimmed(&rgb, w, h, trim).unwrap().to_string(), text, "{sides:?} {vary} {trim:?}");
            }
        }
    }

    #[test]
    fn text_form() {
        let text = "ISCC:EED4GQZQTY6J5DTHNDQ7S7EGNENJNRTEGLGHFWXFGNDZHSMO4HEZGZI";
        let code = Iscc::parse(text).unwrap();
        assert_eq!(code.to_string(), text);
        assert_eq!(Iscc::from_bits(code.bits()), code);
        assert_eq!(code.distance(&code), 0);
        assert_eq!(code.distance(&Iscc::from_bits(code.bits().map(|byte| !byte))), 256);
        let others = [
            "",
            "ISCC:",
            "ISCC:E",
            "EED4GQZQTY6J5DTHNDQ7S7EGNENJNRTEGLGHFWXFGNDZHSMO4HEZGZI",
            "iscc:EED4GQZQTY6J5DTHNDQ7S7EGNENJNRTEGLGHFWXFGNDZHSMO4HEZGZI",
            "ISCC:EED4GQZQTY6J5DTHNDQ7S7EGNENJNRTEGLGHFWXFGNDZHSMO4HEZGZJ",
            "ISCC:EED4-GQZQTY6J5DTHNDQ7S7EGNENJNRTEGLGHFWXFGNDZHSMO4HEZGZI",
            "ISCC:EED4GQZQTY6J5DTHNDQ7S7EGNENJNRTEGLGHFWXFGNDZHSMO4HEZGZ",
            "ISCC:EEAQAAAAAAAAAAAA",
            "ISCC:EADQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "ISCC:ÄÖÜ",
        ];
        for other in others {
            assert_eq!(Iscc::parse(other), None, "{other}");
        }
    }

    #[test]
    fn no_text_breaks_the_parser() {
        let text = b"ISCC:EED4GQZQTY6J5DTHNDQ7S7EGNENJNRTEGLGHFWXFGNDZHSMO4HEZGZI";
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        for seed in 0..20_000_u32 {
            let [a, b, c] = noise(seed, 7, 0, 0);
            let mut changed = text.to_vec();
            changed[5 + a as usize % 55] = alphabet[b as usize % 32];
            changed[5 + c as usize % 4] = alphabet[a as usize % 32];
            changed.truncate(if seed % 2 == 0 { 60 } else { b as usize % 61 });
            let changed = String::from_utf8(changed).unwrap();
            assert!(Iscc::parse(&changed).is_none_or(|code| code.to_string() == changed));
        }
    }

    #[test]
    fn units_of_a_sequence() {
        let code = Iscc::parse("ISCC:EED4GQZQTY6J5DTHNDQ7S7EGNENJNRTEGLGHFWXFGNDZHSMO4HEZGZI").unwrap();
        let unit = code.to_unit();
        assert_eq!(unit.to_vec(), iscc_lib::codec::decode_base32(&code.to_string()[5..]).unwrap(), "the text form's bytes");
        assert_eq!(Iscc::of_sequence(&unit), Some(vec![code]));
        // IEP-0020, vector 1 (Meta, Content of a text, Data, Instance) and vector 2 (units of several lengths).
        let meta = "0007578c7c8fbfbdb58f29f63efeb3871553faa75ff97458d49eff5ee4ddf36bb6c9";
        let text = "2007a88248c53a852c8d7e9c547047c9a36c4052b6acabef1e2a4ce15e586e0cb305";
        let data = "300705b41f3472493225d27edcbdb63236846a53ee28deca5e3561acc0c9bbdf81b5";
        let instance = "4007a522af4a2c9cbf6a808924afd2acfa0793347b936678f5982e22fdd3dd4a0e37";
        let short = "21018c3585376ee22d5a22039f07f3ff9e0061ff3ef7cbffffef37ff";
        let read = |parts: &[&str]| Iscc::of_sequence(&hex::decode(parts.concat()).unwrap());
        assert_eq!(read(&[meta, text, data, instance]), Some(vec![]));
        assert_eq!(read(&[short, data]), Some(vec![]));
        assert_eq!(read(&[meta, &hex::encode(unit), instance]), Some(vec![code]));
        assert_eq!(read(&["270000000000"]), Some(vec![]));
        let long = format!("200800{}", "00".repeat(36));
        for refused in [
            "",
            "28000100000000",
            &long,
            "3000000000",
            "30000000000000",
            "5005578c7c8fbfbdb58fa88248c53a852c8d05b41f3472493225a522af4a2c9cbf6a",
            "60100000000000000000",
        ] {
            assert_eq!(read(&[refused]), None, "{refused}");
        }
        for seed in 0..2_000 {
            let bytes: Vec<u8> = (0..seed % 90).flat_map(|x| noise(x, seed, 0, 0).map(|v| v as u8)).collect();
            let _ = Iscc::of_sequence(&bytes);
        }
    }

    #[test]
    fn wrong_sizes_are_refused() {
        for (len, w, h) in [(0, 0, 0), (0, 0, 5), (12, 2, 1), (5, 2, 1)] {
            assert!(Iscc::of_rgb(&vec![0; len], w, h).is_err());
        }
    }
}
