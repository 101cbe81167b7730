//! Our own time-stamping authority (RFC 3161, with RFC 5816): a request in, an answer out, both DER. It signs with ECDSA on P-384 and
//! SHA-384, because `openssl ts` checks no Ed25519 token.
//!
//! It holds one key in memory and neither listens nor reads a clock; time and chance are handed in. The requests and answers are written
//! out here rather than taken from `x509-tsp` 0.1: its times have no fractions of seconds, and the failure codes it relies on (`cmpv2`
//! 0.2) are numbers where the standard has bits.

mod messages;

use std::fmt;

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos};
use der::asn1::{BitString, Int, ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Decode, Encode, Tag, Tagged as _};
use p384::ecdsa::signature::{Signer as _, Verifier as _};
use p384::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p384::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use sha2::{Digest as _, Sha256, Sha384};
use x509_cert::Certificate;
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::ExtendedKeyUsage;
use x509_cert::spki::AlgorithmIdentifierOwned;

use messages::{Accuracy, MessageImprint, PkiStatusInfo, SigningCertificateV2, TimeStampReq, TimeStampResp, TstInfo};

use super::pki::{self, PkiError, TIME_STAMPING};
use crate::chance::Chance;
use crate::clock::Timestamp;

/// Bytes a request may have. Requests in use have about a hundred.
pub const REQUEST_BYTES: usize = 64 << 10;
/// Seconds by which a stamped time may differ from UTC: a host that follows NTP keeps it.
const ACCURACY: u8 = 1;
/// Bytes of an answer beside its certificates and its issuer's name; some 530 are used.
const FIXED: usize = 1024;
/// The answer when not even an answer can be written: rejection (2) for `systemFailure` (bit 25).
const FAILURE: [u8; 14] = [0x30, 0x0c, 0x30, 0x0a, 2, 1, 2, 3, 5, 6, 0, 0, 0, 0x40];

/// `id-sha256`, `id-sha384` and `id-sha512` (RFC 5754 §2) with the bytes of their digests.
const HASHES: [(ObjectIdentifier, usize); 3] = [(SHA_256, 32), (SHA_384, 48), (SHA_512, 64)];
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
/// `ecdsa-with-SHA384`, RFC 5758 §3.2.
const ECDSA_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
/// `id-signedData`, RFC 5652 §5.1.
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// `id-ct-TSTInfo`, RFC 3161 §2.4.2.
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// `id-contentType` and `id-messageDigest`, RFC 5652 §11.1 and §11.2.
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// `id-aa-signingCertificateV2`, RFC 5035 §3.
const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

/// Why an authority could not be made, or a token not be read or believed.
#[derive(Debug, thiserror::Error)]
pub enum StampError {
    /// The certificate or its key is not one for time stamps.
    #[error("the time-stamping certificate cannot be used ({0}): make a new one")]
    Certificate(String),
    /// A stored part cannot be read.
    #[error(transparent)]
    Part(#[from] PkiError),
    /// No stamp can be given.
    #[error("no time stamp was given: {0}")]
    Refused(#[from] Refusal),
    /// The bytes hold no token.
    #[error("this is no time stamp that can be read ({0}): ask for a new one")]
    Token(String),
    /// The token can be read and is not to be believed.
    #[error("the time stamp does not hold: {0}")]
    Unsound(&'static str),
}

/// Why a request is not granted: `PKIFailureInfo`, RFC 3161 §2.4.2. The numbers are those of its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum Refusal {
    /// `badAlg`.
    #[error("the hash must be SHA-256, SHA-384 or SHA-512")]
    Algorithm = 0,
    /// `badRequest`.
    #[error("only requests of version 1 with at most 65536 bytes are answered")]
    Request = 2,
    /// `badDataFormat`.
    #[error("this is no time-stamp request, or its hash has the wrong length")]
    Format = 5,
    /// `unacceptedPolicy`.
    #[error("this authority does not stamp under the policy asked for: ask for none")]
    Policy = 15,
    /// `unacceptedExtension`.
    #[error("this authority knows no request extensions: ask for none")]
    Extension = 16,
    /// `systemFailure`.
    #[error("this authority cannot stamp at this time: its certificate must be renewed")]
    System = 25,
}

/// A time-stamping key and its certificates as text: what the caller stores.
#[derive(Clone)]
pub struct StamperParts {
    /// The stamping certificate and the issuing one, PEM: public.
    pub chain_pem: String,
    /// The key, PKCS#8 PEM: secret.
    pub key_pem: String,
    /// The certificate's last moment.
    pub ends_at: Timestamp,
}

impl fmt::Debug for StamperParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StamperParts").field("ends_at", &self.ends_at).finish_non_exhaustive()
    }
}

