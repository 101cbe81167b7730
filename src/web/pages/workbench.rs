//! `/workbench`: pictures from pictures. The form is the API's edits field by field; what is drawn on its sheets comes as files, so that it works without
//! scripts too. `/jobs/{id}/series`: pictures that were asked for together.

use std::collections::BTreeMap;

use axum::extract::State as Handed;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::jobs::over;
use super::studio::{refusal, use_label};
use super::view::Choice;
use super::view::workbench::{Group, Member, Param, SeriesPage, Way, WorkbenchPage};
use super::{Page, Problems, Refused, chrome, problems_of};
use crate::accounts::Actor;
use crate::actions::Error;
use crate::actions::board::Progress;
use crate::actions::find_damage::{USUAL_SENSITIVITY, find_damage};
use crate::actions::hand_in::{HandIn, RIGHTS, hand_in};
use crate::actions::learn_preferences::learn_preferences;
use crate::actions::request_image::{MOST_TOGETHER, Order, request_images};
use crate::generation::edit::palette::{read_colour, written};
use crate::generation::edit::restore::Tone;
use crate::generation::edit::{Edit, Role};
use crate::id::{InputId, JobId, ParentId};
use crate::policy::Use;
use crate::storage;
use crate::web::State;
use crate::web::api::own_job;
use crate::web::error::Failure;
use crate::web::extract::{Form, Query, Segment, Upload};
use crate::web::session::Visitor;

