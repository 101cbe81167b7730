//! What rights holders do: registering works, giving licences, taking them back; and who may.

use colophon::accounts::{Actor, Role, Scope};
use colophon::actions::Error;
use colophon::actions::choose_works::choose_works;
use colophon::actions::conclude_licence::conclude_licence;
use colophon::actions::freeze_dataset::freeze_dataset;
use colophon::actions::grant_licence::{Granting, grant_licence};
use colophon::actions::register_work::{Registration, register_work};
use colophon::actions::request_image::Order;
use colophon::actions::revoke_grant::revoke_grant;
use colophon::clock::Clock as _;
use colophon::id::{GrantId, WorkId};
use colophon::ledger::Envelope;
use colophon::policy::Use;
use colophon::provenance::{Format, encode};
use colophon::storage;
use colophon::works::Usage;
use colophon::works::licence::NO_ASSERTION;
use colophon::works::list::Row;

use crate::support::database::Kind;
use crate::support::{TestInstance, both, creator, draw_order, order};

both! {
    a_registered_work_is_drawn_on_at_once,
    only_terms_that_allow_it_let_a_work_be_drawn_on,
    works_are_chosen_and_left_out,
    a_direct_grant_opens_a_work_to_one_account,
    a_further_licence_does_not_get_round_a_finding,
    an_exclusive_grant_leaves_no_room_for_another,
    a_grant_is_refused_field_by_field,
    a_registration_is_refused_field_by_field,
    the_same_picture_is_registered_once,
    scopes_are_asked_for,
    a_grant_is_revoked_once_and_by_those_who_may,
}

/// A picture like no other.
fn picture(seed: u8, format: Format) -> Vec<u8> {
    let rgb: Vec<u8> = (0..40u32 * 30).flat_map(|at| [seed, (at * 7 % 251) as u8, (at / 40 * 8) as u8]).collect();
    encode(&rgb, 40, 30, format).unwrap()
}

/// A zebra: a word the model knows and no work of the small model has.
fn zebra(licence: &str, seed: u8) -> Registration {
    Registration {
        file: picture(seed, Format::Png),
        row: Row {
            title: "Zebra".into(),
            author: "Rosa Ruiz".into(),
            tags: vec!["zebra".into(), "stripes".into()],
            source: "https://rosa.example/zebra".into(),
            licence: licence.into(),
            ..Row::default()
        },
        ..Registration::default()
    }
}

async fn drawn_on(t: &TestInstance, use_: Use) -> Vec<WorkId> {
    let wanted = Order { use_, ..order("a zebra", 1) };
    choose_works(t, &wanted, "").await.unwrap().iter().map(|w| w.work.id).collect()
}

async fn a_registered_work_is_drawn_on_at_once(kind: Kind) {
    let mut t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    assert_eq!(drawn_on(&t, Use::Personal).await, [], "the shelf is filled, and has no zebra");
    let mut all = Vec::new();
    for (seed, format) in [(1, Format::Png), (2, Format::Jpeg), (3, Format::WebP)] {
        let sent = Registration { file: picture(seed, format), ..zebra("CC-BY-4.0", seed) };
        let (work, statement) = register_work(&t, &rosa, sent.clone()).await.unwrap();
        all.push(work);
        let mut tx = t.store.read().await.unwrap();
        let record = storage::works::find(&mut tx, work).await.unwrap().unwrap();
        assert_eq!((record.statement, record.work.registered_by.as_str()), (statement, "Rosa"));
        assert_eq!(record.work.media_type, format.mime());
        let grants = storage::works::grants(&mut tx, work).await.unwrap();
        assert_eq!(
            (grants[0].grant.licence.as_str(), grants[0].grant.evidence.as_str()),
            ("CC-BY-4.0", "declared at registration")
        );
        let blob = storage::blobs::find(&mut tx, record.work.digest.blake3.unwrap()).await.unwrap().unwrap();
        assert_eq!(t.blobs.get(&blob).await.unwrap(), sent.file);
        let entry = storage::log::find(&mut tx, statement).await.unwrap().unwrap();
        let said = Envelope::parse(&entry.bytes).unwrap().verify(&t.keys.statement.verifying_key()).unwrap();
        assert_eq!((said.predicate["work"]["title"].as_str(), said.predicate["actor"].as_str()), (Some("Zebra"), Some("Rosa")));
        drop(tx);
        let mut found = drawn_on(&t, Use::Personal).await;
        found.sort();
        let mut expected = all.clone();
        expected.sort();
        assert_eq!(found, expected, "at once, with the others");
    }
    let delivered = draw_order(&t, &creator(&t).await, order("a zebra", 1)).await.unwrap();
    let image = storage::images::find(&mut t.store.read().await.unwrap(), delivered.image).await.unwrap().unwrap().image;
    assert_eq!(image.works.len(), 3);

    // Another instance on the same database sees them, and so does a restart.
    let other = t.beside().await;
    assert_eq!(choose_works(&other, &order("a zebra", 1), "").await.unwrap().len(), 3);
    other.store.close().await;
    t.restart().await;
    assert_eq!(drawn_on(&t, Use::Commercial).await.len(), 3);
    t.finish().await;
}