/// Gives time stamps.
#[derive(Clone)]
pub struct Authority {
    key: SigningKey,
    own: Certificate,
    certificates: CertificateSet,
    answer_len: usize,
    signing_certificate: Any,
    policy: ObjectIdentifier,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("ends_at", &self.ends_at()).finish_non_exhaustive()
    }
}

impl Authority {
    /// From a key, its certificate and those above it (DER, the root not among them), and the policy it stamps under.
    pub fn new(key: SigningKey, chain: &[Vec<u8>], policy: ObjectIdentifier) -> Result<Self, StampError> {
        let unusable = |reason: &str| StampError::Certificate(reason.to_owned());
        let (own_der, _) = chain.split_first().ok_or_else(|| unusable("there is none"))?;
        let parsed = chain.iter().map(|der| Certificate::from_der(der).map_err(|e| StampError::Certificate(e.to_string())));
        let parsed: Vec<Certificate> = parsed.collect::<Result<_, _>>()?;
        let own = parsed[0].clone();
        let public = key.verifying_key().to_public_key_der().map_err(|e| StampError::Certificate(e.to_string()))?;
        if own.tbs_certificate.subject_public_key_info.to_der().ok().as_deref() != Some(public.as_bytes()) {
            return Err(unusable("it is another key's"));
        }
        if !stamps_only(&own) {
            return Err(unusable("it is not for time stamps alone"));
        }
        for pair in parsed.windows(2) {
            pki::signed_by(&pair[0], &pair[1], "time-stamping certificate", "the one above it")?;
        }
        let made = |e: der::Error| StampError::Certificate(e.to_string());
        // The issuer's name stands in the signer's and in the signed certificate's identifier.
        let issuer_len = own.tbs_certificate.issuer.to_der().map_err(made)?.len();
        let signing_certificate = Any::encode_from(&SigningCertificateV2::of(own_der, &own).map_err(made)?).map_err(made)?;
        let choices: Vec<_> = parsed.into_iter().map(CertificateChoices::Certificate).collect();
        Ok(Self {
            key,
            own,
            certificates: CertificateSet(SetOfVec::try_from(choices).map_err(made)?),
            answer_len: FIXED + chain.iter().map(Vec::len).sum::<usize>() + 2 * issuer_len,
            signing_certificate,
            policy,
        })
    }

    /// Reads a stored authority.
    pub fn from_parts(parts: &StamperParts, policy: ObjectIdentifier) -> Result<Self, StampError> {
        let unreadable = |e: der::Error| StampError::Certificate(e.to_string());
        let chain = Certificate::load_pem_chain(parts.chain_pem.as_bytes()).map_err(unreadable)?;
        let chain: Vec<Vec<u8>> = chain.iter().map(Encode::to_der).collect::<Result<_, _>>().map_err(unreadable)?;
        Self::new(pki::key("key_pem", &parts.key_pem)?, &chain, policy)
    }

    /// The last moment at which it stamps.
    pub fn ends_at(&self) -> Timestamp {
        pki::end(&self.own)
    }

