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
    let sorted = sorted(ids);
    Sha256Hash(if sorted.is_empty() { Sha256::digest([]).into() } else { subtree(&sorted) })
}

fn sorted(ids: &[WorkId]) -> Vec<WorkId> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}

fn leaf(work: WorkId) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(work.to_string()).finalize().into()
}

fn node(left: [u8; 32], right: [u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The largest power of two smaller than the number of leaves (RFC 6962 §2.1); `leaves` is at least 2.
const fn split(leaves: usize) -> usize {
    1 << (usize::BITS - 1 - (leaves - 1).leading_zeros())
}

fn subtree(works: &[WorkId]) -> [u8; 32] {
    if let [work] = works {
        return leaf(*work);
    }
    let (left, right) = works.split_at(split(works.len()));
    node(subtree(left), subtree(right))
}

/// A member of a dataset, with the hashes that lead from it to the root (RFC 6962 §2.1.1: its sibling first).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its place among the sorted ids, from 0.
    pub index: u64,
    /// Which work.
    pub work: WorkId,
    /// At most 64 hashes.
    pub path: Vec<Sha256Hash>,
}

/// Proof that a work is in a dataset, or that it is not.
///
/// A work that is in it is its own witness. One that is not is proved absent by its neighbours: the sorted list has the one directly
/// before the other, so nothing lies between. At either end of the list one neighbour is enough, and in an empty dataset none is needed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// Of which dataset.
    pub dataset: DatasetId,
    /// About which work.
    pub work: WorkId,
    /// What is proved: that it is in the dataset (true), or that it is not.
    pub present: bool,
    /// The work itself when present; otherwise its neighbours, the lower first.
    pub members: Vec<Member>,
}

/// Why a membership proof does not prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// Another dataset.
    #[error("the proof is about another dataset than the statement: take both from the same page")]
    Dataset,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the dataset's root: it was changed, or belongs to another dataset")]
    Root,
    /// The members are not those that would prove it.
    #[error("the members named do not show whether the work is in the dataset: fetch the proof again")]
    Members,
}

impl Membership {
    /// For `work` in the dataset of these `works`.
    pub fn prove(dataset: DatasetId, works: &[WorkId], work: WorkId) -> Self {
        let sorted = sorted(works);
        let member = |index: usize| Member { index: index as u64, work: sorted[index], path: path(&sorted, index) };
        let (present, members) = match sorted.binary_search(&work) {
            Ok(index) => (true, vec![member(index)]),
            Err(at) => {
                let before = at.checked_sub(1);
                let after = (at < sorted.len()).then_some(at);
                (false, before.into_iter().chain(after).map(member).collect())
            }
        };
        Self { dataset, work, present, members }
    }

    /// Checks it against the dataset as its signed statement gives it: root and number of works.
    pub fn check(&self, dataset: &Dataset) -> Result<(), Unproved> {
        if self.dataset != dataset.id {
            return Err(Unproved::Dataset);
        }
        for member in &self.members {
            let found = follow(member, dataset.works).ok_or(Unproved::Root)?;
            if found != dataset.root.0 {
                return Err(Unproved::Root);
            }
        }
        let proved = match &self.members[..] {
            [only] if self.present => only.work == self.work,
            _ if self.present => false,
            [] => dataset.works == 0 && dataset.root == root(&[]),
            [only] => {
                let first = only.index == 0 && self.work < only.work;
                let last = only.index + 1 == dataset.works && only.work < self.work;
                first || last
            }
            [before, after] => before.work < self.work && self.work < after.work && before.index + 1 == after.index,
            _ => false,
        };
        if proved { Ok(()) } else { Err(Unproved::Members) }
    }
}

