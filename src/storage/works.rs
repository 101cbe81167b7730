//! Works and the grants on them.

use super::{
    Error, Page, ROWS_AT_ONCE, Result, Tx, big, count, for_list, for_rows, like, on, read, read_blake3, read_json, read_sha256,
};
use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::digest::{KnownDigest, Sha256Hash};
use crate::id::{GrantId, StatementId, WorkId};
use crate::works::licence::Concluded;
use crate::works::{Grant, GrantScope, Work};

const WORK: &str = "works";

#[derive(sqlx::FromRow)]
struct WorkRow {
    id: String,
    title: String,
    author: String,
    collection: String,
    item: String,
    source: String,
    package: String,
    style: String,
    colour: Option<String>,
    titles: String,
    tags: String,
    media_type: String,
    blake3: Option<Vec<u8>>,
    sha256: Vec<u8>,
    size: Option<i64>,
    held: i64,
    creators: String,
    rights_holder: String,
    created: String,
    published: String,
    evidence_files: String,
    registered_by: String,
    registered_at: i64,
    statement_id: String,
}

/// The columns of a `WorkRow`.
macro_rules! columns {
    () => {
        "id, title, author, collection, item, source, package, style, colour, titles, tags, media_type, blake3, sha256, size, held, \
         creators, rights_holder, created, published, evidence_files, registered_by, registered_at, statement_id"
    };
}

/// A work with the statement that registered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkRecord {
    /// The work.
    pub work: Work,
    /// In the log.
    pub statement: StatementId,
}

/// A grant with its statements and, when it was revoked, since when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRecord {
    /// The grant.
    pub grant: Grant,
    /// In the log.
    pub statement: StatementId,
    /// Since when it no longer holds, why, and where the log says so.
    pub revoked: Option<Revocation>,
}

/// A grant taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Since when.
    pub at: Timestamp,
    /// In the words of who revoked it.
    pub reason: String,
    /// In the log.
    pub statement: StatementId,
}

impl GrantRecord {
    /// Whether it holds at `now`.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.grant.covers(now) && self.revoked.as_ref().is_none_or(|r| now < r.at)
    }
}

impl TryFrom<WorkRow> for WorkRecord {
    type Error = Error;
    fn try_from(r: WorkRow) -> Result<Self> {
        let work = Work {
            id: read(WORK, &r.id, &r.id)?,
            titles: read_json(WORK, &r.id, &r.titles)?,
            tags: read_json(WORK, &r.id, &r.tags)?,
            digest: KnownDigest {
                blake3: r.blake3.as_deref().map(|b| read_blake3(WORK, &r.id, b)).transpose()?,
                sha256: read_sha256(WORK, &r.id, &r.sha256)?,
                len: r.size.map(count),
            },
            held: r.held != 0,
            creators: read_list(WORK, &r.id, &r.creators)?,
            evidence_files: read_list(WORK, &r.id, &r.evidence_files)?,
            // In the statement; as rows they stand in `reservations`.
            reservations: Vec::new(),
            rights_holder: r.rights_holder,
            created: r.created,
            published: r.published,
            title: r.title,
            author: r.author,
            collection: r.collection,
            item: r.item,
            source: r.source,
            package: r.package,
            style: r.style,
            colour: r.colour,
            media_type: r.media_type,
            registered_by: r.registered_by,
            registered_at: Timestamp::from_millis(r.registered_at),
        };
        Ok(Self { work, statement: read(WORK, &r.id, &r.statement_id)? })
    }
}

/// Puts a work in.
pub async fn insert(tx: &mut Tx, work: &Work, statement: StatementId) -> Result<()> {
    insert_all(tx, &[(work, statement)]).await
}

