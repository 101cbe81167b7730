//! `/v1`: images and models in the shape of OpenAI's API, for programs that speak it already. Another door to the same deeds: what is drawn here
//! is decided, signed and logged like any picture, and asked for with one of this registry's own tokens.
//!
//! What differs from there: a picture handed in counts as its sender's own (there is no field to say otherwise); `quality` and
//! `output_compression` are read and change nothing; `style` may be one of the model's styles; and beyond OpenAI's parameters there are
//! `seed`, `negative_prompt`, `guidance_scale`, `num_inference_steps`, `use` and `private`.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Multipart, State as Handed};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::TheInstance;
use super::events::Events;
use crate::accounts::Actor;
use crate::actions::drawn_with::{DrawnWith, models_here};
use crate::actions::hand_in::{HandIn, hand_in};
use crate::actions::request_image::{MOST_TOGETHER, Order, cancel, request_images};
use crate::actions::{Error, Instance as Actions};
use crate::generation::edit::{Edit, Role};
use crate::id::{ImageId, InputId, JobId, ParentId};
use crate::policy::Use;
use crate::provenance::reading::read_picture;
use crate::storage;
use crate::storage::tasks::TaskState;
use crate::web::State;
use crate::web::error::Failure;
use crate::web::extract::{Json, Segment};
use crate::web::session::{Instance, Visitor};

/// How often a job is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Looks after which a stream says that it lives.
const QUIET: u32 = 500;
/// How far an edit without a mask goes from its picture.
const WITHOUT_MASK: f64 = 0.75;
/// How far a variation goes.
const VARIATION: f64 = 0.6;
/// Names of OpenAI's models: whoever asks for one gets the embedded model.
const THEIRS: [&str; 3] = ["dall-e-", "gpt-image-", "chatgpt-image-"];

pub(in crate::web) fn router(max_upload: usize) -> Router<State> {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/models/{id}", get(model))
        .route("/v1/images/generations", post(generations))
        .route("/v1/images/edits", post(edits))
        .route("/v1/images/variations", post(variations))
        // A picture, its mask, and the other fields.
        .layer(DefaultBodyLimit::max(2 * max_upload + (64 << 10)))
}

/// A failure as OpenAI's clients read it: status and body.
pub(in crate::web) fn skin(failure: &Failure, said: &str) -> Response {
    let (status, kind, param, code) = match failure {
        Failure::SignIn => (StatusCode::UNAUTHORIZED, "invalid_request_error", None, Some("invalid_api_key")),
        Failure::Action(Error::Denied(_)) => {
            (StatusCode::BAD_REQUEST, "image_generation_user_error", None, Some("moderation_blocked"))
        }
        Failure::Action(Error::Invalid(fields)) => {
            let param = fields.first().map(|(field, _)| *field);
            (StatusCode::BAD_REQUEST, "invalid_request_error", param, Some("invalid_value"))
        }
        Failure::Malformed(_) => (StatusCode::BAD_REQUEST, "invalid_request_error", None, None),
        Failure::Action(Error::NotFound { what, .. }) => {
            let model = *what == "model";
            (StatusCode::NOT_FOUND, "invalid_request_error", model.then_some("model"), model.then_some("model_not_found"))
        }
        Failure::Action(Error::Busy { .. }) => (StatusCode::TOO_MANY_REQUESTS, "requests", None, Some("rate_limit_exceeded")),
        other if other.status().is_server_error() => (other.status(), "server_error", None, None),
        other => (other.status(), "invalid_request_error", None, None),
    };
    let mut error = json!({ "message": said, "type": kind, "param": param, "code": code });
    if let Failure::Action(Error::Denied(decision)) = failure {
        error["moderation_details"] = json!({ "moderation_stage": "input", "categories": [] });
        error["decision"] = serde_json::to_value(decision).unwrap_or_default();
    }
    let mut response = (status, axum::Json(json!({ "error": error }))).into_response();
    // Asked again it would fail again: their clients ask three times unless told.
    if status == StatusCode::CONFLICT || status.is_server_error() {
        response.headers_mut().insert("x-should-retry", HeaderValue::from_static("false"));
    }
    response
}

async fn here(instance: &Actions) -> Result<Vec<DrawnWith>, Failure> {
    Ok(models_here(instance, &mut instance.store.read().await?).await?)
}