async fn only_terms_that_allow_it_let_a_work_be_drawn_on(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let licences = [
        ("CC0-1.0", true),
        ("CC-BY-4.0", true),
        ("MIT", true),
        ("CC-BY-SA-4.0", false),
        ("CC-BY-NC-4.0", false),
        ("CC-BY-ND-4.0", false),
        ("LicenseRef-all-rights-reserved", false),
        // Unknown means no.
        ("WTFPL", false),
        ("cc-by-4.0", false),
    ];
    let mut expected = Vec::new();
    for (seed, (licence, allowed)) in (0..).zip(licences) {
        let (work, _) = register_work(&t, &rosa, zebra(licence, seed)).await.unwrap();
        expected.extend(allowed.then_some(work));
    }
    expected.sort();
    for use_ in [Use::Personal, Use::Commercial, Use::Education, Use::Merch] {
        let mut found = drawn_on(&t, use_).await;
        found.sort();
        assert_eq!(found, expected, "{use_:?}");
    }
    t.finish().await;
}

async fn works_are_chosen_and_left_out(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder, Role::Creator]).await;
    let ana = creator(&t).await;
    let (free, _) = register_work(&t, &rosa, zebra("CC-BY-4.0", 1)).await.unwrap();
    let (own, _) = register_work(&t, &rosa, zebra("LicenseRef-all-rights-reserved", 2)).await.unwrap();
    let with = |works: &[WorkId]| Order { with: works.to_vec(), ..order("a red apple", 1) };
    let works_of = async |image| {
        let found = storage::images::find(&mut t.store.read().await.unwrap(), image).await.unwrap().unwrap().image;
        found.works.iter().map(|drawn| (drawn.work, drawn.influence)).collect::<Vec<_>>()
    };

    // Chosen works are drawn on, and no others: words do not matter.
    let delivered = draw_order(&t, &ana, with(&[free])).await.unwrap();
    assert_eq!(works_of(delivered.image).await, [(free, 1_000_000)]);
    // What nobody else may draw on is open to whoever registered it.
    let delivered = draw_order(&t, &rosa, with(&[own, free])).await.unwrap();
    assert_eq!(works_of(delivered.image).await.iter().map(|(work, _)| *work).collect::<Vec<_>>(), [own, free]);

    let refused = async |actor: &Actor, wanted: Order| match draw_order(&t, actor, wanted).await {
        Err(Error::Invalid(problems)) => (problems[0].0, problems[0].1.clone()),
        other => panic!("{:?}", other.map(|d| d.image)),
    };
    let (field, said) = refused(&ana, with(&[free, own])).await;
    assert!(field == "with" && said.contains(&own.to_string()) && said.contains("Zebra"), "{said}");
    assert!(refused(&ana, with(&[free, free])).await.1.contains("twice"));
    let nobody = WorkId::derived(b"nobody's");
    assert!(refused(&ana, with(&[nobody])).await.1.contains("no work"));
    let five: Vec<WorkId> = (0..5u8).map(|n| WorkId::derived(&[n])).collect();
    assert!(refused(&ana, with(&five)).await.1.contains("at most 4"));
    let both = Order { without: vec![free], ..with(&[free]) };
    assert!(refused(&ana, both).await.1.contains("both"));

    // Left out, a work is replaced by the next that the words find; all others stay.
    let found = choose_works(&t, &order("a red apple", 1), "").await.unwrap();
    let gone = found[0].work.id;
    let less = choose_works(&t, &Order { without: vec![gone], ..order("a red apple", 1) }, "").await.unwrap();
    assert!(less.len() == found.len() && less.iter().all(|chosen| chosen.work.id != gone));

    // Revoked, it is drawn on never again, by nobody, on no other instance of the service, and not after a restart.
    let other = t.beside().await;
    let grant = storage::works::grants(&mut t.store.read().await.unwrap(), own).await.unwrap()[0].grant.id;
    revoke_grant(&t, &rosa, grant, "mine again").await.unwrap();
    assert!(refused(&rosa, with(&[own])).await.1.contains("revoked"));
    assert!(choose_works(&other, &with(&[own]), "Rosa").await.is_err());
    other.store.close().await;
    let mut t = t;
    t.restart().await;
    assert!(choose_works(&t, &with(&[own]), "Rosa").await.is_err());
    t.finish().await;
}

