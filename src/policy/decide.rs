//! (bundle, facts, day) → `Decision`: which rules the mentions meet, what follows, and how to say it to a person. A pure function; does
//! not know whether a consent is genuine or still valid, so hand in only those that are.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::bundle::{Bundle, Person, Policy, Rule};
use super::consent::{Held, satisfied_by};
use super::labels::{Label, Project};
use super::mention::{Hit, Surface, View};
use super::schema::{AuthorityStatus, Life};
use super::terms::{Outcome, Use};
use crate::clock::Timestamp;
use crate::digest::Sha256Hash;
use crate::id::DecisionId;

/// Most mentions kept in a decision; the answer itself weighs all of them.
const MENTIONS_KEPT: usize = 64;
/// Bytes on each side of the seam when prompt and style are read as one word.
const SEAM: usize = 64;
/// Years after the year of death (a common term of protection, used here as courtesy: this is policy, not law).
const YEARS_AFTER_DEATH: i32 = 70;

/// What a decision rests on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// What to draw, as typed.
    pub prompt: &'a str,
    /// What to avoid, as typed; mentions are recorded and fire nothing.
    pub negative: &'a str,
    /// Name of a style preset.
    pub style: Option<&'a str>,
    /// Names of the models and adapters asked for.
    pub models: &'a [&'a str],
    /// Title of the picture, names of files that go with it.
    pub titles: &'a [&'a str],
    /// Pictures handed in to draw from.
    pub references: &'a [Reference],
    /// What the picture is for.
    pub use_: Use,
    /// Country in which it is to be used (ISO 3166-1 alpha-2); when it is not said, the rules of every country hold.
    pub region: Option<&'a str>,
    /// Consents given to whoever asks; which of them hold is found out here.
    pub consents: &'a [Held],
    /// Policies whose steward knows whoever asks as a member.
    pub memberships: &'a [String],
}

/// A picture to draw from: what is known about it besides words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    /// For people: `the reference picture`, or the title of the registered work that it is.
    pub name: String,
    /// Rules that a decision signed into it has met (`policy/rule`): they are met again.
    pub rules: Vec<String>,
    /// The outcome that was signed into it.
    pub outcome: Option<Outcome>,
    /// What its title, its file name and the titles of registered works that it resembles say.
    pub words: Vec<String>,
    /// What communities say about it.
    pub projects: Vec<Project>,
}

/// Which bundle answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleRef {
    /// Name of the bundle.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its canonical hash.
    pub sha256: Sha256Hash,
}

/// One mention found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// Id of the policy.
    pub policy: String,
    /// Version of that file.
    pub policy_version: String,
    /// The policy's own word for it; absent when the alias is never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The words as typed; absent in the public form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// First byte in the text of `surface`; absent in the public form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<usize>,
    /// One past the last byte; absent in the public form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<usize>,
    /// Which text it stands in; one that runs on from the prompt into the style counts as `prompt`, up to its end.
    pub surface: Surface,
    /// How it was read.
    pub view: View,
    /// Whether it may mean something else: close to a known name, or described in other words.
    pub fuzzy: bool,
}

/// One rule that was met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    /// Id of the policy.
    pub policy: String,
    /// Title of the policy.
    pub title: String,
    /// Id of the rule in its policy.
    pub rule: String,
    /// File in the bundle.
    pub file: String,
    /// Line of the rule, from 1.
    pub line: usize,
    /// What it answers here.
    pub outcome: Outcome,
    /// What the file says, when a near spelling or a consent made the answer milder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated: Option<Outcome>,
    /// The artist or character meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The reason, one sentence.
    pub why: String,
    /// Where the reason comes from.
    pub sources: Vec<String>,
    /// How far the people concerned stand behind the file.
    pub authority_status: AuthorityStatus,
    /// Whom to ask.
    pub authority_name: String,
    /// Where to ask; empty when not known.
    pub contact_url: String,
    /// Free alternatives.
    pub suggest: Vec<String>,
    /// The kind of consent that would satisfy it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
    /// Text to show with the picture, in the bundle's first language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// The same text in other languages, where there is one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<String, String>,
    /// Elements that the mentions are about, or the artist or character.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// Positions in `Decision::matches` of what met it (of those kept).
    pub matches: Vec<usize>,
}

