//! Whose cosignatures are enough (C2SP tlog-policy): logs, witnesses, groups of them and a quorum, as a text that others use too.
//!
//! Says whether a checkpoint is valid, not whether an entry is true. Only what can be checked here is read: logs with keys of type
//! 0x01, witnesses with keys of type 0x04. Names and URLs are bytes, as the specification wants; comments are not kept.

use std::fmt;

use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::hash::shorten;
use super::vkey::{KeyType, Verifier};

/// Bytes of a policy read at most.
const MAX_POLICY: usize = 1 << 20;
/// Logs at most, and witnesses and groups together; the specification asks for 32 of each at least.
const MAX_DEFINED: usize = 512;

/// Why a text is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the witness policy: {fault}")]
pub struct PolicyError {
    /// Counted from 1; one past the end for what is missing.
    pub line: usize,
    /// What is wrong there.
    pub fault: PolicyFault,
}

/// What is wrong with a line of a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// Not one of the four kinds of line, or not as many words as it takes.
    #[error(
        "`{0}` is not `log <vkey> [<url>]`, `witness <name> <vkey> [<url>]`, `group <name> <k|all|any> <name>...` or `quorum <name>`"
    )]
    Form(String),
    /// A control character, or no newline at the end.
    #[error("it has {0}: end each line with a newline and separate words with blanks or tabs")]
    Bytes(&'static str),
    /// A key that cannot be used there.
    #[error("the key of {0}")]
    Key(String),
    /// The same key or name a second time.
    #[error("`{0}` is there already: leave one out")]
    Twice(String),
    /// A name that nothing above defines.
    #[error("`{0}` is not defined above: define witnesses before groups, and groups before what names them")]
    Undefined(String),
    /// A threshold that is no number from 1 to the number of members.
    #[error("`{0}` is not a threshold: expected `all`, `any` or 1 to the number of members")]
    Threshold(String),
    /// Nothing says which quorum is needed.
    #[error("a `quorum` line is missing: write `quorum none` to need no witness")]
    NoQuorum,
    /// More than this reads.
    #[error("it is too long: at most 1 MiB, 512 logs, and 512 witnesses and groups")]
    TooMuch,
}

/// Why a checkpoint is not valid under a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyUnmet {
    /// Of a log that the policy does not name.
    #[error("the witness policy knows no log `{0}`: add its verifier key, if you trust it")]
    UnknownLog(String),
    /// Not signed by the log, or a known key's signature is wrong.
    #[error(transparent)]
    Checkpoint(CheckpointError),
    /// Too few witnesses.
    #[error("the checkpoint lacks cosignatures for the quorum `{quorum}`: none by {}", .missing.join(", "))]
    Quorum {
        /// The witness or group that is needed.
        quorum: String,
        /// Witnesses that would help and did not cosign, by their names in the policy.
        missing: Vec<String>,
    },
}

/// A log, or the part of a witness besides its name: a key, and where to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAndUrl {
    key: Verifier,
    url: Option<Vec<u8>>,
}

impl KeyAndUrl {
    /// Its public key.
    pub fn verifier(&self) -> &Verifier {
        &self.key
    }

    /// Its URL, if one is given and UTF-8; of a witness its submission prefix.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref().and_then(|url| std::str::from_utf8(url).ok())
    }
}

/// A witness or a group, under the one name that both have in a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Defined {
    name: Vec<u8>,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Witness(Box<KeyAndUrl>),
    /// INVARIANT: members stand before their group, each is a member once in the whole policy, and 1 ≤ `least` ≤ their number.
    Group {
        least: usize,
        members: Vec<usize>,
    },
}

/// A trust policy: a checkpoint is valid if one of the logs signed it and the quorum of witnesses cosigned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessPolicy {
    logs: Vec<KeyAndUrl>,
    defined: Vec<Defined>,
    /// Which of `defined` must have witnessed; `None` for `quorum none`.
    quorum: Option<usize>,
}

fn lossy(bytes: &[u8]) -> String {
    shorten(&String::from_utf8_lossy(bytes))
}

