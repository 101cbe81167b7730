//! What each page shows: one plain struct per template, filled by the handlers, rendered by askama.
//!
//! No rules, no look-ups, no formatting of dates: text comes in ready to read, numbers come in as numbers. Every page has a
//! `sample()`, so that all templates can be rendered, looked at and checked without a server. May touch nothing but its fields.
//! In every struct an empty `String` means "there is none"; a `…_url` is a path on this site unless its doc says otherwise.

pub mod about;
pub mod images;
pub mod lineage;
pub mod log;
pub mod make;
pub mod people;
pub mod policies;
mod text;
pub mod verify;
pub mod works;

pub use about::{ApiRow, DocsPage, ErrorPage, TermsPage};
pub use images::{DecisionView, Download, ImagePage, ImagesPage, NearCopy, RecordView, ReplayRow, SignatureView};
pub use lineage::{DatasetPage, DatasetRef, FileRow, ModelCard, ModelPage, ModelsPage};
pub use log::{EntryPage, EntryRow, GrowthPoint, Inclusion, LogPage, Recipe};
pub use make::{Counts, HomePage, JobPage, Limits, Refusal, StudioForm, StudioPage};
pub use people::{AccountPage, AccountRow, AccountsAdmin, LoginPage, SetupPage, TokenRow};
pub use policies::{PoliciesPage, PolicyRule, TraditionView};
pub use verify::{CreditsView, Reason, SignerView, TrustPage, VerifyPage, VerifyResult};
pub use works::{GrantRow, ReservationRow, RevokeForm, Revoked, VerdictRow, WorkNewPage, WorkPage, WorksPage};

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
            account: Some(AccountView { name: "Mere Tāwhai".into(), roles: vec!["creator".into(), "rights holder".into()] }),
            csrf: "c2FtcGxl".into(),
            head: Some(LogHead { size: 10_482, root: sample_hash("3f2a9c1e") }),
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
    /// A link; the handler vouches that `url` starts with `/`, `https://`, `http://` or `mailto:`.
    pub fn new(label: impl Into<String>, url: impl Into<String>) -> Self {
        Self { label: label.into(), url: url.into() }
    }
}

/// How many of a set's works stand under one licence.
#[derive(Debug, Clone, Default)]
pub struct LicenceCount {
    /// As read: "CC BY 4.0"; "unknown" when nobody knows.
    pub licence: String,
    /// Its text, elsewhere; empty for none.
    pub url: String,
    /// Works.
    pub count: u64,
    /// Of all works of the set, 0..=1.
    pub share: f64,
    /// False draws the bar in the colour of the unknown.
    pub known: bool,
}

/// How many of a set's works one author made.
#[derive(Debug, Clone, Default)]
pub struct AuthorCount {
    /// The author's name as recorded.
    pub author: String,
    /// Works.
    pub count: u64,
    /// A list of exactly these works.
    pub url: String,
}

/// A registered work as a small picture with its author's name.
#[derive(Debug, Clone, Default)]
pub struct WorkCard {
    /// `work_…`; the card leads to `/works/{id}`.
    pub id: String,
    /// The work's title.
    pub title: String,
    /// Address of the picture.
    pub picture: String,
    /// The author's name as recorded.
    pub author: String,
    /// As read: "CC BY 4.0".
    pub licence: String,
    /// The licence's text, elsewhere; empty for none.
    pub licence_url: String,
    /// On an image's page: how far the image is from this work, RMS of 16×16 thumbnails, 0 (same) to 1.
    pub distance: Option<f64>,
    /// True when the grant it was used under, or the work, has been revoked.
    pub revoked: bool,
}

impl WorkCard {
    /// The distance in words. Two different works of the first collection lie .091/.143/.181 apart (quartiles), so a picture
    /// nearer than .05 is nearer than nearly any two of them.
    fn nearness(&self) -> String {
        self.distance.map_or_else(String::new, |d| {
            let words = match d {
                d if d < 0.05 => "very near",
                d if d < 0.10 => "near",
                d if d < 0.18 => "some likeness",
                _ => "little likeness",
            };
            format!("{words}, {d:.3}")
        })
    }

    fn sample(n: u16, title: &str, author: &str, licence: &str) -> Self {
        let id = format!("work_0000000000SAMP{n:0>10}");
        Self {
            picture: format!("/works/{id}/picture"),
            id,
            title: title.into(),
            author: author.into(),
            licence: licence.into(),
            licence_url: "https://creativecommons.org/licenses/by/4.0/".into(),
            distance: None,
            revoked: false,
        }
    }

    fn samples() -> Vec<Self> {
        vec![
            Self::sample(715, "owl", "Twitter", "CC BY 4.0"),
            Self::sample(1859, "owl", "Google Inc", "Apache 2.0"),
            Self::sample(2983, "owl", "Microsoft Corporation", "MIT"),
            Self::sample(7101, "lighthouse", "Franck Doucet", "public domain"),
            Self::sample(813, "red apple", "Twitter", "CC BY 4.0"),
            Self::sample(5900, "teapot", "Tapio Kautto", "public domain"),
            Self::sample(4543, "fox", "Emoji One", "CC BY 4.0"),
            Self::sample(5116, "bird", "Mozilla", "Apache 2.0"),
        ]
    }
}

