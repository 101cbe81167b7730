//! What stood on a work when it was revoked.

use super::{Result, Tx, on, read};
use crate::clock::Timestamp;
use crate::id::{DisputeId, StatementId, WorkId};

/// That something stands on a work which may no longer be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImpactRecord {
    /// The work.
    pub work: WorkId,
    /// From when it may not be used.
    pub since: Timestamp,
    /// In the log.
    pub statement: StatementId,
    /// The dispute from which that follows; none when a grant was revoked.
    pub dispute: Option<DisputeId>,
}

/// Puts in that each of `abouts` (ids of datasets, models or images) stands on a work that may not be used from `since` on.
pub async fn insert(
    tx: &mut Tx,
    work: WorkId,
    since: Timestamp,
    dispute: Option<DisputeId>,
    abouts: &[String],
    statement: StatementId,
) -> Result<()> {
    const SQL: &str = "INSERT INTO impacts (work_id, about, since, statement_id, dispute_id) VALUES ($1, $2, $3, $4, $5)";
    for about in abouts {
        on!(tx, |c| sqlx::query(SQL)
            .bind(work.to_string())
            .bind(about)
            .bind(since.millis())
            .bind(statement.to_string())
            .bind(dispute.map(|d| d.to_string()))
            .execute(c)
            .await
            .map(drop))?;
    }
    Ok(())
}

/// The revoked works that a dataset, model or image stands on, latest first.
pub async fn of(tx: &mut Tx, about: &str) -> Result<Vec<ImpactRecord>> {
    const SQL: &str =
        "SELECT work_id, since, statement_id, dispute_id FROM impacts WHERE about = $1 ORDER BY since DESC, work_id";
    let rows: Vec<(String, i64, String, Option<String>)> = on!(tx, |c| sqlx::query_as(SQL).bind(about).fetch_all(c).await)?;
    let record = |(work, since, statement, dispute): (String, i64, String, Option<String>)| {
        Ok(ImpactRecord {
            work: read("impacts", about, &work)?,
            since: Timestamp::from_millis(since),
            statement: read("impacts", about, &statement)?,
            dispute: dispute.map(|d| read("impacts", about, &d)).transpose()?,
        })
    };
    rows.into_iter().map(record).collect()
}

/// The statements that say what stood on a work, in the order of the log.
pub async fn statements_of(tx: &mut Tx, work: WorkId) -> Result<Vec<StatementId>> {
    const SQL: &str = "SELECT DISTINCT statement_id FROM impacts WHERE work_id = $1 ORDER BY statement_id";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(work.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(|(id,)| read("impacts", &id, &id)).collect()
}