fn shown(with: &DrawnWith) -> Value {
    let model = with.model();
    let owner = if model.made_by.is_empty() { "colophon" } else { &model.made_by };
    json!({ "id": model.card.name, "object": "model", "created": model.registered_at.millis() / 1000, "owned_by": owner })
}

async fn models(Handed(instance): TheInstance, visitor: Visitor) -> Result<axum::Json<Value>, Failure> {
    visitor.someone()?;
    let data: Vec<Value> = here(&instance).await?.iter().map(shown).collect();
    Ok(axum::Json(json!({ "object": "list", "data": data })))
}

async fn model(
    Handed(instance): TheInstance,
    visitor: Visitor,
    Segment(id): Segment<String>,
) -> Result<axum::Json<Value>, Failure> {
    visitor.someone()?;
    let found = here(&instance).await?.into_iter().find(|with| with.model().card.name == id || with.model().id.to_string() == id);
    let shown = found.as_ref().map(shown).ok_or_else(|| Error::not_found("model", id.chars().take(80).collect::<String>()))?;
    Ok(axum::Json(shown))
}

/// What is asked for, by its names; a form's fields are all text.
struct Fields {
    given: Map<String, Value>,
    form: bool,
}

fn wrong(param: &'static str, text: impl Into<String>) -> Failure {
    Error::invalid(param, text).into()
}

impl Fields {
    /// A value, unless it is absent or null.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.given.remove(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &'static str) -> Result<Option<String>, Failure> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(name, format!("invalid type for '{name}': expected text"))),
        }
    }

    /// One of a few words.
    fn word(&mut self, name: &'static str, words: &[&'static str]) -> Result<Option<&'static str>, Failure> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let known = words.iter().copied().find(|word| *word == text);
        let shown: String = text.chars().take(40).collect();
        known.map(Some).ok_or_else(|| wrong(name, format!("invalid value for '{name}': `{shown}`; choose {}", words.join(", "))))
    }

    fn number(&mut self, name: &'static str) -> Result<Option<f64>, Failure> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let read = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) if self.form => text.trim().parse().ok(),
            _ => None,
        };
        read.map(Some).ok_or_else(|| wrong(name, format!("invalid type for '{name}': expected a number")))
    }

    /// A whole number within a range.
    fn whole(&mut self, name: &'static str, least: u32, most: u32) -> Result<Option<u32>, Failure> {
        let Some(number) = self.number(name)? else { return Ok(None) };
        if number.fract() != 0.0 || !(f64::from(least)..=f64::from(most)).contains(&number) {
            return Err(wrong(name, format!("invalid '{name}': expected a whole number from {least} to {most}, got {number}")));
        }
        Ok(Some(number as u32))
    }

    fn flag(&mut self, name: &'static str) -> Result<bool, Failure> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(Value::String(text)) if self.form && (text == "true" || text == "false") => Ok(text == "true"),
            Some(_) => Err(wrong(name, format!("invalid type for '{name}': expected true or false"))),
        }
    }
}

/// Everything asked for, read and checked but for what the order's own rules say.
struct Asked {
    order: Order,
    n: u32,
    url: bool,
    stream: bool,
    previews: u32,
    quality: &'static str,
    /// Of the picture, where a size was named.
    size: Option<[u32; 2]>,
}

