//! The claim of an image as C2PA assertions and ingredients, and back again from a file that was read.
//!
//! An edit begins with `c2pa.opened` of its parent, the first ingredient, which brings its own credentials; then one `c2pa.edited` with what a model
//! drew; or, where none did, the actions that it stands for, without model card, prompt and disclosure. The chain of parents is so within the
//! file, and each of them can be looked at.
//!
//! Shape of what is drawn from words (C2PA 2.4): claim v2 with `specVersion`; one `c2pa.created` action by trained algorithm that
//! names all its inputs; as ingredients first the signed model card, then each work drawn on, then the prompt. The card comes
//! first because a viewer derives "media of unknown provenance" from a first ingredient without credentials. Works are `inputTo`
//! ingredients with author, licence and hash in words, so that any viewer lists them, and again in `colophon.licences`, where a
//! program reads them. A prompt's words stand in one place only (the ingredient's data), so that redacting that one box removes
//! them. Our assertions are JSON under `colophon.`. The picture's ISCC is its soft binding, and the manifest is named after the
//! image (`soft_binding`).

mod records;

use std::io::Cursor;

use c2pa::{Builder, Ingredient, Manifest};
use serde_json::{Value, json};

use records::find;
pub use records::{DecisionRecord, ImageRecord, LicencesRecord, PromptRecord, SignedClaim, StatementRecord};

use super::claim::{Drawn, EditClaim, ImageClaim, Mining, ModelCard, ParentClaim, PromptClaim, Software, WorkCredit};
use super::encode::Format;
use super::fingerprint::Fingerprint;
use super::soft_binding::{self, manifest_id};
use crate::clock::Timestamp;

/// IPTC digital source type of a picture made by a trained model.
pub const TRAINED_ALGORITHMIC_MEDIA: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
/// The same of a picture of which a trained model drew a part.
pub const COMPOSITE_WITH_TRAINED: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";
/// The same of a change that a plain program chose, the content staying what it was.
pub const ALGORITHMICALLY_ENHANCED: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced";
/// The same of a change that a person chose, without a generative tool.
pub const HUMAN_EDITS: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/humanEdits";
/// IPTC digital source type of a picture drawn by a plain program: the model card.
pub const ALGORITHMIC_MEDIA: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia";
/// Version of the C2PA specification that we write to.
const SPEC_VERSION: &str = "2.4.0";
/// Asset types, C2PA specification, "Asset type".
const TYPE_MODEL: &str = "c2pa.types.model";
const TYPE_PROMPT: &str = "c2pa.types.generator.prompt";
/// Titles by which the two prompts are told apart.
const PROMPT: &str = "Prompt";
const NEGATIVE: &str = "Negative prompt";
/// Labels of our assertions.
const IMAGE: &str = "colophon.image";
const LICENCES: &str = "colophon.licences";
const DECISION: &str = "colophon.decision";
const REPLAY: &str = "colophon.replay";
const STATEMENT: &str = "colophon.statement";
const FINGERPRINT: &str = "colophon.fingerprint";
const EDIT: &str = "colophon.edit";
const AUTHORSHIP: &str = "colophon.authorship";
const MODEL_CARD: &str = "colophon.model-card";

/// The digital source type of the first action that has one.
pub(super) fn source_type(manifest: &Manifest) -> Option<String> {
    let actions: Value = find(manifest, "c2pa.actions.v2").or_else(|| find(manifest, "c2pa.actions"))?;
    let found = actions.get("actions")?.as_array()?.iter().find_map(|a| a.get("digitalSourceType")?.as_str());
    found.map(str::to_owned)
}

