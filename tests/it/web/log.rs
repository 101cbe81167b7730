//! The log as others read it.

use super::*;
use crate::support::both;

both! {
    the_log_is_served_as_others_read_it,
    entries_are_browsed_by_type_party_and_thing,
    entries_are_found_by_number_id_hash_and_name,
    an_entry_shows_its_signatures_and_its_receipt_explains_itself,
}

async fn the_log_is_served_as_others_read_it(kind: Kind) {
    let test = TestInstance::new(kind).await;
    draw(&test, "red apple", 1).await;
    let mut visitor = Visitor::new(&test);
    let head = visitor.get("/log/checkpoint").await.is(200);
    assert_eq!((head.header("cache-control"), head.header("access-control-allow-origin")), ("no-store", "*"));
    let checkpoint = SignedCheckpoint::parse(&head.body).unwrap();
    let vkey = visitor.get("/trust/log.vkey").await.text();
    let verifier = Verifier::parse(vkey.trim()).unwrap();
    let size = checkpoint.open(verifier.name(), std::slice::from_ref(&verifier)).unwrap().size;
    assert!(size < 256, "a partial tile");
    let entries = visitor.get(&format!("/log/tile/entries/000.p/{size}")).await.is(200).body;
    let hashes = visitor.get(&format!("/log/tile/0/000.p/{size}")).await.is(200);
    assert!(hashes.header("cache-control").contains("immutable"));
    let bundle = colophon::ledger::tile::decode_bundle(&entries, size as u16).unwrap();
    for (n, entry) in bundle.iter().enumerate() {
        assert_eq!(colophon::ledger::leaf_hash(entry).0[..], hashes.body[n * 32..][..32]);
    }
    // A bundle is sent packed to whoever takes it so, hashes as they are.
    let packed = |path: String| Request::builder().method("GET").uri(path).header("accept-encoding", "gzip");
    let answer = visitor.send(packed(format!("/log/tile/entries/000.p/{size}")), Body::empty()).await.is(200);
    assert_eq!((answer.header("content-encoding"), answer.body.len() < entries.len() / 2), ("gzip", true));
    let answer = visitor.send(packed(format!("/log/tile/0/000.p/{size}")), Body::empty()).await.is(200);
    assert_eq!((answer.header("content-encoding"), answer.body.len()), ("", hashes.body.len()));
    // Every published width stays served; nothing beyond the head is.
    visitor.get("/log/tile/entries/000.p/1").await.is(200);
    visitor.get("/log/tile/0/000.p/1").await.is(200);
    visitor.get(&format!("/log/tile/entries/000.p/{}", size + 1)).await.is(404);
    visitor.get(&format!("/log/tile/0/000.p/{}", size + 1)).await.is(404);
    visitor.get("/log/tile/entries/000").await.is(404);
    let list = visitor.get("/api/v1/statements?kind=image").await.is(200).json();
    assert_eq!(list["total"], 1);
    let id = list["items"][0]["id"].as_str().unwrap().to_owned();
    let raw = visitor.get(&format!("/api/v1/statements/{id}")).await.is(200);
    assert_eq!(raw.header("x-log-index"), list["items"][0]["index"].to_string());
    let proof = visitor.get(&format!("/log/receipts/{id}")).await.is(200);
    Receipt::parse(&proof.body).unwrap().verify(&raw.body, &verifier, verifier.name()).unwrap();
    assert!(visitor.get("/trust/c2pa-root.pem").await.is(200).text().starts_with("-----BEGIN CERTIFICATE-----"));
    visitor.get("/readyz").await.is(200);
    visitor.get("/healthz").await.is(200);
    test.finish().await;
}

/// Rows of the table of entries.
fn rows(page: &str) -> usize {
    page.matches("<th scope=\"row\">").count()
}

