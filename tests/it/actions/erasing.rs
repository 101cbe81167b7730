//! Erasing: afterwards the words and sketches are nowhere, and everything that was proved before is proved still.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use colophon::accounts::{Actor, Role as AccountRole, Scope};
use colophon::actions::erase::{Erasing, erase, erased_at, finish_erasing};
use colophon::actions::hand_in::{HandIn, hand_in};
use colophon::actions::receipt::receipt;
use colophon::actions::request_image::{Order, request_image};
use colophon::actions::sign_in::{add_account, local_operator, make_token, sign_in};
use colophon::actions::verify_image::{Logged, verify_image};
use colophon::actions::{Error, Instance};
use colophon::digest::commitment;
use colophon::generation::edit::{Edit, Role};
use colophon::jobs::replay::replay;
use colophon::provenance::{Finding, Format, encode};
use colophon::storage;
use colophon::storage::faults::{Call, Faults};
use colophon::storage::images::{Image, Prompt};
use colophon::storage::inputs::Input;
use colophon::storage::tasks::TaskState;

use crate::support::database::Kind;
use crate::support::{TestInstance, both, creator, draw_order, engine, order};

both! {
    words_and_sketches_are_gone_and_proofs_stand,
    requests_that_came_to_nothing_go_too,
    what_others_have_stays_with_them,
    only_whose_it_is_may,
    public_words_are_refused,
    an_account_is_erased_whole,
    a_kill_before_the_bytes_are_gone_is_made_good,
}

/// Words that no work, policy or programme has.
const WORDS: &str = "a sailboat named quuxbarwicket";
const NEGATIVE: &str = "flimflamzorp";
const PASSWORD: &str = "correct horse battery";

/// A picture of noise: no two of them share a run of bytes.
fn drawing(seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let rgb: Vec<u8> = (0..64 * 64 * 3).map(|_| noise()).collect();
    encode(&rgb, 64, 64, Format::Png).unwrap()
}

async fn give(t: &Instance, actor: &Actor, role: Role, bytes: Vec<u8>) -> Input {
    hand_in(t, actor, HandIn { role, name: "streetofmine.png".into(), rights: "own".into(), bytes }).await.unwrap()
}

fn private(seed: u64) -> Order {
    Order { negative: NEGATIVE.into(), private: true, ..order(WORDS, seed) }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

/// Where any of these bytes stands: every row of every table, as text and as hex, and every file of the data folder, which on SQLite holds the database
/// with what is written ahead of it.
async fn places(t: &TestInstance, parts: &[&[u8]]) -> Vec<String> {
    let mut found = Vec::new();
    for (table, rows) in t.all_tables().await {
        for row in rows {
            let lower = row.to_lowercase();
            let there = |part: &&&[u8]| {
                lower.contains(&hex::encode(part)) || std::str::from_utf8(part).is_ok_and(|text| lower.contains(text))
            };
            if parts.iter().any(|part| there(&part)) {
                found.push(table.clone());
            }
        }
    }
    for path in files(&t.settings.data_dir) {
        let bytes = std::fs::read(&path).unwrap();
        if parts.iter().any(|part| bytes.windows(part.len()).any(|window| window == *part)) {
            found.push(path.display().to_string());
        }
    }
    found
}

async fn recorded(t: &Instance, id: colophon::id::ImageId) -> Image {
    storage::images::find(&mut t.store.read().await.unwrap(), id).await.unwrap().unwrap().image
}

async fn words_of(t: &Instance, id: colophon::id::ImageId) -> Option<Prompt> {
    storage::images::find_prompt(&mut t.store.read().await.unwrap(), id).await.unwrap()
}

fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Conflict(why)) => why,
        other => panic!("{other:?}"),
    }
}

