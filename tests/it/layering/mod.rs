//! The floors of the house, kept true by reading every source file: which room imports which, where each third-party crate lives, who
//! reads time, chance, environment and files, and that every module says what it is.

mod reader;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reader::paths;
pub use reader::tokens;
use table::{CRATES, ENGINE, EXCEPTIONS, TABLE, TOP, TOUCHES, WRITERS};

// -- the rules --

/// `src/web/pages/mod.rs` → `web/pages`.
fn module_of(file: &str) -> String {
    let path = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
    path.strip_suffix("/mod").unwrap_or(path).to_owned()
}

/// Modules whose file is named by `#[path = "…"]`: file → module.
fn named_files(files: &[(String, String)]) -> BTreeMap<String, String> {
    let mut named = BTreeMap::new();
    for (file, source) in files {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut lines = source.lines().map(str::trim);
        while let Some(line) = lines.next() {
            let Some(name) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) else { continue };
            let module =
                lines.next().unwrap_or_default().trim_start_matches("pub ").trim_start_matches("mod ").trim_end_matches(';');
            named.insert(format!("{folder}/{name}"), format!("{}/{module}", module_of(file)));
        }
    }
    named
}

fn lives_in(module: &str, places: &[&str]) -> bool {
    places
        .iter()
        .any(|place| place.is_empty() || module == *place || module.strip_prefix(place).is_some_and(|r| r.starts_with('/')))
}

/// Everything wrong with these sources (file name, text).
fn check(files: &[(String, String)], dependencies: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    let (engine, elsewhere) = (engine_names(files), named_files(files));
    for (file, source) in files {
        let module = elsewhere.get(file).cloned().unwrap_or_else(|| module_of(file));
        if !source.starts_with("//! ") {
            problems.push(format!("{file}: a module opens with a `//!` line that says what it is"));
        }
        let room = module.split('/').next().unwrap_or_default().to_owned();
        let Some(row) = TABLE.iter().find(|row| row.rooms.contains(&&*room)) else {
            problems.push(format!("{file}: the room `{room}` stands in no row of the table"));
            continue;
        };
        for named in paths(&module, source) {
            let whole = named.to_string();
            let excepted = EXCEPTIONS.iter().any(|(from, what, _)| file == from && whole == *what);
            if excepted {
                continue;
            }
            let mut wrong = |what: String| problems.push(format!("{file}:{}: {what}", named.line));
            if named.path[0] == "crate" {
                // `crate::name` of the room itself, or the crate's root.
                let Some(to) = named.path.get(1) else { continue };
                let allowed = *to == room || row.may_import.iter().any(|rooms| rooms.contains(&to.as_str()));
                if !allowed {
                    wrong(format!("`{room}` must not import `{whole}`"));
                }
                let inside = named.path[1..].join("::");
                let names_engine =
                    row.not == ENGINE && engine.iter().any(|e| inside == *e || inside.starts_with(&format!("{e}::")));
                if names_engine {
                    wrong(format!("`{room}` must not know `{inside}`"));
                }
            } else if let Some((name, places)) = CRATES.iter().find(|(name, _)| named.path[0] == *name)
                && !lives_in(&module, places)
            {
                wrong(format!("the crate `{name}` lives in {}, not here: `{whole}`", places.join(", ")));
            }
            for (words, places, instead) in TOUCHES {
                let touched =
                    whole == *words || whole.starts_with(&format!("{words}::")) || whole.ends_with(&format!("::{words}"));
                if touched && !lives_in(&module, places) {
                    wrong(format!("`{words}` is for {}: {instead}", places.join(", ")));
                }
            }
        }
        let signs = tokens(source);
        for three in signs.windows(3) {
            if three[0].text == "." && three[1].text == "begin" && three[2].text == "(" && !lives_in(&module, WRITERS) {
                problems.push(format!("{file}:{}: only actions begin and commit: `{room}` reads", three[1].line));
            }
        }
    }
    for name in dependencies.iter().filter(|name| !CRATES.iter().any(|(each, _)| each == name)) {
        problems.push(format!("Cargo.toml: the crate `{name}` has no place in the table"));
    }
    for (name, _) in CRATES.iter().filter(|(name, _)| !dependencies.contains(*name)) {
        problems.push(format!("the table gives the crate `{name}` a place, and Cargo.toml does not name it"));
    }
    problems
}

