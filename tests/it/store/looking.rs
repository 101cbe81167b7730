//! Pictures that are held: too near to a work, and waiting for their maker.

use colophon::storage::jobs;

use super::*;

both! {
    a_held_picture_waits_for_its_maker,
}

async fn a_held_picture_waits_for_its_maker(kind: Kind) {
    let s = Scratch::new(kind).await;
    let job = job("held", 1);
    let held = serde_json::json!({ "works": [] });
    let mut tx = s.begin().await;
    jobs::insert(&mut tx, &job, None).await.unwrap();
    assert!(
        !jobs::hold(&mut tx, (job.id, 1), TaskState::Held, "too near", Some(&held), t(5)).await.unwrap(),
        "nobody has it yet"
    );
    let leased = jobs::lease(&mut tx, t(6), t(60)).await.unwrap().unwrap();
    assert!(!jobs::go_on(&mut tx, job.id, &held, t(7)).await.unwrap(), "it is not held");
    assert!(
        !jobs::hold(&mut tx, (job.id, 2), TaskState::Held, "too near", Some(&held), t(7)).await.unwrap(),
        "another attempt's"
    );
    assert!(jobs::hold(&mut tx, (job.id, leased.attempts), TaskState::Held, "too near", Some(&held), t(7)).await.unwrap());
    let kept = jobs::find(&mut tx, job.id).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.problem.as_deref(), kept.held.as_ref()), (TaskState::Held, Some("too near"), Some(&held)));
    assert!(jobs::lease(&mut tx, t(90), t(99)).await.unwrap().is_none(), "no worker takes it");
    let order = serde_json::json!({ "credit": [1] });
    assert!(jobs::go_on(&mut tx, job.id, &order, t(8)).await.unwrap());
    let again = jobs::lease(&mut tx, t(90), t(99)).await.unwrap().unwrap();
    assert_eq!((again.request, again.attempts, again.problem), (order, 1, None));
    drop(tx);
    s.remove().await;
}