impl WitnessPolicy {
    /// Reads a policy file.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > MAX_POLICY {
            return Err(PolicyError { line: 1, fault: PolicyFault::TooMuch });
        }
        let mut draft = Draft::default();
        let mut lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
        let (rest, end) = (lines.pop().unwrap_or_default(), lines.len() + 1);
        for (i, line) in lines.into_iter().enumerate() {
            draft.line(line).map_err(|fault| PolicyError { line: i + 1, fault })?;
        }
        let at_end = |fault| PolicyError { line: end, fault };
        if !rest.is_empty() {
            return Err(at_end(PolicyFault::Bytes("no newline at its end")));
        }
        let quorum = draft.quorum.ok_or(at_end(PolicyFault::NoQuorum))?;
        Ok(Self { logs: draft.logs, defined: draft.defined, quorum })
    }

    /// Trusts a further log, known from elsewhere; nothing happens if its key is there already. `None` for a key of another type
    /// than 0x01.
    pub fn with_log(mut self, key: Verifier) -> Option<Self> {
        if key.kind() != KeyType::Ed25519 {
            return None;
        }
        if !self.logs.iter().any(|log| log.key.key() == key.key()) {
            self.logs.push(KeyAndUrl { key, url: None });
        }
        Some(self)
    }

    /// The file: logs, then witnesses and groups in their order, then the quorum. Reads back as the same policy.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut line = |words: &[&[u8]]| {
            out.extend_from_slice(&words.join(&b' '));
            out.push(b'\n');
        };
        for KeyAndUrl { key, url } in &self.logs {
            let key = key.to_string();
            let words = [b"log", key.as_bytes()].into_iter().chain(url.as_deref());
            line(&words.collect::<Vec<_>>());
        }
        for Defined { name, what } in &self.defined {
            match what {
                What::Witness(witness) => {
                    let key = witness.key.to_string();
                    let words = [b"witness", name.as_slice(), key.as_bytes()].into_iter().chain(witness.url.as_deref());
                    line(&words.collect::<Vec<_>>());
                }
                What::Group { least, members } => {
                    let least = match *least {
                        least if least == members.len() => "all".to_owned(),
                        1 => "any".to_owned(),
                        least => least.to_string(),
                    };
                    let members = members.iter().map(|member| self.defined[*member].name.as_slice());
                    let words = [b"group", name.as_slice(), least.as_bytes()].into_iter().chain(members);
                    line(&words.collect::<Vec<_>>());
                }
            }
        }
        line(&[b"quorum", self.quorum.map_or(b"none", |quorum| self.defined[quorum].name.as_slice())]);
        out
    }

    /// The logs in their order.
    pub fn logs(&self) -> &[KeyAndUrl] {
        &self.logs
    }

    /// The witnesses in their order, each with its name in the policy.
    pub fn witnesses(&self) -> impl Iterator<Item = (String, &KeyAndUrl)> {
        self.defined.iter().filter_map(|defined| match &defined.what {
            What::Witness(witness) => Some((lossy(&defined.name), witness.as_ref())),
            What::Group { .. } => None,
        })
    }

    /// The keys of the witnesses in their order.
    pub fn witness_keys(&self) -> Vec<Verifier> {
        self.witnesses().map(|(_, witness)| witness.key.clone()).collect()
    }

    /// Whether a log of the policy signed this checkpoint and enough witnesses cosigned it.
    pub fn is_met(&self, signed: &SignedCheckpoint) -> bool {
        self.check(signed).is_ok()
    }

    /// The checkpoint, if a log of the policy signed it under its own name as origin, the quorum cosigned it, and no known key's
    /// signature is wrong; else why not.
    pub fn check<'c>(&self, signed: &'c SignedCheckpoint) -> Result<&'c Checkpoint, PolicyUnmet> {
        let origin = &signed.unverified().origin;
        let mut keys: Vec<Verifier> = self.logs.iter().map(|log| &log.key).filter(|key| key.name() == origin).cloned().collect();
        if keys.is_empty() {
            return Err(PolicyUnmet::UnknownLog(shorten(origin)));
        }
        keys.extend(self.witness_keys());
        let checkpoint = signed.open(origin, &keys).map_err(PolicyUnmet::Checkpoint)?;
        let Some(quorum) = self.quorum else { return Ok(checkpoint) };
        let met = self.witnessed(signed);
        if met[quorum] {
            return Ok(checkpoint);
        }
        let mut missing = Vec::new();
        self.collect_missing(quorum, &met, &mut missing);
        Err(PolicyUnmet::Quorum { quorum: lossy(&self.defined[quorum].name), missing })
    }

    /// Of each witness and group in order, whether it witnessed. A cosignature without a time counts for nothing.
    fn witnessed(&self, signed: &SignedCheckpoint) -> Vec<bool> {
        let mut met: Vec<bool> = Vec::with_capacity(self.defined.len());
        for defined in &self.defined {
            let now = match &defined.what {
                What::Witness(witness) => {
                    signed.note().cosigned_by(std::slice::from_ref(&witness.key)).iter().any(|(_, time)| *time > 0)
                }
                What::Group { least, members } => members.iter().filter(|member| met[**member]).count() >= *least,
            };
            met.push(now);
        }
        met
    }

    /// The witnesses below `at` that did not witness, leaving out groups that did.
    fn collect_missing(&self, at: usize, met: &[bool], missing: &mut Vec<String>) {
        match &self.defined[at].what {
            _ if met[at] => {}
            What::Witness(_) => missing.push(lossy(&self.defined[at].name)),
            What::Group { members, .. } => {
                members.iter().for_each(|member| self.collect_missing(*member, met, missing));
            }
        }
    }
}

