//! `/policies`: the bundle in force, rule by rule.

use axum::extract::State as Handed;
use axum::response::{IntoResponse, Redirect, Response};

use super::view::policies::{PolicyRule, StewardDesk, TraditionView};
use super::view::{Choice, Field, Link, PoliciesPage, PolicyPage};
use super::{Page, Problems, Refused, chrome, fill, problems_of};
use crate::accounts::{Actor, Scope};
use crate::actions::Error;
use crate::actions::appoint_steward::{appoint_steward, end_steward, forget_member, note_member};
use crate::actions::give_consent::{Consenting, give_consent, revoke_consent};
use crate::clock::Timestamp;
use crate::policy::{Policy, Rule, Use};
use crate::storage::{self, Tx};
use crate::web::State;
use crate::web::error::Failure;
use crate::web::extract::{Form, Segment};
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
        problem: state.instance.policy_problem().filter(|_| visitor.may(Scope::Operate)).unwrap_or_default(),
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
    build(&state, &visitor, &id, &Form::default(), &Problems::default()).await.map(Page)
}

async fn build(state: &State, visitor: &Visitor, id: &str, form: &Form, problems: &Problems) -> Result<PolicyPage, Failure> {
    let bundle = state.instance.policies();
    let policy = bundle.policy(id).ok_or_else(|| Error::not_found("policy", id))?;
    let now = state.instance.clock.now();
    let mut tx = state.instance.store.read().await?;
    let desk = match &visitor.actor {
        Some(actor) => desk(&mut tx, actor, policy, now, form, problems).await?,
        None => None,
    };
    let stewards = storage::stewards::of(&mut tx, id)
        .await?
        .into_iter()
        .map(|s| {
            let until = s.ended.map(|(at, _)| format!(" until {}", at.day())).unwrap_or_default();
            let s = s.steward;
            format!("{}, since {}{until}, named by {}: {}", s.name, s.since.day(), s.appointed_by, s.evidence)
        })
        .collect();
    let consents = storage::consents::of_policy(&mut tx, id)
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
    let rulings = storage::reviews::rulings_of_policy(&mut tx, id, RULINGS)
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
    let project = &policy.authority.local_contexts_project;
    let project = if project.is_empty() { String::new() } else { format!("{}/projects/{project}", state.instance.hub_url) };
    Ok(PolicyPage {
        chrome: chrome(state, visitor, &policy.title, "/policies").await?,
        tradition: tradition(policy),
        summary: policy.summary.clone(),
        names: policy.aliases.clone(),
        stewards,
        consents,
        rulings,
        counts,
        project: Link::new("its project on the Local Contexts Hub", project),
        desk,
        json_url: format!("/api/v1/policies/{id}"),
    })
}

