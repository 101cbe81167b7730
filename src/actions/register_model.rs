//! Models from elsewhere: a folder in the layout of diffusers with its card, or a low-rank adapter of one. Files are hashed, the card written
//! beside them, and the model registered by a statement, before anything can be drawn with it.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::drawn_with::{drawn_with, hashes, usual};
use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::digest::{Digest, sha256_of};
use crate::embedded;
use crate::generation::FolderModel;
use crate::id::ModelId;
use crate::ledger::Subject;
use crate::lineage::model::ModelFile;
use crate::lineage::{Model, ModelCard};
use crate::storage::blobs::Blob;
use crate::storage::{self, files};

/// Media type of weights.
const SAFETENSORS: &str = "application/vnd.safetensors";
/// Role of an adapter's one file.
const WEIGHTS: &str = "weights";

/// A folder that is to be a model, looked through.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its card: the one that comes with the program for these very files, the one that was given, or one that says that nothing is known.
    pub card: ModelCard,
    /// Whether the card came with the program.
    pub known: bool,
}

/// Looks through a folder: every file of the model is hashed, and held against a card where there is one. `given` is a card's text, or the name
/// of one of the program's; without, the cards of the program are looked through for one whose hashes are these files'.
pub fn look_through(folder: &Path, given: Option<&str>) -> Result<Found> {
    let named = |e: crate::generation::LoadError| Error::invalid("folder", e.to_string());
    let (named_files, millions) = FolderModel::describe(folder).map_err(named)?;
    let mut found = Vec::with_capacity(named_files.len());
    for file in named_files {
        let path = folder.join(&file.name);
        let digest = files::digest(&path)?;
        found.push(ModelFile { name: file.name, role: file.role.to_owned(), sha256: digest.sha256 });
    }
    let (mut card, known) = match given {
        Some(name) if !name.contains('\n') => (card_named(name)?, true),
        Some(text) => {
            let card = ModelCard::parse(text);
            (card.map_err(|e| Error::invalid("card", format!("the card can't be read: {e}")))?, false)
        }
        None => match known_card(&found)? {
            Some(card) => (card, true),
            None => (unknown_card(folder, millions), false),
        },
    };
    // What a card says of a file must hold; files of which it says nothing are added to it.
    for said in &card.files {
        match found.iter().find(|file| file.name == said.name) {
            Some(file) if file.sha256 == said.sha256 => {}
            Some(file) => {
                let text = format!(
                    "the file `{}` has sha256 `{}`, but the card “{}” says `{}`: fetch the file again, or write a card for this one",
                    folder.join(&file.name).display(),
                    file.sha256,
                    card.title,
                    said.sha256
                );
                return Err(Error::invalid("files", text));
            }
            // The program's cards name what there is of a model, in f32 and in f16; a person has one of them.
            None if known => {}
            None => {
                let text = format!(
                    "the card “{}” names `{}`, which is no file of the model in `{}`",
                    card.title,
                    said.name,
                    folder.display()
                );
                return Err(Error::invalid("files", text));
            }
        }
    }
    card.files = found;
    if card.parameters_millions.is_empty() {
        card.parameters_millions = millions.to_string();
    }
    FolderModel::offer(folder, hashes(&card), &usual(&card)).map_err(named)?;
    Ok(Found { card, known })
}

/// The cards that come with the program.
pub fn known_cards() -> Result<Vec<ModelCard>> {
    let read =
        |text: &&str| ModelCard::parse(text).map_err(|e| Error::internal(format!("a card of the program can't be read: {e}")));
    embedded::MODEL_CARDS.iter().map(read).collect()
}

/// One of them.
fn card_named(name: &str) -> Result<ModelCard> {
    let cards = known_cards()?;
    let names: Vec<String> = cards.iter().map(|card| card.name.clone()).collect();
    cards.into_iter().find(|card| card.name == name).ok_or_else(|| {
        let text = format!("no card is called `{name}`: name a file, or one of {}", names.join(", "));
        Error::invalid("card", text)
    })
}

/// The card of the program that names the hash of one of these files at least.
fn known_card(found: &[ModelFile]) -> Result<Option<ModelCard>> {
    let same = |said: &ModelFile| found.iter().any(|file| file.name == said.name && file.sha256 == said.sha256);
    Ok(known_cards()?.into_iter().find(|card| card.files.iter().any(same)))
}

/// A card that says aloud that nothing is known.
fn unknown_card(folder: &Path, millions: u64) -> ModelCard {
    let name: String = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).take(60).collect();
    let name = name.trim_matches(['-', '.']).to_owned();
    let name = if name.is_empty() { "model".to_owned() } else { name };
    ModelCard {
        title: name.clone(),
        name,
        version: "1.0.0".to_owned(),
        architecture: "a model in the folder layout of diffusers".to_owned(),
        parameters_millions: millions.to_string(),
        summary: "Nothing is known of this model but its files.".to_owned(),
        training: "Nothing is known of its training.".to_owned(),
        unknown: "On what it was trained, by whom those works were made, and under which licences.".to_owned(),
        ..ModelCard::default()
    }
}

