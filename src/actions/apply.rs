//! A statement → the public tables. `record` calls it when a deed is done, `rebuild` and `refill` when a log is replayed, so the tables
//! can hold nothing that the log does not say.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Error, Result};
use crate::clock::Timestamp;
use crate::id::{ConsentId, DatasetId, GrantId, StatementId, WorkId};
use crate::ledger::Statement;
use crate::ledger::keyring::{AddedKey, EndedKey, KEY, KEY_END};
use crate::lineage::{Agreement, Dataset, ImpactPart, Model, Run};
use crate::policy::review::{Ruled, Steward};
use crate::policy::{Consent, Project};
use crate::storage::consents::Withdrawal;
use crate::storage::images::Image;
use crate::storage::keys::KeyEnd;
use crate::storage::models::BundleRecord;
use crate::storage::works::Revocation;
use crate::storage::{self, Tx};
use crate::works::dispute::{Dispute, DisputeStep};
use crate::works::licence::Concluded;
use crate::works::{Grant, Reservation, Work};

#[derive(Deserialize)]
struct Head {
    statement: StatementId,
    recorded_at: Timestamp,
}

#[derive(Deserialize)]
struct WorkBody {
    work: Work,
    grants: Vec<Grant>,
}

#[derive(Deserialize)]
struct GrantBody {
    grant: Grant,
}

#[derive(Deserialize)]
struct RevocationBody {
    grant: GrantId,
    reason: String,
}

#[derive(Deserialize)]
struct ConclusionBody {
    grant: GrantId,
    concluded: Concluded,
}

#[derive(Deserialize)]
struct ReservationBody {
    work: WorkId,
    reservations: Vec<Reservation>,
}

#[derive(Deserialize)]
struct DisputeBody {
    dispute: Dispute,
}

#[derive(Deserialize)]
struct DisputeStepBody {
    step: DisputeStep,
}

#[derive(Deserialize)]
struct DatasetWorksBody {
    dataset: DatasetId,
    works: Vec<WorkId>,
}

#[derive(Deserialize)]
struct DatasetBody {
    dataset: Dataset,
}

#[derive(Deserialize)]
struct ModelBody {
    model: Model,
}

#[derive(Deserialize)]
struct RunBody {
    run: Run,
}

#[derive(Deserialize)]
struct BundleBody {
    bundle: BundleRecord,
}

#[derive(Deserialize)]
struct StewardBody {
    steward: Steward,
}

#[derive(Deserialize)]
struct StewardEndBody {
    tradition: String,
    name: String,
    actor: String,
}

#[derive(Deserialize)]
struct ConsentBody {
    consent: Consent,
}

#[derive(Deserialize)]
struct ConsentRevocationBody {
    consent: ConsentId,
    reason: String,
    actor: String,
}

#[derive(Deserialize)]
struct RulingBody {
    ruling: Ruled,
}

#[derive(Deserialize)]
struct ProjectBody {
    work: WorkId,
    project: Project,
}

#[derive(Deserialize)]
struct ImpactBody {
    impact: ImpactPart,
}

#[derive(Deserialize)]
struct AgreementBody {
    agreement: Agreement,
}

#[derive(Deserialize)]
struct KeyBody {
    key: AddedKey,
    actor: String,
}

#[derive(Deserialize)]
struct KeyEndBody {
    key: EndedKey,
    actor: String,
}

#[derive(Deserialize)]
struct ImageBody {
    image: Image,
}

fn read<T: DeserializeOwned>(statement: &Statement) -> Result<T> {
    T::deserialize(&statement.predicate)
        .map_err(|e| Error::internal(format!("a statement of kind `{}` can't be applied: {e}", statement.name)))
}

/// A statement's own name, and when it was recorded.
pub(super) fn name_and_time(statement: &Statement) -> Result<(StatementId, Timestamp)> {
    let Head { statement: id, recorded_at } = read(statement)?;
    Ok((id, recorded_at))
}

/// Changes the public tables as `statements` say, one after the other. Works that stand side by side, as an import brings them, go in together.
pub async fn apply_all(tx: &mut Tx, statements: &[Statement]) -> Result<()> {
    let mut rest = statements;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|s| s.name == "work").count();
        if run > 0 {
            works(tx, &rest[..run]).await?;
        } else {
            apply(tx, first).await?;
        }
        rest = &rest[run.max(1)..];
    }
    Ok(())
}

/// Registrations: the works, the grants given with them, and the opt-outs seen in their files.
async fn works(tx: &mut Tx, statements: &[Statement]) -> Result<()> {
    let mut bodies: Vec<(Head, WorkBody)> = Vec::with_capacity(statements.len());
    for statement in statements {
        bodies.push((read(statement)?, read(statement)?));
    }
    let all: Vec<_> = bodies.iter().map(|(head, body)| (&body.work, head.statement)).collect();
    storage::works::insert_all(tx, &all).await?;
    let grants: Vec<_> = bodies.iter().flat_map(|(head, body)| body.grants.iter().map(|g| (g, head.statement))).collect();
    storage::works::insert_grants(tx, &grants).await?;
    for (head, body) in &bodies {
        let work = &body.work;
        storage::terms::insert_reservations(tx, work.id, &work.reservations, head.recorded_at, head.statement).await?;
    }
    Ok(())
}

