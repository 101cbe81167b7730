//! Pictures: what each draws on and says of itself, what must not be said, and that the same order gives the same pixels.

use std::collections::BTreeSet;
use std::sync::mpsc;

use colophon::accounts::Role;
use colophon::actions::choose_works::choose_works;
use colophon::actions::drawn_with::drawn_with;
use colophon::actions::fingerprint::make_fingerprints;
use colophon::actions::finish_image::{Finished, finish_image};
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::receipt::receipt;
use colophon::actions::request_image::{Order, request_image};
use colophon::actions::revoke_grant::revoke_grant;
use colophon::actions::sign_in::local_operator;
use colophon::actions::verify_image::{Logged, verify_image};
use colophon::actions::{Error, Instance};
use colophon::clock::Clock as _;
use colophon::digest::{blake3_of, commitment};
use colophon::generation::backend::{BackendError, BackendInfo, Flow, Step};
use colophon::generation::{Backend, DrawRequest, FakeBackend, Picture};
use colophon::id::{GrantId, ImageId, WorkId};
use colophon::jobs::generate;
use colophon::jobs::replay::replay;
use colophon::ledger::Envelope;
use colophon::policy::Decision;
use colophon::provenance::encode::decode;
use colophon::provenance::{Finding, Format, encode};
use colophon::storage::images::Image;
use colophon::storage::tasks::TaskState;
use colophon::storage::{self, works::Filter};

use crate::support::database::Kind;
use crate::support::{TestInstance, both, creator, draw, draw_order, engine, engine_of, lease, order};

both! {
    the_works_stand_in_the_row_the_manifest_and_the_statement,
    a_revoked_work_is_drawn_on_no_more,
    a_grant_revoked_while_the_picture_is_drawn_stops_it,
    a_finished_picture_of_a_revoked_work_is_refused,
    private_words_stand_nowhere,
    one_order_gives_one_picture,
    a_copy_of_a_work_is_not_delivered,
    a_picture_is_drawn_again_with_the_same_influence,
    a_file_is_told_apart_from_its_changed_copies,
    orders_that_can_not_be_drawn_are_refused_with_the_field,
    a_gone_blob_is_noticed,
}

/// An image as recorded.
async fn recorded(t: &Instance, id: ImageId) -> Image {
    storage::images::find(&mut t.store.read().await.unwrap(), id).await.unwrap().unwrap().image
}

/// The one grant on a work.
async fn grant_on(t: &Instance, work: WorkId) -> GrantId {
    storage::works::grants(&mut t.store.read().await.unwrap(), work).await.unwrap()[0].grant.id
}

async fn works_of(t: &Instance, id: ImageId) -> Vec<WorkId> {
    recorded(t, id).await.works.iter().map(|w| w.work).collect()
}

