//! Which model an order is drawn with: the embedded one, or one of a folder whose files lie on this machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use super::choose_works::usage_for;
use super::{Error, Instance, Result};
use crate::digest::sha256_of;
use crate::generation::{FolderModel, ModelConfig, Usual};
use crate::id::ModelId;
use crate::lineage::{Model, ModelCard};
use crate::policy::Use;
use crate::storage::models::ModelRecord;
use crate::storage::{self, Tx, files};
use crate::works::verdict::{Verdict, verdict};

/// A model that draws.
#[derive(Debug, Clone)]
pub struct DrawnWith {
    /// As registered.
    pub record: ModelRecord,
    /// What it offers.
    pub offer: ModelConfig,
    /// Where it lies, as the engine takes it; none for the embedded one.
    pub folder: Option<Arc<FolderModel>>,
}

impl DrawnWith {
    /// The model.
    pub fn model(&self) -> &Model {
        &self.record.model
    }
}

/// The model of an order: the embedded one where it names none.
pub async fn drawn_with(instance: &Instance, tx: &mut Tx, id: Option<ModelId>) -> Result<DrawnWith> {
    let own = &instance.model;
    let id = id.unwrap_or(own.model.id);
    if id == own.model.id {
        return Ok(DrawnWith { record: own.clone(), offer: instance.offer.clone(), folder: None });
    }
    let no = |text: String| Error::invalid("model", text);
    let Some(record) = storage::models::find(tx, id).await? else {
        return Err(no(format!("no model `{id}` is registered here: take the id from its page, or leave it out")));
    };
    let title = &record.model.card.title;
    if record.model.base.is_some() {
        return Err(no(format!("“{title}” ({id}) is an adapter: name it as `adapter`, and the model it belongs to as `model`")));
    }
    if !record.model.card.is_folder() {
        return Err(no(format!("“{title}” ({id}) is no model that can be chosen here: start the service with it as its own")));
    }
    let folder = instance.folder_model(&record.model)?;
    Ok(DrawnWith { offer: folder.offer.clone(), record, folder: Some(folder) })
}

/// Every model that can be drawn with on this machine, the embedded one first.
pub async fn models_here(instance: &Instance, tx: &mut Tx) -> Result<Vec<DrawnWith>> {
    let mut all = vec![drawn_with(instance, tx, None).await?];
    for record in storage::models::all(tx).await? {
        if record.model.base.is_none() && record.model.card.is_folder() {
            match instance.folder_model(&record.model) {
                Ok(folder) => all.push(DrawnWith { offer: folder.offer.clone(), record, folder: Some(folder) }),
                Err(e) => tracing::debug!(model = %record.model.id, problem = %e, "not drawn with here"),
            }
        }
    }
    Ok(all)
}

/// What a model's own licence says of a picture for `use_`.
pub fn licence_verdict(card: &ModelCard, use_: Use) -> Verdict {
    verdict(&card.licence, usage_for(use_))
}

/// Refuses a use that a model's licence does not allow, or of which it is not known whether it does.
pub(super) fn check_licence(model: &Model, use_: Use, field: &'static str) -> Result<()> {
    let verdict = licence_verdict(&model.card, use_);
    if verdict.permits() {
        return Ok(());
    }
    let licence = if model.card.licence.is_empty() { "unknown" } else { &model.card.licence };
    Err(Error::invalid(
        field,
        format!(
            "“{}” may not draw for this use: its licence is {licence}, and {} ({})",
            model.card.title, verdict.reason, verdict.citation
        ),
    ))
}

/// A model's files and their hashes, as its card names them.
pub(super) fn hashes(card: &ModelCard) -> BTreeMap<String, crate::digest::Sha256Hash> {
    card.files.iter().map(|file| (file.name.clone(), file.sha256)).collect()
}

/// What a card says of how its model is best drawn with.
pub(super) fn usual(card: &ModelCard) -> Usual {
    let usual = card.usual.clone().unwrap_or_default();
    Usual { steps: usual.steps, guidance: usual.guidance_tenths.map(|t| f32::from(t) / 10.0), sampler: usual.sampler }
}

/// Reads a registered model from its folder: its card there must be the one that was registered, and its configurations those of the card.
fn folder_model(models_dir: &Path, model: &Model) -> Result<FolderModel> {
    let (title, folder) = (&model.card.title, models_dir.join(&model.card.name));
    let path = folder.join("model.toml");
    let text = files::read(&path)?.ok_or_else(|| {
        Error::invalid(
            "model",
            format!("“{title}” is registered, but its files are not on this machine: add them with `colophon model add`"),
        )
    })?;
    let card =
        ModelCard::parse(&text).map_err(|e| Error::Internal(format!("the card `{}` can't be read: {e}", path.display())))?;
    if sha256_of(card.listing().as_bytes()) != model.weights {
        return Err(Error::invalid(
            "model",
            format!("the files in `{}` are not those of “{title}” ({}) as it was registered", folder.display(), model.id),
        ));
    }
    let files = hashes(&model.card);
    let offer =
        FolderModel::offer(&folder, files.clone(), &usual(&model.card)).map_err(|e| Error::invalid("model", e.to_string()))?;
    Ok(FolderModel { id: model.id, title: title.clone(), folder, files, offer })
}

impl Instance {
    /// A model of a folder, as it was first found there.
    pub(super) fn folder_model(&self, model: &Model) -> Result<Arc<FolderModel>> {
        if let Some(known) = self.folders.read().unwrap_or_else(PoisonError::into_inner).get(&model.id) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(folder_model(&self.models_dir, model)?);
        self.folders.write().unwrap_or_else(PoisonError::into_inner).insert(model.id, Arc::clone(&found));
        Ok(found)
    }
}
