//! Finds mentions: every alias, cue and exception (`patterns`) over all views, then near spellings. Returns byte spans of the
//! original text. Knows nothing of rules or outcomes.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::near::Near;
use super::patterns::{Gathered, Pattern, Patterns, What};
use super::schema::{AliasMatch, MatchWord};
use super::typo::{Typos, edits_for};
use super::views::{Reading, beyond_latin, folded, native_form, readings, unspaced};
use super::words::WordSet;

/// Longest run of letters looked into for glued names.
const LONGEST_GLUED: usize = 400;
/// Longest word that may be glued to a name, in letters.
const LONGEST_GLUE: usize = 18;
/// A name of several words with so many letters is seen with any word glued to it.
const LONG_NAME: usize = 10;
/// A name of so many letters is seen inside any run.
const ANYWHERE: usize = 6;
/// A run of so many letters is no word of its own.
const LONG_RUN: usize = 20;
/// A cue of so many letters may be misspelt by one.
const CUE_TYPO: usize = 6;
/// Words between the first and the last of a description, at most.
const DESCRIPTION_REACH: usize = 14;

/// Where a mention stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surface {
    /// The prompt.
    Prompt,
    /// A style preset or its name.
    Style,
    /// The name of an adapter, as in `<lora:name:0.8>`.
    Lora,
    /// The name of a model.
    Model,
    /// The title of the picture, or the name of its file.
    Title,
    /// A picture handed in: what it resembles, and what was decided about it before.
    Reference,
    /// The negative prompt: what to avoid. Recorded only.
    Negative,
}

impl Surface {
    /// The text form, such as `lora`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Style => "style",
            Self::Lora => "lora",
            Self::Model => "model",
            Self::Title => "title",
            Self::Reference => "reference",
            Self::Negative => "negative",
        }
    }

    /// Whether a name there stands for a style by itself, without a cue.
    pub(super) const fn is_cue(self) -> bool {
        matches!(self, Self::Style | Self::Lora | Self::Model)
    }
}

/// How a mention was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Case, marks and punctuation aside, as written.
    Plain,
    /// In its own script.
    Native,
    /// With letters of another script that look alike.
    LookAlike,
    /// With digits or signs for letters.
    Leet,
    /// Letter by letter.
    Spaced,
    /// With punctuation inside the word.
    Tight,
    /// Run together with another word.
    Glued,
    /// With a letter or two different: never more than a question.
    Fuzzy,
    /// Described in other words: never more than a question.
    Described,
    /// Not in words: in a picture handed in.
    Picture,
}

impl View {
    /// For a sentence; `None` for plain writing.
    pub const fn in_words(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Native | Self::Picture => None,
            Self::LookAlike => Some("written with look-alike letters"),
            Self::Leet => Some("written with digits for letters"),
            Self::Spaced => Some("written letter by letter"),
            Self::Tight => Some("written with signs inside"),
            Self::Glued => Some("written as one word"),
            Self::Fuzzy => Some("close to a known name"),
            Self::Described => Some("described in other words"),
        }
    }

    /// Whether it may mean something else: then a person is asked, and nothing is refused for it alone.
    pub const fn is_unsure(self) -> bool {
        matches!(self, Self::Fuzzy | Self::Described)
    }

    /// Whether a rule that wants this kind of match takes it.
    pub(super) const fn is(self, kind: MatchWord) -> bool {
        match kind {
            MatchWord::Exact => matches!(self, Self::Plain | Self::Native | Self::Picture),
            MatchWord::Variant => matches!(self, Self::LookAlike | Self::Leet | Self::Spaced | Self::Tight | Self::Glued),
            MatchWord::Fuzzy => matches!(self, Self::Fuzzy),
            MatchWord::Semantic => matches!(self, Self::Described),
        }
    }
}

/// What to look for.
#[derive(Debug)]
pub(super) struct Alias {
    /// As it is looked for.
    pub form: Form,
    pub policy: usize,
    /// Index of the artist or character, when the alias is one's name.
    pub entry: Option<usize>,
    pub element: String,
    pub text: String,
    pub never_show: bool,
    pub mode: AliasMatch,
    pub fuzzy: Option<u8>,
    /// Indices of cue sets.
    pub cues: Vec<usize>,
    /// Of a description: words of which one of each group must stand close together.
    pub groups: Vec<Vec<String>>,
}

