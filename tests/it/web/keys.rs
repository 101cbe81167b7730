//! Keys of one's own: drafts that are signed elsewhere, and what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use colophon::actions::check_log::check_log;
use colophon::ledger::statement::{StatementSigner as _, pae};
use colophon::ledger::{Ed25519Signer, Envelope, Keyring};
use colophon::storage;
use ed25519_dalek::SigningKey;
use serde_json::json;

use super::*;
use crate::support::both;

both! {
    an_account_signs_with_a_key_of_its_own,
    where_a_key_is_the_only_way_nothing_is_stated_without_it,
    signatures_that_do_not_fit_are_refused,
}

fn signer(seed: u8) -> Ed25519Signer {
    Ed25519Signer::new(SigningKey::from_bytes(&[seed; 32]))
}

fn added(key: &Ed25519Signer, required: bool, replaces: Option<&Ed25519Signer>) -> Value {
    let mut added = json!({
        "keyid": key.key_id(), "public_key": STANDARD.encode(key.verifying_key().as_bytes()), "required": required,
    });
    if let Some(old) = replaces {
        added["replaces"] = old.key_id().into();
    }
    added
}

/// Sends JSON with more headers.
async fn send(visitor: &mut Visitor<'_>, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method("POST").uri(path).header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    visitor.send(request, Body::from(body.to_string())).await
}

/// The signatures that a draft asks for, by those keys that are at hand.
fn signatures(draft: &Value, keys: &[&Ed25519Signer]) -> String {
    let mut brought = Vec::new();
    for statement in draft["statements"].as_array().unwrap() {
        let payload = STANDARD.decode(statement["payload"].as_str().unwrap()).unwrap();
        for keyid in statement["keys"].as_array().unwrap() {
            let key = keys.iter().find(|key| key.key_id() == keyid.as_str().unwrap()).expect("a key that is at hand");
            let sig = STANDARD.encode(key.sign(&pae("application/vnd.in-toto+json", &payload)));
            brought.push(json!({ "sha256": statement["sha256"], "keyid": keyid, "sig": sig }));
        }
    }
    URL_SAFE_NO_PAD.encode(Value::from(brought).to_string())
}

/// As a draft, signed, and sent again.
async fn signed(
    visitor: &mut Visitor<'_>,
    path: &str,
    body: &Value,
    with: Option<&Ed25519Signer>,
    keys: &[&Ed25519Signer],
) -> Answer {
    let id = with.map(Ed25519Signer::key_id).unwrap_or_default();
    let mut headers = vec![("colophon-sign", "draft")];
    if with.is_some() {
        headers.push(("colophon-key", id.as_str()));
    }
    let draft = send(visitor, path, body, &headers).await.is(200).json();
    let brought = signatures(&draft, keys);
    send(visitor, path, body, &[("colophon-sign", draft["draft"].as_str().unwrap()), ("colophon-signatures", &brought)]).await
}

/// Gives a licence on a work of one's own.
fn grant() -> Value {
    json!({ "licence": "CC-BY-4.0", "evidence": "I drew it." })
}

async fn own_work(visitor: &mut Visitor<'_>, title: &str) -> String {
    let sha256 = colophon::digest::sha256_of(title.as_bytes()).to_string();
    let fields = [("title", title), ("author", "Ana"), ("licence", "MIT"), ("sha256", &sha256)];
    let made = visitor.upload("/api/v1/works", &fields, &[]).await;
    made.is(201).json()["id"].as_str().unwrap().to_owned()
}

async fn entry_of(test: &TestInstance, kind: &str) -> Envelope {
    publish_checkpoint(test).await.unwrap();
    let mut tx = test.store.read().await.unwrap();
    let asked = storage::log::Exploring { kind, limit: 1, ..Default::default() };
    let page = storage::log::explore(&mut tx, &asked).await.unwrap();
    Envelope::parse(&page.items[0].bytes).unwrap()
}

