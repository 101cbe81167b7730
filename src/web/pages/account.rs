//! Signing in and out, the operator's first link, and what belongs to an account: password, tokens, other people's accounts.

use axum::extract::State as Handed;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::view::disputes::NoticeView;
use super::view::people::{AccountRow, AccountsAdmin, OwnKeyRow, TokenRow};
use super::view::{AccountPage, Choice, Field, Link, LoginPage, NoticesPage, SetupPage};
use super::{Page, Problems, Refused, chrome, fill, problems_of};
use crate::accounts::{Actor, Role, Scope, Secret, Session};
use crate::actions::{Error, sign_in as people};
use crate::clock::Timestamp;
use crate::id::{StatementId, TokenId};
use crate::storage;
use crate::web::State;
use crate::web::error::Failure;
use crate::web::extract::{Form, Query, Segment};
use crate::web::session::{Visitor, signed_in, signed_out};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    next: String,
}

/// Where to go after signing in: a path of ours and nothing else.
fn safe(next: &str) -> &str {
    let ours = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') && !next.chars().any(char::is_control);
    if ours { next } else { "/" }
}

async fn login_page(state: &State, visitor: &Visitor, name: &str, next: &str, problem: &str) -> Result<LoginPage, Failure> {
    Ok(LoginPage {
        chrome: chrome(state, visitor, "Sign in", "/login").await?,
        name: Field::of(name),
        problem: problem.to_owned(),
        next: safe(next).to_owned(),
    })
}

pub(super) async fn login(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    if visitor.session.is_some() {
        return Ok(Redirect::to(safe(&asked.next)).into_response());
    }
    Ok(Page(login_page(&state, &visitor, "", &asked.next, "").await?).into_response())
}

fn welcome(state: &State, secret: &Secret, next: &str) -> Response {
    let mut response = Redirect::to(safe(next)).into_response();
    response.headers_mut().insert(header::SET_COOKIE, signed_in(state, secret));
    response
}

pub(super) async fn sign_in(Handed(state): Handed<State>, visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let name = form.get("name").trim();
    match people::sign_in(&state.instance, name, form.get("password")).await {
        Ok((_, secret)) => Ok(welcome(&state, &secret, form.get("next"))),
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            let page = login_page(&state, &visitor, name, form.get("next"), &problems.all()).await?;
            Ok(Refused(status, page).into_response())
        }
    }
}

pub(super) async fn sign_out(Handed(state): Handed<State>, visitor: Visitor, form: Form) -> Result<Response, Failure> {
    visitor.check_form(form.get("csrf"))?;
    if let Some(session) = &visitor.session {
        people::sign_out(&state.instance, session).await?;
    }
    let mut response = Redirect::to("/").into_response();
    response.headers_mut().insert(header::SET_COOKIE, signed_out(&state));
    Ok(response)
}

fn link(token: &str) -> Result<Secret, Failure> {
    Secret::parse(token).ok_or_else(|| Error::not_found("setup link", "(mistyped or cut off)").into())
}

pub(super) async fn setup(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(token): Segment<String>,
) -> Result<Page<SetupPage>, Failure> {
    let secret = link(&token)?;
    let mut tx = state.instance.store.read().await?;
    if !storage::accounts::setup_link_is_open(&mut tx, secret.hash()).await? {
        return Err(Error::not_found("setup link", "(used up, or replaced by a newer one)").into());
    }
    drop(tx);
    let chrome = chrome(&state, &visitor, "The operator's account", "/setup").await?;
    Ok(Page(SetupPage { chrome, token, name: Field::default(), password_problem: String::new() }))
}

