//! Finishing a picture: encode, measure nearness, sign with its claim, put the bytes away, then one transaction: job, image, words, and
//! the statement. Whatever fails before the commit, nothing is delivered.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::choose_works::{Chosen, permitting, usage_for};
use super::drawn_with::DrawnWith;
use super::identity::Signatory;
use super::material::{Material, Origin};
use super::nearest_work::nearest_work;
use super::record::{Deed, record_as};
use super::request_image::Order;
use super::{Error, Instance, Result};
use crate::clock::Timestamp;
use crate::digest::{Blake3, blake3_of, commitment};
use crate::generation::Picture;
use crate::generation::edit::resize::Fit;
use crate::generation::edit::{Edit, Mask, Role};
use crate::id::{ImageId, StatementId, WorkId};
use crate::ledger::Subject;
use crate::lineage::Model;
use crate::policy::Decision;
use crate::provenance::identity::{CREATOR, EDITOR};
use crate::provenance::{
    AdapterClaim, AuthorshipClaim, DatasetCredit, Drawn, EditClaim, Fingerprint, Format, ImageClaim, InputClaim, LicenceCount,
    Limits, MakerClaim, Mining, ModelCard, ModelClaim, ParentClaim, PromptClaim, Replay, Software, StartWork, WorkCredit, encode,
    encode_transparent, model_card, pixels_hash, sign_image, thumbnail_rms, verify,
};
use crate::storage::blobs::Blob;
use crate::storage::images::{DrawnOn, HandedIn, Image, Nearest, Prompt};
use crate::storage::inputs::Input;
use crate::storage::jobs::Job;
use crate::storage::{self};
use crate::works::Usage;
use crate::works::licence::spoken;

/// Pictures nearer than this to a work they drew on are not delivered: RMS of 16×16 thumbnails, 0 to 1. Two different registered works
/// lie 0.09 apart at the lower quartile, and pictures of the first model 0.05 at the fifth percentile.
pub const NEAREST: f64 = 0.02;

/// What a picture is finished from.
pub struct Finished<'a> {
    /// The job, as leased.
    pub job: &'a Job,
    /// What was asked for.
    pub order: &'a Order,
    /// What the policy answered.
    pub decision: &'a Decision,
    /// What the engine drew, or an edit made.
    pub picture: &'a Picture,
    /// One byte a pixel, 255 where it is opaque; none where it is opaque all over.
    pub alpha: Option<&'a [u8]>,
    /// The model it was drawn with, where one drew.
    pub with: Option<&'a DrawnWith>,
    /// Where the engine computed, such as `cpu`.
    pub device: &'a str,
    /// What it drew on.
    pub works: &'a [Chosen],
    /// For each of them, how much the picture changes without it (see [`change`]).
    pub changes: &'a [f64],
    /// The adapter it was drawn with.
    pub adapter: Option<&'a Model>,
    /// What it was made from, where it was made from something.
    pub material: Option<&'a Material>,
    /// The pixels that were invented, where the others are the parent's.
    pub invented: Option<&'a Mask>,
}

/// How much a picture changes: root mean square over all its bytes, 0..=1.
pub fn change(picture: &Picture, without: &Picture) -> f64 {
    let squares: u64 = picture.rgb.iter().zip(&without.rgb).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    (squares as f64 / picture.rgb.len().max(1) as f64).sqrt() / 255.0
}

/// Each work's share of what the works changed, in millionths. Where nothing changed anything, all have the same.
pub fn shares(changes: &[f64]) -> Vec<u32> {
    let sum: f64 = changes.iter().sum();
    let share = |x: &f64| if sum > 0.0 { x / sum } else { 1.0 / changes.len() as f64 };
    changes.iter().map(|x| (share(x) * 1e6).round() as u32).collect()
}

/// A picture that was delivered.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// Its id.
    pub image: ImageId,
    /// Its statement.
    pub statement: StatementId,
    /// The signed file.
    pub file: Vec<u8>,
    /// How long each part took.
    pub times: Times,
}

/// How long the parts of finishing took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// Encoding and measuring.
    pub encode: Duration,
    /// Signing, with the check of what was signed.
    pub sign: Duration,
    /// Putting bytes and rows away, statement included.
    pub record: Duration,
}

