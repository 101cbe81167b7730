//! Checkpoints (C2SP tlog-checkpoint v1.0.0): a log's origin, size and root as the text of a signed note.
//!
//! Does not decide what may be signed: that a head follows from the last one is the sequencer's and the proofs' business.

use super::hash::{EMPTY_ROOT, NodeHash, shorten};
use super::note::{Note, NoteError, Signer, Verifier};

/// What a log says of itself at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: a URL without scheme and trailing slash, such as `example.com/log`.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: NodeHash,
    /// Further lines, kept but not understood; not empty, normally none.
    pub extensions: Vec<String>,
}

/// Why a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note's text is not a checkpoint.
    #[error("`{text}` is not {expected} in a checkpoint")]
    Malformed {
        /// The line as found.
        text: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// Another log's.
    #[error("the checkpoint is of the log `{found}`, not of `{expected}`")]
    OtherOrigin {
        /// As the note says.
        found: String,
        /// As asked for.
        expected: String,
    },
    /// The note around it is refused.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl Checkpoint {
    /// Without further lines.
    pub fn new(origin: &str, size: u64, root: NodeHash) -> Self {
        Self { origin: origin.to_owned(), size, root, extensions: Vec::new() }
    }

    /// The text that is signed, ending in a newline.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, self.root);
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads the text of a note.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let wrong = |text: &str, expected| CheckpointError::Malformed { text: shorten(text), expected };
        let body = text.strip_suffix('\n').ok_or_else(|| wrong(text, "a text that ends in a newline"))?;
        let mut lines = body.split('\n');
        let mut next = |expected| lines.next().filter(|line| !line.is_empty()).ok_or_else(|| wrong("", expected));
        let origin = next("the log's origin")?.to_owned();
        let size = next("the log's size")?;
        let root = next("the log's root")?;
        let plain = size.bytes().all(|b| b.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
        let size = size.parse().ok().filter(|_| plain).ok_or_else(|| wrong(size, "a decimal size below 2^64"))?;
        let root = NodeHash::parse(root).map_err(|_| wrong(root, "a root of 44 base64 characters"))?;
        if size == 0 && root != EMPTY_ROOT {
            return Err(wrong(&root.to_string(), "the root of the empty tree"));
        }
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(wrong("", "an extension line, which is not empty,"));
        }
        Ok(Self { origin, size, root, extensions })
    }

    /// Signs it. Refused when the fields would not read back as they are, such as an origin with a newline.
    pub fn sign(&self, signers: &[&Signer]) -> Result<SignedCheckpoint, CheckpointError> {
        let text = self.text();
        if Self::parse(&text)? != *self {
            return Err(CheckpointError::Malformed { text: shorten(&self.origin), expected: "one line" });
        }
        Ok(SignedCheckpoint { checkpoint: self.clone(), note: Note::sign(&text, signers)? })
    }
}

/// A checkpoint with its note. Reading one says nothing about its signatures; [`SignedCheckpoint::open`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Reads the form, believing nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        Ok(Self { checkpoint: Checkpoint::parse(note.unverified_text())?, note })
    }

    /// The checkpoint, if it is of this origin, signed by a known key, and by none wrongly.
    pub fn open(&self, origin: &str, verifiers: &[Verifier]) -> Result<&Checkpoint, CheckpointError> {
        if self.checkpoint.origin != origin {
            let (found, expected) = (shorten(&self.checkpoint.origin), origin.to_owned());
            return Err(CheckpointError::OtherOrigin { found, expected });
        }
        self.note.open(verifiers)?;
        Ok(&self.checkpoint)
    }

    /// The checkpoint as it says of itself.
    pub fn unverified(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note with all its signatures.
    pub fn note(&self) -> &Note {
        &self.note
    }
}

impl std::fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.note.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Dice, ORIGIN, signer};
    use super::*;

    #[test]
    fn the_text_of_the_specification() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let checkpoint = Checkpoint::parse(text).unwrap();
        assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!(checkpoint.text(), text);
        let more = format!("{text}extension one\nextension two\n");
        let checkpoint = Checkpoint::parse(&more).unwrap();
        assert_eq!((checkpoint.extensions.len(), checkpoint.text()), (2, more));
    }

    #[test]
    fn other_forms_are_refused() {
        let root = NodeHash([0xfb; 32]).to_string();
        let good = format!("log\n7\n{root}\n");
        assert!(Checkpoint::parse(&good).is_ok());
        for bad in [
            String::new(),
            "\n".to_owned(),
            "log\n".to_owned(),
            "log\n7\n".to_owned(),
            good.trim_end().to_owned(),
            format!("\n{good}"),
            format!("{good}\n"),
            format!("{good}\nafter an empty line\n"),
            good.replace("\n7\n", "\n07\n"),
            good.replace("\n7\n", "\n00\n"),
            good.replace("\n7\n", "\n+7\n"),
            good.replace("\n7\n", "\n-7\n"),
            good.replace("\n7\n", "\n 7\n"),
            good.replace("\n7\n", "\n7 \n"),
            good.replace("\n7\n", "\n٧\n"),
            good.replace("\n7\n", "\n18446744073709551616\n"),
            good.replace("\n7\n", "\n0\n"),
            good.replace('+', "-").replace('/', "_"),
            good.replace('=', ""),
            good.replace("s=\n", "t=\n"),
            good.replace('=', "=="),
            good.replace('\n', "\r\n"),
        ] {
            assert!(bad == good || Checkpoint::parse(&bad).is_err(), "{bad:?}");
        }
        assert_eq!(Checkpoint::parse(&format!("log\n0\n{EMPTY_ROOT}\n")).unwrap().size, 0);
    }

    #[test]
    fn signs_and_opens() {
        let signer = signer();
        let signed = Checkpoint::new(ORIGIN, 5, NodeHash([3; 32])).sign(&[&signer]).unwrap();
        let read = SignedCheckpoint::parse(signed.to_string().as_bytes()).unwrap();
        let known = [signer.verifier().clone()];
        assert_eq!(read.open(ORIGIN, &known).unwrap().size, 5);
        assert!(matches!(read.open("other.example", &known), Err(CheckpointError::OtherOrigin { .. })));
        let forged = signed.to_string().replace("\n5\n", "\n6\n");
        let forged = SignedCheckpoint::parse(forged.as_bytes()).unwrap();
        assert!(matches!(forged.open(ORIGIN, &known), Err(CheckpointError::Note(NoteError::BadSignature(_)))));
        for origin in ["", "two\nlines", "two\n7\n"] {
            assert!(Checkpoint::new(origin, 5, NodeHash([3; 32])).sign(&[&signer]).is_err());
        }
    }

    #[test]
    fn mutated_checkpoints_never_panic() {
        let mut dice = Dice(6);
        let good = Checkpoint::new(ORIGIN, 5, NodeHash([3; 32])).sign(&[&signer()]).unwrap().to_string();
        for _ in 0..5_000 {
            let bytes = dice.mutate(good.as_bytes());
            if let Ok(read) = SignedCheckpoint::parse(&bytes) {
                assert_eq!(read.to_string().as_bytes(), bytes, "one form only");
            }
        }
    }
}
