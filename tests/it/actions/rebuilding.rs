//! A database that is lost comes back from the log: every public table, every statement in its place, and it goes on from there. What is not
//! that log is refused, and a refill that broke off goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colophon::accounts::{Actor, Role};
use colophon::actions::about::about_of;
use colophon::actions::account_keys::{add_key, end_key};
use colophon::actions::agree::{Proposing, propose, sign};
use colophon::actions::appoint_steward::{appoint_steward, end_steward};
use colophon::actions::attach_project::attach_project;
use colophon::actions::check_log::check_log;
use colophon::actions::conclude_licence::conclude_licence;
use colophon::actions::dispute::{Pleading, open_dispute, take_step};
use colophon::actions::freeze_dataset::freeze_dataset;
use colophon::actions::give_consent::{Consenting, give_consent, revoke_consent};
use colophon::actions::grant_licence::{Granting, grant_licence};
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::rebuild::rebuild;
use colophon::actions::refill::{Refill, has_keys, keep_files, put_in_embedded};
use colophon::actions::register_work::{Registration, register_work};
use colophon::actions::request_image::request_image;
use colophon::actions::reserve_works::reserve_work;
use colophon::actions::review::{open_review, rule_on};
use colophon::actions::revoke_grant::revoke_grant;
use colophon::actions::sign_in::local_operator;
use colophon::actions::signing::with_key;
use colophon::actions::{Error, Instance};
use colophon::chance::SeededChance;
use colophon::config::Settings;
use colophon::digest::Digest;
use colophon::id::{GrantId, StatementId, WorkId};
use colophon::ledger::keyring::AddedKey;
use colophon::ledger::{Ed25519Signer, Envelope, Keyring, SignedCheckpoint, Statement, StatementSigner as _, Subject, Verifier};
use colophon::lineage::Author;
use colophon::policy::Use;
use colophon::policy::review::Ruling as Said;
use colophon::provenance::{Format, encode};
use colophon::storage::blobs::{Blobs, Missing, missing_of_images, missing_of_works};
use colophon::storage::instance::Fact;
use colophon::storage::{self, Store};
use colophon::works::dispute::{Ground, Ruling, Step};
use colophon::works::list::Row;
use ed25519_dalek::SigningKey;
use serde_json::json;

use crate::support::database::{Database, Dump, Kind, PUBLIC_TABLES, TABLES, dump, number, same, texts};
use crate::support::fault::{FAILURE, Fault, heal, refuse};
use crate::support::mirror::{entries, mirror};
use crate::support::{TestInstance, both, creator, draw, draw_order, order};

both! {
    every_statement_is_filed_under_what_it_is_about,
    a_lost_database_comes_back_and_goes_on,
    a_refill_that_broke_off_goes_on,
    what_is_not_this_log_is_refused,
    keys_of_another_log_are_refused,
}

const GAKTI: &str = "sami-gakti";

/// Every kind of statement but `run`, which needs a training.
const KINDS: [&str; 22] = [
    "agreement",
    "bundle",
    "conclusion",
    "consent",
    "consent-revocation",
    "dataset",
    "dataset-works",
    "dispute",
    "dispute-step",
    "grant",
    "image",
    "impact",
    "key",
    "key-end",
    "model",
    "project",
    "reservation",
    "revocation",
    "ruling",
    "steward",
    "steward-end",
    "work",
];

// -- an instance on which much has happened --

async fn quokka(instance: &Instance, actor: &Actor, n: u8) -> WorkId {
    let rgb: Vec<u8> = (0..64u32 * 64).flat_map(|at| [n * 40, (at % 64 * 3) as u8, (at / 64 * 4) as u8]).collect();
    let row = Row {
        title: format!("Quokka {n}"),
        author: "Rosa".into(),
        tags: vec!["quokka".into()],
        licence: "CC0-1.0".into(),
        ..Row::default()
    };
    let sent = Registration { file: encode(&rgb, 64, 64, Format::Png).unwrap(), row, ..Registration::default() };
    register_work(instance, actor, sent).await.unwrap().0
}

