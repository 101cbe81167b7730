//! `/api/v1/policies` and the live check.

use axum::extract::State as Handed;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{TheInstance, shape};
use crate::actions::Error;
use crate::actions::check_policy::check_policy;
use crate::generation::request::PROMPT_MAX;
use crate::policy::{Fired, Use};
use crate::storage;
use crate::web::error::Failure;
use crate::web::extract::Json;

type Answer = Result<axum::Json<Value>, Failure>;

pub(super) async fn bundle(Handed(instance): TheInstance) -> Answer {
    let policies = &instance.policies;
    let items: Vec<Value> = policies
        .policies()
        .map(|p| {
            let rules: Vec<Value> = p
                .rules
                .iter()
                .map(|r| {
                    json!({ "id": format!("{}/{}", p.id, r.id), "outcome": r.outcome, "line": r.line, "uses": r.uses, "why": r.why,
                            "sources": r.sources, "suggest": r.suggest, "consent": r.consent })
                })
                .collect();
            json!({
                "id": p.id, "title": p.title, "version": p.version, "summary": p.summary, "file": p.file, "aliases": p.aliases,
                "authority": { "status": p.authority.status, "name": p.authority.name, "contact_url": p.authority.contact_url },
                "rules": rules,
            })
        })
        .collect();
    let mut tx = instance.store.read().await?;
    let kept = storage::models::find_bundle(&mut tx, policies.hash()).await?;
    let index = match &kept {
        Some((_, statement)) => shape::index(&mut tx, *statement).await?,
        None => None,
    };
    Ok(axum::Json(json!({
        "name": policies.name(), "version": policies.version(), "sha256": policies.hash(), "index": index,
        "in_force_from": kept.map(|(b, _)| b.in_force_from), "total": items.len(), "items": items, "next": null,
    })))
}

/// What to check.
#[derive(Debug, Deserialize)]
pub(super) struct Question {
    prompt: String,
    #[serde(default)]
    negative: String,
    #[serde(default)]
    style: Option<String>,
    #[serde(default, rename = "use")]
    use_: Use,
}

pub(super) async fn check(Handed(instance): TheInstance, Json(asked): Json<Question>) -> Answer {
    let length = asked.prompt.chars().count().max(asked.negative.chars().count());
    if length > PROMPT_MAX {
        return Err(Error::invalid("prompt", format!("the prompt has {length} characters: at most 2,000 are read")).into());
    }
    let decision = check_policy(&instance, &asked.prompt, &asked.negative, asked.style.as_deref(), asked.use_)?;
    let words =
        |rule: &Fired| -> Vec<String> { rule.matches.iter().filter_map(|n| decision.matches.get(*n)?.words.clone()).collect() };
    let rules: Vec<Value> = decision
        .rules
        .iter()
        .map(|rule| {
            let mut shown = serde_json::to_value(rule).unwrap_or_default();
            shown["rule"] = json!(rule.key());
            shown["words"] = json!(words(rule));
            shown["alternatives"] = json!(rule.suggest);
            shown
        })
        .collect();
    let mut shown = serde_json::to_value(&decision).unwrap_or_default();
    shown["sentence"] = json!(decision.sentence());
    shown["rules"] = Value::Array(rules);
    Ok(axum::Json(shown))
}