async fn the_works_stand_in_the_row_the_manifest_and_the_statement(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let delivered = draw(&t, "a red apple", 7).await;
    let image = recorded(&t, delivered.image).await;
    let drawn_on: Vec<WorkId> = image.works.iter().map(|w| w.work).collect();
    assert_eq!(drawn_on.len(), 4, "as many as the model takes");
    assert_eq!(drawn_on.iter().collect::<BTreeSet<_>>().len(), 4, "each once");

    let report = verify_image(&t, delivered.file.clone()).await.unwrap();
    assert_eq!(report.verdict.finding, Finding::Trusted, "{}", report.sentence);
    assert!(report.verdict.is_ours());
    let claim = report.verdict.claim.unwrap();
    let licences = claim.licences.unwrap();
    assert_eq!(licences.works.iter().map(|w| w.work).collect::<Vec<_>>(), drawn_on, "the manifest names them in order");
    assert_eq!(licences.varies.map(|v| v.work), drawn_on.first().copied());
    let mut tx = t.store.read().await.unwrap();
    for credit in &licences.works {
        let record = storage::works::find(&mut tx, credit.work).await.unwrap().unwrap().work;
        let grants = storage::works::grants(&mut tx, credit.work).await.unwrap();
        assert_eq!((&credit.title, &credit.author, credit.sha256), (&record.title, &record.author, record.digest.sha256));
        assert_eq!(credit.licence, grants[0].grant.licence);
        assert!(licences.credit_line.contains(&record.author), "{}", licences.credit_line);
        assert!(record.search_text().contains("apple"), "{} has to do with the words", record.title);
        assert_eq!(storage::images::of_work(&mut tx, credit.work, 9).await.unwrap(), (1, vec![delivered.image]));
    }
    assert!(licences.credit_line.starts_with("Drawn by Ana on ") && licences.credit_line.contains("from four works by"));

    let entry = storage::log::find(&mut tx, delivered.statement).await.unwrap().unwrap();
    let said = Envelope::parse(&entry.bytes).unwrap().verify(&t.keys.statement.verifying_key()).unwrap();
    assert_eq!((entry.kind.as_str(), entry.subject.as_str()), ("image", &*delivered.image.to_string()));
    assert_eq!(said.subject[0].digest.sha256, colophon::digest::sha256_of(&delivered.file), "of the very file");
    assert_eq!(
        serde_json::from_value::<Image>(said.predicate["image"].clone()).unwrap(),
        image,
        "the row is what the statement says"
    );
    assert_eq!((said.predicate["actor"].as_str(), said.predicate["custody"].as_str()), (Some("Ana"), Some("instance")));
    assert_eq!(claim.statement.unwrap().statement_id, delivered.statement);

    let proof = receipt(&t, &mut tx, delivered.statement).await.unwrap().unwrap();
    assert_eq!(Some(proof.index), entry.index);
    let Logged::Proved { index, size, origin } = report.logged else { panic!("{:?}", report.logged) };
    assert_eq!((Some(index), size, &origin), (entry.index, index + 1, &t.site.log_origin));
    for words in [format!("index {index} of {size}"), t.policies().hash().to_string(), "Draws on 4 works under".to_owned()] {
        assert!(report.sentence.contains(&words), "{}", report.sentence);
    }
    assert_eq!(image.bundle, t.policies().hash());
    let job = t.texts("SELECT state || ' ' || image_id FROM jobs").await;
    assert_eq!(job, [format!("done {}", delivered.image)]);
    drop(tx);
    t.finish().await;
}

async fn a_revoked_work_is_drawn_on_no_more(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let operator = local_operator(&t).await.unwrap();
    let first = draw(&t, "a red apple", 7).await;
    let before = works_of(&t, first.image).await;
    let gone = before[0];
    revoke_grant(&t, &operator, grant_on(&t, gone).await, "its author asked for it").await.unwrap();
    let second = draw(&t, "a red apple", 7).await;
    let after = works_of(&t, second.image).await;
    assert!(!after.contains(&gone), "{after:?}");
    assert_eq!(after[..3], before[1..], "the others stay, in their order");
    assert_eq!(after.len(), 4, "and the next one comes in");

    // Whoever checks the first picture now learns of it; the picture stays what it was.
    let report = verify_image(&t, first.file).await.unwrap();
    assert!(report.verdict.is_trusted());
    assert_eq!(
        report.revoked.iter().map(|r| (r.work, r.reason.as_str())).collect::<Vec<_>>(),
        [(gone, "its author asked for it")]
    );
    assert_eq!(verify_image(&t, second.file).await.unwrap().revoked, []);

    // All of them: the picture draws on nothing and says so.
    let mut tx = t.store.read().await.unwrap();
    let all = storage::works::all_held(&mut tx).await.unwrap();
    drop(tx);
    for work in all.iter().map(|w| w.work.id).filter(|id| *id != gone) {
        revoke_grant(&t, &operator, grant_on(&t, work).await, "all are taken back").await.unwrap();
    }
    let bare = draw(&t, "a red apple", 7).await;
    assert_eq!(works_of(&t, bare.image).await, []);
    let claim = verify_image(&t, bare.file).await.unwrap().verdict.claim.unwrap();
    assert!(claim.licences.unwrap().credit_line.ends_with("from no registered work."));
    t.finish().await;
}

/// Waits, when it has begun a drawing, until it is told to go on.
struct Waiting {
    inner: FakeBackend,
    begun: tokio::sync::mpsc::UnboundedSender<()>,
    go_on: mpsc::Receiver<()>,
}

