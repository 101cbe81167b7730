//! Imports: the list, the form that begins one, and one import with its report. Views only.

use askama::Template;

use super::{Choice, Chrome, Field, Link, Tone, When, filters};

/// An import in a line.
#[derive(Debug, Clone, Default)]
pub struct ImportLine {
    /// `import_…`
    pub id: String,
    /// The name of its file.
    pub name: String,
    /// `queued`, `running`, `done`, `failed` or `cancelled`.
    pub state: String,
    /// Who began it.
    pub by: String,
    /// Rows looked at.
    pub rows: u64,
    /// Of them registered.
    pub registered: u64,
    /// Of them known before.
    pub known: u64,
    /// Of them refused.
    pub refused: u64,
    /// Why it failed.
    pub problem: String,
    /// When it was begun.
    pub begun: When,
}

impl ImportLine {
    fn tone(&self) -> Tone {
        match self.state.as_str() {
            "done" if self.refused == 0 => Tone::Verified,
            "failed" => Tone::Refused,
            _ => Tone::Plain,
        }
    }

    fn sentence(&self) -> String {
        let rows = |n: u64| if n == 1 { "1 row".to_owned() } else { format!("{} rows", super::text::grouped_digits(n)) };
        match self.state.as_str() {
            "queued" if self.rows == 0 => "Waiting for its turn.".to_owned(),
            "queued" | "running" => format!("{} so far.", rows(self.rows)),
            "done" if self.refused == 0 => format!("Done: all {} are registered.", rows(self.rows)),
            "done" => format!(
                "Done: {}, of which {} could not be registered.",
                rows(self.rows),
                super::text::grouped_digits(self.refused)
            ),
            "cancelled" => format!("Called off after {}; what was registered stays.", rows(self.rows)),
            _ => format!("Stopped after {}: {}", rows(self.rows), self.problem),
        }
    }
}

/// The form: `POST /imports`, fields `csrf`, `author`, …, `file` last.
#[derive(Debug, Clone, Default)]
pub struct ImportForm {
    /// What is wrong with the file.
    pub file_problem: String,
    /// Licences to choose from; the first is none.
    pub licences: Vec<Choice>,
    /// What is wrong with the licence.
    pub licence_problem: String,
    /// Fills what a row leaves empty.
    pub author: Field,
    /// The same.
    pub rights_holder: Field,
    /// The same.
    pub source: Field,
    /// The same.
    pub collection: Field,
    /// The same.
    pub evidence: Field,
    /// Whether files fill what the list leaves empty.
    pub from_files: bool,
    /// What is wrong with the whole.
    pub problem: String,
    /// Largest file.
    pub most_bytes: u64,
    /// Columns of a list: name, what it holds.
    pub columns: Vec<(String, String)>,
}

/// `GET /imports`
#[derive(Debug, Clone, Template)]
#[template(path = "imports.html")]
pub struct ImportsPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The latest.
    pub items: Vec<ImportLine>,
    /// How many there are.
    pub total: u64,
    /// To begin one.
    pub form: ImportForm,
}

/// A row of the report.
#[derive(Debug, Clone, Default)]
pub struct ImportRowView {
    /// Its place in the list.
    pub n: u64,
    /// What it is called.
    pub item: String,
    /// `registered`, `known` or `refused`.
    pub outcome: String,
    /// The work; no label when there is none.
    pub work: Link,
    /// What was noted.
    pub note: String,
}

/// `GET /imports/{id}`
#[derive(Debug, Clone, Template)]
#[template(path = "import.html")]
pub struct ImportPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The import.
    pub line: ImportLine,
    /// Whether it goes on.
    pub running: bool,
    /// Whether it reached its end.
    pub done: bool,
    /// How long it took, or has taken.
    pub seconds: u64,
    /// What fills empty cells: name, text.
    pub said: Vec<(String, String)>,
    /// Whether files fill what the list leaves empty.
    pub from_files: bool,
    /// Ways to narrow the report; true for the one in use.
    pub filters: Vec<(Link, bool)>,
    /// Rows on this page.
    pub rows: Vec<ImportRowView>,
    /// Back to the first page; empty on the first.
    pub first_url: String,
    /// The next page; empty on the last.
    pub next_url: String,
    /// The report as JSON.
    pub json_url: String,
    /// The report as CSV.
    pub csv_url: String,
}

impl ImportPage {
    fn rate(&self) -> String {
        match self.seconds {
            0 => String::new(),
            s => format!("{} works a second", super::text::grouped_digits(self.line.rows / s)),
        }
    }

    /// A filled page.
    pub fn sample() -> Self {
        let row = |n: u64, item: &str, outcome: &str, note: &str| ImportRowView {
            n,
            item: item.into(),
            outcome: outcome.into(),
            work: if outcome == "refused" {
                Link::default()
            } else {
                Link::new("work_0000000000SAMP000000000N", "/works/work_0000000000SAMP000000000N")
            },
            note: note.into(),
        };
        Self {
            chrome: Chrome::sample("clipart.zip", "/imports/import_0"),
            line: ImportLine::sample(),
            running: false,
            done: true,
            seconds: 6,
            said: vec![("Collection".into(), "Clip art of 1905".into()), ("Licence".into(), "CC0-1.0".into())],
            from_files: true,
            filters: vec![
                (Link::new("all 8121", "/imports/import_0?outcome="), true),
                (Link::new("registered 7458", "/imports/import_0?outcome=registered"), false),
                (Link::new("known 661", "/imports/import_0?outcome=known"), false),
                (Link::new("refused 2", "/imports/import_0?outcome=refused"), false),
            ],
            rows: vec![
                row(1, "animals/bat.svg", "registered", ""),
                row(2, "animals/bat_copy.svg", "known", "the very file is registered already"),
                row(
                    3,
                    "animals/broken.png",
                    "refused",
                    "file: the PNG is cut short: it ends before its picture does, so fetch it again",
                ),
                row(4, "animals/cat.svg", "registered", "no author is named, so nothing may be done with it"),
            ],
            first_url: String::new(),
            next_url: "/imports/import_0?outcome=&after=4".into(),
            json_url: "/api/v1/imports/import_0/rows".into(),
            csv_url: "/api/v1/imports/import_0/rows?format=csv".into(),
        }
    }

    /// One that goes on.
    pub fn sample_running() -> Self {
        let mut page = Self::sample();
        page.line.state = "running".into();
        (page.running, page.done) = (true, false);
        page
    }
}

impl ImportLine {
    fn sample() -> Self {
        Self {
            id: "import_0".into(),
            name: "clipart.zip".into(),
            state: "done".into(),
            by: "Mere Tāwhai".into(),
            rows: 8_121,
            registered: 7_458,
            known: 661,
            refused: 2,
            problem: String::new(),
            begun: When::sample(),
        }
    }
}

impl ImportsPage {
    /// A filled page.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Import works", "/imports"),
            items: vec![ImportLine::sample(), ImportLine { state: "running".into(), ..ImportLine::sample() }],
            total: 2,
            form: ImportForm {
                licences: vec![Choice::new("", "as each row says", true), Choice::new("CC0-1.0", "CC0 1.0", false)],
                collection: Field::of("Clip art of 1905"),
                from_files: true,
                most_bytes: 2 << 30,
                columns: vec![("file".into(), "the file".into()), ("title".into(), "what the work is called".into())],
                ..ImportForm::default()
            },
        }
    }

    /// One whose file was refused.
    pub fn sample_refused() -> Self {
        let mut page = Self::sample();
        page.form.file_problem = "send a .zip with a list and its files".into();
        page.items.clear();
        page
    }
}
