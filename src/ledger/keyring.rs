//! The keyring: whose signatures an entry must bear. It follows the log entry by entry, since keys are added and ended by entries.
//!
//! Every entry is signed by the registry's key. An account may hold a key of its own (`key` statements) and sign what it says with it; until
//! then the registry signs on its behalf, and the statement says so (`custody`). A key may be added as the only way: from then on nothing
//! that its account could have signed itself is accepted without it, so that the registry can't speak in its name. Other predicates are
//! none of this file's business.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

use super::hash::shorten;
use super::statement::{Envelope, Statement, StatementError, key_id};

/// Name of the statement that adds a key.
pub const KEY: &str = "key";
/// Name of the statement that ends one.
pub const KEY_END: &str = "key-end";
/// What the service states when the account's part was done before, or is signed inside: it is accepted under the registry's key from everyone.
pub const BY_THE_SERVICE: [&str; 4] = ["image", "impact", "project", "agreement"];

/// Who signed a statement for its actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Custody {
    /// The registry, on the account's behalf.
    Instance,
    /// The account, with a key of its own; the registry signed that it took it in.
    Own,
}

/// A key as its statement adds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddedKey {
    /// [`key_id`] of the key.
    pub keyid: String,
    /// Its 32 bytes, base64.
    pub public_key: String,
    /// Whether it is the only way from now on.
    pub required: bool,
    /// The key of the same account that it takes the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

impl AddedKey {
    /// The key, if its id is its own.
    pub fn key(&self) -> Option<VerifyingKey> {
        let bytes = STANDARD.decode(&self.public_key).ok()?;
        let key = VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok()?;
        (key_id(&key) == self.keyid && !key.is_weak()).then_some(key)
    }
}

/// The end of a key as its statement says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndedKey {
    /// The key.
    pub keyid: String,
    /// Why: one sentence.
    pub reason: String,
}

/// A key and from where to where in the log it may sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldKey {
    /// As added.
    pub added: AddedKey,
    /// Public name of its account.
    pub holder: String,
    /// The entry that added it; it may sign those after.
    pub from_index: u64,
    /// The entry that ended it.
    pub until_index: Option<u64>,
}

/// Why an entry's signatures are not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The form, or a signature.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A member of the predicate that signatures depend on is missing or of another form.
    #[error("the statement does not say who signed it: its `{0}` is missing or of another form")]
    Unsaid(&'static str),
    /// Said to be signed with a key that was not its actor's then.
    #[error("the key `{keyid}` was not a key of `{actor}` when the statement was logged")]
    NotHeld {
        /// The key.
        keyid: String,
        /// Public name of the account.
        actor: String,
    },
    /// Signed by the registry for an account that has said it signs by itself.
    #[error("`{0}` signs with a key of their own, and this statement bears only the registry's signature")]
    WithoutOwner(String),
    /// A signature of a key that has no business there.
    #[error("the key `{0}` has signed too, and is neither the registry's nor its actor's")]
    Stranger(String),
    /// A key that can't be added or ended.
    #[error("the key `{keyid}` can't be {what}")]
    Key {
        /// The key.
        keyid: String,
        /// `added: …` or `ended: …`.
        what: &'static str,
    },
}

/// The keys that may sign at a place of the log.
#[derive(Debug, Clone)]
pub struct Keyring {
    registry: VerifyingKey,
    keys: BTreeMap<String, HeldKey>,
}

#[derive(Deserialize)]
struct Said {
    actor: String,
    custody: Custody,
    key: Option<serde_json::Value>,
}

impl Keyring {
    /// With the registry's key, before the first entry.
    pub fn new(registry: VerifyingKey) -> Self {
        Self { registry, keys: BTreeMap::new() }
    }

    /// As it was at a place of the log, from what [`Keyring::keys`] gave there.
    pub fn resume(registry: VerifyingKey, keys: impl IntoIterator<Item = HeldKey>) -> Self {
        Self { registry, keys: keys.into_iter().map(|held| (held.added.keyid.clone(), held)).collect() }
    }

