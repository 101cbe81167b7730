//! Finding in the log: what somebody typed (a number, an id, a hash, a name) as the entries it leads to. Reads only.

use super::Result;
use crate::clock::Timestamp;
use crate::id::{DatasetId, ImageId, ModelId, RunId, StatementId, WorkId};
use crate::storage::log::{Entry, Exploring};
use crate::storage::works::Filter;
use crate::storage::{self, Page, Tx};

/// Things of each kind that are shown for a name.
const FEW: u32 = 12;
/// Characters of a name that are looked for.
const LONGEST: usize = 200;

/// What was typed, before anything is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Nothing.
    Nothing,
    /// The number of an entry.
    Number(u64),
    /// The name of a statement.
    Statement(StatementId),
    /// The id of something that statements are about.
    Thing(String),
    /// A SHA-256, a BLAKE3, or the id of a key: 64 hex digits.
    Hash([u8; 32]),
    /// Words.
    Name(String),
}

impl Question {
    /// Reads what was typed. Whatever is none of the others is a name.
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        // Numbers are shown in groups, so they may be typed so.
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let is_thing = |text: &str| {
            WorkId::parse(text).is_ok()
                || ImageId::parse(text).is_ok()
                || ModelId::parse(text).is_ok()
                || DatasetId::parse(text).is_ok()
                || RunId::parse(text).is_ok()
        };
        let mut hash = [0; 32];
        if text.is_empty() {
            Self::Nothing
        } else if let Some(number) =
            digits.parse::<u64>().ok().filter(|_| digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit()))
        {
            Self::Number(number)
        } else if let Ok(id) = StatementId::parse(text) {
            Self::Statement(id)
        } else if is_thing(text) {
            Self::Thing(text.to_owned())
        } else if hex::decode_to_slice(text, &mut hash).is_ok() {
            Self::Hash(hash)
        } else {
            Self::Name(text.chars().filter(|c| *c != '\0').take(LONGEST).collect())
        }
    }
}

/// Something that statements are about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thing {
    /// As statements name it.
    pub id: String,
    /// `work`, `image`, `model`, `dataset`; empty where that can't be seen from the id.
    pub what: &'static str,
    /// For people; empty where it has none, or none that everyone may read.
    pub name: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing was asked: the whole log.
    Everything,
    /// One entry, by its index.
    Entry(u64),
    /// One thing, by its id: all entries about it.
    About(String),
    /// What has that name or hash.
    Named {
        /// A party, as the log has its name.
        party: Option<String>,
        /// Things, a few of each kind.
        things: Vec<Thing>,
    },
    /// Nothing.
    Nothing,
}

/// Looks up what was typed.
pub async fn find_in_log(tx: &mut Tx, text: &str, now: Timestamp) -> Result<Found> {
    let size = storage::log::head(tx).await?.map_or(0, |head| head.size);
    let published = |index: Option<u64>| index.filter(|index| *index < size).map_or(Found::Nothing, Found::Entry);
    Ok(match Question::read(text) {
        Question::Nothing => Found::Everything,
        Question::Number(index) => published(Some(index)),
        Question::Statement(id) => published(storage::log::find(tx, id).await?.and_then(|entry| entry.index)),
        Question::Thing(id) => Found::About(id),
        Question::Hash(hash) => {
            let mut ids = storage::log::abouts_by_hash(tx, &hash).await?;
            match ids.len() {
                0 => Found::Nothing,
                1 => Found::About(ids.swap_remove(0)),
                _ => {
                    let mut things = Vec::with_capacity(ids.len());
                    for id in &ids {
                        things.push(thing(tx, id).await?);
                    }
                    Found::Named { party: None, things }
                }
            }
        }
        Question::Name(name) => named(tx, &name, now).await?,
    })
}

