//! A claim against a registration: who may do what and when, what it does to the work and to everything that stands on it.

use colophon::accounts::{Actor, Role};
use colophon::actions::Error;
use colophon::actions::choose_works::choose_works;
use colophon::actions::dispute::{Pleading, open_dispute, take_step};
use colophon::actions::grant_licence::{Granting, grant_licence};
use colophon::actions::impact::marks;
use colophon::actions::register_work::{Registration, register_work};
use colophon::actions::revoke_grant::revoke_grant;
use colophon::digest::sha256_of;
use colophon::id::WorkId;
use colophon::provenance::Format;
use colophon::provenance::encode::encode;
use colophon::storage;
use colophon::works::Usage;
use colophon::works::dispute::{Ground, Ruling, Step};
use colophon::works::list::Row;

use crate::support::database::{Kind, same};
use crate::support::{TestInstance, both, draw, order};

both! {
    a_claim_that_is_right,
    a_claim_that_is_not_right,
    nobody_speaks_out_of_turn,
    one_grant_less_marks_what_nobody_else_offers,
}

const DAY: i64 = 86_400_000;

async fn quokka(t: &TestInstance, actor: &Actor) -> WorkId {
    let rgb: Vec<u8> = (0..64u32 * 64).flat_map(|at| [90, (at % 64 * 3) as u8, (at / 64 * 4) as u8]).collect();
    let row = Row {
        title: "Quokka".into(),
        author: "Rosa".into(),
        tags: vec!["quokka".into()],
        licence: "CC0-1.0".into(),
        ..Row::default()
    };
    let sent = Registration { file: encode(&rgb, 64, 64, Format::Png).unwrap(), row, ..Registration::default() };
    register_work(t, actor, sent).await.unwrap().0
}

fn said(words: &str) -> Pleading {
    Pleading { words: words.into(), files: vec![] }
}

async fn drawn_on(t: &TestInstance) -> bool {
    choose_works(t, &order("a quokka", 1), "").await.unwrap().iter().any(|c| c.work.title == "Quokka")
}

async fn marked(t: &TestInstance, about: &str) -> usize {
    marks(&mut t.store.read().await.unwrap(), about, t.now()).await.unwrap().len()
}

async fn notices(t: &TestInstance, actor: &Actor, operator: bool) -> Vec<String> {
    let mut tx = t.store.read().await.unwrap();
    storage::notices::list(&mut tx, actor.account, operator, 20).await.unwrap().into_iter().map(|n| n.words).collect()
}

async fn a_claim_that_is_right(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let ben = t.actor("Ben", &[Role::Creator]).await;
    let olga = t.actor("Olga", &[Role::Operator]).await;
    let work = quokka(&t, &rosa).await;
    let delivered = draw(&t, "a quokka", 1).await;
    let image = delivered.image.to_string();
    assert!(drawn_on(&t).await && marked(&t, &image).await == 0);

    let files = vec![("sketch.png".to_owned(), b"the sketch".to_vec())];
    let claim = Pleading { words: "I drew this.\r\nSee the sketch.".into(), files };
    let (id, statement) = open_dispute(&t, &ben, work, Ground::WrongAuthor, claim).await.unwrap();
    assert!(!drawn_on(&t).await, "kept from use at once");
    assert_eq!(marked(&t, &image).await, 1, "what stands on it says so");
    let mut tx = t.store.read().await.unwrap();
    let found = storage::disputes::find(&mut tx, id).await.unwrap().unwrap();
    assert_eq!((found.dispute.words.as_str(), found.statement), ("I drew this.\nSee the sketch.", statement));
    assert_eq!(found.dispute.files[0].sha256, sha256_of(b"the sketch"));
    let logged = storage::log::find(&mut tx, statement).await.unwrap().unwrap();
    assert_eq!((logged.kind.as_str(), logged.subject.as_str()), ("dispute", work.to_string().as_str()));
    drop(tx);
    let told = notices(&t, &olga, true).await;
    assert!(
        told.iter().any(|w| w.contains("A dispute was opened on “Quokka”")) && told.iter().any(|w| w.contains("1 image")),
        "{told:?}"
    );
    assert!(notices(&t, &rosa, false).await[0].contains("another person made it"));
    assert!(notices(&t, &ben, false).await.is_empty());

    take_step(&t, &rosa, id, Step::Answered, None, said("It was given to me.")).await.unwrap();
    take_step(&t, &olga, id, Step::Decided, Some(Ruling::Upheld), said("The sketch is older.")).await.unwrap();
    assert!(!drawn_on(&t).await && marked(&t, &image).await == 1);
    let mut tx = t.store.read().await.unwrap();
    let grants = storage::works::grants(&mut tx, work).await.unwrap();
    assert!(grants[0].revoked.as_ref().unwrap().reason.contains(&id.to_string()));
    let terms = storage::terms::of(&mut tx, work).await.unwrap();
    assert!(terms.disputed.is_none() && !terms.verdict(Usage::Generate, "Rosa", t.now()).permits());
    drop(tx);
    assert!(notices(&t, &ben, false).await.iter().any(|notice| notice.contains("upheld")));
    // Appealed, and the second decision is the last.
    take_step(&t, &rosa, id, Step::Appealed, None, said("Look again.")).await.unwrap();
    take_step(&t, &olga, id, Step::Decided, Some(Ruling::Upheld), said("The same.")).await.unwrap();
    assert!(matches!(take_step(&t, &rosa, id, Step::Appealed, None, said("Again!")).await, Err(Error::Conflict(_))));
    t.finish().await;
}

