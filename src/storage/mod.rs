//! Storage: the only SQL. A `Store` hands out `Tx`, a transaction on SQLite or PostgreSQL; each aggregate has a file of free functions on
//! `&mut Tx`. It knows no actions, no HTTP and no tensors.
//!
//! One SQL text serves both databases (both accept `$1`); `on!` runs it with the typed connection inside a `Tx`. `query!` is given up for
//! that, and the contract suite in `tests/it/store` runs every text on both instead. Reading goes through a `Tx` as well: one
//! snapshot for one page.

pub mod accounts;
pub mod agreements;
pub mod blobs;
pub mod consents;
pub mod datasets;
pub mod decisions;
pub mod disputes;
pub mod erasures;
pub mod faults;
pub mod files;
pub mod fingerprints;
pub mod identities;
pub mod images;
pub mod impacts;
pub mod imports;
pub mod inputs;
pub mod instance;
pub mod jobs;
pub mod keys;
pub mod log;
pub mod models;
pub mod notices;
pub mod projects;
pub mod reviews;
pub mod runs;
pub mod sources;
pub mod stewards;
pub mod tasks;
pub mod terms;
pub mod uploads;
pub mod works;

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Postgres, Sqlite, Transaction};

use faults::{Call, Faults};

/// One SQL text, two drivers: runs the body with the typed connection inside the `Tx`.
macro_rules! on {
    ($tx:expr, |$c:ident| $body:expr) => {
        match $crate::storage::Tx::before($tx, concat!(file!(), ":", line!())) {
            Err(e) => Err(e),
            Ok(()) => {
                let done = match $tx {
                    $crate::storage::Tx::Sqlite(t, _) => {
                        let $c = &mut **t;
                        $body
                    }
                    $crate::storage::Tx::Postgres(t, _) => {
                        let $c = &mut **t;
                        $body
                    }
                };
                $crate::storage::Tx::after($tx, concat!(file!(), ":", line!()), done)
            }
        }
    };
}
pub(crate) use on;

/// Why storage could not do as asked. Absence is `None`, never an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Someone else was there first; read again and decide anew.
    #[error("the record was changed meanwhile or exists already ({0})")]
    Conflict(String),
    /// A row that this program could not have written.
    #[error(
        "table `{table}` holds a row that can't be read ({row}): {cause}; run `colophon doctor`, restore a backup if it persists"
    )]
    Corrupt {
        /// Table name.
        table: &'static str,
        /// Its key.
        row: String,
        /// What is wrong.
        cause: String,
    },
    /// The database or blob store does not answer, is full or may not be written.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
}

/// Result of storage calls.
pub type Result<T> = std::result::Result<T, Error>;

impl From<sqlx::Error> for Error {
    fn from(e: sqlx::Error) -> Self {
        match &e {
            sqlx::Error::Database(d) if d.is_unique_violation() => Self::Conflict(d.message().to_owned()),
            // PostgreSQL: serialization_failure, deadlock_detected. SQLite: busy.
            sqlx::Error::Database(d) if d.code().is_some_and(|c| ["40001", "40P01", "5", "517"].contains(&&*c)) => {
                Self::Conflict(d.message().to_owned())
            }
            sqlx::Error::ColumnDecode { index, source } => {
                Self::Corrupt { table: "?", row: format!("column {index}"), cause: source.to_string() }
            }
            _ => Self::Unavailable(e.to_string()),
        }
    }
}

/// Rows written by one SQL text: beyond that a text grows and saves nothing more.
pub(crate) const ROWS_AT_ONCE: usize = 50;

