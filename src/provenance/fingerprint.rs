//! Perceptual fingerprints: a 256-bit hash of the drawing and a 16×16 colour thumbnail, with distances. They say how alike two pictures
//! look, never that one was made from the other. Whole-number arithmetic throughout, so every machine gives the same bits.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::encode::PictureError;
use crate::likeness::averages;

/// Name of the method, for the day there is another.
pub const ALGORITHM: &str = "colophon.dct256.v1";
/// Side of the picture whose frequencies are looked at (as in PDQ, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
/// Algorithm", Facebook 2019; the filters differ, so the bits are not PDQ's).
const SIDE: usize = 64;
/// Frequencies kept in each direction: 1..=16.
const FREQUENCIES: usize = 16;
/// Side of the thumbnail.
pub const THUMBNAIL_SIDE: usize = 16;
/// Bits of fraction in averaged pixels.
const FRACTION: u32 = 8;
/// Two pictures are alike at up to this many differing bits of 256. Measured on the 7,216 shipped drawings (64×64): of 194,778 unrelated
/// pairs 1 % lie under 106 bits and 0.01 % are called alike (the same drawing in two sets); one changed pixel, JPEG at quality 40,
/// resizing, darkening by a fifth, an inverted patch of 8×8 or grey are called alike in 99.9 % and more, a quarter painted over in 90 %.
const ALIKE_BITS: u32 = 80;
/// … unless their colours lie this far apart (RMS, 0..=1),
const UNLIKE_COLOURS: f64 = 0.33;
/// … or at any hash distance when their thumbnails lie within this (RMS, 0..=1): flat pictures have no frequencies to compare.
const ALIKE_COLOURS: f64 = 0.04;

/// 256 bits: which of the low frequencies of the brightness lie above their median.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PerceptualHash(pub [u8; 32]);

impl PerceptualHash {
    /// Differing bits, 0..=256. Unrelated pictures lie near 128.
    pub fn distance(&self, other: &Self) -> u32 {
        self.0.iter().zip(other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    /// Reads 64 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        (hex::encode(bytes) == text).then_some(Self(bytes))
    }
}

impl fmt::Display for PerceptualHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PerceptualHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}:{self}")
    }
}

/// 16×16 RGB, 8 bits each, row by row: each cell the average of its part of the picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Thumbnail(pub [u8; THUMBNAIL_SIDE * THUMBNAIL_SIDE * 3]);

impl Thumbnail {
    /// Of RGB pixels, 8 bits each, row by row.
    pub fn of_rgb(rgb: &[u8], width: u32, height: u32) -> Result<Self, PictureError> {
        Ok(Self::from_cells(&cells(rgb, width, height, THUMBNAIL_SIDE)?))
    }

    fn from_cells(cells: &[u32]) -> Self {
        let mut out = [0; THUMBNAIL_SIDE * THUMBNAIL_SIDE * 3];
        for (to, from) in out.iter_mut().zip(cells) {
            *to = u8::try_from((from + (1 << (FRACTION - 1))) >> FRACTION).unwrap_or(u8::MAX);
        }
        Self(out)
    }

    /// Reads the text form: base64 without padding.
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// From stored bytes: exactly 768.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Thumbnail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Thumbnail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Thumbnail(16×16)")
    }
}

/// Root mean square distance of two thumbnails, 0..=1. Unrelated shipped drawings lie about 0.34 apart, each one's nearest other 0.14.
pub fn thumbnail_rms(a: &Thumbnail, b: &Thumbnail) -> f64 {
    let squares: u64 = a.0.iter().zip(b.0).map(|(x, y)| u64::from(x.abs_diff(y)).pow(2)).sum();
    (squares as f64 / a.0.len() as f64).sqrt() / 255.0
}

/// Hash and thumbnail of one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// The drawing.
    pub hash: PerceptualHash,
    /// The colours.
    pub thumbnail: Thumbnail,
}

impl Fingerprint {
    /// Of RGB pixels, 8 bits each, row by row.
    pub fn of_rgb(rgb: &[u8], width: u32, height: u32) -> Result<Self, PictureError> {
        let hash = hash(&cells(rgb, width, height, SIDE)?);
        Ok(Self { hash, thumbnail: Thumbnail::of_rgb(rgb, width, height)? })
    }

    /// Whether two pictures look like versions of one: retouched, recompressed, resized.
    pub fn resembles(&self, other: &Self) -> bool {
        let colours = thumbnail_rms(&self.thumbnail, &other.thumbnail);
        colours <= ALIKE_COLOURS || (colours <= UNLIKE_COLOURS && self.hash.distance(&other.hash) <= ALIKE_BITS)
    }
}

#[derive(Serialize, Deserialize)]
struct Text {
    alg: String,
    hash: String,
    thumbnail: String,
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Text { alg: ALGORITHM.to_owned(), hash: self.hash.to_string(), thumbnail: self.thumbnail.to_string() }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(d)?;
        let parts =
            (text.alg == ALGORITHM).then(|| Some((PerceptualHash::parse(&text.hash)?, Thumbnail::parse(&text.thumbnail)?)));
        let (hash, thumbnail) = parts.flatten().ok_or_else(|| serde::de::Error::custom("not a fingerprint of this method"))?;
        Ok(Self { hash, thumbnail })
    }
}

/// Averages of the picture's parts, with [`FRACTION`] bits behind the point.
fn cells(rgb: &[u8], width: u32, height: u32, side: usize) -> Result<Vec<u32>, PictureError> {
    averages(rgb, width, height, side, FRACTION).map_err(|e| PictureError::Size { width: e.width, height: e.height, len: e.len })
}

