//! `/look`: hand in a picture, read whose work it is. Nothing is kept. `/works/{id}/uses`: the other way round, for who registered a
//! work.

use axum::extract::State as Handed;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::view::look::{Given, Hit, Laid, LookResult};
use super::view::{LookPage, WorkUsesPage};
use super::{Page, Refused, chrome, fill, problems_of};
use crate::accounts::Scope;
use crate::actions::Error;
use crate::actions::gate::percent;
use crate::actions::look::{images_like, index_facts};
use crate::id::WorkId;
use crate::likeness::{Likeness, Map, NEAR, USABLE_QUALITY};
use crate::provenance::reading::MOST_SIDE;
use crate::storage;
use crate::storage::images::ImageRecord;
use crate::web::State;
use crate::web::api::{LookedFor, look_for, work_record};
use crate::web::error::Failure;
use crate::web::extract::{Segment, Upload};
use crate::web::session::Visitor;

/// Drawings keep their shape when they are compared; everything else is stretched.
pub(super) const DRAWING: &str = "image/svg+xml";
/// A turn this near to a quarter is a quarter, in degrees.
const SLACK: f32 = 1.0;
/// Where the whole work would be larger than the picture by this, the picture shows a part of it.
const PART: f32 = 1.1;
/// Where it is smaller by this, there is room around it.
const ROOM: f32 = 0.9;

pub(super) async fn form(Handed(state): Handed<State>, visitor: Visitor) -> Result<Page<LookPage>, Failure> {
    build(&state, &visitor, None, String::new()).await.map(Page)
}

async fn build(state: &State, visitor: &Visitor, result: Option<LookResult>, problem: String) -> Result<LookPage, Failure> {
    Ok(LookPage {
        chrome: chrome(state, visitor, "Look by picture", "/look").await?,
        result,
        problem,
        max_bytes: state.max_upload as u64,
        max_side: MOST_SIDE,
    })
}

pub(super) async fn look(Handed(state): Handed<State>, visitor: Visitor, upload: Upload) -> Result<Response, Failure> {
    let found = if upload.file.is_empty() {
        Err(Error::invalid("file", "no file came along: choose a PNG, JPEG or WebP file first"))
    } else {
        look_for(&state.instance, visitor.actor.as_ref(), upload.file).await
    };
    match found {
        Ok(found) => {
            let result = result(&state, &found).await?;
            Ok(Page(build(&state, &visitor, Some(result), String::new()).await?).into_response())
        }
        Err(e) => {
            let (status, problems) = problems_of(e)?;
            Ok(Refused(status, build(&state, &visitor, None, problems.all()).await?).into_response())
        }
    }
}

async fn result(state: &State, found: &LookedFor) -> Result<LookResult, Failure> {
    let now = state.instance.clock.now();
    let mut tx = state.instance.store.read().await?;
    let (mut works, mut images) = (Vec::new(), Vec::new());
    for (id, likeness) in &found.works {
        let drawing = work_record(&mut tx, *id).await?.work.media_type == DRAWING;
        let Some(card) = fill::work_card(&mut tx, *id, None, now, now).await? else { continue };
        let below = Laid {
            url: format!("/works/{id}"),
            name: format!("“{}” by {}", card.title, card.author),
            kind: "The work".to_owned(),
            picture: card.picture,
            drawing,
            ..Laid::default()
        };
        works.push(Hit { licence: card.licence, ..hit(likeness, below) });
    }
    for (id, likeness) in &found.images {
        let Some(record) = storage::images::find(&mut tx, *id).await? else { continue };
        let below = image_below(&mut tx, &record).await?;
        images.push(hit(likeness, below));
    }
    let [width, height] = found.size;
    let print = &found.fingerprints;
    Ok(LookResult {
        given: Given { picture: data_url(&found.small), width, height, cells: false },
        works,
        images,
        compared_works: found.index.works,
        compared_images: found.index.images,
        method: found.index.method.to_owned(),
        index: found.index.digest.to_string(),
        pdq: print.pdq.hash.to_string(),
        pdq_quality: print.pdq.quality,
        pdq_usable: print.pdq.quality >= USABLE_QUALITY,
        iscc: print.iscc.to_string(),
    })
}

/// An image, for what is laid over it.
async fn image_below(tx: &mut storage::Tx, record: &ImageRecord) -> Result<Laid, Failure> {
    let card = fill::image_card(tx, record).await?;
    let private = card.words.is_empty();
    Ok(Laid {
        url: format!("/images/{}", card.id),
        name: if private { "an image whose words are private".to_owned() } else { format!("the image “{}”", card.words) },
        kind: "The image".to_owned(),
        picture: card.picture,
        ..Laid::default()
    })
}

