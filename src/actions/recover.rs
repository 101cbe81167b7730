//! Credentials found again: which images a picture or an ISCC is of, and their manifests. By content the picture is laid over its
//! likes (`look`); by code, codes with few differing bits are taken. Found is not proved: who signed what is found is in it.

use std::cmp::Reverse;
use std::sync::Arc;

use serde::Serialize;

use super::fingerprint::Seen;
use super::look::{Among, alike, in_index, in_turn, keep_up};
use super::verify_image::image_of;
use super::{Error, Instance, Result};
use crate::id::ImageId;
use crate::likeness::{Iscc, MATCH, NEAR, Subject};
use crate::provenance::reading::read_picture;
use crate::provenance::soft_binding::{image_of_manifest, manifest_id, manifest_store, manifests};
use crate::provenance::{Anchor, Finding, Verdict};
use crate::storage::{self, Tx};

/// Differing bits of 256 up to which two codes are of one picture: a tenth. Recompressed and smaller copies differ in a few;
/// unrelated pictures in half of them, give or take eight, so a tenth is twelve such steps away. IEP-0020 sets no limit.
pub const FARTHEST: u32 = 26;
/// From this likeness on, a picture with the same code is the same picture.
const SAME: f32 = 0.995;

/// An image that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovered {
    /// Which.
    pub image: ImageId,
    /// The name of its manifest.
    pub manifest: String,
    /// How strong the match is, in per cent; 100 for the very same code alone.
    pub score: u8,
}

impl Recovered {
    fn new(image: ImageId, score: u8) -> Self {
        Self { image, manifest: manifest_id(image), score }
    }
}

/// What a file shows, where its own credentials do not say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecoveredCredentials {
    /// The image that it shows.
    pub image: ImageId,
    /// The name of that image's manifest.
    pub manifest: String,
    /// How like the two are, in per cent.
    pub likeness: u8,
    /// Whether the file carries credentials that are neither that image's nor have to do with it.
    pub substituted: bool,
    /// The same for people.
    pub sentence: String,
}

/// Looks at a picture that was handed in.
///
/// # Errors
/// `Invalid` where it can't be read.
pub async fn look_at(instance: &Instance, file: Vec<u8>) -> Result<Seen> {
    let look = move || -> Result<Seen> {
        let reading = read_picture(&file).map_err(|e| Error::invalid("file", e.to_string()))?;
        Seen::of(&reading.rgb)
    };
    in_turn(instance, look).await?
}

/// Images that a picture is like, the likest first.
pub async fn recover(instance: &Instance, seen: &Seen) -> Result<Vec<Recovered>> {
    let (query, iscc) = (Arc::new(seen.query()), seen.fingerprints().iscc);
    let found = alike(instance, &query, Among::Images, MATCH).await?;
    let subjects: Vec<Subject> = found.iter().map(|alike| alike.subject).collect();
    let same = in_index(instance, move |index| {
        subjects.iter().map(|subject| index.of(*subject).is_some_and(|kept| kept.iscc == iscc)).collect::<Vec<bool>>()
    });
    let same = same.await?;
    let images = found.iter().zip(same).filter_map(|(alike, same)| {
        let Subject::Image(image) = alike.subject else { return None };
        Some(Recovered::new(image, score(alike.likeness.score, same)))
    });
    let mut images: Vec<Recovered> = images.collect();
    // Those alike in whole per cent stay in the order of their likeness.
    images.sort_by_key(|found| Reverse(found.score));
    Ok(images)
}

/// A likeness in whole per cent, at most 99 unless the code is the same.
fn score(likeness: f32, same_code: bool) -> u8 {
    if same_code && likeness >= SAME { 100 } else { (likeness.clamp(0.0, 0.99) * 100.0).floor() as u8 }
}

/// Images whose code lies near, the nearest first; at most `most`. Of a picture without features only those with the same code:
/// such codes are near each other whatever they show.
pub async fn by_iscc(instance: &Instance, iscc: Iscc, most: usize) -> Result<Vec<Recovered>> {
    keep_up(instance).await?;
    let found = in_index(instance, move |index| index.images_by_iscc(&iscc, most)).await?;
    let farthest = if iscc.is_featureless() { 0 } else { FARTHEST };
    let near = found.into_iter().filter(|(_, bits)| *bits <= farthest);
    let images = near.filter_map(|(subject, bits)| match subject {
        Subject::Image(image) => Some(Recovered::new(image, (100 * (256 - bits) / 256) as u8)),
        Subject::Work(_) => None,
    });
    Ok(images.collect())
}

/// The manifest store of the image whose manifest has this name.
pub async fn of_manifest(instance: &Instance, id: &str) -> Result<Option<Vec<u8>>> {
    match image_of_manifest(id) {
        Some(image) => store_of(instance, image).await,
        None => Ok(None),
    }
}

async fn store_of(instance: &Instance, image: ImageId) -> Result<Option<Vec<u8>>> {
    let mut tx = instance.store.read().await?;
    let Some(record) = storage::images::find(&mut tx, image).await? else { return Ok(None) };
    let blob = storage::blobs::find(&mut tx, record.image.digest.blake3).await?;
    drop(tx);
    let blob = blob.ok_or_else(|| Error::internal(format!("no bytes of `{image}` are on record")))?;
    let file = instance.blobs.get(&blob).await?;
    tokio::task::spawn_blocking(move || manifest_store(&file)).await.map_err(Error::internal)
}

