//! The log, the facts of an instance, and blobs.

use super::*;

both! {
    the_log_is_kept_in_order,
    the_log_is_explored,
    growth_is_spread_evenly,
    instance_facts_stand_once,
    blobs_are_recorded_once_and_read_back,
    files_that_rows_name_and_nobody_keeps_are_listed,
}

async fn the_log_is_kept_in_order(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    assert_eq!(log::head(&mut tx).await.unwrap(), None);
    for n in ["a", "b", "c"] {
        log::stage(&mut tx, statement(n), "work", &format!("about {n}"), "Ana", n.as_bytes(), t(5)).await.unwrap();
    }
    assert_eq!(log::staged_total(&mut tx).await.unwrap(), 3);
    let staged = log::staged(&mut tx, 2).await.unwrap();
    assert_eq!(staged.iter().map(|(_, bytes)| bytes.as_slice()).collect::<Vec<_>>(), [b"a", b"b"]);
    for ((seq, _), index) in staged.iter().zip(0..) {
        assert!(log::number(&mut tx, *seq, *seq, index).await.unwrap());
    }
    assert!(!log::number(&mut tx, staged[0].0, staged[0].0, 7).await.unwrap(), "a place is given once");
    assert_eq!(log::staged_total(&mut tx).await.unwrap(), 1);
    assert_eq!(log::entries(&mut tx, 0, 100).await.unwrap(), [(0, b"a".to_vec()), (1, b"b".to_vec())]);
    assert_eq!(log::entries(&mut tx, 1, 1).await.unwrap(), []);

    let found = log::find(&mut tx, statement("b")).await.unwrap().unwrap();
    assert_eq!((found.index, found.kind.as_str(), found.subject.as_str(), found.staged_at), (Some(1), "work", "about b", t(5)));
    assert_eq!(log::at(&mut tx, 1).await.unwrap(), Some(found));
    assert_eq!(log::at(&mut tx, 2).await.unwrap(), None);
    assert_eq!(log::find(&mut tx, statement("c")).await.unwrap().unwrap().index, None);
    assert_eq!(log::find(&mut tx, statement("?")).await.unwrap(), None);

    let head = |size: u64| HeadRow { size, root: vec![size as u8; 32], checkpoint: format!("note {size}"), published_at: t(9) };
    for size in [0, 2, 11] {
        log::insert_head(&mut tx, &head(size)).await.unwrap();
    }
    assert_eq!(log::head(&mut tx).await.unwrap(), Some(head(11)), "the largest");
    let sizes = async |tx: &mut _, after, limit| {
        log::heads(tx, after, limit).await.unwrap().into_iter().map(|(size, _)| size).collect::<Vec<_>>()
    };
    assert_eq!((sizes(&mut tx, None, 9).await, sizes(&mut tx, Some(0), 1).await), (vec![0, 2, 11], vec![2]));
    assert_eq!(log::last_index(&mut tx).await.unwrap(), Some(1));

    assert_eq!(log::locked(&mut tx).await.unwrap(), None);
    assert!(log::first_lock(&mut tx, &head(0)).await.unwrap());
    assert!(!log::first_lock(&mut tx, &head(1)).await.unwrap(), "there is a first one");
    assert!(log::swap_lock(&mut tx, &head(0), &head(2)).await.unwrap());
    assert!(!log::swap_lock(&mut tx, &head(0), &head(3)).await.unwrap(), "another stands there");
    let forged = HeadRow { root: vec![9; 32], ..head(2) };
    assert!(!log::swap_lock(&mut tx, &forged, &head(3)).await.unwrap(), "of the same size");
    assert_eq!(log::locked(&mut tx).await.unwrap(), Some(head(2)));

    log::put_tile(&mut tx, 0, 0, &[1; 32]).await.unwrap();
    log::put_tile(&mut tx, 1, 0, &[3; 32]).await.unwrap();
    log::put_tile(&mut tx, 0, 0, &[1; 64]).await.unwrap();
    assert_eq!(log::tile(&mut tx, 0, 0).await.unwrap(), Some(vec![1; 64]), "the wider one");
    assert_eq!(log::tile(&mut tx, 0, 1).await.unwrap(), None);
    assert_eq!(log::tiles(&mut tx).await.unwrap(), [(0, 0, vec![1; 64]), (1, 0, vec![3; 32])]);

    // As they stood in another database.
    let placed = |n: u64, name: &'static str| Placed {
        index: n,
        staged: Staged { id: statement(name), kind: "image", subject: "about it", actor: "Ana", bytes: name.as_bytes() },
        staged_at: t(4),
    };
    log::place_all(&mut tx, &[placed(7, "p"), placed(8, "q")]).await.unwrap();
    let found = log::at(&mut tx, 8).await.unwrap().unwrap();
    assert_eq!((found.id, found.kind.as_str(), found.subject.as_str()), (statement("q"), "image", "about it"));
    assert_eq!((found.bytes.as_slice(), found.staged_at), (&b"q"[..], t(4)));
    assert_eq!((log::last_index(&mut tx).await.unwrap(), log::staged_total(&mut tx).await.unwrap()), (Some(8), 1));
    drop(tx);
    let mut tx = s.begin().await;
    log::place_all(&mut tx, &[placed(7, "p")]).await.unwrap();
    let again = log::place_all(&mut tx, &[placed(7, "q")]).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "a place is given once: {again:?}");
    drop(tx);
    s.remove().await;
}

