//! File → verdict. Reads bytes from anywhere: sizes and headers are looked at before anything is decoded, nothing is fetched, and a
//! failure of the engine becomes a verdict, never a panic.
//!
//! Telling a changed picture from swapped credentials: in both the content hash fails while the signature over the credentials holds.
//! The credentials of our own pictures carry a perceptual fingerprint of what was signed. A picture that still resembles it was altered;
//! one that does not is another picture. A picture painted over until nothing is left of it reads as another one too, and credentials
//! moved to a look-alike read as an alteration; a crop already moves a small picture out of reach. More than looks cannot be known from
//! one file. Credentials without a fingerprint
//! (other people's) give `Altered` in both cases.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use c2pa::{Manifest, Reader, ValidationState};
use x509_cert::Certificate;
use x509_cert::ext::pkix::ExtendedKeyUsage;

use super::container::{Outline, outline};
use super::encode::{decode_transparent, pixels_hash};
use super::fingerprint::{Fingerprint, thumbnail_rms};
use super::identity::people;
use super::manifest::{SignedClaim, source_type};
use super::pki::{CLAIM_SIGNING, STAMPER_NAME, end};
use super::trust::TrustAnchors;
use super::verdict::{Anchor, Finding, Kind, Likeness, Picture, Pixels, SignerName, Status, TIME_STAMP_TRUSTED, Verdict};
use crate::clock::Timestamp;

/// Characters of a signer's name that a sentence repeats.
const NAME_CHARS: usize = 80;

/// What a file may cost to check.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the file.
    pub max_bytes: usize,
    /// Pixels of the picture, by its headers.
    pub max_pixels: u64,
    /// Bytes of embedded credentials.
    pub max_manifest_bytes: usize,
    /// Bytes that decoding may take.
    pub max_alloc: u64,
}

impl Default for Limits {
    /// 64 MiB, 40 megapixels, 8 MiB of credentials, 512 MiB of memory.
    fn default() -> Self {
        Self { max_bytes: 64 << 20, max_pixels: 40_000_000, max_manifest_bytes: 8 << 20, max_alloc: 512 << 20 }
    }
}

/// Checks a file. Costs what the limits allow and no more; wants a thread that may block.
pub fn verify(bytes: &[u8], trust: &TrustAnchors, limits: &Limits) -> Verdict {
    if bytes.len() > limits.max_bytes {
        let mib = limits.max_bytes >> 20;
        return Verdict::bare(Finding::Unreadable, format!("This file is larger than {mib} MiB, the most that is checked."));
    }
    let found = match outline(bytes) {
        Ok(found) => found,
        Err(e) => return Verdict::bare(Finding::Unreadable, format!("This file cannot be checked: {e}.")),
    };
    let picture = Picture { format: found.format, width: found.width, height: found.height };
    let pixels = u64::from(found.width) * u64::from(found.height);
    let refused = if pixels > limits.max_pixels {
        let (size, most) = (pixels.div_ceil(1_000_000), limits.max_pixels / 1_000_000);
        Some(format!("This picture says it has {size} million pixels; at most {most} million are checked, so it was not opened."))
    } else if found.manifest_bytes > limits.max_manifest_bytes {
        let most = limits.max_manifest_bytes >> 20;
        Some(format!("The credentials in this file are larger than {most} MiB, the most that is checked."))
    } else {
        None
    };
    let mut verdict = match refused {
        Some(sentence) => Verdict::bare(Finding::Unreadable, sentence),
        // The engine reads hostile bytes; should it stumble, that is a verdict about the file, not the end of this thread.
        None => catch_unwind(AssertUnwindSafe(|| read(bytes, &found, trust, limits)))
            .unwrap_or_else(|_| Verdict::bare(Finding::Unreadable, "The credentials in this file are broken beyond reading.")),
    };
    verdict.picture = Some(picture);
    verdict
}

