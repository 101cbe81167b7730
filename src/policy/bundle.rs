//! A bundle: the policy folder at one hash, with policies and rules as a page can show them. How it is read stands in `read`; nothing
//! here touches a disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::decide::BundleRef;
use super::matcher::Matcher;
use super::mention::Surface;
use super::read::Reader;
use super::schema::{AuthorityStatus, CaseToml, DateToml, Life, MatchWord};
use super::search::Vocabulary;
use super::terms::{Outcome, Use};
use crate::digest::{Sha256Hash, sha256_of};

/// Something wrong with a bundle, or worth a person's look.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Path inside the bundle.
    pub file: String,
    /// From 1; 0 when the whole file is meant.
    pub line: usize,
    /// From 1, in characters; 0 when the whole line is meant.
    pub column: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, line, column, message } = self;
        match (line, column) {
            (0, _) => write!(f, "{file}: {message}"),
            (_, 0) => write!(f, "{file}:{line}: {message}"),
            _ => write!(f, "{file}:{line}:{column}: {message}"),
        }
    }
}

/// What a policy is about; follows from its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A people's style family.
    Tradition,
    /// Styles of named people.
    Artist,
    /// Figures of fiction.
    Character,
}

/// Whose word a policy is, and whom to ask.
#[derive(Debug, Clone, Serialize)]
pub struct Authority {
    /// How far the people concerned stand behind it.
    pub status: AuthorityStatus,
    /// Whom to ask.
    pub name: String,
    /// Where to ask; empty when none is known.
    pub contact_url: String,
    /// Day on which a person last checked name and contact, `YYYY-MM-DD`; empty when nobody has.
    pub checked_on: String,
    /// Day after which they should be looked at again, `YYYY-MM-DD`; may be empty.
    pub review_due: String,
    /// A Local Contexts Hub project (`unique_id`); mostly empty.
    pub local_contexts_project: String,
}

/// One file of the bundle.
#[derive(Debug, Clone, Serialize)]
pub struct Policy {
    /// Stable, never reused.
    pub id: String,
    /// Semantic version of this file.
    pub version: String,
    /// For people.
    pub title: String,
    /// One or two sentences; may be empty.
    pub summary: String,
    /// Tradition, artist or character.
    pub kind: Kind,
    /// Whose word it is.
    pub authority: Authority,
    /// Names it is found by, without those that are never shown.
    pub aliases: Vec<String>,
    /// In the order of the file.
    pub rules: Vec<Rule>,
    /// What it looks like, for requests that avoid the names.
    pub describe: Vec<String>,
    /// Path inside the bundle.
    pub file: String,
    #[serde(skip)]
    pub(super) people: Vec<Person>,
}

impl Policy {
    /// What a rule can be about, for a consent to name: its elements, or the artists or characters of the file.
    pub fn abouts(&self, rule: &Rule) -> Vec<String> {
        if self.people.is_empty() {
            return rule.elements.clone();
        }
        self.people.iter().map(|p| p.name.clone()).collect()
    }
}

/// One rule of a policy.
#[derive(Debug, Clone, Serialize)]
pub struct Rule {
    /// Unique in its policy.
    pub id: String,
    /// What it answers.
    pub outcome: Outcome,
    /// One plain sentence. `{name}` stands for the artist or character.
    pub why: String,
    /// Where the reason comes from, as the file gives it.
    pub sources: Vec<String>,
    /// Day on which a person last read the sources, `YYYY-MM-DD`; empty when nobody has.
    pub checked_on: String,
    /// Line of the rule's `[[rule]]` header, from 1.
    pub line: usize,
    /// Uses it applies to.
    pub uses: Vec<Use>,
    /// Free alternatives.
    pub suggest: Vec<String>,
    /// The kind of consent that satisfies it; `None` when none does.
    pub consent: Option<String>,
    /// Whether it does not bind members whom the tradition's steward knows.
    pub membership: bool,
    /// Texts to show with the picture, by language; empty when none is asked for.
    pub notices: BTreeMap<String, String>,
    /// What it is about; empty for all that the file names.
    pub elements: Vec<String>,
    /// The files of those texts, such as `notices/name.{lang}.md`; empty for none.
    #[serde(skip)]
    pub(super) notice: String,
    #[serde(skip)]
    pub(super) surfaces: Vec<Surface>,
    #[serde(skip)]
    pub(super) with: Vec<usize>,
    #[serde(skip)]
    pub(super) life: Option<Life>,
    #[serde(skip)]
    pub(super) matches: Vec<MatchWord>,
    #[serde(skip)]
    pub(super) region: Vec<String>,
    #[serde(skip)]
    pub(super) date: Option<DateToml>,
}

