//! The log's rows: statements (staged, then numbered), tiles, and every head that was signed. Merkle mathematics is in `ledger`.
//!
//! INVARIANT: entries are numbered, their tiles written and the last signed head swapped for the next within one transaction, so no head
//! is ever seen without the tiles it names. `log_lock` has one row: of two sequencers that start from one head only one can swap it. What it
//! holds is published by being put into `log_heads`; nothing beyond the newest of those is served.

use super::{Page, ROWS_AT_ONCE, Result, Tx, big, count, for_rows, on, read};
use crate::clock::Timestamp;
use crate::id::StatementId;

/// A statement as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub id: StatementId,
    /// Its index in the log, once sequenced.
    pub index: Option<u64>,
    /// The last part of its predicate type: `work`, `image`, …
    pub kind: String,
    /// What it is about: an id.
    pub subject: String,
    /// Public name of who did it; empty for what can't be read.
    pub actor: String,
    /// The envelope, as logged.
    pub bytes: Vec<u8>,
    /// When it was staged.
    pub staged_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: String,
    idx: Option<i64>,
    kind: String,
    subject: String,
    actor: String,
    bytes: Vec<u8>,
    staged_at: i64,
}

/// The columns of an `EntryRow`.
macro_rules! columns {
    () => {
        "id, idx, kind, subject, actor, bytes, staged_at"
    };
}

impl TryFrom<EntryRow> for Entry {
    type Error = super::Error;
    fn try_from(r: EntryRow) -> Result<Self> {
        Ok(Self {
            id: read("statements", &r.id, &r.id)?,
            index: r.idx.map(count),
            kind: r.kind,
            subject: r.subject,
            actor: r.actor,
            bytes: r.bytes,
            staged_at: Timestamp::from_millis(r.staged_at),
        })
    }
}

/// Puts a statement in line. From the commit on it will be in the log, whatever happens to this process.
pub async fn stage(
    tx: &mut Tx,
    id: StatementId,
    kind: &str,
    subject: &str,
    actor: &str,
    bytes: &[u8],
    now: Timestamp,
) -> Result<()> {
    stage_all(tx, &[Staged { id, kind, subject, actor, bytes }], now).await
}

/// A statement about to be put in line.
#[derive(Debug, Clone, Copy)]
pub struct Staged<'a> {
    /// Its name.
    pub id: StatementId,
    /// Of which kind.
    pub kind: &'a str,
    /// What it is about.
    pub subject: &'a str,
    /// Public name of who did it.
    pub actor: &'a str,
    /// The entry.
    pub bytes: &'a [u8],
}

