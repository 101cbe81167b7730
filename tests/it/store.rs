//! The contract of `storage`, on both databases: every function, every SQL text, and what happens with conflicts, odd texts and
//! spoiled rows.

use colophon::accounts::{Account, Role, Roles, Scope, Scopes, Secret, Session, Token};
use colophon::chance::SeededChance;
use colophon::clock::Timestamp;
use colophon::digest::{Digest, blake3_of, sha256_of};
use colophon::id::{
    AccountId, DatasetId, DecisionId, GrantId, ImageId, JobId, ModelId, RunId, SessionId, StatementId, TokenId, WorkId,
};
use colophon::lineage::{Dataset, Model, ModelCard, Run};
use colophon::storage::blobs::{Blob, Blobs};
use colophon::storage::images::{DrawnOn, Image, Nearest, Prompt};
use colophon::storage::instance::Fact;
use colophon::storage::jobs::{Job, JobState};
use colophon::storage::log::HeadRow;
use colophon::storage::models::BundleRecord;
use colophon::storage::works::{Filter, Revocation};
use colophon::storage::{Error, Store, Tx, accounts, blobs, datasets, images, instance, jobs, log, models, runs, works};
use colophon::works::{Grant, Work};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};

use crate::layering::{sources, tokens};
use crate::support::both;
use crate::support::database::{Database, Kind, PUBLIC_TABLES, TABLES, dump, execute, number, texts, with};

both! {
    a_transaction_that_is_dropped_leaves_nothing,
    readers_see_one_snapshot,
    accounts_sessions_and_tokens,
    the_setup_link_opens_once,
    works_are_found_and_narrowed,
    thumbnails_are_kept_beside_the_works,
    pages_have_no_gaps_and_no_doubles,
    grants_end_in_every_way,
    datasets_and_models,
    images_prompts_and_decisions,
    jobs_are_leased_and_leased_again,
    a_lease_that_went_on_to_another_can_not_finish,
    two_workers_never_get_the_same_job,
    the_log_is_kept_in_order,
    growth_is_spread_evenly,
    instance_facts_stand_once,
    blobs_are_recorded_once_and_read_back,
    conflicts_are_conflicts,
    odd_and_long_texts_come_back_as_they_were,
    a_nul_character_is_kept_whole_or_refused,
    spoiled_rows_are_called_corrupt,
    every_sql_text_is_understood,
    emptying_the_public_tables_empties_only_them,
    opening_again_changes_nothing,
}

/// A store on an empty database.
struct Scratch {
    store: Store,
    database: Database,
    folder: tempfile::TempDir,
}

impl Scratch {
    async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::fresh(kind, folder.path()).await;
        let store = Store::open(&database.url).await.unwrap();
        assert_eq!(store.dialect(), if kind == Kind::Sqlite { "sqlite" } else { "postgres" });
        Self { store, database, folder }
    }

    async fn begin(&self) -> Tx {
        self.store.begin().await.unwrap()
    }

    async fn read(&self) -> Tx {
        self.store.read().await.unwrap()
    }

    async fn remove(self) {
        self.store.close().await;
        self.database.remove().await;
    }
}

