//! `/works`: the list, one work with its verdicts and uses, and the form that registers one.

use axum::extract::State as Handed;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::licences::verdict_row;
use super::view::works::{GrantRow, RevokeForm, Revoked};
use super::view::{Choice, Field, Link, WorkNewPage, WorkPage, WorksPage};
use super::{Page, Refused, chrome, fill};
use crate::accounts::Scope;
use crate::actions::register_work::register_work;
use crate::actions::revoke_grant::revoke_grant;
use crate::actions::{Error, verify_image};
use crate::id::WorkId;
use crate::storage;
use crate::storage::works::GrantRecord;
use crate::web::State;
use crate::web::api::{Asked, registration, verdicts, work_page, work_record};
use crate::web::error::{Failure, encode};
use crate::web::extract::{Form, Query, Segment, Upload};
use crate::web::session::Visitor;
use crate::works::rules::RULES_VERSION;
use crate::works::verdict::known_licences;

/// Works on a page of the list.
const ROWS: u32 = 36;
/// Pictures shown on a work's page.
const IMAGES: u32 = 8;

pub(super) async fn list(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Page<WorksPage>, Failure> {
    let chrome = chrome(&state, &visitor, "Works", "/works").await?;
    let mut tx = state.instance.store.read().await?;
    let now = state.instance.clock.now();
    let page = work_page(&state.instance, &mut tx, &asked, ROWS).await?;
    let mut items = Vec::new();
    for record in &page.items {
        items.extend(fill::work_card(&mut tx, record.work.id, None, now, now).await?);
    }
    let mut licences = vec![Choice::new("", "any licence", asked.licence.is_empty())];
    for (licence, _) in storage::works::by_licence(&mut tx, now).await? {
        let chosen = licence == asked.licence;
        licences.push(Choice::new(licence.clone(), fill::short_licence(&licence), chosen));
    }
    let query = format!("q={}&licence={}&author={}", encode(&asked.q), encode(&asked.licence), encode(&asked.author));
    Ok(Page(WorksPage {
        chrome,
        items,
        total: page.total,
        next_url: page.next.map(|n| format!("/works?{query}&after={n}")).unwrap_or_default(),
        first_url: if asked.after.is_empty() { String::new() } else { format!("/works?{query}") },
        json_url: format!("/api/v1/works?{query}"),
        csv_url: format!("/api/v1/works?{query}&format=csv"),
        licences,
        q: asked.q,
        author: asked.author,
    }))
}

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<WorkId>,
) -> Result<Page<WorkPage>, Failure> {
    build(&state, &visitor, id, Field::default()).await.map(Page)
}

async fn build(state: &State, visitor: &Visitor, id: WorkId, reason: Field) -> Result<WorkPage, Failure> {
    let instance = &state.instance;
    let now = instance.clock.now();
    let mut tx = instance.store.read().await?;
    let record = work_record(&mut tx, id).await?;
    let grants = storage::works::grants(&mut tx, id).await?;
    let (images_total, newest) = storage::images::of_work(&mut tx, id, IMAGES).await?;
    let images = fill::image_cards(&mut tx, &newest).await?;
    let datasets: Vec<_> = storage::datasets::of_work(&mut tx, id).await?.iter().map(fill::dataset_ref).collect();
    let inclusion = fill::record_view(instance, &mut tx, record.statement, format!("/log/receipts/{}", record.statement)).await?;
    let mut rows = Vec::new();
    for grant in grants.iter().rev() {
        rows.push(grant_row(&mut tx, grant).await?);
    }
    let revoked = match verify_image::revocation(&mut tx, id, now).await? {
        None => None,
        Some(revoked) => {
            let statement = grants.iter().filter_map(|g| g.revoked.as_ref()).max_by_key(|r| r.at).map(|r| r.statement);
            let index = match statement {
                Some(statement) => storage::log::find(&mut tx, statement).await?.and_then(|e| e.index),
                None => None,
            };
            Some(Revoked { when: fill::day(revoked.since), by: String::new(), reason: revoked.reason, index })
        }
    };
    drop(tx);
    let work = record.work;
    let shown = fill::shown_grant(&grants, now).map(|g| &g.grant);
    let known = shown.is_some_and(|g| known_licences().any(|l| l == g.licence));
    let mine =
        visitor.actor.as_ref().is_some_and(|a| a.may(Scope::Grants) && (a.name == work.registered_by || a.may(Scope::Operate)));
    let revocable = mine && grants.iter().any(|g| g.in_force(now));
    Ok(WorkPage {
        chrome: chrome(state, visitor, &work.title, &format!("/works/{id}")).await?,
        id: id.to_string(),
        picture: format!("/works/{id}/picture"),
        width: 64,
        height: 64,
        author: Link::new(work.author.clone(), format!("/works?author={}", encode(&work.author))),
        licence: shown.map_or_else(
            || Link::new("unknown", ""),
            |g| {
                Link::new(
                    if known { fill::short_licence(&g.licence) } else { format!("{} (unknown to the rules)", g.licence) },
                    g.licence_url.clone(),
                )
            },
        ),
        licence_known: known,
        source: Link::new(work.source.clone(), work.source.clone()),
        tags: work.tags.iter().map(|t| t.join(" ")).collect(),
        registered: fill::minute(work.registered_at),
        registered_by: work.registered_by.clone(),
        blake3: work.digest.blake3.to_string(),
        sha256: work.digest.sha256.to_string(),
        revoked,
        verdicts: verdicts(&grants, now).into_iter().map(verdict_row).collect(),
        rules_version: RULES_VERSION.to_owned(),
        grants: rows,
        reservations: vec![],
        images,
        images_total,
        images_url: String::new(),
        datasets,
        record: inclusion,
        revoke: revocable.then(|| RevokeForm {
            reason,
            impact: format!(
                "From then on no picture draws on it. {} picture{} made before keep their credits and say that it was revoked.",
                images_total,
                if images_total == 1 { "" } else { "s" }
            ),
        }),
        title: work.title,
    })
}

