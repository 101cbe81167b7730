//! PDQ, Meta's perceptual hash of pictures: 256 bits with a quality, and the hashes of the picture's eight dihedral images.
//! Source: "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (Facebook, 2019) and its reference
//! implementation, github.com/facebook/ThreatExchange, `pdq/cpp`. The steps are the reference's, in single precision and in its
//! order of operations, so that the bits are the reference's too: luma, two box filters each way (a tent), a pixel out of each of
//! 64×64 cells, 16×16 coefficients of their cosine transform, one bit each for "above their median".
//!
//! Two programs of the reference differ before that point, so there are two ways in. [`Pdq::of_rgb`] does what Python's `pdqhash`
//! does: luma in double precision, rounded once, and the picture at its full size. [`Pdq::of_rgb_as_tool`] does what the
//! command-line tool `pdq-photo-hasher` does: pictures over 512 pixels a side are first brought to 512×512 by nearest neighbour,
//! whatever their shape, and luma is in single precision throughout. Of larger pictures the two hashes differ by some ten bits,
//! at worst by more than [`ALIKE_BITS`]; of others hardly. Share the kind that the other side makes.

use std::fmt;
use std::sync::LazyLock;

use super::{SizeError, check_size};

/// Name of the method.
pub const ALGORITHM: &str = "pdq";
/// Two pictures are alike at up to this many differing bits of 256, says the reference.
pub const ALIKE_BITS: u32 = 31;
/// Hashes of pictures below this quality should not be compared, says the reference: flat pictures all look alike to it.
pub const USABLE_QUALITY: u8 = 50;

/// Pictures narrower or lower than this have no hash.
const MIN_SIDE: usize = 5;
/// Side of the picture that is transformed.
const SIDE: usize = 64;
/// Frequencies kept in each direction: 1..=16.
const FREQUENCIES: usize = 16;
/// Times that the box filters run, rows then columns: two make a tent.
const PASSES: usize = 2;
/// Side of the square that `pdq-photo-hasher` brings larger pictures to.
const TOOL_SIDE: usize = 512;
/// The weights of red, green and blue in luma (ITU-R BT.601).
const LUMA: [f64; 3] = [0.299, 0.587, 0.114];

/// The shrunken picture, row by row.
type Small = [[f32; SIDE]; SIDE];
/// Its coefficients: at `[i][j]` vertical frequency `i + 1` and horizontal frequency `j + 1`.
type Coefficients = [[f32; FREQUENCIES]; FREQUENCIES];

/// How an image of the picture under the dihedral group comes from it: mirror first, then swap.
#[derive(Clone, Copy)]
struct Symmetry {
    /// Top and bottom change places.
    mirror_rows: bool,
    /// Left and right change places.
    mirror_columns: bool,
    /// Rows become columns.
    transpose: bool,
}

impl Symmetry {
    const fn new(mirror_rows: bool, mirror_columns: bool, transpose: bool) -> Self {
        Self { mirror_rows, mirror_columns, transpose }
    }
}

/// In the reference's order; see [`Pdq::dihedral`].
const SYMMETRIES: [Symmetry; 8] = [
    Symmetry::new(false, false, false),
    Symmetry::new(false, true, true),
    Symmetry::new(true, true, false),
    Symmetry::new(true, false, true),
    Symmetry::new(true, false, false),
    Symmetry::new(false, true, false),
    Symmetry::new(false, false, true),
    Symmetry::new(true, true, true),
];

/// 256 bits in the order of the reference's text form: bit 255, of the highest frequencies, is the top bit of the first byte.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PerceptualHash256(pub [u8; 32]);

impl PerceptualHash256 {
    /// Differing bits, 0..=256. Unrelated pictures lie near 128.
    pub fn distance(&self, other: &Self) -> u32 {
        self.0.iter().zip(other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    /// Reads 64 hex digits of either case, as the reference does; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Sets bit `index`, 0..=255: 0 is the last of the text form.
    fn set(&mut self, index: usize) {
        self.0[31 - index / 8] |= 1 << (index % 8);
    }
}

impl fmt::Display for PerceptualHash256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PerceptualHash256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}:{self}")
    }
}

