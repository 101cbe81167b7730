//! The near-copy gate: pictures that are mild variations of a work, and pictures drawn by words as anybody draws them.

use std::path::Path;
use std::sync::Arc;

use colophon::generation::candle::Place;
use colophon::generation::{Backend as _, CandleBackend, DrawRequest, Flow, Given, Library, ModelConfig, ModelFiles, Reference};
use colophon::id::WorkId;
use colophon::likeness::{MATCH, NEAR, Prepared, Query, Subject};
use image::RgbImage;

use crate::shelf::{Shelf, Work, sheet};
use crate::versions::Versions;
use crate::{folder, in_two, quantile};

const PICTURES: usize = 100;
/// How far a mild variation goes from its work.
const STRENGTH: f32 = 0.2;

/// The embedded model with its works, and what it has drawn by words.
pub struct Studio {
    backend: CandleBackend,
    config: ModelConfig,
    library: Library,
    prompts: Vec<String>,
    drawn: Vec<Drawn>,
}

/// A picture drawn by words.
pub struct Drawn {
    pub prompt: String,
    pub picture: RgbImage,
    /// Works that it was drawn with.
    pub with: Vec<WorkId>,
}

impl Studio {
    /// Loads the model.
    pub fn open(shelf: &Shelf) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(colophon::embedded::MODEL);
        let backend = CandleBackend::load(&ModelFiles::read(&folder, &|_| None).unwrap(), Place::Cpu).unwrap();
        let config = backend.info().config.clone();
        let prompts: Vec<serde_json::Value> = serde_json::from_str(include_str!("../../models/prompts.json")).unwrap();
        let prompts = prompts.iter().filter_map(|each| each["prompt"].as_str().map(str::to_owned)).collect();
        let library = Library::new(shelf.works.iter().map(|work| work.entry.clone()));
        Self { backend, config, library, prompts, drawn: Vec::new() }
    }

    /// Draws with the works that the words find, but for one.
    fn draw(&mut self, shelf: &Shelf, prompt: &str, seed: u64, without: Option<WorkId>, given: Option<Given>) -> Drawn {
        let mut request = DrawRequest::new(prompt, seed, &self.config);
        request.given = given;
        let allowed = |work: WorkId| Some(work) != without;
        let picks = self.library.retrieve_parts(prompt, None, self.config.works_per_prompt, &allowed, Some(seed));
        for (part, pick) in picks {
            let work = &shelf.works[shelf.place(Subject::Work(pick.work))];
            let colour = work.entry.colour.clone();
            request.references.push(Reference { work: work.id, rgb: pixels(work), part, colour });
        }
        let picture = self.backend.draw(&request, &mut |_| Flow::Continue).unwrap();
        let with = request.references.iter().map(|reference| reference.work).collect();
        let picture = RgbImage::from_raw(picture.width, picture.height, picture.rgb).unwrap();
        Drawn { prompt: prompt.to_owned(), picture, with }
    }

    /// The first `count` pictures drawn by words: the prompts in turn, each time with another seed.
    pub fn drawn(&mut self, shelf: &Shelf, count: usize) -> &[Drawn] {
        while self.drawn.len() < count {
            let n = self.drawn.len();
            let prompt = self.prompts[n % self.prompts.len()].clone();
            let drawn = self.draw(shelf, &prompt, n as u64, None, None);
            self.drawn.push(drawn);
        }
        &self.drawn[..count]
    }
}

fn pixels(work: &Work) -> Arc<[u8]> {
    work.picture.as_raw().as_slice().into()
}

/// Both kinds of pictures, compared with all works.
pub fn run(shelf: &Shelf, studio: &mut Studio) {
    println!("\n## Gate: likeness from {NEAR} on is held\n");
    println!("| pictures | held | min | 5 % | median | 95 % | max |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    variations(shelf, studio);
    by_words(shelf, studio);
}

fn line(what: &str, mut scores: Vec<f64>) {
    let held = scores.iter().filter(|score| **score >= f64::from(NEAR)).count();
    let [least, low, middle, high, most] = [0.0, 0.05, 0.5, 0.95, 1.0].map(|share| quantile(&mut scores, share));
    println!("| {what} | {held} of {} | {least:.3} | {low:.3} | {middle:.3} | {high:.3} | {most:.3} |", scores.len());
}

/// Variations of works, which they are not drawn with: likeness to their own.
fn variations(shelf: &Shelf, studio: &mut Studio) {
    let mut made = Vec::new();
    for (n, at) in shelf.some(PICTURES).into_iter().enumerate() {
        let work = &shelf.works[at];
        let given = Given { picture: Some(pixels(work)), strength: STRENGTH, ..Given::default() };
        made.push((at, studio.draw(shelf, &work.title, n as u64, Some(work.id), Some(given)).picture));
    }
    let scores = in_two(&made, |(at, picture)| {
        let own = Subject::Work(shelf.works[*at].id);
        let found = shelf.look(picture, 0.0).into_iter().find(|(subject, _)| *subject == own);
        found.map_or(0.0, |(_, likeness)| f64::from(likeness.score))
    });
    line(&format!("variations of strength {STRENGTH}, to their own work"), scores);
    let pairs: Vec<(&RgbImage, &RgbImage)> = made.iter().map(|(at, picture)| (&shelf.works[*at].picture, picture)).collect();
    sheet(&folder().join("variations.png"), &pairs);
}

/// Pictures drawn by words: likeness to works that they were not drawn with.
fn by_words(shelf: &Shelf, studio: &mut Studio) {
    let versions = Versions::new(&shelf.works);
    let drawn = studio.drawn(shelf, PICTURES);
    let nearest = in_two(drawn, |each| {
        let all = shelf.look(&each.picture, 0.0).into_iter();
        let mut found = all.map(|(subject, likeness)| (shelf.place(subject), likeness.score));
        found.find(|(at, _)| {
            let near = &shelf.works[*at];
            // As the gate does: a version of a work that was drawn on, by the same author under the same licence, is credited with it.
            let version = |with: &WorkId| {
                let drawn = &shelf.works[shelf.place(Subject::Work(*with))];
                let same = (&drawn.author, &drawn.licence) == (&near.author, &near.licence);
                let likeness = || Query::kept(&near.view, [0; 64]).likeness(&Prepared::new(&drawn.view));
                drawn.id == near.id || same && likeness().is_some_and(|likeness| likeness.score >= MATCH)
            };
            !each.with.iter().any(version)
        })
    });
    let scores = nearest.iter().map(|found| found.map_or(0.0, |(_, score)| f64::from(score))).collect();
    line("drawn by words, to the likest work that they neither drew on nor are credited with", scores);
    let found = drawn.iter().zip(&nearest).filter_map(|(each, found)| found.map(|(at, score)| (each, at, score)));
    let held: Vec<(&Drawn, usize, f32)> = found.filter(|(.., score)| *score >= NEAR).collect();
    println!();
    for (each, at, score) in &held {
        let version = each.with.iter().any(|with| versions.are(shelf.place(Subject::Work(*with)), *at));
        let whose =
            if version { "a version of a work that it was drawn with" } else { "no version of any that it was drawn with" };
        println!("- “{}”: {score:.3} to {}, {whose}", each.prompt, shelf.works[*at].title);
    }
    let pairs: Vec<(&RgbImage, &RgbImage)> =
        held.iter().map(|(each, at, _)| (&shelf.works[*at].picture, &each.picture)).collect();
    sheet(&folder().join("held.png"), &pairs);
    println!("\nPairs: `variations.png` and `held.png` in `{}`.", folder().display());
}
