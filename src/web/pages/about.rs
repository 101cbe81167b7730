//! `/trust`, `/docs` and `/terms`.

use axum::extract::State as Handed;

use super::view::about::ApiRow;
use super::view::{DocsPage, Link, TermsPage, TrustPage};
use super::{Page, chrome, fill, log};
use crate::web::State;
use crate::web::api::routes;
use crate::web::error::Failure;
use crate::web::session::Visitor;

pub(super) async fn trust(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<TrustPage>, Failure> {
    let keys = &state.instance.keys;
    let root = keys.root();
    Ok(Page(TrustPage {
        chrome: chrome(&state, &visitor, "What to trust", "/trust").await?,
        c2pa_root_pem: keys.root_pem().to_owned(),
        c2pa_root_subject: root.subject.clone(),
        c2pa_root_sha256: root.sha256.to_string(),
        c2pa_root_until: fill::day(root.not_after),
        log_vkey: keys.log_vkey(),
        log_origin: state.instance.site.log_origin.clone(),
        recipes: log::recipes(&state.instance.site.url),
        source: Link::new("", ""),
    }))
}

pub(super) async fn docs(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<DocsPage>, Failure> {
    let rows = routes()
        .map(|r| ApiRow {
            method: r.method.to_uppercase(),
            path: r.path.to_owned(),
            summary: r.summary.to_owned(),
            scope: if r.scope == "public" { String::new() } else { r.scope.to_owned() },
        })
        .collect();
    Ok(Page(DocsPage { chrome: chrome(&state, &visitor, "API", "/docs").await?, rows }))
}

pub(super) async fn terms(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<TermsPage>, Failure> {
    Ok(Page(TermsPage { chrome: chrome(&state, &visitor, "Words used here", "/terms").await? }))
}
