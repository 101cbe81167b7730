//! Pictures made from pictures: which ways there are, what each needs, and how it is done. Where a model draws, an edit says what the model is
//! given and how its answer becomes the picture ([`Plan`]). Every pixel that an edit does not invent or change on purpose stays as it was,
//! byte for byte.
//!
//! Beside it stand edits by arithmetic alone (`apply`): no model, no chance, the same bytes for the same request. Each is a plain struct of
//! its parameters with `fault`, which says what is wrong with them, and `apply`.

mod apply;
mod backdrop;
pub mod background;
pub mod colour;
pub mod crop;
mod framed;
pub mod light;
mod mask;
mod matting;
pub mod oklab;
pub mod palette;
mod paper;
mod plan;
pub mod preferences;
pub mod recolour;
mod relief;
pub mod resize;
pub mod restore;
mod segment;
pub mod upscale;
mod variation;
mod window;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use background::Removal;
use colour::{Adjust, Auto};
use light::Relight;
use recolour::Recolour;
use resize::{Fit, Resize};
use restore::Tone;
use upscale::Upscale;

pub use apply::Applied;
pub use mask::Mask;
pub use plan::{Material, Plan};
pub use window::Window;

/// Longest side of a picture that an edit makes, in pixels.
pub const MOST_SIDE: u32 = 4096;

/// What is done to make a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Edit {
    /// Drawn along the lines of a sketch.
    Sketch,
    /// Drawn anew from its parent.
    Variation {
        /// How far from the parent to go: above 0 to 1.
        #[serde(default = "usual_strength")]
        strength: f64,
    },
    /// What a mask covers is drawn anew; the rest of the parent stays.
    Inpaint {
        /// How far from what the parent shows there: above 0 to 1, where 1 looks away from it.
        #[serde(default = "whole")]
        strength: f64,
    },
    /// The canvas is made larger, and what is new of it drawn; the parent stays, but for two pixels along each edge that is continued.
    Outpaint {
        /// Pixels added on the left.
        #[serde(default)]
        left: u32,
        /// Pixels added on top.
        #[serde(default)]
        top: u32,
        /// Pixels added on the right.
        #[serde(default)]
        right: u32,
        /// Pixels added at the bottom.
        #[serde(default)]
        bottom: u32,
    },
    /// What a mask covers is told from the rest of the picture, without a model: damage is mended.
    Restore,
    /// Fading and casts of colour are undone; every pixel by itself.
    Tone(Tone),
    /// Another size, or another shape.
    Resize(Resize),
    /// Enlarged.
    Upscale(Upscale),
    /// Its background is taken away.
    Cutout(Removal),
    /// Brightness, contrast, colours.
    Adjust(Adjust),
    /// Levels by the picture itself.
    Levels(Auto),
    /// Another light.
    Relight(Relight),
    /// The colours of a palette.
    Recolour(Recolour),
}

const fn usual_strength() -> f64 {
    0.6
}

const fn whole() -> f64 {
    1.0
}

/// What an edit is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A picture.
    Parent,
    /// Lines to follow.
    Sketch,
    /// Which part of the parent.
    Mask,
}

impl Role {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parent => "picture",
            Self::Sketch => "sketch",
            Self::Mask => "mask",
        }
    }
}

/// Why an edit can't be made; says what can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct EditError {
    /// The field that is at fault.
    pub field: &'static str,
    /// In words.
    pub text: String,
}

impl EditError {
    pub(crate) fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self { field, text: text.into() }
    }
}

