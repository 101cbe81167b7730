//! What each page shows: one plain struct per template, filled by the handlers, rendered by askama.
//!
//! No rules, no look-ups, no formatting of dates: text comes in ready to read, numbers come in as numbers. Every page has a
//! `sample()`, so that all templates can be rendered, looked at and checked without a server. May touch nothing but its fields.
//! In every struct an empty `String` means "there is none"; a `…_url` is a path on this site unless its doc says otherwise.

pub mod about;
pub mod cards;
pub mod datasets;
pub mod disputes;
pub mod images;
pub mod imports;
pub mod licences;
pub mod lineage;
pub mod log;
pub mod look;
pub mod make;
pub mod people;
pub mod policies;
pub mod reviews;
mod text;
pub mod uses;
pub mod verify;
pub mod work_new;
pub mod workbench;
pub mod works;

pub use about::{ApiRow, DocsPage, ErrorPage, TermsPage};
pub use cards::{AuthorCount, ImageCard, LicenceCount, RuleLine, WorkCard};
pub use datasets::DatasetsPage;
pub use disputes::{DisputeNewPage, DisputePage, DisputesPage, NoticesPage};
pub use images::{DecisionView, Download, ImagePage, ImagesPage, NearCopy, RecordView, ReplayRow, SignatureView};
pub use imports::{ImportPage, ImportsPage};
pub use licences::LicencesPage;
pub use lineage::{DatasetPage, DatasetRef, FileRow, ModelCard, ModelPage, ModelsPage};
pub use log::{EntryPage, EntryRow, GrowthPoint, Inclusion, LogPage, ReceiptPage, Recipe};
pub use look::{LookPage, WorkUsesPage};
pub use make::{Counts, HomePage, JobPage, Limits, Refusal, StudioForm, StudioPage};
pub use people::{AccountPage, AccountRow, AccountsAdmin, LoginPage, SetupPage, TokenRow};
pub use policies::{PoliciesPage, PolicyPage, PolicyRule, TraditionView};
pub use reviews::{ReviewPage, ReviewsPage};
pub use uses::UsesPage;
pub use verify::{CreditsView, Reason, SignerView, TrustPage, VerifyPage, VerifyResult};
pub use work_new::WorkNewPage;
pub use workbench::{QueuePage, SeriesPage, WorkbenchPage};
pub use works::{GrantRow, ReservationRow, RevokeForm, Revoked, VerdictRow, WorkPage, WorksPage};

pub(super) use cards::outcome_words;
use cards::{authority_words, outcome_tone};
use text::{and_list, filters, in_words};

/// What every page carries around its own content.
#[derive(Debug, Clone, Default)]
pub struct Chrome {
    /// The page's own title, without the site's name.
    pub title: String,
    /// The path asked for, with query: marks the current place in the menu and is where signing in returns to.
    pub path: String,
    /// This instance.
    pub site: Site,
    /// Who is signed in.
    pub account: Option<AccountView>,
    /// The session's CSRF token, put into every form as the hidden field `csrf`.
    pub csrf: String,
    /// The newest published log head; `None` until the first checkpoint.
    pub head: Option<LogHead>,
    /// Ids of the account's own keys that are in force, with blanks between: scripts sign with them.
    pub keys: String,
    /// One sentence about what was just done ("Your password is changed."), shown once at the top.
    pub notice: String,
}

impl Chrome {
    /// `page` when the path lies under `root`, so that the menu can say where the reader is.
    fn here(&self, root: &str) -> &'static str {
        let path = self.path.split('?').next().unwrap_or_default();
        let under = path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if under { "page" } else { "false" }
    }

    /// A sample for `title` at `path`, signed in as someone who may do everything.
    pub fn sample(title: &str, path: &str) -> Self {
        Self {
            title: title.into(),
            path: path.into(),
            site: Site { name: "Colophon".into(), url: "https://colophon.example".into(), version: "0.1.0".into() },
            account: Some(AccountView {
                name: "Mere Tāwhai".into(),
                notices: 2,
                roles: vec!["creator".into(), "rights holder".into()],
            }),
            csrf: "c2FtcGxl".into(),
            head: Some(LogHead { size: 10_482, root: sample_hash("3f2a9c1e") }),
            keys: String::new(),
            notice: String::new(),
        }
    }
}