async fn first_grant(t: &Instance, work: WorkId) -> GrantId {
    storage::works::grants(&mut t.store.read().await.unwrap(), work).await.unwrap()[0].grant.id
}

fn said(words: &str) -> Pleading {
    Pleading { words: words.into(), files: vec![] }
}

/// A deed of every kind.
async fn busy(t: &TestInstance) {
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let (op, sara) = (t.actor("Op", &[Role::Operator]).await, t.actor("Sara", &[Role::Steward]).await);
    let (ana, ben) = (creator(t).await, t.actor("Ben", &[Role::Creator]).await);
    let first = quokka(t, &rosa, 1).await;
    let second = quokka(t, &rosa, 2).await;
    let third = quokka(t, &rosa, 3).await;
    let image = draw(t, "a quokka", 1).await.image;

    // Works: a further licence, what it was found to be, an opt-out, a claim that is right, a licence taken back.
    let more = Granting { licence: "CC-BY-4.0".into(), ..Granting::default() };
    grant_licence(t, &rosa, first, more).await.unwrap();
    conclude_licence(t, &op, first_grant(t, second).await, "MIT", "the file says so").await.unwrap();
    reserve_work(t, &rosa, second, "Not for machines.").await.unwrap();
    let (dispute, _) = open_dispute(t, &ben, third, Ground::WrongAuthor, said("I drew this.")).await.unwrap();
    take_step(t, &rosa, dispute, Step::Answered, None, said("It was given to me.")).await.unwrap();
    take_step(t, &op, dispute, Step::Decided, Some(Ruling::Upheld), said("The sketch is older.")).await.unwrap();
    revoke_grant(t, &rosa, first_grant(t, first).await, "mine again").await.unwrap();
    let label = r#"{"unique_id":"259854f7","title":"Weavings","project_page":"https://localcontextshub.org/projects/259854f7",
        "date_modified":"2026-05-06","tk_labels":[{"name":"N","label_type":"attribution","language_tag":"en","label_text":"Ask us.",
        "community":{"id":1,"name":"C"}}],"bc_labels":[]}"#;
    attach_project(t, &op, first, label.as_bytes()).await.unwrap();
    let few = t.texts("SELECT id FROM works WHERE package <> '' ORDER BY id LIMIT 3").await;
    freeze_dataset(t, &op, "A few", few.iter().map(|id| id.parse().unwrap()).collect()).await.unwrap();

    // A tradition: its steward, a consent, a picture made under it, a ruling.
    appoint_steward(t, &op, GAKTI, "Sara", "letter of 3 May, on file").await.unwrap();
    let consent = Consenting {
        rule: format!("{GAKTI}/dress"),
        about: Some("dress".into()),
        uses: vec![Use::Personal],
        grantee: ana.name.clone(),
        words: "for one school book".into(),
        starts_at: None,
        ends_at: Some(t.now().plus_days(30)),
    };
    let (consent, _) = give_consent(t, &sara, consent).await.unwrap();
    draw_order(t, &ana, order("a girl in a gákti", 1)).await.unwrap();
    revoke_consent(t, &sara, consent, "the book is printed").await.unwrap();
    end_steward(t, &sara, GAKTI, "Sara", "moved away").await.unwrap();
    let Err(Error::Denied(decision)) = request_image(t, &ana, order("wandjina on rock", 3), None).await else {
        panic!("it is allowed")
    };
    let review = open_review(t, &ana, decision.id.unwrap(), "for my thesis").await.unwrap();
    rule_on(t, &op, review.id, &decision.rules[0].key(), Said::Refused, "the rule stands").await.unwrap();

    // People: what two of them agree on, and a key of one's own.
    let author = |name: &str, share: u8, role: &str| Author { name: name.into(), share, role: role.into(), did: "drew".into() };
    let authors = vec![author("Ana", 50, "creator"), author("Ben", 40, "editor")];
    let proposal = propose(t, &ana, image, Proposing { ai_share: 10, authors }).await.unwrap().agreement;
    sign(t, &ana, proposal.id).await.unwrap();
    sign(t, &ben, proposal.id).await.unwrap();
    let signer = Ed25519Signer::new(SigningKey::from_bytes(&[5; 32]));
    let public_key = STANDARD.encode(signer.verifying_key().as_bytes());
    let added = AddedKey { keyid: signer.key_id(), public_key, required: true, replaces: None };
    add_key(&with_key(t, &rosa, vec![], vec![signer.clone()]), &rosa, added).await.unwrap();
    quokka(&with_key(t, &rosa, vec![signer.clone()], vec![]), &rosa, 4).await;
    end_key(&with_key(t, &rosa, vec![signer.clone()], vec![]), &rosa, &signer.key_id(), "lost").await.unwrap();
    quokka(t, &rosa, 5).await;
    publish_checkpoint(t).await.unwrap();
}

