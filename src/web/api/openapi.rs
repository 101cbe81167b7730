//! `/openapi.json`: the table of routes in the words of OpenAPI 3.1, with the shapes that clients must send or may rely on.

use axum::extract::State as Handed;
use serde_json::{Map, Value, json};

use super::{Route, TheInstance, routes};

pub(super) async fn document(Handed(instance): TheInstance) -> axum::Json<Value> {
    let mut paths = Map::new();
    for route in routes() {
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[route.method] = operation(route);
    }
    axum::Json(json!({
        "openapi": "3.1.0",
        "info": {
            "title": instance.site.name,
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Pictures that name their sources: works, licences, policy decisions, and a public log of all of it.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": instance.site.url }],
        "paths": paths,
        "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } }, "schemas": schemas() },
    }))
}

fn operation(route: &Route) -> Value {
    let variable = route.path.split('{').nth(1).and_then(|rest| rest.split('}').next());
    let text = json!({ "type": "string" });
    let mut parameters: Vec<Value> =
        variable.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": text })).into_iter().collect();
    parameters.extend(route.query.iter().map(|name| {
        let schema = if *name == "limit" {
            json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 })
        } else {
            text.clone()
        };
        json!({ "name": name, "in": "query", "required": false, "schema": schema })
    }));
    let status = match (route.method, route.path) {
        ("post", "/api/v1/images" | "/api/v1/jobs/{id}/retry" | "/api/v1/jobs/{id}/credit") => "202",
        ("post", "/api/v1/works" | "/api/v1/inputs" | "/api/v1/images/{id}/agreements") => "201",
        _ => "200",
    };
    let list = route.method == "get" && route.body.is_empty() && !route.path.ends_with('}') && route.answer == "application/json";
    let schema = if list && route.path != "/openapi.json" { json!({ "$ref": "#/components/schemas/List" }) } else { json!({}) };
    let mut operation = json!({
        "summary": route.summary,
        "operationId": format!("{}{}", route.method, route.path.replace(['/', '{', '}', '.'], "_")),
        "parameters": parameters,
        "responses": {
            status: { "description": "done", "content": { route.answer: { "schema": schema } } },
            "default": {
                "description": "what is wrong and what to do",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            },
        },
    });
    if route.scope != "public" {
        operation["security"] = json!([{ "token": [route.scope] }]);
    }
    if !route.body.is_empty() {
        let schema = match route.path {
            "/api/v1/images" => json!({ "$ref": "#/components/schemas/Order" }),
            "/api/v1/works" => json!({ "$ref": "#/components/schemas/Registration" }),
            "/api/v1/verify" | "/api/v1/likeness" => {
                json!({ "type": "object", "required": ["file"], "properties": { "file": { "type": "string", "format": "binary" } } })
            }
            "/api/v1/policy/check" => json!({ "$ref": "#/components/schemas/Question" }),
            _ => {
                json!({ "type": "object", "required": ["reason"], "properties": { "reason": { "type": "string", "maxLength": 500 } } })
            }
        };
        operation["requestBody"] = json!({ "required": true, "content": { route.body: { "schema": schema } } });
    }
    operation
}

fn schemas() -> Value {
    let uses = json!({ "type": "string", "enum": ["personal", "education", "news", "commercial", "logo", "merch"], "default": "personal" });
    let text = json!({ "type": "string" });
    json!({
        "List": {
            "type": "object",
            "required": ["items", "total", "next"],
            "properties": {
                "items": { "type": "array", "items": {} },
                "total": { "type": "integer" },
                "next": { "type": ["string", "null"], "description": "hand in as `after` for the next page" },
            },
        },
        "Problem": {
            "type": "object",
            "required": ["title", "status", "detail"],
            "properties": {
                "type": text, "title": text, "status": { "type": "integer" }, "detail": text, "request_id": text,
                "errors": { "type": "array", "items": { "type": "object", "properties": { "field": text, "detail": text } } },
                "decision": { "description": "when the policy said no" },
            },
        },
        "Order": {
            "type": "object",
            "required": ["prompt"],
            "properties": {
                "prompt": { "type": "string", "minLength": 1, "maxLength": 2000 },
                "negative": { "type": "string", "maxLength": 2000 },
                "style": { "type": ["string", "null"] },
                "use": uses,
                "seed": { "type": ["string", "integer", "null"], "description": "0 to 2^64 − 1; as text above 2^53" },
                "steps": { "type": ["integer", "null"], "minimum": 1, "maximum": 100 },
                "guidance": { "type": ["number", "null"], "minimum": 0, "maximum": 30, "description": "to 10 for the embedded model" },
                "model": { "type": ["string", "null"], "description": "id of a model that draws here; the embedded one when left out" },
                "sampler": { "type": "string", "description": "one of the model's samplers; its usual one when left out" },
                "start": { "type": ["number", "null"], "minimum": 0, "exclusiveMaximum": 0.95 },
                "width": { "type": ["integer", "null"] },
                "height": { "type": ["integer", "null"] },
                "with": {
                    "type": "array", "items": text, "maxItems": 4,
                    "description": "ids of the works to draw with, instead of those that the words would find",
                },
                "without": { "type": "array", "items": text, "maxItems": 100, "description": "ids of works to do without" },
                "adapter": { "type": ["string", "null"], "description": "id of an adapter of the model" },
                "strength": { "type": ["number", "null"], "minimum": 0, "maximum": 2, "description": "how much of the adapter" },
                "format": { "type": "string", "enum": ["png", "jpeg", "webp"], "default": "png" },
                "private": { "type": "boolean", "default": false },
            },
        },
        "Question": {
            "type": "object",
            "required": ["prompt"],
            "properties": { "prompt": text, "negative": text, "style": { "type": ["string", "null"] }, "use": uses },
        },
        "Registration": {
            "type": "object",
            "required": ["file", "title", "author", "licence"],
            "properties": {
                "file": { "type": "string", "format": "binary" }, "title": text, "author": text, "tags": text, "source": text,
                "licence": text, "licence_url": text, "evidence": text,
            },
        },
    })
}
