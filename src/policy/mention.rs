//! A mention: where a name stands, and how it was read. Plain values; what finds them is `matcher`.

use serde::{Deserialize, Serialize};

use super::schema::MatchWord;

/// Where a mention stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surface {
    /// The prompt.
    Prompt,
    /// A style preset or its name.
    Style,
    /// The name of an adapter, as in `<lora:name:0.8>`.
    Lora,
    /// The name of a model.
    Model,
    /// The title of the picture, or the name of its file.
    Title,
    /// A picture handed in: what it resembles, and what was decided about it before.
    Reference,
    /// The negative prompt: what to avoid. Recorded only.
    Negative,
}

impl Surface {
    /// The text form, such as `lora`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Style => "style",
            Self::Lora => "lora",
            Self::Model => "model",
            Self::Title => "title",
            Self::Reference => "reference",
            Self::Negative => "negative",
        }
    }

    /// Whether a name there stands for a style by itself, without a cue.
    pub(super) const fn is_cue(self) -> bool {
        matches!(self, Self::Style | Self::Lora | Self::Model)
    }
}

/// How a mention was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Case, marks and punctuation aside, as written.
    Plain,
    /// In its own script.
    Native,
    /// With letters of another script that look alike.
    LookAlike,
    /// With digits or signs for letters.
    Leet,
    /// Letter by letter.
    Spaced,
    /// With punctuation inside the word.
    Tight,
    /// Run together with another word.
    Glued,
    /// With a letter or two different: never more than a question.
    Fuzzy,
    /// Described in other words: never more than a question.
    Described,
    /// Not in words: in a picture handed in.
    Picture,
}

impl View {
    /// For a sentence; `None` for plain writing.
    pub const fn in_words(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Native | Self::Picture => None,
            Self::LookAlike => Some("written with look-alike letters"),
            Self::Leet => Some("written with digits for letters"),
            Self::Spaced => Some("written letter by letter"),
            Self::Tight => Some("written with signs inside"),
            Self::Glued => Some("written as one word"),
            Self::Fuzzy => Some("close to a known name"),
            Self::Described => Some("described in other words"),
        }
    }

    /// Whether it may mean something else: then a person is asked, and nothing is refused for it alone.
    pub const fn is_unsure(self) -> bool {
        matches!(self, Self::Fuzzy | Self::Described)
    }

    /// Whether a rule that wants this kind of match takes it.
    pub(super) const fn is(self, kind: MatchWord) -> bool {
        match kind {
            MatchWord::Exact => matches!(self, Self::Plain | Self::Native | Self::Picture),
            MatchWord::Variant => matches!(self, Self::LookAlike | Self::Leet | Self::Spaced | Self::Tight | Self::Glued),
            MatchWord::Fuzzy => matches!(self, Self::Fuzzy),
            MatchWord::Semantic => matches!(self, Self::Described),
        }
    }
}

/// One mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub alias: usize,
    pub start: usize,
    pub end: usize,
    pub view: View,
    pub lora: bool,
    /// Counts with a cue only, whatever its alias says.
    pub short: bool,
}
