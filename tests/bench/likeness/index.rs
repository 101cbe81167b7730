//! A million works in the index: room, time of a look, whether the own work is still among the proposals; and the start from a
//! database.

use std::time::Instant;

use colophon::chance::SeededChance;
use colophon::clock::Timestamp;
use colophon::digest::{blake3_of, sha256_of};
use colophon::generation::noise::normal;
use colophon::id::WorkId;
use colophon::likeness::{Descriptor, Fingerprints, Index, Iscc, PROPOSED, Pdq, PerceptualHash256, Subject};
use colophon::storage::{self, Store, Tx};

use crate::changes::ALL;
use crate::shelf::{Shelf, seen};
use crate::{in_two, percent, quantile};

const WIDTH: usize = 64;
/// Length of a descriptor.
const LENGTH: f64 = 127.0;
/// Works made at once.
const BATCH: u64 = 10_000;
/// Rows that the service reads at once.
const ROWS: u32 = 20_000;
const LOOKS: usize = 200;
/// Queries by change are this many times fewer than in `recall`: each costs a look at a million.
const FEWER: usize = 5;
/// Seconds that a start may take to read the index.
const START: f64 = 5.0;

/// Works that never were, told by their number.
struct Invented {
    mean: [f64; WIDTH],
    /// Lower triangle whose product with itself is the covariance.
    root: Vec<[f64; WIDTH]>,
}

impl Invented {
    /// With descriptors as those of the shipped works: a normal distribution of their mean and covariance.
    fn like(rows: &[Descriptor]) -> Self {
        let count = rows.len() as f64;
        let mut mean = [0f64; WIDTH];
        for row in rows {
            mean.iter_mut().zip(row).for_each(|(to, x)| *to += f64::from(*x) / count);
        }
        let mut covariance = vec![[0f64; WIDTH]; WIDTH];
        for row in rows {
            let apart: [f64; WIDTH] = std::array::from_fn(|i| f64::from(row[i]) - mean[i]);
            for (to, a) in covariance.iter_mut().zip(apart) {
                to.iter_mut().zip(apart).for_each(|(to, b)| *to += a * b / count);
            }
        }
        Self { mean, root: cholesky(&covariance) }
    }

    /// Works `from..to`.
    fn made(&self, from: u64, to: u64) -> Vec<(Subject, Fingerprints)> {
        let noise = normal(from, (to - from) as usize * WIDTH);
        let one = |(n, noise): (u64, &[f32; WIDTH])| {
            let row: [f64; WIDTH] = std::array::from_fn(|i| {
                self.mean[i] + self.root[i][..=i].iter().zip(noise).map(|(a, b)| a * f64::from(*b)).sum::<f64>()
            });
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-9);
            let descriptor = row.map(|x| (x / length * LENGTH).round() as i8);
            let pdq = Pdq { hash: PerceptualHash256(blake3_of(&n.to_le_bytes()).0), quality: 100 };
            let iscc = Iscc::from_bits(sha256_of(&n.to_le_bytes()).0);
            (Subject::Work(id(n)), Fingerprints { descriptor, pdq, iscc })
        };
        (from..to).zip(noise.as_chunks::<WIDTH>().0).map(one).collect()
    }
}

/// As the service gives them: in the order of registration.
fn id(n: u64) -> WorkId {
    WorkId::new(Timestamp::from_millis(1_764_000_000_000 + n as i64), &SeededChance::new(n))
}

fn cholesky(matrix: &[[f64; WIDTH]]) -> Vec<[f64; WIDTH]> {
    // A little more on the diagonal: rounding must not make it negative.
    let more = 1e-6 * matrix.iter().enumerate().map(|(i, row)| row[i]).sum::<f64>() / WIDTH as f64;
    let mut root: Vec<[f64; WIDTH]> = Vec::with_capacity(WIDTH);
    for (i, row) in matrix.iter().enumerate() {
        let mut next = [0f64; WIDTH];
        for (j, above) in root.iter().enumerate() {
            let known: f64 = above[..j].iter().zip(&next).map(|(a, b)| a * b).sum();
            next[j] = (row[j] - known) / above[j];
        }
        let known: f64 = next[..i].iter().map(|x| x * x).sum();
        next[i] = (row[i] + more - known).max(more).sqrt();
        root.push(next);
    }
    root
}

/// Resident memory, MiB, in pages of 4 KiB.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok()).map_or(f64::NAN, |pages| pages / 256.0)
}

/// `rows` works in memory, then in databases.
pub fn run(shelf: &Shelf, queries: usize, rows: u64) {
    let descriptors: Vec<Descriptor> = shelf.works.iter().map(|work| work.prints.descriptor).collect();
    let invented = Invented::like(&descriptors);
    println!("\n## Index: {rows} invented works and the {} shipped ones\n", shelf.works.len());
    let index = built(shelf, &invented, rows);
    looks(shelf, &index);
    proposals(shelf, &index, shelf.some((queries / FEWER).max(1)).as_slice());
    drop(index);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        println!(
            "\n| start | rows written | index read, {rows} works | within {START} s | commit by another process until found |"
        );
        println!("| --- | ---: | ---: | --- | ---: |");
        let dir = tempfile::tempdir().unwrap();
        start(&format!("sqlite://{}", dir.path().join("colophon.sqlite").display()), &invented, rows).await;
        match server() {
            Some(url) => start(&url, &invented, rows).await,
            None => println!("| postgres | not measured, as COLOPHON_TEST_POSTGRES_URL names no database | | | |"),
        }
    });
}