/// Changes the public tables as `statement` says. Its signature is the caller's business.
pub async fn apply(tx: &mut Tx, statement: &Statement) -> Result<()> {
    let Head { statement: id, recorded_at } = read(statement)?;
    match statement.name.as_str() {
        "work" => works(tx, std::slice::from_ref(statement)).await?,
        "grant" => storage::works::insert_grant(tx, &read::<GrantBody>(statement)?.grant, id).await?,
        "revocation" => {
            let body: RevocationBody = read(statement)?;
            let revocation = Revocation { at: recorded_at, reason: body.reason, statement: id };
            if !storage::works::revoke_grant(tx, body.grant, &revocation).await? {
                return Err(Error::Conflict(format!("the grant `{}` was revoked before", body.grant)));
            }
        }
        "impact" => {
            let part = read::<ImpactBody>(statement)?.impact;
            storage::impacts::insert(tx, part.work, part.since, part.dispute, &part.abouts(), id).await?;
        }
        "conclusion" => {
            let body: ConclusionBody = read(statement)?;
            if !storage::works::conclude(tx, body.grant, &body.concluded).await? {
                return Err(Error::Conflict(format!("there is no grant `{}` to conclude on", body.grant)));
            }
        }
        "reservation" => {
            let body: ReservationBody = read(statement)?;
            storage::terms::insert_reservations(tx, body.work, &body.reservations, recorded_at, id).await?;
        }
        "dispute" => storage::disputes::insert(tx, &read::<DisputeBody>(statement)?.dispute, id).await?,
        "dispute-step" => storage::disputes::insert_step(tx, &read::<DisputeStepBody>(statement)?.step, id).await?,
        "dataset-works" => {
            let body: DatasetWorksBody = read(statement)?;
            storage::datasets::insert_works(tx, body.dataset, &body.works).await?;
        }
        "dataset" => storage::datasets::insert(tx, &read::<DatasetBody>(statement)?.dataset, id).await?,
        "model" => storage::models::insert(tx, &read::<ModelBody>(statement)?.model, id).await?,
        "run" => storage::runs::insert(tx, &read::<RunBody>(statement)?.run, id).await?,
        "bundle" => storage::models::insert_bundle(tx, &read::<BundleBody>(statement)?.bundle, id).await?,
        "steward" => storage::stewards::insert(tx, &read::<StewardBody>(statement)?.steward, id).await?,
        "steward-end" => {
            let body: StewardEndBody = read(statement)?;
            if !storage::stewards::end(tx, &body.tradition, &body.name, recorded_at, &body.actor).await? {
                return Err(Error::Conflict(format!("`{}` is no steward of `{}`", body.name, body.tradition)));
            }
        }
        "consent" => storage::consents::insert(tx, &read::<ConsentBody>(statement)?.consent, id).await?,
        "consent-revocation" => {
            let body: ConsentRevocationBody = read(statement)?;
            let withdrawal = Withdrawal { at: recorded_at, by: body.actor, reason: body.reason, statement: id };
            if !storage::consents::withdraw(tx, body.consent, &withdrawal).await? {
                return Err(Error::Conflict(format!("the consent `{}` was taken back before", body.consent)));
            }
        }
        "ruling" => storage::reviews::insert_ruling(tx, &read::<RulingBody>(statement)?.ruling, id).await?,
        "project" => {
            let body: ProjectBody = read(statement)?;
            storage::projects::insert(tx, body.work, &body.project, recorded_at, id).await?;
        }
        "agreement" => storage::agreements::insert(tx, &read::<AgreementBody>(statement)?.agreement, id).await?,
        KEY => {
            let body: KeyBody = read(statement)?;
            if let Some(old) = &body.key.replaces {
                let end = KeyEnd { at: recorded_at, reason: "replaced by another key".to_owned(), statement: id };
                if !storage::keys::end(tx, old, &body.actor, &end).await? {
                    return Err(Error::Conflict(format!("`{old}` is no key of `{}` that is in force", body.actor)));
                }
            }
            storage::keys::insert(tx, &body.key, &body.actor, recorded_at, id).await?;
        }
        KEY_END => {
            let body: KeyEndBody = read(statement)?;
            let end = KeyEnd { at: recorded_at, reason: body.key.reason, statement: id };
            if !storage::keys::end(tx, &body.key.keyid, &body.actor, &end).await? {
                return Err(Error::Conflict(format!("`{}` is no key of `{}` that is in force", body.key.keyid, body.actor)));
            }
        }
        "image" => storage::images::insert(tx, &read::<ImageBody>(statement)?.image, id).await?,
        other => return Err(Error::internal(format!("no table is kept for statements of kind `{other}`"))),
    }
    Ok(())
}
