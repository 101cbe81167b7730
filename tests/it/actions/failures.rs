//! Each write of each deed fails once: nothing is half done, and the next try does it whole. And two of everything at once.

use std::collections::BTreeSet;

use colophon::accounts::Role;
use colophon::actions::drawn_with::drawn_with;
use colophon::actions::fingerprint::make_fingerprints;
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::rebuild::rebuild;
use colophon::actions::register_work::{Registration, register_work};
use colophon::actions::request_image::request_image;
use colophon::actions::revoke_grant::revoke_grant;
use colophon::actions::sign_in::{make_operator, setup_link, sign_in};
use colophon::actions::{Error, Instance, choose_works::choose_works};
use colophon::chance::SeededChance;
use colophon::clock::{Clock as _, SystemClock};
use colophon::config::Settings;
use colophon::id::{GrantId, StatementId};
use colophon::jobs::generate;
use colophon::provenance::{Format, encode};
use colophon::storage::{self, Store};
use colophon::works::list::Row;

use crate::support::database::{Database, Kind, TABLES, dump, same};
use crate::support::fault::{FAILURE, Fault, heal, refuse};
use crate::support::{TestInstance, both, creator, engine, model, order};

both! {
    a_checkpoint_is_published_whole_or_not_at_all,
    a_picture_is_recorded_whole_or_not_at_all,
    works_revocations_accounts_and_orders_are_recorded_whole_or_not_at_all,
    a_rebuild_is_done_whole_or_not_at_all,
    a_first_start_that_fails_is_done_again_whole,
    a_blob_store_that_fails_delivers_nothing,
    two_sequencers_give_each_entry_one_place,
    a_work_that_is_committed_late_is_found_all_the_same,
    a_log_that_was_tampered_with_is_not_extended,
}

fn picture(seed: u8) -> Vec<u8> {
    let rgb: Vec<u8> = (0..32u32 * 32).flat_map(|at| [seed, (at % 251) as u8, (at / 32 * 7) as u8]).collect();
    encode(&rgb, 32, 32, Format::Png).unwrap()
}

fn registration(seed: u8) -> Registration {
    Registration {
        file: picture(seed),
        row: Row {
            title: "Zebra".into(),
            author: "Rosa".into(),
            tags: vec!["zebra".into()],
            licence: "MIT".into(),
            ..Row::default()
        },
        ..Registration::default()
    }
}

fn failed<T>(result: Result<T, Error>) {
    match result.map(drop) {
        Err(Error::Internal(why)) => assert!(why.contains(FAILURE), "{why}"),
        other => panic!("{other:?}"),
    }
}

async fn a_checkpoint_is_published_whole_or_not_at_all(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    for (seed, fault) in (0..).zip([
        Fault("UPDATE", "statements"),
        Fault("INSERT", "log_tiles"),
        Fault("UPDATE", "log_tiles"),
        Fault("UPDATE", "log_lock"),
        Fault("INSERT", "log_heads"),
    ]) {
        // Full tiles are begun, not only filled, so that an insert happens too.
        while matches!(fault, Fault("INSERT", "log_tiles")) && t.number("SELECT COUNT(*) FROM statements").await % 256 != 0 {
            let n = t.number("SELECT COUNT(*) FROM statements").await as u8;
            register_work(
                &t,
                &rosa,
                Registration { row: Row { title: format!("Filler {n}"), ..registration(n).row }, ..registration(n) },
            )
            .await
            .unwrap();
            publish_checkpoint(&t).await.unwrap();
        }
        register_work(
            &t,
            &rosa,
            Registration {
                file: marked(seed),
                row: Row { author: "Ruiz".into(), ..registration(seed).row },
                ..registration(seed)
            },
        )
        .await
        .unwrap();
        let before = dump(&t.store, TABLES).await;
        refuse(&t.store, fault).await;
        // Once it has its place it keeps it, and only its publishing is done again.
        let published_later = matches!(fault, Fault(_, "log_heads"));
        for _ in 0..2 {
            failed(publish_checkpoint(&t).await);
            let heads = dump(&t.store, &["log_heads"]).await;
            same(&before.clone().into_iter().filter(|(table, _)| table == "log_heads").collect(), &heads);
            if !published_later {
                same(&before, &dump(&t.store, TABLES).await);
            }
        }
        heal(&t.store, fault).await;
        let added = publish_checkpoint(&t).await.unwrap();
        assert_eq!(added, u64::from(!published_later), "{fault:?}: what waited gets its place");
        // Done already, however often it is asked for: as after a commit whose answer was lost.
        assert_eq!(publish_checkpoint(&t).await.unwrap(), 0);
        t.assert_sound().await;
    }
    t.finish().await;
}