impl Fired {
    /// `policy/rule`, as a consent names it.
    pub fn key(&self) -> String {
        format!("{}/{}", self.policy, self.rule)
    }
}

/// A rule that was met and is satisfied by a consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Satisfied {
    /// `policy/rule`.
    pub rule: String,
    /// Where the consent is recorded.
    pub reference: String,
}

/// What the policy answers, with everything needed to explain it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its name on record, once it is kept: what is quoted in an appeal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<DecisionId>,
    /// The highest outcome of all rules met.
    pub outcome: Outcome,
    /// Which bundle answered.
    pub bundle: BundleRef,
    /// What the picture is for.
    #[serde(rename = "use")]
    pub use_: Use,
    /// Mentions, by place: at most 64 are kept, all are weighed.
    pub matches: Vec<Mention>,
    /// Rules met, strictest first, then by policy and rule.
    pub rules: Vec<Fired>,
    /// Consents that satisfied a rule.
    pub satisfied: Vec<Satisfied>,
    /// Who ruled on it, and as what, when a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewer: Option<String>,
    /// How to ask for a second look.
    pub appeal: String,
    /// When.
    pub evaluated_at: Timestamp,
}

/// A mention with its surface settled; offsets are in the text of that surface.
#[derive(Debug, Clone, Copy)]
struct Placed<'a> {
    hit: Hit,
    surface: Surface,
    text: &'a str,
}

/// Decides. Equal arguments give equal decisions.
pub fn decide(bundle: &Bundle, facts: &Facts<'_>, today: Timestamp) -> Decision {
    let (placed, cue_sets) = find(bundle, facts);
    let mut by_policy: BTreeMap<(usize, Option<usize>), Vec<usize>> = BTreeMap::new();
    for (i, p) in placed.iter().enumerate().filter(|(_, p)| p.surface != Surface::Negative) {
        let alias = &bundle.matcher.aliases[p.hit.alias];
        by_policy.entry((alias.policy, alias.entry)).or_default().push(i);
    }
    let mut met = Met { bundle, facts, today, rules: Vec::new(), satisfied: Vec::new() };
    for ((policy, entry), hits) in &by_policy {
        let policy = &bundle.policies[*policy];
        let person = entry.map(|e| &policy.people[e]);
        for rule in policy.rules.iter().filter(|rule| holds(rule, facts, today, &cue_sets)) {
            if rule.life.is_some_and(|life| person.is_some_and(|p| life_of(p, today) != life)) {
                continue;
            }
            let hits: Vec<usize> = hits.iter().copied().filter(|&i| meets(bundle, rule, &placed[i])).collect();
            if hits.is_empty() {
                continue;
            }
            let sure = hits.iter().any(|&i| !placed[i].hit.view.is_unsure());
            let mut abouts: Vec<&str> = match person {
                Some(person) => vec![&person.name],
                None => hits.iter().map(|&i| bundle.matcher.aliases[placed[i].hit.alias].element.as_str()).collect(),
            };
            abouts.sort_unstable();
            abouts.dedup();
            met.rule(policy, rule, person, sure, &abouts, hits);
        }
    }
    for reference in facts.references {
        met.reference(reference, &cue_sets);
    }
    let Met { mut rules, mut satisfied, .. } = met;
    rules.sort_by(|a, b| {
        b.outcome.cmp(&a.outcome).then_with(|| (&a.policy, &a.rule, &a.name).cmp(&(&b.policy, &b.rule, &b.name)))
    });
    for rule in &mut rules {
        rule.matches.retain(|&i| i < MENTIONS_KEPT);
    }
    satisfied.sort_by(|a, b| (&a.rule, &a.reference).cmp(&(&b.rule, &b.reference)));
    satisfied.dedup();
    Decision {
        id: None,
        outcome: rules.iter().map(|r| r.outcome).max().unwrap_or(bundle.default_outcome),
        bundle: bundle.reference(),
        use_: facts.use_,
        matches: placed.iter().take(MENTIONS_KEPT).map(|p| mention(bundle, p)).collect(),
        rules,
        satisfied,
        reviewer: None,
        appeal: bundle.appeal.clone(),
        evaluated_at: today,
    }
}

