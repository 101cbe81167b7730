//! Works, grants, datasets, models, runs.

use super::*;

both! {
    works_are_found_and_narrowed,
    grants_end_in_every_way,
    datasets_and_models,
    impacts_are_found_from_both_ends,
}

async fn works_are_found_and_narrowed(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (mut apple, mut pear) = (work("apple"), work("pear"));
    (apple.colour, apple.author, apple.title) = (Some("red".into()), "Zoë Ångström".into(), "100% RED_apple \\ “one”".into());
    (pear.registered_at, pear.tags) = (t(2_000), vec![vec!["sweet".into(), "fruit".into()]]);
    for each in [&apple, &pear] {
        works::insert(&mut tx, each, statement(&each.item)).await.unwrap();
        log::stage(&mut tx, statement(&each.item), "work", &each.id.to_string(), "Ana", b"{}", t(3)).await.unwrap();
    }
    works::insert_grant(&mut tx, &grant("g", &apple, "MIT", 0, None), statement("g")).await.unwrap();

    let found = works::find(&mut tx, apple.id).await.unwrap().unwrap();
    assert_eq!((found.work, found.statement), (apple.clone(), statement("apple")));
    assert_eq!(works::find(&mut tx, WorkId::derived(b"?")).await.unwrap(), None);
    assert_eq!(works::find_by_sha256(&mut tx, pear.digest.sha256).await.unwrap().unwrap().work, pear);
    assert_eq!(works::find_by_sha256(&mut tx, sha256_of(b"?")).await.unwrap(), None);
    let all: Vec<WorkId> = works::all_held(&mut tx).await.unwrap().into_iter().map(|w| w.work.id).collect();
    assert_eq!(all, [apple.id, pear.id], "oldest first");
    assert_eq!(works::totals(&mut tx).await.unwrap(), (2, 2));

    let order = terms::changed_after(&mut tx, -1).await.unwrap();
    assert_eq!(order.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [apple.id, pear.id]);
    assert_eq!(terms::changed_after(&mut tx, order[0].0).await.unwrap(), order[1..]);
    assert_eq!(terms::changed_after(&mut tx, order[1].0).await.unwrap(), []);
    assert_eq!(log::newest(&mut tx).await.unwrap(), order[1].0);

    for (words, licence, author, expected) in [
        ("", "", "", 2),
        ("apple", "", "", 1),
        ("APPLE red", "", "", 1),
        ("apple pear", "", "", 0),
        ("fruit sweet", "", "", 1),
        ("zoë", "", "", 1),
        ("ZOË ÅNG", "", "", 1),
        // Signs that mean something to LIKE mean themselves.
        ("%", "", "", 1),
        ("_", "", "", 1),
        ("\\", "", "", 1),
        ("100%", "", "", 1),
        ("1%red", "", "", 0),
        ("d_a", "", "", 1),
        ("e_a", "", "", 0),
        ("“one”", "", "", 1),
        ("'", "", "", 0),
        ("title of pear in", "", "", 0),
        ("a b c d e f", "", "", 0),
        ("", "MIT", "", 1),
        ("pear", "MIT", "", 0),
        ("", "mit", "", 0),
        ("", "", "Ana", 1),
        ("", "", "Zoë Ångström", 1),
        ("", "", "An", 0),
    ] {
        let filter = Filter { words: words.into(), licence: licence.into(), author: author.into(), ..Filter::default() };
        let page = works::list(&mut tx, &filter, "", 10, t(5)).await.unwrap();
        assert_eq!((page.items.len(), page.total, page.next), (expected, expected as u64, None), "{filter:?}");
    }
    drop(tx);
    s.remove().await;
}