/// One mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub alias: usize,
    pub start: usize,
    pub end: usize,
    pub view: View,
    pub lora: bool,
    /// Counts with a cue only, whatever its alias says.
    pub short: bool,
}

/// Everything found in one text.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub hits: Vec<Hit>,
    /// Cue sets mentioned anywhere.
    pub cue_sets: BTreeSet<usize>,
}

/// What a bundle looks for, as its files give it.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub aliases: Vec<Alias>,
    pub cue_sets: Vec<Vec<String>>,
    pub exceptions: Vec<String>,
    /// Words that are never a misspelling.
    pub ordinary: Vec<String>,
    /// Small words that may be glued to a name.
    pub glue: Vec<String>,
}

/// The compiled search.
#[derive(Debug)]
pub(super) struct Matcher {
    pub aliases: Vec<Alias>,
    ascii: Patterns,
    native: Patterns,
    /// Words that may be glued to a name.
    glue: WordSet,
    /// Words that are never a misspelling.
    known: WordSet,
    /// Near spellings of names in Latin letters, and in others.
    typos: [Typos; 2],
    /// Near spellings of cues; the number is the set.
    cue_typos: Typos,
}

/// A name or cue in the form it is looked for in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Form {
    pub text: String,
    /// In a script that folding would destroy.
    pub native: bool,
    /// In Cyrillic or Greek letters.
    pub beyond: bool,
}

impl Form {
    pub(super) fn of(text: &str) -> Self {
        match native_form(text) {
            Some(text) => Self { text, native: true, beyond: false },
            None => Self { text: folded(text), native: false, beyond: text.chars().any(beyond_latin) },
        }
    }
}

impl Matcher {
    /// Compiles the search. Fails with a sentence when the names are too many or too long.
    pub(super) fn new(names: Names) -> Result<Self, String> {
        let Names { aliases, cue_sets, exceptions, ordinary, glue } = names;
        let (mut ascii, mut native) = (Gathered::default(), Gathered::default());
        let mut add = |form: &Form, what: What| {
            let pattern = Pattern { what, squeezed: false, beyond: form.beyond };
            if form.native {
                native.add(&form.text, pattern);
                return;
            }
            if matches!(what, What::Alias(_)) && form.text.contains(' ') {
                let squeezed = form.text.replace(' ', "");
                if squeezed.len() >= 5 {
                    ascii.add(&squeezed, Pattern { squeezed: true, ..pattern });
                }
            }
            ascii.add(&form.text, pattern);
        };
        for (i, alias) in aliases.iter().enumerate() {
            if alias.mode == AliasMatch::Described {
                for (group, words) in alias.groups.iter().enumerate() {
                    words.iter().for_each(|word| add(&Form::of(word), What::Part(i, group)));
                }
            } else {
                add(&alias.form, What::Alias(i));
            }
        }
        let cues: Vec<(usize, Form)> =
            cue_sets.iter().enumerate().flat_map(|(set, cues)| cues.iter().map(move |cue| (set, Form::of(cue)))).collect();
        cues.iter().for_each(|(set, form)| add(form, What::Cue(*set)));
        let exceptions: Vec<Form> = exceptions.iter().map(|text| Form::of(text)).collect();
        exceptions.iter().for_each(|form| add(form, What::Exception));
        // The automaton and the index of near spellings know nothing of each other.
        let (searchers, words) = std::thread::scope(|both| {
            let searchers = both.spawn(|| Ok::<_, String>((ascii.compile()?, native.compile()?)));
            let words = Spelling::of(&aliases, &cues, &exceptions, &ordinary, &glue);
            (searchers.join(), words)
        });
        let (ascii, native) = searchers.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let Spelling { glue, known, typos, cue_typos } = words;
        Ok(Self { aliases, ascii, native, glue, known, typos, cue_typos })
    }

