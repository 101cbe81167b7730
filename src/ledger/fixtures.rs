//! Fixtures of this room's tests: a seeded stream of numbers, a plain tree in memory, mutated bytes. Never compiled into the
//! program.

use ed25519_dalek::SigningKey;

use super::hash::{NodeHash, leaf_hash, node_hash, subtree_root};
use super::note::{Cosigner, Signer};
use super::proof::HashSource;
use super::sequence::{Head, integrate};
use super::tile_reader::{SourceError, TileSet};

/// A checkpoint that a public log and public witnesses signed in May 2026: key types 0x05, 0x01 and four times 0x04.
pub(crate) const PUBLIC_CHECKPOINT: &str = include_str!("../../tests/seeds/checkpoint/public-log");
/// The key of type 0x01 of that log.
pub(crate) const PUBLIC_LOG: &str =
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";
/// The keys of its witnesses, in the order of their lines.
pub(crate) const PUBLIC_WITNESSES: [&str; 4] = [
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
];

/// The origin of the test log.
pub(crate) const ORIGIN: &str = "log.example/colophon";

/// Numbers that look random and are the same in every run (splitmix64).
pub(crate) struct Dice(pub u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// `bytes` with a few of them changed, removed, doubled or put in.
    pub(crate) fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(out.len());
            match self.below(5) {
                0 if !out.is_empty() => out[at] ^= 1 << self.below(8),
                1 if !out.is_empty() => drop(out.remove(at)),
                2 => out.insert(at, self.next() as u8),
                3 => out.truncate(at),
                _ => {
                    let end = at + self.below(out.len() - at + 1);
                    let piece = out[at..end].to_vec();
                    out.splice(at..at, piece);
                }
            }
        }
        out
    }

    /// One of the seeds, changed as bytes or by its parts: a line moved, doubled, left out or taken from another seed, a digit or a
    /// letter put for another, a token put in.
    pub(crate) fn mangle(&mut self, seeds: &[Vec<u8>], tokens: &[&str]) -> Vec<u8> {
        let mut out = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(2) {
            match self.below(12) {
                0..=3 => out = self.mutate(&out),
                4 | 5 => self.replace(&mut out, u8::is_ascii_digit, b"0123456789"),
                6 | 7 => self.replace(&mut out, u8::is_ascii_alphanumeric, b"ABCDxyz0189+/=-_ "),
                8 if !tokens.is_empty() => {
                    let (at, token) = (self.boundary(&out), tokens[self.below(tokens.len())]);
                    out.splice(at..at, token.bytes());
                }
                9 => {
                    let line = self.line(&out);
                    out.drain(line);
                }
                10 => {
                    let (line, at) = (self.line(&out), self.boundary(&out));
                    let line = out[line].to_vec();
                    out.splice(at..at, line);
                }
                _ => {
                    let other = &seeds[self.below(seeds.len())];
                    let (line, place) = (self.line(other), self.line(&out));
                    out.splice(place, other[line].iter().copied());
                }
            }
        }
        out
    }

    /// Puts one of `letters` in the place of some byte that is `like` what is looked for.
    fn replace(&mut self, bytes: &mut [u8], like: fn(&u8) -> bool, letters: &[u8]) {
        let from = self.below(bytes.len());
        if let Some(at) = (from..bytes.len()).find(|at| like(&bytes[*at])) {
            bytes[at] = letters[self.below(letters.len())];
        }
    }

    /// A line with its newline, as its place.
    fn line(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let at = self.below(bytes.len());
        let start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |newline| at + newline + 1);
        start..end
    }

    /// A place where a word or a line begins or ends.
    fn boundary(&mut self, bytes: &[u8]) -> usize {
        let from = self.below(bytes.len() + 1);
        let found = (from..bytes.len()).find(|at| matches!(bytes[*at], b' ' | b'\n' | b'/' | b'+' | b'"'));
        found.map_or(from, |at| at + self.below(2))
    }

    /// Random bytes, at most 200.
    pub(crate) fn noise(&mut self) -> Vec<u8> {
        (0..self.below(200)).map(|_| self.next() as u8).collect()
    }
}

/// All leaf hashes of a small tree, and the full subtrees over them by level.
pub(crate) struct Leaves(pub Vec<NodeHash>, Vec<Vec<NodeHash>>);

impl Leaves {
    pub(crate) fn new(size: usize) -> Self {
        let leaves: Vec<NodeHash> = (0..size).map(|i| leaf_hash(&entry(i))).collect();
        let mut levels = vec![leaves.clone()];
        while let Some(row) = levels.last().filter(|row| row.len() > 1) {
            levels.push(row.chunks_exact(2).map(|pair| node_hash(pair[0], pair[1])).collect());
        }
        Self(leaves, levels)
    }

    /// The Merkle Tree Hash of the first `size` leaves, by the recursive definition of RFC 6962 §2.1.
    pub(crate) fn root(&self, size: usize) -> NodeHash {
        fn mth(leaves: &[NodeHash]) -> NodeHash {
            if leaves.len().is_power_of_two() || leaves.is_empty() {
                return subtree_root(leaves);
            }
            let k = leaves.len().next_power_of_two() / 2;
            node_hash(mth(&leaves[..k]), mth(&leaves[k..]))
        }
        mth(&self.0[..size])
    }
}

impl HashSource for Leaves {
    fn hash(&self, level: u8, index: u64) -> Result<NodeHash, SourceError> {
        let found = self.1.get(usize::from(level)).and_then(|row| row.get(usize::try_from(index).ok()?));
        found.copied().ok_or(SourceError::NotInTree { level, index, size: self.0.len() as u64 })
    }
}

/// The bytes of test entry `i`.
pub(crate) fn entry(i: usize) -> Vec<u8> {
    format!("entry {i}").into_bytes()
}

/// A whole log of `entries`, integrated in batches of uneven size.
pub(crate) fn log_of(entries: &[Vec<u8>]) -> (Head, TileSet) {
    let (mut head, mut tiles, mut rest, mut step) = (Head::EMPTY, TileSet::default(), entries, 1);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(step.min(rest.len()));
        let integration = integrate(&head, &tiles, now).unwrap();
        tiles.apply(&integration);
        (head, rest, step) = (integration.head, later, step * 3 % 271 + 1);
    }
    (head, tiles)
}

/// The test log's signer.
pub(crate) fn signer() -> Signer {
    Signer::new(ORIGIN, SigningKey::from_bytes(&[7; 32])).unwrap()
}

/// Test witness `n`, whose name is `witness<n>.example`.
pub(crate) fn cosigner(n: u8) -> Cosigner {
    Cosigner::new(&format!("witness{n}.example"), SigningKey::from_bytes(&[n ^ 0x80; 32])).unwrap()
}
