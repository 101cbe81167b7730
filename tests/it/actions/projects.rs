//! Projects of the Local Contexts Hub, fetched from a stand-in that gives recorded answers; and pictures handed in.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use colophon::accounts::Role;
use colophon::actions::attach_project::{ask_for_project, attach_project};
use colophon::actions::check_picture::check_picture;
use colophon::actions::choose_works::choose_works;
use colophon::actions::request_image::Order;
use colophon::jobs::hub::{Hub, fetch_asked, refresh};
use colophon::policy::{Outcome, Use};
use colophon::storage;

use crate::support::database::Kind;
use crate::support::{TestInstance, both, creator, draw_order, order};

both! {
    a_project_is_fetched_by_its_id_and_again_when_it_changes,
    what_the_hub_refuses_is_noted_and_tried_again,
    a_labelled_work_is_not_found_by_words_alone,
    a_picture_handed_in_brings_its_decision_and_its_likeness,
}

const WEAVINGS: &str = "259854f7-b261-4c8c-8556-4b153deebc18";
const KEY: &str = "a-key-of-the-hub";

/// Answers like the Hub: by path, to who has the key.
struct StandIn {
    url: String,
    answers: Arc<Mutex<BTreeMap<String, (u16, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (answers, asked) = (Arc::new(Mutex::new(BTreeMap::<String, (u16, String)>::new())), Arc::new(Mutex::new(Vec::new())));
        let (known, seen) = (Arc::clone(&answers), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (mut path, mut keyed) = (String::new(), false);
                for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                    let line = line.unwrap();
                    if let Some(rest) = line.strip_prefix("GET ") {
                        rest.split(' ').next().unwrap().clone_into(&mut path);
                    }
                    keyed |= line.to_lowercase() == format!("x-api-key: {KEY}");
                    if line.is_empty() {
                        break;
                    }
                }
                let answer = if keyed {
                    let missing = (404, r#"{"detail":"Project does not exist."}"#.to_owned());
                    known.lock().unwrap().get(&path).cloned().unwrap_or(missing)
                } else {
                    (403, r#"{"detail":"Invalid API key."}"#.to_owned())
                };
                seen.lock().unwrap().push(path);
                let (status, body) = answer;
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes());
            }
        });
        Self { url, answers, asked }
    }

    fn put(&self, path: &str, status: u16, body: &str) {
        self.answers.lock().unwrap().insert(format!("/api/v2/{path}"), (status, body.to_owned()));
    }

    /// The project with one label, changed on `day`.
    fn put_project(&self, label: &str, day: &str) {
        self.put(&format!("projects/{WEAVINGS}/"), 200, &project(label, day));
        let date = format!(r#"[{{"unique_id":"{WEAVINGS}","date_modified":"{day}"}}]"#);
        self.put(&format!("projects/multi/date_modified/{WEAVINGS}/"), 200, &date);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn project(label: &str, day: &str) -> String {
    format!(
        r#"{{"unique_id":"{WEAVINGS}","title":"Weavings","project_page":"https://localcontextshub.org/projects/{WEAVINGS}/",
        "date_modified":"{day}","bc_labels":[],"tk_labels":[{{"name":"N","label_type":"{label}","language_tag":"en",
        "label_text":"Ask us.","community":{{"id":1,"name":"Coast People"}}}}]}}"#
    )
}

async fn with_hub(kind: Kind, hub: &StandIn) -> TestInstance {
    TestInstance::with(kind, &[("hub_url", &hub.url), ("hub_key", KEY)]).await
}

async fn some_work(t: &TestInstance) -> colophon::id::WorkId {
    t.texts("SELECT id FROM works ORDER BY id LIMIT 1").await[0].parse().unwrap()
}

