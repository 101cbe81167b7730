//! The part of a picture that a model sees: what is to be drawn anew with what lies around it.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma, Rgb, RgbImage};

use super::mask::Mask;
use crate::generation::backend::Picture;

/// A rectangle of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// Across.
    pub width: u32,
    /// Down.
    pub height: u32,
}

impl Window {
    /// All of a picture.
    pub const fn whole(width: u32, height: u32) -> Self {
        Self { x: 0, y: 0, width, height }
    }

    /// What a mask covers and half as much on each side, at least `usual` large where the picture is, and as square as it allows.
    pub fn around(mask: &Mask, usual: [u32; 2]) -> Option<Self> {
        let [left, top, width, height] = mask.bounds()?;
        let side = (2 * width.max(height)).max(usual[0]).max(usual[1]);
        let along = |from: u32, span: u32, most: u32| {
            let size = side.min(most);
            let centred = i64::from(from) + i64::from(span) / 2 - i64::from(size) / 2;
            (centred.clamp(0, i64::from(most - size)) as u32, size)
        };
        let ((x, width), (y, height)) = (along(left, width, mask.width), along(top, height, mask.height));
        Some(Self { x, y, width, height })
    }

    /// The part of a plane with `each` bytes a pixel, of a picture `across` pixels wide.
    pub fn cut(&self, plane: &[u8], across: u32, each: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.width as usize * self.height as usize * each);
        for y in self.y..self.y + self.height {
            let from = (y as usize * across as usize + self.x as usize) * each;
            out.extend_from_slice(plane.get(from..from + self.width as usize * each).unwrap_or_default());
        }
        out
    }

    /// Puts a picture of the window's size into a larger one, where the mask covers it.
    pub fn paste(&self, drawn: &Picture, mask: &Mask, onto: &mut Picture) {
        for y in 0..self.height {
            for x in 0..self.width {
                let at = (self.y + y) as usize * onto.width as usize + (self.x + x) as usize;
                let from = (y as usize * drawn.width as usize + x as usize) * 3;
                if mask.covers(at)
                    && let (Some(to), Some(from)) = (onto.rgb.get_mut(at * 3..at * 3 + 3), drawn.rgb.get(from..from + 3))
                {
                    to.copy_from_slice(from);
                }
            }
        }
    }
}

/// A picture at another size; one of that size comes back as it is.
pub(super) fn resized(picture: &Picture, width: u32, height: u32) -> Picture {
    if (picture.width, picture.height) == (width, height) {
        return picture.clone();
    }
    let smaller = width < picture.width || height < picture.height;
    let filter = if smaller { FilterType::Triangle } else { FilterType::CatmullRom };
    let rgb = RgbImage::from_raw(picture.width, picture.height, picture.rgb.clone());
    let rgb = rgb.map_or_else(
        || RgbImage::from_pixel(width, height, Rgb([255; 3])).into_raw(),
        |rgb| imageops::resize(&rgb, width, height, filter).into_raw(),
    );
    Picture { rgb, width, height }
}

/// A plane of one byte a pixel at another size.
pub(super) fn resized_plane(plane: &[u8], from: [u32; 2], to: [u32; 2]) -> Vec<u8> {
    if from == to {
        return plane.to_vec();
    }
    let grey: Option<ImageBuffer<Luma<u8>, Vec<u8>>> = ImageBuffer::from_raw(from[0], from[1], plane.to_vec());
    grey.map_or_else(
        || vec![0; to[0] as usize * to[1] as usize],
        |grey| imageops::resize(&grey, to[0], to[1], FilterType::Triangle).into_raw(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covering(width: u32, height: u32, [x, y, w, h]: [u32; 4]) -> Mask {
        let mut mask = Mask::empty(width, height);
        for row in y..y + h {
            for column in x..x + w {
                mask.bytes[(row * width + column) as usize] = 255;
            }
        }
        mask
    }

    #[test]
    fn a_window_holds_the_mask_and_stays_inside() {
        let of = |mask: &Mask| Window::around(mask, [128, 128]).unwrap();
        assert_eq!(of(&covering(128, 128, [3, 4, 10, 10])), Window::whole(128, 128));
        assert_eq!(of(&covering(1000, 800, [500, 400, 20, 10])), Window { x: 446, y: 341, width: 128, height: 128 });
        assert_eq!(of(&covering(1000, 800, [0, 790, 20, 10])), Window { x: 0, y: 672, width: 128, height: 128 }, "at a corner");
        assert_eq!(of(&covering(1000, 800, [100, 100, 300, 50])), Window { x: 0, y: 0, width: 600, height: 600 });
        assert_eq!(of(&covering(100, 800, [0, 0, 100, 800])), Window::whole(100, 800), "the whole of a narrow one");
        assert_eq!(Window::around(&Mask::empty(9, 9), [4, 4]), None);
    }

    #[test]
    fn what_is_cut_out_is_put_back_where_the_mask_says() {
        let rgb: Vec<u8> = (0..6 * 4 * 3).map(|i| i as u8).collect();
        let window = Window { x: 2, y: 1, width: 3, height: 2 };
        let cut = window.cut(&rgb, 6, 3);
        assert_eq!((cut.len(), &cut[..3]), (18, &rgb[(6 + 2) * 3..][..3]));
        let mut onto = Picture { rgb: rgb.clone(), width: 6, height: 4 };
        let drawn = Picture { rgb: vec![200; 18], width: 3, height: 2 };
        window.paste(&drawn, &covering(6, 4, [3, 1, 1, 1]), &mut onto);
        let changed: Vec<usize> = (0..rgb.len()).filter(|&i| onto.rgb[i] != rgb[i]).collect();
        assert_eq!(changed, [27, 28, 29]);
    }
}
