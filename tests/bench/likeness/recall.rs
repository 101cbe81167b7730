//! Changed copies of the works: how many are found, how many other works are taken for them, and how PDQ and ISCC do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use colophon::likeness::{COMPARED, MATCH};
use image::RgbImage;

use crate::changes::{ALL, Change};
use crate::shelf::{Shelf, seen, sheet};
use crate::versions::Versions;
use crate::{folder, in_two, percent, quantile};

/// PDQ's and ISCC's threshold, in bits.
const BITS: u32 = 31;
/// Pairs on a sheet.
const SHOWN: usize = 200;
const WAYS: [&str; 3] = ["ours", "PDQ", "ISCC"];

/// What came of one query.
#[derive(Default)]
struct Answer {
    held_out: bool,
    /// By each way: whether its own work is found.
    found: [bool; 3],
    first: bool,
    first_or_version: bool,
    /// By each way: works that are no versions of its own, with their scores (or bits).
    others: [Vec<(usize, f64)>; 3],
    /// The same if its own work and the versions of it were not registered: whether there are any.
    unregistered: [bool; 3],
    took_ms: f64,
}

/// Asks for changed copies of `most` works.
pub fn run(shelf: &Shelf, most: usize) {
    let versions = Versions::new(&shelf.works);
    let asked = shelf.some(most);
    println!("\n## Recall: {} of {} works, each changed and looked for among all\n", asked.len(), shelf.works.len());
    let answers = in_two(&asked, |&own| ALL.map(|change| ask(shelf, &versions, own, change)));
    let of = |n: usize| answers.iter().map(move |each| &each[n]);
    println!("| change | found | own first | own or a version first | found, held out | PDQ ≤ {BITS} | ISCC ≤ {BITS} |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (n, change) in ALL.into_iter().enumerate() {
        let share = |holds: &dyn Fn(&Answer) -> bool| percent(count(of(n), holds), asked.len() as u64);
        let held_out = count(of(n), |a| a.held_out);
        println!(
            "| {} | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {:.1} % |",
            change.name(),
            share(&|a| a.found[0]),
            share(&|a| a.first),
            share(&|a| a.first_or_version),
            percent(count(of(n), |a| a.held_out && a.found[0]), held_out),
            share(&|a| a.found[1]),
            share(&|a| a.found[2]),
        );
    }
    println!("\nHeld out: {} works that the network has not learnt from.", count(of(0), |a| a.held_out));
    let pairs = asked.len() as u64 * (shelf.works.len() as u64 - 1);
    println!("\nFalse: matches with works that are no versions of the own one. “Pairs”: of the {pairs} comparisons of a row.");
    println!("“Queries”: pictures that match any, were their own work and its versions not registered.\n");
    println!("| change | pairs, ours | PDQ | ISCC | queries, ours | PDQ | ISCC |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let line = |name: &str, rows: &[usize]| {
        let wrong = |way: usize| rows.iter().flat_map(|&n| of(n)).map(|a| a.others[way].len() as u64).sum::<u64>();
        let taken = |way: usize| rows.iter().map(|&n| count(of(n), |a| a.unregistered[way])).sum::<u64>();
        let queries = (asked.len() * rows.len()) as u64;
        let rate = |way: usize| format!("{} ({:.1e})", wrong(way), wrong(way) as f64 / (pairs * rows.len() as u64) as f64);
        let share = |way: usize| format!("{} ({:.2} %)", taken(way), percent(taken(way), queries));
        println!("| {name} | {} | {} | {} | {} | {} | {} |", rate(0), rate(1), rate(2), share(0), share(1), share(2));
    };
    for (n, change) in ALL.into_iter().enumerate() {
        line(&change.name(), &[n]);
    }
    line("all", &(0..ALL.len()).collect::<Vec<_>>());
    let mut times: Vec<f64> = answers.iter().flatten().map(|a| a.took_ms).collect();
    println!(
        "\nA look, two at a time: median {:.0} ms, p99 {:.0} ms (fingerprints, proposals, comparison).",
        quantile(&mut times, 0.5),
        quantile(&mut times, 0.99)
    );
    keep(shelf, &asked, &answers);
}

fn count<'a>(answers: impl Iterator<Item = &'a Answer>, holds: impl Fn(&Answer) -> bool) -> u64 {
    answers.filter(|answer| holds(answer)).count() as u64
}

