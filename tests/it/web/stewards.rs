//! The page of a policy for those who answer for it, and the queue of requests.

use super::*;
use crate::support::both;

both! {
    stewards_are_named_consents_given_and_taken_back_on_the_page_of_a_policy,
    a_picture_is_asked_about_through_the_api,
}

/// Signs somebody in who has an account with this role.
async fn signed_in<'a>(test: &'a TestInstance, operator: &mut Visitor<'a>, name: &str, role: &str) -> Visitor<'a> {
    let csrf = operator.csrf().await;
    let form = format!("csrf={csrf}&name={name}&password=three+plain+words&roles={role}");
    operator.post("/account/accounts", &form).await.is(303);
    let mut visitor = Visitor::new(test);
    visitor.post("/login", &format!("name={name}&password=three+plain+words")).await.is(303);
    visitor
}

async fn stewards_are_named_consents_given_and_taken_back_on_the_page_of_a_policy(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut op = Visitor::operator(&test).await;
    let (mut sara, mut ana) =
        (signed_in(&test, &mut op, "Sara", "steward").await, signed_in(&test, &mut op, "Ana", "creator").await);
    let page = "/policies/sami-gakti";
    assert!(!ana.get(page).await.is(200).text().contains("id=\"desk\""), "nothing to do for a creator");
    assert!(!sara.get(page).await.is(200).text().contains("id=\"desk\""), "nor for the steward of nothing");
    let csrf = op.csrf().await;
    let asked = op.post(page, &format!("csrf={csrf}&deed=appoint&name=Nobody&words=a+letter")).await.is(422).text();
    assert!(asked.contains("no account is called `Nobody`") && asked.contains("value=\"a letter\""), "{asked}");
    op.post(page, "csrf=x&deed=appoint&name=Sara&words=a+letter").await.is(403);
    let named = op.post(page, &format!("csrf={csrf}&deed=appoint&name=Sara&words=a+letter")).await.is(303);
    assert_eq!(named.location(), "/policies/sami-gakti#desk");
    op.post(page, &format!("csrf={csrf}&deed=conjure")).await.is(422);
    // What she may do now.
    let csrf = sara.csrf().await;
    let desk = sara.get(page).await.is(200).text();
    for part in ["Give a consent", "Members you know", "Name a steward", "End an appointment"] {
        assert!(desk.contains(part), "{part}");
    }
    assert!(sara.get("/account").await.is(200).text().contains("href=\"/reviews\""));
    let rule = desk
        .split("name=\"rule\"")
        .nth(1)
        .and_then(|rest| rest.split("value=\"").nth(1))
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let wrong = sara.post(page, &format!("csrf={csrf}&deed=consent&rule={rule}&name=Ana&ends=soon")).await.is(422).text();
    assert!(wrong.contains("name a day such as 2027-01-31") && wrong.contains("value=\"Ana\""));
    let about = desk
        .split("<datalist")
        .nth(1)
        .and_then(|rest| rest.split("value=\"").nth(1))
        .map(|rest| rest.split('"').next().unwrap().to_owned());
    let consent = format!(
        "csrf={csrf}&deed=consent&rule={rule}&about={}&uses=education&uses=news&name=Ana&words=For+a+book&ends=2028-01-31",
        about.unwrap_or_default()
    );
    sara.post(page, &consent).await.is(303);
    sara.post(page, &format!("csrf={csrf}&deed=member&name=Ana&ends=2028-01-31")).await.is(303);
    let desk = sara.get(page).await.is(200).text();
    assert!(
        desk.contains("Ana may, under") && desk.contains("education, news") && desk.contains("Ana, until 1 February 2028"),
        "{desk}"
    );
    assert!(!op.get(page).await.is(200).text().contains("Ana, until 1 February 2028"), "members are shown to stewards alone");
    let id = desk.split("value=\"consent_").nth(1).unwrap().split('"').next().unwrap().to_owned();
    sara.post(page, &format!("csrf={csrf}&deed=revoke&consent=consent_{id}&words=The+book+was+given+up")).await.is(303);
    sara.post(page, &format!("csrf={csrf}&deed=forget&name=Ana")).await.is(303);
    let desk = sara.get(page).await.is(200).text();
    assert!(desk.contains("The book was given up") && !desk.contains("Ana, until"));
    sara.post(page, &format!("csrf={csrf}&deed=end&name=Sara&words=Done")).await.is(303);
    assert!(!sara.get(page).await.is(200).text().contains("id=\"desk\""));
    test.finish().await;
}

async fn a_picture_is_asked_about_through_the_api(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut visitor = Visitor::new(&test);
    let work = test.texts("SELECT id FROM works ORDER BY id LIMIT 1").await.remove(0);
    let picture = visitor.get(&format!("/works/{work}/picture")).await.is(200).body;
    let mut body = b"--b\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\nthe same in blue\r\n--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"kente.png\"\r\n\r\n".to_vec();
    body.extend(&picture);
    body.extend(b"\r\n--b--\r\n");
    let request =
        || Request::post("/api/v1/policy/check/picture").header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
    let answer = visitor.send(request(), Body::from(body)).await.is(200).json();
    assert_eq!(answer["picture"]["nearest"]["work"], work.as_str());
    assert!(answer["picture"]["credentials"].as_str().unwrap().contains("no Content Credentials"), "{answer}");
    assert!(answer["rules"].as_array().unwrap().iter().any(|r| r["policy"] == "kente"), "{answer}");
    let bare = Request::post("/api/v1/policy/check/picture").header(header::CONTENT_TYPE, "image/png");
    visitor.send(bare, Body::from("nonsense")).await.is(422);
    visitor.send(request(), Body::from("--b--\r\n")).await.is(422);
    test.finish().await;
}
