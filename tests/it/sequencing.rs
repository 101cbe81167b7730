//! The sequencer under every failure there is: each call to the database and each file written fails in both ways (not done; done, and
//! reported as failed), the process is killed at each of them, reads fail twice in a row, two sequencers race, an old backup is restored.
//! Whatever happens: no fork, no hole, and no statement lost that was acknowledged. Each test says on the error output how often it tried.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use colophon::accounts::{Actor, Role};
use colophon::actions::check_log::check_log;
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::register_work::{Registration, register_work};
use colophon::actions::sign_in::local_operator;
use colophon::actions::{Error, Instance};
use colophon::chance::SeededChance;
use colophon::clock::{SystemClock, TestClock};
use colophon::config::Settings;
use colophon::id::StatementId;
use colophon::ledger::{Frontier, leaf_hash};
use colophon::provenance::{Format, encode};
use colophon::storage::faults::{Call, Faults, Moment};
use colophon::storage::{self, Store};
use colophon::works::list::Row;

use crate::support::database::{Database, Kind, execute, number, texts};
use crate::support::{TestInstance, both};

both! {
    every_call_fails_in_both_ways,
    reads_fail_twice_in_a_row,
    a_kill_at_every_step_loses_nothing,
    two_sequencers_that_fail_at_random_never_fork,
    an_old_backup_is_not_gone_on_from,
    heads_of_another_history_key_or_name_are_refused,
}

/// Says how often something was tried.
fn tried(what: &str, kind: Kind, runs: usize) {
    let _ = writeln!(std::io::stderr(), "{what}, {kind:?}: {runs} runs");
}

/// Registers a work that no other call registers. The statement that was acknowledged.
async fn deed(instance: &Instance, actor: &Actor, n: u64) -> Result<StatementId, Error> {
    let rgb: Vec<u8> = (0..16 * 16u64).flat_map(|at| [(n % 251) as u8, (n / 251) as u8, (at % 7) as u8]).collect();
    let row = Row {
        title: format!("Work {n}"),
        author: "Rosa".into(),
        tags: vec!["test".into()],
        licence: "MIT".into(),
        ..Row::default()
    };
    let file = encode(&rgb, 16, 16, Format::Png).unwrap();
    register_work(instance, actor, Registration { file, row, ..Registration::default() }).await.map(|(_, statement)| statement)
}

/// A plan that can be changed while it is in use, and counts.
#[derive(Default)]
struct Plan {
    /// The moments to fail at, by number.
    fails: Vec<usize>,
    /// Every moment since it was set.
    seen: Vec<Moment>,
    failed: usize,
}

type Shared = Arc<Mutex<Plan>>;

fn planned() -> (Shared, Faults) {
    let plan = Shared::default();
    let asked = Arc::clone(&plan);
    let faults = Faults::new(move |moment| {
        let mut plan = asked.lock().unwrap();
        let at = plan.seen.len();
        plan.seen.push(moment);
        if plan.fails.contains(&at) {
            plan.failed += 1;
            return Err(format!("planned failure {at}"));
        }
        Ok(())
    });
    (plan, faults)
}

fn set(plan: &Shared, fails: Vec<usize>) {
    *plan.lock().unwrap() = Plan { fails, ..Plan::default() };
}

/// What a reader of the published log saw last.
#[derive(Default)]
struct Reader {
    size: u64,
    heads: Vec<(u64, Vec<u8>)>,
}

impl Reader {
    async fn look(&mut self, store: &Store) {
        let mut tx = store.read().await.unwrap();
        if let Some(head) = storage::log::head(&mut tx).await.unwrap() {
            assert!(head.size >= self.size, "the published log never gets smaller");
            self.size = head.size;
            // All that the head covers is there to be read.
            let entries = storage::log::entries(&mut tx, 0, head.size).await.unwrap();
            assert_eq!(entries.len() as u64, head.size);
            self.heads.push((head.size, head.root));
        }
    }

