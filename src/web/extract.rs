//! Ways in: parts of the path as types, queries, forms and uploads, each refused in the service's own words.

use std::collections::HashMap;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{FromRequest, FromRequestParts, Multipart, RawPathParams, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::State;
use super::error::Failure;
use crate::actions::Error;

/// The one variable part of the path, read as `T`; what can't be one is not found.
#[derive(Debug, Clone)]
pub struct Segment<T>(pub T);

impl<T: FromStr + Send> FromRequestParts<State> for Segment<T>
where
    T::Err: std::fmt::Display,
{
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Failure> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Failure::NoPage)?;
        // No name of ours holds NUL, and PostgreSQL keeps no text that does.
        let text =
            params.iter().next().map(|(_, value)| value.to_owned()).filter(|t| !t.contains('\0')).ok_or(Failure::NoPage)?;
        // The words of the parser say what was expected.
        text.parse().map(Self).map_err(|e: T::Err| Failure::Action(Error::NotFound { what: "such thing", id: e.to_string() }))
    }
}

/// The two variable parts of the path.
#[derive(Debug, Clone)]
pub struct Pair<A, B>(pub A, pub B);

impl<A: FromStr + Send, B: FromStr + Send> FromRequestParts<State> for Pair<A, B> {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Failure> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Failure::NoPage)?;
        let mut values = params.iter().map(|(_, value)| value);
        let (first, second) = (values.next().unwrap_or_default(), values.next().unwrap_or_default());
        Ok(Self(first.parse().map_err(|_| Failure::NoPage)?, second.parse().map_err(|_| Failure::NoPage)?))
    }
}

/// What stands behind the `?`.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<State> for Query<T> {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Failure> {
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Failure::Malformed("the query holds a NUL character: remove it".into()));
        }
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|e| Failure::Malformed(format!("the query can't be read: {}", e.body_text())))
    }
}

/// A form's fields. Repeated fields are joined with commas.
#[derive(Debug, Clone, Default)]
pub struct Form(HashMap<String, String>);

impl Form {
    /// A field as typed; empty when it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Fills a field in.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    fn put(&mut self, name: String, value: String) {
        self.0
            .entry(name)
            .and_modify(|kept| {
                kept.push(',');
                kept.push_str(&value);
            })
            .or_insert(value);
    }
}

impl FromRequest<State> for Form {
    type Rejection = Failure;
    async fn from_request(request: Request, state: &State) -> Result<Self, Failure> {
        let axum::extract::RawForm(bytes) =
            axum::extract::RawForm::from_request(request, state).await.map_err(|e| refused(e.status(), &e.body_text()))?;
        let pairs: Vec<(String, String)> =
            serde_urlencoded(&bytes).ok_or_else(|| Failure::Malformed("the form can't be read: it is not UTF-8".into()))?;
        let mut form = Self::default();
        pairs.into_iter().for_each(|(name, value)| form.put(name, value));
        Ok(form)
    }
}

/// `application/x-www-form-urlencoded` (WHATWG URL §5.1); `None` when it is not UTF-8.
fn serde_urlencoded(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    bytes
        .split(|b| *b == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            Some((unescaped(&pair[..at])?, unescaped(pair.get(at + 1..).unwrap_or_default())?))
        })
        .collect()
}

fn unescaped(bytes: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).filter(|_| b == b'%').and_then(|h| hex::decode(h).ok());
        match (b, hex) {
            (_, Some(decoded)) => {
                out.extend(decoded);
                at += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(other),
        }
        at += 1;
    }
    String::from_utf8(out).ok()
}

/// An upload: one file, and the fields beside it.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    /// The file's bytes; empty when none was chosen.
    pub file: Vec<u8>,
    /// Its name, as its sender calls it.
    pub name: String,
    /// Further files: the field, the name, the bytes.
    pub more: Vec<(String, String, Vec<u8>)>,
    /// The other fields.
    pub form: Form,
}

impl FromRequest<State> for Upload {
    type Rejection = Failure;
    async fn from_request(request: Request, state: &State) -> Result<Self, Failure> {
        let kind = request.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("multipart/form-data") {
            // A bare body is the file itself: `curl --data-binary @picture.png`.
            let bytes = Bytes::from_request(request, state).await.map_err(|e| refused(e.status(), &e.body_text()))?;
            return Ok(Self { file: bytes.into(), ..Self::default() });
        }
        let mut parts =
            Multipart::from_request(request, state).await.map_err(|e: MultipartRejection| refused(e.status(), &e.body_text()))?;
        let mut upload = Self::default();
        while let Some(part) = parts.next_field().await.map_err(|e| refused(e.status(), &e.body_text()))? {
            let name = part.name().unwrap_or_default().to_owned();
            let file_name = part.file_name().map(str::to_owned);
            let bytes = part.bytes().await.map_err(|e| refused(e.status(), &e.body_text()))?;
            match file_name {
                Some(file_name) => {
                    let file_name: String = file_name.chars().filter(|c| !c.is_control()).take(200).collect();
                    if ["evidence_files", "picture", "sketch", "mask"].contains(&name.as_str()) {
                        // A browser sends an empty part for a field that was left empty.
                        if !bytes.is_empty() {
                            upload.more.push((name, file_name, bytes.into()));
                        }
                    } else {
                        (upload.name, upload.file) = (file_name, bytes.into());
                    }
                }
                None => {
                    let text = String::from_utf8(bytes.into())
                        .map_err(|_| Failure::Malformed(format!("the field `{name}` is not UTF-8")))?;
                    upload.form.put(name, text);
                }
            }
        }
        Ok(upload)
    }
}

/// A JSON body.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<State> for Json<T> {
    type Rejection = Failure;
    async fn from_request(request: Request, state: &State) -> Result<Self, Failure> {
        let bytes = Bytes::from_request(request, state).await.map_err(|e| refused(e.status(), &e.body_text()))?;
        serde_json::from_slice(&bytes).map(Self).map_err(|e| Failure::Malformed(format!("the JSON body can't be read: {e}")))
    }
}

fn refused(status: StatusCode, words: &str) -> Failure {
    if status == StatusCode::PAYLOAD_TOO_LARGE || words.contains("length limit") {
        Failure::TooLarge(
            "this is more than may be sent here; the largest upload is named in `colophon doctor` as max_upload_mib".into(),
        )
    } else {
        Failure::Malformed(format!("what was sent can't be read: {words}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_browsers_write_them() {
        let pairs = serde_urlencoded(b"prompt=a+red+apple%21&empty=&bare&scopes=a&scopes=b&odd=%zz&u=%C4%81").unwrap();
        let get = |name: &str| pairs.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>();
        assert_eq!(get("prompt"), ["a red apple!"]);
        assert_eq!(get("empty"), [""]);
        assert_eq!(get("bare"), [""]);
        assert_eq!(get("scopes"), ["a", "b"]);
        assert_eq!(get("odd"), ["%zz"]);
        assert_eq!(get("u"), ["ā"]);
        assert_eq!(serde_urlencoded(b"x=%ff"), None);
    }
}
