//! `/works`: the list, one work with its verdicts and uses, and the form that registers one.

use axum::extract::State as Handed;
use axum::response::{IntoResponse, Redirect, Response};

use super::disputes::line as dispute_line;
use super::evidence::{download, links};
use super::licences::{use_label, verdict_row};
use super::view::disputes::DisputeLine;
use super::view::policies::{LabelView, ProjectView};
use super::view::works::{GrantForm, GrantRow, ImpactView, ReservationRow, RevokeForm, Revoked};
use super::view::{Choice, Field, Link, WorkNewPage, WorkPage, WorksPage};
use super::{Page, Problems, Refused, chrome, fill, problems_of};
use crate::accounts::Scope;
use crate::actions::attach_project::ask_for_project;
use crate::actions::conclude_licence::conclude_licence;
use crate::actions::grant_licence::{Granting, grant_licence};
use crate::actions::impact::impact;
use crate::actions::offer_record::{forget_offered, offer_record, offered_file};
use crate::actions::register_work::register_work;
use crate::actions::reserve_works::reserve_work;
use crate::actions::revoke_grant::revoke_grant;
use crate::actions::{Error, verify_image};
use crate::clock::Timestamp;
use crate::digest::Sha256Hash;
use crate::id::{GrantId, WorkId};
use crate::policy::Use;
use crate::storage;
use crate::storage::works::GrantRecord;
use crate::web::State;
use crate::web::api::{Asked, registration, verdicts, work_page, work_record};
use crate::web::error::{Failure, encode};
use crate::web::extract::{Form, Pair, Query, Segment, Upload};
use crate::web::session::Visitor;
use crate::works::licence::NO_ASSERTION;
use crate::works::metadata::{Metadata, Property};
use crate::works::rules::{OFFERED, RULES_VERSION};
use crate::works::verdict::verdict;
use crate::works::{Answer, Creator, Usage, date_of};

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
    let [q, licence, author, owner] = [&asked.q, &asked.licence, &asked.author, &asked.owner].map(|text| encode(text));
    let query = format!("q={q}&licence={licence}&author={author}&owner={owner}");
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
        owner: asked.owner,
    }))
}

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<WorkId>,
) -> Result<Page<WorkPage>, Failure> {
    build(&state, &visitor, id).await.map(Page)
}

