//! Finds mentions: every alias, cue and exception (`patterns`) over all views, then near spellings. Returns byte spans of the
//! original text. Knows nothing of rules or outcomes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::bounds::{bounded, bounded_native, covered, fits, merge, word_around};
use super::mention::{Hit, View};
use super::near::Near;
use super::patterns::{Pattern, What};
use super::schema::AliasMatch;
use super::search::{Alias, Search};
use super::views::{Reading, beyond_latin, readings};
use super::words::WordSet;

/// Longest word that may be glued to a name, in letters.
const LONGEST_GLUE: usize = 18;
/// A name of several words with so many letters is seen with any word glued to it.
const LONG_NAME: usize = 10;
/// A name of so many letters is seen inside any run.
const ANYWHERE: usize = 6;
/// A run of so many letters is no word of its own.
const LONG_RUN: usize = 20;
/// Words between the first and the last of a description, at most.
const DESCRIPTION_REACH: usize = 14;

/// Everything found in one text.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub hits: Vec<Hit>,
    /// Cue sets mentioned anywhere.
    pub cue_sets: BTreeSet<usize>,
}

/// Names, and the search for them.
#[derive(Debug)]
pub(super) struct Matcher {
    pub aliases: Vec<Alias>,
    pub search: Arc<Search>,
}

impl Matcher {
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
                for n in self.search.cue_typos.find(reading, |word| self.search.known.contains(word)) {
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
        let patterns = if native { &self.search.native } else { &self.search.ascii };
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
            if glued.contains(&from)
                || end - start >= 4 && found.is_glue(before, &self.search.glue) && found.is_glue(after, &self.search.glue)
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
        if self.search.known.contains(&reading.text[from..to]) {
            return false;
        }
        let all_glue = |found: &mut Found<'r>| [before, after].iter().all(|part| found.is_glue(part, &self.search.glue));
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
            part.is_empty() || (least..=part.len().min(LONGEST_GLUE)).any(|n| self.search.glue.contains(&part[part.len() - n..]))
        };
        let begins =
            |part: &str| part.is_empty() || (least..=part.len().min(LONGEST_GLUE)).any(|n| self.search.glue.contains(&part[..n]));
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
        let latin = self.search.typos[0].find(reading, |word| self.search.known.contains(word));
        let others =
            if beyond { self.search.typos[1].find(reading, |word| self.search.known.contains(word)) } else { Vec::new() };
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
