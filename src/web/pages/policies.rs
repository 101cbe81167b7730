//! `/policies`: the bundle in force, rule by rule.

use axum::extract::State as Handed;

use super::view::policies::{PolicyRule, TraditionView};
use super::view::{Link, PoliciesPage, PolicyPage};
use super::{Page, chrome, fill};
use crate::actions::Error;
use crate::policy::{Policy, Rule};
use crate::storage;
use crate::web::State;
use crate::web::error::Failure;
use crate::web::extract::Segment;
use crate::web::session::Visitor;

/// Rulings on the page of a policy.
const RULINGS: u32 = 50;

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

/// One policy, with who answers for it and how often it was asked for.
pub(super) async fn one(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<String>,
) -> Result<Page<PolicyPage>, Failure> {
    let bundle = state.instance.policies();
    let policy = bundle.policy(&id).ok_or_else(|| Error::not_found("policy", &id))?;
    let now = state.instance.clock.now();
    let mut tx = state.instance.store.read().await?;
    let stewards = storage::stewards::of(&mut tx, &id)
        .await?
        .into_iter()
        .map(|s| {
            let until = s.ended.map(|(at, _)| format!(" until {}", at.day())).unwrap_or_default();
            let s = s.steward;
            format!("{}, since {}{until}, named by {}: {}", s.name, s.since.day(), s.appointed_by, s.evidence)
        })
        .collect();
    let consents = storage::consents::of_policy(&mut tx, &id)
        .await?
        .into_iter()
        .map(|c| {
            let uses: Vec<&str> = c.consent.uses.iter().map(|u| u.as_str()).collect();
            let about = c.consent.about.map(|a| format!(", about {a}")).unwrap_or_default();
            let stands = match c.withdrawn {
                Some(w) => format!("taken back on {}: {}", w.at.day(), w.reason),
                None if now < c.consent.ends_at => format!("until {}", c.consent.ends_at.day()),
                None => format!("ended on {}", c.consent.ends_at.day()),
            };
            format!("{} may, under {}{about}, for {}: {stands}", c.consent.grantee, c.consent.rule, uses.join(", "))
        })
        .collect();
    let rulings = storage::reviews::rulings_of_policy(&mut tx, &id, RULINGS)
        .await?
        .into_iter()
        .map(|(r, _)| format!("{}, {}: {}, by {} ({}): {}", r.at.day(), r.rule, r.ruling.title(), r.by, r.as_role, r.reason))
        .collect();
    let counts = storage::decisions::counts(&mut tx)
        .await?
        .into_iter()
        .filter(|(policy, ..)| *policy == id)
        .map(|(_, outcome, n)| (super::view::outcome_words(outcome.as_str()).to_owned(), n))
        .collect();
    drop(tx);
    Ok(Page(PolicyPage {
        chrome: chrome(&state, &visitor, &policy.title, "/policies").await?,
        tradition: tradition(policy),
        summary: policy.summary.clone(),
        names: policy.aliases.clone(),
        stewards,
        consents,
        rulings,
        counts,
        json_url: format!("/api/v1/policies/{id}"),
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
        review_due: p.authority.review_due.clone(),
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
