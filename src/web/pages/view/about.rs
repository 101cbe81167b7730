//! The API's list, the words, and what a page says when there is no page. Views only.

use askama::Template;

use super::{Chrome, Link, Tone, filters};

/// `GET /docs`
#[derive(Debug, Clone, Template)]
#[template(path = "docs.html")]
pub struct DocsPage {
    /// Around the page.
    pub chrome: Chrome,
    /// Every route of the API, in reading order.
    pub rows: Vec<ApiRow>,
}

/// One route.
#[derive(Debug, Clone, Default)]
pub struct ApiRow {
    /// "GET".
    pub method: String,
    /// "/api/v1/images/{id}".
    pub path: String,
    /// What it does, one sentence.
    pub summary: String,
    /// The scope a token needs; empty when none.
    pub scope: String,
}

impl DocsPage {
    fn example(&self) -> String {
        format!(
            "curl {}/api/v1/policy/check \\\n  -H 'content-type: application/json' \\\n  -d '{{\"prompt\": \"an owl on a branch\", \"use\": \"personal\"}}'",
            self.chrome.site.url
        )
    }

    /// A few rows.
    pub fn sample() -> Self {
        let row = |method: &str, path: &str, summary: &str, scope: &str| ApiRow {
            method: method.into(),
            path: path.into(),
            summary: summary.into(),
            scope: scope.into(),
        };
        Self {
            chrome: Chrome::sample("API", "/docs"),
            rows: vec![
                row("POST", "/api/v1/images", "Ask for an image; answers 202 and a job.", "images:write"),
                row("GET", "/api/v1/images/{id}", "An image’s colophon.", ""),
                row("GET", "/api/v1/jobs/{id}", "How far a job is.", "images:write"),
                row("POST", "/api/v1/policy/check", "What the policy says to a prompt.", ""),
                row("GET", "/api/v1/works", "Registered works: search, page, export.", ""),
            ],
        }
    }
}

/// `GET /terms`
#[derive(Debug, Clone, Template)]
#[template(path = "terms.html")]
pub struct TermsPage {
    /// Around the page.
    pub chrome: Chrome,
}

impl TermsPage {
    /// The page.
    pub fn sample() -> Self {
        Self { chrome: Chrome::sample("Words used here", "/terms") }
    }
}

/// Any request that could not be answered as asked.
#[derive(Debug, Clone, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// Around the page.
    pub chrome: Chrome,
    /// HTTP status.
    pub status: u16,
    /// "There is no such page."
    pub title: String,
    /// What happened, one or two sentences.
    pub message: String,
    /// What to do next, one sentence; may be empty.
    pub next: String,
    /// Where to go next.
    pub links: Vec<Link>,
    /// To quote when asking for help.
    pub request_id: String,
}

impl ErrorPage {
    fn tone(&self) -> Tone {
        if matches!(self.status, 401 | 403 | 422) { Tone::Refused } else { Tone::Plain }
    }

    /// Not found.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome { account: None, ..Chrome::sample("There is no such page", "/images/image_none") },
            status: 404,
            title: "There is no such page".into(),
            message: "`image_none` is not an image id.".into(),
            next: "Check the address, or look through the list.".into(),
            links: vec![Link::new("All images", "/images"), Link::new("Home", "/")],
            request_id: "01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
        }
    }
}
