//! Tests of `witness_policy`: the example of the specification with keys put in, each fault at its line, every subset of a quorum.

use super::super::fixtures::{ORIGIN, PUBLIC_CHECKPOINT, PUBLIC_LOG, PUBLIC_WITNESSES, cosigner, signer};
use super::super::hash::NodeHash;
use super::super::vkey::{Cosigner, Signer};
use super::*;
use ed25519_dalek::SigningKey;

/// The policy of the specification ("Example policy"): witnesses 1 to 3 are X1 to X3, 4 to 6 are Y1 to Y3.
fn example() -> String {
    let key = |n| cosigner(n).verifier().to_string();
    let mut text = format!("log {}\n\n", signer().verifier());
    for (letter, first, least) in [("X", 1, "2"), ("Y", 4, "any")] {
        for n in 0..3 {
            text += &format!("witness {letter}{} {}\n", n + 1, key(first + n));
        }
        text += &format!("group {letter}-witnesses {least} {letter}1 {letter}2 {letter}3\n\n");
    }
    text + "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
}

fn parse(text: &str) -> Result<WitnessPolicy, PolicyError> {
    WitnessPolicy::parse(text.as_bytes())
}

fn checkpoint(witnesses: &[u8]) -> SignedCheckpoint {
    let mut signed = Checkpoint::new(ORIGIN, 5, NodeHash([3; 32])).sign(&[&signer()]).unwrap();
    for n in witnesses {
        let (line, key) = (signed.cosign(&cosigner(*n), 1_790_000_000).unwrap(), cosigner(*n).verifier().clone());
        signed.add_cosignatures(&[line], &[key]).unwrap();
    }
    signed
}

#[test]
fn the_example_of_the_specification_counts_every_subset_rightly() {
    let policy = parse(&example()).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().count()), (1, 6));
    for subset in 0u8..64 {
        let by: Vec<u8> = (1..=6).filter(|n| subset >> (n - 1) & 1 == 1).collect();
        let expected = (subset & 0b111).count_ones() >= 2 && subset >> 3 != 0;
        assert_eq!(policy.is_met(&checkpoint(&by)), expected, "{by:?}");
    }
    let missing = |by: &[u8]| match policy.check(&checkpoint(by)) {
        Err(PolicyUnmet::Quorum { quorum, missing }) if quorum == "X-and-Y" => missing.join(" "),
        other => panic!("{other:?}"),
    };
    assert_eq!(missing(&[]), "X1 X2 X3 Y1 Y2 Y3");
    assert_eq!(missing(&[2, 3]), "Y1 Y2 Y3");
    assert_eq!(missing(&[2, 6]), "X1 X3");
}

#[test]
fn a_policy_prints_and_reads_back() {
    let text = example();
    let policy = parse(&text).unwrap();
    assert_eq!(policy.to_string(), text.replace("\n\n", "\n"));
    assert_eq!(parse(&policy.to_string()), Ok(policy));
    // Blanks, tabs, comments, URLs, bytes that are not UTF-8; what stands after the quorum counts too.
    let (one, two) = (cosigner(1).verifier().to_string(), cosigner(2).verifier().to_string());
    let mut odd =
        format!(" \t# a remark\n#\n\t\n  witness\tK\u{e9} {one}   https://w.example/\u{e9} \nquorum K\u{e9}\nwitness x {two}\n")
            .chars()
            .map(|c| c as u8)
            .collect::<Vec<u8>>();
    odd.extend_from_slice(b"group g 1 K\xe9 x\n");
    let policy = WitnessPolicy::parse(&odd).unwrap();
    assert_eq!(WitnessPolicy::parse(&policy.to_bytes()), Ok(policy.clone()));
    assert_eq!(policy.witnesses().next().unwrap().1.url(), None, "not UTF-8");
    assert!(policy.to_bytes().ends_with(b"group g any K\xe9 x\nquorum K\xe9\n"));
    // Bytes are not letters: a Kelvin sign is no K.
    let kelvin = format!("witness \u{212a} {one}\nquorum K\n");
    assert!(matches!(parse(&kelvin).unwrap_err().fault, PolicyFault::Undefined(_)));
    assert!(parse(&format!("witness K {one} https://w.example\nwitness \u{212a} {two}\nquorum K\n")).is_ok());
}

