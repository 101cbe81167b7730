//! Images, the works each drew on, the decisions behind them, and the words they were asked for with (private).

use super::{Error, Page, Result, Tx, big, count, like, on, read, read_blake3, read_json, read_sha256};
use crate::clock::Timestamp;
use crate::digest::{Blake3, Digest, Sha256Hash};
use crate::id::{AccountId, ImageId, ModelId, StatementId, WorkId};
use crate::likeness::Compared;

/// A delivered image. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Image {
    /// Name in every URL, row and log entry.
    pub id: ImageId,
    /// The model that drew it; none where no model drew anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelId>,
    /// Hash of the policy bundle that decided.
    pub bundle: Sha256Hash,
    /// Public name of who asked for it.
    pub creator: String,
    /// `png`, `jpeg` or `webp`.
    pub format: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Of the signed file.
    pub digest: Digest,
    /// Of the raw RGB before encoding: what a replay compares.
    pub pixels: Blake3,
    /// Perceptual hash of the picture.
    pub fingerprint: String,
    /// Commitment to the words it was asked for with.
    pub commitment: Blake3,
    /// Works it drew on, in order; the first is where it started.
    pub works: Vec<DrawnOn>,
    /// The adapter it was drawn with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<ModelId>,
    /// The nearest of all registered works; none when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
    /// What it was compared with before it was signed; none for images older than the comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    /// The image it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ImageId>,
    /// What was done: `generation::edit::Edit` as JSON, opaque here; none for a picture that was drawn from words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<serde_json::Value>,
    /// What people handed in for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<HandedIn>,
    /// Seed, steps and the like: enough to make the same pixels again.
    pub replay: serde_json::Value,
    /// What the policy answered, without the words of the prompt.
    pub decision: serde_json::Value,
    /// When it was signed.
    pub made_at: Timestamp,
}

/// A work with at least this share of the influence, in millionths, is most of what an image drew on.
const MOST: u32 = 600_000;
/// An image nearer than this to a work, in millionths, is a version of it: nearly any two works of the first collection lie farther apart.
const NEAR: u32 = 50_000;

impl Image {
    /// The one work this image is mostly from, if that is so: by its influence, or by how near the two are.
    pub fn mostly_one(&self) -> Option<WorkId> {
        let near = self.nearest.filter(|nearest| nearest.nearness < NEAR).map(|nearest| nearest.work);
        // The influence of a parent's works was measured on the parent; that of its own, where a part was drawn, on that part.
        let kind = self.edit.as_ref().and_then(|edit| edit.get("kind")).and_then(serde_json::Value::as_str);
        let whole = !matches!(kind, Some("inpaint" | "outpaint"));
        let own = self.works.iter().filter(|drawn| whole && drawn.is_own());
        near.or_else(|| own.into_iter().find(|drawn| drawn.influence >= MOST).map(|drawn| drawn.work))
    }
}

/// A work an image drew on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DrawnOn {
    /// The work.
    pub work: WorkId,
    /// RMS distance of 16×16 thumbnails, in millionths: 0 is the same picture.
    pub nearness: u32,
    /// Its share, in millionths, of what the works changed: each was left out once, and the change of the picture measured.
    #[serde(default)]
    pub influence: u32,
    /// The part of the prompt it was looked up for, from 0.
    #[serde(default)]
    pub part: u32,
    /// Parents between the image and the one that drew on it: 0 for the image itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u32,
    /// Whether it was not drawn on: the image came near to it, and credits it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub near: bool,
}

impl DrawnOn {
    /// Whether the image itself drew on it, and not a parent.
    pub const fn is_own(&self) -> bool {
        self.generation == 0 && !self.near
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Something a person handed in, as the log tells it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HandedIn {
    /// `picture`, `sketch` or `mask`.
    pub role: String,
    /// Keyed blake3 of the file's SHA-256, with the key that opens the words.
    pub commitment: Blake3,
    /// When.
    pub at: Timestamp,
}

/// The registered work that is nearest to an image, whether it was drawn on or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Nearest {
    /// The work.
    pub work: WorkId,
    /// As in [`DrawnOn`].
    pub nearness: u32,
}

/// An image with the statement that records it.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRecord {
    /// The image.
    pub image: Image,
    /// In the log.
    pub statement: StatementId,
}

