//! Each place a file can speak from, with files built here byte by byte.

use super::*;
use crate::works::Usage;

const XMP: &str = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" xmlns:tdm="http://www.w3.org/ns/tdmrep#"
 plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING" tdm:reservation="1"
 xmpRights:WebStatement="https://creativecommons.org/licenses/by-nc/4.0/">
 <dc:title><rdf:Alt><rdf:li xml:lang="de">Roter Apfel</rdf:li><rdf:li xml:lang="x-default">Red apple</rdf:li></rdf:Alt></dc:title>
 <dc:creator><rdf:Seq><rdf:li>Ana Ruiz</rdf:li><rdf:li>Ben Māhuika</rdf:li></rdf:Seq></dc:creator>
 <dc:subject><rdf:Bag><rdf:li>apple</rdf:li><rdf:li>fruit</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"#;

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat()
}

fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &[0; 13]), chunks.concat(), chunk(b"IEND", b"")].concat()
}

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    [&[0xFF, marker][..], &(data.len() as u16 + 2).to_be_bytes(), data].concat()
}

fn expect_xmp(found: &Metadata) {
    assert_eq!(found.first(Property::Title), Some("Red apple"));
    assert_eq!(found.creators(), [Creator::named("Ana Ruiz"), Creator::named("Ben Māhuika")]);
    assert_eq!(licences(found), [("CC-BY-NC-4.0".to_owned(), "https://creativecommons.org/licenses/by-nc/4.0/")]);
    assert_eq!(found.keywords(9), ["apple", "fruit"]);
    let reserved = found.reservations();
    assert_eq!(
        reserved.iter().map(|r| (r.signal, r.says.as_str())).collect::<Vec<_>>(),
        [(Signal::Plus, "plus:DataMining = DMI-PROHIBITED-AIMLTRAINING"), (Signal::Xmp, "tdm:reservation = 1"),]
    );
    assert!(reserved.iter().all(|r| r.reserves(Usage::Train) && r.seen.contains("xpacket")));
    assert_eq!(reserved[0].seen_sha256, crate::digest::sha256_of(XMP.as_bytes()));
}

fn licences(found: &Metadata) -> Vec<(String, &str)> {
    found.licences().into_iter().map(|(licence, said)| (licence, said.value.as_str())).collect()
}

#[test]
fn xmp_in_each_kind_of_file() {
    let itxt = [b"XML:com.adobe.xmp\0\0\0\0\0", XMP.as_bytes()].concat();
    expect_xmp(&Metadata::read(&png(&[chunk(b"iTXt", &itxt)])));
    let app1 = segment(0xE1, &[b"http://ns.adobe.com/xap/1.0/\0", XMP.as_bytes()].concat());
    expect_xmp(&Metadata::read(&[&[0xFF, 0xD8][..], &app1, &[0xFF, 0xDA]].concat()));
    let mut riff = [b"XMP ".as_slice(), &(XMP.len() as u32).to_le_bytes(), XMP.as_bytes()].concat();
    riff = [b"RIFF".as_slice(), &(riff.len() as u32 + 4).to_le_bytes(), b"WEBP", &riff].concat();
    expect_xmp(&Metadata::read(&riff));
}

#[test]
fn the_record_in_a_drawing() {
    let svg = br#"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><metadata><rdf:RDF xmlns:cc="http://web.resource.org/cc/"
        xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><cc:Work rdf:about="">
        <dc:title>a  bat</dc:title><dc:creator><cc:Agent><dc:title>Orlando Karam</dc:title></cc:Agent></dc:creator>
        <dc:publisher><cc:Agent><dc:title>Open Clip Art Library</dc:title></cc:Agent></dc:publisher><dc:date/>
        <dc:subject><rdf:Bag><rdf:li>mammal</rdf:li><rdf:li></rdf:li></rdf:Bag></dc:subject>
        <cc:license rdf:resource="http://web.resource.org/cc/PublicDomain"/></cc:Work>
        <cc:License rdf:about="http://web.resource.org/cc/PublicDomain"/></rdf:RDF></metadata></svg>"#;
    let found = Metadata::read(svg);
    assert_eq!((found.first(Property::Title), found.creators()), (Some("a bat"), vec![Creator::named("Orlando Karam")]));
    assert_eq!(licences(&found), [("public-domain".to_owned(), "http://web.resource.org/cc/PublicDomain")]);
    assert_eq!(found.keywords(9), ["mammal"]);
    assert_eq!(found.said.len(), 4, "{found:?}");
    assert_eq!(found.said[0].place, "SVG dc:title");
}