// -- another place --

/// A place for a database, with nothing in it.
struct Place {
    folder: tempfile::TempDir,
    database: Database,
    settings: Settings,
}

impl Place {
    async fn new(kind: Kind, like: &TestInstance) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        let database = Database::fresh(kind, &data).await;
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let flags =
            [("data_dir", text(&data)), ("database_url", database.url.clone()), ("models_dir", text(&like.settings.models_dir))];
        let settings = Settings::from_parts(Path::new("test"), "", &[], &flags).unwrap();
        Self { folder, database, settings }
    }

    async fn store(&self) -> Store {
        Store::open(&self.database.url).await.unwrap()
    }

    fn keys(&self) -> PathBuf {
        self.settings.data_dir.join("keys")
    }

    /// The keys of `from`, as a backup has them.
    fn copy_keys(&self, from: &TestInstance) {
        std::fs::create_dir_all(self.keys()).unwrap();
        for entry in std::fs::read_dir(from.settings.data_dir.join("keys")).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, self.keys().join(path.file_name().unwrap())).unwrap();
        }
    }

    async fn open(&self, like: &TestInstance) -> Result<Instance, Error> {
        Instance::open(&self.settings, Arc::clone(&like.clock) as _, Arc::new(SeededChance::new(77_000_000))).await
    }

    async fn remove(self) {
        self.database.remove().await;
        drop(self.folder);
    }
}

/// What a log serves.
struct Served {
    entries: Vec<Vec<u8>>,
    note: Vec<u8>,
}

async fn served(t: &TestInstance, name: &str) -> Served {
    publish_checkpoint(t).await.unwrap();
    let folder = t.folder().join(name);
    mirror(t, &folder).await;
    let note = std::fs::read(folder.join("checkpoint")).unwrap();
    let size = SignedCheckpoint::parse(&note).unwrap().unverified().size;
    Served { entries: entries(&folder, size), note }
}

fn keyring(t: &TestInstance) -> Keyring {
    Keyring::new(t.keys.statement.verifying_key())
}

async fn begin(store: &Store, t: &TestInstance) -> Result<Refill, Error> {
    Refill::begin(store, t.keys.log.verifier(), keyring(t)).await
}

/// All of a log, in parts of 40.
async fn fill(store: &Store, t: &TestInstance, log: &Served, keys: &Path) -> Result<u64, Error> {
    let mut refill = begin(store, t).await?;
    for part in log.entries.chunks(40) {
        refill.append(part).await?;
    }
    assert_eq!(refill.taken(), log.entries.len() as u64);
    refill.finish(&log.note, keys).await
}

const FILED: &str = "SELECT id || ' ' || CAST(idx AS TEXT) || ' ' || kind || ' ' || subject || ' ' || CAST(staged_at AS TEXT) \
                     FROM statements ORDER BY idx";

