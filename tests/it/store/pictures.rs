//! Images, prompts, decisions, and the queue they come from.

use super::*;

both! {
    images_prompts_and_decisions,
    what_people_hand_in_is_theirs,
    people_sign_and_agree,
    turns_series_and_times,
    jobs_are_leased_and_leased_again,
    a_lease_that_went_on_to_another_can_not_finish,
    two_workers_never_get_the_same_job,
}

async fn images_prompts_and_decisions(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (a, b) = (work("a").id, work("b").id);
    // The same work twice, in an order that is not theirs by id.
    let (first, second) = (image("1", 1_000, &[b, a, b]), image("2", 2_000, &[a]));
    for (each, seed) in [(&first, "1"), (&second, "2")] {
        images::insert(&mut tx, each, statement(seed)).await.unwrap();
    }
    let found = images::find(&mut tx, first.id).await.unwrap().unwrap();
    assert_eq!((found.image, found.statement), (first.clone(), statement("1")));
    assert_eq!(images::find(&mut tx, ImageId::derived(b"?")).await.unwrap(), None);
    assert_eq!(images::find_by_sha256(&mut tx, second.digest.sha256).await.unwrap().unwrap().image, second);
    assert_eq!(images::find_by_sha256(&mut tx, sha256_of(b"?")).await.unwrap(), None);
    assert_eq!(images::total(&mut tx).await.unwrap(), 2);
    assert_eq!(images::total_of_model(&mut tx, first.model.unwrap()).await.unwrap(), 2);
    assert_eq!(images::total_of_model(&mut tx, ModelId::derived(b"?")).await.unwrap(), 0);
    assert_eq!(images::of_work(&mut tx, b, 10).await.unwrap(), (1, vec![first.id]), "a picture counts once");
    assert_eq!(images::of_work(&mut tx, a, 1).await.unwrap(), (2, vec![second.id]), "the newest");

    assert_eq!(images::all_of_work(&mut tx, a).await.unwrap(), [first.id, second.id]);
    assert_eq!(images::all_of_model(&mut tx, first.model.unwrap()).await.unwrap(), [first.id, second.id]);

    let prompt = Prompt {
        image: first.id,
        account: AccountId::derived(b"a"),
        prompt: "a red apple".into(),
        negative: "blue".into(),
        key: [7; 32],
        public: false,
    };
    images::insert_prompt(&mut tx, &prompt).await.unwrap();
    assert_eq!(images::find_prompt(&mut tx, first.id).await.unwrap(), Some(prompt.clone()));
    assert_eq!(images::find_prompt(&mut tx, second.id).await.unwrap(), None);
    assert!(!format!("{prompt:?}").contains("apple"));
    images::insert_prompt(&mut tx, &Prompt { image: second.id, public: true, ..prompt }).await.unwrap();
    assert!(images::find_prompt(&mut tx, second.id).await.unwrap().unwrap().public);
    let public = images::with_public_words(&mut tx, "RED app", 9).await.unwrap();
    assert_eq!(public, [(second.id, "a red apple".to_owned())], "what is private is not found");
    assert_eq!(images::with_public_words(&mut tx, "blue", 9).await.unwrap(), []);

    drop(tx);
    s.remove().await;
}