async fn words_and_sketches_are_gone_and_proofs_stand(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let ana = creator(&t).await;
    let bytes = drawing(1);
    let sketch = give(&t, &ana, Role::Sketch, bytes.clone()).await;
    let made = draw_order(&t, &ana, Order { edit: Some(Edit::Sketch), sketch: Some(sketch.id), ..private(7) }).await.unwrap();
    let kept = words_of(&t, made.image).await.unwrap();
    let before = recorded(&t, made.image).await;
    // Long enough to be this file's alone.
    let secrets: [&[u8]; 4] = [b"quuxbarwicket", b"flimflamzorp", b"streetofmine", &bytes[60..100]];
    for secret in &secrets {
        assert!(!places(&t, &[*secret]).await.is_empty(), "it is looked for rightly");
    }
    let public = t.public_tables().await;

    let erased = erase(&t, &ana, Erasing::Image(made.image)).await.unwrap();
    assert_eq!((erased.kind, erased.id.as_str(), erased.erased_at), ("image", made.image.to_string().as_str(), t.now()));
    assert_eq!(erased.waits, Vec::<String>::new());
    assert_eq!(places(&t, &secrets).await, Vec::<String>::new());
    assert_eq!(places(&t, &[&kept.key[..]]).await, Vec::<String>::new(), "nor the key of the commitment");

    // What is public is as it was, and still opens with a kept copy of key and words.
    crate::support::database::same(&public, &t.public_tables().await);
    let image = recorded(&t, made.image).await;
    assert_eq!(image, before);
    assert_eq!(image.commitment, commitment(&kept.key, format!("{WORDS}\n{NEGATIVE}").as_bytes()));
    assert_eq!(image.inputs[0].commitment, commitment(&kept.key, sketch.digest.sha256.to_string().as_bytes()));
    let report = verify_image(&t, made.file.clone()).await.unwrap();
    assert_eq!(report.verdict.finding, Finding::Trusted, "{}", report.sentence);
    assert!(matches!(report.logged, Logged::Proved { .. }), "{:?}", report.logged);
    let mut tx = t.store.read().await.unwrap();
    let proof = receipt(&t, &mut tx, made.statement).await.unwrap().unwrap();
    proof.verify(proof.extra.as_deref().unwrap(), t.keys.log.verifier(), &t.site.log_origin).unwrap();
    // Its maker and the operators know when; nobody else does.
    let operator = Actor { name: "Olga".into(), scopes: [Scope::Operate].into_iter().collect(), ..ana.clone() };
    let ben = Actor { name: "Ben".into(), ..ana.clone() };
    for (who, knows) in [(Some(&ana), true), (Some(&operator), true), (Some(&ben), false), (None, false)] {
        let at = erased_at(&mut tx, who, made.image, "Ana").await.unwrap();
        assert_eq!(at, knows.then(|| t.now()), "{who:?}");
    }
    drop(tx);

    // It can't be drawn again, and that is said with the day.
    let engine = engine(&t);
    let why = conflict(replay(&t, &engine, made.image, false).await);
    assert!(why.contains(&format!("the words of `{}` were erased on {}", made.image, t.now().day())), "{why}");
    engine.shutdown();
    let twice = conflict(erase(&t, &ana, Erasing::Image(made.image)).await);
    assert!(twice.contains("were erased on"), "{twice}");
    assert_eq!(finish_erasing(&t).await.unwrap(), None, "nothing is left to do");
    t.finish().await;
}

