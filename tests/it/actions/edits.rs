//! Edits: pictures made from pictures. What stays, what is recorded, what may not be made, and that each is made again the same.

use colophon::accounts::{Actor, Role as AccountRole};
use colophon::actions::agree::{Proposing, check_signatures, propose, refuse, sign};
use colophon::actions::find_damage::find_damage;
use colophon::actions::hand_in::{HandIn, hand_in};
use colophon::actions::learn_preferences::learn_preferences;
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::rebuild::rebuild;
use colophon::actions::request_image::{Order, cancel, request_image, request_images};
use colophon::actions::revoke_grant::revoke_grant;
use colophon::actions::sign_in::local_operator;
use colophon::actions::{Error, Instance};
use colophon::chance::SeededChance;
use colophon::generation::edit::{Edit, Role};
use colophon::id::{ImageId, InputId, ParentId};
use colophon::jobs::replay::replay;
use colophon::lineage::{Agreement, Author};
use colophon::policy::Use;
use colophon::provenance::claim::Drawn;
use colophon::provenance::encode::{decode, decode_transparent};
use colophon::provenance::{Finding, Format, Pki, Standing, encode, verify};
use colophon::storage;
use colophon::storage::agreements::Standing as Proposed;
use colophon::storage::images::Image;
use colophon::storage::inputs::Input;

use crate::support::database::{Kind, same};
use crate::support::{TestInstance, both, creator, draw_order, engine, order};

both! {
    three_generations_of_parents_stand_in_the_file,
    a_picture_handed_in_is_edited_and_told_by_its_commitment_alone,
    several_pictures_are_asked_for_together,
    what_may_not_be_edited_is_refused_with_the_field,
    edits_without_a_model_are_recorded_and_made_again,
    damage_is_found_and_mended_and_both_are_kept,
    two_authors_sign_their_generations_and_their_agreement,
    a_revoked_work_stops_what_is_made_from_its_pictures,
}

async fn recorded(t: &Instance, id: ImageId) -> Image {
    storage::images::find(&mut t.store.read().await.unwrap(), id).await.unwrap().unwrap().image
}

/// A picture of one colour with a square in it, as a file.
fn picture(side: u32, format: Format) -> Vec<u8> {
    let inside = |at: u32| (at % side) * 3 / side == 1 && (at / side) * 3 / side == 1;
    let rgb: Vec<u8> = (0..side * side).flat_map(|at| if inside(at) { [200, 30, 30] } else { [90, 140, 90] }).collect();
    encode(&rgb, side, side, format).unwrap()
}

/// White in a square, black elsewhere.
fn mask(side: u32) -> Vec<u8> {
    let inside = |at: u32| (at % side) * 3 / side == 1 && (at / side) * 3 / side == 1;
    let rgb: Vec<u8> = (0..side * side).flat_map(|at| if inside(at) { [255; 3] } else { [0; 3] }).collect();
    encode(&rgb, side, side, Format::Png).unwrap()
}

async fn give(t: &Instance, actor: &Actor, role: Role, bytes: Vec<u8>) -> Input {
    hand_in(t, actor, HandIn { role, name: "mine.png".into(), rights: "own".into(), bytes }).await.unwrap()
}

fn edit(words: &str, seed: u64, edit: Edit, parent: ParentId) -> Order {
    Order { edit: Some(edit), parent: Some(parent), ..order(words, seed) }
}

fn pixels(file: &[u8]) -> Vec<u8> {
    decode(file, Format::sniff(file).unwrap(), 1 << 26).unwrap().bytes
}

