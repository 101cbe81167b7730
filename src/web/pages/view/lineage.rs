//! Datasets and models: what a picture was made from, one step further back. Views only.

use askama::Template;

use super::{AuthorCount, Chrome, LicenceCount, Link, RecordView, When, WorkCard, filters};

/// A dataset named elsewhere.
#[derive(Debug, Clone, Default)]
pub struct DatasetRef {
    /// `dataset_…`; leads to `/datasets/{id}`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Works in it.
    pub works: u64,
}

impl DatasetRef {
    pub(super) fn sample() -> Self {
        Self { id: "dataset_0000000000SAMP000000000D".into(), title: "Colophon first collection".into(), works: 7_216 }
    }
}

impl LicenceCount {
    pub(super) fn link(&self) -> Link {
        Link::new(&self.licence, &self.url)
    }

    /// The bar's length in a drawing 100 units wide; even one work of thousands shows.
    pub(super) fn bar(&self) -> String {
        format!("{:.2}", (self.share * 100.0).clamp(0.4, 100.0))
    }

    pub(super) fn percent(&self) -> String {
        if self.share > 0.0 && self.share < 0.01 { "< 1 %".into() } else { format!("{:.0} %", self.share * 100.0) }
    }

    pub(super) fn samples() -> Vec<Self> {
        let row = |licence: &str, count: u64, share: f64, known: bool| Self {
            licence: licence.into(),
            url: if known { "https://spdx.org/licenses/".into() } else { String::new() },
            count,
            share,
            known,
        };
        vec![
            row("Apache 2.0", 2_488, 0.3447, true),
            row("CC BY 4.0", 1_970, 0.2729, true),
            row("public domain", 1_630, 0.2258, true),
            row("MIT", 1_128, 0.1563, true),
            row("unknown", 2, 0.0003, false),
        ]
    }
}

impl AuthorCount {
    pub(super) fn samples() -> Vec<Self> {
        [
            ("Google Inc", 1_981),
            ("Twitter", 1_140),
            ("Microsoft Corporation", 1_128),
            ("Emoji One", 830),
            ("Mozilla", 507),
            ("Architetto Francesco Rollandin", 265),
        ]
        .map(|(author, count)| Self { author: author.into(), count, url: format!("/works?author={}", author.replace(' ', "+")) })
        .into()
    }
}

/// `GET /datasets/{id}`
#[derive(Debug, Clone, Template)]
#[template(path = "dataset.html")]
pub struct DatasetPage {
    /// Around the page.
    pub chrome: Chrome,
    /// `dataset_…`
    pub id: String,
    /// Its title.
    pub title: String,
    /// When it was frozen.
    pub frozen: When,
    /// Works in it.
    pub works_total: u64,
    /// Their authors.
    pub authors_total: u64,
    /// Root of the sorted Merkle tree over its works, hex.
    pub merkle_root: String,
    /// Works by licence, largest first.
    pub licences: Vec<LicenceCount>,
    /// Works by author, largest first; a dozen is enough.
    pub authors: Vec<AuthorCount>,
    /// Models trained on it.
    pub models: Vec<Link>,
    /// The work that was asked about, as typed.
    pub asked: String,
    /// What can be said of it, once one was asked about.
    pub membership: Option<MembershipView>,
    /// A page of its works, in order.
    pub works: Vec<WorkCard>,
    /// The next page of them; empty on the last.
    pub next_url: String,
    /// All of it as JSON.
    pub json_url: String,
    /// All of it as CSV; empty when not offered.
    pub csv_url: String,
    /// Its freezing in the log.
    pub record: RecordView,
}

