//! Works, licences and lineage at the doors.

use super::*;
use crate::support::both;

both! {
    works_are_registered_shown_and_withdrawn,
    a_licence_is_given_on_the_page_and_revoked_with_all_it_touches,
    what_is_on_record_is_handed_out_in_other_formats,
    many_works_come_in_by_the_page_and_by_the_api,
    what_a_file_says_is_offered_before_anything_is_registered,
    a_dispute_goes_its_way_at_the_doors,
    terms_are_looked_into_reserved_and_frozen_at_the_doors,
}

async fn works_are_registered_shown_and_withdrawn(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::operator(&test).await;
    let csrf = visitor.csrf().await;
    let rgb: Vec<u8> = (0..40 * 30 * 3).map(|n| (n % 251) as u8).collect();
    let picture = colophon::provenance::encode(&rgb, 40, 30, colophon::provenance::Format::Png).unwrap();
    let title = "<script>alert(1)</script> zebra \" ' &";
    let fields = [
        ("csrf", csrf.as_str()),
        ("title", title),
        ("author", "<i>Ana</i>"),
        ("tags", "apple, stripes"),
        ("licence", "CC-BY-4.0"),
        ("source", "javascript:alert(1)"),
    ];
    let refused = visitor
        .upload("/works/new", &[("csrf", &csrf), ("title", title), ("author", ""), ("licence", "")], b"not a picture")
        .await
        .is(422)
        .text();
    assert!(refused.contains("author is empty") && refused.contains("SPDX") && !refused.contains("<script>alert"), "{refused}");
    let work = visitor.upload("/works/new", &fields, &picture).await.is(303).location().to_owned();
    visitor.upload("/works/new", &fields, &picture).await.is(409);
    publish_checkpoint(&test).await.unwrap();
    let page = visitor.get(&work).await.is(200).text();
    assert!(!page.contains("<script>alert") && !page.contains("<i>Ana") && !page.contains("href=\"javascript:"), "{page}");
    assert_eq!(visitor.get(&format!("{work}/picture")).await.is(200).body, picture);
    // It can be drawn on at once, and is named first for its own word.
    let image = draw(&test, "zebra", 1).await.image;
    let shown = visitor.get(&format!("/api/v1/images/{image}")).await.json();
    assert_eq!(format!("/works/{}", shown["works"][0]["work"].as_str().unwrap()), work);
    visitor.post(&format!("{work}/revoke"), &format!("csrf={csrf}&reason=")).await.is(422);
    let stranger = Visitor::new(&test).post(&format!("{work}/revoke"), "reason=mine").await.is(303).location().to_owned();
    assert!(stranger.starts_with("/login"));
    visitor.post(&format!("{work}/revoke"), &format!("csrf={csrf}&reason=sold+to+a+museum")).await.is(303);
    assert!(visitor.get(&work).await.text().contains("sold to a museum"));
    assert!(visitor.get(&format!("/images/{image}")).await.text().contains("revoked or disputed since"));
    let next = draw(&test, "zebra", 1).await.image;
    let shown = visitor.get(&format!("/api/v1/images/{next}")).await.json();
    assert!(shown["works"].as_array().unwrap().iter().all(|w| !work.ends_with(w["work"].as_str().unwrap())), "{shown}");
    test.finish().await;
}

