//! The log: its head, its growth, its entries, and how to check it without trusting this page. Views only.

use askama::Template;

use super::{Chrome, Link, LogHead, Tone, When, filters};

/// `GET /log`
#[derive(Debug, Clone, Template)]
#[template(path = "log.html")]
pub struct LogPage {
    /// Around the page.
    pub chrome: Chrome,
    /// The log's origin line: its name everywhere.
    pub origin: String,
    /// The newest published head; `None` before the first checkpoint.
    pub head: Option<LogHead>,
    /// When that head was signed.
    pub signed: When,
    /// The key that checks it, as a C2SP vkey.
    pub vkey: String,
    /// Its size over time, oldest first; two points or more draw a line.
    pub growth: Vec<GrowthPoint>,
    /// What is searched for, as typed.
    pub q: String,
    /// Every type of entry, each leading to the entries of that type.
    pub kinds: Vec<KindLink>,
    /// What the list is narrowed to just now.
    pub narrowed: Vec<Narrowed>,
    /// Things found by the name or hash that was typed: "work", and the link to their entries.
    pub things: Vec<(String, Link)>,
    /// How many entries the list has.
    pub total: u64,
    /// A page of them, newest first.
    pub entries: Vec<EntryRow>,
    /// Older entries; empty when there are none.
    pub older_url: String,
    /// Back to the newest; empty there.
    pub first_url: String,
    /// Commands of other people's tools.
    pub recipes: Vec<Recipe>,
}

/// The log's size at a moment.
#[derive(Debug, Clone, Default)]
pub struct GrowthPoint {
    /// When.
    pub at: When,
    /// The same, milliseconds since 1970 UTC: its place on the line.
    pub millis: i64,
    /// Entries then.
    pub size: u64,
}

/// One entry in the list.
#[derive(Debug, Clone, Default)]
pub struct EntryRow {
    /// Its index, from 0; leads to `/log/entries/{index}`.
    pub index: u64,
    /// What was stated: "image made", "work registered".
    pub kind: String,
    /// By whom, leading to their entries.
    pub actor: Link,
    /// What about, with its page.
    pub subject: Link,
    /// When it was stated.
    pub at: When,
}

/// A type of entry as a way in.
#[derive(Debug, Clone, Default)]
pub struct KindLink {
    /// "image made", and the address of those entries, or of all where it is chosen.
    pub link: Link,
    /// Whether the list is narrowed to it.
    pub chosen: bool,
}

/// What the list is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Narrowed {
    /// "Type", "By", "About", "Found by".
    pub name: String,
    /// To what, with its page where it has one.
    pub what: Link,
    /// The list without this.
    pub off_url: String,
}

/// A command that someone else's tool understands.
#[derive(Debug, Clone, Default)]
pub struct Recipe {
    /// What it shows, one sentence.
    pub what: String,
    /// The command, one or more lines.
    pub command: String,
}

impl Recipe {
    pub(super) fn samples() -> Vec<Self> {
        vec![
            Self { what: "Read the newest signed head.".into(), command: "curl https://colophon.example/log/checkpoint".into() },
            Self {
                what: "Check a file against the log, from any machine.".into(),
                command: "colophon verify picture.png --log https://colophon.example".into(),
            },
        ]
    }
}

impl LogPage {
    #[expect(clippy::cast_precision_loss, reason = "a drawing 600 units wide needs no more")]
    fn growth_points(&self) -> Vec<(f64, f64)> {
        let (Some(first), Some(last)) = (self.growth.first(), self.growth.last()) else { return vec![] };
        let span = (last.millis - first.millis).max(1) as f64;
        let top = self.growth.iter().map(|p| p.size).max().unwrap_or(1).max(1) as f64;
        let place = |p: &GrowthPoint| ((p.millis - first.millis) as f64 / span * 598.0, 150.0 - p.size as f64 / top * 145.0);
        self.growth.iter().map(place).collect()
    }

    /// The growing line as points of an SVG polyline in a box of 600 by 150: steps, because a log grows at checkpoints.
    fn growth_line(&self) -> String {
        let points = self.growth_points();
        let mut line: Vec<String> = Vec::with_capacity(points.len() * 2);
        for (i, (x, y)) in points.iter().enumerate() {
            if i > 0 {
                line.push(format!("{x:.1},{:.1}", points[i - 1].1));
            }
            line.push(format!("{x:.1},{y:.1}"));
        }
        line.join(" ")
    }

    /// Said to those who can't see the line.
    fn growth_sentence(&self) -> String {
        match (self.growth.first(), self.growth.last()) {
            (Some(a), Some(b)) => format!("From {} entries on {} to {} on {}.", a.size, a.at.text, b.size, b.at.text),
            _ => String::new(),
        }
    }

