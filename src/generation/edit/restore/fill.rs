//! Filling the pixels of a mask from the rest of the picture, from coarse to fine (as Wexler et al. 2007). At each size, unknown
//! pixels first follow the coarser one, bent to meet their surroundings, and are then told from alike places. There is no chance
//! in it: the same picture and mask always give the same.

use super::super::mask::{Mask, distances};
use super::field::Field;
use super::nonlocal::{BANDS, Level, round};
use super::smooth::harmonic;
use crate::generation::backend::Picture;

/// How pictures are filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Alike patches that one is told from: at least 4; more are steadier and smoother.
    pub alike: usize,
    /// Patches that are compared at most, the nearest first.
    pub candidates: usize,
    /// How far they may lie, in pixels of the size that is being filled.
    pub reach: usize,
    /// Pixels between patches, 1 to 8: fewer are better and slower.
    pub stride: usize,
    /// Rounds at each size.
    pub rounds: usize,
    /// Sizes, each half the one before, at most.
    pub levels: usize,
    /// Standard deviation of known pixels from what patches tell, in levels of 0 to 255.
    pub noise: f32,
    /// The same of pixels not yet told, next to a known one.
    pub doubt: f32,
    /// Added to that for each pixel farther.
    pub slope: f32,
    /// Variance added to all estimates before they are weighed: the larger, the more alike they weigh.
    pub evenness: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alike: 60,
            candidates: 2000,
            reach: 48,
            stride: 2,
            rounds: 1,
            levels: 4,
            noise: 6.0,
            doubt: 24.0,
            slope: 10.0,
            evenness: 150.0,
        }
    }
}

/// Sweeps of diffusion at each of its sizes.
const SWEEPS: usize = 12;
/// The smallest side that is halved again, in pixels.
const HALVED: usize = 48;

/// The picture with the pixels of the mask filled; all others stay as they are. Where nothing is known, nothing is changed.
///
/// `on_step` is told steps done and in all, and returns false to stop, whereupon nothing is returned.
pub fn fill(picture: &Picture, mask: &Mask, on_step: &mut dyn FnMut(usize, usize) -> bool) -> Option<Picture> {
    fill_with(picture, mask, &Settings::default(), on_step)
}

/// The same by other settings.
pub fn fill_with(
    picture: &Picture,
    mask: &Mask,
    set: &Settings,
    on_step: &mut dyn FnMut(usize, usize) -> bool,
) -> Option<Picture> {
    let size = picture.width as usize * picture.height as usize;
    let mut out = picture.clone();
    let covered = mask.count();
    if picture.rgb.len() != 3 * size || mask.bytes.len() != size || covered == 0 || covered == size {
        return Some(out);
    }
    let known = (0..size).map(|at| if mask.covers(at) { 0.0 } else { 1.0 }).collect();
    let mut levels = halved(Level { field: Field::of(picture), known }, set.levels);
    let (mut step, steps) = (0, levels.len() * set.rounds * BANDS);
    let mut coarser: Option<Field> = None;
    while let Some(mut level) = levels.pop() {
        begin(&mut level, coarser.as_ref());
        let noise = noise(&level, set);
        for _ in 0..set.rounds {
            let mut go_on = || {
                step += 1;
                on_step(step - 1, steps)
            };
            if !round(&mut level, &noise, set, &mut go_on) {
                return None;
            }
        }
        coarser = Some(level.field);
    }
    let field = coarser?;
    for (at, pixel) in out.rgb.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        if mask.covers(at) {
            *pixel = field.rgb(at);
        }
    }
    Some(out)
}

/// A level and ever smaller ones, until all is known in one or there are enough.
fn halved(full: Level, most: usize) -> Vec<Level> {
    let mut levels = vec![full];
    while let Some(last) = levels.last() {
        let done = last.known.iter().all(|known| *known >= 0.5);
        if done || levels.len() >= most || last.field.width.min(last.field.height) < HALVED {
            break;
        }
        let (field, known) = last.field.half(&last.known);
        levels.push(Level { field, known });
    }
    levels
}

/// Sets unknown pixels to the coarser picture, and adds the harmonic function that takes it to the known ones around (Pérez et
/// al. 2003, equation 4); without a coarser one, to the harmonic function alone.
fn begin(level: &mut Level, coarser: Option<&Field>) {
    let Some(coarser) = coarser else {
        harmonic(&mut level.field, &level.known, SWEEPS);
        return;
    };
    let width = level.field.width;
    let up: Vec<[f32; 3]> = (0..level.known.len()).map(|at| coarser.doubled_at(at % width, at / width)).collect();
    let mut off = level.field.clone();
    off.values.iter_mut().zip(&up).for_each(|(off, up)| (0..3).for_each(|c| off[c] -= up[c]));
    harmonic(&mut off, &level.known, SWEEPS);
    for (at, (off, up)) in off.values.iter().zip(&up).enumerate() {
        if level.known[at] < 0.5 {
            level.field.values[at] = std::array::from_fn(|c| off[c] + up[c]);
        }
    }
}

