//! The verdict: may this work be used for that? Asked of one licence, of an SPDX expression, of the grants on a work, of several works.
//! The table of rules is `rules`; what no rule names is unknown, and unknown is no.

use super::GrantScope;
use super::licence::NO_ASSERTION;
use super::rules::{FAMILIES, JURISDICTION, RULES_VERSION};
use Answer::{Allow, Conditional, Deny, Unknown};

/// What one may want to do with a work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// Train a model on it.
    Train,
    /// Adapt a model that exists to it.
    FineTune,
    /// Draw on it as context of a generated picture.
    Generate,
    /// Sell, or use in trade, a picture that draws on it.
    GenerateCommercial,
    /// Change it and share the result.
    Derivative,
}

impl Usage {
    /// All, in the order in which people ask.
    pub const ALL: [Self; 5] = [Self::Train, Self::FineTune, Self::Generate, Self::GenerateCommercial, Self::Derivative];

    /// Its one text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::FineTune => "fine-tune",
            Self::Generate => "generate",
            Self::GenerateCommercial => "generate-commercial",
            Self::Derivative => "derivative",
        }
    }

    /// As a question.
    pub const fn question(self) -> &'static str {
        match self {
            Self::Train => "May a model be trained on it?",
            Self::FineTune => "May a model be fine-tuned on it?",
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
    /// Pass on the limits of use that the licence sets.
    UseLimits,
    /// Keep to the countries that the grant names.
    Territory,
}

impl Duty {
    /// For people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Attribution => "name the author, the work, its source and its licence",
            Self::Notice => "keep the licence notice",
            Self::ShareAlike => "share the result under the same licence",
            Self::UseLimits => "pass on the licence's limits of use",
            Self::Territory => "keep to the countries that the grant names",
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
    /// Whose law it is read under.
    pub jurisdiction: &'static str,
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

/// Licences the table names, in its order.
pub fn known_licences() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().flat_map(|f| f.licences.iter().copied())
}

/// How a mark of the public domain is spelt inside an expression: SPDX has no word for it.
const PUBLIC_DOMAIN: &str = "LicenseRef-public-domain";

fn parsed(licence: &str) -> Option<spdx::Expression> {
    const BETWEEN: [char; 3] = [' ', '(', ')'];
    let mut spelt = String::with_capacity(licence.len());
    for part in licence.split_inclusive(BETWEEN) {
        let word = part.trim_end_matches(BETWEEN);
        spelt.push_str(if word == "public-domain" { PUBLIC_DOMAIN } else { word });
        spelt.push_str(&part[word.len()..]);
    }
    spdx::Expression::parse(&spelt).ok()
}

/// Whether it is an expression of SPDX.
pub fn is_expression(licence: &str) -> bool {
    parsed(licence).is_some()
}

/// Whether it is an identifier of SPDX or of the table.
pub fn is_listed(licence: &str) -> bool {
    spdx::license_id(licence).is_some_and(|known| known.name == licence) || known_licences().any(|known| known == licence)
}

pub(super) fn ruled(
    usage: Usage,
    answer: Answer,
    duties: &[Duty],
    rule: &str,
    citation: &'static str,
    reason: String,
) -> Verdict {
    Verdict {
        usage,
        answer,
        duties: if answer == Conditional { duties.to_vec() } else { vec![] },
        rule: format!("{rule}/{}", usage.as_str()),
        version: RULES_VERSION,
        jurisdiction: JURISDICTION,
        citation,
        reason,
    }
}