    /// A filled page.
    pub fn sample() -> Self {
        let sizes = [
            (0, 0),
            (0, 7_219),
            (3, 7_240),
            (9, 7_610),
            (14, 7_655),
            (20, 8_410),
            (26, 8_702),
            (31, 9_377),
            (38, 9_420),
            (45, 10_482),
        ];
        let row = |index, kind: &str, label: &str, url: &str| EntryRow {
            index,
            kind: kind.into(),
            actor: Link::new("Mere Tāwhai", "/log?actor=Mere%20T%C4%81whai"),
            subject: Link::new(label, url),
            at: When::sample(),
        };
        Self {
            chrome: Chrome::sample("The log", "/log"),
            origin: "colophon.example/log".into(),
            head: Some(LogHead { size: 10_482, root: super::sample_hash("3f2a9c1e") }),
            signed: When::new("23 November 2026, 11:50 UTC", "2026-11-23T11:50:00Z"),
            vkey: "colophon.example/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".into(),
            growth: sizes
                .map(|(day, size)| GrowthPoint {
                    at: When::new(if day == 0 { "9 October 2026" } else { "23 November 2026" }, "2026-11-23T11:50:00Z"),
                    millis: day * 86_400_000,
                    size,
                })
                .into(),
            q: String::new(),
            kinds: [("work registered", "work"), ("grant given", "grant"), ("image made", "image")]
                .map(|(words, kind)| KindLink { link: Link::new(words, format!("/log?kind={kind}")), chosen: false })
                .into(),
            narrowed: vec![],
            things: vec![],
            total: 10_482,
            entries: vec![
                row(10_481, "image made", "an owl on a branch", "/images/image_01KAR000000000000000000024"),
                row(10_480, "grant revoked", "lighthouse", "/works/work_0000000000SAMP0000007101"),
                row(10_479, "image made", "private words", "/images/image_01KAR000000000000000000026"),
                row(10_478, "work registered", "Kererū in a miro tree", "/works/work_0000000000SAMP0000005116"),
                row(7_218, "bundle put in force", "colophon-defaults 1.0.0", "/policies"),
            ],
            older_url: "/log?after=10477".into(),
            first_url: String::new(),
            recipes: Recipe::samples(),
        }
    }

    /// Narrowed by type and searched by a name.
    pub fn sample_found() -> Self {
        let mut page = Self { q: "owl".into(), growth: vec![], ..Self::sample() };
        page.kinds[2].chosen = true;
        page.narrowed = vec![
            Narrowed { name: "Found by".into(), what: Link::new("owl", ""), off_url: "/log?kind=image".into() },
            Narrowed { name: "Type".into(), what: Link::new("image made", ""), off_url: "/log?q=owl".into() },
        ];
        page.things = vec![
            ("work".into(), Link::new("Owl", "/log?about=work_0000000000SAMP0000005116")),
            ("image".into(), Link::new("an owl on a branch", "/log?about=image_01KAR000000000000000000024")),
        ];
        page
    }

    /// Nothing is found.
    pub fn sample_nothing() -> Self {
        Self { q: "nobody".into(), things: vec![], total: 0, entries: vec![], older_url: String::new(), ..Self::sample_found() }
    }
}

/// A proof that an entry is in the log under a head.
#[derive(Debug, Clone, Default)]
pub struct Inclusion {
    /// `Verified` when the path was just computed to this root.
    pub tone: Tone,
    /// One sentence: "Entry 10 481 is in the log of 10 482 entries."
    pub sentence: String,
    /// The entry's index, from 0.
    pub index: u64,
    /// Leaf hash, hex.
    pub leaf: String,
    /// Size of the head proven against, entries.
    pub size: u64,
    /// Root of that head, hex.
    pub root: String,
    /// The audit path, leaf to root.
    pub steps: Vec<PathStep>,
    /// The receipt as a file.
    pub receipt_url: String,
    /// The page that explains it.
    pub explained_url: String,
}

/// One level of an audit path: two hashes that are hashed together.
#[derive(Debug, Clone, Default)]
pub struct PathStep {
    /// The leaf's hash, or what the level below made, hex.
    pub node: String,
    /// The hash beside it, which the log gives, hex.
    pub sibling: String,
    /// Whether that stands on the left.
    pub left: bool,
}

