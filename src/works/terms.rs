//! Terms: everything on record that decides what may be done with one work: grants, reservations, an open dispute.
//!
//! Order of precedence: an open dispute stops everything; a direct grant that names the use holds against a reservation; a reservation holds
//! against any licence that is offered to everyone (the rule of IETF aipref, and of art. 4(3) of Directive (EU) 2019/790).

use std::collections::BTreeSet;

use super::GrantScope;
use super::reservation::Signal;
use super::verdict::{Answer, Usage, Verdict, no_grant, of_grant, ruled};
use crate::clock::Timestamp;

/// A grant, as far as verdicts need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Licence that was concluded.
    pub licence: String,
    /// What it is limited to.
    pub scope: GrantScope,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when: its end or its revocation, whichever is first.
    pub ends_at: Option<Timestamp>,
}

impl Given {
    /// Whether it holds at `now`.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.starts_at <= now && self.ends_at.is_none_or(|end| now < end)
    }
}

/// A reservation, as far as verdicts need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// In which language.
    pub signal: Signal,
    /// What it says.
    pub says: String,
    /// Of what.
    pub uses: Vec<Usage>,
}

/// All of one work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Every grant, whenever it holds.
    pub given: Vec<Given>,
    /// Every reservation that was not lifted.
    pub reserved: Vec<Reserved>,
    /// What an open dispute is about, in one line.
    pub disputed: Option<String>,
}

impl Terms {
    /// What they say of `usage` by `account` at `now`.
    pub fn verdict(&self, usage: Usage, account: &str, now: Timestamp) -> Verdict {
        if let Some(about) = &self.disputed {
            let why = format!("it is disputed ({about}), and until that is decided nobody may use it");
            return ruled(usage, Answer::Deny, &[], "disputed", "the record of disputes", why);
        }
        let each = self.given.iter().filter(|g| g.in_force(now)).map(|g| self.of_one(&g.licence, &g.scope, usage, account));
        each.reduce(Verdict::or).unwrap_or_else(|| no_grant(usage))
    }

    /// What one grant says under these reservations.
    pub fn of_one(&self, licence: &str, scope: &GrantScope, usage: Usage, account: &str) -> Verdict {
        let given = of_grant(licence, scope, usage, account);
        // A signed agreement that names the use; what it names it names in spite of any signal.
        if !given.permits() || scope.uses.contains(&usage) {
            return given;
        }
        match self.reserved.iter().find(|r| r.uses.contains(&usage)) {
            None => given,
            Some(r) => {
                let why = format!("it is reserved: {} ({})", r.says, r.signal.title());
                ruled(usage, Answer::Deny, &[], &format!("reserved/{}", r.signal.as_str()), r.signal.citation(), why)
            }
        }
    }

    /// What may be done at `now`, and by whom: an account's name, or nothing for everyone.
    fn offers(&self, now: Timestamp) -> BTreeSet<(&str, Usage)> {
        if self.disputed.is_some() {
            return BTreeSet::new();
        }
        let offered = self.given.iter().filter(|g| g.in_force(now)).flat_map(|g| {
            let who = g.scope.grantee.as_deref().unwrap_or_default();
            let permitted = move |usage: &Usage| self.of_one(&g.licence, &g.scope, *usage, who).permits();
            Usage::ALL.into_iter().filter(permitted).map(move |usage| (who, usage))
        });
        offered.collect()
    }

    /// Whether something that could be done under these terms can be done no longer under `after`, by anybody.
    pub fn lost(&self, after: &Self, now: Timestamp) -> bool {
        let still = after.offers(now);
        self.offers(now).iter().any(|(who, usage)| !still.contains(&(who, *usage)) && !still.contains(&("", *usage)))
    }

