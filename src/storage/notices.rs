//! Notices: what somebody should know without having asked. To one account, or to all who operate the service.

use super::{Error, Result, Tx, count, on, read};
use crate::clock::Timestamp;
use crate::id::{AccountId, NoticeId};

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its name.
    pub id: NoticeId,
    /// To whom; `None`: to the operators.
    pub account: Option<AccountId>,
    /// One sentence.
    pub words: String,
    /// Where to look, a path of ours.
    pub url: String,
    /// When it was given.
    pub at: Timestamp,
    /// When somebody said that they had seen it.
    pub seen_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct NoticeRow {
    id: String,
    account_id: Option<String>,
    words: String,
    url: String,
    at: i64,
    seen_at: Option<i64>,
}

impl TryFrom<NoticeRow> for Notice {
    type Error = Error;
    fn try_from(r: NoticeRow) -> Result<Self> {
        Ok(Self {
            id: read("notices", &r.id, &r.id)?,
            account: r.account_id.as_deref().map(|a| read("notices", &r.id, a)).transpose()?,
            words: r.words,
            url: r.url,
            at: Timestamp::from_millis(r.at),
            seen_at: r.seen_at.map(Timestamp::from_millis),
        })
    }
}

/// Puts a notice in.
pub async fn insert(tx: &mut Tx, notice: &Notice) -> Result<()> {
    const SQL: &str = "INSERT INTO notices (id, account_id, words, url, at) VALUES ($1, $2, $3, $4, $5)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(notice.id.to_string())
        .bind(notice.account.map(|a| a.to_string()))
        .bind(&notice.words)
        .bind(&notice.url)
        .bind(notice.at.millis())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// The notices for an account, newest first; with those to the operators when it is one.
pub async fn list(tx: &mut Tx, account: AccountId, operator: bool, limit: u32) -> Result<Vec<Notice>> {
    const SQL: &str = "SELECT id, account_id, words, url, at, seen_at FROM notices \
                       WHERE account_id = $1 OR ($2 = 1 AND account_id IS NULL) ORDER BY at DESC, id DESC LIMIT $3";
    let rows: Vec<NoticeRow> = on!(tx, |c| sqlx::query_as(SQL)
        .bind(account.to_string())
        .bind(i64::from(operator))
        .bind(i64::from(limit))
        .fetch_all(c)
        .await)?;
    rows.into_iter().map(Notice::try_from).collect()
}

/// How many nobody has seen yet.
pub async fn unseen(tx: &mut Tx, account: AccountId, operator: bool) -> Result<u64> {
    const SQL: &str =
        "SELECT COUNT(*) FROM notices WHERE seen_at IS NULL AND (account_id = $1 OR ($2 = 1 AND account_id IS NULL))";
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).bind(i64::from(operator)).fetch_one(c).await)?;
    Ok(count(n))
}

/// Marks all of them as seen.
pub async fn see(tx: &mut Tx, account: AccountId, operator: bool, now: Timestamp) -> Result<()> {
    const SQL: &str =
        "UPDATE notices SET seen_at = $3 WHERE seen_at IS NULL AND (account_id = $1 OR ($2 = 1 AND account_id IS NULL))";
    on!(tx, |c| sqlx::query(SQL)
        .bind(account.to_string())
        .bind(i64::from(operator))
        .bind(now.millis())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Erases the notices to an account.
pub async fn erase(tx: &mut Tx, account: AccountId) -> Result<()> {
    const SQL: &str = "DELETE FROM notices WHERE account_id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(account.to_string()).execute(c).await.map(drop))?;
    Ok(())
}
