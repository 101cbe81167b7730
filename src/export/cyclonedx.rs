//! A model as a CycloneDX 1.7 ML-BOM: its card, its files by hash, and the datasets it was trained on. Schema:
//! github.com/CycloneDX/specification, schema/bom-1.7.schema.json.

use serde_json::{Value, json};

use super::{DatasetFacts, Publisher};
use crate::clock::Timestamp;
use crate::digest::sha256_of;
use crate::lineage::{Model, Run};

/// The document, as of `now`.
pub fn cyclonedx(model: &Model, run: Option<&Run>, datasets: &[DatasetFacts], publisher: Publisher<'_>, now: Timestamp) -> Value {
    let card = &model.card;
    let reference = model.id.to_string();
    let mut properties = vec![property("colophon:training", &card.training)];
    if datasets.is_empty() {
        properties.push(property("colophon:training-data", "unknown: nobody has said what this model was trained on"));
    }
    if let Some(base) = model.base {
        properties.push(property("colophon:adapter-of", &base.to_string()));
    }
    if let Some(run) = run {
        properties.push(property("colophon:run", &run.id.to_string()));
        properties.push(property("colophon:run-settings-sha256", &run.settings.to_string()));
        properties.push(property("colophon:run-pictures", &run.pictures.to_string()));
    }
    let files: Vec<Value> = card
        .files
        .iter()
        .map(|file| {
            json!({
                "type": "file", "bom-ref": format!("{reference}/{}", file.name), "name": file.name,
                "hashes": [{ "alg": "SHA-256", "content": file.sha256.to_string() }],
            })
        })
        .collect();
    let refs: Vec<String> = datasets.iter().map(|d| d.dataset.id.to_string()).collect();
    let parts: Vec<String> = refs.iter().cloned().chain(card.files.iter().map(|f| format!("{reference}/{}", f.name))).collect();
    let mut dependencies = vec![json!({ "ref": reference, "dependsOn": parts })];
    dependencies.extend(parts.iter().map(|part| json!({ "ref": part })));
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": serial(&format!("{reference} {}", now.rfc3339())),
        "version": 1,
        "metadata": {
            "timestamp": now.rfc3339(),
            "component": {
                "type": "machine-learning-model",
                "bom-ref": reference,
                "name": card.title,
                "version": card.version,
                "description": card.summary,
                "publisher": publisher.name,
                "licenses": [{ "expression": card.licence }],
                "hashes": [{ "alg": "SHA-256", "content": model.weights.to_string() }],
                "externalReferences": [{ "type": "website", "url": format!("{}/models/{reference}", publisher.url) }],
                "modelCard": {
                    "modelParameters": {
                        "approach": { "type": "supervised" },
                        "task": "text-to-image",
                        "architectureFamily": "transformer",
                        "modelArchitecture": card.architecture,
                        "datasets": refs.iter().map(|r| json!({ "ref": r })).collect::<Vec<_>>(),
                        "inputs": [{ "format": "text" }, { "format": "image" }],
                        "outputs": [{ "format": "image" }],
                    },
                    "considerations": {
                        "technicalLimitations": card.limits,
                        "useCases": ["pictures that say from which works they were made"],
                    },
                },
                "properties": properties,
            },
        },
        "components": datasets.iter().map(|d| component(d, publisher)).chain(files).collect::<Vec<_>>(),
        "dependencies": dependencies,
    })
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

fn component(facts: &DatasetFacts, publisher: Publisher<'_>) -> Value {
    let d = &facts.dataset;
    let owners: Vec<Value> = facts.authors.iter().map(|(author, _)| json!({ "organization": { "name": author } })).collect();
    let licences: Vec<String> = facts.licences.iter().map(|(licence, n)| format!("{licence}: {n} works")).collect();
    json!({
        "type": "data",
        "bom-ref": d.id.to_string(),
        "name": d.name,
        "description": format!("{} registered works. {}.", d.works, licences.join(", ")),
        "externalReferences": [{ "type": "website", "url": format!("{}/datasets/{}", publisher.url, d.id) }],
        "data": [{
            "type": "dataset",
            "name": d.name,
            "contents": { "url": format!("{}/api/v1/datasets/{}/works.csv", publisher.url, d.id) },
            "classification": "public",
            "sensitiveData": ["names of authors"],
            "governance": { "custodians": [{ "organization": { "name": publisher.name } }], "owners": owners },
        }],
        "properties": [property("colophon:merkle-root", &d.root.to_string()), property("colophon:works", &d.works.to_string())],
    })
}

/// A UUID that follows from what the document is about (RFC 9562 version 8).
fn serial(about: &str) -> String {
    let mut bytes = sha256_of(about.as_bytes()).0;
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(&bytes[..16]);
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
