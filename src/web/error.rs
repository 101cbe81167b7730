//! One error for every handler, one status table, two skins: problem+json (RFC 9457) for programs, a page for people.
//!
//! Handlers return `Failure`; `dress` gives it the skin that fits the address, with the request's id.

use std::any::Any;
use std::sync::Arc;

use askama::Template as _;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

use super::State;
use super::api::openai_skin;
use super::pages::chrome;
use super::pages::view::{ErrorPage, Link};
use super::session::Visitor;
use crate::actions::Error;
use crate::storage;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An action said no.
    #[error(transparent)]
    Action(#[from] Error),
    /// Nobody is signed in, or the token opens nothing.
    #[error("this needs an account: sign in, or send a token as `Authorization: Bearer …`")]
    SignIn,
    /// A form came without its token, or from elsewhere.
    #[error("this form is out of date or was sent from another site: load the page again and repeat")]
    Csrf,
    /// What was sent can't be read.
    #[error("{0}")]
    Malformed(String),
    /// More than may be sent.
    #[error("{0}")]
    TooLarge(String),
    /// No such address.
    #[error("there is nothing at this address")]
    NoPage,
    /// The address is right and the method is not.
    #[error("this address does not answer {0}")]
    NoMethod(Method),
}

impl From<storage::Error> for Failure {
    fn from(e: storage::Error) -> Self {
        Self::Action(e.into())
    }
}

impl Failure {
    /// The one table from failure to status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Action(Error::NotFound { .. }) | Self::NoPage => StatusCode::NOT_FOUND,
            Self::Action(Error::Denied(_) | Error::Forbidden(_)) | Self::Csrf => StatusCode::FORBIDDEN,
            Self::Action(Error::Invalid(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Action(Error::Conflict(_) | Error::Held(_)) => StatusCode::CONFLICT,
            Self::Action(Error::Busy { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::Action(Error::Internal(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::SignIn => StatusCode::UNAUTHORIZED,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// What may be said to whoever asked: causes of our own faults stay in the log.
    fn said(&self) -> String {
        match self {
            Self::Action(Error::Internal(_)) => "something failed on our side; it was noted under this request's id".to_owned(),
            other => other.to_string(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Self::Action(Error::Busy { retry_after_s }) = &self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_s));
        }
        if matches!(self, Self::SignIn) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Nothing here.
pub async fn no_such_page() -> Failure {
    Failure::NoPage
}

/// Not like this.
pub async fn no_such_method(method: Method) -> Failure {
    Failure::NoMethod(method)
}

/// A handler broke: said as our fault.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(words = words.unwrap_or("(no words)"), "a handler panicked");
    Failure::Action(Error::internal("a handler panicked")).into_response()
}

/// Gives failures their skin.
pub async fn dress(axum::extract::State(state): axum::extract::State<State>, request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let (mut parts, body) = request.into_parts();
    let id = parts.headers.get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let visitor = Visitor::of(&mut parts, &state).await;
    parts.extensions.insert(visitor.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    let Some(failure) = response.extensions().get::<Arc<Failure>>().cloned() else { return response };
    if let Failure::Action(Error::Internal(cause)) = &*failure {
        tracing::error!(request = %id, %cause, "a request failed");
    }
    let (head, _) = response.into_parts();
    let path = uri.path();
    if path.starts_with("/v1/") {
        let mut answer = openai_skin(&failure, &failure.said());
        if let Some(value) = head.headers.get(header::RETRY_AFTER) {
            answer.headers_mut().insert(header::RETRY_AFTER, value.clone());
        }
        return answer;
    }
    let for_programs =
        ["/api/", "/trust/keys", "/log/tile", "/log/checkpoint", "/log/receipts", "/openapi", "/readyz", "/softbinding"];
    let mut dressed = if for_programs.iter().any(|p| path.starts_with(p)) {
        problem(&failure, &id)
    } else if matches!(*failure, Failure::SignIn) {
        // A person is asked to sign in and comes back; what they had typed into a form is asked for again only if it was a POST.
        let back = if method == Method::GET { uri.path_and_query().map_or("/", |p| p.as_str()) } else { path };
        return Redirect::to(&format!("/login?next={}", encode(back))).into_response();
    } else {
        page(&state, &visitor, &failure, &id, path).await
    };
    *dressed.status_mut() = head.status;
    let kept = [header::RETRY_AFTER, header::WWW_AUTHENTICATE, header::ALLOW, HeaderName::from_static(super::signing::SIGN)];
    for name in kept {
        if let Some(value) = head.headers.get(&name) {
            dressed.headers_mut().insert(name, value.clone());
        }
    }
    // Whoever asks from elsewhere must be able to tell what is missing from what can't be reached.
    if ["/log/", "/trust/", "/softbinding/"].iter().any(|p| path.starts_with(p)) {
        dressed.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    dressed
}

/// Percent-encodes a path for use in a query.
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "Sign in first",
        403 => "Not allowed",
        404 => "Not found",
        405 => "Not like this",
        409 => "Changed meanwhile",
        413 => "Too large",
        422 | 400 => "Not understood",
        429 => "Too much at once",
        _ => "Our fault",
    }
}

fn problem(failure: &Failure, id: &str) -> Response {
    let status = failure.status();
    let mut body = json!({
        "type": "about:blank",
        "title": title(status),
        "status": status.as_u16(),
        "detail": failure.said(),
        "request_id": id,
    });
    match failure {
        Failure::Action(Error::Invalid(fields)) => {
            body["errors"] = fields.iter().map(|(field, problem)| json!({ "field": field, "detail": problem })).collect();
        }
        Failure::Action(Error::Denied(decision)) => body["decision"] = serde_json::to_value(decision).unwrap_or_default(),
        _ => {}
    }
    let mut response = Response::new(Body::from(body.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

async fn page(state: &State, visitor: &Visitor, failure: &Failure, id: &str, path: &str) -> Response {
    let status = failure.status();
    let next = match failure {
        Failure::NoPage | Failure::Action(Error::NotFound { .. }) => "Check the address, or begin again from one of these.",
        Failure::Csrf => "Go back, load the page again, and send the form once more.",
        Failure::Action(Error::Busy { .. }) => "Wait a moment, go back, and send it again: what you typed is still there.",
        Failure::Action(Error::Internal(_)) => "Try again in a minute. If it stays, tell the operator the request id below.",
        Failure::Action(Error::Forbidden(_)) => "Sign in with another account, or ask an operator for the role it needs.",
        _ => "Go back and change what is named above: what you typed is still there.",
    };
    let page = ErrorPage {
        chrome: chrome(state, visitor, title(status), path).await.unwrap_or_default(),
        status: status.as_u16(),
        title: title(status).to_owned(),
        message: capital(&failure.said()),
        next: next.to_owned(),
        links: vec![
            Link::new("Home", "/"),
            Link::new("Images", "/images"),
            Link::new("Works", "/works"),
            Link::new("Verify a file", "/verify"),
            Link::new("Look by picture", "/look"),
        ],
        request_id: id.to_owned(),
    };
    axum::response::Html(page.render().unwrap_or_else(|_| failure.said())).into_response()
}

/// As a sentence.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let mut sentence = format!("{first}{}", chars.as_str());
    if !sentence.ends_with(['.', '!', '?', '…']) {
        sentence.push('.');
    }
    sentence
}
