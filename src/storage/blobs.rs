//! Blobs: bytes addressed by their blake3 hash, in an object store (a local folder by default).
//!
//! A blob is a whole object, or a range of a *pack*: the works shipped with the program lie stored, uncompressed, in one archive, and
//! thousands of little files would make the first start slow. Every read hashes what it read; wrong bytes are never handed out.
//!
//! INVARIANT: bytes are written to a temporary name, synced, and renamed before any row names them.
//!
//! INVARIANT: bytes are removed only after the commit that took their last row away, and not when a row names them anew; until they are gone
//! `blobs_due` names them, so that whoever comes next goes on. Only what people handed in is ever removed.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, path::Path as Name};

use super::{Error, ROWS_AT_ONCE, Result, Tx, big, count, for_rows, on, read_blake3, read_sha256};
use crate::clock::Timestamp;
use crate::digest::{Blake3, Digest, Sha256Hash, blake3_of};

/// The object store.
#[derive(Debug, Clone)]
pub struct Blobs {
    objects: Arc<dyn ObjectStore>,
    /// Whether nothing is written.
    dry: bool,
}

/// Where a blob's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Of the bytes.
    pub digest: Digest,
    /// Such as `image/png`.
    pub media_type: String,
    /// The pack it lies in and the offset of its first byte there; a whole object when absent.
    pub pack: Option<(Blake3, u64)>,
}

impl Blobs {
    /// A folder on this machine; made when absent.
    pub fn folder(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path)
            .map_err(|e| Error::Unavailable(format!("can't make the blob folder `{}`: {e}", path.display())))?;
        let local = LocalFileSystem::new_with_prefix(path)
            .map_err(|e| Error::Unavailable(format!("can't use the blob folder `{}`: {e}", path.display())))?
            .with_fsync(true);
        Ok(Self { objects: Arc::new(local), dry: false })
    }

    /// The same store, to which nothing is written: for drafts.
    #[must_use]
    pub fn dry(&self) -> Self {
        Self { dry: true, ..self.clone() }
    }

    /// Two-letter folders keep listings short: `ab/abcdef…`.
    fn name(blake3: Blake3) -> Name {
        let text = blake3.to_string();
        Name::from(format!("{}/{text}", &text[..2]))
    }

    /// Writes `bytes` under their hash. Writing the same bytes twice is one blob.
    pub async fn put(&self, bytes: Vec<u8>) -> Result<Digest> {
        let digest = Digest::of(&bytes);
        if self.dry {
            return Ok(digest);
        }
        self.objects.put(&Self::name(digest.blake3), PutPayload::from(bytes)).await.map_err(unavailable)?;
        Ok(digest)
    }

    /// Whether the object is there.
    pub async fn exists(&self, blake3: Blake3) -> Result<bool> {
        match self.objects.head(&Self::name(blake3)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(unavailable(e)),
        }
    }

    /// Removes the object. One that is gone already is none the worse.
    pub async fn remove(&self, blake3: Blake3) -> Result<()> {
        if self.dry {
            return Ok(());
        }
        match self.objects.delete(&Self::name(blake3)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(unavailable(e)),
        }
    }

    /// The bytes of `blob`, checked against its hash.
    pub async fn get(&self, blob: &Blob) -> Result<Vec<u8>> {
        let corrupt = |cause: String| Error::Corrupt { table: "blobs", row: blob.digest.blake3.to_string(), cause };
        let bytes = match blob.pack {
            None => match self.objects.get(&Self::name(blob.digest.blake3)).await {
                Ok(found) => found.bytes().await.map_err(unavailable)?,
                Err(object_store::Error::NotFound { .. }) => {
                    return Err(corrupt("the bytes are gone from the blob store".into()));
                }
                Err(e) => return Err(unavailable(e)),
            },
            Some((pack, offset)) => {
                let range: Range<u64> = offset..offset + blob.digest.len;
                match self.objects.get_range(&Self::name(pack), range).await {
                    Ok(bytes) => bytes,
                    Err(object_store::Error::NotFound { .. }) => {
                        return Err(corrupt(format!("its pack {pack} is gone from the blob store")));
                    }
                    Err(e) => return Err(unavailable(e)),
                }
            }
        };
        if blake3_of(&bytes) != blob.digest.blake3 {
            return Err(corrupt("the bytes were changed: their hash is another".into()));
        }
        Ok(bytes.to_vec())
    }
}

