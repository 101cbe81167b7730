//! Icon sets in the iconify JSON format (iconify.design/docs/types/iconify-json.html), as npm packages `@iconify-json/…` hold them: one
//! author and one licence for each set. What an emoji is called in English comes from emojibase-data, joined by code point.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::{Drawing, SVG_MAX, Skip};

/// Licences under which a set is read. Others (share-alike, non-commercial, none) are refused as a whole.
pub const LICENCES: &[&str] = &["Apache-2.0", "CC-BY-4.0", "CC0-1.0", "MIT"];

#[derive(Deserialize)]
struct Icons {
    prefix: String,
    #[serde(default)]
    width: Option<f64>,
    #[serde(default)]
    height: Option<f64>,
    icons: BTreeMap<String, Icon>,
}

#[derive(Deserialize)]
struct Icon {
    body: String,
    left: Option<f64>,
    top: Option<f64>,
    width: Option<f64>,
    height: Option<f64>,
}

#[derive(Deserialize)]
struct Info {
    author: Option<Author>,
    license: Option<License>,
}

#[derive(Deserialize)]
struct Author {
    name: String,
    #[serde(default)]
    url: String,
}

#[derive(Deserialize)]
struct License {
    spdx: Option<String>,
    #[serde(default)]
    url: String,
}

/// What emojibase-data says of one emoji.
#[derive(Debug, Clone, Deserialize)]
struct Emoji {
    label: String,
    hexcode: String,
    #[serde(default)]
    tags: Vec<String>,
    group: Option<u32>,
    subgroup: Option<u32>,
}

/// English names of emoji, by code point and by the names icon sets give them.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    by_point: HashMap<String, Emoji>,
    /// Some sets name their icons and leave the code points out: their names are those of other sets, or the label itself.
    by_name: HashMap<String, Emoji>,
}

/// A label as icon sets write it.
fn slug(label: &str) -> String {
    let plain: String = label.to_lowercase().chars().filter(|c| !"'’.,:“”()!".contains(*c)).collect();
    plain.split(|c: char| c.is_whitespace() || c == '_' || c == '-').filter(|w| !w.is_empty()).collect::<Vec<_>>().join("-")
}

/// Code points as both sides write them: lower case, without the variation selector.
fn key(hexcode: &str) -> String {
    hexcode.to_lowercase().split('-').filter(|point| *point != "fe0f").collect::<Vec<_>>().join("-")
}

impl Labels {
    /// Reads `en/data.json` of emojibase-data.
    pub fn read(data: &[u8]) -> Result<Self, String> {
        let emoji: Vec<Emoji> =
            serde_json::from_slice(data).map_err(|e| format!("these are no emojibase labels ({e}): give its en/data.json"))?;
        let by_name = emoji.iter().map(|e| (slug(&e.label), e.clone())).collect();
        Ok(Self { by_point: emoji.into_iter().map(|e| (key(&e.hexcode), e)).collect(), by_name })
    }

    /// Learns the names a set gives to code points, from its `chars.json`.
    pub fn learn(&mut self, chars: &[u8]) -> Result<(), String> {
        for (point, name) in points(chars)? {
            if let Some(emoji) = self.by_point.get(&key(&point)) {
                self.by_name.entry(name).or_insert_with(|| emoji.clone());
            }
        }
        Ok(())
    }
}

fn points(chars: &[u8]) -> Result<BTreeMap<String, String>, String> {
    serde_json::from_slice(chars).map_err(|e| format!("chars.json can't be read: {e}"))
}

/// Names of emojibase's groups; component (2) and flags (9) hold no subjects.
const GROUPS: &[(u32, &str)] =
    &[(0, "face"), (1, "people"), (3, "animal"), (4, "food"), (5, "travel"), (6, "activity"), (7, "object"), (8, "symbol")];
