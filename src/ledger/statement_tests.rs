//! Tests of `statement`: one byte form, signatures that hold, sizes that fit, foreign bytes that are refused.

use serde_json::json;

use super::super::fixtures::Dice;
use super::*;
use crate::digest::Digest;

fn signer() -> Ed25519Signer {
    Ed25519Signer::new(SigningKey::from_bytes(&[1; 32]))
}

fn statement() -> Statement {
    let subject = Subject::new("work_01JDVX3N5ZK8W0Q2R4T6Y8A0BC", Digest::of(b"a picture"));
    Statement::new(
        "work-registered",
        vec![subject],
        json!({"title": "Sèvres\n", "author": "A. B.", "width": 512, "guidance": 4.5}),
    )
}

#[test]
fn what_is_signed_is_the_example_of_dsse() {
    assert_eq!(pae("http://example.com/HelloWorld", b"hello world"), b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

#[test]
fn the_key_id_is_the_hash_of_the_raw_key() {
    // RFC 8032 §7.1, test 1.
    let secret = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
    let signer = Ed25519Signer::new(SigningKey::from_bytes(&secret.try_into().unwrap()));
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(hex::encode(signer.verifying_key().as_bytes()), public);
    assert_eq!(signer.key_id(), hex::encode(Sha256::digest(hex::decode(public).unwrap())));
    assert_eq!(format!("{signer:?}"), format!("Ed25519Signer({})", signer.key_id()));
}

#[test]
fn the_payload_is_canonical_in_toto() {
    let digest = Digest::of(b"a picture");
    let expected = format!(
        "{{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{{\
         \"author\":\"A. B.\",\"guidance\":4.5,\"title\":\"Sèvres\\n\",\
         \"width\":512}},\"predicateType\":\"urn:x-colophon:work-registered:v1\",\"subject\":[{{\"digest\":{{\"blake3\":\"{}\",\
         \"sha256\":\"{}\"}},\"name\":\"work_01JDVX3N5ZK8W0Q2R4T6Y8A0BC\"}}]}}",
        digest.blake3, digest.sha256
    );
    let payload = statement().to_payload().unwrap();
    assert_eq!(String::from_utf8(payload.clone()).unwrap(), expected);
    assert_eq!(to_canonical(&serde_json::from_slice(&payload).unwrap()).unwrap(), payload);
    assert_eq!(Statement::parse(&payload).unwrap(), statement());
}

#[test]
fn signs_prints_reads_and_verifies() {
    let signer = signer();
    let envelope = statement().sign(&signer).unwrap();
    let bytes = envelope.to_bytes().unwrap();
    assert_eq!(to_canonical(&serde_json::from_slice(&bytes).unwrap()).unwrap(), bytes);
    let read = Envelope::parse(&bytes).unwrap();
    assert_eq!(read.verify(&signer.verifying_key()).unwrap(), statement());
    let stranger = SigningKey::from_bytes(&[2; 32]);
    assert_eq!(read.verify(&stranger.verifying_key()), Err(StatementError::NotSignedBy(key_id(&stranger.verifying_key()))));
    let mut both = read.clone();
    both.countersign(&Ed25519Signer::new(stranger.clone())).unwrap();
    let both = Envelope::parse(&both.to_bytes().unwrap()).unwrap();
    assert!(both.verify(&stranger.verifying_key()).is_ok() && both.verify(&signer.verifying_key()).is_ok());
    let mut forged = read;
    forged.payload = Statement { name: "work-revoked".into(), ..statement() }.to_payload().unwrap();
    assert_eq!(forged.verify(&signer.verifying_key()), Err(StatementError::BadSignature(signer.key_id())));
}

#[test]
fn statements_that_cannot_be_logged_are_refused() {
    let good = statement();
    for name in ["", "Work", "work registered", "9work", "-work", "wörk", "a:v1", &"a".repeat(65)] {
        assert!(
            matches!(Statement { name: name.into(), ..good.clone() }.sign(&signer()), Err(StatementError::Name(_))),
            "{name}"
        );
    }
    assert!(matches!(Statement { subject: vec![], ..good.clone() }.sign(&signer()), Err(StatementError::Malformed(_))));
    assert!(matches!(Statement { predicate: json!([]), ..good.clone() }.sign(&signer()), Err(StatementError::Malformed(_))));
    let big = Statement { predicate: json!({"seed": u64::MAX}), ..good.clone() };
    assert!(matches!(big.sign(&signer()), Err(StatementError::Value(_))));
    // The edge of 65,535 bytes: base64 takes 4 for 3, so some length is the last that fits.
    let sized = |n: usize| Statement { predicate: json!({"t": "x".repeat(n)}), ..good.clone() }.sign(&signer());
    let last = (48_000..50_000).take_while(|n| sized(*n).is_ok()).last().unwrap();
    assert!(sized(last).unwrap().to_bytes().unwrap().len() > MAX_ENTRY - 4);
    assert!(matches!(sized(last + 1), Err(StatementError::TooLarge(n)) if n > MAX_ENTRY));
}

#[test]
fn other_forms_of_the_same_statement_are_refused() {
    let bytes = statement().sign(&signer()).unwrap().to_bytes().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(Envelope::parse(text.as_bytes()).is_ok());
    for bad in [
        format!(" {text}"),
        format!("{text}\n"),
        text.replace("\":\"", "\": \""),
        text.replace(
            "\"payloadType\":\"application/vnd.in-toto+json\"",
            "\"payloadType\":\"application/vnd.in-toto\\u002bjson\"",
        ),
        text.replace("in-toto+json", "in-toto"),
        text.replace("\"signatures\":[", "\"more\":1,\"signatures\":["),
        text.replace("{\"payload\"", "{\"payload\":\"\",\"payload\""),
        text.replace("==\"", "\""),
        text.replace("[{", "[{},{"),
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
    ] {
        assert!(Envelope::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    let payload = String::from_utf8(statement().to_payload().unwrap()).unwrap();
    for bad in [
        payload.replace("4.5", "4.50"),
        payload.replace("512", "512.0"),
        payload.replace("512", "5.12e2"),
        payload.replace("è", "\\u00e8"),
        payload.replace("\"author\":\"A. B.\"", "\"author\":\"Other\",\"author\":\"A. B.\""),
        payload.replace(":v1", ":v2"),
        payload.replace("Statement/v1", "Statement/v0.1"),
        payload.replace("\"blake3\"", "\"md5\""),
        payload.replace(",\"name\":", ",\"uri\":\"x\",\"name\":"),
    ] {
        assert!(bad != payload && Statement::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn mutated_entries_never_panic_and_never_verify_as_another_statement() {
    let (signer, mut dice) = (signer(), Dice(8));
    let bytes = statement().sign(&signer).unwrap().to_bytes().unwrap();
    let payload = statement().to_payload().unwrap();
    for _ in 0..5_000 {
        let mutated = dice.mutate(&bytes);
        if let Ok(envelope) = Envelope::parse(&mutated) {
            assert_eq!(envelope.to_bytes().unwrap(), mutated, "one form only");
            if let Ok(read) = envelope.verify(&signer.verifying_key()) {
                assert_eq!(read, statement());
            }
        }
        let mutated = dice.mutate(&payload);
        if let Ok(read) = Statement::parse(&mutated) {
            assert_eq!(read.to_payload().unwrap(), mutated, "one form only");
        }
        let _ = Envelope::parse(&dice.noise());
    }
}

#[test]
fn a_thousand_works_are_signed_and_hashed() {
    let signer = signer();
    let mut entries = Vec::new();
    for i in 0..1000 {
        let subject = Subject::new(format!("work {i}"), Digest::of(&[i as u8]));
        let predicate = json!({"title": "A title of usual length", "author": "An Author", "number": i,
            "source": "https://example.com/1234567", "licence": "CC0-1.0", "width": 1024, "height": 768, "custody": "instance"});
        entries.push(Statement::new("work-registered", vec![subject], predicate).sign(&signer).unwrap().to_bytes().unwrap());
    }
    let done =
        super::super::sequence::integrate(&super::super::Head::EMPTY, &super::super::TileSet::default(), &entries).unwrap();
    assert_eq!(done.head.size, 1000);
    assert!(entries.iter().all(|entry| Envelope::parse(entry).unwrap().verify(&signer.verifying_key()).is_ok()));
}
