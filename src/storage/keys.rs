//! Keys of accounts: which, whose, from when to when. Public; the secret halves are nobody's here.

use super::{Result, Tx, on, read};
use crate::clock::Timestamp;
use crate::id::StatementId;
use crate::ledger::keyring::AddedKey;

const T: &str = "account_keys";

/// A key of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// As added.
    pub added: AddedKey,
    /// Public name of its account.
    pub holder: String,
    /// When it was added.
    pub added_at: Timestamp,
    /// The statement that added it.
    pub statement: StatementId,
    /// Its end, if it has ended.
    pub end: Option<KeyEnd>,
}

/// The end of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEnd {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// The statement that says so.
    pub statement: StatementId,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    keyid: String,
    holder: String,
    public_key: String,
    required: i64,
    replaces: Option<String>,
    added_at: i64,
    statement_id: String,
    ended_at: Option<i64>,
    ended_reason: Option<String>,
    ended_statement_id: Option<String>,
}

impl TryFrom<KeyRow> for KeyRecord {
    type Error = super::Error;
    fn try_from(r: KeyRow) -> Result<Self> {
        let end = match (r.ended_at, r.ended_statement_id) {
            (Some(at), Some(statement)) => Some(KeyEnd {
                at: Timestamp::from_millis(at),
                reason: r.ended_reason.unwrap_or_default(),
                statement: read(T, &r.keyid, &statement)?,
            }),
            _ => None,
        };
        Ok(Self {
            statement: read(T, &r.keyid, &r.statement_id)?,
            added: AddedKey { keyid: r.keyid, public_key: r.public_key, required: r.required != 0, replaces: r.replaces },
            holder: r.holder,
            added_at: Timestamp::from_millis(r.added_at),
            end,
        })
    }
}

/// Adds one; `Conflict` when it was added before.
pub async fn insert(tx: &mut Tx, key: &AddedKey, holder: &str, at: Timestamp, statement: StatementId) -> Result<()> {
    const SQL: &str = "INSERT INTO account_keys (keyid, holder, public_key, required, replaces, added_at, statement_id) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(&key.keyid)
        .bind(holder)
        .bind(&key.public_key)
        .bind(i64::from(key.required))
        .bind(&key.replaces)
        .bind(at.millis())
        .bind(statement.to_string())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Ends a key of this account. False when it has none such that has not ended.
pub async fn end(tx: &mut Tx, keyid: &str, holder: &str, end: &KeyEnd) -> Result<bool> {
    const SQL: &str = "UPDATE account_keys SET ended_at = $3, ended_reason = $4, ended_statement_id = $5 \
                       WHERE keyid = $1 AND holder = $2 AND ended_at IS NULL";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(keyid)
        .bind(holder)
        .bind(end.at.millis())
        .bind(&end.reason)
        .bind(end.statement.to_string())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// The keys of an account, oldest first, ended ones too.
pub async fn of(tx: &mut Tx, holder: &str) -> Result<Vec<KeyRecord>> {
    const SQL: &str = "SELECT keyid, holder, public_key, required, replaces, added_at, statement_id, ended_at, ended_reason, \
                       ended_statement_id FROM account_keys WHERE holder = $1 ORDER BY added_at, keyid";
    let rows: Vec<KeyRow> = on!(tx, |c| sqlx::query_as(SQL).bind(holder).fetch_all(c).await)?;
    rows.into_iter().map(KeyRecord::try_from).collect()
}

/// Every account's keys, oldest first, ended ones too.
pub async fn all(tx: &mut Tx) -> Result<Vec<KeyRecord>> {
    const SQL: &str = "SELECT keyid, holder, public_key, required, replaces, added_at, statement_id, ended_at, ended_reason, \
                       ended_statement_id FROM account_keys ORDER BY added_at, keyid";
    let rows: Vec<KeyRow> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    rows.into_iter().map(KeyRecord::try_from).collect()
}