/// How a number of a way is typed.
enum Typed {
    /// A slider: least, most, step.
    Slider(f64, f64, f64),
    /// Any number.
    Number,
    /// Three numbers.
    Three,
    /// One of these, sent as text.
    One(&'static [(&'static str, &'static str)]),
    /// Yes or no.
    Yes,
    /// `#rrggbb`, several.
    Colours,
}

/// Name, label, hint, usual value, how it is typed.
type Known = (&'static str, &'static str, &'static str, &'static str, Typed);

/// Name, label, hint, what is drawn by hand for it, its numbers.
type KnownWay = (&'static str, &'static str, &'static str, &'static str, &'static [Known]);

const DRAWN: &[KnownWay] = &[
    (
        "variation",
        "Variations",
        "the whole drawn anew",
        "",
        &[("strength", "How far from it", "", "0.6", Typed::Slider(0.05, 1.0, 0.05))],
    ),
    ("sketch", "Along a sketch", "drawn along your lines, from words", "sketch", &[]),
    (
        "inpaint",
        "A part anew",
        "what you mark; all else stays",
        "mask",
        &[("strength", "How far from what is there", "", "1", Typed::Slider(0.05, 1.0, 0.05))],
    ),
    (
        "outpaint",
        "Beyond its edges",
        "the canvas grows",
        "",
        &[
            ("left", "Left", "pixels", "0", Typed::Number),
            ("top", "Top", "pixels", "0", Typed::Number),
            ("right", "Right", "pixels", "32", Typed::Number),
            ("bottom", "Bottom", "pixels", "0", Typed::Number),
        ],
    ),
];

const WORKED_OUT: &[KnownWay] = &[
    ("restore", "Mend damage", "what you mark is told from the rest", "mask", &[]),
    (
        "tone",
        "Undo fading",
        "tones alone; nothing is invented",
        "",
        &[
            ("gamma", "Middle tones", "", "1", Typed::Slider(0.2, 5.0, 0.05)),
            ("saturation", "Colour", "", "1", Typed::Slider(0.0, 4.0, 0.05)),
            ("black", "Black point", "red green blue", "0 0 0", Typed::Three),
            ("white", "White point", "red green blue", "255 255 255", Typed::Three),
            ("cast", "Gains", "red green blue", "1 1 1", Typed::Three),
        ],
    ),
    (
        "resize",
        "Size and shape",
        "",
        "",
        &[
            ("width", "Width", "pixels", "512", Typed::Number),
            ("height", "Height", "pixels", "512", Typed::Number),
            (
                "fit",
                "Where the shape differs",
                "",
                "crop",
                Typed::One(&[("crop", "cut it"), ("pad", "add borders"), ("stretch", "stretch it")]),
            ),
        ],
    ),
    ("upscale", "Enlarge", "", "", &[("factor", "Times", "", "2", Typed::One(&[("2", "2"), ("3", "3"), ("4", "4")]))]),
    (
        "cutout",
        "Take the background away",
        "PNG or WebP",
        "",
        &[
            ("tolerance", "How much goes", "", "0.5", Typed::Slider(0.0, 1.0, 0.05)),
            ("holes", "Enclosed parts", "", "no", Typed::Yes),
        ],
    ),
    (
        "adjust",
        "Adjust colours",
        "",
        "",
        &[
            ("brightness", "Brightness", "", "0", Typed::Slider(-1.0, 1.0, 0.05)),
            ("contrast", "Contrast", "", "0", Typed::Slider(-1.0, 1.0, 0.05)),
            ("saturation", "Saturation", "", "0", Typed::Slider(-1.0, 1.0, 0.05)),
            ("warmth", "Warmth", "", "0", Typed::Slider(-1.0, 1.0, 0.05)),
            ("tint", "Tint", "", "0", Typed::Slider(-1.0, 1.0, 0.05)),
            ("hue", "Hue", "", "0", Typed::Slider(-1.0, 1.0, 0.05)),
        ],
    ),
    ("levels", "Levels by itself", "", "", &[("strength", "How much", "", "1", Typed::Slider(0.0, 1.0, 0.05))]),
    (
        "relight",
        "Another light",
        "",
        "",
        &[
            ("azimuth", "From where", "degrees, clockwise from above", "315", Typed::Slider(0.0, 360.0, 5.0)),
            ("elevation", "How high", "degrees", "35", Typed::Slider(0.0, 90.0, 5.0)),
            ("strength", "How strong", "", "0.6", Typed::Slider(0.0, 1.0, 0.05)),
            ("warmth", "Warmth", "", "0", Typed::Slider(-1.0, 1.0, 0.05)),
        ],
    ),
    (
        "recolour",
        "Other colours",
        "of a palette",
        "",
        &[
            ("palette", "Palette", "such as #3366cc #ffcc00", "", Typed::Colours),
            ("strength", "How much", "", "1", Typed::Slider(0.0, 1.0, 0.05)),
        ],
    ),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    parent: String,
    edit: String,
    prompt: String,
}

pub(super) async fn page(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Page<WorkbenchPage>, Failure> {
    let mut form = Form::default();
    for (name, value) in [("parent", &asked.parent), ("edit", &asked.edit), ("prompt", &asked.prompt)] {
        form.set(name, value);
    }
    Ok(Page(build(&state, &visitor, &form, &Problems::default()).await?))
}

/// What stands in a field: as typed, or the usual.
fn standing<'a>(form: &'a Form, way: &str, (name, _, _, usual, _): &Known) -> &'a str
where
    'static: 'a,
{
    match form.get(&format!("{way}.{name}")) {
        "" => usual,
        typed => typed,
    }
}

fn group(legend: &str, ways: &[KnownWay], form: &Form, chosen: &str) -> Group {
    let param = |way: &str, known: &Known| {
        let (name, label, hint, _, typed) = known;
        let value = standing(form, way, known);
        let mut param = Param {
            name: (*name).to_owned(),
            label: (*label).to_owned(),
            hint: (*hint).to_owned(),
            value: value.to_owned(),
            ..Param::default()
        };
        match typed {
            Typed::Slider(least, most, step) => {
                param.range = true;
                (param.least, param.most, param.step) = (least.to_string(), most.to_string(), step.to_string());
            }
            Typed::One(all) => param.choices = all.iter().map(|(v, l)| Choice::new(*v, *l, *v == value)).collect(),
            Typed::Yes => {
                let all = [("no", "stay"), ("yes", "go too")];
                param.choices = all.iter().map(|(v, l)| Choice::new(*v, *l, *v == value)).collect();
            }
            Typed::Number | Typed::Three | Typed::Colours => {}
        }
        param
    };
    let way = |(name, label, hint, draw, params): &KnownWay| Way {
        name: (*name).to_owned(),
        label: (*label).to_owned(),
        hint: (*hint).to_owned(),
        draw: (*draw).to_owned(),
        chosen: *name == chosen,
        params: params.iter().map(|known| param(name, known)).collect(),
    };
    Group { legend: legend.to_owned(), ways: ways.iter().map(way).collect() }
}

/// Fields of the form that a problem can stand beside.
const FIELDS: [&str; 9] = ["parent", "rights", "edit", "mask", "sketch", "prompt", "seed", "format", "ai_share"];

async fn build(state: &State, visitor: &Visitor, form: &Form, problems: &Problems) -> Result<WorkbenchPage, Failure> {
    let parent = form.get("parent").parse::<ParentId>().ok();
    let learnt = match &visitor.actor {
        Some(actor) => learn_preferences(&state.instance, actor).await.ok().flatten(),
        None => None,
    };
    let chosen = match form.get("edit") {
        "" if parent.is_none() => "sketch",
        "" => "variation",
        typed => typed,
    };
    let picks = |name: &str, all: &[(&str, &str)]| -> Vec<Choice> {
        let typed = form.get(name);
        all.iter().enumerate().map(|(n, (v, l))| Choice::new(*v, *l, *v == typed || n == 0 && typed.is_empty())).collect()
    };
    let uses: Vec<(&str, &str)> = Use::ALL.iter().map(|u| (u.as_str(), use_label(*u))).collect();
    let counts: Vec<String> = (1..=MOST_TOGETHER).map(|n| n.to_string()).collect();
    let usual = if form.get("n").is_empty() { "4" } else { form.get("n") };
    let path = match parent {
        Some(id) => format!("/workbench?parent={id}"),
        None => "/workbench".to_owned(),
    };
    let values = ["prompt", "seed", "ai_share", "private"].map(|name| (name.to_owned(), form.get(name).to_owned()));
    Ok(WorkbenchPage {
        chrome: chrome(state, visitor, "Workbench", &path).await?,
        parent: parent.map(|id| id.to_string()).unwrap_or_default(),
        picture: match parent {
            Some(ParentId::Image(id)) => format!("/images/{id}/file"),
            Some(ParentId::Input(id)) => format!("/api/v1/inputs/{id}/file"),
            None => String::new(),
        },
        sketch: form.get("kept_sketch").parse::<InputId>().map(|id| id.to_string()).unwrap_or_default(),
        mask: form.get("kept_mask").parse::<InputId>().map(|id| id.to_string()).unwrap_or_default(),
        groups: vec![
            group("Drawn by the model", DRAWN, form, chosen),
            group("Worked out, without a model", WORKED_OUT, form, chosen),
        ],
        rights: picks("rights", &RIGHTS),
        uses: picks("use", &uses),
        formats: picks("format", &[("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WebP")]),
        counts: counts.iter().map(|n| Choice::new(n, n, n == usual)).collect(),
        learnt_from: learnt.as_ref().map_or(0, |(_, pictures)| *pictures),
        palette: learnt.iter().flat_map(|(learnt, _)| &learnt.palette).map(|swatch| written(swatch.rgb)).collect(),
        found: String::new(),
        values: BTreeMap::from(values),
        problems: FIELDS.iter().map(|f| ((*f).to_owned(), problems.of(f))).filter(|(_, text)| !text.is_empty()).collect(),
        problem: problems.beside(&FIELDS),
        refusal: None,
    })
}

/// The edit that the form describes.
fn edit(form: &Form) -> Result<Edit, Error> {
    let name = form.get("edit");
    let way = DRAWN.iter().chain(WORKED_OUT).find(|(known, ..)| *known == name);
    let (_, _, _, _, params) = way.ok_or_else(|| Error::invalid("edit", "choose what is to be done"))?;
    let mut fields = Map::from_iter([("kind".to_owned(), json!(name))]);
    for known in *params {
        let (field, label, _, _, typed) = known;
        let text = standing(form, name, known).trim();
        let wrong = |expected: &str| {
            let shown: String = text.chars().take(40).collect();
            Error::invalid("edit", format!("{label}: `{shown}` is not {expected}"))
        };
        let number = |text: &str| -> Result<Value, Error> {
            let read = text.parse::<i64>().ok().map(Value::from);
            read.or_else(|| text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from)).ok_or_else(|| wrong("a number"))
        };
        let value = match typed {
            Typed::Slider(..) | Typed::Number => number(text)?,
            Typed::One(_) if *field == "fit" && text == "pad" => json!({ "pad": {} }),
            Typed::One(_) if *field == "fit" => json!(text),
            Typed::One(_) => number(text)?,
            Typed::Yes => json!(text == "yes"),
            Typed::Three => {
                let all = text.split_whitespace().map(number).collect::<Result<Vec<_>, _>>()?;
                if all.len() != 3 {
                    return Err(wrong("three numbers: one each for red, green and blue"));
                }
                Value::Array(all)
            }
            Typed::Colours => {
                let words = text.split([' ', ',', ';', '\n']).filter(|word| !word.is_empty());
                let all = words.map(|word| read_colour(word).ok_or_else(|| wrong("a list of colours such as #3366cc")));
                json!(all.collect::<Result<Vec<_>, _>>()?)
            }
        };
        fields.insert((*field).to_owned(), value);
    }
    serde_json::from_value(Value::Object(fields)).map_err(|e| Error::invalid("edit", e.to_string()))
}

/// Takes what came as files; the form then names them, so that they need not be sent again.
async fn take_files(state: &State, actor: &Actor, upload: Upload) -> (Form, Result<(), Error>) {
    let Upload { mut form, more, .. } = upload;
    for (field, name, bytes) in more {
        let (role, kept, at) = match field.as_str() {
            "picture" => (Role::Parent, "parent", "parent"),
            "sketch" => (Role::Sketch, "kept_sketch", "sketch"),
            "mask" => (Role::Mask, "kept_mask", "mask"),
            _ => continue,
        };
        let rights = if role == Role::Parent { form.get("rights").to_owned() } else { String::new() };
        match hand_in(&state.instance, actor, HandIn { role, name, rights, bytes }).await {
            Ok(input) => form.set(kept, &input.id.to_string()),
            Err(Error::Invalid(said)) => {
                // What is wrong with the file stands beside its field.
                let said = said.into_iter().map(|(field, text)| (if field == "file" { at } else { field }, text)).collect();
                return (form, Err(Error::Invalid(said)));
            }
            Err(other) => return (form, Err(other)),
        }
    }
    (form, Ok(()))
}

fn order(form: &Form) -> Result<(Order, u32), Error> {
    let edit = edit(form)?;
    let (needs, draws) = (edit.needs(), edit.draws());
    let input = |name: &str, role: Role| form.get(name).parse::<InputId>().ok().filter(|_| needs.contains(&role));
    fn whole<T: std::str::FromStr>(form: &Form, name: &'static str, most: &str) -> Result<Option<T>, Error> {
        let text = form.get(name).trim();
        let wrong = |_| Error::invalid(name, format!("write a whole number from 0 to {most}"));
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(wrong) }
    }
    let order = Order {
        parent: form.get("parent").parse().ok().filter(|_| needs.contains(&Role::Parent)),
        sketch: input("kept_sketch", Role::Sketch),
        mask: input("kept_mask", Role::Mask),
        prompt: if draws { form.get("prompt").replace("\r\n", "\n") } else { String::new() },
        seed: if draws { whole(form, "seed", "18446744073709551615")? } else { None },
        ai_share: whole(form, "ai_share", "100")?,
        use_: match form.get("use") {
            "" => Use::Personal,
            text => Use::parse(text).map_err(|e| Error::invalid("use", e.to_string()))?,
        },
        format: Some(form.get("format")).filter(|f| !f.is_empty()).unwrap_or("png").to_owned(),
        private: form.get("private") == "yes",
        edit: Some(edit),
        ..Order::default()
    };
    Ok((order, if draws { form.get("n").parse().unwrap_or(1) } else { 1 }))
}

