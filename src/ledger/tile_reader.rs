//! Reading tiles that may have been tampered with: every tile is authenticated against the tree's root before one hash of it is
//! used.
//!
//! The right edge is checked first, all of it against the root; every other tile is full and is checked against the hash its
//! parent tile holds. There is no other way to a hash. (Two well-known readers skipped tiles when several subtrees lie in one
//! tile and gave out tampered hashes: CVE-2026-56865.) No I/O: bytes come from a `TileSource`, such as a `TileSet` filled
//! beforehand.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::hash::{NodeHash, subtree_root};
use super::proof::HashSource;
use super::sequence::Integration;
use super::tile::{FULL, TileLevel, TilePath, decode_hashes};
use super::tree::{Frontier, peaks};

/// Why a hash could not be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// No such tile is kept.
    #[error("the tile `{0}` is missing: restore it from a copy of the log, or rebuild the tiles from the entries")]
    Missing(TilePath),
    /// The tile is not what the tree's root says.
    #[error("the tile `{0}` does not lead to the log's root: restore it from a copy of the log, or rebuild it from the entries")]
    Tampered(TilePath),
    /// The subtree is not complete in a tree of this size.
    #[error("the subtree at level {level}, index `{index}` is not complete in a log of {size} entries: ask for an older one")]
    NotInTree {
        /// Binary level, 0 for a leaf.
        level: u8,
        /// Counted from 0 within the level.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The place where tiles are kept did not answer.
    #[error("the tile `{tile}` could not be read: {reason}")]
    Unavailable {
        /// The tile asked for.
        tile: TilePath,
        /// What the store said.
        reason: String,
    },
}

/// Gives the bytes of tiles, believed or not.
pub trait TileSource: Sync {
    /// The tile's bytes as kept: 32 for each of `path.width` hashes.
    fn tile(&self, path: TilePath) -> Result<Vec<u8>, SourceError>;
}

impl<F: Fn(TilePath) -> Result<Vec<u8>, SourceError> + Sync> TileSource for F {
    fn tile(&self, path: TilePath) -> Result<Vec<u8>, SourceError> {
        self(path)
    }
}

/// Tiles in memory by level and index, each as wide as was put in: what a store reads first so that the mathematics can stay
/// pure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TileSet {
    tiles: BTreeMap<(u8, u64), Vec<u8>>,
}

impl TileSet {
    /// Puts in the tile's bytes so far, in place of shorter ones.
    pub fn insert(&mut self, level: u8, index: u64, bytes: Vec<u8>) {
        self.tiles.insert((level, index), bytes);
    }

    /// Takes over what a step of the sequencer changed.
    pub fn apply(&mut self, integration: &Integration) {
        for tile in &integration.tiles {
            self.insert(tile.level, tile.index, tile.bytes.clone());
        }
    }

    /// Every tile, by level and index.
    pub fn iter(&self) -> impl Iterator<Item = (u8, u64, &[u8])> {
        self.tiles.iter().map(|((level, index), bytes)| (*level, *index, bytes.as_slice()))
    }
}

impl TileSource for TileSet {
    /// The first `path.width` hashes of the tile; a longer tile than asked for is a newer state of the same one.
    fn tile(&self, path: TilePath) -> Result<Vec<u8>, SourceError> {
        let TileLevel::Hashes(level) = path.level else { return Err(SourceError::Missing(path)) };
        let bytes = self.tiles.get(&(level, path.index)).ok_or(SourceError::Missing(path))?;
        bytes.get(..usize::from(path.width) * 32).map(<[u8]>::to_vec).ok_or(SourceError::Missing(path))
    }
}

/// The tiles at the right edge of a log of `size` entries, lowest level first: together they hold all its full subtrees' roots.
/// At most 8; none for the empty log.
pub fn right_edge_tiles(size: u64) -> Vec<TilePath> {
    (0..8u8)
        .filter_map(|level| {
            let count = size >> (8 * u32::from(level));
            let width = (count % u64::from(FULL)) as u16;
            (width > 0).then(|| TilePath::hashes(level, count / u64::from(FULL), width))
        })
        .collect()
}

