//! Verify and trust: is this file what it claims, and by which anchors can that be checked elsewhere. Views only.

use askama::Template;

use super::{Chrome, Inclusion, Link, Recipe, Tone, When, WorkCard, and_list, filters};

/// `GET /verify` and the answer to `POST /verify` (multipart, field `file`).
#[derive(Debug, Clone, Template)]
#[template(path = "verify.html")]
pub struct VerifyPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The finding, once a file was sent.
    pub result: Option<VerifyResult>,
    /// Why the file could not be looked at, and what to do.
    pub problem: String,
    /// Largest file, bytes.
    pub max_bytes: u64,
}

/// What was found in a file.
#[derive(Debug, Clone, Default)]
pub struct VerifyResult {
    /// Over all.
    pub tone: Tone,
    /// The verdict, one sentence: "This file is what it claims to be."
    pub sentence: String,
    /// What that means, one or two sentences.
    pub explanation: String,
    /// The file's name as sent.
    pub file_name: String,
    /// Its size, bytes.
    pub bytes: u64,
    /// Its sha256, hex.
    pub sha256: String,
    /// What was looked at, one by one.
    pub reasons: Vec<Reason>,
    /// Who signed it.
    pub signer: Option<SignerView>,
    /// The credits it carries.
    pub credits: Option<CreditsView>,
    /// Whether it is in the log.
    pub inclusion: Option<Inclusion>,
    /// The image that it shows, where its credentials do not say so.
    pub recovered: Option<RecoveredView>,
}

/// An image of this registry, found by what a file shows.
#[derive(Debug, Clone, Default)]
pub struct RecoveredView {
    /// Refused where the file carries others' credentials.
    pub tone: Tone,
    /// Which image it is, and whose credentials the file carries.
    pub sentence: String,
    /// The image's page.
    pub image_url: String,
}

/// One thing looked at.
#[derive(Debug, Clone, Default)]
pub struct Reason {
    /// How it came out.
    pub tone: Tone,
    /// One sentence.
    pub sentence: String,
    /// C2PA status code: "assertion.dataHash.match"; empty when the finding is ours.
    pub code: String,
}

/// Who signed.
#[derive(Debug, Clone, Default)]
pub struct SignerView {
    /// The certificate's common name.
    pub name: String,
    /// Who issued it.
    pub issuer: String,
    /// "Ed25519".
    pub algorithm: String,
    /// When it was signed, as the file says.
    pub signed: When,
    /// Last day of the certificate.
    pub until: When,
}

/// The credits found in a file; what it says, not what was checked.
#[derive(Debug, Clone, Default)]
pub struct CreditsView {
    /// The image's page; empty when it is not one of ours.
    pub image_url: String,
    /// When it was made.
    pub made: When,
    /// The model's name.
    pub model: String,
    /// Authors of the works drawn on, each once.
    pub authors: Vec<String>,
    /// Their licences as read, each once.
    pub licences: Vec<String>,
    /// The works, where this registry knows them.
    pub works: Vec<WorkCard>,
    /// Hash of the policy bundle, hex.
    pub policy: String,
}

impl CreditsView {
    fn authors_list(&self) -> String {
        and_list(&self.authors)
    }

    fn licences_list(&self) -> String {
        and_list(&self.licences)
    }
}

impl VerifyPage {
    /// Nothing sent yet.
    pub fn sample_empty() -> Self {
        Self { chrome: Chrome::sample("Verify", "/verify"), result: None, problem: String::new(), max_bytes: 20_000_000 }
    }

