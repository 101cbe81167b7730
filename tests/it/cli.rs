//! The built program as a person uses it: a picture and its check, every way in which a file can be wrong, and bad input of every kind.

use std::path::Path;

use colophon::config::SETTINGS;
use colophon::provenance::Format;
use colophon::provenance::encode::{decode, encode};

use crate::support::binary::{Ran, Scene, replace};

/// Makes a picture; its answer.
fn generate(scene: &Scene, prompt: &str, seed: &str, file: &str) -> serde_json::Value {
    scene.run(&["--json", "generate", prompt, "--seed", seed, "-o", file]).expect(0, &[]).json()
}

fn beside(file: &str) -> String {
    format!("{file}.tlog-proof")
}

fn write(scene: &Scene, name: &str, bytes: &[u8]) {
    std::fs::write(scene.path(name), bytes).unwrap();
}

fn read(scene: &Scene, name: &str) -> Vec<u8> {
    std::fs::read(scene.path(name)).unwrap()
}

/// The chunks of a PNG: kind and whole bytes.
fn chunks(file: &[u8]) -> Vec<([u8; 4], Vec<u8>)> {
    let (mut at, mut out) = (8, Vec::new());
    while at < file.len() {
        let length = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize + 12;
        out.push((file[at + 4..at + 8].try_into().unwrap(), file[at..at + length].to_vec()));
        at += length;
    }
    out
}

fn joined(chunks: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let head = b"\x89PNG\r\n\x1a\n".to_vec();
    chunks.iter().fold(head, |file, (_, bytes)| [file, bytes.clone()].concat())
}

/// The pixels of one PNG with the credentials of another.
fn with_manifest_of(pixels: &[u8], credentials: &[u8]) -> Vec<u8> {
    let manifest = chunks(credentials).into_iter().find(|(kind, _)| kind == b"caBX").unwrap();
    let mut parts: Vec<_> = chunks(pixels).into_iter().filter(|(kind, _)| kind != b"caBX").collect();
    parts.insert(1, manifest);
    joined(&parts)
}

#[test]
fn pictures_are_made_from_pictures_of_this_machine_and_drawn_again() {
    let scene = Scene::founded();
    generate(&scene, "a red apple", "7", "a.png");
    // A file of this registry is the image that it is; what is handed in is the operator's own.
    let larger = r#"{"kind":"upscale","factor":2}"#;
    let made = scene.run(&["--json", "generate", "-o", "b.png", "--edit", larger, "--from", "a.png"]).expect(0, &[]).json();
    let image = made["image"].as_str().unwrap().to_owned();
    scene
        .run(&["generate", "-o", "c.png", "--edit", "levels", "--from", &image])
        .expect(0, &["Made from another picture, without a model.", "Its editor Local operator signed it too.", "Trusted"]);
    scene
        .run(&["generate", "a cat", "--seed", "2", "-o", "d.png", "--edit", "sketch", "--sketch", "a.png"])
        .expect(0, &["Seed 2. "]);
    scene.run(&["replay", "--latest", "4"]).expect(0, &["4 of 4 as recorded."]);
    scene.run(&["generate", "-o", "e.png", "--edit", "melt", "--from", &image]).expect(1, &["`melt` is no edit"]);
    scene.run(&["generate", "-o", "e.png", "--edit", "levels", "--from", "none.png"]).expect(1, &["`none.png` can't be read"]);
    scene.run(&["generate", "-o", "e.png", "--edit", "inpaint", "--from", &image]).expect(1, &["needs a mask"]);
    scene.run(&["generate", "-o", "e.png", "--edit", "cutout", "--from", &image, "--seed", "3"]).expect(1, &["leave `seed` out"]);
    scene.run(&["generate", "-o", "e.png"]).expect(2, &["PROMPT"]);
    scene.run(&["generate", "a cat", "-o", "e.png", "--mask", "a.png"]).expect(2, &["--edit"]);
}