fn read(bytes: &[u8], found: &Outline, trust: &TrustAnchors, limits: &Limits) -> Verdict {
    let reader = match Reader::from_shared_context(trust.context()).with_stream(found.format.mime(), Cursor::new(bytes)) {
        Ok(reader) => reader,
        Err(e) => return unread(&e),
    };
    let claim = SignedClaim::read(&reader);
    let decoded =
        claim.as_ref().filter(|c| c.fingerprint.is_some()).map(|_| decode_transparent(bytes, found.format, limits.max_alloc));
    let (likeness, undecodable) = match (decoded, &claim) {
        (Some(Ok(rgb)), Some(claim)) => (likeness(claim, &rgb, found), None),
        (Some(Err(e)), _) => (None, Some(e.to_string())),
        _ => (None, None),
    };
    let codes = statuses(&reader);
    let signer = signer_name(&reader, &codes);
    let anchor = anchor(&codes);
    let warnings = warnings(&codes, likeness.as_ref(), undecodable.as_deref());
    let people = people(&reader, &codes, trust);
    let crjson = reader.crjson_checked().ok();
    let (mut finding, mut sentence) = judge(reader.validation_state(), &codes, signer.as_ref(), likeness.as_ref());
    if finding == Finding::Trusted && anchor == Some(Anchor::Ours) && !signs_claims(&reader) {
        finding = Finding::ValidUntrusted;
        sentence = "Nothing has changed since this file was signed, but it was signed with a certificate of this registry that is not for \
                    signing files in its name."
            .to_owned();
    }
    if finding == Finding::Trusted && anchor == Some(Anchor::Ours) && crjson.as_deref().is_none_or(backdated) {
        finding = Finding::Expired;
        sentence = "Nothing has changed since this file was signed, but the signing certificate has ended, and what says that it was signed \
                    before is no time-stamp of this registry."
            .to_owned();
    }
    Verdict {
        finding,
        sentence,
        warnings,
        codes,
        signer,
        anchor,
        source_type: reader.active_manifest().and_then(source_type),
        claim,
        people,
        picture: None,
        likeness,
        crjson,
    }
}

/// When the engine gives no reader at all.
fn unread(error: &c2pa::Error) -> Verdict {
    match error {
        c2pa::Error::JumbfNotFound | c2pa::Error::ProvenanceMissing => Verdict::bare(
            Finding::NoManifest,
            "This file carries no Content Credentials: they were removed, or it never had any.",
        ),
        c2pa::Error::RemoteManifestUrl(_) | c2pa::Error::RemoteManifestFetch(_) => Verdict::bare(
            Finding::NoManifest,
            "This file carries no Content Credentials itself. It names an address that may hold them, which was not visited.",
        ),
        other => {
            let mut verdict = Verdict::bare(
                Finding::Altered,
                "The credentials in this file are damaged and cannot be read, so nothing they say can be relied on.",
            );
            verdict.codes.push(Status {
                code: "general.error".to_owned(),
                kind: Kind::Failure,
                url: None,
                explanation: Some(other.to_string()),
                of_ingredient: false,
            });
            verdict
        }
    }
}

/// The finding and its sentence.
fn judge(
    state: ValidationState,
    codes: &[Status],
    signer: Option<&SignerName>,
    likeness: Option<&Likeness>,
) -> (Finding, String) {
    let who = signer.and_then(|s| s.common_name.as_deref().or(s.organisation.as_deref()));
    let who: String = who.unwrap_or("an unnamed signer").chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect();
    let failed: Vec<&str> = codes.iter().filter(|s| s.kind == Kind::Failure).map(|s| s.code.as_str()).collect();
    let other_picture = likeness.is_some_and(|l| !l.resembles);
    let mismatch = (
        Finding::ManifestMismatch,
        format!(
            "The credentials in this file were signed by {who} for another picture, or this one was cut or painted over until nothing \
             of it is recognisable."
        ),
    );
    // A picture that looks like another one than was signed is never called trusted, whatever the hashes say.
    if state == ValidationState::Trusted && !other_picture {
        return (Finding::Trusted, format!("This file is as {who} signed it: nothing has changed since."));
    }
    if state == ValidationState::Valid && !other_picture {
        return (
            Finding::ValidUntrusted,
            format!("Nothing has changed since this file was signed, but its signer, {who}, is not one that this check trusts."),
        );
    }
    let about_certificate = |code: &str| code.starts_with("signingCredential.") || code.starts_with("claimSignature.outside");
    let about_content = |code: &str| {
        ["assertion.dataHash.", "assertion.boxesHash.", "assertion.bmffHash."].iter().any(|prefix| code.starts_with(prefix))
    };
    let beyond: Vec<&str> = failed.iter().copied().filter(|c| !about_certificate(c)).collect();
    let signature_holds = codes.iter().any(|s| s.code == "claimSignature.validated" && !s.of_ingredient);
    if signature_holds && beyond.iter().all(|c| about_content(c)) && (other_picture || !beyond.is_empty()) {
        if other_picture {
            return mismatch;
        }
        let sentence = match likeness.map(|l| l.pixels) {
            Some(Pixels::Same) => {
                format!(
                    "The file was changed after {who} signed it. Its pixels are still those that were signed; what changed lies around them."
                )
            }
            Some(_) => format!("The picture was changed after {who} signed it. It still looks like the one that was signed."),
            None => {
                format!("The picture was changed after {who} signed it, or these credentials were taken from another one.")
            }
        };
        return (Finding::Altered, sentence);
    }
    if signature_holds && beyond.is_empty() {
        if failed.contains(&"signingCredential.expired") {
            let own = codes.iter().any(|s| s.code == "signingCredential.expired" && !s.of_ingredient);
            let until = signer.and_then(|s| Timestamp::parse(s.not_after.as_deref()?)).filter(|_| own);
            let what = match until {
                Some(end) => format!("the signing certificate ended on {}", end.day()),
                None if own => "the signing certificate has ended".to_owned(),
                None => "the certificate on something it was made from has ended".to_owned(),
            };
            let sentence = format!(
                "Nothing has changed since {who} signed this file, but {what} and no trusted time-stamp shows that it was signed before."
            );
            return (Finding::Expired, sentence);
        }
        return (
            Finding::ValidUntrusted,
            format!(
                "Nothing has changed since this file was signed, but the certificate of its signer, {who}, is not acceptable."
            ),
        );
    }
    (
        Finding::Altered,
        "The credentials in this file were changed after signing, so nothing they say can be relied on.".to_owned(),
    )
}

