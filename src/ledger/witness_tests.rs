//! Tests of `witness`: the examples of the specification, each refusal in its order, a log and a witness in conversation.

use super::super::fixtures::{Dice, Leaves, ORIGIN, cosigner, signer};
use super::super::proof::consistency;
use super::super::vkey::Signer;
use super::*;
use ed25519_dalek::SigningKey;

const NOW: u64 = 1_790_000_000;

fn head(leaves: &Leaves, size: u64) -> Head {
    Head { size, root: leaves.root(size as usize) }
}

fn signed(head: Head) -> SignedCheckpoint {
    Checkpoint::new(ORIGIN, head.size, head.root).sign(&[&signer()]).unwrap()
}

fn asked(leaves: &Leaves, old: u64, new: u64) -> WitnessRequest {
    let proof = if old == 0 { vec![] } else { consistency(old, new, leaves).unwrap() };
    WitnessRequest::new(old, proof, &signed(head(leaves, new))).unwrap()
}

fn witness() -> Witness {
    Witness::new(cosigner(1)).follow(ORIGIN, vec![signer().verifier().clone()])
}

#[test]
fn the_request_of_the_specification() {
    let text = include_str!("../../tests/seeds/witness-request/specification");
    let read = WitnessRequest::parse(text.as_bytes()).unwrap();
    assert_eq!((read.origin(), read.old(), read.proof.len()), ("example.com/behind-the-sofa", 20_852_014, 4));
    assert_eq!((read.checkpoint.size, read.note.signatures().len()), (20_852_163, 2));
    assert_eq!(read.to_string(), text);
}

#[test]
fn the_answer_of_the_specification() {
    let text = include_str!("../../tests/seeds/witness-answer/specification");
    let answer = WitnessAnswer::read(200, None, text.as_bytes()).unwrap();
    let WitnessAnswer::Cosigned(lines) = &answer else { panic!("{answer:?}") };
    assert_eq!(
        lines.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(),
        ["witness.example/w1", "witness.example/w1", "witness.example/w2"]
    );
    assert!(lines.iter().all(|line| line.time().is_some()));
    assert_eq!((answer.body().as_str(), answer.status()), (text, 200));
}

#[test]
fn every_answer_reads_back_as_itself() {
    let lines = vec![cosigner(1).cosign("a\n", 7).unwrap(), cosigner(2).cosign("a\n", 8).unwrap()];
    let refusals = [
        Refusal::Malformed,
        Refusal::Untrusted,
        Refusal::UnknownLog,
        Refusal::OtherSize(0),
        Refusal::OtherSize(u64::MAX),
        Refusal::Inconsistent,
        Refusal::Other(429),
        Refusal::Other(503),
    ];
    for answer in refusals.map(WitnessAnswer::Refused).into_iter().chain([WitnessAnswer::Cosigned(lines)]) {
        let body = answer.body();
        assert_eq!(WitnessAnswer::read(answer.status(), Some(answer.content_type()), body.as_bytes()), Ok(answer));
    }
}

#[test]
fn answers_of_other_forms() {
    let refused = |status, kind, body: &str| WitnessAnswer::read(status, kind, body.as_bytes());
    let size = Ok(WitnessAnswer::Refused(Refusal::OtherSize(7)));
    assert_eq!(refused(409, Some("Text/X.tlog.size; charset=utf-8"), "7\n"), size);
    // Version 1.0.0 answers another root at the same size with a 409 that tells no size.
    for kind in [None, Some("text/plain"), Some("text/x.tlog.sizes")] {
        assert_eq!(refused(409, kind, "7\n"), Ok(WitnessAnswer::Refused(Refusal::Inconsistent)));
    }
    for body in ["", "7", "\n", "07\n", "+7\n", "7\n\n", " 7\n", "18446744073709551616\n", "seven\n", "7\r\n"] {
        assert!(matches!(refused(409, Some(SIZE_TYPE), body), Err(WitnessError::Answer(_))), "{body:?}");
    }
    let line = cosigner(1).cosign("a\n", 7).unwrap().to_string();
    for body in ["", "\n", &line, &format!("\n{line}\n"), &format!("{line}\n\n"), &line.replace('\u{2014}', "-"), "ok\n"] {
        assert!(matches!(refused(200, Some(TEXT_TYPE), body), Err(WitnessError::Answer(_))), "{body:?}");
    }
}

