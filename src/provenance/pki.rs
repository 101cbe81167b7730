//! Our own certificate authority: root P-384 (10 years) → issuing P-384 (5 years) → Ed25519 leaf (366 days), shaped like the official
//! claim-signing profile so that a certificate bought later takes the leaf's place without other changes.
//!
//! It holds keys in memory and makes certificates; where the parts are kept is the caller's business ([`PkiParts`]). Time and chance are
//! handed in. The C2PA engine itself compares certificates with the machine's clock, so a leaf made for another time cannot sign.

use std::fmt;
use std::time::Duration;

use ed25519_dalek::SigningKey as LeafKey;
use p384::ecdsa::signature::Signer as _;
use p384::ecdsa::{DerSignature, SigningKey as CaKey, VerifyingKey as CaPublic};
use p384::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::builder::{Builder as _, CertificateBuilder, Profile};
use x509_cert::der::asn1::{
    Any, BitString, GeneralizedTime, ObjectIdentifier, OctetString, PrintableStringRef, SetOfVec, Utf8StringRef,
};
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::der::{Decode, DecodePem, Encode, EncodePem};
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::{Time, Validity};

use super::sign::Signer;
use super::timestamp::StamperParts;
use super::trust::TrustAnchors;
use crate::chance::Chance;
use crate::clock::Timestamp;

/// Days a root lives.
const ROOT_DAYS: i64 = 3652;
/// Days an issuing certificate lives.
const ISSUING_DAYS: i64 = 1826;
/// Days a leaf lives: the most that the C2PA Conformance Program 0.2 allows (`claimSigningLeaf.al1`).
pub const LEAF_DAYS: i64 = 366;
/// A leaf is renewed when fewer days than this are left.
pub const RENEWAL_DAYS: i64 = 30;
/// Certificates begin this long before they are made, for readers whose clocks run late. Milliseconds.
const SKEW: i64 = 3_600_000;
/// ISO 3166-1 user-assigned code that stands for no stated country. The profile demands a country; a service may have none.
const COUNTRY: &str = "ZZ";
/// `c2pa-kp-claimSigning`, C2PA specification, certificate profiles.
pub(super) const CLAIM_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.62558.2.1");
/// `id-kp-emailProtection`, RFC 5280 §4.2.1.12. Several readers accept a claim-signing leaf only beside it.
const EMAIL_PROTECTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4");
/// `id-kp-documentSigning`, RFC 9336: what a person's certificate is for (CAWG identity assertion 1.2, X.509).
pub(super) const DOCUMENT_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.36");
/// `id-kp-timeStamping`, RFC 3161 §2.3.
pub(super) const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
/// How the common name of a certificate for time stamps begins, and that of no other certificate: by it `verify` tells a stamp from one that
/// a signer has made with another key.
pub(super) const STAMPER_NAME: &str = "Time stamps of ";
/// What our leaf is for.
const CLAIM_USAGES: [ObjectIdentifier; 2] = [CLAIM_SIGNING, EMAIL_PROTECTION];
/// Attribute types of X.520: country, organisation, common name.
const C: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const O: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const CN: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// Characters an organisation or common name may have (RFC 5280 appendix A, `ub-common-name`).
const NAME_CHARS: usize = 64;

/// Why a certificate authority could not be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A certificate could not be written; the encoder's words.
    #[error("the certificate could not be made: {0}")]
    Certificate(String),
    /// A stored part is not what its name says.
    #[error("`{part}` cannot be read ({reason}): restore it from the backup")]
    Part {
        /// Which part.
        part: &'static str,
        /// The parser's words.
        reason: String,
    },
    /// Two stored parts do not belong together.
    #[error("`{left}` does not belong to `{right}`: restore both from the same backup")]
    Mismatch {
        /// One part.
        left: &'static str,
        /// The other part.
        right: &'static str,
    },
    /// The issuing certificate has ended, and the root key to make another is not here.
    #[error("the issuing certificate ended on {0}: put the root key back to make a new one")]
    IssuingEnded(String),
}