#[test]
fn a_receipt_by_itself_is_checked_with_no_service_and_tells_what_it_is_for() {
    let scene = Scene::founded();
    generate(&scene, "a red apple", "7", "a.png");
    let receipt = "a.png.tlog-proof";
    scene
        .run(&["verify", receipt])
        .expect(0, &["Entry 6719 of 6720 in ", "states `image`, for Local operator", "registry's signature on it is good"]);
    let json = scene.run(&["--json", "verify", receipt]).expect(0, &[]).json();
    assert_eq!(
        (json["proved"].as_bool(), json["kind"].as_str(), json["index"].as_u64()),
        (Some(true), Some("image"), Some(6_719))
    );
    // Another log's key, another registry's key, a hash changed, witnesses that have not seen it.
    let other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    scene.run(&["verify", receipt, "--vkey", other]).expect(15, &["Not proved", "another log"]);
    scene.run(&["verify", receipt, "--statement-key", "e932"]).expect(1, &["is not 64 hex digits"]);
    let stranger = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    scene.run(&["verify", receipt, "--statement-key", stranger]).expect(16, &["not signed by the key"]);
    let text = String::from_utf8(read(&scene, receipt)).unwrap();
    let hash = text.lines().skip_while(|line| !line.starts_with("index ")).nth(1).unwrap();
    write(
        &scene,
        "changed.tlog-proof",
        text.replace(hash, &format!("{}{}", if hash.starts_with('A') { "B" } else { "A" }, &hash[1..])).as_bytes(),
    );
    scene.run(&["verify", "changed.tlog-proof"]).expect(16, &["Not proved"]);
    let witness = "witness1.example+7079d8b0+BJPbny7g9+OelC+1lEEZC/ILnEPPzIoFGhUkmc85K3o3";
    write(&scene, "policy", format!("witness one {witness}\nquorum one\n").as_bytes());
    for file in ["a.png", receipt] {
        scene.run(&["verify", file, "--witnesses", "policy"]).expect(16, &["lacks cosignatures"]);
    }
}

#[test]
fn what_is_private_is_erased_when_that_is_meant() {
    let scene = Scene::founded();
    let made = scene.run(&["--json", "generate", "a red apple", "--seed", "7", "--private", "-o", "a.png"]).expect(0, &[]).json();
    let image = made["image"].as_str().unwrap();
    scene.run(&["erase", "image", image]).expect(1, &["nobody is there to be asked", "--yes"]);
    scene.run(&["replay", image]).expect(0, &["1 of 1 as recorded."]);
    let said =
        scene.run(&["erase", "image", image, "--yes"]).expect(0, &["Erased of", "its words", "What stays:", "the commitment"]);
    assert!(!said.said().contains("apple"));
    scene.run(&["replay", image]).expect(1, &["were erased on"]);
    scene.run(&["verify", "a.png"]).expect(0, &["Trusted", "Logged at index"]);
    scene.run(&["erase", "image", image, "--yes"]).expect(1, &["were erased on"]);
    let public = generate(&scene, "a sailboat", "8", "b.png");
    scene.run(&["erase", "image", public["image"].as_str().unwrap(), "--yes"]).expect(1, &["are public", "can't be taken back"]);
    scene.run(&["erase", "account", "Local operator", "--yes"]).expect(1, &["the account of the command line"]);
    scene.run(&["erase", "image", "image_1", "--yes"]).expect(2, &["is not a image id"]);
    scene.run(&["doctor"]).expect(0, &["Nothing is wrong."]);
}

