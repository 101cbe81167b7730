//! Looking by picture at the doors, and pictures that are held for being too near to works.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colophon::actions::gate::{Held, HeldBy};
use colophon::actions::look::index_facts;
use colophon::id::WorkId;
use colophon::likeness::{Compared, NEAR, millionths};
use colophon::provenance::reading::read_picture;
use colophon::provenance::{Format, encode};
use colophon::storage::{self, tasks::TaskState};
use serde_json::json;

use super::*;
use crate::support::both;

both! {
    a_cropped_and_mirrored_work_is_found_first,
    what_can_not_be_looked_at_is_refused_in_words,
    hostile_files_neither_crash_nor_stall,
    a_revoked_work_is_not_shown_to_strangers,
    a_held_picture_goes_on_with_its_work_credited,
    a_picture_that_no_terms_allow_does_not_go_on,
}

/// A shipped work, and its picture without a margin of one part in `parts` of its side, mirrored.
async fn copy_of_a_work(visitor: &mut Visitor<'_>, parts: usize) -> (String, Vec<u8>) {
    let work = visitor.get("/api/v1/works?q=fish&limit=1").await.is(200).json();
    let work = work["items"][0]["id"].as_str().unwrap().to_owned();
    let picture = visitor.get(&format!("/works/{work}/picture")).await.is(200).body;
    let rgb = read_picture(&picture).unwrap().rgb;
    let (width, height) = (rgb.width as usize, rgb.height as usize);
    let cut = width / parts;
    let pixel = |x: usize, y: usize| rgb.bytes[(y * width + x) * 3..][..3].to_vec();
    let places = (cut..height - cut).flat_map(|y| (cut..width - cut).rev().map(move |x| (x, y)));
    let copy: Vec<u8> = places.flat_map(|(x, y)| pixel(x, y)).collect();
    let copy = encode(&copy, (width - 2 * cut) as u32, (height - 2 * cut) as u32, Format::Png).unwrap();
    (work, copy)
}

async fn a_cropped_and_mirrored_work_is_found_first(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::new(&test);
    assert!(visitor.get("/look").await.is(200).text().contains("enctype=\"multipart/form-data\""));
    let (work, copy) = copy_of_a_work(&mut visitor, 16).await;
    let found = visitor.upload("/api/v1/likeness", &[], &copy).await.is(200).json();
    let first = &found["works"][0];
    assert_eq!(first["work"], work.as_str(), "{found}");
    assert_eq!(first["url"], format!("/works/{work}"));
    assert!(first["licence"].is_string() && first["likeness"].as_f64().unwrap() > 0.65, "{first}");
    assert!(first["map"][0].as_f64().unwrap() < -1.0, "mirrored and cropped: {first}");
    assert_eq!(first["parts"].as_array().unwrap().len(), 64);
    assert_eq!(found["index"]["works"].as_i64().unwrap(), test.number("SELECT COUNT(*) FROM works").await);
    assert!(found["iscc"].as_str().unwrap().starts_with("ISCC:"));
    assert_eq!(found["pdq"]["hash"].as_str().unwrap().len(), 64);
    // The same as a bare body.
    let bare = Request::post("/api/v1/likeness").header(header::CONTENT_TYPE, "image/png");
    assert_eq!(visitor.send(bare, Body::from(copy.clone())).await.is(200).json(), found);
    // And for people.
    let page = visitor.upload("/look", &[], &copy).await.is(200).text();
    let named = page.split("href=\"/works/work_").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(format!("work_{named}"), work);
    assert!(page.contains(", mirrored") && page.contains("cropped.") && page.contains("href=\"#given\""), "{page}");
    assert!(page.contains("data:image/png;base64,") && page.contains(found["iscc"].as_str().unwrap()));
    // Nothing like it.
    let stripes: Vec<u8> =
        (0..96u32 * 96).flat_map(|at| if at % 96 / 6 % 2 == 0 { [250, 20, 240] } else { [10, 250, 10] }).collect();
    let stripes = encode(&stripes, 96, 96, Format::Png).unwrap();
    let page = visitor.upload("/look", &[], &stripes).await.is(200).text();
    assert!(page.contains("No registered work is like it.") && page.contains("That proves nothing"), "{page}");
    test.finish().await;
}

async fn what_can_not_be_looked_at_is_refused_in_words(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::new(&test);
    let wide = encode(&vec![9; 5000 * 3], 5000, 1, Format::Png).unwrap();
    for (file, said) in [
        (&b"hello"[..], "not a PNG, JPEG or WebP"),
        (b"", "file"),
        (&wide, "5000×1"),
        // The header alone.
        (&wide[..33], "cut short"),
    ] {
        let page = visitor.upload("/look", &[], file).await.is(422).text();
        let problem = page.split("id=\"file-problem\">").nth(1).unwrap().split('<').next().unwrap();
        assert!(problem.contains(said) && page.contains("aria-invalid"), "{said}: {problem}");
        let refused = visitor.upload("/api/v1/likeness", &[], file).await.is(422).json();
        assert_eq!(refused["errors"][0]["field"], "file", "{refused}");
    }
    test.finish().await;
}

