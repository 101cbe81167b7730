//! Where a rights holder's works are used: images that drew on them, that came near to them and say so, and images that are like them
//! whether they say so or not.

use serde::Serialize;

use super::look::images_like;
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::id::{ImageId, WorkId};
use crate::storage::works::Filter;
use crate::storage::{self, Page};

/// Works that are looked at together, at most.
pub const MOST_WORKS: u32 = 100;

/// An image in which a work is found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The image.
    pub image: ImageId,
    /// Public name of whoever made it.
    pub creator: String,
    /// Whether the image says that it stands on the work: drew on it, was made from what did, or came near to it.
    pub credited: bool,
    /// The work's share of what the works changed, in millionths; none where it is not credited.
    pub influence: Option<u32>,
    /// How alike the two are, 0..=1; none where they do not match.
    pub likeness: Option<f32>,
}

/// A work with where it is used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Uses {
    /// The work.
    pub work: WorkId,
    /// Its title.
    pub title: String,
    /// Images, the credited ones first, then by likeness.
    pub images: Vec<Found>,
}

/// The uses of an account's works, `limit` works at a time after the work with the id `after`. An account asks for its own; an operator for any.
pub async fn uses_of(instance: &Instance, actor: &Actor, owner: &str, after: &str, limit: u32) -> Result<Page<Uses>> {
    if owner != actor.name && !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate));
    }
    let filter = Filter { owner: owner.to_owned(), ..Filter::default() };
    let mut tx = instance.store.read().await?;
    let works = storage::works::list(&mut tx, &filter, after, limit.clamp(1, MOST_WORKS), instance.clock.now()).await?;
    drop(tx);
    let mut items = Vec::with_capacity(works.items.len());
    for record in works.items {
        let work = record.work.id;
        let mut images = Vec::new();
        // A look takes connections of its own: none is held while it waits for them.
        let alike = images_like(instance, work).await?;
        let mut tx = instance.store.read().await?;
        let likeness = |id: ImageId| alike.iter().find(|(image, _)| *image == id).map(|(_, likeness)| likeness.score);
        for id in storage::images::all_of_work(&mut tx, work).await? {
            let Some(found) = storage::images::find(&mut tx, id).await? else { continue };
            let influence = found.image.works.iter().find(|drawn| drawn.work == work).map(|drawn| drawn.influence);
            images.push(Found { image: id, creator: found.image.creator, credited: true, influence, likeness: likeness(id) });
        }
        for (id, likeness) in &alike {
            if images.iter().any(|known| known.image == *id) {
                continue;
            }
            let Some(found) = storage::images::find(&mut tx, *id).await? else { continue };
            let (creator, likeness) = (found.image.creator, Some(likeness.score));
            images.push(Found { image: *id, creator, credited: false, influence: None, likeness });
        }
        items.push(Uses { work, title: record.work.title, images });
    }
    Ok(Page { items, total: works.total, next: works.next })
}
