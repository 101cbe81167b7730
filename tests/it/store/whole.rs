//! What holds for the store as a whole: transactions, pages, conflicts, odd texts, spoiled rows, and addresses that lead nowhere.

use super::stewarding::{consent, decision, project, review, ruled, steward};
use super::*;

both! {
    a_transaction_that_is_dropped_leaves_nothing,
    readers_see_one_snapshot,
    pages_have_no_gaps_and_no_doubles,
    conflicts_are_conflicts,
    odd_and_long_texts_come_back_as_they_were,
    a_nul_character_is_kept_whole_or_refused,
    spoiled_rows_are_called_corrupt,
    emptying_the_public_tables_empties_only_them,
    opening_again_changes_nothing,
}

async fn a_transaction_that_is_dropped_leaves_nothing(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    works::insert(&mut tx, &work("a"), statement("a")).await.unwrap();
    assert_eq!(works::totals(&mut tx).await.unwrap(), (1, 1));
    drop(tx);
    assert_eq!(works::totals(&mut s.read().await).await.unwrap(), (0, 0));

    let mut tx = s.begin().await;
    works::insert(&mut tx, &work("a"), statement("a")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(works::totals(&mut s.read().await).await.unwrap(), (1, 1));
    s.remove().await;
}

async fn readers_see_one_snapshot(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut reader = s.read().await;
    assert_eq!(images::total(&mut reader).await.unwrap(), 0);
    let mut tx = s.begin().await;
    images::insert(&mut tx, &image("a", 1, &[]), statement("a")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(images::total(&mut reader).await.unwrap(), 0, "what is committed meanwhile is not seen");
    drop(reader);
    assert_eq!(images::total(&mut s.read().await).await.unwrap(), 1);
    s.remove().await;
}

async fn pages_have_no_gaps_and_no_doubles(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    for n in 0..23 {
        let each = work(&n.to_string());
        works::insert(&mut tx, &each, statement(&n.to_string())).await.unwrap();
        images::insert(&mut tx, &image(&n.to_string(), 1_000 + n, &[each.id]), statement(&n.to_string())).await.unwrap();
        log::stage(&mut tx, statement(&n.to_string()), if n % 2 == 0 { "work" } else { "image" }, "x", "Ana", b"{}", t(n))
            .await
            .unwrap();
    }
    for ((seq, _), index) in log::staged(&mut tx, 20).await.unwrap().into_iter().zip(0..) {
        assert!(log::number(&mut tx, seq, seq, index).await.unwrap());
    }
    // The last two have their places, under a head that is not published yet.
    log::insert_head(&mut tx, &HeadRow { size: 18, root: vec![], checkpoint: String::new(), published_at: t(1) }).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = s.read().await;
    for limit in [1, 4, 22, 23, 24, 100] {
        let (mut after, mut seen) = (String::new(), Vec::new());
        loop {
            let page = works::list(&mut tx, &Filter::default(), &after, limit, t(5)).await.unwrap();
            assert_eq!(page.total, 23);
            assert!(page.items.len() <= limit as usize);
            seen.extend(page.items.iter().map(|w| w.work.id.to_string()));
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert!(seen.is_sorted(), "by id, everywhere alike");
        seen.dedup();
        assert_eq!(seen.len(), 23, "pages of {limit}");

        let (mut before, mut seen) = (String::new(), Vec::new());
        loop {
            let page = images::list(&mut tx, &before, limit).await.unwrap();
            assert_eq!(page.total, 23);
            seen.extend(page.items.iter().map(|i| (i.image.made_at, i.image.works.len())));
            match page.next {
                Some(next) => before = next,
                None => break,
            }
        }
        let newest_first: Vec<_> = (0..23).rev().map(|n| (t(1_000 + n), 1)).collect();
        assert_eq!(seen, newest_first);

        let (mut before, mut seen) = (None, Vec::new());
        loop {
            let page = log::explore(&mut tx, &Exploring { before, limit, ..Exploring::default() }).await.unwrap();
            assert_eq!(page.total, 18, "what is not published yet is not listed");
            seen.extend(page.items.iter().map(|e| e.index.unwrap()));
            match page.next {
                Some(next) => before = Some(next.parse().unwrap()),
                None => break,
            }
        }
        assert_eq!(seen, (0..18).rev().collect::<Vec<_>>());
    }
    let asked = Exploring { kind: "image", before: Some(10), limit: 3, ..Exploring::default() };
    let kinds = log::explore(&mut tx, &asked).await.unwrap();
    assert_eq!(kinds.items.iter().map(|e| e.index.unwrap()).collect::<Vec<_>>(), [9, 7, 5]);
    assert_eq!((kinds.total, kinds.next.as_deref()), (9, Some("5")));
    drop(tx);
    s.remove().await;
}

async fn conflicts_are_conflicts(kind: Kind) {
    let s = Scratch::new(kind).await;
    macro_rules! twice {
        ($what:literal, $tx:ident => $write:expr) => {{
            let mut $tx = s.begin().await;
            $write.await.unwrap();
            let again = $write.await;
            assert!(matches!(again, Err(Error::Conflict(_))), "{}: {again:?}", $what);
        }};
    }
    let a = work("a");
    twice!("work", tx => works::insert(&mut tx, &a, statement("a")));
    twice!("grant", tx => works::insert_grant(&mut tx, &grant("g", &a, "MIT", 0, None), statement("a")));
    twice!("dataset", tx => datasets::insert(&mut tx, &dataset("d", 1, 1), statement("a")));
    twice!("member", tx => datasets::insert_works(&mut tx, DatasetId::derived(b"d"), &[a.id]));
    twice!("model", tx => models::insert(&mut tx, &model("m", vec![], 1), statement("a")));
    twice!("image", tx => images::insert(&mut tx, &image("i", 1, &[]), statement("a")));
    twice!("job", tx => jobs::insert(&mut tx, &job("j", 1), None));
    twice!("statement", tx => log::stage(&mut tx, statement("a"), "work", "a", "Ana", b"", t(1)));
    twice!("head", tx => log::insert_head(&mut tx, &HeadRow { size: 1, root: vec![], checkpoint: String::new(), published_at: t(1) }));
    twice!("fact", tx => instance::set(&mut tx, Fact::Founding, "done"));
    twice!("account", tx => accounts::insert(&mut tx, &account("Ana", 1), ""));

    // One name for two accounts, one place for two entries.
    let mut tx = s.begin().await;
    accounts::insert(&mut tx, &account("Ana", 1), "").await.unwrap();
    let namesake = Account { id: AccountId::derived(b"other"), ..account("Ana", 2) };
    assert!(matches!(accounts::insert(&mut tx, &namesake, "").await, Err(Error::Conflict(_))));
    drop(tx);
    let mut tx = s.begin().await;
    for n in ["a", "b"] {
        log::stage(&mut tx, statement(n), "work", n, "Ana", b"", t(1)).await.unwrap();
    }
    let staged = log::staged(&mut tx, 2).await.unwrap();
    assert!(log::number(&mut tx, staged[0].0, staged[0].0, 5).await.unwrap());
    assert!(matches!(log::number(&mut tx, staged[1].0, staged[1].0, 5).await, Err(Error::Conflict(_))));
    drop(tx);
    s.remove().await;
}

async fn odd_and_long_texts_come_back_as_they_were(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let long = "ä\u{1f34e}".repeat(60_000);
    for (n, text) in ["", " ", "'; DROP TABLE works; --", "\"$1\" ? {}", "\u{202e}\u{feff}\u{10ffff}", "\r\n\t\u{1}\u{7f}", &long]
        .into_iter()
        .enumerate()
    {
        let mut each = work(&n.to_string());
        // An author's name stands in an index, and its limit is checked before.
        (each.title, each.source, each.author) = (text.into(), text.into(), text.chars().take(300).collect());
        works::insert(&mut tx, &each, statement("a")).await.unwrap();
        assert_eq!(works::find(&mut tx, each.id).await.unwrap().unwrap().work, each);
        let author = Filter { author: each.author.clone(), ..Filter::default() };
        assert!(works::list(&mut tx, &author, "", 10, t(1)).await.unwrap().items.iter().any(|w| w.work == each));
        let request = json!({ "words": text });
        let id = DecisionId::derived(text.as_bytes());
        decisions::insert(&mut tx, id, None, &decision(Answered::Allow, &[]), &request, t(1)).await.unwrap();
        assert_eq!(decisions::find(&mut tx, id).await.unwrap().unwrap().request, Some(request));
    }
    // Numbers at their ends.
    let mut far = work("far");
    (far.registered_at, far.digest.len) = (t(i64::MIN), Some(i64::MAX as u64));
    works::insert(&mut tx, &far, statement("a")).await.unwrap();
    assert_eq!(works::find(&mut tx, far.id).await.unwrap().unwrap().work, far);
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    log::stage(&mut tx, statement("b"), "work", "a", "Ana", &bytes, t(1)).await.unwrap();
    assert_eq!(log::find(&mut tx, statement("b")).await.unwrap().unwrap().bytes, bytes);
    drop(tx);
    s.remove().await;
}

/// PostgreSQL keeps no NUL in texts and says so; SQLite keeps it whole. Neither cuts a text short. Doors take NUL out before they ask.
async fn a_nul_character_is_kept_whole_or_refused(kind: Kind) {
    let s = Scratch::new(kind).await;
    let nul = Work { title: "a\0b".into(), ..work("a") };
    let mut tx = s.begin().await;
    let kept = works::insert(&mut tx, &nul, statement("a")).await;
    match kind {
        Kind::Sqlite => {
            kept.unwrap();
            assert_eq!(works::find(&mut tx, nul.id).await.unwrap().unwrap().work.title, "a\0b");
        }
        Kind::Postgres => assert!(matches!(kept, Err(Error::Unavailable(_))), "{kept:?}"),
    }
    drop(tx);
    // As JSON it is six plain characters.
    let mut tx = s.begin().await;
    let request = json!({ "words": "a\0b" });
    decisions::insert(&mut tx, DecisionId::derived(b"d"), None, &decision(Answered::Deny, &[]), &request, t(1)).await.unwrap();
    assert_eq!(decisions::find(&mut tx, DecisionId::derived(b"d")).await.unwrap().unwrap().request, Some(request));
    drop(tx);
    s.remove().await;
}

async fn spoiled_rows_are_called_corrupt(kind: Kind) {
    let s = Scratch::new(kind).await;
    let (ana, a) = (account("Ana", 1), work("a"));
    let short = if kind == Kind::Sqlite { "x'0102'" } else { "'\\x0102'::bytea" };
    let picture = image("i", 1, &[a.id]);
    let bundle =
        BundleRecord { sha256: sha256_of(b"b"), name: "b".into(), version: "1".into(), policies: 1, in_force_from: t(1) };
    let blob = Blob { digest: Digest::of(b"x"), media_type: "text/plain".into(), pack: Some((blake3_of(b"p"), 1)) };
    let mut tx = s.begin().await;
    accounts::insert(&mut tx, &ana, "").await.unwrap();
    let session = Session { id: SessionId::derived(b"s"), account: ana.clone(), csrf: String::new(), expires_at: t(100) };
    accounts::insert_session(&mut tx, &session, secret(1).hash(), t(1)).await.unwrap();
    let token = Token {
        id: TokenId::derived(b"t"),
        name: "t".into(),
        scopes: "images".parse().unwrap(),
        created_at: t(1),
        expires_at: None,
        revoked_at: None,
    };
    accounts::insert_token(&mut tx, &token, ana.id, secret(2).hash()).await.unwrap();
    works::insert(&mut tx, &a, statement("a")).await.unwrap();
    works::insert_grant(&mut tx, &grant("g", &a, "MIT", 0, None), statement("g")).await.unwrap();
    datasets::insert(&mut tx, &dataset("d", 1, 1), statement("d")).await.unwrap();
    datasets::insert_works(&mut tx, DatasetId::derived(b"d"), &[a.id]).await.unwrap();
    models::insert(&mut tx, &model("m", vec![DatasetId::derived(b"d")], 1), statement("m")).await.unwrap();
    models::insert_bundle(&mut tx, &bundle, statement("b")).await.unwrap();
    images::insert(&mut tx, &picture, statement("i")).await.unwrap();
    let prompt =
        Prompt { image: picture.id, account: ana.id, prompt: "p".into(), negative: String::new(), key: [1; 32], public: true };
    images::insert_prompt(&mut tx, &prompt).await.unwrap();
    decisions::insert(&mut tx, DecisionId::derived(b"d"), None, &decision(Answered::Deny, &["a/b"]), &json!({}), t(1))
        .await
        .unwrap();
    let (consent, review) = (consent("c", "Ana", 1), review("r", ana.id, 1));
    consents::insert(&mut tx, &consent, statement("c")).await.unwrap();
    reviews::insert(&mut tx, &review).await.unwrap();
    reviews::insert_ruling(&mut tx, &ruled(review.id, "a/b", 1), statement("c")).await.unwrap();
    stewards::insert(&mut tx, &steward("a", "Ana", 1), statement("s")).await.unwrap();
    projects::insert(&mut tx, a.id, &project("p"), t(1), statement("p")).await.unwrap();
    let asked = projects::Asked { work: a.id, project: "q".into(), by: "Ana".into(), at: t(1), problem: String::new() };
    projects::ask(&mut tx, &asked).await.unwrap();
    jobs::insert(&mut tx, &job("j", 1), None).await.unwrap();
    log::stage(&mut tx, statement("a"), "work", &a.id.to_string(), "Ana", b"", t(1)).await.unwrap();
    blobs::insert(&mut tx, &blob).await.unwrap();
    let reservation = Reservation::seen(Signal::Plus, "says", TRAINING, "XMP", b"bytes");
    terms::insert_reservations(&mut tx, a.id, &[reservation], t(1), statement("a")).await.unwrap();
    let claim = dispute("d", a.id, 1);
    disputes::insert(&mut tx, &claim, statement("a")).await.unwrap();
    disputes::insert_step(&mut tx, &dispute_step(&claim, Step::Answered, None, 2), statement("a")).await.unwrap();
    let notice = Notice {
        id: NoticeId::derived(b"n"),
        account: Some(ana.id),
        words: "w".into(),
        url: "/".into(),
        at: t(1),
        seen_at: None,
    };
    notices::insert(&mut tx, &notice).await.unwrap();
    impacts::insert(&mut tx, a.id, t(1), Some(claim.id), &["model_m".to_owned()], statement("a")).await.unwrap();
    let import = import("l", 1);
    imports::insert(&mut tx, &import, Some(t(9))).await.unwrap();
    let row = ImportRow { n: 1, item: "x".into(), outcome: Outcome::Registered, work: Some(a.id), note: String::new() };
    assert!(imports::advance(&mut tx, import.id, 0, &[row], t(2), t(9)).await.unwrap());
    log::insert_head(&mut tx, &HeadRow { size: 1, root: vec![], checkpoint: String::new(), published_at: t(1) }).await.unwrap();
    tx.commit().await.unwrap();

    // Table, what is written into the row, what reads it.
    macro_rules! spoiled {
        ($($table:literal: $set:expr, $tx:ident => $read:expr;)*) => {$({
            let mut $tx = s.begin().await;
            assert_eq!(execute(&mut $tx, &format!("UPDATE {} SET {}", $table, $set)).await, 1, "{}", $table);
            match $read.await.map(drop) {
                Err(Error::Corrupt { table, row, cause }) => {
                    assert_eq!(table, $table, "{}", $set);
                    assert!(!cause.is_empty() && !row.is_empty());
                }
                other => panic!("{} {}: {other:?}", $table, $set),
            }
        })*};
    }
    spoiled! {
        "accounts": "roles = 'emperor'", tx => accounts::find(&mut tx, ana.id);
        "accounts": "roles = 'emperor'", tx => accounts::find_by_name(&mut tx, "Ana");
        "accounts": "id = 'nonsense'", tx => accounts::all(&mut tx);
        "sessions": "account_id = 'nonsense'", tx => accounts::find_session(&mut tx, secret(1).hash(), t(2));
        "sessions": "id = 'nonsense'", tx => accounts::find_session(&mut tx, secret(1).hash(), t(2));
        "tokens": "scopes = 'everything'", tx => accounts::find_token(&mut tx, secret(2).hash(), t(2));
        "tokens": "scopes = 'everything'", tx => accounts::tokens(&mut tx, ana.id);
        "works": format!("blake3 = {short}"), tx => works::find(&mut tx, a.id);
        "works": format!("sha256 = {short}"), tx => works::all_held(&mut tx);
        "works": "titles = '[\"not lists\"]'", tx => works::find(&mut tx, a.id);
        "works": "tags = ''", tx => works::list(&mut tx, &Filter::default(), "", 10, t(1));
        "works": "statement_id = 'work_1'", tx => works::find(&mut tx, a.id);
        "grants": "id = 'nonsense'", tx => works::grants(&mut tx, a.id);
        "grants": "work_id = 'nonsense'", tx => works::find_grant(&mut tx, GrantId::derived(b"g"));
        "grants": "scope = '{\"uses\":[\"eat\"]}'", tx => terms::all_held(&mut tx);
        "grants": "revoked_at = 1, revoked_statement_id = 'nonsense'", tx => works::find_grant(&mut tx, GrantId::derived(b"g"));
        "grants": "scope = '{\"uses\":[\"eat\"]}'", tx => terms::of(&mut tx, a.id);
        "grants": "detected = '{}'", tx => works::grants(&mut tx, a.id);
        "grants": "concluded = 'free'", tx => works::grants(&mut tx, a.id);
        "reservations": "signal = 'smoke'", tx => terms::of(&mut tx, a.id);
        "reservations": "uses = '[\"eat\"]'", tx => terms::reservations(&mut tx, a.id);
        "reservations": format!("seen_sha256 = {short}"), tx => terms::reservations(&mut tx, a.id);
        "works": "creators = 'Ana'", tx => works::find(&mut tx, a.id);
        "disputes": "ground = 'whim'", tx => disputes::find(&mut tx, claim.id);
        "disputes": "ground = 'whim'", tx => terms::of(&mut tx, a.id);
        "disputes": "files = 'none'", tx => disputes::of_work(&mut tx, a.id);
        "disputes": "statement_id = 'x'", tx => disputes::list(&mut tx, false, "", 5);
        "notices": "id = 'nonsense'", tx => notices::list(&mut tx, ana.id, false, 5);
        "impacts": "dispute_id = 'nonsense'", tx => impacts::of(&mut tx, "model_m");
        "imports": "state = 'lost'", tx => imports::find(&mut tx, import.id);
        "imports": "settings = 'none'", tx => imports::list(&mut tx, None, "", 5);
        "import_rows": "outcome = 'eaten'", tx => imports::report(&mut tx, import.id, None, 0, 5);
        "import_rows": "work_id = 'nonsense'", tx => imports::report(&mut tx, import.id, None, 0, 5);
        "datasets": format!("root = {short}"), tx => datasets::find(&mut tx, DatasetId::derived(b"d"));
        "datasets": "statement_id = ''", tx => datasets::all(&mut tx);
        "dataset_works": "work_id = 'nonsense'", tx => datasets::members(&mut tx, DatasetId::derived(b"d"));
        "models": "card = '{}'", tx => models::find(&mut tx, ModelId::derived(b"m"));
        "models": format!("weights = {short}"), tx => models::all(&mut tx);
        "model_datasets": "dataset_id = 'nonsense'", tx => models::find(&mut tx, ModelId::derived(b"m"));
        "bundles": "statement_id = 'nonsense'", tx => models::find_bundle(&mut tx, bundle.sha256);
        "images": "replay = 'not JSON'", tx => images::find(&mut tx, picture.id);
        "images": "width = -1", tx => images::find(&mut tx, picture.id);
        "images": format!("pixels = {short}"), tx => images::list(&mut tx, "", 10);
        "images": format!("bundle = {short}"), tx => images::find_by_sha256(&mut tx, picture.digest.sha256);
        "image_works": "work_id = 'nonsense'", tx => images::find(&mut tx, picture.id);
        "prompts": format!("commitment_key = {short}"), tx => images::find_prompt(&mut tx, picture.id);
        "decisions": "record = '{'", tx => decisions::find(&mut tx, DecisionId::derived(b"d"));
        "decisions": "request = '{'", tx => decisions::requests(&mut tx, "", 5);
        "decision_policies": "outcome = 'perhaps'", tx => decisions::counts(&mut tx);
        "consents": "uses = 'all'", tx => consents::find(&mut tx, consent.id);
        "consents": "revoked_at = 1, revocation_id = 'x'", tx => consents::of_policy(&mut tx, "a");
        "reviews": "state = 'lost'", tx => reviews::find(&mut tx, review.id);
        "reviews": "job_id = 'x'", tx => reviews::of_account(&mut tx, ana.id, 5);
        "rulings": "ruling = 'perhaps'", tx => reviews::rulings(&mut tx, review.id);
        "rulings": "statement_id = 'x'", tx => reviews::rulings_of_policy(&mut tx, "a", 5);
        "stewards": "statement_id = 'x'", tx => stewards::of(&mut tx, "a");
        "work_projects": "record = ''", tx => projects::of_work(&mut tx, a.id);
        "work_projects": "work_id = 'x'", tx => projects::all(&mut tx);
        "project_asks": "work_id = 'x'", tx => projects::asked(&mut tx, None);
        "jobs": "state = 'asleep'", tx => jobs::find(&mut tx, JobId::derived(b"j"));
        "jobs": "request = ''", tx => jobs::lease(&mut tx, t(9), t(10));
        "jobs": "image_id = 'nonsense'", tx => jobs::find(&mut tx, JobId::derived(b"j"));
        "statements": "id = 'nonsense', idx = 0", tx => log::at(&mut tx, 0);
        "statements": "id = 'nonsense', idx = 0", tx => log::explore(&mut tx, &Exploring { limit: 10, ..Exploring::default() });
        "blobs": format!("sha256 = {short}"), tx => blobs::find(&mut tx, blob.digest.blake3);
        "blobs": format!("pack = {short}"), tx => blobs::objects(&mut tx);
    }
    s.remove().await;
}

async fn emptying_the_public_tables_empties_only_them(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let a = work("a");
    works::insert(&mut tx, &a, statement("a")).await.unwrap();
    works::insert_grant(&mut tx, &grant("g", &a, "MIT", 0, None), statement("a")).await.unwrap();
    datasets::insert(&mut tx, &dataset("d", 1, 1), statement("a")).await.unwrap();
    datasets::insert_works(&mut tx, DatasetId::derived(b"d"), &[a.id]).await.unwrap();
    models::insert(&mut tx, &model("m", vec![DatasetId::derived(b"d")], 1), statement("a")).await.unwrap();
    let bundle =
        BundleRecord { sha256: sha256_of(b"b"), name: "b".into(), version: "1".into(), policies: 1, in_force_from: t(1) };
    models::insert_bundle(&mut tx, &bundle, statement("a")).await.unwrap();
    runs::insert(&mut tx, &run("r", DatasetId::derived(b"d"), 1), statement("a")).await.unwrap();
    images::insert(&mut tx, &image("i", 1, &[a.id]), statement("a")).await.unwrap();
    let key =
        colophon::ledger::keyring::AddedKey { keyid: "k".into(), public_key: "AA==".into(), required: false, replaces: None };
    keys::insert(&mut tx, &key, "Ana", t(1), statement("a")).await.unwrap();
    impacts::insert(&mut tx, a.id, t(1), None, &["model_m".to_owned()], statement("a")).await.unwrap();
    let claim = dispute("d", a.id, 1);
    disputes::insert(&mut tx, &claim, statement("a")).await.unwrap();
    disputes::insert_step(&mut tx, &dispute_step(&claim, Step::Answered, None, 2), statement("a")).await.unwrap();
    consents::insert(&mut tx, &consent("c", "Ana", 1), statement("c")).await.unwrap();
    reviews::insert_ruling(&mut tx, &ruled(ReviewId::derived(b"r"), "a/b", 1), statement("c")).await.unwrap();
    stewards::insert(&mut tx, &steward("a", "Ana", 1), statement("s")).await.unwrap();
    projects::insert(&mut tx, a.id, &project("p"), t(1), statement("p")).await.unwrap();
    accounts::insert(&mut tx, &account("Ana", 1), "").await.unwrap();
    jobs::insert(&mut tx, &job("j", 1), None).await.unwrap();
    log::stage(&mut tx, statement("a"), "work", "a", "Ana", b"", t(1)).await.unwrap();
    let reservation = Reservation::seen(Signal::Plus, "says", TRAINING, "XMP", b"bytes");
    terms::insert_reservations(&mut tx, a.id, &[reservation], t(1), statement("a")).await.unwrap();
    agreements::insert(&mut tx, &pictures::agreement("a"), statement("a")).await.unwrap();
    tx.commit().await.unwrap();

    let before = dump(&s.store, TABLES).await;
    assert!(PUBLIC_TABLES.iter().all(|table| before[*table].len() == 1), "each public table has a row: {before:?}");
    let mut tx = s.begin().await;
    log::empty_public_tables(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    for (table, rows) in dump(&s.store, TABLES).await {
        let expected = if PUBLIC_TABLES.contains(&table.as_str()) { &[][..] } else { &before[&table][..] };
        assert_eq!(rows, expected, "{table}");
    }
    s.remove().await;
}

async fn opening_again_changes_nothing(kind: Kind) {
    let s = Scratch::new(kind).await;
    let tables = match kind {
        Kind::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        Kind::Postgres => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
    };
    let mut names = texts(&mut s.read().await, tables).await;
    names.retain(|name| !name.starts_with('_'));
    names.sort();
    let mut known: Vec<&str> = TABLES.to_vec();
    known.sort_unstable();
    assert_eq!(names, known, "every table is one that the tests look at");
    let mut tx = s.begin().await;
    works::insert(&mut tx, &work("a"), statement("a")).await.unwrap();
    tx.commit().await.unwrap();
    let before = dump(&s.store, TABLES).await;
    s.store.close().await;
    assert!(s.store.begin().await.is_err(), "it is closed");
    let again = Store::open(&s.database.url).await.unwrap();
    assert_eq!(dump(&again, TABLES).await, before);
    again.close().await;
    s.remove().await;
}

async fn refused(url: &str) -> String {
    match Store::open(url).await {
        Err(Error::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_address_that_leads_nowhere_is_refused_with_the_reason() {
    crate::support::run(Kind::Sqlite, |_| async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a-file");
        std::fs::write(&file, b"x").unwrap();
        let below = refused(&format!("sqlite://{}/db.sqlite", file.display())).await;
        assert!(below.contains("a-file"), "{below}");
        std::fs::write(&file, vec![7; 4096]).unwrap();
        let foreign = refused(&format!("sqlite://{}", file.display())).await;
        assert!(foreign.contains("not a database"), "{foreign}");
        let nobody = refused("postgres://me:secret-word@127.0.0.1:9/none").await;
        assert!(nobody.contains("PostgreSQL") && !nobody.contains("secret-word"), "{nobody}");
        let nonsense = refused("postgres://[/").await;
        assert!(nonsense.contains("PostgreSQL address"), "{nonsense}");
        assert!(matches!(Blobs::folder(&file.join("blobs")), Err(Error::Unavailable(_))));
    });
}
