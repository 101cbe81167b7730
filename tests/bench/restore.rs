//! Restoration over a folder: `cargo bench --profile dev --bench restore -- fill|find|fading WORK [OUT|CLEAN]`. What `restore.py` calls and judges:
//!
//! - `fill WORK OUT`: fills every `NAME.in.png` by its `NAME.mask.png`, into `OUT/NAME.fill.png`.
//! - `find WORK CLEAN`: IoU of the damage found with the true mask, by kind (`NAME@KIND`), and what is found on the clean pictures.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints what it measured")]

use std::path::Path;

use colophon::generation::Picture;
use colophon::generation::edit::Mask;
use colophon::generation::edit::restore::damage::find;
use colophon::generation::edit::restore::fill::fill;
use colophon::provenance::reading::read_picture;
use rayon::prelude::*;

fn picture(path: &Path) -> Picture {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let read = read_picture(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Picture { rgb: read.rgb.bytes, width: read.rgb.width, height: read.rgb.height }
}

fn mask(path: &Path) -> Mask {
    let Picture { rgb, width, height } = picture(path);
    Mask::of_picture(&rgb, None, width, height)
}

fn stems(folder: &Path, end: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut names: Vec<String> =
        entries.filter_map(|e| e.ok()?.file_name().into_string().ok()?.strip_suffix(end).map(str::to_owned)).collect();
    names.sort();
    names
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn fill_all(work: &Path, out: &Path) {
    stems(work, ".in.png").par_iter().for_each(|name| {
        let (hurt, mask) = (picture(&work.join(format!("{name}.in.png"))), mask(&work.join(format!("{name}.mask.png"))));
        let filled = fill(&hurt, &mask, &mut |_, _| true).unwrap();
        let path = out.join(format!("{name}.fill.png"));
        image::save_buffer(path, &filled.rgb, filled.width, filled.height, image::ColorType::Rgb8).unwrap();
    });
}

fn find_all(work: &Path, clean: &Path) {
    for sensitivity in [0.2f32, 0.5, 0.8] {
        let rows: Vec<(String, f64)> = stems(work, ".in.png")
            .par_iter()
            .map(|name| {
                let truth = mask(&work.join(format!("{name}.mask.png")));
                let found = find(&picture(&work.join(format!("{name}.in.png"))), sensitivity, &mut |_, _| true).unwrap();
                let kind = name.split('@').nth(1).unwrap_or_default().to_owned();
                let own = match kind.as_str() {
                    "scratches" => found.scratches.iou(&truth),
                    "stains" => found.stains.iou(&truth),
                    "mixed" => found.union().iou(&truth),
                    _ => found.scratches.union(&found.holes).iou(&truth),
                };
                (kind, own)
            })
            .collect();
        print!("sensitivity {sensitivity}: IoU");
        for kind in ["scratches", "tears", "holes", "stains", "mixed"] {
            print!(", {kind} {:.3}", mean(rows.iter().filter(|r| r.0 == kind).map(|r| r.1)));
        }
        let areas: Vec<f64> = stems(clean, ".png")
            .par_iter()
            .map(|name| find(&picture(&clean.join(format!("{name}.png"))), sensitivity, &mut |_, _| true).unwrap().union().area())
            .collect();
        let most = areas.iter().copied().fold(0.0, f64::max);
        println!("; of clean pictures {:.2} % found in the mean, {:.1} % at most", 100.0 * mean(areas.into_iter()), 100.0 * most);
    }
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match given.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fill", work, out] => fill_all(Path::new(work), Path::new(out)),
        ["find", work, clean] => find_all(Path::new(work), Path::new(clean)),
        _ => {
            eprintln!("restore fill WORK OUT | restore find WORK CLEAN; see tests/bench/restore.py");
            std::process::exit(2);
        }
    }
}
