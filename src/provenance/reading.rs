//! A picture that somebody hands in → its pixels, upright, 8 bits each. What would be read wrongly is refused in words before it is decoded:
//! animations, 16 bits a channel, CMYK, pictures that are too large. Not verified here (see [`verify`](super::verify())).

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, metadata::Orientation};

use super::container::{OutlineError, outline};
use super::encode::{Format, PictureError, Rgb};

/// Longest side of a picture that is handed in, in pixels.
pub const MOST_SIDE: u32 = 4096;
/// Memory that decoding one may take.
const DECODE_BYTES: u64 = 256 << 20;

/// A picture as it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Reading {
    /// Its pixels, upright; where it is transparent, its colours on white.
    pub rgb: Rgb,
    /// One byte a pixel, 255 where it is opaque; none where it is opaque all over.
    pub alpha: Option<Vec<u8>>,
    /// What it was before.
    pub format: Format,
    /// Whether its EXIF record had it turned or mirrored.
    pub turned: bool,
}

/// Why a picture can't be taken; says what to hand in instead.
#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    /// Not a picture, or cut short.
    #[error(transparent)]
    Outline(#[from] OutlineError),
    /// Its data does not decode.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// More pixels than are taken.
    #[error("the picture is {0}×{1} pixels: hand in at most {MOST_SIDE} on a side")]
    Large(u32, u32),
    /// Several pictures in one file.
    #[error("the file is an animation: hand in one of its pictures as a file of its own")]
    Animated,
    /// 12 or 16 bits.
    #[error("the picture has {0} bits a channel: save it with 8 bits a channel")]
    Depth(u8),
    /// Four channels of ink.
    #[error("the picture is in CMYK, made for printing: convert it to RGB (sRGB) and save it again")]
    Cmyk,
}

/// Reads a picture. Costs time and memory by its size, at most [`MOST_SIDE`]²: wants a thread that may block.
pub fn read_picture(bytes: &[u8]) -> Result<Reading, ReadingError> {
    let found = outline(bytes)?;
    if found.width > MOST_SIDE || found.height > MOST_SIDE {
        return Err(ReadingError::Large(found.width, found.height));
    }
    check(bytes, found.format)?;
    let format = found.format;
    let failed = |e: image::ImageError| PictureError::Read { format, reason: e.to_string() };
    let kind = match format {
        Format::Png => ImageFormat::Png,
        Format::Jpeg => ImageFormat::Jpeg,
        Format::WebP => ImageFormat::WebP,
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), kind);
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODE_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    picture.apply_orientation(orientation);
    let (width, height) = (picture.width(), picture.height());
    let rgba = picture.into_rgba8().into_raw();
    let (pixels, _) = rgba.as_chunks::<4>();
    let opaque = pixels.iter().all(|p| p[3] == 255);
    let rgb = pixels.iter().flat_map(|p| [p[0], p[1], p[2]].map(|c| on_white(c, p[3]))).collect();
    Ok(Reading {
        rgb: Rgb { width, height, bytes: rgb },
        alpha: (!opaque).then(|| pixels.iter().map(|p| p[3]).collect()),
        format,
        turned: orientation != Orientation::NoTransforms,
    })
}

/// RGB pixels with one byte of opacity each, laid on white paper.
pub fn laid_on_white(rgb: &[u8], alpha: &[u8]) -> Vec<u8> {
    let pixels = rgb.as_chunks::<3>().0.iter().zip(alpha);
    pixels.flat_map(|(pixel, &alpha)| pixel.map(|colour| on_white(colour, alpha))).collect()
}

/// A colour laid on white paper.
fn on_white(colour: u8, alpha: u8) -> u8 {
    let (c, a) = (u32::from(colour), u32::from(alpha));
    ((c * a + 255 * (255 - a) + 127) / 255) as u8
}

/// What the headers say that a decoder would pass over.
fn check(bytes: &[u8], format: Format) -> Result<(), ReadingError> {
    match format {
        Format::Png => png(bytes),
        Format::Jpeg => jpeg(bytes),
        Format::WebP if is_animated_webp(bytes) => Err(ReadingError::Animated),
        Format::WebP => Ok(()),
    }
}

/// PNG: the depth in `IHDR`; `acTL` before the data makes it an animation (PNG 3rd edition, §11.3.5.1).
fn png(bytes: &[u8]) -> Result<(), ReadingError> {
    if bytes.get(24).is_some_and(|depth| *depth > 8) {
        return Err(ReadingError::Depth(16));
    }
    let mut at = 8usize;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        match &head[4..] {
            b"acTL" => return Err(ReadingError::Animated),
            b"IDAT" => break,
            _ => at = at.saturating_add(12).saturating_add(length),
        }
    }
    Ok(())
}

