//! Every route: its status and shape for strangers, what it refuses, signing in, and the check of files.

use super::*;
use crate::support::both;

both! {
    every_page_answers_and_says_what_the_api_says,
    every_route_refuses_properly,
    signing_in_and_forms_that_are_not_ours,
    files_that_are_no_pictures_get_a_verdict,
}

async fn every_page_answers_and_says_what_the_api_says(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let image = draw(&test, "red apple", 7).await.image;
    let mut visitor = Visitor::new(&test);
    let works = visitor.get("/api/v1/works?limit=3").await.is(200).json();
    let (work, total) = (works["items"][0]["id"].as_str().unwrap().to_owned(), works["total"].as_u64().unwrap());
    assert_eq!(total, test.number("SELECT COUNT(*) FROM works").await as u64);
    let id = |list: &Value| list["items"][0]["id"].as_str().unwrap().to_owned();
    let dataset = id(&visitor.get("/api/v1/datasets").await.is(200).json());
    let model = id(&visitor.get("/api/v1/models").await.is(200).json());
    let pages = [
        "/",
        "/studio",
        "/studio?prompt=%3Cb%3E",
        "/images",
        "/works",
        "/works?q=apple&licence=MIT",
        "/models",
        "/datasets",
        "/datasets?q=apple&look=yes",
        "/disputes",
        "/policies",
        "/policies/kente",
        "/licences",
        "/licences?licence=CC-BY-SA-4.0+OR+%3Cb%3E",
        "/log",
        "/log/entries/0",
        "/verify",
        "/look",
        "/login",
        "/trust",
        "/docs",
        "/terms",
    ];
    let mut paths: Vec<String> = pages.map(str::to_owned).into();
    paths.extend([
        format!("/images/{image}"),
        format!("/works/{work}"),
        format!("/datasets/{dataset}"),
        format!("/models/{model}"),
    ]);
    for path in paths {
        let page = visitor.get(&path).await.is(200).text();
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
        assert!(!page.contains("<b>") || !path.contains("%3Cb"), "what is typed is escaped");
    }
    // The page of the image names each work the API names, with author.
    let shown = visitor.get(&format!("/api/v1/images/{image}")).await.is(200).json();
    let page = visitor.get(&format!("/images/{image}")).await.text();
    for work in shown["works"].as_array().unwrap() {
        assert!(page.contains(work["work"].as_str().unwrap()) && page.contains(work["author"].as_str().unwrap()), "{work}");
    }
    assert!(page.contains(&format!("log entry {}", shown["index"])) && page.contains("Signed by Colophon, and unchanged since."));
    // Paging through everything gives each work once.
    let (mut seen, mut after) = (std::collections::BTreeSet::new(), String::new());
    loop {
        let page = visitor.get(&format!("/api/v1/works?limit=7&after={after}")).await.is(200).json();
        for item in page["items"].as_array().unwrap() {
            assert!(seen.insert(item["id"].as_str().unwrap().to_owned()), "a double");
        }
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len() as u64, total);
    let csv = visitor.get("/api/v1/works?format=csv").await.is(200).text();
    assert_eq!(csv.lines().count() as u64, total + 1);
    // What the docs list is what the router answers: both are made from one table, and none of it is a dead end.
    let document = visitor.get("/openapi.json").await.is(200).json();
    let docs = visitor.get("/docs").await.text();
    for route in routes() {
        assert!(
            document["paths"][route.path][route.method].is_object() && docs.replace("&#39;", "'").contains(route.summary),
            "{}",
            route.path
        );
    }
    test.finish().await;
}

async fn every_route_refuses_properly(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut stranger = Visitor::new(&test);
    // An auditor's token opens nothing that changes anything; one is made by hand, as a token must open something.
    let mut poor = Visitor::with_token(&test, "Poor", Role::Steward, "policies").await;
    for route in routes() {
        let path = route.path.replace("{id}", "work_01J0000000000000000000000");
        let method = route.method.to_uppercase();
        let answer = stranger.json(&method, &path, &serde_json::json!({})).await;
        if route.scope == "public" {
            let expected: &[u16] = if route.path.contains("{id}") { &[404] } else { &[200, 400, 422] };
            assert!(expected.contains(&answer.status.as_u16()), "{method} {path}: {} {}", answer.status, answer.text());
        } else if route.body == "multipart/form-data" {
            assert_eq!(answer.status, 401, "{method} {path}");
        } else {
            assert!([401, 404, 400].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.status);
        }
        if !answer.status.is_success() {
            let problem = answer.json();
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert!(problem["detail"].as_str().is_some_and(|d| !d.is_empty()) && problem["request_id"].is_string(), "{problem}");
        }
    }
    let order = serde_json::json!({ "prompt": "red apple" });
    stranger.json("POST", "/api/v1/images", &order).await.is(401);
    let refused = poor.json("POST", "/api/v1/images", &order).await.is(403).json();
    assert!(refused["detail"].as_str().unwrap().contains("images"), "{refused}");
    poor.upload("/api/v1/works", &[("title", "x")], b"x").await.is(403);
    for path in
        ["/nope", "/works/nope", "/images/work_01J00000000000000000000000", "/log/entries/99999999", "/log/entries/x", "/setup/x"]
    {
        let page = stranger.get(path).await.is(404).text();
        assert!(page.contains("<h1") && page.contains("Home"), "{path}");
    }
    for path in
        ["/log/tile/0/99", "/log/tile/0/x", "/log/tile/entries/9", "/log/tile/../keys", "/static/../Cargo.toml", "/api/v1/nope"]
    {
        stranger.get(path).await.is(404);
    }
    for path in ["/works?q=%00", "/api/v1/works?after=%00", "/api/v1/statements?kind=%00", "/images?after=a%00"] {
        stranger.get(path).await.is(400);
    }
    stranger.json("PUT", "/api/v1/works", &order).await.is(405);
    stranger.post("/works", "").await.is(405);
    // People are asked to sign in and come back.
    assert_eq!(stranger.get("/account").await.is(303).location(), "/login?next=/account");
    let long = "x".repeat(3 << 20);
    stranger.upload("/verify", &[], long.as_bytes()).await.is(413);
    stranger.json("POST", "/api/v1/policy/check", &serde_json::json!({ "prompt": long })).await.is(413);
    test.finish().await;
}