fn ask(shelf: &Shelf, versions: &Versions<'_>, own: usize, change: Change) -> Answer {
    let work = &shelf.works[own];
    let changed = change.of(&work.picture);
    let begun = Instant::now();
    let seen = seen(&changed);
    let query = seen.query();
    let candidates = shelf.candidates(&query);
    let found = query.rank(&candidates, MATCH);
    let took_ms = begun.elapsed().as_secs_f64() * 1e3;
    let found: Vec<(usize, f64)> =
        found.into_iter().map(|(subject, likeness)| (shelf.place(subject), f64::from(likeness.score))).collect();
    let mut answer = Answer { held_out: work.held_out, took_ms, ..Answer::default() };
    answer.first = found.first().is_some_and(|(at, _)| *at == own);
    answer.first_or_version = found.first().is_some_and(|(at, _)| versions.are(*at, own));
    // Were they not there, as many of the next would be compared.
    let gone = found.iter().filter(|(at, _)| versions.are(*at, own)).count();
    answer.sort(0, found, own, versions);
    let further = query.ordered(&candidates).into_iter().skip(COMPARED).take(gone);
    let alike = further.filter(|(_, prepared)| query.likeness(prepared).is_some_and(|likeness| likeness.score >= MATCH));
    let mut places = alike.map(|(subject, _)| shelf.place(subject));
    answer.unregistered[0] = !answer.others[0].is_empty() || places.any(|at| !versions.are(at, own));
    let prints = seen.fingerprints();
    let near = |bits: &dyn Fn(usize) -> u32| -> Vec<(usize, f64)> {
        let all = (0..shelf.works.len()).map(|at| (at, bits(at)));
        all.filter(|(_, bits)| *bits <= BITS).map(|(at, bits)| (at, f64::from(bits))).collect()
    };
    answer.sort(1, near(&|at| prints.pdq.hash.distance(&shelf.works[at].prints.pdq.hash)), own, versions);
    answer.sort(2, near(&|at| prints.iscc.distance(&shelf.works[at].prints.iscc)), own, versions);
    for way in 1..WAYS.len() {
        answer.unregistered[way] = !answer.others[way].is_empty();
    }
    answer
}

impl Answer {
    /// Tells its own work and the versions of it from the others.
    fn sort(&mut self, way: usize, found: Vec<(usize, f64)>, own: usize, versions: &Versions<'_>) {
        self.found[way] = found.iter().any(|(at, _)| *at == own);
        self.others[way] = found.into_iter().filter(|(at, _)| !versions.are(*at, own)).collect();
    }
}

/// Writes down every false match, and pairs of ours for eyes.
fn keep(shelf: &Shelf, asked: &[usize], answers: &[[Answer; ALL.len()]]) {
    let mut text = String::from("way\tchange\twork\tother\tscore or bits\ttitles\n");
    let mut pairs: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for (&own, answers) in asked.iter().zip(answers) {
        for (change, answer) in ALL.into_iter().zip(answers) {
            for (way, others) in WAYS.into_iter().zip(&answer.others) {
                for &(other, score) in others {
                    let (a, b) = (&shelf.works[own], &shelf.works[other]);
                    let titles = format!("{} | {}", a.title, b.title);
                    writeln!(text, "{way}\t{}\t{}\t{}\t{score:.3}\t{titles}", change.name(), a.id, b.id).unwrap();
                }
            }
            for &(other, score) in &answer.others[0] {
                let known = pairs.entry((own.min(other), own.max(other))).or_insert(score);
                *known = known.max(score);
            }
        }
    }
    let (list, picture) = (folder().join("false.txt"), folder().join("false.png"));
    std::fs::write(&list, text).unwrap();
    let mut pairs: Vec<((usize, usize), f64)> = pairs.into_iter().collect();
    pairs.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shown: Vec<(&RgbImage, &RgbImage)> =
        pairs.iter().take(SHOWN).map(|((a, b), _)| (&shelf.works[*a].picture, &shelf.works[*b].picture)).collect();
    sheet(&picture, &shown);
    println!(
        "\nFalse pairs of ours: {} different ones, in `{}`. All false matches: `{}`.",
        pairs.len(),
        picture.display(),
        list.display()
    );
}
