//! (bundle, facts, day) → `Decision`: which rules the mentions meet, what follows, and how to say it to a person. A pure function; does
//! not know whether a consent is genuine or still valid, so hand in only those that are.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::bundle::{Bundle, Person, Policy, Rule};
use super::matcher::{Hit, Surface, View};
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
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What to draw, as typed.
    pub prompt: &'a str,
    /// What to avoid, as typed; mentions are recorded and fire nothing.
    pub negative: &'a str,
    /// Name of a style preset, or of an adapter.
    pub style: Option<&'a str>,
    /// What the picture is for.
    pub use_: Use,
    /// Valid consents that cover this request.
    pub consents: &'a [ConsentRef],
}

/// A consent held by whoever asks, already found to be valid for this request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentRef {
    /// `policy/rule`.
    pub rule: String,
    /// Where the consent is recorded.
    pub reference: String,
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
    /// Whether it is only close to a known name.
    pub fuzzy: bool,
}

/// One rule that was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Text to show with the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
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
    /// How to ask for a second look.
    pub appeal: String,
    /// When.
    pub evaluated_at: Timestamp,
}

/// A mention with its surface settled; offsets are in the text of that surface.
#[derive(Debug, Clone, Copy)]
struct Placed {
    hit: Hit,
    surface: Surface,
}

/// Decides. Equal arguments give equal decisions.
pub fn decide(bundle: &Bundle, facts: &Facts<'_>, today: Timestamp) -> Decision {
    let (placed, cue_sets) = find(bundle, facts);
    let mut rules: Vec<Fired> = Vec::new();
    let mut by_policy: BTreeMap<(usize, Option<usize>), Vec<usize>> = BTreeMap::new();
    for (i, p) in placed.iter().enumerate().filter(|(_, p)| p.surface != Surface::Negative) {
        let alias = &bundle.matcher.aliases[p.hit.alias];
        by_policy.entry((alias.policy, alias.entry)).or_default().push(i);
    }
    let mut satisfied = Vec::new();
    for ((policy, entry), hits) in &by_policy {
        let policy = &bundle.policies[*policy];
        let person = entry.map(|e| &policy.people[e]);
        for rule in &policy.rules {
            let met: Vec<usize> = hits.iter().copied().filter(|&i| meets(bundle, rule, &placed[i])).collect();
            let here = rule.uses.contains(&facts.use_)
                && rule.life.is_none_or(|life| person.is_none_or(|p| life_of(p, today) == life))
                && (rule.with.is_empty() || rule.with.iter().any(|set| cue_sets.contains(set)));
            if met.is_empty() || !here {
                continue;
            }
            let sure = met.iter().any(|&i| placed[i].hit.view != View::Fuzzy);
            let mut outcome = if sure { rule.outcome } else { rule.outcome.min(Outcome::HumanReview) };
            let key = format!("{}/{}", policy.id, rule.id);
            if rule.consent.is_some()
                && let Some(consent) = facts.consents.iter().find(|c| c.rule == key)
            {
                outcome = Outcome::Allow;
                satisfied.push(Satisfied { rule: key, reference: consent.reference.clone() });
            }
            rules.push(fired(policy, rule, person, outcome, met));
        }
    }
    rules.sort_by(|a, b| {
        b.outcome.cmp(&a.outcome).then_with(|| (&a.policy, &a.rule, &a.name).cmp(&(&b.policy, &b.rule, &b.name)))
    });
    for rule in &mut rules {
        rule.matches.retain(|&i| i < MENTIONS_KEPT);
    }
    satisfied.sort_by(|a, b| a.rule.cmp(&b.rule));
    satisfied.dedup();
    Decision {
        id: None,
        outcome: rules.iter().map(|r| r.outcome).max().unwrap_or(bundle.default_outcome),
        bundle: BundleRef { name: bundle.name.clone(), version: bundle.version.clone(), sha256: bundle.hash },
        use_: facts.use_,
        matches: placed.iter().take(MENTIONS_KEPT).map(|p| mention(bundle, facts, p)).collect(),
        rules,
        satisfied,
        appeal: bundle.appeal.clone(),
        evaluated_at: today,
    }
}

