//! IPTC IIM 4.2, record 2: `0x1C`, record, dataset, length, value.

use super::{Metadata, Property};

pub(super) fn read(block: &[u8], found: &mut Metadata) {
    let (mut at, mut utf8) = (0, false);
    while block.get(at) == Some(&0x1C) {
        let (Some(&record), Some(&dataset)) = (block.get(at + 1), block.get(at + 2)) else { return };
        let Some(length) = block.get(at + 3..at + 5).map(|l| usize::from(l[0]) << 8 | usize::from(l[1])) else { return };
        // The top bit announces lengths that no text of ours has.
        let Some(value) = block.get(at + 5..at + 5 + length).filter(|_| length < 0x8000) else { return };
        at += 5 + length;
        if (record, dataset) == (1, 90) {
            utf8 = value == b"\x1b%G";
            continue;
        }
        let (property, place) = match (record, dataset) {
            (2, 5) => (Property::Title, "IPTC 2:05 Object Name"),
            (2, 25) => (Property::Keyword, "IPTC 2:25 Keywords"),
            (2, 55) => (Property::Created, "IPTC 2:55 Date Created"),
            (2, 80) => (Property::Creator, "IPTC 2:80 By-line"),
            (2, 115) => (Property::Source, "IPTC 2:115 Source"),
            (2, 116) => (Property::Rights, "IPTC 2:116 Copyright Notice"),
            _ => continue,
        };
        let text = if utf8 || value.is_ascii() {
            String::from_utf8_lossy(value).into_owned()
        } else {
            value.iter().map(|b| char::from(*b)).collect()
        };
        found.add(property, &text, place);
    }
}
