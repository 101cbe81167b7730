//! Datasets and their members.

use super::{Error, Result, Tx, big, count, on, read, read_sha256};
use crate::clock::Timestamp;
use crate::digest::Sha256Hash;
use crate::id::{DatasetId, StatementId, WorkId};
use crate::lineage::Dataset;

#[derive(sqlx::FromRow)]
struct DatasetRow {
    id: String,
    name: String,
    root: Vec<u8>,
    works_count: i64,
    frozen_at: i64,
    statement_id: String,
}

/// A dataset with the statement that froze it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetRecord {
    /// The dataset.
    pub dataset: Dataset,
    /// In the log.
    pub statement: StatementId,
}

impl TryFrom<DatasetRow> for DatasetRecord {
    type Error = Error;
    fn try_from(r: DatasetRow) -> Result<Self> {
        Ok(Self {
            dataset: Dataset {
                id: read("datasets", &r.id, &r.id)?,
                root: read_sha256("datasets", &r.id, &r.root)?,
                name: r.name,
                works: count(r.works_count),
                frozen_at: Timestamp::from_millis(r.frozen_at),
            },
            statement: read("datasets", &r.id, &r.statement_id)?,
        })
    }
}

/// Puts a dataset in.
pub async fn insert(tx: &mut Tx, dataset: &Dataset, statement: StatementId) -> Result<()> {
    const SQL: &str =
        "INSERT INTO datasets (id, name, root, works_count, frozen_at, statement_id) VALUES ($1, $2, $3, $4, $5, $6)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(dataset.id.to_string())
        .bind(&dataset.name)
        .bind(&dataset.root.0[..])
        .bind(big(dataset.works))
        .bind(dataset.frozen_at.millis())
        .bind(statement.to_string())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Adds members.
pub async fn insert_works(tx: &mut Tx, dataset: DatasetId, works: &[WorkId]) -> Result<()> {
    const SQL: &str = "INSERT INTO dataset_works (dataset_id, work_id) VALUES ($1, $2)";
    let dataset = dataset.to_string();
    for work in works {
        on!(tx, |c| sqlx::query(SQL).bind(&dataset).bind(work.to_string()).execute(c).await.map(drop))?;
    }
    Ok(())
}

/// One dataset.
pub async fn find(tx: &mut Tx, id: DatasetId) -> Result<Option<DatasetRecord>> {
    const SQL: &str = "SELECT id, name, root, works_count, frozen_at, statement_id FROM datasets WHERE id = $1";
    let row: Option<DatasetRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(DatasetRecord::try_from).transpose()
}

/// Every dataset, oldest first.
pub async fn all(tx: &mut Tx) -> Result<Vec<DatasetRecord>> {
    const SQL: &str = "SELECT id, name, root, works_count, frozen_at, statement_id FROM datasets ORDER BY frozen_at, id";
    let rows: Vec<DatasetRow> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    rows.into_iter().map(DatasetRecord::try_from).collect()
}

/// Ids of a dataset's members, in order.
pub async fn members(tx: &mut Tx, id: DatasetId) -> Result<Vec<WorkId>> {
    const SQL: &str = "SELECT work_id FROM dataset_works WHERE dataset_id = $1 ORDER BY work_id";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_all(c).await)?;
    rows.iter().map(|(id,)| read("dataset_works", id, id)).collect()
}

/// Datasets a work is a member of.
pub async fn of_work(tx: &mut Tx, work: WorkId) -> Result<Vec<DatasetRecord>> {
    const SQL: &str = "SELECT d.id, d.name, d.root, d.works_count, d.frozen_at, d.statement_id FROM datasets d \
                       JOIN dataset_works m ON m.dataset_id = d.id WHERE m.work_id = $1 ORDER BY d.frozen_at, d.id";
    let rows: Vec<DatasetRow> = on!(tx, |c| sqlx::query_as(SQL).bind(work.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(DatasetRecord::try_from).collect()
}

/// A dataset's members by licence ever given on them, with how many of those grants still hold, most first.
pub async fn licences(tx: &mut Tx, id: DatasetId) -> Result<Vec<(String, u64)>> {
    const SQL: &str = "SELECT g.licence, COUNT(DISTINCT g.work_id) AS n FROM dataset_works m JOIN grants g ON g.work_id = m.work_id \
                       WHERE m.dataset_id = $1 GROUP BY g.licence ORDER BY n DESC, g.licence";
    let rows: Vec<(String, i64)> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(licence, n)| (licence, count(n))).collect())
}

