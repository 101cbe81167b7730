//! What is offered to whoever edits: damage found, colours learnt from their own pictures, palettes made from one colour. Nothing is changed
//! by asking.

use axum::extract::State as Handed;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::TheInstance;
use crate::actions::Error;
use crate::actions::find_damage::{USUAL_SENSITIVITY, find_damage};
use crate::actions::learn_preferences::learn_preferences;
use crate::generation::edit::Edit;
use crate::generation::edit::palette::{read_colour, written};
use crate::generation::edit::recolour::Scheme;
use crate::generation::edit::restore::Tone;
use crate::id::ParentId;
use crate::web::error::Failure;
use crate::web::extract::{Json, Query};
use crate::web::session::Visitor;

type Answer = Result<axum::Json<Value>, Failure>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Damaged {
    parent: ParentId,
    #[serde(default = "usual")]
    sensitivity: f64,
}

const fn usual() -> f64 {
    USUAL_SENSITIVITY
}

pub(super) async fn damage(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Json(asked): Json<Damaged>,
) -> Answer {
    let actor = visitor.check_api(&headers)?;
    let found = find_damage(&instance, actor, asked.parent, asked.sensitivity).await?;
    let [scratches, holes, stains] = found.pixels;
    let hundredths = |x: f32| (f64::from(x) * 100.0).round() / 100.0;
    Ok(axum::Json(json!({
        "mask": found.mask.as_ref().map(|mask| mask.id),
        "file": found.mask.as_ref().map(|mask| format!("/api/v1/inputs/{}/file", mask.id)),
        "pixels": { "scratches": scratches, "holes": holes, "stains": stains },
        "confidence": hundredths(found.confidence),
        // As it can be asked for; nothing where the tones are sound.
        "tone": (found.tone != Tone::default()).then(|| Edit::Tone(found.tone).to_value()),
    })))
}

pub(super) async fn preferences(Handed(instance): TheInstance, visitor: Visitor) -> Answer {
    let actor = visitor.someone()?;
    let thousandths = |x: f32| (f64::from(x) * 1e3).round() / 1e3;
    Ok(axum::Json(match learn_preferences(&instance, actor).await? {
        None => json!({ "learnt_from": 0 }),
        Some((learnt, pictures)) => json!({
            "learnt_from": pictures,
            "palette": learnt.palette.iter().map(|swatch| json!({ "colour": written(swatch.rgb), "share": thousandths(swatch.share) })).collect::<Vec<_>>(),
            "lightness": thousandths(learnt.lightness),
            "chroma": thousandths(learnt.chroma),
            "warmth": thousandths(learnt.warmth),
            "contrast": thousandths(learnt.contrast),
        }),
    }))
}

#[derive(Deserialize)]
pub(super) struct Base {
    #[serde(default)]
    base: String,
}

pub(super) async fn palettes(Query(Base { base }): Query<Base>) -> Answer {
    let Some(rgb) = read_colour(&base) else {
        let shown: String = base.chars().take(40).collect();
        return Err(Error::invalid("base", format!("`{shown}` is no colour: write six digits such as 3366cc")).into());
    };
    let mut all = Map::new();
    for scheme in Scheme::ALL {
        let name = serde_json::to_value(scheme).map_err(Error::internal)?;
        let colours = scheme.palette(rgb);
        all.insert(name.as_str().unwrap_or_default().to_owned(), json!({ "rgb": colours, "colours": colours.map(written) }));
    }
    Ok(axum::Json(Value::Object(all)))
}
