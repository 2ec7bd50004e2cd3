//! What an adaptive optimiser divides the gradient by, and how much curvature its steps bear.

use flameout_kernels::Real;

use crate::{AdamForm, AnyOptimizer};

/// The diagonal matrix P by which an optimiser's step divides the (averaged) gradient, and the stability threshold that
/// belongs to it.
///
/// | optimiser | P | threshold × learning rate | source |
/// | --- | --- | --- | --- |
/// | Adam | (1 − β1^t)·(√v̂ + ε) | (2 + 2β1)/(1 − β1), 38 for β1 = 0.9 | Cohen et al. 2022, *Adaptive Gradient Methods at the Edge of Stability*, section 3 |
/// | RMSProp | √a + ε | 2 | the same, with β1 = 0 |
/// | SGD | 1 | 2; with momentum μ 2 + 2μ, Nesterov's (2 + 2μ)/(1 + 2μ) | Cohen et al. 2021, *Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability*, equation 1 |
///
/// On a quadratic, steps diverge along the eigenvectors of P^(−1/2)·H·P^(−1/2) whose eigenvalue exceeds the threshold. Where
/// Bai et al. 2025 (arXiv 2506.04805) write 2/lr for Adam with momentum, they have taken (1 − β1)/(1 + β1) into the matrix: the
/// same bound. Before its first step every optimiser has P = 1.
#[derive(Debug, Clone)]
pub struct Preconditioner<T> {
    /// The diagonal; None is all ones.
    diagonal: Option<Vec<T>>,
    threshold_times_rate: f64,
}

impl<T: Real> Preconditioner<T> {
    /// That of the optimiser's last step.
    #[must_use]
    pub fn of(optimizer: &AnyOptimizer<T>) -> Self {
        Self { diagonal: diagonal(optimizer), threshold_times_rate: threshold_times_rate(optimizer) }
    }

    /// The diagonal of P, one a parameter; None where P = 1.
    #[must_use]
    pub fn diagonal(&self) -> Option<&[T]> {
        self.diagonal.as_deref()
    }

    /// The eigenvalue of P^(−1/2)·H·P^(−1/2) beyond which steps at this learning rate diverge on a quadratic.
    #[must_use]
    pub fn threshold(&self, learning_rate: f64) -> f64 {
        self.threshold_times_rate / learning_rate
    }
}

/// P as `factor·(√v + offset)`, with the v that the last step divided by. None if it divided by nothing, or there was none.
fn diagonal<T: Real>(optimizer: &AnyOptimizer<T>) -> Option<Vec<T>> {
    let (second_moment, factor, offset) = match optimizer {
        _ if optimizer.steps() == 0 => return None,
        AnyOptimizer::Adam(adam) => {
            let (first_correction, second_correction) = adam.bias_corrections();
            let (epsilon, root_correction) = (adam.settings().epsilon, second_correction.sqrt());
            let offset = match adam.settings().form {
                AdamForm::Keras => epsilon,
                AdamForm::PyTorch => epsilon * root_correction,
            };
            let second_moment = adam.max_second_moment().unwrap_or(adam.second_moment());
            (second_moment, first_correction / root_correction, offset)
        }
        AnyOptimizer::RmsProp(rmsprop) => (rmsprop.second_moment(), 1.0, rmsprop.settings().epsilon),
        AnyOptimizer::Sgd(_) => return None,
    };
    let (factor, offset) = (T::from_f64(factor), T::from_f64(offset));
    Some(second_moment.iter().map(|v| factor * (v.sqrt() + offset)).collect())
}

