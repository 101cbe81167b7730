//! Looking by picture: what a picture is like, each likeness drawn; and a picture that is held for being too near to works. Views
//! only.

use askama::Template;

use super::{Chrome, and_list, filters, in_words};

/// `GET /look` and the answer to `POST /look` (multipart, field `file`).
#[derive(Debug, Clone, Template)]
#[template(path = "look.html")]
pub struct LookPage {
    /// Around the page.
    pub chrome: Chrome,
    /// What was found, once a picture was sent.
    pub result: Option<LookResult>,
    /// Why the picture could not be looked at, and what to do.
    pub problem: String,
    /// Largest file, bytes.
    pub max_bytes: u64,
    /// Longest side of a picture, pixels.
    pub max_side: u32,
}

/// What a picture is like.
#[derive(Debug, Clone, Default)]
pub struct LookResult {
    /// The picture.
    pub given: Given,
    /// Registered works, the likest first.
    pub works: Vec<Hit>,
    /// Images made here, the likest first.
    pub images: Vec<Hit>,
    /// Works that it was compared with.
    pub compared_works: u64,
    /// Images that it was compared with.
    pub compared_images: u64,
    /// Name of the method: "colophon.likeness.v1".
    pub method: String,
    /// Names the works that it was compared with, blake3, hex.
    pub index: String,
    /// Its PDQ hash, hex.
    pub pdq: String,
    /// How much there is to see for PDQ, 0..=100.
    pub pdq_quality: u8,
    /// Whether that is enough to compare hashes.
    pub pdq_usable: bool,
    /// Its ISCC.
    pub iscc: String,
}

/// A work or an image that a picture is like.
#[derive(Debug, Clone, Default)]
pub struct Hit {
    /// The licence as read; empty for an image.
    pub licence: String,
    /// How its sentence begins: "This is very likely".
    pub opening: String,
    /// What was done to it: "mirrored", "cropped".
    pub changes: Vec<String>,
    /// How much agrees of what is to be seen, per cent.
    pub percent: u32,
    /// What else is to be said; may be empty.
    pub note: String,
    /// Both, drawn.
    pub laid: Laid,
}

/// `GET /works/{id}/uses`: images that are like a work.
#[derive(Debug, Clone, Template)]
#[template(path = "work_uses.html")]
pub struct WorkUsesPage {
    /// Around the page.
    pub chrome: Chrome,
    /// `work_…`
    pub id: String,
    /// The work's title.
    pub title: String,
    /// The work's picture.
    pub given: Given,
    /// Images, the likest first.
    pub images: Vec<Hit>,
    /// Images that it was compared with.
    pub compared_images: u64,
}

/// The picture that others are compared with.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Its address, or it, small and made square, as a `data:` address.
    pub picture: String,
    /// Pixels across, as it was.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Whether `picture` has the cells it was compared in for pixels.
    pub cells: bool,
}

/// One picture with another laid over it. Both are stretched to squares.
#[derive(Debug, Clone, Default)]
pub struct Laid {
    /// The page of the one below.
    pub url: String,
    /// What it is: "“owl” by Ana".
    pub name: String,
    /// "The work" or "The image".
    pub kind: String,
    /// Address of its picture.
    pub picture: String,
    /// Whether that is a drawing that keeps its shape, in the middle of the square.
    pub drawing: bool,
    /// Where the other lies on it, as an SVG matrix in places from −1 to 1; none where that can't be said.
    pub over: Option<[f32; 6]>,
    /// How well each of its 8×8 parts agrees, row by row, per cent; none where the other does not show it.
    pub parts: Vec<Option<u8>>,
}

/// A picture that was made and not delivered.
#[derive(Debug, Clone, Default)]
pub struct HeldView {
    /// Why, and what to do next.
    pub sentence: String,
    /// It, in the cells it was compared in; none where they are not kept.
    pub given: Option<Given>,
    /// The works that it is too near to, the likest first.
    pub works: Vec<HeldWork>,
    /// Whether the reader may credit them and go on.
    pub may_credit: bool,
    /// Whether the reader may have another one drawn.
    pub may_ask_again: bool,
    /// Whether it can still be called off.
    pub may_cancel: bool,
}

