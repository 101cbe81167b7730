//! The pages: for each resource a handler that fills the struct of its template (`view`) from storage, mirroring `api` and `templates/`
//! name for name. Forms come back with what was typed when something is wrong.

mod about;
mod account;
mod agreements;
mod datasets;
mod disputes;
mod evidence;
mod fill;
mod home;
mod images;
mod imports;
mod jobs;
mod licences;
mod lineage;
mod log;
mod look;
mod policies;
mod refused;
mod reviews;
mod studio;
mod uses;
mod verify;
pub mod view;
mod workbench;
mod works;

use askama::Template;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

use super::State;
use super::session::Visitor;
use crate::accounts::Scope;
use crate::actions::Error;
use crate::ledger::NodeHash;
use crate::storage;
use refused::{Problems, Refused, problems_of};
use view::{AccountView, Chrome, LogHead, Site};

pub(super) fn router(max_upload: usize) -> Router<State> {
    let uploads = Router::new()
        .route("/verify", get(verify::form).post(verify::check))
        .route("/look", get(look::form).post(look::look))
        .route("/workbench", get(workbench::page).post(workbench::ask))
        .route("/works/new", get(works::new).post(works::register))
        .route("/works/{id}/dispute", get(disputes::new).post(disputes::open))
        .route("/disputes/{id}/answer", post(disputes::step))
        .route("/disputes/{id}/decision", post(disputes::step))
        .route("/disputes/{id}/appeal", post(disputes::step))
        .layer(DefaultBodyLimit::max(max_upload + (64 << 10)));
    Router::new()
        .route("/", get(home::page))
        .route("/studio", get(studio::page).post(studio::ask))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{id}", get(jobs::page))
        .route("/jobs/{id}/retry", post(jobs::retry))
        .route("/jobs/{id}/series", get(workbench::series))
        .route("/jobs/{id}/cancel", post(jobs::cancel))
        .route("/jobs/{id}/credit", post(jobs::credit))
        .route("/images", get(images::list))
        .route("/images/{id}", get(images::page))
        .route("/images/{id}/agreements", post(agreements::propose))
        .route("/images/{id}/erase", post(images::erase))
        .route("/agreements/{id}/signature", post(agreements::sign))
        .route("/agreements/{id}/refusal", post(agreements::refuse))
        .route("/images/{id}/file", get(super::api::image_file))
        .route("/images/{id}/receipt", get(super::api::image_receipt))
        .route("/works", get(works::list))
        .route("/works/{id}", get(works::page))
        .route("/works/{id}/picture", get(super::api::work_picture))
        .route("/works/{id}/uses", get(look::uses))
        .route("/works/{id}/evidence/{sha256}", get(works::evidence))
        .route("/works/{id}/rsl", get(super::api::work_terms))
        .route("/.well-known/tdmrep.json", get(super::api::tdmrep_json))
        .route("/works/{id}/revoke", post(works::revoke))
        .route("/works/{id}/grants", post(works::give))
        .route("/disputes", get(disputes::list))
        .route("/disputes/{id}", get(disputes::page))
        .route("/disputes/{id}/evidence/{sha256}", get(disputes::evidence))
        .route("/notices", get(account::notices))
        .route("/imports", get(imports::list))
        .route("/imports/{id}", get(imports::page))
        .route("/imports/{id}/cancel", post(imports::cancel))
        .route("/uses", get(uses::page))
        .route("/datasets", get(datasets::list).post(datasets::freeze))
        .route("/datasets/{id}", get(lineage::dataset))
        .route("/works/{id}/reserve", post(works::reserve))
        .route("/works/{id}/projects", post(works::project))
        .route("/grants/{id}/conclusion", post(works::conclude))
        .route("/models", get(lineage::models))
        .route("/models/{id}", get(lineage::model))
        .route("/licences", get(licences::page))
        .route("/policies", get(policies::page))
        .route("/policies/{id}", get(policies::one).post(policies::act))
        .route("/reviews", get(reviews::list).post(reviews::ask))
        .route("/reviews/{id}", get(reviews::page))
        .route("/reviews/{id}/rulings", post(reviews::rule))
        .route("/log", get(log::page))
        .route("/log/entries/{index}", get(log::entry))
        .route("/receipts/{id}", get(log::explained))
        .route("/login", get(account::login).post(account::sign_in))
        .route("/logout", post(account::sign_out))
        .route("/setup/{token}", get(account::setup).post(account::make_operator))
        .route("/account", get(account::page))
        .route("/account/password", post(account::password))
        .route("/account/tokens", post(account::make_token))
        .route("/account/tokens/{id}/revoke", post(account::revoke_token))
        .route("/account/accounts", post(account::add_account))
        .route("/trust", get(about::trust))
        .route("/docs", get(about::docs))
        .route("/terms", get(about::terms))
        .merge(uploads)
}

/// What takes as long as its sender's line.
pub(super) fn long_router() -> Router<State> {
    Router::new().route("/imports", post(imports::begin))
}

/// A page as an answer.
pub(super) struct Page<T>(pub T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => Html(html).into_response(),
            Err(e) => super::error::Failure::Action(Error::internal(e)).into_response(),
        }
    }
}

/// What every page carries around its content.
pub(super) async fn chrome(state: &State, visitor: &Visitor, title: &str, path: &str) -> Result<Chrome, storage::Error> {
    let mut tx = state.instance.store.read().await?;
    let head = storage::log::head(&mut tx).await?;
    let notices = match &visitor.session {
        Some(s) => storage::notices::unseen(&mut tx, s.account.id, visitor.may(Scope::Operate)).await?,
        None => 0,
    };
    let keys = match &visitor.session {
        Some(s) => storage::keys::of(&mut tx, &s.account.name).await?,
        None => Vec::new(),
    };
    let root = |bytes: &[u8]| NodeHash::from_slice(bytes).map(NodeHash::to_hex).unwrap_or_default();
    Ok(Chrome {
        title: title.to_owned(),
        path: path.to_owned(),
        site: Site {
            name: state.instance.site.name.clone(),
            url: state.instance.site.url.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        account: visitor.session.as_ref().map(|s| AccountView {
            name: s.account.name.clone(),
            notices,
            roles: s.account.roles.iter().map(|r| r.as_str().replace('-', " ")).collect(),
        }),
        csrf: visitor.csrf().to_owned(),
        head: head.map(|h| LogHead { size: h.size, root: root(&h.root) }),
        keys: keys.iter().filter(|key| key.end.is_none()).map(|key| key.added.keyid.as_str()).collect::<Vec<_>>().join(" "),
        notice: String::new(),
    })
}