/// What `actor` may do for a policy; `None` when nothing.
async fn desk(
    tx: &mut Tx,
    actor: &Actor,
    policy: &Policy,
    now: Timestamp,
    form: &Form,
    problems: &Problems,
) -> Result<Option<StewardDesk>, Failure> {
    if !actor.may(Scope::Policies) {
        return Ok(None);
    }
    let mut stewards: Vec<String> =
        storage::stewards::of(tx, &policy.id).await?.into_iter().filter(|s| s.ended.is_none()).map(|s| s.steward.name).collect();
    let (is_steward, operates) = (stewards.contains(&actor.name), actor.may(Scope::Operate));
    if !is_steward && !operates {
        return Ok(None);
    }
    let may_appoint = is_steward || stewards.is_empty();
    stewards.dedup();
    let chosen = |name: &str, value: &str| form.get(name).split(',').any(|one| one == value);
    let consents = storage::consents::of_policy(tx, &policy.id).await?.into_iter();
    let rules: Vec<&Rule> = policy.rules.iter().filter(|rule| rule.consent.is_some()).collect();
    let mut abouts: Vec<String> = rules.iter().flat_map(|rule| policy.abouts(rule)).collect();
    abouts.sort_unstable();
    abouts.dedup();
    let mut members = Vec::new();
    if is_steward {
        for (name, until) in storage::stewards::members(tx, &policy.id).await? {
            members.push(until.map_or_else(|| name.clone(), |until| format!("{name}, until {}", until.day())));
        }
    }
    let field = |typed: &str, named: &[&str]| Field {
        value: form.get(typed).to_owned(),
        problem: named.iter().map(|name| problems.of(name)).filter(|problem| !problem.is_empty()).collect::<Vec<_>>().join("; "),
    };
    Ok(Some(StewardDesk {
        may_appoint,
        stewards: stewards.iter().map(|name| Choice::new(name, name, chosen("name", name))).collect(),
        is_steward,
        rules: rules
            .into_iter()
            .map(|r| {
                let key = format!("{}/{}", policy.id, r.id);
                Choice::new(&key, format!("{}: {}", r.id, r.why), chosen("rule", &key))
            })
            .collect(),
        abouts,
        uses: Use::ALL.iter().map(|u| Choice::new(u.as_str(), u.as_str(), chosen("uses", u.as_str()))).collect(),
        consents: consents
            .filter(|c| c.withdrawn.is_none() && now < c.consent.ends_at)
            .map(|c| {
                let id = c.consent.id.to_string();
                let label = format!("{}, under {}, until {}", c.consent.grantee, c.consent.rule, c.consent.ends_at.day());
                Choice::new(&id, label, chosen("consent", &id))
            })
            .collect(),
        members,
        deed: form.get("deed").to_owned(),
        problem: problems.all(),
        name: field("name", &["name", "grantee"]),
        words: field("words", &["words", "evidence", "reason"]),
        about: field("about", &["about"]),
        ends: field("ends", &["ends_at"]),
    }))
}

/// The end of a day that was typed.
fn ends(form: &Form) -> Result<Option<Timestamp>, Error> {
    match form.get("ends").trim() {
        "" => Ok(None),
        day => match Timestamp::parse(&format!("{day}T00:00:00Z")) {
            Some(start) => Ok(Some(start.plus_days(1))),
            None => Err(Error::invalid("ends_at", "name a day such as 2027-01-31")),
        },
    }
}

/// One deed of those that the page offers.
pub(super) async fn act(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<String>,
    form: Form,
) -> Result<Response, Failure> {
    let actor = visitor.sent(&form)?;
    match deed(&state, actor, &id, &form).await {
        Ok(()) => Ok(Redirect::to(&format!("/policies/{id}#desk")).into_response()),
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            Ok(Refused(status, build(&state, &visitor, &id, &form, &problems).await?).into_response())
        }
    }
}

async fn deed(state: &State, actor: &Actor, id: &str, form: &Form) -> Result<(), Error> {
    let (instance, name, words) = (&state.instance, form.get("name").trim(), form.get("words"));
    match form.get("deed") {
        "appoint" => appoint_steward(instance, actor, id, name, words).await.map(drop),
        "end" => end_steward(instance, actor, id, name, words).await.map(drop),
        "member" => note_member(instance, actor, id, name, ends(form)?).await,
        "forget" => forget_member(instance, actor, id, name).await,
        "revoke" => {
            let consent = form.get("consent").parse().map_err(|_| Error::not_found("consent", form.get("consent")))?;
            revoke_consent(instance, actor, consent, words).await.map(drop)
        }
        "consent" => {
            let sent = Consenting {
                rule: form.get("rule").to_owned(),
                about: Some(form.get("about").to_owned()),
                uses: form.get("uses").split(',').filter_map(|text| Use::parse(text).ok()).collect(),
                grantee: name.to_owned(),
                words: words.to_owned(),
                starts_at: None,
                ends_at: ends(form)?,
            };
            give_consent(instance, actor, sent).await.map(drop)
        }
        other => Err(Error::invalid("deed", format!("`{other}` is nothing that can be done here; use a button of the page"))),
    }
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
        when: if uses.is_empty() || uses.len() == Use::ALL.len() { "any use".to_owned() } else { uses.join(", ") },
        why: r.why.clone(),
        sources: r
            .sources
            .iter()
            .map(|s| Link::new(s.clone(), if s.starts_with("https://") { s.clone() } else { String::new() }))
            .collect(),
        alternatives: r.suggest.clone(),
    }
}
