//! Works: the list, and one work with its verdicts and uses. The form that registers one is `work_new`. Views only.

use askama::Template;

use super::disputes::DisputeLine;
use super::policies::{LabelView, ProjectView};
use super::{Choice, Chrome, DatasetRef, Field, ImageCard, Inclusion, Link, RecordView, Tone, When, WorkCard, filters};

/// `GET /works`
#[derive(Debug, Clone, Template)]
#[template(path = "works.html")]
pub struct WorksPage {
    /// Around the page.
    pub chrome: Chrome,
    /// What was searched for in titles and tags.
    pub q: String,
    /// Exact author, when narrowed to one.
    pub author: String,
    /// Who registered the works or holds the rights, when narrowed to one.
    pub owner: String,
    /// Licences to choose from; the first is "any" with an empty value.
    pub licences: Vec<Choice>,
    /// This page of the list.
    pub items: Vec<WorkCard>,
    /// How many match in all.
    pub total: u64,
    /// The next page; empty on the last.
    pub next_url: String,
    /// Back to the first page; empty on the first.
    pub first_url: String,
    /// The same list as JSON.
    pub json_url: String,
    /// The same list as CSV; empty when not offered.
    pub csv_url: String,
}

impl WorksPage {
    /// A filled page.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Works", "/works"),
            q: "owl".into(),
            author: String::new(),
            owner: "Mere Tāwhai".into(),
            licences: licence_choices(),
            items: WorkCard::samples(),
            total: 7_216,
            next_url: "/works?q=owl&after=work_0000000000SAMP".into(),
            first_url: "/works?q=owl".into(),
            json_url: "/api/v1/works?q=owl".into(),
            csv_url: "/api/v1/works?q=owl&format=csv".into(),
        }
    }
}

pub(super) fn licence_choices() -> Vec<Choice> {
    [("", "any"), ("CC-BY-4.0", "CC BY 4.0"), ("Apache-2.0", "Apache 2.0"), ("MIT", "MIT"), ("public-domain", "public domain")]
        .map(|(value, label)| Choice::new(value, label, value.is_empty()))
        .into()
}

/// `GET /works/{id}`
#[derive(Debug, Clone, Template)]
#[template(path = "work.html")]
pub struct WorkPage {
    /// Around the page.
    pub chrome: Chrome,
    /// `work_…`
    pub id: String,
    /// The work's title.
    pub title: String,
    /// Address of the picture; empty when only the work's hash is registered.
    pub picture: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Everyone who made it, with role and share, when there is more to say than the author's name.
    pub creators: Vec<String>,
    /// Who holds the rights, when that is not the author.
    pub rights_holder: String,
    /// When it was made: "1905-07"; may be empty.
    pub created: String,
    /// When it was published; may be empty.
    pub published: String,
    /// Files its registration rests on; a link for those who may see them.
    pub evidence_files: Vec<Link>,
    /// The author's name; its link lists all works by them.
    pub author: Link,
    /// The licence; its link is the text, elsewhere. Label "unknown" when nobody knows.
    pub licence: Link,
    /// False when the licence is unknown.
    pub licence_known: bool,
    /// Where it came from, elsewhere.
    pub source: Link,
    /// Words it can be found by.
    pub tags: Vec<String>,
    /// When it was registered.
    pub registered: When,
    /// By whom.
    pub registered_by: String,
    /// Content address, hex.
    pub blake3: String,
    /// For other people's tools, hex.
    pub sha256: String,
    /// If the work was withdrawn.
    pub revoked: Option<Revoked>,
    /// May it be used for that? One row per use, always all six.
    pub verdicts: Vec<VerdictRow>,
    /// Version of the rule table that gave the verdicts.
    pub rules_version: String,
    /// Licences given, newest first.
    pub grants: Vec<GrantRow>,
    /// Opt-outs seen.
    pub reservations: Vec<ReservationRow>,
    /// Projects of the Local Contexts Hub that it belongs to.
    pub projects: Vec<ProjectView>,
    /// Projects that are still to be fetched, a sentence each; for those who may name them.
    pub projects_asked: Vec<String>,
    /// To name a project; `None` for those who may not, and where none can be fetched.
    pub name_project: Option<Field>,
    /// Disputes on it, newest first.
    pub disputes: Vec<DisputeLine>,
    /// Where one is opened; empty for those who may not, and while one is open.
    pub dispute_url: String,
    /// Where images that are like it are looked for; empty for those who may not.
    pub uses_url: String,
    /// The newest images that drew on it.
    pub images: Vec<ImageCard>,
    /// How many images drew on it in all.
    pub images_total: u64,
    /// A list of all of them; empty when `images` shows them all.
    pub images_url: String,
    /// Datasets that hold it.
    pub datasets: Vec<DatasetRef>,
    /// Everything that stands on it.
    pub impact: ImpactView,
    /// Its registration in the log.
    pub record: RecordView,
    /// To give a further licence; `None` for those who may not.
    pub give: Option<GrantForm>,
    /// To declare an opt-out; `None` for those who may not.
    pub reserve: Option<Field>,
    /// Whether the reader may put on record what a licence was found to be.
    pub may_conclude: bool,
    /// What was wrong with that.
    pub conclude_problem: String,
    /// The form that revokes it; `None` for those who may not.
    pub revoke: Option<RevokeForm>,
}

