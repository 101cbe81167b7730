//! `/uses`: in which images one's own works are found.

use axum::extract::State as Handed;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::view::uses::{UseView, UsesPage, WorkUsesView};
use super::{Page, chrome};
use crate::actions::uses::{Found, uses_of};
use crate::web::State;
use crate::web::error::Failure;
use crate::web::extract::Query;
use crate::web::session::Visitor;

/// Works looked at on one page.
const AT_ONCE: u32 = 50;

/// From where on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    after: String,
}

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let actor = visitor.someone()?;
    let found = uses_of(&state.instance, actor, &actor.name, &asked.after, AT_ONCE).await?;
    let looked = found.items.len();
    let works = found.items.into_iter().filter(|work| !work.images.is_empty()).map(|work| WorkUsesView {
        work: work.work.to_string(),
        title: work.title,
        uses: work.images.into_iter().map(view).collect(),
    });
    let page = UsesPage {
        owner: actor.name.clone(),
        works: works.collect(),
        looked,
        total: found.total,
        next_url: found.next.map(|next| format!("/uses?after={next}")).unwrap_or_default(),
        chrome: chrome(&state, &visitor, "Where your works are used", "/uses").await?,
    };
    Ok(Page(page).into_response())
}

fn view(found: Found) -> UseView {
    let how = match found.influence {
        _ if !found.credited => "not credited".to_owned(),
        None | Some(0) => "credited".to_owned(),
        Some(share) => format!("credited, {:.0} % of the influence", f64::from(share) / 1e4),
    };
    UseView {
        image: found.image.to_string(),
        creator: found.creator,
        how,
        credited: found.credited,
        alike: found.likeness.map(|score| format!("{:.0} % alike", score * 100.0)).unwrap_or_default(),
    }
}