async fn signing_in_and_forms_that_are_not_ours(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let link = setup_link(&test).await.unwrap().unwrap();
    let path = format!("/setup/{}", link.reveal());
    let mut operator = Visitor::new(&test);
    let again = operator.post(&path, "name=M&password=short").await.is(422).text();
    assert!(again.contains("12 to 200 characters") && again.contains("2 to 60 characters"), "both are named: {again}");
    operator.post(&path, "name=Mere&password=three+plain+words").await.is(303);
    Visitor::new(&test).post(&path, "name=Eve&password=three+plain+words").await.is(404);
    Visitor::new(&test).get(&path).await.is(404);
    assert!(setup_link(&test).await.unwrap().is_none(), "no second link once somebody can sign in");

    let csrf = operator.csrf().await;
    operator.post("/studio", "prompt=apple&csrf=wrong").await.is(403);
    operator.post("/studio", "prompt=apple").await.is(403);
    let cross = Request::post("/studio")
        .header("sec-fetch-site", "cross-site")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    operator.send(cross, Body::from(format!("prompt=apple&csrf={csrf}"))).await.is(403);
    // The cookie alone changes nothing through the API either.
    operator.json("POST", "/api/v1/images", &serde_json::json!({ "prompt": "apple" })).await.is(403);

    // A token for a program: shown once, then only its name.
    let made = operator.post("/account/tokens", &format!("csrf={csrf}&label=my+script&scopes=images&scopes=works")).await.is(200);
    assert_eq!(made.header("cache-control"), "no-store");
    let page = made.text();
    let secret = page.split("colophon_").nth(1).map(|rest| format!("colophon_{}", &rest[..43])).unwrap();
    assert!(Secret::parse(&secret).is_some());
    assert!(!operator.get("/account").await.text().contains(&secret));
    let mut program = Visitor { token: secret, ..Visitor::new(&test) };
    program.json("POST", "/api/v1/images", &serde_json::json!({ "prompt": "apple" })).await.is(202);
    let revoke = page.split("/account/tokens/").nth(1).map(|r| r.split('/').next().unwrap().to_owned()).unwrap();
    operator.post(&format!("/account/tokens/{revoke}/revoke"), &format!("csrf={csrf}")).await.is(303);
    program.json("POST", "/api/v1/images", &serde_json::json!({ "prompt": "apple" })).await.is(401);
    work_off(&test).await;

    // Another person, with a role of their own.
    operator
        .post("/account/accounts", &format!("csrf={csrf}&name=Ana&password=four+other+plain+words&roles=creator"))
        .await
        .is(303);
    let mut ana = Visitor::new(&test);
    let wrong = ana.post("/login", "name=Ana&password=nonsense&next=/studio").await.is(422).text();
    assert!(wrong.contains("name or password is wrong"));
    let there = ana.post("/login", "name=Ana&password=four+other+plain+words&next=//evil.example/").await.is(303);
    assert_eq!(there.location(), "/", "only addresses of ours");
    ana.get("/works/new").await.is(403);
    let csrf = ana.csrf().await;
    let changed =
        ana.post("/account/password", &format!("csrf={csrf}&current=four+other+plain+words&new=five+quite+other+words")).await;
    assert_eq!(changed.is(303).location(), "/account");
    let csrf = ana.csrf().await;
    ana.post("/logout", &format!("csrf={csrf}")).await.is(303);
    assert_eq!(ana.get("/account").await.is(303).location(), "/login?next=/account");
    test.finish().await;
}

async fn files_that_are_no_pictures_get_a_verdict(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let image = draw(&test, "red apple", 1).await;
    let mut visitor = Visitor::new(&test);
    let mut changed = image.file.clone();
    let at = changed.windows(4).position(|w| w == b"IDAT").unwrap() + 12;
    changed[at] ^= 1;
    // The header of a PNG of 10,000 × 10,000 pixels, with nothing behind it.
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bomb.extend([0, 0, 0x27, 0x10, 0, 0, 0x27, 0x10, 8, 2, 0, 0, 0]);
    bomb.extend([0; 64]);
    let unsigned = colophon::provenance::encode(&[7; 48], 4, 4, colophon::provenance::Format::Jpeg).unwrap();
    let cut = &unsigned[..unsigned.len() / 2];
    for (file, finding) in [
        (&changed[..], &["altered", "unreadable"][..]),
        (&bomb, &["unreadable"]),
        (&unsigned, &["no-manifest"]),
        (cut, &["unreadable", "no-manifest"]),
        (b"hello", &["unreadable"]),
        (&image.file[..image.file.len() / 2], &["unreadable", "altered"]),
    ] {
        let report = visitor.upload("/api/v1/verify", &[], file).await.is(200).json();
        assert!(finding.contains(&report["verdict"]["finding"].as_str().unwrap()), "{finding:?}: {}", report["sentence"]);
        assert!(!report["sentence"].as_str().unwrap().starts_with("Trusted"));
        let page = visitor.upload("/verify", &[], file).await.is(200).text();
        assert!(page.contains("verdict refused"), "{page}");
    }
    visitor.upload("/verify", &[], b"").await.is(422);
    assert!(Scope::ALL.len() > 1);
    test.finish().await;
}
