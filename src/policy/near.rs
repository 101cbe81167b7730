//! Which cue is near which mention: places of words, cues and adapter names in one text. Distances only; what a cue means is not known
//! here.

use std::collections::BTreeSet;

use super::mention::Hit;
use super::views::Reading;

/// Words between an alias and its cue, at most.
const CUE_REACH: usize = 6;
/// Words of the longest cue that can still be found.
const LONGEST_CUE: usize = 8;

/// Where words, cues and adapter names stand, to tell which cue is near which mention.
pub(super) struct Near {
    /// First byte of every word.
    starts: Vec<usize>,
    /// First word, last word, set, first byte, end byte; by first word.
    cues: Vec<(usize, usize, usize, usize, usize)>,
    /// Sets mentioned in a style's name.
    styled: BTreeSet<usize>,
    /// Where names of styles and models stand.
    named: Vec<(usize, usize)>,
    loras: Vec<(usize, usize)>,
}

impl Near {
    /// Reads the places in `text`; `plain` is its first reading.
    pub(super) fn new(text: &str, plain: &Reading, named: &[(usize, usize)], cues: &[(usize, usize, usize)]) -> Self {
        // Single letters are parts of a word that is written letter by letter, or say little.
        let starts = plain.words().iter().filter(|(s, e)| e - s > 1).map(|&(s, e)| plain.original(s, e).0).collect();
        let loras = lora_spans(text);
        let mut near = Self { starts, cues: Vec::new(), styled: BTreeSet::new(), named: named.to_vec(), loras };
        near.set_cues(cues);
        near
    }

    /// Replaces the cues: first byte, end byte, set.
    pub(super) fn set_cues(&mut self, cues: &[(usize, usize, usize)]) {
        self.styled = cues.iter().filter(|c| self.is_named(c.0)).map(|c| c.2).collect();
        self.cues = cues.iter().map(|&(s, e, set)| (self.word_at(s), self.word_at(e.saturating_sub(1)), set, s, e)).collect();
        self.cues.sort_unstable();
        self.cues.dedup();
    }

    fn is_named(&self, byte: usize) -> bool {
        self.named.iter().any(|&(start, end)| (start..end).contains(&byte))
    }

    /// How many words begin after one place and up to another.
    pub(super) fn words_between(&self, from: usize, to: usize) -> usize {
        self.word_at(to).saturating_sub(self.word_at(from))
    }

    /// How many words begin at or before `byte`.
    fn word_at(&self, byte: usize) -> usize {
        self.starts.partition_point(|&s| s <= byte)
    }

    /// Whether the mention is in the name of an adapter.
    pub(super) fn in_lora(&self, hit: &Hit) -> bool {
        self.loras.iter().any(|l| l.0 <= hit.start && hit.end <= l.1)
    }

    /// Whether any cue at all is near.
    pub(super) fn has_any_cue(&self, hit: &Hit) -> bool {
        self.is_named(hit.start) || self.cue_near(hit, |_| true)
    }

    /// Whether a cue of one of `sets` is near, or the mention is in a style's name.
    pub(super) fn has_cue(&self, hit: &Hit, sets: &[usize]) -> bool {
        if self.is_named(hit.start) || sets.iter().any(|set| self.styled.contains(set)) {
            return true;
        }
        self.cue_near(hit, |set| sets.contains(&set))
    }

    fn cue_near(&self, hit: &Hit, wanted: impl Fn(usize) -> bool) -> bool {
        let (first, last) = (self.word_at(hit.start), self.word_at(hit.end.saturating_sub(1)));
        let from = self.cues.partition_point(|c| c.0 + CUE_REACH + LONGEST_CUE < first);
        self.cues[from..].iter().take_while(|c| c.0 <= last + CUE_REACH).any(|&(_, cue_last, set, start, end)| {
            wanted(set) && (end <= hit.start || start >= hit.end) && cue_last + CUE_REACH >= first
        })
    }
}

/// Byte ranges of `<lora:…>`, `<lyco:…>`, `<hypernet:…>` and `embedding:…` names.
fn lora_spans(text: &str) -> Vec<(usize, usize)> {
    let lower = text.to_ascii_lowercase();
    let mut out = Vec::new();
    for (mark, stop) in [("<lora:", '>'), ("<lyco:", '>'), ("<hypernet:", '>'), ("embedding:", ' ')] {
        for (at, _) in lower.match_indices(mark) {
            let from = at + mark.len();
            let to = lower[from..].char_indices().take(200).find(|(_, c)| *c == stop || *c == '\n');
            out.push((from, from + to.map_or(lower.len() - from, |(i, _)| i).min(lower.len() - from)));
        }
    }
    out.sort_unstable();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapter_names_are_found() {
        let text = "a cat <lora:ta_moko_v2:0.8> EMBEDDING:kente, dog <LORA:open";
        let names: Vec<&str> = lora_spans(text).iter().map(|&(s, e)| &text[s..e]).collect();
        assert_eq!(names, ["ta_moko_v2:0.8", "kente,", "open"]);
        for odd in ["<lora:", "<lora:ä", "embedding:", "<lora:<lora:>>"] {
            assert!(lora_spans(odd).iter().all(|&(s, e)| odd.get(s..e).is_some()), "{odd}");
        }
    }
}
