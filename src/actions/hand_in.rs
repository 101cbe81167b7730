//! Handing in what a picture is made from: a picture to edit, a sketch, a mask. The file is kept as it was sent, for its sender alone; what
//! it says of itself (credentials, opt-outs) and which registered work it shows is found out once, here.

use serde::{Deserialize, Serialize};

use super::candidate::credentials;
use super::check_picture::decided;
use super::fingerprint::Seen;
use super::look::near_works;
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::generation::edit::{Mask, Role};
use crate::id::{ImageId, InputId, WorkId};
use crate::policy::Outcome;
use crate::provenance::reading::read_picture;
use crate::provenance::{Finding, Format, Limits, verify};
use crate::storage::blobs::Blob;
use crate::storage::inputs::Input;
use crate::storage::{self, Lock};
use crate::works::metadata::Metadata;
use crate::works::reservation::Reservation;

/// Characters of a file's name that are kept.
const NAME_MAX: usize = 120;
/// Inputs that are no pictures of their own are their sender's.
const OWN: &str = "own";

/// What a sender may say of the rights in a picture.
pub const RIGHTS: [(&str, &str); 3] =
    [(OWN, "I made it, or hold the rights"), ("permission", "I have permission"), ("free", "nobody holds rights in it any more")];

/// Something to hand in.
#[derive(Debug, Clone)]
pub struct HandIn {
    /// What it is for.
    pub role: Role,
    /// Its file's name.
    pub name: String,
    /// One of [`RIGHTS`]; for sketches and masks it may be empty.
    pub rights: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// What was found in a file and about it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What its credentials say, in a sentence or two; empty where they were not looked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sentence: String,
    /// Whether it carries credentials, whoever signed them.
    #[serde(default)]
    pub credentials: bool,
    /// The image of this registry that it is, byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageId>,
    /// The registered work that it shows, with the distance in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<(WorkId, u32)>,
    /// Opt-outs in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reservations: Vec<Reservation>,
    /// Rules that a decision named in it had met, as `policy/rule`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// What that decision came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Its title, as its credentials say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether its EXIF record had it turned.
    #[serde(default)]
    pub turned: bool,
    /// Whether parts of it are transparent.
    #[serde(default)]
    pub transparent: bool,
}

/// Takes a file.
pub async fn hand_in(instance: &Instance, actor: &Actor, given: HandIn) -> Result<Input> {
    if !actor.may(Scope::Images) {
        return Err(Error::Forbidden(Scope::Images));
    }
    let picture = given.role == Role::Parent;
    let rights =
        match given.rights.trim() {
            "" if !picture => OWN,
            said => RIGHTS.iter().map(|(name, _)| *name).find(|name| *name == said).ok_or_else(|| {
                Error::invalid("rights", "say what your rights in the picture are: `own`, `permission` or `free`")
            })?,
        };
    let signer = instance.keys.image_signer();
    let (role, bytes) = (given.role, given.bytes);
    let looked = tokio::task::spawn_blocking(move || {
        let reading = read_picture(&bytes).map_err(|e| e.to_string())?;
        let size = (reading.rgb.width, reading.rgb.height);
        let mut facts = Facts { turned: reading.turned, transparent: reading.alpha.is_some(), ..Facts::default() };
        let mut seen = None;
        match role {
            Role::Mask => {
                let mask = Mask::of_picture(&reading.rgb.bytes, reading.alpha.as_deref(), size.0, size.1);
                if mask.count() == 0 {
                    return Err("the mask covers nothing: make the part to be drawn anew transparent, or white".to_owned());
                }
            }
            Role::Sketch => seen = Some(Seen::of(&reading.rgb).map_err(|e| e.to_string())?),
            Role::Parent => {
                let verdict = verify(&bytes, signer.trust(), &Limits::default());
                facts.credentials = verdict.finding != Finding::NoManifest;
                facts.reservations.extend(credentials(&bytes, signer.trust()));
                facts.reservations.extend(Metadata::read(&bytes).reservations());
                let claim = verdict.claim.as_ref();
                (facts.rules, facts.outcome) = decided(claim.and_then(|c| c.decision.as_ref()).map(|d| &d.decision));
                facts.title = claim.and_then(|c| c.image.as_ref()).map(|image| image.title.clone());
                facts.sentence = verdict.sentence;
                seen = Some(Seen::of(&reading.rgb).map_err(|e| e.to_string())?);
            }
        }
        Ok((bytes, reading.format, size, facts, seen))
    });
    let looked = looked.await.map_err(Error::internal)?;
    let (bytes, format, (width, height), mut facts, seen) = looked.map_err(|problem| Error::invalid("file", problem))?;
    let shows = match &seen {
        Some(seen) => near_works(instance, seen).await?.shown(),
        None => None,
    };
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    // INVARIANT: nobody removes these bytes, erased elsewhere, between their writing and the row that names them.
    tx.lock(Lock::Blobs).await?;
    let digest = instance.blobs.put(bytes).await?;
    if picture {
        facts.image = storage::images::find_by_sha256(&mut tx, digest.sha256).await?.map(|record| record.image.id);
    }
    facts.work = shows.map(|(work, distance)| (work, (distance * 1e6).round() as u32));
    storage::blobs::insert(&mut tx, &Blob { digest, media_type: format.mime().to_owned(), pack: None }).await?;
    let name: String = given.name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
    let input = Input {
        id: InputId::new(now, &*instance.chance),
        account: actor.account,
        role: given.role.as_str().to_owned(),
        name: if name.is_empty() { format!("{}.{}", given.role.as_str(), Format::ending(format)) } else { name },
        digest,
        width,
        height,
        rights: rights.to_owned(),
        facts: serde_json::to_value(&facts).map_err(Error::internal)?,
        at: now,
    };
    storage::inputs::insert(&mut tx, &input).await?;
    tx.commit().await?;
    Ok(input)
}

impl Facts {
    /// Of an input.
    pub fn of(input: &Input) -> Result<Self> {
        serde_json::from_value(input.facts.clone())
            .map_err(|e| Error::internal(format!("what is known of `{}` can't be read: {e}", input.id)))
    }
}
