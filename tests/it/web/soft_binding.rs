//! Pictures without their credentials, or with others': found again by programs, and by whoever verifies a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colophon::id::ImageId;
use colophon::likeness::Iscc;
use colophon::provenance::encode::{Rgb, decode};
use colophon::provenance::soft_binding::{manifest_id, manifests};
use colophon::provenance::{Format, encode};
use colophon::web::error::encode as escaped;

use super::*;
use crate::support::both;

both! {
    a_stripped_file_leads_to_its_manifest,
    a_manifest_is_fetched_by_its_name,
    what_can_not_be_looked_up_is_refused,
    the_service_says_what_it_serves_and_to_everyone,
    verifying_tells_what_a_file_shows,
}

const BASE: &str = "/softbinding/v1";

fn pixels(file: &[u8]) -> Rgb {
    decode(file, Format::Png, 1 << 24).unwrap()
}

/// The same picture in a file without credentials.
fn stripped(file: &[u8], format: Format) -> Vec<u8> {
    let rgb = pixels(file);
    encode(&rgb.bytes, rgb.width, rgb.height, format).unwrap()
}

fn store(file: &[u8]) -> Vec<u8> {
    c2pa::jumbf_io::load_jumbf_from_memory("image/png", file).unwrap()
}

/// A picture with the credentials of another file.
fn with_credentials_of(donor: &[u8], picture: &[u8]) -> Vec<u8> {
    c2pa::jumbf_io::save_jumbf_to_memory("image/png", picture, &store(donor)).unwrap()
}

fn iscc(file: &[u8]) -> Iscc {
    let rgb = pixels(file);
    Iscc::of_rgb(&rgb.bytes, rgb.width, rgb.height).unwrap()
}

fn value(iscc: &Iscc) -> String {
    STANDARD.encode(iscc.to_unit())
}

/// A picture that is like no other here.
fn unlike() -> Vec<u8> {
    let rgb: Vec<u8> = (0..40 * 30 * 3).map(|n| (n % 251) as u8).collect();
    encode(&rgb, 40, 30, Format::Jpeg).unwrap()
}

async fn by_content(visitor: &mut Visitor<'_>, query: &str, file: &[u8]) -> Answer {
    let request = Request::post(format!("{BASE}/matches/byContent{query}")).header(header::CONTENT_TYPE, "image/jpeg");
    visitor.send(request, Body::from(file.to_vec())).await
}