/// The names by which `generation` hands out its engine and tensors.
fn engine_names(files: &[(String, String)]) -> Vec<String> {
    let map = files.iter().find(|(file, _)| file == "src/generation/mod.rs").map_or("", |(_, source)| source.as_str());
    let exported = paths("generation", map)
        .into_iter()
        .filter(|named| ["engine", "candle"].contains(&&*named.path[0]))
        .filter_map(|named| named.path.last().map(|name| format!("generation::{name}")));
    ENGINE.iter().map(|name| (*name).to_owned()).chain(exported).collect()
}

/// What lies at the top and should not, by the names there and the text of `.gitignore`.
fn strangers(names: &[String], ignored: &str) -> Vec<String> {
    let ignored: Vec<&str> = ignored.lines().map(|line| line.trim().trim_matches('/')).filter(|line| !line.is_empty()).collect();
    names
        .iter()
        .filter(|name| !TOP.contains(&name.as_str()) && !name.starts_with('.') && !name.starts_with("LICENSE"))
        .filter(|name| {
            !ignored.iter().any(|rule| rule == name || rule.strip_prefix('*').is_some_and(|ending| name.ends_with(ending)))
        })
        .cloned()
        .collect()
}

// -- this repository --

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`, by its path from the root, with its text.
pub fn sources(folder: &str) -> Vec<(String, String)> {
    let (mut files, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

fn dependencies() -> BTreeSet<String> {
    let manifest: toml::Table = std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    manifest["dependencies"].as_table().unwrap().keys().map(|name| name.replace('-', "_")).collect()
}

#[test]
fn every_room_keeps_to_the_table() {
    let files = sources("src");
    assert!(files.len() > 80, "{} files were read", files.len());
    let problems = check(&files, &dependencies());
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_room_of_the_map_is_in_the_table_and_every_exception_is_used() {
    let map = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rooms: Vec<&str> = map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(rooms.len() > 15, "{rooms:?}");
    for room in rooms {
        assert!(TABLE.iter().any(|row| row.rooms.contains(&room)), "`{room}` stands in no row");
    }
    for (file, what, reason) in EXCEPTIONS {
        assert!(reason.len() > 20, "{file}: say why");
        let source = std::fs::read_to_string(root().join(file)).unwrap();
        let used = paths(&module_of(file), &source).iter().any(|named| named.to_string() == *what);
        assert!(used, "the exception for {file} and {what} is needed no more");
    }
}

#[test]
fn nothing_else_lies_at_the_top() {
    let names: Vec<String> =
        std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let ignored = std::fs::read_to_string(root().join(".gitignore")).unwrap();
    assert_eq!(strangers(&names, &ignored), Vec::<String>::new());
}

#[test]
fn modules_of_the_tests_say_what_they_are() {
    for (file, source) in sources("tests/it") {
        assert!(source.starts_with("//! "), "{file} opens with a `//!` line");
    }
}

// -- each rule fires --

/// What is found in one small source; the manifest is as it should be.
fn found(file: &str, body: &str) -> Vec<String> {
    let engine =
        "//! Pictures.\npub use engine::{Engine, EngineError};\npub use candle::CandleBackend;\npub use fake::FakeBackend;\n";
    let files = [("src/generation/mod.rs".to_owned(), engine.to_owned()), (file.to_owned(), format!("//! A module.\n{body}"))];
    check(&files, &CRATES.iter().map(|(name, _)| (*name).to_owned()).collect())
}

#[test]
fn a_forbidden_import_is_found_however_it_is_written() {
    for body in [
        "use crate::storage::Tx;",
        "use crate::{clock::{self, Clock}, storage::{Tx as T}};",
        "use super::super::storage;",
        "fn f() { crate::storage::works::find(); }",
        "fn f() -> crate::storage::Result<()> { todo() }",
        "pub(in crate::works) fn f() {} use crate as us; mod tests { use super::super::super::storage::Tx; }",
        "#[derive(Debug)] struct A(Option<crate::storage::Tx>);",
        "macro_rules! m { () => { $crate::storage::Tx } }",
        "use colophon::storage::Tx;",
        "const A: &str = \"\\\"\"; use crate::storage::Tx;",
        "const A: char = '\"'; use crate::storage::Tx; const B: char = '\"';",
        "fn f<'a>(a: &'a str) { let r = r#\"x\"y\"#; crate::storage::open() }",
    ] {
        let problems = found("src/works/verdict.rs", body);
        assert!(problems.len() == 1 && problems[0].contains("`works` must not import `crate::storage"), "{body}: {problems:?}");
    }
    assert_eq!(
        found("src/works/verdict.rs", "\n\nuse crate::storage::Tx;"),
        ["src/works/verdict.rs:4: `works` must not import `crate::storage::Tx`"]
    );
}