#[derive(sqlx::FromRow)]
struct ImageRow {
    id: String,
    model_id: Option<String>,
    bundle: Vec<u8>,
    creator: String,
    format: String,
    width: i64,
    height: i64,
    blake3: Vec<u8>,
    sha256: Vec<u8>,
    size: i64,
    pixels: Vec<u8>,
    fingerprint: String,
    commitment: Vec<u8>,
    replay: String,
    decision: String,
    made_at: i64,
    statement_id: String,
    nearest_work: Option<String>,
    nearest: Option<i64>,
    adapter: Option<String>,
    parent_id: Option<String>,
    edit: Option<String>,
    inputs: Option<String>,
    compared: Option<String>,
}

const T: &str = "images";

async fn complete(tx: &mut Tx, r: ImageRow) -> Result<ImageRecord> {
    const WORKS: &str =
        "SELECT work_id, nearness, influence, part, generation, near FROM image_works WHERE image_id = $1 ORDER BY position";
    let works: Vec<(String, i64, i64, i64, i64, i64)> = on!(tx, |c| sqlx::query_as(WORKS).bind(&r.id).fetch_all(c).await)?;
    let small = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    let nearest = match (&r.nearest_work, r.nearest) {
        (Some(work), Some(nearness)) => Some(Nearest { work: read(T, &r.id, work)?, nearness: small(nearness) }),
        _ => None,
    };
    let side = |n: i64| u32::try_from(n).map_err(|e| Error::Corrupt { table: T, row: r.id.clone(), cause: e.to_string() });
    Ok(ImageRecord {
        image: Image {
            id: read(T, &r.id, &r.id)?,
            model: r.model_id.as_ref().map(|id| read(T, &r.id, id)).transpose()?,
            bundle: read_sha256(T, &r.id, &r.bundle)?,
            width: side(r.width)?,
            height: side(r.height)?,
            digest: Digest {
                blake3: read_blake3(T, &r.id, &r.blake3)?,
                sha256: read_sha256(T, &r.id, &r.sha256)?,
                len: count(r.size),
            },
            pixels: read_blake3(T, &r.id, &r.pixels)?,
            commitment: read_blake3(T, &r.id, &r.commitment)?,
            works: works
                .iter()
                .map(|(work, nearness, influence, part, generation, near)| {
                    Ok(DrawnOn {
                        work: read("image_works", &r.id, work)?,
                        nearness: small(*nearness),
                        influence: small(*influence),
                        part: small(*part),
                        generation: small(*generation),
                        near: *near != 0,
                    })
                })
                .collect::<Result<_>>()?,
            nearest,
            adapter: r.adapter.as_ref().map(|id| read(T, &r.id, id)).transpose()?,
            parent: r.parent_id.as_ref().map(|id| read(T, &r.id, id)).transpose()?,
            edit: r.edit.as_ref().map(|edit| read_json(T, &r.id, edit)).transpose()?,
            inputs: r.inputs.as_ref().map_or(Ok(Vec::new()), |inputs| read_json(T, &r.id, inputs))?,
            compared: r.compared.as_ref().map(|compared| read_json(T, &r.id, compared)).transpose()?,
            replay: read_json(T, &r.id, &r.replay)?,
            decision: read_json(T, &r.id, &r.decision)?,
            made_at: Timestamp::from_millis(r.made_at),
            creator: r.creator,
            format: r.format,
            fingerprint: r.fingerprint,
        },
        statement: read(T, &r.id, &r.statement_id)?,
    })
}

