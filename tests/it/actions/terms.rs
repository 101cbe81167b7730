//! Terms beside the licence declared: what somebody found out, what a site says, what a rights holder says; and datasets built from what is left.

use colophon::accounts::{Actor, Role};
use colophon::actions::Error;
use colophon::actions::conclude_licence::conclude_licence;
use colophon::actions::freeze_query::{freeze_query, look};
use colophon::actions::register_work::{Registration, register_work};
use colophon::actions::reserve_works::{reserve_site, reserve_work};
use colophon::digest::sha256_of;
use colophon::id::WorkId;
use colophon::storage;
use colophon::storage::works::Filter;
use colophon::works::list::Row;
use colophon::works::reservation::Signal;
use colophon::works::{Usage, Verdict};

use crate::support::database::{Kind, same};
use crate::support::{TestInstance, both, draw};

both! {
    somebody_looks_into_a_licence,
    what_a_site_says_is_kept_for_its_works,
    a_rights_holder_reserves_in_words,
    a_query_freezes_what_may_be_trained_on,
    our_own_pictures_are_reserved_when_registered,
}

async fn by_hash(t: &TestInstance, actor: &Actor, title: &str, licence: &str, source: &str) -> WorkId {
    let row = Row {
        title: title.into(),
        author: "Ana".into(),
        licence: licence.into(),
        source: source.into(),
        sha256: Some(sha256_of(title.as_bytes())),
        ..Row::default()
    };
    register_work(t, actor, Registration { row, ..Registration::default() }).await.unwrap().0
}

async fn verdict(t: &TestInstance, work: WorkId, usage: Usage) -> Verdict {
    storage::terms::of(&mut t.store.read().await.unwrap(), work).await.unwrap().verdict(usage, "", t.now())
}

async fn somebody_looks_into_a_licence(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let (olga, other) = (t.actor("Olga", &[Role::Operator]).await, t.actor("Other", &[Role::Operator]).await);
    let work = by_hash(&t, &rosa, "Photograph", "CC-BY-4.0", "").await;
    let grant = storage::works::grants(&mut t.store.read().await.unwrap(), work).await.unwrap()[0].grant.id;
    assert!(matches!(conclude_licence(&t, &rosa, grant, "MIT", "x").await, Err(Error::Forbidden(_))));
    for (licence, reason) in [("all mine", "x"), ("MIT", " "), ("", "x"), ("MIT AND", "x")] {
        assert!(
            matches!(conclude_licence(&t, &olga, grant, licence, reason).await, Err(Error::Invalid(_))),
            "{licence} {reason}"
        );
    }
    conclude_licence(&t, &olga, grant, "CC-BY-NC-4.0", "the photographer's page says so").await.unwrap();
    assert_eq!(verdict(&t, work, Usage::Train).await.rule, "by-nc/train");
    conclude_licence(&t, &other, grant, "CC-BY-4.0", "the page was corrected").await.unwrap();
    assert!(verdict(&t, work, Usage::Train).await.permits());
    let own = by_hash(&t, &olga, "Own", "MIT", "").await;
    let own_grant = storage::works::grants(&mut t.store.read().await.unwrap(), own).await.unwrap()[0].grant.id;
    let refused = conclude_licence(&t, &olga, own_grant, "MIT", "I know").await;
    assert!(refused.unwrap_err().to_string().contains("themselves"));
    t.finish().await;
}

async fn what_a_site_says_is_kept_for_its_works(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (rosa, ben) = (t.actor("Rosa", &[Role::RightsHolder]).await, t.actor("Ben", &[Role::RightsHolder]).await);
    let olga = t.actor("Olga", &[Role::Operator]).await;
    let art = by_hash(&t, &rosa, "One", "CC0-1.0", "https://ana.example/art/one.png").await;
    let free = by_hash(&t, &rosa, "Two", "CC0-1.0", "https://ana.example/free/two.png").await;
    let other = by_hash(&t, &rosa, "Three", "CC0-1.0", "https://ana.example.org/art/three.png").await;
    let theirs = by_hash(&t, &ben, "Four", "CC0-1.0", "https://ana.example/art/four.png").await;
    let file = br#"[{"location":"/","tdm-reservation":1},{"location":"/free/","tdm-reservation":0}]"#;
    let place = "https://ana.example/.well-known/tdmrep.json";
    let done = reserve_site(&t, &rosa, Signal::Tdmrep, place, file).await.unwrap();
    assert_eq!((done.looked, done.reserved, done.known), (2, vec![art], 0), "one's own");
    assert_eq!(verdict(&t, art, Usage::Train).await.rule, "reserved/tdmrep/train");
    assert!(verdict(&t, art, Usage::Generate).await.permits() && verdict(&t, free, Usage::Train).await.permits());
    assert!(verdict(&t, theirs, Usage::Train).await.permits());
    let done = reserve_site(&t, &olga, Signal::Tdmrep, place, file).await.unwrap();
    assert_eq!((done.looked, done.reserved, done.known), (3, vec![theirs], 1), "everyone's, and nothing twice");
    assert!(verdict(&t, other, Usage::Train).await.permits(), "another site with a longer name");
    let seen = storage::terms::reservations(&mut t.store.read().await.unwrap(), art).await.unwrap();
    assert_eq!((seen.len(), seen[0].reservation.place.as_str()), (1, place));
    assert_eq!(seen[0].reservation.seen_sha256, sha256_of(file));
    let before = t.all_tables().await;
    for (signal, place, file) in [
        (Signal::Tdmrep, place, &b"<html>"[..]),
        (Signal::Tdmrep, "ana.example", file),
        (Signal::Plus, place, file),
        (Signal::Robots, place, &[b'x'; 600_000]),
    ] {
        assert!(matches!(reserve_site(&t, &rosa, signal, place, file).await, Err(Error::Invalid(_))), "{signal:?} {place}");
    }
    same(&before, &t.all_tables().await);
    t.finish().await;
}

