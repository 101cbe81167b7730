//! Inclusion and consistency proofs, made and checked (RFC 6962 §2.1.1–2.1.2; checking by RFC 9162 §2.1.3.2 and §2.1.4.2).
//!
//! Knows nothing of tiles or signatures: making asks a `HashSource` for full subtrees, checking needs only hashes and sizes.

use super::hash::{EMPTY_ROOT, NodeHash, node_hash};
use super::tile_reader::SourceError;

/// Gives the hash of the full subtree over leaves `index << level .. (index + 1) << level`.
pub trait HashSource: Sync {
    /// The hash, or why it cannot be given. Level 0 is a leaf; levels go up by one binary step, to 63.
    fn hash(&self, level: u8, index: u64) -> Result<NodeHash, SourceError>;
}

/// Why a proof could not be made, or does not prove.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The entry asked for is not in a tree of this size.
    #[error("entry `{index}` is not in a log of {size} entries: ask for a smaller index or a newer checkpoint")]
    Index {
        /// Counted from 0.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The older tree is larger than the newer.
    #[error("a log of `{old}` entries is not older than one of {new}: swap the two checkpoints")]
    Sizes {
        /// Leaves in the older tree.
        old: u64,
        /// Leaves in the newer tree.
        new: u64,
    },
    /// The proof has too few or too many hashes for these sizes.
    #[error("the proof has `{0}` hashes, which does not fit this index and size: fetch it again")]
    Length(usize),
    /// The proof leads to another root.
    #[error("the proof leads to the root `{0}`, which is not the log's: the log or the proof is wrong")]
    Root(NodeHash),
    /// The hashes needed could not be had.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// The largest power of two below `n`, for `n` of at least 2: where RFC 6962 splits a tree.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The Merkle Tree Hash of `count` leaves from `start`. `start` is a multiple of every subtree below, as RFC 6962 splits give.
fn range(start: u64, count: u64, source: &dyn HashSource) -> Result<NodeHash, SourceError> {
    if count == 0 {
        return Ok(EMPTY_ROOT);
    }
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return source.hash(level as u8, start >> level);
    }
    let k = split(count);
    Ok(node_hash(range(start, k, source)?, range(start + k, count - k, source)?))
}

/// The root of the first `size` leaves.
pub fn root(size: u64, source: &dyn HashSource) -> Result<NodeHash, SourceError> {
    range(0, size, source)
}

