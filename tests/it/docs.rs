//! The README, held to its word: its commands are understood as written, the first ones do what they say, and every setting and exit
//! code stands in it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use colophon::config::SETTINGS;

use crate::support::binary::{Scene, command};

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// Lines of the `sh` blocks.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect()
}

/// Words of a command as the shell splits them.
fn words(line: &str) -> Vec<String> {
    let output = Command::new("bash").args(["-c", &format!("printf '%s\\0' {line}")]).output().unwrap();
    assert!(output.status.success(), "the shell does not understand: {line}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// What is wrong with a command of the README.
fn problem(line: &str) -> Option<String> {
    let mut words = words(line);
    while words.first().is_some_and(|word| word.starts_with("COLOPHON_")) {
        let name = words.remove(0).split('=').next().unwrap().trim_start_matches("COLOPHON_").to_lowercase();
        if !SETTINGS.iter().any(|s| s.name == name) && name != "config" && !name.starts_with("test_") {
            return Some(format!("there is no setting `{name}`"));
        }
    }
    let parts: Vec<&str> = words.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["cargo", "run", "--", args @ ..]
        | ["cargo", "run", "--release", "--", args @ ..]
        | ["cargo", "run", "--release", "--features", "cuda", "--", args @ ..]
        | ["colophon", args @ ..] => {
            // Everything before `--help` is read first; what is not understood is refused.
            let scene = Scene::empty();
            let output = scene.command().args(args).arg("--help").output().unwrap();
            (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
        }
        ["cargo", "build" | "bench" | "install" | "test", ..] => None,
        [script, ..] if script.contains('/') => {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
            let runs = std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o111 != 0);
            (!runs).then(|| format!("`{script}` is no program"))
        }
        _ => Some("a command of a kind that this test does not know".to_owned()),
    }
}

#[test]
fn every_command_of_the_readme_is_understood() {
    let commands = commands(&readme());
    assert!(commands.len() >= 5, "{commands:?}");
    for line in &commands {
        assert_eq!(problem(line), None, "{line}");
    }
    assert!(commands.iter().position(|c| c == "cargo run -- serve") < Some(2), "how to start it stands at the top");
    assert!(commands.iter().position(|c| c == "tests/run").is_some_and(|at| at < 2), "and how to test it");
}

#[test]
fn a_command_that_is_not_understood_is_found() {
    for line in [
        "cargo run -- paint",
        "cargo run -- generate \"a cat\" --sede 7 -o a.png",
        "COLOPHON_COLOUR=red cargo run -- serve",
        "tests/no-such-script",
        "Cargo.toml/",
        "frobnicate",
    ] {
        assert!(problem(line).is_some(), "{line}");
    }
    assert_eq!(commands("a\n```sh\none\n\n# no\n two\n```\n```\nthree\n```\n```sh\nfour\n```"), ["one", "two", "four"]);
}

#[test]
fn the_commands_that_make_and_check_a_picture_do_so() {
    let scene = Scene::founded();
    let folder = scene.data().parent().unwrap().to_owned();
    let mut ran = 0;
    for line in commands(&readme()) {
        let words = words(&line);
        let Some(args) = line.strip_prefix("cargo run -- ").map(|_| &words[3..]) else { continue };
        // Models that are not shipped are drawn with in `processes`.
        if !["generate", "verify"].contains(&args[0].as_str()) || args.iter().any(|a| a == "--log" || a == "--model") {
            continue;
        }
        let output = command(&folder).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("Trusted") && said.contains("Logged at index"), "{line}: {output:?}");
        ran += 1;
    }
    assert!(ran >= 2, "one makes and one checks");
}

#[test]
fn every_setting_stands_in_the_readme() {
    let readme = readme();
    for setting in SETTINGS {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{}` |", setting.name)));
        let row = row.unwrap_or_else(|| panic!("`{}` has no row", setting.name));
        assert!(row.contains(setting.doc), "{row} does not say: {}", setting.doc);
        let default = if setting.default.is_empty() { "| – |".to_owned() } else { format!("| `{}` |", setting.default) };
        assert!(row.contains(&default), "{row}: the default is {default}");
    }
    let rows = readme.lines().skip_while(|l| !l.starts_with("| setting |")).skip(2).take_while(|l| l.starts_with('|')).count();
    assert_eq!(rows, SETTINGS.len(), "and no other");
    assert!(readme.contains("COLOPHON_CONFIG") && readme.contains("colophon.toml"));
}

#[test]
fn every_exit_code_of_verify_stands_in_the_readme() {
    let readme = readme();
    for code in [0].into_iter().chain(10..=18) {
        assert!(readme.lines().any(|line| line.starts_with(&format!("| {code} |"))), "exit code {code}");
    }
}
