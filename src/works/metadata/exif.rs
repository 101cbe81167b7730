//! EXIF (CIPA DC-008): artist, copyright, description and the moment of taking.

use exif::{In, Reader, Tag, Value};

use super::{Metadata, Property};

pub(super) fn read(block: Vec<u8>, found: &mut Metadata) {
    let Ok(read) = Reader::new().read_raw(block) else { return };
    let tags = [
        (Tag::ImageDescription, Property::Title, "EXIF ImageDescription"),
        (Tag::Artist, Property::Creator, "EXIF Artist"),
        (Tag::Copyright, Property::Rights, "EXIF Copyright"),
        (Tag::DateTimeOriginal, Property::Created, "EXIF DateTimeOriginal"),
    ];
    for (tag, property, place) in tags {
        let Some(Value::Ascii(parts)) = read.get_field(tag, In::PRIMARY).map(|f| &f.value) else { continue };
        for part in parts {
            // Artists are parted by semicolons; a date is written 2026:11:26 10:00:00.
            let text = String::from_utf8_lossy(part).into_owned();
            match property {
                Property::Creator => text.split(';').for_each(|name| found.add(property, name, place)),
                Property::Created => found.add(property, &text.replacen(':', "-", 2), place),
                _ => found.add(property, &text, place),
            }
        }
    }
}