/// A picture that `picture` never gives.
fn marked(seed: u8) -> Vec<u8> {
    let rgb: Vec<u8> = (0..32u32 * 32).flat_map(|at| [(at % 13) as u8, seed, 200]).collect();
    encode(&rgb, 32, 32, Format::Png).unwrap()
}

async fn a_picture_is_recorded_whole_or_not_at_all(kind: Kind) {
    let t = TestInstance::new(kind).await;
    make_fingerprints(&t).await.unwrap();
    let actor = creator(&t).await;
    let engine = engine(&t);
    for fault in [
        Fault("UPDATE", "jobs"),
        Fault("INSERT", "blobs"),
        Fault("INSERT", "prompts"),
        Fault("INSERT", "statements"),
        Fault("INSERT", "images"),
        Fault("INSERT", "image_works"),
    ] {
        let requested = request_image(&t, &actor, order("a cat", 1), Some(generate::lease_end(&t))).await.unwrap();
        let before = dump(&t.store, TABLES).await;
        refuse(&t.store, fault).await;
        let outcome = generate::run(&t, &engine, &requested.job).await;
        if fault.1 == "jobs" {
            // Not even the failure can be noted: the lease runs out, and the next worker goes on.
            failed(outcome);
            same(&before, &dump(&t.store, TABLES).await);
            heal(&t.store, fault).await;
            t.clock.advance_millis(generate::LEASE_MS + 1);
        } else {
            assert!(outcome.unwrap().is_none(), "{fault:?}: nothing is delivered");
            let mut after = dump(&t.store, TABLES).await;
            assert_eq!(t.texts("SELECT state FROM jobs WHERE state <> 'done'").await, ["queued"], "it is tried again");
            after.insert("jobs".into(), before["jobs"].clone());
            same(&before, &after);
            heal(&t.store, fault).await;
        }
        let again = crate::support::lease(&t).await.unwrap();
        assert_eq!((again.id, again.attempts), (requested.job.id, 2));
        assert!(generate::run(&t, &engine, &again).await.unwrap().is_some(), "{fault:?}: whole at the next try");
        t.assert_sound().await;
    }
    assert_eq!(t.number("SELECT COUNT(*) FROM images").await, 6);
    engine.shutdown();
    t.finish().await;
}

async fn works_revocations_accounts_and_orders_are_recorded_whole_or_not_at_all(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder, Role::Creator]).await;
    let grant = async |t: &Instance| -> GrantId {
        let mut tx = t.store.read().await.unwrap();
        let works = storage::works::all_held(&mut tx).await.unwrap();
        let mine = works.iter().rev().find(|w| w.work.registered_by == "Rosa").unwrap();
        storage::works::grants(&mut tx, mine.work.id).await.unwrap()[0].grant.id
    };
    for (seed, fault) in
        (0..).zip([Fault("INSERT", "blobs"), Fault("INSERT", "statements"), Fault("INSERT", "works"), Fault("INSERT", "grants")])
    {
        let before = dump(&t.store, TABLES).await;
        refuse(&t.store, fault).await;
        failed(register_work(&t, &rosa, registration(seed)).await);
        same(&before, &dump(&t.store, TABLES).await);
        heal(&t.store, fault).await;
        register_work(&t, &rosa, registration(seed)).await.unwrap();
    }
    let id = grant(&t).await;
    for fault in [Fault("INSERT", "statements"), Fault("UPDATE", "grants")] {
        let before = dump(&t.store, TABLES).await;
        refuse(&t.store, fault).await;
        failed(revoke_grant(&t, &rosa, id, "why").await);
        same(&before, &dump(&t.store, TABLES).await);
        heal(&t.store, fault).await;
    }
    revoke_grant(&t, &rosa, id, "why").await.unwrap();

    let link = setup_link(&t).await.unwrap().unwrap();
    for fault in [Fault("UPDATE", "setup_links"), Fault("INSERT", "accounts"), Fault("INSERT", "sessions")] {
        let before = dump(&t.store, TABLES).await;
        refuse(&t.store, fault).await;
        failed(make_operator(&t, &link, "Olga", "correct horse battery").await);
        same(&before, &dump(&t.store, TABLES).await);
        heal(&t.store, fault).await;
    }
    make_operator(&t, &link, "Olga", "correct horse battery").await.unwrap();
    sign_in(&t, "Olga", "correct horse battery").await.unwrap();

    for fault in [Fault("INSERT", "decisions"), Fault("INSERT", "jobs")] {
        let before = dump(&t.store, TABLES).await;
        refuse(&t.store, fault).await;
        failed(request_image(&t, &rosa, order("a cat", 1), None).await);
        same(&before, &dump(&t.store, TABLES).await);
        heal(&t.store, fault).await;
    }
    t.finish().await;
}

