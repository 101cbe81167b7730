//! The instance's Ed25519 key, with which it signs statements on behalf of accounts that hold no key of their own (`custody: instance`).

use std::fmt;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{SigningKey, VerifyingKey};

use crate::chance::Chance;

/// An Ed25519 key pair. `Debug` prints only the public half.
#[derive(Clone)]
pub struct KeyPair(SigningKey);

impl KeyPair {
    /// A new one.
    pub fn new(chance: &dyn Chance) -> Self {
        Self(SigningKey::from_bytes(&chance.bytes::<32>()))
    }

    /// From a PKCS#8 PEM file.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        SigningKey::from_pkcs8_pem(text).map(Self).map_err(|e| format!("not an Ed25519 private key in PKCS#8 PEM form: {e}"))
    }

    /// As a PKCS#8 PEM file: secret.
    pub fn to_pem(&self) -> String {
        // INVARIANT: encoding an Ed25519 key can't fail.
        self.0.to_pkcs8_pem(LineEnding::LF).expect("an Ed25519 key has a PEM form").to_string()
    }

    /// For signing.
    pub const fn signing(&self) -> &SigningKey {
        &self.0
    }

    /// The public half.
    pub fn public(&self) -> VerifyingKey {
        self.0.verifying_key()
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair(public {})", hex::encode(self.public().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::SeededChance;

    #[test]
    fn pem_round_trips_and_debug_hides() {
        let pair = KeyPair::new(&SeededChance::new(1));
        let again = KeyPair::from_pem(&pair.to_pem()).unwrap();
        assert_eq!(again.public(), pair.public());
        assert!(!format!("{pair:?}").contains(&hex::encode(pair.signing().to_bytes())));
        assert!(KeyPair::from_pem("nonsense").is_err());
    }
}
