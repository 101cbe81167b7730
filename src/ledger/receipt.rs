//! Receipts (C2SP tlog-proof, version 1, file ending `.tlog-proof`): that one entry stands in the log, checkable without the log.
//!
//! A receipt is not an opinion on the entry: it says where the entry stands, not that what it says is true. Its checkpoint carries
//! whatever cosignatures it had, and a [`WitnessPolicy`] can demand them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::hash::{NodeHash, leaf_hash};
use super::note::{NoteError, NoteSignature};
use super::proof::{HashSource, ProofError, inclusion, verify_inclusion};
use super::vkey::Verifier;
use super::witness_policy::{PolicyUnmet, WitnessPolicy};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// A path in a tree of 64-bit size has no more hashes.
const MAX_PROOF: usize = 64;

/// Why a receipt does not prove what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not a receipt.
    #[error("this is not a receipt: {0}; fetch it again from the log")]
    Malformed(String),
    /// By another log, or signed with a key that is not this log's.
    #[error("the receipt is from another log: {0}")]
    OtherLog(String),
    /// The checkpoint inside was changed after signing.
    #[error("the signature of `{0}` on the receipt's checkpoint is wrong: it was changed after signing")]
    BadSignature(String),
    /// Too few witnesses saw the checkpoint inside.
    #[error("{0}")]
    Unwitnessed(PolicyUnmet),
    /// The signed tree does not hold this entry at this place.
    #[error("the entry is not number `{index}` of the log's {size}: it is another entry's, or one of the two was changed")]
    NotInTree {
        /// As the receipt says, from 0.
        index: u64,
        /// As the checkpoint says.
        size: u64,
    },
}

/// An inclusion proof with the checkpoint it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Data for whoever made it; never authenticated. None and no bytes are the same: the line is left out.
    pub extra: Option<Vec<u8>>,
    /// The entry's place in the log, from 0.
    pub index: u64,
    /// From the leaf's sibling to the root's child.
    pub proof: Vec<NodeHash>,
    /// The signed checkpoint, word for word.
    checkpoint: SignedCheckpoint,
}

impl Receipt {
    /// A receipt from its parts.
    pub fn new(index: u64, proof: Vec<NodeHash>, checkpoint: SignedCheckpoint) -> Self {
        Self { extra: None, index, proof, checkpoint }
    }

    /// The receipt of entry `index` under `checkpoint`, from the hashes of that log.
    pub fn build(index: u64, checkpoint: SignedCheckpoint, source: &dyn HashSource) -> Result<Self, ProofError> {
        let proof = inclusion(index, checkpoint.unverified().size, source)?;
        Ok(Self::new(index, proof, checkpoint))
    }

    /// Reads the text form, believing nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let malformed = |what: &str| ReceiptError::Malformed(what.to_owned());
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or_else(|| malformed("no blank line stands before its checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(malformed("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")).and_then(|line| line.strip_prefix("extra ")) {
            // "If no extra data is present, this line is omitted."
            Some("") => return Err(malformed("its extra line is empty")),
            Some(extra) => Some(STANDARD.decode(extra).map_err(|_| malformed("its extra line is not base64"))?),
            None => None,
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or_else(|| malformed("it has no index line"))?;
        let plain = index.bytes().all(|b| b.is_ascii_digit()) && (index == "0" || !index.starts_with('0'));
        let index = index.parse().ok().filter(|_| plain).ok_or_else(|| malformed("its index is not a decimal number"))?;
        let proof: Vec<NodeHash> = lines
            .take(MAX_PROOF + 1)
            .map(NodeHash::parse)
            .collect::<Result<_, _>>()
            .map_err(|error| ReceiptError::Malformed(error.to_string()))?;
        if proof.len() > MAX_PROOF {
            return Err(malformed("its proof has more than 64 hashes"));
        }
        let checkpoint =
            SignedCheckpoint::parse(checkpoint.as_bytes()).map_err(|error| ReceiptError::Malformed(error.to_string()))?;
        Ok(Self { extra, index, proof, checkpoint })
    }

    /// The log's checkpoint, if this log signed that `entry` is in it.
    pub fn verify(&self, entry: &[u8], verifier: &Verifier, origin: &str) -> Result<&Checkpoint, ReceiptError> {
        let checkpoint = self.checkpoint.open(origin, std::slice::from_ref(verifier)).map_err(unbelieved)?;
        self.includes(entry, checkpoint)?;
        Ok(checkpoint)
    }

    /// The log's checkpoint, if a log of the policy signed that `entry` is in it and the policy's quorum of witnesses saw it.
    pub fn verify_with_policy(&self, entry: &[u8], policy: &WitnessPolicy) -> Result<&Checkpoint, ReceiptError> {
        let checkpoint = policy.check(&self.checkpoint).map_err(|unmet| match unmet {
            PolicyUnmet::UnknownLog(_) => ReceiptError::OtherLog(unmet.to_string()),
            PolicyUnmet::Checkpoint(error) => unbelieved(error),
            PolicyUnmet::Quorum { .. } => ReceiptError::Unwitnessed(unmet),
        })?;
        self.includes(entry, checkpoint)?;
        Ok(checkpoint)
    }

    fn includes(&self, entry: &[u8], checkpoint: &Checkpoint) -> Result<(), ReceiptError> {
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, &self.proof, checkpoint.root)
            .map_err(|_| ReceiptError::NotInTree { index: self.index, size: checkpoint.size })
    }

