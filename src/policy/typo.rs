//! Near spellings: names in which every word is right but for a letter or two (Damerau-Levenshtein, optimal string alignment). Built once
//! per bundle as an index of deletions, so that a word is looked up instead of being compared with every name. Knows letters only,
//! neither policies nor outcomes.
//!
//! The index is that of SymSpell (Garbe 2012, "1000x Faster Spelling Correction"): two words within `k` edits share a form that is made
//! from each by leaving out at most `k` letters.

use std::collections::HashMap;

use super::views::Reading;
use super::words::Words;

/// Longest word looked for by near spelling, in letters.
const LONGEST: usize = 40;
/// Most words of a name.
const WORDS: usize = 4;
/// Words that are run together or split need so many letters, all of them right.
const SPLIT: usize = 6;
/// Letters that may follow a stem.
const ENDING: usize = 6;
/// Names with fewer letters count only with a cue near by.
const SHORT: usize = 6;

/// One near spelling: which alias, and the byte range in the reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Near {
    pub alias: usize,
    pub start: usize,
    pub end: usize,
    /// So short a name that it counts only with a cue.
    pub short: bool,
}

#[derive(Debug)]
struct Name {
    alias: usize,
    words: Vec<u32>,
    edits: u8,
    short: bool,
    /// Any word that begins nearly so.
    stem: bool,
}

/// A word of names within reach of a token.
#[derive(Debug, Clone, Copy)]
struct NearWord {
    word: u32,
    distance: u8,
    /// Whether the token means something else.
    ordinary: bool,
}

/// Names, ready to be looked up.
#[derive(Debug, Default)]
pub(super) struct Typos {
    words: Vec<String>,
    by_word: Words<u32>,
    /// Names by their first word.
    by_first: Vec<Vec<u32>>,
    names: Vec<Name>,
    stems: bool,
    /// Words that hardly stand anywhere but in these names.
    rare: Vec<bool>,
    /// Names by their letters without spaces.
    joined: Words<Vec<usize>>,
    /// Hash of a form with letters left out, and the word it comes from; sorted.
    deletions: Vec<(u64, u32)>,
    /// Where the entries with each first 16 bits begin.
    buckets: Vec<u32>,
}

/// Letters that may differ in a name of `len` letters.
pub(super) fn edits_for(len: usize) -> u8 {
    match len {
        0..=2 => 0,
        3..=9 => 1,
        _ => 2,
    }
}

impl Typos {
    /// Adds `form` (folded, single spaces) for `alias`; nothing happens when `edits` is 0. Call [`Typos::index`] after the last.
    pub(super) fn add(&mut self, alias: usize, form: &str, edits: u8, stem: bool) {
        let words: Vec<&str> = form.split(' ').collect();
        let letters: usize = words.iter().map(|w| w.len()).sum();
        if edits == 0 || letters > LONGEST || words.len() > WORDS || stem && (words.len() > 1 || letters < SHORT) {
            return;
        }
        self.stems |= stem;
        if letters >= SPLIT && !stem {
            self.joined.entry(words.concat()).or_default().push(alias);
        }
        let words: Vec<u32> = words.into_iter().map(|w| self.word(w)).collect();
        let first = words[0] as usize;
        let name = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.by_first[first].push(name);
        self.names.push(Name { alias, words, edits, short: letters < SHORT, stem });
    }

    fn word(&mut self, word: &str) -> u32 {
        if let Some(&known) = self.by_word.get(word) {
            return known;
        }
        let id = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.by_word.insert(word.to_owned(), id);
        self.words.push(word.to_owned());
        self.by_first.push(Vec::new());
        id
    }

    /// Makes the index, once all names are in; `common` says which words many texts have.
    pub(super) fn index(&mut self, common: impl Fn(&str) -> bool) {
        self.rare = self.words.iter().map(|w| w.len() >= 4 && !common(w)).collect();
        let mut all = Vec::new();
        for (id, word) in self.words.iter().enumerate() {
            let id = u32::try_from(id).unwrap_or(u32::MAX);
            deletions(word.as_bytes(), edits_for(word.len()), |hash| all.push((hash, id)));
        }
        all.sort_unstable();
        all.dedup();
        let mut buckets = vec![0u32; (1 << 16) + 1];
        for (hash, _) in &all {
            buckets[(hash >> 48) as usize + 1] += 1;
        }
        for i in 1..buckets.len() {
            buckets[i] += buckets[i - 1];
        }
        (self.deletions, self.buckets) = (all, buckets);
    }

