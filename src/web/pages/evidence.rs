//! Files of evidence on pages: named for everyone, handed out to those who may see them.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::view::Link;
use crate::actions::Error;
use crate::digest::Sha256Hash;
use crate::storage::{self, Tx};
use crate::web::State;
use crate::web::error::Failure;
use crate::works::EvidenceFile;

/// Each file by its name and hash; a link below `at` for those who may see it.
pub(super) fn links(files: &[EvidenceFile], at: &str, may_see: bool) -> Vec<Link> {
    let link = |file: &EvidenceFile| {
        let url = if may_see { format!("{at}/evidence/{}", file.sha256) } else { String::new() };
        Link::new(format!("{} ({}…)", file.name, file.sha256.short()), url)
    };
    files.iter().map(link).collect()
}

/// The one of `files` that has this hash, as something to save: whatever it is, it is not shown, as it comes from elsewhere.
pub(super) async fn download<'a>(
    state: &State,
    tx: &mut Tx,
    mut files: impl Iterator<Item = &'a EvidenceFile>,
    sha256: Sha256Hash,
) -> Result<Response, Failure> {
    let missing = || Error::not_found("evidence", sha256);
    let file = files.find(|file| file.sha256 == sha256).ok_or_else(missing)?;
    let blob = storage::blobs::find_by_sha256(tx, sha256).await?.ok_or_else(missing)?;
    let bytes = state.instance.blobs.get(&blob).await.map_err(Error::from)?;
    let plain: String = file.name.chars().map(|c| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '_' }).collect();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{plain}\"")),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}
