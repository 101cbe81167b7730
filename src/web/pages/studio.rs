//! `/studio`: words in, a job out; or the policy's answer with what was typed still there.

use axum::extract::State as Handed;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::view::make::{Limits, Refusal, StudioForm};
use super::view::{Choice, Field, StudioPage};
use super::{Page, Problems, Refused, chrome, fill, problems_of};
use crate::actions::Error;
use crate::actions::adapters::adapters;
use crate::actions::drawn_with::{DrawnWith, models_here};
use crate::actions::request_image::{Order, request_image};
use crate::id::WorkId;
use crate::policy::{Decision, Use};
use crate::web::State;
use crate::web::error::Failure;
use crate::web::extract::{Form, Query};
use crate::web::session::Visitor;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    prompt: String,
    seed: String,
    with: String,
    without: String,
    model: String,
    adapter: String,
}

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Page<StudioPage>, Failure> {
    let mut form = Form::default();
    let filled = [
        ("prompt", &asked.prompt),
        ("seed", &asked.seed),
        ("with", &asked.with),
        ("without", &asked.without),
        ("model", &asked.model),
        ("adapter", &asked.adapter),
    ];
    filled.iter().for_each(|(name, value)| form.set(name, value));
    Ok(Page(build(&state, &visitor, &form, &Problems::default()).await?))
}

async fn build(state: &State, visitor: &Visitor, form: &Form, problems: &Problems) -> Result<StudioPage, Failure> {
    let now = state.instance.clock.now();
    let mut tx = state.instance.store.read().await?;
    let here = models_here(&state.instance, &mut tx).await?;
    let asked = form.get("model");
    // The embedded one stands first.
    let with = here.iter().find(|with| with.model().id.to_string() == asked).or(here.first());
    let with = with.ok_or_else(|| Error::internal("no model draws here"))?;
    let (offer, model) = (&with.offer, with.model());
    let field = |name: &str, or: String| {
        let typed = form.get(name);
        Field { value: if typed.is_empty() { or } else { typed.to_owned() }, problem: problems.of(name) }
    };
    let choices = |name: &str, all: Vec<(String, String)>| -> Vec<Choice> {
        let typed = form.get(name);
        all.into_iter()
            .enumerate()
            .map(|(n, (value, label))| Choice { chosen: value == typed || (n == 0 && typed.is_empty()), value, label })
            .collect()
    };
    let pairs = |all: &[(&str, &str)]| all.iter().map(|(v, l)| ((*v).to_owned(), (*l).to_owned())).collect::<Vec<_>>();
    let mut styles = vec![(String::new(), "as the works are".to_owned())];
    styles.extend(offer.styles.iter().map(|s| (s.clone(), s.replace('_', " "))));
    let uses = Use::ALL.iter().map(|u| (u.as_str().to_owned(), use_label(*u).to_owned())).collect();
    let mut with_cards = Vec::new();
    for id in ids(form, "with", &mut Vec::new()) {
        with_cards.extend(fill::work_card(&mut tx, id, None, now, now).await?);
    }
    let mut named = vec![(String::new(), "none".to_owned())];
    for adapter in adapters(&mut tx, model.id).await? {
        named.push((adapter.id.to_string(), format!("{}, by {}", adapter.card.title, adapter.made_by)));
    }
    let alone = here.len() == 1;
    let label = |with: &DrawnWith| {
        let [width, height] = with.offer.image;
        (with.model().id.to_string(), format!("{} ({width}×{height})", with.model().card.title))
    };
    let models = here.iter().map(label).collect();
    drop(tx);
    Ok(StudioPage {
        chrome: chrome(state, visitor, "Studio", "/studio").await?,
        form: StudioForm {
            prompt: field("prompt", String::new()),
            style: choices("style", styles),
            use_: choices("use", uses),
            format: choices("format", pairs(&[("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WebP")])),
            seed: field("seed", String::new()),
            // Of another model than the one before, the usual numbers are the other's: empty fields stand for them.
            steps: field("steps", if alone { offer.steps.to_string() } else { String::new() }),
            guidance: field("guidance", if alone { offer.guidance.to_string() } else { String::new() }),
            start: field("start", if alone { offer.start.to_string() } else { String::new() }),
            model: if alone { Vec::new() } else { choices("model", models) },
            negative: field("negative", String::new()),
            size: field("size", String::new()),
            private: form.get("private") == "yes",
            with: field("with", String::new()),
            without: field("without", String::new()),
            adapter: if named.len() > 1 { choices("adapter", named) } else { Vec::new() },
        },
        with_cards,
        refusal: None,
        problem: problems
            .beside(&["prompt", "seed", "steps", "guidance", "start", "with", "without", "model", "negative", "size"]),
        limits: Limits {
            prompt_chars: 2_000,
            steps_max: 100,
            guidance_max: f64::from(offer.guidance_most),
            start_max: 0.94,
            works: offer.works_per_prompt,
        },
        model: model.card.title.clone(),
        model_url: format!("/models/{}", model.id),
        training_known: !model.datasets.is_empty(),
    })
}