    /// Every head ever seen is one of the tree as it is now.
    async fn judge(&self, store: &Store) {
        let mut tx = store.read().await.unwrap();
        let entries = storage::log::entries(&mut tx, 0, u64::MAX).await.unwrap();
        let mut tree = Frontier::new();
        let mut roots = vec![tree.root()];
        for (place, (index, bytes)) in (0..).zip(&entries) {
            assert_eq!(place, *index, "a hole");
            tree.append(leaf_hash(bytes));
            roots.push(tree.root());
        }
        for (size, root) in &self.heads {
            assert_eq!(root, &roots[usize::try_from(*size).unwrap()].0, "a fork at {size}");
        }
    }
}

/// Everything acknowledged is in the log once, and the log is sound.
async fn judge(t: &Instance, acknowledged: &[StatementId]) {
    let report = check_log(t).await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    let mut tx = t.store.read().await.unwrap();
    let head = storage::log::head(&mut tx).await.unwrap().unwrap();
    for id in acknowledged {
        let entry = storage::log::find(&mut tx, *id).await.unwrap().expect("what was acknowledged is there");
        assert!(entry.index.is_some_and(|index| index < head.size), "and published");
    }
}

async fn every_call_fails_in_both_ways(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let mut broken = t.beside().await;
    let (plan, faults) = planned();
    broken.store = broken.store.with_faults(faults);
    let (mut acknowledged, mut reader, mut n) = (Vec::new(), Reader::default(), 0);
    // How many moments there are when nothing fails.
    acknowledged.push(deed(&t, &rosa, n).await.unwrap());
    set(&plan, vec![]);
    publish_checkpoint(&broken).await.unwrap();
    let moments = plan.lock().unwrap().seen.len();
    let calls: Vec<Moment> = plan.lock().unwrap().seen.clone();
    assert!(calls.iter().filter(|m| m.call == Call::Commit).count() >= 4, "two commits, before and after: {calls:?}");
    let mut runs = 0;
    for at in 0..moments + 4 {
        // The process that failed goes on, or another takes over.
        for goes_on in [true, false] {
            n += 1;
            acknowledged.push(deed(&t, &rosa, n).await.unwrap());
            set(&plan, vec![at]);
            let outcome = publish_checkpoint(&broken).await;
            let failed = plan.lock().unwrap().failed;
            // A conflict is tried again by itself; any other failure is told.
            assert!(failed == 0 || outcome.is_err(), "moment {at} failed and nobody said so: {:?}", calls.get(at));
            reader.look(&t.store).await;
            n += 1;
            acknowledged.push(deed(&t, &rosa, n).await.unwrap());
            set(&plan, vec![]);
            publish_checkpoint(if goes_on { &broken } else { &t }).await.unwrap();
            reader.look(&t.store).await;
            judge(&t, &acknowledged).await;
            runs += 1;
        }
    }
    // The deed itself: either it was acknowledged and is there, or it failed; what failed half-way left nothing half.
    set(&plan, vec![]);
    n += 1;
    acknowledged.push(deed(&broken, &rosa, n).await.unwrap());
    let moments = plan.lock().unwrap().seen.len();
    for at in 0..moments {
        n += 1;
        set(&plan, vec![at]);
        if let Ok(statement) = deed(&broken, &rosa, n).await {
            acknowledged.push(statement);
        }
        publish_checkpoint(&t).await.unwrap();
        reader.look(&t.store).await;
        judge(&t, &acknowledged).await;
        runs += 1;
    }
    reader.judge(&t.store).await;
    tried("every call failed in both ways", kind, runs);
    broken.store.close().await;
    t.finish().await;
}

async fn reads_fail_twice_in_a_row(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let mut broken = t.beside().await;
    let (plan, faults) = planned();
    broken.store = broken.store.with_faults(faults);
    let (mut acknowledged, mut reader, mut n, mut runs) = (Vec::new(), Reader::default(), 0, 0);
    acknowledged.push(deed(&t, &rosa, n).await.unwrap());
    set(&plan, vec![]);
    publish_checkpoint(&broken).await.unwrap();
    let moments = plan.lock().unwrap().seen.len();
    for first in 0..moments {
        n += 1;
        acknowledged.push(deed(&t, &rosa, n).await.unwrap());
        // The same call fails in two rounds, one after the other, as a store that is away for a moment; then it is back.
        for _ in 0..2 {
            set(&plan, vec![first, first + 1]);
            let outcome = publish_checkpoint(&broken).await;
            let (failed, at) = {
                let plan = plan.lock().unwrap();
                (plan.failed, plan.seen.get(first).copied())
            };
            assert!(failed == 0 || outcome.is_err(), "{at:?}");
            reader.look(&t.store).await;
            runs += 1;
        }
        set(&plan, vec![]);
        publish_checkpoint(&broken).await.unwrap();
        reader.look(&t.store).await;
        judge(&t, &acknowledged).await;
    }
    reader.judge(&t.store).await;
    tried("two failures in a row", kind, runs);
    broken.store.close().await;
    t.finish().await;
}

