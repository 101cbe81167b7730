//! A picture as it may come back: cropped, turned, framed, blurred, written over, its colours a little off. What the network learns to
//! see past.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use super::SIDE;

/// Seeded numbers.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// For the `at`-th picture of a run.
    pub(super) fn new(seed: u64, at: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(at);
        Self(rng)
    }

    /// 0..1.
    pub(super) fn share(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1u32 << 24) as f32
    }

    fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.share()
    }

    /// 0..`n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    /// About normal, within ±6: the sum of twelve shares (central limit), as tails are not wanted here.
    fn bell(&mut self) -> f32 {
        (0..12).map(|_| self.share()).sum::<f32>() - 6.0
    }
}

/// From the disturbed picture's coordinates (−1..=1) to the picture's.
struct Map {
    a: [f32; 4],
    t: [f32; 2],
}

impl Map {
    fn draw(dice: &mut Dice) -> Self {
        let angle = if dice.share() < 0.15 { dice.between(-0.3, 0.3) } else { 0.05 * dice.bell() };
        let zoom = match dice.share() {
            // A part of the picture, the picture with room around it, or nearly the whole.
            x if x < 0.4 => dice.between(0.75, 1.0),
            x if x > 0.75 => dice.between(1.0, 1.25),
            _ => dice.between(0.9, 1.1),
        };
        let stretch = (0.03 * dice.bell()).exp();
        let (sin, cos) = (angle.sin() * zoom, angle.cos() * zoom);
        let mut a = [cos * stretch, -sin, sin, cos / stretch];
        let pose = dice.below(8);
        if pose & 1 == 1 {
            (a[0], a[2]) = (-a[0], -a[2]);
        }
        for _ in 0..pose >> 1 {
            a = [a[1], -a[0], a[3], -a[2]];
        }
        Self { a, t: [dice.between(-0.08, 0.08), dice.between(-0.08, 0.08)] }
    }
}

/// One of many ways in which a square picture of `side` may come back: 48×48 colours of −1..=1.
pub(super) fn disturbed(rgb: &[u8], side: usize, dice: &mut Dice) -> Vec<f32> {
    let map = Map::draw(dice);
    let around = match dice.share() {
        x if x < 0.4 => [-1.0; 3],
        x if x < 0.7 => [1.0; 3],
        _ => std::array::from_fn(|_| dice.between(-1.0, 1.0)),
    };
    let mut out = Vec::with_capacity(SIDE * SIDE * 3);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (u, v) = (middle(x), middle(y));
            let at = [map.a[0] * u + map.a[1] * v + map.t[0], map.a[2] * u + map.a[3] * v + map.t[1]];
            out.extend(sample(rgb, side, at).unwrap_or(around));
        }
    }
    let blurs = (dice.share() * 3.3) as usize;
    (0..blurs.min(2)).for_each(|_| out = blurred(&out));
    if dice.share() < 0.4 {
        cover(&mut out, dice);
    }
    let (gain, grain) = (1.0 + 0.08 * dice.bell(), 0.06 * dice.share());
    let shift: [f32; 3] = std::array::from_fn(|_| 0.05 * dice.bell());
    for pixel in out.as_chunks_mut::<3>().0 {
        for (value, shift) in pixel.iter_mut().zip(shift) {
            *value = (*value * gain + shift + grain * dice.bell()).clamp(-1.0, 1.0);
        }
    }
    out
}

fn middle(i: usize) -> f32 {
    (2 * i + 1) as f32 / SIDE as f32 - 1.0
}

/// Between the four pixels around a place; none outside.
fn sample(rgb: &[u8], side: usize, [u, v]: [f32; 2]) -> Option<[f32; 3]> {
    if u.abs() > 1.0 || v.abs() > 1.0 {
        return None;
    }
    let last = side - 1;
    let place = |x: f32| ((x + 1.0) * side as f32 / 2.0 - 0.5).clamp(0.0, last as f32);
    let (x, y) = (place(u), place(v));
    let (x0, y0) = (x as usize, y as usize);
    let (fx, fy) = (x - x0 as f32, y - y0 as f32);
    let pixel = |x: usize, y: usize, c: usize| f32::from(rgb[(y.min(last) * side + x.min(last)) * 3 + c]) / 127.5 - 1.0;
    Some(std::array::from_fn(|c| {
        let upper = pixel(x0, y0, c) * (1.0 - fx) + pixel(x0 + 1, y0, c) * fx;
        let lower = pixel(x0, y0 + 1, c) * (1.0 - fx) + pixel(x0 + 1, y0 + 1, c) * fx;
        upper * (1.0 - fy) + lower * fy
    }))
}

/// Weights 1, 2, 1 along both axes.
fn blurred(picture: &[f32]) -> Vec<f32> {
    let along = |from: &[f32], step: [usize; 2]| -> Vec<f32> {
        let at = |x: usize, y: usize, c: usize| from[(y * SIDE + x) * 3 + c];
        (0..SIDE * SIDE * 3)
            .map(|i| {
                let (x, y, c) = (i / 3 % SIDE, i / 3 / SIDE, i % 3);
                let before = at(x.saturating_sub(step[0]), y.saturating_sub(step[1]), c);
                let after = at((x + step[0]).min(SIDE - 1), (y + step[1]).min(SIDE - 1), c);
                (before + 2.0 * at(x, y, c) + after) / 4.0
            })
            .collect()
    };
    along(&along(picture, [1, 0]), [0, 1])
}

/// A box of one colour over a part.
fn cover(picture: &mut [f32], dice: &mut Dice) {
    let (w, h) = (6 + dice.below(SIDE / 3 - 6), 6 + dice.below(SIDE / 3 - 6));
    let (left, top) = (dice.below(SIDE - w), dice.below(SIDE - h));
    let colour = if dice.share() < 0.5 { [1.0; 3] } else { std::array::from_fn(|_| dice.between(-1.0, 1.0)) };
    for y in top..top + h {
        for pixel in picture[(y * SIDE + left) * 3..][..w * 3].as_chunks_mut::<3>().0 {
            *pixel = colour;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_numbers_disturb_the_same_way() {
        let rgb: Vec<u8> = (0..64 * 64 * 3).map(|i| (i * 7 % 251) as u8).collect();
        let with = |at| disturbed(&rgb, 64, &mut Dice::new(5, at));
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
        assert!((0..50).all(|at| with(at).len() == SIDE * SIDE * 3 && with(at).iter().all(|x| x.abs() <= 1.0)));
    }

    #[test]
    fn places_outside_are_not_the_picture() {
        assert_eq!(sample(&[255; 12], 2, [0.3, -0.9]), Some([1.0; 3]));
        assert_eq!(sample(&[255; 12], 2, [1.01, 0.0]), None);
    }
}