async fn requests_that_came_to_nothing_go_too(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let ana = creator(&t).await;
    // Called off once, refused once by the policy for its place in these words, then made.
    let tried = request_image(&t, &ana, private(1), None).await.unwrap().job;
    colophon::actions::request_image::cancel(&t, &ana, tried.id).await.unwrap();
    let waits = request_image(&t, &ana, private(2), None).await.unwrap().job;
    let made = draw_order(&t, &ana, private(3)).await.unwrap();
    let same = draw_order(&t, &ana, private(4)).await.unwrap();
    let erased = erase(&t, &ana, Erasing::Image(made.image)).await.unwrap();
    assert!(erased.stays.iter().any(|line| line.contains("still wait (1)")), "{erased:?}");
    assert!(erased.stays.iter().any(|line| line.contains("other images of this account (1)")), "{erased:?}");
    let request = |id| {
        let t = &t;
        async move { storage::jobs::find(&mut t.store.read().await.unwrap(), id).await.unwrap().unwrap() }
    };
    assert_eq!(request(tried.id).await.request["prompt"], "");
    assert_eq!(request(tried.id).await.request["seed"], "1", "numbers stay");
    assert_eq!(request(waits.id).await.request["prompt"], WORDS, "what waits is still asked for");
    assert!(words_of(&t, same.image).await.is_some());

    colophon::actions::request_image::cancel(&t, &ana, waits.id).await.unwrap();
    erase(&t, &ana, Erasing::Image(same.image)).await.unwrap();
    assert_eq!(places(&t, &[b"quuxbarwicket", b"flimflamzorp"]).await, Vec::<String>::new());
    t.finish().await;
}

async fn what_others_have_stays_with_them(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (ana, ben) = (creator(&t).await, t.actor("Ben", &[AccountRole::Creator]).await);
    let bytes = drawing(2);
    let (hers, his) = (give(&t, &ana, Role::Sketch, bytes.clone()).await, give(&t, &ben, Role::Sketch, bytes.clone()).await);
    let along = |sketch: &Input, seed| Order { edit: Some(Edit::Sketch), sketch: Some(sketch.id), ..private(seed) };
    let first = draw_order(&t, &ana, along(&hers, 1)).await.unwrap();
    let second = draw_order(&t, &ana, along(&hers, 2)).await.unwrap();
    let other = draw_order(&t, &ben, along(&his, 3)).await.unwrap();
    // It is used by another picture of hers, too: it stays until that one's is erased.
    let erased = erase(&t, &ana, Erasing::Image(first.image)).await.unwrap();
    assert!(erased.stays.iter().any(|line| line.contains(&hers.id.to_string())), "{erased:?}");
    let engine = engine(&t);
    assert!(replay(&t, &engine, second.image, false).await.unwrap().same());
    let erased = erase(&t, &ana, Erasing::Input(hers.id)).await.unwrap();
    assert!(erased.stays.iter().any(|line| line.contains("the very same")), "{erased:?}");
    let why = conflict(replay(&t, &engine, second.image, false).await);
    assert!(why.contains(&format!("the sketch handed in for `{}` was erased on", second.image)), "{why}");
    assert!(conflict(erase(&t, &ana, Erasing::Input(hers.id)).await).contains("was erased on"));
    // Ben's is whole, words and all.
    assert!(replay(&t, &engine, other.image, false).await.unwrap().same());
    assert_eq!(words_of(&t, other.image).await.unwrap().prompt, WORDS);
    engine.shutdown();
    let name = his.digest.blake3;
    let erased = erase(&t, &ben, Erasing::Input(his.id)).await.unwrap();
    assert!(erased.gone[0].contains("and its file") && !t.blobs.exists(name).await.unwrap(), "{erased:?}");
    // Handed in again, it is there again.
    let again = give(&t, &ben, Role::Sketch, bytes).await;
    assert!(again.digest.blake3 == name && t.blobs.exists(name).await.unwrap());
    t.finish().await;
}

