//! Every reader of foreign bytes in this room under a million changed inputs each, and what is made at random read back.
//!
//! The seeds are files under `tests/seeds/<reader>/`, so that a byte string that once did harm can be kept by laying it there. Two
//! things are asked of each input: no panic, and if it is taken, that printing it gives the same bytes again (of a policy, which
//! drops comments, the same policy). The first five thousand taken also go through what believes them, which must not be fooled.

use ed25519_dalek::SigningKey;
use serde_json::json;

use super::checkpoint::{Checkpoint, SignedCheckpoint};
use super::fixtures::{Dice, ORIGIN, PUBLIC_LOG, PUBLIC_WITNESSES, cosigner, signer};
use super::hash::{EMPTY_ROOT, NodeHash};
use super::note::{Note, NoteSignature};
use super::receipt::Receipt;
use super::sequence::Head;
use super::statement::{Ed25519Signer, Envelope, Statement, Subject};
use super::tile::{TileLevel, TilePath, decode_bundle, decode_hashes, encode_bundle, encode_hashes};
use super::vkey::{KeyType, Verifier};
use super::witness::{Refusal, SIZE_TYPE, Witness, WitnessAnswer, WitnessRequest};
use super::witness_policy::WitnessPolicy;
use crate::digest::Digest;

/// Changed inputs for each reader.
const INPUTS: usize = 1_000_000;
/// Of those taken, how many are also verified, which takes a thousand times as long.
const VERIFIED: usize = 5_000;

/// The seeds of one reader, by their names.
fn seeds(reader: &str) -> Vec<(String, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds").join(reader);
    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let mut seeds: Vec<(String, Vec<u8>)> =
        files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{reader} has no seeds");
    seeds
}

/// Feeds `take` the seeds, of which it takes all but those named `bad-…`, and then a million that differ from all of them. `take`
/// says whether an input was taken, and fails where something taken is not as it should be; its flag asks it to verify as well.
/// Gives back how many of the million were taken: some were refused, and the caller knows whether any can be.
fn harden(reader: &str, tokens: &[&str], take: impl Fn(&[u8], bool) -> bool) -> usize {
    let seeds = seeds(reader);
    for (name, bytes) in &seeds {
        assert_eq!(take(bytes, true), !name.starts_with("bad-"), "tests/seeds/{reader}/{name}");
    }
    let seeds: Vec<Vec<u8>> = seeds.into_iter().map(|(_, bytes)| bytes).collect();
    // Each reader has its own numbers, the same in every run.
    let mut dice = Dice(reader.bytes().fold(2, |seed, b| (seed * 31 + u64::from(b)) % 1_000_003));
    let (mut inputs, mut taken) = (0, 0);
    while inputs < INPUTS {
        let input = dice.mangle(&seeds, tokens);
        if seeds.contains(&input) {
            continue;
        }
        inputs += 1;
        taken += usize::from(take(&input, taken < VERIFIED));
    }
    assert!(inputs >= 1_000_000 && taken < inputs, "{reader}: {taken} of {inputs} taken");
    taken
}

fn keys() -> Vec<Verifier> {
    let public = PUBLIC_WITNESSES.iter().chain([&PUBLIC_LOG]).map(|key| Verifier::parse(key).unwrap());
    public.chain([signer().verifier().clone(), cosigner(1).verifier().clone()]).collect()
}

/// Texts that our keys and the public ones signed in the seeds.
fn signed_texts(readers: &[&str]) -> Vec<String> {
    let notes = readers.iter().flat_map(|reader| seeds(reader)).filter_map(|(_, bytes)| Note::parse(&bytes).ok());
    notes.map(|note| note.unverified_text().to_owned()).collect()
}

const LINE: &str = "\u{2014} log.example/colophon hzT3k69r5IV239yPrZ8+qfGGjIq5Q35KEuw7LcemQjltj7wPe5RlIVuDsoYKsvpdSxb6crG7iJXn32EAeRN9/uRGxwo=\n";
const NOTE_TOKENS: [&str; 9] = ["\n", "\n\n", "\u{2014} ", "\u{2014}", " ", "+", "\u{a0}", "\r\n", LINE];

#[test]
fn signed_notes() {
    let (keys, texts) = (keys(), signed_texts(&["note", "checkpoint", "cosignature"]));
    let taken = harden("note", &NOTE_TOKENS, |bytes, deep| {
        let Ok(note) = Note::parse(bytes) else { return false };
        assert_eq!(note.to_string().as_bytes(), bytes);
        assert!(!deep || note.open(&keys).is_err() || texts.iter().any(|text| text == note.unverified_text()));
        true
    });
    assert!(taken > 0);
}

