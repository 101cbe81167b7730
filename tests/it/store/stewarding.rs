//! Decisions, stewards, consents, reviews, and projects of works.

use super::*;

both! {
    decisions_are_kept_with_their_requests_and_counted,
    stewards_come_and_go_and_know_members,
    consents_are_given_and_taken_back,
    reviews_wait_in_order_and_close_once,
    the_newest_reading_of_a_project_counts,
    a_bundle_may_come_into_force_again,
}

pub(super) fn decision(outcome: Answered, rules: &[&str]) -> Decision {
    let fired = |key: &&str| {
        let (policy, rule) = key.split_once('/').unwrap();
        Fired { policy: policy.into(), rule: rule.into(), outcome, ..Fired::default() }
    };
    Decision {
        id: None,
        outcome,
        bundle: colophon::policy::BundleRef { name: "b".into(), version: "1.0.0".into(), sha256: sha256_of(b"b") },
        use_: Use::Personal,
        matches: Vec::new(),
        rules: rules.iter().map(fired).collect(),
        satisfied: Vec::new(),
        reviewer: None,
        appeal: "Write.".into(),
        evaluated_at: t(1),
    }
}

pub(super) fn steward(tradition: &str, name: &str, at: i64) -> Steward {
    Steward {
        tradition: tradition.into(),
        name: name.into(),
        appointed_by: "Op".into(),
        evidence: "a letter".into(),
        since: t(at),
    }
}

pub(super) fn consent(seed: &str, grantee: &str, at: i64) -> Consent {
    Consent {
        id: ConsentId::derived(seed.as_bytes()),
        rule: "a/b".into(),
        about: Some("dress".into()),
        uses: vec![Use::Education, Use::News],
        grantee: grantee.into(),
        granted_by: "Sam".into(),
        words: "é".into(),
        starts_at: t(at),
        ends_at: t(at + 100),
    }
}

pub(super) fn review(seed: &str, account: AccountId, at: i64) -> Review {
    Review {
        id: ReviewId::derived(seed.as_bytes()),
        decision: DecisionId::derived(seed.as_bytes()),
        account,
        kind: ReviewKind::Appeal,
        words: "please".into(),
        state: ReviewState::Open,
        opened_at: t(at),
        due_at: t(at + 100),
        closed_at: None,
        job: None,
    }
}

pub(super) fn ruled(review: ReviewId, rule: &str, at: i64) -> Ruled {
    Ruled {
        review,
        kind: ReviewKind::Appeal,
        rule: rule.into(),
        ruling: Said::Mistaken,
        reason: "another word".into(),
        by: "Sam".into(),
        as_role: "steward".into(),
        at: t(at),
    }
}

pub(super) fn project(id: &str) -> Project {
    Project {
        id: id.into(),
        title: "Weavings".into(),
        page: String::new(),
        date_modified: "2026".into(),
        sha256: sha256_of(id.as_bytes()),
        contact: String::new(),
        labels: vec![Label {
            code: "tka".into(),
            name: "N".into(),
            community: "C".into(),
            text: "T".into(),
            language: "en".into(),
        }],
    }
}

async fn decisions_are_kept_with_their_requests_and_counted(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (d, e) = (DecisionId::derived(b"d"), DecisionId::derived(b"e"));
    let denied = decision(Answered::Deny, &["a/b", "a/c", "z/y"]);
    decisions::insert(&mut tx, d, None, &denied, &json!({ "words": "é \u{1f34e}" }), t(1)).await.unwrap();
    let ana = AccountId::derived(b"a");
    decisions::insert(&mut tx, e, Some(ana), &decision(Answered::HumanReview, &["a/c"]), &json!({}), t(2)).await.unwrap();
    let kept = decisions::find(&mut tx, d).await.unwrap().unwrap();
    assert_eq!((kept.decision, kept.account, kept.decided_at), (denied, None, t(1)));
    assert_eq!(kept.request, Some(json!({ "words": "é \u{1f34e}" })));
    assert_eq!(decisions::find(&mut tx, e).await.unwrap().unwrap().account, Some(ana));
    assert!(decisions::find(&mut tx, DecisionId::derived(b"?")).await.unwrap().is_none());
    let counts = decisions::counts(&mut tx).await.unwrap();
    let expected = [("a", Answered::Deny, 1), ("a", Answered::HumanReview, 1), ("z", Answered::Deny, 1)]
        .map(|(p, o, n)| (p.to_owned(), o, n));
    assert_eq!(counts, expected, "a policy is counted once for each request");
    let all = decisions::requests(&mut tx, "", 5).await.unwrap();
    assert_eq!(all.len(), 2);
    let rest = decisions::requests(&mut tx, &all[0].0.to_string(), 5).await.unwrap();
    assert_eq!(rest, all[1..]);
    drop(tx);
    s.remove().await;
}

