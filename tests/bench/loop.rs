//! How long `colophon generate` takes, warm, and where the time goes: the whole process from outside, the parts as it reports them, its peak
//! memory, and what an idle service holds. Prints medians; asserts nothing.
//!
//! `cargo bench --profile dev` measures what `cargo run` starts; `cargo bench --profile release` the packaged program.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const RUNS: usize = 15;
const PARTS: [&str; 8] = ["total_ms", "open_ms", "load_ms", "choose_ms", "draw_ms", "encode_ms", "sign_ms", "log_ms"];

fn colophon(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colophon"));
    command.arg("--data-dir").arg(dir.join("data")).current_dir(dir);
    command
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn generate(dir: &Path, seed: usize) -> (f64, serde_json::Value) {
    let begun = Instant::now();
    let out = colophon(dir)
        .args(["--json", "generate", "a red apple", "-o", "a.png", "--seed"])
        .arg(seed.to_string())
        .output()
        .unwrap();
    let took = begun.elapsed().as_secs_f64() * 1e3;
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    (took, serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap()["times"].clone())
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    assert!(colophon(dir.path()).arg("init").output().unwrap().status.success());
    let first_start = begun.elapsed();
    // Two runs to warm the caches.
    (0..2).for_each(|seed| drop(generate(dir.path(), seed)));
    let runs: Vec<_> = (0..RUNS).map(|n| generate(dir.path(), 10 + n)).collect();
    let whole = median(runs.iter().map(|(took, _)| *took).collect());
    let part = |name: &str| median(runs.iter().map(|(_, times)| times[name].as_f64().unwrap_or(f64::NAN)).collect());
    println!("first start (6,708 works imported)   {:8.0} ms", first_start.as_secs_f64() * 1e3);
    println!("colophon generate, warm, {RUNS} runs, medians:");
    println!("  whole process                      {whole:8.1} ms");
    for name in PARTS {
        println!(
            "  {:<10}                         {:8.1} ms  {:5.1} %",
            name.trim_end_matches("_ms"),
            part(name),
            part(name) / whole * 100.0
        );
    }
    println!(
        "  signing and logging together       {:8.1} ms  {:5.1} %",
        part("sign_ms") + part("log_ms"),
        (part("sign_ms") + part("log_ms")) / whole * 100.0
    );
    println!("  peak memory                        {:8.0} MiB", part("peak_memory_mib"));
    println!("idle service                         {:8.0} MiB", idle(dir.path()));
}

/// Resident memory of a service that has drawn nothing yet and answers.
fn idle(dir: &Path) -> f64 {
    let mut child =
        colophon(dir).args(["--listen", "127.0.0.1:0", "serve"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("ready"));
    std::thread::sleep(std::time::Duration::from_secs(2));
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    child.kill().unwrap();
    child.wait().unwrap();
    kib.unwrap_or(f64::NAN) / 1024.0
}