async fn three_generations_of_parents_stand_in_the_file(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    let sketch = give(&t, &actor, Role::Sketch, picture(256, Format::Jpeg)).await;
    let drawn = Order { edit: Some(Edit::Sketch), sketch: Some(sketch.id), ..order("a red apple", 1) };
    let first = draw_order(&t, &actor, drawn).await.unwrap();
    let varied = edit("", 2, Edit::Variation { strength: 0.5 }, ParentId::Image(first.image));
    let second = draw_order(&t, &actor, varied).await.unwrap();
    let covered = give(&t, &actor, Role::Mask, mask(128)).await;
    let painted = edit("a green leaf", 3, Edit::Inpaint { strength: 1.0 }, ParentId::Image(second.image));
    let third = draw_order(&t, &actor, Order { mask: Some(covered.id), ..painted }).await.unwrap();
    let grown = Edit::Outpaint { left: 0, top: 0, right: 32, bottom: 16 };
    let fourth = draw_order(&t, &actor, edit("", 4, grown, ParentId::Image(third.image))).await.unwrap();

    // Outside the mask nothing changed, byte for byte; inside something did.
    let (before, after) = (pixels(&second.file), pixels(&third.file));
    let inside = |at: usize| (at % 128) * 3 / 128 == 1 && (at / 128) * 3 / 128 == 1;
    let changed = |covered: bool| {
        (0..128 * 128).filter(|at| inside(*at) == covered && before[at * 3..][..3] != after[at * 3..][..3]).count()
    };
    assert!(changed(false) == 0 && changed(true) > 500, "{} and {}", changed(false), changed(true));

    let image = recorded(&t, fourth.image).await;
    assert_eq!((image.width, image.height, image.parent), (160, 144, Some(third.image)));
    assert!(image.works.iter().any(|w| w.generation == 0) && image.works.iter().any(|w| w.generation > 0));
    let ids: Vec<_> = image.works.iter().map(|w| w.work).collect();
    for work in recorded(&t, first.image).await.works {
        assert!(ids.contains(&work.work), "{} of the first picture is still owed credit", work.work);
    }

    // The file brings its whole chain: opened, edited, and the parents' credentials within.
    let signer = t.keys.image_signer();
    let verdict = verify(&fourth.file, signer.trust(), &colophon::provenance::Limits::default());
    assert_eq!(verdict.finding, Finding::Trusted, "{:?}", verdict.codes);
    let said = verdict.crjson.unwrap_or_default().to_string();
    for part in ["c2pa.opened", "c2pa.edited", "parentOf", "compositeWithTrainedAlgorithmicMedia", "colophon.edit"] {
        assert!(said.contains(part), "{part} is missing");
    }
    for id in [first.image, second.image, third.image, fourth.image] {
        assert!(said.contains(&id.to_string()), "{id} is not in the chain");
    }
    let claim = verify(&third.file, signer.trust(), &colophon::provenance::Limits::default()).claim.unwrap().edit.unwrap();
    let around = verify(&fourth.file, signer.trust(), &colophon::provenance::Limits::default()).claim.unwrap().edit.unwrap();
    assert_eq!(around.drawn, Drawn::Around { kept: [0, 0, 126, 126] }, "all but the seam of two pixels");
    assert_eq!(claim.parent, Some(second.image));
    let line = verify(&third.file, signer.trust(), &colophon::provenance::Limits::default()).claim.unwrap().licences.unwrap();
    assert!(line.credit_line.contains(&format!("It was made from {}", second.image)), "{}", line.credit_line);
    let Drawn::Part { pixels, within } = claim.drawn else { panic!("{:?}", claim.drawn) };
    assert_eq!((pixels, within), (43 * 43, [43, 43, 43, 43]));
    assert_eq!(
        claim.inputs.iter().map(|i| (i.role.as_str(), i.sha256)).collect::<Vec<_>>(),
        [("mask", Some(covered.digest.sha256))]
    );

    // Each is drawn again from its record, with the same influence of its works.
    let engine = engine(&t);
    for delivered in [&first, &second, &third, &fourth] {
        let again = replay(&t, &engine, delivered.image, true).await.unwrap();
        assert!(again.same(), "{again:?}");
    }
    engine.shutdown();

    let before = t.public_tables().await;
    publish_checkpoint(&t).await.unwrap();
    rebuild(&t).await.unwrap();
    same(&before, &t.public_tables().await);
    t.finish().await;
}

