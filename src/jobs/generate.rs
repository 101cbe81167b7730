//! One picture, from a leased job to a delivered image.

use std::time::Duration;

use super::apply::apply;
use crate::actions::adapters::{adapter_weights, usable_adapter};
use crate::actions::choose_works::choose_works;
use crate::actions::drawn_with::{DrawnWith, drawn_with};
use crate::actions::finish_image::{Delivered, Finished, account_name, change, finish_image};
use crate::actions::gate::Held;
use crate::actions::material::gather;
use crate::actions::request_image::Order;
use crate::actions::{Error, Instance};
use crate::clock::Timestamp;
use crate::generation::{Adapter, DrawRequest, Engine, EngineError, Picture, Progress};
use crate::lineage::Model;
use crate::policy::Decision;
use crate::provenance::{Format, encode};
use crate::storage;
use crate::storage::jobs::{Job, MOST_ATTEMPTS};
use crate::storage::tasks::TaskState;

/// How long a lease lasts, in milliseconds; renewed while the picture is drawn.
pub const LEASE_MS: i64 = 20_000;
/// How often it is renewed.
pub(super) const RENEW: Duration = Duration::from_secs(5);

/// How long the parts took, beside those of finishing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Drawn {
    /// Looking up works and reading their pictures.
    pub choose: Duration,
    /// The engine: queue, denoising and decoding.
    pub draw: Duration,
    /// The engine again, once without each work: what its influence is measured by.
    pub measure: Duration,
}

/// Why a job did not end in an image.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Begin again later.
    Retry(String),
    /// It will not work.
    Fail(String),
    /// Made, and too near to a work.
    Hold(Box<Held>),
    /// Called off.
    Cancelled,
}

/// Runs a leased job to its end and notes how it ended. The image, if there is one.
pub async fn run(instance: &Instance, engine: &Engine, job: &Job) -> Result<Option<(Delivered, Drawn)>, Error> {
    let outcome = match attempt(instance, engine, job).await {
        Ok(delivered) => {
            instance.board.clear(job.id);
            return Ok(Some(delivered));
        }
        Err(outcome) => outcome,
    };
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    match outcome {
        Outcome::Retry(why) if job.attempts < MOST_ATTEMPTS => {
            tracing::warn!(job = %job.id, attempts = job.attempts, %why, "picture put back");
            storage::jobs::put_back(&mut tx, job.id, job.attempts, now).await?;
        }
        Outcome::Retry(why) | Outcome::Fail(why) => {
            tracing::warn!(job = %job.id, %why, "picture failed");
            storage::jobs::give_up(&mut tx, job.id, job.attempts, TaskState::Failed, &why, now).await?;
        }
        Outcome::Hold(held) => {
            let state = if held.may_go_on() { TaskState::Held } else { TaskState::Failed };
            tracing::info!(job = %job.id, %state, works = held.works.len(), "picture too near to a registered work");
            let record = serde_json::to_value(&held).map_err(Error::internal)?;
            storage::jobs::hold(&mut tx, (job.id, job.attempts), state, &held.sentence(), Some(&record), now).await?;
        }
        Outcome::Cancelled => {
            storage::jobs::give_up(&mut tx, job.id, job.attempts, TaskState::Cancelled, "called off", now).await?;
        }
    }
    tx.commit().await?;
    instance.board.clear(job.id);
    Ok(None)
}

