//! Witnesses: a head is published once the quorum has cosigned it, and nobody gets a witness to cosign two histories.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Handed;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::ledger::witness::WitnessAnswer;
use colophon::ledger::{Cosigner, Head, Receipt, SignedCheckpoint, Verifier, Witness, WitnessPolicy, WitnessRequest};
use colophon::storage;
use ed25519_dalek::SigningKey;

use crate::support::database::Kind;
use crate::support::{TestInstance, both, draw};

both! {
    a_head_is_published_when_its_quorum_has_cosigned,
    a_witness_stops_an_old_backup,
}

/// A witness that answers on a port of its own.
struct Stand {
    name: &'static str,
    vkey: String,
    url: String,
    up: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
    /// Follows this log.
    follow: Arc<Mutex<Option<(String, Verifier)>>>,
}

#[derive(Clone)]
struct Keeps {
    key: SigningKey,
    name: &'static str,
    up: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
    follow: Arc<Mutex<Option<(String, Verifier)>>>,
    heads: Arc<Mutex<HashMap<String, Head>>>,
}

async fn answer(Handed(keeps): Handed<Keeps>, body: Bytes) -> Response {
    keeps.asked.fetch_add(1, Ordering::SeqCst);
    if !keeps.up.load(Ordering::SeqCst) {
        return (StatusCode::SERVICE_UNAVAILABLE, "away").into_response();
    }
    let mut witness = Witness::new(Cosigner::new(keeps.name, keeps.key.clone()).unwrap());
    if let Some((origin, key)) = keeps.follow.lock().unwrap().clone() {
        witness = witness.follow(&origin, vec![key]);
    }
    let mut heads = keeps.heads.lock().unwrap();
    let decided = WitnessRequest::parse(&body).map_err(|_| colophon::ledger::Refusal::Malformed).and_then(|request| {
        let last = heads.get(request.origin()).copied();
        let cosigned = witness.decide(&request, last, 1_764_000_000)?;
        heads.insert(request.origin().to_owned(), cosigned.head);
        Ok(cosigned.answer)
    });
    let answer = decided.unwrap_or_else(WitnessAnswer::Refused);
    let status = StatusCode::from_u16(answer.status()).unwrap();
    (status, [(header::CONTENT_TYPE, answer.content_type())], answer.body()).into_response()
}

async fn stand(name: &'static str, seed: u8) -> Stand {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let vkey = Cosigner::new(name, key.clone()).unwrap().verifier().to_string();
    let keeps = Keeps { key, name, up: Arc::default(), asked: Arc::default(), follow: Arc::default(), heads: Arc::default() };
    keeps.up.store(true, Ordering::SeqCst);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/prefix", listener.local_addr().unwrap());
    let (up, asked, follow) = (Arc::clone(&keeps.up), Arc::clone(&keeps.asked), Arc::clone(&keeps.follow));
    let app = Router::new().route("/prefix/add-checkpoint", post(answer)).with_state(keeps);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Stand { name, vkey, url, up, asked, follow }
}

/// An instance whose heads wait for two of three witnesses, and the witnesses.
async fn witnessed(kind: Kind) -> (TestInstance, Vec<Stand>, tempfile::TempDir, WitnessPolicy) {
    let folder = tempfile::tempdir().unwrap();
    let stands =
        vec![stand("witness.example/a", 31).await, stand("witness.example/b", 32).await, stand("witness.example/c", 33).await];
    let mut policy: String = ["a", "b", "c"]
        .iter()
        .zip(&stands)
        .map(|(name, stand)| format!("witness {name} {} {}\n", stand.vkey, stand.url))
        .collect();
    policy += "group most 2 a b c\nquorum most\n";
    let path = folder.path().join("policy");
    std::fs::write(&path, &policy).unwrap();
    // The log's key is known before its first head: as another instance with the same chance makes it.
    let same = TestInstance::new(kind).await;
    let key = same.keys.log.verifier().clone();
    same.finish().await;
    for stand in &stands {
        *stand.follow.lock().unwrap() = Some((key.name().to_owned(), key.clone()));
    }
    let test = TestInstance::with(kind, &[("witness_policy", path.to_str().unwrap())]).await;
    assert_eq!(test.keys.log.verifier(), &key);
    (test, stands, folder, WitnessPolicy::parse(policy.as_bytes()).unwrap().with_log(key).unwrap())
}

