//! Signed notes (C2SP signed-note v1.0.0): a text, a blank line, signature lines.
//!
//! Signatures of type 0x01 (Ed25519) and 0x04 (timestamped Ed25519 cosignatures, C2SP tlog-cosignature) are made and checked; the
//! keys stand in [`vkey`](super::vkey). Lines of other keys and types are kept as they are and never trusted.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::vkey::is_name;
pub use super::vkey::{Cosigner, KeyType, Signer, Verifier};

/// Signature lines read at most; the specification asks for 16 at least.
const MAX_SIGNATURES: usize = 100;
/// Bytes of a note read at most.
const MAX_NOTE: usize = 1 << 20;

/// Why a note, a signature line or a key text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not in the form of a signed note.
    #[error("this is not a signed note: {0}")]
    Malformed(&'static str),
    /// A key that is known signed something else.
    #[error("the signature of `{0}` does not fit the text: the note was changed after signing; fetch it again")]
    BadSignature(String),
    /// No signature is by a known key.
    #[error("no signature is by a known key: signed by {0}; get the log's verifier key from its operator")]
    UnknownKeys(String),
    /// A key text or name of the wrong form.
    #[error("`{text}` is not a verifier key: {reason}; expected <name>+<8 hex digits>+<base64>")]
    Key {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// One signature line, of whatever key and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// The key's short id.
    pub key_id: [u8; 4],
    /// What follows the id: 64 bytes for type 0x01, 8 of time and 64 for type 0x04.
    pub signature: Vec<u8>,
}

impl NoteSignature {
    /// Reads `— <name> <base64>`, without a newline.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        signature_line(line).ok_or(NoteError::Malformed("a signature line is not `— <name> <base64>`"))
    }

    /// Reads one line or more, each ending in a newline, as they stand at a note's end and in a witness's answer. At most 1 MiB
    /// and 100 lines.
    pub fn parse_lines(bytes: &[u8]) -> Result<Vec<Self>, NoteError> {
        if bytes.len() > MAX_NOTE {
            return Err(NoteError::Malformed("it is longer than 1 MiB"));
        }
        let lines = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed("it is not UTF-8"))?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed("its last line has no newline"))?;
        let signatures = lines.split('\n').take(MAX_SIGNATURES + 1).map(Self::parse).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("it has more than 100 signatures"));
        }
        Ok(signatures)
    }

    /// The time and the Ed25519 signature, where it has the length of a cosignature (C2SP tlog-cosignature,
    /// `timestamped_signature`).
    pub(super) fn timestamped(&self) -> Option<(u64, &[u8])> {
        let (time, signature) = self.signature.split_first_chunk::<8>()?;
        (signature.len() == 64).then(|| (u64::from_be_bytes(*time), signature))
    }

    /// The time it claims, in seconds since 1970, where it has the length of a cosignature; not yet believed.
    pub fn time(&self) -> Option<u64> {
        self.timestamped().map(|(time, _)| time)
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\u{2014} {} {}", self.name, STANDARD.encode([&self.key_id[..], &self.signature].concat()))
    }
}

