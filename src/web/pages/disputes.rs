//! `/disputes`: all of them with their clocks; one with its steps and the form for the next; opening one from a work.

use axum::extract::State as Handed;
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::evidence::{download, links};
use super::view::disputes::{DisputeLine, DisputeNewPage, DisputePage, DisputesPage, NextStep, StepView};
use super::view::{Choice, Field, Link};
use super::{Page, Problems, Refused, chrome, fill, problems_of};
use crate::accounts::Scope;
use crate::actions::Error;
use crate::actions::dispute::{Pleading, may_step, open_dispute, take_step};
use crate::clock::Timestamp;
use crate::digest::Sha256Hash;
use crate::id::{DisputeId, StatementId, WorkId};
use crate::storage::disputes::DisputeRecord;
use crate::storage::{self, Tx};
use crate::web::State;
use crate::web::api::work_record;
use crate::web::error::Failure;
use crate::web::extract::{Form, Pair, Query, Segment, Upload};
use crate::web::session::Visitor;
use crate::works::dispute::{Ground, Ruling, Step};

/// Disputes on a page.
const ROWS: u32 = 30;

/// What the list may be asked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    open: String,
    after: String,
}

/// How a dispute stands, in one line with its clock.
pub(super) fn line(record: &DisputeRecord, title: &str, now: Timestamp) -> DisputeLine {
    let standing = record.standing();
    let (words, due) = match (standing.step, standing.ruling) {
        (Step::Opened, _) if standing.due.is_some_and(|due| now < due) => ("may be answered until", standing.due),
        (Step::Opened | Step::Answered | Step::Appealed, _) => ("to be decided by", standing.decision_due()),
        (Step::Decided, _) if standing.due.is_some_and(|due| now < due) => ("may be appealed until", standing.due),
        (Step::Decided, _) => ("", None),
    };
    let state = match (standing.step, standing.ruling) {
        (Step::Decided, Some(Ruling::Upheld)) => "upheld",
        (Step::Decided, _) => "rejected",
        (step, _) => step.as_str(),
    };
    DisputeLine {
        id: record.dispute.id.to_string(),
        work: Link::new(title, format!("/works/{}", record.dispute.work)),
        ground: record.dispute.ground.title().to_owned(),
        state: state.to_owned(),
        open: standing.open,
        due_words: words.to_owned(),
        late: standing.open && due.is_some_and(|due| now >= due),
        due: due.map(fill::day),
        opened: fill::day(record.dispute.opened_at),
        by: record.dispute.opened_by.clone(),
    }
}

async fn title(tx: &mut Tx, work: WorkId) -> Result<String, Failure> {
    Ok(storage::works::find(tx, work).await?.map_or_else(|| work.to_string(), |w| w.work.title))
}

pub(super) async fn list(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Page<DisputesPage>, Failure> {
    let now = state.instance.clock.now();
    let open = asked.open == "yes";
    let mut tx = state.instance.store.read().await?;
    let page = storage::disputes::list(&mut tx, open, &asked.after, ROWS).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for record in &page.items {
        let title = title(&mut tx, record.dispute.work).await?;
        items.push(line(record, &title, now));
    }
    drop(tx);
    let query = if open { "open=yes&" } else { "" };
    Ok(Page(DisputesPage {
        chrome: chrome(&state, &visitor, "Disputes", "/disputes").await?,
        items,
        total: page.total,
        only_open: open,
        next_url: page.next.map(|n| format!("/disputes?{query}after={n}")).unwrap_or_default(),
        first_url: if asked.after.is_empty() { String::new() } else { format!("/disputes?{query}") },
        json_url: format!("/api/v1/disputes?{query}"),
    }))
}

async fn build(
    state: &State,
    visitor: &Visitor,
    id: DisputeId,
    form: &Form,
    problems: &Problems,
) -> Result<DisputePage, Failure> {
    let now = state.instance.clock.now();
    let mut tx = state.instance.store.read().await?;
    let record = storage::disputes::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("dispute", id))?;
    let work = work_record(&mut tx, record.dispute.work).await?.work;
    let (may_see, at) = (sees_files(&record, &work.registered_by, visitor), format!("/disputes/{id}"));
    async fn index(tx: &mut Tx, id: StatementId) -> Result<Option<u64>, Failure> {
        Ok(storage::log::find(tx, id).await?.and_then(|e| e.index))
    }
    let mut steps = vec![StepView {
        what: "claimed".to_owned(),
        by: record.dispute.opened_by.clone(),
        when: fill::minute(record.dispute.opened_at),
        words: record.dispute.words.clone(),
        files: links(&record.dispute.files, &at, may_see),
        index: index(&mut tx, record.statement).await?,
    }];
    let mut revoked = false;
    for (step, statement) in &record.steps {
        let what = match (step.step, step.ruling) {
            (Step::Decided, Some(Ruling::Upheld)) => "decided: the claim is right, and every grant on the work is revoked",
            (Step::Decided, _) if revoked => "decided: the claim is not right, and what was revoked may be given again",
            (Step::Decided, _) => "decided: the claim is not right, and the work is as it was",
            (Step::Appealed, _) => "appealed",
            _ => "answered",
        };
        revoked |= step.ruling == Some(Ruling::Upheld);
        steps.push(StepView {
            what: what.to_owned(),
            by: step.by.clone(),
            when: fill::minute(step.at),
            words: step.words.clone(),
            files: links(&step.files, &at, may_see),
            index: index(&mut tx, *statement).await?,
        });
    }
    drop(tx);
    let standing = record.standing();
    let next = visitor.actor.as_ref().and_then(|actor| {
        let may = |step| may_step(&record, &work.registered_by, actor, step) && standing.may(step, now).is_ok();
        let step = [Step::Answered, Step::Decided, Step::Appealed].into_iter().find(|s| may(*s))?;
        Some(NextStep {
            action: format!("/disputes/{id}/{}", step.path()),
            decides: step == Step::Decided,
            label: match step {
                Step::Answered => "Your answer",
                Step::Decided => "The decision and its reasons",
                _ => "Why it should be looked at again",
            }
            .to_owned(),
            words: Field { value: form.get("words").to_owned(), problem: problems.of("words") },
            files_problem: problems.of("evidence_files"),
            rulings: Ruling::ALL.iter().map(|r| Choice::new(r.as_str(), r.as_str(), form.get("ruling") == r.as_str())).collect(),
            ruling_problem: problems.of("ruling"),
        })
    });
    Ok(DisputePage {
        chrome: chrome(state, visitor, &format!("Dispute on {}", work.title), &format!("/disputes/{id}")).await?,
        line: line(&record, &work.title, now),
        picture: if work.held { format!("/works/{}/picture", work.id) } else { String::new() },
        registered_by: work.registered_by,
        steps,
        next,
        problem: problems.beside(&["words", "evidence_files", "ruling", "ground"]),
        json_url: format!("/api/v1/disputes/{id}"),
    })
}

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<DisputeId>,
) -> Result<Page<DisputePage>, Failure> {
    build(&state, &visitor, id, &Form::default(), &Problems::default()).await.map(Page)
}

