//! Where a task stands: a job or an import. It is leased, not taken: when its worker dies the lease runs out and another goes on.

use std::fmt;
use std::str::FromStr;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskState {
    /// Waits for a worker, or for its turn to go on.
    Queued,
    /// A worker has it on lease.
    Running,
    /// It came to its end: the image is delivered, every row was looked at.
    Done,
    /// It was made and not delivered: it is too near to a work whose terms allow it, if it is credited. Its maker goes on with it, or not.
    Held,
    /// It ended without; `problem` says why.
    Failed,
    /// Called off.
    Cancelled,
}

impl TaskState {
    const ALL: [Self; 6] = [Self::Queued, Self::Running, Self::Done, Self::Held, Self::Failed, Self::Cancelled];

    /// Its one text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen by itself.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Held | Self::Failed | Self::Cancelled)
    }
}

impl FromStr for TaskState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| format!("there is no task state `{text}`"))
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