/// The same for many, in their order.
pub async fn stage_all(tx: &mut Tx, statements: &[Staged<'_>], now: Timestamp) -> Result<()> {
    const SQL: &str = "INSERT INTO statements (id, kind, subject, actor, bytes, staged_at) VALUES ($1, $2, $3, $4, $5, $6)";
    for part in statements.chunks(ROWS_AT_ONCE) {
        on!(tx, |c| {
            let mut query = sqlx::query(for_rows(SQL, part.len()));
            for each in part {
                query = query
                    .bind(each.id.to_string())
                    .bind(each.kind)
                    .bind(each.subject)
                    .bind(each.actor)
                    .bind(each.bytes)
                    .bind(now.millis());
            }
            query.execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// A statement that has its place already, in a log that was kept elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// Its index in the log.
    pub index: u64,
    /// The statement.
    pub staged: Staged<'a>,
    /// When it was staged.
    pub staged_at: Timestamp,
}

/// Puts in statements that have their places.
pub async fn place_all(tx: &mut Tx, statements: &[Placed<'_>]) -> Result<()> {
    const SQL: &str =
        "INSERT INTO statements (id, idx, kind, subject, actor, bytes, staged_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    for part in statements.chunks(ROWS_AT_ONCE) {
        on!(tx, |c| {
            let mut query = sqlx::query(for_rows(SQL, part.len()));
            for Placed { index, staged, staged_at } in part {
                query = query
                    .bind(staged.id.to_string())
                    .bind(big(*index))
                    .bind(staged.kind)
                    .bind(staged.subject)
                    .bind(staged.actor)
                    .bind(staged.bytes)
                    .bind(staged_at.millis());
            }
            query.execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// The oldest staged statements: their order and bytes, as read back from the database.
pub async fn staged(tx: &mut Tx, limit: u32) -> Result<Vec<(i64, Vec<u8>)>> {
    const SQL: &str = "SELECT seq, bytes FROM statements WHERE idx IS NULL ORDER BY seq LIMIT $1";
    Ok(on!(tx, |c| sqlx::query_as(SQL).bind(i64::from(limit)).fetch_all(c).await)?)
}

/// How many statements wait to be sequenced.
pub async fn staged_total(tx: &mut Tx) -> Result<u64> {
    const SQL: &str = "SELECT COUNT(*) FROM statements WHERE idx IS NULL";
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).fetch_one(c).await)?;
    Ok(count(n))
}

/// Gives staged statements, one after the other from `first` to `last` in the staging order, their indices from `index` on. False when one of
/// them has an index already.
pub async fn number(tx: &mut Tx, first: i64, last: i64, index: u64) -> Result<bool> {
    const SQL: &str = "UPDATE statements SET idx = seq - $1 + $3 WHERE seq >= $1 AND seq <= $2 AND idx IS NULL";
    let rows =
        on!(tx, |c| sqlx::query(SQL).bind(first).bind(last).bind(big(index)).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(i64::try_from(rows).is_ok_and(|rows| rows == last - first + 1))
}

/// A signed head, whether the last one or a published one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRow {
    /// Entries.
    pub size: u64,
    /// 32 bytes.
    pub root: Vec<u8>,
    /// The signed note.
    pub checkpoint: String,
    /// When it was signed, or published.
    pub published_at: Timestamp,
}

/// The last head that was signed; `None` before the first.
pub async fn locked(tx: &mut Tx) -> Result<Option<HeadRow>> {
    const SQL: &str = "SELECT size, root, checkpoint, signed_at FROM log_lock WHERE id = 1";
    let row: Option<HeadColumns> = on!(tx, |c| sqlx::query_as(SQL).fetch_optional(c).await)?;
    Ok(row.map(head_row))
}

/// Puts in the first head that was signed. False when there is one.
pub async fn first_lock(tx: &mut Tx, head: &HeadRow) -> Result<bool> {
    const SQL: &str =
        "INSERT INTO log_lock (id, size, root, checkpoint, signed_at) VALUES (1, $1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(big(head.size))
        .bind(&head.root)
        .bind(&head.checkpoint)
        .bind(head.published_at.millis())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Puts `next` in the place of `last`. False when another head stands there: someone else signed meanwhile.
pub async fn swap_lock(tx: &mut Tx, last: &HeadRow, next: &HeadRow) -> Result<bool> {
    const SQL: &str = "UPDATE log_lock SET size = $1, root = $2, checkpoint = $3, signed_at = $4 \
                       WHERE id = 1 AND size = $5 AND root = $6 AND checkpoint = $7";
    let rows = on!(tx, |c| sqlx::query(SQL)
        .bind(big(next.size))
        .bind(&next.root)
        .bind(&next.checkpoint)
        .bind(next.published_at.millis())
        .bind(big(last.size))
        .bind(&last.root)
        .bind(&last.checkpoint)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

type HeadColumns = (i64, Vec<u8>, String, i64);

fn head_row((size, root, checkpoint, at): HeadColumns) -> HeadRow {
    HeadRow { size: count(size), root, checkpoint, published_at: Timestamp::from_millis(at) }
}

/// The newest published head; `None` before the first.
pub async fn head(tx: &mut Tx) -> Result<Option<HeadRow>> {
    const SQL: &str = "SELECT size, root, checkpoint, published_at FROM log_heads ORDER BY size DESC LIMIT 1";
    let row: Option<HeadColumns> = on!(tx, |c| sqlx::query_as(SQL).fetch_optional(c).await)?;
    Ok(row.map(head_row))
}

/// Publishes a head; `Conflict` when one of its size stands already.
pub async fn insert_head(tx: &mut Tx, head: &HeadRow) -> Result<()> {
    const SQL: &str = "INSERT INTO log_heads (size, root, checkpoint, published_at) VALUES ($1, $2, $3, $4)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(big(head.size))
        .bind(&head.root)
        .bind(&head.checkpoint)
        .bind(head.published_at.millis())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// When the log had which size: at most `limit` heads, evenly spread, oldest first. For drawing its growth.
pub async fn growth(tx: &mut Tx, limit: u32) -> Result<Vec<(Timestamp, u64)>> {
    const ENDS: &str = "SELECT COALESCE(MIN(size), 0), COALESCE(MAX(size), -1) FROM log_heads";
    const SQL: &str = "SELECT published_at, size FROM log_heads WHERE size >= $1 ORDER BY size LIMIT 1";
    // A walk down the index for each point: a log has a head for every second in which something was said.
    let (first, last): (i64, i64) = on!(tx, |c| sqlx::query_as(ENDS).fetch_one(c).await)?;
    let steps = i64::from(limit.max(2)) - 1;
    let mut points: Vec<(Timestamp, u64)> = Vec::new();
    for step in 0..=steps {
        let from = first + (last - first) / steps * step + (last - first) % steps * step / steps;
        let row: Option<(i64, i64)> = on!(tx, |c| sqlx::query_as(SQL).bind(from).fetch_optional(c).await)?;
        let Some((at, size)) = row else { break };
        if points.last().is_none_or(|(_, before)| *before < count(size)) {
            points.push((Timestamp::from_millis(at), count(size)));
        }
        if size == last {
            break;
        }
    }
    Ok(points)
}

/// The hashes of a tile so far (32 to 8,192 bytes).
pub async fn tile(tx: &mut Tx, level: u8, n: u64) -> Result<Option<Vec<u8>>> {
    const SQL: &str = "SELECT bytes FROM log_tiles WHERE level = $1 AND n = $2";
    let row: Option<(Vec<u8>,)> = on!(tx, |c| sqlx::query_as(SQL).bind(i64::from(level)).bind(big(n)).fetch_optional(c).await)?;
    Ok(row.map(|(bytes,)| bytes))
}

/// Writes a tile, or a wider one over it.
pub async fn put_tile(tx: &mut Tx, level: u8, n: u64, bytes: &[u8]) -> Result<()> {
    const SQL: &str = "INSERT INTO log_tiles (level, n, bytes) VALUES ($1, $2, $3) \
                       ON CONFLICT (level, n) DO UPDATE SET bytes = excluded.bytes";
    on!(tx, |c| sqlx::query(SQL).bind(i64::from(level)).bind(big(n)).bind(bytes).execute(c).await.map(drop))?;
    Ok(())
}

/// Every tile: level, index, bytes.
pub async fn tiles(tx: &mut Tx) -> Result<Vec<(u8, u64, Vec<u8>)>> {
    const SQL: &str = "SELECT level, n, bytes FROM log_tiles ORDER BY level, n";
    let rows: Vec<(i64, i64, Vec<u8>)> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(level, n, bytes)| (u8::try_from(level).unwrap_or(u8::MAX), count(n), bytes)).collect())
}

/// Bytes of the entries `from..to`, in order.
pub async fn entries(tx: &mut Tx, from: u64, to: u64) -> Result<Vec<(u64, Vec<u8>)>> {
    const SQL: &str = "SELECT idx, bytes FROM statements WHERE idx >= $1 AND idx < $2 ORDER BY idx";
    let rows: Vec<(i64, Vec<u8>)> = on!(tx, |c| sqlx::query_as(SQL).bind(big(from)).bind(big(to)).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(idx, bytes)| (count(idx), bytes)).collect())
}

/// The staging order of the newest statement; -1 when there is none.
pub async fn newest(tx: &mut Tx) -> Result<i64> {
    const SQL: &str = "SELECT COALESCE(MAX(seq), -1) FROM statements";
    let (seq,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).fetch_one(c).await)?;
    Ok(seq)
}

/// The index of the last entry; `None` when there is none.
pub async fn last_index(tx: &mut Tx) -> Result<Option<u64>> {
    const SQL: &str = "SELECT MAX(idx) FROM statements";
    let (index,): (Option<i64>,) = on!(tx, |c| sqlx::query_as(SQL).fetch_one(c).await)?;
    Ok(index.map(count))
}

/// Published heads whose size is more than `after`, smallest first: size and root.
pub async fn heads(tx: &mut Tx, after: Option<u64>, limit: u32) -> Result<Vec<(u64, Vec<u8>)>> {
    const SQL: &str = "SELECT size, root FROM log_heads WHERE size > $1 ORDER BY size LIMIT $2";
    let after = after.map_or(-1, big);
    let rows: Vec<(i64, Vec<u8>)> = on!(tx, |c| sqlx::query_as(SQL).bind(after).bind(i64::from(limit)).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(size, root)| (count(size), root)).collect())
}

/// One statement by name.
pub async fn find(tx: &mut Tx, id: StatementId) -> Result<Option<Entry>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM statements WHERE id = $1");
    let row: Option<EntryRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(Entry::try_from).transpose()
}

/// One statement by index.
pub async fn at(tx: &mut Tx, index: u64) -> Result<Option<Entry>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM statements WHERE idx = $1");
    let row: Option<EntryRow> = on!(tx, |c| sqlx::query_as(SQL).bind(big(index)).fetch_optional(c).await)?;
    row.map(Entry::try_from).transpose()
}

/// Which entries are looked for. What is empty narrows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exploring<'a> {
    /// Of one kind.
    pub kind: &'a str,
    /// Of one party, by its public name.
    pub actor: &'a str,
    /// About one thing, by its id: also what was drawn on a work, and what a model drew.
    pub about: &'a str,
    /// With indices below this one.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// A page of the entries under the published head, newest first; `next` is an index, to be handed in as `before`.
pub async fn explore(tx: &mut Tx, asked: &Exploring<'_>) -> Result<Page<Entry>> {
    // A text for each way in, so that each has its index; what narrows further is looked at row by row.
    const ALL: &str = concat!("SELECT ", columns!(), " FROM statements WHERE idx < $1 ORDER BY idx DESC LIMIT $2");
    const OF_KIND: &str =
        concat!("SELECT ", columns!(), " FROM statements WHERE kind = $3 AND idx < $1 ORDER BY idx DESC LIMIT $2");
    const OF_ACTOR: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM statements WHERE actor = $3 AND idx < $1 AND ($4 = '' OR kind = $4) ORDER BY idx DESC LIMIT $2"
    );
    const ABOUT: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM statements WHERE id IN (SELECT id FROM statements WHERE subject = $3 \
         UNION SELECT i.statement_id FROM image_works w JOIN images i ON i.id = w.image_id WHERE w.work_id = $3 \
         UNION SELECT statement_id FROM images WHERE model_id = $3 UNION SELECT statement_id FROM images WHERE adapter = $3) \
         AND idx < $1 AND ($4 = '' OR kind = $4) AND ($5 = '' OR actor = $5) ORDER BY idx DESC LIMIT $2"
    );
    const COUNT_OF_KIND: &str = "SELECT COUNT(*) FROM statements WHERE kind = $2 AND idx < $1";
    const COUNT_OF_ACTOR: &str = "SELECT COUNT(*) FROM statements WHERE actor = $2 AND idx < $1 AND ($3 = '' OR kind = $3)";
    const COUNT_ABOUT: &str = "SELECT COUNT(*) FROM statements WHERE id IN (SELECT id FROM statements WHERE subject = $2 \
         UNION SELECT i.statement_id FROM image_works w JOIN images i ON i.id = w.image_id WHERE w.work_id = $2 \
         UNION SELECT statement_id FROM images WHERE model_id = $2 UNION SELECT statement_id FROM images WHERE adapter = $2) \
         AND idx < $1 AND ($3 = '' OR kind = $3) AND ($4 = '' OR actor = $4)";
    let size = head(tx).await?.map_or(0, |head| head.size);
    let before = big(asked.before.map_or(size, |before| before.min(size)));
    let rows = i64::from(asked.limit) + 1;
    let Exploring { kind, actor, about, .. } = *asked;
    let (found, total) = if !about.is_empty() {
        let found: Vec<EntryRow> =
            on!(tx, |c| sqlx::query_as(ABOUT).bind(before).bind(rows).bind(about).bind(kind).bind(actor).fetch_all(c).await)?;
        let (total,): (i64,) =
            on!(tx, |c| sqlx::query_as(COUNT_ABOUT).bind(big(size)).bind(about).bind(kind).bind(actor).fetch_one(c).await)?;
        (found, total)
    } else if !actor.is_empty() {
        let found: Vec<EntryRow> =
            on!(tx, |c| sqlx::query_as(OF_ACTOR).bind(before).bind(rows).bind(actor).bind(kind).fetch_all(c).await)?;
        let (total,): (i64,) =
            on!(tx, |c| sqlx::query_as(COUNT_OF_ACTOR).bind(big(size)).bind(actor).bind(kind).fetch_one(c).await)?;
        (found, total)
    } else if !kind.is_empty() {
        let found: Vec<EntryRow> = on!(tx, |c| sqlx::query_as(OF_KIND).bind(before).bind(rows).bind(kind).fetch_all(c).await)?;
        let (total,): (i64,) = on!(tx, |c| sqlx::query_as(COUNT_OF_KIND).bind(big(size)).bind(kind).fetch_one(c).await)?;
        (found, total)
    } else {
        let found: Vec<EntryRow> = on!(tx, |c| sqlx::query_as(ALL).bind(before).bind(rows).fetch_all(c).await)?;
        // Indices have no gaps, so the size is the count.
        (found, big(size))
    };
    let items = found.into_iter().map(Entry::try_from).collect::<Result<Vec<_>>>()?;
    Ok(Page::cut(items, asked.limit, count(total), |e| e.index.unwrap_or(0).to_string()))
}

/// What the log has entries about and has this SHA-256 or BLAKE3: ids of works, images, models and datasets, ids of keys, hashes of policy
/// bundles.
pub async fn abouts_by_hash(tx: &mut Tx, hash: &[u8; 32]) -> Result<Vec<String>> {
    const SQL: &str = "SELECT id FROM works WHERE sha256 = $1 UNION SELECT id FROM works WHERE blake3 = $1 \
                       UNION SELECT id FROM images WHERE sha256 = $1 UNION SELECT id FROM images WHERE blake3 = $1 \
                       UNION SELECT id FROM models WHERE weights = $1 UNION SELECT id FROM datasets WHERE root = $1 \
                       UNION SELECT subject FROM statements WHERE subject = $2 ORDER BY 1 LIMIT 50";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(&hash[..]).bind(hex::encode(hash)).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The parties of this name, however its letters are written: as the log has them, a few at most.
pub async fn parties(tx: &mut Tx, name: &str) -> Result<Vec<String>> {
    // From one name to the next in the index: as many steps as there are parties, however many entries each has.
    const SQL: &str = "SELECT actor FROM (WITH RECURSIVE parties(actor) AS (SELECT MIN(actor) FROM statements UNION ALL \
                       SELECT (SELECT MIN(s.actor) FROM statements s WHERE s.actor > p.actor) FROM parties p \
                       WHERE p.actor IS NOT NULL) SELECT actor FROM parties) AS each_party \
                       WHERE actor <> '' AND LOWER(actor) = LOWER(CAST($1 AS TEXT)) ORDER BY actor LIMIT 5";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(name).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(actor,)| actor).collect())
}