async fn an_account_signs_with_a_key_of_its_own(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut ana = Visitor::with_token(&test, "Ana", Role::RightsHolder, "works,grants").await;
    let (first, second) = (signer(1), signer(2));
    let id = own_work(&mut ana, "Kite").await;
    let before = test.number("SELECT COUNT(*) FROM statements").await;
    // Without its own signature no key goes in.
    send(&mut ana, "/api/v1/keys", &added(&first, false, None), &[]).await.is(422);
    signed(&mut ana, "/api/v1/keys", &added(&first, false, None), None, &[&first]).await.is(201);
    assert_eq!(test.number("SELECT COUNT(*) FROM statements").await, before + 1, "a draft leaves nothing behind");
    let path = format!("/api/v1/works/{id}/grants");
    signed(&mut ana, &path, &grant(), Some(&first), &[&first]).await.is(201);
    let envelope = entry_of(&test, "grant").await;
    assert_eq!(envelope.signatures().len(), 2);
    let statement = envelope.verify(&first.verifying_key()).unwrap();
    envelope.verify(&test.keys.statement.verifying_key()).unwrap();
    assert_eq!(
        (statement.predicate["custody"].as_str(), statement.predicate["signed_with"].as_str()),
        (Some("own"), Some(first.key_id().as_str()))
    );
    // Replaced by another, with both signatures; the old one signs no more.
    signed(&mut ana, "/api/v1/keys", &added(&second, false, Some(&first)), Some(&first), &[&first, &second]).await.is(201);
    assert_eq!(entry_of(&test, "key").await.signatures().len(), 3);
    let headers = [("colophon-sign", "draft"), ("colophon-key", &first.key_id())];
    send(&mut ana, &path, &grant(), &headers).await.is(409);
    let keys = ana.get("/api/v1/keys?holder=Ana").await.is(200).json();
    assert_eq!(keys["items"].as_array().unwrap().len(), 2);
    assert_eq!(keys["items"][0]["ended_reason"], "replaced by another key");
    // What anybody needs to check all of it.
    let trusted = ana.get("/trust/keys").await.is(200).json();
    assert_eq!(trusted["statement_keys"].as_array().unwrap().len(), 3);
    let mut tx = test.store.read().await.unwrap();
    let mut ring = Keyring::new(test.keys.statement.verifying_key());
    for (index, bytes) in storage::log::entries(&mut tx, 0, u64::MAX).await.unwrap() {
        ring.admit(index, &Envelope::parse(&bytes).unwrap()).unwrap();
    }
    drop(tx);
    assert_eq!(ring.of("Ana").count(), 1);
    // Ended, it signs no more; the registry signs again.
    let end = format!("/api/v1/keys/{}/end", second.key_id());
    send(&mut ana, &end, &json!({ "reason": "" }), &[]).await.is(422);
    send(&mut ana, &end, &json!({ "reason": "lost with my computer" }), &[]).await.is(200);
    send(&mut ana, &end, &json!({ "reason": "lost with my computer" }), &[]).await.is(404);
    send(&mut ana, &path, &json!({ "licence": "CC0-1.0", "evidence": "I drew it." }), &[]).await.is(201);
    assert_eq!(entry_of(&test, "grant").await.statement().unwrap().predicate["custody"], "instance");
    assert!(check_log(&test).await.unwrap().is_sound());
    test.finish().await;
}

async fn where_a_key_is_the_only_way_nothing_is_stated_without_it(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut ana = Visitor::with_token(&test, "Ana", Role::RightsHolder, "works,grants").await;
    let id = own_work(&mut ana, "Kite").await;
    let key = signer(3);
    signed(&mut ana, "/api/v1/keys", &added(&key, true, None), None, &[&key]).await.is(201);
    let path = format!("/api/v1/works/{id}/grants");
    let why = send(&mut ana, &path, &grant(), &[]).await.is(422).text();
    assert!(why.contains("signs with a key of their own"), "{why}");
    send(&mut ana, "/api/v1/keys", &added(&signer(4), false, None), &[]).await.is(422);
    // Nor is it ended without its own signature.
    let end = format!("/api/v1/keys/{}/end", key.key_id());
    let why = json!({ "reason": "lost" });
    send(&mut ana, &end, &why, &[]).await.is(422);
    signed(&mut ana, &path, &grant(), Some(&key), &[&key]).await.is(201);
    // Another beside it, signed with both; then the first may end, by its own word.
    let second = signer(7);
    signed(&mut ana, "/api/v1/keys", &added(&second, true, None), Some(&key), &[&key, &second]).await.is(201);
    signed(&mut ana, &end, &why, Some(&key), &[&key]).await.is(200);
    let key = second;
    // A draft that states nothing answers as the request would.
    let headers = [("colophon-sign", "draft"), ("colophon-key", &key.key_id())];
    let refused = send(&mut ana, &path, &json!({ "licence": "" }), &headers).await;
    assert_eq!((refused.status.as_u16(), refused.header("colophon-sign")), (422, "none"));
    test.finish().await;
}

