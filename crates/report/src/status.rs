//! What became of a run, in a sentence.

use flameout_curves::Symptom;
use flameout_experiment::Summary;

use crate::figures::whole;
use crate::mark::MarkKind;
use crate::run::Run;

/// Share of the mean predictor's loss on test words at which a network has learnt something of them.
const LEARNT: f64 = 0.9;

/// What became of a run, as far as its records tell.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Status {
    /// It collapsed.
    Collapsed {
        /// The first step of the collapse.
        onset: u64,
        /// What outputs looked like afterwards, if known.
        symptom: Option<Symptom>,
    },
    /// A number was not finite before it had trained well.
    NonFinite,
    /// The loss rose and has not come back.
    Risen {
        /// The first step of it.
        onset: u64,
    },
    /// The loss rose so many times, and came back.
    Recovered {
        /// How often.
        rises: usize,
    },
    /// It trained well, and nothing happened.
    Healthy,
    /// It learnt what carries over to test words, and was ended when that no longer grew: it was not to train on.
    Learnt {
        /// The lowest loss on test words, as a share of the loss of predicting the mean.
        share: f64,
    },
    /// It never trained well.
    NeverTrained,
    /// Nothing went wrong in the part that is there.
    Quiet,
}

impl Status {
    /// Of a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let symptom = run.summary.as_ref().and_then(|summary| summary.symptom);
        let first = |kind| run.marks.iter().find(|mark| mark.kind == kind).map(|mark| mark.step);
        let rises = run.marks.iter().filter(|mark| matches!(mark.kind, MarkKind::Spike | MarkKind::Setback)).count();
        if let Some(onset) = first(MarkKind::Collapse) {
            return Self::Collapsed { onset, symptom };
        }
        if symptom == Some(Symptom::NonFinite) {
            return Self::NonFinite;
        }
        if let Some(onset) = first(MarkKind::Rise) {
            return Self::Risen { onset };
        }
        match &run.summary {
            Some(summary) if summary.trained_well_step.is_none() => {
                learnt(run, summary).map_or(Self::NeverTrained, |share| Self::Learnt { share })
            }
            _ if rises > 0 => Self::Recovered { rises },
            Some(_) => Self::Healthy,
            None => Self::Quiet,
        }
    }

    /// What to say of it; `unit` is [`Run::unit`].
    #[must_use]
    pub fn describe(self, unit: &str) -> String {
        match self {
            Self::Collapsed { onset, symptom } => {
                format!("collapsed at {unit} {}{}", whole(onset), symptom.map(appearance).unwrap_or_default())
            }
            Self::NonFinite => "a number was not finite before it had trained well".into(),
            Self::Risen { onset } => format!("the loss has risen since {unit} {}", whole(onset)),
            Self::Recovered { rises: 1 } => "the loss rose once and came back".into(),
            Self::Recovered { rises } => format!("the loss rose {rises} times and came back"),
            Self::Healthy => "trained well, and nothing happened".into(),
            Self::Learnt { share } => {
                format!("learnt: the loss on test words fell to {:.0} % of that of predicting the mean", 100.0 * share)
            }
            Self::NeverTrained => "never trained well".into(),
            Self::Quiet => "nothing has gone wrong so far".into(),
        }
    }

    /// How grave it is.
    #[must_use]
    pub fn gravity(self) -> Gravity {
        match self {
            Self::Collapsed { .. } | Self::NonFinite => Gravity::Bad,
            Self::Risen { .. } | Self::Recovered { .. } | Self::NeverTrained => Gravity::Doubtful,
            Self::Learnt { .. } | Self::Healthy | Self::Quiet => Gravity::Good,
        }
    }
}

/// The lowest test loss of a run that watches it, as a share of the mean predictor's, if that says that it has learnt.
fn learnt(run: &Run, summary: &Summary) -> Option<f64> {
    run.settings.as_ref()?.training.patience?;
    let share = summary.best_test?.loss / summary.baseline.test_loss;
    (share <= LEARNT).then_some(share)
}

/// How grave something is: chooses one of three colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gravity {
    /// All is well.
    Good,
    /// Something to look at.
    Doubtful,
    /// Something went wrong.
    Bad,
}

fn appearance(symptom: Symptom) -> String {
    let what = match symptom {
        Symptom::SameOutput => "the same output for every word",
        Symptom::RandomOutput => "outputs that have nothing to do with the words",
        Symptom::Divergence => "a loss far above the mean predictor's",
        Symptom::NonFinite => "numbers that are not finite",
        other => other.describe(),
    };
    format!(", to {what}")
}
