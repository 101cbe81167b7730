//! Is my work in there? The proof that a work is, or is not, in a dataset: complete enough to be checked without us.
//!
//! One JSON document: the dataset as its signed statement gives it, the Merkle proof, and the receipt of that statement, which carries the
//! statement itself. So a log's key is all that a checker needs besides.

use serde::{Deserialize, Serialize};

use super::receipt::receipt;
use super::verify_image::Logged;
use super::{Error, Instance, Result};
use crate::id::{DatasetId, WorkId};
use crate::ledger::{Envelope, Receipt, ReceiptError, Verifier};
use crate::lineage::{Dataset, Membership};
use crate::storage;

/// First field of the document.
pub const FORMAT: &str = "colophon-membership/1";
/// Longest document that is read, bytes: two paths and a receipt are a few thousand.
pub const LONGEST: usize = 1 << 20;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// [`FORMAT`].
    pub format: String,
    /// The dataset, as its statement gives it: root and number of works are what the proof is checked against.
    pub dataset: Dataset,
    /// The proof.
    pub membership: Membership,
    /// Receipt of the dataset's statement (C2SP tlog-proof); absent while that waits for its place in the log.
    #[serde(default)]
    pub receipt: Option<String>,
}

/// What checking a document showed.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// About which work.
    pub work: WorkId,
    /// In which dataset.
    pub dataset: DatasetId,
    /// Its name.
    pub name: String,
    /// Whether the work is in it.
    pub present: bool,
    /// Whether the dataset is the one in the log.
    pub logged: Logged,
    /// For people.
    pub sentence: String,
}

/// Proves that `work` is, or is not, in the dataset `id`. The work need not be registered here: nobody knows better than a proof of absence.
pub async fn membership(instance: &Instance, id: DatasetId, work: WorkId) -> Result<Evidence> {
    let mut tx = instance.store.read().await?;
    let found = storage::datasets::find(&mut tx, id).await?.ok_or_else(|| Error::not_found("dataset", id))?;
    let members = storage::datasets::members(&mut tx, id).await?;
    let membership = Membership::prove(id, &members, work);
    // A proof is never handed out unchecked.
    membership.check(&found.dataset).map_err(Error::internal)?;
    let receipt = receipt(instance, &mut tx, found.statement).await?.map(|receipt| receipt.to_string());
    Ok(Evidence { format: FORMAT.to_owned(), dataset: found.dataset, membership, receipt })
}

/// Checks a document with nothing but a log's key.
pub fn check_membership(document: &[u8], verifier: &Verifier, origin: &str) -> Result<Checked> {
    let evidence: Evidence = serde_json::from_slice(document).map_err(|e| {
        Error::invalid("proof", format!("this is no membership proof: {e}; fetch it again from the dataset's page"))
    })?;
    if evidence.format != FORMAT {
        return Err(Error::invalid("proof", format!("its format is `{}`, and this program reads `{FORMAT}`", evidence.format)));
    }
    let Evidence { dataset, membership, receipt, .. } = evidence;
    let logged = match membership.check(&dataset) {
        Err(e) => Logged::NotProved { reason: e.to_string() },
        Ok(()) => match receipt {
            None => Logged::Waiting,
            Some(text) => in_log(&text, &dataset, verifier, origin),
        },
    };
    let is = if membership.present { "is in" } else { "is not in" };
    let named = format!("the dataset “{}” ({} works)", dataset.name, dataset.works);
    let sentence = match &logged {
        Logged::Proved { index, origin, .. } => format!("{} {is} {named}, frozen as entry {index} of {origin}.", membership.work),
        Logged::Waiting => {
            format!("Nothing is proved yet: the statement of {named} waits for its place in the log. Fetch the proof again.")
        }
        Logged::OtherLog { reason } | Logged::NotProved { reason } => format!("Nothing is proved: {reason}."),
        Logged::Unchecked | Logged::Unknown => "Nothing is proved.".to_owned(),
    };
    let (work, present) = (membership.work, membership.present);
    Ok(Checked { work, dataset: dataset.id, name: dataset.name, present, logged, sentence })
}

fn in_log(text: &str, dataset: &Dataset, verifier: &Verifier, origin: &str) -> Logged {
    let not_proved = |reason: String| Logged::NotProved { reason };
    let receipt = match Receipt::parse(text.as_bytes()) {
        Ok(receipt) => receipt,
        Err(e) => return not_proved(e.to_string()),
    };
    let Some(entry) = &receipt.extra else {
        return not_proved("the receipt does not carry its entry: fetch the proof again".to_owned());
    };
    let checkpoint = match receipt.verify(entry, verifier, origin) {
        Ok(checkpoint) => checkpoint,
        Err(e @ ReceiptError::OtherLog(_)) => return Logged::OtherLog { reason: e.to_string() },
        Err(e) => return not_proved(e.to_string()),
    };
    let statement = match Envelope::parse(entry).and_then(|envelope| envelope.statement()) {
        Ok(statement) => statement,
        Err(e) => return not_proved(e.to_string()),
    };
    let logged: Option<Dataset> = statement.predicate.get("dataset").and_then(|value| serde_json::from_value(value.clone()).ok());
    if statement.name != "dataset" || logged.as_ref() != Some(dataset) {
        return not_proved("the entry in the log is of another dataset than the proof".to_owned());
    }
    Logged::Proved { index: receipt.index, size: checkpoint.size, origin: checkpoint.origin.clone() }
}