#[test]
fn a_picture_is_made_checked_and_told_apart_from_every_wrong_one() {
    let scene = Scene::founded();
    let made = generate(&scene, "a red apple", "7", "a.png");
    let other = generate(&scene, "a sailboat", "8", "b.png");
    assert_eq!(made["seed"], "7");
    assert_eq!(made["works"].as_array().unwrap().len(), 4);

    // Trusted, logged at its index, under this bundle, from these works under their licences.
    let verified = scene.run(&["--json", "verify", "a.png"]).expect(0, &[]).json();
    assert_eq!((verified["exit_code"].as_u64(), verified["verdict"]["finding"].as_str()), (Some(0), Some("trusted")));
    assert_eq!((verified["logged"]["state"].as_str(), verified["logged"]["index"].as_u64()), (Some("proved"), Some(6_719)));
    assert_eq!(verified["verdict"]["claim"]["licences"]["works"], made["works"]);
    let doctor = scene.run(&["--json", "doctor"]).expect(0, &[]).json();
    let bundle = doctor["facts"]["policy bundle"].as_str().unwrap().to_owned();
    let sentence = verified["sentence"].as_str().unwrap();
    let kinds: std::collections::BTreeSet<&str> =
        made["works"].as_array().unwrap().iter().map(|w| w["licence"].as_str().unwrap()).collect();
    let plural = if kinds.len() == 1 { "licence" } else { "licences" };
    for words in [
        "Trusted".to_owned(),
        "Logged at index 6719 of 6720".to_owned(),
        format!("Policy bundle {bundle}"),
        format!("Draws on 4 works under {} {plural}", kinds.len()),
    ] {
        assert!(sentence.contains(&words), "{words}: {sentence}");
    }
    let said = scene.run(&["verify", "a.png"]).expect(0, &[sentence, "Drawn by Local operator on"]);
    for work in made["works"].as_array().unwrap() {
        let line = format!(
            "“{}” by {}, {}",
            work["title"].as_str().unwrap(),
            work["author"].as_str().unwrap(),
            work["licence"].as_str().unwrap()
        );
        assert!(said.out.contains(&line), "{line}");
    }
    assert!(scene.run(&["verify", "a.png", "--crjson"]).expect(0, &[]).json().is_object());

    // With nothing but what was handed out: no data folder.
    let anchors = Scene::empty();
    for name in ["a.png", "a.png.tlog-proof"] {
        write(&anchors, name, &read(&scene, name));
    }
    write(&anchors, "root.pem", scene.run(&["trust", "c2pa-root"]).expect(0, &["BEGIN CERTIFICATE"]).out.as_bytes());
    let vkey = scene.run(&["trust", "log-vkey"]).expect(0, &["+"]).out;
    anchors.run(&["verify", "a.png", "--root", "root.pem", "--vkey", vkey.trim()]).expect(0, &["Logged at index 6719"]);
    anchors.run(&["verify", "a.png"]).expect(1, &["nothing says whom to trust", "--root"]);
    assert!(!anchors.data().exists(), "checking makes nothing");
    std::fs::remove_file(anchors.path("a.png.tlog-proof")).unwrap();
    anchors.run(&["verify", "a.png", "--root", "root.pem"]).expect(0, &["Trusted", "Not checked against a log", "--receipt"]);

    // 10: one changed pixel, written as a good PNG again.
    let file = read(&scene, "a.png");
    let rgb = decode(&file, Format::Png, 1 << 28).unwrap();
    let mut pixels = rgb.bytes.clone();
    pixels[(20 * 64 + 20) * 3] ^= 0x10;
    let changed = encode(&pixels, rgb.width, rgb.height, Format::Png).unwrap();
    write(&scene, "pixel.png", &with_manifest_of(&changed, &file));
    scene.run(&["verify", "pixel.png"]).expect(10, &["was changed after", "still looks like"]);
    // A byte after the picture, and one inside the credentials.
    let mut inside = file.clone();
    let at = inside.windows(4).position(|w| w == b"caBX").unwrap() + 600;
    inside[at] ^= 1;
    write(&scene, "inside.png", &inside);
    scene.run(&["verify", "inside.png"]).expect(10, &[]);

    // 11: the credentials of another picture.
    write(&scene, "swapped.png", &with_manifest_of(&file, &read(&scene, "b.png")));
    scene.run(&["verify", "swapped.png"]).expect(11, &["for another picture"]);
    // 12: none.
    let bare: Vec<_> = chunks(&file).into_iter().filter(|(kind, _)| kind != b"caBX" && kind != b"iTXt").collect();
    write(&scene, "bare.png", &joined(&bare));
    scene.run(&["verify", "bare.png"]).expect(12, &["no Content Credentials"]);
    // 16: the receipt of another file, one cut short, one changed.
    write(&scene, "c.png", &file);
    let proof = String::from_utf8(read(&scene, &beside("a.png"))).unwrap();
    scene.run(&["verify", "c.png", "--receipt", "b.png.tlog-proof"]).expect(16, &["another file"]);
    write(&scene, "short.proof", &proof.as_bytes()[..proof.len() / 2]);
    scene.run(&["verify", "c.png", "--receipt", "short.proof"]).expect(16, &["receipt"]);
    write(&scene, "moved.proof", proof.replace("index 6719", "index 6718").as_bytes());
    scene.run(&["verify", "c.png", "--receipt", "moved.proof"]).expect(16, &["not number"]);
    write(&scene, "empty.proof", b"");
    scene.run(&["verify", "c.png", "--receipt", "empty.proof"]).expect(16, &["not a receipt"]);
    scene.run(&["verify", "c.png", "--receipt", "no-such.proof"]).expect(1, &["no-such.proof"]);
    // 18: not a picture, or one that is not opened.
    for (name, bytes) in
        [("text.png", &b"hello"[..]), ("nothing.png", b""), ("half.png", &file[..file.len() / 2]), ("eight.png", &file[..8])]
    {
        write(&scene, name, bytes);
        scene.run(&["verify", name]).expect(18, &["cannot be checked"]);
    }
    let mut bomb = file.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0x27, 0x10, 0, 0, 0x27, 0x10]);
    write(&scene, "bomb.png", &bomb);
    scene.run(&["verify", "bomb.png"]).expect(18, &["100 million pixels", "was not opened"]);
    scene.run(&["verify", "no-such.png"]).expect(1, &["can't open", "no-such.png"]);

    // 13 and 15: another service's root, and a receipt of another service's log.
    let stranger = Scene::empty();
    stranger.run(&["generate", "a cat", "--seed", "1", "-o", "s.png"]).expect(0, &["Seed 1."]);
    let root = stranger.data().join("keys/c2pa-root.pem");
    scene.run(&["verify", "b.png", "--root", root.to_str().unwrap()]).expect(13, &["not one that this check trusts"]);
    let foreign = stranger.path("s.png.tlog-proof");
    scene.run(&["verify", "c.png", "--receipt", foreign.to_str().unwrap()]).expect(15, &["from another log"]);

    assert_ne!(other["image"], made["image"]);
    scene.run(&["audit"]).expect(0, &["The log is sound: 6721 entries"]);
    scene.run(&["rebuild"]).expect(0, &["6721 statements"]);
    scene.run(&["--json", "audit"]).expect(0, &["\"sound\":true"]);
}

