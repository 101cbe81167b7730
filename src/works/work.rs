//! A work: what it is called, whose it is, where it comes from, and the words by which it is found.

use crate::clock::Timestamp;
use crate::digest::Digest;
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
    /// Of the picture: `image/png`, …
    pub media_type: String,
    /// Of the picture's bytes.
    pub digest: Digest,
    /// Public name of who registered it.
    pub registered_by: String,
    /// When.
    pub registered_at: Timestamp,
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
}

impl WorkError {
    /// The field that can't be kept.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Empty(field) | Self::Long { field, .. } | Self::Control(field) => field,
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
        Ok(())
    }

    /// Lower-case text in which a search looks: title, author, item, tags.
    pub fn search_text(&self) -> String {
        let tags = self.tags.iter().map(|t| t.join(" ")).collect::<Vec<_>>().join(" ");
        format!("{} {} {} {} {tags}", self.title, self.author, self.item, self.collection).to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            digest: Digest::of(b""),
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
}