async fn stewards_come_and_go_and_know_members(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    stewards::insert(&mut tx, &steward("moko", "Ana", 1), statement("1")).await.unwrap();
    stewards::insert(&mut tx, &steward("kente", "Ana", 2), statement("2")).await.unwrap();
    stewards::insert(&mut tx, &steward("moko", "Ben", 3), statement("3")).await.unwrap();
    assert_eq!(stewards::traditions_of(&mut tx, "Ana").await.unwrap(), ["kente", "moko"]);
    assert!(stewards::end(&mut tx, "moko", "Ana", t(9), "Ben").await.unwrap());
    assert!(!stewards::end(&mut tx, "moko", "Ana", t(9), "Ben").await.unwrap(), "once");
    assert_eq!(stewards::traditions_of(&mut tx, "Ana").await.unwrap(), ["kente"]);
    let all = stewards::of(&mut tx, "moko").await.unwrap();
    assert_eq!(all.iter().map(|s| s.steward.name.as_str()).collect::<Vec<_>>(), ["Ben", "Ana"]);
    assert_eq!((all[0].ended.clone(), all[1].ended.clone()), (None, Some((t(9), "Ben".to_owned()))));
    let (ana, ben) = (account("Ana", 1), account("Ben", 1));
    accounts::insert(&mut tx, &ana, "").await.unwrap();
    accounts::insert(&mut tx, &ben, "").await.unwrap();
    stewards::put_member(&mut tx, "moko", ana.id, "Ben", t(1), Some(t(5))).await.unwrap();
    assert_eq!(stewards::memberships(&mut tx, ana.id, t(4)).await.unwrap(), ["moko"]);
    assert!(stewards::memberships(&mut tx, ana.id, t(5)).await.unwrap().is_empty(), "it has ended");
    stewards::put_member(&mut tx, "moko", ana.id, "Ben", t(6), None).await.unwrap();
    stewards::put_member(&mut tx, "moko", ben.id, "Ana", t(6), Some(t(99))).await.unwrap();
    assert_eq!(stewards::memberships(&mut tx, ana.id, t(50)).await.unwrap(), ["moko"]);
    let members = stewards::members(&mut tx, "moko").await.unwrap();
    assert_eq!(members, [("Ana".to_owned(), None), ("Ben".to_owned(), Some(t(99)))]);
    assert!(stewards::remove_member(&mut tx, "moko", ana.id).await.unwrap());
    assert!(!stewards::remove_member(&mut tx, "moko", ana.id).await.unwrap());
    drop(tx);
    s.remove().await;
}

async fn consents_are_given_and_taken_back(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (one, two) = (consent("1", "Ana", 1), Consent { about: None, rule: "z/y".into(), ..consent("2", "Ana", 2) });
    consents::insert(&mut tx, &one, statement("1")).await.unwrap();
    consents::insert(&mut tx, &two, statement("2")).await.unwrap();
    assert!(matches!(consents::insert(&mut tx, &one, statement("3")).await, Err(Error::Conflict(_))));
    drop(tx);
    let mut tx = s.begin().await;
    consents::insert(&mut tx, &one, statement("1")).await.unwrap();
    consents::insert(&mut tx, &two, statement("2")).await.unwrap();
    assert_eq!(consents::find(&mut tx, one.id).await.unwrap().unwrap().consent, one);
    assert_eq!(consents::of_grantee(&mut tx, "Ana").await.unwrap().len(), 2);
    assert_eq!(consents::of_policy(&mut tx, "z").await.unwrap()[0].consent, two);
    assert!(consents::of_grantee(&mut tx, "Ben").await.unwrap().is_empty());
    let withdrawal = Withdrawal { at: t(50), by: "Sam".into(), reason: "ended".into(), statement: statement("4") };
    assert!(consents::withdraw(&mut tx, one.id, &withdrawal).await.unwrap());
    assert!(!consents::withdraw(&mut tx, one.id, &withdrawal).await.unwrap(), "once");
    let kept = consents::find(&mut tx, one.id).await.unwrap().unwrap();
    let held = kept.held();
    assert_eq!(kept.withdrawn, Some(withdrawal));
    assert!(held.opens("a/b", Use::News, t(49)) && !held.opens("a/b", Use::News, t(50)) && !held.opens("a/b", Use::Merch, t(49)));
    drop(tx);
    s.remove().await;
}

