//! Putting on record what is affected when a work may no longer be used as before, and telling those who should know.

use serde_json::json;

use super::impact::impact;
use super::record::{Deed, record};
use super::{Instance, Result};
use crate::clock::Timestamp;
use crate::id::{AccountId, NoticeId};
use crate::ledger::Subject;
use crate::lineage::Cause;
use crate::storage::notices::Notice;
use crate::storage::{self, Tx};
use crate::works::Work;

/// Names in the log everything that stands on `work`, and tells the operators when that is anything.
pub(super) async fn affected(
    tx: &mut Tx,
    instance: &Instance,
    work: &Work,
    cause: Cause,
    actor: &str,
    now: Timestamp,
) -> Result<()> {
    let found = impact(tx, work.id).await?;
    for part in found.parts(work.id, cause, now) {
        let deed = Deed {
            kind: "impact",
            subject: vec![Subject::new(work.id.to_string(), work.digest)],
            actor: actor.to_owned(),
            body: json!({ "impact": part }),
        };
        record(tx, instance, now, deed).await?;
    }
    if !found.is_empty() {
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let words = format!(
            "“{}” may no longer be used as before. {}, {} and {} stand on it.",
            work.title,
            count(found.datasets.len(), "dataset"),
            count(found.models.len(), "model"),
            count(found.drawn.len() + found.made.len(), "image"),
        );
        told(tx, instance, None, &words, &format!("/works/{}#impact", work.id), now).await?;
        tracing::warn!(work = %work.id, models = found.models.len(), images = found.drawn.len() + found.made.len(), "a work is out of use");
    }
    Ok(())
}

/// Leaves a notice: to an account, or to the operators.
pub(super) async fn told(
    tx: &mut Tx,
    instance: &Instance,
    account: Option<AccountId>,
    words: &str,
    url: &str,
    now: Timestamp,
) -> Result<()> {
    let id = NoticeId::new(now, &*instance.chance);
    let notice = Notice { id, account, words: words.to_owned(), url: url.to_owned(), at: now, seen_at: None };
    Ok(storage::notices::insert(tx, &notice).await?)
}
