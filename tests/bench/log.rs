//! The log under load: statements appended and published in bulk and by 64 writers at once, the time until they are published, the time that
//! a receipt takes, and whether memory grows. Prints medians; asserts nothing.
//!
//! ```text
//! cargo bench --profile dev --bench log                       1,000,000 statements on SQLite, and on PostgreSQL where
//!                                                             COLOPHON_TEST_POSTGRES_URL names an empty database
//! cargo bench --profile dev --bench log -- --statements N     so many
//! cargo bench --profile dev --bench log -- --write DIR SIZE   no bench: writes a log of exactly SIZE entries as files of C2SP tlog-tiles,
//!                                                             for other people's verifiers, with its `vkey` beside it
//! ```

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use colophon::actions::Instance;
use colophon::actions::publish_checkpoint::publish_checkpoint;
use colophon::actions::receipt::receipt;
use colophon::chance::SystemChance;
use colophon::clock::{SystemClock, Timestamp};
use colophon::config::Settings;
use colophon::digest::Digest;
use colophon::id::StatementId;
use colophon::ledger::proof::inclusion;
use colophon::ledger::sequence::integrate;
use colophon::ledger::tile::{TileLevel, TilePath, bundles_for, encode_bundle, tiles_for};
use colophon::ledger::tile_reader::{TileReader, TileSet, TileSource as _};
use colophon::ledger::{Checkpoint, Ed25519Signer, Head, Signer, Statement, Subject};
use colophon::storage::log::Staged;
use colophon::storage::{self, Tx};
use ed25519_dalek::SigningKey;
use serde_json::json;

/// Statements in a transaction of the bulk.
const BATCH: u64 = 4_096;
const WRITERS: u64 = 64;
const SINGLY: Duration = Duration::from_secs(20);
const RECEIPTS: u64 = 2_000;

/// A registration as the service makes it, about a kilobyte of envelope.
fn statement(n: u64, id: StatementId, key: &Ed25519Signer) -> Vec<u8> {
    let name = format!("work_{n:026}");
    let digest = Digest::of(&n.to_be_bytes());
    let predicate = json!({
        "statement": id, "recorded_at": Timestamp::from_millis(1_764_000_000_000), "actor": "bench", "custody": "instance",
        "work": { "id": name, "title": format!("Photograph {n}"), "author": format!("Author {}", n % 5_000), "tags": ["photograph", "bench"],
                  "source": format!("https://photographs.example/{n}"), "digest": digest, "registered_by": "bench" },
        "grants": [{ "licence": "CC-BY-4.0", "declared_by": "bench" }],
    });
    Statement::new("work", vec![Subject::new(name, digest)], predicate).sign(key).unwrap().to_bytes().unwrap()
}

