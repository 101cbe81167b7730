//! What stands on a work, from the tables as they are now.

use std::collections::{BTreeSet, HashSet};

use super::Result;
use crate::id::{DatasetId, ImageId, ModelId, WorkId};
use crate::lineage::Impact;
use crate::storage::{self, Tx};

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
    Ok(Impact { datasets, models: models.into_iter().collect(), drawn, made: made.into_iter().collect() })
}