/// A dataset's members by author, most first.
pub async fn authors(tx: &mut Tx, id: DatasetId) -> Result<Vec<(String, u64)>> {
    const SQL: &str = "SELECT w.author, COUNT(*) AS n FROM dataset_works m JOIN works w ON w.id = m.work_id \
                       WHERE m.dataset_id = $1 GROUP BY w.author ORDER BY n DESC, w.author";
    let rows: Vec<(String, i64)> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(author, n)| (author, count(n))).collect())
}

/// A member as a row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// The work.
    pub work: WorkId,
    /// For people.
    pub title: String,
    /// On record as author.
    pub author: String,
    /// Where the original is.
    pub source: String,
    /// Format of its picture.
    pub media_type: String,
    /// Of its picture.
    pub sha256: Sha256Hash,
    /// That registered it.
    pub statement: StatementId,
    /// Open to everyone at the moment asked for, in order.
    pub licences: Vec<String>,
}

/// At most `limit` members behind `after` (empty: from the first), in the order of the Merkle tree, with the licences that were in force at
/// `at`.
pub async fn rows(tx: &mut Tx, id: DatasetId, at: Timestamp, after: &str, limit: u32) -> Result<Vec<MemberRow>> {
    const WORKS: &str = "SELECT w.id, w.title, w.author, w.source, w.media_type, w.sha256, w.statement_id FROM dataset_works d \
                         JOIN works w ON w.id = d.work_id WHERE d.dataset_id = $1 AND d.work_id > $2 ORDER BY d.work_id LIMIT $3";
    const LICENCES: &str = "SELECT g.work_id, g.licence FROM dataset_works d JOIN grants g ON g.work_id = d.work_id \
                            WHERE d.dataset_id = $1 AND d.work_id > $2 AND d.work_id <= $3 AND g.starts_at <= $4 AND g.scope = '' \
                            AND (g.ends_at IS NULL OR g.ends_at > $4) AND (g.revoked_at IS NULL OR g.revoked_at > $4) \
                            ORDER BY g.work_id, g.licence";
    type Row = (String, String, String, String, String, Vec<u8>, String);
    let found: Vec<Row> =
        on!(tx, |c| sqlx::query_as(WORKS).bind(id.to_string()).bind(after).bind(i64::from(limit)).fetch_all(c).await)?;
    let Some(last) = found.last().map(|row| row.0.clone()) else { return Ok(Vec::new()) };
    let licences: Vec<(String, String)> =
        on!(tx, |c| sqlx::query_as(LICENCES).bind(id.to_string()).bind(after).bind(last).bind(at.millis()).fetch_all(c).await)?;
    let mut licences = licences.into_iter().peekable();
    let mut rows = Vec::with_capacity(found.len());
    for (work, title, author, source, media_type, sha256, statement) in found {
        let mut open = Vec::new();
        while let Some((_, licence)) = licences.next_if(|(of, _)| *of == work) {
            open.push(licence);
        }
        rows.push(MemberRow {
            work: read("works", &work, &work)?,
            sha256: read_sha256("works", &work, &sha256)?,
            statement: read("works", &work, &statement)?,
            title,
            author,
            source,
            media_type,
            licences: open,
        });
    }
    Ok(rows)
}

/// Where its works come from, most first: the source on record, `unknown` where there is none.
pub async fn sources(tx: &mut Tx, id: DatasetId) -> Result<Vec<(String, u64)>> {
    const SQL: &str = "SELECT CASE WHEN w.source = '' THEN 'unknown' ELSE w.source END AS origin, COUNT(*) AS n FROM dataset_works d \
                       JOIN works w ON w.id = d.work_id WHERE d.dataset_id = $1 GROUP BY origin ORDER BY n DESC, origin LIMIT 1000";
    let rows: Vec<(String, i64)> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(source, n)| (source, count(n))).collect())
}

/// Who looked into the licences of its works, and of how many.
pub async fn verified(tx: &mut Tx, id: DatasetId) -> Result<Vec<(String, u64)>> {
    const SQL: &str = "SELECT g.concluded, COUNT(*) FROM dataset_works d JOIN grants g ON g.work_id = d.work_id \
                       WHERE d.dataset_id = $1 AND g.concluded <> '' GROUP BY g.concluded";
    let rows: Vec<(String, i64)> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_all(c).await)?;
    let mut by: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    for (concluded, n) in rows {
        let concluded: crate::works::licence::Concluded = super::read_json("grants", "concluded", &concluded)?;
        if let Some(name) = concluded.verified_by {
            *by.entry(name).or_default() += count(n);
        }
    }
    Ok(by.into_iter().collect())
}