async fn shown(tx: &mut Tx, asked: Exploring<'_>) -> (u64, Vec<u64>) {
    let page = log::explore(tx, &Exploring { limit: 50, ..asked }).await.unwrap();
    (page.total, page.items.iter().map(|e| e.index.unwrap()).collect())
}

async fn the_log_is_explored(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (a, b, m, d) = (work("a"), work("b"), model("m", vec![], 1), dataset("d", 1, 1));
    let i = image("i", 1, &[a.id]);
    works::insert(&mut tx, &a, statement("a")).await.unwrap();
    works::insert(&mut tx, &b, statement("b")).await.unwrap();
    models::insert(&mut tx, &m, statement("m")).await.unwrap();
    images::insert(&mut tx, &i, statement("i")).await.unwrap();
    datasets::insert(&mut tx, &d, statement("d")).await.unwrap();
    let key = sha256_of(b"key").to_string();
    let [about_a, about_b, about_m, about_i, about_d] =
        [a.id.to_string(), b.id.to_string(), m.id.to_string(), i.id.to_string(), d.id.to_string()];
    for (seed, kind, about, actor) in [
        ("a", "work", &about_a, "Ana"),
        ("b", "work", &about_b, "Ben"),
        ("m", "model", &about_m, "Ana"),
        ("i", "image", &about_i, "Ben"),
        ("g", "grant", &about_a, "Ana"),
        ("d", "dataset", &about_d, "ana"),
        ("k", "key", &key, "Ana"),
        ("late", "grant", &about_a, ""),
    ] {
        log::stage(&mut tx, statement(seed), kind, about, actor, seed.as_bytes(), t(1)).await.unwrap();
    }
    let staged = log::staged(&mut tx, 9).await.unwrap();
    for ((seq, _), index) in staged.iter().zip(0..) {
        assert!(log::number(&mut tx, *seq, *seq, index).await.unwrap());
    }
    let all = Exploring::default();
    assert_eq!(shown(&mut tx, all).await, (0, vec![]), "no head is published");
    log::insert_head(&mut tx, &HeadRow { size: 7, root: vec![], checkpoint: String::new(), published_at: t(9) }).await.unwrap();

    let model_of_i = i.adapter.unwrap().to_string();
    for (asked, expected) in [
        (all, vec![6, 5, 4, 3, 2, 1, 0]),
        (Exploring { kind: "grant", ..all }, vec![4]),
        (Exploring { kind: "?", ..all }, vec![]),
        (Exploring { actor: "Ana", ..all }, vec![6, 4, 2, 0]),
        (Exploring { actor: "Ana", kind: "work", ..all }, vec![0]),
        (Exploring { about: &about_a, ..all }, vec![4, 3, 0]),
        (Exploring { about: &about_b, ..all }, vec![1]),
        (Exploring { about: &about_m, ..all }, vec![3, 2]),
        (Exploring { about: &model_of_i, ..all }, vec![3]),
        (Exploring { about: &about_i, ..all }, vec![3]),
        (Exploring { about: &key, ..all }, vec![6]),
        (Exploring { about: &about_a, kind: "image", ..all }, vec![3]),
        (Exploring { about: &about_a, actor: "Ana", ..all }, vec![4, 0]),
        (Exploring { about: "?", ..all }, vec![]),
    ] {
        assert_eq!(shown(&mut tx, asked).await, (expected.len() as u64, expected), "{asked:?}");
    }
    assert_eq!(shown(&mut tx, Exploring { before: Some(2), ..all }).await, (7, vec![1, 0]));
    assert_eq!(shown(&mut tx, Exploring { before: Some(4), actor: "Ana", ..all }).await, (4, vec![2, 0]));
    assert_eq!(log::at(&mut tx, 1).await.unwrap().unwrap().actor, "Ben");

    for (hash, expected) in [
        (a.digest.sha256.0, vec![&about_a]),
        (a.digest.blake3.unwrap().0, vec![&about_a]),
        (i.digest.sha256.0, vec![&about_i]),
        (i.digest.blake3.0, vec![&about_i]),
        (m.weights.0, vec![&about_m]),
        (d.root.0, vec![&about_d]),
        (sha256_of(b"key").0, vec![&key]),
        (sha256_of(b"?").0, vec![]),
    ] {
        assert_eq!(log::abouts_by_hash(&mut tx, &hash).await.unwrap().iter().collect::<Vec<_>>(), expected);
    }
    let mut parties = log::parties(&mut tx, "ANA").await.unwrap();
    parties.sort();
    assert_eq!(parties, ["Ana", "ana"]);
    for nobody in ["", "An", "%"] {
        assert_eq!(log::parties(&mut tx, nobody).await.unwrap(), Vec::<String>::new());
    }
    assert_eq!(models::named(&mut tx, "a MOD", 5).await.unwrap(), [(m.id, "A Model".to_owned())]);
    assert_eq!(models::named(&mut tx, "A%l", 5).await.unwrap(), []);

    assert_eq!(log::without_actor(&mut tx, 0, 9).await.unwrap(), [(7, b"late".to_vec())]);
    assert_eq!(log::without_actor(&mut tx, 8, 9).await.unwrap(), []);
    log::set_actor(&mut tx, 7, "Zoë").await.unwrap();
    assert_eq!(log::without_actor(&mut tx, 0, 9).await.unwrap(), []);
    assert_eq!(log::at(&mut tx, 7).await.unwrap().unwrap().actor, "Zoë");
    drop(tx);
    s.remove().await;
}