/// This instance.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// Its name, as in the header.
    pub name: String,
    /// Scheme, host and port, without a slash at the end: commands for other people's tools are written with it.
    pub url: String,
    /// The program's version; also appended to the addresses of style sheet and script so that new ones are fetched.
    pub version: String,
}

/// Who is signed in.
#[derive(Debug, Clone, Default)]
pub struct AccountView {
    /// The account's name.
    pub name: String,
    /// Notices that nobody has seen yet.
    pub notices: u64,
    /// Its roles as words: `creator`, `rights holder`, `steward`, `auditor`, `operator`.
    pub roles: Vec<String>,
}

/// The newest published head of the log.
#[derive(Debug, Clone, Default)]
pub struct LogHead {
    /// Number of entries; the newest has index `size - 1`.
    pub size: u64,
    /// Root hash, 64 hex digits.
    pub root: String,
}

/// A moment, for people and for machines.
#[derive(Debug, Clone, Default)]
pub struct When {
    /// "23 November 2026", or with the time where it matters: "23 November 2026, 11:50 UTC".
    pub text: String,
    /// RFC 3339, UTC: "2026-11-23T11:50:00Z".
    pub iso: String,
}

impl When {
    /// From both forms.
    pub fn new(text: impl Into<String>, iso: impl Into<String>) -> Self {
        Self { text: text.into(), iso: iso.into() }
    }

    fn sample() -> Self {
        Self::new("23 November 2026", "2026-11-23T11:50:00Z")
    }
}

/// What a finding means; decides the only two colours that mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Checked just now and found true.
    Verified,
    /// Neither: told, not checked, or not a matter of trust.
    #[default]
    Plain,
    /// Unknown, refused, revoked or broken.
    Refused,
}

impl Tone {
    /// The style sheet's class.
    fn class(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Plain => "plain",
            Self::Refused => "refused",
        }
    }

    /// The sign beside the sentence; the sentence says it already, so it is hidden from screen readers.
    fn sign(self) -> &'static str {
        match self {
            Self::Verified => "✓",
            Self::Plain => "·",
            Self::Refused => "✕",
        }
    }
}

/// A form field: what was typed, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// What was typed, kept.
    pub value: String,
    /// What is wrong and what to do, one sentence; empty when fine.
    pub problem: String,
}

impl Field {
    /// A field that is fine.
    pub fn of(value: impl Into<String>) -> Self {
        Self { value: value.into(), problem: String::new() }
    }

    /// A field that is not.
    pub fn wrong(value: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { value: value.into(), problem: problem.into() }
    }
}

/// One choice of a select or a set of check boxes.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
    /// Whether it is chosen now.
    pub chosen: bool,
}

impl Choice {
    /// One choice.
    pub fn new(value: impl Into<String>, label: impl Into<String>, chosen: bool) -> Self {
        Self { value: value.into(), label: label.into(), chosen }
    }
}

/// A link, here or elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Link {
    /// What is read.
    pub label: String,
    /// Where it leads: a path here, `https://…` or `mailto:…`; empty shows the label alone.
    pub url: String,
}

impl Link {
    /// A link.
    pub fn new(label: impl Into<String>, url: impl Into<String>) -> Self {
        Self { label: label.into(), url: url.into() }
    }

    /// Whether it may be followed. Sources and contacts are typed by people, so anything but a path here, the web or mail is
    /// shown as its label alone.
    fn leads(&self) -> bool {
        let here = self.url.starts_with('/') && !self.url.starts_with("//");
        here || ["https://", "http://", "mailto:"].iter().any(|scheme| self.url.starts_with(scheme))
    }
}

/// A hash that starts with `head`, for samples.
fn sample_hash(head: &str) -> String {
    format!("{head}{}", &"7b1d04c85ae96f32d1b09a4c7e53f8260d9ab4e15c7f3862a0de91b47c85f613"[head.len()..])
}

