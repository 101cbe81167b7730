//! Where words begin and end, and which spans lie in others. Byte positions only; knows no names.

use super::views::{Reading, beyond_latin, unspaced};

/// Longest run of letters looked into for glued names.
const LONGEST_GLUED: usize = 400;

/// Whether the words behind a place have letters of the alphabet that a name is written in: Cyrillic or Greek, or else Latin.
pub(super) fn fits(text: &str, reading: &Reading, (start, end): (usize, usize), beyond: bool) -> bool {
    let (from, to) = reading.original(start, end);
    text[from..to].chars().filter(|c| c.is_alphanumeric()).any(|c| beyond_latin(c) == beyond)
}

pub(super) fn merge(spans: &mut Vec<(usize, usize)>) {
    spans.sort_unstable();
    spans.dedup_by(|next, kept| {
        let touching = next.0 < kept.1;
        if touching {
            kept.1 = kept.1.max(next.1);
        }
        touching
    });
}

pub(super) fn covered(spans: &[(usize, usize)], start: usize, end: usize) -> bool {
    let at = spans.partition_point(|s| s.1 < end);
    spans.get(at).is_some_and(|s| s.0 <= start)
}

/// Whole words, a plural `s` or `es` aside.
pub(super) fn bounded(text: &str, start: usize, end: usize, stem: bool) -> bool {
    let bytes = text.as_bytes();
    let stop = |at: usize| bytes.get(at).is_none_or(|&b| b == b' ');
    let left = start == 0 || bytes[start - 1] == b' ';
    let plural =
        end - start >= 4 && (text[end..].starts_with('s') && stop(end + 1) || text[end..].starts_with("es") && stop(end + 2));
    left && (stem || stop(end) || plural)
}

/// Whole words where the script has them.
pub(super) fn bounded_native(text: &str, start: usize, end: usize, stem: bool) -> bool {
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
pub(super) fn word_around(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let before = bytes[..start].iter().rev().take(LONGEST_GLUED).take_while(|&&b| b != b' ').count();
    let after = bytes[end..].iter().take(LONGEST_GLUED).take_while(|&&b| b != b' ').count();
    (before + after + end - start <= LONGEST_GLUED).then_some((start - before, end + after))
}
