//! One example: a picture to learn, its words, the works it is drawn with, what is given of it, and the noise. All of it follows from the
//! run's seed and the example's number.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::bank::{Bank, Item};
use super::settings::{ExampleSettings, TrainSettings};
use crate::generation::draft::{COLOURS, HUES, Placing, coloured, may_mirror, mirror, parts, recolour, side_by_side};
use crate::generation::noise;
use crate::generation::pixel::{PLANES, Sizes, edges, pack, planes};
use crate::generation::text::{NULL, PAD};

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
    /// tokens × pixels; zeros where there is none.
    pub draft: Vec<f32>,
    /// tokens × pixels.
    pub noise: Vec<f32>,
    /// 0 noise, 1 picture.
    pub time: f32,
    /// Size of the step to learn; 0 for the flow itself.
    pub stride: f32,
}

/// The shortest step that is learnt as one.
pub(super) const SHORTEST: f64 = 1.0 / 16.0;

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
    let mut example = make(bank, settings, sizes, item, time as f32, true, &mut dice);
    if e.shortcut > 0.0 && dice.chance(e.shortcut) {
        // From one sixteenth of the way to a half, each doubling alike.
        let stride = SHORTEST * 2f64.powf(3.0 * dice.share());
        (example.stride, example.time) = (stride as f32, (dice.share() * (1.0 - stride)) as f32);
    }
    example
}

/// A held-out work as an example, always the same: the `number`th of a validation, at a time that covers the range evenly.
pub(super) fn measure(bank: &Bank, settings: &TrainSettings, sizes: &Sizes, number: usize, with_works: bool) -> Example {
    let mut dice = Dice::new(0x7e57, number as u64);
    let item = bank.held_out[number % bank.held_out.len()];
    let time = (number as f32 * 0.618_034 + 0.05).fract() * 0.98;
    let mut example = make(bank, settings, sizes, item, time, false, &mut dice);
    if !with_works {
        example.forget_works();
    }
    example
}

/// Works and draft for a prompt, as a person would get them; the picture is left empty.
pub(super) fn looked_up(bank: &Bank, sizes: &Sizes, prompt: &str, style: Option<&str>) -> Example {
    let said = Caption { text: prompt.to_owned(), style: style.map(str::to_owned) };
    let found = find(bank, &ExampleSettings::default(), sizes, &said, &[], sizes.side / 4, false, &mut Dice::new(0, 0));
    let tokens = bank.vocab.tokens(&said.text, said.style.as_deref(), sizes.text_slots);
    let mut example = Example { tokens, ..Example::of(found, sizes, &|rgb| rgb) };
    example.noise = noise::normal(7, sizes.side * sizes.side * 3);
    example
}

impl Example {
    /// Works and draft alone; `turned` is done to each picture.
    fn of(found: Found, sizes: &Sizes, turned: &dyn Fn(Vec<u8>) -> Vec<u8>) -> Self {
        let packed = |rgb: Vec<u8>| pack(&numbers(&turned(rgb)), sizes.side, sizes.patch, 3);
        let room = sizes.tokens() * sizes.pixels();
        let (mut works, mut present) = (vec![0f32; sizes.works * room], vec![0f32; sizes.works]);
        for (slot, work) in found.works.into_iter().enumerate() {
            works[slot * room..][..room].copy_from_slice(&packed(work));
            present[slot] = 1.0;
        }
        Self {
            tokens: vec![PAD; sizes.text_slots],
            works,
            present,
            picture: Vec::new(),
            planes: vec![0.0; sizes.tokens() * sizes.planes()],
            draft: found.draft.map_or_else(|| vec![0.0; room], packed),
            noise: Vec::new(),
            time: 0.0,
            stride: 0.0,
        }
    }

