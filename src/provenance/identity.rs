//! People's own signatures. The registry issues each account a certificate under its root; with it a person signs the assertions of a picture they made (CAWG
//! identity assertion, `cawg.identity`) and agreements on authorship. The registry keeps the key for the person, as it keeps the one that signs
//! statements: what is proved is that the registry vouches for the account, not who sits before the screen.
//!
//! One person for each manifest: two identity assertions in one are written over each other by the engine (contentauth/c2pa-rs, issue 2602). Several people
//! stand in the chain of parents, one for each generation.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use c2pa::crypto::cose::{CertificateTrustPolicy, Verifier};
use c2pa::crypto::raw_signature::{RawSigner, RawSignerError};
use c2pa::crypto::time_stamp::TimeStampProvider;
use c2pa::dynamic_assertion::DynamicAssertion;
use c2pa::identity::builder::IdentityAssertionBuilder;
use c2pa::identity::x509::{X509CredentialHolder, X509SignatureVerifier};
use c2pa::identity::{SignatureVerifier as _, SignerPayload};
use c2pa::status_tracker::{LogKind, StatusTracker};
use c2pa::{Manifest, Reader, SigningAlg};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use x509_cert::Certificate;
use x509_cert::der::{DecodePem as _, Encode as _};
use x509_cert::ext::pkix::ExtendedKeyUsage;

use super::pki::{self, DOCUMENT_SIGNING, PersonParts, PkiError};
use super::trust::TrustAnchors;
use super::verdict::Status;
use super::verify::stamped_at;
use crate::clock::Timestamp;
use crate::id::ImageId;

/// Label of the assertion.
const IDENTITY: &str = "cawg.identity";
/// Roles of it (CAWG identity assertion 1.2, "Named actor roles").
pub const CREATOR: &str = "cawg.creator";
/// Who changed a picture.
pub const EDITOR: &str = "cawg.editor";
/// What a person vouches for: what was done, what the picture is, how it was made, for whom, and what may be done with it.
const VOUCHED: [&str; 7] = [
    "c2pa.actions.v2",
    "colophon.authorship",
    "colophon.image",
    "colophon.edit",
    "colophon.licences",
    "cawg.metadata",
    "cawg.training-mining",
];
/// Bytes kept for an identity assertion beside its certificates: signature, references, roles, padding.
const RESERVE: usize = 4096;

/// A person who signs.
#[derive(Clone)]
pub struct Person {
    key: SigningKey,
    chain: Vec<Vec<u8>>,
    name: String,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Person {
    /// From the stored parts.
    pub fn from_parts(parts: &PersonParts) -> Result<Self, PkiError> {
        let chain = chain(&parts.chain_pem)?;
        let name = chain.first().map(|c| pki::common_name(&c.tbs_certificate.subject)).unwrap_or_default();
        let der = chain.iter().map(|c| c.to_der().map_err(|e| unreadable(e.to_string())));
        Ok(Self { key: pki::key("key_pem", &parts.key_pem)?, chain: der.collect::<Result<_, _>>()?, name })
    }

    /// Name in the certificate.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Ed25519 signature over a text.
    pub fn sign_text(&self, text: &[u8]) -> [u8; 64] {
        self.key.sign(text).to_bytes()
    }

    /// What writes the identity assertion when a picture is signed.
    pub(super) fn assertion(&self, role: &str) -> Arc<IdentityAssertionBuilder> {
        let holder = X509CredentialHolder::from_raw_signer(Box::new(self.clone()));
        let mut builder = IdentityAssertionBuilder::for_credential_holder(holder);
        builder.add_referenced_assertions(&VOUCHED);
        builder.add_roles(&[role]);
        Arc::new(builder)
    }
}

impl TimeStampProvider for Person {}

impl RawSigner for Person {
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, RawSignerError> {
        Ok(self.key.sign(data).to_vec())
    }

    fn alg(&self) -> SigningAlg {
        SigningAlg::Ed25519
    }

    fn cert_chain(&self) -> Result<Vec<Vec<u8>>, RawSignerError> {
        Ok(self.chain.clone())
    }

