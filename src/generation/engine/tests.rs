//! The engine around a backend whose every step the test lets through.

use super::*;
use crate::clock::{TestClock, Timestamp};
use crate::generation::fake::FakeBackend;

/// Draws like the fake, but each step waits for a word of the test.
struct Gated {
    fake: FakeBackend,
    steps: mpsc::Receiver<()>,
}

impl Backend for Gated {
    fn info(&self) -> &BackendInfo {
        self.fake.info()
    }

    fn draw(&mut self, request: &DrawRequest, on_step: &mut (dyn FnMut(Step) -> Flow + Send)) -> Result<Picture, BackendError> {
        assert!(request.prompt != "panic", "asked to panic");
        let steps = &mut self.steps;
        self.fake.draw(request, &mut |step| {
            let flow = on_step(step);
            if flow == Flow::Continue {
                // Alone with it: the closure is `Send` since the receiver is borrowed for itself.
                let steps: &mut mpsc::Receiver<()> = steps;
                let _ = steps.recv();
            }
            flow
        })
    }
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::new(Timestamp::from_millis(0)))
}

/// An engine of `queue` waiting places, and the sender that lets one step through.
fn gated(queue: usize) -> (Engine, mpsc::Sender<()>) {
    let (step, steps) = mpsc::channel();
    (Engine::start(Gated { fake: FakeBackend::new(), steps }, queue, clock()).unwrap(), step)
}

fn request(prompt: &str) -> DrawRequest {
    DrawRequest::new(prompt, 1, &FakeBackend::config())
}

/// Waits until a drawing has begun.
async fn begun(drawing: &Drawing) {
    drawing.progress().wait_for(|p| matches!(p, Progress::Drawing { .. })).await.unwrap();
}

#[tokio::test]
async fn draws_and_tells_how_far_it_is() {
    let engine = Engine::start(FakeBackend::new(), 4, clock()).unwrap();
    let drawing = engine.submit(request("red apple")).unwrap();
    let progress = drawing.progress();
    let picture = drawing.finished().await.unwrap();
    assert_eq!(picture.rgb.len(), 49_152);
    assert_eq!(*progress.borrow(), Progress::Ended);
    assert_eq!(engine.queued(), 0);
    assert_eq!(engine.submit(request("red apple")).unwrap().finished().await.unwrap(), picture);
    assert_eq!(engine.info().name, "fake");
    assert!(matches!(engine.submit(request("")), Err(EngineError::Invalid(Invalid::EmptyPrompt))));
}

#[tokio::test]
async fn a_full_queue_says_busy_and_a_cancel_frees_its_place() {
    let (engine, step) = gated(1);
    let first = engine.submit(request("one")).unwrap();
    begun(&first).await;
    let second = engine.submit(request("two")).unwrap();
    assert_eq!(engine.queued(), 2);
    assert!(matches!(engine.submit(request("three")), Err(EngineError::Busy { retry_after_s: 1 })));
    for _ in 0..3 {
        step.send(()).unwrap();
    }
    first.cancel();
    step.send(()).unwrap();
    assert_eq!(first.finished().await, Err(EngineError::Cancelled));
    begun(&second).await;
    let third = engine.submit(request("three")).unwrap();
    drop(step);
    assert!(second.finished().await.is_ok() && third.finished().await.is_ok());
    assert_eq!(engine.queued(), 0);
}

#[tokio::test]
async fn callers_who_left_are_skipped() {
    let (engine, step) = gated(3);
    let first = engine.submit(request("one")).unwrap();
    begun(&first).await;
    let left = engine.submit(request("two")).unwrap();
    let seen = left.progress();
    drop(left);
    let third = engine.submit(request("three")).unwrap();
    drop(step);
    assert!(first.finished().await.is_ok() && third.finished().await.is_ok());
    assert_eq!(*seen.borrow(), Progress::Ended);
    assert!(!seen.has_changed().unwrap_or(false) || *seen.borrow() == Progress::Ended);
}

#[tokio::test]
async fn a_panic_ends_one_drawing_and_three_end_the_engine() {
    let (engine, step) = gated(8);
    drop(step);
    let draw = |prompt: &str| engine.submit(request(prompt)).map(Drawing::finished);
    assert_eq!(draw("panic").unwrap().await, Err(EngineError::Broke("asked to panic".into())));
    assert_eq!(*engine.health().borrow(), Health::Shaken("asked to panic".into()));
    assert!(draw("apple").unwrap().await.is_ok());
    assert_eq!(*engine.health().borrow(), Health::Ready);
    for _ in 0..3 {
        assert!(matches!(draw("panic").unwrap().await, Err(EngineError::Broke(_))));
    }
    assert!(matches!(draw("apple"), Err(EngineError::Down(_))));
    assert_eq!(engine.queued(), 0);
}

#[tokio::test]
async fn shutdown_stops_what_runs_and_answers_what_waits() {
    let (engine, step) = gated(3);
    let first = engine.submit(request("one")).unwrap();
    begun(&first).await;
    let second = engine.submit(request("two")).unwrap();
    let closing = engine.clone();
    let closed = std::thread::spawn(move || closing.shutdown());
    while !engine.shared.stopping.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
    drop(step);
    assert_eq!(first.finished().await, Err(EngineError::Cancelled));
    assert_eq!(second.finished().await, Err(EngineError::Stopped));
    closed.join().unwrap();
    assert!(matches!(engine.submit(request("three")), Err(EngineError::Stopped)));
    engine.shutdown();
    assert_eq!(*engine.health().borrow(), Health::Stopped);
}

#[tokio::test]
async fn retry_after_follows_how_long_drawings_last() {
    let clock = clock();
    let shared = Arc::clone(&clock);
    let (step, steps) = mpsc::channel();
    let engine = Engine::start(Gated { fake: FakeBackend::new(), steps }, 0, clock).unwrap();
    let first = engine.submit(request("one")).unwrap();
    begun(&first).await;
    shared.advance_millis(41_000);
    for _ in 0..14 {
        step.send(()).unwrap();
    }
    assert!(first.finished().await.is_ok());
    let second = engine.submit(request("two")).unwrap();
    begun(&second).await;
    assert!(matches!(engine.submit(request("three")), Err(EngineError::Busy { retry_after_s: 11 })));
    drop(step);
}

#[test]
fn a_model_that_does_not_load_is_told_at_start() {
    let missing = || Err::<FakeBackend, _>(LoadError::Unreadable { file: "weights.safetensors".into(), cause: "gone".into() });
    let said = Engine::start_with(missing, 1, clock()).err().map(|e| e.to_string());
    assert!(said.is_some_and(|said| said.contains("weights.safetensors")));
    let said = Engine::start_with(|| -> Result<FakeBackend, LoadError> { panic!("no") }, 1, clock()).err().map(|e| e.to_string());
    assert!(said.is_some_and(|said| said.contains("panicked")));
}
