//! `/api/v1/verify`.

use axum::extract::State as Handed;
use serde_json::Value;

use super::TheInstance;
use crate::actions::{Error, verify_image::verify_image};
use crate::web::error::Failure;
use crate::web::extract::Upload;

pub(super) async fn check(Handed(instance): TheInstance, upload: Upload) -> Result<axum::Json<Value>, Failure> {
    if upload.file.is_empty() {
        return Err(Error::invalid("file", "send the picture as the body, or as the field `file` of a form").into());
    }
    let report = verify_image(&instance, upload.file).await?;
    let mut shown = serde_json::to_value(&report).map_err(Error::internal)?;
    // As JSON, not as text within JSON.
    let crjson = report.verdict.crjson.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    shown["verdict"]["crjson"] = crjson;
    Ok(axum::Json(shown))
}
