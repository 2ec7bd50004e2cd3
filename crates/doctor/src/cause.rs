//! What can be behind a run that went wrong.

use serde::{Deserialize, Serialize};

/// A kind of cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// Targets hold numbers that are not finite.
    NonFiniteTargets,
    /// Targets are the same for every word.
    ConstantTargets,
    /// The same word occurs with different targets.
    ContradictoryTargets,
    /// Targets are much larger or smaller than what the network puts out.
    TargetScale,
    /// Targets have nothing to do with the words' spelling.
    UnlearnableTargets,
    /// Words follow each other in an order that makes batches unlike the data.
    UnbalancedBatches,
    /// Sequences are mostly padding.
    Padding,
    /// Initial weights are not finite.
    NonFiniteWeights,
    /// Initial weights are zero or all the same, so that units cannot come to differ.
    DegenerateWeights,
    /// Gates begin where their slope is zero.
    SaturatedGates,
    /// Recurrent weights begin so large that states explode or saturate.
    RecurrentGain,
    /// The gradient is not the loss' derivative.
    WrongGradient,
    /// A tensor does not move although it has a gradient.
    FrozenTensor,
    /// Updates are so small that nothing is learnt.
    UpdatesTooSmall,
    /// Updates are too large for the loss' curvature.
    LearningRate,
    /// v forgets so fast that the step's size follows single gradients.
    SecondMoment,
    /// v had forgotten how long a tensor's gradients can be, and grew too late when they were long again: dips that heal.
    Forgetting,
    /// Some batches do harm, in the state that the network has reached when they come.
    HarmfulBatch,
}

impl Cause {
    /// A sentence for a report.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::NonFiniteTargets => "targets hold numbers that are not finite",
            Self::ConstantTargets => "targets are the same for every word",
            Self::ContradictoryTargets => "the same word occurs with different targets",
            Self::TargetScale => "the targets' scale does not fit the network's",
            Self::UnlearnableTargets => "targets have nothing to do with the words",
            Self::UnbalancedBatches => "batches are unlike the data as a whole",
            Self::Padding => "sequences are mostly padding",
            Self::NonFiniteWeights => "initial weights are not finite",
            Self::DegenerateWeights => "initial weights are zero or all the same",
            Self::SaturatedGates => "gates begin saturated",
            Self::RecurrentGain => "recurrent weights begin too large",
            Self::WrongGradient => "the gradient is not the loss' derivative",
            Self::FrozenTensor => "a tensor does not move",
            Self::UpdatesTooSmall => "updates are too small",
            Self::LearningRate => "updates are too large: the learning rate is too high",
            Self::SecondMoment => "Adam's second moment forgets too fast",
            Self::Forgetting => "Adam had forgotten how long gradients can be, and answered too late",
            Self::HarmfulBatch => "a batch does harm in the state that the network is in",
        }
    }
}