/// The tile that holds what a subtree is hashed from, and which of the tile's hashes those are.
fn locate(level: u8, index: u64, size: u64) -> Option<(TilePath, std::ops::Range<usize>)> {
    let (tile_level, within) = (level / 8, level % 8);
    let end = index.checked_add(1)?.checked_mul(1u64.checked_shl(u32::from(level))?);
    if end.is_none_or(|end| end > size) {
        return None;
    }
    let tile = TilePath::at(TileLevel::Hashes(tile_level), index >> (8 - within), size)?;
    let first = ((index << within) % u64::from(FULL)) as usize;
    Some((tile, first..first + (1 << within)))
}

/// The tiles a `TileReader` needs to answer for these subtrees (binary level, index) of a log of `size` entries: their own, all
/// above them, and the right edge. Sorted, without repeats.
pub fn tiles_needed(size: u64, subtrees: impl IntoIterator<Item = (u8, u64)>) -> Vec<TilePath> {
    let mut tiles: BTreeSet<TilePath> = right_edge_tiles(size).into_iter().collect();
    for (level, index) in subtrees {
        let mut next = locate(level, index, size);
        while let Some((tile, _)) = next {
            if !tiles.insert(tile) || tile.is_partial() {
                break;
            }
            let TileLevel::Hashes(tile_level) = tile.level else { break };
            next = locate(8 * (tile_level + 1), tile.index, size);
        }
    }
    tiles.into_iter().collect()
}

/// The tiles needed to prove that entry `index` is in a log of `size` entries.
pub fn tiles_for_inclusion(index: u64, size: u64) -> Vec<TilePath> {
    let wanted = Wanted::default();
    let _ = super::proof::inclusion(index, size, &wanted);
    tiles_needed(size, wanted.take())
}

/// The tiles needed to prove that a log of `old` entries is a prefix of a log of `new`.
pub fn tiles_for_consistency(old: u64, new: u64) -> Vec<TilePath> {
    let wanted = Wanted::default();
    let _ = super::proof::consistency(old, new, &wanted);
    tiles_needed(new, wanted.take())
}

/// Notes which subtrees a proof asks for.
#[derive(Default)]
struct Wanted(Mutex<Vec<(u8, u64)>>);

impl Wanted {
    fn take(self) -> Vec<(u8, u64)> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HashSource for Wanted {
    fn hash(&self, level: u8, index: u64) -> Result<NodeHash, SourceError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((level, index));
        Ok(super::hash::EMPTY_ROOT)
    }
}

/// Gives out hashes of a log of known size and root, each from a tile authenticated against that root.
pub struct TileReader<'a> {
    source: &'a dyn TileSource,
    size: u64,
    /// INVARIANT: holds only tiles whose hashes lead to the root.
    authentic: Mutex<BTreeMap<TilePath, Arc<Vec<NodeHash>>>>,
}

impl<'a> TileReader<'a> {
    /// Reads the right edge and checks it against the root; `Tampered` names its lowest tile when it leads elsewhere.
    pub fn open(source: &'a dyn TileSource, size: u64, root: NodeHash) -> Result<Self, SourceError> {
        let mut edge = BTreeMap::new();
        for tile in right_edge_tiles(size) {
            edge.insert(tile, Arc::new(read(source, tile)?));
        }
        let mut tops = Vec::new();
        for (level, index) in peaks(size) {
            let found = locate(level, index, size).and_then(|(tile, range)| Some(subtree_root(edge.get(&tile)?.get(range)?)));
            tops.push(found.ok_or(SourceError::NotInTree { level, index, size })?);
        }
        let found = Frontier::from_peaks(size, tops).unwrap_or_default().root();
        if found != root {
            let lowest = edge.keys().next().copied();
            return Err(SourceError::Tampered(lowest.unwrap_or(TilePath::hashes(0, 0, 1))));
        }
        Ok(Self { source, size, authentic: Mutex::new(edge) })
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of a tile of this tree, authenticated. `tile` must have the width it has at this size.
    fn authentic(&self, tile: TilePath) -> Result<Arc<Vec<NodeHash>>, SourceError> {
        if let Some(hashes) = self.authentic.lock().unwrap_or_else(PoisonError::into_inner).get(&tile) {
            return Ok(Arc::clone(hashes));
        }
        let TileLevel::Hashes(level) = tile.level else { return Err(SourceError::Missing(tile)) };
        // Not of the right edge, so full, and its root is one hash of an authentic tile above.
        let (parent, place) = locate(8 * (level + 1), tile.index, self.size).ok_or(SourceError::Tampered(tile))?;
        let expected = self.authentic(parent)?.get(place.start).copied();
        let hashes = read(self.source, tile)?;
        if expected != Some(subtree_root(&hashes)) {
            return Err(SourceError::Tampered(tile));
        }
        let hashes = Arc::new(hashes);
        self.authentic.lock().unwrap_or_else(PoisonError::into_inner).insert(tile, Arc::clone(&hashes));
        Ok(hashes)
    }
}

impl HashSource for TileReader<'_> {
    fn hash(&self, level: u8, index: u64) -> Result<NodeHash, SourceError> {
        let outside = SourceError::NotInTree { level, index, size: self.size };
        let (tile, range) = locate(level, index, self.size).ok_or(outside.clone())?;
        self.authentic(tile)?.get(range).map(subtree_root).ok_or(outside)
    }
}