/// The authority as text: what the caller stores. Key texts are secret.
#[derive(Clone)]
pub struct PkiParts {
    /// Root certificate, PEM: public, what others trust.
    pub root_cert_pem: String,
    /// Issuing certificate, PEM: public.
    pub issuing_cert_pem: String,
    /// Issuing key, PKCS#8 PEM: secret.
    pub issuing_key_pem: String,
    /// Leaf certificate, PEM: public.
    pub leaf_cert_pem: String,
    /// Leaf key, PKCS#8 PEM: secret.
    pub leaf_key_pem: String,
    /// Root key, PKCS#8 PEM: secret; `None` where the operator keeps it elsewhere.
    pub root_key_pem: Option<String>,
}

/// A person's key and certificate as text: what the caller stores.
#[derive(Clone)]
pub struct PersonParts {
    /// Their certificate and the issuing one, PEM: public.
    pub chain_pem: String,
    /// Their key, PKCS#8 PEM: secret.
    pub key_pem: String,
    /// The certificate's last moment.
    pub ends_at: Timestamp,
}

impl fmt::Debug for PersonParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonParts").field("ends_at", &self.ends_at).finish_non_exhaustive()
    }
}

impl fmt::Debug for PkiParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PkiParts").field("root_key", &self.root_key_pem.is_some()).finish_non_exhaustive()
    }
}

/// The certificate authority of one site, with its keys.
pub struct Pki {
    root: Certificate,
    root_key: Option<CaKey>,
    issuing: Certificate,
    issuing_key: CaKey,
    leaf: Certificate,
    leaf_key: LeafKey,
}

impl fmt::Debug for Pki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pki").field("leaf_serial", &self.leaf_serial()).finish_non_exhaustive()
    }
}

/// What people compare when they are asked to trust a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootFacts {
    /// Its subject, one line.
    pub subject: String,
    /// Of its DER form.
    pub sha256: crate::digest::Sha256Hash,
    /// Its last moment.
    pub not_after: Timestamp,
}

impl Pki {
    /// A new authority for `site` (its public name, such as `colophon.example`), valid from `now`.
    pub fn create(site: &str, now: Timestamp, chance: &dyn Chance) -> Result<Self, PkiError> {
        let (root_key, issuing_key) = (ca_key(chance), ca_key(chance));
        let root_name = name(site, "Root of ")?;
        let root = make(
            Profile::Root,
            validity(now, now.plus_days(ROOT_DAYS))?,
            root_name,
            spki(root_key.verifying_key())?,
            &root_key,
            chance,
            &[],
        )?;
        let issuing = make_issuing(site, &root, &root_key, &issuing_key, now, chance)?;
        let until = now.plus_days(LEAF_DAYS);
        let (leaf, leaf_key) = make_leaf(name(site, "")?, &issuing, &issuing_key, (now, until), chance, &CLAIM_USAGES)?;
        Ok(Self { root, root_key: Some(root_key), issuing, issuing_key, leaf, leaf_key })
    }

