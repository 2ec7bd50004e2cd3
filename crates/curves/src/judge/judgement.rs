//! What a log says of a run.

use serde::{Deserialize, Serialize};

use crate::curve::Curve;
use crate::onset;

/// Rows up to which a log is too short to judge.
pub const TOO_SHORT: usize = 3;

/// What a log says of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What it comes to.
    pub verdict: Verdict,
    /// What was judged.
    pub judged: Vec<Judged>,
    /// What went wrong, in order.
    pub events: Vec<SeriesEvent>,
    /// Where the validation loss began to rise while the training loss fell.
    pub overfitting: Option<Overfitting>,
    /// What went wrong in other losses of the log, where the chosen ones are sound.
    pub parts: Vec<PartEvent>,
    /// What was seen and is no fault, a sentence each.
    pub notes: Vec<String>,
}

/// A series of numbers in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Series {
    /// Training loss.
    Loss,
    /// Loss on validation or test data.
    ValidationLoss,
    /// Training accuracy.
    Accuracy,
    /// Accuracy on validation or test data.
    ValidationAccuracy,
    /// Length of the gradient.
    GradientNorm,
}

impl Series {
    /// Takes the numbers of this series from a curve, each with its step or epoch.
    #[must_use]
    pub fn values(self, curve: &Curve) -> Vec<(u64, f64)> {
        let points = || curve.points.iter();
        let tests = || curve.epochs.iter().map(|test| (test.step.unwrap_or(test.epoch), test));
        match self {
            Self::Loss => points().map(|point| (point.step, point.loss)).collect(),
            Self::Accuracy => points().filter_map(|point| Some((point.step, point.accuracy?))).collect(),
            Self::GradientNorm => points().filter_map(|point| Some((point.step, point.gradient_norm?))).collect(),
            Self::ValidationLoss => tests().filter_map(|(step, test)| Some((step, test.test_loss?))).collect(),
            Self::ValidationAccuracy => tests().filter_map(|(step, test)| Some((step, test.test_accuracy?))).collect(),
        }
    }
}

impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Loss => "training loss",
            Self::ValidationLoss => "validation loss",
            Self::Accuracy => "accuracy",
            Self::ValidationAccuracy => "validation accuracy",
            Self::GradientNorm => "gradient norm",
        })
    }
}

/// A series that was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Which.
    pub series: Series,
    /// Its name in the log, if it has one.
    pub column: Option<String>,
    /// Numbers in it, those that are not finite included.
    pub rows: usize,
    /// The first and the last.
    pub first: f64,
    /// See [`first`](Self::first).
    pub last: f64,
}

/// An event in a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SeriesEvent {
    /// In which.
    pub series: Series,
    /// Of an accuracy, `peak` is the lowest. `onset` is `first_sign`, the number of a row of the log.
    #[serde(flatten)]
    pub event: onset::Event,
}

/// An event in a loss beside the chosen one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartEvent {
    /// Of which data.
    pub series: Series,
    /// Its name in the log.
    pub column: String,
    /// The event.
    #[serde(flatten)]
    pub event: onset::Event,
}

/// A validation loss that rises while the training loss falls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Overfitting {
    /// The step or epoch at which the validation loss was the lowest.
    pub from: u64,
    /// It, there.
    pub best: f64,
    /// It, at the end.
    pub last: f64,
}

/// What a log comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// The log has no rows.
    NoRows,
    /// Three rows or fewer.
    TooShort,
    /// The training loss is not finite to the end, or is 0.0, as where something hides what is not finite.
    NotFinite,
    /// Nothing was learnt, and the loss rose above where it began.
    Diverged,
    /// What was learnt is lost, on all data of which the log tells.
    Collapse,
    /// What was learnt is lost on training data; the validation loss is sound.
    CollapseOfTraining,
    /// What was learnt is lost on validation data; the training loss is sound.
    CollapseOfValidation,
    /// The validation loss is not finite to the end; the training loss is.
    ValidationNotFinite,
    /// Gradients are a hundred times as long as they were, or not finite; the loss is sound so far.
    GradientsExploded,
    /// The accuracy is lost, while the loss is sound.
    AccuracyLost,
    /// Another loss of the log collapsed, or is not finite to the end; the chosen ones are sound.
    PartLost,
    /// The loss rose for good, but little of what was learnt is lost.
    LastingRise,
    /// The loss rose, and the log ends before it can have come back.
    RoseAtTheEnd,
    /// The validation loss rises while the training loss falls.
    Overfitting,
    /// The loss did not fall, though it is one that must.
    NeverLearnt,
    /// The loss rose and came back.
    Spikes,
    /// Nothing went wrong.
    NothingWrong,
}

impl Verdict {
    /// Whether the chosen losses are sound in the end.
    pub(super) fn is_sound(self) -> bool {
        matches!(self, Self::Spikes | Self::NothingWrong | Self::NeverLearnt)
    }

    /// Whether something is wrong with the run.
    #[must_use]
    pub fn is_wrong(self) -> bool {
        !matches!(self, Self::NoRows | Self::TooShort | Self::Spikes | Self::NothingWrong)
    }
}
