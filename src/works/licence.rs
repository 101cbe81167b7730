//! A grant: a licence given on a work, with its dates. Licences are named by SPDX identifier, or `public-domain` for a mark of the
//! public domain that has none.

use super::verdict::{Usage, is_listed, of_grant};
use crate::clock::Timestamp;
use crate::digest::Sha256Hash;
use crate::id::{GrantId, WorkId};

/// A licence given on a work. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Grant {
    /// Name in every URL, row and log entry.
    pub id: GrantId,
    /// On which work.
    pub work: WorkId,
    /// SPDX identifier or expression, as declared.
    pub licence: String,
    /// Its text.
    pub licence_url: String,
    /// Who declared it: a person here, or the source named.
    pub declared_by: String,
    /// What the declaration rests on.
    pub evidence: String,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when; without end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// What it is limited to.
    #[serde(default, skip_serializing_if = "GrantScope::is_unlimited")]
    pub scope: GrantScope,
    /// What the file itself names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detected: Vec<Detected>,
    /// What the verdicts go by, when that is not what was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded: Option<Concluded>,
}

/// A licence that a file names.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Detected {
    /// SPDX identifier; `NOASSERTION` when what it says is none we know.
    pub licence: String,
    /// In the file's words.
    pub says: String,
    /// Where in it: `SVG cc:license`.
    pub place: String,
}

/// What was concluded of a licence, by whom, and from what.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Concluded {
    /// SPDX identifier or expression, or `NOASSERTION`.
    pub licence: String,
    /// Who looked into it; absent when it follows from the record by rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_by: Option<String>,
    /// From what, in one sentence.
    pub reason: String,
}

/// No licence is known.
pub const NO_ASSERTION: &str = "NOASSERTION";
/// Stands as author of a work whose author nobody names.
pub const UNKNOWN_AUTHOR: &str = "unknown";

/// What follows by rule from a declaration and from what the file itself names: where they differ both bind, and what an unnamed author
/// gives is not known to be theirs to give.
pub fn conclude(declared: &str, detected: &[Detected], author_known: bool) -> Option<Concluded> {
    let named = detected.iter().map(|d| d.licence.as_str());
    concluded(declared, named, author_known, "the file names another licence than was declared")
}

fn concluded<'a>(
    declared: &'a str,
    others: impl Iterator<Item = &'a str>,
    author_known: bool,
    reason: &str,
) -> Option<Concluded> {
    if !author_known {
        return Some(Concluded {
            licence: NO_ASSERTION.to_owned(),
            verified_by: None,
            reason: "nobody is named as author, so nobody is known to have given it".to_owned(),
        });
    }
    let mut binding = vec![declared];
    for each in others {
        if !binding.contains(&each) {
            binding.push(each);
        }
    }
    // AND binds tighter than OR (SPDX 3.0.1 annex B), so a choice stands in brackets.
    let bracketed = |each: &&str| if each.contains(" OR ") { format!("({each})") } else { (*each).to_owned() };
    (binding.len() > 1).then(|| Concluded {
        licence: if binding.contains(&NO_ASSERTION) {
            NO_ASSERTION.to_owned()
        } else {
            binding.iter().map(bracketed).collect::<Vec<_>>().join(" AND ")
        },
        verified_by: None,
        reason: format!("{reason}, so both bind until somebody has looked into it"),
    })
}

/// What a grant is limited to, besides its dates. What is not named is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrantScope {
    /// A direct grant: these uses and no others, whatever the licence is called. Empty: what the licence allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Usage>,
    /// To this account alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grantee: Option<String>,
    /// In these countries alone (ISO 3166-1 alpha-2, capital letters, sorted).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub territory: Vec<String>,
    /// To nobody else while it lasts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
    /// SHA-256 of terms in words of their own, kept as a public blob.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms: Option<Sha256Hash>,
}

impl GrantScope {
    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// Whether there is a country in which both hold.
    pub fn meets(&self, other: &Self) -> bool {
        let everywhere = self.territory.is_empty() || other.territory.is_empty();
        everywhere || self.territory.iter().any(|t| other.territory.contains(t))
    }