async fn only_whose_it_is_may(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (ana, ben) = (creator(&t).await, t.actor("Ben", &[AccountRole::Creator]).await);
    let sketch = give(&t, &ana, Role::Sketch, drawing(3)).await;
    let made = draw_order(&t, &ana, private(1)).await.unwrap();
    let narrow = Actor { scopes: [Scope::Works].into_iter().collect(), ..ana.clone() };
    let before = t.all_tables().await;
    for who in [&ben, &narrow] {
        assert!(matches!(erase(&t, who, Erasing::Image(made.image)).await, Err(Error::Forbidden(Scope::Operate))));
        assert!(matches!(erase(&t, who, Erasing::Input(sketch.id)).await, Err(Error::NotFound { .. })), "nor that there is one");
    }
    assert!(matches!(erase(&t, &ben, Erasing::Account("Ana".into())).await, Err(Error::Forbidden(Scope::Operate))));
    let none = colophon::id::ImageId::derived(b"none");
    assert!(matches!(erase(&t, &ana, Erasing::Image(none)).await, Err(Error::NotFound { .. })));
    crate::support::database::same(&before, &t.all_tables().await);
    let operator = local_operator(&t).await.unwrap();
    assert!(matches!(erase(&t, &operator, Erasing::Account("Nobody".into())).await, Err(Error::NotFound { .. })));
    assert!(conflict(erase(&t, &operator, Erasing::Account(operator.name.clone())).await).contains("command line"));
    erase(&t, &operator, Erasing::Image(made.image)).await.unwrap();
    erase(&t, &operator, Erasing::Input(sketch.id)).await.unwrap();
    t.finish().await;
}

