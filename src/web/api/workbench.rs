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

fn colour([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

pub(super) async fn preferences(Handed(instance): TheInstance, visitor: Visitor) -> Answer {
    let actor = visitor.someone()?;
    let thousandths = |x: f32| (f64::from(x) * 1e3).round() / 1e3;
    Ok(axum::Json(match learn_preferences(&instance, actor).await? {
        None => json!({ "learnt_from": 0 }),
        Some((learnt, pictures)) => json!({
            "learnt_from": pictures,
            "palette": learnt.palette.iter().map(|swatch| json!({ "colour": colour(swatch.rgb), "share": thousandths(swatch.share) })).collect::<Vec<_>>(),
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
        all.insert(name.as_str().unwrap_or_default().to_owned(), json!({ "rgb": colours, "colours": colours.map(colour) }));
    }
    Ok(axum::Json(Value::Object(all)))
}

/// A colour as six hexadecimal digits, `#` before them or not.
pub(crate) fn read_colour(text: &str) -> Option<[u8; 3]> {
    let digits = text.trim().trim_start_matches('#');
    if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([r, g, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_they_are_written() {
        assert_eq!(read_colour("#3366cc"), Some([0x33, 0x66, 0xcc]));
        assert_eq!(read_colour(&colour([1, 2, 3])), Some([1, 2, 3]));
        for wrong in ["", "red", "#12345", "+12345", "é23456"] {
            assert_eq!(read_colour(wrong), None, "{wrong}");
        }
    }
}
