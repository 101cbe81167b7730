//! How lists and numbers read aloud: pure functions, and the same as template filters.

use std::fmt::Display;

/// "A, B and C".
pub(super) fn and_list<T: Display>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.to_string(),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(ToString::to_string).collect();
            format!("{} and {last}", most.join(", "))
        }
    }
}

/// "four" up to twelve, then figures.
pub(super) fn in_words(n: usize) -> String {
    const WORDS: [&str; 13] =
        ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    WORDS.get(n).map_or_else(|| grouped_digits(n as u64), |&w| w.into())
}

/// Digits in threes, parted by narrow no-break spaces (BIPM SI brochure, 9th ed., §5.4.4): "10 482", but "1204" stays whole.
pub(super) fn grouped_digits(n: u64) -> String {
    let digits = n.to_string();
    if digits.len() <= 4 {
        return digits;
    }
    let mut text = String::with_capacity(digits.len() * 2);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(c);
    }
    text
}

/// Our own template filters.
pub(super) mod filters {
    /// `10 482`.
    #[askama::filter_fn]
    pub fn grouped(n: &u64, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(super::grouped_digits(*n))
    }

    /// `A, B and C`.
    #[askama::filter_fn]
    pub fn and_list(items: &[String], _: &dyn askama::Values) -> askama::Result<String> {
        Ok(super::and_list(items))
    }

    /// At most 18 characters, so that two names stand side by side in a drawing.
    #[askama::filter_fn]
    pub fn clipped(text: &str, _: &dyn askama::Values) -> askama::Result<String> {
        let whole = text.chars().count() <= 18;
        Ok(if whole { text.to_owned() } else { text.chars().take(17).chain(['…']).collect() })
    }

    /// The first eight characters: enough of a hash for a person to compare.
    #[askama::filter_fn]
    pub fn short(text: &str, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(text.chars().take(8).collect())
    }

    /// Bytes as a person says them: `1.4 MB`, decimal units.
    #[askama::filter_fn]
    pub fn bytes(n: &u64, _: &dyn askama::Values) -> askama::Result<String> {
        #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
        let size = *n as f64;
        Ok(match *n {
            0..1_000 => format!("{n} bytes"),
            1_000..1_000_000 => format!("{:.1} kB", size / 1e3).replace(".0 ", " "),
            1_000_000..1_000_000_000 => format!("{:.1} MB", size / 1e6).replace(".0 ", " "),
            _ => format!("{:.1} GB", size / 1e9).replace(".0 ", " "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_numbers_read_aloud() {
        assert_eq!(and_list::<&str>(&[]), "");
        assert_eq!(and_list(&["A"]), "A");
        assert_eq!(and_list(&["A", "B", "C"]), "A, B and C");
        assert_eq!((in_words(4).as_str(), in_words(13).as_str()), ("four", "13"));
        assert_eq!(grouped_digits(1204), "1204");
        assert_eq!(grouped_digits(10_482), "10\u{202f}482");
        assert_eq!(grouped_digits(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
