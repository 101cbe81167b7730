//! An edit that a model draws: what the model is given, and how its answer becomes the picture.

use std::sync::Arc;

use super::mask::{Mask, luma};
use super::window::{Window, resized, resized_plane};
use super::{Edit, EditError, MOST_SIDE};
use crate::generation::backend::Picture;
use crate::generation::config::{ModelConfig, PictureSizes};
use crate::generation::pixel::edges;
use crate::generation::request::{DrawRequest, Given};

/// Pixels of the parent beside the new canvas that are drawn with it, so that no seam is left.
const OVERLAP: u32 = 2;

/// What a model is asked for an edit, and what becomes of its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    given: Given,
    size: [u32; 2],
    end: End,
}

/// How the drawn picture ends.
#[derive(Debug, Clone, PartialEq)]
enum End {
    /// At this size.
    Sized([u32; 2]),
    /// Within a larger one.
    Within { canvas: Picture, mask: Mask, window: Window },
}

/// What an edit is made from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Material<'a> {
    /// The picture to edit.
    pub parent: Option<&'a Picture>,
    /// Lines to follow.
    pub sketch: Option<&'a Picture>,
    /// Which part is meant.
    pub mask: Option<&'a Mask>,
}

impl Plan {
    /// For a model that offers `offer`. `size` is what was asked for, where anything was.
    pub fn of(edit: &Edit, material: &Material<'_>, offer: &ModelConfig, size: Option<[u32; 2]>) -> Result<Self, EditError> {
        edit.check()?;
        let parent =
            || material.parent.ok_or_else(|| EditError::new("parent", "say which picture: an image, or one that you handed in"));
        match edit {
            Edit::Sketch => {
                let sketch = material.sketch.ok_or_else(|| EditError::new("sketch", "hand in a sketch, and name it"))?;
                let size = size.unwrap_or(offer.image);
                let given = Given { sketch: Some(lines(sketch, size).into()), strength: 1.0, ..Given::default() };
                Ok(Self { given, size, end: End::Sized(size) })
            }
            Edit::Variation { strength } => {
                let parent = parent()?;
                let drawn = drawn_size(offer, [parent.width, parent.height]);
                let picture = resized(parent, drawn[0], drawn[1]).rgb.into();
                let given = Given { picture: Some(picture), strength: strength_of(*strength), ..Given::default() };
                Ok(Self { given, size: drawn, end: End::Sized(shaped_like(drawn, [parent.width, parent.height])) })
            }
            Edit::Inpaint { strength } => {
                let parent = parent()?;
                let mask = material.mask.ok_or_else(|| EditError::new("mask", "hand in a mask, and name it"))?;
                Self::within(parent.clone(), mask.clone(), *strength, offer)
            }
            Edit::Outpaint { left, top, right, bottom } => {
                let (canvas, mask) = enlarged(parent()?, [*left, *top, *right, *bottom])?;
                Self::within(canvas, mask, 1.0, offer)
            }
            other => Err(EditError::new("edit", format!("`{}` is not drawn by a model", other.name()))),
        }
    }

    fn within(canvas: Picture, mask: Mask, strength: f64, offer: &ModelConfig) -> Result<Self, EditError> {
        if (mask.width, mask.height) != (canvas.width, canvas.height) {
            let (m, c) = ([mask.width, mask.height], [canvas.width, canvas.height]);
            let text = format!("the mask is {}×{} pixels and the picture {}×{}: make them alike", m[0], m[1], c[0], c[1]);
            return Err(EditError::new("mask", text));
        }
        let window = Window::around(&mask, offer.image)
            .ok_or_else(|| EditError::new("mask", "the mask covers nothing: mark the part that is to be drawn anew"))?;
        let size = drawn_size(offer, [window.width, window.height]);
        let seen = Picture { rgb: window.cut(&canvas.rgb, canvas.width, 3), width: window.width, height: window.height };
        let covered = resized_plane(&window.cut(&mask.bytes, mask.width, 1), [window.width, window.height], size);
        // What is covered in the least is drawn anew: nothing of what was there may shine through.
        let covered: Vec<u8> = covered.into_iter().map(|byte| if byte > 0 { 255 } else { 0 }).collect();
        let given = Given {
            picture: Some(resized(&seen, size[0], size[1]).rgb.into()),
            mask: Some(covered.into()),
            sketch: None,
            strength: strength_of(strength),
        };
        Ok(Self { given, size, end: End::Within { canvas, mask, window } })
    }

    /// Adds lines to follow to an edit of a part.
    #[must_use]
    pub fn with_lines(mut self, sketch: &Picture) -> Self {
        if self.given.sketch.is_none() {
            self.given.sketch = Some(Arc::from(lines(sketch, self.size)));
        }
        self
    }

    /// Puts it into a request.
    pub fn ask(&self, request: &mut DrawRequest) {
        [request.width, request.height] = self.size;
        request.given = Some(self.given.clone());
    }