impl Edit {
    /// Its name, as in `kind`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sketch => "sketch",
            Self::Variation { .. } => "variation",
            Self::Inpaint { .. } => "inpaint",
            Self::Outpaint { .. } => "outpaint",
            Self::Restore => "restore",
            Self::Tone(_) => "tone",
            Self::Resize(_) => "resize",
            Self::Upscale(_) => "upscale",
            Self::Cutout(_) => "cutout",
            Self::Adjust(_) => "adjust",
            Self::Levels(_) => "levels",
            Self::Relight(_) => "relight",
            Self::Recolour(_) => "recolour",
        }
    }

    /// What was done, as a sentence for people.
    pub fn sentence(&self) -> String {
        match self {
            Self::Sketch => "It was drawn along the lines of a sketch.".to_owned(),
            Self::Variation { strength } => format!("The whole was drawn anew from the picture (strength {strength})."),
            Self::Inpaint { strength } if *strength < 1.0 => {
                format!("A part of the picture was drawn anew (strength {strength}); the rest is unchanged.")
            }
            Self::Inpaint { .. } => "A part of the picture was drawn anew; the rest is unchanged.".to_owned(),
            Self::Outpaint { left, top, right, bottom } => {
                let sides = [(left, "on the left"), (top, "on top"), (right, "on the right"), (bottom, "at the bottom")];
                let grown = sides.iter().filter(|(n, _)| **n > 0).map(|(n, side)| format!("{n} pixels {side}"));
                format!("The picture was continued beyond its edges: {}.", grown.collect::<Vec<_>>().join(", "))
            }
            Self::Restore => {
                "Damage was mended: a part was told from the rest of the picture, without a model; all else is unchanged."
                    .to_owned()
            }
            Self::Tone(_) => "Its tones were corrected: fading and casts of colour. Nothing was invented.".to_owned(),
            Self::Resize(Resize { width, height, fit, .. }) => {
                let how = match fit {
                    Fit::Stretch => "",
                    Fit::Crop => "; where its shape differed, it was cut",
                    Fit::Pad { .. } => "; where its shape differed, borders were added",
                };
                format!("It was brought to {width}×{height} pixels{how}.")
            }
            Self::Upscale(Upscale { factor, .. }) => format!("It was enlarged {factor} times, without a model."),
            Self::Cutout(_) => "Its background was taken away.".to_owned(),
            Self::Adjust(_) => "Its colours were adjusted.".to_owned(),
            Self::Levels(_) => "Its levels were set by the picture itself.".to_owned(),
            Self::Relight(_) => "It was shaded as if lit from a side.".to_owned(),
            Self::Recolour(Recolour { palette, .. }) => {
                let names: Vec<String> = palette.iter().copied().map(palette::written).collect();
                format!("It was brought to other colours: {}.", names.join(", "))
            }
        }
    }

    /// Whether a model draws, by words and works. Otherwise the picture is worked out from its parent ([`apply`](Self::apply)).
    pub const fn draws(&self) -> bool {
        matches!(self, Self::Sketch | Self::Variation { .. } | Self::Inpaint { .. } | Self::Outpaint { .. })
    }

    /// Whether a program chooses what is done, rather than the numbers that a person gives.
    pub const fn is_automatic(&self) -> bool {
        matches!(self, Self::Restore | Self::Cutout(_) | Self::Levels(_))
    }

    /// As JSON, with numbers as they were written: 0.3 where the nearest number of 32 bits was kept.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).map(short).unwrap_or_default()
    }

    /// What it is made from.
    pub const fn needs(&self) -> &'static [Role] {
        match self {
            Self::Sketch => &[Role::Sketch],
            Self::Inpaint { .. } | Self::Restore => &[Role::Parent, Role::Mask],
            _ => &[Role::Parent],
        }
    }

    /// What it can be made from besides.
    pub const fn takes(&self) -> &'static [Role] {
        match self {
            Self::Inpaint { .. } | Self::Outpaint { .. } => &[Role::Sketch],
            _ => &[],
        }
    }

    /// Checks every number against its range, whatever the pictures are.
    pub fn check(&self) -> Result<(), EditError> {
        match self {
            Self::Sketch | Self::Restore => Ok(()),
            Self::Tone(tone) => sound(tone.fault()),
            Self::Resize(resize) => sound(resize.fault()).and_then(|()| small([resize.width, resize.height])),
            Self::Upscale(upscale) => sound(upscale.fault()),
            Self::Cutout(removal) => sound(removal.fault()),
            Self::Adjust(adjust) if adjust.is_neutral() => {
                Err(EditError::new("edit", "nothing is to be adjusted: say what, such as brightness, contrast or warmth"))
            }
            Self::Adjust(adjust) => sound(adjust.fault()),
            Self::Levels(levels) => sound(levels.fault()),
            Self::Relight(light) => sound(light.fault()),
            Self::Recolour(recolour) => sound(recolour.fault()),
            Self::Variation { strength } | Self::Inpaint { strength } => {
                if *strength > 0.0 && *strength <= 1.0 {
                    Ok(())
                } else {
                    Err(EditError::new(
                        "strength",
                        format!("`{strength}` is out of range for strength: it goes from above 0 to 1"),
                    ))
                }
            }
            Self::Outpaint { left, top, right, bottom } => {
                let sides = [left, top, right, bottom];
                if sides.iter().all(|side| **side == 0) {
                    Err(EditError::new("edit", "nothing is added: say by how many pixels, at the left, top, right or bottom"))
                } else if let Some(side) = sides.iter().find(|side| ***side > MOST_SIDE) {
                    Err(EditError::new("edit", format!("{side} pixels are too many to add: at most {MOST_SIDE} on a side")))
                } else {
                    Ok(())
                }
            }
        }
    }
}

fn sound(fault: Option<String>) -> Result<(), EditError> {
    fault.map_or(Ok(()), |text| Err(EditError::new("edit", text)))
}

/// Refuses a picture of this size where it is too large.
fn small([width, height]: [u32; 2]) -> Result<(), EditError> {
    if width.max(height) <= MOST_SIDE {
        return Ok(());
    }
    Err(EditError::new("edit", format!("the picture would be {width}×{height} pixels: at most {MOST_SIDE} on a side")))
}

