//! Background removal without a learned model: what hangs together with the border and has the border's colours goes.
//!
//! For drawings on paper, pictures before an even or slowly changing backdrop, skies. How far a colour may be from the backdrop
//! is tried in steps, and the step is taken whose outline follows the picture's own edges best. Not for busy backgrounds: there
//! it says so.

use serde::{Deserialize, Serialize};

use super::backdrop::Backdrop;
use super::matting::{depth, neighbours, unmixed};
use super::oklab::{Lab, distance2, plane, rgb};
use super::paper::flood;
use super::segment::refined;
use crate::generation::backend::Picture;

/// Least share of the border that a backdrop must explain.
const COVER: f32 = 0.45;

/// Least confidence of a result.
pub const CONFIDENCE_MIN: f32 = 0.25;

/// How to remove the background.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Removal {
    /// How far colours may be from the backdrop's: 0 narrow, 0.5 usual, 1 wide.
    pub tolerance: f32,
    /// Whether enclosed areas of the backdrop's colour go too (the inside of a handle; but also the white of an eye).
    pub holes: bool,
}

impl Default for Removal {
    fn default() -> Self {
        Self { tolerance: 0.5, holes: false }
    }
}

/// A picture without its background.
#[derive(Debug, Clone, PartialEq)]
pub struct Cutout {
    /// The thing's colours, also where it is only partly there; as it was where it is not.
    pub picture: Picture,
    /// One byte a pixel, rows from the top: 0 background, 255 thing.
    pub alpha: Vec<u8>,
    /// How sure it is, 0 to 1: how much of the border is explained, how clear the outline is, how even what goes, how whole what
    /// stays.
    pub confidence: f32,
}

/// Why no background was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoBackground {
    /// The border has no common colour.
    Busy,
    /// Everything has the border's colours.
    NothingLeft,
    /// There is one, but its outline is too unclear to cut along.
    Unclear,
}

impl std::fmt::Display for NoBackground {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Self::Busy => "no background was found: the picture's border has no common colour",
            Self::NothingLeft => "nothing would be left: the whole picture has its border's colours",
            Self::Unclear => "no background was found: its outline is too unclear to cut along",
        })
    }
}

impl std::error::Error for NoBackground {}

impl Cutout {
    /// The thing before an even colour, sRGB.
    pub fn on_colour(&self, colour: [u8; 3]) -> Picture {
        let mut rgb = Vec::with_capacity(self.picture.rgb.len());
        for (pixel, &alpha) in self.picture.rgb.as_chunks::<3>().0.iter().zip(&self.alpha) {
            let mix =
                |x: u8, y: u8| ((u32::from(x) * u32::from(alpha) + u32::from(y) * (255 - u32::from(alpha)) + 127) / 255) as u8;
            rgb.extend((0..3).map(|c| mix(pixel[c], colour[c])));
        }
        Picture { rgb, ..self.picture }
    }

    /// Four bytes a pixel: red, green, blue, alpha (not multiplied).
    pub fn rgba(&self) -> Vec<u8> {
        let pixels = self.picture.rgb.as_chunks::<3>().0.iter().zip(&self.alpha);
        pixels.flat_map(|(&[r, g, b], &alpha)| [r, g, b, alpha]).collect()
    }
}

impl Removal {
    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        let inside = (0.0..=1.0).contains(&self.tolerance);
        (!inside).then(|| format!("tolerance is {}: it must be from 0 to 1", self.tolerance))
    }

    /// The picture without its background. A tolerance beyond its range counts as its nearest end.
    ///
    /// # Errors
    ///
    /// Where there is no background that can be told from a thing: see [`NoBackground`].
    pub fn apply(&self, picture: &Picture) -> Result<Cutout, NoBackground> {
        let (width, height) = (picture.width as usize, picture.height as usize);
        let colours = plane(picture);
        let backdrop = Backdrop::of(&colours, width, height).filter(|found| found.cover >= COVER).ok_or(NoBackground::Busy)?;
        let away: Vec<f32> = colours.iter().enumerate().map(|(at, &colour)| backdrop.behind(at, colour).1).collect();
        let usual = (2.5 * backdrop.spread + 0.02).min(0.1) * (2.0 * self.tolerance.clamp(0.0, 1.0) - 1.0).exp2();
        // On clean paper all of it is within a narrow tolerance, and a wide one would take what is drawn in pale colours.
        let noise = (backdrop.spread / 0.01).min(1.0);
        let tried = [0.0, 0.4, 1.0, 1.8].map(|more| {
            let wider = 1.0 + more * noise;
            let may: Vec<bool> = away.iter().map(|away| *away < usual * wider).collect();
            let reached = flood(width, &may);
            let clear = clearness(&colours, &reached, width);
            // Narrower ones are favoured: what they take is surely background.
            (clear * (1.1 - 0.1 * wider), clear, may, reached)
        });
        let best = tried.into_iter().reduce(|x, y| if y.0 > x.0 { y } else { x });
        let Some((_, mut clear, may, mut gone)) = best else { return Err(NoBackground::Busy) };
        if self.holes {
            open_holes(&may, &away, usual, width, &mut gone);
        }
        // What is not one tone behind is told apart by colours on both sides too.
        if backdrop.spread > 0.012 {
            let better = refined(&colours, &gone, width, height);
            let better_clear = clearness(&colours, &better, width);
            if better_clear > clear {
                (clear, gone) = (better_clear, better);
            }
        }
        let left = gone.iter().filter(|gone| !**gone).count() as f32 / gone.len().max(1) as f32;
        if left < 0.002 {
            return Err(NoBackground::NothingLeft);
        }
        let taken = ((1.0 - left) / 0.05).min(1.0);
        let (texture, solid) = (texture(&colours, &gone, width), solidity(&gone, width));
        // Of a photograph more is asked: a backdrop all round, without texture, and a thing in one piece.
        let even = 1.0 / (1.0 + (texture / 0.011).powi(2));
        let whole = (solid / 0.6).min(1.0).powf(noise);
        let confidence = backdrop.cover.powf(1.0 + noise) * (clear / 0.12).min(1.0) * taken * even * whole;
        if confidence < CONFIDENCE_MIN {
            return Err(NoBackground::Unclear);
        }
        let soft = if backdrop.spread > 0.006 { 4 } else { 2 };
        Ok(cut(picture, &colours, &backdrop, &gone, soft, confidence))
    }
}