/// Hash and quality of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pdq {
    /// The bits; all 0 where a side has fewer than 5 pixels.
    pub hash: PerceptualHash256,
    /// How much there is to see, 0..=100: from the shrunken picture's gradients. Below [`USABLE_QUALITY`] the bits say little.
    pub quality: u8,
}

impl Pdq {
    /// Of RGB pixels, 8 bits each, row by row, any size from 1×1, as `pdqhash.compute` of Python. Takes 8 bytes of memory a
    /// pixel. Fails unless there are `width × height × 3` bytes and at least one pixel. No bits and quality 0 for a side below 5.
    pub fn of_rgb(rgb: &[u8], width: u32, height: u32) -> Result<Self, SizeError> {
        check_size(rgb, width, height)?;
        Ok(Self::of_luma(luma_rounded_once(rgb), width as usize, height as usize))
    }

    /// The same as the reference's tool `pdq-photo-hasher`: a picture of more than 512 pixels a side is first sampled at 512×512
    /// points, its shape lost. Takes and fails like [`Self::of_rgb`].
    pub fn of_rgb_as_tool(rgb: &[u8], width: u32, height: u32) -> Result<Self, SizeError> {
        check_size(rgb, width, height)?;
        let (width, height) = (width as usize, height as usize);
        if width <= TOOL_SIDE && height <= TOOL_SIDE {
            return Ok(Self::of_luma(luma_single(rgb), width, height));
        }
        Ok(Self::of_luma(luma_single(&sample(rgb, width, height)), TOOL_SIDE, TOOL_SIDE))
    }

    /// Hashes of the eight images of the picture under rotation and reflection, from one transform, as
    /// `pdqhash.compute_dihedral`: the picture, a quarter turn counter-clockwise, a half turn, a quarter turn clockwise, top and
    /// bottom mirrored, left and right mirrored, rows and columns swapped, and that turned by half. All have the picture's
    /// quality. They lie within some bits of the hash of the picture turned or mirrored first, since its centre and its edges are
    /// not sampled alike. Takes and fails like [`Self::of_rgb`]; all bits 0 where a side has fewer than 5 pixels.
    pub fn dihedral(rgb: &[u8], width: u32, height: u32) -> Result<[PerceptualHash256; 8], SizeError> {
        check_size(rgb, width, height)?;
        let (width, height) = (width as usize, height as usize);
        if width < MIN_SIDE || height < MIN_SIDE {
            return Ok([PerceptualHash256::default(); 8]);
        }
        // The reference filters here even what already has 64×64 pixels.
        let coefficients = transform(&shrink(luma_rounded_once(rgb), width, height));
        Ok(SYMMETRIES.map(|symmetry| bits(&image_of(&coefficients, symmetry))))
    }

    fn of_luma(luma: Vec<f32>, width: usize, height: usize) -> Self {
        if width < MIN_SIDE || height < MIN_SIDE {
            return Self { hash: PerceptualHash256::default(), quality: 0 };
        }
        let small = if (width, height) == (SIDE, SIDE) { decimate(&luma, SIDE, SIDE) } else { shrink(luma, width, height) };
        Self { hash: bits(&transform(&small)), quality: quality(&small) }
    }
}

/// Luma 0..=255, one value a pixel: summed in double precision and rounded to single.
fn luma_rounded_once(rgb: &[u8]) -> Vec<f32> {
    let [red, green, blue] = LUMA;
    let pixels = rgb.chunks_exact(3);
    pixels.map(|p| (f64::from(p[0]) * red + f64::from(p[1]) * green + f64::from(p[2]) * blue) as f32).collect()
}

/// Luma 0..=255, one value a pixel: in single precision throughout.
fn luma_single(rgb: &[u8]) -> Vec<f32> {
    let [red, green, blue] = LUMA.map(|weight| weight as f32);
    let pixels = rgb.chunks_exact(3);
    pixels.map(|p| red * f32::from(p[0]) + green * f32::from(p[1]) + blue * f32::from(p[2])).collect()
}

/// The nearest pixels at 512×512 points, as `CImg::resize` picks them.
fn sample(rgb: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(TOOL_SIDE * TOOL_SIDE * 3);
    for y in 0..TOOL_SIDE {
        let row = y * height / TOOL_SIDE * width;
        for x in 0..TOOL_SIDE {
            let at = (row + x * width / TOOL_SIDE) * 3;
            out.extend_from_slice(&rgb[at..at + 3]);
        }
    }
    out
}

