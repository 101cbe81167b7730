//! Recording a deed: the statement is signed, staged in the log, and applied to the public tables, all in the caller's transaction.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::about::about_of;
use super::{Error, Instance, Result, apply};
use crate::clock::Timestamp;
use crate::id::StatementId;
use crate::ledger::keyring::{AddedKey, BY_THE_SERVICE, Custody, KEY, KEY_END};
use crate::ledger::statement::StatementError;
use crate::ledger::{Statement, Subject};
use crate::storage::keys::KeyRecord;
use crate::storage::log::Staged;
use crate::storage::{self, Tx};

/// What a statement is about.
pub(super) struct Deed {
    /// Name of the predicate: `work`, `image`, …
    pub kind: &'static str,
    /// Things named with their digests.
    pub subject: Vec<Subject>,
    /// Public name of who did it.
    pub actor: String,
    /// The deed itself, under its kind's field names.
    pub body: Value,
}

/// Records a deed under a new statement id.
pub(super) async fn record(tx: &mut Tx, instance: &Instance, now: Timestamp, deed: Deed) -> Result<StatementId> {
    let id = StatementId::new(now, &*instance.chance);
    record_as(tx, instance, now, id, deed).await?;
    Ok(id)
}

/// Records many deeds, in their order: as [`record`], with fewer words to the database.
pub(super) async fn record_all(tx: &mut Tx, instance: &Instance, now: Timestamp, deeds: Vec<Deed>) -> Result<Vec<StatementId>> {
    let deeds = deeds.into_iter().map(|deed| (StatementId::new(now, &*instance.chance), deed)).collect();
    record_each(tx, instance, now, deeds).await
}

/// Records a deed under an id that was promised before (an image names its statement in the file).
pub(super) async fn record_as(tx: &mut Tx, instance: &Instance, now: Timestamp, id: StatementId, deed: Deed) -> Result<()> {
    record_each(tx, instance, now, vec![(id, deed)]).await.map(drop)
}

async fn record_each(
    tx: &mut Tx,
    instance: &Instance,
    now: Timestamp,
    deeds: Vec<(StatementId, Deed)>,
) -> Result<Vec<StatementId>> {
    let mut signed = Vec::with_capacity(deeds.len());
    let mut as_logged = Vec::with_capacity(deeds.len());
    let mut held = Held::default();
    held.lock(tx, &deeds).await?;
    for (id, deed) in deeds {
        held.look(tx, instance, &deed).await?;
        let (kind, actor) = (deed.kind, deed.actor.clone());
        let (bytes, statement) = sign(instance, &held, now, id, deed)?;
        signed.push((id, kind, about_of(&statement)?, actor, bytes));
        as_logged.push(statement);
    }
    let staged: Vec<Staged<'_>> =
        signed.iter().map(|(id, kind, about, actor, bytes)| Staged { id: *id, kind, subject: about, actor, bytes }).collect();
    storage::log::stage_all(tx, &staged, now).await?;
    // As read back from the entries, so that a rebuild sees the very same values.
    apply::apply_all(tx, &as_logged).await?;
    Ok(signed.into_iter().map(|(id, ..)| id).collect())
}

/// The entry of a statement, and the statement as read back from it.
fn sign(instance: &Instance, held: &Held, now: Timestamp, id: StatementId, deed: Deed) -> Result<(Vec<u8>, Statement)> {
    let Deed { kind, subject, actor, body } = deed;
    let mut predicate = Map::new();
    predicate.insert("statement".into(), json!(id));
    predicate.insert("recorded_at".into(), json!(now));
    predicate.insert("actor".into(), json!(&actor));
    // The instance signs for accounts that do not sign by themselves, and says so.
    let own = instance.signing.key_of(&actor, kind);
    predicate.insert("custody".into(), json!(if own.is_some() { Custody::Own } else { Custody::Instance }));
    if let Some(own) = &own {
        predicate.insert("signed_with".into(), json!(own));
    }
    if let Value::Object(body) = body {
        predicate.extend(body);
    }
    let statement = Statement::new(kind, subject, Value::Object(predicate));
    let added = statement.predicate.get("key").filter(|_| kind == KEY).and_then(|key| AddedKey::deserialize(key).ok());
    let keys: BTreeSet<String> = own.into_iter().chain(added.as_ref().map(|key| key.keyid.clone())).collect();
    let signatures = instance.signing.signatures(&statement, &keys)?;
    let unsigned = |e: StatementError| Error::internal(format!("the statement `{kind}` can't be signed: {e}"));
    let envelope = statement.sign_after(signatures, &instance.keys.statement).map_err(unsigned)?;
    for signature in &envelope.signatures()[..envelope.signatures().len() - 1] {
        let known = held.0.get(&actor).into_iter().flatten().map(|key| &key.added).chain(&added);
        let key = known.filter(|key| key.keyid == signature.keyid).find_map(AddedKey::key);
        let fits = key.is_some_and(|key| envelope.verify(&key).is_ok());
        if !fits {
            let problem = format!(
                "the signature of the key `{}` over a statement of kind `{kind}` does not fit: sign it again",
                signature.keyid
            );
            return Err(Error::invalid("colophon-signatures", problem));
        }
    }
    let signed = Ok(&envelope).and_then(|envelope| Ok((envelope.to_bytes()?, envelope.statement()?)));
    signed.map_err(unsigned)
}

/// The keys of the accounts whose deeds are recorded, looked up once each.
#[derive(Default)]
struct Held(BTreeMap<String, Vec<KeyRecord>>);

/// Refuses what can't be stated in an account's name as things stand: before work is begun that would end in it.
pub(super) async fn may_state(tx: &mut Tx, instance: &Instance, actor: &str, kind: &'static str) -> Result<()> {
    let deed = Deed { kind, subject: Vec::new(), actor: actor.to_owned(), body: Value::Null };
    Held::default().look(tx, instance, &deed).await
}

impl Held {
    /// Holds the keys of everyone in whose name something is stated as they are. Those whose keys change are locked by who changes them.
    async fn lock(&self, tx: &mut Tx, deeds: &[(StatementId, Deed)]) -> Result<()> {
        let stated =
            deeds.iter().filter(|(_, deed)| !BY_THE_SERVICE.contains(&deed.kind) && ![KEY, KEY_END].contains(&deed.kind));
        for name in stated.map(|(_, deed)| deed.actor.as_str()).collect::<BTreeSet<_>>() {
            tx.lock_party(name, false).await?;
        }
        Ok(())
    }

    /// Refuses a deed of someone who signs by themselves and has not, or with a key that is not theirs.
    async fn look(&mut self, tx: &mut Tx, instance: &Instance, deed: &Deed) -> Result<()> {
        if BY_THE_SERVICE.contains(&deed.kind) {
            return Ok(());
        }
        if !self.0.contains_key(&deed.actor) {
            let held = storage::keys::of(tx, &deed.actor).await?;
            self.0.insert(deed.actor.clone(), held);
        }
        let mut held = self.0.get(&deed.actor).into_iter().flatten().filter(|key| key.end.is_none());
        match instance.signing.key_of(&deed.actor, deed.kind) {
            Some(own) if held.any(|key| key.added.keyid == own) => Ok(()),
            Some(own) => Err(Error::Conflict(format!("`{own}` is no key of `{}` that is in force", deed.actor))),
            None if held.any(|key| key.added.required) => Err(Error::invalid(
                "colophon-sign",
                format!(
                    "`{}` signs with a key of their own, and nothing is stated for them without it: ask for a draft, sign it, and send it again",
                    deed.actor
                ),
            )),
            None => Ok(()),
        }
    }
}
