//! The log as others read it.

use super::*;
use crate::support::both;

both! {
    the_log_is_served_as_others_read_it,
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