/// What a licence says of `usage`: an identifier of the table, or an SPDX expression of them (SPDX 3.0.1 annex B). Of `A OR B` one may
/// choose, so the milder answers; with `A AND B` both bind, so the stricter answers and the duties of both are owed. An exception
/// (`WITH`) is a text of its own that no rule names.
pub fn verdict(licence: &str, usage: Usage) -> Verdict {
    let unknown = |reason: String| ruled(usage, Unknown, &[], "unknown", "no rule", reason);
    let one = |id: &str| match FAMILIES.iter().find(|f| f.licences.contains(&id)) {
        None => unknown(format!("no rule names the licence `{id}`, and what is unknown is treated as no")),
        Some(f) => {
            let answer = f.answers[Usage::ALL.iter().position(|u| *u == usage).unwrap_or(0)];
            ruled(usage, answer, f.duties, f.id, f.citation, f.why.to_owned())
        }
    };
    if !licence.contains(' ') || licence.trim() != licence {
        return one(licence);
    }
    let Some(expression) = parsed(licence) else {
        return unknown(format!(
            "`{licence}` is neither a licence of the table nor an SPDX expression, and what is unknown is treated as no"
        ));
    };
    let mut stack: Vec<Verdict> = Vec::new();
    for node in expression.iter() {
        let next = match node {
            spdx::expression::ExprNode::Req(req) if req.req.addition.is_some() => {
                unknown(format!("no rule names the exception in `{}`, and what is unknown is treated as no", req.req))
            }
            spdx::expression::ExprNode::Req(req) => {
                let id = req.req.license.to_string();
                one(if id == PUBLIC_DOMAIN { "public-domain" } else { &id })
            }
            spdx::expression::ExprNode::Op(operator) => {
                let (Some(right), Some(left)) = (stack.pop(), stack.pop()) else {
                    return unknown(format!("`{licence}` can't be read"));
                };
                match operator {
                    spdx::expression::Operator::And => left.and(right),
                    spdx::expression::Operator::Or => left.or(right),
                }
            }
        };
        stack.push(next);
    }
    stack.pop().unwrap_or_else(|| unknown(format!("`{licence}` can't be read")))
}

impl Verdict {
    /// Both bind: the stricter answer, and where both permit, what either asks in return.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (mut strict, mild) = if other.answer > self.answer { (other, self) } else { (self, other) };
        if strict.permits() {
            strict.duties.extend(mild.duties);
            strict.duties.sort_unstable();
            strict.duties.dedup();
        }
        strict
    }

    /// Either may be taken up: the milder answer, and of two alike the one that asks less in return.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if (other.answer, other.duties.len()) < (self.answer, self.duties.len()) { other } else { self }
    }
}

/// What a grant in force says of `usage` by `account`: a direct grant what it names, any other what its licence allows.
pub fn of_grant(licence: &str, scope: &GrantScope, usage: Usage, account: &str) -> Verdict {
    const DIRECT: &str = "direct-grant";
    const CITATION: &str = "the grant itself, with its evidence";
    if let Some(name) = scope.grantee.as_deref().filter(|name| *name != account) {
        return ruled(usage, Deny, &[], "granted-to-another", CITATION, format!("it was granted to {name} alone"));
    }
    let mut given = match scope.uses.as_slice() {
        _ if licence == NO_ASSERTION => {
            let why = "it was found that nobody is known to have given it, and what is unknown is treated as no".to_owned();
            ruled(usage, Unknown, &[], "unknown", "no rule", why)
        }
        [] => verdict(licence, usage),
        uses if uses.contains(&usage) => {
            let why = "the rights holder granted this very use; the author is named".to_owned();
            ruled(usage, Conditional, &[Duty::Attribution], DIRECT, CITATION, why)
        }
        uses => {
            let named = uses.iter().map(|u| u.as_str()).collect::<Vec<_>>().join(", ");
            ruled(usage, Deny, &[], DIRECT, CITATION, format!("it was granted for other uses alone: {named}"))
        }
    };
    if given.permits() && !scope.territory.is_empty() {
        given.answer = Conditional;
        given.duties.push(Duty::Territory);
        given.reason = format!("{}, in {} alone", given.reason, scope.territory.join(", "));
    }
    given
}

/// What is said of `usage` when no grant is in force.
pub fn no_grant(usage: Usage) -> Verdict {
    let reason = "no grant is in force: it was revoked, has ended or was never given".to_owned();
    ruled(usage, Deny, &[], "no-grant", "the record of grants", reason)
}

/// Over several grants on one work, each by licence and scope: the most permissive one in force decides, as each is an offer that may be
/// taken up by itself.
pub fn best<'a>(grants: impl IntoIterator<Item = (&'a str, &'a GrantScope)>, usage: Usage, account: &str) -> Verdict {
    let each = grants.into_iter().map(|(licence, scope)| of_grant(licence, scope, usage, account));
    each.reduce(Verdict::or).unwrap_or_else(|| no_grant(usage))
}

