//! Forms to look for, each once, with everything that it stands for: names, cues, words of descriptions, exceptions. Letters only; what is
//! done with a match is `matcher`'s business.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::words::Words;

/// What a form stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Alias(usize),
    Cue(usize),
    /// A word of a description: the alias and its group.
    Part(usize, usize),
    Exception,
}

/// One of the things that a form stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern {
    pub what: What,
    /// The alias with its spaces left out.
    pub squeezed: bool,
    /// Written in Cyrillic or Greek: a Latin word that sounds so is another.
    pub beyond: bool,
}

/// Forms while they are gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    places: Words<u32>,
    forms: Vec<String>,
    of: Vec<Vec<Pattern>>,
}

impl Gathered {
    pub(super) fn add(&mut self, form: &str, pattern: Pattern) {
        let next = u32::try_from(self.forms.len()).unwrap_or(u32::MAX);
        match self.places.get(form) {
            Some(&place) => self.of[place as usize].push(pattern),
            None => {
                self.places.insert(form.to_owned(), next);
                self.forms.push(form.to_owned());
                self.of.push(vec![pattern]);
            }
        }
    }

    /// Compiles the search. Fails with a sentence when the forms are too many or too long.
    pub(super) fn compile(self) -> Result<Patterns, String> {
        // Built twice as fast as the contiguous form, and still a small part of what a decision takes.
        let searcher = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::NoncontiguousNFA))
            .dense_depth(2)
            .build(&self.forms)
            .map_err(|e| format!("the names can't be searched together: {e}; use fewer or shorter ones"))?;
        Ok(Patterns { searcher, of: self.of })
    }
}

/// Compiled forms.
#[derive(Debug)]
pub(super) struct Patterns {
    searcher: AhoCorasick,
    of: Vec<Vec<Pattern>>,
}

impl Patterns {
    /// Every place where a form stands, overlapping ones too: start, end, what it stands for.
    pub(super) fn find<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (usize, usize, Pattern)> + 't {
        self.searcher
            .find_overlapping_iter(text)
            .flat_map(|m| self.of[m.pattern().as_usize()].iter().map(move |p| (m.start(), m.end(), *p)))
    }
}
