//! Licences: the rule table, and what it says of one licence. Views only.

use askama::Template;

use super::{Chrome, Link, VerdictRow, filters};

/// `GET /licences`
#[derive(Debug, Clone, Template)]
#[template(path = "licences.html")]
pub struct LicencesPage {
    /// Around the page.
    pub chrome: Chrome,
    /// Version of the rule table.
    pub rules_version: String,
    /// What was asked about, as typed.
    pub asked: String,
    /// What the table says of it, one row a use; empty until something is asked.
    pub verdicts: Vec<VerdictRow>,
    /// The table.
    pub families: Vec<FamilyView>,
}

/// One row of the table.
#[derive(Debug, Clone, Default)]
pub struct FamilyView {
    /// "by-sa"; also the section's anchor, and the first half of its rules' ids.
    pub id: String,
    /// As a heading.
    pub title: String,
    /// Why, one sentence without its full stop.
    pub why: String,
    /// One for each use.
    pub answers: Vec<VerdictRow>,
    /// Where it is written.
    pub citation: String,
    /// SPDX identifiers.
    pub licences: Vec<String>,
}

impl LicencesPage {
    /// One row of the table, and a question about it.
    pub fn sample() -> Self {
        let row = |label: &str, answer: &str| VerdictRow {
            use_label: label.into(),
            answer: answer.into(),
            duties: if answer == "conditional" {
                vec!["name the author, the work, its source and its licence".into()]
            } else {
                vec![]
            },
            rule: "by-sa/train".into(),
            citation: Link::new("CC BY-SA 4.0 §3(b)", ""),
            reason: "what adapts it must be shared alike".into(),
        };
        let answers = vec![row("train a model", "conditional"), row("draw on it", "deny"), row("change and share it", "unknown")];
        Self {
            chrome: Chrome::sample("Licences", "/licences"),
            rules_version: "Rule table 2026-11-2".into(),
            asked: "CC-BY-SA-4.0".into(),
            verdicts: answers.clone(),
            families: vec![FamilyView {
                id: "by-sa".into(),
                title: "Share alike".into(),
                why: "what adapts it must be shared alike".into(),
                answers,
                citation: "CC BY-SA 4.0 §3(b)".into(),
                licences: vec!["CC-BY-SA-4.0".into(), "ODbL-1.0".into()],
            }],
        }
    }
}