    /// Reads a stored authority; every part must parse, and keys and certificates must belong together.
    pub fn from_parts(parts: &PkiParts) -> Result<Self, PkiError> {
        let pki = Self {
            root: certificate("root_cert_pem", &parts.root_cert_pem)?,
            root_key: parts.root_key_pem.as_deref().map(|pem| key("root_key_pem", pem)).transpose()?,
            issuing: certificate("issuing_cert_pem", &parts.issuing_cert_pem)?,
            issuing_key: key("issuing_key_pem", &parts.issuing_key_pem)?,
            leaf: certificate("leaf_cert_pem", &parts.leaf_cert_pem)?,
            leaf_key: key("leaf_key_pem", &parts.leaf_key_pem)?,
        };
        if let Some(root_key) = &pki.root_key {
            same_key(&pki.root, &spki(root_key.verifying_key())?, "root_key_pem", "root_cert_pem")?;
        }
        same_key(&pki.issuing, &spki(pki.issuing_key.verifying_key())?, "issuing_key_pem", "issuing_cert_pem")?;
        same_key(&pki.leaf, &spki(&pki.leaf_key.verifying_key())?, "leaf_key_pem", "leaf_cert_pem")?;
        signed_by(&pki.root, &pki.root, "root_cert_pem", "root_cert_pem")?;
        signed_by(&pki.issuing, &pki.root, "issuing_cert_pem", "root_cert_pem")?;
        signed_by(&pki.leaf, &pki.issuing, "leaf_cert_pem", "issuing_cert_pem")?;
        Ok(pki)
    }

    /// The parts to store: three certificates, which are public, and their keys, which are secret.
    pub fn to_parts(&self) -> Result<PkiParts, PkiError> {
        Ok(PkiParts {
            root_cert_pem: pem(&self.root)?,
            issuing_cert_pem: pem(&self.issuing)?,
            issuing_key_pem: key_pem(&self.issuing_key)?,
            leaf_cert_pem: pem(&self.leaf)?,
            leaf_key_pem: key_pem(&self.leaf_key)?,
            root_key_pem: self.root_key.as_ref().map(key_pem).transpose()?,
        })
    }

    /// A new leaf key and certificate. When the issuing certificate would end before the new leaf, it is made anew under the root first;
    /// without the root key the leaf ends with it.
    pub fn renew_leaf(&mut self, now: Timestamp, chance: &dyn Chance) -> Result<(), PkiError> {
        let subject = self.leaf.tbs_certificate.subject.clone();
        let wanted = now.plus_days(LEAF_DAYS);
        if end(&self.issuing) < wanted
            && let Some(root_key) = &self.root_key
        {
            let site = organisation(&subject);
            let issuing_key = ca_key(chance);
            self.issuing = make_issuing(&site, &self.root, root_key, &issuing_key, now, chance)?;
            self.issuing_key = issuing_key;
        }
        let until = wanted.min(end(&self.issuing));
        if until <= now {
            return Err(PkiError::IssuingEnded(end(&self.issuing).day()));
        }
        (self.leaf, self.leaf_key) = make_leaf(subject, &self.issuing, &self.issuing_key, (now, until), chance, &CLAIM_USAGES)?;
        Ok(())
    }

    /// A key and certificate for a person of this site, by public name, until the issuing certificate ends.
    pub fn identity(&self, person: &str, now: Timestamp, chance: &dyn Chance) -> Result<PersonParts, PkiError> {
        if person.starts_with(STAMPER_NAME) {
            return Err(PkiError::Certificate(format!("a name that begins with `{STAMPER_NAME}` is that of time stamps")));
        }
        let until = end(&self.issuing);
        if until <= now {
            return Err(PkiError::IssuingEnded(until.day()));
        }
        let subject = names(&organisation(&self.leaf.tbs_certificate.subject), person)?;
        let usages = [DOCUMENT_SIGNING, EMAIL_PROTECTION];
        let (certificate, key) = make_leaf(subject, &self.issuing, &self.issuing_key, (now, until), chance, &usages)?;
        Ok(PersonParts {
            chain_pem: pem(&certificate)? + &pem(&self.issuing)?,
            key_pem: key_pem(&key)?,
            ends_at: end(&certificate),
        })
    }

    /// A key and certificate for time stamps of this site, until `until` or the end of the issuing certificate.
    pub fn stamper(&self, now: Timestamp, until: Timestamp, chance: &dyn Chance) -> Result<StamperParts, PkiError> {
        let until = until.min(end(&self.issuing));
        if until <= now {
            return Err(PkiError::IssuingEnded(until.day()));
        }
        let key = ca_key(chance);
        let subject = name(&organisation(&self.leaf.tbs_certificate.subject), STAMPER_NAME)?;
        let certificate = make_stamping(subject, &self.issuing, &self.issuing_key, &key, (now, until), chance)?;
        Ok(StamperParts {
            chain_pem: pem(&certificate)? + &pem(&self.issuing)?,
            key_pem: key_pem(&key)?,
            ends_at: end(&certificate),
        })
    }