async fn newest(test: &TestInstance) -> SignedCheckpoint {
    let head = storage::log::head(&mut test.store.read().await.unwrap()).await.unwrap().unwrap();
    SignedCheckpoint::parse(head.checkpoint.as_bytes()).unwrap()
}

async fn a_head_is_published_when_its_quorum_has_cosigned(kind: Kind) {
    let (test, stands, _folder, policy) = witnessed(kind).await;
    let delivered = draw(&test, "red apple", 1).await;
    publish_checkpoint(&test).await.unwrap();
    let head = newest(&test).await;
    policy.check(&head).unwrap();
    assert_eq!(head.cosignatures(&policy.witness_keys()).len(), 3, "all that answered are in it");
    // One is away: two are enough. Two are away: the head waits, and what was published stays.
    stands[0].up.store(false, Ordering::SeqCst);
    draw(&test, "green apple", 2).await;
    publish_checkpoint(&test).await.unwrap();
    let head = newest(&test).await;
    assert_eq!(head.cosignatures(&policy.witness_keys()).len(), 2);
    stands[1].up.store(false, Ordering::SeqCst);
    let drawn = crate::support::draw_unpublished(&test, "a cat", 3).await;
    let why = publish_checkpoint(&test).await.unwrap_err().to_string();
    assert!(why.contains("waits for its witnesses") && why.contains("quorum `most`") && why.contains("`a`"), "{why}");
    assert_eq!(newest(&test).await, head);
    let mut tx = test.store.read().await.unwrap();
    let waits = colophon::actions::receipt::receipt(&test, &mut tx, drawn).await.unwrap();
    assert!(waits.is_none(), "there is no receipt under a head that is not published");
    drop(tx);
    // They come back, one of them having missed two heads, and it is published.
    stands.iter().for_each(|stand| stand.up.store(true, Ordering::SeqCst));
    publish_checkpoint(&test).await.unwrap();
    let head = newest(&test).await;
    assert_eq!(head.cosignatures(&policy.witness_keys()).len(), 3);
    let mut tx = test.store.read().await.unwrap();
    for statement in [delivered.statement, drawn] {
        let receipt = colophon::actions::receipt::receipt(&test, &mut tx, statement).await.unwrap().unwrap();
        let entry = storage::log::find(&mut tx, statement).await.unwrap().unwrap().bytes;
        let again = Receipt::parse(receipt.to_string().as_bytes()).unwrap();
        again.verify_with_policy(&entry, &policy).unwrap();
    }
    drop(tx);
    let before = stands[0].asked.load(Ordering::SeqCst);
    publish_checkpoint(&test).await.unwrap();
    assert_eq!(stands[0].asked.load(Ordering::SeqCst), before, "nothing new, nobody is asked");
    assert!(stands.iter().all(|stand| stand.name.starts_with("witness.example/")));
    test.finish().await;
}

async fn a_witness_stops_an_old_backup(kind: Kind) {
    let (mut test, _stands, _folder, _) = witnessed(kind).await;
    draw(&test, "red apple", 1).await;
    publish_checkpoint(&test).await.unwrap();
    let backup = test.backup().await;
    draw(&test, "green apple", 2).await;
    publish_checkpoint(&test).await.unwrap();
    let newer = test.backup().await;
    test.put_back(&backup).await;
    // What this machine remembers is gone with the old one.
    std::fs::remove_file(test.settings.data_dir.join("keys/signed-head")).unwrap();
    test.restart().await;
    crate::support::draw_unpublished(&test, "a cat", 3).await;
    let published = newest(&test).await;
    let why = publish_checkpoint(&test).await.unwrap_err().to_string();
    assert!(why.contains("has cosigned a head of") || why.contains("waits for its witnesses"), "{why}");
    assert_eq!(newest(&test).await, published, "no second history is published");
    test.store.close().await;
    test.put_back(&newer).await;
    // Its witnesses have not cosigned the head that was signed on the old copy; the newer backup goes on.
    std::fs::remove_file(test.settings.data_dir.join("keys/signed-head")).unwrap();
    test.restart().await;
    draw(&test, "a fish", 4).await;
    publish_checkpoint(&test).await.unwrap();
    test.finish().await;
}
