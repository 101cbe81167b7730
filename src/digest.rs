//! Digests: blake3 and SHA-256 of one byte stream in one pass, each with one text form (lower-case hex).
//!
//! blake3 addresses content; SHA-256 is what C2PA, in-toto and the tree hash of RFC 6962 speak. Neither replaces the other.

use std::fmt;
use std::io::Read;

use sha2::{Digest as _, Sha256};

macro_rules! hashes {
    ($($(#[$doc:meta])* $name:ident = $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// Reads 64 lower-case hex digits.
            pub fn parse(text: &str) -> Result<Self, HashError> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes)
                    .ok()
                    .filter(|()| !text.bytes().any(|b| b.is_ascii_uppercase()))
                    .map(|()| Self(bytes))
                    .ok_or_else(|| HashError { what: $what, text: text.chars().take(72).collect() })
            }

            /// From 32 raw bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The first eight hex digits: enough for a person to compare.
            pub fn short(&self) -> String {
                hex::encode(&self.0[..4])
            }
        }

        impl std::str::FromStr for $name {
            type Err = HashError;
            fn from_str(text: &str) -> Result<Self, HashError> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($what, ":{}"), self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

hashes! {
    /// A blake3 hash: where content lives.
    Blake3 = "blake3";
    /// A SHA-256 hash: what other people's tools compare.
    Sha256Hash = "sha256";
}

/// Why a text is not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what} hash: expected 64 lower-case hex digits")]
pub struct HashError {
    what: &'static str,
    text: String,
}

/// Both hashes and the length of one byte stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Digest {
    /// Content address.
    pub blake3: Blake3,
    /// For C2PA, in-toto and everyone else.
    pub sha256: Sha256Hash,
    /// Bytes.
    #[serde(rename = "size")]
    pub len: u64,
}

/// What is known of bytes that may not be here: their SHA-256 at least. The same JSON as a [`Digest`], with gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct KnownDigest {
    /// Content address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<Blake3>,
    /// For C2PA, in-toto and everyone else.
    pub sha256: Sha256Hash,
    /// Bytes.
    #[serde(default, rename = "size", skip_serializing_if = "Option::is_none")]
    pub len: Option<u64>,
}

impl From<Digest> for KnownDigest {
    fn from(d: Digest) -> Self {
        Self { blake3: Some(d.blake3), sha256: d.sha256, len: Some(d.len) }
    }
}

impl Digest {
    /// Of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self { blake3: blake3_of(bytes), sha256: sha256_of(bytes), len: bytes.len() as u64 }
    }

    /// Of a stream, read once.
    pub fn of_reader(mut reader: impl Read) -> std::io::Result<Self> {
        let (mut blake, mut sha, mut len) = (blake3::Hasher::new(), Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = reader.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            blake.update(&buffer[..n]);
            sha.update(&buffer[..n]);
            len += n as u64;
        }
        Ok(Self { blake3: Blake3(*blake.finalize().as_bytes()), sha256: Sha256Hash(sha.finalize().into()), len })
    }
}

/// blake3 of bytes.
pub fn blake3_of(bytes: &[u8]) -> Blake3 {
    Blake3(*blake3::hash(bytes).as_bytes())
}

/// SHA-256 of bytes.
pub fn sha256_of(bytes: &[u8]) -> Sha256Hash {
    Sha256Hash(Sha256::digest(bytes).into())
}

/// SHA-256 of a byte stream of any length.
pub fn sha256_of_reader(mut reader: impl Read) -> std::io::Result<Sha256Hash> {
    let (mut sha, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(Sha256Hash(sha.finalize().into())),
            n => sha.update(&buffer[..n]),
        }
    }
}

/// A commitment to something private: keyed blake3 under a random key kept beside the record. Whoever holds text and key can prove
/// it; once the key is erased the commitment says nothing.
pub fn commitment(key: &[u8; 32], private: &[u8]) -> Blake3 {
    Blake3(*blake3::keyed_hash(key, private).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // FIPS 180-4 and the blake3 reference implementation, both of the empty input.
        let d = Digest::of(b"");
        assert_eq!(d.sha256.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(d.blake3.to_string(), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    }

    #[test]
    fn a_stream_equals_its_bytes() {
        let bytes: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
        assert_eq!(Digest::of_reader(&bytes[..]).unwrap(), Digest::of(&bytes));
    }

    #[test]
    fn one_text_form() {
        let d = blake3_of(b"x");
        assert_eq!(Blake3::parse(&d.to_string()), Ok(d));
        assert!(Blake3::parse(&d.to_string().to_uppercase()).is_err());
        assert!(Blake3::parse("00").is_err());
    }
}
