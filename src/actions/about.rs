//! What a statement is about: the id by which it is found again. Told from the statement alone, so that a log which comes back is filed as it
//! was when it was made.

use serde_json::Value;

use super::{Error, Result};
use crate::ledger::Statement;
use crate::ledger::keyring::{KEY, KEY_END};
use crate::policy::consent::policy_of;

/// The id of what `statement` is about. Refused: a kind that nothing is known of, and a statement that does not say it.
pub fn about_of(statement: &Statement) -> Result<String> {
    let said = |pointer: &str| statement.predicate.pointer(pointer).and_then(Value::as_str);
    let about = match statement.name.as_str() {
        "work" => said("/work/id"),
        "grant" => said("/grant/work"),
        "revocation" | "conclusion" | "reservation" | "project" => said("/work"),
        "impact" => said("/impact/work"),
        "dispute" => said("/dispute/work"),
        "dispute-step" => said("/step/work"),
        "dataset" => said("/dataset/id"),
        "dataset-works" => said("/dataset"),
        "model" => said("/model/id"),
        "run" => said("/run/id"),
        "image" => said("/image/id"),
        "agreement" => said("/agreement/image"),
        "bundle" => said("/bundle/sha256"),
        "steward" => said("/steward/tradition"),
        "steward-end" => said("/tradition"),
        "consent" => said("/consent/rule").map(policy_of),
        "ruling" => said("/ruling/rule").map(policy_of),
        // It names the consent by its id alone; the tradition is its subject.
        "consent-revocation" => statement.subject.first().map(|subject| subject.name.as_str()),
        KEY | KEY_END => said("/key/keyid"),
        other => return Err(Error::internal(format!("no table is kept for statements of kind `{other}`"))),
    };
    about
        .map(str::to_owned)
        .ok_or_else(|| Error::internal(format!("a statement of kind `{}` does not say what it is about", statement.name)))
}
