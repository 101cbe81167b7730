//! Statements: what a log entry says and who says so. An in-toto Statement v1 in a DSSE envelope, both in canonical JSON.
//!
//! Knows no predicate's meaning: `predicate` is any JSON object, `name` says which. One statement has one byte form; anything
//! else is refused, so that no two readers can read one entry differently. Sources: in-toto attestation framework, Statement v1;
//! secure systems lab DSSE, protocol v1.0.2.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::canonical::{CanonicalError, to_canonical, write_text};
use super::hash::shorten;
use crate::digest::{Blake3, KnownDigest, Sha256Hash};

/// The longest log entry: lengths in entry bundles are 16 bits (C2SP tlog-tiles).
pub const MAX_ENTRY: usize = 65_535;
/// DSSE payload type of an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// In-toto `_type` of a Statement v1.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// Signatures on one envelope at most.
const MAX_SIGNATURES: usize = 16;

/// Why a statement cannot be made, read or believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not an envelope or statement of this form.
    #[error("the log entry is not a statement: {0}")]
    Malformed(String),
    /// The right fields in another byte form.
    #[error("the {0} is not in canonical form (RFC 8785): write it without blanks, members sorted, each once")]
    NotCanonical(&'static str),
    /// The predicate's name is not lower-case words.
    #[error("`{0}` is not a statement name: use lower-case letters, digits and `-`, beginning with a letter")]
    Name(String),
    /// A number that other readers would round.
    #[error(transparent)]
    Value(#[from] CanonicalError),
    /// Longer than a log entry may be.
    #[error("the signed statement has `{0}` bytes, more than the 65,535 of a log entry: record hashes instead of contents")]
    TooLarge(usize),
    /// No signature names this key.
    #[error("the statement is not signed by the key `{0}`")]
    NotSignedBy(String),
    /// The signature of this key is wrong.
    #[error("the signature of the key `{0}` does not fit: the statement was changed after signing")]
    BadSignature(String),
}

/// A thing a statement is about, by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// A typed id or a file name.
    pub name: String,
    /// Hashes of its bytes.
    pub digest: SubjectDigest,
}

/// Both hashes of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectDigest {
    /// For us; absent when only the other is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<Blake3>,
    /// For other in-toto readers.
    pub sha256: Sha256Hash,
}

impl Subject {
    /// `name` for bytes with this digest.
    pub fn new(name: impl Into<String>, digest: impl Into<KnownDigest>) -> Self {
        let digest = digest.into();
        Self { name: name.into(), digest: SubjectDigest { blake3: digest.blake3, sha256: digest.sha256 } }
    }
}

/// What is said, of what.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Which predicate: the middle of `urn:x-colophon:<name>:v1`.
    pub name: String,
    /// At least one.
    pub subject: Vec<Subject>,
    /// A JSON object.
    pub predicate: Value,
}

