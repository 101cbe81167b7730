//! Typed ids: one macro, one text form (`work_01J…`, a ULID), and `parse` as the only way in from text.
//!
//! The prefix is part of the id, so an id of one kind is never taken for another, in a URL, a row or a log entry.

use std::fmt;
use std::str::FromStr;

use ulid::Ulid;

use crate::chance::Chance;
use crate::clock::Timestamp;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a {kind} id: expected `{prefix}_` and 26 letters or digits, such as `{prefix}_01JDVX3N5ZK8W0Q2R4T6Y8A0BC`"
)]
pub struct IdError {
    text: String,
    kind: &'static str,
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// The text before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id for this moment: 48 bits of milliseconds, then 80 random bits, so ids sort by time of making.
            pub fn new(now: Timestamp, chance: &dyn Chance) -> Self {
                let mut bytes = [0u8; 16];
                chance.fill(&mut bytes[6..]);
                let random = u128::from_be_bytes(bytes) & ((1 << 80) - 1);
                Self(Ulid::from_parts(now.millis().max(0).unsigned_abs(), random))
            }

            /// The id that stands for `seed`, the same on every machine: used for what is shipped with the program.
            pub fn derived(seed: &[u8]) -> Self {
                let hash = blake3::derive_key(concat!("colophon 2026 id ", $prefix), seed);
                let mut bytes = [0u8; 16];
                bytes.copy_from_slice(&hash[..16]);
                // Time part zero: derived ids sort before all made ones and never claim a moment.
                Self(Ulid::from_parts(0, u128::from_be_bytes(bytes) & ((1 << 80) - 1)))
            }

            /// Its 128 bits: the milliseconds first.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_bytes()
            }

            /// From 128 bits; any are an id.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Ulid::from_bytes(bytes))
            }

            /// Reads the text form.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|rest| rest.len() == 26)
                    .and_then(|rest| Ulid::from_string(rest).ok())
                    .map(Self)
                    // One text form only: lower case and look-alike letters would make two names for one thing.
                    .filter(|id| id.to_string() == text)
                    .ok_or_else(|| IdError { text: text.chars().take(64).collect(), kind: $kind, prefix: $prefix })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A registered thing: a drawing, a photograph, a text.
    WorkId = "work", "work";
    /// A licence given on a work.
    GrantId = "grant", "grant";
    /// A frozen, ordered list of works.
    DatasetId = "dataset", "dataset";
    /// Weights and their card.
    ModelId = "model", "model";
    /// A training run.
    RunId = "run", "run";
    /// A generated or edited picture.
    ImageId = "image", "image";
    /// What the policy answered.
    DecisionId = "decision", "decision";
    /// A person or organisation with an account.
    AccountId = "account", "account";
    /// A bearer token (its name, never its secret).
    TokenId = "token", "token";
    /// A browser session (its name, never its secret).
    SessionId = "session", "session";
    /// A unit of background work.
    JobId = "job", "job";
    /// A log entry's name before it has an index.
    StatementId = "statement", "statement";
    /// A claim that a work is not on record as it should be.
    DisputeId = "dispute", "dispute";
    /// What somebody should know without having asked.
    NoticeId = "notice", "notice";
    /// What a steward allowed.
    ConsentId = "consent", "consent";
    /// A request that a person looks at.
    ReviewId = "review", "review";
    /// A list of works being registered.
    ImportId = "import", "import";
    /// Something a person handed in for a picture: a picture to edit, a sketch, a mask.
    InputId = "input", "input";
    /// What people agreed on as the authorship of an image.
    AgreementId = "agreement", "agreement";
    /// An Ed25519 public key on record.
    KeyId = "key", "key";
}

/// What a picture is made from: an image of this registry, or a picture that somebody handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParentId {
    /// An image.
    Image(ImageId),
    /// A picture handed in.
    Input(InputId),
}

impl fmt::Display for ParentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(id) => id.fmt(f),
            Self::Input(id) => id.fmt(f),
        }
    }
}

impl FromStr for ParentId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match InputId::parse(text) {
            Ok(id) => Ok(Self::Input(id)),
            Err(_) => ImageId::parse(text).map(Self::Image),
        }
    }
}

impl serde::Serialize for ParentId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ParentId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::SeededChance;

    #[test]
    fn a_parent_is_an_image_or_an_input() {
        let (image, input) = (ImageId::derived(b"a"), InputId::derived(b"a"));
        assert_eq!(image.to_string().parse(), Ok(ParentId::Image(image)));
        assert_eq!(input.to_string().parse(), Ok(ParentId::Input(input)));
        assert!(WorkId::derived(b"a").to_string().parse::<ParentId>().unwrap_err().to_string().contains("image id"));
    }

    #[test]
    fn text_form_round_trips_and_is_the_only_one() {
        let id = WorkId::new(Timestamp::from_millis(1_795_000_000_000), &SeededChance::new(7));
        let text = id.to_string();
        assert_eq!(WorkId::parse(&text).unwrap(), id);
        assert_eq!(WorkId::from_bytes(id.to_bytes()), id);
        assert!(WorkId::parse(&text.to_lowercase()).is_err());
        assert!(ImageId::parse(&text).is_err(), "a work id is not an image id");
    }

    #[test]
    fn foreign_text_is_refused_without_panic() {
        for text in ["", "work_", "work_ÄÄÄÄÄÄÄÄÄÄÄÄÄ", "work_8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "work", "_", "work_01J\0"]
        {
            assert!(WorkId::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ids_sort_by_time() {
        let chance = SeededChance::new(1);
        let early = JobId::new(Timestamp::from_millis(10), &chance);
        let late = JobId::new(Timestamp::from_millis(11), &chance);
        assert!(early < late && early.to_string() < late.to_string());
    }

    #[test]
    fn derived_ids_depend_on_kind_and_seed() {
        assert_eq!(WorkId::derived(b"a"), WorkId::derived(b"a"));
        assert_ne!(WorkId::derived(b"a"), WorkId::derived(b"b"));
        assert_ne!(WorkId::derived(b"a").to_string()[5..], GrantId::derived(b"a").to_string()[6..]);
    }
}
