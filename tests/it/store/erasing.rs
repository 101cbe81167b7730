//! Erasing: what is taken away, what of the same table stays, and which bytes may go.

use super::stewarding::{decision, review};
use super::*;
use colophon::storage::erasures::Erasure;
use colophon::storage::{Cleared, erasures};

both! {
    what_was_erased_is_noted_and_cleared,
    bytes_go_when_nothing_names_them,
    words_go_and_the_rest_stays,
    what_opens_an_account_goes,
    nothing_is_left_in_the_files,
}

async fn what_was_erased_is_noted_and_cleared(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let by = AccountId::derived(b"ana");
    let note = |about: &str, at| Erasure { about: about.into(), kind: "image".into(), by, at: t(at) };
    erasures::insert(&mut tx, &note("b", 2)).await.unwrap();
    erasures::insert(&mut tx, &note("a", 1)).await.unwrap();
    assert_eq!(erasures::find(&mut tx, "a").await.unwrap(), Some(note("a", 1)));
    assert_eq!(erasures::find(&mut tx, "c").await.unwrap(), None);
    assert_eq!(erasures::uncleared(&mut tx).await.unwrap(), ["a", "b"], "the oldest first");
    erasures::clear(&mut tx, "a", t(3)).await.unwrap();
    assert_eq!(erasures::uncleared(&mut tx).await.unwrap(), ["b"]);
    erasures::insert(&mut tx, &note("a", 9)).await.unwrap();
    assert_eq!(erasures::find(&mut tx, "a").await.unwrap(), Some(note("a", 1)), "the first time stands");
    assert_eq!(erasures::uncleared(&mut tx).await.unwrap(), ["a", "b"]);
    drop(tx);
    s.remove().await;
}

fn handed_in(seed: &str, account: AccountId, bytes: &[u8]) -> Input {
    Input {
        id: InputId::derived(seed.as_bytes()),
        account,
        role: "sketch".into(),
        name: "mine.png".into(),
        digest: Digest::of(bytes),
        width: 3,
        height: 4,
        rights: "own".into(),
        facts: json!({}),
        at: t(5),
    }
}