/// A text with its signatures, not yet believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Signs `text`, which ends in a newline and has no other control character.
    pub fn sign(text: &str, signers: &[&Signer]) -> Result<Self, NoteError> {
        if !is_text(text) {
            return Err(NoteError::Malformed("its text must end in a newline and have no other control character"));
        }
        if signers.is_empty() {
            return Err(NoteError::Malformed("it needs one signature at least"));
        }
        Ok(Self { text: text.to_owned(), signatures: signers.iter().map(|signer| signer.line(text)).collect() })
    }

    /// Reads the form of a note without believing its text. At most 1 MiB and 100 signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE {
            return Err(NoteError::Malformed("it is longer than 1 MiB"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed("it is not UTF-8"))?;
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed("no blank line stands before its signatures"))?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        if !is_text(text) {
            return Err(NoteError::Malformed("it has a control character"));
        }
        Ok(Self { text: text.to_owned(), signatures: NoteSignature::parse_lines(lines.as_bytes())? })
    }

    /// The text, if a known key signed it and no known key's signature is wrong; with the keys that signed, each once. Signatures
    /// of unknown keys are passed over. Whether a cosignature alone is enough is for the caller to say.
    pub fn open<'v>(&self, verifiers: &'v [Verifier]) -> Result<(&str, Vec<&'v Verifier>), NoteError> {
        let mut by: Vec<&Verifier> = Vec::new();
        for line in &self.signatures {
            let Some(verifier) = verifiers.iter().find(|v| v.is_named_by(line)) else { continue };
            if !verifier.verify(&self.text, line) {
                return Err(NoteError::BadSignature(verifier.name().to_owned()));
            }
            if !by.contains(&verifier) {
                by.push(verifier);
            }
        }
        if by.is_empty() { Err(self.unknown_keys()) } else { Ok((&self.text, by)) }
    }

    /// That nobody known signed, with the names of some who did.
    pub(super) fn unknown_keys(&self) -> NoteError {
        let names = self.signatures.iter().take(4).map(|s| format!("`{}+{}`", s.name, hex::encode(s.key_id)));
        NoteError::UnknownKeys(names.collect::<Vec<_>>().join(", "))
    }

    /// Which of these keys cosigned, each once, with the latest time it said. Keys of type 0x01 and signatures that do not fit
    /// are passed over; [`Note::open`] refuses a note that has one of the latter.
    pub fn cosigned_by<'v>(&self, verifiers: &'v [Verifier]) -> Vec<(&'v Verifier, u64)> {
        let cosigners = verifiers.iter().filter(|verifier| verifier.kind() == KeyType::Cosignature);
        let latest = |verifier: &'v Verifier| {
            let lines = self.signatures.iter().filter(|line| verifier.verify(&self.text, line));
            lines.filter_map(NoteSignature::time).max().map(|time| (verifier, time))
        };
        cosigners.filter_map(latest).collect()
    }

    /// The same by name: who of these cosigned, and when at the latest (seconds since 1970).
    pub fn cosignatures(&self, verifiers: &[Verifier]) -> Vec<(String, u64)> {
        self.cosigned_by(verifiers).into_iter().map(|(verifier, time)| (verifier.name().to_owned(), time)).collect()
    }

    /// Takes over those of `lines`, such as a witness answers with, that known keys made over this text; says how many. One line
    /// stays of each known key, for a cosignature the latest. Lines of unknown keys are passed over; a wrong one of a known key
    /// refuses them all and leaves the note as it is.
    pub fn add_signatures(&mut self, lines: &[NoteSignature], verifiers: &[Verifier]) -> Result<usize, NoteError> {
        let (mut signatures, mut taken) = (self.signatures.clone(), 0);
        for line in lines {
            let Some(verifier) = verifiers.iter().find(|v| v.is_named_by(line)) else { continue };
            if !verifier.verify(&self.text, line) {
                return Err(NoteError::BadSignature(verifier.name().to_owned()));
            }
            match signatures.iter_mut().find(|held| verifier.is_named_by(held)) {
                Some(held) if verifier.verify(&self.text, held) && held.time() >= line.time() => continue,
                Some(held) => *held = line.clone(),
                None => signatures.push(line.clone()),
            }
            taken += 1;
        }
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("it has more than 100 signatures"));
        }
        self.signatures = signatures;
        Ok(taken)
    }

    /// Takes over the signatures by known keys of another copy of this note, as [`Note::add_signatures`] does.
    pub fn merge(&mut self, other: &Self, verifiers: &[Verifier]) -> Result<usize, NoteError> {
        if other.text != self.text {
            return Err(NoteError::Malformed("the note to merge it with has another text"));
        }
        self.add_signatures(&other.signatures, verifiers)
    }

    /// Only the lines of these keys, which need not fit.
    pub(super) fn only(&self, verifiers: &[Verifier]) -> Self {
        let lines = self.signatures.iter().filter(|line| verifiers.iter().any(|verifier| verifier.is_named_by(line)));
        Self { text: self.text.clone(), signatures: lines.cloned().collect() }
    }

    /// The text, believed by nobody yet.
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// Every signature line in order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.chars().any(|c| c < ' ' && c != '\n')
}

