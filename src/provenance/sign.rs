//! Claim and picture → signed file. What comes out has been read back and found trusted under our own root; nothing else comes out.
//! It holds the leaf key in memory for as long as the signer lives; it does not store it.

use std::fmt;
use std::io::Cursor;
use std::sync::Arc;

use c2pa::{Builder, Reader, SigningAlg};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::Value;

use super::claim::{ImageClaim, ParentClaim};
use super::container::{OutlineError, outline};
use super::encode::{Format, PictureError, decode_transparent, pixels_hash};
use super::fingerprint::Fingerprint;
use super::identity::{Person, Signed, Standing, Together};
use super::manifest::{add_ingredients_and_binding, image_definition};
use super::timestamp::Authority;
use super::trust::TrustAnchors;
use super::verdict::{Finding, TIME_STAMP_TRUSTED, Verdict};
use super::verify::{Limits, verify};
use super::xmp::{embed, packet};
use crate::chance::Chance;
use crate::clock::{Clock, Timestamp};
use crate::digest::sha256_of;

/// Bytes kept for the signature beside its certificates: 64 of signature and the COSE headers around it.
const RESERVE: usize = 1024;

/// Why a picture was not signed. The bytes are then not delivered.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The pixels or the encoded picture are unusable.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The encoded picture has no readable outline.
    #[error("the picture to sign cannot be read: {0}")]
    Outline(#[from] OutlineError),
    /// The picture is in another format than was said.
    #[error("the picture to sign is a {}, not a {}", .found.name(), .said.name())]
    Format {
        /// What the bytes are.
        found: Format,
        /// What the caller said.
        said: Format,
    },
    /// The claim's size or pixel hash is not this picture's.
    #[error("the claim is about another picture: its {what} differs")]
    OtherPicture {
        /// What differs.
        what: &'static str,
    },
    /// The model card is not one of ours, or it is another model's.
    #[error("the model card cannot vouch for this image ({reason}): make it anew with today's certificate")]
    Card {
        /// What is wrong with it.
        reason: String,
    },
    /// The engine refused the manifest; its words and the end of our certificate.
    #[error("the picture could not be signed ({reason}); the signing certificate ends on {leaf_ends}")]
    Engine {
        /// The engine's words.
        reason: String,
        /// Day the leaf ends.
        leaf_ends: String,
    },
    /// What was signed does not check out when read back.
    #[error("the signed picture was refused when read back: {sentence} (codes: {codes})")]
    Refused {
        /// The verdict's sentence.
        sentence: String,
        /// Failing status codes, joined by commas.
        codes: String,
    },
}

/// Signs images and model cards with the leaf key.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    chain: Vec<Vec<u8>>,
    not_after: Timestamp,
    trust: TrustAnchors,
    stamps: Option<Stamps>,
}

/// What puts a time stamp under each signature.
#[derive(Clone)]
struct Stamps {
    authority: Arc<Authority>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

impl Signer {
    pub(super) const fn new(key: SigningKey, chain: Vec<Vec<u8>>, not_after: Timestamp, trust: TrustAnchors) -> Self {
        Self { key, chain, not_after, trust, stamps: None }
    }

    /// With a time stamp of this authority in every signature, which then outlives the certificate.
    #[must_use]
    pub fn stamped(mut self, authority: Arc<Authority>, clock: Arc<dyn Clock>, chance: Arc<dyn Chance>) -> Self {
        self.stamps = Some(Stamps { authority, clock, chance });
        self
    }

    /// The trust under which its signatures are checked: our root alone.
    pub const fn trust(&self) -> &TrustAnchors {
        &self.trust
    }

    /// Signs `picture` with a definition and the ingredients that `add` gives it, reads the result back, and refuses it unless trusted.
    pub(super) fn sign_definition(
        &self,
        definition: Value,
        format: Format,
        picture: &[u8],
        person: Option<(&Person, &str)>,
        add: impl FnOnce(&mut Builder) -> c2pa::Result<()>,
    ) -> Result<Vec<u8>, SignError> {
        let sign = || {
            let mut builder = Builder::from_shared_context(self.trust.context()).with_definition(definition)?;
            add(&mut builder)?;
            let mut signed = Cursor::new(Vec::with_capacity(picture.len() + (1 << 15)));
            let together = Together { signer: self, person: person.map(|(person, role)| person.assertion(role)) };
            builder.sign(&together, format.mime(), &mut Cursor::new(picture), &mut signed)?;
            Ok(signed.into_inner())
        };
        let signed: Vec<u8> =
            sign().map_err(|e: c2pa::Error| SignError::Engine { reason: e.to_string(), leaf_ends: self.not_after.day() })?;
        // INVARIANT: no picture leaves that this same code would not call trusted.
        let verdict = verify(&signed, &self.trust, &Limits::default());
        let vouched = |signed: &Signed| signed.active && signed.standing == Standing::Sound;
        // The engine takes any answer of an authority; that it is one for this very signature shows only here.
        let stamped = |verdict: &Verdict| verdict.codes.iter().any(|s| s.code == TIME_STAMP_TRUSTED && !s.of_ingredient);
        let timed = self.stamps.is_none() || stamped(&verdict);
        if verdict.is_ours() && timed && (person.is_none() || verdict.people.iter().any(vouched)) {
            Ok(signed)
        } else {
            let missing = (!timed).then(|| format!("no {TIME_STAMP_TRUSTED}"));
            let codes = verdict.failures().map(|s| s.code.clone()).chain(missing).collect::<Vec<_>>().join(", ");
            Err(SignError::Refused { sentence: verdict.sentence, codes })
        }
    }
}

impl c2pa::Signer for Signer {
    fn sign(&self, data: &[u8]) -> c2pa::Result<Vec<u8>> {
        Ok(self.key.sign(data).to_vec())
    }