/// The entries that this leads to, narrowed as `narrowed` says, with what was found.
pub async fn explore_log(tx: &mut Tx, text: &str, narrowed: Exploring<'_>, now: Timestamp) -> Result<(Found, Page<Entry>)> {
    let found = find_in_log(tx, text, now).await?;
    let page = match &found {
        Found::Everything => storage::log::explore(tx, &narrowed).await?,
        Found::About(id) => storage::log::explore(tx, &Exploring { about: id, ..narrowed }).await?,
        Found::Named { party: Some(party), .. } => storage::log::explore(tx, &Exploring { actor: party, ..narrowed }).await?,
        Found::Entry(index) => {
            let items: Vec<Entry> = storage::log::at(tx, *index).await?.into_iter().collect();
            Page { total: items.len() as u64, items, next: None }
        }
        Found::Named { party: None, .. } | Found::Nothing => Page { items: Vec::new(), total: 0, next: None },
    };
    Ok((found, page))
}

async fn named(tx: &mut Tx, name: &str, now: Timestamp) -> Result<Found> {
    let mut parties = storage::log::parties(tx, name).await?;
    let exact = parties.iter().position(|party| party == name).unwrap_or(0);
    let party = if parties.is_empty() { None } else { Some(parties.swap_remove(exact)) };
    let mut things = Vec::new();
    let filter = Filter { words: name.to_owned(), ..Filter::default() };
    for found in storage::works::matching(tx, &filter, "", FEW, now).await? {
        things.push(Thing { id: found.work.id.to_string(), what: "work", name: found.work.title });
    }
    for (id, title) in storage::models::named(tx, name, FEW).await? {
        things.push(Thing { id: id.to_string(), what: "model", name: title });
    }
    for (id, words) in storage::images::with_public_words(tx, name, FEW).await? {
        things.push(Thing { id: id.to_string(), what: "image", name: words });
    }
    Ok(if party.is_none() && things.is_empty() { Found::Nothing } else { Found::Named { party, things } })
}

/// What stands behind an id that statements name.
pub async fn thing(tx: &mut Tx, id: &str) -> Result<Thing> {
    let (what, name) = if let Ok(work) = WorkId::parse(id) {
        ("work", storage::works::find(tx, work).await?.map(|found| found.work.title))
    } else if let Ok(image) = ImageId::parse(id) {
        ("image", storage::images::find_prompt(tx, image).await?.filter(|words| words.public).map(|words| words.prompt))
    } else if let Ok(model) = ModelId::parse(id) {
        ("model", storage::models::find(tx, model).await?.map(|found| found.model.card.title))
    } else if let Ok(dataset) = DatasetId::parse(id) {
        ("dataset", storage::datasets::find(tx, dataset).await?.map(|found| found.dataset.name))
    } else {
        ("", None)
    };
    Ok(Thing { id: id.to_owned(), what, name: name.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_read_as_what_it_is() {
        let work = WorkId::derived(b"a").to_string();
        let statement = StatementId::derived(b"a");
        let hash = "ab".repeat(32);
        for (text, question) in [
            ("", Question::Nothing),
            (" \t", Question::Nothing),
            ("17", Question::Number(17)),
            (" 10\u{202f}482 ", Question::Number(10_482)),
            (&*work, Question::Thing(work.clone())),
            (&*statement.to_string(), Question::Statement(statement)),
            (&*hash, Question::Hash([0xab; 32])),
            (&*hash.to_uppercase(), Question::Hash([0xab; 32])),
            (&*"0".repeat(64), Question::Hash([0; 32])),
            ("+17", Question::Name("+17".into())),
            ("99999999999999999999999", Question::Name("99999999999999999999999".into())),
            ("work_nonsense", Question::Name("work_nonsense".into())),
            ("a\0b", Question::Name("ab".into())),
            ("Mere Tāwhai", Question::Name("Mere Tāwhai".into())),
        ] {
            assert_eq!(Question::read(text), question, "{text:?}");
        }
        assert!(matches!(Question::read(&"x".repeat(9_999)), Question::Name(name) if name.len() == LONGEST));
    }
}