#[test]
fn the_same_seed_gives_the_same_bytes_before_signing_in_every_format() {
    let scene = Scene::founded();
    let mut pixels = std::collections::BTreeSet::new();
    for ending in ["png", "jpg", "jpeg", "webp", "PNG"] {
        let names = [format!("a.{ending}"), format!("b.{ending}")];
        let made = names.clone().map(|name| generate(&scene, "a lighthouse", "11", &name));
        assert_eq!((&made[0]["pixels"], &made[0]["works"]), (&made[1]["pixels"], &made[1]["works"]));
        pixels.insert(made[0]["pixels"].to_string());
        let files = names.clone().map(|name| read(&scene, &name));
        assert_ne!(files[0], files[1], "each is signed for itself");
        let format = Format::sniff(&files[0]).unwrap();
        assert_eq!(Some(format), Format::from_ending(ending));
        let decoded = files.map(|file| decode(&file, format, 1 << 28).unwrap().bytes);
        assert_eq!(decoded[0], decoded[1]);
        scene.run(&["verify", &names[0]]).expect(0, &["Trusted", "Logged at index"]);
    }
    assert_eq!(pixels.len(), 1, "the real engine draws the same each time");
    let bare = ["a.png", "b.png"].map(|name| {
        let parts: Vec<_> =
            chunks(&read(&scene, name)).into_iter().filter(|(kind, _)| kind != b"caBX" && kind != b"iTXt").collect();
        joined(&parts)
    });
    assert_eq!(bare[0], bare[1], "byte for byte");
    let other = generate(&scene, "a lighthouse", "12", "c.png");
    assert!(!pixels.contains(&other["pixels"].to_string()));
}

