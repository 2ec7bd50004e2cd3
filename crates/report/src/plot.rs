//! What is drawn: the same quantities on the page, on the terminal and as SVG.

use flameout_curves::{EpochPoint, Point};

use crate::mark::MarkKind;
use crate::run::Run;

/// A quantity over the steps of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Plot {
    /// Loss on training and test words.
    Loss,
    /// Accuracy on training and test words.
    Accuracy,
    /// The share of test words whose own vector is among the ten nearest.
    HitAt10,
    /// The gradient's Euclidean norm.
    GradientNorm,
    /// The Euclidean norm of the change of all weights.
    UpdateNorm,
    /// How much outputs differ between words.
    Spread,
    /// The share of words with the most common output.
    Identical,
}

/// How values become heights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scale {
    /// In proportion.
    Linear,
    /// By orders of magnitude; what is not positive is not drawn.
    Logarithmic,
}

/// The words that something is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    /// A batch at each step.
    Training,
    /// All test words after each epoch.
    Test,
}

impl Words {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Training => "training words",
            Self::Test => "test words",
        }
    }
}

/// Values of a run.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) words: Words,
    /// Each with its step, in order; at least one.
    pub(crate) values: Vec<(u64, f64)>,
}

/// A value to compare with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Level {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
}

impl Plot {
    /// All, in the order of a page.
    pub const ALL: [Self; 7] = [
        Self::Loss,
        Self::Accuracy,
        Self::HitAt10,
        Self::GradientNorm,
        Self::UpdateNorm,
        Self::Spread,
        Self::Identical,
    ];

    /// For file names and addresses on a page.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Accuracy => "accuracy",
            Self::HitAt10 => "hit-at-10",
            Self::GradientNorm => "gradient-norm",
            Self::UpdateNorm => "update-norm",
            Self::Spread => "spread",
            Self::Identical => "identical",
        }
    }

    /// A heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Loss => "Loss",
            Self::Accuracy => "Accuracy",
            Self::HitAt10 => "Hit@10",
            Self::GradientNorm => "Gradient norm",
            Self::UpdateNorm => "Update norm",
            Self::Spread => "Spread of outputs",
            Self::Identical => "Identical outputs",
        }
    }

    /// What its values are, in a sentence.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Loss => "What training minimises.",
            Self::Accuracy => "Share of words whose largest output is the right one (Keras' accuracy).",
            Self::HitAt10 => "Share of words whose own vector is among the ten nearest of all words' to the output.",
            Self::GradientNorm => "Length of the gradient of all weights, before clipping.",
            Self::UpdateNorm => "How far a step moved the weights.",
            Self::Spread => "How much outputs differ between test words; near 0, all are the same.",
            Self::Identical => "Share of test words that get the most common output.",
        }
    }

    /// How its values are drawn.
    #[must_use]
    pub fn scale(self) -> Scale {
        match self {
            Self::Loss | Self::GradientNorm | Self::UpdateNorm => Scale::Logarithmic,
            Self::Accuracy | Self::HitAt10 | Self::Spread | Self::Identical => Scale::Linear,
        }
    }

    /// What a run knows of it; series without a value are left out.
    pub(crate) fn series(self, run: &Run) -> Vec<Series> {
        let all = match self {
            Self::Loss => vec![trained(run, |point| Some(point.loss)), tested(run, |epoch| epoch.test_loss)],
            Self::Accuracy => vec![trained(run, |point| point.accuracy), tested(run, |epoch| epoch.test_accuracy)],
            Self::HitAt10 => vec![tested(run, |epoch| epoch.test_hit_at_10)],
            Self::GradientNorm => vec![trained(run, |point| point.gradient_norm)],
            Self::UpdateNorm => vec![trained(run, |point| point.update_norm)],
            Self::Spread => vec![tested(run, |epoch| epoch.spread)],
            Self::Identical => vec![tested(run, |epoch| epoch.identical)],
        };
        all.into_iter().filter(|series| !series.values.is_empty()).collect()
    }

    /// What to compare its values with.
    pub(crate) fn level(self, run: &Run) -> Option<Level> {
        let summary = run.summary.as_ref()?;
        let baseline = summary.baseline;
        match self {
            Self::Loss => Some(Level { name: "predicting the mean", value: baseline.train_loss }),
            Self::Accuracy => Some(Level { name: "predicting the mean", value: baseline.accuracy }),
            Self::HitAt10 => Some(Level { name: "guessing", value: summary.guessed_hit_at_10() }),
            Self::Spread => Some(Level { name: "targets of the training words", value: baseline.spread }),
            Self::GradientNorm | Self::UpdateNorm | Self::Identical => None,
        }
    }
}

/// The steps around the collapse or rise, `width` of them: worth seeing one by one.
pub(crate) fn detail(run: &Run, width: u64) -> std::ops::Range<u64> {
    let onset = run.marks.iter().find(|mark| matches!(mark.kind, MarkKind::Collapse | MarkKind::Rise));
    onset.map_or(0..0, |mark| mark.step.saturating_sub(width / 2)..mark.step.saturating_add(width.div_ceil(2)))
}

fn trained(run: &Run, value: fn(&Point) -> Option<f64>) -> Series {
    let values = run.curve.points.iter().filter_map(|point| Some((point.step, value(point)?)));
    Series { words: Words::Training, values: values.collect() }
}

fn tested(run: &Run, value: fn(&EpochPoint) -> Option<f64>) -> Series {
    let values = run.curve.epochs.iter().filter_map(|epoch| Some((epoch.step?, value(epoch)?)));
    Series { words: Words::Test, values: values.collect() }
}
