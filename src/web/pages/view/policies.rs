//! Policies: every tradition's rules as an elder or a lawyer would read them. Views only.

use askama::Template;

use super::{Choice, Chrome, Field, Link, Tone, When, filters};

/// `GET /policies`
#[derive(Debug, Clone, Template)]
#[template(path = "policies.html")]
pub struct PoliciesPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The bundle's name and version: "colophon-defaults 1.0.0".
    pub bundle_name: String,
    /// Its hash, hex.
    pub bundle: String,
    /// In force since.
    pub since: When,
    /// Log entry that put it in force; `None` until the next checkpoint.
    pub index: Option<u64>,
    /// All policies in reading order: traditions, then artists, then characters.
    pub traditions: Vec<TraditionView>,
    /// Why the files in the policy folder are not in force, for operators; empty when they are.
    pub problem: String,
    /// How to appeal against any answer.
    pub appeal: Link,
    /// The same as JSON.
    pub json_url: String,
}

/// `GET /policies/{id}`: what its people could be shown.
#[derive(Debug, Clone, Template)]
#[template(path = "policy.html")]
pub struct PolicyPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The policy with its rules.
    pub tradition: TraditionView,
    /// One or two sentences about it.
    pub summary: String,
    /// Names it is found by, without those that are never shown.
    pub names: Vec<String>,
    /// Who answers for it, a sentence each.
    pub stewards: Vec<String>,
    /// What they allowed, a sentence each.
    pub consents: Vec<String>,
    /// What was ruled on requests, a sentence each.
    pub rulings: Vec<String>,
    /// Answers with their number.
    pub counts: Vec<(String, u64)>,
    /// Its project on the Local Contexts Hub; leads nowhere when there is none.
    pub project: Link,
    /// What the reader may do here; `None` for most.
    pub desk: Option<StewardDesk>,
    /// The same as JSON.
    pub json_url: String,
}

impl PolicyPage {
    /// A tradition with somebody who answers for it.
    pub fn sample() -> Self {
        let mut policies = PoliciesPage::sample();
        Self {
            chrome: Chrome::sample("Tā moko", "/policies/maori-ta-moko"),
            tradition: policies.traditions.swap_remove(0),
            summary: "Tattoo that records genealogy.".into(),
            names: vec!["tā moko".into(), "moko kauae".into()],
            stewards: vec!["Hana Rewi, since 3 May 2026, named by Mere: letter of the authority".into()],
            consents: vec!["Ana Ruiz, for education, until 1 June 2027".into()],
            rulings: vec!["maori-ta-moko/any: the words mean something else".into()],
            counts: vec![("Not made".into(), 12)],
            project: Link::new("its project on the Local Contexts Hub", "https://localcontextshub.org/projects/1"),
            desk: Some(StewardDesk::sample()),
            json_url: "/api/v1/policies/maori-ta-moko".into(),
        }
    }
}

/// What stewards and operators do on the page of a policy: one form for each deed, all sent to the page itself.
#[derive(Debug, Clone, Default)]
pub struct StewardDesk {
    /// Whether the reader may name a steward.
    pub may_appoint: bool,
    /// Stewards whose appointment the reader may end.
    pub stewards: Vec<Choice>,
    /// Whether the reader is a steward of it.
    pub is_steward: bool,
    /// Rules that foresee a consent.
    pub rules: Vec<Choice>,
    /// What a consent may be about.
    pub abouts: Vec<String>,
    /// Uses it may be for.
    pub uses: Vec<Choice>,
    /// Consents that the reader may take back.
    pub consents: Vec<Choice>,
    /// Members, a sentence each; for stewards alone.
    pub members: Vec<String>,
    /// The deed that was refused, such as `appoint`; empty before any.
    pub deed: String,
    /// What was wrong with it.
    pub problem: String,
    /// The account typed.
    pub name: Field,
    /// What an appointment rests on, why something ends, or what a consent is for, as typed.
    pub words: Field,
    /// The element typed.
    pub about: Field,
    /// The day typed.
    pub ends: Field,
}

impl StewardDesk {
    /// Everything at once.
    pub fn sample() -> Self {
        Self {
            may_appoint: true,
            stewards: vec![Choice::new("Hana Rewi", "Hana Rewi", false)],
            is_steward: true,
            rules: vec![Choice::new("maori-ta-moko/any", "any: any use", false)],
            abouts: vec!["moko".into(), "moko-kauae".into()],
            uses: vec![Choice::new("personal", "personal", true), Choice::new("news", "news", false)],
            consents: vec![Choice::new("consent_1", "Ana Ruiz, for education, until 1 June 2027", false)],
            members: vec!["Wiremu, until 3 May 2028".into()],
            ..Self::default()
        }
    }

    fn open(&self, deed: &str) -> bool {
        self.deed == deed
    }
}

