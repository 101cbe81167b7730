//! Draws the 100 prompts of `tests/models/prompts.json` with a model folder, and measures: nearness to every work of the model, time a
//! picture. The pictures are for eyes, and for `tests/models/judge.py`.
//!
//! `cargo bench --profile dev --bench models -- MODEL OUT [--works FOLDER] [--held-out SHARE] [--start X] [--steps N] [--guidance G]`
//!
//! `--works` draws on the works of another model's folder, `--held-out 0.04` leaves those out of the library that a run with this share
//! kept out of training: so that a model is measured by drawings it can neither remember nor look up. Prints medians; asserts nothing.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use colophon::generation::candle::Place;
use colophon::generation::train::is_held_out;
use colophon::generation::{Backend as _, CandleBackend, DrawRequest, Flow, Library, LibraryEntry, ModelFiles, Reference};
use colophon::provenance::encode::{decode, fit};
use colophon::provenance::{Format, Thumbnail, encode, thumbnail_rms};
use colophon::works::collection::Line;

/// Pictures in a row of the grid.
const WIDE: usize = 10;
/// Nearer than this is a near copy.
const NEAR: f64 = 0.05;

#[derive(serde::Deserialize, serde::Serialize)]
struct Prompt {
    prompt: String,
    kind: String,
    /// Names of what is drawn, as the judge knows them; for two things a list of lists.
    subjects: serde_json::Value,
}

fn option<T: std::str::FromStr>(name: &str) -> Option<T> {
    let mut args = std::env::args();
    args.find(|arg| arg == name)?;
    args.next()?.parse().ok()
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let (Some(model), Some(out)) = (args.next(), args.next()) else {
        println!("name a model's folder and a folder to write to: cargo bench --profile dev --bench models -- MODEL OUT");
        return;
    };
    let (model, out) = (PathBuf::from(model), PathBuf::from(out));
    std::fs::create_dir_all(&out).unwrap();
    let held_out: f64 = option("--held-out").unwrap_or(0.0);
    let works = option::<PathBuf>("--works").unwrap_or_else(|| model.clone());
    let files = ModelFiles::read(&model, &|_| None).unwrap();
    let mut backend = CandleBackend::load(&files, Place::Cpu).unwrap();
    let config = backend.info().config.clone();
    let [side, _] = config.image;

    let mut archive = zip::ZipArchive::new(std::fs::File::open(works.join("works.zip")).unwrap()).unwrap();
    let mut list = String::new();
    match archive.by_name("works.jsonl") {
        Ok(mut inside) => inside.read_to_string(&mut list).map(drop).unwrap(),
        // The first model's lies beside its archive.
        Err(_) => list = std::fs::read_to_string(works.join("works.jsonl")).unwrap(),
    }
    let (mut entries, mut pictures, mut thumbnails) = (Vec::new(), BTreeMap::new(), Vec::new());
    for line in list.lines() {
        let line: Line = serde_json::from_str(line).unwrap();
        let work = line.work();
        let mut bytes = Vec::new();
        archive.by_name(&line.picture("png")).unwrap().read_to_end(&mut bytes).unwrap();
        let rgb: Arc<[u8]> = fit(&decode(&bytes, Format::Png, 1 << 28).unwrap(), side, side).into();
        thumbnails.push((work, Thumbnail::of_rgb(&rgb, side, side).unwrap()));
        pictures.insert(work, (rgb, line.colour.clone()));
        if is_held_out(work, held_out) {
            continue;
        }
        entries.push(LibraryEntry { work, titles: line.titles, tags: line.tags, colour: line.colour, style: line.style });
    }
    let library = Library::new(entries);
    let prompts: Vec<Prompt> = serde_json::from_str(include_str!("../models/prompts.json")).unwrap();
    std::fs::write(out.join("prompts.json"), serde_json::to_vec(&prompts).unwrap()).unwrap();

    let (mut times, mut nearest, mut of_drawn_on) = (Vec::new(), Vec::new(), 0);
    let high = prompts.len().div_ceil(WIDE);
    let (side, row) = (side as usize, WIDE * side as usize * 3);
    let mut grid = vec![255u8; row * high * side];
    for (n, prompt) in prompts.iter().enumerate() {
        let mut request = DrawRequest::new(prompt.prompt.clone(), n as u64, &config);
        request.start = option("--start").unwrap_or(request.start);
        request.steps = option("--steps").unwrap_or(request.steps);
        request.guidance = option("--guidance").unwrap_or(request.guidance);
        let picks = library.retrieve_parts(&prompt.prompt, None, config.works_per_prompt, &|_| true, Some(n as u64));
        for (part, pick) in picks {
            let (rgb, colour) = &pictures[&pick.work];
            request.references.push(Reference { work: pick.work, rgb: Arc::clone(rgb), part, colour: colour.clone() });
        }
        let begun = Instant::now();
        let picture = backend.draw(&request, &mut |_| Flow::Continue).unwrap();
        times.push(begun.elapsed().as_secs_f64());
        let own = Thumbnail::of_rgb(&picture.rgb, side as u32, side as u32).unwrap();
        let near = thumbnails.iter().map(|(work, t)| (thumbnail_rms(&own, t), *work));
        let (distance, work) = near.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        nearest.push(distance);
        of_drawn_on += usize::from(request.references.iter().any(|r| r.work == work));
        let png = encode(&picture.rgb, side as u32, side as u32, Format::Png).unwrap();
        std::fs::write(out.join(format!("{n:03}.png")), png).unwrap();
        for (y, line) in picture.rgb.chunks_exact(side * 3).enumerate() {
            let at = ((n / WIDE) * side + y) * row + n % WIDE * side * 3;
            grid[at..at + side * 3].copy_from_slice(line);
        }
    }
    let png = encode(&grid, (WIDE * side) as u32, (high * side) as u32, Format::Png).unwrap();
    std::fs::write(out.join("grid.png"), png).unwrap();
    let median = |values: &mut Vec<f64>, share: f64| {
        values.sort_by(f64::total_cmp);
        values[((values.len() - 1) as f64 * share) as usize]
    };
    println!("{} works, {} in the library", thumbnails.len(), library.len());
    println!("one picture          {:7.2} ms (median of {})", 1e3 * median(&mut times, 0.5), prompts.len());
    let near = nearest.iter().filter(|d| **d < NEAR).count();
    println!("near copies          {near} of {} nearer than {NEAR} to any work", prompts.len());
    println!("nearest is drawn on  {of_drawn_on} of {}", prompts.len());
    let [low, middle, most] = [0.05, 0.5, 0.95].map(|share| median(&mut nearest, share));
    println!("distance to nearest  {low:.3} / {middle:.3} / {most:.3} (5 / 50 / 95 %)");
}