pub(super) async fn ask(Handed(state): Handed<State>, visitor: Visitor, upload: Upload) -> Result<Response, Failure> {
    let actor = visitor.sent(&upload.form)?;
    let (form, taken) = take_files(&state, actor, upload).await;
    if let Err(e) = taken {
        return refused(&state, &visitor, &form, e).await;
    }
    if form.get("find") == "damage" {
        return found(&state, &visitor, actor, form).await;
    }
    let requested = match order(&form) {
        Ok((order, n)) => request_images(&state.instance, actor, order, n, None).await,
        Err(e) => Err(e),
    };
    match requested {
        Ok(requested) if requested.series.len() > 1 => {
            Ok(Redirect::to(&format!("/jobs/{}/series", requested.job.id)).into_response())
        }
        Ok(requested) => Ok(Redirect::to(&format!("/jobs/{}", requested.job.id)).into_response()),
        Err(Error::Denied(decision)) => {
            let mut page = build(&state, &visitor, &form, &Problems::default()).await?;
            page.refusal = Some(refusal(&decision));
            Ok(Refused(StatusCode::FORBIDDEN, page).into_response())
        }
        Err(busy @ Error::Busy { .. }) => {
            let problems = Problems::one("busy", format!("{busy}. What you made is still here."));
            Ok(Refused(StatusCode::TOO_MANY_REQUESTS, build(&state, &visitor, &form, &problems).await?).into_response())
        }
        Err(e) => refused(&state, &visitor, &form, e).await,
    }
}

