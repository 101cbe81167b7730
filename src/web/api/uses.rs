//! `/api/v1/uses`: in which images a rights holder's works are found, credited or not, all works at once; as JSON by pages, or as one table.

use axum::extract::State as Handed;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::TheInstance;
use super::table::{cell, table};
use crate::actions::Error;
use crate::actions::uses::{MOST_WORKS, Uses, uses_of};
use crate::storage;
use crate::web::error::Failure;
use crate::web::extract::Query;
use crate::web::session::Visitor;

/// Whose works, from where on, and in which form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    owner: String,
    after: String,
    limit: Option<u32>,
    format: String,
}

/// Columns of the table.
const COLUMNS: &str = "work,title,image,creator,credited,influence,likeness\r\n";

pub(super) async fn list(
    Handed(instance): TheInstance,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let actor = visitor.someone()?.clone();
    let owner = if asked.owner.is_empty() { actor.name.clone() } else { asked.owner };
    let limit = asked.limit.unwrap_or(50).clamp(1, MOST_WORKS);
    match asked.format.as_str() {
        "" | "json" => {
            let page = uses_of(&instance, &actor, &owner, &asked.after, limit).await?;
            Ok(axum::Json(json!({ "items": page.items, "total": page.total, "next": page.next })).into_response())
        }
        "csv" => {
            // What is refused is refused before a table begins.
            uses_of(&instance, &actor, &owner, "", 1).await?;
            Ok(table("uses.csv", COLUMNS, asked.after, move |after| {
                let (instance, actor, owner) = (instance.clone(), actor.clone(), owner.clone());
                async move {
                    let page = uses_of(&instance, &actor, &owner, &after, MOST_WORKS).await;
                    let page = page.map_err(|e| storage::Error::Unavailable(e.to_string()))?;
                    Ok((page.items.iter().flat_map(lines).collect(), page.next))
                }
            }))
        }
        other => Err(Error::invalid("format", format!("`{other}` is no format here: choose json or csv")).into()),
    }
}

/// A work's rows: one for each image.
fn lines(uses: &Uses) -> Vec<String> {
    let share = |millionths: Option<u32>| millionths.map(|n| format!("{:.6}", f64::from(n) / 1e6)).unwrap_or_default();
    let likeness = |score: Option<f32>| score.map(|score| format!("{score:.3}")).unwrap_or_default();
    let line = |found: &crate::actions::uses::Found| {
        let credited = if found.credited { "yes" } else { "no" };
        format!(
            "{},{},{},{},{credited},{},{}\r\n",
            uses.work,
            cell(&uses.title),
            found.image,
            cell(&found.creator),
            share(found.influence),
            likeness(found.likeness)
        )
    };
    uses.images.iter().map(line).collect()
}