/// Puts an image in.
pub async fn insert(tx: &mut Tx, image: &Image, statement: StatementId) -> Result<()> {
    const SQL: &str = "INSERT INTO images (id, model_id, bundle, creator, format, width, height, blake3, sha256, size, pixels, \
                       fingerprint, commitment, replay, decision, made_at, statement_id, nearest_work, nearest, \
                       adapter, parent_id, edit, inputs, compared) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)";
    const WORK: &str = "INSERT INTO image_works (image_id, position, work_id, nearness, influence, part, generation, near) \
                        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let id = image.id.to_string();
    let handed_in = match image.inputs.as_slice() {
        [] => None,
        inputs => Some(serde_json::to_string(inputs).map_err(|e| Error::Unavailable(e.to_string()))?),
    };
    let compared = image.compared.as_ref().map(serde_json::to_string).transpose();
    let compared = compared.map_err(|e| Error::Unavailable(e.to_string()))?;
    on!(tx, |c| sqlx::query(SQL)
        .bind(&id)
        .bind(image.model.map(|id| id.to_string()))
        .bind(&image.bundle.0[..])
        .bind(&image.creator)
        .bind(&image.format)
        .bind(i64::from(image.width))
        .bind(i64::from(image.height))
        .bind(&image.digest.blake3.0[..])
        .bind(&image.digest.sha256.0[..])
        .bind(big(image.digest.len))
        .bind(&image.pixels.0[..])
        .bind(&image.fingerprint)
        .bind(&image.commitment.0[..])
        .bind(image.replay.to_string())
        .bind(image.decision.to_string())
        .bind(image.made_at.millis())
        .bind(statement.to_string())
        .bind(image.nearest.map(|n| n.work.to_string()))
        .bind(image.nearest.map(|n| i64::from(n.nearness)))
        .bind(image.adapter.map(|id| id.to_string()))
        .bind(image.parent.map(|id| id.to_string()))
        .bind(image.edit.as_ref().map(ToString::to_string))
        .bind(handed_in)
        .bind(compared)
        .execute(c)
        .await
        .map(drop))?;
    for (position, drawn) in (0i64..).zip(&image.works) {
        on!(tx, |c| sqlx::query(WORK)
            .bind(&id)
            .bind(position)
            .bind(drawn.work.to_string())
            .bind(i64::from(drawn.nearness))
            .bind(i64::from(drawn.influence))
            .bind(i64::from(drawn.part))
            .bind(i64::from(drawn.generation))
            .bind(i64::from(drawn.near))
            .execute(c)
            .await
            .map(drop))?;
    }
    super::fingerprints::insert_due(tx, &[id]).await
}

/// One image.
pub async fn find(tx: &mut Tx, id: ImageId) -> Result<Option<ImageRecord>> {
    const SQL: &str = "SELECT id, model_id, bundle, creator, format, width, height, blake3, sha256, size, pixels, fingerprint, \
                       commitment, replay, decision, made_at, statement_id, nearest_work, nearest, adapter, parent_id, edit, inputs, compared FROM images WHERE id = $1";
    let row: Option<ImageRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    match row {
        Some(row) => complete(tx, row).await.map(Some),
        None => Ok(None),
    }
}

/// The image whose signed file has this hash.
pub async fn find_by_sha256(tx: &mut Tx, sha256: Sha256Hash) -> Result<Option<ImageRecord>> {
    const SQL: &str = "SELECT id, model_id, bundle, creator, format, width, height, blake3, sha256, size, pixels, fingerprint, \
                       commitment, replay, decision, made_at, statement_id, nearest_work, nearest, adapter, parent_id, edit, inputs, compared FROM images WHERE sha256 = $1 ORDER BY id LIMIT 1";
    let row: Option<ImageRow> = on!(tx, |c| sqlx::query_as(SQL).bind(&sha256.0[..]).fetch_optional(c).await)?;
    match row {
        Some(row) => complete(tx, row).await.map(Some),
        None => Ok(None),
    }
}

