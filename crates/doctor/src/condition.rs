//! What became of a run.

use flameout_curves::Outcome;
use serde::{Deserialize, Serialize};

/// What became of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Condition {
    /// It trained and nothing happened.
    Healthy,
    /// It never trained well.
    NeverTrained,
    /// The loss rose from this step on, for good or for a while.
    #[serde(rename = "rise")]
    Rose {
        /// The first step.
        onset: u64,
    },
    /// A number was not finite.
    NonFinite {
        /// The step.
        step: u64,
    },
}

impl Condition {
    /// What became of a run with this outcome; the first step with a number that was not finite, if there was one.
    #[must_use]
    pub fn of(outcome: &Outcome, non_finite: Option<u64>) -> Self {
        if let Some(step) = non_finite {
            return Self::NonFinite { step };
        }
        let rise = outcome.collapse_onset().or(outcome.risen_since()).or(outcome.spikes().first().copied());
        match (rise, outcome.trained_well_at()) {
            (Some(onset), _) => Self::Rose { onset },
            (None, None) => Self::NeverTrained,
            (None, Some(_)) => Self::Healthy,
        }
    }

    /// Puts what became of the run into a sentence; `number` writes a step.
    #[must_use]
    pub fn describe(self, number: impl FnOnce(u64) -> String) -> String {
        match self {
            Self::Healthy => "The run trained well, and neither collapsed nor had a spike.".into(),
            Self::NeverTrained => {
                "The run never trained well: that takes at most 75 % of the loss of predicting the mean, on training words."
                    .into()
            }
            Self::Rose { onset } => format!("The loss rose from step {} on.", number(onset)),
            Self::NonFinite { step } => format!("A number was not finite at step {}.", number(step)),
        }
    }

    /// The step at which something went wrong, if it did at one.
    #[must_use]
    pub fn step(self) -> Option<u64> {
        match self {
            Self::Rose { onset: step } | Self::NonFinite { step } => Some(step),
            Self::Healthy | Self::NeverTrained => None,
        }
    }
}
