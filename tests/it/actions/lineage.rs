//! Is my work in there? Proofs of presence and absence, handed out by the service and checked with a log's key alone; and what a revoked
//! work touches.

use colophon::accounts::Role;
use colophon::actions::grant_licence::{Granting, grant_licence};
use colophon::actions::impact::impact;
use colophon::actions::membership::{Evidence, check_membership, membership};
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::revoke_grant::revoke_grant;
use colophon::actions::verify_image::Logged;
use colophon::actions::{Error, Instance};
use colophon::clock::Clock as _;
use colophon::id::{DatasetId, WorkId};
use colophon::ledger::Envelope;
use colophon::storage;

use crate::support::database::Kind;
use crate::support::{TestInstance, both, draw};

both! {
    a_work_is_proved_to_be_in_a_dataset_or_not,
    a_proof_of_another_log_or_of_another_dataset_proves_nothing,
    a_revoked_work_marks_everything_that_stands_on_it,
}

fn check(t: &Instance, evidence: &Evidence) -> (Logged, bool, String) {
    let document = serde_json::to_vec(evidence).unwrap();
    let checked = check_membership(&document, t.keys.log.verifier(), &t.site.log_origin).unwrap();
    (checked.logged, checked.present, checked.sentence)
}

async fn the_dataset(t: &Instance) -> (DatasetId, Vec<WorkId>) {
    let mut tx = t.store.read().await.unwrap();
    let dataset = storage::datasets::all(&mut tx).await.unwrap()[0].dataset.id;
    (dataset, storage::datasets::members(&mut tx, dataset).await.unwrap())
}

async fn a_work_is_proved_to_be_in_a_dataset_or_not(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (dataset, members) = the_dataset(&t).await;
    for work in [members[0], members[members.len() / 2], *members.last().unwrap()] {
        let (logged, present, said) = check(&t, &membership(&t, dataset, work).await.unwrap());
        assert!(matches!(logged, Logged::Proved { .. }) && present, "{said}");
        assert!(said.contains(&format!("{work} is in the dataset")), "{said}");
    }
    for seed in 0..20u8 {
        let stranger = WorkId::derived(&[seed]);
        let (logged, present, said) = check(&t, &membership(&t, dataset, stranger).await.unwrap());
        assert!(matches!(logged, Logged::Proved { .. }) && !present, "{said}");
        assert!(said.contains("is not in the dataset"), "{said}");
    }
    assert!(matches!(membership(&t, DatasetId::derived(b"none"), members[0]).await, Err(Error::NotFound { .. })));
    for nonsense in [&b"{}"[..], b"[]", b"{\"format\":\"colophon-membership/1\"}", b"\xff"] {
        assert!(check_membership(nonsense, t.keys.log.verifier(), &t.site.log_origin).is_err());
    }
    t.finish().await;
}

async fn a_proof_of_another_log_or_of_another_dataset_proves_nothing(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let other = TestInstance::stranger(kind).await;
    let (dataset, members) = the_dataset(&t).await;
    let evidence = membership(&t, dataset, members[0]).await.unwrap();
    assert!(matches!(check(&other, &evidence).0, Logged::OtherLog { .. }));

    let wrong = |change: &dyn Fn(&mut Evidence)| {
        let mut changed = evidence.clone();
        change(&mut changed);
        let (logged, _, said) = check(&t, &changed);
        assert!(!matches!(logged, Logged::Proved { .. }) && said.starts_with("Nothing is proved"), "{said}");
    };
    wrong(&|e| e.receipt = None);
    wrong(&|e| e.receipt = Some("c2sp.org/tlog-proof@v1\n".into()));
    wrong(&|e| e.dataset.works += 1);
    wrong(&|e| e.dataset.name.push('!'));
    wrong(&|e| e.dataset.root.0[0] ^= 1);
    wrong(&|e| e.membership.present = false);
    wrong(&|e| e.membership.members[0].path[0].0[0] ^= 1);
    // A dataset of one's own making, with a proof that fits it, is not the one that was logged.
    wrong(&|e| {
        let forged = [members[1], members[2]];
        e.dataset.root = colophon::lineage::dataset::root(&forged);
        e.dataset.works = 2;
        e.membership = colophon::lineage::Membership::prove(dataset, &forged, members[0]);
        assert_eq!(e.membership.check(&e.dataset), Ok(()));
    });
    publish_checkpoint(&t).await.unwrap();
    t.finish().await;
    other.finish().await;
}

