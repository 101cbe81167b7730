//! `/licences`: the rule table, and what it says of a licence that somebody asks about.

use axum::extract::State as Handed;
use serde::Deserialize;

use super::view::licences::FamilyView;
use super::view::{LicencesPage, Link, VerdictRow};
use super::{Page, chrome};
use crate::web::State;
use crate::web::api::answer;
use crate::web::error::Failure;
use crate::web::extract::Query;
use crate::web::session::Visitor;
use crate::works::licence::LICENCE_LIMIT;
use crate::works::rules::{FAMILIES, Family, RULES_VERSION};
use crate::works::verdict::{Usage, Verdict, verdict};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    licence: String,
}

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Page<LicencesPage>, Failure> {
    let licence: String = asked.licence.trim().chars().take(LICENCE_LIMIT).collect();
    let about = |licence: &str| Usage::ALL.map(|usage| verdict_row(verdict(licence, usage))).into();
    Ok(Page(LicencesPage {
        chrome: chrome(&state, &visitor, "Licences", "/licences").await?,
        rules_version: format!("Rule table {RULES_VERSION}"),
        verdicts: if licence.is_empty() { vec![] } else { about(&licence) },
        asked: licence,
        families: FAMILIES.iter().map(family).collect(),
    }))
}

fn family(f: &Family) -> FamilyView {
    FamilyView {
        id: f.id.to_owned(),
        title: f.title.to_owned(),
        why: first_upper(f.why),
        answers: f.licences.first().map_or_else(Vec::new, |l| Usage::ALL.map(|usage| verdict_row(verdict(l, usage))).into()),
        citation: f.citation.to_owned(),
        licences: f.licences.iter().map(|l| (*l).to_owned()).collect(),
    }
}

fn first_upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A use, as one would say what somebody wants to do.
pub(super) const fn use_label(usage: Usage) -> &'static str {
    match usage {
        Usage::Train => "train a model",
        Usage::FineTune => "fine-tune a model",
        Usage::Generate => "draw on it",
        Usage::GenerateCommercial => "sell what draws on it",
        Usage::Derivative => "change and share it",
    }
}

/// A verdict as a row of a page.
pub(super) fn verdict_row(v: Verdict) -> VerdictRow {
    VerdictRow {
        use_label: use_label(v.usage).to_owned(),
        answer: answer(v.answer).to_owned(),
        duties: v.duties.iter().map(|d| d.sentence().to_owned()).collect(),
        rule: v.rule,
        citation: Link::new(v.citation, ""),
        reason: v.reason,
    }
}
