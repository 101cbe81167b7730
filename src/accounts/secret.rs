//! Secrets we hand out (session cookies, bearer tokens, one-time links): 32 random bytes, shown once, kept only as a hash.
//!
//! The secret is already uniformly random, so one unsalted blake3 hash is enough: there is nothing to guess (unlike passwords).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::chance::Chance;
use crate::digest::{Blake3, blake3_of};

/// A secret as its owner holds it. `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What we keep of it.
pub type SecretHash = Blake3;

/// Marks our secrets, so that scanners of leaked text can find them.
const PREFIX: &str = "colophon_";

impl Secret {
    /// A new one.
    pub fn new(chance: &dyn Chance) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(chance.bytes::<32>())))
    }

    /// Reads what a request brought; `None` when it can't be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// What is kept and looked up.
    pub fn hash(&self) -> SecretHash {
        blake3_of(self.0.as_bytes())
    }

    /// To be shown to its owner, once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::SeededChance;

    #[test]
    fn only_ours_are_read_and_none_is_printed() {
        let secret = Secret::new(&SeededChance::new(1));
        assert_eq!(Secret::parse(secret.reveal()).unwrap().hash(), secret.hash());
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
        for text in ["", "colophon_", "colophon_AA", "Bearer x", &secret.reveal()[1..]] {
            assert!(Secret::parse(text).is_none(), "{text}");
        }
    }
}
