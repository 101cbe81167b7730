//! The workbench: making pictures from pictures; and the pictures that were asked for together. Views only.

use std::collections::BTreeMap;

use askama::Template;

use super::make::Refusal;
use super::{Choice, Chrome, RuleLine, When, filters};

/// `GET /workbench` and what `POST /workbench` answers when something is amiss.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "workbench.html")]
pub struct WorkbenchPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The picture to work on: `image_…` or `input_…`.
    pub parent: String,
    /// Its address.
    pub picture: String,
    /// A sketch that was handed in with the form before: `input_…`.
    pub sketch: String,
    /// A mask that was: `input_…`.
    pub mask: String,
    /// Ways to make something, in groups.
    pub groups: Vec<Group>,
    /// What one's rights in a picture can be.
    pub rights: Vec<Choice>,
    /// What the picture is for.
    pub uses: Vec<Choice>,
    /// Of the file.
    pub formats: Vec<Choice>,
    /// How many together.
    pub counts: Vec<Choice>,
    /// Colours of one's own pictures, `#rrggbb`.
    pub palette: Vec<String>,
    /// How many pictures they were learnt from.
    pub learnt_from: usize,
    /// What was found when damage was looked for.
    pub found: String,
    /// What was typed, by the field's name.
    pub values: BTreeMap<String, String>,
    /// What is wrong, by the field's name.
    pub problems: BTreeMap<String, String>,
    /// What is wrong with the whole.
    pub problem: String,
    /// The policy's answer, when it refused.
    pub refusal: Option<Refusal>,
}

/// Ways that belong together.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// What they have in common.
    pub legend: String,
    /// The ways.
    pub ways: Vec<Way>,
}

/// One way to make something from a picture.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// As the API calls it.
    pub name: String,
    /// For people.
    pub label: String,
    /// What happens.
    pub hint: String,
    /// What is drawn for it by hand: `sketch`, `mask`, or nothing.
    pub draw: String,
    /// Whether it is the one chosen.
    pub chosen: bool,
    /// Its numbers.
    pub params: Vec<Param>,
}

/// A number or choice of a way.
#[derive(Debug, Clone, Default)]
pub struct Param {
    /// As the API calls it.
    pub name: String,
    /// For people.
    pub label: String,
    /// Its unit, and what it may be.
    pub hint: String,
    /// What stands in the field.
    pub value: String,
    /// Whether it is a slider.
    pub range: bool,
    /// The slider's ends and step.
    pub least: String,
    /// The other end.
    pub most: String,
    /// Between two places.
    pub step: String,
    /// What can be chosen, where it is a choice.
    pub choices: Vec<Choice>,
}

impl WorkbenchPage {
    fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    fn problem_of(&self, name: &str) -> &str {
        self.problems.get(name).map_or("", String::as_str)
    }

    /// A filled page.
    pub fn sample() -> Self {
        let slider = Param {
            name: "strength".into(),
            label: "How far from it".into(),
            value: "0.6".into(),
            range: true,
            least: "0.05".into(),
            most: "1".into(),
            step: "0.05".into(),
            ..Param::default()
        };
        let way = |name: &str, label: &str, draw: &str| Way {
            name: name.into(),
            label: label.into(),
            draw: draw.into(),
            chosen: name == "inpaint",
            params: vec![slider.clone()],
            ..Way::default()
        };
        let choice = |value: &str| vec![Choice { value: value.into(), label: value.into(), chosen: true }];
        Self {
            chrome: Chrome::sample("Workbench", "/workbench"),
            parent: "image_01KAR000000000000000000001".into(),
            picture: "/images/image_01KAR000000000000000000001/file".into(),
            groups: vec![Group {
                legend: "Drawn by the model".into(),
                ways: vec![
                    way("inpaint", "A part anew", "mask"),
                    way("restore", "Mend damage", "mask"),
                    way("recolour", "Other colours", ""),
                ],
            }],
            rights: choice("own"),
            uses: choice("personal"),
            formats: choice("png"),
            counts: choice("1"),
            palette: vec!["#3366cc".into()],
            learnt_from: 12,
            problems: [("mask".to_owned(), "the mask covers nothing".to_owned())].into(),
            problem: "One thing is to be mended.".into(),
            ..Self::default()
        }
    }

