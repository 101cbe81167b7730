//! Where one's works are used. Views only.

use askama::Template;

use super::{Chrome, filters};

/// An image in which a work is found.
#[derive(Debug, Clone, Default)]
pub struct UseView {
    /// `image_…`
    pub image: String,
    /// Who made it.
    pub creator: String,
    /// "credited, 42 % of the influence", "not credited".
    pub how: String,
    /// Whether the image credits the work.
    pub credited: bool,
    /// "87 % alike"; empty where the two do not match.
    pub alike: String,
}

/// A work with where it is used.
#[derive(Debug, Clone, Default)]
pub struct WorkUsesView {
    /// `work_…`
    pub work: String,
    /// Its title.
    pub title: String,
    /// Where.
    pub uses: Vec<UseView>,
}

/// `GET /uses`
#[derive(Debug, Clone, Template)]
#[template(path = "uses.html")]
pub struct UsesPage {
    /// Around the page.
    pub chrome: Chrome,
    /// Whose works.
    pub owner: String,
    /// Works of this page with uses.
    pub works: Vec<WorkUsesView>,
    /// Works of this page.
    pub looked: usize,
    /// Works in all.
    pub total: u64,
    /// The next page; empty at the end.
    pub next_url: String,
}

impl UsesPage {
    /// A filled page.
    pub fn sample() -> Self {
        let image = |n: u8| format!("image_01KAR0000000000000000000{n:0>2}");
        Self {
            chrome: Chrome::sample("Where your works are used", "/uses"),
            owner: "Ana".into(),
            works: vec![WorkUsesView {
                work: "work_0000000000SAMP0000000715".into(),
                title: "owl".into(),
                uses: vec![
                    UseView {
                        image: image(14),
                        creator: "Ben".into(),
                        how: "credited, 42 % of the influence".into(),
                        credited: true,
                        alike: "87 % alike".into(),
                    },
                    UseView {
                        image: image(15),
                        creator: "Eve".into(),
                        how: "not credited".into(),
                        credited: false,
                        alike: "81 % alike".into(),
                    },
                ],
            }],
            looked: 50,
            total: 1_203,
            next_url: "/uses?after=work_0000000000SAMP0000000715".into(),
        }
    }
}
