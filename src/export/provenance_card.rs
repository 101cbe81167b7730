//! A data provenance card, in the fields of the Data Provenance Initiative (Data-Provenance-Collection, `data_summaries`): where a dataset's works
//! come from, who made them, under which licences, and who verified those. Fields that are about text stay empty for pictures.

use serde_json::{Value, json};

use super::{DatasetFacts, Publisher, licence_url};

/// The card, one object under the dataset's name.
pub fn provenance_card(
    facts: &DatasetFacts,
    sources: &[(String, u64)],
    verified: &[(String, u64)],
    publisher: Publisher<'_>,
) -> Value {
    let dataset = &facts.dataset;
    let page = format!("{}/datasets/{}", publisher.url, dataset.id);
    let licences: Vec<Value> = facts
        .licences
        .iter()
        .map(|(licence, works)| json!({ "License": licence, "License URL": licence_url(licence), "Works": works }))
        .collect();
    let counted = |rows: &[(String, u64)], name: &str| -> Vec<Value> {
        rows.iter().map(|(what, n)| json!({ name: what, "Works": n })).collect()
    };
    let total: u64 = verified.iter().map(|(_, n)| n).sum();
    let notes = format!(
        "Each work has its own licence, declared at its registration and read against the rule table when the dataset was frozen. Of {} works the \
         licence of {total} was looked into by a person; the others are as declared, and as their files say where they say anything.",
        dataset.works
    );
    let year = dataset.frozen_at.rfc3339().get(..4).unwrap_or_default().to_owned();
    let key = dataset.id.to_string();
    json!({
        key.clone(): {
            "Unique Dataset Identifier": key,
            "Dataset Name": dataset.name,
            "Collection": publisher.name,
            "Collection URL": publisher.url,
            "Dataset URL": page,
            "GitHub URL": "",
            "Hugging Face URL": "",
            "Papers with Code URL": "",
            "ArXiv URL": "",
            "Semantic Scholar Corpus ID": "",
            "Modalities": ["image"],
            "Languages": [],
            "Task Categories": ["text-to-image"],
            "Text Sources": [],
            "Sources": counted(sources, "Source"),
            "Model Generated": [],
            "Human Annotation": "Yes",
            "Derived from Datasets": [],
            "Creators": counted(&facts.authors, "Creator"),
            "Licenses": licences,
            "License Notes": notes,
            "License Verified By": counted(verified, "Verifier"),
            "Works": dataset.works,
            "Merkle Root": dataset.root,
            "Frozen": dataset.frozen_at,
            "Log Entry": facts.index,
            "Bibtex": format!(
                "@misc{{{key},\n  title = {{{}}},\n  howpublished = {{\\url{{{page}}}}},\n  year = {{{year}}},\n  note = {{root {}}}\n}}",
                dataset.name.replace(['{', '}'], ""),
                dataset.root
            ),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::digest::sha256_of;
    use crate::id::DatasetId;
    use crate::lineage::Dataset;

    #[test]
    fn what_is_known_is_counted_and_what_is_not_is_empty() {
        let dataset = Dataset {
            id: DatasetId::derived(b"d"),
            name: "A {set}".into(),
            root: sha256_of(b"root"),
            works: 3,
            frozen_at: Timestamp::from_millis(1_795_000_000_000),
        };
        let id = dataset.id.to_string();
        let facts = DatasetFacts {
            licences: vec![("CC0-1.0".into(), 2), ("public-domain".into(), 1)],
            authors: vec![("Ana".into(), 3)],
            index: Some(7),
            dataset,
        };
        let publisher = Publisher { name: "Colophon", url: "https://x.example" };
        let card = provenance_card(&facts, &[("https://ana.example".into(), 3)], &[("Eve".into(), 1)], publisher);
        let card = &card[&id];
        assert_eq!(
            card["Licenses"][0],
            json!({ "License": "CC0-1.0", "License URL": "https://spdx.org/licenses/CC0-1.0.html", "Works": 2 })
        );
        assert_eq!(card["License Verified By"], json!([{ "Verifier": "Eve", "Works": 1 }]));
        assert!(card["License Notes"].as_str().unwrap().contains("Of 3 works the licence of 1"));
        assert!(card["Bibtex"].as_str().unwrap().contains("title = {A set}") && card["Text Sources"] == json!([]));
    }
}