    /// The same registry's, before the first entry.
    pub fn afresh(&self) -> Self {
        Self::new(self.registry)
    }

    /// Every account's key so far, ended ones too.
    pub fn keys(&self) -> impl Iterator<Item = &HeldKey> {
        self.keys.values()
    }

    /// The keys of an account that may sign now.
    pub fn of<'a>(&'a self, holder: &'a str) -> impl Iterator<Item = &'a HeldKey> {
        self.keys.values().filter(move |held| held.holder == holder && held.until_index.is_none())
    }

    /// The statement of the next entry, if it bears every signature it must, and none beside them. Keys that it adds or ends are taken
    /// over.
    pub fn admit(&mut self, index: u64, envelope: &Envelope) -> Result<Statement, KeyringError> {
        let statement = envelope.verify(&self.registry)?;
        let said = Said::deserialize(&statement.predicate).map_err(|_| KeyringError::Unsaid("actor` or `custody"))?;
        let mut known = vec![key_id(&self.registry)];
        match said.custody {
            Custody::Own => {
                let keyid =
                    statement.predicate.get("signed_with").and_then(|v| v.as_str()).ok_or(KeyringError::Unsaid("signed_with"))?;
                let held = self.of(&said.actor).find(|held| held.added.keyid == keyid);
                let key = held.and_then(|held| held.added.key());
                let not_held = || KeyringError::NotHeld { keyid: shorten(keyid), actor: said.actor.clone() };
                envelope.verify(&key.ok_or_else(not_held)?)?;
                known.push(keyid.to_owned());
            }
            Custody::Instance => {
                if self.of(&said.actor).any(|held| held.added.required) && !BY_THE_SERVICE.contains(&statement.name.as_str()) {
                    return Err(KeyringError::WithoutOwner(said.actor));
                }
            }
        }
        match statement.name.as_str() {
            KEY => known.push(self.add(index, envelope, &said)?),
            KEY_END => self.end(index, &said)?,
            _ => {}
        }
        match envelope.signatures().iter().find(|signature| !known.contains(&signature.keyid)) {
            Some(stranger) => Err(KeyringError::Stranger(shorten(&stranger.keyid))),
            None => Ok(statement),
        }
    }

    fn add(&mut self, index: u64, envelope: &Envelope, said: &Said) -> Result<String, KeyringError> {
        let added: AddedKey = said.read()?;
        let wrong = |what| KeyringError::Key { keyid: shorten(&added.keyid), what };
        let key = added.key().ok_or_else(|| wrong("added: its id is not that of its bytes, or it is a weak key"))?;
        if self.keys.contains_key(&added.keyid) || added.keyid == key_id(&self.registry) {
            return Err(wrong("added: it was added before"));
        }
        // Whoever holds it has signed, so nobody adds a key that is someone else's.
        envelope.verify(&key)?;
        // A key that was added for the account before must not stay as a way around the one that is to be the only way.
        let signed = |id: &String| envelope.signatures().iter().any(|signature| signature.keyid == *id);
        let other = |held: &HeldKey| Some(&held.added.keyid) != added.replaces.as_ref() && !signed(&held.added.keyid);
        if added.required && self.of(&said.actor).any(other) {
            return Err(wrong("added as the only way: end the account's other keys first, or sign with them"));
        }
        if let Some(old) = &added.replaces {
            let old = self.keys.get_mut(old).filter(|held| held.holder == said.actor && held.until_index.is_none());
            old.ok_or_else(|| wrong("added: what it replaces is no key of this account"))?.until_index = Some(index);
        }
        let held = HeldKey { added: added.clone(), holder: said.actor.clone(), from_index: index, until_index: None };
        self.keys.insert(added.keyid.clone(), held);
        Ok(added.keyid)
    }