#[test]
fn each_fault_is_told_with_its_line() {
    let (log, w1, w2) = (signer().verifier().to_string(), cosigner(1).verifier().to_string(), cosigner(2).verifier().to_string());
    let same_key = Cosigner::new("other.name", SigningKey::from_bytes(&[1 ^ 0x80; 32])).unwrap().verifier().to_string();
    for (line, text) in [
        (1, String::new()),
        (2, "# nothing\n".to_owned()),
        (1, "quorum none".to_owned()),
        (1, "quorum none\r\n".to_owned()),
        (1, "quorum\u{b}none\n".to_owned()),
        (2, "quorum none\n# del \u{7f}\n".to_owned()),
        (2, "quorum none\nquorum none\n".to_owned()),
        (1, "quorum\n".to_owned()),
        (1, "quorum none none\n".to_owned()),
        (1, "Quorum none\n".to_owned()),
        (1, "quorum a\n".to_owned()),
        (2, format!("quorum none\nlog {log} url more\n")),
        (1, "log\n".to_owned()),
        (1, "log x\n".to_owned()),
        (1, format!("log {w1}\n")),
        (2, format!("log {log}\nlog {log} https://log.example\n")),
        (1, format!("witness a {log}\n")),
        (1, format!("witness none {w1}\n")),
        (1, format!("witness a\u{a0}b{w1}\n")),
        (2, format!("witness a {w1}\nwitness a {w2}\n")),
        (2, format!("witness a {w1}\nwitness b {same_key}\n")),
        (2, format!("witness a {w1}\ngroup a any a\n")),
        (2, format!("witness a {w1}\ngroup none any a\n")),
        (2, format!("witness a {w1}\ngroup g any\n")),
        (2, format!("witness a {w1}\ngroup g any none\n")),
        (2, format!("witness a {w1}\ngroup g any g\n")),
        (2, format!("witness a {w1}\ngroup g any b\nwitness b {w2}\n")),
        (2, format!("witness a {w1}\ngroup g all a a\n")),
        (3, format!("witness a {w1}\ngroup g any a\ngroup h any a\n")),
        (2, format!("witness a {w1}\ngroup g 0 a\n")),
        (2, format!("witness a {w1}\ngroup g 2 a\n")),
        (2, format!("witness a {w1}\ngroup g 01 a\n")),
        (2, format!("witness a {w1}\ngroup g +1 a\n")),
        (2, format!("witness a {w1}\ngroup g -1 a\n")),
        (2, format!("witness a {w1}\ngroup g 1.0 a\n")),
        (2, format!("witness a {w1}\ngroup g 18446744073709551617 a\n")),
        (2, format!("witness a {w1}\ngroup g ANY a\n")),
        (1, format!("quorum a\nwitness a {w1}\n")),
        (2, format!("quorum none\nwitness a {w1} url # no comment here\n")),
    ] {
        let error = parse(&text).expect_err(&text);
        assert_eq!(error.line, line, "{text:?}: {error}");
        assert!(error.to_string().starts_with(&format!("line {line} of the witness policy: ")));
    }
}

#[test]
fn odd_names_are_only_names() {
    let (w1, w2) = (cosigner(1).verifier().clone(), cosigner(2).verifier().clone());
    let text = format!("witness all {w1}\nwitness #x {w2}\ngroup any any all #x\ngroup 2 all any\nquorum 2\n");
    let policy = parse(&text).unwrap();
    assert_eq!(parse(&policy.to_string()).as_ref(), Ok(&policy));
    let policy = policy.with_log(signer().verifier().clone()).unwrap();
    assert!(policy.is_met(&checkpoint(&[2])) && !policy.is_met(&checkpoint(&[])));
}

