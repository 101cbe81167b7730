//! What another version of the policy bundle would have answered: past requests, asked again under two bundles. Changes nothing.

use serde::Serialize;

use super::request_image::Order;
use super::{Error, Instance, Result};
use crate::clock::Timestamp;
use crate::policy::{Bundle, Decision, Facts, Fired, Outcome, Use, decide};
use crate::storage;

/// Decisions read at a time.
const PAGE: u32 = 1_000;

/// A request as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The decision's id, or a line of a file.
    pub name: String,
    /// What to draw.
    pub prompt: String,
    /// What to avoid.
    pub negative: String,
    /// The style.
    pub style: Option<String>,
    /// Titles and names of models.
    pub names: Vec<String>,
    /// What for.
    pub use_: Use,
}

/// A request that would have been answered differently. Repeats nothing that was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The decision's id, or a line of a file.
    pub name: String,
    /// What for.
    #[serde(rename = "use")]
    pub use_: Use,
    /// The answer before.
    pub before: Outcome,
    /// The answer after.
    pub after: Outcome,
    /// Rules that were met before.
    pub rules_before: Vec<String>,
    /// Rules that are met after.
    pub rules_after: Vec<String>,
}

/// Every past decision whose words are still on record, oldest first.
pub async fn past(instance: &Instance) -> Result<Vec<Asked>> {
    let mut tx = instance.store.read().await?;
    let (mut asked, mut after) = (Vec::new(), String::new());
    loop {
        let page = storage::decisions::requests(&mut tx, &after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(asked) };
        after = last.to_string();
        for (id, request) in page {
            let order: Order = serde_json::from_value(request).map_err(Error::internal)?;
            let names = [order.title].into_iter().filter(|t| !t.is_empty()).collect();
            let Order { prompt, negative, style, use_, .. } = order;
            asked.push(Asked { name: id.to_string(), prompt, negative, style, names, use_ });
        }
    }
}

/// What changes between two bundles: the outcome, or the rules that are met.
pub fn compare(old: &Bundle, new: &Bundle, asked: &[Asked], today: Timestamp) -> Vec<Changed> {
    let keys = |decision: &Decision| -> Vec<String> { decision.rules.iter().map(Fired::key).collect() };
    let changed = asked.iter().filter_map(|each| {
        let names: Vec<&str> = each.names.iter().map(String::as_str).collect();
        let facts = Facts {
            prompt: &each.prompt,
            negative: &each.negative,
            style: each.style.as_deref(),
            titles: &names,
            use_: each.use_,
            ..Facts::default()
        };
        let (before, after) = (decide(old, &facts, today), decide(new, &facts, today));
        let (rules_before, rules_after) = (keys(&before), keys(&after));
        let same = before.outcome == after.outcome && rules_before == rules_after;
        (!same).then(|| Changed {
            name: each.name.clone(),
            use_: each.use_,
            before: before.outcome,
            after: after.outcome,
            rules_before,
            rules_after,
        })
    });
    changed.collect()
}
