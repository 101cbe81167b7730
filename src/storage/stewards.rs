//! Who answers for a tradition (public, from the log) and whom they know as members (private, in no statement).

use super::{Error, Result, Tx, on, read};
use crate::clock::Timestamp;
use crate::id::{AccountId, StatementId};
use crate::policy::review::Steward;

/// A steward, with the statement and the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StewardRecord {
    /// The appointment.
    pub steward: Steward,
    /// In the log.
    pub statement: StatementId,
    /// When it ended, and by whom.
    pub ended: Option<(Timestamp, String)>,
}

#[derive(sqlx::FromRow)]
struct StewardRow {
    statement_id: String,
    tradition: String,
    name: String,
    appointed_by: String,
    evidence: String,
    since: i64,
    ended_at: Option<i64>,
    ended_by: Option<String>,
}

impl TryFrom<StewardRow> for StewardRecord {
    type Error = Error;
    fn try_from(r: StewardRow) -> Result<Self> {
        Ok(Self {
            statement: read("stewards", &r.statement_id, &r.statement_id)?,
            steward: Steward {
                tradition: r.tradition,
                name: r.name,
                appointed_by: r.appointed_by,
                evidence: r.evidence,
                since: Timestamp::from_millis(r.since),
            },
            ended: r.ended_at.map(|at| (Timestamp::from_millis(at), r.ended_by.unwrap_or_default())),
        })
    }
}

/// Puts an appointment in.
pub async fn insert(tx: &mut Tx, steward: &Steward, statement: StatementId) -> Result<()> {
    const SQL: &str =
        "INSERT INTO stewards (statement_id, tradition, name, appointed_by, evidence, since) VALUES ($1, $2, $3, $4, $5, $6)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(statement.to_string())
        .bind(&steward.tradition)
        .bind(&steward.name)
        .bind(&steward.appointed_by)
        .bind(&steward.evidence)
        .bind(steward.since.millis())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Ends an appointment. False when there is none in force.
pub async fn end(tx: &mut Tx, tradition: &str, name: &str, at: Timestamp, by: &str) -> Result<bool> {
    const SQL: &str = "UPDATE stewards SET ended_at = $3, ended_by = $4 WHERE tradition = $1 AND name = $2 AND ended_at IS NULL";
    let done = on!(tx, |c| sqlx::query(SQL)
        .bind(tradition)
        .bind(name)
        .bind(at.millis())
        .bind(by)
        .execute(c)
        .await
        .map(|d| d.rows_affected()))?;
    Ok(done > 0)
}

/// Everyone who ever answered for a tradition, newest first.
pub async fn of(tx: &mut Tx, tradition: &str) -> Result<Vec<StewardRecord>> {
    const SQL: &str = "SELECT statement_id, tradition, name, appointed_by, evidence, since, ended_at, ended_by FROM stewards \
                       WHERE tradition = $1 ORDER BY since DESC, statement_id DESC";
    let rows: Vec<StewardRow> = on!(tx, |c| sqlx::query_as(SQL).bind(tradition).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The traditions that somebody answers for now.
pub async fn traditions_of(tx: &mut Tx, name: &str) -> Result<Vec<String>> {
    const SQL: &str = "SELECT DISTINCT tradition FROM stewards WHERE name = $1 AND ended_at IS NULL ORDER BY tradition";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(name).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// Notes that an account belongs to a people, as one of its stewards knows; until `ends_at`, if that is given.
pub async fn put_member(
    tx: &mut Tx,
    tradition: &str,
    account: AccountId,
    by: &str,
    now: Timestamp,
    ends_at: Option<Timestamp>,
) -> Result<()> {
    const SQL: &str = "INSERT INTO memberships (tradition, account_id, given_by, given_at, ends_at) VALUES ($1, $2, $3, $4, $5) \
                       ON CONFLICT (tradition, account_id) DO UPDATE SET given_by = $3, given_at = $4, ends_at = $5";
    on!(tx, |c| sqlx::query(SQL)
        .bind(tradition)
        .bind(account.to_string())
        .bind(by)
        .bind(now.millis())
        .bind(ends_at.map(Timestamp::millis))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Takes that back. False when it was not noted.
pub async fn remove_member(tx: &mut Tx, tradition: &str, account: AccountId) -> Result<bool> {
    const SQL: &str = "DELETE FROM memberships WHERE tradition = $1 AND account_id = $2";
    let done =
        on!(tx, |c| sqlx::query(SQL).bind(tradition).bind(account.to_string()).execute(c).await.map(|d| d.rows_affected()))?;
    Ok(done > 0)
}

/// The traditions whose stewards know an account as a member now.
pub async fn memberships(tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<Vec<String>> {
    const SQL: &str =
        "SELECT tradition FROM memberships WHERE account_id = $1 AND (ends_at IS NULL OR ends_at > $2) ORDER BY tradition";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).bind(now.millis()).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// Names and ends of the members of a tradition, for its stewards.
pub async fn members(tx: &mut Tx, tradition: &str) -> Result<Vec<(String, Option<Timestamp>)>> {
    const SQL: &str = "SELECT accounts.name, memberships.ends_at FROM memberships \
                       JOIN accounts ON accounts.id = memberships.account_id WHERE tradition = $1 ORDER BY accounts.name";
    let rows: Vec<(String, Option<i64>)> = on!(tx, |c| sqlx::query_as(SQL).bind(tradition).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(name, end)| (name, end.map(Timestamp::from_millis))).collect())
}

/// Erases where an account belongs, in every tradition. How many there were.
pub async fn erase_memberships(tx: &mut Tx, account: AccountId) -> Result<u64> {
    const SQL: &str = "DELETE FROM memberships WHERE account_id = $1";
    Ok(on!(tx, |c| sqlx::query(SQL).bind(account.to_string()).execute(c).await.map(|done| done.rows_affected()))?)
}