impl Waiting {
    fn new() -> (Self, tokio::sync::mpsc::UnboundedReceiver<()>, mpsc::Sender<()>) {
        let (begun, has_begun) = tokio::sync::mpsc::unbounded_channel();
        let (release, go_on) = mpsc::channel();
        (Self { inner: FakeBackend::new(), begun, go_on }, has_begun, release)
    }
}

impl Backend for Waiting {
    fn info(&self) -> &BackendInfo {
        self.inner.info()
    }

    fn draw(&mut self, request: &DrawRequest, on_step: &mut (dyn FnMut(Step) -> Flow + Send)) -> Result<Picture, BackendError> {
        let _ = self.begun.send(());
        let _ = self.go_on.recv();
        self.inner.draw(request, on_step)
    }
}

async fn a_grant_revoked_while_the_picture_is_drawn_stops_it(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let operator = local_operator(&t).await.unwrap();
    let actor = creator(&t).await;
    let wanted = order("a red apple", 7);
    let gone = choose_works(&t, &wanted, "").await.unwrap()[0].work.id;
    request_image(&t, &actor, wanted, None).await.unwrap();
    let job = lease(&t).await.unwrap();

    let (backend, mut begun, release) = Waiting::new();
    let engine = engine_of(&t, backend);
    let running = tokio::spawn({
        let (shared, engine, job) = (t.shared(), engine.clone(), job.clone());
        async move { generate::run(&shared, &engine, &job).await.map(|d| d.is_some()) }
    });
    begun.recv().await.unwrap();
    revoke_grant(&t, &operator, grant_on(&t, gone).await, "meanwhile").await.unwrap();
    // Once for the picture, and once without each of its works.
    (0..5).for_each(|_| release.send(()).unwrap());
    assert!(!running.await.unwrap().unwrap(), "nothing is delivered");
    assert_eq!((t.number("SELECT COUNT(*) FROM images").await, t.number("SELECT COUNT(*) FROM prompts").await), (0, 0));
    assert_eq!(t.number("SELECT COUNT(*) FROM statements WHERE kind = 'image'").await, 0);
    assert_eq!(t.texts("SELECT state FROM jobs").await, ["queued"], "it is tried again");

    let again = lease(&t).await.unwrap();
    assert_eq!(again.attempts, 2);
    // Once for the picture, and once without each of its works.
    (0..5).for_each(|_| release.send(()).unwrap());
    let (delivered, _) = generate::run(&t, &engine, &again).await.unwrap().unwrap();
    let works = works_of(&t, delivered.image).await;
    assert!(works.len() == 4 && !works.contains(&gone), "without it");
    engine.shutdown();
    t.finish().await;
}

async fn a_finished_picture_of_a_revoked_work_is_refused(kind: Kind) {
    let t = TestInstance::new(kind).await;
    make_fingerprints(&t).await.unwrap();
    let operator = local_operator(&t).await.unwrap();
    let wanted = order("a cat", 3);
    let requested = request_image(&t, &creator(&t).await, wanted.clone(), Some(generate::lease_end(&t))).await.unwrap();
    let works = choose_works(&t, &wanted, "").await.unwrap();
    let engine = engine(&t);
    let mut request = requested_draw(&t, &wanted);
    request.references = works.iter().map(|w| w.reference()).collect();
    let picture = engine.submit(request).unwrap().finished().await.unwrap();
    let changes = vec![1.0; works.len()];
    let with = drawn_with(&t, &mut t.store.read().await.unwrap(), None).await.unwrap();
    let from = || Finished {
        job: &requested.job,
        order: &wanted,
        decision: &requested.decision,
        picture: &picture,
        alpha: None,
        with: Some(&with),
        device: "cpu",
        works: &works,
        changes: &changes,
        adapter: None,
        material: None,
        invented: None,
    };

    // The last of them, not only the first.
    revoke_grant(&t, &operator, grant_on(&t, works[3].work.id).await, "meanwhile").await.unwrap();
    let before = t.all_tables().await;
    match finish_image(&t, from()).await {
        Err(Error::Conflict(why)) => assert!(why.contains(&works[3].work.id.to_string()), "{why}"),
        other => panic!("{:?}", other.map(|d| d.image)),
    }
    crate::support::database::same(&before, &t.all_tables().await);

    // Nor for a job that was called off.
    colophon::actions::request_image::cancel(&t, &creator(&t).await, requested.job.id).await.unwrap();
    match finish_image(&t, from()).await {
        Err(Error::Conflict(why)) => assert!(why.contains("called off"), "{why}"),
        other => panic!("{:?}", other.map(|d| d.image)),
    }
    assert_eq!(t.number("SELECT COUNT(*) FROM images").await, 0);
    engine.shutdown();
    t.finish().await;
}

