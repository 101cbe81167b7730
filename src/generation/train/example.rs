//! One example: a picture to learn, its words, the works it is drawn with, what is given of it, and the noise. All of it follows from the
//! run's seed and the example's number.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::bank::{Bank, COLOURS};
use super::settings::TrainSettings;
use crate::generation::noise;
use crate::generation::pixel::{PLANES, Sizes, pack};
use crate::generation::text::{NULL, PAD, words};

/// An example in numbers, packed as the network takes them.
pub(super) struct Example {
    /// slots.
    pub tokens: Vec<u32>,
    /// works × tokens × pixels; zeros where there is none.
    pub works: Vec<f32>,
    /// works: 1 or 0.
    pub present: Vec<f32>,
    /// tokens × pixels, −1 to 1.
    pub picture: Vec<f32>,
    /// tokens × planes.
    pub planes: Vec<f32>,
    /// tokens × pixels.
    pub noise: Vec<f32>,
    /// 0 noise, 1 picture.
    pub time: f32,
}

/// Words whose mirror image means something else.
const NO_MIRROR: [&str; 7] = ["letter", "number", "digit", "sign", "clock", "keyboard", "text"];

pub(super) struct Dice(ChaCha20Rng);

impl Dice {
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        rng.set_stream(number);
        Self(rng)
    }

    /// 0 to below 1.
    fn share(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.share() * n as f64) as usize).min(n.saturating_sub(1))
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn chance(&mut self, share: f64) -> bool {
        self.share() < share
    }
}

/// Bytes → −1 to 1.
pub(super) fn numbers(rgb: &[u8]) -> Vec<f32> {
    rgb.iter().map(|&x| f32::from(x) / 127.5 - 1.0).collect()
}

fn mirror(rgb: &[u8], side: usize) -> Vec<u8> {
    rgb.chunks_exact(side * 3).flat_map(|row| row.rchunks_exact(3).flatten().copied()).collect()
}

/// Half as large, placed in one half of a white sheet.
fn place_half(sheet: &mut [u8], rgb: &[u8], side: usize, left: bool, down: usize) {
    let half = side / 2;
    for y in 0..half {
        for x in 0..half {
            for channel in 0..3 {
                let at = |dy: usize, dx: usize| u32::from(rgb[((2 * y + dy) * side + 2 * x + dx) * 3 + channel]);
                let mean = (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1) + 2) / 4;
                sheet[((y + down) * side + x + if left { 0 } else { half }) * 3 + channel] = mean as u8;
            }
        }
    }
}

