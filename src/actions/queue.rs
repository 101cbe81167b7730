//! The queue as its people see it: whose turn is when, how long that may take, asking again, and who goes first.

use std::collections::HashMap;

use super::request_image::{Order, Requested, request_image};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::clock::Timestamp;
use crate::id::{AccountId, JobId};
use crate::storage::jobs::{Job, Waiting};
use crate::storage::tasks::TaskState;
use crate::storage::{self, Tx};

/// Pictures whose times are averaged.
const TIMED: u32 = 20;
/// What one is taken to last before any has been timed, in milliseconds.
const FIRST_GUESS: i64 = 2_000;
/// Least and most that a job's priority can be.
pub const PRIORITIES: std::ops::RangeInclusive<i64> = -10..=10;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Jobs that will have their turn before it.
    pub ahead: u64,
    /// Seconds until it is likely done; none for one that is over.
    pub seconds: Option<u64>,
}

/// The order of turns: by priority, then one job of each account in turn, whoever waited longest first.
pub fn turns(mut waiting: Vec<Waiting>) -> Vec<JobId> {
    let mut last: HashMap<AccountId, i64> = waiting.iter().map(|w| (w.account, w.last_turn)).collect();
    let mut clock = last.values().copied().max().unwrap_or(0);
    let mut order = Vec::with_capacity(waiting.len());
    while let Some((next, _)) =
        waiting.iter().enumerate().min_by_key(|(n, w)| (-w.priority, last.get(&w.account).copied().unwrap_or(0), *n))
    {
        let taken = waiting.remove(next);
        clock += 1;
        last.insert(taken.account, clock);
        order.push(taken.id);
    }
    order
}

/// Where a job stands now.
pub async fn place(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<Place> {
    if job.state.is_over() {
        return Ok(Place::default());
    }
    let took = storage::jobs::took(tx, job.model, TIMED).await?;
    let each = if took.is_empty() { FIRST_GUESS } else { took.iter().sum::<i64>() / took.len() as i64 }.max(1);
    let seconds = |ms: i64| Some(ms.max(0).unsigned_abs().div_ceil(1_000).max(1));
    if job.state == TaskState::Running {
        let spent = job.started_at.map_or(0, |at| now.millis() - at.millis());
        return Ok(Place { ahead: 0, seconds: seconds(each - spent) });
    }
    let order = turns(storage::jobs::waiting(tx).await?);
    let ahead = order.iter().position(|id| *id == job.id).unwrap_or(0) as u64;
    Ok(Place { ahead, seconds: seconds(each * (i64::try_from(ahead).unwrap_or(i64::MAX / each) + 1)) })
}

/// A job of the actor's, or any for an operator.
async fn own(tx: &mut Tx, actor: &Actor, id: JobId) -> Result<Job> {
    let job = storage::jobs::find(tx, id).await?;
    job.filter(|job| job.account == actor.account || actor.may(Scope::Operate)).ok_or_else(|| Error::not_found("job", id))
}

/// Asks once more for what a job that failed or was called off had asked for: a job of its own, decided anew, with the same seed; with the next one where the picture was too near to a work.
pub async fn retry(instance: &Instance, actor: &Actor, id: JobId) -> Result<Requested> {
    let job = own(&mut instance.store.read().await?, actor, id).await?;
    if job.account != actor.account {
        return Err(Error::not_found("job", id));
    }
    if !matches!(job.state, TaskState::Failed | TaskState::Cancelled | TaskState::Held) {
        return Err(Error::Conflict(format!(
            "the job is {}: only one that failed, was called off or is held can be asked for again",
            job.state
        )));
    }
    let mut order: Order = serde_json::from_value(job.request).map_err(Error::internal)?;
    if job.held.is_some() {
        // The same seed would come out the same.
        order.seed = order.seed.map(|seed| seed.wrapping_add(1));
    }
    request_image(instance, actor, order, None).await
}

/// Lets a job that waits go sooner or later. Its owner may let it go later (down to −10) and back up to 0; what is above that only an operator gives.
pub async fn set_priority(instance: &Instance, actor: &Actor, id: JobId, priority: i64) -> Result<()> {
    if !PRIORITIES.contains(&priority) {
        return Err(Error::invalid("priority", format!("`{priority}` is out of range for priority: it goes from -10 to 10")));
    }
    let mut tx = instance.store.begin().await?;
    let job = own(&mut tx, actor, id).await?;
    if priority > 0 && !actor.may(Scope::Operate) {
        return Err(Error::invalid("priority", "only an operator lets a picture go before the others: choose -10 to 0"));
    }
    if !storage::jobs::set_priority(&mut tx, id, priority).await? {
        return Err(Error::Conflict(format!("the job does not wait any more: it is {}", job.state)));
    }
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_take_turns_and_priority_goes_first() {
        let account = |seed: &str| AccountId::derived(seed.as_bytes());
        let job = |seed: &str| JobId::derived(seed.as_bytes());
        let waits = |id: &str, who: &str, priority: i64, last_turn: i64| Waiting {
            id: job(id),
            account: account(who),
            priority,
            last_turn,
        };
        // Ana asked for three before Ben asked for one; Cy had his turn long ago; something urgent came last.
        let waiting = vec![
            waits("a1", "ana", 0, 50),
            waits("a2", "ana", 0, 50),
            waits("a3", "ana", 0, 50),
            waits("b1", "ben", 0, 0),
            waits("c1", "cy", 0, 10),
            waits("c2", "cy", -1, 10),
            waits("a4", "ana", 5, 50),
        ];
        let order = ["a4", "b1", "c1", "a1", "a2", "a3", "c2"].map(job);
        assert_eq!(turns(waiting), order);
        assert_eq!(turns(Vec::new()), []);
    }
}