#[test]
fn bad_orders_get_a_plain_answer_and_leave_nothing() {
    let scene = Scene::founded();
    let long = "x".repeat(20_000);
    let file = ["-o", "a.png"];
    let order =
        |prompt: &'static str, more: &[&'static str]| -> Vec<&'static str> { [&["generate", prompt][..], more, &file].concat() };
    scene.run(&order("", &[])).expect(1, &["the prompt is empty"]);
    scene.run(&order(" \t ", &[])).expect(1, &["the prompt is empty"]);
    scene.run(&["generate", &long, "-o", "a.png"]).expect(1, &["20000 characters", "at most 2,000"]);
    scene.run(&order("a cat", &["--size", "512x512"])).expect(1, &["`512x512` is not offered", "128x128 only"]);
    scene.run(&order("a cat", &["--size", "big"])).expect(1, &["`big` is not a size", "128x128"]);
    scene.run(&order("a cat", &["--size", "99999999999x1"])).expect(1, &["is not a size"]);
    scene.run(&order("a cat", &["--steps", "0"])).expect(1, &["steps", "1 to 100"]);
    scene.run(&order("a cat", &["--steps", "many"])).expect(2, &["--steps"]);
    scene.run(&order("a cat", &["--guidance", "NaN"])).expect(1, &["guidance"]);
    scene.run(&order("a cat", &["--start", "1"])).expect(1, &["start", "below 0.95"]);
    scene.run(&order("a cat", &["--style", "impressionist"])).expect(1, &["`impressionist` is not offered", "choose one of"]);
    scene.run(&order("a cat", &["--seed=-1"])).expect(2, &["--seed"]);
    scene.run(&order("a cat", &["--use", "war"])).expect(2, &["--use"]);
    scene.run(&["generate", "a cat", "-o", "a.gif"]).expect(1, &["`a.gif`", ".png, .jpg or .webp"]);
    scene.run(&["generate", "a cat", "-o", "a"]).expect(1, &["`a`", "no ending"]);
    scene.run(&["generate", "a cat", "-o", "no/such/folder/a.png"]).expect(1, &["`no/such/folder` does not exist"]);
    scene.run(&["generate", "a cat"]).expect(2, &["--output"]);
    scene.run(&["paint"]).expect(2, &["paint"]);
    let denied = scene.run(&order("castle at dusk, greg rutkowski, trending", &[])).expect(3, &[]);
    assert!(denied.err.len() > 60, "it says which rule, why and what instead: {}", denied.err);
    let decided =
        scene.run(&["--json", "generate", "castle at dusk, greg rutkowski, trending", "-o", "a.png"]).expect(3, &[]).json();
    assert_eq!(decided["decision"]["outcome"], "deny");
    scene.run(&["policy", "check", "castle at dusk, greg rutkowski, trending"]).expect(3, &[]);
    scene.run(&["policy", "check", "a red apple"]).expect(0, &[]);
    scene.run(&["policy", "test"]).expect(0, &[" 0 problems"]);
    assert!(!scene.path("a.png").exists() && !scene.path("a.png.tlog-proof").exists());
    // A folder stands where the file should be: the picture is on record all the same, and the reason is said.
    std::fs::create_dir(scene.path("folder.png")).unwrap();
    scene.run(&["generate", "a cat", "-o", "folder.png"]).expect(1, &["folder.png"]);
    scene.run(&["audit"]).expect(0, &["is sound"]);
}

#[test]
fn private_words_are_not_in_the_file() {
    let scene = Scene::founded();
    scene.run(&["generate", "a fish called quuxbarwicket", "--private", "--seed", "3", "-o", "p.png"]).expect(0, &["Trusted"]);
    let (file, proof) = (read(&scene, "p.png"), read(&scene, "p.png.tlog-proof"));
    let holds = |bytes: &[u8]| bytes.windows(13).any(|w| w == b"quuxbarwicket");
    assert!(!holds(&file) && !holds(&proof));
    let shown = scene.run(&["--json", "verify", "p.png"]).expect(0, &[]);
    assert!(!shown.said().contains("quuxbarwicket"));
    let public = scene.run(&["generate", "a fish called quuxbarwicket", "--seed", "3", "-o", "q.png"]).expect(0, &[]);
    assert_eq!(public.code, 0);
    assert!(holds(&read(&scene, "q.png")));
}

/// The same answer from every command that opens the instance.
fn refused(scene: &Scene, environment: &[(&str, &str)], words: &[&str]) -> Vec<Ran> {
    [&["audit"][..], &["generate", "a cat", "-o", "a.png"], &["rebuild"], &["trust", "log-vkey"]]
        .iter()
        .map(|args| scene.run_with(environment, args).expect(1, words))
        .collect()
}

#[test]
fn folders_and_databases_that_can_not_be_used_are_named() {
    let scene = Scene::empty();
    write(&scene, "file", b"not a folder");
    let below = scene.path("file/data");
    let ran = scene.run(&["--data-dir", below.to_str().unwrap(), "audit"]);
    // The flag stands twice, so the command line itself is refused; the environment says it once.
    assert_eq!(ran.code, 2);
    let mut command = scene.command();
    let output = command.env("COLOPHON_DATA_DIR", &below).arg("audit").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("file/data") && said.contains("may be written") && !said.contains("panicked"), "{said}");

    refused(&scene, &[("COLOPHON_DATABASE_URL", "mysql://me:hush-hush@db.example/x")], &["database_url", "`sqlite://FILE`"]);
    refused(&scene, &[("COLOPHON_DATABASE_URL", "nonsense")], &["database_url", "postgres://"]);
    assert!(!scene.data().join("keys").exists(), "no key is made before the settings are right");
    scene
        .run_with(&[("COLOPHON_DATABASE_URL", "postgres://me:hush-hush@127.0.0.1:9/none")], &["doctor"])
        .expect(1, &["can't reach PostgreSQL", "check database_url", "(hidden)@127.0.0.1:9/none"]);
    let below = format!("sqlite://{}/db.sqlite", scene.path("file").display());
    scene.run_with(&[("COLOPHON_DATABASE_URL", &below)], &["audit"]).expect(1, &["can't open the database", "file/db.sqlite"]);
    write(&scene, "other.sqlite", &[7; 8192]);
    let foreign = format!("sqlite://{}", scene.path("other.sqlite").display());
    scene.run_with(&[("COLOPHON_DATABASE_URL", &foreign)], &["audit"]).expect(1, &["not a database"]);
}

