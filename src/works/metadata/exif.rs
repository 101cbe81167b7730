//! EXIF (CIPA DC-008): artist, copyright, description and the moment of taking.

use exif::{In, Reader, Tag, Value};

use super::{Field, Metadata};

pub(super) fn read(block: Vec<u8>, found: &mut Metadata) {
    let Ok(read) = Reader::new().read_raw(block) else { return };
    let tags = [
        (Tag::ImageDescription, Field::Title, "EXIF ImageDescription"),
        (Tag::Artist, Field::Creator, "EXIF Artist"),
        (Tag::Copyright, Field::Rights, "EXIF Copyright"),
        (Tag::DateTimeOriginal, Field::Created, "EXIF DateTimeOriginal"),
    ];
    for (tag, field, place) in tags {
        let Some(Value::Ascii(parts)) = read.get_field(tag, In::PRIMARY).map(|f| &f.value) else { continue };
        for part in parts {
            // Artists are parted by semicolons; a date is written 2026:11:26 10:00:00.
            let text = String::from_utf8_lossy(part).into_owned();
            match field {
                Field::Creator => text.split(';').for_each(|name| found.add(field, name, place)),
                Field::Created => found.add(field, &text.replacen(':', "-", 2), place),
                _ => found.add(field, &text, place),
            }
        }
    }
}
