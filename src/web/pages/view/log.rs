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
    /// The newest entries, newest first.
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
    /// What about, with its page.
    pub subject: Link,
    /// When it was stated.
    pub at: When,
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
            entries: vec![
                row(10_481, "image made", "an owl on a branch", "/images/image_01KAR000000000000000000024"),
                row(10_480, "grant revoked", "lighthouse", "/works/work_0000000000SAMP0000007101"),
                row(10_479, "image made", "private words", "/images/image_01KAR000000000000000000026"),
                row(10_478, "work registered", "Kererū in a miro tree", "/works/work_0000000000SAMP0000005116"),
                row(7_218, "bundle put in force", "colophon-defaults 1.0.0", "/policies"),
            ],
            older_url: "/log?before=10477".into(),
            first_url: String::new(),
            recipes: Recipe::samples(),
        }
    }
}

/// A proof that an entry is in the log under a head.
#[derive(Debug, Clone, Default)]
pub struct Inclusion {
    /// `Verified` when the path was just computed to this root.
    pub tone: Tone,
    /// One sentence: "Entry 10 481 is in the log of 10 482 entries."
    pub sentence: String,
    /// Leaf hash, hex.
    pub leaf: String,
    /// Size of the head proven against, entries.
    pub size: u64,
    /// Root of that head, hex.
    pub root: String,
    /// The audit path, leaf to root, hex.
    pub path: Vec<String>,
    /// The receipt as a file.
    pub receipt_url: String,
}

impl Inclusion {
    pub(super) fn sample() -> Self {
        Self {
            tone: Tone::Verified,
            sentence: "Entry 10 481 is in the log of 10 482 entries.".into(),
            leaf: super::sample_hash("e7715a04"),
            size: 10_482,
            root: super::sample_hash("3f2a9c1e"),
            path: ["4bd1", "09fe", "cc72", "15a8"].map(super::sample_hash).into(),
            receipt_url: "/images/image_01KAR000000000000000000024/receipt".into(),
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
    /// What about, with its page.
    pub subject: Link,
    /// `statement_…`
    pub statement_id: String,
    /// When it was stated.
    pub at: When,
    /// Who signed it: an account's or the instance's name.
    pub signer: String,
    /// Who held the key: "held by this instance" or "held by its owner".
    pub custody: String,
    /// True when the envelope's signature was just checked.
    pub signature_verified: bool,
    /// The statement, indented JSON.
    pub payload: String,
    /// The proof; `None` until the next checkpoint.
    pub inclusion: Option<Inclusion>,
    /// The envelope as logged, byte for byte.
    pub raw_url: String,
    /// Newest index there is, for the links onward.
    pub last: u64,
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
        Self {
            chrome: Chrome::sample("Log entry 10 481", "/log/entries/10481"),
            index: 10_481,
            kind: "image made".into(),
            subject: Link::new("an owl on a branch", "/images/image_01KAR000000000000000000024"),
            statement_id: "statement_01KAR3V2M8Q6T1Y5B9D4F7H0J2".into(),
            at: When::new("23 November 2026, 11:50 UTC", "2026-11-23T11:50:00Z"),
            signer: "Mere Tāwhai".into(),
            custody: "held by this instance".into(),
            signature_verified: true,
            payload: payload.into(),
            inclusion: Some(Inclusion::sample()),
            raw_url: "/log/entries/10481.json".into(),
            last: 10_481,
        }
    }
}
