//! RDF/XML, as XMP packets and SVG files hold it: properties of a description, as attributes or elements, with their values. Namespaces
//! are told by address; the old addresses of Creative Commons and Dublin Core count as the new ones.

use roxmltree::{Document, Node, ParsingOptions};

use super::segments::SVG;
use super::{Metadata, Property};

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/// A vocabulary, by its address.
fn vocabulary(address: &str) -> Option<&'static str> {
    Some(match address {
        "http://purl.org/dc/elements/1.1/" | "http://purl.org/dc/elements/1.0/" | "http://purl.org/dc/terms/" => "dc",
        "http://web.resource.org/cc/" | "http://creativecommons.org/ns#" | "https://creativecommons.org/ns#" => "cc",
        "http://ns.adobe.com/xap/1.0/rights/" => "xmpRights",
        "http://ns.adobe.com/xap/1.0/" => "xmp",
        "http://ns.adobe.com/photoshop/1.0/" => "photoshop",
        "http://ns.useplus.org/ldf/xmp/1.0/" => "plus",
        "http://www.w3.org/ns/tdmrep#" | "http://www.w3.org/ns/tdmrep/" => "tdm",
        _ => return None,
    })
}

/// What a property is about, and its name as a place: in an XMP packet, in an SVG file.
fn property(vocabulary: &str, name: &str) -> Option<(Property, [&'static str; 2])> {
    Some(match (vocabulary, name) {
        ("dc", "title") => (Property::Title, ["XMP dc:title", "SVG dc:title"]),
        ("dc", "creator") => (Property::Creator, ["XMP dc:creator", "SVG dc:creator"]),
        ("dc", "rights") => (Property::Rights, ["XMP dc:rights", "SVG dc:rights"]),
        ("dc", "subject") => (Property::Keyword, ["XMP dc:subject", "SVG dc:subject"]),
        ("dc", "source") => (Property::Source, ["XMP dc:source", "SVG dc:source"]),
        ("dc", "date" | "created") => (Property::Created, ["XMP dc:date", "SVG dc:date"]),
        ("dc" | "cc", "license") => (Property::Licence, ["XMP cc:license", "SVG cc:license"]),
        ("xmpRights", "WebStatement") => (Property::Licence, ["XMP xmpRights:WebStatement", "SVG xmpRights:WebStatement"]),
        ("xmpRights", "UsageTerms") => (Property::Rights, ["XMP xmpRights:UsageTerms", "SVG xmpRights:UsageTerms"]),
        ("xmpRights", "Owner") => (Property::RightsHolder, ["XMP xmpRights:Owner", "SVG xmpRights:Owner"]),
        ("xmp", "CreateDate") => (Property::Created, ["XMP xmp:CreateDate", "SVG xmp:CreateDate"]),
        ("photoshop", "DateCreated") => (Property::Created, ["XMP photoshop:DateCreated", "SVG photoshop:DateCreated"]),
        ("plus", "CopyrightOwnerName") => {
            (Property::RightsHolder, ["XMP plus:CopyrightOwnerName", "SVG plus:CopyrightOwnerName"])
        }
        ("plus", "DataMining") => (Property::DataMining, ["XMP plus:DataMining", "SVG plus:DataMining"]),
        ("tdm", "reservation") => (Property::TdmReservation, ["XMP tdm:reservation", "SVG tdm:reservation"]),
        _ => return None,
    })
}

pub(super) fn read(packet: &[u8], place: &'static str, found: &mut Metadata) {
    let text = String::from_utf8_lossy(packet);
    // Packets may be padded, and begin with a mark that is no XML declaration.
    let text = text.trim_matches(|c: char| c == '\0' || c == '\u{feff}' || c.is_whitespace());
    let options = ParsingOptions { allow_dtd: true, nodes_limit: 2_000_000, ..ParsingOptions::default() };
    let Ok(document) = Document::parse_with_options(text, options) else { return };
    let svg = usize::from(place == SVG);
    // In an SVG file the record of the work itself; in a packet every description of the file.
    let subjects = document.descendants().filter(|n| {
        let about_itself = n.attribute((RDF, "about")).is_none_or(str::is_empty);
        n.is_element()
            && ((n.tag_name().namespace() == Some(RDF) && n.tag_name().name() == "Description" && about_of_file(*n))
                || (svg == 1 && n.tag_name().name() == "Work" && (about_itself || parts_of_file(*n))))
    });
    for subject in subjects {
        for attribute in subject.attributes() {
            if let Some((property, names)) = known(attribute.namespace(), attribute.name()) {
                take(found, property, attribute.value(), names[svg], packet);
            }
        }
        for child in subject.children().filter(Node::is_element) {
            if let Some((property, names)) = known(child.tag_name().namespace(), child.tag_name().name()) {
                for value in values(child, property) {
                    take(found, property, &value, names[svg], packet);
                }
            }
        }
    }
}

/// A description nested in a property's value describes that value, not the file.
fn about_of_file(node: Node<'_, '_>) -> bool {
    node.parent_element().is_some_and(|p| p.tag_name().namespace() == Some(RDF) && p.tag_name().name() == "RDF")
}

/// Many drawings name their work by an address of their own; a record directly under `rdf:RDF` is of the file all the same.
fn parts_of_file(node: Node<'_, '_>) -> bool {
    node.parent_element().is_none_or(|p| p.tag_name().name() == "RDF" || p.tag_name().name() == "metadata")
}

fn known(namespace: Option<&str>, name: &str) -> Option<(Property, [&'static str; 2])> {
    property(vocabulary(namespace?)?, name)
}

fn take(found: &mut Metadata, property: Property, value: &str, place: &'static str, packet: &[u8]) {
    found.add(property, value, place);
    if matches!(property, Property::DataMining | Property::TdmReservation) && !found.packets.iter().any(|(p, _)| *p == place) {
        found.packets.push((place, packet.to_vec()));
    }
}

/// The values of a property: a resource, the items of an array, the title of an agent, or the text.
fn values(node: Node<'_, '_>, property: Property) -> Vec<String> {
    if let Some(resource) = node.attribute((RDF, "resource")) {
        return vec![resource.to_owned()];
    }
    let items: Vec<Node<'_, '_>> =
        node.descendants().filter(|n| n.tag_name().namespace() == Some(RDF) && n.tag_name().name() == "li").collect();
    if !items.is_empty() {
        // Of a text in many languages the default one.
        let plain = |n: &&Node<'_, '_>| n.attribute(("http://www.w3.org/XML/1998/namespace", "lang")) == Some("x-default");
        let alternatives = node.children().any(|n| n.tag_name().name() == "Alt");
        return match items.iter().find(plain).filter(|_| alternatives) {
            Some(default) => vec![text(*default)],
            None => items.into_iter().map(text).filter(|t| !t.trim().is_empty()).collect(),
        };
    }
    // An agent: its title is its name. Some files put other agents' records beside it, so only the first is asked.
    let titled = node.descendants().find(|n| n.is_element() && n.tag_name().name() == "title");
    match titled {
        Some(title) if matches!(property, Property::Creator | Property::RightsHolder | Property::Rights) => vec![text(title)],
        _ => vec![text(node)],
    }
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|n| n.text()).collect()
}