pub(super) async fn make_operator(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(token): Segment<String>,
    form: Form,
) -> Result<Response, Failure> {
    let name = form.get("name").trim();
    match people::make_operator(&state.instance, &link(&token)?, name, form.get("password")).await {
        Ok((_, secret)) => Ok(welcome(&state, &secret, "/studio")),
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            let chrome = chrome(&state, &visitor, "The operator's account", "/setup").await?;
            let name = Field { value: name.to_owned(), problem: problems.of("name") };
            let page = SetupPage { chrome, token, name, password_problem: problems.of("password") };
            Ok(Refused(status, page).into_response())
        }
    }
}

fn session(visitor: &Visitor) -> Result<(&Session, &Actor), Failure> {
    visitor.session.as_ref().zip(visitor.actor.as_ref()).ok_or(Failure::SignIn)
}

pub(super) async fn page(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<AccountPage>, Failure> {
    build(&state, &visitor, &Form::default(), &Problems::default()).await.map(Page)
}

async fn build(state: &State, visitor: &Visitor, form: &Form, problems: &Problems) -> Result<AccountPage, Failure> {
    let (session, actor) = session(visitor)?;
    let now = state.instance.clock.now();
    let mut tx = state.instance.store.read().await?;
    let tokens = storage::accounts::tokens(&mut tx, session.account.id).await?;
    let roles = |roles: &crate::accounts::Roles| roles.iter().map(|r| r.as_str().replace('-', " ")).collect::<Vec<_>>();
    let admin = if actor.may(Scope::Operate) {
        let accounts = storage::accounts::all(&mut tx).await?;
        Some(AccountsAdmin {
            accounts: accounts
                .into_iter()
                .map(|a| AccountRow {
                    id: a.id.to_string(),
                    roles: roles(&a.roles),
                    since: fill::day(a.created_at),
                    name: a.name,
                })
                .collect(),
            name: Field { value: form.get("name").to_owned(), problem: problems.of("name") },
            password_problem: problems.of("password"),
            roles: Role::ALL
                .iter()
                .map(|r| {
                    Choice::new(r.as_str(), r.as_str().replace('-', " "), form.get("roles").split(',').any(|t| t == r.as_str()))
                })
                .collect(),
            roles_problem: problems.of("roles"),
        })
    } else {
        None
    };
    let waiting = match visitor.may(Scope::Policies) {
        true => Some(storage::reviews::waiting(&mut tx, now, None).await?),
        false => None,
    };
    drop(tx);
    let mut tx = state.instance.store.read().await?;
    let mut own_keys = Vec::new();
    for key in storage::keys::of(&mut tx, &session.account.name).await? {
        let ended = match &key.end {
            Some(end) => Some(entry_link(&mut tx, end.at, end.statement).await?),
            None => None,
        };
        own_keys.push(OwnKeyRow {
            added: entry_link(&mut tx, key.added_at, key.statement).await?,
            ended,
            reason: key.end.map(|end| end.reason).unwrap_or_default(),
            required: key.added.required,
            id: key.added.keyid,
        });
    }
    drop(tx);
    Ok(AccountPage {
        chrome: chrome(state, visitor, "Account", "/account").await?,
        name: session.account.name.clone(),
        roles: roles(&session.account.roles),
        waiting,
        since: fill::day(session.account.created_at),
        current_problem: problems.of("old_password"),
        new_problem: problems.of("new_password"),
        keys: own_keys,
        tokens: tokens
            .into_iter()
            .filter(|t| t.revoked_at.is_none() && t.expires_at.is_none_or(|end| now < end))
            .map(|t| TokenRow {
                id: t.id.to_string(),
                label: t.name,
                scopes: t.scopes.iter().map(|s| s.as_str().to_owned()).collect(),
                made: fill::day(t.created_at),
                used: None,
                until: t.expires_at.map(fill::day),
            })
            .collect(),
        new_token: String::new(),
        token_label: Field { value: form.get("label").to_owned(), problem: problems.of("token_name") },
        scopes: actor
            .scopes
            .iter()
            .map(|s| Choice::new(s.as_str(), s.as_str(), form.get("scopes").split(',').any(|t| t == s.as_str())))
            .collect(),
        scopes_problem: problems.of("scopes"),
        admin,
    })
}

/// A day, leading to the entry of the log that says so.
async fn entry_link(tx: &mut storage::Tx, at: Timestamp, statement: StatementId) -> Result<Link, Failure> {
    let index = storage::log::find(tx, statement).await?.and_then(|entry| entry.index);
    Ok(Link::new(fill::day(at).text, index.map(|index| format!("/log/entries/{index}")).unwrap_or_default()))
}

/// Notices; to look at them is to have seen them.
pub(super) async fn notices(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<NoticesPage>, Failure> {
    const MOST: u32 = 200;
    let actor = visitor.someone()?;
    let operator = actor.may(Scope::Operate);
    let mut tx = state.instance.store.read().await?;
    let found = storage::notices::list(&mut tx, actor.account, operator, MOST).await?;
    drop(tx);
    let chrome = chrome(&state, &visitor, "Notices", "/notices").await?;
    if found.iter().any(|n| n.seen_at.is_none()) {
        people::see_notices(&state.instance, actor).await?;
    }
    let items = found
        .into_iter()
        .map(|n| NoticeView { words: n.words, url: n.url, when: fill::minute(n.at), fresh: n.seen_at.is_none() })
        .collect();
    Ok(Page(NoticesPage { chrome, items }))
}

async fn again(state: &State, visitor: &Visitor, form: &Form, error: Error) -> Result<Response, Failure> {
    let (status, problems) = problems_of(error)?;
    Ok(Refused(status, build(state, visitor, form, &problems).await?).into_response())
}

pub(super) async fn password(Handed(state): Handed<State>, visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let (session, _) = session(&visitor)?;
    visitor.check_form(form.get("csrf"))?;
    match people::change_password(&state.instance, session, form.get("current"), form.get("new")).await {
        Ok(()) => {
            // Every sign-in ended with the old password; this one begins anew.
            let (_, secret) = people::sign_in(&state.instance, &session.account.name, form.get("new")).await?;
            Ok(welcome(&state, &secret, "/account"))
        }
        Err(e) => again(&state, &visitor, &Form::default(), e).await,
    }
}

pub(super) async fn make_token(Handed(state): Handed<State>, visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let (_, actor) = session(&visitor)?;
    visitor.check_form(form.get("csrf"))?;
    let scopes = match form.get("scopes").parse() {
        Ok(scopes) => scopes,
        Err(e) => return again(&state, &visitor, &form, Error::invalid("scopes", format!("{e}"))).await,
    };
    match people::make_token(&state.instance, actor, form.get("label").trim(), &scopes, None).await {
        Ok((_, secret)) => {
            let mut page = build(&state, &visitor, &Form::default(), &Problems::default()).await?;
            secret.reveal().clone_into(&mut page.new_token);
            Ok(([(header::CACHE_CONTROL, "no-store")], Page(page)).into_response())
        }
        Err(e) => again(&state, &visitor, &form, e).await,
    }
}

pub(super) async fn revoke_token(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<TokenId>,
    form: Form,
) -> Result<Redirect, Failure> {
    let (_, actor) = session(&visitor)?;
    visitor.check_form(form.get("csrf"))?;
    people::revoke_token(&state.instance, actor, id).await?;
    Ok(Redirect::to("/account"))
}

pub(super) async fn add_account(Handed(state): Handed<State>, visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let (_, actor) = session(&visitor)?;
    visitor.check_form(form.get("csrf"))?;
    let roles = match form.get("roles").parse() {
        Ok(roles) => roles,
        Err(e) => return again(&state, &visitor, &form, Error::invalid("roles", format!("{e}"))).await,
    };
    match people::add_account(&state.instance, actor, form.get("name").trim(), form.get("password"), roles).await {
        Ok(_) => Ok(Redirect::to("/account").into_response()),
        Err(e) => again(&state, &visitor, &form, e).await,
    }
}
