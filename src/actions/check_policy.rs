//! The policy check: the same code for the live check in the page and for a picture that is asked for. Gathers the facts (words, names,
//! consents, works that were chosen) and hands them to the policy in force.

use super::request_image::Order;
use super::{Instance, Result};
use crate::accounts::Actor;
use crate::id::WorkId;
use crate::policy::{Decision, Facts, Held, Reference, decide};
use crate::storage::{self, Tx};

/// What the policy in force says of a request by `actor`. Nothing is kept.
pub async fn check_policy(instance: &Instance, tx: &mut Tx, actor: Option<&Actor>, order: &Order) -> Result<Decision> {
    check_with(instance, tx, actor, order, &[], Vec::new()).await
}

/// The same, with rulings that were given on this one request, and pictures handed in.
pub(super) async fn check_with(
    instance: &Instance,
    tx: &mut Tx,
    actor: Option<&Actor>,
    order: &Order,
    rulings: &[Held],
    mut references: Vec<Reference>,
) -> Result<Decision> {
    let now = instance.clock.now();
    let (mut consents, mut memberships) = (rulings.to_vec(), Vec::new());
    if let Some(actor) = actor {
        consents.extend(storage::consents::of_grantee(tx, &actor.name).await?.iter().map(storage::consents::ConsentRecord::held));
        memberships = storage::stewards::memberships(tx, actor.account, now).await?;
    }
    for work in &order.with {
        references.extend(of_work(tx, *work).await?);
    }
    let own = instance.model.model.id;
    let mut models = vec![instance.model.model.card.title.clone()];
    if let Some(id) = order.model.filter(|id| *id != own)
        && let Some(record) = storage::models::find(tx, id).await?
    {
        models = vec![record.model.card.title, record.model.card.name];
    }
    if let Some(adapter) = order.adapter
        && let Some(record) = storage::models::find(tx, adapter).await?
    {
        models.extend([record.model.card.title, record.model.card.name]);
    }
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let facts = Facts {
        prompt: &order.prompt,
        negative: &order.negative,
        style: order.style.as_deref(),
        models: &models,
        titles: &[&order.title],
        references: &references,
        use_: order.use_,
        region: order.region.as_deref(),
        consents: &consents,
        memberships: &memberships,
    };
    Ok(decide(&instance.policies(), &facts, now))
}

/// What is known of a registered work besides its licence: its title, and what communities say of it.
pub(super) async fn of_work(tx: &mut Tx, id: WorkId) -> Result<Option<Reference>> {
    let Some(record) = storage::works::find(tx, id).await? else { return Ok(None) };
    let projects = storage::projects::of_work(tx, id).await?;
    Ok(Some(Reference { name: record.work.title.clone(), words: vec![record.work.title], projects, ..Reference::default() }))
}
