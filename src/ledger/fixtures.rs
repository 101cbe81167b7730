//! Fixtures of this room's tests: a seeded stream of numbers, a plain tree in memory, mutated bytes. Never compiled into the
//! program.

use ed25519_dalek::SigningKey;

use super::hash::{NodeHash, leaf_hash, node_hash, subtree_root};
use super::note::Signer;
use super::proof::HashSource;
use super::sequence::{Head, integrate};
use super::tile_reader::{SourceError, TileSet};

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
