//! Edits that need no model: the picture is worked out from its parent.

use super::mask::Mask;
use super::plan::Material;
use super::{Edit, EditError, restore, small};
use crate::generation::backend::Picture;

/// What came of an edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The picture.
    pub picture: Picture,
    /// One byte a pixel, 255 where it is opaque; none where it is opaque all over.
    pub alpha: Option<Vec<u8>>,
    /// Pixels that were told from others; none where each is worked out from its own.
    pub invented: Option<Mask>,
}

impl Edit {
    /// Whether it can be made from this, as far as can be said at once.
    pub fn fits(&self, material: &Material<'_>) -> Result<(), EditError> {
        self.check()?;
        let parent = parent(material)?;
        let size = [parent.width, parent.height];
        match self {
            Self::Restore => mask(material, parent).map(drop),
            Self::Upscale(upscale) => small(size.map(|side| side.saturating_mul(upscale.factor))),
            _ => Ok(()),
        }
    }

    /// Makes it. `on_step` is told steps done and in all, and returns false to stop, whereupon nothing is returned. Costs time by the picture's
    /// size: wants a thread that may block.
    pub fn apply(
        &self,
        material: &Material<'_>,
        on_step: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Option<Applied>, EditError> {
        self.fits(material)?;
        let parent = parent(material)?;
        let whole = |picture: Picture| Applied { picture, alpha: None, invented: None };
        if !on_step(0, 1) {
            return Ok(None);
        }
        Ok(Some(match self {
            Self::Restore => {
                let mask = mask(material, parent)?;
                let Some(picture) = restore::fill::fill(parent, mask, on_step) else { return Ok(None) };
                Applied { picture, alpha: None, invented: Some(mask.clone()) }
            }
            Self::Tone(tone) => whole(restore::fading::apply(parent, tone)),
            Self::Resize(resize) => whole(resize.apply(parent)),
            Self::Upscale(upscale) => whole(upscale.apply(parent)),
            Self::Cutout(removal) => {
                let cut = removal.apply(parent).map_err(|e| EditError::new("edit", e.to_string()))?;
                let mut picture = cut.picture;
                // What is taken away must not come back by dropping the transparency.
                picture
                    .rgb
                    .as_chunks_mut::<3>()
                    .0
                    .iter_mut()
                    .zip(&cut.alpha)
                    .filter(|(_, a)| **a == 0)
                    .for_each(|(p, _)| *p = [255; 3]);
                let alpha = Some(cut.alpha).filter(|alpha| alpha.iter().any(|a| *a < 255));
                Applied { picture, alpha, invented: None }
            }
            Self::Adjust(adjust) => whole(adjust.apply(parent)),
            Self::Levels(levels) => whole(levels.apply(parent)),
            Self::Relight(light) => whole(light.apply(parent)),
            Self::Recolour(recolour) => whole(recolour.apply(parent)),
            Self::Sketch | Self::Variation { .. } | Self::Inpaint { .. } | Self::Outpaint { .. } => {
                return Err(EditError::new("edit", format!("`{}` is drawn by a model", self.name())));
            }
        }))
    }
}

fn parent<'a>(material: &Material<'a>) -> Result<&'a Picture, EditError> {
    material.parent.ok_or_else(|| EditError::new("parent", "say which picture: an image, or one that you handed in"))
}

fn mask<'a>(material: &Material<'a>, parent: &Picture) -> Result<&'a Mask, EditError> {
    let mask = material.mask.ok_or_else(|| EditError::new("mask", "hand in a mask of the damage, or have it found"))?;
    if (mask.width, mask.height) != (parent.width, parent.height) {
        let (m, p) = ([mask.width, mask.height], [parent.width, parent.height]);
        let text = format!("the mask is {}×{} pixels and the picture {}×{}: make them alike", m[0], m[1], p[0], p[1]);
        return Err(EditError::new("mask", text));
    }
    match mask.area() {
        0.0 => Err(EditError::new("mask", "the mask covers nothing: mark what is damaged")),
        area if area > MOST_DAMAGE => {
            let percent = (area * 100.0).round();
            Err(EditError::new("mask", format!("the mask covers {percent} % of the picture: too little is left to tell it from")))
        }
        _ => Ok(mask),
    }
}

/// Largest share of a picture that can be told from the rest.
const MOST_DAMAGE: f64 = 0.6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::edit::background::Removal;
    use crate::generation::edit::resize::Resize;
    use crate::generation::edit::upscale::Upscale;

    /// A red disc on green.
    fn picture(side: u32) -> Picture {
        let middle = (side as i64 - 1) / 2;
        let inside =
            |at: i64| (at % i64::from(side) - middle).pow(2) + (at / i64::from(side) - middle).pow(2) < (middle / 2).pow(2);
        let rgb = (0..i64::from(side * side)).flat_map(|at| if inside(at) { [200, 30, 30] } else { [90, 140, 90] }).collect();
        Picture { rgb, width: side, height: side }
    }

    fn apply(edit: &Edit, material: &Material<'_>) -> Result<Applied, String> {
        edit.apply(material, &mut |_, _| true).map(Option::unwrap).map_err(|e| e.text)
    }

    #[test]
    fn only_the_damage_changes_when_it_is_mended() {
        let (sound, mut hurt, mut mask) = (picture(64), picture(64), Mask::empty(64, 64));
        (0..64).for_each(|x| {
            let at = 9 * 64 + x;
            hurt.rgb[at * 3..][..3].fill(255);
            mask.bytes[at] = 255;
        });
        let material = Material { parent: Some(&hurt), mask: Some(&mask), ..Material::default() };
        let made = apply(&Edit::Restore, &material).unwrap();
        assert_eq!(made.invented.as_ref(), Some(&mask));
        assert_eq!(made.picture, sound, "what was under the scratch was all green");
        assert_eq!(Edit::Restore.apply(&material, &mut |_, _| false), Ok(None), "stopped");
        let half = Mask { bytes: vec![255; 64 * 64], ..mask };
        let material = Material { mask: Some(&half), ..material };
        assert!(apply(&Edit::Restore, &material).unwrap_err().contains("100 %"));
    }

    #[test]
    fn what_is_cut_away_is_gone_for_good() {
        let parent = picture(64);
        let made = apply(&Edit::Cutout(Removal::default()), &Material { parent: Some(&parent), ..Material::default() }).unwrap();
        let alpha = made.alpha.unwrap();
        assert_eq!((alpha[0], alpha[31 * 64 + 31]), (0, 255));
        assert_eq!(made.picture.rgb[..3], [255; 3], "not the green that was there");
    }

    #[test]
    fn sizes_are_kept_within_bounds() {
        let parent = picture(64);
        let material = Material { parent: Some(&parent), ..Material::default() };
        let made = apply(&Edit::Resize(Resize::to(30, 20)), &material).unwrap().picture;
        assert_eq!((made.width, made.height), (30, 20));
        let made = apply(&Edit::Upscale(Upscale::default()), &material).unwrap().picture;
        assert_eq!((made.width, made.height), (128, 128));
        let long = Picture { rgb: vec![0; 2_100 * 3], width: 2_100, height: 1 };
        let material = Material { parent: Some(&long), ..Material::default() };
        assert!(apply(&Edit::Upscale(Upscale::default()), &material).unwrap_err().contains("4200×2"));
        assert!(apply(&Edit::Sketch, &material).unwrap_err().contains("by a model"));
    }
}
