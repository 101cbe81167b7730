//! Imports: leased like jobs, moved on row by row, never twice by two workers.

use super::*;
use colophon::likeness::Subject;
use colophon::storage::fingerprints;

both! {
    an_import_moves_on_with_its_rows,
    only_one_worker_moves_an_import_on,
    terms_of_a_work_are_read_together,
    what_is_locked_is_done_one_after_the_other,
    many_rows_go_in_as_one_by_one,
}

fn row(n: u64, outcome: Outcome, work: Option<WorkId>) -> ImportRow {
    ImportRow { n, item: format!("row {n}"), outcome, work, note: if work.is_some() { String::new() } else { "why".into() } }
}

async fn an_import_moves_on_with_its_rows(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (first, second) = (import("one", 1), import("two", 2));
    imports::insert(&mut tx, &first, None).await.unwrap();
    imports::insert(&mut tx, &second, Some(t(50))).await.unwrap();
    assert_eq!(imports::find(&mut tx, first.id).await.unwrap().unwrap(), first);
    assert_eq!(imports::find(&mut tx, ImportId::derived(b"?")).await.unwrap(), None);
    let open = imports::find_open(&mut tx, second.account, "/lists/two.csv").await.unwrap().unwrap();
    assert_eq!((open.id, open.state), (second.id, TaskState::Running));
    assert_eq!(imports::find_open(&mut tx, AccountId::derived(b"?"), "/lists/two.csv").await.unwrap(), None);

    // The one that waits goes first, then the one whose lease ran out.
    assert_eq!(imports::lease(&mut tx, t(10), t(60), "").await.unwrap().unwrap().id, first.id);
    assert_eq!(imports::lease(&mut tx, t(10), t(60), "").await.unwrap(), None);
    assert_eq!(imports::lease(&mut tx, t(51), t(90), "").await.unwrap().unwrap().id, second.id);
    assert!(!imports::take(&mut tx, second.id, t(52), t(90)).await.unwrap(), "somebody works on it");
    imports::put_back(&mut tx, second.id).await.unwrap();
    assert!(imports::take(&mut tx, second.id, t(52), t(90)).await.unwrap());

    let rows = [
        row(1, Outcome::Registered, Some(work("a").id)),
        row(2, Outcome::Refused, None),
        row(3, Outcome::Known, Some(work("a").id)),
    ];
    assert!(imports::advance(&mut tx, first.id, 0, &rows[..2], t(11), t(70)).await.unwrap());
    assert!(imports::advance(&mut tx, first.id, 2, &rows[2..], t(12), t(70)).await.unwrap());
    let found = imports::find(&mut tx, first.id).await.unwrap().unwrap();
    assert_eq!((found.rows, found.registered, found.known, found.refused), (3, 1, 1, 1));
    assert_eq!(found.changed_at, t(12));
    assert_eq!(imports::report(&mut tx, first.id, None, 0, 9).await.unwrap(), rows);
    assert_eq!(imports::report(&mut tx, first.id, None, 1, 1).await.unwrap(), rows[1..2]);
    assert_eq!(imports::report(&mut tx, first.id, Some(Outcome::Known), 0, 9).await.unwrap(), rows[2..]);

    assert!(imports::end(&mut tx, first.id, TaskState::Failed, Some("the list broke off"), t(13)).await.unwrap());
    assert!(!imports::end(&mut tx, first.id, TaskState::Done, None, t(14)).await.unwrap(), "over is over");
    let ended = imports::find(&mut tx, first.id).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.problem.as_deref()), (TaskState::Failed, Some("the list broke off")));
    assert!(!imports::advance(&mut tx, first.id, 3, &[], t(15), t(70)).await.unwrap(), "nothing moves after the end");

    let page = imports::list(&mut tx, None, "", 1).await.unwrap();
    assert_eq!((page.items.len(), page.total), (1, 2));
    let rest = imports::list(&mut tx, None, &page.next.unwrap(), 9).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    assert_ne!(rest.items[0].id, page.items[0].id);
    assert_eq!(imports::list(&mut tx, Some(AccountId::derived(b"?")), "", 9).await.unwrap().total, 0);
    drop(tx);
    s.remove().await;
}

async fn only_one_worker_moves_an_import_on(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let each = import("one", 1);
    imports::insert(&mut tx, &each, Some(t(50))).await.unwrap();
    let rows = [row(1, Outcome::Registered, Some(work("a").id))];
    assert!(imports::advance(&mut tx, each.id, 0, &rows, t(2), t(60)).await.unwrap());
    // Another, who read the list from the same place, comes too late.
    assert!(!imports::advance(&mut tx, each.id, 0, &rows, t(3), t(60)).await.unwrap());
    assert_eq!(imports::find(&mut tx, each.id).await.unwrap().unwrap().rows, 1);
    drop(tx);
    s.remove().await;
}

