//! A grant: a licence given on a work, with its dates. Licences are named by SPDX identifier, or `public-domain` for a mark of the
//! public domain that has none.

use super::verdict::{Usage, of_grant};
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
    /// SPDX identifier, as declared.
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
    /// Whether it lets anybody do this.
    pub fn opens(&self, usage: Usage) -> bool {
        of_grant(&self.licence, &self.scope, usage, self.scope.grantee.as_deref().unwrap_or_default()).permits()
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
    use super::*;

    #[test]
    fn dates_are_half_open() {
        let t = Timestamp::from_millis;
        let grant = Grant {
            id: GrantId::derived(b"g"),
            work: WorkId::derived(b"w"),
            licence: "MIT".into(),
            licence_url: String::new(),
            declared_by: String::new(),
            evidence: String::new(),
            starts_at: t(10),
            ends_at: Some(t(20)),
            scope: GrantScope::default(),
        };
        assert_eq!([9, 10, 19, 20].map(|n| grant.covers(t(n))), [false, true, true, false]);
    }

    #[test]
    fn licences_are_spoken() {
        assert_eq!(spoken("CC-BY-4.0"), "CC BY 4.0");
        assert_eq!(spoken("CC-BY-SA-4.0"), "CC BY-SA 4.0");
        assert_eq!(spoken("MIT"), "MIT");
    }
}
