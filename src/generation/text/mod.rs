//! From a prompt to tokens: the vocabulary, and the slots the model reads. Words and stems are in [`words()`].

mod words;

use std::collections::HashMap;

pub use words::{stem, words};

use super::config::ModelFile;
use super::weights::LoadError;

/// Fills unused slots.
pub const PAD: u32 = 0;
/// Stands for "no prompt".
pub const NULL: u32 = 1;
/// Stands for any word that is not in the vocabulary.
pub const UNKNOWN: u32 = 2;

/// The words a model knows; position is token.
#[derive(Debug, Clone)]
pub struct Vocab {
    words: Vec<String>,
    index: HashMap<String, u32>,
}

impl Vocab {
    /// From the words in order.
    pub fn new(words: Vec<String>) -> Self {
        let index = words.iter().zip(0..).map(|(word, i)| (word.clone(), i)).collect();
        Self { words, index }
    }

    /// Reads `vocab.json`: a list of at least four distinct words, beginning with pad, null, unknown.
    pub fn read(file: &ModelFile) -> Result<Self, LoadError> {
        let broken = |cause: String| LoadError::Malformed { file: file.name.clone(), cause };
        let words: Vec<String> = serde_json::from_slice(file.checked()?).map_err(|e| broken(e.to_string()))?;
        let vocab = Self::new(words);
        if vocab.words.len() < 4 || vocab.words[..3] != ["<pad>", "<null>", "<unk>"] {
            return Err(broken("it must begin with <pad>, <null> and <unk>".into()));
        }
        if vocab.index.len() != vocab.words.len() {
            return Err(broken("a word stands twice in it".into()));
        }
        Ok(vocab)
    }

    /// How many words.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The words in order.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The token of a word that carries meaning: not pad, null or unknown.
    pub fn meaning(&self, word: &str) -> Option<u32> {
        self.index.get(word).copied().filter(|&token| token > UNKNOWN)
    }

    /// The styles: words in pointed brackets, without them.
    pub fn styles(&self) -> impl Iterator<Item = &str> {
        self.words.iter().skip(3).filter_map(|word| word.strip_prefix('<')?.strip_suffix('>'))
    }

    /// The slots for a prompt: the style's token first if there is one, then the prompt's words; padded or cut to `slots`.
    pub fn tokens(&self, prompt: &str, style: Option<&str>, slots: usize) -> Vec<u32> {
        let style = style.map(|style| format!("<{style}>"));
        let known = |word: String| self.meaning(&word).unwrap_or(UNKNOWN);
        let mut tokens: Vec<u32> = style.into_iter().chain(words(prompt)).take(slots).map(known).collect();
        tokens.resize(slots, PAD);
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocab() -> Vocab {
        Vocab::new(["<pad>", "<null>", "<unk>", "and", "<fluent>", "red", "apple"].map(str::to_owned).to_vec())
    }

    #[test]
    fn style_then_words_then_padding() {
        assert_eq!(vocab().tokens("A red apple!", Some("fluent"), 6), [4, 5, 6, 0, 0, 0]);
        assert_eq!(vocab().tokens("zzzz apples and more", None, 4), [2, 6, 3, 2]);
        assert_eq!(vocab().tokens("the of in", None, 3), [0, 0, 0]);
        assert_eq!(vocab().tokens(&"red ".repeat(9), None, 3), [5, 5, 5]);
    }

    #[test]
    fn special_tokens_cannot_be_written() {
        assert_eq!(vocab().tokens("<pad> <null>", Some("pad"), 4), [2, 2, 2, 0]);
        assert_eq!(vocab().styles().collect::<Vec<_>>(), ["fluent"]);
    }

    #[test]
    fn a_foreign_file_is_refused() {
        for text in ["", "[]", "{}", r#"["a","b","c","d"]"#, r#"["<pad>","<null>","<unk>","x","x"]"#, "[1]"] {
            let file = ModelFile { name: "vocab.json".into(), bytes: text.into(), sha256: None };
            assert!(Vocab::read(&file).unwrap_err().to_string().contains("vocab.json"), "{text}");
        }
    }
}
