//! Many works at once: lists in every form, folders and archives, what is known and what is refused, and going on after a stop.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use colophon::accounts::{Actor, Role};
use colophon::actions::Error;
use colophon::actions::fingerprint::make_fingerprints;
use colophon::actions::import_list::{ImportSettings, begin_import, cancel_import, go_on};
use colophon::actions::register_work::{Registration, register_work};
use colophon::digest::{Digest, sha256_of};
use colophon::provenance::Format;
use colophon::provenance::encode::encode;
use colophon::storage;
use colophon::storage::imports::{Import, ImportRow, Outcome};
use colophon::storage::tasks::TaskState;
use colophon::works::list::Row;
use colophon::works::{Usage, Work};

use crate::support::database::{Kind, same};
use crate::support::{TestInstance, both};

both! {
    a_folder_with_a_list,
    drawings_speak_for_themselves,
    an_archive_with_json_lines_and_evidence,
    a_million_rows_in_small,
    an_import_goes_on_where_it_stopped,
    lists_that_cannot_be_read,
    what_a_file_says_against_its_list,
    a_work_by_hand_with_everything,
}

fn picture(seed: u8) -> Vec<u8> {
    let rgb: Vec<u8> = (0..32u32 * 32).flat_map(|at| [seed.wrapping_mul(37), (at % 251) as u8, (at / 5) as u8]).collect();
    encode(&rgb, 32, 32, Format::Png).unwrap()
}

fn drawing(title: &str, creator: &str, licence: &str) -> String {
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><metadata><rdf:RDF xmlns:cc="http://web.resource.org/cc/"
        xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><cc:Work rdf:about="">
        <dc:title>{title}</dc:title><dc:creator><cc:Agent><dc:title>{creator}</dc:title></cc:Agent></dc:creator>
        <cc:license rdf:resource="{licence}"/></cc:Work></rdf:RDF></metadata><rect width="60" height="20" fill="#c00"/></svg>"##
    )
}

const PD: &str = "http://web.resource.org/cc/PublicDomain";

async fn imported(t: &TestInstance, actor: &Actor, place: &Path, settings: &ImportSettings) -> Import {
    let begun = begin_import(t, actor, "list", place, settings, true).await.unwrap();
    go_on(t, begun, &|| true, &|_| {}).await.unwrap()
}

async fn report(t: &TestInstance, import: &Import) -> Vec<ImportRow> {
    storage::imports::report(&mut t.store.read().await.unwrap(), import.id, None, 0, 10_000).await.unwrap()
}

async fn work(t: &TestInstance, row: &ImportRow) -> Work {
    let mut tx = t.store.read().await.unwrap();
    storage::works::find(&mut tx, row.work.unwrap()).await.unwrap().unwrap().work
}

fn counts(import: &Import) -> (TaskState, u64, u64, u64, u64) {
    (import.state, import.rows, import.registered, import.known, import.refused)
}

fn folder(t: &TestInstance, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let root = t.settings.data_dir.join(name);
    for (file, bytes) in files {
        std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
        std::fs::write(root.join(file), bytes).unwrap();
    }
    root
}