/// Puts works in, each with the statement that registers it.
pub async fn insert_all(tx: &mut Tx, works: &[(&Work, StatementId)]) -> Result<()> {
    const SQL: &str = "INSERT INTO works (id, title, author, collection, item, source, package, style, colour, titles, tags, search, \
                       media_type, blake3, sha256, size, registered_by, registered_at, statement_id, held, creators, rights_holder, \
                       created, published, evidence_files) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, \
                       $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)";
    for part in works.chunks(ROWS_AT_ONCE) {
        on!(tx, |c| {
            let mut query = sqlx::query(for_rows(SQL, part.len()));
            for (work, statement) in part {
                query = query
                    .bind(work.id.to_string())
                    .bind(&work.title)
                    .bind(&work.author)
                    .bind(&work.collection)
                    .bind(&work.item)
                    .bind(&work.source)
                    .bind(&work.package)
                    .bind(&work.style)
                    .bind(&work.colour)
                    .bind(json(&work.titles))
                    .bind(json(&work.tags))
                    .bind(work.search_text())
                    .bind(&work.media_type)
                    .bind(work.digest.blake3.map(|b| b.0.to_vec()))
                    .bind(&work.digest.sha256.0[..])
                    .bind(work.digest.len.map(big))
                    .bind(&work.registered_by)
                    .bind(work.registered_at.millis())
                    .bind(statement.to_string())
                    .bind(i64::from(work.held))
                    .bind(list_text(&work.creators))
                    .bind(&work.rights_holder)
                    .bind(&work.created)
                    .bind(&work.published)
                    .bind(list_text(&work.evidence_files));
            }
            query.execute(c).await.map(drop)
        })?;
        let due: Vec<String> = part.iter().filter(|(work, _)| work.held).map(|(work, _)| work.id.to_string()).collect();
        super::fingerprints::insert_due(tx, &due).await?;
    }
    Ok(())
}

/// A list as JSON; empty text for an empty one.
pub(super) fn list_text<T: serde::Serialize>(list: &[T]) -> String {
    if list.is_empty() { String::new() } else { serde_json::to_string(list).unwrap_or_default() }
}

/// The list back.
pub(super) fn read_list<T: serde::de::DeserializeOwned>(table: &'static str, row: &str, text: &str) -> Result<Vec<T>> {
    if text.is_empty() { Ok(Vec::new()) } else { read_json(table, row, text) }
}

fn json(lists: &[Vec<String>]) -> String {
    serde_json::to_string(lists).unwrap_or_default()
}

/// One work.
pub async fn find(tx: &mut Tx, id: WorkId) -> Result<Option<WorkRecord>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM works WHERE id = $1");
    let row: Option<WorkRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(WorkRecord::try_from).transpose()
}

/// The works whose files have these hashes, of several with one hash the first registered.
pub async fn ids_by_sha256(tx: &mut Tx, hashes: &[Sha256Hash]) -> Result<HashMap<Sha256Hash, WorkId>> {
    const SQL: &str = "SELECT sha256, id FROM works WHERE sha256 IN ($1) ORDER BY registered_at DESC, id DESC";
    let mut known = HashMap::new();
    for part in hashes.chunks(ROWS_AT_ONCE) {
        let rows: Vec<(Vec<u8>, String)> = on!(tx, |c| {
            let mut query = sqlx::query_as(for_list(SQL, part.len()));
            for hash in part {
                query = query.bind(&hash.0[..]);
            }
            query.fetch_all(c).await
        })?;
        for (sha256, id) in rows {
            known.insert(read_sha256(WORK, &id, &sha256)?, read(WORK, &id, &id)?);
        }
    }
    Ok(known)
}

/// The work whose picture has this hash, if any: the first registered.
pub async fn find_by_sha256(tx: &mut Tx, sha256: Sha256Hash) -> Result<Option<WorkRecord>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM works WHERE sha256 = $1 \
                       ORDER BY registered_at, id LIMIT 1"
    );
    let row: Option<WorkRow> = on!(tx, |c| sqlx::query_as(SQL).bind(&sha256.0[..]).fetch_optional(c).await)?;
    row.map(WorkRecord::try_from).transpose()
}

