//! Rows of a CSV (RFC 4180), with the names of the columns in the first.

use std::io::{BufRead, Read};

use super::{BadRow, CELL_BYTES, Row, Rows, column};

/// Bytes in which the first row must end.
const HEAD: u64 = 64 << 10;

pub(super) fn rows(mut list: impl BufRead + Send + 'static, named: &[(String, String)]) -> Result<Rows, String> {
    // The first row tells what parts the cells.
    let mut head = Vec::new();
    (&mut list).take(HEAD).read_until(b'\n', &mut head).map_err(|e| format!("the list can't be read: {e}"))?;
    if head.len() as u64 == HEAD {
        return Err(format!("the first row is longer than {HEAD} bytes: it should name the columns"));
    }
    let first = std::str::from_utf8(&head).map_err(|_| "the list is not UTF-8: save it as UTF-8".to_owned())?;
    let first = first.trim_start_matches('\u{feff}');
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|d| first.bytes().filter(|b| b == d).count()).unwrap_or(b',');
    let mut builder = ::csv::ReaderBuilder::new();
    builder.delimiter(delimiter).flexible(true).has_headers(false);
    let mut names = builder.from_reader(first.as_bytes());
    let names = names.records().next().and_then(Result::ok).ok_or("the list is empty: its first row should name the columns")?;
    let columns: Vec<Option<&'static str>> = names
        .iter()
        .map(|name| match named.iter().find(|(theirs, _)| theirs == name) {
            Some((_, ours)) => column(ours),
            None if named.is_empty() => column(name),
            None => None,
        })
        .collect();
    if !columns.iter().any(|c| matches!(c, Some("file" | "sha256"))) {
        let given = names.iter().take(20).collect::<Vec<_>>().join(", ");
        return Err(format!("the first row names neither `file` nor `sha256` (it names: {given}); see the list of columns"));
    }
    let rest = builder.from_reader(list);
    let width = columns.len();
    let records = rest.into_byte_records().enumerate().map(move |(n, record)| {
        let bad = |item: &str, problem: String| BadRow { item: item.chars().take(200).collect(), problem };
        let record = record.map_err(|e| bad("", format!("row {} can't be read: {e}", n + 2)))?;
        let mut row = Row::default();
        if record.len() > width {
            let why = format!(
                "row {} has {} cells under {width} columns: put cells with the parting mark in quotes",
                n + 2,
                record.len()
            );
            return Err(bad("", why));
        }
        for (column, cell) in columns.iter().zip(record.iter()) {
            let Some(column) = column else { continue };
            if cell.len() > CELL_BYTES {
                return Err(bad(&row.name(), format!("`{column}` has {} bytes: at most {CELL_BYTES} are read", cell.len())));
            }
            let text = std::str::from_utf8(cell).map_err(|_| bad(&row.name(), format!("`{column}` is not UTF-8")))?;
            // What our own tables quote so that no spreadsheet runs it.
            let text = text.strip_prefix('\'').filter(|t| t.starts_with(['=', '+', '-', '@'])).unwrap_or(text);
            row.set(column, text).map_err(|e| bad(&row.name(), e))?;
        }
        Ok(row)
    });
    Ok(Box::new(records))
}