async fn build(state: &State, visitor: &Visitor, id: WorkId) -> Result<WorkPage, Failure> {
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
    let terms = storage::terms::of(&mut tx, id).await?;
    let mut reservations = Vec::new();
    for found in storage::terms::reservations(&mut tx, id).await? {
        let uses: Vec<String> = found.reservation.uses.iter().map(|u| use_label(*u).to_owned()).collect();
        reservations.push(ReservationRow {
            signal: found.reservation.signal.title().to_owned(),
            says: found.reservation.says,
            place: found.reservation.place,
            reserves: uses.join(", "),
            seen: fill::day(found.seen_at),
            sha256: found.reservation.seen_sha256.to_string(),
            bytes: found.reservation.seen,
        });
    }
    let inclusion = fill::record_view(instance, &mut tx, record.statement, format!("/log/receipts/{}", record.statement)).await?;
    let mut rows = Vec::new();
    for grant in grants.iter().rev() {
        rows.push(grant_row(&mut tx, grant).await?);
    }
    let mut disputes = Vec::new();
    for found in storage::disputes::of_work(&mut tx, id).await? {
        disputes.push(dispute_line(&found, &record.work.title, now));
    }
    let disputed_since = disputes.iter().find(|d: &&DisputeLine| d.open).map(|d| d.opened.clone());
    let revoked = match verify_image::revocation(&mut tx, id, now).await?.filter(|_| terms.disputed.is_none()) {
        None => None,
        Some(revoked) => {
            let statement = grants.iter().filter_map(|g| g.revoked.as_ref()).max_by_key(|r| r.at).map(|r| r.statement);
            let index = match statement {
                Some(statement) => storage::log::find(&mut tx, statement).await?.and_then(|e| e.index),
                None => None,
            };
            Some(Revoked {
                when: fill::day(revoked.since),
                by: String::new(),
                reason: revoked.reason,
                index,
                partly: terms.open(now),
            })
        }
    };
    let mut projects = Vec::new();
    for project in storage::projects::of_work(&mut tx, id).await? {
        let labels = project.labels.iter().map(|l| LabelView {
            name: l.name.clone(),
            community: l.community.clone(),
            text: l.text.clone(),
            language: l.language.clone(),
            outcome: l.outcome(Use::Personal).as_str().to_owned(),
        });
        projects.push(ProjectView {
            labels: labels.collect(),
            project: Link::new(project.title, project.page),
            contact: project.contact,
        });
    }
    let asked = storage::projects::asked(&mut tx, Some(id)).await?;
    drop(tx);
    let work = record.work;
    let shown = fill::shown_grant(&grants, now).map(|g| &g.grant);
    let known = shown
        .is_some_and(|g| !g.scope.uses.is_empty() || verdict(g.licence_concluded(), Usage::Derivative).answer != Answer::Unknown);
    let mine =
        visitor.actor.as_ref().is_some_and(|a| a.may(Scope::Grants) && (a.name == work.registered_by || a.may(Scope::Operate)));
    let revocable = mine && grants.iter().any(|g| g.in_force(now));
    let projects_asked = asked
        .into_iter()
        .filter(|_| mine)
        .map(|asked| match asked.problem.as_str() {
            "" => format!("The project {} is being fetched.", asked.project),
            problem => format!("The project {} could not be fetched: {problem}", asked.project),
        })
        .collect();
    Ok(WorkPage {
        chrome: chrome(state, visitor, &work.title, &format!("/works/{id}")).await?,
        id: id.to_string(),
        picture: if work.held { format!("/works/{id}/picture") } else { String::new() },
        width: 64,
        height: 64,
        creators: if work.creators.len() > 1 || work.creators.iter().any(|c| !c.role.is_empty() || c.share.is_some()) {
            work.creators.iter().map(Creator::text).collect()
        } else {
            Vec::new()
        },
        rights_holder: work.rights_holder.clone(),
        created: work.created.clone(),
        published: work.published.clone(),
        evidence_files: links(&work.evidence_files, &format!("/works/{id}"), mine),
        author: Link::new(work.author.clone(), format!("/works?author={}", encode(&work.author))),
        licence: shown.map_or_else(
            || Link::new("unknown", ""),
            |g| {
                Link::new(
                    if known {
                        fill::short_licence(g.licence_concluded())
                    } else {
                        format!("{} (unknown to the rules)", g.licence_concluded())
                    },
                    g.licence_url.clone(),
                )
            },
        ),
        licence_known: known,
        source: Link::new(work.source.clone(), work.source.clone()),
        tags: work.tags.iter().map(|t| t.join(" ")).collect(),
        registered: fill::minute(work.registered_at),
        registered_by: work.registered_by.clone(),
        blake3: work.digest.blake3.map(|b| b.to_string()).unwrap_or_default(),
        sha256: work.digest.sha256.to_string(),
        revoked: revoked.clone(),
        verdicts: verdicts(&terms, now).into_iter().map(verdict_row).collect(),
        rules_version: RULES_VERSION.to_owned(),
        grants: rows,
        reservations,
        projects,
        projects_asked,
        name_project: (mine && instance.asks_hub).then(Field::default),
        dispute_url: if visitor.may(Scope::Disputes) && terms.disputed.is_none() {
            format!("/works/{id}/dispute")
        } else {
            String::new()
        },
        disputes,
        uses_url: if visitor.actor.as_ref().is_some_and(|a| a.name == work.registered_by || a.may(Scope::Operate)) {
            format!("/works/{id}/uses")
        } else {
            String::new()
        },
        images,
        images_total,
        images_url: String::new(),
        impact: ImpactView {
            datasets: datasets.iter().map(|d| Link::new(d.title.clone(), format!("/datasets/{}", d.id))).collect(),
            models,
            drawn: standing.drawn.len() as u64,
            made: standing.made.len() as u64,
            since: revoked.as_ref().map(|r| r.when.clone()).or(disputed_since),
            json_url: format!("/api/v1/works/{id}/impact"),
        },
        datasets,
        record: inclusion,
        give: mine.then(|| grant_form(&Form::default(), &Problems::default())),
        reserve: mine.then(Field::default),
        may_conclude: visitor.may(Scope::Operate),
        conclude_problem: String::new(),
        revoke: revocable.then(|| RevokeForm {
            reason: Field::default(),
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
        detected: g
            .grant
            .detected
            .iter()
            .map(|d| format!("{} ({})", if d.licence == NO_ASSERTION { &d.says } else { &d.licence }, d.place))
            .collect(),
        concluded: g.grant.concluded.as_ref().map_or_else(String::new, |c| {
            let by = c.verified_by.as_ref().map(|by| format!(", verified by {by}")).unwrap_or_default();
            let licence = if c.licence == NO_ASSERTION { "none can be told" } else { &c.licence };
            format!("{licence}{by}: {}", c.reason)
        }),
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
    let actor = visitor.sent(&form)?;
    let now = state.instance.clock.now();
    let mut tx = state.instance.store.read().await?;
    work_record(&mut tx, id).await?;
    let grants = storage::works::grants(&mut tx, id).await?;
    drop(tx);
    for grant in grants.iter().filter(|g| g.in_force(now)) {
        if let Err(e) = revoke_grant(&state.instance, actor, grant.grant.id, form.get("reason")).await {
            let (status, problems) = problems_of(e)?;
            let mut page = build(&state, &visitor, id).await?;
            if let Some(revoke) = &mut page.revoke {
                revoke.reason = Field::wrong(form.get("reason"), problems.all());
            }
            return Ok(Refused(status, page).into_response());
        }
    }
    Ok(Redirect::to(&format!("/works/{id}")).into_response())
}

/// The form as typed, with what is wrong in it.
fn grant_form(form: &Form, problems: &Problems) -> GrantForm {
    let field = |name: &str, fault: &str| Field { value: form.get(name).to_owned(), problem: problems.of(fault) };
    let chosen: Vec<&str> = form.get("uses").split(',').collect();
    GrantForm {
        licence: field("licence", "licence"),
        uses: Usage::ALL.map(|u| Choice::new(u.as_str(), use_label(u), chosen.contains(&u.as_str()))).into(),
        grantee: field("grantee", "grantee"),
        territory: field("territory", "territory"),
        ends: field("ends", "ends_at"),
        evidence: field("evidence", "evidence"),
        terms: field("terms", "terms"),
        exclusive: form.get("exclusive") == "yes",
        problem: problems.beside(&["licence", "evidence", "terms", "grantee", "territory", "ends_at"]),
        open: !problems.is_empty(),
    }
}

/// What a sent form grants. The last day counts whole.
fn granting(form: &Form) -> Result<Granting, Error> {
    const DAY_MS: i64 = 86_400_000;
    let list = |name: &str| {
        form.get(name).split([',', ' ']).map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let ends_at = match form.get("ends").trim() {
        "" => None,
        day => match Timestamp::parse(&format!("{day}T00:00:00Z")) {
            Some(start) => Some(start.plus_millis(DAY_MS)),
            None => return Err(Error::invalid("ends_at", "name a day such as 2027-01-31")),
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
    let actor = visitor.sent(&form)?;
    let given = match granting(&form) {
        Ok(sent) => grant_licence(&state.instance, actor, id, sent).await,
        Err(e) => Err(e),
    };
    match given {
        Ok(_) => Ok(Redirect::to(&format!("/works/{id}#grants")).into_response()),
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            let mut page = build(&state, &visitor, id).await?;
            page.give = page.give.map(|_| grant_form(&form, &problems));
            Ok(Refused(status, page).into_response())
        }
    }
}

pub(super) async fn new(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<WorkNewPage>, Failure> {
    if !visitor.may(Scope::Works) {
        visitor.someone()?;
        return Err(Error::Forbidden(Scope::Works).into());
    }
    new_page(&state, &visitor, &Form::default(), &Problems::default(), None).await.map(Page)
}

/// Fields of the form that a file's own record can fill.
fn offered(found: &Metadata) -> Vec<(&'static str, String)> {
    let first = |property: Property| found.first(property).unwrap_or_default().to_owned();
    let creators = found.creators();
    let licences = found.licences();
    let known = licences.iter().filter(|(l, _)| l != NO_ASSERTION).map(|(l, _)| l.as_str()).collect::<Vec<_>>();
    let mut fields = vec![
        ("title", first(Property::Title)),
        ("rights_holder", first(Property::RightsHolder)),
        ("tags", found.keywords(40).join(", ")),
        ("created", found.first(Property::Created).and_then(date_of).unwrap_or_default()),
        ("licence", known.join(" AND ")),
        ("licence_url", licences.first().map(|(_, said)| said.value.clone()).unwrap_or_default()),
    ];
    match creators.as_slice() {
        [] => {}
        [one] => fields.push(("author", one.name.clone())),
        many => {
            fields.push(("author", crate::works::creator::names(many)));
            fields.push(("creators", many.iter().map(Creator::text).collect::<Vec<_>>().join("; ")));
        }
    }
    fields.retain(|(_, text)| !text.is_empty());
    fields
}

async fn new_page(
    state: &State,
    visitor: &Visitor,
    form: &Form,
    problems: &Problems,
    kept: Option<(String, Metadata)>,
) -> Result<WorkNewPage, Failure> {
    let mut form = form.clone();
    let mut from_file = Vec::new();
    if let Some((_, found)) = &kept {
        for (name, text) in offered(found) {
            if form.get(name).trim().is_empty() {
                form.set(name, &text);
                from_file.push(name.to_owned());
            }
        }
    }
    let field = |name: &str| Field { value: form.get(name).to_owned(), problem: problems.of(name) };
    let chosen = form.get("licence");
    let mut licence = vec![Choice::new("", "choose a licence", chosen.is_empty())];
    licence.extend(OFFERED.map(|l| Choice::new(l, format!("{} ({l})", crate::works::licence::title(l)), l == chosen)));
    if !chosen.is_empty() && !OFFERED.contains(&chosen) {
        licence.push(Choice::new(chosen, chosen, true));
    }
    let more = ["creators", "rights_holder", "created", "published", "evidence", "evidence_files", "sha256"];
    Ok(WorkNewPage {
        chrome: chrome(state, visitor, "Register a work", "/works/new").await?,
        file_problem: [problems.of("picture"), problems.of("file")].concat(),
        title: field("title"),
        tags: field("tags"),
        author: field("author"),
        source: field("source"),
        licence,
        licence_problem: problems.of("licence"),
        licence_url: form.get("licence_url").to_owned(),
        creators: field("creators"),
        rights_holder: field("rights_holder"),
        created: field("created"),
        published: field("published"),
        evidence: field("evidence"),
        evidence_files_problem: problems.of("evidence_files"),
        sha256: field("sha256"),
        more_open: more.iter().any(|n| !problems.of(n).is_empty() || !form.get(n).is_empty()),
        said: kept.iter().flat_map(|(_, m)| &m.said).map(|s| (s.place.to_owned(), s.value.clone())).collect(),
        from_file,
        kept: kept.map(|(name, _)| name).unwrap_or_default(),
        problem: problems.of("other"),
        max_bytes: state.max_upload as u64,
    })
}

pub(super) async fn register(Handed(state): Handed<State>, visitor: Visitor, mut upload: Upload) -> Result<Response, Failure> {
    let actor = visitor.someone()?;
    visitor.check_form(upload.form.get("csrf"))?;
    let form = upload.form.clone();
    let instance = &state.instance;
    let before = form.get("kept").to_owned();
    if upload.file.is_empty() && !before.is_empty() {
        upload.file = offered_file(instance, actor, &before).await?.unwrap_or_default();
    }
    // The first time the file's own record is offered, before anything is registered on the strength of an empty form.
    let bare = ["title", "author", "licence"].iter().any(|name| form.get(name).trim().is_empty());
    let file = upload.file.clone();
    if bare && before.is_empty() && !file.is_empty() && !Metadata::read(&file).is_empty() {
        let kept = offer_record(instance, actor, &file).await?;
        return Ok(Page(new_page(&state, &visitor, &form, &Problems::default(), Some(kept)).await?).into_response());
    }
    let registered = match registration(upload) {
        Ok(sent) => register_work(instance, actor, sent).await,
        Err(e) => Err(e),
    };
    let (status, problems) = match registered {
        Ok((id, _)) => {
            forget_offered(instance, actor, &before).await;
            return Ok(Redirect::to(&format!("/works/{id}")).into_response());
        }
        Err(e) => problems_of(e)?,
    };
    // A good file need not be chosen again.
    let bad = !problems.of("picture").is_empty() || !problems.of("file").is_empty();
    let kept = if file.is_empty() || bad {
        None
    } else if before.is_empty() {
        Some(offer_record(instance, actor, &file).await?)
    } else {
        Some((before, Metadata::read(&file)))
    };
    let page = new_page(&state, &visitor, &form, &problems, kept).await?;
    Ok(Refused(status, page).into_response())
}

/// A file that a registration rests on, for its registrant and for operators.
pub(super) async fn evidence(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Pair(id, sha256): Pair<WorkId, Sha256Hash>,
) -> Result<Response, Failure> {
    let actor = visitor.someone()?;
    let mut tx = state.instance.store.read().await?;
    let work = work_record(&mut tx, id).await?.work;
    if work.registered_by != actor.name && !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate).into());
    }
    download(&state, &mut tx, work.evidence_files.iter(), sha256).await
}

/// Declares an opt-out of a work, in words.
pub(super) async fn reserve(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<WorkId>,
    form: Form,
) -> Result<Response, Failure> {
    let actor = visitor.sent(&form)?;
    match reserve_work(&state.instance, actor, id, form.get("words")).await {
        Ok(_) => Ok(Redirect::to(&format!("/works/{id}#reservations")).into_response()),
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            let mut page = build(&state, &visitor, id).await?;
            page.reserve = page.reserve.map(|_| Field::wrong(form.get("words"), problems.all()));
            Ok(Refused(status, page).into_response())
        }
    }
}

/// Puts on record what a licence was found to be.
/// Names a project of the Local Contexts Hub, to be fetched.
pub(super) async fn project(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<WorkId>,
    form: Form,
) -> Result<Response, Failure> {
    let actor = visitor.sent(&form)?;
    let value = form.get("project").trim().to_owned();
    match ask_for_project(&state.instance, actor, id, &value).await {
        Ok(()) => Ok(Redirect::to(&format!("/works/{id}#projects")).into_response()),
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            let mut page = build(&state, &visitor, id).await?;
            page.name_project = Some(Field { value, problem: problems.all() });
            Ok(Refused(status, page).into_response())
        }
    }
}

pub(super) async fn conclude(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<GrantId>,
    form: Form,
) -> Result<Response, Failure> {
    let actor = visitor.sent(&form)?;
    let mut tx = state.instance.store.read().await?;
    let grant = storage::works::find_grant(&mut tx, id).await?.ok_or_else(|| Error::not_found("grant", id))?.grant;
    drop(tx);
    match conclude_licence(&state.instance, actor, id, form.get("licence"), form.get("reason")).await {
        Ok(_) => Ok(Redirect::to(&format!("/works/{}#grants", grant.work)).into_response()),
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            let mut page = build(&state, &visitor, grant.work).await?;
            page.conclude_problem = problems.all();
            Ok(Refused(status, page).into_response())
        }
    }
}
