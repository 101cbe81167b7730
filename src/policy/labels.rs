//! Labels and notices of the Local Contexts Hub: what a community says about its own works, and what follows for a picture made from them.
//! The words are the community's and are handed on as they are; the outcomes are ours, and a label that is not known is not taken lightly.
//!
//! Codes, names and categories: `localcontexts/localcontextshub`, `localcontexts/static/json/Labels.json`. Kinds as the Hub's API writes
//! them: the same repository, `bclabels/models.py` and `tklabels/models.py`.

use serde::{Deserialize, Serialize};

use super::terms::{Outcome, Use};

/// One label on a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Label {
    /// The short code, such as `tkss`; the Hub's own kind where no code is known.
    pub code: String,
    /// The name the community gave it.
    pub name: String,
    /// Whose label it is.
    pub community: String,
    /// What the community says, word for word.
    pub text: String,
    /// Its language, a BCP 47 tag; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub language: String,
}

/// A project of the Hub as it was read: what a record and a decision name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// The Hub's `unique_id`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its page for people.
    pub page: String,
    /// When the Hub last changed it, as written there.
    pub date_modified: String,
    /// SHA-256 of the answer that was read.
    pub sha256: crate::digest::Sha256Hash,
    /// Whom to ask.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub contact: String,
    /// Its labels, in the order of the answer. Notices count too: their code is `notice-…`.
    pub labels: Vec<Label>,
}

impl Project {
    /// The strictest outcome of its labels for a use.
    pub fn outcome(&self, use_: Use) -> Outcome {
        self.labels.iter().map(|l| l.outcome(use_)).max().unwrap_or(Outcome::Allow)
    }
}

/// Code, the Hub's kind (`label_type`), outcome for uses that are not trade, outcome for trade.
type Row = (&'static str, &'static str, Outcome, Outcome);

use Outcome::{AllowWithNotice as Notice, Deny, HumanReview as Review, RequireConsent as Consent};

/// Traditional Knowledge labels.
const TK: [Row; 20] = [
    ("tka", "attribution", Notice, Notice),
    ("tkcl", "clan", Consent, Consent),
    ("tkf", "family", Consent, Consent),
    ("tkmc", "tk_multiple_community", Review, Review),
    ("tkcv", "community_voice", Notice, Notice),
    ("tkcr", "creative", Notice, Notice),
    ("tkv", "verified", Notice, Notice),
    ("tknv", "non_verified", Review, Review),
    ("tks", "seasonal", Review, Review),
    ("tkwg", "women_general", Review, Review),
    ("tkmg", "men_general", Review, Review),
    ("tkmr", "men_restricted", Deny, Deny),
    ("tkwr", "women_restricted", Deny, Deny),
    ("tkcs", "culturally_sensitive", Review, Review),
    ("tkss", "secret_sacred", Deny, Deny),
    ("tkoc", "commercial", Consent, Consent),
    ("tknc", "non_commercial", Notice, Deny),
    ("tkco", "community_use_only", Consent, Consent),
    ("tko", "outreach", Notice, Deny),
    ("tkcb", "open_to_collaboration", Consent, Consent),
];

/// Biocultural labels.
const BC: [Row; 10] = [
    ("bcp", "provenance", Notice, Notice),
    ("bcmc", "multiple_community", Review, Review),
    ("bccl", "clan", Consent, Consent),
    ("bccv", "consent_verified", Notice, Notice),
    ("bccnv", "consent_non_verified", Review, Review),
    ("bccb", "collaboration", Consent, Consent),
    ("bcoc", "commercialization", Consent, Consent),
    ("bcr", "research", Notice, Deny),
    ("bco", "outreach", Notice, Deny),
    ("bcnc", "non_commercial", Notice, Deny),
];

/// The code of a label, from the Hub's kind; `biocultural` says from which list. The kind itself where no code is known.
pub(super) fn code_of(kind: &str, biocultural: bool) -> String {
    let rows: &[Row] = if biocultural { &BC } else { &TK };
    rows.iter().find(|row| row.1 == kind || row.0 == kind).map_or(kind, |row| row.0).to_owned()
}

impl Label {
    /// What follows from it for a use. Institutions' notices are shown and bind no further; an unknown label is looked at by a person.
    pub fn outcome(&self, use_: Use) -> Outcome {
        let trade = use_ >= Use::Commercial;
        match TK.iter().chain(&BC).find(|row| row.0 == self.code) {
            Some(&(_, _, _, outcome)) if trade => outcome,
            Some(&(_, _, outcome, _)) => outcome,
            None if self.code.starts_with("notice-") => Outcome::AllowWithNotice,
            None => Outcome::HumanReview,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_has_a_code_a_kind_and_an_outcome() {
        assert_eq!(TK.len() + BC.len(), 30);
        let label = |code: &str| Label {
            code: code.into(),
            name: String::new(),
            community: String::new(),
            text: String::new(),
            language: String::new(),
        };
        for (code, kind, outside, trade) in TK.iter().chain(&BC) {
            assert!(code.starts_with("tk") || code.starts_with("bc"), "{code}");
            assert_eq!(code_of(kind, code.starts_with("bc")), *code, "{kind}");
            assert!(label(code).outcome(Use::News) == *outside && label(code).outcome(Use::Logo) == *trade);
            assert!(outside <= trade, "{code}: trade is never freer");
        }
        assert_eq!(code_of("clan", true), "bccl");
        assert_eq!(label("something-new").outcome(Use::Personal), Outcome::HumanReview);
        assert_eq!(label("notice-bc").outcome(Use::Merch), Outcome::AllowWithNotice);
    }
}