/// Of the symbols, these subgroups show something: geometric shapes and the zodiac's animals.
const SYMBOLS: &[u32] = &[87, 96];
/// Twenty-four clock faces are one subject.
const TIME: u32 = 58;

/// One set's package: the files as they lie in it.
#[derive(Debug, Clone, Copy)]
pub struct Package<'a> {
    /// `icons.json`.
    pub icons: &'a [u8],
    /// `info.json`.
    pub info: &'a [u8],
    /// `chars.json`: code points → icon.
    pub chars: &'a [u8],
}

/// A drawing, or what was passed over and why.
pub type Found = Result<Drawing, (String, Skip)>;

/// Reads a set. A whole set without author or with another licence is an error: nothing of it may be used.
pub fn read(package: Package<'_>, labels: &Labels) -> Result<Vec<Found>, String> {
    let icons: Icons = serde_json::from_slice(package.icons).map_err(|e| format!("icons.json can't be read: {e}"))?;
    let info: Info = serde_json::from_slice(package.info).map_err(|e| format!("info.json can't be read: {e}"))?;
    let chars = points(package.chars)?;
    let set = icons.prefix;
    let author = info.author.filter(|a| !a.name.trim().is_empty());
    let author = author.ok_or_else(|| format!("the set `{set}` names no author: its drawings can't be registered"))?;
    let licence = info.license.and_then(|l| Some((l.spdx?, l.url)));
    let (licence, licence_url) =
        licence.ok_or_else(|| format!("the set `{set}` states no licence: unknown means no, so it is left out"))?;
    if !LICENCES.contains(&licence.as_str()) {
        return Err(format!("the set `{set}` is under `{licence}`: only sets under {} are read", LICENCES.join(", ")));
    }
    let mut by_icon: HashMap<&str, &Emoji> = HashMap::new();
    for (point, name) in &chars {
        if let Some(emoji) = labels.by_point.get(&key(point)) {
            by_icon.entry(name).or_insert(emoji);
        }
    }
    let style = set.split('-').next().unwrap_or(&set).to_owned();
    let style = if set == "noto-v1" { "blob".to_owned() } else { style };
    let found = icons.icons.iter().map(|(name, icon)| {
        let skip = |why| Err((name.clone(), why));
        let by_name = || labels.by_name.get(name.as_str());
        let Some(emoji) = by_icon.get(name.as_str()).copied().or_else(by_name) else { return skip(Skip::Variant) };
        let group = emoji.group.and_then(|g| GROUPS.iter().find(|(n, _)| *n == g));
        let Some((_, category)) = group.filter(|_| !is_variant(name, emoji)) else { return skip(Skip::Variant) };
        if icon.body.len() > SVG_MAX {
            return skip(Skip::Large);
        }
        let spoken = name.replace('-', " ");
        let mut names = vec![spoken.clone()];
        if emoji.label.to_lowercase() != spoken {
            names.push(emoji.label.clone());
        }
        let (width, height) =
            (icon.width.or(icons.width).unwrap_or(16.0), icon.height.or(icons.height).unwrap_or(16.0));
        let (left, top) = (icon.left.unwrap_or(0.0), icon.top.unwrap_or(0.0));
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}" height="{height}" viewBox="{left} {top} {width} {height}">{}</svg>"#,
            icon.body
        );
        Ok(Drawing {
            set: set.clone(),
            item: name.clone(),
            title: spoken,
            names,
            tags: emoji.tags.clone(),
            category: (*category).to_owned(),
            style: style.clone(),
            author: author.name.clone(),
            licence: licence.clone(),
            licence_url: licence_url.clone(),
            source: author.url.clone(),
            may_flip: *category != "symbol",
            svg,
        })
    });
    Ok(found.collect())
}

