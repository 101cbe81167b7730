//! The log as others read it: rows → files of C2SP tlog-tiles, checked by a reader that shares no code with ours beyond SHA-256 and
//! Ed25519. And the files inside the program, compared with those in the repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colophon::actions::receipt::receipt;
use colophon::embedded;
use colophon::id::StatementId;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::support::database::Kind;
use crate::support::mirror::mirror;
use crate::support::{TestInstance, both, draw};

both! {
    the_log_of_a_small_instance_is_what_the_specifications_say,
    every_receipt_is_proved_by_a_reader_of_its_text,
}

type Hash = [u8; 32];

fn leaf(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// RFC 6962 §2.1, word for word.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        more => {
            let mut k = 1;
            while k * 2 < more.len() {
                k *= 2;
            }
            node(&root(&more[..k]), &root(&more[k..]))
        }
    }
}

/// A checkpoint: origin, size, root. Its signature is checked against the verifier key (C2SP signed-note).
fn open_checkpoint(note: &str, vkey: &str) -> (String, u64, Hash) {
    let (name, rest) = vkey.split_once('+').unwrap();
    let (id, key) = rest.split_once('+').unwrap();
    let key = STANDARD.decode(key).unwrap();
    assert_eq!((key[0], key.len()), (1, 33), "an Ed25519 key");
    let named = Sha256::new().chain_update(name).chain_update("\n").chain_update(&key).finalize();
    assert_eq!(hex::encode(&named[..4]), id);
    let (text, signatures) = note.split_once("\n\n").unwrap();
    let text = format!("{text}\n");
    let line = signatures.lines().find(|line| line.starts_with(&format!("\u{2014} {name} "))).unwrap();
    let signature = STANDARD.decode(line.rsplit_once(' ').unwrap().1).unwrap();
    assert_eq!(signature[..4], named[..4]);
    let public = VerifyingKey::from_bytes(key[1..].try_into().unwrap()).unwrap();
    public.verify(text.as_bytes(), &Signature::from_slice(&signature[4..]).unwrap()).unwrap();
    let mut lines = text.lines();
    let (origin, size) = (lines.next().unwrap(), lines.next().unwrap().parse().unwrap());
    assert_eq!(origin, name);
    (origin.to_owned(), size, STANDARD.decode(lines.next().unwrap()).unwrap().try_into().unwrap())
}

/// Tile `n` as tlog-tiles writes it: three digits at a time, all but the last with an `x`.
fn tile_name(level: &str, n: usize, width: usize) -> String {
    let digits = if n < 1000 { format!("{n:03}") } else { format!("x{:03}/{:03}", n / 1000, n % 1000) };
    let part = if width == 256 { String::new() } else { format!(".p/{width}") };
    format!("tile/{level}/{digits}{part}")
}

/// Reads the files back and checks everything that they say. The entries.
fn check_mirror(folder: &Path, vkey: &str) -> Vec<Vec<u8>> {
    let note = std::fs::read_to_string(folder.join("checkpoint")).unwrap();
    let (_, size, signed_root) = open_checkpoint(&note, vkey);
    let size = usize::try_from(size).unwrap();
    let read = |name: String| std::fs::read(folder.join(&name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut entries: Vec<Vec<u8>> = Vec::new();
    for n in 0..size.div_ceil(256) {
        let bundle = read(tile_name("entries", n, (size - n * 256).min(256)));
        let mut at = 0;
        while at < bundle.len() {
            let length = usize::from(u16::from_be_bytes([bundle[at], bundle[at + 1]]));
            entries.push(bundle[at + 2..at + 2 + length].to_vec());
            at += 2 + length;
        }
    }
    assert_eq!(entries.len(), size);
    let mut hashes: Vec<Hash> = entries.iter().map(|entry| leaf(entry)).collect();
    assert_eq!(root(&hashes), signed_root, "the entries hash to the signed root");
    let (mut level, mut files) = (0, 1 + size.div_ceil(256));
    while !hashes.is_empty() {
        for (n, tile) in hashes.chunks(256).enumerate() {
            assert_eq!(read(tile_name(&level.to_string(), n, tile.len())), tile.concat(), "level {level}, tile {n}");
            files += 1;
        }
        hashes = hashes.chunks_exact(256).map(root).collect();
        level += 1;
    }
    assert_eq!(count_files(folder), files, "nothing else is there");
    entries
}

fn count_files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { count_files(&path) } else { 1 }).sum()
}

