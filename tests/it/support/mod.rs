//! A whole instance for one test: real store, blobs, keys, policy and log in a folder of its own; only the model is small, the clock
//! stands still and chance is seeded. At its end everything is looked at once more.

pub mod binary;
pub mod database;
pub mod fault;
pub mod mirror;
pub mod model;
pub mod tiny_model;

use std::future::Future;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use colophon::accounts::{Account, Actor, Role};
use colophon::actions::check_log::check_log;
use colophon::actions::finish_image::Delivered;
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::rebuild::rebuild;
use colophon::actions::request_image::{Order, request_image};
use colophon::actions::sign_in::actor_of;
use colophon::actions::{Error, Instance};
use colophon::chance::SeededChance;
use colophon::clock::{Clock as _, SystemClock, TestClock, Timestamp};
use colophon::config::Settings;
use colophon::generation::{Backend, Engine, FakeBackend};
use colophon::id::{AccountId, StatementId};
use colophon::jobs::generate;
use colophon::storage::{self, jobs::Job};

use database::{Database, Kind, PUBLIC_TABLES, dump, number, same, texts};

/// Runs one test body on one database.
pub fn run<F: Future<Output = ()>>(kind: Kind, body: impl FnOnce(Kind) -> F) {
    if kind == Kind::Postgres && database::left_out() {
        return;
    }
    // Several threads: actions move blocking work aside, which one thread can't.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(body(kind));
}