/// How far each pixel may be from what it should be, in levels: little where it is known, more the farther from there.
fn noise(level: &Level, set: &Settings) -> Vec<f32> {
    let known: Vec<bool> = level.known.iter().map(|known| *known >= 0.5).collect();
    let far = distances(&known, level.field.width, level.field.height);
    let of = |far: f32| if far == 0.0 { set.noise } else { set.doubt + set.slope * (far - 1.0).min(100.0) };
    far.into_iter().map(|far| of(far).max(0.1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: u32 = 64;

    /// Slanted stripes over a slow change of colour.
    fn picture() -> Picture {
        let pixel = |at: u32| {
            let (x, y) = (at % SIDE, at / SIDE);
            let stripe = if (x + y / 2) / 4 % 2 == 0 { 60 } else { 0 };
            [60 + stripe + x, 40 + stripe + y, 150 - x / 2 - stripe].map(|v| v as u8)
        };
        Picture { rgb: (0..SIDE * SIDE).flat_map(pixel).collect(), width: SIDE, height: SIDE }
    }

    fn masked(covered: impl Fn(u32, u32) -> bool) -> Mask {
        Mask::of(SIDE as usize, SIDE as usize, (0..SIDE * SIDE).map(|at| covered(at % SIDE, at / SIDE)))
    }

    fn damaged(mask: &Mask) -> Picture {
        let mut out = picture();
        for (at, pixel) in out.rgb.chunks_exact_mut(3).enumerate() {
            if mask.covers(at) {
                pixel.fill(255);
            }
        }
        out
    }

    /// Mean difference over the mask.
    fn error(a: &Picture, mask: &Mask) -> f64 {
        let truth = picture();
        let off = |at: usize| (0..3).map(|c| f64::from(a.rgb[3 * at + c].abs_diff(truth.rgb[3 * at + c]))).sum::<f64>() / 3.0;
        (0..mask.bytes.len()).filter(|at| mask.covers(*at)).map(off).sum::<f64>() / mask.count() as f64
    }

    #[test]
    fn scratches_and_holes_are_filled_and_the_rest_is_kept() {
        for mask in [masked(|x, y| (x + 2 * y) % 97 < 3), masked(|x, y| x.abs_diff(30).pow(2) + y.abs_diff(33).pow(2) < 64)] {
            let hurt = damaged(&mask);
            let got = fill(&hurt, &mask, &mut |_, _| true).unwrap();
            let mut smooth = Field::of(&hurt);
            let known: Vec<f32> = mask.bytes.iter().map(|b| if *b > 0 { 0.0 } else { 1.0 }).collect();
            harmonic(&mut smooth, &known, 30);
            let rgb = (0..mask.bytes.len()).flat_map(|at| smooth.rgb(at)).collect();
            let smooth = Picture { rgb, ..hurt.clone() };
            assert!(error(&got, &mask) * 2.0 < error(&smooth, &mask), "{} {}", error(&got, &mask), error(&smooth, &mask));
            let kept = |at: &usize| !mask.covers(*at);
            assert!((0..mask.bytes.len()).filter(kept).all(|at| got.rgb[3 * at..][..3] == hurt.rgb[3 * at..][..3]));
            assert_eq!(fill(&hurt, &mask, &mut |_, _| true).unwrap(), got, "the same each time");
        }
    }

    #[test]
    fn steps_are_told_and_it_stops_between_them() {
        let mask = masked(|x, y| x == 20 && y < 40);
        let (mut steps, mut last) = (0, 0);
        let done = fill(&damaged(&mask), &mask, &mut |step, of| {
            assert_eq!(step, steps);
            (steps, last) = (steps + 1, of);
            true
        });
        assert!(done.is_some() && steps == last && steps > 0, "{steps} of {last}");
        assert_eq!(fill(&damaged(&mask), &mask, &mut |step, _| step < 3), None);
    }

    #[test]
    fn nothing_or_all_covered_changes_nothing() {
        let all = masked(|_, _| true);
        assert_eq!(fill(&picture(), &Mask::empty(SIDE, SIDE), &mut |_, _| true), Some(picture()));
        assert_eq!(fill(&picture(), &all, &mut |_, _| true), Some(picture()));
        assert_eq!(fill(&picture(), &Mask::empty(3, 3), &mut |_, _| true), Some(picture()), "a mask of another size");
        for (width, height) in [(1, 1), (2, 5), (9, 1), (13, 8)] {
            let tiny = Picture { rgb: vec![77; width * height * 3], width: width as u32, height: height as u32 };
            let mask = Mask::of(width, height, (0..width * height).map(|at| at == 0));
            assert_eq!(fill(&tiny, &mask, &mut |_, _| true), Some(tiny), "{width} {height}");
        }
    }
}