/// Every work that is kept here, in the order of registration. For the retrieval index, which holds all that can be drawn on.
pub async fn all_held(tx: &mut Tx) -> Result<Vec<WorkRecord>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM works WHERE held = 1 ORDER BY registered_at, id");
    let rows: Vec<WorkRow> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    rows.into_iter().map(WorkRecord::try_from).collect()
}

/// How many works are kept here.
pub async fn count_held(tx: &mut Tx) -> Result<u64> {
    const SQL: &str = "SELECT COUNT(*) FROM works WHERE held = 1";
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).fetch_one(c).await)?;
    Ok(count(n))
}

/// Works on record as published under `site` (an address with a slash at its end), by id after `after`; of one registrant unless `owner` is empty.
pub async fn of_site(tx: &mut Tx, site: &str, owner: &str, after: &str, limit: u32) -> Result<Vec<WorkRecord>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM works WHERE id > $1 AND (source LIKE $2 ESCAPE '\\' OR source = $3) AND ($4 = '' OR registered_by = $4) \
         ORDER BY id LIMIT $5"
    );
    let escaped = site.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let rows: Vec<WorkRow> = on!(tx, |c| sqlx::query_as(SQL)
        .bind(after)
        .bind(format!("{escaped}%"))
        .bind(site.trim_end_matches('/'))
        .bind(owner)
        .bind(i64::from(limit))
        .fetch_all(c)
        .await)?;
    rows.into_iter().map(WorkRecord::try_from).collect()
}

/// What a list of works is narrowed to; empty texts narrow nothing.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Words that must all stand in title, author, item or tags.
    pub words: String,
    /// SPDX identifier of a grant in force.
    pub licence: String,
    /// Exact author.
    pub author: String,
    /// Exact name of who registered it, or holds the rights.
    pub owner: String,
}

/// The words of a filter as patterns. Up to four; more are ignored, as they would narrow to nothing anyway.
fn likes(filter: &Filter) -> Vec<String> {
    let mut likes = filter.words.to_lowercase().split_whitespace().take(4).map(like).collect::<Vec<_>>();
    likes.resize(4, "%".to_owned());
    likes
}

/// Works that match, in id order, `after` an id.
pub async fn matching(tx: &mut Tx, filter: &Filter, after: &str, limit: u32, now: Timestamp) -> Result<Vec<WorkRecord>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM works w \
        WHERE w.id > $1 AND w.search LIKE $2 ESCAPE '\\' AND w.search LIKE $3 ESCAPE '\\' AND w.search LIKE $4 ESCAPE '\\' \
        AND w.search LIKE $5 ESCAPE '\\' AND ($6 = '' OR w.author = $6) AND ($7 = '' OR EXISTS (SELECT 1 FROM grants g \
        WHERE g.work_id = w.id AND g.licence_concluded = $7 AND g.revoked_at IS NULL AND g.starts_at <= $8 \
        AND (g.ends_at IS NULL OR g.ends_at > $8))) AND ($9 = '' OR w.registered_by = $9 OR w.rights_holder = $9) \
        ORDER BY w.id LIMIT $10"
    );
    let likes = likes(filter);
    let rows: Vec<WorkRow> = on!(tx, |c| sqlx::query_as(SQL)
        .bind(after)
        .bind(&likes[0])
        .bind(&likes[1])
        .bind(&likes[2])
        .bind(&likes[3])
        .bind(&filter.author)
        .bind(&filter.licence)
        .bind(now.millis())
        .bind(&filter.owner)
        .bind(i64::from(limit))
        .fetch_all(c)
        .await)?;
    rows.into_iter().map(WorkRecord::try_from).collect()
}