async fn refused(state: &State, visitor: &Visitor, form: &Form, e: Error) -> Result<Response, Failure> {
    let (status, problems) = problems_of(e)?;
    Ok(Refused(status, build(state, visitor, form, &problems).await?).into_response())
}

/// Looks for damage: the page again, with the mask that was found and the tones that would undo the fading.
async fn found(state: &State, visitor: &Visitor, actor: &Actor, mut form: Form) -> Result<Response, Failure> {
    let sensitivity = form.get("sensitivity").parse().unwrap_or(USUAL_SENSITIVITY);
    let looked = match form.get("parent").parse() {
        Ok(parent) => find_damage(&state.instance, actor, parent, sensitivity).await,
        Err(_) => Err(Error::invalid("parent", "hand in a picture first")),
    };
    let looked = match looked {
        Ok(looked) => looked,
        Err(e) => return refused(state, visitor, &form, e).await,
    };
    let [scratches, holes, stains] = looked.pixels;
    form.set("edit", "restore");
    form.set("kept_mask", &looked.mask.as_ref().map(|mask| mask.id.to_string()).unwrap_or_default());
    if looked.tone != Tone::default() {
        let Tone { black, white, gamma, cast, saturation } = looked.tone;
        let three = |all: [f32; 3]| all.map(|x| x.to_string()).join(" ");
        let tones = [
            ("black", three(black)),
            ("white", three(white)),
            ("cast", three(cast)),
            ("gamma", gamma.to_string()),
            ("saturation", saturation.to_string()),
        ];
        tones.iter().for_each(|(name, value)| form.set(&format!("tone.{name}"), value));
    }
    let mut page = build(state, visitor, &form, &Problems::default()).await?;
    page.found = match looked.mask {
        None => "No damage was found. Hand in a mask of it.".to_owned(),
        Some(_) => format!("Found: {scratches} pixels of scratches, {holes} of holes, {stains} of stains."),
    };
    Ok(Page(page).into_response())
}

