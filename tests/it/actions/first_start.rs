//! The first start and those after it: what is registered, once, and what is refused.

use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::clock::Clock as _;
use colophon::digest::{Sha256Hash, sha256_of};
use colophon::embedded;
use colophon::id::{DatasetId, ModelId};
use colophon::ledger::{Envelope, Frontier, leaf_hash};
use colophon::storage::instance::Fact;
use colophon::storage::{self, works::Filter};

use crate::support::database::{Kind, execute, same};
use crate::support::{TestInstance, both, draw, model};

both! {
    the_first_start_registers_all_that_the_program_carries,
    a_small_model_is_registered_the_same_way,
    another_model_on_the_same_works_is_registered_beside_the_first,
    another_policy_bundle_is_put_in_force_by_one_statement,
    the_name_of_the_log_stays,
    entries_of_before_are_given_their_parties,
    keys_of_another_data_folder_are_refused,
}

async fn the_first_start_registers_all_that_the_program_carries(kind: Kind) {
    let mut t = TestInstance::whole(kind).await;
    let mut tx = t.store.read().await.unwrap();
    assert_eq!(storage::works::totals(&mut tx).await.unwrap(), (6_708, 247));
    let licences = storage::works::by_licence(&mut tx, t.clock.now()).await.unwrap();
    let counted = [("Apache-2.0", 2_225), ("CC-BY-4.0", 1_988), ("public-domain", 1_363), ("MIT", 1_132)];
    assert_eq!(licences, counted.map(|(licence, n)| (licence.to_owned(), n)));

    let [dataset] = &storage::datasets::all(&mut tx).await.unwrap()[..] else { panic!("one dataset") };
    let members = storage::datasets::members(&mut tx, dataset.dataset.id).await.unwrap();
    let mut all: Vec<_> = storage::works::all_held(&mut tx).await.unwrap().into_iter().map(|w| w.work.id).collect();
    all.sort();
    assert_eq!((dataset.dataset.works, &members), (6_708, &all));
    // The root once more, by the log's tree (RFC 6962) over the sorted ids.
    let mut tree = Frontier::new();
    all.iter().for_each(|id| tree.append(leaf_hash(id.to_string().as_bytes())));
    assert_eq!(dataset.dataset.root, Sha256Hash(tree.root().0));
    assert_eq!(dataset.dataset.id, DatasetId::derived(&tree.root().0));

    let [model] = &storage::models::all(&mut tx).await.unwrap()[..] else { panic!("one model") };
    let weights = sha256_of(model::embedded("weights.safetensors"));
    assert_eq!((model.model.weights, model.model.id), (weights, ModelId::derived(&weights.0)));
    assert_eq!(model.model.datasets, [dataset.dataset.id], "the model is tied to what it was trained on");
    let run =
        storage::runs::find_by_weights(&mut tx, weights).await.unwrap().expect("the run that made the weights is on record");
    assert_eq!((run.run.dataset, run.run.dataset_root), (dataset.dataset.id, dataset.dataset.root));
    assert_eq!((&t.model.model, t.model.statement), (&model.model, model.statement));
    let (bundle, statement) = storage::models::find_bundle(&mut tx, t.policies().hash()).await.unwrap().unwrap();
    assert_eq!(bundle.policies as usize, t.policies().policies().count());

    // Every deed is in the log: works, members in parts of a thousand, dataset, model, bundle.
    let parts = 6_708_u64.div_ceil(1_000);
    assert_eq!(storage::log::head(&mut tx).await.unwrap().unwrap().size, 6_708 + parts + 4);
    assert_eq!(storage::log::staged_total(&mut tx).await.unwrap(), 0);
    for id in [dataset.statement, model.statement, statement] {
        let entry = storage::log::find(&mut tx, id).await.unwrap().unwrap();
        let said = Envelope::parse(&entry.bytes).unwrap().verify(&t.keys.statement.verifying_key()).unwrap();
        assert_eq!((said.name.as_str(), said.predicate["statement"].as_str().unwrap()), (entry.kind.as_str(), &*id.to_string()));
    }
    assert_eq!(storage::instance::get(&mut tx, Fact::Founding).await.unwrap().as_deref(), Some("done"));
    let apples = Filter { words: "red apple".into(), ..Filter::default() };
    assert!(storage::works::list(&mut tx, &apples, "", 50, t.clock.now()).await.unwrap().total >= 5);
    drop(tx);

    let before = t.all_tables().await;
    t.restart().await;
    same(&before, &t.all_tables().await);
    t.finish().await;
}

async fn another_model_on_the_same_works_is_registered_beside_the_first(kind: Kind) {
    let mut t = TestInstance::new(kind).await;
    let (works, _) = storage::works::totals(&mut t.store.read().await.unwrap()).await.unwrap();
    let before = t.model.model.clone();
    // The program was replaced by one with newer weights.
    let folder = t.settings.models_dir.join(embedded::MODEL);
    let card = std::fs::read_to_string(folder.join("model.toml")).unwrap();
    let newer = b"newer, and not read by the engine of the tests either";
    std::fs::write(folder.join("weights.safetensors"), newer).unwrap();
    let card = card.replace(&before.weights.to_string(), &sha256_of(newer).to_string());
    std::fs::write(folder.join("model.toml"), card).unwrap();
    t.restart().await;
    let mut tx = t.store.read().await.unwrap();
    assert_eq!(storage::works::totals(&mut tx).await.unwrap().0, works, "no work is registered twice");
    let models = storage::models::all(&mut tx).await.unwrap();
    assert_eq!(models.len(), 2);
    assert_eq!(models[0].model.datasets, models[1].model.datasets, "both stand on one dataset");
    assert_ne!(t.model.model.id, before.id);
    drop(tx);
    draw(&t, "a red apple", 1).await;
    t.finish().await;
}

