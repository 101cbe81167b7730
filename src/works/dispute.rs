//! A dispute: somebody says that a work is not on record as it should be. Opened with evidence, answered by who registered the work, decided
//! by the operators, appealed once. While it is open nobody may use the work; each step has its time, and each is a statement.
//!
//! The times follow what complaint procedures for online platforms ask for: a chance to be heard before a decision, a reasoned decision
//! without undue delay, and a second look (Regulation (EU) 2022/2065, articles 16, 17 and 20; GPAI code of practice, copyright chapter,
//! measure 1.5).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::EvidenceFile;
use crate::clock::Timestamp;
use crate::id::{DisputeId, WorkId};

/// Days in which who registered the work may answer before it is decided without them.
pub const ANSWER_DAYS: i64 = 14;
/// Days in which it is decided, from the answer or from the end of the time for it.
pub const DECISION_DAYS: i64 = 30;
/// Days in which a decision may be appealed.
pub const APPEAL_DAYS: i64 = 30;
/// Characters of a claim, an answer or a decision.
pub const WORDS_LIMIT: usize = 5_000;

const DAY_MS: i64 = 86_400_000;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its one text form.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text).ok_or_else(|| format!("there is no {} `{text}`", $what))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What is said to be wrong.
    Ground, "ground of a dispute" {
        /// Who registered it had no right to.
        NotTheirs = "not-theirs",
        /// Another person made it.
        WrongAuthor = "wrong-author",
        /// It is not, or no longer, under this licence.
        WrongLicence = "wrong-licence",
        /// A person shown in it, or a people it belongs to, did not agree.
        NoConsent = "no-consent",
        /// Something else, said in words.
        Other = "other",
    }
}

impl Ground {
    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NotTheirs => "who registered it had no right to",
            Self::WrongAuthor => "another person made it",
            Self::WrongLicence => "it is not under this licence",
            Self::NoConsent => "those whom it shows or belongs to did not agree",
            Self::Other => "something else",
        }
    }
}

words! {
    /// What was done in it.
    Step, "step of a dispute" {
        /// The claim was made.
        Opened = "opened",
        /// Who registered the work answered.
        Answered = "answered",
        /// The operators decided.
        Decided = "decided",
        /// One of the two asked for a second look.
        Appealed = "appealed",
    }
}

impl Step {
    /// What follows a dispute's own address where it is taken; none opens a dispute that is open.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Opened => "",
            Self::Answered => "answer",
            Self::Decided => "decision",
            Self::Appealed => "appeal",
        }
    }

    /// The step that is taken at such an address.
    pub fn of_path(path: &str) -> Option<Self> {
        let last = path.rsplit('/').next().filter(|last| !last.is_empty())?;
        Self::ALL.iter().copied().find(|step| step.path() == last)
    }
}

words! {
    /// How it was decided.
    Ruling, "ruling" {
        /// The claim is right: every grant on the work is revoked.
        Upheld = "upheld",
        /// The claim is not right: the work is as it was; after an appeal, what was revoked may be given again.
        Rejected = "rejected",
    }
}

/// The claim. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Name in every URL, row and log entry.
    pub id: DisputeId,
    /// On which work.
    pub work: WorkId,
    /// What is said to be wrong.
    pub ground: Ground,
    /// In words; public.
    pub words: String,
    /// Evidence by its hashes; the files are for the parties and the operators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<EvidenceFile>,
    /// Public name of who opened it.
    pub opened_by: String,
    /// When.
    pub opened_at: Timestamp,
}

/// A later step. This is also what its statement in the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeStep {
    /// Of which dispute.
    pub dispute: DisputeId,
    /// On which work.
    pub work: WorkId,
    /// What was done.
    pub step: Step,
    /// In words; public.
    pub words: String,
    /// Evidence by its hashes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<EvidenceFile>,
    /// How it was decided; of a decision alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
    /// Public name of who did it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Where a dispute stands, and until when what may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The last step.
    pub step: Step,
    /// How it was decided, if it was last decided.
    pub ruling: Option<Ruling>,
    /// Whether the work is kept from use by it.
    pub open: bool,
    /// What the clock runs for: an answer, a decision, or an appeal; `None` when it has stopped.
    pub due: Option<Timestamp>,
    /// Whether a second look was asked for already.
    pub appealed: bool,
    /// Whether it was ever upheld, and so every grant revoked.
    pub upheld: bool,
}

impl Standing {
    /// After the claim and the steps that followed, in their order.
    pub fn of(opened_at: Timestamp, steps: &[DisputeStep]) -> Self {
        let mut standing = Self {
            step: Step::Opened,
            ruling: None,
            open: true,
            due: Some(opened_at.plus_millis(ANSWER_DAYS * DAY_MS)),
            appealed: false,
            upheld: false,
        };
        for step in steps {
            standing.step = step.step;
            let in_days = |days: i64| Some(step.at.plus_millis(days * DAY_MS));
            match step.step {
                Step::Opened => {}
                Step::Answered => standing.due = in_days(DECISION_DAYS),
                Step::Decided => {
                    standing.open = false;
                    standing.ruling = step.ruling;
                    standing.upheld |= step.ruling == Some(Ruling::Upheld);
                    // After an appeal a decision is the last one.
                    standing.due = if standing.appealed { None } else { in_days(APPEAL_DAYS) };
                }
                Step::Appealed => {
                    standing.open = true;
                    standing.appealed = true;
                    standing.due = in_days(DECISION_DAYS);
                }
            }
        }
        standing
    }