#[test]
fn iptc_datasets_in_both_alphabets() {
    let set =
        |record: u8, number: u8, text: &[u8]| [&[0x1C, record, number][..], &(text.len() as u16).to_be_bytes(), text].concat();
    let file = |sets: Vec<Vec<u8>>| {
        let data = sets.concat();
        let mut block = [b"8BIM".as_slice(), &[0x04, 0x04, 0, 0], &(data.len() as u32).to_be_bytes(), &data].concat();
        // Another resource before it, with a name of odd length.
        block = [b"8BIM".as_slice(), &[0x03, 0xED, 2, b'a', b'b', 0], &1u32.to_be_bytes(), &[7, 0], &block].concat();
        [&[0xFF, 0xD8][..], &segment(0xED, &[b"Photoshop 3.0\0".as_slice(), &block].concat()), &[0xFF, 0xD9]].concat()
    };
    let latin = Metadata::read(&file(vec![set(2, 80, b"Ren\xe9"), set(2, 116, b"(c) Ren\xe9"), set(2, 55, b"19050731")]));
    assert_eq!(latin.creators(), [Creator::named("René")]);
    assert_eq!((latin.first(Property::Rights), latin.first(Property::Created)), (Some("(c) René"), Some("19050731")));
    let utf8 = Metadata::read(&file(vec![set(1, 90, b"\x1b%G"), set(2, 80, "René".as_bytes())]));
    assert_eq!(utf8.creators(), [Creator::named("René")]);
}

#[test]
fn exif_and_text_chunks() {
    // TIFF, little-endian, one directory: Artist (0x013B) and Copyright (0x8298), both ASCII.
    let entry = |tag: u16, text: &[u8], at: u32| {
        [&tag.to_le_bytes()[..], &2u16.to_le_bytes(), &(text.len() as u32).to_le_bytes(), &at.to_le_bytes()].concat()
    };
    let (artist, rights) = (b"Ana Ruiz;Ben\0".as_slice(), b"all reserved\0".as_slice());
    let from = 8 + 2 + 24 + 4;
    let block = [
        b"II*\0\x08\0\0\0\x02\0".as_slice(),
        &entry(0x013B, artist, from),
        &entry(0x8298, rights, from + artist.len() as u32),
        &[0; 4],
        artist,
        rights,
    ]
    .concat();
    let file = png(&[chunk(b"eXIf", &block), chunk(b"tEXt", b"Title\0A quiet caf\xe9"), chunk(b"tEXt", b"Software\0x")]);
    let found = Metadata::read(&file);
    assert_eq!(found.creators(), [Creator::named("Ana Ruiz"), Creator::named("Ben")]);
    assert_eq!((found.first(Property::Rights), found.first(Property::Title)), (Some("all reserved"), Some("A quiet café")));
    assert_eq!(found.said.len(), 4);
}

#[test]
fn broken_files_say_nothing_and_stop_nothing() {
    let itxt = [b"XML:com.adobe.xmp\0\0\0\0\0", XMP.as_bytes()].concat();
    let whole = png(&[chunk(b"iTXt", &itxt), chunk(b"tEXt", b"Title"), chunk(b"eXIf", b"II*\0\xff\xff\xff\xff")]);
    for end in 0..whole.len() {
        let _ = Metadata::read(&whole[..end]);
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xFF;
        let _ = Metadata::read(&bytes);
    }
    let jpeg = [&[0xFF, 0xD8][..], &segment(0xED, b"Photoshop 3.0\08BIM\x04\x04"), &[0xFF, 0xE1, 0, 0, 0xFF]].concat();
    for end in 0..jpeg.len() {
        let _ = Metadata::read(&jpeg[..end]);
    }
    assert!(Metadata::read(b"").is_empty() && Metadata::read(b"<html><svg").is_empty());
}
