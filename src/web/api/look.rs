//! `/api/v1/likeness`: which registered works and which images a picture is like. Nothing is kept.

use std::sync::Arc;

use axum::extract::State as Handed;
use serde_json::{Value, json};

use super::TheInstance;
use super::works::record;
use crate::accounts::Actor;
use crate::actions::fingerprint::Seen;
use crate::actions::gate::percent;
use crate::actions::look::{Among, IndexFacts, alike, in_turn, index_facts, shown};
use crate::actions::{Error, Instance};
use crate::id::{ImageId, WorkId};
use crate::likeness::{Fingerprints, Likeness, MATCH, Subject, shrunken};
use crate::provenance::encode::Rgb;
use crate::provenance::reading::read_picture;
use crate::provenance::{Format, encode};
use crate::storage;
use crate::web::error::Failure;
use crate::web::extract::Upload;
use crate::web::session::Visitor;

/// Works, and images, that an answer has at most.
const MOST: usize = 12;
/// Longest side of the picture where it is shown again.
const SMALL: u32 = 256;

/// What was found out about a picture, as far as whoever asked may see it.
pub(crate) struct LookedFor {
    /// Pixels across and down.
    pub size: [u32; 2],
    /// It, small and stretched to a square as it was compared: a PNG.
    pub small: Vec<u8>,
    /// What others know it by.
    pub fingerprints: Fingerprints,
    /// Registered works, the likest first.
    pub works: Vec<(WorkId, Likeness)>,
    /// Images, the likest first.
    pub images: Vec<(ImageId, Likeness)>,
    /// What it was compared with.
    pub index: IndexFacts,
}

/// Looks for a picture among everything that may be shown to `actor`.
pub(crate) async fn look_for(instance: &Instance, actor: Option<&Actor>, bytes: Vec<u8>) -> Result<LookedFor, Error> {
    let looked = in_turn(instance, move || {
        let rgb = read_picture(&bytes).map_err(|e| Error::invalid("file", e.to_string()))?.rgb;
        let seen = Seen::of(&rgb)?;
        Ok::<_, Error>(([rgb.width, rgb.height], small(&rgb)?, seen.fingerprints(), Arc::new(seen.query())))
    });
    let (size, small, fingerprints, query) = looked.await??;
    let mut found = alike(instance, &query, Among::Works, MATCH).await?;
    found.extend(alike(instance, &query, Among::Images, MATCH).await?);
    let index = index_facts(instance).await?;
    let (mut works, mut images) = (Vec::new(), Vec::new());
    let mut tx = instance.store.read().await?;
    for hit in found {
        if !shown(instance, &mut tx, hit.subject, actor).await? {
            continue;
        }
        match hit.subject {
            Subject::Work(id) if works.len() < MOST => works.push((id, hit.likeness)),
            Subject::Image(id) if images.len() < MOST => images.push((id, hit.likeness)),
            _ => {}
        }
    }
    Ok(LookedFor { size, small, fingerprints, works, images, index })
}

fn small(rgb: &Rgb) -> Result<Vec<u8>, Error> {
    let side = rgb.width.max(rgb.height).min(SMALL);
    let square = shrunken(&rgb.bytes, rgb.width, rgb.height, side as usize).map_err(Error::internal)?;
    encode(&square, side, side, Format::Png).map_err(Error::internal)
}

pub(super) async fn likeness(
    Handed(instance): TheInstance,
    visitor: Visitor,
    upload: Upload,
) -> Result<axum::Json<Value>, Failure> {
    if upload.file.is_empty() {
        return Err(Error::invalid("file", "send the picture as the body, or as the field `file` of a form").into());
    }
    let found = look_for(&instance, visitor.actor.as_ref(), upload.file).await?;
    let now = instance.clock.now();
    let mut tx = instance.store.read().await?;
    let mut works = Vec::with_capacity(found.works.len());
    for (id, likeness) in &found.works {
        let work = record(&mut tx, *id).await?.work;
        let grants = storage::works::grants(&mut tx, *id).await?;
        let open = grants.iter().find(|g| g.in_force(now) && g.grant.scope.grantee.is_none());
        let grant = open.or_else(|| grants.iter().find(|g| g.in_force(now)));
        let mut told = where_and_how(likeness);
        told["work"] = json!(id);
        told["title"] = json!(work.title);
        told["author"] = json!(work.author);
        told["licence"] = json!(grant.map(|g| g.grant.licence_concluded()));
        told["url"] = json!(format!("/works/{id}"));
        works.push(told);
    }
    let images: Vec<Value> = found
        .images
        .iter()
        .map(|(id, likeness)| {
            let mut told = where_and_how(likeness);
            told["image"] = json!(id);
            told["url"] = json!(format!("/images/{id}"));
            told
        })
        .collect();
    let Fingerprints { pdq, iscc, .. } = found.fingerprints;
    Ok(axum::Json(json!({
        "works": works,
        "images": images,
        "index": found.index,
        "pdq": { "hash": pdq.hash.to_string(), "quality": pdq.quality },
        "iscc": iscc.to_string(),
    })))
}

/// How alike, by which map from the one found to the picture, and which parts of the one found agree.
fn where_and_how(likeness: &Likeness) -> Value {
    let ([a, b, c, d], [x, y]) = (likeness.map.a, likeness.map.t);
    let millionths = |x: f32| (f64::from(x) * 1e6).round() / 1e6;
    let map = [a, b, c, d, x, y].map(millionths);
    json!({ "likeness": millionths(likeness.score), "map": map, "parts": percent(likeness) })
}