/// JPEG: precision and number of components in the frame header (ITU-T T.81 B.2.2).
fn jpeg(bytes: &[u8]) -> Result<(), ReadingError> {
    let mut at = 2usize;
    while let Some(head) = bytes.get(at..at + 4) {
        if head[0] != 0xff || head[1] == 0xda {
            break;
        }
        if matches!(head[1], 0xff | 0x01 | 0xd0..=0xd8) {
            at += if head[1] == 0xff { 1 } else { 2 };
            continue;
        }
        if matches!(head[1], 0xc0..=0xcf) && !matches!(head[1], 0xc4 | 0xc8 | 0xcc) {
            if let Some(depth) = bytes.get(at + 4).filter(|depth| **depth != 8) {
                return Err(ReadingError::Depth(*depth));
            }
            if bytes.get(at + 9).is_some_and(|components| *components == 4) {
                return Err(ReadingError::Cmyk);
            }
            break;
        }
        at += 2 + usize::from(u16::from_be_bytes([head[2], head[3]]));
    }
    Ok(())
}

/// WebP: the animation bit of `VP8X` (RFC 9649 §2.7).
fn is_animated_webp(bytes: &[u8]) -> bool {
    bytes.get(12..16) == Some(b"VP8X") && bytes.get(20).is_some_and(|flags| flags & 0b10 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::encode::encode;

    fn said(bytes: &[u8]) -> String {
        match read_picture(bytes) {
            Ok(_) => "read".to_owned(),
            Err(e) => e.to_string(),
        }
    }

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let crc = crc32fast::hash(&[&kind[..], data].concat());
        [&(data.len() as u32).to_be_bytes()[..], kind, data, &crc.to_be_bytes()].concat()
    }

    fn png_of(color: png::ColorType, depth: png::BitDepth, data: &[u8], side: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, side, side);
        encoder.set_color(color);
        encoder.set_depth(depth);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        writer.finish().unwrap();
        out
    }

    #[test]
    fn every_format_is_read() {
        let rgb: Vec<u8> = (0..9 * 5 * 3).map(|i| (i * 31 % 256) as u8).collect();
        for format in Format::ALL {
            let read = read_picture(&encode(&rgb, 9, 5, format).unwrap()).unwrap();
            assert_eq!((read.rgb.width, read.rgb.height, read.alpha, read.turned), (9, 5, None, false));
            assert_eq!(read.rgb.bytes == rgb, format.is_lossless());
        }
    }

    #[test]
    fn what_would_be_read_wrongly_is_refused_in_words() {
        assert!(said(b"GIF89a").contains("not a PNG, JPEG or WebP"));
        assert!(said(&encode(&[0; 3], 1, 1, Format::Png).unwrap()[..40]).contains("cut short"));
        let deep = png_of(png::ColorType::Rgb, png::BitDepth::Sixteen, &[0; 6], 1);
        assert!(said(&deep).contains("16 bits a channel"));
        let still = encode(&[9; 12], 2, 2, Format::Png).unwrap();
        let moving = [&still[..33], &chunk(b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]), &still[33..]].concat();
        assert!(said(&moving).contains("an animation"));
        assert_eq!(said(&still), "read");
        let wide = png_of(png::ColorType::Grayscale, png::BitDepth::One, &vec![0; 4097usize.div_ceil(8) * 4097], 4097);
        assert!(said(&wide).contains("4097×4097"));
        // A frame header with four components, and one with twelve bits.
        let mut jpeg = encode(&[9; 12], 2, 2, Format::Jpeg).unwrap();
        let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
        jpeg[frame + 9] = 4;
        assert!(said(&jpeg).contains("CMYK"));
        (jpeg[frame + 9], jpeg[frame + 4]) = (3, 12);
        assert!(said(&jpeg).contains("12 bits"));
        let mut webp = encode(&[9; 12], 2, 2, Format::WebP).unwrap();
        let head = [&b"VP8X"[..], &10u32.to_le_bytes(), &[0b10, 0, 0, 0, 1, 0, 0, 1, 0, 0]].concat();
        webp.splice(12..12, head);
        let size = (webp.len() as u32 - 8).to_le_bytes();
        webp[4..8].copy_from_slice(&size);
        assert!(said(&webp).contains("an animation"));
    }

    #[test]
    fn transparent_pixels_are_laid_on_white_and_kept_apart() {
        let rgba = [255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 128, 0, 255, 0, 255];
        let read = read_picture(&png_of(png::ColorType::Rgba, png::BitDepth::Eight, &rgba, 2)).unwrap();
        assert_eq!(read.alpha, Some(vec![255, 0, 128, 255]));
        assert_eq!(read.rgb.bytes, [255, 0, 0, 255, 255, 255, 127, 127, 127, 0, 255, 0]);
    }

    #[test]
    fn a_turned_photograph_is_set_upright() {
        // Left red, right blue; EXIF says that its first row is the right-hand side.
        let rgb = [[255, 0, 0].repeat(8), [0, 0, 255].repeat(8)].concat().repeat(16);
        let jpeg = encode(&rgb, 16, 16, Format::Jpeg).unwrap();
        let tiff = [&b"II*\0"[..], &8u32.to_le_bytes(), &[1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]].concat();
        let body = [&b"Exif\0\0"[..], &tiff].concat();
        let app1 = [&[0xff, 0xe1][..], &(body.len() as u16 + 2).to_be_bytes(), &body].concat();
        let read = read_picture(&[&jpeg[..2], &app1, &jpeg[2..]].concat()).unwrap();
        assert!(read.turned);
        let top = &read.rgb.bytes[..3];
        assert!(top[0] > 200 && top[2] < 60, "red is on top: {top:?}");
    }
}