/// The manifest definition of an image, without its ingredients.
pub(super) fn image_definition(claim: &ImageClaim, fingerprint: &Fingerprint, format: Format) -> Value {
    let mut inputs: Vec<String> = claim.model.iter().map(|_| "model".to_owned()).collect();
    inputs.extend(hand_labels(claim).map(|(label, _)| label));
    inputs.extend((0..claim.works.len()).map(work_label));
    inputs.extend(claim.model.iter().map(|_| "prompt".to_owned()));
    inputs.extend(claim.negative.iter().map(|_| "negative".to_owned()));
    let mut parameters = if inputs.is_empty() { json!({}) } else { json!({ "ingredientIds": inputs }) };
    if let Some(start) = &claim.varies {
        parameters["colophon.startWork"] = json!(start.work);
    }
    let record = |p: &PromptClaim| match p {
        PromptClaim::Text(_) => PromptRecord::Text,
        PromptClaim::Commitment(blake3) => PromptRecord::Commitment { blake3: *blake3 },
    };
    let image = ImageRecord {
        image: claim.image,
        title: claim.title.clone(),
        made_at: claim.made_at,
        creator: claim.creator.clone(),
        page: claim.page.clone(),
        prompt: record(&claim.prompt),
        negative: claim.negative.as_ref().map(record),
        model: claim.model.clone(),
        adapter: claim.adapter.clone(),
        software: claim.software.clone(),
        datasets: claim.datasets.clone(),
        mining: claim.mining.clone(),
    };
    let licences = LicencesRecord {
        credit_line: claim.credit_line.clone(),
        works: claim.works.clone(),
        near: claim.near.clone(),
        compared: claim.compared.clone(),
        varies: claim.varies,
        nearest: claim.nearest,
    };
    let mut assertions = json!([
        deeds(claim, parameters),
        ours(IMAGE, json!(image)),
        ours(LICENCES, json!(licences)),
        ours(DECISION, json!({ "bundle_sha256": claim.bundle_sha256, "decision": claim.decision })),
        ours(REPLAY, json!(claim.replay)),
        ours(STATEMENT, json!({ "statement_id": claim.statement_id, "log_origin": claim.log_origin })),
        ours(FINGERPRINT, json!(fingerprint)),
        ours(AUTHORSHIP, json!(claim.authorship)),
        { "label": "cawg.training-mining", "data": { "entries": mining_entries(&claim.mining) } },
        { "label": "cawg.metadata", "kind": "Json", "data": metadata(claim) },
    ]);
    if let Some(list) = assertions.as_array_mut() {
        list.extend(claim.edit.iter().map(|edit| ours(EDIT, json!(edit))));
        list.extend(claim.model.iter().map(|model| {
            let oversight = if claim.edit.is_some() { "human_in_the_loop" } else { "prompt_guided" };
            json!({ "label": "c2pa.ai-disclosure", "created": true, "data": {
                "modelType": TYPE_MODEL,
                "modelName": model.name,
                "modelIdentifier": model.id,
                "contentProfile": { "humanOversightLevel": oversight },
            } })
        }));
    }
    let mut definition = definition(&claim.title, format, &claim.software, assertions);
    definition["label"] = json!(manifest_id(claim.image));
    definition
}

/// What was done: created from words, or opened and edited. `parameters` name what the model was given.
fn deeds(claim: &ImageClaim, mut parameters: Value) -> Value {
    let (Some(edit), true) = (&claim.edit, claim.parent.is_some()) else {
        return actions(&claim.software, claim.made_at, source_of(claim), parameters);
    };
    let agent = json!({ "name": claim.software.name, "version": claim.software.version });
    parameters["colophon.edit"] = edit.edit.get("kind").cloned().unwrap_or_default();
    let edited = |action: &str, source: Option<&str>| {
        let mut edited = json!({
            "action": action,
            "when": claim.made_at,
            "softwareAgent": agent,
            "description": edit.sentence,
            "parameters": parameters,
        });
        if let Some(source) = source {
            edited["digitalSourceType"] = json!(source);
        }
        if let Some(region) = region(&edit.drawn) {
            edited["changes"] = json!([region]);
        }
        edited
    };
    let chosen_by = if edit.automatic { ALGORITHMICALLY_ENHANCED } else { HUMAN_EDITS };
    let done = match edit.c2pa_actions.as_slice() {
        [] => vec![edited("c2pa.edited", Some(source_of(claim)))],
        // What changes no content (C2PA conformance: non-editorial) says of no source.
        actions => actions.iter().map(|a| edited(a, (!NON_EDITORIAL.contains(&a.as_str())).then_some(chosen_by))).collect(),
    };
    // `opened` says of no source: the parent does.
    let opened = json!({
        "action": "c2pa.opened",
        "when": claim.made_at,
        "softwareAgent": agent,
        "parameters": { "ingredientIds": ["parent"] },
    });
    let all: Vec<Value> = std::iter::once(opened).chain(done).collect();
    json!({ "label": "c2pa.actions.v2", "created": true, "data": { "actions": all, "allActionsIncluded": true } })
}

