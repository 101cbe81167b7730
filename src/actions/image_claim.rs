//! What an image's file says: its claim and the card of its model, from what was done. Every word is the signer's, so nothing here is taken from a file but what the
//! parent's own credentials prove. Signing and recording are `finish_image`'s.

use std::sync::Arc;

use super::choose_works::{Chosen, permitting};
use super::drawn_with::DrawnWith;
use super::finish_image::Finished;
use super::material::Origin;
use super::request_image::Order;
use super::{Error, Instance, Result};
use crate::clock::Timestamp;
use crate::digest::{Blake3, blake3_of, commitment};
use crate::generation::Picture;
use crate::generation::edit::resize::Fit;
use crate::generation::edit::{Edit, Role};
use crate::id::ImageId;
use crate::lineage::Model;
use crate::provenance::identity::{CREATOR, EDITOR};
use crate::provenance::{
    AdapterClaim, AuthorshipClaim, DatasetCredit, Drawn, EditClaim, Format, InputClaim, LicenceCount, Limits, MakerClaim,
    ModelCard, ModelClaim, ParentClaim, Replay, Software, WorkCredit, model_card, pixels_hash, verify,
};
use crate::storage;
use crate::storage::images::DrawnOn;
use crate::storage::inputs::Input;
use crate::works::licence::spoken;
use crate::works::{Grant, Usage, Work};