/// `INSERT … VALUES ($1, $2) …`, written for one row, as the text that takes `rows` of them.
pub(crate) fn for_rows(sql: &'static str, rows: usize) -> AssertSqlSafe<String> {
    let (head, rest) = sql.split_once("VALUES (").unwrap_or((sql, ""));
    let (tuple, tail) = rest.split_once(')').unwrap_or((rest, ""));
    let columns = tuple.matches('$').count();
    let one = |row: usize| {
        let places: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    let all: Vec<String> = (0..rows).map(one).collect();
    AssertSqlSafe(format!("{head}VALUES {}{tail}", all.join(", ")))
}

/// `… IN ($1) …` as the text that takes a list of `n`, beginning with its first place.
pub(crate) fn for_list(sql: &'static str, n: usize) -> AssertSqlSafe<String> {
    let places: Vec<String> = (1..=n).map(|at| format!("${at}")).collect();
    AssertSqlSafe(sql.replacen("($1)", &format!("({})", places.join(", ")), 1))
}

/// The pattern of texts with these words in them, for `LIKE … ESCAPE '\\'`.
pub(crate) fn like(words: &str) -> String {
    format!("%{}%", words.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// Reads a stored text back into its type; a failure means the row is corrupt.
pub(crate) fn read<T: FromStr>(table: &'static str, row: &str, text: &str) -> Result<T>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|e: T::Err| Error::Corrupt { table, row: row.to_owned(), cause: e.to_string() })
}

/// Reads stored JSON back.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(table: &'static str, row: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| Error::Corrupt { table, row: row.to_owned(), cause: e.to_string() })
}

/// Reads a stored blake3 hash back.
pub(crate) fn read_blake3(table: &'static str, row: &str, bytes: &[u8]) -> Result<crate::digest::Blake3> {
    crate::digest::Blake3::from_slice(bytes).ok_or_else(|| Error::Corrupt {
        table,
        row: row.to_owned(),
        cause: format!("{} bytes where a blake3 hash has 32", bytes.len()),
    })
}

/// Reads a stored SHA-256 hash back.
pub(crate) fn read_sha256(table: &'static str, row: &str, bytes: &[u8]) -> Result<crate::digest::Sha256Hash> {
    crate::digest::Sha256Hash::from_slice(bytes).ok_or_else(|| Error::Corrupt {
        table,
        row: row.to_owned(),
        cause: format!("{} bytes where a sha256 hash has 32", bytes.len()),
    })
}

/// A count from storage; negative ones do not exist.
pub(crate) fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// A number for storage; what does not fit a BIGINT is cut to the largest one.
pub(crate) fn big(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A page of a list: what `GET` answers as `{items, total, next}`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Page<T> {
    /// This page's rows.
    pub items: Vec<T>,
    /// Rows in the whole list.
    pub total: u64,
    /// Hand this in as `after` for the next page; absent at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// From one row more than asked for: the surplus row tells that there is a next page.
    pub(crate) fn cut(mut items: Vec<T>, limit: u32, total: u64, key: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = if more { items.last().map(key) } else { None };
        Self { items, total, next }
    }
}

/// The database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    faults: Faults,
}

#[derive(Debug, Clone)]
enum Pool {
    /// SQLite has one writer at a time: one connection writes, the others read.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
    Postgres(PgPool),
}

/// A transaction. Dropped without `commit` it leaves nothing behind.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>, Faults),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>, Faults),
}

impl Tx {
    /// Lets one transaction at a time past this point, for rules that no index can keep, such as "this file is registered once". Held until
    /// the transaction ends. SQLite has one writer anyway.
    pub async fn lock(&mut self, what: Lock) -> Result<()> {
        match self {
            Self::Sqlite(..) => Ok(()),
            Self::Postgres(t, _) => {
                sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(what as i64).execute(&mut **t).await?;
                Ok(())
            }
        }
    }

    /// Lets nobody else state anything in a party's name, or change its keys (`alone`), until this transaction ends: a statement must stand in the
    /// log after the key that it is signed with, and before the one that it is not. Names are locked in their order, and once each.
    pub async fn lock_party(&mut self, name: &str, alone: bool) -> Result<()> {
        const ALONE: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 7163375929))";
        const SHARED: &str = "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 7163375929))";
        match self {
            Self::Sqlite(..) => Ok(()),
            Self::Postgres(t, _) => {
                sqlx::query(if alone { ALONE } else { SHARED }).bind(name).execute(&mut **t).await?;
                Ok(())
            }
        }
    }

    /// Whether every statement of an order that is seen was committed before the ones seen later: so with SQLite's one writer. On PostgreSQL
    /// a transaction that took its place earlier may commit later.
    pub const fn commits_in_order(&self) -> bool {
        matches!(self, Self::Sqlite(..))
    }

    /// Makes it lasting. Once this returns, the writes survive a kill of the process.
    pub async fn commit(self) -> Result<()> {
        let faults = self.faults().clone();
        faults.before(Call::Commit).map_err(Error::Unavailable)?;
        match self {
            Self::Sqlite(t, _) => t.commit().await?,
            Self::Postgres(t, _) => t.commit().await?,
        }
        faults.after(Call::Commit).map_err(Error::Unavailable)
    }

    const fn faults(&self) -> &Faults {
        match self {
            Self::Sqlite(_, faults) | Self::Postgres(_, faults) => faults,
        }
    }

    /// Asks the plan of failures, where there is one.
    pub(crate) fn before(&self, at: &'static str) -> std::result::Result<(), sqlx::Error> {
        self.faults().before(Call::Query(at)).map_err(broken)
    }

    /// The same once it was done.
    pub(crate) fn after<T>(
        &self,
        at: &'static str,
        done: std::result::Result<T, sqlx::Error>,
    ) -> std::result::Result<T, sqlx::Error> {
        self.faults().after(Call::Query(at)).map_err(broken).and(done)
    }
}