/// Actions of ours that a source type would say nothing of.
const NON_EDITORIAL: [&str; 2] = ["c2pa.resized.proportional", "c2pa.enhanced"];

/// Where the picture comes from, as a whole.
pub(super) fn source_of(claim: &ImageClaim) -> &str {
    claim.edit.as_ref().map_or(TRAINED_ALGORITHMIC_MEDIA, source_of_edit)
}

/// The same of a picture that was made by an edit.
pub(super) fn source_of_edit(edit: &EditClaim) -> &str {
    match (&edit.source, edit.drawn) {
        (Some(source), _) => source,
        (None, Drawn::All) => TRAINED_ALGORITHMIC_MEDIA,
        (None, Drawn::Over | Drawn::Part { .. } | Drawn::Around { .. }) => COMPOSITE_WITH_TRAINED,
        (None, Drawn::None | Drawn::Filled { .. }) if edit.automatic => ALGORITHMICALLY_ENHANCED,
        (None, Drawn::None | Drawn::Filled { .. }) => HUMAN_EDITS,
    }
}

/// Region of interest (C2PA 2.4 §18.2) around what was invented. No form of it holds a mask: the exact pixels are those that differ from the parent.
fn region(drawn: &Drawn) -> Option<Value> {
    let ([x, y, width, height], inside, words) = match drawn {
        Drawn::None | Drawn::All | Drawn::Over => return None,
        Drawn::Filled { within, .. } => (*within, true, "Pixels told from the rest of the picture lie within this rectangle"),
        Drawn::Part { within, .. } => (*within, true, "Pixels drawn anew lie within this rectangle"),
        Drawn::Around { kept } => (*kept, false, "Pixels drawn anew lie around this rectangle"),
    };
    let number = f64::from;
    Some(json!({
        "identifier": "drawn",
        "description": words,
        "region": [{ "type": "spatial", "shape": {
            "type": "rectangle", "unit": "pixel", "origin": { "x": number(x), "y": number(y) },
            "width": number(width), "height": number(height), "inside": inside,
        } }],
    }))
}

/// What people handed in besides the parent, by its label among the ingredients.
fn hand_labels(claim: &ImageClaim) -> impl Iterator<Item = (String, &super::claim::InputClaim)> {
    let inputs = claim.edit.iter().flat_map(|edit| &edit.inputs);
    inputs.filter(|input| input.role != "picture").map(|input| (input.role.clone(), input))
}

/// The manifest definition of a model card.
pub(super) fn card_definition(card: &ModelCard, format: Format) -> Value {
    let assertions = json!([actions(&card.software, card.made_at, ALGORITHMIC_MEDIA, json!({})), ours(MODEL_CARD, json!(card)),]);
    definition(&format!("Model card: {} {}", card.model.name, card.model.version), format, &card.software, assertions)
}

fn definition(title: &str, format: Format, software: &Software, assertions: Value) -> Value {
    json!({
        "claim_version": 2,
        "title": title,
        "format": format.mime(),
        "claim_generator_info": [{ "name": software.name, "version": software.version, "specVersion": SPEC_VERSION }],
        "assertions": assertions,
    })
}

