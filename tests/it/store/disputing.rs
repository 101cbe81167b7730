//! Disputes: a work is kept from use while one is open, whatever was decided in others; and notices.

use super::*;

both! {
    a_dispute_moves_step_by_step,
    notices_are_seen_once,
}

async fn a_dispute_moves_step_by_step(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let a = work("a");
    works::insert(&mut tx, &a, statement("a")).await.unwrap();
    works::insert_grant(&mut tx, &grant("g", &a, "CC0-1.0", 0, None), statement("g")).await.unwrap();
    let (first, second) = (dispute("one", a.id, 10), dispute("two", a.id, 20));
    disputes::insert(&mut tx, &first, statement("one")).await.unwrap();
    let found = disputes::find(&mut tx, first.id).await.unwrap().unwrap();
    assert_eq!((found.dispute.clone(), found.statement, found.steps.len()), (first.clone(), statement("one"), 0));
    assert_eq!(disputes::find(&mut tx, DisputeId::derived(b"?")).await.unwrap(), None);
    let permits = async |tx: &mut Tx| {
        let one = terms::of(tx, a.id).await.unwrap();
        assert_eq!(terms::all_held(tx).await.unwrap()[&a.id], one);
        one.verdict(Usage::Train, "", t(99)).permits()
    };
    assert!(!permits(&mut tx).await);
    let steps = [
        dispute_step(&first, Step::Answered, None, 30),
        dispute_step(&first, Step::Decided, Some(Ruling::Rejected), 40),
        dispute_step(&first, Step::Appealed, None, 50),
        dispute_step(&first, Step::Decided, Some(Ruling::Upheld), 60),
    ];
    for (step, open) in steps.iter().zip([true, false, true, false]) {
        disputes::insert_step(&mut tx, step, statement("s")).await.unwrap();
        assert_eq!(permits(&mut tx).await, !open, "{step:?}");
    }
    let found = disputes::find(&mut tx, first.id).await.unwrap().unwrap();
    assert_eq!(found.steps.iter().map(|(step, _)| step.clone()).collect::<Vec<_>>(), steps);
    assert!(!found.standing().open && found.standing().ruling == Some(Ruling::Upheld));
    disputes::insert(&mut tx, &second, statement("two")).await.unwrap();
    assert!(!permits(&mut tx).await, "another one is open");
    let all = disputes::of_work(&mut tx, a.id).await.unwrap();
    assert_eq!(all.iter().map(|d| d.dispute.id).collect::<Vec<_>>(), [second.id, first.id]);
    let open = disputes::list(&mut tx, true, "", 9).await.unwrap();
    assert_eq!((open.items.len(), open.total, open.items[0].dispute.id), (1, 1, second.id));
    let page = disputes::list(&mut tx, false, "", 1).await.unwrap();
    let rest = disputes::list(&mut tx, false, page.next.as_ref().unwrap(), 9).await.unwrap();
    assert_eq!((page.total, rest.items.len(), rest.next), (2, 1, None));
    let nowhere = DisputeStep { dispute: DisputeId::derived(b"?"), ..steps[0].clone() };
    assert!(matches!(disputes::insert_step(&mut tx, &nowhere, statement("s")).await, Err(Error::Conflict(_))));
    drop(tx);
    s.remove().await;
}

async fn notices_are_seen_once(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (ana, ben) = (AccountId::derived(b"ana"), AccountId::derived(b"ben"));
    for (seed, account, at) in [("1", Some(ana), 1), ("2", None, 2), ("3", Some(ben), 3)] {
        let id = NoticeId::derived(seed.as_bytes());
        let notice = Notice { id, account, words: seed.into(), url: "/works".into(), at: t(at), seen_at: None };
        notices::insert(&mut tx, &notice).await.unwrap();
    }
    let words = async |tx: &mut Tx, who, operator| {
        notices::list(tx, who, operator, 9).await.unwrap().into_iter().map(|n| n.words).collect::<Vec<_>>()
    };
    assert_eq!(words(&mut tx, ana, false).await, ["1"]);
    assert_eq!(words(&mut tx, ana, true).await, ["2", "1"], "operators hear what is said to all of them");
    assert_eq!([notices::unseen(&mut tx, ana, false).await.unwrap(), notices::unseen(&mut tx, ana, true).await.unwrap()], [1, 2]);
    notices::see(&mut tx, ana, true, t(9)).await.unwrap();
    notices::see(&mut tx, ana, true, t(10)).await.unwrap();
    assert!(notices::list(&mut tx, ana, true, 9).await.unwrap().iter().all(|n| n.seen_at == Some(t(9))));
    assert_eq!([notices::unseen(&mut tx, ana, true).await.unwrap(), notices::unseen(&mut tx, ben, false).await.unwrap()], [0, 1]);
    drop(tx);
    s.remove().await;
}
