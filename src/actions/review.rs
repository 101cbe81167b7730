//! Asking a person: a request that a rule sends to one, or an appeal against an answer. A steward of the tradition rules, or an operator where
//! there is none; rule by rule, in public, without a word of what was asked. When nothing stands in the way any more the picture is queued.

use serde_json::json;

use super::affect::told;
use super::appoint_steward::{has_steward, is_steward, public_words, subject};
use super::check_policy::check_with;
use super::material::origin;
use super::record::{Deed, record};
use super::request_image::{Order, queue};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::clock::Timestamp;
use crate::id::{ConsentId, DecisionId, JobId, ReviewId, StatementId};
use crate::policy::review::{REVIEW_WORDS, ReviewKind, ReviewState, Ruled, Ruling};
use crate::policy::{Consent, Decision, Fired, Held, Outcome};
use crate::storage::decisions::DecisionRecord;
use crate::storage::reviews::Review;
use crate::storage::{self, Lock, Tx};

/// Hours for which a ruling opens the one request it was given on: enough to queue it.
const RULING_DAYS: i64 = 1;

/// Asks a person about a decision of one's own.
pub async fn open_review(instance: &Instance, actor: &Actor, decision: DecisionId, words: &str) -> Result<Review> {
    if !actor.may(Scope::Images) {
        return Err(Error::Forbidden(Scope::Images));
    }
    let words = words.trim().replace('\r', "");
    if words.chars().count() > REVIEW_WORDS || words.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Error::invalid("words", format!("say what a person should know in at most {REVIEW_WORDS} characters")));
    }
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    let found = storage::decisions::find(&mut tx, decision).await?.filter(|d| d.account == Some(actor.account));
    let found = found.ok_or_else(|| Error::not_found("decision", decision))?;
    let kind = ReviewKind::of(found.decision.outcome)
        .ok_or_else(|| Error::Conflict("this request was allowed: there is nothing to look at".to_owned()))?;
    if found.request.is_none() {
        return Err(Error::Conflict("the words of this request are no longer on record: ask again".to_owned()));
    }
    if let Some(before) = storage::reviews::of_decision(&mut tx, decision).await? {
        return Err(Error::Conflict(format!("a person was asked about this already: see {}", before.id)));
    }
    let review = Review {
        id: ReviewId::new(now, &*instance.chance),
        decision,
        account: actor.account,
        kind,
        words,
        state: ReviewState::Open,
        opened_at: now,
        due_at: now.plus_days(kind.days()),
        closed_at: None,
        job: None,
    };
    storage::reviews::insert(&mut tx, &review).await?;
    let url = format!("/reviews/{}", review.id);
    let mut asked = Vec::new();
    for policy in in_the_way(&found.decision).map(|f| &f.policy) {
        for steward in storage::stewards::of(&mut tx, policy).await?.into_iter().filter(|s| s.ended.is_none()) {
            if !asked.contains(&steward.steward.name) {
                asked.push(steward.steward.name);
            }
        }
    }
    let due = review.due_at.day();
    for name in &asked {
        if let Some((account, _)) = storage::accounts::find_by_name(&mut tx, name).await? {
            told(&mut tx, instance, Some(account.id), &format!("A request waits for your ruling, until {due}."), &url, now)
                .await?;
        }
    }
    told(&mut tx, instance, None, &format!("A request waits for a person, until {due}."), &url, now).await?;
    tx.commit().await?;
    Ok(review)
}

/// The rules of a decision that stand in the way of the picture.
pub fn in_the_way(decision: &Decision) -> impl Iterator<Item = &Fired> {
    decision.rules.iter().filter(|f| f.outcome > Outcome::AllowWithNotice)
}

/// As what somebody may rule on a policy's rules: its `steward`; `operator` where it has none, or where only to say that the rule was not met
/// or stands. `None`: not at all. Nobody rules on a request of their own.
pub async fn rules_as(tx: &mut Tx, actor: &Actor, review: &Review, policy: &str) -> Result<Option<&'static str>> {
    if actor.account == review.account || !actor.may(Scope::Policies) {
        return Ok(None);
    }
    if is_steward(tx, policy, &actor.name).await? {
        return Ok(Some("steward"));
    }
    Ok(actor.may(Scope::Operate).then_some("operator"))
}

