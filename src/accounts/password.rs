//! Passwords: argon2id (RFC 9106) in PHC text form. Slow on purpose: call it off the async threads.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

use super::AccountError;
use crate::chance::Chance;

/// 19 MiB, 2 passes, 1 lane: the second recommended setting of the OWASP password storage guide (2023), about 20 ms a try.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

/// A password as typed, within its limits. `Debug` prints nothing of it.
pub struct Password(String);

impl Password {
    /// Reads it: 12 to 200 characters.
    pub fn parse(text: &str) -> Result<Self, AccountError> {
        if (12..=200).contains(&text.chars().count()) { Ok(Self(text.to_owned())) } else { Err(AccountError::Password) }
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(hidden)")
    }
}

fn argon() -> Argon2<'static> {
    // INVARIANT: the constants above are within argon2's ranges.
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY_KIB, PASSES, 1, None).unwrap_or_default())
}

/// The text to keep.
pub fn hash(password: &Password, chance: &dyn Chance) -> String {
    // INVARIANT: 16 bytes are a valid salt and the password is within argon2's length.
    let salt = SaltString::encode_b64(&chance.bytes::<16>()).expect("16 bytes are a valid salt");
    argon().hash_password(password.0.as_bytes(), &salt).expect("a password of at most 200 characters can be hashed").to_string()
}

/// Whether `typed` is the password behind `kept`. Takes the same time for a wrong one.
pub fn matches(typed: &str, kept: &str) -> bool {
    PasswordHash::new(kept).is_ok_and(|hash| argon().verify_password(typed.as_bytes(), &hash).is_ok())
}

/// Spends the time of one check: for names that don't exist, so that timing does not tell which do.
pub fn pretend(typed: &str) {
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let _ = matches(typed, NOBODY);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::SeededChance;

    #[test]
    fn right_and_wrong() {
        let kept = hash(&Password::parse("correct horse battery").unwrap(), &SeededChance::new(3));
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(matches("correct horse battery", &kept));
        assert!(!matches("correct horse battery ", &kept) && !matches("", &kept) && !matches("x", "not a hash"));
        assert!(Password::parse("short").is_err() && Password::parse(&"x".repeat(201)).is_err());
        pretend("x");
    }
}