async fn a_licence_is_given_on_the_page_and_revoked_with_all_it_touches(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::operator(&test).await;
    let csrf = visitor.csrf().await;
    let rgb: Vec<u8> = (0..40 * 30 * 3).map(|n| (n % 241) as u8).collect();
    let picture = colophon::provenance::encode(&rgb, 40, 30, colophon::provenance::Format::Png).unwrap();
    let licence = ("licence", "LicenseRef-all-rights-reserved");
    let fields = [("csrf", csrf.as_str()), ("title", "Zebra"), ("author", "Rosa"), ("tags", "zebra"), licence];
    let work = visitor.upload("/works/new", &fields, &picture).await.is(303).location().to_owned();
    test.actor("Ana", &[Role::Creator]).await;

    // What is wrong is said beside its field, and what was typed is kept.
    let typed =
        format!("csrf={csrf}&licence=LicenseRef-letter&uses=generate&uses=train&grantee=Anna&territory=fr&ends=soon&evidence=");
    let page = visitor.post(&format!("{work}/grants"), &typed).await.is(422).text();
    assert!(page.contains("name a day such as 2027-01-31") && page.contains("value=\"Anna\""), "{page}");
    let typed = typed.replace("ends=soon", "ends=2999-01-31");
    let page = visitor.post(&format!("{work}/grants"), &typed).await.is(422).text();
    assert!(page.contains("a direct grant needs evidence") && page.contains("value=\"2999-01-31\""), "{page}");
    let typed = typed.replace("evidence=", "evidence=a+letter");
    let page = visitor.post(&format!("{work}/grants"), &typed).await.is(422).text();
    assert!(page.contains("no account is called"), "{page}");
    visitor.post(&format!("{work}/grants"), &typed.replace("Anna", "Ana")).await.is(303);
    let page = visitor.get(&work).await.is(200).text();
    assert!(page.contains("to Ana, to train, generate, in FR") && page.contains("a letter"), "{page}");
    let id = work.rsplit('/').next().unwrap();
    let grants = visitor.get(&format!("/api/v1/works/{id}")).await.json()["grants"].clone();
    let given = grants.as_array().unwrap().iter().find(|g| g["scope"]["grantee"] == "Ana").unwrap();
    assert_eq!((&given["scope"]["uses"][0], &given["scope"]["territory"][0]), (&"train".into(), &"FR".into()));
    let alone = format!("csrf={csrf}&licence=LicenseRef-letter&uses=generate&grantee=Ana&exclusive=yes&evidence=x");
    visitor.post(&format!("{work}/grants"), &alone.replace("Ana", "Mere+T%C4%81whai")).await.is(409);

    // By the API as well, and by nobody without the scope.
    let body = serde_json::json!({ "licence": "CC-BY-4.0" });
    let mut poor = Visitor::with_token(&test, "Poor", Role::Creator, "images").await;
    poor.json("POST", &format!("/api/v1/works/{id}/grants"), &body).await.is(403);
    let mut rich = Visitor::with_token(&test, "Rich", Role::Operator, "grants,operate").await;
    rich.json("POST", &format!("/api/v1/works/{id}/grants"), &serde_json::json!({ "colour": "red" })).await.is(400);
    rich.json("POST", &format!("/api/v1/works/{id}/grants"), &body).await.is(201);

    // Now everyone may draw on it; when it is withdrawn, everything that stands on it says so, and the log with it.
    let image = draw(&test, "zebra", 1).await.image;
    visitor.post(&format!("{work}/revoke"), &format!("csrf={csrf}&reason=sold")).await.is(303);
    publish_checkpoint(&test).await.unwrap();
    let impact = visitor.get(&format!("/api/v1/works/{id}/impact")).await.is(200).json();
    assert!(impact["revoked_since"].is_string() && impact["images_that_drew_on_it"] == 1, "{impact}");
    assert_eq!(impact["items"][0]["image"], image.to_string());
    let statement = impact["statements"][0].as_str().unwrap();
    assert!(visitor.get(&format!("/log/receipts/{statement}")).await.is(200).text().starts_with("c2sp.org/tlog-proof@v1"));
    assert!(visitor.get(&work).await.text().contains("may not be used"));
    let shown = visitor.get(&format!("/api/v1/images/{image}")).await.json();
    assert_eq!(shown["affected"][0]["work"], id);
    test.finish().await;
}

