//! What a site says of one of its addresses: TDMRep, aipref, RSL and robots.txt, read from bytes that were handed in. Nothing is fetched here.
//!
//! Of several rules that match an address the longest one speaks, as in RFC 9309 §2.2.2; of two as long the one that reserves.

use roxmltree::{Document, Node};
use serde::Deserialize;

use super::reservation::{MINING, Reservation, Signal, TRAINING, TRAINING_CRAWLERS, aipref_reserves};
use super::verdict::Usage;

/// Largest file read, in bytes: what RFC 9309 §2.5 asks crawlers to read at least.
pub const MOST_BYTES: usize = 500 << 10;

/// Why a file says nothing that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteFileError {
    /// Too long.
    #[error("the file has {0} bytes: at most {MOST_BYTES} are read")]
    Large(usize),
    /// Not of that kind.
    #[error("this is no {0}: {1}")]
    Unreadable(&'static str, String),
    /// Signals that stand in works' files.
    #[error("`{0}` is read from a work's own file: register the work with it")]
    InFile(&'static str),
    /// Not an address of the web.
    #[error("`{0}` is no address of the web: give the work's own, beginning with https://")]
    Address(String),
}

/// The path of an address, with its query, as rules are matched against it.
pub fn path_of(url: &str) -> Result<&str, SiteFileError> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.filter(|r| !r.is_empty() && !r.starts_with('/')).ok_or_else(|| SiteFileError::Address(url.to_owned()))?;
    let rest = rest.split('#').next().unwrap_or_default();
    Ok(rest.find('/').map_or("/", |at| &rest[at..]))
}

/// The site of an address: scheme, host and port, with a slash at its end.
pub fn site_of(url: &str) -> Result<String, SiteFileError> {
    let path = path_of(url)?;
    let whole = url.split('#').next().unwrap_or_default();
    let at = whole.len() - if whole.ends_with(path) { path.len() } else { 0 };
    Ok(format!("{}/", &whole[..at]))
}

/// What `bytes`, seen as `signal` at `seen_at`, say of `url`; `None` when nothing is reserved.
pub fn read(signal: Signal, bytes: &[u8], seen_at: &str, url: &str) -> Result<Option<Reservation>, SiteFileError> {
    if bytes.len() > MOST_BYTES {
        return Err(SiteFileError::Large(bytes.len()));
    }
    let path = path_of(url)?;
    let text = String::from_utf8_lossy(bytes);
    let found = match signal {
        Signal::Tdmrep => tdmrep(&text, path)?,
        Signal::Aipref => aipref(&text, path),
        Signal::Robots => robots(&text, path),
        Signal::Rsl => rsl(&text, url, path)?,
        Signal::Plus | Signal::Cawg | Signal::Xmp => return Err(SiteFileError::InFile(signal.as_str())),
        Signal::Declared => Some((text.trim().chars().take(200).collect(), MINING)),
    };
    Ok(found.map(|(says, uses)| Reservation::seen(signal, says, uses, seen_at, bytes)))
}

