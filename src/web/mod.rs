//! The web: HTTP in, JSON or pages out. It parses, calls an action or reads from storage, and shows the answer; it decides nothing.
//!
//! `api` answers JSON, `pages` HTML for the same things, `log` the files of the transparency log, `time_stamps` times,
//! `softbinding` which manifest a picture belongs to. One error, two skins: `error`.

pub mod api;
pub mod error;
pub mod extract;
pub mod log;
pub mod pages;
pub mod session;
mod signing;
mod softbinding;
mod statics;
mod time_stamps;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::actions::Instance;
use crate::chance::Chance;

/// What handlers get.
#[derive(Clone)]
pub struct State {
    /// Store, keys, policy, model.
    pub instance: Arc<Instance>,
    /// Largest upload, in bytes.
    pub max_upload: usize,
    /// Largest import, in bytes.
    pub max_import: u64,
    /// Why pictures can't be drawn just now, if so.
    pub health: Arc<dyn Fn() -> Option<String> + Send + Sync>,
}

impl FromRef<State> for Arc<Instance> {
    fn from_ref(state: &State) -> Self {
        Arc::clone(&state.instance)
    }
}

/// Longest a request may take, imports excepted. Pictures are drawn beside requests, so nothing honest comes near.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Largest form or JSON body that is no upload: a prompt of 20,000 characters is refused by its own message, not by this.
const FORM_BYTES: usize = 1 << 20;

/// Names requests in answers and logs.
#[derive(Clone)]
struct Named(Arc<dyn Chance>);

impl MakeRequestId for Named {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&hex::encode(self.0.bytes::<8>())).ok().map(RequestId::new)
    }
}

/// The whole service.
pub fn router(state: State) -> Router {
    let always =
        |name: HeaderName, value: &'static str| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    let request_id = HeaderName::from_static("x-request-id");
    let chance = Named(Arc::clone(&state.instance.chance));
    // Hashes can't be made shorter; bundles of entries can.
    let packable = |_: StatusCode, _: Version, headers: &HeaderMap, extensions: &Extensions| {
        let binary = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/octet-stream");
        !binary || extensions.get::<log::Bundle>().is_some()
    };
    let not_packed = DefaultPredicate::new().and(NotForContentType::const_new("font/")).and(packable);
    let routed = routes(state.clone())
        .layer(from_fn_with_state((state.clone(), routes as signing::Routes), signing::sign))
        .layer(from_fn_with_state(state, error::dress));
    routed
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(CompressionLayer::new().compress_when(not_packed))
        .layer(always(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ))
        .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(always(header::REFERRER_POLICY, "same-origin"))
        .layer(always(header::CACHE_CONTROL, "no-cache"))
        .layer(PropagateRequestIdLayer::new(request_id.clone()))
        .layer(
            TraceLayer::new_for_http()
                // The path without its query: what people search for and one-time links' secrets stay out of the log.
                .make_span_with(|request: &axum::http::Request<axum::body::Body>| {
                    let id = request.headers().get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default();
                    tracing::info_span!("request", id, method = %request.method(), path = shown_path(request.uri().path()))
                })
                .on_response(tower_http::trace::DefaultOnResponse::new().level(tracing::Level::INFO)),
        )
        .layer(SetRequestIdLayer::new(request_id, chance))
}

/// Every route, for one instance.
fn routes(state: State) -> Router {
    let short = Router::new()
        .merge(api::router(state.max_upload))
        .merge(log::router())
        .merge(time_stamps::router())
        .merge(softbinding::router(state.max_upload))
        .merge(pages::router(state.max_upload))
        .route("/static/{*path}", get(statics::file))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(api::readyz))
        .fallback(error::no_such_page)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT));
    // What takes as long as its sender's line: written to disk as it comes, so its length is counted there.
    let long = api::long_router().merge(pages::long_router()).layer(DefaultBodyLimit::disable());
    // Answered when the picture is drawn.
    let long = long.merge(api::openai_router(state.max_upload));
    short.merge(long).layer(from_fn(session::same_site)).with_state(state)
}

/// A path as it may be logged: the secret of a one-time link is cut off.
fn shown_path(path: &str) -> &str {
    if path.starts_with("/setup/") { "/setup/…" } else { path }
}