/// A work that a held picture is too near to.
#[derive(Debug, Clone, Default)]
pub struct HeldWork {
    /// Its title.
    pub title: String,
    /// How much agrees of what is to be seen, per cent.
    pub percent: u32,
    /// Whether its terms allow the picture, if it is credited.
    pub may: bool,
    /// The licence that allows it, or why none does.
    pub says: String,
    /// Both, drawn.
    pub laid: Laid,
}

/// Parts along a side.
const SIDE: usize = 8;
/// From here on a part agrees, per cent.
const AGREES: u8 = 50;

impl Given {
    /// From places between −1 and 1 to its own shape.
    pub(super) fn transform(&self) -> String {
        let [x, y] = [self.width, self.height].map(|side| f64::from(side) / 2.0);
        format!("matrix({x} 0 0 {y} {x} {y})")
    }

    fn sample() -> Self {
        Self { picture: "/static/mark.svg".into(), width: 640, height: 480, cells: false }
    }
}

impl Laid {
    /// Where the other lies, as SVG says it.
    pub(super) fn matrix(&self) -> String {
        let numbers: Vec<String> = self.over.iter().flatten().map(|x| format!("{x:.4}")).collect();
        format!("matrix({})", numbers.join(" "))
    }

    /// How its picture fills the square.
    pub(super) fn fit(&self) -> &'static str {
        if self.drawing { "xMidYMid" } else { "none" }
    }

    /// "52 of 60 parts agree".
    pub(super) fn agreement(&self) -> String {
        let shown = || self.parts.iter().flatten();
        format!("{} of {} parts agree", shown().filter(|fit| **fit >= AGREES).count(), shown().count())
    }

    /// Parts that differ, as a path in parts.
    pub(super) fn differing(&self) -> String {
        self.path(|part| part.is_some_and(|fit| fit < AGREES), square)
    }

    /// The strokes over them.
    pub(super) fn strokes(&self) -> String {
        let strokes = |x: usize, y: usize| format!("M{x} {y}.5l.5-.5M{x} {}l1-1M{x}.5 {}l.5-.5", y + 1, y + 1);
        self.path(|part| part.is_some_and(|fit| fit < AGREES), strokes)
    }

    /// Parts that the other does not show.
    pub(super) fn unshown(&self) -> String {
        self.path(|part| part.is_none(), square)
    }

    fn path(&self, those: impl Fn(Option<u8>) -> bool, draw: impl Fn(usize, usize) -> String) -> String {
        let chosen = self.parts.iter().enumerate().filter(|(_, part)| those(**part));
        chosen.map(|(at, _)| draw(at % SIDE, at / SIDE)).collect()
    }

    fn sample() -> Self {
        let part = |at: usize| match at {
            0..8 => None,
            27 | 28 => Some(12),
            _ => Some(96),
        };
        Self {
            url: "/works/work_0000000000SAMP0000000715".into(),
            name: "“owl” by Twitter".into(),
            kind: "The work".into(),
            picture: "/works/work_0000000000SAMP0000000715/picture".into(),
            drawing: false,
            over: Some([-0.8, 0.0, 0.0, 0.8, 0.1, 0.1]),
            parts: (0..SIDE * SIDE).map(part).collect(),
        }
    }
}

fn square(x: usize, y: usize) -> String {
    format!("M{x} {y}h1v1h-1z")
}

impl Hit {
    fn sample() -> Self {
        Self {
            licence: "CC BY 4.0".into(),
            opening: "This is very likely".into(),
            changes: vec!["mirrored".into(), "cropped".into()],
            percent: 94,
            note: String::new(),
            laid: Laid::sample(),
        }
    }
}

impl LookResult {
    fn heading(&self) -> String {
        let many = |n: usize, one: &str, more: &str| match n {
            0 => None,
            1 => Some(format!("one {one}")),
            n => Some(format!("{} {more}", in_words(n))),
        };
        let works = many(self.works.len(), "registered work", "registered works");
        let images = many(self.images.len(), "image made here", "images made here");
        let found: Vec<String> = [works, images].into_iter().flatten().collect();
        if found.is_empty() { "No registered work is like it.".into() } else { format!("It is like {}.", and_list(&found)) }
    }