async fn a_claim_that_is_not_right(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let ben = t.actor("Ben", &[Role::Creator]).await;
    let olga = t.actor("Olga", &[Role::Operator]).await;
    let work = quokka(&t, &rosa).await;
    let image = draw(&t, "a quokka", 1).await.image.to_string();
    let (id, _) = open_dispute(&t, &ben, work, Ground::NotTheirs, said("Mine.")).await.unwrap();
    let own = colophon::actions::request_image::Order { with: vec![work], ..order("a quokka", 1) };
    assert!(choose_works(&t, &own, "Rosa").await.is_err(), "not even for who registered it");
    t.clock.advance_millis(15 * DAY);
    take_step(&t, &olga, id, Step::Decided, Some(Ruling::Rejected), said("Nothing was shown.")).await.unwrap();
    assert!(drawn_on(&t).await, "as it was");
    assert_eq!(marked(&t, &image).await, 0, "the mark is gone with the claim");
    let again = open_dispute(&t, &ben, work, Ground::NotTheirs, said("Mine!")).await;
    assert!(matches!(again, Err(Error::Conflict(why)) if why.contains("appeal")));
    take_step(&t, &ben, id, Step::Appealed, None, said("Here is the contract.")).await.unwrap();
    assert!(!drawn_on(&t).await && marked(&t, &image).await == 1);
    take_step(&t, &olga, id, Step::Decided, Some(Ruling::Rejected), said("It is of another picture.")).await.unwrap();
    assert!(drawn_on(&t).await && marked(&t, &image).await == 0);
    // Another claim by another person is heard, and not decided by them.
    let (id, _) = open_dispute(&t, &olga, work, Ground::NoConsent, said("She never agreed.")).await.unwrap();
    t.clock.advance_millis(15 * DAY);
    let own = take_step(&t, &olga, id, Step::Decided, Some(Ruling::Upheld), said("I am right.")).await;
    assert!(matches!(own, Err(Error::Invalid(why)) if why[0].1.contains("own cause")));
    let otto = t.actor("Otto", &[Role::Operator]).await;
    assert!(matches!(take_step(&t, &otto, id, Step::Decided, None, said("?")).await, Err(Error::Invalid(_))));
    take_step(&t, &otto, id, Step::Decided, Some(Ruling::Upheld), said("She is right.")).await.unwrap();
    // Who lost it does not get round it by giving another licence; an appeal is the way, and what was revoked stays so until given again.
    let again = || Granting { licence: "CC0-1.0".into(), ..Granting::default() };
    assert!(matches!(grant_licence(&t, &rosa, work, again()).await, Err(Error::Conflict(why)) if why.contains("appeal there")));
    take_step(&t, &rosa, id, Step::Appealed, None, said("She signed.")).await.unwrap();
    take_step(&t, &otto, id, Step::Decided, Some(Ruling::Rejected), said("She did.")).await.unwrap();
    assert!(!drawn_on(&t).await && marked(&t, &image).await == 1);
    grant_licence(&t, &rosa, work, again()).await.unwrap();
    assert!(drawn_on(&t).await && marked(&t, &image).await == 0);
    t.finish().await;
}

