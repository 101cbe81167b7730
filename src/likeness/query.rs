//! A picture made ready: what is kept of it, and how it is looked for. What stands in a frame is looked for with the frame and without.

use colophon_likeness::iscc::within_frame;
use colophon_likeness::view::shrunken;
use colophon_likeness::{Iscc, Likeness, Map, Pdq, Prepared, Query as Laid, SizeError, View, compare};

use super::COMPARED;
use super::index::{Descriptor, Fingerprints, Subject};

/// A picture and, if it stands in a frame, what is within: pixels for the network, and views.
#[derive(Debug)]
pub struct Looked {
    /// PDQ.
    pub pdq: Pdq,
    /// ISCC.
    pub iscc: Iscc,
    /// The whole picture, then what is within its frame.
    pub faces: Vec<Face>,
}

/// A picture or its part, as it is compared.
#[derive(Debug)]
pub struct Face {
    /// `side × side` RGB for the network.
    pub small: Vec<u8>,
    /// For laying it over others.
    pub view: View,
    /// From places in the part to places in the picture.
    pub whole: Map,
    /// Width by height, of the part and of the picture.
    pub aspects: [f32; 2],
}

impl Looked {
    /// Of RGB pixels, 8 bits each, row by row, upright, with nothing transparent; `side` is that of the network's picture.
    pub fn at(rgb: &[u8], width: u32, height: u32, side: usize) -> Result<Self, SizeError> {
        let mut faces = vec![Face::new(rgb, [width, height], side, Map::SAME, aspect(width, height))?];
        if let Some([left, top, right, bottom]) = within_frame(rgb, width, height)? {
            let row = width as usize * 3;
            let inner: Vec<u8> =
                rgb[top * row..bottom * row].chunks_exact(row).flat_map(|r| &r[left * 3..right * 3]).copied().collect();
            let (w, h) = (right - left, bottom - top);
            let share = |part: usize, of: u32| part as f32 / of as f32;
            let whole = Map {
                a: [share(w, width), 0.0, 0.0, share(h, height)],
                t: [share(left + right, width) - 1.0, share(top + bottom, height) - 1.0],
            };
            faces.push(Face::new(&inner, [w as u32, h as u32], side, whole, aspect(width, height))?);
        }
        Ok(Self { pdq: Pdq::of_rgb(rgb, width, height)?, iscc: Iscc::of_rgb(rgb, width, height)?, faces })
    }

    /// The view of the whole picture.
    pub fn view(&self) -> &View {
        // INVARIANT: a picture has at least its whole face.
        &self.faces[0].view
    }

    /// What is kept, with the descriptor of the whole picture.
    pub const fn fingerprints(&self, descriptor: Descriptor) -> Fingerprints {
        Fingerprints { descriptor, pdq: self.pdq, iscc: self.iscc }
    }
}

impl Face {
    fn new(rgb: &[u8], [width, height]: [u32; 2], side: usize, whole: Map, picture: f32) -> Result<Self, SizeError> {
        let (small, view) = (shrunken(rgb, width, height, side)?, View::of_rgb(rgb, width, height)?);
        Ok(Self { small, view, whole, aspects: [aspect(width, height), picture] })
    }
}

fn aspect(width: u32, height: u32) -> f32 {
    width.max(1) as f32 / height.max(1) as f32
}

/// What is looked for: made once, laid over every candidate.
#[derive(Debug)]
pub struct Query {
    /// One for each face.
    pub descriptors: Vec<Descriptor>,
    laid: Vec<Laid>,
}

impl Query {
    /// Of a picture's faces, with the descriptor of each.
    pub fn new(looked: &Looked, descriptors: Vec<Descriptor>) -> Self {
        Self { descriptors, laid: looked.faces.iter().map(|face| Laid::new(&face.view, face.whole, face.aspects)).collect() }
    }

    /// Of what is kept of a registered picture.
    pub fn kept(view: &View, descriptor: Descriptor) -> Self {
        Self { descriptors: vec![descriptor], laid: vec![Laid::new(view, Map::SAME, [1.0; 2])] }
    }

    /// How badly a candidate fits at first sight; the least badly fitting are worth comparing.
    pub fn misfit(&self, candidate: &Prepared) -> f32 {
        self.laid.iter().map(|laid| laid.misfit(candidate)).fold(f32::MAX, f32::min)
    }

    /// The better of the faces' likenesses; none where neither can be laid over the candidate.
    pub fn likeness(&self, candidate: &Prepared) -> Option<Likeness> {
        self.laid.iter().filter_map(|laid| compare(laid, candidate)).max_by(|a, b| a.score.total_cmp(&b.score))
    }