const fn t(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn statement(seed: &str) -> StatementId {
    StatementId::derived(seed.as_bytes())
}

fn account(name: &str, at: i64) -> Account {
    let roles: Roles = [Role::Creator, Role::RightsHolder].into_iter().collect();
    Account { id: AccountId::derived(name.as_bytes()), name: name.into(), roles, created_at: t(at), disabled_at: None }
}

fn work(seed: &str) -> Work {
    Work {
        id: WorkId::derived(seed.as_bytes()),
        title: format!("Title of {seed}"),
        author: "Ana".into(),
        collection: "set".into(),
        item: seed.into(),
        source: "https://works.example/".into(),
        package: String::new(),
        style: "flat".into(),
        colour: None,
        titles: vec![vec!["title".into(), seed.into()]],
        tags: vec![vec!["tag".into()]],
        media_type: "image/png".into(),
        digest: Digest::of(seed.as_bytes()),
        registered_by: "Ana".into(),
        registered_at: t(1_000),
    }
}

fn grant(seed: &str, on: &Work, licence: &str, from: i64, until: Option<i64>) -> Grant {
    Grant {
        id: GrantId::derived(seed.as_bytes()),
        work: on.id,
        licence: licence.into(),
        licence_url: "https://licences.example/".into(),
        declared_by: "Ana".into(),
        evidence: "her word".into(),
        starts_at: t(from),
        ends_at: until.map(t),
    }
}

fn dataset(seed: &str, works: u64, at: i64) -> Dataset {
    Dataset {
        id: DatasetId::derived(seed.as_bytes()),
        name: seed.into(),
        root: sha256_of(seed.as_bytes()),
        works,
        frozen_at: t(at),
    }
}

fn run(seed: &str, dataset: DatasetId, at: i64) -> Run {
    Run {
        id: RunId::derived(seed.as_bytes()),
        dataset,
        dataset_root: sha256_of(b"root"),
        works_learnt: 2,
        code: "colophon 0".into(),
        settings: sha256_of(b"settings"),
        begun_from: Some(sha256_of(b"before")),
        steps: 1,
        pictures: 4,
        weights: sha256_of(seed.as_bytes()),
        ended_at: t(at),
    }
}

fn model(seed: &str, datasets: Vec<DatasetId>, at: i64) -> Model {
    let card = ModelCard {
        name: seed.into(),
        title: "A Model".into(),
        version: "1.0.0".into(),
        architecture: "none".into(),
        parameters_millions: "0".into(),
        licence: "MIT".into(),
        summary: String::new(),
        training: String::new(),
        limits: vec!["all".into()],
        files: vec![],
    };
    let (base, made_by) = (Some(ModelId::derived(b"base")), "Ada".to_owned());
    Model {
        id: ModelId::derived(seed.as_bytes()),
        weights: sha256_of(seed.as_bytes()),
        card,
        datasets,
        base,
        made_by,
        registered_at: t(at),
    }
}

fn image(seed: &str, at: i64, on: &[WorkId]) -> Image {
    Image {
        id: ImageId::new(t(at), &SeededChance::new(u64::from(blake3_of(seed.as_bytes()).0[0]))),
        model: ModelId::derived(b"m"),
        bundle: sha256_of(b"bundle"),
        creator: "Ana".into(),
        format: "png".into(),
        width: 64,
        height: 32,
        digest: Digest::of(seed.as_bytes()),
        pixels: blake3_of(seed.as_bytes()),
        fingerprint: "f0".into(),
        commitment: blake3_of(b"words"),
        works: (on.iter().zip(0..))
            .map(|(work, n)| DrawnOn { work: *work, nearness: n, influence: 1000 - n, part: n % 2 })
            .collect(),
        adapter: on.first().map(|_| ModelId::derived(b"adapter")),
        nearest: on.first().map(|work| Nearest { work: *work, nearness: 7 }),
        replay: json!({ "seed": "7" }),
        decision: json!({ "outcome": "allow" }),
        made_at: t(at),
    }
}

fn job(seed: &str, at: i64) -> Job {
    Job {
        id: JobId::derived(seed.as_bytes()),
        account: AccountId::derived(b"a"),
        decision: DecisionId::derived(b"d"),
        state: JobState::Queued,
        request: json!({ "prompt": "a red apple" }),
        image: None,
        problem: None,
        attempts: 0,
        created_at: t(at),
    }
}

fn secret(seed: u64) -> Secret {
    Secret::new(&SeededChance::new(seed))
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

async fn accounts_sessions_and_tokens(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (ana, ben) = (account("Ana", 2), account("Ben", 1));
    accounts::insert(&mut tx, &ana, "hash of Ana").await.unwrap();
    accounts::insert(&mut tx, &ben, "").await.unwrap();
    assert_eq!(accounts::find(&mut tx, ana.id).await.unwrap(), Some(ana.clone()));
    assert_eq!(accounts::find(&mut tx, AccountId::derived(b"?")).await.unwrap(), None);
    assert_eq!(accounts::find_by_name(&mut tx, "Ana").await.unwrap(), Some((ana.clone(), "hash of Ana".to_owned())));
    assert_eq!(accounts::find_by_name(&mut tx, "ana").await.unwrap(), None);
    assert_eq!(accounts::all(&mut tx).await.unwrap(), [ben.clone(), ana.clone()], "oldest first");
    assert_eq!(accounts::total(&mut tx).await.unwrap(), 1, "without a password nobody signs in");

    let session = Session { id: SessionId::derived(b"s"), account: ana.clone(), csrf: "c".into(), expires_at: t(100) };
    accounts::insert_session(&mut tx, &session, secret(1).hash(), t(10)).await.unwrap();
    assert_eq!(accounts::find_session(&mut tx, secret(1).hash(), t(99)).await.unwrap(), Some(session.clone()));
    assert_eq!(accounts::find_session(&mut tx, secret(1).hash(), t(100)).await.unwrap(), None, "it has ended");
    assert_eq!(accounts::find_session(&mut tx, secret(2).hash(), t(99)).await.unwrap(), None);
    let other = Session { id: SessionId::derived(b"o"), expires_at: t(50), ..session.clone() };
    accounts::insert_session(&mut tx, &other, secret(3).hash(), t(10)).await.unwrap();
    accounts::delete_session(&mut tx, SessionId::derived(b"none"), t(60)).await.unwrap();
    assert_eq!(number(&mut tx, "SELECT COUNT(*) FROM sessions").await, 1, "those that ended by themselves are forgotten");
    accounts::delete_session(&mut tx, session.id, t(60)).await.unwrap();
    assert_eq!(accounts::find_session(&mut tx, secret(1).hash(), t(60)).await.unwrap(), None);

    accounts::insert_session(&mut tx, &session, secret(4).hash(), t(10)).await.unwrap();
    accounts::set_password(&mut tx, ana.id, "another hash").await.unwrap();
    assert_eq!(
        accounts::find_session(&mut tx, secret(4).hash(), t(20)).await.unwrap(),
        None,
        "another password ends every sign-in"
    );
    assert_eq!(accounts::find_by_name(&mut tx, "Ana").await.unwrap().unwrap().1, "another hash");

    let token = |seed: &str, scopes: &str, at, expires: Option<i64>| Token {
        id: TokenId::derived(seed.as_bytes()),
        name: seed.into(),
        scopes: scopes.parse().unwrap(),
        created_at: t(at),
        expires_at: expires.map(t),
        revoked_at: None,
    };
    let (wide, brief) = (token("wide", "images,works,operate", 5, None), token("brief", "images", 6, Some(50)));
    accounts::insert_token(&mut tx, &wide, ana.id, secret(5).hash()).await.unwrap();
    accounts::insert_token(&mut tx, &brief, ana.id, secret(6).hash()).await.unwrap();
    let opens = |found: Option<(Account, Scopes)>| found.map(|(account, scopes)| (account.id, scopes.to_string()));
    let found = accounts::find_token(&mut tx, secret(5).hash(), t(40)).await.unwrap();
    assert_eq!(opens(found), Some((ana.id, "images,works".into())), "no more than the roles of its owner");
    assert!(accounts::find_token(&mut tx, secret(6).hash(), t(49)).await.unwrap().is_some());
    assert!(accounts::find_token(&mut tx, secret(6).hash(), t(50)).await.unwrap().is_none());
    assert_eq!(accounts::tokens(&mut tx, ana.id).await.unwrap(), [brief.clone(), wide.clone()], "newest first");
    assert_eq!(accounts::tokens(&mut tx, ben.id).await.unwrap(), []);
    assert!(!accounts::revoke_token(&mut tx, ben.id, wide.id, t(41)).await.unwrap(), "only its owner's");
    assert!(accounts::revoke_token(&mut tx, ana.id, wide.id, t(41)).await.unwrap());
    assert!(!accounts::revoke_token(&mut tx, ana.id, wide.id, t(42)).await.unwrap(), "only once");
    assert!(accounts::find_token(&mut tx, secret(5).hash(), t(43)).await.unwrap().is_none());
    assert_eq!(accounts::tokens(&mut tx, ana.id).await.unwrap()[1].revoked_at, Some(t(41)));

    let operator: Roles = [Role::Operator].into_iter().collect();
    assert!(accounts::set_roles(&mut tx, ben.id, &operator).await.unwrap());
    assert!(accounts::find(&mut tx, ben.id).await.unwrap().unwrap().roles.scopes().contains(Scope::Operate));
    assert!(!accounts::set_roles(&mut tx, AccountId::derived(b"?"), &operator).await.unwrap());

    accounts::insert_session(&mut tx, &session, secret(7).hash(), t(10)).await.unwrap();
    execute(&mut tx, "UPDATE accounts SET disabled_at = 5").await;
    assert!(
        accounts::find_session(&mut tx, secret(7).hash(), t(20)).await.unwrap().is_none(),
        "a disabled account opens nothing"
    );
    assert!(accounts::find_token(&mut tx, secret(6).hash(), t(20)).await.unwrap().is_none());
    drop(tx);
    s.remove().await;
}

async fn the_setup_link_opens_once(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (first, second) = (secret(1).hash(), secret(2).hash());
    accounts::insert_setup_link(&mut tx, first, t(1)).await.unwrap();
    assert!(accounts::setup_link_is_open(&mut tx, first).await.unwrap());
    accounts::insert_setup_link(&mut tx, second, t(2)).await.unwrap();
    assert!(!accounts::setup_link_is_open(&mut tx, first).await.unwrap(), "a newer one replaces it");
    assert!(!accounts::use_setup_link(&mut tx, first, t(3)).await.unwrap());
    assert!(accounts::use_setup_link(&mut tx, second, t(3)).await.unwrap());
    assert!(!accounts::use_setup_link(&mut tx, second, t(4)).await.unwrap());
    assert!(!accounts::setup_link_is_open(&mut tx, second).await.unwrap());
    drop(tx);
    s.remove().await;
}

async fn thumbnails_are_kept_beside_the_works(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (a, b) = (work("a"), work("b"));
    for each in [&a, &b] {
        works::insert(&mut tx, each, statement(&each.item)).await.unwrap();
    }
    assert_eq!(works::without_thumbnail(&mut tx, 1).await.unwrap().len(), 1, "no more than asked for");
    works::insert_thumbnail(&mut tx, a.id, &[1; 768]).await.unwrap();
    works::insert_thumbnail(&mut tx, a.id, &[2; 768]).await.unwrap();
    assert_eq!(works::without_thumbnail(&mut tx, 9).await.unwrap(), [b.id]);
    assert_eq!(works::thumbnails(&mut tx).await.unwrap(), [(a.id, vec![1; 768])], "the first one stays");
    drop(tx);
    s.remove().await;
}

async fn works_are_found_and_narrowed(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (mut apple, mut pear) = (work("apple"), work("pear"));
    (apple.colour, apple.author, apple.title) = (Some("red".into()), "Zoë Ångström".into(), "100% RED_apple \\ “one”".into());
    (pear.registered_at, pear.tags) = (t(2_000), vec![vec!["sweet".into(), "fruit".into()]]);
    for each in [&apple, &pear] {
        works::insert(&mut tx, each, statement(&each.item)).await.unwrap();
        log::stage(&mut tx, statement(&each.item), "work", &each.id.to_string(), b"{}", t(3)).await.unwrap();
    }
    works::insert_grant(&mut tx, &grant("g", &apple, "MIT", 0, None), statement("g")).await.unwrap();

    let found = works::find(&mut tx, apple.id).await.unwrap().unwrap();
    assert_eq!((found.work, found.statement), (apple.clone(), statement("apple")));
    assert_eq!(works::find(&mut tx, WorkId::derived(b"?")).await.unwrap(), None);
    assert_eq!(works::find_by_sha256(&mut tx, pear.digest.sha256).await.unwrap().unwrap().work, pear);
    assert_eq!(works::find_by_sha256(&mut tx, sha256_of(b"?")).await.unwrap(), None);
    let all: Vec<WorkId> = works::all(&mut tx).await.unwrap().into_iter().map(|w| w.work.id).collect();
    assert_eq!(all, [apple.id, pear.id], "oldest first");
    assert_eq!(works::totals(&mut tx).await.unwrap(), (2, 2));

    let order = works::registered_after(&mut tx, -1).await.unwrap();
    assert_eq!(order.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [apple.id, pear.id]);
    assert_eq!(works::registered_after(&mut tx, order[0].0).await.unwrap(), order[1..]);
    assert_eq!(works::registered_after(&mut tx, order[1].0).await.unwrap(), []);

    for (words, licence, author, expected) in [
        ("", "", "", 2),
        ("apple", "", "", 1),
        ("APPLE red", "", "", 1),
        ("apple pear", "", "", 0),
        ("fruit sweet", "", "", 1),
        ("zoë", "", "", 1),
        ("ZOË ÅNG", "", "", 1),
        // Signs that mean something to LIKE mean themselves.
        ("%", "", "", 1),
        ("_", "", "", 1),
        ("\\", "", "", 1),
        ("100%", "", "", 1),
        ("1%red", "", "", 0),
        ("d_a", "", "", 1),
        ("e_a", "", "", 0),
        ("“one”", "", "", 1),
        ("'", "", "", 0),
        ("title of pear in", "", "", 0),
        ("a b c d e f", "", "", 0),
        ("", "MIT", "", 1),
        ("pear", "MIT", "", 0),
        ("", "mit", "", 0),
        ("", "", "Ana", 1),
        ("", "", "Zoë Ångström", 1),
        ("", "", "An", 0),
    ] {
        let filter = Filter { words: words.into(), licence: licence.into(), author: author.into() };
        let page = works::list(&mut tx, &filter, "", 10, t(5)).await.unwrap();
        assert_eq!((page.items.len(), page.total, page.next), (expected, expected as u64, None), "{filter:?}");
    }
    drop(tx);
    s.remove().await;
}

async fn pages_have_no_gaps_and_no_doubles(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    for n in 0..23 {
        let each = work(&n.to_string());
        works::insert(&mut tx, &each, statement(&n.to_string())).await.unwrap();
        images::insert(&mut tx, &image(&n.to_string(), 1_000 + n, &[each.id]), statement(&n.to_string())).await.unwrap();
        log::stage(&mut tx, statement(&n.to_string()), if n % 2 == 0 { "work" } else { "image" }, "x", b"{}", t(n))
            .await
            .unwrap();
    }
    for ((seq, _), index) in log::staged(&mut tx, 20).await.unwrap().into_iter().zip(0..) {
        assert!(log::number(&mut tx, seq, index).await.unwrap());
    }
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
            let page = log::list(&mut tx, "", before, limit).await.unwrap();
            assert_eq!(page.total, 20, "what has no place yet is not listed");
            seen.extend(page.items.iter().map(|e| e.index.unwrap()));
            match page.next {
                Some(next) => before = Some(next.parse().unwrap()),
                None => break,
            }
        }
        assert_eq!(seen, (0..20).rev().collect::<Vec<_>>());
    }
    let kinds = log::list(&mut tx, "image", Some(10), 3).await.unwrap();
    assert_eq!(kinds.items.iter().map(|e| e.index.unwrap()).collect::<Vec<_>>(), [9, 7, 5]);
    assert_eq!((kinds.total, kinds.next.as_deref()), (10, Some("5")));
    drop(tx);
    s.remove().await;
}