/// A page of images, newest first, `before` an id.
pub async fn list(tx: &mut Tx, before: &str, limit: u32) -> Result<Page<ImageRecord>> {
    const SQL: &str = "SELECT id, model_id, bundle, creator, format, width, height, blake3, sha256, size, pixels, fingerprint, \
                       commitment, replay, decision, made_at, statement_id, nearest_work, nearest, adapter, parent_id, edit, inputs, compared FROM images WHERE ($1 = '' OR id < $1) \
                       ORDER BY id DESC LIMIT $2";
    let rows: Vec<ImageRow> = on!(tx, |c| sqlx::query_as(SQL).bind(before).bind(i64::from(limit) + 1).fetch_all(c).await)?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(complete(tx, row).await?);
    }
    let total = total(tx).await?;
    Ok(Page::cut(items, limit, total, |i| i.image.id.to_string()))
}

/// How many images there are.
pub async fn total(tx: &mut Tx) -> Result<u64> {
    const SQL: &str = "SELECT COUNT(*) FROM images";
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).fetch_one(c).await)?;
    Ok(count(n))
}

/// How many images a model drew.
pub async fn total_of_model(tx: &mut Tx, model: ModelId) -> Result<u64> {
    const SQL: &str = "SELECT COUNT(*) FROM images WHERE model_id = $1";
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(SQL).bind(model.to_string()).fetch_one(c).await)?;
    Ok(count(n))
}

/// How many images there are that drew on a work, and the newest of them.
pub async fn of_work(tx: &mut Tx, work: WorkId, limit: u32) -> Result<(u64, Vec<ImageId>)> {
    const COUNT: &str = "SELECT COUNT(DISTINCT image_id) FROM image_works WHERE work_id = $1";
    const SQL: &str = "SELECT DISTINCT image_id FROM image_works WHERE work_id = $1 ORDER BY image_id DESC LIMIT $2";
    let (n,): (i64,) = on!(tx, |c| sqlx::query_as(COUNT).bind(work.to_string()).fetch_one(c).await)?;
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(work.to_string()).bind(i64::from(limit)).fetch_all(c).await)?;
    Ok((count(n), rows.iter().map(|(id,)| read(T, id, id)).collect::<Result<_>>()?))
}

/// Every image that drew on a work, oldest first.
pub async fn all_of_work(tx: &mut Tx, work: WorkId) -> Result<Vec<ImageId>> {
    const SQL: &str = "SELECT DISTINCT image_id FROM image_works WHERE work_id = $1 ORDER BY image_id";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(work.to_string()).fetch_all(c).await)?;
    rows.iter().map(|(id,)| read(T, id, id)).collect()
}

/// Every image that a model made, oldest first.
pub async fn all_of_model(tx: &mut Tx, model: ModelId) -> Result<Vec<ImageId>> {
    const SQL: &str = "SELECT id FROM images WHERE model_id = $1 ORDER BY id";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(model.to_string()).fetch_all(c).await)?;
    rows.iter().map(|(id,)| read(T, id, id)).collect()
}

/// The images made from an image, oldest first.
pub async fn children(tx: &mut Tx, parent: ImageId) -> Result<Vec<ImageId>> {
    const SQL: &str = "SELECT id FROM images WHERE parent_id = $1 ORDER BY id";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(parent.to_string()).fetch_all(c).await)?;
    rows.iter().map(|(id,)| read(T, id, id)).collect()
}

/// Files of the newest images of an account, by its name.
pub async fn newest_of(tx: &mut Tx, creator: &str, limit: u32) -> Result<Vec<Blake3>> {
    const SQL: &str = "SELECT id, blake3 FROM images WHERE creator = $1 ORDER BY id DESC LIMIT $2";
    let rows: Vec<(String, Vec<u8>)> = on!(tx, |c| sqlx::query_as(SQL).bind(creator).bind(i64::from(limit)).fetch_all(c).await)?;
    rows.iter().map(|(id, hash)| read_blake3(T, id, hash)).collect()
}