async fn a_rebuild_is_done_whole_or_not_at_all(kind: Kind) {
    let t = TestInstance::new(kind).await;
    crate::support::draw(&t, "a cat", 1).await;
    let before = dump(&t.store, TABLES).await;
    for fault in [Fault("DELETE", "images"), Fault("INSERT", "works"), Fault("INSERT", "models"), Fault("INSERT", "image_works")]
    {
        refuse(&t.store, fault).await;
        failed(rebuild(&t).await);
        heal(&t.store, fault).await;
        same(&before, &dump(&t.store, TABLES).await);
    }
    // What no entry says is gone afterwards, and what was lost is back.
    let mut tx = t.store.begin().await.unwrap();
    crate::support::database::execute(&mut tx, "UPDATE works SET title = 'forged' WHERE id = (SELECT MIN(id) FROM works)").await;
    crate::support::database::execute(&mut tx, "DELETE FROM grants").await;
    tx.commit().await.unwrap();
    let applied = rebuild(&t).await.unwrap();
    assert_eq!(applied, storage::log::head(&mut t.store.read().await.unwrap()).await.unwrap().unwrap().size);
    same(&before, &dump(&t.store, TABLES).await);
    t.finish().await;
}

async fn a_first_start_that_fails_is_done_again_whole(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let database = Database::fresh(kind, &data).await;
    let models = folder.path().join("models");
    model::write_small(&models);
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let flags = [("data_dir", text(&data)), ("database_url", database.url.clone()), ("models_dir", text(&models))];
    let settings = Settings::from_parts(std::path::Path::new("test"), "", &[], &flags).unwrap();
    let open = async |seed| {
        Instance::open(&settings, std::sync::Arc::new(SystemClock), std::sync::Arc::new(SeededChance::new(seed))).await
    };
    std::fs::create_dir_all(&data).unwrap();
    for (seed, fault) in (0..).zip([
        Fault("INSERT", "instance"),
        Fault("INSERT", "bundles"),
        Fault("INSERT", "blobs"),
        Fault("INSERT", "works"),
        Fault("INSERT", "dataset_works"),
        Fault("INSERT", "datasets"),
        Fault("INSERT", "models"),
        Fault("INSERT", "log_lock"),
        Fault("INSERT", "log_heads"),
    ]) {
        let store = Store::open(&database.url).await.unwrap();
        refuse(&store, fault).await;
        failed(open(seed).await);
        let after = dump(&store, TABLES).await;
        let rows = |table: &str| after[table].len();
        if fault.1.starts_with("log_") {
            assert!(rows("works") > 0 && rows("log_heads") == 0, "what was staged waits for the next start");
        } else {
            let left: Vec<_> =
                after.iter().filter(|(table, rows)| !rows.is_empty() && *table != "instance").map(|(t, _)| t).collect();
            assert!(left.is_empty(), "{fault:?} left rows in {left:?}");
        }
        heal(&store, fault).await;
        store.close().await;
    }
    let instance = open(100).await.unwrap();
    let report = colophon::actions::check_log::check_log(&instance).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    let before = dump(&instance.store, TABLES).await;
    assert!(before["works"].len() > 30 && before["statements"].len() as u64 == report.size);
    rebuild(&instance).await.unwrap();
    same(&before, &dump(&instance.store, TABLES).await);
    instance.store.close().await;
    database.remove().await;
}