async fn grants_end_in_every_way(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let (a, b) = (work("a"), work("b"));
    for each in [&a, &b] {
        works::insert(&mut tx, each, statement(&each.item)).await.unwrap();
    }
    let (lasting, brief, later) = (
        grant("lasting", &a, "MIT", 10, None),
        grant("brief", &a, "CC-BY-4.0", 10, Some(20)),
        grant("later", &b, "MIT", 30, None),
    );
    for each in [&later, &lasting, &brief] {
        works::insert_grant(&mut tx, each, statement("g")).await.unwrap();
    }
    assert_eq!(works::find_grant(&mut tx, brief.id).await.unwrap().unwrap().grant, brief);
    assert_eq!(works::find_grant(&mut tx, GrantId::derived(b"?")).await.unwrap(), None);
    let on_a = works::grants(&mut tx, a.id).await.unwrap();
    assert_eq!(on_a.len(), 2);
    assert!(on_a.iter().all(|g| g.statement == statement("g") && g.revoked.is_none()));

    async fn at(tx: &mut Tx, now: i64) -> Vec<(WorkId, String)> {
        let mut rows = works::licences_in_force(tx, t(now)).await.unwrap();
        rows.sort();
        rows
    }
    let (mit, by) = ((a.id, "MIT".to_owned()), (a.id, "CC-BY-4.0".to_owned()));
    assert_eq!(at(&mut tx, 9).await, []);
    assert_eq!(at(&mut tx, 10).await, [by.clone(), mit.clone()]);
    assert_eq!(at(&mut tx, 19).await, [by, mit.clone()]);
    assert_eq!(at(&mut tx, 20).await, std::slice::from_ref(&mit));
    assert_eq!(at(&mut tx, 30).await.len(), 2);
    assert_eq!(works::by_licence(&mut tx, t(19)).await.unwrap(), [("CC-BY-4.0".to_owned(), 1), ("MIT".to_owned(), 1)]);
    assert_eq!(works::by_licence(&mut tx, t(30)).await.unwrap(), [("MIT".to_owned(), 2)]);

    let revocation = Revocation { at: t(25), reason: "sold".into(), statement: statement("r") };
    assert!(works::revoke_grant(&mut tx, lasting.id, &revocation).await.unwrap());
    let again = Revocation { at: t(99), reason: "again".into(), statement: statement("r2") };
    assert!(!works::revoke_grant(&mut tx, lasting.id, &again).await.unwrap(), "only once");
    assert!(!works::revoke_grant(&mut tx, GrantId::derived(b"?"), &again).await.unwrap());
    let kept = works::find_grant(&mut tx, lasting.id).await.unwrap().unwrap();
    assert_eq!(kept.revoked, Some(revocation), "the first one stands");
    assert_eq!([24, 25].map(|now| kept.in_force(t(now))), [true, false]);
    assert_eq!(at(&mut tx, 24).await, [mit], "until then it held");
    assert_eq!(at(&mut tx, 25).await, []);
    assert_eq!(works::by_licence(&mut tx, t(30)).await.unwrap(), [("MIT".to_owned(), 1)]);
    let filter = Filter { licence: "MIT".into(), ..Filter::default() };
    assert_eq!(works::list(&mut tx, &filter, "", 10, t(30)).await.unwrap().items[0].work.id, b.id);
    drop(tx);
    s.remove().await;
}

