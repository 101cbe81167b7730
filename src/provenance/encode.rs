//! RGB pixels ⇄ PNG, JPEG, WebP. The same pixels give the same bytes. Not a judge: what a file claims is `verify`'s matter.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, ImageReader, RgbImage, imageops};
use serde::{Deserialize, Serialize};

use crate::digest::{Blake3, blake3_of};

/// JPEG quality, 1..=100: few visible marks at about a sixth of the PNG's size.
const JPEG_QUALITY: u8 = 92;

/// A picture format we write and check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lossless, the default.
    Png,
    /// Lossy, small.
    Jpeg,
    /// Written lossless.
    WebP,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::WebP];

    /// Name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
        }
    }

    /// Media type.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }

    /// File ending, without the dot.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
        }
    }

    /// By file ending, without the dot, in any case.
    pub fn from_ending(ending: &str) -> Option<Self> {
        match ending.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "webp" => Some(Self::WebP),
            _ => None,
        }
    }

    /// By the file's first bytes.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::WebP)
        } else {
            None
        }
    }

    /// Whether what we write decodes to the same pixels.
    pub const fn is_lossless(self) -> bool {
        !matches!(self, Self::Jpeg)
    }
}

/// Why pixels could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// Not `width × height × 3` bytes, or no pixels at all.
    #[error("`{width}`×`{height}` pixels need {} bytes of RGB, at least one pixel: there are `{len}`", u64::from(*width) * u64::from(*height) * 3)]
    Size {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Bytes given.
        len: usize,
    },
    /// The encoder refused; its words.
    #[error("the {} could not be written: {reason}", .format.name())]
    Write {
        /// The format asked for.
        format: Format,
        /// The encoder's words.
        reason: String,
    },
    /// The decoder refused; its words.
    #[error("the {} cannot be decoded: {reason}", .format.name())]
    Read {
        /// The format found.
        format: Format,
        /// The decoder's words.
        reason: String,
    },
}

/// Pixels in memory: RGB, 8 bits each, row by row.
#[derive(Clone, PartialEq, Eq)]
pub struct Rgb {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// `width × height × 3` bytes.
    pub bytes: Vec<u8>,
}

/// Refuses bytes that are not `width × height` RGB pixels.
pub(super) fn check_size(rgb: &[u8], width: u32, height: u32) -> Result<(), PictureError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels > 0 && pixels.checked_mul(3) == Some(rgb.len() as u64) {
        Ok(())
    } else {
        Err(PictureError::Size { width, height, len: rgb.len() })
    }
}

/// Encodes RGB pixels (8 bits each, row by row): PNG and WebP lossless, JPEG at quality 92.
pub fn encode(rgb: &[u8], width: u32, height: u32, format: Format) -> Result<Vec<u8>, PictureError> {
    check_size(rgb, width, height)?;
    let mut out = Vec::with_capacity(rgb.len() / 2);
    let color = ExtendedColorType::Rgb8;
    match format {
        Format::Png => PngEncoder::new_with_quality(&mut out, CompressionType::Default, FilterType::Adaptive)
            .write_image(rgb, width, height, color),
        Format::Jpeg => JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY).write_image(rgb, width, height, color),
        Format::WebP => WebPEncoder::new_lossless(&mut out).write_image(rgb, width, height, color),
    }
    .map_err(|e| PictureError::Write { format, reason: e.to_string() })?;
    Ok(out)
}

/// The same with transparency: `alpha` has one byte a pixel, 255 where it is opaque. JPEG has no place for it.
pub fn encode_transparent(rgb: &[u8], alpha: &[u8], width: u32, height: u32, format: Format) -> Result<Vec<u8>, PictureError> {
    check_size(rgb, width, height)?;
    let mut out = Vec::with_capacity(rgb.len() / 2);
    let (rgba, color) = (rgba(rgb, alpha), ExtendedColorType::Rgba8);
    match format {
        Format::Png => PngEncoder::new_with_quality(&mut out, CompressionType::Default, FilterType::Adaptive)
            .write_image(&rgba, width, height, color),
        Format::WebP => WebPEncoder::new_lossless(&mut out).write_image(&rgba, width, height, color),
        Format::Jpeg => return Err(PictureError::Write { format, reason: "it has no transparency".to_owned() }),
    }
    .map_err(|e| PictureError::Write { format, reason: e.to_string() })?;
    Ok(out)
}

fn rgba(rgb: &[u8], alpha: &[u8]) -> Vec<u8> {
    rgb.as_chunks::<3>().0.iter().zip(alpha).flat_map(|(&[r, g, b], &a)| [r, g, b, a]).collect()
}

/// blake3 of a picture's raw bytes, row by row: RGB, or RGBA where a part is transparent.
pub fn pixels_hash(rgb: &[u8], alpha: Option<&[u8]>) -> Blake3 {
    alpha.map_or_else(|| blake3_of(rgb), |alpha| blake3_of(&rgba(rgb, alpha)))
}

/// Encodes a picture of at most 256 colours as an indexed PNG, compressed as far as it goes.
pub fn encode_indexed(palette: &[[u8; 3]], pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, PictureError> {
    let failed = |reason: String| PictureError::Write { format: Format::Png, reason };
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.concat());
    // Filters suit numbers, not indices (PNG specification, 12.7).
    encoder.set_filter(png::Filter::NoFilter);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().map_err(|e| failed(e.to_string()))?;
    writer.write_image_data(pixels).and_then(|()| writer.finish()).map_err(|e| failed(e.to_string()))?;
    Ok(out)
}

