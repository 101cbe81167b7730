//! The one step by which a log grows: staged entries in, changed tiles and the next head out.
//!
//! Pure: reading the right edge, storing the tiles and swapping the head are the store's. Order is its duty too (stage,
//! integrate, swap the head, publish tiles, publish the checkpoint). INVARIANT: a head is returned only if the tiles it extends
//! were hashed here and lead to the head before it.

use super::hash::{EMPTY_ROOT, NodeHash, leaf_hash, subtree_root};
use super::statement::MAX_ENTRY;
use super::tile::{FULL, TileLevel, decode_hashes, encode_hashes};
use super::tile_reader::{SourceError, TileReader, TileSource, right_edge_tiles};
use super::tree::Frontier;

/// Size and root of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: NodeHash,
}

impl Head {
    /// Of a log without entries.
    pub const EMPTY: Self = Self { size: 0, root: EMPTY_ROOT };
}

/// A hash tile after the step, with all its hashes so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedTile {
    /// 0 to 7.
    pub level: u8,
    /// Counted from 0 within the level.
    pub index: u64,
    /// 32 for each of 1 to 256 hashes. The hashes it had before come first, unchanged.
    pub bytes: Vec<u8>,
}

impl ChangedTile {
    /// Hashes in it, 1 to 256.
    pub fn width(&self) -> u16 {
        (self.bytes.len() / 32) as u16
    }
}

/// What one step changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// The index of the first staged entry; the others follow in order.
    pub first_index: u64,
    /// One per staged entry.
    pub leaf_hashes: Vec<NodeHash>,
    /// By level, then index; the same tiles as `tiles_for(old size, new size)` lists.
    pub tiles: Vec<ChangedTile>,
    /// The log after the step.
    pub head: Head,
}

/// Why a step is refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// The stored right edge is not what the head says, or is not there.
    #[error("the log cannot grow from {size} entries: {source}")]
    RightEdge {
        /// Entries before the step.
        size: u64,
        /// What is wrong.
        source: SourceError,
    },
    /// An entry does not fit in an entry bundle.
    #[error("staged entry `{at}` has {bytes} bytes, more than 65,535: log a record of hashes instead")]
    TooLarge {
        /// Its place among the staged, from 0.
        at: usize,
        /// Its length.
        bytes: usize,
    },
    /// More entries than a 64-bit size can count.
    #[error("the log is full at `{0}` entries: start a new one")]
    Full(u64),
}

/// Appends `staged` to the log at `head`. `right_edge` gives at least the tiles `right_edge_tiles(head.size)` lists, as stored.
pub fn integrate(head: &Head, right_edge: &dyn TileSource, staged: &[Vec<u8>]) -> Result<Integration, SequenceError> {
    if let Some((at, entry)) = staged.iter().enumerate().find(|(_, entry)| entry.len() > MAX_ENTRY) {
        return Err(SequenceError::TooLarge { at, bytes: entry.len() });
    }
    let size = head.size.checked_add(staged.len() as u64).ok_or(SequenceError::Full(head.size))?;
    let refused = |source| SequenceError::RightEdge { size: head.size, source };
    let mut open = read_edge(head, right_edge).map_err(refused)?;
    let leaf_hashes: Vec<NodeHash> = staged.iter().map(|entry| leaf_hash(entry)).collect();
    let mut tiles: Vec<ChangedTile> = Vec::new();
    let mut risen = leaf_hashes.clone();
    for (level, open) in (0..8u8).zip(&mut open) {
        if risen.is_empty() {
            break;
        }
        let mut next = Vec::new();
        for hash in risen {
            open.hashes.push(hash);
            if open.hashes.len() == usize::from(FULL) {
                next.push(subtree_root(&open.hashes));
                tiles.push(ChangedTile { level, index: open.index, bytes: encode_hashes(&open.hashes) });
                *open = OpenTile { index: open.index + 1, hashes: Vec::new() };
            }
        }
        if !open.hashes.is_empty() {
            tiles.push(ChangedTile { level, index: open.index, bytes: encode_hashes(&open.hashes) });
        }
        risen = next;
    }
    let root = edge_frontier(&open).root();
    Ok(Integration { first_index: head.size, leaf_hashes, tiles, head: Head { size, root } })
}

/// The tile of one level that is still filling: 0 to 255 hashes.
#[derive(Debug, Default)]
pub(super) struct OpenTile {
    pub(super) index: u64,
    pub(super) hashes: Vec<NodeHash>,
}

/// The stored right edge, level by level, after it was found to lead to the head's root.
pub(super) fn read_edge(head: &Head, source: &dyn TileSource) -> Result<Vec<OpenTile>, SourceError> {
    // Read once and checked from these very bytes, so that what was checked is what is extended.
    let mut kept = std::collections::BTreeMap::new();
    for path in right_edge_tiles(head.size) {
        kept.insert(path, source.tile(path)?);
    }
    let from_kept = |path| kept.get(&path).cloned().ok_or(SourceError::Missing(path));
    TileReader::open(&from_kept, head.size, head.root)?;
    let mut open: Vec<OpenTile> = (0..8u32)
        .map(|level| OpenTile { index: head.size.checked_shr(8 * (level + 1)).unwrap_or(0), hashes: Vec::new() })
        .collect();
    for (path, bytes) in &kept {
        let TileLevel::Hashes(level) = path.level else { continue };
        open[usize::from(level)].hashes = decode_hashes(bytes, path.width).map_err(|_| SourceError::Tampered(*path))?;
    }
    Ok(open)
}

