//! `colophon audit LOG`: a log elsewhere is mirrored, checked, gone on with; what it hides shows, and a fork is kept as evidence.

use std::path::{Path, PathBuf};

use colophon::ledger::sequence::integrate;
use colophon::ledger::tile::{TileLevel, bundles_for, encode_bundle, tiles_for};
use colophon::ledger::tile_reader::{TileSet, TileSource as _};
use colophon::ledger::{Checkpoint, Ed25519Signer, Head, Signer, Statement, Subject};
use ed25519_dalek::SigningKey;
use serde_json::json;

use crate::support::binary::Scene;

const ORIGIN: &str = "log.example/audited";

fn statements() -> Ed25519Signer {
    Ed25519Signer::new(SigningKey::from_bytes(&[41; 32]))
}

fn log() -> Signer {
    Signer::new(ORIGIN, SigningKey::from_bytes(&[42; 32])).unwrap()
}

fn entry(n: usize, history: &str) -> Vec<u8> {
    let subject = Subject::new(format!("work {n}"), colophon::digest::Digest::of(history.as_bytes()));
    let predicate = json!({ "actor": "Ana", "custody": "instance", "n": n });
    Statement::new("work", vec![subject], predicate).sign(&statements()).unwrap().to_bytes().unwrap()
}

/// Writes a log as a service serves it, keys beside it.
fn serve(folder: &Path, entries: &[Vec<u8>]) {
    let _ = std::fs::remove_dir_all(folder.join("tile"));
    let put = |path: String, bytes: &[u8]| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let step = integrate(&Head::EMPTY, &TileSet::default(), entries).unwrap();
    let mut tiles = TileSet::default();
    tiles.apply(&step);
    let size = entries.len() as u64;
    for path in tiles_for(0, size) {
        assert!(matches!(path.level, TileLevel::Hashes(_)));
        put(path.to_string(), &tiles.tile(path).unwrap());
    }
    for path in bundles_for(0, size) {
        let from = path.index as usize * 256;
        put(path.to_string(), &encode_bundle(&entries[from..from + usize::from(path.width)]).unwrap());
    }
    put("checkpoint".into(), Checkpoint::new(ORIGIN, size, step.head.root).sign(&[&log()]).unwrap().to_string().as_bytes());
    put("log.vkey".into(), log().verifier().to_string().as_bytes());
    put("statement.key".into(), hex::encode(statements().verifying_key().as_bytes()).as_bytes());
}

