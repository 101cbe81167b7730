//! Looking by picture: works found again, works that must not show, the gate before delivery, and what two processes see of each other.

use std::sync::Arc;

use colophon::accounts::Role;
use colophon::actions::attach_project::attach_project;
use colophon::actions::fingerprint::{Seen, make_fingerprints};
use colophon::actions::gate::{Held, credit_and_go_on};
use colophon::actions::hand_in::{HandIn, hand_in};
use colophon::actions::look::{Alike, Among, alike, index_facts, shown};
use colophon::actions::queue::retry;
use colophon::actions::register_work::{Registration, register_work};
use colophon::actions::request_image::{Order, request_image};
use colophon::actions::revoke_grant::revoke_grant;
use colophon::actions::verify_image::verify_image;
use colophon::actions::{Error, Instance};
use colophon::generation::backend::{BackendError, BackendInfo, Flow, Step};
use colophon::generation::edit::Role as For;
use colophon::generation::{Backend, DrawRequest, FakeBackend, Picture};
use colophon::id::{JobId, WorkId};
use colophon::jobs::generate;
use colophon::jobs::replay::replay;
use colophon::likeness::{MATCH, METHOD, NEAR, Subject};
use colophon::provenance::encode::{Rgb, decode};
use colophon::provenance::{Format, encode};
use colophon::storage::tasks::TaskState;
use colophon::storage::{self, works::Filter};
use colophon::works::list::Row;

use crate::support::database::Kind;
use crate::support::{TestInstance, both, creator, draw, engine_of, lease, order};

both! {
    works_are_found_again_cropped_and_mirrored,
    a_revoked_work_shows_to_its_registrant_alone,
    another_process_sees_a_work_at_once,
    a_near_copy_is_held_and_leaves_with_credit,
    a_near_copy_of_a_work_whose_terms_forbid_it_is_refused,
    a_community_is_heard_about_a_near_work,
    a_picture_of_a_forbidden_work_may_not_be_a_parent,
    strange_pictures_do_no_harm,
    what_can_not_be_fetched_stays_due,
}

/// A work by its title, with its picture.
async fn titled(t: &Instance, title: &str) -> (WorkId, Rgb) {
    let mut tx = t.store.read().await.unwrap();
    let filter = Filter { words: title.into(), ..Filter::default() };
    let record = storage::works::matching(&mut tx, &filter, "", 50, t.clock.now()).await.unwrap();
    let work = record.into_iter().find(|record| record.work.title == title).unwrap().work;
    let blob = storage::blobs::find(&mut tx, work.digest.blake3.unwrap()).await.unwrap().unwrap();
    (work.id, decode(&t.blobs.get(&blob).await.unwrap(), Format::Png, 1 << 24).unwrap())
}

/// The part of a picture within `off` pixels from each edge.
fn cropped(rgb: &Rgb, off: usize) -> Rgb {
    let (w, h) = (rgb.width as usize, rgb.height as usize);
    let bytes = (off..h - off).flat_map(|y| &rgb.bytes[(y * w + off) * 3..(y * w + w - off) * 3]).copied().collect();
    Rgb { width: (w - 2 * off) as u32, height: (h - 2 * off) as u32, bytes }
}

fn mirrored(rgb: &Rgb) -> Rgb {
    let row = |row: &[u8]| row.as_chunks::<3>().0.iter().rev().flatten().copied().collect::<Vec<u8>>();
    Rgb { bytes: rgb.bytes.chunks_exact(rgb.width as usize * 3).flat_map(row).collect(), ..*rgb }
}

async fn look(t: &Instance, rgb: &Rgb, among: Among) -> Vec<Alike> {
    alike(t, &Arc::new(Seen::of(rgb).unwrap().query()), among, MATCH).await.unwrap()
}

async fn works_are_found_again_cropped_and_mirrored(kind: Kind) {
    let t = TestInstance::new(kind).await;
    make_fingerprints(&t).await.unwrap();
    for title in ["lighthouse", "sailboat", "umbrella"] {
        let (work, rgb) = titled(&t, title).await;
        for changed in [cropped(&rgb, 6), mirrored(&rgb), mirrored(&cropped(&rgb, 12))] {
            let found = look(&t, &changed, Among::Works).await;
            assert_eq!(found[0].subject, Subject::Work(work), "{title}");
            assert!(found[0].likeness.score > 0.75, "{title}: {}", found[0].likeness.score);
        }
        assert!(look(&t, &mirrored(&rgb), Among::Works).await[0].likeness.map.area() < 0.0);
        assert_eq!(look(&t, &rgb, Among::Images).await, []);
    }
    // An image is found as soon as it is delivered.
    let delivered = draw(&t, "a house", 5).await;
    let file = decode(&delivered.file, Format::Png, 1 << 24).unwrap();
    assert_eq!(look(&t, &cropped(&file, 6), Among::Images).await[0].subject, Subject::Image(delivered.image));
    // What the index is made of does not depend on the database, or on the order of coming.
    let facts = index_facts(&t).await.unwrap();
    assert_eq!((facts.method, facts.images), (METHOD, 1));
    assert_eq!(facts.works as i64, t.number("SELECT COUNT(*) FROM works").await);
    let beside = t.beside().await;
    assert_eq!(index_facts(&beside).await.unwrap(), facts);
    t.finish().await;
}