#[test]
fn notes_with_cosignatures() {
    let (keys, texts) = (keys(), signed_texts(&["cosignature", "checkpoint"]));
    let taken = harden("cosignature", &NOTE_TOKENS, |bytes, deep| {
        let Ok(note) = Note::parse(bytes) else { return false };
        assert_eq!(note.to_string().as_bytes(), bytes);
        for line in note.signatures() {
            assert_eq!(NoteSignature::parse(&line.to_string()).as_ref(), Ok(line));
        }
        if deep {
            let known = texts.iter().any(|text| text == note.unverified_text());
            assert!(known || (note.open(&keys).is_err() && note.cosignatures(&keys).is_empty()));
            let mut bare = note.clone();
            let _ = bare.add_signatures(note.signatures(), &keys);
            assert!(Note::parse(bare.to_string().as_bytes()).is_ok());
        }
        true
    });
    assert!(taken > 0);
}

#[test]
fn checkpoints() {
    let (keys, texts) = (keys(), signed_texts(&["checkpoint", "cosignature"]));
    let taken =
        harden("checkpoint", &["0", "\n", "\n\n", "-", "18446744073709551616", "extension\n", " ", LINE], |bytes, deep| {
            let Ok(signed) = SignedCheckpoint::parse(bytes) else { return false };
            assert_eq!(signed.to_string().as_bytes(), bytes);
            let text = signed.unverified().text();
            assert_eq!(text, signed.note().unverified_text());
            assert!(!deep || signed.open(&signed.unverified().origin, &keys).is_err() || texts.contains(&text));
            true
        });
    assert!(taken > 0);
}

#[test]
fn verifier_keys() {
    let taken = harden("vkey", &["+", "=", "\u{a0}", " ", "\n", "AQ", "BA", "00000000"], |bytes, _| {
        let Some(key) = std::str::from_utf8(bytes).ok().and_then(|text| Verifier::parse(text).ok()) else { return false };
        assert_eq!(key.to_string().as_bytes(), bytes);
        true
    });
    assert_eq!(taken, 0, "the short id binds name, type and key: this would be a collision of 32 bits");
}

#[test]
fn tile_paths() {
    let taken = harden("tile-path", &["tile/", "entries/", "x", "000", "x000/", "/", ".p/", "256", "63/", "64/"], |bytes, _| {
        let Some(path) = std::str::from_utf8(bytes).ok().and_then(|text| TilePath::parse(text).ok()) else { return false };
        assert_eq!(path.to_string().as_bytes(), bytes);
        assert!((1..=256).contains(&path.width) && !matches!(path.level, TileLevel::Hashes(64..)));
        true
    });
    assert!(taken > 0);
}

#[test]
fn hash_tiles() {
    let taken = harden("hash-tile", &["\0", "\u{7f}", "0123456789abcdef0123456789abcdef"], |bytes, _| {
        let width = (bytes.len() / 32) as u16;
        assert!(decode_hashes(bytes, width + 1).is_err());
        let Ok(hashes) = decode_hashes(bytes, width) else { return false };
        assert_eq!((hashes.len(), encode_hashes(&hashes).as_slice()), (usize::from(width), bytes));
        true
    });
    assert!(taken > 0);
}

#[test]
fn entry_bundles() {
    let taken = harden("entry-bundle", &["\0\0", "\0", "\0\u{1}a", "\u{7f}\u{7f}"], |bytes, _| {
        let mut taken = false;
        for width in 0..5 {
            let Ok(entries) = decode_bundle(bytes, width) else { continue };
            assert_eq!((entries.len(), encode_bundle(&entries).unwrap().as_slice()), (usize::from(width), bytes));
            assert!(!taken, "bytes are a bundle of one width only");
            taken = true;
        }
        taken
    });
    assert!(taken > 0);
}

#[test]
fn receipts() {
    let tokens =
        ["extra ", "extra \n", "extra QQ==\n", "index ", "index 0\n", "\n", "\n\n", "0", "c2sp.org/tlog-proof@v1\n", LINE];
    let known: Vec<Receipt> = seeds("receipt").iter().map(|(_, bytes)| Receipt::parse(bytes).unwrap()).collect();
    let log = signer();
    let policy = format!("log {}\nwitness w {}\nquorum none\n", log.verifier(), cosigner(1).verifier());
    let policy = WitnessPolicy::parse(policy.as_bytes()).unwrap();
    let taken = harden("receipt", &tokens, |bytes, deep| {
        let Ok(receipt) = Receipt::parse(bytes) else { return false };
        assert_eq!(receipt.to_string().as_bytes(), bytes);
        let entry = super::fixtures::entry(receipt.index as usize);
        if deep && receipt.verify(&entry, log.verifier(), ORIGIN).or(receipt.verify_with_policy(&entry, &policy)).is_ok() {
            assert!(known.iter().any(|seed| (seed.index, &seed.proof) == (receipt.index, &receipt.proof)));
        }
        true
    });
    assert!(taken > 0);
}