/// A page of works in id order, `after` an id.
pub async fn list(tx: &mut Tx, filter: &Filter, after: &str, limit: u32, now: Timestamp) -> Result<Page<WorkRecord>> {
    const COUNT: &str = "SELECT COUNT(*) FROM works w \
        WHERE w.search LIKE $1 ESCAPE '\\' AND w.search LIKE $2 ESCAPE '\\' AND w.search LIKE $3 ESCAPE '\\' \
        AND w.search LIKE $4 ESCAPE '\\' AND ($5 = '' OR w.author = $5) AND ($6 = '' OR EXISTS (SELECT 1 FROM grants g \
        WHERE g.work_id = w.id AND g.licence_concluded = $6 AND g.revoked_at IS NULL AND g.starts_at <= $7 \
        AND (g.ends_at IS NULL OR g.ends_at > $7))) AND ($8 = '' OR w.registered_by = $8 OR w.rights_holder = $8)";
    let items = matching(tx, filter, after, limit + 1, now).await?;
    let likes = likes(filter);
    let (total,): (i64,) = on!(tx, |c| sqlx::query_as(COUNT)
        .bind(&likes[0])
        .bind(&likes[1])
        .bind(&likes[2])
        .bind(&likes[3])
        .bind(&filter.author)
        .bind(&filter.licence)
        .bind(now.millis())
        .bind(&filter.owner)
        .fetch_one(c)
        .await)?;
    Ok(Page::cut(items, limit, count(total), |w| w.work.id.to_string()))
}

/// Works and distinct authors.
pub async fn totals(tx: &mut Tx) -> Result<(u64, u64)> {
    const SQL: &str = "SELECT COUNT(*), COUNT(DISTINCT author) FROM works";
    let (works, authors): (i64, i64) = on!(tx, |c| sqlx::query_as(SQL).fetch_one(c).await)?;
    Ok((count(works), count(authors)))
}

/// Works by licence of their grants in force, most first.
pub async fn by_licence(tx: &mut Tx, now: Timestamp) -> Result<Vec<(String, u64)>> {
    const SQL: &str = "SELECT licence_concluded, COUNT(DISTINCT work_id) AS n FROM grants WHERE revoked_at IS NULL AND starts_at <= $1 \
                       AND (ends_at IS NULL OR ends_at > $1) GROUP BY licence_concluded ORDER BY n DESC, licence_concluded";
    let rows: Vec<(String, i64)> = on!(tx, |c| sqlx::query_as(SQL).bind(now.millis()).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(licence, n)| (licence, count(n))).collect())
}

#[derive(sqlx::FromRow)]
struct GrantRow {
    id: String,
    work_id: String,
    licence: String,
    licence_url: String,
    declared_by: String,
    evidence: String,
    starts_at: i64,
    ends_at: Option<i64>,
    scope: String,
    detected: String,
    concluded: String,
    revoked_at: Option<i64>,
    revoked_reason: Option<String>,
    statement_id: String,
    revoked_statement_id: Option<String>,
}

impl TryFrom<GrantRow> for GrantRecord {
    type Error = Error;
    fn try_from(r: GrantRow) -> Result<Self> {
        let revoked = match (r.revoked_at, r.revoked_statement_id) {
            (Some(at), Some(statement)) => Some(Revocation {
                at: Timestamp::from_millis(at),
                reason: r.revoked_reason.unwrap_or_default(),
                statement: read("grants", &r.id, &statement)?,
            }),
            _ => None,
        };
        Ok(Self {
            grant: Grant {
                id: read("grants", &r.id, &r.id)?,
                work: read("grants", &r.id, &r.work_id)?,
                licence: r.licence,
                licence_url: r.licence_url,
                declared_by: r.declared_by,
                evidence: r.evidence,
                starts_at: Timestamp::from_millis(r.starts_at),
                ends_at: r.ends_at.map(Timestamp::from_millis),
                scope: read_scope(&r.id, &r.scope)?,
                detected: read_list("grants", &r.id, &r.detected)?,
                concluded: if r.concluded.is_empty() { None } else { Some(read_json("grants", &r.id, &r.concluded)?) },
            },
            statement: read("grants", &r.id, &r.statement_id)?,
            revoked,
        })
    }
}

