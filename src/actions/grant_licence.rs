//! Giving a further licence on a registered work: to everyone or to one account, for all uses or for some, with dates and places.

use serde::Deserialize;
use serde_json::json;

use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{GrantId, StatementId, WorkId};
use crate::ledger::Subject;
use crate::storage::{self, Lock, blobs::Blob};
use crate::works::dispute::Ruling;
use crate::works::licence::{LICENCE_LIMIT, UNKNOWN_AUTHOR};
use crate::works::{Grant, GrantScope, TEXT_LIMIT, Usage};

/// Longest terms in words of their own, bytes.
pub const TERMS_LIMIT: usize = 65_535;

/// What is granted, as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Granting {
    /// SPDX identifier or `LicenseRef-…`; may be left out when `terms` are sent.
    pub licence: String,
    /// Where its text stands.
    pub licence_url: String,
    /// Terms in words of their own: kept as a public blob, named by their hash.
    pub terms: String,
    /// What the declaration rests on. A direct grant needs some.
    pub evidence: String,
    /// From when; at once when left out.
    pub starts_at: Option<Timestamp>,
    /// Until when; without end when left out.
    pub ends_at: Option<Timestamp>,
    /// For these uses alone.
    pub uses: Vec<Usage>,
    /// To this account alone.
    pub grantee: Option<String>,
    /// In these countries alone (ISO 3166-1 alpha-2).
    pub territory: Vec<String>,
    /// To nobody else while it lasts.
    pub exclusive: bool,
}

/// Gives a licence on a work, by who registered it or an operator. Refused while it would break a promise: an exclusive grant leaves no
/// room for another that overlaps it, and a dispute that was upheld leaves the word to the operators.
pub async fn grant_licence(instance: &Instance, actor: &Actor, work: WorkId, sent: Granting) -> Result<(GrantId, StatementId)> {
    if !actor.may(Scope::Grants) {
        return Err(Error::Forbidden(Scope::Grants));
    }
    let now = instance.clock.now();
    let terms = (!sent.terms.trim().is_empty()).then(|| sent.terms.trim().as_bytes().to_vec());
    let digest = terms.as_deref().map(Digest::of);
    let mut grant = checked(instance, actor, work, &sent, digest.as_ref(), now)?;
    if let Some(terms) = terms {
        // INVARIANT: the bytes are on disk before a row names them.
        instance.blobs.put(terms).await?;
    }
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Grants).await?;
    let found = storage::works::find(&mut tx, work).await?.ok_or_else(|| Error::not_found("work", work))?;
    if found.work.registered_by != actor.name && !actor.may(Scope::Operate) {
        return Err(Error::invalid("work", "only who registered a work, or an operator, may give licences on it"));
    }
    if !actor.may(Scope::Operate)
        && let Some(lost) =
            storage::disputes::of_work(&mut tx, work).await?.iter().find(|d| d.standing().ruling == Some(Ruling::Upheld))
    {
        let id = lost.dispute.id;
        return Err(Error::Conflict(format!(
            "the dispute {id} was upheld, so only an operator gives licences on this work: appeal there"
        )));
    }
    if let Some(name) = &grant.scope.grantee
        && storage::accounts::find_by_name(&mut tx, name).await?.is_none()
    {
        return Err(Error::invalid("grantee", format!("no account is called `{name}`")));
    }
    let before = storage::works::grants(&mut tx, work).await?;
    grant.follow(&before.iter().map(|g| &g.grant).collect::<Vec<_>>(), found.work.author != UNKNOWN_AUTHOR);
    for other in &before {
        let one_alone = other.grant.scope.exclusive || grant.scope.exclusive;
        if one_alone && other.revoked.is_none() && grant.overlaps(&other.grant) {
            let given = format!("`{}` was given {}", other.grant.id, other.grant.scope.sentence());
            return Err(Error::Conflict(format!(
                "{given}, and the two overlap while one is exclusive: revoke it first, or change uses, dates or places"
            )));
        }
    }
    if let Some(digest) = digest {
        storage::blobs::insert(&mut tx, &Blob { digest, media_type: "text/plain".to_owned(), pack: None }).await?;
    }
    let deed = Deed {
        kind: "grant",
        subject: vec![Subject::new(work.to_string(), found.work.digest)],
        actor: actor.name.clone(),
        body: json!({ "grant": grant }),
    };
    let id = grant.id;
    let statement = record(&mut tx, instance, now, deed).await?;
    tx.commit().await?;
    instance.bell.ring();
    Ok((id, statement))
}

/// The grant, if everything in it can be; otherwise every field that can't.
fn checked(
    instance: &Instance,
    actor: &Actor,
    work: WorkId,
    sent: &Granting,
    terms: Option<&Digest>,
    now: Timestamp,
) -> Result<Grant> {
    let mut problems = Vec::new();
    let licence = match (sent.licence.trim(), terms) {
        ("", Some(digest)) => format!("LicenseRef-{}", digest.sha256.short()),
        (named, _) => named.to_owned(),
    };
    if licence.is_empty()
        || licence.chars().count() > LICENCE_LIMIT
        || !licence.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+".contains(&b))
    {
        problems.push(("licence", "name the licence by its SPDX identifier, such as `CC-BY-4.0`, or send its terms".to_owned()));
    }
    for (field, text) in [("licence_url", &sent.licence_url), ("evidence", &sent.evidence)] {
        if text.chars().count() > TEXT_LIMIT || text.chars().any(char::is_control) {
            problems.push((field, format!("{field} has at most {TEXT_LIMIT} characters and no control characters")));
        }
    }
    if sent.terms.len() > TERMS_LIMIT || sent.terms.contains('\0') {
        problems.push((
            "terms",
            format!("terms have at most {TERMS_LIMIT} bytes and no NUL: keep a longer text elsewhere and give its address"),
        ));
    }
    if !sent.uses.is_empty() && sent.evidence.trim().is_empty() {
        problems.push((
            "evidence",
            "a direct grant needs evidence: say what it rests on, such as a signed letter and its hash".to_owned(),
        ));
    }
    let starts_at = sent.starts_at.unwrap_or(now);
    if sent.ends_at.is_some_and(|end| end <= starts_at || end <= now) {
        problems.push(("ends_at", "a grant ends after it starts, and not in the past".to_owned()));
    }
    if sent.exclusive && sent.grantee.is_none() {
        problems.push(("exclusive", "what is given to everyone can't be exclusive: name a grantee".to_owned()));
    }
    if sent.territory.iter().any(|code| code.len() != 2 || !code.bytes().all(|b| b.is_ascii_uppercase())) {
        problems.push(("territory", "name countries by two capital letters (ISO 3166-1 alpha-2), such as `NZ`".to_owned()));
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let (mut uses, mut territory) = (sent.uses.clone(), sent.territory.clone());
    uses.sort_unstable();
    uses.dedup();
    territory.sort_unstable();
    territory.dedup();
    Ok(Grant {
        id: GrantId::new(now, &*instance.chance),
        work,
        licence,
        licence_url: sent.licence_url.trim().to_owned(),
        declared_by: actor.name.clone(),
        evidence: sent.evidence.trim().to_owned(),
        starts_at,
        ends_at: sent.ends_at,
        scope: GrantScope {
            uses,
            grantee: sent.grantee.clone(),
            territory,
            exclusive: sent.exclusive,
            terms: terms.map(|digest| digest.sha256),
        },
        detected: Vec::new(),
        concluded: None,
    })
}
