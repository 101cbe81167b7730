//! Finishing a picture: encode, measure nearness, sign with its claim, put the bytes away, then one transaction: job, image, words, and
//! the statement. Whatever fails before the commit, nothing is delivered.

use std::time::Duration;

use serde_json::json;

use super::choose_works::{Chosen, permitting, usage_for};
use super::drawn_with::DrawnWith;
use super::fingerprint::Seen;
use super::gate::{AtGate, compared, pass};
use super::identity::Signatory;
use super::image_claim::{
    adapter_claim, authorship, card_png, comes_near, credit, credit_line, dataset_credits, edit_claim, inherited, made_from,
    model_claim, near_credit, parent_claim, replay, said, software, title, worked_out,
};
use super::look::{came_meanwhile, near_works};
use super::material::Material;
use super::record::{Deed, record_as};
use super::request_image::Order;
use super::{Error, Instance, Result};
use crate::digest::commitment;
use crate::generation::Picture;
use crate::generation::edit::{Edit, Mask};
use crate::id::{ImageId, StatementId, WorkId};
use crate::likeness::Subject;
use crate::lineage::Model;
use crate::policy::Decision;
use crate::provenance::encode::Rgb;
use crate::provenance::identity::{CREATOR, EDITOR};
use crate::provenance::reading::laid_on_white;
use crate::provenance::{
    Fingerprint, ImageClaim, Mining, PromptClaim, StartWork, encode, encode_transparent, sign_image, thumbnail_rms,
};
use crate::storage;
use crate::storage::blobs::Blob;
use crate::storage::images::{DrawnOn, HandedIn, Image, Nearest, Prompt};
use crate::storage::jobs::Job;
use crate::works::Usage;

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

/// Finishes and delivers a picture. `Conflict` when the job was cancelled or a work's grant was revoked meanwhile.
pub async fn finish_image(instance: &Instance, from: Finished<'_>) -> Result<Delivered> {
    let now = instance.clock.now();
    let account = account_name(instance, from.job).await?;
    let (id, statement) = (ImageId::new(now, &*instance.chance), StatementId::new(now, &*instance.chance));
    let key: [u8; 32] = instance.secrets.bytes();
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
    // As everybody sees it: transparent parts on white.
    let bytes = match from.alpha {
        Some(alpha) => laid_on_white(&picture.rgb, alpha),
        None => picture.rgb.clone(),
    };
    let rgb = Rgb { width: picture.width, height: picture.height, bytes };
    let seen = tokio::task::spawn_blocking(move || Seen::of(&rgb)).await.map_err(Error::internal)??;
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
    let near = near_works(instance, &seen).await?;
    let nearest = near.nearest.map(|(work, near)| (work, (near * 1e6).round() / 1e6));
    let drawn_on: Vec<WorkId> = stands_on.iter().copied().chain(from.works.iter().map(|chosen| chosen.work.id)).collect();
    let at_gate =
        AtGate { order: from.order, seen: &seen, near: &near, stands_on: &drawn_on, drew_on: from.works, account: &account, now };
    let near_to = pass(&mut instance.store.read().await?, at_gate).await?;
    // A work that the parent shows is credited, and its terms were asked: an edit of it may be near to it.
    let is_credited = |work: &WorkId| stands_on.contains(work) || near_to.iter().any(|(near, _)| near.id == *work);
    if let Some((work, near)) = nearest.filter(|(work, near)| *near < NEAREST && !is_credited(work)) {
        let copy = format!("the picture came out as a copy of the registered work `{work}` (distance {near:.3})");
        return Err(match from.with {
            Some(_) => Error::invalid("seed", format!("{copy}: choose another seed or other words")),
            None => Error::invalid("parent", format!("{copy}: begin with that work, or with another picture")),
        });
    }
    let compared = compared(&near);
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
        } + &made_from
            + &comes_near(&near_to),
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
        near: near_to.iter().map(|(work, grant)| near_credit(work, grant)).collect(),
        compared: Some(compared.clone()),
        iscc: Some(seen.fingerprints().iscc),
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
                near: false,
            })
            .chain(near.alike.iter().filter(|alike| near_to.iter().any(|(work, _)| work.id == alike.work)).map(|alike| DrawnOn {
                work: alike.work,
                nearness: millionths(alike.distance),
                influence: 0,
                part: 0,
                generation: 0,
                near: true,
            }))
            .chain(inherited(origin, from.works))
            .collect(),
        adapter: from.adapter.map(|adapter| adapter.id),
        nearest: nearest.map(|(work, near)| Nearest { work, nearness: millionths(near) }),
        compared: Some(compared),
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
    for (work, usage) in near_to.iter().flat_map(|(work, _)| [(work, usage_for(from.order.use_)), (work, Usage::Derivative)]) {
        if permitting(&mut tx, work, usage, now, &account).await?.is_none() {
            return Err(Error::Conflict(format!("the grant on `{}`, to which the picture is near, ended meanwhile", work.id)));
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
        subject: vec![crate::ledger::Subject::new(id.to_string(), digest)],
        actor: account,
        body: json!({ "image": image }),
    };
    record_as(&mut tx, instance, now, statement, deed).await?;
    if came_meanwhile(&mut tx, &seen, &near).await? {
        return Err(Error::Conflict("a work came while the picture was signed, and it may be near to it".into()));
    }
    let kept = (Subject::Image(id), Some((seen.fingerprints(), seen.view().clone())));
    storage::fingerprints::insert(&mut tx, &[kept]).await?;
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
