//! What becomes of a picture on its way: the changes that a search must see past.

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ImageFormat, Rgb, RgbImage};

/// A change.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// None.
    Same,
    /// Compressed at this quality.
    Jpeg(u8),
    /// Resized to this per cent of its sides.
    Size(u32),
    /// Gaussian blur of this standard deviation, in pixels.
    Blur(f32),
    /// Per cent cut off each side.
    Crop(u32),
    /// Turned by two degrees; the corners in this grey.
    Turn(u8),
    /// A quarter turn clockwise.
    Quarter,
    /// Left and right swapped.
    Mirror,
    /// A white square over this per cent of its area, in the middle.
    Covered(u32),
    /// A black border of this per cent at each side.
    Border(u32),
}

/// Those of the table in `recall`.
pub const ALL: [Change; 13] = [
    Change::Same,
    Change::Jpeg(30),
    Change::Size(50),
    Change::Blur(2.0),
    Change::Crop(2),
    Change::Crop(5),
    Change::Crop(10),
    Change::Turn(255),
    Change::Turn(0),
    Change::Quarter,
    Change::Mirror,
    Change::Covered(6),
    Change::Border(10),
];

impl Change {
    /// For a table.
    pub fn name(self) -> String {
        match self {
            Self::Same => "none".to_owned(),
            Self::Jpeg(quality) => format!("JPEG {quality}"),
            Self::Size(50) => "half size".to_owned(),
            Self::Size(percent) => format!("{percent} % size"),
            Self::Blur(sigma) => format!("blur σ {sigma}"),
            Self::Crop(percent) => format!("crop {percent} % a side"),
            Self::Turn(255) => "rotate 2°, white".to_owned(),
            Self::Turn(_) => "rotate 2°, black".to_owned(),
            Self::Quarter => "rotate 90°".to_owned(),
            Self::Mirror => "flip".to_owned(),
            Self::Covered(percent) => format!("white box, {percent} %"),
            Self::Border(percent) => format!("black border, {percent} %"),
        }
    }

    /// The picture as it comes out.
    pub fn of(self, picture: &RgbImage) -> RgbImage {
        let (w, h) = picture.dimensions();
        match self {
            Self::Same => picture.clone(),
            Self::Jpeg(quality) => {
                let mut bytes = Vec::new();
                JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).unwrap();
                image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).unwrap().into_rgb8()
            }
            Self::Size(percent) => {
                imageops::resize(picture, share(w, percent).max(1), share(h, percent).max(1), FilterType::Triangle)
            }
            Self::Blur(sigma) => imageops::blur(picture, sigma),
            Self::Crop(percent) => {
                let (x, y) = (share(w, percent), share(h, percent));
                imageops::crop_imm(picture, x, y, w - 2 * x, h - 2 * y).to_image()
            }
            Self::Turn(grey) => turned(picture, 2.0, grey),
            Self::Quarter => imageops::rotate90(picture),
            Self::Mirror => imageops::flip_horizontal(picture),
            Self::Covered(percent) => {
                let mut covered = picture.clone();
                let side = ((f64::from(w * h * percent) / 100.0).sqrt().round() as u32).min(w).min(h);
                let square = RgbImage::from_pixel(side, side, Rgb([255; 3]));
                imageops::replace(&mut covered, &square, i64::from((w - side) / 2), i64::from((h - side) / 2));
                covered
            }
            Self::Border(percent) => {
                let (x, y) = (share(w, percent), share(h, percent));
                let mut framed = RgbImage::from_pixel(w + 2 * x, h + 2 * y, Rgb([0; 3]));
                imageops::replace(&mut framed, picture, i64::from(x), i64::from(y));
                framed
            }
        }
    }
}

/// Per cent of a side, rounded.
fn share(side: u32, percent: u32) -> u32 {
    (side * percent + 50) / 100
}

/// Turned about its middle, in its own frame; between four pixels, `grey` outside.
fn turned(picture: &RgbImage, degrees: f32, grey: u8) -> RgbImage {
    let (w, h) = picture.dimensions();
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (middle_x, middle_y) = (w as f32 / 2.0, h as f32 / 2.0);
    let around = Rgb([grey; 3]);
    let at = |x: f32, y: f32| {
        let inside = x >= 0.0 && y >= 0.0 && x < w as f32 && y < h as f32;
        if inside { *picture.get_pixel(x as u32, y as u32) } else { around }
    };
    RgbImage::from_fn(w, h, |x, y| {
        let (dx, dy) = (x as f32 + 0.5 - middle_x, y as f32 + 0.5 - middle_y);
        let (u, v) = (cos * dx + sin * dy + middle_x - 0.5, cos * dy - sin * dx + middle_y - 0.5);
        let (x0, y0) = (u.floor(), v.floor());
        let (fx, fy) = (u - x0, v - y0);
        let corners = [at(x0, y0), at(x0 + 1.0, y0), at(x0, y0 + 1.0), at(x0 + 1.0, y0 + 1.0)];
        let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
        let mixed = |c: usize| corners.iter().zip(weights).map(|(corner, weight)| f32::from(corner.0[c]) * weight).sum::<f32>();
        Rgb([0, 1, 2].map(|c| mixed(c).round() as u8))
    })
}
