//! Tables (RFC 4180), written as they are read: they may have a million rows.

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::storage;

/// A cell. One that a spreadsheet would run as a formula is quoted with an apostrophe.
pub(super) fn cell(text: &str) -> String {
    let guarded = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    format!("\"{}\"", guarded.replace('"', "\"\""))
}

/// A table under `head`. `next` gives the lines that follow a place, and the place after them; `None` ends the table. When it fails the body
/// breaks off, so that nobody takes a part for the whole.
pub(super) fn table<At, Next, Lines>(name: &'static str, head: &str, start: At, next: Next) -> Response
where
    At: Send + 'static,
    Next: Fn(At) -> Lines + Send + 'static,
    Lines: Future<Output = Result<(String, Option<At>), storage::Error>> + Send,
{
    let (mut out, body) = http_body_util::channel::Channel::<Bytes, storage::Error>::new(2);
    let mut text = head.to_owned();
    tokio::spawn(async move {
        let mut at = Some(start);
        while let Some(place) = at {
            match next(place).await {
                Ok((lines, after)) => {
                    text.push_str(&lines);
                    at = after;
                }
                Err(e) => {
                    tracing::error!(table = name, problem = %e, "a table broke off");
                    return out.abort(e);
                }
            }
            if out.send_data(std::mem::take(&mut text).into()).await.is_err() {
                return;
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, Body::new(body)).into_response()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_table_is_whole_or_breaks_off() {
        let whole = table("t.csv", "n\r\n", 0, async |n| Ok((format!("{n}\r\n"), (n < 2).then_some(n + 1))));
        assert_eq!(whole.headers()[header::CONTENT_DISPOSITION], "attachment; filename=\"t.csv\"");
        assert_eq!(whole.into_body().collect().await.unwrap().to_bytes(), "n\r\n0\r\n1\r\n2\r\n");
        let broken = table("t.csv", "n\r\n", 0, async |n| {
            if n == 0 { Ok(("0\r\n".to_owned(), Some(1))) } else { Err(storage::Error::Unavailable("gone".to_owned())) }
        });
        assert!(broken.into_body().collect().await.is_err());
    }

    #[test]
    fn cells_run_nothing() {
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("a \"b\""), "\"a \"\"b\"\"\"");
    }
}
