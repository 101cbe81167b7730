//! The contract of `storage`, on both databases: every function, every SQL text, and what happens with conflicts, odd texts and
//! spoiled rows.

mod catalogue;
mod code;
mod disputing;
mod erasing;
mod finding;
mod importing;
mod looking;
mod people;
mod pictures;
mod record;
mod signing;
mod stewarding;
mod whole;

use colophon::accounts::{Account, Role, Roles, Scope, Scopes, Secret, Session, Token};
use colophon::chance::SeededChance;
use colophon::clock::Timestamp;
use colophon::digest::{Digest, blake3_of, sha256_of};
use colophon::id::{
    AccountId, AgreementId, ConsentId, DatasetId, DecisionId, DisputeId, GrantId, ImageId, ImportId, InputId, JobId, ModelId,
    NoticeId, ReviewId, RunId, SessionId, StatementId, TokenId, WorkId,
};
use colophon::likeness::{Compared, Like};
use colophon::lineage::{Agreement, Author, AuthorSignature, Dataset, Model, ModelCard, Run};
use colophon::policy::review::{ReviewKind, ReviewState, Ruled, Ruling as Said, Steward};
use colophon::policy::{Consent, Decision, Fired, Label, Outcome as Answered, Project, Use};
use colophon::storage::agreements::{Proposal, Standing};
use colophon::storage::blobs::{Blob, Blobs, Missing};
use colophon::storage::consents::Withdrawal;
use colophon::storage::identities::Identity;
use colophon::storage::images::{DrawnOn, Image, Nearest, Prompt};
use colophon::storage::imports::{Import, ImportRow, Outcome};
use colophon::storage::inputs::Input;
use colophon::storage::instance::Fact;
use colophon::storage::jobs::Job;
use colophon::storage::log::{Exploring, HeadRow, Placed, Staged};
use colophon::storage::models::BundleRecord;
use colophon::storage::notices::Notice;
use colophon::storage::reviews::Review;
use colophon::storage::tasks::TaskState;
use colophon::storage::works::{Filter, Revocation};
use colophon::storage::{
    Error, Lock, Store, Tx, accounts, agreements, blobs, consents, datasets, decisions, disputes, identities, images, impacts,
    imports, inputs, instance, jobs, keys, log, models, notices, projects, reviews, runs, stewards, terms, uploads, works,
};
use colophon::works::dispute::{Dispute, DisputeStep, Ground, Ruling, Step};
use colophon::works::licence::{Concluded, Detected};
use colophon::works::reservation::{Signal, TRAINING};
use colophon::works::{EvidenceFile, Grant, GrantScope, Reservation, Usage, Work};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};

use crate::layering::{sources, tokens};
use crate::support::both;
use crate::support::database::{Database, Kind, PUBLIC_TABLES, TABLES, dump, execute, number, texts, with};

/// A store on an empty database.
pub(super) struct Scratch {
    pub(super) store: Store,
    pub(super) database: Database,
    pub(super) folder: tempfile::TempDir,
}

impl Scratch {
    pub(super) async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::fresh(kind, folder.path()).await;
        let store = Store::open(&database.url).await.unwrap();
        assert_eq!(store.dialect(), if kind == Kind::Sqlite { "sqlite" } else { "postgres" });
        Self { store, database, folder }
    }

    pub(super) async fn begin(&self) -> Tx {
        self.store.begin().await.unwrap()
    }

    pub(super) async fn read(&self) -> Tx {
        self.store.read().await.unwrap()
    }

    pub(super) async fn remove(self) {
        self.store.close().await;
        self.database.remove().await;
    }
}

pub(super) const fn t(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) fn statement(seed: &str) -> StatementId {
    StatementId::derived(seed.as_bytes())
}

pub(super) fn account(name: &str, at: i64) -> Account {
    let roles: Roles = [Role::Creator, Role::RightsHolder].into_iter().collect();
    Account { id: AccountId::derived(name.as_bytes()), name: name.into(), roles, created_at: t(at), disabled_at: None }
}

pub(super) fn work(seed: &str) -> Work {
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
        digest: Digest::of(seed.as_bytes()).into(),
        held: true,
        creators: vec![],
        rights_holder: String::new(),
        created: String::new(),
        published: String::new(),
        evidence_files: vec![],
        reservations: vec![],
        registered_by: "Ana".into(),
        registered_at: t(1_000),
    }
}

