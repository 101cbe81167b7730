//! People who answer for a tradition: its stewards, and the rulings given on requests that a person looks at. Words and their order only;
//! who may do what is the business of actions.

use serde::{Deserialize, Serialize};

use super::terms::{Outcome, TermError};
use super::terms::{find, shown};
use crate::clock::Timestamp;
use crate::id::ReviewId;

/// Days in which a request that a rule sends to a person is answered; after them it counts as refused.
pub const REVIEW_DAYS: i64 = 7;
/// Days in which an appeal is answered; after them the answer stands.
pub const APPEAL_DAYS: i64 = 14;
/// Characters of what is said with a request or a ruling.
pub const REVIEW_WORDS: usize = 2_000;

/// Who answers for a tradition. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steward {
    /// The policy spoken for.
    pub tradition: String,
    /// Public name of the account.
    pub name: String,
    /// Who named them: a steward, or for the first one an operator.
    pub appointed_by: String,
    /// What the appointment rests on, such as a letter of the authority; public.
    pub evidence: String,
    /// Since when.
    pub since: Timestamp,
}

/// Why a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewKind {
    /// A rule says that a person looks first.
    Review,
    /// The answer was no, and whoever asked wants a person to look again.
    Appeal,
}

impl ReviewKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Review, Self::Appeal];

    /// The one text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Appeal => "appeal",
        }
    }

    /// Which of the two follows a decision; `None` when nothing stands in the way.
    pub fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Allow | Outcome::AllowWithNotice => None,
            Outcome::HumanReview => Some(Self::Review),
            Outcome::RequireConsent | Outcome::Deny => Some(Self::Appeal),
        }
    }

    /// Days in which it is answered.
    pub const fn days(self) -> i64 {
        match self {
            Self::Review => REVIEW_DAYS,
            Self::Appeal => APPEAL_DAYS,
        }
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, TermError> {
        find(&Self::ALL, Self::as_str, text, "a kind of review")
    }
}

/// What a person says to one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// This one picture may be made.
    Granted,
    /// The words mean something else: the rule was not met.
    Mistaken,
    /// The rule stands.
    Refused,
}

impl Ruling {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Granted, Self::Mistaken, Self::Refused];

    /// The one text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Mistaken => "mistaken",
            Self::Refused => "refused",
        }
    }

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Granted => "this one picture may be made",
            Self::Mistaken => "the words mean something else",
            Self::Refused => "the rule stands",
        }
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, TermError> {
        find(&Self::ALL, Self::as_str, text, "a ruling")
    }
}

/// A ruling on one rule of one request. This is also what its statement in the log says; it names nothing that was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruled {
    /// Which request.
    pub review: ReviewId,
    /// Whether it was a review or an appeal.
    pub kind: ReviewKind,
    /// `policy/rule`.
    pub rule: String,
    /// What was said.
    pub ruling: Ruling,
    /// Why; public.
    pub reason: String,
    /// Public name of who ruled.
    pub by: String,
    /// As what: `steward` or `operator`.
    pub as_role: String,
    /// When.
    pub at: Timestamp,
}

shown!(ReviewKind, Ruling);

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewState {
    /// Waiting for a person.
    Open,
    /// Every rule in its way was lifted: the picture is being made, or was.
    Granted,
    /// A rule stands.
    Refused,
    /// Nobody answered in time, which counts as a no.
    Expired,
    /// Called off by whoever asked.
    Withdrawn,
}

impl ReviewState {
    /// The one text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// All of them.
    pub const ALL: [Self; 5] = [Self::Open, Self::Granted, Self::Refused, Self::Expired, Self::Withdrawn];

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, TermError> {
        find(&Self::ALL, Self::as_str, text, "a state of a review")
    }
}

shown!(ReviewState);