type Found = Option<(String, &'static [Usage])>;

/// Whether a path meets a pattern of RFC 9309 §2.2.3: `*` is anything, `$` at its end is the end. The length of the pattern when it does.
fn matches(pattern: &str, path: &str) -> Option<usize> {
    let (body, whole) = pattern.strip_suffix('$').map_or((pattern, false), |body| (body, true));
    let mut parts = body.split('*');
    let first = parts.next()?;
    let mut rest = path.strip_prefix(first)?;
    let parts: Vec<&str> = parts.collect();
    for (n, part) in parts.iter().enumerate() {
        // The last part of a pattern that ends must stand at the end.
        if whole && n + 1 == parts.len() {
            return rest.ends_with(part).then_some(pattern.len());
        }
        rest = &rest[rest.find(part)? + part.len()..];
    }
    (!whole || rest.is_empty()).then_some(pattern.len())
}

#[derive(Deserialize)]
struct TdmRule {
    location: String,
    #[serde(rename = "tdm-reservation")]
    reservation: serde_json::Value,
}

/// `tdmrep.json` (TDMRep §6.1), or the value of a `tdm-reservation` header or meta element.
fn tdmrep(text: &str, path: &str) -> Result<Found, SiteFileError> {
    let plain = text.trim();
    let plain = plain.strip_prefix("tdm-reservation").map_or(plain, |v| v.trim_start_matches([':', '=', ' ']));
    if matches!(plain, "0" | "1") {
        return Ok((plain == "1").then(|| ("tdm-reservation: 1".to_owned(), TRAINING)));
    }
    let rules: Vec<TdmRule> = serde_json::from_str(text).map_err(|e| SiteFileError::Unreadable("tdmrep.json", e.to_string()))?;
    let reserves = |rule: &TdmRule| rule.reservation == 1 || rule.reservation == "1";
    let best = rules.iter().filter_map(|rule| Some((matches(&rule.location, path)?, reserves(rule), &rule.location))).max();
    Ok(best.filter(|(_, reserves, _)| *reserves).map(|(.., at)| (format!("tdm-reservation = 1 for {at}"), TRAINING)))
}

/// One group of robots.txt: its agents and its rules.
#[derive(Default)]
struct Group<'a> {
    agents: Vec<String>,
    /// Name in lower case, value.
    rules: Vec<(String, &'a str)>,
}

fn groups(text: &str) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let Some((name, value)) = line.split_once(':') else { continue };
        let (name, value) = (name.trim().to_lowercase(), value.trim());
        if name == "user-agent" {
            // Agents one after the other share the rules that follow.
            match groups.last_mut().filter(|g| g.rules.is_empty()) {
                Some(group) => group.agents.push(value.to_lowercase()),
                None => groups.push(Group { agents: vec![value.to_lowercase()], rules: Vec::new() }),
            }
        } else if let Some(group) = groups.last_mut() {
            group.rules.push((name, value));
        }
    }
    groups
}