pub(super) fn grant(seed: &str, on: &Work, licence: &str, from: i64, until: Option<i64>) -> Grant {
    Grant {
        id: GrantId::derived(seed.as_bytes()),
        work: on.id,
        licence: licence.into(),
        licence_url: "https://licences.example/".into(),
        declared_by: "Ana".into(),
        evidence: "her word".into(),
        starts_at: t(from),
        ends_at: until.map(t),
        scope: GrantScope::default(),
        detected: vec![],
        concluded: None,
    }
}

pub(super) fn dispute(seed: &str, work: WorkId, at: i64) -> Dispute {
    Dispute {
        id: DisputeId::derived(seed.as_bytes()),
        work,
        ground: Ground::WrongAuthor,
        words: "I drew it".into(),
        files: vec![EvidenceFile { name: "sketch.png".into(), sha256: sha256_of(b"sketch") }],
        opened_by: "Ben".into(),
        opened_at: t(at),
    }
}

pub(super) fn dispute_step(of: &Dispute, step: Step, ruling: Option<Ruling>, at: i64) -> DisputeStep {
    DisputeStep { dispute: of.id, work: of.work, step, words: "so".into(), files: vec![], ruling, by: "Ana".into(), at: t(at) }
}

pub(super) fn import(seed: &str, at: i64) -> Import {
    Import {
        id: ImportId::derived(seed.as_bytes()),
        account: AccountId::derived(b"ana"),
        actor: "Ana".into(),
        name: format!("{seed}.csv"),
        place: format!("/lists/{seed}.csv"),
        settings: json!({ "collection": "set" }),
        state: TaskState::Queued,
        rows: 0,
        registered: 0,
        known: 0,
        refused: 0,
        problem: None,
        created_at: t(at),
        changed_at: t(at),
    }
}

pub(super) fn dataset(seed: &str, works: u64, at: i64) -> Dataset {
    Dataset {
        id: DatasetId::derived(seed.as_bytes()),
        name: seed.into(),
        root: sha256_of(seed.as_bytes()),
        works,
        frozen_at: t(at),
    }
}

pub(super) fn run(seed: &str, dataset: DatasetId, at: i64) -> Run {
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

pub(super) fn model(seed: &str, datasets: Vec<DatasetId>, at: i64) -> Model {
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
        ..ModelCard::default()
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

pub(super) fn image(seed: &str, at: i64, on: &[WorkId]) -> Image {
    Image {
        id: ImageId::new(t(at), &SeededChance::new(u64::from(blake3_of(seed.as_bytes()).0[0]))),
        model: Some(ModelId::derived(b"m")),
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
            .map(|(work, n)| DrawnOn {
                work: *work,
                nearness: n,
                influence: 1000 - n,
                part: n % 2,
                generation: n % 3,
                near: n % 2 == 1,
            })
            .collect(),
        adapter: on.first().map(|_| ModelId::derived(b"adapter")),
        nearest: on.first().map(|work| Nearest { work: *work, nearness: 7 }),
        compared: on.first().map(|work| Compared {
            method: "m".into(),
            weights_sha256: sha256_of(b"w"),
            index_blake3: blake3_of(b"i"),
            works: 3,
            not_compared: 1,
            held_from: 800_000,
            like: vec![Like { work: *work, likeness: 700_000 }],
        }),
        parent: on.get(1).map(|_| ImageId::derived(b"parent")),
        edit: on.get(1).map(|_| json!({ "kind": "sketch" })),
        inputs: Vec::new(),
        replay: json!({ "seed": "7" }),
        decision: json!({ "outcome": "allow" }),
        made_at: t(at),
    }
}

pub(super) fn job(seed: &str, at: i64) -> Job {
    Job {
        id: JobId::derived(seed.as_bytes()),
        account: AccountId::derived(b"a"),
        decision: DecisionId::derived(b"d"),
        state: TaskState::Queued,
        request: json!({ "prompt": "a red apple" }),
        image: None,
        problem: None,
        held: None,
        attempts: 0,
        model: None,
        progress: None,
        series: None,
        priority: 0,
        started_at: None,
        created_at: t(at),
    }
}

pub(super) fn secret(seed: u64) -> Secret {
    Secret::new(&SeededChance::new(seed))
}