#[test]
fn envelopes_and_statements() {
    let key = Ed25519Signer::new(SigningKey::from_bytes(&[1; 32])).verifying_key();
    let said: Vec<Statement> =
        seeds("statement").iter().map(|(_, bytes)| Envelope::parse(bytes).unwrap().statement().unwrap()).collect();
    let tokens = ["\"", ",", "{}", "[]", "null", "\"sig\":\"\"", "\\u0041", " ", "==", "{\"payload\":\"\""];
    let taken = harden("statement", &tokens, |bytes, deep| {
        let Ok(envelope) = Envelope::parse(bytes) else { return false };
        assert_eq!(envelope.to_bytes().unwrap(), bytes);
        if let Ok(statement) = envelope.statement() {
            assert_eq!(statement.to_payload().unwrap(), envelope.payload());
        }
        assert!(
            !deep || envelope.verify(&key).is_ok_and(|statement| said.contains(&statement)) || envelope.verify(&key).is_err()
        );
        true
    });
    assert!(taken > 0);
}

#[test]
fn statements_in_the_open() {
    let tokens = ["\"", ",", "{}", "[]", "null", "1.0", "1e2", "9007199254740993", "\\u00e8", " ", "-0", "\"a\":1,"];
    let taken = harden("payload", &tokens, |bytes, _| {
        let Ok(statement) = Statement::parse(bytes) else { return false };
        assert_eq!(statement.to_payload().unwrap(), bytes);
        true
    });
    assert!(taken > 0);
}

#[test]
fn witness_requests() {
    let witness = Witness::new(cosigner(1)).follow(ORIGIN, vec![signer().verifier().clone()]);
    let heads: Vec<Head> = seeds("witness-request")
        .iter()
        .filter_map(|(_, bytes)| bytes.windows(2).position(|pair| pair == b"\n\n").map(|at| &bytes[at + 2..]))
        .map(|note| SignedCheckpoint::parse(note).unwrap().unverified().clone())
        .map(|checkpoint| Head { size: checkpoint.size, root: checkpoint.root })
        .collect();
    let hash = format!("{EMPTY_ROOT}\n");
    let taken = harden("witness-request", &["old ", "old 0\n", "\n", "\n\n", "0", &hash, LINE], |bytes, deep| {
        let Ok(request) = WitnessRequest::parse(bytes) else { return false };
        assert_eq!(request.to_string().as_bytes(), bytes);
        if deep && let Ok(done) = witness.decide(&request, None, 1_790_000_000) {
            assert!(heads.contains(&done.head));
        }
        true
    });
    assert!(taken > 0);
}

#[test]
fn witness_answers() {
    let refusals = [400, 403, 404, 422, 500].map(|status| WitnessAnswer::read(status, None, b"any words").unwrap());
    assert!(refusals.iter().all(|answer| matches!(answer, WitnessAnswer::Refused(_))));
    let taken = harden("witness-answer", &["\u{2014} ", "\n", "0", "7\n", " ", LINE], |bytes, _| {
        let (lines, size) = (WitnessAnswer::read(200, None, bytes), WitnessAnswer::read(409, Some(SIZE_TYPE), bytes));
        assert!(lines.is_err() || size.is_err(), "nothing is both");
        let Ok(answer) = lines.or(size) else { return false };
        assert_eq!(answer.body().as_bytes(), bytes);
        assert!(matches!(answer, WitnessAnswer::Cosigned(_) | WitnessAnswer::Refused(Refusal::OtherSize(_))));
        true
    });
    assert!(taken > 0);
}

#[test]
fn witness_policies() {
    let tokens =
        ["quorum ", "quorum none\n", "group ", "witness ", "log ", " any ", " all ", " 2 ", "none", "#", "\t", "\r", "\n"];
    let taken = harden("witness-policy", &tokens, |bytes, _| {
        let Ok(policy) = WitnessPolicy::parse(bytes) else { return false };
        let printed = policy.to_bytes();
        let read = WitnessPolicy::parse(&printed);
        assert_eq!(read.as_ref(), Ok(&policy));
        assert_eq!(read.map(|policy| policy.to_bytes()), Ok(printed));
        true
    });
    assert!(taken > 0);
}

/// A word of letters that may stand in a name.
fn word(dice: &mut Dice) -> String {
    (0..=dice.below(12)).map(|_| ['a', 'Z', '0', '/', '.', '-', 'é', '=', '\u{10ffff}'][dice.below(9)]).collect()
}

fn hash(dice: &mut Dice) -> NodeHash {
    NodeHash(std::array::from_fn(|_| dice.next() as u8))
}

