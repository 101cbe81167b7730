//! Who signs the statements of a request: the registry on everyone's behalf, or an account with a key of its own.
//!
//! A key of one's own stays where it is, in a browser or a file. So a request goes twice. First as a draft: everything is done as it would
//! be and nothing is made lasting; what comes back are the statements to sign, and a token that fixes the moment and the chance of the
//! draft. Then with the signatures and the token: the same moment and the same chance give the same statements, and where anything changed
//! between the two, the signatures fit no more and the request is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Error, Instance, Result};
use crate::accounts::Actor;
use crate::chance::SeededChance;
use crate::clock::{FixedClock, Timestamp};
use crate::digest::sha256_of;
use crate::ledger::keyring::{BY_THE_SERVICE, KEY};
use crate::ledger::statement::{EnvelopeSignature, PAYLOAD_TYPE, StatementSigner as _, pae};
use crate::ledger::{Ed25519Signer, Statement};

/// How long a draft may wait for its signatures.
const DRAFT_MS: i64 = 10 * 60_000;
/// Statements that one request may have signed.
const MOST_STATEMENTS: usize = 64;

/// Who signs.
#[derive(Clone, Default)]
pub enum Signing {
    /// The registry, for everyone.
    #[default]
    Registry,
    /// Nobody yet: what is to be signed is collected.
    Draft(Arc<Collected>),
    /// An account, with signatures made elsewhere.
    Signed(Arc<Signed>),
    /// An account, with a key at hand.
    Key(Arc<KeyAtHand>),
}

/// What a draft came to.
pub struct Collected {
    actor: String,
    keyid: Option<String>,
    found: Mutex<Vec<ToSign>>,
}

/// A statement to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToSign {
    /// The payload, base64. What is signed is its DSSE pre-authentication encoding.
    pub payload: String,
    /// SHA-256 of the payload: by it a signature says what it is for.
    pub sha256: String,
    /// The keys that must sign.
    pub keys: Vec<String>,
    /// Kind of statement.
    pub kind: String,
}

/// A signature brought back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brought {
    /// SHA-256 of the payload, hex.
    pub sha256: String,
    /// The key.
    pub keyid: String,
    /// 64 bytes, base64.
    pub sig: String,
}

/// Signatures made elsewhere.
pub struct Signed {
    actor: String,
    keyid: Option<String>,
    by: BTreeMap<(String, String), [u8; 64]>,
}

/// Keys in files.
pub struct KeyAtHand {
    actor: String,
    /// Those of the account: the first of them signs what it states.
    held: Vec<Ed25519Signer>,
    /// Those that are about to be added.
    new: Vec<Ed25519Signer>,
}

/// What a draft is fixed to.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    actor: String,
    keyid: Option<String>,
    at: Timestamp,
    nonce: String,
    /// What was asked: method and address.
    request: String,
}

impl Token {
    /// The draft's chance: known to nobody but the holder of the registry's key.
    fn chance(&self, signer: &Ed25519Signer) -> SeededChance {
        SeededChance::from_bytes(sha256_of(&signer.sign(format!("chance of the draft {}", self.nonce).as_bytes())).0)
    }

    fn mac(&self, signer: &Ed25519Signer) -> Result<(String, String)> {
        let text = serde_json::to_string(self).map_err(Error::internal)?;
        let mac = sha256_of(&signer.sign(format!("token of the draft {text}").as_bytes()));
        Ok((URL_SAFE_NO_PAD.encode(text), mac.to_string()))
    }

    fn open(text: &str, signer: &Ed25519Signer) -> Result<Self> {
        let wrong = || Error::invalid("colophon-sign", "this is not a token of a draft: ask for the draft again");
        let (body, mac) = text.split_once('.').ok_or_else(wrong)?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| wrong())?;
        let token: Self = serde_json::from_slice(&body).map_err(|_| wrong())?;
        // Both are hashes, so that comparing them tells nothing of where they differ.
        if token.mac(signer)?.1 != mac { Err(wrong()) } else { Ok(token) }
    }
}

/// A draft for an account: an instance on which nothing lasts, what it will have collected, and the token to come back with.
pub fn draft(
    instance: &Instance,
    actor: &Actor,
    keyid: Option<&str>,
    request: &str,
) -> Result<(Instance, Arc<Collected>, String)> {
    let signer = &instance.keys.statement;
    let nonce = hex::encode(instance.secrets.bytes::<16>());
    let (at, request) = (instance.clock.now(), request.to_owned());
    let token = Token { actor: actor.name.clone(), keyid: keyid.map(str::to_owned), at, nonce, request };
    let (body, mac) = token.mac(signer)?;
    let collected = Arc::new(Collected { actor: token.actor.clone(), keyid: token.keyid.clone(), found: Mutex::default() });
    let mut dry = instance.with(FixedClock(token.at), token.chance(signer), Signing::Draft(Arc::clone(&collected)));
    dry.store = dry.store.dry();
    dry.blobs = dry.blobs.dry();
    Ok((dry, collected, format!("{body}.{mac}")))
}

