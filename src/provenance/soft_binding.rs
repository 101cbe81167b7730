//! The soft binding of an image, and the name of its manifest: what leads from a picture without credentials back to them. The
//! assertion `c2pa.soft-binding` (C2PA 2.4 §18.10) with the picture's ISCC, the manifest's URN made from the image's id (§8.1),
//! and manifest stores taken out of files. Not the looking: which picture is like which is `likeness`'.
//!
//! A URN of c2pa holds a UUID of version 4, of which 122 bits are free, and an id has 128: the topmost six of its milliseconds
//! are left out. They are nought until the year 2109, so each name leads back to its id.

use std::panic::{AssertUnwindSafe, catch_unwind};

use c2pa::Builder;
use serde::{Deserialize, Serialize, Serializer};

use super::container::outline;
use crate::id::ImageId;
use crate::likeness::Iscc;

/// ISO 24138 in C2PA's list of soft binding algorithms. Its value is a sequence of units, header and bits (IEP-0020).
pub const ALGORITHM: &str = "io.iscc.v0";
/// Media type of a manifest store (C2PA 2.4 §11.4).
pub const MEDIA_TYPE: &str = "application/c2pa";
/// Of the assertion.
pub(super) const LABEL: &str = "c2pa.soft-binding";
/// Before the UUID of a manifest.
const URN: &str = "urn:c2pa:";
/// Manifest stores larger than this are not taken out.
const MOST: usize = 8 << 20;

/// The assertion, as it is written. The engine's own struct writes `value` as text, and the specification asks for bytes.
#[derive(Serialize)]
struct SoftBinding {
    alg: &'static str,
    blocks: [Block; 1],
}

#[derive(Serialize)]
struct Block {
    scope: Whole,
    #[serde(serialize_with = "as_bytes")]
    value: [u8; 34],
}

/// No part in particular.
#[derive(Serialize)]
struct Whole {}

fn as_bytes<S: Serializer>(value: &[u8; 34], s: S) -> Result<S::Ok, S::Error> {
    s.serialize_bytes(value)
}

/// The same as the engine reads it: bytes are numbers then.
#[derive(Deserialize)]
pub(super) struct SoftBindingRead {
    alg: String,
    blocks: Vec<BlockRead>,
}

#[derive(Deserialize)]
struct BlockRead {
    value: Vec<u8>,
}

impl SoftBindingRead {
    /// The picture's code, where one is given.
    pub(super) fn iscc(&self) -> Option<Iscc> {
        let mut values = self.blocks.iter().filter(|_| self.alg == ALGORITHM);
        values.find_map(|block| Iscc::of_sequence(&block.value)?.into_iter().next())
    }
}

/// Adds the assertion to what is to be signed. By the builder and not in the definition, which is JSON and knows no bytes.
pub(super) fn add(builder: &mut Builder, iscc: &Iscc) -> c2pa::Result<()> {
    let binding = SoftBinding { alg: ALGORITHM, blocks: [Block { scope: Whole {}, value: iscc.to_unit() }] };
    builder.add_assertion(LABEL, &binding)?;
    // Ours, as the others are: not gathered from elsewhere.
    if let Some(added) = builder.definition.assertions.last_mut() {
        added.created = true;
    }
    Ok(())
}

/// Bits of an id's random part, and of a UUID's part after its variant.
const RANDOM: u32 = 80;
const TAIL: u32 = 62;
/// Version 4 and the variant of RFC 9562, where they stand in a UUID.
const VERSION: u128 = 4 << 76;
const VARIANT: u128 = 2 << 62;
/// The free bits between version and variant.
const MIDDLE: u128 = 0xfff;

/// The name of an image's manifest: `urn:c2pa:` and a UUID.
pub fn manifest_id(image: ImageId) -> String {
    let free = u128::from_be_bytes(image.to_bytes()) & ((1 << (RANDOM + 42)) - 1);
    let (head, middle, tail) = (free >> 74, free >> TAIL & MIDDLE, free & ((1 << TAIL) - 1));
    let hex = format!("{:032x}", head << 80 | VERSION | middle << 64 | VARIANT | tail);
    format!("{URN}{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The image whose manifest has this name, if one of ours could. Letters may be large or small.
pub fn image_of_manifest(id: &str) -> Option<ImageId> {
    let hex = id.strip_prefix(URN)?.replace('-', "");
    let bytes: [u8; 16] = hex::decode(hex).ok()?.try_into().ok()?;
    let uuid = u128::from_be_bytes(bytes);
    let free = uuid >> 80 << 74 | (uuid >> 64 & MIDDLE) << TAIL | uuid & ((1 << TAIL) - 1);
    let image = ImageId::from_bytes(free.to_be_bytes());
    // Another version, another variant or hyphens elsewhere: not a name that was given here.
    (manifest_id(image) == id.to_ascii_lowercase()).then_some(image)
}

/// The manifest store in a file, as it is embedded (JUMBF). None for a file without, or with one that can't be taken out.
pub fn manifest_store(file: &[u8]) -> Option<Vec<u8>> {
    let found = outline(file).ok().filter(|found| found.manifest_bytes > 0 && found.manifest_bytes <= MOST)?;
    // The engine reads hostile bytes; should it stumble, there is nothing.
    let load = || c2pa::jumbf_io::load_jumbf_from_memory(found.format.mime(), file).ok();
    catch_unwind(AssertUnwindSafe(load)).ok().flatten()
}

/// The manifests in a store, each with its name, whole; the active one is the last (C2PA 2.4 §15.5.1). Of a broken store those
/// before the break.
pub fn manifests(store: &[u8]) -> Vec<(String, &[u8])> {
    let inner = boxes(store).next().filter(|outer| kind(outer) == b"jumb").map_or(&[][..], |outer| &outer[HEAD..]);
    boxes(inner).filter_map(|manifest| Some((label(manifest)?, manifest))).collect()
}

/// A store with the active manifest alone. What it was made from stands in the others, so a reader misses those.
pub fn active_alone(store: &[u8]) -> Option<Vec<u8>> {
    let outer = boxes(store).next()?;
    let (_, active) = manifests(store).pop()?;
    let description = boxes(&outer[HEAD..]).next()?;
    let length = u32::try_from(HEAD + description.len() + active.len()).ok()?;
    Some([&length.to_be_bytes()[..], b"jumb", description, active].concat())
}

/// Bytes of a box's head: its length, its kind.
const HEAD: usize = 8;

/// Boxes that lie one after another (ISO/IEC 19566-5, annex B), each whole and at least its head; up to the first that is broken.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(*bytes.first_chunk::<4>()?) as usize;
        let (whole, rest) = bytes.split_at_checked(length).filter(|(whole, _)| whole.len() >= HEAD)?;
        bytes = rest;
        Some(whole)
    })
}

