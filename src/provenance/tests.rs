//! The room as a whole: an authority made, pictures signed, and every way in which a file can be other than it claims.

use std::io::Cursor;
use std::sync::LazyLock;

use x509_cert::Certificate;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{DecodePem, Encode as _};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};

use super::encode::decode;
use super::soft_binding::{active_alone, image_of_manifest, manifest_id, manifest_store, manifests};
use super::*;
use crate::chance::{Chance, SeededChance};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::digest::{blake3_of, commitment, sha256_of};
use crate::id::{DatasetId, ImageId, ModelId, StatementId, WorkId};
use crate::likeness::Iscc;

/// Made once: an authority, its signer and a model card.
static HOUSE: LazyLock<(Pki, Signer, Vec<u8>)> = LazyLock::new(|| house(1));

// The C2PA engine compares certificates with the machine's clock, so these tests must too.
fn now() -> Timestamp {
    SystemClock.now()
}

fn house(seed: u64) -> (Pki, Signer, Vec<u8>) {
    let pki = Pki::create("colophon.example", now(), &SeededChance::new(seed)).unwrap();
    let signer = pki.signer().unwrap();
    let card = model_card(&signer, &card()).unwrap();
    (pki, signer, card)
}

fn model() -> ModelClaim {
    ModelClaim {
        id: ModelId::derived(b"mini"),
        name: "Colophon Mini".to_owned(),
        version: "0.1.0".to_owned(),
        weights_sha256: sha256_of(b"weights"),
        architecture: "retrieval-augmented rectified-flow transformer".to_owned(),
    }
}

fn software() -> Software {
    Software { name: "Colophon".to_owned(), version: "0.1.0".to_owned() }
}

fn datasets() -> Vec<DatasetCredit> {
    vec![DatasetCredit { id: DatasetId::derived(b"d"), title: "Open drawings".to_owned(), root: sha256_of(b"root"), works: 7216 }]
}

fn card() -> ModelCard {
    ModelCard {
        model: model(),
        licence: "MIT".to_owned(),
        datasets: datasets(),
        licences: vec![LicenceCount { licence: "CC-BY-4.0".to_owned(), works: 1970 }],
        training_data_documented: true,
        limits: "64×64 drawings, soft edges".to_owned(),
        made_at: now(),
        software: software(),
    }
}

/// A drawing: a disc on paper, moved and coloured by `seed`.
fn drawing(seed: u8) -> Vec<u8> {
    let mut rgb = Vec::new();
    let (cx, cy) = (12.0 + f64::from(seed % 5) * 10.0, 50.0 - f64::from(seed / 5 % 5) * 9.0);
    for y in 0..64 {
        for x in 0..64 {
            let inside = (f64::from(x) - cx).hypot(f64::from(y) - cy) < 14.0;
            let stripe = (x + y * i32::from(seed)) / 8 % 2 == 0;
            rgb.extend(match (inside, stripe) {
                (true, _) => [seed.wrapping_mul(53), 60, 200 - seed],
                (false, true) => [240, 236, 228],
                (false, false) => [200, 222, 240],
            });
        }
    }
    rgb
}