    /// Of the whole assertion; the engine wants to spare, or it fails.
    fn reserve_size(&self) -> usize {
        RESERVE + self.chain.iter().map(Vec::len).sum::<usize>()
    }
}

/// The claim's signer together with a person.
pub(super) struct Together<'a, S> {
    pub(super) signer: &'a S,
    pub(super) person: Option<Arc<IdentityAssertionBuilder>>,
}

impl<S: c2pa::Signer> c2pa::Signer for Together<'_, S> {
    fn sign(&self, data: &[u8]) -> c2pa::Result<Vec<u8>> {
        self.signer.sign(data)
    }

    fn alg(&self) -> SigningAlg {
        self.signer.alg()
    }

    fn certs(&self) -> c2pa::Result<Vec<Vec<u8>>> {
        self.signer.certs()
    }

    fn reserve_size(&self) -> usize {
        self.signer.reserve_size()
    }

    fn send_timestamp_request(&self, message: &[u8]) -> Option<c2pa::Result<Vec<u8>>> {
        self.signer.send_timestamp_request(message)
    }

    fn dynamic_assertions(&self) -> Vec<Box<dyn DynamicAssertion>> {
        self.person.iter().map(|person| Box::new(Arc::clone(person)) as Box<dyn DynamicAssertion>).collect()
    }
}

/// What checking a person's signature found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Theirs, and this registry vouches for them.
    Sound,
    /// Theirs, by a certificate of somebody else.
    Unknown,
    /// Theirs, by a certificate that has ended.
    Ended,
    /// Not theirs, or not over this picture.
    Broken,
}

/// A person's signature in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// Common name in the certificate; who that is, the certificate's issuer says.
    pub name: String,
    /// Who issued it.
    pub issuer: String,
    /// Such as `cawg.creator`.
    pub roles: Vec<String>,
    /// The image of ours whose manifest holds it, where it says so.
    pub image: Option<ImageId>,
    /// Whether it is about this picture, not about one it was made from.
    pub active: bool,
    /// What was found.
    pub standing: Standing,
}