async fn read(instance: &Actions, fields: &mut Fields) -> Result<Asked, Failure> {
    let mut order = Order::default();
    if let Some(name) = fields.text("model")? {
        let known = here(instance).await?.into_iter().map(|with| with.record.model);
        let found = known.into_iter().find(|model| model.card.name == name || model.id.to_string() == name);
        match found {
            Some(model) => order.model = Some(model.id),
            None if THEIRS.iter().any(|theirs| name.starts_with(theirs)) => {}
            None => {
                let shown: String = name.chars().take(80).collect();
                return Err(wrong("model", format!("the model `{shown}` does not exist here: /v1/models lists those that do")));
            }
        }
    }
    order.prompt = fields.text("prompt")?.unwrap_or_default();
    order.negative = fields.text("negative_prompt")?.unwrap_or_default();
    let n = fields.whole("n", 1, MOST_TOGETHER)?.unwrap_or(1);
    let size = match fields.text("size")?.as_deref() {
        None | Some("auto") => None,
        Some(text) => {
            let read = text.split_once('x').and_then(|(w, h)| Some([w.parse().ok()?, h.parse().ok()?]));
            let shown: String = text.chars().take(40).collect();
            Some(read.ok_or_else(|| wrong("size", format!("invalid size `{shown}`: write it as 512x768, or auto")))?)
        }
    };
    let quality = fields.word("quality", &["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"])?;
    let quality = quality.filter(|q| ["low", "medium", "high"].contains(q)).unwrap_or("medium");
    order.style = fields.text("style")?.filter(|style| style != "vivid" && style != "natural" && !style.is_empty());
    let url = fields.word("response_format", &["b64_json", "url"])? == Some("url");
    if fields.word("background", &["auto", "opaque", "transparent"])? == Some("transparent") {
        return Err(wrong("background", "pictures are drawn opaque here: leave `background` out"));
    }
    fields.word("moderation", &["auto", "low"])?;
    fields.word("input_fidelity", &["high", "low"])?;
    order.format = fields.word("output_format", &["png", "jpeg", "webp"])?.unwrap_or("png").to_owned();
    fields.whole("output_compression", 0, 100)?;
    fields.text("user")?;
    fields.text("safety_identifier")?;
    let stream = fields.flag("stream")?;
    let previews = fields.whole("partial_images", 0, 3)?.unwrap_or(0);
    // Beyond what they have. A seed has 64 bits, so it may come as text.
    order.seed = match fields.take("seed") {
        None => None,
        Some(Value::Number(number)) => Some(number.as_u64().ok_or_else(|| wrong("seed", "a seed is a whole number"))?),
        Some(Value::String(text)) => Some(text.parse().map_err(|_| wrong("seed", "a seed is a whole number"))?),
        Some(_) => return Err(wrong("seed", "a seed is a whole number")),
    };
    order.guidance = fields.number("guidance_scale")?;
    order.steps = fields.whole("num_inference_steps", 1, 100)?.map(|steps| steps as u16);
    if let Some(text) = fields.text("use")? {
        order.use_ = Use::parse(&text).map_err(|e| wrong("use", e.to_string()))?;
    }
    order.private = fields.flag("private")?;
    Ok(Asked { order, n, url, stream, previews, quality, size })
}

/// What is left is nothing we know.
fn none_left(fields: &Fields) -> Result<(), Failure> {
    match fields.given.iter().find(|(_, value)| !value.is_null()) {
        None => Ok(()),
        Some((name, _)) => {
            let shown: String = name.chars().take(40).collect();
            Err(Failure::Malformed(format!("unknown parameter `{shown}`: leave it out")))
        }
    }
}

async fn generations(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let Value::Object(given) = body else { return Err(Failure::Malformed("the body is no JSON object".into())) };
    let mut fields = Fields { given, form: false };
    let mut asked = read(&instance, &mut fields).await?;
    none_left(&fields)?;
    if let Some([width, height]) = asked.size {
        (asked.order.width, asked.order.height) = (Some(width), Some(height));
    }
    draw(&instance, actor, asked, "image_generation").await
}

/// A file of a form: its name and its bytes.
type File = (String, Vec<u8>);

/// The files of a form by their fields, and its other fields.
async fn form(mut parts: Multipart) -> Result<(Fields, Vec<File>, Option<File>), Failure> {
    let unread = |e: axum::extract::multipart::MultipartError| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Failure::TooLarge("the files are larger than may be sent here".into()),
        _ => Failure::Malformed(format!("the form can't be read: {}", e.body_text())),
    };
    let (mut given, mut images, mut mask) = (Map::new(), Vec::new(), None);
    while let Some(part) = parts.next_field().await.map_err(unread)? {
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().map(str::to_owned);
        let bytes = part.bytes().await.map_err(unread)?;
        match (name.as_str(), file) {
            ("image" | "image[]", Some(file)) => images.push((file, bytes.into())),
            ("mask", Some(file)) => mask = Some((file, bytes.into())),
            _ => {
                let text = String::from_utf8(bytes.into()).map_err(|_| Failure::Malformed(format!("`{name}` is not UTF-8")))?;
                given.insert(name, Value::String(text));
            }
        }
    }
    Ok((Fields { given, form: true }, images, mask))
}

/// What a form asks for, with its pictures and its mask.
async fn sent(instance: &Actions, parts: Multipart) -> Result<(Asked, Vec<File>, Option<File>), Failure> {
    let (mut fields, images, mask) = form(parts).await?;
    let asked = read(instance, &mut fields).await?;
    none_left(&fields)?;
    Ok((asked, images, mask))
}