fn claim(rgb: &[u8]) -> ImageClaim {
    let works = (0..4u8).map(|i| WorkCredit {
        work: WorkId::derived(&[i]),
        title: format!("Drawing {i}"),
        author: format!("Author {i}"),
        licence: if i % 2 == 0 { "CC-BY-4.0" } else { "public-domain" }.to_owned(),
        licence_url: Some("https://creativecommons.org/licenses/by/4.0/".to_owned()),
        source: (i != 1).then(|| format!("https://works.example/{i}")),
        sha256: sha256_of(&[i]),
        influence: [400_000, 300_000, 200_000, 100_000][usize::from(i)],
    });
    ImageClaim {
        parent: None,
        edit: None,
        image: ImageId::derived(b"image"),
        title: "A red kite over the sea".to_owned(),
        made_at: Timestamp::from_millis(1_795_434_077_123),
        creator: "Ada".to_owned(),
        credit_line: "Drawn by Ada with Colophon Mini, from four works".to_owned(),
        page: Some("https://colophon.example/images/1".to_owned()),
        prompt: PromptClaim::Text("a red kite over the sea".to_owned()),
        negative: None,
        authorship: AuthorshipClaim {
            makers: vec![MakerClaim { name: "Ana".to_owned(), role: "cawg.creator".to_owned(), image: ImageId::derived(b"i") }],
            ai_share: Some(40),
        },
        model: Some(model()),
        software: software(),
        works: works.collect(),
        varies: Some(StartWork { work: WorkId::derived(&[0]), nearness: 0.0625 }),
        adapter: Some(AdapterClaim {
            id: ModelId::derived(b"adapter"),
            name: "Ada's hand".to_owned(),
            made_by: "Ada".to_owned(),
            weights_sha256: sha256_of(b"adapter"),
            datasets: datasets(),
        }),
        nearest: Some(StartWork { work: WorkId::derived(&[9]), nearness: 0.05 }),
        near: Vec::new(),
        compared: None,
        iscc: Some(Iscc::of_rgb(rgb, 64, 64).unwrap()),
        datasets: datasets(),
        decision: serde_json::json!({ "outcome": "allow-with-notice", "rules": [{ "file": "policies/a.toml", "line": 12 }] }),
        bundle_sha256: sha256_of(b"bundle"),
        replay: Replay {
            seed: u64::MAX - 5,
            steps: 14,
            style: Some("fluent".to_owned()),
            guidance: 3.5,
            start: 0.25,
            width: 64,
            height: 64,
            sampler: "euler".to_owned(),
            strength: None,
            engine: "0.1.0".to_owned(),
            folded: false,
            pixels_blake3: blake3_of(rgb),
        },
        statement_id: StatementId::derived(b"s"),
        log_origin: "colophon.example/log".to_owned(),
        mining: Mining::default(),
    }
}

fn signed(format: Format, seed: u8) -> Vec<u8> {
    let (_, signer, card) = &*HOUSE;
    let rgb = drawing(seed);
    sign_image(signer, Some(card), &claim(&rgb), format, &encode(&rgb, 64, 64, format).unwrap(), None).unwrap()
}

fn check(bytes: &[u8]) -> Verdict {
    verify(bytes, HOUSE.1.trust(), &Limits::default())
}

fn codes(verdict: &Verdict) -> Vec<&str> {
    verdict.failures().map(|s| s.code.as_str()).collect()
}

#[test]
fn signed_pictures_are_trusted_and_say_what_was_claimed() {
    for format in Format::ALL {
        let file = signed(format, 3);
        let found = check(&file);
        assert_eq!(found.finding, Finding::Trusted, "{format:?}: {} {:?}", found.sentence, codes(&found));
        assert_eq!(found.claim.as_ref().unwrap().to_image_claim().unwrap(), claim(&drawing(3)));
        assert!(found.is_ours() && found.anchor == Some(Anchor::Ours));
        assert_eq!(found.source_type.as_deref(), Some(manifest::TRAINED_ALGORITHMIC_MEDIA));
        assert_eq!(found.signer.as_ref().unwrap().common_name.as_deref(), Some("colophon.example"));
        let likeness = found.likeness.unwrap();
        assert!(likeness.resembles && likeness.hash_distance == 0);
        assert_eq!(likeness.pixels, if format.is_lossless() { Pixels::Same } else { Pixels::Unknown });
        assert!(found.warnings.is_empty(), "{:?}", found.warnings);
        assert!(found.crjson.unwrap().contains("c2pa.ai-disclosure"));
        assert_eq!(found.picture.unwrap().width, 64);
        // The picture itself is untouched.
        let shown = decode(&file, format, 1 << 24).unwrap().bytes;
        assert_eq!(shown == drawing(3), format.is_lossless());
    }
}

