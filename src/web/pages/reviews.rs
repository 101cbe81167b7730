//! `/reviews`: requests that wait for a person; asking for one, looking at one, ruling on one.

use axum::extract::State as Handed;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::view::Choice;
use super::view::reviews::{ReviewLine, ReviewPage, ReviewsPage};
use super::{Page, Problems, Refused, chrome, fill, problems_of};
use crate::accounts::Scope;
use crate::actions::Error;
use crate::actions::request_image::Order;
use crate::actions::review::{in_the_way, may_see, open_review, rule_on, rules_as};
use crate::id::ReviewId;
use crate::policy::Fired;
use crate::policy::review::{ReviewState, Ruling};
use crate::storage;
use crate::storage::reviews::Review;
use crate::web::State;
use crate::web::error::Failure;
use crate::web::extract::{Form, Query, Segment};
use crate::web::session::Visitor;

/// Requests on a page.
const ROWS: u32 = 30;

/// What the queue may be asked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    after: String,
}

fn line(review: &Review, rules: Vec<String>) -> ReviewLine {
    ReviewLine { id: review.id.to_string(), opened: fill::minute(review.opened_at), due: fill::day(review.due_at), rules }
}

pub(super) async fn list(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Page<ReviewsPage>, Failure> {
    if !visitor.someone()?.may(Scope::Policies) {
        return Err(Error::Forbidden(Scope::Policies).into());
    }
    let mut tx = state.instance.store.read().await?;
    let page = storage::reviews::open(&mut tx, state.instance.clock.now(), &asked.after, ROWS).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for review in &page.items {
        let decision = storage::decisions::find(&mut tx, review.decision).await?;
        items.push(line(review, decision.iter().flat_map(|d| in_the_way(&d.decision).map(Fired::key)).collect()));
    }
    let mut hours = storage::reviews::answer_hours(&mut tx, 200).await?;
    drop(tx);
    hours.sort_by(f64::total_cmp);
    Ok(Page(ReviewsPage {
        chrome: chrome(&state, &visitor, "Requests that wait for a person", "/reviews").await?,
        items,
        total: page.total,
        median: hours.get(hours.len() / 2).map(|h| format!("{:.0} hours", h.ceil())).unwrap_or_default(),
        next_url: page.next.map(|n| format!("/reviews?after={n}")).unwrap_or_default(),
    }))
}

pub(super) async fn ask(Handed(state): Handed<State>, visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let actor = visitor.sent(&form)?;
    let decision = form.get("decision").parse().map_err(|_| Error::not_found("decision", form.get("decision")))?;
    let review = open_review(&state.instance, actor, decision, form.get("words")).await?;
    Ok(Redirect::to(&format!("/reviews/{}", review.id)).into_response())
}

async fn build(state: &State, visitor: &Visitor, id: ReviewId, form: &Form, problems: &Problems) -> Result<ReviewPage, Failure> {
    let actor = visitor.someone()?;
    let now = state.instance.clock.now();
    let mut tx = state.instance.store.read().await?;
    let review = storage::reviews::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("review", id))?;
    let asked =
        storage::decisions::find(&mut tx, review.decision).await?.ok_or_else(|| Error::not_found("decision", review.decision))?;
    if !may_see(&mut tx, actor, &review, &asked.decision).await? {
        return Err(Error::not_found("review", id).into());
    }
    let said = storage::reviews::rulings(&mut tx, id).await?;
    let stands = review.stands(now);
    let open = stands == ReviewState::Open;
    let mut to_rule = Vec::new();
    for fired in in_the_way(&asked.decision).filter(|_| open) {
        let key = fired.key();
        let ruled = said.iter().any(|(r, _)| r.rule == key);
        if !ruled && rules_as(&mut tx, actor, &review, &fired.policy).await?.is_some() {
            to_rule.push(Choice::new(&key, &key, form.get("rule") == key));
        }
    }
    let ahead = storage::reviews::waiting(&mut tx, now, Some(id)).await?;
    drop(tx);
    let prompt = asked.request.and_then(|r| serde_json::from_value::<Order>(r).ok()).map(|o| o.prompt).unwrap_or_default();
    Ok(ReviewPage {
        chrome: chrome(state, visitor, "A request for a person", &format!("/reviews/{id}")).await?,
        sentence: match stands {
            ReviewState::Open => "It waits for a person.",
            ReviewState::Granted => "A person allowed it: this one picture may be made.",
            ReviewState::Refused => "A person looked at it: the answer stands.",
            ReviewState::Expired => "Nobody answered in time, so the answer stands.",
            ReviewState::Withdrawn => "It was called off.",
        }
        .to_owned(),
        open,
        ahead,
        prompt,
        words: review.words.clone(),
        decision: review.decision.to_string(),
        rules: fill::rule_lines(&asked.decision),
        rulings: said
            .iter()
            .map(|(r, _)| format!("{}: {}, by {} ({}): {}", r.rule, r.ruling.title(), r.by, r.as_role, r.reason))
            .collect(),
        job_url: review.job.map(|job| format!("/jobs/{job}")).unwrap_or_default(),
        to_rule,
        says: Ruling::ALL.iter().map(|r| Choice::new(r.as_str(), r.title(), form.get("ruling") == r.as_str())).collect(),
        reason: form.get("reason").to_owned(),
        problem: problems.all(),
        line: line(&review, Vec::new()),
    })
}

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<ReviewId>,
) -> Result<Page<ReviewPage>, Failure> {
    build(&state, &visitor, id, &Form::default(), &Problems::default()).await.map(Page)
}

pub(super) async fn rule(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<ReviewId>,
    form: Form,
) -> Result<Response, Failure> {
    let actor = visitor.sent(&form)?;
    let ruled = match Ruling::parse(form.get("ruling")) {
        Ok(ruling) => rule_on(&state.instance, actor, id, form.get("rule"), ruling, form.get("reason")).await,
        Err(e) => Err(Error::invalid("ruling", e.to_string())),
    };
    match ruled {
        Ok(_) => Ok(Redirect::to(&format!("/reviews/{id}")).into_response()),
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            Ok(Refused(status, build(&state, &visitor, id, &form, &problems).await?).into_response())
        }
    }
}
