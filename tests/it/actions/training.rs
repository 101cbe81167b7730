//! Training only on what may be trained on: refusals name the work, a run that was stopped makes what it would have made, and what came
//! out is tied to its dataset in the log.

use std::sync::atomic::AtomicBool;

use colophon::accounts::{Actor, Role};
use colophon::actions::Error;
use colophon::actions::freeze_dataset::freeze_dataset;
use colophon::actions::import_works::import_works;
use colophon::actions::register_run::training_set;
use colophon::actions::register_work::{Registration, register_work};
use colophon::actions::revoke_grant::revoke_grant;
use colophon::clock::Timestamp;
use colophon::digest::sha256_of;
use colophon::id::{DatasetId, StatementId, WorkId};
use colophon::jobs::train::{Ended, Training, train};
use colophon::lineage::{Dataset, dataset};
use colophon::provenance::{Format, encode};
use colophon::storage;
use colophon::works::list::Row;

use crate::support::TestInstance;
use crate::support::both;
use crate::support::database::Kind;

both! {
    the_trainer_refuses_a_dataset_with_one_work_that_may_not_be_trained_on,
    freezing_refuses_and_names_such_a_work,
    a_run_is_tied_to_its_dataset_and_goes_on_where_it_was_stopped,
    a_collection_is_registered_once,
}

async fn work(t: &TestInstance, actor: &Actor, licence: &str, seed: u8) -> WorkId {
    let rgb: Vec<u8> = (0..32u32 * 32).flat_map(|at| [seed.wrapping_mul(20), (at * 7 % 251) as u8, (at / 4) as u8]).collect();
    let sent = Registration {
        file: encode(&rgb, 32, 32, Format::Png).unwrap(),
        row: Row {
            title: format!("Zebra {seed}"),
            author: "Rosa Ruiz".into(),
            tags: vec!["zebra".into(), "stripes".into()],
            licence: licence.into(),
            ..Row::default()
        },
        ..Registration::default()
    };
    register_work(t, actor, sent).await.unwrap().0
}

/// Works that may not be trained on, each for another reason, and the rule that says so.
const REFUSED: [(&str, &str); 5] = [
    ("CC-BY-NC-4.0", "by-nc/train"),
    ("CC-BY-ND-4.0", "by-nd/train"),
    ("WTFPL", "unknown/train"),
    ("LicenseRef-all-rights-reserved", "reserved/train"),
    ("revoked", "no-grant/train"),
];

/// One work for each reason; the last was given under MIT, which was taken back.
async fn refused_works(t: &TestInstance, actor: &Actor) -> Vec<(WorkId, &'static str)> {
    let mut works = Vec::new();
    for (seed, (licence, rule)) in (10..).zip(REFUSED) {
        let id = work(t, actor, if licence == "revoked" { "MIT" } else { licence }, seed).await;
        if licence == "revoked" {
            let grant = storage::works::grants(&mut t.store.read().await.unwrap(), id).await.unwrap()[0].grant.id;
            revoke_grant(t, actor, grant, "taken back").await.unwrap();
        }
        works.push((id, rule));
    }
    works
}

fn named(error: &Error, id: WorkId, rule: &str) {
    let said = error.to_string();
    assert!(matches!(error, Error::Invalid(_)), "{said}");
    assert!(said.contains(&id.to_string()) && said.contains(rule) && said.contains("one work"), "{said}");
}

