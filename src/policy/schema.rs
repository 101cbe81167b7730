//! The TOML shapes of a bundle, exactly as people write them: closed fields, so a misspelt key is an error with a line. No meaning is
//! given here beyond types; `bundle` turns these into policies.

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::mention::Surface;
use super::terms::{Outcome, Use};

/// `bundle.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BundleToml {
    pub name: String,
    pub version: Spanned<String>,
    pub schema_version: Spanned<u32>,
    pub default_outcome: Outcome,
    pub languages: Vec<String>,
    /// One plain sentence: how a person asks for a second look.
    pub appeal: String,
}

/// A file under `traditions/`, `artists/` or `characters/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyToml {
    pub id: Spanned<String>,
    pub version: Spanned<String>,
    pub title: String,
    #[serde(default)]
    pub summary: String,
    pub authority: AuthorityToml,
    #[serde(default)]
    pub alias: Vec<Spanned<AliasToml>>,
    #[serde(default)]
    pub artist: Vec<Spanned<ArtistToml>>,
    #[serde(default)]
    pub character: Vec<Spanned<CharacterToml>>,
    /// What it looks like, for requests that avoid the names.
    #[serde(default)]
    pub describe: Vec<DescribeToml>,
    #[serde(default)]
    pub rule: Vec<Spanned<RuleToml>>,
}

/// Whose word a policy file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthorityStatus {
    /// Written by the project; no community was asked.
    #[default]
    ProjectDefault,
    /// An expert named in the file has read it.
    ReviewedByExpert,
    /// The community's own authority has adopted it.
    RatifiedByCommunity,
}

impl AuthorityStatus {
    /// The text form, such as `project-default`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProjectDefault => "project-default",
            Self::ReviewedByExpert => "reviewed-by-expert",
            Self::RatifiedByCommunity => "ratified-by-community",
        }
    }

    /// For a sentence.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::ProjectDefault => "a project default, not the word of the people concerned",
            Self::ReviewedByExpert => "reviewed by an expert",
            Self::RatifiedByCommunity => "ratified by the community",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorityToml {
    pub status: AuthorityStatus,
    pub name: String,
    pub contact_url: String,
    pub checked_on: String,
    /// Day after which name and contact should be looked at again; the linter says so.
    #[serde(default)]
    pub review_due: String,
    #[serde(default)]
    pub local_contexts_project: String,
}

/// How an alias is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AliasMatch {
    /// Whole words, in every view, also glued to other known words and slightly misspelt.
    #[default]
    Phrase,
    /// Whole words only: neither glued nor misspelt. For short names.
    Word,
    /// Like `phrase`, but only with one of its cues near by. For words that mean other things too.
    NeedsCue,
    /// Any word that begins so. For languages that inflect.
    Stem,
    /// Groups of words that describe it; see `[[describe]]`.
    #[serde(skip)]
    Described,
}