async fn a_small_model_is_registered_the_same_way(kind: Kind) {
    let mut t = TestInstance::new(kind).await;
    let mut tx = t.store.read().await.unwrap();
    let (works, authors) = storage::works::totals(&mut tx).await.unwrap();
    assert!((30..100).contains(&works) && authors > 5, "{works} works by {authors} authors");
    for id in storage::works::all_held(&mut tx).await.unwrap().iter().map(|w| w.work.id) {
        let grants = storage::works::grants(&mut tx, id).await.unwrap();
        assert_eq!(grants.len(), 1);
        let record = storage::works::find(&mut tx, id).await.unwrap().unwrap();
        let blob = storage::blobs::find(&mut tx, record.work.digest.blake3.unwrap()).await.unwrap().unwrap();
        assert_eq!(
            t.blobs.get(&blob).await.unwrap().len() as u64,
            record.work.digest.len.unwrap(),
            "its picture lies in the pack"
        );
    }
    drop(tx);
    draw(&t, "a red apple", 1).await;
    let before = t.all_tables().await;
    for _ in 0..2 {
        t.restart().await;
        same(&before, &t.all_tables().await);
    }
    assert_eq!(publish_checkpoint(&t).await.unwrap(), 0);
    t.finish().await;
}

async fn another_policy_bundle_is_put_in_force_by_one_statement(kind: Kind) {
    let mut t = TestInstance::new(kind).await;
    let first = t.policies().hash();
    let folder = t.folder().join("policies");
    for (name, text) in embedded::POLICY_FILES {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    t.settings.policies_dir = Some(folder.clone());
    t.restart().await;
    assert_eq!(t.policies().hash(), first, "the same files have the same hash, wherever they lie");
    let size = t.number("SELECT COUNT(*) FROM statements").await;

    let notice = folder.join("notices/artist.en.md");
    std::fs::write(&notice, format!("{}\nAnother sentence.\n", std::fs::read_to_string(&notice).unwrap())).unwrap();
    t.restart().await;
    t.restart().await;
    assert_ne!(t.policies().hash(), first);
    let mut tx = t.store.read().await.unwrap();
    for hash in [first, t.policies().hash()] {
        assert!(storage::models::find_bundle(&mut tx, hash).await.unwrap().is_some(), "the old one stays on record");
    }
    drop(tx);
    assert_eq!(t.number("SELECT COUNT(*) FROM statements").await, size + 1);
    assert_eq!(t.number("SELECT COUNT(*) FROM statements WHERE kind = 'bundle'").await, 2);

    std::fs::write(folder.join("traditions/broken.toml"), "id = ").unwrap();
    let refused = t.try_beside().await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("policy bundle") && refused.contains("traditions/broken.toml"), "{refused}");
    t.finish().await;
}

async fn the_name_of_the_log_stays(kind: Kind) {
    let mut t = TestInstance::new(kind).await;
    let origin = t.site.log_origin.clone();
    assert!(origin.starts_with("127.0.0.1:8080/log/"), "{origin}");
    t.settings.public_url = "https://colophon.example".into();
    t.settings.log_origin = Some("elsewhere.example/log".into());
    t.restart().await;
    assert_eq!((t.site.log_origin.as_str(), t.site.url.as_str()), (origin.as_str(), "https://colophon.example"));
    t.finish().await;
}

async fn keys_of_another_data_folder_are_refused(kind: Kind) {
    let mut t = TestInstance::new(kind).await;
    let before = t.all_tables().await;
    let own = t.settings.data_dir.clone();
    t.settings.data_dir = t.folder().join("another");
    let refused = t.try_beside().await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("start with the data folder that goes with this database"), "{refused}");
    assert!(refused.contains(&t.site.log_origin) && refused.contains("another/keys"), "{refused}");
    same(&before, &t.all_tables().await);

    // The right folder with a part of its keys gone.
    t.settings.data_dir = own.clone();
    let issuing = own.join("keys/c2pa-issuing.pem");
    let kept = std::fs::read(&issuing).unwrap();
    std::fs::remove_file(&issuing).unwrap();
    let refused = t.try_beside().await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("c2pa-issuing.pem") && refused.contains("restore"), "{refused}");
    std::fs::write(&issuing, b"nonsense").unwrap();
    let refused = t.try_beside().await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("can't be used") && refused.contains("restore"), "{refused}");
    std::fs::write(&issuing, kept).unwrap();
    std::fs::write(own.join("keys/log.key.bak"), b"not looked at").unwrap();
    t.restart().await;
    same(&before, &t.all_tables().await);
    t.finish().await;
}

async fn entries_of_before_are_given_their_parties(kind: Kind) {
    let mut t = TestInstance::new(kind).await;
    draw(&t, "red apple", 1).await;
    let before = t.all_tables().await;
    let mut tx = t.store.begin().await.unwrap();
    assert!(execute(&mut tx, "UPDATE statements SET actor = ''").await > 10);
    tx.commit().await.unwrap();
    t.restart().await;
    same(&before, &t.all_tables().await);
    assert_eq!(t.number("SELECT COUNT(*) FROM statements WHERE actor = 'Ana'").await, 1);
    t.finish().await;
}