/// Whether a rule holds at all for this use, place, day and company of words.
fn holds(rule: &Rule, facts: &Facts<'_>, today: Timestamp, cue_sets: &BTreeSet<usize>) -> bool {
    let in_time = rule.date.as_ref().is_none_or(|date| {
        let today = today.rfc3339();
        let day = if date.from.len() == 5 { &today[5..10] } else { &today[..10] };
        let (begun, over) = (day >= date.from.as_str(), day > date.until.as_str());
        // A span of every year may run over its end.
        if date.from <= date.until { begun && !over } else { begun || !over }
    });
    rule.uses.contains(&facts.use_)
        && in_time
        && (rule.region.is_empty() || facts.region.is_none_or(|here| rule.region.iter().any(|r| r == here)))
        && (rule.with.is_empty() || rule.with.iter().any(|set| cue_sets.contains(set)))
}

/// Rules met so far, and what satisfied some of them.
struct Met<'a> {
    bundle: &'a Bundle,
    facts: &'a Facts<'a>,
    today: Timestamp,
    rules: Vec<Fired>,
    satisfied: Vec<Satisfied>,
}

impl Met<'_> {
    fn rule(&mut self, policy: &Policy, rule: &Rule, person: Option<&Person>, sure: bool, abouts: &[&str], hits: Vec<usize>) {
        let mut outcome = if sure { rule.outcome } else { rule.outcome.min(Outcome::HumanReview) };
        let key = format!("{}/{}", policy.id, rule.id);
        let member = rule.membership && self.facts.memberships.contains(&policy.id);
        if member {
            self.satisfied.push(Satisfied { rule: key, reference: "membership".to_owned() });
            outcome = Outcome::Allow;
        } else if let Some(references) =
            satisfied_by(self.facts.consents, &key, rule.consent.is_some(), abouts, self.facts.use_, self.today)
        {
            let satisfied = references.into_iter().map(|r| Satisfied { rule: key.clone(), reference: r.to_owned() });
            self.satisfied.extend(satisfied);
            outcome = Outcome::Allow;
        }
        let mut fired = fired(&self.bundle.languages, policy, rule, person, outcome, hits);
        fired.about = abouts.iter().filter(|a| !a.is_empty()).map(|a| (*a).to_owned()).collect();
        self.add(fired);
    }

    /// A rule that no file states: what a label says, or a decision made elsewhere. A ruling on this request satisfies it.
    fn unwritten(&mut self, mut fired: Fired) {
        let key = fired.key();
        if fired.outcome > Outcome::AllowWithNotice
            && let Some(references) = satisfied_by(self.facts.consents, &key, false, &[""], self.facts.use_, self.today)
        {
            self.satisfied.extend(references.into_iter().map(|r| Satisfied { rule: key.clone(), reference: r.to_owned() }));
            (fired.stated, fired.outcome) = (Some(fired.outcome), Outcome::Allow);
        }
        self.add(fired);
    }

    /// A rule is met once for each person, and once for a tradition: the stricter answer stays.
    fn add(&mut self, fired: Fired) {
        match self.rules.iter_mut().find(|f| f.policy == fired.policy && f.rule == fired.rule && f.name == fired.name) {
            Some(before) if before.outcome >= fired.outcome => {}
            Some(before) => *before = fired,
            None => self.rules.push(fired),
        }
    }

    /// What was decided about a picture holds for what is made from it, and what a community says of it too.
    fn reference(&mut self, reference: &Reference, cue_sets: &BTreeSet<usize>) {
        let bundle = self.bundle;
        let mut known = false;
        for key in &reference.rules {
            let Some((policy, before)) = key.split_once('/').and_then(|(p, r)| Some((bundle.policy(p)?, r))) else { continue };
            let Some(before) = policy.rules.iter().find(|r| r.id == before) else { continue };
            known = true;
            let shared = |rule: &Rule| -> Vec<String> {
                if before.elements.is_empty() {
                    return rule.elements.clone();
                }
                before.elements.iter().filter(|e| rule.elements.is_empty() || rule.elements.contains(e)).cloned().collect()
            };
            // The same elements may meet another rule now, as the use is another.
            let (facts, today) = (self.facts, self.today);
            for rule in policy.rules.iter().filter(|r| holds(r, facts, today, cue_sets)) {
                let shared = shared(rule);
                let about = !shared.is_empty() || rule.elements.is_empty();
                let again = rule.id == before.id || rule.life.is_none() && about;
                if again && (rule.surfaces.is_empty() || rule.surfaces.contains(&Surface::Reference)) {
                    let abouts: Vec<&str> =
                        if shared.is_empty() { vec![""] } else { shared.iter().map(String::as_str).collect() };
                    self.rule(policy, rule, None, true, &abouts, Vec::new());
                }
            }
        }
        if !known && reference.outcome.is_some_and(|o| o > Outcome::AllowWithNotice) {
            self.unwritten(elsewhere(bundle, reference));
        }
        for project in &reference.projects {
            for label in &project.labels {
                self.unwritten(labelled(reference, project, label, self.facts.use_));
            }
        }
    }
}