#[test]
fn the_soft_binding_is_bytes_and_the_manifest_is_named_after_the_image() {
    let image = ImageId::derived(b"image");
    // CBOR (RFC 8949 §3.1): the text `value`, then a string of 34 bytes.
    let value = [&b"\x65value\x58\x22\x21\x07"[..], &Iscc::of_rgb(&drawing(3), 64, 64).unwrap().bits()].concat();
    for format in Format::ALL {
        let file = signed(format, 3);
        let store = manifest_store(&file).unwrap();
        assert_eq!(store, c2pa::jumbf_io::load_jumbf_from_memory(format.mime(), &file).unwrap());
        let has = |part: &[u8]| store.windows(part.len()).any(|w| w == part);
        assert!(has(&value) && has(b"io.iscc.v0") && has(b"c2pa.soft-binding\0"), "{format:?}");
        let (name, active) = manifests(&store).pop().unwrap();
        assert_eq!((name.as_str(), image_of_manifest(&name)), (&*manifest_id(image), Some(image)));
        // The model's card is the other one.
        assert_eq!(manifests(&store).len(), 2);
        let alone = active_alone(&store).unwrap();
        assert_eq!(manifests(&alone), [(name, active)]);
        // Created here, not gathered.
        let reader = c2pa::Reader::from_shared_context(HOUSE.1.trust().context());
        let reader = reader.with_stream(format.mime(), Cursor::new(&file)).unwrap();
        let listed = reader.active_manifest().unwrap().assertions().iter().find(|a| a.label() == "c2pa.soft-binding").unwrap();
        assert!(listed.created(), "{listed:?}");
        // Read with the store apart, as whoever fetched it does.
        let bare = encode(&decode(&file, format, 1 << 24).unwrap().bytes, 64, 64, format).unwrap();
        let reader = c2pa::Reader::from_shared_context(HOUSE.1.trust().context());
        let reader = reader.with_manifest_data_and_stream(&store, format.mime(), Cursor::new(&bare)).unwrap();
        assert_eq!(reader.active_label(), Some(&*manifest_id(image)));
    }
    assert_eq!(manifest_store(&encode(&drawing(3), 64, 64, Format::Png).unwrap()), None);
}

#[test]
fn the_model_card_is_trusted_by_itself() {
    let found = check(&HOUSE.2);
    assert_eq!(found.finding, Finding::Trusted, "{}", found.sentence);
    let said = found.claim.unwrap().model_card.unwrap();
    assert_eq!((said.model, said.datasets, said.licences), (model(), datasets(), card().licences));
}

#[test]
fn certificates_have_the_official_profile() {
    let pki = &HOUSE.0;
    let parts = pki.to_parts().unwrap();
    let chain = [&parts.root_cert_pem, &parts.issuing_cert_pem, &parts.leaf_cert_pem];
    let [root, issuing, leaf] = chain.map(|pem| Certificate::from_pem(pem).unwrap());
    let days = |c: &Certificate| {
        let span = c.tbs_certificate.validity;
        (span.not_after.to_unix_duration() - span.not_before.to_unix_duration()).as_secs_f64() / 86_400.0
    };
    assert!(days(&leaf) <= 366.0 && days(&leaf) > 365.9, "{}", days(&leaf));
    assert!((1820.0..1830.0).contains(&days(&issuing)) && (3650.0..3653.0).contains(&days(&root)));
    let subject = leaf.tbs_certificate.subject.to_string();
    assert!(["C=ZZ", "O=colophon.example", "CN=colophon.example"].iter().all(|p| subject.contains(p)), "{subject}");
    // P-384 with SHA-384 for the authorities, Ed25519 (RFC 8410) for the leaf's key.
    for certificate in [&root, &issuing, &leaf] {
        assert_eq!(certificate.signature_algorithm.oid.to_string(), "1.2.840.10045.4.3.3");
        let serial = certificate.tbs_certificate.serial_number.as_bytes();
        assert!(serial.len() == 16 && serial[0] & 0x80 == 0);
    }
    assert_eq!(leaf.tbs_certificate.subject_public_key_info.algorithm.oid.to_string(), "1.3.101.112");
    let tbs = &leaf.tbs_certificate;
    let (critical, usage) = tbs.get::<KeyUsage>().unwrap().unwrap();
    assert!(critical && usage.digital_signature() && usage.non_repudiation() && !usage.key_cert_sign());
    let (_, extended) = tbs.get::<ExtendedKeyUsage>().unwrap().unwrap();
    let extended: Vec<String> = extended.0.iter().map(ToString::to_string).collect();
    assert_eq!(extended, ["1.3.6.1.4.1.62558.2.1", "1.3.6.1.5.5.7.3.4"]);
    assert!(!tbs.get::<BasicConstraints>().unwrap().unwrap().1.ca);
    assert!(tbs.get::<SubjectKeyIdentifier>().unwrap().is_some());
    let (_, authority) = tbs.get::<AuthorityKeyIdentifier>().unwrap().unwrap();
    let (_, above) = issuing.tbs_certificate.get::<SubjectKeyIdentifier>().unwrap().unwrap();
    assert_eq!(authority.key_identifier.unwrap(), above.0);
    assert_eq!(tbs.extensions.as_ref().unwrap().iter().filter(|e| e.extn_id == KeyUsage::OID).count(), 1);
    let (_, limit) = issuing.tbs_certificate.get::<BasicConstraints>().unwrap().unwrap();
    assert!(limit.ca && limit.path_len_constraint == Some(0));
}

