//! The one error that doors see: eight kinds, named for what the caller can do next.

use super::gate::Held;
use crate::accounts::Scope;
use crate::policy::Decision;
use crate::storage;

/// Why an action was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// Kind of thing.
        what: &'static str,
        /// As asked for.
        id: String,
    },
    /// The policy says no.
    #[error("{}", .0.sentence())]
    Denied(Box<Decision>),
    /// The account may not do this.
    #[error("this needs the scope `{}`, which this account or token does not have; ask an operator", .0.as_str())]
    Forbidden(Scope),
    /// Something that was sent can't be used: field and what is wrong.
    #[error("{}", shown(.0))]
    Invalid(Vec<(&'static str, String)>),
    /// The picture is too near to a registered work.
    #[error("{}", .0.sentence())]
    Held(Box<Held>),
    /// Someone else was there first, or it was done already.
    #[error("{0}")]
    Conflict(String),
    /// Too much at once; try again after so many seconds.
    #[error("too many pictures are waiting; try again in {retry_after_s} seconds")]
    Busy {
        /// Seconds.
        retry_after_s: u32,
    },
    /// Our fault.
    #[error("{0}")]
    Internal(String),
}

fn shown(fields: &[(&'static str, String)]) -> String {
    fields.iter().map(|(_, problem)| problem.as_str()).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// One field that can't be used.
    pub fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid(vec![(field, problem.into())])
    }

    /// No such thing.
    pub fn not_found(what: &'static str, id: impl std::fmt::Display) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    /// Our fault.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }
}

impl From<storage::Error> for Error {
    fn from(e: storage::Error) -> Self {
        match e {
            storage::Error::Conflict(_) => Self::Conflict(e.to_string()),
            storage::Error::Corrupt { .. } | storage::Error::Unavailable(_) => Self::Internal(e.to_string()),
        }
    }
}