async fn public_words_are_refused(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let ana = creator(&t).await;
    let sketch = give(&t, &ana, Role::Sketch, drawing(4)).await;
    let asked = Order { private: false, edit: Some(Edit::Sketch), sketch: Some(sketch.id), ..private(1) };
    let made = draw_order(&t, &ana, asked).await.unwrap();
    let before = t.all_tables().await;
    let why = conflict(erase(&t, &ana, Erasing::Image(made.image)).await);
    for part in ["are public", "signed file", "can't be taken back", "erase input"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    crate::support::database::same(&before, &t.all_tables().await);
    // What was handed in for it was never public.
    erase(&t, &ana, Erasing::Input(sketch.id)).await.unwrap();
    assert!(!t.blobs.exists(sketch.digest.blake3).await.unwrap());
    t.finish().await;
}

async fn an_account_is_erased_whole(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let operator = local_operator(&t).await.unwrap();
    let id = add_account(&t, &operator, "Ana", PASSWORD, [AccountRole::Creator].into_iter().collect()).await.unwrap();
    let (session, cookie) = sign_in(&t, "Ana", PASSWORD).await.unwrap();
    let ana = colophon::actions::sign_in::actor_of(&session.account);
    let (_, token) = make_token(&t, &ana, "zibblescript", &[Scope::Images].into_iter().collect(), None).await.unwrap();
    let bytes = drawing(5);
    let sketch = give(&t, &ana, Role::Sketch, bytes.clone()).await;
    give(&t, &ana, Role::Parent, drawing(6)).await;
    let made = draw_order(&t, &ana, Order { edit: Some(Edit::Sketch), sketch: Some(sketch.id), ..private(1) }).await.unwrap();
    let public = draw_order(&t, &ana, order("a red apple", 2)).await.unwrap();
    let waits = request_image(&t, &ana, private(3), None).await.unwrap().job;
    let own = t.actor("Ben", &[AccountRole::Creator]).await;
    let his = draw_order(&t, &own, Order { private: true, ..order("a sailboat", 4) }).await.unwrap();

    let erased = erase(&t, &operator, Erasing::Account("Ana".into())).await.unwrap();
    assert_eq!((erased.kind, erased.id), ("account", id.to_string()));
    assert!(erased.stays.iter().any(|line| line.contains("the name “Ana”")) && erased.waits.is_empty());
    assert!(erased.stays.iter().any(|line| line.contains("public words of images (1)")), "{:?}", erased.stays);
    let secrets: [&[u8]; 5] = [b"quuxbarwicket", b"flimflamzorp", b"streetofmine", b"zibblescript", &bytes[60..100]];
    assert_eq!(places(&t, &secrets).await, Vec::<String>::new());
    assert!(sign_in(&t, "Ana", PASSWORD).await.is_err());
    let mut tx = t.store.read().await.unwrap();
    assert!(storage::accounts::find_session(&mut tx, cookie.hash(), t.now()).await.unwrap().is_none());
    assert!(storage::accounts::find_token(&mut tx, token.hash(), t.now()).await.unwrap().is_none());
    let (account, hash) = storage::accounts::find_by_name(&mut tx, "Ana").await.unwrap().unwrap();
    assert_eq!((account.disabled_at, hash.as_str()), (Some(t.now()), ""));
    assert_eq!(storage::jobs::find(&mut tx, waits.id).await.unwrap().unwrap().state, TaskState::Cancelled);
    assert!(storage::identities::find(&mut tx, id).await.unwrap().is_none());
    drop(tx);
    assert_eq!(words_of(&t, public.image).await.unwrap().prompt, "a red apple");
    assert_eq!(words_of(&t, his.image).await.unwrap().prompt, "a sailboat");
    for delivered in [&made, &public, &his] {
        let report = verify_image(&t, delivered.file.clone()).await.unwrap();
        assert_eq!(report.verdict.finding, Finding::Trusted, "{}", report.sentence);
        assert!(matches!(report.logged, Logged::Proved { .. }));
    }
    let taken = add_account(&t, &operator, "Ana", PASSWORD, [AccountRole::Creator].into_iter().collect()).await;
    assert!(matches!(taken, Err(Error::Invalid(_))), "nobody takes the name");
    t.finish().await;
}

async fn a_kill_before_the_bytes_are_gone_is_made_good(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let ana = creator(&t).await;
    let bytes = drawing(7);
    let sketch = give(&t, &ana, Role::Sketch, bytes.clone()).await;
    let kept = give(&t, &ana, Role::Mask, drawing(200)).await;
    // The first transaction is the erasure's; the next one, which would remove bytes, never begins.
    let begun = AtomicU32::new(0);
    let mut dying = (*t).clone();
    dying.store = dying.store.with_faults(Faults::new(move |moment| {
        let second = moment.call == Call::Begin && !moment.done && begun.fetch_add(1, Ordering::SeqCst) > 0;
        if second { Err("killed".to_owned()) } else { Ok(()) }
    }));
    let erased = erase(&dying, &ana, Erasing::Input(sketch.id)).await.unwrap();
    assert_eq!(erased.waits.len(), 1, "{erased:?}");
    assert!(t.blobs.exists(sketch.digest.blake3).await.unwrap());
    assert_eq!(t.number("SELECT COUNT(*) FROM inputs").await, 1);
    t.assert_sound().await;

    // Whoever comes next goes on; what is on record is left alone.
    assert!(finish_erasing(&t).await.unwrap().is_some());
    assert!(!t.blobs.exists(sketch.digest.blake3).await.unwrap() && t.blobs.exists(kept.digest.blake3).await.unwrap());
    assert_eq!(places(&t, &[&bytes[60..100]]).await, Vec::<String>::new());
    assert_eq!(t.number("SELECT COUNT(*) FROM blobs_due").await, 0);
    assert_eq!(t.number("SELECT COUNT(*) FROM erasures WHERE cleared_at IS NULL").await, 0);
    assert_eq!(finish_erasing(&t).await.unwrap(), None);

    // The very same bytes, handed in while they were due, are not taken from under it.
    let begun = AtomicU32::new(0);
    dying.store = t.store.with_faults(Faults::new(move |moment| {
        let second = moment.call == Call::Begin && !moment.done && begun.fetch_add(1, Ordering::SeqCst) > 0;
        if second { Err("killed".to_owned()) } else { Ok(()) }
    }));
    erase(&dying, &ana, Erasing::Input(kept.id)).await.unwrap();
    let again = give(&t, &ana, Role::Mask, drawing(200)).await;
    finish_erasing(&t).await.unwrap();
    assert!(t.blobs.exists(again.digest.blake3).await.unwrap());
    t.finish().await;
}