#[test]
fn requests_of_other_forms_are_refused() {
    let leaves = Leaves::new(9);
    let good = asked(&leaves, 3, 9).to_string();
    assert_eq!(WitnessRequest::parse(good.as_bytes()).unwrap().to_string(), good);
    for bad in [
        String::new(),
        good.replace("old 3", "old 03"),
        good.replace("old 3", "old +3"),
        good.replace("old 3", "old"),
        good.replace("old 3", "old  3"),
        good.replace("old 3", "Old 3"),
        good.replace("old 3\n", ""),
        good.replace("old 3\n", "old 3\r\n"),
        good.replace("old 3\n", "old 3\n\n"),
        good.replace("old 3\n", "old 3\nAAAA\n"),
        good.replace("old 3\n", &format!("old 3\n{}", format!("{EMPTY_ROOT}\n").repeat(63))),
        good.replace("\n9\n", "\n09\n"),
        good.trim_end().to_owned(),
        format!("{good}\n"),
        good.split_once("\n\n").unwrap().0.to_owned(),
    ] {
        assert!(matches!(WitnessRequest::parse(bad.as_bytes()), Err(WitnessError::Request(_))), "{bad}");
    }
    let spare = 63 - WitnessRequest::parse(good.as_bytes()).unwrap().proof.len();
    let full = good.replacen("\n\n", &format!("\n{}\n", format!("{EMPTY_ROOT}\n").repeat(spare)), 1);
    assert_eq!(WitnessRequest::parse(full.as_bytes()).unwrap().proof.len(), 63);
    // What could only be refused is not made.
    let (nine, hash) = (signed(head(&leaves, 9)), vec![EMPTY_ROOT]);
    for (old, proof) in [(10, vec![]), (0, hash.clone()), (9, hash), (3, vec![EMPTY_ROOT; 64])] {
        assert!(WitnessRequest::new(old, proof, &nine).is_err(), "{old}");
    }
}

#[test]
fn a_growing_log_is_cosigned_at_each_step() {
    let (leaves, witness, mut last) = (Leaves::new(70), witness(), None);
    let keys = [signer().verifier().clone(), witness.verifier().clone()];
    let mut old = 0;
    for (step, new) in [0, 0, 1, 1, 2, 7, 8, 64, 65, 70, 70].into_iter().enumerate() {
        let request = asked(&leaves, old, new);
        let request = WitnessRequest::parse(request.to_string().as_bytes()).unwrap();
        let done = witness.decide(&request, last, NOW + step as u64).unwrap();
        assert_eq!(done.head, head(&leaves, new));
        assert_eq!(done.checkpoint.open(ORIGIN, &keys).unwrap().size, new);
        // The log takes the line from the answer into the checkpoint it serves.
        let answer = WitnessAnswer::read(200, None, done.answer.body().as_bytes()).unwrap();
        let (WitnessAnswer::Cosigned(lines), mut mine) = (answer, signed(done.head)) else { panic!() };
        assert_eq!(mine.add_cosignatures(&lines, &keys[1..]), Ok(1));
        assert_eq!(mine.cosignatures(&keys), [("witness1.example".to_owned(), NOW + step as u64)]);
        assert_eq!(mine, done.checkpoint);
        (old, last) = (new, Some(done.head));
    }
}

