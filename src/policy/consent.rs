//! A consent: what a steward allowed, to whom, for which rule, about what, for which uses, until when. It opens exactly that. Whether it
//! is genuine is not known here: hand in those that are on record.

use serde::{Deserialize, Serialize};

use super::terms::Use;
use crate::clock::Timestamp;
use crate::id::ConsentId;

/// Characters of what is said with a consent.
pub const CONSENT_WORDS: usize = 2_000;

/// A consent. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Name in every URL, row and log entry.
    pub id: ConsentId,
    /// The one rule it satisfies, `policy/rule`.
    pub rule: String,
    /// The element of that rule, or the artist or character; `None` for all that the rule is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// For these uses and no other; never empty.
    pub uses: Vec<Use>,
    /// Public name of who may make use of it.
    pub grantee: String,
    /// Public name of the steward who gave it.
    pub granted_by: String,
    /// In words: what it is for, on which conditions; public.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
}

/// The policy of a rule that is named as `policy/rule`.
pub fn policy_of(rule: &str) -> &str {
    rule.split_once('/').map_or(rule, |(policy, _)| policy)
}

/// A consent as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What was allowed.
    pub consent: Consent,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// Where it is recorded: what a decision that rests on it names.
    pub reference: String,
    /// Whether it is a person's ruling on this one request: that opens a rule which foresees no consent, too.
    pub ruling: bool,
}

impl Held {
    /// Whether it holds at `now` for `rule` and `use_`. What it is about is asked of each mention: see [`Held::covers`].
    pub fn opens(&self, rule: &str, use_: Use, now: Timestamp) -> bool {
        let Consent { rule: own, uses, starts_at, ends_at, .. } = &self.consent;
        own == rule && uses.contains(&use_) && *starts_at <= now && now < *ends_at && self.revoked_at.is_none_or(|at| now < at)
    }

    /// Whether it is about this element, artist or character.
    pub fn covers(&self, about: &str) -> bool {
        self.consent.about.as_deref().is_none_or(|own| own == about)
    }
}

/// Whether every one of `abouts` is covered by one of `held` that opens the rule; the references of those that do. A rule that does not
/// foresee a consent is opened by a ruling alone.
pub(super) fn satisfied_by<'a>(
    held: &'a [Held],
    rule: &str,
    foreseen: bool,
    abouts: &[&str],
    use_: Use,
    now: Timestamp,
) -> Option<Vec<&'a str>> {
    let open: Vec<&Held> = held.iter().filter(|h| (foreseen || h.ruling) && h.opens(rule, use_, now)).collect();
    let mut references = Vec::new();
    for about in abouts {
        let reference = open.iter().find(|h| h.covers(about))?.reference.as_str();
        if !references.contains(&reference) {
            references.push(reference);
        }
    }
    (!references.is_empty()).then_some(references)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: &str) -> Timestamp {
        Timestamp::parse(&format!("{day}T12:00:00Z")).unwrap()
    }

    fn held(about: Option<&str>, revoked: Option<&str>) -> Held {
        let consent = Consent {
            id: ConsentId::derived(b"one"),
            rule: "sami-gakti/dress".into(),
            about: about.map(str::to_owned),
            uses: vec![Use::Education],
            grantee: "Ada".into(),
            granted_by: "Duodji".into(),
            words: String::new(),
            starts_at: at("2026-03-01"),
            ends_at: at("2026-09-01"),
        };
        Held { consent, revoked_at: revoked.map(at), reference: "consent_1".into(), ruling: false }
    }

    #[test]
    fn a_consent_opens_its_rule_element_use_and_time_and_nothing_else() {
        let (rule, use_, day) = ("sami-gakti/dress", Use::Education, "2026-06-01");
        for (what, one, rule, abouts, use_, day, opens) in [
            ("as given", held(Some("dress"), None), rule, &["dress"][..], use_, day, true),
            ("another element", held(Some("dress"), None), rule, &["craft"], use_, day, false),
            ("one element more", held(Some("dress"), None), rule, &["dress", "craft"], use_, day, false),
            ("the whole rule", held(None, None), rule, &["dress", "craft"], use_, day, true),
            ("another rule", held(Some("dress"), None), "sami-gakti/costume", &["dress"], use_, day, false),
            ("another use", held(Some("dress"), None), rule, &["dress"], Use::Merch, day, false),
            ("before its time", held(Some("dress"), None), rule, &["dress"], use_, "2026-02-28", false),
            ("on its last day", held(Some("dress"), None), rule, &["dress"], use_, "2026-08-31", true),
            ("expired", held(Some("dress"), None), rule, &["dress"], use_, "2026-09-01", false),
            ("revoked before", held(Some("dress"), Some("2026-05-01")), rule, &["dress"], use_, day, false),
            ("revoked later", held(Some("dress"), Some("2026-07-01")), rule, &["dress"], use_, day, true),
            ("nothing mentioned", held(None, None), rule, &[], use_, day, false),
        ] {
            assert_eq!(satisfied_by(&[one], rule, true, abouts, use_, at(day)).is_some(), opens, "{what}");
        }
        let two = [held(Some("dress"), None), Held { reference: "consent_2".into(), ..held(Some("craft"), None) }];
        assert_eq!(
            satisfied_by(&two, rule, true, &["dress", "craft"], use_, at(day)),
            Some(vec!["consent_1", "consent_2"]),
            "two consents side by side"
        );
        assert_eq!(satisfied_by(&two, rule, false, &["dress"], use_, at(day)), None, "no consent is foreseen");
        let ruling = [Held { ruling: true, ..held(None, None) }];
        assert!(satisfied_by(&ruling, rule, false, &["dress"], use_, at(day)).is_some(), "a ruling on this request");
    }
}
