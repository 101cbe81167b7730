//! Which works are versions of one drawing: told from their 128×128 pixels alone, by none of the code that is measured.

use std::collections::HashMap;
use std::sync::Mutex;

use image::RgbImage;

use crate::shelf::{SIDE, Work};

type Pixel = [u8; 3];

const WHITE: Pixel = [255; 3];
/// A pixel differs from white by more than this where something is drawn.
const DRAWN: u8 = 12;
/// Two pixels differ where a channel differs by more than this.
const APART: u8 = 40;
/// Share of what is drawn in either that may differ between versions.
const MOST: f64 = 0.35;
/// Pixels that one may be shifted by, each way, and in which steps.
const SHIFT: isize = 4;
const STEP: usize = 2;

/// Answers, each worked out once.
pub struct Versions<'a> {
    works: &'a [Work],
    known: Mutex<HashMap<(usize, usize), bool>>,
}

impl<'a> Versions<'a> {
    /// Of these works.
    pub fn new(works: &'a [Work]) -> Self {
        Self { works, known: Mutex::default() }
    }

    /// Whether the works at two places are versions of one drawing.
    pub fn are(&self, a: usize, b: usize) -> bool {
        let pair = (a.min(b), a.max(b));
        if a == b {
            return true;
        }
        if let Some(&known) = self.known.lock().unwrap().get(&pair) {
            return known;
        }
        let found = versions(&self.works[pair.0].picture, &self.works[pair.1].picture);
        self.known.lock().unwrap().insert(pair, found);
        found
    }
}

/// In one of the eight poses and some shift, few enough pixels differ.
fn versions(a: &RgbImage, b: &RgbImage) -> bool {
    let a: &[Pixel] = a.as_raw().as_chunks::<3>().0;
    let b: &[Pixel] = b.as_raw().as_chunks::<3>().0;
    // What is drawn in either is no more than this, so more that differs is too much.
    let drawn = |pixels: &[Pixel]| pixels.iter().filter(|p| is_drawn(**p)).count();
    let limit = (MOST * (drawn(a) + drawn(b)) as f64) as usize;
    (0..8).any(|pose| {
        let posed = posed(b, pose);
        (-SHIFT..=SHIFT).step_by(STEP).any(|dy| (-SHIFT..=SHIFT).step_by(STEP).any(|dx| agree(a, &posed, [dx, dy], limit)))
    })
}

fn posed(pixels: &[Pixel], pose: usize) -> Vec<Pixel> {
    let last = SIDE - 1;
    let from = |i: usize| {
        let (mut x, mut y) = (i % SIDE, i / SIDE);
        if pose & 1 == 1 {
            x = last - x;
        }
        if pose & 2 == 2 {
            y = last - y;
        }
        if pose & 4 == 4 { x * SIDE + y } else { y * SIDE + x }
    };
    (0..SIDE * SIDE).map(|i| pixels[from(i)]).collect()
}

fn agree(a: &[Pixel], b: &[Pixel], [dx, dy]: [isize; 2], limit: usize) -> bool {
    let (mut either, mut apart) = (0usize, 0usize);
    for y in 0..SIDE {
        let row = y.checked_add_signed(-dy).filter(|y| *y < SIDE).map(|y| &b[y * SIDE..][..SIDE]);
        for (x, p) in a[y * SIDE..][..SIDE].iter().enumerate() {
            let q = row.and_then(|row| row.get(x.checked_add_signed(-dx)?)).unwrap_or(&WHITE);
            if is_drawn(*p) || is_drawn(*q) {
                either += 1;
                apart += usize::from((0..3).any(|c| p[c].abs_diff(q[c]) > APART));
            }
        }
        if apart > limit {
            return false;
        }
    }
    apart as f64 <= MOST * either as f64
}

fn is_drawn(pixel: Pixel) -> bool {
    pixel.iter().any(|c| 255 - c > DRAWN)
}
