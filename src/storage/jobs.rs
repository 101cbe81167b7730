//! Jobs: pictures asked for and not yet delivered. A job is leased, not taken: when its worker dies the lease runs out and another
//! worker goes on, at most `MOST_ATTEMPTS` times.

use super::tasks::TaskState;
use super::{Error, Page, Result, Tx, count, on, read, read_json};
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
    /// Works that its picture came too near to: `actions::gate::Held` as JSON, opaque here.
    pub held: Option<serde_json::Value>,
    /// How often it was begun.
    pub attempts: u32,
    /// The model it is asked of; none for the embedded one.
    pub model: Option<ModelId>,
    /// Steps done and steps in all, as its worker last said.
    pub progress: Option<(u32, u32)>,
    /// The first job of those that were asked for together; none for one that was asked for alone.
    pub series: Option<JobId>,
    /// Of those that wait the highest goes first: −10 to 10.
    pub priority: i64,
    /// When it was last begun.
    pub started_at: Option<Timestamp>,
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
    held: Option<String>,
    attempts: i64,
    model: Option<String>,
    step: Option<i64>,
    steps: Option<i64>,
    series: Option<String>,
    priority: i64,
    started_at: Option<i64>,
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
            held: r.held.as_ref().map(|held| read_json("jobs", &r.id, held)).transpose()?,
            problem: r.problem,
            attempts: u32::try_from(r.attempts).unwrap_or(u32::MAX),
            model: r.model.as_deref().map(|m| read("jobs", &r.id, m)).transpose()?,
            progress: r.step.zip(r.steps).map(|(a, b)| (u32::try_from(a).unwrap_or(0), u32::try_from(b).unwrap_or(0))),
            series: r.series.as_deref().map(|s| read("jobs", &r.id, s)).transpose()?,
            priority: r.priority,
            started_at: r.started_at.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(r.created_at),
        })
    }
}

/// Puts a job in: queued, or on lease to its maker when `leased_until` is given.
pub async fn insert(tx: &mut Tx, job: &Job, leased_until: Option<Timestamp>) -> Result<()> {
    const SQL: &str = "INSERT INTO jobs (id, account_id, decision_id, state, request, attempts, leased_until, created_at, changed_at, model, \
                       series, priority, started_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, $12)";
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
        .bind(job.series.map(|series| series.to_string()))
        .bind(job.priority)
        .bind(leased_until.map(|_| job.created_at.millis()))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// One job.
pub async fn find(tx: &mut Tx, id: JobId) -> Result<Option<Job>> {
    const SQL: &str = "SELECT id, account_id, decision_id, state, request, image_id, problem, held, attempts, model, step, steps, series, priority, started_at, created_at FROM jobs WHERE id = $1";
    let row: Option<JobRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(Job::try_from).transpose()
}

/// How many wait or run.
pub async fn open(tx: &mut Tx) -> Result<u64> {
    const SQL: &str = "SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running')";
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).fetch_one(c).await)?;
    Ok(count(n))
}

/// How many of an account's wait or run.
pub async fn open_of(tx: &mut Tx, account: AccountId) -> Result<u64> {
    const SQL: &str = "SELECT COUNT(*) FROM jobs WHERE account_id = $1 AND state IN ('queued', 'running')";
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).fetch_one(c).await)?;
    Ok(count(n))
}

/// A job that waits, with what decides its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The job.
    pub id: JobId,
    /// Whose.
    pub account: AccountId,
    /// −10 to 10, the highest first.
    pub priority: i64,
    /// When its account last had a turn; 0 for never.
    pub last_turn: i64,
}

/// All that wait, in the order they were asked for.
pub async fn waiting(tx: &mut Tx) -> Result<Vec<Waiting>> {
    const SQL: &str = "SELECT id, account_id, priority, \
        (SELECT COALESCE(MAX(other.started_at), 0) FROM jobs other WHERE other.account_id = jobs.account_id) \
        FROM jobs WHERE state = 'queued' ORDER BY created_at, id";
    let rows: Vec<(String, String, i64, i64)> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    rows.iter()
        .map(|(id, account, priority, last_turn)| {
            let (account, id) = (read("jobs", id, account)?, read("jobs", id, id)?);
            Ok(Waiting { id, account, priority: *priority, last_turn: *last_turn })
        })
        .collect()
}

/// How long the last pictures took from begin to end, in milliseconds: at most `most`, of this model (none: the embedded one).
pub async fn took(tx: &mut Tx, model: Option<ModelId>, most: u32) -> Result<Vec<i64>> {
    const SQL: &str = "SELECT changed_at - started_at FROM jobs WHERE state = 'done' AND started_at IS NOT NULL \
        AND COALESCE(model, '') = $1 ORDER BY changed_at DESC LIMIT $2";
    let model = model.map(|id| id.to_string()).unwrap_or_default();
    let rows: Vec<(i64,)> = on!(tx, |c| sqlx::query_as(SQL).bind(&model).bind(i64::from(most)).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(ms,)| ms).collect())
}

/// A page of an account's jobs, newest first, `before` an id.
pub async fn list(tx: &mut Tx, account: AccountId, before: &str, limit: u32) -> Result<Page<Job>> {
    const SQL: &str = "SELECT id, account_id, decision_id, state, request, image_id, problem, held, attempts, model, step, steps, series, priority, started_at, created_at FROM jobs \
        WHERE account_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3";
    const COUNT: &str = "SELECT COUNT(*) FROM jobs WHERE account_id = $1";
    let rows: Vec<JobRow> =
        on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).bind(before).bind(i64::from(limit) + 1).fetch_all(c).await)?;
    let (total,): (i64,) = on!(tx, |c| sqlx::query_as(COUNT).bind(account.to_string()).fetch_one(c).await)?;
    let items = rows.into_iter().map(Job::try_from).collect::<Result<Vec<_>>>()?;
    Ok(Page::cut(items, limit, count(total), |j| j.id.to_string()))
}

