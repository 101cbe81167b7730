//! Words of a prompt or a title, as in training: lower case, letters and digits of ASCII, without stop words, without plural endings.

/// Words that say nothing about a picture.
const STOP: &[&str] = &["a", "an", "the", "of", "in", "on", "with", "for", "to", "by", "at", "is", "from", "or", "no", "n", "s"];

/// Takes the plural ending off, by three suffix rules. Words of the vocabulary went through the same rules.
pub fn stem(word: &str) -> String {
    let n = word.len();
    if n > 3 && word.ends_with("ies") {
        return format!("{}y", &word[..n - 3]);
    }
    if n > 4 && word.ends_with("es") && matches!(word.as_bytes()[n - 3], b'x' | b's' | b'h' | b'z') {
        return word[..n - 2].to_owned();
    }
    if n > 3 && word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end)) {
        return word[..n - 1].to_owned();
    }
    word.to_owned()
}

/// The stems of a text's words, in order. Anything but a–z, 0–9 parts words.
pub fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit())
        .filter(|word| !word.is_empty() && !STOP.contains(word))
        .map(stem)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_by_rule() {
        for (word, stemmed) in [
            ("berries", "berry"),
            ("ies", "ies"),
            ("pies", "py"),
            ("boxes", "box"),
            ("dishes", "dish"),
            ("buses", "bus"),
            ("axes", "axe"), // four letters: only the third rule applies
            ("xes", "xes"),
            ("apples", "apple"),
            ("bus", "bus"),
            ("cactus", "cactus"),
            ("glass", "glass"),
            ("iris", "iris"),
            ("cats", "cat"),
            ("gas", "gas"),
            ("red", "red"),
            ("s", "s"),
            ("", ""),
        ] {
            assert_eq!(stem(word), stemmed, "{word}");
        }
    }

    #[test]
    fn edges_of_words() {
        assert_eq!(words("The cat's  RED-apples, (2)"), ["cat", "red", "apple", "2"]);
        assert_eq!(words("piñata café"), ["pi", "ata", "caf"]);
        // The Kelvin sign has a lower-case ASCII form; a dotted capital I leaves a combining mark, which parts words.
        assert_eq!(words("\u{212A}ey \u{130}x"), ["key", "i", "x"]);
        assert_eq!(words("ニンジャ 🍎 \0 \u{202e}"), Vec::<String>::new());
        assert_eq!(words(""), Vec::<String>::new());
        assert_eq!(words("a an the s n"), Vec::<String>::new());
    }
}