fn sees_files(record: &DisputeRecord, registered_by: &str, visitor: &Visitor) -> bool {
    let party = |name: &str| name == record.dispute.opened_by || name == registered_by;
    visitor.actor.as_ref().is_some_and(|a| party(&a.name) || a.may(Scope::Operate))
}

/// A file of evidence, for the parties and the operators.
pub(super) async fn evidence(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Pair(id, sha256): Pair<DisputeId, Sha256Hash>,
) -> Result<Response, Failure> {
    visitor.someone()?;
    let mut tx = state.instance.store.read().await?;
    let record = storage::disputes::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("dispute", id))?;
    let work = work_record(&mut tx, record.dispute.work).await?.work;
    if !sees_files(&record, &work.registered_by, &visitor) {
        return Err(Error::Forbidden(Scope::Operate).into());
    }
    let all = record.dispute.files.iter().chain(record.steps.iter().flat_map(|(s, _)| &s.files));
    download(&state, &mut tx, all, sha256).await
}

/// What is said with a claim or a step, from its form.
fn pleading(upload: &mut Upload) -> Pleading {
    let files = std::mem::take(&mut upload.more).into_iter().map(|(_, name, bytes)| (name, bytes)).collect();
    Pleading { words: upload.form.get("words").to_owned(), files }
}

/// Answer, decision or appeal, as the path says.
pub(super) async fn step(
    Handed(state): Handed<State>,
    visitor: Visitor,
    uri: Uri,
    Segment(id): Segment<DisputeId>,
    mut upload: Upload,
) -> Result<Response, Failure> {
    let actor = visitor.someone()?;
    visitor.check_form(upload.form.get("csrf"))?;
    let step = Step::of_path(uri.path()).ok_or(Failure::NoPage)?;
    let ruling = upload.form.get("ruling").parse::<Ruling>().ok();
    match take_step(&state.instance, actor, id, step, ruling, pleading(&mut upload)).await {
        Ok(_) => Ok(Redirect::to(&format!("/disputes/{id}")).into_response()),
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            Ok(Refused(status, build(&state, &visitor, id, &upload.form, &problems).await?).into_response())
        }
    }
}

async fn new_page(
    state: &State,
    visitor: &Visitor,
    id: WorkId,
    form: &Form,
    problems: &Problems,
) -> Result<DisputeNewPage, Failure> {
    let actor = visitor.someone()?;
    if !actor.may(Scope::Disputes) {
        return Err(Error::Forbidden(Scope::Disputes).into());
    }
    let mut tx = state.instance.store.read().await?;
    let work = work_record(&mut tx, id).await?.work;
    drop(tx);
    Ok(DisputeNewPage {
        chrome: chrome(state, visitor, &format!("Dispute {}", work.title), &format!("/works/{id}/dispute")).await?,
        work: Link::new(work.title, format!("/works/{id}")),
        registered_by: work.registered_by,
        action: format!("/works/{id}/dispute"),
        grounds: Ground::ALL.iter().map(|g| Choice::new(g.as_str(), g.title(), form.get("ground") == g.as_str())).collect(),
        ground_problem: problems.of("ground"),
        words: Field { value: form.get("words").to_owned(), problem: problems.of("words") },
        files_problem: problems.of("evidence_files"),
        problem: problems.beside(&["words", "evidence_files", "ruling", "ground"]),
    })
}

pub(super) async fn new(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<WorkId>,
) -> Result<Page<DisputeNewPage>, Failure> {
    new_page(&state, &visitor, id, &Form::default(), &Problems::default()).await.map(Page)
}

pub(super) async fn open(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<WorkId>,
    mut upload: Upload,
) -> Result<Response, Failure> {
    let actor = visitor.someone()?;
    visitor.check_form(upload.form.get("csrf"))?;
    let done = match upload.form.get("ground").parse::<Ground>() {
        Ok(ground) => open_dispute(&state.instance, actor, id, ground, pleading(&mut upload)).await,
        Err(_) => Err(Error::invalid("ground", "choose what is wrong")),
    };
    match done {
        Ok((dispute, _)) => Ok(Redirect::to(&format!("/disputes/{dispute}")).into_response()),
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            Ok(Refused(status, new_page(&state, &visitor, id, &upload.form, &problems).await?).into_response())
        }
    }
}