async fn growth_is_spread_evenly(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    for size in 0..100u64 {
        let head = HeadRow { size, root: vec![0; 32], checkpoint: String::new(), published_at: t(size as i64) };
        log::insert_head(&mut tx, &head).await.unwrap();
    }
    for limit in [0, 1, 2, 3, 10, 50, 99, 100, 1_000] {
        let growth = log::growth(&mut tx, limit).await.unwrap();
        assert!(growth.len() <= limit.max(2) as usize + 1, "{limit}: {}", growth.len());
        assert!(growth.is_sorted(), "oldest first");
        assert_eq!((growth.first().unwrap().1, growth.last().unwrap().1), (0, 99), "{limit}: from the first to the newest");
    }
    assert_eq!(log::growth(&mut tx, 100).await.unwrap().len(), 100);
    drop(tx);
    s.remove().await;
}

async fn instance_facts_stand_once(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    assert!(instance::is_untouched(&mut tx).await.unwrap());
    assert_eq!(instance::get(&mut tx, Fact::LogOrigin).await.unwrap(), None);
    instance::set(&mut tx, Fact::LogOrigin, "log.example/log").await.unwrap();
    instance::set(&mut tx, Fact::Founding, "done").await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = s.begin().await;
    assert!(matches!(instance::set(&mut tx, Fact::LogOrigin, "other").await, Err(Error::Conflict(_))));
    drop(tx);
    assert_eq!(instance::get(&mut s.read().await, Fact::LogOrigin).await.unwrap().as_deref(), Some("log.example/log"));
    assert_eq!(instance::get(&mut s.read().await, Fact::LogVkey).await.unwrap(), None);
    let mut tx = s.begin().await;
    instance::set(&mut tx, Fact::Refilling, "vkey").await.unwrap();
    instance::unset(&mut tx, Fact::Refilling).await.unwrap();
    instance::unset(&mut tx, Fact::Refilling).await.unwrap();
    assert_eq!(instance::get(&mut tx, Fact::Refilling).await.unwrap(), None);
    assert!(instance::get(&mut tx, Fact::Founding).await.unwrap().is_some(), "that one alone");
    assert!(!instance::is_untouched(&mut tx).await.unwrap());
    drop(tx);
    s.remove().await;
}

