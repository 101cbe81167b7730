//! The JSON API: one file per resource, one table of routes from which both the router and `/openapi.json` are made.
//!
//! Lists answer `{items, total, next}`; hand `next` in as `after`. Errors are problem+json. Reading needs no account; the rest needs a
//! bearer token (or the session's cookie with `x-csrf-token`).

mod agreements;
mod disputes;
mod events;
mod exports;
mod images;
mod imports;
mod inputs;
mod jobs;
mod keys;
mod licences;
mod lineage;
mod look;
mod openai;
mod openapi;
mod policy;
pub(super) mod shape;
mod statements;
mod stewards;
mod table;
mod uses;
mod verify;
mod workbench;
mod works;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State as Handed};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};

use super::State;
use super::session::Instance;
use crate::storage;

/// One route, as the docs and `/openapi.json` show it.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// `get`, `post`, `delete`.
    pub method: &'static str,
    /// With `{…}` for its variable part.
    pub path: &'static str,
    /// Scope it needs; `public` for everyone.
    pub scope: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Names of what may stand behind `?`.
    pub query: &'static [&'static str],
    /// Media type of the body; empty for none.
    pub body: &'static str,
    /// Media type of a good answer.
    pub answer: &'static str,
}

macro_rules! routes {
    ($($method:ident $path:literal $scope:literal $summary:literal ? [$($query:literal),*] body $body:literal gives $answer:literal => $handler:path;)*) => {
        /// Every route of the API but those that take long.
        const SHORT: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            scope: $scope,
            summary: $summary,
            query: &[$($query),*],
            body: $body,
            answer: $answer,
        }),*];

        fn all() -> Router<State> {
            Router::new()$(.route($path, $method($handler)))*
        }
    };
}