async fn a_project_is_fetched_by_its_id_and_again_when_it_changes(kind: Kind) {
    let stand_in = StandIn::start();
    let t = with_hub(kind, &stand_in).await;
    let hub = Arc::new(Hub::new(&stand_in.url, KEY));
    let op = t.actor("Op", &[Role::Operator]).await;
    let ana = creator(&t).await;
    let work = some_work(&t).await;
    stand_in.put_project("attribution", "2026-05-06");
    assert!(ask_for_project(&t, &ana, work, WEAVINGS).await.is_err(), "not by anybody");
    assert!(ask_for_project(&t, &op, work, "../secrets").await.is_err());
    ask_for_project(&t, &op, work, WEAVINGS).await.unwrap();
    ask_for_project(&t, &op, work, WEAVINGS).await.unwrap();
    assert_eq!(fetch_asked(&t, &hub).await.unwrap(), 1);
    assert_eq!(fetch_asked(&t, &hub).await.unwrap(), 0, "once");
    assert_eq!(stand_in.asked(), [format!("/api/v2/projects/{WEAVINGS}/")]);
    let read = |t: &TestInstance| t.shared();
    let labels = async |t: &TestInstance| {
        let mut tx = read(t).store.read().await.unwrap();
        storage::projects::of_work(&mut tx, work).await.unwrap().remove(0).labels.remove(0).code
    };
    assert_eq!(labels(&t).await, "tka");
    // Asked about again: nothing changed, so nothing is fetched and nothing is said.
    assert_eq!(refresh(&t, &hub).await.unwrap(), 0);
    assert_eq!(stand_in.asked(), [format!("/api/v2/projects/multi/date_modified/{WEAVINGS}/")]);
    stand_in.put_project("secret_sacred", "2026-06-07");
    assert_eq!(refresh(&t, &hub).await.unwrap(), 1);
    assert_eq!(labels(&t).await, "tkss");
    assert_eq!(t.number("SELECT COUNT(*) FROM statements WHERE kind = 'project'").await, 2);
    // Another work, for which an older answer was handed in: it is brought up to date too.
    let other = t.texts("SELECT id FROM works ORDER BY id DESC LIMIT 1").await[0].parse().unwrap();
    attach_project(&t, &op, other, project("attribution", "2026-05-06").as_bytes()).await.unwrap();
    assert_eq!(refresh(&t, &hub).await.unwrap(), 1);
    let mut tx = t.store.read().await.unwrap();
    assert_eq!(storage::projects::of_work(&mut tx, other).await.unwrap()[0].labels[0].code, "tkss");
    drop(tx);
    assert_eq!(refresh(&t, &hub).await.unwrap(), 0);
    // Gone from the Hub: what was said holds.
    stand_in.put(&format!("projects/multi/date_modified/{WEAVINGS}/"), 200, "[]");
    assert_eq!(refresh(&t, &hub).await.unwrap(), 0);
    assert_eq!(labels(&t).await, "tkss");
    t.finish().await;
}

