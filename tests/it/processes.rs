//! One work, three processes on one data folder: a service that runs all the time, this one, and the command line. What one decides, the
//! others keep to with the very next picture.

use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use colophon::accounts::Actor;
use colophon::actions::register_work::{Registration, register_work};
use colophon::actions::request_image::{Order, request_image};
use colophon::actions::revoke_grant::revoke_grant;
use colophon::actions::sign_in::local_operator;
use colophon::actions::{Error, Instance};
use colophon::chance::SystemChance;
use colophon::clock::SystemClock;
use colophon::config::Settings;
use colophon::id::{ModelId, WorkId};
use colophon::provenance::{Format, encode};
use colophon::storage;
use colophon::storage::jobs::Job;
use colophon::storage::tasks::TaskState;
use colophon::works::list::Row;

use crate::support::binary::{Scene, replace};
use crate::support::database::Kind;
use crate::support::tiny_model::write_tiny_model;
use crate::support::{order, run};

/// The service, ended with the test whether it passes or not.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the service makes of an order that this process puts into its queue.
async fn done_by_the_service(instance: &Instance, actor: &Actor, order: Order) -> Job {
    let asked = request_image(instance, actor, order, None).await.unwrap().job.id;
    let begun = Instant::now();
    loop {
        let job = storage::jobs::find(&mut instance.store.read().await.unwrap(), asked).await.unwrap().unwrap();
        if matches!(job.state, TaskState::Done | TaskState::Failed) {
            return job;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "still {:?}", job.state);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn works_of(instance: &Instance, job: &Job) -> Vec<WorkId> {
    let mut tx = instance.store.read().await.unwrap();
    let image = storage::images::find(&mut tx, job.image.expect("drawn")).await.unwrap().unwrap().image;
    image.works.iter().map(|drawn| drawn.work).collect()
}

#[test]
fn a_work_is_open_to_every_process_at_once_and_closed_to_every_one_when_revoked() {
    let scene = Scene::founded();
    let _service = Service(scene.serve());
    run(Kind::Sqlite, |_| async {
        let data = scene.data().to_str().unwrap().to_owned();
        let settings = Settings::from_parts("test".as_ref(), "", &[], &[("data_dir", data)]).unwrap();
        let instance = Instance::open(&settings, Arc::new(SystemClock), Arc::new(SystemChance)).await.unwrap();
        let actor = local_operator(&instance).await.unwrap();

        // The service has read its works by now.
        let words = || order("quokka", 1);
        let before = works_of(&instance, &done_by_the_service(&instance, &actor, words()).await).await;
        let picture: Vec<u8> = (0..64u32 * 64).flat_map(|at| [200, (at % 64 * 4) as u8, (at / 64 * 4) as u8]).collect();
        let sent = Registration {
            file: encode(&picture, 64, 64, Format::Png).unwrap(),
            row: Row {
                title: "Quokka".into(),
                author: "Rosa Ruiz".into(),
                tags: vec!["quokka".into()],
                licence: "CC-BY-4.0".into(),
                ..Row::default()
            },
            ..Registration::default()
        };
        let (work, _) = register_work(&instance, &actor, sent).await.unwrap();
        assert!(!before.contains(&work));
        let found = works_of(&instance, &done_by_the_service(&instance, &actor, words()).await).await;
        assert!(found.contains(&work), "found by its word in a service that began before it was registered: {found:?}");
        let chosen = || Order { with: vec![work], ..order("a red apple", 1) };
        assert_eq!(works_of(&instance, &done_by_the_service(&instance, &actor, chosen()).await).await, [work]);
        let id = work.to_string();
        let generate = ["generate", "a red apple", "--seed", "1", "-o", "with.png", "--with", &id];
        scene.run(&generate).expect(0, &["Quokka"]);

        let grant = storage::works::grants(&mut instance.store.read().await.unwrap(), work).await.unwrap()[0].grant.id;
        revoke_grant(&instance, &actor, grant, "not for this").await.unwrap();
        let found = works_of(&instance, &done_by_the_service(&instance, &actor, words()).await).await;
        assert!(!found.contains(&work), "the running service keeps to it: {found:?}");
        scene.run(&generate).expect(1, &[&id, "revoked"]);
        scene.run(&["generate", "quokka", "--seed", "2", "-o", "words.png", "--json"]).expect(0, &[]);
        assert!(!scene.run(&["verify", "words.png"]).expect(0, &["Trusted"]).said().contains("Quokka"));
        let refused = request_image(&instance, &actor, chosen(), None).await.map(drop).unwrap_err();
        assert!(matches!(&refused, Error::Invalid(problems) if problems[0].1.contains("revoked")), "{refused}");
        instance.store.close().await;
    });
    scene.run(&["audit"]).expect(0, &["is sound"]);
}

#[test]
fn a_worker_beside_the_service_draws_with_the_models_that_were_added() {
    let scene = Scene::founded();
    let folder = scene.path("Tiny Model");
    write_tiny_model(&folder, 1);
    let given = folder.to_str().unwrap();
    // Nothing is known of it, and that is said; with a licence it draws.
    scene
        .run(&["model", "add", given, "--name", "nobodys"])
        .expect(0, &["Licence unknown: ", "personal use: may not draw", "Not known"]);
    scene.run(&["generate", "a red apple", "-o", "x.png", "--model", "nobodys"]).expect(1, &["its licence is unknown"]);
    let named = ["--licence", "LicenseRef-CreativeML-OpenRAIL-M", "--title", "Tiny Model", "--maker", "Ana"];
    let other = scene.path("Other");
    write_tiny_model(&other, 50);
    let added = scene.run(&[&["model", "add", other.to_str().unwrap(), "--json"], &named[..]].concat()).expect(0, &[]).json();
    let id: ModelId = added["model"].as_str().unwrap().parse().unwrap();
    assert_eq!((added["personal"]["answer"].as_str(), added["new"].as_bool()), (Some("conditional"), Some(true)));
    scene
        .run(&["model", "list"])
        .expect(0, &["Tiny Model (other)", "draws here, 64x64", "training data not documented", "Colophon Mini 2"]);
    let kept = scene.data().join("models/other");
    scene.run(&["model", "check", kept.to_str().unwrap()]).expect(0, &["10 files are those", "unet: whole"]);
    let generate =
        ["generate", "a red apple", "--seed", "1", "--steps", "3", "--negative", "blue", "-o", "tiny.png", "--model", "other"];
    scene.run(&generate).expect(0, &["Tiny Model", "nobody can say from which"]);
    scene.run(&["verify", "tiny.png"]).expect(0, &["Trusted"]);
    scene.run(&["replay", "--latest", "1"]).expect(0, &[]);
    scene.run(&["generate", "a red apple", "-o", "y.png", "--model", "other", "--size", "100x64"]).expect(1, &["that 8 divides"]);
    scene.run(&["doctor"]).expect(0, &["Tiny Model, 10 files as registered", "Nothing is wrong"]);
    replace(&kept.join("vae/config.json"), b"{}");
    scene.run(&["doctor"]).expect(0, &["Tiny Model, not drawn with here", "vae/config.json"]);
    write_tiny_model(&kept, 50);
    replace(&kept.join("vae/diffusion_pytorch_model.safetensors"), b"no weights");
    scene.run(&["doctor"]).expect(1, &["vae/diffusion_pytorch_model.safetensors", "sha256"]);
    scene.run(&generate).expect(1, &["vae/diffusion_pytorch_model.safetensors", "sha256"]);
    write_tiny_model(&kept, 50);
    scene
        .run(&["model", "add", "nobody/nothing"])
        .expect(1, &["can't be fetched from the Hugging Face Hub", "colophon model add DIR"]);
    scene.run(&["model", "add", "no/such/folder"]).expect(1, &["neither a folder nor an id"]);

    // The service takes the embedded model's pictures, the worker the others; both are one instance.
    let embedded = [("COLOPHON_DRAWS", "embedded")];
    let _service = Service(scene.start(&embedded, &["--listen", "127.0.0.1:0", "serve"], "is ready on http://127.0.0.1:"));
    run(Kind::Sqlite, |_| async {
        let data = scene.data().to_str().unwrap().to_owned();
        let settings = Settings::from_parts("test".as_ref(), "", &[], &[("data_dir", data)]).unwrap();
        let instance = Instance::open(&settings, Arc::new(SystemClock), Arc::new(SystemChance)).await.unwrap();
        let actor = local_operator(&instance).await.unwrap();
        let tiny = || Order { model: Some(id), steps: Some(3), ..order("a red apple", 2) };
        let waits = request_image(&instance, &actor, tiny(), None).await.unwrap().job.id;
        let own = done_by_the_service(&instance, &actor, order("a red apple", 2)).await;
        assert_eq!(own.state, TaskState::Done, "{:?}", own.problem);
        let job = storage::jobs::find(&mut instance.store.read().await.unwrap(), waits).await.unwrap().unwrap();
        assert_eq!((job.state, job.model), (TaskState::Queued, Some(id)), "it waits for a worker");
        let _worker = Service(scene.start(&[("COLOPHON_DRAWS", "added")], &["work"], "Drawing on cpu"));
        let done = done_by_the_service(&instance, &actor, tiny()).await;
        assert_eq!(done.state, TaskState::Done, "{:?}", done.problem);
        let first = storage::jobs::find(&mut instance.store.read().await.unwrap(), waits).await.unwrap().unwrap();
        assert_eq!(first.state, TaskState::Done, "{:?}", first.problem);
        instance.store.close().await;
    });
    scene.run_with(&[("COLOPHON_DRAWS", "none")], &["work"]).expect(1, &["nothing to do"]);
    scene.run_with(&[("COLOPHON_DEVICE", "cuda:0")], &["work"]).expect(1, &["cuda:0"]);
    scene.run(&["audit"]).expect(0, &["is sound"]);
}

#[test]
fn a_lost_data_folder_comes_back_from_the_served_log() {
    let scene = Scene::founded();
    scene.run(&["generate", "a red apple", "--seed", "1", "-o", "a.png"]).expect(0, &["Trusted"]);
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let service = Service(scene.start(&[], &["--listen", &listen, "serve"], "is ready on http://127.0.0.1:"));
    let log = format!("http://{listen}/log");
    let keys = scene.data().join("keys");

    let heir = Scene::empty();
    let from = ["--json", "rebuild", "--from", &log, "--key-dir", keys.to_str().unwrap()];
    let said = heir.run(&from).expect(0, &[]).json();
    let files = &said["files"];
    let numbers = [&said["statements"], &files["inside"], &files["fetched"], &files["missing"]].map(|n| n.as_u64().unwrap());
    assert_eq!((numbers, said["goes_on"].as_bool()), ([6_720, 6_708, 1, 0], Some(true)), "{said}");
    assert!(said["per_second"].as_f64().unwrap() > 0.0, "{said}");
    heir.run(&from).expect(1, &["not empty"]);

    // Without its keys it is a copy to be read, on which nothing goes on.
    let reader = Scene::empty();
    reader
        .run(&["rebuild", "--from", &log, "--no-blobs"])
        .expect(0, &["First visit", "6720 statements in", "a second", "1 not to be had", "a reading copy"]);
    reader.run(&["audit"]).expect(1, &["start with the data folder that goes with this database"]);
    assert!(!reader.data().join("keys/log.key").exists(), "no other key was made");

    // The service is gone for good; what the heir has seen of it is enough for another, and what was changed there is found.
    drop(service);
    let mirror = heir.path(&format!("127.0.0.1-{port}-log.audit"));
    let bundle = mirror.join("tile/entries/007");
    let whole = std::fs::read(&bundle).unwrap();
    let mut changed = whole.clone();
    changed[1_000] ^= 1;
    std::fs::write(&bundle, changed).unwrap();
    let third = Scene::empty();
    let blobs = scene.data().join("blobs");
    let from = ["rebuild", "--from", mirror.to_str().unwrap(), "--into", "seen", "--blobs", blobs.to_str().unwrap()];
    third.run(&from).expect(1, &["is NOT sound", "Nothing was written."]);
    std::fs::write(&bundle, whole).unwrap();
    third.run(&from).expect(0, &["6720 statements in", "6708 inside the program, 1 brought from elsewhere, 0 not to be had"]);
    third.run(&[&from[..], &["--key-dir", "seen"]].concat()).expect(1, &["can't be used"]);

    // The heir goes on.
    heir.run(&["audit"]).expect(0, &["is sound: 6720 entries"]);
    heir.run(&["generate", "a red apple", "--seed", "2", "-o", "b.png"]).expect(0, &["Trusted", "Logged at index 6720"]);
    heir.run(&["rebuild"]).expect(0, &["from 6721 statements in", "a second"]);
    heir.run(&["audit"]).expect(0, &["is sound: 6721 entries"]);
    heir.run(&["doctor"]).expect(0, &["Nothing is wrong."]);
    std::fs::copy(scene.path("a.png"), heir.path("a.png")).unwrap();
    std::fs::copy(scene.path("a.png.tlog-proof"), heir.path("a.png.tlog-proof")).unwrap();
    heir.run(&["verify", "a.png"]).expect(0, &["Trusted", "Logged at index 6719"]);
}