async fn bytes_go_when_nothing_names_them(kind: Kind) {
    let s = Scratch::new(kind).await;
    let store = Blobs::folder(&s.folder.path().join("blobs")).unwrap();
    let digest = store.put(b"a sketch".to_vec()).await.unwrap();
    let blob = Blob { digest, media_type: "image/png".into(), pack: None };
    let (ana, ben) = (AccountId::derived(b"ana"), AccountId::derived(b"ben"));
    let (one, two) = (handed_in("1", ana, b"a sketch"), handed_in("2", ben, b"a sketch"));
    let mut tx = s.begin().await;
    tx.lock(Lock::Blobs).await.unwrap();
    blobs::insert(&mut tx, &blob).await.unwrap();
    for each in [&one, &two] {
        inputs::insert(&mut tx, each).await.unwrap();
    }
    let picture = image("1", 1_000, &[]);
    inputs::used(&mut tx, picture.id, "sketch", one.id).await.unwrap();
    assert_eq!(inputs::images_of(&mut tx, one.id).await.unwrap(), [picture.id]);
    assert_eq!(inputs::images_of(&mut tx, two.id).await.unwrap(), []);
    assert_eq!(inputs::all_of(&mut tx, ana).await.unwrap(), std::slice::from_ref(&one));

    assert!(inputs::erase(&mut tx, one.id).await.unwrap());
    assert!(!inputs::erase(&mut tx, one.id).await.unwrap(), "once");
    assert_eq!(inputs::of_image(&mut tx, picture.id).await.unwrap(), [("sketch".to_owned(), one.id)], "that it was used stays");
    assert!(!blobs::release(&mut tx, &digest, t(6)).await.unwrap(), "Ben handed in the same");
    assert!(inputs::erase(&mut tx, two.id).await.unwrap());

    // Whatever else names the bytes keeps them.
    let own = work("a");
    works::insert(&mut tx, &Work { digest: digest.into(), ..own.clone() }, statement("a")).await.unwrap();
    assert!(!blobs::release(&mut tx, &digest, t(6)).await.unwrap(), "a work");
    execute(&mut tx, "DELETE FROM works").await;
    let evidence = vec![EvidenceFile { name: "letter.pdf".into(), sha256: digest.sha256 }];
    works::insert(&mut tx, &Work { evidence_files: evidence.clone(), ..work("b") }, statement("b")).await.unwrap();
    assert!(!blobs::release(&mut tx, &digest, t(6)).await.unwrap(), "evidence of a work");
    execute(&mut tx, "DELETE FROM works").await;
    disputes::insert(&mut tx, &Dispute { files: evidence, ..dispute("d", own.id, 1) }, statement("d")).await.unwrap();
    assert!(!blobs::release(&mut tx, &digest, t(6)).await.unwrap(), "evidence of a dispute");
    execute(&mut tx, "DELETE FROM disputes").await;
    images::insert(&mut tx, &Image { digest, ..picture.clone() }, statement("i")).await.unwrap();
    assert!(!blobs::release(&mut tx, &digest, t(6)).await.unwrap(), "an image");
    execute(&mut tx, "DELETE FROM images").await;

    assert_eq!(blobs::due(&mut tx).await.unwrap(), []);
    assert!(blobs::release(&mut tx, &digest, t(6)).await.unwrap());
    assert!(!blobs::release(&mut tx, &digest, t(7)).await.unwrap(), "it is off record");
    assert_eq!(blobs::find(&mut tx, digest.blake3).await.unwrap(), None);
    assert_eq!(blobs::due(&mut tx).await.unwrap(), [digest.blake3]);
    blobs::settle(&mut tx, digest.blake3).await.unwrap();
    assert_eq!(blobs::due(&mut tx).await.unwrap(), []);
    // A part of a pack is never taken out of it.
    let part = Blob { digest: Digest::of(b"sketch"), media_type: "image/png".into(), pack: Some((digest.blake3, 2)) };
    blobs::insert(&mut tx, &part).await.unwrap();
    assert!(!blobs::release(&mut tx, &part.digest, t(6)).await.unwrap());
    drop(tx);
    store.remove(digest.blake3).await.unwrap();
    assert!(!store.exists(digest.blake3).await.unwrap());
    store.remove(digest.blake3).await.unwrap();
    s.remove().await;
}

