//! Projects of the Local Contexts Hub that works belong to, as they were last read.

use super::{Result, Tx, on, read_json};
use crate::clock::Timestamp;
use crate::id::{StatementId, WorkId};
use crate::policy::Project;

/// Puts a reading in; a newer one of the same project takes the place of an older.
pub async fn insert(tx: &mut Tx, work: WorkId, project: &Project, at: Timestamp, statement: StatementId) -> Result<()> {
    const SQL: &str = "INSERT INTO work_projects (work_id, project_id, record, at, statement_id) VALUES ($1, $2, $3, $4, $5) \
                       ON CONFLICT (work_id, project_id) DO UPDATE SET record = $3, at = $4, statement_id = $5";
    let record = serde_json::to_string(project).unwrap_or_default();
    on!(tx, |c| sqlx::query(SQL)
        .bind(work.to_string())
        .bind(&project.id)
        .bind(&record)
        .bind(at.millis())
        .bind(statement.to_string())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// The projects a work belongs to.
pub async fn of_work(tx: &mut Tx, work: WorkId) -> Result<Vec<Project>> {
    const SQL: &str = "SELECT record FROM work_projects WHERE work_id = $1 ORDER BY project_id";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(work.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(|(record,)| read_json("work_projects", &work.to_string(), &record)).collect()
}
