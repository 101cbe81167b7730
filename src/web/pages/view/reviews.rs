//! Requests that wait for a person: the queue, and one with the form for a ruling. Views only.

use askama::Template;

use super::{Choice, Chrome, RuleLine, When, filters};

/// A request in a line.
#[derive(Debug, Clone, Default)]
pub struct ReviewLine {
    /// `review_…`
    pub id: String,
    /// Since when.
    pub opened: When,
    /// Until when.
    pub due: When,
    /// Rules in the way, `policy/rule`.
    pub rules: Vec<String>,
}

/// `GET /reviews`
#[derive(Debug, Clone, Template)]
#[template(path = "reviews.html")]
pub struct ReviewsPage {
    /// Around the page.
    pub chrome: Chrome,
    /// This page of the queue.
    pub items: Vec<ReviewLine>,
    /// How many wait.
    pub total: u64,
    /// How long half of the answers took: "5 hours"; empty before the first.
    pub median: String,
    /// The next page; empty on the last.
    pub next_url: String,
}

/// `GET /reviews/{id}`
#[derive(Debug, Clone, Template)]
#[template(path = "review.html")]
pub struct ReviewPage {
    /// Around the page.
    pub chrome: Chrome,
    /// Its id and times.
    pub line: ReviewLine,
    /// Where it stands.
    pub sentence: String,
    /// Whether it waits.
    pub open: bool,
    /// How many wait before it.
    pub ahead: u64,
    /// What was asked for.
    pub prompt: String,
    /// What was said with it.
    pub words: String,
    /// The decision it is about.
    pub decision: String,
    /// The rules that were met.
    pub rules: Vec<RuleLine>,
    /// What was ruled, a sentence each.
    pub rulings: Vec<String>,
    /// The picture that followed; empty when none did.
    pub job_url: String,
    /// Rules that the reader may rule on.
    pub to_rule: Vec<Choice>,
    /// What may be said.
    pub says: Vec<Choice>,
    /// What was typed.
    pub reason: String,
    /// What is wrong with what was sent.
    pub problem: String,
}

fn line() -> ReviewLine {
    ReviewLine { id: "review_0".into(), opened: When::sample(), due: When::sample(), rules: vec!["maori-ta-moko/any".into()] }
}

impl ReviewsPage {
    /// One request waits.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Reviews", "/reviews"),
            items: vec![line()],
            total: 1,
            median: "5 hours".into(),
            next_url: String::new(),
        }
    }
}

impl ReviewPage {
    /// One that the reader may rule on.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome::sample("A request for a person", "/reviews/review_0"),
            line: line(),
            sentence: "It waits for a person.".into(),
            open: true,
            ahead: 2,
            prompt: "a portrait".into(),
            words: "for a school book".into(),
            decision: "decision_0".into(),
            rules: vec![RuleLine::sample()],
            rulings: Vec::new(),
            job_url: String::new(),
            to_rule: vec![Choice::new("maori-ta-moko/any", "maori-ta-moko/any", true)],
            says: vec![Choice::new("granted", "this one picture may be made", false)],
            reason: String::new(),
            problem: String::new(),
        }
    }
}
