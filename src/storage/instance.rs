//! Facts about this instance that must not change under it: the log's name and key, and when it began.

use super::{Result, Tx, on};

/// Fixed at first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Name of the log.
    LogOrigin,
    /// Public key of the log, as a C2SP vkey.
    LogVkey,
    /// `done` once the embedded model and its works are in.
    Founding,
    /// The key of the log that the tables are being filled from; gone when they are whole.
    Refilling,
}

impl Fact {
    const fn name(self) -> &'static str {
        match self {
            Self::LogOrigin => "log_origin",
            Self::LogVkey => "log_vkey",
            Self::Founding => "founding",
            Self::Refilling => "refilling",
        }
    }
}

/// Reads a fact.
pub async fn get(tx: &mut Tx, fact: Fact) -> Result<Option<String>> {
    const SQL: &str = "SELECT value FROM instance WHERE name = $1";
    let row: Option<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(fact.name()).fetch_optional(c).await)?;
    Ok(row.map(|(value,)| value))
}

/// Writes a fact for the first time; `Conflict` when it stands already.
pub async fn set(tx: &mut Tx, fact: Fact, value: &str) -> Result<()> {
    const SQL: &str = "INSERT INTO instance (name, value) VALUES ($1, $2)";
    on!(tx, |c| sqlx::query(SQL).bind(fact.name()).bind(value).execute(c).await.map(drop))?;
    Ok(())
}

/// Takes a fact away, if it stands.
pub async fn unset(tx: &mut Tx, fact: Fact) -> Result<()> {
    const SQL: &str = "DELETE FROM instance WHERE name = $1";
    on!(tx, |c| sqlx::query(SQL).bind(fact.name()).execute(c).await.map(drop))?;
    Ok(())
}

/// Whether no fact stands, nobody has an account and nothing was stated: a database as it is made.
pub async fn is_untouched(tx: &mut Tx) -> Result<bool> {
    const SQL: &str =
        "SELECT (SELECT COUNT(*) FROM instance) + (SELECT COUNT(*) FROM accounts) + (SELECT COUNT(*) FROM statements)";
    let (rows,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).fetch_one(c).await)?;
    Ok(rows == 0)
}
