//! Witnesses (C2SP tlog-witness): asking one for a cosignature, reading its answer, and deciding as one.
//!
//! Bodies and verdicts only: it sends nothing, remembers nothing and has no clock. Follows the main branch of 2026, in which another
//! root at the same size is answered with 422; version 1.0.0 answers 409, which is understood too. `sign-subtree` is not spoken.

use std::collections::BTreeMap;
use std::fmt;

use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::hash::{EMPTY_ROOT, NodeHash};
use super::note::{Note, NoteSignature};
use super::proof::verify_consistency;
use super::sequence::Head;
use super::vkey::{Cosigner, Verifier};
use crate::digest::sha256_of;

/// What to POST a [`WitnessRequest`] to, below a witness's submission prefix.
pub const ADD_CHECKPOINT: &str = "add-checkpoint";
/// Media type of the answer that tells a size.
pub const SIZE_TYPE: &str = "text/x.tlog.size";
/// Media type of all other answers.
pub const TEXT_TYPE: &str = "text/plain; charset=utf-8";
/// Hashes of a consistency proof at most ("add-checkpoint").
const MAX_PROOF: usize = 63;

/// Where a witness shows the latest checkpoint it cosigned of a log, below its monitoring prefix: `<sha256 of the origin in
/// hex>/checkpoint`, without a leading slash.
pub fn monitoring_path(origin: &str) -> String {
    format!("{}/checkpoint", sha256_of(origin.as_bytes()))
}

/// Why a request or an answer is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// The body of a request.
    #[error("this is not a request to a witness: {0}")]
    Request(String),
    /// The body of an answer.
    #[error("this is not a witness's answer: {0}; ask again, then ask its operator")]
    Answer(String),
}

fn request(what: impl Into<String>) -> WitnessError {
    WitnessError::Request(what.into())
}

/// What a log sends: a checkpoint, and the proof that it follows from the one last sent. Nothing of it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessRequest {
    old: u64,
    proof: Vec<NodeHash>,
    checkpoint: Checkpoint,
    note: Note,
}

impl WitnessRequest {
    /// Asks to cosign `checkpoint` as following from the tree of `old` entries, 0 when the witness may not know the log.
    pub fn new(old: u64, proof: Vec<NodeHash>, checkpoint: &SignedCheckpoint) -> Result<Self, WitnessError> {
        let size = checkpoint.unverified().size;
        if old > size {
            return Err(request(format!("its old size `{old}` is larger than the checkpoint's {size}: send a newer one")));
        }
        if proof.len() > MAX_PROOF {
            return Err(request("its proof has more than 63 hashes"));
        }
        if !proof.is_empty() && (old == 0 || old == size) {
            return Err(request(format!("from `{old}` to {size} there is nothing to prove: leave the proof empty")));
        }
        Ok(Self { old, proof, checkpoint: checkpoint.unverified().clone(), note: checkpoint.note().clone() })
    }

    /// Reads the body of a request, which is its only form. That it makes sense is decided later, as each fault has its answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, WitnessError> {
        let text = std::str::from_utf8(bytes).map_err(|_| request("it is not UTF-8"))?;
        let (head, note) = text.split_once("\n\n").ok_or_else(|| request("no blank line stands before its checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(decimal).ok_or_else(|| request("its first line is not `old <size>`"))?;
        let proof: Vec<NodeHash> = lines
            .take(MAX_PROOF + 1)
            .map(NodeHash::parse)
            .collect::<Result<_, _>>()
            .map_err(|error| request(error.to_string()))?;
        if proof.len() > MAX_PROOF {
            return Err(request("its proof has more than 63 hashes"));
        }
        let note = Note::parse(note.as_bytes()).map_err(|error| request(error.to_string()))?;
        let checkpoint = Checkpoint::read(note.unverified_text()).map_err(|error| request(error.to_string()))?;
        Ok(Self { old, proof, checkpoint, note })
    }

    /// Which log it says it is of: whose head a witness has to look up to decide.
    pub fn origin(&self) -> &str {
        &self.checkpoint.origin
    }

    /// The size that the log believes the witness knows.
    pub fn old(&self) -> u64 {
        self.old
    }
}

impl fmt::Display for WitnessRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

/// A decimal number without sign or leading zeroes.
fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400: not a request, or the old size is larger than the checkpoint's.
    #[error("the witness cannot read the request, or its old size is larger than the checkpoint's: send a newer checkpoint")]
    Malformed,
    /// 403: not signed by a key that the witness trusts for this log, or signed wrongly.
    #[error("the witness knows none of the checkpoint's signatures: give its operator this log's verifier key")]
    Untrusted,
    /// 404: of a log that the witness does not follow.
    #[error("the witness does not follow this log: ask its operator to add it")]
    UnknownLog,
    /// 409: the witness last cosigned a tree of this size.
    #[error("the witness last cosigned `{0}` entries: prove from there and ask again")]
    OtherSize(u64),
    /// 422, or 409 without a size: the checkpoint does not follow from the last one.
    #[error("the checkpoint does not follow from what the witness saw: stop signing and compare the two heads")]
    Inconsistent,
    /// Any other status.
    #[error("the witness answered with status `{0}`: ask again later")]
    Other(u16),
}