async fn terms_of_a_work_are_read_together(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (a, mut b) = (work("a"), work("b"));
    b.held = false;
    b.digest.blake3 = None;
    b.digest.len = None;
    for each in [&a, &b] {
        works::insert(&mut tx, each, statement(&each.item)).await.unwrap();
        works::insert_grant(&mut tx, &grant(&each.item, each, "CC0-1.0", 0, None), statement("g")).await.unwrap();
    }
    let seen = [
        Reservation::seen(
            Signal::Plus,
            "plus:DataMining = DMI-PROHIBITED-AIMLTRAINING",
            TRAINING,
            "XMP plus:DataMining",
            b"<x/>",
        ),
        Reservation::seen(Signal::Xmp, "tdm:reservation = 1", TRAINING, "XMP tdm:reservation", b"<x/>"),
    ];
    terms::insert_reservations(&mut tx, a.id, &seen, t(7), statement("a")).await.unwrap();
    let records = terms::reservations(&mut tx, a.id).await.unwrap();
    assert_eq!(records.iter().map(|r| r.reservation.clone()).collect::<Vec<_>>(), seen);
    assert!(records.iter().all(|r| r.seen_at == t(7) && r.statement == statement("a")));
    let found = terms::of(&mut tx, a.id).await.unwrap();
    assert!(!found.verdict(Usage::Train, "Ana", t(9)).permits() && found.verdict(Usage::Generate, "Ana", t(9)).permits());
    let all = terms::all_held(&mut tx).await.unwrap();
    assert_eq!(all.keys().collect::<Vec<_>>(), [&a.id], "what is not kept here can't be drawn on");
    assert_eq!(all[&a.id], found);
    assert_eq!(works::count_held(&mut tx).await.unwrap(), 1);
    assert_eq!(works::all_held(&mut tx).await.unwrap().len(), 1);
    assert_eq!(fingerprints::due(&mut tx, "", 9).await.unwrap(), [Subject::Work(a.id)]);
    let kept = works::find(&mut tx, b.id).await.unwrap().unwrap().work;
    assert_eq!((kept.held, kept.digest), (false, b.digest));
    let hashes = [b.digest.sha256, sha256_of(b"?"), a.digest.sha256];
    let known = works::ids_by_sha256(&mut tx, &hashes).await.unwrap();
    assert_eq!((known.len(), known[&a.digest.sha256], known[&b.digest.sha256]), (2, a.id, b.id));
    let mut twin = work("twin");
    (twin.digest, twin.registered_at) = (a.digest, t(9_000));
    works::insert_all(&mut tx, &[(&twin, statement("twin"))]).await.unwrap();
    assert_eq!(works::ids_by_sha256(&mut tx, &hashes).await.unwrap()[&a.digest.sha256], a.id, "the first registered");
    execute(&mut tx, &format!("DELETE FROM works WHERE id = '{}'", twin.id)).await;
    // What somebody found out is what verdicts go by from then on.
    let given = works::grants(&mut tx, b.id).await.unwrap().remove(0).grant;
    let found = Concluded { licence: "CC-BY-NC-4.0".into(), verified_by: Some("Eve".into()), reason: "its page".into() };
    assert!(works::conclude(&mut tx, given.id, &found).await.unwrap());
    assert!(!works::conclude(&mut tx, GrantId::derived(b"?"), &found).await.unwrap());
    let kept = works::find_grant(&mut tx, given.id).await.unwrap().unwrap().grant;
    assert_eq!((kept.licence.as_str(), kept.concluded), ("CC0-1.0", Some(found)));
    assert!(!terms::of(&mut tx, b.id).await.unwrap().verdict(Usage::GenerateCommercial, "", t(9)).permits());
    datasets::insert_works(&mut tx, DatasetId::derived(b"d"), &[a.id, b.id]).await.unwrap();
    assert_eq!(datasets::verified(&mut tx, DatasetId::derived(b"d")).await.unwrap(), [("Eve".to_owned(), 1)]);
    assert_eq!(datasets::sources(&mut tx, DatasetId::derived(b"d")).await.unwrap(), [("https://works.example/".to_owned(), 2)]);
    // Works of a site, by its address and by nothing that only looks like it.
    let ids = |found: Vec<works::WorkRecord>| found.into_iter().map(|w| w.work.id).collect::<Vec<_>>();
    let mut both = [a.id, b.id];
    both.sort_unstable();
    assert_eq!(ids(works::of_site(&mut tx, "https://works.example/", "", "", 9).await.unwrap()), both);
    assert_eq!(ids(works::of_site(&mut tx, "https://works.example/", "Ana", &both[0].to_string(), 9).await.unwrap()), [both[1]]);
    for (site, owner) in [("https://works.example/", "Ben"), ("https://works_example/", ""), ("https://works.examp/", "")] {
        assert!(works::of_site(&mut tx, site, owner, "", 9).await.unwrap().is_empty(), "{site}");
    }
    let owned = Filter { owner: "Ana".into(), ..Filter::default() };
    assert_eq!(works::matching(&mut tx, &owned, "", 9, t(9)).await.unwrap().len(), 2);
    assert_eq!(works::list(&mut tx, &Filter { owner: "Ben".into(), ..Filter::default() }, "", 9, t(9)).await.unwrap().total, 0);
    drop(tx);
    s.remove().await;
}

