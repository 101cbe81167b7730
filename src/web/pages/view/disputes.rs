//! Disputes: the list, one with its steps, the form that opens one, and notices. Views only.

use askama::Template;

use super::{Choice, Chrome, Field, Link, Tone, When, filters};

/// A dispute in a line.
#[derive(Debug, Clone, Default)]
pub struct DisputeLine {
    /// `dispute_…`
    pub id: String,
    /// The work.
    pub work: Link,
    /// What is said to be wrong.
    pub ground: String,
    /// `opened`, `answered`, `appealed`, `upheld` or `rejected`.
    pub state: String,
    /// Whether the work is kept from use by it.
    pub open: bool,
    /// What its clock runs for: "may be answered until"; empty when it has stopped.
    pub due_words: String,
    /// When that ends.
    pub due: Option<When>,
    /// Whether the decision is late.
    pub late: bool,
    /// When it was opened.
    pub opened: When,
    /// By whom.
    pub by: String,
}

impl DisputeLine {
    pub(super) fn tone(&self) -> Tone {
        if self.open || self.state == "upheld" { Tone::Refused } else { Tone::Plain }
    }

    pub(super) fn sentence(&self) -> &'static str {
        match self.state.as_str() {
            "opened" => "Open: waiting for an answer.",
            "answered" => "Open: waiting for the decision.",
            "appealed" => "Open: waiting for the second decision.",
            "upheld" => "Decided: the claim is right.",
            _ => "Decided: the claim is not right.",
        }
    }

    pub(super) fn sample() -> Self {
        Self {
            id: "dispute_0".into(),
            work: Link::new("owl", "/works/work_0"),
            ground: "another person made it".into(),
            state: "answered".into(),
            open: true,
            due_words: "to be decided by".into(),
            due: Some(When::sample()),
            late: false,
            opened: When::sample(),
            by: "Ana Ruiz".into(),
        }
    }
}

/// `GET /disputes`
#[derive(Debug, Clone, Template)]
#[template(path = "disputes.html")]
pub struct DisputesPage {
    /// Around the page.
    pub chrome: Chrome,
    /// This page of the list.
    pub items: Vec<DisputeLine>,
    /// How many in all.
    pub total: u64,
    /// Whether only open ones are listed.
    pub only_open: bool,
    /// The next page; empty on the last.
    pub next_url: String,
    /// Back to the first page; empty on the first.
    pub first_url: String,
    /// The same list as JSON.
    pub json_url: String,
}

/// One step of it.
#[derive(Debug, Clone, Default)]
pub struct StepView {
    /// "claimed", "answered", "decided: …".
    pub what: String,
    /// By whom.
    pub by: String,
    /// When.
    pub when: When,
    /// In whose words.
    pub words: String,
    /// Evidence; a link for those who may see it.
    pub files: Vec<Link>,
    /// Its log entry; `None` until the next checkpoint.
    pub index: Option<u64>,
}

/// What the reader may do next.
#[derive(Debug, Clone, Default)]
pub struct NextStep {
    /// Where the form posts.
    pub action: String,
    /// Whether it is the decision.
    pub decides: bool,
    /// What is asked for.
    pub label: String,
    /// What was typed.
    pub words: Field,
    /// What is wrong with the files.
    pub files_problem: String,
    /// Upheld or rejected.
    pub rulings: Vec<Choice>,
    /// What is wrong with the choice.
    pub ruling_problem: String,
}

/// `GET /disputes/{id}`
#[derive(Debug, Clone, Template)]
#[template(path = "dispute.html")]
pub struct DisputePage {
    /// Around the page.
    pub chrome: Chrome,
    /// How it stands.
    pub line: DisputeLine,
    /// The work's picture; empty when there is none here.
    pub picture: String,
    /// Who registered the work.
    pub registered_by: String,
    /// Every step, oldest first.
    pub steps: Vec<StepView>,
    /// What the reader may do.
    pub next: Option<NextStep>,
    /// What is wrong with what was just sent.
    pub problem: String,
    /// The same as JSON.
    pub json_url: String,
}