impl Refusal {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Untrusted => 403,
            Self::UnknownLog => 404,
            Self::OtherSize(_) => 409,
            Self::Inconsistent => 422,
            Self::Other(status) => status,
        }
    }
}

/// What a witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// Signature lines, to be checked by [`SignedCheckpoint::add_cosignatures`].
    Cosigned(Vec<NoteSignature>),
    /// None.
    Refused(Refusal),
}

impl WitnessAnswer {
    /// Reads an answer: its HTTP status, its media type, and its body, of which a refusal's counts only where it tells a size.
    pub fn read(status: u16, content_type: Option<&str>, body: &[u8]) -> Result<Self, WitnessError> {
        let refusal = match status {
            200 => {
                let lines = NoteSignature::parse_lines(body).map_err(|error| WitnessError::Answer(error.to_string()))?;
                return Ok(Self::Cosigned(lines));
            }
            400 => Refusal::Malformed,
            403 => Refusal::Untrusted,
            404 => Refusal::UnknownLog,
            409 if is_size_type(content_type) => {
                let size = std::str::from_utf8(body).ok().and_then(|body| decimal(body.strip_suffix('\n')?));
                Refusal::OtherSize(size.ok_or_else(|| WitnessError::Answer("it tells no size on one line".to_owned()))?)
            }
            // Version 1.0.0: "If the old size matches the checkpoint size" and the roots differ.
            409 | 422 => Refusal::Inconsistent,
            other => Refusal::Other(other),
        };
        Ok(Self::Refused(refusal))
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Cosigned(_) => 200,
            Self::Refused(refusal) => refusal.status(),
        }
    }

    /// The media type of the body.
    pub fn content_type(&self) -> &'static str {
        if matches!(self, Self::Refused(Refusal::OtherSize(_))) { SIZE_TYPE } else { TEXT_TYPE }
    }

    /// The body: signature lines, a size, or a sentence for people.
    pub fn body(&self) -> String {
        match self {
            Self::Cosigned(lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
            Self::Refused(Refusal::OtherSize(size)) => format!("{size}\n"),
            Self::Refused(refusal) => format!("{refusal}\n"),
        }
    }
}

/// Whether a media type is [`SIZE_TYPE`], with whatever parameters.
fn is_size_type(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(SIZE_TYPE))
}

/// A witness's key and the logs it follows, each by its origin with the keys it trusts.
#[derive(Debug, Clone)]
pub struct Witness {
    cosigner: Cosigner,
    logs: BTreeMap<String, Vec<Verifier>>,
}

/// What a witness has decided to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The log's head from now on.
    pub head: Head,
    /// The checkpoint with the log's signatures by trusted keys and the witness's own: what stands at [`monitoring_path`].
    pub checkpoint: SignedCheckpoint,
    /// The answer, to be sent once the head is on disk.
    pub answer: WitnessAnswer,
}

impl Witness {
    /// Follows no log yet.
    pub fn new(cosigner: Cosigner) -> Self {
        Self { cosigner, logs: BTreeMap::new() }
    }

    /// Follows a further log, or one log by other keys.
    pub fn follow(mut self, origin: &str, keys: Vec<Verifier>) -> Self {
        self.logs.insert(origin.to_owned(), keys);
        self
    }

    /// The witness's public key.
    pub fn verifier(&self) -> &Verifier {
        self.cosigner.verifier()
    }

    /// Decides on a request, given the head last cosigned of [`WitnessRequest::origin`] and the time (seconds since 1970).
    ///
    /// INVARIANT: whoever calls this replaces exactly that `last` by [`Cosigned::head`] in one atomic step, on disk, before the
    /// answer goes out; else a slower request could roll the log back.
    pub fn decide(&self, request: &WitnessRequest, last: Option<Head>, time: u64) -> Result<Cosigned, Refusal> {
        let (last, new) = (last.unwrap_or(Head::EMPTY), &request.checkpoint);
        let keys = self.logs.get(&new.origin).ok_or(Refusal::UnknownLog)?;
        let mut note = request.note.only(keys);
        note.open(keys).map_err(|_| Refusal::Untrusted)?;
        if request.old > new.size {
            return Err(Refusal::Malformed);
        }
        if request.old != last.size {
            return Err(Refusal::OtherSize(last.size));
        }
        if new.size == 0 && new.root != EMPTY_ROOT {
            return Err(Refusal::Inconsistent);
        }
        verify_consistency(last.size, last.root, new.size, new.root, &request.proof).map_err(|_| Refusal::Inconsistent)?;
        let no_clock = |_| Refusal::Other(500);
        let line = self.cosigner.cosign(note.unverified_text(), time).map_err(no_clock)?;
        note.add_signatures(std::slice::from_ref(&line), std::slice::from_ref(self.verifier())).map_err(no_clock)?;
        let checkpoint = SignedCheckpoint::from_note(note).map_err(|_: CheckpointError| Refusal::Malformed)?;
        let head = Head { size: new.size, root: new.root };
        Ok(Cosigned { head, checkpoint, answer: WitnessAnswer::Cosigned(vec![line]) })
    }
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;
