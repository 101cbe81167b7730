//! Witnesses (C2SP tlog-witness): other people's keepers of what this log has signed. Whoever asks that they cosigned a head can't be shown
//! another history, and a database restored from an old backup does not get past a quorum of them: they have cosigned more, or something else.
//!
//! The operator's policy (C2SP tlog-policy) names them and says which of them publishing waits for. All are asked at once; each is told that
//! the head follows from the last one it knows.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::publish_checkpoint::load;
use super::remembered_head::head_of;
use super::{Error, Instance, Result};
use crate::ledger::proof::consistency;
use crate::ledger::tile_reader::tiles_for_consistency;
use crate::ledger::witness::{ADD_CHECKPOINT, Refusal, WitnessAnswer, WitnessRequest};
use crate::ledger::{SignedCheckpoint, TileReader, WitnessPolicy};
use crate::storage;
use crate::storage::log::HeadRow;

/// How long one witness may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the others are waited for once there are enough.
const MOMENT: Duration = Duration::from_millis(500);
/// Longest answer read, in bytes.
const LONGEST: u64 = 1 << 16;
/// Questions to one witness about one head: it may know another head than was thought.
const QUESTIONS: u32 = 3;

/// The witnesses and what they knew last.
pub(super) struct Witnesses {
    policy: WitnessPolicy,
    agent: ureq::Agent,
    /// By name: the size of the head that each has cosigned.
    known: Mutex<HashMap<String, u64>>,
}

impl Witnesses {
    /// Those of a policy.
    pub(super) fn new(policy: WitnessPolicy) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        Self { policy, agent, known: Mutex::default() }
    }

    fn known(&self, name: &str) -> u64 {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or(0)
    }

    fn note(&self, name: &str, size: u64) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), size);
    }
}

/// The checkpoint of a head with the cosignatures that publishing waits for.
pub(super) async fn ask_witnesses(instance: &Instance, head: &HeadRow) -> Result<String> {
    let Some(witnesses) = &instance.witnesses else { return Ok(head.checkpoint.clone()) };
    let mut signed = SignedCheckpoint::parse(head.checkpoint.as_bytes()).map_err(Error::internal)?;
    let asked = witnesses.policy.witnesses().filter_map(|(name, witness)| Some((name, witness.url()?.to_owned())));
    let asked: Vec<(String, String)> = asked.collect();
    let mut answers = tokio::task::JoinSet::new();
    for (name, url) in asked {
        let (instance, head) = (instance.clone(), head.clone());
        answers.spawn(async move {
            let answer = ask(&instance, &name, &url, &head).await;
            (name, answer)
        });
    }
    let (keys, mut missing) = (witnesses.policy.witness_keys(), Vec::new());
    // Once there are enough, the others have only a moment more: one that is silent must not hold up the log.
    let mut deadline = tokio::time::Instant::now() + PATIENCE * QUESTIONS;
    while let Ok(Some(answer)) = tokio::time::timeout_at(deadline, answers.join_next()).await {
        let (name, answer) = answer.map_err(Error::internal)?;
        match answer {
            Ok(lines) => match signed.add_cosignatures(&lines, &keys) {
                Ok(added) if added > 0 => witnesses.note(&name, head.size),
                Ok(_) => missing.push(format!("`{name}` answered with no signature of its key")),
                Err(e) => missing.push(format!("`{name}`: {e}")),
            },
            Err(e) => missing.push(format!("`{name}`: {e}")),
        }
        if witnesses.policy.is_met(&signed) {
            deadline = deadline.min(tokio::time::Instant::now() + MOMENT);
        }
    }
    match witnesses.policy.check(&signed) {
        Ok(_) => Ok(signed.note().to_string()),
        Err(unmet) => Err(Error::Internal(format!(
            "the head of {} entries waits for its witnesses ({unmet}){}; it is asked for again every second",
            head.size,
            missing.iter().map(|why| format!("; {why}")).collect::<String>()
        ))),
    }
}

/// What one witness answers.
async fn ask(instance: &Instance, name: &str, url: &str, head: &HeadRow) -> Result<Vec<crate::ledger::note::NoteSignature>> {
    let witnesses = instance.witnesses.as_ref().ok_or_else(|| Error::Conflict("no witness is named".into()))?;
    let away = |e: String| Error::Conflict(format!("can't be asked: {e}"));
    let checkpoint = SignedCheckpoint::parse(head.checkpoint.as_bytes()).map_err(|e| away(e.to_string()))?;
    let mut old = witnesses.known(name).min(head.size);
    for _ in 0..QUESTIONS {
        let proof = {
            let mut tx = instance.store.read().await.map_err(|e| away(e.to_string()))?;
            let at = head_of(head)?;
            let tiles = load(&mut tx, &tiles_for_consistency(old, at.size)).await?;
            let reader = TileReader::open(&tiles, at.size, at.root).map_err(Error::internal)?;
            consistency(old, at.size, &reader).map_err(Error::internal)?
        };
        let body = WitnessRequest::new(old, proof, &checkpoint).map_err(|e| away(e.to_string()))?.to_string();
        let (agent, address) = (witnesses.agent.clone(), format!("{}/{ADD_CHECKPOINT}", url.trim_end_matches('/')));
        let answer = tokio::task::spawn_blocking(move || post(&agent, &address, &body)).await.map_err(|e| away(e.to_string()))?;
        match answer.map_err(away)? {
            WitnessAnswer::Cosigned(lines) => return Ok(lines),
            WitnessAnswer::Refused(Refusal::OtherSize(size)) if size <= head.size => old = size,
            WitnessAnswer::Refused(Refusal::OtherSize(size)) => {
                let locked = storage::log::locked(&mut instance.store.read().await?).await?;
                if locked.is_some_and(|locked| locked.size >= size) {
                    return Err(Error::Conflict("another process has signed and shown a newer head meanwhile".into()));
                }
                // Its word alone: whether it counts is the policy's to say.
                return Err(Error::Conflict(format!(
                    "has cosigned a head of {size} entries of this log, by its word, and the database knows only {}: if that is so, the \
                     database is an old copy, and a newer backup must be restored",
                    head.size
                )));
            }
            WitnessAnswer::Refused(why) => return Err(Error::Conflict(format!("does not cosign: {why}"))),
        }
    }
    Err(Error::Conflict("says another size each time".into()))
}

fn post(agent: &ureq::Agent, address: &str, body: &str) -> std::result::Result<WitnessAnswer, String> {
    let mut answer = agent.post(address).content_type("text/plain; charset=utf-8").send(body).map_err(|e| e.to_string())?;
    let kind = answer.headers().get("content-type").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let status = answer.status().as_u16();
    let bytes = answer.body_mut().with_config().limit(LONGEST).read_to_vec().map_err(|e| e.to_string())?;
    WitnessAnswer::read(status, kind.as_deref(), &bytes).map_err(|e| e.to_string())
}
