//! One work, three processes on one data folder: a service that runs all the time, this one, and the command line. What one decides, the
//! others keep to with the very next picture.

use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use colophon::accounts::Actor;
use colophon::actions::register_work::{Registration, register_work};
use colophon::actions::request_image::{Order, request_image};
use colophon::actions::revoke_grant::revoke_grant;
use colophon::actions::sign_in::local_operator;
use colophon::actions::{Error, Instance};
use colophon::chance::SystemChance;
use colophon::clock::SystemClock;
use colophon::config::Settings;
use colophon::id::WorkId;
use colophon::provenance::{Format, encode};
use colophon::storage;
use colophon::storage::jobs::Job;
use colophon::storage::tasks::TaskState;
use colophon::works::list::Row;

use crate::support::binary::Scene;
use crate::support::database::Kind;
use crate::support::{order, run};

/// The service, ended with the test whether it passes or not.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the service makes of an order that this process puts into its queue.
async fn done_by_the_service(instance: &Instance, actor: &Actor, order: Order) -> Job {
    let asked = request_image(instance, actor, order, None).await.unwrap().job.id;
    let begun = Instant::now();
    loop {
        let job = storage::jobs::find(&mut instance.store.read().await.unwrap(), asked).await.unwrap().unwrap();
        if matches!(job.state, TaskState::Done | TaskState::Failed) {
            return job;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "still {:?}", job.state);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn works_of(instance: &Instance, job: &Job) -> Vec<WorkId> {
    let mut tx = instance.store.read().await.unwrap();
    let image = storage::images::find(&mut tx, job.image.expect("drawn")).await.unwrap().unwrap().image;
    image.works.iter().map(|drawn| drawn.work).collect()
}

#[test]
fn a_work_is_open_to_every_process_at_once_and_closed_to_every_one_when_revoked() {
    let scene = Scene::founded();
    let _service = Service(scene.serve());
    run(Kind::Sqlite, |_| async {
        let data = scene.data().to_str().unwrap().to_owned();
        let settings = Settings::from_parts("test".as_ref(), "", &[], &[("data_dir", data)]).unwrap();
        let instance = Instance::open(&settings, Arc::new(SystemClock), Arc::new(SystemChance)).await.unwrap();
        let actor = local_operator(&instance).await.unwrap();

        // The service has read its works by now.
        let words = || order("quokka", 1);
        let before = works_of(&instance, &done_by_the_service(&instance, &actor, words()).await).await;
        let picture: Vec<u8> = (0..64u32 * 64).flat_map(|at| [200, (at % 64 * 4) as u8, (at / 64 * 4) as u8]).collect();
        let sent = Registration {
            file: encode(&picture, 64, 64, Format::Png).unwrap(),
            row: Row {
                title: "Quokka".into(),
                author: "Rosa Ruiz".into(),
                tags: vec!["quokka".into()],
                licence: "CC-BY-4.0".into(),
                ..Row::default()
            },
            ..Registration::default()
        };
        let (work, _) = register_work(&instance, &actor, sent).await.unwrap();
        assert!(!before.contains(&work));
        let found = works_of(&instance, &done_by_the_service(&instance, &actor, words()).await).await;
        assert!(found.contains(&work), "found by its word in a service that began before it was registered: {found:?}");
        let chosen = || Order { with: vec![work], ..order("a red apple", 1) };
        assert_eq!(works_of(&instance, &done_by_the_service(&instance, &actor, chosen()).await).await, [work]);
        let id = work.to_string();
        let generate = ["generate", "a red apple", "--seed", "1", "-o", "with.png", "--with", &id];
        scene.run(&generate).expect(0, &["Quokka"]);

        let grant = storage::works::grants(&mut instance.store.read().await.unwrap(), work).await.unwrap()[0].grant.id;
        revoke_grant(&instance, &actor, grant, "not for this").await.unwrap();
        let found = works_of(&instance, &done_by_the_service(&instance, &actor, words()).await).await;
        assert!(!found.contains(&work), "the running service keeps to it: {found:?}");
        scene.run(&generate).expect(1, &[&id, "revoked"]);
        scene.run(&["generate", "quokka", "--seed", "2", "-o", "words.png", "--json"]).expect(0, &[]);
        assert!(!scene.run(&["verify", "words.png"]).expect(0, &["Trusted"]).said().contains("Quokka"));
        let refused = request_image(&instance, &actor, chosen(), None).await.map(drop).unwrap_err();
        assert!(matches!(&refused, Error::Invalid(problems) if problems[0].1.contains("revoked")), "{refused}");
        instance.store.close().await;
    });
    scene.run(&["audit"]).expect(0, &["is sound"]);
}