/// Looks a file up by what it shows, beside what was found out about its own credentials. A failure to look leaves the verdict as
/// it is.
pub(super) async fn beside(instance: &Instance, verdict: &Verdict, file: Vec<u8>) -> Option<RecoveredCredentials> {
    look_beside(instance, verdict, file).await.unwrap_or_else(|e| {
        tracing::warn!(problem = %e, "a file can't be looked up by its content");
        None
    })
}

/// What a file has for credentials, beside the image that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carried {
    /// None.
    Nothing,
    /// Some that can't be read.
    Broken,
    /// That image's.
    Own,
    /// Some that name that image as what the file was made from, or those of an image of its family.
    Kin,
    /// Others.
    Others,
}

async fn look_beside(instance: &Instance, verdict: &Verdict, file: Vec<u8>) -> Result<Option<RecoveredCredentials>> {
    let look = move || {
        let reading = read_picture(&file).ok()?;
        Some((Seen::of(&reading.rgb), manifest_store(&file)))
    };
    let Some((seen, embedded)) = in_turn(instance, look).await? else { return Ok(None) };
    let found = recover(instance, &seen?).await?;
    // Of several alike, the one that the file says it is.
    let said = image_of(verdict);
    let Some(shown) = found.iter().find(|found| Some(found.image) == said).or(found.first()) else { return Ok(None) };
    let original = store_of(instance, shown.image).await?.unwrap_or_default();
    let mut carried = carried(verdict, &embedded.unwrap_or_default(), &original);
    if let (Carried::Others, Some(said), Some(Anchor::Ours)) = (carried, said, verdict.anchor)
        && related(&mut instance.store.read().await?, said, shown.image).await?
    {
        carried = Carried::Kin;
    }
    let (substituted, sentence) = told(carried, shown);
    let Recovered { image, manifest, score } = shown.clone();
    Ok(Some(RecoveredCredentials { image, manifest, likeness: score, substituted, sentence }))
}

/// Compares the store in a file with the image's own. A manifest is the image's when it has its name and its bytes: a name alone
/// can be given to anything.
fn carried(verdict: &Verdict, embedded: &[u8], original: &[u8]) -> Carried {
    let (embedded, mut original) = (manifests(embedded), manifests(original));
    if verdict.finding == Finding::NoManifest {
        return Carried::Nothing;
    }
    let (Some((active, bytes)), Some((own, own_bytes)), Some(_)) = (embedded.last(), original.pop(), &verdict.signer) else {
        return Carried::Broken;
    };
    if *active == own {
        return match verdict.finding {
            _ if *bytes == own_bytes => Carried::Own,
            // Its own, changed: the verdict says so.
            Finding::Altered => Carried::Broken,
            _ => Carried::Others,
        };
    }
    if embedded.iter().any(|(name, _)| *name == own) { Carried::Kin } else { Carried::Others }
}

/// Whether two images go back to the same one, or one to the other.
async fn related(tx: &mut Tx, one: ImageId, other: ImageId) -> Result<bool> {
    let (one, other) = (line(tx, one).await?, line(tx, other).await?);
    Ok(one.iter().any(|image| other.contains(image)))
}

/// An image and those it was made from.
async fn line(tx: &mut Tx, image: ImageId) -> Result<Vec<ImageId>> {
    let (mut line, mut next) = (Vec::new(), Some(image));
    while let Some(image) = next {
        line.push(image);
        next = storage::images::find(tx, image).await?.and_then(|record| record.image.parent);
    }
    Ok(line)
}

/// Whether that is a substitution, and the sentence. Of what is merely alike nothing is said to be substituted.
fn told(carried: Carried, shown: &Recovered) -> (bool, String) {
    let Recovered { image, manifest, score } = shown;
    let near = f32::from(*score) >= NEAR * 100.0;
    let by_content = if near {
        format!("by its content it is {image} of this registry ({score} % alike)")
    } else {
        format!("by its content it resembles {image} of this registry ({score} % alike)")
    };
    let whose = format!("{by_content}, whose credentials are {manifest}");
    let sentence = match carried {
        Carried::Nothing if near => format!("Its credentials were removed; {whose}."),
        Carried::Nothing => format!("It carries no credentials; {whose}."),
        Carried::Broken => format!("Its credentials are broken; {whose}."),
        Carried::Own => format!("Its credentials are those of what it shows: {by_content}."),
        Carried::Kin => format!("Its credentials go back to what it shows: {by_content}."),
        Carried::Others if near => format!("It carries other credentials than the image it shows, a substitution: {whose}."),
        Carried::Others => format!("It carries credentials of its own; {by_content}."),
    };
    (near && carried == Carried::Others, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_is_for_the_very_same() {
        assert_eq!([score(1.0, true), score(0.995, true), score(0.99, true)], [100, 100, 99]);
        assert_eq!([score(1.0, false), score(0.809, false), score(-0.1, true), score(f32::NAN, true)], [99, 80, 0, 0]);
    }

    #[test]
    fn only_what_is_near_is_called_substituted() {
        let shown = |score| Recovered::new(ImageId::derived(b"i"), score);
        for carried in [Carried::Nothing, Carried::Broken, Carried::Own, Carried::Kin, Carried::Others] {
            let (substituted, sentence) = told(carried, &shown(97));
            assert_eq!(substituted, carried == Carried::Others);
            assert!(sentence.contains("it is image_") && sentence.contains("97 %"), "{sentence}");
            let (substituted, sentence) = told(carried, &shown(70));
            assert!(!substituted && sentence.contains("resembles image_") && !sentence.contains("substitution"), "{sentence}");
        }
        assert!(told(Carried::Others, &shown(80)).0);
    }
}
