//! Projects of the Local Contexts Hub that works belong to, as they were last read, and those still to be read.

use super::{Result, Tx, on, read, read_json};
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

/// Every project that works belong to, with the work, by project.
pub async fn all(tx: &mut Tx) -> Result<Vec<(WorkId, Project)>> {
    const SQL: &str = "SELECT work_id, record FROM work_projects ORDER BY project_id, work_id";
    let rows: Vec<(String, String)> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(work, record)| Ok((read("work_projects", &work, &work)?, read_json("work_projects", &work, &record)?)))
        .collect()
}

/// A project that a work was said to belong to, whose labels are not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The work.
    pub work: WorkId,
    /// The Hub's `unique_id`.
    pub project: String,
    /// Name of the account that said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why it could not be read so far; empty when nothing went wrong.
    pub problem: String,
}

/// Notes that a project is to be read; said again, it is tried anew.
pub async fn ask(tx: &mut Tx, asked: &Asked) -> Result<()> {
    const SQL: &str = "INSERT INTO project_asks (work_id, project_id, asked_by, asked_at, problem) VALUES ($1, $2, $3, $4, $5) \
                       ON CONFLICT (work_id, project_id) DO UPDATE SET asked_by = $3, asked_at = $4, problem = $5";
    on!(tx, |c| sqlx::query(SQL)
        .bind(asked.work.to_string())
        .bind(&asked.project)
        .bind(&asked.by)
        .bind(asked.at.millis())
        .bind(&asked.problem)
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// What is still to be read, the oldest first; of one work, or of all.
pub async fn asked(tx: &mut Tx, of: Option<WorkId>) -> Result<Vec<Asked>> {
    const SQL: &str = "SELECT work_id, project_id, asked_by, asked_at, problem FROM project_asks WHERE $1 = '' OR work_id = $1 \
                       ORDER BY asked_at, work_id, project_id";
    let of = of.map(|work| work.to_string()).unwrap_or_default();
    let rows: Vec<(String, String, String, i64, String)> = on!(tx, |c| sqlx::query_as(SQL).bind(&of).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(work, project, by, at, problem)| {
            Ok(Asked { work: read("project_asks", &work, &work)?, project, by, at: Timestamp::from_millis(at), problem })
        })
        .collect()
}

/// It was read, or is not wanted any more.
pub async fn forget_ask(tx: &mut Tx, work: WorkId, project: &str) -> Result<()> {
    const SQL: &str = "DELETE FROM project_asks WHERE work_id = $1 AND project_id = $2";
    on!(tx, |c| sqlx::query(SQL).bind(work.to_string()).bind(project).execute(c).await.map(drop))?;
    Ok(())
}

/// Erases what somebody asked to be read and was not yet. How much there was.
pub async fn erase_asks(tx: &mut Tx, by: &str) -> Result<u64> {
    const SQL: &str = "DELETE FROM project_asks WHERE asked_by = $1";
    Ok(on!(tx, |c| sqlx::query(SQL).bind(by).execute(c).await.map(|done| done.rows_affected()))?)
}