async fn revoke(t: &TestInstance, work: WorkId) {
    let operator = colophon::actions::sign_in::local_operator(t).await.unwrap();
    let grants = storage::works::grants(&mut t.store.read().await.unwrap(), work).await.unwrap();
    for record in grants {
        revoke_grant(t, &operator, record.grant.id, "its author asked for it").await.unwrap();
    }
}

async fn a_revoked_work_shows_to_its_registrant_alone(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (rosa, ana) = (t.actor("Rosa", &[Role::RightsHolder]).await, creator(&t).await);
    let rgb = checks(60, 9);
    let sent =
        Registration { file: encode(&rgb.bytes, 60, 60, Format::Png).unwrap(), row: row("checks"), ..Registration::default() };
    let work = Subject::Work(register_work(&t, &rosa, sent).await.unwrap().0);
    assert_eq!(look(&t, &rgb, Among::Works).await[0].subject, work);
    let Subject::Work(id) = work else { unreachable!() };
    for (revoked, stranger) in [(false, true), (true, false)] {
        if revoked {
            revoke(&t, id).await;
        }
        let mut tx = t.store.read().await.unwrap();
        assert_eq!(shown(&t, &mut tx, work, None).await.unwrap(), stranger);
        assert_eq!(shown(&t, &mut tx, work, Some(&ana)).await.unwrap(), stranger);
        assert!(shown(&t, &mut tx, work, Some(&rosa)).await.unwrap());
    }
    t.finish().await;
}

/// Fields of several colours, so that something can be seen.
fn checks(side: u32, seed: u32) -> Rgb {
    let pixel = |x: u32, y: u32| {
        let n = (x / 12 + y / 12 * 7 + seed).wrapping_mul(2_654_435_761) >> 8;
        [n as u8, (n >> 8) as u8, (n >> 16) as u8]
    };
    let bytes = (0..side).flat_map(|y| (0..side).flat_map(move |x| pixel(x, y))).collect();
    Rgb { width: side, height: side, bytes }
}

fn row(title: &str) -> Row {
    Row { title: title.into(), author: "Rosa".into(), licence: "CC-BY-4.0".into(), ..Row::default() }
}

async fn another_process_sees_a_work_at_once(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let beside = t.beside().await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    assert_eq!(look(&beside, &checks(60, 3), Among::Works).await, []);
    for seed in 3..6 {
        let rgb = checks(60, seed);
        let file = encode(&rgb.bytes, 60, 60, Format::Png).unwrap();
        let sent = Registration { file, row: row(&format!("checks {seed}")), ..Registration::default() };
        let (work, _) = register_work(&t, &rosa, sent).await.unwrap();
        assert_eq!(look(&beside, &rgb, Among::Works).await[0].subject, Subject::Work(work), "right after the commit");
    }
    assert_eq!(index_facts(&beside).await.unwrap(), index_facts(&t).await.unwrap());
    t.finish().await;
}

/// Draws one picture, whatever is asked for.
struct Planter(FakeBackend, Vec<u8>);

impl Backend for Planter {
    fn info(&self) -> &BackendInfo {
        self.0.info()
    }

    fn draw(&mut self, request: &DrawRequest, _: &mut (dyn FnMut(Step) -> Flow + Send)) -> Result<Picture, BackendError> {
        Ok(Picture { rgb: self.1.clone(), width: request.width, height: request.height })
    }
}

/// A work a little changed: darker, one corner painted over. Asked for with words that do not find it.
async fn plant(t: &TestInstance, title: &str) -> (WorkId, JobId) {
    let (work, rgb) = titled(t, title).await;
    let mut changed: Vec<u8> = rgb.bytes.iter().map(|x| x - x / 12).collect();
    for y in 0..10 {
        changed[y * 128 * 3..(y * 128 + 10) * 3].fill(90);
    }
    let asked = request_image(t, &creator(t).await, order("a fish", 7), None).await.unwrap();
    run(t, changed).await;
    (work, asked.job.id)
}

/// Draws the job that waits with this picture; what came of it.
async fn run(t: &TestInstance, rgb: Vec<u8>) -> Option<Vec<u8>> {
    let job = lease(t).await.unwrap();
    let engine = engine_of(t, Planter(FakeBackend::new(), rgb));
    let drawn = generate::run(t, &engine, &job).await.unwrap();
    engine.shutdown();
    drawn.map(|(delivered, _)| delivered.file)
}