async fn datasets_and_models(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    let members: Vec<Work> = ["a", "b", "c"].map(work).into();
    for (each, licence) in members.iter().zip(["MIT", "MIT", "CC-BY-4.0"]) {
        works::insert(&mut tx, each, statement(&each.item)).await.unwrap();
        works::insert_grant(&mut tx, &grant(&each.item, each, licence, 0, None), statement("g")).await.unwrap();
    }
    let (old, new) = (dataset("old", 2, 10), dataset("new", 1, 20));
    for each in [&new, &old] {
        datasets::insert(&mut tx, each, statement(&each.name)).await.unwrap();
    }
    datasets::insert_works(&mut tx, old.id, &[members[1].id, members[0].id]).await.unwrap();
    datasets::insert_works(&mut tx, old.id, &[members[2].id]).await.unwrap();
    datasets::insert_works(&mut tx, new.id, &[members[2].id]).await.unwrap();
    let found = datasets::find(&mut tx, old.id).await.unwrap().unwrap();
    assert_eq!((found.dataset, found.statement), (old.clone(), statement("old")));
    assert_eq!(datasets::find(&mut tx, DatasetId::derived(b"?")).await.unwrap(), None);
    assert_eq!(datasets::all(&mut tx).await.unwrap().iter().map(|d| d.dataset.id).collect::<Vec<_>>(), [old.id, new.id]);
    let mut ids: Vec<WorkId> = members.iter().map(|w| w.id).collect();
    ids.sort();
    assert_eq!(datasets::members(&mut tx, old.id).await.unwrap(), ids);
    assert_eq!(datasets::of_work(&mut tx, members[2].id).await.unwrap().len(), 2);
    assert_eq!(datasets::of_work(&mut tx, members[0].id).await.unwrap()[0].dataset, old);
    assert_eq!(datasets::licences(&mut tx, old.id).await.unwrap(), [("MIT".to_owned(), 2), ("CC-BY-4.0".to_owned(), 1)]);
    assert_eq!(datasets::authors(&mut tx, old.id).await.unwrap(), [("Ana".to_owned(), 3)]);

    let mut trained: Vec<DatasetId> = vec![old.id, new.id];
    trained.sort();
    let (first, second) = (model("first", trained, 10), model("second", vec![], 20));
    for each in [&second, &first] {
        models::insert(&mut tx, each, statement(&each.card.name)).await.unwrap();
    }
    let found = models::find(&mut tx, first.id).await.unwrap().unwrap();
    assert_eq!((found.model, found.statement), (first.clone(), statement("first")));
    assert_eq!(models::find(&mut tx, ModelId::derived(b"?")).await.unwrap(), None);
    assert_eq!(models::find_by_weights(&mut tx, second.weights).await.unwrap().unwrap().model, second);
    assert_eq!(models::find_by_weights(&mut tx, sha256_of(b"?")).await.unwrap(), None);
    assert_eq!(models::all(&mut tx).await.unwrap().iter().map(|m| m.model.id).collect::<Vec<_>>(), [first.id, second.id]);

    let (made, later) = (run("made", old.id, 5), run("later", old.id, 6));
    for each in [&later, &made] {
        runs::insert(&mut tx, each, statement("r")).await.unwrap();
    }
    let found = runs::find_by_weights(&mut tx, made.weights).await.unwrap().unwrap();
    assert_eq!((found.run, found.statement), (made.clone(), statement("r")));
    assert_eq!(runs::find_by_weights(&mut tx, sha256_of(b"?")).await.unwrap(), None);
    let of: Vec<_> = runs::of_dataset(&mut tx, old.id).await.unwrap().into_iter().map(|r| r.run).collect();
    assert_eq!(of, [made, later]);
    assert_eq!(runs::of_dataset(&mut tx, new.id).await.unwrap(), []);

    let bundle =
        BundleRecord { sha256: sha256_of(b"b"), name: "b".into(), version: "1.0.0".into(), policies: 3, in_force_from: t(7) };
    models::insert_bundle(&mut tx, &bundle, statement("b")).await.unwrap();
    assert_eq!(models::find_bundle(&mut tx, bundle.sha256).await.unwrap(), Some((bundle, statement("b"))));
    assert_eq!(models::find_bundle(&mut tx, sha256_of(b"?")).await.unwrap(), None);
    drop(tx);
    s.remove().await;
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
    assert_eq!(images::total_of_model(&mut tx, first.model).await.unwrap(), 2);
    assert_eq!(images::total_of_model(&mut tx, ModelId::derived(b"?")).await.unwrap(), 0);
    assert_eq!(images::of_work(&mut tx, b, 10).await.unwrap(), (1, vec![first.id]), "a picture counts once");
    assert_eq!(images::of_work(&mut tx, a, 1).await.unwrap(), (2, vec![second.id]), "the newest");

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

    let (id, record) = (DecisionId::derived(b"d"), json!({ "outcome": "deny", "words": "é \u{1f34e}" }));
    images::insert_decision(&mut tx, id, None, "deny", &record, t(1)).await.unwrap();
    images::insert_decision(&mut tx, DecisionId::derived(b"e"), Some(AccountId::derived(b"a")), "allow", &record, t(1))
        .await
        .unwrap();
    assert_eq!(images::find_decision(&mut tx, id).await.unwrap(), Some(record));
    assert_eq!(images::find_decision(&mut tx, DecisionId::derived(b"?")).await.unwrap(), None);
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
    assert_eq!((jobs::ahead(&mut tx, &first).await.unwrap(), jobs::ahead(&mut tx, &second).await.unwrap()), (0, 1));

    let leased = jobs::lease(&mut tx, t(100), t(200)).await.unwrap().unwrap();
    assert_eq!(leased, Job { state: JobState::Running, attempts: 1, ..first.clone() }, "the oldest first");
    assert_eq!(jobs::lease(&mut tx, t(100), t(200)).await.unwrap().unwrap().id, second.id);
    assert_eq!(jobs::lease(&mut tx, t(200), t(300)).await.unwrap(), None, "both leases hold to their last moment");
    let again = jobs::lease(&mut tx, t(201), t(300)).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempts), (first.id, 2), "a lease that ran out is given anew, and counted");

    assert!(jobs::renew(&mut tx, second.id, 1, t(400)).await.unwrap());
    assert_eq!(jobs::lease(&mut tx, t(350), t(500)).await.unwrap().unwrap().id, first.id, "the renewed one is not taken");
    assert!(!jobs::put_back(&mut tx, second.id, 7, t(351)).await.unwrap(), "another attempt's");
    assert!(jobs::put_back(&mut tx, second.id, 1, t(351)).await.unwrap());
    assert_eq!(jobs::find(&mut tx, second.id).await.unwrap().unwrap().state, JobState::Queued);
    let back = jobs::lease(&mut tx, t(352), t(500)).await.unwrap().unwrap();
    assert_eq!((back.id, back.attempts), (second.id, 2));

    let made = ImageId::derived(b"i");
    assert!(jobs::finish(&mut tx, second.id, 2, made, t(353)).await.unwrap());
    let done = jobs::find(&mut tx, second.id).await.unwrap().unwrap();
    assert_eq!((done.state, done.image, done.state.is_over()), (JobState::Done, Some(made), true));
    assert!(!jobs::finish(&mut tx, second.id, 2, made, t(354)).await.unwrap(), "only once");
    assert!(!jobs::end(&mut tx, second.id, JobState::Failed, "late", t(354)).await.unwrap(), "what is done stays done");
    assert!(!jobs::give_up(&mut tx, first.id, 2, JobState::Failed, "not mine", t(355)).await.unwrap());
    assert!(jobs::give_up(&mut tx, first.id, 3, JobState::Failed, "no luck", t(355)).await.unwrap());
    let failed = jobs::find(&mut tx, first.id).await.unwrap().unwrap();
    assert_eq!((failed.state, failed.problem.as_deref(), failed.attempts), (JobState::Failed, Some("no luck"), 3));
    assert!(!jobs::put_back(&mut tx, first.id, 3, t(356)).await.unwrap());
    assert_eq!(jobs::find(&mut tx, first.id).await.unwrap().unwrap().state, JobState::Failed, "what is over is not put back");
    assert_eq!((jobs::open(&mut tx).await.unwrap(), jobs::lease(&mut tx, t(9_999), t(10_000)).await.unwrap()), (0, None));

    // Handed to its maker at once.
    let third = job("3", 30);
    jobs::insert(&mut tx, &third, Some(t(60))).await.unwrap();
    let kept = jobs::find(&mut tx, third.id).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.attempts), (JobState::Running, 1));
    assert_eq!(jobs::lease(&mut tx, t(60), t(90)).await.unwrap(), None);
    assert_eq!(jobs::lease(&mut tx, t(61), t(90)).await.unwrap().unwrap().attempts, 2);
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
    assert_eq!(jobs::find(&mut tx, other.id).await.unwrap().unwrap().state, JobState::Running);
    assert!(jobs::renew(&mut tx, other.id, other.attempts, t(500)).await.unwrap());

    assert!(jobs::end(&mut tx, other.id, JobState::Cancelled, "called off", t(302)).await.unwrap());
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

