//! Pictures made from pictures: which ways there are, what each needs, and how it is done. Where a model draws, an edit says what the model is
//! given and how its answer becomes the picture ([`Plan`]). Every pixel that an edit does not invent or change on purpose stays as it was,
//! byte for byte.
//!
//! Beside it stand edits by arithmetic alone: no model, no chance but a seed, the same bytes for the same request. Each is a plain struct of its
//! parameters with `fault`, which says what is wrong with them, and `apply`.

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
        }
    }

    /// Whether a model draws, by words and works.
    pub const fn draws(&self) -> bool {
        true
    }

    /// What it is made from.
    pub const fn needs(&self) -> &'static [Role] {
        match self {
            Self::Sketch => &[Role::Sketch],
            Self::Variation { .. } | Self::Outpaint { .. } => &[Role::Parent],
            Self::Inpaint { .. } => &[Role::Parent, Role::Mask],
        }
    }

    /// What it can be made from besides.
    pub const fn takes(&self) -> &'static [Role] {
        match self {
            Self::Inpaint { .. } | Self::Outpaint { .. } => &[Role::Sketch],
            Self::Sketch | Self::Variation { .. } => &[],
        }
    }

    /// Checks every number against its range, whatever the pictures are.
    pub fn check(&self) -> Result<(), EditError> {
        match self {
            Self::Sketch => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_read_by_their_kind_and_nothing_else_is() {
        let read = |text: &str| serde_json::from_str::<Edit>(text);
        assert_eq!(read(r#"{"kind":"variation"}"#).unwrap(), Edit::Variation { strength: 0.6 });
        assert_eq!(read(r#"{"kind":"inpaint","strength":0.5}"#).unwrap(), Edit::Inpaint { strength: 0.5 });
        let out = Edit::Outpaint { left: 0, top: 0, right: 64, bottom: 0 };
        assert_eq!(read(r#"{"kind":"outpaint","right":64}"#).unwrap(), out);
        assert_eq!(serde_json::to_value(&Edit::Sketch).unwrap()["kind"], "sketch");
        for wrong in [r#"{"kind":"melt"}"#, r#"{"kind":"variation","strenght":1}"#, r#"{"kind":"outpaint","right":-1}"#] {
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
        assert!(Edit::Outpaint { left: 5_000, top: 0, right: 0, bottom: 0 }.check().unwrap_err().text.contains("5000"));
    }
}
