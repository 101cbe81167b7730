//! Who answers for a tradition. Nobody names themselves: the first steward is named by an operator on evidence that is public, every further
//! one by a steward of the same tradition. Stewards say whom they know as members; that is private.

use serde_json::json;

use super::affect::told;
use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Account, Actor, Role, Scope};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::StatementId;
use crate::ledger::Subject;
use crate::policy::review::Steward;
use crate::storage::{self, Lock, Tx};

/// Longest evidence or reason, in characters.
const WORDS: usize = 500;

/// Whether `name` answers for `tradition` now.
pub async fn is_steward(tx: &mut Tx, tradition: &str, name: &str) -> Result<bool> {
    Ok(storage::stewards::traditions_of(tx, name).await?.iter().any(|t| t == tradition))
}

/// Whether anybody answers for it now.
pub(super) async fn has_steward(tx: &mut Tx, tradition: &str) -> Result<bool> {
    Ok(storage::stewards::of(tx, tradition).await?.iter().any(|s| s.ended.is_none()))
}

/// Some words that will be public.
pub(super) fn public_words(field: &'static str, words: &str, what: &str, most: usize) -> Result<String> {
    let words = words.trim().replace('\r', "");
    let odd = words.chars().any(|c| c.is_control() && c != '\n');
    if words.is_empty() || words.chars().count() > most || odd {
        return Err(Error::invalid(field, format!("say {what} in 1 to {most} characters; it will be public")));
    }
    Ok(words)
}

fn known(instance: &Instance, tradition: &str) -> Result<()> {
    match instance.policies().policy(tradition) {
        Some(_) => Ok(()),
        None => Err(Error::not_found("policy", tradition)),
    }
}

async fn account(tx: &mut Tx, field: &'static str, name: &str) -> Result<Account> {
    let found = storage::accounts::find_by_name(tx, name.trim()).await?;
    found.map(|(account, _)| account).ok_or_else(|| Error::invalid(field, format!("no account is called `{}`", name.trim())))
}

/// Names a steward.
pub async fn appoint_steward(
    instance: &Instance,
    actor: &Actor,
    tradition: &str,
    name: &str,
    evidence: &str,
) -> Result<StatementId> {
    if !actor.may(Scope::Policies) {
        return Err(Error::Forbidden(Scope::Policies));
    }
    known(instance, tradition)?;
    let evidence =
        public_words("evidence", evidence, "what the appointment rests on, such as a letter of the authority,", WORDS)?;
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Policies).await?;
    let named = account(&mut tx, "name", name).await?;
    if named.name == actor.name {
        return Err(Error::invalid("name", "nobody names themselves a steward: ask a steward of this tradition, or an operator"));
    }
    if has_steward(&mut tx, tradition).await? {
        if !is_steward(&mut tx, tradition, &actor.name).await? {
            return Err(Error::invalid("tradition", "this tradition has a steward: only its stewards name further ones"));
        }
    } else if !actor.may(Scope::Operate) {
        return Err(Error::Forbidden(Scope::Operate));
    }
    if is_steward(&mut tx, tradition, &named.name).await? {
        return Err(Error::Conflict(format!("`{}` is a steward of `{tradition}` already", named.name)));
    }
    let steward = Steward {
        tradition: tradition.to_owned(),
        name: named.name.clone(),
        appointed_by: actor.name.clone(),
        evidence,
        since: now,
    };
    let deed = Deed {
        kind: "steward",
        subject: vec![subject(tradition)],
        actor: actor.name.clone(),
        body: json!({ "steward": steward }),
    };
    let statement = record(&mut tx, instance, now, deed).await?;
    let roles = named.roles.iter().chain([Role::Steward]).collect();
    storage::accounts::set_roles(&mut tx, named.id, &roles).await?;
    let words = format!("You answer for “{}” now: you give consents and rule on requests.", title(instance, tradition));
    told(&mut tx, instance, Some(named.id), &words, &format!("/policies/{tradition}"), now).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok(statement)
}

/// Ends an appointment: by the steward, by another steward of the tradition, or by an operator. What they allowed stays as it is.
pub async fn end_steward(instance: &Instance, actor: &Actor, tradition: &str, name: &str, reason: &str) -> Result<StatementId> {
    if !actor.may(Scope::Policies) {
        return Err(Error::Forbidden(Scope::Policies));
    }
    let reason = public_words("reason", reason, "why the appointment ends", WORDS)?;
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Policies).await?;
    if !is_steward(&mut tx, tradition, &actor.name).await? && !actor.may(Scope::Operate) {
        return Err(Error::invalid("tradition", "only a steward of this tradition, or an operator, may end an appointment"));
    }
    if !is_steward(&mut tx, tradition, name).await? {
        return Err(Error::Conflict(format!("`{name}` is no steward of `{tradition}`")));
    }
    let deed = Deed {
        kind: "steward-end",
        subject: vec![subject(tradition)],
        actor: actor.name.clone(),
        body: json!({ "tradition": tradition, "name": name, "reason": reason }),
    };
    let statement = record(&mut tx, instance, now, deed).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok(statement)
}

/// Notes, for a tradition of one's own, that somebody is a member; until `ends_at`, if that is given.
pub async fn note_member(
    instance: &Instance,
    actor: &Actor,
    tradition: &str,
    name: &str,
    ends_at: Option<Timestamp>,
) -> Result<()> {
    known(instance, tradition)?;
    let now = instance.clock.now();
    if ends_at.is_some_and(|end| end <= now) {
        return Err(Error::invalid("ends_at", "a membership ends in the future, or is without end"));
    }
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Policies).await?;
    stewards_only(&mut tx, actor, tradition).await?;
    let member = account(&mut tx, "name", name).await?;
    if member.name == actor.name {
        return Err(Error::invalid("name", "nobody notes themselves a member: ask another steward"));
    }
    storage::stewards::put_member(&mut tx, tradition, member.id, &actor.name, now, ends_at).await?;
    let words = format!("A steward of “{}” knows you as a member now.", title(instance, tradition));
    told(&mut tx, instance, Some(member.id), &words, &format!("/policies/{tradition}"), now).await?;
    Ok(tx.commit().await?)
}

/// Takes that back.
pub async fn forget_member(instance: &Instance, actor: &Actor, tradition: &str, name: &str) -> Result<()> {
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Policies).await?;
    stewards_only(&mut tx, actor, tradition).await?;
    let member = account(&mut tx, "name", name).await?;
    if !storage::stewards::remove_member(&mut tx, tradition, member.id).await? {
        return Err(Error::not_found("member", name));
    }
    Ok(tx.commit().await?)
}

/// Whether `actor` acts for this tradition; otherwise why not.
pub(super) async fn stewards_only(tx: &mut Tx, actor: &Actor, tradition: &str) -> Result<()> {
    if !actor.may(Scope::Policies) {
        return Err(Error::Forbidden(Scope::Policies));
    }
    if !is_steward(tx, tradition, &actor.name).await? {
        return Err(Error::invalid("tradition", format!("only a steward of `{tradition}` may do this")));
    }
    Ok(())
}

/// A tradition as the subject of a statement: its id, by its hash.
pub(super) fn subject(tradition: &str) -> Subject {
    Subject::new(tradition, Digest::of(tradition.as_bytes()))
}

pub(super) fn title(instance: &Instance, tradition: &str) -> String {
    instance.policies().policy(tradition).map_or_else(|| tradition.to_owned(), |p| p.title.clone())
}