async fn a_folder_with_a_list(kind: Kind) {
    let t = TestInstance::new(kind).await;
    make_fingerprints(&t).await.unwrap();
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let broken = &picture(9)[..60];
    let list = format!(
        "file,title,creators,rights_holder,licence,created,published,tags,sha256\n\
         a.png,Quokka one,Ana (ink) 60 %; Ben 40 %,The Estate,CC-BY-4.0,1905-07,1906,quokka; grass,{}\n\
         sub/b.png,Quokka two,Ana,,https://creativecommons.org/publicdomain/zero/1.0/,,,,\n\
         a.png,Again,Ana,,CC0-1.0,,,,\n\
         none.png,Gone,Ana,,CC0-1.0,,,,\n\
         c.png,Other,Ana,,CC0-1.0,,,,{}\n\
         d.png,Broken,Ana,,CC0-1.0,,,,\n\
         ../secret.png,Out,Ana,,CC0-1.0,,,,\n\
         e.png,Nobody's,,,CC0-1.0,,,,\n\
         f.png,Unlicensed,Ana,,,,,,\n\
         ,Elsewhere,Ana,,CC-BY-NC-4.0,1905,,,{}\n\
         g.png,Wrong date,Ana,,MIT,soon,,,\n",
        sha256_of(&picture(1)),
        sha256_of(b"another"),
        sha256_of(b"elsewhere"),
    );
    let (a, b, c, e, f, g) = (picture(1), picture(2), picture(3), picture(5), picture(6), picture(7));
    let root = folder(
        &t,
        "set",
        &[
            ("works.csv", list.as_bytes()),
            ("a.png", &a),
            ("sub/b.png", &b),
            ("c.png", &c),
            ("d.png", broken),
            ("e.png", &e),
            ("f.png", &f),
            ("g.png", &g),
        ],
    );
    let settings = ImportSettings { collection: "The set".into(), evidence: "our archive".into(), ..ImportSettings::default() };
    let import = imported(&t, &rosa, &root, &settings).await;
    let rows = report(&t, &import).await;
    let outcomes: Vec<_> = rows.iter().map(|r| r.outcome.as_str()).collect();
    assert_eq!(
        outcomes,
        [
            "registered",
            "registered",
            "known",
            "refused",
            "refused",
            "refused",
            "refused",
            "registered",
            "registered",
            "registered",
            "refused"
        ],
        "{rows:#?}"
    );
    assert_eq!(counts(&import), (TaskState::Done, 11, 5, 1, 5));
    for (n, word) in [(3, "can't be read"), (4, "its sha256 is"), (5, "cut short"), (6, "leads out"), (10, "created")] {
        assert!(rows[n].note.contains(word), "{:?}", rows[n]);
    }
    assert_eq!(rows[2].work, rows[0].work);
    let first = work(&t, &rows[0]).await;
    assert_eq!(
        (first.title.as_str(), first.author.as_str(), first.collection.as_str()),
        ("Quokka one", "Ana and Ben", "The set")
    );
    assert_eq!(first.creators.iter().map(|c| c.share).collect::<Vec<_>>(), [Some(6_000), Some(4_000)]);
    assert_eq!(
        (first.rights_holder.as_str(), first.created.as_str(), first.published.as_str()),
        ("The Estate", "1905-07", "1906")
    );
    assert!(first.held && first.registered_by == "Rosa");
    let mut tx = t.store.read().await.unwrap();
    let blob = storage::blobs::find(&mut tx, first.digest.blake3.unwrap()).await.unwrap().unwrap();
    assert!(blob.pack.is_some(), "files of a batch lie in one object");
    assert_eq!(t.blobs.get(&blob).await.unwrap(), a);
    let second = storage::works::grants(&mut tx, rows[1].work.unwrap()).await.unwrap().remove(0).grant;
    assert_eq!((second.licence.as_str(), second.evidence.as_str()), ("CC0-1.0", "our archive"));
    assert!(second.licence_url.ends_with("/zero/1.0/"));
    // Nobody named, nothing named: on record, and closed.
    for n in [7, 8] {
        let terms = storage::terms::of(&mut tx, rows[n].work.unwrap()).await.unwrap();
        assert!(Usage::ALL.iter().all(|u| !terms.verdict(*u, "Rosa", t.now()).permits()), "{n}");
        assert!(!rows[n].note.is_empty());
    }
    let by_hash = storage::works::find(&mut tx, rows[9].work.unwrap()).await.unwrap().unwrap().work;
    assert!(!by_hash.held && by_hash.digest.blake3.is_none() && by_hash.digest.sha256 == sha256_of(b"elsewhere"));
    drop(tx);
    // The same list again registers nothing.
    let before = t.public_tables().await;
    let again = imported(&t, &rosa, &root, &settings).await;
    assert_eq!(counts(&again), (TaskState::Done, 11, 0, 6, 5));
    same(&before, &t.public_tables().await);
    assert_eq!(make_fingerprints(&t).await.unwrap(), 4, "of the works kept here");
    t.finish().await;
}