/// What the child of the next test is told.
const CHILD: &str = "COLOPHON_TEST_KILLED_CHILD";

#[expect(clippy::disallowed_methods, reason = "how one test process tells its child what to do")]
fn told() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// Does two deeds and publishes them, and is killed at a moment that its parent chose. By itself it does nothing.
#[test]
fn the_child_that_is_killed() {
    let Some(told) = told() else { return };
    let [at, work, url, data, models]: [&str; 5] = told.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let (at, work): (usize, u64) = (at.parse().unwrap(), work.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let flags = [("data_dir", data.to_owned()), ("database_url", url.to_owned()), ("models_dir", models.to_owned())];
        let settings = Settings::from_parts(Path::new("test"), "", &[], &flags).unwrap();
        let clock = Arc::new(TestClock::new(colophon::clock::Clock::now(&SystemClock)));
        let mut instance = Instance::open(&settings, clock, Arc::new(SeededChance::new(work + 1_000))).await.unwrap();
        let seen = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&seen);
        instance.store = instance.store.with_faults(Faults::new(move |_| {
            if count.fetch_add(1, Ordering::SeqCst) == at as u64 {
                // As the system does when memory runs out: without a word.
                let _ = Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
                std::thread::sleep(std::time::Duration::from_secs(60));
            }
            Ok(())
        }));
        let actor = local_operator(&instance).await.unwrap();
        for n in [work, work + 1] {
            let statement = deed(&instance, &actor, n).await.unwrap();
            let mut out = std::io::stderr();
            let _ = writeln!(out, "acknowledged {statement}").and_then(|()| out.flush());
            publish_checkpoint(&instance).await.unwrap();
        }
        let _ = writeln!(std::io::stderr(), "moments {}", seen.load(Ordering::SeqCst));
    });
}

async fn a_kill_at_every_step_loses_nothing(kind: Kind) {
    let t = TestInstance::new(kind).await;
    local_operator(&t).await.unwrap();
    publish_checkpoint(&t).await.unwrap();
    let (mut acknowledged, mut reader, mut killed) = (Vec::new(), Reader::default(), 0);
    let (url, data, models) = (&t.settings.database_url, t.settings.data_dir.display(), t.settings.models_dir.display());
    let (mut at, mut work) = (usize::MAX, 0);
    loop {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sequencing::the_child_that_is_killed", "--nocapture"])
            .env(CHILD, format!("{at}\n{work}\n{url}\n{data}\n{models}"))
            .stdout(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr).into_owned();
        for line in said.lines() {
            if let Some(id) = line.strip_prefix("acknowledged ") {
                acknowledged.push(id.parse().unwrap());
            }
        }
        reader.look(&t.store).await;
        // Whoever comes next makes good what was left.
        publish_checkpoint(&t).await.unwrap();
        reader.look(&t.store).await;
        judge(&t, &acknowledged).await;
        if at == usize::MAX {
            assert!(child.status.success(), "{said}");
            at = 0;
        } else if child.status.success() {
            assert!(said.contains("moments "), "{said}");
            break;
        } else {
            assert!(!said.contains("panicked"), "it was killed, and did not fail: {said}");
            killed += 1;
            at += 1;
        }
        work += 2;
    }
    assert!(killed > 60, "{killed}");
    reader.judge(&t.store).await;
    tried("killed at every step", kind, killed);
    t.finish().await;
}

