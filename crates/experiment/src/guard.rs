//! What keeps a run from collapsing while it goes on.
//!
//! A guard is a setting, as clipping is: it decides the run's numbers, so the run's hash names it, a replay has it, and a
//! resumed run ends with the same bits, because a checkpoint holds what the guard remembers.

use flameout_curves::warning::{RunningMedian, Signal, WINDOW, Warning};
use flameout_kernels::Real;
use flameout_optim::{Clipping, clip, l2_norm};
use serde::{Deserialize, Serialize};

/// Steps for which weights rest after they have been taken back: Adam's first moment forgets 0.9^20 = 88 % of the gradients
/// that led away.
const REST: u64 = 20;

/// Steps between the states to go back to: the one taken is between one and two times as old.
const BACK: u64 = 100;

/// Which guard. In a file: `kind = "clip"` or `kind = "roll-back"`, and beside it what differs from the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum GuardSettings {
    /// Scales every gradient that is longer than `factor` times the median length of the 200 before it down to that length.
    /// The lengths are those before clipping. Until there have been 200, nothing is done.
    Clip {
        /// How many times as long a gradient may be, above 0.
        #[serde(default = "twice")]
        factor: f64,
    },
    /// When an update is `threshold` times as long as the median of the 200 before it: takes all weights back to those of 100 to
    /// 200 steps before, lets them rest for 20 steps while the optimiser forgets the gradients that led away, and goes on with
    /// every update `factor` times as long as the optimiser makes it, which is as with a learning rate `factor` times as
    /// high; the next time `factor²` times, and so on.
    RollBack {
        /// How many times as long as usual an update must be, above 0.
        #[serde(default = "four_times")]
        threshold: f64,
        /// What the length of later updates is multiplied by, above 0 and at most 1.
        #[serde(default = "half")]
        factor: f64,
    },
}

fn twice() -> f64 {
    2.0
}

fn four_times() -> f64 {
    4.0
}

fn half() -> f64 {
    0.5
}

impl GuardSettings {
    /// The first value out of its range: its name, what it is, and what it must be.
    pub(crate) fn out_of_range(&self) -> Option<(&'static str, f64, &'static str)> {
        let positive =
            |name, value: f64| (!(value > 0.0 && value.is_finite())).then_some((name, value, "above 0 and finite"));
        match *self {
            Self::Clip { factor } => positive("guard.factor", factor),
            Self::RollBack { factor, .. } if !(factor > 0.0 && factor <= 1.0) => {
                Some(("guard.factor", factor, "above 0 and at most 1"))
            }
            Self::RollBack { threshold, .. } => positive("guard.threshold", threshold),
        }
    }

    /// Buffers as long as the weights that it keeps.
    pub(crate) fn buffers(&self) -> u64 {
        match self {
            Self::Clip { .. } => 0,
            Self::RollBack { .. } => 4,
        }
    }
}

/// Says at which steps a guard acted.
#[must_use]
pub fn describe_guarded(acted: &[u64]) -> String {
    let times = if acted.len() == 1 { "once".into() } else { format!("{} times", acted.len()) };
    match acted {
        [] => "The guard never acted.".into(),
        [first, .., last] => format!("The guard acted {times}, at step {first} first and at step {last} last."),
        [step] => format!("The guard acted {times}, at step {step}."),
    }
}

/// A guard at work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Guard<T> {
    settings: GuardSettings,
    /// The steps at which it did something.
    acted: Vec<u64>,
    memory: Memory<T>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Memory<T> {
    Gradients(RunningMedian),
    Weights(RollBack<T>),
}

impl<T: Real> Guard<T> {
    /// A guard before the first step.
    pub(crate) fn new(settings: GuardSettings) -> Self {
        let memory = match settings {
            GuardSettings::Clip { .. } => Memory::Gradients(RunningMedian::new(WINDOW)),
            GuardSettings::RollBack { threshold, .. } => Memory::Weights(RollBack::new(threshold)),
        };
        Self { settings, acted: Vec::new(), memory }
    }

    /// Takes over what another remembers, or, if that had other settings, begins anew. False if it is of another network.
    pub(crate) fn restore(&mut self, other: Option<Self>, parameters: usize) -> bool {
        *self = match other.filter(|other| other.settings == self.settings) {
            Some(other) if !other.fits(parameters) => return false,
            Some(other) => other,
            None => Self::new(self.settings),
        };
        true
    }

    fn fits(&self, parameters: usize) -> bool {
        match (&self.memory, self.settings) {
            (Memory::Gradients(_), GuardSettings::Clip { .. }) => true,
            (Memory::Weights(weights), GuardSettings::RollBack { .. }) => {
                let lengths = [&weights.last, &weights.newer, &weights.older].map(Vec::len);
                lengths == [0; 3] || lengths == [parameters; 3]
            }
            _ => false,
        }
    }

    /// The steps at which it did something.
    pub(crate) fn acted(&self) -> &[u64] {
        &self.acted
    }