/// A withdrawal.
#[derive(Debug, Clone, Default)]
pub struct Revoked {
    /// When.
    pub when: When,
    /// By whom.
    pub by: String,
    /// Why, as they wrote it; may be empty.
    pub reason: String,
    /// Its log entry; `None` until the next checkpoint.
    pub index: Option<u64>,
    /// Whether some may still use it, by a grant that names them.
    pub partly: bool,
}

/// One use and its verdict.
#[derive(Debug, Clone, Default)]
pub struct VerdictRow {
    /// The use, as read: "train", "fine-tune", "generate commercially", "credit in outputs", "share alike", "derive".
    pub use_label: String,
    /// `allow`, `deny`, `conditional` or `unknown`.
    pub answer: String,
    /// What is owed when conditional: "name the author".
    pub duties: Vec<String>,
    /// Id of the rule that gave it.
    pub rule: String,
    /// What the rule cites: "CC BY 4.0 §2(a)(1)", elsewhere.
    pub citation: Link,
    /// Why, one sentence.
    pub reason: String,
}

impl VerdictRow {
    pub(super) fn sentence(&self) -> &'static str {
        match self.answer.as_str() {
            "allow" => "Yes.",
            "conditional" => "Yes, if:",
            "deny" => "No.",
            _ => "Unknown, so no.",
        }
    }

    pub(super) fn tone(&self) -> Tone {
        if self.answer == "allow" || self.answer == "conditional" { Tone::Plain } else { Tone::Refused }
    }
}

/// One licence given.
#[derive(Debug, Clone, Default)]
pub struct GrantRow {
    /// `grant_…`
    pub id: String,
    /// As read: "CC BY 4.0".
    pub licence: String,
    /// What the file itself names, each with its place: "CC-BY-NC-4.0 (XMP cc:license)".
    pub detected: Vec<String>,
    /// What the verdicts go by and why, when that is not what was declared.
    pub concluded: String,
    /// What it covers: "everyone, worldwide, every use".
    pub scope: String,
    /// What the declaration rests on.
    pub evidence: String,
    /// By whom.
    pub given_by: String,
    /// From when.
    pub from: When,
    /// Until when; `None` for no end.
    pub until: Option<When>,
    /// When it was revoked.
    pub revoked: Option<When>,
    /// Its log entry; `None` until the next checkpoint.
    pub index: Option<u64>,
    /// Where its revoke form posts (fields `csrf`, `reason`); empty when it can't be revoked or not by this reader.
    pub revoke_url: String,
}

/// One opt-out seen.
#[derive(Debug, Clone, Default)]
pub struct ReservationRow {
    /// In which language it is said: "IPTC/PLUS data mining".
    pub signal: String,
    /// What it says: "plus:DataMining = DMI-PROHIBITED".
    pub says: String,
    /// Where it was read: "XMP plus:DataMining", an address.
    pub place: String,
    /// The first of the bytes seen.
    pub bytes: String,
    /// What it reserves: "training".
    pub reserves: String,
    /// When it was seen.
    pub seen: When,
    /// sha256 of the bytes seen, hex.
    pub sha256: String,
}

/// The form that withdraws a work: `POST /works/{id}/revoke`, fields `csrf`, `reason`.
#[derive(Debug, Clone, Default)]
pub struct RevokeForm {
    /// Why; kept when it has to be asked again.
    pub reason: Field,
    /// What it will touch: "2 models and 31 images name this work."
    pub impact: String,
}

/// Everything that stands on a work, as a drawing.
#[derive(Debug, Clone, Default)]
pub struct ImpactView {
    /// Datasets it is in.
    pub datasets: Vec<Link>,
    /// Models trained on those, and their adapters.
    pub models: Vec<Link>,
    /// Images that drew on it.
    pub drawn: u64,
    /// Other images of those models.
    pub made: u64,
    /// When it was revoked.
    pub since: Option<When>,
    /// All of it as JSON.
    pub json_url: String,
}