fn read(source: &dyn TileSource, tile: TilePath) -> Result<Vec<NodeHash>, SourceError> {
    decode_hashes(&source.tile(tile)?, tile.width).map_err(|_| SourceError::Tampered(tile))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Leaves, entry, log_of};
    use super::super::hash::EMPTY_ROOT;
    use super::super::proof::{consistency, inclusion, root, verify_inclusion};
    use super::super::tile::{encode_hashes, tiles_for};
    use super::*;

    fn log(size: usize) -> (super::super::Head, TileSet) {
        log_of(&(0..size).map(entry).collect::<Vec<_>>())
    }

    #[test]
    fn every_hash_of_a_log_is_the_same_from_tiles_as_from_leaves() {
        let (head, tiles) = log(700);
        let leaves = Leaves::new(700);
        let reader = TileReader::open(&tiles, 700, head.root).unwrap();
        for level in 0..12u8 {
            for index in 0..=(700u64 >> level) {
                assert_eq!(reader.hash(level, index).ok(), leaves.hash(level, index).ok(), "{level} {index}");
            }
        }
        assert_eq!(root(700, &reader).unwrap(), head.root);
        for (level, index) in [(63, 0), (63, 1), (0, u64::MAX), (64, 0), (255, 0), (7, u64::MAX)] {
            assert!(matches!(reader.hash(level, index), Err(SourceError::NotInTree { .. })));
        }
    }

    #[test]
    fn the_tiles_listed_are_enough_and_none_is_spare() {
        let (head, tiles) = log(70_000);
        for (listed, proof) in [
            (
                tiles_for_inclusion(3, 70_000),
                Box::new(|r: &TileReader<'_>| inclusion(3, 70_000, r)) as Box<dyn Fn(&TileReader<'_>) -> _>,
            ),
            (tiles_for_inclusion(69_999, 70_000), Box::new(|r: &TileReader<'_>| inclusion(69_999, 70_000, r))),
            (tiles_for_consistency(513, 70_000), Box::new(|r: &TileReader<'_>| consistency(513, 70_000, r))),
        ] {
            assert!(listed.len() <= 7, "{listed:?}");
            for left_out in 0..=listed.len() {
                let source = |path: TilePath| match listed.iter().position(|t| *t == path) {
                    Some(at) if at != left_out => tiles.tile(path),
                    _ => Err(SourceError::Missing(path)),
                };
                let outcome = TileReader::open(&source, head.size, head.root).map_err(Into::into).and_then(|r| proof(&r));
                assert_eq!(outcome.is_ok(), left_out == listed.len(), "without {:?}", listed.get(left_out));
            }
        }
        assert_eq!(tiles_for_inclusion(9, 5), right_edge_tiles(5));
    }

    #[test]
    fn the_right_edge_is_what_the_size_says() {
        assert_eq!(right_edge_tiles(0), []);
        assert_eq!(
            right_edge_tiles(70_000),
            [TilePath::hashes(0, 273, 112), TilePath::hashes(1, 1, 17), TilePath::hashes(2, 0, 1)]
        );
        assert_eq!(right_edge_tiles(65_536), [TilePath::hashes(2, 0, 1)]);
        assert_eq!(right_edge_tiles(u64::MAX).len(), 8);
        assert!(TileReader::open(&TileSet::default(), 0, EMPTY_ROOT).is_ok());
        assert!(TileReader::open(&TileSet::default(), 0, NodeHash([1; 32])).is_err());
    }

    #[test]
    fn a_flip_of_any_byte_of_any_tile_is_refused() {
        const SIZE: u64 = 600;
        let (head, tiles) = log(SIZE as usize);
        let leaves = Leaves::new(SIZE as usize);
        let mut flips = 0;
        for path in tiles_for(0, SIZE) {
            let TileLevel::Hashes(level) = path.level else { unreachable!() };
            let honest = tiles.tile(path).unwrap();
            for at in 0..honest.len() {
                let mut bytes = honest.clone();
                bytes[at] ^= 1 << (at % 8);
                let mut tampered = tiles.clone();
                tampered.insert(level, path.index, bytes);
                // A reader either does not open, or refuses every hash that the tile takes part in; nothing false comes out.
                let refused = match TileReader::open(&tampered, SIZE, head.root) {
                    Err(error) => matches!(error, SourceError::Tampered(_)),
                    Ok(reader) => {
                        // The whole subtree just above the byte, its sibling in the same tile, and a proof through the tile.
                        let index = path.index * 256 + (at / 32) as u64;
                        let refusal = Err(SourceError::Tampered(path));
                        let sibling = reader.hash(8 * level, index ^ 1) == refusal;
                        let far = reader.hash(8 * level, path.index * 256 + (index + 128) % 256) == refusal;
                        let proof = inclusion(index << (8 * level), SIZE, &reader) == Err(SourceError::Tampered(path).into());
                        reader.hash(8 * level, index) == refusal && sibling && far && proof
                    }
                };
                assert!(refused, "{path} byte {at}");
                flips += 1;
            }
        }
        assert_eq!(flips, (600 + 2) * 32);
        let reader = TileReader::open(&tiles, SIZE, head.root).unwrap();
        for index in 0..SIZE {
            let proof = inclusion(index, SIZE, &reader).unwrap();
            verify_inclusion(leaves.0[index as usize], index, SIZE, &proof, head.root).unwrap();
        }
    }

    #[test]
    fn a_flip_in_a_full_tile_above_the_leaves_is_refused() {
        let (head, tiles) = log(70_000);
        let path = TilePath::hashes(1, 0, 256);
        let honest = tiles.tile(path).unwrap();
        for at in (0..honest.len()).step_by(61) {
            let mut tampered = tiles.clone();
            let mut bytes = honest.clone();
            bytes[at] ^= 4;
            tampered.insert(1, 0, bytes);
            let reader = TileReader::open(&tampered, 70_000, head.root).unwrap();
            // Whichever leaf below is asked for, near the flip or far from it.
            for leaf in [0, 255, 256, (at as u64 / 32) << 8, 65_535] {
                assert_eq!(reader.hash(0, leaf), Err(SourceError::Tampered(path)));
            }
            assert!(reader.hash(0, 65_536).is_ok(), "not below the tampered tile");
        }
    }

    #[test]
    fn wrong_lengths_and_swapped_tiles_are_refused() {
        let (head, tiles) = log(600);
        let full = TilePath::hashes(0, 0, 256);
        let other = tiles.tile(TilePath::hashes(0, 1, 256)).unwrap();
        let long = encode_hashes(&vec![NodeHash([0; 32]); 257]);
        for bytes in [other, vec![], vec![0; 31], long] {
            let source = |path: TilePath| if path == full { Ok(bytes.clone()) } else { tiles.tile(path) };
            let reader = TileReader::open(&source, 600, head.root).unwrap();
            assert_eq!(reader.hash(0, 5), Err(SourceError::Tampered(full)));
        }
    }
}
