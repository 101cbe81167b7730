//! The board: how far each picture in work is, for the pages that show it. In memory only; what must last is in `jobs`.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::id::JobId;
use crate::storage::jobs::Job;

/// How far a picture is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Steps done.
    pub step: u32,
    /// Steps in all; 0 before it has begun.
    pub of: u32,
    /// What it would be by a guess from here: a PNG.
    pub preview: Option<Vec<u8>>,
    /// Its creator called it off.
    pub cancelled: bool,
}

impl Progress {
    /// As a job's worker last wrote it down, where it works in another process.
    pub fn recorded(job: &Job) -> Self {
        let (step, of) = job.progress.unwrap_or_default();
        Self { step, of, ..Self::default() }
    }
}

/// Progress by job.
#[derive(Debug, Default)]
pub struct Board(Mutex<HashMap<JobId, Progress>>);

impl Board {
    fn with<T>(&self, f: impl FnOnce(&mut HashMap<JobId, Progress>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Notes how far it is; a preview stays until the next one. True when it was called off.
    pub fn note(&self, job: JobId, step: u32, of: u32, preview: Option<Vec<u8>>) -> bool {
        self.with(|board| {
            let progress = board.entry(job).or_default();
            (progress.step, progress.of) = (step, of);
            progress.preview = preview.or_else(|| progress.preview.take());
            progress.cancelled
        })
    }

    /// How far it is.
    pub fn get(&self, job: JobId) -> Option<Progress> {
        self.with(|board| board.get(&job).cloned())
    }

    /// Asks for it to stop before its next step.
    pub fn cancel(&self, job: JobId) {
        self.with(|board| board.entry(job).or_default().cancelled = true);
    }

    /// Takes it off.
    pub fn clear(&self, job: JobId) {
        self.with(|board| board.remove(&job));
    }
}
