//! Sets and maps of short words, hashed fast: a bundle has some ten thousand of them, from files that the operator chose, so a hash that
//! withstands chosen words is not needed.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv).
#[derive(Debug)]
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// Words with a value each.
pub(super) type Words<T> = HashMap<String, T, BuildHasherDefault<Fnv>>;
/// A set of words.
pub(super) type WordSet = HashSet<String, BuildHasherDefault<Fnv>>;
