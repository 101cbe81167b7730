//! The first start: the embedded model, its works, their dataset and the policy bundle become rows and statements, in one transaction.
//! Later starts find them there; a new policy bundle is put in force by a statement of its own.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::freeze_dataset::freeze;
use super::import_works::{read_collection, register_all};
use super::record::{Deed, record};
use super::reload_policies::put_in_force;
use super::{Error, Instance, Result, publish_checkpoint::publish_checkpoint};
use crate::clock::Timestamp;
use crate::digest::{Digest, sha256_of};
use crate::embedded;
use crate::generation::{ModelConfig, ModelFile, Vocab};
use crate::id::{DatasetId, ModelId};
use crate::ledger::Subject;
use crate::lineage::{Model, ModelCard, Run, dataset};
use crate::policy::Bundle;
use crate::storage::instance::Fact;
use crate::storage::models::ModelRecord;
use crate::storage::{self, Tx, files};

/// Who registers what comes with the program.
pub(super) const REGISTRAR: &str = "Colophon";

/// Parses the bundle from a folder, or the one inside the program.
pub fn policies(folder: Option<&Path>) -> Result<Bundle> {
    policies_after(folder, None)
}

/// As [`policies`]; what did not change since `before` is taken from it.
pub(super) fn policies_after(folder: Option<&Path>, before: Option<&Bundle>) -> Result<Bundle> {
    let texts = match folder {
        None => embedded::POLICY_FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        Some(folder) => {
            let mut texts = Vec::new();
            gather(folder, folder, &mut texts)
                .map_err(|e| Error::Internal(format!("can't read the policy folder `{}`: {e}", folder.display())))?;
            texts
        }
    };
    before.map_or_else(|| Bundle::parse(&texts), |before| before.parse_again(&texts)).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Error::Internal(format!("the policy bundle can't be used:\n{}", lines.join("\n")))
    })
}

