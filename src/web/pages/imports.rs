//! `/imports`: the list with the form that begins one, and the page of an import with its progress and the report row by row.

use axum::extract::{Multipart, State as Handed};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::view::imports::{ImportForm, ImportLine, ImportPage, ImportRowView, ImportsPage};
use super::view::{Choice, Field, Link};
use super::{Page, Problems, Refused, chrome, fill, problems_of};
use crate::accounts::Scope;
use crate::actions::Error;
use crate::actions::import_list::{ImportSettings, begin_import, cancel_import};
use crate::id::ImportId;
use crate::storage;
use crate::storage::imports::{Import, Outcome};
use crate::storage::tasks::TaskState;
use crate::web::State;
use crate::web::api::{incoming, own_import, row_outcome, too_large};
use crate::web::error::Failure;
use crate::web::extract::{Form, Query, Segment};
use crate::web::session::Visitor;
use crate::works::list::COLUMNS;
use crate::works::rules::OFFERED;

/// Imports on a page of the list.
const IMPORTS: u32 = 30;
/// Rows of a report on a page.
const ROWS: u32 = 100;
/// Longest field beside the file.
const FIELD_BYTES: usize = 16 << 10;

fn line(import: &Import) -> ImportLine {
    ImportLine {
        id: import.id.to_string(),
        name: import.name.clone(),
        state: import.state.as_str().to_owned(),
        by: import.actor.clone(),
        rows: import.rows,
        registered: import.registered,
        known: import.known,
        refused: import.refused,
        problem: import.problem.clone().unwrap_or_default(),
        begun: fill::minute(import.created_at),
    }
}

fn form(typed: &Form, problems: &Problems, state: &State) -> ImportForm {
    let field = |name: &str| Field { value: typed.get(name).to_owned(), problem: problems.of(name) };
    let chosen = typed.get("licence");
    let mut licences = vec![Choice::new("", "as each row says", chosen.is_empty())];
    licences.extend(OFFERED.map(|l| Choice::new(l, format!("{} ({l})", crate::works::licence::title(l)), l == chosen)));
    ImportForm {
        file_problem: field("name").problem,
        licences,
        licence_problem: field("licence").problem,
        author: field("author"),
        rights_holder: field("rights_holder"),
        source: field("source"),
        collection: field("collection"),
        evidence: field("evidence"),
        from_files: typed.get("from_files") == "yes",
        problem: problems.beside(&["licence", "author", "rights_holder", "source", "collection", "evidence", "name"]),
        most_bytes: state.max_import,
        columns: COLUMNS.iter().map(|(name, _, what)| ((*name).to_owned(), (*what).to_owned())).collect(),
    }
}

async fn list_page(state: &State, visitor: &Visitor, form: ImportForm) -> Result<ImportsPage, Failure> {
    let actor = visitor.someone()?;
    if !actor.may(Scope::Works) {
        return Err(Error::Forbidden(Scope::Works).into());
    }
    let whose = (!actor.may(Scope::Operate)).then_some(actor.account);
    let mut tx = state.instance.store.read().await?;
    let page = storage::imports::list(&mut tx, whose, "", IMPORTS).await?;
    drop(tx);
    Ok(ImportsPage {
        chrome: chrome(state, visitor, "Import works", "/imports").await?,
        items: page.items.iter().map(line).collect(),
        total: page.total,
        form,
    })
}

