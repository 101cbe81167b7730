//! One thread that owns a backend, and the queue before it.
//!
//! A permit is taken before a request is queued and given back when its drawing ends, however it ends: so what waits is bounded, and a full
//! queue says so at once. Callers who left are skipped, cancel is looked at before every step, and a panic in the backend ends one drawing,
//! not the engine. Not here: jobs in the database, retries, what becomes of the picture.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::backend::{Backend, BackendError, BackendInfo, Flow, Picture, Step};
use super::request::{DrawRequest, Invalid};
use super::stock::Held;
use super::weights::LoadError;
use crate::clock::Clock;

/// After this many panics in a row nothing more is accepted.
const PANICS_MAX: u32 = 3;
/// What a drawing is taken to last before one has been timed, in milliseconds.
const FIRST_GUESS: u64 = 1_000;

/// Why there is no picture, or no place in the queue.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// All places are taken.
    #[error("all places in the queue are taken: try again in {retry_after_s} s")]
    Busy {
        /// Seconds until a place is likely free, at least 1.
        retry_after_s: u64,
    },
    /// The request asks for what the model does not offer.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The caller, or a shutdown in the middle of the drawing, said so.
    #[error("the drawing was cancelled")]
    Cancelled,
    /// The model's files are not what they should be, or find no room.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The computation failed.
    #[error("the model could not draw this ({0}): try again, and if it stays, check the model's files")]
    Failed(String),
    /// The backend panicked at this drawing.
    #[error("the engine broke at this drawing ({0}): try another, and report it")]
    Broke(String),
    /// It panicked too often and accepts nothing more.
    #[error("the engine is out of order ({0}): the service must be restarted")]
    Down(String),
    /// It was shut down.
    #[error("the engine has been shut down: try again when the service is back")]
    Stopped,
}

impl From<BackendError> for EngineError {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::Cancelled => Self::Cancelled,
            BackendError::Invalid(invalid) => Self::Invalid(invalid),
            BackendError::Load(error) => Self::Load(error),
            BackendError::Failed(cause) => Self::Failed(cause),
        }
    }
}

/// How the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Well.
    Ready,
    /// The last drawing made it panic; it goes on.
    Shaken(String),
    /// Too many panics in a row; it accepts nothing more.
    Down(String),
    /// Shut down.
    Stopped,
}

/// How far a drawing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Not begun.
    Waiting,
    /// `step` of `of` steps are done; `preview` is the latest there is.
    Drawing {
        /// Steps done.
        step: usize,
        /// Steps in all.
        of: usize,
        /// A guess at the picture, soft.
        preview: Option<Arc<Picture>>,
    },
    /// Over; `Drawing::finished` has the result.
    Ended,
}

/// A request in the queue.
struct Job {
    request: DrawRequest,
    progress: watch::Sender<Progress>,
    result: oneshot::Sender<Result<Picture, EngineError>>,
    cancelled: Arc<AtomicBool>,
    permit: OwnedSemaphorePermit,
}

/// What handles and thread share.
struct Shared {
    permits: Arc<Semaphore>,
    places: usize,
    /// Milliseconds a drawing lasts, a running mean. Written by the thread only.
    lasts: AtomicU64,
    stopping: AtomicBool,
    health: watch::Sender<Health>,
    clock: Arc<dyn Clock>,
}

/// A handle; clones speak to the same thread. When the last is dropped, the thread ends after the drawing at hand.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    info: BackendInfo,
    held: Option<Arc<Held>>,
    /// `None` after shutdown.
    jobs: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// A drawing under way. Dropping it gives it up.
pub struct Drawing {
    progress: watch::Receiver<Progress>,
    result: oneshot::Receiver<Result<Picture, EngineError>>,
    cancelled: Arc<AtomicBool>,
}

/// Cancels a drawing from elsewhere.
#[derive(Debug, Clone)]
pub struct Canceller(Arc<AtomicBool>);

impl Engine {
    /// Starts a thread around a backend. `queue` drawings may wait besides the one at hand.
    pub fn start(backend: impl Backend + 'static, queue: usize, clock: Arc<dyn Clock>) -> Result<Self, LoadError> {
        Self::start_with(move || Ok(backend), queue, clock)
    }