/// Whether somebody may see a request with its words: whoever asked, an operator, a steward of a tradition it is about.
pub async fn may_see(tx: &mut Tx, actor: &Actor, review: &Review, decision: &Decision) -> Result<bool> {
    if actor.account == review.account || actor.may(Scope::Operate) {
        return Ok(true);
    }
    for fired in in_the_way(decision) {
        if rules_as(tx, actor, review, &fired.policy).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Rules on one rule of a request. The last ruling closes it: refused when one stands, otherwise the picture is queued.
pub async fn rule_on(
    instance: &Instance,
    actor: &Actor,
    id: ReviewId,
    rule: &str,
    ruling: Ruling,
    reason: &str,
) -> Result<StatementId> {
    let reason = public_words("reason", reason, "why, without repeating what was asked,", REVIEW_WORDS)?;
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Policies).await?;
    let (review, asked) = open_one(&mut tx, id, now).await?;
    let fired = in_the_way(&asked.decision)
        .find(|f| f.key() == rule)
        .ok_or_else(|| Error::invalid("rule", format!("`{rule}` does not stand in the way of this request")))?;
    let role = rules_as(&mut tx, actor, &review, &fired.policy).await?;
    let role = role.ok_or_else(|| match actor.account == review.account {
        true => Error::invalid("review", "nobody rules on a request of their own"),
        false => Error::invalid("review", "only a steward of this tradition, or an operator, may rule here"),
    })?;
    if role == "operator" && ruling == Ruling::Granted {
        if has_steward(&mut tx, &fired.policy).await? {
            return Err(Error::invalid("ruling", "this tradition has a steward: only they may grant it"));
        }
        // Unknown authority is treated as no.
        if fired.stated.unwrap_or(fired.outcome) != Outcome::HumanReview {
            return Err(Error::invalid(
                "ruling",
                "this rule wants the word of the people concerned, and nobody here answers for them: say that it stands, or that it was \
                 not met",
            ));
        }
    }
    let said = storage::reviews::rulings(&mut tx, id).await?;
    if said.iter().any(|(r, _)| r.rule == rule) {
        return Err(Error::Conflict(format!("`{rule}` was ruled on already")));
    }
    let ruled = Ruled {
        review: id,
        kind: review.kind,
        rule: rule.to_owned(),
        ruling,
        reason,
        by: actor.name.clone(),
        as_role: role.to_owned(),
        at: now,
    };
    let deed = Deed {
        kind: "ruling",
        subject: vec![subject(&fired.policy)],
        actor: actor.name.clone(),
        body: json!({ "ruling": ruled }),
    };
    let statement = record(&mut tx, instance, now, deed).await?;
    let mut said: Vec<Ruled> = said.into_iter().map(|(r, _)| r).collect();
    said.push(ruled);
    let open = in_the_way(&asked.decision).any(|f| !said.iter().any(|r| r.rule == f.key()));
    if ruling == Ruling::Refused {
        close(&mut tx, instance, &review, ReviewState::Refused, None, now).await?;
    } else if !open {
        let job = grant(&mut tx, instance, &review, &asked, &said, now).await?;
        let state = if job.is_some() { ReviewState::Granted } else { ReviewState::Refused };
        close(&mut tx, instance, &review, state, job, now).await?;
    }
    tx.commit().await?;
    instance.bell.ring();
    Ok(statement)
}

/// Calls one's own request off.
pub async fn withdraw_review(instance: &Instance, actor: &Actor, id: ReviewId) -> Result<()> {
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    let (review, _) = open_one(&mut tx, id, now).await?;
    if review.account != actor.account {
        return Err(Error::not_found("review", id));
    }
    storage::reviews::close(&mut tx, id, ReviewState::Withdrawn, None, now).await?;
    Ok(tx.commit().await?)
}

async fn open_one(tx: &mut Tx, id: ReviewId, now: Timestamp) -> Result<(Review, DecisionRecord)> {
    let review = storage::reviews::find(tx, id).await?.ok_or_else(|| Error::not_found("review", id))?;
    let state = review.stands(now);
    if state != ReviewState::Open {
        return Err(Error::Conflict(format!("this request is closed: it is {state}")));
    }
    let asked =
        storage::decisions::find(tx, review.decision).await?.ok_or_else(|| Error::not_found("decision", review.decision))?;
    Ok((review, asked))
}

async fn close(
    tx: &mut Tx,
    instance: &Instance,
    review: &Review,
    state: ReviewState,
    job: Option<JobId>,
    now: Timestamp,
) -> Result<()> {
    if !storage::reviews::close(tx, review.id, state, job, now).await? {
        return Err(Error::Conflict("somebody closed this request just now".to_owned()));
    }
    let (words, url) = match job {
        Some(job) => ("A person allowed your request: the picture is being made.".to_owned(), format!("/jobs/{job}")),
        None => ("A person looked at your request: the answer stands.".to_owned(), format!("/reviews/{}", review.id)),
    };
    told(tx, instance, Some(review.account), &words, &url, now).await
}

/// Decides again, with the rulings as consents to this one request, and queues the picture. `None` when the bundle has changed meanwhile and
/// something else stands in the way now.
async fn grant(
    tx: &mut Tx,
    instance: &Instance,
    review: &Review,
    asked: &DecisionRecord,
    said: &[Ruled],
    now: Timestamp,
) -> Result<Option<JobId>> {
    let Some(account) = storage::accounts::find(tx, review.account).await? else { return Ok(None) };
    let request = asked.request.clone().ok_or_else(|| Error::internal("a request under review has no words on record"))?;
    let order: Order = serde_json::from_value(request).map_err(Error::internal)?;
    let actor = Actor { account: account.id, name: account.name.clone(), scopes: account.roles.scopes() };
    let held: Vec<Held> = said
        .iter()
        .map(|ruled| Held {
            consent: Consent {
                id: ConsentId::derived(review.id.to_string().as_bytes()),
                rule: ruled.rule.clone(),
                about: None,
                uses: vec![order.use_],
                grantee: account.name.clone(),
                granted_by: ruled.by.clone(),
                words: String::new(),
                starts_at: now,
                ends_at: now.plus_days(RULING_DAYS),
            },
            revoked_at: None,
            reference: review.id.to_string(),
            ruling: true,
        })
        .collect();
    let mut references = Vec::new();
    if let Some(parent) = order.parent {
        references.push(origin(instance, tx, parent, Some((account.id, &account.name))).await?.reference(tx).await?);
    }
    let mut decision = check_with(instance, tx, Some(&actor), &order, &held, references).await?;
    decision.reviewer = said.last().map(|r| format!("{}, {}", r.by, r.as_role));
    let allowed = decision.outcome <= Outcome::AllowWithNotice;
    let id = DecisionId::new(now, &*instance.chance);
    decision.id = Some(id);
    let request = serde_json::to_value(&order).map_err(Error::internal)?;
    storage::decisions::insert(tx, id, Some(account.id), &decision, &request, now).await?;
    if !allowed {
        return Ok(None);
    }
    Ok(Some(queue(tx, instance, (account.id, id), &order, (None, false), None, now).await?.id))
}
