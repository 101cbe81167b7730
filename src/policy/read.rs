//! Reads a bundle from texts: checks every reference and prepares the search once, so that a decision is fast. Says file, line and
//! column of what is wrong and what to do about it. Never touches a disk.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::de::DeserializeOwned;
use toml::Spanned;

use super::bundle::{Authority, Bundle, Case, Kind, Person, Policy, Problem, Rule, listing_of};
use super::forms::{Lines, is_country, is_day, is_id, is_span, is_version, line_and_column, searchable};
use super::matcher::{Alias, Form, Matcher, Names, Surface};
use super::schema::*;
use super::terms::Use;
use crate::digest::sha256_of;

/// Longest file of a bundle, in bytes.
const FILE_LIMIT: usize = 1 << 20;
/// The layout this code reads.
const SCHEMA_VERSION: u32 = 1;

/// Collects problems while reading.
#[derive(Default)]
pub(super) struct Reader {
    pub problems: Vec<Problem>,
}

/// What the vocabulary files say.
#[derive(Default)]
struct Vocabulary {
    glue: Vec<String>,
    names: Vec<String>,
    sets: Vec<Vec<String>>,
    exceptions: Vec<String>,
    ordinary: Vec<String>,
}

impl Reader {
    fn say(&mut self, file: &str, text: &str, at: Option<usize>, message: impl Into<String>) {
        let (line, column) = at.map_or((0, 0), |at| line_and_column(text, at));
        self.problems.push(Problem { file: file.to_owned(), line, column, message: message.into() });
    }

    fn toml<T: DeserializeOwned>(&mut self, file: &str, text: &str) -> Option<T> {
        self.taken(file, text, Some(toml::from_str(text)))
    }

    /// What was parsed; what is wrong with it is noted.
    fn taken<T>(&mut self, file: &str, text: &str, parsed: Option<Result<T, toml::de::Error>>) -> Option<T> {
        parsed?
            .map_err(|e| {
                let message = e.message().trim().replace('\n', "; ");
                self.say(file, text, e.span().map(|s| s.start), format!("{message}; correct this line"));
            })
            .ok()
    }

