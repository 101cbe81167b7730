//! `/api/v1/works` and the grants on them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Handed;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::images::blob;
use super::table::{cell, table};
use super::{Paging, TheInstance, limit, shape};
use crate::actions::conclude_licence::conclude_licence;
use crate::actions::grant_licence::{Granting, grant_licence};
use crate::actions::impact::impact as everything_on;
use crate::actions::register_work::{Registration, register_work};
use crate::actions::reserve_works::{reserve_site, reserve_work};
use crate::actions::revoke_grant::revoke_grant;
use crate::actions::verify_image::revocation;
use crate::actions::{Error, Instance};
use crate::export::signals::{Terms, content_usage, rsl, tdm_reservation, tdmrep};
use crate::id::{GrantId, ImageId, WorkId};
use crate::storage::works::{Filter, WorkRecord};
use crate::storage::{self, Page, Tx};
use crate::web::error::Failure;
use crate::web::extract::{Json, Query, Segment, Upload};
use crate::web::session::Visitor;
use crate::works::list::Row;
use crate::works::reservation::Signal;
use crate::works::{Creator, Usage};

type Answer = Result<axum::Json<Value>, Failure>;

/// What a list of works may be asked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// Words in title, author and tags.
    pub q: String,
    /// SPDX identifier.
    pub licence: String,
    /// Exact author.
    pub author: String,
    /// Exact name of who registered it, or holds the rights.
    pub owner: String,
    /// `next` of the page before.
    pub after: String,
    /// Rows.
    pub limit: Option<u32>,
    /// `csv` for a table of everything that matches.
    pub format: String,
}

impl Asked {
    /// As storage takes it.
    pub(crate) fn filter(&self) -> Filter {
        let plain = |text: &str| text.replace('\0', "");
        Filter { words: plain(&self.q), licence: plain(&self.licence), author: plain(&self.author), owner: plain(&self.owner) }
    }
}

pub(crate) async fn page(instance: &Instance, tx: &mut Tx, asked: &Asked, most: u32) -> Result<Page<WorkRecord>, Failure> {
    Ok(storage::works::list(tx, &asked.filter(), &asked.after.replace('\0', ""), most, instance.clock.now()).await?)
}

pub(super) async fn list(Handed(instance): TheInstance, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    if asked.format == "csv" {
        return Ok(csv(instance, &asked));
    }
    let mut tx = instance.store.read().await?;
    let page = page(&instance, &mut tx, &asked, limit(asked.limit)).await?;
    let now = instance.clock.now();
    let mut items = Vec::with_capacity(page.items.len());
    for record in &page.items {
        let mut shown = shape::work(record);
        shown["grants"] = storage::works::grants(&mut tx, record.work.id).await?.iter().map(|g| shape::grant(g, now)).collect();
        items.push(shown);
    }
    Ok(axum::Json(json!({ "items": items, "total": page.total, "next": page.next })).into_response())
}

/// Works of a table read at once.
const TABLE_ROWS: u32 = 500;

const COLUMNS: &str = "id,title,author,creators,rights_holder,licence,concluded,collection,item,source,created,published,sha256,kept_here,\
                       registered_by,registered_at,revoked,disputed,reserved,datasets,images,statement\r\n";

/// Every work that matches, as a table: everything a rights holder owns, with what became of it.
fn csv(instance: Arc<Instance>, asked: &Asked) -> Response {
    let filter = asked.filter();
    table("works.csv", COLUMNS, String::new(), move |after: String| {
        let (instance, filter) = (Arc::clone(&instance), filter.clone());
        async move {
            let (last, lines) = rows(&instance, &filter, &after).await?;
            Ok((lines, last.map(|id| id.to_string())))
        }
    })
}

