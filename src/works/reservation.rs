//! A reservation: an opt-out that was seen on a work or on the place it came from, with the bytes that say so.

use serde::{Deserialize, Serialize};

use super::verdict::Usage;
use crate::digest::{Sha256Hash, sha256_of};

/// Characters of the bytes seen that are kept as text; their hash is of all.
const SHOWN: usize = 1_000;

/// In which language it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// `plus:DataMining` of IPTC Photo Metadata 2023.1 (PLUS LDF 2.0.1).
    Plus,
    /// `cawg.training-mining` in Content Credentials (CAWG Training and Data Mining 1.1).
    Cawg,
    /// `tdm:reservation` in XMP, as TDMRep §8 puts it into files.
    Xmp,
    /// `tdmrep.json`, headers or meta elements of TDMRep (W3C CG final report, 2024-05-10).
    Tdmrep,
    /// `Content-Usage` of IETF aipref (draft-ietf-aipref-vocab-08), in a header or in robots.txt.
    Aipref,
    /// Really Simple Licensing 1.0.
    Rsl,
    /// Disallowed crawlers that gather for training, in robots.txt (RFC 9309).
    Robots,
    /// Said by its rights holder here, in words.
    Declared,
}

impl Signal {
    /// All.
    pub const ALL: [Self; 8] =
        [Self::Plus, Self::Cawg, Self::Xmp, Self::Tdmrep, Self::Aipref, Self::Rsl, Self::Robots, Self::Declared];

    /// Its one text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plus => "plus",
            Self::Cawg => "cawg",
            Self::Xmp => "xmp",
            Self::Tdmrep => "tdmrep",
            Self::Aipref => "aipref",
            Self::Rsl => "rsl",
            Self::Robots => "robots",
            Self::Declared => "declared",
        }
    }

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Plus => "IPTC/PLUS data mining",
            Self::Cawg => "Content Credentials, CAWG training and data mining",
            Self::Xmp => "TDM reservation in XMP",
            Self::Tdmrep => "TDMRep",
            Self::Aipref => "IETF AI preferences",
            Self::Rsl => "Really Simple Licensing",
            Self::Robots => "robots.txt",
            Self::Declared => "the rights holder's own words",
        }
    }

    /// Where it is written down.
    pub const fn citation(self) -> &'static str {
        match self {
            Self::Plus => "IPTC Photo Metadata Standard 2023.1, Data Mining; PLUS LDF vocabulary",
            Self::Cawg => "CAWG Training and Data Mining Assertion 1.1",
            Self::Xmp => "TDMRep final report §8, files",
            Self::Tdmrep => "TDMRep final report (W3C CG, 2024-05-10)",
            Self::Aipref => "draft-ietf-aipref-vocab-08 and draft-ietf-aipref-attach-05",
            Self::Rsl => "RSL 1.0",
            Self::Robots => "RFC 9309",
            Self::Declared => "Directive (EU) 2019/790 art. 4(3)",
        }
    }
}

impl std::str::FromStr for Signal {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| format!("there is no signal `{text}`"))
    }
}

/// An opt-out seen. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// In which language.
    pub signal: Signal,
    /// What it says, in one line of its own: `plus:DataMining = DMI-PROHIBITED-AIMLTRAINING`.
    pub says: String,
    /// What is reserved by it.
    pub uses: Vec<Usage>,
    /// Where it was seen: a place in the file, or an address.
    pub place: String,
    /// The first characters of the bytes seen.
    pub seen: String,
    /// SHA-256 of all the bytes seen.
    pub seen_sha256: Sha256Hash,
}

/// What a reservation of training covers here: learning from the work, whole or on top of something.
pub const TRAINING: &[Usage] = &[Usage::Train, Usage::FineTune];
/// A reservation of everything that mines: nor may a picture draw on it.
pub const MINING: &[Usage] = &[Usage::Train, Usage::FineTune, Usage::Generate, Usage::GenerateCommercial];

