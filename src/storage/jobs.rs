//! Jobs: pictures asked for and not yet delivered. A job is leased, not taken: when its worker dies the lease runs out and another
//! worker goes on, at most `MOST_ATTEMPTS` times.

use super::tasks::TaskState;
use super::{Error, Result, Tx, count, on, read, read_json};
use crate::clock::Timestamp;
use crate::id::{AccountId, DecisionId, ImageId, JobId, ModelId};

/// How often a job is begun before it fails for good.
pub const MOST_ATTEMPTS: u32 = 3;

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// Who asked.
    pub account: AccountId,
    /// What the policy answered before it was queued.
    pub decision: DecisionId,
    /// Where it stands.
    pub state: TaskState,
    /// What was asked for: `actions::request_image::Order` as JSON, opaque here.
    pub request: serde_json::Value,
    /// Its image, when done.
    pub image: Option<ImageId>,
    /// Why it failed.
    pub problem: Option<String>,
    /// How often it was begun.
    pub attempts: u32,
    /// The model it is asked of; none for the embedded one.
    pub model: Option<ModelId>,
    /// Steps done and steps in all, as its worker last said.
    pub progress: Option<(u32, u32)>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct JobRow {
    id: String,
    account_id: String,
    decision_id: String,
    state: String,
    request: String,
    image_id: Option<String>,
    problem: Option<String>,
    attempts: i64,
    model: Option<String>,
    step: Option<i64>,
    steps: Option<i64>,
    created_at: i64,
}

impl TryFrom<JobRow> for Job {
    type Error = Error;
    fn try_from(r: JobRow) -> Result<Self> {
        Ok(Self {
            id: read("jobs", &r.id, &r.id)?,
            account: read("jobs", &r.id, &r.account_id)?,
            decision: read("jobs", &r.id, &r.decision_id)?,
            state: read("jobs", &r.id, &r.state)?,
            request: read_json("jobs", &r.id, &r.request)?,
            image: r.image_id.as_deref().map(|i| read("jobs", &r.id, i)).transpose()?,
            problem: r.problem,
            attempts: u32::try_from(r.attempts).unwrap_or(u32::MAX),
            model: r.model.as_deref().map(|m| read("jobs", &r.id, m)).transpose()?,
            progress: r.step.zip(r.steps).map(|(a, b)| (u32::try_from(a).unwrap_or(0), u32::try_from(b).unwrap_or(0))),
            created_at: Timestamp::from_millis(r.created_at),
        })
    }
}

/// Puts a job in: queued, or on lease to its maker when `leased_until` is given.
pub async fn insert(tx: &mut Tx, job: &Job, leased_until: Option<Timestamp>) -> Result<()> {
    const SQL: &str = "INSERT INTO jobs (id, account_id, decision_id, state, request, attempts, leased_until, created_at, changed_at, model) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)";
    let state = if leased_until.is_some() { TaskState::Running } else { TaskState::Queued };
    on!(tx, |c| sqlx::query(SQL)
        .bind(job.id.to_string())
        .bind(job.account.to_string())
        .bind(job.decision.to_string())
        .bind(state.as_str())
        .bind(job.request.to_string())
        .bind(i64::from(leased_until.is_some()))
        .bind(leased_until.map(Timestamp::millis))
        .bind(job.created_at.millis())
        .bind(job.model.map(|model| model.to_string()))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// One job.
pub async fn find(tx: &mut Tx, id: JobId) -> Result<Option<Job>> {
    const SQL: &str = "SELECT id, account_id, decision_id, state, request, image_id, problem, attempts, model, step, steps, created_at FROM jobs WHERE id = $1";
    let row: Option<JobRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(Job::try_from).transpose()
}

/// How many wait or run.
pub async fn open(tx: &mut Tx) -> Result<u64> {
    const SQL: &str = "SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running')";
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).fetch_one(c).await)?;
    Ok(count(n))
}

/// How many wait before `job`.
pub async fn ahead(tx: &mut Tx, job: &Job) -> Result<u64> {
    const SQL: &str = "SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND created_at < $1";
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).bind(job.created_at.millis()).fetch_one(c).await)?;
    Ok(count(n))
}