async fn attempt(instance: &Instance, engine: &Engine, job: &Job) -> Result<(Delivered, Drawn), Outcome> {
    if job.attempts > MOST_ATTEMPTS {
        return Err(Outcome::Fail(format!("begun {MOST_ATTEMPTS} times and interrupted each time; ask again")));
    }
    let order: Order =
        serde_json::from_value(job.request.clone()).map_err(|e| Outcome::Fail(format!("the job can't be read: {e}")))?;
    let decision = decision(instance, job).await.map_err(|e| Outcome::Retry(e.to_string()))?;
    let begun = std::time::Instant::now();
    let account = account_name(instance, job).await.map_err(|e| Outcome::Retry(e.to_string()))?;
    if let (Some(edit), Some(named)) = (order.edit.as_ref().filter(|edit| !edit.draws()), order.named()) {
        let material = gather(instance, Some((job.account, &account)), named).await.map_err(over)?;
        let (applied, material) = apply(instance, job, edit, material).await?;
        let drawn = begun.elapsed();
        let finished = Finished {
            job,
            order: &order,
            decision: &decision,
            picture: &applied.picture,
            alpha: applied.alpha.as_deref(),
            with: None,
            device: "",
            works: &[],
            changes: &[],
            adapter: None,
            material: Some(&material),
            invented: applied.invented.as_ref(),
        };
        let delivered = leased(instance, job, finish_image(instance, finished)).await.map_err(over)?;
        return Ok((delivered, Drawn { draw: drawn, ..Drawn::default() }));
    }
    let works = choose_works(instance, &order, &account).await.map_err(over)?;
    let choose = begun.elapsed();
    let with = with(instance, &order).await.map_err(over)?;
    let material = match order.named() {
        Some(named) => Some(gather(instance, Some((job.account, &account)), named).await.map_err(over)?),
        None => None,
    };
    let plan = match (&material, &order.edit) {
        (Some(material), Some(edit)) => {
            let plan = material.plan(edit, &with.offer, order.size(&with.offer));
            Some(plan.map_err(|e| Outcome::Fail(e.to_string()))?)
        }
        _ => None,
    };
    let mut request = order.draw_request(&with.offer);
    if let Some(plan) = &plan {
        plan.ask(&mut request);
    }
    request.model = with.folder.clone();
    request.references = works.iter().map(crate::actions::choose_works::Chosen::reference).collect();
    let adapter = adapter(instance, &order, with.model(), &account).await.map_err(over)?;
    request.adapter = adapter.as_ref().map(|(_, weights)| weights.clone());
    let adapter = adapter.map(|(model, _)| model);
    let first = draw(instance, engine, job, request.clone(), true).await?;
    let picture = plan.as_ref().map_or_else(|| first.clone(), |plan| plan.finish(&first));
    let drawn = begun.elapsed();
    let mut changes = Vec::with_capacity(works.len());
    for without in left_out(&request) {
        changes.push(change(&first, &draw(instance, engine, job, without, false).await?));
    }
    let measure = begun.elapsed().saturating_sub(drawn);
    let finished = Finished {
        job,
        order: &order,
        decision: &decision,
        picture: &picture,
        alpha: None,
        with: Some(&with),
        device: &engine.info().device,
        works: &works,
        changes: &changes,
        adapter: adapter.as_ref(),
        material: material.as_ref(),
        invented: plan.as_ref().and_then(|plan| plan.invented()),
    };
    let delivered = leased(instance, job, finish_image(instance, finished)).await.map_err(over)?;
    Ok((delivered, Drawn { choose, draw: drawn.saturating_sub(choose), measure }))
}

/// Keeps the lease while a picture is finished: it may wait until all works that came are compared with it.
async fn leased<T>(instance: &Instance, job: &Job, finishing: impl Future<Output = T>) -> T {
    tokio::pin!(finishing);
    let mut renew = tokio::time::interval(RENEW);
    loop {
        tokio::select! {
            done = &mut finishing => return done,
            // Whoever lost the job finds out when it records the picture.
            _ = renew.tick() => drop(keep_lease(instance, job, None).await),
        }
    }
}

/// How an attempt ends by an error: what is wrong with the order stays wrong, anything else may pass.
fn over(e: Error) -> Outcome {
    match e {
        Error::Invalid(_) => Outcome::Fail(e.to_string()),
        Error::Held(held) => Outcome::Hold(held),
        e => Outcome::Retry(e.to_string()),
    }
}