    /// Takes over cosignatures of the checkpoint inside, as [`SignedCheckpoint::add_cosignatures`] does.
    pub fn add_cosignatures(&mut self, lines: &[NoteSignature], witnesses: &[Verifier]) -> Result<usize, NoteError> {
        self.checkpoint.add_cosignatures(lines, witnesses)
    }

    /// The checkpoint inside, not yet believed.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }
}

fn unbelieved(error: CheckpointError) -> ReceiptError {
    match error {
        CheckpointError::Note(NoteError::BadSignature(name)) => ReceiptError::BadSignature(name),
        CheckpointError::OtherOrigin { .. } | CheckpointError::Note(NoteError::UnknownKeys(_)) => {
            ReceiptError::OtherLog(error.to_string())
        }
        other => ReceiptError::Malformed(other.to_string()),
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = self.extra.as_deref().filter(|extra| !extra.is_empty()) {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.proof {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::super::fixtures::{Dice, Leaves, ORIGIN, cosigner, entry, signer};
    use super::super::vkey::Signer;
    use super::*;

    fn receipt(index: u64, size: usize) -> Receipt {
        let leaves = Leaves::new(size);
        let checkpoint = Checkpoint::new(ORIGIN, size as u64, leaves.root(size)).sign(&[&signer()]).unwrap();
        Receipt::build(index, checkpoint, &leaves).unwrap()
    }

    #[test]
    fn prints_reads_and_verifies() {
        let verifier = signer().verifier().clone();
        for (index, size) in [(0, 1), (0, 2), (42, 100), (99, 100)] {
            let mut receipt = receipt(index, size);
            for extra in [None, Some(b"a".to_vec()), Some(b"age-v1".to_vec())] {
                receipt.extra = extra;
                let text = receipt.to_string();
                assert!(text.starts_with("c2sp.org/tlog-proof@v1\n"));
                let read = Receipt::parse(text.as_bytes()).unwrap();
                assert_eq!(read, receipt);
                assert_eq!(read.verify(&entry(index as usize), &verifier, ORIGIN).unwrap().size, size as u64);
            }
        }
        let (plain, mut nothing) = (receipt(0, 1), receipt(0, 1));
        nothing.extra = Some(vec![]);
        assert_eq!(nothing.to_string(), plain.to_string(), "no extra data, no line");
        assert!(matches!(
            Receipt::build(5, receipt(0, 5).checkpoint, &Leaves::new(5)),
            Err(ProofError::Index { index: 5, size: 5 })
        ));
    }

    #[test]
    fn each_wrong_gets_its_own_verdict() {
        let (receipt, verifier) = (receipt(42, 100), signer().verifier().clone());
        let entry = entry(42);
        assert_eq!(receipt.verify(b"other", &verifier, ORIGIN), Err(ReceiptError::NotInTree { index: 42, size: 100 }));
        let moved = Receipt { index: 43, ..receipt.clone() };
        assert_eq!(moved.verify(&entry, &verifier, ORIGIN), Err(ReceiptError::NotInTree { index: 43, size: 100 }));
        let beyond = Receipt { index: u64::MAX, ..receipt.clone() };
        assert!(matches!(beyond.verify(&entry, &verifier, ORIGIN), Err(ReceiptError::NotInTree { .. })));
        assert!(matches!(receipt.verify(&entry, &verifier, "log.example/other"), Err(ReceiptError::OtherLog(_))));
        let stranger = Signer::new(ORIGIN, SigningKey::from_bytes(&[8; 32])).unwrap();
        assert!(matches!(receipt.verify(&entry, stranger.verifier(), ORIGIN), Err(ReceiptError::OtherLog(_))));
        let resized = Receipt::parse(receipt.to_string().replace("\n100\n", "\n101\n").as_bytes()).unwrap();
        assert_eq!(resized.verify(&entry, &verifier, ORIGIN), Err(ReceiptError::BadSignature(ORIGIN.to_owned())));
        let text = receipt.to_string();
        for bad in [
            String::new(),
            text.replace("@v1", "@v2"),
            text.replace("index 42", "index 042"),
            text.replace("index 42", "index +42"),
            text.replace("index 42", "index  42"),
            text.replace("index 42\n", ""),
            text.replace("index 42", "extra ?\nindex 42"),
            text.replace("index 42", "extra \nindex 42"),
            text.replace("index 42", "extra\nindex 42"),
            text.replace("index 42", "extra YQ\nindex 42"),
            text.replace("index 42\n", "index 42\nextra QQ==\n"),
            text.replace("index 42", "extra QQ==\nextra QQ==\nindex 42"),
            text.replace("\n\nlog", "\nlog"),
            text.replace("index 42\n", "index 42\nAAAA\n"),
            text.replacen('\n', "\r\n", 1),
            text.trim_end().to_owned(),
            text.replace("index 42\n", &format!("index 42\n{}", format!("{}\n", NodeHash([0; 32])).repeat(65))),
        ] {
            assert!(matches!(Receipt::parse(bad.as_bytes()), Err(ReceiptError::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn the_example_of_the_specification() {
        // Its signature lines are abridged; any will do for the form.
        let text = include_str!("../../tests/seeds/receipt/specification");
        let read = Receipt::parse(text.as_bytes()).unwrap();
        assert_eq!((read.index, read.proof.len(), read.checkpoint.unverified().size), (73_894, 5, 109_482));
        assert!(read.extra.as_deref().is_some_and(|extra| extra.starts_with(b"age-v1.2.1-darwin-arm64.tar.gz")));
        assert_eq!((read.checkpoint.note().signatures().len(), read.to_string().as_str()), (4, text));
    }

    #[test]
    fn a_quorum_of_witnesses_can_be_demanded_offline() {
        let (mut receipt, log) = (receipt(42, 100), signer());
        let witnesses: Vec<_> = (1..=3).map(|n| cosigner(n).verifier().clone()).collect();
        let lines = |n: u8| vec![receipt.checkpoint.cosign(&cosigner(n), 1_790_000_000).unwrap()];
        let (first, second) = (lines(1), lines(2));
        let policy = |log: &Verifier, quorum: &str| {
            let witness = |(i, key)| format!("witness w{i} {key}\n");
            let lines: String = witnesses.iter().enumerate().map(witness).collect();
            let text = format!("log {log}\n{lines}group two 2 w0 w1 w2\nquorum {quorum}\n");
            WitnessPolicy::parse(text.as_bytes()).unwrap()
        };
        let (two, none) = (policy(log.verifier(), "two"), policy(log.verifier(), "none"));
        assert_eq!(receipt.verify_with_policy(&entry(42), &none).unwrap().size, 100);
        receipt.add_cosignatures(&first, &witnesses).unwrap();
        let error = receipt.verify_with_policy(&entry(42), &two).unwrap_err();
        assert!(matches!(&error, ReceiptError::Unwitnessed(_)) && error.to_string().contains("w1, w2"), "{error}");
        receipt.add_cosignatures(&second, &witnesses).unwrap();
        let read = Receipt::parse(receipt.to_string().as_bytes()).unwrap();
        assert_eq!(read, receipt);
        assert_eq!(read.verify_with_policy(&entry(42), &two).unwrap().size, 100);
        assert!(read.verify(&entry(42), log.verifier(), ORIGIN).is_ok(), "who knows no witness passes them over");
        assert_eq!(read.verify_with_policy(b"other", &two), Err(ReceiptError::NotInTree { index: 42, size: 100 }));
        let stranger = Signer::new(ORIGIN, SigningKey::from_bytes(&[8; 32])).unwrap();
        assert!(matches!(
            read.verify_with_policy(&entry(42), &policy(stranger.verifier(), "two")),
            Err(ReceiptError::OtherLog(_))
        ));
        let elsewhere = Signer::new("log.example/other", SigningKey::from_bytes(&[7; 32])).unwrap();
        assert!(matches!(
            read.verify_with_policy(&entry(42), &policy(elsewhere.verifier(), "none")),
            Err(ReceiptError::OtherLog(_))
        ));
        // A known witness's wrong line refuses, even where the others would do.
        let mut wrong = first.clone();
        wrong[0].signature[20] ^= 1;
        let wrong = read.to_string().replace(&first[0].to_string(), &wrong[0].to_string());
        let wrong = Receipt::parse(wrong.as_bytes()).unwrap();
        assert_eq!(wrong.verify_with_policy(&entry(42), &none), Err(ReceiptError::BadSignature("witness1.example".into())));
    }

    #[test]
    fn mutated_receipts_never_panic_nor_prove_another_entry() {
        let (receipt, verifier, mut dice) = (receipt(42, 100), signer().verifier().clone(), Dice(7));
        let text = receipt.to_string();
        for _ in 0..3_000 {
            if let Ok(read) = Receipt::parse(&dice.mutate(text.as_bytes())) {
                assert!(read.verify(&entry(41), &verifier, ORIGIN).is_err());
                // What still proves the entry may differ in what is not authenticated, and nowhere else.
                if read.verify(&entry(42), &verifier, ORIGIN).is_ok() {
                    assert_eq!((read.index, &read.proof), (42, &receipt.proof));
                }
            }
            let _ = Receipt::parse(&dice.noise());
        }
    }
}
