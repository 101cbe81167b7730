//! Keys of signed notes: their names, short ids and verifier-key texts ("vkeys", C2SP signed-note, "Verifier keys").
//!
//! Two types, each with its own Rust type for the secret half so that one cannot sign as the other: plain Ed25519 (0x01), with
//! which a log signs, and timestamped Ed25519 cosignatures (0x04), with which a witness says when it saw a log grow. Other types
//! (ECDSA, ML-DSA-44) are neither read nor trusted. Not a key store.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::hash::shorten;
use super::note::{NoteError, NoteSignature};

/// The latest time a cosignature may tell: 2^63 − 1 (C2SP tlog-cosignature, "Format").
pub const MAX_TIME: u64 = i64::MAX as u64;

/// What a key signs with (C2SP signed-note, "Signature types").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// 0x01: Ed25519 over the note's text.
    Ed25519,
    /// 0x04: Ed25519 over a time and the note's text (C2SP tlog-cosignature, `cosignature/v1`).
    Cosignature,
}

impl KeyType {
    /// The byte in front of the key in its text, and inside the hash of its id.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    /// The type of this byte; `None` of those not read here.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::Cosignature),
            _ => None,
        }
    }
}

/// The first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key) (C2SP signed-note, "Signatures").
fn key_id(name: &str, kind: KeyType, key: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new_with_prefix(name).chain_update([b'\n', kind.byte()]).chain_update(key).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// Whether this may stand as a key's name: not empty, no Unicode space, no `+` (C2SP signed-note, "Format").
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c == '+' || c.is_whitespace() || c < ' ')
}

/// What a witness signs: a header line and a time line before the whole text (C2SP tlog-cosignature, "Ed25519 signed message").
fn cosigned_message(text: &str, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

/// A public key by its name and type. Its text is the verifier key ("vkey") that other tools take.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    kind: KeyType,
    id: [u8; 4],
    key: VerifyingKey,
}

impl Verifier {
    /// A key of type 0x01 under a name, which has no blank and no `+`.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, NoteError> {
        Self::of_type(KeyType::Ed25519, name, key)
    }

    /// A witness's key, of type 0x04, under a name, which has no blank and no `+`.
    pub fn cosigner(name: &str, key: VerifyingKey) -> Result<Self, NoteError> {
        Self::of_type(KeyType::Cosignature, name, key)
    }

    /// A key of this type under a name, which has no blank and no `+`.
    pub fn of_type(kind: KeyType, name: &str, key: VerifyingKey) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Key { text: shorten(name), reason: "a key name is not empty and has no blank and no `+`" });
        }
        Ok(Self { name: name.to_owned(), kind, id: key_id(name, kind, key.as_bytes()), key })
    }

    /// Reads `<name>+<8 lower-case hex digits>+<base64 of type ‖ key>`, without blanks or a newline around it.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = |reason| NoteError::Key { text: shorten(text), reason };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("it has not three parts"));
        };
        if !is_name(name) {
            return Err(wrong("its name is empty or has a blank"));
        }
        let key = STANDARD.decode(key).map_err(|_| wrong("its last part is not base64"))?;
        let (kind, key) = key.split_first().ok_or_else(|| wrong("its last part is empty"))?;
        let kind = KeyType::from_byte(*kind)
            .ok_or_else(|| wrong("its key is of neither type 1 (Ed25519) nor type 4 (Ed25519 cosignature)"))?;
        let key = <&[u8; 32]>::try_from(key).map_err(|_| wrong("its key is not an Ed25519 key of 32 bytes"))?;
        if hex::encode(key_id(name, kind, key)) != id {
            return Err(wrong("its middle part is not the id of this name and key"));
        }
        let key = VerifyingKey::from_bytes(key).map_err(|_| wrong("its key is not an Ed25519 key of 32 bytes"))?;
        Self::of_type(kind, name, key)
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs with.
    pub fn kind(&self) -> KeyType {
        self.kind
    }

    /// The key's short id, which is a hint and not a hash to trust.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The key itself.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Whether the line says it is by this key: the same name and id. Says nothing of whether it is.
    pub fn is_named_by(&self, line: &NoteSignature) -> bool {
        self.name == line.name && self.id == line.key_id
    }

    /// Whether this key made the line over this text, under the line's name, id and, for a cosignature, time.
    pub fn verify(&self, text: &str, line: &NoteSignature) -> bool {
        let verify = |message: &[u8], signature: &[u8]| {
            Signature::from_slice(signature).is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
        };
        self.is_named_by(line)
            && match self.kind {
                KeyType::Ed25519 => verify(text.as_bytes(), &line.signature),
                KeyType::Cosignature => line
                    .timestamped()
                    .is_some_and(|(time, signature)| time <= MAX_TIME && verify(&cosigned_message(text, time), signature)),
            }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.kind.byte()];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id), STANDARD.encode(key))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A secret key of type 0x01 by its name: a log's. `Debug` prints only the public part.
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

    /// The line under `text`.
    pub(super) fn line(&self, text: &str) -> NoteSignature {
        NoteSignature {
            name: self.verifier.name.clone(),
            key_id: self.verifier.id,
            signature: self.key.sign(text.as_bytes()).to_vec(),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier)
    }
}