/// The model an order is drawn with.
async fn with(instance: &Instance, order: &Order) -> Result<DrawnWith, Error> {
    drawn_with(instance, &mut instance.store.read().await?, order.model).await
}

/// The adapter an order names, with its weights.
async fn adapter(instance: &Instance, order: &Order, base: &Model, account: &str) -> Result<Option<(Model, Adapter)>, Error> {
    let Some(id) = order.adapter else { return Ok(None) };
    let mut tx = instance.store.read().await?;
    let model = usable_adapter(&mut tx, instance, id, base, order.use_, account).await?;
    let weights = adapter_weights(instance, &mut tx, &model, order.adapter_strength()).await?;
    Ok(Some((model, weights)))
}

/// The same request once without each of its works: what the influence of each is measured by.
pub fn left_out(request: &DrawRequest) -> impl Iterator<Item = DrawRequest> {
    (0..request.references.len()).map(|out| {
        let mut without = request.clone();
        without.references.remove(out);
        without
    })
}

async fn decision(instance: &Instance, job: &Job) -> Result<Decision, Error> {
    let mut tx = instance.store.read().await?;
    let found = storage::decisions::find(&mut tx, job.decision).await?;
    Ok(found.ok_or_else(|| Error::not_found("decision", job.decision))?.decision)
}

async fn draw(instance: &Instance, engine: &Engine, job: &Job, request: DrawRequest, shown: bool) -> Result<Picture, Outcome> {
    let drawing = engine.submit(request).map_err(|e| match e {
        EngineError::Busy { .. } | EngineError::Stopped => Outcome::Retry(e.to_string()),
        other => Outcome::Fail(other.to_string()),
    })?;
    let (mut progress, canceller) = (drawing.progress(), drawing.canceller());
    let finished = drawing.finished();
    tokio::pin!(finished);
    let mut renew = tokio::time::interval(RENEW);
    let mut at = None;
    loop {
        tokio::select! {
            outcome = &mut finished => return outcome.map_err(|e| match e {
                EngineError::Cancelled => Outcome::Cancelled,
                EngineError::Stopped | EngineError::Broke(_) | EngineError::Busy { .. } => Outcome::Retry(e.to_string()),
                other => Outcome::Fail(other.to_string()),
            }),
            changed = progress.changed() => {
                if changed.is_err() {
                    // Over: `finished` answers next.
                    tokio::task::yield_now().await;
                    continue;
                }
                let now = progress.borrow_and_update().clone();
                if let Progress::Drawing { step, of, preview } = now {
                    let preview = preview.filter(|_| shown).and_then(|p| encode(&p.rgb, p.width, p.height, Format::Png).ok());
                    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                    let step = if shown { step } else { of };
                    at = Some((count(step), count(of)));
                    if instance.board.note(job.id, count(step), count(of), preview) {
                        canceller.cancel();
                    }
                }
            },
            _ = renew.tick() => {
                if !keep_lease(instance, job, at).await {
                    canceller.cancel();
                }
            }
        }
    }
}

/// Renews the lease, and notes how far the picture is. False when the job is no longer ours; a database that does not answer changes nothing yet.
pub(super) async fn keep_lease(instance: &Instance, job: &Job, at: Option<(u32, u32)>) -> bool {
    let until = lease_end(instance);
    let renewed = async {
        let mut tx = instance.store.begin().await?;
        let ours = storage::jobs::renew(&mut tx, job.id, job.attempts, until).await?;
        if let Some(at) = at.filter(|_| ours) {
            storage::jobs::note_progress(&mut tx, job.id, job.attempts, at).await?;
        }
        tx.commit().await?;
        Ok::<_, storage::Error>(ours)
    };
    renewed.await.unwrap_or(true)
}

/// Until when a lease taken now lasts.
pub fn lease_end(instance: &Instance) -> Timestamp {
    instance.clock.now().plus_millis(LEASE_MS)
}
