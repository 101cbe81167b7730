//! `/policies`: the bundle in force, rule by rule.

use axum::extract::State as Handed;

use super::view::policies::{PolicyRule, TraditionView};
use super::view::{Link, PoliciesPage};
use super::{Page, chrome, fill};
use crate::policy::{Policy, Rule};
use crate::storage;
use crate::web::State;
use crate::web::error::Failure;
use crate::web::session::Visitor;

pub(super) async fn page(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<PoliciesPage>, Failure> {
    let chrome = chrome(&state, &visitor, "Policies", "/policies").await?;
    let bundle = state.instance.policies();
    let mut tx = state.instance.store.read().await?;
    let kept = storage::models::find_bundle(&mut tx, bundle.hash()).await?;
    let index = match &kept {
        Some((_, statement)) => storage::log::find(&mut tx, *statement).await?.and_then(|e| e.index),
        None => None,
    };
    Ok(Page(PoliciesPage {
        chrome,
        bundle_name: format!("{} {}", bundle.name(), bundle.version()),
        bundle: bundle.hash().to_string(),
        since: kept.map(|(b, _)| fill::day(b.in_force_from)).unwrap_or_default(),
        index,
        traditions: bundle.policies().map(tradition).collect(),
        appeal: Link::new(bundle.appeal(), ""),
        json_url: "/api/v1/policies".to_owned(),
    }))
}

fn tradition(p: &Policy) -> TraditionView {
    TraditionView {
        id: p.id.clone(),
        title: p.title.clone(),
        file: p.file.clone(),
        authority_status: p.authority.status.as_str().to_owned(),
        authority: p.authority.name.clone(),
        contact: Link::new(p.authority.name.clone(), p.authority.contact_url.clone()),
        review_due: String::new(),
        rules: p.rules.iter().map(rule).collect(),
    }
}

fn rule(r: &Rule) -> PolicyRule {
    let uses: Vec<&str> = r.uses.iter().map(|u| u.as_str()).collect();
    PolicyRule {
        id: r.id.clone(),
        line: u32::try_from(r.line).unwrap_or(0),
        outcome: r.outcome.as_str().to_owned(),
        when: if uses.is_empty() || uses.len() == crate::policy::Use::ALL.len() { "any use".to_owned() } else { uses.join(", ") },
        why: r.why.clone(),
        sources: r
            .sources
            .iter()
            .map(|s| Link::new(s.clone(), if s.starts_with("https://") { s.clone() } else { String::new() }))
            .collect(),
        alternatives: r.suggest.clone(),
    }
}
