//! What decides about works: grants, reservations and disputes, read together so that no verdict can forget one of them.

use std::collections::HashMap;

use super::works::{list_text, read_list, read_scope};
use super::{Error, Result, Tx, on, read, read_json, read_sha256};
use crate::clock::Timestamp;
use crate::id::{StatementId, WorkId};
use crate::works::dispute::Ground;
use crate::works::reservation::{Reservation, Signal};
use crate::works::terms::{Given, Reserved, Terms};

/// A reservation with the statement that keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationRecord {
    /// The reservation.
    pub reservation: Reservation,
    /// When it was seen.
    pub seen_at: Timestamp,
    /// In the log.
    pub statement: StatementId,
}

#[derive(sqlx::FromRow)]
struct ReservationRow {
    work_id: String,
    statement_id: String,
    signal: String,
    says: String,
    uses: String,
    place: String,
    seen: String,
    seen_sha256: Vec<u8>,
    seen_at: i64,
}

impl TryFrom<ReservationRow> for ReservationRecord {
    type Error = Error;
    fn try_from(r: ReservationRow) -> Result<Self> {
        let reservation = Reservation {
            signal: read("reservations", &r.work_id, &r.signal)?,
            says: r.says,
            uses: read_list("reservations", &r.work_id, &r.uses)?,
            place: r.place,
            seen: r.seen,
            seen_sha256: read_sha256("reservations", &r.work_id, &r.seen_sha256)?,
        };
        let statement = read("reservations", &r.work_id, &r.statement_id)?;
        Ok(Self { reservation, seen_at: Timestamp::from_millis(r.seen_at), statement })
    }
}

/// Puts the reservations of one statement in.
pub async fn insert_reservations(
    tx: &mut Tx,
    work: WorkId,
    reservations: &[Reservation],
    seen_at: Timestamp,
    statement: StatementId,
) -> Result<()> {
    const SQL: &str = "INSERT INTO reservations (work_id, statement_id, position, signal, says, uses, place, seen, seen_sha256, seen_at) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    for (position, r) in (0i64..).zip(reservations) {
        on!(tx, |c| sqlx::query(SQL)
            .bind(work.to_string())
            .bind(statement.to_string())
            .bind(position)
            .bind(r.signal.as_str())
            .bind(&r.says)
            .bind(list_text(&r.uses))
            .bind(&r.place)
            .bind(&r.seen)
            .bind(&r.seen_sha256.0[..])
            .bind(seen_at.millis())
            .execute(c)
            .await
            .map(drop))?;
    }
    Ok(())
}