fn warnings(codes: &[Status], likeness: Option<&Likeness>, undecodable: Option<&str>) -> Vec<String> {
    let mut out = Vec::new();
    if codes.iter().any(|s| s.code == "assertion.dataHash.additionalExclusionsPresent") {
        out.push("The signature leaves out parts of the file besides the credentials; those parts may have changed.".to_owned());
    }
    if likeness.is_some_and(|l| l.pixels == Pixels::Different) {
        out.push("The pixels are not those that were drawn.".to_owned());
    }
    if let Some(reason) = undecodable {
        out.push(format!("The picture could not be compared with the one that was signed: {reason}."));
    }
    out
}

fn likeness(claim: &SignedClaim, (rgb, alpha): &(super::encode::Rgb, Option<Vec<u8>>), found: &Outline) -> Option<Likeness> {
    let signed = claim.fingerprint.as_ref()?;
    let shown = Fingerprint::of_rgb(&rgb.bytes, rgb.width, rgb.height).ok()?;
    let pixels = match &claim.replay {
        Some(replay) if found.format.is_lossless() => {
            let same_size = (rgb.width, rgb.height) == (replay.width, replay.height);
            if same_size && pixels_hash(&rgb.bytes, alpha.as_deref()) == replay.pixels_blake3 {
                Pixels::Same
            } else {
                Pixels::Different
            }
        }
        _ => Pixels::Unknown,
    };
    Some(Likeness {
        hash_distance: signed.hash.distance(&shown.hash),
        thumbnail_rms: thumbnail_rms(&signed.thumbnail, &shown.thumbnail),
        resembles: signed.resembles(&shown),
        pixels,
    })
}

fn statuses(reader: &Reader) -> Vec<Status> {
    let Some(results) = reader.validation_results() else { return Vec::new() };
    let deltas = results.ingredient_deltas().into_iter().flatten().map(|delta| (delta.validation_deltas(), true));
    let sets = results.active_manifest().map(|set| (set, false)).into_iter().chain(deltas);
    sets.flat_map(|(set, of_ingredient)| {
        let kinds = [(set.success(), Kind::Success), (set.informational(), Kind::Information), (set.failure(), Kind::Failure)];
        kinds.into_iter().flat_map(move |(list, kind)| {
            list.iter().map(move |status| Status {
                code: status.code().to_owned(),
                kind,
                url: status.url().map(str::to_owned),
                explanation: status.explanation().map(str::to_owned),
                of_ingredient,
            })
        })
    })
    .collect()
}

/// Which anchor made the signature trusted. The engine says so only in words: `User` for our root, `System` for the lists.
fn anchor(codes: &[Status]) -> Option<Anchor> {
    let trusted = codes.iter().find(|s| s.code == "signingCredential.trusted" && !s.of_ingredient)?;
    let ours = trusted.explanation.as_deref().is_some_and(|words| words.contains("found in User"));
    Some(if ours { Anchor::Ours } else { Anchor::List })
}

