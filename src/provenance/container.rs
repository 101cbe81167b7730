//! The outline of a picture file: format, size in pixels, whether it is whole, how large its credentials are. Read from headers and
//! lengths alone, before anything is decompressed, so that a bomb is refused at the cost of its first bytes. Not a decoder.

use super::encode::Format;

/// What the headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// The format.
    pub format: Format,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Bytes of embedded credentials, all segments together.
    pub manifest_bytes: usize,
}

/// Why a file has no outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutlineError {
    /// Neither PNG, JPEG nor WebP.
    #[error("this is not a PNG, JPEG or WebP picture")]
    Unknown,
    /// The file ends before the picture does.
    #[error("the {} is cut short: it ends before its picture does, so fetch it again", .0.name())]
    CutShort(Format),
    /// The headers contradict the format.
    #[error("the {} is broken: its headers make no sense", .0.name())]
    Broken(Format),
}

/// Reads the outline of `bytes`.
pub fn outline(bytes: &[u8]) -> Result<Outline, OutlineError> {
    let format = Format::sniff(bytes).ok_or(OutlineError::Unknown)?;
    let (width, height, manifest_bytes) = match format {
        Format::Png => png(bytes)?,
        Format::Jpeg => jpeg(bytes)?,
        Format::WebP => webp(bytes)?,
    };
    if width == 0 || height == 0 {
        return Err(OutlineError::Broken(format));
    }
    Ok(Outline { format, width, height, manifest_bytes })
}

/// `N` bytes at `at`, if they are there.
fn take<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// PNG (ISO/IEC 15948 §5): signature, then chunks of length, type, data, check value, up to `IEND`.
fn png(bytes: &[u8]) -> Result<(u32, u32, usize), OutlineError> {
    let (cut, broken) = (OutlineError::CutShort(Format::Png), OutlineError::Broken(Format::Png));
    let (mut at, mut size, mut manifest) = (8, None, 0usize);
    loop {
        let length = u32::from_be_bytes(take(bytes, at).ok_or(cut)?) as usize;
        let kind: [u8; 4] = take(bytes, at + 4).ok_or(cut)?;
        if length > i32::MAX as usize || !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(broken);
        }
        if kind == *b"IHDR" {
            let side = |offset| take(bytes, at + offset).map(u32::from_be_bytes).ok_or(cut);
            size = Some((side(8)?, side(12)?));
        } else if size.is_none() {
            return Err(broken);
        }
        if kind == *b"caBX" {
            manifest = manifest.saturating_add(length);
        }
        at += 12 + length;
        if at > bytes.len() {
            return Err(cut);
        }
        if kind == *b"IEND" {
            let (width, height) = size.ok_or(broken)?;
            return Ok((width, height, manifest));
        }
    }
}

/// JPEG (ITU-T T.81 annex B): markers, each with a length, and entropy-coded data after each `SOS`, up to `EOI`.
fn jpeg(bytes: &[u8]) -> Result<(u32, u32, usize), OutlineError> {
    let (cut, broken) = (OutlineError::CutShort(Format::Jpeg), OutlineError::Broken(Format::Jpeg));
    let (mut at, mut size, mut manifest) = (2, None, 0usize);
    loop {
        let [lead] = take(bytes, at).ok_or(cut)?;
        if lead != 0xff {
            return Err(broken);
        }
        let [marker] = take(bytes, at + 1).ok_or(cut)?;
        at += 2;
        match marker {
            0xff => at -= 1,         // a fill byte
            0x01 | 0xd0..=0xd7 => {} // markers that stand alone
            0xd9 => break,           // end of image
            0x00 | 0xd8 => return Err(broken),
            _ => {
                let length = usize::from(u16::from_be_bytes(take(bytes, at).ok_or(cut)?));
                if length < 2 {
                    return Err(broken);
                }
                if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
                    let side = |offset| take(bytes, at + offset).map(u16::from_be_bytes).ok_or(cut);
                    size = Some((u32::from(side(5)?), u32::from(side(3)?)));
                }
                if marker == 0xeb {
                    manifest = manifest.saturating_add(length);
                }
                at += length;
                if marker == 0xda {
                    at = entropy_end(bytes, at).ok_or(cut)?;
                }
            }
        }
    }
    let (width, height) = size.ok_or(broken)?;
    Ok((width, height, manifest))
}