    /// The picture, from what the model drew.
    pub fn finish(&self, drawn: &Picture) -> Picture {
        match &self.end {
            End::Sized([width, height]) => resized(drawn, *width, *height),
            End::Within { canvas, mask, window } => {
                let mut picture = canvas.clone();
                window.paste(&resized(drawn, window.width, window.height), mask, &mut picture);
                picture
            }
        }
    }

    /// The pixels of the picture that were drawn; none where all were.
    pub fn invented(&self) -> Option<&Mask> {
        match &self.end {
            End::Sized(_) => None,
            End::Within { mask, .. } => Some(mask),
        }
    }
}

/// Four places behind the point are drawn with and recorded.
fn strength_of(strength: f64) -> f32 {
    ((strength * 1e4).round() / 1e4) as f32
}

/// The size at which a model draws something of this shape: its own, or, where it draws many, one of about the same area.
fn drawn_size(offer: &ModelConfig, shape: [u32; 2]) -> [u32; 2] {
    let PictureSizes::Multiples { of, least, most } = offer.sizes else { return offer.image };
    let area = f64::from(offer.image[0]) * f64::from(offer.image[1]);
    let by = (area / (f64::from(shape[0].max(1)) * f64::from(shape[1].max(1)))).sqrt();
    shape.map(|side| {
        let wanted = (f64::from(side) * by / f64::from(of)).round() as u32 * of;
        wanted.clamp(least.next_multiple_of(of), most / of * of)
    })
}

/// A size whose longer side is that of `drawn` and whose shape is another's.
fn shaped_like(drawn: [u32; 2], shape: [u32; 2]) -> [u32; 2] {
    let longer = f64::from(drawn[0].max(drawn[1]));
    let by = longer / f64::from(shape[0].max(shape[1]).max(1));
    if drawn[0] == drawn[1] { shape.map(|side| ((f64::from(side) * by).round() as u32).max(1)) } else { drawn }
}

/// A larger canvas with the parent on it, and what is new of it. New parts carry the colour of the parent's edge beside them.
fn enlarged(parent: &Picture, [left, top, right, bottom]: [u32; 4]) -> Result<(Picture, Mask), EditError> {
    let (width, height) = (parent.width + left + right, parent.height + top + bottom);
    if width > MOST_SIDE || height > MOST_SIDE {
        let text = format!("the picture would be {width}×{height} pixels: at most {MOST_SIDE} on a side");
        return Err(EditError::new("edit", text));
    }
    let (mut rgb, mut mask) = (Vec::with_capacity(width as usize * height as usize * 3), Mask::empty(width, height));
    // Where a side grows, a few pixels of the parent are drawn with it.
    let inset = |grown: u32| if grown > 0 { OVERLAP } else { 0 };
    let kept = |at: u32, before: u32, size: u32, after: u32| {
        let (first, end) = (before + inset(before), before + size.saturating_sub(inset(after)));
        (first..end).contains(&at)
    };
    for y in 0..height {
        for x in 0..width {
            let (px, py) = (x.saturating_sub(left).min(parent.width - 1), y.saturating_sub(top).min(parent.height - 1));
            let from = (py as usize * parent.width as usize + px as usize) * 3;
            rgb.extend_from_slice(parent.rgb.get(from..from + 3).unwrap_or(&[255; 3]));
            if !(kept(x, left, parent.width, right) && kept(y, top, parent.height, bottom)) {
                mask.bytes[(y * width + x) as usize] = 255;
            }
        }
    }
    Ok((Picture { rgb, width, height }, mask))
}

/// The lines of a sketch at another size: what is dark on paper, or, of a picture with tones, where brightness steps.
fn lines(sketch: &Picture, [width, height]: [u32; 2]) -> Vec<u8> {
    let fitted = on_paper(sketch, width, height);
    let light: Vec<u8> = fitted.rgb.as_chunks::<3>().0.iter().map(|p| luma(*p)).collect();
    if is_line_art(sketch) || width != height {
        return light.into_iter().map(|light| if light < 176 { 255 } else { 0 }).collect();
    }
    edges(&fitted.rgb, width as usize).into_iter().map(|line| if line > 0.0 { 255 } else { 0 }).collect()
}

/// Whether a picture is strokes on paper: mostly white, and few tones between.
fn is_line_art(picture: &Picture) -> bool {
    let pixels = picture.rgb.as_chunks::<3>().0;
    let white = pixels.iter().filter(|p| luma(**p) > 224).count();
    let between = pixels.iter().filter(|p| (96..=200).contains(&luma(**p))).count();
    white * 10 > pixels.len() * 6 && between * 12 < pixels.len()
}

