//! The growing tree: a frontier of at most 64 full subtrees, to which leaves are appended and from which the root follows.
//!
//! Not a store: what lies left of the frontier is in tiles. Shape and order are those of RFC 6962 §2.1.

use super::hash::{EMPTY_ROOT, NodeHash, node_hash};
use super::proof::HashSource;
use super::tile_reader::SourceError;

/// The full subtrees of a tree of `size` leaves, largest and leftmost first, as (level, index at that level): one per set bit.
pub fn peaks(size: u64) -> Vec<(u8, u64)> {
    (0..64u8).rev().filter(|level| size >> level & 1 == 1).map(|level| (level, (size >> level) - 1)).collect()
}

/// The right edge of a tree: enough to append and to know the root, nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// INVARIANT: one hash per set bit of `size`, largest subtree first.
    peaks: Vec<NodeHash>,
}

impl Frontier {
    /// Of the empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of a tree of `size` leaves whose subtree hashes `source` knows (a `TileReader` gives only authentic ones).
    pub fn from_source(size: u64, source: &dyn HashSource) -> Result<Self, SourceError> {
        let peaks = peaks(size).into_iter().map(|(level, index)| source.hash(level, index)).collect::<Result<_, _>>()?;
        Ok(Self { size, peaks })
    }

    /// From the hashes of the full subtrees as [`peaks`] lists them; `None` when their number does not fit `size`.
    pub fn from_peaks(size: u64, peaks: Vec<NodeHash>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// Adds one leaf at index `size()`.
    pub fn append(&mut self, leaf: NodeHash) {
        let mut hash = leaf;
        // Each trailing set bit of the old size is a full subtree as large as what is being carried.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(left, hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The Merkle Tree Hash of all leaves so far; `EMPTY_ROOT` of none.
    pub fn root(&self) -> NodeHash {
        self.peaks.iter().rev().copied().reduce(|right, left| node_hash(left, right)).unwrap_or(EMPTY_ROOT)
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Leaves;
    use super::super::hash::leaf_hash;
    use super::*;

    /// Leaves of the certificate-transparency project's test tree, and the root after each.
    pub(crate) const RFC_6962: [(&str, &str); 8] = [
        ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
        ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
        ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        ("606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ];

    #[test]
    fn known_roots() {
        let mut frontier = Frontier::new();
        assert_eq!(frontier.root(), EMPTY_ROOT);
        for (entry, root) in RFC_6962 {
            frontier.append(leaf_hash(&hex::decode(entry).unwrap()));
            assert_eq!(frontier.root().to_hex(), root, "size {}", frontier.size());
        }
    }

    #[test]
    fn the_frontier_is_the_recursive_definition() {
        let leaves = Leaves::new(300);
        let mut frontier = Frontier::new();
        for size in 0..=300 {
            assert_eq!(frontier.root(), leaves.root(size), "size {size}");
            assert_eq!(Frontier::from_source(size as u64, &leaves).unwrap(), frontier);
            if let Some(leaf) = leaves.0.get(size) {
                frontier.append(*leaf);
            }
        }
        assert_eq!(Frontier::from_peaks(300, frontier.peaks.clone()), Some(frontier));
        assert_eq!(Frontier::from_peaks(300, vec![]), None);
    }

    #[test]
    fn peaks_of_large_sizes() {
        assert_eq!(peaks(0), []);
        assert_eq!(peaks(7), [(2, 0), (1, 2), (0, 6)]);
        assert_eq!(peaks(u64::MAX).len(), 64);
        assert_eq!(peaks(1 << 63), [(63, 0)]);
    }
}