async fn words_go_and_the_rest_stays(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (ana, ben) = (AccountId::derived(b"ana"), AccountId::derived(b"ben"));
    let words = |seed: &str, account| Prompt {
        image: ImageId::derived(seed.as_bytes()),
        account,
        prompt: "my street".into(),
        negative: String::new(),
        key: [7; 32],
        public: false,
    };
    for each in [words("1", ana), words("2", ben)] {
        images::insert_prompt(&mut tx, &each).await.unwrap();
    }
    assert_eq!(images::prompts_of(&mut tx, ana).await.unwrap(), [words("1", ana)]);
    assert!(images::erase_prompt(&mut tx, words("1", ana).image).await.unwrap());
    assert!(!images::erase_prompt(&mut tx, words("1", ana).image).await.unwrap(), "once");
    assert_eq!(images::prompts_of(&mut tx, ana).await.unwrap(), []);
    assert!(images::find_prompt(&mut tx, words("2", ben).image).await.unwrap().is_some());

    let (d, e) = (DecisionId::derived(b"d"), DecisionId::derived(b"e"));
    let said = decision(Answered::Deny, &["a/b"]);
    for id in [d, e] {
        decisions::insert(&mut tx, id, Some(ana), &said, &json!({ "prompt": "my street" }), t(1)).await.unwrap();
    }
    assert_eq!(decisions::of_account(&mut tx, ana).await.unwrap().len(), 2);
    assert!(decisions::of_account(&mut tx, ben).await.unwrap().is_empty());
    let milder = decision(Answered::Allow, &[]);
    decisions::erase_words(&mut tx, d, &milder, false).await.unwrap();
    decisions::erase_words(&mut tx, e, &milder, true).await.unwrap();
    let (gone, kept) = (decisions::find(&mut tx, d).await.unwrap().unwrap(), decisions::find(&mut tx, e).await.unwrap().unwrap());
    assert_eq!((gone.request, &gone.decision, &kept.decision), (None, &milder, &milder));
    assert_eq!(kept.request, Some(json!({ "prompt": "my street" })));
    assert_eq!(decisions::counts(&mut tx).await.unwrap(), [("a".to_owned(), Answered::Deny, 2)], "what is counted stays");

    let asked = review("d", ana, 1);
    reviews::insert(&mut tx, &asked).await.unwrap();
    reviews::erase_words(&mut tx, asked.id).await.unwrap();
    let expected = Review { words: String::new(), ..asked.clone() };
    assert_eq!(reviews::find(&mut tx, asked.id).await.unwrap(), Some(expected));

    let waits = Job { account: ana, ..job("1", 10) };
    jobs::insert(&mut tx, &waits, None).await.unwrap();
    assert_eq!(jobs::all_of(&mut tx, ana).await.unwrap(), std::slice::from_ref(&waits));
    assert_eq!(jobs::all_of(&mut tx, ben).await.unwrap(), []);
    assert!(!jobs::erase_request(&mut tx, waits.id, &json!({})).await.unwrap(), "what waits is left alone");
    assert!(jobs::end(&mut tx, waits.id, TaskState::Failed, "its words were odd", t(11)).await.unwrap());
    assert!(jobs::erase_request(&mut tx, waits.id, &json!({ "seed": "7" })).await.unwrap());
    let left = jobs::find(&mut tx, waits.id).await.unwrap().unwrap();
    assert_eq!((left.request, left.problem, left.state), (json!({ "seed": "7" }), None, TaskState::Failed));
    drop(tx);
    s.remove().await;
}