    /// Bytes that an answer over a SHA-256 hash has at most: what a signature with a time stamp must set aside for it.
    pub const fn answer_len(&self) -> usize {
        self.answer_len
    }

    /// The answer to a request (`TimeStampResp`): a token, or why there is none. `chance` gives the token's serial number.
    pub fn answer(&self, request: &[u8], now: Timestamp, chance: &dyn Chance) -> Vec<u8> {
        let granted = self.read(request).and_then(|request| self.grant(request, now, chance));
        granted.unwrap_or_else(refusal)
    }

    /// A granted answer over a SHA-256 hash, with certificates: what [`Self::answer`] gives for the plainest request.
    pub fn stamp(&self, sha256: [u8; 32], now: Timestamp, chance: &dyn Chance) -> Result<Vec<u8>, StampError> {
        let hashed_message = OctetString::new(sha256).map_err(|_| Refusal::System)?;
        let hash_algorithm = AlgorithmIdentifierOwned { oid: SHA_256, parameters: None };
        let message_imprint = MessageImprint { hash_algorithm, hashed_message };
        Ok(self.grant(Wish { message_imprint, nonce: None, certificates: true }, now, chance)?)
    }

    /// A request that may be granted. RFC 3161 §2.4.1.
    fn read(&self, request: &[u8]) -> Result<Wish, Refusal> {
        if request.len() > REQUEST_BYTES {
            return Err(Refusal::Request);
        }
        let request = TimeStampReq::from_der(request).map_err(|_| Refusal::Format)?;
        if request.version.as_bytes() != [1] {
            return Err(Refusal::Request);
        }
        let hash = &request.message_imprint.hash_algorithm;
        let (_, length) = HASHES.iter().find(|(oid, _)| *oid == hash.oid).ok_or(Refusal::Algorithm)?;
        if !hash.parameters.as_ref().is_none_or(Any::is_null) {
            return Err(Refusal::Algorithm);
        }
        if request.message_imprint.hashed_message.as_bytes().len() != *length {
            return Err(Refusal::Format);
        }
        if request.req_policy.is_some_and(|policy| policy != self.policy) {
            return Err(Refusal::Policy);
        }
        if request.extensions.is_some() {
            return Err(Refusal::Extension);
        }
        Ok(Wish { message_imprint: request.message_imprint, nonce: request.nonce, certificates: request.cert_req })
    }

    fn grant(&self, wish: Wish, now: Timestamp, chance: &dyn Chance) -> Result<Vec<u8>, Refusal> {
        if !holds_at(&self.own, now) {
            return Err(Refusal::System);
        }
        let certificates = wish.certificates;
        let token = self.info(wish, now, chance).and_then(|info| self.token(&info.to_der()?, certificates));
        let answer = token.and_then(|token| {
            TimeStampResp { status: PkiStatusInfo { status: 0, text: None, failure: None }, token: Some(token) }.to_der()
        });
        answer.map_err(|_| Refusal::System)
    }

    /// What is signed: that this hash existed at this time.
    fn info(&self, wish: Wish, now: Timestamp, chance: &dyn Chance) -> der::Result<TstInfo> {
        let mut serial = chance.bytes::<16>();
        // Positive and always 16 bytes long; 126 random bits need no register of those given.
        serial[0] = serial[0] & 0x3f | 0x40;
        Ok(TstInfo {
            version: 1,
            policy: self.policy,
            message_imprint: wish.message_imprint,
            serial_number: Int::new(&serial)?,
            gen_time: Any::new(Tag::GeneralizedTime, generalized(now).into_bytes())?,
            accuracy: Some(Accuracy { seconds: Some(ACCURACY.into()), millis: None, micros: None }),
            ordering: false,
            nonce: wish.nonce,
            tsa: None,
            extensions: None,
        })
    }

