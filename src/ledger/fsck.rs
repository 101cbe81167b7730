//! Checking a whole log: every entry, leaf, tile, the root and the checkpoint are computed again and compared with what is kept.
//!
//! Reads nothing itself: entries come one by one, tiles from a `TileSource` that is not trusted. It repairs nothing and keeps at
//! most one open tile per level in memory. It can go on from a head that was checked before: that the new one follows from it then needs no
//! proof, as its tree is grown from the old one's right edge.

use super::checkpoint::{Checkpoint, SignedCheckpoint};
use super::hash::{NodeHash, leaf_hash, subtree_root};
use super::note::Verifier;
use super::sequence::{Head, edge_frontier, read_edge};
use super::statement::{Envelope, Statement, StatementError};
use super::tile::{FULL, TilePath, encode_hashes};
use super::tile_reader::{SourceError, TileSource};
use super::tree::Frontier;

/// Problems listed at most; more are counted.
const MAX_PROBLEMS: usize = 100;

/// What a check of the whole log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Entries that were hashed.
    pub size: u64,
    /// Root of the tree over them.
    pub root: NodeHash,
    /// One sentence each; empty for a sound log. After 100 only their number.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// A check under way. Give it the entries in order, then finish.
pub struct Fsck<'a> {
    tiles: &'a dyn TileSource,
    checkpoint: Option<Checkpoint>,
    frontier: Frontier,
    /// The tile of each level that is still filling: its index and hashes.
    open: Vec<(u64, Vec<NodeHash>)>,
    /// The index that the next entry should have.
    next: u64,
    /// Entries after the checkpoint's last.
    beyond: u64,
    problems: Vec<String>,
    unlisted: usize,
}

impl<'a> Fsck<'a> {
    /// Opens the checkpoint (its bytes as served) for this origin and key. Tiles are read at the checkpoint's size.
    pub fn new(tiles: &'a dyn TileSource, checkpoint: &[u8], origin: &str, verifier: &Verifier) -> Self {
        let open = (0..8).map(|_| (0, Vec::new())).collect();
        let (frontier, problems) = (Frontier::new(), Vec::new());
        let mut fsck = Self { tiles, checkpoint: None, frontier, open, next: 0, beyond: 0, problems, unlisted: 0 };
        match SignedCheckpoint::parse(checkpoint) {
            Err(error) => fsck.problem(format!("checkpoint: {error}")),
            Ok(signed) => {
                if let Err(error) = signed.open(origin, std::slice::from_ref(verifier)) {
                    fsck.problem(format!("checkpoint: {error}"));
                }
                // Even an unsigned head says how large the log should be; its problem is already listed.
                fsck.checkpoint = Some(signed.unverified().clone());
            }
        }
        fsck
    }

    /// Goes on from a head that was checked before: the first entry to come is number `last.size`. `edge` gives at least the tiles of that
    /// log's right edge, which are authenticated against its root.
    pub fn resume(mut self, last: &Head, edge: &dyn TileSource) -> Result<Self, SourceError> {
        let open = read_edge(last, edge)?;
        self.frontier = edge_frontier(&open);
        self.open = open.into_iter().map(|tile| (tile.index, tile.hashes)).collect();
        self.next = last.size;
        Ok(self)
    }

    /// Notes a problem that someone else found, such as a row that contradicts its entry.
    pub fn problem(&mut self, problem: String) {
        if self.problems.len() < MAX_PROBLEMS { self.problems.push(problem) } else { self.unlisted += 1 }
    }

    /// Takes the next entry as kept. Gives back the statement in it (unverified), for checks by those who know its keys and
    /// meaning.
    pub fn entry(&mut self, index: u64, bytes: &[u8]) -> Option<(Envelope, Statement)> {
        if index != self.next {
            self.problem(format!("entry `{index}` stands where entry `{}` should", self.next));
        }
        self.next = index.saturating_add(1);
        if self.checkpoint.as_ref().is_some_and(|checkpoint| self.frontier.size() >= checkpoint.size) {
            self.beyond += 1;
        } else {
            let leaf = leaf_hash(bytes);
            self.frontier.append(leaf);
            self.tile(0, leaf);
        }
        let read = |bytes| -> Result<_, StatementError> {
            let envelope = Envelope::parse(bytes)?;
            let statement = envelope.statement()?;
            Ok((envelope, statement))
        };
        read(bytes).map_err(|error| self.problem(format!("entry `{index}`: {error}"))).ok()
    }

    /// The root of the tree over the entries taken so far.
    pub fn root(&self) -> NodeHash {
        self.frontier.root()
    }