/// Public tables, statements and tiles are those of `t`.
async fn equal(t: &TestInstance, store: &Store) {
    same(&t.public_tables().await, &dump(store, PUBLIC_TABLES).await);
    let filed = texts(&mut store.read().await.unwrap(), FILED).await;
    assert_eq!(t.texts(FILED).await, filed);
    let (mut one, mut other) = (t.store.read().await.unwrap(), store.read().await.unwrap());
    let bytes = storage::log::entries(&mut one, 0, u64::MAX).await.unwrap();
    assert!(bytes == storage::log::entries(&mut other, 0, u64::MAX).await.unwrap(), "every entry, byte for byte");
    assert_eq!(storage::log::tiles(&mut one).await.unwrap(), storage::log::tiles(&mut other).await.unwrap());
    let (head, there) = (storage::log::head(&mut one).await.unwrap().unwrap(), storage::log::head(&mut other).await.unwrap());
    let there = there.unwrap();
    assert_eq!((head.size, head.root, head.checkpoint), (there.size, there.root, there.checkpoint));
}

// -- the tests --

async fn every_statement_is_filed_under_what_it_is_about(kind: Kind) {
    let t = TestInstance::new(kind).await;
    busy(&t).await;
    let mut kinds = t.texts("SELECT DISTINCT kind FROM statements").await;
    kinds.sort();
    assert_eq!(kinds, KINDS);
    let mut tx = t.store.read().await.unwrap();
    for (index, bytes) in storage::log::entries(&mut tx, 0, u64::MAX).await.unwrap() {
        let entry = storage::log::at(&mut tx, index).await.unwrap().unwrap();
        let statement = Envelope::parse(&bytes).unwrap().statement().unwrap();
        assert_eq!((entry.kind, entry.subject), (statement.name.clone(), about_of(&statement).unwrap()), "entry {index}");
    }
    drop(tx);
    // Whatever that function says: there is such a thing.
    for (kinds, things) in [
        (
            "'work', 'grant', 'revocation', 'conclusion', 'reservation', 'project', 'impact', 'dispute', 'dispute-step'",
            "SELECT id FROM works",
        ),
        ("'image', 'agreement'", "SELECT id FROM images"),
        ("'dataset', 'dataset-works'", "SELECT id FROM datasets"),
        ("'model'", "SELECT id FROM models"),
        ("'key', 'key-end'", "SELECT keyid FROM account_keys"),
        ("'steward', 'steward-end', 'consent', 'consent-revocation'", "SELECT tradition FROM stewards"),
        ("'ruling'", "SELECT policy FROM rulings"),
    ] {
        let sql = format!("SELECT kind || ' ' || subject FROM statements WHERE kind IN ({kinds}) AND subject NOT IN ({things})");
        assert_eq!(t.texts(&sql).await, Vec::<String>::new(), "{kinds}");
    }
    let bundles = t.texts("SELECT subject FROM statements WHERE kind = 'bundle'").await;
    assert_eq!(bundles, [t.policies().hash().to_string()]);
    t.finish().await;
}

/// The bytes of what is missing, from where they are.
async fn bytes_of(t: &TestInstance, missing: Vec<Missing>) -> Vec<(Missing, Vec<u8>)> {
    let mut found = Vec::new();
    for one in missing {
        let blob = storage::blobs::find(&mut t.store.read().await.unwrap(), one.blake3).await.unwrap().unwrap();
        found.push((one, t.blobs.get(&blob).await.unwrap()));
    }
    found
}

