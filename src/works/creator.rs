//! Who made a work, as what, and with which share in it.

use serde::{Deserialize, Serialize};

use super::TEXT_LIMIT;

/// Creators a work may name.
pub const MOST_CREATORS: usize = 100;

/// One of those who made a work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Creator {
    /// Person or body.
    pub name: String,
    /// As what: `illustrator`, `photographer`, …; empty when not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// Share in hundredths of a per cent, 1 to 10,000; absent when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<u16>,
}

impl Creator {
    /// A name and nothing else.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), role: String::new(), share: None }
    }

    /// `Ana Ruiz (illustrator) 60 %`: as [`parse_creators`] reads it.
    pub fn text(&self) -> String {
        let mut text = self.name.clone();
        if !self.role.is_empty() {
            text.push_str(&format!(" ({})", self.role));
        }
        if let Some(share) = self.share {
            text.push_str(&format!(" {} %", percent(share)));
        }
        text
    }
}

/// Hundredths of a per cent as a number: 3,350 is `33.5`.
pub fn percent(share: u16) -> String {
    let (whole, rest) = (share / 100, share % 100);
    match rest {
        0 => whole.to_string(),
        rest if rest % 10 == 0 => format!("{whole}.{}", rest / 10),
        rest => format!("{whole}.{rest:02}"),
    }
}

/// Reads `Ana Ruiz (illustrator) 60 %; Ben 40%`: a name, a role in round brackets, a share with a per cent sign; the last two may be missing.
pub fn parse_creators(text: &str) -> Result<Vec<Creator>, String> {
    let creators =
        text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(parse_one).collect::<Result<Vec<_>, _>>()?;
    check_creators(&creators).map(|()| creators)
}

fn parse_one(part: &str) -> Result<Creator, String> {
    let (mut rest, mut share) = (part, None);
    if let Some(before) = rest.strip_suffix('%') {
        let before = before.trim_end();
        let from = before
            .rfind(|c: char| !(c.is_ascii_digit() || c == '.'))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        share = Some(
            parse_share(&before[from..])
                .ok_or_else(|| format!("`{part}`: a share is a number over 0 and up to 100, such as `33.5 %`"))?,
        );
        rest = before[..from].trim_end();
    }
    let mut role = "";
    if let Some(inner) = rest.strip_suffix(')')
        && let Some((name, said)) = inner.rsplit_once('(')
    {
        (rest, role) = (name.trim_end(), said.trim());
    }
    Ok(Creator { name: rest.trim().to_owned(), role: role.to_owned(), share })
}

/// `33.5` → 3,350. At most two digits after the point.
pub fn parse_share(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || part.len() > 2 || !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let share = whole.parse::<u32>().ok()?.checked_mul(100)? + format!("{part:0<2}").parse::<u32>().ok()?;
    u16::try_from(share).ok().filter(|s| (1..=10_000).contains(s))
}

/// Refuses empty or over-long names, control characters, too many creators and shares that are more than the whole.
pub fn check_creators(creators: &[Creator]) -> Result<(), String> {
    if creators.len() > MOST_CREATORS {
        return Err(format!("{} creators are named: at most {MOST_CREATORS} are kept", creators.len()));
    }
    for creator in creators {
        for text in [&creator.name, &creator.role] {
            if text.chars().count() > TEXT_LIMIT || text.chars().any(char::is_control) {
                return Err(format!("a creator's name and role have at most {TEXT_LIMIT} characters and no control characters"));
            }
        }
        if creator.name.trim().is_empty() {
            return Err("a creator has no name: give it, or leave the creator out".to_owned());
        }
        if creator.share.is_some_and(|s| s == 0 || s > 10_000) {
            return Err("a creator's share lies over 0 and up to 100 per cent".to_owned());
        }
    }
    let shares: Vec<u32> = creators.iter().filter_map(|c| c.share).map(u32::from).collect();
    let sum: u32 = shares.iter().sum();
    if sum > 10_000 || (!shares.is_empty() && shares.len() == creators.len() && sum < 9_990) {
        return Err(format!("the creators' shares add up to {} per cent, not 100", f64::from(sum) / 100.0));
    }
    Ok(())
}

/// The names in a sentence's order: `Ana Ruiz, Ben and Cai`.
pub fn names(creators: &[Creator]) -> String {
    match creators {
        [] => String::new(),
        [one] => one.name.clone(),
        [rest @ .., last] => {
            format!("{} and {}", rest.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", "), last.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creators_are_read_and_written_alike() {
        let read = parse_creators("Ana Ruiz (illustrator) 60 %; Ben (words & ink) 33.5%;Cai 6.5 %").unwrap();
        assert_eq!(
            read.iter().map(|c| (c.name.as_str(), c.role.as_str(), c.share)).collect::<Vec<_>>(),
            [("Ana Ruiz", "illustrator", Some(6_000)), ("Ben", "words & ink", Some(3_350)), ("Cai", "", Some(650)),]
        );
        let again = read.iter().map(Creator::text).collect::<Vec<_>>().join("; ");
        assert_eq!(parse_creators(&again).unwrap(), read);
        assert_eq!(names(&read), "Ana Ruiz, Ben and Cai");
        assert_eq!(parse_creators("Tāwhai é").unwrap(), [Creator::named("Tāwhai é")]);
        assert_eq!(parse_creators(" ; ").unwrap(), []);
    }

    #[test]
    fn wrong_shares_and_names_are_refused() {
        for text in [
            "Ana 60 %; Ben 60 %",
            "Ana 60 %; Ben 30 %",
            "Ana 0 %",
            "Ana 101 %",
            "Ana 1.234 %",
            "Ana . %",
            "(drawn) 100 %",
            "a\u{7}",
        ] {
            assert!(parse_creators(text).is_err(), "{text}");
        }
        // A third each leaves a hundredth over.
        assert!(parse_creators("A 33.33 %; B 33.33 %; C 33.33 %").is_ok());
        assert!(parse_creators("A 60 %; B").is_ok(), "one share unsaid");
    }
}