    /// Near spellings in `reading`, exact ones included; `known` says which words are never misspellings.
    pub(super) fn find(&self, reading: &Reading, known: impl Fn(&str) -> bool) -> Vec<Near> {
        let mut out = Vec::new();
        if self.deletions.is_empty() {
            return out;
        }
        let tokens = reading.words();
        let text = |i: usize| &reading.text[tokens[i].0..tokens[i].1];
        let mut memo: HashMap<&str, Vec<NearWord>> = HashMap::new();
        let near: Vec<Vec<NearWord>> =
            (0..tokens.len()).map(|i| memo.entry(text(i)).or_insert_with(|| self.near_words(text(i), &known)).clone()).collect();
        for i in 0..tokens.len() {
            for &NearWord { word, .. } in &near[i] {
                for &name in &self.by_first[word as usize] {
                    let name = &self.names[name as usize];
                    let first = text(i).as_bytes()[0] == self.words[word as usize].as_bytes()[0];
                    // Hardly anybody gets the first letter of a short name wrong, and other words begin otherwise.
                    if name.stem || name.short && !first {
                        continue;
                    }
                    if let Some(n) = self.follow(name, &near[i..]) {
                        out.push(Near { alias: name.alias, start: tokens[i].0, end: tokens[i + n - 1].1, short: name.short });
                    }
                }
            }
            if self.stems {
                out.extend(self.near_stems(text(i), &known).into_iter().map(|alias| Near {
                    alias,
                    start: tokens[i].0,
                    end: tokens[i].1,
                    short: false,
                }));
            }
            let mut window = text(i).to_owned();
            for next in (i + 1)..tokens.len().min(i + WORDS) {
                window.push_str(text(next));
                if window.len() > LONGEST {
                    break;
                }
                for &alias in self.joined.get(&window).into_iter().flatten() {
                    out.push(Near { alias, start: tokens[i].0, end: tokens[next].1, short: false });
                }
            }
        }
        out
    }

    /// Stems that `token` nearly begins with.
    fn near_stems(&self, token: &str, known: &impl Fn(&str) -> bool) -> Vec<usize> {
        let mut out = Vec::new();
        if known(token) {
            return out;
        }
        for end in (SHORT.max(token.len().saturating_sub(ENDING))..=token.len()).filter(|&end| token.is_char_boundary(end)) {
            for NearWord { word, distance, .. } in self.near_words(&token[..end], known) {
                let names = self.by_first[word as usize].iter().map(|&n| &self.names[n as usize]);
                out.extend(
                    names
                        .filter(|n| n.stem && distance <= n.edits && !out.contains(&n.alias))
                        .map(|n| n.alias)
                        .collect::<Vec<_>>(),
                );
            }
        }
        out
    }

    /// Words of names within reach of `token`.
    fn near_words(&self, token: &str, known: &impl Fn(&str) -> bool) -> Vec<NearWord> {
        let mut out: Vec<NearWord> = Vec::new();
        if token.len() > LONGEST + 2 {
            return out;
        }
        if let Some(&word) = self.by_word.get(token) {
            out.push(NearWord { word, distance: 0, ordinary: false });
        }
        if token.len() < 3 {
            return out;
        }
        let singular = token.strip_suffix('s').filter(|s| s.len() >= 4);
        for form in [Some(token), singular].into_iter().flatten() {
            let ordinary = known(form);
            // Two letters may differ only in long words.
            let edits = if form.len() >= 8 { 2 } else { 1 };
            deletions(form.as_bytes(), edits, |hash| {
                let at = (hash >> 48) as usize;
                let entries = &self.deletions[self.buckets[at] as usize..self.buckets[at + 1] as usize];
                let from = entries.partition_point(|e| e.0 < hash);
                for &(_, word) in entries[from..].iter().take_while(|e| e.0 == hash) {
                    let name = &self.words[word as usize];
                    if out.iter().any(|known| known.word == word) {
                        continue;
                    }
                    let distance = strsim::osa_distance(form, name);
                    if distance <= usize::from(edits_for(name.len())) {
                        out.push(NearWord { word, distance: distance as u8, ordinary: ordinary && distance > 0 });
                    }
                }
            });
        }
        out
    }