async fn job(t: &Instance, id: JobId) -> (TaskState, Option<Held>, Order) {
    let job = storage::jobs::find(&mut t.store.read().await.unwrap(), id).await.unwrap().unwrap();
    let held = job.held.map(|held| serde_json::from_value(held).unwrap());
    (job.state, held, serde_json::from_value(job.request).unwrap())
}

async fn a_near_copy_is_held_and_leaves_with_credit(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (work, id) = plant(&t, "lighthouse").await;
    let (state, held, _) = job(&t, id).await;
    let held = held.unwrap_or_else(|| panic!("{state}"));
    assert_eq!((state, held.works[0].work, held.may_go_on()), (TaskState::Held, work, true));
    assert!(held.works[0].likeness >= NEAR && held.works[0].parts.len() == 64);
    assert_eq!(t.number("SELECT COUNT(*) FROM images").await, 0, "nothing leaves");
    let stranger = t.actor("Eve", &[Role::Creator]).await;
    assert!(matches!(credit_and_go_on(&t, &stranger, id).await, Err(Error::NotFound { .. })));

    // Another seed, another picture.
    let again = retry(&t, &creator(&t).await, id).await.unwrap();
    assert_eq!(job(&t, again.job.id).await.2.seed, Some(8));
    let other: Vec<u8> = checks(128, 5).bytes;
    let file = run(&t, other).await.expect("like nothing here");
    let claim = verify_image(&t, file).await.unwrap().verdict.claim.unwrap().licences.unwrap();
    assert!(claim.near.is_empty() && claim.compared.unwrap().like.is_empty());

    // The same picture, credited.
    credit_and_go_on(&t, &creator(&t).await, id).await.unwrap();
    assert!(matches!(credit_and_go_on(&t, &creator(&t).await, id).await, Err(Error::Conflict(_))), "once");
    let (_, rgb) = titled(&t, "lighthouse").await;
    let file = run(&t, rgb.bytes).await.expect("credited");
    let report = verify_image(&t, file).await.unwrap();
    let claim = report.verdict.claim.unwrap();
    let licences = claim.licences.unwrap();
    assert_eq!(licences.near.iter().map(|credit| credit.work).collect::<Vec<_>>(), [work]);
    assert!(licences.credit_line.contains("It comes near to “lighthouse” by "), "{}", licences.credit_line);
    let compared = licences.compared.unwrap();
    assert_eq!((compared.method.as_str(), compared.like[0].work), (METHOD, work));
    assert_eq!(compared.index_blake3, index_facts(&t).await.unwrap().digest, "images do not change it");
    let image = claim.image.unwrap().image;
    let recorded = storage::images::find(&mut t.store.read().await.unwrap(), image).await.unwrap().unwrap().image;
    assert_eq!(recorded.compared, Some(compared));
    let near: Vec<WorkId> = recorded.works.iter().filter(|drawn| drawn.near).map(|drawn| drawn.work).collect();
    assert_eq!(near, [work], "found from the work's side too");
    let own: Vec<WorkId> = recorded.works.iter().filter(|drawn| drawn.is_own()).map(|drawn| drawn.work).collect();
    assert!(own.len() == 4 && !own.contains(&work), "and not drawn on: {own:?}");
    // What is drawn again is drawn with those that it was drawn with, and with no other.
    let engine = engine_of(&t, Planter(FakeBackend::new(), titled(&t, "lighthouse").await.1.bytes));
    let again = replay(&t, &engine, image, true).await.unwrap();
    engine.shutdown();
    assert!(again.same_pixels);
    assert_eq!(again.influence.iter().map(|(work, ..)| *work).collect::<Vec<_>>(), own);
    t.finish().await;
}

async fn a_near_copy_of_a_work_whose_terms_forbid_it_is_refused(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (work, _) = titled(&t, "lighthouse").await;
    revoke(&t, work).await;
    let (_, id) = plant(&t, "lighthouse").await;
    let (state, held, _) = job(&t, id).await;
    let held = held.unwrap();
    assert_eq!((state, held.works[0].work, held.works[0].may), (TaskState::Failed, work, false));
    assert!(held.sentence().contains("do not allow it") && !held.works[0].says.is_empty(), "{}", held.sentence());
    assert!(matches!(credit_and_go_on(&t, &creator(&t).await, id).await, Err(Error::Conflict(_))));
    // A picture that was held may be credited only as long as the terms allow it.
    let (work, id) = plant(&t, "sailboat").await;
    assert_eq!(job(&t, id).await.0, TaskState::Held);
    credit_and_go_on(&t, &creator(&t).await, id).await.unwrap();
    revoke(&t, work).await;
    let (_, rgb) = titled(&t, "sailboat").await;
    assert!(run(&t, rgb.bytes).await.is_none());
    assert_eq!(job(&t, id).await.0, TaskState::Failed);
    assert_eq!(t.number("SELECT COUNT(*) FROM images").await, 0);
    t.finish().await;
}