async fn a_lost_database_comes_back_and_goes_on(kind: Kind) {
    let t = TestInstance::new(kind).await;
    busy(&t).await;
    let log = served(&t, "mirror").await;
    let place = Place::new(kind, &t).await;
    place.copy_keys(&t);
    let store = place.store().await;
    let size = fill(&store, &t, &log, &place.keys()).await.unwrap();
    assert_eq!(size, log.entries.len() as u64);
    equal(&t, &store).await;

    // The files: those inside the program, then those that somebody hands in, if they are the right ones.
    let blobs = Blobs::folder(&place.settings.data_dir.join("blobs")).unwrap();
    let inside = put_in_embedded(&store, &blobs, &place.settings.models_dir).await.unwrap();
    assert_eq!(i64::try_from(inside).unwrap(), t.number("SELECT COUNT(*) FROM works WHERE package <> ''").await);
    let mut tx = store.read().await.unwrap();
    let works = missing_of_works(&mut tx, "", 100).await.unwrap();
    let images = missing_of_images(&mut tx, "", 100).await.unwrap();
    drop(tx);
    assert_eq!((works.len(), images.len()), (5, 2));
    let wrong = works.iter().map(|one| (one.clone(), b"another file".to_vec())).collect();
    assert_eq!(keep_files(&store, &blobs, wrong).await.unwrap(), 0);
    let found = bytes_of(&t, [works, images].concat()).await;
    assert_eq!(keep_files(&store, &blobs, found).await.unwrap(), 7);
    assert_eq!(missing_of_works(&mut store.read().await.unwrap(), "", 100).await.unwrap(), []);
    assert_eq!(missing_of_images(&mut store.read().await.unwrap(), "", 100).await.unwrap(), []);
    store.close().await;

    // It is the log: another deed, sound to its end, and what was published before is its beginning.
    let again = place.open(&t).await.unwrap();
    same(&t.public_tables().await, &dump(&again.store, PUBLIC_TABLES).await);
    let actor = local_operator(&again).await.unwrap();
    draw_order(&again, &actor, order("a red apple", 9)).await.unwrap();
    quokka(&again, &actor, 6).await;
    publish_checkpoint(&again).await.unwrap();
    let report = check_log(&again).await.unwrap();
    assert_eq!((report.problems.clone(), report.size), (vec![], size + 2));
    let before = dump(&again.store, PUBLIC_TABLES).await;
    assert_eq!(rebuild(&again).await.unwrap(), size + 2);
    same(&before, &dump(&again.store, PUBLIC_TABLES).await);
    again.store.close().await;
    place.remove().await;
    t.finish().await;
}