/// Hands a file in; what is wrong with it is said of `param`.
async fn given(
    instance: &Actions,
    actor: &Actor,
    role: Role,
    (name, bytes): File,
    param: &'static str,
) -> Result<InputId, Failure> {
    let taken = hand_in(instance, actor, HandIn { role, name, rights: "own".to_owned(), bytes }).await;
    taken.map(|input| input.id).map_err(|e| match e {
        Error::Invalid(fields) => Error::Invalid(fields.into_iter().map(|(_, text)| (param, text)).collect()).into(),
        other => other.into(),
    })
}

/// The one picture of a form.
fn only(mut images: Vec<File>) -> Result<File, Failure> {
    match images.len() {
        1 => images.pop().ok_or_else(|| wrong("image", "no picture was sent")),
        0 => Err(wrong("image", "no picture was sent: add it as `image`")),
        n => Err(wrong("image", format!("{n} pictures were sent: an edit is made from one"))),
    }
}

async fn edits(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    parts: Multipart,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let (mut asked, images, mask) = sent(&instance, parts).await?;
    if asked.order.prompt.trim().is_empty() {
        return Err(wrong("prompt", "the prompt is empty: say in a few words what to draw"));
    }
    let image = only(images)?;
    let reading = read_picture(&image.1).map_err(|e| wrong("image", e.to_string()))?;
    let shape = [reading.rgb.width, reading.rgb.height];
    if let Some([width, height]) = asked.size.filter(|size| *size != shape) {
        let text = format!("an edit keeps its picture's size, {}x{}: `{width}x{height}` is not offered", shape[0], shape[1]);
        return Err(wrong("size", text));
    }
    // Without a mask, what is transparent in the picture is meant; where nothing is, the whole.
    let mask = mask.or_else(|| reading.alpha.is_some().then(|| image.clone()));
    let parent = given(&instance, actor, Role::Parent, image, "image").await?;
    asked.order.parent = Some(ParentId::Input(parent));
    asked.order.edit = Some(Edit::Variation { strength: WITHOUT_MASK });
    if let Some(mask) = mask {
        asked.order.mask = Some(given(&instance, actor, Role::Mask, mask, "mask").await?);
        asked.order.edit = Some(Edit::Inpaint { strength: 1.0 });
    }
    draw(&instance, actor, asked, "image_edit").await
}

async fn variations(
    Handed(instance): TheInstance,
    visitor: Visitor,
    headers: HeaderMap,
    parts: Multipart,
) -> Result<Response, Failure> {
    let actor = visitor.check_api(&headers)?;
    let (mut asked, images, _) = sent(&instance, parts).await?;
    let parent = given(&instance, actor, Role::Parent, only(images)?, "image").await?;
    asked.order.parent = Some(ParentId::Input(parent));
    asked.order.edit = Some(Edit::Variation { strength: VARIATION });
    draw(&instance, actor, asked, "image_generation").await
}

/// Calls off what is still open when whoever asked has left.
struct Open {
    instance: Instance,
    actor: Actor,
    jobs: Vec<JobId>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let (instance, actor, jobs) = (self.instance.clone(), self.actor.clone(), std::mem::take(&mut self.jobs));
        if jobs.is_empty() {
            return;
        }
        tokio::spawn(async move {
            for job in jobs {
                // One that is over by now stays as it is.
                let _ = cancel(&instance, &actor, job).await;
            }
        });
    }
}