async fn what_is_on_record_is_handed_out_in_other_formats(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let image = draw(&test, "a red apple", 1).await.image;
    publish_checkpoint(&test).await.unwrap();
    let mut visitor = Visitor::new(&test);
    let first = |list: &Value| list["items"][0]["id"].as_str().unwrap().to_owned();
    let dataset = first(&visitor.get("/api/v1/datasets").await.json());
    let model = first(&visitor.get("/api/v1/models").await.json());
    let work = first(&visitor.get("/api/v1/works").await.json());

    let croissant = visitor.get(&format!("/api/v1/datasets/{dataset}/croissant")).await.is(200).json();
    let table = visitor.get(&format!("/api/v1/datasets/{dataset}/works.csv")).await.is(200).body;
    let hash = colophon::digest::sha256_of(&table).to_string();
    assert_eq!(croissant["distribution"][0]["sha256"], hash);
    let bom = visitor.get(&format!("/api/v1/models/{model}/cyclonedx")).await.is(200).json();
    assert_eq!((bom["specVersion"].as_str(), bom["components"][0]["bom-ref"].as_str()), (Some("1.7"), Some(&*dataset)));
    let spdx = visitor.get(&format!("/api/v1/models/{model}/spdx")).await.is(200).json();
    assert!(spdx["@graph"].as_array().unwrap().iter().any(|e| e["relationshipType"] == "trainedOn"), "{spdx}");
    let summary = visitor.get(&format!("/api/v1/models/{model}/training-summary")).await.is(200).text();
    assert!(summary.contains("Article 53(1)(d)") && summary.contains("| CC-BY-4.0 |"), "{summary}");
    let text = visitor.get(&format!("/api/v1/images/{image}/authorship")).await.is(200).text();
    assert!(
        text.contains("Material Excluded") && text.contains("a red apple") && text.contains("Preexisting Material"),
        "{text}"
    );

    let picture = visitor.get(&format!("/works/{work}/picture")).await.is(200);
    assert!(["0", "1"].contains(&picture.header("tdm-reservation")) && picture.header("tdm-policy").ends_with(&work));
    assert!(picture.header("link").contains("rel=\"license\""));
    let rsl = visitor.get(&format!("/works/{work}/rsl")).await.is(200);
    assert!(rsl.header("content-type").starts_with("application/rsl+xml") && rsl.text().contains(&work));
    assert_eq!(visitor.get("/.well-known/tdmrep.json").await.is(200).json()[0]["tdm-reservation"], 1);
    let asked = visitor.get("/api/v1/licences?licence=CC-BY-4.0+OR+MIT").await.is(200).json();
    assert_eq!(asked["verdicts"].as_array().unwrap().len(), colophon::works::Usage::ALL.len());
    visitor.get(&format!("/api/v1/licences?licence={}", "x".repeat(101))).await.is(422);
    // Is it in there? On the page, and as a file.
    let page = visitor.get(&format!("/datasets/{dataset}?work={work}")).await.is(200).text();
    assert!(page.contains("is in this dataset") && page.contains("/membership?work="), "{page}");
    let page = visitor.get(&format!("/datasets/{dataset}?work=nonsense")).await.is(200).text();
    assert!(page.contains("is no work"), "{page}");
    let proof = visitor.get(&format!("/api/v1/datasets/{dataset}/membership?work={work}")).await.is(200).json();
    assert_eq!((proof["membership"]["present"].as_bool(), proof["receipt"].is_string()), (Some(true), true));
    visitor.get(&format!("/api/v1/datasets/{dataset}/membership?work=nonsense")).await.is(422);
    test.finish().await;
}

async fn done(test: &TestInstance) {
    // As the service's worker does, until nothing is left.
    loop {
        let now = test.now();
        let mut tx = test.store.begin().await.unwrap();
        let import = colophon::storage::imports::lease(&mut tx, now, now.plus_millis(60_000), "").await.unwrap();
        tx.commit().await.unwrap();
        let Some(import) = import else { return publish_checkpoint(test).await.map(drop).unwrap() };
        colophon::actions::import_list::go_on(test, import, &|| true, &|_| {}).await.unwrap();
    }
}

