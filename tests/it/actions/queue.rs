//! Jobs between order and picture: places, leases, retries, cancelling, and the loops that work them off.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use colophon::accounts::Role;
use colophon::actions::request_image::{cancel, request_image};
use colophon::actions::{Error, Instance};
use colophon::generation::backend::{BackendError, BackendInfo, Flow, Step};
use colophon::generation::{Backend, DrawRequest, FakeBackend, Picture};
use colophon::id::JobId;
use colophon::jobs::{generate, sequence, worker};
use colophon::storage;
use colophon::storage::jobs::{Job, MOST_ATTEMPTS, Which};
use colophon::storage::tasks::TaskState;

use crate::support::database::Kind;
use crate::support::{TestInstance, both, creator, draw_order, engine, engine_of, lease, order};

both! {
    a_full_queue_says_busy,
    a_dead_workers_job_goes_on,
    a_job_that_breaks_the_engine_fails_in_the_end,
    a_cancelled_job_delivers_nothing,
    workers_and_sequencer_draw_what_waits,
    a_worker_that_is_stopped_puts_its_job_back,
    a_worker_that_lost_its_lease_leaves_the_job_alone,
    a_job_that_can_not_be_read_fails,
}

async fn job(t: &Instance, id: JobId) -> Job {
    storage::jobs::find(&mut t.store.read().await.unwrap(), id).await.unwrap().unwrap()
}

async fn a_full_queue_says_busy(kind: Kind) {
    let t = TestInstance::with(kind, &[("queue", "2")]).await;
    let actor = creator(&t).await;
    let mut last = None;
    for seed in 0..2 {
        last = Some(request_image(&t, &actor, order("a cat", seed), None).await.unwrap().job);
    }
    let before = t.all_tables().await;
    match request_image(&t, &actor, order("a cat", 2), None).await {
        Err(Error::Busy { retry_after_s }) => assert!(retry_after_s > 0),
        other => panic!("{other:?}"),
    }
    crate::support::database::same(&before, &t.all_tables().await);
    // The command line draws for itself and waits for nobody.
    draw_order(&t, &actor, order("a cat", 3)).await.unwrap();

    cancel(&t, &actor, last.unwrap().id).await.unwrap();
    request_image(&t, &actor, order("a cat", 4), None).await.unwrap();
    assert!(matches!(request_image(&t, &actor, order("a cat", 5), None).await, Err(Error::Busy { .. })));
    let engine = engine(&t);
    while let Some(job) = lease(&t).await {
        assert!(generate::run(&t, &engine, &job).await.unwrap().is_some());
    }
    engine.shutdown();
    t.finish().await;
}

async fn a_dead_workers_job_goes_on(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    // Handed to its maker, who is never heard of again.
    let requested = request_image(&t, &actor, order("a cat", 1), Some(generate::lease_end(&t))).await.unwrap();
    t.clock.advance_millis(generate::LEASE_MS);
    assert!(lease(&t).await.is_none(), "the lease holds to its last moment");
    t.clock.advance_millis(1);
    let second = lease(&t).await.unwrap();
    assert_eq!((second.id, second.attempts), (requested.job.id, 2));
    let engine = engine(&t);
    assert!(generate::run(&t, &engine, &second).await.unwrap().is_some());
    assert_eq!(job(&t, second.id).await.state, TaskState::Done);

    // One that kills every worker is not tried for ever.
    let requested = request_image(&t, &actor, order("a fish", 1), Some(generate::lease_end(&t))).await.unwrap();
    for attempt in 2..=MOST_ATTEMPTS + 1 {
        t.clock.advance_millis(generate::LEASE_MS + 1);
        assert_eq!(lease(&t).await.unwrap().attempts, attempt);
    }
    let last = job(&t, requested.job.id).await;
    assert!(generate::run(&t, &engine, &last).await.unwrap().is_none());
    let failed = job(&t, last.id).await;
    assert_eq!(failed.state, TaskState::Failed);
    assert!(failed.problem.unwrap().contains("interrupted each time"));
    engine.shutdown();
    t.finish().await;
}