async fn drawings_speak_for_themselves(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let (bat, owl, nobody) =
        (drawing("a bat", "Orlando", PD), drawing("an owl", "Unknown", PD), drawing("a cat", "Ana", "http://x.example/"));
    let root = folder(
        &t,
        "svg",
        &[
            ("animals/bat.svg", bat.as_bytes()),
            ("animals/owl.svg", owl.as_bytes()),
            ("cat.svg", nobody.as_bytes()),
            ("notes.txt", b"x"),
        ],
    );
    #[cfg(unix)]
    std::os::unix::fs::symlink("animals/bat.svg", root.join("second.svg")).unwrap();
    let import = imported(&t, &rosa, &root, &ImportSettings::default()).await;
    let rows = report(&t, &import).await;
    assert_eq!(
        rows.iter().map(|r| r.item.as_str()).collect::<Vec<_>>(),
        ["animals/bat.svg", "animals/owl.svg", "cat.svg", "second.svg"]
    );
    assert_eq!(counts(&import), (TaskState::Done, 4, 3, 1, 0));
    let found = work(&t, &rows[0]).await;
    assert_eq!((found.title.as_str(), found.author.as_str(), found.media_type.as_str()), ("a bat", "Orlando", "image/svg+xml"));
    let mut tx = t.store.read().await.unwrap();
    let permits = |terms: &colophon::works::Terms| terms.verdict(Usage::Generate, "", t.now()).permits();
    let open: Vec<bool> = {
        let mut open = Vec::new();
        for row in &rows[..3] {
            open.push(permits(&storage::terms::of(&mut tx, row.work.unwrap()).await.unwrap()));
        }
        open
    };
    assert_eq!(open, [true, false, false], "public domain by Orlando; by nobody; under terms nobody knows");
    let grants = storage::works::grants(&mut tx, rows[2].work.unwrap()).await.unwrap();
    assert_eq!((grants[0].grant.licence.as_str(), grants[0].grant.licence_url.as_str()), ("NOASSERTION", "http://x.example/"));
    drop(tx);
    // Drawn on at once, as the drawing it is.
    let order = crate::support::order("a bat", 1);
    let chosen = colophon::actions::choose_works::choose_works(&t, &order, "").await.unwrap();
    assert!(chosen.iter().any(|c| c.work.id == found.id && c.rgb.iter().any(|b| *b != 255)), "{chosen:?}");
    t.finish().await;
}

async fn an_archive_with_json_lines_and_evidence(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let path = t.settings.data_dir.join("set.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let list = r#"{"file":"a.png","title":"A","creators":[{"name":"Ana","role":"painter","share":100}],"licence":"MIT OR CC-BY-4.0","evidence_files":["proof/letter.txt"]}
{"file":"b.png","title":"B","author":"Ana","licence":"MIT","evidence_files":["proof/none.txt"]}
"#;
    for (name, bytes) in
        [("works.jsonl", list.as_bytes()), ("a.png", &picture(1)), ("b.png", &picture(2)), ("proof/letter.txt", b"Dear Rosa")]
    {
        zip.start_file(format!("top/{name}"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    let import = imported(&t, &rosa, &path, &ImportSettings::default()).await;
    let rows = report(&t, &import).await;
    assert_eq!(counts(&import), (TaskState::Done, 2, 1, 0, 1), "{rows:?}");
    assert!(rows[1].note.contains("proof/none.txt"));
    let found = work(&t, &rows[0]).await;
    assert_eq!(found.evidence_files[0].name, "proof/letter.txt");
    assert_eq!(found.evidence_files[0].sha256, sha256_of(b"Dear Rosa"));
    let mut tx = t.store.read().await.unwrap();
    let blob = storage::blobs::find_by_sha256(&mut tx, sha256_of(b"Dear Rosa")).await.unwrap().unwrap();
    assert_eq!(t.blobs.get(&blob).await.unwrap(), b"Dear Rosa");
    assert!(storage::terms::of(&mut tx, found.id).await.unwrap().verdict(Usage::Train, "", t.now()).permits());
    drop(tx);
    t.finish().await;
}

/// More rows than one transaction takes; none of them has a file.
async fn a_million_rows_in_small(kind: Kind) {
    let t = TestInstance::new(kind).await;
    make_fingerprints(&t).await.unwrap();
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let mut list = String::from("sha256,title,author,licence\n");
    for n in 0..1_203 {
        list.push_str(&format!("{},Photograph {n},Ana,CC-BY-4.0\n", sha256_of(format!("{n}").as_bytes())));
    }
    let root = folder(&t, "many", &[("works.csv", list.as_bytes())]);
    let batches = AtomicUsize::new(0);
    let begun = begin_import(&t, &rosa, "many", &root.join("works.csv"), &ImportSettings::default(), true).await.unwrap();
    let count = |_: &Import| {
        batches.fetch_add(1, Ordering::Relaxed);
    };
    let import = go_on(&t, begun, &|| true, &count).await.unwrap();
    assert_eq!(counts(&import), (TaskState::Done, 1_203, 1_203, 0, 0));
    assert_eq!(batches.into_inner(), 3);
    assert_eq!(make_fingerprints(&t).await.unwrap(), 0);
    t.finish().await;
}

async fn an_import_goes_on_where_it_stopped(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let (rosa, eve) = (t.actor("Rosa", &[Role::RightsHolder]).await, t.actor("Eve", &[Role::Creator]).await);
    let mut list = String::from("sha256,title,author,licence\n");
    for n in 0..900 {
        list.push_str(&format!("{},Photograph {n},Ana,CC-BY-4.0\n", sha256_of(format!("{n}").as_bytes())));
    }
    let root = folder(&t, "many", &[("works.csv", list.as_bytes())]);
    let place = root.join("works.csv");
    let refused = begin_import(&t, &eve, "many", &place, &ImportSettings::default(), true).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))));
    let long = ImportSettings { author: "x".repeat(301), ..ImportSettings::default() };
    assert!(matches!(begin_import(&t, &rosa, "many", &place, &long, true).await, Err(Error::Invalid(_))));
    let begun = begin_import(&t, &rosa, "many", &place, &ImportSettings::default(), false).await.unwrap();
    let lease = |t: &TestInstance| {
        let (store, now) = (t.store.clone(), t.now());
        async move {
            let mut tx = store.begin().await.unwrap();
            let import = storage::imports::lease(&mut tx, now, now.plus_millis(60_000), "").await.unwrap();
            tx.commit().await.unwrap();
            import
        }
    };
    let turns = AtomicUsize::new(0);
    // One batch, then the service stops.
    let stopped = go_on(&t, lease(&t).await.unwrap(), &|| turns.fetch_add(1, Ordering::Relaxed) < 1, &|_| {}).await.unwrap();
    assert_eq!(counts(&stopped), (TaskState::Queued, 500, 500, 0, 0));
    let done = go_on(&t, lease(&t).await.unwrap(), &|| true, &|_| {}).await.unwrap();
    assert_eq!((done.id, counts(&done)), (begun.id, (TaskState::Done, 900, 900, 0, 0)));
    let rows = report(&t, &done).await;
    assert!((1..).zip(&rows).all(|(n, row)| row.n == n && row.outcome == Outcome::Registered));
    assert!(lease(&t).await.is_none(), "nothing is left to do");
    // Called off between two batches: what is registered stays.
    let begun = begin_import(&t, &rosa, "again", &place, &ImportSettings::default(), true).await.unwrap();
    assert!(matches!(cancel_import(&t, &eve, begun.id).await, Err(Error::NotFound { .. })), "somebody else's");
    cancel_import(&t, &rosa, begun.id).await.unwrap();
    let ended = go_on(&t, begun.clone(), &|| true, &|_| {}).await.unwrap();
    assert_eq!(counts(&ended), (TaskState::Cancelled, 0, 0, 0, 0));
    assert!(matches!(cancel_import(&t, &rosa, begun.id).await, Err(Error::Conflict(_))));
    t.finish().await;
}