fn requested_draw(t: &Instance, order: &Order) -> DrawRequest {
    order.draw_request(&t.offer)
}

/// Whether `words` stand in `bytes`, in any case, as UTF-8 or UTF-16.
fn holds(bytes: &[u8], words: &str) -> bool {
    let lower = bytes.to_ascii_lowercase();
    let utf16: Vec<u8> = words.encode_utf16().flat_map(u16::to_be_bytes).collect();
    [words.as_bytes(), &utf16].iter().any(|part| lower.windows(part.len()).any(|window| window == *part))
}

async fn a_picture_is_drawn_again_with_the_same_influence(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let engine = engine(&t);
    for (prompt, style) in [("a red apple", None), ("a cat and a house", Some("fluent"))] {
        let wanted = Order { style: style.map(str::to_owned), private: style.is_some(), ..order(prompt, 9) };
        let delivered = draw_order(&t, &creator(&t).await, wanted).await.unwrap();
        let image = recorded(&t, delivered.image).await;
        let sum: u32 = image.works.iter().map(|drawn| drawn.influence).sum();
        assert!(image.works.len() == 4 && sum.abs_diff(1_000_000) <= 4, "{:?}", image.works);
        assert!(image.nearest.is_some_and(|near| image.works.iter().all(|drawn| near.nearness <= drawn.nearness)));
        assert_eq!(image.works[1].part, u32::from(prompt.contains(" and ")), "turn by turn from each part");
        let again = replay(&t, &engine, delivered.image, true).await.unwrap();
        assert!(again.same() && again.same_pixels, "{again:?}");
        assert_eq!(again.influence.iter().map(|(work, ..)| *work).collect::<Vec<_>>(), works_of(&t, delivered.image).await);
        // The same shares stand in the signed file.
        let claim = verify_image(&t, delivered.file).await.unwrap().verdict.claim.unwrap();
        let credits: Vec<u32> = claim.licences.unwrap().works.iter().map(|credit| credit.influence).collect();
        assert_eq!(credits, image.works.iter().map(|drawn| drawn.influence).collect::<Vec<_>>());
    }
    engine.shutdown();
    t.finish().await;
}

async fn private_words_stand_nowhere(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    // Words that no work, policy or programme has.
    let (prompt, negative) = ("a sailboat named quuxbarwicket", "no flimflamzorp");
    for format in ["png", "jpeg", "webp"] {
        for private in [false, true] {
            let wanted = Order { negative: negative.into(), private, format: format.into(), ..order(prompt, 7) };
            let delivered = draw_order(&t, &actor, wanted).await.unwrap();
            let mut tx = t.store.read().await.unwrap();
            let entry = storage::log::find(&mut tx, delivered.statement).await.unwrap().unwrap();
            let payload = Envelope::parse(&entry.bytes).unwrap().payload().to_vec();
            let crjson = verify_image(&t, delivered.file.clone()).await.unwrap().verdict.crjson.unwrap();
            for words in ["quuxbarwicket", "flimflamzorp"] {
                assert!(!holds(&entry.bytes, words) && !holds(&payload, words), "the log never holds the words");
                assert_eq!(holds(&delivered.file, words), !private, "{format} {private} {words}");
                if private {
                    assert!(!holds(crjson.as_bytes(), words), "nor in another form");
                }
            }
            // Whoever has the key can prove the words; the commitment is in file and log.
            let kept = storage::images::find_prompt(&mut tx, delivered.image).await.unwrap().unwrap();
            let image = storage::images::find(&mut tx, delivered.image).await.unwrap().unwrap().image;
            assert_eq!((kept.prompt.as_str(), kept.public), (prompt, !private));
            assert_eq!(image.commitment, commitment(&kept.key, format!("{prompt}\n{negative}").as_bytes()));
            assert!(holds(&payload, &image.commitment.to_string()));
            assert_eq!(holds(&delivered.file, &image.commitment.to_string()), private);
        }
    }
    // Two private pictures of the same words can't be linked by their commitments.
    assert_eq!(t.texts("SELECT image_id FROM prompts").await.len(), 6);
    let public = t.public_tables().await;
    let log = t.texts("SELECT kind FROM statements WHERE kind = 'image'").await;
    assert_eq!(log.len(), 6);
    let commitments: BTreeSet<String> =
        public["images"].iter().map(|row| row.split("commitment").nth(1).unwrap_or(row).to_owned()).collect();
    assert_eq!(commitments.len(), 6);
    t.finish().await;
}