#[cfg(test)]
mod tests {
    use askama::Template;

    use super::*;

    /// Every page from every sample.
    fn all() -> Vec<(&'static str, String)> {
        let mut pages = Vec::new();
        macro_rules! render {
            ($($page:ident :: $sample:ident,)*) => {
                $(pages.push((concat!(stringify!($page), "::", stringify!($sample)), $page::$sample().render().unwrap()));)*
            };
        }
        render! {
            WorkbenchPage::sample, WorkbenchPage::sample_empty, SeriesPage::sample, QueuePage::sample, HomePage::sample, StudioPage::sample, StudioPage::sample_empty, JobPage::sample, JobPage::sample_failed, JobPage::sample_held, LookPage::sample, LookPage::sample_empty, LookPage::sample_nothing, LookPage::sample_problem, WorkUsesPage::sample, WorkUsesPage::sample_none,
            ImagesPage::sample, ImagePage::sample, ImagePage::sample_unknown, WorksPage::sample, WorkPage::sample,
            WorkPage::sample_revoked, WorkNewPage::sample, WorkNewPage::sample_offered, ImportsPage::sample, ImportsPage::sample_refused, ImportPage::sample,
            ImportPage::sample_running, DisputesPage::sample, DisputePage::sample,
            DisputeNewPage::sample, NoticesPage::sample, UsesPage::sample, DatasetsPage::sample, DatasetPage::sample, ModelsPage::sample, ModelPage::sample,
            PoliciesPage::sample, PolicyPage::sample, ReviewPage::sample, ReviewsPage::sample, LicencesPage::sample, LogPage::sample, LogPage::sample_found, LogPage::sample_nothing, EntryPage::sample, ReceiptPage::sample, ReceiptPage::sample_waiting, VerifyPage::sample, VerifyPage::sample_empty,
            VerifyPage::sample_changed, VerifyPage::sample_problem, TrustPage::sample, LoginPage::sample, SetupPage::sample,
            AccountPage::sample, DocsPage::sample, TermsPage::sample, ErrorPage::sample,
        }
        pages
    }

    #[test]
    fn every_page_renders_whole_and_the_same_twice() {
        for ((name, html), (_, again)) in all().into_iter().zip(all()) {
            assert_eq!(html, again, "{name}");
            assert!(html.trim_end().ends_with("</html>") && html.matches("<h1").count() == 1, "{name}");
        }
    }

    #[test]
    fn no_page_needs_more_than_its_content_policy_allows() {
        for (name, html) in all() {
            assert!(!html.contains(" style=") && !html.contains("<style") && !html.contains(" onclick="), "{name}");
            assert_eq!(html.matches("<script").count(), html.matches("<script src=\"/static/").count(), "{name}");
        }
    }

    #[test]
    fn every_posted_form_carries_the_token() {
        for (name, html) in all() {
            for form in html.split("<form").skip(1).filter(|form| form.contains("method=\"post\"")) {
                let form = form.split("</form>").next().unwrap_or_default();
                assert!(form.contains("name=\"csrf\" value=\"c2FtcGxl\""), "{name}: {form}");
            }
        }
    }

    #[test]
    fn what_people_typed_stays_text() {
        let hostile = "\"><script>alert(1)</script>";
        let mut page = WorkPage::sample();
        (page.title, page.chrome.title, page.tags) = (hostile.into(), hostile.into(), vec![hostile.into()]);
        page.source = Link::new(hostile, "javascript:alert(1)");
        page.author = Link::new(hostile, "//elsewhere.example");
        let html = page.render().unwrap();
        assert!(!html.contains("<script>") && !html.contains("javascript:") && !html.contains("//elsewhere"));
    }

    #[test]
    fn the_menu_knows_where_it_is() {
        let chrome = Chrome::sample("", "/works/work_1?next=2");
        assert_eq!((chrome.here("/works"), chrome.here("/work"), chrome.here("/")), ("page", "false", "false"));
    }
}