    /// Whether the leaf ends within [`RENEWAL_DAYS`], or has ended.
    pub fn needs_renewal(&self, now: Timestamp) -> bool {
        now.plus_days(RENEWAL_DAYS) >= self.leaf_not_after()
    }

    /// The last moment of the leaf.
    pub fn leaf_not_after(&self) -> Timestamp {
        end(&self.leaf)
    }

    /// The last moment of the certificate that issues leaves and people's certificates.
    pub fn issuing_not_after(&self) -> Timestamp {
        end(&self.issuing)
    }

    /// The leaf's serial number: upper-case hex pairs joined by colons.
    pub fn leaf_serial(&self) -> String {
        self.leaf.tbs_certificate.serial_number.to_string()
    }

    /// The root certificate as PEM: what other people's tools are given to trust.
    pub fn root_pem(&self) -> Result<String, PkiError> {
        pem(&self.root)
    }

    /// The root's name, hash and last day.
    pub fn root_facts(&self) -> Result<RootFacts, PkiError> {
        let der = self.root.to_der().map_err(unmade)?;
        let subject = self.root.tbs_certificate.subject.to_string();
        Ok(RootFacts { subject, sha256: crate::digest::sha256_of(&der), not_after: end(&self.root) })
    }

    /// What signs images: leaf key, chain (leaf, issuing) and the root they are checked against.
    pub fn signer(&self) -> Result<Signer, PkiError> {
        let chain = [&self.leaf, &self.issuing].map(|c| c.to_der().map_err(unmade));
        let [leaf, issuing] = chain;
        Ok(Signer::new(
            self.leaf_key.clone(),
            vec![leaf?, issuing?],
            self.leaf_not_after(),
            TrustAnchors::new(&self.root_pem()?, &[])?,
        ))
    }

    /// An authority whose leaf ends at `until`, for tests of what happens afterwards.
    #[cfg(test)]
    pub(super) fn create_until(site: &str, now: Timestamp, until: Timestamp, chance: &dyn Chance) -> Result<Self, PkiError> {
        let mut pki = Self::create(site, now, chance)?;
        (pki.leaf, pki.leaf_key) =
            make_leaf(name(site, "")?, &pki.issuing, &pki.issuing_key, (now, until), chance, &CLAIM_USAGES)?;
        Ok(pki)
    }
}

/// A P-384 key from chance: 48 bytes that are a valid scalar, tried until they are (all but one in 2¹⁹⁰ are).
fn ca_key(chance: &dyn Chance) -> CaKey {
    loop {
        if let Ok(key) = CaKey::from_slice(&chance.bytes::<48>()) {
            return key;
        }
    }
}

/// Positive, 16 bytes, 126 random bits (RFC 5280 §4.1.2.2).
fn serial(chance: &dyn Chance) -> Result<SerialNumber, PkiError> {
    let mut bytes = chance.bytes::<16>();
    bytes[0] = bytes[0] & 0x3f | 0x40;
    SerialNumber::new(&bytes).map_err(unmade)
}

fn make_issuing(
    site: &str,
    root: &Certificate,
    root_key: &CaKey,
    issuing_key: &CaKey,
    now: Timestamp,
    chance: &dyn Chance,
) -> Result<Certificate, PkiError> {
    make(
        Profile::SubCA { issuer: root.tbs_certificate.subject.clone(), path_len_constraint: Some(0) },
        validity(now, now.plus_days(ISSUING_DAYS).min(end(root)))?,
        name(site, "Issuing of ")?,
        spki(issuing_key.verifying_key())?,
        root_key,
        chance,
        &[],
    )
}