async fn lists_that_cannot_be_read(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let root = folder(&t, "two", &[("a.csv", b"file\n"), ("b.csv", b"file\n")]);
    let none = folder(&t, "bad", &[("works.csv", b"title,licence\nx,MIT\n")]);
    let text = folder(&t, "text", &[("list.txt", b"file\n")]);
    for (place, word) in [
        (root.clone(), "several lists"),
        (none, "neither `file` nor `sha256`"),
        (text.join("list.txt"), "is no list"),
        (t.settings.data_dir.join("gone"), "can't be read"),
    ] {
        let import = imported(&t, &rosa, &place, &ImportSettings::default()).await;
        assert_eq!(counts(&import), (TaskState::Failed, 0, 0, 0, 0));
        assert!(import.problem.as_ref().unwrap().contains(word), "{import:?}");
    }
    let named = ImportSettings { list: "a.csv".into(), ..ImportSettings::default() };
    assert_eq!(counts(&imported(&t, &rosa, &root, &named).await), (TaskState::Done, 0, 0, 0, 0));
    t.finish().await;
}

async fn what_a_file_says_against_its_list(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let xmp = r#"XML:com.adobe.xmp     <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
        xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" xmlns:cc="http://creativecommons.org/ns#"
        plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING"/></rdf:RDF>"#;
    let reserved = with_itxt(&picture(1), &xmp.replacen("     ", "\0\0\0\0\0", 1));
    let nc = drawing("a bat", "Orlando", "http://creativecommons.org/licenses/by-nc/4.0/");
    let list = "file,title,author,licence\na.png,Reserved,Ana,CC0-1.0\nb.svg,Bat,Ana,CC-BY-4.0\n";
    let root = folder(&t, "set", &[("works.csv", list.as_bytes()), ("a.png", &reserved), ("b.svg", nc.as_bytes())]);
    let import = imported(&t, &rosa, &root, &ImportSettings::default()).await;
    let rows = report(&t, &import).await;
    assert_eq!(counts(&import), (TaskState::Done, 2, 2, 0, 0), "{rows:?}");
    assert!(rows[0].note.contains("reserved: plus:DataMining = DMI-PROHIBITED-AIMLTRAINING"), "{rows:?}");
    assert!(rows[1].note.contains("both bind"), "{rows:?}");
    let mut tx = t.store.read().await.unwrap();
    let terms = storage::terms::of(&mut tx, rows[0].work.unwrap()).await.unwrap();
    assert_eq!(terms.verdict(Usage::Train, "", t.now()).rule, "reserved/plus/train");
    assert!(terms.verdict(Usage::Generate, "", t.now()).permits());
    let seen = storage::terms::reservations(&mut tx, rows[0].work.unwrap()).await.unwrap();
    assert!(seen[0].reservation.seen.contains("rdf:RDF"), "the bytes seen are kept");
    let grants = storage::works::grants(&mut tx, rows[1].work.unwrap()).await.unwrap();
    assert_eq!(grants[0].grant.licence, "CC-BY-4.0");
    assert_eq!(grants[0].grant.licence_concluded(), "CC-BY-4.0 AND CC-BY-NC-4.0");
    let bat = work(&t, &rows[1]).await;
    assert_eq!((bat.title.as_str(), bat.author.as_str()), ("Bat", "Ana"), "the list is not overruled by the file");
    drop(tx);
    // A reserved work can't be frozen for training.
    let frozen = colophon::actions::freeze_dataset::freeze_dataset(&t, &rosa, "set", vec![rows[0].work.unwrap()]).await;
    assert!(frozen.unwrap_err().to_string().contains("reserved/plus/train"));
    t.finish().await;
}