fn broken(why: String) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::other(why))
}

/// What is done by one transaction at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub enum Lock {
    /// Registering works: a file is registered once.
    Works = 0x636f_6c6f_0001,
    /// Giving licences: an exclusive one stands alone.
    Grants = 0x636f_6c6f_0002,
    /// Steps of disputes: each follows the one before.
    Disputes = 0x636f_6c6f_0003,
    /// Stewards, consents and rulings: each rests on who is steward.
    Policies = 0x636f_6c6f_0004,
    /// Signatures under proposals: each is added to those before.
    Agreements = 0x636f_6c6f_0005,
    /// Giving staged statements their places. The swap of the last signed head is what keeps a log from forking; this keeps two sequencers from
    /// doing the same work.
    Sequencer = 0x636f_6c6f_0006,
    /// Removing the bytes of what was erased, and handing in what may be the very same bytes.
    Blobs = 0x636f_6c6f_0007,
    /// Keeping fingerprints: their order is that of commits.
    Fingerprints = 0x636f_6c6f_0008,
}

/// How far what was erased is gone from the database's own files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleared {
    /// Wholly: the file was written anew, and what was written ahead of it is gone.
    Whole,
    /// It was overwritten where it stood; the file is too large to be written anew beside the service.
    Overwritten,
    /// Somebody reads just now: once more, later.
    Waiting,
    /// The files are the server's, which clears them by itself (autovacuum).
    Server,
}

/// A SQLite file up to this size is written anew after an erasure: some seconds, in which nobody else writes.
const SMALL: i64 = 512 << 20;

/// Readers beside the one SQLite writer; PostgreSQL connections in all.
const CONNECTIONS: u32 = 4;
/// How long a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