    fn forget_works(&mut self) {
        self.present.fill(0.0);
        self.works.fill(0.0);
        self.draft.fill(0.0);
    }
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
    let mut down = side / 4;
    if kind >= e.recoloured && kind < e.recoloured + e.pairs {
        let other = *dice.one(&bank.learnt);
        down = dice.below(side / 2 + 1);
        let second = caption(bank, other, None, false, dice);
        said.text = format!("{} and {}", said.text, second.text);
        rgb = side_by_side(&rgb, &bank.items[other].rgb, side, down);
        shown.push(other);
    }
    let flip = varied && dice.chance(0.5) && may_mirror(&said.text);
    let found = find(bank, e, sizes, &said, &shown, down, varied, dice);
    let turned = |rgb: Vec<u8>| if flip { mirror(&rgb, side) } else { rgb };
    let rgb = turned(rgb);
    let mut example = Example {
        tokens: bank.vocab.tokens(&said.text, said.style.as_deref(), sizes.text_slots),
        picture: pack(&numbers(&rgb), side, sizes.patch, 3),
        noise: noise::normal(dice.0.next_u64(), side * side * 3),
        time,
        ..Example::of(found, sizes, &turned)
    };
    if varied && dice.chance(e.no_caption) {
        example.tokens.fill(PAD);
        example.tokens[0] = NULL;
        if dice.chance(0.8) {
            example.forget_works();
        }
    }
    if varied && dice.chance(e.guided) {
        example.planes = guide(&rgb, sizes, dice);
    }
    example
}

/// What is looked up for an example.
#[derive(Default)]
struct Found {
    works: Vec<Vec<u8>>,
    draft: Option<Vec<u8>>,
}

#[expect(clippy::too_many_arguments, reason = "one place, where an example comes together")]
fn find(
    bank: &Bank,
    e: &ExampleSettings,
    sizes: &Sizes,
    said: &Caption,
    shown: &[usize],
    down: usize,
    varied: bool,
    dice: &mut Dice,
) -> Found {
    if sizes.works == 0 || varied && dice.chance(e.no_works) {
        return Found::default();
    }
    let side = sizes.side;
    let allowed = |work| bank.place(work).is_some_and(|place| shown.iter().all(|&item| !bank.same(item, place)));
    let style = said.style.as_deref().filter(|_| !varied || dice.chance(0.5));
    let jitter = varied.then(|| dice.0.next_u64());
    let picks = bank.library.retrieve_parts(&said.text, style, sizes.works, &allowed, jitter);
    let mut chosen: Vec<(usize, usize)> = picks.iter().filter_map(|(part, pick)| Some((*part, bank.place(pick.work)?))).collect();
    if varied && chosen.len() > 1 && dice.chance(e.stray_work) {
        let at = 1 + dice.below(chosen.len() - 1);
        chosen[at].1 = *dice.one(&bank.learnt);
        let fewer = 1 + dice.below(chosen.len());
        chosen.truncate(fewer);
    }
    let said_parts = parts(&said.text);
    let place = |how_far: f32, dice: &mut Dice| Placing::by_chance(std::array::from_fn(|_| dice.share()), false, how_far);
    // The drawing itself, moved, as the work to draw on: what a work is for. Otherwise only drawings that are near by their words.
    let itself = varied && said_parts.len() == shown.len() && dice.chance(e.itself);
    if itself {
        for (part, &item) in shown.iter().enumerate() {
            match chosen.iter().position(|(of, _)| *of == part) {
                Some(first) => chosen[first].1 = item,
                None => chosen.push((part, item)),
            }
        }
    }
    chosen.truncate(sizes.works);
    let firsts: Vec<Option<usize>> =
        (0..said_parts.len()).map(|part| chosen.iter().find(|(of, _)| *of == part).map(|(_, item)| *item)).collect();
    let how_far = if itself || varied && dice.chance(0.5) { 1.0 } else { 0.0 };
    let draw = |part: usize, dice: &mut Dice| {
        let Item { entry, rgb } = &bank.items[firsts[part]?];
        let rgb = coloured(rgb, said_parts[part], entry.colour.as_deref());
        Some(if how_far > 0.0 { place(how_far, dice).place(&rgb, side) } else { rgb })
    };
    let draft = match (firsts.len(), varied && dice.chance(e.no_draft)) {
        (_, true) => None,
        (1, _) => draw(0, dice),
        _ => draw(0, dice).zip(draw(1, dice)).map(|(left, right)| side_by_side(&left, &right, side, down)),
    };
    let works = chosen.into_iter().map(|(_, item)| {
        let rgb = &bank.items[item].rgb;
        if itself && shown.contains(&item) { place(2.0, dice).place(rgb, side) } else { rgb.clone() }
    });
    Found { works: works.collect(), draft }
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
