//! Disputes on works and what was done in each.

use super::works::{list_text, read_list};
use super::{Error, Page, Result, Tx, count, on, read};
use crate::clock::Timestamp;
use crate::id::{DisputeId, StatementId, WorkId};
use crate::works::dispute::{Dispute, DisputeStep, Ruling, Standing};

const TABLE: &str = "disputes";

/// A dispute with its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeRecord {
    /// The claim.
    pub dispute: Dispute,
    /// In the log.
    pub statement: StatementId,
    /// What followed, in order, each with its statement.
    pub steps: Vec<(DisputeStep, StatementId)>,
}

impl DisputeRecord {
    /// Where it stands.
    pub fn standing(&self) -> Standing {
        let steps: Vec<DisputeStep> = self.steps.iter().map(|(step, _)| step.clone()).collect();
        Standing::of(self.dispute.opened_at, &steps)
    }
}

#[derive(sqlx::FromRow)]
struct DisputeRow {
    id: String,
    work_id: String,
    ground: String,
    words: String,
    files: String,
    opened_by: String,
    opened_at: i64,
    statement_id: String,
}

#[derive(sqlx::FromRow)]
struct StepRow {
    dispute_id: String,
    work_id: String,
    step: String,
    words: String,
    files: String,
    ruling: Option<String>,
    by_name: String,
    at: i64,
    statement_id: String,
}

impl TryFrom<DisputeRow> for DisputeRecord {
    type Error = Error;
    fn try_from(r: DisputeRow) -> Result<Self> {
        let dispute = Dispute {
            id: read(TABLE, &r.id, &r.id)?,
            work: read(TABLE, &r.id, &r.work_id)?,
            ground: read(TABLE, &r.id, &r.ground)?,
            words: r.words,
            files: read_list(TABLE, &r.id, &r.files)?,
            opened_by: r.opened_by,
            opened_at: Timestamp::from_millis(r.opened_at),
        };
        Ok(Self { dispute, statement: read(TABLE, &r.id, &r.statement_id)?, steps: Vec::new() })
    }
}

impl TryFrom<StepRow> for (DisputeStep, StatementId) {
    type Error = Error;
    fn try_from(r: StepRow) -> Result<Self> {
        const TABLE: &str = "dispute_steps";
        let id = &r.dispute_id;
        let step = DisputeStep {
            dispute: read(TABLE, id, id)?,
            work: read(TABLE, id, &r.work_id)?,
            step: read(TABLE, id, &r.step)?,
            words: r.words,
            files: read_list(TABLE, id, &r.files)?,
            ruling: r.ruling.map(|ruling| read::<Ruling>(TABLE, id, &ruling)).transpose()?,
            by: r.by_name,
            at: Timestamp::from_millis(r.at),
        };
        Ok((step, read(TABLE, id, &r.statement_id)?))
    }
}

/// Puts a claim in; the work is kept from use from now on.
pub async fn insert(tx: &mut Tx, dispute: &Dispute, statement: StatementId) -> Result<()> {
    const SQL: &str = "INSERT INTO disputes (id, work_id, ground, words, files, opened_by, opened_at, open, due_at, statement_id) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9)";
    let standing = Standing::of(dispute.opened_at, &[]);
    on!(tx, |c| sqlx::query(SQL)
        .bind(dispute.id.to_string())
        .bind(dispute.work.to_string())
        .bind(dispute.ground.as_str())
        .bind(&dispute.words)
        .bind(list_text(&dispute.files))
        .bind(&dispute.opened_by)
        .bind(dispute.opened_at.millis())
        .bind(standing.due.map(Timestamp::millis))
        .bind(statement.to_string())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Puts a step in; whether the work is kept from use follows from it.
pub async fn insert_step(tx: &mut Tx, step: &DisputeStep, statement: StatementId) -> Result<()> {
    const SQL: &str = "INSERT INTO dispute_steps (dispute_id, n, work_id, step, words, files, ruling, by_name, at, statement_id) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    const MOVE: &str = "UPDATE disputes SET open = $2, due_at = $3 WHERE id = $1";
    let found = find(tx, step.dispute).await?;
    let mut record = found.ok_or_else(|| Error::Conflict(format!("there is no dispute `{}` for this step", step.dispute)))?;
    let n = i64::try_from(record.steps.len()).unwrap_or(i64::MAX);
    on!(tx, |c| sqlx::query(SQL)
        .bind(step.dispute.to_string())
        .bind(n)
        .bind(step.work.to_string())
        .bind(step.step.as_str())
        .bind(&step.words)
        .bind(list_text(&step.files))
        .bind(step.ruling.map(Ruling::as_str))
        .bind(&step.by)
        .bind(step.at.millis())
        .bind(statement.to_string())
        .execute(c)
        .await
        .map(drop))?;
    record.steps.push((step.clone(), statement));
    let standing = record.standing();
    on!(tx, |c| sqlx::query(MOVE)
        .bind(step.dispute.to_string())
        .bind(i64::from(standing.open))
        .bind(standing.due.map(Timestamp::millis))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

macro_rules! columns {
    () => {
        "id, work_id, ground, words, files, opened_by, opened_at, statement_id"
    };
}

async fn with_steps(tx: &mut Tx, mut record: DisputeRecord) -> Result<DisputeRecord> {
    const SQL: &str = "SELECT dispute_id, work_id, step, words, files, ruling, by_name, at, statement_id FROM dispute_steps \
                       WHERE dispute_id = $1 ORDER BY n";
    let rows: Vec<StepRow> = on!(tx, |c| sqlx::query_as(SQL).bind(record.dispute.id.to_string()).fetch_all(c).await)?;
    record.steps = rows.into_iter().map(TryInto::try_into).collect::<Result<_>>()?;
    Ok(record)
}

/// One dispute.
pub async fn find(tx: &mut Tx, id: DisputeId) -> Result<Option<DisputeRecord>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM disputes WHERE id = $1");
    let row: Option<DisputeRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    match row {
        Some(row) => Ok(Some(with_steps(tx, row.try_into()?).await?)),
        None => Ok(None),
    }
}

/// The disputes on a work, newest first.
pub async fn of_work(tx: &mut Tx, work: WorkId) -> Result<Vec<DisputeRecord>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM disputes WHERE work_id = $1 ORDER BY opened_at DESC, id DESC");
    let rows: Vec<DisputeRow> = on!(tx, |c| sqlx::query_as(SQL).bind(work.to_string()).fetch_all(c).await)?;
    let mut records = Vec::with_capacity(rows.len());
    for row in rows {
        records.push(with_steps(tx, row.try_into()?).await?);
    }
    Ok(records)
}

/// Disputes, newest first, `before` an id; those that are open alone, or all.
pub async fn list(tx: &mut Tx, open: bool, before: &str, limit: u32) -> Result<Page<DisputeRecord>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM disputes WHERE ($1 = 0 OR open = 1) AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3"
    );
    const COUNT: &str = "SELECT COUNT(*) FROM disputes WHERE ($1 = 0 OR open = 1)";
    let open = i64::from(open);
    let rows: Vec<DisputeRow> =
        on!(tx, |c| sqlx::query_as(SQL).bind(open).bind(before).bind(i64::from(limit) + 1).fetch_all(c).await)?;
    let (total,): (i64,) = on!(tx, |c| sqlx::query_as(COUNT).bind(open).fetch_one(c).await)?;
    let mut records = Vec::with_capacity(rows.len());
    for row in rows {
        records.push(with_steps(tx, row.try_into()?).await?);
    }
    Ok(Page::cut(records, limit, count(total), |d| d.dispute.id.to_string()))
}