/// Entries staged before their actors had a column, by index from `from` on: index and bytes.
pub async fn without_actor(tx: &mut Tx, from: u64, limit: u32) -> Result<Vec<(u64, Vec<u8>)>> {
    const SQL: &str = "SELECT idx, bytes FROM statements WHERE actor = '' AND idx >= $1 ORDER BY idx LIMIT $2";
    let rows: Vec<(i64, Vec<u8>)> = on!(tx, |c| sqlx::query_as(SQL).bind(big(from)).bind(i64::from(limit)).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(idx, bytes)| (count(idx), bytes)).collect())
}

/// Fills in whose deed an entry is.
pub async fn set_actor(tx: &mut Tx, index: u64, actor: &str) -> Result<()> {
    const SQL: &str = "UPDATE statements SET actor = $2 WHERE idx = $1";
    on!(tx, |c| sqlx::query(SQL).bind(big(index)).bind(actor).execute(c).await.map(drop))?;
    Ok(())
}

/// Empties the public tables, and only those: the first half of a rebuild.
pub async fn empty_public_tables(tx: &mut Tx) -> Result<()> {
    for sql in [
        "DELETE FROM works",
        "DELETE FROM grants",
        "DELETE FROM datasets",
        "DELETE FROM dataset_works",
        "DELETE FROM models",
        "DELETE FROM model_datasets",
        "DELETE FROM bundles",
        "DELETE FROM runs",
        "DELETE FROM images",
        "DELETE FROM image_works",
        "DELETE FROM impacts",
        "DELETE FROM reservations",
        "DELETE FROM disputes",
        "DELETE FROM dispute_steps",
        "DELETE FROM stewards",
        "DELETE FROM consents",
        "DELETE FROM rulings",
        "DELETE FROM work_projects",
        "DELETE FROM agreements",
        "DELETE FROM account_keys",
    ] {
        on!(tx, |c| sqlx::query(sql).execute(c).await.map(drop))?;
    }
    Ok(())
}
