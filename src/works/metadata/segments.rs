//! The blocks of metadata in a picture file, by its lengths alone: nothing is decoded and nothing is trusted.

use super::{BYTES, Property};

/// Blocks of one file.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// XMP packets and an SVG's RDF.
    pub xmp: Vec<(&'static str, Vec<u8>)>,
    /// The TIFF structure of EXIF.
    pub exif: Option<Vec<u8>>,
    /// IIM datasets.
    pub iim: Option<Vec<u8>>,
    /// Text chunks.
    pub texts: Vec<(Property, String, &'static str)>,
}

pub(super) const XMP: &str = "XMP";
pub(super) const SVG: &str = "SVG RDF";

pub(super) fn split(bytes: &[u8]) -> Parts {
    let mut parts = Parts::default();
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        png(bytes, &mut parts);
    } else if bytes.starts_with(&[0xFF, 0xD8]) {
        jpeg(bytes, &mut parts);
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        webp(bytes, &mut parts);
    } else if is_svg(bytes) {
        parts.xmp.push((SVG, bytes.to_vec()));
    }
    parts
}

/// Whether it begins as an SVG file does: `<svg` within what may stand before a root element.
pub fn is_svg(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(4096)];
    let text = String::from_utf8_lossy(head);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let root = ["<svg", "<svg:svg", ":svg"].iter().any(|root| start.contains(root));
    start.starts_with('<') && root && !head.contains(&0)
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// PNG (ISO/IEC 15948): `iTXt` with XMP, `eXIf`, and the keywords of `tEXt` and uncompressed `iTXt`.
fn png(bytes: &[u8], parts: &mut Parts) {
    let mut at = 8;
    while let (Some(length), Some(kind)) = (number::<4>(bytes, at), number::<4>(bytes, at + 4)) {
        let length = u32::from_be_bytes(length) as usize;
        let Some(data) = at.checked_add(8).and_then(|from| bytes.get(from..from.checked_add(length)?)) else { return };
        if length <= BYTES {
            match &kind {
                b"eXIf" => parts.exif = Some(data.to_vec()),
                b"iTXt" => itxt(data, parts),
                b"tEXt" => {
                    if let Some(end) = data.iter().position(|b| *b == 0) {
                        // Latin-1, as the standard says.
                        text(&data[..end], data[end + 1..].iter().map(|b| char::from(*b)).collect(), parts);
                    }
                }
                _ => {}
            }
        }
        at += 12 + length;
    }
}

fn itxt(data: &[u8], parts: &mut Parts) {
    // Keyword, 0, compressed?, method, language, 0, translated keyword, 0, text.
    let Some(end) = data.iter().position(|b| *b == 0) else { return };
    if data.get(end + 1) != Some(&0) {
        return;
    }
    let rest = &data[(end + 3).min(data.len())..];
    let mut zeros = rest.iter().enumerate().filter(|(_, b)| **b == 0).map(|(at, _)| at);
    let (Some(_), Some(second)) = (zeros.next(), zeros.next()) else { return };
    let value = &rest[second + 1..];
    if &data[..end] == b"XML:com.adobe.xmp" {
        parts.xmp.push((XMP, value.to_vec()));
    } else {
        text(&data[..end], String::from_utf8_lossy(value).into_owned(), parts);
    }
}

fn text(keyword: &[u8], value: String, parts: &mut Parts) {
    let (property, place) = match keyword {
        b"Title" => (Property::Title, "PNG Title"),
        b"Author" => (Property::Creator, "PNG Author"),
        b"Copyright" => (Property::Rights, "PNG Copyright"),
        b"Source" => (Property::Source, "PNG Source"),
        b"Creation Time" => (Property::Created, "PNG Creation Time"),
        _ => return,
    };
    parts.texts.push((property, value, place));
}

/// JPEG (ISO/IEC 10918-1): APP1 holds EXIF or XMP, APP13 the resources of which 0x0404 are the IIM datasets.
fn jpeg(bytes: &[u8], parts: &mut Parts) {
    let mut at = 2;
    while let Some([0xFF, marker]) = number::<2>(bytes, at) {
        match marker {
            0xFF => {
                at += 1;
                continue;
            }
            0x01 | 0xD0..=0xD8 => {
                at += 2;
                continue;
            }
            // Pixels begin, or the file ends.
            0xDA | 0xD9 => return,
            _ => {}
        }
        let Some(length) = number::<2>(bytes, at + 2).map(u16::from_be_bytes) else { return };
        let Some(data) = bytes.get(at + 4..at + 2 + usize::from(length)) else { return };
        if marker == 0xE1 {
            if let Some(packet) = data.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
                parts.xmp.push((XMP, packet.to_vec()));
            } else if let Some(block) = data.strip_prefix(b"Exif\0\0") {
                parts.exif = Some(block.to_vec());
            }
        } else if marker == 0xED
            && let Some(block) = data.strip_prefix(b"Photoshop 3.0\0")
        {
            parts.iim = resource(block).or(parts.iim.take());
        }
        at += 2 + usize::from(length);
    }
}

/// The data of Photoshop resource 0x0404: `8BIM`, number, a padded name, a length, padded data.
fn resource(block: &[u8]) -> Option<Vec<u8>> {
    let mut at = 0;
    while block.get(at..at + 4)? == b"8BIM" {
        let id = u16::from_be_bytes(number(block, at + 4)?);
        let name = usize::from(*block.get(at + 6)?) + 1;
        let from = at + 6 + name + name % 2;
        let length = u32::from_be_bytes(number(block, from)?) as usize;
        let data = block.get(from + 4..from.checked_add(4)?.checked_add(length)?)?;
        if id == 0x0404 {
            return Some(data.to_vec());
        }
        at = from + 4 + length + length % 2;
    }
    None
}

/// WebP (RFC 9649): chunks `EXIF` and `XMP `.
fn webp(bytes: &[u8], parts: &mut Parts) {
    let mut at = 12;
    while let (Some(kind), Some(length)) = (number::<4>(bytes, at), number::<4>(bytes, at + 4)) {
        let length = u32::from_le_bytes(length) as usize;
        let Some(data) = at.checked_add(8).and_then(|from| bytes.get(from..from.checked_add(length)?)) else { return };
        if length <= BYTES {
            match &kind {
                b"EXIF" => parts.exif = Some(data.strip_prefix(b"Exif\0\0").unwrap_or(data).to_vec()),
                b"XMP " => parts.xmp.push((XMP, data.to_vec())),
                _ => {}
            }
        }
        at += 8 + length + length % 2;
    }
}