fn history(name: &str, size: usize) -> Vec<Vec<u8>> {
    (0..size).map(|n| entry(n, name)).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

fn flip(path: PathBuf, at: usize) {
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_log_is_mirrored_gone_on_with_and_checked_by_others_from_the_mirror() {
    let scene = Scene::empty();
    let (log, mirror) = (scene.path("log"), scene.path("mirror"));
    let audit = || scene.run(&["audit", log.to_str().unwrap(), "--into", mirror.to_str().unwrap()]);
    let all = history("a", 1_300);
    serve(&log, &all[..300]);
    audit().expect(0, &["First visit", "is sound: 300 entries"]);
    audit().expect(0, &["Nothing is new"]);
    for size in [301, 511, 512, 513, 1_024, 1_300] {
        serve(&log, &all[..size]);
        audit().expect(0, &[&format!("is sound: {size} entries"), "It goes on from"]);
    }
    // The mirror is a log as well.
    std::fs::rename(&log, scene.path("away")).unwrap();
    let again = scene.path("again");
    scene.run(&["audit", mirror.to_str().unwrap(), "--into", again.to_str().unwrap()]).expect(0, &["is sound: 1300 entries"]);
    // An older head that is a beginning of the log is no fork, and something is held back all the same.
    std::fs::rename(scene.path("away"), &log).unwrap();
    serve(&log, &all[..700]);
    let said = audit().expect(1, &["the rest is held back", "no fork"]).said();
    assert!(!said.contains("FORKED"), "{said}");
    // The same head over files that are gone.
    serve(&log, &all);
    std::fs::remove_file(log.join("tile/0/005.p/20")).unwrap();
    audit().expect(1, &["is not served any more"]);
    serve(&log, &all);
    audit().expect(0, &["is sound: 1300 entries"]);
    let json = scene.run(&["--json", "audit", log.to_str().unwrap(), "--into", mirror.to_str().unwrap()]).expect(0, &[]).json();
    assert_eq!((json["sound"].as_bool(), json["size"].as_u64(), json["new"].as_u64()), (Some(true), Some(1_300), Some(0)));
}

#[test]
fn what_was_changed_shows_and_the_next_visit_starts_where_all_was_well() {
    let scene = Scene::empty();
    let (log, mirror) = (scene.path("log"), scene.path("mirror"));
    let audit = || scene.run(&["audit", log.to_str().unwrap(), "--into", mirror.to_str().unwrap()]);
    let all = history("a", 700);
    serve(&log, &all[..300]);
    audit().expect(0, &["is sound"]);
    for (file, at) in [
        ("tile/entries/001", 700),
        ("tile/entries/002.p/188", 9),
        ("tile/0/001", 8_000),
        ("tile/0/002.p/188", 3),
        ("tile/1/000.p/2", 40),
    ] {
        // What an audit that broke off has fetched is not fetched again, so each begins from the first visit.
        let begun = scene.path("begun");
        let again = || {
            let _ = std::fs::remove_dir_all(&begun);
            copy(&mirror, &begun);
            scene.run(&["audit", log.to_str().unwrap(), "--into", begun.to_str().unwrap()])
        };
        serve(&log, &all);
        flip(log.join(file), at);
        again().expect(1, &["NOT sound"]);
        serve(&log, &all);
        std::fs::remove_file(log.join(file)).unwrap();
        again().expect(1, &[]);
        serve(&log, &all);
        let once_more = || scene.run(&["audit", log.to_str().unwrap(), "--into", begun.to_str().unwrap()]);
        once_more().expect(0, &["is sound: 700 entries"]);
    }
    serve(&log, &all);
    flip(log.join("checkpoint"), 30);
    audit().expect(1, &[]);
    serve(&log, &all);
    audit().expect(0, &["is sound: 700 entries", "400 are new"]);
    // An entry that nobody signed.
    let mut forged = history("a", 701);
    let stranger = Ed25519Signer::new(SigningKey::from_bytes(&[43; 32]));
    let statement = colophon::ledger::Envelope::parse(&forged[700]).unwrap().statement().unwrap();
    forged[700] = statement.sign(&stranger).unwrap().to_bytes().unwrap();
    serve(&log, &forged);
    audit().expect(1, &["entry `700`", "not signed by"]);
    // Another key than at the first visit.
    serve(&log, &all);
    let other = Signer::new(ORIGIN, SigningKey::from_bytes(&[44; 32])).unwrap().verifier().to_string();
    let args = ["audit", log.to_str().unwrap(), "--into", mirror.to_str().unwrap(), "--vkey", &other];
    scene.run(&args).expect(1, &["not the one of the last visit"]);
}

#[test]
fn a_fork_is_told_with_both_signed_heads() {
    let scene = Scene::empty();
    let (log, mirror) = (scene.path("log"), scene.path("mirror"));
    let audit = || scene.run(&["audit", log.to_str().unwrap(), "--into", mirror.to_str().unwrap()]);
    serve(&log, &history("a", 300));
    audit().expect(0, &["is sound"]);
    let seen = std::fs::read(mirror.join("checkpoint")).unwrap();
    // Larger, of the same size, and smaller.
    for size in [500, 300, 200] {
        serve(&log, &history("b", size));
        audit().expect(1, &["has FORKED", &format!("evidence-{size}")]);
        let evidence = mirror.join(format!("evidence-{size}"));
        assert_eq!(std::fs::read(evidence.join("seen.checkpoint")).unwrap(), seen);
        assert_eq!(std::fs::read(evidence.join("served.checkpoint")).unwrap(), std::fs::read(log.join("checkpoint")).unwrap());
        assert_eq!(std::fs::read(mirror.join("checkpoint")).unwrap(), seen, "what was seen stays");
    }
    serve(&log, &history("a", 400));
    audit().expect(0, &["is sound: 400 entries"]);
}