/// Blurs with a tent of about a 64th of each side, then takes 64×64 pixels.
fn shrink(mut luma: Vec<f32>, width: usize, height: usize) -> Small {
    let mut buffer = vec![0.0; luma.len()];
    for _ in 0..PASSES {
        for (from, to) in luma.chunks_exact(width).zip(buffer.chunks_exact_mut(width)) {
            box_along_row(from, to, window(width));
        }
        box_along_columns(&buffer, &mut luma, width, window(height));
    }
    decimate(&luma, width, height)
}

/// Width of the box for a side of so many pixels: half a 64th, rounded up.
fn window(side: usize) -> usize {
    side.div_ceil(2 * SIDE)
}

/// What a box of `window` values does at each step: step `t` takes in value `t`, lets go of value `t - window`, and gives the
/// mean at `t - window / 2`; at both ends fewer values are in the box.
struct Step {
    add: Option<usize>,
    subtract: Option<usize>,
    write: Option<usize>,
    /// Values in the box after the step.
    count: f32,
}

/// The steps over `length` values, at least `window` of them.
fn steps(length: usize, window: usize) -> impl Iterator<Item = Step> {
    let centre = window / 2 + 1;
    (0..length + centre - 1).map(move |t| Step {
        add: (t < length).then_some(t),
        subtract: t.checked_sub(window),
        write: (t + 1).checked_sub(centre),
        count: ((t + 1).min(length) - (t + 1).saturating_sub(window)) as f32,
    })
}

/// Means in a box of `window` values, by a running sum.
fn box_along_row(from: &[f32], to: &mut [f32], window: usize) {
    let mut sum = 0.0;
    for step in steps(from.len(), window) {
        if let Some(at) = step.add {
            sum += from[at];
        }
        if let Some(at) = step.subtract {
            sum -= from[at];
        }
        if let Some(at) = step.write {
            to[at] = sum / step.count;
        }
    }
}

/// The same down the columns, all at once.
fn box_along_columns(from: &[f32], to: &mut [f32], width: usize, window: usize) {
    let mut sums = vec![0.0; width];
    let row = |at: usize| &from[at * width..][..width];
    for step in steps(from.len() / width, window) {
        if let Some(at) = step.add {
            sums.iter_mut().zip(row(at)).for_each(|(sum, value)| *sum += value);
        }
        if let Some(at) = step.subtract {
            sums.iter_mut().zip(row(at)).for_each(|(sum, value)| *sum -= value);
        }
        if let Some(at) = step.write {
            to[at * width..][..width].iter_mut().zip(&sums).for_each(|(mean, sum)| *mean = sum / step.count);
        }
    }
}

/// The pixels at the centres of 64×64 equal cells.
fn decimate(luma: &[f32], width: usize, height: usize) -> Small {
    let centre = |cell: usize, side: usize| (2 * cell + 1) * side / (2 * SIDE);
    std::array::from_fn(|y| std::array::from_fn(|x| luma[centre(y, height) * width + centre(x, width)]))
}

/// The sum of the gradients, each in whole hundredths of full contrast, over 90 and no more than 100.
fn quality(small: &Small) -> u8 {
    let gradient = |a: f32, b: f32| ((a - b) * 100.0 / 255.0).abs() as u32;
    let down = small.windows(2).flat_map(|rows| rows[0].iter().zip(&rows[1])).map(|(a, b)| gradient(*a, *b));
    let across = small.iter().flat_map(|row| row.windows(2)).map(|pair| gradient(pair[0], pair[1]));
    let sum = down.chain(across).sum::<u32>();
    u8::try_from(sum / 90).unwrap_or(u8::MAX).min(100)
}

/// Rows 1..=16 of the cosine transform's matrix.
static COSINES: LazyLock<[[f32; SIDE]; FREQUENCIES]> = LazyLock::new(|| {
    let scale = f64::from((2.0 / SIDE as f64).sqrt() as f32);
    let unit = std::f64::consts::PI / 2.0 / SIDE as f64;
    std::array::from_fn(|i| std::array::from_fn(|j| (scale * (unit * (i + 1) as f64 * (2 * j + 1) as f64).cos()) as f32))
});