/// A made image as a small picture, with the names of those whose works it drew on.
#[derive(Debug, Clone, Default)]
pub struct ImageCard {
    /// `image_…`; the card leads to `/images/{id}`.
    pub id: String,
    /// Address of the picture.
    pub picture: String,
    /// What it was asked for; empty when its maker keeps the words private.
    pub words: String,
    /// Authors of the works it drew on, each once, in the order drawn on.
    pub authors: Vec<String>,
    /// When it was made.
    pub made: When,
}

impl ImageCard {
    /// What a person who can't see the picture is told.
    fn alt(&self) -> String {
        if self.words.is_empty() { "Picture; its words are private".into() } else { format!("Picture: {}", self.words) }
    }

    fn sample(n: u8, words: &str, authors: &[&str]) -> Self {
        let id = format!("image_01KAR{n:0>21}");
        Self {
            picture: format!("/images/{id}/picture"),
            id,
            words: words.into(),
            authors: authors.iter().map(|&a| a.into()).collect(),
            made: When::sample(),
        }
    }

    fn samples() -> Vec<Self> {
        vec![
            Self::sample(14, "a robot with a kind face", &["Twitter", "Google Inc", "Microsoft Corporation"]),
            Self::sample(11, "a butterfly", &["Emoji One", "Mozilla"]),
            Self::sample(18, "a dog", &["Franck Doucet", "Twitter"]),
            Self::sample(26, "", &["Nicu Buculei"]),
            Self::sample(16, "a purple umbrella", &["Google Inc", "Microsoft Corporation", "Emoji One"]),
            Self::sample(24, "an owl on a branch", &["Twitter", "Google Inc", "Architetto Francesco Rollandin"]),
            Self::sample(3, "a sailing boat on the sea", &["Microsoft Corporation"]),
            Self::sample(22, "an electric guitar", &["John Cliff", "Google Inc"]),
        ]
    }
}

/// A policy rule that was met, with everything its answer owes the person asking.
#[derive(Debug, Clone, Default)]
pub struct RuleLine {
    /// The policy's title: "Tā moko (Māori)".
    pub policy: String,
    /// Policy and rule: "maori-ta-moko/real-person".
    pub rule: String,
    /// File within the bundle: "traditions/maori-ta-moko.toml".
    pub file: String,
    /// Line of the rule in that file, from 1.
    pub line: u32,
    /// `allow`, `allow-with-notice`, `require-consent`, `human-review` or `deny`.
    pub outcome: String,
    /// The words of the request that met it, as typed.
    pub words: Vec<String>,
    /// Why the rule stands.
    pub why: String,
    /// Who speaks for it.
    pub authority: String,
    /// `project-default`, `reviewed-by-expert` or `ratified-by-community`.
    pub authority_status: String,
    /// Whom to ask.
    pub contact: Link,
    /// What can be drawn instead, each a prompt.
    pub alternatives: Vec<String>,
    /// How to appeal.
    pub appeal: Link,
}

impl RuleLine {
    fn answer(&self) -> &'static str {
        outcome_words(&self.outcome)
    }

    fn tone(&self) -> Tone {
        outcome_tone(&self.outcome)
    }

    fn authority_words(&self) -> &'static str {
        authority_words(&self.authority_status)
    }

    fn sample() -> Self {
        Self {
            policy: "Tā moko (Māori)".into(),
            rule: "maori-ta-moko/any".into(),
            file: "traditions/maori-ta-moko.toml".into(),
            line: 41,
            outcome: "require-consent".into(),
            words: vec!["tā moko".into(), "facial tattoo".into()],
            why: "Moko records a person’s genealogy and is earned; it belongs to its wearer’s whānau and iwi.".into(),
            authority: "the wearer’s whānau and iwi".into(),
            authority_status: "project-default".into(),
            contact: Link::new("Te Uhi a Mataora", "https://example.org/te-uhi-a-mataora"),
            alternatives: vec!["a spiral fern frond".into(), "a portrait with a kirituhi-inspired scarf".into()],
            appeal: Link::new("policy@colophon.example", "mailto:policy@colophon.example"),
        }
    }
}

/// What an outcome means, as the start of a sentence.
fn outcome_words(outcome: &str) -> &'static str {
    match outcome {
        "allow" => "Allowed",
        "allow-with-notice" => "Allowed, with a notice",
        "require-consent" => "Needs consent",
        "human-review" => "Needs a person’s review",
        "deny" => "Refused",
        _ => "Unknown, so refused",
    }
}

fn outcome_tone(outcome: &str) -> Tone {
    if outcome == "allow" || outcome == "allow-with-notice" { Tone::Plain } else { Tone::Refused }
}

/// Who stands behind a rule, as a sentence.
fn authority_words(status: &str) -> &'static str {
    match status {
        "ratified-by-community" => "Ratified by the community.",
        "reviewed-by-expert" => "Reviewed by an expert; not ratified by the community.",
        "project-default" => "A default of this project; no community has ratified it.",
        _ => "Nobody knows who stands behind this rule.",
    }
}

/// A hash that starts with `head`, for samples.
fn sample_hash(head: &str) -> String {
    format!("{head}{}", &"7b1d04c85ae96f32d1b09a4c7e53f8260d9ab4e15c7f3862a0de91b47c85f613"[head.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_knows_where_it_is() {
        let chrome = Chrome::sample("", "/works/work_1?next=2");
        assert_eq!((chrome.here("/works"), chrome.here("/work"), chrome.here("/")), ("page", "false", "false"));
    }

    #[test]
    fn an_unknown_outcome_is_no_yes() {
        assert_eq!(outcome_tone("alow"), Tone::Refused);
        assert_eq!(outcome_tone("allow-with-notice"), Tone::Plain);
    }
}