#[test]
fn logs_are_named_by_their_origin_and_may_be_known_from_elsewhere() {
    let none = parse("quorum none\n").unwrap();
    assert_eq!(none.check(&checkpoint(&[])), Err(PolicyUnmet::UnknownLog(ORIGIN.to_owned())));
    assert!(none.clone().with_log(cosigner(1).verifier().clone()).is_none());
    let log = none.clone().with_log(signer().verifier().clone()).unwrap();
    assert!(log.is_met(&checkpoint(&[])));
    assert_eq!(log.clone().with_log(signer().verifier().clone()), Some(log));
    // The same key under another name does not speak for this origin.
    let other = Signer::new("log.example/other", SigningKey::from_bytes(&[7; 32])).unwrap();
    let only_other = none.with_log(other.verifier().clone()).unwrap();
    assert!(!only_other.is_met(&checkpoint(&[])));
    // Nor does a log that the policy knows, where it signs under another log's origin.
    let posing = Checkpoint::new(ORIGIN, 5, NodeHash([3; 32])).sign(&[&other]).unwrap();
    assert_eq!(only_other.check(&posing), Err(PolicyUnmet::UnknownLog(ORIGIN.to_owned())));
}

#[test]
fn a_known_witness_signing_wrongly_refuses_and_an_unknown_one_does_not_count() {
    let (w1, log) = (cosigner(1).verifier().to_string(), signer().verifier().to_string());
    let policy = parse(&format!("log {log}\nwitness a {w1}\nquorum a\n")).unwrap();
    assert!(policy.is_met(&checkpoint(&[1, 2, 3])) && !policy.is_met(&checkpoint(&[2, 3])));
    let (good, other) = (checkpoint(&[1]), Checkpoint::new(ORIGIN, 6, NodeHash([3; 32])).sign(&[&signer()]).unwrap());
    let moved = format!("{other}{}\n", good.note().signatures()[1]);
    let moved = SignedCheckpoint::parse(moved.as_bytes()).unwrap();
    assert!(matches!(policy.check(&moved), Err(PolicyUnmet::Checkpoint(_))));
    // Only the witness, without the log.
    let bare = good.to_string().replacen(&format!("{}\n", good.note().signatures()[0]), "", 1);
    let bare = SignedCheckpoint::parse(bare.as_bytes()).unwrap();
    assert!(matches!(policy.check(&bare), Err(PolicyUnmet::Checkpoint(_))));
}

#[test]
fn public_witnesses_meet_a_policy() {
    let signed = SignedCheckpoint::parse(PUBLIC_CHECKPOINT.as_bytes()).unwrap();
    let witnesses = PUBLIC_WITNESSES.iter().enumerate().map(|(i, key)| format!("witness w{i} {key}\n")).collect::<String>();
    let extra = cosigner(1).verifier().to_string();
    for (group, met) in [("4 w0 w1 w2 w3 x", true), ("any x w0", true), ("all w0 w1 w2 w3", true), ("all w0 x", false)] {
        let text = format!("log {PUBLIC_LOG}\nwitness x {extra}\n{witnesses}group g {group}\nquorum g\n");
        assert_eq!(parse(&text).unwrap().is_met(&signed), met, "{group}");
    }
}

#[test]
fn large_policies_are_read_and_larger_ones_refused() {
    let key = |n: u16| {
        let mut seed = [0; 32];
        seed[..2].copy_from_slice(&n.to_be_bytes());
        SigningKey::from_bytes(&seed)
    };
    let witness = |n| format!("witness w{n} {}\n", Cosigner::new("w", key(n)).unwrap().verifier());
    let log = |n| format!("log {}\n", Signer::new("l", key(n)).unwrap().verifier());
    let most: String = (0..512).map(witness).chain((0..512).map(log)).collect();
    assert!(parse(&format!("{most}quorum none\n")).is_ok());
    for more in [witness(512), log(512), "group g any w0\n".to_owned()] {
        assert_eq!(parse(&format!("{most}{more}quorum none\n")).unwrap_err().fault, PolicyFault::TooMuch);
    }
    assert!(parse(&"#".repeat(MAX_POLICY + 1)).is_err());
    // A chain of groups as deep as may be.
    let chain: String = (0..510).map(|n| format!("group g{} all g{n}\n", n + 1)).collect();
    let deep = parse(&format!("log {}\n{}group g0 all w1\n{chain}quorum g510\n", signer().verifier(), {
        format!("witness w1 {}\n", cosigner(1).verifier())
    }))
    .unwrap();
    assert!(deep.is_met(&checkpoint(&[1])) && !deep.is_met(&checkpoint(&[2])));
}