routes! {
    get "/api/v1/images" "public" "Images, newest first" ? ["after", "limit"] body "" gives "application/json" => images::list;
    post "/api/v1/images" "images" "Ask for a picture: policy decides, a job is queued" ? [] body "application/json" gives "application/json" => images::request;
    get "/api/v1/images/{id}" "public" "One image with its credits" ? [] body "" gives "application/json" => images::one;
    get "/api/v1/images/{id}/file" "public" "The signed file" ? [] body "" gives "image/*" => images::file;
    get "/api/v1/images/{id}/authorship" "public" "What may be told the US Copyright Office, ready to paste" ? [] body "" gives "text/plain" => exports::image_authorship;
    get "/api/v1/images/{id}/receipt" "public" "Its proof of inclusion in the log (C2SP tlog-proof)" ? [] body "" gives "text/plain" => images::proof;
    get "/api/v1/images/{id}/dossier" "public" "Its authorship: every generation, what people handed in, whose signatures stand, what was agreed" ? [] body "" gives "application/json" => agreements::dossier;
    post "/api/v1/images/{id}/agreements" "images" "Propose who its authors are: `ai_share` and `authors` (`name`, `share`, `role`, `did`) in per cent" ? [] body "application/json" gives "application/json" => agreements::propose;
    get "/api/v1/agreements" "images" "Proposals that name one, newest first" ? [] body "" gives "application/json" => agreements::list;
    get "/api/v1/agreements/{id}" "images" "A proposal with the signatures so far" ? [] body "" gives "application/json" => agreements::one;
    post "/api/v1/agreements/{id}/signature" "images" "Sign it; the last signature makes it public, in the log" ? [] body "" gives "application/json" => agreements::sign;
    post "/api/v1/agreements/{id}/refusal" "images" "Refuse it, or take it back" ? [] body "" gives "application/json" => agreements::refuse;
    delete "/api/v1/images/{id}/private" "images" "Erase the private words of an image of one's own, and what was handed in for it alone; the commitment stays" ? [] body "" gives "application/json" => images::erase;
    get "/api/v1/images/{id}/family" "public" "The images it was made from and those made from it" ? [] body "" gives "application/json" => images::family;
    post "/api/v1/inputs" "images" "Hand in a picture to edit, a sketch or a mask: `file`, `role` (`picture`, `sketch`, `mask`), for a picture `rights` (`own`, `permission`, `free`)" ? [] body "multipart/form-data" gives "application/json" => inputs::hand_in;
    get "/api/v1/inputs" "images" "What one handed in, newest first" ? ["after", "limit"] body "" gives "application/json" => inputs::list;
    get "/api/v1/inputs/{id}" "images" "Something one handed in" ? [] body "" gives "application/json" => inputs::one;
    get "/api/v1/inputs/{id}/file" "images" "Its file, for its sender alone" ? [] body "" gives "image/*" => inputs::file;
    delete "/api/v1/inputs/{id}" "images" "Erase something one handed in: its file, its name, what was found in it; images made with it stay" ? [] body "" gives "application/json" => inputs::erase;
    post "/api/v1/damage" "images" "Find the damage of a picture: a mask to look at and change, and what would undo its fading" ? [] body "application/json" gives "application/json" => workbench::damage;
    get "/api/v1/preferences" "images" "What one's own pictures have in common: colours, lightness, warmth" ? [] body "" gives "application/json" => workbench::preferences;
    get "/api/v1/palettes" "public" "Palettes made from one colour, five ways" ? ["base"] body "" gives "application/json" => workbench::palettes;
    get "/api/v1/jobs" "images" "Jobs of one's own, newest first, with place and seconds left" ? ["after", "limit"] body "" gives "application/json" => jobs::list;
    get "/api/v1/jobs/{id}/events" "images" "The same as server-sent events, with previews, until it is over" ? [] body "" gives "text/event-stream" => jobs::events;
    post "/api/v1/jobs/{id}/retry" "images" "Ask again for what failed or was called off" ? [] body "" gives "application/json" => jobs::retry;
    post "/api/v1/jobs/{id}/credit" "images" "Credit the works that a held picture is too near to, and go on with it" ? [] body "" gives "application/json" => jobs::credit;
    post "/api/v1/jobs/{id}/priority" "images" "Let it go later (-10 to 0) or, as an operator, sooner (to 10)" ? [] body "application/json" gives "application/json" => jobs::priority;
    get "/api/v1/jobs/{id}" "images" "How far a picture is" ? [] body "" gives "application/json" => jobs::one;
    delete "/api/v1/jobs/{id}" "images" "Call a picture off" ? [] body "" gives "application/json" => jobs::cancel;
    get "/api/v1/keys" "public" "Keys that accounts sign with, ended ones too" ? ["holder"] body "" gives "application/json" => keys::list;
    post "/api/v1/keys" "signed in" "Add an Ed25519 key to one's account: `keyid` (SHA-256 of its bytes, hex), `public_key` (base64), `required` (nothing is stated without it), `replaces`; signed by the key itself" ? [] body "application/json" gives "application/json" => keys::add;
    post "/api/v1/keys/{keyid}/end" "signed in" "End a key of one's own: `reason`" ? [] body "application/json" gives "application/json" => keys::end;
    get "/api/v1/works" "public" "Registered works" ? ["q", "licence", "author", "owner", "after", "limit", "format"] body "" gives "application/json" => works::list;
    post "/api/v1/works" "works" "Register a work with its picture and licence" ? [] body "multipart/form-data" gives "application/json" => works::register;
    get "/api/v1/works/{id}" "public" "One work with grants and verdicts" ? [] body "" gives "application/json" => works::one;
    get "/api/v1/works/{id}/picture" "public" "The work's picture" ? [] body "" gives "image/*" => works::picture;
    get "/api/v1/works/{id}/impact" "public" "Everything that stands on a work: datasets, models, and each of their images" ? ["after"] body "" gives "application/json" => works::impact;
    post "/api/v1/works/{id}/grants" "grants" "Give a further licence on a work: for some uses, to one account, with dates and places" ? [] body "application/json" gives "application/json" => works::give;
    post "/api/v1/grants/{id}/revocation" "grants" "Revoke a grant, with a reason that will be public" ? [] body "application/json" gives "application/json" => works::revoke;
    get "/api/v1/disputes" "public" "Disputes with their clocks, newest first" ? ["open", "after", "limit"] body "" gives "application/json" => disputes::list;
    get "/api/v1/disputes/{id}" "public" "One dispute, step by step" ? [] body "" gives "application/json" => disputes::one;
    post "/api/v1/works/{id}/disputes" "disputes" "Open a dispute: from then on nobody may use the work until it is decided" ? [] body "application/json" gives "application/json" => disputes::open;
    post "/api/v1/disputes/{id}/answer" "disputes" "Answer a claim on a work that one registered" ? [] body "application/json" gives "application/json" => disputes::step;
    post "/api/v1/disputes/{id}/decision" "operate" "Decide a dispute; upheld, every grant on the work is revoked" ? [] body "application/json" gives "application/json" => disputes::step;
    post "/api/v1/disputes/{id}/appeal" "disputes" "Ask for a second look, once" ? [] body "application/json" gives "application/json" => disputes::step;
    get "/api/v1/imports" "works" "Imports of one's own" ? ["after", "limit"] body "" gives "application/json" => imports::list;
    get "/api/v1/imports/{id}" "works" "How far an import is" ? [] body "" gives "application/json" => imports::one;
    get "/api/v1/imports/{id}/rows" "works" "What became of each row" ? ["outcome", "after", "limit", "format"] body "" gives "application/json" => imports::rows;
    delete "/api/v1/imports/{id}" "works" "Call an import off; what was registered stays" ? [] body "" gives "application/json" => imports::cancel;
    post "/api/v1/grants/{id}/conclusion" "operate" "Put on record what a grant's licence was found to be, by somebody who did not declare it" ? [] body "application/json" gives "application/json" => works::conclude;
    post "/api/v1/works/{id}/reservations" "grants" "Declare an opt-out of a work, in words" ? [] body "application/json" gives "application/json" => works::reserve;
    post "/api/v1/reservations" "grants" "Hand in what a site says (tdmrep.json, Content-Usage, robots.txt, RSL); kept for every work on record as published there" ? ["signal", "place"] body "application/octet-stream" gives "application/json" => works::reserve_by_site;
    get "/api/v1/uses" "signed in" "Images in which one's own works are found, credited or not; an operator may name any `owner`; `format` csv gives all of them as one table" ? ["owner", "after", "limit", "format"] body "" gives "application/json" => uses::list;
    get "/api/v1/licences" "public" "What the rule table says of a licence or SPDX expression; without one, all that it names" ? ["licence"] body "" gives "application/json" => licences::verdicts;
    get "/api/v1/datasets" "public" "Frozen datasets" ? [] body "" gives "application/json" => lineage::datasets;
    post "/api/v1/datasets" "works" "Freeze what a query finds and may be trained on, or only look (`dry_run`)" ? [] body "application/json" gives "application/json" => lineage::freeze;
    get "/api/v1/datasets/{id}/provenance-card" "public" "Data provenance card in the fields of the Data Provenance Initiative" ? [] body "" gives "application/json" => exports::dataset_card;
    get "/api/v1/datasets/{id}" "public" "One dataset: root, licences, authors" ? [] body "" gives "application/json" => lineage::dataset;
    get "/api/v1/datasets/{id}/works" "public" "Ids of its members, in the order of the Merkle tree" ? [] body "" gives "application/json" => lineage::members;
    get "/api/v1/datasets/{id}/works.csv" "public" "Its members as a table, under the licences of the day it was frozen" ? [] body "" gives "text/csv" => exports::works_csv;
    get "/api/v1/datasets/{id}/croissant" "public" "MLCommons Croissant 1.1 with RAI" ? [] body "" gives "application/ld+json" => exports::dataset_croissant;
    get "/api/v1/datasets/{id}/membership" "public" "Proof that a work is, or is not, among its members, checkable offline" ? ["work"] body "" gives "application/json" => lineage::membership;
    get "/api/v1/models" "public" "Registered models" ? [] body "" gives "application/json" => lineage::models;
    get "/api/v1/models/{id}" "public" "One model with its card" ? [] body "" gives "application/json" => lineage::model;
    get "/api/v1/models/{id}/cyclonedx" "public" "CycloneDX 1.7 ML-BOM" ? [] body "" gives "application/vnd.cyclonedx+json" => exports::model_cyclonedx;
    get "/api/v1/models/{id}/spdx" "public" "SPDX 3.0.1 with the AI and dataset profiles" ? [] body "" gives "application/spdx+json" => exports::model_spdx;
    get "/api/v1/models/{id}/training-summary" "public" "Summary of training content, EU AI Act Article 53(1)(d)" ? [] body "" gives "text/markdown" => exports::model_summary;
    get "/api/v1/policies" "public" "The policy bundle in force" ? [] body "" gives "application/json" => policy::bundle;
    get "/api/v1/policies/{id}" "public" "One policy: its rules, who answers for it, consents, rulings, and how often it answered what" ? [] body "" gives "application/json" => stewards::policy;
    post "/api/v1/policies/reload" "operate" "Read the policy folder again; a bundle that fails its own cases is not put in force" ? [] body "" gives "application/json" => stewards::reload;
    post "/api/v1/policies/{id}/stewards" "policies" "Name a steward: the first by an operator, further ones by a steward" ? [] body "application/json" gives "application/json" => stewards::appoint;
    post "/api/v1/policies/{id}/stewards/end" "policies" "End an appointment, with a reason that will be public" ? [] body "application/json" gives "application/json" => stewards::end;
    post "/api/v1/policies/{id}/members" "policies" "Note that somebody is a member, as a steward of the tradition; private" ? [] body "application/json" gives "application/json" => stewards::member;
    post "/api/v1/policies/{id}/members/removal" "policies" "Take that back" ? [] body "application/json" gives "application/json" => stewards::no_member;
    post "/api/v1/consents" "policies" "Give a consent: one rule, one account, named uses, until a day" ? [] body "application/json" gives "application/json" => stewards::consent;
    get "/api/v1/consents/{id}" "public" "One consent as it stands" ? [] body "" gives "application/json" => stewards::one_consent;
    post "/api/v1/consents/{id}/revocation" "policies" "Take a consent back, with a reason that will be public" ? [] body "application/json" gives "application/json" => stewards::revoke;
    get "/api/v1/reviews" "policies" "Requests that wait for a person, the longest wait first" ? ["after", "limit"] body "" gives "application/json" => stewards::reviews;
    post "/api/v1/reviews" "images" "Ask a person about a decision of one's own: a review, or an appeal" ? [] body "application/json" gives "application/json" => stewards::ask;
    get "/api/v1/reviews/{id}" "images" "One request with its clock, its place in the queue and the rulings on it" ? [] body "" gives "application/json" => stewards::one_review;
    post "/api/v1/reviews/{id}/rulings" "policies" "Rule on one rule of a request; the last ruling closes it" ? [] body "application/json" gives "application/json" => stewards::rule;
    delete "/api/v1/reviews/{id}" "images" "Call a request of one's own off" ? [] body "" gives "application/json" => stewards::withdraw;
    post "/api/v1/works/{id}/projects" "grants" "Say that a work belongs to a project of the Local Contexts Hub: the JSON of its API, version 2, or its `unique_id` alone, to be fetched" ? [] body "application/octet-stream" gives "application/json" => stewards::project;
    post "/api/v1/policy/check" "public" "What the policy says of some words; nothing is kept" ? [] body "application/json" gives "application/json" => policy::check;
    post "/api/v1/policy/check/picture" "public" "What the policy says of making something from a picture: its credentials and the work it resembles; nothing is kept" ? [] body "multipart/form-data" gives "application/json" => policy::picture;
    post "/api/v1/verify" "public" "Is this file what it claims?" ? [] body "multipart/form-data" gives "application/json" => verify::check;
    post "/api/v1/likeness" "public" "Which registered works and which images a picture is like, and where: cropped, turned, mirrored; nothing is kept" ? [] body "multipart/form-data" gives "application/json" => look::likeness;
    get "/api/v1/statements" "public" "Log entries, newest first: by number, id, hash or name (`q`), by type, by party, by what they are about" ? ["q", "kind", "actor", "about", "after", "limit"] body "" gives "application/json" => statements::list;
    get "/api/v1/statements/{id}" "public" "One statement as logged: a DSSE envelope" ? [] body "" gives "application/vnd.in-toto+json" => statements::one;
    get "/openapi.json" "public" "This list, for programs" ? [] body "" gives "application/json" => openapi::document;
}