    /// All mentions in `text`, in order of place. What stands in one of the `named` ranges is the name of a style: its own cue.
    pub(super) fn scan(&self, text: &str, named: &[(usize, usize)]) -> Scan {
        let readings = readings(text);
        let Some(plain) = readings.first() else { return Scan::default() };
        let mut found = Found::default();
        for reading in &readings {
            self.collect(text, reading, &mut found);
        }
        found.tidy();
        let mut near = Near::new(text, plain, named, &found.cues);
        let mut scan = Scan { hits: Vec::new(), cue_sets: found.cues.iter().map(|c| c.2).collect() };
        let uncued = self.keep_cued(&near, std::mem::take(&mut found.hits), &mut scan.hits);
        let misspelt: Vec<&Reading> = readings.iter().filter(|r| matches!(r.kind, View::Plain | View::LookAlike)).collect();
        for reading in &misspelt {
            self.collect_near(text, reading, &scan.hits, &mut found);
        }
        self.keep_cued(&near, std::mem::take(&mut found.hits), &mut scan.hits);
        // A sure name with a misspelt cue is a question too.
        if !uncued.is_empty() {
            let mut cues = Vec::new();
            for reading in misspelt {
                for n in self.cue_typos.find(reading, |word| self.known.contains(word)) {
                    let (start, end) = reading.original(n.start, n.end);
                    cues.push((start, end, n.alias));
                }
            }
            if !cues.is_empty() {
                near.set_cues(&cues);
                let unsure = uncued.into_iter().map(|hit| Hit { view: View::Fuzzy, ..hit }).collect();
                self.keep_cued(&near, unsure, &mut scan.hits);
            }
        }
        self.add_described(&near, &mut found.parts, &mut scan.hits);
        self.settle(&mut scan.hits);
        scan
    }

    /// Moves the hits that need no cue, or have one, to `kept`; returns the others.
    fn keep_cued(&self, near: &Near, hits: Vec<Hit>, kept: &mut Vec<Hit>) -> Vec<Hit> {
        let mut others = Vec::new();
        for mut hit in hits {
            hit.lora = near.in_lora(&hit);
            let alias = &self.aliases[hit.alias];
            let needs = alias.mode == AliasMatch::NeedsCue || hit.short;
            // So short a name, misspelt, has only its company to be known by.
            let cued =
                near.has_cue(&hit, &alias.cues) || hit.short && alias.mode != AliasMatch::NeedsCue && near.has_any_cue(&hit);
            if !needs || hit.lora || cued {
                kept.push(hit);
            } else {
                others.push(hit);
            }
        }
        others
    }

    /// Descriptions of which a word of every group stands close together, where the policy is not named anyway.
    fn add_described(&self, near: &Near, parts: &mut Vec<(usize, usize, usize, usize)>, hits: &mut Vec<Hit>) {
        parts.sort_unstable();
        parts.dedup();
        for of_one in parts.chunk_by(|a, b| a.0 == b.0) {
            let alias = of_one[0].0;
            let Alias { policy, groups, .. } = &self.aliases[alias];
            if hits.iter().any(|h| self.aliases[h.alias].policy == *policy) {
                continue;
            }
            // The parts by place; from each, as far as a description reaches.
            let mut places: Vec<_> = of_one.iter().map(|&(_, start, end, group)| (start, end, group)).collect();
            places.sort_unstable();
            let found = (0..places.len()).find_map(|first| {
                let reach = places[first..].iter().take_while(|p| near.words_between(places[first].0, p.0) <= DESCRIPTION_REACH);
                let mut seen = BTreeSet::new();
                for &(_, end, group) in reach {
                    seen.insert(group);
                    if seen.len() == groups.len() {
                        return Some((places[first].0, end));
                    }
                }
                None
            });
            if let Some((start, end)) = found {
                hits.push(Hit { alias, start, end, view: View::Described, lora: false, short: false });
            }
        }
    }

    /// Orders hits by place and drops those inside a longer one of the same policy, element and person: they say nothing new.
    fn settle(&self, hits: &mut Vec<Hit>) {
        hits.sort_unstable_by_key(|h: &Hit| (h.start, std::cmp::Reverse(h.end), h.view, h.alias));
        let mut longest: HashMap<(usize, &str, Option<usize>), usize> = HashMap::new();
        // Sure mentions first, so that an unsure one never hides a sure one.
        let mut keep: HashSet<(usize, usize, usize)> = HashSet::new();
        for unsure in [false, true] {
            if unsure {
                longest.clear();
            }
            for hit in hits.iter().filter(|h| h.view.is_unsure() == unsure) {
                let alias = &self.aliases[hit.alias];
                let end = longest.entry((alias.policy, &alias.element, alias.entry)).or_insert(0);
                if hit.end > *end {
                    keep.insert((hit.alias, hit.start, hit.end));
                    *end = hit.end;
                }
            }
        }
        hits.retain(|hit| keep.remove(&(hit.alias, hit.start, hit.end)));
    }

