//! Reads a bundle from texts: checks every reference and prepares the search once, so that a decision is fast. What did not change since
//! the bundle before is taken from it. Says file, line and column of what is wrong and what to do about it. Never touches a disk. One
//! policy file is `read_policy`'s business.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;

use super::bundle::{Bundle, Case, Kind, Policy, Problem, listing_of, sha256_of_text};
use super::forms::{Lines, is_day, is_version, line_and_column, searchable};
use super::matcher::Matcher;
use super::schema::*;
use super::search::{Alias, Form, Search, Vocabulary, same_search};
use super::views::folded;
use crate::digest::{Sha256Hash, sha256_of};

/// Longest file of a bundle, in bytes.
const FILE_LIMIT: usize = 1 << 20;
/// The layout this code reads.
const SCHEMA_VERSION: u32 = 1;

/// What a policy file may refer to.
pub(super) struct Frame<'a> {
    files: &'a BTreeMap<&'a str, &'a str>,
    languages: Vec<String>,
    pub vocabulary: Arc<Vocabulary>,
}

impl Frame<'_> {
    /// The texts of a notice such as `notices/name.{lang}.md`, by language; `None` without the first language, which is the one that
    /// everybody is given who reads none of the others.
    pub(super) fn notice(&self, pattern: &str) -> Option<BTreeMap<String, String>> {
        let text = |language: &String| {
            let text = self.files.get(pattern.replace("{lang}", language).as_str())?;
            Some((language.clone(), text.trim().replace("\r\n", "\n")))
        };
        let texts: BTreeMap<String, String> = self.languages.iter().filter_map(text).collect();
        self.languages.first().filter(|first| texts.contains_key(*first)).map(|_| texts)
    }
}

/// What a file is, by its place.
enum Place {
    /// Read with the whole, or not at all.
    Frame,
    Cases,
    Policy(Kind),
    /// Not a place for a file.
    None,
}

impl Place {
    fn of(path: &str) -> Self {
        match path.split('/').collect::<Vec<_>>()[..] {
            ["bundle.toml" | "CHANGES.md"] | ["vocab", "cues.toml" | "exceptions.toml" | "ordinary.toml"] => Self::Frame,
            ["notices", name] if name.ends_with(".md") => Self::Frame,
            // Sets of requests and near-misses, for the test of the matcher.
            ["tests", "matching", name] if name.ends_with(".toml") => Self::Frame,
            ["tests", name] if name.ends_with(".toml") => Self::Cases,
            ["traditions", name] if name.ends_with(".toml") => Self::Policy(Kind::Tradition),
            ["artists", name] if name.ends_with(".toml") => Self::Policy(Kind::Artist),
            ["characters", name] if name.ends_with(".toml") => Self::Policy(Kind::Character),
            _ => Self::None,
        }
    }
}

/// What was read of one file.
enum Part {
    Policy(Box<Policy>, Vec<Alias>),
    Cases(Vec<Arc<Case>>),
}

/// Collects problems while reading.
#[derive(Default)]
pub(super) struct Reader {
    pub problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn say(&mut self, file: &str, text: &str, at: Option<usize>, message: impl Into<String>) {
        let (line, column) = at.map_or((0, 0), |at| line_and_column(text, at));
        self.problems.push(Problem { file: file.to_owned(), line, column, message: message.into() });
    }

    fn toml<T: DeserializeOwned>(&mut self, file: &str, text: &str) -> Option<T> {
        toml::from_str(text)
            .map_err(|e: toml::de::Error| {
                let message = e.message().trim().replace('\n', "; ");
                self.say(file, text, e.span().map(|s| s.start), format!("{message}; correct this line"));
            })
            .ok()
    }