/// What takes as long as its sender's line.
const IMPORT: Route = Route {
    method: "post",
    path: "/api/v1/imports",
    scope: "works",
    summary: "Register many works: a ZIP with a list and its files, or a list (CSV, JSON Lines, Croissant), sent as it is",
    query: &[
        "name",
        "list",
        "from_files",
        "author",
        "rights_holder",
        "licence",
        "licence_url",
        "source",
        "collection",
        "evidence",
    ],
    body: "application/octet-stream",
    answer: "application/json",
};

/// Every route of the API.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    SHORT.iter().chain(std::iter::once(&IMPORT))
}

pub(super) fn long_router() -> Router<State> {
    Router::new().route(IMPORT.path, post(imports::begin))
}

pub(super) fn router(max_upload: usize) -> Router<State> {
    // A little room for the other fields of a form.
    all().layer(DefaultBodyLimit::max(max_upload + (64 << 10)))
}

/// Whether everything needed to work is there: database and engine.
pub(super) async fn readyz(Handed(state): Handed<State>) -> Response {
    let answers = async {
        let mut tx = state.instance.store.read().await?;
        storage::log::head(&mut tx).await
    };
    let problem = match answers.await {
        Err(e) => Some(e.to_string()),
        Ok(None) => Some("no checkpoint was signed yet".to_owned()),
        Ok(Some(_)) => (state.health)(),
    };
    match problem {
        None => "ready\n".into_response(),
        Some(problem) => {
            tracing::warn!(%problem, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
        }
    }
}

/// Rows of a page of a list: 1 to 200, 50 unless asked.
pub(super) fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(50).clamp(1, 200)
}

/// What every list may be asked.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Paging {
    /// `next` of the page before.
    pub after: String,
    /// Rows.
    pub limit: Option<u32>,
}

pub(super) type TheInstance = Handed<Instance>;

pub(super) use openai::{router as openai_router, skin as openai_skin};
// What the pages share with the API: the same reads, so that both show the same.
pub(super) use agreements::agreed;
pub(super) use images::{file as image_file, proof as image_receipt, record as image_record};
pub(crate) use imports::{REPORT as REPORT_COLUMNS, line as report_line};
pub(super) use imports::{incoming, outcome as row_outcome, own as own_import, too_large};
pub(super) use jobs::own as own_job;
pub(super) use keys::trusted as trusted_keys;
pub(super) use look::{LookedFor, look_for};
pub(super) use shape::{answer, public_words, verdicts};
pub(super) use works::{
    Asked, page as work_page, picture as work_picture, record as work_record, registration, tdmrep_json, terms as work_terms,
};