#[test]
fn the_whole_log_is_what_the_specifications_say() {
    crate::support::run(Kind::Sqlite, |kind| async move {
        let t = TestInstance::whole(kind).await;
        draw(&t, "a red apple", 1).await;
        let folder = t.folder().join("mirror");
        mirror(&t, &folder).await;
        assert!(folder.join("tile/1/000.p/26").exists() && folder.join("tile/0/025").exists());
        let entries = check_mirror(&folder, &t.keys.log_vkey());
        assert_eq!(entries.len(), 6_720);
        // Every entry is a signed statement, read with a JSON reader alone.
        let (mut kinds, key) = (BTreeMap::<String, u32>::new(), t.keys.statement.verifying_key());
        for entry in &entries {
            let envelope: serde_json::Value = serde_json::from_slice(entry).unwrap();
            assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
            let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
            let signature = STANDARD.decode(envelope["signatures"][0]["sig"].as_str().unwrap()).unwrap();
            let signed = [format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len()).as_bytes(), &payload].concat();
            key.verify(&signed, &Signature::from_slice(&signature).unwrap()).unwrap();
            let statement: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
            assert!(statement["subject"][0]["digest"]["sha256"].as_str().is_some_and(|hash| hash.len() == 64));
            *kinds.entry(statement["predicateType"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let named = |kind: &str| kinds[&format!("urn:x-colophon:{kind}:v1")];
        assert_eq!(["work", "dataset-works", "dataset", "run", "model", "bundle", "image"].map(named), [6_708, 7, 1, 1, 1, 1, 1]);
        t.finish().await;
    });
}

async fn the_log_of_a_small_instance_is_what_the_specifications_say(kind: Kind) {
    let t = TestInstance::new(kind).await;
    for seed in 0..3 {
        draw(&t, "a fish", seed).await;
        let folder = t.folder().join(format!("mirror {seed}"));
        mirror(&t, &folder).await;
        let entries = check_mirror(&folder, &t.keys.log_vkey());
        // The reader finds what was changed.
        let bundle = folder.join(tile_name("entries", 0, entries.len()));
        let mut bytes = std::fs::read(&bundle).unwrap();
        bytes[100] ^= 1;
        std::fs::write(&bundle, bytes).unwrap();
        let vkey = t.keys.log_vkey();
        assert!(std::panic::catch_unwind(|| check_mirror(&folder, &vkey)).is_err());
    }
    t.finish().await;
}

/// RFC 9162 §2.1.3.2, word for word.
fn included(hash: Hash, index: u64, size: u64, path: &[Hash], signed_root: Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut f, mut s, mut r) = (index, size - 1, hash);
    for p in path {
        if s == 0 {
            return false;
        }
        if f & 1 == 1 || f == s {
            r = node(p, &r);
            while f & 1 == 0 && f != 0 {
                f >>= 1;
                s >>= 1;
            }
        } else {
            r = node(&r, p);
        }
        f >>= 1;
        s >>= 1;
    }
    s == 0 && r == signed_root
}

async fn every_receipt_is_proved_by_a_reader_of_its_text(kind: Kind) {
    let t = TestInstance::new(kind).await;
    draw(&t, "a cat", 1).await;
    let ids = t.texts("SELECT id FROM statements ORDER BY idx").await;
    let mut tx = t.store.read().await.unwrap();
    for (index, id) in (0..).zip(&ids) {
        let text = receipt(&t, &mut tx, StatementId::parse(id).unwrap()).await.unwrap().unwrap().to_string();
        // C2SP tlog-proof: a first line, our entry, the index, the path, a blank line, the checkpoint.
        let (head, note) = text.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
        let entry = STANDARD.decode(lines.next().unwrap().strip_prefix("extra ").unwrap()).unwrap();
        assert_eq!(lines.next(), Some(format!("index {index}").as_str()));
        let path: Vec<Hash> = lines.map(|line| STANDARD.decode(line).unwrap().try_into().unwrap()).collect();
        let (_, size, signed_root) = open_checkpoint(note, &t.keys.log_vkey());
        assert_eq!(size, ids.len() as u64);
        assert!(included(leaf(&entry), index, size, &path, signed_root), "entry {index}");
        assert!(!included(leaf(&entry), index ^ 1, size, &path, signed_root));
        assert!(!included(leaf(b"other"), index, size, &path, signed_root));
    }
    drop(tx);
    t.finish().await;
}

// -- what the program carries --

fn files_in(folder: &Path) -> Vec<String> {
    let (mut names, mut folders): (Vec<String>, Vec<PathBuf>) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(each) = folders.pop() {
        for entry in std::fs::read_dir(&each).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                names.push(path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    names.sort();
    names
}

#[test]
fn the_cards_inside_are_the_cards_beside() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    // The embedded model's and the first one's go with their files.
    let own = |name: &String| name.ends_with("/model.toml") && !name.starts_with("colophon-");
    let beside: Vec<String> = files_in(&folder).into_iter().filter(own).collect();
    let texts: Vec<String> = beside.iter().map(|name| std::fs::read_to_string(folder.join(name)).unwrap()).collect();
    assert_eq!(embedded::MODEL_CARDS, texts, "every card of the folder, in order: {beside:?}");
}

#[test]
fn the_policies_inside_are_the_policies_beside() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let inside: Vec<&str> = embedded::POLICY_FILES.iter().map(|(name, _)| *name).collect();
    assert_eq!(inside, files_in(&folder), "every file of the folder, in order");
    for (name, text) in embedded::POLICY_FILES {
        assert_eq!(std::fs::read_to_string(folder.join(name)).unwrap(), *text, "{name}");
    }
}

#[test]
fn the_model_inside_is_the_one_its_card_names() {
    let card = colophon::lineage::ModelCard::parse(std::str::from_utf8(crate::support::model::embedded("model.toml")).unwrap());
    let card = card.unwrap();
    assert_eq!(card.name, embedded::MODEL);
    for file in &card.files {
        let bytes = crate::support::model::embedded(&file.name);
        assert_eq!(colophon::digest::sha256_of(bytes), file.sha256, "{}", file.name);
    }
    assert_eq!(card.files.len() + 1, embedded::MODEL_FILES.len());
}