/// The proof that leaf `index` is in the tree of `size` leaves: the leaf's sibling first, at most 64 hashes.
pub fn inclusion(index: u64, size: u64, source: &dyn HashSource) -> Result<Vec<NodeHash>, ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let (mut start, mut count, mut path) = (0, size, Vec::new());
    while count > 1 {
        let k = split(count);
        if index - start < k {
            path.push(range(start + k, count - k, source)?);
            count = k;
        } else {
            path.push(range(start, k, source)?);
            (start, count) = (start + k, count - k);
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `old` leaves is a prefix of the tree of `new`; empty when `old` is 0 or `new`.
pub fn consistency(old: u64, new: u64, source: &dyn HashSource) -> Result<Vec<NodeHash>, ProofError> {
    if old > new {
        return Err(ProofError::Sizes { old, new });
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    // SUBPROOF(old, D[start..start + count]) of RFC 6962 §2.1.2. `whole` is its `b`: the old root itself needs no hash.
    let (mut start, mut count, mut whole, mut path) = (0, new, true, Vec::new());
    while old - start != count {
        let k = split(count);
        if old - start <= k {
            path.push(range(start + k, count - k, source)?);
            count = k;
        } else {
            path.push(range(start, k, source)?);
            (start, count, whole) = (start + k, count - k, false);
        }
    }
    if !whole {
        path.push(range(start, count, source)?);
    }
    path.reverse();
    Ok(path)
}

/// One step of a path from a leaf to the root: two neighbours that are hashed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The hash so far: of the leaf, or of what the step before made.
    pub node: NodeHash,
    /// Its neighbour, as the proof gives it.
    pub sibling: NodeHash,
    /// Whether the neighbour stands on the left.
    pub left: bool,
}

/// The steps by which a proof leads from leaf `index` of `size` leaves to a root, and that root (RFC 9162 §2.1.3.2). Whether it is the right
/// one is for [`verify_inclusion`] to say.
pub fn steps(leaf: NodeHash, index: u64, size: u64, proof: &[NodeHash]) -> Result<(Vec<Step>, NodeHash), ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let wrong_length = || ProofError::Length(proof.len());
    let (mut node, mut last, mut hash, mut steps) = (index, size - 1, leaf, Vec::new());
    for sibling in proof {
        if last == 0 {
            return Err(wrong_length());
        }
        let left = node & 1 == 1 || node == last;
        steps.push(Step { node: hash, sibling: *sibling, left });
        if left {
            hash = node_hash(*sibling, hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(hash, *sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(wrong_length());
    }
    Ok((steps, hash))
}

/// Checks that `leaf` is leaf `index` of the tree of `size` leaves with this root (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(leaf: NodeHash, index: u64, size: u64, proof: &[NodeHash], root: NodeHash) -> Result<(), ProofError> {
    same_root(steps(leaf, index, size, proof)?.1, root)
}

/// Checks that the tree of `old` leaves is a prefix of the tree of `new` (RFC 9162 §2.1.4.2; an empty old tree is a prefix of
/// any).
pub fn verify_consistency(
    old: u64,
    old_root: NodeHash,
    new: u64,
    new_root: NodeHash,
    proof: &[NodeHash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Sizes { old, new });
    }
    let wrong_length = || ProofError::Length(proof.len());
    if old == 0 || old == new {
        if !proof.is_empty() {
            return Err(wrong_length());
        }
        return same_root(old_root, if old == 0 { EMPTY_ROOT } else { new_root });
    }
    // When the old tree is a full subtree its root starts the path and is left out of the proof.
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        let (first, rest) = proof.split_first().ok_or_else(wrong_length)?;
        (*first, rest)
    };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut from_old, mut from_new) = (first, first);
    for step in rest {
        if last == 0 {
            return Err(wrong_length());
        }
        if node & 1 == 1 || node == last {
            from_old = node_hash(*step, from_old);
            from_new = node_hash(*step, from_new);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            from_new = node_hash(from_new, *step);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(wrong_length());
    }
    same_root(from_old, old_root)?;
    same_root(from_new, new_root)
}

fn same_root(found: NodeHash, expected: NodeHash) -> Result<(), ProofError> {
    if found == expected { Ok(()) } else { Err(ProofError::Root(found)) }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Dice, Leaves};
    use super::super::hash::leaf_hash;
    use super::*;

    /// The seven leaves of RFC 6962 §2.1.3 (d0 … d6), any entries.
    fn figure() -> Leaves {
        Leaves::new(7)
    }

    #[test]
    fn the_example_of_rfc_6962() {
        let tree = figure();
        let leaf = |i: usize| tree.0[i];
        let pair = |i: u64| tree.hash(1, i).unwrap();
        let k = tree.hash(2, 0).unwrap();
        // §2.1.3: names as in the figure: a…j leaves, g h i pairs, k the left four, l the right three.
        let (g, h, i) = (pair(0), pair(1), pair(2));
        let l = node_hash(i, leaf(6));
        assert_eq!(inclusion(0, 7, &tree).unwrap(), [leaf(1), h, l]);
        assert_eq!(inclusion(3, 7, &tree).unwrap(), [leaf(2), g, l]);
        assert_eq!(inclusion(4, 7, &tree).unwrap(), [leaf(5), leaf(6), k]);
        assert_eq!(inclusion(6, 7, &tree).unwrap(), [i, k]);
        assert_eq!(consistency(3, 7, &tree).unwrap(), [leaf(2), leaf(3), g, l]);
        assert_eq!(consistency(4, 7, &tree).unwrap(), [l]);
        assert_eq!(consistency(6, 7, &tree).unwrap(), [i, leaf(6), k]);
    }

    #[test]
    fn steps_lead_from_the_leaf_to_the_root() {
        let tree = figure();
        for index in 0..7u64 {
            let (path, root) = steps(tree.0[index as usize], index, 7, &inclusion(index, 7, &tree).unwrap()).unwrap();
            assert_eq!((path[0].node, root), (tree.0[index as usize], tree.root(7)));
            let made = |step: &Step| {
                if step.left { node_hash(step.sibling, step.node) } else { node_hash(step.node, step.sibling) }
            };
            assert!(path.windows(2).all(|two| made(&two[0]) == two[1].node), "each step goes on from the one before");
            assert_eq!(made(&path[path.len() - 1]), root);
        }
        assert_eq!(steps(tree.0[0], 0, 1, &[]), Ok((Vec::new(), tree.0[0])));
    }

    #[test]
    fn every_inclusion_to_300_proves_and_any_flipped_bit_breaks_it() {
        let (tree, mut dice) = (Leaves::new(300), Dice(1));
        for size in 0..=300u64 {
            let root = tree.root(size as usize);
            assert_eq!(super::root(size, &tree).unwrap(), root);
            for index in 0..size {
                let leaf = tree.0[index as usize];
                let proof = inclusion(index, size, &tree).unwrap();
                verify_inclusion(leaf, index, size, &proof, root).unwrap();
                let mut broken = proof.clone();
                if let Some(hash) = proof.len().checked_sub(1).map(|n| dice.below(n + 1)) {
                    broken[hash].0[dice.below(32)] ^= 1 << dice.below(8);
                    assert!(verify_inclusion(leaf, index, size, &broken, root).is_err());
                    assert!(verify_inclusion(leaf, index, size, &proof[1..], root).is_err());
                }
                let longer = [&proof[..], &[leaf]].concat();
                assert!(verify_inclusion(leaf, index, size, &longer, root).is_err());
                assert!(verify_inclusion(leaf_hash(b"other"), index, size, &proof, root).is_err());
                assert!(verify_inclusion(leaf, index ^ 1, size, &proof, root).is_err() || size == 1);
            }
            assert_eq!(inclusion(size, size, &tree), Err(ProofError::Index { index: size, size }));
        }
    }

    #[test]
    fn every_consistency_to_300_proves_and_any_flipped_bit_breaks_it() {
        let (tree, mut dice) = (Leaves::new(300), Dice(2));
        let roots: Vec<NodeHash> = (0..=300).map(|size| tree.root(size)).collect();
        for new in 0..=300u64 {
            let new_root = roots[new as usize];
            for old in 0..=new {
                let old_root = roots[old as usize];
                let proof = consistency(old, new, &tree).unwrap();
                verify_consistency(old, old_root, new, new_root, &proof).unwrap();
                let mut broken = proof.clone();
                if !proof.is_empty() {
                    broken[dice.below(proof.len())].0[dice.below(32)] ^= 1 << dice.below(8);
                    assert!(verify_consistency(old, old_root, new, new_root, &broken).is_err(), "{old} {new}");
                    assert!(verify_consistency(old, old_root, new, new_root, &proof[1..]).is_err());
                }
                let longer = [&proof[..], &[new_root]].concat();
                assert!(verify_consistency(old, old_root, new, new_root, &longer).is_err());
                assert!(verify_consistency(old, leaf_hash(b"other"), new, new_root, &proof).is_err());
                assert!(verify_consistency(old, old_root, new, leaf_hash(b"other"), &proof).is_err() || old == 0);
            }
            assert_eq!(consistency(new + 1, new, &tree), Err(ProofError::Sizes { old: new + 1, new }));
        }
    }

    #[test]
    fn every_bit_of_one_proof_counts() {
        let tree = Leaves::new(100);
        let (root, old_root) = (tree.root(100), tree.root(77));
        let (inclusion, consistency) = (inclusion(42, 100, &tree).unwrap(), consistency(77, 100, &tree).unwrap());
        for bit in 0..256 {
            for hash in 0..inclusion.len().max(consistency.len()) {
                let flip = |proof: &[NodeHash]| {
                    let mut proof = proof.to_vec();
                    proof.get_mut(hash)?.0[bit / 8] ^= 1 << (bit % 8);
                    Some(proof)
                };
                if let Some(broken) = flip(&inclusion) {
                    assert!(verify_inclusion(tree.0[42], 42, 100, &broken, root).is_err());
                }
                if let Some(broken) = flip(&consistency) {
                    assert!(verify_consistency(77, old_root, 100, root, &broken).is_err());
                }
            }
        }
    }

    #[test]
    fn extreme_sizes_do_not_panic() {
        let hash = EMPTY_ROOT;
        for size in [1, 2, 3, 1 << 63, u64::MAX - 1, u64::MAX] {
            for index in [0, 1, size / 2, size - 1, size] {
                for length in [0, 1, 63, 64, 65] {
                    let proof = vec![hash; length];
                    assert!(verify_inclusion(hash, index, size, &proof, NodeHash([1; 32])).is_err());
                    let _ = verify_consistency(index, hash, size, hash, &proof);
                }
            }
        }
    }
}
