//! Looking works up by words: which of the library's works a prompt draws on. Pure arithmetic over an index in memory.
//!
//! Not here: whose terms allow a work to be drawn on; that answer is handed in as `allowed`, and asked anew for every pick.

use std::collections::{HashMap, HashSet};

use super::draft::parts;
use super::noise::{Gumbel, ln};
use super::text::words;
use crate::digest::blake3_of;
use crate::id::WorkId;

/// Weight of a tag's word; a title's word has 1/√(words of the title).
const TAG: f64 = 0.22;
/// Weight of the work's main colour.
const COLOUR: f64 = 0.12;
/// What a word still counts once a picked work has it, so that the next pick brings something else.
const DAMPED: f64 = 0.72;
/// Favour for works of the asked style.
const STYLE: f64 = 1.35;
/// Size of the Gumbel jitter that lets another seed draw on other works.
const JITTER: f64 = 0.15;

/// What the library knows of a work: words already split and stemmed (see [`words`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryEntry {
    /// Which work.
    pub work: WorkId,
    /// Its names, each a list of words.
    pub titles: Vec<Vec<String>>,
    /// Its tags, each a list of words.
    pub tags: Vec<Vec<String>>,
    /// Its main colour, one word.
    pub colour: Option<String>,
    /// The style family it belongs to.
    pub style: String,
}

impl LibraryEntry {
    /// An entry from plain texts, split and stemmed here.
    pub fn from_texts(work: WorkId, titles: &[&str], tags: &[&str], colour: Option<&str>, style: &str) -> Self {
        let split = |texts: &[&str]| texts.iter().map(|text| words(text)).filter(|list| !list.is_empty()).collect();
        Self { work, titles: split(titles), tags: split(tags), colour: colour.map(str::to_owned), style: style.to_owned() }
    }
}

/// A work to draw on, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    /// Which work.
    pub work: WorkId,
    /// Its score in the round in which it was picked; comparable within one retrieval only.
    pub score: f64,
    /// The prompt's words it was found by.
    pub words: Vec<String>,
}

/// A work's place in the index.
#[derive(Debug)]
struct Slot {
    work: WorkId,
    style: String,
    /// Names the work's jitter: from its id, so that it stays when others come and go.
    jitter_key: u64,
    /// Words it can be found by.
    tokens: Vec<u32>,
}

/// The works that can be drawn on, indexed by all their words: one that no model has learnt is found too.
///
/// Works keep the order in which they were added; ties go to the earlier. A removed work leaves an empty place, which costs a few bytes.
#[derive(Debug)]
pub struct Library {
    /// Numbers of the words.
    words: HashMap<String, u32>,
    slots: Vec<Option<Slot>>,
    by_work: HashMap<WorkId, u32>,
    /// For each word, the places that have it, in rising order, each with its weight.
    postings: Vec<Vec<(u32, f64)>>,
}

impl Library {
    /// A library of `entries` in this order.
    pub fn new(entries: impl IntoIterator<Item = LibraryEntry>) -> Self {
        let mut library = Self { words: HashMap::new(), slots: Vec::new(), by_work: HashMap::new(), postings: Vec::new() };
        for entry in entries {
            library.add(entry);
        }
        library
    }

    /// How many works can be drawn on.
    pub fn len(&self) -> usize {
        self.by_work.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_work.is_empty()
    }

    /// Whether a work is in it.
    pub fn contains(&self, work: WorkId) -> bool {
        self.by_work.contains_key(&work)
    }

    /// Adds a work at the end; one that is in already is replaced (and moves to the end).
    pub fn add(&mut self, entry: LibraryEntry) {
        self.remove(entry.work);
        // INVARIANT: places are numbered in rising order and each is pushed once, so postings stay sorted.
        let place = self.slots.len() as u32;
        let weights = self.weights_of(&entry);
        let hash = blake3_of(entry.work.to_string().as_bytes());
        let jitter_key = hash.0[..8].iter().fold(0, |key, &byte| key << 8 | u64::from(byte));
        for &(token, weight) in &weights {
            self.postings[token as usize].push((place, weight));
        }
        let tokens = weights.into_iter().map(|(token, _)| token).collect();
        self.by_work.insert(entry.work, place);
        self.slots.push(Some(Slot { work: entry.work, style: entry.style, jitter_key, tokens }));
    }

    /// Takes a work out, at once; says whether it was in.
    pub fn remove(&mut self, work: WorkId) -> bool {
        let Some(place) = self.by_work.remove(&work) else { return false };
        if let Some(slot) = self.slots[place as usize].take() {
            for token in slot.tokens {
                let list = &mut self.postings[token as usize];
                if let Ok(at) = list.binary_search_by_key(&place, |&(place, _)| place) {
                    list.remove(at);
                }
            }
        }
        true
    }