    fn collect<'r>(&self, text: &str, reading: &'r Reading, found: &mut Found<'r>) {
        let native = reading.kind == View::Native;
        let patterns = if native { &self.native } else { &self.ascii };
        let mut inside: Vec<(usize, usize, Pattern)> = Vec::new();
        let mut glued: HashSet<usize> = HashSet::new();
        for (start, end, pattern) in patterns.find(&reading.text) {
            if pattern.beyond && !fits(text, reading, (start, end), true) {
                continue;
            }
            let stem = matches!(pattern.what, What::Alias(a) if self.aliases[a].mode == AliasMatch::Stem);
            if if native { bounded_native(&reading.text, start, end, stem) } else { bounded(&reading.text, start, end, stem) } {
                let view = if pattern.squeezed && reading.kind == View::Plain { View::Glued } else { reading.kind };
                found.add(pattern.what, reading, start, end, view);
            } else if !native && end - start >= 3 {
                inside.push((start, end, pattern));
            }
        }
        for &(start, end, pattern) in &inside {
            let What::Alias(alias) = pattern.what else { continue };
            if self.aliases[alias].mode == AliasMatch::Word || end - start < 4 {
                continue;
            }
            let Some((from, to)) = word_around(&reading.text, start, end) else { continue };
            if self.stands_apart(reading, (from, to), (start, end), found) {
                glued.insert(from);
                found.add(pattern.what, reading, start, end, View::Glued);
            }
        }
        for (start, end, pattern) in inside.into_iter().filter(|i| matches!(i.2.what, What::Cue(_))) {
            let Some((from, to)) = word_around(&reading.text, start, end) else { continue };
            let (before, after) = (&reading.text[from..start], &reading.text[end..to]);
            // A cue glued to the name, or to other words of the kind.
            if glued.contains(&from) || end - start >= 4 && found.is_glue(before, &self.glue) && found.is_glue(after, &self.glue)
            {
                found.add(pattern.what, reading, start, end, View::Glued);
            }
        }
    }

    /// Whether a name inside a run of letters is a word of its own there: it is long, or what stands around it are words too.
    fn stands_apart<'r>(
        &self,
        reading: &'r Reading,
        (from, to): (usize, usize),
        (start, end): (usize, usize),
        found: &mut Found<'r>,
    ) -> bool {
        let (before, after) = (&reading.text[from..start], &reading.text[end..to]);
        let letters = end - start;
        if self.known.contains(&reading.text[from..to]) {
            return false;
        }
        let all_glue = |found: &mut Found<'r>| [before, after].iter().all(|part| found.is_glue(part, &self.glue));
        if reading.text[start..end].contains(' ') {
            return letters >= LONG_NAME && [before, after].iter().all(|p| p.is_empty() || p.len() >= 3) || all_glue(found);
        }
        if letters >= ANYWHERE || letters >= 5 && reading.kind == View::Spaced || all_glue(found) {
            return true;
        }
        // At one end of a word that no dictionary has: those that do are ordinary.
        if letters == 5 && (before.is_empty() && after.len() >= 3 || after.is_empty() && before.len() >= 3) {
            return true;
        }
        // No single word is as long as that: the spaces were left out.
        let least = match to - from {
            LONG_RUN.. if letters == 5 => 2,
            _ if reading.kind == View::Spaced || to - from >= LONG_RUN => 3,
            _ => return false,
        };
        let ends = |part: &str| {
            part.is_empty() || (least..=part.len().min(LONGEST_GLUE)).any(|n| self.glue.contains(&part[part.len() - n..]))
        };
        let begins =
            |part: &str| part.is_empty() || (least..=part.len().min(LONGEST_GLUE)).any(|n| self.glue.contains(&part[..n]));
        ends(before) && begins(after)
    }

    /// Near spellings, except where the same policy is surely mentioned.
    fn collect_near(&self, text: &str, reading: &Reading, sure: &[Hit], found: &mut Found<'_>) {
        let mut taken: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
        for hit in sure {
            taken.entry(self.aliases[hit.alias].policy).or_default().push((hit.start, hit.end));
        }
        for spans in taken.values_mut() {
            merge(spans);
        }
        let beyond = text.chars().any(beyond_latin);
        let latin = self.typos[0].find(reading, |word| self.known.contains(word));
        let others = if beyond { self.typos[1].find(reading, |word| self.known.contains(word)) } else { Vec::new() };
        for (near, other) in latin.into_iter().map(|n| (n, false)).chain(others.into_iter().map(|n| (n, true))) {
            if beyond && !fits(text, reading, (near.start, near.end), other) {
                continue;
            }
            let (start, end) = reading.original(near.start, near.end);
            let overlaps = |spans: &Vec<(usize, usize)>| {
                let at = spans.partition_point(|s| s.1 <= start);
                spans.get(at).is_some_and(|s| s.0 < end)
            };
            if !taken.get(&self.aliases[near.alias].policy).is_some_and(overlaps) && !covered(&found.exceptions, start, end) {
                found.add(What::Alias(near.alias), reading, near.start, near.end, View::Fuzzy);
                if near.short
                    && let Some(hit) = found.hits.last_mut().filter(|h| h.alias == near.alias && h.view == View::Fuzzy)
                {
                    hit.short = true;
                }
            }
        }
    }
}