    /// How many numbers of type `T` it holds.
    pub(crate) fn len(&self) -> usize {
        match &self.memory {
            Memory::Gradients(_) => 0,
            Memory::Weights(weights) => weights.last.len() + weights.newer.len() + weights.older.len(),
        }
    }

    /// Acts on the gradient, before clipping.
    pub(crate) fn gradients(&mut self, step: u64, gradients: &mut [T]) {
        let (Memory::Gradients(usual), GuardSettings::Clip { factor }) = (&mut self.memory, self.settings) else {
            return;
        };
        let limit = factor * usual.median();
        let clipping = if usual.full() && limit > 0.0 { Clipping::GlobalNorm { limit } } else { Clipping::None };
        let norm = clip(gradients, &clipping);
        if usual.full() && norm > limit {
            self.acted.push(step);
        }
        if norm.is_finite() {
            usual.push(norm);
        }
    }

    /// Acts on the parameters, after the update.
    pub(crate) fn parameters(&mut self, step: u64, parameters: &mut [T]) {
        let (Memory::Weights(weights), GuardSettings::RollBack { factor, .. }) = (&mut self.memory, self.settings)
        else {
            return;
        };
        if weights.after_update(step, factor, parameters) {
            self.acted.push(step);
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RollBack<T> {
    warning: Warning,
    /// What updates are multiplied with.
    scale: f64,
    /// The weights rest until this step.
    rest_until: u64,
    /// The weights after the last step; empty before the first.
    last: Vec<T>,
    /// The weights of the two latest multiples of [`BACK`] steps.
    newer: Vec<T>,
    older: Vec<T>,
    #[serde(skip, default = "Vec::new")]
    update: Vec<T>,
}

impl<T: Real> RollBack<T> {
    fn new(threshold: f64) -> Self {
        let none = Vec::new;
        let (last, newer, older, update) = (none(), none(), none(), none());
        let warning = Warning::new(Signal::UpdateNorm, threshold);
        Self { warning, scale: 1.0, rest_until: 0, last, newer, older, update }
    }

    /// Whether the weights were taken back.
    fn after_update(&mut self, step: u64, factor: f64, parameters: &mut [T]) -> bool {
        if self.last.is_empty() {
            // The weights before the first update are not known here: it is left as it is.
            for copy in [&mut self.last, &mut self.newer, &mut self.older] {
                copy.extend_from_slice(parameters);
            }
            return false;
        }
        self.update.clear();
        self.update.extend(parameters.iter().zip(&self.last).map(|(&new, &old)| new - old));
        let warned = self.warning.value(step, l2_norm(&self.update)).is_some();
        if warned {
            self.last.copy_from_slice(&self.older);
            self.newer.copy_from_slice(&self.older);
            self.scale *= factor;
            self.rest_until = step + REST;
        }
        if step <= self.rest_until {
            parameters.copy_from_slice(&self.last);
            return warned;
        }
        if self.scale != 1.0 {
            let scale = T::from_f64(self.scale);
            let scaled = self.last.iter().zip(&self.update).map(|(&old, &update)| update.mul_add(scale, old));
            parameters.iter_mut().zip(scaled).for_each(|(parameter, scaled)| *parameter = scaled);
        }
        self.last.copy_from_slice(parameters);
        if step.is_multiple_of(BACK) {
            std::mem::swap(&mut self.older, &mut self.newer);
            self.newer.copy_from_slice(parameters);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_gradients_are_brought_to_the_usual_length() {
        let mut guard = Guard::<f64>::new(GuardSettings::Clip { factor: 2.0 });
        for step in 1..=300 {
            let mut gradient = vec![3.0, 4.0];
            guard.gradients(step, &mut gradient);
            assert_eq!(gradient, [3.0, 4.0]);
        }
        let mut gradient = vec![300.0, -400.0];
        guard.gradients(301, &mut gradient);
        approx::assert_relative_eq!(gradient[..], [6.0, -8.0], max_relative = 1e-14);
        assert_eq!(guard.acted(), [301]);
    }

    #[test]
    fn weights_go_back_rest_and_move_more_slowly() {
        let mut guard = Guard::<f64>::new(GuardSettings::RollBack { threshold: 4.0, factor: 0.5 });
        let mut weights = vec![0.0];
        let mut step_of = |step: u64, update: f64, weights: &mut Vec<f64>| {
            weights[0] += update;
            guard.parameters(step, weights);
        };
        for step in 1..=450 {
            step_of(step, 1.0, &mut weights);
        }
        assert_eq!(weights, [450.0]);
        // The two latest multiples of 100 are 400 and 300.
        step_of(451, 50.0, &mut weights);
        assert_eq!(weights, [300.0]);
        for step in 452..=471 {
            step_of(step, 1.0, &mut weights);
            assert_eq!(weights, [300.0]);
        }
        for step in 472..=475 {
            step_of(step, 1.0, &mut weights);
        }
        assert_eq!(weights, [302.0]);
        assert_eq!(guard.acted(), [451]);
    }
}
