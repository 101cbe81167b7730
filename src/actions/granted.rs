//! What the grants in force allow, of all works at once.

use std::collections::HashMap;

use super::Result;
use crate::clock::Timestamp;
use crate::id::WorkId;
use crate::storage::{self, Tx};
use crate::works::verdict::best;
use crate::works::{GrantScope, Usage, Verdict};

/// For each work the grants on it that are in force.
#[derive(Debug, Default)]
pub(super) struct Granted(HashMap<WorkId, Vec<(String, GrantScope)>>);

impl Granted {
    /// All that are in force at `now`.
    pub(super) async fn at(tx: &mut Tx, now: Timestamp) -> Result<Self> {
        let mut granted: HashMap<WorkId, Vec<(String, GrantScope)>> = HashMap::new();
        for (work, licence, scope) in storage::works::grants_in_force(tx, now).await? {
            granted.entry(work).or_default().push((licence, scope));
        }
        Ok(Self(granted))
    }

    /// What they say of `usage` by `account`.
    pub(super) fn verdict(&self, work: WorkId, usage: Usage, account: &str) -> Verdict {
        best(self.0.get(&work).into_iter().flatten().map(|(licence, scope)| (licence.as_str(), scope)), usage, account)
    }
}