async fn what_the_hub_refuses_is_noted_and_tried_again(kind: Kind) {
    let stand_in = StandIn::start();
    let t = with_hub(kind, &stand_in).await;
    let op = t.actor("Op", &[Role::Operator]).await;
    let work = some_work(&t).await;
    let problem = async || {
        let mut tx = t.store.read().await.unwrap();
        storage::projects::asked(&mut tx, Some(work)).await.unwrap().remove(0).problem
    };
    ask_for_project(&t, &op, work, WEAVINGS).await.unwrap();
    let wrong_key = Arc::new(Hub::new(&stand_in.url, "another"));
    assert_eq!(fetch_asked(&t, &wrong_key).await.unwrap(), 0);
    assert!(problem().await.contains("Invalid API key."), "{}", problem().await);
    let hub = Arc::new(Hub::new(&stand_in.url, KEY));
    for (status, body, said) in [
        (404, r#"{"detail":"Project does not exist."}"#, "Project does not exist."),
        (500, "<h1>Server Error</h1>", "answers 500"),
        (302, "", "answers 302"),
        (200, "<html>", "not a project"),
        (200, r#"{"unique_id":"another-one","title":"t"}"#, "answers with `another-one`"),
    ] {
        stand_in.put(&format!("projects/{WEAVINGS}/"), status, body);
        assert_eq!(refresh(&t, &hub).await.unwrap(), 0);
        assert!(problem().await.contains(said), "{}", problem().await);
    }
    let gone = Arc::new(Hub::new("http://127.0.0.1:1", KEY));
    assert_eq!(refresh(&t, &gone).await.unwrap(), 0);
    assert!(problem().await.contains("can't be reached") && !problem().await.contains(KEY));
    assert_eq!(t.number("SELECT COUNT(*) FROM notices").await, 7, "each reason is told once");
    stand_in.put_project("attribution", "2026-05-06");
    assert_eq!(refresh(&t, &hub).await.unwrap(), 1);
    assert_eq!(t.number("SELECT COUNT(*) FROM project_asks").await, 0);
    // Without a key nothing is promised.
    let keyless = TestInstance::new(kind).await;
    let op = keyless.actor("Op", &[Role::Operator]).await;
    let refused = ask_for_project(&keyless, &op, some_work(&keyless).await, WEAVINGS).await.unwrap_err();
    assert!(refused.to_string().contains("hub_key"), "{refused}");
    keyless.finish().await;
    t.finish().await;
}

async fn a_labelled_work_is_not_found_by_words_alone(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let op = t.actor("Op", &[Role::Operator]).await;
    let wanted = order("a red apple", 1);
    let found = choose_works(&t, &wanted, "Ana").await.unwrap();
    let first = found[0].work.id;
    attach_project(&t, &op, first, project("non_commercial", "2026-05-06").as_bytes()).await.unwrap();
    let again = choose_works(&t, &wanted, "Ana").await.unwrap();
    assert!(!again.is_empty() && again.iter().all(|c| c.work.id != first), "its label asks for a notice");
    let chosen = choose_works(&t, &Order { with: vec![first], ..wanted }, "Ana").await.unwrap();
    assert_eq!(chosen[0].work.id, first, "who chooses it is asked");
    t.finish().await;
}

async fn a_picture_handed_in_brings_its_decision_and_its_likeness(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let op = t.actor("Op", &[Role::Operator]).await;
    let ana = creator(&t).await;
    let work = some_work(&t).await;
    let plain = Order { prompt: "the same in blue".into(), ..Order::default() };
    // A file of ours, whose own decision asked for a notice.
    attach_project(&t, &op, work, project("attribution", "2026-05-06").as_bytes()).await.unwrap();
    let mut wanted = order("a boat", 1);
    wanted.with = vec![work];
    let delivered = draw_order(&t, &ana, wanted).await.unwrap();
    let mut tx = t.store.read().await.unwrap();
    let image = storage::images::find(&mut tx, delivered.image).await.unwrap().unwrap().image;
    let blob = storage::blobs::find(&mut tx, image.digest.blake3).await.unwrap().unwrap();
    let registered = storage::works::find(&mut tx, work).await.unwrap().unwrap().work;
    let of_work = storage::blobs::find(&mut tx, registered.digest.blake3.unwrap()).await.unwrap().unwrap();
    drop(tx);
    let signed = t.blobs.get(&blob).await.unwrap();
    let checked = check_picture(&t, Some(&ana), &plain, "boat.png", signed).await.unwrap();
    assert_eq!(checked.decision.outcome, Outcome::AllowWithNotice, "{}", checked.decision.sentence());
    assert!(checked.sentence.contains("nothing has changed") && checked.nearest.is_none(), "{}", checked.sentence);
    // The registered work itself, under another name: its community is heard.
    attach_project(&t, &op, work, project("secret_sacred", "2026-06-07").as_bytes()).await.unwrap();
    let drawing = t.blobs.get(&of_work).await.unwrap();
    let checked = check_picture(&t, None, &plain, "mine.png", drawing.clone()).await.unwrap();
    assert_eq!(checked.nearest.map(|near| near.0), Some(work));
    assert_eq!(checked.decision.rules[0].key(), "local-contexts/tkss");
    // The file's name says what it is.
    let named = check_picture(&t, None, &plain, "wandjina-figure.png", drawing).await.unwrap();
    assert!(named.decision.rules.iter().any(|r| r.policy == "wandjina"));
    let refused = check_picture(&t, None, &Order { use_: Use::Merch, ..plain }, "x.png", b"GIF89a".to_vec()).await;
    assert!(refused.unwrap_err().to_string().contains("PNG, JPEG or WebP"));
    t.finish().await;
}