    /// Everything of a bundle; `None`, or problems, when it can't be used.
    pub(super) fn read(&mut self, files: &[(String, String)]) -> Option<Bundle> {
        let mut by_path: BTreeMap<&str, &str> = BTreeMap::new();
        for (path, text) in files {
            if text.len() > FILE_LIMIT {
                self.say(path, text, None, "longer than 1 MiB; split the file");
            } else if by_path.insert(path, text).is_some() {
                self.say(path, text, None, "given twice; keep one");
            }
        }
        let head: Option<BundleToml> = match by_path.get("bundle.toml") {
            Some(text) => self.toml("bundle.toml", text),
            None => {
                self.say(
                    "bundle.toml",
                    "",
                    None,
                    "missing; add it with name, version, schema_version, default_outcome, languages, appeal",
                );
                None
            }
        };
        if let (Some(head), Some(text)) = (&head, by_path.get("bundle.toml")) {
            self.version("bundle.toml", text, &head.version);
            if *head.schema_version.get_ref() != SCHEMA_VERSION {
                let at = Some(head.schema_version.span().start);
                let message = format!(
                    "schema_version `{}` is not known; this program reads {SCHEMA_VERSION}",
                    head.schema_version.get_ref()
                );
                self.say("bundle.toml", text, at, message);
            }
            if head.name.trim().is_empty() || head.appeal.trim().is_empty() || head.languages.is_empty() {
                self.say("bundle.toml", text, None, "name, languages and appeal may not be empty; fill them in");
            }
        }
        let languages = head.as_ref().map(|h| h.languages.clone()).unwrap_or_default();
        let words = self.vocabulary(&by_path);
        let mut parsed = parsed(&by_path);
        let (mut policies, mut aliases, mut cases) = (Vec::new(), Vec::new(), Vec::new());
        let mut used_notices = HashSet::new();
        for (&path, &text) in &by_path {
            let parts: Vec<&str> = path.split('/').collect();
            let kind = match parts[..] {
                ["bundle.toml" | "CHANGES.md"] | ["vocab", "cues.toml" | "exceptions.toml" | "ordinary.toml"] => continue,
                ["notices", name] if name.ends_with(".md") => continue,
                // Sets of requests and near-misses, for the test of the matcher.
                ["tests", "matching", name] if name.ends_with(".toml") => continue,
                ["tests", name] if name.ends_with(".toml") => {
                    if let Some(CasesToml { cases: found }) = self.taken(path, text, parsed.cases.remove(path)) {
                        let lines = Lines::of(text);
                        cases.extend(found.into_iter().map(|case| Case {
                            file: path.to_owned(),
                            line: lines.of_byte(case.span().start),
                            case: case.into_inner(),
                        }));
                    }
                    continue;
                }
                ["traditions", name] if name.ends_with(".toml") => Kind::Tradition,
                ["artists", name] if name.ends_with(".toml") => Kind::Artist,
                ["characters", name] if name.ends_with(".toml") => Kind::Character,
                _ => {
                    let places = "bundle.toml, CHANGES.md, traditions/, artists/, characters/, vocab/, notices/ or tests/";
                    self.say(path, text, None, format!("not a place for a policy file; use {places}"));
                    continue;
                }
            };
            let Some(raw) = self.taken(path, text, parsed.policies.remove(path)) else { continue };
            let mut notice = |pattern: &str| {
                let mut texts = BTreeMap::new();
                for language in &languages {
                    let name = pattern.replace("{lang}", language);
                    if let Some(text) = by_path.get(name.as_str()) {
                        texts.insert(language.clone(), text.trim().replace("\r\n", "\n"));
                    }
                    used_notices.insert(name);
                }
                // The first language is the one that everybody is given who reads none of the others.
                languages.first().filter(|first| texts.contains_key(*first)).map(|_| texts)
            };
            let policy = self.policy(path, text, kind, raw, policies.len(), &words, &mut aliases, &mut notice);
            policies.push(policy);
        }
        let mut ids = HashSet::new();
        for policy in &policies {
            if !ids.insert(policy.id.as_str()) {
                self.say(&policy.file, "", None, format!("id `{}` is used by another file; choose a new one", policy.id));
            }
        }
        let used_cues = aliases.iter().flat_map(|a: &Alias| a.cues.iter()).copied().chain(rules_with(&policies)).collect();
        let Vocabulary { glue, names: cue_names, sets: cue_sets, exceptions, ordinary } = words;
        let matcher = Matcher::new(Names { aliases, cue_sets, exceptions, ordinary, glue })
            .map_err(|message| self.say("bundle.toml", "", None, message))
            .ok()?;
        let head = head?;
        let listing = listing_of(by_path.iter().map(|(path, text)| (*path, *text)));
        Some(Bundle {
            name: head.name,
            version: head.version.into_inner(),
            hash: sha256_of(listing.as_bytes()),
            listing,
            default_outcome: head.default_outcome,
            appeal: head.appeal,
            policies,
            matcher,
            cases,
            files: by_path.keys().map(|p| (*p).to_owned()).collect(),
            used_notices,
            used_cues,
            cue_names,
            languages,
        })
    }

    fn version(&mut self, file: &str, text: &str, version: &Spanned<String>) {
        if !is_version(version.get_ref()) {
            let message = format!("`{}` is not a version; write three numbers such as 1.0.0", version.get_ref());
            self.say(file, text, Some(version.span().start), message);
        }
    }

    fn day(&mut self, file: &str, text: &str, at: usize, day: &str) {
        if !day.is_empty() && !is_day(day) {
            self.say(
                file,
                text,
                Some(at),
                format!("`{day}` is not a day; write YYYY-MM-DD, or leave it empty if nobody has checked"),
            );
        }
    }

    fn vocabulary(&mut self, files: &BTreeMap<&str, &str>) -> Vocabulary {
        let mut words = Vocabulary::default();
        let file = "vocab/cues.toml";
        match files.get(file) {
            Some(text) => {
                if let Some(cues) = self.toml::<CuesToml>(file, text) {
                    words.glue = cues.glue;
                    (words.names, words.sets) = cues.sets.into_iter().unzip();
                }
                for word in
                    words.sets.iter().flatten().chain(&words.glue).filter(|w| !searchable(w, 1)).cloned().collect::<Vec<_>>()
                {
                    self.say(file, text, None, format!("`{word}` has no letters to look for; remove it"));
                }
            }
            None => self.say(file, "", None, "missing; add it with `glue` and a `[sets]` table that has `style`"),
        }
        let file = "vocab/exceptions.toml";
        if let Some(text) = files.get(file)
            && let Some(found) = self.toml::<ExceptionsToml>(file, text)
        {
            words.ordinary = found.ordinary;
            words.exceptions = found.exception.into_iter().map(|e| e.text).collect();
            for word in words.exceptions.iter().chain(&words.ordinary).filter(|w| !searchable(w, 2)).cloned().collect::<Vec<_>>()
            {
                self.say(file, text, None, format!("`{word}` has no letters to look for; remove it"));
            }
        }
        let file = "vocab/ordinary.toml";
        if let Some(text) = files.get(file)
            && let Some(found) = self.toml::<OrdinaryToml>(file, text)
        {
            words.ordinary.extend(found.words.split_whitespace().map(str::to_owned));
        }
        words
    }