async fn edits_without_a_model_are_recorded_and_made_again(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    let (engine, signer) = (engine(&t), t.keys.image_signer());
    let drawn = draw_order(&t, &actor, order("a red apple", 1)).await.unwrap();
    let photo = give(&t, &actor, Role::Parent, picture(96, Format::Png)).await;
    let read = |text: &str| serde_json::from_str::<Edit>(text).unwrap();
    let cases = [
        (
            r#"{"kind":"adjust","brightness":0.3}"#,
            ParentId::Image(drawn.image),
            &["c2pa.adjustedColor", "trainedAlgorithmicMedia"][..],
        ),
        (r#"{"kind":"resize","width":200,"height":200}"#, ParentId::Image(drawn.image), &["c2pa.resized.proportional"]),
        (r#"{"kind":"resize","width":90,"height":40,"fit":"crop"}"#, ParentId::Input(photo.id), &["c2pa.cropped", "humanEdits"]),
        (r#"{"kind":"cutout"}"#, ParentId::Input(photo.id), &["c2pa.deleted", "algorithmicallyEnhanced"]),
        (r#"{"kind":"upscale","factor":2}"#, ParentId::Input(photo.id), &["c2pa.enhanced", "c2pa.resized.proportional"]),
        (r#"{"kind":"recolour","palette":[[20,60,200],[250,200,30]]}"#, ParentId::Input(photo.id), &["c2pa.adjustedColor"]),
        (r#"{"kind":"levels"}"#, ParentId::Input(photo.id), &["c2pa.adjustedColor", "algorithmicallyEnhanced"]),
        (r#"{"kind":"relight","strength":0.4}"#, ParentId::Input(photo.id), &["c2pa.adjustedColor"]),
        (r#"{"kind":"tone","gamma":1.3}"#, ParentId::Input(photo.id), &["c2pa.adjustedColor", "humanEdits"]),
    ];
    for (text, parent, parts) in cases {
        let asked = Order { edit: Some(read(text)), parent: Some(parent), ..Order::default() };
        let made = draw_order(&t, &actor, asked).await.unwrap_or_else(|e| panic!("{text}: {e:?}"));
        let verdict = verify(&made.file, signer.trust(), &colophon::provenance::Limits::default());
        assert_eq!(verdict.finding, Finding::Trusted, "{text}: {:?}", verdict.codes);
        let said = verdict.crjson.clone().unwrap_or_default();
        parts.iter().for_each(|part| assert!(said.contains(part), "{text}: {part} is missing"));
        let claim = verdict.claim.unwrap();
        assert_eq!(claim.image.unwrap().model, None);
        assert!(claim.licences.unwrap().credit_line.contains("without a model"));
        assert_eq!(claim.edit.unwrap().drawn, Drawn::None);
        let image = recorded(&t, made.image).await;
        assert_eq!((image.model, serde_json::from_value::<Edit>(image.edit.unwrap()).unwrap()), (None, read(text)), "{text}");
        // The works of the parent are owed credit still.
        assert_eq!(image.works.is_empty(), matches!(parent, ParentId::Input(_)));
        assert!(image.works.iter().all(|work| work.generation == 1));
        assert!(replay(&t, &engine, made.image, true).await.unwrap().same(), "{text}");
    }
    // What a cutout took away is transparent, and told from the whole by its pixels' hash.
    let cutout = Order { edit: Some(read(r#"{"kind":"cutout"}"#)), parent: Some(ParentId::Input(photo.id)), ..Order::default() };
    let cut = draw_order(&t, &actor, cutout.clone()).await.unwrap();
    let (_, alpha) = decode_transparent(&cut.file, Format::Png, 1 << 26).unwrap();
    let alpha = alpha.unwrap();
    assert_eq!((alpha[0], alpha[48 * 96 + 48]), (0, 255));
    // What has no use is refused by its name.
    let jpeg = Order { format: "jpeg".into(), ..cutout.clone() };
    for (asked, field) in [
        (Order { prompt: "a cat".into(), ..cutout.clone() }, "prompt"),
        (Order { seed: Some(1), ..cutout.clone() }, "seed"),
        (Order { mask: Some(photo.id), ..cutout.clone() }, "mask"),
        (jpeg, "format"),
        (Order { edit: Some(read(r#"{"kind":"relight","azimuth":400}"#)), ..cutout.clone() }, "edit"),
        (Order { edit: Some(read(r#"{"kind":"resize","width":5000,"height":5}"#)), ..cutout.clone() }, "edit"),
        (Order { edit: Some(Edit::Restore), ..cutout.clone() }, "mask"),
    ] {
        let Err(Error::Invalid(said)) = request_image(&t, &actor, asked, None).await else { panic!("{field} was taken") };
        assert!(said.iter().any(|f| f.0 == field), "{field}: {said:?}");
    }
    // What can't be done fails with its reason, and the next one is made.
    let flat = encode(&[90; 40 * 40 * 3], 40, 40, Format::Png).unwrap();
    let even = give(&t, &actor, Role::Parent, flat).await;
    assert!(draw_order(&t, &actor, Order { parent: Some(ParentId::Input(even.id)), ..cutout.clone() }).await.is_err());
    assert!(draw_order(&t, &actor, cutout).await.is_ok());
    engine.shutdown();
    let before = t.public_tables().await;
    publish_checkpoint(&t).await.unwrap();
    rebuild(&t).await.unwrap();
    same(&before, &t.public_tables().await);
    let learnt = learn_preferences(&t, &actor).await.unwrap().unwrap();
    assert!(learnt.1 > 5 && learnt.0.palette.len() > 1);
    t.finish().await;
}

/// The picture with a light scratch across it.
fn scratched(side: u32) -> Vec<u8> {
    let mut rgb = pixels(&picture(side, Format::Png));
    for x in 10..side - 10 {
        for dy in 0..3 {
            rgb[(((side / 2 + dy) * side + x) * 3) as usize..][..3].fill(250);
        }
    }
    encode(&rgb, side, side, Format::Png).unwrap()
}

async fn two_authors_sign_their_generations_and_their_agreement(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (ana, ben) = (creator(&t).await, t.actor("Ben", &[AccountRole::Creator]).await);
    let author = |name: &str, share: u8, role: &str| Author { name: name.into(), share, role: role.into(), did: "drew".into() };
    let shares = |ai_share: u8| Proposing {
        ai_share,
        authors: vec![author("Ana", 50, "creator"), author("Ben", 50 - ai_share, "editor")],
    };
    let read = |text: &str| serde_json::from_str::<Edit>(text).unwrap();
    let change =
        |text: &str, parent: ImageId| Order { edit: Some(read(text)), parent: Some(ParentId::Image(parent)), ..Order::default() };

    let words = Order { private: true, ai_share: Some(60), ..order("a red apple", 1) };
    let first = draw_order(&t, &ana, words).await.unwrap();
    let warmer = change(r#"{"kind":"adjust","warmth":0.3}"#, first.image);
    let refused = request_image(&t, &ben, warmer.clone(), None).await.unwrap_err();
    assert!(refused.to_string().contains("propose you as an author"), "{refused}");
    let proposal = propose(&t, &ana, first.image, shares(10)).await.unwrap().agreement;
    let second = draw_order(&t, &ben, warmer).await.unwrap();
    // What Ana keeps to herself is not Ben's to read, nor to draw from.
    let kept = storage::images::find_prompt(&mut t.store.read().await.unwrap(), second.image).await.unwrap().unwrap();
    assert!(kept.prompt.is_empty() && !kept.public);
    propose(&t, &ben, second.image, shares(20)).await.unwrap();
    let varied = Order { prompt: "a green apple".into(), ..change(r#"{"kind":"variation"}"#, second.image) };
    let third = draw_order(&t, &ana, varied).await.unwrap();
    let fourth = draw_order(&t, &ana, change(r#"{"kind":"resize","width":100,"height":60}"#, third.image)).await.unwrap();

    // Each generation is signed by who made it; the last file holds all four.
    let signer = t.keys.image_signer();
    let limits = colophon::provenance::Limits::default();
    let verdict = verify(&fourth.file, signer.trust(), &limits);
    assert!(verdict.is_ours(), "{}", verdict.sentence);
    let mut people: Vec<_> = verdict.people.iter().map(|p| (p.active, p.name.as_str(), p.roles.join(","), p.standing)).collect();
    assert!(people[0].0, "of this picture first");
    people.sort_by_key(|(active, name, roles, _)| (!active, *name, roles.clone()));
    let sound = |active: bool, name: &'static str, role: &str| (active, name, role.to_owned(), Standing::Sound);
    assert_eq!(
        people,
        [
            sound(true, "Ana", "cawg.editor"),
            sound(false, "Ana", "cawg.creator"),
            sound(false, "Ana", "cawg.editor"),
            sound(false, "Ben", "cawg.editor"),
        ]
    );
    let claim = verdict.claim.unwrap().authorship.unwrap();
    assert_eq!(claim.makers.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["Ana", "Ben", "Ana", "Ana"]);
    let said = verify(&first.file, signer.trust(), &limits).claim.unwrap().authorship.unwrap();
    assert_eq!((said.ai_share, said.makers.len()), (Some(60), 1));
    // Another registry's readers see the same signatures, and do not know who vouches.
    let stranger = Pki::create("other.example", t.now(), &SeededChance::new(2)).unwrap().signer().unwrap();
    let seen = verify(&fourth.file, stranger.trust(), &limits);
    assert!(seen.people.iter().all(|p| p.standing == Standing::Unknown), "{:?}", seen.people);

    // One agrees, then the other; then it is public, and each signature is checked.
    let over = |agreement: &Agreement| {
        check_signatures(&t, agreement).unwrap().into_iter().filter_map(|(_, wrong)| wrong).collect::<Vec<_>>()
    };
    assert_eq!(over(&proposal), ["has not signed", "has not signed"]);
    assert!(sign(&t, &t.actor("Cy", &[AccountRole::Creator]).await, proposal.id).await.is_err(), "Cy is not named");
    let half = sign(&t, &ana, proposal.id).await.unwrap();
    assert!(half.standing == Proposed::Open && sign(&t, &ana, proposal.id).await.is_err(), "once is enough");
    let agreed_on = |id: ImageId| {
        let t = &t;
        async move { storage::agreements::of_image(&mut t.store.read().await.unwrap(), id).await.unwrap() }
    };
    assert_eq!(agreed_on(first.image).await, []);
    let whole = sign(&t, &ben, proposal.id).await.unwrap();
    assert_eq!(whole.standing, Proposed::Agreed);
    let public = agreed_on(first.image).await;
    assert_eq!(public[0].0, whole.agreement);
    assert_eq!(over(&public[0].0), [""; 0]);
    let mut forged = whole.agreement.clone();
    forged.ai_share = 0;
    assert_eq!(over(&forged).len(), 2, "nobody signed that");
    let mut swapped = whole.agreement.clone();
    swapped.signatures[1].chain = swapped.signatures[0].chain.clone();
    assert_eq!(over(&swapped).len(), 1);
    assert!(refuse(&t, &ben, proposal.id).await.is_err(), "what was agreed stays");

    // What is refused ends, and with it what it opened.
    let offered = propose(&t, &ana, fourth.image, shares(5)).await.unwrap().agreement;
    assert_eq!(refuse(&t, &ben, offered.id).await.unwrap().standing, Proposed::Ended);
    let smaller = change(r#"{"kind":"resize","width":10,"height":10}"#, fourth.image);
    assert!(request_image(&t, &ben, smaller, None).await.is_err());
    for (wrong, said) in [
        (Proposing { ai_share: 90, authors: vec![author("Ana", 50, "creator")] }, "140 per cent"),
        (Proposing { ai_share: 50, authors: vec![author("Nobody", 50, "creator")] }, "no account"),
    ] {
        let refused = propose(&t, &ana, fourth.image, wrong).await.unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
    assert!(propose(&t, &ben, fourth.image, shares(5)).await.is_err(), "only its creator proposes");

    let before = t.public_tables().await;
    publish_checkpoint(&t).await.unwrap();
    rebuild(&t).await.unwrap();
    same(&before, &t.public_tables().await);
    t.finish().await;
}

async fn damage_is_found_and_mended_and_both_are_kept(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (actor, engine) = (creator(&t).await, engine(&t));
    let photo = give(&t, &actor, Role::Parent, scratched(160)).await;
    let parent = ParentId::Input(photo.id);
    let found = find_damage(&t, &actor, parent, 0.3).await.unwrap();
    let mask = found.mask.unwrap();
    assert!(found.pixels[0] > 300 && mask.role == "mask" && (mask.width, mask.height) == (160, 160), "{:?}", found.pixels);
    let asked = Order { edit: Some(Edit::Restore), parent: Some(parent), mask: Some(mask.id), ..Order::default() };
    let made = draw_order(&t, &actor, asked).await.unwrap();
    let (before, after, sound) = (pixels(&scratched(160)), pixels(&made.file), pixels(&picture(160, Format::Png)));
    let covered = storage::blobs::find(&mut t.store.read().await.unwrap(), mask.digest.blake3).await.unwrap().unwrap();
    let covered = pixels(&t.blobs.get(&covered).await.unwrap());
    let apart = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
    assert!(apart(&after, &sound) * 20 < apart(&before, &sound), "{} of {}", apart(&after, &sound), apart(&before, &sound));
    for at in (0..after.len()).filter(|at| covered[*at] == 0) {
        assert_eq!(before[at], after[at], "outside the mask");
    }
    let claim = verify(&made.file, t.keys.image_signer().trust(), &colophon::provenance::Limits::default()).claim.unwrap();
    let Drawn::Filled { pixels, within } = claim.edit.unwrap().drawn else { panic!("which pixels were invented is told") };
    assert!(pixels > 300 && within[2] > 100 && within[3] < 12, "{pixels} in {within:?}");
    assert!(replay(&t, &engine, made.image, false).await.unwrap().same());
    // Tones apart from invention; an even picture needs neither.
    let even = give(&t, &actor, Role::Parent, picture(64, Format::Png)).await;
    let nothing = find_damage(&t, &actor, ParentId::Input(even.id), 0.2).await.unwrap();
    assert!(nothing.mask.is_none() && nothing.pixels == [0; 3]);
    let refused = find_damage(&t, &actor, parent, 1.5).await.unwrap_err();
    assert!(refused.to_string().contains("sensitivity"));
    engine.shutdown();
    t.finish().await;
}

async fn a_picture_handed_in_is_edited_and_told_by_its_commitment_alone(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    let photo = give(&t, &actor, Role::Parent, picture(300, Format::Jpeg)).await;
    let covered = give(&t, &actor, Role::Mask, mask(300)).await;
    let asked = edit("a red apple", 1, Edit::Inpaint { strength: 0.8 }, ParentId::Input(photo.id));
    let made = draw_order(&t, &actor, Order { mask: Some(covered.id), private: true, ..asked }).await.unwrap();
    let image = recorded(&t, made.image).await;
    assert_eq!((image.width, image.height, image.parent), (300, 300, None));
    assert_eq!(image.inputs.iter().map(|i| i.role.as_str()).collect::<Vec<_>>(), ["mask", "picture"]);
    // Neither log nor file says anything of it but that: no name, no hash.
    let entry = storage::log::find(&mut t.store.read().await.unwrap(), made.statement).await.unwrap().unwrap();
    for secret in
        [photo.digest.sha256.to_string(), covered.digest.sha256.to_string(), "mine.png".to_owned(), photo.id.to_string()]
    {
        assert!(!String::from_utf8_lossy(&entry.bytes).contains(&secret));
        assert!(!made.file.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret}");
    }
    // A file of this registry that is handed in is the image that it is.
    let again = give(&t, &actor, Role::Parent, made.file.clone()).await;
    let asked = edit("", 2, Edit::Variation { strength: 0.4 }, ParentId::Input(again.id));
    let child = draw_order(&t, &actor, asked).await.unwrap();
    assert_eq!(recorded(&t, child.image).await.parent, Some(made.image));
    // It went without words, and so kept its parent's: private there, private here.
    let kept = storage::images::find_prompt(&mut t.store.read().await.unwrap(), child.image).await.unwrap().unwrap();
    assert_eq!((kept.prompt.as_str(), kept.public), ("a red apple", false));
    assert!(!child.file.windows(11).any(|w| w == b"a red apple"));
    t.finish().await;
}

async fn several_pictures_are_asked_for_together(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    let asked = request_images(&t, &actor, order("a cat", 7), 3, None).await.unwrap();
    let seeds: Vec<_> = asked.series.iter().map(|job| job.request["seed"].as_str().unwrap().to_owned()).collect();
    assert_eq!(seeds, ["7", "8", "9"]);
    assert!(asked.series.iter().all(|job| job.series == Some(asked.job.id) && job.decision == asked.job.decision));
    let kept = storage::jobs::of_series(&mut t.store.read().await.unwrap(), asked.job.id).await.unwrap();
    assert_eq!(kept, asked.series, "in their order");
    for job in &asked.series {
        cancel(&t, &actor, job.id).await.unwrap();
    }
    for n in [0, 11] {
        assert!(matches!(request_images(&t, &actor, order("a cat", 7), n, None).await, Err(Error::Invalid(f)) if f[0].0 == "n"));
    }
    t.finish().await;
}

async fn what_may_not_be_edited_is_refused_with_the_field(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    let first = draw_order(&t, &actor, order("a red apple", 1)).await.unwrap();
    let parent = ParentId::Image(first.image);
    let (covered, small) = (give(&t, &actor, Role::Mask, mask(128)).await, give(&t, &actor, Role::Mask, mask(64)).await);
    let paint = |mask: Option<InputId>| Order { mask, ..edit("x", 1, Edit::Inpaint { strength: 1.0 }, parent) };
    let vary = |strength: f64| edit("x", 1, Edit::Variation { strength }, parent);
    let none = ImageId::derived(b"none");
    let other = local_operator(&t).await.unwrap();
    let before = t.all_tables().await;
    for (who, asked, field, words) in [
        (&actor, paint(None), "mask", "needs a mask"),
        (&actor, paint(Some(small.id)), "mask", "64×64"),
        (&actor, paint(Some(InputId::derived(b"none"))), "mask", "handed in no"),
        (&actor, Order { mask: Some(covered.id), ..vary(0.5) }, "mask", "takes no mask"),
        (&actor, Order { edit: None, ..vary(0.5) }, "parent", "say in `edit`"),
        (&actor, Order { parent: None, ..vary(0.5) }, "parent", "needs a picture"),
        (&actor, vary(0.0), "strength", "above 0 to 1"),
        (&actor, edit("x", 1, Edit::Variation { strength: 0.5 }, ParentId::Image(none)), "parent", "there is no image"),
        (&actor, edit("x", 1, Edit::Variation { strength: 0.5 }, ParentId::Input(covered.id)), "parent", "handed in as a mask"),
        (&other, vary(0.5), "parent", "is by Ana"),
        (&other, paint(Some(covered.id)), "mask", "handed in no"),
    ] {
        match request_image(&t, who, asked, None).await {
            Err(Error::Invalid(fields)) => assert!(fields[0].0 == field && fields[0].1.contains(words), "{field}: {fields:?}"),
            other => panic!("{field}, {words}: {other:?}"),
        }
    }
    // Files that are no masks or pictures.
    let give = |role, bytes: &[u8], rights: &str| HandIn { role, name: "x".into(), rights: rights.into(), bytes: bytes.to_vec() };
    let clear = encode(&[0; 12], 2, 2, Format::Png).unwrap();
    for (given, field, words) in [
        (give(Role::Mask, &clear, ""), "file", "covers nothing"),
        (give(Role::Parent, b"GIF89a", "own"), "file", "not a PNG"),
        (give(Role::Parent, &clear[..30], "own"), "file", "cut short"),
        (give(Role::Parent, &clear, ""), "rights", "say what your rights"),
        (give(Role::Sketch, &[], ""), "file", "not a PNG"),
    ] {
        match hand_in(&t, &actor, given).await {
            Err(Error::Invalid(fields)) => assert!(fields[0].0 == field && fields[0].1.contains(words), "{fields:?}"),
            other => panic!("{words}: {other:?}"),
        }
    }
    same(&before, &t.all_tables().await);
    t.finish().await;
}

async fn a_revoked_work_stops_what_is_made_from_its_pictures(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (actor, operator) = (creator(&t).await, local_operator(&t).await.unwrap());
    let first = draw_order(&t, &actor, order("a red apple", 1)).await.unwrap();
    let vary = |id| edit("", 2, Edit::Variation { strength: 0.5 }, ParentId::Image(id));
    let child = draw_order(&t, &actor, vary(first.image)).await.unwrap();
    let image = recorded(&t, first.image).await;
    let work = image.works[0].work;
    let grant = storage::works::grants(&mut t.store.read().await.unwrap(), work).await.unwrap()[0].grant.id;
    revoke_grant(&t, &operator, grant, "I changed my mind").await.unwrap();
    for id in [first.image, child.image] {
        match request_image(&t, &actor, vary(id), None).await {
            Err(Error::Invalid(fields)) => {
                assert!(fields[0].0 == "parent" && fields[0].1.contains(&work.to_string()), "{fields:?}")
            }
            other => panic!("{other:?}"),
        }
        let marks = storage::impacts::of(&mut t.store.read().await.unwrap(), &id.to_string()).await.unwrap();
        assert!(marks.iter().any(|mark| mark.work == work), "{id} stands on it");
    }
    // What is free for one use may be closed to another.
    let sold = Order { use_: Use::Merch, ..vary(first.image) };
    assert!(matches!(request_image(&t, &actor, sold, None).await, Err(Error::Invalid(_) | Error::Denied(_))));
    t.finish().await;
}
