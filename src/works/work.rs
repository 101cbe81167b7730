//! A work: what it is called, whose it is, where it comes from, and the words by which it is found.

use super::creator::{Creator, check_creators};
use super::reservation::Reservation;
use crate::clock::Timestamp;
use crate::digest::{KnownDigest, Sha256Hash};
use crate::id::WorkId;

/// A registered work. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Work {
    /// Name in every URL, row and log entry.
    pub id: WorkId,
    /// As its author or source calls it.
    pub title: String,
    /// The person or body on record as author; never empty.
    pub author: String,
    /// The set it came with; empty for a work registered alone.
    pub collection: String,
    /// Its name in that set.
    pub item: String,
    /// Where the original is, as an address or words.
    pub source: String,
    /// The distribution it was taken from, such as `npm @iconify-json/twemoji 1.2.5`; may be empty.
    pub package: String,
    /// Style family, used when a prompt asks for one; may be empty.
    pub style: String,
    /// Main colour, as a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    /// Words of each title, as the retrieval index stems them.
    pub titles: Vec<Vec<String>>,
    /// Words of each tag.
    pub tags: Vec<Vec<String>>,
    /// Of the file: `image/png`, …
    pub media_type: String,
    /// Of the file's bytes.
    pub digest: KnownDigest,
    /// Whether the file is kept here; otherwise the work is registered by its hash alone, and nothing can draw on it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub held: bool,
    /// Who made it, as what and with which share; empty when only `author` is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub creators: Vec<Creator>,
    /// Who holds the rights, when that is not its author; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rights_holder: String,
    /// When it was made, as declared: `1905`, `1905-07` or `1905-07-31`; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created: String,
    /// When it was first published, in the same form; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub published: String,
    /// Files that its registration rests on: kept, named here by their hashes, shown to its registrant and to operators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence_files: Vec<EvidenceFile>,
    /// Opt-outs seen in the file when it was registered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reservations: Vec<Reservation>,
    /// Public name of who registered it.
    pub registered_by: String,
    /// When.
    pub registered_at: Timestamp,
}

/// A file that a registration rests on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EvidenceFile {
    /// As its sender calls it.
    pub name: String,
    /// Of its bytes.
    pub sha256: Sha256Hash,
}

impl EvidenceFile {
    /// Files kept with one registration, claim or step.
    pub const MOST: usize = 10;
    /// Largest, in bytes.
    pub const BYTES: usize = 8 << 20;

    /// Whether these files, named and with their bytes, can be kept; if not, what can.
    pub fn check(files: &[(String, Vec<u8>)]) -> Result<(), String> {
        if files.len() > Self::MOST || files.iter().any(|(_, bytes)| bytes.len() > Self::BYTES) {
            return Err(format!("at most {} files of evidence of {} MiB are kept", Self::MOST, Self::BYTES >> 20));
        }
        Ok(())
    }
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_yes(held: &bool) -> bool {
    *held
}

/// Why a work can't be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    /// A field that must be filled.
    #[error("{0} is empty: every registered work has one")]
    Empty(&'static str),
    /// A field longer than its limit.
    #[error("{field} has {length} characters: at most {most} are kept")]
    Long {
        /// Which.
        field: &'static str,
        /// Its length.
        length: usize,
        /// Its limit.
        most: usize,
    },
    /// Control characters, which no title or name needs and which break logs and pages.
    #[error("{0} holds a control character: remove it")]
    Control(&'static str),
    /// A date in another form.
    #[error("{0} is no date: write `1905`, `1905-07` or `1905-07-31`")]
    Date(&'static str),
    /// Creators with wrong shares or names.
    #[error("{0}")]
    Creators(String),
}

impl WorkError {
    /// The field that can't be kept.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Empty(field) | Self::Long { field, .. } | Self::Control(field) | Self::Date(field) => field,
            Self::Creators(_) => "creators",
        }
    }
}

/// Characters a title, author, source or tag may have.
pub const TEXT_LIMIT: usize = 300;

impl Work {
    /// Refuses what would make a broken record.
    pub fn check(&self) -> Result<(), WorkError> {
        for (field, text, must) in [
            ("title", &self.title, true),
            ("author", &self.author, true),
            ("collection", &self.collection, false),
            ("source", &self.source, false),
            ("package", &self.package, false),
            ("style", &self.style, false),
            ("rights_holder", &self.rights_holder, false),
        ] {
            let length = text.chars().count();
            if must && text.trim().is_empty() {
                return Err(WorkError::Empty(field));
            }
            if length > TEXT_LIMIT {
                return Err(WorkError::Long { field, length, most: TEXT_LIMIT });
            }
            if text.chars().any(char::is_control) {
                return Err(WorkError::Control(field));
            }
        }
        for (field, date) in [("created", &self.created), ("published", &self.published)] {
            if !date.is_empty() && !is_date(date) {
                return Err(WorkError::Date(field));
            }
        }
        check_creators(&self.creators).map_err(WorkError::Creators)
    }

