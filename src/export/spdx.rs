//! A model with its datasets as SPDX 3.0.1 (JSON-LD; profiles core, software, AI, dataset, simple licensing). Model:
//! spdx.github.io/spdx-spec/v3.0.1.

use serde_json::{Value, json};

use super::{DatasetFacts, Publisher};
use crate::clock::Timestamp;
use crate::lineage::{Model, Run};

/// The document, as of `now`. Licences are those declared by card and grants; none is given as concluded, because nobody has concluded one.
pub fn spdx(model: &Model, run: Option<&Run>, datasets: &[DatasetFacts], publisher: Publisher<'_>, now: Timestamp) -> Value {
    let card = &model.card;
    let Publisher { name, url } = publisher;
    let org = format!("{url}/#publisher");
    let subject = format!("{url}/models/{}", model.id);
    let id = |part: &str| format!("{subject}#{part}");
    let mut graph = vec![
        json!({ "type": "CreationInfo", "@id": "_:creation", "specVersion": "3.0.1", "created": seconds(now), "createdBy": [org] }),
        json!({ "type": "Organization", "spdxId": org, "creationInfo": "_:creation", "name": name }),
    ];
    let training = match run {
        Some(run) => format!(
            "{} Run {}, settings {}, begun from {}.",
            card.training,
            run.id,
            run.settings,
            run.begun_from.map_or_else(|| "nothing".to_owned(), |from| from.to_string())
        ),
        None => card.training.clone(),
    };
    let training = if datasets.is_empty() { format!("Training data: unknown. {training}") } else { training };
    graph.push(json!({
        "type": "ai_AIPackage", "spdxId": subject, "creationInfo": "_:creation",
        "name": card.title, "summary": card.summary, "suppliedBy": org,
        "software_packageVersion": card.version, "software_primaryPurpose": "model", "software_downloadLocation": subject,
        "releaseTime": seconds(model.registered_at),
        "verifiedUsing": [{ "type": "Hash", "algorithm": "sha256", "hashValue": model.weights.to_string() }],
        "ai_typeOfModel": [card.architecture], "ai_domain": ["text-to-image"],
        "ai_informationAboutTraining": training, "ai_limitation": card.limits.join(" "),
        "ai_autonomyType": "no", "ai_useSensitivePersonalInformation": "noAssertion",
    }));
    let mut licence = |key: &str, of: &str, expression: &str| {
        let text = id(&format!("licence-{key}"));
        graph.push(json!({
            "type": "simplelicensing_LicenseExpression", "spdxId": text, "creationInfo": "_:creation",
            "simplelicensing_licenseExpression": expression,
        }));
        graph.push(relationship(&id(&format!("declared-{key}")), "hasDeclaredLicense", of, &[text]));
    };
    licence("model", &subject, &card.licence);
    let mut sets = Vec::new();
    for d in datasets {
        let page = format!("{url}/datasets/{}", d.dataset.id);
        // All of them bind whoever uses the whole.
        let all = d.licences.iter().map(|(l, _)| expression(l)).collect::<Vec<_>>().join(" AND ");
        if !all.is_empty() {
            licence(&d.dataset.id.to_string(), &page, &all);
        }
        sets.push(page);
    }
    graph.extend(datasets.iter().zip(&sets).map(|(d, page)| {
        json!({
            "type": "dataset_DatasetPackage", "spdxId": page, "creationInfo": "_:creation",
            "name": d.dataset.name, "suppliedBy": org, "originatedBy": [org],
            "software_primaryPurpose": "data", "software_packageVersion": "1.0.0",
            "software_downloadLocation": format!("{url}/api/v1/datasets/{}/works.csv", d.dataset.id),
            "builtTime": seconds(d.dataset.frozen_at), "releaseTime": seconds(d.dataset.frozen_at),
            "dataset_datasetType": ["image"], "dataset_datasetSize": d.dataset.works,
            "dataset_datasetAvailability": "directDownload", "dataset_hasSensitivePersonalInformation": "noAssertion",
            "dataset_dataCollectionProcess": "Works registered with author, licence and source, each by a signed statement in a public log.",
            "comment": format!("Merkle root over the sorted work ids: {}", d.dataset.root),
        })
    }));
    if !sets.is_empty() {
        graph.push(relationship(&id("trained-on"), "trainedOn", &subject, &sets));
    }
    let elements: Vec<Value> = graph.iter().filter_map(|e| e.get("spdxId").cloned()).collect();
    graph.push(json!({
        "type": "SpdxDocument", "spdxId": id("document"), "creationInfo": "_:creation", "name": format!("{} {}", card.title, card.version),
        "profileConformance": ["core", "software", "ai", "dataset", "simpleLicensing"],
        "rootElement": [subject], "element": elements,
    }));
    json!({ "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": graph })
}

fn relationship(id: &str, kind: &str, from: &str, to: &[String]) -> Value {
    json!({ "type": "Relationship", "spdxId": id, "creationInfo": "_:creation", "relationshipType": kind, "from": from, "to": to })
}

/// `public-domain` is no identifier of SPDX.
fn expression(licence: &str) -> String {
    match licence {
        "public-domain" => "LicenseRef-public-domain".to_owned(),
        other if other.contains(' ') => format!("({other})"),
        other => other.to_owned(),
    }
}

/// SPDX knows no fractions of a second.
fn seconds(at: Timestamp) -> String {
    let text = at.rfc3339();
    format!("{}Z", text.get(..19).unwrap_or(&text))
}