/// A level of the path as drawn, in a drawing 340 wide: the computed hash in the middle, the given one beside it.
#[derive(Debug, Clone)]
pub(super) struct TreeRow {
    /// Height of the middle of both boxes.
    pub(super) y: usize,
    /// Their upper edge.
    pub(super) top: usize,
    /// Where their texts stand.
    pub(super) text: usize,
    /// Lower edge of the box above.
    pub(super) above: usize,
    /// Where both lines meet.
    pub(super) joint: usize,
    /// Middle of the given box.
    pub(super) beside: usize,
    /// Its left edge.
    pub(super) edge: usize,
    /// The edge that its line starts from.
    pub(super) inner: usize,
    /// Where that line turns up.
    pub(super) turn: usize,
    /// `leaf` for the lowest.
    pub(super) class: &'static str,
    /// First digits of the computed hash.
    pub(super) node: String,
    /// First digits of the given one.
    pub(super) sibling: String,
}

/// From one level of the drawing to the next.
const LEVEL: usize = 42;
/// Half the height of a box.
const HALF: usize = 13;

impl Inclusion {
    /// How high the drawing is.
    pub(super) fn tree_height(&self) -> usize {
        self.steps.len() * LEVEL + 52
    }

    /// The levels, the leaf's first.
    pub(super) fn tree(&self) -> Vec<TreeRow> {
        let digits = |hash: &str| format!("{}…", hash.get(..8).unwrap_or(hash));
        let row = |(level, step): (usize, &PathStep)| {
            let y = self.tree_height() - 38 - level * LEVEL;
            let above = y - LEVEL + HALF;
            let (beside, inner, turn) = if step.left { (50, 94, 110) } else { (290, 246, 230) };
            TreeRow {
                y,
                top: y - HALF,
                text: y + 4,
                above,
                joint: above + 7,
                beside,
                edge: beside - 44,
                inner,
                turn,
                class: if level == 0 { "leaf" } else { "mine" },
                node: digits(&step.node),
                sibling: digits(&step.sibling),
            }
        };
        self.steps.iter().enumerate().map(row).collect()
    }

    /// First digits of the root.
    pub(super) fn root_digits(&self) -> String {
        format!("{}…", self.root.get(..8).unwrap_or(&self.root))
    }

    pub(super) fn sample() -> Self {
        let step = |node: &str, sibling: &str, left| PathStep {
            node: super::sample_hash(node),
            sibling: super::sample_hash(sibling),
            left,
        };
        Self {
            tone: Tone::Verified,
            sentence: "Entry 10 481 is in the log of 10 482 entries.".into(),
            index: 10_481,
            leaf: super::sample_hash("e7715a04"),
            size: 10_482,
            root: super::sample_hash("3f2a9c1e"),
            steps: vec![
                step("e7715a04", "4bd1", true),
                step("90aa", "09fe", false),
                step("17c3", "cc72", true),
                step("5d0e", "15a8", true),
            ],
            receipt_url: "/images/image_01KAR000000000000000000024/receipt".into(),
            explained_url: "/receipts/statement_01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
        }
    }
}

/// `GET /log/entries/{index}`
#[derive(Debug, Clone, Template)]
#[template(path = "entry.html")]
pub struct EntryPage {
    /// Around the page.
    pub chrome: Chrome,
    /// Its index, from 0.
    pub index: u64,
    /// What was stated: "image made".
    pub kind: String,
    /// By whom, leading to their entries.
    pub actor: Link,
    /// What about, with its page.
    pub subject: Link,
    /// Everything that the log has about the same thing.
    pub about_url: String,
    /// `statement_…`
    pub statement_id: String,
    /// When it was stated.
    pub at: When,
    /// Who signed it for whom, one sentence without its dot.
    pub custody: String,
    /// Every signature on it.
    pub signatures: Vec<EntrySignature>,
    /// The statement, indented JSON.
    pub payload: String,
    /// The proof; `None` until the next checkpoint.
    pub inclusion: Option<Inclusion>,
    /// The envelope as logged, byte for byte.
    pub raw_url: String,
    /// Newest index there is, for the links onward.
    pub last: u64,
}

/// A signature on an entry.
#[derive(Debug, Clone, Default)]
pub struct EntrySignature {
    /// Id of the key, hex.
    pub keyid: String,
    /// Whose key it is, with what is on record of the key; an unknown one's has no name.
    pub holder: Link,
    /// "the registry’s key", "their own key".
    pub whose: String,
    /// True when it was checked just now and fits.
    pub verified: bool,
}

impl EntrySignature {
    fn tone(&self) -> Tone {
        if self.verified { Tone::Verified } else { Tone::Refused }
    }

    fn sentence(&self) -> &'static str {
        if self.verified { "The signature is good." } else { "The signature could not be checked." }
    }

    fn short(&self) -> &str {
        self.keyid.get(..12).unwrap_or(&self.keyid)
    }
}