impl Open {
    /// Waits until a job is over; its image, or why there is none.
    async fn image(&mut self, job: JobId) -> Result<ImageId, Failure> {
        loop {
            if let Some(image) = self.look(job).await? {
                return Ok(image);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look(&mut self, id: JobId) -> Result<Option<ImageId>, Failure> {
        let mut tx = self.instance.store.read().await?;
        let job = storage::jobs::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("job", id))?;
        if !job.state.is_over() {
            return Ok(None);
        }
        self.jobs.retain(|open| *open != id);
        match (job.state, job.image) {
            (TaskState::Done, Some(image)) => Ok(Some(image)),
            (TaskState::Cancelled, _) => Err(Error::Conflict("the picture was called off".to_owned()).into()),
            (TaskState::Held, _) => {
                let why = job.problem.unwrap_or_else(|| "the picture is held".to_owned());
                Err(Error::Conflict(format!("{why}: {}/jobs/{id}", self.instance.site.url)).into())
            }
            _ => Err(wrong("prompt", job.problem.unwrap_or_else(|| "the picture could not be made".to_owned()))),
        }
    }
}

/// The signed file of an image, and its size.
async fn file(instance: &Actions, id: ImageId) -> Result<(Vec<u8>, String), Failure> {
    let mut tx = instance.store.read().await?;
    let image = super::image_record(&mut tx, id).await?.image;
    let blob = storage::blobs::find(&mut tx, image.digest.blake3).await?;
    let blob = blob.ok_or_else(|| Error::internal(format!("the bytes of `{id}` are not on record")))?;
    Ok((instance.blobs.get(&blob).await?, format!("{}x{}", image.width, image.height)))
}

/// Tokens are not counted here; their clients want the fields.
fn usage() -> Value {
    json!({
        "input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
        "input_tokens_details": { "text_tokens": 0, "image_tokens": 0 },
    })
}

async fn draw(instance: &Instance, actor: &Actor, asked: Asked, kind: &'static str) -> Result<Response, Failure> {
    let format = asked.order.format.clone();
    let requested = request_images(instance, actor, asked.order, asked.n, None).await?;
    let jobs: Vec<JobId> = requested.series.iter().map(|job| job.id).collect();
    let created = requested.job.created_at.millis() / 1000;
    let mut open = Open { instance: instance.clone(), actor: actor.clone(), jobs: jobs.clone() };
    if asked.stream {
        return Ok(stream(open, jobs, kind, created, [asked.quality.to_owned(), format], asked.previews));
    }
    let (mut data, mut size) = (Vec::with_capacity(jobs.len()), String::new());
    for job in jobs {
        let id = open.image(job).await?;
        let (bytes, is) = file(instance, id).await?;
        size = is;
        let page = format!("{}/images/{id}", instance.site.url);
        data.push(if asked.url {
            json!({ "url": format!("{}/api/v1/images/{id}/file", instance.site.url), "colophon": page })
        } else {
            json!({ "b64_json": STANDARD.encode(bytes), "colophon": page })
        });
    }
    Ok(axum::Json(json!({
        "created": created, "data": data, "background": "opaque", "output_format": format, "quality": asked.quality, "size": size,
        "usage": usage(),
    }))
    .into_response())
}

/// The same as server-sent events: previews as they come, then each picture.
fn stream(
    mut open: Open,
    jobs: Vec<JobId>,
    kind: &'static str,
    created: i64,
    [quality, format]: [String; 2],
    most: u32,
) -> Response {
    let (mut events, response) = Events::begin();
    tokio::spawn(async move {
        let event = |what: &str, bytes: &[u8], size: &str, format: &str| {
            json!({
                "type": format!("{kind}.{what}"), "b64_json": STANDARD.encode(bytes), "created_at": created, "size": size,
                "quality": quality, "background": "opaque", "output_format": format,
            })
        };
        for job in jobs {
            let (mut sent, mut before, mut quiet) = (0, None, 0);
            let done = loop {
                match open.look(job).await {
                    Ok(None) => {}
                    Ok(Some(id)) => break file(&open.instance, id).await,
                    Err(e) => break Err(e),
                }
                let preview = open.instance.board.get(job).and_then(|progress| progress.preview);
                quiet += 1;
                let mut heard = true;
                if sent < most && preview.is_some() && preview != before {
                    if let Some((png, read)) = preview.as_ref().and_then(|png| Some((png, read_picture(png).ok()?))) {
                        let mut partial = event("partial_image", png, &format!("{}x{}", read.rgb.width, read.rgb.height), "png");
                        partial["partial_image_index"] = json!(sent);
                        heard = events.send(&format!("{kind}.partial_image"), &partial).await;
                        (sent, quiet) = (sent + 1, 0);
                    }
                    before = preview;
                } else if quiet >= QUIET {
                    quiet = 0;
                    heard = events.alive().await;
                }
                if !heard {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            };
            let heard = match done {
                Ok((bytes, size)) => {
                    let mut completed = event("completed", &bytes, &size, &format);
                    completed["usage"] = usage();
                    events.send(&format!("{kind}.completed"), &completed).await
                }
                Err(e) => {
                    let error =
                        json!({ "message": e.to_string(), "type": "image_generation_error", "param": null, "code": null });
                    events.send("error", &json!({ "type": "error", "error": error })).await
                }
            };
            if !heard {
                return;
            }
        }
    });
    response
}
