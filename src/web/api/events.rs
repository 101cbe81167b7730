//! Server-sent events (WHATWG HTML §9.2): one line for the event's name, one for its data, an empty one.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use serde_json::Value;

/// Where events are sent to; whoever listened may have left.
pub(super) struct Events(Sender<Bytes, Infallible>);

impl Events {
    /// A stream, and its answer.
    pub(super) fn begin() -> (Self, Response) {
        let (sender, body) = Channel::<Bytes, Infallible>::new(4);
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            // A proxy that gathers the answer before it passes it on would make it pointless.
            (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        ];
        (Self(sender), (headers, Body::new(body)).into_response())
    }

    /// Sends one. False when nobody listens any more.
    pub(super) async fn send(&mut self, name: &str, data: &Value) -> bool {
        // JSON as `serde_json` writes it has no line ends.
        self.0.send_data(Bytes::from(format!("event: {name}\ndata: {data}\n\n"))).await.is_ok()
    }

    /// Says that the stream lives. False when nobody listens any more.
    pub(super) async fn alive(&mut self) -> bool {
        self.0.send_data(Bytes::from_static(b": waiting\n\n")).await.is_ok()
    }
}
