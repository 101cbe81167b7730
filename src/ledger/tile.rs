//! Tiles as C2SP tlog-tiles names and encodes them: paths, widths, hash tiles, entry bundles.
//!
//! Only coordinates and bytes: which tiles a log of a given size has, and how each is written. Whether a tile may be believed is
//! `tile_reader`'s question.

use std::fmt;
use std::str::FromStr;

use super::hash::{NodeHash, shorten};

/// Hashes in a full tile, entries in a full bundle.
pub const FULL: u16 = 256;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileLevel {
    /// Hashes of subtrees of 256^level leaves; 0 to 63, of which a log of 64-bit size fills 0 to 7.
    Hashes(u8),
    /// Log entries.
    Entries,
}

/// The name of one tile or entry bundle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    /// Hashes of which level, or entries.
    pub level: TileLevel,
    /// Counted from 0 within the level.
    pub index: u64,
    /// 1 to 256; below 256 the tile is partial and its path ends in `.p/<width>`.
    pub width: u16,
}

/// Why a path, a tile or a bundle is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not a tile's path.
    #[error("`{0}` is not a tile path: expected such as `tile/0/x001/x234/067`, `tile/entries/000` or `tile/1/000.p/17`")]
    Path(String),
    /// Not as many bytes as the width says.
    #[error("the tile has `{bytes}` bytes, not 32 for each of {width} hashes: fetch or rebuild it")]
    Length {
        /// Bytes found.
        bytes: usize,
        /// Hashes expected.
        width: u16,
    },
    /// A bundle whose lengths do not add up.
    #[error("the entry bundle breaks off or goes on after entry `{0}` of its width: fetch or rebuild it")]
    Bundle(usize),
    /// An entry longer than 65,535 bytes.
    #[error("an entry of `{0}` bytes is longer than 65,535: log a record of hashes instead")]
    Entry(usize),
}

impl TilePath {
    /// A hash tile.
    pub const fn hashes(level: u8, index: u64, width: u16) -> Self {
        Self { level: TileLevel::Hashes(level), index, width }
    }

    /// An entry bundle.
    pub const fn entries(index: u64, width: u16) -> Self {
        Self { level: TileLevel::Entries, index, width }
    }

    /// Whether the tile is shorter than 256.
    pub const fn is_partial(self) -> bool {
        self.width < FULL
    }

    /// Reads the path in its only form: `tile/<L>/<N>[.p/<W>]`, without a leading slash.
    pub fn parse(text: &str) -> Result<Self, TileError> {
        Self::read(text).ok_or_else(|| TileError::Path(shorten(text)))
    }

    fn read(text: &str) -> Option<Self> {
        let (level, rest) = text.strip_prefix("tile/")?.split_once('/')?;
        let level = match level {
            "entries" => TileLevel::Entries,
            digits => TileLevel::Hashes(decimal(digits, 63)? as u8),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, decimal(width, 255).filter(|w| *w > 0)? as u16),
            None => (rest, FULL),
        };
        let elements: Vec<&str> = index.split('/').collect();
        let mut number = 0u64;
        for (i, element) in elements.iter().enumerate() {
            let digits = if i + 1 < elements.len() { element.strip_prefix('x')? } else { element };
            if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            number = number.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        // One name for one tile: no padding elements in front.
        (elements.len() == 1 || elements[0] != "x000").then_some(Self { level, index: number, width })
    }

    /// The tile of `level` at `index` in a log of `size` entries, with the width it has there; `None` when it has none.
    pub fn at(level: TileLevel, index: u64, size: u64) -> Option<Self> {
        let count = count_at(level, size).saturating_sub(index.checked_mul(u64::from(FULL))?);
        (count > 0).then_some(Self { level, index, width: count.min(u64::from(FULL)) as u16 })
    }
}