/// What is registered of a folder.
#[derive(Debug, Clone)]
pub struct Added {
    /// The model.
    pub id: ModelId,
    /// Where its files lie.
    pub folder: PathBuf,
    /// False when it was registered before.
    pub new: bool,
}

/// Puts the files of a looked-through folder into the folder of models and registers the model. Files are linked where that can be, else copied;
/// those that lie there already stay.
pub async fn register_folder(instance: &Instance, actor: &Actor, from: &Path, card: &ModelCard) -> Result<Added> {
    if !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate));
    }
    // Read back as it will be read: a card that can't be is refused before anything is written.
    let text = card.to_toml();
    let card = ModelCard::parse(&text).map_err(|e| Error::invalid("card", e))?;
    if card.name == embedded::MODEL || !card.names_a_folder() {
        let text =
            format!("`{}` can't be the name of its folder: choose another with 1 to 60 of a–z, 0–9, `-` and `.`", card.name);
        return Err(Error::invalid("name", text));
    }
    let folder = instance.models_dir.join(&card.name);
    let path = folder.join("model.toml");
    if let Some(there) = files::read(&path)?
        && ModelCard::parse(&there).ok().is_none_or(|there| there.listing() != card.listing())
    {
        return Err(Error::Conflict(format!(
            "`{}` holds another model: choose another name with --name, or move that folder away",
            folder.display()
        )));
    }
    for file in &card.files {
        files::link(&from.join(&file.name), &folder.join(&file.name))?;
    }
    files::write(&path, text.as_bytes(), files::Access::Public)?;
    let weights = Digest::of(card.listing().as_bytes());
    let id = ModelId::derived(&weights.sha256.0);
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    let new = storage::models::find(&mut tx, id).await?.is_none();
    if new {
        let made_by = card.maker.clone();
        let model = Model { id, weights: weights.sha256, card, datasets: vec![], base: None, made_by, registered_at: now };
        record(&mut tx, instance, now, deed(actor, &model, weights)).await?;
        tx.commit().await?;
        instance.bell.ring();
    }
    Ok(Added { id, folder, new })
}

/// Registers a low-rank adapter (LoRA) of a model of a folder: it must fit, and its card says under which licence it may be used.
pub async fn register_lora(instance: &Instance, actor: &Actor, base: ModelId, mut card: ModelCard, file: &Path) -> Result<Added> {
    if !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate));
    }
    let mut tx = instance.store.read().await?;
    let of = drawn_with(instance, &mut tx, Some(base)).await?;
    drop(tx);
    let Some(model) = of.folder else {
        return Err(Error::invalid(
            "base",
            "adapters of the embedded model are learnt by `colophon adapt`, not added".to_owned(),
        ));
    };
    let bytes = files::read_bytes(file)?;
    let name = file.display().to_string();
    model.check_adapter(&name, &bytes).map_err(|e| Error::invalid("adapter", e.to_string()))?;
    let sha256 = sha256_of(&bytes);
    let said = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(other) = card.files.iter().find(|f| f.sha256 != sha256) {
        let text = format!("the file `{name}` has sha256 `{sha256}`, but its card says `{}`: fetch the file again", other.sha256);
        return Err(Error::invalid("files", text));
    }
    card.files = vec![ModelFile { name: said, role: WEIGHTS.to_owned(), sha256 }];
    let card = ModelCard::parse(&card.to_toml()).map_err(|e| Error::invalid("card", e))?;
    // INVARIANT: the bytes are on disk before a row names them.
    let digest = instance.blobs.put(bytes).await?;
    let id = ModelId::derived(&[&sha256.0[..], base.to_string().as_bytes()].concat());
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    let new = storage::models::find(&mut tx, id).await?.is_none();
    if new {
        storage::blobs::insert(&mut tx, &Blob { digest, media_type: SAFETENSORS.to_owned(), pack: None }).await?;
        let made_by = if card.maker.is_empty() { "somebody unknown".to_owned() } else { card.maker.clone() };
        let model = Model { id, weights: sha256, card, datasets: vec![], base: Some(base), made_by, registered_at: now };
        record(&mut tx, instance, now, deed(actor, &model, digest)).await?;
        tx.commit().await?;
        instance.bell.ring();
    }
    Ok(Added { id, folder: PathBuf::new(), new })
}

fn deed(actor: &Actor, model: &Model, weights: Digest) -> Deed {
    Deed {
        kind: "model",
        subject: vec![Subject::new("weights", weights)],
        actor: actor.name.clone(),
        body: json!({ "model": model }),
    }
}