async fn a_blob_store_that_fails_delivers_nothing(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder, Role::Creator]).await;
    // Fill the shelf while the pictures can be read, then take the folder's place.
    let wanted = order("a cat", 1);
    let works = choose_works(&t, &wanted, "").await.unwrap();
    let requested = request_image(&t, &rosa, wanted.clone(), Some(generate::lease_end(&t))).await.unwrap();
    let engine = engine(&t);
    let mut request = wanted.draw_request(&t.offer);
    request.references = works.iter().map(|w| w.reference()).collect();
    let drawn = engine.submit(request).unwrap().finished().await.unwrap();
    let (blobs, aside) = (t.settings.data_dir.join("blobs"), t.settings.data_dir.join("blobs.aside"));
    std::fs::rename(&blobs, &aside).unwrap();
    std::fs::write(&blobs, b"a file where a folder should be").unwrap();
    let before = dump(&t.store, TABLES).await;
    let with = drawn_with(&t, &mut t.store.read().await.unwrap(), None).await.unwrap();
    let from = || colophon::actions::finish_image::Finished {
        job: &requested.job,
        order: &wanted,
        decision: &requested.decision,
        picture: &drawn,
        alpha: None,
        with: Some(&with),
        device: "cpu",
        works: &works,
        changes: &[1.0; 4][..works.len()],
        adapter: None,
        material: None,
        invented: None,
    };
    for why in [
        colophon::actions::finish_image::finish_image(&t, from()).await.map(drop).unwrap_err(),
        register_work(&t, &rosa, registration(1)).await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(&why, Error::Internal(text) if text.contains("blob store failed")), "{why:?}");
    }
    same(&before, &dump(&t.store, TABLES).await);
    std::fs::remove_file(&blobs).unwrap();
    std::fs::rename(&aside, &blobs).unwrap();
    colophon::actions::finish_image::finish_image(&t, from()).await.unwrap();
    engine.shutdown();
    t.finish().await;
}

