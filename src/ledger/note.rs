//! Signed notes (C2SP signed-note v1.0.0): a text, a blank line, signature lines; and the names and texts of their keys.
//!
//! Only Ed25519 signatures of type 0x01 are made and checked. Lines of other keys and types are kept as they are and never
//! trusted.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::hash::shorten;

/// Signature type of plain Ed25519 (signed-note, "Signature types").
const ED25519: u8 = 0x01;
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

/// The first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key).
fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let hash = Sha256::new_with_prefix(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes()).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c == '+' || c.is_whitespace() || c < ' ')
}

/// A public key by its name. Its text is the verifier key ("vkey") that other tools take.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl Verifier {
    /// A key under a name, which has no blank and no `+`.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Key { text: shorten(name), reason: "a key name is not empty and has no blank and no `+`" });
        }
        Ok(Self { name: name.to_owned(), id: key_id(name, &key), key })
    }

    /// Reads `<name>+<8 lower-case hex digits>+<base64 of 0x01 ‖ key>`, without blanks or a newline around it.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = |reason| NoteError::Key { text: shorten(text), reason };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("it has not three parts"));
        };
        let key = STANDARD.decode(key).map_err(|_| wrong("its last part is not base64"))?;
        let Some((&ED25519, key)) = key.split_first() else {
            return Err(wrong("its key is not of type 1 (Ed25519)"));
        };
        let key = <&[u8; 32]>::try_from(key).ok().and_then(|key| VerifyingKey::from_bytes(key).ok());
        let verifier = Self::new(name, key.ok_or_else(|| wrong("its key is not an Ed25519 key of 32 bytes"))?)?;
        if hex::encode(verifier.id) != id {
            return Err(wrong("its middle part is not the id of this name and key"));
        }
        Ok(verifier)
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's short id, which is a hint and not a hash to trust.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The key itself.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id), STANDARD.encode(key))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A secret key by its name. `Debug` prints only the public part.
#[derive(Clone)]
pub struct Signer {
    verifier: Verifier,
    key: SigningKey,
}

impl Signer {
    /// A key under a name, which has no blank and no `+`.
    pub fn new(name: &str, key: SigningKey) -> Result<Self, NoteError> {
        Ok(Self { verifier: Verifier::new(name, key.verifying_key())?, key })
    }

    /// The public half.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier)
    }
}

/// One signature line, of whatever key and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// The key's short id.
    pub key_id: [u8; 4],
    /// What follows the id; 64 bytes for type 0x01.
    pub signature: Vec<u8>,
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
        let sign = |signer: &&Signer| NoteSignature {
            name: signer.verifier.name.clone(),
            key_id: signer.verifier.id,
            signature: signer.key.sign(text.as_bytes()).to_vec(),
        };
        Ok(Self { text: text.to_owned(), signatures: signers.iter().map(sign).collect() })
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
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed("its last line has no newline"))?;
        let signatures = lines
            .split('\n')
            .take(MAX_SIGNATURES + 1)
            .map(|line| signature_line(line).ok_or(NoteError::Malformed("a signature line is not `— <name> <base64>`")))
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("it has more than 100 signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, if a known key signed it and no known key's signature is wrong; with the keys that signed. Signatures of
    /// unknown keys are passed over.
    pub fn open<'v>(&self, verifiers: &'v [Verifier]) -> Result<(&str, Vec<&'v Verifier>), NoteError> {
        let mut by = Vec::new();
        for line in &self.signatures {
            let Some(verifier) = verifiers.iter().find(|v| v.name == line.name && v.id == line.key_id) else { continue };
            let fits = Signature::from_slice(&line.signature)
                .is_ok_and(|signature| verifier.key.verify_strict(self.text.as_bytes(), &signature).is_ok());
            if !fits {
                return Err(NoteError::BadSignature(verifier.name.clone()));
            }
            by.push(verifier);
        }
        if by.is_empty() {
            let mut names: Vec<String> =
                self.signatures.iter().map(|s| format!("`{}+{}`", s.name, hex::encode(s.key_id))).collect();
            names.truncate(4);
            return Err(NoteError::UnknownKeys(names.join(", ")));
        }
        Ok((&self.text, by))
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
        for line in &self.signatures {
            writeln!(f, "\u{2014} {} {}", line.name, STANDARD.encode([&line.key_id[..], &line.signature].concat()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Dice, signer};
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
    fn the_verifier_key_of_the_specification() {
        let text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        let key = Verifier::parse(text).unwrap();
        assert_eq!((key.name(), key.id(), key.to_string()), ("example.com/foo", [0x53, 0x0d, 0x90, 0x3a], text.to_owned()));
        for bad in [
            text.replace("530d903a", "530D903A"),
            text.replace("530d903a", "530d903b"),
            text.replace("foo", "fop"),
            text.replace("+Ae", "+Be"),
            text.replace('+', " "),
            format!("{text}\n"),
            format!(" {text}"),
            text[..text.len() - 1].to_owned(),
            "a++".to_owned(),
            String::new(),
        ] {
            assert!(matches!(Verifier::parse(&bad), Err(NoteError::Key { .. })), "{bad}");
        }
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
        assert!(Signer::new("a b", SigningKey::from_bytes(&[1; 32])).is_err());
        assert!(!format!("{:?}", signer()).contains("SigningKey"));
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
