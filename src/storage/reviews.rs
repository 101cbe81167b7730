//! Requests that a person looks at (private), and what was said to their rules (public, from the log).

use super::{Error, Page, Result, Tx, count, on, read};
use crate::clock::Timestamp;
use crate::id::{AccountId, DecisionId, JobId, ReviewId, StatementId};
use crate::policy::consent::policy_of;
use crate::policy::review::{ReviewKind, ReviewState, Ruled};

const TABLE: &str = "reviews";

/// A request that a person looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Its name.
    pub id: ReviewId,
    /// The decision it is about.
    pub decision: DecisionId,
    /// Who asked.
    pub account: AccountId,
    /// Review or appeal.
    pub kind: ReviewKind,
    /// What they said with it; for the reviewers.
    pub words: String,
    /// Where it stands on record; see [`Review::stands`].
    pub state: ReviewState,
    /// Since when.
    pub opened_at: Timestamp,
    /// When silence becomes a no.
    pub due_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// The picture that followed.
    pub job: Option<JobId>,
}

impl Review {
    /// Where it stands at `now`: one that nobody answered in time is refused.
    pub fn stands(&self, now: Timestamp) -> ReviewState {
        if self.state == ReviewState::Open && now >= self.due_at { ReviewState::Expired } else { self.state }
    }
}

#[derive(sqlx::FromRow)]
struct ReviewRow {
    id: String,
    decision_id: String,
    account_id: String,
    kind: String,
    words: String,
    state: String,
    opened_at: i64,
    due_at: i64,
    closed_at: Option<i64>,
    job_id: Option<String>,
}

impl TryFrom<ReviewRow> for Review {
    type Error = Error;
    fn try_from(r: ReviewRow) -> Result<Self> {
        Ok(Self {
            id: read(TABLE, &r.id, &r.id)?,
            decision: read(TABLE, &r.id, &r.decision_id)?,
            account: read(TABLE, &r.id, &r.account_id)?,
            kind: read(TABLE, &r.id, &r.kind)?,
            words: r.words,
            state: read(TABLE, &r.id, &r.state)?,
            opened_at: Timestamp::from_millis(r.opened_at),
            due_at: Timestamp::from_millis(r.due_at),
            closed_at: r.closed_at.map(Timestamp::from_millis),
            job: r.job_id.as_deref().map(|job| read(TABLE, &r.id, job)).transpose()?,
        })
    }
}

macro_rules! columns {
    () => {
        "id, decision_id, account_id, kind, words, state, opened_at, due_at, closed_at, job_id"
    };
}

/// Puts a request in; `Conflict` when a person was asked about this decision before.
pub async fn insert(tx: &mut Tx, review: &Review) -> Result<()> {
    const SQL: &str = "INSERT INTO reviews (id, decision_id, account_id, kind, words, state, opened_at, due_at) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(review.id.to_string())
        .bind(review.decision.to_string())
        .bind(review.account.to_string())
        .bind(review.kind.as_str())
        .bind(&review.words)
        .bind(review.state.as_str())
        .bind(review.opened_at.millis())
        .bind(review.due_at.millis())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Closes an open request, with the picture that follows. False when it is closed already.
pub async fn close(tx: &mut Tx, id: ReviewId, state: ReviewState, job: Option<JobId>, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE reviews SET state = $2, job_id = $3, closed_at = $4 WHERE id = $1 AND state = 'open'";
    let done = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(state.as_str())
        .bind(job.map(|j| j.to_string()))
        .bind(now.millis())
        .execute(c)
        .await
        .map(|d| d.rows_affected()))?;
    Ok(done > 0)
}

/// Erases what was said with a request.
pub async fn erase_words(tx: &mut Tx, id: ReviewId) -> Result<()> {
    const SQL: &str = "UPDATE reviews SET words = '' WHERE id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(id.to_string()).execute(c).await.map(drop))?;
    Ok(())
}

/// One request.
pub async fn find(tx: &mut Tx, id: ReviewId) -> Result<Option<Review>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM reviews WHERE id = $1");
    let row: Option<ReviewRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(TryInto::try_into).transpose()
}

/// The request about a decision.
pub async fn of_decision(tx: &mut Tx, decision: DecisionId) -> Result<Option<Review>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM reviews WHERE decision_id = $1");
    let row: Option<ReviewRow> = on!(tx, |c| sqlx::query_as(SQL).bind(decision.to_string()).fetch_optional(c).await)?;
    row.map(TryInto::try_into).transpose()
}