    /// Compares what is left and reports.
    pub fn finish(mut self) -> Report {
        let (size, root) = (self.frontier.size(), self.frontier.root());
        for level in 0..8u8 {
            let (index, hashes) = std::mem::take(&mut self.open[usize::from(level)]);
            if !hashes.is_empty() {
                self.compare(level, index, &hashes);
            }
        }
        if self.beyond > 0 {
            self.problem(format!("`{}` entries are kept beyond the checkpoint's {size}", self.beyond));
        }
        if let Some(checkpoint) = self.checkpoint.take() {
            if checkpoint.size != size {
                self.problem(format!("the checkpoint says `{}` entries; {size} are kept", checkpoint.size));
            } else if checkpoint.root != root {
                self.problem(format!("the checkpoint says the root `{}`; the entries hash to {root}", checkpoint.root));
            }
        }
        if self.unlisted > 0 {
            self.problems.push(format!("and `{}` more problems", self.unlisted));
        }
        Report { size, root, problems: self.problems }
    }

    fn tile(&mut self, level: u8, hash: NodeHash) {
        let Some((index, hashes)) = self.open.get_mut(usize::from(level)) else { return };
        hashes.push(hash);
        if hashes.len() == usize::from(FULL) {
            let (index, full) = (*index, std::mem::take(hashes));
            self.open[usize::from(level)].0 = index + 1;
            self.compare(level, index, &full);
            self.tile(level + 1, subtree_root(&full));
        }
    }

    fn compare(&mut self, level: u8, index: u64, hashes: &[NodeHash]) {
        let path = TilePath::hashes(level, index, hashes.len() as u16);
        match self.tiles.tile(path) {
            Err(error) => self.problem(error.to_string()),
            Ok(bytes) if bytes != encode_hashes(hashes) => {
                self.problem(format!("the tile `{path}` is not what the entries hash to"));
            }
            Ok(_) => {}
        }
    }
}

