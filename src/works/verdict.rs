//! The verdict: may this work be used for that? A table of rules, one per licence family, each with a citation; what no rule names is
//! unknown, and unknown is no.
//!
//! The table is the conservative one: Creative Commons' own guidance calls it over-compliant, since exceptions in the law may
//! permit more than a licence does. Sources stand beside each rule.

/// What one may want to do with a work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// Train a model on it.
    Train,
    /// Draw on it as context of a generated picture.
    Generate,
    /// Sell, or use in trade, a picture that draws on it.
    GenerateCommercial,
    /// Change it and share the result.
    Derivative,
}

impl Usage {
    /// All, in the order in which people ask.
    pub const ALL: [Self; 4] = [Self::Train, Self::Generate, Self::GenerateCommercial, Self::Derivative];

    /// Its one text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Generate => "generate",
            Self::GenerateCommercial => "generate-commercial",
            Self::Derivative => "derivative",
        }
    }

    /// As a question.
    pub const fn question(self) -> &'static str {
        match self {
            Self::Train => "May a model be trained on it?",
            Self::Generate => "May a picture draw on it?",
            Self::GenerateCommercial => "May a picture that draws on it be sold?",
            Self::Derivative => "May it be changed and shared?",
        }
    }
}

/// What is owed in return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duty {
    /// Name the author, the work, its source and its licence, and say that it was changed.
    Attribution,
    /// Keep the licence's notice with what is passed on.
    Notice,
    /// Pass the result on under the same licence.
    ShareAlike,
}

impl Duty {
    /// For people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Attribution => "name the author, the work, its source and its licence",
            Self::Notice => "keep the licence notice",
            Self::ShareAlike => "share the result under the same licence",
        }
    }
}

/// Yes, yes if, no, or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Without conditions.
    Allow,
    /// When the duties are met.
    Conditional,
    /// No rule names this licence; treated as no.
    Unknown,
    /// No.
    Deny,
}

/// Version of the table below; part of every verdict.
pub const RULES_VERSION: &str = "2026-11-1";

/// The answer, with the rule that gave it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    /// What was asked.
    pub usage: Usage,
    /// The answer.
    pub answer: Answer,
    /// What is owed; empty unless conditional.
    pub duties: Vec<Duty>,
    /// Id of the rule, such as `by/train`.
    pub rule: String,
    /// `RULES_VERSION`.
    pub version: &'static str,
    /// Where the rule comes from.
    pub citation: &'static str,
    /// Why, in one sentence.
    pub reason: String,
}

impl Verdict {
    /// Whether the use may go ahead (with its duties).
    pub const fn permits(&self) -> bool {
        matches!(self.answer, Allow | Conditional)
    }
}

struct Family {
    id: &'static str,
    licences: &'static [&'static str],
    /// In the order of `Usage::ALL`.
    answers: [Answer; 4],
    duties: &'static [Duty],
    citation: &'static str,
    why: &'static str,
}

use Answer::{Allow, Conditional, Deny};

const FAMILIES: &[Family] = &[
    Family {
        id: "public-domain",
        licences: &["CC0-1.0", "PDDL-1.0", "public-domain"],
        answers: [Allow, Allow, Allow, Allow],
        duties: &[],
        citation: "CC0 1.0 §2 and Public Domain Mark 1.0 (creativecommons.org/publicdomain)",
        why: "no right is reserved; the author is named all the same",
    },
    Family {
        id: "by",
        licences: &[
            "CC-BY-2.0",
            "CC-BY-2.5",
            "CC-BY-3.0",
            "CC-BY-4.0",
            "ODC-By-1.0",
            "CDLA-Permissive-1.0",
            "CDLA-Permissive-2.0",
        ],
        answers: [Conditional, Conditional, Conditional, Conditional],
        duties: &[Duty::Attribution],
        citation: "CC BY 4.0 §3(a); Creative Commons, Using CC-licensed works for AI training (2025)",
        why: "every use is allowed when credit is given, and here the credit is written into each picture",
    },
    Family {
        id: "permissive",
        licences: &["Apache-2.0", "MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "Unlicense", "OFL-1.1"],
        answers: [Conditional, Conditional, Conditional, Conditional],
        duties: &[Duty::Notice],
        citation: "Apache-2.0 §4; MIT License, second paragraph",
        why: "every use is allowed when the notice is kept",
    },
    Family {
        id: "by-sa",
        licences: &["CC-BY-SA-3.0", "CC-BY-SA-4.0", "ODbL-1.0"],
        answers: [Conditional, Deny, Deny, Conditional],
        duties: &[Duty::Attribution, Duty::ShareAlike],
        citation: "CC BY-SA 4.0 §3(b); whether an output is adapted material is contested",
        why: "what adapts it must be shared alike, and this service can't yet pass that duty on to a picture",
    },
    Family {
        id: "by-nc",
        licences: &["CC-BY-NC-3.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0"],
        answers: [Deny, Deny, Deny, Deny],
        duties: &[],
        citation: "CC BY-NC 4.0 §1(i), §2(a)(1)",
        why: "only non-commercial use is allowed, and this service can't promise it for every picture",
    },
    Family {
        id: "by-nd",
        licences: &["CC-BY-ND-3.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-3.0", "CC-BY-NC-ND-4.0"],
        answers: [Deny, Deny, Deny, Deny],
        duties: &[],
        citation: "CC BY-ND 4.0 §2(a)(1)(B)",
        why: "adapted material may not be shared",
    },
    Family {
        id: "reserved",
        licences: &["LicenseRef-all-rights-reserved"],
        answers: [Deny, Deny, Deny, Deny],
        duties: &[],
        citation: "the author's reservation of all rights",
        why: "all rights are reserved",
    },
];

/// Licences the table names, in its order: what a registration form offers.
pub fn known_licences() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().flat_map(|f| f.licences.iter().copied())
}