async fn blobs_are_recorded_once_and_read_back(kind: Kind) {
    let s = Scratch::new(kind).await;
    let folder = s.folder.path().join("blobs");
    let store = Blobs::folder(&folder).unwrap();
    let pack = store.put(b"0123456789".to_vec()).await.unwrap();
    assert_eq!(store.put(b"0123456789".to_vec()).await.unwrap(), pack, "the same bytes are one blob");
    let whole = Blob { digest: pack, media_type: "text/plain".into(), pack: None };
    let part = Blob { digest: Digest::of(b"345"), media_type: "text/plain".into(), pack: Some((pack.blake3, 3)) };
    let mut tx = s.begin().await;
    for each in [&whole, &part, &part] {
        blobs::insert(&mut tx, each).await.unwrap();
    }
    assert_eq!(blobs::find(&mut tx, whole.digest.blake3).await.unwrap(), Some(whole.clone()));
    assert_eq!(blobs::find(&mut tx, part.digest.blake3).await.unwrap(), Some(part.clone()));
    assert_eq!(blobs::find(&mut tx, blake3_of(b"?")).await.unwrap(), None);
    assert_eq!(blobs::find_by_sha256(&mut tx, part.digest.sha256).await.unwrap(), Some(part.clone()));
    assert_eq!(blobs::find_by_sha256(&mut tx, sha256_of(b"?")).await.unwrap(), None);
    assert_eq!(blobs::objects(&mut tx).await.unwrap(), [pack.blake3], "a pack once");
    drop(tx);
    assert_eq!(store.get(&whole).await.unwrap(), b"0123456789");
    assert_eq!(store.get(&part).await.unwrap(), b"345");
    assert!(store.exists(pack.blake3).await.unwrap() && !store.exists(blake3_of(b"?")).await.unwrap());
    let left: Vec<_> = walk(&folder);
    assert_eq!(left.len(), 1, "nothing temporary stays: {left:?}");

    let corrupt = |result: Result<Vec<u8>, Error>| match result {
        Err(Error::Corrupt { table: "blobs", cause, .. }) => cause,
        other => panic!("{other:?}"),
    };
    let shifted = Blob { pack: Some((pack.blake3, 4)), ..part.clone() };
    assert!(corrupt(store.get(&shifted).await).contains("changed"));
    let elsewhere = Blob { pack: Some((blake3_of(b"?"), 3)), ..part };
    assert!(corrupt(store.get(&elsewhere).await).contains("gone"));
    std::fs::write(&left[0], b"0123456780").unwrap();
    assert!(corrupt(store.get(&whole).await).contains("changed"));
    std::fs::remove_file(&left[0]).unwrap();
    assert!(corrupt(store.get(&whole).await).contains("gone"));
    s.remove().await;
}

async fn files_that_rows_name_and_nobody_keeps_are_listed(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let [here, gone] = [work("here"), work("gone")];
    let by_hash = Work { held: false, ..work("by its hash") };
    for each in [&here, &gone, &by_hash] {
        works::insert(&mut tx, each, statement(&each.item)).await.unwrap();
    }
    let [kept, lost] = [image("kept", 1_000, &[]), image("lost", 2_000, &[])];
    for each in [&kept, &lost] {
        images::insert(&mut tx, each, statement(&each.id.to_string())).await.unwrap();
    }
    for bytes in ["here", "kept"] {
        let blob = Blob { digest: Digest::of(bytes.as_bytes()), media_type: "image/png".into(), pack: None };
        blobs::insert(&mut tx, &blob).await.unwrap();
    }
    let missing = |id: String, bytes: &str| Missing {
        id,
        blake3: blake3_of(bytes.as_bytes()),
        sha256: sha256_of(bytes.as_bytes()),
        media_type: "image/png".into(),
    };
    let of_work = missing(gone.id.to_string(), "gone");
    assert_eq!(blobs::missing_of_works(&mut tx, "", 9).await.unwrap(), std::slice::from_ref(&of_work));
    assert_eq!(blobs::missing_of_works(&mut tx, &of_work.id, 9).await.unwrap(), []);
    let of_image = missing(lost.id.to_string(), "lost");
    assert_eq!(blobs::missing_of_images(&mut tx, "", 9).await.unwrap(), std::slice::from_ref(&of_image));
    assert_eq!(blobs::missing_of_images(&mut tx, &of_image.id, 9).await.unwrap(), []);
    drop(tx);
    s.remove().await;
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