fn gather(root: &Path, folder: &Path, texts: &mut Vec<(String, String)>) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            gather(root, &path, texts)?;
        } else if path.extension().is_some_and(|e| e == "toml" || e == "md") {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            texts.push((name, std::fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// The folder of the model in use; the embedded one is unpacked there when there is none.
pub fn model_folder(models_dir: &Path) -> Result<PathBuf> {
    let folder = models_dir.join(embedded::MODEL);
    files::unpack(&folder, embedded::MODEL_FILES)?;
    Ok(folder)
}

/// Reads the card in a model's folder.
pub fn model(folder: &Path) -> Result<Model> {
    let path = folder.join("model.toml");
    let again = format!("move `{}` away and start again to unpack the embedded model anew", folder.display());
    let text =
        files::read(&path)?.ok_or_else(|| Error::Internal(format!("the model card `{}` is missing: {again}", path.display())))?;
    let card = ModelCard::parse(&text)
        .map_err(|e| Error::Internal(format!("the model card `{}` can't be read: {e}; {again}", path.display())))?;
    let weights = card
        .file("weights")
        .ok_or_else(|| Error::Internal(format!("the model card `{}` names no file with the role `weights`", path.display())))?
        .sha256;
    Ok(Model {
        id: ModelId::derived(&weights.0),
        weights,
        card,
        datasets: vec![],
        base: None,
        made_by: String::new(),
        // Filled in from the record.
        registered_at: Timestamp::from_millis(0),
    })
}

/// Reads a file of the model and checks its hash.
pub fn model_file(folder: &Path, card: &ModelCard, role: &str) -> Result<Vec<u8>> {
    let file = card
        .file(role)
        .ok_or_else(|| Error::Internal(format!("the model `{}` has no file with the role `{role}`", card.name)))?;
    let path = folder.join(&file.name);
    let again = format!("move `{}` away and start again to unpack the embedded model anew", folder.display());
    let bytes = std::fs::read(&path)
        .map_err(|e| Error::Internal(format!("the model file `{}` can't be read: {e}; {again}", path.display())))?;
    let found = sha256_of(&bytes);
    if found != file.sha256 {
        return Err(Error::Internal(format!(
            "the model file `{}` is not the one its card names (sha256 {found}, expected {}): it is damaged or was replaced; {again}",
            path.display(),
            file.sha256
        )));
    }
    Ok(bytes)
}

/// What a model offers.
pub(super) fn offer(folder: &Path, card: &ModelCard) -> Result<ModelConfig> {
    let file = |role: &str| -> Result<ModelFile> {
        Ok(ModelFile { name: format!("{}/{role}", folder.display()), bytes: model_file(folder, card, role)?, sha256: None })
    };
    let vocab = Vocab::read(&file("vocabulary")?).map_err(Error::internal)?;
    ModelConfig::read(&file("config")?, &vocab).map_err(Error::internal)
}

/// Makes sure that model, works, dataset and bundle are on record. The model as registered.
pub(super) async fn found(instance: &Instance, model_dir: &Path) -> Result<ModelRecord> {
    let mut tx = instance.store.begin().await?;
    let now = instance.clock.now();
    let bundle = instance.policies();
    if storage::models::newest_bundle(&mut tx).await?.is_none_or(|(newest, _)| newest.sha256 != bundle.hash()) {
        put_in_force(&mut tx, instance, &bundle, now).await?;
    }
    if storage::models::find_by_weights(&mut tx, instance.model.model.weights).await?.is_none() {
        register_embedded(&mut tx, instance, model_dir, now).await?;
    }
    if storage::instance::get(&mut tx, Fact::Founding).await?.is_none() {
        storage::instance::set(&mut tx, Fact::Founding, "done").await?;
    }
    tx.commit().await?;
    publish_checkpoint(instance).await?;
    let mut tx = instance.store.read().await?;
    storage::models::find_by_weights(&mut tx, instance.model.model.weights)
        .await?
        .ok_or_else(|| Error::internal("the model that was just registered is not on record"))
}

async fn register_embedded(tx: &mut Tx, instance: &Instance, model_dir: &Path, now: Timestamp) -> Result<()> {
    let card = instance.model.model.card.clone();
    let archive = model_file(model_dir, &card, "works")?;
    let works = tokio::task::block_in_place(|| read_collection(&archive, REGISTRAR, now))?;
    let pack = instance.blobs.put(archive).await?;
    let mut ids = Vec::with_capacity(works.len());
    let mut new = Vec::with_capacity(works.len());
    let (first, _) = storage::works::totals(tx).await?;
    for each in works {
        ids.push(each.work.id);
        // Another model may have brought the same works, or somebody imported them.
        if first == 0 || storage::works::find(tx, each.work.id).await?.is_none() {
            new.push(each);
        }
    }
    register_all(tx, instance, new, pack.blake3, REGISTRAR, now).await?;
    let known = storage::datasets::find(tx, DatasetId::derived(&dataset::root(&ids).0)).await?;
    let dataset = match known {
        Some(record) => record.dataset,
        None => freeze(tx, instance, &format!("Works of {}", card.title), ids, REGISTRAR, now).await?,
    };
    let registered = Model { datasets: vec![dataset.id], registered_at: now, ..instance.model.model.clone() };
    let weights = Subject::new("weights", Digest::of(&model_file(model_dir, &card, "weights")?));
    if card.file("run").is_some() {
        let run: Run = serde_json::from_slice(&model_file(model_dir, &card, "run")?)
            .map_err(|e| Error::internal(format!("the record of the model's run can't be read: {e}")))?;
        // The works here are those it learnt from, and the weights those it ended with; otherwise the record is of another model.
        if (run.dataset, run.dataset_root, run.weights) != (dataset.id, dataset.root, registered.weights) {
            return Err(Error::internal("run, works and weights of the embedded model do not belong together"));
        }
        let deed = Deed { kind: "run", subject: vec![weights.clone()], actor: REGISTRAR.to_owned(), body: json!({ "run": run }) };
        record(tx, instance, now, deed).await?;
    }
    let deed = Deed { kind: "model", subject: vec![weights], actor: REGISTRAR.to_owned(), body: json!({ "model": registered }) };
    record(tx, instance, now, deed).await.map(drop)
}