    /// CMS around it. There is no signing-time attribute: the time is in what is signed, and readers would take the attribute's instead.
    fn token(&self, info: &[u8], certificates: bool) -> der::Result<ContentInfo> {
        let attribute = |oid, value| Ok::<_, der::Error>(Attribute { oid, values: SetOfVec::try_from(vec![value])? });
        let signed_attrs = SetOfVec::try_from(vec![
            attribute(CONTENT_TYPE, Any::from(TST_INFO))?,
            attribute(MESSAGE_DIGEST, Any::new(Tag::OctetString, Sha384::digest(info).to_vec())?)?,
            attribute(SIGNING_CERTIFICATE, self.signing_certificate.clone())?,
        ])?;
        let signature: DerSignature = self.key.try_sign(&signed_attrs.to_der()?).map_err(|_| Tag::OctetString.value_error())?;
        let digest_alg = AlgorithmIdentifierOwned { oid: SHA_384, parameters: None };
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(issuer_and_serial(&self.own)),
            digest_alg: digest_alg.clone(),
            signed_attrs: Some(signed_attrs),
            signature_algorithm: AlgorithmIdentifierOwned { oid: ECDSA_SHA_384, parameters: None },
            signature: OctetString::new(signature.as_bytes())?,
            unsigned_attrs: None,
        };
        let econtent = Some(Any::new(Tag::OctetString, info)?);
        let signed = SignedData {
            version: CmsVersion::V3,
            digest_algorithms: SetOfVec::try_from(vec![digest_alg])?,
            encap_content_info: EncapsulatedContentInfo { econtent_type: TST_INFO, econtent },
            certificates: certificates.then(|| self.certificates.clone()),
            crls: None,
            signer_infos: SignerInfos(SetOfVec::try_from(vec![signer])?),
        };
        Ok(ContentInfo { content_type: SIGNED_DATA, content: Any::encode_from(&signed)? })
    }
}

/// What of a request is left to grant.
struct Wish {
    message_imprint: MessageImprint,
    nonce: Option<Int>,
    certificates: bool,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// When the hash existed.
    pub at: Timestamp,
    /// Policy it was stamped under, dotted.
    pub policy: String,
    /// Its serial number, lower-case hex.
    pub serial: String,
    /// `sha256`, `sha384`, `sha512`, or the dotted name of another hash.
    pub hash: String,
    /// The hash that was stamped.
    pub imprint: Vec<u8>,
}

/// What a token says, or a granted answer; nothing in it is checked.
pub fn read_token(der: &[u8]) -> Result<TokenFacts, StampError> {
    Token::read(der)?.facts()
}

/// What a token of our own kind (P-384, with its certificates) says about `sha256`, checked: its signature, its certificates up to `root`
/// as they held when it was given, and that it is about this hash. RFC 3161 §2.4.2, RFC 5816 §2.2.
pub fn check_token(der: &[u8], sha256: [u8; 32], root: &Certificate) -> Result<TokenFacts, StampError> {
    let token = Token::read(der)?;
    let facts = token.facts()?;
    if facts.hash != "sha256" || facts.imprint != sha256 {
        return Err(StampError::Unsound("it is about something else"));
    }
    let own = token.signed_by(facts.at, root).ok_or(StampError::Unsound("it was not given under this root"))?;
    if !stamps_only(own) {
        return Err(StampError::Unsound("its certificate is not for time stamps alone"));
    }
    token.check_signature(own).ok_or(StampError::Unsound("its signature is not right"))?;
    Ok(facts)
}

/// A token taken apart.
struct Token {
    signed: SignedData,
    info_der: Vec<u8>,
    info: TstInfo,
}

