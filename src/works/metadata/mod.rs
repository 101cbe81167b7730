//! What a file says of itself: title, creators, rights, licence, dates, reservations; each with the place where it stands. Read, never
//! guessed: what a file does not say is not here.
//!
//! | place | standard |
//! | --- | --- |
//! | XMP packets of PNG, JPEG, WebP and SVG | ISO 16684-1, with Dublin Core, xmpRights, photoshop, Iptc4xmpExt, plus, cc and tdm |
//! | RDF of SVG | Creative Commons' `cc:Work` |
//! | IPTC datasets of JPEG | IIM 4.2, record 2 |
//! | EXIF of PNG, JPEG and WebP | CIPA DC-008 |
//! | text chunks of PNG | ISO/IEC 15948 §11.3.4 |
//!
//! Content Credentials are read by `provenance`.

mod exif;
mod iim;
mod rdf;
mod segments;

use super::licence::{NO_ASSERTION, licence_of_url};
use super::reservation::{Reservation, Signal, TRAINING, plus_reserves};
use super::{Creator, TEXT_LIMIT};
pub use segments::is_svg;

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Property {
    /// What the work is called.
    Title,
    /// Who made it.
    Creator,
    /// Who holds the rights.
    RightsHolder,
    /// A rights notice, in words.
    Rights,
    /// The licence, as an address or identifier.
    Licence,
    /// When it was made.
    Created,
    /// What it shows.
    Keyword,
    /// Where it comes from.
    Source,
    /// `plus:DataMining`.
    DataMining,
    /// `tdm:reservation`.
    TdmReservation,
}

/// One thing a file says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Said {
    /// Of what.
    pub property: Property,
    /// In its words, white space folded, at most 300 characters.
    pub value: String,
    /// Where it stands: `XMP dc:creator`, `EXIF Artist`, `SVG cc:license`.
    pub place: &'static str,
}

/// Everything a file says, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Metadata {
    /// Each thing.
    pub said: Vec<Said>,
    /// The packet each reservation stands in, by its place.
    #[serde(skip)]
    packets: Vec<(&'static str, Vec<u8>)>,
}

/// Things kept of one file.
const MOST: usize = 200;
/// Bytes of metadata read.
const BYTES: usize = 4 << 20;

impl Metadata {
    /// Reads a file; a broken or foreign one says nothing.
    pub fn read(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let parts = segments::split(bytes);
        for (place, packet) in parts.xmp {
            rdf::read(&packet, place, &mut found);
        }
        if let Some(block) = parts.iim {
            iim::read(&block, &mut found);
        }
        if let Some(block) = parts.exif {
            exif::read(block, &mut found);
        }
        for (property, value, place) in parts.texts {
            found.add(property, &value, place);
        }
        found
    }

    fn add(&mut self, property: Property, value: &str, place: &'static str) {
        let folded: String = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let value: String = folded.chars().filter(|c| !c.is_control()).take(TEXT_LIMIT).collect();
        let said = Said { property, value, place };
        if !said.value.is_empty() && self.said.len() < MOST && !self.said.contains(&said) {
            self.said.push(said);
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    fn all(&self, property: Property) -> impl Iterator<Item = &str> {
        self.said.iter().filter(move |s| s.property == property).map(|s| s.value.as_str())
    }

    /// The first thing said of `property`.
    pub fn first(&self, property: Property) -> Option<&str> {
        self.all(property).next()
    }

    /// Who made it: those of the first place that names any, as the places repeat one another.
    pub fn creators(&self) -> Vec<Creator> {
        let Some(place) = self.said.iter().find(|s| s.property == Property::Creator).map(|s| s.place) else { return Vec::new() };
        let of_place = self.said.iter().filter(|s| s.property == Property::Creator && s.place == place);
        of_place.map(|s| Creator::named(s.value.clone())).collect()
    }

    /// The licences it names, as identifiers where an address is a known one; each once. More than one bind together.
    pub fn licences(&self) -> Vec<(String, &Said)> {
        let mut licences: Vec<(String, &Said)> = Vec::new();
        for said in self.said.iter().filter(|s| s.property == Property::Licence) {
            let address = said.value.as_str();
            // A statement of rights on the web may be any page.
            if said.place.ends_with("WebStatement") && licence_of_url(address).is_none() {
                continue;
            }
            let licence = licence_of_url(address).unwrap_or_else(|| NO_ASSERTION.to_owned());
            if !licences.iter().any(|(known, _)| *known == licence) {
                licences.push((licence, said));
            }
        }
        licences
    }

    /// What follows from them: more than one bind together, and one that nobody knows leaves nothing known. Empty when it names none.
    pub fn licence(&self) -> String {
        let named: Vec<String> = self.licences().into_iter().map(|(licence, _)| licence).collect();
        if named.iter().any(|l| l == NO_ASSERTION) { NO_ASSERTION.to_owned() } else { named.join(" AND ") }
    }

    /// What it shows, at most `most` words or phrases.
    pub fn keywords(&self, most: usize) -> Vec<&str> {
        let mut words: Vec<&str> = Vec::new();
        for word in self.all(Property::Keyword) {
            if words.len() < most && !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }

    /// The opt-outs in it, with the packets they stand in.
    pub fn reservations(&self) -> Vec<Reservation> {
        let mut all = Vec::new();
        for said in &self.said {
            let bytes = self.packets.iter().find(|(place, _)| *place == said.place).map_or(said.value.as_bytes(), |(_, b)| b);
            match said.property {
                Property::DataMining => {
                    if let Some(uses) = plus_reserves(&said.value) {
                        let says = format!("plus:DataMining = {}", said.value.rsplit('/').next().unwrap_or_default());
                        all.push(Reservation::seen(Signal::Plus, says, uses, said.place, bytes));
                    }
                }
                Property::TdmReservation if said.value == "1" => {
                    all.push(Reservation::seen(Signal::Xmp, "tdm:reservation = 1", TRAINING, said.place, bytes));
                }
                _ => {}
            }
        }
        all
    }
}

#[cfg(test)]
mod tests;