#[test]
fn settings_that_can_not_be_used_are_named() {
    let scene = Scene::empty();
    for (name, value, words) in [
        ("COLOPHON_QUEUE", "0", "1 to 1000"),
        ("COLOPHON_LISTEN", "somewhere", "127.0.0.1:8080"),
        ("COLOPHON_SESSION_DAYS", "1e9", "1 to 90"),
        ("COLOPHON_LOG_FORMAT", "xml", "`text` or `json`"),
        ("COLOPHON_PUBLIC_URL", "ftp://x", "http://"),
        ("COLOPHON_CONFIG", "no-such.toml", "no-such.toml"),
    ] {
        scene.run_with(&[(name, value)], &["audit"]).expect(1, &[words]);
    }
    write(&scene, "colophon.toml", b"colour = 1");
    scene.run(&["audit"]).expect(1, &["no setting `colour`", "colophon doctor"]);
    write(&scene, "colophon.toml", b"queue = ");
    scene.run(&["audit"]).expect(1, &["colophon.toml", "not valid TOML"]);
    assert!(!scene.data().exists(), "nothing is made before the settings are right");
    std::fs::remove_file(scene.path("colophon.toml")).unwrap();
    scene.run_with(&[("COLOPHON_POLICIES_DIR", "no-such-folder")], &["audit"]).expect(1, &["no-such-folder"]);
}

#[test]
fn doctor_shows_every_setting_and_every_fault() {
    let scene = Scene::founded();
    let said = scene.run(&["doctor"]).expect(0, &["Nothing is wrong.", "6708 by 247 authors"]);
    for setting in SETTINGS {
        assert!(said.out.contains(&format!("  {} ", setting.name)) && said.out.contains(setting.doc), "{}", setting.name);
    }
    let json = scene.run_with(&[("COLOPHON_QUEUE", "5")], &["--json", "doctor"]).expect(0, &[]).json();
    let shown: Vec<&str> = json["settings"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(shown, SETTINGS.iter().map(|s| s.name).collect::<Vec<_>>());
    let queue = json["settings"].as_array().unwrap().iter().find(|s| s["name"] == "queue").unwrap().clone();
    assert_eq!((queue["value"].as_str(), queue["from"].as_str()), (Some("5"), Some("environment")));
    let weights = scene.data().join("models/colophon-mini-2/weights.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    for bytes in [Some(&whole[..whole.len() - 1]), Some(&b""[..]), None] {
        match bytes {
            Some(bytes) => replace(&weights, bytes),
            None => std::fs::remove_file(&weights).unwrap(),
        }
        let words = ["weights.safetensors", "start again to unpack the embedded model"];
        scene.run(&["doctor"]).expect(1, &words);
        scene.run(&["generate", "a cat", "-o", "a.png"]).expect(1, &words);
        scene.run(&["audit"]).expect(0, &["is sound"]);
    }
    assert!(!scene.path("a.png").exists());
    std::fs::write(&weights, whole).unwrap();
    scene.run(&["generate", "a cat", "-o", "a.png"]).expect(0, &["Trusted"]);

    spoil_a_blob(&scene.data());
    scene.run(&["audit"]).expect(1, &["NOT sound", "gone from the blob store"]);
    scene.run(&["--json", "audit"]).expect(1, &["\"sound\":false"]);
    scene.run(&["doctor"]).expect(1, &["gone from the blob store"]);
}

fn spoil_a_blob(data: &Path) {
    let folders = std::fs::read_dir(data.join("blobs")).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let smallest = files.min_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap();
    std::fs::remove_file(smallest).unwrap();
}