/// Signs of the low frequencies of the brightness against their median.
fn hash(cells: &[u32]) -> PerceptualHash {
    // Brightness by the weights of ITU-R BT.601, in 256ths.
    let mut luma: Vec<i64> =
        cells.chunks_exact(3).map(|p| (77 * i64::from(p[0]) + 150 * i64::from(p[1]) + 29 * i64::from(p[2])) >> 8).collect();
    let mean = luma.iter().sum::<i64>() / luma.len() as i64;
    luma.iter_mut().for_each(|v| *v -= mean);
    // Cosines as whole numbers of 1/4096: the sums are then exact, and below 2⁵³.
    let cosine = |k: usize, x: usize| {
        ((std::f64::consts::PI * ((2 * x + 1) * k) as f64 / (2 * SIDE) as f64).cos() * 4096.0).round() as i64
    };
    let table: Vec<Vec<i64>> = (1..=FREQUENCIES).map(|k| (0..SIDE).map(|x| cosine(k, x)).collect()).collect();
    let across: Vec<Vec<i64>> = table
        .iter()
        .map(|wave| luma.chunks_exact(SIDE).map(|row| row.iter().zip(wave).map(|(v, c)| v * c).sum()).collect())
        .collect();
    let values: Vec<i64> = table
        .iter()
        .flat_map(|wave| across.iter().map(move |column| column.iter().zip(wave).map(|(v, c)| v * c).sum()))
        .collect();
    let mut sorted = values.clone();
    sorted.sort_unstable();
    let median = sorted[sorted.len() / 2 - 1];
    let mut bits = [0u8; 32];
    for (i, value) in values.iter().enumerate() {
        bits[i / 8] |= u8::from(*value > median) << (i % 8);
    }
    PerceptualHash(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disc on a gradient: something with a shape.
    fn disc(w: u32, h: u32, cx: f64, colour: [u8; 3]) -> Vec<u8> {
        let mut out = Vec::new();
        for y in 0..h {
            for x in 0..w {
                let (u, v) = (f64::from(x) / f64::from(w) - cx, f64::from(y) / f64::from(h) - 0.5);
                let inside = u * u + v * v < 0.08;
                out.extend(if inside { colour } else { [230, 235, (120.0 + 100.0 * v) as u8] });
            }
        }
        out
    }

    #[test]
    fn a_small_change_is_near_and_another_picture_far() {
        let a = disc(64, 64, 0.35, [200, 40, 30]);
        let whole = Fingerprint::of_rgb(&a, 64, 64).unwrap();
        let mut dotted = a.clone();
        dotted[1000] ^= 0xff;
        let dotted = Fingerprint::of_rgb(&dotted, 64, 64).unwrap();
        assert!(whole.resembles(&dotted) && whole.hash.distance(&dotted.hash) < 30);
        let large = Fingerprint::of_rgb(&disc(200, 130, 0.35, [200, 40, 30]), 200, 130).unwrap();
        assert!(whole.resembles(&large), "{}", whole.hash.distance(&large.hash));
        let other = Fingerprint::of_rgb(&disc(64, 64, 0.75, [20, 40, 230]), 64, 64).unwrap();
        assert!(!whole.resembles(&other), "{}", whole.hash.distance(&other.hash));
    }

    #[test]
    fn flat_pictures_differ_by_colour() {
        let flat = |c: [u8; 3]| Fingerprint::of_rgb(&c.repeat(30 * 20), 30, 20).unwrap();
        let (red, blue) = (flat([255, 0, 0]), flat([0, 0, 255]));
        assert_eq!(red.hash, PerceptualHash([0; 32]));
        assert!(red.resembles(&red) && !red.resembles(&blue));
        assert_eq!(thumbnail_rms(&flat([0; 3]).thumbnail, &flat([255; 3]).thumbnail), 1.0);
    }

    #[test]
    fn thumbnails_are_block_averages() {
        // Each 4×4 block of a 64×64 picture is one cell.
        let rgb: Vec<u8> = (0..64 * 64).flat_map(|i| [(i % 64 / 4 * 10) as u8, (i / 64 / 4 * 10) as u8, 7]).collect();
        let small = Thumbnail::of_rgb(&rgb, 64, 64).unwrap();
        for (i, cell) in small.0.chunks_exact(3).enumerate() {
            assert_eq!(cell, [(i % 16 * 10) as u8, (i / 16 * 10) as u8, 7]);
        }
        assert_eq!(Thumbnail::of_rgb(&[9, 8, 7], 1, 1).unwrap().0, *[9, 8, 7].repeat(256).as_slice());
        assert!(Thumbnail::of_rgb(&rgb, 63, 64).is_err());
    }

    #[test]
    fn text_forms_round_trip() {
        let print = Fingerprint::of_rgb(&disc(50, 70, 0.4, [1, 2, 3]), 50, 70).unwrap();
        let json = serde_json::to_string(&print).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap(), print);
        assert!(serde_json::from_str::<Fingerprint>(&json.replace(".v1", ".v2")).is_err());
        assert_eq!(PerceptualHash::parse(&print.hash.to_string()), Some(print.hash));
        assert_eq!(PerceptualHash::parse("zz"), None);
        assert_eq!(Thumbnail::parse("AAAA"), None);
        assert_eq!(Thumbnail::from_slice(&print.thumbnail.0), Some(print.thumbnail));
    }
}
