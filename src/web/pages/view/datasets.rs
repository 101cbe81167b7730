//! Datasets: the list, and the form that builds one by a query. Views only.

use askama::Template;

use super::{Choice, Chrome, DatasetRef, Field, filters};

/// What a query finds.
#[derive(Debug, Clone, Default)]
pub struct FoundView {
    /// Works that match.
    pub matched: u64,
    /// Of them, works that may be trained on.
    pub permitted: u64,
    /// The others, by the rule that says no.
    pub refused: Vec<(String, u64)>,
}

/// `GET /datasets`
#[derive(Debug, Clone, Template)]
#[template(path = "datasets.html")]
pub struct DatasetsPage {
    /// Around the page.
    pub chrome: Chrome,
    /// Every dataset, newest first.
    pub items: Vec<DatasetRef>,
    /// Whether the reader may build one.
    pub may_build: bool,
    /// Its name.
    pub name: Field,
    /// Words in title, author and tags.
    pub q: Field,
    /// Exact author.
    pub author: String,
    /// Who registered the works or holds the rights.
    pub owner: String,
    /// Licences to choose from; the first is any.
    pub licences: Vec<Choice>,
    /// What the query finds, once it was asked.
    pub found: Option<FoundView>,
    /// What is wrong with the whole.
    pub problem: String,
}

impl DatasetsPage {
    /// A filled page.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Datasets", "/datasets"),
            items: vec![DatasetRef::sample()],
            may_build: true,
            name: Field::of("Owls of 2026"),
            q: Field::of("owl"),
            author: String::new(),
            owner: String::new(),
            licences: vec![Choice::new("", "any licence", true), Choice::new("CC0-1.0", "CC0 1.0", false)],
            found: Some(FoundView {
                matched: 31,
                permitted: 24,
                refused: vec![("by-nc/train".into(), 5), ("reserved/plus/train".into(), 2)],
            }),
            problem: String::new(),
        }
    }
}
