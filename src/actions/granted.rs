//! What the terms on record allow, of a few works or of all at once.

use std::collections::HashMap;

use super::Result;
use crate::clock::Timestamp;
use crate::id::WorkId;
use crate::storage::{self, Tx};
use crate::works::{Terms, Usage, Verdict};

/// Up to so many works are asked one by one; for more, everything is read in one go.
const FEW: usize = 2_000;

/// The terms of works.
#[derive(Debug, Default)]
pub(super) struct Granted(HashMap<WorkId, Terms>);

impl Granted {
    /// Of `works`, as they stand.
    pub(super) async fn of(tx: &mut Tx, works: &[WorkId]) -> Result<Self> {
        if works.len() > FEW {
            return Ok(Self(storage::terms::all_held(tx).await?));
        }
        let mut granted = HashMap::new();
        for &work in works {
            granted.insert(work, storage::terms::of(tx, work).await?);
        }
        Ok(Self(granted))
    }

    /// What they say of `usage` by `account` at `now`.
    pub(super) fn verdict(&self, work: WorkId, usage: Usage, account: &str, now: Timestamp) -> Verdict {
        self.0.get(&work).map_or_else(|| Terms::default().verdict(usage, account, now), |t| t.verdict(usage, account, now))
    }
}