async fn two_sequencers_that_fail_at_random_never_fork(kind: Kind) {
    const WRITERS: u64 = 8;
    const DEEDS: u64 = 12;
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let failures = Arc::new(AtomicU64::new(0));
    let mut sequencers = Vec::new();
    for seed in 0..2u64 {
        let mut instance = t.beside().await;
        let (failures, state) = (Arc::clone(&failures), AtomicU64::new(seed * 77 + 1));
        instance.store = instance.store.with_faults(Faults::new(move |moment| {
            // splitmix64: one moment in twelve fails, in either way.
            let mut z = state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            if (z >> 33) % 12 == 0 {
                failures.fetch_add(1, Ordering::Relaxed);
                return Err(format!("random failure at {moment:?}"));
            }
            Ok(())
        }));
        sequencers.push(Arc::new(instance));
    }
    let done = Arc::new(AtomicU64::new(0));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (instance, rosa, done) = (t.shared(), rosa.clone(), Arc::clone(&done));
        writers.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0..DEEDS {
                acknowledged.push(deed(&instance, &rosa, writer * DEEDS + n).await.unwrap());
            }
            done.fetch_add(1, Ordering::SeqCst);
            acknowledged
        }));
    }
    let mut tasks = Vec::new();
    for instance in &sequencers {
        let (instance, done) = (Arc::clone(instance), Arc::clone(&done));
        tasks.push(tokio::spawn(async move {
            let mut rounds = 0usize;
            while done.load(Ordering::SeqCst) < WRITERS || rounds < 40 {
                let _ = publish_checkpoint(&instance).await;
                rounds += 1;
                tokio::task::yield_now().await;
            }
            rounds
        }));
    }
    let mut reader = Reader::default();
    while done.load(Ordering::SeqCst) < WRITERS {
        reader.look(&t.store).await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let (mut acknowledged, mut rounds) = (Vec::new(), 0);
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    for task in tasks {
        rounds += task.await.unwrap();
    }
    publish_checkpoint(&t).await.unwrap();
    reader.look(&t.store).await;
    judge(&t, &acknowledged).await;
    reader.judge(&t.store).await;
    assert!(failures.load(Ordering::SeqCst) > 20);
    tried("two sequencers, rounds with failures at random", kind, rounds);
    for instance in sequencers {
        instance.store.close().await;
    }
    t.finish().await;
}

async fn an_old_backup_is_not_gone_on_from(kind: Kind) {
    let mut t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    deed(&t, &rosa, 1).await.unwrap();
    publish_checkpoint(&t).await.unwrap();
    let size = t.number("SELECT MAX(size) FROM log_heads").await;
    let backup = t.backup().await;
    deed(&t, &rosa, 2).await.unwrap();
    publish_checkpoint(&t).await.unwrap();
    let newer = t.backup().await;
    t.put_back(&backup).await;
    // It does not start, and a process that runs meanwhile signs nothing.
    let why = t.try_beside().await.map(drop).unwrap_err().to_string();
    assert!(why.contains("an old copy") && why.contains("restore a newer backup"), "{why}");
    t.put_back(&newer).await;
    t.restart().await;
    let mut tx = t.store.begin().await.unwrap();
    execute(&mut tx, &format!("UPDATE statements SET idx = NULL WHERE idx >= {size}")).await;
    execute(&mut tx, &format!("DELETE FROM log_heads WHERE size > {size}")).await;
    execute(&mut tx, "DELETE FROM log_lock").await;
    execute(
        &mut tx,
        "INSERT INTO log_lock SELECT 1, size, root, checkpoint, published_at FROM log_heads ORDER BY size DESC LIMIT 1",
    )
    .await;
    tx.commit().await.unwrap();
    let why = publish_checkpoint(&t).await.unwrap_err().to_string();
    assert!(why.contains("an old copy"), "{why}");
    assert_eq!(t.number("SELECT MAX(size) FROM log_heads").await, size, "nothing was signed");
    // The right one again: it goes on.
    t.store.close().await;
    t.put_back(&newer).await;
    t.restart().await;
    deed(&t, &rosa, 3).await.unwrap();
    publish_checkpoint(&t).await.unwrap();
    t.finish().await;
}