async fn grants_end_in_every_way(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (a, b) = (work("a"), work("b"));
    for each in [&a, &b] {
        works::insert(&mut tx, each, statement(&each.item)).await.unwrap();
    }
    let (lasting, brief, later) = (
        grant("lasting", &a, "MIT", 10, None),
        grant("brief", &a, "CC-BY-4.0", 10, Some(20)),
        grant("later", &b, "MIT", 30, None),
    );
    for each in [&later, &lasting, &brief] {
        works::insert_grant(&mut tx, each, statement("g")).await.unwrap();
    }
    assert_eq!(works::find_grant(&mut tx, brief.id).await.unwrap().unwrap().grant, brief);
    assert_eq!(works::find_grant(&mut tx, GrantId::derived(b"?")).await.unwrap(), None);
    let on_a = works::grants(&mut tx, a.id).await.unwrap();
    assert_eq!(on_a.len(), 2);
    assert!(on_a.iter().all(|g| g.statement == statement("g") && g.revoked.is_none()));

    async fn at(tx: &mut Tx, now: i64) -> Vec<(WorkId, String)> {
        let all = terms::all_held(tx).await.unwrap();
        let mut rows = Vec::new();
        for (work, found) in all {
            assert_eq!(terms::of(tx, work).await.unwrap(), found);
            rows.extend(found.given.into_iter().filter(|g| g.in_force(t(now))).map(|g| (work, g.licence)));
        }
        rows.sort();
        rows
    }
    let (mit, by) = ((a.id, "MIT".to_owned()), (a.id, "CC-BY-4.0".to_owned()));
    assert_eq!(at(&mut tx, 9).await, []);
    assert_eq!(at(&mut tx, 10).await, [by.clone(), mit.clone()]);
    assert_eq!(at(&mut tx, 19).await, [by, mit.clone()]);
    assert_eq!(at(&mut tx, 20).await, std::slice::from_ref(&mit));
    assert_eq!(at(&mut tx, 30).await.len(), 2);
    assert_eq!(works::by_licence(&mut tx, t(19)).await.unwrap(), [("CC-BY-4.0".to_owned(), 1), ("MIT".to_owned(), 1)]);
    assert_eq!(works::by_licence(&mut tx, t(30)).await.unwrap(), [("MIT".to_owned(), 2)]);

    let mut limited = grant("limited", &a, "LicenseRef-letter", 50, Some(60));
    limited.scope = GrantScope {
        uses: vec![Usage::Train, Usage::Generate],
        grantee: Some("Ana".into()),
        territory: vec!["FR".into(), "NZ".into()],
        exclusive: true,
        terms: Some(sha256_of(b"the letter")),
    };
    works::insert_grant(&mut tx, &limited, statement("g")).await.unwrap();
    assert_eq!(works::find_grant(&mut tx, limited.id).await.unwrap().unwrap().grant, limited);
    let found = terms::of(&mut tx, a.id).await.unwrap();
    assert!(
        found
            .given
            .iter()
            .any(|g| g.licence == limited.licence && g.scope == limited.scope && g.in_force(t(55)) && !g.in_force(t(60)))
    );
    limited.id = GrantId::derived(b"contradicted");
    (limited.scope, limited.ends_at) = (GrantScope::default(), Some(t(49)));
    limited.detected = vec![Detected { licence: "MIT".into(), says: "MIT".into(), place: "XMP cc:license".into() }];
    limited.concluded =
        Some(Concluded { licence: "NOASSERTION".into(), verified_by: Some("Eve".into()), reason: "two texts".into() });
    limited.starts_at = t(48);
    works::insert_grant(&mut tx, &limited, statement("g")).await.unwrap();
    assert_eq!(works::find_grant(&mut tx, limited.id).await.unwrap().unwrap().grant, limited);
    let found = terms::of(&mut tx, a.id).await.unwrap();
    assert!(found.given.iter().any(|g| g.licence == "NOASSERTION"), "verdicts go by what was concluded");

    let revocation = Revocation { at: t(25), reason: "sold".into(), statement: statement("r") };
    assert!(works::revoke_grant(&mut tx, lasting.id, &revocation).await.unwrap());
    let again = Revocation { at: t(99), reason: "again".into(), statement: statement("r2") };
    assert!(!works::revoke_grant(&mut tx, lasting.id, &again).await.unwrap(), "only once");
    assert!(!works::revoke_grant(&mut tx, GrantId::derived(b"?"), &again).await.unwrap());
    let kept = works::find_grant(&mut tx, lasting.id).await.unwrap().unwrap();
    assert_eq!(kept.revoked, Some(revocation), "the first one stands");
    assert_eq!([24, 25].map(|now| kept.in_force(t(now))), [true, false]);
    assert_eq!(at(&mut tx, 24).await, [mit], "until then it held");
    assert_eq!(at(&mut tx, 25).await, []);
    assert_eq!(works::by_licence(&mut tx, t(30)).await.unwrap(), [("MIT".to_owned(), 1)]);
    let filter = Filter { licence: "MIT".into(), ..Filter::default() };
    assert_eq!(works::list(&mut tx, &filter, "", 10, t(30)).await.unwrap().items[0].work.id, b.id);
    drop(tx);
    s.remove().await;
}