    /// Empty, to begin with.
    pub fn sample_empty() -> Self {
        Self {
            parent: String::new(),
            picture: String::new(),
            refusal: Some(Refusal { sentence: "No.".into(), rules: vec![RuleLine::default()], ..Refusal::default() }),
            ..Self::sample()
        }
    }
}

/// `GET /jobs`
#[derive(Debug, Clone, Default, Template)]
#[template(path = "queue.html")]
pub struct QueuePage {
    /// Around the page.
    pub chrome: Chrome,
    /// Jobs, the newest first.
    pub jobs: Vec<QueueRow>,
}

/// One job.
#[derive(Debug, Clone, Default)]
pub struct QueueRow {
    /// `job_…`
    pub id: String,
    /// What was asked for; empty for private words and edits without.
    pub words: String,
    /// "drawn from words", "inpaint", …
    pub how: String,
    /// When it was asked for.
    pub asked: When,
    /// Where it stands, for people.
    pub now: String,
    /// `image_…` when it is done.
    pub image: String,
    /// Whether it waits or is worked on.
    pub open: bool,
    /// Whether it can be asked for once more.
    pub again: bool,
}

impl QueuePage {
    fn running(&self) -> bool {
        self.jobs.iter().any(|job| job.open)
    }

    /// A filled page.
    pub fn sample() -> Self {
        let row = |id: &str, now: &str, open: bool, again: bool| QueueRow {
            id: id.into(),
            words: "a red kite".into(),
            how: "variation".into(),
            now: now.into(),
            open,
            again,
            ..QueueRow::default()
        };
        Self {
            chrome: Chrome::sample("Your pictures in work", "/jobs"),
            jobs: vec![
                row("job_01KAR000000000000000000001", "2 ahead of it, about 3 s", true, false),
                row("job_01KAR000000000000000000002", "failed: no room", false, true),
            ],
        }
    }
}

/// `GET /jobs/{id}/series`
#[derive(Debug, Clone, Default, Template)]
#[template(path = "series.html")]
pub struct SeriesPage {
    /// Around the page.
    pub chrome: Chrome,
    /// What was asked for; empty for private words and edits without.
    pub words: String,
    /// The pictures, in the order asked for.
    pub members: Vec<Member>,
    /// What they were made from: `image_…`; empty where it is none.
    pub parent: String,
}

/// One picture of several.
#[derive(Debug, Clone, Default)]
pub struct Member {
    /// `job_…`
    pub job: String,
    /// `image_…` when it is done.
    pub image: String,
    /// How it looks so far, as a `data:` address.
    pub preview: String,
    /// `queued`, `running`, `held`, `failed`, `cancelled`, with what is wrong.
    pub state: String,
}

impl Member {
    fn open(&self) -> bool {
        self.image.is_empty() && (self.state == "queued" || self.state == "running")
    }

    fn held(&self) -> bool {
        self.state.starts_with("held")
    }
}

impl SeriesPage {
    fn running(&self) -> bool {
        self.members.iter().any(Member::open)
    }

    fn sentence(&self) -> String {
        let done = self.members.iter().filter(|m| !m.image.is_empty()).count();
        match (done, self.members.len()) {
            (done, all) if done == all => "All are made. Choose one to go on from.".to_owned(),
            (done, all) => format!("{done} of {all} are made."),
        }
    }

    /// A filled page.
    pub fn sample() -> Self {
        let member = |job: &str, image: &str, state: &str| Member {
            job: job.into(),
            image: image.into(),
            state: state.into(),
            ..Member::default()
        };
        Self {
            chrome: Chrome::sample("Variations", "/jobs/job_01KAR000000000000000000001/series"),
            words: "a red kite".into(),
            members: vec![
                member("job_01KAR000000000000000000001", "image_01KAR000000000000000000001", "done"),
                member("job_01KAR000000000000000000002", "", "running"),
                member("job_01KAR000000000000000000003", "", "failed: no room"),
                member("job_01KAR000000000000000000004", "", "held: too near to “kite” by Twitter (86 % alike)"),
            ],
            parent: "image_01KAR000000000000000000009".into(),
        }
    }
}
