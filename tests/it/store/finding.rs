//! What pictures are found by: fingerprints in the order of their making, views, and what is due.

use colophon::likeness::{Fingerprints, Iscc, Pdq, PerceptualHash256, Subject, View};
use colophon::storage::fingerprints;

use super::*;

both! {
    fingerprints_are_kept_once_in_the_order_of_their_making,
    many_rows_at_once_are_read_back_in_order,
}

fn subject(n: u64) -> Subject {
    Subject::Work(WorkId::derived(&n.to_le_bytes()))
}

fn prints(n: u64) -> Fingerprints {
    let byte = n as u8;
    Fingerprints {
        descriptor: std::array::from_fn(|i| (i as u8 ^ byte).cast_signed()),
        pdq: Pdq { hash: PerceptualHash256([byte; 32]), quality: byte },
        iscc: Iscc::from_bits([!byte; 32]),
    }
}

fn view(n: u64) -> View {
    View::of_rgb(&[n as u8, 2, 3], 1, 1).unwrap()
}

async fn fingerprints_are_kept_once_in_the_order_of_their_making(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let due: Vec<String> = (0..3).map(|n| subject(n).to_string()).collect();
    fingerprints::insert_due(&mut tx, &due).await.unwrap();
    fingerprints::insert_due(&mut tx, &due[..1]).await.unwrap();
    assert_eq!(fingerprints::due(&mut tx, "", 10).await.unwrap().len(), 3);
    assert_eq!(fingerprints::due(&mut tx, "", 2).await.unwrap().len(), 2);
    let made = [(subject(0), Some((prints(0), view(0)))), (subject(1), None)];
    fingerprints::insert(&mut tx, &made).await.unwrap();
    // What is kept already stays.
    fingerprints::insert(&mut tx, &[(subject(0), Some((prints(9), view(9))))]).await.unwrap();
    assert_eq!(fingerprints::due(&mut tx, "", 10).await.unwrap(), [subject(2)]);
    let rows = fingerprints::after(&mut tx, 0, 10).await.unwrap();
    assert_eq!(rows, [(1, subject(0), Some(prints(0))), (2, subject(1), None)]);
    assert_eq!(fingerprints::after(&mut tx, 1, 10).await.unwrap(), [(2, subject(1), None)]);
    assert_eq!(fingerprints::after(&mut tx, 0, 1).await.unwrap().len(), 1);
    let views = fingerprints::views(&mut tx, &[subject(1), subject(0), subject(7)]).await.unwrap();
    assert_eq!(views, [(subject(0), view(0))]);
    fingerprints::insert_due(&mut tx, &due).await.unwrap();
    fingerprints::settle(&mut tx).await.unwrap();
    assert_eq!(fingerprints::due(&mut tx, "", 10).await.unwrap(), [subject(2)]);
    tx.commit().await.unwrap();
    s.remove().await;
}

async fn many_rows_at_once_are_read_back_in_order(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let rows: Vec<(Subject, Option<Fingerprints>)> = (0..123).map(|n| (subject(n), Some(prints(n)))).collect();
    fingerprints::insert_rows(&mut tx, &rows[..70]).await.unwrap();
    fingerprints::insert_rows(&mut tx, &rows[70..]).await.unwrap();
    fingerprints::insert_rows(&mut tx, &[]).await.unwrap();
    tx.commit().await.unwrap();
    let read = fingerprints::after(&mut s.read().await, 0, 1_000).await.unwrap();
    assert!(read.iter().map(|(seq, ..)| *seq).eq(1..=123));
    assert!(read.into_iter().map(|(_, subject, prints)| (subject, prints)).eq(rows));
    s.remove().await;
}