/// Decodes to RGB, using at most `max_alloc` bytes; transparency is dropped. Look at the outline first.
pub fn decode(bytes: &[u8], format: Format, max_alloc: u64) -> Result<Rgb, PictureError> {
    let picture = decoded(bytes, format, max_alloc)?.into_rgb8();
    Ok(Rgb { width: picture.width(), height: picture.height(), bytes: picture.into_raw() })
}

/// The same with transparency, where a part is transparent.
pub fn decode_transparent(bytes: &[u8], format: Format, max_alloc: u64) -> Result<(Rgb, Option<Vec<u8>>), PictureError> {
    let picture = decoded(bytes, format, max_alloc)?;
    let alpha: Option<Vec<u8>> = picture.color().has_alpha().then(|| picture.to_rgba8().pixels().map(|p| p.0[3]).collect());
    let picture = picture.into_rgb8();
    let rgb = Rgb { width: picture.width(), height: picture.height(), bytes: picture.into_raw() };
    Ok((rgb, alpha.filter(|alpha| alpha.iter().any(|a| *a < 255))))
}

fn decoded(bytes: &[u8], format: Format, max_alloc: u64) -> Result<DynamicImage, PictureError> {
    let kind = match format {
        Format::Png => ImageFormat::Png,
        Format::Jpeg => ImageFormat::Jpeg,
        Format::WebP => ImageFormat::WebP,
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), kind);
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(max_alloc);
    reader.limits(limits);
    reader.decode().map_err(|e| PictureError::Read { format, reason: e.to_string() })
}

/// The whole picture within `width × height`, centred on white, its proportions kept: how a registered work of any size is handed to a
/// model. A picture of that size already comes back as it is.
pub fn fit(rgb: &Rgb, width: u32, height: u32) -> Vec<u8> {
    if (rgb.width, rgb.height) == (width, height) {
        return rgb.bytes.clone();
    }
    let Some(picture) = RgbImage::from_raw(rgb.width, rgb.height, rgb.bytes.clone()) else {
        return vec![255; width as usize * height as usize * 3];
    };
    let scale = f64::min(f64::from(width) / f64::from(rgb.width), f64::from(height) / f64::from(rgb.height));
    let side = |n: u32, most: u32| ((f64::from(n) * scale).round() as u32).clamp(1, most);
    let small = imageops::resize(&picture, side(rgb.width, width), side(rgb.height, height), imageops::FilterType::Triangle);
    let mut sheet = RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    let (x, y) = ((width - small.width()) / 2, (height - small.height()) / 2);
    imageops::replace(&mut sheet, &small, i64::from(x), i64::from(y));
    sheet.into_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_picture_is_fitted_on_white_and_a_fitting_one_is_left_alone() {
        let red = Rgb { width: 200, height: 50, bytes: [255, 0, 0].repeat(200 * 50) };
        let fitted = fit(&red, 64, 64);
        let at = |x: usize, y: usize| &fitted[(y * 64 + x) * 3..][..3];
        assert_eq!((at(0, 0), at(32, 32), at(63, 63)), (&[255, 255, 255][..], &[255, 0, 0][..], &[255, 255, 255][..]));
        let same = Rgb { width: 2, height: 1, bytes: vec![1, 2, 3, 4, 5, 6] };
        assert_eq!(fit(&same, 2, 1), same.bytes);
    }

    #[test]
    fn lossless_formats_give_the_pixels_back_and_the_same_bytes() {
        let rgb: Vec<u8> = (0..9 * 5 * 3).map(|i| (i * 31 % 256) as u8).collect();
        for format in Format::ALL {
            let first = encode(&rgb, 9, 5, format).unwrap();
            assert_eq!(first, encode(&rgb, 9, 5, format).unwrap());
            let back = decode(&first, format, 1 << 20).unwrap();
            assert_eq!((back.width, back.height), (9, 5));
            assert_eq!(back.bytes == rgb, format.is_lossless());
            assert_eq!(Format::sniff(&first), Some(format));
            assert_eq!(Format::from_ending(&format.ending().to_uppercase()), Some(format));
        }
    }

    #[test]
    fn transparency_is_kept_where_there_is_a_place_for_it() {
        let (rgb, alpha) = (vec![7; 12], [255, 0, 9, 255]);
        for format in [Format::Png, Format::WebP] {
            let file = encode_transparent(&rgb, &alpha, 2, 2, format).unwrap();
            let (back, clear) = decode_transparent(&file, format, 1 << 20).unwrap();
            assert_eq!((&back.bytes, clear.as_deref()), (&rgb, Some(&alpha[..])), "{format:?}");
            let opaque = encode_transparent(&rgb, &[255; 4], 2, 2, format).unwrap();
            assert_eq!(decode_transparent(&opaque, format, 1 << 20).unwrap().1, None);
        }
        assert!(encode_transparent(&rgb, &alpha, 2, 2, Format::Jpeg).is_err());
        assert_ne!(pixels_hash(&rgb, Some(&alpha)), pixels_hash(&rgb, None));
    }

    #[test]
    fn wrong_sizes_are_refused() {
        for (width, height, len) in [(0, 0, 0), (2, 2, 11), (2, 2, 13), (u32::MAX, u32::MAX, 3)] {
            assert!(matches!(encode(&vec![0; len], width, height, Format::Png), Err(PictureError::Size { .. })));
        }
    }
}
