//! The log's files as C2SP tlog-tiles has them: `/log/checkpoint`, `/log/tile/…`, and receipts. Readable by everyone, from anywhere.

use axum::Router;
use axum::extract::State as Handed;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::State;
use super::error::Failure;
use super::extract::Segment;
use super::session::Instance;
use crate::actions::Error;
use crate::actions::receipt::receipt;
use crate::id::StatementId;
use crate::ledger::hash::subtree_root;
use crate::ledger::tile::{decode_hashes, encode_bundle};
use crate::ledger::{TileLevel, TilePath, leaf_hash};
use crate::storage;

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/log/checkpoint", get(checkpoint))
        .route("/log/tile/{*path}", get(tile))
        .route("/log/receipts/{id}", get(statement_receipt))
        .route("/trust/c2pa-root.pem", get(root_pem))
        .route("/trust/log.vkey", get(vkey))
        .route("/trust/keys", get(super::api::trusted_keys))
        .route("/trust/statement.key", get(statement_key))
}

/// CORS for everyone: an auditor may check in the browser.
fn open(body: impl IntoResponse, kind: &'static str, cache: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ];
    (headers, body).into_response()
}

const TEXT: &str = "text/plain; charset=utf-8";

async fn checkpoint(Handed(instance): Handed<Instance>) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let head = storage::log::head(&mut tx).await?.ok_or_else(|| Error::not_found("checkpoint", "(none was signed yet)"))?;
    Ok(open(head.checkpoint, TEXT, "no-store"))
}

async fn tile(Handed(instance): Handed<Instance>, Segment(path): Segment<String>) -> Result<Response, Failure> {
    let missing = || Failure::from(Error::not_found("tile", &path));
    let asked = TilePath::parse(&format!("tile/{path}")).map_err(|_| missing())?;
    let mut tx = instance.store.read().await?;
    let size = storage::log::head(&mut tx).await?.map_or(0, |head| head.size);
    let width = u64::from(asked.width);
    let is_bundle = asked.level == TileLevel::Entries;
    let bytes = match asked.level {
        TileLevel::Entries => {
            let from = asked.index.checked_mul(256).ok_or_else(missing)?;
            // Only what a published head covers.
            if from.checked_add(width).is_none_or(|end| end > size) {
                return Err(missing());
            }
            let entries = storage::log::entries(&mut tx, from, from + width).await?;
            if entries.len() as u64 != width {
                return Err(Error::internal(format!("entries are missing in the bundle at {from}")).into());
            }
            // What stays in caches for a week is looked at first.
            let hashes = storage::log::tile(&mut tx, 0, asked.index).await?.unwrap_or_default();
            let differs = entries
                .iter()
                .enumerate()
                .any(|(n, (_, entry))| hashes.get(n * 32..n * 32 + 32) != Some(&leaf_hash(entry).0[..]));
            if differs {
                return Err(Error::internal(format!("`{asked}` does not hash to its tile: run `colophon audit`")).into());
            }
            encode_bundle(entries.iter().map(|(_, bytes)| bytes)).map_err(Error::internal)?
        }
        TileLevel::Hashes(level) => {
            // The width it has under the published head, or one it had under an earlier.
            if TilePath::at(asked.level, asked.index, size).is_none_or(|now| now.width < asked.width) {
                return Err(missing());
            }
            let kept = storage::log::tile(&mut tx, level, asked.index).await?.ok_or_else(missing)?;
            if !asked.is_partial() && level < 7 {
                let above = storage::log::tile(&mut tx, level + 1, asked.index / 256).await?.unwrap_or_default();
                let place = (asked.index % 256) as usize * 32;
                let hashes = decode_hashes(&kept, asked.width).map_err(Error::internal)?;
                if above.get(place..place + 32) != Some(&subtree_root(&hashes).0[..]) {
                    return Err(
                        Error::internal(format!("`{asked}` does not hash to the tile above: run `colophon audit`")).into()
                    );
                }
            }
            kept.get(..usize::from(asked.width) * 32).ok_or_else(missing)?.to_vec()
        }
    };
    let mut response = open(bytes, "application/octet-stream", "public, max-age=604800, immutable");
    if is_bundle {
        response.extensions_mut().insert(Bundle);
    }
    Ok(response)
}

/// Marks an answer as a bundle of entries: text, which is sent packed to whoever can unpack it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bundle;

async fn statement_receipt(Handed(instance): Handed<Instance>, Segment(id): Segment<StatementId>) -> Result<Response, Failure> {
    let mut tx = instance.store.read().await?;
    let receipt = receipt(&instance, &mut tx, id).await?.ok_or_else(|| {
        Error::not_found("receipt for the statement", format!("{id} (it waits for its place; ask again in a second)"))
    })?;
    Ok(open(receipt.to_string(), TEXT, "no-cache"))
}

async fn root_pem(Handed(instance): Handed<Instance>) -> Response {
    open(instance.keys.root_pem().to_owned(), "application/x-pem-file", "no-cache")
}

async fn statement_key(Handed(instance): Handed<Instance>) -> Response {
    open(format!("{}\n", hex::encode(instance.keys.statement.verifying_key().as_bytes())), TEXT, "no-cache")
}

async fn vkey(Handed(instance): Handed<Instance>) -> Response {
    open(format!("{}\n", instance.keys.log_vkey()), TEXT, "no-cache")
}