fn threshold_times_rate<T: Real>(optimizer: &AnyOptimizer<T>) -> f64 {
    match optimizer {
        AnyOptimizer::Adam(adam) => {
            let beta1 = adam.settings().beta1;
            (2.0 + 2.0 * beta1) / (1.0 - beta1)
        }
        AnyOptimizer::RmsProp(_) => 2.0,
        AnyOptimizer::Sgd(sgd) => {
            let momentum = sgd.settings().momentum;
            let nesterov = if sgd.settings().nesterov { 1.0 + 2.0 * momentum } else { 1.0 };
            (2.0 + 2.0 * momentum) / nesterov
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AdamSettings, Optimizer, OptimizerSettings, RmsPropSettings, SgdSettings};

    /// |θ| from 1 on over many steps on the quadratic ½·curvature·θ², with the optimiser's own step: the largest and the last.
    fn descend(settings: OptimizerSettings, curvature: f64, learning_rate: f64) -> (f64, f64) {
        let mut optimizer = AnyOptimizer::<f64>::new(settings, 1).unwrap();
        let mut theta = [1.0_f64];
        let mut largest: f64 = 1.0;
        for _ in 0..2000 {
            let gradient = [curvature * theta[0]];
            optimizer.update(&mut theta, &gradient, learning_rate).unwrap();
            largest = largest.max(theta[0].abs());
        }
        (largest, theta[0].abs())
    }

    /// An ε so large that v does not matter makes Adam and RMSProp plain descent with a known P = ε.
    #[test]
    fn just_below_the_threshold_a_quadratic_converges_and_just_above_it_does_not() {
        let epsilon = 1e12;
        let adam = AdamSettings { epsilon, form: AdamForm::PyTorch, ..AdamSettings::default() };
        for (settings, scale) in [
            (OptimizerSettings::Adam(adam), epsilon),
            (OptimizerSettings::Adam(AdamSettings { beta1: 0.5, ..adam }), epsilon),
            (OptimizerSettings::RmsProp(RmsPropSettings { epsilon, ..RmsPropSettings::default() }), epsilon),
            (OptimizerSettings::Sgd(SgdSettings::default()), 1.0),
            (OptimizerSettings::Sgd(SgdSettings { momentum: 0.9, nesterov: false }), 1.0),
            (OptimizerSettings::Sgd(SgdSettings { momentum: 0.9, nesterov: true }), 1.0),
        ] {
            // So large that gradients near the threshold are far below ε.
            let learning_rate = 1e6;
            let fresh = AnyOptimizer::<f64>::new(settings, 1).unwrap();
            let threshold = Preconditioner::of(&fresh).threshold(learning_rate) * scale;
            let (_, last) = descend(settings, 0.98 * threshold, learning_rate);
            assert!(last < 0.1, "{settings:?}");
            // (In the end an adaptive optimiser comes back: its v has grown by then.)
            let (largest, _) = descend(settings, 1.02 * threshold, learning_rate);
            assert!(largest > 100.0, "{settings:?}");
        }
        let keras = AnyOptimizer::<f64>::new(OptimizerSettings::default(), 1).unwrap();
        approx::assert_relative_eq!(Preconditioner::of(&keras).threshold(0.001), 38_000.0, max_relative = 1e-12);
    }

    /// By hand: g = 2 gives v̂ = 4 in both forms after the first step; Keras' ε counts 1/√(1−β2) times.
    #[test]
    fn the_diagonal_by_hand() {
        for (form, epsilon_counts) in [(AdamForm::Keras, 1.0 / 0.001_f64.sqrt()), (AdamForm::PyTorch, 1.0)] {
            let settings = AdamSettings { epsilon: 0.5, form, ..AdamSettings::default() };
            let mut optimizer = AnyOptimizer::<f64>::new(OptimizerSettings::Adam(settings), 1).unwrap();
            assert!(Preconditioner::of(&optimizer).diagonal().is_none());
            optimizer.update(&mut [0.0], &[2.0], 0.1).unwrap();
            let found = Preconditioner::of(&optimizer).diagonal().unwrap()[0];
            approx::assert_relative_eq!(found, 0.1 * (2.0 + 0.5 * epsilon_counts), max_relative = 1e-12);
        }
    }
}