/// Images that are like a work, for who registered it and for operators.
pub(super) async fn uses(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<WorkId>,
) -> Result<Page<WorkUsesPage>, Failure> {
    let actor = visitor.someone()?;
    let instance = &state.instance;
    // Brings the index up to date, before what is read below.
    let compared_images = index_facts(instance).await?.images;
    let mut tx = instance.store.read().await?;
    let work = work_record(&mut tx, id).await?.work;
    if work.registered_by != actor.name && !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate).into());
    }
    let mut images = Vec::new();
    drop(tx);
    // A look takes connections of its own: none is held while it waits for them.
    let found = images_like(instance, id).await?;
    let mut tx = instance.store.read().await?;
    for (image, likeness) in found {
        let Some(record) = storage::images::find(&mut tx, image).await? else { continue };
        let named = record.image.works.iter().any(|drawn| drawn.work == id);
        let below = image_below(&mut tx, &record).await?;
        images.push(Hit {
            opening: if likeness.score >= NEAR { "Very likely in" } else { "Something like it in" }.to_owned(),
            // The work is what was looked for, so what was done to it is told by the other way.
            changes: likeness.map.inverse().as_ref().map(changes).unwrap_or_default(),
            note: if named { "It names the work." } else { "It does not name the work." }.to_owned(),
            ..hit(&likeness, below)
        });
    }
    drop(tx);
    let picture = if work.held { format!("/works/{id}/picture") } else { "/static/blank.svg".to_owned() };
    Ok(Page(WorkUsesPage {
        chrome: chrome(&state, &visitor, &format!("Images like {}", work.title), &format!("/works/{id}/uses")).await?,
        id: id.to_string(),
        title: work.title,
        given: Given { picture, width: 1, height: 1, cells: false },
        images,
        compared_images,
    }))
}

/// A likeness to what lies below.
fn hit(likeness: &Likeness, below: Laid) -> Hit {
    let picture = if below.picture.is_empty() { "/static/blank.svg".to_owned() } else { below.picture };
    Hit {
        licence: String::new(),
        opening: if likeness.score >= NEAR { "This is very likely" } else { "This looks like" }.to_owned(),
        changes: changes(&likeness.map),
        percent: whole_percent(likeness.score),
        note: String::new(),
        laid: Laid { picture, over: over(&likeness.map), parts: percent(likeness), ..below },
    }
}

/// 0..=1 as a person reads it.
pub(super) fn whole_percent(share: f32) -> u32 {
    (share * 100.0).round() as u32
}

/// Where a picture lies on what was found in it, as an SVG matrix: the other way than the map, and column by column.
pub(super) fn over(map: &Map) -> Option<[f32; 6]> {
    let Map { a: [a, b, c, d], t: [x, y] } = map.inverse()?;
    Some([a, c, b, d, x, y])
}

/// A PNG within a page.
pub(super) fn data_url(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}

/// What was done to a work, by the map from it to the picture that shows it.
fn changes(map: &Map) -> Vec<String> {
    let mirrored = map.area() < 0.0;
    let [a, b, c, d] = map.a;
    // Mirrored left to right first, what is left is a turn; downwards is positive, so a positive one goes with the clock.
    let [a, c] = if mirrored { [-a, -c] } else { [a, c] };
    let degrees = (c - b).atan2(a + d).to_degrees();
    let quarter = (degrees / 90.0).round() * 90.0;
    let turn = if (degrees - quarter).abs() <= SLACK { quarter } else { degrees.round() };
    let mut changes = Vec::new();
    match (mirrored, turn as i32) {
        (false, 0) => {}
        (true, 0) => changes.push("mirrored".to_owned()),
        (true, 180 | -180) => changes.push("mirrored top to bottom".to_owned()),
        (false, 180 | -180) => changes.push("turned upside down".to_owned()),
        (mirrored, turn) => {
            if mirrored {
                changes.push("mirrored".to_owned());
            }
            let way = if turn > 0 { "clockwise" } else { "counter-clockwise" };
            changes.push(format!("turned by {}° {way}", turn.abs()));
        }
    }
    match map.area().abs() {
        area if area > PART => changes.push("cropped".to_owned()),
        area if area < ROOM => changes.push("with room around it".to_owned()),
        _ => {}
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(a: [f32; 4]) -> String {
        changes(&Map { a, t: [0.1, -0.1] }).join("; ")
    }

    #[test]
    fn maps_are_told_in_words() {
        assert_eq!(said([1.0, 0.0, 0.0, 1.0]), "");
        assert_eq!(said([-1.0, 0.0, 0.0, 1.0]), "mirrored");
        assert_eq!(said([1.0, 0.0, 0.0, -1.0]), "mirrored top to bottom");
        assert_eq!(said([-1.0, 0.0, 0.0, -1.0]), "turned upside down");
        // Top goes to the right.
        assert_eq!(said([0.0, -1.0, 1.0, 0.01]), "turned by 90° clockwise");
        assert_eq!(said([0.0, 1.0, -1.0, 0.0]), "turned by 90° counter-clockwise");
        assert_eq!(said([0.0, -1.0, -1.0, 0.0]), "mirrored; turned by 90° clockwise");
        let (sin, cos) = 12f32.to_radians().sin_cos();
        assert_eq!(said([1.2 * cos, -1.2 * sin, 1.2 * sin, 1.2 * cos]), "turned by 12° clockwise; cropped");
        assert_eq!(said([-0.8, 0.0, 0.0, 0.8]), "mirrored; with room around it");
    }

    #[test]
    fn a_picture_is_laid_where_the_work_lies_in_it() {
        // The work is half as wide as the picture, on its left: the picture is twice as wide, to the right of the work.
        let map = Map { a: [0.5, 0.0, 0.0, 1.0], t: [-0.5, 0.0] };
        assert_eq!(over(&map), Some([2.0, 0.0, 0.0, 1.0, 1.0, 0.0]));
        assert_eq!(over(&Map { a: [0.0; 4], t: [0.0; 2] }), None);
    }
}