/// The same moment and chance again, with the signatures: for the very request that was drafted, and once.
pub fn signed(instance: &Instance, actor: &Actor, request: &str, token: &str, brought: Vec<Brought>) -> Result<Instance> {
    let signer = &instance.keys.statement;
    let token = Token::open(token, signer)?;
    if token.actor != actor.name {
        return Err(Error::invalid("colophon-sign", "this draft was made for another account"));
    }
    if token.request != request {
        return Err(Error::invalid("colophon-sign", format!("this draft is one of `{}`", token.request)));
    }
    let now = instance.clock.now();
    if now.millis() - token.at.millis() > DRAFT_MS {
        return Err(Error::invalid("colophon-sign", "this draft has waited for more than ten minutes: ask for it again"));
    }
    let mut by = BTreeMap::new();
    for one in brought.into_iter().take(MOST_STATEMENTS * 2) {
        let sig = base64::engine::general_purpose::STANDARD.decode(&one.sig).ok().and_then(|sig| sig.try_into().ok());
        let sig = sig.ok_or_else(|| Error::invalid("colophon-signatures", "a signature is not 64 bytes in base64"))?;
        by.insert((one.sha256, one.keyid), sig);
    }
    {
        let mut drafts = instance.drafts.lock().unwrap_or_else(PoisonError::into_inner);
        drafts.retain(|_, at| now.millis() - at.millis() <= DRAFT_MS);
        if drafts.insert(token.nonce.clone(), token.at).is_some() {
            return Err(Error::Conflict("this draft was sent before: ask for another".into()));
        }
    }
    let signing = Signing::Signed(Arc::new(Signed { actor: token.actor.clone(), keyid: token.keyid.clone(), by }));
    Ok(instance.with(FixedClock(token.at), token.chance(signer), signing))
}

/// The request failed: its draft may be sent again.
pub fn failed(instance: &Instance, token: &str) {
    if let Ok(token) = Token::open(token, &instance.keys.statement) {
        instance.drafts.lock().unwrap_or_else(PoisonError::into_inner).remove(&token.nonce);
    }
}

/// An instance whose statements of this account are signed with keys at hand: the first of those it holds, and those that it adds.
pub fn with_key(instance: &Instance, actor: &Actor, held: Vec<Ed25519Signer>, new: Vec<Ed25519Signer>) -> Instance {
    let key = KeyAtHand { actor: actor.name.clone(), held, new };
    let mut instance = instance.clone();
    instance.signing = Signing::Key(Arc::new(key));
    instance
}

impl Collected {
    /// What is to be signed, in order.
    pub fn found(&self) -> Vec<ToSign> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Signing {
    /// The key that `actor` signs a statement of this kind with; `None` when the registry does.
    pub(super) fn key_of(&self, actor: &str, kind: &str) -> Option<String> {
        if BY_THE_SERVICE.contains(&kind) {
            return None;
        }
        match self {
            Self::Registry => None,
            Self::Draft(draft) => draft.keyid.clone().filter(|_| draft.actor == actor),
            Self::Signed(signed) => signed.keyid.clone().filter(|_| signed.actor == actor),
            Self::Key(key) => key.held.first().filter(|_| key.actor == actor).map(Ed25519Signer::key_id),
        }
    }

    /// The signatures of these keys over a statement. A draft has none yet.
    pub(super) fn signatures(&self, statement: &Statement, keys: &BTreeSet<String>) -> Result<Vec<EnvelopeSignature>> {
        let payload = statement.to_payload().map_err(Error::internal)?;
        let sha256 = sha256_of(&payload).to_string();
        let missing = |keyid: &str| {
            Error::Conflict(format!(
                "no signature of the key `{keyid}` fits what is now to be signed (a statement of kind `{}`): something has changed since \
                 the draft, so look at it and sign again",
                statement.name
            ))
        };
        match self {
            Self::Registry => match keys.first() {
                Some(keyid) if statement.name == KEY => Err(Error::invalid(
                    "key",
                    format!("the key `{keyid}` must sign its own registration: ask for a draft, sign it, and send it again"),
                )),
                Some(keyid) => Err(missing(keyid)),
                None => Ok(Vec::new()),
            },
            Self::Draft(draft) => {
                let mut found = draft.found.lock().unwrap_or_else(PoisonError::into_inner);
                if !keys.is_empty() {
                    if found.len() == MOST_STATEMENTS {
                        return Err(Error::invalid(
                            "colophon-sign",
                            format!("one request can have {MOST_STATEMENTS} statements signed: do it in parts"),
                        ));
                    }
                    let payload = base64::engine::general_purpose::STANDARD.encode(&payload);
                    found.push(ToSign { payload, sha256, keys: keys.iter().cloned().collect(), kind: statement.name.clone() });
                }
                Ok(Vec::new())
            }
            Self::Signed(signed) => keys
                .iter()
                .map(|keyid| {
                    let sig = signed.by.get(&(sha256.clone(), keyid.clone())).ok_or_else(|| missing(keyid))?;
                    Ok(EnvelopeSignature { keyid: keyid.clone(), sig: *sig })
                })
                .collect(),
            Self::Key(key) => keys
                .iter()
                .map(|keyid| {
                    let signer = key.held.iter().chain(&key.new).find(|signer| signer.key_id() == *keyid);
                    let sig = signer.ok_or_else(|| missing(keyid))?.sign(&pae(PAYLOAD_TYPE, &payload));
                    Ok(EnvelopeSignature { keyid: keyid.clone(), sig })
                })
                .collect(),
        }
    }
}
