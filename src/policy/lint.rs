//! What a readable bundle should have beyond being readable: reasons with alternatives, examples for every rule, no name claimed twice.
//! Runs the examples in `tests/`. Judges the text of policies, never a prompt.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::bundle::{Bundle, Case, Kind, Policy, Problem, Rule};
use super::consent::{Consent, Held};
use super::decide::{Decision, Facts, decide};
use super::schema::{AliasMatch, Life};
use super::search::Form;
use super::terms::{Outcome, Use};
use crate::clock::Timestamp;
use crate::id::ConsentId;

/// Day of a case that names none: 2026-11-23.
const CASE_DAY: &str = "2026-11-23";

fn problem(file: &str, line: usize, message: String) -> Problem {
    Problem { file: file.to_owned(), line, column: 0, message }
}

impl Bundle {
    /// What should be better before this bundle is put in force; empty when nothing.
    pub fn lint(&self) -> Vec<Problem> {
        let mut out = Vec::new();
        for policy in &self.policies {
            for rule in &policy.rules {
                lint_rule(policy, rule, &mut out);
            }
            let stem = policy.file.rsplit('/').next().unwrap_or_default();
            if !self.files.contains_key(&format!("tests/{stem}")) {
                out.push(problem(&policy.file, 0, format!("has no examples; add tests/{stem} with [[case]] entries")));
            }
            if policy.kind == Kind::Artist {
                for person in &policy.people {
                    let (life, word) = if person.died.is_some() { (Life::Dead70, "dead-70") } else { (Life::Living, "living") };
                    if !policy.rules.iter().any(|r| r.life.is_none_or(|l| l == life)) {
                        let message =
                            format!("no rule with life = \"{word}\" answers for `{}`; add one or move the entry", person.name);
                        out.push(problem(&policy.file, person.line, message));
                    }
                }
            }
        }
        self.lint_elements(&mut out);
        self.lint_collisions(&mut out);
        let rules = || self.policies.iter().flat_map(|p| &p.rules);
        for notice in self.files.keys().filter(|f| f.starts_with("notices/")) {
            // A translation of a notice in use is in use.
            let base = notice.split('.').next().unwrap_or_default();
            if !rules().any(|rule| rule.notice.split('.').next() == Some(base)) {
                out.push(problem(notice, 0, "no rule shows it; name it in a rule or remove it".to_owned()));
            }
        }
        let used: HashSet<usize> =
            self.matcher.aliases.iter().flat_map(|a| &a.cues).chain(rules().flat_map(|r| &r.with)).copied().collect();
        for (_, name) in self.vocabulary.names.iter().enumerate().filter(|(i, _)| !used.contains(i)) {
            out.push(problem("vocab/cues.toml", 0, format!("no alias or rule uses the set `{name}`; use it or remove it")));
        }
        if !self.files.contains_key("CHANGES.md") {
            out.push(problem("CHANGES.md", 0, "missing; say there who asked for what, and when".to_owned()));
        }
        out.sort();
        out
    }

    /// Facts that no person has confirmed yet: contacts, sources and dates whose `checked_on` is empty. Not errors; work to do.
    pub fn to_confirm(&self) -> Vec<Problem> {
        let mut out = Vec::new();
        for policy in &self.policies {
            let mut say = |line, what: String| out.push(problem(&policy.file, line, format!("{what}: checked by nobody yet")));
            if policy.authority.checked_on.is_empty() {
                say(0, format!("contact `{}`", policy.authority.name));
            }
            for rule in policy.rules.iter().filter(|r| r.checked_on.is_empty()) {
                let what = if rule.sources.is_empty() { "general knowledge without a source" } else { "sources" };
                say(rule.line, format!("{what} of rule `{}`", rule.id));
            }
            for person in policy.people.iter().filter(|p| p.checked_on.is_empty()) {
                say(person.line, format!("facts about `{}`", person.name));
            }
        }
        out
    }

    /// How many examples there are.
    pub fn cases(&self) -> usize {
        self.cases.len()
    }

