//! Requests that an account signs with a key of its own, in two goes (`actions::signing`): any request that states something, of the API or a
//! form, may be sent with these headers.
//!
//! | header | |
//! | --- | --- |
//! | `colophon-sign: draft` | nothing is done; the answer tells what is to be signed, and the draft's token |
//! | `colophon-key: KEYID` | the key that will sign; left out where a first key is added |
//! | `colophon-sign: TOKEN` | the same request again, to be done now |
//! | `colophon-signatures: BASE64URL` | JSON `[{"sha256", "keyid", "sig"}, …]`, one for each statement and key |
//!
//! A draft that needs no signature answers as the request itself would, with `colophon-sign: none`.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{FromRequestParts as _, Request, State as Handed};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use tower::ServiceExt as _;

use super::State;
use super::error::Failure;
use super::session::Visitor;
use crate::actions::Error;
use crate::actions::signing::{Brought, ToSign, draft, failed, signed};

pub(super) const SIGN: &str = "colophon-sign";
const KEY: &str = "colophon-key";
const SIGNATURES: &str = "colophon-signatures";

/// What a draft answers.
#[derive(Serialize)]
struct Draft {
    /// To come back with.
    draft: String,
    statements: Vec<ToSign>,
}

/// Makes the service's routes for an instance of their own.
pub(super) type Routes = fn(State) -> Router;

/// Sends a request that is to be signed to an instance that does so.
pub(super) async fn sign(Handed((state, routes)): Handed<(State, Routes)>, request: Request, next: Next) -> Response {
    if !request.headers().contains_key(SIGN) {
        return next.run(request).await;
    }
    match signing(&state, routes, request).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn signing(state: &State, routes: Routes, request: Request) -> Result<Response, Failure> {
    let (mut parts, body) = request.into_parts();
    let visitor = Visitor::from_request_parts(&mut parts, state).await.unwrap_or_default();
    let actor = visitor.someone()?.clone();
    let asked_for = format!("{} {}", parts.method, parts.uri.path_and_query().map_or("/", |p| p.as_str()));
    let asked = text(&parts.headers, SIGN).unwrap_or_default().to_owned();
    let request = |parts| Request::from_parts(parts, body);
    let on = |instance| routes(State { instance: Arc::new(instance), ..state.clone() });
    if asked == "draft" {
        let (dry, collected, token) = draft(&state.instance, &actor, text(&parts.headers, KEY), &asked_for)?;
        let mut response = run(on(dry), request(parts)).await;
        let statements = collected.found();
        if statements.is_empty() {
            response.headers_mut().insert(SIGN, HeaderValue::from_static("none"));
            return Ok(response);
        }
        return Ok(Json(Draft { draft: token, statements }).into_response());
    }
    let problem = || Error::invalid(SIGNATURES, "the signatures are not base64url of `[{\"sha256\", \"keyid\", \"sig\"}, …]`");
    let brought = text(&parts.headers, SIGNATURES).and_then(|text| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok());
    let brought: Vec<Brought> = serde_json::from_slice(&brought.ok_or_else(problem)?).map_err(|_| problem())?;
    let instance = signed(&state.instance, &actor, &asked_for, &asked, brought)?;
    let response = run(on(instance), request(parts)).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        failed(&state.instance, &asked);
    }
    Ok(response)
}

async fn run(routes: Router, request: Request) -> Response {
    match routes.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}