impl Store {
    /// Opens `sqlite://FILE` or `postgres://…` and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Self> {
        let store = if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)
                .map_err(|e| Error::Unavailable(format!("`{url}` is not a SQLite address: {e}")))?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // FULL: an acknowledged write survives loss of power, not only of the process.
                .synchronous(SqliteSynchronous::Full)
                // 32 MiB of pages for each connection, and as much written ahead before it is folded in: what a million works need to come in
                // at an even pace, as their hashes fall anywhere in the index.
                .pragma("cache_size", "-32768")
                .pragma("wal_autocheckpoint", "8000")
                // What is deleted is overwritten in its page, not only taken off the page's list. Little is ever deleted here, so it costs nothing that
                // can be measured; only `rebuild` writes more. What was moved between pages before is `scrub`'s.
                .pragma("secure_delete", "ON")
                .busy_timeout(Duration::from_secs(20))
                .foreign_keys(false)
                .disable_statement_logging();
            let unavailable = |e: sqlx::Error| Error::Unavailable(format!("can't open the database `{url}`: {e}"));
            let write = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.map_err(unavailable)?;
            let read = SqlitePoolOptions::new().max_connections(CONNECTIONS).min_connections(0).connect_lazy_with(options);
            Pool::Sqlite { write, read }
        } else {
            let options = PgConnectOptions::from_str(url)
                .map_err(|e| Error::Unavailable(format!("the PostgreSQL address can't be read: {e}")))?
                .application_name("colophon")
                .disable_statement_logging();
            let unreachable = |cause: String| {
                Error::Unavailable(format!("can't reach PostgreSQL: {cause}; check database_url and that it runs"))
            };
            // One connection by itself first: a pool tries again and again, and then says only that it took too long.
            let first = tokio::time::timeout(PATIENCE, options.connect()).await;
            let first = first.map_err(|_| unreachable(format!("no answer in {} seconds", PATIENCE.as_secs())))?;
            first.map_err(|e| unreachable(e.to_string()))?.close().await.ok();
            let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE).connect_lazy_with(options);
            Pool::Postgres(pool)
        };
        let store = Self { pool: store, faults: Faults::default() };
        store.migrate().await?;
        Ok(store)
    }

    /// The same database, with failures as planned.
    #[must_use]
    pub fn with_faults(&self, faults: Faults) -> Self {
        Self { pool: self.pool.clone(), faults }
    }

    /// The same database, on which nothing is made lasting: a deed is done up to its commit, which fails.
    #[must_use]
    pub fn dry(&self) -> Self {
        self.with_faults(Faults::new(|moment| match moment.call {
            Call::Commit => Err("this is a draft, of which nothing is kept".to_owned()),
            _ => Ok(()),
        }))
    }

    /// The plan of failures: for what is written beside the database.
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    async fn migrate(&self) -> Result<()> {
        let done = match &self.pool {
            Pool::Sqlite { write, .. } => sqlx::migrate!("migrations/sqlite").run(write).await,
            Pool::Postgres(pool) => sqlx::migrate!("migrations/postgres").run(pool).await,
        };
        done.map_err(|e| Error::Unavailable(format!("the tables can't be brought up to date: {e}")))
    }

    /// `sqlite` or `postgres`.
    pub const fn dialect(&self) -> &'static str {
        match self.pool {
            Pool::Sqlite { .. } => "sqlite",
            Pool::Postgres(_) => "postgres",
        }
    }

    /// A transaction that may write. On SQLite it waits for the one writer (`BEGIN IMMEDIATE`), so it never fails half-way for a lock.
    pub async fn begin(&self) -> Result<Tx> {
        self.faults.before(Call::Begin).map_err(Error::Unavailable)?;
        let faults = self.faults.clone();
        Ok(match &self.pool {
            Pool::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?, faults),
            Pool::Postgres(pool) => Tx::Postgres(pool.begin().await?, faults),
        })
    }

    /// A transaction that only reads: one snapshot.
    pub async fn read(&self) -> Result<Tx> {
        self.faults.before(Call::Read).map_err(Error::Unavailable)?;
        let faults = self.faults.clone();
        Ok(match &self.pool {
            Pool::Sqlite { read, .. } => Tx::Sqlite(read.begin().await?, faults),
            Pool::Postgres(pool) => {
                Tx::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?, faults)
            }
        })
    }

    /// Clears the database's own files of what was erased. On SQLite that is two things that no transaction does: rows that moved between pages may
    /// have left copies in free space, so the file is written anew; and what was written ahead is folded in and cut to nothing.
    pub async fn scrub(&self) -> Result<Cleared> {
        self.faults.before(Call::Begin).map_err(Error::Unavailable)?;
        let Pool::Sqlite { write, .. } = &self.pool else { return Ok(Cleared::Server) };
        let (pages,): (i64,) = sqlx::query_as("PRAGMA page_count").fetch_one(write).await?;
        let (bytes,): (i64,) = sqlx::query_as("PRAGMA page_size").fetch_one(write).await?;
        let small = pages.saturating_mul(bytes) <= SMALL;
        if small {
            sqlx::query("VACUUM").execute(write).await?;
        }
        // 1 when readers of an older state kept it from its end, for as long as `busy_timeout`.
        let (busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(write).await?;
        Ok(match (busy, small) {
            (0, true) => Cleared::Whole,
            (0, false) => Cleared::Overwritten,
            _ => Cleared::Waiting,
        })
    }

    /// Closes every connection, so that files can be moved.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_for_many_rows_number_on() {
        let one = "into t (a, b) VALUES ($1, $2) or not";
        assert_eq!(for_rows(one, 1).0, one);
        assert_eq!(for_rows(one, 3).0, "into t (a, b) VALUES ($1, $2), ($3, $4), ($5, $6) or not");
        assert_eq!(for_list("a IN ($1) and $2", 3).0, "a IN ($1, $2, $3) and $2");
    }
}
