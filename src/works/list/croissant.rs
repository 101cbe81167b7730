//! A Croissant (MLCommons, 1.0 and 1.1) as a list of works: records given in place, records in a CSV it describes, or its files themselves.
//! Licence, creators and source of the dataset fill what a record leaves empty.

use std::io::Read;

use serde_json::{Map, Value};

use super::{BadRow, Row, Rows, column, jsonl};

/// Bytes of a description.
const MOST: u64 = 64 << 20;

/// A description, read.
#[derive(Debug, Clone, Default)]
pub struct Croissant {
    /// What the dataset says of all its records.
    pub defaults: Row,
    /// Rows that stand in the description itself.
    pub rows: Vec<Result<Row, BadRow>>,
    /// A CSV that holds the records: its path or address, and its columns with ours.
    pub table: Option<(String, Vec<(String, String)>)>,
}

/// Why it is no list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CroissantError {
    /// Not JSON, or too long.
    #[error("the Croissant can't be read: {0}")]
    Unreadable(String),
    /// Nothing in it names a work.
    #[error("the Croissant names no records with a file or a hash: give them a field `file`, `content_url` or `sha256`")]
    Empty,
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(map) => ["name", "url", "@id"].into_iter().find_map(|k| map.get(k)).map(texts).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice)
}

/// The last part of an id such as `works/title`.
fn tail(id: &str) -> &str {
    id.rsplit(['/', '#']).next().unwrap_or(id)
}

impl Croissant {
    /// Reads a description.
    pub fn read(description: impl Read) -> Result<Self, CroissantError> {
        let mut text = Vec::new();
        description.take(MOST + 1).read_to_end(&mut text).map_err(|e| CroissantError::Unreadable(e.to_string()))?;
        if text.len() as u64 > MOST {
            return Err(CroissantError::Unreadable(format!("it has more than {MOST} bytes")));
        }
        let root: Value = serde_json::from_slice(&text).map_err(|e| CroissantError::Unreadable(e.to_string()))?;
        let mut read = Self::default();
        let first = |name: &str| texts(&root[name]).into_iter().next().unwrap_or_default();
        read.defaults.licence = first("license");
        read.defaults.source = first("url");
        read.defaults.collection = first("name");
        read.defaults.published = first("datePublished").chars().take(10).collect();
        read.defaults.author = texts(&root["creator"]).join("; ");
        let files = list(&root["distribution"]);
        for set in list(&root["recordSet"]) {
            for record in set["data"].as_array().into_iter().flatten().filter_map(Value::as_object) {
                let plain: Map<String, Value> = record.iter().map(|(k, v)| (tail(k).to_owned(), v.clone())).collect();
                read.rows.push(jsonl::row(&plain));
            }
            read.table = read.table.or_else(|| table(set, files));
        }
        read.rows.retain(|row| row.as_ref().map_or(true, |r| !r.file.is_empty() || r.sha256.is_some()));
        if read.rows.is_empty() && read.table.is_none() {
            read.rows = files.iter().filter_map(file).collect();
        }
        if read.rows.is_empty() && read.table.is_none() { Err(CroissantError::Empty) } else { Ok(read) }
    }

    /// The rows in it, filled with what it says of all.
    pub fn into_rows(self) -> Rows {
        let defaults = self.defaults;
        Box::new(self.rows.into_iter().map(move |row| row.map(|row| row.or(&defaults))))
    }
}

/// The CSV of a record set whose fields are extracted from the columns of one file.
fn table(set: &Value, files: &[Value]) -> Option<(String, Vec<(String, String)>)> {
    let mut source = None;
    let mut columns = Vec::new();
    for field in list(&set["field"]) {
        let from = &field["source"];
        let Some(theirs) = from["extract"]["column"].as_str() else { continue };
        let object = &from["fileObject"];
        source = source.or_else(|| object["@id"].as_str().or(object.as_str()).map(str::to_owned));
        let ours = [field["name"].as_str(), field["@id"].as_str(), Some(theirs)].into_iter().flatten().map(tail).find_map(column);
        if let Some(ours) = ours {
            columns.push((theirs.to_owned(), ours.to_owned()));
        }
    }
    let id = source?;
    let file = files.iter().find(|f| f["@id"].as_str() == Some(&id))?;
    let csv = file["encodingFormat"].as_str().is_some_and(|e| e == "text/csv");
    let path = file["contentUrl"].as_str()?;
    (csv && columns.iter().any(|(_, ours)| ours == "file" || ours == "sha256")).then(|| (path.to_owned(), columns))
}

/// A work for each picture among the files.
fn file(value: &Value) -> Option<Result<Row, BadRow>> {
    let format = value["encodingFormat"].as_str().unwrap_or_default();
    if !format.starts_with("image/") {
        return None;
    }
    let object: Map<String, Value> = ["contentUrl", "sha256", "name", "encodingFormat", "license", "creator", "contentSize"]
        .into_iter()
        .filter_map(|k| value.get(k).map(|v| (k.to_owned(), v.clone())))
        .collect();
    Some(jsonl::row(&object).map(|mut row| {
        // An address elsewhere is a source; anything else is a file beside the description.
        if !row.source.contains("://") {
            row.file = std::mem::take(&mut row.source);
        }
        row
    }))
}

impl Row {
    /// Fills what is empty from `other`.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        if self.author.is_empty() && self.creators.is_empty() {
            (self.author, self.creators) = (other.author.clone(), other.creators.clone());
        }
        for (own, theirs) in [
            (&mut self.rights_holder, &other.rights_holder),
            (&mut self.licence, &other.licence),
            (&mut self.source, &other.source),
            (&mut self.published, &other.published),
            (&mut self.created, &other.created),
            (&mut self.evidence, &other.evidence),
            (&mut self.collection, &other.collection),
            (&mut self.style, &other.style),
        ] {
            if own.is_empty() {
                own.clone_from(theirs);
            }
        }
        if self.licence_url.is_empty() && self.licence == other.licence {
            self.licence_url.clone_from(&other.licence_url);
        }
        if self.tags.is_empty() {
            self.tags.clone_from(&other.tags);
        }
        self
    }
}
