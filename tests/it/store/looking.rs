//! What pictures are found by: fingerprints in the order of their making, views; pictures that are held.

use colophon::id::ImageId;
use colophon::likeness::{Fingerprints, Iscc, Pdq, PerceptualHash256, Subject, View};
use colophon::storage::{fingerprints, jobs};

use super::*;

both! {
    fingerprints_are_kept_in_the_order_of_their_making,
    a_held_picture_waits_for_its_maker,
}

pub(super) fn prints(n: u8) -> (Fingerprints, View) {
    let pdq = Pdq { hash: PerceptualHash256([n; 32]), quality: 100 };
    let kept = Fingerprints { descriptor: [n.cast_signed() / 8; 64], pdq, iscc: Iscc::from_bits([n; 32]) };
    (kept, View::from_slice(&[n; 3072]).unwrap())
}

async fn fingerprints_are_kept_in_the_order_of_their_making(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (a, mut b) = (work("a"), work("b"));
    b.held = false;
    for each in [&a, &b] {
        works::insert(&mut tx, each, statement(&each.item)).await.unwrap();
    }
    let (wa, wb, image) = (Subject::Work(a.id), Subject::Work(b.id), Subject::Image(ImageId::derived(b"i")));
    assert_eq!(fingerprints::due(&mut tx, 9).await.unwrap(), [wa], "what is not kept here can't be looked at");
    fingerprints::insert_due(&mut tx, &[image.to_string(), wa.to_string()]).await.unwrap();
    assert_eq!(fingerprints::due(&mut tx, 1).await.unwrap().len(), 1, "no more than asked for");
    assert_eq!(fingerprints::due(&mut tx, 9).await.unwrap(), [image, wa]);
    fingerprints::insert(&mut tx, &[(image, Some(prints(1))), (wa, None)]).await.unwrap();
    assert_eq!(fingerprints::due(&mut tx, 9).await.unwrap(), []);
    fingerprints::insert(&mut tx, &[(image, Some(prints(2))), (wb, Some(prints(3)))]).await.unwrap();
    let all = fingerprints::after(&mut tx, 0, 9).await.unwrap();
    let seqs: Vec<i64> = all.iter().map(|row| row.0).collect();
    assert!(seqs.is_sorted() && seqs[0] > 0);
    let kept: Vec<_> = all.into_iter().map(|(_, subject, kept)| (subject, kept)).collect();
    assert_eq!(kept, [(image, Some(prints(1).0)), (wa, None), (wb, Some(prints(3).0))], "the first ones stay");
    assert_eq!(fingerprints::after(&mut tx, seqs[1], 9).await.unwrap().len(), 1);
    assert_eq!(fingerprints::after(&mut tx, 0, 2).await.unwrap().len(), 2);
    let many: Vec<Subject> = (0..60).map(|n: u8| Subject::Work(WorkId::derived(&[n]))).chain([image, wa, wb]).collect();
    let mut views = fingerprints::views(&mut tx, &many).await.unwrap();
    views.sort_by_key(|(subject, _)| *subject);
    assert_eq!(views, [(wb, prints(3).1), (image, prints(1).1)]);
    // A log that comes back puts works in again.
    execute(&mut tx, &format!("INSERT INTO fingerprints_due VALUES ('{wb}')")).await;
    fingerprints::insert_due(&mut tx, &[Subject::Work(WorkId::derived(b"new")).to_string()]).await.unwrap();
    fingerprints::settle(&mut tx).await.unwrap();
    assert_eq!(fingerprints::due(&mut tx, 9).await.unwrap().len(), 1);
    drop(tx);
    s.remove().await;
}

async fn a_held_picture_waits_for_its_maker(kind: Kind) {
    let s = Scratch::new(kind).await;
    let job = job("held", 1);
    let held = serde_json::json!({ "works": [] });
    let mut tx = s.begin().await;
    jobs::insert(&mut tx, &job, None).await.unwrap();
    assert!(!jobs::hold(&mut tx, (job.id, 1), TaskState::Held, "too near", &held, t(5)).await.unwrap(), "nobody has it yet");
    let leased = jobs::lease(&mut tx, t(6), t(60)).await.unwrap().unwrap();
    assert!(!jobs::go_on(&mut tx, job.id, &held, t(7)).await.unwrap(), "it is not held");
    assert!(!jobs::hold(&mut tx, (job.id, 2), TaskState::Held, "too near", &held, t(7)).await.unwrap(), "another attempt's");
    assert!(jobs::hold(&mut tx, (job.id, leased.attempts), TaskState::Held, "too near", &held, t(7)).await.unwrap());
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