async fn datasets_and_models(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let members: Vec<Work> = ["a", "b", "c"].map(work).into();
    for (each, licence) in members.iter().zip(["MIT", "MIT", "CC-BY-4.0"]) {
        works::insert(&mut tx, each, statement(&each.item)).await.unwrap();
        works::insert_grant(&mut tx, &grant(&each.item, each, licence, 0, None), statement("g")).await.unwrap();
    }
    let (old, new) = (dataset("old", 2, 10), dataset("new", 1, 20));
    for each in [&new, &old] {
        datasets::insert(&mut tx, each, statement(&each.name)).await.unwrap();
    }
    datasets::insert_works(&mut tx, old.id, &[members[1].id, members[0].id]).await.unwrap();
    datasets::insert_works(&mut tx, old.id, &[members[2].id]).await.unwrap();
    datasets::insert_works(&mut tx, new.id, &[members[2].id]).await.unwrap();
    let found = datasets::find(&mut tx, old.id).await.unwrap().unwrap();
    assert_eq!((found.dataset, found.statement), (old.clone(), statement("old")));
    assert_eq!(datasets::find(&mut tx, DatasetId::derived(b"?")).await.unwrap(), None);
    assert_eq!(datasets::all(&mut tx).await.unwrap().iter().map(|d| d.dataset.id).collect::<Vec<_>>(), [old.id, new.id]);
    let mut ids: Vec<WorkId> = members.iter().map(|w| w.id).collect();
    ids.sort();
    assert_eq!(datasets::members(&mut tx, old.id).await.unwrap(), ids);
    assert_eq!(datasets::of_work(&mut tx, members[2].id).await.unwrap().len(), 2);
    assert_eq!(datasets::of_work(&mut tx, members[0].id).await.unwrap()[0].dataset, old);
    assert_eq!(datasets::licences(&mut tx, old.id).await.unwrap(), [("MIT".to_owned(), 2), ("CC-BY-4.0".to_owned(), 1)]);
    assert_eq!(datasets::authors(&mut tx, old.id).await.unwrap(), [("Ana".to_owned(), 3)]);
    let all = datasets::rows(&mut tx, old.id, t(5), "", 10).await.unwrap();
    assert_eq!(all.iter().map(|row| row.work).collect::<Vec<_>>(), ids);
    for row in &all {
        let of = members.iter().find(|w| w.id == row.work).unwrap();
        assert_eq!((&row.title, &row.author, row.sha256, row.licences.len()), (&of.title, &of.author, of.digest.sha256, 1));
    }
    assert!(
        datasets::rows(&mut tx, old.id, t(-1), "", 10).await.unwrap().iter().all(|row| row.licences.is_empty()),
        "before any grant"
    );
    let two = datasets::rows(&mut tx, old.id, t(5), "", 2).await.unwrap();
    let rest = datasets::rows(&mut tx, old.id, t(5), &two[1].work.to_string(), 2).await.unwrap();
    assert_eq!(two.into_iter().chain(rest).collect::<Vec<_>>(), all, "page by page the same");

    let mut trained: Vec<DatasetId> = vec![old.id, new.id];
    trained.sort();
    let (first, second) = (model("first", trained, 10), model("second", vec![], 20));
    for each in [&second, &first] {
        models::insert(&mut tx, each, statement(&each.card.name)).await.unwrap();
    }
    let found = models::find(&mut tx, first.id).await.unwrap().unwrap();
    assert_eq!((found.model, found.statement), (first.clone(), statement("first")));
    assert_eq!(models::find(&mut tx, ModelId::derived(b"?")).await.unwrap(), None);
    assert_eq!(models::find_by_weights(&mut tx, second.weights).await.unwrap().unwrap().model, second);
    assert_eq!(models::find_by_weights(&mut tx, sha256_of(b"?")).await.unwrap(), None);
    assert_eq!(models::all(&mut tx).await.unwrap().iter().map(|m| m.model.id).collect::<Vec<_>>(), [first.id, second.id]);

    let (made, later) = (run("made", old.id, 5), run("later", old.id, 6));
    for each in [&later, &made] {
        runs::insert(&mut tx, each, statement("r")).await.unwrap();
    }
    let found = runs::find_by_weights(&mut tx, made.weights).await.unwrap().unwrap();
    assert_eq!((found.run, found.statement), (made.clone(), statement("r")));
    assert_eq!(runs::find_by_weights(&mut tx, sha256_of(b"?")).await.unwrap(), None);
    let of: Vec<_> = runs::of_dataset(&mut tx, old.id).await.unwrap().into_iter().map(|r| r.run).collect();
    assert_eq!(of, [made, later]);
    assert_eq!(runs::of_dataset(&mut tx, new.id).await.unwrap(), []);

    let bundle =
        BundleRecord { sha256: sha256_of(b"b"), name: "b".into(), version: "1.0.0".into(), policies: 3, in_force_from: t(7) };
    models::insert_bundle(&mut tx, &bundle, statement("b")).await.unwrap();
    assert_eq!(models::find_bundle(&mut tx, bundle.sha256).await.unwrap(), Some((bundle, statement("b"))));
    assert_eq!(models::find_bundle(&mut tx, sha256_of(b"?")).await.unwrap(), None);
    drop(tx);
    s.remove().await;
}

