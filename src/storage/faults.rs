//! Failures on purpose: every call to the database asks a plan before and after it is done, and the plan may let it fail. Tests hand one in
//! to see what a full disk, a broken line or a kill does at that very moment, and a draft (`Store::dry`) lets every commit fail. The service has
//! none, and then nothing is asked.

use std::fmt;
use std::sync::Arc;

/// What is about to be done, or was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A transaction that may write begins.
    Begin,
    /// A transaction that only reads begins.
    Read,
    /// One SQL text; where it stands in the source.
    Query(&'static str),
    /// A transaction is made lasting.
    Commit,
    /// A file is written.
    File(&'static str),
}

/// A moment at which something can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The call.
    pub call: Call,
    /// False: it has not been done yet, and will not be if the plan says so. True: it was done, and the caller hears that it was not.
    pub done: bool,
}

type Ask = dyn Fn(Moment) -> Result<(), String> + Send + Sync;

/// A plan of failures; by default none.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Ask>>);

impl Faults {
    /// Fails whatever `plan` answers with an error.
    pub fn new(plan: impl Fn(Moment) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(plan)))
    }

    /// Asks before a call.
    pub fn before(&self, call: Call) -> Result<(), String> {
        self.0.as_ref().map_or(Ok(()), |plan| plan(Moment { call, done: false }))
    }

    /// Asks after a call.
    pub fn after(&self, call: Call) -> Result<(), String> {
        self.0.as_ref().map_or(Ok(()), |plan| plan(Moment { call, done: true }))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Faults(a plan)" } else { "Faults(none)" })
    }
}
