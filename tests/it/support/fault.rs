//! Writes that fail: from now on the database refuses one kind of write to one table, as a full disk would.

use colophon::storage::{Store, Tx};
use sqlx::AssertSqlSafe;

use super::database::{execute, with};

/// Words of the failure.
pub const FAILURE: &str = "the disk is full";

/// A kind of write and its table, such as `INSERT INTO works`.
#[derive(Debug, Clone, Copy)]
pub struct Fault(pub &'static str, pub &'static str);

/// Refuses that write until `heal`.
pub async fn refuse(store: &Store, Fault(write, table): Fault) {
    let mut tx = store.begin().await.unwrap();
    if matches!(tx, Tx::Sqlite(..)) {
        let sql = format!("CREATE TRIGGER fault BEFORE {write} ON {table} BEGIN SELECT RAISE(ABORT, '{FAILURE}'); END");
        execute(&mut tx, &sql).await;
    } else {
        let sql = format!(
            "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{FAILURE}'; END $$; \
             CREATE TRIGGER fault BEFORE {write} ON {table} FOR EACH ROW EXECUTE FUNCTION fault()"
        );
        with!(&mut tx, |c| sqlx::raw_sql(AssertSqlSafe(sql)).execute(c).await.map(drop)).unwrap();
    }
    tx.commit().await.unwrap();
}

/// Lets the write through again.
pub async fn heal(store: &Store, Fault(_, table): Fault) {
    let mut tx = store.begin().await.unwrap();
    if matches!(tx, Tx::Sqlite(..)) {
        execute(&mut tx, "DROP TRIGGER fault").await;
    } else {
        execute(&mut tx, &format!("DROP TRIGGER fault ON {table}")).await;
        execute(&mut tx, "DROP FUNCTION fault()").await;
    }
    tx.commit().await.unwrap();
}
