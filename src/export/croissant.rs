//! A dataset as MLCommons Croissant 1.1 (JSON-LD over schema.org), with Croissant RAI 1.0 and a PROV attribution to each author.
//!
//! The works themselves are a table, one row each with author, licence, source and hash; the pictures are not in the dataset, they are
//! reached by their address. Spec: docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html.

use serde_json::{Value, json};

use super::{DatasetFacts, Publisher, licence_url};
use crate::digest::Sha256Hash;

/// Columns of the table of works, each with its Croissant data type and what it holds.
pub const COLUMNS: [(&str, &str, &str); 9] = [
    ("id", "sc:Text", "Name of the work in the registry"),
    ("title", "sc:Text", "What it shows"),
    ("author", "sc:Text", "Its author, as on record"),
    ("licence", "sc:Text", "Licences in force, SPDX identifiers joined with OR"),
    ("source", "sc:URL", "Where the original is"),
    ("picture", "sc:URL", "Where its picture is"),
    ("media_type", "sc:Text", "Format of the picture"),
    ("sha256", "sc:Text", "SHA-256 of the picture"),
    ("statement", "sc:Text", "The log entry that registered it"),
];

/// Name of the table.
pub const TABLE: &str = "works.csv";

/// The document. `table` is the hash of the table of works as it is handed out.
pub fn croissant(facts: &DatasetFacts, table: &Sha256Hash, publisher: Publisher<'_>) -> Value {
    let Publisher { name, url } = publisher;
    let dataset = &facts.dataset;
    let page = format!("{url}/datasets/{}", dataset.id);
    let field = |(column, kind, about): (&str, &str, &str)| {
        json!({
            "@type": "cr:Field", "@id": format!("works/{column}"), "name": column, "description": about, "dataType": kind,
            "source": { "fileObject": { "@id": TABLE }, "extract": { "column": column } },
        })
    };
    let licences: Vec<String> = facts.licences.iter().map(|(licence, _)| licence_url(licence)).collect();
    let counted = |rows: &[(String, u64)]| rows.iter().map(|(what, n)| format!("{what} ({n})")).collect::<Vec<_>>().join(", ");
    json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "@id": page,
        "name": dataset.name,
        "description": format!(
            "{} registered works by {} authors, frozen under the Merkle root {}. Each stands in the table with author, licence, source and hash.",
            dataset.works, facts.authors.len(), dataset.root,
        ),
        "url": page,
        "identifier": dataset.id.to_string(),
        "version": "1.0.0",
        "datePublished": dataset.frozen_at.rfc3339(),
        "license": licences,
        "creator": { "@type": "sc:Organization", "name": name, "url": url },
        "publisher": { "@type": "sc:Organization", "name": name, "url": url },
        "citeAs": format!("{} ({}). {page}, Merkle root {}.", dataset.name, &dataset.frozen_at.rfc3339()[..4], dataset.root),
        "isLiveDataset": false,
        "prov:wasAttributedTo": facts.authors.iter().map(|(author, _)| json!({ "@type": "prov:Agent", "name": author })).collect::<Vec<_>>(),
        "rai:dataCollection": "Works registered with author, licence and source, each by a signed statement in a public append-only log.",
        "rai:dataCollectionType": "Others",
        "rai:dataBiases": format!("Works by licence: {}. What is drawn, and by whom, follows from what was published under such terms.", counted(&facts.licences)),
        "rai:dataLimitations": "What a work shows is known from its title and tags alone, as they were registered.",
        "rai:dataUseCases": "Training and drawing where the terms of each work allow it; every use asks the rule table work by work.",
        "rai:personalSensitiveInformation": "Authors' names as published with their works.",
        "rai:dataReleaseMaintenancePlan": "Never changed: another list of works is another dataset. A work whose last grant is revoked is marked in the registry, with everything that stands on it.",
        "distribution": [{
            "@type": "cr:FileObject", "@id": TABLE, "name": TABLE, "description": "One row for each work, in the order of the Merkle tree",
            "contentUrl": format!("{url}/api/v1/datasets/{}/{TABLE}", dataset.id), "encodingFormat": "text/csv", "sha256": table.to_string(),
        }],
        "recordSet": [{
            "@type": "cr:RecordSet", "@id": "works", "name": "works", "description": "The works", "key": { "@id": "works/id" },
            "field": COLUMNS.map(field),
        }],
    })
}

/// The context that the specification recommends, with PROV and RAI.
fn context() -> Value {
    json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "arrayShape": "cr:arrayShape",
        "citeAs": "cr:citeAs",
        "column": "cr:column",
        "conformsTo": "dct:conformsTo",
        "containedIn": "cr:containedIn",
        "cr": "http://mlcommons.org/croissant/",
        "data": { "@id": "cr:data", "@type": "@json" },
        "dataType": { "@id": "cr:dataType", "@type": "@vocab" },
        "dct": "http://purl.org/dc/terms/",
        "equivalentProperty": "cr:equivalentProperty",
        "examples": { "@id": "cr:examples", "@type": "@json" },
        "extract": "cr:extract",
        "field": "cr:field",
        "fileObject": "cr:fileObject",
        "fileProperty": "cr:fileProperty",
        "fileSet": "cr:fileSet",
        "format": "cr:format",
        "includes": "cr:includes",
        "isArray": "cr:isArray",
        "isLiveDataset": "cr:isLiveDataset",
        "jsonPath": "cr:jsonPath",
        "key": "cr:key",
        "md5": "cr:md5",
        "parentField": "cr:parentField",
        "path": "cr:path",
        "prov": "http://www.w3.org/ns/prov#",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "recordSet": "cr:recordSet",
        "references": "cr:references",
        "regex": "cr:regex",
        "repeated": "cr:repeated",
        "replace": "cr:replace",
        "samplingRate": "cr:samplingRate",
        "sc": "https://schema.org/",
        "separator": "cr:separator",
        "source": "cr:source",
        "subField": "cr:subField",
        "transform": "cr:transform",
    })
}
