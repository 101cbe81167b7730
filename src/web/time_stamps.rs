//! `/tsa`: time stamps for everyone (RFC 3161 over HTTP, §3.4), and the certificates that check them.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Handed;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::State;
use super::error::Failure;
use super::session::Instance;
use crate::actions::Error;

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";

pub(super) fn router() -> Router<State> {
    Router::new().route("/tsa", post(stamp)).route("/trust/time-stamps.pem", get(chain))
}

async fn stamp(Handed(instance): Handed<Instance>, headers: HeaderMap, query: Bytes) -> Result<Response, Failure> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some(QUERY) {
        let problem =
            format!("send a DER time stamp request as `{QUERY}`: `openssl ts -query -data FILE -sha256 -cert` makes one");
        return Err(Error::invalid("content-type", problem).into());
    }
    // What can't be stamped is told in the answer itself, as the RFC has it.
    let answer = instance.keys.authority.answer(&query, instance.clock.now(), &*instance.chance);
    Ok(([(header::CONTENT_TYPE, REPLY), (header::CACHE_CONTROL, "no-store")], answer).into_response())
}

async fn chain(Handed(instance): Handed<Instance>) -> Response {
    let pem = instance.keys.time_stamps_pem().to_owned();
    ([(header::CONTENT_TYPE, "application/x-pem-file"), (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")], pem).into_response()
}
