//! A list of works to register: CSV, JSON Lines or Croissant, one row a work, read as a stream. What a row says is kept as it is said;
//! whether it can be registered is for others to decide.

mod croissant;
mod csv;
mod jsonl;

use std::io::{BufRead, Read};

pub use croissant::{Croissant, CroissantError};

use super::Creator;
use super::creator::parse_creators;
use crate::digest::{Blake3, Sha256Hash};

/// Columns, each with the other names it is known by. Case, blanks, `-` and `_` in a name do not matter.
pub const COLUMNS: &[(&str, &[&str], &str)] = &[
    (
        "file",
        &["path", "filename", "file_name", "image"],
        "the file in the folder or archive; may be missing when `sha256` is given",
    ),
    ("sha256", &["sha_256", "hash"], "SHA-256 of the file, 64 hex digits; checked when the file is there"),
    ("blake3", &[], "blake3 of the file"),
    ("size", &["bytes", "content_size"], "bytes of the file"),
    ("media_type", &["encoding_format", "mime", "mime_type"], "such as `image/png`; found out when the file is there"),
    ("title", &["name"], "what the work is called"),
    ("author", &["artist"], "who made it; follows from `creators` when empty"),
    ("creators", &["creator"], "`Ana Ruiz (illustrator) 60 %; Ben 40 %`; in JSON also a list of {name, role, share}"),
    ("rights_holder", &["copyright_holder"], "who holds the rights, when that is not the author"),
    ("licence", &["license", "spdx"], "SPDX identifier or the address of a known licence"),
    ("licence_url", &["license_url", "licence_link", "license_link"], "where its text stands"),
    ("source", &["url", "source_url", "content_url"], "where the original is"),
    ("tags", &["keywords", "subjects", "subject"], "words it is found by, parted by `;` or `,`; in JSON also a list"),
    ("created", &["date_created", "date", "year"], "`1905`, `1905-07` or `1905-07-31`"),
    ("published", &["date_published"], "in the same form"),
    ("evidence", &[], "what the right to give this licence rests on"),
    ("evidence_files", &["evidence_file"], "files that show it, parted by `;`; in JSON also a list"),
    ("collection", &["set"], "the set it belongs to"),
    ("item", &["id", "identifier"], "its name in that set"),
    ("style", &[], "style family"),
];

/// Longest cell or value that is read, in bytes.
pub const CELL_BYTES: usize = 64 << 10;
/// Longest row.
pub const ROW_BYTES: usize = 1 << 20;

/// One row, as said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The file it names; empty for a work registered by its hash.
    pub file: String,
    /// Of the file.
    pub sha256: Option<Sha256Hash>,
    /// Of the file.
    pub blake3: Option<Blake3>,
    /// Of the file, in bytes.
    pub size: Option<u64>,
    /// Of the file.
    pub media_type: String,
    /// See [`COLUMNS`].
    pub title: String,
    /// See [`COLUMNS`].
    pub author: String,
    /// See [`COLUMNS`].
    pub creators: Vec<Creator>,
    /// See [`COLUMNS`].
    pub rights_holder: String,
    /// See [`COLUMNS`].
    pub licence: String,
    /// See [`COLUMNS`].
    pub licence_url: String,
    /// See [`COLUMNS`].
    pub source: String,
    /// See [`COLUMNS`].
    pub tags: Vec<String>,
    /// See [`COLUMNS`].
    pub created: String,
    /// See [`COLUMNS`].
    pub published: String,
    /// See [`COLUMNS`].
    pub evidence: String,
    /// See [`COLUMNS`].
    pub evidence_files: Vec<String>,
    /// See [`COLUMNS`].
    pub collection: String,
    /// See [`COLUMNS`].
    pub item: String,
    /// See [`COLUMNS`].
    pub style: String,
}

/// A row that can't be read: what it is called in the list, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Its file or title, as far as known.
    pub item: String,
    /// Why, and what to do.
    pub problem: String,
}

/// Rows in their order.
pub type Rows = Box<dyn Iterator<Item = Result<Row, BadRow>> + Send>;

/// In which form a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// RFC 4180, UTF-8, the names of the columns in the first row; `;` and tab part cells as well when the first row says so.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// MLCommons Croissant 1.0 or 1.1 (JSON-LD).
    Croissant,
}

impl Form {
    /// By a file's name.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.rsplit('/').next().unwrap_or(name).to_lowercase();
        match name.rsplit_once('.')?.1 {
            "csv" | "tsv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "json" | "jsonld" if name.contains("croissant") => Some(Self::Croissant),
            "jsonld" => Some(Self::Croissant),
            _ => None,
        }
    }
}

/// The rows of a CSV or JSON Lines list; `Err` when it can't be a list at all. A Croissant is read by [`Croissant`].
pub fn rows(form: Form, list: impl BufRead + Send + 'static) -> Result<Rows, String> {
    match form {
        Form::Csv => csv::rows(list, &[]),
        Form::Jsonl => Ok(jsonl::rows(list)),
        Form::Croissant => Croissant::read(list).map_err(|e| e.to_string()).map(Croissant::into_rows),
    }
}

/// The rows of a CSV that a Croissant describes: `columns` are its names there and ours.
pub fn csv_rows(list: impl Read + Send + 'static, columns: &[(String, String)]) -> Result<Rows, String> {
    csv::rows(std::io::BufReader::new(list), columns)
}