    fn alg(&self) -> SigningAlg {
        SigningAlg::Ed25519
    }

    fn certs(&self) -> c2pa::Result<Vec<Vec<u8>>> {
        Ok(self.chain.clone())
    }

    fn reserve_size(&self) -> usize {
        let stamp = self.stamps.as_ref().map_or(0, |stamps| stamps.authority.answer_len());
        RESERVE + self.chain.iter().map(Vec::len).sum::<usize>() + stamp
    }

    /// An RFC 3161 response over the bytes to be stamped, made in this process: with it the signature outlives the certificate.
    fn send_timestamp_request(&self, message: &[u8]) -> Option<c2pa::Result<Vec<u8>>> {
        let stamps = self.stamps.as_ref()?;
        let stamp = stamps.authority.stamp(sha256_of(message).0, stamps.clock.now(), &*stamps.chance);
        Some(stamp.map_err(|e| c2pa::Error::OtherError(Box::new(e))))
    }
}

/// Signs an encoded picture with its claim, and with the person who made it in their role. `model_card_png` is a card signed by the same authority, where a model drew. The claim must be about this very
/// picture: sizes are compared always, pixel hashes where the format is lossless.
pub fn sign_image(
    signer: &Signer,
    model_card_png: Option<&[u8]>,
    claim: &ImageClaim,
    format: Format,
    encoded: &[u8],
    person: Option<(&Person, &str)>,
) -> Result<Vec<u8>, SignError> {
    let limits = Limits::default();
    let found = outline(encoded)?;
    if found.format != format {
        return Err(SignError::Format { found: found.format, said: format });
    }
    if (found.width, found.height) != (claim.replay.width, claim.replay.height) {
        return Err(SignError::OtherPicture { what: "size" });
    }
    let (rgb, alpha) = decode_transparent(encoded, format, limits.max_alloc)?;
    if format.is_lossless() && pixels_hash(&rgb.bytes, alpha.as_deref()) != claim.replay.pixels_blake3 {
        return Err(SignError::OtherPicture { what: "pixel hash" });
    }
    check_card(signer, model_card_png, claim, &limits)?;
    let fingerprint = Fingerprint::of_rgb(&rgb.bytes, rgb.width, rgb.height)?;
    let definition = image_definition(claim, &fingerprint, format);
    // For tools that read no Content Credentials; a picture without a place for it goes without.
    let with_xmp = embed(encoded, format, &packet(claim), (found.width, found.height));
    let encoded = with_xmp.as_deref().unwrap_or(encoded);
    signer.sign_definition(definition, format, encoded, person, |builder| {
        add_ingredients_and_binding(builder, claim, model_card_png, &|parent| readable(parent, &signer.trust))
    })
}

/// Whether a parent's credentials can be read, or it has none.
fn readable(parent: &ParentClaim, trust: &TrustAnchors) -> bool {
    let reader = Reader::from_shared_context(trust.context()).with_stream(parent.format.mime(), Cursor::new(&parent.file[..]));
    matches!(reader, Ok(_) | Err(c2pa::Error::JumbfNotFound))
}

/// The engine signs over an ingredient of any kind; an image of ours names a card that is whole, ours, and about the model that drew.
fn check_card(signer: &Signer, card: Option<&[u8]>, claim: &ImageClaim, limits: &Limits) -> Result<(), SignError> {
    let (model, card) = match (&claim.model, card) {
        (None, None) => return Ok(()),
        (Some(model), Some(card)) => (model, card),
        _ => return Err(SignError::Card { reason: "a card goes with a model, and none without".to_owned() }),
    };
    let verdict = verify(card, &signer.trust, limits);
    let said = verdict.claim.and_then(|c| c.model_card);
    let reason = match (verdict.finding, said) {
        (Finding::Trusted, Some(card)) if card.model == *model => return Ok(()),
        (Finding::Trusted, Some(card)) => format!("it is about `{} {}`", card.model.name, card.model.version),
        (Finding::Trusted, None) => "it is not a model card".to_owned(),
        _ => verdict.sentence,
    };
    Err(SignError::Card { reason })
}