/// `Content-Usage` as a header's value, or as rules of robots.txt (draft-ietf-aipref-attach-05 §4): for all, with an optional path first.
fn aipref(text: &str, path: &str) -> Found {
    let header = text.trim();
    let value = header.strip_prefix("Content-Usage:").or_else(|| header.strip_prefix("content-usage:")).unwrap_or(header);
    if !header.contains('\n') && !header.to_lowercase().starts_with("user-agent") {
        return aipref_reserves(value.trim()).map(|uses| (format!("Content-Usage: {}", value.trim()), uses));
    }
    let mut best: Option<(usize, bool, String, &'static [Usage])> = None;
    for group in groups(text).iter().filter(|g| g.agents.iter().any(|a| a == "*")) {
        for (_, value) in group.rules.iter().filter(|(name, _)| name == "content-usage") {
            let (pattern, said) = match value.split_once(char::is_whitespace) {
                Some((pattern, said)) if pattern.starts_with('/') => (pattern, said.trim()),
                _ => ("/", *value),
            };
            let Some(length) = matches(pattern, path) else { continue };
            let uses = aipref_reserves(said);
            let rule = (length, uses.is_some(), format!("Content-Usage: {value}"), uses.unwrap_or_default());
            if best.as_ref().is_none_or(|b| (rule.0, rule.1) > (b.0, b.1)) {
                best = Some(rule);
            }
        }
    }
    best.filter(|(_, reserves, ..)| *reserves).map(|(.., says, uses)| (says, uses))
}

/// Crawlers that gather for training and are turned away from the path by name. A rule for all crawlers speaks of visits, not of training.
fn robots(text: &str, path: &str) -> Found {
    let mut turned_away = Vec::new();
    let groups = groups(text);
    for crawler in TRAINING_CRAWLERS {
        let rules = groups.iter().filter(|g| g.agents.iter().any(|a| a == crawler)).flat_map(|g| &g.rules);
        let rules = rules.filter(|(name, value)| (name == "disallow" && !value.is_empty()) || name == "allow");
        // Of two as long the one that allows (RFC 9309 §2.2.2).
        let best = rules.filter_map(|(name, value)| Some((matches(value, path)?, name == "allow"))).max();
        if best.is_some_and(|(_, allowed)| !allowed) {
            turned_away.push(*crawler);
        }
    }
    (!turned_away.is_empty()).then(|| (format!("Disallow for {}", turned_away.join(", ")), TRAINING))
}

/// Training, in the words of RSL 1.0 §3.4.
const TRAIN_WORDS: &[&str] = &["all", "ai-all", "ai-train", "train-ai", "train"];

/// An RSL document: the content elements that match, each with its licences. What is permitted only for pay, or not at all, is reserved.
fn rsl(text: &str, url: &str, path: &str) -> Result<Found, SiteFileError> {
    let document = Document::parse(text).map_err(|e| SiteFileError::Unreadable("RSL document", e.to_string()))?;
    let named = |node: &Node<'_, '_>, name: &str| node.is_element() && node.tag_name().name() == name;
    let matching = document.descendants().filter(|n| named(n, "content")).filter_map(|content| {
        let pattern = content.attribute("url").unwrap_or("/");
        let at = if pattern.contains("://") { matches(pattern, url) } else { matches(pattern, path) };
        at.map(|length| (length, content))
    });
    let Some((_, content)) = matching.max_by_key(|(length, _)| *length) else { return Ok(None) };
    let mut offered = false;
    for licence in content.children().filter(|n| named(n, "license")) {
        let words = |name: &str| -> Vec<String> {
            let of_use = licence.children().filter(|n| named(n, name) && n.attribute("type").unwrap_or("usage") == "usage");
            of_use
                .flat_map(|n| n.text().unwrap_or_default().split([' ', ',', '\n']).map(str::to_lowercase).collect::<Vec<_>>())
                .collect()
        };
        let says_train = |list: &[String]| list.iter().any(|w| TRAIN_WORDS.contains(&w.as_str()));
        if says_train(&words("prohibits")) {
            return Ok(Some(("prohibits usage: training".to_owned(), TRAINING)));
        }
        let permits = words("permits");
        let free = licence
            .children()
            .filter(|n| named(n, "payment"))
            .all(|n| matches!(n.attribute("type"), None | Some("free" | "attribution")));
        offered |= free && (permits.is_empty() || says_train(&permits));
    }
    Ok((!offered).then(|| ("no free licence permits training".to_owned(), TRAINING)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://ana.example/art/red.png";

    fn says(signal: Signal, text: &str) -> Option<String> {
        read(signal, text.as_bytes(), "https://ana.example/file", URL).unwrap().map(|r| r.says)
    }

    #[test]
    fn patterns_of_rfc_9309() {
        for (pattern, path, is) in [
            ("/", "/art", true),
            ("/art", "/artist", true),
            ("/art/", "/artist", false),
            ("/*.png", "/a/b.png?x", true),
            ("/*.png$", "/a/b.png?x", false),
            ("/*.png$", "/a.png/b.png", true),
            ("/art$", "/art", true),
            ("/a*c*e", "/abcde", true),
            ("", "/x", true),
            ("/*", "/", true),
        ] {
            assert_eq!(matches(pattern, path).is_some(), is, "{pattern} {path}");
        }
        assert_eq!(path_of("https://x.example").unwrap(), "/");
        assert_eq!(path_of("https://x.example/a?b#c").unwrap(), "/a?b");
        assert_eq!(site_of(URL).unwrap(), "https://ana.example/");
        assert_eq!(site_of("https://ana.example").unwrap(), "https://ana.example/");
        for bad in ["ana.example/x", "ftp://x/", "https:///x", "javascript:1"] {
            assert!(path_of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tdmrep_files_and_headers() {
        let one = r#"[{"location":"/","tdm-reservation":1},{"location":"/free/","tdm-reservation":0}]"#;
        assert_eq!(says(Signal::Tdmrep, one).unwrap(), "tdm-reservation = 1 for /");
        let open = r#"[{"location":"/*","tdm-reservation":1},{"location":"/art/*.png","tdm-reservation":0}]"#;
        assert_eq!(says(Signal::Tdmrep, open), None, "the longer one speaks");
        let both = r#"[{"location":"/art","tdm-reservation":0},{"location":"/art","tdm-reservation":1}]"#;
        assert!(says(Signal::Tdmrep, both).is_some(), "of two as long the one that reserves");
        assert!(says(Signal::Tdmrep, "tdm-reservation: 1").is_some() && says(Signal::Tdmrep, "0").is_none());
        assert!(read(Signal::Tdmrep, b"<html>", "", URL).is_err());
    }

    #[test]
    fn preferences_in_headers_and_robots() {
        assert!(says(Signal::Aipref, "Content-Usage: train-ai=n").is_some());
        assert!(says(Signal::Aipref, "train-ai=y").is_none());
        let robots = "User-Agent: *\nAllow: /\nContent-Usage: train-ai=n\nContent-Usage: /open/ train-ai=y\n";
        assert_eq!(says(Signal::Aipref, robots).unwrap(), "Content-Usage: train-ai=n");
        let robots = "User-Agent: *\nContent-Usage: train-ai=n\nContent-Usage: /art/ train-ai=y\n";
        assert!(says(Signal::Aipref, robots).is_none());
        let others = "User-Agent: SomeBot\nContent-Usage: train-ai=n\n";
        assert!(says(Signal::Aipref, others).is_none());
    }

    #[test]
    fn crawlers_turned_away_by_name() {
        let text =
            "User-agent: GPTBot\nUser-agent: CCBot # both\nDisallow: /\nAllow: /free\n\nUser-agent: Googlebot\nDisallow: /\n";
        assert_eq!(says(Signal::Robots, text).unwrap(), "Disallow for gptbot, ccbot");
        assert!(says(Signal::Robots, "User-agent: GPTBot\nDisallow: /\nAllow: /art/\n").is_none());
        assert!(says(Signal::Robots, "User-agent: GPTBot\nDisallow:\n").is_none());
        assert!(says(Signal::Robots, "User-agent: *\nDisallow: /\n").is_none(), "that is about visits");
    }

    #[test]
    fn rsl_documents() {
        let rsl =
            |inner: &str| format!(r#"<rsl xmlns="https://rslstandard.org/rsl"><content url="/art/*">{inner}</content></rsl>"#);
        assert!(says(Signal::Rsl, &rsl(r#"<license><prohibits type="usage">ai-train</prohibits></license>"#)).is_some());
        assert!(says(Signal::Rsl, &rsl(r#"<license><permits type="usage">search</permits></license>"#)).is_some());
        assert!(
            says(Signal::Rsl, &rsl(r#"<license><permits type="usage">ai-train</permits><payment type="purchase"/></license>"#))
                .is_some()
        );
        assert!(
            says(Signal::Rsl, &rsl(r#"<license><permits type="usage">all</permits><payment type="free"/></license>"#)).is_none()
        );
        let other = r#"<rsl><content url="/text/"><license><prohibits type="usage">all</prohibits></license></content></rsl>"#;
        assert!(says(Signal::Rsl, other).is_none());
        assert!(read(Signal::Rsl, b"<rsl", "", URL).is_err());
    }

    #[test]
    fn what_is_not_a_site_s_is_refused() {
        assert!(matches!(read(Signal::Plus, b"x", "", URL), Err(SiteFileError::InFile("plus"))));
        assert!(matches!(read(Signal::Robots, &vec![b'x'; MOST_BYTES + 1], "", URL), Err(SiteFileError::Large(_))));
        let kept = read(Signal::Tdmrep, b"1", "header of https://ana.example/", URL).unwrap().unwrap();
        assert_eq!((kept.place.as_str(), kept.seen.as_str()), ("header of https://ana.example/", "1"));
    }
}
