//! What stands on a work, from the tables as they are now.

use std::collections::{BTreeSet, HashSet};

use super::Result;
use crate::clock::Timestamp;
use crate::id::{DatasetId, ImageId, ModelId, WorkId};
use crate::lineage::Impact;
use crate::storage::impacts::ImpactRecord;
use crate::storage::{self, Tx};
use crate::works::Usage;

/// Everything downstream of a work.
pub async fn impact(tx: &mut Tx, work: WorkId) -> Result<Impact> {
    let datasets: Vec<DatasetId> = storage::datasets::of_work(tx, work).await?.into_iter().map(|d| d.dataset.id).collect();
    let all = storage::models::all(tx).await?;
    let mut models: BTreeSet<ModelId> =
        all.iter().filter(|m| m.model.datasets.iter().any(|d| datasets.contains(d))).map(|m| m.model.id).collect();
    // An adapter stands on whatever its base stands on; it may be the base of another.
    loop {
        let more: Vec<ModelId> = all
            .iter()
            .filter(|m| m.model.base.is_some_and(|base| models.contains(&base)) && !models.contains(&m.model.id))
            .map(|m| m.model.id)
            .collect();
        if more.is_empty() {
            break;
        }
        models.extend(more);
    }
    let drawn = storage::images::all_of_work(tx, work).await?;
    let known: HashSet<ImageId> = drawn.iter().copied().collect();
    let mut made = BTreeSet::new();
    for &model in &models {
        made.extend(storage::images::all_of_model(tx, model).await?.into_iter().filter(|id| !known.contains(id)));
    }
    // What is made from an image stands on whatever that stands on.
    let parents = storage::images::all_parents(tx).await?;
    loop {
        let stands = |id: &ImageId| known.contains(id) || made.contains(id);
        let more: Vec<ImageId> = parents.iter().filter(|(id, parent)| !stands(id) && stands(parent)).map(|(id, _)| *id).collect();
        if more.is_empty() {
            break;
        }
        made.extend(more);
    }
    Ok(Impact { datasets, models: models.into_iter().collect(), drawn, made: made.into_iter().collect() })
}

/// The marks on a dataset, model or image that hold at `now`: of works that were taken back or are disputed. A claim that was never upheld
/// leaves none, and a work that is open to everyone again none either.
pub async fn marks(tx: &mut Tx, about: &str, now: Timestamp) -> Result<Vec<ImpactRecord>> {
    let mut marks: Vec<ImpactRecord> = Vec::new();
    for found in storage::impacts::of(tx, about).await? {
        if marks.iter().any(|known| known.work == found.work) {
            continue;
        }
        if let Some(dispute) = found.dispute
            && let Some(record) = storage::disputes::find(tx, dispute).await?
        {
            let standing = record.standing();
            if !standing.open && !standing.upheld {
                continue;
            }
        }
        let terms = storage::terms::of(tx, found.work).await?;
        if !Usage::ALL.into_iter().any(|usage| terms.verdict(usage, "", now).permits()) {
            marks.push(found);
        }
    }
    Ok(marks)
}
