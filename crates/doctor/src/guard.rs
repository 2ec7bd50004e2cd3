//! What keeps a run from collapsing while it goes on.
//!
//! A [`Guard`] is an [`Intervention`]: nothing happens unless a run is made with one, and a run made with one is as
//! reproducible as any other, since what it does is a function of the steps so far.
//!
//! ```
//! use flameout_doctor::Guard;
//! use flameout_experiment::{Case, Dataset, Settings, Trainer};
//! # use flameout_word2vec::WordVectors;
//! # use ndarray::Array2;
//! # let words: Vec<String> = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay"].map(String::from).to_vec();
//! # let vectors = WordVectors::new(words, Array2::from_shape_fn((10, 4), |(i, j)| ((i * 7 + j * 5) % 11) as f32))?;
//! # let mut settings = Settings::for_case(Case::GruSingle);
//! # settings.set("model.units", "8")?;
//! # let dataset = Dataset::new(&settings, vectors)?;
//!
//! let mut guard = Guard::clip(2.0);
//! let mut trainer = Trainer::new(&settings, &dataset)?;
//! for _ in 0..10 {
//!     trainer.step_with(&dataset, &mut guard)?;
//! }
//! assert!(guard.acted().is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use flameout_cells::Tensor;
use flameout_curves::warning::{RunningMedian, WINDOW, Warning};
use flameout_experiment::Intervention;
use flameout_kernels::Real;
use flameout_optim::{Clipping, clip, l2_norm};

/// Steps for which weights rest after they have been taken back: Adam's first moment forgets 0.9^20 = 88 % of the gradients
/// that led away.
const REST: u64 = 20;

/// Steps between the states to go back to: the one taken is between one and two times as old.
const BACK: u64 = 100;

/// Watches a run's gradients or updates, and acts on what is unusual.
#[derive(Debug, Clone)]
pub struct Guard<T> {
    action: Action<T>,
    acted: Vec<u64>,
}

#[derive(Debug, Clone)]
enum Action<T> {
    Clip { factor: f64, usual: RunningMedian },
    RollBack(RollBack<T>),
}

impl<T: Real> Guard<T> {
    /// Scales every gradient that is longer than `factor` times the median length of the 200 before it down to that length.
    /// The lengths are those before clipping. Until there have been 200, nothing is done.
    #[must_use]
    pub fn clip(factor: f64) -> Self {
        Self { action: Action::Clip { factor, usual: RunningMedian::new(WINDOW) }, acted: Vec::new() }
    }

    /// When `warning` is given for the update, which must be the signal that it looks at: takes all weights back to those of
    /// 100 to 200 steps before, lets them rest for 20 steps while the optimiser forgets the gradients that led away, and goes
    /// on with every update `factor` times as long as the optimiser makes it, which is as with a learning rate `factor`
    /// times as high; after the next warning `factor²` times, and so on.
    ///
    /// It holds three copies of the weights.
    #[must_use]
    pub fn roll_back(warning: Warning, factor: f64) -> Self {
        Self { action: Action::RollBack(RollBack::new(warning, factor)), acted: Vec::new() }
    }

    /// The steps at which it did something.
    #[must_use]
    pub fn acted(&self) -> &[u64] {
        &self.acted
    }
}

impl<T: Real> Intervention<T> for Guard<T> {
    fn gradients(&mut self, step: u64, _: &[Tensor], gradients: &mut [T]) {
        let Action::Clip { factor, usual } = &mut self.action else { return };
        let limit = *factor * usual.median();
        let clipping = if usual.full() && limit > 0.0 { Clipping::GlobalNorm { limit } } else { Clipping::None };
        let norm = clip(gradients, &clipping);
        if usual.full() && norm > limit {
            self.acted.push(step);
        }
        if norm.is_finite() {
            usual.push(norm);
        }
    }

    fn parameters(&mut self, step: u64, _: &[Tensor], parameters: &mut [T]) {
        let Action::RollBack(roll_back) = &mut self.action else { return };
        if roll_back.after_update(step, parameters) {
            self.acted.push(step);
        }
    }
}

#[derive(Debug, Clone)]
struct RollBack<T> {
    warning: Warning,
    factor: f64,
    /// What updates are multiplied with.
    scale: f64,
    /// The weights rest until this step.
    rest_until: u64,
    /// The weights after the last step; empty before the first.
    last: Vec<T>,
    /// The weights of the two latest multiples of [`BACK`] steps.
    newer: Vec<T>,
    older: Vec<T>,
    update: Vec<T>,
}

impl<T: Real> RollBack<T> {
    fn new(warning: Warning, factor: f64) -> Self {
        let none = Vec::new;
        let (last, newer, older, update) = (none(), none(), none(), none());
        Self { warning, factor, scale: 1.0, rest_until: 0, last, newer, older, update }
    }

    /// Whether the weights were taken back.
    fn after_update(&mut self, step: u64, parameters: &mut [T]) -> bool {
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
            self.scale *= self.factor;
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
    use flameout_curves::warning::Signal;

    #[test]
    fn long_gradients_are_brought_to_the_usual_length() {
        let mut guard = Guard::<f64>::clip(2.0);
        for step in 1..=300 {
            let mut gradient = vec![3.0, 4.0];
            guard.gradients(step, &[], &mut gradient);
            assert_eq!(gradient, [3.0, 4.0]);
        }
        let mut gradient = vec![300.0, -400.0];
        guard.gradients(301, &[], &mut gradient);
        approx::assert_relative_eq!(gradient[..], [6.0, -8.0], max_relative = 1e-14);
        assert_eq!(guard.acted(), [301]);
    }

    #[test]
    fn weights_go_back_rest_and_move_more_slowly() {
        let mut guard = Guard::<f64>::roll_back(Warning::new(Signal::UpdateNorm, 4.0), 0.5);
        let mut weights = vec![0.0];
        let mut step_of = |step: u64, update: f64, weights: &mut Vec<f64>| {
            weights[0] += update;
            guard.parameters(step, &[], weights);
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
