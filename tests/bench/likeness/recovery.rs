//! Pictures of the service that come back damaged, without their credentials: whether the right original is found first. Nothing
//! is signed here: what is kept of an image is made from the pixels that are signed.

use std::collections::HashMap;

use colophon::id::ImageId;
use colophon::likeness::{Fingerprints, Index, MATCH, PROPOSED, Subject, View};

use crate::changes::Change;
use crate::gate::Studio;
use crate::shelf::{Shelf, seen};
use crate::{in_two, percent};

const PICTURES: usize = 200;
const DAMAGES: [Change; 4] = [Change::Jpeg(50), Change::Size(60), Change::Crop(5), Change::Border(10)];

/// Damages each picture in each way and looks for it.
pub fn run(shelf: &Shelf, studio: &mut Studio) {
    let drawn = studio.drawn(shelf, PICTURES);
    let kept: Vec<(Fingerprints, View)> = in_two(drawn, |each| {
        let seen = seen(&each.picture);
        (seen.fingerprints(), seen.view().clone())
    });
    let subjects: Vec<Subject> = (0..drawn.len()).map(|n| Subject::Image(ImageId::derived(&n.to_le_bytes()))).collect();
    let mut images = Index::default();
    subjects.iter().zip(&kept).for_each(|(subject, (prints, _))| images.add(*subject, prints));
    let views: HashMap<Subject, &View> = subjects.iter().copied().zip(kept.iter().map(|(_, view)| view)).collect();
    let all: Vec<usize> = (0..drawn.len()).collect();
    println!("\n## Recovery: {PICTURES} pictures of the embedded model, damaged\n");
    println!("| damage | its original first of all {PICTURES} images | first of them and all works | a match at all |");
    println!("| --- | ---: | ---: | ---: |");
    for damage in DAMAGES {
        let found = in_two(&all, |&n| {
            let query = seen(&damage.of(&drawn[n].picture)).query();
            let proposed = images.proposed_images(&query.descriptors, PROPOSED);
            let candidates: Vec<(Subject, View)> = proposed.into_iter().map(|s| (s, views[&s].clone())).collect();
            let of_images = query.rank(&candidates, MATCH);
            let of_works = query.rank(&shelf.candidates(&query), MATCH);
            let first = of_images.first().filter(|(subject, _)| *subject == subjects[n]);
            let likest = |score: f32| of_works.first().is_none_or(|(_, work)| work.score < score);
            let before_works = first.is_some_and(|(_, likeness)| likest(likeness.score));
            [first.is_some(), before_works, of_images.iter().any(|(subject, _)| *subject == subjects[n])]
        });
        let share = |n: usize| percent(found.iter().filter(|each| each[n]).count() as u64, found.len() as u64);
        println!("| {} | {:.1} % | {:.1} % | {:.1} % |", damage.name(), share(0), share(1), share(2));
    }
}