/// An artist or a character, as an entry of a policy.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub name: String,
    pub died: Option<i32>,
    pub note: String,
    pub suggest: Vec<String>,
    pub source: String,
    pub checked_on: String,
    pub line: usize,
}

/// One example of `tests/`.
#[derive(Debug)]
pub(super) struct Case {
    pub file: String,
    pub line: usize,
    pub case: CaseToml,
}

/// A parsed policy folder.
#[derive(Debug)]
pub struct Bundle {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) hash: Sha256Hash,
    pub(super) listing: String,
    pub(super) default_outcome: Outcome,
    pub(super) appeal: String,
    pub(super) policies: Vec<Policy>,
    pub(super) matcher: Matcher,
    pub(super) cases: Vec<Arc<Case>>,
    /// All files by path, each with the hash of its text.
    pub(super) files: BTreeMap<String, Sha256Hash>,
    pub(super) vocabulary: Arc<Vocabulary>,
    pub(super) languages: Vec<String>,
}

impl Bundle {
    /// Reads a bundle from (path, text) pairs, paths relative to the policy folder with `/` between parts, in any order.
    ///
    /// # Errors
    /// Everything that is wrong with it, sorted by file and line.
    pub fn parse(files: &[(String, String)]) -> Result<Self, Vec<Problem>> {
        Self::read(files, None)
    }

    /// As [`Bundle::parse`], several times as fast where little changed: what is the same in this bundle is taken from it.
    ///
    /// # Errors
    /// As [`Bundle::parse`].
    pub fn parse_again(&self, files: &[(String, String)]) -> Result<Self, Vec<Problem>> {
        Self::read(files, Some(self))
    }

    fn read(files: &[(String, String)], before: Option<&Self>) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::default();
        let bundle = reader.read(files, before);
        reader.problems.sort();
        match bundle {
            Some(bundle) if reader.problems.is_empty() => Ok(bundle),
            _ => Err(reader.problems),
        }
    }

    /// As `bundle.toml` says.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Semantic version, as `bundle.toml` says.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// SHA-256 over the sorted lines `path NUL sha256-hex LF` of every file, its line ends normalised to LF.
    pub fn hash(&self) -> Sha256Hash {
        self.hash
    }

    /// Name, version and hash: what a decision says of the bundle it rests on.
    pub fn reference(&self) -> BundleRef {
        BundleRef { name: self.name.clone(), version: self.version.clone(), sha256: self.hash }
    }

    /// Those lines, so that others can hash them too.
    pub fn listing(&self) -> &str {
        &self.listing
    }

    /// How a person asks for a second look.
    pub fn appeal(&self) -> &str {
        &self.appeal
    }

    /// Languages of its notices, the first of which every notice has.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// Every name that is looked for, how it is looked for aside.
    pub fn names(&self) -> usize {
        self.matcher.aliases.len()
    }

    /// All policies, by file.
    pub fn policies(&self) -> impl ExactSizeIterator<Item = &Policy> {
        self.policies.iter()
    }

    /// The policy with this id.
    pub fn policy(&self, id: &str) -> Option<&Policy> {
        self.policies.iter().find(|p| p.id == id)
    }
}

/// SHA-256 of a file's text, its line ends normalised to LF.
pub(super) fn sha256_of_text(text: &str) -> Sha256Hash {
    if text.contains('\r') { sha256_of(text.replace("\r\n", "\n").as_bytes()) } else { sha256_of(text.as_bytes()) }
}

/// What is hashed of a set of files; the order they come in does not matter.
pub(super) fn listing_of<'a>(files: impl Iterator<Item = (&'a str, Sha256Hash)>) -> String {
    let mut lines: Vec<String> = files.map(|(path, hash)| format!("{path}\0{hash}\n")).collect();
    lines.sort_unstable();
    lines.concat()
}