    fn end(&mut self, index: u64, said: &Said) -> Result<(), KeyringError> {
        let ended: EndedKey = said.read()?;
        let held = self.keys.get_mut(&ended.keyid).filter(|held| held.holder == said.actor && held.until_index.is_none());
        let wrong =
            KeyringError::Key { keyid: shorten(&ended.keyid), what: "ended: it is no key of this account, or ended before" };
        held.ok_or(wrong)?.until_index = Some(index);
        Ok(())
    }
}

impl Said {
    fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, KeyringError> {
        self.key.clone().and_then(|key| serde_json::from_value(key).ok()).ok_or(KeyringError::Unsaid("key"))
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use serde_json::{Value, json};

    use super::super::statement::{Ed25519Signer, StatementSigner as _, Subject};
    use super::*;
    use crate::digest::Digest;

    fn signer(seed: u8) -> Ed25519Signer {
        Ed25519Signer::new(SigningKey::from_bytes(&[seed; 32]))
    }

    fn added(seed: u8, required: bool, replaces: Option<u8>) -> Value {
        let key = signer(seed);
        let public = STANDARD.encode(key.verifying_key().as_bytes());
        let replaces = replaces.map(|old| signer(old).key_id());
        serde_json::to_value(AddedKey { keyid: key.key_id(), public_key: public, required, replaces }).unwrap()
    }

    /// A statement of `actor`, signed by these keys; the registry's is 0.
    fn said(name: &str, actor: &str, own: Option<u8>, key: Option<Value>, by: &[u8]) -> Envelope {
        let mut predicate = json!({ "actor": actor, "custody": if own.is_some() { "own" } else { "instance" } });
        if let Some(own) = own {
            predicate["signed_with"] = signer(own).key_id().into();
        }
        if let Some(key) = key {
            predicate["key"] = key;
        }
        let statement = Statement::new(name, vec![Subject::new("thing", Digest::of(b"thing"))], predicate);
        let mut envelope = statement.sign(&signer(by[0])).unwrap();
        by[1..].iter().for_each(|seed| envelope.countersign(&signer(*seed)).unwrap());
        envelope
    }

    fn ring() -> Keyring {
        Keyring::new(signer(0).verifying_key())
    }

    #[test]
    fn the_registry_signs_for_those_without_a_key() {
        let mut ring = ring();
        ring.admit(0, &said("work", "Ana", None, None, &[0])).unwrap();
        let unsigned = ring.admit(1, &said("work", "Ana", None, None, &[1]));
        assert!(matches!(unsigned, Err(KeyringError::Statement(StatementError::NotSignedBy(_)))));
        assert!(matches!(ring.admit(1, &said("work", "Ana", Some(1), None, &[1, 0])), Err(KeyringError::NotHeld { .. })));
        assert!(matches!(ring.admit(1, &said("work", "Ana", None, None, &[0, 1])), Err(KeyringError::Stranger(_))));
    }

    #[test]
    fn a_key_is_added_by_its_holder_signs_and_ends() {
        let mut ring = ring();
        let stolen = ring.admit(0, &said(KEY, "Ana", None, Some(added(1, false, None)), &[0]));
        assert!(matches!(stolen, Err(KeyringError::Statement(StatementError::NotSignedBy(_)))), "nobody adds another's key");
        ring.admit(0, &said(KEY, "Ana", None, Some(added(1, false, None)), &[1, 0])).unwrap();
        assert!(matches!(
            ring.admit(1, &said(KEY, "Ben", None, Some(added(1, false, None)), &[1, 0])),
            Err(KeyringError::Key { .. })
        ));
        ring.admit(1, &said("grant", "Ana", Some(1), None, &[1, 0])).unwrap();
        ring.admit(2, &said("grant", "Ana", None, None, &[0])).unwrap();
        assert!(matches!(ring.admit(3, &said("grant", "Ben", Some(1), None, &[1, 0])), Err(KeyringError::NotHeld { .. })));
        let end = json!({ "keyid": signer(1).key_id(), "reason": "lost" });
        // Nobody else ends it.
        assert!(ring.admit(3, &said(KEY_END, "Ben", None, Some(end.clone()), &[0])).is_err());
        ring.admit(3, &said(KEY_END, "Ana", None, Some(end.clone()), &[0])).unwrap();
        assert!(ring.admit(4, &said(KEY_END, "Ana", None, Some(end), &[0])).is_err());
        assert!(matches!(ring.admit(4, &said("grant", "Ana", Some(1), None, &[1, 0])), Err(KeyringError::NotHeld { .. })));
        let held: Vec<_> = ring.keys().map(|k| (k.holder.as_str(), k.from_index, k.until_index)).collect();
        assert_eq!(held, [("Ana", 0, Some(3))]);
    }

    #[test]
    fn where_a_key_is_the_only_way_the_registry_cant_speak_for_its_holder() {
        let mut ring = ring();
        ring.admit(0, &said(KEY, "Ana", None, Some(added(1, true, None)), &[1, 0])).unwrap();
        assert_eq!(ring.admit(1, &said("grant", "Ana", None, None, &[0])), Err(KeyringError::WithoutOwner("Ana".into())));
        ring.admit(1, &said("image", "Ana", None, None, &[0])).unwrap();
        // Another key goes in only with the first one's signature, and may take its place.
        let second = said(KEY, "Ana", None, Some(added(2, true, None)), &[2, 0]);
        assert_eq!(ring.admit(2, &second), Err(KeyringError::WithoutOwner("Ana".into())));
        ring.admit(2, &said(KEY, "Ana", Some(1), Some(added(2, true, Some(1))), &[1, 2, 0])).unwrap();
        assert!(matches!(ring.admit(3, &said("grant", "Ana", Some(1), None, &[1, 0])), Err(KeyringError::NotHeld { .. })));
        ring.admit(3, &said("grant", "Ana", Some(2), None, &[2, 0])).unwrap();
        // Nor does the registry end it by itself, and no second way is left open beside it.
        let end = json!({ "keyid": signer(2).key_id(), "reason": "lost" });
        assert_eq!(
            ring.admit(4, &said(KEY_END, "Ana", None, Some(end.clone()), &[0])),
            Err(KeyringError::WithoutOwner("Ana".into()))
        );
        let mut ended = ring.clone();
        ended.admit(4, &said(KEY_END, "Ana", Some(2), Some(end), &[2, 0])).unwrap();
        let mut open = self::ring();
        open.admit(0, &said(KEY, "Ben", None, Some(added(5, false, None)), &[5, 0])).unwrap();
        assert!(matches!(
            open.admit(1, &said(KEY, "Ben", None, Some(added(6, true, None)), &[6, 0])),
            Err(KeyringError::Key { .. })
        ));
        open.admit(1, &said(KEY, "Ben", Some(5), Some(added(6, true, None)), &[5, 6, 0])).unwrap();
        let again = Keyring::resume(signer(0).verifying_key(), ring.keys().cloned().collect::<Vec<_>>());
        assert_eq!(again.of("Ana").count(), 1);
    }

    #[test]
    fn a_signature_that_does_not_fit_is_refused() {
        let mut ring = ring();
        ring.admit(0, &said(KEY, "Ana", None, Some(added(1, false, None)), &[1, 0])).unwrap();
        let text = String::from_utf8(said("grant", "Ana", Some(1), None, &[1, 0]).to_bytes().unwrap()).unwrap();
        let at = text.find("\"sig\":\"").unwrap() + 10;
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        let forged = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        let envelope = Envelope::parse(forged.as_bytes()).unwrap();
        assert!(matches!(ring.admit(1, &envelope), Err(KeyringError::Statement(StatementError::BadSignature(_)))));
    }
}