/// Makes two tests of each function of this module named: `sqlite::NAME` and `postgres::NAME`.
macro_rules! both {
    ($($(#[$attribute:meta])* $name:ident,)*) => {
        mod sqlite { $( #[test] $(#[$attribute])* fn $name() { $crate::support::run($crate::support::database::Kind::Sqlite, super::$name); } )* }
        mod postgres { $( #[test] $(#[$attribute])* fn $name() { $crate::support::run($crate::support::database::Kind::Postgres, super::$name); } )* }
    };
}
pub(crate) use both;

/// An instance in a scratch folder. End it with `finish` or `leave_broken`.
pub struct TestInstance {
    instance: Arc<Instance>,
    /// What it was opened with.
    pub settings: Settings,
    /// Stands still at the moment the test began; certificates are checked against the system's time, so it begins there.
    pub clock: Arc<TestClock>,
    folder: tempfile::TempDir,
    database: Database,
    opened: AtomicU64,
    finished: bool,
}

impl Deref for TestInstance {
    type Target = Instance;
    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl TestInstance {
    /// With a few dozen works.
    pub async fn new(kind: Kind) -> Self {
        Self::with(kind, &[]).await
    }

    /// With a few dozen works and these settings.
    pub async fn with(kind: Kind, more: &[(&'static str, &str)]) -> Self {
        Self::open(kind, true, more, 0).await
    }

    /// With the model and all the works that the program carries.
    pub async fn whole(kind: Kind) -> Self {
        Self::open(kind, false, &[], 0).await
    }

    /// Another service altogether, with keys of its own.
    pub async fn stranger(kind: Kind) -> Self {
        Self::open(kind, true, &[], 1_000_000).await
    }

    async fn open(kind: Kind, small: bool, more: &[(&'static str, &str)], seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let database = Database::fresh(kind, &data).await;
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let mut flags = vec![("data_dir", text(&data)), ("database_url", database.url.clone())];
        if small {
            let models = folder.path().join("models");
            model::write_small(&models);
            flags.push(("models_dir", text(&models)));
        }
        flags.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let settings = Settings::from_parts(Path::new("test"), "", &[], &flags).unwrap();
        let clock = Arc::new(TestClock::new(SystemClock.now()));
        let instance =
            Arc::new(Instance::open(&settings, Arc::clone(&clock) as _, Arc::new(SeededChance::new(seed))).await.unwrap());
        Self { instance, settings, clock, folder, database, opened: AtomicU64::new(seed), finished: false }
    }

    /// The folder that is thrown away with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// To be handed to tasks.
    pub fn shared(&self) -> Arc<Instance> {
        Arc::clone(&self.instance)
    }

    /// Another instance on the same folder and database, as a second process would open it.
    pub async fn beside(&self) -> Instance {
        self.try_beside().await.unwrap()
    }

    /// The same, for those that must be refused.
    pub async fn try_beside(&self) -> Result<Instance, Error> {
        // Another seed each time: the same one would make the same ids and the same keys.
        let seed = self.opened.fetch_add(1, Ordering::SeqCst) + 1;
        Instance::open(&self.settings, Arc::clone(&self.clock) as _, Arc::new(SeededChance::new(seed))).await
    }

    /// Closes it and opens it again, as a restart does.
    pub async fn restart(&mut self) {
        self.instance.store.close().await;
        self.instance = Arc::new(self.beside().await);
    }

    /// An account with these roles that can't sign in, and what it may do.
    pub async fn actor(&self, name: &str, roles: &[Role]) -> Actor {
        let now = self.clock.now();
        let account = Account {
            id: AccountId::new(now, &*self.chance),
            name: name.to_owned(),
            roles: roles.iter().copied().collect(),
            created_at: now,
            disabled_at: None,
        };
        let mut tx = self.store.begin().await.unwrap();
        storage::accounts::insert(&mut tx, &account, "").await.unwrap();
        tx.commit().await.unwrap();
        actor_of(&account)
    }

    /// The number that `sql` asks for.
    pub async fn number(&self, sql: &str) -> i64 {
        number(&mut self.store.read().await.unwrap(), sql).await
    }

    /// The texts that `sql` asks for.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        texts(&mut self.store.read().await.unwrap(), sql).await
    }

    /// What its clock shows.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Every row of the public tables.
    pub async fn public_tables(&self) -> database::Dump {
        dump(&self.store, PUBLIC_TABLES).await
    }

    /// Every row of every table.
    pub async fn all_tables(&self) -> database::Dump {
        dump(&self.store, database::TABLES).await
    }

    /// Ends the test: nothing is left in work, the log is sound, every blob is there, and the log alone gives the same tables again.
    pub async fn finish(mut self) {
        // A failed assertion below must not be hidden by the reminder in `drop`.
        self.finished = true;
        let open = self.texts("SELECT id || ' is ' || state FROM jobs WHERE state IN ('queued', 'running')").await;
        assert!(open.is_empty(), "work is left over: {open:?}");
        self.assert_sound().await;
        let before = self.public_tables().await;
        rebuild(&self).await.unwrap();
        same(&before, &self.public_tables().await);
        self.close().await;
    }

    /// Everything that must hold at any moment.
    pub async fn assert_sound(&self) {
        publish_checkpoint(self).await.unwrap();
        let report = check_log(self).await.unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        assert_eq!(i64::try_from(report.size).unwrap(), self.number("SELECT COUNT(*) FROM statements").await, "an entry waits");
        let without_blob = "SELECT id FROM works WHERE blake3 NOT IN (SELECT blake3 FROM blobs) \
                            UNION ALL SELECT id FROM images WHERE blake3 NOT IN (SELECT blake3 FROM blobs)";
        assert_eq!(self.texts(without_blob).await, Vec::<String>::new(), "rows name blobs that are not on record");
        let mut tx = self.store.read().await.unwrap();
        for image in storage::images::list(&mut tx, "", 1000).await.unwrap().items {
            let blob = storage::blobs::find(&mut tx, image.image.digest.blake3).await.unwrap().unwrap();
            // Read back and hashed.
            self.blobs.get(&blob).await.unwrap();
            assert!(storage::log::find(&mut tx, image.statement).await.unwrap().is_some());
        }
    }

    /// Ends a test that broke the instance on purpose.
    pub async fn leave_broken(mut self, why: &str) {
        assert!(!why.is_empty());
        self.finished = true;
        self.close().await;
    }

    async fn close(self) {
        self.store.close().await;
        self.database.remove().await;
    }
}

impl Drop for TestInstance {
    fn drop(&mut self) {
        assert!(self.finished || std::thread::panicking(), "a test ends its instance with `finish` or `leave_broken`");
    }
}

/// An engine that paints squares.
pub fn engine(instance: &Instance) -> Engine {
    engine_of(instance, FakeBackend::new())
}

/// An engine around `backend`.
pub fn engine_of(instance: &Instance, backend: impl Backend + 'static) -> Engine {
    Engine::start(backend, 4, Arc::clone(&instance.clock)).unwrap()
}

/// An order for `prompt` that always draws the same.
pub fn order(prompt: &str, seed: u64) -> Order {
    Order { prompt: prompt.to_owned(), seed: Some(seed), ..Order::default() }
}

/// Leases the oldest job that waits.
pub async fn lease(instance: &Instance) -> Option<Job> {
    let mut tx = instance.store.begin().await.unwrap();
    let job = storage::jobs::lease(&mut tx, instance.clock.now(), generate::lease_end(instance)).await.unwrap();
    tx.commit().await.unwrap();
    job
}

/// The whole loop for one order: asked for, leased, drawn, signed, logged.
pub async fn draw_order(instance: &Instance, actor: &Actor, order: Order) -> Result<Delivered, Error> {
    let delivered = draw_staged(instance, actor, order).await?;
    publish_checkpoint(instance).await?;
    Ok(delivered)
}

async fn draw_staged(instance: &Instance, actor: &Actor, order: Order) -> Result<Delivered, Error> {
    let requested = request_image(instance, actor, order, Some(generate::lease_end(instance))).await?;
    let engine = engine(instance);
    let drawn = generate::run(instance, &engine, &requested.job).await?;
    engine.shutdown();
    let Some((delivered, _)) = drawn else {
        let mut tx = instance.store.read().await?;
        let job = storage::jobs::find(&mut tx, requested.job.id).await?.unwrap();
        return Err(Error::Internal(format!("the job is {}: {:?}", job.state, job.problem)));
    };
    Ok(delivered)
}

/// The same for plain words, by an account made for it when there is none.
pub async fn draw(instance: &TestInstance, prompt: &str, seed: u64) -> Delivered {
    let actor = creator(instance).await;
    draw_order(instance, &actor, order(prompt, seed)).await.unwrap()
}

/// The same up to the log, where its statement waits.
pub async fn draw_unpublished(instance: &TestInstance, prompt: &str, seed: u64) -> StatementId {
    let actor = creator(instance).await;
    draw_staged(instance, &actor, order(prompt, seed)).await.unwrap().statement
}

/// The account that draws when a test does not care who does.
pub async fn creator(instance: &TestInstance) -> Actor {
    const NAME: &str = "Ana";
    let mut tx = instance.store.read().await.unwrap();
    let found = storage::accounts::find_by_name(&mut tx, NAME).await.unwrap();
    drop(tx);
    match found {
        Some((account, _)) => actor_of(&account),
        None => instance.actor(NAME, &[Role::Creator]).await,
    }
}