    /// Lower-case text in which a search looks: title, author, item, tags.
    pub fn search_text(&self) -> String {
        let tags = self.tags.iter().map(|t| t.join(" ")).collect::<Vec<_>>().join(" ");
        format!("{} {} {} {} {tags}", self.title, self.author, self.item, self.collection).to_lowercase()
    }
}

/// Whether it is a year, a month or a day of ISO 8601.
pub fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut number = |digits: usize, from: u32, to: u32| {
        parts.next().map(|part| {
            part.len() == digits
                && part.bytes().all(|b| b.is_ascii_digit())
                && part.parse().is_ok_and(|n: u32| (from..=to).contains(&n))
        })
    };
    let (year, month, day) = (number(4, 1, 9_999), number(2, 1, 12), number(2, 1, 31));
    let known = Timestamp::parse(&format!("{text}T00:00:00Z")).is_some();
    year == Some(true) && month.unwrap_or(true) && day.is_none_or(|ok| ok && known) && parts.next().is_none()
}

/// The date at the start of a moment in any of the forms files use (`2026-11-26T10:00:00+13:00`, `20261126`); `None` when there is none.
pub fn date_of(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..])
    } else {
        text.split(['T', ' ']).next().unwrap_or_default().to_owned()
    };
    is_date(&plain).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn a_record_without_author_or_with_control_characters_is_refused() {
        let mut work = Work {
            id: WorkId::derived(b"x"),
            title: "Red apple".into(),
            author: "Ana".into(),
            collection: String::new(),
            item: String::new(),
            source: String::new(),
            package: String::new(),
            style: String::new(),
            colour: None,
            titles: vec![],
            tags: vec![],
            media_type: "image/png".into(),
            digest: Digest::of(b"").into(),
            held: true,
            creators: vec![],
            rights_holder: String::new(),
            created: String::new(),
            published: String::new(),
            evidence_files: vec![],
            reservations: vec![],
            registered_by: "Ana".into(),
            registered_at: Timestamp::from_millis(0),
        };
        assert_eq!(work.check(), Ok(()));
        work.title = "a\u{0}b".into();
        assert_eq!(work.check(), Err(WorkError::Control("title")));
        work.title = "x".repeat(301);
        assert!(matches!(work.check(), Err(WorkError::Long { .. })));
        work.title = " ".into();
        assert_eq!(work.check(), Err(WorkError::Empty("title")));
    }

    #[test]
    fn dates_have_three_forms() {
        for good in ["1905", "1905-07", "1905-07-31", "2024-02-29"] {
            assert!(is_date(good), "{good}");
        }
        for bad in ["", "05", "1905-7", "1905-13", "1905-00", "2023-02-29", "1905-07-31-1", "0000", "c. 1905"] {
            assert!(!is_date(bad), "{bad}");
        }
        assert_eq!(date_of("2026-11-26T10:00:00+13:00").as_deref(), Some("2026-11-26"));
        assert_eq!(date_of("20261126").as_deref(), Some("2026-11-26"));
        assert_eq!(date_of("2026-11-26 10:00:00").as_deref(), Some("2026-11-26"));
        assert_eq!(date_of("yesterday"), None);
    }
}