impl fmt::Display for WitnessPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

/// A policy as far as it is read.
#[derive(Default)]
struct Draft {
    logs: Vec<KeyAndUrl>,
    defined: Vec<Defined>,
    is_member: Vec<bool>,
    quorum: Option<Option<usize>>,
}

impl Draft {
    fn line(&mut self, line: &[u8]) -> Result<(), PolicyFault> {
        if line.iter().any(|b| (*b < b' ' && *b != b'\t') || *b == 0x7f) {
            return Err(PolicyFault::Bytes("a control character"));
        }
        let words: Vec<&[u8]> = line.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        match words[..] {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", key, ref url @ ..] if url.len() <= 1 => self.log(key, url),
            [b"witness", name, key, ref url @ ..] if url.len() <= 1 => self.witness(name, key, url),
            [b"group", name, least, ref members @ ..] if !members.is_empty() => self.group(name, least, members),
            [b"quorum", name] => self.set_quorum(name),
            _ => Err(PolicyFault::Form(lossy(line))),
        }
    }

    fn log(&mut self, key: &[u8], url: &[&[u8]]) -> Result<(), PolicyFault> {
        let log = key_and_url(key, url, KeyType::Ed25519)?;
        if self.logs.iter().any(|other| other.key.key() == log.key.key()) {
            return Err(PolicyFault::Twice(lossy(key)));
        }
        if self.logs.len() == MAX_DEFINED {
            return Err(PolicyFault::TooMuch);
        }
        self.logs.push(log);
        Ok(())
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: &[&[u8]]) -> Result<(), PolicyFault> {
        self.check_new(name)?;
        let witness = key_and_url(key, url, KeyType::Cosignature)?;
        let same = |defined: &Defined| matches!(&defined.what, What::Witness(w) if w.key.key() == witness.key.key());
        if self.defined.iter().any(same) {
            return Err(PolicyFault::Twice(lossy(key)));
        }
        self.define(name, What::Witness(Box::new(witness)))
    }

    fn group(&mut self, name: &[u8], least: &[u8], names: &[&[u8]]) -> Result<(), PolicyFault> {
        self.check_new(name)?;
        let mut members = Vec::new();
        for member in names {
            let index = self.find(member)?;
            if std::mem::replace(&mut self.is_member[index], true) {
                return Err(PolicyFault::Twice(lossy(member)));
            }
            members.push(index);
        }
        let number = |text: &str| text.parse::<usize>().ok().filter(|_| text.starts_with(|c| matches!(c, '1'..='9')));
        let least = match least {
            b"all" => Some(members.len()),
            b"any" => Some(1),
            digits => std::str::from_utf8(digits).ok().and_then(number).filter(|least| *least <= members.len()),
        }
        .ok_or_else(|| PolicyFault::Threshold(lossy(least)))?;
        self.define(name, What::Group { least, members })
    }

    fn set_quorum(&mut self, name: &[u8]) -> Result<(), PolicyFault> {
        if self.quorum.is_some() {
            return Err(PolicyFault::Twice("quorum".to_owned()));
        }
        self.quorum = Some(if name == b"none" { None } else { Some(self.find(name)?) });
        Ok(())
    }

    fn find(&self, name: &[u8]) -> Result<usize, PolicyFault> {
        self.defined.iter().position(|defined| defined.name == name).ok_or_else(|| PolicyFault::Undefined(lossy(name)))
    }

    /// A name may be defined once, and `none` is defined from the start.
    fn check_new(&self, name: &[u8]) -> Result<(), PolicyFault> {
        if name == b"none" || self.find(name).is_ok() { Err(PolicyFault::Twice(lossy(name))) } else { Ok(()) }
    }

    fn define(&mut self, name: &[u8], what: What) -> Result<(), PolicyFault> {
        if self.defined.len() == MAX_DEFINED {
            return Err(PolicyFault::TooMuch);
        }
        self.defined.push(Defined { name: name.to_vec(), what });
        self.is_member.push(false);
        Ok(())
    }
}

fn key_and_url(key: &[u8], url: &[&[u8]], kind: KeyType) -> Result<KeyAndUrl, PolicyFault> {
    let text = std::str::from_utf8(key).map_err(|_| PolicyFault::Key(format!("`{}` is not UTF-8", lossy(key))))?;
    let key = Verifier::parse(text).map_err(|error| PolicyFault::Key(format!("this line is refused: {error}")))?;
    if key.kind() != kind {
        let (found, expected) = (key.kind().byte(), kind.byte());
        return Err(PolicyFault::Key(format!("`{}` is of type {found}, where type {expected} is needed", shorten(text))));
    }
    Ok(KeyAndUrl { key, url: url.first().map(|url| url.to_vec()) })
}

#[cfg(test)]
#[path = "witness_policy_tests.rs"]
mod tests;