/// As the engine gives the assertion when it does not decode it.
#[derive(Deserialize)]
struct Assertion {
    signer_payload: SignerPayload,
    signature: Vec<u8>,
    pad1: Vec<u8>,
    #[serde(default)]
    pad2: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct Named {
    image: ImageId,
}

/// Every person's signature in a file: of this picture first, then of those it was made from.
pub(super) fn people(reader: &Reader, codes: &[Status], trust: &TrustAnchors) -> Vec<Signed> {
    let active = reader.active_label();
    let mut found: Vec<Signed> = Vec::new();
    for manifest in reader.iter_manifests() {
        let is_active = manifest.label().is_some() && manifest.label() == active;
        let image = manifest.find_assertion::<Named>("colophon.image").ok().map(|named| named.image);
        let stamped = stamped_at(manifest, is_active, codes).and_then(Timestamp::parse);
        let held = manifest.assertions().iter().filter(|a| a.label().starts_with(IDENTITY)).count();
        for instance in 0..held {
            let read = manifest.find_assertion_with_instance::<Assertion>(IDENTITY, instance);
            let signed = read.ok().and_then(|assertion| check(manifest, &assertion, stamped, trust));
            let broken = || Signed {
                name: String::new(),
                issuer: String::new(),
                roles: Vec::new(),
                image: None,
                active: false,
                standing: Standing::Broken,
            };
            found.push(Signed { image, active: is_active, ..signed.unwrap_or_else(broken) });
        }
    }
    found.sort_by(|a, b| (!a.active, b.image).cmp(&(!b.active, a.image)));
    found
}

fn check(manifest: &Manifest, assertion: &Assertion, stamped: Option<Timestamp>, trust: &TrustAnchors) -> Option<Signed> {
    let payload = &assertion.signer_payload;
    let mut policy = CertificateTrustPolicy::new();
    policy.add_default_valid_ekus();
    policy.add_user_trust_anchors(trust.root_pem().as_bytes()).ok()?;
    let verifier = X509SignatureVerifier { cose_verifier: Verifier::VerifyTrustPolicy(Cow::Owned(policy)) };
    let mut log = StatusTracker::default();
    let info = verifier.check_signature(payload, &assertion.signature, &mut log).ok()?;
    let failed = |code: &str| {
        log.logged_items().iter().any(|item| {
            matches!(item.kind, LogKind::Failure)
                && item.validation_status.as_deref().is_some_and(|status| status.ends_with(code))
        })
    };
    let end = |url: &str| url.rsplit('/').next().unwrap_or_default().to_owned();
    let listed: Vec<(String, Vec<u8>)> = manifest.assertion_references().map(|uri| (end(&uri.url()), uri.hash())).collect();
    let referenced: Vec<(String, Vec<u8>)> =
        payload.referenced_assertions.iter().map(|uri| (end(&uri.url()), uri.hash())).collect();
    let bound = referenced.iter().any(|(label, _)| label.starts_with("c2pa.hash."));
    let all_listed = referenced.iter().all(|one| listed.contains(one));
    let padded = assertion.pad1.iter().chain(assertion.pad2.iter().flatten()).all(|byte| *byte == 0);
    let own = Certificate::load_pem_chain(&info.cert_info.cert_chain).ok()?.into_iter().next()?;
    // The claim that lists the person's signature bears a time stamp: the certificate held then, as the signature is older.
    let held_then = stamped.is_some_and(|at| at <= pki::end(&own));
    let expired = failed("signingCredential.expired");
    let failures = log.logged_items().iter().filter(|item| matches!(item.kind, LogKind::Failure)).count();
    let standing = if !(bound && all_listed && padded) {
        Standing::Broken
    } else if failed("signingCredential.untrusted") {
        Standing::Unknown
    } else if expired && held_then && failures == 1 {
        Standing::Sound
    } else if expired {
        Standing::Ended
    } else if failures > 0 {
        Standing::Broken
    } else {
        Standing::Sound
    };
    let subject = &own.tbs_certificate.subject;
    Some(Signed {
        name: pki::common_name(subject),
        issuer: pki::organisation(&own.tbs_certificate.issuer),
        roles: payload.roles.clone(),
        image: None,
        active: false,
        standing,
    })
}

/// Checks a person's signature over a text that was signed at a time; their name, or what is wrong.
pub fn check_text(trust: &TrustAnchors, chain_pem: &str, text: &[u8], signature: &[u8], at: Timestamp) -> Result<String, String> {
    let chain = chain(chain_pem).map_err(|e| e.to_string())?;
    let [own, issuing, ..] = chain.as_slice() else {
        return Err("the certificate comes without the one that issued it".to_owned());
    };
    let root = Certificate::from_pem(trust.root_pem()).map_err(|e| e.to_string())?;
    let strange = |_| "the certificate was not issued by this registry".to_owned();
    pki::signed_by(own, issuing, "certificate", "issuing certificate").map_err(strange)?;
    pki::signed_by(issuing, &root, "issuing certificate", "root").map_err(strange)?;
    let usages = own.tbs_certificate.get::<ExtendedKeyUsage>().ok().flatten();
    if !usages.is_some_and(|(_, usages)| usages.0.contains(&DOCUMENT_SIGNING)) {
        return Err("the certificate is not a person's".to_owned());
    }
    let begun = own.tbs_certificate.validity.not_before.to_unix_duration().as_millis();
    if at > pki::end(own) || i64::try_from(begun).is_ok_and(|begun| at.millis() < begun) {
        return Err("the certificate did not hold when this was signed".to_owned());
    }
    let key = own.tbs_certificate.subject_public_key_info.subject_public_key.as_bytes();
    let key = key.and_then(|bytes| VerifyingKey::from_bytes(bytes.try_into().ok()?).ok());
    let key = key.ok_or_else(|| "the certificate's key is no Ed25519 key".to_owned())?;
    let signature = Signature::from_slice(signature).map_err(|_| "the signature has not 64 bytes".to_owned())?;
    key.verify_strict(text, &signature).map_err(|_| "the signature is not theirs, or the text was changed".to_owned())?;
    Ok(pki::common_name(&own.tbs_certificate.subject))
}

fn chain(pem: &str) -> Result<Vec<Certificate>, PkiError> {
    Certificate::load_pem_chain(pem.as_bytes()).map_err(|e| unreadable(e.to_string()))
}

fn unreadable(reason: String) -> PkiError {
    PkiError::Part { part: "identity certificate", reason }
}
