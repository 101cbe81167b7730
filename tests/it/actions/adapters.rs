//! Adapters: learnt from works of one hand, tied to them in the log, drawn with, named, and out of use when a work goes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use colophon::accounts::{Actor, Role};
use colophon::actions::Error;
use colophon::actions::adapters::adapter_weights;
use colophon::actions::membership::{check_membership, membership};
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::register_work::{Registration, register_work};
use colophon::actions::request_image::{Order, request_image};
use colophon::actions::revoke_grant::revoke_grant;
use colophon::actions::verify_image::Logged;
use colophon::embedded::ADAPTER_SETTINGS;
use colophon::generation::Engine;
use colophon::id::WorkId;
use colophon::jobs::adapt::{Adapting, adapt};
use colophon::jobs::generate;
use colophon::jobs::replay::replay;
use colophon::provenance::{Format, encode};
use colophon::storage::{self, images::Image};
use colophon::works::list::Row;

use crate::support::database::Kind;
use crate::support::{TestInstance, both, order};

both! {
    an_adapter_is_tied_to_its_works_and_goes_with_them,
}

/// Twelve drawings of one hand: rings in three colours.
async fn hand(t: &TestInstance, actor: &Actor, licence: &str) -> Vec<WorkId> {
    let mut works = Vec::new();
    for n in 0..12u32 {
        let (colour, radius) = ([[220u8, 30, 30], [30, 90, 220], [240, 200, 40]][n as usize % 3], 8 + n * 2);
        let ring = |at: u32| {
            let (x, y) = ((at % 64).abs_diff(32), (at / 64).abs_diff(32));
            (radius.saturating_sub(6)..radius).contains(&(x * x + y * y).isqrt())
        };
        let rgb: Vec<u8> = (0..64 * 64).flat_map(|at| if ring(at) { colour } else { [255; 3] }).collect();
        let sent = Registration {
            file: encode(&rgb, 64, 64, Format::Png).unwrap(),
            row: Row {
                title: format!("{} ring", ["red", "blue", "yellow"][n as usize % 3]),
                author: actor.name.clone(),
                tags: vec!["ring".into(), "circle".into()],
                licence: licence.into(),
                ..Row::default()
            },
            ..Registration::default()
        };
        works.push(register_work(t, actor, sent).await.unwrap().0);
    }
    works
}

/// On the whole model, as it needs real weights; a few steps only.
async fn an_adapter_is_tied_to_its_works_and_goes_with_them(kind: Kind) {
    let t = TestInstance::whole(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder, Role::Creator]).await;
    let works = hand(&t, &rosa, "CC-BY-4.0").await;
    let settings = ADAPTER_SETTINGS
        .replace("steps = 240", "steps = 3")
        .replace("batch = 32", "batch = 4")
        .replace("rate = 0.002", "rate = 0.02");
    let asked = |works: &[WorkId]| Adapting { name: "Rosa's hand".into(), works: works.to_vec(), settings: settings.clone() };
    let go = AtomicBool::new(false);
    let (shared, models) = (t.shared(), t.settings.models_dir.clone());
    let refused = async |actor: &Actor, works: &[WorkId]| {
        adapt(&shared, actor, asked(works), &models, &|_| (), &go).await.unwrap_err().to_string()
    };
    assert!(refused(&rosa, &works[..9]).await.contains("10 to 30"));
    let ana = t.actor("Ana", &[Role::RightsHolder, Role::Creator]).await;
    assert!(refused(&ana, &works).await.contains("registered by Rosa"));
    let reserved = hand_of_one(&t, &rosa).await;
    let said = refused(&rosa, &[&works[..], &[reserved]].concat()).await;
    assert!(said.contains("may not be trained on") && said.contains(&reserved.to_string()), "{said}");

    let id = adapt(&shared, &rosa, asked(&works), &models, &|_| (), &go).await.unwrap();
    let mut tx = t.store.read().await.unwrap();
    let model = storage::models::find(&mut tx, id).await.unwrap().unwrap().model;
    assert_eq!((model.base, model.made_by.as_str()), (Some(t.model.model.id), "Rosa"));
    // From the weights to the works: run, dataset, root, members, each in the log.
    let run = storage::runs::find_by_weights(&mut tx, model.weights).await.unwrap().unwrap();
    let members = storage::datasets::members(&mut tx, run.run.dataset).await.unwrap();
    assert_eq!(colophon::lineage::dataset::root(&members), run.run.dataset_root);
    assert_eq!((members.len(), run.run.begun_from), (12, Some(t.model.model.weights)));
    assert_eq!(adapter_weights(&t, &mut tx, &model, 1.0).await.unwrap().model, id);
    drop(tx);
    // The proof is a file: with the log's key alone it shows that her works are what it was learnt from, and that Ana's is not.
    publish_checkpoint(&t).await.unwrap();
    for (work, present) in [(works[0], true), (works[11], true), (reserved, false)] {
        let proof = serde_json::to_vec(&membership(&t, run.run.dataset, work).await.unwrap()).unwrap();
        let checked = check_membership(&proof, t.keys.log.verifier(), &t.site.log_origin).unwrap();
        assert!(matches!(checked.logged, Logged::Proved { .. }) && checked.present == present, "{}", checked.sentence);
    }

    // Drawn with it, a picture is another one, and says so.
    let engine = {
        let clock = Arc::clone(&t.clock);
        let mut settings = t.settings.clone();
        settings.models_dir = models.clone();
        colophon::jobs::start_engine(&settings, 1, clock).unwrap()
    };
    let wanted = Order { adapter: Some(id), steps: Some(3), ..order("a ring", 4) };
    let with = deliver(&t, &engine, &ana, wanted.clone()).await;
    let without = deliver(&t, &engine, &ana, Order { adapter: None, ..wanted.clone() }).await;
    assert_ne!(with.pixels, without.pixels);
    assert_eq!((with.adapter, without.adapter), (Some(id), None));
    assert!(replay(&t, &engine, with.id, true).await.unwrap().same());
    engine.shutdown();

    // Without one of its works it is out of use for others.
    let grant = storage::works::grants(&mut t.store.read().await.unwrap(), works[3]).await.unwrap()[0].grant.id;
    revoke_grant(&t, &rosa, grant, "mine again").await.unwrap();
    match request_image(&t, &ana, wanted, None).await {
        Err(Error::Invalid(problems)) => assert!(problems[0].0 == "adapter" && problems[0].1.contains("ring"), "{problems:?}"),
        other => panic!("{other:?}"),
    }
    t.finish().await;
}

async fn hand_of_one(t: &TestInstance, actor: &Actor) -> WorkId {
    let sent = Registration {
        file: encode(&[9; 8 * 8 * 3], 8, 8, Format::Png).unwrap(),
        row: Row {
            title: "Mine".into(),
            author: actor.name.clone(),
            licence: "LicenseRef-all-rights-reserved".into(),
            ..Row::default()
        },
        ..Registration::default()
    };
    register_work(t, actor, sent).await.unwrap().0
}

async fn deliver(t: &TestInstance, engine: &Engine, actor: &Actor, order: Order) -> Image {
    let requested = request_image(t, actor, order, Some(generate::lease_end(t))).await.unwrap();
    let (delivered, _) = generate::run(t, engine, &requested.job).await.unwrap().expect("a picture");
    storage::images::find(&mut t.store.read().await.unwrap(), delivered.image).await.unwrap().unwrap().image
}