/// Fails in its own way, and counts.
struct Failing(FakeBackend, Arc<AtomicU32>, bool);

impl Backend for Failing {
    fn info(&self) -> &BackendInfo {
        self.0.info()
    }

    fn draw(&mut self, request: &DrawRequest, on_step: &mut (dyn FnMut(Step) -> Flow + Send)) -> Result<Picture, BackendError> {
        let n = self.1.fetch_add(1, Ordering::SeqCst);
        match self.2 {
            true if n < 2 => panic!("a broken drawing (the test means it)"),
            true => self.0.draw(request, on_step),
            false => Err(BackendError::Failed("out of memory".into())),
        }
    }
}

async fn a_job_that_breaks_the_engine_fails_in_the_end(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    let tries = Arc::new(AtomicU32::new(0));
    let engine = engine_of(&t, Failing(FakeBackend::new(), Arc::clone(&tries), true));
    request_image(&t, &actor, order("a cat", 1), None).await.unwrap();
    let mut delivered = 0;
    while let Some(job) = lease(&t).await {
        delivered += u32::from(generate::run(&t, &engine, &job).await.unwrap().is_some());
    }
    assert_eq!(
        (delivered, tries.load(Ordering::SeqCst)),
        (1, 7),
        "two panics, then a picture, and once without each of its four works"
    );
    engine.shutdown();

    // A failure that would come again is not tried again.
    let tries = Arc::new(AtomicU32::new(0));
    let engine = engine_of(&t, Failing(FakeBackend::new(), Arc::clone(&tries), false));
    let requested = request_image(&t, &actor, order("a cat", 1), None).await.unwrap();
    while let Some(job) = lease(&t).await {
        assert!(generate::run(&t, &engine, &job).await.unwrap().is_none());
    }
    assert_eq!(tries.load(Ordering::SeqCst), 1);
    let failed = job(&t, requested.job.id).await;
    assert_eq!(failed.state, TaskState::Failed);
    assert!(failed.problem.unwrap().contains("out of memory"));
    engine.shutdown();
    t.finish().await;
}

/// Takes its time, looking at every step whether to go on.
struct Slow(FakeBackend);

impl Backend for Slow {
    fn info(&self) -> &BackendInfo {
        self.0.info()
    }

