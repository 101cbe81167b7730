//! Picture search, measured on the 6,708 shipped works. Prints tables; asserts nothing.
//!
//! ```text
//! cargo bench --profile dev --bench likeness                    all parts
//! cargo bench --profile dev --bench likeness -- recall          changed copies: found, and others taken for them
//! cargo bench --profile dev --bench likeness -- index           a million works: room, time of a look, time of a start
//! cargo bench --profile dev --bench likeness -- gate            mild variations, and pictures drawn by words
//! cargo bench --profile dev --bench likeness -- recovery        200 drawn pictures, damaged: which original
//! cargo bench --profile dev --bench likeness -- recall --queries all  so many works are asked for, evenly chosen (default 1000)
//! cargo bench --profile dev --bench likeness -- index --rows N  so many works in the large index (default 1,000,000)
//! ```
//!
//! Parts can be named together. Starts are measured on SQLite, and on PostgreSQL where COLOPHON_TEST_POSTGRES_URL names an empty
//! database. What was taken for another work goes to `target/likeness/`: `false.txt`, and sheets of pairs for eyes.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

#[path = "likeness/changes.rs"]
mod changes;
#[path = "likeness/gate.rs"]
mod gate;
#[path = "likeness/index.rs"]
mod index;
#[path = "likeness/recall.rs"]
mod recall;
#[path = "likeness/recovery.rs"]
mod recovery;
#[path = "likeness/shelf.rs"]
mod shelf;
#[path = "likeness/versions.rs"]
mod versions;

use std::path::{Path, PathBuf};

use gate::Studio;
use shelf::Shelf;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PARTS: [&str; 4] = ["recall", "index", "gate", "recovery"];
const QUERIES: usize = 1_000;
const ROWS: u64 = 1_000_000;

/// Where pairs for eyes go.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/likeness");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The value that a share of the values does not exceed; sorts them.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len().saturating_sub(1) as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// `part` of `whole`, in per cent.
fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// Does `one` for each on two threads; the answers in the order of the items.
fn in_two<I: Sync, T: Send>(items: &[I], one: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let (half, one) = (items.len().div_ceil(2).max(1), &one);
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            items.chunks(half).map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<T>>())).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let (mut parts, mut queries, mut rows) = (Vec::new(), QUERIES, ROWS);
    let mut words = given.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--queries" => match words.next() {
                Some("all") => queries = usize::MAX,
                number => queries = number.and_then(|n| n.parse().ok()).expect("a number or `all` follows"),
            },
            "--rows" => rows = words.next().and_then(|n| n.parse().ok()).expect("a number follows"),
            part if PARTS.contains(&part) => parts.push(part),
            other => panic!("`{other}` is no part: name some of {}", PARTS.join(", ")),
        }
    }
    if parts.is_empty() {
        parts.extend(PARTS);
    }
    let shelf = Shelf::open();
    let mut studio = None;
    for part in parts {
        match part {
            "recall" => recall::run(&shelf, queries),
            "index" => index::run(&shelf, queries, rows),
            "gate" => gate::run(&shelf, studio.get_or_insert_with(|| Studio::open(&shelf))),
            _ => recovery::run(&shelf, studio.get_or_insert_with(|| Studio::open(&shelf))),
        }
    }
}