async fn what_is_locked_is_done_one_after_the_other(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut first = s.begin().await;
    Tx::lock(&mut first, Lock::Works).await.unwrap();
    works::insert(&mut first, &work("a"), statement("a")).await.unwrap();
    let store = s.store.clone();
    let second = tokio::spawn(async move {
        let mut tx = store.begin().await.unwrap();
        Tx::lock(&mut tx, Lock::Works).await.unwrap();
        works::ids_by_sha256(&mut tx, &[work("a").digest.sha256]).await.unwrap().len()
    });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(!second.is_finished());
    first.commit().await.unwrap();
    assert_eq!(second.await.unwrap(), 1, "the second sees what the first did");
    s.remove().await;
}

#[tokio::test]
async fn uploads_are_whole_or_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = uploads::Incoming::begin(folder.path(), "a.zip", 10).await.unwrap();
    assert!(kept.is_empty());
    assert!(kept.write(b"12345").await.unwrap() && kept.len() == 5);
    assert!(uploads::Incoming::begin(folder.path(), "a.zip", 10).await.is_err(), "a name is taken once");
    let path = kept.finish().await.unwrap();
    assert_eq!(uploads::read(folder.path(), "a.zip").await.unwrap().unwrap(), b"12345");
    let mut large = uploads::Incoming::begin(folder.path(), "b.zip", 3).await.unwrap();
    assert!(!large.write(b"1234").await.unwrap());
    drop(large);
    assert_eq!(uploads::read(folder.path(), "b.zip").await.unwrap(), None);
    uploads::sweep(folder.path(), "a", std::time::Duration::from_secs(60)).await;
    uploads::remove(&folder.path().join("elsewhere"), &path).await;
    assert!(path.exists(), "neither old nor of that folder");
    uploads::sweep(folder.path(), "a", std::time::Duration::ZERO).await;
    assert!(!path.exists());
    uploads::remove(folder.path(), &path).await;
    // One with a folder to itself leaves and takes it along.
    let own = folder.path().join("own");
    let mut alone = uploads::Incoming::begin_alone(folder.path(), "own", "list.csv", 10).await.unwrap();
    assert!(alone.write(b"file").await.unwrap() && own.is_dir());
    drop(alone);
    assert!(!own.exists(), "broken off");
    let mut alone = uploads::Incoming::begin_alone(folder.path(), "own", "list.csv", 10).await.unwrap();
    assert!(alone.write(b"file").await.unwrap());
    let path = alone.finish().await.unwrap();
    assert_eq!(path, own.join("list.csv"));
    uploads::remove(folder.path(), &path).await;
    assert!(!own.exists());
}

/// More than one text takes, and not a multiple of it.
async fn many_rows_go_in_as_one_by_one(kind: Kind) {
    let (many, single) = (Scratch::new(kind).await, Scratch::new(kind).await);
    let all: Vec<Work> = (0..123).map(|n| work(&format!("{n}"))).collect();
    let given: Vec<Grant> = all.iter().map(|w| grant(&w.item, w, "MIT", 0, None)).collect();
    let blob = |w: &Work| Blob {
        digest: Digest::of(w.item.as_bytes()),
        media_type: "image/png".into(),
        pack: Some((blake3_of(b"p"), 7)),
    };
    let mut tx = many.begin().await;
    let works: Vec<_> = all.iter().map(|w| (w, statement(&w.item))).collect();
    works::insert_all(&mut tx, &works).await.unwrap();
    let grants: Vec<_> = given.iter().map(|g| (g, statement("g"))).collect();
    works::insert_grants(&mut tx, &grants).await.unwrap();
    blobs::insert_all(&mut tx, &all.iter().map(blob).collect::<Vec<_>>()).await.unwrap();
    let ids: Vec<String> = all.iter().map(|w| w.id.to_string()).collect();
    let staged: Vec<Staged<'_>> = all
        .iter()
        .zip(&ids)
        .map(|(w, id)| Staged { id: statement(&w.item), kind: "work", subject: id, actor: "Ana", bytes: w.item.as_bytes() })
        .collect();
    log::stage_all(&mut tx, &staged, t(3)).await.unwrap();
    works::insert_all(&mut tx, &[]).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = single.begin().await;
    for (w, g) in all.iter().zip(&given) {
        works::insert(&mut tx, w, statement(&w.item)).await.unwrap();
        works::insert_grant(&mut tx, g, statement("g")).await.unwrap();
        blobs::insert(&mut tx, &blob(w)).await.unwrap();
        log::stage(&mut tx, statement(&w.item), "work", &w.id.to_string(), "Ana", w.item.as_bytes(), t(3)).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(dump(&many.store, TABLES).await, dump(&single.store, TABLES).await);
    many.remove().await;
    single.remove().await;
}