#[test]
fn parts_round_trip_and_strangers_are_refused() {
    let (pki, ..) = &*HOUSE;
    let parts = pki.to_parts().unwrap();
    assert_eq!(Pki::from_parts(&parts).unwrap().leaf_serial(), pki.leaf_serial());
    let other = Pki::create("other.example", now(), &SeededChance::new(2)).unwrap().to_parts().unwrap();
    let swaps: [fn(&mut PkiParts, &PkiParts); 5] = [
        |p, o| p.leaf_key_pem.clone_from(&o.leaf_key_pem),
        |p, o| p.issuing_key_pem.clone_from(&o.issuing_key_pem),
        |p, o| p.root_cert_pem.clone_from(&o.root_cert_pem),
        |p, o| (p.leaf_cert_pem, p.leaf_key_pem) = (o.leaf_cert_pem.clone(), o.leaf_key_pem.clone()),
        |p, o| p.root_key_pem.clone_from(&o.root_key_pem),
    ];
    for swap in swaps {
        let mut mixed = parts.clone();
        swap(&mut mixed, &other);
        assert!(matches!(Pki::from_parts(&mixed), Err(PkiError::Mismatch { .. })));
    }
    let mut torn = parts.clone();
    torn.leaf_key_pem.truncate(40);
    assert!(matches!(Pki::from_parts(&torn), Err(PkiError::Part { part: "leaf_key_pem", .. })));
    let shown = format!("{parts:?} {pki:?} {:?}", HOUSE.1);
    let secret = parts.leaf_key_pem.lines().nth(1).unwrap();
    assert!(!shown.contains(secret) && !shown.contains("PRIVATE") && shown.len() < 400, "{shown}");
}

#[test]
fn leaves_are_renewed_under_the_same_root() {
    let chance = SeededChance::new(9);
    let mut pki = Pki::create("a.example", now().plus_days(-340), &chance).unwrap();
    assert!(!pki.needs_renewal(now().plus_days(-20)) && pki.needs_renewal(now()));
    let (root, old) = (pki.root_pem().unwrap(), pki.leaf_serial());
    pki.renew_leaf(now(), &chance).unwrap();
    assert!(pki.leaf_serial() != old && !pki.needs_renewal(now()) && pki.root_pem().unwrap() == root);
    // Four and a half years on, the issuing certificate would end before the leaf: it is made anew.
    let late = now().plus_days(1650);
    pki.renew_leaf(late, &chance).unwrap();
    assert!(pki.leaf_not_after() > late.plus_days(365));
    assert!(Pki::from_parts(&pki.to_parts().unwrap()).is_ok());
    // Without the root key the leaf ends with the issuing certificate, and after that there is none.
    let parts = PkiParts { root_key_pem: None, ..Pki::create("a.example", now(), &chance).unwrap().to_parts().unwrap() };
    let mut rootless = Pki::from_parts(&parts).unwrap();
    rootless.renew_leaf(late, &chance).unwrap();
    assert!(rootless.leaf_not_after() < late.plus_days(200));
    assert!(matches!(rootless.renew_leaf(now().plus_days(1900), &chance), Err(PkiError::IssuingEnded(_))));
    // Site names of any kind make certificates.
    for site in ["", "\0\n", "žluťoučký kůň, O=Evil, CN=\"x\"", &"x".repeat(500)] {
        let pki = Pki::create(site, now(), &chance).unwrap();
        assert!(Pki::from_parts(&pki.to_parts().unwrap()).is_ok(), "{site:?}");
    }
}

/// Decodes, changes, encodes and puts the old credentials back: what an editor that keeps metadata does.
fn with_manifest_of(donor: &[u8], format: Format, picture: &[u8]) -> Vec<u8> {
    let manifest = c2pa::jumbf_io::load_jumbf_from_memory(format.mime(), donor).unwrap();
    let mut out = Cursor::new(Vec::new());
    let mut from = Cursor::new(picture);
    c2pa::jumbf_io::save_jumbf_to_stream(format.mime(), &mut from, &mut out, &manifest).unwrap();
    out.into_inner()
}