/// A grey PNG, all of one byte, as `png` writes it.
fn grey(width: u32, height: u32, depth: png::BitDepth, frames: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(depth);
    if frames > 1 {
        encoder.set_animated(frames, 0).unwrap();
    }
    let bytes = if depth == png::BitDepth::Sixteen { 2 } else { 1 };
    let data = vec![77; (width * height) as usize * bytes];
    let mut writer = encoder.write_header().unwrap();
    (0..frames).for_each(|_| writer.write_image_data(&data).unwrap());
    writer.finish().unwrap();
    out
}

/// The head of a baseline JPEG of this many components (ITU-T T.81 B.2.2), and nothing after it.
fn jpeg_head(components: u8) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8, 0xff, 0xc0, 0, 8 + 3 * components, 8, 0, 16, 0, 16, components];
    (1..=components).for_each(|id| out.extend([id, 0x11, 0]));
    out.extend([0xff, 0xda, 0, 3, 0]);
    out
}

async fn hostile_files_neither_crash_nor_stall(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::new(&test);
    use png::BitDepth::{Eight, Sixteen};
    // A bomb: 4096×4096 in a few kilobytes. It is read, and there is nothing to see in it.
    let bomb = grey(4096, 4096, Eight, 1);
    assert!(bomb.len() < 64 << 10);
    for (name, file) in [("bomb", bomb), ("point", grey(1, 1, Eight, 1)), ("line", grey(4096, 1, Eight, 1))] {
        let found = visitor.upload("/api/v1/likeness", &[], &file).await.is(200).json();
        assert_eq!((&found["works"], &found["images"]), (&json!([]), &json!([])), "{name}");
    }
    // What says that it is larger than it may be is refused before it is decoded.
    let mut huge = grey(8, 8, Eight, 1);
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let truncated = grey(64, 64, Eight, 1);
    let mut flipped = truncated.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    for (name, file) in [
        ("wide", grey(65_535, 1, Eight, 1)),
        ("huge", huge),
        ("16 bits", grey(8, 8, Sixteen, 1)),
        ("animated", grey(8, 8, Eight, 3)),
        ("CMYK", jpeg_head(4)),
        ("head alone", jpeg_head(3)),
        ("cut", truncated[..truncated.len() / 2].to_vec()),
        ("flipped", flipped),
        ("WebP's head", b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x0f\0\0\x0f\0\0".to_vec()),
    ] {
        let refused = visitor.upload("/api/v1/likeness", &[], &file).await.is(422).json();
        assert!(refused["detail"].as_str().is_some_and(|said| said.len() > 20), "{name}: {refused}");
        let refused = visitor.upload("/softbinding/v1/matches/byContent", &[], &file).await.is(400);
        assert!(!refused.text().contains("panicked"), "{name}");
    }
    test.finish().await;
}

async fn a_revoked_work_is_not_shown_to_strangers(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut operator = Visitor::operator(&test).await;
    let (work, copy) = copy_of_a_work(&mut operator, 32).await;
    let csrf = operator.csrf().await;
    operator.post(&format!("/works/{work}/revoke"), &format!("csrf={csrf}&reason=sold")).await.is(303);
    let mut stranger = Visitor::new(&test);
    for path in ["/look", "/api/v1/likeness"] {
        assert!(!stranger.upload(path, &[], &copy).await.is(200).text().contains(&work), "{path}");
        assert!(operator.upload(path, &[], &copy).await.is(200).text().contains(&work), "{path}");
    }
    // Its uses are for who registered it, and for operators.
    let uses = format!("/works/{work}/uses");
    assert!(operator.get(&format!("/works/{work}")).await.is(200).text().contains(&uses));
    assert!(!stranger.get(&format!("/works/{work}")).await.is(200).text().contains(&uses));
    assert!(operator.get(&uses).await.is(200).text().contains("None of the 0 images made here is like it."));
    stranger.get(&uses).await.is(303);
    Visitor::with_token(&test, "Ben", Role::Creator, "images").await.get(&uses).await.is(403);
    test.finish().await;
}

/// Asks for a picture and has it held for a work, whose terms allow it or not: the job's page, and the work with its title.
async fn held(test: &TestInstance, visitor: &mut Visitor<'_>, may: bool) -> (String, WorkId, String) {
    let csrf = visitor.csrf().await;
    let form = format!("csrf={csrf}&prompt=red+apple&use=personal&format=png&seed=7");
    let page = visitor.post("/studio", &form).await.is(303).location().to_owned();
    let work = visitor.get("/api/v1/works?q=fish&limit=1").await.is(200).json()["items"][0].clone();
    let (id, title): (WorkId, _) = (work["id"].as_str().unwrap().parse().unwrap(), work["title"].as_str().unwrap().to_owned());
    let job = lease(test).await.unwrap();
    assert_eq!(page, format!("/jobs/{}", job.id));
    let facts = index_facts(test).await.unwrap();
    let held = Held {
        works: vec![HeldBy {
            work: id,
            title: title.clone(),
            author: "Ana <b>".to_owned(),
            likeness: 0.86,
            map: [-1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
            parts: (0..64).map(|at| (at > 7).then_some(if at == 20 { 10 } else { 95 })).collect(),
            may,
            says: if may { "CC-BY-4.0" } else { "no licence covers it" }.to_owned(),
        }],
        compared: Compared {
            method: facts.method.to_owned(),
            weights_sha256: facts.weights_sha256,
            index_blake3: facts.digest,
            works: facts.works,
            not_compared: 0,
            held_from: millionths(NEAR),
            like: Vec::new(),
        },
        view: STANDARD.encode([120u8; 32 * 32 * 3]),
    };
    let state = if may { TaskState::Held } else { TaskState::Failed };
    let mut tx = test.store.begin().await.unwrap();
    let record = serde_json::to_value(&held).unwrap();
    let kept =
        storage::jobs::hold(&mut tx, (job.id, job.attempts), state, &held.sentence(), Some(&record), test.now()).await.unwrap();
    assert!(kept);
    tx.commit().await.unwrap();
    (page, id, title)
}

async fn a_held_picture_goes_on_with_its_work_credited(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::operator(&test).await;
    let csrf = visitor.csrf().await;
    let (job, work, title) = held(&test, &mut visitor, true).await;
    let api = format!("/api/v1{job}");
    let shown = visitor.get(&api).await.is(200).json();
    assert_eq!((shown["state"].as_str(), shown["held"]["works"][0]["work"].as_str()), (Some("held"), Some(&*work.to_string())));
    let page = visitor.get(&job).await.is(200).text();
    assert!(page.contains(&format!("Credit “{title}” and go on")) && page.contains("Draw another one"), "{page}");
    assert!(page.contains("32×32 cells; the picture itself is not delivered") && page.contains("data:image/png;base64,"));
    assert!(page.contains("Its terms (CC-BY-4.0) allow it") && !page.contains("Ana <b>") && !page.contains("data-job"));
    assert!(page.contains("55 of 56 parts agree") && page.contains("M4 2h1v1h-1z"), "the part that differs is marked: {page}");
    let listed = visitor.get("/jobs").await.is(200).text();
    assert!(listed.contains("held: too near to") && listed.contains("Ask again"), "{listed}");
    // It is its maker's to decide.
    let mut stranger = Visitor::new(&test);
    stranger.post(&format!("{job}/credit"), "").await.is(303);
    stranger.json("POST", &format!("{api}/credit"), &Value::Null).await.is(401);
    let mut ben = Visitor::with_token(&test, "Ben", Role::Creator, "images").await;
    ben.json("POST", &format!("{api}/credit"), &Value::Null).await.is(404);
    visitor.post(&format!("{job}/credit"), "csrf=wrong").await.is(403);
    let form = format!("csrf={csrf}");
    assert_eq!(visitor.post(&format!("{job}/credit"), &form).await.is(303).location(), job);
    assert_eq!(visitor.get(&api).await.is(200).json()["state"], "queued");
    let asked = test.texts("SELECT request FROM jobs").await.remove(0);
    let asked: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(asked["credit"], json!([work]), "{asked}");
    visitor.post(&format!("{job}/credit"), &form).await.is(409);
    work_off(&test).await;
    assert!(visitor.get(&job).await.is(303).location().starts_with("/images/"));

    // The same for programs; then called off.
    let mut ana = Visitor::with_token(&test, "Ana T", Role::Creator, "images").await;
    let order = json!({ "prompt": "red apple" });
    let job = ana.json("POST", "/api/v1/images", &order).await.is(202).location().to_owned();
    ana.json("POST", &format!("{job}/credit"), &Value::Null).await.is(409);
    ana.json("DELETE", &job, &Value::Null).await.is(200);
    ana.json("POST", &format!("{job}/credit"), &Value::Null).await.is(409);
    let (job, ..) = held(&test, &mut visitor, true).await;
    visitor.post(&format!("{job}/cancel"), &form).await.is(303);
    assert!(visitor.get(&job).await.is(200).text().contains("Cancelled"));
    test.finish().await;
}

async fn a_picture_that_no_terms_allow_does_not_go_on(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::operator(&test).await;
    let csrf = visitor.csrf().await;
    let (job, _, title) = held(&test, &mut visitor, false).await;
    let page = visitor.get(&job).await.is(200).text();
    assert!(page.contains("Its terms do not allow it: no licence covers it.") && page.contains(&format!("“{title}”")), "{page}");
    assert!(!page.contains("and go on</button>") && page.contains("Draw another one") && !page.contains(">Cancel<"), "{page}");
    visitor.post(&format!("{job}/credit"), &format!("csrf={csrf}")).await.is(409);
    // Another one is asked for with the next seed.
    let next = visitor.post(&format!("{job}/retry"), &format!("csrf={csrf}")).await.is(303).location().to_owned();
    assert_eq!(visitor.get(&format!("/api/v1{next}")).await.is(200).json()["seed"], "8");
    visitor.post(&format!("{next}/cancel"), &format!("csrf={csrf}")).await.is(303);
    test.finish().await;
}
