//! Finding damage: cracks and scratches, tears and holes, stains, as masks a person can then edit.
//!
//! Paper laid bare, or the dark behind it, is flat, has next to no colour, is lighter or darker than nearly all around it, and
//! ends sharply on every side; a drawn or photographed thing is rarely all of these. A stain lets the picture show through: see
//! `stain`.

use super::super::mask::{Mask, distances};
use super::stain;
use crate::generation::backend::Picture;

/// What was found, by kind. Where two kinds meet, a pixel is of one of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Damage {
    /// Cracks and scratches: up to [`THIN`] pixels wide.
    pub scratches: Mask,
    /// Tears and holes: wider, and nothing of the picture left.
    pub holes: Mask,
    /// Stains: the picture shows through.
    pub stains: Mask,
    /// How sure this is damage, 0 to 1: the areas' own, weighted by their size; 0 where none is found.
    pub confidence: f32,
}

impl Damage {
    /// All kinds together.
    pub fn union(&self) -> Mask {
        self.scratches.union(&self.holes).union(&self.stains)
    }
}

/// The widest scratch, in pixels.
pub const THIN: f32 = 7.0;
/// A found area may cover at most this share of the picture.
const MOST: f64 = 0.06;

/// Steps that are told.
const STEPS: usize = 4;

/// One connected area of nearly one colour.
struct Area {
    pixels: Vec<usize>,
    /// Mean colour.
    colour: [f32; 3],
    /// Standard deviation over the pixels and channels.
    spread: f32,
}

/// Finds damage. `sensitivity` goes from 0 (only what is beyond doubt) to 1 (whatever may be damage); 0.5 is a good start.
///
/// `on_step` is told steps done and in all, and returns false to stop, whereupon nothing is returned.
pub fn find(picture: &Picture, sensitivity: f32, on_step: &mut dyn FnMut(usize, usize) -> bool) -> Option<Damage> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let sensitivity = if sensitivity.is_finite() { sensitivity.clamp(0.0, 1.0) } else { 0.5 };
    let pixels = picture.rgb.as_chunks::<3>().0;
    let none = || Mask::empty(picture.width, picture.height);
    let mut damage = Damage { scratches: none(), holes: none(), stains: none(), confidence: 0.0 };
    if pixels.len() != width * height || width < 16 || height < 16 {
        return Some(damage);
    }
    let (mut sure, mut size) = (0.0f64, 0.0f64);
    for (step, light) in [true, false].into_iter().enumerate() {
        if !on_step(step, STEPS) {
            return None;
        }
        for area in areas(pixels, width, height, light, sensitivity) {
            let trust = trust(&area, pixels, width, height, light);
            if trust < 0.80 - 0.45 * sensitivity {
                continue;
            }
            sure += f64::from(trust) * area.pixels.len() as f64;
            size += area.pixels.len() as f64;
            sort_by_width(&area, width, height, &mut damage);
        }
    }
    if !on_step(2, STEPS) {
        return None;
    }
    let bare = damage.scratches.union(&damage.holes);
    for (pixels, trust) in stain::find(pixels, width, height, &bare, sensitivity) {
        sure += f64::from(trust) * pixels.len() as f64;
        size += pixels.len() as f64;
        pixels.into_iter().filter(|at| !bare.covers(*at)).for_each(|at| damage.stains.bytes[at] = 255);
    }
    damage.confidence = if size > 0.0 { (sure / size) as f32 } else { 0.0 };
    on_step(3, STEPS).then_some(damage)
}

/// Areas of light (or dark) and nearly grey pixels that go over into each other by small steps.
fn areas(pixels: &[[u8; 3]], width: usize, height: usize, light: bool, sensitivity: f32) -> Vec<Area> {
    let bare: Vec<bool> = pixels
        .iter()
        .map(|pixel| {
            let [r, g, b] = pixel.map(f32::from);
            let (most, least) = (r.max(g).max(b), r.min(g).min(b));
            if light {
                least >= 198.0 - 14.0 * sensitivity && most - least <= 48.0
            } else {
                most <= 30.0 + 12.0 * sensitivity && most - least <= 24.0
            }
        })
        .collect();
    let step = 26.0 + 12.0 * sensitivity;
    let near = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).map(|(a, b)| f32::from(a.abs_diff(b))).fold(0.0, f32::max) <= step;
    let mut seen = vec![false; pixels.len()];
    let mut found = Vec::new();
    let most = (MOST * pixels.len() as f64) as usize;
    for start in 0..pixels.len() {
        if seen[start] || !bare[start] {
            continue;
        }
        seen[start] = true;
        let mut area = vec![start];
        let mut next = 0;
        while let Some(at) = area.get(next).copied() {
            next += 1;
            for to in around(at, width, height) {
                if !seen[to] && bare[to] && near(pixels[at], pixels[to]) {
                    seen[to] = true;
                    area.push(to);
                }
            }
        }
        if area.len() < 24 || area.len() > most {
            continue;
        }
        let n = area.len() as f32;
        let mut colour = [0.0f32; 3];
        area.iter().for_each(|at| (0..3).for_each(|c| colour[c] += f32::from(pixels[*at][c]) / n));
        let squares: f32 =
            area.iter().map(|at| (0..3).map(|c| (f32::from(pixels[*at][c]) - colour[c]).powi(2)).sum::<f32>()).sum();
        found.push(Area { pixels: area, colour, spread: (squares / (3.0 * n)).sqrt() });
    }
    found
}