async fn signatures_that_do_not_fit_are_refused(kind: Kind) {
    let test = TestInstance::new(kind).await;
    let mut ana = Visitor::with_token(&test, "Ana", Role::RightsHolder, "works,grants").await;
    let mut ben = Visitor::with_token(&test, "Ben", Role::RightsHolder, "works,grants").await;
    let (key, other) = (signer(5), signer(6));
    let id = own_work(&mut ana, "Kite").await;
    signed(&mut ana, "/api/v1/keys", &added(&key, false, None), None, &[&key]).await.is(201);
    let path = format!("/api/v1/works/{id}/grants");
    let headers = [("colophon-sign", "draft"), ("colophon-key", &key.key_id())];
    let draft = send(&mut ana, &path, &grant(), &headers).await.is(200).json();
    let token = draft["draft"].as_str().unwrap().to_owned();
    let good = signatures(&draft, &[&key]);
    let before = test.number("SELECT COUNT(*) FROM statements").await;
    // A draft is one of that very request.
    let key_of_another = added(&other, false, None);
    send(&mut ana, "/api/v1/keys", &key_of_another, &[("colophon-sign", &token), ("colophon-signatures", &good)]).await.is(422);
    // By another key under this one's name; over something else; of another account; with a token that was changed.
    let mut forged: Vec<Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&good).unwrap()).unwrap();
    forged[0]["sig"] = STANDARD.encode(other.sign(b"anything")).into();
    let forged = URL_SAFE_NO_PAD.encode(Value::from(forged).to_string());
    send(&mut ana, &path, &grant(), &[("colophon-sign", &token), ("colophon-signatures", &forged)]).await.is(422);
    let changed = json!({ "licence": "CC0-1.0", "evidence": "I drew it." });
    send(&mut ana, &path, &changed, &[("colophon-sign", &token), ("colophon-signatures", &good)]).await.is(409);
    send(&mut ben, &path, &grant(), &[("colophon-sign", &token), ("colophon-signatures", &good)]).await.is(422);
    let bent = token.replacen(|c: char| c.is_ascii_digit(), "x", 1);
    send(&mut ana, &path, &grant(), &[("colophon-sign", &bent), ("colophon-signatures", &good)]).await.is(422);
    send(&mut ana, &path, &grant(), &[("colophon-sign", &token), ("colophon-signatures", "?")]).await.is(422);
    send(&mut Visitor::new(&test), &path, &grant(), &headers).await.is(401);
    assert_eq!(test.number("SELECT COUNT(*) FROM statements").await, before);
    // The good ones once, and not again.
    send(&mut ana, &path, &grant(), &[("colophon-sign", &token), ("colophon-signatures", &good)]).await.is(201);
    send(&mut ana, &path, &grant(), &[("colophon-sign", &token), ("colophon-signatures", &good)]).await.is(409);
    // Too late.
    let draft = send(&mut ana, &path, &json!({ "licence": "CC0-1.0", "evidence": "I drew it." }), &headers).await.is(200).json();
    test.clock.advance_millis(11 * 60_000);
    let (token, good) = (draft["draft"].as_str().unwrap().to_owned(), signatures(&draft, &[&key]));
    let late = send(&mut ana, &path, &changed, &[("colophon-sign", &token), ("colophon-signatures", &good)]).await.is(422).text();
    assert!(late.contains("ten minutes"), "{late}");
    test.finish().await;
}
