//! `/datasets`: the list, and building one by a query that is looked through first.

use axum::extract::State as Handed;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::view::datasets::{DatasetsPage, FoundView};
use super::view::{Choice, Field};
use super::{Page, Problems, Refused, chrome, fill, problems_of};
use crate::accounts::Scope;
use crate::actions::freeze_query::{freeze_query, look};
use crate::storage;
use crate::storage::works::Filter;
use crate::web::State;
use crate::web::error::Failure;
use crate::web::extract::{Form, Query};
use crate::web::session::Visitor;

/// What is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    licence: String,
    author: String,
    owner: String,
    look: String,
}

impl Asked {
    fn filter(&self) -> Filter {
        let plain = |text: &str| text.trim().replace('\0', "");
        Filter { words: plain(&self.q), licence: plain(&self.licence), author: plain(&self.author), owner: plain(&self.owner) }
    }
}

async fn build(
    state: &State,
    visitor: &Visitor,
    asked: &Asked,
    name: &str,
    problems: &Problems,
) -> Result<DatasetsPage, Failure> {
    let instance = &state.instance;
    let may_build = visitor.may(Scope::Works);
    let found = match &visitor.actor {
        Some(actor) if may_build && !asked.look.is_empty() => {
            let found = look(instance, &actor.name, &asked.filter()).await?;
            let (matched, permitted) = (found.matched(), found.works.len() as u64);
            Some(FoundView { matched, permitted, refused: found.refused.into_iter().collect() })
        }
        _ => None,
    };
    let mut tx = instance.store.read().await?;
    let mut items: Vec<_> = storage::datasets::all(&mut tx).await?.iter().map(fill::dataset_ref).collect();
    items.reverse();
    let mut licences = vec![Choice::new("", "any licence", asked.licence.is_empty())];
    for (licence, _) in storage::works::by_licence(&mut tx, instance.clock.now()).await? {
        let chosen = licence == asked.licence;
        licences.push(Choice::new(licence.clone(), fill::short_licence(&licence), chosen));
    }
    drop(tx);
    Ok(DatasetsPage {
        chrome: chrome(state, visitor, "Datasets", "/datasets").await?,
        items,
        may_build,
        name: Field { value: name.to_owned(), problem: problems.of("name") },
        q: Field { value: asked.q.clone(), problem: problems.of("query") },
        author: asked.author.clone(),
        owner: asked.owner.clone(),
        licences,
        found,
        problem: problems.beside(&["name", "query"]),
    })
}

pub(super) async fn list(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Page<DatasetsPage>, Failure> {
    build(&state, &visitor, &asked, "", &Problems::default()).await.map(Page)
}

pub(super) async fn freeze(Handed(state): Handed<State>, visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let actor = visitor.sent(&form)?;
    let text = |name: &str| form.get(name).to_owned();
    let asked =
        Asked { q: text("q"), licence: text("licence"), author: text("author"), owner: text("owner"), look: "yes".into() };
    let (status, problems) = match freeze_query(&state.instance, actor, form.get("name"), &asked.filter()).await {
        Ok((dataset, _)) => return Ok(Redirect::to(&format!("/datasets/{}", dataset.id)).into_response()),
        Err(e) => problems_of(e)?,
    };
    Ok(Refused(status, build(&state, &visitor, &asked, form.get("name"), &problems).await?).into_response())
}