async fn two_sequencers_give_each_entry_one_place(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let others = [std::sync::Arc::new(t.beside().await), std::sync::Arc::new(t.beside().await)];
    let mut tasks = Vec::new();
    for (n, instance) in (0u8..).zip([t.shared(), others[0].clone(), others[1].clone()]) {
        let rosa = rosa.clone();
        // Each registers and sequences as fast as it can.
        tasks.push(tokio::spawn(async move {
            for seed in 0..15u8 {
                loop {
                    match register_work(&instance, &rosa, registration(n * 15 + seed)).await {
                        Ok(_) => break,
                        Err(Error::Conflict(_)) => {}
                        Err(e) => panic!("{e}"),
                    }
                }
                publish_checkpoint(&instance).await.unwrap();
            }
        }));
        let instance = [t.shared(), others[0].clone(), others[1].clone()][usize::from(n)].clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..40 {
                publish_checkpoint(&instance).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(t.number("SELECT COUNT(*) FROM works WHERE registered_by = 'Rosa'").await, 45);
    let total = t.number("SELECT COUNT(*) FROM statements").await;
    assert_eq!(t.number("SELECT COUNT(DISTINCT idx) FROM statements").await, total, "each entry has one place");
    assert_eq!(t.number("SELECT MAX(idx) FROM statements").await, total - 1, "and none is left out");
    // Every head that was ever signed is one of this very tree.
    let mut tx = t.store.read().await.unwrap();
    let entries = storage::log::entries(&mut tx, 0, u64::MAX).await.unwrap();
    let mut tree = colophon::ledger::Frontier::new();
    let mut roots = vec![tree.root()];
    for (_, bytes) in &entries {
        tree.append(colophon::ledger::leaf_hash(bytes));
        roots.push(tree.root());
    }
    let heads: Vec<(i64, Vec<u8>)> = match &mut tx {
        storage::Tx::Sqlite(c, _) => sqlx::query_as("SELECT size, root FROM log_heads").fetch_all(&mut **c).await.unwrap(),
        storage::Tx::Postgres(c, _) => sqlx::query_as("SELECT size, root FROM log_heads").fetch_all(&mut **c).await.unwrap(),
    };
    assert!(heads.len() > 10, "{} heads", heads.len());
    for (size, root) in heads {
        assert_eq!(root, roots[usize::try_from(size).unwrap()].0, "the head of size {size}");
    }
    drop(tx);
    for other in others {
        other.store.close().await;
    }
    t.finish().await;
}

async fn a_work_that_is_committed_late_is_found_all_the_same(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    assert_eq!(choose_works(&t, &order("a zebra", 1), "").await.unwrap().len(), 0, "the shelf is filled");
    if kind == Kind::Postgres {
        // One transaction takes its place in the order of staging first and commits last; SQLite has one writer at a time.
        let other = t.beside().await;
        let mut slow = t.store.begin().await.unwrap();
        let template = storage::works::all_held(&mut slow).await.unwrap().remove(0).work;
        let words = vec![vec!["zebra".to_owned()]];
        let late =
            colophon::works::Work { id: colophon::id::WorkId::derived(b"late"), titles: words.clone(), tags: words, ..template };
        let statement = StatementId::new(t.clock.now(), &*other.chance);
        storage::log::stage(&mut slow, statement, "work", &late.id.to_string(), "Rosa", b"{}", t.clock.now()).await.unwrap();
        storage::works::insert(&mut slow, &late, statement).await.unwrap();
        let grant = colophon::works::Grant {
            id: GrantId::derived(b"late"),
            work: late.id,
            licence: "MIT".into(),
            licence_url: String::new(),
            declared_by: String::new(),
            evidence: String::new(),
            starts_at: t.clock.now(),
            ends_at: None,
            scope: colophon::works::GrantScope::default(),
            detected: vec![],
            concluded: None,
        };
        storage::works::insert_grant(&mut slow, &grant, statement).await.unwrap();
        register_work(&other, &rosa, registration(1)).await.unwrap();
        assert_eq!(choose_works(&t, &order("a zebra", 1), "").await.unwrap().len(), 1, "the quick one is there");
        slow.commit().await.unwrap();
        other.store.close().await;
        assert_eq!(choose_works(&t, &order("a zebra", 1), "").await.unwrap().len(), 2, "the slow one comes in too");
        t.leave_broken("a row was written past its statement").await;
        return;
    }
    register_work(&t, &rosa, registration(1)).await.unwrap();
    assert_eq!(choose_works(&t, &order("a zebra", 1), "").await.unwrap().len(), 1);
    t.finish().await;
}

async fn a_log_that_was_tampered_with_is_not_extended(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    register_work(&t, &rosa, registration(1)).await.unwrap();
    let heads = t.number("SELECT COUNT(*) FROM log_heads").await;
    let zeros = if kind == Kind::Sqlite { "zeroblob(length(bytes))" } else { "decode(repeat('00', length(bytes)), 'hex')" };
    let spoil =
        format!("UPDATE log_tiles SET bytes = {zeros} WHERE level = 0 AND n = (SELECT MAX(n) FROM log_tiles WHERE level = 0)");
    let mut tx = t.store.begin().await.unwrap();
    assert_eq!(crate::support::database::execute(&mut tx, &spoil).await, 1);
    tx.commit().await.unwrap();
    let why = publish_checkpoint(&t).await.unwrap_err();
    assert!(matches!(why, Error::Internal(_)), "{why:?}");
    assert_eq!(t.number("SELECT COUNT(*) FROM log_heads").await, heads, "no head is signed over it");
    let report = colophon::actions::check_log::check_log(&t).await.unwrap();
    let named: BTreeSet<bool> = report.problems.iter().map(|p| p.contains("tile/0/")).collect();
    assert!(named.contains(&true), "{report:?}");
    t.leave_broken("a tile was spoiled").await;
}