#[test]
fn a_changed_pixel_is_an_alteration() {
    for format in Format::ALL {
        let mut rgb = drawing(3);
        rgb[64 * 32 * 3 + 90] ^= 0x40;
        let file = with_manifest_of(&signed(format, 3), format, &encode(&rgb, 64, 64, format).unwrap());
        let found = check(&file);
        assert_eq!(found.finding, Finding::Altered, "{format:?}: {} {:?}", found.sentence, codes(&found));
        assert!(codes(&found).contains(&"assertion.dataHash.mismatch"));
        assert!(found.sentence.contains("still looks like"), "{}", found.sentence);
    }
}

#[test]
fn bytes_around_the_pixels_are_told_apart() {
    // A text chunk after the header leaves every pixel as it was.
    let file = signed(Format::Png, 3);
    let end = file.len() - 12;
    let mut changed = file[..end].to_vec();
    changed.extend(b"\0\0\0\x05tEXta\0bcd\x41\xbc\x7e\x6f");
    changed.extend(&file[end..]);
    let found = check(&changed);
    assert_eq!(found.finding, Finding::Altered, "{}", found.sentence);
    assert_eq!(found.likeness.unwrap().pixels, Pixels::Same);
    assert!(found.sentence.contains("Its pixels are still"), "{}", found.sentence);
    // A changed byte in an assertion: the credentials themselves are not what was signed.
    let at = file.windows(5).position(|w| w == b"kite ").unwrap();
    let mut forged = file.clone();
    forged[at] = b'b';
    let found = check(&forged);
    assert_eq!(found.finding, Finding::Altered);
    assert!(found.sentence.contains("credentials in this file were changed"), "{}", found.sentence);
}

#[test]
fn credentials_of_another_picture_are_a_mismatch() {
    for format in Format::ALL {
        let other = encode(&drawing(11), 64, 64, format).unwrap();
        let found = check(&with_manifest_of(&signed(format, 3), format, &other));
        assert_eq!(found.finding, Finding::ManifestMismatch, "{format:?}: {} {:?}", found.sentence, found.likeness);
        // Between two signed pictures.
        let found = check(&with_manifest_of(&signed(format, 3), format, &signed(format, 11)));
        assert_eq!(found.finding, Finding::ManifestMismatch, "{format:?}: {}", found.sentence);
    }
}

#[test]
fn stripped_files_have_none() {
    for format in Format::ALL {
        let rgb = decode(&signed(format, 3), format, 1 << 24).unwrap();
        let found = check(&encode(&rgb.bytes, 64, 64, format).unwrap());
        assert_eq!(found.finding, Finding::NoManifest);
        assert!(found.claim.is_none() && found.signer.is_none() && found.crjson.is_none());
    }
}

#[test]
fn another_authority_is_valid_but_untrusted() {
    let (_, stranger, card) = house(77);
    let rgb = drawing(3);
    let encoded = encode(&rgb, 64, 64, Format::Png).unwrap();
    let file = sign_image(&stranger, Some(&card), &claim(&rgb), Format::Png, &encoded, None).unwrap();
    let found = check(&file);
    assert_eq!(found.finding, Finding::ValidUntrusted, "{}", found.sentence);
    assert!(codes(&found).iter().all(|c| *c == "signingCredential.untrusted"));
    // The same name on the certificate does not help, and its root as a further list does.
    let root = house(77).0.root_pem().unwrap();
    let trust = TrustAnchors::new(&HOUSE.0.root_pem().unwrap(), &[&root]).unwrap();
    let listed = verify(&file, &trust, &Limits::default());
    assert_eq!((listed.finding, listed.anchor, listed.is_ours()), (Finding::Trusted, Some(Anchor::List), false));
    assert!(TrustAnchors::new("-----BEGIN CERTIFICATE-----", &[]).is_err());
    // A card from another authority is not passed on as ours.
    let (_, ours, _) = &*HOUSE;
    assert!(matches!(sign_image(ours, Some(&card), &claim(&rgb), Format::Png, &encoded, None), Err(SignError::Card { .. })));
}