/// What a picture is for, as a choice.
pub(super) const fn use_label(use_: Use) -> &'static str {
    match use_ {
        Use::Personal => "personal use",
        Use::Education => "education",
        Use::News => "news and comment",
        Use::Commercial => "commercial use",
        Use::Logo => "a logo",
        Use::Merch => "merchandise",
    }
}

pub(super) async fn ask(Handed(state): Handed<State>, visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let actor = visitor.sent(&form)?;
    let requested = match order(&form) {
        Ok(order) => request_image(&state.instance, actor, order, None).await,
        Err(problems) => Err(Error::Invalid(problems)),
    };
    match requested {
        Ok(requested) => Ok(Redirect::to(&format!("/jobs/{}", requested.job.id)).into_response()),
        Err(Error::Denied(decision)) => {
            let mut page = build(&state, &visitor, &form, &Problems::default()).await?;
            page.refusal = Some(refusal(&decision));
            Ok(Refused(StatusCode::FORBIDDEN, page).into_response())
        }
        Err(busy @ Error::Busy { retry_after_s }) => {
            let problems = Problems::one("busy", format!("{busy}. What you typed is still here."));
            let page = build(&state, &visitor, &form, &problems).await?;
            let retry = [(axum::http::header::RETRY_AFTER, retry_after_s.to_string())];
            Ok((retry, Refused(StatusCode::TOO_MANY_REQUESTS, page)).into_response())
        }
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            Ok(Refused(status, build(&state, &visitor, &form, &problems).await?).into_response())
        }
    }
}

pub(super) fn refusal(decision: &Decision) -> Refusal {
    Refusal {
        sentence: decision.sentence(),
        rules: fill::rule_lines(decision),
        decision_id: decision.id.map(|id| id.to_string()).unwrap_or_default(),
        bundle: decision.bundle.sha256.to_string(),
    }
}

/// Reads a list of works: ids, or the addresses of their pages.
fn ids(form: &Form, name: &'static str, problems: &mut Vec<(&'static str, String)>) -> Vec<WorkId> {
    let text = form.get(name);
    let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|w| !w.is_empty());
    words
        .filter_map(|word| {
            let id = word.trim_end_matches('/').rsplit('/').next().unwrap_or_default().parse().ok();
            if id.is_none() {
                let shown: String = word.chars().take(60).collect();
                problems.push((name, format!("`{shown}` is no work: give a work's id, or the address of its page")));
            }
            id
        })
        .collect()
}

/// Reads the form; every field that can't be read is named.
fn order(form: &Form) -> Result<Order, Vec<(&'static str, String)>> {
    let mut problems = Vec::new();
    fn number<T: std::str::FromStr>(
        form: &Form,
        name: &'static str,
        expected: &str,
        problems: &mut Vec<(&'static str, String)>,
    ) -> Option<T> {
        let text = form.get(name).trim();
        if text.is_empty() {
            return None;
        }
        let read = text.parse().ok();
        if read.is_none() {
            problems.push((name, format!("`{}` is not {expected}", text.chars().take(40).collect::<String>())));
        }
        read
    }
    let use_ = match form.get("use") {
        "" => Some(Use::Personal),
        text => Use::parse(text).map_err(|e| problems.push(("use", e.to_string()))).ok(),
    };
    let size = match form.get("size").trim() {
        "" => None,
        text => {
            let read = text.split_once(['x', '×', '*']).and_then(|(w, h)| Some((w.trim().parse().ok()?, h.trim().parse().ok()?)));
            if read.is_none() {
                problems.push(("size", "write width and height in pixels, as in 512x768".to_owned()));
            }
            read
        }
    };
    let order = Order {
        // Browsers send line ends as CR LF.
        prompt: form.get("prompt").replace("\r\n", "\n"),
        negative: form.get("negative").to_owned(),
        edit: None,
        parent: None,
        sketch: None,
        mask: None,
        style: Some(form.get("style").to_owned()).filter(|s| !s.is_empty()),
        use_: use_.unwrap_or_default(),
        seed: number(form, "seed", "a whole number from 0 to 18446744073709551615", &mut problems),
        steps: number(form, "steps", "a whole number from 1 to 100", &mut problems),
        guidance: number(form, "guidance", "a number from 0 to 30", &mut problems),
        start: number(form, "start", "a number from 0 to below 0.95", &mut problems),
        width: size.map(|(width, _)| width),
        height: size.map(|(_, height)| height),
        with: ids(form, "with", &mut problems),
        without: ids(form, "without", &mut problems),
        credit: Vec::new(),
        model: match form.get("model").trim() {
            "" => None,
            text => text.parse().map_err(|_| problems.push(("model", "choose a model of the list".to_owned()))).ok(),
        },
        strength: None,
        sampler: String::new(),
        adapter: match form.get("adapter").trim() {
            "" => None,
            text => text.parse().map_err(|_| problems.push(("adapter", "choose an adapter of the list".to_owned()))).ok(),
        },
        ai_share: None,
        format: Some(form.get("format")).filter(|f| !f.is_empty()).unwrap_or("png").to_owned(),
        private: form.get("private") == "yes",
        title: form.get("title").trim().to_owned(),
        region: Some(form.get("region").trim().to_uppercase()).filter(|code| !code.is_empty()),
        read_as: None,
    };
    if problems.is_empty() { Ok(order) } else { Err(problems) }
}