/// A secret key of type 0x04 by its name: a witness's. `Debug` prints only the public part.
///
/// The message signed does not hold the name, so each cosigner must have a key of its own (C2SP tlog-cosignature, "Ed25519 signed
/// message").
#[derive(Clone)]
pub struct Cosigner {
    verifier: Verifier,
    key: SigningKey,
}

impl Cosigner {
    /// A key under a name, which has no blank and no `+`.
    pub fn new(name: &str, key: SigningKey) -> Result<Self, NoteError> {
        Ok(Self { verifier: Verifier::cosigner(name, key.verifying_key())?, key })
    }

    /// The public half.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The line under a checkpoint's whole text, said at `time` (seconds since 1970, 1 to 2^63 − 1). Whoever cosigns has checked
    /// that the checkpoint follows from the last one.
    pub fn cosign(&self, text: &str, time: u64) -> Result<NoteSignature, NoteError> {
        if !(1..=MAX_TIME).contains(&time) {
            return Err(NoteError::Malformed("the time of a cosignature must lie between 1 and 2^63 - 1"));
        }
        let mut signature = time.to_be_bytes().to_vec();
        signature.extend_from_slice(&self.key.sign(&cosigned_message(text, time)).to_bytes());
        Ok(NoteSignature { name: self.verifier.name.clone(), key_id: self.verifier.id, signature })
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({})", self.verifier)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{cosigner, signer};
    use super::*;

    #[test]
    fn the_verifier_key_of_the_specification() {
        let text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        let key = Verifier::parse(text).unwrap();
        assert_eq!((key.name(), key.id(), key.to_string()), ("example.com/foo", [0x53, 0x0d, 0x90, 0x3a], text.to_owned()));
        assert_eq!(key.kind(), KeyType::Ed25519);
        for bad in [
            text.replace("530d903a", "530D903A"),
            text.replace("530d903a", "530d903b"),
            text.replace("foo", "fop"),
            text.replace("foo", "f\u{a0}o"),
            text.replace("+Ae", "+Be"),
            text.replace("+Ae", "+BO"),
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
    fn the_verifier_keys_of_public_witnesses() {
        // As their operators publish them; the fourth key's base64 has a `+` and is of type 1.
        for (text, kind) in [
            ("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2", KeyType::Cosignature),
            ("witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv", KeyType::Cosignature),
            ("witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO", KeyType::Cosignature),
            ("TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6", KeyType::Ed25519),
        ] {
            let key = Verifier::parse(text).unwrap();
            assert_eq!((key.to_string().as_str(), key.kind()), (text, kind));
            // The same key under the other type has another id: neither passes for the other.
            let other = if kind == KeyType::Ed25519 { KeyType::Cosignature } else { KeyType::Ed25519 };
            assert_ne!(Verifier::of_type(other, key.name(), *key.key()).unwrap().id(), key.id());
        }
    }

    #[test]
    fn other_types_are_refused_by_name() {
        for kind in (0..=u8::MAX).filter(|byte| KeyType::from_byte(*byte).is_none()) {
            let text = format!("a+00000000+{}", STANDARD.encode([vec![kind], vec![9; 32]].concat()));
            let error = Verifier::parse(&text).unwrap_err().to_string();
            assert!(error.contains("neither type 1 (Ed25519) nor type 4"), "{error}");
        }
        assert!(Signer::new("a b", SigningKey::from_bytes(&[1; 32])).is_err());
        assert!(Cosigner::new("a+b", SigningKey::from_bytes(&[1; 32])).is_err());
        assert!(!format!("{:?}{:?}", signer(), cosigner(1)).contains("SigningKey"));
    }

    #[test]
    fn a_cosignature_is_bound_to_its_time_its_text_and_its_type() {
        let (witness, text) = (cosigner(1), "log.example\n7\nroot\n");
        let line = witness.cosign(text, 1_679_315_147).unwrap();
        assert_eq!((line.signature.len(), line.time()), (72, Some(1_679_315_147)));
        assert!(witness.verifier().verify(text, &line));
        assert!(!witness.verifier().verify("log.example\n8\nroot\n", &line));
        let mut later = line.clone();
        later.signature[7] ^= 1;
        assert!(!witness.verifier().verify(text, &later));
        for length in [0, 7, 8, 64, 71, 73] {
            let mut other = line.clone();
            other.signature.resize(length, 0);
            assert!(!witness.verifier().verify(text, &other), "{length}");
        }
        for time in [0, MAX_TIME + 1, u64::MAX] {
            assert!(witness.cosign(text, time).is_err(), "{time}");
        }
        assert!(witness.verifier().verify(text, &witness.cosign(text, MAX_TIME).unwrap()));
        // A time beyond 2^63 − 1 is refused even where the signature would fit.
        let mut beyond = line.clone();
        beyond.signature = (MAX_TIME + 1).to_be_bytes().to_vec();
        beyond.signature.extend(witness.key.sign(&cosigned_message(text, MAX_TIME + 1)).to_bytes());
        assert!(!witness.verifier().verify(text, &beyond));
        // The same secret key as a log's signs something else.
        let as_log = Signer::new(witness.verifier().name(), witness.key.clone()).unwrap();
        assert!(!witness.verifier().verify(text, &as_log.line(text)) && !as_log.verifier().verify(text, &line));
    }
}