/// The up to eight pixels around one.
pub(super) fn around(at: usize, width: usize, height: usize) -> impl Iterator<Item = usize> {
    let (x, y) = ((at % width) as isize, (at / width) as isize);
    [(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)].into_iter().filter_map(move |(dx, dy)| {
        let (x, y) = (x + dx, y + dy);
        (x >= 0 && y >= 0 && x < width as isize && y < height as isize).then(|| y as usize * width + x as usize)
    })
}

/// How sure an area is bare paper or the dark behind it, 0 to 1.
fn trust(area: &Area, pixels: &[[u8; 3]], width: usize, height: usize, light: bool) -> f32 {
    let (left, top, right, bottom) = bounds(&area.pixels, width);
    // A window around the area, with a margin of what is next to it.
    let margin = 4;
    let (x0, y0) = (left.saturating_sub(margin), top.saturating_sub(margin));
    let (x1, y1) = ((right + margin).min(width - 1), (bottom + margin).min(height - 1));
    let (across, down) = (x1 - x0 + 1, y1 - y0 + 1);
    let mut inside = vec![false; across * down];
    area.pixels.iter().for_each(|at| inside[(at / width - y0) * across + at % width - x0] = true);
    let far = distances(&inside, across, down);
    let ours = area.colour.iter().sum::<f32>() / 3.0;
    // A sharp edge: two pixels away all is different already, and different in the same direction.
    let (mut ring, mut sharp, mut jump, mut ties) = (0.0f32, 0.0f32, 0.0f32, 0.0f32);
    for (i, far) in far.iter().enumerate() {
        if !(0.5..=2.5).contains(far) {
            continue;
        }
        let at = (y0 + i / across) * width + x0 + i % across;
        let theirs = pixels[at].map(f32::from);
        let off = theirs.iter().zip(area.colour).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let way = if light { ours - theirs.iter().sum::<f32>() / 3.0 } else { theirs.iter().sum::<f32>() / 3.0 - ours };
        ring += 1.0;
        sharp += f32::from(off > 34.0);
        jump += off.min(120.0);
        ties += f32::from(way < 8.0);
    }
    if ring < 1.0 {
        return 0.0;
    }
    // Soft edges, such as those of a highlight: pixels of the first ring in between the area's colour and the second ring's.
    let steepness = edge_steepness(&far, across, x0, y0, pixels, width, area.colour);
    let flat = (1.0 - (area.spread - 5.0).max(0.0) / 9.0).clamp(0.0, 1.0);
    let sharp = ((sharp / ring - 0.55) / 0.35).clamp(0.0, 1.0);
    let jump = ((jump / ring - 30.0) / 50.0).clamp(0.0, 1.0);
    let ties = (1.0 - 3.0 * ties / ring).clamp(0.0, 1.0);
    // Larger areas are less likely by chance; specks are.
    let sized = (area.pixels.len() as f32 / 120.0).sqrt().clamp(0.3, 1.0);
    (flat * sharp * jump.sqrt() * ties * steepness * sized).powf(0.5)
}

/// 1 where the colour is left within a pixel, 0 where it takes four.
fn edge_steepness(far: &[f32], across: usize, x0: usize, y0: usize, pixels: &[[u8; 3]], width: usize, colour: [f32; 3]) -> f32 {
    let mut off = [(0.0f32, 0.0f32); 2];
    for (i, far) in far.iter().enumerate() {
        let ring = if (0.5..1.5).contains(far) {
            0
        } else if (2.5..3.6).contains(far) {
            1
        } else {
            continue;
        };
        let pixel = pixels[(y0 + i / across) * width + x0 + i % across];
        off[ring].0 += pixel.iter().zip(colour).map(|(a, b)| (f32::from(*a) - b).abs()).fold(0.0, f32::max);
        off[ring].1 += 1.0;
    }
    let [near, next] = off.map(|(sum, n)| sum / n.max(1.0));
    ((near / next.max(1.0) - 0.5) / 0.35).clamp(0.0, 1.0)
}

