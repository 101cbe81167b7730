//! `kill -9` at random moments: of pictures being made, of first starts, of a service with work in its queue. Whatever was in progress,
//! the log stays sound, nothing half done is seen, and what was left is done afterwards.

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use colophon::actions::Instance;
use colophon::actions::request_image::{Order, cancel, request_image};
use colophon::actions::sign_in::local_operator;
use colophon::chance::{Chance as _, SeededChance, SystemChance};
use colophon::clock::{Clock as _, SystemClock, TestClock};
use colophon::config::Settings;
use colophon::jobs::generate;
use colophon::storage;
use colophon::storage::tasks::TaskState;

use crate::support::binary::Scene;
use crate::support::database::{Kind, execute, number, texts};
use crate::support::{engine, lease, order, run};

/// Kills of `generate`, of a first start, of the service.
const KILLS: u32 = 24;
const FIRST_STARTS: u32 = 3;
const SERVICES: u32 = 5;

/// A number from 0 to below `most`, the same in every run of the tests.
fn random(chance: &SeededChance, most: u64) -> u64 {
    let mut bytes = [0; 8];
    chance.fill(&mut bytes);
    u64::from_be_bytes(bytes) % most.max(1)
}

/// Kills it as the system does when memory runs out: without a word. True when it was still at work.
fn kill(mut child: Child) -> bool {
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

/// The instance of a scene, opened in this process at a moment when every lease has run out.
async fn opened(scene: &Scene) -> Instance {
    let data = scene.data().to_str().unwrap().to_owned();
    let settings = [("data_dir", data), ("account_queue", "200".to_owned())];
    let settings = Settings::from_parts(Path::new("test"), "", &[], &settings).unwrap();
    let later = TestClock::new(SystemClock.now().plus_millis(generate::LEASE_MS + 1_000));
    Instance::open(&settings, Arc::new(later), Arc::new(SystemChance)).await.unwrap()
}

/// What must hold after any kill. How many pictures are delivered, and how many jobs are still to be done.
async fn look(instance: &Instance) -> (i64, i64) {
    let mut tx = instance.store.read().await.unwrap();
    let states = texts(&mut tx, "SELECT DISTINCT state FROM jobs").await;
    assert!(states.iter().all(|s| ["queued", "running", "done", "failed", "cancelled"].contains(&s.as_str())), "{states:?}");
    let count = async |tx: &mut _, sql: &str| number(tx, sql).await;
    let images = count(&mut tx, "SELECT COUNT(*) FROM images").await;
    let done = "SELECT COUNT(*) FROM jobs WHERE state = 'done' AND image_id IN (SELECT id FROM images)";
    assert_eq!(count(&mut tx, done).await, images, "a picture for each job that is done, and no other");
    assert_eq!(count(&mut tx, "SELECT COUNT(*) FROM jobs WHERE state = 'done'").await, images);
    assert_eq!(count(&mut tx, "SELECT COUNT(*) FROM prompts").await, images);
    assert_eq!(count(&mut tx, "SELECT COUNT(*) FROM statements WHERE kind = 'image'").await, images);
    (images, count(&mut tx, "SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running')").await)
}

/// Does what is left, as the service would: every job ends in a picture.
async fn work_off(instance: &Instance) {
    let engine = engine(instance);
    let (before, open) = look(instance).await;
    for _ in 0..open {
        let job = lease(instance).await.expect("a job whose worker died can be leased again");
        assert!(generate::run(instance, &engine, &job).await.unwrap().is_some(), "and done: {job:?}");
    }
    assert!(lease(instance).await.is_none());
    assert_eq!(look(instance).await, (before + open, 0));
    engine.shutdown();
}

#[test]
fn killed_pictures_leave_a_sound_log_and_nothing_half_done() {
    let scene = Scene::founded();
    let chance = SeededChance::new(9);
    let generate = |n: u32| {
        let mut command = scene.command();
        command.arg("--data-dir").arg(scene.data()).args(["generate", "a red apple", "--seed", &n.to_string(), "-o"]);
        command.arg(format!("{n}.png")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let begun = Instant::now();
    assert!(generate(1_000).wait().unwrap().success());
    let lasts = u64::try_from(begun.elapsed().as_millis()).unwrap();
    let mut in_work = 0;
    for n in 0..KILLS {
        let child = generate(n);
        std::thread::sleep(Duration::from_millis(random(&chance, lasts)));
        in_work += u32::from(kill(child));
        let name = format!("{n}.png");
        if scene.path(&name).exists() {
            scene.run(&["verify", &name]).expect(0, &["Trusted"]);
        }
        if n % 4 == 3 {
            scene.run(&["audit"]).expect(0, &["is sound"]);
        }
    }
    assert!(in_work > KILLS / 2, "{in_work} of {KILLS} were killed at work");
    run(Kind::Sqlite, |_| async {
        let instance = opened(&scene).await;
        work_off(&instance).await;
        instance.store.close().await;
    });
    scene.run(&["audit"]).expect(0, &["is sound"]);
    scene.run(&["rebuild"]).expect(0, &["were made again"]);
    scene.run(&["generate", "a cat", "--seed", "1", "-o", "after.png"]).expect(0, &["Trusted", "Logged at index"]);
    scene.run(&["doctor"]).expect(0, &["Nothing is wrong."]);
}

#[test]
fn a_first_start_that_is_killed_is_made_good_by_the_next() {
    let (scene, chance) = (Scene::empty(), SeededChance::new(4));
    for _ in 0..FIRST_STARTS {
        let mut command = scene.command();
        let child = command.arg("--data-dir").arg(scene.data()).arg("audit").stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        std::thread::sleep(Duration::from_millis(100 + random(&chance, 1_900)));
        kill(child.unwrap());
    }
    scene.run(&["audit"]).expect(0, &["The log is sound: 6719 entries"]);
    scene.run(&["doctor"]).expect(0, &["6708 by 247 authors", "Nothing is wrong."]);
}

#[test]
fn a_killed_service_goes_on_with_its_queue() {
    let (scene, chance) = (Scene::founded(), SeededChance::new(5));
    run(Kind::Sqlite, |_| async {
        let instance = opened(&scene).await;
        let actor = local_operator(&instance).await.unwrap();
        for seed in 0..10 {
            request_image(&instance, &actor, order("a sailboat", seed), None).await.unwrap();
        }
        for _ in 0..SERVICES {
            let child = scene.serve();
            tokio::time::sleep(Duration::from_millis(random(&chance, 1_200))).await;
            assert!(kill(child), "it was at work");
            look(&instance).await;
            // The dead worker's lease runs out; here at once.
            let mut tx = instance.store.begin().await.unwrap();
            execute(&mut tx, "UPDATE jobs SET leased_until = 0 WHERE state = 'running'").await;
            tx.commit().await.unwrap();
        }
        let child = scene.serve();
        let begun = Instant::now();
        loop {
            let mut tx = instance.store.read().await.unwrap();
            let open = number(&mut tx, "SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running')").await;
            let waiting = number(&mut tx, "SELECT COUNT(*) FROM statements WHERE idx IS NULL").await;
            drop(tx);
            if open == 0 && waiting == 0 {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{open} jobs are left, {waiting} statements wait");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        kill(child);
        let mut tx = instance.store.read().await.unwrap();
        let ends = texts(&mut tx, "SELECT state || ': ' || COALESCE(problem, '') FROM jobs").await;
        // One that was begun too often may give up, and then says why.
        assert!(ends.iter().all(|end| end == "done: " || end.contains("interrupted each time")), "{ends:?}");
        assert!(ends.iter().filter(|end| *end == "done: ").count() >= 9, "{ends:?}");
        drop(tx);
        instance.store.close().await;
    });
    scene.run(&["audit"]).expect(0, &["is sound"]);
    scene.run(&["rebuild"]).expect(0, &["were made again"]);
    scene.run(&["generate", "a cat", "--seed", "1", "-o", "after.png"]).expect(0, &["Trusted"]);
}

/// Jobs of the large queue, how many of them are called off, and how often the service is killed meanwhile.
const QUEUED: u64 = 100;
const CALLED_OFF: usize = 20;
const KILLED: u32 = 3;

#[test]
fn of_a_hundred_jobs_each_ends_once_whoever_is_called_off_or_killed() {
    let (scene, chance) = (Scene::founded(), SeededChance::new(6));
    run(Kind::Sqlite, |_| async {
        let instance = opened(&scene).await;
        let actor = local_operator(&instance).await.unwrap();
        let mut jobs = Vec::new();
        for seed in 0..QUEUED {
            let asked = Order { steps: Some(3), ..order("a sailboat", seed) };
            jobs.push(request_image(&instance, &actor, asked, None).await.unwrap().job.id);
        }
        let (mut left, mut called_off) = (jobs.clone(), Vec::new());
        let mut call_off = async |most: usize| {
            while called_off.len() < most && !left.is_empty() {
                let id = left.swap_remove(random(&chance, left.len() as u64) as usize);
                // One that is delivered already can't be called off any more.
                if cancel(&instance, &actor, id).await.is_ok() {
                    called_off.push(id);
                }
            }
            called_off.clone()
        };
        call_off(CALLED_OFF / 4).await;
        for n in 1..=KILLED as usize {
            let child = scene.serve();
            tokio::time::sleep(Duration::from_millis(500 + random(&chance, 1_500))).await;
            call_off(CALLED_OFF * n / KILLED as usize).await;
            assert!(kill(child), "it was at work");
            look(&instance).await;
            let mut tx = instance.store.begin().await.unwrap();
            execute(&mut tx, "UPDATE jobs SET leased_until = 0 WHERE state = 'running'").await;
            tx.commit().await.unwrap();
        }
        let called_off = call_off(CALLED_OFF).await;
        assert_eq!(called_off.len(), CALLED_OFF);
        let child = scene.serve();
        let begun = Instant::now();
        loop {
            let (_, open) = look(&instance).await;
            if open == 0 {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(240), "{open} jobs are left");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        kill(child);
        let mut tx = instance.store.read().await.unwrap();
        let (mut done, mut images) = (0, Vec::new());
        for id in &jobs {
            let job = storage::jobs::find(&mut tx, *id).await.unwrap().unwrap();
            match job.state {
                TaskState::Done => {
                    done += 1;
                    images.push(job.image.unwrap());
                    assert!(job.problem.is_none() && !called_off.contains(id));
                }
                TaskState::Cancelled => assert!(called_off.contains(id) && job.image.is_none() && job.problem.is_some()),
                TaskState::Failed => assert!(job.image.is_none() && job.problem.is_some_and(|why| !why.is_empty())),
                other => panic!("{id} is {other}"),
            }
        }
        images.sort();
        images.dedup();
        assert_eq!(images.len(), done, "no picture stands for two jobs");
        assert_eq!(number(&mut tx, "SELECT COUNT(*) FROM images").await, i64::try_from(done).unwrap());
        assert!(done + CALLED_OFF + 3 >= QUEUED as usize, "{done} are done");
        drop(tx);
        instance.store.close().await;
    });
    scene.run(&["audit"]).expect(0, &["is sound"]);
    scene.run(&["rebuild"]).expect(0, &["were made again"]);
}