/// A decimal number of at most `max`, without sign or leading zeroes.
fn decimal(text: &str, max: u64) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|n| plain && *n <= max)
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            TileLevel::Hashes(level) => write!(f, "tile/{level}/")?,
            TileLevel::Entries => f.write_str("tile/entries/")?,
        }
        let mut elements = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            elements.push(rest % 1000);
            rest /= 1000;
        }
        for element in elements[1..].iter().rev() {
            write!(f, "x{element:03}/")?;
        }
        write!(f, "{:03}", elements[0])?;
        if self.is_partial() { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl fmt::Debug for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TilePath {
    type Err = TileError;
    fn from_str(text: &str) -> Result<Self, TileError> {
        Self::parse(text)
    }
}

/// How many hashes of `level` (or entries) a log of `size` entries has.
fn count_at(level: TileLevel, size: u64) -> u64 {
    match level {
        TileLevel::Hashes(level) => size.checked_shr(8 * u32::from(level)).unwrap_or(0),
        TileLevel::Entries => size,
    }
}

fn grown(level: TileLevel, old_size: u64, new_size: u64) -> impl Iterator<Item = TilePath> {
    let full = u64::from(FULL);
    let (old, new) = (count_at(level, old_size), count_at(level, new_size));
    let first = old / full;
    let end = if new > old { new.div_ceil(full) } else { first };
    (first..end).map(move |index| TilePath { level, index, width: (new - index * full).min(full) as u16 })
}

/// The hash tiles that differ between a log of `old_size` entries and one of `new_size`, with their new widths, level by level.
pub fn tiles_for(old_size: u64, new_size: u64) -> Vec<TilePath> {
    (0..8).flat_map(|level| grown(TileLevel::Hashes(level), old_size, new_size)).collect()
}

/// The entry bundles that differ between a log of `old_size` entries and one of `new_size`, with their new widths.
pub fn bundles_for(old_size: u64, new_size: u64) -> Vec<TilePath> {
    grown(TileLevel::Entries, old_size, new_size).collect()
}

/// The bytes of a hash tile: 32 for each hash.
pub fn encode_hashes(hashes: &[NodeHash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes of a tile of exactly `width`.
pub fn decode_hashes(bytes: &[u8], width: u16) -> Result<Vec<NodeHash>, TileError> {
    if bytes.len() != usize::from(width) * 32 {
        return Err(TileError::Length { bytes: bytes.len(), width });
    }
    Ok(bytes.chunks_exact(32).filter_map(NodeHash::from_slice).collect())
}

/// The bytes of an entry bundle: for each entry its length as a big-endian u16, then itself.
pub fn encode_bundle<E: AsRef<[u8]>>(entries: impl IntoIterator<Item = E>) -> Result<Vec<u8>, TileError> {
    let mut bytes = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).map_err(|_| TileError::Entry(entry.len()))?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle of exactly `width`.
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    let (mut entries, mut rest) = (Vec::new(), bytes);
    while entries.len() < usize::from(width) {
        let broken = || TileError::Bundle(entries.len());
        let (length, after) = rest.split_first_chunk::<2>().ok_or_else(broken)?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or_else(broken)?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() { Ok(entries) } else { Err(TileError::Bundle(entries.len())) }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Dice;
    use super::*;

    #[test]
    fn the_paths_of_the_specification() {
        for (path, text) in [
            (TilePath::hashes(0, 1_234_067, 256), "tile/0/x001/x234/067"),
            (TilePath::hashes(0, 1_234_067, 8), "tile/0/x001/x234/067.p/8"),
            (TilePath::hashes(63, 0, 255), "tile/63/000.p/255"),
            (TilePath::entries(999, 256), "tile/entries/999"),
            (TilePath::entries(1000, 1), "tile/entries/x001/000.p/1"),
            (TilePath::hashes(1, u64::MAX, 256), "tile/1/x018/x446/x744/x073/x709/x551/615"),
        ] {
            assert_eq!(path.to_string(), text);
            assert_eq!(TilePath::parse(text), Ok(path));
        }
    }

    #[test]
    fn other_names_of_a_tile_are_refused() {
        for text in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "/tile/0/000",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/+1/000",
            "tile/0/x000/000",
            "tile/0/x000/x001/000",
            "tile/0/000/000",
            "tile/0/x001",
            "tile/0/x001/x000",
            "tile/0/x1/000",
            "tile/0/X001/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/08",
            "tile/0/000.p/",
            "tile/0/000.p",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
            "tile/0/000/",
            "tile//000",
            "tile/0/+00",
            "tile/0/٠٠٠",
            "tile/data/000",
            "tile/8/0/000",
            "tile/entries/",
            "tile/Entries/000",
            "tile/0/000 ",
            "tile/0/000\n",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/000.p/+1",
        ] {
            assert_eq!(TilePath::parse(text), Err(TileError::Path(text.chars().take(80).collect())), "{text}");
        }
    }

    #[test]
    fn paths_round_trip_and_mutated_ones_never_panic() {
        let mut dice = Dice(3);
        for _ in 0..20_000 {
            let level = if dice.below(9) == 0 { TileLevel::Entries } else { TileLevel::Hashes(dice.below(64) as u8) };
            let path = TilePath { level, index: dice.next() >> dice.below(64), width: dice.below(256) as u16 + 1 };
            let text = path.to_string();
            assert_eq!(TilePath::parse(&text), Ok(path));
            let mutated = String::from_utf8_lossy(&dice.mutate(text.as_bytes())).into_owned();
            if let Ok(other) = TilePath::parse(&mutated) {
                assert_eq!(other.to_string(), mutated, "one form only");
            }
        }
    }

    #[test]
    fn the_tiles_of_70_000_entries() {
        let tiles = tiles_for(0, 70_000);
        let count =
            |level, full: bool| tiles.iter().filter(|t| t.level == TileLevel::Hashes(level) && t.is_partial() != full).count();
        assert_eq!((count(0, true), count(1, true), count(2, true)), (273, 1, 0));
        let partial: Vec<TilePath> = tiles.iter().copied().filter(|t| t.is_partial()).collect();
        assert_eq!(partial, [TilePath::hashes(0, 273, 112), TilePath::hashes(1, 1, 17), TilePath::hashes(2, 0, 1)]);
        assert_eq!(tiles.len(), 277);
        assert_eq!(bundles_for(0, 70_000).len(), 274);
        assert_eq!(tiles_for(0, 256), [TilePath::hashes(0, 0, 256), TilePath::hashes(1, 0, 1)]);
    }

    #[test]
    fn growth_touches_only_the_right_edge() {
        assert_eq!(tiles_for(5, 5), []);
        assert_eq!(tiles_for(9, 5), []);
        assert_eq!(tiles_for(255, 256), [TilePath::hashes(0, 0, 256), TilePath::hashes(1, 0, 1)]);
        assert_eq!(tiles_for(256, 257), [TilePath::hashes(0, 1, 1)]);
        assert_eq!(bundles_for(255, 257), [TilePath::entries(0, 256), TilePath::entries(1, 1)]);
        assert_eq!(TilePath::at(TileLevel::Hashes(1), 1, 70_000), Some(TilePath::hashes(1, 1, 17)));
        assert_eq!(TilePath::at(TileLevel::Hashes(1), 2, 70_000), None);
        assert_eq!(TilePath::at(TileLevel::Hashes(40), 0, u64::MAX), None);
        assert_eq!(TilePath::at(TileLevel::Entries, u64::MAX, u64::MAX), None);
        let top = tiles_for(u64::MAX - 1, u64::MAX);
        assert_eq!(top, [TilePath::hashes(0, u64::MAX / 256, 255)]);
    }

    #[test]
    fn bundles_round_trip_and_broken_ones_are_refused() {
        let entries: Vec<Vec<u8>> = vec![b"one".to_vec(), vec![], vec![9; 65_535]];
        let bytes = encode_bundle(&entries).unwrap();
        assert_eq!(&bytes[..7], b"\0\x03one\0\0");
        assert_eq!(decode_bundle(&bytes, 3).unwrap(), entries);
        for (bad, width) in [(&bytes[..], 2), (&bytes, 4), (&bytes[..bytes.len() - 1], 3), (&[0][..], 1), (&[0, 1], 1), (&[], 1)]
        {
            assert!(matches!(decode_bundle(bad, width), Err(TileError::Bundle(_))));
        }
        assert_eq!(encode_bundle([vec![0; 65_536]]), Err(TileError::Entry(65_536)));
        let mut dice = Dice(4);
        let small = encode_bundle(&entries[..2]).unwrap();
        for _ in 0..5_000 {
            let _ = decode_bundle(&dice.mutate(&small), 2);
            let _ = decode_hashes(&dice.noise(), 3);
        }
    }
}