/// A project of the Local Contexts Hub.
#[derive(Debug, Clone, Default)]
pub struct ProjectView {
    /// Its title; its link is its page on the Hub.
    pub project: Link,
    /// Whom to ask; may be empty.
    pub contact: String,
    /// What the community says.
    pub labels: Vec<LabelView>,
}

/// One label, in the community's words.
#[derive(Debug, Clone, Default)]
pub struct LabelView {
    /// The name the community gave it.
    pub name: String,
    /// Whose it is; may be empty.
    pub community: String,
    /// What it says.
    pub text: String,
    /// Its language, a BCP 47 tag; may be empty.
    pub language: String,
    /// `allow` … `deny`: what follows for a picture for oneself.
    pub outcome: String,
}

impl LabelView {
    pub(super) fn answer(&self) -> &'static str {
        super::outcome_words(&self.outcome)
    }

    pub(super) fn tone(&self) -> Tone {
        super::outcome_tone(&self.outcome)
    }
}

/// One policy file.
#[derive(Debug, Clone, Default)]
pub struct TraditionView {
    /// "maori-ta-moko"; also the section's anchor.
    pub id: String,
    /// "Tā moko (Māori)".
    pub title: String,
    /// File within the bundle.
    pub file: String,
    /// `project-default`, `reviewed-by-expert` or `ratified-by-community`.
    pub authority_status: String,
    /// Who speaks for it.
    pub authority: String,
    /// Whom to ask.
    pub contact: Link,
    /// When the contact must be checked again: "20 May 2027"; empty for never.
    pub review_due: String,
    /// Its rules in file order.
    pub rules: Vec<PolicyRule>,
}

impl TraditionView {
    fn authority_words(&self) -> &'static str {
        super::authority_words(&self.authority_status)
    }
}

/// One rule as written.
#[derive(Debug, Clone, Default)]
pub struct PolicyRule {
    /// "any", unique in its file.
    pub id: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// `allow` … `deny`
    pub outcome: String,
    /// When it is met: "a facial moko, for any use".
    pub when: String,
    /// Why it stands.
    pub why: String,
    /// What it rests on, elsewhere.
    pub sources: Vec<Link>,
    /// What to draw instead.
    pub alternatives: Vec<String>,
}

impl PolicyRule {
    fn answer(&self) -> &'static str {
        super::outcome_words(&self.outcome)
    }

    fn tone(&self) -> Tone {
        super::outcome_tone(&self.outcome)
    }
}

impl PoliciesPage {
    /// Three traditions.
    pub fn sample() -> Self {
        let rule = |id: &str, line, outcome: &str, when: &str, why: &str| PolicyRule {
            id: id.into(),
            line,
            outcome: outcome.into(),
            when: when.into(),
            why: why.into(),
            sources: vec![Link::new("wipo.int", "https://www.wipo.int/")],
            alternatives: vec!["a spiral fern frond".into()],
        };
        let tradition = |id: &str, title: &str, status: &str, authority: &str, rules| TraditionView {
            id: id.into(),
            title: title.into(),
            file: format!("traditions/{id}.toml"),
            authority_status: status.into(),
            authority: authority.into(),
            contact: Link::new(authority, "https://example.org/"),
            review_due: "20 May 2027".into(),
            rules,
        };
        Self {
            chrome: Chrome::sample("Policies", "/policies"),
            bundle_name: "colophon-defaults 1.0.0".into(),
            bundle: super::sample_hash("3f2a77d0"),
            since: When::sample(),
            index: Some(7_218),
            traditions: vec![
                tradition(
                    "maori-ta-moko",
                    "Tā moko (Māori)",
                    "project-default",
                    "the wearer’s whānau and iwi",
                    vec![
                        rule(
                            "any",
                            41,
                            "require-consent",
                            "any moko, for personal, educational or news use",
                            "Moko records genealogy and is earned.",
                        ),
                        rule(
                            "commercial",
                            52,
                            "deny",
                            "any moko, on goods, in logos or for sale",
                            "A moko belongs to its wearer’s whānau and iwi.",
                        ),
                    ],
                ),
                tradition(
                    "samoan-pea",
                    "Peʻa and malu (Sāmoa)",
                    "reviewed-by-expert",
                    "tufuga tā tatau",
                    vec![rule(
                        "any",
                        33,
                        "allow-with-notice",
                        "peʻa or malu, for personal use",
                        "The tatau marks a duty of service; name it rightly.",
                    )],
                ),
                tradition(
                    "kente",
                    "Kente",
                    "ratified-by-community",
                    "the weavers of Bonwire",
                    vec![rule(
                        "any",
                        20,
                        "allow",
                        "kente-like patterns, for personal use",
                        "The weavers welcome it when the cloth is named.",
                    )],
                ),
            ],
            problem: String::new(),
            appeal: Link::new("policy@colophon.example", "mailto:policy@colophon.example"),
            json_url: "/api/v1/policies".into(),
        }
    }
}