    fn draw(&mut self, request: &DrawRequest, on_step: &mut (dyn FnMut(Step) -> Flow + Send)) -> Result<Picture, BackendError> {
        for _ in 0..2_000 {
            if on_step(Step { step: 1, of: 2, preview: None }) == Flow::Cancel {
                return Err(BackendError::Cancelled);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.0.draw(request, on_step)
    }
}

/// Waits until a drawing has begun.
async fn drawing(t: &Instance, id: JobId) {
    for _ in 0..2_000 {
        if t.board.get(id).is_some_and(|p| p.of > 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the drawing did not begin");
}

async fn a_cancelled_job_delivers_nothing(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (ana, ben) = (t.actor("Ana", &[Role::Creator]).await, t.actor("Ben", &[Role::Creator]).await);
    let operator = t.actor("Olga", &[Role::Operator]).await;
    let waiting = request_image(&t, &ana, order("a cat", 1), None).await.unwrap().job;
    assert!(matches!(cancel(&t, &ben, waiting.id).await, Err(Error::NotFound { .. })), "a stranger learns nothing");
    cancel(&t, &ana, waiting.id).await.unwrap();
    match cancel(&t, &ana, waiting.id).await {
        Err(Error::Conflict(why)) => assert!(why.contains("cancelled"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(cancel(&t, &ana, JobId::derived(b"?")).await, Err(Error::NotFound { .. })));
    assert!(lease(&t).await.is_none());

    // In the middle of the drawing, by an operator.
    request_image(&t, &ana, order("a cat", 1), None).await.unwrap();
    let running = lease(&t).await.unwrap();
    let engine = engine_of(&t, Slow(FakeBackend::new()));
    let task = tokio::spawn({
        let (shared, engine, running) = (t.shared(), engine.clone(), running.clone());
        async move { generate::run(&shared, &engine, &running).await.map(|d| d.is_some()) }
    });
    drawing(&t, running.id).await;
    let begun = std::time::Instant::now();
    cancel(&t, &operator, running.id).await.unwrap();
    assert!(!task.await.unwrap().unwrap());
    assert!(begun.elapsed() < Duration::from_secs(3), "it stops at its next step");
    assert_eq!(job(&t, running.id).await.state, TaskState::Cancelled);
    assert_eq!((t.number("SELECT COUNT(*) FROM images").await, engine.queued()), (0, 0));
    engine.shutdown();
    t.finish().await;
}

async fn workers_and_sequencer_draw_what_waits(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let engine = engine(&t);
    let mut tasks = vec![tokio::spawn(sequence::run(t.shared(), stopping.clone()))];
    for _ in 0..2 {
        tasks.push(tokio::spawn(worker::run(t.shared(), engine.clone(), Which::All, stopping.clone())));
    }
    let begun = std::time::Instant::now();
    for seed in 0..6 {
        request_image(&t, &actor, order("a house", seed), None).await.unwrap();
    }
    let logged = "SELECT COUNT(*) FROM statements WHERE kind = 'image' AND idx IS NOT NULL";
    while t.number(logged).await < 6 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the bell wakes them");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.send(true).unwrap();
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(10), task).await.expect("they end when told").unwrap();
    }
    assert_eq!(t.number("SELECT COUNT(*) FROM jobs WHERE state = 'done'").await, 6);
    engine.shutdown();
    t.finish().await;
}

async fn a_worker_that_is_stopped_puts_its_job_back(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let requested = request_image(&t, &creator(&t).await, order("a cat", 1), None).await.unwrap().job;
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let slow = engine_of(&t, Slow(FakeBackend::new()));
    let task = tokio::spawn(worker::run(t.shared(), slow.clone(), Which::All, stopping));
    drawing(&t, requested.id).await;
    stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(10), task).await.expect("it does not wait for the picture").unwrap();
    assert_eq!(job(&t, requested.id).await.state, TaskState::Queued);
    slow.shutdown();

    let engine = engine(&t);
    let again = lease(&t).await.unwrap();
    assert_eq!(again.attempts, 2);
    assert!(generate::run(&t, &engine, &again).await.unwrap().is_some());
    engine.shutdown();
    t.finish().await;
}

async fn a_worker_that_lost_its_lease_leaves_the_job_alone(kind: Kind) {
    let t = TestInstance::new(kind).await;
    request_image(&t, &creator(&t).await, order("a cat", 1), None).await.unwrap();
    let stalled = lease(&t).await.unwrap();
    t.clock.advance_millis(generate::LEASE_MS + 1);
    let current = lease(&t).await.unwrap();
    assert_eq!((stalled.attempts, current.attempts), (1, 2));

    let engine = engine(&t);
    assert!(generate::run(&t, &engine, &stalled).await.unwrap().is_none(), "what the first one drew is not delivered");
    let kept = job(&t, current.id).await;
    assert_eq!((kept.state, kept.attempts), (TaskState::Running, 2), "the second one still holds the job");
    assert!(generate::run(&t, &engine, &current).await.unwrap().is_some(), "and delivers");
    assert_eq!(t.number("SELECT COUNT(*) FROM images").await, 1);
    engine.shutdown();
    t.finish().await;
}

async fn a_job_that_can_not_be_read_fails(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let requested = request_image(&t, &creator(&t).await, order("a cat", 1), None).await.unwrap().job;
    let mut tx = t.store.begin().await.unwrap();
    crate::support::database::execute(&mut tx, "UPDATE jobs SET request = '{\"prompt\":7}'").await;
    tx.commit().await.unwrap();
    let engine = engine(&t);
    let leased = lease(&t).await.unwrap();
    assert!(generate::run(&t, &engine, &leased).await.unwrap().is_none());
    let failed = job(&t, requested.id).await;
    assert_eq!(failed.state, TaskState::Failed);
    assert!(failed.problem.unwrap().contains("can't be read"));
    engine.shutdown();
    t.finish().await;
}