async fn many_works_come_in_by_the_page_and_by_the_api(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::operator(&test).await;
    let csrf = visitor.csrf().await;
    visitor.get("/imports").await.is(200);
    let hash = |n: u32| colophon::digest::sha256_of(&n.to_be_bytes());
    let list = format!("sha256,title,author\n{},<b>One</b>,Ana\n{},Two,Ana\nnonsense,Three,Ana\n", hash(1), hash(2));
    let fields = [("csrf", csrf.as_str()), ("licence", "CC0-1.0"), ("collection", "The set")];
    let page = visitor.upload_as("/imports", &fields, "list.csv", list.as_bytes()).await.is(303).location().to_owned();
    let waiting = visitor.get(&page).await.is(200).text();
    assert!(waiting.contains("Waiting for its turn") && waiting.contains("http-equiv=\"refresh\""), "{waiting}");
    done(&test).await;
    let shown = visitor.get(&page).await.is(200).text();
    assert!(shown.contains("&#60;b&#62;One") || shown.contains("&lt;b&gt;One"), "{shown}");
    assert!(shown.contains("64 lower-case hex digits") && !shown.contains("http-equiv=\"refresh\""), "{shown}");
    let api = page.replace("/imports/", "/api/v1/imports/");
    let import = visitor.get(&api).await.is(200).json();
    assert_eq!(
        (import["state"].as_str(), import["registered"].as_u64(), import["refused"].as_u64()),
        (Some("done"), Some(2), Some(1))
    );
    let rows = visitor.get(&format!("{api}/rows?outcome=registered&limit=1")).await.is(200).json();
    assert_eq!((rows["items"].as_array().unwrap().len(), rows["next"].as_str()), (1, Some("1")));
    let table = visitor.get(&format!("{api}/rows?format=csv")).await.is(200);
    assert!(table.header("content-type").starts_with("text/csv"));
    assert_eq!(table.text().lines().count(), 4, "{}", table.text());
    visitor.get(&format!("{api}/rows?outcome=eaten")).await.is(422);
    // What was sent is not kept once it is registered.
    let left = std::fs::read_dir(&test.uploads).map(|d| d.count()).unwrap_or_default();
    assert_eq!(left, 0);
    // A work known by its hash has a page, and no picture.
    let work = rows["items"][0]["work"].as_str().unwrap().to_owned();
    let page = visitor.get(&format!("/works/{work}")).await.is(200).text();
    assert!(page.contains("Registered by its hash") && !page.contains("Draw with this work"));
    visitor.get(&format!("/works/{work}/picture")).await.is(404);
    let owned = visitor.get("/api/v1/works?owner=Mere+T%C4%81whai&format=csv").await.is(200).text();
    assert_eq!(owned.lines().count(), 3, "{owned}");
    assert!(owned.contains("The set") && owned.lines().next().unwrap().contains("rights_holder"));

    // By the API, as a stream; strangers, other people's imports and other files are turned away.
    let mut rosa = Visitor::with_token(&test, "Rosa", Role::RightsHolder, "works").await;
    let again =
        rosa.send(Request::post("/api/v1/imports?name=again.csv&licence=MIT"), Body::from(list.clone())).await.is(202).json();
    done(&test).await;
    let path = format!("/api/v1/imports/{}", again["id"].as_str().unwrap());
    assert_eq!(rosa.get(&path).await.is(200).json()["known"], 2);
    assert_eq!(rosa.get("/api/v1/imports").await.is(200).json()["total"], 1, "one's own");
    rosa.get(&api).await.is(404);
    rosa.send(Request::delete(&*path), Body::empty()).await.is(409);
    rosa.send(Request::post("/api/v1/imports?name=x.exe"), Body::from("x")).await.is(422);
    rosa.send(Request::post("/api/v1/imports?name=x.csv"), Body::empty()).await.is(422);
    rosa.send(Request::post("/api/v1/imports?name=x.csv"), Body::from(vec![b'x'; (1 << 20) + 1])).await.is(413);
    Visitor::new(&test).send(Request::post("/api/v1/imports?name=x.csv"), Body::from("x")).await.is(401);
    Visitor::new(&test).get("/imports").await.is(303);
    let forged = [("csrf", "0"), ("licence", "")];
    visitor.upload_as("/imports", &forged, "list.csv", b"file\n").await.is(403);
    visitor.upload_as("/imports", &fields, "list.exe", b"file\n").await.is(422);
    test.finish().await;
}

