//! Images: the list, and the page that is the colophon of one. Views only.

use askama::Template;

use super::lineage::AffectedRow;
use super::{
    AuthorCount, Chrome, DatasetRef, ImageCard, Inclusion, LicenceCount, Link, RuleLine, Tone, When, WorkCard, and_list, filters,
    in_words,
};

/// `GET /images`
#[derive(Debug, Clone, Template)]
#[template(path = "images.html")]
pub struct ImagesPage {
    /// Around the page.
    pub chrome: Chrome,
    /// What was searched for, in the words that are public.
    pub q: String,
    /// This page of the list, newest first.
    pub items: Vec<ImageCard>,
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

impl ImagesPage {
    /// A filled page.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Images", "/images"),
            q: String::new(),
            items: ImageCard::samples(),
            total: 1_204,
            next_url: "/images?after=image_01KAR".into(),
            first_url: String::new(),
            json_url: "/api/v1/images".into(),
            csv_url: "/api/v1/images?format=csv".into(),
        }
    }
}

/// `GET /images/{id}`: the picture and its colophon.
#[derive(Debug, Clone, Template)]
#[template(path = "image.html")]
pub struct ImagePage {
    /// Around the page.
    pub chrome: Chrome,
    /// `image_…`
    pub id: String,
    /// Address of the picture as delivered.
    pub picture: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// What it was asked for; empty when private.
    pub words: String,
    /// The commitment to the words in the log, hex; always there.
    pub commitment: String,
    /// When they were erased, for those who may know.
    pub erased: Option<When>,
    /// Whether the visitor may erase them.
    pub may_erase: bool,
    /// Name of who asked for it.
    pub made_by: String,
    /// When.
    pub made: When,
    /// The model's name and page.
    pub model: Link,
    /// The model's version.
    pub model_version: String,
    /// What was done to make it from another picture, or along a sketch.
    pub edit: Option<EditView>,
    /// It with its parents and everything made from them, as a tree; empty where it stands alone.
    pub family: Vec<Relative>,
    /// Who its authors are.
    pub authorship: AuthorshipView,
    /// Pictures made from it.
    pub children: Vec<ImageCard>,
    /// The works drawn on, nearest first, with their distances.
    pub works: Vec<WorkCard>,
    /// Works that it came near to without having drawn on them, and credits.
    pub near_works: Vec<WorkCard>,
    /// Their authors, each once.
    pub authors: Vec<String>,
    /// Their licences, each once, linked to their texts.
    pub licences: Vec<Link>,
    /// Whether the model's training works are all on record.
    pub training_known: bool,
    /// One sentence about them: "Trained on 7 216 registered works by 261 authors."
    pub training_sentence: String,
    /// The model's licence and what it asks, one sentence.
    pub model_licence: String,
    /// What that licence forbids.
    pub model_use_limits: Vec<String>,
    /// What nobody knows of the model's training; empty when nothing is missing.
    pub model_unknown: String,
    /// The training works by licence, largest first.
    pub training_licences: Vec<LicenceCount>,
    /// The training works by author, largest first; a dozen is enough.
    pub training_authors: Vec<AuthorCount>,
    /// The datasets it was trained on.
    pub datasets: Vec<DatasetRef>,
    /// Works that its model was trained on and that were revoked since.
    pub affected: Vec<AffectedRow>,
    /// How near it is to what is registered.
    pub near_copy: NearCopy,
    /// The one work it is mostly from, if that is so.
    pub mostly_one: Option<WorkCard>,
    /// The adapter it was drawn with.
    pub adapter: Option<Link>,
    /// The studio with everything filled in to draw it again; empty for private words.
    pub again_url: String,
    /// What the policy answered.
    pub decision: DecisionView,
    /// The file's C2PA signature.
    pub signature: SignatureView,
    /// Where it stands in the log.
    pub record: RecordView,
    /// All it takes to draw it again, in reading order.
    pub replay: Vec<ReplayRow>,
    /// File, receipt, statement.
    pub downloads: Vec<Download>,
}

