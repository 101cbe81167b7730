//! Erasures: that something private was erased, when and by whom. What it said stands nowhere any more. Private.

use super::{Result, Tx, on, read};
use crate::clock::Timestamp;
use crate::id::AccountId;

/// That something was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The id of the image, the input or the account.
    pub about: String,
    /// `image`, `input` or `account`.
    pub kind: String,
    /// Who erased it.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
}

/// Notes it. Erased again, the first time stands; the database's files are to be cleared once more.
pub async fn insert(tx: &mut Tx, erasure: &Erasure) -> Result<()> {
    const SQL: &str = "INSERT INTO erasures (about, kind, by_account, at) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (about) DO UPDATE SET cleared_at = NULL";
    on!(tx, |c| sqlx::query(SQL)
        .bind(&erasure.about)
        .bind(&erasure.kind)
        .bind(erasure.by.to_string())
        .bind(erasure.at.millis())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Whether and when something was erased, by its id.
pub async fn find(tx: &mut Tx, about: &str) -> Result<Option<Erasure>> {
    const SQL: &str = "SELECT kind, by_account, at FROM erasures WHERE about = $1";
    let row: Option<(String, String, i64)> = on!(tx, |c| sqlx::query_as(SQL).bind(about).fetch_optional(c).await)?;
    row.map(|(kind, by, at)| {
        Ok(Erasure { about: about.to_owned(), kind, by: read("erasures", about, &by)?, at: Timestamp::from_millis(at) })
    })
    .transpose()
}

/// What was erased and may still stand in the free space of the database's files, the oldest first.
pub async fn uncleared(tx: &mut Tx) -> Result<Vec<String>> {
    const SQL: &str = "SELECT about FROM erasures WHERE cleared_at IS NULL ORDER BY at, about";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(about,)| about).collect())
}

/// Notes that the files were cleared of it.
pub async fn clear(tx: &mut Tx, about: &str, now: Timestamp) -> Result<()> {
    const SQL: &str = "UPDATE erasures SET cleared_at = $2 WHERE about = $1";
    on!(tx, |c| sqlx::query(SQL).bind(about).bind(now.millis()).execute(c).await.map(drop))?;
    Ok(())
}