async fn what_a_file_says_is_offered_before_anything_is_registered(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::operator(&test).await;
    let csrf = visitor.csrf().await;
    let svg = br##"<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><metadata><rdf:RDF xmlns:cc="http://creativecommons.org/ns#"
        xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><cc:Work rdf:about="">
        <dc:title>a zebra</dc:title><dc:creator><cc:Agent><dc:title>Orlando &lt;b></dc:title></cc:Agent></dc:creator>
        <cc:license rdf:resource="https://creativecommons.org/licenses/by/4.0/"/></cc:Work></rdf:RDF></metadata>
        <rect width="60" height="20" fill="#c00"/><script>alert(1)</script></svg>"##;
    let before = test.number("SELECT COUNT(*) FROM works").await;
    let offered = visitor.upload("/works/new", &[("csrf", &csrf)], svg).await.is(200).text();
    assert!(offered.contains("value=\"a zebra\"") && offered.contains("SVG dc:creator") && offered.contains("· from the file"));
    assert!(offered.contains("<option value=\"CC-BY-4.0\" selected>") && !offered.contains("Orlando <b>"), "{offered}");
    assert_eq!(test.number("SELECT COUNT(*) FROM works").await, before, "nothing is registered yet");
    let kept = offered.split("name=\"kept\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields =
        [("csrf", csrf.as_str()), ("kept", &kept), ("title", "A zebra"), ("author", "Orlando"), ("licence", "CC-BY-4.0")];
    // Somebody else has no such file.
    let mut rosa = Visitor::with_token(&test, "Rosa", Role::RightsHolder, "works").await;
    rosa.upload("/works/new", &fields[1..], b"").await.is(422);
    let work = visitor.upload("/works/new", &fields, b"").await.is(303).location().to_owned();
    let picture = visitor.get(&format!("{work}/picture")).await.is(200);
    assert_eq!(picture.header("content-type"), "image/svg+xml");
    assert!(picture.header("content-security-policy").contains("sandbox"), "what a drawing holds is not run");
    let page = visitor.get(&work).await.is(200).text();
    assert!(page.contains("the file says CC-BY-4.0 (SVG cc:license)"), "{page}");
    test.finish().await;
}

async fn a_dispute_goes_its_way_at_the_doors(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::operator(&test).await;
    let csrf = visitor.csrf().await;
    let mut ben = Visitor::with_token(&test, "Ben", Role::Auditor, "disputes").await;
    let work = visitor.get("/api/v1/works?limit=1").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let page = visitor.get(&format!("/works/{work}")).await.is(200).text();
    assert!(page.contains(&format!("/works/{work}/dispute")));
    visitor.get(&format!("/works/{work}/dispute")).await.is(200);
    Visitor::new(&test).get(&format!("/works/{work}/dispute")).await.is(303);
    let claim = serde_json::json!({ "ground": "wrong-author", "words": "<b>Mine</b>" });
    let path = format!("/api/v1/works/{work}/disputes");
    Visitor::new(&test).json("POST", &path, &claim).await.is(401);
    ben.json("POST", &path, &serde_json::json!({ "ground": "whim", "words": "x" })).await.is(400);
    let opened = ben.json("POST", &path, &claim).await.is(201);
    let at = opened.location().to_owned();
    ben.json("POST", &path, &claim).await.is(409);
    publish_checkpoint(&test).await.unwrap();
    let shown = visitor.get(&at).await.is(200).json();
    assert_eq!(
        (shown["open"].as_bool(), shown["state"].as_str(), shown["opened_by"].as_str()),
        (Some(true), Some("opened"), Some("Ben"))
    );
    assert!(shown["due"].as_str() < shown["decision_due"].as_str());
    let dispute_page = at.replace("/api/v1", "");
    let html = visitor.get(&dispute_page).await.is(200).text();
    assert!(!html.contains("<b>Mine") && html.contains("may be answered until") && html.contains("log entry"));
    let page = visitor.get(&format!("/works/{work}")).await.is(200).text();
    assert!(page.contains("This work is disputed") && page.contains("waiting for an answer"), "{page}");
    let verdicts = visitor.get(&format!("/api/v1/works/{work}")).await.json();
    assert!(verdicts["verdicts"].as_array().unwrap().iter().all(|v| v["rule"].as_str().unwrap().starts_with("disputed/")));
    // The model that was trained on it says so, in the API and on its page, and its operators were told.
    let models = visitor.get("/api/v1/models").await.json();
    let model = models["items"][0]["id"].as_str().unwrap().to_owned();
    let affected = visitor.get(&format!("/api/v1/models/{model}")).await.json()["affected"].clone();
    assert_eq!(affected[0]["work"], work);
    assert!(visitor.get(&format!("/models/{model}")).await.text().contains("disputed"));
    assert!(visitor.get("/works").await.text().contains("notices"));
    let notices = visitor.get("/notices").await.is(200).text();
    assert!(notices.contains("1 model") && notices.contains("· new"));
    assert!(!visitor.get("/notices").await.text().contains("· new"), "looked at once");
    // Too early to decide; then the clock runs out.
    let form = [("csrf", csrf.as_str()), ("ruling", "rejected"), ("words", "Nothing was shown.")];
    visitor.upload(&format!("{dispute_page}/decision"), &form, b"").await.is(409);
    test.clock.advance_millis(15 * 86_400_000);
    // A session lasts fourteen days.
    visitor.post("/login", "name=Mere+T%C4%81whai&password=three+plain+words").await.is(303);
    let csrf = visitor.csrf().await;
    let form = [("csrf", csrf.as_str()), ("ruling", "rejected"), ("words", "Nothing was shown.")];
    visitor.upload(&format!("{dispute_page}/decision"), &form[..1], b"").await.is(422);
    visitor.upload(&format!("{dispute_page}/decision"), &form, b"").await.is(303);
    assert!(visitor.get("/disputes").await.is(200).text().contains("the claim is not right"));
    assert_eq!(visitor.get("/api/v1/disputes?open=yes").await.is(200).json()["total"], 0);
    assert_eq!(visitor.get(&format!("/api/v1/models/{model}")).await.json()["affected"], serde_json::json!([]));
    ben.json("POST", &format!("{at}/appeal"), &serde_json::json!({ "words": "Look again." })).await.is(200);
    assert_eq!(visitor.get("/api/v1/disputes?open=yes&limit=1").await.is(200).json()["total"], 1);
    assert_eq!(visitor.get("/api/v1/disputes?after=dispute_0&limit=5").await.is(200).json()["items"], serde_json::json!([]));
    test.finish().await;
}

async fn terms_are_looked_into_reserved_and_frozen_at_the_doors(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::operator(&test).await;
    let csrf = visitor.csrf().await;
    let mut rosa = Visitor::with_token(&test, "Rosa", Role::RightsHolder, "works,grants").await;
    let sha = colophon::digest::sha256_of(b"kept at home").to_string();
    let fields = [
        ("title", "Quokka"),
        ("author", "Rosa"),
        ("licence", "CC0-1.0"),
        ("sha256", sha.as_str()),
        ("source", "https://rosa.example/art/quokka.png"),
    ];
    let made = rosa.upload("/api/v1/works", &fields, b"").await.is(201).json();
    let work = made["id"].as_str().unwrap().to_owned();
    let one = visitor.get(&format!("/api/v1/works/{work}")).await.is(200).json();
    let grant = one["grants"][0]["id"].as_str().unwrap().to_owned();
    // Somebody else looks into the licence.
    let found = "licence=CC-BY-4.0&reason=her+page+says+so";
    visitor.post(&format!("/grants/{grant}/conclusion"), &format!("csrf={csrf}&{found}")).await.is(303);
    visitor.post(&format!("/grants/{grant}/conclusion"), &format!("csrf={csrf}&licence=x+y&reason=z")).await.is(422);
    let body = serde_json::json!({ "licence": "MIT", "reason": "x" });
    rosa.json("POST", &format!("/api/v1/grants/{grant}/conclusion"), &body).await.is(403);
    let page = visitor.get(&format!("/works/{work}")).await.text();
    assert!(page.contains("concluded CC-BY-4.0, verified by Mere Tāwhai: her page says so"), "{page}");
    // A site's file, and her own words.
    let robots = "User-agent: GPTBot\nDisallow: /art/\n";
    let path = "/api/v1/reservations?signal=robots&place=https%3A%2F%2Frosa.example%2Frobots.txt";
    let kept = rosa.send(Request::post(path), Body::from(robots)).await.is(200).json();
    assert_eq!((kept["looked"].as_u64(), kept["reserved"][0].as_str()), (Some(1), Some(work.as_str())));
    rosa.send(Request::post("/api/v1/reservations?signal=smoke&place=x"), Body::from("x")).await.is(422);
    let shown = visitor.get(&format!("/api/v1/works/{work}")).await.json();
    assert_eq!(shown["reservations"][0]["says"], "Disallow for gptbot");
    let page = visitor.get(&format!("/works/{work}")).await.text();
    assert!(page.contains("Disallow for gptbot") && page.contains("User-agent: GPTBot"), "the bytes seen");
    visitor.post(&format!("/works/{work}/reserve"), &format!("csrf={csrf}&words=Not+for+machines.")).await.is(303);
    visitor.post(&format!("/works/{work}/reserve"), &format!("csrf={csrf}&words=")).await.is(422);
    // A query finds it and leaves it out.
    let look = visitor.get("/datasets?q=quokka&look=yes").await.is(200).text();
    assert!(look.contains("1 work matches; 0 may be trained on") && look.contains("reserved/"), "{look}");
    visitor.post("/datasets", &format!("csrf={csrf}&q=quokka&name=Quokkas")).await.is(422);
    let dry = serde_json::json!({ "q": "apple", "dry_run": true });
    let found = rosa.json("POST", "/api/v1/datasets", &dry).await.is(200).json();
    assert!(found["permitted"].as_u64() > Some(0));
    let frozen = visitor.post("/datasets", &format!("csrf={csrf}&q=apple&name=Apples")).await.is(303).location().to_owned();
    visitor.get(&frozen).await.is(200);
    let again = serde_json::json!({ "q": "apple", "name": "Again" });
    rosa.json("POST", "/api/v1/datasets", &again).await.is(409);
    let card = visitor.get(&format!("/api/v1{frozen}/provenance-card")).await.is(200).json();
    let card = card.as_object().unwrap().values().next().unwrap();
    assert_eq!((card["Dataset Name"].as_str(), card["Works"].as_u64()), (Some("Apples"), found["permitted"].as_u64()));
    test.finish().await;
}