/// What kind of name an alias is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AliasKind {
    Endonym,
    #[default]
    Exonym,
    Misspelling,
    Offensive,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AliasToml {
    pub text: String,
    /// Other forms of which the same is to be said.
    #[serde(default)]
    pub also: Vec<String>,
    #[serde(default, rename = "lang")]
    pub _lang: String,
    #[serde(default, rename = "script")]
    pub _script: String,
    #[serde(default)]
    pub kind: AliasKind,
    #[serde(default, rename = "match")]
    pub mode: AliasMatch,
    /// Letters that may differ, 0 to 2; by length when absent.
    pub fuzzy: Option<u8>,
    #[serde(default)]
    pub never_show: bool,
    /// What the words name, for `when.element`.
    #[serde(default)]
    pub element: String,
    /// Cue sets that count as near by; `["style"]` when absent.
    #[serde(default)]
    pub cues: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArtistToml {
    pub name: String,
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Names that mean other things too: matched with a style cue near by only.
    #[serde(default)]
    pub needs_cue: Vec<String>,
    /// Year of death; absent means living or unknown.
    pub died: Option<i32>,
    pub source: String,
    pub checked_on: String,
    /// Words for the movement or medium, to use instead of the name.
    #[serde(default)]
    pub suggest: Vec<String>,
    pub fuzzy: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CharacterToml {
    pub name: String,
    #[serde(default)]
    pub aliases: Vec<String>,
    #[serde(default)]
    pub needs_cue: Vec<String>,
    /// Which rule's element it belongs to.
    pub element: String,
    /// For a version in the public domain: which one, and what is not part of it.
    #[serde(default)]
    pub version_note: String,
    pub source: String,
    pub checked_on: String,
    pub fuzzy: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DescribeToml {
    /// For people.
    pub text: String,
    /// What is described, for `when.element`.
    #[serde(default)]
    pub element: String,
    /// Groups of words: a request with one word of each group close together may mean this. Asks, and never decides.
    #[serde(default)]
    pub words: Vec<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleToml {
    pub id: Spanned<String>,
    #[serde(default)]
    pub when: WhenToml,
    pub outcome: Outcome,
    #[serde(default)]
    pub unless: UnlessToml,
    pub why: String,
    pub source: Vec<String>,
    pub checked_on: String,
    #[serde(default)]
    pub suggest: Vec<String>,
    /// A file under `notices/`; `{lang}` stands for the language.
    #[serde(default)]
    pub notice: String,
}

/// A use, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum UseWord {
    Any,
    Personal,
    Education,
    News,
    Commercial,
    Logo,
    Merch,
}

impl UseWord {
    pub(super) fn uses(self) -> &'static [Use] {
        match self {
            Self::Any => &Use::ALL,
            Self::Personal => &[Use::Personal],
            Self::Education => &[Use::Education],
            Self::News => &[Use::News],
            Self::Commercial => &[Use::Commercial],
            Self::Logo => &[Use::Logo],
            Self::Merch => &[Use::Merch],
        }
    }
}

/// How long ago an artist died, on the day of the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Life {
    /// Living, or no year of death on record.
    Living,
    /// Died, and 70 full calendar years have not passed since.
    #[serde(rename = "dead-70")]
    Dead70,
    /// Died more than 70 full calendar years ago.
    #[serde(rename = "dead-over-70")]
    DeadOver70,
}

/// When a rule applies; every key given must hold, an absent key always holds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhenToml {
    #[serde(default)]
    pub element: Vec<String>,
    #[serde(default, rename = "use")]
    pub uses: Vec<UseWord>,
    #[serde(default)]
    pub surface: Vec<Surface>,
    /// Cue sets of which one must be mentioned anywhere.
    #[serde(default)]
    pub with: Vec<String>,
    pub life: Option<Life>,
    /// How surely the mention must be read.
    #[serde(default, rename = "match")]
    pub matches: Vec<MatchWord>,
    /// Countries (ISO 3166-1 alpha-2) where the picture is to be used; one that is not said counts as all of them.
    #[serde(default)]
    pub region: Vec<Spanned<String>>,
    pub date: Option<Spanned<DateToml>>,
}

/// How surely a mention was read, from `exact` to `semantic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MatchWord {
    /// As written, case and marks aside.
    Exact,
    /// In other letters or signs, spaced, glued.
    Variant,
    /// A letter or two different.
    Fuzzy,
    /// Described, not named.
    Semantic,
}

/// Days on which a rule holds, both included: two days of the calendar (`2026-11-23`), or two of every year (`11-23`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DateToml {
    pub from: String,
    pub until: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnlessToml {
    /// What a consent must be, in a word or two, such as `written-custodian`.
    #[serde(default)]
    pub consent: String,
    /// Whether the rule does not bind those whom the tradition's steward knows as members.
    #[serde(default)]
    pub membership: bool,
}

/// `vocab/cues.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CuesToml {
    /// Small words that may be glued to an alias, such as `art` in `warliart`.
    pub glue: Vec<String>,
    pub sets: std::collections::BTreeMap<String, Vec<String>>,
}

/// `vocab/exceptions.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExceptionsToml {
    /// Words never taken for a misspelt alias.
    #[serde(default)]
    pub ordinary: Vec<String>,
    #[serde(default)]
    pub exception: Vec<ExceptionToml>,
}

/// `vocab/ordinary.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrdinaryToml {
    /// Words of dictionaries that lie near a name, and are never taken for it misspelt; separated by spaces.
    pub words: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExceptionToml {
    /// A phrase inside which aliases do not count.
    pub text: String,
    #[serde(rename = "why")]
    pub _why: String,
}

/// `tests/*.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CasesToml {
    #[serde(rename = "case")]
    pub cases: Vec<Spanned<CaseToml>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseToml {
    pub prompt: String,
    #[serde(default, rename = "use")]
    pub use_: Use,
    #[serde(default)]
    pub negative: String,
    pub style: Option<String>,
    /// Title of the picture.
    #[serde(default)]
    pub title: String,
    /// Name of a model or an adapter.
    #[serde(default)]
    pub model: String,
    /// Where the picture is to be used, two capital letters.
    pub region: Option<String>,
    /// Rules for which a consent is shown.
    #[serde(default)]
    pub consent: Vec<String>,
    /// Policies in which the asker is known as a member.
    #[serde(default)]
    pub member: Vec<String>,
    /// Day of the decision, `2026-11-23` when absent.
    pub today: Option<String>,
    pub expect: Outcome,
    /// Every rule that fires, in any order.
    pub rules: Vec<String>,
}
