//! The tree's hashes: SHA-256 with the leaf and node prefixes of RFC 6962 §2.1. Not for content, which blake3 addresses.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// A hash of a leaf, of a subtree or of the whole tree. Its text is standard base64, as in checkpoints and proofs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeHash(pub [u8; 32]);

/// The root of a tree without leaves: SHA-256 of nothing (RFC 6962 §2.1).
pub const EMPTY_ROOT: NodeHash = NodeHash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64,
    0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// Why a text is not a tree hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a tree hash: expected {form}")]
pub struct NodeHashError {
    text: String,
    form: &'static str,
}

impl NodeHash {
    /// Reads 44 characters of standard base64 with padding; nothing else decodes to the same hash.
    pub fn parse(text: &str) -> Result<Self, NodeHashError> {
        let mut bytes = [0; 33];
        match STANDARD.decode_slice(text, &mut bytes) {
            Ok(32) if text.len() == 44 => Self::from_slice(&bytes[..32]),
            _ => None,
        }
        .ok_or_else(|| NodeHashError { text: shorten(text), form: "44 characters of standard base64" })
    }

    /// Reads 64 lower-case hex digits.
    pub fn parse_hex(text: &str) -> Result<Self, NodeHashError> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if !text.bytes().any(|b| b.is_ascii_uppercase()) => Ok(Self(bytes)),
            _ => Err(NodeHashError { text: shorten(text), form: "64 lower-case hex digits" }),
        }
    }

    /// From 32 raw bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// 64 lower-case hex digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Display for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for NodeHash {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for NodeHash {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// The hash of a log entry: SHA-256(0x00 ‖ entry).
pub fn leaf_hash(entry: &[u8]) -> NodeHash {
    NodeHash(Sha256::new_with_prefix([0]).chain_update(entry).finalize().into())
}

/// The hash of two neighbours: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: NodeHash, right: NodeHash) -> NodeHash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    NodeHash(Sha256::digest(bytes).into())
}

/// The root of a full subtree over `hashes`, whose number is a power of two; `EMPTY_ROOT` of none.
pub(crate) fn subtree_root(hashes: &[NodeHash]) -> NodeHash {
    debug_assert!(hashes.is_empty() || hashes.len().is_power_of_two());
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| node_hash(pair[0], pair[pair.len() - 1])).collect();
    }
    row.first().copied().unwrap_or(EMPTY_ROOT)
}

/// At most 80 characters of foreign text, for an error.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // The certificate-transparency project's published vectors: the empty tree, the empty leaf, and a node.
        assert_eq!(NodeHash(Sha256::digest(b"").into()), EMPTY_ROOT);
        assert_eq!(leaf_hash(b"").to_hex(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(
            node_hash(leaf_hash(b""), leaf_hash(&[0])).to_hex(),
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
        );
    }

    #[test]
    fn one_text_form_each() {
        let hash = leaf_hash(b"x");
        assert_eq!(NodeHash::parse(&hash.to_string()), Ok(hash));
        assert_eq!(NodeHash::parse_hex(&hash.to_hex()), Ok(hash));
        assert!(NodeHash::parse_hex(&hash.to_hex().to_uppercase()).is_err());
        let text = hash.to_string();
        // 32 bytes leave two unused bits in the last letter: only the form with both unset is right.
        let twin = format!("{}{}=", &text[..42], if text.as_bytes()[42] == b'B' { 'C' } else { 'B' });
        let url_safe = EMPTY_ROOT.to_string().replace('+', "-").replace('/', "_");
        for bad in [&text[..43], &twin, &format!("{text}="), &format!(" {text}"), &url_safe, "", "====", "é"] {
            assert!(NodeHash::parse(bad).is_err(), "{bad}");
        }
    }
}