async fn freezing_refuses_and_names_such_a_work(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder, Role::Operator]).await;
    let good = [work(&t, &rosa, "MIT", 1).await, work(&t, &rosa, "CC-BY-4.0", 2).await];
    for (bad, rule) in refused_works(&t, &rosa).await {
        let error = freeze_dataset(&t, &rosa, "Mine", [&good[..], &[bad]].concat()).await.unwrap_err();
        named(&error, bad, rule);
    }
    let unknown = WorkId::derived(b"nobody registered it");
    let error = freeze_dataset(&t, &rosa, "Mine", vec![good[0], unknown]).await.unwrap_err();
    assert!(error.to_string().contains("not registered"), "{error}");
    assert_eq!(t.number("SELECT COUNT(*) FROM datasets").await, 1, "only the one that came with the program");
    assert!(matches!(freeze_dataset(&t, &rosa, " ", good.to_vec()).await, Err(Error::Invalid(_))));
    assert!(matches!(freeze_dataset(&t, &rosa, "Mine", vec![]).await, Err(Error::Invalid(_))));
    let frozen = freeze_dataset(&t, &rosa, "Mine", good.to_vec()).await.unwrap();
    assert_eq!((frozen.works, frozen.root), (2, dataset::root(&good)));
    assert!(matches!(freeze_dataset(&t, &rosa, "Again", good.to_vec()).await, Err(Error::Conflict(_))));
    let ana = t.actor("Ana", &[Role::Creator]).await;
    assert!(matches!(freeze_dataset(&t, &ana, "Hers", good.to_vec()).await, Err(Error::Forbidden(_))));
    t.finish().await;
}

async fn the_trainer_refuses_a_dataset_with_one_work_that_may_not_be_trained_on(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder, Role::Operator]).await;
    let good = [work(&t, &rosa, "MIT", 1).await, work(&t, &rosa, "CC-BY-4.0", 2).await];
    // A dataset may hold such a work all the same: frozen under other rules, or before a grant was taken back.
    for (n, (bad, rule)) in refused_works(&t, &rosa).await.into_iter().enumerate() {
        let ids = [&good[..], &[bad]].concat();
        let id = DatasetId::derived(&[n as u8]);
        let frozen =
            Dataset { id, name: format!("{n}"), root: dataset::root(&ids), works: 3, frozen_at: Timestamp::from_millis(1) };
        let mut tx = t.store.begin().await.unwrap();
        storage::datasets::insert(&mut tx, &frozen, StatementId::derived(b"s")).await.unwrap();
        storage::datasets::insert_works(&mut tx, id, &ids).await.unwrap();
        tx.commit().await.unwrap();
        named(&training_set(&t, &rosa, id, 16).await.err().unwrap(), bad, rule);
        let said = train(&t, &rosa, &training(&t, id, "refused"), &|_| (), &AtomicBool::new(false)).await.unwrap_err();
        named(said.downcast_ref::<Error>().unwrap(), bad, rule);
        assert!(!t.folder().join("refused").exists(), "nothing was begun");
    }
    t.leave_broken("its datasets were written beside the log").await;
}

const SETTINGS: &str = r#"
name = "small"
seed = 5
steps = 4
batch = 4
replicas = 2
rate = 0.02
other_rate = 0.003
weight_decay = 0.01
warm_up = 2
cool_down = 0.3
average = 0.9
clip = 1.0
validate_every = 2
checkpoint_every = 2
sample_every = 4
prompts = ["red apple"]
[network]
side = 16
patch = 8
width = 16
depth = 2
heads = 2
hidden = 24
local = 8
head = 20
text_slots = 4
works = 2
[examples]
held_out = 0.2
"#;

fn training(t: &TestInstance, dataset: DatasetId, folder: &str) -> Training {
    Training { settings: SETTINGS.to_owned(), dataset, output: t.folder().join(folder), from: None }
}

