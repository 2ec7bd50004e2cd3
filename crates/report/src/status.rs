//! What became of a run, in a sentence.

use flameout_experiment::Symptom;

use crate::figures::whole;
use crate::mark::MarkKind;
use crate::run::Run;

/// What became of a run, as far as its records tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
            Some(summary) if summary.trained_well_step.is_none() => Self::NeverTrained,
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
            Self::Healthy | Self::Quiet => Gravity::Good,
        }
    }
}

/// How grave something is: chooses a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gravity {
    /// All is well.
    Good,
    /// Something to look at.
    Doubtful,
    /// Something went wrong.
    Bad,
}

fn appearance(symptom: Symptom) -> &'static str {
    match symptom {
        Symptom::SameOutput => ", to the same output for every word",
        Symptom::RandomOutput => ", to outputs that have nothing to do with the words",
        Symptom::NonFinite => ", to numbers that are not finite",
    }
}
