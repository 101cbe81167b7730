//! The pieces several pages show: works and images as small pictures, counts, policy rules. Views only.

use super::{Link, Tone, When};

/// How many of a set's works stand under one licence.
#[derive(Debug, Clone, Default)]
pub struct LicenceCount {
    /// As read: "CC BY 4.0"; "unknown" when nobody knows.
    pub licence: String,
    /// Its text, elsewhere; empty for none.
    pub url: String,
    /// Works.
    pub count: u64,
    /// Of all works of the set, 0..=1.
    pub share: f64,
    /// False draws the bar in the colour of the unknown.
    pub known: bool,
}

/// How many of a set's works one author made.
#[derive(Debug, Clone, Default)]
pub struct AuthorCount {
    /// The author's name as recorded.
    pub author: String,
    /// Works.
    pub count: u64,
    /// A list of exactly these works.
    pub url: String,
}

/// A registered work as a small picture with its author's name.
#[derive(Debug, Clone, Default)]
pub struct WorkCard {
    /// `work_…`; the card leads to `/works/{id}`.
    pub id: String,
    /// The work's title.
    pub title: String,
    /// Address of the picture.
    pub picture: String,
    /// The author's name as recorded.
    pub author: String,
    /// As read: "CC BY 4.0".
    pub licence: String,
    /// The licence's text, elsewhere; empty for none.
    pub licence_url: String,
    /// On an image's page: how far the image is from this work, RMS of 16×16 thumbnails, 0 (same) to 1.
    pub distance: Option<f64>,
    /// On an image's page: its share of what the works changed, 0 to 1.
    pub influence: Option<f64>,
    /// True when the grant it was used under, or the work, has been revoked.
    pub revoked: bool,
    /// Whether that is so because it is disputed.
    pub disputed: bool,
}

impl WorkCard {
    pub(super) fn licence_link(&self) -> Link {
        Link::new(&self.licence, &self.licence_url)
    }

    /// The distance in words. Two different works of the first collection lie .091/.143/.181 apart (quartiles), so a picture
    /// nearer than .05 is nearer than nearly any two of them.
    pub(super) fn nearness(&self) -> String {
        self.distance.map_or_else(String::new, |d| {
            let words = match d {
                d if d < 0.05 => "very near",
                d if d < 0.10 => "near",
                d if d < 0.18 => "some likeness",
                _ => "little likeness",
            };
            format!("{words}, {d:.3}")
        })
    }

    /// Its influence in whole percent.
    pub(super) fn influence_percent(&self) -> u32 {
        (self.influence.unwrap_or(0.0) * 100.0).round() as u32
    }

    /// “42 % of the influence”.
    pub(super) fn influence_words(&self) -> String {
        format!("{} % of the influence", self.influence_percent())
    }

    pub(super) fn sample(n: u16, title: &str, author: &str, licence: &str) -> Self {
        let id = format!("work_0000000000SAMP{n:0>10}");
        Self {
            picture: format!("/works/{id}/picture"),
            id,
            title: title.into(),
            author: author.into(),
            licence: licence.into(),
            licence_url: "https://creativecommons.org/licenses/by/4.0/".into(),
            distance: None,
            influence: None,
            revoked: false,
            disputed: false,
        }
    }

    pub(super) fn samples() -> Vec<Self> {
        vec![
            Self::sample(715, "owl", "Twitter", "CC BY 4.0"),
            Self::sample(1859, "owl", "Google Inc", "Apache 2.0"),
            Self::sample(2983, "owl", "Microsoft Corporation", "MIT"),
            Self::sample(7101, "lighthouse", "Franck Doucet", "public domain"),
            Self::sample(813, "red apple", "Twitter", "CC BY 4.0"),
            Self::sample(5900, "teapot", "Tapio Kautto", "public domain"),
            Self::sample(4543, "fox", "Emoji One", "CC BY 4.0"),
            Self::sample(5116, "bird", "Mozilla", "Apache 2.0"),
        ]
    }
}

/// A made image as a small picture, with the names of those whose works it drew on.
#[derive(Debug, Clone, Default)]
pub struct ImageCard {
    /// `image_…`; the card leads to `/images/{id}`.
    pub id: String,
    /// Address of the picture.
    pub picture: String,
    /// What it was asked for; empty when its maker keeps the words private.
    pub words: String,
    /// Authors of the works it drew on, each once, in the order drawn on.
    pub authors: Vec<String>,
    /// When it was made.
    pub made: When,
}

impl ImageCard {
    /// What a person who can't see the picture is told.
    pub(super) fn alt(&self) -> String {
        if self.words.is_empty() { "Picture; its words are private".into() } else { format!("Picture: {}", self.words) }
    }

