//! Checkpoints (C2SP tlog-checkpoint v1.0.0): a log's origin, size and root as the text of a signed note.
//!
//! Does not decide what may be signed: that a head follows from the last one is the sequencer's and the proofs' business.

use super::hash::{EMPTY_ROOT, NodeHash, shorten};
use super::note::{Note, NoteError, NoteSignature};
use super::vkey::{Cosigner, KeyType, Signer, Verifier};

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
        let checkpoint = Self::read(text)?;
        if checkpoint.size == 0 && checkpoint.root != EMPTY_ROOT {
            let text = checkpoint.root.to_string();
            return Err(CheckpointError::Malformed { text, expected: "the root of the empty tree" });
        }
        Ok(checkpoint)
    }

    /// The same, but an empty tree may have any root: a witness has an answer of its own to that.
    pub(super) fn read(text: &str) -> Result<Self, CheckpointError> {
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
        Self::from_note(Note::parse(bytes)?)
    }

    /// Reads the text of a note, believing nothing.
    pub fn from_note(note: Note) -> Result<Self, CheckpointError> {
        Ok(Self { checkpoint: Checkpoint::parse(note.unverified_text())?, note })
    }

    /// The checkpoint, if it is of this origin, signed by a known key of type 0x01, and by no known key wrongly. A cosignature
    /// alone is not enough: it says that a witness saw this checkpoint, not that the log made it.
    pub fn open(&self, origin: &str, verifiers: &[Verifier]) -> Result<&Checkpoint, CheckpointError> {
        if self.checkpoint.origin != origin {
            let (found, expected) = (shorten(&self.checkpoint.origin), origin.to_owned());
            return Err(CheckpointError::OtherOrigin { found, expected });
        }
        let (_, by) = self.note.open(verifiers)?;
        if !by.iter().any(|verifier| verifier.kind() == KeyType::Ed25519) {
            return Err(self.note.unknown_keys().into());
        }
        Ok(&self.checkpoint)
    }

    /// The line by which a witness says that at `time` it saw the log like this. It has checked that before.
    pub fn cosign(&self, cosigner: &Cosigner, time: u64) -> Result<NoteSignature, NoteError> {
        cosigner.cosign(self.note.unverified_text(), time)
    }

    /// Takes over the cosignatures by these witnesses, as [`Note::add_signatures`] does; says how many. Keys of type 0x01 and
    /// lines without a time are passed over (C2SP tlog-witness, "add-checkpoint": the time must not be zero).
    pub fn add_cosignatures(&mut self, lines: &[NoteSignature], witnesses: &[Verifier]) -> Result<usize, NoteError> {
        let witnesses: Vec<Verifier> = witnesses.iter().filter(|w| w.kind() == KeyType::Cosignature).cloned().collect();
        let lines: Vec<NoteSignature> = lines.iter().filter(|line| line.time() != Some(0)).cloned().collect();
        self.note.add_signatures(&lines, &witnesses)
    }

    /// Which of these witnesses cosigned, by name, and when at the latest (seconds since 1970).
    pub fn cosignatures(&self, witnesses: &[Verifier]) -> Vec<(String, u64)> {
        self.note.cosignatures(witnesses)
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
    use super::super::fixtures::{Dice, ORIGIN, PUBLIC_CHECKPOINT, PUBLIC_LOG, PUBLIC_WITNESSES, cosigner, signer};
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
    fn a_cosignature_is_not_the_logs_signature() {
        let (log, witness) = (signer(), cosigner(1));
        let mut signed = Checkpoint::new(ORIGIN, 5, NodeHash([3; 32])).sign(&[&log]).unwrap();
        let line = signed.cosign(&witness, 1_700_000_000).unwrap();
        let keys = [log.verifier().clone(), witness.verifier().clone()];
        assert_eq!(signed.add_cosignatures(std::slice::from_ref(&line), &keys), Ok(1));
        assert_eq!(signed.cosignatures(&keys), [("witness1.example".to_owned(), 1_700_000_000)]);
        assert!(signed.open(ORIGIN, &keys).is_ok());
        let refused = signed.open(ORIGIN, &keys[1..]);
        assert!(matches!(refused, Err(CheckpointError::Note(NoteError::UnknownKeys(_)))));
        // Neither a line without a time nor one of a log's key is taken from a witness.
        let mut timeless = line;
        timeless.signature[..8].fill(0);
        assert_eq!(signed.add_cosignatures(&[timeless], &keys), Ok(0));
        assert_eq!(signed.add_cosignatures(signed.clone().note().signatures(), &keys[..1]), Ok(0));
    }

    #[test]
    fn public_checkpoints_read_as_they_are_printed() {
        let read = SignedCheckpoint::parse(PUBLIC_CHECKPOINT.as_bytes()).unwrap();
        let known: Vec<Verifier> =
            [PUBLIC_LOG].iter().chain(&PUBLIC_WITNESSES).map(|key| Verifier::parse(key).unwrap()).collect();
        assert_eq!(read.open("arche2025h1.staging.ct.transparency.dev", &known).unwrap().size, 1_432_088_532);
        assert_eq!((read.to_string().as_str(), read.cosignatures(&known).len()), (PUBLIC_CHECKPOINT, 4));
        // The example of tlog-cosignature, whose keys it does not tell.
        let example = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
            — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
            — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
        let read = SignedCheckpoint::parse(example.as_bytes()).unwrap();
        assert_eq!(read.note().signatures()[1].time(), Some(1_679_315_147));
        assert_eq!(read.to_string(), example);
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
