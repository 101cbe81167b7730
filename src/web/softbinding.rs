//! `/softbinding/v1`: the C2PA Soft Binding Resolution API (version 2.4 of its query, fetch and service routes), for everyone and
//! from anywhere: a picture, or its ISCC, → the names of the manifests that are its, and the manifests.
//!
//! Nothing is stored by it, and nothing is fetched for anybody: `/matches/byReference` and the routes that put manifests or
//! bindings in are not served. Fingerprints are `io.iscc.v0` (values as IEP-0020 has them); there are no watermarks. A file
//! without `alg` is looked up by its picture, which finds crops and framed copies too; with `alg` by its ISCC alone.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State as Handed};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::error::Failure;
use super::extract::{Json, Query, Segment, Upload};
use super::session::Instance;
use crate::actions::Error;
use crate::actions::recover::{Recovered, by_iscc, look_at, of_manifest, recover};
use crate::likeness::Iscc;
use crate::provenance::soft_binding::{ALGORITHM, MEDIA_TYPE, active_alone};
use crate::storage;

/// Version of the API as its document has it; what is answered as `c2paSpecificationVersion` equals it.
const VERSION: &str = "2.4.0";
/// Matches, unless asked for otherwise, and at most.
const USUAL: usize = 10;
const MOST: usize = 100;
/// Longest value of a binding, and longest name of a manifest, in bytes.
const LONGEST_VALUE: usize = 4096;
const LONGEST_NAME: usize = 256;

pub(super) fn router(max_upload: usize) -> Router<State> {
    Router::new()
        .route("/softbinding/openapi.json", get(document))
        .route("/softbinding/v1", get(discovery))
        .route("/softbinding/v1/", get(discovery))
        .route("/softbinding/v1/matches/byBinding", get(by_binding).post(by_large_binding).options(may_ask))
        .route("/softbinding/v1/matches/byContent", post(by_content).options(may_ask))
        .route("/softbinding/v1/manifests/{*id}", get(manifest).options(may_ask))
        .route("/softbinding/v1/services/supportedAlgorithms", get(algorithms).options(may_ask))
        .route("/softbinding/v1/services/capabilities", get(capabilities).options(may_ask))
        .route("/softbinding/v1/services/status", get(status).options(may_ask))
        .route("/.well-known/c2pa-soft-binding-resolution", get(discovery).options(may_ask))
        // A little room for the other fields of a form.
        .layer(DefaultBodyLimit::max(max_upload + (64 << 10)))
}