async fn a_revoked_work_marks_everything_that_stands_on_it(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let apple = draw(&t, "a red apple", 1).await.image;
    let other = draw(&t, "a sailboat", 2).await.image;
    let (dataset, _) = the_dataset(&t).await;
    let mut tx = t.store.read().await.unwrap();
    let drawn_on = storage::images::find(&mut tx, apple).await.unwrap().unwrap().image.works;
    let others = storage::images::find(&mut tx, other).await.unwrap().unwrap().image.works;
    let work = drawn_on.iter().map(|d| d.work).find(|w| others.iter().all(|o| o.work != *w)).unwrap();
    let found = impact(&mut tx, work).await.unwrap();
    assert_eq!((found.datasets.as_slice(), found.models.as_slice()), (&[dataset][..], &[t.model.model.id][..]));
    assert_eq!((found.drawn, found.made), (vec![apple], vec![other]));
    let grants = storage::works::grants(&mut tx, work).await.unwrap();
    let affected = async |about: String| {
        let rows = storage::impacts::of(&mut t.store.read().await.unwrap(), &about).await.unwrap();
        rows.iter().map(|row| (row.work, row.since)).collect::<Vec<_>>()
    };
    assert_eq!(affected(apple.to_string()).await, []);
    drop(tx);

    // Another licence still holds: nothing is affected yet.
    let operator = t.actor("Op", &[Role::Operator]).await;
    let second = Granting { licence: "CC-BY-4.0".into(), ..Granting::default() };
    let (second, _) = grant_licence(&t, &operator, work, second).await.unwrap();
    revoke_grant(&t, &operator, grants[0].grant.id, "not this one").await.unwrap();
    assert_eq!(affected(apple.to_string()).await, []);
    t.clock.advance_millis(1_000);
    let since = t.clock.now();
    revoke_grant(&t, &operator, second, "not ever").await.unwrap();
    for about in [apple.to_string(), other.to_string(), dataset.to_string(), t.model.model.id.to_string()] {
        assert_eq!(affected(about.clone()).await, [(work, since)], "{about}");
    }
    // In the log with the very next checkpoint, naming model and images.
    publish_checkpoint(&t).await.unwrap();
    let mut tx = t.store.read().await.unwrap();
    let statements = storage::impacts::statements_of(&mut tx, work).await.unwrap();
    let entry = storage::log::find(&mut tx, statements[0]).await.unwrap().unwrap();
    assert!(entry.index.is_some() && statements.len() == 1);
    let said = Envelope::parse(&entry.bytes).unwrap().verify(&t.keys.statement.verifying_key()).unwrap().predicate;
    assert_eq!(
        (said["impact"]["models"][0].as_str(), said["impact"]["drawn"][0].as_str()),
        (Some(&*t.model.model.id.to_string()), Some(&*apple.to_string()))
    );
    assert_eq!((said["impact"]["made"][0].as_str(), said["impact"]["parts"].as_u64()), (Some(&*other.to_string()), Some(1)));
    drop(tx);

    // A picture made afterwards does without the work, and its model stays marked.
    let later = draw(&t, "a red apple", 3).await.image;
    let image = storage::images::find(&mut t.store.read().await.unwrap(), later).await.unwrap().unwrap().image;
    assert!(image.works.iter().all(|d| d.work != work) && image.model == Some(t.model.model.id));
    t.finish().await;
}