/// Whole numbers without a fraction (`2`, not `2.0`): some readers parse a JSON assertion and hash it as JavaScript would print it
/// (ECMA-262 §6.1.6.1.20), and must come to the bytes that were signed.
#[expect(clippy::cast_possible_truncation, reason = "only whole numbers below 2^53 are converted")]
fn plain(value: Value) -> Value {
    match value {
        Value::Number(n) => match n.as_f64().filter(|f| n.is_f64() && f.fract() == 0.0 && f.abs() < 9_007_199_254_740_992.0) {
            Some(whole) => Value::from(whole as i64),
            None => Value::Number(n),
        },
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        other => other,
    }
}

fn ours(label: &str, data: Value) -> Value {
    json!({ "label": label, "kind": "Json", "created": true, "data": plain(data) })
}

fn actions(software: &Software, when: Timestamp, source_type: &str, parameters: Value) -> Value {
    let mut action = json!({
        "action": "c2pa.created",
        "when": when,
        "digitalSourceType": source_type,
        "softwareAgent": { "name": software.name, "version": software.version },
    });
    if parameters.as_object().is_some_and(|p| !p.is_empty()) {
        action["parameters"] = parameters;
    }
    json!({ "label": "c2pa.actions.v2", "created": true, "data": { "actions": [action], "allActionsIncluded": true } })
}

fn mining_entries(mining: &Mining) -> Value {
    let entry = match mining {
        Mining::NotAllowed => json!({ "use": "notAllowed" }),
        Mining::Allowed => json!({ "use": "allowed" }),
        Mining::Constrained(info) => json!({ "use": "constrained", "constraint_info": info }),
    };
    json!({
        "cawg.data_mining": entry,
        "cawg.ai_inference": entry,
        "cawg.ai_training": entry,
        "cawg.ai_generative_training": entry,
    })
}

fn metadata(claim: &ImageClaim) -> Value {
    let mut data = json!({
        "@context": {
            "dc": "http://purl.org/dc/elements/1.1/",
            "photoshop": "http://ns.adobe.com/photoshop/1.0/",
            "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
        },
        "dc:title": claim.title,
        "dc:creator": [claim.creator],
        "dc:rights": claim.credit_line,
        "photoshop:Credit": claim.credit_line,
        "xmpRights:UsageTerms": usage_terms(&claim.works),
    });
    if let Some(page) = &claim.page {
        data["xmpRights:WebStatement"] = json!(page);
    }
    data
}

fn usage_terms(works: &[WorkCredit]) -> String {
    if works.is_empty() {
        return "No works were drawn on.".to_owned();
    }
    let each: Vec<String> = works.iter().map(|w| format!("`{}` by {} ({})", w.title, w.author, w.licence)).collect();
    format!("Drawn with {}.", each.join("; "))
}

fn work_label(index: usize) -> String {
    format!("work-{index}")
}

