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
}

impl Fact {
    const fn name(self) -> &'static str {
        match self {
            Self::LogOrigin => "log_origin",
            Self::LogVkey => "log_vkey",
            Self::Founding => "founding",
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