    /// Starts a thread and makes the backend on it, as devices that order work by thread need; waits until it is made.
    pub fn start_with<B: Backend + 'static>(
        make: impl FnOnce() -> Result<B, LoadError> + Send + 'static,
        queue: usize,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LoadError> {
        let places = queue.saturating_add(1).min(Semaphore::MAX_PERMITS);
        let shared = Arc::new(Shared {
            permits: Arc::new(Semaphore::new(places)),
            places,
            lasts: AtomicU64::new(FIRST_GUESS),
            stopping: AtomicBool::new(false),
            health: watch::Sender::new(Health::Ready),
            clock,
        });
        let (jobs, queued) = mpsc::channel();
        let (made, making) = mpsc::channel();
        let on_thread = Arc::clone(&shared);
        let body = move || match make() {
            Ok(mut backend) => {
                // If nobody waits for it any more, the queue is closed too and the loop ends by itself.
                let _ = made.send(Ok((backend.info().clone(), backend.held())));
                on_thread.run(&mut backend, &queued);
            }
            Err(error) => drop(made.send(Err(error))),
        };
        let no_thread = |cause: String| LoadError::Device { device: "engine thread".into(), cause };
        let thread = std::thread::Builder::new().name("engine".into()).spawn(body).map_err(|e| no_thread(e.to_string()))?;
        let (info, held) = making.recv().map_err(|_| no_thread("loading the model panicked".into()))??;
        Ok(Self { shared, info, held, jobs: Arc::new(Mutex::new(Some(jobs))), thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// What it draws with.
    pub fn info(&self) -> &BackendInfo {
        &self.info
    }

    /// How many bytes its models of folders hold now, and held at most.
    pub fn held(&self) -> [u64; 2] {
        self.held.as_ref().map_or([0, 0], |held| [held.now(), held.peak()])
    }

    /// How it is, now and at each change.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    /// Drawings waiting or at hand.
    pub fn queued(&self) -> usize {
        self.shared.places - self.shared.permits.available_permits().min(self.shared.places)
    }

    /// Puts a request in the queue, or says at once why not.
    pub fn submit(&self, request: DrawRequest) -> Result<Drawing, EngineError> {
        request.validate(request.model.as_ref().map_or(&self.info.config, |model| &model.offer))?;
        if let Health::Down(cause) = &*self.shared.health.borrow() {
            return Err(EngineError::Down(cause.clone()));
        }
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs = jobs.as_ref().ok_or(EngineError::Stopped)?;
        let Ok(permit) = Arc::clone(&self.shared.permits).try_acquire_owned() else {
            // One drawing at a time: the first place is free when the drawing at hand ends.
            let seconds = self.shared.lasts.load(Ordering::Relaxed).div_ceil(1_000);
            return Err(EngineError::Busy { retry_after_s: seconds.max(1) });
        };
        let (progress, seen) = watch::channel(Progress::Waiting);
        let (result, awaited) = oneshot::channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let job = Job { request, progress, result, cancelled: Arc::clone(&cancelled), permit };
        jobs.send(job).map_err(|_| EngineError::Stopped)?;
        Ok(Drawing { progress: seen, result: awaited, cancelled })
    }

    /// Accepts nothing more, cancels the drawing at hand before its next step, answers `Stopped` to all that wait, and waits for the
    /// thread to end: at most one step, so blocking for tens of milliseconds. Calling it again does nothing.
    pub fn shutdown(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It catches panics itself; one outside a drawing leaves nothing to do here.
            let _ = thread.join();
        }
        self.shared.health.send_replace(Health::Stopped);
    }
}

impl Drawing {
    /// How far it is, now and at each change.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Cancels it before its next step.
    pub fn cancel(&self) {
        self.canceller().cancel();
    }

    /// Something that can cancel it while `finished` is awaited.
    pub fn canceller(&self) -> Canceller {
        Canceller(Arc::clone(&self.cancelled))
    }

    /// The picture, or why there is none.
    pub async fn finished(self) -> Result<Picture, EngineError> {
        self.result.await.unwrap_or(Err(EngineError::Stopped))
    }
}

impl Canceller {
    /// Cancels before the next step; has no effect on a drawing that has ended.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    /// The thread's whole life: ends when all handles are gone or a shutdown closed the queue.
    fn run(&self, backend: &mut dyn Backend, queued: &mpsc::Receiver<Job>) {
        let mut panics = 0;
        while let Ok(job) = queued.recv() {
            let Job { request, progress, result, cancelled, permit } = job;
            let gone = || cancelled.load(Ordering::Relaxed) || result.is_closed();
            let outcome = match &*self.health.borrow() {
                Health::Down(cause) => Some(Err(EngineError::Down(cause.clone()))),
                _ if self.stopping.load(Ordering::Relaxed) => Some(Err(EngineError::Stopped)),
                _ if gone() => Some(Err(EngineError::Cancelled)),
                _ => None,
            };
            let outcome = outcome.unwrap_or_else(|| self.draw(backend, &request, &progress, &gone, &mut panics));
            // INVARIANT: the place is free before the caller learns the outcome, so that it may ask again at once.
            drop(permit);
            progress.send_replace(Progress::Ended);
            // A caller who left wants no answer.
            let _ = result.send(outcome);
        }
    }

    fn draw(
        &self,
        backend: &mut dyn Backend,
        request: &DrawRequest,
        progress: &watch::Sender<Progress>,
        gone: &(dyn Fn() -> bool + Sync),
        panics: &mut u32,
    ) -> Result<Picture, EngineError> {
        let begun = self.clock.now();
        let mut latest = None;
        let mut on_step = |step: Step| {
            if gone() || self.stopping.load(Ordering::Relaxed) {
                return Flow::Cancel;
            }
            if let Some(preview) = step.preview {
                latest = Some(Arc::new(preview));
            }
            progress.send_replace(Progress::Drawing { step: step.step, of: step.of, preview: latest.clone() });
            Flow::Continue
        };
        // Unwinding leaves no half-written state behind: the `Backend` contract says it can draw again.
        match catch_unwind(AssertUnwindSafe(|| backend.draw(request, &mut on_step))) {
            Ok(outcome) => {
                *panics = 0;
                self.health.send_if_modified(|health| std::mem::replace(health, Health::Ready) != Health::Ready);
                if outcome.is_ok() {
                    let took = self.clock.now().millis().saturating_sub(begun.millis()).max(0).unsigned_abs();
                    let before = self.lasts.load(Ordering::Relaxed);
                    self.lasts.store((3 * before + took) / 4, Ordering::Relaxed);
                }
                outcome.map_err(Into::into)
            }
            Err(panic) => {
                *panics += 1;
                let cause = words_of(panic.as_ref());
                let down = *panics >= PANICS_MAX;
                self.health.send_replace(if down { Health::Down(cause.clone()) } else { Health::Shaken(cause.clone()) });
                Err(EngineError::Broke(cause))
            }
        }
    }
}

/// What a panic said.
fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    words.unwrap_or("no reason given").chars().take(200).collect()
}

#[cfg(test)]
mod tests;