fn kind(whole: &[u8]) -> &[u8] {
    &whole[4..HEAD]
}

/// The label of a superbox: in its description box, after 16 bytes of type and one of flags, up to a NUL.
fn label(whole: &[u8]) -> Option<String> {
    const LABELLED: u8 = 0b10;
    let description = boxes(&whole[HEAD..]).next().filter(|first| kind(whole) == b"jumb" && kind(first) == b"jumd")?;
    let (flags, text) = description.get(HEAD + 16..)?.split_first()?;
    let end = text.iter().position(|byte| *byte == 0).filter(|_| flags & LABELLED != 0)?;
    std::str::from_utf8(&text[..end]).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::SeededChance;
    use crate::clock::Timestamp;

    #[test]
    fn a_manifest_is_named_after_its_image_and_leads_back() {
        let chance = SeededChance::new(4);
        for millis in [0, 1, 1_795_000_000_000, (1 << 42) - 1] {
            let image = ImageId::new(Timestamp::from_millis(millis), &chance);
            let name = manifest_id(image);
            assert_eq!((name.len(), &name[..9], &name[23..24]), (45, "urn:c2pa:", "4"), "{name}");
            assert!(["8", "9", "a", "b"].contains(&&name[28..29]), "{name}");
            assert_eq!(image_of_manifest(&name), Some(image));
            assert_eq!(image_of_manifest(&format!("urn:c2pa:{}", name[9..].to_uppercase())), Some(image));
        }
        let all = ImageId::from_bytes([&[3u8][..], &[255; 15]].concat().try_into().unwrap());
        assert_eq!(manifest_id(all), "urn:c2pa:ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(image_of_manifest(&manifest_id(all)), Some(all));
        for other in [
            "",
            "urn:c2pa:",
            "urn:uuid:f9168c5e-ceb2-4faa-b6bf-329bf39fa1e4",
            "urn:c2pa:f9168c5e-ceb2-4faa-b6bf-329bf39fa1e4:acme",
            "urn:c2pa:f9168c5e-ceb2-7faa-b6bf-329bf39fa1e4",
            "urn:c2pa:f9168c5e-ceb2-4faa-76bf-329bf39fa1e4",
            "urn:c2pa:f9168c5eceb24faab6bf329bf39fa1e4",
            "urn:c2pa:f9168c5e-ceb2-4faa-b6bf-329bf39fa1eä",
        ] {
            assert_eq!(image_of_manifest(other), None, "{other}");
        }
    }

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    }

    fn superbox(label: &str, inner: &[u8]) -> Vec<u8> {
        let description = boxed(b"jumd", &[&[0; 16][..], &[3], label.as_bytes(), &[0]].concat());
        boxed(b"jumb", &[description, inner.to_vec()].concat())
    }

    #[test]
    fn manifests_are_taken_out_of_a_store() {
        let (first, last) = (superbox("urn:c2pa:1", b""), superbox("urn:c2pa:2", &boxed(b"cbor", b"x")));
        let store = superbox("c2pa", &[&first[..], &last].concat());
        let names = |store: &[u8]| manifests(store).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(&store), ["urn:c2pa:1", "urn:c2pa:2"]);
        assert_eq!(manifests(&store)[1].1, last);
        let alone = active_alone(&store).unwrap();
        assert_eq!(alone, superbox("c2pa", &last));
        assert_eq!(names(&alone), ["urn:c2pa:2"]);
        // Whatever is cut off or changed, nothing worse than fewer manifests.
        for end in 0..store.len() {
            assert!(manifests(&store[..end]).is_empty() && active_alone(&store[..end]).is_none());
            let mut changed = store.clone();
            changed[end] ^= 0x81;
            let _ = (manifests(&changed), active_alone(&changed));
        }
        assert_eq!((manifest_store(b"no picture"), manifests(b""), active_alone(b"")), (None, vec![], None));
    }
}
