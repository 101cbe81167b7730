//! `/works`: the list, one work with its verdicts and uses, and the form that registers one.

use axum::extract::State as Handed;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::licences::{use_label, verdict_row};
use super::view::works::{GrantForm, GrantRow, ImpactView, RevokeForm, Revoked};
use super::view::{Choice, Field, Link, WorkNewPage, WorkPage, WorksPage};
use super::{Page, Refused, chrome, fill};
use crate::accounts::Scope;
use crate::actions::grant_licence::{Granting, grant_licence};
use crate::actions::impact::impact;
use crate::actions::register_work::register_work;
use crate::actions::revoke_grant::revoke_grant;
use crate::actions::{Error, verify_image};
use crate::clock::Timestamp;
use crate::id::WorkId;
use crate::storage;
use crate::storage::works::GrantRecord;
use crate::web::State;
use crate::web::api::{Asked, registration, verdicts, work_page, work_record};
use crate::web::error::{Failure, encode};
use crate::web::extract::{Form, Query, Segment, Upload};
use crate::web::session::Visitor;
use crate::works::rules::{OFFERED, RULES_VERSION};
use crate::works::verdict::verdict;
use crate::works::{Answer, Usage};

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
    build(&state, &visitor, id, Field::default(), grant_form(&Form::default(), &[], "")).await.map(Page)
}

async fn build(state: &State, visitor: &Visitor, id: WorkId, reason: Field, give: GrantForm) -> Result<WorkPage, Failure> {
    let instance = &state.instance;
    let now = instance.clock.now();
    let mut tx = instance.store.read().await?;
    let record = work_record(&mut tx, id).await?;
    let grants = storage::works::grants(&mut tx, id).await?;
    let (images_total, newest) = storage::images::of_work(&mut tx, id, IMAGES).await?;
    let images = fill::image_cards(&mut tx, &newest).await?;
    let datasets: Vec<_> = storage::datasets::of_work(&mut tx, id).await?.iter().map(fill::dataset_ref).collect();
    let standing = impact(&mut tx, id).await?;
    let mut models = Vec::new();
    for model in &standing.models {
        if let Some(found) = storage::models::find(&mut tx, *model).await? {
            models.push(Link::new(found.model.card.title, format!("/models/{model}")));
        }
    }
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
    let known =
        shown.is_some_and(|g| !g.scope.uses.is_empty() || verdict(&g.licence, Usage::Derivative).answer != Answer::Unknown);
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
        revoked: revoked.clone(),
        verdicts: verdicts(&grants, now).into_iter().map(verdict_row).collect(),
        rules_version: RULES_VERSION.to_owned(),
        grants: rows,
        reservations: vec![],
        images,
        images_total,
        images_url: String::new(),
        impact: ImpactView {
            datasets: datasets.iter().map(|d| Link::new(d.title.clone(), format!("/datasets/{}", d.id))).collect(),
            models,
            drawn: standing.drawn.len() as u64,
            made: standing.made.len() as u64,
            since: revoked.as_ref().map(|r| r.when.clone()),
            json_url: format!("/api/v1/works/{id}/impact"),
        },
        datasets,
        record: inclusion,
        give: mine.then_some(give),
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
        scope: g.grant.scope.sentence(),
        evidence: g.grant.evidence.clone(),
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
                let page =
                    build(&state, &visitor, id, Field::wrong(form.get("reason"), problem), grant_form(&Form::default(), &[], ""))
                        .await?;
                return Ok(Refused(StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(Redirect::to(&format!("/works/{id}")).into_response())
}

/// The form as typed, with what is wrong in it.
fn grant_form(form: &Form, problems: &[(&'static str, String)], problem: &str) -> GrantForm {
    let field = |name: &str, fault: &str| Field {
        value: form.get(name).to_owned(),
        problem: problems.iter().filter(|(n, _)| *n == fault).map(|(_, p)| p.clone()).collect::<Vec<_>>().join("; "),
    };
    let chosen: Vec<&str> = form.get("uses").split(',').collect();
    // What has no field of its own is said above the form.
    let named = ["licence", "licence_url", "evidence", "terms", "grantee", "territory", "ends_at"];
    let rest = problems.iter().filter(|(n, _)| !named.contains(n)).map(|(_, p)| p.as_str());
    GrantForm {
        licence: field("licence", "licence"),
        uses: Usage::ALL.map(|u| Choice::new(u.as_str(), use_label(u), chosen.contains(&u.as_str()))).into(),
        grantee: field("grantee", "grantee"),
        territory: field("territory", "territory"),
        ends: field("ends", "ends_at"),
        evidence: field("evidence", "evidence"),
        terms: field("terms", "terms"),
        exclusive: form.get("exclusive") == "yes",
        problem: [problem].into_iter().filter(|p| !p.is_empty()).chain(rest).collect::<Vec<_>>().join("; "),
        open: !problems.is_empty() || !problem.is_empty(),
    }
}

/// What a sent form grants. The last day counts whole.
fn granting(form: &Form) -> Result<Granting, (&'static str, String)> {
    const DAY_MS: i64 = 86_400_000;
    let list = |name: &str| {
        form.get(name).split([',', ' ']).map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let ends_at = match form.get("ends").trim() {
        "" => None,
        day => match Timestamp::parse(&format!("{day}T00:00:00Z")) {
            Some(start) => Some(start.plus_millis(DAY_MS)),
            None => return Err(("ends_at", "name a day such as 2027-01-31".to_owned())),
        },
    };
    Ok(Granting {
        licence: form.get("licence").to_owned(),
        licence_url: String::new(),
        terms: form.get("terms").to_owned(),
        evidence: form.get("evidence").to_owned(),
        starts_at: None,
        ends_at,
        uses: list("uses").iter().filter_map(|name| Usage::ALL.into_iter().find(|u| u.as_str() == name)).collect(),
        grantee: Some(form.get("grantee").trim().to_owned()).filter(|name| !name.is_empty()),
        territory: list("territory").iter().map(|code| code.to_uppercase()).collect(),
        exclusive: form.get("exclusive") == "yes",
    })
}

pub(super) async fn give(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<WorkId>,
    form: Form,
) -> Result<Response, Failure> {
    let actor = visitor.someone()?;
    visitor.check_form(form.get("csrf"))?;
    let (status, faults, problem) = match granting(&form) {
        Err(fault) => (StatusCode::UNPROCESSABLE_ENTITY, vec![fault], String::new()),
        Ok(sent) => match grant_licence(&state.instance, actor, id, sent).await {
            Ok(_) => return Ok(Redirect::to(&format!("/works/{id}#grants")).into_response()),
            Err(Error::Invalid(faults)) => (StatusCode::UNPROCESSABLE_ENTITY, faults, String::new()),
            Err(Error::Conflict(problem)) => (StatusCode::CONFLICT, vec![], problem),
            Err(e) => return Err(e.into()),
        },
    };
    let page = build(&state, &visitor, id, Field::default(), grant_form(&form, &faults, &problem)).await?;
    Ok(Refused(status, page).into_response())
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
    licence.extend(OFFERED.map(|l| Choice::new(l, format!("{} ({l})", crate::works::licence::title(l)), l == chosen)));
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