async fn a_stripped_file_leads_to_its_manifest(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let (one, other) = (draw(&test, "red apple", 1).await, draw(&test, "a cat", 2).await);
    let (name, others) = (manifest_id(one.image), manifest_id(other.image));
    let mut visitor = Visitor::new(&test);
    let copy = stripped(&one.file, Format::Jpeg);

    let answer = by_content(&mut visitor, "", &copy).await.is(200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let found = answer.json();
    assert_eq!(found["matches"][0]["manifestId"], name, "{found}");
    assert!((80..=100).contains(&found["matches"][0]["similarityScore"].as_u64().unwrap()), "{found}");
    // The same of the signed file, of a form, and by the code alone.
    for answer in [
        by_content(&mut visitor, "", &one.file).await,
        visitor.upload(&format!("{BASE}/matches/byContent?maxResults=1"), &[], &copy).await,
        by_content(&mut visitor, "?alg=io.iscc.v0", &copy).await,
    ] {
        let found = answer.is(200).json();
        assert_eq!(found["matches"][0]["manifestId"], name, "{found}");
    }
    // A hint is looked up besides.
    let hint = format!("?hintAlg=io.iscc.v0&hintValue={}", escaped(&value(&iscc(&other.file))));
    let found = by_content(&mut visitor, &hint, &copy).await.is(200).json();
    let names: Vec<&str> = found["matches"].as_array().unwrap().iter().map(|m| m["manifestId"].as_str().unwrap()).collect();
    assert!(names.contains(&&*name) && names.contains(&&*others), "{names:?}");
    let found = by_content(&mut visitor, "?hintAlg=com.example.mark&hintValue=x", &copy).await.is(200).json();
    assert_eq!(found["matches"][0]["manifestId"], name, "{found}");

    let code = value(&iscc(&one.file));
    let by_binding = format!("{BASE}/matches/byBinding");
    let expected = serde_json::json!({ "matches": [{ "manifestId": name, "similarityScore": 100 }] });
    for code in [escaped(&code), code.clone(), code.trim_end_matches('=').to_owned()] {
        assert_eq!(visitor.get(&format!("{by_binding}?alg=io.iscc.v0&value={code}")).await.is(200).json(), expected);
    }
    let asked = serde_json::json!({ "alg": "io.iscc.v0", "value": code });
    assert_eq!(visitor.json("POST", &format!("{by_binding}?maxResults=3"), &asked).await.is(200).json(), expected);
    // What nothing is near to is an empty list.
    let far = value(&Iscc::from_bits(iscc(&one.file).bits().map(|byte| !byte)));
    let nothing = visitor.get(&format!("{by_binding}?alg=io.iscc.v0&value={}", escaped(&far))).await.is(200).json();
    assert_eq!(nothing, serde_json::json!({ "matches": [] }));
    test.finish().await;
}

async fn a_manifest_is_fetched_by_its_name(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let image = draw(&test, "red apple", 1).await;
    let mut visitor = Visitor::new(&test);
    let (name, embedded) = (manifest_id(image.image), store(&image.file));
    assert_eq!(manifests(&embedded).last().unwrap().0, name, "the name is the label of the active manifest");
    for name in [name.clone(), name.replace(':', "%3A"), name.to_uppercase().replace("URN:C2PA", "urn:c2pa")] {
        let fetched = visitor.get(&format!("{BASE}/manifests/{name}")).await.is(200);
        assert_eq!((fetched.header("content-type"), fetched.body == embedded), ("application/c2pa", true), "{name}");
        assert!(fetched.header("cache-control").contains("immutable") && fetched.header("access-control-allow-origin") == "*");
    }
    let path = format!("{BASE}/manifests/{name}?returnActiveManifest");
    assert_eq!(visitor.get(&format!("{path}=false")).await.is(200).body, embedded);
    let alone = visitor.get(&format!("{path}=true")).await.is(200).body;
    let (whole, alone) = (manifests(&embedded), manifests(&alone));
    assert!(whole.len() > 1 && alone == [whole.last().unwrap().clone()], "of the store the last manifest");
    visitor.get(&format!("{path}=perhaps")).await.is(400);
    let nobody = manifest_id(ImageId::derived(b"nobody"));
    let long = "a".repeat(3_000);
    for name in [&*nobody, "urn:c2pa:conformance-does-not-exist", "a/b", "a%2Fb%3F", "..%2F..%2Fkeys", "%00", "%ff", &long] {
        let missing = visitor.get(&format!("{BASE}/manifests/{name}")).await.is(404);
        assert_eq!(missing.header("content-type"), "application/problem+json", "{name}");
        assert_eq!(missing.header("access-control-allow-origin"), "*");
    }
    test.finish().await;
}

async fn what_can_not_be_looked_up_is_refused(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::new(&test);
    let value = escaped(&value(&Iscc::from_bits([7; 32])));
    let whole = format!("?alg=io.iscc.v0&value={value}");
    let long = format!("?alg=io.iscc.v0&value={}", "A".repeat(5_000));
    for (query, problem) in [
        ("", "alg"),
        ("?alg=io.iscc.v0", "value"),
        (&format!("?value={value}"), "alg"),
        (&format!("?alg=org.example.pdq&value={value}"), "org.example.pdq"),
        ("?alg=io.iscc.v0&value=", "sequence"),
        ("?alg=io.iscc.v0&value=%25%25%25", "base64"),
        ("?alg=io.iscc.v0&value=AAAA", "sequence"),
        ("?alg=io.iscc.v0&value=IQEBAgMEBQYHCA==", "256 bits"),
        (&long, "4096"),
        (&format!("{whole}&maxResults=0"), "maxResults"),
        (&format!("{whole}&maxResults=many"), "query"),
        (&format!("{whole}&maxResults=-1"), "query"),
        (&format!("{whole}&value={value}"), "query"),
        (&format!("{whole}%00"), "NUL"),
    ] {
        let refused = visitor.get(&format!("{BASE}/matches/byBinding{query}")).await.is(400);
        assert_eq!(refused.header("content-type"), "application/problem+json", "{query}");
        let said = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(said.contains(problem), "{query}: {said}");
    }
    visitor.get(&format!("{BASE}/matches/byBinding{whole}&maxResults=99999999999")).await.is(200);
    let bodies = ["", "{", "[]", "{\"alg\":1}", "{\"alg\":\"io.iscc.v0\"}", "{\"alg\":\"io.iscc.v0\",\"value\":\"%\"}"];
    for body in bodies {
        let request = Request::post(format!("{BASE}/matches/byBinding")).header(header::CONTENT_TYPE, "application/json");
        visitor.send(request, Body::from(body)).await.is(400);
    }

    let picture = unlike();
    // The header of a PNG of 10,000 × 10,000 pixels, with nothing behind it.
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bomb.extend([0, 0, 0x27, 0x10, 0, 0, 0x27, 0x10, 8, 2, 0, 0, 0]);
    bomb.extend([0; 64]);
    for file in [&b""[..], b"hello", b"GIF89a", b"\0\0\0\x10jumb", &bomb, &picture[..picture.len() / 2]] {
        let refused = by_content(&mut visitor, "", file).await.is(400);
        assert!(!refused.json()["detail"].as_str().unwrap().is_empty());
    }
    by_content(&mut visitor, "?alg=org.example.pdq", &picture).await.is(400);
    by_content(&mut visitor, "?hintAlg=io.iscc.v0&hintValue=nonsense", &picture).await.is(400);
    by_content(&mut visitor, "?maxResults=0", &picture).await.is(400);
    by_content(&mut visitor, "", &vec![0; 3 << 20]).await.is(413);
    let request = Request::post(format!("{BASE}/matches/byContent")).header(header::CONTENT_TYPE, "multipart/form-data");
    visitor.send(request, Body::from("--x")).await.is(400);
    // Nothing here shows it.
    assert_eq!(by_content(&mut visitor, "", &picture).await.is(200).json(), serde_json::json!({ "matches": [] }));
    // Not served.
    let asked = serde_json::json!({ "referenceUrl": "https://127.0.0.1/", "assetLength": 1 });
    visitor.json("POST", &format!("{BASE}/matches/byReference"), &asked).await.is(404);
    visitor.json("POST", &format!("{BASE}/bindings"), &asked).await.is(404);
    visitor.json("PUT", &format!("{BASE}/matches/byBinding"), &asked).await.is(405);
    test.finish().await;
}

async fn the_service_says_what_it_serves_and_to_everyone(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::new(&test);
    let algorithms = visitor.get(&format!("{BASE}/services/supportedAlgorithms")).await.is(200).json();
    assert_eq!(algorithms, serde_json::json!({ "watermarks": [], "fingerprints": [{ "alg": "io.iscc.v0" }] }));
    let capabilities = visitor.get(&format!("{BASE}/services/capabilities")).await.is(200).json();
    assert_eq!(capabilities["supportedCapabilities"], serde_json::json!(["queryByContent"]));
    assert_eq!(visitor.get(&format!("{BASE}/services/status")).await.is(200).json()["status"], "ok");
    let discovery = visitor.get("/.well-known/c2pa-soft-binding-resolution").await.is(200).json();
    assert_eq!(discovery["apiEndpoint"], format!("{}{BASE}", test.site.url));
    let document = visitor.get("/softbinding/openapi.json").await.is(200).json();
    for said in [&capabilities["c2paSpecificationVersion"], &discovery["c2paSpecificationVersion"]] {
        assert_eq!(*said, document["info"]["version"], "one version");
    }
    assert_eq!(document["servers"][0]["url"], discovery["apiEndpoint"]);
    assert_eq!(visitor.get(BASE).await.is(200).json(), discovery);
    // What is described is there: each route answers its own methods and no others.
    for (path, methods) in document["paths"].as_object().unwrap() {
        let at = if path.starts_with("/.well-known") { path.clone() } else { format!("{BASE}{path}") };
        let at = at.replace("{manifestId}", &manifest_id(ImageId::derived(b"nobody")));
        for method in ["get", "post"] {
            let answer = visitor.json(&method.to_uppercase(), &at, &Value::Null).await;
            assert_eq!(answer.status == StatusCode::METHOD_NOT_ALLOWED, methods[method].is_null(), "{method} {at}");
        }
    }
    // A browser on another site asks first, then sends; nowhere else is it let in.
    let path = format!("{BASE}/matches/byContent");
    let asks = visitor.send(Request::options(&path), Body::empty()).await.is(204);
    assert_eq!(asks.header("access-control-allow-origin"), "*");
    assert!(asks.header("access-control-allow-headers").contains("content-type"));
    let picture = unlike();
    let cross = |path: &str| Request::post(path).header("sec-fetch-site", "cross-site");
    visitor.send(cross(&path), Body::from(picture.clone())).await.is(200);
    visitor.send(cross("/api/v1/verify"), Body::from(picture)).await.is(403);
    test.finish().await;
}

async fn verifying_tells_what_a_file_shows(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let (one, other) = (draw(&test, "red apple", 1).await, draw(&test, "a cat", 2).await);
    let stranger = TestInstance::stranger(kind).await;
    let theirs = draw(&stranger, "red apple", 3).await;
    let mut visitor = Visitor::new(&test);

    let bare = stripped(&one.file, Format::Png);
    let mut changed = pixels(&one.file);
    changed.bytes[..300].fill(9);
    let changed = encode(&changed.bytes, changed.width, changed.height, Format::Png).unwrap();
    for (file, substituted, said) in [
        (stripped(&one.file, Format::Jpeg), false, "Its credentials were removed"),
        (with_credentials_of(&one.file, &changed), false, "Its credentials are those of what it shows"),
        (with_credentials_of(&other.file, &bare), true, "a substitution"),
        (with_credentials_of(&theirs.file, &bare), true, "a substitution"),
    ] {
        let report = visitor.upload("/api/v1/verify", &[], &file).await.is(200).json();
        let recovered = &report["recovered"];
        assert_eq!(recovered["image"], one.image.to_string(), "{said}: {}", report["sentence"]);
        assert_eq!(recovered["manifest"], manifest_id(one.image));
        assert_eq!(recovered["substituted"], substituted, "{recovered}");
        let sentence = recovered["sentence"].as_str().unwrap();
        assert!(sentence.contains(said) && sentence.contains(&one.image.to_string()), "{sentence}");
        let page = visitor.upload("/verify", &[], &file).await.is(200).text();
        assert!(page.contains(said) && page.contains(&format!("href=\"/images/{}\"", one.image)), "{page}");
    }
    // Nothing is said where the credentials say it, or where nothing here is like it.
    for file in [&one.file[..], &unlike(), b"hello"] {
        let report = visitor.upload("/api/v1/verify", &[], file).await.is(200).json();
        assert!(report["recovered"].is_null(), "{report}");
    }
    stranger.finish().await;
    test.finish().await;
}