impl Reservation {
    /// With the bytes that say so.
    pub fn seen(signal: Signal, says: impl Into<String>, uses: &[Usage], place: impl Into<String>, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let shown: String = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).take(SHOWN).collect();
        Self { signal, says: says.into(), uses: uses.to_vec(), place: place.into(), seen: shown, seen_sha256: sha256_of(bytes) }
    }

    /// Whether it speaks of `usage`.
    pub fn reserves(&self, usage: Usage) -> bool {
        self.uses.contains(&usage)
    }
}

/// What a value of `plus:DataMining` reserves; `None` for one that reserves nothing. Values may come as the vocabulary's address.
/// `-SEECONSTRAINT` and the two that point elsewhere restrict in words that no program reads, so they are read as a no.
pub fn plus_reserves(value: &str) -> Option<&'static [Usage]> {
    let name = value.rsplit('/').next().unwrap_or(value).trim();
    match name.strip_prefix("DMI-").unwrap_or(name) {
        "UNSPECIFIED" | "ALLOWED" => None,
        "PROHIBITED-AIMLTRAINING" | "PROHIBITED-GENAIMLTRAINING" => Some(TRAINING),
        _ => Some(MINING),
    }
}

/// What `train-ai` of a `Content-Usage` value reserves. The value is a Structured Fields dictionary (RFC 9651) whose members are
/// tokens; anything but `y` and `n` says nothing.
pub fn aipref_reserves(value: &str) -> Option<&'static [Usage]> {
    let mut answer = None;
    for member in value.split(',') {
        let (key, said) = member.split_once('=').unwrap_or((member, "?1"));
        // Parameters stand behind a semicolon.
        let said = said.split(';').next().unwrap_or_default().trim();
        if key.trim() == "train-ai" {
            answer = (said == "n").then_some(TRAINING);
        }
    }
    answer
}

/// Crawlers that say of themselves that they gather for training.
pub const TRAINING_CRAWLERS: &[&str] = &[
    "gptbot",
    "google-extended",
    "ccbot",
    "claudebot",
    "anthropic-ai",
    "applebot-extended",
    "bytespider",
    "meta-externalagent",
    "amazonbot",
    "cohere-training-data-crawler",
    "ai2bot",
    "diffbot",
    "img2dataset",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nine_values_of_plus() {
        for open in ["DMI-UNSPECIFIED", "DMI-ALLOWED", "http://ns.useplus.org/ldf/vocab/DMI-ALLOWED"] {
            assert_eq!(plus_reserves(open), None, "{open}");
        }
        for training in ["DMI-PROHIBITED-AIMLTRAINING", "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-GENAIMLTRAINING"] {
            assert_eq!(plus_reserves(training), Some(TRAINING), "{training}");
        }
        for all in [
            "DMI-PROHIBITED",
            "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING",
            "DMI-PROHIBITED-SEECONSTRAINT",
            "DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR",
            "DMI-PROHIBITED-SEELINKEDRIGHTSEXPR",
            "a value of tomorrow",
        ] {
            assert_eq!(plus_reserves(all), Some(MINING), "{all}");
        }
    }

    #[test]
    fn preferences_are_read_as_a_dictionary() {
        assert_eq!(aipref_reserves("train-ai=n"), Some(TRAINING));
        assert_eq!(aipref_reserves("search=y, train-ai=n;exp=1"), Some(TRAINING));
        for none in ["train-ai=y", "search=n", "", "train-ai=n, train-ai=y", "train-ai"] {
            assert_eq!(aipref_reserves(none), None, "{none}");
        }
    }

    #[test]
    fn bytes_are_kept_short_and_hashed_whole() {
        let bytes = [b'x'; 5_000];
        let r = Reservation::seen(Signal::Plus, "says", TRAINING, "XMP", &bytes);
        assert_eq!((r.seen.len(), r.seen_sha256), (1_000, sha256_of(&bytes)));
        assert!(r.reserves(Usage::Train) && !r.reserves(Usage::Generate));
    }
}