#[test]
fn what_is_allowed_or_only_spoken_of_is_not_found() {
    for body in [
        "use crate::clock::Timestamp; use super::licence::Terms; use self::x::Y;",
        "// use crate::storage::Tx;\n/* crate::storage /* x */ crate::web */",
        "/// As [`crate::storage::Tx`] says.\nconst A: &str = \"crate::storage::Tx\";",
        "const A: &[u8] = b\"crate::storage::Tx\"; const B: &str = r#\"use crate::web::X;\"#;",
        "mod tests { use super::*; use super::super::licence; }",
        "use std::time::Duration; fn f() { std::time::Duration::ZERO; my::sqlx::x(); }",
    ] {
        assert_eq!(found("src/works/verdict.rs", body), Vec::<String>::new(), "{body}");
    }
}

#[test]
fn a_module_in_a_file_of_another_name_is_read_where_it_stands() {
    let outer = "//! A.\n#[cfg(test)]\n#[path = \"b_tests.rs\"]\nmod tests;\n";
    let files = |inner: &str| {
        [("src/works/b.rs".to_owned(), outer.to_owned()), ("src/works/b_tests.rs".to_owned(), format!("//! B.\n{inner}"))]
    };
    let all = CRATES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(check(&files("use super::super::licence; use super::X;"), &all), Vec::<String>::new());
    assert_eq!(check(&files("use super::super::super::ledger::X;"), &all).len(), 1);
}

#[test]
fn upward_and_sideways_imports_are_found() {
    for (file, import) in [
        ("src/id.rs", "crate::works::Work"),
        ("src/works/work.rs", "crate::ledger::Statement"),
        ("src/policy/decide.rs", "crate::lineage::Model"),
        ("src/provenance/sign.rs", "crate::works::Work"),
        ("src/generation/library.rs", "crate::works::Work"),
        ("src/storage/works.rs", "crate::actions::Instance"),
        ("src/storage/works.rs", "crate::provenance::Verdict"),
        ("src/actions/record.rs", "crate::jobs::worker"),
        ("src/jobs/worker.rs", "crate::web::router"),
        ("src/web/api/images.rs", "crate::jobs::worker"),
        ("src/web/mod.rs", "crate::cli::main"),
        ("src/lib.rs", "crate::works::Work"),
        ("src/unheard_of.rs", "crate::works::Work"),
    ] {
        assert_eq!(found(file, &format!("use {import};")).len(), 1, "{file} {import}");
    }
    for (file, import) in [
        ("src/policy/decide.rs", "crate::works::Work"),
        ("src/web/state.rs", "crate::actions::Instance"),
        ("src/main.rs", "colophon::cli"),
    ] {
        assert_eq!(found(file, &format!("use {import};")), Vec::<String>::new(), "{file} {import}");
    }
}

#[test]
fn the_engine_is_for_jobs_alone() {
    for import in ["engine::Engine", "Engine", "{FakeBackend, EngineError}", "candle", "CandleBackend"] {
        for file in ["src/actions/draw.rs", "src/web/state.rs"] {
            let problems = found(file, &format!("use crate::generation::{import};"));
            assert!(problems.len() == 1 && problems[0].contains("must not know `generation::"), "{import}: {problems:?}");
        }
        assert_eq!(found("src/jobs/worker.rs", &format!("use crate::generation::{import};")), Vec::<String>::new());
    }
    assert_eq!(found("src/actions/draw.rs", "use crate::generation::{FakeBackend, request::DrawRequest};"), Vec::<String>::new());
}

