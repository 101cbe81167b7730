//! The rule table: one row a licence family, what it says of each use, and where that is written.
//!
//! It is the conservative one: Creative Commons' own guidance calls such a table over-compliant, since exceptions in the law may permit
//! more than a licence does, and no licence can forbid what the law allows. Where a row says "contested", courts have not answered.
//! Licences are SPDX identifiers; `public-domain` stands for a mark of the public domain, and `LicenseRef-…` for texts without one.

use super::verdict::Answer::{self, Allow, Conditional, Deny, Unknown};
use super::verdict::Duty;

/// Version of the table; part of every verdict. Goes up with every change of a row.
pub const RULES_VERSION: &str = "2026-11-3";

/// Where the rules hold: licences are read as written, under no country's exceptions.
pub const JURISDICTION: &str = "licence text, no exceptions";

/// A row.
#[derive(Debug)]
pub struct Family {
    /// First half of the rule's id.
    pub id: &'static str,
    /// For people.
    pub title: &'static str,
    /// SPDX identifiers.
    pub licences: &'static [&'static str],
    /// In the order of `Usage::ALL`: train, fine-tune, generate, generate-commercial, derivative.
    pub answers: [Answer; 5],
    /// Owed where the answer is conditional.
    pub duties: &'static [Duty],
    /// Where it is written.
    pub citation: &'static str,
    /// Why, in one sentence.
    pub why: &'static str,
}