/// A PNG or JPEG without its credentials and its XMP: what was encoded before signing.
fn unsigned(file: &[u8]) -> Vec<u8> {
    let mut out = file[..if file[0] == 0x89 { 8 } else { 2 }].to_vec();
    let mut at = out.len();
    while file[0] == 0x89 && at < file.len() {
        let length = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize + 12;
        let xmp = file[at + 8..].starts_with(b"XML:com.adobe.xmp");
        if &file[at + 4..at + 8] != b"caBX" && !xmp {
            out.extend(&file[at..at + length]);
        }
        at += length;
    }
    while file[0] == 0xff && at < file.len() {
        if file[at + 1] == 0xda {
            out.extend(&file[at..]);
            break;
        }
        let length = usize::from(u16::from_be_bytes(file[at + 2..at + 4].try_into().unwrap())) + 2;
        let xmp = file[at + 4..].starts_with(b"http://ns.adobe.com/xap/1.0/");
        if file[at + 1] != 0xeb && !xmp {
            out.extend(&file[at..at + length]);
        }
        at += length;
    }
    out
}

async fn one_order_gives_one_picture(kind: Kind) {
    let mut t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    let mut pixels = BTreeSet::new();
    for (format, ending) in [(Format::Png, "png"), (Format::Jpeg, "jpg"), (Format::WebP, "webp")] {
        let wanted = Order { format: ending.into(), ..order("a lighthouse", 11) };
        let first = draw_order(&t, &actor, wanted.clone()).await.unwrap();
        t.restart().await;
        let second = draw_order(&t, &actor, wanted.clone()).await.unwrap();
        let (a, b) = (recorded(&t, first.image).await, recorded(&t, second.image).await);
        assert_eq!((a.pixels, &a.fingerprint, &a.works, &a.replay), (b.pixels, &b.fingerprint, &b.works, &b.replay));
        assert_ne!((a.id, a.digest, a.commitment), (b.id, b.digest, b.commitment), "each is signed for itself");
        pixels.insert(a.pixels);

        // What was drawn, drawn again from what the record says, is byte for byte what was signed.
        let mut request = wanted.draw_request(&t.offer);
        request.references = choose_works(&t, &wanted, "").await.unwrap().iter().map(|w| w.reference()).collect();
        let engine = engine(&t);
        let again = engine.submit(request).unwrap().finished().await.unwrap();
        engine.shutdown();
        assert_eq!(blake3_of(&again.rgb), a.pixels);
        let encoded = encode(&again.rgb, again.width, again.height, format).unwrap();
        match format {
            Format::WebP => assert_eq!(decode(&first.file, format, 1 << 28).unwrap().bytes, again.rgb),
            _ => {
                assert_eq!(unsigned(&first.file), encoded, "{ending}");
                assert_eq!(unsigned(&second.file), encoded, "{ending}");
            }
        }
        assert_ne!(
            recorded(&t, draw_order(&t, &actor, Order { seed: Some(12), ..wanted }).await.unwrap().image).await.pixels,
            a.pixels
        );
    }
    assert_eq!(pixels.len(), 1, "the format has no part in it");
    // Without a seed one is drawn and written down.
    let free = Order { seed: None, ..order("a lighthouse", 0) };
    let a = recorded(&t, draw_order(&t, &actor, free.clone()).await.unwrap().image).await;
    let b = recorded(&t, draw_order(&t, &actor, free).await.unwrap().image).await;
    assert_ne!(a.replay["seed"], b.replay["seed"]);
    t.finish().await;
}

