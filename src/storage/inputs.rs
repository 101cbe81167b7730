//! Inputs: what people handed in for pictures (a picture to edit, a sketch, a mask), and the images it was used for. Private: the log holds
//! commitments to them, never their names or hashes.

use super::{Page, Result, Tx, big, count, on, read, read_blake3, read_json, read_sha256};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{AccountId, ImageId, InputId};

/// Something handed in.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name here.
    pub id: InputId,
    /// Who handed it in.
    pub account: AccountId,
    /// `picture`, `sketch` or `mask`.
    pub role: String,
    /// Its file's name, as sent.
    pub name: String,
    /// Of the file as it was sent; a blob of that name holds it.
    pub digest: Digest,
    /// Pixels, once turned upright.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// What its sender says of the rights in it: `own`, `permission` or `free`.
    pub rights: String,
    /// What was found in it and about it: `actions::hand_in::Facts` as JSON, opaque here.
    pub facts: serde_json::Value,
    /// When.
    pub at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    account_id: String,
    role: String,
    name: String,
    blake3: Vec<u8>,
    sha256: Vec<u8>,
    size: i64,
    width: i64,
    height: i64,
    rights: String,
    facts: String,
    handed_in_at: i64,
}

const T: &str = "inputs";

impl TryFrom<Row> for Input {
    type Error = super::Error;
    fn try_from(r: Row) -> Result<Self> {
        Ok(Self {
            id: read(T, &r.id, &r.id)?,
            account: read(T, &r.id, &r.account_id)?,
            digest: Digest {
                blake3: read_blake3(T, &r.id, &r.blake3)?,
                sha256: read_sha256(T, &r.id, &r.sha256)?,
                len: count(r.size),
            },
            width: u32::try_from(r.width).unwrap_or(0),
            height: u32::try_from(r.height).unwrap_or(0),
            facts: read_json(T, &r.id, &r.facts)?,
            at: Timestamp::from_millis(r.handed_in_at),
            role: r.role,
            name: r.name,
            rights: r.rights,
        })
    }
}

/// Puts one in.
pub async fn insert(tx: &mut Tx, input: &Input) -> Result<()> {
    const SQL: &str = "INSERT INTO inputs (id, account_id, role, name, blake3, sha256, size, width, height, rights, facts, handed_in_at) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(input.id.to_string())
        .bind(input.account.to_string())
        .bind(&input.role)
        .bind(&input.name)
        .bind(&input.digest.blake3.0[..])
        .bind(&input.digest.sha256.0[..])
        .bind(big(input.digest.len))
        .bind(i64::from(input.width))
        .bind(i64::from(input.height))
        .bind(&input.rights)
        .bind(input.facts.to_string())
        .bind(input.at.millis())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// One of them.
pub async fn find(tx: &mut Tx, id: InputId) -> Result<Option<Input>> {
    const SQL: &str = "SELECT id, account_id, role, name, blake3, sha256, size, width, height, rights, facts, handed_in_at FROM inputs WHERE id = $1";
    let row: Option<Row> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(Input::try_from).transpose()
}

/// A page of an account's, newest first, `before` an id.
pub async fn list(tx: &mut Tx, account: AccountId, before: &str, limit: u32) -> Result<Page<Input>> {
    const SQL: &str = "SELECT id, account_id, role, name, blake3, sha256, size, width, height, rights, facts, handed_in_at FROM inputs \
                       WHERE account_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3";
    const COUNT: &str = "SELECT COUNT(*) FROM inputs WHERE account_id = $1";
    let rows: Vec<Row> =
        on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).bind(before).bind(i64::from(limit) + 1).fetch_all(c).await)?;
    let (total,): (i64,) = on!(tx, |c| sqlx::query_as(COUNT).bind(account.to_string()).fetch_one(c).await)?;
    let items = rows.into_iter().map(Input::try_from).collect::<Result<Vec<_>>>()?;
    Ok(Page::cut(items, limit, count(total), |i| i.id.to_string()))
}

/// Notes for what an image used it.
pub async fn used(tx: &mut Tx, image: ImageId, role: &str, input: InputId) -> Result<()> {
    const SQL: &str = "INSERT INTO image_inputs (image_id, role, input_id) VALUES ($1, $2, $3)";
    on!(tx, |c| sqlx::query(SQL).bind(image.to_string()).bind(role).bind(input.to_string()).execute(c).await.map(drop))?;
    Ok(())
}

/// What an image used, with its role there.
pub async fn of_image(tx: &mut Tx, image: ImageId) -> Result<Vec<(String, InputId)>> {
    const SQL: &str = "SELECT role, input_id FROM image_inputs WHERE image_id = $1 ORDER BY role";
    let rows: Vec<(String, String)> = on!(tx, |c| sqlx::query_as(SQL).bind(image.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(|(role, id)| Ok((role, read(T, &id, &id)?))).collect()
}

/// The images that used something handed in, oldest first.
pub async fn images_of(tx: &mut Tx, input: InputId) -> Result<Vec<ImageId>> {
    const SQL: &str = "SELECT DISTINCT image_id FROM image_inputs WHERE input_id = $1 ORDER BY image_id";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(input.to_string()).fetch_all(c).await)?;
    rows.iter().map(|(id,)| read("image_inputs", id, id)).collect()
}

/// Everything that an account handed in, oldest first.
pub async fn all_of(tx: &mut Tx, account: AccountId) -> Result<Vec<Input>> {
    const SQL: &str = "SELECT id, account_id, role, name, blake3, sha256, size, width, height, rights, facts, handed_in_at FROM inputs \
                       WHERE account_id = $1 ORDER BY id";
    let rows: Vec<Row> = on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).fetch_all(c).await)?;
    rows.into_iter().map(Input::try_from).collect()
}

/// Erases what is on record of something handed in: its name, its hashes, what was found in it. That an image used it stays, by its id. Its bytes
/// are `blobs::release`'s. False when there is none such.
pub async fn erase(tx: &mut Tx, id: InputId) -> Result<bool> {
    const SQL: &str = "DELETE FROM inputs WHERE id = $1";
    let rows = on!(tx, |c| sqlx::query(SQL).bind(id.to_string()).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}