    /// Whether anything at all may be done with it by anybody at `now`: what stands on a work of which this is no longer true is affected.
    pub fn open(&self, now: Timestamp) -> bool {
        !self.offers(now).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::reservation::{MINING, TRAINING};
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(100);

    fn given(licence: &str, scope: GrantScope) -> Given {
        Given { licence: licence.into(), scope, starts_at: Timestamp::from_millis(0), ends_at: None }
    }

    fn reserved(uses: &[Usage]) -> Reserved {
        Reserved { signal: Signal::Plus, says: "plus:DataMining = DMI-PROHIBITED".into(), uses: uses.to_vec() }
    }

    #[test]
    fn a_reservation_beats_a_licence_and_an_agreement_beats_it() {
        let mut terms = Terms { given: vec![given("CC0-1.0", GrantScope::default())], ..Terms::default() };
        assert!(terms.verdict(Usage::Train, "Ana", NOW).permits());
        terms.reserved.push(reserved(TRAINING));
        let verdict = terms.verdict(Usage::Train, "Ana", NOW);
        assert_eq!((verdict.permits(), verdict.rule.as_str()), (false, "reserved/plus/train"));
        assert!(verdict.reason.contains("DMI-PROHIBITED") && !verdict.citation.is_empty());
        assert!(terms.verdict(Usage::Generate, "Ana", NOW).permits(), "only training is reserved");
        let scope = GrantScope { uses: vec![Usage::Train], grantee: Some("Ana".into()), ..GrantScope::default() };
        terms.given.push(given("LicenseRef-all-rights-reserved", scope));
        assert!(terms.verdict(Usage::Train, "Ana", NOW).permits());
        assert!(!terms.verdict(Usage::Train, "Rosa", NOW).permits());
        assert!(!terms.verdict(Usage::FineTune, "Ana", NOW).permits(), "the agreement does not name it");
    }

    #[test]
    fn a_dispute_stops_everything_and_dates_are_kept() {
        let mut terms = Terms { given: vec![given("CC0-1.0", GrantScope::default())], ..Terms::default() };
        terms.disputed = Some("not theirs to register".into());
        assert_eq!(terms.verdict(Usage::Generate, "Ana", NOW).rule, "disputed/generate");
        assert!(!terms.open(NOW));
        terms.disputed = None;
        terms.given[0].ends_at = Some(NOW);
        assert_eq!(terms.verdict(Usage::Generate, "Ana", NOW).rule, "no-grant/generate");
        assert!(!terms.open(NOW) && terms.open(Timestamp::from_millis(99)));
    }

    /// Over every licence: more reservations never loosen a verdict.
    #[test]
    fn a_reservation_more_never_loosens_a_verdict() {
        for licence in super::super::verdict::known_licences() {
            let mut terms = Terms { given: vec![given(licence, GrantScope::default())], ..Terms::default() };
            let mut last = Usage::ALL.map(|u| terms.verdict(u, "", NOW).answer);
            for uses in [&[][..], TRAINING, MINING, &Usage::ALL] {
                terms.reserved.push(reserved(uses));
                let next = Usage::ALL.map(|u| terms.verdict(u, "", NOW).answer);
                assert!(last.iter().zip(&next).all(|(a, b)| b >= a), "{licence}");
                last = next;
            }
            assert!(!terms.open(NOW));
        }
    }

    #[test]
    fn what_is_lost_is_what_nobody_else_offers() {
        let to_ana = GrantScope { uses: vec![Usage::Train], grantee: Some("Ana".into()), ..GrantScope::default() };
        let of = |given: Vec<Given>| Terms { given, ..Terms::default() };
        let (open, direct) = (given("CC0-1.0", GrantScope::default()), given("LicenseRef-all-rights-reserved", to_ana));
        let lost = |before: &[&Given], after: &[&Given]| {
            let list = |all: &[&Given]| of(all.iter().map(|g| (*g).clone()).collect());
            list(before).lost(&list(after), NOW)
        };
        assert!(lost(&[&open], &[]) && lost(&[&direct], &[]));
        assert!(lost(&[&open, &direct], &[&direct]), "one account's grant is not everyone's");
        assert!(!lost(&[&open, &direct], &[&open]), "Ana may as everyone may");
        let reserved_rights = given("LicenseRef-all-rights-reserved", GrantScope::default());
        assert!(lost(&[&open, &reserved_rights], &[&reserved_rights]), "what opens nothing replaces nothing");
        let other = given("CC-BY-4.0", GrantScope::default());
        assert!(!lost(&[&open, &other], &[&other]));
    }

    #[test]
    fn what_is_open_to_nobody_is_not_open() {
        let terms = Terms { given: vec![given("LicenseRef-all-rights-reserved", GrantScope::default())], ..Terms::default() };
        assert!(!terms.open(NOW));
    }
}
