//! `/api/v1/policies` and the live check.

use axum::extract::State as Handed;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{TheInstance, shape};
use crate::actions::Error;
use crate::actions::Instance;
use crate::actions::check_picture::check_picture;
use crate::actions::check_policy::check_policy;
use crate::actions::request_image::Order;
use crate::generation::request::PROMPT_MAX;
use crate::id::{ModelId, WorkId};
use crate::policy::{Decision, Fired, Use, folded_for_model};
use crate::storage;
use crate::web::error::Failure;
use crate::web::extract::{Json, Upload};
use crate::web::session::Visitor;

type Answer = Result<axum::Json<Value>, Failure>;

pub(super) async fn bundle(Handed(instance): TheInstance) -> Answer {
    let policies = instance.policies();
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

/// Longest title or name of a style that is looked at, in bytes.
const NAME_MAX: usize = 1_000;

/// What to check: what a picture would be asked for with, as far as the policy looks at it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    prompt: String,
    #[serde(default)]
    negative: String,
    #[serde(default)]
    style: Option<String>,
    #[serde(default)]
    title: String,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    with: Vec<WorkId>,
    #[serde(default)]
    adapter: Option<ModelId>,
    #[serde(default, rename = "use")]
    use_: Use,
}

/// The question as an order, if it is not too long.
fn order(instance: &Instance, asked: Question) -> Result<Order, Failure> {
    let length = asked.prompt.chars().count().max(asked.negative.chars().count());
    if length > PROMPT_MAX {
        return Err(Error::invalid("prompt", format!("the prompt has {length} characters: at most 2,000 are read")).into());
    }
    let names = [asked.title.as_str(), asked.style.as_deref().unwrap_or_default(), asked.region.as_deref().unwrap_or_default()];
    if names.iter().any(|name| name.len() > NAME_MAX) || asked.with.len() > instance.offer.works_per_prompt {
        let works = instance.offer.works_per_prompt;
        let problem =
            format!("a title, a style and a country have at most {NAME_MAX} bytes each, and {works} works can be named");
        return Err(Error::invalid("title", problem).into());
    }
    let Question { prompt, negative, style, title, region, with, adapter, use_ } = asked;
    Ok(Order { prompt, negative, style, title, region, with, adapter, use_, ..Order::default() })
}

pub(super) async fn check(Handed(instance): TheInstance, visitor: Visitor, Json(asked): Json<Question>) -> Answer {
    let order = order(&instance, asked)?;
    let mut tx = instance.store.read().await?;
    let decision = check_policy(&instance, &mut tx, visitor.actor.as_ref(), &order).await?;
    let mut shown = shown(&decision);
    shown["read_as"] = json!(folded_for_model(&order.prompt));
    Ok(axum::Json(shown))
}

/// The same for a picture handed in: the field `file`, beside `prompt`, `negative`, `use`, `title` and `region`.
pub(super) async fn picture(Handed(instance): TheInstance, visitor: Visitor, upload: Upload) -> Answer {
    if upload.file.is_empty() {
        return Err(Error::invalid("file", "send the picture as the field `file` of a form, or as the body").into());
    }
    let text = |name: &str| upload.form.get(name).to_owned();
    let use_ = match upload.form.get("use") {
        "" => Use::default(),
        text => Use::parse(text).map_err(|e| Error::invalid("use", e.to_string()))?,
    };
    let region = Some(text("region")).filter(|region| !region.is_empty());
    let (prompt, negative, title) = (text("prompt"), text("negative"), text("title"));
    let asked = Question { prompt, negative, style: None, title, region, with: Vec::new(), adapter: None, use_ };
    let order = order(&instance, asked)?;
    let checked = check_picture(&instance, visitor.actor.as_ref(), &order, &upload.name, upload.file).await?;
    let mut shown = shown(&checked.decision);
    shown["picture"] = json!({
        "credentials": checked.sentence,
        "nearest": checked.nearest.map(|(work, distance)| json!({ "work": work, "distance": distance })),
    });
    Ok(axum::Json(shown))
}

/// A decision for a page that shows it while one types.
fn shown(decision: &Decision) -> Value {
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
            shown["url"] = json!(format!("/policies/{}#{}", rule.policy, rule.rule));
            shown
        })
        .collect();
    let mut shown = serde_json::to_value(decision).unwrap_or_default();
    shown["sentence"] = json!(decision.sentence());
    shown["rules"] = Value::Array(rules);
    shown
}