#[test]
fn an_ended_leaf_is_expired_and_cannot_sign() {
    let chance = SeededChance::new(5);
    let pki = Pki::create_until("brief.example", now(), now().plus_millis(3_000), &chance).unwrap();
    let signer = pki.signer().unwrap();
    let rgb = drawing(3);
    let encoded = encode(&rgb, 64, 64, Format::Png).unwrap();
    let vouching = model_card(&signer, &card()).unwrap();
    let file = sign_image(&signer, Some(&vouching), &claim(&rgb), Format::Png, &encoded, None).unwrap();
    let mut renewed = Pki::from_parts(&pki.to_parts().unwrap()).unwrap();
    renewed.renew_leaf(now(), &chance).unwrap();
    let with_old_card =
        sign_image(&renewed.signer().unwrap(), Some(&vouching), &claim(&rgb), Format::Png, &encoded, None).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(4_200));
    let found = verify(&file, signer.trust(), &Limits::default());
    assert_eq!(found.finding, Finding::Expired, "{} {:?}", found.sentence, codes(&found));
    assert!(matches!(model_card(&signer, &card()), Err(SignError::Engine { .. })));
    assert!(matches!(
        sign_image(&signer, Some(&vouching), &claim(&rgb), Format::Png, &encoded, None),
        Err(SignError::Card { .. })
    ));
    // A card of the old leaf takes the image with it: cards are made anew at every renewal.
    let late = verify(&with_old_card, signer.trust(), &Limits::default());
    assert_eq!(late.finding, Finding::Expired, "{:?}", codes(&late));
    assert!(late.sentence.contains("something it was made from"), "{}", late.sentence);
    assert!(found.sentence.contains("the signing certificate ended on"), "{}", found.sentence);
    // Ended and altered: the alteration is what counts.
    let mut changed = rgb.clone();
    changed[3000] ^= 0x40;
    let altered = with_manifest_of(&file, Format::Png, &encode(&changed, 64, 64, Format::Png).unwrap());
    assert_eq!(verify(&altered, signer.trust(), &Limits::default()).finding, Finding::Altered);
}

/// A signer whose signatures bear time stamps of an authority of `root`.
fn stamped(pki: &Pki, root: &Pki, chance: &SeededChance) -> Signer {
    let parts = root.stamper(now(), now().plus_days(30), chance).unwrap();
    let authority = Authority::from_parts(&parts, "1.3.6.1.4.1.32473.1".parse().unwrap()).unwrap();
    pki.signer().unwrap().stamped(authority.into(), std::sync::Arc::new(SystemClock), std::sync::Arc::new(SeededChance::new(77)))
}

#[test]
fn a_time_stamp_outlives_the_leaf_and_one_of_strangers_does_not() {
    let chance = SeededChance::new(6);
    let pki = Pki::create_until("brief.example", now(), now().plus_millis(5_000), &chance).unwrap();
    let signer = stamped(&pki, &pki, &chance);
    let person = pki.identity("Ada", now(), &chance).unwrap();
    let person = Person::from_parts(&person).unwrap();
    let rgb = drawing(3);
    let vouching = model_card(&signer, &card()).unwrap();
    let mut files = Vec::new();
    for format in [Format::Png, Format::Jpeg, Format::WebP] {
        let encoded = encode(&rgb, 64, 64, format).unwrap();
        files
            .push(sign_image(&signer, Some(&vouching), &claim(&rgb), format, &encoded, Some((&person, "cawg.creator"))).unwrap());
    }
    let stranger = Pki::create("stranger.example", now(), &SeededChance::new(61)).unwrap();
    let png = encode(&rgb, 64, 64, Format::Png).unwrap();
    // A stamp that is not trusted here is not signed with.
    let refused = sign_image(&stamped(&pki, &stranger, &chance), Some(&vouching), &claim(&rgb), Format::Png, &png, None);
    assert!(matches!(&refused, Err(SignError::Refused { codes, .. }) if codes.contains("no timeStamp.trusted")), "{refused:?}");
    let unstamped = sign_image(&pki.signer().unwrap(), Some(&vouching), &claim(&rgb), Format::Png, &png, None).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(10_000));
    for file in &files {
        let found = verify(file, signer.trust(), &Limits::default());
        assert_eq!(found.finding, Finding::Trusted, "{} {:?}", found.sentence, codes(&found));
        assert!(found.is_ours());
        let signed_at = found.signer.as_ref().and_then(|s| s.signed_at.clone()).expect("the stamp tells when");
        assert!(now().millis() - Timestamp::parse(&signed_at).unwrap().millis() >= 10_000, "{signed_at}");
        assert!(found.people.iter().any(|p| p.active && p.standing == Standing::Sound));
    }
    let found = verify(&unstamped, signer.trust(), &Limits::default());
    assert_eq!(found.finding, Finding::Expired, "{:?}", codes(&found));
    // Altered all the same is altered.
    let mut changed = rgb.clone();
    changed[3000] ^= 0x40;
    let altered = with_manifest_of(&files[0], Format::Png, &encode(&changed, 64, 64, Format::Png).unwrap());
    assert_eq!(verify(&altered, signer.trust(), &Limits::default()).finding, Finding::Altered);
}

