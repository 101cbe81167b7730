//! The policy check of a picture handed in: what was decided about it before, as its credentials say, and the registered work that it
//! resembles or draws on. Nothing is kept.

use super::check_policy::{check_with, of_work};
use super::fingerprint::Seen;
use super::look::near_works;
use super::request_image::Order;
use super::{Error, Instance, Result};
use crate::accounts::Actor;
use crate::id::WorkId;
use crate::policy::{Decision, Outcome, Reference};
use crate::provenance::encode::decode;
use crate::provenance::{Format, Limits, Verdict, verify};

/// Room for decoding the picture.
const DECODE_BYTES: u64 = 256 << 20;

/// What was found out about a picture, and what follows.
#[derive(Debug, Clone)]
pub struct CheckedPicture {
    /// What the policy answers.
    pub decision: Decision,
    /// What its credentials say, in one or two sentences.
    pub sentence: String,
    /// The registered work that it resembles, with the distance, 0 to 1.
    pub nearest: Option<(WorkId, f64)>,
}

/// What the policy in force says of making something from a picture. `name` is its file's name.
pub async fn check_picture(
    instance: &Instance,
    actor: Option<&Actor>,
    order: &Order,
    name: &str,
    bytes: Vec<u8>,
) -> Result<CheckedPicture> {
    let signer = instance.keys.image_signer();
    let looked = tokio::task::spawn_blocking(move || {
        let verdict = verify(&bytes, signer.trust(), &Limits::default());
        let format = Format::sniff(&bytes).ok_or("this is no PNG, JPEG or WebP picture; send one of these".to_owned())?;
        let rgb = decode(&bytes, format, DECODE_BYTES).map_err(|e| format!("the picture can't be read: {e}"))?;
        let seen = Seen::of(&rgb).map_err(|e| e.to_string())?;
        Ok::<_, String>((verdict, seen))
    });
    let (verdict, seen) = looked.await.map_err(Error::internal)?.map_err(|problem| Error::invalid("file", problem))?;
    let mut references = vec![as_signed(&verdict, name)];
    let nearest = near_works(instance, &seen).await?.shown();
    let mut tx = instance.store.read().await?;
    // What communities say of the works it draws on holds for what is made from it.
    let mut works: Vec<WorkId> = nearest.iter().map(|near| near.0).collect();
    let credited = verdict.claim.as_ref().and_then(|c| c.licences.as_ref());
    works.extend(credited.into_iter().flat_map(|l| &l.works).map(|credit| credit.work));
    works.sort_unstable();
    works.dedup();
    for work in works {
        references.extend(of_work(&mut tx, work).await?);
    }
    let decision = check_with(instance, &mut tx, actor, order, &[], references).await?;
    Ok(CheckedPicture { decision, sentence: verdict.sentence, nearest })
}

/// The rules that a decision on record had met, as `policy/rule`, and what it came to.
pub(super) fn decided(decision: Option<&serde_json::Value>) -> (Vec<String>, Option<Outcome>) {
    let text = |value: &serde_json::Value, key: &str| value.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    let rules = decision.and_then(|d| d.get("rules")).and_then(serde_json::Value::as_array);
    let key = |r: &serde_json::Value| Some(format!("{}/{}", text(r, "policy")?, text(r, "rule")?));
    let outcome = decision.and_then(|d| text(d, "outcome")).and_then(|outcome| Outcome::parse(&outcome).ok());
    (rules.into_iter().flatten().filter_map(key).collect(), outcome)
}

/// What its credentials say. It is heard even where the file was altered or the signer is not known: it can only make the answer stricter.
fn as_signed(verdict: &Verdict, name: &str) -> Reference {
    let claim = verdict.claim.as_ref();
    let (rules, outcome) = decided(claim.and_then(|c| c.decision.as_ref()).map(|d| &d.decision));
    let title = claim.and_then(|c| c.image.as_ref()).map(|image| image.title.clone());
    Reference {
        name: "the picture handed in".to_owned(),
        rules,
        outcome,
        words: title.into_iter().chain(std::iter::once(name.to_owned())).filter(|words| !words.is_empty()).collect(),
        projects: Vec::new(),
    }
}
