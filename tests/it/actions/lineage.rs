//! Is my work in there? Proofs of presence and absence, handed out by the service and checked with a log's key alone.

use colophon::actions::membership::{Evidence, check_membership, membership};
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::verify_image::Logged;
use colophon::actions::{Error, Instance};
use colophon::id::{DatasetId, WorkId};
use colophon::storage;

use crate::support::database::Kind;
use crate::support::{TestInstance, both};

both! {
    a_work_is_proved_to_be_in_a_dataset_or_not,
    a_proof_of_another_log_or_of_another_dataset_proves_nothing,
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
