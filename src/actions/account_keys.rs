//! Keys of one's own: added, replaced, ended. Each is a statement in the log; the secret half never comes here.

use serde_json::json;

use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::Actor;
use crate::digest::Digest;
use crate::id::StatementId;
use crate::ledger::Subject;
use crate::ledger::keyring::{AddedKey, EndedKey, KEY, KEY_END};
use crate::ledger::statement::StatementSigner as _;
use crate::storage;

/// Keys that one account may have in force.
const MOST_KEYS: usize = 8;
/// Longest reason, in characters.
const REASON_CHARS: usize = 500;

/// Adds a key to the account, in the place of another where it says so.
pub async fn add_key(instance: &Instance, actor: &Actor, key: AddedKey) -> Result<StatementId> {
    let Some(public) = key.key() else {
        let problem = "this is not an Ed25519 key: 32 bytes in base64, with the SHA-256 of these bytes (hex) as its id";
        return Err(Error::invalid("public_key", problem));
    };
    if key.keyid == instance.keys.statement.key_id() {
        return Err(Error::invalid("public_key", "this is the registry's own key, which is no account's"));
    }
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    tx.lock_party(&actor.name, true).await?;
    let held = storage::keys::of(&mut tx, &actor.name).await?;
    let in_force: Vec<_> = held.iter().filter(|key| key.end.is_none()).collect();
    if in_force.len() >= MOST_KEYS {
        return Err(Error::invalid("public_key", format!("an account has at most {MOST_KEYS} keys in force: end one first")));
    }
    if let Some(old) = &key.replaces
        && !in_force.iter().any(|held| held.added.keyid == *old)
    {
        return Err(Error::invalid("replaces", format!("`{old}` is no key of yours that is in force")));
    }
    let signing = instance.signing.key_of(&actor.name, KEY);
    let mut others = in_force.iter().map(|held| &held.added.keyid);
    if key.required && others.any(|other| Some(other) != key.replaces.as_ref() && Some(other) != signing.as_ref()) {
        let problem = "to be the only way, it must be signed with your other key too, or take its place: end the others first";
        return Err(Error::invalid("required", problem));
    }
    let deed = Deed {
        kind: KEY,
        subject: vec![Subject::new(key.keyid.clone(), Digest::of(public.as_bytes()))],
        actor: actor.name.clone(),
        body: json!({ "key": key }),
    };
    let statement = record(&mut tx, instance, now, deed).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok(statement)
}

/// Ends a key of the account, from now on. What it has signed stays signed.
pub async fn end_key(instance: &Instance, actor: &Actor, keyid: &str, reason: &str) -> Result<StatementId> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS {
        return Err(Error::invalid("reason", format!("say why in 1 to {REASON_CHARS} characters: others will read it")));
    }
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    tx.lock_party(&actor.name, true).await?;
    let held = storage::keys::of(&mut tx, &actor.name).await?;
    let Some(key) = held.iter().find(|key| key.added.keyid == keyid && key.end.is_none()) else {
        return Err(Error::not_found("key in force of yours", keyid));
    };
    let public = key.added.key().ok_or_else(|| Error::internal("a stored key can't be read"))?;
    let ended = EndedKey { keyid: keyid.to_owned(), reason: reason.to_owned() };
    let deed = Deed {
        kind: KEY_END,
        subject: vec![Subject::new(keyid, Digest::of(public.as_bytes()))],
        actor: actor.name.clone(),
        body: json!({ "key": ended }),
    };
    let statement = record(&mut tx, instance, now, deed).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok(statement)
}