    /// How many words the name takes, when each of them fits. A word that means something else is a misspelling only beside one that hardly
    /// stands anywhere but in this name.
    fn follow(&self, name: &Name, near: &[Vec<NearWord>]) -> Option<usize> {
        let (mut left, mut ordinary, mut rare) = (name.edits, false, false);
        if near.len() < name.words.len() {
            return None;
        }
        for (word, there) in name.words.iter().zip(near) {
            let found = there.iter().find(|n| n.word == *word)?;
            left = left.checked_sub(found.distance)?;
            ordinary |= found.ordinary;
            rare |= found.distance == 0 && self.rare[*word as usize];
        }
        (!ordinary || rare).then_some(name.words.len())
    }
}

/// Hashes of `word` with up to `most` letters left out.
fn deletions(word: &[u8], most: u8, mut give: impl FnMut(u64)) {
    const BASE: u64 = 0x0100_0000_01b3;
    let n = word.len();
    if n > LONGEST + 2 {
        return;
    }
    // before[i]: hash of the first i letters; power[i]: BASE to the i.
    let (mut before, mut power) = ([0u64; LONGEST + 4], [1u64; LONGEST + 4]);
    for i in 0..n {
        before[i + 1] = before[i].wrapping_mul(BASE).wrapping_add(u64::from(word[i]) + 1);
        power[i + 1] = power[i].wrapping_mul(BASE);
    }
    let part = |from: usize, to: usize| before[to].wrapping_sub(before[from].wrapping_mul(power[to - from]));
    let join = |a: u64, from: usize, to: usize| a.wrapping_mul(power[to - from]).wrapping_add(part(from, to));
    let mix = |h: u64| {
        let h = (h ^ (h >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        h ^ (h >> 29)
    };
    give(mix(before[n]));
    if most == 0 {
        return;
    }
    for (i, &one) in before.iter().enumerate().take(n) {
        give(mix(join(one, i + 1, n)));
        if most >= 2 {
            for j in i + 1..n {
                give(mix(join(join(one, i + 1, j), j + 1, n)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::views::readings;
    use super::*;

    fn near(text: &str) -> Vec<usize> {
        let mut typos = Typos::default();
        for (i, form) in ["wandjina", "haida formline", "dot painting", "maori", "islamic calligraphy"].iter().enumerate() {
            typos.add(i, form, edits_for(form.replace(' ', "").len()), false);
        }
        typos.index(|w| w == "painting");
        typos.find(&readings(text)[0], |w| w == "pot").iter().map(|n| n.alias).collect()
    }

    #[test]
    fn one_edit_and_two_edits() {
        assert_eq!(near("a wandjna figure"), [0]);
        assert_eq!(near("wandijna"), [0], "neighbours swapped");
        assert_eq!(near("wandjinass"), [0]);
        assert_eq!(near("wnadjnia"), [0usize; 0], "two edits in eight letters are too many");
        assert_eq!(near("moari"), [3]);
        assert_eq!(near("noari"), [0usize; 0], "a short word begins as it does");
        assert_eq!(near("islamc caligraphy"), [4], "one edit in each long word");
        assert_eq!(near("haida fromline"), [1]);
        assert_eq!(near("hai da formline"), [1], "split, every letter right");
    }

    #[test]
    fn short_words_must_be_right() {
        assert_eq!(near("pot painting"), [0usize; 0], "a word of its own");
        assert_eq!(near("dto painting"), [2]);
        assert_eq!(near("the"), [0usize; 0]);
    }

    #[test]
    fn a_word_within_reach_shares_a_form_with_it() {
        let forms = |word: &str, most| {
            let mut out = Vec::new();
            deletions(word.as_bytes(), most, |h| out.push(h));
            out
        };
        for (a, b, k) in [("kente", "kenet", 1), ("kente", "knte", 1), ("formline", "fromlin", 2), ("wandjina", "xandjiba", 2)] {
            assert!(forms(a, k).iter().any(|h| forms(b, k).contains(h)), "{a} {b}");
        }
        assert!(!forms("kente", 1).iter().any(|h| forms("maori", 1).contains(h)));
    }
}
