//! The compiled search: every form of names, cues and exceptions, and what tells a misspelt or glued name from another word. Depends on
//! how names are written alone, so it is kept while a bundle changes in other ways.

use super::patterns::{Gathered, Pattern, Patterns, What};
use super::schema::AliasMatch;
use super::typo::{Typos, edits_for};
use super::views::{beyond_latin, folded, native_form};
use super::words::WordSet;

/// A cue of so many letters may be misspelt by one.
const CUE_TYPO: usize = 6;

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

/// What to look for.
#[derive(Debug, Clone)]
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

impl Alias {
    /// All that the search knows of it: where this is the same, the search is.
    fn searched(&self) -> (&Form, AliasMatch, Option<u8>, &[Vec<String>]) {
        (&self.form, self.mode, self.fuzzy, &self.groups)
    }

    /// Whether near spellings of it are looked for.
    fn written(&self) -> bool {
        !self.form.native && self.mode != AliasMatch::Described
    }
}

/// Whether one search does for both.
pub(super) fn same_search(a: &[Alias], b: &[Alias]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.searched() == b.searched())
}

/// The words of a bundle that are no names, in the forms they are looked for in.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    /// Names of the cue sets.
    pub names: Vec<String>,
    /// Cues, with the index of their set.
    pub cues: Vec<(usize, Form)>,
    pub exceptions: Vec<Form>,
    /// Words that are never a misspelling.
    pub ordinary: Vec<String>,
    /// Small words that may be glued to a name.
    pub glue: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Search {
    pub ascii: Patterns,
    pub native: Patterns,
    /// Words that may be glued to a name.
    pub glue: WordSet,
    /// Words that are never a misspelling.
    pub known: WordSet,
    /// Near spellings of names in Latin letters, and in others.
    pub typos: [Typos; 2],
    /// Near spellings of cues; the number is the set.
    pub cue_typos: Typos,
}

impl Search {
    /// Fails with a sentence when the names are too many or too long.
    pub(super) fn new(aliases: &[Alias], vocabulary: &Vocabulary) -> Result<Self, String> {
        // The automaton and the index of near spellings know nothing of each other.
        let (searchers, words) = std::thread::scope(|both| {
            let searchers = both.spawn(|| {
                let (ascii, native) = gathered(aliases, vocabulary);
                Ok::<_, String>((ascii.compile()?, native.compile()?))
            });
            let words = Spelling::of(aliases, vocabulary);
            (searchers.join(), words)
        });
        let (ascii, native) = searchers.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let Spelling { glue, known, typos, cue_typos } = words;
        Ok(Self { ascii, native, glue, known, typos, cue_typos })
    }
}

/// Everything to look for, in Latin letters and in scripts of its own.
fn gathered(aliases: &[Alias], vocabulary: &Vocabulary) -> (Gathered, Gathered) {
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
    vocabulary.cues.iter().for_each(|(set, form)| add(form, What::Cue(*set)));
    vocabulary.exceptions.iter().for_each(|form| add(form, What::Exception));
    (ascii, native)
}

/// What tells a misspelt or glued name from another word.
struct Spelling {
    glue: WordSet,
    known: WordSet,
    typos: [Typos; 2],
    cue_typos: Typos,
}

impl Spelling {
    fn of(aliases: &[Alias], vocabulary: &Vocabulary) -> Self {
        let cues = &vocabulary.cues;
        let mut known: WordSet = vocabulary.ordinary.iter().cloned().collect();
        let mut glue: WordSet = vocabulary.glue.iter().cloned().collect();
        let (mut typos, mut cue_typos) = ([Typos::default(), Typos::default()], Typos::default());
        let mut common: WordSet = glue.clone();
        common.extend(cues.iter().flat_map(|(_, form)| form.text.split(' ').map(str::to_owned)));
        for (i, alias) in aliases.iter().enumerate().filter(|(_, a)| a.written()) {
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
        for form in aliases.iter().filter(|a| a.written()).map(|a| &a.form.text) {
            if form.len() >= 4 {
                glue.insert(form.replace(' ', ""));
            }
            // A short part of one name is not another misspelt.
            known.extend(form.split(' ').filter(|w| (3..6).contains(&w.len())).map(str::to_owned));
        }
        known.extend(aliases.iter().filter(|a| a.written()).map(|a| a.form.text.clone()));
        for form in cues.iter().map(|(_, form)| form).filter(|form| !form.native) {
            glue.insert(form.text.replace(' ', ""));
            known.insert(form.text.clone());
        }
        known.extend(vocabulary.exceptions.iter().map(|form| form.text.clone()));
        Self { glue, known, typos, cue_typos }
    }
}
