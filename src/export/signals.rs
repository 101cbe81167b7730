//! A work's terms as the signals that crawlers read: TDMRep (W3C Community Group report, 10 May 2024), the preferences of IETF aipref
//! (draft-ietf-aipref-vocab-08: `train-ai`), and RSL 1.0 (rslstandard.org).
//!
//! Signals know no conditions, so they say less than the terms: a use that is allowed against attribution is reserved in TDMRep, whose
//! policy then says how, and left unsaid in aipref, where only a plain yes or no can stand.

use crate::provenance::xmp::escaped;
use crate::works::Answer;
use crate::works::verdict::{Duty, Usage, Verdict};

/// Value of the header `tdm-reservation`: 1 while any right is reserved.
pub fn tdm_reservation(train: &Verdict) -> u8 {
    u8::from(train.answer != Answer::Allow)
}

/// Value of the header `Content-Usage` (a dictionary of RFC 9651); none where the answer has conditions.
pub fn content_usage(train: &Verdict) -> Option<&'static str> {
    match train.answer {
        Answer::Allow => Some("train-ai=y"),
        Answer::Conditional => None,
        Answer::Deny | Answer::Unknown => Some("train-ai=n"),
    }
}

/// `/.well-known/tdmrep.json`: every work and image has terms of its own, which its headers and its RSL say; what says nothing is reserved.
pub fn tdmrep(site_url: &str) -> serde_json::Value {
    let policy = format!("{site_url}/licences");
    serde_json::json!([
        { "location": "/works/*", "tdm-reservation": 1, "tdm-policy": policy },
        { "location": "/images/*", "tdm-reservation": 1, "tdm-policy": policy },
    ])
}

/// A work's terms in RSL.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Address of the picture.
    pub picture: &'a str,
    /// Address of the work's page.
    pub page: &'a str,
    /// Author, as credits name them.
    pub author: &'a str,
    /// Where the licence's text stands; empty when nobody knows.
    pub licence_url: &'a str,
    /// What may be done: one verdict for each use.
    pub verdicts: &'a [Verdict],
}

/// The document, `application/rsl+xml`. `ai-train` stands for training and fine-tuning, `ai-input` for drawing on the work.
pub fn rsl(terms: Terms<'_>) -> String {
    let of = |usage: Usage| terms.verdicts.iter().find(|v| v.usage == usage);
    let both = |a: Usage, b: Usage| of(a).is_some_and(Verdict::permits) && of(b).is_some_and(Verdict::permits);
    let uses =
        [("ai-train", both(Usage::Train, Usage::FineTune)), ("ai-input", both(Usage::Generate, Usage::GenerateCommercial))];
    let named = |wanted: bool| uses.iter().filter(|(_, may)| *may == wanted).map(|(name, _)| *name).collect::<Vec<_>>().join(",");
    let (permitted, prohibited) = (named(true), named(false));
    let attribution = terms.verdicts.iter().filter(|v| v.permits()).any(|v| v.duties.contains(&Duty::Attribution));
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rsl xmlns=\"https://rslstandard.org/rsl\">\n");
    out.push_str(&format!("  <content url=\"{}\">\n    <license>\n", escaped(terms.picture)));
    if !permitted.is_empty() {
        out.push_str(&format!("      <permits type=\"usage\">{permitted}</permits>\n"));
    }
    if !prohibited.is_empty() {
        out.push_str(&format!("      <prohibits type=\"usage\">{prohibited}</prohibits>\n"));
    }
    if !permitted.is_empty() {
        let kind = if attribution { "attribution" } else { "free" };
        let standard = if terms.licence_url.is_empty() { terms.page } else { terms.licence_url };
        out.push_str(&format!(
            "      <payment type=\"{kind}\">\n        <standard>{}</standard>\n      </payment>\n",
            escaped(standard)
        ));
    }
    out.push_str(&format!("      <terms>{}</terms>\n    </license>\n", escaped(terms.page)));
    out.push_str(&format!("    <copyright>{}</copyright>\n  </content>\n</rsl>\n", escaped(terms.author)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::works::verdict::verdict;

    fn about(licence: &str) -> (u8, Option<&'static str>, String) {
        let verdicts = Usage::ALL.map(|usage| verdict(licence, usage));
        let terms = Terms {
            picture: "https://x.example/p?a=1&b=2",
            page: "https://x.example/w",
            author: "<Rosa>",
            licence_url: "",
            verdicts: &verdicts,
        };
        (tdm_reservation(&verdicts[0]), content_usage(&verdicts[0]), rsl(terms))
    }

    #[test]
    fn what_is_free_is_said_to_be_and_what_is_not_is_not() {
        let (reserved, usage, rsl) = about("CC0-1.0");
        assert_eq!((reserved, usage), (0, Some("train-ai=y")));
        assert!(
            rsl.contains(">ai-train,ai-input</permits>") && rsl.contains("type=\"free\"") && !rsl.contains("prohibits"),
            "{rsl}"
        );
        let (reserved, usage, rsl) = about("CC-BY-4.0");
        assert_eq!((reserved, usage), (1, None));
        assert!(rsl.contains(">ai-train,ai-input</permits>") && rsl.contains("type=\"attribution\""), "{rsl}");
        let (_, _, rsl) = about("CC-BY-SA-4.0");
        assert!(rsl.contains(">ai-train</permits>") && rsl.contains(">ai-input</prohibits>"), "{rsl}");
        for closed in ["CC-BY-NC-4.0", "LicenseRef-all-rights-reserved", "nobody knows"] {
            let (reserved, usage, rsl) = about(closed);
            assert_eq!((reserved, usage), (1, Some("train-ai=n")), "{closed}");
            assert!(rsl.contains(">ai-train,ai-input</prohibits>") && !rsl.contains("permits"), "{rsl}");
        }
    }

    #[test]
    fn the_document_is_xml_whatever_the_names() {
        let (_, _, text) = about("MIT");
        let document = roxmltree::Document::parse(&text).unwrap();
        let content = document.descendants().find(|n| n.has_tag_name(("https://rslstandard.org/rsl", "content"))).unwrap();
        assert_eq!(content.attribute("url"), Some("https://x.example/p?a=1&b=2"));
        assert_eq!(document.descendants().find(|n| n.tag_name().name() == "copyright").unwrap().text(), Some("<Rosa>"));
        assert_eq!(escaped("a\u{0}\u{b}\u{ffff}b"), "ab");
    }
}
