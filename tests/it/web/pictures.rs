//! The way of a picture through the pages and the API.

use super::*;
use crate::support::both;

both! {
    the_journey_of_a_picture_through_the_pages,
    the_api_makes_pictures_for_those_with_a_token,
    what_is_wrong_comes_back_with_what_was_typed,
    what_is_private_is_erased_from_the_page_and_by_programs,
}

async fn the_journey_of_a_picture_through_the_pages(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::operator(&test).await;
    let csrf = visitor.csrf().await;
    let job = visitor.post("/studio", &format!("csrf={csrf}&prompt=red+apple&use=personal&format=png&seed=7")).await.is(303);
    let job = job.location().to_owned();
    let waiting = visitor.get(&job).await.is(200).text();
    assert!(waiting.contains("http-equiv=\"refresh\"") && waiting.contains("red apple"), "it works without scripts");
    Visitor::new(&test).get(&job).await.is(303);
    let api = format!("/api/v1{job}");
    assert_eq!(visitor.get(&api).await.is(200).json()["state"], "queued");
    work_off(&test).await;
    let image = visitor.get(&job).await.is(303).location().to_owned();
    assert_eq!(format!("/images/{}", visitor.get(&api).await.json()["image"].as_str().unwrap()), image);
    let file = visitor.get(&format!("{image}/file")).await.is(200);
    assert_eq!(file.header("content-type"), "image/png");
    // Signed pictures never change, so they may be kept.
    assert!(file.header("cache-control").contains("immutable"));
    let verdict = Visitor::new(&test).upload("/verify", &[], &file.body).await.is(200).text();
    assert!(verdict.contains("nothing has changed since") && verdict.contains("proved just now"), "{verdict}");
    let report = Visitor::new(&test).upload("/api/v1/verify", &[], &file.body).await.is(200).json();
    assert_eq!((report["verdict"]["finding"].as_str(), report["logged"]["state"].as_str()), (Some("trusted"), Some("proved")));
    assert!(report["verdict"]["crjson"]["manifests"].is_array());
    let proof = visitor.get(&format!("{image}/receipt")).await.is(200);
    let receipt = Receipt::parse(&proof.body).unwrap();
    let vkey = visitor.get("/trust/log.vkey").await.text();
    let verifier = Verifier::parse(vkey.trim()).unwrap();
    receipt.verify(receipt.extra.as_deref().unwrap(), &verifier, verifier.name()).unwrap();
    // A picture that is called off stays so.
    let second =
        visitor.post("/studio", &format!("csrf={csrf}&prompt=red+apple&private=yes")).await.is(303).location().to_owned();
    visitor.post(&format!("{second}/cancel"), &format!("csrf={csrf}")).await.is(303);
    visitor.post(&format!("{second}/cancel"), &format!("csrf={csrf}")).await.is(409);
    work_off(&test).await;
    assert!(visitor.get(&second).await.is(200).text().contains("Cancelled"));
    test.finish().await;
}

async fn the_api_makes_pictures_for_those_with_a_token(kind: Kind) {
    let test = TestInstance::with(kind, &[("queue", "2")]).await;
    let mut ana = Visitor::with_token(&test, "Ana T", Role::Creator, "images").await;
    let mut ben = Visitor::with_token(&test, "Ben", Role::Creator, "images").await;
    let order = serde_json::json!({ "prompt": "red apple", "seed": "18446744073709551615", "format": "webp", "private": true });
    let accepted = ana.json("POST", "/api/v1/images", &order).await.is(202);
    let job = accepted.location().to_owned();
    assert_eq!(accepted.json()["seed"], "18446744073709551615");
    ben.get(&job).await.is(404);
    ben.json("DELETE", &job, &Value::Null).await.is(404);
    ben.json("POST", "/api/v1/images", &serde_json::json!({ "prompt": "cat" })).await.is(202);
    let full = ben.json("POST", "/api/v1/images", &serde_json::json!({ "prompt": "cat" })).await.is(429);
    assert!(full.header("retry-after").parse::<u32>().unwrap() > 0);
    work_off(&test).await;
    let image = ana.get(&job).await.is(200).json()["image"].as_str().unwrap().to_owned();
    let shown = Visitor::new(&test).get(&format!("/api/v1/images/{image}")).await.is(200).json();
    assert_eq!((shown["prompt"].clone(), shown["format"].clone()), (Value::Null, "webp".into()));
    assert_eq!(shown["replay"]["seed"], "18446744073709551615");
    for body in ["{", "[]", "{\"prompt\":1}", "{\"prompt\":\"a\",\"use\":\"war\"}", "\u{0}"] {
        let request = Request::post("/api/v1/images").header(header::CONTENT_TYPE, "application/json");
        let answer = ana.send(request, Body::from(body)).await.is(400).json();
        assert!(answer["detail"].as_str().unwrap().contains("JSON"), "{answer}");
    }
    let denied = ana.json("POST", "/api/v1/images", &serde_json::json!({ "prompt": "wandjina figure" })).await.is(403).json();
    assert_eq!(
        (denied["decision"]["outcome"].as_str(), denied["decision"]["rules"][0]["policy"].as_str()),
        (Some("deny"), Some("wandjina"))
    );
    assert!(denied["decision"]["rules"][0]["line"].as_u64().unwrap() > 1);
    test.finish().await;
}