/// Adds the soft binding and the ingredients: the parent first, where there is one, then the model card.
pub(super) fn add_ingredients_and_binding(
    builder: &mut Builder,
    claim: &ImageClaim,
    card: Option<&[u8]>,
    readable: &dyn Fn(&ParentClaim) -> bool,
) -> c2pa::Result<()> {
    if let Some(iscc) = &claim.iscc {
        soft_binding::add(builder, iscc)?;
    }
    if let Some(parent) = &claim.parent {
        let mut ingredient = json!({ "title": parent.title, "relationship": "parentOf", "label": "parent" });
        if readable(parent) {
            let mut file = Cursor::new(&parent.file[..]);
            builder.add_ingredient_from_stream(ingredient.to_string(), parent.format.mime(), &mut file)?;
        } else {
            // Credentials that can't be read would make this file unreadable to others.
            ingredient["format"] = json!(parent.format.mime());
            ingredient["description"] = json!("The credentials of this file could not be read, so it stands here without them.");
            builder.add_ingredient(Ingredient::from_json(&ingredient.to_string())?);
        }
    }
    if let (Some(model), Some(card)) = (&claim.model, card) {
        let mut model_type = json!({ "type": TYPE_MODEL });
        if is_semver(&model.version) {
            model_type["version"] = json!(model.version);
        }
        let model = json!({
            "title": format!("Model: {} {}", model.name, model.version),
            "relationship": "inputTo",
            "label": "model",
            "description": format!("{}; weights SHA-256 {}", model.architecture, model.weights_sha256),
            "data_types": [model_type],
        });
        builder.add_ingredient_from_stream(model.to_string(), Format::Png.mime(), &mut Cursor::new(card))?;
    }
    for (label, input) in hand_labels(claim) {
        let hash = input.sha256.map_or_else(|| format!("commitment {}", input.commitment), |hash| format!("SHA-256 {hash}"));
        let ingredient = json!({
            "title": if input.role == "mask" { "Mask" } else { "Sketch" },
            "relationship": "inputTo",
            "label": label,
            "description": format!("Handed in by a person on {}; {hash}", input.at.day()),
        });
        builder.add_ingredient(Ingredient::from_json(&ingredient.to_string())?);
    }
    for (index, work) in claim.works.iter().enumerate() {
        let mut ingredient = json!({
            "title": format!("{} by {}", work.title, work.author),
            "relationship": "inputTo",
            "label": work_label(index),
            "description": format!("{}; licence {}; SHA-256 {}", work.work, work.licence, work.sha256),
        });
        if let Some(page) = work.source.as_ref().or(work.licence_url.as_ref()) {
            ingredient["informational_URI"] = json!(page);
        }
        builder.add_ingredient(Ingredient::from_json(&ingredient.to_string())?);
    }
    if claim.model.is_some() {
        add_prompt(builder, "prompt", PROMPT, &claim.prompt)?;
    }
    if let Some(negative) = &claim.negative {
        add_prompt(builder, "negative", NEGATIVE, negative)?;
    }
    Ok(())
}

fn add_prompt(builder: &mut Builder, label: &str, title: &str, prompt: &PromptClaim) -> c2pa::Result<()> {
    let types = json!([{ "type": TYPE_PROMPT }]);
    let mut ingredient = json!({ "title": title, "relationship": "inputTo", "label": label, "data_types": types });
    match prompt {
        PromptClaim::Text(text) => {
            let file = format!("{label}.txt");
            ingredient["data"] = json!({ "format": "text/plain", "identifier": file, "data_types": types });
            builder.add_resource(&file, Cursor::new(text.as_bytes()))?;
        }
        PromptClaim::Commitment(hash) => {
            ingredient["description"] = json!(format!("The words are not told; commitment (keyed blake3) {hash}"));
        }
    }
    builder.add_ingredient(Ingredient::from_json(&ingredient.to_string())?);
    Ok(())
}

/// Whether a version is three numbers joined by dots (Semantic Versioning 2.0.0 without suffixes): others are left out of the type.
fn is_semver(version: &str) -> bool {
    let number =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
    version.split('.').count() == 3 && version.split('.').all(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_written_without_a_fraction() {
        let value = serde_json::json!({ "a": 2.0, "b": [0.3, -1.0, 7], "c": { "d": 1e300, "e": "2.0" } });
        assert_eq!(plain(value).to_string(), r#"{"a":2,"b":[0.3,-1,7],"c":{"d":1e+300,"e":"2.0"}}"#);
    }

    #[test]
    fn versions() {
        assert!(["0.1.0", "1.20.3"].into_iter().all(is_semver));
        assert!(!["", "1", "1.0", "01.0.0", "1.0.0-rc1", "1..0", "1.0.0.0"].into_iter().any(is_semver));
    }
}
