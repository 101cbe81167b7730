//! Drawings in other people's packages: read with the author, licence and words on record there, before anything is registered.
//! Text in, values out; a drawing that lacks what a work must have is passed over with a reason, never guessed at.

pub mod iconify;
pub mod openclipart;
pub mod palette;
pub mod render;

/// A drawing as its package tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// The set it belongs to, such as `twemoji`.
    pub set: String,
    /// Its name there.
    pub item: String,
    /// What it shows, as the set says.
    pub title: String,
    /// The same thing under other names.
    pub names: Vec<String>,
    /// Words beside the names.
    pub tags: Vec<String>,
    /// What it is a picture of, broadly, such as `animals-nature`.
    pub category: String,
    /// Style family.
    pub style: String,
    /// The person or body on record.
    pub author: String,
    /// SPDX identifier, or `public-domain`.
    pub licence: String,
    /// Its text.
    pub licence_url: String,
    /// Where the originals are.
    pub source: String,
    /// Whether its mirror image shows the same thing.
    pub may_flip: bool,
    /// The drawing itself.
    pub svg: String,
}

/// A drawing that was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// The package names nobody as its author.
    NoAuthor,
    /// The package states no licence for it, or another than expected.
    NoLicence,
    /// A variant that adds no subject: skin tones, flags, letters, signs.
    Variant,
    /// A subject left out of this collection: logos, buttons, traffic signs, heraldry, playing cards.
    Subject,
    /// More than 400 kB of SVG.
    Large,
    /// Not SVG, or without a usable size.
    Unreadable,
    /// Three times as wide as high, or more; or the other way.
    Shape,
    /// Almost only black, white and grey lines.
    LineArt,
    /// The same picture as another of the set.
    Double,
}

impl Skip {
    /// For reports.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoAuthor => "no author on record",
            Self::NoLicence => "no licence on record",
            Self::Variant => "a variant, letter, flag or sign",
            Self::Subject => "a subject this collection leaves out",
            Self::Large => "over 400 kB",
            Self::Unreadable => "can't be rendered",
            Self::Shape => "too long or too tall",
            Self::LineArt => "line art",
            Self::Double => "the same picture as another",
        }
    }
}

/// Most bytes of SVG that are rendered.
pub const SVG_MAX: usize = 400_000;