    pub(super) fn sample(n: u8, words: &str, authors: &[&str]) -> Self {
        let id = format!("image_01KAR{n:0>21}");
        Self {
            picture: format!("/images/{id}/picture"),
            id,
            words: words.into(),
            authors: authors.iter().map(|&a| a.into()).collect(),
            made: When::sample(),
        }
    }

    pub(super) fn samples() -> Vec<Self> {
        vec![
            Self::sample(14, "a robot with a kind face", &["Twitter", "Google Inc", "Microsoft Corporation"]),
            Self::sample(11, "a butterfly", &["Emoji One", "Mozilla"]),
            Self::sample(18, "a dog", &["Franck Doucet", "Twitter"]),
            Self::sample(26, "", &["Nicu Buculei"]),
            Self::sample(16, "a purple umbrella", &["Google Inc", "Microsoft Corporation", "Emoji One"]),
            Self::sample(24, "an owl on a branch", &["Twitter", "Google Inc", "Architetto Francesco Rollandin"]),
            Self::sample(3, "a sailing boat on the sea", &["Microsoft Corporation"]),
            Self::sample(22, "an electric guitar", &["John Cliff", "Google Inc"]),
        ]
    }
}

/// A policy rule that was met, with everything its answer owes the person asking.
#[derive(Debug, Clone, Default)]
pub struct RuleLine {
    /// The policy's title: "Tā moko (Māori)".
    pub policy: String,
    /// Policy and rule: "maori-ta-moko/any"; the anchor of that rule on `/policies`.
    pub rule: String,
    /// File within the bundle: "traditions/maori-ta-moko.toml".
    pub file: String,
    /// Line of the rule in that file, from 1.
    pub line: u32,
    /// `allow`, `allow-with-notice`, `require-consent`, `human-review` or `deny`.
    pub outcome: String,
    /// The words of the request that met it, as typed.
    pub words: Vec<String>,
    /// Why the rule stands.
    pub why: String,
    /// Who speaks for it.
    pub authority: String,
    /// `project-default`, `reviewed-by-expert` or `ratified-by-community`.
    pub authority_status: String,
    /// Whom to ask.
    pub contact: Link,
    /// What can be drawn instead, each a prompt.
    pub alternatives: Vec<String>,
    /// How to appeal.
    pub appeal: Link,
}

impl RuleLine {
    pub(super) fn answer(&self) -> &'static str {
        outcome_words(&self.outcome)
    }

    pub(super) fn tone(&self) -> Tone {
        outcome_tone(&self.outcome)
    }

    pub(super) fn authority_words(&self) -> &'static str {
        authority_words(&self.authority_status)
    }

    pub(super) fn sample() -> Self {
        Self {
            policy: "Tā moko (Māori)".into(),
            rule: "maori-ta-moko/any".into(),
            file: "traditions/maori-ta-moko.toml".into(),
            line: 41,
            outcome: "require-consent".into(),
            words: vec!["tā moko".into(), "facial tattoo".into()],
            why: "Moko records a person’s genealogy and is earned; it belongs to its wearer’s whānau and iwi.".into(),
            authority: "the wearer’s whānau and iwi".into(),
            authority_status: "project-default".into(),
            contact: Link::new("Te Uhi a Mataora", "https://example.org/te-uhi-a-mataora"),
            alternatives: vec!["a spiral fern frond".into(), "a portrait with a kirituhi-inspired scarf".into()],
            appeal: Link::new("policy@colophon.example", "mailto:policy@colophon.example"),
        }
    }
}

/// What an outcome means, as the start of a sentence.
pub(in crate::web::pages) fn outcome_words(outcome: &str) -> &'static str {
    match outcome {
        "allow" => "Allowed",
        "allow-with-notice" => "Allowed, with a notice",
        "require-consent" => "Needs consent",
        "human-review" => "Needs a person’s review",
        "deny" => "Refused",
        _ => "Unknown, so refused",
    }
}

pub(super) fn outcome_tone(outcome: &str) -> Tone {
    if outcome == "allow" || outcome == "allow-with-notice" { Tone::Plain } else { Tone::Refused }
}

/// Who stands behind a rule, as a sentence.
pub(super) fn authority_words(status: &str) -> &'static str {
    match status {
        "ratified-by-community" => "Ratified by the community.",
        "reviewed-by-expert" => "Reviewed by an expert; not ratified by the community.",
        "project-default" => "A default of this project; no community has ratified it.",
        _ => "Nobody knows who stands behind this rule.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_outcome_is_no_yes() {
        assert_eq!(outcome_tone("alow"), Tone::Refused);
        assert_eq!(outcome_tone("allow-with-notice"), Tone::Plain);
    }
}