async fn impacts_are_found_from_both_ends(kind: Kind) {
    let scratch = Scratch::new(kind).await;
    let mut tx = scratch.begin().await;
    let (a, b) = (work("a").id, work("b").id);
    let names = |list: &[&str]| list.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    impacts::insert(&mut tx, a, t(5), None, &names(&["model_x", "image_1"]), statement("1")).await.unwrap();
    impacts::insert(&mut tx, a, t(5), None, &names(&["image_2"]), statement("2")).await.unwrap();
    impacts::insert(&mut tx, b, t(9), None, &names(&["model_x"]), statement("3")).await.unwrap();
    impacts::insert(&mut tx, b, t(9), None, &[], statement("4")).await.unwrap();
    let of_x = impacts::of(&mut tx, "model_x").await.unwrap();
    assert_eq!(
        of_x.iter().map(|r| (r.work, r.since, r.statement)).collect::<Vec<_>>(),
        [(b, t(9), statement("3")), (a, t(5), statement("1"))]
    );
    assert_eq!(impacts::of(&mut tx, "image_2").await.unwrap().len(), 1);
    assert_eq!(impacts::of(&mut tx, "image_3").await.unwrap(), []);
    let mut both = impacts::statements_of(&mut tx, a).await.unwrap();
    both.sort();
    let mut expected = vec![statement("1"), statement("2")];
    expected.sort();
    assert_eq!(both, expected);
    tx.commit().await.unwrap();
    scratch.remove().await;
}
