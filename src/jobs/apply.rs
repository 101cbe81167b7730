//! An edit that needs no model, beside the requests: on a thread of its own, with its steps told and its lease kept.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::generate::{Outcome, RENEW, keep_lease};
use crate::actions::Instance;
use crate::actions::material::Material;
use crate::generation::edit::{Applied, Edit};
use crate::storage::jobs::Job;

/// Stops the thread when whoever waits for it is gone.
struct Stop(std::sync::Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Makes the edit; gives the material back.
pub(super) async fn apply(
    instance: &Instance,
    job: &Job,
    edit: &Edit,
    material: Material,
) -> Result<(Applied, Material), Outcome> {
    let stop = Stop(std::sync::Arc::default());
    let (told, mut steps) = watch::channel((0, 1));
    let (stopped, edit) = (std::sync::Arc::clone(&stop.0), edit.clone());
    let working = tokio::task::spawn_blocking(move || {
        let made = edit.apply(&material.borrowed(), &mut |step, of| {
            told.send_replace((u32::try_from(step).unwrap_or(u32::MAX), u32::try_from(of).unwrap_or(u32::MAX)));
            !stopped.load(Ordering::Relaxed)
        });
        (made, material)
    });
    tokio::pin!(working);
    let mut renew = tokio::time::interval(RENEW);
    let mut open = true;
    loop {
        let at = *steps.borrow();
        tokio::select! {
            done = &mut working => {
                let (made, material) = done.map_err(|e| Outcome::Retry(e.to_string()))?;
                let made = made.map_err(|e| Outcome::Fail(e.to_string()))?.ok_or(Outcome::Cancelled)?;
                return Ok((made, material));
            }
            changed = steps.changed(), if open => {
                open = changed.is_ok();
                let (step, of) = *steps.borrow();
                if instance.board.note(job.id, step, of, None) {
                    stop.0.store(true, Ordering::Relaxed);
                }
            }
            _ = renew.tick() => {
                if instance.board.get(job.id).is_some_and(|now| now.cancelled) || !keep_lease(instance, job, Some(at)).await {
                    stop.0.store(true, Ordering::Relaxed);
                }
            }
        }
    }
}