    /// Up to `k` works for the parts of a prompt (see [`parts`]), turn by turn: the first is the first part's, the second the second's. The
    /// number beside each is that of its part.
    pub fn retrieve_parts(
        &self,
        prompt: &str,
        style: Option<&str>,
        k: usize,
        allowed: &dyn Fn(WorkId) -> bool,
        jitter: Option<u64>,
    ) -> Vec<(usize, Pick)> {
        let parts = parts(prompt);
        let each: Vec<Vec<Pick>> = parts.iter().map(|part| self.retrieve(part, style, k, allowed, jitter)).collect();
        let mut picks: Vec<(usize, Pick)> = Vec::with_capacity(k);
        for round in 0..k {
            for (part, found) in each.iter().enumerate() {
                let new = |pick: &&Pick| picks.iter().all(|(_, known)| known.work != pick.work);
                if let Some(pick) = found.get(round).filter(new) {
                    picks.push((part, pick.clone()));
                }
            }
        }
        picks.truncate(k);
        picks
    }

    /// Up to `k` works for a prompt, the best first.
    ///
    /// Greedy: a work scores the sum of inverse document frequency × weight over the prompt's words it has; each pick damps the words it
    /// covers. Works of `style` count 1.35 times. `jitter` is a seed: the same seed finds the same works, another may find others.
    pub fn retrieve(
        &self,
        prompt: &str,
        style: Option<&str>,
        k: usize,
        allowed: &dyn Fn(WorkId) -> bool,
        jitter: Option<u64>,
    ) -> Vec<Pick> {
        let mut asked = self.asked(prompt);
        let mut scores = vec![0.0; self.slots.len()];
        // Places that have any of the words, in rising order: all others score nothing in every round.
        let mut found: Vec<u32> =
            asked.iter().flat_map(|(token, ..)| &self.postings[*token as usize]).map(|&(place, _)| place).collect();
        found.sort_unstable();
        found.dedup();
        let mut gumbel = jitter.map(Gumbel::new);
        let mut shake = |slot: &Slot| gumbel.as_mut().map_or(0.0, |gumbel| JITTER * gumbel.of(slot.jitter_key));
        let mut candidates: Vec<(u32, &Slot, f64)> = found
            .into_iter()
            .filter_map(|place| self.slots[place as usize].as_ref().map(|slot| (place, slot)))
            .map(|(place, slot)| (place, slot, shake(slot)))
            .collect();
        let mut picks = Vec::with_capacity(k);
        while picks.len() < k {
            candidates.iter().for_each(|&(place, ..)| scores[place as usize] = 0.0);
            for (token, _, weight) in &asked {
                for &(place, share) in &self.postings[*token as usize] {
                    scores[place as usize] += weight * share;
                }
            }
            let best = loop {
                let score_of = |(place, slot, jitter): &(u32, &Slot, f64)| {
                    scores[*place as usize] * if Some(slot.style.as_str()) == style { STYLE } else { 1.0 } + jitter
                };
                let mut best: Option<(usize, f64)> = None;
                for (at, candidate) in candidates.iter().enumerate() {
                    let score = score_of(candidate);
                    if best.is_none_or(|(_, top)| score > top) {
                        best = Some((at, score));
                    }
                }
                let Some((at, score)) = best else { return picks };
                // Asked of the best only, so that terms are looked at for a handful of works, not for thousands.
                let (place, slot, _) = candidates.remove(at);
                if allowed(slot.work) {
                    break (place, slot.work, score);
                }
            };
            let (place, work, score) = best;
            let mut met = Vec::new();
            for (token, word, weight) in &mut asked {
                if self.postings[*token as usize].binary_search_by_key(&place, |&(place, _)| place).is_ok() {
                    *weight *= DAMPED;
                    met.push(word.clone());
                }
            }
            picks.push(Pick { work, score, words: met });
        }
        picks
    }

    /// The prompt's distinct words that any work has, in order, each with its number and inverse document frequency over the works there are now.
    fn asked(&self, prompt: &str) -> Vec<(u32, String, f64)> {
        let mut seen = HashSet::new();
        let mut asked = Vec::new();
        for word in words(prompt) {
            if let Some(token) = self.words.get(&word).copied().filter(|&token| seen.insert(token)) {
                let having = self.postings[token as usize].len();
                asked.push((token, word, ln(1.0 + self.len() as f64 / (1 + having) as f64)));
            }
        }
        asked
    }

