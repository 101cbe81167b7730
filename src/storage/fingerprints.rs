//! What pictures are found by: fingerprints of works and images in the order of their making, and their views.

use super::{Error, ROWS_AT_ONCE, Result, Tx, for_list, for_rows, on};
use crate::likeness::{Fingerprints, Subject, View};

/// A subject's fingerprints, with their place in the order of making.
pub type Row = (i64, Subject, Option<Fingerprints>);

/// Ids of works come after it, ids of images before.
pub const BEFORE_WORKS: &str = "v";

fn subject(text: &str) -> Result<Subject> {
    Subject::parse(text).ok_or_else(|| Error::Corrupt {
        table: "fingerprints",
        row: text.to_owned(),
        cause: "neither a work nor an image".to_owned(),
    })
}

/// Notes that fingerprints of these are to be made.
pub async fn insert_due(tx: &mut Tx, subjects: &[String]) -> Result<()> {
    const SQL: &str = "INSERT INTO fingerprints_due (subject) VALUES ($1) ON CONFLICT DO NOTHING";
    for part in subjects.chunks(ROWS_AT_ONCE) {
        on!(tx, |c| {
            let mut query = sqlx::query(for_rows(SQL, part.len()));
            for subject in part {
                query = query.bind(subject);
            }
            query.execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Works and images whose fingerprints are to be made, in the order of their ids after `after`, at most `limit`.
pub async fn due(tx: &mut Tx, after: &str, limit: u32) -> Result<Vec<Subject>> {
    const SQL: &str = "SELECT subject FROM fingerprints_due WHERE subject > $1 ORDER BY subject LIMIT $2";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(after).bind(i64::from(limit)).fetch_all(c).await)?;
    rows.iter().map(|(text,)| subject(text)).collect()
}

/// Those that have their fingerprints are due no more: after works were put in again.
pub async fn settle(tx: &mut Tx) -> Result<()> {
    const SQL: &str = "DELETE FROM fingerprints_due WHERE subject IN (SELECT subject FROM fingerprints)";
    on!(tx, |c| sqlx::query(SQL).execute(c).await.map(drop))?;
    Ok(())
}

/// Keeps what pictures are found by; `None` for one whose file can't be drawn. What is kept already stays.
pub async fn insert(tx: &mut Tx, made: &[(Subject, Option<(Fingerprints, View)>)]) -> Result<()> {
    const VIEW: &str = "INSERT INTO views (subject, view) VALUES ($1, $2) ON CONFLICT (subject) DO NOTHING";
    const DONE: &str = "DELETE FROM fingerprints_due WHERE subject = $1";
    let row = |(subject, made): &(Subject, Option<(Fingerprints, View)>)| (*subject, made.as_ref().map(|(prints, _)| *prints));
    insert_rows(tx, &made.iter().map(row).collect::<Vec<_>>()).await?;
    for (subject, made) in made {
        let id = subject.to_string();
        if let Some((_, view)) = made {
            on!(tx, |c| sqlx::query(VIEW).bind(&id).bind(view.bytes()).execute(c).await.map(drop))?;
        }
        on!(tx, |c| sqlx::query(DONE).bind(&id).execute(c).await.map(drop))?;
    }
    Ok(())
}

/// The same without views. Takes [`super::Lock::Fingerprints`] first, so that places are given in the order of commits: who has
/// read up to a place has missed nothing before it.
pub async fn insert_rows(tx: &mut Tx, rows: &[(Subject, Option<Fingerprints>)]) -> Result<()> {
    const NEWEST: &str = "SELECT COALESCE(MAX(seq), 0) FROM fingerprints";
    const SQL: &str =
        "INSERT INTO fingerprints (subject, seq, fingerprints) VALUES ($1, $2, $3) ON CONFLICT (subject) DO NOTHING";
    tx.lock(super::Lock::Fingerprints).await?;
    let (mut newest,): (i64,) = on!(tx, |c| sqlx::query_as(NEWEST).fetch_one(c).await)?;
    for part in rows.chunks(ROWS_AT_ONCE) {
        on!(tx, |c| {
            let mut query = sqlx::query(for_rows(SQL, part.len()));
            for (seq, (subject, prints)) in (newest + 1..).zip(part) {
                let bytes = prints.as_ref().map(Fingerprints::to_bytes).unwrap_or_default();
                query = query.bind(subject.to_string()).bind(seq).bind(bytes);
            }
            query.execute(c).await.map(drop)
        })?;
        newest += part.len() as i64;
    }
    Ok(())
}

/// Fingerprints made after a place, in their order, at most `limit`.
pub async fn after(tx: &mut Tx, seq: i64, limit: u32) -> Result<Vec<Row>> {
    const SQL: &str = "SELECT seq, subject, fingerprints FROM fingerprints WHERE seq > $1 ORDER BY seq LIMIT $2";
    let rows: Vec<(i64, String, Vec<u8>)> = on!(tx, |c| sqlx::query_as(SQL).bind(seq).bind(i64::from(limit)).fetch_all(c).await)?;
    rows.into_iter().map(|(seq, id, bytes)| Ok((seq, subject(&id)?, Fingerprints::from_slice(&bytes)))).collect()
}

/// The views of these, of those that have one.
pub async fn views(tx: &mut Tx, subjects: &[Subject]) -> Result<Vec<(Subject, View)>> {
    const SQL: &str = "SELECT subject, view FROM views WHERE subject IN ($1)";
    let mut all = Vec::with_capacity(subjects.len());
    for part in subjects.chunks(ROWS_AT_ONCE) {
        let rows: Vec<(String, Vec<u8>)> = on!(tx, |c| {
            let mut query = sqlx::query_as(for_list(SQL, part.len()));
            for subject in part {
                query = query.bind(subject.to_string());
            }
            query.fetch_all(c).await
        })?;
        for (id, bytes) in rows {
            all.extend(View::from_slice(&bytes).map(|view| subject(&id).map(|subject| (subject, view))).transpose()?);
        }
    }
    Ok(all)
}