/// `GET /works/{id}/dispute`
#[derive(Debug, Clone, Template)]
#[template(path = "dispute_new.html")]
pub struct DisputeNewPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The work.
    pub work: Link,
    /// Who registered it.
    pub registered_by: String,
    /// Where the form posts.
    pub action: String,
    /// What may be wrong.
    pub grounds: Vec<Choice>,
    /// What is wrong with the choice.
    pub ground_problem: String,
    /// The claim.
    pub words: Field,
    /// What is wrong with the files.
    pub files_problem: String,
    /// What is wrong with the whole.
    pub problem: String,
}

/// A notice.
#[derive(Debug, Clone, Default)]
pub struct NoticeView {
    /// One sentence.
    pub words: String,
    /// Where to look.
    pub url: String,
    /// When.
    pub when: When,
    /// Whether it was not seen before.
    pub fresh: bool,
}

/// `GET /notices`
#[derive(Debug, Clone, Template)]
#[template(path = "notices.html")]
pub struct NoticesPage {
    /// Around the page.
    pub chrome: Chrome,
    /// Newest first.
    pub items: Vec<NoticeView>,
}

impl NoticesPage {
    /// A filled page.
    pub fn sample() -> Self {
        let notice =
            |words: &str, fresh| NoticeView { words: words.into(), url: "/works/work_0".into(), when: When::sample(), fresh };
        Self {
            chrome: Chrome::sample("Notices", "/notices"),
            items: vec![
                notice("“owl” may no longer be used as before. 1 dataset, 1 model and 31 images stand on it.", true),
                notice("A dispute was opened on “owl”: another person made it.", false),
            ],
        }
    }
}

impl DisputesPage {
    /// A filled page.
    pub fn sample() -> Self {
        let line = DisputeLine::sample;
        Self {
            chrome: Chrome::sample("Disputes", "/disputes"),
            items: vec![
                line(),
                DisputeLine { state: "upheld".into(), open: false, due: None, due_words: String::new(), ..line() },
                DisputeLine { state: "opened".into(), due_words: "may be answered until".into(), ..line() },
            ],
            total: 3,
            only_open: false,
            next_url: String::new(),
            first_url: String::new(),
            json_url: "/api/v1/disputes".into(),
        }
    }
}

impl DisputePage {
    /// An operator's view before the decision.
    pub fn sample() -> Self {
        let step = |what: &str, by: &str, words: &str| StepView {
            what: what.into(),
            by: by.into(),
            when: When::sample(),
            words: words.into(),
            files: vec![Link::new("sketch.jpg (5b0c7d11…)", "/disputes/dispute_0/evidence/5b0c")],
            index: Some(10_482),
        };
        Self {
            chrome: Chrome::sample("Dispute on owl", "/disputes/dispute_0"),
            line: DisputeLine::sample(),
            picture: "/static/blank.svg".into(),
            registered_by: "Mere Tāwhai".into(),
            steps: vec![
                step("claimed", "Ana Ruiz", "I drew this in 2014.\nThe sketch is attached."),
                step("answered", "Mere Tāwhai", "It was given to me with all rights."),
            ],
            next: Some(NextStep {
                action: "/disputes/dispute_0/decision".into(),
                decides: true,
                label: "The decision and its reasons".into(),
                rulings: vec![Choice::new("upheld", "upheld", false), Choice::new("rejected", "rejected", false)],
                ..NextStep::default()
            }),
            problem: String::new(),
            json_url: "/api/v1/disputes/dispute_0".into(),
        }
    }
}

impl DisputeNewPage {
    /// A form with a mistake.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Dispute owl", "/works/work_0/dispute"),
            work: Link::new("owl", "/works/work_0"),
            registered_by: "Mere Tāwhai".into(),
            action: "/works/work_0/dispute".into(),
            grounds: vec![
                Choice::new("wrong-author", "another person made it", true),
                Choice::new("other", "something else", false),
            ],
            ground_problem: String::new(),
            words: Field::wrong("", "say what you have to say"),
            files_problem: String::new(),
            problem: String::new(),
        }
    }
}