    /// Everything of a bundle; `None`, or problems, when it can't be used.
    pub(super) fn read(&mut self, files: &[(String, String)], before: Option<&Bundle>) -> Option<Bundle> {
        let mut by_path: BTreeMap<&str, &str> = BTreeMap::new();
        for (path, text) in files {
            if text.len() > FILE_LIMIT {
                self.say(path, text, None, "longer than 1 MiB; split the file");
            } else if by_path.insert(path, text).is_some() {
                self.say(path, text, None, "given twice; keep one");
            }
        }
        let hashes: BTreeMap<String, Sha256Hash> =
            by_path.iter().map(|(path, text)| ((*path).to_owned(), sha256_of_text(text))).collect();
        let head = self.head(&by_path);
        // What a policy file refers to must be the same, for what was read of it to be the same.
        let before = before.filter(|before| frame_of(&before.files).eq(frame_of(&hashes)));
        let frame = Frame {
            files: &by_path,
            languages: head.as_ref().map(|h| h.languages.clone()).unwrap_or_default(),
            vocabulary: match before {
                Some(before) => Arc::clone(&before.vocabulary),
                None => Arc::new(self.vocabulary(&by_path)),
            },
        };
        let unchanged = |path: &str| before.filter(|before| before.files.get(path) == hashes.get(path));
        let mut changed = self.parts(&frame, |path| unchanged(path).is_none());
        let (mut policies, mut aliases, mut cases) = (Vec::new(), Vec::<Alias>::new(), Vec::new());
        for &path in by_path.keys() {
            let part = unchanged(path).and_then(|before| part_of(before, path)).or_else(|| changed.remove(path));
            match part {
                Some(Part::Policy(policy, names)) => {
                    aliases.extend(names.into_iter().map(|alias| Alias { policy: policies.len(), ..alias }));
                    policies.push(*policy);
                }
                Some(Part::Cases(found)) => cases.extend(found),
                None => {}
            }
        }
        let mut ids = HashSet::new();
        for policy in &policies {
            if !ids.insert(policy.id.as_str()) {
                self.say(&policy.file, "", None, format!("id `{}` is used by another file; choose a new one", policy.id));
            }
        }
        let search = match before.filter(|before| same_search(&before.matcher.aliases, &aliases)) {
            Some(before) => Arc::clone(&before.matcher.search),
            None => Search::new(&aliases, &frame.vocabulary)
                .map_err(|message| self.say("bundle.toml", "", None, message))
                .map(Arc::new)
                .ok()?,
        };
        let head = head?;
        let listing = listing_of(hashes.iter().map(|(path, hash)| (path.as_str(), *hash)));
        Some(Bundle {
            name: head.name,
            version: head.version.into_inner(),
            hash: sha256_of(listing.as_bytes()),
            listing,
            default_outcome: head.default_outcome,
            appeal: head.appeal,
            policies,
            cases,
            vocabulary: frame.vocabulary,
            languages: frame.languages,
            matcher: Matcher { aliases, search },
            files: hashes,
        })
    }