    /// Until when it should be decided: when nobody answers, the time for a decision runs from the end of that for an answer.
    pub fn decision_due(&self) -> Option<Timestamp> {
        match self.step {
            Step::Opened => self.due.map(|due| due.plus_millis(DECISION_DAYS * DAY_MS)),
            Step::Answered | Step::Appealed => self.due,
            Step::Decided => None,
        }
    }

    /// Whether `step` may follow at `now`; why not, and what to do.
    pub fn may(&self, step: Step, now: Timestamp) -> Result<(), String> {
        let past = self.due.is_some_and(|due| now >= due);
        match (step, self.step) {
            (Step::Answered, Step::Opened) => Ok(()),
            (Step::Answered, _) => {
                Err("it was answered or decided already: each side speaks once, and once more by an appeal".to_owned())
            }
            (Step::Decided, Step::Opened) if !past => Err(format!(
                "who registered the work may still answer, until {}: decide after that, or once they have",
                self.due.unwrap_or(now).rfc3339()
            )),
            (Step::Decided, Step::Decided) => Err("it is decided already".to_owned()),
            (Step::Decided, _) => Ok(()),
            (Step::Appealed, Step::Decided) if self.appealed => {
                Err("it was appealed before: that decision is the last".to_owned())
            }
            (Step::Appealed, Step::Decided) if past => {
                Err(format!("the time for an appeal ended on {}", self.due.unwrap_or(now).rfc3339()))
            }
            (Step::Appealed, Step::Decided) => Ok(()),
            (Step::Appealed, _) => Err("only a decision can be appealed".to_owned()),
            (Step::Opened, _) => Err("it is opened already".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: i64) -> Timestamp {
        Timestamp::from_millis(n * DAY_MS)
    }

    fn step(step: Step, ruling: Option<Ruling>, at: i64) -> DisputeStep {
        DisputeStep {
            dispute: DisputeId::derived(b"d"),
            work: WorkId::derived(b"w"),
            step,
            words: String::new(),
            files: vec![],
            ruling,
            by: "Ana".into(),
            at: day(at),
        }
    }

    #[test]
    fn its_whole_way_with_its_clock() {
        let mut steps = Vec::new();
        let standing = |steps: &[DisputeStep]| Standing::of(day(0), steps);
        let now = standing(&steps);
        assert!(now.open && now.due == Some(day(14)) && now.decision_due() == Some(day(44)));
        assert!(now.may(Step::Decided, day(13)).is_err() && now.may(Step::Appealed, day(1)).is_err());
        assert!(now.may(Step::Decided, day(14)).is_ok(), "nobody answered in time");
        assert!(now.may(Step::Answered, day(20)).is_ok(), "a late answer is heard while nothing is decided");
        steps.push(step(Step::Answered, None, 5));
        let now = standing(&steps);
        assert!(now.open && now.due == Some(day(35)) && now.decision_due() == Some(day(35)));
        assert!(now.may(Step::Answered, day(6)).is_err() && now.may(Step::Decided, day(6)).is_ok());
        steps.push(step(Step::Decided, Some(Ruling::Rejected), 10));
        let now = standing(&steps);
        assert!(!now.open && now.due == Some(day(40)) && now.ruling == Some(Ruling::Rejected) && now.decision_due().is_none());
        assert!(now.may(Step::Appealed, day(39)).is_ok() && now.may(Step::Appealed, day(40)).is_err());
        assert!(now.may(Step::Decided, day(11)).is_err());
        steps.push(step(Step::Appealed, None, 12));
        let now = standing(&steps);
        assert!(now.open && now.due == Some(day(42)) && now.may(Step::Decided, day(13)).is_ok());
        steps.push(step(Step::Decided, Some(Ruling::Upheld), 20));
        let now = standing(&steps);
        assert!(!now.open && now.due.is_none() && now.may(Step::Appealed, day(21)).is_err(), "the last word");
        assert!(now.upheld && !standing(&steps[..3]).upheld);
    }

    #[test]
    fn words_round_trip() {
        for ground in Ground::ALL {
            assert_eq!(ground.as_str().parse::<Ground>().unwrap(), *ground);
            assert_eq!(serde_json::to_value(ground).unwrap(), ground.as_str());
        }
        assert!("theirs".parse::<Ground>().is_err());
        for step in &Step::ALL[1..] {
            assert_eq!(Step::of_path(&format!("/disputes/dispute_0/{}", step.path())), Some(*step));
        }
        assert_eq!((Step::of_path("/disputes/"), Step::of_path("opened")), (None, None));
        assert_eq!(serde_json::to_value(Ruling::Upheld).unwrap(), "upheld");
    }
}
