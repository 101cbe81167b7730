//! `/api/v1/licences`: what the rule table says of a licence.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::actions::Error;
use crate::web::error::Failure;
use crate::web::extract::Query;
use crate::works::licence::LICENCE_LIMIT;
use crate::works::rules::RULES_VERSION;
use crate::works::verdict::{Usage, known_licences, verdict};

type Answer = Result<axum::Json<Value>, Failure>;

/// Which licence.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    licence: String,
}

pub(super) async fn verdicts(Query(asked): Query<Asked>) -> Answer {
    let licence = asked.licence.trim();
    if licence.chars().count() > LICENCE_LIMIT {
        return Err(Error::invalid(
            "licence",
            format!("name a licence or an SPDX expression of at most {LICENCE_LIMIT} characters"),
        )
        .into());
    }
    if licence.is_empty() {
        let items: Vec<&str> = known_licences().collect();
        return Ok(axum::Json(json!({ "rules_version": RULES_VERSION, "total": items.len(), "items": items, "next": null })));
    }
    let verdicts = Usage::ALL.map(|usage| verdict(licence, usage));
    Ok(axum::Json(json!({ "licence": licence, "verdicts": verdicts, "rules_version": RULES_VERSION })))
}
