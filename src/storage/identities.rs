//! Identities: the certificate and key with which an account's person signs. Private; the key is kept for them, like the one that signs statements.

use super::{Result, Tx, on};
use crate::clock::Timestamp;
use crate::id::AccountId;

/// A person's certificate and key.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whose.
    pub account: AccountId,
    /// Certificates, PEM.
    pub chain: String,
    /// Key, PEM: secret.
    pub secret: String,
    /// The certificate's last moment.
    pub ends_at: Timestamp,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("account", &self.account).field("ends_at", &self.ends_at).finish_non_exhaustive()
    }
}

/// Keeps one; a newer one takes the place of an older one.
pub async fn keep(tx: &mut Tx, identity: &Identity) -> Result<()> {
    const SQL: &str = "INSERT INTO identities (account_id, chain, secret, ends_at) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (account_id) DO UPDATE SET chain = excluded.chain, secret = excluded.secret, ends_at = excluded.ends_at";
    on!(tx, |c| sqlx::query(SQL)
        .bind(identity.account.to_string())
        .bind(&identity.chain)
        .bind(&identity.secret)
        .bind(identity.ends_at.millis())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// The account's.
pub async fn find(tx: &mut Tx, account: AccountId) -> Result<Option<Identity>> {
    const SQL: &str = "SELECT chain, secret, ends_at FROM identities WHERE account_id = $1";
    let row: Option<(String, String, i64)> = on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).fetch_optional(c).await)?;
    Ok(row.map(|(chain, secret, ends_at)| Identity { account, chain, secret, ends_at: Timestamp::from_millis(ends_at) }))
}

/// Erases the account's key and certificate. What it signed carries the certificate, so signatures stand.
pub async fn erase(tx: &mut Tx, account: AccountId) -> Result<()> {
    const SQL: &str = "DELETE FROM identities WHERE account_id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(account.to_string()).execute(c).await.map(drop))?;
    Ok(())
}