/// Left, top, right and bottom, all within.
fn bounds(area: &[usize], width: usize) -> (usize, usize, usize, usize) {
    area.iter().fold((usize::MAX, usize::MAX, 0, 0), |(left, top, right, bottom), at| {
        let (x, y) = (at % width, at / width);
        (left.min(x), top.min(y), right.max(x), bottom.max(y))
    })
}

/// Puts an area's thin parts among the scratches and its thick ones among the holes, where it is long enough for a scratch.
fn sort_by_width(area: &Area, width: usize, height: usize, damage: &mut Damage) {
    let (left, top, right, bottom) = bounds(&area.pixels, width);
    let (x0, y0) = (left.saturating_sub(1), top.saturating_sub(1));
    let (across, down) = ((right + 2).min(width) - x0, (bottom + 2).min(height) - y0);
    let place = |at: usize| (at / width - y0) * across + at % width - x0;
    let mut outside = vec![true; across * down];
    area.pixels.iter().for_each(|at| outside[place(*at)] = false);
    let depth = distances(&outside, across, down);
    let core: Vec<bool> = depth.iter().map(|d| *d > THIN / 2.0 + 0.5 && *d < 1e8).collect();
    let from_core = distances(&core, across, down);
    for at in &area.pixels {
        let thick = from_core[place(*at)] <= THIN / 2.0 + 1.5;
        let to = if thick { &mut damage.holes } else { &mut damage.scratches };
        to.bytes[*at] = 255;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 160;

    /// Coloured, uneven and neither black nor white.
    fn sound() -> Picture {
        let pixel = |at: usize| {
            let (x, y) = ((at % SIDE) as f32, (at / SIDE) as f32);
            let light = 120.0 + 35.0 * (x / 9.0).sin() + 30.0 * (y / 13.0).cos();
            [light + 20.0, light, light - 35.0].map(|v| v.clamp(0.0, 255.0) as u8)
        };
        Picture { rgb: (0..SIDE * SIDE).flat_map(pixel).collect(), width: SIDE as u32, height: SIDE as u32 }
    }

    fn hurt(mask: &Mask, colour: u8) -> Picture {
        let mut picture = sound();
        for (at, pixel) in picture.rgb.chunks_exact_mut(3).enumerate() {
            if mask.covers(at) {
                pixel.fill(colour - (at * 31 % 5) as u8);
            }
        }
        picture
    }

    fn masked(covered: impl Fn(usize, usize) -> bool) -> Mask {
        Mask::of(SIDE, SIDE, (0..SIDE * SIDE).map(|at| covered(at % SIDE, at / SIDE)))
    }

    #[test]
    fn a_sound_picture_has_none() {
        let none = find(&sound(), 0.5, &mut |_, _| true).unwrap();
        assert_eq!((none.union().count(), none.confidence), (0, 0.0));
    }

    #[test]
    fn scratches_and_holes_are_told_apart() {
        let scratch = masked(|x, y| (x / 2).abs_diff(y) < 2 && x > 20);
        let hole = masked(|x, y| x.abs_diff(40).pow(2) + y.abs_diff(110).pow(2) < 200);
        for colour in [252, 14] {
            let found = find(&hurt(&scratch.union(&hole), colour), 0.5, &mut |_, _| true).unwrap();
            assert!(found.scratches.iou(&scratch) > 0.9, "{colour}: {}", found.scratches.iou(&scratch));
            assert!(found.holes.iou(&hole) > 0.9, "{colour}: {}", found.holes.iou(&hole));
            assert!(found.confidence > 0.6, "{}", found.confidence);
        }
    }

    #[test]
    fn a_large_white_ground_is_no_damage() {
        let ground = masked(|_, y| y < 40);
        assert_eq!(find(&hurt(&ground, 252), 0.5, &mut |_, _| true).unwrap().union().count(), 0);
    }

    #[test]
    fn it_stops_when_told_and_bears_any_size() {
        assert_eq!(find(&sound(), 0.5, &mut |step, _| step < 2), None);
        for (width, height, bytes) in [(0, 0, 0), (3, 3, 27), (20, 20, 7)] {
            let odd = Picture { rgb: vec![255; bytes], width, height };
            assert_eq!(find(&odd, f32::NAN, &mut |_, _| true).unwrap().union().count(), 0);
        }
    }
}
