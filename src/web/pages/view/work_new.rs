//! The form that registers a work. Views only.

use askama::Template;

use super::works::licence_choices;
use super::{Choice, Chrome, Field, filters};

/// `GET /works/new` and what `POST /works/new` (multipart) answers when something is amiss.
#[derive(Debug, Clone, Template)]
#[template(path = "work_new.html")]
pub struct WorkNewPage {
    /// Around the page.
    pub chrome: Chrome,
    /// What is wrong with the file sent; empty when fine. A browser never sends a file again by itself, so say so.
    pub file_problem: String,
    /// The work's title.
    pub title: Field,
    /// Words to find it by, parted by commas.
    pub tags: Field,
    /// The author's name as it should stand in credits.
    pub author: Field,
    /// Where it was published, a web address; may be empty.
    pub source: Field,
    /// The terms it is given under.
    pub licence: Vec<Choice>,
    /// What is wrong with the choice.
    pub licence_problem: String,
    /// Where its text stands, as the file says it.
    pub licence_url: String,
    /// Everyone who made it, with role and share.
    pub creators: Field,
    /// Who holds the rights, when that is not the author.
    pub rights_holder: Field,
    /// When it was made.
    pub created: Field,
    /// When it was published.
    pub published: Field,
    /// What the right to give the licence rests on.
    pub evidence: Field,
    /// What is wrong with the files of evidence.
    pub evidence_files_problem: String,
    /// For a work that is registered without its file.
    pub sha256: Field,
    /// Whether the further fields are shown at once.
    pub more_open: bool,
    /// What the file says of itself: place, words.
    pub said: Vec<(String, String)>,
    /// Names of the fields that were filled from it.
    pub from_file: Vec<String>,
    /// Name under which the file is kept, so that it need not be chosen again; empty when none is.
    pub kept: String,
    /// What is wrong with the whole.
    pub problem: String,
    /// Largest file, bytes.
    pub max_bytes: u64,
}

impl WorkNewPage {
    fn is_from_file(&self, name: &str) -> bool {
        self.from_file.iter().any(|n| n == name)
    }

    /// A form with a mistake.
    pub fn sample() -> Self {
        let mut licence = licence_choices();
        licence[0] = Choice::new("", "choose one", true);
        Self {
            chrome: Chrome::sample("Register a work", "/works/new"),
            file_problem: String::new(),
            title: Field::of("Kererū in a miro tree"),
            tags: Field::of("bird, pigeon, tree"),
            author: Field::wrong("", "Write the name as it should stand in credits."),
            source: Field::default(),
            licence,
            licence_problem: "Choose the terms: without them nobody may use the work.".into(),
            licence_url: String::new(),
            creators: Field::default(),
            rights_holder: Field::default(),
            created: Field::default(),
            published: Field::default(),
            evidence: Field::default(),
            evidence_files_problem: String::new(),
            sha256: Field::default(),
            more_open: false,
            said: Vec::new(),
            from_file: Vec::new(),
            kept: String::new(),
            problem: String::new(),
            max_bytes: 20_000_000,
        }
    }

    /// A form that a file's own record filled.
    pub fn sample_offered() -> Self {
        Self {
            author: Field::of("Ana Ruiz and Ben Māhuika"),
            licence_problem: String::new(),
            creators: Field::of("Ana Ruiz; Ben Māhuika"),
            created: Field::of("1905-07-31"),
            more_open: true,
            said: vec![
                ("XMP dc:creator".into(), "Ana Ruiz".into()),
                ("XMP dc:creator".into(), "Ben Māhuika".into()),
                ("XMP plus:DataMining".into(), "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING".into()),
            ],
            from_file: vec!["author".into(), "creators".into(), "created".into()],
            kept: "0123456789abcdef0123456789abcdef".into(),
            ..Self::sample()
        }
    }
}