/// A PNG with a text chunk before its end.
fn with_itxt(png: &[u8], text: &str) -> Vec<u8> {
    let end = png.len() - 12;
    let mut chunk = (text.len() as u32).to_be_bytes().to_vec();
    chunk.extend(b"iTXt");
    chunk.extend(text.as_bytes());
    chunk.extend(crc32fast::hash(&chunk[4..]).to_be_bytes());
    [&png[..end], &chunk, &png[end..]].concat()
}

async fn a_work_by_hand_with_everything(kind: Kind) {
    let t = TestInstance::new(kind).await;
    let rosa = t.actor("Rosa", &[Role::RightsHolder]).await;
    let sent = Registration {
        row: Row {
            title: "Etching".into(),
            creators: colophon::works::creator::parse_creators("Ana (etcher) 75 %; Ben 25 %").unwrap(),
            rights_holder: "The Estate".into(),
            created: "1905".into(),
            licence: "CC-BY-4.0".into(),
            sha256: Some(sha256_of(b"kept at home")),
            media_type: "image/tiff".into(),
            ..Row::default()
        },
        evidence: vec![("letter.pdf".into(), b"%PDF".to_vec())],
        ..Registration::default()
    };
    let (id, _) = register_work(&t, &rosa, sent.clone()).await.unwrap();
    let mut tx = t.store.read().await.unwrap();
    let found = storage::works::find(&mut tx, id).await.unwrap().unwrap().work;
    assert_eq!((found.author.as_str(), found.held, found.media_type.as_str()), ("Ana and Ben", false, "image/tiff"));
    assert_eq!(found.evidence_files[0].sha256, Digest::of(b"%PDF").sha256);
    drop(tx);
    assert!(matches!(register_work(&t, &rosa, sent.clone()).await, Err(Error::Conflict(_))));
    let order = colophon::actions::request_image::Order { with: vec![id], ..crate::support::order("an etching", 1) };
    let refused = colophon::actions::choose_works::choose_works(&t, &order, "Rosa").await.unwrap_err();
    assert!(refused.to_string().contains("only its hash is registered"), "{refused}");
    let too_much = Registration { evidence: vec![("x".into(), vec![0; 9 << 20])], ..sent };
    assert!(matches!(register_work(&t, &rosa, too_much).await, Err(Error::Invalid(_))));
    t.finish().await;
}

#[test]
fn a_drawing_is_rendered_from_its_own_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.svg");
    let red = r##"<svg xmlns="http://www.w3.org/2000/svg"><rect width="50" height="50" fill="#ff0000"/></svg>"##;
    std::fs::write(&secret, red).unwrap();
    let path = secret.display().to_string();
    for href in [path.clone(), format!("file://{path}"), "https://example.org/x.svg".to_owned()] {
        let svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="50" height="50">
            <rect width="50" height="50" fill="#00ff00"/><image width="50" height="50" xlink:href="{href}"/></svg>"##
        );
        let rgb = colophon::works::sources::render::render_into(&svg, 16).unwrap();
        assert_eq!(rgb[(8 * 16 + 8) * 3..][..3], [0, 255, 0], "{href}");
    }
}