/// A picture that was refused by rules that are not known here: a person looks at it.
fn elsewhere(bundle: &Bundle, reference: &Reference) -> Fired {
    Fired {
        policy: "reference".to_owned(),
        title: "Decided elsewhere".to_owned(),
        rule: "decided-elsewhere".to_owned(),
        file: "bundle.toml".to_owned(),
        line: 1,
        outcome: Outcome::HumanReview,
        why: format!("{} carries a decision against it, by rules that are not known here", reference.name),
        authority_status: AuthorityStatus::ProjectDefault,
        authority_name: bundle.name.clone(),
        suggest: vec!["another picture".to_owned()],
        name: Some(reference.name.clone()),
        ..Fired::default()
    }
}

fn labelled(reference: &Reference, project: &Project, label: &Label, use_: Use) -> Fired {
    let outcome = label.outcome(use_);
    let institution = label.code.starts_with("notice-");
    Fired {
        policy: "local-contexts".to_owned(),
        title: format!("Local Contexts: {}", project.title),
        rule: label.code.clone(),
        file: project.page.clone(),
        outcome,
        name: Some(reference.name.clone()),
        why: label.text.clone(),
        sources: vec![project.page.clone()],
        // A label is the community's own word; a notice is an institution's.
        authority_status: if institution { AuthorityStatus::ProjectDefault } else { AuthorityStatus::RatifiedByCommunity },
        authority_name: label.community.clone(),
        contact_url: project.page.clone(),
        suggest: vec!["another work".to_owned()],
        notice: (outcome == Outcome::AllowWithNotice).then(|| format!("{}: {}", label.name, label.text)),
        ..Fired::default()
    }
}

/// Mentions in all texts of a request, and the cue sets of all but the negative prompt.
fn find<'a>(bundle: &Bundle, facts: &Facts<'a>) -> (Vec<Placed<'a>>, BTreeSet<usize>) {
    let references = facts.references.iter().flat_map(|r| &r.words).map(|words| (Surface::Reference, words.as_str()));
    let texts: Vec<(Surface, &'a str)> = std::iter::once((Surface::Prompt, facts.prompt))
        .chain(facts.style.map(|style| (Surface::Style, style)))
        .chain(facts.models.iter().map(|name| (Surface::Model, *name)))
        .chain(facts.titles.iter().map(|title| (Surface::Title, *title)))
        .chain(references)
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let (mut joined, mut starts, mut named) = (String::new(), Vec::new(), Vec::new());
    for (surface, text) in &texts {
        if !starts.is_empty() {
            joined.push(' ');
        }
        starts.push(joined.len());
        joined.push_str(text);
        if surface.is_cue() {
            named.push((joined.len() - text.len(), joined.len()));
        }
    }
    let scan = bundle.matcher.scan(&joined, &named);
    let mut cue_sets = scan.cue_sets;
    let mut placed: Vec<Placed<'a>> = Vec::new();
    for mut hit in scan.hits {
        let field = starts.partition_point(|&s| s <= hit.start).saturating_sub(1);
        let (surface, text) = texts[field];
        (hit.start, hit.end) = (hit.start - starts[field], (hit.end - starts[field]).min(text.len()));
        let surface = if surface == Surface::Prompt && hit.lora { Surface::Lora } else { surface };
        placed.push(Placed { hit, surface, text });
    }
    for pair in texts.windows(2) {
        // A name split over the seam: read the end of one and the beginning of the other as one word.
        let ((surface, text), (after, next)) = (pair[0], pair[1]);
        let (tail, head) = (last_bytes(text), first_bytes(next));
        let own = if after.is_cue() { vec![(tail.len(), tail.len() + head.len())] } else { Vec::new() };
        let scan = bundle.matcher.scan(&format!("{tail}{head}"), &own);
        cue_sets.extend(scan.cue_sets);
        let before = text.len() - tail.len();
        for mut hit in scan.hits.into_iter().filter(|h| h.start < tail.len() && h.end > tail.len()) {
            (hit.start, hit.end) = (hit.start + before, text.len());
            placed.push(Placed { hit, surface, text });
        }
    }
    if !facts.negative.is_empty() {
        for hit in bundle.matcher.scan(facts.negative, &[]).hits {
            placed.push(Placed { hit, surface: Surface::Negative, text: facts.negative });
        }
    }
    placed.sort_by_key(|p| (p.surface, p.hit.start, p.hit.end, p.hit.alias));
    (placed, cue_sets)
}

fn last_bytes(text: &str) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(SEAM))..]
}