/// For one use, on paper.
fn letter(to: &str, uses: &[Usage]) -> Granting {
    Granting {
        licence: "LicenseRef-letter".into(),
        evidence: "a signed letter, sha256 5b0c7d11".into(),
        uses: uses.to_vec(),
        grantee: Some(to.to_owned()),
        ..Granting::default()
    }
}

async fn a_direct_grant_opens_a_work_to_one_account(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let (ana, ben) = (creator(&t).await, t.actor("Ben", &[Role::Creator]).await);
    let (work, _) = register_work(&t, &rosa, zebra("LicenseRef-all-rights-reserved", 1)).await.unwrap();
    let found = async |account: &str| {
        let chosen = choose_works(&t, &order("a zebra", 1), account).await.unwrap();
        chosen.iter().map(|w| w.work.id).collect::<Vec<_>>()
    };
    let with = || Order { with: vec![work], ..order("a red apple", 1) };
    assert!(found(&ana.name).await.is_empty());
    let terms =
        Granting { terms: "You may draw on it for a year.".into(), licence: String::new(), ..letter("Ana", &[Usage::Generate]) };
    let ends_at = Some(t.clock.now().plus_millis(60_000));
    let (grant, _) = grant_licence(&t, &rosa, work, Granting { ends_at, ..terms }).await.unwrap();

    // To her it is open, by its words and by its name; to nobody else, and for no other use.
    assert_eq!((found(&ana.name).await, found(&ben.name).await), (vec![work], vec![]));
    let delivered = draw_order(&t, &ana, with()).await.unwrap();
    let mut tx = t.store.read().await.unwrap();
    let image = storage::images::find(&mut tx, delivered.image).await.unwrap().unwrap().image;
    assert_eq!(image.works[0].work, work);
    let kept = storage::works::find_grant(&mut tx, grant).await.unwrap().unwrap().grant;
    let text = colophon::digest::Digest::of(b"You may draw on it for a year.");
    assert_eq!((kept.scope.terms, kept.licence.starts_with("LicenseRef-")), (Some(text.sha256), true));
    let blob = storage::blobs::find(&mut tx, text.blake3).await.unwrap().unwrap();
    assert_eq!(t.blobs.get(&blob).await.unwrap(), b"You may draw on it for a year.");
    drop(tx);
    assert!(draw_order(&t, &ben, with()).await.is_err());
    let sold = Order { use_: Use::Commercial, ..with() };
    assert!(draw_order(&t, &ana, sold).await.is_err(), "it was not granted for trade");
    let set = freeze_dataset(&t, &t.actor("Op", &[Role::Operator]).await, "one", vec![work]).await.unwrap_err();
    assert!(set.to_string().contains("may not be trained on"), "{set}");

    // When its time is over, and when it is revoked, it is closed again.
    t.clock.advance_millis(61_000);
    assert!(found(&ana.name).await.is_empty() && draw_order(&t, &ana, with()).await.is_err());
    let (grant, _) = grant_licence(&t, &rosa, work, letter("Ana", &[Usage::Generate])).await.unwrap();
    assert_eq!(found(&ana.name).await, [work]);
    revoke_grant(&t, &rosa, grant, "changed my mind").await.unwrap();
    assert!(found(&ana.name).await.is_empty() && draw_order(&t, &ana, with()).await.is_err());
    t.finish().await;
}

