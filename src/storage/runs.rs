//! Training runs.

use super::{Error, Result, Tx, on, read, read_json};
use crate::digest::Sha256Hash;
use crate::id::{DatasetId, StatementId};
use crate::lineage::Run;

#[derive(sqlx::FromRow)]
struct RunRow {
    id: String,
    record: String,
    statement_id: String,
}

/// A run with the statement that recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// The run.
    pub run: Run,
    /// In the log.
    pub statement: StatementId,
}

impl TryFrom<RunRow> for RunRecord {
    type Error = Error;
    fn try_from(r: RunRow) -> Result<Self> {
        Ok(Self { run: read_json("runs", &r.id, &r.record)?, statement: read("runs", &r.id, &r.statement_id)? })
    }
}

/// Puts a run in.
pub async fn insert(tx: &mut Tx, run: &Run, statement: StatementId) -> Result<()> {
    const SQL: &str =
        "INSERT INTO runs (id, dataset_id, weights, record, ended_at, statement_id) VALUES ($1, $2, $3, $4, $5, $6)";
    let record = serde_json::to_string(run).unwrap_or_default();
    on!(tx, |c| sqlx::query(SQL)
        .bind(run.id.to_string())
        .bind(run.dataset.to_string())
        .bind(&run.weights.0[..])
        .bind(record)
        .bind(run.ended_at.millis())
        .bind(statement.to_string())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// The run that made these weights.
pub async fn find_by_weights(tx: &mut Tx, weights: Sha256Hash) -> Result<Option<RunRecord>> {
    const SQL: &str = "SELECT id, record, statement_id FROM runs WHERE weights = $1 ORDER BY ended_at, id LIMIT 1";
    let row: Option<RunRow> = on!(tx, |c| sqlx::query_as(SQL).bind(&weights.0[..]).fetch_optional(c).await)?;
    row.map(RunRecord::try_from).transpose()
}

/// Runs that learnt from a dataset, oldest first.
pub async fn of_dataset(tx: &mut Tx, dataset: DatasetId) -> Result<Vec<RunRecord>> {
    const SQL: &str = "SELECT id, record, statement_id FROM runs WHERE dataset_id = $1 ORDER BY ended_at, id";
    let rows: Vec<RunRow> = on!(tx, |c| sqlx::query_as(SQL).bind(dataset.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(RunRecord::try_from).collect()
}
