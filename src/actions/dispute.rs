//! Disputes: opened by anyone with an account, answered by who registered the work, decided by the operators, appealed once by either side.
//! Each step is a statement; the work is kept from use while a dispute on it is open, and everything that stands on it is marked.

use serde_json::json;

use super::affect::{affected, told};
use super::record::{Deed, record};
use super::{Error, Instance, Result};
use crate::accounts::{Actor, Scope};
use crate::digest::Digest;
use crate::id::{DisputeId, StatementId, WorkId};
use crate::ledger::Subject;
use crate::lineage::Cause;
use crate::storage::disputes::DisputeRecord;
use crate::storage::works::WorkRecord;
use crate::storage::{self, Lock, Tx, blobs::Blob};
use crate::works::EvidenceFile;
use crate::works::dispute::{Dispute, DisputeStep, Ground, Ruling, Step, WORDS_LIMIT};

/// What is said with a step.
#[derive(Debug, Clone, Default)]
pub struct Pleading {
    /// In words; public.
    pub words: String,
    /// Evidence: names and bytes, for the parties and the operators.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Pleading {
    fn check(&self) -> Result<()> {
        let mut problems = Vec::new();
        let length = self.words.chars().count();
        if self.words.trim().is_empty()
            || length > WORDS_LIMIT
            || self.words.chars().any(|c| c.is_control() && c != '\n' && c != '\r')
        {
            problems.push(("words", format!("say what you have to say in 1 to {WORDS_LIMIT} characters; it will be public")));
        }
        if let Err(problem) = EvidenceFile::check(&self.files) {
            problems.push(("evidence_files", problem));
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
    }

    fn words(&self) -> String {
        self.words.trim().replace('\r', "")
    }

    /// INVARIANT: the bytes are on disk before a row names them.
    async fn keep(&self, instance: &Instance) -> Result<Vec<(EvidenceFile, Digest)>> {
        let mut kept = Vec::with_capacity(self.files.len());
        for (name, bytes) in &self.files {
            let digest = instance.blobs.put(bytes.clone()).await?;
            let name = name.chars().filter(|c| !c.is_control()).take(200).collect();
            kept.push((EvidenceFile { name, sha256: digest.sha256 }, digest));
        }
        Ok(kept)
    }
}

async fn insert_files(tx: &mut Tx, kept: &[(EvidenceFile, Digest)]) -> Result<Vec<EvidenceFile>> {
    for (_, digest) in kept {
        let blob = Blob { digest: *digest, media_type: "application/octet-stream".to_owned(), pack: None };
        storage::blobs::insert(tx, &blob).await?;
    }
    Ok(kept.iter().map(|(file, _)| file.clone()).collect())
}

async fn the_work(tx: &mut Tx, id: WorkId) -> Result<WorkRecord> {
    storage::works::find(tx, id).await?.ok_or_else(|| Error::not_found("work", id))
}

/// Opens a dispute on a work. From now on nobody may use it, and what stands on it says so.
pub async fn open_dispute(
    instance: &Instance,
    actor: &Actor,
    work: WorkId,
    ground: Ground,
    pleading: Pleading,
) -> Result<(DisputeId, StatementId)> {
    if !actor.may(Scope::Disputes) {
        return Err(Error::Forbidden(Scope::Disputes));
    }
    pleading.check()?;
    let kept = pleading.keep(instance).await?;
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Disputes).await?;
    let found = the_work(&mut tx, work).await?;
    for before in storage::disputes::of_work(&mut tx, work).await? {
        let standing = before.standing();
        if standing.open {
            return Err(Error::Conflict(format!("a dispute on this work is open already: {}", before.dispute.id)));
        }
        // A claim that was looked into is not made again by the same person: an appeal is the way.
        if before.dispute.opened_by == actor.name && before.dispute.ground == ground && standing.ruling == Some(Ruling::Rejected)
        {
            return Err(Error::Conflict(format!("this claim of yours was decided in {}: appeal there", before.dispute.id)));
        }
    }
    let files = insert_files(&mut tx, &kept).await?;
    let id = DisputeId::new(now, &*instance.chance);
    let dispute = Dispute { id, work, ground, words: pleading.words(), files, opened_by: actor.name.clone(), opened_at: now };
    let statement = deed(&mut tx, instance, "dispute", &found, actor, json!({ "dispute": dispute }), now).await?;
    affected(&mut tx, instance, &found.work, Cause::Dispute(id), &actor.name, now).await?;
    let words = format!("A dispute was opened on “{}”: {}.", found.work.title, ground.title());
    told(&mut tx, instance, None, &words, &format!("/disputes/{id}"), now).await?;
    if found.work.registered_by != actor.name
        && let Some((account, _)) = storage::accounts::find_by_name(&mut tx, &found.work.registered_by).await?
    {
        told(&mut tx, instance, Some(account.id), &words, &format!("/disputes/{id}"), now).await?;
    }
    tx.commit().await?;
    instance.bell.ring();
    Ok((id, statement))
}