    /// Everything in policy files and cases that `wanted` picks, read on two threads: it is most of the work.
    fn parts<'a>(&mut self, frame: &Frame<'a>, wanted: impl Fn(&str) -> bool) -> BTreeMap<&'a str, Part> {
        let mut all: Vec<(&'a str, &'a str)> = frame.files.iter().map(|(path, text)| (*path, *text)).collect();
        all.retain(|(path, _)| wanted(path));
        // The longest first, dealt in turn, so that both threads end at about the same time.
        all.sort_by_key(|(_, text)| std::cmp::Reverse(text.len()));
        let some = |first: usize| {
            let mut reader = Self::default();
            let read = |&(path, text): &(&'a str, &'a str)| Some((path, reader.part(path, text, frame)?));
            let parts: Vec<(&'a str, Part)> = all.iter().skip(first).step_by(2).filter_map(read).collect();
            (parts, reader.problems)
        };
        let (one, other) = match all.len() {
            0..3 => (some(0), some(1)),
            _ => std::thread::scope(|threads| {
                let other = threads.spawn(|| some(1));
                (some(0), other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            }),
        };
        self.problems.extend(one.1.into_iter().chain(other.1));
        one.0.into_iter().chain(other.0).collect()
    }

    fn part(&mut self, path: &str, text: &str, frame: &Frame) -> Option<Part> {
        match Place::of(path) {
            Place::Frame => None,
            Place::Cases => {
                let CasesToml { cases } = self.toml(path, text)?;
                let lines = Lines::of(text);
                let case = |case: Spanned<CaseToml>| {
                    let line = lines.of_byte(case.span().start);
                    Arc::new(Case { file: path.to_owned(), line, case: case.into_inner() })
                };
                Some(Part::Cases(cases.into_iter().map(case).collect()))
            }
            Place::Policy(kind) => {
                let raw = self.toml(path, text)?;
                let (policy, aliases) = self.policy(path, text, kind, raw, frame);
                Some(Part::Policy(Box::new(policy), aliases))
            }
            Place::None => {
                let places = "bundle.toml, CHANGES.md, traditions/, artists/, characters/, vocab/, notices/ or tests/";
                self.say(path, text, None, format!("not a place for a policy file; use {places}"));
                None
            }
        }
    }

    fn head(&mut self, by_path: &BTreeMap<&str, &str>) -> Option<BundleToml> {
        let head: Option<BundleToml> = match by_path.get("bundle.toml") {
            Some(text) => self.toml("bundle.toml", text),
            None => {
                self.say(
                    "bundle.toml",
                    "",
                    None,
                    "missing; add it with name, version, schema_version, default_outcome, languages, appeal",
                );
                None
            }
        };
        if let (Some(head), Some(text)) = (&head, by_path.get("bundle.toml")) {
            self.version("bundle.toml", text, &head.version);
            if *head.schema_version.get_ref() != SCHEMA_VERSION {
                let at = Some(head.schema_version.span().start);
                let message = format!(
                    "schema_version `{}` is not known; this program reads {SCHEMA_VERSION}",
                    head.schema_version.get_ref()
                );
                self.say("bundle.toml", text, at, message);
            }
            if head.name.trim().is_empty() || head.appeal.trim().is_empty() || head.languages.is_empty() {
                self.say("bundle.toml", text, None, "name, languages and appeal may not be empty; fill them in");
            }
        }
        head
    }

    pub(super) fn version(&mut self, file: &str, text: &str, version: &Spanned<String>) {
        if !is_version(version.get_ref()) {
            let message = format!("`{}` is not a version; write three numbers such as 1.0.0", version.get_ref());
            self.say(file, text, Some(version.span().start), message);
        }
    }

    pub(super) fn day(&mut self, file: &str, text: &str, at: usize, day: &str) {
        if !day.is_empty() && !is_day(day) {
            self.say(
                file,
                text,
                Some(at),
                format!("`{day}` is not a day; write YYYY-MM-DD, or leave it empty if nobody has checked"),
            );
        }
    }

    fn vocabulary(&mut self, files: &BTreeMap<&str, &str>) -> Vocabulary {
        let mut words = Vocabulary::default();
        let mut sets = Vec::new();
        let file = "vocab/cues.toml";
        match files.get(file) {
            Some(text) => {
                if let Some(cues) = self.toml::<CuesToml>(file, text) {
                    (words.names, sets) = cues.sets.into_iter().unzip();
                    for word in sets.iter().flatten().chain(&cues.glue).filter(|w| !searchable(w, 1)) {
                        self.say(file, text, None, format!("`{word}` has no letters to look for; remove it"));
                    }
                    words.glue = cues.glue.iter().map(|word| folded(word)).collect();
                }
            }
            None => self.say(file, "", None, "missing; add it with `glue` and a `[sets]` table that has `style`"),
        }
        let file = "vocab/exceptions.toml";
        if let Some(text) = files.get(file)
            && let Some(found) = self.toml::<ExceptionsToml>(file, text)
        {
            for word in found.exception.iter().map(|e| &e.text).chain(&found.ordinary).filter(|w| !searchable(w, 2)) {
                self.say(file, text, None, format!("`{word}` has no letters to look for; remove it"));
            }
            words.ordinary = found.ordinary.iter().map(|word| folded(word)).collect();
            words.exceptions = found.exception.iter().map(|e| Form::of(&e.text)).collect();
        }
        let file = "vocab/ordinary.toml";
        if let Some(text) = files.get(file)
            && let Some(found) = self.toml::<OrdinaryToml>(file, text)
        {
            words.ordinary.extend(found.words.split_whitespace().map(folded));
        }
        words.cues = sets.iter().enumerate().flat_map(|(i, set)| set.iter().map(move |cue| (i, Form::of(cue)))).collect();
        words
    }
}

/// The files that policy files refer to, with their hashes.
fn frame_of(files: &BTreeMap<String, Sha256Hash>) -> impl Iterator<Item = (&String, &Sha256Hash)> {
    files.iter().filter(|(path, _)| matches!(Place::of(path), Place::Frame))
}

/// What a bundle read of one of its files.
fn part_of(bundle: &Bundle, path: &str) -> Option<Part> {
    match Place::of(path) {
        Place::Policy(_) => {
            let index = bundle.policies.iter().position(|p| p.file == path)?;
            let aliases = &bundle.matcher.aliases;
            let from = aliases.partition_point(|a| a.policy < index);
            let until = aliases.partition_point(|a| a.policy <= index);
            Some(Part::Policy(Box::new(bundle.policies[index].clone()), aliases[from..until].to_vec()))
        }
        Place::Cases => Some(Part::Cases(bundle.cases.iter().filter(|c| c.file == path).cloned().collect())),
        Place::Frame | Place::None => None,
    }
}