/// How a picture was made from another one.
#[derive(Debug, Clone, Default)]
pub struct EditView {
    /// "Part of it was drawn anew (strength 1)."
    pub sentence: String,
    /// The parent's page; empty where it is no image of this registry.
    pub parent: String,
    /// Address of the parent's picture; empty where it is private.
    pub parent_picture: String,
    /// Whether the parent's picture is shown because the visitor handed it in.
    pub before_is_private: bool,
    /// What people handed in: role, and when.
    pub inputs: Vec<(String, When)>,
}

/// One image of a family, in the order of the tree.
#[derive(Debug, Clone, Default)]
pub struct Relative {
    /// Parents above it in the tree.
    pub depth: usize,
    /// `image_…`
    pub id: String,
    /// What was done to make it: "drawn from words", "inpaint", …
    pub how: String,
    /// By whom.
    pub maker: String,
    /// Whether it is the image of the page.
    pub here: bool,
}

/// What people declare and sign of an image's authorship.
#[derive(Debug, Clone, Default)]
pub struct AuthorshipView {
    /// Each generation's maker with their signature's standing, in a sentence; the first one first.
    pub makers: Vec<String>,
    /// Per cent that the maker declared as the machine's; empty where nothing was.
    pub declared: String,
    /// What was agreed, the newest first.
    pub agreed: Vec<AgreedView>,
    /// What waits for the visitor's signature.
    pub open: Vec<AgreedView>,
    /// Whether the visitor may propose.
    pub may_propose: bool,
    /// Their name.
    pub visitor: String,
    /// What was typed into the proposal.
    pub typed: String,
    /// What is wrong with it.
    pub problem: String,
}

/// An agreement, or a proposal for one.
#[derive(Debug, Clone, Default)]
pub struct AgreedView {
    /// `agreement_…`
    pub id: String,
    /// Per cent that is the machine's.
    pub ai_share: u8,
    /// Name, share, role, what they did, and how their signature stands.
    pub authors: Vec<(String, u8, String, String, String)>,
    /// Whether every signature is sound.
    pub sound: bool,
    /// Whether the visitor is to sign.
    pub mine: bool,
}

/// The near-copy check.
#[derive(Debug, Clone, Default)]
pub struct NearCopy {
    /// One sentence: "The nearest registered work is one it drew on: owl, by Twitter."
    pub sentence: String,
    /// Distance to the nearest registered work, RMS of 16×16 thumbnails, 0..1.
    pub distance: f64,
    /// Below this the picture would not have been delivered.
    pub threshold: f64,
}

/// What the policy answered.
#[derive(Debug, Clone, Default)]
pub struct DecisionView {
    /// `decision_…`
    pub id: String,
    /// `allow` … `deny`
    pub outcome: String,
    /// One sentence: "No rule was met."
    pub sentence: String,
    /// What the picture was said to be for: "personal use".
    pub use_label: String,
    /// Hash of the bundle, hex.
    pub bundle: String,
    /// The rules that were met; often none.
    pub rules: Vec<RuleLine>,
}

impl DecisionView {
    fn tone(&self) -> Tone {
        super::outcome_tone(&self.outcome)
    }
}

/// The C2PA signature of the delivered file.
#[derive(Debug, Clone, Default)]
pub struct SignatureView {
    /// `Verified` only when this server has just read the stored file back and checked it.
    pub tone: Tone,
    /// One sentence: "Signed by Colophon; the file is unchanged since."
    pub sentence: String,
    /// The certificate's common name.
    pub signer: String,
    /// Who issued the certificate.
    pub issuer: String,
    /// "Ed25519".
    pub algorithm: String,
    /// The manifest's label, `urn:c2pa:…`.
    pub manifest: String,
    /// When it was signed.
    pub signed: When,
}

/// Where a statement stands in the log.
#[derive(Debug, Clone, Default)]
pub struct RecordView {
    /// `statement_…`
    pub statement_id: String,
    /// Its index; `None` until the next checkpoint.
    pub index: Option<u64>,
    /// The proof, once there is one.
    pub inclusion: Option<Inclusion>,
    /// Everything that the log has about the same thing.
    pub about_url: String,
}

/// One parameter of a replay.
#[derive(Debug, Clone, Default)]
pub struct ReplayRow {
    /// "seed", "steps", "pixels (sha256)".
    pub name: String,
    /// Its value as text.
    pub value: String,
}

