//! Putting another policy bundle in force while the service runs: read, checked against its own cases, recorded, and only then swapped in.
//! One that can't be used changes nothing, and the reason is kept for everybody who runs the service.

use super::affect::told;
use super::record::{Deed, record};
use super::{Error, Instance, Result, found};
use crate::clock::Timestamp;
use crate::digest::{Digest, Sha256Hash};
use crate::ledger::Subject;
use crate::policy::Bundle;
use crate::storage::Tx;
use crate::storage::models::BundleRecord;

/// What a reload came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// The files are those in force.
    Same(Sha256Hash),
    /// Another bundle is in force now.
    Changed(Sha256Hash),
}

/// Reads the folder of policies again. On failure the bundle in force stays.
pub async fn reload_policies(instance: &Instance) -> Result<Reloaded> {
    let outcome = swap(instance).await;
    let problem = outcome.as_ref().err().map(ToString::to_string);
    let known = instance.set_policy_problem(problem.clone());
    if let Some(problem) = problem.filter(|p| known.as_ref() != Some(p)) {
        let now = instance.clock.now();
        let mut tx = instance.store.begin().await?;
        let first = problem.lines().take(2).collect::<Vec<_>>().join(" ");
        told(&mut tx, instance, None, &format!("The changed policy files are not in force: {first}"), "/policies", now).await?;
        tx.commit().await?;
    }
    outcome
}

async fn swap(instance: &Instance) -> Result<Reloaded> {
    let folder = instance.policies_dir.clone();
    // Reading, compiling and testing take milliseconds of a core: not on the threads that answer.
    let before = instance.policies();
    let read = tokio::task::spawn_blocking(move || found::policies_after(folder.as_deref(), Some(&before)));
    let bundle = read.await.map_err(Error::internal)??;
    if bundle.hash() == instance.policies().hash() {
        return Ok(Reloaded::Same(bundle.hash()));
    }
    let bundle = tokio::task::spawn_blocking(move || tested(bundle)).await.map_err(Error::internal)??;
    let hash = bundle.hash();
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    put_in_force(&mut tx, instance, &bundle, now).await?;
    tx.commit().await?;
    // INVARIANT: the log names a bundle before it decides.
    instance.set_policies(bundle);
    instance.bell.ring();
    Ok(Reloaded::Changed(hash))
}

/// A bundle whose own cases all come out as written.
pub(super) fn tested(bundle: Bundle) -> Result<Bundle> {
    let problems = bundle.check_cases();
    if problems.is_empty() {
        return Ok(bundle);
    }
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Err(Error::Internal(format!("the policy bundle fails its own cases, so it is not put in force:\n{}", lines.join("\n"))))
}

/// The statement that a bundle is in force from now on.
pub(super) async fn put_in_force(tx: &mut Tx, instance: &Instance, bundle: &Bundle, now: Timestamp) -> Result<()> {
    let kept = BundleRecord {
        sha256: bundle.hash(),
        name: bundle.name().to_owned(),
        version: bundle.version().to_owned(),
        policies: bundle.policies().len() as u64,
        in_force_from: now,
    };
    let deed = Deed {
        kind: "bundle",
        subject: vec![Subject::new("policies", Digest::of(bundle.listing().as_bytes()))],
        actor: instance.site.name.clone(),
        body: serde_json::json!({ "bundle": kept }),
    };
    record(tx, instance, now, deed).await.map(drop)
}