async fn nobody_speaks_out_of_turn(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let ben = t.actor("Ben", &[Role::Auditor]).await;
    let eve = t.actor("Eve", &[Role::Creator]).await;
    let olga = t.actor("Olga", &[Role::Operator]).await;
    let work = quokka(&t, &rosa).await;
    let token = Actor { scopes: Default::default(), ..ben.clone() };
    assert!(matches!(open_dispute(&t, &token, work, Ground::Other, said("x")).await, Err(Error::Forbidden(_))));
    assert!(matches!(open_dispute(&t, &ben, work, Ground::Other, said(" ")).await, Err(Error::Invalid(_))));
    assert!(matches!(open_dispute(&t, &ben, work, Ground::Other, said("a\u{7}")).await, Err(Error::Invalid(_))));
    let gone = WorkId::derived(b"none");
    assert!(matches!(open_dispute(&t, &ben, gone, Ground::Other, said("x")).await, Err(Error::NotFound { .. })));
    let (id, _) = open_dispute(&t, &ben, work, Ground::Other, said("The date is wrong.")).await.unwrap();
    let before = t.all_tables().await;
    assert!(matches!(open_dispute(&t, &eve, work, Ground::Other, said("Me too.")).await, Err(Error::Conflict(_))));
    assert!(matches!(take_step(&t, &eve, id, Step::Answered, None, said("x")).await, Err(Error::Invalid(_))));
    assert!(matches!(take_step(&t, &ben, id, Step::Answered, None, said("x")).await, Err(Error::Invalid(_))));
    assert!(matches!(take_step(&t, &rosa, id, Step::Decided, Some(Ruling::Rejected), said("x")).await, Err(Error::Forbidden(_))));
    let early = take_step(&t, &olga, id, Step::Decided, Some(Ruling::Upheld), said("x")).await;
    assert!(matches!(early, Err(Error::Conflict(why)) if why.contains("may still answer")));
    assert!(matches!(take_step(&t, &rosa, id, Step::Appealed, None, said("x")).await, Err(Error::Conflict(_))));
    assert!(matches!(take_step(&t, &eve, id, Step::Appealed, None, said("x")).await, Err(Error::Invalid(_))));
    same(&before, &t.all_tables().await);
    take_step(&t, &rosa, id, Step::Answered, None, said("It is right.")).await.unwrap();
    assert!(matches!(take_step(&t, &rosa, id, Step::Answered, None, said("And more.")).await, Err(Error::Conflict(_))));
    take_step(&t, &olga, id, Step::Decided, Some(Ruling::Rejected), said("It is.")).await.unwrap();
    t.clock.advance_millis(31 * DAY);
    assert!(matches!(take_step(&t, &ben, id, Step::Appealed, None, said("Late.")).await, Err(Error::Conflict(_))));
    t.finish().await;
}

async fn one_grant_less_marks_what_nobody_else_offers(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    t.actor("Ana", &[Role::Creator]).await;
    let work = quokka(&t, &rosa).await;
    let image = draw(&t, "a quokka", 1).await.image.to_string();
    let grant = |licence: &str, uses: Vec<Usage>, grantee: Option<&str>| Granting {
        licence: licence.into(),
        uses,
        grantee: grantee.map(str::to_owned),
        evidence: "letter".into(),
        ..Default::default()
    };
    let (by, _) = grant_licence(&t, &rosa, work, grant("CC-BY-4.0", vec![], None)).await.unwrap();
    grant_licence(&t, &rosa, work, grant("LicenseRef-letter", vec![Usage::Generate], Some("Ana"))).await.unwrap();
    grant_licence(&t, &rosa, work, grant("LicenseRef-all-rights-reserved", vec![], None)).await.unwrap();
    let first = storage::works::grants(&mut t.store.read().await.unwrap(), work).await.unwrap();
    let cc0 = first.iter().find(|g| g.grant.licence == "CC0-1.0").unwrap().grant.id;
    revoke_grant(&t, &rosa, cc0, "no").await.unwrap();
    assert_eq!(marked(&t, &image).await, 0, "the other licence still opens everything");
    assert_eq!(t.number("SELECT COUNT(*) FROM impacts").await, 0);
    revoke_grant(&t, &rosa, by, "no").await.unwrap();
    assert_eq!(marked(&t, &image).await, 1, "what is left is one account's, and a licence that opens nothing");
    assert!(!drawn_on(&t).await);
    grant_licence(&t, &rosa, work, grant("CC-BY-4.0", vec![], None)).await.unwrap();
    assert_eq!(marked(&t, &image).await, 0, "open to everyone again");
    t.finish().await;
}