/// Name and version of this program, as it signs.
fn software() -> Software {
    Software { name: "Colophon".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

/// Finishes and delivers a picture. `Conflict` when the job was cancelled or a work's grant was revoked meanwhile.
pub async fn finish_image(instance: &Instance, from: Finished<'_>) -> Result<Delivered> {
    let now = instance.clock.now();
    let account = account_name(instance, from.job).await?;
    let (id, statement) = (ImageId::new(now, &*instance.chance), StatementId::new(now, &*instance.chance));
    let key: [u8; 32] = instance.chance.bytes();
    let words = commitment(&key, format!("{}\n{}", from.order.prompt, from.order.negative).as_bytes());
    let format = from.order.file_format()?;

    let inputs = from.material.map_or(&[][..], |m| &m.inputs);
    let mut begun = Stopwatch::start();
    let picture = from.picture;
    let encoded = match from.alpha {
        Some(alpha) => encode_transparent(&picture.rgb, alpha, picture.width, picture.height, format),
        None => encode(&picture.rgb, picture.width, picture.height, format),
    };
    let encoded = encoded.map_err(Error::internal)?;
    let fingerprint = Fingerprint::of_rgb(&picture.rgb, picture.width, picture.height).map_err(Error::internal)?;
    let origin = from.material.and_then(|m| m.origin.as_ref());
    let stands_on: Vec<WorkId> = origin.iter().flat_map(|o| &o.works).map(|drawn| drawn.work).collect();
    let nearness = nearness(&fingerprint, from.works, instance.offer.image)?;
    let copied = |(near, chosen): &(&f64, &Chosen)| **near < NEAREST && !stands_on.contains(&chosen.work.id);
    if let Some((near, chosen)) = nearness.iter().zip(from.works).find(copied) {
        return Err(Error::invalid(
            "start",
            format!(
                "the picture came out as a copy of “{}” by {} (distance {near:.3}): lower `start`, choose another seed or other words",
                chosen.work.title, chosen.work.author
            ),
        ));
    }
    let nearest = nearest_work(instance, &fingerprint.thumbnail).await?.map(|(work, near)| (work, (near * 1e6).round() / 1e6));
    // A work that the parent shows is credited, and its terms were asked: an edit of it may be near to it.
    if let Some((work, near)) = nearest.filter(|(work, near)| *near < NEAREST && !stands_on.contains(work)) {
        let copy = format!("the picture came out as a copy of the registered work `{work}` (distance {near:.3})");
        return Err(match from.with {
            Some(_) => Error::invalid("seed", format!("{copy}: choose another seed or other words")),
            None => Error::invalid("parent", format!("{copy}: begin with that work, or with another picture")),
        });
    }
    let influence = shares(from.changes);
    let mut times = Times { encode: begun.lap(), ..Times::default() };

    let model = from.with.map(DrawnWith::model);
    let datasets = match model {
        Some(model) => dataset_credits(instance, model).await?,
        None => Vec::new(),
    };
    let card = match model {
        Some(model) => Some(card_png(instance, model, &datasets, now).await?),
        None => None,
    };
    let replay = match from.with {
        Some(with) => replay(from.order, with, from.device, picture),
        None => worked_out(picture, from.alpha),
    };
    let decision = serde_json::to_value(from.decision.without_prompt()).map_err(Error::internal)?;
    let made_from = match origin {
        Some(origin) => made_from(instance, origin, from.works, usage_for(from.order.use_), now, &account).await?,
        None => String::new(),
    };
    let signatory = Signatory::of(instance, from.job.account, &account).await?;
    let role = if origin.is_some() { EDITOR } else { CREATOR };
    let claim = ImageClaim {
        image: id,
        title: match from.order.title.trim() {
            "" if from.order.private || from.order.prompt.trim().is_empty() => format!("Image of {}", now.day()),
            "" => title(&from.order.prompt),
            given => given.to_owned(),
        },
        made_at: now,
        credit_line: match model {
            Some(model) => credit_line(&account, now, model, from.works, from.adapter),
            None => format!("Made by {account} on {}, without a model.", now.day()),
        } + &made_from,
        creator: account.clone(),
        page: Some(format!("{}/images/{id}", instance.site.url)),
        // Of the words that its parent was asked for with, the parent tells.
        prompt: if from.order.private || model.is_none() {
            PromptClaim::Commitment(words)
        } else {
            PromptClaim::Text(said(&from.order.prompt))
        },
        negative: (!from.order.negative.is_empty() && !from.order.private)
            .then(|| PromptClaim::Text(from.order.negative.clone())),
        model: model.map(model_claim),
        software: software(),
        works: from.works.iter().zip(&influence).map(|(chosen, share)| credit(chosen, *share)).collect(),
        varies: nearness
            .first()
            .filter(|_| replay.start > 0.0)
            .zip(from.works.first())
            .map(|(near, chosen)| StartWork { work: chosen.work.id, nearness: *near }),
        nearest: nearest.map(|(work, nearness)| StartWork { work, nearness }),
        authorship: authorship(&from, origin, role, (&account, id)),
        adapter: match from.adapter {
            Some(adapter) => Some(adapter_claim(instance, adapter).await?),
            None => None,
        },
        parent: origin.map(|o| parent_claim(o, from.order.private)),
        edit: match &from.order.edit {
            Some(edit) => Some(edit_claim(instance, edit, &from, inputs, &key).await?),
            None => None,
        },
        datasets,
        decision: decision.clone(),
        bundle_sha256: from.decision.bundle.sha256,
        replay: replay.clone(),
        statement_id: statement,
        log_origin: instance.site.log_origin.clone(),
        mining: Mining::default(),
    };
    let (signer, person) = (instance.keys.image_signer(), signatory.person.clone());
    let sign = move || sign_image(&signer, card.as_deref(), &claim, format, &encoded, Some((&person, role)));
    let signed = tokio::task::spawn_blocking(sign).await.map_err(Error::internal)?.map_err(Error::internal)?;
    times.sign = begun.lap();

    let digest = instance.blobs.put(signed.clone()).await?;
    let handed_in = inputs.iter().map(|(role, input)| HandedIn {
        role: role.as_str().to_owned(),
        commitment: commitment(&key, input.digest.sha256.to_string().as_bytes()),
        at: input.at,
    });
    let handed_in = handed_in.collect();
    let image = Image {
        id,
        model: model.map(|model| model.id),
        bundle: from.decision.bundle.sha256,
        creator: account.clone(),
        format: format.ending().to_owned(),
        width: picture.width,
        height: picture.height,
        digest,
        pixels: replay.pixels_blake3,
        fingerprint: fingerprint.hash.to_string(),
        commitment: words,
        works: from
            .works
            .iter()
            .zip(nearness.iter().zip(&influence))
            .map(|(chosen, (near, share))| DrawnOn {
                work: chosen.work.id,
                nearness: millionths(*near),
                influence: *share,
                part: chosen.part as u32,
                generation: 0,
            })
            .chain(inherited(origin, from.works))
            .collect(),
        adapter: from.adapter.map(|adapter| adapter.id),
        nearest: nearest.map(|(work, near)| Nearest { work, nearness: millionths(near) }),
        parent: origin.and_then(|o| o.image.as_ref()).map(|image| image.id),
        edit: from.order.edit.as_ref().map(Edit::to_value),
        inputs: handed_in,
        replay: serde_json::to_value(&replay).map_err(Error::internal)?,
        decision,
        made_at: now,
    };
    let mut tx = instance.store.begin().await?;
    if !storage::jobs::finish(&mut tx, from.job.id, from.job.attempts, id, now).await? {
        return Err(Error::Conflict("the job was called off or went to another worker; nothing was delivered".into()));
    }
    for chosen in from.works {
        if permitting(&mut tx, &chosen.work, usage_for(from.order.use_), now, &account).await?.is_none() {
            return Err(Error::Conflict(format!("the grant on `{}` ended while the picture was drawn", chosen.work.id)));
        }
    }
    for drawn in origin.iter().flat_map(|o| &o.works) {
        let record = storage::works::find(&mut tx, drawn.work).await?.ok_or_else(|| Error::not_found("work", drawn.work))?;
        if permitting(&mut tx, &record.work, usage_for(from.order.use_), now, &account).await?.is_none() {
            return Err(Error::Conflict(format!("the grant on `{}`, on which the parent stands, ended meanwhile", drawn.work)));
        }
    }
    storage::blobs::insert(&mut tx, &Blob { digest, media_type: format.mime().to_owned(), pack: None }).await?;
    let prompt = Prompt {
        image: id,
        account: from.job.account,
        prompt: from.order.prompt.clone(),
        negative: from.order.negative.clone(),
        key,
        public: !from.order.private,
    };
    storage::images::insert_prompt(&mut tx, &prompt).await?;
    signatory.keep(&mut tx).await?;
    for (role, input) in inputs {
        storage::inputs::used(&mut tx, id, role.as_str(), input.id).await?;
    }
    let deed = Deed {
        kind: "image",
        about: id.to_string(),
        subject: vec![Subject::new(id.to_string(), digest)],
        actor: account,
        body: json!({ "image": image }),
    };
    record_as(&mut tx, instance, now, statement, deed).await?;
    tx.commit().await?;
    times.record = begun.lap();
    instance.bell.ring();
    Ok(Delivered { image: id, statement, file: signed, times })
}

/// Public name of whoever asked.
pub async fn account_name(instance: &Instance, job: &Job) -> Result<String> {
    let mut tx = instance.store.read().await?;
    let account = storage::accounts::find(&mut tx, job.account).await?.ok_or_else(|| Error::not_found("account", job.account))?;
    Ok(account.name)
}

/// Who made which generation.
fn authorship(from: &Finished<'_>, origin: Option<&Origin>, role: &str, own: (&str, ImageId)) -> AuthorshipClaim {
    let mut makers: Vec<MakerClaim> = Vec::new();
    for (n, (name, image)) in origin.iter().flat_map(|o| &o.makers).enumerate() {
        let role = if n == 0 { CREATOR } else { EDITOR };
        makers.push(MakerClaim { name: name.clone(), role: role.to_owned(), image: *image });
    }
    makers.push(MakerClaim { name: own.0.to_owned(), role: role.to_owned(), image: own.1 });
    AuthorshipClaim { makers, ai_share: from.order.ai_share }
}

/// The parent as an ingredient.
fn parent_claim(origin: &Origin, private: bool) -> ParentClaim {
    let title = match (&origin.image, &origin.input) {
        (Some(image), _) => format!("Image {}", image.id),
        (None, Some(input)) if !private => input.name.clone(),
        _ => "A picture that was handed in".to_owned(),
    };
    ParentClaim { title, format: Format::sniff(&origin.file).unwrap_or(Format::Png), file: Arc::clone(&origin.file) }
}

/// What was done, as the file says it.
async fn edit_claim(
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
fn inherited<'a>(origin: Option<&'a Origin>, own: &'a [Chosen]) -> impl Iterator<Item = DrawnOn> + 'a {
    let works = origin.into_iter().flat_map(|o| o.works.iter().copied());
    works.filter(|drawn| own.iter().all(|chosen| chosen.work.id != drawn.work))
}

fn nearness(fingerprint: &Fingerprint, works: &[Chosen], [width, height]: [u32; 2]) -> Result<Vec<f64>> {
    works
        .iter()
        .map(|chosen| {
            let other = Fingerprint::of_rgb(&chosen.rgb, width, height).map_err(Error::internal)?;
            // Six places are kept in the tables, the log and the file alike.
            Ok((thumbnail_rms(&fingerprint.thumbnail, &other.thumbnail) * 1e6).round() / 1e6)
        })
        .collect()
}

fn millionths(x: f64) -> u32 {
    (x * 1e6).round() as u32
}

/// Nothing is left to chance where no model draws: the edit and its parent are all there is.
fn worked_out(picture: &Picture, alpha: Option<&[u8]>) -> Replay {
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

fn replay(order: &Order, with: &DrawnWith, device: &str, picture: &Picture) -> Replay {
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
fn said(prompt: &str) -> String {
    if prompt.trim().is_empty() { "(no words)".to_owned() } else { prompt.to_owned() }
}

/// The first words of the prompt.
fn title(prompt: &str) -> String {
    let words: String = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= 60 { words } else { format!("{}…", words.chars().take(59).collect::<String>().trim_end()) }
}

/// “Drawn by Ana on 23 November 2026 with Colophon Mini, from four works by …, under CC BY 4.0 and Apache 2.0.”
fn credit_line(creator: &str, now: Timestamp, model: &Model, works: &[Chosen], adapter: Option<&Model>) -> String {
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
async fn made_from(
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
pub fn in_order(items: impl Iterator<Item = String>) -> String {
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

fn credit(chosen: &Chosen, influence: u32) -> WorkCredit {
    let some = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
    WorkCredit {
        work: chosen.work.id,
        title: chosen.work.title.clone(),
        author: chosen.work.author.clone(),
        licence: chosen.grant.licence.clone(),
        licence_url: some(&chosen.grant.licence_url),
        source: some(&chosen.work.source),
        sha256: chosen.work.digest.sha256,
        influence,
    }
}

fn model_claim(model: &Model) -> ModelClaim {
    ModelClaim {
        id: model.id,
        name: model.card.title.clone(),
        version: model.card.version.clone(),
        weights_sha256: model.weights,
        architecture: model.card.architecture.clone(),
    }
}

async fn adapter_claim(instance: &Instance, adapter: &Model) -> Result<AdapterClaim> {
    Ok(AdapterClaim {
        id: adapter.id,
        name: adapter.card.title.clone(),
        made_by: adapter.made_by.clone(),
        weights_sha256: adapter.weights,
        datasets: dataset_credits(instance, adapter).await?,
    })
}

async fn dataset_credits(instance: &Instance, model: &Model) -> Result<Vec<DatasetCredit>> {
    let mut tx = instance.store.read().await?;
    let mut credits = Vec::new();
    for id in &model.datasets {
        let record = storage::datasets::find(&mut tx, *id).await?.ok_or_else(|| Error::not_found("dataset", id))?;
        let d = record.dataset;
        credits.push(DatasetCredit { id: d.id, title: d.name, root: d.root, works: d.works });
    }
    Ok(credits)
}

async fn card_png(instance: &Instance, model: &Model, datasets: &[DatasetCredit], now: Timestamp) -> Result<Arc<[u8]>> {
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

/// Measures how long the parts of one deed take. For reports only; nothing is decided by it.
struct Stopwatch(std::time::Instant);

impl Stopwatch {
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Since the last lap.
    fn lap(&mut self) -> Duration {
        let now = std::time::Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now))
    }
}
