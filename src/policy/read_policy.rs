//! One policy file → `Policy` and its names, every reference checked.

use std::collections::HashSet;

use toml::Spanned;

use super::bundle::{Authority, Kind, Person, Policy, Rule};
use super::forms::{Lines, is_country, is_id, is_span, searchable};
use super::mention::Surface;
use super::read::{Frame, Reader};
use super::schema::*;
use super::search::{Alias, Form, Vocabulary};
use super::terms::Use;

impl Reader {
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

    /// The policy of a file and the names it looks for, their `policy` yet to be set.
    pub(super) fn policy(&mut self, file: &str, text: &str, kind: Kind, raw: PolicyToml, frame: &Frame) -> (Policy, Vec<Alias>) {
        let words = &*frame.vocabulary;
        let mut aliases = Vec::new();
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
                    policy: 0,
                    entry: None,
                    element: entry.element.clone(),
                    text: name,
                    never_show: entry.never_show,
                    mode: entry.mode,
                    fuzzy: entry.fuzzy,
                    cues: cues.clone(),
                    groups: Vec::new(),
                };
                self.alias(file, text, at, alias, &mut aliases);
            }
        }
        for entry in raw.artist {
            let at = entry.span().start;
            let ArtistToml { name, aliases: names, needs_cue, died, source, checked_on, suggest, fuzzy } = entry.into_inner();
            self.day(file, text, at, &checked_on);
            let person = Person { name, died, note: String::new(), suggest, source, checked_on, line: lines.of_byte(at) };
            self.person(file, text, at, person, String::new(), (names, needs_cue, fuzzy), &style, &mut aliases, &mut people);
        }
        for entry in raw.character {
            let at = entry.span().start;
            let CharacterToml { name, aliases: names, needs_cue, element, version_note, source, checked_on, fuzzy } =
                entry.into_inner();
            self.day(file, text, at, &checked_on);
            let person =
                Person { name, died: None, note: version_note, suggest: Vec::new(), source, checked_on, line: lines.of_byte(at) };
            self.person(file, text, at, person, element, (names, needs_cue, fuzzy), &style, &mut aliases, &mut people);
        }
        shown.extend(people.iter().map(|p| p.name.clone()));
        if aliases.is_empty() {
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
                    policy: 0,
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
        let elements: HashSet<String> = aliases.iter().map(|a| a.element.clone()).collect();
        let mut rules: Vec<Rule> = Vec::new();
        for entry in raw.rule {
            let at = entry.span().start;
            let rule = self.rule(file, text, (at, lines.of_byte(at)), entry.into_inner(), &elements, frame);
            if rules.iter().any(|r| r.id == rule.id) {
                self.say(file, text, Some(at), format!("rule id `{}` is used twice in this file; choose a new one", rule.id));
            }
            rules.push(rule);
        }
        if rules.is_empty() {
            self.say(file, text, None, "no rules; add at least one [[rule]]");
        }
        let policy = Policy {
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
        };
        (policy, aliases)
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `policy`, shared by artists and characters")]
    fn person(
        &mut self,
        file: &str,
        text: &str,
        at: usize,
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
                policy: 0,
                entry: Some(people.len()),
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

    fn rule(
        &mut self,
        file: &str,
        text: &str,
        (at, line): (usize, usize),
        raw: RuleToml,
        elements: &HashSet<String>,
        frame: &Frame,
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
        let with = self.cue_sets(file, text, at, &raw.when.with, &frame.vocabulary);
        for code in raw.when.region.iter().filter(|c| !is_country(c.get_ref())) {
            let message = format!("`{}` is not a country; write two capital letters (ISO 3166-1 alpha-2)", code.get_ref());
            self.say(file, text, Some(code.span().start), message);
        }
        if let Some(date) = raw.when.date.as_ref().filter(|d| !is_span(&d.get_ref().from, &d.get_ref().until)) {
            let message = "a date has `from` and `until`, both as YYYY-MM-DD and in order, or both as MM-DD; correct it";
            self.say(file, text, Some(date.span().start), message);
        }
        let shown = (!raw.notice.is_empty()).then(|| frame.notice(&raw.notice));
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
            notice: raw.notice,
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
