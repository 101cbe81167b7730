//! What a creator's own pictures have in common, to be offered to them: never applied by itself, and told to nobody else.

use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::generation::Picture;
use crate::generation::edit::palette::Counting;
use crate::generation::edit::preferences::Preferences;
use crate::generation::edit::resize::{Filter, Fit, Resize};
use crate::provenance::reading::read_picture;
use crate::storage;

/// Newest pictures that are looked at.
pub const MOST_LEARNT: u32 = 48;
/// Longest side at which they are: colours need no more.
const SIDE: u32 = 96;

/// Preferences, and how many pictures they were learnt from. None where the actor has made none yet.
pub async fn learn_preferences(instance: &Instance, actor: &Actor) -> Result<Option<(Preferences, usize)>> {
    if !actor.may(Scope::Images) {
        return Err(Error::Forbidden(Scope::Images));
    }
    let mut files = Vec::new();
    let mut tx = instance.store.read().await?;
    for digest in storage::images::newest_of(&mut tx, &actor.name, MOST_LEARNT).await? {
        if let Some(blob) = storage::blobs::find(&mut tx, digest).await? {
            files.push(instance.blobs.get(&blob).await?);
        }
    }
    drop(tx);
    let learn = move || {
        let seen: Vec<Picture> = files.iter().filter_map(|file| Some(small(read_picture(file).ok()?.rgb))).collect();
        let all: Vec<&Picture> = seen.iter().collect();
        Preferences::of(&all, &Counting::default()).map(|found| (found, seen.len()))
    };
    tokio::task::spawn_blocking(learn).await.map_err(Error::internal)
}

fn small(rgb: crate::provenance::encode::Rgb) -> Picture {
    let picture = Picture { rgb: rgb.bytes, width: rgb.width, height: rgb.height };
    let longer = picture.width.max(picture.height);
    if longer <= SIDE {
        return picture;
    }
    let side = |n: u32| (n * SIDE / longer).max(1);
    let resize =
        Resize { width: side(picture.width), height: side(picture.height), fit: Fit::Stretch, filter: Filter::CatmullRom };
    resize.apply(&picture)
}
