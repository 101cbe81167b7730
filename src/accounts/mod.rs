//! Accounts: who may do what. Roles and the scopes they open, passwords (argon2id), and secrets of which only a hash is kept. Pure
//! values: no I/O, no SQL, no HTTP. The instance's Ed25519 key for statements is in `key`.

pub mod key;
pub mod password;
mod role;
mod secret;

pub use role::{Role, Roles, Scope, Scopes};
pub use secret::{Secret, SecretHash};

use crate::clock::Timestamp;
use crate::id::{AccountId, SessionId, TokenId};

/// A person or organisation that may do more than read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Account {
    /// Name in rows and URLs.
    pub id: AccountId,
    /// Public name, unique here: stands in credits and statements.
    pub name: String,
    /// What it is trusted with.
    pub roles: Roles,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it may not sign in.
    pub disabled_at: Option<Timestamp>,
}

/// A sign-in in a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name (never its secret).
    pub id: SessionId,
    /// Whose.
    pub account: Account,
    /// Stands in every form; a request that changes something must bring it back.
    pub csrf: String,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// A bearer token for programs, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Token {
    /// Its name (never its secret).
    pub id: TokenId,
    /// What its owner calls it.
    pub name: String,
    /// What it opens, at most what its owner's roles open.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Since when it opens nothing.
    pub revoked_at: Option<Timestamp>,
}

/// Who is asking: an account, with what it may do by this way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Whose request it is.
    pub account: AccountId,
    /// Public name.
    pub name: String,
    /// What it may do here: the roles' scopes, or fewer for a token.
    pub scopes: Scopes,
}

impl Actor {
    /// Whether this way in opens `scope`.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }
}

/// Why an account can't be made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Public names are shown in credits.
    #[error("a name has 2 to 60 characters, no control characters, and no spaces at its ends")]
    Name,
    /// Too easy to guess.
    #[error("a password has 12 to 200 characters: three or four plain words are easy to keep in mind")]
    Password,
    /// A role nobody knows.
    #[error("there is no role `{0}`: expected creator, rights-holder, steward, auditor or operator")]
    Role(String),
    /// A scope nobody knows.
    #[error("there is no scope `{0}`: expected images, works, grants, policies or operate")]
    Scope(String),
}

/// Reads a public name.
pub fn parse_name(text: &str) -> Result<String, AccountError> {
    let n = text.chars().count();
    if (2..=60).contains(&n) && text.trim() == text && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(AccountError::Name)
    }
}
