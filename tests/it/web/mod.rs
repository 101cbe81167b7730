//! The doors, tried as browsers and programs try them.

mod doors;
mod keys;
mod log;
mod looking;
mod pictures;
mod registry;
mod soft_binding;
mod stewards;
mod workbench;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use colophon::accounts::{Role, Scope, Secret};
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::sign_in::{make_token, setup_link};
use colophon::jobs::generate;
use colophon::ledger::{Receipt, SignedCheckpoint, Verifier};
use colophon::web::api::routes;
use colophon::web::{State, router};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::support::database::Kind;
use crate::support::{TestInstance, draw, engine, lease};

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub(super) fn location(&self) -> &str {
        self.header("location")
    }

    #[track_caller]
    pub(super) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}

/// A browser or a program in front of the router.
pub(super) struct Visitor<'a> {
    pub(super) test: &'a TestInstance,
    pub(super) cookie: String,
    pub(super) token: String,
}

impl<'a> Visitor<'a> {
    pub(super) fn new(test: &'a TestInstance) -> Self {
        Self { test, cookie: String::new(), token: String::new() }
    }

    pub(super) async fn operator(test: &'a TestInstance) -> Self {
        let link = setup_link(test).await.unwrap().unwrap();
        let mut visitor = Self::new(test);
        let form = "name=Mere+T%C4%81whai&password=three+plain+words";
        visitor.post(&format!("/setup/{}", link.reveal()), form).await.is(303);
        assert!(!visitor.cookie.is_empty());
        visitor
    }

    pub(super) async fn with_token(test: &'a TestInstance, name: &str, role: Role, scopes: &str) -> Self {
        let actor = test.actor(name, &[role]).await;
        let (_, secret) = make_token(test, &actor, "for tests", &scopes.parse().unwrap(), None).await.unwrap();
        Self { token: secret.reveal().to_owned(), ..Self::new(test) }
    }

    pub(super) async fn send(&mut self, request: axum::http::request::Builder, body: Body) -> Answer {
        let mut request = request;
        if !self.cookie.is_empty() {
            request = request.header(header::COOKIE, &self.cookie);
        }
        if !self.token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        let state = State { instance: self.test.shared(), max_upload: 1 << 20, max_import: 1 << 20, health: Arc::new(|| None) };
        let response = router(state).oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        if let Some(cookie) = parts.headers.get(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            assert!(text.contains("HttpOnly") && text.contains("SameSite=Lax"), "{text}");
            self.cookie = text.split(';').next().unwrap().to_owned();
        }
        assert_eq!(parts.headers["x-content-type-options"], "nosniff");
        assert!(parts.headers.contains_key("x-request-id") && parts.headers.contains_key("content-security-policy"));
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes().to_vec() }
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    pub(super) async fn post(&mut self, path: &str, form: &str) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, Body::from(form.to_owned())).await
    }

    pub(super) async fn json(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request, Body::from(body.to_string())).await
    }

    /// The token that stands in the page's forms.
    pub(super) async fn csrf(&mut self) -> String {
        let page = self.get("/studio").await.is(200).text();
        page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    pub(super) async fn upload(&mut self, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Answer {
        self.upload_as(path, fields, "x.png", file).await
    }

    pub(super) async fn upload_as(&mut self, path: &str, fields: &[(&str, &str)], name: &str, file: &[u8]) -> Answer {
        const B: &str = "xxBOUNDARYxx";
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend(format!("--{B}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
        }
        body.extend(format!("--{B}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n").bytes());
        body.extend(file);
        body.extend(format!("\r\n--{B}--\r\n").bytes());
        let request = Request::post(path).header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={B}"));
        self.send(request, Body::from(body)).await
    }
}

/// Draws everything that waits.
pub(super) async fn work_off(test: &TestInstance) {
    let engine = engine(test);
    while let Some(job) = lease(test).await {
        generate::run(test, &engine, &job).await.unwrap();
    }
    engine.shutdown();
    publish_checkpoint(test).await.unwrap();
}