async fn a_refill_that_broke_off_goes_on(kind: Kind) {
    let t = TestInstance::new(kind).await;
    busy(&t).await;
    let log = served(&t, "mirror").await;
    let place = Place::new(kind, &t).await;
    let store = place.store().await;
    let mut refill = begin(&store, &t).await.unwrap();
    refill.append(&log.entries[..30]).await.unwrap();
    refill.append(&log.entries[30..50]).await.unwrap();
    // A write that fails leaves the entries of that part out, whole.
    let before = dump(&store, TABLES).await;
    refuse(&store, Fault("INSERT", "images")).await;
    let failed = refill.append(&log.entries[50..]).await.unwrap_err().to_string();
    assert!(failed.contains(FAILURE), "{failed}");
    heal(&store, Fault("INSERT", "images")).await;
    same(&before, &dump(&store, TABLES).await);
    drop(refill);
    assert_eq!(number(&mut store.read().await.unwrap(), "SELECT COUNT(*) FROM statements").await, 50);

    // No instance opens it, and no other log goes on with it.
    let refused = place.open(&t).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("half filled") && refused.contains("colophon rebuild --from"), "{refused}");
    assert!(!place.keys().join("log.key").exists(), "no key was made");
    let stranger = TestInstance::stranger(kind).await;
    let other = begin(&store, &stranger).await.unwrap_err();
    assert!(matches!(&other, Error::Conflict(why) if why.contains("half filled from another log")), "{other}");
    stranger.finish().await;
    let early = begin(&store, &t).await.unwrap();
    assert!(early.finish(&log.note, &place.keys()).await.is_err(), "nothing was handed in");

    // Entries that are not those of before.
    let mut swapped = log.entries.clone();
    swapped.swap(3, 4);
    let mut refill = begin(&store, &t).await.unwrap();
    let other = refill.append(&swapped).await.unwrap_err().to_string();
    assert!(other.contains("is not what this log says"), "{other}");

    // Meanwhile the log has grown: from the last entry on to its new end.
    let rosa = t.actor("Rosa Ruiz", &[Role::RightsHolder]).await;
    quokka(&t, &rosa, 6).await;
    let longer = served(&t, "longer mirror").await;
    assert_eq!(begin(&store, &t).await.unwrap().there(), 50);
    assert_eq!(fill(&store, &t, &longer, &place.keys()).await.unwrap(), log.entries.len() as u64 + 1);
    equal(&t, &store).await;
    let facts = async |fact| storage::instance::get(&mut store.read().await.unwrap(), fact).await.unwrap();
    assert_eq!((facts(Fact::Refilling).await, facts(Fact::Founding).await.as_deref()), (None, Some("done")));
    assert_eq!(facts(Fact::LogOrigin).await.as_deref(), Some(t.site.log_origin.as_str()));

    // Without the keys it is a copy to be read: nothing goes on with it, and no other keys are made in their place.
    let before: Dump = dump(&store, TABLES).await;
    let refused = place.open(&t).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("start with the data folder that goes with this database"), "{refused}");
    let there: Vec<_> = std::fs::read_dir(place.keys()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(there.iter().all(|name| name.to_str().unwrap().starts_with("signed-head")), "{there:?}");
    same(&before, &dump(&store, TABLES).await);
    // Once they are put there it does.
    place.copy_keys(&t);
    let again = place.open(&t).await.unwrap();
    assert!(check_log(&again).await.unwrap().is_sound());
    again.store.close().await;
    // And then it is filled no more.
    let full = begin(&store, &t).await.unwrap_err();
    assert!(matches!(&full, Error::Conflict(why) if why.contains("not empty")), "{full}");
    store.close().await;
    place.remove().await;
    t.finish().await;
}

async fn what_is_not_this_log_is_refused(kind: Kind) {
    let t = TestInstance::new(kind).await;
    draw(&t, "a cat", 1).await;
    let log = served(&t, "mirror").await;
    // An instance is not filled.
    let full = begin(&t.store, &t).await.unwrap_err();
    assert!(matches!(&full, Error::Conflict(why) if why.contains("not empty")), "{full}");

    let place = Place::new(kind, &t).await;
    let store = place.store().await;
    let empty = dump(&store, TABLES).await;
    let refused = async |entries: &[Vec<u8>], words: &str| {
        let why = begin(&store, &t).await.unwrap().append(entries).await.unwrap_err().to_string();
        assert!(why.contains(words), "{why}");
        same(&empty, &dump(&store, TABLES).await);
    };
    // A byte of a statement, a byte of a signature, and what is no statement at all.
    let text = String::from_utf8(log.entries[5].clone()).unwrap();
    let at = text.find("\"sig\":\"").unwrap() + 12;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &text[..at], &text[at + 1..]);
    let with = |entry: &[u8]| [&log.entries[..5], &[entry.to_vec()], &log.entries[6..]].concat();
    refused(&with(forged.as_bytes())[..], "entry 5 can't be taken over").await;
    refused(&with(b"{}")[..], "entry 5 can't be taken over").await;
    // Well signed, by the registry itself: a kind that nobody knows, and one that does not say what it is about.
    let statement = |kind: &str| {
        let predicate = json!({
            "statement": StatementId::derived(b"miracle"), "recorded_at": t.now(), "actor": "Ana", "custody": "instance",
        });
        Statement::new(kind, vec![Subject::new("thing", Digest::of(b"thing"))], predicate)
    };
    for (kind, words) in
        [("miracle", "no table is kept for statements of kind `miracle`"), ("work", "does not say what it is about")]
    {
        let entry = statement(kind).sign(&t.keys.statement).unwrap().to_bytes().unwrap();
        refused(&with(&entry)[..], words).await;
    }
    // Signed by another registry.
    let stranger = TestInstance::stranger(kind).await;
    let entry = statement("work").sign(&stranger.keys.statement).unwrap().to_bytes().unwrap();
    refused(&with(&entry)[..], "entry 5 can't be taken over").await;
    let verifier = stranger.keys.log.verifier().clone();
    let mut refill = Refill::begin(&store, t.keys.log.verifier(), keyring(&stranger)).await.unwrap();
    assert!(refill.append(&log.entries).await.is_err());
    same(&empty, &dump(&store, TABLES).await);
    stranger.finish().await;

    // Well signed each, and not what the head says: it is never whole.
    let whole = async |entries: &[Vec<u8>], verifier: &Verifier| {
        let place = Place::new(kind, &t).await;
        let store = place.store().await;
        let mut refill = Refill::begin(&store, verifier, keyring(&t)).await.unwrap();
        refill.append(entries).await.unwrap();
        let why = refill.finish(&log.note, &place.keys()).await.unwrap_err().to_string();
        assert!(why.contains("signed head can't be taken over"), "{why}");
        assert_eq!(number(&mut store.read().await.unwrap(), "SELECT COUNT(*) FROM log_heads").await, 0);
        assert!(place.open(&t).await.is_err());
        store.close().await;
        place.remove().await;
    };
    let last = log.entries.len() - 1;
    whole(&log.entries[..last], t.keys.log.verifier()).await;
    whole(&[&log.entries[..5], &log.entries[6..]].concat()[..], t.keys.log.verifier()).await;
    whole(&log.entries[..], &verifier).await;
    store.close().await;
    place.remove().await;
    t.finish().await;
}

