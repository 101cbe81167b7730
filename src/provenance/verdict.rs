//! What checking a file found: one of seven findings, a sentence for people, and everything a program needs to judge for itself.

use serde::Serialize;

use super::encode::Format;
use super::identity::Signed;
use super::manifest::{SignedClaim, TRAINED_ALGORITHMIC_MEDIA, source_of_edit};

/// C2PA status code of a time stamp by an authority that is trusted here.
pub(super) const TIME_STAMP_TRUSTED: &str = "timeStamp.trusted";

/// What was found, from best to worst known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// Unchanged, and signed by someone this check trusts.
    Trusted,
    /// Unchanged, but signed by someone this check does not know or whose certificate it does not accept.
    ValidUntrusted,
    /// Unchanged as far as can be seen, but the certificate had ended and no trusted time-stamp shows that it was signed before.
    Expired,
    /// Changed after signing: the picture, the file around it, or the credentials.
    Altered,
    /// The credentials are whole, but they were signed for another picture.
    ManifestMismatch,
    /// No credentials.
    NoManifest,
    /// Not a picture that can be checked.
    Unreadable,
}

/// The result of checking one file.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// What was found.
    pub finding: Finding,
    /// The same for people: one or two sentences, no codes.
    pub sentence: String,
    /// Things worth knowing that do not change the finding, each a sentence.
    pub warnings: Vec<String>,
    /// C2PA status codes in the order the engine gave them, those of ingredients last.
    pub codes: Vec<Status>,
    /// Who signed, where a signature could be read. Proved only when the finding is `Trusted`.
    pub signer: Option<SignerName>,
    /// Through which anchor the signer is known; `None` when through none. Only `Ours` makes the statement ids of a claim ours.
    pub anchor: Option<Anchor>,
    /// IPTC digital source type that the manifest states.
    pub source_type: Option<String>,
    /// Our assertions, where there are any. Worth what the finding is worth.
    pub claim: Option<SignedClaim>,
    /// People's own signatures in it, of this picture first. They are no part of the finding.
    pub people: Vec<Signed>,
    /// Format and size, where the headers could be read.
    pub picture: Option<Picture>,
    /// How the picture compares with the one that was signed, where the manifest tells.
    pub likeness: Option<Likeness>,
    /// The manifests as crJSON, the form that the official conformance rubrics read.
    pub crjson: Option<String>,
}

impl Verdict {
    /// IPTC digital source type of the picture as a whole: for one of ours what its making comes to, for others what they state.
    pub fn source_of_whole(&self) -> Option<&str> {
        match self.claim.as_ref().filter(|claim| claim.image.is_some()) {
            Some(claim) => Some(claim.edit.as_ref().map_or(TRAINED_ALGORITHMIC_MEDIA, source_of_edit)),
            None => self.source_type.as_deref(),
        }
    }

    /// A verdict of few words.
    pub(super) fn bare(finding: Finding, sentence: impl Into<String>) -> Self {
        Self {
            finding,
            sentence: sentence.into(),
            warnings: Vec::new(),
            codes: Vec::new(),
            signer: None,
            anchor: None,
            source_type: None,
            claim: None,
            people: Vec::new(),
            picture: None,
            likeness: None,
            crjson: None,
        }
    }

    /// The failing codes.
    pub fn failures(&self) -> impl Iterator<Item = &Status> {
        self.codes.iter().filter(|s| s.kind == Kind::Failure)
    }

    /// Whether the file may be called what it claims to be.
    pub fn is_trusted(&self) -> bool {
        self.finding == Finding::Trusted
    }

    /// Whether it is trusted under our own root, so that its claim is this registry's word.
    pub fn is_ours(&self) -> bool {
        self.is_trusted() && self.anchor == Some(Anchor::Ours)
    }
}

/// One C2PA status code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The code, such as `assertion.dataHash.mismatch`.
    pub code: String,
    /// Good, neutral or bad.
    pub kind: Kind,
    /// The box it is about.
    pub url: Option<String>,
    /// The engine's explanation.
    pub explanation: Option<String>,
    /// Whether it is about an ingredient rather than the file itself.
    pub of_ingredient: bool,
}

/// What a status code means for the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A check passed.
    Success,
    /// Neither good nor bad.
    Information,
    /// A check failed.
    Failure,
}

/// Through which anchor a signer is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// Our own root.
    Ours,
    /// A list that the operator added.
    List,
}

/// The name on the signing certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignerName {
    /// Common name.
    pub common_name: Option<String>,
    /// Organisation.
    pub organisation: Option<String>,
    /// Serial number, decimal.
    pub serial: Option<String>,
    /// Last day of the certificate, RFC 3339.
    pub not_after: Option<String>,
    /// When it was signed, RFC 3339; only where a time-stamp says so.
    pub signed_at: Option<String>,
}

/// Format and size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Picture {
    /// The format.
    pub format: Format,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// How the picture in the file compares with the one that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Likeness {
    /// Differing bits of the perceptual hash, 0..=256.
    pub hash_distance: u32,
    /// RMS distance of the thumbnails, 0..=1.
    pub thumbnail_rms: f64,
    /// Whether they look like versions of one picture.
    pub resembles: bool,
    /// Whether the decoded pixels are those that were drawn.
    pub pixels: Pixels,
}

/// Decoded pixels against the signed pixel hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pixels {
    /// The very same.
    Same,
    /// Not the same.
    Different,
    /// The format is lossy or no hash was signed: they cannot be compared.
    Unknown,
}
