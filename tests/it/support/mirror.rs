//! The log as files, in the layout of C2SP tlog-tiles.

use std::path::Path;

use colophon::actions::Instance;
use colophon::ledger::tile::{TileLevel, TilePath, decode_bundle, encode_bundle};
use colophon::storage;

/// Writes the log as files, as a mirror keeps it.
pub async fn mirror(t: &Instance, folder: &Path) {
    let mut tx = t.store.read().await.unwrap();
    let head = storage::log::head(&mut tx).await.unwrap().unwrap();
    let put = |name: String, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    put("checkpoint".into(), head.checkpoint.as_bytes());
    for (level, n, bytes) in storage::log::tiles(&mut tx).await.unwrap() {
        let path = TilePath::at(TileLevel::Hashes(level), n, head.size).unwrap();
        assert_eq!(bytes.len(), usize::from(path.width) * 32, "{path}");
        put(path.to_string(), &bytes);
    }
    for n in 0..head.size.div_ceil(256) {
        let path = TilePath::at(TileLevel::Entries, n, head.size).unwrap();
        let entries = storage::log::entries(&mut tx, n * 256, (n + 1) * 256).await.unwrap();
        put(path.to_string(), &encode_bundle(entries.iter().map(|(_, bytes)| bytes)).unwrap());
    }
}

/// The entries of a mirror of `size` entries.
pub fn entries(folder: &Path, size: u64) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    for n in 0..size.div_ceil(256) {
        let path = TilePath::at(TileLevel::Entries, n, size).unwrap();
        let bytes = std::fs::read(folder.join(path.to_string())).unwrap();
        entries.extend(decode_bundle(&bytes, path.width).unwrap().into_iter().map(<[u8]>::to_vec));
    }
    entries
}
