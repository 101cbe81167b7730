//! The doors: every route's status and shape, sign-in and forms, the journey of a picture through the pages, and the log as others read it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use colophon::accounts::{Role, Scope, Secret};
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::sign_in::{make_token, setup_link};
use colophon::jobs::generate;
use colophon::ledger::{Receipt, SignedCheckpoint, Verifier};
use colophon::web::api::routes;
use colophon::web::{State, router};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::support::database::Kind;
use crate::support::{TestInstance, both, draw, engine, lease};

both! {
    every_page_answers_and_says_what_the_api_says,
    every_route_refuses_properly,
    signing_in_and_forms_that_are_not_ours,
    the_journey_of_a_picture_through_the_pages,
    the_api_makes_pictures_for_those_with_a_token,
    what_is_wrong_comes_back_with_what_was_typed,
    works_are_registered_shown_and_withdrawn,
    a_licence_is_given_on_the_page_and_revoked_with_all_it_touches,
    what_is_on_record_is_handed_out_in_other_formats,
    the_log_is_served_as_others_read_it,
    files_that_are_no_pictures_get_a_verdict,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    fn location(&self) -> &str {
        self.header("location")
    }

    #[track_caller]
    fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}

/// A browser or a program in front of the router.
struct Visitor<'a> {
    test: &'a TestInstance,
    cookie: String,
    token: String,
}

impl<'a> Visitor<'a> {
    fn new(test: &'a TestInstance) -> Self {
        Self { test, cookie: String::new(), token: String::new() }
    }

    async fn operator(test: &'a TestInstance) -> Self {
        let link = setup_link(test).await.unwrap().unwrap();
        let mut visitor = Self::new(test);
        let form = "name=Mere+T%C4%81whai&password=three+plain+words";
        visitor.post(&format!("/setup/{}", link.reveal()), form).await.is(303);
        assert!(!visitor.cookie.is_empty());
        visitor
    }

    async fn with_token(test: &'a TestInstance, name: &str, role: Role, scopes: &str) -> Self {
        let actor = test.actor(name, &[role]).await;
        let (_, secret) = make_token(test, &actor, "for tests", &scopes.parse().unwrap(), None).await.unwrap();
        Self { token: secret.reveal().to_owned(), ..Self::new(test) }
    }

    async fn send(&mut self, request: axum::http::request::Builder, body: Body) -> Answer {
        let mut request = request;
        if !self.cookie.is_empty() {
            request = request.header(header::COOKIE, &self.cookie);
        }
        if !self.token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        let state = State { instance: self.test.shared(), max_upload: 1 << 20, max_import: 1 << 20, health: Arc::new(|| None) };
        let response = router(state).oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        if let Some(cookie) = parts.headers.get(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            assert!(text.contains("HttpOnly") && text.contains("SameSite=Lax"), "{text}");
            self.cookie = text.split(';').next().unwrap().to_owned();
        }
        assert_eq!(parts.headers["x-content-type-options"], "nosniff");
        assert!(parts.headers.contains_key("x-request-id") && parts.headers.contains_key("content-security-policy"));
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes().to_vec() }
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    async fn post(&mut self, path: &str, form: &str) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, Body::from(form.to_owned())).await
    }

    async fn json(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request, Body::from(body.to_string())).await
    }

    /// The token that stands in the page's forms.
    async fn csrf(&mut self) -> String {
        let page = self.get("/studio").await.is(200).text();
        page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    async fn upload(&mut self, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Answer {
        const B: &str = "xxBOUNDARYxx";
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend(format!("--{B}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
        }
        body.extend(format!("--{B}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.png\"\r\n\r\n").bytes());
        body.extend(file);
        body.extend(format!("\r\n--{B}--\r\n").bytes());
        let request = Request::post(path).header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={B}"));
        self.send(request, Body::from(body)).await
    }
}

/// Draws everything that waits.
async fn work_off(test: &TestInstance) {
    let engine = engine(test);
    while let Some(job) = lease(test).await {
        generate::run(test, &engine, &job).await.unwrap();
    }
    engine.shutdown();
    publish_checkpoint(test).await.unwrap();
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
        "/policies",
        "/licences",
        "/licences?licence=CC-BY-SA-4.0+OR+%3Cb%3E",
        "/log",
        "/log/entries/0",
        "/verify",
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
    assert!(visitor.get(&format!("/images/{image}")).await.text().contains("revoked since"));
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