/// Gives back the first work it was to draw on.
struct Copyist(FakeBackend);

impl Backend for Copyist {
    fn info(&self) -> &BackendInfo {
        self.0.info()
    }

    fn draw(&mut self, request: &DrawRequest, _: &mut (dyn FnMut(Step) -> Flow + Send)) -> Result<Picture, BackendError> {
        Ok(Picture { rgb: request.references.last().unwrap().rgb.to_vec(), width: request.width, height: request.height })
    }
}

async fn a_copy_of_a_work_is_not_delivered(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let requested = request_image(&t, &creator(&t).await, order("a red apple", 7), Some(generate::lease_end(&t))).await.unwrap();
    let engine = engine_of(&t, Copyist(FakeBackend::new()));
    assert!(generate::run(&t, &engine, &requested.job).await.unwrap().is_none());
    let job = storage::jobs::find(&mut t.store.read().await.unwrap(), requested.job.id).await.unwrap().unwrap();
    assert_eq!(job.state, TaskState::Failed, "another try would give the same");
    assert!(job.problem.as_ref().unwrap().contains("came out as a copy of"), "{:?}", job.problem);
    assert_eq!(t.number("SELECT COUNT(*) FROM images").await, 0);
    engine.shutdown();
    t.finish().await;
}

async fn a_file_is_told_apart_from_its_changed_copies(kind: Kind) {
    let mut t = TestInstance::new(kind).await;
    let file = draw(&t, "a house", 5).await.file;
    let (mut flipped, plain) = (file.clone(), unsigned(&file));
    // Inside the compressed pixels; the check value of the chunk is left wrong on purpose.
    let data = file.windows(4).position(|w| w == b"IDAT").unwrap() + 30;
    flipped[data] ^= 1;
    let finding = async |t: &Instance, bytes: Vec<u8>| {
        let report = verify_image(t, bytes).await.unwrap();
        (report.verdict.finding, report.logged)
    };
    assert!(matches!(finding(&t, file.clone()).await, (Finding::Trusted, Logged::Proved { .. })));
    assert!(matches!(finding(&t, flipped).await.0, Finding::Altered | Finding::ManifestMismatch));
    assert!(matches!(finding(&t, plain).await, (Finding::NoManifest, Logged::Unchecked)));
    for bytes in [&b""[..], b"text", &file[..file.len() / 2], &file[..8]] {
        assert!(matches!(finding(&t, bytes.to_vec()).await, (Finding::Unreadable, Logged::Unchecked)));
    }

    // Another instance trusts neither its root nor its log.
    let other = TestInstance::stranger(kind).await;
    assert_eq!(finding(&other, file.clone()).await, (Finding::ValidUntrusted, Logged::Unknown));
    other.finish().await;

    // Recorded and not yet in the log.
    let actor = creator(&t).await;
    let requested = request_image(&t, &actor, order("a fish", 5), Some(generate::lease_end(&t))).await.unwrap();
    let engine = engine(&t);
    let (delivered, _) = generate::run(&t, &engine, &requested.job).await.unwrap().unwrap();
    engine.shutdown();
    assert_eq!(finding(&t, delivered.file.clone()).await, (Finding::Trusted, Logged::Waiting));
    assert!(receipt(&t, &mut t.store.read().await.unwrap(), delivered.statement).await.unwrap().is_none());
    t.restart().await;
    assert!(matches!(finding(&t, delivered.file).await, (Finding::Trusted, Logged::Proved { .. })), "a start gives it its place");
    assert_eq!(publish_checkpoint(&t).await.unwrap(), 0);
    t.finish().await;
}