async fn what_people_hand_in_is_theirs(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (ana, ben) = (AccountId::derived(b"ana"), AccountId::derived(b"ben"));
    let input = |seed: &str, account: AccountId| Input {
        id: InputId::derived(seed.as_bytes()),
        account,
        role: "mask".into(),
        name: "mask.png".into(),
        digest: Digest::of(seed.as_bytes()),
        width: 3,
        height: 4,
        rights: "own".into(),
        facts: json!({ "turned": true }),
        at: t(5),
    };
    let (one, two, other) = (input("1", ana), input("2", ana), input("3", ben));
    for each in [&one, &two, &other] {
        inputs::insert(&mut tx, each).await.unwrap();
    }
    assert_eq!(inputs::find(&mut tx, one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(inputs::find(&mut tx, InputId::derived(b"?")).await.unwrap(), None);
    let mut own = [one.id, two.id];
    own.sort_unstable();
    let page = inputs::list(&mut tx, ana, "", 1).await.unwrap();
    assert_eq!((page.total, page.items[0].id), (2, own[1]));
    let page = inputs::list(&mut tx, ana, &page.next.unwrap(), 1).await.unwrap();
    assert_eq!((page.items[0].id, page.next), (own[0], None));

    // An image made from another one, by no model, with what was handed in for it.
    let parent = image("1", 1_000, &[]);
    let mut child = image("2", 2_000, &[work("a").id]);
    (child.model, child.parent, child.edit) = (None, Some(parent.id), Some(json!({ "kind": "inpaint", "strength": 1 })));
    child.inputs = vec![images::HandedIn { role: "mask".into(), commitment: blake3_of(b"c"), at: t(5) }];
    images::insert(&mut tx, &parent, statement("1")).await.unwrap();
    images::insert(&mut tx, &child, statement("2")).await.unwrap();
    inputs::used(&mut tx, child.id, "mask", two.id).await.unwrap();
    assert_eq!(images::find(&mut tx, child.id).await.unwrap().unwrap().image, child);
    assert_eq!(images::children(&mut tx, parent.id).await.unwrap(), [child.id]);
    assert_eq!(images::children(&mut tx, child.id).await.unwrap(), []);
    let newest = images::newest_of(&mut tx, &child.creator, 1).await.unwrap();
    assert_eq!(newest, [child.digest.blake3]);
    assert_eq!(images::newest_of(&mut tx, "nobody", 9).await.unwrap(), []);
    assert_eq!(images::all_parents(&mut tx).await.unwrap(), [(child.id, parent.id)]);
    assert_eq!(inputs::of_image(&mut tx, child.id).await.unwrap(), [("mask".to_owned(), two.id)]);
    assert_eq!(inputs::of_image(&mut tx, parent.id).await.unwrap(), []);
    drop(tx);
    s.remove().await;
}

pub(super) fn agreement(seed: &str) -> Agreement {
    let author = |name: &str, share: u8| Author { name: name.into(), share, role: "creator".into(), did: "é".into() };
    Agreement {
        id: AgreementId::derived(seed.as_bytes()),
        image: ImageId::derived(b"i"),
        sha256: sha256_of(b"f"),
        ai_share: 10,
        authors: vec![author("Ana", 60), author("Ben", 30)],
        proposed_by: "Ana".into(),
        proposed_at: t(7),
        signatures: Vec::new(),
    }
}

async fn people_sign_and_agree(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let ana = AccountId::derived(b"ana");
    let mut identity = Identity { account: ana, chain: "chain".into(), secret: "hush".into(), ends_at: t(9) };
    assert_eq!(identities::find(&mut tx, ana).await.unwrap(), None);
    identities::keep(&mut tx, &identity).await.unwrap();
    identity.ends_at = t(10);
    identities::keep(&mut tx, &identity).await.unwrap();
    assert_eq!(identities::find(&mut tx, ana).await.unwrap(), Some(identity.clone()));
    assert!(!format!("{identity:?}").contains("hush"));

    let mut open = agreement("1");
    agreements::propose(&mut tx, &open).await.unwrap();
    assert!(agreements::takes_part(&mut tx, open.image, "Ben").await.unwrap());
    assert!(!agreements::takes_part(&mut tx, open.image, "Cy").await.unwrap());
    let signed = AuthorSignature { name: "Ana".into(), signature: "00".into(), chain: "chain".into(), at: t(8) };
    open.signatures.push(signed);
    assert!(agreements::update(&mut tx, &open, Standing::Open).await.unwrap());
    let found = agreements::find_proposal(&mut tx, open.id).await.unwrap();
    assert_eq!(found, Some(Proposal { agreement: open.clone(), standing: Standing::Open }));
    assert!(agreements::update(&mut tx, &open, Standing::Ended).await.unwrap());
    assert!(!agreements::update(&mut tx, &open, Standing::Agreed).await.unwrap(), "it is over");
    assert!(!agreements::takes_part(&mut tx, open.image, "Ben").await.unwrap());
    assert_eq!(agreements::proposals_of(&mut tx, "Ben", 9).await.unwrap().len(), 1);
    assert_eq!(agreements::proposals_of(&mut tx, "Cy", 9).await.unwrap(), []);
    assert_eq!(agreements::find_proposal(&mut tx, agreement("2").id).await.unwrap(), None);

    agreements::insert(&mut tx, &open, statement("1")).await.unwrap();
    assert_eq!(agreements::of_image(&mut tx, open.image).await.unwrap(), [(open, statement("1"))]);
    drop(tx);
    s.remove().await;
}

async fn turns_series_and_times(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let ben = AccountId::derived(b"ben");
    let first = job("1", 10);
    let series = Some(first.id);
    let all = [
        Job { series, ..first.clone() },
        Job { series, ..job("2", 11) },
        Job { account: ben, ..job("3", 12) },
        Job { account: ben, priority: 4, ..job("4", 13) },
    ];
    for each in &all {
        jobs::insert(&mut tx, each, None).await.unwrap();
    }
    let together = jobs::of_series(&mut tx, first.id).await.unwrap();
    assert_eq!(together.iter().map(|j| j.series).collect::<Vec<_>>(), [series, series]);
    let waiting = jobs::waiting(&mut tx).await.unwrap();
    assert_eq!(
        waiting.iter().map(|w| (w.id, w.priority, w.last_turn)).collect::<Vec<_>>(),
        [(all[0].id, 0, 0), (all[1].id, 0, 0), (all[2].id, 0, 0), (all[3].id, 4, 0),]
    );
    // What goes first by `turns` is what is leased.
    let expected = colophon::actions::queue::turns(waiting);
    let mut leased = Vec::new();
    while let Some(job) = jobs::lease(&mut tx, t(100 + leased.len() as i64), t(900)).await.unwrap() {
        leased.push(job.id);
    }
    assert_eq!(leased, [all[3].id, all[0].id, all[2].id, all[1].id], "priority, then the accounts in turn");
    assert_eq!(leased, expected);

    let made = ImageId::derived(b"i");
    assert!(jobs::finish(&mut tx, all[3].id, 1, made, t(150)).await.unwrap());
    assert_eq!(jobs::took(&mut tx, None, 5).await.unwrap(), [50]);
    assert!(jobs::took(&mut tx, Some(ModelId::derived(b"m")), 5).await.unwrap().is_empty());
    assert_eq!(jobs::of_image(&mut tx, made).await.unwrap().map(|j| j.id), Some(all[3].id));
    assert_eq!(jobs::of_image(&mut tx, ImageId::derived(b"?")).await.unwrap(), None);
    assert!(!jobs::set_priority(&mut tx, all[0].id, -3).await.unwrap(), "it waits no more");
    assert!(jobs::put_back(&mut tx, all[0].id, 1, t(160)).await.unwrap());
    assert!(jobs::set_priority(&mut tx, all[0].id, -3).await.unwrap());
    assert_eq!(jobs::find(&mut tx, all[0].id).await.unwrap().unwrap().priority, -3);
    let page = jobs::list(&mut tx, ben, "", 1).await.unwrap();
    assert_eq!((page.total, page.items.len(), page.next.is_some()), (2, 1, true));
    assert_eq!(jobs::list(&mut tx, ben, &page.next.unwrap(), 1).await.unwrap().next, None);
    drop(tx);
    s.remove().await;
}

async fn jobs_are_leased_and_leased_again(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (first, second) = (job("1", 10), job("2", 20));
    jobs::insert(&mut tx, &second, None).await.unwrap();
    jobs::insert(&mut tx, &first, None).await.unwrap();
    assert_eq!(jobs::find(&mut tx, first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(jobs::find(&mut tx, JobId::derived(b"?")).await.unwrap(), None);
    assert_eq!(jobs::open(&mut tx).await.unwrap(), 2);
    assert_eq!(jobs::open_of(&mut tx, first.account).await.unwrap(), 2);
    assert_eq!(jobs::open_of(&mut tx, AccountId::derived(b"?")).await.unwrap(), 0);

    let leased = jobs::lease(&mut tx, t(100), t(200)).await.unwrap().unwrap();
    assert_eq!(
        leased,
        Job { state: TaskState::Running, attempts: 1, started_at: Some(t(100)), ..first.clone() },
        "the oldest first"
    );
    assert_eq!(jobs::lease(&mut tx, t(100), t(200)).await.unwrap().unwrap().id, second.id);
    assert_eq!(jobs::lease(&mut tx, t(200), t(300)).await.unwrap(), None, "both leases hold to their last moment");
    let again = jobs::lease(&mut tx, t(201), t(300)).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempts), (first.id, 2), "a lease that ran out is given anew, and counted");

    assert!(jobs::renew(&mut tx, second.id, 1, t(400)).await.unwrap());
    assert_eq!(jobs::lease(&mut tx, t(350), t(500)).await.unwrap().unwrap().id, first.id, "the renewed one is not taken");
    assert!(!jobs::put_back(&mut tx, second.id, 7, t(351)).await.unwrap(), "another attempt's");
    assert!(jobs::put_back(&mut tx, second.id, 1, t(351)).await.unwrap());
    assert_eq!(jobs::find(&mut tx, second.id).await.unwrap().unwrap().state, TaskState::Queued);
    let back = jobs::lease(&mut tx, t(352), t(500)).await.unwrap().unwrap();
    assert_eq!((back.id, back.attempts), (second.id, 2));

    let made = ImageId::derived(b"i");
    assert!(jobs::finish(&mut tx, second.id, 2, made, t(353)).await.unwrap());
    let done = jobs::find(&mut tx, second.id).await.unwrap().unwrap();
    assert_eq!((done.state, done.image, done.state.is_over()), (TaskState::Done, Some(made), true));
    assert!(!jobs::finish(&mut tx, second.id, 2, made, t(354)).await.unwrap(), "only once");
    assert!(!jobs::end(&mut tx, second.id, TaskState::Failed, "late", t(354)).await.unwrap(), "what is done stays done");
    assert!(!jobs::give_up(&mut tx, first.id, 2, TaskState::Failed, "not mine", t(355)).await.unwrap());
    assert!(jobs::give_up(&mut tx, first.id, 3, TaskState::Failed, "no luck", t(355)).await.unwrap());
    let failed = jobs::find(&mut tx, first.id).await.unwrap().unwrap();
    assert_eq!((failed.state, failed.problem.as_deref(), failed.attempts), (TaskState::Failed, Some("no luck"), 3));
    assert!(!jobs::put_back(&mut tx, first.id, 3, t(356)).await.unwrap());
    assert_eq!(jobs::find(&mut tx, first.id).await.unwrap().unwrap().state, TaskState::Failed, "what is over is not put back");
    assert_eq!((jobs::open(&mut tx).await.unwrap(), jobs::lease(&mut tx, t(9_999), t(10_000)).await.unwrap()), (0, None));

    // Handed to its maker at once.
    let third = job("3", 30);
    jobs::insert(&mut tx, &third, Some(t(60))).await.unwrap();
    let kept = jobs::find(&mut tx, third.id).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.attempts), (TaskState::Running, 1));
    assert_eq!(jobs::lease(&mut tx, t(60), t(90)).await.unwrap(), None);
    assert_eq!(jobs::lease(&mut tx, t(61), t(90)).await.unwrap().unwrap().attempts, 2);

    // A worker takes what it draws with, and says how far it is for whoever looks from elsewhere.
    let model = Some(ModelId::derived(b"m"));
    let (own, added) = (job("4", 40), Job { model, ..job("5", 41) });
    jobs::insert(&mut tx, &added, None).await.unwrap();
    jobs::insert(&mut tx, &own, None).await.unwrap();
    let leased = jobs::lease_of(&mut tx, jobs::Which::Added, t(70), t(80)).await.unwrap().unwrap();
    assert_eq!((leased.id, leased.model, leased.progress), (added.id, model, None));
    assert_eq!(jobs::lease_of(&mut tx, jobs::Which::Added, t(70), t(80)).await.unwrap(), None);
    assert_eq!(jobs::lease_of(&mut tx, jobs::Which::Embedded, t(70), t(80)).await.unwrap().unwrap().id, own.id);
    jobs::note_progress(&mut tx, added.id, 1, (7, 25)).await.unwrap();
    jobs::note_progress(&mut tx, added.id, 2, (9, 25)).await.unwrap();
    assert_eq!(jobs::find(&mut tx, added.id).await.unwrap().unwrap().progress, Some((7, 25)), "of the attempt that holds it");
    let again = jobs::lease_of(&mut tx, jobs::Which::All, t(81), t(90)).await.unwrap().unwrap();
    assert_eq!((again.attempts, again.progress), (2, None), "another begins anew");
    drop(tx);
    s.remove().await;
}