async fn deed(
    tx: &mut Tx,
    instance: &Instance,
    kind: &'static str,
    work: &WorkRecord,
    actor: &Actor,
    body: serde_json::Value,
    now: crate::clock::Timestamp,
) -> Result<StatementId> {
    let subject = vec![Subject::new(work.work.id.to_string(), work.work.digest)];
    record(tx, instance, now, Deed { kind, subject, actor: actor.name.clone(), body }).await
}

/// What somebody is to a dispute, and so what they may do in it: nobody decides in their own cause.
pub fn may_step(record: &DisputeRecord, registered_by: &str, actor: &Actor, step: Step) -> bool {
    let (opener, registrant) = (record.dispute.opened_by == actor.name, registered_by == actor.name);
    match step {
        Step::Opened => false,
        Step::Answered => registrant && actor.may(Scope::Disputes),
        Step::Decided => actor.may(Scope::Operate) && !opener && !registrant,
        Step::Appealed => (opener || registrant) && actor.may(Scope::Disputes),
    }
}

/// Takes the next step: who registered the work answers, an operator decides (with a `ruling`), either side appeals once. Upheld, every
/// grant on the work is revoked; rejected, the work is as it was.
pub async fn take_step(
    instance: &Instance,
    actor: &Actor,
    id: DisputeId,
    step: Step,
    ruling: Option<Ruling>,
    pleading: Pleading,
) -> Result<StatementId> {
    pleading.check()?;
    let ruling = match step {
        Step::Decided => Some(ruling.ok_or_else(|| Error::invalid("ruling", "say whether the claim is `upheld` or `rejected`"))?),
        _ => None,
    };
    let kept = pleading.keep(instance).await?;
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    tx.lock(Lock::Disputes).await?;
    // No licence is given while those that stand are revoked.
    tx.lock(Lock::Grants).await?;
    let before = storage::disputes::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("dispute", id))?;
    let found = the_work(&mut tx, before.dispute.work).await?;
    if !may_step(&before, &found.work.registered_by, actor, step) {
        return Err(match step {
            Step::Decided if actor.may(Scope::Operate) => {
                Error::invalid("dispute", "nobody decides in their own cause: ask another operator")
            }
            Step::Decided => Error::Forbidden(Scope::Operate),
            Step::Answered => Error::invalid("dispute", "only who registered the work may answer"),
            _ => Error::invalid("dispute", "only who opened the dispute, or who registered the work, may appeal"),
        });
    }
    before.standing().may(step, now).map_err(Error::Conflict)?;
    let files = insert_files(&mut tx, &kept).await?;
    let taken = DisputeStep {
        dispute: id,
        work: found.work.id,
        step,
        words: pleading.words(),
        files,
        ruling,
        by: actor.name.clone(),
        at: now,
    };
    let statement = deed(&mut tx, instance, "dispute-step", &found, actor, json!({ "step": taken }), now).await?;
    match (step, ruling) {
        (Step::Decided, Some(Ruling::Upheld)) => revoke_all(&mut tx, instance, &found, actor, id, now).await?,
        // Kept from use again until the second decision.
        (Step::Appealed, _) => affected(&mut tx, instance, &found.work, Cause::Dispute(id), &actor.name, now).await?,
        _ => {}
    }
    let words = format!("The dispute on “{}” was {}.", found.work.title, ruling.map_or_else(|| step.as_str(), Ruling::as_str));
    let url = format!("/disputes/{id}");
    if step != Step::Decided {
        told(&mut tx, instance, None, &words, &url, now).await?;
    }
    for name in [&before.dispute.opened_by, &found.work.registered_by] {
        if *name != actor.name
            && let Some((account, _)) = storage::accounts::find_by_name(&mut tx, name).await?
        {
            told(&mut tx, instance, Some(account.id), &words, &url, now).await?;
        }
    }
    tx.commit().await?;
    instance.bell.ring();
    Ok(statement)
}

/// What an upheld claim comes to: every grant in force is revoked, each by a statement of its own.
async fn revoke_all(
    tx: &mut Tx,
    instance: &Instance,
    work: &WorkRecord,
    actor: &Actor,
    dispute: DisputeId,
    now: crate::clock::Timestamp,
) -> Result<()> {
    for grant in storage::works::grants(tx, work.work.id).await? {
        if grant.revoked.is_none() && grant.grant.ends_at.is_none_or(|end| now < end) {
            let reason = format!("the dispute {dispute} was upheld");
            let body = json!({ "grant": grant.grant.id, "work": work.work.id, "reason": reason });
            deed(tx, instance, "revocation", work, actor, body, now).await?;
        }
    }
    affected(tx, instance, &work.work, Cause::Dispute(dispute), &actor.name, now).await
}