async fn orders_that_can_not_be_drawn_are_refused_with_the_field(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let actor = creator(&t).await;
    let good = order("a cat", 1);
    let wrong: Vec<(&str, Order)> = vec![
        ("prompt", Order { prompt: String::new(), ..good.clone() }),
        ("prompt", Order { prompt: " \n".into(), ..good.clone() }),
        ("prompt", Order { prompt: "x".repeat(20_000), ..good.clone() }),
        ("prompt", Order { prompt: "a\0b".into(), ..good.clone() }),
        ("prompt", Order { negative: "\0".into(), ..good.clone() }),
        ("negative", Order { negative: "é".repeat(2_001), ..good.clone() }),
        ("style", Order { style: Some("no such style".into()), ..good.clone() }),
        ("style", Order { style: Some("\0".into()), ..good.clone() }),
        ("steps", Order { steps: Some(0), ..good.clone() }),
        ("steps", Order { steps: Some(101), ..good.clone() }),
        ("guidance", Order { guidance: Some(f64::NAN), ..good.clone() }),
        ("guidance", Order { guidance: Some(1e300), ..good.clone() }),
        ("start", Order { start: Some(0.95), ..good.clone() }),
        ("size", Order { width: Some(512), height: Some(512), ..good.clone() }),
        ("size", Order { width: Some(0), ..good.clone() }),
        ("format", Order { format: "gif".into(), ..good.clone() }),
        ("format", Order { format: "p\0ng".into(), ..good.clone() }),
    ];
    let before = t.all_tables().await;
    for (field, wrong) in wrong {
        match request_image(&t, &actor, wrong, None).await {
            Err(Error::Invalid(fields)) => {
                assert_eq!(fields[0].0, field);
                assert!(fields[0].1.len() < 300 && !fields[0].1.is_empty(), "{}", fields[0].1);
            }
            other => panic!("{field}: {other:?}"),
        }
    }
    crate::support::database::same(&before, &t.all_tables().await);

    // What can be drawn, at its ends.
    let most = Order {
        prompt: "é".repeat(2_000),
        negative: "é".repeat(2_000),
        seed: Some(u64::MAX),
        steps: Some(100),
        guidance: Some(10.0),
        start: Some(0.0),
        style: Some(String::new()),
        ..good
    };
    let delivered = draw_order(&t, &actor, most).await.unwrap();
    assert_eq!(recorded(&t, delivered.image).await.replay["seed"], u64::MAX.to_string());
    let decisions = t.texts("SELECT record FROM decisions").await;
    assert!(decisions.iter().all(|d| serde_json::from_str::<Decision>(d).is_ok()));
    t.finish().await;
}

async fn a_gone_blob_is_noticed(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let delivered = draw(&t, "a cat", 1).await;
    let blake3 = recorded(&t, delivered.image).await.digest.blake3.to_string();
    let path = t.settings.data_dir.join("blobs").join(&blake3[..2]).join(&blake3);
    let kept = std::fs::read(&path).unwrap();
    assert_eq!(kept, delivered.file);
    std::fs::remove_file(&path).unwrap();
    let report = colophon::actions::check_log::check_log(&t).await.unwrap();
    assert_eq!(report.problems, [format!("the blob `{blake3}` is named by a row and gone from the blob store")]);
    std::fs::write(&path, kept).unwrap();

    // The pack with the works' pictures: the next picture can't be drawn, and says why.
    let mut tx = t.store.read().await.unwrap();
    let record = storage::works::list(&mut tx, &Filter::default(), "", 1, t.clock.now()).await.unwrap().items.remove(0);
    let (pack, _) = storage::blobs::find(&mut tx, record.work.digest.blake3.unwrap()).await.unwrap().unwrap().pack.unwrap();
    drop(tx);
    let pack = pack.to_string();
    let path = t.settings.data_dir.join("blobs").join(&pack[..2]).join(&pack);
    let aside = path.with_extension("aside");
    std::fs::rename(&path, &aside).unwrap();
    let actor = t.actor("Ben", &[Role::Creator]).await;
    let why = draw_order(&t, &actor, order("a cat", 2)).await.unwrap_err().to_string();
    assert!(why.contains("queued"), "it waits for better days: {why}");
    std::fs::rename(&aside, &path).unwrap();
    let engine = engine(&t);
    let job = lease(&t).await.unwrap();
    assert!(generate::run(&t, &engine, &job).await.unwrap().is_some());
    engine.shutdown();
    t.finish().await;
}
