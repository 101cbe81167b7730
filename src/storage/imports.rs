//! Imports: lists of works being registered, and what became of each row. An import is leased like a job: when its worker dies another one
//! goes on after the last row that was committed.

use std::str::FromStr;

use super::tasks::TaskState;
use super::{Error, Page, ROWS_AT_ONCE, Result, Tx, big, count, for_rows, on, read, read_json};
use crate::clock::Timestamp;
use crate::id::{AccountId, ImportId, WorkId};

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Registered now.
    Registered,
    /// The very file is registered already, here or by an earlier row.
    Known,
    /// It can't be registered; the note says why.
    Refused,
}

impl Outcome {
    /// All.
    pub const ALL: [Self; 3] = [Self::Registered, Self::Known, Self::Refused];

    /// Its one text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Known => "known",
            Self::Refused => "refused",
        }
    }
}

impl FromStr for Outcome {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| format!("there is no outcome `{text}`"))
    }
}

/// An import.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// Its name.
    pub id: ImportId,
    /// Who asked.
    pub account: AccountId,
    /// Their public name.
    pub actor: String,
    /// What it is called: the name of the file or folder.
    pub name: String,
    /// Where the list lies on this machine.
    pub place: String,
    /// `actions::import_list::Settings` as JSON, opaque here.
    pub settings: serde_json::Value,
    /// Where it stands.
    pub state: TaskState,
    /// Rows looked at.
    pub rows: u64,
    /// Of them, registered.
    pub registered: u64,
    /// Of them, known before.
    pub known: u64,
    /// Of them, refused.
    pub refused: u64,
    /// Why it failed.
    pub problem: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last went on.
    pub changed_at: Timestamp,
}

/// A row of its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Its place in the list, from 1.
    pub n: u64,
    /// What it is called.
    pub item: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The work, registered now or before.
    pub work: Option<WorkId>,
    /// Why it was refused, or what was noted.
    pub note: String,
}

#[derive(sqlx::FromRow)]
struct ImportLine {
    id: String,
    account_id: String,
    actor: String,
    name: String,
    place: String,
    settings: String,
    state: String,
    rows_done: i64,
    registered: i64,
    known: i64,
    refused: i64,
    problem: Option<String>,
    created_at: i64,
    changed_at: i64,
}

macro_rules! columns {
    () => {
        "id, account_id, actor, name, place, settings, state, rows_done, registered, known, refused, problem, created_at, changed_at"
    };
}

impl TryFrom<ImportLine> for Import {
    type Error = Error;
    fn try_from(r: ImportLine) -> Result<Self> {
        Ok(Self {
            id: read("imports", &r.id, &r.id)?,
            account: read("imports", &r.id, &r.account_id)?,
            actor: r.actor,
            name: r.name,
            place: r.place,
            settings: read_json("imports", &r.id, &r.settings)?,
            state: read("imports", &r.id, &r.state)?,
            rows: count(r.rows_done),
            registered: count(r.registered),
            known: count(r.known),
            refused: count(r.refused),
            problem: r.problem,
            created_at: Timestamp::from_millis(r.created_at),
            changed_at: Timestamp::from_millis(r.changed_at),
        })
    }
}

/// Puts an import in: queued, or on lease to its maker when `leased_until` is given.
pub async fn insert(tx: &mut Tx, import: &Import, leased_until: Option<Timestamp>) -> Result<()> {
    const SQL: &str = "INSERT INTO imports (id, account_id, actor, name, place, settings, state, rows_done, registered, known, refused, \
                       leased_until, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, 0, $8, $9, $9)";
    let state = if leased_until.is_some() { TaskState::Running } else { TaskState::Queued };
    on!(tx, |c| sqlx::query(SQL)
        .bind(import.id.to_string())
        .bind(import.account.to_string())
        .bind(&import.actor)
        .bind(&import.name)
        .bind(&import.place)
        .bind(import.settings.to_string())
        .bind(state.as_str())
        .bind(leased_until.map(Timestamp::millis))
        .bind(import.created_at.millis())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// One import.
pub async fn find(tx: &mut Tx, id: ImportId) -> Result<Option<Import>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM imports WHERE id = $1");
    let row: Option<ImportLine> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(Import::try_from).transpose()
}

/// The latest import of `place` by this account that is not over: what a command begun again goes on with.
pub async fn find_open(tx: &mut Tx, account: AccountId, place: &str) -> Result<Option<Import>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM imports WHERE account_id = $1 AND place = $2 AND state IN ('queued', 'running') ORDER BY created_at DESC LIMIT 1"
    );
    let row: Option<ImportLine> = on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).bind(place).fetch_optional(c).await)?;
    row.map(Import::try_from).transpose()
}

/// Imports of an account (of everyone when `None`), newest first, `before` an id.
pub async fn list(tx: &mut Tx, account: Option<AccountId>, before: &str, limit: u32) -> Result<Page<Import>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM imports WHERE ($1 = '' OR account_id = $1) AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3"
    );
    const COUNT: &str = "SELECT COUNT(*) FROM imports WHERE ($1 = '' OR account_id = $1)";
    let account = account.map(|a| a.to_string()).unwrap_or_default();
    let rows: Vec<ImportLine> =
        on!(tx, |c| sqlx::query_as(SQL).bind(&account).bind(before).bind(i64::from(limit) + 1).fetch_all(c).await)?;
    let (total,): (i64,) = on!(tx, |c| sqlx::query_as(COUNT).bind(&account).fetch_one(c).await)?;
    let items = rows.into_iter().map(Import::try_from).collect::<Result<Vec<_>>>()?;
    Ok(Page::cut(items, limit, count(total), |i| i.id.to_string()))
}