async fn a_community_is_heard_about_a_near_work(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let op = t.actor("Op", &[Role::Operator]).await;
    let (work, _) = titled(&t, "lighthouse").await;
    let project = serde_json::json!({
        "unique_id": "259854f7-b261-4c8c-8556-4b153deebc18",
        "title": "Weavings",
        "project_page": "https://localcontextshub.org/projects/259854f7-b261-4c8c-8556-4b153deebc18/",
        "date_modified": "2026-05-06",
        "bc_labels": [],
        "tk_labels": [{ "name": "N", "label_type": "secret_sacred", "language_tag": "en", "label_text": "Ask us.",
                        "community": { "id": 1, "name": "Coast People" } }],
    });
    attach_project(&t, &op, work, project.to_string().as_bytes()).await.unwrap();
    let (_, id) = plant(&t, "lighthouse").await;
    let (state, held, _) = job(&t, id).await;
    let held = held.unwrap();
    assert_eq!((state, held.works[0].work, held.works[0].may), (TaskState::Failed, work, false));
    assert!(held.works[0].says.contains("a community asks to be heard"), "{}", held.works[0].says);
    t.finish().await;
}

async fn a_picture_of_a_forbidden_work_may_not_be_a_parent(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let ana = creator(&t).await;
    let (work, rgb) = titled(&t, "umbrella").await;
    revoke(&t, work).await;
    let part = mirrored(&cropped(&rgb, 6));
    let bytes = encode(&part.bytes, part.width, part.height, Format::Jpeg).unwrap();
    let given = HandIn { role: For::Parent, name: "mine.jpg".into(), rights: "own".into(), bytes };
    let input = hand_in(&t, &ana, given).await.unwrap();
    let edit = serde_json::from_value(serde_json::json!({ "kind": "tone" })).unwrap();
    let asked = Order { edit: Some(edit), parent: Some(colophon::id::ParentId::Input(input.id)), ..Order::default() };
    let refused = request_image(&t, &ana, asked, None).await.unwrap_err().to_string();
    assert!(refused.contains("shows “umbrella”") && refused.contains("which may not be used so"), "{refused}");
    // Nor lines to follow.
    let bytes = encode(&rgb.bytes, rgb.width, rgb.height, Format::Png).unwrap();
    let given = HandIn { role: For::Sketch, name: "lines.png".into(), rights: String::new(), bytes };
    let sketch = hand_in(&t, &ana, given).await.unwrap().id;
    let edit = serde_json::from_value(serde_json::json!({ "kind": "sketch" })).unwrap();
    let asked = Order { edit: Some(edit), sketch: Some(sketch), ..order("an umbrella", 1) };
    let refused = request_image(&t, &ana, asked, None).await.unwrap_err().to_string();
    assert!(refused.contains("the sketch shows “umbrella”"), "{refused}");
    t.finish().await;
}

async fn strange_pictures_do_no_harm(kind: Kind) {
    let t = TestInstance::new(kind).await;
    make_fingerprints(&t).await.unwrap();
    for (w, h) in [(1, 1), (1, 4_096), (4_096, 2), (3, 5), (31, 33)] {
        let flat = Rgb { width: w, height: h, bytes: [200, 10, 10].repeat((w * h) as usize) };
        assert_eq!(look(&t, &flat, Among::Works).await, [], "{w}×{h}: nothing to see");
        let mut noise = flat.clone();
        noise.bytes.iter_mut().enumerate().for_each(|(i, x)| *x = (i * i * 31 % 251) as u8);
        assert_eq!(look(&t, &noise, Among::Works).await, [], "{w}×{h}");
    }
    t.finish().await;
}

async fn what_can_not_be_fetched_stays_due(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let works = t.number("SELECT COUNT(*) FROM works").await;
    let (blobs, aside) = (t.settings.data_dir.join("blobs"), t.settings.data_dir.join("blobs.aside"));
    std::fs::rename(&blobs, &aside).unwrap();
    assert_eq!(make_fingerprints(&t).await.unwrap(), 0);
    assert_eq!(t.number("SELECT COUNT(*) FROM fingerprints_due").await, works, "a disk that comes back brings them back");
    std::fs::remove_dir_all(&blobs).ok();
    std::fs::rename(&aside, &blobs).unwrap();
    assert_eq!(make_fingerprints(&t).await.unwrap() as i64, works);
    t.finish().await;
}
