//! Prompts as the tokens of CLIP (Radford et al. 2021): byte-pair encoding of lower-case words, as transformers' `CLIPTokenizer` does it.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as Splits;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

use super::folder::Folder;
use crate::generation::weights::{LoadError, Loaded};

const BEGIN: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// What a piece is: a token of its own kind, an English ending, letters, one digit, or what is neither.
const PIECES: &str = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// A token in `tokenizer_config.json`: its text, or an object with it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Text(String),
    Object { content: String },
}

/// `tokenizer_config.json`.
#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    pad_token: Option<Named>,
}

/// The tokens of one encoder.
#[derive(Debug)]
pub(super) struct Tokens {
    inner: Tokenizer,
    begin: u32,
    end: u32,
    pad: u32,
}

impl Tokens {
    /// Tokens that an encoder reads, those at both ends included.
    pub(super) const LENGTH: usize = 77;

    /// Reads `vocab.json`, `merges.txt` and, where it is, `tokenizer_config.json` of a part.
    pub(super) fn read(model: &Folder, part: &str) -> Loaded<Self> {
        let folder = model.part(part);
        let (vocab_path, merges_path) = (folder.join("vocab.json"), folder.join("merges.txt"));
        let read = |path: &Path| {
            model.checked(path)?;
            std::fs::read_to_string(path)
                .map_err(|e| LoadError::Unreadable { file: path.display().to_string(), cause: e.to_string() })
        };
        let malformed = |path: &Path, cause: String| LoadError::Malformed { file: path.display().to_string(), cause };
        let vocab: HashMap<String, u32> =
            serde_json::from_str(&read(&vocab_path)?).map_err(|e| malformed(&vocab_path, e.to_string()))?;
        let mut merges = Vec::new();
        for line in read(&merges_path)?.lines().filter(|line| !line.starts_with("#version") && !line.trim().is_empty()) {
            let pair = line.split_once(' ').ok_or_else(|| malformed(&merges_path, format!("`{line}` is no pair")))?;
            merges.push((pair.0.to_owned(), pair.1.trim_end().to_owned()));
        }
        let id = |token: &str| vocab.get(token).copied().ok_or_else(|| malformed(&vocab_path, format!("it has no `{token}`")));
        let (begin, end) = (id(BEGIN)?, id(END)?);
        let settings = folder.join("tokenizer_config.json");
        let pad = match settings.is_file() {
            true => {
                let settings: Settings =
                    serde_json::from_str(&read(&settings)?).map_err(|e| malformed(&settings, e.to_string()))?;
                match settings.pad_token {
                    Some(Named::Text(token) | Named::Object { content: token }) => id(&token)?,
                    None => end,
                }
            }
            false => end,
        };
        let inner = tokenizer(vocab, merges).map_err(|e| malformed(&merges_path, e.to_string()))?;
        Ok(Self { inner, begin, end, pad })
    }

    /// Exactly `length` ids: the beginning, the prompt, the end, and padding. What is too long is cut off; how many tokens that was, too.
    pub(super) fn encode(&self, prompt: &str, length: usize) -> Result<(Vec<u32>, usize), String> {
        let said = self.inner.encode(prompt, false).map_err(|e| format!("the prompt can't be read as tokens: {e}"))?;
        let all = said.get_ids();
        let kept = all.len().min(length.saturating_sub(2));
        let mut ids = Vec::with_capacity(length);
        ids.push(self.begin);
        ids.extend_from_slice(&all[..kept]);
        ids.push(self.end);
        ids.resize(length, self.pad);
        Ok((ids, all.len() - kept))
    }
}

fn tokenizer(vocab: HashMap<String, u32>, merges: Vec<(String, String)>) -> tokenizers::Result<Tokenizer> {
    let bpe = BPE::builder()
        .vocab_and_merges(vocab.into_iter().collect::<Vocab>(), merges)
        .end_of_word_suffix("</w>".to_owned())
        .unk_token(END.to_owned())
        .build()?;
    let mut inner = Tokenizer::new(bpe);
    let spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ")?;
    inner.with_normalizer(Some(Sequence::new(vec![NFC.into(), spaces.into(), Lowercase.into()])));
    let pieces = Split::new(SplitPattern::Regex(PIECES.to_owned()), SplitDelimiterBehavior::Removed, true)?;
    let splits: Vec<PreTokenizerWrapper> = vec![pieces.into(), ByteLevel::new(false, true, true).into()];
    inner.with_pre_tokenizer(Some(Splits::new(splits)));
    inner.add_special_tokens(&[AddedToken::from(BEGIN, true), AddedToken::from(END, true)]);
    Ok(inner)
}
