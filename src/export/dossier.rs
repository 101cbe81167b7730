//! The dossier of an image's authorship: every generation with who made it, what they handed in and asked for, whose signature stands in the file; and what the authors agreed
//! on, each signature checked. For collecting societies, contracts and courts; it says what is on record, and what was only declared.

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::digest::{Blake3, Sha256Hash};
use crate::id::{ImageId, StatementId};
use crate::lineage::Agreement;
use crate::provenance::Signed;

/// Something a person handed in.
#[derive(Debug, Clone, Serialize)]
pub struct HumanInput {
    /// `picture`, `sketch` or `mask`.
    pub role: String,
    /// When.
    pub at: Timestamp,
    /// As the log has it.
    pub commitment: Blake3,
}

/// One generation of an image.
#[derive(Debug, Clone, Serialize)]
pub struct Generation {
    /// The image.
    pub image: ImageId,
    /// Who made it.
    pub maker: String,
    /// When.
    pub made_at: Timestamp,
    /// Of its file.
    pub sha256: Sha256Hash,
    /// What was done, as it can be asked for again; none where it was drawn from words alone.
    pub edit: Option<Value>,
    /// The same in a sentence.
    pub sentence: String,
    /// What was handed in for it.
    pub human_inputs: Vec<HumanInput>,
    /// What it was asked for with, where that is public.
    pub words: Option<String>,
    /// Keyed blake3 of the words.
    pub words_commitment: Blake3,
    /// The model that drew; none where none did.
    pub model: Option<String>,
    /// Registered works that it drew on itself.
    pub works: usize,
    /// Per cent that its maker declared as the machine's.
    pub declared_ai_share: Option<u8>,
    /// What its file's check found.
    pub credentials: String,
    /// Its maker's signature in the file.
    pub signature: Option<Signed>,
    /// In the log.
    pub statement: StatementId,
    /// Its place there; none while it waits.
    pub index: Option<u64>,
}

/// An agreement with its signatures checked.
#[derive(Debug, Clone)]
pub struct Agreed {
    /// What was agreed.
    pub agreement: Agreement,
    /// Each author, and what is wrong with their signature where something is.
    pub checked: Vec<(String, Option<String>)>,
    /// In the log.
    pub statement: StatementId,
    /// Its place there; none while it waits.
    pub index: Option<u64>,
}

/// The document. `generations` begin with the first one; of the agreements the newest counts.
pub fn dossier(page: &str, log_origin: &str, generations: &[Generation], agreements: &[Agreed], at: Timestamp) -> Value {
    let agreements: Vec<Value> = agreements
        .iter()
        .map(|agreed| {
            let checked = agreed
                .checked
                .iter()
                .map(|(name, problem)| json!({ "name": name, "sound": problem.is_none(), "problem": problem }));
            json!({
                "agreement": agreed.agreement,
                "signatures_checked": checked.collect::<Vec<_>>(),
                "all_sound": agreed.checked.iter().all(|(_, problem)| problem.is_none()),
                "statement": agreed.statement,
                "index": agreed.index,
            })
        })
        .collect();
    let mut makers: Vec<&str> = Vec::new();
    for generation in generations {
        if !makers.contains(&generation.maker.as_str()) {
            makers.push(&generation.maker);
        }
    }
    json!({
        "type": "colophon dossier v1",
        "image": generations.last().map(|g| g.image),
        "page": page,
        "log_origin": log_origin,
        "made_at": at,
        "makers": makers,
        "human_inputs": generations.iter().map(|g| g.human_inputs.len()).sum::<usize>(),
        "generations": generations,
        "agreements": agreements,
        "notes": [
            "What people handed in stands here by keyed commitments; whoever handed it in holds the file and can open them.",
            "Shares are declared by the authors and were not measured.",
            "The registry keeps the keys of its accounts: a signature proves that the account signed, as far as the registry is trusted in that.",
        ],
    })
}