/// CORS for everyone: viewers of credentials ask from the page that they look at.
fn open(body: impl IntoResponse, cache: &'static str) -> Response {
    ([(header::CACHE_CONTROL, cache), (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")], body).into_response()
}

/// What a browser asks before it sends a file from elsewhere.
async fn may_ask() -> Response {
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, authorization, x-api-key"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}

/// A soft binding that is asked for.
#[derive(Debug, Deserialize)]
struct Binding {
    alg: String,
    value: String,
}

/// How many matches are wanted.
#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(rename = "maxResults")]
    most: Option<u64>,
}

impl Wanted {
    fn most(&self) -> Result<usize, Failure> {
        match self.most {
            None => Ok(USUAL),
            Some(0) => Err(Failure::Malformed("`maxResults` is at least 1".to_owned())),
            Some(most) => Ok(usize::try_from(most).unwrap_or(MOST).min(MOST)),
        }
    }
}

/// How a file is to be looked up.
#[derive(Debug, Deserialize)]
struct Looking {
    alg: Option<String>,
    #[serde(rename = "hintAlg")]
    hint_alg: Option<String>,
    #[serde(rename = "hintValue")]
    hint_value: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Fetching {
    #[serde(rename = "returnActiveManifest", default)]
    active_alone: bool,
}

fn supported(alg: &str) -> Result<(), Failure> {
    if alg == ALGORITHM {
        return Ok(());
    }
    let alg: String = alg.chars().take(80).collect();
    Err(Failure::Malformed(format!("`{alg}` is not looked up here: send `alg={ALGORITHM}`")))
}

/// The picture's code in a value: base64 of a sequence of units, read leniently. A space is a `+` that was not escaped.
fn code(value: &str) -> Result<Iscc, Failure> {
    let refused = |problem: &str| Failure::Malformed(format!("the value {problem}"));
    if value.len() > LONGEST_VALUE {
        return Err(refused("is longer than any: at most 4096 characters"));
    }
    let usual = |c| match c {
        ' ' | '-' => '+',
        '_' => '/',
        other => other,
    };
    let text: String = value.trim_end_matches('=').chars().map(usual).collect();
    let bytes = STANDARD_NO_PAD.decode(text).map_err(|e| refused(&format!("is not base64: {e}")))?;
    let codes = Iscc::of_sequence(&bytes).ok_or_else(|| refused("is not a sequence of ISCC units, header and body"))?;
    codes.first().copied().ok_or_else(|| refused("holds no image Content-Code of 256 bits, the one that is looked up"))
}

fn matches(found: &[Recovered], most: usize) -> Response {
    let found = found.iter().take(most).map(|found| json!({ "manifestId": found.manifest, "similarityScore": found.score }));
    open(axum::Json(json!({ "matches": found.collect::<Vec<Value>>() })), "no-cache")
}

async fn by_binding(
    Handed(instance): Handed<Instance>,
    Query(wanted): Query<Wanted>,
    Query(binding): Query<Binding>,
) -> Result<Response, Failure> {
    found_by(&instance, &binding, &wanted).await
}

async fn by_large_binding(
    Handed(instance): Handed<Instance>,
    Query(wanted): Query<Wanted>,
    Json(binding): Json<Binding>,
) -> Result<Response, Failure> {
    found_by(&instance, &binding, &wanted).await
}

async fn found_by(instance: &Instance, binding: &Binding, wanted: &Wanted) -> Result<Response, Failure> {
    supported(&binding.alg)?;
    let (iscc, most) = (code(&binding.value)?, wanted.most()?);
    Ok(matches(&by_iscc(instance, iscc, most).await?, most))
}

async fn by_content(
    Handed(instance): Handed<Instance>,
    Query(wanted): Query<Wanted>,
    Query(asked): Query<Looking>,
    upload: Upload,
) -> Result<Response, Failure> {
    let most = wanted.most()?;
    asked.alg.as_deref().map_or(Ok(()), supported)?;
    // A hint by a method that is not known here helps nobody, and does no harm.
    let hinted = asked.hint_alg.as_deref() == Some(ALGORITHM);
    let hint = asked.hint_value.as_deref().filter(|_| hinted).map(code).transpose()?;
    if upload.file.is_empty() {
        return Err(Failure::Malformed("send the picture as the body, or as the field `file` of a form".to_owned()));
    }
    let seen = look_at(&instance, upload.file).await.map_err(|e| match e {
        Error::Invalid(_) => Failure::Malformed(e.to_string()),
        other => other.into(),
    })?;
    let mut found = match &asked.alg {
        Some(_) => by_iscc(&instance, seen.fingerprints().iscc, most).await?,
        None => recover(&instance, &seen).await?,
    };
    if let Some(iscc) = hint {
        for hinted in by_iscc(&instance, iscc, most).await? {
            if found.iter().all(|known| known.image != hinted.image) {
                found.push(hinted);
            }
        }
        found.sort_by_key(|found| std::cmp::Reverse(found.score));
    }
    Ok(matches(&found, most))
}

async fn manifest(
    Handed(instance): Handed<Instance>,
    Segment(id): Segment<String>,
    Query(asked): Query<Fetching>,
) -> Result<Response, Failure> {
    let missing = || Error::not_found("manifest", id.chars().take(LONGEST_NAME).collect::<String>());
    let found = if id.len() > LONGEST_NAME { None } else { of_manifest(&instance, &id).await? };
    let store = found.ok_or_else(missing)?;
    let store = if asked.active_alone { active_alone(&store).ok_or_else(missing)? } else { store };
    // A signed file never changes, nor does what is in it.
    Ok(open(([(header::CONTENT_TYPE, MEDIA_TYPE)], store), "public, max-age=31536000, immutable"))
}

async fn algorithms() -> Response {
    open(axum::Json(json!({ "watermarks": [], "fingerprints": [{ "alg": ALGORITHM }] })), "no-cache")
}

async fn capabilities() -> Response {
    let body = json!({ "c2paSpecificationVersion": VERSION, "supportedCapabilities": ["queryByContent"] });
    open(axum::Json(body), "no-cache")
}

async fn status(Handed(instance): Handed<Instance>) -> Response {
    let answers = async {
        let mut tx = instance.store.read().await?;
        storage::log::head(&mut tx).await
    };
    let status = if answers.await.is_ok() { "ok" } else { "down" };
    open(axum::Json(json!({ "status": status, "timestamp": instance.clock.now() })), "no-store")
}

async fn discovery(Handed(instance): Handed<Instance>) -> Response {
    let base = format!("{}/softbinding/v1", instance.site.url);
    let body = json!({
        "apiEndpoint": base,
        "c2paSpecificationVersion": VERSION,
        "capabilitiesEndpoint": format!("{base}/services/capabilities"),
        "statusEndpoint": format!("{base}/services/status"),
    });
    open(axum::Json(body), "no-cache")
}

async fn document(Handed(instance): Handed<Instance>) -> Response {
    open(axum::Json(description(&instance.site.name, &instance.site.url)), "no-cache")
}

/// What is served, in OpenAPI 3.0.3: the published document of the API, less what is not served.
fn description(name: &str, site: &str) -> Value {
    let about = format!(
        "Soft Binding Resolution API of {name}: a picture, or its ISCC, leads to the C2PA manifest that it was signed with here. \
         For everyone, without an account. Nothing is fetched from elsewhere and nothing is stored, so `/matches/byReference` \
         and the routes that store are not served. Errors are problem+json (RFC 9457)."
    );
    json!({
        "openapi": "3.0.3",
        "info": { "title": "C2PA Soft Binding Resolution API", "version": VERSION, "description": about },
        "externalDocs": { "description": "C2PA Specification", "url": "https://c2pa.org/specifications" },
        "servers": [{ "url": format!("{site}/softbinding/v1") }],
        "security": [{}],
        "paths": {
            "/matches/byBinding": { "get": query_by_binding(), "post": query_by_large_binding() },
            "/matches/byContent": { "post": query_by_content() },
            "/manifests/{manifestId}": { "get": get_manifest() },
            "/services/supportedAlgorithms": {
                "get": service("getSupportedBindings", "Algorithms that are looked up", "c2pa.softBindingAlgList"),
            },
            "/services/capabilities": {
                "get": service("getServiceCapabilities", "Which optional routes are served", "c2pa.serviceCapabilities"),
            },
            "/services/status": { "get": service("getServiceStatus", "Whether it is well", "c2pa.serviceStatus") },
            "/.well-known/c2pa-soft-binding-resolution": {
                "servers": [{ "url": site }],
                "get": service("getWellKnown", "Where the API is", "c2pa.wellKnownDiscovery"),
            },
        },
        "components": { "schemas": schemas() },
    })
}

fn operation(id: &str, tag: &str, summary: &str, parameters: Value, answers: Value) -> Value {
    json!({ "operationId": id, "tags": [tag], "summary": summary, "parameters": parameters, "responses": answers })
}

fn parameter(name: &str, required: bool, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "required": required, "description": description, "schema": schema })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn max_results() -> Value {
    let whole = json!({ "type": "integer", "minimum": 1, "default": USUAL });
    parameter("maxResults", false, "Matches at most; never more than 100", whole)
}

/// A good answer by its schema, and refusals by status and reason.
fn answers(schema: &str, refused: &[(&str, &str)]) -> Value {
    let mut all = json!({ "200": { "description": "Done", "content": { "application/json": { "schema": reference(schema) } } } });
    refuse(&mut all, refused);
    all
}

fn refuse(answers: &mut Value, refused: &[(&str, &str)]) {
    for (status, reason) in refused.iter().chain(&[("500", "Service failure")]) {
        let problem = json!({ "application/problem+json": { "schema": reference("Problem") } });
        answers[*status] = json!({ "description": reason, "content": problem });
    }
}

const RESULT: &str = "c2pa.softBindingQueryResult";
const VALUE: &str =
    "base64 of a sequence of ISCC units (IEP-0020); of a picture the 34 bytes of its image Content-Code, header and body";

fn query_by_binding() -> Value {
    let parameters =
        json!([parameter("alg", true, "`io.iscc.v0`", text()), parameter("value", true, VALUE, text()), max_results(),]);
    let answers = answers(RESULT, &[("400", "Invalid query value")]);
    let summary = "Manifests of pictures whose soft binding is near this one, the nearest first";
    operation("queryByBinding", "query", summary, parameters, answers)
}

fn query_by_large_binding() -> Value {
    let answers = answers(RESULT, &[("400", "Invalid request body"), ("413", "Body too large")]);
    let summary = "The same with the soft binding in the body";
    let mut operation = operation("queryByLargeBinding", "query", summary, json!([max_results()]), answers);
    let schema = reference("c2pa.softBindingQuery");
    operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    operation
}

fn query_by_content() -> Value {
    let parameters = json!([
        parameter("alg", false, "`io.iscc.v0`: by the picture's ISCC; left out: by the picture, also cut or framed", text()),
        max_results(),
        parameter("hintAlg", false, "Method of `hintValue`; others than `io.iscc.v0` are passed over", text()),
        parameter("hintValue", false, "A soft binding that is looked up besides", text()),
    ]);
    let refused = [("400", "Invalid request, or not a PNG, JPEG or WebP picture"), ("413", "File too large")];
    let answers = answers(RESULT, &refused);
    let summary = "Manifests of the images that a picture shows, the likest first";
    let mut operation = operation("uploadFile", "query", summary, parameters, answers);
    let file = json!({ "type": "string", "format": "binary" });
    let form = json!({ "type": "object", "required": ["file"], "properties": { "file": file } });
    let content = json!({ "image/*": { "schema": file }, "multipart/form-data": { "schema": form } });
    operation["requestBody"] = json!({ "required": true, "content": content });
    operation
}

fn get_manifest() -> Value {
    let id = "Name of the manifest, such as `urn:c2pa:f9168c5e-ceb2-4faa-b6bf-329bf39fa1e4`";
    let alone = "A store with the active manifest alone: those of what the picture was made from are then missing";
    let parameters = json!([
        { "name": "manifestId", "in": "path", "required": true, "description": id, "schema": text() },
        parameter("returnActiveManifest", false, alone, json!({ "type": "boolean", "default": false })),
    ]);
    let mut answers = json!({ "200": { "description": "The manifest store", "content": { MEDIA_TYPE: {} } } });
    refuse(&mut answers, &[("400", "Invalid query value"), ("404", "C2PA Manifest Id not found")]);
    operation("getManifestById", "fetch", "The manifest store whose active manifest has this name", parameters, answers)
}

fn service(id: &str, summary: &str, schema: &str) -> Value {
    operation(id, "service", summary, json!([]), answers(schema, &[]))
}

fn schemas() -> Value {
    let algorithm = json!({ "type": "object", "required": ["alg"], "properties": { "alg": text() } });
    let list = json!({ "type": "array", "items": algorithm });
    let found = json!({
        "type": "object",
        "required": ["manifestId"],
        "properties": {
            "manifestId": { "type": "string", "description": "Name of the manifest, fetched from `/manifests`" },
            "similarityScore": { "type": "integer", "minimum": 0, "maximum": 100 },
        },
    });
    let address = json!({ "type": "string", "format": "uri" });
    json!({
        "c2pa.softBindingAlgList": {
            "type": "object",
            "required": ["watermarks", "fingerprints"],
            "properties": { "watermarks": list, "fingerprints": list },
        },
        "c2pa.softBindingQuery": {
            "type": "object",
            "required": ["alg", "value"],
            "properties": { "alg": text(), "value": { "type": "string", "description": VALUE } },
        },
        "c2pa.softBindingQueryResult": {
            "type": "object",
            "required": ["matches"],
            "properties": { "matches": { "type": "array", "items": found } },
        },
        "c2pa.serviceStatus": {
            "type": "object",
            "required": ["status"],
            "properties": {
                "status": { "type": "string", "enum": ["ok", "degraded", "down"] },
                "timestamp": { "type": "string", "format": "date-time" },
            },
        },
        "c2pa.serviceCapabilities": {
            "type": "object",
            "required": ["c2paSpecificationVersion", "supportedCapabilities"],
            "properties": {
                "c2paSpecificationVersion": text(),
                "supportedCapabilities": { "type": "array", "items": text() },
            },
        },
        "c2pa.wellKnownDiscovery": {
            "type": "object",
            "required": ["apiEndpoint", "c2paSpecificationVersion"],
            "properties": {
                "apiEndpoint": address,
                "c2paSpecificationVersion": text(),
                "capabilitiesEndpoint": address,
                "statusEndpoint": address,
            },
        },
        "Problem": {
            "type": "object",
            "required": ["title", "status", "detail"],
            "properties": {
                "type": text(), "title": text(), "status": { "type": "integer" }, "detail": text(), "request_id": text(),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn values_are_read_as_they_come() {
        let iscc = Iscc::from_bits(std::array::from_fn(|i| 0xfb_u8.wrapping_mul(i as u8 + 1) | 0xc0));
        let value = STANDARD.encode(iscc.to_unit());
        assert!(value.contains('+') && value.contains('/') && value.ends_with("=="), "{value}");
        let url = URL_SAFE_NO_PAD.encode(iscc.to_unit());
        for value in [&value, &url, &value.replace('+', " "), &value.trim_end_matches('=').to_owned()] {
            assert_eq!(code(value).ok(), Some(iscc), "{value}");
        }
        let short = STANDARD.encode([0x21, 0x01, 1, 2, 3, 4, 5, 6, 7, 8]);
        for (value, problem) in
            [("", "sequence"), ("%%%", "base64"), ("AAAA", "sequence"), (&short, "no image"), (&"A".repeat(5000), "longer")]
        {
            let refused = code(value).unwrap_err();
            assert!(refused.to_string().contains(problem) && refused.status() == StatusCode::BAD_REQUEST, "{refused}");
        }
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        let description = description("Colophon", "https://colophon.example");
        let text = description.to_string();
        for part in text.split("\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(description["components"]["schemas"][name].is_object(), "{name}");
        }
        assert_eq!(description["servers"][0]["url"], "https://colophon.example/softbinding/v1");
    }
}