    /// Contacts whose day for another look is past.
    pub fn overdue(&self, today: Timestamp) -> Vec<Problem> {
        let today = today.rfc3339()[..10].to_owned();
        let late = |p: &&Policy| !p.authority.review_due.is_empty() && p.authority.review_due < today;
        self.policies
            .iter()
            .filter(late)
            .map(|p| {
                let message =
                    format!("the contact was to be looked at again by {}: do so, and set the next day", p.authority.review_due);
                problem(&p.file, 0, message)
            })
            .collect()
    }

    /// Runs every example: the outcome and the exact set of rules must be as written; every rule must fire in one example and stay
    /// silent in another; every policy must have a near-miss that none of its rules answers. Empty when all is well.
    pub fn check_cases(&self) -> Vec<Problem> {
        let mut out = Vec::new();
        let keys: HashSet<String> =
            self.policies.iter().flat_map(|p| p.rules.iter().map(move |r| format!("{}/{}", p.id, r.id))).collect();
        let mut hit: HashSet<String> = HashSet::new();
        let mut missed: HashMap<String, usize> = HashMap::new();
        let mut near_misses: HashSet<&str> = HashSet::new();
        for (case, decision) in self.cases.iter().zip(self.decided()) {
            let mut say = |message: String| out.push(problem(&case.file, case.line, message));
            let raw = &case.case;
            for key in raw.rules.iter().chain(&raw.consent).filter(|k| !keys.contains(*k)) {
                say(format!("`{key}` is not a rule of this bundle; correct the name"));
            }
            let Some(decision) = decision else {
                say(format!("`{}` is not a day; write YYYY-MM-DD", raw.today.as_deref().unwrap_or_default()));
                continue;
            };
            let mut fired: Vec<String> = decision.rules.iter().map(super::Fired::key).collect();
            fired.sort();
            fired.dedup();
            let mut expected = raw.rules.clone();
            expected.sort();
            if decision.outcome != raw.expect || fired != expected {
                say(format!(
                    "“{}” answers {} by [{}], not {} by [{}]; correct the example or the rule",
                    raw.prompt.chars().take(80).collect::<String>(),
                    decision.outcome,
                    fired.join(", "),
                    raw.expect,
                    expected.join(", ")
                ));
            }
            let stem = case.file.rsplit('/').next().unwrap_or_default();
            for policy in self.policies.iter().filter(|p| p.file.ends_with(&format!("/{stem}"))) {
                let mut silent = true;
                for rule in &policy.rules {
                    let key = format!("{}/{}", policy.id, rule.id);
                    if fired.contains(&key) {
                        silent = false;
                        hit.insert(key);
                    } else {
                        *missed.entry(key).or_default() += 1;
                    }
                }
                if silent && !raw.prompt.is_empty() {
                    near_misses.insert(&policy.id);
                }
            }
        }
        for policy in &self.policies {
            for rule in &policy.rules {
                let key = format!("{}/{}", policy.id, rule.id);
                if !hit.contains(&key) {
                    out.push(problem(&policy.file, rule.line, format!("no example fires `{key}`; add one")));
                }
                if !missed.contains_key(&key) {
                    out.push(problem(&policy.file, rule.line, format!("no example leaves `{key}` silent; add one")));
                }
            }
            if !near_misses.contains(policy.id.as_str()) {
                out.push(problem(
                    &policy.file,
                    0,
                    "no near-miss among its examples; add a prompt that no rule of it answers".to_owned(),
                ));
            }
        }
        out.sort();
        out
    }