    /// For people: "to Ana alone, to train and generate, in FR and DE".
    pub fn sentence(&self) -> String {
        let mut parts = Vec::new();
        match (&self.grantee, self.exclusive) {
            (Some(name), true) => parts.push(format!("to {name} and nobody else while it lasts")),
            (Some(name), false) => parts.push(format!("to {name}")),
            (None, _) => parts.push("to everyone".to_owned()),
        }
        if !self.uses.is_empty() {
            parts.push(format!("to {}", self.uses.iter().map(|u| u.as_str()).collect::<Vec<_>>().join(", ")));
        }
        if !self.territory.is_empty() {
            parts.push(format!("in {}", self.territory.join(", ")));
        }
        if let Some(terms) = &self.terms {
            parts.push(format!("on terms of their own ({})", terms.short()));
        }
        parts.join(", ")
    }
}

/// Longest licence identifier kept, in characters.
pub const LICENCE_LIMIT: usize = 100;

impl Grant {
    /// The licence that verdicts go by.
    pub fn licence_concluded(&self) -> &str {
        self.concluded.as_ref().map_or(&self.licence, |c| &c.licence)
    }

    /// Takes over what the file says from the licences given `before` on the same work, and concludes from it what follows by rule. What
    /// somebody found when looking into those stands in the place of what the file names: nothing where they found it as declared, and what
    /// they found where not. A direct grant names its uses itself, so what other licences say does not bind it; but nobody's is none.
    pub fn follow(&mut self, before: &[&Self], author_known: bool) {
        for each in before.iter().flat_map(|g| &g.detected) {
            if !self.detected.contains(each) {
                self.detected.push(each.clone());
            }
        }
        let looked_into: Vec<&&Self> =
            before.iter().filter(|g| g.concluded.as_ref().is_some_and(|c| c.verified_by.is_some())).collect();
        let direct = !self.scope.uses.is_empty();
        self.concluded = if looked_into.is_empty() {
            conclude(&self.licence, if direct { &[] } else { &self.detected }, author_known)
        } else {
            let found = looked_into.iter().filter(|g| g.licence_concluded() != g.licence).map(|g| g.licence_concluded());
            let reason = "a licence given before on this work was found to be another than was declared";
            concluded(&self.licence, found.filter(|l| !direct || *l == NO_ASSERTION), author_known, reason)
        };
    }

    /// Whether it lets anybody do this.
    pub fn opens(&self, usage: Usage) -> bool {
        of_grant(self.licence_concluded(), &self.scope, usage, self.scope.grantee.as_deref().unwrap_or_default()).permits()
    }

    /// Whether it and `other` open the same use, at the same time, in the same place.
    pub fn overlaps(&self, other: &Self) -> bool {
        let time = self.ends_at.is_none_or(|end| other.starts_at < end) && other.ends_at.is_none_or(|end| self.starts_at < end);
        time && self.scope.meets(&other.scope) && Usage::ALL.into_iter().any(|u| self.opens(u) && other.opens(u))
    }

    /// Whether `now` lies within its dates. Revocation is looked at by whoever holds the record.
    pub fn covers(&self, now: Timestamp) -> bool {
        self.starts_at <= now && self.ends_at.is_none_or(|end| now < end)
    }
}