/// The reservations on a work, oldest first.
pub async fn reservations(tx: &mut Tx, work: WorkId) -> Result<Vec<ReservationRecord>> {
    const SQL: &str = "SELECT work_id, statement_id, signal, says, uses, place, seen, seen_sha256, seen_at FROM reservations \
                       WHERE work_id = $1 ORDER BY seen_at, statement_id, position";
    let rows: Vec<ReservationRow> = on!(tx, |c| sqlx::query_as(SQL).bind(work.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(ReservationRecord::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct GivenRow {
    work_id: String,
    licence_concluded: String,
    scope: String,
    starts_at: i64,
    ends_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl TryFrom<GivenRow> for Given {
    type Error = Error;
    fn try_from(r: GivenRow) -> Result<Self> {
        let ends = [r.ends_at, r.revoked_at].into_iter().flatten().min();
        Ok(Self {
            scope: read_scope(&r.work_id, &r.scope)?,
            licence: r.licence_concluded,
            starts_at: Timestamp::from_millis(r.starts_at),
            ends_at: ends.map(Timestamp::from_millis),
        })
    }
}

#[derive(sqlx::FromRow)]
struct ReservedRow {
    work_id: String,
    signal: String,
    says: String,
    uses: String,
}

impl TryFrom<ReservedRow> for Reserved {
    type Error = Error;
    fn try_from(r: ReservedRow) -> Result<Self> {
        let signal: Signal = read("reservations", &r.work_id, &r.signal)?;
        Ok(Self { signal, uses: read_json("reservations", &r.work_id, &r.uses)?, says: r.says })
    }
}

/// The terms of one work.
pub async fn of(tx: &mut Tx, work: WorkId) -> Result<Terms> {
    const GIVEN: &str = "SELECT work_id, licence_concluded, scope, starts_at, ends_at, revoked_at FROM grants WHERE work_id = $1 \
                         ORDER BY starts_at, id";
    const RESERVED: &str = "SELECT work_id, signal, says, uses FROM reservations WHERE work_id = $1 \
                            ORDER BY seen_at, statement_id, position";
    const DISPUTED: &str = "SELECT ground FROM disputes WHERE work_id = $1 AND open = 1";
    let id = work.to_string();
    let given: Vec<GivenRow> = on!(tx, |c| sqlx::query_as(GIVEN).bind(&id).fetch_all(c).await)?;
    let reserved: Vec<ReservedRow> = on!(tx, |c| sqlx::query_as(RESERVED).bind(&id).fetch_all(c).await)?;
    let disputed: Option<(String,)> = on!(tx, |c| sqlx::query_as(DISPUTED).bind(&id).fetch_optional(c).await)?;
    Ok(Terms {
        given: given.into_iter().map(Given::try_from).collect::<Result<_>>()?,
        reserved: reserved.into_iter().map(Reserved::try_from).collect::<Result<_>>()?,
        disputed: disputed.map(|(ground,)| read::<Ground>("disputes", &id, &ground)).transpose()?.map(|g| g.title().to_owned()),
    })
}

/// The terms of every work that is kept here.
pub async fn all_held(tx: &mut Tx) -> Result<HashMap<WorkId, Terms>> {
    const GIVEN: &str = "SELECT g.work_id, g.licence_concluded, g.scope, g.starts_at, g.ends_at, g.revoked_at FROM grants g \
                         JOIN works w ON w.id = g.work_id WHERE w.held = 1 ORDER BY g.starts_at, g.id";
    const RESERVED: &str = "SELECT r.work_id, r.signal, r.says, r.uses FROM reservations r JOIN works w ON w.id = r.work_id \
                            WHERE w.held = 1 ORDER BY r.seen_at, r.statement_id, r.position";
    const DISPUTED: &str =
        "SELECT d.work_id, d.ground FROM disputes d JOIN works w ON w.id = d.work_id WHERE d.open = 1 AND w.held = 1";
    let mut all: HashMap<WorkId, Terms> = HashMap::new();
    let given: Vec<GivenRow> = on!(tx, |c| sqlx::query_as(GIVEN).fetch_all(c).await)?;
    for row in given {
        let work = read("grants", &row.work_id, &row.work_id)?;
        all.entry(work).or_default().given.push(Given::try_from(row)?);
    }
    let reserved: Vec<ReservedRow> = on!(tx, |c| sqlx::query_as(RESERVED).fetch_all(c).await)?;
    for row in reserved {
        let work = read("reservations", &row.work_id, &row.work_id)?;
        all.entry(work).or_default().reserved.push(Reserved::try_from(row)?);
    }
    let disputed: Vec<(String, String)> = on!(tx, |c| sqlx::query_as(DISPUTED).fetch_all(c).await)?;
    for (id, ground) in disputed {
        let ground: Ground = read("disputes", &id, &ground)?;
        all.entry(read("disputes", &id, &id)?).or_default().disputed = Some(ground.title().to_owned());
    }
    Ok(all)
}

/// Works whose terms may have changed: those that statements of the staging order after `seq` are about, with the order of each.
pub async fn changed_after(tx: &mut Tx, seq: i64) -> Result<Vec<(i64, WorkId)>> {
    const SQL: &str = "SELECT seq, subject FROM statements WHERE seq > $1 AND subject LIKE 'work\\_%' ESCAPE '\\' ORDER BY seq";
    let rows: Vec<(i64, String)> = on!(tx, |c| sqlx::query_as(SQL).bind(seq).fetch_all(c).await)?;
    rows.into_iter().map(|(seq, id)| Ok((seq, read("statements", &id, &id)?))).collect()
}