/// The table. No licence stands in two rows.
pub const FAMILIES: &[Family] = &[
    Family {
        id: "public-domain",
        title: "Public domain",
        licences: &["CC0-1.0", "PDDL-1.0", "CC-PDDC", "CC-PDM-1.0", "public-domain"],
        answers: [Allow, Allow, Allow, Allow, Allow],
        duties: &[],
        citation: "CC0 1.0 §2 and Public Domain Mark 1.0 (creativecommons.org/publicdomain)",
        why: "no right is reserved; the author is named all the same",
    },
    Family {
        id: "by",
        title: "Attribution",
        licences: &[
            "CC-BY-4.0",
            "CC-BY-3.0",
            "CC-BY-2.5",
            "CC-BY-2.0",
            "CC-BY-1.0",
            "CC-BY-2.5-AU",
            "CC-BY-3.0-AT",
            "CC-BY-3.0-AU",
            "CC-BY-3.0-DE",
            "CC-BY-3.0-IGO",
            "CC-BY-3.0-NL",
            "CC-BY-3.0-US",
            "ODC-By-1.0",
            "CDLA-Permissive-1.0",
            "CDLA-Permissive-2.0",
        ],
        answers: [Conditional, Conditional, Conditional, Conditional, Conditional],
        duties: &[Duty::Attribution],
        citation: "CC BY 4.0 §3(a); Creative Commons, Using CC-licensed works for AI training (2025)",
        why: "every use is allowed when credit is given, and here the credit is written into each picture",
    },
    Family {
        id: "permissive",
        title: "Permissive software licences",
        licences: &["Apache-2.0", "MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "Unlicense", "OFL-1.1"],
        answers: [Conditional, Conditional, Conditional, Conditional, Conditional],
        duties: &[Duty::Notice],
        citation: "Apache-2.0 §4; MIT License, second paragraph",
        why: "every use is allowed when the notice is kept",
    },
    Family {
        id: "by-sa",
        title: "Share alike",
        licences: &[
            "CC-BY-SA-4.0",
            "CC-BY-SA-3.0",
            "CC-BY-SA-2.5",
            "CC-BY-SA-2.0",
            "CC-BY-SA-1.0",
            "CC-BY-SA-2.0-UK",
            "CC-BY-SA-2.1-JP",
            "CC-BY-SA-3.0-AT",
            "CC-BY-SA-3.0-DE",
            "CC-BY-SA-3.0-IGO",
            "ODbL-1.0",
        ],
        answers: [Conditional, Conditional, Deny, Deny, Conditional],
        duties: &[Duty::Attribution, Duty::ShareAlike],
        citation: "CC BY-SA 4.0 §3(b); whether an output is adapted material is contested",
        why: "what adapts it must be shared alike, and this service can't yet pass that duty on to a picture",
    },
    Family {
        id: "by-nc",
        title: "Non-commercial",
        licences: &[
            "CC-BY-NC-4.0",
            "CC-BY-NC-3.0",
            "CC-BY-NC-2.5",
            "CC-BY-NC-2.0",
            "CC-BY-NC-1.0",
            "CC-BY-NC-3.0-DE",
            "CC-BY-NC-3.0-IGO",
            "CC-BY-NC-SA-4.0",
            "CC-BY-NC-SA-3.0",
            "CC-BY-NC-SA-2.5",
            "CC-BY-NC-SA-2.0",
            "CC-BY-NC-SA-1.0",
            "CC-BY-NC-SA-2.0-DE",
            "CC-BY-NC-SA-2.0-FR",
            "CC-BY-NC-SA-2.0-UK",
            "CC-BY-NC-SA-3.0-DE",
            "CC-BY-NC-SA-3.0-IGO",
        ],
        answers: [Deny, Deny, Deny, Deny, Deny],
        duties: &[],
        citation: "CC BY-NC 4.0 §1(i), §2(a)(1)",
        why: "only non-commercial use is allowed, and this service can't promise it for every picture",
    },
    Family {
        id: "by-nd",
        title: "No derivatives",
        licences: &[
            "CC-BY-ND-4.0",
            "CC-BY-ND-3.0",
            "CC-BY-ND-2.5",
            "CC-BY-ND-2.0",
            "CC-BY-ND-1.0",
            "CC-BY-ND-3.0-DE",
            "CC-BY-NC-ND-4.0",
            "CC-BY-NC-ND-3.0",
            "CC-BY-NC-ND-2.5",
            "CC-BY-NC-ND-2.0",
            "CC-BY-NC-ND-1.0",
            "CC-BY-NC-ND-3.0-DE",
            "CC-BY-NC-ND-3.0-IGO",
        ],
        answers: [Deny, Deny, Deny, Deny, Deny],
        duties: &[],
        citation: "CC BY-ND 4.0 §2(a)(1)(B)",
        why: "adapted material may not be shared, and no waiver of that is on record",
    },
    Family {
        id: "open-rail",
        title: "OpenRAIL",
        licences: &[
            "LicenseRef-CreativeML-OpenRAIL-M",
            "LicenseRef-CreativeML-OpenRAIL-PlusPlus-M",
            "LicenseRef-BigScience-OpenRAIL-M",
            "LicenseRef-OpenRAIL-M",
        ],
        answers: [Unknown, Conditional, Conditional, Conditional, Conditional],
        duties: &[Duty::Notice, Duty::UseLimits],
        citation: "CreativeML Open RAIL-M (2022) §4, §5 and Attachment A",
        why: "a licence of models: every use is allowed whose limits are passed on; training from nothing it does not speak of",
    },
    Family {
        id: "stability-community",
        title: "Stability AI Community",
        licences: &["LicenseRef-Stability-AI-Community"],
        answers: [Unknown, Unknown, Conditional, Unknown, Conditional],
        duties: &[Duty::Notice, Duty::UseLimits],
        citation: "Stability AI Community License (2024-07-05) §II, §IV",
        why: "a licence of models: free below one million US dollars of yearly revenue, which this service can't know of whoever asks",
    },
    Family {
        id: "stability-non-commercial",
        title: "Stability AI, not commercial",
        licences: &["LicenseRef-Stability-AI-NC-Research-Community"],
        answers: [Deny, Deny, Deny, Deny, Deny],
        duties: &[],
        citation: "Stability AI Non-Commercial Research Community License (2023-11-28) §1, §2",
        why: "only non-commercial use is allowed, and this service can't promise it for every picture",
    },
    Family {
        id: "academic",
        title: "Research only",
        licences: &["C-UDA-1.0", "LicenseRef-research-only"],
        answers: [Deny, Deny, Deny, Deny, Deny],
        duties: &[],
        citation: "C-UDA 1.0 §2, §3.3: data for computational use only",
        why: "only research is allowed, and this service can't promise it for every picture",
    },
    Family {
        id: "reserved",
        title: "All rights reserved",
        licences: &["LicenseRef-all-rights-reserved"],
        answers: [Deny, Deny, Deny, Deny, Deny],
        duties: &[],
        citation: "the author's reservation of all rights",
        why: "all rights are reserved",
    },
];

/// What a registration form offers: the newest version of each kind.
pub const OFFERED: [&str; 13] = [
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-SA-4.0",
    "CC-BY-ND-4.0",
    "CC-BY-NC-ND-4.0",
    "public-domain",
    "Apache-2.0",
    "MIT",
    "ODbL-1.0",
    "OFL-1.1",
    "LicenseRef-all-rights-reserved",
];
