//! A consent: given by a steward of the tradition, to one account, for one rule, for named uses, until a day. Taken back by a steward or,
//! on a complaint, by an operator. Both are statements.

use serde::Deserialize;
use serde_json::json;

use super::affect::told;
use super::appoint_steward::{is_steward, public_words, stewards_only, subject, title};
use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::clock::Timestamp;
use crate::id::{ConsentId, StatementId};
use crate::policy::consent::{CONSENT_WORDS, policy_of};
use crate::policy::{Consent, Use};
use crate::storage::{self, Lock};

/// Longest time a consent is given for.
const MOST_DAYS: i64 = 5 * 366;

/// What is allowed, as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Consenting {
    /// `policy/rule`.
    pub rule: String,
    /// The element of the rule, or the artist or character; may be left out where the rule is about one thing.
    pub about: Option<String>,
    /// For these uses; at least one.
    pub uses: Vec<Use>,
    /// To this account.
    pub grantee: String,
    /// What it is for, on which conditions; public.
    pub words: String,
    /// From when; at once when left out.
    pub starts_at: Option<Timestamp>,
    /// Until when.
    pub ends_at: Option<Timestamp>,
}

/// Gives a consent.
pub async fn give_consent(instance: &Instance, actor: &Actor, sent: Consenting) -> Result<(ConsentId, StatementId)> {
    let now = instance.clock.now();
    let consent = checked(instance, actor, sent, now)?;
    let policy = policy_of(&consent.rule);
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Policies).await?;
    stewards_only(&mut tx, actor, policy).await?;
    let Some((grantee, _)) = storage::accounts::find_by_name(&mut tx, &consent.grantee).await? else {
        return Err(Error::invalid("grantee", format!("no account is called `{}`", consent.grantee)));
    };
    let deed =
        Deed { kind: "consent", subject: vec![subject(policy)], actor: actor.name.clone(), body: json!({ "consent": consent }) };
    let statement = record(&mut tx, instance, now, deed).await?;
    let words = format!("{} gave you a consent for “{}”, until {}.", actor.name, title(instance, policy), consent.ends_at.day());
    told(&mut tx, instance, Some(grantee.id), &words, &format!("/policies/{policy}"), now).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok((consent.id, statement))
}

/// The consent, if everything in it can be; otherwise every field that can't.
fn checked(instance: &Instance, actor: &Actor, sent: Consenting, now: Timestamp) -> Result<Consent> {
    let mut problems = Vec::new();
    let bundle = instance.policies();
    let found = sent.rule.split_once('/').and_then(|(policy, rule)| {
        let policy = bundle.policy(policy)?;
        Some((policy, policy.rules.iter().find(|r| r.id == rule)?))
    });
    let about = sent.about.map(|a| a.trim().to_owned()).filter(|a| !a.is_empty());
    match found {
        None => problems.push(("rule", format!("there is no rule `{}`: name it as `policy/rule`", sent.rule))),
        Some((_, rule)) if rule.consent.is_none() => {
            problems.push(("rule", format!("the rule `{}` foresees no consent: it can't be opened by one", sent.rule)));
        }
        Some((policy, rule)) => {
            let known = policy.abouts(rule);
            match &about {
                Some(one) if !known.iter().any(|k| k == one) => {
                    problems
                        .push(("about", format!("`{one}` is nothing this rule is about: choose one of {}", known.join(", "))));
                }
                None if known.len() > 1 => {
                    problems.push(("about", format!("say what it is about: one of {}", known.join(", "))));
                }
                _ => {}
            }
        }
    }
    let mut uses = sent.uses;
    uses.sort_unstable();
    uses.dedup();
    if uses.is_empty() {
        problems.push(("uses", "name the uses it is for: a consent opens these and no other".to_owned()));
    }
    if sent.grantee.trim() == actor.name {
        problems.push(("grantee", "nobody gives a consent to themselves: ask another steward".to_owned()));
    }
    let words = if sent.words.trim().is_empty() {
        Ok(String::new())
    } else {
        public_words("words", &sent.words, "what it is for", CONSENT_WORDS)
    };
    if let Err(Error::Invalid(more)) = &words {
        problems.extend(more.iter().cloned());
    }
    let starts_at = sent.starts_at.unwrap_or(now);
    let ends_at = sent.ends_at.unwrap_or(now);
    if ends_at <= starts_at || ends_at <= now || ends_at > now.plus_days(MOST_DAYS) {
        problems.push(("ends_at", "say until when: a day in the future, at most five years from now".to_owned()));
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    Ok(Consent {
        id: ConsentId::new(now, &*instance.chance),
        rule: sent.rule,
        about,
        uses,
        grantee: sent.grantee.trim().to_owned(),
        granted_by: actor.name.clone(),
        words: words?,
        starts_at,
        ends_at,
    })
}

/// Takes a consent back: from now on it opens nothing. Pictures that were made under it stay what they are.
pub async fn revoke_consent(instance: &Instance, actor: &Actor, id: ConsentId, reason: &str) -> Result<StatementId> {
    if !actor.may(Scope::Policies) {
        return Err(Error::Forbidden(Scope::Policies));
    }
    let reason = public_words("reason", reason, "why the consent is taken back", 500)?;
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Policies).await?;
    let kept = storage::consents::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("consent", id))?;
    let policy = policy_of(&kept.consent.rule);
    if !is_steward(&mut tx, policy, &actor.name).await? && !actor.may(Scope::Operate) {
        return Err(Error::invalid("consent", "only a steward of the tradition, or an operator, may take a consent back"));
    }
    if kept.withdrawn.is_some() {
        return Err(Error::Conflict(format!("the consent `{id}` was taken back before")));
    }
    let deed = Deed {
        kind: "consent-revocation",
        subject: vec![subject(policy)],
        actor: actor.name.clone(),
        body: json!({ "consent": id, "reason": reason }),
    };
    let statement = record(&mut tx, instance, now, deed).await?;
    if let Some((grantee, _)) = storage::accounts::find_by_name(&mut tx, &kept.consent.grantee).await? {
        let words = format!("Your consent for “{}” was taken back: {reason}", title(instance, policy));
        told(&mut tx, instance, Some(grantee.id), &words, &format!("/policies/{policy}"), now).await?;
    }
    tx.commit().await?;
    instance.bell.ring();
    Ok(statement)
}