async fn what_opens_an_account_goes(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (ana, ben) = (account("Ana", 2), account("Ben", 1));
    for each in [&ana, &ben] {
        accounts::insert(&mut tx, each, "a hash").await.unwrap();
        let seed = u64::from(each.id == ben.id);
        let session =
            Session { id: SessionId::derived(each.name.as_bytes()), account: each.clone(), csrf: "c".into(), expires_at: t(100) };
        accounts::insert_session(&mut tx, &session, secret(seed).hash(), t(10)).await.unwrap();
        let token = Token {
            id: TokenId::derived(each.name.as_bytes()),
            name: "script".into(),
            scopes: "images".parse().unwrap(),
            created_at: t(1),
            expires_at: None,
            revoked_at: None,
        };
        accounts::insert_token(&mut tx, &token, each.id, secret(seed + 10).hash()).await.unwrap();
        let identity = Identity { account: each.id, chain: "chain".into(), secret: "hush".into(), ends_at: t(9) };
        identities::keep(&mut tx, &identity).await.unwrap();
        let notice = Notice {
            id: NoticeId::derived(each.name.as_bytes()),
            account: Some(each.id),
            words: "w".into(),
            url: "/".into(),
            at: t(1),
            seen_at: None,
        };
        notices::insert(&mut tx, &notice).await.unwrap();
        stewards::put_member(&mut tx, "moko", each.id, "Sam", t(1), None).await.unwrap();
        let asked = projects::Asked {
            work: work(&each.name).id,
            project: "p".into(),
            by: each.name.clone(),
            at: t(1),
            problem: String::new(),
        };
        projects::ask(&mut tx, &asked).await.unwrap();
        imports::insert(&mut tx, &Import { account: each.id, ..import(&each.name, 1) }, Some(t(9))).await.unwrap();
        let row = ImportRow { n: 1, item: "x".into(), outcome: Outcome::Refused, work: None, note: "why".into() };
        assert!(imports::advance(&mut tx, import(&each.name, 1).id, 0, &[row], t(2), t(9)).await.unwrap());
        let picture = Image { creator: each.name.clone(), ..image(&each.name, 1_000 + i64::from(each.id == ben.id), &[]) };
        images::insert(&mut tx, &picture, statement(&each.name)).await.unwrap();
        for seed in ["open", "agreed"] {
            let proposal = Agreement { image: picture.id, ..pictures::agreement(&format!("{seed} {}", each.name)) };
            agreements::propose(&mut tx, &proposal).await.unwrap();
            if seed == "agreed" {
                assert!(agreements::update(&mut tx, &proposal, Standing::Agreed).await.unwrap());
            }
        }
    }
    accounts::erase(&mut tx, ana.id, t(20)).await.unwrap();
    identities::erase(&mut tx, ana.id).await.unwrap();
    notices::erase(&mut tx, ana.id).await.unwrap();
    assert_eq!(stewards::erase_memberships(&mut tx, ana.id).await.unwrap(), 1);
    assert_eq!(projects::erase_asks(&mut tx, "Ana").await.unwrap(), 1);
    assert_eq!(imports::erase(&mut tx, ana.id).await.unwrap(), ["/lists/Ana.csv"]);
    assert_eq!(agreements::erase_proposals(&mut tx, "Ana").await.unwrap(), 1);

    let (left, hash) = accounts::find_by_name(&mut tx, "Ana").await.unwrap().unwrap();
    assert_eq!((left.disabled_at, hash.as_str()), (Some(t(20)), ""));
    accounts::erase(&mut tx, ana.id, t(30)).await.unwrap();
    assert_eq!(accounts::find(&mut tx, ana.id).await.unwrap().unwrap().disabled_at, Some(t(20)), "since the first time");
    let (other, hash) = accounts::find_by_name(&mut tx, "Ben").await.unwrap().unwrap();
    assert_eq!((other.disabled_at, hash.as_str()), (None, "a hash"));
    for table in ["sessions", "tokens", "identities", "notices", "memberships", "project_asks", "imports", "import_rows"] {
        assert_eq!(number(&mut tx, &format!("SELECT COUNT(*) FROM {table}")).await, 1, "{table}: Ben's stays");
    }
    assert!(accounts::find_session(&mut tx, secret(1).hash(), t(11)).await.unwrap().is_some());
    assert_eq!(number(&mut tx, "SELECT COUNT(*) FROM proposals").await, 3, "what was agreed, and Ben's");
    assert_eq!(number(&mut tx, "SELECT COUNT(*) FROM proposal_authors").await, 6);
    drop(tx);
    s.remove().await;
}

async fn nothing_is_left_in_the_files(kind: Kind) {
    let s = Scratch::new(kind).await;
    let account = AccountId::derived(b"ana");
    let mut tx = s.begin().await;
    for n in 0..200 {
        let request =
            json!({ "prompt": format!("quuxbarwicket {n}"), "long": "x".repeat(usize::try_from(n % 7).unwrap() * 300) });
        jobs::insert(&mut tx, &Job { account, request, ..job(&n.to_string(), n) }, None).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = s.begin().await;
    for each in jobs::all_of(&mut tx, account).await.unwrap() {
        assert!(jobs::end(&mut tx, each.id, TaskState::Failed, &"grown ".repeat(20), t(9)).await.unwrap());
    }
    tx.commit().await.unwrap();
    let mut tx = s.begin().await;
    for each in jobs::all_of(&mut tx, account).await.unwrap() {
        assert!(jobs::erase_request(&mut tx, each.id, &json!({})).await.unwrap());
    }
    tx.commit().await.unwrap();
    let cleared = s.store.scrub().await.unwrap();
    if kind == Kind::Postgres {
        assert_eq!(cleared, Cleared::Server);
    } else {
        assert_eq!(cleared, Cleared::Whole);
        for entry in std::fs::read_dir(s.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(13).any(|w| w == b"quuxbarwicket"), "{}", path.display());
        }
    }
    assert_eq!(number(&mut s.read().await, "SELECT COUNT(*) FROM jobs").await, 200);
    s.remove().await;
}