/// The next lines of the table, and the work they end with.
async fn rows(instance: &Instance, filter: &Filter, after: &str) -> Result<(Option<WorkId>, String), storage::Error> {
    let now = instance.clock.now();
    let mut tx = instance.store.read().await?;
    let found = storage::works::matching(&mut tx, filter, after, TABLE_ROWS, now).await?;
    let mut out = String::new();
    for record in &found {
        let w = &record.work;
        let grants = storage::works::grants(&mut tx, w.id).await?;
        let terms = storage::terms::of(&mut tx, w.id).await?;
        let in_force: Vec<_> = grants.iter().filter(|g| g.in_force(now)).collect();
        let declared = in_force.iter().map(|g| g.grant.licence.as_str()).collect::<Vec<_>>().join(" OR ");
        let concluded = in_force.iter().map(|g| g.grant.licence_concluded()).collect::<Vec<_>>().join(" OR ");
        let revoked = grants.iter().filter_map(|g| g.revoked.as_ref()).map(|r| r.at.rfc3339()).max().unwrap_or_default();
        let reserved = terms.reserved.iter().map(|r| r.says.as_str()).collect::<Vec<_>>().join("; ");
        let datasets = storage::datasets::of_work(&mut tx, w.id).await?.len();
        let (images, _) = storage::images::of_work(&mut tx, w.id, 0).await?;
        let cells = [
            w.id.to_string(),
            w.title.clone(),
            w.author.clone(),
            w.creators.iter().map(Creator::text).collect::<Vec<_>>().join("; "),
            w.rights_holder.clone(),
            declared,
            concluded,
            w.collection.clone(),
            w.item.clone(),
            w.source.clone(),
            w.created.clone(),
            w.published.clone(),
            w.digest.sha256.to_string(),
            if w.held { "yes" } else { "no" }.to_owned(),
            w.registered_by.clone(),
            w.registered_at.rfc3339(),
            revoked,
            terms.disputed.unwrap_or_default(),
            reserved,
            datasets.to_string(),
            images.to_string(),
            record.statement.to_string(),
        ];
        out.push_str(&cells.map(|c| cell(&c)).join(","));
        out.push_str("\r\n");
    }
    Ok((found.last().map(|r| r.work.id), out))
}

pub(crate) async fn record(tx: &mut Tx, id: WorkId) -> Result<WorkRecord, Failure> {
    Ok(storage::works::find(tx, id).await?.ok_or_else(|| Error::not_found("work", id))?)
}

pub(super) async fn one(Handed(instance): TheInstance, Segment(id): Segment<WorkId>) -> Answer {
    let mut tx = instance.store.read().await?;
    let found = record(&mut tx, id).await?;
    Ok(axum::Json(shape::whole_work(&mut tx, &found, instance.clock.now()).await?))
}

pub(crate) async fn picture(Handed(instance): TheInstance, Segment(id): Segment<WorkId>) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let work = record(&mut tx, id).await?.work;
    let ending = work.media_type.rsplit('/').next().unwrap_or("bin").to_owned();
    let Some(blake3) = work.digest.blake3.filter(|_| work.held) else {
        return Err(Error::NotFound {
            what: "file",
            id: format!("{id}: the work is registered by its hash, its file is not kept here"),
        }
        .into());
    };
    let mut response = blob(&instance, &mut tx, blake3, &format!("{id}.{ending}")).await?;
    let terms = storage::terms::of(&mut tx, id).await?;
    let headers = response.headers_mut();
    if let Some(train) = shape::verdicts(&terms, instance.clock.now()).iter().find(|v| v.usage == Usage::Train) {
        headers.insert("tdm-reservation", HeaderValue::from(u16::from(tdm_reservation(train))));
        if let Some(usage) = content_usage(train) {
            headers.insert("content-usage", HeaderValue::from_static(usage));
        }
    }
    if work.media_type == "image/svg+xml" {
        // A drawing may hold scripts: shown by itself it gets nothing to run or fetch with.
        let nothing = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(nothing));
    }
    let value = |text: String| HeaderValue::from_str(&text).map_err(Error::internal);
    let page = format!("{}/works/{id}", instance.site.url.trim_end_matches('/'));
    headers.insert("tdm-policy", value(page.clone())?);
    headers.insert(header::LINK, value(format!("<{page}/rsl>; rel=\"license\"; type=\"application/rsl+xml\""))?);
    // The picture never changes; what may be done with it does.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    Ok(response)
}

pub(crate) async fn terms(Handed(instance): TheInstance, Segment(id): Segment<WorkId>) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let work = record(&mut tx, id).await?.work;
    let (now, grants) = (instance.clock.now(), storage::works::grants(&mut tx, id).await?);
    let open = grants.iter().find(|g| g.in_force(now) && g.grant.scope.grantee.is_none());
    let page = format!("{}/works/{id}", instance.site.url.trim_end_matches('/'));
    let document = rsl(Terms {
        picture: &format!("{page}/picture"),
        page: &page,
        author: &work.author,
        licence_url: open.map_or("", |g| &g.grant.licence_url),
        verdicts: &shape::verdicts(&storage::terms::of(&mut tx, id).await?, now),
    });
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/rsl+xml"))], document).into_response())
}