/// The coefficients of frequencies 1..=16 in each direction. The sums run over ascending rows, then columns.
fn transform(small: &Small) -> Coefficients {
    let mut half = [[0.0_f32; SIDE]; FREQUENCIES];
    for (out, cosines) in half.iter_mut().zip(COSINES.iter()) {
        for (row, cosine) in small.iter().zip(cosines) {
            out.iter_mut().zip(row).for_each(|(sum, value)| *sum += cosine * value);
        }
    }
    let sum =
        |row: &[f32; SIDE], cosines: &[f32; SIDE]| row.iter().zip(cosines).fold(0.0, |sum, (value, cosine)| sum + value * cosine);
    std::array::from_fn(|i| std::array::from_fn(|j| sum(&half[i], &COSINES[j])))
}

/// The coefficients of an image of the picture: a mirror changes the sign of odd frequencies, those at even places.
fn image_of(coefficients: &Coefficients, symmetry: Symmetry) -> Coefficients {
    let mut out = [[0.0; FREQUENCIES]; FREQUENCIES];
    for (i, row) in coefficients.iter().enumerate() {
        for (j, &value) in row.iter().enumerate() {
            let negate = (symmetry.mirror_rows && i % 2 == 0) != (symmetry.mirror_columns && j % 2 == 0);
            let (to_row, to_column) = if symmetry.transpose { (j, i) } else { (i, j) };
            out[to_row][to_column] = if negate { -value } else { value };
        }
    }
    out
}