#[test]
fn a_crate_outside_its_room_is_found() {
    for (file, body) in [
        ("src/actions/a.rs", "use sqlx::Row;"),
        ("src/cli/a.rs", "use axum::Router;"),
        ("src/web/api/a.rs", "#[derive(askama::Template)] struct A;"),
        ("src/web/a.rs", "fn f() { c2pa::Reader::new(); }"),
        ("src/actions/a.rs", "use x509_cert::Certificate; "),
        ("src/actions/a.rs", "use ::p384::SecretKey;"),
        ("src/web/a.rs", "fn f() -> image::RgbImage { x }"),
        ("src/jobs/a.rs", "use {candle_core::Tensor as T};"),
        ("src/ledger/a.rs", "use blake3::Hasher;"),
        ("src/policy/a.rs", "use rand_chacha::ChaCha20Rng;"),
        ("src/web/a.rs", "use clap::Parser;"),
        ("src/accounts/role.rs", "use ed25519_dalek::SigningKey;"),
        ("src/web/a.rs", "use ureq::get;"),
        ("src/storage/a.rs", "use zip::ZipArchive;"),
        ("src/actions/a.rs", "use anyhow::Result;"),
        ("src/policy/a.rs", "use tokio::sync::Mutex;"),
    ] {
        let problems = found(file, body);
        assert!(problems.len() == 1 && problems[0].contains("lives in"), "{file} {body}: {problems:?}");
    }
    for (file, body) in [
        ("src/storage/a.rs", "use sqlx::Row;"),
        ("src/web/pages/home.rs", "use askama::Template;"),
        ("src/accounts/key.rs", "use ed25519_dalek::SigningKey;"),
        ("src/actions/a.rs", "fn f(image: Image) { image.x; storage::image::y() }"),
    ] {
        assert_eq!(found(file, body), Vec::<String>::new(), "{file} {body}");
    }
}

#[test]
fn reaching_for_time_chance_environment_files_and_transactions_is_found() {
    for (file, body) in [
        ("src/works/a.rs", "fn f() { std::time::SystemTime::now(); }"),
        ("src/works/a.rs", "use std::time::SystemTime; fn f() { SystemTime::now(); }"),
        ("src/web/a.rs", "fn f() { std::env::var(\"X\"); }"),
        ("src/cli/a.rs", "use std::env; fn f() { env::var_os(\"X\"); }"),
        ("src/policy/a.rs", "fn f() { std::fs::read(\"x\"); }"),
        ("src/ledger/a.rs", "use std::{fs::File, fmt};"),
        ("src/actions/a.rs", "use std::net::TcpStream;"),
        ("src/web/a.rs", "async fn f() { state.store.begin().await; }"),
    ] {
        assert_eq!(found(file, body).len(), 1, "{file} {body}: {:?}", found(file, body));
    }
    // Its crate's room and the rule about it both say so.
    assert_eq!(found("src/actions/a.rs", "fn f() { getrandom::fill(&mut b); }").len(), 2);
    for (file, body) in [
        ("src/clock.rs", "fn f() { std::time::SystemTime::now(); }"),
        ("src/config.rs", "fn f() { std::env::var(\"X\"); std::fs::read(\"x\"); }"),
        ("src/chance.rs", "fn f() { getrandom::fill(&mut b); }"),
        ("src/actions/a.rs", "async fn f() { store.begin().await; env!(\"CARGO_PKG_VERSION\"); }"),
    ] {
        assert_eq!(found(file, body), Vec::<String>::new(), "{file} {body}");
    }
}

#[test]
fn a_silent_module_a_placeless_crate_and_a_stranger_at_the_top_are_found() {
    let all: BTreeSet<String> = CRATES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let silent = |text: &str| check(&[("src/works/a.rs".to_owned(), text.to_owned())], &all).len();
    assert_eq!((silent("//! Works."), silent("use std::fmt;"), silent("\n//! Late."), silent("")), (0, 1, 1, 1));

    let mut more = all.clone();
    more.insert("rocket".to_owned());
    assert_eq!(check(&[], &more), ["Cargo.toml: the crate `rocket` has no place in the table"]);
    more.remove("rocket");
    more.remove("ureq");
    assert_eq!(check(&[], &more).len(), 1);

    let names: BTreeMap<&str, bool> = [
        ("Cargo.toml", true),
        ("src", true),
        (".ci", true),
        ("LICENSE-MIT", true),
        ("target", true),
        ("a.tmp", true),
        ("docs", false),
        ("NOTES.md", false),
        ("package.json", false),
    ]
    .into();
    let all: Vec<String> = names.keys().map(|name| (*name).to_owned()).collect();
    let expected: Vec<&str> = names.iter().filter(|(_, fine)| !**fine).map(|(name, _)| *name).collect();
    assert_eq!(strangers(&all, "/target\n/data\n*.tmp\n"), expected);
}