impl Token {
    fn read(der: &[u8]) -> Result<Self, StampError> {
        let unreadable = |e: der::Error| StampError::Token(e.to_string());
        let none = |reason: &str| StampError::Token(reason.to_owned());
        let content = match TimeStampResp::from_der(der) {
            Ok(answer) if answer.status.status > 1 => {
                return Err(none(
                    &answer.status.text.map_or_else(|| "the request was refused".to_owned(), |text| text.join(" ")),
                ));
            }
            Ok(answer) => answer.token.ok_or_else(|| none("the answer holds none"))?,
            Err(_) => ContentInfo::from_der(der).map_err(unreadable)?,
        };
        if content.content_type != SIGNED_DATA {
            return Err(none("it is not signed"));
        }
        let signed: SignedData = content.content.decode_as().map_err(unreadable)?;
        let inner = &signed.encap_content_info;
        let octets =
            inner.econtent.as_ref().filter(|_| inner.econtent_type == TST_INFO).ok_or_else(|| none("it signs no time"))?;
        let info_der = octets.decode_as::<OctetString>().map_err(unreadable)?.into_bytes();
        let info = TstInfo::from_der(&info_der).map_err(unreadable)?;
        Ok(Self { signed, info_der, info })
    }

    fn facts(&self) -> Result<TokenFacts, StampError> {
        let imprint = &self.info.message_imprint;
        let hash = match imprint.hash_algorithm.oid {
            SHA_256 => "sha256".to_owned(),
            SHA_384 => "sha384".to_owned(),
            SHA_512 => "sha512".to_owned(),
            other => other.to_string(),
        };
        Ok(TokenFacts {
            at: moment(&self.info.gen_time).ok_or_else(|| StampError::Token("its time is none".to_owned()))?,
            policy: self.info.policy.to_string(),
            serial: hex::encode(self.info.serial_number.as_bytes()),
            hash,
            imprint: imprint.hashed_message.as_bytes().to_vec(),
        })
    }

    fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.signed.certificates.iter().flat_map(|set| set.0.iter()).filter_map(|choice| match choice {
            CertificateChoices::Certificate(certificate) => Some(certificate),
            CertificateChoices::Other(_) => None,
        })
    }

    /// The signer's certificate, if it leads to `root` by certificates in the token that all held at `at`.
    fn signed_by(&self, at: Timestamp, root: &Certificate) -> Option<&Certificate> {
        let [signer] = self.signed.signer_infos.0.as_slice() else { return None };
        let named = |c: &&Certificate| signer.sid == SignerIdentifier::IssuerAndSerialNumber(issuer_and_serial(c));
        let own = self.certificates().find(named)?;
        let mut last = own;
        // No chain is longer than the certificates there are.
        for _ in self.certificates() {
            if !holds_at(last, at) {
                return None;
            }
            if pki::signed_by(last, root, "", "").is_ok() {
                return holds_at(root, at).then_some(own);
            }
            last = self.certificates().find(|c| issues(c) && pki::signed_by(last, c, "", "").is_ok())?;
        }
        None
    }

    /// The one signature, over attributes that name this content and this certificate.
    fn check_signature(&self, own: &Certificate) -> Option<()> {
        let [signer] = self.signed.signer_infos.0.as_slice() else { return None };
        let attributes = signer.signed_attrs.as_ref()?;
        let single = |oid| {
            let mut found = attributes.iter().filter(|a| a.oid == oid);
            let attribute = found.next().filter(|a| a.values.len() == 1)?;
            found.next().is_none().then(|| attribute.values.get(0)).flatten()
        };
        let named: SigningCertificateV2 = single(SIGNING_CERTIFICATE)?.decode_as().ok()?;
        let named = named.certs.first()?;
        let sound = single(CONTENT_TYPE)?.decode_as::<ObjectIdentifier>().ok()? == TST_INFO
            && single(MESSAGE_DIGEST)?.decode_as::<OctetString>().ok()?.as_bytes() == &Sha384::digest(&self.info_der)[..]
            && named.hash_algorithm.as_ref().is_none_or(|hash| hash.oid == SHA_256)
            && named.cert_hash.as_bytes() == &Sha256::digest(own.to_der().ok()?)[..]
            && signer.digest_alg.oid == SHA_384
            && signer.signature_algorithm.oid == ECDSA_SHA_384;
        let public = own.tbs_certificate.subject_public_key_info.to_der().ok()?;
        let public = VerifyingKey::from_public_key_der(&public).ok()?;
        let signature = DerSignature::from_bytes(signer.signature.as_bytes()).ok()?;
        public.verify(&attributes.to_der().ok()?, &signature).ok().filter(|()| sound)
    }
}