/// What `licence` says of `usage`.
pub fn verdict(licence: &str, usage: Usage) -> Verdict {
    let Some(family) = FAMILIES.iter().find(|f| f.licences.contains(&licence)) else {
        return Verdict {
            usage,
            answer: Answer::Unknown,
            duties: vec![],
            rule: format!("unknown/{}", usage.as_str()),
            version: RULES_VERSION,
            citation: "no rule",
            reason: format!("no rule names the licence `{licence}`, and what is unknown is treated as no"),
        };
    };
    let answer = family.answers[Usage::ALL.iter().position(|u| *u == usage).unwrap_or(0)];
    Verdict {
        usage,
        answer,
        duties: if answer == Conditional { family.duties.to_vec() } else { vec![] },
        rule: format!("{}/{}", family.id, usage.as_str()),
        version: RULES_VERSION,
        citation: family.citation,
        reason: family.why.to_owned(),
    }
}

/// What is said of `usage` when no grant is in force.
pub fn no_grant(usage: Usage) -> Verdict {
    Verdict {
        usage,
        answer: Deny,
        duties: vec![],
        rule: format!("no-grant/{}", usage.as_str()),
        version: RULES_VERSION,
        citation: "the record of grants",
        reason: "no grant is in force: it was revoked, has ended or was never given".to_owned(),
    }
}

/// Over several grants on one work: the most permissive one in force decides, as each is an offer that may be taken up by itself.
pub fn best<'a>(licences: impl IntoIterator<Item = &'a str>, usage: Usage) -> Verdict {
    licences.into_iter().map(|l| verdict(l, usage)).min_by_key(|v| v.answer).unwrap_or_else(|| no_grant(usage))
}

/// Across several works: the most restrictive one decides.
pub fn strictest(verdicts: impl IntoIterator<Item = Verdict>) -> Option<Verdict> {
    verdicts.into_iter().max_by_key(|v| v.answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_no() {
        for usage in Usage::ALL {
            for licence in ["", "WTFPL", "cc-by-4.0", "CC-BY-4.0 ", "LicenseRef-mine"] {
                let v = verdict(licence, usage);
                assert_eq!(v.answer, Answer::Unknown, "{licence}");
                assert!(!v.permits());
            }
        }
        assert!(!no_grant(Usage::Train).permits());
        assert!(!best([], Usage::Train).permits());
    }

    #[test]
    fn the_table() {
        use Usage::{Generate, GenerateCommercial, Train};
        assert_eq!(verdict("CC0-1.0", GenerateCommercial).answer, Allow);
        let by = verdict("CC-BY-4.0", Generate);
        assert_eq!((by.answer, by.duties.as_slice(), by.rule.as_str()), (Conditional, &[Duty::Attribution][..], "by/generate"));
        assert_eq!(verdict("Apache-2.0", Train).duties, [Duty::Notice]);
        assert!(verdict("CC-BY-SA-4.0", Train).permits() && !verdict("CC-BY-SA-4.0", Generate).permits());
        assert!(!verdict("CC-BY-NC-4.0", Train).permits());
        assert!(!verdict("LicenseRef-all-rights-reserved", Generate).permits());
    }

    #[test]
    fn no_licence_stands_in_two_families() {
        let all: Vec<_> = known_licences().collect();
        let unique: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), unique.len());
    }

    #[test]
    fn one_offer_is_enough_and_one_refusal_spoils_all() {
        assert!(best(["CC-BY-NC-4.0", "MIT"], Usage::Generate).permits());
        let over = strictest(["MIT", "CC-BY-NC-4.0"].map(|l| verdict(l, Usage::Generate)));
        assert_eq!(over.map(|v| v.answer), Some(Deny));
    }
}
