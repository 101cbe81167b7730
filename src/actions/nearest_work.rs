//! How near a picture is to every registered work, drawn on or not, revoked or not: by thumbnails that are kept beside the works.

use super::choose_works::picture;
use super::{Instance, Result};
use crate::id::WorkId;
use crate::provenance::{Thumbnail, thumbnail_rms};
use crate::storage;

/// Works whose thumbnails are made in one transaction.
const AT_ONCE: u32 = 500;
/// Works are looked at in this size, as most of them are registered.
const SIDE: u32 = 128;

/// Makes the thumbnails that are missing. How many.
pub async fn make_thumbnails(instance: &Instance) -> Result<u64> {
    let _one_at_a_time = instance.thumbnails.lock().await;
    let mut made = 0;
    loop {
        let mut tx = instance.store.read().await?;
        let missing = storage::works::without_thumbnail(&mut tx, AT_ONCE).await?;
        let mut thumbnails = Vec::with_capacity(missing.len());
        for id in missing {
            let Some(record) = storage::works::find(&mut tx, id).await? else { continue };
            // A picture that can't be read any more is a matter for `colophon doctor`, and near to nothing.
            let thumbnail = match picture(instance, &mut tx, &record.work, SIDE, SIDE).await {
                Ok(rgb) => Thumbnail::of_rgb(&rgb, SIDE, SIDE).map_err(super::Error::internal)?.0.to_vec(),
                Err(e) => {
                    tracing::warn!(work = %id, problem = %e, "no thumbnail");
                    Vec::new()
                }
            };
            thumbnails.push((id, thumbnail));
        }
        drop(tx);
        if thumbnails.is_empty() {
            return Ok(made);
        }
        let mut tx = instance.store.begin().await?;
        for (id, thumbnail) in &thumbnails {
            storage::works::insert_thumbnail(&mut tx, *id, thumbnail).await?;
        }
        tx.commit().await?;
        made += thumbnails.len() as u64;
    }
}

/// The nearest registered work and its distance, 0 to 1; `None` when there is no work.
pub async fn nearest_work(instance: &Instance, thumbnail: &Thumbnail) -> Result<Option<(WorkId, f64)>> {
    make_thumbnails(instance).await?;
    let mut tx = instance.store.read().await?;
    let all = storage::works::thumbnails(&mut tx).await?;
    let distances = all.iter().filter_map(|(id, bytes)| Some((*id, thumbnail_rms(thumbnail, &Thumbnail::from_slice(bytes)?))));
    Ok(distances.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))))
}