/// An answer without a token.
fn refusal(reason: Refusal) -> Vec<u8> {
    let bit = usize::from(reason as u8);
    // Named bits end with the last that is set (X.690 §11.2.2).
    let mut bytes = vec![0; bit / 8 + 1];
    bytes[bit / 8] = 0x80 >> (bit % 8);
    let failure = u8::try_from(7 - bit % 8).ok().and_then(|unused| BitString::new(unused, bytes).ok());
    let status = PkiStatusInfo { status: 2, text: Some(vec![reason.to_string()]), failure };
    TimeStampResp { status, token: None }.to_der().unwrap_or_else(|_| FAILURE.to_vec())
}

/// `YYYYMMDDhhmmss[.s…]Z` without zeros at the end of the fraction. RFC 3161 §2.4.2, `genTime`.
fn generalized(at: Timestamp) -> String {
    let t = at.to_utc();
    let whole =
        format!("{:04}{:02}{:02}{:02}{:02}{:02}", t.year(), u8::from(t.month()), t.day(), t.hour(), t.minute(), t.second());
    match t.millisecond() {
        0 => format!("{whole}Z"),
        millis => format!("{whole}.{}Z", format!("{millis:03}").trim_end_matches('0')),
    }
}

/// The moment in it, to the millisecond.
fn moment(time: &Any) -> Option<Timestamp> {
    let text = std::str::from_utf8(time.value()).ok().filter(|t| time.tag() == Tag::GeneralizedTime && t.is_ascii())?;
    let (whole, fraction) = text.strip_suffix('Z')?.split_at_checked(14)?;
    let fraction = match fraction.strip_prefix('.') {
        None if fraction.is_empty() => "",
        Some(digits) if !digits.is_empty() && !digits.ends_with('0') => digits,
        _ => return None,
    };
    if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| &whole[range];
    let millis = format!("{fraction:0<3}");
    Timestamp::parse(&format!(
        "{}-{}-{}T{}:{}:{}.{}Z",
        part(0..4),
        part(4..6),
        part(6..8),
        part(8..10),
        part(10..12),
        part(12..14),
        millis.get(..3)?
    ))
}

/// Whether it is for time stamps and nothing else, and says so critically. RFC 3161 §2.3.
fn stamps_only(certificate: &Certificate) -> bool {
    let usages = certificate.tbs_certificate.get::<ExtendedKeyUsage>().ok().flatten();
    usages.is_some_and(|(critical, usages)| critical && usages.0 == [TIME_STAMPING])
}

/// Whether it may issue others.
fn issues(certificate: &Certificate) -> bool {
    let basic = certificate.tbs_certificate.get::<x509_cert::ext::pkix::BasicConstraints>().ok().flatten();
    basic.is_some_and(|(_, basic)| basic.ca)
}

fn holds_at(certificate: &Certificate, at: Timestamp) -> bool {
    let begun = certificate.tbs_certificate.validity.not_before.to_unix_duration().as_millis();
    i64::try_from(begun).is_ok_and(|begun| begun <= at.millis()) && at <= pki::end(certificate)
}

fn issuer_and_serial(certificate: &Certificate) -> IssuerAndSerialNumber {
    let tbs = &certificate.tbs_certificate;
    IssuerAndSerialNumber { issuer: tbs.issuer.clone(), serial_number: tbs.serial_number.clone() }
}

#[cfg(test)]
#[path = "timestamp_tests.rs"]
mod tests;
