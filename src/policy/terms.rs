//! The closed words of a policy: five ordered outcomes and six uses. Only names and their order; no rules.

use serde::{Deserialize, Serialize};

/// Why a text is not one of the closed words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: write one of {known}")]
pub struct TermError {
    what: &'static str,
    text: String,
    known: String,
}

/// What a policy answers, from mildest to strictest; `Ord` follows this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing speaks against it.
    Allow,
    /// Goes ahead, and a notice is shown and recorded.
    AllowWithNotice,
    /// Waits for a documented consent that satisfies the rule.
    RequireConsent,
    /// A person looks at it first.
    HumanReview,
    /// Not made here.
    #[default]
    Deny,
}

impl Outcome {
    /// All five, in order.
    pub const ALL: [Self; 5] = [Self::Allow, Self::AllowWithNotice, Self::RequireConsent, Self::HumanReview, Self::Deny];

    /// The one text form, such as `allow-with-notice`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::AllowWithNotice => "allow-with-notice",
            Self::RequireConsent => "require-consent",
            Self::HumanReview => "human-review",
            Self::Deny => "deny",
        }
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, TermError> {
        find(&Self::ALL, Self::as_str, text, "an outcome")
    }
}

/// What the picture is for, as the person asking says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// For oneself; not sold.
    #[default]
    Personal,
    /// Teaching and study.
    Education,
    /// Reporting and comment.
    News,
    /// Anything sold or advertising something sold.
    Commercial,
    /// A mark that stands for a business.
    Logo,
    /// Goods that carry the picture.
    Merch,
}

impl Use {
    /// All six, in order.
    pub const ALL: [Self; 6] = [Self::Personal, Self::Education, Self::News, Self::Commercial, Self::Logo, Self::Merch];

    /// The one text form, such as `commercial`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Education => "education",
            Self::News => "news",
            Self::Commercial => "commercial",
            Self::Logo => "logo",
            Self::Merch => "merch",
        }
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, TermError> {
        find(&Self::ALL, Self::as_str, text, "a use")
    }
}

pub(super) fn find<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, text: &str, what: &'static str) -> Result<T, TermError> {
    all.iter().copied().find(|&t| name(t) == text).ok_or_else(|| TermError {
        what,
        text: text.chars().take(40).collect(),
        known: all.iter().map(|&t| name(t)).collect::<Vec<_>>().join(", "),
    })
}

macro_rules! shown {
    ($($t:ty),*) => {$(
        impl std::fmt::Display for $t {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl std::str::FromStr for $t {
            type Err = $crate::policy::TermError;
            fn from_str(text: &str) -> Result<Self, $crate::policy::TermError> {
                Self::parse(text)
            }
        }
    )*};
}
pub(super) use shown;
shown!(Outcome, Use);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_round_trip_and_agree_with_serde() {
        for o in Outcome::ALL {
            assert_eq!(Outcome::parse(o.as_str()), Ok(o));
            assert_eq!(serde_json::to_value(o).unwrap(), o.as_str());
        }
        for u in Use::ALL {
            assert_eq!(Use::parse(u.as_str()), Ok(u));
            assert_eq!(serde_json::to_value(u).unwrap(), u.as_str());
        }
        assert!(Outcome::ALL.is_sorted(), "the order is the meaning");
        assert!(Use::parse("Merch").unwrap_err().to_string().contains("write one of personal"));
    }
}