/// Whose jobs a worker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Which {
    /// All.
    #[default]
    All,
    /// Those of the embedded model.
    Embedded,
    /// Those of models that were added.
    Added,
}

impl Which {
    const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Embedded => "embedded",
            Self::Added => "added",
        }
    }
}

/// Leases the oldest job that waits or whose lease ran out. `None`: nothing to do, or another worker was quicker (ask again).
pub async fn lease(tx: &mut Tx, now: Timestamp, until: Timestamp) -> Result<Option<Job>> {
    lease_of(tx, Which::All, now, until).await
}

/// The same, of some models only.
pub async fn lease_of(tx: &mut Tx, which: Which, now: Timestamp, until: Timestamp) -> Result<Option<Job>> {
    const SQL: &str = "UPDATE jobs SET state = 'running', attempts = attempts + 1, leased_until = $2, changed_at = $1, step = NULL \
        WHERE id = (SELECT id FROM jobs WHERE (state = 'queued' OR (state = 'running' AND leased_until < $1)) \
                    AND ($3 = 'all' OR ($3 = 'embedded' AND model IS NULL) OR ($3 = 'added' AND model IS NOT NULL)) \
                    ORDER BY created_at, id LIMIT 1) \
        AND (state = 'queued' OR (state = 'running' AND leased_until < $1)) \
        RETURNING id, account_id, decision_id, state, request, image_id, problem, attempts, model, step, steps, created_at";
    let row: Option<JobRow> =
        on!(tx, |c| sqlx::query_as(SQL).bind(now.millis()).bind(until.millis()).bind(which.as_str()).fetch_optional(c).await)?;
    row.map(Job::try_from).transpose()
}

/// Notes how far a job is, if this attempt still holds it.
pub async fn note_progress(tx: &mut Tx, id: JobId, attempts: u32, (step, steps): (u32, u32)) -> Result<()> {
    const SQL: &str = "UPDATE jobs SET step = $3, steps = $4 WHERE id = $1 AND state = 'running' AND attempts = $2";
    on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(i64::from(attempts))
        .bind(i64::from(step))
        .bind(i64::from(steps))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Keeps a lease alive. False: the job was cancelled or is another's by now.
pub async fn renew(tx: &mut Tx, id: JobId, attempts: u32, until: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE jobs SET leased_until = $3 WHERE id = $1 AND state = 'running' AND attempts = $2";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(i64::from(attempts))
        .bind(until.millis())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Ends this attempt's lease at once, so that the next worker begins the job again. False when the job is another attempt's by now.
pub async fn put_back(tx: &mut Tx, id: JobId, attempts: u32, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE jobs SET state = 'queued', leased_until = NULL, changed_at = $3 \
                       WHERE id = $1 AND state = 'running' AND attempts = $2";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(i64::from(attempts))
        .bind(now.millis())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Ends a job without image, if this attempt still holds it.
pub async fn give_up(tx: &mut Tx, id: JobId, attempts: u32, state: TaskState, problem: &str, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE jobs SET state = $3, problem = $4, leased_until = NULL, changed_at = $5 \
                       WHERE id = $1 AND state = 'running' AND attempts = $2";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(i64::from(attempts))
        .bind(state.as_str())
        .bind(problem)
        .bind(now.millis())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Ends a job that this attempt still holds. False: it was cancelled or went to another worker, and nothing may be delivered for it.
pub async fn finish(tx: &mut Tx, id: JobId, attempts: u32, image: ImageId, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE jobs SET state = 'done', image_id = $3, leased_until = NULL, changed_at = $4 \
                       WHERE id = $1 AND state = 'running' AND attempts = $2";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(i64::from(attempts))
        .bind(image.to_string())
        .bind(now.millis())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Ends a job without image, whoever holds it. False when it was over already.
pub async fn end(tx: &mut Tx, id: JobId, state: TaskState, problem: &str, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE jobs SET state = $2, problem = $3, leased_until = NULL, changed_at = $4 \
                       WHERE id = $1 AND state IN ('queued', 'running')";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(state.as_str())
        .bind(problem)
        .bind(now.millis())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}