pub(super) async fn series(
    Handed(state): Handed<State>,
    visitor: Visitor,
    Segment(id): Segment<JobId>,
) -> Result<Page<SeriesPage>, Failure> {
    let actor = visitor.someone()?;
    let chrome = chrome(&state, &visitor, "Variations", &format!("/jobs/{id}/series")).await?;
    let mut tx = state.instance.store.read().await?;
    let first = own_job(&mut tx, actor, id).await?;
    let order: Option<Order> = serde_json::from_value(first.request.clone()).ok();
    let jobs = match first.series {
        Some(series) => storage::jobs::of_series(&mut tx, series).await?,
        None => vec![first],
    };
    let members = jobs.into_iter().map(|job| {
        let progress = state.instance.board.get(job.id).unwrap_or_else(|| Progress::recorded(&job));
        Member {
            job: job.id.to_string(),
            image: job.image.map(|id| id.to_string()).unwrap_or_default(),
            preview: progress.preview.map(|png| format!("data:image/png;base64,{}", STANDARD.encode(png))).unwrap_or_default(),
            state: over(job.state, job.problem.as_deref()),
        }
    });
    let members = members.collect();
    let parent = order.as_ref().and_then(|o| o.parent);
    Ok(Page(SeriesPage {
        chrome,
        words: order.filter(|o| !o.private).map(|o| o.prompt).unwrap_or_default(),
        members,
        parent: match parent {
            Some(ParentId::Image(id)) => id.to_string(),
            _ => String::new(),
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_speaks_of_every_edit_and_its_usual_numbers_are_in_range() {
        for (name, ..) in DRAWN.iter().chain(WORKED_OUT) {
            let mut form = Form::default();
            form.set("edit", name);
            form.set("recolour.palette", "#3366cc, ffcc00");
            form.set("adjust.warmth", "0.5");
            let read = edit(&form).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!((read.name(), read.check()), (*name, Ok(())));
            let draw = DRAWN.iter().chain(WORKED_OUT).find(|way| way.0 == *name).unwrap().3;
            assert_eq!(draw == "mask", read.needs().contains(&Role::Mask), "{name}");
            assert_eq!(draw == "sketch", read.needs().contains(&Role::Sketch), "{name}");
        }
    }

    #[test]
    fn what_was_typed_wrongly_is_named() {
        let said = |fields: &[(&str, &str)]| {
            let mut form = Form::default();
            fields.iter().for_each(|(name, value)| form.set(name, value));
            edit(&form).unwrap_err().to_string()
        };
        assert!(said(&[("edit", "melt")]).contains("choose what"));
        assert!(said(&[("edit", "outpaint"), ("outpaint.left", "many")]).contains("Left: `many`"));
        assert!(said(&[("edit", "tone"), ("tone.black", "1 2")]).contains("three numbers"));
        assert!(said(&[("edit", "recolour"), ("recolour.palette", "red")]).contains("#3366cc"));
    }
}
