//! The two databases of a test: a fresh one for each, and raw SQL for what the program itself must not be asked.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use colophon::storage::{Store, Tx};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file in the data folder.
    Sqlite,
    /// A database of its own on the server that `COLOPHON_TEST_POSTGRES_URL` names.
    Postgres,
}

/// The tables that the log alone makes.
pub const PUBLIC_TABLES: &[&str] = &[
    "works",
    "grants",
    "datasets",
    "dataset_works",
    "models",
    "model_datasets",
    "bundles",
    "runs",
    "images",
    "image_works",
    "impacts",
    "reservations",
    "disputes",
    "dispute_steps",
    "stewards",
    "consents",
    "rulings",
    "work_projects",
    "agreements",
    "account_keys",
];

/// All of them.
pub const TABLES: &[&str] = &[
    "works",
    "grants",
    "datasets",
    "dataset_works",
    "models",
    "model_datasets",
    "bundles",
    "runs",
    "images",
    "image_works",
    "impacts",
    "reservations",
    "disputes",
    "dispute_steps",
    "stewards",
    "consents",
    "rulings",
    "work_projects",
    "agreements",
    "account_keys",
    "statements",
    "log_tiles",
    "log_heads",
    "log_lock",
    "instance",
    "blobs",
    "accounts",
    "setup_links",
    "sessions",
    "tokens",
    "decisions",
    "decision_policies",
    "memberships",
    "project_asks",
    "reviews",
    "jobs",
    "inputs",
    "image_inputs",
    "identities",
    "proposals",
    "proposal_authors",
    "prompts",
    "fingerprints",
    "views",
    "fingerprints_due",
    "imports",
    "import_rows",
    "notices",
    "erasures",
    "blobs_due",
];

#[expect(clippy::disallowed_methods, reason = "which server the tests run on is the business of whoever starts them")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// The server's address.
pub fn server() -> Option<String> {
    variable("COLOPHON_TEST_POSTGRES_URL")
}

/// Whether the PostgreSQL half is left out, which is only so where someone has said it in so many words.
pub fn left_out() -> bool {
    if server().is_some() {
        return false;
    }
    assert!(
        variable("COLOPHON_TEST_SKIP_POSTGRES").as_deref() == Some("1"),
        "this test needs PostgreSQL: run `tests/run`, which starts one, or name a server in COLOPHON_TEST_POSTGRES_URL; \
         COLOPHON_TEST_SKIP_POSTGRES=1 leaves this half of the tests out"
    );
    let _ = writeln!(std::io::stderr(), "LEFT OUT, as COLOPHON_TEST_SKIP_POSTGRES says: nothing was tested on PostgreSQL here");
    true
}

/// A database that no other test sees.
pub struct Database {
    /// As in the settings.
    pub url: String,
    name: Option<String>,
}

impl Database {
    /// A new one; on SQLite the file that `data_dir` will hold.
    pub async fn fresh(kind: Kind, data_dir: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if kind == Kind::Sqlite {
            return Self { url: format!("sqlite://{}", data_dir.join("colophon.sqlite").display()), name: None };
        }
        let server = server().unwrap();
        let name = format!("colophon_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut admin = PgConnection::connect(&server).await.expect("COLOPHON_TEST_POSTGRES_URL names a server that answers");
        for sql in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut admin).await.expect("the tests' user may create databases");
        }
        admin.close().await.unwrap();
        let (address, options) = server.split_once('?').map_or((server.as_str(), ""), |(a, o)| (a, o));
        let (host, _) = address.rsplit_once('/').expect("the address names a database");
        let question = if options.is_empty() { "" } else { "?" };
        Self { url: format!("{host}/{name}{question}{options}"), name: Some(name) }
    }

    /// Its name on the server; `None` for a file.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Runs a statement on the server, beside all databases.
    pub async fn admin(sql: &str) {
        let mut admin = PgConnection::connect(&server().unwrap()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut admin).await.unwrap();
        admin.close().await.unwrap();
    }

    /// Removes it from the server. After a failed test it stays, to be looked at.
    pub async fn remove(&self) {
        if let Some(name) = &self.name {
            let mut admin = PgConnection::connect(&server().unwrap()).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).execute(&mut admin).await.unwrap();
            admin.close().await.unwrap();
        }
    }
}

/// Runs `$body` with the typed connection inside a `Tx`.
macro_rules! with {
    ($tx:expr, |$c:ident| $body:expr) => {
        match $tx {
            colophon::storage::Tx::Sqlite(t, _) => {
                let $c = &mut **t;
                $body
            }
            colophon::storage::Tx::Postgres(t, _) => {
                let $c = &mut **t;
                $body
            }
        }
    };
}
pub(crate) use with;

/// Runs a statement. How many rows it changed.
pub async fn execute(tx: &mut Tx, sql: &str) -> u64 {
    with!(tx, |c| sqlx::query(AssertSqlSafe(sql)).execute(c).await.map(|done| done.rows_affected())).unwrap()
}

/// Asks for one text column.
pub async fn texts(tx: &mut Tx, sql: &str) -> Vec<String> {
    let rows: Vec<(String,)> = with!(tx, |c| sqlx::query_as(AssertSqlSafe(sql)).fetch_all(c).await).unwrap();
    rows.into_iter().map(|(text,)| text).collect()
}

/// Asks for one number.
pub async fn number(tx: &mut Tx, sql: &str) -> i64 {
    let (n,): (i64,) = with!(tx, |c| sqlx::query_as(AssertSqlSafe(sql)).fetch_one(c).await).unwrap();
    n
}

/// Rows of tables as sorted text.
pub type Dump = BTreeMap<String, Vec<String>>;

/// Every row of these tables, whole.
pub async fn dump(store: &Store, tables: &[&str]) -> Dump {
    let mut tx = store.read().await.unwrap();
    let mut all = Dump::new();
    for table in tables {
        let sql = match &tx {
            Tx::Postgres(..) => format!("SELECT t::text FROM {table} t"),
            Tx::Sqlite(..) => {
                let columns = texts(&mut tx, &format!("SELECT name FROM pragma_table_info('{table}')")).await;
                assert!(!columns.is_empty(), "there is no table `{table}`");
                let quoted: Vec<String> = columns.iter().map(|c| format!("'{c}=' || quote({c})")).collect();
                format!("SELECT {} FROM {table}", quoted.join(" || ', ' || "))
            }
        };
        let mut rows = texts(&mut tx, &sql).await;
        rows.sort_unstable();
        all.insert((*table).to_owned(), rows);
    }
    all
}

/// Fails at the first row that is not in both.
pub fn same(before: &Dump, after: &Dump) {
    for (table, rows) in before {
        let cut = |row: &String| row.chars().take(600).collect::<String>();
        let lost = rows.iter().find(|row| after[table].binary_search(row).is_err()).map(cut);
        let new = after[table].iter().find(|row| rows.binary_search(row).is_err()).map(cut);
        assert!(lost.is_none() && new.is_none(), "table `{table}` differs: {lost:?} became {new:?}");
        assert_eq!(rows.len(), after[table].len(), "rows of `{table}`");
    }
    assert_eq!(before.len(), after.len());
}