async fn a_run_is_tied_to_its_dataset_and_goes_on_where_it_was_stopped(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let operator = t.actor("Olga", &[Role::Operator]).await;
    let dataset = storage::datasets::all(&mut t.store.read().await.unwrap()).await.unwrap().remove(0).dataset;
    let (go, stop) = (AtomicBool::new(false), AtomicBool::new(true));
    let run = |folder: &'static str| training(&t, dataset.id, folder);
    // Stopped after each step, and begun again.
    for step in 1..4 {
        let ended = train(&t, &operator, &run("stopped"), &|_| (), &stop).await.unwrap();
        assert!(matches!(ended, Ended::Stopped(s) if s == step), "{ended:?}");
    }
    let Ended::Done(made) = train(&t, &operator, &run("stopped"), &|_| (), &go).await.unwrap() else { panic!("not done") };
    assert_eq!((made.dataset_root, made.steps, made.pictures), (dataset.root, 4, 16));
    assert_eq!(made.settings, sha256_of(SETTINGS.as_bytes()));
    let file = |folder: &str, name: &str| std::fs::read(t.folder().join(folder).join(name)).unwrap();
    assert_eq!(made.weights, sha256_of(&file("stopped", "model/weights.safetensors")));
    assert!(!file("stopped", "samples-000004.png").is_empty());

    let mut tx = t.store.read().await.unwrap();
    let record = storage::runs::find_by_weights(&mut tx, made.weights).await.unwrap().unwrap();
    assert_eq!(record.run, *made);
    assert_eq!(storage::runs::of_dataset(&mut tx, dataset.id).await.unwrap(), std::slice::from_ref(&record));
    let model = storage::models::find_by_weights(&mut tx, made.weights).await.unwrap().unwrap().model;
    assert_eq!(model.datasets, [dataset.id]);
    assert!(model.card.training.contains("16 pictures seen"), "{}", model.card.training);
    let entry = storage::log::find(&mut tx, record.statement).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&entry.bytes).contains("in-toto"));
    drop(tx);

    // One that was not stopped makes the very same weights: they are on record already.
    let said = train(&t, &operator, &run("whole"), &|_| (), &go).await.unwrap_err();
    assert!(matches!(said.downcast_ref(), Some(Error::Conflict(_))), "{said}");
    for name in ["model/weights.safetensors", "checkpoint.safetensors", "model/vocab.json", "model/config.json"] {
        assert!(file("whole", name) == file("stopped", name), "`{name}` differs");
    }

    // Other settings in the same folder are refused before anything is overwritten.
    let other = Training { settings: SETTINGS.replace("seed = 5", "seed = 6"), ..run("whole") };
    let said = train(&t, &operator, &other, &|_| (), &go).await.unwrap_err().to_string();
    assert!(said.contains("other settings"), "{said}");
    let ana = t.actor("Ana", &[Role::Creator]).await;
    let said = train(&t, &ana, &run("hers"), &|_| (), &go).await.unwrap_err();
    assert!(matches!(said.downcast_ref(), Some(Error::Forbidden(_))), "{said}");
    t.finish().await;
}

async fn a_collection_is_registered_once(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let archive = collection(3, |line| line);
    let first = import_works(&t, &rosa, archive.clone()).await.unwrap();
    assert_eq!((first.works.len(), first.registered), (3, 3));
    let again = import_works(&t, &rosa, archive.clone()).await.unwrap();
    assert_eq!((again.works, again.registered), (first.works.clone(), 0));
    // One that was cut off, and went on.
    let more = import_works(&t, &rosa, collection(5, |line| line)).await.unwrap();
    assert_eq!((more.works.len(), more.registered), (5, 2));
    assert_eq!(more.works[..3], first.works[..]);
    let swapped = collection(3, |line| line.replace("\"n\":1", "\"n\":2"));
    let error = import_works(&t, &rosa, swapped).await.unwrap_err();
    assert!(error.to_string().contains("not the one its record names"), "{error}");
    assert!(matches!(import_works(&t, &rosa, vec![]).await, Err(Error::Invalid(_))));
    t.finish().await;
}

/// An archive of `n` works; `change` is done to each line of its list.
fn collection(n: usize, change: fn(String) -> String) -> Vec<u8> {
    use std::io::Write as _;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut list = String::new();
    for n in 0..n {
        let png = encode(&[n as u8 * 30; 16 * 16 * 3], 16, 16, Format::Png).unwrap();
        archive.start_file(format!("{n:05}.png"), stored).unwrap();
        archive.write_all(&png).unwrap();
        let line = serde_json::json!({
            "n": n, "set": "s", "item": format!("i{n}"), "title": "A square", "titles": [["square"]], "tags": [], "colour": null,
            "style": "plain", "category": "object", "author": "Rosa", "licence": "MIT", "licence_url": "", "source": "",
            "package": { "registry": "npm", "name": "p", "version": "1" }, "may_flip": true, "sha256": sha256_of(&png),
        });
        list.push_str(&change(line.to_string()));
        list.push('\n');
    }
    archive.start_file("works.jsonl", stored).unwrap();
    archive.write_all(list.as_bytes()).unwrap();
    archive.finish().unwrap().into_inner()
}