    fn cue_sets(&mut self, file: &str, text: &str, at: usize, names: &[String], words: &Vocabulary) -> Vec<usize> {
        let mut found = Vec::new();
        for name in names {
            match words.names.iter().position(|known| known == name) {
                Some(i) => found.push(i),
                None => {
                    let message = format!("`{name}` is not a set of vocab/cues.toml; write one of {}", words.names.join(", "));
                    self.say(file, text, Some(at), message);
                }
            }
        }
        found
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `read`, split off for length")]
    fn policy(
        &mut self,
        file: &str,
        text: &str,
        kind: Kind,
        raw: PolicyToml,
        index: usize,
        words: &Vocabulary,
        aliases: &mut Vec<Alias>,
        notice: &mut impl FnMut(&str) -> Option<BTreeMap<String, String>>,
    ) -> Policy {
        self.version(file, text, &raw.version);
        let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml");
        let id = raw.id.get_ref().clone();
        if !is_id(&id) || !(id == stem || id.starts_with(&format!("{stem}-"))) {
            let message =
                format!("id `{id}` does not fit its file; write `{stem}`, or `{stem}-…` in small letters, digits and hyphens");
            self.say(file, text, Some(raw.id.span().start), message);
        }
        let authority = raw.authority;
        self.day(file, text, 0, &authority.checked_on);
        self.day(file, text, 0, &authority.review_due);
        if authority.name.trim().is_empty() {
            self.say(file, text, None, "authority.name is empty; name whom to ask");
        }
        if !authority.contact_url.is_empty() && !authority.contact_url.starts_with("https://") {
            self.say(
                file,
                text,
                None,
                format!("contact_url `{}` is no https address; correct it or leave it empty", authority.contact_url),
            );
        }
        let wrong = match kind {
            Kind::Tradition => !raw.artist.is_empty() || !raw.character.is_empty(),
            Kind::Artist => !raw.alias.is_empty() || !raw.character.is_empty(),
            Kind::Character => !raw.alias.is_empty() || !raw.artist.is_empty(),
        };
        if wrong {
            self.say(
                file,
                text,
                None,
                "names of another kind; use [[alias]] in traditions/, [[artist]] in artists/, [[character]] in characters/",
            );
        }
        let lines = Lines::of(text);
        let mut shown = Vec::new();
        let mut people = Vec::new();
        let first = aliases.len();
        let style = words.names.iter().position(|n| n == "style").into_iter().collect::<Vec<_>>();
        for entry in raw.alias {
            let at = entry.span().start;
            let entry = entry.into_inner();
            if entry.kind == AliasKind::Offensive && !entry.never_show {
                self.say(file, text, Some(at), format!("`{}` is marked offensive; add `never_show = true`", entry.text));
            }
            let cues = if entry.cues.is_empty() { style.clone() } else { self.cue_sets(file, text, at, &entry.cues, words) };
            for name in std::iter::once(entry.text).chain(entry.also) {
                if !entry.never_show {
                    shown.push(name.clone());
                }
                let alias = Alias {
                    form: Form::of(&name),
                    policy: index,
                    entry: None,
                    element: entry.element.clone(),
                    text: name,
                    never_show: entry.never_show,
                    mode: entry.mode,
                    fuzzy: entry.fuzzy,
                    cues: cues.clone(),
                    groups: Vec::new(),
                };
                self.alias(file, text, at, alias, aliases);
            }
        }
        for entry in raw.artist {
            let at = entry.span().start;
            let ArtistToml { name, aliases: names, needs_cue, died, source, checked_on, suggest, fuzzy } = entry.into_inner();
            self.day(file, text, at, &checked_on);
            let person = Person { name, died, note: String::new(), suggest, source, checked_on, line: lines.of_byte(at) };
            self.person(
                file,
                text,
                at,
                (index, people.len()),
                person,
                String::new(),
                (names, needs_cue, fuzzy),
                &style,
                aliases,
                &mut people,
            );
        }
        for entry in raw.character {
            let at = entry.span().start;
            let CharacterToml { name, aliases: names, needs_cue, element, version_note, source, checked_on, fuzzy } =
                entry.into_inner();
            self.day(file, text, at, &checked_on);
            let person =
                Person { name, died: None, note: version_note, suggest: Vec::new(), source, checked_on, line: lines.of_byte(at) };
            self.person(
                file,
                text,
                at,
                (index, people.len()),
                person,
                element,
                (names, needs_cue, fuzzy),
                &style,
                aliases,
                &mut people,
            );
        }
        shown.extend(people.iter().map(|p| p.name.clone()));
        if aliases.len() == first {
            self.say(file, text, None, "no names to look for; add [[alias]], [[artist]] or [[character]]");
        }
        let mut describe = Vec::new();
        for entry in raw.describe {
            for word in entry.words.iter().flatten().filter(|w| !searchable(w, 3)) {
                self.say(file, text, None, format!("`{word}` of a description is too short; use three letters or more"));
            }
            if !entry.words.is_empty() && (entry.words.len() < 2 || entry.words.iter().any(Vec::is_empty)) {
                let message = format!("the description “{}” needs two groups of words or more, none of them empty", entry.text);
                self.say(file, text, None, message);
            }
            if !entry.words.is_empty() {
                aliases.push(Alias {
                    form: Form { text: String::new(), native: false, beyond: false },
                    policy: index,
                    entry: None,
                    element: entry.element,
                    text: entry.text.clone(),
                    never_show: false,
                    mode: AliasMatch::Described,
                    fuzzy: Some(0),
                    cues: Vec::new(),
                    groups: entry.words,
                });
            }
            describe.push(entry.text);
        }
        let elements: HashSet<String> = aliases[first..].iter().map(|a| a.element.clone()).collect();
        let mut rules: Vec<Rule> = Vec::new();
        for entry in raw.rule {
            let at = entry.span().start;
            let rule = self.rule(file, text, (at, lines.of_byte(at)), entry.into_inner(), &elements, words, notice);
            if rules.iter().any(|r| r.id == rule.id) {
                self.say(file, text, Some(at), format!("rule id `{}` is used twice in this file; choose a new one", rule.id));
            }
            rules.push(rule);
        }
        if rules.is_empty() {
            self.say(file, text, None, "no rules; add at least one [[rule]]");
        }
        Policy {
            id,
            version: raw.version.into_inner(),
            title: raw.title,
            summary: raw.summary,
            kind,
            authority: Authority {
                status: authority.status,
                name: authority.name,
                contact_url: authority.contact_url,
                checked_on: authority.checked_on,
                review_due: authority.review_due,
                local_contexts_project: authority.local_contexts_project,
            },
            aliases: shown,
            rules,
            describe,
            file: file.to_owned(),
            people,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `policy`, shared by artists and characters")]
    fn person(
        &mut self,
        file: &str,
        text: &str,
        at: usize,
        (policy, entry): (usize, usize),
        person: Person,
        element: String,
        (names, needs_cue, fuzzy): (Vec<String>, Vec<String>, Option<u8>),
        style: &[usize],
        aliases: &mut Vec<Alias>,
        people: &mut Vec<Person>,
    ) {
        let modes = std::iter::once((person.name.clone(), AliasMatch::Phrase))
            .chain(names.into_iter().map(|n| (n, AliasMatch::Phrase)))
            .chain(needs_cue.into_iter().map(|n| (n, AliasMatch::NeedsCue)));
        let mut forms: HashSet<Form> = HashSet::new();
        let all: Vec<(String, AliasMatch)> = modes.collect();
        // A name that is also listed under `needs_cue` needs its cue.
        for (i, (name, mode)) in all.iter().enumerate() {
            if *mode == AliasMatch::Phrase && all[i + 1..].iter().any(|(n, m)| n == name && *m == AliasMatch::NeedsCue) {
                continue;
            }
            let form = Form::of(name);
            if !forms.insert(form.clone()) {
                continue;
            }
            let alias = Alias {
                form,
                policy,
                entry: Some(entry),
                element: element.clone(),
                text: name.clone(),
                never_show: false,
                mode: *mode,
                // Surnames that mean other things are too short to be guessed at.
                fuzzy: if *mode == AliasMatch::NeedsCue && !name.contains(' ') { Some(0) } else { fuzzy },
                cues: style.to_vec(),
                groups: Vec::new(),
            };
            self.alias(file, text, at, alias, aliases);
        }
        people.push(person);
    }

    fn alias(&mut self, file: &str, text: &str, at: usize, alias: Alias, aliases: &mut Vec<Alias>) {
        if alias.form.text.len() < 2 {
            self.say(file, text, Some(at), format!("alias `{}` is too short to look for; use two letters or more", alias.text));
        } else if alias.fuzzy.is_some_and(|f| f > 2) {
            self.say(file, text, Some(at), format!("fuzzy of `{}` is above 2; write 0, 1 or 2", alias.text));
        } else {
            aliases.push(alias);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `policy`, split off for length")]
    fn rule(
        &mut self,
        file: &str,
        text: &str,
        (at, line): (usize, usize),
        raw: RuleToml,
        elements: &HashSet<String>,
        words: &Vocabulary,
        notice: &mut impl FnMut(&str) -> Option<BTreeMap<String, String>>,
    ) -> Rule {
        if !is_id(raw.id.get_ref()) {
            let message = format!("rule id `{}` may have small letters, digits and hyphens only; rename it", raw.id.get_ref());
            self.say(file, text, Some(raw.id.span().start), message);
        }
        for element in raw.when.element.iter().filter(|e| !elements.contains(*e)) {
            self.say(file, text, Some(at), format!("no name in this file has element `{element}`; add one or remove it here"));
        }
        if raw.when.surface.contains(&Surface::Negative) {
            self.say(file, text, Some(at), "a mention in the negative prompt fires no rule; remove `negative`");
        }
        if raw.why.trim().is_empty() {
            self.say(file, text, Some(at), "why is empty; give the reason in one plain sentence");
        }
        self.day(file, text, at, &raw.checked_on);
        let with = self.cue_sets(file, text, at, &raw.when.with, words);
        for code in raw.when.region.iter().filter(|c| !is_country(c.get_ref())) {
            let message = format!("`{}` is not a country; write two capital letters (ISO 3166-1 alpha-2)", code.get_ref());
            self.say(file, text, Some(code.span().start), message);
        }
        if let Some(date) = raw.when.date.as_ref().filter(|d| !is_span(&d.get_ref().from, &d.get_ref().until)) {
            let message = "a date has `from` and `until`, both as YYYY-MM-DD and in order, or both as MM-DD; correct it";
            self.say(file, text, Some(date.span().start), message);
        }
        let shown = (!raw.notice.is_empty()).then(|| notice(&raw.notice));
        if shown.as_ref().is_some_and(Option::is_none) {
            self.say(file, text, Some(at), format!("notice `{}` is not there; add the file under notices/", raw.notice));
        }
        let mut uses: Vec<Use> = raw.when.uses.iter().flat_map(|u| u.uses()).copied().collect();
        uses.sort();
        uses.dedup();
        if uses.is_empty() {
            uses = Use::ALL.to_vec();
        }
        Rule {
            id: raw.id.into_inner(),
            outcome: raw.outcome,
            why: raw.why.trim().to_owned(),
            sources: raw.source,
            checked_on: raw.checked_on,
            line,
            uses,
            suggest: raw.suggest,
            consent: Some(raw.unless.consent).filter(|c| !c.is_empty()),
            membership: raw.unless.membership,
            notices: shown.flatten().unwrap_or_default(),
            elements: raw.when.element,
            surfaces: raw.when.surface,
            with,
            life: raw.when.life,
            matches: raw.when.matches,
            region: raw.when.region.into_iter().map(Spanned::into_inner).collect(),
            date: raw.when.date.map(Spanned::into_inner),
        }
    }
}

/// Policy files and cases, parsed: most of the time that reading a bundle takes, so on two threads.
#[derive(Default)]
struct Parsed<'a> {
    policies: HashMap<&'a str, Result<PolicyToml, toml::de::Error>>,
    cases: HashMap<&'a str, Result<CasesToml, toml::de::Error>>,
}

fn parsed<'a>(files: &BTreeMap<&'a str, &'a str>) -> Parsed<'a> {
    let mut all: Vec<(&'a str, &'a str)> = files.iter().map(|(path, text)| (*path, *text)).collect();
    // The longest first, dealt in turn, so that both threads end at about the same time.
    all.sort_by_key(|(_, text)| std::cmp::Reverse(text.len()));
    let some = |first: usize| {
        let mut parsed = Parsed::default();
        for &(path, text) in all.iter().skip(first).step_by(2) {
            match path.split_once('/') {
                Some(("tests", rest)) if !rest.contains('/') => {
                    parsed.cases.insert(path, toml::from_str(text));
                }
                Some(("traditions" | "artists" | "characters", _)) => {
                    parsed.policies.insert(path, toml::from_str(text));
                }
                _ => {}
            }
        }
        parsed
    };
    let (mut one, other) = std::thread::scope(|threads| {
        let other = threads.spawn(|| some(1));
        (some(0), other.join())
    });
    let other = other.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    one.policies.extend(other.policies);
    one.cases.extend(other.cases);
    one
}

fn rules_with(policies: &[Policy]) -> impl Iterator<Item = usize> {
    policies.iter().flat_map(|p| &p.rules).flat_map(|r| &r.with).copied()
}