    fn sample() -> Self {
        let image = Laid {
            url: "/images/image_01KAR000000000000000000024".into(),
            name: "the image “an owl on a branch”".into(),
            kind: "The image".into(),
            picture: "/images/image_01KAR000000000000000000024/file".into(),
            over: None,
            ..Laid::sample()
        };
        Self {
            given: Given::sample(),
            works: vec![
                Hit::sample(),
                Hit { opening: "This looks like".into(), changes: Vec::new(), percent: 71, ..Hit::sample() },
            ],
            images: vec![Hit { licence: String::new(), laid: image, ..Hit::sample() }],
            compared_works: 7_216,
            compared_images: 1_204,
            method: "colophon.likeness.v1".into(),
            index: super::sample_hash("5b0c7d11"),
            pdq: super::sample_hash("f8f8f0ce"),
            pdq_quality: 92,
            pdq_usable: true,
            iscc: "ISCC:EEDRRCHVCY3LNXTDYU2ZLPVYYT6N2LZKMVA4C6CMUGBVDPE6GJNXR5I".into(),
        }
    }
}

impl LookPage {
    /// Nothing sent yet.
    pub fn sample_empty() -> Self {
        Self {
            chrome: Chrome::sample("Look by picture", "/look"),
            result: None,
            problem: String::new(),
            max_bytes: 20_000_000,
            max_side: 4_096,
        }
    }

    /// Works and an image found.
    pub fn sample() -> Self {
        Self { result: Some(LookResult::sample()), ..Self::sample_empty() }
    }

    /// Nothing found.
    pub fn sample_nothing() -> Self {
        let result = LookResult { works: Vec::new(), images: Vec::new(), pdq_usable: false, ..LookResult::sample() };
        Self { result: Some(result), ..Self::sample_empty() }
    }

    /// A file that is no picture.
    pub fn sample_problem() -> Self {
        Self { problem: "this is not a PNG, JPEG or WebP picture".into(), ..Self::sample_empty() }
    }
}

impl WorkUsesPage {
    /// One image found.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Images like owl", "/works/work_0000000000SAMP0000000715/uses"),
            id: "work_0000000000SAMP0000000715".into(),
            title: "owl".into(),
            given: Given::sample(),
            images: vec![Hit {
                licence: String::new(),
                opening: "Very likely in".into(),
                note: "It does not name the work.".into(),
                ..Hit::sample()
            }],
            compared_images: 1_204,
        }
    }

    /// None.
    pub fn sample_none() -> Self {
        Self { images: Vec::new(), ..Self::sample() }
    }
}

impl HeldView {
    pub(super) fn credit(&self) -> String {
        let titles: Vec<String> = self.works.iter().map(|work| format!("“{}”", work.title)).collect();
        format!("Credit {} and go on", and_list(&titles))
    }

    pub(super) fn sample() -> Self {
        Self {
            sentence:
                "The picture came out too near to “owl” by Twitter (86 % alike): credit that work, or draw another picture."
                    .into(),
            given: Some(Given { width: 32, height: 32, cells: true, ..Given::sample() }),
            works: vec![HeldWork { title: "owl".into(), percent: 86, may: true, says: "CC-BY-4.0".into(), laid: Laid::sample() }],
            may_credit: true,
            may_ask_again: true,
            may_cancel: true,
        }
    }
}

impl HeldWork {
    pub(super) fn terms(&self) -> String {
        if self.may {
            format!("Its terms ({}) allow it, if the work is credited.", self.says)
        } else {
            format!("Its terms do not allow it: {}.", self.says)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_drawn_where_they_lie() {
        let mut laid = Laid { parts: vec![Some(100); 64], over: Some([1.0, 0.0, 0.0, -1.0, 0.25, 0.0]), ..Laid::default() };
        (laid.parts[9], laid.parts[63]) = (Some(49), None);
        assert_eq!((laid.differing(), laid.unshown()), ("M1 1h1v1h-1z".into(), "M7 7h1v1h-1z".into()));
        assert_eq!(laid.strokes(), "M1 1.5l.5-.5M1 2l1-1M1.5 2l.5-.5");
        assert_eq!(laid.agreement(), "62 of 63 parts agree");
        assert_eq!(laid.matrix(), "matrix(1.0000 0.0000 0.0000 -1.0000 0.2500 0.0000)");
        assert_eq!(Given::sample().transform(), "matrix(320 0 0 240 320 240)");
    }

    #[test]
    fn what_was_found_reads_aloud() {
        assert_eq!(LookResult::sample().heading(), "It is like two registered works and one image made here.");
        assert_eq!(LookResult::default().heading(), "No registered work is like it.");
        assert_eq!(HeldView::sample().credit(), "Credit “owl” and go on");
    }
}