/// A checkpoint with up to three cosignatures.
fn signed_checkpoint(dice: &mut Dice) -> SignedCheckpoint {
    let mut checkpoint = Checkpoint::new(&word(dice), dice.next() >> dice.below(64), hash(dice));
    if checkpoint.size == 0 {
        checkpoint.root = EMPTY_ROOT;
    }
    checkpoint.extensions = (0..dice.below(3)).map(|_| word(dice)).collect();
    let mut signed = checkpoint.sign(&[&signer()]).unwrap();
    for n in 0..dice.below(4) as u8 {
        let line = signed.cosign(&cosigner(n), 1 + dice.below(1 << 40) as u64).unwrap();
        signed.add_cosignatures(&[line], &[cosigner(n).verifier().clone()]).unwrap();
    }
    signed
}

#[test]
fn what_is_made_at_random_reads_back_as_itself() {
    let mut dice = Dice(1);
    for _ in 0..300 {
        let signed = signed_checkpoint(&mut dice);
        assert_eq!(SignedCheckpoint::parse(signed.to_string().as_bytes()).as_ref(), Ok(&signed));
        assert_eq!(Note::parse(signed.to_string().as_bytes()).as_ref(), Ok(signed.note()));
        let seed = std::array::from_fn(|_| dice.next() as u8);
        let kind = if dice.below(2) == 0 { KeyType::Ed25519 } else { KeyType::Cosignature };
        let key = Verifier::of_type(kind, &word(&mut dice), SigningKey::from_bytes(&seed).verifying_key()).unwrap();
        assert_eq!(Verifier::parse(&key.to_string()), Ok(key));
        let proof: Vec<NodeHash> = (0..dice.below(64)).map(|_| hash(&mut dice)).collect();
        let size = signed.unverified().size;
        if size > 1 {
            let request = WitnessRequest::new(1 + dice.next() % (size - 1), proof.clone(), &signed).unwrap();
            assert_eq!(WitnessRequest::parse(request.to_string().as_bytes()), Ok(request));
        }
        let mut receipt = Receipt::new(dice.next() >> dice.below(64), proof.clone(), signed.clone());
        receipt.extra = Some(dice.noise()).filter(|noise| !noise.is_empty());
        assert_eq!(Receipt::parse(receipt.to_string().as_bytes()), Ok(receipt));
        let answer = WitnessAnswer::Cosigned(signed.note().signatures().to_vec());
        assert_eq!(WitnessAnswer::read(200, None, answer.body().as_bytes()), Ok(answer));
        assert_eq!(decode_hashes(&encode_hashes(&proof), proof.len() as u16), Ok(proof));
        let entries: Vec<Vec<u8>> = (0..dice.below(5)).map(|_| dice.noise()).collect();
        assert_eq!(decode_bundle(&encode_bundle(&entries).unwrap(), entries.len() as u16).unwrap(), entries);
        let subject = Subject::new(word(&mut dice), Digest::of(&dice.noise()));
        let predicate = json!({word(&mut dice): dice.below(1 << 50), word(&mut dice): [word(&mut dice), 0.5, null, true]});
        let statement = Statement::new("work-registered", vec![subject], predicate);
        let envelope = statement.sign(&Ed25519Signer::new(SigningKey::from_bytes(&seed))).unwrap();
        let read = Envelope::parse(&envelope.to_bytes().unwrap());
        assert_eq!((read.as_ref().map(Envelope::statement), &read), (Ok(Ok(statement)), &Ok(envelope)));
    }
}

#[test]
fn policies_made_at_random_read_back_as_themselves() {
    let mut dice = Dice(2);
    for _ in 0..300 {
        let (mut text, mut free) = (String::new(), Vec::new());
        for n in 0..1 + dice.below(5) as u8 {
            text += &format!("witness w{n} {} {}\n", cosigner(n).verifier(), word(&mut dice));
            free.push(format!("w{n}"));
        }
        for n in 0..dice.below(3) {
            let members: Vec<String> = (0..1 + dice.below(free.len())).filter_map(|_| free.pop()).collect();
            text += &format!("\t group g{n} {}  {} \n# a remark\n", 1 + dice.below(members.len()), members.join("\t"));
            free.push(format!("g{n}"));
        }
        text += &format!("quorum {}\n", free[dice.below(free.len())]);
        let policy = WitnessPolicy::parse(text.as_bytes()).unwrap().with_log(signer().verifier().clone()).unwrap();
        assert_eq!(WitnessPolicy::parse(&policy.to_bytes()).as_ref(), Ok(&policy));
        let signed = signed_checkpoint(&mut dice);
        assert_eq!(policy.is_met(&signed), policy.check(&signed).is_ok());
    }
}