/// Which coefficients lie above their median. Of the two middle values the lower one counts, as in Torben's method.
fn bits(coefficients: &Coefficients) -> PerceptualHash256 {
    let mut sorted = *coefficients;
    let sorted = sorted.as_flattened_mut();
    let (_, &mut median, _) = sorted.select_nth_unstable_by(sorted.len() / 2 - 1, f32::total_cmp);
    let mut hash = PerceptualHash256::default();
    for (index, value) in coefficients.as_flattened().iter().enumerate() {
        if *value > median {
            hash.set(index);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
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

    fn ramp(x: u32, y: u32, w: u32, h: u32) -> [u32; 3] {
        let v = x * 200 / w + y * 55 / h;
        [v, v / 2 + y * 90 / h, 255 - v]
    }

    fn waves(x: u32, y: u32, _: u32, _: u32) -> [u32; 3] {
        let (a, b) = ((x % 62).abs_diff(31), (y % 46).abs_diff(23));
        [a * b / 3, a * 8, b * 11]
    }

    fn flat(_: u32, _: u32, _: u32, _: u32) -> [u32; 3] {
        [200, 120, 40]
    }

    fn picture(formula: Formula, w: u32, h: u32) -> Vec<u8> {
        (0..h).flat_map(|y| (0..w).flat_map(move |x| formula(x, y, w, h).map(|v| (v & 255) as u8))).collect()
    }

    fn hash(text: &str) -> PerceptualHash256 {
        PerceptualHash256::parse(text).unwrap()
    }

    /// Pictures, their quality and their eight hashes as `pdqhash` 0.2.8 of Python gives them (`compute` and `compute_dihedral`).
    #[test]
    fn hashes_as_the_reference() {
        let expected: [(Formula, u32, u32, u8, [&str; 8]); 15] = [
            (
                noise,
                1,
                1,
                0,
                [
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                ],
            ),
            (
                rings,
                4,
                9,
                0,
                [
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    "0000000000000000000000000000000000000000000000000000000000000000",
                ],
            ),
            (
                noise,
                5,
                5,
                100,
                [
                    "695a6cd996a59326c1f093a469d86c5b9e276cd9695a6cd996a59326e1f093a4",
                    "3c8f348dc372cb7283e09e27348d61d86e5b749d3c8f348dc370cb7291a49e27",
                    "3c0fce73c3f0398c94a5390e3c8dc6f1cb72c6733c0fce33c3f0398c94a5390e",
                    "69da9e27962561d896b5348d61d8cb723b0e9e2769da9e27962561d8c4f1348d",
                    "695a932696a56cd9c1f06c5b69d893a49e279326695a9b2696a56cd9c1f06c5b",
                    "3c0f31ccc3f0c67394a5c6f13c8d390ecb72398c3c0f31ccc3f0c673b4a5c6f1",
                    "3c8fcb72c372348dc3f061d8348d9e276e5bcb723c8fcb72c370348d91a461d8",
                    "69da61d896259e27d6b5cb7261d8348d3b0e61c869da61d896259e27c4f1cb72",
                ],
            ),
            (
                rings,
                64,
                64,
                3,
                [
                    "16841004014fd600097f914991492fff81092f7f096f094b2fffe96b297f2fff",
                    "9686eff1016f297f097f6e36914bd000910bd080296ff6b06fff1684ebffd000",
                    "c3d3baa4543a7c2a5c2a3be3c41e8555c45e85d57c3aa3e53aaa43c1beaa8555",
                    "c3d3455b543a83d55c2ac41cc41e7aaac05e7a2a7c3a5c1a3aaabc2ebeaa7aaa",
                    "9686eff1016f297f097f6e36914bd000910bd080296ff6b06fff1684ebffd000",
                    "c3d3455b543a83d55c2ac41cc41e7aaac05e7a2a7c3a5c1a3aaabc2ebeaa7aaa",
                    "16841004014fd600097f914991492fff81092f7f096f094b2fffe96b297f2fff",
                    "c3d3baa4543a7c2a5c2a3be3c41e8555c45e85d57c3aa3e13aaa43d1beaa8555",
                ],
            ),
            (
                blocks,
                63,
                65,
                100,
                [
                    "16a63766e9d9d89936663a703666cd9bc99927661626276ee959d89936663068",
                    "318cce734e5b21d8318c349dca729e27b18493a4ce63ca73319d358dcb72ce73",
                    "43f39ccc9c8c723367339ada637367319ccc8dcc437389e4bc0c723363339ac2",
                    "64d964d91b0e8b7264d996359f27348de4d1390e9b3660d964c89f279e2764d9",
                    "16a6c899c9d927663266cf8f36263264c999d8991626dcb1e95927663266cf97",
                    "43f362339c8c8dcc63336525637398ce9ccc72334373761bbc0c8dcc6333653d",
                    "318c318c6e5bde27358ccb72ce7261d8b1846e5bce73358c319dca72cb72318c",
                    "64d99b261b0e748d64d969c89f278b72e4d1c6f19b369f2664c860d89e279b26",
                ],
            ),
            (
                noise,
                129,
                128,
                100,
                [
                    "af6678aa1740b6acea93adced4981565058de798627a1f86d1de7684b2d5a906",
                    "9e43b59bd4678ce1cc11482b90765b2656de5ad5d120f59756686a604c39f67d",
                    "fa33d20052151c06bfc707ec81cdbecf50d84d32376fb52cc4dbdc2ee79003ac",
                    "cb1e1f318932264b9944e681cd23f58c038bf07f84755f3d03bdc0ca996c5dd7",
                    "af66875515404953ea135731d498eb9b058d1867627ae07991de897bb2c556f9",
                    "fa312dff4015e3f99d46f89b81cd413050d0b2cd372f4ad3448b23d1e790fc53",
                    "9e4b4a6cdc67731ecc11b7d4b876a5d95edea52ad1200a6a56e8959fcc390982",
                    "cb1ee0ce8932f9b499441d7eed230e730f8b0fa88475a0ca07bd3f35996cab28",
                ],
            ),
            (
                blocks,
                7,
                900,
                100,
                [
                    "37826f859e726c79903ec07fc0df913e6cd99e726f8137820f213ed0392c9296",
                    "2f41a957d0b656a850ee0f03e07d3ec5c2b5c93b3d4ac03a1f82b0fcaf51a957",
                    "62d7c52fc327c6d3c56b6ad5958a3b94398c34d83ad49d281a74947a6c79383c",
                    "7a1403fd85e3fc0a25bbe5a9b5289c6f97e06391681f6a904ad71a56fa0403fd",
                    "3782947a9e729386913e3f80c0df6ec16cd9618d6f81c87d5f21c12f392c6d69",
                    "62d73ad0c327392cc56b952a958ac46b398ccb273ad462d71a746b856c79c7c3",
                    "2f4156a0d0b6a95770eef0fce07dc13ac2b536c43d4a3fc51f824f03af5156a8",
                    "7a14fc0285e303fd05bb5a56b5286b9097e09c6e681f956f4ad7e5a9fa04fc02",
                ],
            ),
            (
                rings,
                900,
                7,
                100,
                [
                    "6739e73918c618c6b8c4e739e73998c618c66739e739473918c618c64739e739",
                    "cf61398cce63c673398c398cc673398c398cc673ce73398cc673c673318c398c",
                    "326c4d934d93b26cedb14d93b26c326c4d934d93b26ced934d93b26c126c4d93",
                    "9a3493269b366cd96cd99326932693266cd96cd99b2693269b266cd96cd99326",
                    "e73918c618c6e739b8ee18c6e739673918c618c6e739b8c618c6e739673918c6",
                    "b26cb26c4d934d93edb1b26cb26ccd934d93b26cb26c126c4d934d93326cb26c",
                    "4f21c673ce61398c398cc673c673c673398c398cc673c673c673398c318cc673",
                    "1a346cd99b3493266cd96cd993266cd96cd993269b266cd99326932664d96cd9",
                ],
            ),
            (
                ramp,
                300,
                200,
                0,
                [
                    "cab2d2044d757b1d76ab4d15c446a7b842abed14f1555261d79a2f350b3ed489",
                    "e36b21061964b7c6b456d0b2dbbeca91a9c9ddcfa9b64b91598b89998a8ac34a",
                    "9de778a61020c1b703fee7bf90130d02177e473ea400f0cb82cf859f5e6b7e23",
                    "963cabac4c31096cc1137a188ccb603bdc1c7725fcc3e03b4cde2233dfdf69e0",
                    "cab22dfb457584e276aba2eac4465843422b122bf155ad9ed79ad0ca0b3e2b76",
                    "9fe78759d8a03e4823fe18409313f2fd17feb8c1a6200f3482cf7a60de6b81dc",
                    "c369fef919645839b4462f4dd99e356e89892230a996b56e198b76668a8a3cb5",
                    "963c54534431e293c10385e70ccb9dc4dc1c889afcc31ec40cdedcccdfdf961f",
                ],
            ),
            (
                waves,
                320,
                240,
                100,
                [
                    "a95556aaa95556aaa95556aa56aaa95556aaa95556aaa95556aaa95556aaa955",
                    "a955a955a955a955a955a95556aa56aa56aa56aa56aa56aa56aa56aa56aa56aa",
                    "1c003c007c00fc00fc00fc0003ff03ff03ff03ff03ff03ff03ff03ff03fe03fe",
                    "fc0003fffc0003fffc0003ff03fffc0003fffc0003fffc0003fffc0003fffc00",
                    "a955a955a955a955a955a95556aa56aa56aa56aa56aa56aa56aa56aa56aa56aa",
                    "fc0003fffc0003fffc0003ff03fffc0003fffc0003fffc0003fffc0003fffc00",
                    "a95556aaa95556aaa95556aa56aaa95556aaa95556aaa95556aaa95556aaa955",
                    "1c003c007c00fc00fc00fc0003ff03ff03ff03ff03ff03ff03ff03ff03ff03fc",
                ],
            ),
            (
                blocks,
                400,
                300,
                100,
                [
                    "9ac4add5576a11dfeb10ebffe42574ccea9cec7a6843ec9040e4d3132e456620",
                    "ced4d0024ff34efbccf2dcacac8783fbd5902a952649a32b35c028753464abd9",
                    "cf91037f023fbb75be454155b170de66bfc946d01d16463a153179a97b10cc8a",
                    "9f837aea1aa6e45199e77606f9d2295180cde13f731c09c5709582df61b1c373",
                    "9ac5566b576aee28eb109400e4258b73ea9e5b956843136f40e42cfcee4599df",
                    "cf91fc80027f448abe45beaab1712199bfc9b92f3d16b9c5153186467b103375",
                    "ced42ffd4ff3b104ccf26353ac877c04d598f56a26495cd435c0d78a34645626",
                    "9b8185571a861bae99a789f9f9d2d6ae80c55fc0731cf67a60957d206131fc8c",
                ],
            ),
            (
                noise,
                200,
                333,
                100,
                [
                    "8a7ecb49db04fd1e1bdde406943cbfab640ccdd965bf58855554350426ae6c12",
                    "f7428f0615a7c4e3f971f850e9028693097237b783226f96dbe249d19523b68f",
                    "df2369e38e5157b44e8c4eacc1791501315d6b7330eaf22b00019fae73fbc6b8",
                    "a21525ac40f26e49ac4442fabc572c395c279d1dd677cd3c0eb7e37bc0761c25",
                    "8a7634b6db0402e11bd95bf9942c405464083e2665bfa77e5554cafb26ae93ed",
                    "df2b9e1c8e51ac4b4e9cf153c179eafe315d9c8c38ea0dd400016051f3fb3947",
                    "f74074f915a73b1cf95117efe902796c0972c84883229a69dbe2bebe95234970",
                    "a215de5340f291b6ec44bd05bc57d3c65c2762e2d67732c30eb71c84c076e3da",
                ],
            ),
            (
                flat,
                50,
                70,
                0,
                [
                    "2c4b2c4b2c4b11342c4b82002c4b2c4b11342c4b11342c4b2c4b82000000554b",
                    "04040404eb58ef5ceb5814a40404ef5c000014a410a0eb58eb59eb58eb5914a4",
                    "391e0461391e391e391e000a391e04610461046104610461391e000a0000d741",
                    "00010404ba0845f4ba08be0c000145f40000be0c41f041f0be0c41f0be0cbe0c",
                    "2c4b11342c4b2c4b2c4b554b2c4b113411341134113411342c4b554b00008200",
                    "391e391e391e0461391ed741391e391e0461391e0461391e391ed7410000000a",
                    "04040001eb5810a1eb58eb59040410a10000eb5910a010a0eb5910a0eb59eb59",
                    "00010001ba08ba09ba0841f10001ba09000041f141f0ba08be0cba08be0c41f1",
                ],
            ),
            (
                rings,
                513,
                512,
                100,
                [
                    "3aff23fffff48ffdbf003fd5bc007f7df810fd50f000f540e100f500c000f500",
                    "3a7fdf00e7f5780f9f40c0fe3d00c3ab74000ebff1000effc0003effc0003bff",
                    "6d2a8a55b2a5255aca55952b695594de255553eaa5555baa95554baa95554eaa",
                    "7faa75aaf6a0faa5fa956a54e95569092555a415a555a4559555945595559155",
                    "3a7fff00fff0f80f9f00e0febc00c3abf80006bff0000effc1001effc0001bff",
                    "6d2a75aab2a5daa5da556ad4e9556b212555ac15a555a4559555b4559555b155",
                    "3aff21ffeffdaff5bfc03f55fd007d5df400f550f100f5c0d100f500c000d500",
                    "6d2a8a55b2a0255aca1595ab685596fe21555beaa4555baa95556baa95556eaa",
                ],
            ),
            (
                waves,
                640,
                481,
                100,
                [
                    "aaaa5555aaaa5555aaaa5555aaaa5555aaaa5555aaaa5555aaaa5555aaaa5555",
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                    "ffffffffff00fffff800ffffe000e000e000ffffe000ffffe000f00000000000",
                    "ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000",
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                    "ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000",
                    "aaaa5555aaaa5555aaaa5555aaaa5555aaaa5555aaaa5555aaaa5555aaaa5555",
                    "fffcfffcfffcfc54fc50f450f450f450d450d450d450d450d450d450d450d450",
                ],
            ),
        ];
        for (formula, w, h, quality, hashes) in expected {
            let rgb = picture(formula, w, h);
            assert_eq!(Pdq::of_rgb(&rgb, w, h).unwrap(), Pdq { hash: hash(hashes[0]), quality }, "{w}×{h}");
            assert_eq!(Pdq::dihedral(&rgb, w, h).unwrap().map(|hash| hash.to_string()), hashes, "{w}×{h}");
        }
    }

    /// Pictures and what the C++ sources that `pdqhash` 0.2.8 carries, CImg's resizing among them, give for them.
    #[test]
    fn hashes_as_the_tool() {
        let expected: [(Formula, u32, u32, u8, &str); 4] = [
            (rings, 513, 512, 100, "3bff23fff7f5aff59f403fd5fc007d5df410fd50f000f5c0c100f500c000f500"),
            (blocks, 1030, 300, 100, "6133f6d8cc515e9f4eacbfefa96b49a25da4ceea089a5a33e160161b2343e112"),
            (ramp, 300, 200, 0, "71bb03b1cf0aac35688c257452b74eae9b334c1ae5f27b6cb6974305a50aaad5"),
            (waves, 100, 700, 100, "abad5452abad5452abad5452abad5452abad5452abad5452abad5452abad5452"),
        ];
        for (formula, w, h, quality, text) in expected {
            let found = Pdq::of_rgb_as_tool(&picture(formula, w, h), w, h).unwrap();
            assert_eq!(found, Pdq { hash: hash(text), quality }, "{w}×{h}");
        }
    }

    #[test]
    fn dihedral_hashes_are_of_the_turned_picture() {
        const SIDE: u32 = 512;
        const LAST: u32 = SIDE - 1;
        /// Where the pixel at x, y of an image comes from.
        type Source = fn(u32, u32) -> (u32, u32);
        let images: [Source; 8] = [
            |x, y| (x, y),
            |x, y| (LAST - y, x),
            |x, y| (LAST - x, LAST - y),
            |x, y| (y, LAST - x),
            |x, y| (x, LAST - y),
            |x, y| (LAST - x, y),
            |x, y| (y, x),
            |x, y| (LAST - y, LAST - x),
        ];
        let hashes = Pdq::dihedral(&picture(blocks, SIDE, SIDE), SIDE, SIDE).unwrap();
        for (at, image) in images.iter().enumerate() {
            let turned = |x, y| {
                let (x, y) = image(x, y);
                blocks(x, y, SIDE, SIDE)
            };
            let rgb: Vec<u8> =
                (0..SIDE).flat_map(|y| (0..SIDE).flat_map(move |x| turned(x, y).map(|v| (v & 255) as u8))).collect();
            let hash = Pdq::of_rgb(&rgb, SIDE, SIDE).unwrap().hash;
            let distances = hashes.map(|other| other.distance(&hash));
            assert!((0..8).all(|other| (other == at) == (distances[other] < 60)), "{at}: {distances:?}");
        }
    }

    /// From `hash256_test.py` and `PDQHasherTest.java` of the reference.
    #[test]
    fn published_distances() {
        let sample = hash("9c151c3af838278e3ef57c180c7d031c07aefd12f2ccc1e18f2a1e1c7d0ff163");
        assert_eq!(sample.to_string(), "9c151c3af838278e3ef57c180c7d031c07aefd12f2ccc1e18f2a1e1c7d0ff163");
        assert_eq!(sample.distance(&PerceptualHash256::default()), 128);
        assert_eq!(PerceptualHash256([255; 32]).distance(&PerceptualHash256::default()), 256);
        assert_eq!(sample.distance(&sample), 0);
        let bridge = hash("f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22");
        let turned = hash("30a10efd71cc3d429013d48d0ffffc52e34e0e17ada952a9d29685211ea9e5af");
        assert_eq!(bridge.distance(&turned), 120);
    }

    #[test]
    fn text_form() {
        assert_eq!(PerceptualHash256::parse("AAA"), None);
        assert_eq!(PerceptualHash256::parse("9c151c3af838278e3ef57c180c7d031c07aefd12f2ccc1e18f2a1e1c7d0ff16!"), None);
        assert_eq!(hash(&"AB".repeat(32)).to_string(), "ab".repeat(32));
        let mut bits = PerceptualHash256::default();
        bits.set(0);
        bits.set(255);
        assert_eq!(bits.to_string(), format!("80{}01", "00".repeat(30)));
    }

    #[test]
    fn wrong_sizes_are_refused() {
        for (len, w, h) in [(0, 0, 0), (0, 0, 5), (12, 2, 1), (5, 2, 1), (0, u32::MAX, u32::MAX)] {
            let rgb = vec![0; len];
            assert!(Pdq::of_rgb(&rgb, w, h).is_err());
            assert!(Pdq::of_rgb_as_tool(&rgb, w, h).is_err());
            assert!(Pdq::dihedral(&rgb, w, h).is_err());
        }
    }

    #[test]
    fn the_reference_takes_the_lower_median() {
        let ties: Coefficients = std::array::from_fn(|i| [if i < 8 { 1.0 } else { 2.0 }; FREQUENCIES]);
        assert_eq!(bits(&ties).to_string(), format!("{}{}", "ff".repeat(16), "00".repeat(16)));
    }
}