/// Across several works: the most restrictive one decides, and the duties of all are owed (the rule of IETF aipref for preferences that
/// meet). `None` over no works.
pub fn strictest(verdicts: impl IntoIterator<Item = Verdict>) -> Option<Verdict> {
    verdicts.into_iter().reduce(Verdict::and)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_no() {
        for usage in Usage::ALL {
            for licence in ["", "WTFPL", "cc-by-4.0", "CC-BY-4.0 ", "LicenseRef-mine"] {
                let v = verdict(licence, usage);
                assert_eq!(v.answer, Unknown, "{licence}");
                assert!(!v.permits());
            }
        }
        assert!(!no_grant(Usage::Train).permits());
        assert!(!best([], Usage::Train, "Ana").permits());
    }

    /// The rows of the conservative table, each with what must hold for all its licences.
    #[test]
    fn the_table() {
        use Usage::{Derivative, FineTune, Generate, GenerateCommercial, Train};
        let answers = |licence: &str| Usage::ALL.map(|usage| verdict(licence, usage).answer);
        let starts = |licence: &str, prefixes: &[&str]| {
            let rest = prefixes.iter().find_map(|p| licence.strip_prefix(p));
            rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        for licence in known_licences() {
            let found = answers(licence);
            if ["CC0-1.0", "PDDL-1.0", "CC-PDDC", "CC-PDM-1.0", "public-domain"].contains(&licence) {
                assert_eq!(found, [Allow; 5], "{licence}");
            } else if starts(licence, &["CC-BY-", "ODC-By-", "CDLA-Permissive-"]) {
                assert_eq!(found, [Conditional; 5], "{licence}");
                assert_eq!(verdict(licence, Generate).duties, [Duty::Attribution], "{licence}");
            } else if starts(licence, &["CC-BY-SA-", "ODbL-"]) {
                assert_eq!(found, [Conditional, Conditional, Deny, Deny, Conditional], "{licence}");
                assert_eq!(verdict(licence, Train).duties, [Duty::Attribution, Duty::ShareAlike], "{licence}");
            } else if licence.contains("-NC") || licence.contains("-ND") || licence.starts_with("C-UDA") {
                assert_eq!(found, [Deny; 5], "{licence}");
            } else if licence.contains("RAIL") {
                assert_eq!(found, [Unknown, Conditional, Conditional, Conditional, Conditional], "{licence}");
                assert!(verdict(licence, FineTune).duties.contains(&Duty::UseLimits), "{licence}");
            } else if licence == "LicenseRef-Stability-AI-Community" {
                assert_eq!(found, [Unknown, Unknown, Conditional, Unknown, Conditional], "{licence}");
            } else if licence.starts_with("LicenseRef-") {
                assert_eq!(found, [Deny; 5], "{licence}");
            } else {
                assert_eq!(found, [Conditional; 5], "{licence}");
                assert_eq!(verdict(licence, GenerateCommercial).duties, [Duty::Notice], "{licence}");
            }
            let v = verdict(licence, Derivative);
            assert!(v.rule.ends_with("/derivative") && !v.citation.is_empty() && v.version == RULES_VERSION, "{licence}");
        }
        let by = verdict("CC-BY-4.0", Generate);
        assert_eq!((by.answer, by.rule.as_str()), (Conditional, "by/generate"));
    }

    #[test]
    fn every_identifier_is_one_of_spdx() {
        for licence in known_licences().filter(|l| *l != "public-domain" && !l.starts_with("LicenseRef-")) {
            assert!(spdx::license_id(licence).is_some(), "{licence}");
        }
        // And none of Creative Commons' is forgotten.
        let all: Vec<&str> = known_licences().collect();
        for name in spdx::identifiers::LICENSES.iter().map(|l| l.name).filter(|n| n.starts_with("CC-BY") || n.starts_with("CC0"))
        {
            assert!(all.contains(&name), "{name}");
        }
    }

    #[test]
    fn what_is_offered_is_known() {
        assert!(crate::works::rules::OFFERED.iter().all(|l| known_licences().any(|k| k == *l)));
    }

    #[test]
    fn expressions_are_read() {
        let answer = |licence: &str| verdict(licence, Usage::Generate).answer;
        assert_eq!(answer("MIT OR CC-BY-NC-4.0"), Conditional);
        assert_eq!(answer("MIT AND CC-BY-NC-4.0"), Deny);
        assert_eq!(answer("CC0-1.0 AND (MIT OR CC-BY-4.0)"), Conditional);
        assert_eq!(answer("CC0-1.0 OR CC-BY-NC-4.0"), Allow);
        assert_eq!(answer("CC0-1.0 AND (public-domain OR CC-BY-NC-4.0)"), Allow);
        assert!(is_expression("(MIT OR public-domain) AND CC0-1.0") && !is_expression("MIT OR"));
        assert_eq!(verdict("MIT AND CC-BY-4.0", Usage::Train).duties, [Duty::Attribution, Duty::Notice]);
        for unknown in
            ["Apache-2.0 WITH LLVM-exception", "MIT AND", "MIT AND WTFPL", "CC BY 4.0", "MIT OR", "(MIT", "GPL-2.0-only OR WTFPL"]
        {
            assert_eq!(answer(unknown), Unknown, "{unknown}");
        }
        // What nobody knows does not spoil a choice, and a refusal is not softened by it.
        assert_eq!(answer("MIT OR WTFPL"), Conditional);
        assert_eq!(answer("CC-BY-NC-4.0 AND WTFPL"), Deny);
    }

    /// All pairs and many longer lists: with one work more the answer is never milder, and no duty is forgotten while it still permits.
    #[test]
    fn a_work_more_never_loosens_a_verdict() {
        let mut licences: Vec<&str> = known_licences().collect();
        licences.extend(["WTFPL", "", "MIT OR CC-BY-NC-4.0", "MIT AND CC-BY-4.0"]);
        let over = |list: &[&str], usage| strictest(list.iter().map(|l| verdict(l, usage)));
        let mut seed = 1u64;
        let mut random = |most: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % most
        };
        let mut lists: Vec<Vec<&str>> = licences.iter().flat_map(|a| licences.iter().map(|b| vec![*a, *b])).collect();
        lists.extend((0..2_000).map(|_| (0..2 + random(6)).map(|_| licences[random(licences.len())]).collect()));
        for list in lists {
            for usage in Usage::ALL {
                let (more, less) = (over(&list, usage).unwrap(), over(&list[1..], usage).unwrap());
                assert!(more.answer >= less.answer, "{list:?} {usage:?}");
                assert!(!more.permits() || less.duties.iter().all(|d| more.duties.contains(d)), "{list:?} {usage:?}");
                // Nor does the order matter.
                let turned: Vec<&str> = list.iter().rev().copied().collect();
                let turned = over(&turned, usage).unwrap();
                assert_eq!((turned.answer, turned.duties), (more.answer, more.duties), "{list:?} {usage:?}");
            }
        }
    }

    #[test]
    fn no_licence_stands_in_two_families() {
        let all: Vec<_> = known_licences().collect();
        let unique: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), unique.len());
    }

    #[test]
    fn one_offer_is_enough_and_one_refusal_spoils_all() {
        let free = GrantScope::default();
        assert!(best([("CC-BY-NC-4.0", &free), ("MIT", &free)], Usage::Generate, "Ana").permits());
        let over = strictest(["MIT", "CC-BY-NC-4.0"].map(|l| verdict(l, Usage::Generate)));
        assert_eq!(over.map(|v| v.answer), Some(Deny));
    }

    #[test]
    fn a_direct_grant_says_what_it_names_and_to_whom() {
        let to_ana = GrantScope { uses: vec![Usage::Generate], grantee: Some("Ana".into()), ..GrantScope::default() };
        let asked = |scope: &GrantScope, usage, account: &str| of_grant("LicenseRef-all-rights-reserved", scope, usage, account);
        let given = asked(&to_ana, Usage::Generate, "Ana");
        assert_eq!(
            (given.answer, given.rule.as_str(), given.duties),
            (Conditional, "direct-grant/generate", vec![Duty::Attribution])
        );
        assert_eq!(asked(&to_ana, Usage::Train, "Ana").rule, "direct-grant/train");
        assert!(!asked(&to_ana, Usage::Train, "Ana").permits());
        let other = asked(&to_ana, Usage::Generate, "Rosa");
        assert!(!other.permits() && other.reason.contains("Ana"));
        // A licence with a limit of place stays what it is, and owes that too.
        let in_france = GrantScope { territory: vec!["FR".into()], ..GrantScope::default() };
        let free = of_grant("CC0-1.0", &in_france, Usage::Train, "Ana");
        assert_eq!((free.answer, free.duties), (Conditional, vec![Duty::Territory]));
        assert!(!of_grant("CC-BY-NC-4.0", &in_france, Usage::Train, "Ana").permits());
        // One that is open to her is enough.
        let all = GrantScope::default();
        assert!(best([("CC-BY-NC-4.0", &all), ("LicenseRef-all-rights-reserved", &to_ana)], Usage::Generate, "Ana").permits());
        assert!(!best([("CC-BY-NC-4.0", &all), ("LicenseRef-all-rights-reserved", &to_ana)], Usage::Generate, "Rosa").permits());
    }
}