#[test]
fn each_wrong_has_its_status_in_the_order_of_the_specification() {
    let (leaves, witness) = (Leaves::new(9), witness());
    let last = Some(head(&leaves, 3));
    let decide = |request: &WitnessRequest, last| witness.decide(request, last, NOW).map(|done| done.head);
    let good = asked(&leaves, 3, 9);
    assert_eq!(decide(&good, last), Ok(head(&leaves, 9)));
    let edit = |from: &str, to: &str| WitnessRequest::parse(good.to_string().replacen(from, to, 1).as_bytes()).unwrap();
    // 404 before all, then 403: no key known, or a known one's signature wrong.
    let elsewhere = Witness::new(cosigner(1)).follow("log.example/other", vec![signer().verifier().clone()]);
    assert_eq!(elsewhere.decide(&edit("old 3", "old 99"), last, NOW), Err(Refusal::UnknownLog));
    let stranger = Signer::new(ORIGIN, SigningKey::from_bytes(&[8; 32])).unwrap();
    let unknown = Checkpoint::new(ORIGIN, 9, leaves.root(9)).sign(&[&stranger]).unwrap();
    assert_eq!(decide(&WitnessRequest::new(0, vec![], &unknown).unwrap(), last), Err(Refusal::Untrusted));
    assert_eq!(decide(&edit("\n9\n", "\n2\n"), last), Err(Refusal::Untrusted));
    // 400, then 409, then 422.
    assert_eq!(decide(&edit("old 3", "old 10"), last), Err(Refusal::Malformed));
    assert_eq!(decide(&edit("old 3", "old 4"), last), Err(Refusal::OtherSize(3)));
    assert_eq!(decide(&good, None), Err(Refusal::OtherSize(0)));
    assert_eq!(decide(&good, Some(head(&leaves, 9))), Err(Refusal::OtherSize(9)));
    assert_eq!(decide(&good, Some(Head { size: 3, root: EMPTY_ROOT })), Err(Refusal::Inconsistent));
    assert_eq!(decide(&asked(&leaves, 9, 9), Some(Head { size: 9, root: EMPTY_ROOT })), Err(Refusal::Inconsistent));
    assert_eq!(decide(&asked(&leaves, 9, 9), Some(head(&leaves, 9))), Ok(head(&leaves, 9)));
    let spare = edit("old 3\n", &format!("old 3\n{EMPTY_ROOT}\n"));
    assert_eq!(decide(&spare, last), Err(Refusal::Inconsistent));
    let proof_from_nothing = edit("old 3\n", "old 0\n");
    assert_eq!(decide(&proof_from_nothing, None), Err(Refusal::Inconsistent));
    // An empty log with a root is a 422 as well, although our own reader of checkpoints would not have it.
    let text = format!("{ORIGIN}\n0\n{}\n", leaves.root(3));
    let body = format!("old 0\n\n{}", Note::sign(&text, &[&signer()]).unwrap());
    assert_eq!(decide(&WitnessRequest::parse(body.as_bytes()).unwrap(), None), Err(Refusal::Inconsistent));
    // Without a clock nothing is cosigned.
    assert_eq!(witness.decide(&good, last, 0), Err(Refusal::Other(500)));
}

#[test]
fn what_a_witness_shows_has_only_trusted_signatures() {
    let (leaves, witness) = (Leaves::new(3), witness());
    let mut crowded = signed(head(&leaves, 3));
    let stranger = cosigner(9);
    let line = crowded.cosign(&stranger, NOW).unwrap();
    crowded.add_cosignatures(&[line], std::slice::from_ref(stranger.verifier())).unwrap();
    let request = WitnessRequest::new(0, vec![], &crowded).unwrap();
    let done = witness.decide(&request, None, NOW).unwrap();
    let names: Vec<&str> = done.checkpoint.note().signatures().iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, [ORIGIN, "witness1.example"]);
}

#[test]
fn the_place_of_a_log_is_the_hash_of_its_origin() {
    // FIPS 180-4, appendix B.1: SHA-256 of `abc`.
    assert_eq!(monitoring_path("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad/checkpoint");
}

#[test]
fn a_thousand_forged_requests_move_no_head() {
    let (leaves, witness, mut dice) = (Leaves::new(9), witness(), Dice(11));
    let good = asked(&leaves, 3, 9).to_string();
    for _ in 0..1_000 {
        let Ok(request) = WitnessRequest::parse(&dice.mutate(good.as_bytes())) else { continue };
        if let Ok(done) = witness.decide(&request, Some(head(&leaves, 3)), NOW) {
            assert_eq!(done.head, head(&leaves, 9));
        }
    }
}