fn unavailable(e: object_store::Error) -> Error {
    Error::Unavailable(format!("the blob store failed: {e}"))
}

#[derive(sqlx::FromRow)]
struct BlobRow {
    blake3: Vec<u8>,
    sha256: Vec<u8>,
    size: i64,
    media_type: String,
    pack: Option<Vec<u8>>,
    pack_offset: Option<i64>,
}

impl TryFrom<BlobRow> for Blob {
    type Error = Error;
    fn try_from(r: BlobRow) -> Result<Self> {
        let row = hex::encode(&r.blake3);
        let pack = match (&r.pack, r.pack_offset) {
            (Some(pack), Some(offset)) => Some((read_blake3("blobs", &row, pack)?, count(offset))),
            _ => None,
        };
        Ok(Self {
            digest: Digest {
                blake3: read_blake3("blobs", &row, &r.blake3)?,
                sha256: read_sha256("blobs", &row, &r.sha256)?,
                len: count(r.size),
            },
            media_type: r.media_type,
            pack,
        })
    }
}

/// Notes where a blob is; the same one twice changes nothing.
pub async fn insert(tx: &mut Tx, blob: &Blob) -> Result<()> {
    insert_all(tx, std::slice::from_ref(blob)).await
}

/// The same for many.
pub async fn insert_all(tx: &mut Tx, blobs: &[Blob]) -> Result<()> {
    const SQL: &str = "INSERT INTO blobs (blake3, sha256, size, media_type, pack, pack_offset) \
                       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    for part in blobs.chunks(ROWS_AT_ONCE) {
        on!(tx, |c| {
            let mut query = sqlx::query(for_rows(SQL, part.len()));
            for blob in part {
                query = query
                    .bind(&blob.digest.blake3.0[..])
                    .bind(&blob.digest.sha256.0[..])
                    .bind(big(blob.digest.len))
                    .bind(&blob.media_type)
                    .bind(blob.pack.map(|(pack, _)| pack.0.to_vec()))
                    .bind(blob.pack.map(|(_, offset)| big(offset)));
            }
            query.execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Where the bytes of this hash are.
pub async fn find(tx: &mut Tx, blake3: Blake3) -> Result<Option<Blob>> {
    const SQL: &str = "SELECT blake3, sha256, size, media_type, pack, pack_offset FROM blobs WHERE blake3 = $1";
    let row: Option<BlobRow> = on!(tx, |c| sqlx::query_as(SQL).bind(&blake3.0[..]).fetch_optional(c).await)?;
    row.map(Blob::try_from).transpose()
}

/// Where the bytes of this SHA-256 are.
pub async fn find_by_sha256(tx: &mut Tx, sha256: Sha256Hash) -> Result<Option<Blob>> {
    const SQL: &str = "SELECT blake3, sha256, size, media_type, pack, pack_offset FROM blobs WHERE sha256 = $1 LIMIT 1";
    let row: Option<BlobRow> = on!(tx, |c| sqlx::query_as(SQL).bind(&sha256.0[..]).fetch_optional(c).await)?;
    row.map(Blob::try_from).transpose()
}

/// Every object (packs once) that rows name: what a check of the blob store walks.
pub async fn objects(tx: &mut Tx) -> Result<Vec<Blake3>> {
    const SQL: &str = "SELECT DISTINCT COALESCE(pack, blake3) AS object FROM blobs";
    let rows: Vec<(Vec<u8>,)> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    rows.iter().map(|(b,)| read_blake3("blobs", "?", b)).collect()
}

/// A file that a row of the public tables names, and that is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The work, or the image.
    pub id: String,
    /// Of its bytes.
    pub blake3: Blake3,
    /// Of its bytes.
    pub sha256: Sha256Hash,
    /// Such as `image/png`.
    pub media_type: String,
}

type MissingColumns = (String, Vec<u8>, Vec<u8>, String);

fn missing(table: &'static str, rows: Vec<MissingColumns>) -> Result<Vec<Missing>> {
    let read = |(id, blake3, sha256, media_type): MissingColumns| -> Result<Missing> {
        Ok(Missing { blake3: read_blake3(table, &id, &blake3)?, sha256: read_sha256(table, &id, &sha256)?, id, media_type })
    };
    rows.into_iter().map(read).collect()
}

/// Works that are kept here and whose files are not, by id, `after` an id.
pub async fn missing_of_works(tx: &mut Tx, after: &str, limit: u32) -> Result<Vec<Missing>> {
    const SQL: &str = "SELECT w.id, w.blake3, w.sha256, w.media_type FROM works w LEFT JOIN blobs b ON b.blake3 = w.blake3 \
                       WHERE w.held = 1 AND w.blake3 IS NOT NULL AND b.blake3 IS NULL AND w.id > $1 ORDER BY w.id LIMIT $2";
    let rows: Vec<MissingColumns> = on!(tx, |c| sqlx::query_as(SQL).bind(after).bind(i64::from(limit)).fetch_all(c).await)?;
    missing("works", rows)
}

/// Images whose files are not here, by id, `after` an id.
pub async fn missing_of_images(tx: &mut Tx, after: &str, limit: u32) -> Result<Vec<Missing>> {
    const SQL: &str = "SELECT i.id, i.blake3, i.sha256, 'image/' || i.format FROM images i LEFT JOIN blobs b ON b.blake3 = i.blake3 \
                       WHERE b.blake3 IS NULL AND i.id > $1 ORDER BY i.id LIMIT $2";
    let rows: Vec<MissingColumns> = on!(tx, |c| sqlx::query_as(SQL).bind(after).bind(i64::from(limit)).fetch_all(c).await)?;
    missing("images", rows)
}

/// Takes a blob off record when no row names it any more, and notes that its bytes are to be removed. False when it stays: something else is
/// made of the very same bytes, or they lie in a pack.
pub async fn release(tx: &mut Tx, digest: &Digest, now: Timestamp) -> Result<bool> {
    // Every table that names a blob, by either hash; files of evidence and terms are named in JSON.
    const NAMED: &str = "SELECT (SELECT COUNT(*) FROM inputs WHERE blake3 = $1) + (SELECT COUNT(*) FROM images WHERE blake3 = $1) \
                         + (SELECT COUNT(*) FROM works WHERE blake3 = $1) + (SELECT COUNT(*) FROM blobs WHERE pack = $1) \
                         + (SELECT COUNT(*) FROM models WHERE weights = $2) + (SELECT COUNT(*) FROM models WHERE card LIKE $3) \
                         + (SELECT COUNT(*) FROM works WHERE evidence_files LIKE $3) + (SELECT COUNT(*) FROM grants WHERE scope LIKE $3) \
                         + (SELECT COUNT(*) FROM disputes WHERE files LIKE $3) + (SELECT COUNT(*) FROM dispute_steps WHERE files LIKE $3)";
    const SQL: &str = "DELETE FROM blobs WHERE blake3 = $1 AND pack IS NULL";
    const DUE: &str = "INSERT INTO blobs_due (blake3, since) VALUES ($1, $2) ON CONFLICT (blake3) DO NOTHING";
    let (named,): (i64,) = on!(tx, |c| sqlx::query_as(NAMED)
        .bind(&digest.blake3.0[..])
        .bind(&digest.sha256.0[..])
        .bind(format!("%{}%", digest.sha256))
        .fetch_one(c)
        .await)?;
    if named > 0 {
        return Ok(false);
    }
    let rows = on!(tx, |c| sqlx::query(SQL).bind(&digest.blake3.0[..]).execute(c).await.map(|done| done.rows_affected()))?;
    if rows == 0 {
        return Ok(false);
    }
    on!(tx, |c| sqlx::query(DUE).bind(&digest.blake3.0[..]).bind(now.millis()).execute(c).await.map(drop))?;
    Ok(true)
}

/// Objects whose bytes are to be removed, the longest wait first.
pub async fn due(tx: &mut Tx) -> Result<Vec<Blake3>> {
    const SQL: &str = "SELECT blake3 FROM blobs_due ORDER BY since, blake3";
    let rows: Vec<(Vec<u8>,)> = on!(tx, |c| sqlx::query_as(SQL).fetch_all(c).await)?;
    rows.iter().map(|(b,)| read_blake3("blobs_due", "?", b)).collect()
}

/// The bytes are gone, or named anew.
pub async fn settle(tx: &mut Tx, blake3: Blake3) -> Result<()> {
    const SQL: &str = "DELETE FROM blobs_due WHERE blake3 = $1";
    on!(tx, |c| sqlx::query(SQL).bind(&blake3.0[..]).execute(c).await.map(drop))?;
    Ok(())
}