/// The frontier of a tree whose open tiles are these: their full subtrees are all the full subtrees there are. INVARIANT: 8 levels of
/// 0 to 255 hashes are the base-256 digits of the size, so there is one peak per set bit and the frontier fits.
pub(super) fn edge_frontier(open: &[OpenTile]) -> Frontier {
    let (mut peaks, mut size) = (Vec::new(), 0u64);
    for (level, tile) in open.iter().enumerate().rev() {
        size += (tile.hashes.len() as u64) << (8 * level);
        let mut rest = tile.hashes.as_slice();
        while !rest.is_empty() {
            let (full, later) = rest.split_at(1 << rest.len().ilog2());
            peaks.push(subtree_root(full));
            rest = later;
        }
    }
    Frontier::from_peaks(size, peaks).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Leaves, entry, log_of};
    use super::super::tile::{TilePath, tiles_for};
    use super::super::tile_reader::TileSet;
    use super::*;

    fn entries(range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
        range.map(entry).collect()
    }

    #[test]
    fn any_batches_give_the_recursive_root_and_the_listed_tiles() {
        let leaves = Leaves::new(1000);
        for step in [1, 2, 7, 100, 255, 256, 257, 1000] {
            let (mut head, mut tiles) = (Head::EMPTY, TileSet::default());
            while head.size < 1000 {
                let from = head.size as usize;
                let staged = entries(from..(from + step).min(1000));
                let done = integrate(&head, &tiles, &staged).unwrap();
                assert_eq!(done.first_index, head.size);
                assert_eq!(done.head.root, leaves.root(done.head.size as usize));
                assert_eq!(done.leaf_hashes, leaves.0[from..from + staged.len()]);
                let changed: Vec<TilePath> = done.tiles.iter().map(|t| TilePath::hashes(t.level, t.index, t.width())).collect();
                assert_eq!(changed, tiles_for(head.size, done.head.size));
                tiles.apply(&done);
                head = done.head;
            }
        }
    }

    #[test]
    fn nothing_staged_changes_nothing() {
        let (head, tiles) = log_of(&entries(0..300));
        let done = integrate(&head, &tiles, &[]).unwrap();
        assert_eq!((done.head, done.tiles.len(), done.leaf_hashes.len()), (head, 0, 0));
    }

    #[test]
    fn a_large_log_in_one_step() {
        let (head, tiles) = log_of(&entries(0..70_000));
        let done = integrate(&Head::EMPTY, &TileSet::default(), &entries(0..70_000)).unwrap();
        assert_eq!((done.head, done.tiles.len()), (head, 277));
        let mut again = TileSet::default();
        again.apply(&done);
        assert_eq!(again, tiles);
    }

    #[test]
    fn a_head_is_never_made_over_bytes_that_do_not_hash_to_the_last() {
        let (head, tiles) = log_of(&entries(0..600));
        for path in right_edge_tiles(600) {
            let TileLevel::Hashes(level) = path.level else { unreachable!() };
            let honest = tiles.tile(path).unwrap();
            for at in 0..honest.len() {
                let mut bytes = honest.clone();
                bytes[at] ^= 0x80;
                let mut tampered = tiles.clone();
                tampered.insert(level, path.index, bytes);
                let refused = integrate(&head, &tampered, &entries(600..601));
                assert!(matches!(refused, Err(SequenceError::RightEdge { size: 600, source: SourceError::Tampered(_) })));
            }
        }
        let missing = integrate(&head, &TileSet::default(), &entries(600..601));
        assert!(matches!(missing, Err(SequenceError::RightEdge { source: SourceError::Missing(_), .. })));
        // An older head over newer tiles, and a newer head over older tiles.
        let (newer, newer_tiles) = log_of(&entries(0..601));
        assert!(integrate(&newer, &tiles, &entries(601..602)).is_err());
        assert!(integrate(&head, &newer_tiles, &entries(600..601)).is_ok(), "a longer tile begins with the shorter one");
        let wrong = Head { root: newer.root, ..head };
        assert!(integrate(&wrong, &tiles, &entries(600..601)).is_err());
    }

    #[test]
    fn entries_and_sizes_beyond_the_format_are_refused() {
        let staged = [vec![0; 65_535], vec![0; 65_536]];
        assert_eq!(integrate(&Head::EMPTY, &TileSet::default(), &staged), Err(SequenceError::TooLarge { at: 1, bytes: 65_536 }));
        let full = Head { size: u64::MAX, root: EMPTY_ROOT };
        assert_eq!(integrate(&full, &TileSet::default(), &entries(0..1)), Err(SequenceError::Full(u64::MAX)));
    }
}