async fn a_further_licence_does_not_get_round_a_finding(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let olga = t.actor("Olga", &[Role::Operator]).await;
    let (work, _) = register_work(&t, &rosa, zebra("CC-BY-4.0", 1)).await.unwrap();
    let found = async || choose_works(&t, &order("a zebra", 1), "").await.unwrap().len();
    let first = storage::works::grants(&mut t.store.read().await.unwrap(), work).await.unwrap()[0].grant.id;
    assert_eq!(found().await, 1);
    conclude_licence(&t, &olga, first, NO_ASSERTION, "the picture is from a magazine").await.unwrap();
    assert_eq!(found().await, 0);
    let (second, _) =
        grant_licence(&t, &rosa, work, Granting { licence: "CC0-1.0".into(), ..Granting::default() }).await.unwrap();
    assert_eq!(found().await, 0, "not by saying it another way");
    for (grant, licence) in [(first, "CC-BY-4.0"), (second, "CC0-1.0")] {
        conclude_licence(&t, &olga, grant, licence, "the magazine gave it back to her").await.unwrap();
    }
    assert_eq!(found().await, 1);
    t.actor("Ana", &[Role::Creator]).await;
    // Nor does a direct grant stand that nobody is known to have given.
    let (direct, _) = grant_licence(&t, &rosa, work, letter("Ana", &[Usage::Train])).await.unwrap();
    let opens = async || {
        let kept = storage::works::find_grant(&mut t.store.read().await.unwrap(), direct).await.unwrap().unwrap();
        kept.grant.opens(Usage::Train)
    };
    assert!(opens().await);
    conclude_licence(&t, &olga, direct, NO_ASSERTION, "the letter is not hers").await.unwrap();
    assert!(!opens().await);
    t.finish().await;
}

async fn an_exclusive_grant_leaves_no_room_for_another(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    t.actor("Ana", &[Role::Creator]).await;
    t.actor("Ben", &[Role::Creator]).await;
    let (work, _) = register_work(&t, &rosa, zebra("LicenseRef-all-rights-reserved", 1)).await.unwrap();
    let alone = |to: &str, uses: &[Usage], territory: &[&str]| Granting {
        exclusive: true,
        territory: territory.iter().map(|c| (*c).to_owned()).collect(),
        ..letter(to, uses)
    };
    let give = async |sent: Granting| grant_licence(&t, &rosa, work, sent).await;
    let conflict = async |sent: Granting| matches!(grant_licence(&t, &rosa, work, sent).await, Err(Error::Conflict(_)));
    let (first, _) = give(alone("Ana", &[Usage::Generate], &["FR"])).await.unwrap();
    assert!(conflict(letter("Ben", &[Usage::Generate])).await);
    assert!(conflict(alone("Ben", &[Usage::Generate, Usage::Train], &["DE", "FR"])).await);
    assert!(conflict(Granting { licence: "CC-BY-4.0".into(), ..Granting::default() }).await);
    // Other uses, other places, another time.
    give(letter("Ben", &[Usage::Train])).await.unwrap();
    give(alone("Ben", &[Usage::Generate], &["DE"])).await.unwrap();
    revoke_grant(&t, &rosa, first, "over").await.unwrap();
    give(Granting { territory: vec!["FR".into()], ..letter("Ben", &[Usage::Generate]) }).await.unwrap();
    assert!(conflict(alone("Ana", &[Usage::Train], &[])).await, "nor may one be made exclusive over another");
    t.finish().await;
}

