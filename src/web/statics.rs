//! Style sheet, script, fonts and marks, from inside the program.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::error::Failure;
use super::extract::Segment;

macro_rules! files {
    ($($name:literal as $kind:literal,)*) => {
        &[$(($name, $kind, include_bytes!(concat!("../../templates/static/", $name)).as_slice())),*]
    };
}

const FILES: &[(&str, &str, &[u8])] = files! {
    "style.css" as "text/css; charset=utf-8",
    "colophon.js" as "text/javascript; charset=utf-8",
    "check.js" as "text/javascript; charset=utf-8",
    "check.html" as "text/html; charset=utf-8",
    "keys.js" as "text/javascript; charset=utf-8",
    "workbench.js" as "text/javascript; charset=utf-8",
    "mark.svg" as "image/svg+xml",
    "blank.svg" as "image/svg+xml",
    "fonts/eb-garamond.woff2" as "font/woff2",
    "fonts/eb-garamond-ext.woff2" as "font/woff2",
    "fonts/eb-garamond-italic.woff2" as "font/woff2",
    "fonts/eb-garamond-italic-ext.woff2" as "font/woff2",
    "fonts/ysabeau-office.woff2" as "font/woff2",
    "fonts/ysabeau-office-ext.woff2" as "font/woff2",
    "fonts/OFL.txt" as "text/plain; charset=utf-8",
};

pub(super) async fn file(Segment(path): Segment<String>) -> Result<Response, Failure> {
    let (_, kind, bytes) = FILES.iter().find(|(name, ..)| *name == path).ok_or(Failure::NoPage)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400")),
    ];
    Ok((headers, *bytes).into_response())
}