#[test]
fn a_person_s_certificate_signs_no_files_in_the_registry_s_name() {
    let chance = SeededChance::new(8);
    let pki = Pki::create("colophon.example", now(), &chance).unwrap();
    let parts = pki.identity("Ada", now(), &chance).unwrap();
    let chain = Certificate::load_pem_chain(parts.chain_pem.as_bytes()).unwrap();
    let chain = chain.iter().map(|c| c.to_der().unwrap()).collect();
    let own = pki.signer().unwrap();
    let ada = Signer::new(pki::key("key_pem", &parts.key_pem).unwrap(), chain, parts.ends_at, own.trust().clone());
    let rgb = drawing(3);
    let png = encode(&rgb, 64, 64, Format::Png).unwrap();
    let vouching = model_card(&own, &card()).unwrap();
    // Under our root and unchanged, and all the same not the registry's word: what signs reads it back and hands nothing out.
    let refused = sign_image(&ada, Some(&vouching), &claim(&rgb), Format::Png, &png, None);
    assert!(matches!(refused, Err(SignError::Refused { .. } | SignError::Engine { .. })), "{refused:?}");
}

#[test]
fn a_claim_about_another_picture_is_not_signed() {
    let (_, signer, card) = &*HOUSE;
    let rgb = drawing(3);
    let sign = |claim: &ImageClaim, format, bytes: &[u8]| sign_image(signer, Some(card), claim, format, bytes, None);
    let other = encode(&drawing(4), 64, 64, Format::Png).unwrap();
    assert!(matches!(sign(&claim(&rgb), Format::Png, &other), Err(SignError::OtherPicture { what: "pixel hash" })));
    let wide = encode(&rgb, 128, 32, Format::Jpeg).unwrap();
    assert!(matches!(sign(&claim(&rgb), Format::Jpeg, &wide), Err(SignError::OtherPicture { what: "size" })));
    let png = encode(&rgb, 64, 64, Format::Png).unwrap();
    assert!(matches!(sign(&claim(&rgb), Format::WebP, &png), Err(SignError::Format { .. })));
    assert!(matches!(sign(&claim(&rgb), Format::Png, &png[..80]), Err(SignError::Outline(_))));
    // The card must be one of ours, whole, and about the model that drew: no card, one without credentials, an image, another model.
    let unsigned = encode(&drawing(9), 64, 64, Format::Png).unwrap();
    for card in [&b"no card"[..], &unsigned, &signed(Format::Png, 3)] {
        assert!(matches!(sign_image(signer, Some(card), &claim(&rgb), Format::Png, &png, None), Err(SignError::Card { .. })));
    }
    let mut other = claim(&rgb);
    other.model = Some(ModelClaim { weights_sha256: sha256_of(b"other weights"), ..model() });
    assert!(matches!(sign(&other, Format::Png, &png), Err(SignError::Card { .. })));
}

#[test]
fn hostile_and_private_words_round_trip() {
    let (_, signer, card) = &*HOUSE;
    let rgb = drawing(3);
    let nasty = "\u{202e}</script><img src=x onerror=alert(1)>\0\u{1}\"'\\\u{fffd}🦀 self#jumbf=/c2pa/x {{7*7}} \r\n";
    let mut hostile = claim(&rgb);
    for text in [&mut hostile.title, &mut hostile.creator, &mut hostile.credit_line, &mut hostile.log_origin] {
        nasty.clone_into(text);
    }
    hostile.works[0].author = nasty.repeat(20);
    hostile.works[0].title = String::new();
    hostile.works[0].source = Some("javascript:alert(1)".to_owned());
    let named = ModelClaim { version: "0.1-\u{7f}".to_owned(), name: nasty.to_owned(), ..model() };
    hostile.model = Some(named.clone());
    let strange = model_card(signer, &ModelCard { model: named, limits: nasty.to_owned(), ..tests::card() }).unwrap();
    hostile.prompt = PromptClaim::Text(nasty.repeat(200));
    hostile.negative = Some(PromptClaim::Text(String::new()));
    hostile.mining = Mining::Constrained(nasty.to_owned());
    hostile.decision = serde_json::json!({ nasty: [nasty, null, -1, 1.5, {}] });
    hostile.page = None;
    hostile.varies = None;
    let encoded = encode(&rgb, 64, 64, Format::Jpeg).unwrap();
    let file = sign_image(signer, Some(&strange), &hostile, Format::Jpeg, &encoded, None).unwrap();
    assert_eq!(check(&file).claim.unwrap().to_image_claim().unwrap(), hostile);
    // A prompt that is not told is nowhere in the file.
    let mut private = claim(&rgb);
    let key = (&SeededChance::new(8) as &dyn Chance).bytes::<32>();
    private.prompt = PromptClaim::Commitment(commitment(&key, b"my secret garden"));
    private.title = "Untitled".to_owned();
    private.works.clear();
    let file = sign_image(signer, Some(card), &private, Format::Png, &encode(&rgb, 64, 64, Format::Png).unwrap(), None).unwrap();
    assert!(!file.windows(6).any(|w| w == b"secret"));
    let found = check(&file);
    assert_eq!(found.claim.unwrap().to_image_claim().unwrap(), private);
}