async fn a_grant_is_refused_field_by_field(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let ana = t.actor("Ana", &[Role::RightsHolder, Role::Creator]).await;
    let (work, _) = register_work(&t, &rosa, zebra("LicenseRef-all-rights-reserved", 1)).await.unwrap();
    let good = letter("Ana", &[Usage::Generate]);
    let past = Some(t.clock.now());
    let wrong: Vec<(&str, Granting)> = vec![
        ("licence", Granting { licence: String::new(), ..good.clone() }),
        ("licence", Granting { licence: "all rights".into(), ..good.clone() }),
        ("licence_url", Granting { licence_url: "\u{1b}".into(), ..good.clone() }),
        ("evidence", Granting { evidence: "  ".into(), ..good.clone() }),
        ("evidence", Granting { evidence: "x".repeat(301), ..good.clone() }),
        ("terms", Granting { terms: "x".repeat(65_536), ..good.clone() }),
        ("ends_at", Granting { ends_at: past, ..good.clone() }),
        ("grantee", Granting { grantee: Some("Nobody".into()), ..good.clone() }),
        ("exclusive", Granting { exclusive: true, grantee: None, ..good.clone() }),
        ("territory", Granting { territory: vec!["France".into()], ..good.clone() }),
        ("territory", Granting { territory: vec!["fr".into()], ..good.clone() }),
    ];
    for (field, sent) in wrong {
        match grant_licence(&t, &rosa, work, sent).await {
            Err(Error::Invalid(problems)) => assert_eq!(problems[0].0, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    assert!(grant_licence(&t, &ana, work, good.clone()).await.is_err(), "it is not hers");
    assert!(grant_licence(&t, &rosa, WorkId::derived(b"none"), good.clone()).await.is_err());
    let watcher = t.actor("Wil", &[Role::Creator]).await;
    assert!(matches!(grant_licence(&t, &watcher, work, good).await, Err(Error::Forbidden(_))));
    t.finish().await;
}

async fn a_registration_is_refused_field_by_field(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let good = zebra("MIT", 1);
    let whole = picture(1, Format::Png);
    // 100 megapixels in a few bytes: only the headers say so.
    let mut bomb = whole.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0x27, 0x10, 0, 0, 0x27, 0x10]);
    let wrong: Vec<(&str, Registration)> = vec![
        ("picture", Registration { file: vec![], ..good.clone() }),
        ("picture", Registration { file: b"text".to_vec(), ..good.clone() }),
        ("picture", Registration { file: whole[..whole.len() - 20].to_vec(), ..good.clone() }),
        ("picture", Registration { file: bomb, ..good.clone() }),
        ("title", Registration { row: Row { title: " ".into(), ..good.row.clone() }, ..good.clone() }),
        ("title", Registration { row: Row { title: "a\0b".into(), ..good.row.clone() }, ..good.clone() }),
        ("title", Registration { row: Row { title: "x".repeat(301), ..good.row.clone() }, ..good.clone() }),
        ("author", Registration { row: Row { author: String::new(), ..good.row.clone() }, ..good.clone() }),
        ("author", Registration { row: Row { author: "\u{1b}[31mRosa".into(), ..good.row.clone() }, ..good.clone() }),
        ("source", Registration { row: Row { source: "x".repeat(301), ..good.row.clone() }, ..good.clone() }),
        ("licence", Registration { row: Row { licence: String::new(), ..good.row.clone() }, ..good.clone() }),
        ("licence", Registration { row: Row { licence: "all rights reserved".into(), ..good.row.clone() }, ..good.clone() }),
        ("licence", Registration { row: Row { licence: "MIT\0".into(), ..good.row.clone() }, ..good.clone() }),
        ("licence", Registration { row: Row { licence: "X".repeat(101), ..good.row.clone() }, ..good.clone() }),
        ("licence_url", Registration { row: Row { licence_url: "\0".into(), ..good.row.clone() }, ..good.clone() }),
        ("evidence", Registration { row: Row { evidence: "x".repeat(301), ..good.row.clone() }, ..good.clone() }),
    ];
    let before = t.all_tables().await;
    for (field, wrong) in wrong {
        match register_work(&t, &rosa, wrong).await {
            Err(Error::Invalid(fields)) => assert!(fields.iter().any(|(f, _)| *f == field), "{field}: {fields:?}"),
            other => panic!("{field}: {other:?}"),
        }
    }
    // Everything wrong is said at once.
    let Err(Error::Invalid(fields)) = register_work(&t, &rosa, Registration::default()).await else { panic!() };
    assert!(fields.len() >= 3, "{fields:?}");
    crate::support::database::same(&before, &t.all_tables().await);
    let tags = (0..200).map(|n| format!("tag{n} \u{1f993} \0")).collect::<Vec<_>>();
    register_work(&t, &rosa, Registration { row: Row { tags, title: "<b>'; --".into(), ..good.row }, ..good }).await.unwrap();
    t.finish().await;
}

async fn the_same_picture_is_registered_once(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let (work, _) = register_work(&t, &rosa, zebra("MIT", 1)).await.unwrap();
    match register_work(
        &t,
        &rosa,
        Registration { row: Row { title: "Another".into(), ..zebra("MIT", 1).row }, ..zebra("MIT", 1) },
    )
    .await
    {
        Err(Error::Conflict(why)) => assert!(why.contains(&work.to_string()), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(t.number("SELECT COUNT(*) FROM works WHERE registered_by = 'Rosa'").await, 1);
    t.finish().await;
}

async fn scopes_are_asked_for(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let ana = t.actor("Ana", &[Role::Creator]).await;
    let eve = t.actor("Eve", &[Role::Auditor, Role::Steward]).await;
    let (work, _) = register_work(&t, &rosa, zebra("MIT", 1)).await.unwrap();
    let grant = storage::works::grants(&mut t.store.read().await.unwrap(), work).await.unwrap()[0].grant.id;
    let before = t.all_tables().await;
    for actor in [&ana, &eve] {
        let registered = register_work(&t, actor, zebra("MIT", 2)).await;
        assert!(matches!(registered, Err(Error::Forbidden(Scope::Works))), "{registered:?}");
        let revoked = revoke_grant(&t, actor, grant, "because").await;
        assert!(matches!(revoked, Err(Error::Forbidden(Scope::Grants))), "{revoked:?}");
    }
    for actor in [&rosa, &eve] {
        let asked = draw_order(&t, actor, order("a cat", 1)).await;
        assert!(matches!(asked, Err(Error::Forbidden(Scope::Images))), "{:?}", asked.map(|d| d.image));
    }
    crate::support::database::same(&before, &t.all_tables().await);
    t.finish().await;
}

async fn a_grant_is_revoked_once_and_by_those_who_may(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (rosa, other) = (t.actor("Rosa", &[Role::RightsHolder]).await, t.actor("Otto", &[Role::RightsHolder]).await);
    let operator = t.actor("Olga", &[Role::Operator]).await;
    let mut grants = Vec::new();
    for seed in 0..2 {
        let (work, _) = register_work(&t, &rosa, zebra("MIT", seed)).await.unwrap();
        grants.push(storage::works::grants(&mut t.store.read().await.unwrap(), work).await.unwrap()[0].grant.clone());
    }
    match revoke_grant(&t, &other, grants[0].id, "not mine").await {
        Err(Error::Invalid(fields)) => assert_eq!(fields[0].0, "grant"),
        other => panic!("{other:?}"),
    }
    for reason in ["", " \n ", "a\0b", &"x".repeat(501)] {
        match revoke_grant(&t, &rosa, grants[0].id, reason).await {
            Err(Error::Invalid(fields)) => assert_eq!(fields[0].0, "reason"),
            other => panic!("{reason:?}: {other:?}"),
        }
    }
    assert!(matches!(revoke_grant(&t, &rosa, GrantId::derived(b"?"), "why").await, Err(Error::NotFound { .. })));
    let statement = revoke_grant(&t, &rosa, grants[0].id, " I sold it ").await.unwrap();
    let kept = storage::works::find_grant(&mut t.store.read().await.unwrap(), grants[0].id).await.unwrap().unwrap();
    let revoked = kept.revoked.unwrap();
    assert_eq!((revoked.reason.as_str(), revoked.statement), ("I sold it", statement));
    assert!(matches!(revoke_grant(&t, &rosa, grants[0].id, "again").await, Err(Error::Conflict(_))));
    revoke_grant(&t, &operator, grants[1].id, "a complaint").await.unwrap();
    assert_eq!(drawn_on(&t, Use::Personal).await, []);

    // The revocation's entry names the work, so that its history can be read.
    let mut tx = t.store.read().await.unwrap();
    let entry = storage::log::find(&mut tx, statement).await.unwrap().unwrap();
    assert_eq!((entry.kind.as_str(), entry.subject), ("revocation", grants[0].work.to_string()));
    drop(tx);
    t.finish().await;
}