/// What tells a misspelt or glued name from another word.
struct Spelling {
    glue: WordSet,
    known: WordSet,
    typos: [Typos; 2],
    cue_typos: Typos,
}

impl Spelling {
    fn of(aliases: &[Alias], cues: &[(usize, Form)], exceptions: &[Form], ordinary: &[String], glue: &[String]) -> Self {
        let mut known: WordSet = ordinary.iter().map(|w| folded(w)).collect();
        let mut glue: WordSet = glue.iter().map(|w| folded(w)).collect();
        let (mut typos, mut cue_typos) = ([Typos::default(), Typos::default()], Typos::default());
        let mut common: WordSet = glue.clone();
        common.extend(cues.iter().flat_map(|(_, form)| form.text.split(' ').map(str::to_owned)));
        let written = |alias: &Alias| !alias.form.native && alias.mode != AliasMatch::Described;
        for (i, alias) in aliases.iter().enumerate().filter(|(_, a)| written(a)) {
            let Form { text: form, beyond, .. } = &alias.form;
            let letters = form.bytes().filter(|b| *b != b' ').count();
            let stem = alias.mode == AliasMatch::Stem;
            if alias.mode != AliasMatch::Word && letters >= 4 && (!stem || *beyond) {
                typos[usize::from(*beyond)].add(i, form, alias.fuzzy.unwrap_or_else(|| edits_for(letters)), stem);
            }
        }
        for (set, form) in cues.iter().filter(|(_, form)| !form.native) {
            cue_typos.add(*set, &form.text, u8::from(form.text.len() >= CUE_TYPO), false);
        }
        let many_have = |word: &str| common.contains(word) || known.contains(word);
        typos.iter_mut().for_each(|t| t.index(many_have));
        cue_typos.index(|_| true);
        for form in aliases.iter().filter(|a| written(a)).map(|a| &a.form.text) {
            if form.len() >= 4 {
                glue.insert(form.replace(' ', ""));
            }
            // A short part of one name is not another misspelt.
            known.extend(form.split(' ').filter(|w| (3..6).contains(&w.len())).map(str::to_owned));
        }
        known.extend(aliases.iter().filter(|a| written(a)).map(|a| a.form.text.clone()));
        for form in cues.iter().map(|(_, form)| form).filter(|form| !form.native) {
            glue.insert(form.text.replace(' ', ""));
            known.insert(form.text.clone());
        }
        known.extend(exceptions.iter().map(|form| form.text.clone()));
        Self { glue, known, typos, cue_typos }
    }
}

#[derive(Debug, Default)]
struct Found<'r> {
    hits: Vec<Hit>,
    /// Start, end, set.
    cues: Vec<(usize, usize, usize)>,
    exceptions: Vec<(usize, usize)>,
    /// Words of descriptions: alias, start, end, group.
    parts: Vec<(usize, usize, usize, usize)>,
    seen: HashSet<(usize, usize, usize)>,
    glue_memo: HashMap<&'r str, bool>,
}