/// One file to take away.
#[derive(Debug, Clone, Default)]
pub struct Download {
    /// "Picture (PNG, signed)".
    pub label: String,
    /// Where.
    pub url: String,
    /// Bytes; 0 when not known.
    pub bytes: u64,
}

impl ImagePage {
    fn revoked(&self) -> Vec<&WorkCard> {
        self.works.iter().chain(&self.near_works).filter(|w| w.revoked).collect()
    }

    fn alt(&self) -> String {
        if self.words.is_empty() {
            "The picture; its words are private".into()
        } else {
            format!("The picture, asked for as: {}", self.words)
        }
    }

    fn works_in_words(&self) -> String {
        let n = self.works.len();
        format!("{} {}", in_words(n), if n == 1 { "work" } else { "works" })
    }

    fn authors_list(&self) -> String {
        and_list(&self.authors)
    }

    /// Where the `i`-th of the works drawn on stands in the lineage drawing, which is 360 units wide.
    fn lineage_x(&self, i: &usize) -> usize {
        let n = self.works.len().min(6);
        270 - n * 13 + i * 26
    }

    /// A picture from four works, one of them revoked since.
    pub fn sample() -> Self {
        let mut works = WorkCard::samples();
        works.truncate(4);
        for (work, (d, share)) in works.iter_mut().zip([(0.062, 0.64), (0.121, 0.2), (0.148, 0.11), (0.231, 0.05)]) {
            (work.distance, work.influence) = (Some(d), Some(share));
        }
        let mostly_one = works.first().cloned();
        works[3].revoked = true;
        Self {
            chrome: Chrome::sample("An owl on a branch", "/images/image_01KAR000000000000000000024"),
            id: "image_01KAR000000000000000000024".into(),
            picture: "/images/image_01KAR000000000000000000024/picture".into(),
            width: 64,
            height: 64,
            words: "an owl on a branch".into(),
            commitment: super::sample_hash("91c0e2aa"),
            erased: None,
            may_erase: true,
            made_by: "Mere Tāwhai".into(),
            made: When::sample(),
            model: Link::new("Colophon Mini", "/models/model_0000000000SAMP000000000M"),
            model_version: "1.0.0".into(),
            edit: Some(EditView {
                sentence: "A part of the picture was drawn anew; the rest is unchanged.".into(),
                parent: "/images/image_01KAR000000000000000000023".into(),
                parent_picture: "/images/image_01KAR000000000000000000023/picture".into(),
                before_is_private: true,
                inputs: vec![("mask".into(), When::sample())],
            }),
            family: vec![
                Relative {
                    depth: 0,
                    id: "image_01KAR000000000000000000023".into(),
                    how: "drawn from words".into(),
                    maker: "Ana".into(),
                    here: false,
                },
                Relative {
                    depth: 1,
                    id: "image_01KAR000000000000000000001".into(),
                    how: "inpaint".into(),
                    maker: "Ben".into(),
                    here: true,
                },
            ],
            authorship: AuthorshipView {
                makers: vec!["Ana drew it from words, and signed.".into()],
                declared: "40".into(),
                agreed: vec![AgreedView {
                    id: "agreement_01KAR000000000000000000023".into(),
                    ai_share: 30,
                    authors: vec![("Ana".into(), 70, "creator".into(), "words and mask".into(), "signed".into())],
                    sound: true,
                    mine: false,
                }],
                open: vec![AgreedView { mine: true, ..AgreedView::default() }],
                may_propose: true,
                visitor: "Ana".into(),
                problem: "the shares come to 90 per cent".into(),
                ..AuthorshipView::default()
            },
            children: ImageCard::samples().into_iter().take(1).collect(),
            works,
            near_works: vec![WorkCard::sample(2983, "owl", "Microsoft Corporation", "MIT")],
            authors: ["Twitter", "Google Inc", "Microsoft Corporation", "Franck Doucet"].map(String::from).into(),
            licences: vec![
                Link::new("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"),
                Link::new("Apache 2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
                Link::new("MIT", "https://opensource.org/license/mit"),
                Link::new("public domain", ""),
            ],
            training_known: true,
            training_sentence: "Trained on 7 216 registered works by 261 authors, every one of them on record.".into(),
            model_licence: "Its licence is MIT OR Apache-2.0: keep its notice.".into(),
            model_use_limits: Vec::new(),
            model_unknown: String::new(),
            training_licences: LicenceCount::samples(),
            training_authors: AuthorCount::samples(),
            datasets: vec![DatasetRef::sample()],
            affected: AffectedRow::samples(),
            near_copy: NearCopy {
                sentence: "The nearest registered work is one it drew on: “owl”, by Twitter.".into(),
                distance: 0.062,
                threshold: 0.03,
            },
            mostly_one,
            adapter: Some(Link::new("Mere’s hand", "/models/model_0000000000SAMP000000000A")),
            again_url: "/studio?prompt=an+owl+on+a+branch&seed=20261123".into(),
            decision: DecisionView {
                id: "decision_01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
                outcome: "allow".into(),
                sentence: "No rule was met.".into(),
                use_label: "personal use".into(),
                bundle: super::sample_hash("3f2a77d0"),
                rules: vec![],
            },
            signature: SignatureView {
                tone: Tone::Verified,
                sentence: "Signed by Colophon, and unchanged since.".into(),
                signer: "Colophon at colophon.example".into(),
                issuer: "Colophon Issuing CA".into(),
                algorithm: "Ed25519".into(),
                manifest: "urn:c2pa:5f7d3c1e-6a42-4a0e-9a57-0f2d8c9b1e34".into(),
                signed: When::sample(),
            },
            record: RecordView {
                statement_id: "statement_01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
                index: Some(10_481),
                inclusion: Some(Inclusion::sample()),
                about_url: "/log?about=image_01KAR000000000000000000024".into(),
            },
            replay: [
                ("seed", "20261123"),
                ("steps", "14"),
                ("guidance", "2.5"),
                ("start", "0.3"),
                ("style", "any"),
                ("sampler", "euler, rectified flow"),
                ("model weights (blake3)", &super::sample_hash("aa07f31c")),
                ("pixels (sha256)", &super::sample_hash("c41d9e20")),
            ]
            .map(|(name, value)| ReplayRow { name: name.into(), value: value.into() })
            .into(),
            downloads: vec![
                Download {
                    label: "Picture (PNG, signed)".into(),
                    url: "/images/image_01KAR000000000000000000024/file".into(),
                    bytes: 21_480,
                },
                Download {
                    label: "Receipt (tlog-proof)".into(),
                    url: "/images/image_01KAR000000000000000000024/receipt".into(),
                    bytes: 1_120,
                },
                Download { label: "Statement (JSON)".into(), url: "/log/entries/10481.json".into(), bytes: 3_377 },
            ],
        }
    }

    /// A private picture without works, by a model nobody documented, not yet in the log.
    pub fn sample_unknown() -> Self {
        let mut page = Self::sample();
        page.chrome.title = "A picture".into();
        page.words.clear();
        (page.erased, page.may_erase) = (Some(When::sample()), false);
        page.works.clear();
        page.authors.clear();
        page.licences.clear();
        page.training_known = false;
        page.training_sentence = "Nobody has said what this model was trained on.".into();
        page.model_licence = "Its licence is LicenseRef-CreativeML-OpenRAIL-M: keep its notice; pass its use limits on.".into();
        page.model_use_limits = vec!["No medical advice or reading of medical results.".into()];
        page.model_unknown = "Which pictures it saw, by whom they were made and under which licences.".into();
        page.training_licences = vec![LicenceCount { licence: "unknown".into(), share: 1.0, ..LicenceCount::default() }];
        page.training_authors.clear();
        page.datasets.clear();
        (page.edit, page.children) = (None, Vec::new());
        (page.mostly_one, page.adapter, page.again_url) = (None, None, String::new());
        page.decision.outcome = "allow-with-notice".into();
        page.decision.sentence = "One rule was met; its notice was shown.".into();
        page.decision.rules = vec![RuleLine { outcome: "allow-with-notice".into(), ..RuleLine::sample() }];
        page.record = RecordView { index: None, inclusion: None, ..page.record };
        page
    }
}