/// The queue: what waits for a person, the longest wait first, `after` an id.
pub async fn open(tx: &mut Tx, now: Timestamp, after: &str, limit: u32) -> Result<Page<Review>> {
    const SQL: &str =
        concat!("SELECT ", columns!(), " FROM reviews WHERE state = 'open' AND due_at > $1 AND id > $2 ORDER BY id LIMIT $3");
    let rows: Vec<ReviewRow> =
        on!(tx, |c| sqlx::query_as(SQL).bind(now.millis()).bind(after).bind(i64::from(limit) + 1).fetch_all(c).await)?;
    let items = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Review>>>()?;
    let total = waiting(tx, now, None).await?;
    Ok(Page::cut(items, limit, total, |r| r.id.to_string()))
}

/// How many wait; before `one`, when it is given.
pub async fn waiting(tx: &mut Tx, now: Timestamp, one: Option<ReviewId>) -> Result<u64> {
    const SQL: &str = "SELECT COUNT(*) FROM reviews WHERE state = 'open' AND due_at > $1 AND ($2 = '' OR id < $2)";
    let one = one.map(|id| id.to_string()).unwrap_or_default();
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).bind(now.millis()).bind(&one).fetch_one(c).await)?;
    Ok(count(n))
}

/// What somebody asked a person about, newest first.
pub async fn of_account(tx: &mut Tx, account: AccountId, limit: u32) -> Result<Vec<Review>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM reviews WHERE account_id = $1 ORDER BY id DESC LIMIT $2");
    let rows: Vec<ReviewRow> =
        on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).bind(i64::from(limit)).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// How long answers take: the hours from opening to closing of what was granted or refused, the latest first.
pub async fn answer_hours(tx: &mut Tx, limit: u32) -> Result<Vec<f64>> {
    const SQL: &str = "SELECT opened_at, closed_at FROM reviews WHERE state IN ('granted', 'refused') AND closed_at IS NOT NULL \
                       ORDER BY closed_at DESC LIMIT $1";
    let rows: Vec<(i64, i64)> = on!(tx, |c| sqlx::query_as(SQL).bind(i64::from(limit)).fetch_all(c).await)?;
    #[expect(clippy::cast_precision_loss, reason = "shown in hours")]
    Ok(rows.into_iter().map(|(from, to)| (to - from).max(0) as f64 / 3_600_000.0).collect())
}

#[derive(sqlx::FromRow)]
struct RulingRow {
    review_id: String,
    rule: String,
    kind: String,
    ruling: String,
    reason: String,
    by_name: String,
    as_role: String,
    at: i64,
    statement_id: String,
}

impl TryFrom<RulingRow> for (Ruled, StatementId) {
    type Error = Error;
    fn try_from(r: RulingRow) -> Result<Self> {
        const TABLE: &str = "rulings";
        let ruled = Ruled {
            review: read(TABLE, &r.review_id, &r.review_id)?,
            kind: read(TABLE, &r.review_id, &r.kind)?,
            rule: r.rule,
            ruling: read(TABLE, &r.review_id, &r.ruling)?,
            reason: r.reason,
            by: r.by_name,
            as_role: r.as_role,
            at: Timestamp::from_millis(r.at),
        };
        Ok((ruled, read(TABLE, &r.review_id, &r.statement_id)?))
    }
}

/// Puts a ruling in; `Conflict` when the rule was ruled on in this request before.
pub async fn insert_ruling(tx: &mut Tx, ruled: &Ruled, statement: StatementId) -> Result<()> {
    const SQL: &str = "INSERT INTO rulings (review_id, policy, rule, kind, ruling, reason, by_name, as_role, at, statement_id) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(ruled.review.to_string())
        .bind(policy_of(&ruled.rule))
        .bind(&ruled.rule)
        .bind(ruled.kind.as_str())
        .bind(ruled.ruling.as_str())
        .bind(&ruled.reason)
        .bind(&ruled.by)
        .bind(&ruled.as_role)
        .bind(ruled.at.millis())
        .bind(statement.to_string())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// What was said in a request, in order.
pub async fn rulings(tx: &mut Tx, review: ReviewId) -> Result<Vec<(Ruled, StatementId)>> {
    const SQL: &str = "SELECT review_id, rule, kind, ruling, reason, by_name, as_role, at, statement_id FROM rulings \
                       WHERE review_id = $1 ORDER BY at, rule";
    let rows: Vec<RulingRow> = on!(tx, |c| sqlx::query_as(SQL).bind(review.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// What was said for a policy, newest first.
pub async fn rulings_of_policy(tx: &mut Tx, policy: &str, limit: u32) -> Result<Vec<(Ruled, StatementId)>> {
    const SQL: &str = "SELECT review_id, rule, kind, ruling, reason, by_name, as_role, at, statement_id FROM rulings \
                       WHERE policy = $1 ORDER BY at DESC, review_id DESC LIMIT $2";
    let rows: Vec<RulingRow> = on!(tx, |c| sqlx::query_as(SQL).bind(policy).bind(i64::from(limit)).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}
