//! `/`

use axum::extract::State as Handed;

use super::view::make::Counts;
use super::view::{HomePage, ImageCard};
use super::{Page, chrome, fill};
use crate::storage;
use crate::web::State;
use crate::web::error::Failure;
use crate::web::session::Visitor;

/// Pictures shown on the first page.
const LATEST: u32 = 8;

pub(super) async fn page(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<HomePage>, Failure> {
    let chrome = chrome(&state, &visitor, "Pictures that name their sources", "/").await?;
    let mut tx = state.instance.store.read().await?;
    let images = storage::images::list(&mut tx, "", LATEST).await?;
    let mut latest: Vec<ImageCard> = Vec::new();
    for record in &images.items {
        latest.push(fill::image_card(&mut tx, record).await?);
    }
    let (works, authors) = storage::works::totals(&mut tx).await?;
    let licences = storage::works::by_licence(&mut tx, state.instance.clock.now()).await?.len() as u64;
    let counts =
        Counts { works, authors, licences, images: images.total, log_entries: chrome.head.as_ref().map_or(0, |h| h.size) };
    Ok(Page(HomePage { chrome, prompt: String::new(), latest, counts }))
}