    /// What is decided about every example, in their order; `None` where the day is none. On two threads: a changed bundle waits for it.
    fn decided(&self) -> Vec<Option<Decision>> {
        let decide = |case: &Arc<Case>| {
            let raw = &case.case;
            let today = Timestamp::parse(&format!("{}T12:00:00Z", raw.today.as_deref().unwrap_or(CASE_DAY)))?;
            let consents: Vec<Held> = raw.consent.iter().map(|rule| example(rule, raw.use_, today)).collect();
            let facts = Facts {
                prompt: &raw.prompt,
                negative: &raw.negative,
                style: raw.style.as_deref(),
                titles: &[raw.title.as_str()],
                models: &[raw.model.as_str()],
                use_: raw.use_,
                region: raw.region.as_deref(),
                consents: &consents,
                memberships: &raw.member,
                ..Facts::default()
            };
            Some(decide(self, &facts, today))
        };
        let (one, other) = self.cases.split_at(self.cases.len() / 2);
        std::thread::scope(|threads| {
            let other = threads.spawn(|| other.iter().map(decide).collect::<Vec<_>>());
            let one = one.iter().map(decide).collect::<Vec<_>>();
            let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            one.into_iter().chain(other).collect()
        })
    }

    fn lint_elements(&self, out: &mut Vec<Problem>) {
        let mut elements: BTreeMap<(usize, &str), ()> = BTreeMap::new();
        for alias in &self.matcher.aliases {
            elements.insert((alias.policy, &alias.element), ());
        }
        for (policy, element) in elements.into_keys() {
            let policy = &self.policies[policy];
            if !policy.rules.iter().any(|r| r.elements.is_empty() || r.elements.iter().any(|e| e == element)) {
                out.push(problem(
                    &policy.file,
                    0,
                    format!("no rule answers the element `{element}`; add one or change the names"),
                ));
            }
        }
    }

    /// One name that two files claim without a cue to tell them apart.
    fn lint_collisions(&self, out: &mut Vec<Problem>) {
        let mut owners: HashMap<&Form, usize> = HashMap::new();
        for alias in self.matcher.aliases.iter().filter(|a| !matches!(a.mode, AliasMatch::NeedsCue | AliasMatch::Described)) {
            let owner = *owners.entry(&alias.form).or_insert(alias.policy);
            if owner != alias.policy {
                let (file, other) = (&self.policies[alias.policy].file, &self.policies[owner].file);
                out.push(problem(
                    file,
                    0,
                    format!("`{}` is also claimed by {other}; keep one, or let both need a cue", alias.text),
                ));
            }
        }
    }
}

/// A consent to a whole rule for a use, as an example shows it.
pub(super) fn example(rule: &str, use_: Use, today: Timestamp) -> Held {
    let consent = Consent {
        id: ConsentId::derived(rule.as_bytes()),
        rule: rule.to_owned(),
        about: None,
        uses: vec![use_],
        grantee: "example".to_owned(),
        granted_by: "example".to_owned(),
        words: String::new(),
        starts_at: today,
        ends_at: today.plus_days(1),
    };
    Held { consent, revoked_at: None, reference: "example".to_owned(), ruling: false }
}

fn lint_rule(policy: &Policy, rule: &Rule, out: &mut Vec<Problem>) {
    let mut say = |message: String| out.push(problem(&policy.file, rule.line, format!("rule `{}` {message}", rule.id)));
    if rule.sources.is_empty() && !rule.checked_on.is_empty() {
        say("is marked as checked but names no source; add the source or empty checked_on".to_owned());
    }
    if rule.outcome >= Outcome::RequireConsent && rule.suggest.is_empty() && policy.people.iter().all(|p| p.suggest.is_empty()) {
        say("refuses without an alternative; add `suggest`".to_owned());
    }
    if rule.outcome == Outcome::RequireConsent && rule.consent.is_none() && !rule.membership {
        say("requires a consent but says not which; add `unless = { consent = \"…\" }`".to_owned());
    }
    if rule.outcome == Outcome::AllowWithNotice && rule.notices.is_empty() {
        say("promises a notice but names none; add `notice`".to_owned());
    }
    if rule.outcome <= Outcome::AllowWithNotice && (rule.consent.is_some() || rule.membership) {
        say("needs no consent; remove `unless`".to_owned());
    }
    if rule.why.matches(". ").count() > 0 {
        say("gives its reason in more than one sentence; make it one".to_owned());
    }
}
