//! A picture in other colours: those of a palette, and palettes made from one colour.

use serde::{Deserialize, Serialize};

use super::oklab::{Lab, distance2, from_lch, lab, lch, mapped, rgb_in_gamut};
use super::palette::Counting;
use crate::generation::backend::Picture;

/// Most colours to recolour to.
pub const COLOURS_MAX: usize = 16;

/// Lightness of outlines (below) and paper (above) that are near enough to grey to be left alone.
const INK: f32 = 0.32;
const WHITE: f32 = 0.92;
const GREY: f32 = 0.035;

/// Degrees of hue within which colours are shades of one thing.
const SAME_HUE: f32 = 20.0;

/// Recolours to a palette. Each hue of the picture moves to one of the palette's colours, near in the order of lightness and in
/// hue; its shades keep their differences in lightness and chroma. Every pixel goes with the colours that it is near to, so that
/// shading and soft outlines stay (palette-based recolouring, after Chang et al. 2015).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recolour {
    /// sRGB, 1 to 16 colours.
    pub palette: Vec<[u8; 3]>,
    /// 0 leaves alone, 1 is the whole way.
    pub strength: f32,
    /// Leaves black outlines and white paper as they are, unless there is nothing else.
    pub keep_ink: bool,
}

impl Default for Recolour {
    /// The whole way, outlines and paper kept; to no palette yet.
    fn default() -> Self {
        Self::to(Vec::new())
    }
}

impl Recolour {
    /// To a palette, the whole way, outlines and paper kept.
    pub fn to(palette: Vec<[u8; 3]>) -> Self {
        Self { palette, strength: 1.0, keep_ink: true }
    }

    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        if !(1..=COLOURS_MAX).contains(&self.palette.len()) {
            return Some(format!("palette has {} colours: it must have 1 to {COLOURS_MAX}", self.palette.len()));
        }
        let inside = (0.0..=1.0).contains(&self.strength);
        (!inside).then(|| format!("strength is {}: it must be from 0 to 1", self.strength))
    }

    /// The picture so changed; the same bytes at strength 0, or where there is a [`fault`](Self::fault).
    pub fn apply(&self, picture: &Picture) -> Picture {
        if self.strength == 0.0 || self.fault().is_some() {
            return picture.clone();
        }
        let own = Counting { colours: 8, seed: 0, without_paper: false }.clusters(&[picture]);
        let moves = self.moves(&own);
        mapped(picture, |pixel| {
            let (mut sum, mut total) = ([0.0f32; 3], 0.0f32);
            for (centre, by) in &moves {
                let weight = (distance2(*centre, pixel) + 1e-4).powi(-2);
                total += weight;
                sum.iter_mut().zip(by).for_each(|(sum, by)| *sum += weight * by);
            }
            let mut to = pixel;
            if total > 0.0 {
                to.iter_mut().zip(sum).for_each(|(to, sum)| *to += self.strength * sum / total);
            }
            to
        })
    }

    /// Where each of the picture's own colours goes.
    fn moves(&self, own: &[(Lab, f32)]) -> Vec<(Lab, Lab)> {
        let ink = |[l, a, b]: Lab| a.hypot(b) < GREY && !(INK..=WHITE).contains(&l);
        let keep = self.keep_ink && own.iter().any(|(colour, _)| !ink(*colour));
        let stays = |colour: Lab| keep && ink(colour);
        let moving: Vec<(Lab, f32)> = own.iter().copied().filter(|(colour, _)| !stays(*colour)).collect();
        let mut moves: Vec<(Lab, Lab)> =
            own.iter().filter(|(colour, _)| stays(*colour)).map(|(colour, _)| (*colour, [0.0; 3])).collect();
        let mut groups = families(&moving);
        groups.sort_by(|x, y| x.mean[0].total_cmp(&y.mean[0]));
        let mut targets: Vec<Lab> = self.palette.iter().map(|&colour| lab(colour)).collect();
        targets.sort_by(|x, y| x[0].total_cmp(&y[0]));
        let total: f32 = groups.iter().map(|group| group.share).sum();
        // Places in the order of lightness, 0 to 1.
        let mut before = 0.0;
        let mut places = Vec::with_capacity(groups.len());
        for group in &groups {
            places.push((before + group.share / 2.0) / total.max(1e-6));
            before += group.share;
        }
        let cost = |i: usize, j: usize| {
            let (from, to) = (groups[i].mean, targets[j]);
            let place = places[i] - (j as f32 + 0.5) / targets.len() as f32;
            0.1 * place * place + 0.3 * (from[0] - to[0]).powi(2) + (from[1] - to[1]).powi(2) + (from[2] - to[2]).powi(2)
        };
        let all = (0..groups.len()).flat_map(|i| (0..targets.len()).map(move |j| (i, j)));
        let mut pairs: Vec<(f32, usize, usize)> = all.map(|(i, j)| (cost(i, j), i, j)).collect();
        pairs.sort_by(|x, y| x.0.total_cmp(&y.0).then((x.1, x.2).cmp(&(y.1, y.2))));
        // First every target finds a group, as far as there are some; then the other groups find a target.
        let (mut goes, mut taken) = (vec![None; groups.len()], vec![false; targets.len()]);
        for &(_, i, j) in &pairs {
            if goes[i].is_none() && !taken[j] {
                (goes[i], taken[j]) = (Some(j), true);
            }
        }
        for &(_, i, j) in &pairs {
            goes[i] = goes[i].or(Some(j));
        }
        for (group, target) in groups.iter().zip(goes).filter_map(|(group, goes)| Some((group, targets[goes?]))) {
            let usual = group.mean[1].hypot(group.mean[2]);
            for &colour in &group.members {
                // What is paler or stronger than the rest stays so.
                let chroma = if usual > GREY { (colour[1].hypot(colour[2]) / usual).clamp(0.3, 1.4) } else { 1.0 };
                let by = [target[0] - group.mean[0], chroma * target[1] - colour[1], chroma * target[2] - colour[2]];
                moves.push((colour, by));
            }
        }
        moves
    }
}