async fn a_lease_that_went_on_to_another_can_not_finish(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let made = ImageId::derived(b"i");
    jobs::insert(&mut tx, &job("1", 10), None).await.unwrap();
    let stalled = jobs::lease(&mut tx, t(100), t(200)).await.unwrap().unwrap();
    let other = jobs::lease(&mut tx, t(300), t(400)).await.unwrap().unwrap();
    assert_eq!((stalled.attempts, other.attempts), (1, 2));
    assert!(!jobs::renew(&mut tx, stalled.id, stalled.attempts, t(999)).await.unwrap());
    assert!(!jobs::finish(&mut tx, stalled.id, stalled.attempts, made, t(301)).await.unwrap());
    assert_eq!(jobs::find(&mut tx, other.id).await.unwrap().unwrap().state, TaskState::Running);
    assert!(jobs::renew(&mut tx, other.id, other.attempts, t(500)).await.unwrap());

    assert!(jobs::end(&mut tx, other.id, TaskState::Cancelled, "called off", t(302)).await.unwrap());
    assert!(!jobs::finish(&mut tx, other.id, other.attempts, made, t(303)).await.unwrap(), "a cancelled job delivers nothing");
    assert!(!jobs::renew(&mut tx, other.id, other.attempts, t(500)).await.unwrap());
    assert_eq!(jobs::find(&mut tx, other.id).await.unwrap().unwrap().image, None);
    drop(tx);
    s.remove().await;
}

async fn two_workers_never_get_the_same_job(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    for n in 0..30 {
        jobs::insert(&mut tx, &job(&n.to_string(), n), None).await.unwrap();
    }
    tx.commit().await.unwrap();
    let worker = |store: Store| async move {
        let mut got = Vec::new();
        // `None` may also mean that another was quicker: ask until nothing waits.
        while number(&mut store.read().await.unwrap(), "SELECT COUNT(*) FROM jobs WHERE state = 'queued'").await > 0 {
            let mut tx = store.begin().await.unwrap();
            match jobs::lease(&mut tx, t(100), t(1_000_000)).await {
                Ok(leased) => {
                    tx.commit().await.unwrap();
                    got.extend(leased.map(|job| job.id.to_string()));
                }
                Err(Error::Conflict(_)) => {}
                Err(e) => panic!("{e}"),
            }
        }
        got
    };
    let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(worker(s.store.clone()))).collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 30, "each job went to one worker");
    assert_eq!(number(&mut s.read().await, "SELECT COUNT(*) FROM jobs WHERE attempts = 1").await, 30);
    s.remove().await;
}