/// The identifier of the licence that an address or a name stands for; `None` when it is none we know. A ported version of Creative Commons
/// that SPDX does not list is not the unported one.
pub fn licence_of_url(text: &str) -> Option<String> {
    let text = text.trim();
    if is_listed(text) {
        return Some(text.to_owned());
    }
    if text.eq_ignore_ascii_case("public domain") {
        return Some("public-domain".to_owned());
    }
    let address = text.split_once("://").map_or(text, |(_, rest)| rest).to_lowercase();
    let address = address.strip_prefix("www.").unwrap_or(&address);
    let parts: Vec<&str> = address.split(['/', '#', '?']).filter(|p| !p.is_empty()).collect();
    let licence = match parts.as_slice() {
        ["web.resource.org", "cc", "publicdomain"] => "public-domain".to_owned(),
        ["creativecommons.org", "licenses", "publicdomain", ..] => "CC-PDDC".to_owned(),
        ["creativecommons.org", "publicdomain", "zero", version, ..] => format!("CC0-{version}"),
        ["creativecommons.org", "publicdomain", "mark", version, ..] => format!("CC-PDM-{version}"),
        ["creativecommons.org", "licenses", "gpl", "2.0", ..] => "GPL-2.0-only".to_owned(),
        ["creativecommons.org", "licenses", "lgpl", "2.1", ..] => "LGPL-2.1-only".to_owned(),
        ["creativecommons.org", "licenses", kind, version, rest @ ..] => {
            // A language or `legalcode` may follow a version; a country belongs to it.
            let country = rest.first().filter(|p| p.len() == 2 || **p == "igo").map(|p| format!("-{}", p.to_uppercase()));
            format!("CC-{}-{version}{}", kind.to_uppercase(), country.unwrap_or_default())
        }
        ["opensource.org", "licenses" | "license", "mit", ..] => "MIT".to_owned(),
        ["opendatacommons.org", "licenses", "by", ..] => "ODC-By-1.0".to_owned(),
        ["opendatacommons.org", "licenses", "odbl", ..] => "ODbL-1.0".to_owned(),
        ["opendatacommons.org", "licenses", "pddl", ..] => "PDDL-1.0".to_owned(),
        ["apache.org", "licenses", "license-2.0" | "license-2.0.txt" | "license-2.0.html"] => "Apache-2.0".to_owned(),
        ["spdx.org", "licenses", name] => {
            let at = text.rfind('/').map_or(0, |at| at + 1);
            text[at..].get(..name.len())?.trim_end_matches(".html").to_owned()
        }
        _ => return None,
    };
    is_listed(&licence).then_some(licence)
}

/// A licence's full name for people; the identifier itself when we have none.
pub fn title(licence: &str) -> &str {
    match licence {
        "CC0-1.0" => "Creative Commons Zero 1.0",
        "CC-BY-3.0" => "Creative Commons Attribution 3.0",
        "CC-BY-4.0" => "Creative Commons Attribution 4.0",
        "CC-BY-SA-4.0" => "Creative Commons Attribution-ShareAlike 4.0",
        "CC-BY-NC-4.0" => "Creative Commons Attribution-NonCommercial 4.0",
        "CC-BY-ND-4.0" => "Creative Commons Attribution-NoDerivatives 4.0",
        "CC-BY-NC-SA-4.0" => "Creative Commons Attribution-NonCommercial-ShareAlike 4.0",
        "CC-BY-NC-ND-4.0" => "Creative Commons Attribution-NonCommercial-NoDerivatives 4.0",
        "ODbL-1.0" => "Open Database License 1.0",
        "OFL-1.1" => "SIL Open Font License 1.1",
        "LicenseRef-all-rights-reserved" => "All rights reserved",
        "Apache-2.0" => "Apache License 2.0",
        "MIT" => "MIT License",
        "public-domain" => "Public domain",
        other => other,
    }
}