fn make_leaf(
    subject: Name,
    issuing: &Certificate,
    issuing_key: &CaKey,
    (now, until): (Timestamp, Timestamp),
    chance: &dyn Chance,
    usages: &[ObjectIdentifier],
) -> Result<(Certificate, LeafKey), PkiError> {
    let leaf_key = LeafKey::from_bytes(&chance.bytes::<32>());
    let profile = Profile::Leaf {
        issuer: issuing.tbs_certificate.subject.clone(),
        enable_key_agreement: false,
        enable_key_encipherment: false,
    };
    let span = validity(now, until)?;
    let public = spki(&leaf_key.verifying_key())?;
    let leaf = make(profile, span, subject, public, issuing_key, chance, usages)?;
    Ok((leaf, leaf_key))
}

/// A certificate that does nothing but stamp times: its one extended key usage is `id-kp-timeStamping` and critical (RFC 3161 §2.3), its
/// key usage is `digitalSignature` alone. The builder writes neither, so both are set in what it made, which is then signed again.
fn make_stamping(
    subject: Name,
    issuing: &Certificate,
    issuing_key: &CaKey,
    key: &CaKey,
    (now, until): (Timestamp, Timestamp),
    chance: &dyn Chance,
) -> Result<Certificate, PkiError> {
    let profile = Profile::Leaf {
        issuer: issuing.tbs_certificate.subject.clone(),
        enable_key_agreement: false,
        enable_key_encipherment: false,
    };
    let public = spki(key.verifying_key())?;
    let mut certificate = make(profile, validity(now, until)?, subject, public, issuing_key, chance, &[TIME_STAMPING])?;
    for extension in certificate.tbs_certificate.extensions.iter_mut().flatten() {
        if extension.extn_id == ExtendedKeyUsage::OID {
            extension.critical = true;
        } else if extension.extn_id == KeyUsage::OID {
            let alone = KeyUsage(KeyUsages::DigitalSignature.into());
            extension.extn_value = OctetString::new(alone.to_der().map_err(unmade)?).map_err(unmade)?;
        }
    }
    let signature: DerSignature = issuing_key.try_sign(&certificate.tbs_certificate.to_der().map_err(unmade)?).map_err(unmade)?;
    certificate.signature = BitString::from_bytes(signature.as_bytes()).map_err(unmade)?;
    Ok(certificate)
}

fn make(
    profile: Profile,
    span: Validity,
    subject: Name,
    public: SubjectPublicKeyInfoOwned,
    signer: &CaKey,
    chance: &dyn Chance,
    usages: &[ObjectIdentifier],
) -> Result<Certificate, PkiError> {
    let mut builder = CertificateBuilder::new(profile, serial(chance)?, span, subject, public, signer).map_err(unmade)?;
    if !usages.is_empty() {
        builder.add_extension(&ExtendedKeyUsage(usages.to_vec())).map_err(unmade)?;
    }
    builder.build::<DerSignature>().map_err(unmade)
}

/// From an hour before `now` to `until`; the whole span is at most `until - now`, so that a leaf of 366 days is no longer than that.
fn validity(now: Timestamp, until: Timestamp) -> Result<Validity, PkiError> {
    let at = |t: Timestamp| {
        let seconds = Duration::from_secs(t.seconds().max(0).unsigned_abs());
        GeneralizedTime::from_unix_duration(seconds).map(Time::from).map_err(unmade)
    };
    let long = until.millis() - now.millis() > SKEW;
    let last = if long { until.plus_millis(-SKEW - 1000) } else { until };
    Ok(Validity { not_before: at(now.plus_millis(-SKEW))?, not_after: at(last)? })
}

/// C, O, CN from text of any kind: control characters are left out and what is too long is cut.
fn name(site: &str, prefix: &str) -> Result<Name, PkiError> {
    names(site, &format!("{prefix}{}", clean(site)))
}

