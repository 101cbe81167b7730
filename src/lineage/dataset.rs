//! A dataset: a frozen, sorted list of works under one Merkle root, so that membership can be checked by anyone.
//!
//! The tree is that of RFC 6962 §2.1 over the ids' text forms in ascending order: leaf = SHA-256(0x00 ‖ id), node =
//! SHA-256(0x01 ‖ left ‖ right). Because the list is sorted, two neighbouring leaves also prove that nothing lies between them.

use sha2::{Digest as _, Sha256};

use crate::clock::Timestamp;
use crate::digest::Sha256Hash;
use crate::id::{DatasetId, WorkId};

/// A frozen dataset. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Dataset {
    /// Name in every URL, row and log entry.
    pub id: DatasetId,
    /// For people.
    pub name: String,
    /// Merkle root over the sorted work ids.
    pub root: Sha256Hash,
    /// How many works.
    pub works: u64,
    /// When it was frozen.
    pub frozen_at: Timestamp,
}

/// Merkle root over `ids`, sorted and without doubles. The root of nothing is SHA-256 of nothing.
pub fn root(ids: &[WorkId]) -> Sha256Hash {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let leaves: Vec<[u8; 32]> =
        sorted.iter().map(|id| Sha256::new().chain_update([0]).chain_update(id.to_string()).finalize().into()).collect();
    Sha256Hash(if leaves.is_empty() { Sha256::digest([]).into() } else { subtree(&leaves) })
}

fn subtree(leaves: &[[u8; 32]]) -> [u8; 32] {
    if let [leaf] = leaves {
        return *leaf;
    }
    // The largest power of two smaller than the number of leaves (RFC 6962 §2.1).
    let split = 1 << (usize::BITS - 1 - (leaves.len() - 1).leading_zeros());
    let (left, right) = leaves.split_at(split);
    Sha256::new().chain_update([1]).chain_update(subtree(left)).chain_update(subtree(right)).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(n: u32) -> Vec<WorkId> {
        (0..n).map(|i| WorkId::derived(&i.to_be_bytes())).collect()
    }

    #[test]
    fn order_and_doubles_do_not_matter_but_every_member_does() {
        for n in 0..40 {
            let list = ids(n);
            let mut other: Vec<_> = list.iter().rev().copied().collect();
            other.extend(list.first());
            assert_eq!(root(&list), root(&other), "{n}");
            for skip in 0..list.len() {
                let mut less = list.clone();
                less.remove(skip);
                assert_ne!(root(&less), root(&list), "{n} without {skip}");
            }
        }
    }

    #[test]
    fn one_and_two_leaves_by_hand() {
        let mut list = ids(2);
        list.sort();
        let leaf = |id: &WorkId| Sha256::digest([&[0u8][..], id.to_string().as_bytes()].concat());
        assert_eq!(root(&list[..1]).0[..], leaf(&list[0])[..]);
        let node = Sha256::digest([&[1u8][..], &leaf(&list[0]), &leaf(&list[1])].concat());
        assert_eq!(root(&list).0[..], node[..]);
    }
}