/// How a licence is named in a sentence: `CC BY 4.0`.
pub fn spoken(licence: &str) -> String {
    match licence {
        "public-domain" => "the public domain".to_owned(),
        "Apache-2.0" => "Apache 2.0".to_owned(),
        l if l.starts_with("CC-BY") => match l.rsplit_once('-') {
            Some((kind, version)) => format!("{} {version}", kind.replacen("CC-", "CC ", 1)),
            None => l.to_owned(),
        },
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::verdict::verdict;
    use super::*;

    fn given(licence: &str) -> Grant {
        Grant {
            id: GrantId::derived(b"g"),
            work: WorkId::derived(b"w"),
            licence: licence.into(),
            licence_url: String::new(),
            declared_by: String::new(),
            evidence: String::new(),
            starts_at: Timestamp::from_millis(10),
            ends_at: Some(Timestamp::from_millis(20)),
            scope: GrantScope::default(),
            detected: vec![],
            concluded: None,
        }
    }

    #[test]
    fn dates_are_half_open() {
        let t = Timestamp::from_millis;
        let grant = given("MIT");
        assert_eq!([9, 10, 19, 20].map(|n| grant.covers(t(n))), [false, true, true, false]);
    }

    #[test]
    fn licences_are_spoken() {
        assert_eq!(spoken("CC-BY-4.0"), "CC BY 4.0");
        assert_eq!(spoken("CC-BY-SA-4.0"), "CC BY-SA 4.0");
        assert_eq!(spoken("MIT"), "MIT");
    }

    #[test]
    fn addresses_stand_for_licences() {
        for (address, licence) in [
            ("http://web.resource.org/cc/PublicDomain", "public-domain"),
            ("http://creativecommons.org/licenses/publicdomain/", "CC-PDDC"),
            ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
            ("http://creativecommons.org/publicdomain/mark/1.0/deed.de", "CC-PDM-1.0"),
            ("https://creativecommons.org/licenses/by-nc-sa/4.0/", "CC-BY-NC-SA-4.0"),
            ("https://creativecommons.org/licenses/by/4.0/legalcode", "CC-BY-4.0"),
            ("http://creativecommons.org/licenses/by/3.0/de/", "CC-BY-3.0-DE"),
            ("http://creativecommons.org/licenses/GPL/2.0/", "GPL-2.0-only"),
            ("https://spdx.org/licenses/MIT.html", "MIT"),
            ("CC-BY-SA-4.0", "CC-BY-SA-4.0"),
            ("Public Domain", "public-domain"),
        ] {
            assert_eq!(licence_of_url(address).as_deref(), Some(licence), "{address}");
        }
        for unknown in ["", "http://creativecommons.org/licenses/by/3.0/xx/", "https://example.org/terms", "all rights reserved"]
        {
            assert_eq!(licence_of_url(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn where_file_and_declaration_differ_both_bind() {
        let says = |licence: &str| Detected { licence: licence.into(), says: licence.into(), place: "SVG cc:license".into() };
        assert_eq!(conclude("CC0-1.0", &[], true), None);
        assert_eq!(conclude("CC0-1.0", &[says("CC0-1.0")], true), None);
        let both = conclude("CC-BY-4.0", &[says("CC-BY-NC-4.0")], true).unwrap();
        assert_eq!(both.licence, "CC-BY-4.0 AND CC-BY-NC-4.0");
        assert_eq!(conclude("CC-BY-4.0", &[says(NO_ASSERTION)], true).unwrap().licence, NO_ASSERTION);
        assert_eq!(conclude("CC0-1.0", &[], false).unwrap().licence, NO_ASSERTION);
        let choice = conclude("MIT OR CC0-1.0", &[says("CC-BY-NC-4.0")], true).unwrap();
        assert_eq!(choice.licence, "(MIT OR CC0-1.0) AND CC-BY-NC-4.0");
        for usage in Usage::ALL {
            assert!(!verdict(&both.licence, usage).permits());
            assert!(!verdict(&choice.licence, usage).permits());
            assert!(verdict("public-domain AND CC0-1.0", usage).permits());
        }
    }

    #[test]
    fn a_further_licence_does_not_get_round_what_the_file_says_or_what_was_found() {
        let says = Detected { licence: "CC-BY-NC-4.0".into(), says: "nc".into(), place: "SVG cc:license".into() };
        let before = Grant { detected: vec![says.clone()], ..given("CC-BY-4.0") };
        let further = |before: &Grant, uses: &[Usage], author_known| {
            let mut grant = given("CC0-1.0");
            grant.scope.uses = uses.to_vec();
            grant.follow(&[before], author_known);
            grant
        };
        let grant = further(&before, &[], true);
        assert_eq!((grant.licence_concluded(), grant.detected.as_slice()), ("CC0-1.0 AND CC-BY-NC-4.0", &[says][..]));
        // Somebody looked into it.
        let found = |licence: &str| {
            let concluded = Concluded { licence: licence.into(), verified_by: Some("Ben".into()), reason: "r".into() };
            Grant { concluded: Some(concluded), ..before.clone() }
        };
        assert_eq!(further(&found("CC-BY-4.0"), &[], true).licence_concluded(), "CC0-1.0");
        assert_eq!(further(&found("CC-BY-SA-4.0"), &[], true).licence_concluded(), "CC0-1.0 AND CC-BY-SA-4.0");
        assert_eq!(further(&found(NO_ASSERTION), &[], true).licence_concluded(), NO_ASSERTION);
        // A direct grant is a permission of its own; nobody's is none.
        assert!(further(&before, &[Usage::Train], true).opens(Usage::Train));
        assert!(further(&found("CC-BY-SA-4.0"), &[Usage::Train], true).opens(Usage::Train));
        assert!(!further(&found(NO_ASSERTION), &[Usage::Train], true).opens(Usage::Train));
        assert!(!further(&before, &[Usage::Train], false).opens(Usage::Train));
        assert_eq!(further(&given("MIT"), &[], false).licence_concluded(), NO_ASSERTION);
    }
}