/// Leases the oldest import that waits or whose lease ran out, `after` an id (empty: of all).
pub async fn lease(tx: &mut Tx, now: Timestamp, until: Timestamp, after: &str) -> Result<Option<Import>> {
    const SQL: &str = concat!(
        "UPDATE imports SET state = 'running', leased_until = $2, changed_at = $1 \
         WHERE id = (SELECT id FROM imports WHERE (state = 'queued' OR (state = 'running' AND leased_until < $1)) AND id > $3 \
                     ORDER BY id LIMIT 1) \
         AND (state = 'queued' OR (state = 'running' AND leased_until < $1)) RETURNING ",
        columns!()
    );
    let row: Option<ImportLine> =
        on!(tx, |c| sqlx::query_as(SQL).bind(now.millis()).bind(until.millis()).bind(after).fetch_optional(c).await)?;
    row.map(Import::try_from).transpose()
}

/// Takes an open import on lease, whoever holds it: the command line goes on with what it began.
pub async fn take(tx: &mut Tx, id: ImportId, now: Timestamp, until: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE imports SET state = 'running', leased_until = $3, changed_at = $2 \
                       WHERE id = $1 AND (state = 'queued' OR (state = 'running' AND leased_until < $2))";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(now.millis())
        .bind(until.millis())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Gives a lease back, so that the next worker goes on at once.
pub async fn put_back(tx: &mut Tx, id: ImportId) -> Result<()> {
    const SQL: &str = "UPDATE imports SET state = 'queued', leased_until = NULL WHERE id = $1 AND state = 'running'";
    on!(tx, |c| sqlx::query(SQL).bind(id.to_string()).execute(c).await.map(drop))?;
    Ok(())
}

/// Adds rows to the report and moves on by as many. False when the import was called off or another worker did these rows: then nothing of
/// this transaction may stay.
pub async fn advance(tx: &mut Tx, id: ImportId, from: u64, rows: &[ImportRow], now: Timestamp, until: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE imports SET rows_done = rows_done + $3, registered = registered + $4, known = known + $5, \
                       refused = refused + $6, changed_at = $7, leased_until = $8 WHERE id = $1 AND rows_done = $2 AND state = 'running'";
    const ROW: &str = "INSERT INTO import_rows (import_id, n, item, outcome, work_id, note) VALUES ($1, $2, $3, $4, $5, $6)";
    let of = |outcome: Outcome| big(rows.iter().filter(|r| r.outcome == outcome).count() as u64);
    let moved = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(big(from))
        .bind(big(rows.len() as u64))
        .bind(of(Outcome::Registered))
        .bind(of(Outcome::Known))
        .bind(of(Outcome::Refused))
        .bind(now.millis())
        .bind(until.millis())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    if moved != 1 {
        return Ok(false);
    }
    for part in rows.chunks(ROWS_AT_ONCE) {
        on!(tx, |c| {
            let mut query = sqlx::query(for_rows(ROW, part.len()));
            for row in part {
                query = query
                    .bind(id.to_string())
                    .bind(big(row.n))
                    .bind(&row.item)
                    .bind(row.outcome.as_str())
                    .bind(row.work.map(|w| w.to_string()))
                    .bind(&row.note);
            }
            query.execute(c).await.map(drop)
        })?;
    }
    Ok(true)
}

/// Ends an import that is not over. False when it was.
pub async fn end(tx: &mut Tx, id: ImportId, state: TaskState, problem: Option<&str>, now: Timestamp) -> Result<bool> {
    const SQL: &str = "UPDATE imports SET state = $2, problem = $3, leased_until = NULL, changed_at = $4 \
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

/// A page of the report, `after` a row; of one outcome, or of all.
pub async fn report(tx: &mut Tx, id: ImportId, outcome: Option<Outcome>, after: u64, limit: u32) -> Result<Vec<ImportRow>> {
    const SQL: &str = "SELECT n, item, outcome, work_id, note FROM import_rows WHERE import_id = $1 AND n > $2 \
                       AND ($3 = '' OR outcome = $3) ORDER BY n LIMIT $4";
    let rows: Vec<(i64, String, String, Option<String>, String)> = on!(tx, |c| sqlx::query_as(SQL)
        .bind(id.to_string())
        .bind(big(after))
        .bind(outcome.map_or("", Outcome::as_str))
        .bind(i64::from(limit))
        .fetch_all(c)
        .await)?;
    rows.into_iter()
        .map(|(n, item, outcome, work, note)| {
            Ok(ImportRow {
                n: count(n),
                outcome: read("import_rows", &item, &outcome)?,
                work: work.map(|w| read("import_rows", &item, &w)).transpose()?,
                item,
                note,
            })
        })
        .collect()
}

/// Erases an account's imports with their reports; one that is in work stops at its next batch. Where their lists lay. What they registered stays.
pub async fn erase(tx: &mut Tx, account: AccountId) -> Result<Vec<String>> {
    const PLACES: &str = "SELECT place FROM imports WHERE account_id = $1 ORDER BY id";
    const ROWS: &str = "DELETE FROM import_rows WHERE import_id IN (SELECT id FROM imports WHERE account_id = $1)";
    const SQL: &str = "DELETE FROM imports WHERE account_id = $1";
    let places: Vec<(String,)> = on!(tx, |c| sqlx::query_as(PLACES).bind(account.to_string()).fetch_all(c).await)?;
    on!(tx, |c| sqlx::query(ROWS).bind(account.to_string()).execute(c).await.map(drop))?;
    on!(tx, |c| sqlx::query(SQL).bind(account.to_string()).execute(c).await.map(drop))?;
    Ok(places.into_iter().map(|(place,)| place).collect())
}