    /// A good file.
    pub fn sample() -> Self {
        let reason = |sentence: &str, code: &str| Reason { tone: Tone::Verified, sentence: sentence.into(), code: code.into() };
        let mut works = WorkCard::samples();
        works.truncate(4);
        Self {
            result: Some(VerifyResult {
                tone: Tone::Verified,
                sentence: "This file is what it claims to be.".into(),
                explanation: "It was signed here, has not been changed since, and stands in the log as entry 10 481.".into(),
                file_name: "owl.png".into(),
                bytes: 21_480,
                sha256: super::sample_hash("382d86a6"),
                reasons: vec![
                    reason("The signature is good.", "claimSignature.validated"),
                    reason("The signer is one this registry trusts.", "signingCredential.trusted"),
                    reason("Not a byte of the picture has changed.", "assertion.dataHash.match"),
                    reason("It is in the log, and the log’s head is signed.", ""),
                    Reason {
                        tone: Tone::Plain,
                        sentence: "No time-stamp; the signer’s own clock is all there is.".into(),
                        code: "timeStamp.missing".into(),
                    },
                ],
                signer: Some(SignerView {
                    name: "Colophon at colophon.example".into(),
                    issuer: "Colophon Issuing CA".into(),
                    algorithm: "Ed25519".into(),
                    signed: When::sample(),
                    until: When::new("24 November 2027", "2027-11-24T11:50:00Z"),
                }),
                credits: Some(CreditsView {
                    image_url: "/images/image_01KAR000000000000000000024".into(),
                    made: When::sample(),
                    model: "Colophon Mini".into(),
                    authors: works.iter().map(|w| w.author.clone()).collect(),
                    licences: ["CC BY 4.0", "Apache 2.0", "MIT"].map(String::from).into(),
                    works,
                    policy: super::sample_hash("3f2a77d0"),
                }),
                inclusion: Some(Inclusion::sample()),
                recovered: None,
            }),
            ..Self::sample_empty()
        }
    }

    /// A changed file.
    pub fn sample_changed() -> Self {
        Self {
            result: Some(VerifyResult {
                tone: Tone::Refused,
                sentence: "This file was changed after it was signed.".into(),
                explanation: "Its credits belong to another picture. Ask for the original.".into(),
                file_name: "owl-edited.png".into(),
                bytes: 21_480,
                sha256: super::sample_hash("0f11a6c2"),
                reasons: vec![
                    Reason {
                        tone: Tone::Verified,
                        sentence: "The signature is good.".into(),
                        code: "claimSignature.validated".into(),
                    },
                    Reason {
                        tone: Tone::Refused,
                        sentence: "The picture is not the one that was signed.".into(),
                        code: "assertion.dataHash.mismatch".into(),
                    },
                    Reason { tone: Tone::Refused, sentence: "No log entry names these bytes.".into(), code: String::new() },
                ],
                recovered: Some(RecoveredView {
                    tone: Tone::Refused,
                    sentence: "It carries other credentials than the image it shows: a substitution.".into(),
                    image_url: "/images/image_01KAR000000000000000000024".into(),
                }),
                ..VerifyResult::default()
            }),
            ..Self::sample_empty()
        }
    }

    /// A file that is no picture.
    pub fn sample_problem() -> Self {
        Self { problem: "`notes.txt` is not a PNG, JPEG or WebP file: choose the picture itself.".into(), ..Self::sample_empty() }
    }
}

/// `GET /trust`
#[derive(Debug, Clone, Template)]
#[template(path = "trust.html")]
pub struct TrustPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The root certificate, PEM.
    pub c2pa_root_pem: String,
    /// Its subject, one line.
    pub c2pa_root_subject: String,
    /// sha256 of its DER form, hex.
    pub c2pa_root_sha256: String,
    /// Last day it is good for.
    pub c2pa_root_until: When,
    /// The log's key, as a C2SP vkey.
    pub log_vkey: String,
    /// The log's origin line.
    pub log_origin: String,
    /// Commands of other people's tools.
    pub recipes: Vec<Recipe>,
    /// Where this instance's code can be read, elsewhere; empty label for none.
    pub source: Link,
}

impl TrustPage {
    /// A filled page.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Trust anchors", "/trust"),
            c2pa_root_pem: "-----BEGIN CERTIFICATE-----\nMIIB8zCCAXmgAwIBAgIUQ29sb3Bob25TYW1wbGVSb290MDAwCgYIKoZIzj0EAwMw\nKjERMA8GA1UECgwIQ29sb3Bob24xFTATBgNVBAMMDENvbG9waG9uIFJvb3QwHhcN\n-----END CERTIFICATE-----\n".into(),
            c2pa_root_subject: "C=NZ, O=Colophon, CN=Colophon Root".into(),
            c2pa_root_sha256: super::sample_hash("6d20b7f5"),
            c2pa_root_until: When::new("21 November 2046", "2046-11-21T11:50:00Z"),
            log_vkey: "colophon.example/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".into(),
            log_origin: "colophon.example/log".into(),
            recipes: Recipe::samples(),
            source: Link::default(),
        }
    }
}