/// Colours of nearly one hue: shades of one thing.
struct Family {
    members: Vec<Lab>,
    mean: Lab,
    share: f32,
}

/// Colours parted by hue; greys are one family.
fn families(colours: &[(Lab, f32)]) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for &(colour, share) in colours {
        let alike = |mean: Lab| {
            let ([_, chroma, hue], [_, other, other_hue]) = (lch(colour), lch(mean));
            let turn = (hue - other_hue + 180.0).rem_euclid(360.0) - 180.0;
            if chroma.min(other) < GREY { chroma.max(other) < 1.5 * GREY } else { turn.abs() < SAME_HUE }
        };
        match families.iter_mut().find(|family| alike(family.mean)) {
            Some(family) => {
                let part = share / (family.share + share).max(1e-6);
                family.mean.iter_mut().zip(colour).for_each(|(mean, x)| *mean += part * (x - *mean));
                family.share += share;
                family.members.push(colour);
            }
            None => families.push(Family { members: vec![colour], mean: colour, share }),
        }
    }
    families
}

/// A way to make a palette from one colour, by angles on the circle of hues (OKLCh).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// One hue in five lightnesses.
    Monochrome,
    /// Hues up to 60 degrees to both sides.
    Analogous,
    /// The hue and the one opposite.
    Complementary,
    /// The hue and the two beside the opposite one.
    SplitComplementary,
    /// Three hues 120 degrees apart.
    Triadic,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Monochrome, Self::Analogous, Self::Complementary, Self::SplitComplementary, Self::Triadic];

    /// Five colours, sRGB: the base first, the others as it is but for the turn of the hue and a step of lightness. From a grey
    /// come greys.
    pub fn palette(self, base: [u8; 3]) -> [[u8; 3]; 5] {
        // Degrees of hue, steps of lightness.
        let steps: [(f32, f32); 4] = match self {
            Self::Monochrome => [(0.0, -0.3), (0.0, -0.15), (0.0, 0.15), (0.0, 0.3)],
            Self::Analogous => [(-60.0, -0.05), (-30.0, 0.05), (30.0, 0.05), (60.0, -0.05)],
            Self::Complementary => [(0.0, 0.2), (0.0, -0.2), (180.0, 0.0), (180.0, 0.15)],
            Self::SplitComplementary => [(0.0, 0.2), (150.0, 0.0), (210.0, 0.0), (210.0, 0.15)],
            Self::Triadic => [(0.0, 0.2), (120.0, 0.0), (240.0, 0.0), (240.0, 0.15)],
        };
        let [lightness, chroma, hue] = lch(lab(base));
        // From a very light base all steps go down, from a very dark one up.
        let room = |step: f32| if (0.08..=0.97).contains(&(lightness + step)) { step } else { -step * 0.7 };
        let made = steps.map(|(turn, step)| rgb_in_gamut(from_lch([lightness + room(step), chroma, hue + turn])));
        [base, made[0], made[1], made[2], made[3]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Black outline, light and dark red, yellow, on white.
    fn drawing() -> Picture {
        let colour = |i: usize| match i % 40 {
            0..10 => [255u8; 3],
            10..13 => [15; 3],
            13..25 => [220, 40, 40],
            25..30 => [150, 20, 25],
            30..36 => [250, 220, 60],
            _ => [255; 3],
        };
        Picture { rgb: (0..40 * 40).flat_map(colour).collect(), width: 40, height: 40 }
    }

    fn at(picture: &Picture, x: usize) -> [u8; 3] {
        picture.rgb[(20 * 40 + x) * 3..][..3].try_into().unwrap()
    }

    #[test]
    fn a_drawing_takes_the_palette_and_keeps_ink_paper_and_shading() {
        let blue = Recolour::to(vec![[30, 80, 200]]).apply(&drawing());
        for (x, own) in [(5, [255u8; 3]), (11, [15; 3])] {
            assert!(at(&blue, x).iter().zip(own).all(|(x, y)| x.abs_diff(y) <= 6), "{:?}", at(&blue, x));
        }
        let (light, dark) = (lch(lab(at(&blue, 18))), lch(lab(at(&blue, 27))));
        assert!(light[0] > dark[0] + 0.05, "{light:?} {dark:?}");
        let hue = lch(lab([30, 80, 200]))[2];
        assert!([light, dark].iter().all(|colour| (colour[2] - hue).abs() < 12.0), "{light:?} {dark:?}");
        let two = Recolour::to(vec![[240, 240, 120], [20, 120, 60]]).apply(&drawing());
        assert!(distance2(lab(at(&two, 33)), lab([240, 240, 120])) < 0.004, "{:?}", at(&two, 33));
        let green = lch(lab([20, 120, 60]))[2];
        assert!([18, 27].iter().all(|&x| (lch(lab(at(&two, x)))[2] - green).abs() < 12.0), "{:?}", at(&two, 27));
    }

    #[test]
    fn nothing_asked_for_is_the_same_bytes_and_half_is_half() {
        assert_eq!(Recolour { strength: 0.0, ..Recolour::to(vec![[1, 2, 3]]) }.apply(&drawing()), drawing());
        let whole = lab(at(&Recolour::to(vec![[30, 80, 200]]).apply(&drawing()), 18));
        let half = lab(at(&Recolour { strength: 0.5, ..Recolour::to(vec![[30, 80, 200]]) }.apply(&drawing()), 18));
        let own = lab(at(&drawing(), 18));
        assert!((0..3).all(|c| (half[c] - (own[c] + whole[c]) / 2.0).abs() < 0.02), "{half:?}");
        assert!(Recolour::to(vec![]).fault().is_some_and(|fault| fault.starts_with("palette has 0")));
        for (width, height) in [(1, 1), (1, 4)] {
            let picture = Picture { rgb: vec![90; width * height * 3], width: width as u32, height: height as u32 };
            assert_eq!(Recolour::to(vec![[9, 9, 200], [1, 1, 1]]).apply(&picture).rgb.len(), picture.rgb.len());
        }
        // A black silhouette is coloured, although it is ink.
        let black = Picture { rgb: [[255u8; 3], [0; 3]].concat(), width: 2, height: 1 };
        assert_ne!(Recolour::to(vec![[200, 30, 30], [255, 240, 200]]).apply(&black), black);
    }

    #[test]
    fn schemes_turn_the_hue_by_their_angles() {
        let base = [190, 80, 70];
        let own = lch(lab(base));
        for scheme in Scheme::ALL {
            let palette = scheme.palette(base);
            assert_eq!(palette[0], base);
            let turned = |colour: [u8; 3]| (lch(lab(colour))[2] - own[2]).rem_euclid(360.0);
            let turns: Vec<f32> = palette[1..].iter().map(|&colour| turned(colour)).collect();
            let near = |turn: f32, want: f32| (turn - want + 180.0).rem_euclid(360.0) - 180.0;
            let want = match scheme {
                Scheme::Monochrome => [0.0; 4],
                Scheme::Analogous => [300.0, 330.0, 30.0, 60.0],
                Scheme::Complementary => [0.0, 0.0, 180.0, 180.0],
                Scheme::SplitComplementary => [0.0, 150.0, 210.0, 210.0],
                Scheme::Triadic => [0.0, 120.0, 240.0, 240.0],
            };
            assert!(turns.iter().zip(want).all(|(turn, want)| near(*turn, want).abs() < 6.0), "{scheme:?} {turns:?}");
        }
        assert!(Scheme::Triadic.palette([255; 3]).iter().all(|[r, g, b]| r.abs_diff(*g) <= 1 && g.abs_diff(*b) <= 1));
    }
}