async fn reviews_wait_in_order_and_close_once(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (ana, ben) = (AccountId::derived(b"a"), AccountId::derived(b"b"));
    let mut all = [review("1", ana, 1), review("2", ben, 2), review("3", ana, 3)];
    all.sort_by_key(|r| r.id);
    for each in &all {
        reviews::insert(&mut tx, each).await.unwrap();
    }
    assert_eq!(reviews::find(&mut tx, all[0].id).await.unwrap().as_ref(), Some(&all[0]));
    assert_eq!(reviews::of_decision(&mut tx, all[1].decision).await.unwrap().as_ref(), Some(&all[1]));
    let first = reviews::open(&mut tx, t(4), "", 2).await.unwrap();
    assert_eq!((first.items.as_slice(), first.total), (&all[..2], 3));
    assert_eq!(reviews::open(&mut tx, t(4), &first.next.unwrap(), 2).await.unwrap().items, all[2..]);
    assert_eq!(reviews::waiting(&mut tx, t(4), Some(all[2].id)).await.unwrap(), 2);
    assert_eq!(reviews::waiting(&mut tx, t(1_000), None).await.unwrap(), 0, "nobody waits for ever");
    assert_eq!((all[0].stands(t(4)), all[0].stands(t(1_000))), (ReviewState::Open, ReviewState::Expired));
    let job = JobId::derived(b"j");
    assert!(
        reviews::close(&mut tx, all[0].id, ReviewState::Granted, Some(job), t(3_600_001 + all[0].opened_at.millis()))
            .await
            .unwrap()
    );
    assert!(!reviews::close(&mut tx, all[0].id, ReviewState::Refused, None, t(9)).await.unwrap());
    assert_eq!(reviews::find(&mut tx, all[0].id).await.unwrap().unwrap().job, Some(job));
    let hours = reviews::answer_hours(&mut tx, 5).await.unwrap();
    assert!(hours.len() == 1 && (hours[0] - 1.0).abs() < 0.001, "{hours:?}");
    assert_eq!(reviews::of_account(&mut tx, ana, 5).await.unwrap().len(), 2);
    let said = ruled(all[0].id, "a/b", 5);
    reviews::insert_ruling(&mut tx, &said, statement("r")).await.unwrap();
    assert_eq!(reviews::rulings(&mut tx, all[0].id).await.unwrap(), [(said.clone(), statement("r"))]);
    assert_eq!(reviews::rulings_of_policy(&mut tx, "a", 5).await.unwrap()[0].0, said);
    assert!(matches!(reviews::insert(&mut tx, &all[1]).await, Err(Error::Conflict(_))), "one for each decision");
    drop(tx);
    s.remove().await;
}

async fn the_newest_reading_of_a_project_counts(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let a = work("a");
    projects::insert(&mut tx, a.id, &project("p"), t(1), statement("1")).await.unwrap();
    let newer = Project { title: "Weavings, newly said".into(), ..project("p") };
    projects::insert(&mut tx, a.id, &newer, t(2), statement("2")).await.unwrap();
    projects::insert(&mut tx, a.id, &project("q"), t(2), statement("3")).await.unwrap();
    assert_eq!(projects::of_work(&mut tx, a.id).await.unwrap(), [newer, project("q")]);
    assert!(projects::of_work(&mut tx, work("b").id).await.unwrap().is_empty());
    projects::insert(&mut tx, work("b").id, &project("p"), t(3), statement("4")).await.unwrap();
    let all: Vec<_> = projects::all(&mut tx).await.unwrap().into_iter().map(|(work, project)| (project.id, work)).collect();
    let mut of_p = [("p".to_owned(), a.id), ("p".to_owned(), work("b").id)];
    of_p.sort();
    assert_eq!(all, [of_p[0].clone(), of_p[1].clone(), ("q".to_owned(), a.id)], "by project");
    // Those that are still to be read; said again, the newest counts.
    let asked = |work, id: &str, at, problem: &str| projects::Asked {
        work,
        project: id.into(),
        by: "Ana".into(),
        at: t(at),
        problem: problem.into(),
    };
    projects::ask(&mut tx, &asked(a.id, "r", 5, "")).await.unwrap();
    projects::ask(&mut tx, &asked(work("b").id, "r", 4, "")).await.unwrap();
    projects::ask(&mut tx, &asked(a.id, "r", 6, "the Hub is away")).await.unwrap();
    let waiting = [asked(work("b").id, "r", 4, ""), asked(a.id, "r", 6, "the Hub is away")];
    assert_eq!(projects::asked(&mut tx, None).await.unwrap(), waiting);
    assert_eq!(projects::asked(&mut tx, Some(a.id)).await.unwrap(), waiting[1..]);
    projects::forget_ask(&mut tx, a.id, "r").await.unwrap();
    projects::forget_ask(&mut tx, a.id, "r").await.unwrap();
    assert_eq!(projects::asked(&mut tx, None).await.unwrap(), waiting[..1]);
    drop(tx);
    s.remove().await;
}

async fn a_bundle_may_come_into_force_again(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    assert!(models::newest_bundle(&mut tx).await.unwrap().is_none());
    let at = |hash: &[u8], at| BundleRecord {
        sha256: sha256_of(hash),
        name: "b".into(),
        version: "1.0.0".into(),
        policies: 3,
        in_force_from: t(at),
    };
    for (n, bundle) in [at(b"a", 1), at(b"b", 2), at(b"a", 3)].iter().enumerate() {
        models::insert_bundle(&mut tx, bundle, statement(&n.to_string())).await.unwrap();
    }
    assert_eq!(models::newest_bundle(&mut tx).await.unwrap().unwrap(), (at(b"a", 3), statement("2")));
    assert_eq!(models::find_bundle(&mut tx, sha256_of(b"a")).await.unwrap().unwrap().0, at(b"a", 3));
    assert_eq!(models::find_bundle(&mut tx, sha256_of(b"b")).await.unwrap().unwrap().0, at(b"b", 2));
    drop(tx);
    s.remove().await;
}