async fn entries_are_browsed_by_type_party_and_thing(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let image = draw(&test, "red apple", 1).await.image;
    let mut visitor = Visitor::new(&test);
    let shown = visitor.get(&format!("/api/v1/images/{image}")).await.is(200).json();
    let (work, model) = (shown["works"][0]["work"].as_str().unwrap().to_owned(), shown["model"].as_str().unwrap().to_owned());
    let link = format!("href=\"/images/{image}\"");

    let page = visitor.get("/log").await.is(200).text();
    assert!(page.contains(&link) && page.contains("/log?actor=Ana\"") && page.contains("/log?kind=dispute-step\""), "{page}");
    let page = visitor.get("/log?kind=image").await.is(200).text();
    assert!(rows(&page) == 1 && page.contains(&link) && page.contains("aria-current=\"true\">image made"), "{page}");
    assert!(page.contains("href=\"/log\">Leave this out"), "{page}");
    let page = visitor.get("/log?actor=Ana").await.is(200).text();
    let kept = page.replace("&#38;", "&").replace("&amp;", "&").contains("/log?kind=grant&actor=Ana\"");
    assert!(rows(&page) == 1 && page.contains(&link) && kept, "what narrows is kept: {page}");
    assert_eq!(rows(&visitor.get("/log?actor=Ana&kind=work").await.is(200).text()), 0);
    for (about, least) in [(&work, 2), (&model, 2), (&image.to_string(), 1)] {
        let page = visitor.get(&format!("/log?about={about}")).await.is(200).text();
        assert!(rows(&page) >= least && page.contains(&link), "{about}: {page}");
        let list = visitor.get(&format!("/api/v1/statements?about={about}&kind=image")).await.is(200).json();
        assert_eq!((list["total"].as_u64(), list["items"][0]["subject"].as_str()), (Some(1), Some(&*image.to_string())));
    }
    // Their own pages lead there.
    for (path, about) in [("works", &work), ("models", &model), ("images", &image.to_string())] {
        let page = visitor.get(&format!("/{path}/{about}")).await.is(200).text();
        assert!(page.contains(&format!("/log?about={about}\">Everything in the log about it")), "{page}");
    }
    // Page by page, each entry once.
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let list = visitor.get(&format!("/api/v1/statements?actor=Colophon&limit=5{after}")).await.is(200).json();
        seen.extend(list["items"].as_array().unwrap().iter().map(|item| item["index"].as_u64().unwrap()));
        match list["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break assert_eq!(list["total"], seen.len()),
        }
    }
    assert!(seen.len() > 5 && seen.windows(2).all(|two| two[0] > two[1]));
    // Names are text.
    let mut eve = Visitor::with_token(&test, "<i>Eve</i>", Role::RightsHolder, "works").await;
    let sha256 = colophon::digest::sha256_of(b"kept at home").to_string();
    let fields = [("title", "<i>Quokka</i>"), ("author", "Eve"), ("licence", "CC0-1.0"), ("sha256", &*sha256)];
    eve.upload("/api/v1/works", &fields, b"").await.is(201);
    publish_checkpoint(&test).await.unwrap();
    for path in ["/log", "/log?q=quokka", "/log?actor=%3Ci%3EEve%3C/i%3E"] {
        let page = visitor.get(path).await.is(200).text();
        assert!(!page.contains("<i>") && page.contains(if path == "/log?q=quokka" { "Quokka" } else { "Eve" }), "{path}: {page}");
    }
    let page = visitor.get("/log?kind=%3Cb%3E&actor=%3Cb%3E&about=%3Cb%3E&q=%3Cb%3E").await.is(200).text();
    assert!(!page.contains("<b>"), "{page}");
    test.finish().await;
}