/// The column that a name stands for.
pub fn column(name: &str) -> Option<&'static str> {
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let wanted = plain(name);
    COLUMNS
        .iter()
        .find(|(own, others, _)| plain(own) == wanted || others.iter().any(|o| plain(o) == wanted))
        .map(|(own, ..)| *own)
}

impl Row {
    /// What it is called in a report.
    pub fn name(&self) -> String {
        let named = [&self.file, &self.item, &self.title].into_iter().find(|t| !t.is_empty()).cloned();
        named.unwrap_or_else(|| self.sha256.map_or_else(String::new, |h| h.to_string())).chars().take(200).collect()
    }

    /// From the fields of a form, by the names of the columns. Words are parted by commas alone: a form has no other list.
    pub fn from_texts<'a>(field: impl Fn(&str) -> &'a str) -> Result<Self, Vec<(&'static str, String)>> {
        let (mut row, mut problems) = (Self::default(), Vec::new());
        for (column, ..) in COLUMNS {
            if !matches!(*column, "file" | "evidence_files" | "collection" | "item" | "style")
                && let Err(problem) = row.set(column, field(column))
            {
                problems.push((*column, problem));
            }
        }
        if problems.is_empty() { Ok(row) } else { Err(problems) }
    }

    /// Puts a text into the column of this name.
    fn set(&mut self, column: &str, text: &str) -> Result<(), String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        if text.len() > CELL_BYTES {
            return Err(format!("`{column}` has {} bytes: at most {CELL_BYTES} are read", text.len()));
        }
        let own = || text.to_owned();
        let list = |marks: &[char]| {
            text.split(|c| marks.contains(&c) || c == '\n').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
        };
        match column {
            "file" => self.file = own(),
            "sha256" => self.sha256 = Some(Sha256Hash::parse(&text.to_lowercase()).map_err(|e| e.to_string())?),
            "blake3" => self.blake3 = Some(Blake3::parse(&text.to_lowercase()).map_err(|e| e.to_string())?),
            "size" => {
                let digits = text.trim_end_matches(" B");
                self.size = Some(digits.parse().map_err(|_| format!("`{text}` is no size: give a number of bytes"))?);
            }
            "media_type" => self.media_type = own(),
            "title" => self.title = own(),
            "author" => self.author = own(),
            "creators" => self.creators = parse_creators(text)?,
            "rights_holder" => self.rights_holder = own(),
            "licence" => self.licence = own(),
            "licence_url" => self.licence_url = own(),
            "source" => self.source = own(),
            "tags" => self.tags = list(&[';', ',', '|']),
            "created" => self.created = own(),
            "published" => self.published = own(),
            "evidence" => self.evidence = own(),
            "evidence_files" => self.evidence_files = list(&[';']),
            "collection" => self.collection = own(),
            "item" => self.item = own(),
            "style" => self.style = own(),
            _ => {}
        }
        Ok(())
    }

    /// Puts a JSON value into the column of this name.
    fn set_json(&mut self, column: &str, value: &serde_json::Value) -> Result<(), String> {
        use serde_json::Value;
        match value {
            Value::Null => Ok(()),
            Value::String(text) => self.set(column, text),
            Value::Number(n) => self.set(column, &n.to_string()),
            Value::Bool(b) => self.set(column, &b.to_string()),
            Value::Array(list) if column == "creators" => {
                self.creators = list.iter().map(creator).collect::<Result<_, _>>()?;
                super::creator::check_creators(&self.creators)
            }
            Value::Object(_) if column == "creators" => {
                self.creators = vec![creator(value)?];
                super::creator::check_creators(&self.creators)
            }
            Value::Array(list) if matches!(column, "tags" | "evidence_files") => {
                let texts: Option<Vec<String>> = list.iter().map(|v| v.as_str().map(|t| t.trim().to_owned())).collect();
                let mut texts = texts.ok_or_else(|| format!("`{column}` holds something that is no text"))?;
                texts.retain(|t| !t.is_empty());
                if column == "tags" {
                    self.tags = texts
                } else {
                    self.evidence_files = texts
                }
                Ok(())
            }
            // Lists of one, as JSON-LD likes them, and things with an address.
            Value::Array(list) if list.len() == 1 => self.set_json(column, &list[0]),
            Value::Object(map) => match ["@id", "url", "name"].into_iter().find_map(|k| map.get(k)) {
                Some(Value::String(text)) => self.set(column, text),
                _ => Err(format!("`{column}` is an object: give a text")),
            },
            Value::Array(_) => Err(format!("`{column}` is a list: give one text")),
        }
    }
}

fn creator(value: &serde_json::Value) -> Result<Creator, String> {
    let text = |name: &str| value[name].as_str().unwrap_or_default().trim().to_owned();
    if let Some(name) = value.as_str() {
        return Ok(Creator::named(name.trim()));
    }
    let share = match &value["share"] {
        serde_json::Value::Null => None,
        said => {
            let digits = said.as_str().map_or_else(|| said.to_string(), |t| t.trim_end_matches('%').trim().to_owned());
            Some(
                super::creator::parse_share(&digits)
                    .ok_or_else(|| format!("`{digits}` is no share: give per cent, such as 33.5"))?,
            )
        }
    };
    Ok(Creator { name: text("name"), role: text("role"), share })
}

#[cfg(test)]
mod tests;
