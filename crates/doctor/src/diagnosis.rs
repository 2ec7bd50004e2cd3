//! What the doctor says.

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::change::Change;
use crate::check::{Check, Grade};
use crate::condition::Condition;
use crate::replay::Trials;

/// A possible cause: what speaks for it, what would remedy it, and what became of the replay with the remedy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The cause.
    pub cause: Cause,
    /// The measurement that speaks for it.
    pub evidence: String,
    /// What to change. None where only the user can: another file of data, a correction in the program.
    pub remedy: Option<Change>,
    /// Replays with the remedy.
    pub replay: Option<Trials>,
    /// Whether the replays bear it out: with the remedy alone, the run does not go wrong.
    pub confirmed: bool,
}

impl Finding {
    /// A cause that its measurement proves: nothing needs to be replayed.
    #[must_use]
    pub fn direct(cause: Cause, evidence: String, remedy: Option<Change>) -> Self {
        Self { cause, evidence, remedy, replay: None, confirmed: true }
    }

    /// A cause that a replay must bear out.
    #[must_use]
    pub fn suspected(cause: Cause, evidence: String, remedy: Option<Change>) -> Self {
        Self { cause, evidence, remedy, replay: None, confirmed: false }
    }
}

/// The diagnosis of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What became of it.
    #[serde(rename = "event")]
    pub condition: Condition,
    /// The seven checks, and the comment's.
    pub checks: Vec<Check>,
    /// Whether the control went wrong again at the same step, with the same numbers. None if nothing was replayed.
    pub control_is_exact: Option<bool>,
    /// Replays of the control, in the run's own order of words and in others.
    pub control: Option<Trials>,
    /// Possible causes, the likeliest first. Empty: nothing is wrong, or nobody knows what (see [`verdict`](Self::verdict)).
    pub findings: Vec<Finding>,
    /// Steps of the run itself; if a number that is not finite ended it, those that it was to make.
    pub run_steps: u64,
    /// Steps of training that the replays took.
    pub cost: u64,
}

/// What the diagnosis comes to: nothing is wrong, or something is, with a known cause or without.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict<'a> {
    /// Nothing is wrong.
    Healthy,
    /// This is the cause, or the likeliest of several.
    Cause(&'a Finding),
    /// Something is wrong, and none of the known causes explains it.
    Unknown,
}

impl Diagnosis {
    /// What it comes to. A cause that can be replayed is named only if the replay bears it out.
    #[must_use]
    pub fn verdict(&self) -> Verdict<'_> {
        let named = self.findings.iter().find(|finding| finding.confirmed);
        match named {
            Some(finding) => Verdict::Cause(finding),
            None if self.condition == Condition::Healthy => Verdict::Healthy,
            None => Verdict::Unknown,
        }
    }

    /// What to say where the verdict is [`Verdict::Healthy`]: a curve that dips and comes back is no smooth one.
    #[must_use]
    pub fn all_clear(&self) -> &'static str {
        match self.checks.iter().any(|check| check.grade == Grade::Suspect) {
            true => "nothing went wrong for good; see the checks that are suspect",
            false => "nothing is wrong",
        }
    }

    /// What to say where the verdict is [`Verdict::Unknown`]: a network that learns slowly is not one that broke.
    #[must_use]
    pub fn unexplained(&self) -> &'static str {
        match self.condition {
            Condition::NeverTrained => {
                "nothing broke, and none of the causes that were tried keeps it from learning. Check 1 says how far it came; \
                 a longer run or a larger network may get further"
            }
            _ => "something is wrong, and none of the causes that were tried explains it",
        }
    }
}
