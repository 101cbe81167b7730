//! Consents that stewards gave, and how they ended.

use super::works::{list_text, read_list};
use super::{Error, Result, Tx, on, read};
use crate::clock::Timestamp;
use crate::id::{ConsentId, StatementId};
use crate::policy::consent::policy_of;
use crate::policy::{Consent, Held};

const TABLE: &str = "consents";

/// How a consent was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why; public.
    pub reason: String,
    /// In the log.
    pub statement: StatementId,
}

/// A consent as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRecord {
    /// What was allowed.
    pub consent: Consent,
    /// In the log.
    pub statement: StatementId,
    /// How it ended before its time.
    pub withdrawn: Option<Withdrawal>,
}

impl ConsentRecord {
    /// What a decision needs of it.
    pub fn held(&self) -> Held {
        Held {
            consent: self.consent.clone(),
            revoked_at: self.withdrawn.as_ref().map(|w| w.at),
            reference: self.consent.id.to_string(),
            ruling: false,
        }
    }
}

#[derive(sqlx::FromRow)]
struct ConsentRow {
    id: String,
    rule: String,
    about: Option<String>,
    uses: String,
    grantee: String,
    granted_by: String,
    words: String,
    starts_at: i64,
    ends_at: i64,
    statement_id: String,
    revoked_at: Option<i64>,
    revoked_by: Option<String>,
    revoked_reason: Option<String>,
    revocation_id: Option<String>,
}

impl TryFrom<ConsentRow> for ConsentRecord {
    type Error = Error;
    fn try_from(r: ConsentRow) -> Result<Self> {
        let withdrawn = match (r.revoked_at, &r.revocation_id) {
            (Some(at), Some(statement)) => Some(Withdrawal {
                at: Timestamp::from_millis(at),
                by: r.revoked_by.unwrap_or_default(),
                reason: r.revoked_reason.unwrap_or_default(),
                statement: read(TABLE, &r.id, statement)?,
            }),
            _ => None,
        };
        Ok(Self {
            statement: read(TABLE, &r.id, &r.statement_id)?,
            withdrawn,
            consent: Consent {
                id: read(TABLE, &r.id, &r.id)?,
                rule: r.rule,
                about: r.about,
                uses: read_list(TABLE, &r.id, &r.uses)?,
                grantee: r.grantee,
                granted_by: r.granted_by,
                words: r.words,
                starts_at: Timestamp::from_millis(r.starts_at),
                ends_at: Timestamp::from_millis(r.ends_at),
            },
        })
    }
}

/// Puts a consent in.
pub async fn insert(tx: &mut Tx, consent: &Consent, statement: StatementId) -> Result<()> {
    const SQL: &str = "INSERT INTO consents (id, policy, rule, about, uses, grantee, granted_by, words, starts_at, ends_at, statement_id) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(consent.id.to_string())
        .bind(policy_of(&consent.rule))
        .bind(&consent.rule)
        .bind(consent.about.as_deref())
        .bind(list_text(&consent.uses))
        .bind(&consent.grantee)
        .bind(&consent.granted_by)
        .bind(&consent.words)
        .bind(consent.starts_at.millis())
        .bind(consent.ends_at.millis())
        .bind(statement.to_string())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Takes a consent back. False when it was taken back before, or is not there.
pub async fn withdraw(tx: &mut Tx, id: ConsentId, withdrawal: &Withdrawal) -> Result<bool> {
    const SQL: &str = "UPDATE consents SET revoked_at = $2, revoked_by = $3, revoked_reason = $4, revocation_id = $5 \
                       WHERE id = $1 AND revoked_at IS NULL";
    let done = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(withdrawal.at.millis())
        .bind(&withdrawal.by)
        .bind(&withdrawal.reason)
        .bind(withdrawal.statement.to_string())
        .execute(c)
        .await
        .map(|d| d.rows_affected()))?;
    Ok(done > 0)
}

macro_rules! columns {
    () => {
        "id, rule, about, uses, grantee, granted_by, words, starts_at, ends_at, statement_id, revoked_at, revoked_by, revoked_reason, \
         revocation_id"
    };
}

/// One consent.
pub async fn find(tx: &mut Tx, id: ConsentId) -> Result<Option<ConsentRecord>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM consents WHERE id = $1");
    let row: Option<ConsentRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(TryInto::try_into).transpose()
}

/// Everything that was allowed to somebody, newest first.
pub async fn of_grantee(tx: &mut Tx, name: &str) -> Result<Vec<ConsentRecord>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM consents WHERE grantee = $1 ORDER BY id DESC");
    let rows: Vec<ConsentRow> = on!(tx, |c| sqlx::query_as(SQL).bind(name).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Everything that was allowed for a policy, newest first.
pub async fn of_policy(tx: &mut Tx, policy: &str) -> Result<Vec<ConsentRecord>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM consents WHERE policy = $1 ORDER BY id DESC");
    let rows: Vec<ConsentRow> = on!(tx, |c| sqlx::query_as(SQL).bind(policy).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}
