//! XMP in the pictures we sign (ISO 16684-1, 16684-3): title, credit, rights, digital source type, the AI system, and whether others may mine it,
//! in the words of Dublin Core, IPTC Photo Metadata 2025.1 and PLUS. For tools that read no Content Credentials; it says nothing that the claim
//! does not say, and the signature covers it.
//!
//! The prompt is left out on purpose: its words stand in one place of the manifest only, from which they can be redacted.

use super::claim::{ImageClaim, Mining};
use super::encode::Format;
use super::manifest::source_of;

const PLUS: &str = "http://ns.useplus.org/ldf/vocab/";

/// As text or attribute of XML 1.0; characters that XML can't hold are left out.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && !"\t\n\r".contains(c) || "\u{fffe}\u{ffff}".contains(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// What PLUS calls the answer.
const fn data_mining(mining: &Mining) -> &'static str {
    match mining {
        Mining::Allowed => "DMI-ALLOWED",
        Mining::NotAllowed => "DMI-PROHIBITED",
        Mining::Constrained(_) => "DMI-PROHIBITED-SEECONSTRAINT",
    }
}

/// The packet of an image.
pub fn packet(claim: &ImageClaim) -> String {
    let text = |name: &str, words: &str| format!("   <{name}>{}</{name}>\n", escaped(words));
    let default = |name: &str, words: &str| {
        format!("   <{name}><rdf:Alt><rdf:li xml:lang=\"x-default\">{}</rdf:li></rdf:Alt></{name}>\n", escaped(words))
    };
    let mut body = default("dc:title", &claim.title);
    body += &default("dc:rights", &claim.credit_line);
    body += &text("photoshop:Credit", &claim.credit_line);
    body += &text("Iptc4xmpExt:DigitalSourceType", source_of(claim));
    if let Some(model) = &claim.model {
        body += &text("Iptc4xmpExt:AISystemUsed", &model.name);
        body += &text("Iptc4xmpExt:AISystemVersionUsed", &model.version);
    }
    body += &text("plus:DataMining", &format!("{PLUS}{}", data_mining(&claim.mining)));
    if let Mining::Constrained(info) = &claim.mining {
        body += &default("plus:OtherConstraints", info);
    }
    if let Some(page) = &claim.page {
        body += &text("xmpRights:WebStatement", page);
    }
    body += &text("xmp:CreatorTool", &format!("{} {}", claim.software.name, claim.software.version));
    body += &text("xmp:CreateDate", &claim.made_at.rfc3339());
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n <rdf:RDF \
         xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n  <rdf:Description rdf:about=\"\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:photoshop=\"http://ns.adobe.com/photoshop/1.0/\" \
         xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmlns:xmpRights=\"http://ns.adobe.com/xap/1.0/rights/\" \
         xmlns:plus=\"http://ns.useplus.org/ldf/xmp/1.0/\" xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\">\n{body}  \
         </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"r\"?>"
    )
}

/// Puts a packet into a picture that has none: the pixels stay as they are. `None` when the picture's structure has no place for it.
pub fn embed(picture: &[u8], format: Format, packet: &str, size: (u32, u32)) -> Option<Vec<u8>> {
    match format {
        Format::Png => png(picture, packet),
        Format::Jpeg => jpeg(picture, packet),
        Format::WebP => webp(picture, packet, size),
    }
}

/// ISO/IEC 15948: an uncompressed `iTXt` chunk right after `IHDR`.
fn png(picture: &[u8], packet: &str) -> Option<Vec<u8>> {
    const HEAD: usize = 8 + 12 + 13;
    let mut data = b"XML:com.adobe.xmp\0\0\0\0\0".to_vec();
    data.extend_from_slice(packet.as_bytes());
    let mut chunk = b"iTXt".to_vec();
    chunk.extend_from_slice(&data);
    let mut out = picture.get(..HEAD)?.to_vec();
    out.extend(u32::try_from(data.len()).ok()?.to_be_bytes());
    out.extend_from_slice(&chunk);
    out.extend(crc32fast::hash(&chunk).to_be_bytes());
    out.extend_from_slice(&picture[HEAD..]);
    Some(out)
}

/// ISO 16684-3: an APP1 segment; after the JFIF header where there is one, which must come first.
fn jpeg(picture: &[u8], packet: &str) -> Option<Vec<u8>> {
    const NAME: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
    let length = u16::try_from(NAME.len() + packet.len() + 2).ok()?;
    let mut at = 2;
    if picture.get(2..4) == Some(&[0xFF, 0xE0]) {
        at = 4 + usize::from(u16::from_be_bytes(picture.get(4..6)?.try_into().ok()?));
    }
    let mut out = picture.get(..at)?.to_vec();
    out.extend([0xFF, 0xE1]);
    out.extend(length.to_be_bytes());
    out.extend_from_slice(NAME);
    out.extend_from_slice(packet.as_bytes());
    out.extend_from_slice(&picture[at..]);
    Some(out)
}

/// RFC 9649 §2.7: an extended file, whose `VP8X` chunk announces the `XMP ` chunk at its end.
fn webp(picture: &[u8], packet: &str, (width, height): (u32, u32)) -> Option<Vec<u8>> {
    const XMP: u8 = 0b0000_0100;
    const ALPHA: u8 = 0b0001_0000;
    let chunks = picture.get(12..)?;
    let extended = chunks.starts_with(b"VP8X");
    let mut body = Vec::with_capacity(picture.len() + packet.len() + 64);
    if extended {
        body.extend_from_slice(chunks);
        *body.get_mut(8)? |= XMP;
    } else {
        // A lossless picture says itself whether it has an alpha channel: bit 28 after the signature byte.
        let alpha = chunks.starts_with(b"VP8L") && chunks.get(12)? & 0x10 != 0;
        let canvas = |side: u32| side.checked_sub(1).map(|s| s.to_le_bytes());
        body.extend(b"VP8X\x0a\0\0\0");
        body.extend([XMP | if alpha { ALPHA } else { 0 }, 0, 0, 0]);
        body.extend(&canvas(width)?[..3]);
        body.extend(&canvas(height)?[..3]);
        body.extend_from_slice(chunks);
    }
    if body.len() % 2 == 1 {
        body.push(0);
    }
    body.extend(b"XMP ");
    body.extend(u32::try_from(packet.len()).ok()?.to_le_bytes());
    body.extend_from_slice(packet.as_bytes());
    if packet.len() % 2 == 1 {
        body.push(0);
    }
    let mut out = b"RIFF".to_vec();
    out.extend(u32::try_from(body.len() + 4).ok()?.to_le_bytes());
    out.extend(b"WEBP");
    out.extend(body);
    Some(out)
}