/// How strong the picture's own edges are along an outline: the mean over it of the distance (OKLab) between one pixel inside and
/// one outside, each a step from the edge's own pixels.
fn clearness(colours: &[Lab], gone: &[bool], width: usize) -> f32 {
    let (mut sum, mut count) = (0.0f64, 0u32);
    let height = colours.len() / width.max(1);
    for at in 0..colours.len() {
        let (x, y) = (at % width, at / width);
        let mut over = |inside: bool, step: usize| {
            if inside && gone[at] != gone[at + step] {
                let (low, high) = (at - step, at + 2 * step);
                sum += f64::from(distance2(colours[low], colours[high]).sqrt());
                count += 1;
            }
        };
        over(x > 0 && x + 2 < width, 1);
        over(y > 0 && y + 2 < height, width);
    }
    if count == 0 { 0.0 } else { (sum / f64::from(count)) as f32 }
}

/// How rough what goes is: the mean distance (OKLab) between neighbours in it.
fn texture(colours: &[Lab], gone: &[bool], width: usize) -> f32 {
    let (mut sum, mut count) = (0.0f64, 1e-9f64);
    for at in 0..colours.len() {
        for next in [at + 1, at + width] {
            if gone[at] && gone.get(next) == Some(&true) && (next != at + 1 || next % width != 0) {
                sum += f64::from(distance2(colours[at], colours[next]).sqrt());
                count += 1.0;
            }
        }
    }
    (sum / count) as f32
}

/// How much of what stays is not just specks and threads: the share of its pixels that are three steps from the outline or more.
fn solidity(gone: &[bool], width: usize) -> f32 {
    let stays: Vec<bool> = gone.iter().map(|gone| !gone).collect();
    let within = depth(&stays, width, 4);
    let count = |least: u8| within.iter().filter(|depth| **depth >= least).count() as f32;
    count(4) / count(1).max(1.0)
}

/// Takes away enclosed areas of the backdrop's colour, of some size and surely of that colour.
fn open_holes(may: &[bool], away: &[f32], usual: f32, width: usize, gone: &mut [bool]) {
    let mut seen = gone.to_vec();
    for start in 0..may.len() {
        if seen[start] || !may[start] {
            continue;
        }
        let (mut area, mut next) = (vec![start], 0);
        seen[start] = true;
        while let Some(&at) = area.get(next) {
            next += 1;
            for beside in neighbours(at, width, may.len()) {
                if may[beside] && !seen[beside] {
                    seen[beside] = true;
                    area.push(beside);
                }
            }
        }
        let sure = area.iter().filter(|&&at| away[at] < usual / 2.0).count();
        if area.len() * 2_000 > may.len() && sure * 2 > area.len() {
            area.iter().for_each(|&at| gone[at] = true);
        }
    }
}