async fn what_is_wrong_comes_back_with_what_was_typed(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::operator(&test).await;
    let csrf = visitor.csrf().await;
    for (form, said, kept) in [
        ("prompt=", "the prompt is empty", ""),
        ("prompt=owl&steps=0", "out of range for steps", "owl"),
        ("prompt=owl&steps=many", "`many` is not", "many"),
        ("prompt=owl&seed=-1", "`-1` is not", "owl"),
        ("prompt=owl&guidance=NaN", "guidance", "owl"),
        ("prompt=owl&style=nope", "style `nope`", "owl"),
        ("prompt=owl&format=gif", "choose png, jpeg or webp", "owl"),
        ("prompt=owl&use=war", "is not a use", "owl"),
    ] {
        let page = visitor.post("/studio", &format!("csrf={csrf}&{form}")).await.is(422).text();
        assert!(page.replace("&#39;", "'").contains(said) && page.contains(kept), "{form}: {page}");
    }
    let long = "owl ".repeat(5_000);
    let page = visitor.post("/studio", &format!("csrf={csrf}&prompt={}", long.replace(' ', "+"))).await.is(422).text();
    assert!(page.contains("20000 characters") && page.contains(long.trim()), "nothing that was typed is lost");
    let page = visitor.post("/studio", &format!("csrf={csrf}&prompt=a+wandjina+figure")).await.is(403).text();
    for part in ["a wandjina figure</textarea>", "wandjina/figure", "traditions/wandjina.toml", "Mowanjum", "project", "appeal"] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert_eq!(test.number("SELECT COUNT(*) FROM jobs").await, 0);
    test.finish().await;
}

async fn what_is_private_is_erased_from_the_page_and_by_programs(kind: Kind) {
    const OFFER: &str = "Erase them for good";
    let test = TestInstance::new(kind).await;
    let mut owner = Visitor::operator(&test).await;
    let csrf = owner.csrf().await;
    owner.post("/studio", &format!("csrf={csrf}&prompt=red+apple&use=personal&format=png&seed=7&private=yes")).await.is(303);
    work_off(&test).await;
    let id = test.texts("SELECT id FROM images ORDER BY id DESC").await.swap_remove(0);
    let (page, api) = (format!("/images/{id}"), format!("/api/v1/images/{id}"));
    assert!(owner.get(&page).await.is(200).text().contains(OFFER));
    let mut stranger = Visitor::new(&test);
    assert!(!stranger.get(&page).await.is(200).text().contains(OFFER));
    stranger.post(&format!("{page}/erase"), "").await.is(303);
    owner.post(&format!("{page}/erase"), "csrf=wrong").await.is(403);
    assert_eq!(test.number("SELECT COUNT(*) FROM prompts").await, 1);
    let done = owner.post(&format!("{page}/erase"), &format!("csrf={csrf}")).await.is(303);
    assert_eq!(done.location(), format!("{page}#words"));
    let shown = owner.get(&page).await.is(200).text();
    assert!(shown.contains("Its words were erased on") && !shown.contains(OFFER));
    assert!(!stranger.get(&page).await.is(200).text().contains("erased on"), "its maker's to know");
    assert!(owner.get(&api).await.is(200).json()["erased_at"].is_string());
    assert!(stranger.get(&api).await.is(200).json()["erased_at"].is_null());
    owner.post(&format!("{page}/erase"), &format!("csrf={csrf}")).await.is(409);

    // The same for programs.
    let mut ana = Visitor::with_token(&test, "Ana T", Role::Creator, "images").await;
    let mut ben = Visitor::with_token(&test, "Ben", Role::Creator, "images").await;
    let rgb: Vec<u8> = (0..32u32 * 32).flat_map(|at| [(at % 32) as u8 * 7, 90, 140]).collect();
    let sketch = colophon::provenance::encode(&rgb, 32, 32, colophon::provenance::Format::Png).unwrap();
    let input =
        ana.upload("/api/v1/inputs", &[("role", "sketch")], &sketch).await.is(201).json()["id"].as_str().unwrap().to_owned();
    let order = serde_json::json!({ "prompt": "red apple", "private": true });
    let job = ana.json("POST", "/api/v1/images", &order).await.is(202).location().to_owned();
    work_off(&test).await;
    let id = ana.get(&job).await.is(200).json()["image"].as_str().unwrap().to_owned();
    let (private, input) = (format!("/api/v1/images/{id}/private"), format!("/api/v1/inputs/{input}"));
    stranger.json("DELETE", &private, &Value::Null).await.is(401);
    ben.json("DELETE", &private, &Value::Null).await.is(403);
    ben.json("DELETE", &input, &Value::Null).await.is(404);
    for path in [&private, &input] {
        let erased = ana.json("DELETE", path, &Value::Null).await.is(200).json();
        assert!(erased["erased_at"].is_string() && !erased["gone"].as_array().unwrap().is_empty(), "{erased}");
        ana.json("DELETE", path, &Value::Null).await.is(409);
    }
    ana.get(&input).await.is(404);
    ana.get(&format!("{input}/file")).await.is(404);
    test.finish().await;
}