pub(super) async fn list(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<ImportsPage>, Failure> {
    list_page(&state, &visitor, form(&Form::default(), &Problems::default(), &state)).await.map(Page)
}

/// Receives the fields and then the file, which is written as it comes. Who may not is told before the file is read.
pub(super) async fn begin(Handed(state): Handed<State>, visitor: Visitor, mut parts: Multipart) -> Result<Response, Failure> {
    let actor = visitor.someone()?;
    if !actor.may(Scope::Works) {
        return Err(Error::Forbidden(Scope::Works).into());
    }
    let broken = |e: &dyn std::fmt::Display| Failure::Malformed(format!("what was sent can't be read: {e}"));
    let (mut typed, mut received) = (Form::default(), None);
    let mut refused: Option<Error> = None;
    while let Some(mut part) = parts.next_field().await.map_err(|e| broken(&e))? {
        let name = part.name().unwrap_or_default().to_owned();
        let Some(file_name) = part.file_name().map(str::to_owned) else {
            let text = part.text().await.map_err(|e| broken(&e))?;
            if text.len() > FIELD_BYTES {
                return Err(Failure::Malformed(format!("the field `{name}` is too long")));
            }
            typed.set(&name, &text);
            continue;
        };
        // The form sends its token first; a file before it comes from elsewhere.
        visitor.check_form(typed.get("csrf"))?;
        if file_name.is_empty() {
            continue;
        }
        let mut file = match incoming(&state, &file_name).await {
            Ok(file) => file,
            Err(Failure::Action(e)) => {
                refused = Some(e);
                break;
            }
            Err(e) => return Err(e),
        };
        while let Some(bytes) = part.chunk().await.map_err(|e| broken(&e))? {
            if !file.write(&bytes).await? {
                return Err(too_large(&state));
            }
        }
        received = Some((file_name, file.finish().await?));
    }
    visitor.check_form(typed.get("csrf"))?;
    let text = |name: &str| typed.get(name).trim().to_owned();
    let settings = ImportSettings {
        list: String::new(),
        from_files: typed.get("from_files") == "yes",
        author: text("author"),
        rights_holder: text("rights_holder"),
        licence: text("licence"),
        licence_url: String::new(),
        source: text("source"),
        collection: text("collection"),
        evidence: text("evidence"),
    };
    let error = match (refused, received) {
        (Some(error), _) => error,
        (None, None) => Error::invalid("name", "choose an archive or a list"),
        (None, Some((name, place))) => match begin_import(&state.instance, actor, &name, &place, &settings, false).await {
            Ok(import) => return Ok(Redirect::to(&format!("/imports/{}", import.id)).into_response()),
            Err(e) => {
                storage::uploads::remove(&state.instance.uploads, &place).await;
                e
            }
        },
    };
    let (status, problems) = problems_of(error)?;
    let page = list_page(&state, &visitor, form(&typed, &problems, &state)).await?;
    Ok(Refused(status, page).into_response())
}

/// What a report may be asked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    outcome: String,
    after: u64,
}

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<ImportId>,
    Query(asked): Query<Asked>,
) -> Result<Page<ImportPage>, Failure> {
    let outcome = row_outcome(&asked.outcome)?;
    let mut tx = state.instance.store.read().await?;
    let import = own_import(&mut tx, visitor.someone()?, id).await?;
    let mut rows = storage::imports::report(&mut tx, id, outcome, asked.after, ROWS + 1).await?;
    drop(tx);
    let more = rows.len() > ROWS as usize;
    rows.truncate(ROWS as usize);
    let here = format!("/imports/{id}?outcome={}", asked.outcome);
    let next_url = rows.last().filter(|_| more).map(|r| format!("{here}&after={}", r.n)).unwrap_or_default();
    let settings: ImportSettings = serde_json::from_value(import.settings.clone()).unwrap_or_default();
    let said = [
        ("Author", settings.author),
        ("Rights holder", settings.rights_holder),
        ("Licence", settings.licence),
        ("Source", settings.source),
        ("Collection", settings.collection),
        ("Evidence", settings.evidence),
    ];
    let counts = [
        (None, import.rows),
        (Some(Outcome::Registered), import.registered),
        (Some(Outcome::Known), import.known),
        (Some(Outcome::Refused), import.refused),
    ];
    Ok(Page(ImportPage {
        chrome: chrome(&state, &visitor, &import.name, &format!("/imports/{id}")).await?,
        running: !import.state.is_over(),
        done: import.state == TaskState::Done,
        seconds: u64::try_from((import.changed_at.millis() - import.created_at.millis()).max(0)).unwrap_or(0) / 1_000,
        filters: counts
            .into_iter()
            .map(|(of, n)| {
                let (value, label) = of.map_or(("", "all"), |o| (o.as_str(), o.as_str()));
                (Link::new(format!("{label} {n}"), format!("/imports/{id}?outcome={value}")), asked.outcome == value)
            })
            .collect(),
        line: line(&import),
        said: said.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.to_owned(), text)).collect(),
        from_files: settings.from_files,
        rows: rows
            .into_iter()
            .map(|r| ImportRowView {
                n: r.n,
                item: r.item,
                outcome: r.outcome.as_str().to_owned(),
                work: r.work.map(|w| Link::new(w.to_string(), format!("/works/{w}"))).unwrap_or_default(),
                note: r.note,
            })
            .collect(),
        first_url: if asked.after == 0 { String::new() } else { here },
        next_url,
        json_url: format!("/api/v1/imports/{id}/rows?outcome={}", asked.outcome),
        csv_url: format!("/api/v1/imports/{id}/rows?outcome={}&format=csv", asked.outcome),
    }))
}

pub(super) async fn cancel(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<ImportId>,
    typed: Form,
) -> Result<Response, Failure> {
    let actor = visitor.someone()?;
    visitor.check_form(typed.get("csrf"))?;
    match cancel_import(&state.instance, actor, id).await {
        // Over meanwhile: its page says how it ended.
        Ok(()) | Err(Error::Conflict(_)) => Ok(Redirect::to(&format!("/imports/{id}")).into_response()),
        Err(e) => Err(e.into()),
    }
}
