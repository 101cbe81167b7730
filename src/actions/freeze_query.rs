//! Building a dataset by a query: every work that matches is looked at, those whose terms allow training are frozen, and for all others the rule
//! that says no is counted.

use std::collections::BTreeMap;

use super::freeze_dataset::freeze_dataset;
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::id::WorkId;
use crate::lineage::Dataset;
use crate::storage;
use crate::storage::works::Filter;
use crate::works::Usage;

/// Works read at once.
const AT_ONCE: u32 = 1_000;
/// Works of a dataset built by a query.
const MOST: usize = 1_000_000;

/// What a query finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Works whose terms allow training.
    pub works: Vec<WorkId>,
    /// How many may not be trained on, by the rule that says so.
    pub refused: BTreeMap<String, u64>,
}

impl Found {
    /// How many matched.
    pub fn matched(&self) -> u64 {
        self.works.len() as u64 + self.refused.values().sum::<u64>()
    }
}

/// Looks through everything that matches.
pub async fn look(instance: &Instance, account: &str, filter: &Filter) -> Result<Found> {
    let now = instance.clock.now();
    let (mut found, mut after) = (Found::default(), String::new());
    loop {
        let mut tx = instance.store.read().await?;
        let page = storage::works::matching(&mut tx, filter, &after, AT_ONCE, now).await?;
        for record in &page {
            let verdict = storage::terms::of(&mut tx, record.work.id).await?.verdict(Usage::Train, account, now);
            if verdict.permits() {
                found.works.push(record.work.id);
            } else {
                *found.refused.entry(verdict.rule).or_default() += 1;
            }
        }
        if found.works.len() > MOST {
            return Err(Error::invalid("query", format!("it finds more than {MOST} works: narrow it")));
        }
        match page.last() {
            Some(last) => after = last.work.id.to_string(),
            None => return Ok(found),
        }
    }
}

/// Freezes what a query finds and may be trained on.
pub async fn freeze_query(instance: &Instance, actor: &Actor, name: &str, filter: &Filter) -> Result<(Dataset, Found)> {
    if !actor.may(Scope::Works) {
        return Err(Error::Forbidden(Scope::Works));
    }
    let found = look(instance, &actor.name, filter).await?;
    if found.works.is_empty() {
        let why = found.refused.iter().map(|(rule, n)| format!("{n} by {rule}")).collect::<Vec<_>>().join(", ");
        let words = if why.is_empty() {
            "no work matches: use other words".to_owned()
        } else {
            format!("no work that matches may be trained on: {why}")
        };
        return Err(Error::invalid("query", words));
    }
    // Looked at once more as it is frozen: terms may have changed since.
    let dataset = freeze_dataset(instance, actor, name, found.works.clone()).await?;
    Ok((dataset, found))
}