/// Every image with the image it was made from, where there is one.
pub async fn all_parents(tx: &mut Tx) -> Result<Vec<(ImageId, ImageId)>> {
    const SQL: &str = "SELECT id, parent_id FROM images WHERE parent_id IS NOT NULL ORDER BY id";
    let rows: Vec<(String, String)> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    rows.iter().map(|(id, parent)| Ok((read(T, id, id)?, read(T, id, parent)?))).collect()
}

/// The words an image was asked for with. Never in the log; erasing the row leaves the commitment there saying nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Which image.
    pub image: ImageId,
    /// Whose words.
    pub account: AccountId,
    /// As typed.
    pub prompt: String,
    /// What to keep away from.
    pub negative: String,
    /// Opens the commitment.
    pub key: [u8; 32],
    /// Whether its creator lets everyone read them.
    pub public: bool,
}

impl std::fmt::Debug for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prompt({}, words hidden)", self.image)
    }
}

/// Keeps the words.
pub async fn insert_prompt(tx: &mut Tx, p: &Prompt) -> Result<()> {
    const SQL: &str = "INSERT INTO prompts (image_id, account_id, prompt, negative, commitment_key, public) \
                       VALUES ($1, $2, $3, $4, $5, $6)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(p.image.to_string())
        .bind(p.account.to_string())
        .bind(&p.prompt)
        .bind(&p.negative)
        .bind(&p.key[..])
        .bind(i64::from(p.public))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// The words of an image, unless they were erased.
pub async fn find_prompt(tx: &mut Tx, image: ImageId) -> Result<Option<Prompt>> {
    const SQL: &str = "SELECT account_id, prompt, negative, commitment_key, public FROM prompts WHERE image_id = $1";
    let row: Option<(String, String, String, Vec<u8>, i64)> =
        on!(tx, |c| sqlx::query_as(SQL).bind(image.to_string()).fetch_optional(c).await)?;
    row.map(|(account, prompt, negative, key, public)| {
        let id = image.to_string();
        Ok(Prompt {
            image,
            account: read("prompts", &id, &account)?,
            prompt,
            negative,
            key: key.try_into().map_err(|_| Error::Corrupt { table: "prompts", row: id, cause: "key is not 32 bytes".into() })?,
            public: public != 0,
        })
    })
    .transpose()
}

/// Images asked for with these words among others, newest first, where their creator lets everyone read them.
pub async fn with_public_words(tx: &mut Tx, words: &str, limit: u32) -> Result<Vec<(ImageId, String)>> {
    const SQL: &str = "SELECT image_id, prompt FROM prompts WHERE public = 1 AND LOWER(prompt) LIKE LOWER(CAST($1 AS TEXT)) ESCAPE '\\' \
                       ORDER BY image_id DESC LIMIT $2";
    let rows: Vec<(String, String)> =
        on!(tx, |c| sqlx::query_as(SQL).bind(like(words)).bind(i64::from(limit)).fetch_all(c).await)?;
    rows.into_iter().map(|(id, prompt)| Ok((read("prompts", &id, &id)?, prompt))).collect()
}

/// The words of every image of an account that are still on record, oldest first.
pub async fn prompts_of(tx: &mut Tx, account: AccountId) -> Result<Vec<Prompt>> {
    const SQL: &str = "SELECT image_id FROM prompts WHERE account_id = $1 ORDER BY image_id";
    let rows: Vec<(String,)> = on!(tx, |c| sqlx::query_as(SQL).bind(account.to_string()).fetch_all(c).await)?;
    let mut prompts = Vec::with_capacity(rows.len());
    for (id,) in rows {
        prompts.extend(find_prompt(tx, read("prompts", &id, &id)?).await?);
    }
    Ok(prompts)
}

/// Erases the words of an image with the key that opens its commitment. False when there are none.
pub async fn erase_prompt(tx: &mut Tx, image: ImageId) -> Result<bool> {
    const SQL: &str = "DELETE FROM prompts WHERE image_id = $1";
    let rows = on!(tx, |c| sqlx::query(SQL).bind(image.to_string()).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}