async fn keys_of_another_log_are_refused(kind: Kind) {
    let t = TestInstance::new(kind).await;
    draw(&t, "a cat", 1).await;
    let older = served(&t, "older").await;
    draw(&t, "a cat", 2).await;
    publish_checkpoint(&t).await.unwrap();
    let registry = hex::encode(t.keys.statement.verifying_key().as_bytes());
    let verifier = t.keys.log.verifier();
    let own = t.settings.data_dir.join("keys");
    assert!(has_keys(&own, verifier, &registry).unwrap());
    assert!(!has_keys(&t.folder().join("nowhere"), verifier, &registry).unwrap());
    let stranger = TestInstance::stranger(kind).await;
    let theirs = stranger.settings.data_dir.join("keys");
    let refused = has_keys(&theirs, verifier, &registry).unwrap_err().to_string();
    assert!(refused.contains("are not those of the log"), "{refused}");
    assert!(has_keys(&own, verifier, &hex::encode(stranger.keys.statement.verifying_key().as_bytes())).is_err());
    stranger.finish().await;
    let half = t.folder().join("half");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::copy(own.join("log.key"), half.join("log.key")).unwrap();
    assert!(has_keys(&half, verifier, &registry).unwrap_err().to_string().contains("only one"));
    std::fs::write(half.join("statement.key"), "nonsense").unwrap();
    assert!(has_keys(&half, verifier, &registry).unwrap_err().to_string().contains("can't be used"));

    // Keys that have signed more than the log that was fetched: going on from there would fork it.
    let place = Place::new(kind, &t).await;
    place.copy_keys(&t);
    let store = place.store().await;
    let refused = fill(&store, &t, &older, &place.keys()).await.unwrap_err().to_string();
    assert!(refused.contains("would fork the log"), "{refused}");
    // Fetched again, it goes on.
    let newer = served(&t, "newer").await;
    fill(&store, &t, &newer, &place.keys()).await.unwrap();
    equal(&t, &store).await;
    store.close().await;
    place.open(&t).await.unwrap().store.close().await;
    place.remove().await;
    t.finish().await;
}