async fn the_log_is_kept_in_order(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    assert_eq!(log::head(&mut tx).await.unwrap(), None);
    for n in ["a", "b", "c"] {
        log::stage(&mut tx, statement(n), "work", &format!("about {n}"), n.as_bytes(), t(5)).await.unwrap();
    }
    assert_eq!(log::staged_total(&mut tx).await.unwrap(), 3);
    let staged = log::staged(&mut tx, 2).await.unwrap();
    assert_eq!(staged.iter().map(|(_, bytes)| bytes.as_slice()).collect::<Vec<_>>(), [b"a", b"b"]);
    for ((seq, _), index) in staged.iter().zip(0..) {
        assert!(log::number(&mut tx, *seq, index).await.unwrap());
    }
    assert!(!log::number(&mut tx, staged[0].0, 7).await.unwrap(), "a place is given once");
    assert_eq!(log::staged_total(&mut tx).await.unwrap(), 1);
    assert_eq!(log::entries(&mut tx, 0, 100).await.unwrap(), [(0, b"a".to_vec()), (1, b"b".to_vec())]);
    assert_eq!(log::entries(&mut tx, 1, 1).await.unwrap(), []);

    let found = log::find(&mut tx, statement("b")).await.unwrap().unwrap();
    assert_eq!((found.index, found.kind.as_str(), found.subject.as_str(), found.staged_at), (Some(1), "work", "about b", t(5)));
    assert_eq!(log::at(&mut tx, 1).await.unwrap(), Some(found));
    assert_eq!(log::at(&mut tx, 2).await.unwrap(), None);
    assert_eq!(log::find(&mut tx, statement("c")).await.unwrap().unwrap().index, None);
    assert_eq!(log::find(&mut tx, statement("?")).await.unwrap(), None);

    let head = |size: u64| HeadRow { size, root: vec![size as u8; 32], checkpoint: format!("note {size}"), published_at: t(9) };
    for size in [0, 2, 11] {
        log::insert_head(&mut tx, &head(size)).await.unwrap();
    }
    assert_eq!(log::head(&mut tx).await.unwrap(), Some(head(11)), "the largest");

    log::put_tile(&mut tx, 0, 0, &[1; 32]).await.unwrap();
    log::put_tile(&mut tx, 1, 0, &[3; 32]).await.unwrap();
    log::put_tile(&mut tx, 0, 0, &[1; 64]).await.unwrap();
    assert_eq!(log::tile(&mut tx, 0, 0).await.unwrap(), Some(vec![1; 64]), "the wider one");
    assert_eq!(log::tile(&mut tx, 0, 1).await.unwrap(), None);
    assert_eq!(log::tiles(&mut tx).await.unwrap(), [(0, 0, vec![1; 64]), (1, 0, vec![3; 32])]);
    drop(tx);
    s.remove().await;
}