    /// The words a work can be found by, each with its greatest weight.
    fn weights_of(&mut self, entry: &LibraryEntry) -> Vec<(u32, f64)> {
        let titles = entry.titles.iter().flat_map(|title| {
            let weight = 1.0 / (title.len() as f64).sqrt();
            title.iter().map(move |word| (word, weight))
        });
        let tags = entry.tags.iter().flatten().map(|word| (word, TAG));
        let colour = entry.colour.iter().map(|word| (word, COLOUR));
        let mut weights: Vec<(u32, f64)> = Vec::new();
        for (word, weight) in titles.chain(tags).chain(colour) {
            let next = self.words.len() as u32;
            let token = *self.words.entry(word.clone()).or_insert(next);
            if token == next {
                self.postings.push(Vec::new());
            }
            match weights.iter_mut().find(|(known, _)| *known == token) {
                Some((_, known)) => *known = known.max(weight),
                None => weights.push((token, weight)),
            }
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::testing::{shipped_library, work};

    const ALL: &dyn Fn(WorkId) -> bool = &|_| true;

    fn numbers(picks: &[Pick]) -> Vec<usize> {
        picks.iter().map(|pick| (0..7216).find(|&n| work(n) == pick.work).unwrap()).collect()
    }

    #[test]
    fn picks_of_the_reference() {
        let library = shipped_library();
        assert_eq!(library.len(), 7216);
        let picks = library.retrieve("red apple", None, 4, ALL, None);
        assert_eq!(numbers(&picks), [6009, 6012, 813, 1958]);
        assert!(picks[0].words.contains(&"apple".to_owned()));
        assert_eq!(numbers(&library.retrieve("house with garden", None, 4, ALL, None)), [510, 1650, 2781, 3787]);
        assert_eq!(library.retrieve("zzzz unknown", None, 4, ALL, None), []);
        assert_eq!(library.retrieve("", None, 4, ALL, None), []);
        assert_eq!(library.retrieve("red apple", None, 0, ALL, None), []);
    }

    #[test]
    fn a_revoked_work_is_done_without() {
        let mut library = shipped_library();
        let first = work(6009);
        let without = library.retrieve("red apple", None, 4, &|w| w != first, None);
        assert_eq!(without.len(), 4);
        assert!(without.iter().all(|pick| pick.work != first));
        assert!(library.remove(first) && !library.remove(first) && !library.contains(first));
        let gone = library.retrieve("red apple", None, 4, ALL, None);
        assert_eq!(numbers(&without), numbers(&gone));
        assert_eq!(library.retrieve("red apple", None, 4, &|_| false, None), []);
    }

    #[test]
    fn adding_and_removing_is_the_same_as_building_anew() {
        let entry = |n: usize, title: &str| LibraryEntry::from_texts(work(n), &[title], &["fruit"], Some("red"), "fluent");
        let mut library = Library::new([entry(0, "red apple"), entry(1, "green apple"), entry(2, "red car")]);
        library.remove(work(1));
        library.add(entry(3, "apple tree"));
        let anew = Library::new([entry(0, "red apple"), entry(2, "red car"), entry(3, "apple tree")]);
        for prompt in ["apple", "red", "tree", "green", "fruit car"] {
            assert_eq!(library.retrieve(prompt, None, 4, ALL, Some(3)), anew.retrieve(prompt, None, 4, ALL, Some(3)), "{prompt}");
        }
        // A word that nothing else has is found.
        library.add(entry(4, "quetzalcoatl"));
        assert_eq!(library.retrieve("a quetzalcoatl", None, 4, ALL, None)[0].work, work(4));
        library.remove(work(4));
        assert_eq!(library.retrieve("a quetzalcoatl", None, 4, ALL, None), []);
        // Added again, a work is replaced, not doubled.
        library.add(entry(0, "blue boat"));
        assert_eq!(library.len(), 3);
        assert_eq!(library.retrieve("boat", None, 4, ALL, None).len(), 1);
    }

    #[test]
    fn ties_go_to_the_earlier_and_style_is_favoured() {
        let entry = |n: usize, style: &str| LibraryEntry::from_texts(work(n), &["apple"], &[], None, style);
        let library = Library::new([entry(0, "noto"), entry(1, "fluent"), entry(2, "noto")]);
        assert_eq!(numbers(&library.retrieve("apples", None, 4, ALL, None)), [0, 1, 2]);
        assert_eq!(numbers(&library.retrieve("apples", Some("fluent"), 4, ALL, None)), [1, 0, 2]);
    }

    #[test]
    fn another_seed_draws_on_other_works() {
        let library = shipped_library();
        let with = |seed| numbers(&library.retrieve("cat face", Some("fluent"), 4, ALL, Some(seed)));
        assert_eq!(with(1), with(1));
        assert!((2..8).any(|seed| with(seed) != with(1)));
    }
}