impl DatasetPage {
    /// A filled page.
    pub fn sample() -> Self {
        let own = DatasetRef::sample();
        Self {
            chrome: Chrome::sample(&own.title, &format!("/datasets/{}", own.id)),
            json_url: format!("/api/v1/datasets/{}", own.id),
            csv_url: String::new(),
            next_url: format!("/datasets/{}?after=24", own.id),
            id: own.id,
            title: own.title,
            frozen: When::sample(),
            works_total: 7_216,
            authors_total: 261,
            merkle_root: super::sample_hash("d00d8e51"),
            licences: LicenceCount::samples(),
            authors: AuthorCount::samples(),
            models: vec![Link::new("Colophon Mini 1.0.0", "/models/model_0000000000SAMP000000000M")],
            asked: "work_0000000000SAMP000000000W".into(),
            membership: Some(MembershipView {
                present: false,
                sentence: "“work_0000000000SAMP000000000W” is not in this dataset: its sorted list has nothing between the two neighbours named in the proof.".into(),
                proof_url: format!("/api/v1/datasets/{}/membership?work=work_0000000000SAMP000000000W", DatasetRef::sample().id),
            }),
            works: WorkCard::samples(),
            record: RecordView {
                statement_id: "statement_01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
                index: Some(7_216),
                inclusion: None,
                about_url: "/log?about=one_of_these".into(),
            },
        }
    }
}

/// Whether a work is in a dataset.
#[derive(Debug, Clone, Default)]
pub struct MembershipView {
    /// It is.
    pub present: bool,
    /// The answer, or what was wrong with the question.
    pub sentence: String,
    /// The proof as a file; empty when the question could not be answered.
    pub proof_url: String,
}

/// `GET /models`
#[derive(Debug, Clone, Template)]
#[template(path = "models.html")]
pub struct ModelsPage {
    /// Around the page.
    pub chrome: Chrome,
    /// All models, newest first.
    pub items: Vec<ModelCard>,
    /// The same list as JSON.
    pub json_url: String,
}

/// A model in the list.
#[derive(Debug, Clone, Default)]
pub struct ModelCard {
    /// `model_…`; leads to `/models/{id}`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is, one or two sentences.
    pub summary: String,
    /// The weights' licence.
    pub licence: String,
    /// One sentence on what it was trained on.
    pub training_sentence: String,
    /// False shows that sentence in the colour of the unknown.
    pub training_known: bool,
    /// Images made with it.
    pub images: u64,
}

impl ModelsPage {
    /// One documented model and one that is not.
    pub fn sample() -> Self {
        let mini = ModelPage::sample();
        let card = ModelCard {
            id: mini.id,
            name: mini.name,
            version: mini.version,
            summary: mini.summary,
            licence: mini.licence.label,
            training_sentence: mini.training_sentence,
            training_known: true,
            images: 1_204,
        };
        let other = ModelCard {
            id: "model_0000000000SAMP000000000N".into(),
            name: "Some Diffusion".into(),
            version: "2.1.0".into(),
            summary: "A text-to-image model from local files.".into(),
            licence: "OpenRAIL-M".into(),
            training_sentence: "Nobody has said what this model was trained on.".into(),
            training_known: false,
            images: 0,
        };
        Self { chrome: Chrome::sample("Models", "/models"), items: vec![card, other], json_url: "/api/v1/models".into() }
    }
}

/// `GET /models/{id}`
#[derive(Debug, Clone, Template)]
#[template(path = "model.html")]
pub struct ModelPage {
    /// Around the page.
    pub chrome: Chrome,
    /// `model_…`
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is, one or two sentences.
    pub summary: String,
    /// Who made it; empty when nobody has said.
    pub maker: String,
    /// Where to draw with it; empty when it does not draw here.
    pub draw_url: String,
    /// The weights' licence; its link is the text, elsewhere.
    pub licence: Link,
    /// What kind of network, one line.
    pub architecture: String,
    /// Number of parameters.
    pub parameters: u64,
    /// When it was registered.
    pub registered: When,
    /// Images made with it.
    pub images: u64,
    /// One sentence on what it was trained on.
    pub training_sentence: String,
    /// False shows that sentence in the colour of the unknown.
    pub training_known: bool,
    /// What it was trained on.
    pub datasets: Vec<DatasetRef>,
    /// Training works by licence, largest first.
    pub licences: Vec<LicenceCount>,
    /// Training works by author, largest first; a dozen is enough.
    pub authors: Vec<AuthorCount>,
    /// The run that made it: name and value of each fact; empty when none is on record.
    pub run: Vec<(String, String)>,
    /// Its statement in the log.
    pub run_entry: Option<u64>,
    /// Works it was trained on that were revoked since.
    pub affected: Vec<AffectedRow>,
    /// What it can't do or does badly, a sentence each.
    pub limits: Vec<String>,
    /// Its licence and what that asks, one sentence.
    pub licence_sentence: String,
    /// What the licence forbids.
    pub use_limits: Vec<String>,
    /// What nobody knows of its training; empty when nothing is missing.
    pub unknown: String,
    /// Where the card's facts were read.
    pub sources: Vec<String>,
    /// Its files.
    pub files: Vec<FileRow>,
    /// The card as JSON.
    pub json_url: String,
    /// Its registration in the log.
    pub record: RecordView,
}