/// The JSON of a statement.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Value,
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl Statement {
    /// A statement still to be signed; signing checks it.
    pub fn new(name: &str, subject: Vec<Subject>, predicate: Value) -> Self {
        Self { name: name.to_owned(), subject, predicate }
    }

    /// `urn:x-colophon:<name>:v1`.
    pub fn predicate_type(&self) -> String {
        format!("urn:x-colophon:{}:v1", self.name)
    }

    /// The canonical payload. Refused: a name of other than lower-case words, no subject, a predicate that is no object.
    pub fn to_payload(&self) -> Result<Vec<u8>, StatementError> {
        self.check()?;
        let subject: Vec<Value> = self
            .subject
            .iter()
            .map(|s| {
                let both = [("blake3", s.digest.blake3.map(|b| b.to_string())), ("sha256", Some(s.digest.sha256.to_string()))];
                let digest = object(both.into_iter().filter_map(|(k, v)| Some((k, Value::from(v?)))));
                object([("name", Value::from(s.name.as_str())), ("digest", digest)])
            })
            .collect();
        // Sorted by hand, so that a large predicate is not copied: `_type` < `predicate` < `predicateType` < `subject`.
        let mut bytes = format!("{{\"_type\":\"{STATEMENT_TYPE}\",\"predicate\":").into_bytes();
        bytes.extend(to_canonical(&self.predicate)?);
        bytes.extend_from_slice(format!(",\"predicateType\":\"{}\",\"subject\":", self.predicate_type()).as_bytes());
        bytes.extend(to_canonical(&Value::Array(subject))?);
        bytes.push(b'}');
        Ok(bytes)
    }

    /// Reads a payload, which must be canonical.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let wire: Wire = serde_json::from_slice(payload).map_err(malformed)?;
        if wire.kind != STATEMENT_TYPE {
            return Err(StatementError::Malformed(format!("its type is `{}`, not `{STATEMENT_TYPE}`", shorten(&wire.kind))));
        }
        let name = wire.predicate_type.strip_prefix("urn:x-colophon:").and_then(|rest| rest.strip_suffix(":v1"));
        let name = name.ok_or_else(|| {
            StatementError::Malformed(format!(
                "its predicate type `{}` is not `urn:x-colophon:<name>:v1`",
                shorten(&wire.predicate_type)
            ))
        })?;
        let statement = Self { name: name.to_owned(), subject: wire.subject, predicate: wire.predicate };
        // The same bytes again: this refuses members given twice, other orders, other escapes and other numbers in one go.
        if statement.to_payload()? != payload {
            return Err(StatementError::NotCanonical("statement"));
        }
        Ok(statement)
    }

    /// Signs it into an envelope that fits in a log entry.
    pub fn sign(&self, signer: &dyn StatementSigner) -> Result<Envelope, StatementError> {
        let payload = self.to_payload()?;
        let signature = EnvelopeSignature { keyid: signer.key_id(), sig: signer.sign(&pae(PAYLOAD_TYPE, &payload)) };
        let envelope = Envelope { payload, signatures: vec![signature] };
        envelope.to_bytes().map(|_| envelope)
    }

    /// The same with signatures made elsewhere before this one. Whether they fit is looked at by who reads it.
    pub fn sign_after(&self, first: Vec<EnvelopeSignature>, signer: &dyn StatementSigner) -> Result<Envelope, StatementError> {
        let mut envelope = Envelope { payload: self.to_payload()?, signatures: first };
        envelope.countersign(signer)?;
        Ok(envelope)
    }

    fn check(&self) -> Result<(), StatementError> {
        if !is_name(&self.name) {
            return Err(StatementError::Name(shorten(&self.name)));
        }
        if self.subject.is_empty() {
            return Err(StatementError::Malformed("it has no subject: name one thing at least".to_owned()));
        }
        if !self.predicate.is_object() {
            return Err(StatementError::Malformed("its predicate is not an object".to_owned()));
        }
        Ok(())
    }
}

fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn malformed(error: impl fmt::Display) -> StatementError {
    StatementError::Malformed(error.to_string())
}

/// DSSE pre-authentication encoding: what is signed.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// The id of an Ed25519 key in envelopes: SHA-256 of its 32 bytes, lower-case hex.
pub fn key_id(key: &VerifyingKey) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// Signs statements: a key of an account or of the instance.
pub trait StatementSigner: Send + Sync {
    /// [`key_id`] of the public key.
    fn key_id(&self) -> String;
    /// Ed25519 over these bytes.
    fn sign(&self, bytes: &[u8]) -> [u8; 64];
}

/// An Ed25519 key in memory. `Debug` prints only its id.
#[derive(Clone)]
pub struct Ed25519Signer {
    key: SigningKey,
    id: String,
}

impl Ed25519Signer {
    /// Takes the key.
    pub fn new(key: SigningKey) -> Self {
        Self { id: key_id(&key.verifying_key()), key }
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }
}

impl StatementSigner for Ed25519Signer {
    fn key_id(&self) -> String {
        self.id.clone()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }
}

impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519Signer({})", self.id)
    }
}

/// One signature on an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// [`key_id`] of the key that is said to have signed.
    pub keyid: String,
    /// Ed25519.
    pub sig: [u8; 64],
}

/// A signed statement: the bytes of a log entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<EnvelopeSignature>,
}