impl ImpactView {
    /// Names shown in a row of the drawing; what does not fit is counted.
    const ROW: usize = 2;

    pub(super) fn is_empty(&self) -> bool {
        self.datasets.is_empty() && self.models.is_empty() && self.drawn == 0
    }

    pub(super) fn row<'a>(&self, all: &'a [Link]) -> &'a [Link] {
        &all[..all.len().min(Self::ROW)]
    }

    pub(super) fn more(&self, all: &[Link]) -> usize {
        all.len().saturating_sub(Self::ROW)
    }

    /// Centre of the `n`th of the names in a row, in a drawing 360 wide whose right half is the direct way.
    pub(super) fn x(&self, n: &usize, all: &[Link]) -> usize {
        let shown = all.len().clamp(1, Self::ROW);
        220 * (2 * n + 1) / (2 * shown)
    }

    pub(super) fn images(&self, n: &u64) -> String {
        format!("{} image{}", super::text::grouped_digits(*n), if *n == 1 { "" } else { "s" })
    }

    /// The drawing in words.
    pub(super) fn sentence(&self) -> String {
        let names = |all: &[Link]| all.iter().map(|l| l.label.clone()).collect::<Vec<_>>();
        let mut parts = vec![format!("{} drew on it", self.images(&self.drawn))];
        if !self.datasets.is_empty() {
            parts.push(format!("it is in {}", super::and_list(&names(&self.datasets))));
        }
        if !self.models.is_empty() {
            parts.push(format!(
                "{} learnt from it and made {} more",
                super::and_list(&names(&self.models)),
                self.images(&self.made)
            ));
        }
        format!("What stands on this work: {}.", parts.join("; "))
    }
}

/// Giving a further licence.
#[derive(Debug, Clone, Default)]
pub struct GrantForm {
    /// SPDX identifier or a name of one's own.
    pub licence: Field,
    /// The uses it is for; none chosen: what the licence allows.
    pub uses: Vec<Choice>,
    /// To this account alone.
    pub grantee: Field,
    /// Country codes, parted by commas.
    pub territory: Field,
    /// Last day, `2027-01-31`.
    pub ends: Field,
    /// What it rests on.
    pub evidence: Field,
    /// Terms in words of their own.
    pub terms: Field,
    /// To nobody else.
    pub exclusive: bool,
    /// What is wrong with all of it together.
    pub problem: String,
    /// Something was sent, and refused.
    pub open: bool,
}