async fn grant_row(tx: &mut storage::Tx, g: &GrantRecord) -> Result<GrantRow, Failure> {
    Ok(GrantRow {
        id: g.grant.id.to_string(),
        licence: fill::short_licence(&g.grant.licence),
        scope: g.grant.evidence.clone(),
        given_by: g.grant.declared_by.clone(),
        from: fill::day(g.grant.starts_at),
        until: g.grant.ends_at.map(fill::day),
        revoked: g.revoked.as_ref().map(|r| fill::day(r.at)),
        index: storage::log::find(tx, g.statement).await?.and_then(|e| e.index),
        revoke_url: String::new(),
    })
}

/// Revokes every grant in force on the work.
pub(super) async fn revoke(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<WorkId>,
    form: Form,
) -> Result<Response, Failure> {
    let actor = visitor.someone()?;
    visitor.check_form(form.get("csrf"))?;
    let now = state.instance.clock.now();
    let mut tx = state.instance.store.read().await?;
    work_record(&mut tx, id).await?;
    let grants = storage::works::grants(&mut tx, id).await?;
    drop(tx);
    for grant in grants.iter().filter(|g| g.in_force(now)) {
        match revoke_grant(&state.instance, actor, grant.grant.id, form.get("reason")).await {
            Ok(_) => {}
            Err(Error::Invalid(problems)) => {
                let problem = problems.into_iter().map(|(_, p)| p).collect::<Vec<_>>().join("; ");
                let page = build(&state, &visitor, id, Field::wrong(form.get("reason"), problem)).await?;
                return Ok(Refused(StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(Redirect::to(&format!("/works/{id}")).into_response())
}

pub(super) async fn new(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<WorkNewPage>, Failure> {
    if !visitor.may(Scope::Works) {
        visitor.someone()?;
        return Err(Error::Forbidden(Scope::Works).into());
    }
    new_page(&state, &visitor, &Form::default(), &[]).await.map(Page)
}

async fn new_page(
    state: &State,
    visitor: &Visitor,
    form: &Form,
    problems: &[(&'static str, String)],
) -> Result<WorkNewPage, Failure> {
    let problem = |name: &str| problems.iter().find(|(n, _)| *n == name).map(|(_, p)| p.clone()).unwrap_or_default();
    let field = |name: &str| Field { value: form.get(name).to_owned(), problem: problem(name) };
    let chosen = form.get("licence");
    let mut licence = vec![Choice::new("", "choose a licence", chosen.is_empty())];
    licence.extend(known_licences().map(|l| Choice::new(l, format!("{} ({l})", crate::works::licence::title(l)), l == chosen)));
    Ok(WorkNewPage {
        chrome: chrome(state, visitor, "Register a work", "/works/new").await?,
        file_problem: problem("picture"),
        title: field("title"),
        tags: field("tags"),
        author: field("author"),
        source: field("source"),
        licence,
        licence_problem: problem("licence"),
        problem: problem("other"),
        max_bytes: state.max_upload as u64,
    })
}

pub(super) async fn register(Handed(state): Handed<State>, visitor: Visitor, upload: Upload) -> Result<Response, Failure> {
    let actor = visitor.someone()?;
    visitor.check_form(upload.form.get("csrf"))?;
    let form = upload.form.clone();
    match register_work(&state.instance, actor, registration(upload)).await {
        Ok((id, _)) => Ok(Redirect::to(&format!("/works/{id}")).into_response()),
        Err(Error::Invalid(problems)) => {
            let page = new_page(&state, &visitor, &form, &problems).await?;
            Ok(Refused(StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(Error::Conflict(problem)) => {
            let page = new_page(&state, &visitor, &form, &[("other", problem)]).await?;
            Ok(Refused(StatusCode::CONFLICT, page).into_response())
        }
        Err(e) => Err(e.into()),
    }
}