fn first_bytes(text: &str) -> &str {
    &text[..text.floor_char_boundary(SEAM)]
}

fn meets(bundle: &Bundle, rule: &Rule, placed: &Placed<'_>) -> bool {
    let alias = &bundle.matcher.aliases[placed.hit.alias];
    (rule.elements.is_empty() || rule.elements.contains(&alias.element))
        && (rule.surfaces.is_empty() || rule.surfaces.contains(&placed.surface))
        && (rule.matches.is_empty() || rule.matches.iter().any(|kind| placed.hit.view.is(*kind)))
}

/// Unknown is treated as living; the term runs to the end of the 70th year after the year of death.
fn life_of(person: &Person, today: Timestamp) -> Life {
    match person.died {
        None => Life::Living,
        Some(year) if today.to_utc().year() > year.saturating_add(YEARS_AFTER_DEATH) => Life::DeadOver70,
        Some(_) => Life::Dead70,
    }
}

fn fired(
    languages: &[String],
    policy: &Policy,
    rule: &Rule,
    person: Option<&Person>,
    outcome: Outcome,
    matches: Vec<usize>,
) -> Fired {
    let name = person.map(|p| p.name.clone());
    let fill = |text: &str| match person {
        Some(p) => text
            .replace("{name}", &p.name)
            .replace("{died}", &p.died.map_or_else(|| "an unknown year".to_owned(), |y| y.to_string()))
            .replace("{note}", &p.note),
        None => text.to_owned(),
    };
    let own = person.map(|p| &p.suggest).filter(|s| !s.is_empty());
    // The first language of the bundle comes first.
    let filled = |lang: &String| Some((lang.clone(), fill(rule.notices.get(lang)?).replace("{title}", &policy.title)));
    let mut texts = languages.iter().filter_map(filled);
    Fired {
        policy: policy.id.clone(),
        title: policy.title.clone(),
        rule: rule.id.clone(),
        file: policy.file.clone(),
        line: rule.line,
        outcome,
        stated: (outcome != rule.outcome).then_some(rule.outcome),
        why: fill(&rule.why),
        name,
        sources: rule.sources.iter().chain(person.map(|p| &p.source).filter(|s| !s.is_empty())).cloned().collect(),
        authority_status: policy.authority.status,
        authority_name: policy.authority.name.clone(),
        contact_url: policy.authority.contact_url.clone(),
        suggest: own.unwrap_or(&rule.suggest).clone(),
        consent: rule.consent.clone(),
        notice: texts.next().map(|(_, text)| text),
        translations: texts.collect(),
        about: Vec::new(),
        matches,
    }
}

fn mention(bundle: &Bundle, placed: &Placed<'_>) -> Mention {
    let Placed { hit, surface, text } = placed;
    let alias = &bundle.matcher.aliases[hit.alias];
    let policy = &bundle.policies[alias.policy];
    Mention {
        policy: policy.id.clone(),
        policy_version: policy.version.clone(),
        alias: (!alias.never_show).then(|| alias.text.clone()),
        words: text.get(hit.start..hit.end).map(str::to_owned),
        start: Some(hit.start),
        end: Some(hit.end),
        surface: *surface,
        view: hit.view,
        fuzzy: hit.view.is_unsure(),
    }
}

impl Decision {
    /// The decision without anything the person typed: for public records and for the picture itself.
    #[must_use]
    pub fn without_prompt(&self) -> Self {
        let mut public = self.clone();
        for m in &mut public.matches {
            (m.words, m.start, m.end) = (None, None, None);
        }
        public
    }

    /// The strictest rule met, if any.
    pub fn deciding(&self) -> Option<&Fired> {
        self.rules.first()
    }
}
