//! The worker's loop: lease the oldest job, draw it, look again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::generate;
use crate::actions::{Error, Instance};
use crate::generation::Engine;
use crate::storage::jobs::{self, Job, Which};

/// Looks this often even when no bell rang (a lease may have run out).
const PERIOD: Duration = Duration::from_secs(2);

/// Draws what is asked of the models of `which`, until `stop` turns true; a picture in work is then put back by its lease.
pub async fn run(instance: Arc<Instance>, engine: Engine, which: Which, mut stop: watch::Receiver<bool>) {
    let mut bell = instance.bell.listen();
    while !*stop.borrow() {
        let done = match next(&instance, which).await {
            Ok(Some(job)) => {
                tokio::select! {
                    done = generate::run(&instance, &engine, &job) => {
                        let [now, most] = engine.held().map(|bytes| bytes >> 20);
                        if most > 0 {
                            tracing::info!(job = %job.id, held_mib = now, held_at_most_mib = most, "models of folders in memory");
                        }
                        done.map(|_| true)
                    }
                    _ = stop.changed() => {
                        put_back(&instance, &job).await;
                        Ok(false)
                    }
                }
            }
            Ok(None) => Ok(false),
            Err(e) => Err(e),
        };
        match done {
            Ok(true) => continue,
            Ok(false) => {}
            Err(e) => tracing::error!(error = %e, "a picture could not be worked on"),
        }
        tokio::select! {
            _ = bell.changed() => {}
            _ = stop.changed() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn next(instance: &Instance, which: Which) -> Result<Option<Job>, Error> {
    let mut tx = instance.store.begin().await?;
    let job = jobs::lease_of(&mut tx, which, instance.clock.now(), generate::lease_end(instance)).await?;
    tx.commit().await?;
    Ok(job)
}

async fn put_back(instance: &Instance, job: &Job) {
    let back = async {
        let mut tx = instance.store.begin().await?;
        jobs::put_back(&mut tx, job.id, job.attempts, instance.clock.now()).await?;
        tx.commit().await
    };
    if let Err(e) = back.await {
        tracing::warn!(error = %e, job = %job.id, "the job goes on when its lease has run out");
    }
}
