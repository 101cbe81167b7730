//! Pictures a second of the trainer, with the settings of `models/train.toml` and the works of the embedded model: whole steps, examples
//! made and optimiser included. Prints the median of several steps; `tests/bench/train` sets it against PyTorch.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::io::{Cursor, Read as _};
use std::time::Instant;

use colophon::embedded;
use colophon::generation::LibraryEntry;
use colophon::generation::candle::Place;
use colophon::generation::train::{Bank, Item, TrainSettings, Trainer};
use colophon::id::WorkId;
use colophon::provenance::Format;
use colophon::provenance::encode::{decode, fit};
use colophon::works::collection::{LIST, Line};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let settings = include_str!("../../models/train.toml").to_owned();
    let settings = match std::env::args().any(|arg| arg == "f32") {
        true => settings.replace("bf16 = true", "bf16 = false"),
        false => settings,
    };
    let settings = TrainSettings::parse(&settings).unwrap();
    let side = settings.network.side as u32;
    let archive = embedded::MODEL_FILES.iter().find(|(name, _)| *name == "works.zip").unwrap().1;
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut list = String::new();
    archive.by_name(LIST).unwrap().read_to_string(&mut list).unwrap();
    let items = list.lines().take(1_000).map(|line| {
        let line: Line = serde_json::from_str(line).unwrap();
        let mut bytes = Vec::new();
        archive.by_name(&line.picture("png")).unwrap().read_to_end(&mut bytes).unwrap();
        let rgb = fit(&decode(&bytes, Format::Png, 1 << 28).unwrap(), side, side);
        let work = WorkId::derived(&line.n.to_le_bytes());
        let entry = LibraryEntry { work, titles: line.titles, tags: line.tags, colour: line.colour, style: line.style };
        Item { entry, rgb }
    });
    let bank = Bank::new(items.collect(), side as usize, settings.examples.held_out, None);
    let batch = settings.batch as f64;
    let mut trainer = Trainer::new(settings, bank.vocab.len(), Place::Cpu).unwrap();
    let mut times: Vec<f64> = (0..8)
        .map(|_| {
            let begun = Instant::now();
            trainer.step(&bank).unwrap();
            begun.elapsed().as_secs_f64()
        })
        .skip(2)
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{:.1}", batch / times[times.len() / 2]);
}