/// Checks a whole log from its entries in order, its tiles and its checkpoint.
pub fn fsck<B: AsRef<[u8]>>(
    entries: impl IntoIterator<Item = (u64, B)>,
    tiles: &dyn TileSource,
    checkpoint: &[u8],
    origin: &str,
    verifier: &Verifier,
) -> Report {
    let mut check = Fsck::new(tiles, checkpoint, origin, verifier);
    for (index, bytes) in entries {
        check.entry(index, bytes.as_ref());
    }
    check.finish()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use serde_json::json;

    use super::super::fixtures::{ORIGIN, log_of, signer};
    use super::super::statement::{Ed25519Signer, Subject};
    use super::super::tile::{TileLevel, tiles_for};
    use super::super::tile_reader::TileSet;
    use super::super::{Head, Signer};
    use super::*;
    use crate::digest::Digest;

    fn statements(size: usize) -> Vec<Vec<u8>> {
        let key = Ed25519Signer::new(SigningKey::from_bytes(&[1; 32]));
        let one = |i: usize| {
            let subject = Subject::new(format!("work {i}"), Digest::of(&i.to_be_bytes()));
            Statement::new("work-registered", vec![subject], json!({})).sign(&key).unwrap().to_bytes().unwrap()
        };
        (0..size).map(one).collect()
    }

    fn numbered(entries: &[Vec<u8>]) -> impl Iterator<Item = (u64, &Vec<u8>)> {
        (0..).zip(entries)
    }

    fn checkpoint(head: Head) -> String {
        Checkpoint::new(ORIGIN, head.size, head.root).sign(&[&signer()]).unwrap().to_string()
    }

    #[test]
    fn a_check_goes_on_from_any_head() {
        let entries = statements(600);
        let (head, tiles) = log_of(&entries);
        let (good, verifier) = (checkpoint(head), signer().verifier().clone());
        for size in [0, 1, 255, 256, 257, 511, 600] {
            let (last, edge) = log_of(&entries[..size]);
            let go_on = |edge: &TileSet| {
                let fsck = Fsck::new(&tiles, good.as_bytes(), ORIGIN, &verifier).resume(&last, edge)?;
                Ok::<_, SourceError>(numbered(&entries).skip(size).fold(fsck, |mut fsck, (index, entry)| {
                    fsck.entry(index, entry);
                    fsck
                }))
            };
            assert_eq!(go_on(&edge).unwrap().finish(), Report { size: 600, root: head.root, problems: vec![] }, "{size}");
            if size > 0 {
                assert!(go_on(&TileSet::default()).is_err(), "the edge is authenticated");
            }
        }
        // A log that was changed below the head that was seen does not lead to the new one.
        let mut other = entries.clone();
        other[3] = statements(7)[6].clone();
        let (last, edge) = log_of(&other[..300]);
        let fsck = Fsck::new(&tiles, good.as_bytes(), ORIGIN, &verifier).resume(&last, &edge).unwrap();
        let report = numbered(&entries).skip(300).fold(fsck, |mut fsck, (index, entry)| {
            fsck.entry(index, entry);
            fsck
        });
        assert!(report.finish().problems.iter().any(|p| p.contains("the entries hash to")));
    }

    fn check(entries: &[Vec<u8>], tiles: &TileSet, checkpoint: &str) -> Report {
        fsck(numbered(entries), tiles, checkpoint.as_bytes(), ORIGIN, signer().verifier())
    }

    #[test]
    fn sound_logs_are_sound() {
        for size in [0, 1, 255, 256, 257, 600] {
            let entries = statements(size);
            let (head, tiles) = log_of(&entries);
            let report = check(&entries, &tiles, &checkpoint(head));
            assert_eq!(report, Report { size: head.size, root: head.root, problems: vec![] });
            assert!(report.is_sound());
        }
    }

    #[test]
    fn every_flipped_byte_of_every_tile_is_found() {
        let entries = statements(300);
        let (head, tiles) = log_of(&entries);
        let (checkpoint, verifier) = (checkpoint(head), signer().verifier().clone());
        let leaves: Vec<NodeHash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        for path in tiles_for(0, 300) {
            let TileLevel::Hashes(level) = path.level else { unreachable!() };
            let honest = tiles.tile(path).unwrap();
            // Every byte by itself, without parsing all entries again each time.
            for at in 0..honest.len() {
                let mut bytes = honest.clone();
                bytes[at] ^= 1;
                let mut tampered = tiles.clone();
                tampered.insert(level, path.index, bytes);
                let mut fsck = Fsck::new(&tampered, checkpoint.as_bytes(), ORIGIN, &verifier);
                for leaf in &leaves {
                    fsck.frontier.append(*leaf);
                    fsck.tile(0, *leaf);
                }
                let problems = fsck.finish().problems;
                assert_eq!(problems, [format!("the tile `{path}` is not what the entries hash to")]);
            }
        }
        let report = check(&entries, &TileSet::default(), &checkpoint);
        assert_eq!(report.problems.len(), 3, "{report:?}");
    }

    #[test]
    fn each_wrong_is_named() {
        let entries = statements(300);
        let (head, tiles) = log_of(&entries);
        let good = checkpoint(head);
        let first = |report: Report| report.problems.first().cloned().unwrap_or_default();

        let mut flipped = entries.clone();
        flipped[7][40] ^= 1;
        let report = check(&flipped, &tiles, &good);
        assert!(report.problems.iter().any(|p| p.contains("tile/0/000")) && report.problems.iter().any(|p| p.contains("root")));
        assert_eq!(check(&entries[..299], &tiles, &good).problems, ["the checkpoint says `300` entries; 299 are kept"]);
        let mut foreign = entries.clone();
        foreign[3] = b"{}".to_vec();
        let (foreign_head, foreign_tiles) = log_of(&foreign);
        assert!(first(check(&foreign, &foreign_tiles, &checkpoint(foreign_head))).starts_with("entry `3`: "));

        let mut longer = entries.clone();
        longer.extend(statements(2));
        assert_eq!(check(&longer, &tiles, &good).problems, ["`2` entries are kept beyond the checkpoint's 300"]);

        let gap = numbered(&entries).map(|(i, e)| (i + u64::from(i > 10), e));
        let report = fsck(gap, &tiles, good.as_bytes(), ORIGIN, signer().verifier());
        assert_eq!(report.problems, ["entry `12` stands where entry `11` should"]);
        let backwards = numbered(&entries).map(|(i, e)| (300 - i, e));
        let report = fsck(backwards, &tiles, good.as_bytes(), ORIGIN, signer().verifier());
        assert_eq!((report.problems.len(), report.problems[100].as_str()), (101, "and `200` more problems"));

        let other_root = checkpoint(Head { root: NodeHash([9; 32]), ..head });
        assert!(first(check(&entries, &tiles, &other_root)).contains("the checkpoint says the root"));
        let (short, _) = log_of(&entries[..299]);
        assert!(!check(&entries, &tiles, &checkpoint(short)).is_sound());
        assert!(first(check(&entries, &tiles, &good.replace("\n300\n", "\n301\n"))).starts_with("checkpoint: "));
        assert!(first(check(&entries, &tiles, "nonsense")).starts_with("checkpoint: "));
        let stranger = Signer::new(ORIGIN, SigningKey::from_bytes(&[8; 32])).unwrap();
        let report = fsck(numbered(&entries), &tiles, good.as_bytes(), ORIGIN, stranger.verifier());
        assert!(first(report).contains("no signature is by a known key"));
    }
}
