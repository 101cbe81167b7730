//! Small forms that policy texts must have: versions, ids, days, words long enough to look for; and where in a text a byte stands.

use super::views::{folded, native_form};

/// Line and column of a byte, both from 1.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}

/// Where the lines of a text begin: for many places of one text.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1).collect())
    }

    /// The line of a byte, from 1.
    pub(super) fn of_byte(&self, at: usize) -> usize {
        self.0.partition_point(|start| *start <= at) + 1
    }
}

/// Three numbers, such as `1.0.0`.
pub(super) fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3
        && parts.iter().all(|p| p.parse::<u32>().is_ok() && (*p == "0" || !p.starts_with('0')) && !p.starts_with('+'))
}

/// Small letters, digits and inner hyphens, at most 64.
pub(super) fn is_id(text: &str) -> bool {
    let ends = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    bytes.len() <= 64
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// A calendar day, `YYYY-MM-DD`.
pub(super) fn is_day(text: &str) -> bool {
    text.len() == 10 && crate::clock::Timestamp::parse(&format!("{text}T00:00:00Z")).is_some()
}

/// Two capital letters, ISO 3166-1 alpha-2.
pub(super) fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// Two days of the calendar in order, or two days of every year (which may run over its end).
pub(super) fn is_span(from: &str, until: &str) -> bool {
    let yearly = |day: &str| day.len() == 5 && is_day(&format!("2024-{day}"));
    is_day(from) && is_day(until) && from <= until || yearly(from) && yearly(until)
}

/// At least `least` letters or digits to look for, in any script.
pub(super) fn searchable(text: &str, least: usize) -> bool {
    folded(text).len() >= least || native_form(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert!(
            is_version("1.20.0") && !is_version("1.0") && !is_version("01.0.0") && !is_version("1.0.x") && !is_version("+1.0.0")
        );
        assert!(is_id("ta-moko") && !is_id("-moko") && !is_id("Moko") && !is_id("") && !is_id("a_b"));
        assert!(is_day("2026-11-23") && !is_day("2026-02-30") && !is_day("23.11.2026") && !is_day("2026-1-1"));
        assert!(is_span("2026-01-01", "2026-01-01") && is_span("11-30", "02-29") && !is_span("2026-02-01", "2026-01-01"));
        assert!(!is_span("02-30", "03-01") && !is_span("2026-01-01", "02-01"));
        assert!(is_country("NZ") && !is_country("nz") && !is_country("NZL"));
        assert_eq!(line_and_column("a\nbé c", 5), (2, 3));
        assert_eq!(line_and_column("é", 1), (1, 2), "inside a letter is no panic");
        assert!(searchable("zia", 2) && searchable("風", 2) && !searchable("—", 1));
    }
}