/// `/.well-known/tdmrep.json`
pub(crate) async fn tdmrep_json(Handed(instance): TheInstance) -> axum::Json<Value> {
    axum::Json(tdmrep(instance.site.url.trim_end_matches('/')))
}

/// A registration from the fields of a form.
pub(crate) fn registration(upload: Upload) -> Result<Registration, Error> {
    let row = Row::from_texts(|name| upload.form.get(name)).map_err(Error::Invalid)?;
    Ok(Registration {
        row,
        evidence: upload
            .more
            .into_iter()
            .filter(|(field, ..)| field == "evidence_files")
            .map(|(_, name, bytes)| (name, bytes))
            .collect(),
        from_file: matches!(upload.form.get("from_file"), "yes" | "true" | "1"),
        file: upload.file,
    })
}

pub(super) async fn register(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let (id, statement) = register_work(&instance, actor, registration(upload)?).await?;
    let location = HeaderValue::from_str(&format!("/api/v1/works/{id}")).map_err(Error::internal)?;
    let body = axum::Json(json!({ "id": id, "statement": statement }));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], body).into_response())
}

pub(super) async fn give(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<WorkId>,
    Json(body): Json<Granting>,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let (grant, statement) = grant_licence(&instance, actor, id, body).await?;
    Ok((StatusCode::CREATED, axum::Json(json!({ "grant": grant, "statement": statement }))).into_response())
}

/// Images on a page of what stands on a work.
const IMPACT_PAGE: usize = 1_000;

pub(super) async fn impact(Handed(instance): TheInstance, Segment(id): Segment<WorkId>, Query(paging): Query<Paging>) -> Answer {
    let mut tx = instance.store.read().await?;
    record(&mut tx, id).await?;
    let since = revocation(&mut tx, id, instance.clock.now()).await?.map(|r| r.since);
    let found = everything_on(&mut tx, id).await?;
    let images: Vec<(ImageId, bool)> =
        found.drawn.iter().map(|i| (*i, true)).chain(found.made.iter().map(|i| (*i, false))).collect();
    let from = images.iter().position(|(i, _)| i.to_string() == paging.after).map_or(0, |at| at + 1);
    let page: Vec<Value> =
        images.iter().skip(from).take(IMPACT_PAGE).map(|(i, drew)| json!({ "image": i, "drew_on_it": drew })).collect();
    let next = images.get(from + IMPACT_PAGE - 1).filter(|_| images.len() > from + IMPACT_PAGE).map(|(i, _)| *i);
    let statements = storage::impacts::statements_of(&mut tx, id).await?;
    Ok(axum::Json(json!({
        "work": id, "revoked_since": since, "datasets": found.datasets, "models": found.models,
        "images_that_drew_on_it": found.drawn.len(), "other_images_of_those_models": found.made.len(),
        "items": page, "total": images.len(), "next": next, "statements": statements,
    })))
}

/// Why a grant is revoked.
#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    reason: String,
}

pub(super) async fn revoke(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<GrantId>,
    Json(body): Json<Reason>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    let statement = revoke_grant(&instance, actor, id, &body.reason).await?;
    Ok(axum::Json(json!({ "grant": id, "statement": statement })))
}

/// What a licence was found to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Finding {
    licence: String,
    reason: String,
}

pub(super) async fn conclude(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<GrantId>,
    Json(body): Json<Finding>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    let statement = conclude_licence(&instance, actor, id, &body.licence, &body.reason).await?;
    Ok(axum::Json(json!({ "grant": id, "statement": statement })))
}

/// An opt-out in words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declared {
    words: String,
}

pub(super) async fn reserve(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Segment(id): Segment<WorkId>,
    Json(body): Json<Declared>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    let kept = reserve_work(&instance, actor, id, &body.words).await?;
    Ok(axum::Json(json!({ "work": id, "reserved": kept })))
}

/// What a site's file is, and where it was seen.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SiteFile {
    signal: String,
    place: String,
}

pub(super) async fn reserve_by_site(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<SiteFile>,
    body: Bytes,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    let signal: Signal = asked.signal.parse().map_err(|e: String| {
        let known = ["tdmrep", "aipref", "rsl", "robots"].join("`, `");
        Error::invalid("signal", format!("{e}: name what the file is, `{known}`"))
    })?;
    let done = reserve_site(&instance, actor, signal, &asked.place, &body).await?;
    Ok(axum::Json(json!({ "looked": done.looked, "reserved": done.reserved, "known": done.known })))
}
