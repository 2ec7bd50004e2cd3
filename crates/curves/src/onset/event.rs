//! What is found in a curve.

use serde::{Deserialize, Serialize};

use crate::outcome::Symptom;

/// A rise of the loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The first step of it. For a rise found by definition: where the *smoothed* loss left the lower half of the way from
    /// its best to the baseline, as `Summary::onset_step` has it; else the same as `first_sign`.
    pub onset: u64,
    /// The first step whose loss was out of its band and did not return before the rise: the state before this step is
    /// the one to replay from. Never after `onset`.
    pub first_sign: u64,
    /// The step at which it was certain.
    pub risen: u64,
    /// The first step at which the loss was back.
    pub recovered: Option<u64>,
    /// What became of it.
    pub kind: EventKind,
    /// What it looked like, if the log tells.
    pub symptom: Option<Symptom>,
    /// How it was found.
    pub found: Detector,
    /// The typical loss before it; `None` if there were too few steps.
    pub before: Option<f64>,
    /// The highest finite loss in it.
    pub peak: Option<f64>,
}

/// What became of a rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventKind {
    /// It came back.
    Spike,
    /// It did not come back within 1,000 steps or two epochs, whichever is longer, and what was learnt is lost.
    Collapse,
    /// It did not come back within that time either, but stayed below where a collapse begins.
    Setback,
    /// The log ended before that time.
    Unsettled,
}

impl EventKind {
    /// Names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::Collapse => "COLLAPSE",
            Self::Setback => "lasting rise",
            Self::Unsettled => "rose, log ends",
        }
    }
}

/// Ways to find an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Detector {
    /// The definition of collapse and spike, against the baseline.
    Definition,
    /// A number that is not finite.
    NonFinite,
    /// A loss above twice the baseline until the end.
    Divergence,
    /// A loss out of its own band.
    Relative,
}