/// Hues, in degrees, of the colour words a drawing can be recoloured to.
const HUES: [(&str, f32); 7] =
    [("red", 0.0), ("orange", 28.0), ("yellow", 52.0), ("green", 120.0), ("blue", 218.0), ("purple", 280.0), ("pink", 330.0)];

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
fn recolour(rgb: &[u8], to: f32) -> Option<Vec<u8>> {
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

/// Brightness steps as black lines: what a sketch of the picture would show.
pub(crate) fn edges(rgb: &[u8], side: usize) -> Vec<f32> {
    let light = |y: usize, x: usize| {
        let p = &rgb[(y.min(side - 1) * side + x.min(side - 1)) * 3..][..3];
        0.3 * f32::from(p[0]) + 0.59 * f32::from(p[1]) + 0.11 * f32::from(p[2])
    };
    (0..side * side)
        .map(|at| {
            let (y, x) = (at / side, at % side);
            let (dx, dy) = (light(y, x + 1) - light(y, x), light(y + 1, x) - light(y, x));
            if dx.abs().max(dy.abs()) > 24.0 { 1.0 } else { 0.0 }
        })
        .collect()
}

/// Known pixels (white where not known), where they are known, and edges, interleaved for each pixel.
pub(crate) fn planes(rgb: &[u8], known: impl Fn(usize) -> bool, edges: Option<&[f32]>, side: usize) -> Vec<f32> {
    let mut planes = Vec::with_capacity(side * side * PLANES);
    for at in 0..side * side {
        let known = known(at);
        planes.extend((0..3).map(|c| if known { f32::from(rgb[at * 3 + c]) / 127.5 - 1.0 } else { 0.0 }));
        planes.push(if known { 1.0 } else { 0.0 });
        planes.push(edges.map_or(0.0, |e| e[at]));
    }
    planes
}

struct Caption {
    text: String,
    style: Option<String>,
}

fn caption(bank: &Bank, item: usize, colour: Option<&str>, styled: bool, dice: &mut Dice) -> Caption {
    let entry = &bank.items[item].entry;
    let mut words: Vec<String> = Vec::new();
    let kind = dice.share();
    if kind < 0.9 || entry.tags.is_empty() {
        words.extend(dice.one(&entry.titles).iter().cloned());
    }
    let tags = if kind < 0.65 || entry.tags.is_empty() { 0 } else { 1 + dice.below(if kind < 0.9 { 2 } else { 3 }) };
    for _ in 0..tags {
        words.extend(dice.one(&entry.tags).iter().cloned());
    }
    match colour {
        Some(colour) => {
            words.retain(|word| !COLOURS.contains(&word.as_str()));
            words.insert(0, colour.to_owned());
        }
        None => {
            if let Some(own) = entry.colour.as_ref().filter(|own| !words.contains(own))
                && dice.chance(0.35)
            {
                words.insert(0, own.clone());
            }
        }
    }
    let style = (styled && !entry.style.is_empty()).then(|| entry.style.clone());
    Caption { text: words.join(" "), style }
}

/// The example of a number, from works that are learnt.
pub(super) fn learn(bank: &Bank, settings: &TrainSettings, sizes: &Sizes, number: u64) -> Example {
    let mut dice = Dice::new(settings.seed, number);
    let item = *dice.one(&bank.learnt);
    let e = &settings.examples;
    let time = {
        let normal = noise::normal(dice.0.next_u64(), 1)[0];
        1.0 / (1.0 + (-(e.time_mean + e.time_deviation * f64::from(normal))).exp())
    };
    make(bank, settings, sizes, item, time as f32, true, &mut dice)
}

/// A held-out work as an example, always the same: the `number`th of a validation, at a time that covers the range evenly.
pub(super) fn measure(bank: &Bank, settings: &TrainSettings, sizes: &Sizes, number: usize, with_works: bool) -> Example {
    let mut dice = Dice::new(0x7e57, number as u64);
    let item = bank.held_out[number % bank.held_out.len()];
    let time = (number as f32 * 0.618_034 + 0.05).fract() * 0.98;
    let mut example = make(bank, settings, sizes, item, time, false, &mut dice);
    if !with_works {
        example.present.fill(0.0);
        example.works.fill(0.0);
    }
    example
}

fn make(bank: &Bank, settings: &TrainSettings, sizes: &Sizes, item: usize, time: f32, varied: bool, dice: &mut Dice) -> Example {
    let (e, side) = (&settings.examples, sizes.side);
    let mut rgb = bank.items[item].rgb.clone();
    let mut shown = vec![item];
    let mut colour = None;
    let kind = if varied { dice.share() } else { 1.0 };
    if kind < e.recoloured {
        let (name, hue) = *dice.one(&HUES);
        if let Some(moved) = recolour(&rgb, hue) {
            (rgb, colour) = (moved, Some(name));
        }
    }
    let styled = !varied || dice.chance(0.75);
    let mut said = caption(bank, item, colour, styled, dice);
    if kind >= e.recoloured && kind < e.recoloured + e.pairs {
        let other = *dice.one(&bank.learnt);
        let down = dice.below(side / 2 + 1);
        let mut sheet = vec![255u8; side * side * 3];
        place_half(&mut sheet, &rgb, side, true, down);
        place_half(&mut sheet, &bank.items[other].rgb, side, false, down);
        let second = caption(bank, other, None, false, dice);
        said.text = format!("{} and {}", said.text, second.text);
        rgb = sheet;
        shown.push(other);
    }
    let flip = varied && dice.chance(0.5) && !words(&said.text).iter().any(|w| NO_MIRROR.contains(&w.as_str()));
    if flip {
        rgb = mirror(&rgb, side);
    }
    let (works, present) = works(bank, e.stray_work, e.no_works, sizes, &said, &shown, flip, varied, dice);
    let mut example = Example {
        tokens: bank.vocab.tokens(&said.text, said.style.as_deref(), sizes.text_slots),
        works,
        present,
        picture: pack(&numbers(&rgb), side, sizes.patch, 3),
        planes: vec![0.0; sizes.tokens() * sizes.patch * sizes.patch * PLANES],
        noise: noise::normal(dice.0.next_u64(), side * side * 3),
        time,
    };
    if varied && dice.chance(e.no_caption) {
        example.tokens.fill(PAD);
        example.tokens[0] = NULL;
        if dice.chance(0.8) {
            example.present.fill(0.0);
            example.works.fill(0.0);
        }
    }
    if varied && dice.chance(e.guided) {
        example.planes = guide(&rgb, sizes, dice);
    }
    example
}

#[expect(clippy::too_many_arguments, reason = "one place, where an example comes together")]
fn works(
    bank: &Bank,
    stray: f64,
    none: f64,
    sizes: &Sizes,
    said: &Caption,
    shown: &[usize],
    flip: bool,
    varied: bool,
    dice: &mut Dice,
) -> (Vec<f32>, Vec<f32>) {
    let room = sizes.tokens() * sizes.pixels();
    let (mut numbers_of, mut present) = (vec![0f32; sizes.works * room], vec![0f32; sizes.works]);
    if sizes.works == 0 || varied && dice.chance(none) {
        return (numbers_of, present);
    }
    let allowed = |work| bank.place(work).is_some_and(|place| shown.iter().all(|&item| !bank.same(item, place)));
    let style = said.style.as_deref().filter(|_| !varied || dice.chance(0.5));
    let jitter = varied.then(|| dice.0.next_u64());
    let picks = bank.library.retrieve(&said.text, style, sizes.works, &allowed, jitter);
    let mut chosen: Vec<usize> = picks.iter().filter_map(|pick| bank.place(pick.work)).collect();
    if varied && dice.chance(stray) && !chosen.is_empty() {
        let at = dice.below(chosen.len());
        chosen[at] = *dice.one(&bank.learnt);
        let fewer = 1 + dice.below(chosen.len());
        chosen.truncate(fewer);
    }
    for (slot, item) in chosen.into_iter().enumerate() {
        let rgb = &bank.items[item].rgb;
        let rgb = if flip { mirror(rgb, sizes.side) } else { rgb.clone() };
        numbers_of[slot * room..][..room].copy_from_slice(&pack(&numbers(&rgb), sizes.side, sizes.patch, 3));
        present[slot] = 1.0;
    }
    (numbers_of, present)
}

/// Known pixels around a hole, or the edges, or both.
fn guide(rgb: &[u8], sizes: &Sizes, dice: &mut Dice) -> Vec<f32> {
    let side = sizes.side;
    let kind = dice.below(4);
    let edge = (kind >= 2).then(|| edges(rgb, side));
    let (height, width) = (side / 4 + dice.below(side / 2), side / 4 + dice.below(side / 2));
    let (top, left) = (dice.below(side - height), dice.below(side - width));
    let inside = move |at: usize| {
        let (y, x) = (at / side, at % side);
        (top..top + height).contains(&y) && (left..left + width).contains(&x)
    };
    // 0: a hole to fill; 1: all but a piece to invent around it; 2: a sketch; 3: a hole with a sketch of what is in it.
    let known = move |at: usize| match kind {
        0 | 3 => !inside(at),
        1 => inside(at),
        _ => false,
    };
    pack(&planes(rgb, known, edge.as_deref(), side), side, sizes.patch, PLANES)
}