async fn a_rights_holder_reserves_in_words(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (rosa, ben) = (t.actor("Rosa", &[Role::RightsHolder]).await, t.actor("Ben", &[Role::RightsHolder]).await);
    let work = by_hash(&t, &rosa, "One", "CC-BY-4.0", "").await;
    assert!(matches!(reserve_work(&t, &ben, work, "Not for machines.").await, Err(Error::Invalid(_))));
    assert!(matches!(reserve_work(&t, &rosa, work, " ").await, Err(Error::Invalid(_))));
    assert!(reserve_work(&t, &rosa, work, "Not for machines.").await.unwrap());
    assert!(!reserve_work(&t, &rosa, work, "Not for machines.").await.unwrap(), "said once");
    for (usage, permits) in [(Usage::Train, false), (Usage::Generate, false), (Usage::Derivative, true)] {
        assert_eq!(verdict(&t, work, usage).await.permits(), permits, "{usage:?}");
    }
    t.finish().await;
}

async fn a_query_freezes_what_may_be_trained_on(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let open = by_hash(&t, &rosa, "Quokka one", "CC0-1.0", "").await;
    by_hash(&t, &rosa, "Quokka two", "CC-BY-NC-4.0", "").await;
    let reserved = by_hash(&t, &rosa, "Quokka three", "CC0-1.0", "").await;
    reserve_work(&t, &rosa, reserved, "No.").await.unwrap();
    let quokkas = Filter { words: "quokka".into(), ..Filter::default() };
    let found = look(&t, "Rosa", &quokkas).await.unwrap();
    assert_eq!((found.works.clone(), found.matched()), (vec![open], 3));
    let rules: Vec<(&str, u64)> = found.refused.iter().map(|(rule, n)| (rule.as_str(), *n)).collect();
    assert_eq!(rules, [("by-nc/train", 1), ("reserved/declared/train", 1)]);
    let (dataset, same_found) = freeze_query(&t, &rosa, "Quokkas", &quokkas).await.unwrap();
    assert_eq!((dataset.works, same_found), (1, found));
    let ana = t.actor("Eve", &[Role::Creator]).await;
    assert!(matches!(freeze_query(&t, &ana, "Quokkas", &quokkas).await, Err(Error::Forbidden(_))));
    for words in ["nothingsocalled", "three"] {
        let none = freeze_query(&t, &rosa, "None", &Filter { words: words.into(), ..Filter::default() }).await;
        assert!(matches!(none, Err(Error::Invalid(_))), "{words}");
    }
    assert_eq!(look(&t, "", &Filter { owner: "Rosa".into(), ..Filter::default() }).await.unwrap().matched(), 3);
    t.finish().await;
}

/// What we sign says that it may not be mined, in the credentials and in XMP; whoever registers it as a work finds both kept.
async fn our_own_pictures_are_reserved_when_registered(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let file = draw(&t, "a red apple", 1).await.file;
    let row = Row { title: "Mine".into(), author: "Rosa".into(), licence: "CC0-1.0".into(), ..Row::default() };
    let (work, _) = register_work(&t, &rosa, Registration { file, row, ..Registration::default() }).await.unwrap();
    let seen = storage::terms::reservations(&mut t.store.read().await.unwrap(), work).await.unwrap();
    let signals: Vec<Signal> = seen.iter().map(|r| r.reservation.signal).collect();
    assert_eq!(signals, [Signal::Plus, Signal::Cawg], "{seen:?}");
    assert!(!verdict(&t, work, Usage::Train).await.permits());
    t.finish().await;
}
