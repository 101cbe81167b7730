//! What another's Content Credentials say of mining: `cawg.training-mining` (CAWG Training and Data Mining 1.1) and its forerunner
//! `c2pa.training-mining`, read whether the signature is trusted or not: an opt-out needs no authority that we know.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use c2pa::Reader;
use serde_json::Value;

use super::container::outline;
use super::trust::TrustAnchors;

/// The entries that do not allow: their names without the prefix, sorted, and the assertion as JSON. `constrained` is no, as its terms are
/// words that no program reads (§3.2).
pub fn not_allowed(bytes: &[u8], trust: &TrustAnchors) -> Option<(Vec<String>, String)> {
    /// Credentials larger than this are not opened.
    const MOST: usize = 8 << 20;
    let found = outline(bytes).ok().filter(|o| o.manifest_bytes > 0 && o.manifest_bytes <= MOST)?;
    let read = || -> Option<Value> {
        let reader = Reader::from_shared_context(trust.context()).with_stream(found.format.mime(), Cursor::new(bytes)).ok()?;
        let manifest = reader.active_manifest()?;
        ["cawg.training-mining", "c2pa.training-mining"].iter().find_map(|label| manifest.find_assertion(label).ok())
    };
    // The engine reads hostile bytes; should it stumble, the file says nothing.
    let said = catch_unwind(AssertUnwindSafe(read)).ok().flatten()?;
    let entries = said.get("entries")?.as_object()?;
    let mut names: Vec<String> = entries
        .iter()
        .filter(|(_, entry)| matches!(entry.get("use").and_then(Value::as_str), Some("notAllowed" | "constrained")))
        .map(|(name, _)| name.rsplit('.').next().unwrap_or(name).to_owned())
        .collect();
    names.sort_unstable();
    (!names.is_empty()).then(|| (names, said.to_string()))
}
