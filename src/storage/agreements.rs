//! Agreements on authorship: proposals while they are signed (private), and what was agreed (public, from the log).

use super::{Result, Tx, on, read, read_json};
use crate::id::{AgreementId, ImageId, StatementId};
use crate::lineage::Agreement;

const T: &str = "agreements";

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not everyone has answered.
    Open,
    /// Everyone signed.
    Agreed,
    /// Somebody refused, or it was taken back.
    Ended,
}

impl Standing {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Agreed => "agreed",
            Self::Ended => "ended",
        }
    }

    fn of(text: &str) -> Self {
        match text {
            "open" => Self::Open,
            "agreed" => Self::Agreed,
            _ => Self::Ended,
        }
    }
}

/// A proposal as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// What is proposed, with the signatures so far.
    pub agreement: Agreement,
    /// Where it stands.
    pub standing: Standing,
}

fn proposal((id, agreement, standing): (String, String, String)) -> Result<Proposal> {
    Ok(Proposal { agreement: read_json("proposals", &id, &agreement)?, standing: Standing::of(&standing) })
}

fn text(agreement: &Agreement) -> String {
    serde_json::to_string(agreement).unwrap_or_default()
}

/// Proposes one.
pub async fn propose(tx: &mut Tx, agreement: &Agreement) -> Result<()> {
    const SQL: &str = "INSERT INTO proposals (id, image_id, agreement, state) VALUES ($1, $2, $3, 'open')";
    const AUTHOR: &str = "INSERT INTO proposal_authors (proposal_id, name) VALUES ($1, $2)";
    let id = agreement.id.to_string();
    on!(&mut *tx, |c| sqlx::query(SQL)
        .bind(&id)
        .bind(agreement.image.to_string())
        .bind(text(agreement))
        .execute(c)
        .await
        .map(drop))?;
    for author in &agreement.authors {
        on!(&mut *tx, |c| sqlx::query(AUTHOR).bind(&id).bind(&author.name).execute(c).await.map(drop))?;
    }
    Ok(())
}

/// Writes an open proposal as it now is. False when it is not open any more.
pub async fn update(tx: &mut Tx, agreement: &Agreement, standing: Standing) -> Result<bool> {
    const SQL: &str = "UPDATE proposals SET agreement = $2, state = $3 WHERE id = $1 AND state = 'open'";
    let changed = on!(tx, |c| sqlx::query(SQL)
        .bind(agreement.id.to_string())
        .bind(text(agreement))
        .bind(standing.as_str())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// One proposal.
pub async fn find_proposal(tx: &mut Tx, id: AgreementId) -> Result<Option<Proposal>> {
    const SQL: &str = "SELECT id, agreement, state FROM proposals WHERE id = $1";
    let row: Option<(String, String, String)> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(proposal).transpose()
}

/// Proposals that name somebody, newest first.
pub async fn proposals_of(tx: &mut Tx, name: &str, limit: u32) -> Result<Vec<Proposal>> {
    const SQL: &str = "SELECT p.id, p.agreement, p.state FROM proposals p JOIN proposal_authors a ON a.proposal_id = p.id \
                       WHERE a.name = $1 ORDER BY p.id DESC LIMIT $2";
    let rows: Vec<(String, String, String)> =
        on!(tx, |c| sqlx::query_as(SQL).bind(name).bind(i64::from(limit)).fetch_all(c).await)?;
    rows.into_iter().map(proposal).collect()
}

/// Whether somebody is named in a proposal about an image that was not ended: its creator let them take part.
pub async fn takes_part(tx: &mut Tx, image: ImageId, name: &str) -> Result<bool> {
    const SQL: &str = "SELECT COUNT(*) FROM proposals p JOIN proposal_authors a ON a.proposal_id = p.id \
                       WHERE p.image_id = $1 AND a.name = $2 AND p.state <> 'ended'";
    let (count,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).bind(image.to_string()).bind(name).fetch_one(c).await)?;
    Ok(count > 0)
}

/// Puts in what was agreed.
pub async fn insert(tx: &mut Tx, agreement: &Agreement, statement: StatementId) -> Result<()> {
    const SQL: &str = "INSERT INTO agreements (id, image_id, agreement, statement_id) VALUES ($1, $2, $3, $4)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(agreement.id.to_string())
        .bind(agreement.image.to_string())
        .bind(text(agreement))
        .bind(statement.to_string())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// What was agreed about an image, newest first: the newest counts.
pub async fn of_image(tx: &mut Tx, image: ImageId) -> Result<Vec<(Agreement, StatementId)>> {
    const SQL: &str = "SELECT id, agreement, statement_id FROM agreements WHERE image_id = $1 ORDER BY id DESC";
    let rows: Vec<(String, String, String)> = on!(tx, |c| sqlx::query_as(SQL).bind(image.to_string()).fetch_all(c).await)?;
    rows.iter().map(|(id, agreement, statement)| Ok((read_json(T, id, agreement)?, read(T, id, statement)?))).collect()
}

/// Erases proposals about somebody's images that did not come to an agreement; those that did are public, in the log. How many there were.
pub async fn erase_proposals(tx: &mut Tx, creator: &str) -> Result<u64> {
    const AUTHORS: &str = "DELETE FROM proposal_authors WHERE proposal_id IN (SELECT id FROM proposals WHERE state <> 'agreed' \
                           AND image_id IN (SELECT id FROM images WHERE creator = $1))";
    const SQL: &str = "DELETE FROM proposals WHERE state <> 'agreed' AND image_id IN (SELECT id FROM images WHERE creator = $1)";
    on!(tx, |c| sqlx::query(AUTHORS).bind(creator).execute(c).await.map(drop))?;
    Ok(on!(tx, |c| sqlx::query(SQL).bind(creator).execute(c).await.map(|done| done.rows_affected()))?)
}