/// Name and version of this program, as it signs.
pub(super) fn software() -> Software {
    Software { name: "Colophon".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

/// Who made which generation.
pub(super) fn authorship(from: &Finished<'_>, origin: Option<&Origin>, role: &str, own: (&str, ImageId)) -> AuthorshipClaim {
    let mut makers: Vec<MakerClaim> = Vec::new();
    for (n, (name, image)) in origin.iter().flat_map(|o| &o.makers).enumerate() {
        let role = if n == 0 { CREATOR } else { EDITOR };
        makers.push(MakerClaim { name: name.clone(), role: role.to_owned(), image: *image });
    }
    makers.push(MakerClaim { name: own.0.to_owned(), role: role.to_owned(), image: own.1 });
    AuthorshipClaim { makers, ai_share: from.order.ai_share }
}

/// The parent as an ingredient.
pub(super) fn parent_claim(origin: &Origin, private: bool) -> ParentClaim {
    let title = match (&origin.image, &origin.input) {
        (Some(image), _) => format!("Image {}", image.id),
        (None, Some(input)) if !private => input.name.clone(),
        _ => "A picture that was handed in".to_owned(),
    };
    ParentClaim { title, format: Format::sniff(&origin.file).unwrap_or(Format::Png), file: Arc::clone(&origin.file) }
}

/// What was done, as the file says it.
pub(super) async fn edit_claim(
    instance: &Instance,
    edit: &Edit,
    from: &Finished<'_>,
    inputs: &[(Role, Input)],
    key: &[u8; 32],
) -> Result<EditClaim> {
    let (width, height) = (from.picture.width, from.picture.height);
    let origin = from.material.and_then(|m| m.origin.as_ref());
    let drawn = match (edit, from.invented) {
        (edit, None) if !edit.draws() => Drawn::None,
        (edit, Some(mask)) if !edit.draws() => {
            Drawn::Filled { pixels: mask.count() as u64, within: mask.bounds().unwrap_or([0, 0, width, height]) }
        }
        (Edit::Outpaint { .. }, Some(mask)) => Drawn::Around { kept: mask.inverted().bounds().unwrap_or([0; 4]) },
        (_, Some(mask)) => Drawn::Part { pixels: mask.count() as u64, within: mask.bounds().unwrap_or([0, 0, width, height]) },
        (Edit::Variation { strength }, None) if *strength < 1.0 => Drawn::Over,
        (_, None) => Drawn::All,
    };
    Ok(EditClaim {
        edit: edit.to_value(),
        sentence: edit.sentence(),
        parent: origin.and_then(|o| o.image.as_ref()).map(|image| image.id),
        c2pa_actions: c2pa_actions(edit, from).into_iter().map(str::to_owned).collect(),
        automatic: !edit.draws() && edit.is_automatic(),
        source: match origin {
            Some(origin) if !edit.draws() => generated(instance, origin).await?,
            _ => None,
        },
        drawn,
        inputs: inputs
            .iter()
            .map(|(role, input)| InputClaim {
                role: role.as_str().to_owned(),
                at: input.at,
                rights: input.rights.clone(),
                sha256: (!from.order.private).then_some(input.digest.sha256),
                commitment: commitment(key, input.digest.sha256.to_string().as_bytes()),
            })
            .collect(),
    })
}

/// C2PA actions (2.4, table 8) that an edit without a model stands for; none for the others.
fn c2pa_actions(edit: &Edit, from: &Finished<'_>) -> Vec<&'static str> {
    const SIZED: &str = "c2pa.resized.proportional";
    match edit {
        Edit::Sketch | Edit::Variation { .. } | Edit::Inpaint { .. } | Edit::Outpaint { .. } => Vec::new(),
        Edit::Restore => vec!["c2pa.edited"],
        Edit::Tone(_) | Edit::Adjust(_) | Edit::Levels(_) | Edit::Relight(_) | Edit::Recolour(_) => vec!["c2pa.adjustedColor"],
        Edit::Upscale(_) => vec![SIZED, "c2pa.enhanced"],
        Edit::Cutout(_) => vec!["c2pa.deleted"],
        Edit::Resize(resize) => {
            let was = from.material.and_then(|m| m.parent.as_ref());
            let same_shape = was.is_some_and(|was| {
                u64::from(was.width) * u64::from(resize.height) == u64::from(was.height) * u64::from(resize.width)
            });
            match resize.fit {
                _ if same_shape => vec![SIZED],
                Fit::Stretch => vec!["c2pa.resized"],
                Fit::Crop => vec!["c2pa.cropped", SIZED],
                Fit::Pad { .. } => vec!["c2pa.edited", SIZED],
            }
        }
    }
}

/// The digital source type of a picture that a model drew, wholly or in part: what is worked out from it is so still.
async fn generated(instance: &Instance, origin: &Origin) -> Result<Option<String>> {
    let (signer, file) = (instance.keys.image_signer(), Arc::clone(&origin.file));
    let verdict = tokio::task::spawn_blocking(move || verify(&file, signer.trust(), &Limits::default()));
    let verdict = verdict.await.map_err(Error::internal)?;
    Ok(verdict.source_of_whole().filter(|source| BY_MODELS.iter().any(|end| source.ends_with(end))).map(str::to_owned))
}

/// Ends of IPTC digital source types in which a trained model has a part.
const BY_MODELS: [&str; 3] = ["/trainedAlgorithmicMedia", "/compositeWithTrainedAlgorithmicMedia", "/compositeSynthetic"];

/// What a picture stands on by its parent: the works of each generation before, but those that it drew on itself.
pub(super) fn inherited<'a>(origin: Option<&'a Origin>, own: &'a [Chosen]) -> impl Iterator<Item = DrawnOn> + 'a {
    let works = origin.into_iter().flat_map(|o| o.works.iter().copied());
    works.filter(|drawn| own.iter().all(|chosen| chosen.work.id != drawn.work))
}

/// Nothing is left to chance where no model draws: the edit and its parent are all there is.
pub(super) fn worked_out(picture: &Picture, alpha: Option<&[u8]>) -> Replay {
    Replay {
        seed: 0,
        steps: 0,
        style: None,
        guidance: 0.0,
        start: 0.0,
        width: picture.width,
        height: picture.height,
        sampler: "none".to_owned(),
        strength: None,
        engine: format!("colophon {} arithmetic", env!("CARGO_PKG_VERSION")),
        folded: false,
        pixels_blake3: pixels_hash(&picture.rgb, alpha),
    }
}

pub(super) fn replay(order: &Order, with: &DrawnWith, device: &str, picture: &Picture) -> Replay {
    let offer = &with.offer;
    let request = order.draw_request(offer);
    let pixels: Blake3 = blake3_of(&picture.rgb);
    // Decimal text between f32 and f64, so that 0.3 stays 0.3.
    let exact = |x: f32| x.to_string().parse().unwrap_or(f64::from(x));
    Replay {
        seed: request.seed,
        steps: u32::from(request.steps),
        style: request.style,
        guidance: exact(request.guidance),
        start: exact(request.start),
        width: picture.width,
        height: picture.height,
        sampler: match request.sampler.or_else(|| offer.samplers.first().copied()) {
            Some(sampler) => sampler.to_string(),
            None => "euler".to_owned(),
        },
        strength: order.adapter.and(order.strength).map(|_| exact(order.adapter_strength())),
        engine: match &with.folder {
            None => format!("colophon {} candle f32 {device}", env!("CARGO_PKG_VERSION")),
            Some(_) => format!("colophon {} own layers {device}", env!("CARGO_PKG_VERSION")),
        },
        folded: order.read_as.is_some(),
        pixels_blake3: pixels,
    }
}

/// The words as they stand in the file, where something must stand.
pub(super) fn said(prompt: &str) -> String {
    if prompt.trim().is_empty() { "(no words)".to_owned() } else { prompt.to_owned() }
}

/// The first words of the prompt.
pub(super) fn title(prompt: &str) -> String {
    let words: String = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= 60 { words } else { format!("{}…", words.chars().take(59).collect::<String>().trim_end()) }
}

/// “Drawn by Ana on 23 November 2026 with Colophon Mini, from four works by …, under CC BY 4.0 and Apache 2.0.”
pub(super) fn credit_line(creator: &str, now: Timestamp, model: &Model, works: &[Chosen], adapter: Option<&Model>) -> String {
    let mut made = format!("Drawn by {creator} on {} with {}", now.day(), model.card.title);
    if let Some(adapter) = adapter {
        made.push_str(&format!(" and the adapter “{}” by {}", adapter.card.title, adapter.made_by));
    }
    if model.datasets.is_empty() {
        return format!(
            "{made}. On which works this model was trained is not on record, so nobody can say from which this picture was made."
        );
    }
    if works.is_empty() {
        return format!("{made}, from no registered work.");
    }
    let number = match works.len() {
        1 => "one work".to_owned(),
        n @ 2..=9 => format!("{} works", ["two", "three", "four", "five", "six", "seven", "eight", "nine"][n - 2]),
        n => format!("{n} works"),
    };
    let authors = in_order(works.iter().map(|c| c.work.author.clone()));
    let licences = in_order(works.iter().map(|c| spoken(&c.grant.licence)));
    format!("{made}, from {number} by {authors}, under {licences}.")
}

/// “It was made from image_…, which stands on works by …, under CC BY 4.0.”: the credit owed by way of the parent.
pub(super) async fn made_from(
    instance: &Instance,
    origin: &Origin,
    own: &[Chosen],
    usage: Usage,
    now: Timestamp,
    account: &str,
) -> Result<String> {
    let parent = origin.image.as_ref().map_or_else(|| "a picture that was handed in".to_owned(), |image| image.id.to_string());
    let mut tx = instance.store.read().await?;
    let mut works = Vec::new();
    for drawn in inherited(Some(origin), own) {
        if let Some(record) = storage::works::find(&mut tx, drawn.work).await?
            && let Some(grant) = permitting(&mut tx, &record.work, usage, now, account).await?
        {
            works.push((record.work.author, spoken(&grant.licence)));
        }
    }
    let stands = match works.as_slice() {
        [] => String::new(),
        works => {
            let (authors, licences) = (in_order(works.iter().map(|w| w.0.clone())), in_order(works.iter().map(|w| w.1.clone())));
            format!(", which stands on works by {authors}, under {licences}")
        }
    };
    Ok(format!(" It was made from {parent}{stands}."))
}

/// Each once, as a list a person would say.
fn in_order(items: impl Iterator<Item = String>) -> String {
    let mut each: Vec<String> = Vec::new();
    for item in items {
        if !each.contains(&item) {
            each.push(item);
        }
    }
    match each.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

pub(super) fn credit(chosen: &Chosen, influence: u32) -> WorkCredit {
    WorkCredit { influence, ..near_credit(&chosen.work, &chosen.grant) }
}

/// The credit of a work that the picture is near to without having drawn on it.
pub(super) fn near_credit(work: &Work, grant: &Grant) -> WorkCredit {
    let some = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
    WorkCredit {
        work: work.id,
        title: work.title.clone(),
        author: work.author.clone(),
        licence: grant.licence.clone(),
        licence_url: some(&grant.licence_url),
        source: some(&work.source),
        sha256: work.digest.sha256,
        influence: 0,
    }
}

/// “ It comes near to “owl” by Ana, under CC BY 4.0.”
pub(super) fn comes_near(works: &[(Work, Grant)]) -> String {
    let named =
        works.iter().map(|(work, grant)| format!("“{}” by {}, under {}", work.title, work.author, spoken(&grant.licence)));
    let named = in_order(named);
    if named.is_empty() { named } else { format!(" It comes near to {named}.") }
}

pub(super) fn model_claim(model: &Model) -> ModelClaim {
    ModelClaim {
        id: model.id,
        name: model.card.title.clone(),
        version: model.card.version.clone(),
        weights_sha256: model.weights,
        architecture: model.card.architecture.clone(),
    }
}

pub(super) async fn adapter_claim(instance: &Instance, adapter: &Model) -> Result<AdapterClaim> {
    Ok(AdapterClaim {
        id: adapter.id,
        name: adapter.card.title.clone(),
        made_by: adapter.made_by.clone(),
        weights_sha256: adapter.weights,
        datasets: dataset_credits(instance, adapter).await?,
    })
}

pub(super) async fn dataset_credits(instance: &Instance, model: &Model) -> Result<Vec<DatasetCredit>> {
    let mut tx = instance.store.read().await?;
    let mut credits = Vec::new();
    for id in &model.datasets {
        let record = storage::datasets::find(&mut tx, *id).await?.ok_or_else(|| Error::not_found("dataset", id))?;
        let d = record.dataset;
        credits.push(DatasetCredit { id: d.id, title: d.name, root: d.root, works: d.works });
    }
    Ok(credits)
}

pub(super) async fn card_png(
    instance: &Instance,
    model: &Model,
    datasets: &[DatasetCredit],
    now: Timestamp,
) -> Result<Arc<[u8]>> {
    let mut licences = Vec::new();
    let mut tx = instance.store.read().await?;
    for dataset in datasets {
        for (licence, works) in storage::datasets::licences(&mut tx, dataset.id).await? {
            licences.push(LicenceCount { licence, works });
        }
    }
    drop(tx);
    instance.model_card_png(model, || {
        let card = &model.card;
        let claim = ModelCard {
            model: model_claim(model),
            licence: card.licence.clone(),
            datasets: datasets.to_vec(),
            licences,
            training_data_documented: !datasets.is_empty(),
            limits: card.limits.iter().chain(&card.use_limits).cloned().collect::<Vec<_>>().join(" "),
            made_at: now,
            software: software(),
        };
        let signer = instance.keys.image_signer();
        tokio::task::block_in_place(|| model_card(&signer, &claim)).map_err(Error::internal)
    })
}