/// Statements from `first` on, signed on every core.
fn signed(first: u64, count: u64, key: &Ed25519Signer) -> Vec<(StatementId, Vec<u8>)> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let part = count.div_ceil(threads);
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|t| {
                scope.spawn(move || {
                    let range = first + t * part..(first + (t + 1) * part).min(first + count);
                    let one = |n: u64| {
                        let id = StatementId::derived(&n.to_be_bytes());
                        (id, statement(n, id, key))
                    };
                    range.map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() as f64 * q) as usize).min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// Resident memory, MiB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

async fn open(dir: &Path, url: Option<&str>) -> Instance {
    let mut flags = vec![("data_dir", dir.join("data").display().to_string())];
    flags.extend(url.map(|url| ("database_url", url.to_owned())));
    let settings = Settings::from_parts(Path::new("bench"), "", &[], &flags).unwrap();
    Instance::open(&settings, Arc::new(SystemClock), Arc::new(SystemChance)).await.unwrap()
}

async fn bulk(instance: &Instance, total: u64) {
    let key = &instance.keys.statement;
    let (begun, mut memories, mut signing) = (Instant::now(), Vec::new(), Duration::ZERO);
    let mut done = 0;
    while done < total {
        let count = BATCH.min(total - done);
        let at = Instant::now();
        let batch = tokio::task::block_in_place(|| signed(done, count, key));
        signing += at.elapsed();
        let mut tx = instance.store.begin().await.unwrap();
        let staged: Vec<Staged<'_>> =
            batch.iter().map(|(id, bytes)| Staged { id: *id, kind: "work", subject: "bench", actor: "bench", bytes }).collect();
        storage::log::stage_all(&mut tx, &staged, instance.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        publish_checkpoint(instance).await.unwrap();
        done += count;
        if done % (total / 10).max(1) < BATCH {
            memories.push(memory());
        }
    }
    let took = begun.elapsed().as_secs_f64();
    println!("  bulk: {total} statements signed, appended and published   {:9.0} /s", total as f64 / took);
    println!(
        "        without the time to sign them                       {:9.0} /s",
        total as f64 / (took - signing.as_secs_f64())
    );
    println!("        memory at each tenth, MiB: {}", memories.iter().map(|m| format!("{m:.0}")).collect::<Vec<_>>().join(" "));
}

/// Which statements have these places. (Past the program: its lists count every entry each time.)
async fn ids(tx: &mut Tx, from: u64, to: u64) -> Vec<StatementId> {
    const SQL: &str = "SELECT id FROM statements WHERE idx >= $1 AND idx < $2";
    let (from, to) = (i64::try_from(from).unwrap(), i64::try_from(to).unwrap());
    let rows: Vec<(String,)> = match tx {
        Tx::Sqlite(c, _) => sqlx::query_as(SQL).bind(from).bind(to).fetch_all(&mut **c).await.unwrap(),
        Tx::Postgres(c, _) => sqlx::query_as(SQL).bind(from).bind(to).fetch_all(&mut **c).await.unwrap(),
    };
    rows.into_iter().map(|(id,)| id.parse().unwrap()).collect()
}

async fn singly(instance: &Arc<Instance>, first: u64) {
    let stop = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicU64::new(first));
    let waiting: Arc<Mutex<HashMap<StatementId, Instant>>> = Arc::default();
    let (stop_sequencer, stopping) = tokio::sync::watch::channel(false);
    let sequencer = tokio::spawn(colophon::jobs::sequence::run(Arc::clone(instance), stopping));
    // Whoever reads the published log: sees a head at most a few milliseconds late.
    let reader = {
        let (instance, stop, waiting) = (Arc::clone(instance), Arc::clone(&stop), Arc::clone(&waiting));
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            let head = async |instance: &Instance| {
                storage::log::head(&mut instance.store.read().await.unwrap()).await.unwrap().map_or(0, |head| head.size)
            };
            let mut size = head(&instance).await;
            loop {
                let last = stop.load(Ordering::SeqCst);
                let published = head(&instance).await;
                let now = Instant::now();
                let mut tx = instance.store.read().await.unwrap();
                let ids = ids(&mut tx, size, published).await;
                {
                    let mut open = waiting.lock().unwrap();
                    let found = ids.iter().filter_map(|id| open.remove(id));
                    latencies.extend(found.map(|at| now.duration_since(at).as_secs_f64() * 1e3));
                }
                size = published;
                drop(tx);
                if last && waiting.lock().unwrap().is_empty() {
                    return latencies;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    };
    let begun = Instant::now();
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let (instance, stop, next, waiting) = (Arc::clone(instance), Arc::clone(&stop), Arc::clone(&next), Arc::clone(&waiting));
        writers.push(tokio::spawn(async move {
            let mut taken = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let id = StatementId::derived(&n.to_be_bytes());
                let bytes = statement(n, id, &instance.keys.statement);
                let at = Instant::now();
                let mut tx = instance.store.begin().await.unwrap();
                storage::log::stage(&mut tx, id, "work", "bench", "bench", &bytes, instance.clock.now()).await.unwrap();
                waiting.lock().unwrap().insert(id, Instant::now());
                tx.commit().await.unwrap();
                taken.push(at.elapsed().as_secs_f64() * 1e3);
                instance.bell.ring();
            }
            taken
        }));
    }
    tokio::time::sleep(SINGLY).await;
    stop.store(true, Ordering::SeqCst);
    let mut taken = Vec::new();
    for writer in writers {
        taken.extend(writer.await.unwrap());
    }
    let rate = taken.len() as f64 / begun.elapsed().as_secs_f64();
    let mut latencies = reader.await.unwrap();
    stop_sequencer.send(true).unwrap();
    sequencer.await.unwrap();
    println!("  singly, {WRITERS} writers, each waits until its own is safe    {rate:9.0} /s");
    println!("        until it is safe: median {:.1} ms, p99 {:.1} ms", quantile(&mut taken, 0.5), quantile(&mut taken, 0.99));
    println!(
        "        from then until it is published: median {:.0} ms, p99 {:.0} ms ({} of {})",
        quantile(&mut latencies, 0.5),
        quantile(&mut latencies, 0.99),
        latencies.len(),
        taken.len()
    );
}

async fn receipts(instance: &Instance, total: u64) {
    let mut tx = instance.store.read().await.unwrap();
    let row = storage::log::head(&mut tx).await.unwrap().unwrap();
    let mut whole = Vec::new();
    for n in 0..RECEIPTS {
        let id = StatementId::derived(&(n * 7_919 % total).to_be_bytes());
        let at = Instant::now();
        receipt(instance, &mut tx, id).await.unwrap().unwrap();
        whole.push(at.elapsed().as_secs_f64() * 1e3);
    }
    let mut tiles = TileSet::default();
    for (level, n, bytes) in storage::log::tiles(&mut tx).await.unwrap() {
        tiles.insert(level, n, bytes);
    }
    let root = colophon::ledger::NodeHash::from_slice(&row.root).unwrap();
    let mut proofs = Vec::new();
    for n in 0..RECEIPTS {
        let at = Instant::now();
        let reader = TileReader::open(&tiles, row.size, root).unwrap();
        inclusion(n * 7_919 % total, row.size, &reader).unwrap();
        proofs.push(at.elapsed().as_secs_f64() * 1e3);
    }
    println!("  at {} entries, medians of {RECEIPTS} (p99):", row.size);
    println!(
        "        proof, every tile authenticated                  {:8.3} ms ({:.3})",
        quantile(&mut proofs, 0.5),
        quantile(&mut proofs, 0.99)
    );
    println!(
        "        receipt: read, proved, checked, and ready to send {:7.3} ms ({:.3})",
        quantile(&mut whole, 0.5),
        quantile(&mut whole, 0.99)
    );
}

async fn bench(url: Option<&str>, total: u64) {
    let dir = tempfile::tempdir().unwrap();
    let instance = Arc::new(open(dir.path(), url).await);
    println!("{}", instance.store.dialect());
    bulk(&instance, total).await;
    singly(&instance, total).await;
    receipts(&instance, total).await;
    instance.store.close().await;
}

/// A log of exactly `size` entries as files.
fn write(folder: &Path, size: u64) {
    let statements = Ed25519Signer::new(SigningKey::from_bytes(&[21; 32]));
    let log = Signer::new("log.example/sized", SigningKey::from_bytes(&[22; 32])).unwrap();
    let put = |path: String, bytes: &[u8]| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let (mut head, mut tiles) = (Head::EMPTY, TileSet::default());
    while head.size < size {
        // Whole bundles at a time.
        let entries: Vec<Vec<u8>> =
            signed(head.size, 8_192.min(size - head.size), &statements).into_iter().map(|(_, e)| e).collect();
        let step = integrate(&head, &tiles, &entries).unwrap();
        tiles.apply(&step);
        for path in bundles_for(head.size, step.head.size) {
            let from = (path.index * 256 - head.size) as usize;
            put(path.to_string(), &encode_bundle(&entries[from..from + usize::from(path.width)]).unwrap());
        }
        head = step.head;
    }
    for path in tiles_for(0, size) {
        let TileLevel::Hashes(_) = path.level else { continue };
        put(path.to_string(), &tiles.tile(TilePath { ..path }).unwrap());
    }
    let checkpoint = Checkpoint::new(log.verifier().name(), head.size, head.root).sign(&[&log]).unwrap();
    put("checkpoint".into(), checkpoint.to_string().as_bytes());
    put("vkey".into(), format!("{}\n", log.verifier()).as_bytes());
}

#[expect(clippy::disallowed_methods, reason = "which server a bench uses is the business of whoever starts it")]
fn server() -> Option<String> {
    std::env::var("COLOPHON_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [flag, folder, size] = &arguments[..]
        && flag == "--write"
    {
        return write(Path::new(folder), size.parse().unwrap());
    }
    let total = match &arguments[..] {
        [flag, n] if flag == "--statements" => n.parse().unwrap(),
        _ => 1_000_000,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        bench(None, total).await;
        match server() {
            Some(url) => bench(Some(&url), total).await,
            None => println!("postgres: not measured, as COLOPHON_TEST_POSTGRES_URL names no database"),
        }
    });
}