/// A revoked work that something stands on.
#[derive(Debug, Clone, Default)]
pub struct AffectedRow {
    /// The work.
    pub work: Link,
    /// From when.
    pub since: When,
    /// Whether it is disputed, rather than revoked.
    pub disputed: bool,
}

impl AffectedRow {
    pub(super) fn samples() -> Vec<Self> {
        vec![Self { work: Link::new("owl", "/works/work_0000000000SAMP000000000W"), since: When::sample(), disputed: false }]
    }
}

/// One file with its hashes.
#[derive(Debug, Clone, Default)]
pub struct FileRow {
    /// Its name.
    pub name: String,
    /// Its size, bytes.
    pub bytes: u64,
    /// sha256, hex.
    pub sha256: String,
    /// blake3, hex.
    pub blake3: String,
}

impl ModelPage {
    /// The embedded model.
    pub fn sample() -> Self {
        let id = "model_0000000000SAMP000000000M";
        Self {
            chrome: Chrome::sample("Colophon Mini", &format!("/models/{id}")),
            id: id.into(),
            name: "Colophon Mini".into(),
            version: "1.0.0".into(),
            summary: "Draws small pictures with registered works: for each prompt it looks up a few whose terms allow it, and names them.".into(),
            maker: "the Colophon project".into(),
            draw_url: "/studio".into(),
            licence: Link::new("MIT or Apache 2.0", "https://spdx.org/licenses/MIT.html"),
            architecture: "retrieval-augmented rectified-flow transformer, 64×64 RGB".into(),
            parameters: 6_100_000,
            registered: When::sample(),
            images: 1_204,
            training_sentence: "Trained on 7 216 registered works by 261 authors, every one of them on record.".into(),
            training_known: true,
            datasets: vec![DatasetRef::sample()],
            licences: LicenceCount::samples(),
            authors: AuthorCount::samples(),
            run: [("Pictures seen", "76 800"), ("Program", "colophon 0.1.0"), ("Settings", "6583ce005ef2a183d29bba9c")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            run_entry: Some(6_716),
            affected: AffectedRow::samples(),
            licence_sentence: "Its licence is MIT OR Apache-2.0: keep its notice.".into(),
            use_limits: vec!["No medical advice or reading of medical results.".into()],
            unknown: "By whom 12 of its works were made.".into(),
            sources: vec!["https://colophon.example/card".into()],
            limits: [
                "Pictures are 64×64 pixels with soft edges.",
                "A picture keeps the layout of the first work it drew on.",
                "It finds works by their words alone and knows no synonyms beyond their tags.",
            ]
            .map(String::from)
            .into(),
            files: [("weights.safetensors", 12_318_040, "aa07f31c"), ("vocab.json", 41_220, "0c9d71e5"), ("config.json", 655, "7be2d934")]
                .map(|(name, bytes, head)| FileRow {
                    name: name.into(),
                    bytes,
                    sha256: super::sample_hash(head),
                    blake3: super::sample_hash(&head[1..]),
                })
                .into(),
            json_url: format!("/api/v1/models/{id}"),
            record: RecordView {
                statement_id: "statement_01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
                index: Some(7_217),
                inclusion: None,
                about_url: "/log?about=one_of_these".into(),
            },
        }
    }
}