/// Whether the certificate of the signature is one for claims: a person's is under our root, too, and speaks for that person alone.
fn signs_claims(reader: &Reader) -> bool {
    let info = reader.active_manifest().and_then(|manifest| manifest.signature_info());
    let chain = info.and_then(|info| Certificate::load_pem_chain(info.cert_chain().as_bytes()).ok()).unwrap_or_default();
    let usages = chain.first().and_then(|leaf| leaf.tbs_certificate.get::<ExtendedKeyUsage>().ok().flatten());
    usages.is_some_and(|(_, usages)| usages.0.contains(&CLAIM_SIGNING))
}

/// Whether a signature by a certificate that has ended rests on a time stamp that was not made with a certificate for time stamps. The
/// engine takes one of any certificate under the root that may sign mail, as those of claims and persons may: whoever got hold of an old key
/// could give themselves a time.
fn backdated(crjson: &str) -> bool {
    let Ok(found) = serde_json::from_str::<serde_json::Value>(crjson) else { return true };
    let moment = |value: &serde_json::Value| value.as_str().and_then(Timestamp::parse);
    found["manifests"].as_array().is_none_or(|manifests| {
        manifests.iter().any(|manifest| {
            let signature = &manifest["signature"];
            let ended = moment(&signature["certificateInfo"]["validity"]["notAfter"]);
            let checked = moment(&manifest["validationResults"]["validationTime"]);
            let stamper = signature["timeStampInfo"]["certificateInfo"]["subject"]["CN"].as_str();
            // Of those it was made from only our own: others have other authorities.
            let ours = signature["certificateInfo"]["issuer"] == manifests[0]["signature"]["certificateInfo"]["issuer"];
            let held = matches!((ended, checked), (Some(ended), Some(checked)) if checked <= ended);
            ours && !held && !stamper.is_some_and(|name| name.starts_with(STAMPER_NAME))
        })
    })
}

/// When a manifest was signed, where a time stamp that is trusted here says so. (The engine tells the time of others too.)
pub(super) fn stamped_at<'a>(manifest: &'a Manifest, is_active: bool, codes: &[Status]) -> Option<&'a str> {
    let of_this = |status: &Status| match (manifest.label(), status.of_ingredient) {
        (_, false) => is_active,
        (Some(label), true) => status.url.as_deref().is_some_and(|url| url.contains(label)),
        (None, true) => false,
    };
    let trusted = codes.iter().any(|status| status.code == TIME_STAMP_TRUSTED && of_this(status));
    manifest.signature_info().and_then(|info| info.time.as_deref()).filter(|_| trusted)
}

fn signer_name(reader: &Reader, codes: &[Status]) -> Option<SignerName> {
    let manifest = reader.active_manifest()?;
    let info = manifest.signature_info()?;
    let chain = Certificate::load_pem_chain(info.cert_chain().as_bytes()).unwrap_or_default();
    Some(SignerName {
        common_name: info.common_name.clone(),
        organisation: info.issuer.clone(),
        serial: info.cert_serial_number.clone(),
        not_after: chain.first().map(|leaf| end(leaf).rfc3339()),
        signed_at: stamped_at(manifest, true, codes).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(not_after: &str, stamper: Option<&str>) -> serde_json::Value {
        let mut signature = json!({ "certificateInfo": { "issuer": "ours", "validity": { "notAfter": not_after } } });
        if let Some(name) = stamper {
            signature["timeStampInfo"] = json!({ "certificateInfo": { "subject": { "CN": name } } });
        }
        json!({ "signature": signature, "validationResults": { "validationTime": "2026-11-27T02:52:19.356577526+00:00" } })
    }

    #[test]
    fn an_ended_certificate_needs_a_stamp_of_the_authority() {
        let (held, ended) = ("2027-11-28T01:51:03+00:00", "2026-11-27T02:52:18+00:00");
        for (manifests, is_backdated) in [
            (vec![manifest(held, None)], false),
            (vec![manifest(ended, Some("Time stamps of Colophon"))], false),
            (vec![manifest(ended, None)], true),
            (vec![manifest(ended, Some("Colophon"))], true),
            (vec![manifest(held, None), manifest(ended, Some("Ana"))], true),
            (vec![json!({})], true),
        ] {
            assert_eq!(backdated(&json!({ "manifests": manifests }).to_string()), is_backdated, "{manifests:?}");
        }
        assert!(backdated("{}") && backdated("nonsense"));
    }
}