async fn growth_is_spread_evenly(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    for size in 0..100u64 {
        let head = HeadRow { size, root: vec![0; 32], checkpoint: String::new(), published_at: t(size as i64) };
        log::insert_head(&mut tx, &head).await.unwrap();
    }
    for limit in [0, 1, 2, 3, 10, 50, 99, 100, 1_000] {
        let growth = log::growth(&mut tx, limit).await.unwrap();
        assert!(growth.len() <= limit.max(2) as usize + 1, "{limit}: {}", growth.len());
        assert!(growth.is_sorted(), "oldest first");
        assert_eq!((growth.first().unwrap().1, growth.last().unwrap().1), (0, 99), "{limit}: from the first to the newest");
    }
    assert_eq!(log::growth(&mut tx, 100).await.unwrap().len(), 100);
    drop(tx);
    s.remove().await;
}

async fn instance_facts_stand_once(kind: Kind) {
    let s = Scratch::new(kind).await;
    let mut tx = s.begin().await;
    assert_eq!(instance::get(&mut tx, Fact::LogOrigin).await.unwrap(), None);
    instance::set(&mut tx, Fact::LogOrigin, "log.example/log").await.unwrap();
    instance::set(&mut tx, Fact::Founding, "done").await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = s.begin().await;
    assert!(matches!(instance::set(&mut tx, Fact::LogOrigin, "other").await, Err(Error::Conflict(_))));
    drop(tx);
    assert_eq!(instance::get(&mut s.read().await, Fact::LogOrigin).await.unwrap().as_deref(), Some("log.example/log"));
    assert_eq!(instance::get(&mut s.read().await, Fact::LogVkey).await.unwrap(), None);
    s.remove().await;
}