/// The JSON of an envelope.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeWire<'a> {
    payload: std::borrow::Cow<'a, str>,
    #[serde(rename = "payloadType")]
    payload_type: std::borrow::Cow<'a, str>,
    signatures: Vec<SignatureWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureWire {
    keyid: String,
    sig: String,
}

impl Envelope {
    /// The canonical bytes, at most 65,535.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        let mut out = String::with_capacity(self.payload.len() / 3 * 4 + 512);
        out.push_str("{\"payload\":\"");
        STANDARD.encode_string(&self.payload, &mut out);
        out.push_str("\",\"payloadType\":\"");
        out.push_str(PAYLOAD_TYPE);
        out.push_str("\",\"signatures\":[");
        for (i, signature) in self.signatures.iter().enumerate() {
            out.push_str(if i > 0 { ",{\"keyid\":" } else { "{\"keyid\":" });
            write_text(&mut out, &signature.keyid);
            out.push_str(",\"sig\":\"");
            STANDARD.encode_string(signature.sig, &mut out);
            out.push_str("\"}");
        }
        out.push_str("]}");
        if out.len() > MAX_ENTRY { Err(StatementError::TooLarge(out.len())) } else { Ok(out.into_bytes()) }
    }

    /// Reads the form of a log entry, which must be canonical, without believing it. The payload is read by `statement`.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        if bytes.len() > MAX_ENTRY {
            return Err(StatementError::TooLarge(bytes.len()));
        }
        let wire: EnvelopeWire<'_> = serde_json::from_slice(bytes).map_err(malformed)?;
        if wire.payload_type != PAYLOAD_TYPE {
            return Err(StatementError::Malformed(format!(
                "its payload type is `{}`, not `{PAYLOAD_TYPE}`",
                shorten(&wire.payload_type)
            )));
        }
        if !(1..=MAX_SIGNATURES).contains(&wire.signatures.len()) {
            return Err(StatementError::Malformed(format!(
                "it has {} signatures, not 1 to {MAX_SIGNATURES}",
                wire.signatures.len()
            )));
        }
        let payload = STANDARD.decode(wire.payload.as_bytes()).map_err(malformed)?;
        let signatures = wire.signatures.into_iter().map(|SignatureWire { keyid, sig }| {
            let sig = STANDARD.decode(sig).ok().and_then(|sig| <[u8; 64]>::try_from(sig).ok());
            let sig = sig.ok_or_else(|| malformed("a signature is not 64 bytes in base64"))?;
            Ok(EnvelopeSignature { keyid, sig })
        });
        let envelope = Self { payload, signatures: signatures.collect::<Result<_, StatementError>>()? };
        if envelope.to_bytes()? != bytes {
            return Err(StatementError::NotCanonical("envelope"));
        }
        Ok(envelope)
    }

    /// Adds a signature of a further key, such as the instance's beside the account's.
    pub fn countersign(&mut self, signer: &dyn StatementSigner) -> Result<(), StatementError> {
        let sig = signer.sign(&pae(PAYLOAD_TYPE, &self.payload));
        self.signatures.push(EnvelopeSignature { keyid: signer.key_id(), sig });
        self.to_bytes().map(|_| ())
    }

    /// The statement, if this key signed it.
    pub fn verify(&self, key: &VerifyingKey) -> Result<Statement, StatementError> {
        let id = key_id(key);
        let mut by_key = self.signatures.iter().filter(|s| s.keyid == id).peekable();
        if by_key.peek().is_none() {
            return Err(StatementError::NotSignedBy(id));
        }
        let signed = pae(PAYLOAD_TYPE, &self.payload);
        if !by_key.all(|s| key.verify_strict(&signed, &Signature::from_bytes(&s.sig)).is_ok()) {
            return Err(StatementError::BadSignature(id));
        }
        self.statement()
    }

    /// The statement as it stands there, believed by nobody yet.
    pub fn statement(&self) -> Result<Statement, StatementError> {
        Statement::parse(&self.payload)
    }

    /// The payload's bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signatures in order, at least one.
    pub fn signatures(&self) -> &[EnvelopeSignature] {
        &self.signatures
    }
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
