//! Near spellings: Damerau-Levenshtein distance 1, or 2 from ten letters, on windows of one to three words. Built once per bundle; a
//! letter-set filter leaves few distances to compute. Knows letters only, neither policies nor outcomes.

use std::collections::HashMap;

use super::views::Reading;

/// Longest alias looked for by near spelling, in letters without spaces.
const LONGEST: usize = 40;
/// Most words in a window.
const WINDOW: usize = 3;

#[derive(Debug)]
struct Entry {
    alias: usize,
    words: Vec<String>,
    joined: String,
    letters: u64,
    edits: u8,
}

/// Aliases by length, ready to be compared.
#[derive(Debug, Default)]
pub(super) struct Typos {
    by_len: Vec<Vec<Entry>>,
}

/// One near spelling: which alias, and the byte range in the reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Near {
    pub alias: usize,
    pub start: usize,
    pub end: usize,
}

/// Letters that may differ in a name of `len` letters; `lenient` for names that need a cue anyway.
pub(super) fn edits_for(len: usize, lenient: bool) -> u8 {
    match len {
        0..=4 => 0,
        5 => u8::from(lenient),
        6..=9 => 1,
        _ => 2,
    }
}

impl Typos {
    /// Adds `form` (folded, single spaces) for `alias`; nothing happens when `edits` is 0.
    pub(super) fn add(&mut self, alias: usize, form: &str, edits: u8) {
        let joined: String = form.split(' ').collect();
        let words: Vec<String> = form.split(' ').map(str::to_owned).collect();
        if edits == 0 || joined.len() > LONGEST || words.len() > WINDOW {
            return;
        }
        if self.by_len.is_empty() {
            self.by_len.resize_with(LONGEST + 1, Vec::new);
        }
        self.by_len[joined.len()].push(Entry { alias, letters: letter_set(&joined), words, joined, edits });
    }

    /// Near spellings in `reading`; `known` says which words are never misspellings.
    pub(super) fn find(&self, reading: &Reading, known: impl Fn(&str) -> bool) -> Vec<Near> {
        let mut out = Vec::new();
        if self.by_len.is_empty() {
            return out;
        }
        let tokens = reading.words();
        let mut seen: HashMap<&str, Vec<usize>> = HashMap::new();
        for i in 0..tokens.len() {
            for n in 1..=WINDOW.min(tokens.len() - i) {
                let (start, end) = (tokens[i].0, tokens[i + n - 1].1);
                if end - start > LONGEST + 4 {
                    break;
                }
                let window = &reading.text[start..end];
                let found = seen.entry(window).or_insert_with(|| self.compare(window, &known));
                out.extend(found.iter().map(|&alias| Near { alias, start, end }));
            }
        }
        out
    }

    fn compare(&self, window: &str, known: &impl Fn(&str) -> bool) -> Vec<usize> {
        let words: Vec<&str> = window.split(' ').collect();
        let joined: String = words.concat();
        let mut out = Vec::new();
        if joined.len() < 4 || known(window) {
            return out;
        }
        let singular = joined.strip_suffix('s').filter(|_| words.len() == 1);
        for form in [Some(joined.as_str()), singular].into_iter().flatten() {
            let letters = letter_set(form);
            let near = &self.by_len[form.len().saturating_sub(2).min(LONGEST)..=(form.len() + 2).min(LONGEST)];
            for entry in near.iter().flatten() {
                if (entry.letters ^ letters).count_ones() <= 2 * u32::from(entry.edits)
                    && !out.contains(&entry.alias)
                    && entry.is_near(form, &words, known)
                {
                    out.push(entry.alias);
                }
            }
        }
        out.sort_unstable();
        out
    }
}

impl Entry {
    fn is_near(&self, form: &str, words: &[&str], known: &impl Fn(&str) -> bool) -> bool {
        if words.len() != self.words.len() {
            // Words split or run together: then every letter must be right.
            return form == self.joined && form.len() >= 6;
        }
        if words.len() == 1 {
            return strsim::osa_distance(form, &self.joined) <= usize::from(self.edits);
        }
        let mut left = usize::from(self.edits);
        for (word, name) in words.iter().zip(&self.words) {
            if word == name {
                continue;
            }
            // Short words and words that mean something else must be right.
            let distance = strsim::osa_distance(word, name);
            if distance > left.min(usize::from(edits_for(name.len(), true))) || known(word) {
                return false;
            }
            left -= distance;
        }
        true
    }
}

fn letter_set(text: &str) -> u64 {
    text.bytes().fold(0, |set, b| {
        set | match b {
            b'a'..=b'z' => 1 << (b - b'a'),
            b'0'..=b'9' => 1 << (26 + b - b'0'),
            _ => 1 << 40,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::views::readings;
    use super::*;

    fn near(text: &str) -> Vec<usize> {
        let mut typos = Typos::default();
        for (i, form) in ["wandjina", "haida formline", "dot painting", "maori", "islamic calligraphy"].iter().enumerate() {
            typos.add(i, form, edits_for(form.replace(' ', "").len(), true));
        }
        typos.find(&readings(text)[0], |w| w == "pot").iter().map(|n| n.alias).collect()
    }

    #[test]
    fn one_edit_and_two_edits() {
        assert_eq!(near("a wandjna figure"), [0]);
        assert_eq!(near("wandijna"), [0], "neighbours swapped");
        assert_eq!(near("wandjinass"), [0]);
        assert_eq!(near("wnadjnia"), [0usize; 0], "two edits in eight letters are too many");
        assert_eq!(near("moari"), [3]);
        assert_eq!(near("islamc caligraphy"), [4], "one edit in each long word");
        assert_eq!(near("haida fromline"), [1]);
        assert_eq!(near("hai da formline"), [1], "split, every letter right");
    }

    #[test]
    fn short_words_must_be_right() {
        assert_eq!(near("pot painting"), [0usize; 0]);
        assert_eq!(near("hot painting"), [0usize; 0]);
        assert_eq!(near("the"), [0usize; 0]);
    }
}