async fn heads_of_another_history_key_or_name_are_refused(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    deed(&t, &rosa, 1).await.unwrap();
    publish_checkpoint(&t).await.unwrap();
    let file = t.settings.data_dir.join("keys/signed-head");
    let kept = std::fs::read_to_string(&file).unwrap();
    let refused = async |words: &str| {
        let why = t.try_beside().await.map(drop).unwrap_err().to_string();
        assert!(why.contains(words), "{why}");
        let why = publish_checkpoint(&t).await.map(drop);
        assert!(why.is_err() || words.contains("entries end") || words.contains("differ"), "{words}");
    };
    // Another key, another name, and something else altogether.
    let stranger = TestInstance::stranger(kind).await;
    std::fs::write(&file, std::fs::read_to_string(stranger.settings.data_dir.join("keys/signed-head")).unwrap()).unwrap();
    refused("is not this log's").await;
    stranger.finish().await;
    std::fs::write(&file, kept.replacen("localhost", "elsewhere", 1).replacen("127.0.0.1", "elsewhere", 1)).unwrap();
    refused("is not this log's").await;
    std::fs::write(&file, "nonsense").unwrap();
    refused("is not this log's").await;
    std::fs::write(&file, &kept).unwrap();
    // Another root at the size that is remembered: signed with our own key, so only the database can be wrong.
    let mut tx = t.store.read().await.unwrap();
    let head = storage::log::head(&mut tx).await.unwrap().unwrap();
    drop(tx);
    let root = colophon::ledger::NodeHash([7; 32]);
    let other = colophon::ledger::Checkpoint::new(&t.site.log_origin, head.size, root).sign(&[&t.keys.log]).unwrap();
    std::fs::write(&file, other.to_string()).unwrap();
    refused("another history").await;
    std::fs::write(&file, &kept).unwrap();
    // A smaller head that is not a beginning of the log.
    let other = colophon::ledger::Checkpoint::new(&t.site.log_origin, head.size - 1, root).sign(&[&t.keys.log]).unwrap();
    std::fs::write(&file, other.to_string()).unwrap();
    let why = t.try_beside().await.map(drop).unwrap_err().to_string();
    assert!(why.contains("was changed behind it"), "{why}");
    std::fs::write(&file, &kept).unwrap();
    // An entry that is gone, a row that differs from its note.
    let mut tx = t.store.begin().await.unwrap();
    execute(&mut tx, "UPDATE log_lock SET root = log_lock.root || log_lock.root").await;
    tx.commit().await.unwrap();
    assert!(t.try_beside().await.is_err());
    assert_eq!(number(&mut t.store.read().await.unwrap(), "SELECT COUNT(*) FROM log_lock").await, 1);
    assert!(!texts(&mut t.store.read().await.unwrap(), "SELECT checkpoint FROM log_lock").await.is_empty());
    t.leave_broken("its last signed head was spoiled").await;
}

impl TestInstance {
    /// A copy of the database as it is now. Closes the store; `restart` opens it again.
    pub(crate) async fn backup(&mut self) -> PathBuf {
        let to = self.folder().join(format!("backup-{}", self.number("SELECT COUNT(*) FROM statements").await));
        self.store.close().await;
        self.database().copy(&self.settings.data_dir, &to).await;
        self.restart().await;
        to
    }

    /// Puts a copy in the database's place. The store is left closed.
    pub(crate) async fn put_back(&self, backup: &Path) {
        self.store.close().await;
        self.database().put_back(&self.settings.data_dir, backup).await;
    }
}

impl Database {
    async fn copy(&self, data: &Path, to: &Path) {
        match self.name() {
            None => {
                std::fs::copy(data.join("colophon.sqlite"), to).unwrap();
            }
            Some(name) => Self::admin(&format!("CREATE DATABASE {} TEMPLATE {name}", copy_name(name, to))).await,
        }
    }

    async fn put_back(&self, data: &Path, from: &Path) {
        match self.name() {
            None => {
                for file in ["colophon.sqlite-wal", "colophon.sqlite-shm"] {
                    let _ = std::fs::remove_file(data.join(file));
                }
                std::fs::copy(from, data.join("colophon.sqlite")).unwrap();
            }
            Some(name) => {
                Self::admin(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
                Self::admin(&format!("CREATE DATABASE {name} TEMPLATE {}", copy_name(name, from))).await;
            }
        }
    }
}

fn copy_name(name: &str, path: &Path) -> String {
    format!("{name}_{}", path.file_name().unwrap().to_str().unwrap().replace('-', "_"))
}