/// Numbers of 32 bits by their shortest decimal text.
#[expect(clippy::cast_possible_truncation, reason = "that nothing is lost is what is asked")]
fn short(value: Value) -> Value {
    match value {
        Value::Number(n) if n.is_f64() => {
            let exact = n.as_f64().filter(|long| f64::from(*long as f32) == *long);
            exact.and_then(|long| (long as f32).to_string().parse::<f64>().ok()).map_or(Value::Number(n), Value::from)
        }
        Value::Array(items) => items.into_iter().map(short).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, short(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_they_were_written_and_read_back_the_same() {
        let text = r#"{"kind":"relight","azimuth":90.0,"elevation":12.3,"strength":0.3,"warmth":-0.7,"ambient":0.1}"#;
        let edit: Edit = serde_json::from_str(text).unwrap();
        assert_eq!(edit.to_value(), serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(serde_json::from_value::<Edit>(edit.to_value()).unwrap(), edit);
        let deep: Edit = serde_json::from_str(r#"{"kind":"adjust","curve":[[0.1,0.2],[0.9,0.7]]}"#).unwrap();
        assert_eq!(deep.to_value()["curve"].to_string(), "[[0.1,0.2],[0.9,0.7]]");
    }

    #[test]
    fn every_edit_has_defaults_and_is_named_as_it_is_read() {
        let kinds = [
            r#"{"kind":"sketch"}"#,
            r#"{"kind":"variation"}"#,
            r#"{"kind":"inpaint"}"#,
            r#"{"kind":"outpaint","top":9}"#,
            r#"{"kind":"restore"}"#,
            r#"{"kind":"tone","gamma":1.1}"#,
            r#"{"kind":"resize","width":9,"height":7}"#,
            r#"{"kind":"resize","width":9,"height":7,"fit":{"pad":{}}}"#,
            r#"{"kind":"upscale"}"#,
            r#"{"kind":"cutout"}"#,
            r#"{"kind":"adjust","hue":0.5}"#,
            r#"{"kind":"levels"}"#,
            r#"{"kind":"relight"}"#,
            r#"{"kind":"recolour","palette":[[1,2,3]]}"#,
        ];
        for text in kinds {
            let edit: Edit = serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(edit.check(), Ok(()), "{text}");
            assert_eq!(edit.to_value()["kind"], edit.name());
            assert!(edit.sentence().ends_with('.') && edit.needs().len() < 3);
        }
    }

    #[test]
    fn edits_are_read_by_their_kind_and_nothing_else_is() {
        let read = |text: &str| serde_json::from_str::<Edit>(text);
        assert_eq!(read(r#"{"kind":"variation"}"#).unwrap(), Edit::Variation { strength: 0.6 });
        assert_eq!(read(r#"{"kind":"inpaint","strength":0.5}"#).unwrap(), Edit::Inpaint { strength: 0.5 });
        let out = Edit::Outpaint { left: 0, top: 0, right: 64, bottom: 0 };
        assert_eq!(read(r#"{"kind":"outpaint","right":64}"#).unwrap(), out);
        assert_eq!(serde_json::to_value(&Edit::Sketch).unwrap()["kind"], "sketch");
        for wrong in [
            r#"{"kind":"melt"}"#,
            r#"{"kind":"variation","strenght":1}"#,
            r#"{"kind":"outpaint","right":-1}"#,
            r#"{"kind":"tone","grain":1}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        for strength in [0.0, 1.5, f64::NAN] {
            assert_eq!(Edit::Inpaint { strength }.check().unwrap_err().field, "strength");
        }
        let none = Edit::Outpaint { left: 0, top: 0, right: 0, bottom: 0 };
        assert!(none.check().unwrap_err().text.contains("nothing is added"));
        for (text, said) in [
            (r#"{"kind":"tone","black":[9,9,300]}"#, "black is 300"),
            (r#"{"kind":"tone","black":[9,200,9],"white":[255,100,255]}"#, "above black"),
            (r#"{"kind":"tone","cast":[1,9,1]}"#, "cast is 9"),
            (r#"{"kind":"resize","width":0,"height":7}"#, "width is 0"),
            (r#"{"kind":"resize","width":5000,"height":7}"#, "5000×7"),
            (r#"{"kind":"upscale","factor":5}"#, "factor is 5"),
            (r#"{"kind":"cutout","tolerance":2}"#, "tolerance is 2"),
            (r#"{"kind":"adjust"}"#, "nothing is to be adjusted"),
            (r#"{"kind":"adjust","hue":3}"#, "hue is 3"),
            (r#"{"kind":"levels","strength":-1}"#, "strength is -1"),
            (r#"{"kind":"relight","elevation":91}"#, "elevation is 91"),
            (r#"{"kind":"recolour"}"#, "palette has 0"),
        ] {
            let fault = serde_json::from_str::<Edit>(text).unwrap().check().unwrap_err();
            assert!(fault.field == "edit" && fault.text.contains(said), "{text}: {fault}");
        }
        assert!(Edit::Outpaint { left: 5_000, top: 0, right: 0, bottom: 0 }.check().unwrap_err().text.contains("5000"));
    }
}
