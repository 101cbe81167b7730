//! The authority: what it grants, what it refuses, and what others make of it.

use std::path::Path;
use std::process::Command;

use super::super::pki::Pki;
use super::*;
use crate::chance::SeededChance;

/// Under the enterprise number for documentation, RFC 5612.
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1");
const NOW: Timestamp = Timestamp::from_millis(1_795_434_077_120);

fn authority() -> (Authority, Certificate) {
    let chance = SeededChance::new(7);
    let pki = Pki::create("colophon.example", NOW, &chance).unwrap();
    let parts = pki.stamper(NOW, NOW.plus_days(1000), &chance).unwrap();
    let root = Certificate::load_pem_chain(pki.root_pem().unwrap().as_bytes()).unwrap().remove(0);
    (Authority::from_parts(&parts, POLICY).unwrap(), root)
}

fn request(change: impl FnOnce(&mut TimeStampReq)) -> Vec<u8> {
    let mut request = TimeStampReq {
        version: Int::new(&[1]).unwrap(),
        message_imprint: MessageImprint {
            hash_algorithm: AlgorithmIdentifierOwned { oid: SHA_256, parameters: Some(Any::null()) },
            hashed_message: OctetString::new([9; 32]).unwrap(),
        },
        req_policy: None,
        nonce: Some(Int::new(&[0x7f, 2, 3, 4, 5, 6, 7, 8]).unwrap()),
        cert_req: true,
        extensions: None,
    };
    change(&mut request);
    request.to_der().unwrap()
}

/// The status and, where there is one, the failure bit of an answer.
fn outcome(answer: &[u8]) -> (u8, Option<usize>) {
    let answer = TimeStampResp::from_der(answer).unwrap();
    assert_eq!(answer.token.is_some(), answer.status.status == 0);
    (answer.status.status, answer.status.failure.map(|bits| bits.bits().position(|bit| bit).unwrap()))
}

#[test]
fn a_request_is_granted_and_its_token_holds() {
    let (authority, root) = authority();
    for (millis, text) in
        [(0, "20261123114117.12Z"), (-120, "20261123114117Z"), (3, "20261123114117.123Z"), (-20, "20261123114117.1Z")]
    {
        let now = NOW.plus_millis(millis);
        let answer = authority.answer(&request(|_| ()), now, &SeededChance::new(1));
        let token = Token::read(&answer).unwrap();
        assert_eq!(std::str::from_utf8(token.info.gen_time.value()).unwrap(), text);
        assert_eq!(token.info.nonce.as_ref().unwrap().as_bytes(), [0x7f, 2, 3, 4, 5, 6, 7, 8]);
        assert!(answer.len() < authority.answer_len());
        let facts = check_token(&answer, [9; 32], &root).unwrap();
        assert_eq!((facts.at, facts.policy.as_str(), facts.serial.len()), (now, "1.3.6.1.4.1.32473.1", 32));
        assert_eq!(facts, read_token(&TimeStampResp::from_der(&answer).unwrap().token.unwrap().to_der().unwrap()).unwrap());
    }
    let bare = authority.answer(&request(|r| r.cert_req = false), NOW, &SeededChance::new(1));
    assert_eq!(outcome(&bare), (0, None));
    assert!(check_token(&bare, [9; 32], &root).is_err(), "without certificates nothing can be checked");
    let stamp = authority.stamp([4; 32], NOW, &SeededChance::new(2)).unwrap();
    assert_eq!(check_token(&stamp, [4; 32], &root).unwrap().imprint, [4; 32]);
    assert!(check_token(&stamp, [5; 32], &root).is_err());
    assert!(check_token(&stamp, [4; 32], &authority.own).is_err());
}

#[test]
fn no_answer_is_longer_than_was_said() {
    let chance = SeededChance::new(8);
    for site in ["a", &"\u{1d53c}".repeat(99)] {
        let pki = Pki::create(site, NOW, &chance).unwrap();
        let authority = Authority::from_parts(&pki.stamper(NOW, NOW.plus_days(9), &chance).unwrap(), POLICY).unwrap();
        let longest = (0..50).map(|i| authority.stamp([i; 32], NOW.plus_millis(3), &chance).unwrap().len()).max().unwrap();
        let spare = authority.answer_len() - longest;
        assert!((200..600).contains(&spare), "{spare} bytes to spare");
    }
}