/// The next marker that is neither a stuffed byte nor a restart.
fn entropy_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|b| *b == 0xff)?;
        match bytes.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}

/// WebP (RFC 9649): a RIFF file of chunks; the size is in `VP8X`, `VP8L` or `VP8 `, and the largest one said counts.
fn webp(bytes: &[u8]) -> Result<(u32, u32, usize), OutlineError> {
    let (cut, broken) = (OutlineError::CutShort(Format::WebP), OutlineError::Broken(Format::WebP));
    let end = (u32::from_le_bytes(take(bytes, 4).ok_or(cut)?) as usize).saturating_add(8);
    if end > bytes.len() {
        return Err(cut);
    }
    let (mut at, mut width, mut height, mut picture, mut manifest) = (12, 0, 0, false, 0usize);
    while at + 8 <= end {
        let kind: [u8; 4] = take(bytes, at).ok_or(cut)?;
        let length = u32::from_le_bytes(take(bytes, at + 4).ok_or(cut)?) as usize;
        let data = bytes.get(at + 8..(at + 8).saturating_add(length)).ok_or(cut)?;
        let size = match &kind {
            b"VP8X" => take::<6>(data, 4)
                .map(|[a, b, c, d, e, f]| (u32::from_le_bytes([a, b, c, 0]) + 1, u32::from_le_bytes([d, e, f, 0]) + 1)),
            b"VP8L" => take(data, 1).map(u32::from_le_bytes).map(|v| ((v & 0x3fff) + 1, (v >> 14 & 0x3fff) + 1)),
            b"VP8 " => take::<4>(data, 6).map(|[a, b, c, d]| {
                (u32::from(u16::from_le_bytes([a, b]) & 0x3fff), u32::from(u16::from_le_bytes([c, d]) & 0x3fff))
            }),
            b"C2PA" => {
                manifest = manifest.saturating_add(length);
                Some((0, 0))
            }
            _ => Some((0, 0)),
        };
        let (w, h) = size.ok_or(broken)?;
        picture |= matches!(&kind, b"VP8L" | b"VP8 " | b"ANMF");
        (width, height) = (width.max(w), height.max(h));
        at += 8 + length + length % 2;
    }
    if picture { Ok((width, height, manifest)) } else { Err(cut) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::encode::encode;

    fn sample(format: Format) -> Vec<u8> {
        let rgb: Vec<u8> = (0..40 * 24 * 3).map(|i| (i * 7 % 256) as u8).collect();
        encode(&rgb, 40, 24, format).unwrap()
    }

    #[test]
    fn reads_the_size_of_every_format() {
        for format in Format::ALL {
            let found = outline(&sample(format)).unwrap();
            assert_eq!((found.format, found.width, found.height, found.manifest_bytes), (format, 40, 24, 0));
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        for format in Format::ALL {
            let whole = sample(format);
            for end in 12..whole.len() {
                let found = outline(&whole[..end]).unwrap_err();
                assert_eq!(found, OutlineError::CutShort(format), "{format:?} cut at {end} of {}", whole.len());
            }
        }
    }

    #[test]
    fn other_files_are_refused() {
        for bytes in [&b""[..], b"GIF89a", b"\x89PNG", b"RIFF\0\0\0\0WAVE", b"%PDF-1.7", &[0xff, 0xd8]] {
            assert!(outline(bytes).is_err());
        }
        assert_eq!(outline(b"\x89PNG\r\n\x1a\n\0\0\0\0IENDxxxx"), Err(OutlineError::Broken(Format::Png)));
    }
}
