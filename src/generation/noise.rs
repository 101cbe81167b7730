//! Seeded noise: a ChaCha20 stream (RFC 8439) turned into normal and Gumbel numbers by +, −, ×, ÷ and square root alone.
//!
//! IEEE 754 fixes the result of those five operations, and no system mathematics library is called, so a seed gives the same numbers on
//! every platform. Streams are numbered: the noise of a picture and the jitter of a retrieval never share numbers.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Stream of the picture's starting noise. Jitter uses the odd numbers, so none of its streams is this one.
const PICTURE: u64 = 0;

/// Stream of the draft's placing; even like the picture's.
const PLACE: u64 = 2;

/// Natural logarithm of a positive normal number, within 2 units in the last place, by the series of atanh.
pub fn ln(x: f64) -> f64 {
    const EXPONENT: u64 = 0x7ff << 52;
    let bits = x.to_bits();
    // x = m·2^e with m from √½ to √2.
    let mut e = ((bits & EXPONENT) >> 52) as i32 - 1023;
    let mut m = f64::from_bits((bits & !EXPONENT) | (1023 << 52));
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        e += 1;
    }
    // ln m = 2 (s + s³/3 + s⁵/5 + …), |s| ≤ 0.1716: the term after s²³/23 is below 1e-20.
    let s = (m - 1.0) / (m + 1.0);
    let ss = s * s;
    let series = (0..12).rev().fold(0.0, |sum, k| sum * ss + 1.0 / f64::from(2 * k + 1));
    f64::from(e) * std::f64::consts::LN_2 + 2.0 * s * series
}

/// Uniform, strictly between 0 and 1: 52 random bits, at the middle of their cell.
fn uniform(rng: &mut ChaCha20Rng) -> f64 {
    ((rng.next_u64() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}

/// First stream of the noise that steps add; even like the picture's, and behind the draft's.
const STEPS: u64 = 4;

/// `count` normal numbers (mean 0, deviation 1) for a seed, by Marsaglia's polar method (1964).
pub fn normal(seed: u64, count: usize) -> Vec<f32> {
    stream(seed, PICTURE, count)
}

/// The same for step `step` of a walk that adds noise: none of them the picture's or another step's.
pub fn fresh(seed: u64, step: usize, count: usize) -> Vec<f32> {
    stream(seed, STEPS + 2 * step as u64, count)
}

fn stream(seed: u64, stream: u64, count: usize) -> Vec<f32> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let mut numbers = Vec::with_capacity(count + 1);
    while numbers.len() < count {
        let (u, v) = (2.0 * uniform(&mut rng) - 1.0, 2.0 * uniform(&mut rng) - 1.0);
        let s = u * u + v * v;
        if s > 0.0 && s < 1.0 {
            let factor = (-2.0 * ln(s) / s).sqrt();
            numbers.extend([(u * factor) as f32, (v * factor) as f32]);
        }
    }
    numbers.truncate(count);
    numbers
}

/// `count` numbers from 0 to 1 for a seed, none of them the noise's.
pub fn shares(seed: u64, count: usize) -> Vec<f64> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    rng.set_stream(PLACE);
    (0..count).map(|_| uniform(&mut rng)).collect()
}

/// Gumbel numbers (location 0, scale 1), one for each (seed, key): what one key gets does not depend on which other keys there are.
#[derive(Debug, Clone)]
pub struct Gumbel(ChaCha20Rng);

impl Gumbel {
    /// For a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    /// The number of `key`.
    pub fn of(&mut self, key: u64) -> f64 {
        self.0.set_stream(key | 1);
        self.0.set_word_pos(0);
        -ln(-ln(uniform(&mut self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_agrees_with_the_library() {
        for x in [1e-300, 1e-17, 0.1, 0.5, 0.707, 0.999_999_9, 1.0, 1.000_000_1, 1.5, 2.0, std::f64::consts::E, 7216.0, 1e300] {
            let (ours, theirs) = (ln(x), x.ln());
            assert!((ours - theirs).abs() <= 1e-15 * theirs.abs().max(1e-2), "{x}: {ours} {theirs}");
        }
    }

    #[test]
    fn known_answers() {
        // Worked out by a second ChaCha20 in another language. Every picture rests on these numbers: they must not change.
        assert_eq!(normal(7, 4), [-0.423_933_36, 0.030_779_233, -1.250_284_3, -0.357_602_9]);
        assert!((Gumbel::new(7).of(1) - 0.081_454_936_133_917_08).abs() < 1e-15);
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let n = 40_000;
        let mean = |xs: &[f64]| xs.iter().sum::<f64>() / xs.len() as f64;
        let xs: Vec<f64> = normal(1, n).into_iter().map(f64::from).collect();
        assert!(mean(&xs).abs() < 0.02);
        assert!((mean(&xs.iter().map(|x| x * x).collect::<Vec<_>>()) - 1.0).abs() < 0.03);
        assert!((mean(&xs.iter().map(|x| x.powi(4)).collect::<Vec<_>>()) - 3.0).abs() < 0.2);
        let mut gumbel = Gumbel::new(1);
        let gs: Vec<f64> = (0..n as u64).map(|k| gumbel.of(2 * k)).collect();
        // Its mean is the Euler–Mascheroni constant.
        assert!((mean(&gs) - 0.577_215_7).abs() < 0.02);
    }

    #[test]
    fn a_longer_draw_begins_with_the_shorter() {
        assert_eq!(normal(3, 2048)[..7], normal(3, 7)[..]);
        assert_ne!(normal(3, 7), normal(4, 7));
    }

    #[test]
    fn a_key_keeps_its_number() {
        let mut gumbel = Gumbel::new(5);
        let first = gumbel.of(11);
        gumbel.of(13);
        assert_eq!(gumbel.of(11).to_bits(), first.to_bits());
        assert_ne!(gumbel.of(13).to_bits(), first.to_bits());
    }
}
