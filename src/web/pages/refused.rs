//! A form that was refused: which status, what is wrong with which field, and everything that was typed still in it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Page;
use crate::actions::Error;
use crate::web::error::Failure;

/// A page that says what is wrong with a form, and keeps what was typed.
pub(super) struct Refused<T>(pub StatusCode, pub T);

impl<T: Template> IntoResponse for Refused<T> {
    fn into_response(self) -> Response {
        (self.0, Page(self.1)).into_response()
    }
}

/// What is wrong with a form: which field, and what to do.
#[derive(Debug, Clone, Default)]
pub(super) struct Problems(Vec<(&'static str, String)>);

impl Problems {
    /// With one field.
    pub fn one(field: &'static str, problem: impl Into<String>) -> Self {
        Self(vec![(field, problem.into())])
    }

    /// With a field of this name; empty when it is good.
    pub fn of(&self, field: &str) -> String {
        self.those(|name| name == field)
    }

    /// With what the form has no field for: to be said above it.
    pub fn beside(&self, fields: &[&str]) -> String {
        self.those(|name| !fields.contains(&name))
    }

    /// With anything.
    pub fn all(&self) -> String {
        self.those(|_| true)
    }

    /// Whether nothing is.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn those(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.0.iter().filter(|(name, _)| wanted(name)).map(|(_, problem)| problem.as_str()).collect::<Vec<_>>().join("; ")
    }
}

impl From<Vec<(&'static str, String)>> for Problems {
    fn from(problems: Vec<(&'static str, String)>) -> Self {
        Self(problems)
    }
}

/// What is to be said of a form that an action refused, and with which status; what is no fault of the form is a failure.
pub(super) fn problems_of(error: Error) -> Result<(StatusCode, Problems), Failure> {
    match error {
        Error::Invalid(problems) => Ok((StatusCode::UNPROCESSABLE_ENTITY, problems.into())),
        Error::Conflict(problem) => Ok((StatusCode::CONFLICT, Problems::one("other", problem))),
        other => Err(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_stand_beside_their_fields() {
        let problems = Problems::from(vec![("a", "one".to_owned()), ("b", "two".to_owned()), ("a", "three".to_owned())]);
        assert_eq!((problems.of("a"), problems.of("c")), ("one; three".into(), String::new()));
        assert_eq!((problems.beside(&["a"]), problems.all()), ("two".into(), "one; two; three".into()));
        let (status, problems) = problems_of(Error::Conflict("held".into())).unwrap();
        assert_eq!((status, problems.beside(&["a"])), (StatusCode::CONFLICT, "held".into()));
        assert!(problems_of(Error::not_found("work", "x")).is_err());
    }
}