    /// Candidates made ready, the least badly fitting first; those that fit alike in the order of their ids.
    pub fn ordered(&self, candidates: &[(Subject, View)]) -> Vec<(Subject, Prepared)> {
        let fitted = |(subject, view): &(Subject, View)| {
            let prepared = Prepared::new(view);
            (self.misfit(&prepared), *subject, prepared)
        };
        let mut all: Vec<(f32, Subject, Prepared)> = candidates.iter().map(fitted).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all.into_iter().map(|(_, subject, prepared)| (subject, prepared)).collect()
    }

    /// Candidates that the picture is like, the likest first: of the [`COMPARED`] that fit best those whose likeness is `least`
    /// or more.
    pub fn rank(&self, candidates: &[(Subject, View)], least: f32) -> Vec<(Subject, Likeness)> {
        let compared = self.ordered(candidates).into_iter().take(COMPARED);
        let likenesses = compared.filter_map(|(subject, prepared)| Some((subject, self.likeness(&prepared)?)));
        let mut found: Vec<(Subject, Likeness)> = likenesses.filter(|(_, likeness)| likeness.score >= least).collect();
        found.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then(a.0.cmp(&b.0)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_looked_through() {
        // A coloured cross in a black frame of five pixels, on 40×30.
        let pixel = |x: usize, y: usize| match (x, y) {
            (5..35, 5..25) if x == 20 || y == 10 => [200, 30, 40],
            (5..35, 5..25) => [(x * 6) as u8, 200, (y * 8) as u8],
            _ => [0, 0, 0],
        };
        let rgb: Vec<u8> = (0..30).flat_map(|y| (0..40).flat_map(move |x| pixel(x, y))).collect();
        let looked = Looked::at(&rgb, 40, 30, 48).unwrap();
        assert_eq!(looked.faces.len(), 2);
        assert_eq!(looked.faces[1].whole, Map { a: [0.75, 0.0, 0.0, 20.0 / 30.0], t: [0.0, 0.0] });
        assert_eq!(looked.faces[1].small.len(), 48 * 48 * 3);
        let inner: Vec<u8> = (5..25).flat_map(|y| (5..35).flat_map(move |x| pixel(x, y))).collect();
        let inner = Prepared::new(&View::of_rgb(&inner, 30, 20).unwrap());
        let found = Query::new(&looked, vec![[0; 64]; 2]).likeness(&inner).unwrap();
        assert!(found.score > 0.95 && (found.map.a[0] - 0.75).abs() < 0.03, "{found:?}");
        assert!(Looked::at(&rgb, 41, 30, 48).is_err());
        // A square in a wide frame is a square still.
        let square = |x: usize, y: usize| pixel(5 + x * 30 / 60, 5 + y * 20 / 60);
        let work: Vec<u8> = (0..60).flat_map(|y| (0..60).flat_map(move |x| square(x, y))).collect();
        let framed = |x: usize, y: usize| match (x, y) {
            (40..100, 5..65) => square(x - 40, y - 5),
            _ => [0, 0, 0],
        };
        let rgb: Vec<u8> = (0..70).flat_map(|y| (0..140).flat_map(move |x| framed(x, y))).collect();
        let looked = Looked::at(&rgb, 140, 70, 48).unwrap();
        let work = Prepared::new(&View::of_rgb(&work, 60, 60).unwrap());
        let found = Query::new(&looked, vec![[0; 64]; 2]).likeness(&work).unwrap();
        assert!(found.score > 0.95, "{found:?}");
    }

    #[test]
    fn of_many_the_likest_comes_first_and_the_unlike_do_not() {
        let drawing = |n: usize| -> Vec<u8> {
            let stripe = move |x: usize| if x / 8 % 2 == n % 2 { 220 } else { 30 };
            let pixel = move |x: usize, y: usize| [(x * 5 + n * 40) as u8, (y * (3 + n)) as u8, stripe(x)];
            (0..48).flat_map(|y| (0..48).flat_map(move |x| pixel(x, y))).collect()
        };
        let view = |n: usize| View::of_rgb(&drawing(n), 48, 48).unwrap();
        let subject = |n: usize| Subject::Work(crate::id::WorkId::derived(&n.to_le_bytes()));
        let candidates: Vec<(Subject, View)> = (0..4).map(|n| (subject(n), view(n))).collect();
        let query = Query::kept(&view(2), [0; 64]);
        assert_eq!(query.ordered(&candidates)[0].0, subject(2));
        let found = query.rank(&candidates, 0.0);
        assert!(found[0].0 == subject(2) && found[0].1.score > 0.99, "{found:?}");
        assert!(query.rank(&candidates, 1.1).is_empty() && query.rank(&[], 0.0).is_empty());
    }
}