/// The jobs of a series, in their order.
pub async fn of_series(tx: &mut Tx, series: JobId) -> Result<Vec<Job>> {
    const SQL: &str = "SELECT id, account_id, decision_id, state, request, image_id, problem, held, attempts, model, step, steps, series, priority, started_at, created_at FROM jobs \
        WHERE series = $1 ORDER BY id";
    let rows: Vec<JobRow> = on!(tx, |c| sqlx::query_as(SQL).bind(series.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(Job::try_from).collect()
}

/// The job that made an image.
pub async fn of_image(tx: &mut Tx, image: ImageId) -> Result<Option<Job>> {
    const SQL: &str = "SELECT id, account_id, decision_id, state, request, image_id, problem, held, attempts, model, step, steps, series, priority, started_at, created_at FROM jobs \
        WHERE image_id = $1 ORDER BY id LIMIT 1";
    let row: Option<JobRow> = on!(tx, |c| sqlx::query_as(SQL).bind(image.to_string()).fetch_optional(c).await)?;
    row.map(Job::try_from).transpose()
}

/// Gives one that waits another priority. False when it does not wait.
pub async fn set_priority(tx: &mut Tx, id: JobId, priority: i64) -> Result<bool> {
    const SQL: &str = "UPDATE jobs SET priority = $2 WHERE id = $1 AND state = 'queued'";
    let rows =
        on!(tx, |c| sqlx::query(SQL).bind(id.to_string()).bind(priority).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
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

/// Leases a job whose lease ran out, or the next that waits: of the highest priority, of the account whose last turn is longest ago, the oldest. `None`: nothing to do, or another worker was quicker (ask again).
pub async fn lease(tx: &mut Tx, now: Timestamp, until: Timestamp) -> Result<Option<Job>> {
    lease_of(tx, Which::All, now, until).await
}

/// The same, of some models only.
pub async fn lease_of(tx: &mut Tx, which: Which, now: Timestamp, until: Timestamp) -> Result<Option<Job>> {
    const SQL: &str = "UPDATE jobs SET state = 'running', attempts = attempts + 1, leased_until = $2, changed_at = $1, started_at = $1, step = NULL \
        WHERE id = (SELECT id FROM jobs WHERE (state = 'queued' OR (state = 'running' AND leased_until < $1)) \
                    AND ($3 = 'all' OR ($3 = 'embedded' AND model IS NULL) OR ($3 = 'added' AND model IS NOT NULL)) \
                    ORDER BY CASE state WHEN 'running' THEN 0 ELSE 1 END, priority DESC, \
                    (SELECT COALESCE(MAX(other.started_at), 0) FROM jobs other WHERE other.account_id = jobs.account_id), created_at, id LIMIT 1) \
        AND (state = 'queued' OR (state = 'running' AND leased_until < $1)) \
        RETURNING id, account_id, decision_id, state, request, image_id, problem, held, attempts, model, step, steps, series, priority, started_at, created_at";
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
    hold(tx, (id, attempts), state, problem, None, now).await
}

/// Ends this attempt without image: held until its maker decides (`TaskState::Held`), or failed. `held` tells which works the picture is
/// too near to. False when the job is another attempt's by now.
pub async fn hold(
    tx: &mut Tx,
    (id, attempts): (JobId, u32),
    state: TaskState,
    problem: &str,
    held: Option<&serde_json::Value>,
    now: Timestamp,
) -> Result<bool> {
    const SQL: &str = "UPDATE jobs SET state = $3, problem = $4, held = $5, leased_until = NULL, changed_at = $6 \
                       WHERE id = $1 AND state = 'running' AND attempts = $2";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(i64::from(attempts))
        .bind(state.as_str())
        .bind(problem)
        .bind(held.map(ToString::to_string))
        .bind(now.millis())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Queues a held job again, asked for in other terms. False when it is not held.
pub async fn go_on(tx: &mut Tx, id: JobId, request: &serde_json::Value, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE jobs SET state = 'queued', request = $2, problem = NULL, attempts = 0, changed_at = $3 \
                       WHERE id = $1 AND state = 'held' AND held IS NOT NULL";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(request.to_string())
        .bind(now.millis())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Ends a job that this attempt still holds. False: it was cancelled or went to another worker, and nothing may be delivered for it.
pub async fn finish(tx: &mut Tx, id: JobId, attempts: u32, image: ImageId, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE jobs SET state = 'done', image_id = $3, held = NULL, leased_until = NULL, changed_at = $4 \
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
    const SQL: &str = "UPDATE jobs SET state = $2, problem = $3, held = NULL, leased_until = NULL, changed_at = $4 \
                       WHERE id = $1 AND state IN ('queued', 'running', 'held')";
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

/// Every job of an account, oldest first.
pub async fn all_of(tx: &mut Tx, account: AccountId) -> Result<Vec<Job>> {
    const SQL: &str = "SELECT id, account_id, decision_id, state, request, image_id, problem, held, attempts, model, step, steps, series, priority, started_at, created_at FROM jobs \
        WHERE account_id = $1 ORDER BY id";
    let rows: Vec<JobRow> = on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(Job::try_from).collect()
}

/// Puts `request`, without its words, in the place of what a job that is over had asked for. False when it is not over.
pub async fn erase_request(tx: &mut Tx, id: JobId, request: &serde_json::Value) -> Result<bool> {
    const SQL: &str =
        "UPDATE jobs SET request = $2, problem = NULL, held = NULL WHERE id = $1 AND state NOT IN ('queued', 'running')";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(request.to_string())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}