fn built(shelf: &Shelf, invented: &Invented, rows: u64) -> Index {
    let before = resident();
    let (mut index, mut took) = (Index::default(), 0.0);
    for from in (0..rows).step_by(BATCH as usize) {
        let batch = invented.made(from, (from + BATCH).min(rows));
        let begun = Instant::now();
        batch.iter().for_each(|(subject, prints)| index.add(*subject, prints));
        took += begun.elapsed().as_secs_f64();
    }
    shelf.works.iter().for_each(|work| index.add(Subject::Work(work.id), &work.prints));
    println!("| what | |");
    println!("| --- | ---: |");
    println!("| built in memory | {took:.2} s |");
    println!("| `Index::bytes` | {:.0} MiB |", index.bytes() as f64 / f64::from(1 << 20));
    println!("| resident memory before and after | {before:.0}, {:.0} MiB |", resident());
    index
}

fn looks(shelf: &Shelf, index: &Index) {
    let places = shelf.some(LOOKS);
    let timed = |what: &str, look: &dyn Fn(usize)| {
        let mut times: Vec<f64> = places
            .iter()
            .map(|&at| {
                let begun = Instant::now();
                look(at);
                begun.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        println!("| {what}, p50 and p99 | {:.1}, {:.1} ms |", quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    };
    let prints = |at: usize| &shelf.works[at % shelf.works.len()].prints;
    timed("proposals for one descriptor", &|at| drop(index.proposed_works(&[prints(at).descriptor], PROPOSED)));
    let two = |at: usize| [prints(at).descriptor, prints(at + 1).descriptor];
    timed("proposals for two", &|at| drop(index.proposed_works(&two(at), PROPOSED)));
    timed("nearest by PDQ", &|at| drop(index.works_by_pdq(&prints(at).pdq.hash, PROPOSED)));
    timed("nearest by ISCC", &|at| drop(index.works_by_iscc(&prints(at).iscc, PROPOSED)));
    let begun = Instant::now();
    let digest = index.digest();
    println!("| digest `{}…` | {:.0} ms |", digest.short(), begun.elapsed().as_secs_f64() * 1e3);
}

fn proposals(shelf: &Shelf, index: &Index, asked: &[usize]) {
    println!("\n{} works, each changed: whether the own one is among the {PROPOSED} proposals.\n", asked.len());
    println!("| change | of {} | of {} |", index.works(), shelf.index.works());
    println!("| --- | ---: | ---: |");
    for change in ALL {
        let found = in_two(asked, |&own| {
            let work = &shelf.works[own];
            let descriptors = seen(&change.of(&work.picture)).query().descriptors;
            let among = |index: &Index| index.proposed_works(&descriptors, PROPOSED).contains(&Subject::Work(work.id));
            [among(index), among(&shelf.index)]
        });
        let share = |n: usize| percent(found.iter().filter(|each| each[n]).count() as u64, asked.len() as u64);
        println!("| {} | {:.1} % | {:.1} % |", change.name(), share(0), share(1));
    }
}

/// Reads what is new; how far it came.
async fn read_on(tx: &mut Tx, mut seq: i64, index: &mut Index) -> i64 {
    loop {
        let page = storage::fingerprints::after(tx, seq, ROWS).await.unwrap();
        let whole = page.len() == ROWS as usize;
        for (at, subject, prints) in page {
            seq = at;
            if let Some(prints) = prints {
                index.add(subject, &prints);
            }
        }
        if !whole {
            return seq;
        }
    }
}

async fn write(store: &Store, rows: Vec<(Subject, Fingerprints)>) {
    let rows: Vec<(Subject, Option<Fingerprints>)> = rows.into_iter().map(|(subject, prints)| (subject, Some(prints))).collect();
    let mut tx = store.begin().await.unwrap();
    storage::fingerprints::insert_rows(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
}

async fn start(url: &str, invented: &Invented, rows: u64) {
    let other = Store::open(url).await.unwrap();
    let mut written = 0.0;
    for from in (0..rows).step_by(BATCH as usize) {
        let batch = invented.made(from, (from + BATCH).min(rows));
        let begun = Instant::now();
        write(&other, batch).await;
        written += begun.elapsed().as_secs_f64();
    }
    let store = Store::open(url).await.unwrap();
    let begun = Instant::now();
    let mut index = Index::default();
    let seq = read_on(&mut store.read().await.unwrap(), 0, &mut index).await;
    let took = begun.elapsed().as_secs_f64();
    // One that no earlier run has left there.
    let new = invented.made(rows, rows + 1);
    let (subject, prints) = new[0];
    let unknown = index.of(subject).is_none();
    write(&other, new).await;
    let begun = Instant::now();
    read_on(&mut store.read().await.unwrap(), seq, &mut index).await;
    let seen = index.proposed_works(&[prints.descriptor], 1) == [subject];
    let until = begun.elapsed().as_secs_f64() * 1e3;
    println!(
        "| {} | {written:.1} s | {took:.2} s, {} works | {} | {} |",
        store.dialect(),
        index.works(),
        if took <= START { "yes" } else { "no" },
        if seen && unknown { format!("{until:.1} ms") } else { "not found, or there before: is the database empty?".to_owned() }
    );
    store.close().await;
    other.close().await;
}

#[expect(clippy::disallowed_methods, reason = "which server a bench uses is the business of whoever starts it")]
fn server() -> Option<String> {
    std::env::var("COLOPHON_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty())
}