impl EntryPage {
    /// An image's entry.
    pub fn sample() -> Self {
        let payload = r#"{
  "_type": "https://in-toto.io/Statement/v1",
  "predicate": {
    "model": "model_0000000000SAMP000000000M",
    "policy": { "bundle": "3f2a77d0…", "outcome": "allow" },
    "prompt": { "commitment": "91c0e2aa7b1d04c85ae96f32d1b09a4c7e53f8260d9ab4e15c7f3862a0de91b4" },
    "works": ["work_0000000000SAMP0000000715", "work_0000000000SAMP0000001859"]
  },
  "predicateType": "urn:x-colophon:image-made:v1",
  "subject": [{ "digest": { "blake3": "c41d9e20…", "sha256": "382d86a6…" }, "name": "image_01KAR000000000000000000024" }]
}"#;
        let own = super::sample_hash("b2f0");
        Self {
            chrome: Chrome::sample("Log entry 10 481", "/log/entries/10481"),
            index: 10_481,
            kind: "image made".into(),
            actor: Link::new("Mere Tāwhai", "/log?actor=Mere%20T%C4%81whai"),
            subject: Link::new("an owl on a branch", "/images/image_01KAR000000000000000000024"),
            about_url: "/log?about=image_01KAR000000000000000000024".into(),
            statement_id: "statement_01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
            at: When::new("23 November 2026, 11:50 UTC", "2026-11-23T11:50:00Z"),
            custody: "Signed by Mere Tāwhai with their own key (b2f01d04c85a…)".into(),
            signatures: vec![
                EntrySignature {
                    holder: Link::new("Mere Tāwhai", format!("/log?about={own}")),
                    keyid: own,
                    whose: "their own key".into(),
                    verified: true,
                },
                EntrySignature {
                    keyid: super::sample_hash("61cc"),
                    holder: Link::new("Colophon", "/trust/statement.key"),
                    whose: "the registry’s key".into(),
                    verified: true,
                },
            ],
            payload: payload.into(),
            inclusion: Some(Inclusion::sample()),
            raw_url: "/log/entries/10481.json".into(),
            last: 10_481,
        }
    }
}

/// `GET /receipts/{statement}`
#[derive(Debug, Clone, Template)]
#[template(path = "receipt.html")]
pub struct ReceiptPage {
    /// Around the page.
    pub chrome: Chrome,
    /// `statement_…`
    pub statement_id: String,
    /// What was stated: "image made".
    pub kind: String,
    /// What about, with its page.
    pub subject: Link,
    /// The log's origin line.
    pub origin: String,
    /// When the head was published; empty until the receipt is there.
    pub published: When,
    /// The proof; `None` until the next checkpoint.
    pub inclusion: Option<Inclusion>,
    /// Others who signed that head.
    pub witnesses: Vec<WitnessRow>,
    /// Commands that check it offline.
    pub recipes: Vec<Recipe>,
}

/// A signature beside the log's own under a head.
#[derive(Debug, Clone, Default)]
pub struct WitnessRow {
    /// Name of the key.
    pub name: String,
    /// Its short id, hex.
    pub key: String,
    /// When it signed, as it says (C2SP tlog-cosignature); `None` for signatures of another kind.
    pub at: Option<When>,
}

impl ReceiptPage {
    /// An image's receipt.
    pub fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Receipt", "/receipts/statement_01KAR3V2M8Q6T1Y5B9D4F7H0J2"),
            statement_id: "statement_01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
            kind: "image made".into(),
            subject: Link::new("an owl on a branch", "/images/image_01KAR000000000000000000024"),
            origin: "colophon.example/log".into(),
            published: When::new("23 November 2026, 11:50 UTC", "2026-11-23T11:50:00Z"),
            inclusion: Some(Inclusion::sample()),
            witnesses: vec![
                WitnessRow { name: "witness.example/w1".into(), key: "9f31c0de".into(), at: Some(When::sample()) },
                WitnessRow { name: "other.example".into(), key: "00c0ffee".into(), at: None },
            ],
            recipes: Recipe::samples(),
        }
    }

    /// One that waits for its place.
    pub fn sample_waiting() -> Self {
        Self { published: When::default(), inclusion: None, witnesses: vec![], recipes: vec![], ..Self::sample() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_length_stays_inside_its_drawing() {
        for levels in [0, 1, 20, 64] {
            let steps = (0..levels).map(|n| PathStep { node: "0".repeat(64), sibling: "1".repeat(64), left: n % 2 == 0 });
            let proof = Inclusion { steps: steps.collect(), ..Inclusion::sample() };
            let (rows, height) = (proof.tree(), proof.tree_height());
            assert_eq!(rows.len(), levels);
            assert!(rows.iter().all(|r| r.above >= 27 && r.joint < r.top && r.y + HALF < height && r.edge + 88 <= 340));
            assert!(rows.windows(2).all(|two| two[0].above == two[1].y + HALF), "each stands on the one below");
        }
    }
}