fn clean(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect();
    if text.trim().is_empty() { "Colophon".to_owned() } else { text }
}

/// C, O and CN.
fn names(organisation: &str, common: &str) -> Result<Name, PkiError> {
    let (organisation, common) = (clean(organisation), clean(common));
    let country = Any::from(PrintableStringRef::new(COUNTRY).map_err(unmade)?);
    let text = |t: &str| Utf8StringRef::new(t).map(Any::from).map_err(unmade);
    let parts = [(C, country), (O, text(&organisation)?), (CN, text(&common)?)];
    let mut names = Vec::with_capacity(parts.len());
    for (oid, value) in parts {
        let set = SetOfVec::try_from(vec![AttributeTypeAndValue { oid, value }]).map_err(unmade)?;
        names.push(RelativeDistinguishedName(set));
    }
    Ok(RdnSequence(names))
}

/// The organisation in a name we made.
pub(super) fn organisation(name: &Name) -> String {
    part(name, O)
}

/// The common name in one.
pub(super) fn common_name(name: &Name) -> String {
    part(name, CN)
}

fn part(name: &Name, oid: ObjectIdentifier) -> String {
    let found = name.0.iter().flat_map(|rdn| rdn.0.iter()).find(|part| part.oid == oid);
    found.and_then(|part| part.value.decode_as::<Utf8StringRef<'_>>().ok()).map(|t| t.as_str().to_owned()).unwrap_or_default()
}

/// When a certificate ends.
pub(super) fn end(certificate: &Certificate) -> Timestamp {
    let since = certificate.tbs_certificate.validity.not_after.to_unix_duration();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn spki(public: &impl EncodePublicKey) -> Result<SubjectPublicKeyInfoOwned, PkiError> {
    let der = public.to_public_key_der().map_err(unmade)?;
    SubjectPublicKeyInfoOwned::from_der(der.as_bytes()).map_err(unmade)
}

fn same_key(
    certificate: &Certificate,
    public: &SubjectPublicKeyInfoOwned,
    left: &'static str,
    right: &'static str,
) -> Result<(), PkiError> {
    if certificate.tbs_certificate.subject_public_key_info == *public { Ok(()) } else { Err(PkiError::Mismatch { left, right }) }
}

pub(super) fn signed_by(
    child: &Certificate,
    parent: &Certificate,
    left: &'static str,
    right: &'static str,
) -> Result<(), PkiError> {
    use p384::ecdsa::signature::Verifier as _;
    let check = || {
        let info = parent.tbs_certificate.subject_public_key_info.to_der().ok()?;
        let public = <CaPublic as p384::pkcs8::DecodePublicKey>::from_public_key_der(&info).ok()?;
        let signature = DerSignature::from_bytes(child.signature.as_bytes()?).ok()?;
        public.verify(&child.tbs_certificate.to_der().ok()?, &signature).ok()
    };
    check().ok_or(PkiError::Mismatch { left, right })
}

fn certificate(part: &'static str, pem: &str) -> Result<Certificate, PkiError> {
    Certificate::from_pem(pem).map_err(|e| PkiError::Part { part, reason: e.to_string() })
}

pub(super) fn key<K: DecodePrivateKey>(part: &'static str, pem: &str) -> Result<K, PkiError> {
    K::from_pkcs8_pem(pem).map_err(|e| PkiError::Part { part, reason: e.to_string() })
}

fn pem(certificate: &Certificate) -> Result<String, PkiError> {
    certificate.to_pem(LineEnding::LF).map_err(unmade)
}

fn key_pem(key: &impl EncodePrivateKey) -> Result<String, PkiError> {
    key.to_pkcs8_pem(LineEnding::LF).map(|text| text.to_string()).map_err(unmade)
}

fn unmade(error: impl fmt::Display) -> PkiError {
    PkiError::Certificate(error.to_string())
}