/// Mentions in prompt, style and negative prompt, and the cue sets of prompt and style.
fn find(bundle: &Bundle, facts: &Facts<'_>) -> (Vec<Placed>, BTreeSet<usize>) {
    let style = facts.style.unwrap_or_default();
    let from = facts.prompt.len() + 1;
    let joined = if style.is_empty() { facts.prompt.to_owned() } else { format!("{} {style}", facts.prompt) };
    let scan = bundle.matcher.scan(&joined, from);
    let mut cue_sets = scan.cue_sets;
    let mut placed: Vec<Placed> = Vec::new();
    for mut hit in scan.hits {
        let surface = if hit.start >= from {
            (hit.start, hit.end) = (hit.start - from, hit.end - from);
            Surface::Style
        } else if hit.end > facts.prompt.len() {
            hit.end = facts.prompt.len();
            Surface::Prompt
        } else if hit.lora {
            Surface::Lora
        } else {
            Surface::Prompt
        };
        placed.push(Placed { hit, surface });
    }
    if !style.is_empty() {
        // A name split over the seam: read the end of one and the beginning of the other as one word.
        let (tail, head) = (last_bytes(facts.prompt), first_bytes(style));
        let scan = bundle.matcher.scan(&format!("{tail}{head}"), tail.len());
        cue_sets.extend(scan.cue_sets);
        let before = facts.prompt.len() - tail.len();
        for mut hit in scan.hits.into_iter().filter(|h| h.start < tail.len() && h.end > tail.len()) {
            (hit.start, hit.end) = (hit.start + before, facts.prompt.len());
            placed.push(Placed { hit, surface: Surface::Prompt });
        }
    }
    for hit in bundle.matcher.scan(facts.negative, usize::MAX).hits {
        placed.push(Placed { hit, surface: Surface::Negative });
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

fn meets(bundle: &Bundle, rule: &Rule, placed: &Placed) -> bool {
    let alias = &bundle.matcher.aliases[placed.hit.alias];
    (rule.elements.is_empty() || rule.elements.contains(&alias.element))
        && (rule.surfaces.is_empty() || rule.surfaces.contains(&placed.surface))
}

/// Unknown is treated as living; the term runs to the end of the 70th year after the year of death.
fn life_of(person: &Person, today: Timestamp) -> Life {
    match person.died {
        None => Life::Living,
        Some(year) if today.to_utc().year() > year.saturating_add(YEARS_AFTER_DEATH) => Life::DeadOver70,
        Some(_) => Life::Dead70,
    }
}

fn fired(policy: &Policy, rule: &Rule, person: Option<&Person>, outcome: Outcome, matches: Vec<usize>) -> Fired {
    let name = person.map(|p| p.name.clone());
    let fill = |text: &str| match person {
        Some(p) => text
            .replace("{name}", &p.name)
            .replace("{died}", &p.died.map_or_else(|| "an unknown year".to_owned(), |y| y.to_string()))
            .replace("{note}", &p.note),
        None => text.to_owned(),
    };
    let own = person.map(|p| &p.suggest).filter(|s| !s.is_empty());
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
        notice: rule.notice.as_deref().map(|text| fill(text).replace("{title}", &policy.title)),
        matches,
    }
}

fn mention(bundle: &Bundle, facts: &Facts<'_>, placed: &Placed) -> Mention {
    let Placed { hit, surface } = placed;
    let alias = &bundle.matcher.aliases[hit.alias];
    let policy = &bundle.policies[alias.policy];
    let text = match surface {
        Surface::Negative => facts.negative,
        Surface::Style => facts.style.unwrap_or_default(),
        Surface::Prompt | Surface::Lora => facts.prompt,
    };
    Mention {
        policy: policy.id.clone(),
        policy_version: policy.version.clone(),
        alias: (!alias.never_show).then(|| alias.text.clone()),
        words: text.get(hit.start..hit.end).map(str::to_owned),
        start: Some(hit.start),
        end: Some(hit.end),
        surface: *surface,
        view: hit.view,
        fuzzy: hit.view == View::Fuzzy,
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