impl WorkPage {
    /// A work in use.
    pub fn sample() -> Self {
        let card = &WorkCard::samples()[0];
        let row = |use_label: &str, answer: &str, duties: &[&str], rule: &str, cited: &str, reason: &str| VerdictRow {
            use_label: use_label.into(),
            answer: answer.into(),
            duties: duties.iter().map(|&d| d.into()).collect(),
            rule: rule.into(),
            citation: Link::new(cited, "https://creativecommons.org/licenses/by/4.0/legalcode"),
            reason: reason.into(),
        };
        let credit: &[&str] = &["name the author", "link the licence", "say that it was changed"];
        Self {
            chrome: Chrome::sample("owl", &format!("/works/{}", card.id)),
            id: card.id.clone(),
            title: card.title.clone(),
            picture: card.picture.clone(),
            width: 64,
            height: 64,
            creators: vec!["Ana Ruiz (illustrator) 60 %".into(), "Ben Māhuika (ink) 40 %".into()],
            rights_holder: "Twitter, Inc.".into(),
            created: "2014-11".into(),
            published: "2014-11-06".into(),
            evidence_files: vec![Link::new("letter.pdf (5b0c7d11…)", "/works/work_0/evidence/5b0c")],
            author: Link::new("Twitter", "/works?author=Twitter"),
            licence: Link::new("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"),
            licence_known: true,
            source: Link::new("github.com/jdecked/twemoji", "https://github.com/jdecked/twemoji"),
            tags: ["bird", "night", "wise", "woods"].map(String::from).into(),
            registered: When::sample(),
            registered_by: "Colophon (first start)".into(),
            blake3: super::sample_hash("5b0c7d11"),
            sha256: super::sample_hash("382d86a6"),
            revoked: None,
            verdicts: vec![
                row(
                    "train",
                    "conditional",
                    credit,
                    "cc-by/reproduce",
                    "CC BY 4.0 §2(a)(1)",
                    "Copying is granted; credit is owed where copies are shared.",
                ),
                row("fine-tune", "conditional", credit, "cc-by/reproduce", "CC BY 4.0 §2(a)(1)", "As for training."),
                row(
                    "generate commercially",
                    "conditional",
                    credit,
                    "cc-by/any-purpose",
                    "CC BY 4.0 §2(a)(1)",
                    "The grant is not limited to non-commercial use.",
                ),
                row(
                    "credit in outputs",
                    "allow",
                    &[],
                    "cc-by/credit",
                    "CC BY 4.0 §3(a)",
                    "Credit is owed and is given with every image.",
                ),
                row("share alike", "unknown", &[], "none", "", "No rule speaks of this use."),
                row(
                    "derive",
                    "deny",
                    &[],
                    "reserved/derive",
                    "the author’s reservation",
                    "An express reservation beats a general grant.",
                ),
            ],
            rules_version: "2026-11-1".into(),
            grants: vec![GrantRow {
                id: "grant_0000000000SAMP0000000715".into(),
                licence: "CC BY 4.0".into(),
                detected: vec!["CC-BY-4.0 (XMP cc:license)".into()],
                concluded: "CC-BY-4.0, verified by Auditor Two: the set's own page says so".into(),
                scope: "to everyone".into(),
                evidence: "licence field of npm @iconify-json/twemoji 1.2.5".into(),
                given_by: "Twitter, as published".into(),
                from: When::sample(),
                until: None,
                revoked: None,
                index: Some(716),
                revoke_url: "/grants/grant_0000000000SAMP0000000715/revoke".into(),
            }],
            projects: vec![ProjectView {
                project: Link::new("Weavings of the coast", "https://localcontextshub.org/projects/1"),
                contact: "A. Weaver".into(),
                labels: vec![LabelView {
                    name: "TK Attribution".into(),
                    community: "Coast People".into(),
                    text: "Name us.".into(),
                    language: "en".into(),
                    outcome: "allow-with-notice".into(),
                }],
            }],
            projects_asked: vec!["The project 2 is being fetched.".into()],
            name_project: Some(Field::default()),
            reservations: vec![ReservationRow {
                signal: "IPTC/PLUS data mining".into(),
                says: "plus:DataMining = DMI-PROHIBITED-AIMLTRAINING".into(),
                place: "XMP plus:DataMining".into(),
                bytes: "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">".into(),
                reserves: "train a model".into(),
                seen: When::sample(),
                sha256: super::sample_hash("382d86a6"),
            }],
            disputes: vec![DisputeLine::sample()],
            dispute_url: "/works/work_0/dispute".into(),
            uses_url: "/works/work_0/uses".into(),
            images: ImageCard::samples().split_off(4),
            images_total: 31,
            images_url: format!("/images?work={}", card.id),
            datasets: vec![DatasetRef::sample()],
            record: RecordView {
                statement_id: "statement_01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
                index: Some(715),
                inclusion: Some(Inclusion::sample()),
                about_url: "/log?about=work_0000000000SAMP0000000715".into(),
            },
            impact: ImpactView {
                datasets: vec![Link::new("Colophon first collection", "/datasets/dataset_0000000000SAMP000000000D")],
                models: vec![
                    Link::new("Colophon Mini", "/models/model_0000000000SAMP000000000M"),
                    Link::new("Ana’s hand", "/models/model_0000000000SAMP000000000N"),
                    Link::new("Ben’s hand", "/models/model_0000000000SAMP000000000P"),
                ],
                drawn: 31,
                made: 1_173,
                since: None,
                json_url: "/api/v1/works/work_0000000000SAMP000000000W/impact".into(),
            },
            reserve: Some(Field::default()),
            may_conclude: true,
            conclude_problem: String::new(),
            give: Some(GrantForm {
                licence: Field::of("CC-BY-NC-4.0"),
                uses: vec![Choice::new("train", "train a model", false), Choice::new("generate", "draw on it", true)],
                grantee: Field::wrong("Anna", "no account is called `Anna`"),
                territory: Field::of("FR, NZ"),
                ends: Field::of("2027-01-31"),
                evidence: Field::of("a signed letter"),
                open: true,
                ..GrantForm::default()
            }),
            revoke: Some(RevokeForm { reason: Field::default(), impact: "One model and 31 images name this work.".into() }),
        }
    }

    /// A work that was withdrawn.
    pub fn sample_revoked() -> Self {
        let mut page = Self::sample();
        page.revoked = Some(Revoked {
            when: When::sample(),
            by: "Franck Doucet".into(),
            reason: "I no longer wish it to be used.".into(),
            index: Some(10_466),
            partly: false,
        });
        page.grants[0].revoked = Some(When::sample());
        page.grants[0].revoke_url.clear();
        page.revoke = None;
        page.images.clear();
        page.images_total = 0;
        page
    }
}