impl<'r> Found<'r> {
    fn add(&mut self, what: What, reading: &Reading, start: usize, end: usize, view: View) {
        let (start, end) = reading.original(start, end);
        match what {
            What::Alias(alias) => {
                if self.seen.insert((alias, start, end)) {
                    self.hits.push(Hit { alias, start, end, view, lora: false, short: false });
                }
            }
            What::Cue(set) => self.cues.push((start, end, set)),
            What::Part(alias, group) => self.parts.push((alias, start, end, group)),
            What::Exception => self.exceptions.push((start, end)),
        }
    }

    /// Takes out what stands inside an exception.
    fn tidy(&mut self) {
        merge(&mut self.exceptions);
        let exceptions = std::mem::take(&mut self.exceptions);
        self.hits.retain(|hit| !covered(&exceptions, hit.start, hit.end));
        self.exceptions = exceptions;
    }

    /// Whether `rest` is made of words that may be glued to a name: digits, `v2`, `style`, another name.
    fn is_glue(&mut self, rest: &'r str, glue: &WordSet) -> bool {
        if rest.is_empty() {
            return true;
        }
        *self.glue_memo.entry(rest).or_insert_with(|| {
            let bytes = rest.as_bytes();
            let mut reach = vec![false; bytes.len() + 1];
            reach[0] = true;
            for i in 0..bytes.len() {
                if !reach[i] {
                    continue;
                }
                if bytes[i].is_ascii_digit() {
                    reach[i + 1] = true;
                }
                for end in i + 1..=bytes.len().min(i + LONGEST_GLUE) {
                    if !reach[end] && glue.contains(&rest[i..end]) {
                        reach[end] = true;
                    }
                }
            }
            reach[bytes.len()]
        })
    }
}

/// Whether the words behind a place have letters of the alphabet that a name is written in: Cyrillic or Greek, or else Latin.
fn fits(text: &str, reading: &Reading, (start, end): (usize, usize), beyond: bool) -> bool {
    let (from, to) = reading.original(start, end);
    text[from..to].chars().filter(|c| c.is_alphanumeric()).any(|c| beyond_latin(c) == beyond)
}

fn merge(spans: &mut Vec<(usize, usize)>) {
    spans.sort_unstable();
    spans.dedup_by(|next, kept| {
        let touching = next.0 < kept.1;
        if touching {
            kept.1 = kept.1.max(next.1);
        }
        touching
    });
}

fn covered(spans: &[(usize, usize)], start: usize, end: usize) -> bool {
    let at = spans.partition_point(|s| s.1 < end);
    spans.get(at).is_some_and(|s| s.0 <= start)
}

/// Whole words, a plural `s` or `es` aside.
fn bounded(text: &str, start: usize, end: usize, stem: bool) -> bool {
    let bytes = text.as_bytes();
    let stop = |at: usize| bytes.get(at).is_none_or(|&b| b == b' ');
    let left = start == 0 || bytes[start - 1] == b' ';
    let plural =
        end - start >= 4 && (text[end..].starts_with('s') && stop(end + 1) || text[end..].starts_with("es") && stop(end + 2));
    left && (stem || stop(end) || plural)
}

/// Whole words where the script has them.
fn bounded_native(text: &str, start: usize, end: usize, stem: bool) -> bool {
    // As much of a word as this is seen at either end of it.
    const LONG: usize = 5;
    let part = |c: char| !unspaced(c) && (c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c));
    let found = &text[start..end];
    let word_begins = |text: &str| !text.chars().next_back().is_some_and(part);
    // Arabic joins “and”, “with”, “for”, “like” and the article to the word.
    let joined = ["ال", "وال", "بال", "فال", "كال", "لل", "و", "ب", "ل", "ف", "ك"];
    let left = found.chars().next().is_some_and(unspaced)
        || word_begins(&text[..start])
        || joined.iter().any(|with| text[..start].strip_suffix(with).is_some_and(word_begins));
    let right = found.chars().next_back().is_some_and(unspaced) || !text[end..].chars().next().is_some_and(part);
    left && (right || stem) || (left || right) && found.chars().count() >= LONG
}

/// The word that `start..end` lies in, if it is not too long to be one.
fn word_around(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let before = bytes[..start].iter().rev().take(LONGEST_GLUED).take_while(|&&b| b != b' ').count();
    let after = bytes[end..].iter().take(LONGEST_GLUED).take_while(|&&b| b != b' ').count();
    (before + after + end - start <= LONGEST_GLUED).then_some((start - before, end + after))
}
