//! Finding the damage of a picture: a mask that a person then looks at and changes, and what would undo its fading. Nothing is changed by it.

use super::hand_in::{HandIn, hand_in};
use super::material::origin;
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::generation::Picture;
use crate::generation::edit::restore::{Tone, damage, fading};
use crate::generation::edit::{Mask, Role};
use crate::id::ParentId;
use crate::provenance::reading::read_picture;
use crate::provenance::{Format, encode};
use crate::storage::inputs::Input;

/// What is looked for when nothing else is said: only what is next to beyond doubt.
pub const USUAL_SENSITIVITY: f64 = 0.3;

/// What was found.
#[derive(Debug, Clone)]
pub struct FoundDamage {
    /// A mask of all of it, as if handed in; none where nothing was found.
    pub mask: Option<Input>,
    /// Pixels of cracks and scratches, of tears and holes, of stains.
    pub pixels: [usize; 3],
    /// How sure it is, 0 to 1.
    pub confidence: f32,
    /// What would undo fading and casts of colour; [`Tone::default`] where there are none.
    pub tone: Tone,
}

/// Looks for damage in a picture of the actor's. `sensitivity` goes from 0 (only what is beyond doubt) to 1 (whatever may be damage).
pub async fn find_damage(instance: &Instance, actor: &Actor, parent: ParentId, sensitivity: f64) -> Result<FoundDamage> {
    if !actor.may(Scope::Images) {
        return Err(Error::Forbidden(Scope::Images));
    }
    if !(0.0..=1.0).contains(&sensitivity) {
        return Err(Error::invalid(
            "sensitivity",
            format!("`{sensitivity}` is out of range for sensitivity: it goes from 0 to 1"),
        ));
    }
    let file = origin(instance, &mut instance.store.read().await?, parent, Some((actor.account, &actor.name))).await?.file;
    let look = move || -> Result<(Option<Vec<u8>>, FoundDamage)> {
        let read = read_picture(&file).map_err(|e| Error::invalid("parent", e.to_string()))?.rgb;
        let picture = Picture { rgb: read.bytes, width: read.width, height: read.height };
        let seen = damage::find(&picture, sensitivity as f32, &mut |_, _| true).ok_or_else(|| Error::internal("stopped"))?;
        let all = seen.union();
        let found = FoundDamage {
            mask: None,
            pixels: [&seen.scratches, &seen.holes, &seen.stains].map(Mask::count),
            confidence: seen.confidence,
            tone: fading::estimate(&picture, &all),
        };
        if all.count() == 0 {
            return Ok((None, found));
        }
        // Damage has soft edges; what is left of them would be taken for the picture.
        let all = all.dilate(1);
        let rgb: Vec<u8> = all.bytes.iter().flat_map(|byte| [*byte; 3]).collect();
        let png = encode(&rgb, all.width, all.height, Format::Png).map_err(Error::internal)?;
        Ok((Some(png), found))
    };
    let (png, mut found) = tokio::task::spawn_blocking(look).await.map_err(Error::internal)??;
    if let Some(bytes) = png {
        let given = HandIn { role: Role::Mask, name: "damage.png".to_owned(), rights: String::new(), bytes };
        found.mask = Some(hand_in(instance, actor, given).await?);
    }
    Ok(found)
}
