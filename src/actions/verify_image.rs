//! Verifying a file: is it what it claims, is it in the log, what has happened to its works since, and what does it show where
//! its credentials do not say?

use serde::Serialize;

use super::receipt::receipt;
use super::recover::{RecoveredCredentials, beside};
use super::{Instance, Result};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{ImageId, StatementId, WorkId};
use crate::ledger::{Envelope, Receipt, ReceiptError, Verifier};
use crate::provenance::{Finding, Limits, Standing, TrustAnchors, Verdict, verify};
use crate::storage;
use crate::works::Usage;

/// Whether the file's statement stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Logged {
    /// It does, proved by a receipt.
    Proved {
        /// Its place, from 0.
        index: u64,
        /// Entries of the log when the receipt was made.
        size: u64,
        /// Name of the log.
        origin: String,
    },
    /// It is recorded and waits for its place.
    Waiting,
    /// The receipt is of another log.
    OtherLog {
        /// What is said of it.
        reason: String,
    },
    /// The receipt proves nothing about this file.
    NotProved {
        /// Why.
        reason: String,
    },
    /// There is no receipt at hand.
    Unchecked,
    /// This log knows nothing of the file.
    Unknown,
}

/// Everything found out about one file.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Of its bytes.
    pub digest: Digest,
    /// What its credentials say, and whether they hold.
    pub verdict: Verdict,
    /// Whether it is in the log.
    pub logged: Logged,
    /// Works drawn on whose grant was revoked since, with when.
    pub revoked: Vec<Revoked>,
    /// What it shows, where its own credentials do not say so and an image of this registry is like it.
    pub recovered: Option<RecoveredCredentials>,
    /// The whole finding in one or two sentences.
    pub sentence: String,
}

/// A work whose grant was revoked after the picture was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revoked {
    /// The work.
    pub work: WorkId,
    /// Its title.
    pub title: String,
    /// Since when.
    pub since: Timestamp,
    /// In the words of who revoked it.
    pub reason: String,
}

/// Checks a file against our own root, log and registry.
pub async fn verify_image(instance: &Instance, bytes: Vec<u8>) -> Result<Report> {
    let digest = Digest::of(&bytes);
    let signer = instance.keys.image_signer();
    let check = move || (verify(&bytes, signer.trust(), &Limits::default()), bytes);
    let (verdict, bytes) = tokio::task::spawn_blocking(check).await.map_err(super::Error::internal)?;
    let mut tx = instance.store.read().await?;
    let mut logged = if verdict.finding == Finding::NoManifest || verdict.finding == Finding::Unreadable {
        Logged::Unchecked
    } else {
        Logged::Unknown
    };
    let mut revoked = Vec::new();
    if let Some(statement) = statement_of(&verdict)
        && storage::log::find(&mut tx, statement).await?.is_some()
    {
        logged = match receipt(instance, &mut tx, statement).await? {
            Some(receipt) => {
                check_receipt(&receipt, instance.keys.log.verifier(), &instance.site.log_origin, &digest, Some(statement))
            }
            None => Logged::Waiting,
        };
    }
    for work in works_of(&verdict) {
        revoked.extend(revocation(&mut tx, work, instance.clock.now()).await?);
    }
    let on_record = verdict.is_ours() || storage::images::find_by_sha256(&mut tx, digest.sha256).await?.is_some();
    drop(tx);
    let recovered = if on_record { None } else { beside(instance, &verdict, bytes).await };
    let sentence = sentence(&verdict, &logged);
    Ok(Report { digest, verdict, logged, revoked, recovered, sentence })
}

/// Checks a file with nothing but a root, a log's key and a receipt: no registry, no network.
pub fn verify_offline(bytes: &[u8], trust: &TrustAnchors, log: Option<(&Receipt, &Verifier, &str)>) -> Report {
    let digest = Digest::of(bytes);
    let verdict = verify(bytes, trust, &Limits::default());
    let logged = match log {
        None => Logged::Unchecked,
        Some((receipt, verifier, origin)) => check_receipt(receipt, verifier, origin, &digest, statement_of(&verdict)),
    };
    let sentence = sentence(&verdict, &logged);
    Report { digest, verdict, logged, revoked: vec![], recovered: None, sentence }
}

/// The statement that a file names as its own.
pub fn statement_of(verdict: &Verdict) -> Option<StatementId> {
    verdict.claim.as_ref()?.statement.as_ref().map(|s| s.statement_id)
}

/// The image that a file says it is.
pub fn image_of(verdict: &Verdict) -> Option<ImageId> {
    verdict.claim.as_ref()?.image.as_ref().map(|i| i.image)
}

fn works_of(verdict: &Verdict) -> Vec<WorkId> {
    let licences = verdict.claim.as_ref().and_then(|c| c.licences.as_ref());
    licences.map(|l| l.works.iter().chain(&l.near).map(|w| w.work).collect()).unwrap_or_default()
}

