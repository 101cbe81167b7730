//! Who is asking: a browser with a session cookie, a program with a bearer token, or anyone. And whether a form is really ours.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::State;
use super::error::Failure;
use super::extract::Form;
use crate::accounts::{Actor, Scope, Secret, Session};
use crate::actions::sign_in::actor_of;
use crate::digest::blake3_of;
use crate::storage;

const COOKIE: &str = "colophon_session";

/// Who is asking.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    /// Signed in with a browser.
    pub session: Option<Session>,
    /// What they may do by this way in.
    pub actor: Option<Actor>,
}

impl Visitor {
    /// Reads cookie or token. A database that does not answer makes everyone a stranger.
    pub async fn of(parts: &mut Parts, state: &State) -> Self {
        let instance = &state.instance;
        let now = instance.clock.now();
        let found = async {
            if let Some(token) = bearer(&parts.headers) {
                let mut tx = instance.store.read().await?;
                let found = storage::accounts::find_token(&mut tx, token.hash(), now).await?;
                let actor = found.map(|(account, scopes)| Actor { account: account.id, name: account.name, scopes });
                return Ok::<_, storage::Error>(Self { session: None, actor });
            }
            if let Some(secret) = cookie(&parts.headers) {
                let mut tx = instance.store.read().await?;
                if let Some(session) = storage::accounts::find_session(&mut tx, secret.hash(), now).await? {
                    let actor = Some(actor_of(&session.account));
                    return Ok(Self { session: Some(session), actor });
                }
            }
            Ok(Self::default())
        };
        found.await.unwrap_or_else(|e| {
            tracing::error!(error = %e, "sessions can't be looked up");
            Self::default()
        })
    }

    /// Someone, or a request to sign in.
    pub fn someone(&self) -> Result<&Actor, Failure> {
        self.actor.as_ref().ok_or(Failure::SignIn)
    }

    /// Who sent a form: somebody signed in, with the token that stands in it.
    pub fn sent(&self, form: &Form) -> Result<&Actor, Failure> {
        let actor = self.someone()?;
        self.check_form(form.get("csrf"))?;
        Ok(actor)
    }

    /// Whether they may do something of this kind.
    pub fn may(&self, scope: Scope) -> bool {
        self.actor.as_ref().is_some_and(|a| a.may(scope))
    }

    /// The token for forms; empty for strangers.
    pub fn csrf(&self) -> &str {
        self.session.as_ref().map_or("", |s| &s.csrf)
    }

    /// Refuses a form that does not bring the session's token. Strangers have nothing that a foreign form could misuse.
    pub fn check_form(&self, csrf: &str) -> Result<(), Failure> {
        match &self.session {
            // Both are 64 hex digits from us; a hash makes the comparison independent of where they differ.
            Some(session) if blake3_of(session.csrf.as_bytes()) != blake3_of(csrf.as_bytes()) => Err(Failure::Csrf),
            _ => Ok(()),
        }
    }

    /// The same for a changing API request: a token needs no proof, a cookie brings it in `x-csrf-token`.
    pub fn check_api(&self, headers: &HeaderMap) -> Result<&Actor, Failure> {
        let sent = headers.get("x-csrf-token").and_then(|v| v.to_str().ok()).unwrap_or_default();
        self.check_form(sent)?;
        self.someone()
    }
}

impl FromRequestParts<State> for Visitor {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Infallible> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        Ok(Self::of(parts, state).await)
    }
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    Secret::parse(headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?.trim())
}

fn cookie(headers: &HeaderMap) -> Option<Secret> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('=').and_then(Secret::parse))
}

/// The cookie that signs a browser in.
pub fn signed_in(state: &State, secret: &Secret) -> HeaderValue {
    set_cookie(state, secret.reveal(), state.instance.session_days * 86_400)
}

/// The cookie that signs it out.
pub fn signed_out(state: &State) -> HeaderValue {
    set_cookie(state, "", 0)
}

fn set_cookie(state: &State, value: &str, seconds: i64) -> HeaderValue {
    let secure = if state.instance.site.url.starts_with("https://") { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    let mut cookie = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
    cookie.set_sensitive(true);
    cookie
}

/// Refuses changing requests that a browser says come from another site, before anything else looks at them. What is posted to
/// `/softbinding/` is a question, which nobody's cookie answers otherwise: viewers of credentials ask from the pages they look
/// at.
pub async fn same_site(request: Request, next: Next) -> Response {
    let asking = request.uri().path().starts_with("/softbinding/");
    let changing = !asking && !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let from = request.headers().get("sec-fetch-site").and_then(|v| v.to_str().ok());
    if changing && from.is_some_and(|from| from != "same-origin" && from != "none") {
        return Failure::Csrf.into_response();
    }
    next.run(request).await
}

/// What handlers share.
pub type Instance = Arc<crate::actions::Instance>;