async fn blobs_are_recorded_once_and_read_back(kind: Kind) {
    let s = Scratch::new(kind).await;
    let folder = s.folder.path().join("blobs");
    let store = Blobs::folder(&folder).unwrap();
    let pack = store.put(b"0123456789".to_vec()).await.unwrap();
    assert_eq!(store.put(b"0123456789".to_vec()).await.unwrap(), pack, "the same bytes are one blob");
    let whole = Blob { digest: pack, media_type: "text/plain".into(), pack: None };
    let part = Blob { digest: Digest::of(b"345"), media_type: "text/plain".into(), pack: Some((pack.blake3, 3)) };
    let mut tx = s.begin().await;
    for each in [&whole, &part, &part] {
        blobs::insert(&mut tx, each).await.unwrap();
    }
    assert_eq!(blobs::find(&mut tx, whole.digest.blake3).await.unwrap(), Some(whole.clone()));
    assert_eq!(blobs::find(&mut tx, part.digest.blake3).await.unwrap(), Some(part.clone()));
    assert_eq!(blobs::find(&mut tx, blake3_of(b"?")).await.unwrap(), None);
    assert_eq!(blobs::find_by_sha256(&mut tx, part.digest.sha256).await.unwrap(), Some(part.clone()));
    assert_eq!(blobs::find_by_sha256(&mut tx, sha256_of(b"?")).await.unwrap(), None);
    assert_eq!(blobs::objects(&mut tx).await.unwrap(), [pack.blake3], "a pack once");
    drop(tx);
    assert_eq!(store.get(&whole).await.unwrap(), b"0123456789");
    assert_eq!(store.get(&part).await.unwrap(), b"345");
    assert!(store.exists(pack.blake3).await.unwrap() && !store.exists(blake3_of(b"?")).await.unwrap());
    let left: Vec<_> = walk(&folder);
    assert_eq!(left.len(), 1, "nothing temporary stays: {left:?}");

    let corrupt = |result: Result<Vec<u8>, Error>| match result {
        Err(Error::Corrupt { table: "blobs", cause, .. }) => cause,
        other => panic!("{other:?}"),
    };
    let shifted = Blob { pack: Some((pack.blake3, 4)), ..part.clone() };
    assert!(corrupt(store.get(&shifted).await).contains("changed"));
    let elsewhere = Blob { pack: Some((blake3_of(b"?"), 3)), ..part };
    assert!(corrupt(store.get(&elsewhere).await).contains("gone"));
    std::fs::write(&left[0], b"0123456780").unwrap();
    assert!(corrupt(store.get(&whole).await).contains("changed"));
    std::fs::remove_file(&left[0]).unwrap();
    assert!(corrupt(store.get(&whole).await).contains("gone"));
    s.remove().await;
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
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
    twice!("statement", tx => log::stage(&mut tx, statement("a"), "work", "a", b"", t(1)));
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
        log::stage(&mut tx, statement(n), "work", n, b"", t(1)).await.unwrap();
    }
    let staged = log::staged(&mut tx, 2).await.unwrap();
    assert!(log::number(&mut tx, staged[0].0, 5).await.unwrap());
    assert!(matches!(log::number(&mut tx, staged[1].0, 5).await, Err(Error::Conflict(_))));
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
        let record = json!({ "words": text });
        let id = DecisionId::derived(text.as_bytes());
        images::insert_decision(&mut tx, id, None, "allow", &record, t(1)).await.unwrap();
        assert_eq!(images::find_decision(&mut tx, id).await.unwrap(), Some(record));
    }
    // Numbers at their ends.
    let mut far = work("far");
    (far.registered_at, far.digest.len) = (t(i64::MIN), i64::MAX as u64);
    works::insert(&mut tx, &far, statement("a")).await.unwrap();
    assert_eq!(works::find(&mut tx, far.id).await.unwrap().unwrap().work, far);
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    log::stage(&mut tx, statement("b"), "work", "a", &bytes, t(1)).await.unwrap();
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
    let record = json!({ "words": "a\0b" });
    images::insert_decision(&mut tx, DecisionId::derived(b"d"), None, "deny", &record, t(1)).await.unwrap();
    assert_eq!(images::find_decision(&mut tx, DecisionId::derived(b"d")).await.unwrap(), Some(record));
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
    images::insert_decision(&mut tx, DecisionId::derived(b"d"), None, "allow", &json!({}), t(1)).await.unwrap();
    jobs::insert(&mut tx, &job("j", 1), None).await.unwrap();
    log::stage(&mut tx, statement("a"), "work", &a.id.to_string(), b"", t(1)).await.unwrap();
    blobs::insert(&mut tx, &blob).await.unwrap();
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
        "works": format!("sha256 = {short}"), tx => works::all(&mut tx);
        "works": "titles = '[\"not lists\"]'", tx => works::find(&mut tx, a.id);
        "works": "tags = ''", tx => works::list(&mut tx, &Filter::default(), "", 10, t(1));
        "works": "statement_id = 'work_1'", tx => works::find(&mut tx, a.id);
        "grants": "id = 'nonsense'", tx => works::grants(&mut tx, a.id);
        "grants": "work_id = 'nonsense'", tx => works::find_grant(&mut tx, GrantId::derived(b"g"));
        "grants": "work_id = 'nonsense'", tx => works::licences_in_force(&mut tx, t(1));
        "grants": "revoked_at = 1, revoked_statement_id = 'nonsense'", tx => works::find_grant(&mut tx, GrantId::derived(b"g"));
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
        "decisions": "record = '{'", tx => images::find_decision(&mut tx, DecisionId::derived(b"d"));
        "jobs": "state = 'asleep'", tx => jobs::find(&mut tx, JobId::derived(b"j"));
        "jobs": "request = ''", tx => jobs::lease(&mut tx, t(9), t(10));
        "jobs": "image_id = 'nonsense'", tx => jobs::find(&mut tx, JobId::derived(b"j"));
        "statements": "id = 'nonsense', idx = 0", tx => log::at(&mut tx, 0);
        "statements": "id = 'nonsense', idx = 0", tx => log::list(&mut tx, "", None, 10);
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
    accounts::insert(&mut tx, &account("Ana", 1), "").await.unwrap();
    jobs::insert(&mut tx, &job("j", 1), None).await.unwrap();
    log::stage(&mut tx, statement("a"), "work", "a", b"", t(1)).await.unwrap();
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