/// Since when a work may no longer be used by everyone, when that is so because a grant was revoked or because it is disputed.
pub async fn revocation(tx: &mut storage::Tx, work: WorkId, now: Timestamp) -> Result<Option<Revoked>> {
    let terms = storage::terms::of(tx, work).await?;
    let title = storage::works::find(tx, work).await?.map(|w| w.work.title).unwrap_or_default();
    if let Some(about) = &terms.disputed {
        let open = storage::disputes::of_work(tx, work).await?.into_iter().find(|d| d.standing().open);
        if let Some(open) = open {
            let reason = format!("it is disputed: {about}");
            return Ok(Some(Revoked { work, title, since: open.dispute.opened_at, reason }));
        }
    }
    if Usage::ALL.into_iter().any(|usage| terms.verdict(usage, "", now).permits()) {
        return Ok(None);
    }
    let grants = storage::works::grants(tx, work).await?;
    let last = grants.into_iter().filter_map(|g| g.revoked).filter(|r| r.at <= now).max_by_key(|r| r.at);
    Ok(last.map(|last| Revoked { work, title, since: last.at, reason: last.reason }))
}

fn check_receipt(receipt: &Receipt, verifier: &Verifier, origin: &str, file: &Digest, claimed: Option<StatementId>) -> Logged {
    let Some(entry) = &receipt.extra else {
        return Logged::NotProved { reason: "the receipt does not carry its entry: fetch it again from the log".into() };
    };
    let checkpoint = match receipt.verify(entry, verifier, origin) {
        Ok(checkpoint) => checkpoint,
        Err(e @ ReceiptError::OtherLog(_)) => return Logged::OtherLog { reason: e.to_string() },
        Err(e) => return Logged::NotProved { reason: e.to_string() },
    };
    let statement = match Envelope::parse(entry).and_then(|e| e.statement()) {
        Ok(statement) => statement,
        Err(e) => return Logged::NotProved { reason: e.to_string() },
    };
    let names_file = statement.subject.iter().any(|s| s.digest.sha256 == file.sha256 && s.digest.blake3 == Some(file.blake3));
    let named = statement.predicate.get("statement").and_then(|s| s.as_str()).and_then(|s| StatementId::parse(s).ok());
    if !names_file {
        return Logged::NotProved { reason: "the receipt is of another file: the entry it proves names other bytes".into() };
    }
    if claimed.is_some() && claimed != named {
        return Logged::NotProved { reason: "the receipt is of another statement than the one this file names".into() };
    }
    Logged::Proved { index: receipt.index, size: checkpoint.size, origin: checkpoint.origin.clone() }
}

/// “Trusted. … Logged at index 7236 of 7237 in … Policy bundle 3f2a… Its creator Ana signed it too. Draws on 4 works under 2 licences.”
fn sentence(verdict: &Verdict, logged: &Logged) -> String {
    let mut said = if verdict.is_trusted() { format!("Trusted. {}", verdict.sentence) } else { verdict.sentence.clone() };
    match logged {
        Logged::Proved { index, size, origin } => {
            said.push_str(&format!(" Logged at index {index} of {size} in {origin}."));
        }
        Logged::Waiting => said.push_str(" It is recorded and waits for its place in the log."),
        Logged::OtherLog { reason } | Logged::NotProved { reason } => {
            said.push_str(&format!(" Not proved to be in the log: {reason}."))
        }
        Logged::Unknown => said.push_str(" This log knows nothing of it."),
        Logged::Unchecked => {}
    }
    if let Some(claim) = verdict.claim.as_ref().filter(|_| verdict.is_trusted()) {
        if let Some(decision) = &claim.decision {
            said.push_str(&format!(" Policy bundle {}.", decision.bundle_sha256));
        }
        for person in verdict.people.iter().filter(|person| person.active && person.standing == Standing::Sound) {
            let role = person.roles.first().map_or("", String::as_str).trim_start_matches("cawg.");
            said.push_str(&format!(" Its {role} {} signed it too.", person.name));
        }
        if claim.image.as_ref().is_some_and(|image| image.model.is_none()) {
            said.push_str(" Made from another picture, without a model.");
        } else if claim.image.as_ref().is_some_and(|image| image.datasets.is_empty()) {
            said.push_str(" Drawn by a model whose training works are not on record.");
        } else if let Some(licences) = &claim.licences {
            let mut kinds: Vec<&str> = licences.works.iter().map(|w| w.licence.as_str()).collect();
            kinds.sort_unstable();
            kinds.dedup();
            let (works, licences) = (licences.works.len(), kinds.len());
            let plural = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
            said.push_str(&format!(" Draws on {} under {}.", plural(works, "work"), plural(licences, "licence")));
        }
    }
    said
}