/// Cuts along the outline: pixels up to `soft` steps within it, and one without, may be partly there.
fn cut(picture: &Picture, colours: &[Lab], backdrop: &Backdrop, gone: &[bool], soft: u8, confidence: f32) -> Cutout {
    let width = picture.width as usize;
    let stays: Vec<bool> = gone.iter().map(|gone| !gone).collect();
    let within = depth(&stays, width, soft + 1);
    let without = depth(gone, width, 2);
    let pixels = picture.rgb.as_chunks::<3>().0;
    let mut made = picture.rgb.clone();
    let mut alpha = Vec::with_capacity(pixels.len());
    for at in 0..pixels.len() {
        let edge = if gone[at] { without[at] == 1 } else { within[at] <= soft };
        if !edge {
            alpha.push(if stays[at] { 255 } else { 0 });
            continue;
        }
        let behind = rgb(backdrop.behind(at, colours[at]).0);
        let (much, colour) = unmixed(pixels, width, at, behind, |at| stays[at]);
        // A pixel of the background's side that leads to no thing is background.
        let much = if gone[at] && much == 255 { 0 } else { much };
        if much > 0 {
            made[at * 3..at * 3 + 3].copy_from_slice(&colour);
        }
        alpha.push(much);
    }
    Cutout { picture: Picture { rgb: made, ..*picture }, alpha, confidence }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 64;

    /// A disc with a soft edge, and what it covers.
    fn disc(behind: impl Fn(usize, usize) -> [f32; 3], colour: [f32; 3]) -> (Picture, Vec<f32>) {
        let (mut rgb, mut covers) = (Vec::new(), Vec::new());
        for i in 0..SIDE * SIDE {
            let (x, y) = (i % SIDE, i / SIDE);
            let away = ((x as f32 - 30.2).powi(2) + (y as f32 - 33.7).powi(2)).sqrt();
            let cover = (18.5 - away).clamp(0.0, 1.0);
            let behind = behind(x, y);
            rgb.extend((0..3).map(|c| (colour[c] * cover + behind[c] * (1.0 - cover)).round() as u8));
            covers.push(cover);
        }
        (Picture { rgb, width: SIDE as u32, height: SIDE as u32 }, covers)
    }

    #[test]
    fn a_disc_is_cut_out_with_its_soft_edge_and_without_the_paper() {
        for behind in [[255.0; 3], [30.0, 90.0, 60.0]] {
            let (picture, covers) = disc(|_, _| behind, [210.0, 40.0, 60.0]);
            let cutout = Removal::default().apply(&picture).unwrap();
            let error = |(alpha, cover): (&u8, &f32)| (f32::from(*alpha) / 255.0 - cover).abs();
            let worst = cutout.alpha.iter().zip(&covers).map(error).fold(0.0, f32::max);
            assert!(worst < 0.1, "{worst}");
            assert!(cutout.confidence > 0.8, "{}", cutout.confidence);
            // Before another colour nothing of the paper is to be seen, before its own it is the picture.
            let pixels = cutout.picture.rgb.as_chunks::<3>().0.iter().zip(&cutout.alpha).filter(|(_, alpha)| **alpha > 60);
            assert!(pixels.clone().all(|(pixel, _)| pixel[0].abs_diff(210) < 12 && pixel[1].abs_diff(40) < 12));
            let back = cutout.on_colour(behind.map(|x| x as u8));
            assert!(back.rgb.iter().zip(&picture.rgb).all(|(x, y)| x.abs_diff(*y) <= 12));
            assert_eq!(cutout.rgba().len(), SIDE * SIDE * 4);
        }
    }

    #[test]
    fn a_slowly_changing_backdrop_goes_too() {
        let sky = |x: usize, y: usize| [90.0 + x as f32, 140.0 + y as f32, 230.0 - 0.5 * y as f32];
        let (picture, covers) = disc(sky, [120.0, 30.0, 20.0]);
        let cutout = Removal::default().apply(&picture).unwrap();
        let wrong =
            cutout.alpha.iter().zip(&covers).filter(|(alpha, cover)| (f32::from(**alpha) / 255.0 - *cover).abs() > 0.3).count();
        assert!(wrong < 12, "{wrong}");
    }

    #[test]
    fn enclosed_paper_goes_when_asked() {
        let ring = |i: usize| {
            let away = ((i % SIDE) as f32 - 32.0).hypot((i / SIDE) as f32 - 32.0);
            if (12.0..20.0).contains(&away) { [40u8, 60, 160] } else { [255; 3] }
        };
        let picture = Picture { rgb: (0..SIDE * SIDE).flat_map(ring).collect(), width: SIDE as u32, height: SIDE as u32 };
        let middle = |holes: bool| Removal { holes, ..Removal::default() }.apply(&picture).unwrap().alpha[32 * SIDE + 32];
        assert_eq!((middle(false), middle(true)), (255, 0));
    }

    #[test]
    fn where_there_is_no_background_it_says_so() {
        let noise = |i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8;
        let busy = Picture { rgb: (0..64 * 64 * 3).map(noise).collect(), width: 64, height: 64 };
        assert_eq!(Removal::default().apply(&busy), Err(NoBackground::Busy));
        let even = Picture { rgb: vec![200; 64 * 64 * 3], width: 64, height: 64 };
        assert_eq!(Removal::default().apply(&even), Err(NoBackground::NothingLeft));
        assert!(
            Removal { tolerance: -1.0, ..Removal::default() }.fault().is_some_and(|fault| fault.starts_with("tolerance is -1"))
        );
    }

    #[test]
    fn any_size_is_taken() {
        for (width, height) in [(1u32, 1u32), (1, 9), (9, 1), (2, 2), (3, 40)] {
            let rgb: Vec<u8> = (0..width * height * 3).map(|i| (i * 91 % 256) as u8).collect();
            let picture = Picture { rgb, width, height };
            for holes in [false, true] {
                if let Ok(cutout) = (Removal { holes, tolerance: 1.0 }).apply(&picture) {
                    assert_eq!(cutout.alpha.len(), (width * height) as usize);
                }
            }
        }
    }
}