/// The whole picture within the size, on white, its shape kept.
fn on_paper(picture: &Picture, width: u32, height: u32) -> Picture {
    let by = f64::min(f64::from(width) / f64::from(picture.width.max(1)), f64::from(height) / f64::from(picture.height.max(1)));
    let side = |n: u32, most: u32| ((f64::from(n) * by).round() as u32).clamp(1, most);
    let small = resized(picture, side(picture.width, width), side(picture.height, height));
    let (left, top) = ((width - small.width) / 2, (height - small.height) / 2);
    let mut sheet = Picture { rgb: vec![255; width as usize * height as usize * 3], width, height };
    let everywhere = Mask { bytes: vec![255; width as usize * height as usize], width, height };
    Window { x: left, y: top, width: small.width, height: small.height }.paste(&small, &everywhere, &mut sheet);
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::fake::FakeBackend;

    fn plain(width: u32, height: u32, colour: u8) -> Picture {
        Picture { rgb: vec![colour; (width * height * 3) as usize], width, height }
    }

    fn plan(edit: &Edit, material: &Material<'_>) -> Result<Plan, EditError> {
        Plan::of(edit, material, &FakeBackend::config(), None)
    }

    #[test]
    fn outside_the_mask_nothing_changes_at_any_size() {
        for (width, height) in [(128, 128), (700, 300)] {
            let parent = plain(width, height, 90);
            let mut mask = Mask::empty(width, height);
            (0..40).for_each(|i| mask.bytes[((60 + i % 9) * width + 70 + i / 9) as usize] = 255);
            let plan = plan(
                &Edit::Inpaint { strength: 1.0 },
                &Material { parent: Some(&parent), mask: Some(&mask), ..Material::default() },
            )
            .unwrap();
            let mut request = DrawRequest::new("x", 1, &FakeBackend::config());
            plan.ask(&mut request);
            assert_eq!(request.validate(&FakeBackend::config()), Ok(()));
            let made = plan.finish(&plain(128, 128, 10));
            assert_eq!((made.width, made.height), (width, height));
            let wrong = (0..mask.bytes.len()).filter(|&at| (made.rgb[at * 3] == 10) != mask.covers(at)).count();
            assert_eq!(wrong, 0);
            assert_eq!(plan.invented().map(Mask::count), Some(40));
        }
    }

    #[test]
    fn an_enlarged_canvas_keeps_its_parent() {
        let parent = plain(100, 80, 50);
        let edit = Edit::Outpaint { left: 20, top: 0, right: 0, bottom: 30 };
        let made = plan(&edit, &Material { parent: Some(&parent), ..Material::default() }).unwrap().finish(&plain(128, 128, 10));
        assert_eq!((made.width, made.height), (120, 110));
        let at = |x: u32, y: u32| made.rgb[(y * 120 + x) as usize * 3];
        assert_eq!((at(0, 0), at(21, 5), at(22, 5), at(119, 0), at(60, 77), at(60, 78)), (10, 10, 50, 50, 50, 10));
        let huge = Edit::Outpaint { left: 4_000, top: 0, right: 0, bottom: 0 };
        assert!(plan(&huge, &Material { parent: Some(&parent), ..Material::default() }).unwrap_err().text.contains("4100×80"));
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_named() {
        let parent = plain(30, 20, 9);
        let none = Material::default();
        assert_eq!(plan(&Edit::Sketch, &none).unwrap_err().field, "sketch");
        assert_eq!(plan(&Edit::Variation { strength: 0.5 }, &none).unwrap_err().field, "parent");
        let other = Mask::empty(20, 30);
        let given = Material { parent: Some(&parent), mask: Some(&other), ..none };
        let said = plan(&Edit::Inpaint { strength: 1.0 }, &given).unwrap_err();
        assert!(said.field == "mask" && said.text.contains("20×30") && said.text.contains("30×20"), "{said}");
        let clear = Mask::empty(30, 20);
        let given = Material { mask: Some(&clear), ..given };
        assert!(plan(&Edit::Inpaint { strength: 1.0 }, &given).unwrap_err().text.contains("covers nothing"));
    }

    #[test]
    fn a_variation_keeps_the_shape_of_its_parent() {
        let parent = plain(400, 300, 9);
        let plan = plan(&Edit::Variation { strength: 0.5 }, &Material { parent: Some(&parent), ..Material::default() }).unwrap();
        let made = plan.finish(&plain(128, 128, 3));
        assert_eq!((made.width, made.height), (128, 96));
    }

    #[test]
    fn strokes_and_steps_of_brightness_are_lines() {
        let mut strokes = plain(256, 256, 255);
        (0..256).for_each(|x| (0..6).for_each(|dy| strokes.rgb[((100 + dy) * 256 + x) * 3..][..3].fill(0)));
        let found = lines(&strokes, [128, 128]);
        assert!(found[51 * 128 + 64] == 255 && found[20 * 128 + 64] == 0);
        let mut tones = plain(256, 256, 120);
        tones.rgb[..256 * 128 * 3].fill(40);
        let found = lines(&tones, [128, 128]);
        let rows: Vec<usize> = (0..128).filter(|y| found[y * 128 + 64] == 255).collect();
        assert!(rows.len() == 1 && rows[0].abs_diff(64) < 2, "{rows:?}");
    }
}