fn is_variant(name: &str, emoji: &Emoji) -> bool {
    let subgroup = emoji.subgroup.unwrap_or(u32::MAX);
    let tone = ["1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"].iter().any(|tone| key(&emoji.hexcode).contains(tone));
    let person =
        ["man-", "woman-", "men-", "women-", "person-", "family-", "couple-", "kiss-"].iter().any(|p| name.starts_with(p));
    let joined = emoji.group == Some(1) && emoji.hexcode.contains("200D");
    tone || name.contains("skin-tone")
        || person
        || joined
        || subgroup == TIME && name != "alarm-clock" && is_clock_face(name)
        || emoji.group == Some(8) && !SYMBOLS.contains(&subgroup)
}

fn is_clock_face(name: &str) -> bool {
    name.ends_with("-oclock") || name.ends_with("-o-clock") || name.ends_with("-thirty")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: &str = r#"[
        {"label":"red apple","hexcode":"1F34E","tags":["fruit"],"group":4,"subgroup":42},
        {"label":"waving hand: light skin tone","hexcode":"1F44B-1F3FB","group":1,"subgroup":16},
        {"label":"flag: Peru","hexcode":"1F1F5-1F1EA","group":9,"subgroup":98},
        {"label":"umbrella","hexcode":"2602-FE0F","tags":["rain"],"group":5,"subgroup":59},
        {"label":"right arrow","hexcode":"27A1","group":8,"subgroup":85}]"#;
    const ICONS: &str = r#"{"prefix":"noto-v1","width":128,"height":128,"icons":{
        "red-apple":{"body":"<path/>"},"waving-hand-light-skin-tone":{"body":"<path/>"},"flag-peru":{"body":"<g/>"},
        "umbrella":{"body":"<g/>","width":64},"right-arrow":{"body":"<g/>"},"unknown":{"body":"<g/>"}}}"#;
    const CHARS: &str = r#"{"1f34e":"red-apple","1f44b-1f3fb":"waving-hand-light-skin-tone","1f1f5-1f1ea":"flag-peru","2602":"umbrella",
        "27a1":"right-arrow"}"#;
    const INFO: &str =
        r#"{"author":{"name":"Google Inc","url":"https://a.example"},"license":{"spdx":"Apache-2.0","url":"https://l.example"}}"#;

    fn set(info: &str) -> Result<Vec<Found>, String> {
        let package = Package { icons: ICONS.as_bytes(), info: info.as_bytes(), chars: CHARS.as_bytes() };
        read(package, &Labels::read(LABELS.as_bytes()).unwrap())
    }

    #[test]
    fn subjects_are_read_and_variants_passed_over() {
        let found = set(INFO).unwrap();
        let (taken, skipped): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
        let taken: Vec<_> = taken.into_iter().flatten().collect();
        assert_eq!(taken.iter().map(|d| d.item.as_str()).collect::<Vec<_>>(), ["red-apple", "umbrella"]);
        assert_eq!(skipped.len(), 4);
        assert_eq!((taken[0].author.as_str(), taken[0].licence.as_str()), ("Google Inc", "Apache-2.0"));
        assert_eq!((taken[0].style.as_str(), taken[0].category.as_str(), taken[0].tags.len()), ("blob", "food", 1));
        assert!(taken[1].svg.contains(r#"viewBox="0 0 64 128""#), "{}", taken[1].svg);
    }

    #[test]
    fn a_set_without_author_or_with_another_licence_is_refused_whole() {
        for (info, word) in [
            (r#"{"license":{"spdx":"MIT"}}"#, "author"),
            (r#"{"author":{"name":" "},"license":{"spdx":"MIT"}}"#, "author"),
            (r#"{"author":{"name":"A"}}"#, "no licence"),
            (r#"{"author":{"name":"A"},"license":{"spdx":"CC-BY-SA-4.0"}}"#, "CC-BY-SA-4.0"),
            (r#"{"author":{"name":"A"},"license":{"spdx":"CC-BY-NC-4.0"}}"#, "CC-BY-NC-4.0"),
        ] {
            assert!(set(info).unwrap_err().contains(word), "{info}");
        }
    }
}
