//! Models, the datasets they were trained on, and the policy bundles put in force.

use super::{Error, Result, Tx, big, count, like, on, read, read_json, read_sha256};
use crate::clock::Timestamp;
use crate::digest::Sha256Hash;
use crate::id::{ModelId, StatementId};
use crate::lineage::Model;

#[derive(sqlx::FromRow)]
struct ModelRow {
    id: String,
    weights: Vec<u8>,
    card: String,
    registered_at: i64,
    statement_id: String,
    base: Option<String>,
    made_by: String,
}

/// A model with the statement that registered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRecord {
    /// The model.
    pub model: Model,
    /// In the log.
    pub statement: StatementId,
}

/// Puts a model in.
pub async fn insert(tx: &mut Tx, model: &Model, statement: StatementId) -> Result<()> {
    const SQL: &str = "INSERT INTO models (id, name, title, version, weights, card, registered_at, statement_id, base, made_by) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    const LINK: &str = "INSERT INTO model_datasets (model_id, dataset_id) VALUES ($1, $2)";
    let card = serde_json::to_string(&model.card).unwrap_or_default();
    on!(tx, |c| sqlx::query(SQL)
        .bind(model.id.to_string())
        .bind(&model.card.name)
        .bind(&model.card.title)
        .bind(&model.card.version)
        .bind(&model.weights.0[..])
        .bind(card)
        .bind(model.registered_at.millis())
        .bind(statement.to_string())
        .bind(model.base.map(|base| base.to_string()))
        .bind(&model.made_by)
        .execute(c)
        .await
        .map(drop))?;
    for dataset in &model.datasets {
        on!(tx, |c| sqlx::query(LINK).bind(model.id.to_string()).bind(dataset.to_string()).execute(c).await.map(drop))?;
    }
    Ok(())
}

async fn complete(tx: &mut Tx, r: ModelRow) -> Result<ModelRecord> {
    const LINKS: &str = "SELECT dataset_id FROM model_datasets WHERE model_id = $1 ORDER BY dataset_id";
    let links: Vec<(String,)> = on!(tx, |c| sqlx::query_as(LINKS).bind(&r.id).fetch_all(c).await)?;
    Ok(ModelRecord {
        model: Model {
            id: read("models", &r.id, &r.id)?,
            weights: read_sha256("models", &r.id, &r.weights)?,
            card: read_json("models", &r.id, &r.card)?,
            datasets: links.iter().map(|(d,)| read("model_datasets", &r.id, d)).collect::<Result<_>>()?,
            base: r.base.as_ref().map(|base| read("models", &r.id, base)).transpose()?,
            made_by: r.made_by,
            registered_at: Timestamp::from_millis(r.registered_at),
        },
        statement: read("models", &r.id, &r.statement_id)?,
    })
}

/// One model.
pub async fn find(tx: &mut Tx, id: ModelId) -> Result<Option<ModelRecord>> {
    const SQL: &str = "SELECT id, weights, card, registered_at, statement_id, base, made_by FROM models WHERE id = $1";
    let row: Option<ModelRow> = on!(tx, |c| sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(c).await)?;
    match row {
        Some(row) => complete(tx, row).await.map(Some),
        None => Ok(None),
    }
}

/// The model with these weights.
pub async fn find_by_weights(tx: &mut Tx, weights: Sha256Hash) -> Result<Option<ModelRecord>> {
    const SQL: &str = "SELECT id, weights, card, registered_at, statement_id, base, made_by FROM models WHERE weights = $1 \
                       ORDER BY registered_at, id LIMIT 1";
    let row: Option<ModelRow> = on!(tx, |c| sqlx::query_as(SQL).bind(&weights.0[..]).fetch_optional(c).await)?;
    match row {
        Some(row) => complete(tx, row).await.map(Some),
        None => Ok(None),
    }
}