#[test]
fn every_refusal_has_its_code() {
    let (authority, _) = authority();
    let answer = |bytes: &[u8]| outcome(&authority.answer(bytes, NOW, &SeededChance::new(1)));
    let of = |change: fn(&mut TimeStampReq)| answer(&request(change));
    let sha1 = |r: &mut TimeStampReq| {
        r.message_imprint.hash_algorithm.oid = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
        r.message_imprint.hashed_message = OctetString::new([1; 20]).unwrap();
    };
    assert_eq!(of(sha1), (2, Some(0)));
    let odd = |r: &mut TimeStampReq| r.message_imprint.hash_algorithm.parameters = Some(Any::new(Tag::Integer, [1]).unwrap());
    assert_eq!(of(odd), (2, Some(0)));
    assert_eq!(of(|r| r.version = Int::new(&[2]).unwrap()), (2, Some(2)));
    assert_eq!(answer(&vec![0x30; REQUEST_BYTES + 1]), (2, Some(2)));
    assert_eq!(answer(b""), (2, Some(5)));
    assert_eq!(answer(b"\x30\x03\x02\x01\x01"), (2, Some(5)));
    assert_eq!(of(|r| r.message_imprint.hashed_message = OctetString::new([1; 31]).unwrap()), (2, Some(5)));
    assert_eq!(answer(&[request(|_| ()), vec![0]].concat()), (2, Some(5)), "nothing may follow");
    assert_eq!(of(|r| r.req_policy = Some(ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.2"))), (2, Some(15)));
    assert_eq!(of(|r| r.req_policy = Some(POLICY)), (0, None));
    let extended = |r: &mut TimeStampReq| {
        let extn_value = OctetString::new([5, 0]).unwrap();
        r.extensions = Some(vec![x509_cert::ext::Extension { extn_id: POLICY, critical: false, extn_value }]);
    };
    assert_eq!(of(extended), (2, Some(16)));
    for late in [NOW.plus_days(1001), NOW.plus_days(-1), Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX)] {
        assert_eq!(outcome(&authority.answer(&request(|_| ()), late, &SeededChance::new(1))), (2, Some(25)));
        assert!(matches!(authority.stamp([0; 32], late, &SeededChance::new(1)), Err(StampError::Refused(Refusal::System))));
    }
    for (oid, length) in HASHES {
        let bytes = request(|r| {
            r.message_imprint.hash_algorithm = AlgorithmIdentifierOwned { oid, parameters: None };
            r.message_imprint.hashed_message = OctetString::new(vec![3; length]).unwrap();
        });
        assert_eq!(answer(&bytes), (0, None));
    }
    assert_eq!(outcome(&FAILURE), (2, Some(25)));
    let refused = authority.answer(b"", NOW, &SeededChance::new(1));
    assert!(read_token(&refused).unwrap_err().to_string().contains("no time-stamp request"));
}

#[test]
fn a_certificate_that_is_not_for_time_stamps_alone_is_refused() {
    let chance = SeededChance::new(3);
    let pki = Pki::create("colophon.example", NOW, &chance).unwrap();
    let parts = pki.stamper(NOW, NOW.plus_days(10), &chance).unwrap();
    let other = pki.stamper(NOW, NOW.plus_days(10), &chance).unwrap();
    let mixed = StamperParts { key_pem: other.key_pem, ..parts.clone() };
    assert!(Authority::from_parts(&mixed, POLICY).unwrap_err().to_string().contains("another key"));
    let chain = Certificate::load_pem_chain(parts.chain_pem.as_bytes()).unwrap();
    let der: Vec<Vec<u8>> = chain.iter().map(|c| c.to_der().unwrap()).collect();
    let key: SigningKey = pki::key("key_pem", &parts.key_pem).unwrap();
    assert!(Authority::new(key.clone(), &[], POLICY).is_err());
    assert!(Authority::new(key.clone(), &[der[0].clone(), der[0].clone()], POLICY).is_err(), "not above it");
    assert!(Authority::new(key, &der, POLICY).is_ok());
    let issuing: SigningKey = pki::key("issuing_key_pem", &pki.to_parts().unwrap().issuing_key_pem).unwrap();
    assert!(Authority::new(issuing, &der[1..], POLICY).unwrap_err().to_string().contains("alone"));
    // What RFC 5280 and RFC 3161 want in it.
    let tbs = &chain[0].tbs_certificate;
    let usage = tbs.get::<x509_cert::ext::pkix::KeyUsage>().unwrap().unwrap();
    assert!(usage.0 && usage.1.0 == x509_cert::ext::pkix::KeyUsages::DigitalSignature);
    assert!(!tbs.get::<x509_cert::ext::pkix::BasicConstraints>().unwrap().unwrap().1.ca);
    assert!(tbs.get::<x509_cert::ext::pkix::AuthorityKeyIdentifier>().unwrap().is_some());
    assert!(tbs.get::<x509_cert::ext::pkix::SubjectKeyIdentifier>().unwrap().is_some());
    assert!(pki.stamper(NOW.plus_days(4000), NOW.plus_days(5000), &chance).is_err(), "the issuing certificate has ended");
}

/// Changes one to three bytes, cuts, or repeats a part.
fn mutated(bytes: &[u8], chance: &dyn Chance) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let [kind, times, ..] = chance.bytes::<4>();
    for _ in 0..=times % 3 {
        let [a, b, value] = chance.bytes::<3>();
        let at = (usize::from(a) << 8 | usize::from(b)) % bytes.len().max(1);
        match kind % 5 {
            0 => bytes.truncate(at),
            1 => bytes.splice(at..at, [value; 2]).for_each(drop),
            _ if at < bytes.len() => bytes[at] = value,
            _ => {}
        }
    }
    bytes
}

#[test]
fn no_bytes_make_it_panic() {
    let (authority, root) = authority();
    let chance = SeededChance::new(0x3161);
    let plain = request(|r| r.req_policy = Some(POLICY));
    let mut granted = 0;
    for round in 0..200_000 {
        let bytes = mutated(&plain, &chance);
        // Reading decides; signing is the same for all that are read and takes a thousand times longer.
        let read = authority.read(&bytes).is_ok();
        granted += usize::from(read);
        if round % 500 == 0 {
            assert_eq!(outcome(&authority.answer(&bytes, NOW, &chance)).0 == 0, read);
        }
    }
    assert!((1_000..150_000).contains(&granted), "{granted} were granted");
    let answer = authority.stamp([4; 32], NOW, &chance).unwrap();
    for round in 0..200_000 {
        let bytes = mutated(&answer, &chance);
        let _ = read_token(&bytes);
        if round % 500 == 0 && bytes != answer {
            let _ = check_token(&bytes, [4; 32], &root);
        }
    }
}

#[test]
fn a_changed_byte_of_a_token_is_refused_or_says_nothing_else() {
    let (authority, root) = authority();
    let answer = authority.stamp([4; 32], NOW, &SeededChance::new(5)).unwrap();
    let facts = check_token(&answer, [4; 32], &root).unwrap();
    let mut unsigned = 0;
    for at in (0..answer.len()).step_by(7).chain([answer.len() - 1]) {
        let mut bytes = answer.clone();
        bytes[at] ^= 1;
        // Nobody signs the status and the list of digests that CMS writes in front (RFC 5652 §5.1).
        if let Ok(said) = check_token(&bytes, [4; 32], &root) {
            assert_eq!(said, facts, "byte {at}");
            unsigned += 1;
        }
    }
    assert!(unsigned < 5, "{unsigned} changes went unseen");
}

fn openssl(folder: &Path, arguments: &str) -> (bool, String) {
    let run = Command::new("openssl").current_dir(folder).args(arguments.split_whitespace()).output();
    let run = run.expect("openssl is installed (Debian: apt-get install openssl)");
    (run.status.success(), String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned())
}

#[test]
fn openssl_accepts_what_is_stamped_and_nothing_else() {
    let chance = SeededChance::new(11);
    let pki = Pki::create("colophon.example", NOW, &chance).unwrap();
    let parts = pki.stamper(NOW, NOW.plus_days(1000), &chance).unwrap();
    let authority = Authority::from_parts(&parts, POLICY).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    file("root.pem", pki.root_pem().unwrap().as_bytes());
    file("chain.pem", parts.chain_pem.as_bytes());
    file("data", b"a picture");
    file("other", b"another picture");
    let attime = NOW.seconds() + 60;
    for (hash, certificates) in [("sha256", "-cert"), ("sha384", "-cert"), ("sha512", "-cert"), ("sha256", "")] {
        let (made, words) = openssl(folder.path(), &format!("ts -query -data data -{hash} {certificates} -out q"));
        assert!(made, "{words}");
        let query = std::fs::read(folder.path().join("q")).unwrap();
        let answer = authority.answer(&query, NOW, &chance);
        file("a", &answer);
        // Without certificates in the token they are given beside it.
        let beside = if certificates.is_empty() { "-untrusted chain.pem" } else { "" };
        let against = |what: &str, answer: &str| {
            openssl(folder.path(), &format!("ts -verify -attime {attime} {what} -in {answer} -CAfile root.pem {beside}"))
        };
        for what in ["-queryfile q", "-data data"] {
            let (held, words) = against(what, "a");
            assert!(held, "{hash} {what}: {words}");
        }
        let (held, words) = against("-data other", "a");
        assert!(!held && words.contains("message imprint mismatch"), "{words}");
        for at in [answer.len() - 1, answer.len() / 2, 60] {
            let mut changed = answer.clone();
            changed[at] ^= 1;
            file("c", &changed);
            assert!(!against("-queryfile q", "c").0, "byte {at}");
        }
        let (shown, words) = openssl(folder.path(), "ts -reply -in a -text");
        assert!(shown && words.contains("Nov 23 11:41:17.12 2026 GMT"), "{words}");
    }
    let (made, words) = openssl(folder.path(), "ts -query -data data -md5 -out q");
    assert!(made, "{words}");
    file("a", &authority.answer(&std::fs::read(folder.path().join("q")).unwrap(), NOW, &chance));
    let (_, words) = openssl(folder.path(), "ts -reply -in a -text");
    assert!(words.contains("unrecognized or unsupported algorithm"), "{words}");
    let (held, words) = openssl(
        folder.path(),
        &format!("verify -attime {attime} -purpose timestampsign -x509_strict -CAfile root.pem -untrusted chain.pem chain.pem"),
    );
    assert!(held, "{words}");
}
