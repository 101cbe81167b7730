//! Rows of JSON Lines: one object a line, names as in `COLUMNS`, everything else passed over.

use std::io::{BufRead, Read as _};

use serde_json::{Map, Value};

use super::{BadRow, ROW_BYTES, Row, Rows, column};

pub(super) fn rows(list: impl BufRead + Send + 'static) -> Rows {
    Box::new(Lines { list, n: 0, ended: false })
}

struct Lines<R> {
    list: R,
    n: u64,
    ended: bool,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Row, BadRow>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.ended {
                return None;
            }
            self.n += 1;
            let mut line = Vec::new();
            let bad = |problem: String| Some(Err(BadRow { item: String::new(), problem }));
            match (&mut self.list).take(ROW_BYTES as u64 + 1).read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) if line.len() > ROW_BYTES => {
                    // The rest of it is no row of its own; without an end there is nothing more to read.
                    self.ended = self.list.skip_until(b'\n').is_err();
                    return bad(format!("line {} has more than {ROW_BYTES} bytes", self.n));
                }
                Ok(_) => {}
                Err(e) => {
                    self.ended = true;
                    return bad(format!("the list can't be read after line {}: {e}", self.n - 1));
                }
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let read = serde_json::from_slice::<Map<String, Value>>(&line).map_err(|e| format!("line {}: {e}", self.n));
            return Some(match read {
                Err(problem) => Err(BadRow { item: String::new(), problem }),
                Ok(object) => row(&object),
            });
        }
    }
}

/// A row from an object.
pub(super) fn row(object: &Map<String, Value>) -> Result<Row, BadRow> {
    let mut row = Row::default();
    for (name, value) in object {
        if let Some(column) = column(name) {
            row.set_json(column, value).map_err(|problem| BadRow { item: row.name(), problem })?;
        }
    }
    Ok(row)
}