// -- the code and this suite, compared --

/// Texts in a source, as the compiler reads them.
fn literals(source: &str) -> Vec<String> {
    let (mut out, mut chars) = (Vec::new(), source.chars().peekable());
    while let Some(c) = chars.next() {
        if c == '/' && chars.peek() == Some(&'/') {
            chars.by_ref().find(|c| *c == '\n');
        } else if c == '\'' {
            // A quote as a character; lifetimes have none after them.
            let ahead: Vec<char> = chars.clone().take(3).collect();
            match ahead.as_slice() {
                ['\\', _, '\'', ..] => drop(chars.by_ref().take(3).collect::<Vec<_>>()),
                [_, '\'', ..] => drop(chars.by_ref().take(2).collect::<Vec<_>>()),
                _ => {}
            }
        } else if c == '"' {
            let mut text = String::new();
            while let Some(c) = chars.next().filter(|c| *c != '"') {
                match (c, (c == '\\').then(|| chars.next()).flatten()) {
                    ('\\', Some('\n')) => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                    ('\\', Some('n')) => text.push('\n'),
                    ('\\', Some(other)) => text.push(other),
                    _ => text.push(c),
                }
            }
            out.push(text);
        }
    }
    out
}

fn is_sql(text: &str) -> bool {
    ["SELECT ", "INSERT ", "UPDATE ", "DELETE "].iter().any(|verb| text.starts_with(verb))
}

/// Every SQL text of the room.
fn sql_texts() -> Vec<(String, String)> {
    let files = sources("src/storage");
    files
        .iter()
        .flat_map(|(file, source)| literals(source).into_iter().filter(|l| is_sql(l)).map(|l| (file.clone(), l)))
        .collect()
}

async fn every_sql_text_is_understood(kind: Kind) {
    let s = Scratch::new(kind).await;
    let found = sql_texts();
    assert!(found.len() > 80, "{} texts were found", found.len());
    for (file, sql) in found {
        let mut tx = s.begin().await;
        let prepared = with!(&mut tx, |c| c.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await.map(drop));
        assert!(prepared.is_ok(), "{file}: {sql}: {prepared:?}");
    }
    s.remove().await;
}

#[test]
fn sql_is_written_nowhere_else() {
    for (file, source) in sources("src").into_iter().filter(|(file, _)| !file.starts_with("src/storage/")) {
        for text in literals(&source) {
            let upper = |word: &str| text.split_whitespace().any(|w| w == word);
            assert!(!(is_sql(&text) && (upper("FROM") || upper("INTO") || upper("SET"))), "{file}: {text}");
        }
    }
    // As many as there are: a text that the reader above missed would not be tried.
    let constants: usize = sources("src/storage").iter().map(|(_, source)| source.matches(": &str =").count()).sum();
    let listed = sql_texts().len();
    assert!(listed >= constants - 5, "{listed} SQL texts, {constants} constants");
}

#[test]
fn every_function_of_storage_is_called_here() {
    let mine = tokens(include_str!("store.rs"));
    let called = |path: &[&str]| mine.windows(path.len()).any(|w| w.iter().zip(path).all(|(token, part)| token.text == *part));
    let (mut functions, mut missing) = (0, Vec::new());
    for (file, source) in sources("src/storage") {
        let module = file.trim_start_matches("src/storage/").trim_end_matches(".rs").to_owned();
        for signature in source.split("pub async fn ").skip(1) {
            let name = signature.split(['(', '<']).next().unwrap();
            functions += 1;
            // `works::find(…)`, or `.commit(…)` and `Store::open(…)` for methods.
            let method = signature.starts_with(&format!("{name}(&self")) || signature.starts_with(&format!("{name}(self"));
            let known = if method {
                called(&[".", name, "("])
            } else if module == "mod" {
                called(&["Store", "::", name, "("])
            } else {
                called(&[&module, "::", name, "("])
            };
            if !known {
                missing.push(format!("{module}::{name}"));
            }
        }
    }
    assert!(functions > 70, "{functions} functions were found");
    assert_eq!(missing, Vec::<String>::new(), "functions of storage without a test here");
}

#[test]
fn the_reader_of_texts_reads_as_the_compiler_does() {
    let source = "// \"no\"\nlet a = \"one \\\"two\\\"\\\n      three\"; let q = '\"'; let e = '\\''; fn f<'a>() {} const B: &str = \"\\\\\";";
    assert_eq!(literals(source), ["one \"two\"three", "\\"]);
    assert!(is_sql("SELECT 1") && !is_sql("selected"));
}

// -- what can't be opened --

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