/// The hashes from leaf `index` to the root, its sibling first.
fn path(works: &[WorkId], index: usize) -> Vec<Sha256Hash> {
    if works.len() <= 1 {
        return Vec::new();
    }
    let (left, right) = works.split_at(split(works.len()));
    let (mut path, other) = if index < left.len() { (path(left, index), right) } else { (path(right, index - left.len()), left) };
    path.push(Sha256Hash(subtree(other)));
    path
}

/// Where a member's hashes lead in a tree of so many leaves; `None` when there are too few or too many of them (RFC 9162 §2.1.3.2).
fn follow(member: &Member, works: u64) -> Option<[u8; 32]> {
    let (mut at, mut last) = (member.index, works.checked_sub(1)?);
    if at > last {
        return None;
    }
    let mut hash = leaf(member.work);
    for step in &member.path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node(step.0, hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node(hash, step.0);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
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

    #[test]
    fn presence_and_absence_are_proved_in_trees_of_every_shape() {
        for n in 0..34u32 {
            // Every second id is a member, so that each gap is asked for as well.
            let mut all = ids(2 * n + 1);
            all.sort();
            let members: Vec<WorkId> = all.iter().skip(1).step_by(2).copied().collect();
            let dataset = Dataset {
                id: DatasetId::derived(&root(&members).0),
                name: String::new(),
                root: root(&members),
                works: u64::from(n),
                frozen_at: Timestamp::from_millis(0),
            };
            for (i, &work) in all.iter().enumerate() {
                let proof = Membership::prove(dataset.id, &members, work);
                assert_eq!(proof.present, i % 2 == 1, "{n} {i}");
                assert_eq!(proof.check(&dataset), Ok(()), "{n} {i}");
                let read: Membership = serde_json::from_str(&serde_json::to_string(&proof).unwrap()).unwrap();
                assert_eq!(read, proof);

                // Nothing of it can be changed.
                assert!(Membership { present: !proof.present, ..proof.clone() }.check(&dataset).is_err());
                let other = all[(i + 1) % all.len()];
                assert!(other == work || n == 1 || Membership { work: other, ..proof.clone() }.check(&dataset).is_err());
                assert_eq!(
                    Membership { dataset: DatasetId::derived(b"x"), ..proof.clone() }.check(&dataset),
                    Err(Unproved::Dataset)
                );
                for at in 0..proof.members.len() {
                    let changed = |change: &dyn Fn(&mut Member)| {
                        let mut changed = proof.clone();
                        change(&mut changed.members[at]);
                        assert!(changed.check(&dataset).is_err(), "{n} {i} {at}");
                    };
                    changed(&|m| m.index += 1);
                    changed(&|m| m.index = m.index.wrapping_sub(1));
                    changed(&|m| m.work = WorkId::derived(b"x"));
                    changed(&|m| m.path.push(Sha256Hash([0; 32])));
                    if !proof.members[at].path.is_empty() {
                        changed(&|m| m.path[0].0[7] ^= 1);
                        changed(&|m| m.path.truncate(m.path.len() - 1));
                    }
                    let mut fewer = proof.clone();
                    fewer.members.remove(at);
                    assert!(fewer.check(&dataset).is_err(), "{n} {i} without {at}");
                }
            }
        }
    }

    #[test]
    fn a_member_can_not_be_hidden_between_two_that_are_no_neighbours() {
        let mut members = ids(9);
        members.sort();
        let dataset = Dataset {
            id: DatasetId::derived(b"d"),
            name: String::new(),
            root: root(&members),
            works: 9,
            frozen_at: Timestamp::from_millis(0),
        };
        let member = |index: usize| Member { index: index as u64, work: members[index], path: path(&members, index) };
        let lie = |shown: Vec<Member>| Membership { dataset: dataset.id, work: members[4], present: false, members: shown };
        for shown in
            [vec![member(3), member(5)], vec![member(5), member(3)], vec![member(3)], vec![member(0)], vec![member(8)], vec![]]
        {
            assert_eq!(lie(shown).check(&dataset), Err(Unproved::Members));
        }
    }
}