async fn entries_are_found_by_number_id_hash_and_name(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let image = draw(&test, "red apple", 1).await.image;
    let mut visitor = Visitor::new(&test);
    let shown = visitor.get(&format!("/api/v1/images/{image}")).await.is(200).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let work = text(&shown["works"][0]["work"]);
    let digest = visitor.get(&format!("/api/v1/works/{work}")).await.is(200).json()["digest"].clone();
    let about_image = format!("/log?about={image}");
    let about_work = format!("/log?about={work}");
    // What is one thing leads to its entries at once.
    for (asked, expected) in [
        ("0".to_owned(), "/log/entries/0".to_owned()),
        (text(&shown["statement"]), format!("/log/entries/{}", shown["index"])),
        (image.to_string(), about_image.clone()),
        (text(&shown["digest"]["sha256"]), about_image.clone()),
        (text(&shown["digest"]["blake3"]).to_uppercase(), about_image.clone()),
        (work.clone(), about_work.clone()),
        (text(&digest["sha256"]), about_work.clone()),
        (text(&digest["blake3"]), about_work),
    ] {
        assert_eq!(visitor.get(&format!("/log?q={asked}")).await.is(303).location(), expected, "{asked}");
        let list = visitor.get(&format!("/api/v1/statements?q={asked}")).await.is(200).json();
        assert!(list["total"].as_u64() > Some(0) && list["items"][0]["id"].is_string(), "{asked}: {list}");
    }
    // A name: the party's entries, and whatever else is called so.
    let page = visitor.get("/log?q=aNA").await.is(200).text();
    assert!(rows(&page) == 1 && page.contains(&format!("href=\"/images/{image}\"")), "{page}");
    let page = visitor.get("/log?q=apple").await.is(200).text();
    assert!(page.contains("Found by that name") && page.contains("<li>work <a") && page.contains(&about_image), "{page}");
    let title = test.model.model.card.title.replace(' ', "+");
    let page = visitor.get(&format!("/log?q={title}")).await.is(200).text();
    assert!(page.contains(&format!("/log?about={}", test.model.model.id)), "{page}");
    let list = visitor.get("/api/v1/statements?q=apple").await.is(200).json();
    assert!(list["found"].as_array().unwrap().iter().any(|thing| thing["id"] == image.to_string()), "{list}");
    // Nothing: said, with what may be searched for.
    for nothing in ["no+such+name", "99999", &"0".repeat(64), "statement_00000000000000000000000000"] {
        let page = visitor.get(&format!("/log?q={nothing}")).await.is(200).text();
        assert!(page.contains("Nothing found") && page.contains("BLAKE3") && rows(&page) == 0, "{nothing}: {page}");
        assert_eq!(visitor.get(&format!("/api/v1/statements?q={nothing}")).await.is(200).json()["total"], 0);
    }
    test.finish().await;
}

async fn an_entry_shows_its_signatures_and_its_receipt_explains_itself(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let image = draw(&test, "red apple", 1).await.image;
    let mut visitor = Visitor::new(&test);
    let shown = visitor.get(&format!("/api/v1/images/{image}")).await.is(200).json();
    let (index, statement) = (shown["index"].as_u64().unwrap(), shown["statement"].as_str().unwrap().to_owned());
    let page = visitor.get(&format!("/log/entries/{index}")).await.is(200).text();
    let explained = format!("/receipts/{statement}\"");
    for part in [
        "Signed by Colophon on behalf of Ana, who holds no key of their own here.",
        "The signature is good.",
        "The path from entry",
        "/static/check.js",
        "id=\"browser-check\"",
        &explained,
    ] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert!(page.contains(&colophon::ledger::statement::key_id(&test.keys.statement.verifying_key())), "the whole id of the key");
    let receipt = visitor.get(&format!("/receipts/{statement}")).await.is(200).text();
    for part in ["What it proves", "What it does not prove", "colophon verify picture.png", "tlog-proof", "<svg"] {
        assert!(receipt.contains(part), "{part} is missing: {receipt}");
    }
    assert!(receipt.contains(&format!("href=\"/log/receipts/{statement}\" download")), "{receipt}");
    // Of a work, which no picture's check is for.
    let work = shown["works"][0]["work"].as_str().unwrap();
    let page = visitor.get(&format!("/works/{work}")).await.is(200).text();
    let of_work = page.split("href=\"/receipts/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let receipt = visitor.get(&format!("/receipts/{of_work}")).await.is(200).text();
    assert!(receipt.contains("What it proves") && !receipt.contains("picture.png"), "{receipt}");
    visitor.get("/receipts/statement_00000000000000000000000000").await.is(404);
    // The check as a file: what it says may run there is what the answer says.
    let check = visitor.get("/static/check.html").await.is(200);
    assert!(check.header("content-security-policy").contains("script-src 'sha256-"));
    assert!(check.text().contains(check.header("content-security-policy")));
    test.finish().await;
}