/// Puts a grant in.
pub async fn insert_grant(tx: &mut Tx, grant: &Grant, statement: StatementId) -> Result<()> {
    insert_grants(tx, &[(grant, statement)]).await
}

/// Puts grants in, each with the statement that gives it.
pub async fn insert_grants(tx: &mut Tx, grants: &[(&Grant, StatementId)]) -> Result<()> {
    const SQL: &str = "INSERT INTO grants (id, work_id, licence, licence_url, declared_by, evidence, starts_at, ends_at, \
                       scope, statement_id, licence_concluded, detected, concluded) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let scope = |grant: &Grant| {
        if grant.scope.is_unlimited() { String::new() } else { serde_json::to_string(&grant.scope).unwrap_or_default() }
    };
    for part in grants.chunks(ROWS_AT_ONCE) {
        on!(tx, |c| {
            let mut query = sqlx::query(for_rows(SQL, part.len()));
            for (grant, statement) in part {
                query = query
                    .bind(grant.id.to_string())
                    .bind(grant.work.to_string())
                    .bind(&grant.licence)
                    .bind(&grant.licence_url)
                    .bind(&grant.declared_by)
                    .bind(&grant.evidence)
                    .bind(grant.starts_at.millis())
                    .bind(grant.ends_at.map(Timestamp::millis))
                    .bind(scope(grant))
                    .bind(statement.to_string())
                    .bind(grant.licence_concluded())
                    .bind(list_text(&grant.detected))
                    .bind(grant.concluded.as_ref().map(|c| serde_json::to_string(c).unwrap_or_default()).unwrap_or_default());
            }
            query.execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Marks a grant as revoked. False when there is none or it was revoked before.
pub async fn revoke_grant(tx: &mut Tx, id: GrantId, revocation: &Revocation) -> Result<bool> {
    const SQL: &str = "UPDATE grants SET revoked_at = $2, revoked_reason = $3, revoked_statement_id = $4 \
                       WHERE id = $1 AND revoked_at IS NULL";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(revocation.at.millis())
        .bind(&revocation.reason)
        .bind(revocation.statement.to_string())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Puts on record what a grant's licence was found to be. False when there is no such grant.
pub async fn conclude(tx: &mut Tx, id: GrantId, concluded: &Concluded) -> Result<bool> {
    const SQL: &str = "UPDATE grants SET licence_concluded = $2, concluded = $3 WHERE id = $1";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(id.to_string())
        .bind(&concluded.licence)
        .bind(serde_json::to_string(concluded).unwrap_or_default())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// One grant.
pub async fn find_grant(tx: &mut Tx, id: GrantId) -> Result<Option<GrantRecord>> {
    const SQL: &str = "SELECT id, work_id, licence, licence_url, declared_by, evidence, starts_at, ends_at, scope, detected, concluded, revoked_at, \
                       revoked_reason, statement_id, revoked_statement_id FROM grants WHERE id = $1";
    let row: Option<GrantRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(GrantRecord::try_from).transpose()
}

/// Every grant on a work, oldest first.
pub async fn grants(tx: &mut Tx, work: WorkId) -> Result<Vec<GrantRecord>> {
    const SQL: &str = "SELECT id, work_id, licence, licence_url, declared_by, evidence, starts_at, ends_at, scope, detected, concluded, revoked_at, \
                       revoked_reason, statement_id, revoked_statement_id FROM grants WHERE work_id = $1 ORDER BY starts_at, id";
    let rows: Vec<GrantRow> = on!(tx, |c| sqlx::query_as(SQL).bind(work.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(GrantRecord::try_from).collect()
}

pub(super) fn read_scope(id: &str, text: &str) -> Result<GrantScope> {
    if text.is_empty() { Ok(GrantScope::default()) } else { read_json("grants", id, text) }
}
