//! What the policy answered: the record of each decision with what was asked for (both private), and which policies it was about (counted
//! in public).

use super::{Error, Result, Tx, count, on, read, read_json};
use crate::clock::Timestamp;
use crate::id::{AccountId, DecisionId};
use crate::policy::{Decision, Outcome};

const TABLE: &str = "decisions";

/// A decision with the request it answered.
#[derive(Debug, Clone)]
pub struct DecisionRecord {
    /// Its name.
    pub id: DecisionId,
    /// Who asked; `None` for the instance itself.
    pub account: Option<AccountId>,
    /// What was answered.
    pub decision: Decision,
    /// What was asked for; `None` for decisions from before requests were kept.
    pub request: Option<serde_json::Value>,
    /// When.
    pub decided_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct DecisionRow {
    id: String,
    account_id: Option<String>,
    record: String,
    request: Option<String>,
    decided_at: i64,
}

impl TryFrom<DecisionRow> for DecisionRecord {
    type Error = Error;
    fn try_from(r: DecisionRow) -> Result<Self> {
        Ok(Self {
            id: read(TABLE, &r.id, &r.id)?,
            account: r.account_id.as_deref().map(|a| read(TABLE, &r.id, a)).transpose()?,
            decision: read_json(TABLE, &r.id, &r.record)?,
            request: r.request.as_deref().map(|text| read_json(TABLE, &r.id, text)).transpose()?,
            decided_at: Timestamp::from_millis(r.decided_at),
        })
    }
}

/// Keeps a decision with the request it was about: private, for appeals and reviews. Each policy it met is counted with its strictest answer.
pub async fn insert(
    tx: &mut Tx,
    id: DecisionId,
    account: Option<AccountId>,
    decision: &Decision,
    request: &serde_json::Value,
    now: Timestamp,
) -> Result<()> {
    const SQL: &str =
        "INSERT INTO decisions (id, account_id, outcome, record, request, decided_at) VALUES ($1, $2, $3, $4, $5, $6)";
    const POLICY: &str = "INSERT INTO decision_policies (decision_id, policy, outcome) VALUES ($1, $2, $3)";
    let record = serde_json::to_string(decision).map_err(|e| Error::Corrupt {
        table: TABLE,
        row: id.to_string(),
        cause: e.to_string(),
    })?;
    on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(account.map(|a| a.to_string()))
        .bind(decision.outcome.as_str())
        .bind(&record)
        .bind(request.to_string())
        .bind(now.millis())
        .execute(c)
        .await
        .map(drop))?;
    let mut counted: Vec<&str> = Vec::new();
    // The rules stand strictest first, so the first of a policy is what it answered.
    for rule in &decision.rules {
        if !counted.contains(&rule.policy.as_str()) {
            counted.push(&rule.policy);
            on!(tx, |c| sqlx::query(POLICY)
                .bind(id.to_string())
                .bind(&rule.policy)
                .bind(rule.outcome.as_str())
                .execute(c)
                .await
                .map(drop))?;
        }
    }
    Ok(())
}

/// One decision.
pub async fn find(tx: &mut Tx, id: DecisionId) -> Result<Option<DecisionRecord>> {
    const SQL: &str = "SELECT id, account_id, record, request, decided_at FROM decisions WHERE id = $1";
    let row: Option<DecisionRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(TryInto::try_into).transpose()
}

/// Requests that were decided, oldest first, `after` an id: what another bundle is tried on.
pub async fn requests(tx: &mut Tx, after: &str, limit: u32) -> Result<Vec<(DecisionId, serde_json::Value)>> {
    const SQL: &str = "SELECT id, request FROM decisions WHERE id > $1 AND request IS NOT NULL ORDER BY id LIMIT $2";
    let rows: Vec<(String, String)> = on!(tx, |c| sqlx::query_as(SQL).bind(after).bind(i64::from(limit)).fetch_all(c).await)?;
    rows.into_iter().map(|(id, request)| Ok((read(TABLE, &id, &id)?, read_json(TABLE, &id, &request)?))).collect()
}

/// How often each policy answered what: policy, outcome, number. For everybody to see.
pub async fn counts(tx: &mut Tx) -> Result<Vec<(String, Outcome, u64)>> {
    const SQL: &str = "SELECT policy, outcome, COUNT(*) FROM decision_policies GROUP BY policy, outcome ORDER BY policy, outcome";
    let rows: Vec<(String, String, i64)> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(policy, outcome, n)| Ok((policy.clone(), read("decision_policies", &policy, &outcome)?, count(n))))
        .collect()
}

/// Every decision on requests of an account, oldest first.
pub async fn of_account(tx: &mut Tx, account: AccountId) -> Result<Vec<DecisionRecord>> {
    const SQL: &str = "SELECT id, account_id, record, request, decided_at FROM decisions WHERE account_id = $1 ORDER BY id";
    let rows: Vec<DecisionRow> = on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Keeps of a decision what may be `public` of it; the request too where `keep_request` says so.
pub async fn erase_words(tx: &mut Tx, id: DecisionId, public: &Decision, keep_request: bool) -> Result<()> {
    const SQL: &str = "UPDATE decisions SET record = $2, request = CASE WHEN $3 = 1 THEN request ELSE NULL END WHERE id = $1";
    let record =
        serde_json::to_string(public).map_err(|e| Error::Corrupt { table: TABLE, row: id.to_string(), cause: e.to_string() })?;
    on!(tx, |c| sqlx::query(SQL).bind(id.to_string()).bind(&record).bind(i64::from(keep_request)).execute(c).await.map(drop))?;
    Ok(())
}
