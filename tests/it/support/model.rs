//! A small model folder: words, sizes and card of the embedded model, a few dozen of its works, and weights that no engine is asked to
//! read. Opening an instance on it is a matter of milliseconds.

use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use colophon::digest::sha256_of;
use colophon::embedded;
use colophon::lineage::ModelCard;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Titles that are taken in, from every set that has them.
pub const TITLES: [&str; 8] = ["red apple", "green apple", "cat", "sailboat", "lighthouse", "house", "umbrella", "fish"];

/// An embedded file of the model.
pub fn embedded(name: &str) -> &'static [u8] {
    embedded::MODEL_FILES.iter().find(|(each, _)| *each == name).unwrap().1
}

/// Writes the folder below `models`.
pub fn write_small(models: &Path) -> PathBuf {
    let mut from = ZipArchive::new(Cursor::new(embedded("works.zip"))).unwrap();
    let mut list = String::new();
    from.by_name("works.jsonl").unwrap().read_to_string(&mut list).unwrap();
    let titles: Vec<String> = TITLES.iter().map(|title| format!("\"title\":\"{title}\",")).collect();
    let lines: Vec<&str> = list.lines().filter(|line| titles.iter().any(|title| line.contains(title))).collect();
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for line in &lines {
        let n = serde_json::from_str::<serde_json::Value>(line).unwrap()["n"].as_u64().unwrap();
        let (name, mut bytes) = (format!("{n:05}.png"), Vec::new());
        from.by_name(&name).unwrap().read_to_end(&mut bytes).unwrap();
        to.start_file(name, stored).unwrap();
        to.write_all(&bytes).unwrap();
    }
    to.start_file("works.jsonl", stored).unwrap();
    to.write_all(lines.join("\n").as_bytes()).unwrap();
    let files = [
        ("weights.safetensors", b"not read by the engine of the tests".to_vec()),
        ("works.zip", to.finish().unwrap().into_inner()),
    ];
    // Without the record of the run: it is tied to the whole collection.
    let mut card = ModelCard::parse(std::str::from_utf8(embedded("model.toml")).unwrap()).unwrap();
    card.files.retain(|file| file.role != "run");
    let mut card = card.to_toml();
    let folder = models.join(embedded::MODEL);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in files {
        let there = sha256_of(embedded(name)).to_string();
        assert!(card.contains(&there), "the card names {name}");
        card = card.replace(&there, &sha256_of(&bytes).to_string());
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    for name in ["config.json", "vocab.json"] {
        std::fs::write(folder.join(name), embedded(name)).unwrap();
    }
    std::fs::write(folder.join("model.toml"), card).unwrap();
    folder
}