/// Every model, oldest first.
pub async fn all(tx: &mut Tx) -> Result<Vec<ModelRecord>> {
    const SQL: &str =
        "SELECT id, weights, card, registered_at, statement_id, base, made_by FROM models ORDER BY registered_at, id";
    let rows: Vec<ModelRow> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    let mut models = Vec::with_capacity(rows.len());
    for row in rows {
        models.push(complete(tx, row).await?);
    }
    Ok(models)
}

/// Models whose title or name has these words in it, newest first: id and title.
pub async fn named(tx: &mut Tx, words: &str, limit: u32) -> Result<Vec<(ModelId, String)>> {
    const SQL: &str = "SELECT id, title FROM models WHERE LOWER(title) LIKE LOWER(CAST($1 AS TEXT)) ESCAPE '\\' \
                       OR LOWER(name) LIKE LOWER(CAST($1 AS TEXT)) ESCAPE '\\' ORDER BY registered_at DESC, id LIMIT $2";
    let rows: Vec<(String, String)> =
        on!(tx, |c| sqlx::query_as(SQL).bind(like(words)).bind(i64::from(limit)).fetch_all(c).await)?;
    rows.into_iter().map(|(id, title)| Ok((read("models", &id, &id)?, title))).collect()
}

/// A policy bundle put in force. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BundleRecord {
    /// Hash of the bundle's files.
    pub sha256: Sha256Hash,
    /// As it calls itself.
    pub name: String,
    /// SemVer.
    pub version: String,
    /// How many policies it holds.
    pub policies: u64,
    /// Since when.
    pub in_force_from: Timestamp,
}

#[derive(sqlx::FromRow)]
struct BundleRow {
    sha256: Vec<u8>,
    name: String,
    version: String,
    policies: i64,
    in_force_from: i64,
    statement_id: String,
}

/// Puts a bundle in.
pub async fn insert_bundle(tx: &mut Tx, bundle: &BundleRecord, statement: StatementId) -> Result<()> {
    const SQL: &str =
        "INSERT INTO bundles (sha256, name, version, policies, in_force_from, statement_id) VALUES ($1, $2, $3, $4, $5, $6)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(&bundle.sha256.0[..])
        .bind(&bundle.name)
        .bind(&bundle.version)
        .bind(big(bundle.policies))
        .bind(bundle.in_force_from.millis())
        .bind(statement.to_string())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// A bundle as it last came into force, with its statement.
pub async fn find_bundle(tx: &mut Tx, sha256: Sha256Hash) -> Result<Option<(BundleRecord, StatementId)>> {
    const SQL: &str = "SELECT sha256, name, version, policies, in_force_from, statement_id FROM bundles WHERE sha256 = $1 \
                       ORDER BY in_force_from DESC, statement_id DESC LIMIT 1";
    let row: Option<BundleRow> = on!(tx, |c| sqlx::query_as(SQL).bind(&sha256.0[..]).fetch_optional(c).await)?;
    row.map(TryInto::try_into).transpose()
}

/// The bundle that came into force last.
pub async fn newest_bundle(tx: &mut Tx) -> Result<Option<(BundleRecord, StatementId)>> {
    const SQL: &str = "SELECT sha256, name, version, policies, in_force_from, statement_id FROM bundles \
                       ORDER BY in_force_from DESC, statement_id DESC LIMIT 1";
    let row: Option<BundleRow> = on!(tx, |c| sqlx::query_as(SQL).fetch_optional(c).await)?;
    row.map(TryInto::try_into).transpose()
}

impl TryFrom<BundleRow> for (BundleRecord, StatementId) {
    type Error = Error;
    fn try_from(r: BundleRow) -> Result<Self> {
        let key = hex::encode(&r.sha256);
        Ok((
            BundleRecord {
                sha256: read_sha256("bundles", &key, &r.sha256)?,
                name: r.name,
                version: r.version,
                policies: count(r.policies),
                in_force_from: Timestamp::from_millis(r.in_force_from),
            },
            read("bundles", &key, &r.statement_id)?,
        ))
    }
}