fn signature_line(line: &str) -> Option<NoteSignature> {
    let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(signature).ok()?;
    let (key_id, signature) = bytes.split_first_chunk::<4>()?;
    (is_name(name) && !signature.is_empty()).then(|| NoteSignature {
        name: name.to_owned(),
        key_id: *key_id,
        signature: signature.to_vec(),
    })
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::super::fixtures::{Dice, PUBLIC_CHECKPOINT, PUBLIC_LOG, PUBLIC_WITNESSES, cosigner, signer};
    use super::*;

    /// The published example of the note format's first implementation (Go, `sumdb/note`).
    const NEUMANN: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    const NEUMANN_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    fn other(name: &str, seed: u8) -> Signer {
        Signer::new(name, SigningKey::from_bytes(&[seed; 32])).unwrap()
    }

    #[test]
    fn a_note_signed_by_other_software_opens() {
        let key = Verifier::parse(NEUMANN_KEY).unwrap();
        let note = Note::parse(NEUMANN.as_bytes()).unwrap();
        let keys = [key];
        let (text, by) = note.open(&keys).unwrap();
        assert!(text.ends_with("your problem is.\n") && by.len() == 1);
        assert_eq!(note.to_string(), NEUMANN);
    }

    #[test]
    fn the_note_of_the_specification_opens() {
        let note = "This is an example message.\n\n\
            — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
        let keys = [Verifier::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k").unwrap()];
        let read = Note::parse(note.as_bytes()).unwrap();
        assert_eq!(read.open(&keys).unwrap().0, "This is an example message.\n");
        assert_eq!(read.to_string(), note);
        // Its other example, whose key it does not tell, has a text with an empty line.
        let note = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
            — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
        let read = Note::parse(note.as_bytes()).unwrap();
        assert!(read.unverified_text().ends_with(":\n\ned è subito sera.\n") && read.to_string() == note);
    }

    #[test]
    fn a_public_logs_checkpoint_opens_with_its_witnesses() {
        let mut keys = vec![Verifier::parse(PUBLIC_LOG).unwrap()];
        keys.extend(PUBLIC_WITNESSES.map(|key| Verifier::parse(key).unwrap()));
        let note = Note::parse(PUBLIC_CHECKPOINT.as_bytes()).unwrap();
        assert_eq!((note.to_string().as_str(), note.signatures().len()), (PUBLIC_CHECKPOINT, 6));
        let (_, by) = note.open(&keys).unwrap();
        assert_eq!(by, keys.iter().collect::<Vec<_>>());
        let when: Vec<u64> = note.cosignatures(&keys).into_iter().map(|(_, time)| time).collect();
        assert_eq!(when, [1_779_573_024; 4]);
        assert_eq!(note.cosignatures(&keys)[0].0, "transparency.dev/DEV:witness-little-garden");
        // Each line counts: a bit of any known key's refuses the note.
        for (i, line) in note.signatures().iter().enumerate() {
            let known = keys.iter().any(|key| key.is_named_by(line));
            let mut forged = note.clone();
            forged.signatures[i].signature[3] ^= 1;
            assert_eq!(forged.open(&keys).is_err(), known);
        }
    }

    #[test]
    fn a_cosignature_made_by_other_software_is_the_same_line() {
        // By a Python implementation (proofbundle 6.3.1), with the same secret key, over our test log's checkpoint.
        let note = Note::parse(include_bytes!("../../tests/seeds/cosignature/other-software")).unwrap();
        let witness = Cosigner::new("peer.example/w", SigningKey::from_bytes(&[42; 32])).unwrap();
        assert_eq!(witness.verifier().to_string(), "peer.example/w+f792c21c+BBl/ayPhbIUyxqvIOPrNXqeJvgx2spIDNAOb+os9No1h");
        let keys = [signer().verifier().clone(), witness.verifier().clone()];
        assert_eq!(note.open(&keys).unwrap().1.len(), 2);
        assert_eq!(note.signatures()[1], witness.cosign(note.unverified_text(), 1_790_000_000).unwrap());
    }

    #[test]
    fn cosignatures_are_added_once_each_and_only_if_they_fit() {
        let (log, one, two) = (signer(), cosigner(1), cosigner(2));
        let known = [log.verifier().clone(), one.verifier().clone()];
        let text = "log.example\n7\nroot\n";
        let mut note = Note::sign(text, &[&log]).unwrap();
        let (first, later) = (one.cosign(text, 100).unwrap(), one.cosign(text, 101).unwrap());
        let stranger = two.cosign(text, 100).unwrap();
        assert_eq!(note.add_signatures(&[first.clone(), stranger.clone(), first.clone()], &known), Ok(1));
        assert_eq!(note.add_signatures(std::slice::from_ref(&first), &known), Ok(0));
        assert_eq!(note.cosignatures(&known), [("witness1.example".to_owned(), 100)]);
        assert_eq!(note.add_signatures(std::slice::from_ref(&later), &known), Ok(1));
        assert_eq!(note.add_signatures(std::slice::from_ref(&first), &known), Ok(0));
        assert_eq!((note.signatures().len(), note.cosignatures(&known)), (2, vec![("witness1.example".to_owned(), 101)]));
        let (mut wrong, before) = (one.cosign(text, 102).unwrap(), note.clone());
        wrong.signature[20] ^= 1;
        assert!(matches!(note.add_signatures(&[later.clone(), wrong.clone()], &known), Err(NoteError::BadSignature(_))));
        let other_text = one.cosign("log.example\n8\nroot\n", 103).unwrap();
        assert!(matches!(note.add_signatures(&[other_text], &known), Err(NoteError::BadSignature(_))));
        assert_eq!(note, before);
        // A held line that never fitted gives way to one that does.
        let mut broken = note.clone();
        broken.signatures[1] = wrong;
        assert_eq!(broken.add_signatures(&[first], &known), Ok(1));
        assert!(broken.open(&known).is_ok());
        // Merging knows the key of the second witness; what it does not know stays behind.
        let mut other = Note::sign(text, &[&log]).unwrap();
        other.signatures.push(stranger);
        assert_eq!(note.merge(&other, &known), Ok(0));
        assert_eq!(note.merge(&other, &[two.verifier().clone()]), Ok(1));
        assert!(note.merge(&Note::sign("other\n", &[&log]).unwrap(), &known).is_err());
        let read = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!((read.open(&known).unwrap().1.len(), &read), (2, &note));
        // A note is full at 100 signatures.
        let many = (0..100u8).map(|i| Cosigner::new(&format!("w{i}"), SigningKey::from_bytes(&[i; 32])).unwrap());
        let (lines, keys): (Vec<_>, Vec<_>) = many.map(|w| (w.cosign(text, 1).unwrap(), w.verifier().clone())).unzip();
        assert!(note.add_signatures(&lines, &keys).is_err());
        assert_eq!(note.add_signatures(&lines[..97], &keys), Ok(97));
        assert!(Note::parse(note.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn unknown_keys_are_passed_over_and_a_wrong_known_one_refuses() {
        let (log, stranger) = (signer(), other("witness.example", 9));
        let namesake = other(log.verifier().name(), 10);
        let known = [log.verifier().clone()];
        let note = Note::sign("a\n\nb\n", &[&stranger, &namesake, &log]).unwrap();
        let note = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(note.open(&known).unwrap().0, "a\n\nb\n");
        assert!(matches!(note.open(&[other("nobody", 1).verifier().clone()]), Err(NoteError::UnknownKeys(_))));
        let mut forged = note.clone();
        forged.signatures[2].signature[0] ^= 1;
        assert_eq!(forged.open(&known), Err(NoteError::BadSignature(log.verifier().name().to_owned())));
        let mut short = note.clone();
        short.signatures[2].signature.pop();
        assert!(matches!(short.open(&known), Err(NoteError::BadSignature(_))));
        // A wrong signature of a known key is not saved by a right one of another.
        let both = [log.verifier().clone(), stranger.verifier().clone()];
        assert!(matches!(forged.open(&both), Err(NoteError::BadSignature(_))));
        // Other types, such as a cosignature of 72 bytes, are kept word for word.
        let mut cosigned = note;
        cosigned.signatures.push(NoteSignature { name: "w".into(), key_id: [4; 4], signature: vec![5; 72] });
        let text = cosigned.to_string();
        let read = Note::parse(text.as_bytes()).unwrap();
        assert!(read.open(&known).is_ok() && read.to_string() == text);
    }

    #[test]
    fn many_signatures_are_accepted() {
        let log = signer();
        let many: Vec<Signer> = (0..15).map(|i| other(&format!("witness{i}.example"), i)).collect();
        let mut all: Vec<&Signer> = many.iter().collect();
        all.push(&log);
        let note = Note::parse(Note::sign("x\n", &all).unwrap().to_string().as_bytes()).unwrap();
        assert_eq!(note.signatures().len(), 16);
        assert!(note.open(&[log.verifier().clone()]).is_ok());
        let mut crowd = vec![&log; 100];
        assert!(Note::parse(Note::sign("x\n", &crowd).unwrap().to_string().as_bytes()).is_ok());
        crowd.push(&log);
        assert!(Note::parse(Note::sign("x\n", &crowd).unwrap().to_string().as_bytes()).is_err());
    }

    #[test]
    fn other_forms_are_refused() {
        let good = Note::sign("text\n", &[&signer()]).unwrap().to_string();
        let line = good.lines().last().unwrap();
        for bad in [
            String::new(),
            "text\n".to_owned(),
            "text\n\n".to_owned(),
            good.trim_end().to_owned(),
            format!("{good}\n"),
            good.replace('\u{2014}', "-"),
            good.replace("\u{2014} ", "\u{2014}"),
            good.replace('\n', "\r\n"),
            good.replace("text", "te\txt"),
            good.replace("log.example/", "log.example/ "),
            good.replace("log.example/", "log.example+"),
            good.replace("log.example/", "log.example\u{2003}"),
            format!("text\n\n{}=\n", line),
            "text\n\n\u{2014} name AAAA\n".to_owned(),
            "text\n\n\u{2014}  AAAAAAAA\n".to_owned(),
        ] {
            assert!(matches!(Note::parse(bad.as_bytes()), Err(NoteError::Malformed(_))), "{bad:?}");
        }
        assert!(Note::sign("no newline", &[&signer()]).is_err() && Note::sign("x\n", &[]).is_err());
    }

    #[test]
    fn mutated_notes_never_panic_and_never_open_with_another_text() {
        let (log, mut dice) = (signer(), Dice(5));
        let good = Note::sign("origin\n7\nroot\n", &[&log]).unwrap().to_string();
        let known = [log.verifier().clone()];
        for _ in 0..3_000 {
            if let Ok(note) = Note::parse(&dice.mutate(good.as_bytes())) {
                assert!(note.open(&known).is_err() || note.unverified_text() == "origin\n7\nroot\n");
            }
            let _ = Note::parse(&dice.noise());
            let _ = Verifier::parse(&String::from_utf8_lossy(&dice.mutate(NEUMANN_KEY.as_bytes())));
        }
    }
}