#[test]
fn bombs_and_broken_files_are_refused_from_their_headers() {
    // 100 megapixels in 45 bytes: a header, nothing to inflate.
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x27\x10\0\0\x27\x10\x08\x02\0\0\0".to_vec();
    bomb.extend([0; 4]);
    bomb.extend(b"\0\0\0\0IEND\xae\x42\x60\x82");
    let found = check(&bomb);
    assert_eq!(found.finding, Finding::Unreadable);
    assert!(found.sentence.contains("100 million pixels"), "{}", found.sentence);
    let jpeg = signed(Format::Jpeg, 3);
    let found = check(&jpeg[..jpeg.len() - 200]);
    assert_eq!(found.finding, Finding::Unreadable);
    assert!(found.sentence.contains("cut short"), "{}", found.sentence);
    let small = Limits { max_bytes: 1000, ..Limits::default() };
    assert!(verify(&jpeg, HOUSE.1.trust(), &small).sentence.contains("larger than"));
    let lean = Limits { max_manifest_bytes: 2000, ..Limits::default() };
    assert_eq!(verify(&jpeg, HOUSE.1.trust(), &lean).finding, Finding::Unreadable);
    for bytes in [&b""[..], b"hello", b"\x89PNG\r\n\x1a\n", b"GIF89a\x01\x00\x01\x00"] {
        assert_eq!(check(bytes).finding, Finding::Unreadable);
    }
    assert_eq!(check(&vec![0xff; (64 << 20) + 1]).finding, Finding::Unreadable);
    // Pixels that cannot be decoded, in a file whose outline is whole.
    let mut torn = encode(&drawing(3), 64, 64, Format::Png).unwrap();
    let data = torn.windows(4).position(|w| w == b"IDAT").unwrap() + 4;
    torn[data..data + 40].fill(0xaa);
    let found = check(&with_manifest_of(&signed(Format::Png, 3), Format::Png, &torn));
    assert_eq!(found.finding, Finding::Altered, "{}", found.sentence);
    assert!(found.warnings.iter().any(|w| w.contains("could not be compared")), "{:?}", found.warnings);
}

#[test]
fn random_mutations_never_panic_and_never_change_what_is_trusted() {
    for format in Format::ALL {
        let file = signed(format, 3);
        let chance: &dyn Chance = &SeededChance::new(1000 + format as u64);
        let honest = claim(&drawing(3));
        for round in 0..100 {
            let mut bytes = file.clone();
            for _ in 0..=round % 6 {
                let [a, b, c, d, value] = chance.bytes::<5>();
                let at = u32::from_le_bytes([a, b, c, d]) as usize % bytes.len();
                match value % 16 {
                    0 => drop(bytes.drain(at..(at + usize::from(value)).min(bytes.len()))),
                    1 => bytes.splice(at..at, [value; 9]).for_each(drop),
                    _ => bytes[at] ^= value | 1,
                }
            }
            let found = check(&bytes);
            if found.is_trusted() {
                // Padding may change; what is said and shown may not.
                assert_eq!(found.claim.unwrap().to_image_claim().unwrap(), honest, "{format:?} {round}");
                assert_eq!(decode(&bytes, format, 1 << 24).unwrap().bytes, decode(&file, format, 1 << 24).unwrap().bytes);
            }
        }
    }
}
