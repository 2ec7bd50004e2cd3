//! How an optimiser's last step moved the parameters, told from its state afterwards, without a copy of the parameters
//! from before.

use std::ops::Range;

use flameout_kernels::{Real, reduce};
use flameout_model::Sequential;
use flameout_optim::AnyOptimizer;

use super::elementwise;
use super::preconditioner::Denominator;
use super::totals::{BLOCK, Terms, totals};

/// θ_new − θ_old of the last step, one a parameter, told from the network and the optimiser as they are after it.
///
/// Exact but for the rounding of θ itself; every setting of every optimiser is accounted for. Zero before the first step.
///
/// # Panics
/// If the optimiser is of another network.
#[must_use]
#[inline(never)] // compiled once: see `instances`
pub fn last_update<T: Real>(model: &Sequential<T>, optimizer: &AnyOptimizer<T>, learning_rate: f64) -> Vec<T> {
    let mut update = vec![T::ZERO; model.parameters().len()];
    if optimizer.steps() > 0 {
        for tensor in model.tensors() {
            let range = tensor.range();
            TensorStep::new(model, optimizer, learning_rate, range.clone()).write_update(&mut update[range]);
        }
    }
    update
}

/// What the cheap probes see of one tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TensorTotals {
    pub(crate) gradient_norm: f64,
    pub(crate) update_norm: f64,
    pub(crate) ratio: Option<Ratio>,
}

/// |g|/(√v̂ + ε) over a tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) mean: f64,
    pub(crate) root_mean_square: f64,
    pub(crate) largest: f64,
}

/// The last step on one tensor: `θ_new = (1 − decay)·θ_old − s`, with
/// `s = (direction_factor·direction + gradient_factor·g)/(√v + offset)`.
pub(crate) struct TensorStep<'a, T> {
    parameters: &'a [T],
    gradients: &'a [T],
    /// Adam's m, SGD's velocity, or the gradients themselves.
    direction: &'a [T],
    direction_factor: T,
    gradient_factor: T,
    denominator: Option<Denominator<'a, T>>,
    decay: f64,
}

impl<'a, T: Real> TensorStep<'a, T> {
    pub(crate) fn new(
        model: &'a Sequential<T>,
        optimizer: &'a AnyOptimizer<T>,
        learning_rate: f64,
        range: Range<usize>,
    ) -> Self {
        let gradients = &model.gradients()[range.clone()];
        let denominator = Denominator::of(optimizer)
            .map(|whole| Denominator { second_moment: &whole.second_moment[range.clone()], ..whole });
        let mut step = Self {
            parameters: &model.parameters()[range.clone()],
            gradients,
            direction: gradients,
            direction_factor: T::from_f64(learning_rate),
            gradient_factor: T::ZERO,
            denominator,
            decay: 0.0,
        };
        match optimizer {
            AnyOptimizer::Adam(adam) => {
                let settings = adam.settings();
                let (first_correction, second_correction) = adam.bias_corrections();
                let mut learning_rate = learning_rate;
                if settings.clip_update_rms {
                    learning_rate /= step.clipping_rms(settings.epsilon, second_correction).max(1.0);
                }
                step.direction = &adam.first_moment()[range];
                step.direction_factor = T::from_f64(learning_rate * second_correction.sqrt() / first_correction);
                step.decay = learning_rate * settings.weight_decay;
            }
            AnyOptimizer::RmsProp(_) => {}
            AnyOptimizer::Sgd(sgd) => {
                if let Some(velocity) = sgd.velocity() {
                    step.direction = &velocity[range];
                    if sgd.settings().nesterov {
                        step.direction_factor = T::from_f64(-sgd.settings().momentum);
                        step.gradient_factor = T::from_f64(learning_rate);
                    } else {
                        step.direction_factor = T::from_f64(-1.0);
                    }
                }
            }
        }
        step
    }

    /// sqrt(mean(g²/max(v̂, ε²))), by which [`clip_update_rms`](flameout_optim::AdamSettings::clip_update_rms) divides.
    fn clipping_rms(&self, epsilon: f64, second_correction: f64) -> f64 {
        let Some(Denominator { second_moment, .. }) = self.denominator else { return 0.0 };
        let floor = epsilon * epsilon * second_correction;
        let sum = reduce::sum_of_zipped(self.gradients, [second_moment], |g, [v]| {
            let (g, v) = (g.to_f64(), v.to_f64());
            g * g / if v < floor { floor } else { v }
        });
        (second_correction * sum / self.gradients.len() as f64).sqrt()
    }

    /// One pass over gradients, direction and v (and, where weights decay, the parameters).
    pub(crate) fn totals(&self) -> TensorTotals {
        match self.denominator {
            Some(denominator) => self.preconditioned_totals(denominator),
            None => self.plain_totals(),
        }
    }

    fn plain_totals(&self) -> TensorTotals {
        let found = totals(
            [self.gradients, self.direction],
            #[inline(always)]
            |[g, d], terms: &mut Terms<T, 2>| {
                for (term, g) in terms.summed[0].iter_mut().zip(g) {
                    *term = square(g.to_f64());
                }
                for i in 0..BLOCK {
                    terms.summed[1][i] = square(self.numerator(g[i], d[i]).to_f64());
                }
            },
        );
        let [gradient_norm, update_norm] = found.sums.map(f64::sqrt);
        TensorTotals { gradient_norm, update_norm, ratio: None }
    }

    fn preconditioned_totals(&self, denominator: Denominator<'_, T>) -> TensorTotals {
        let found = if self.decay == 0.0 {
            totals(
                [self.gradients, self.direction, denominator.second_moment],
                #[inline(always)]
                |[g, d, v], terms| self.terms(denominator, [g, d, v], terms, |s, _| s.to_f64()),
            )
        } else {
            totals(
                [self.gradients, self.direction, denominator.second_moment, self.parameters],
                #[inline(always)]
                |[g, d, v, theta], terms| self.terms(denominator, [g, d, v], terms, |s, i| self.moved(s, theta[i])),
            )
        };
        let [gradient, update, ratios, ratio_squares] = found.sums;
        let count = self.gradients.len() as f64;
        TensorTotals {
            gradient_norm: gradient.sqrt(),
            update_norm: update.sqrt(),
            ratio: Some(Ratio {
                mean: ratios / count,
                root_mean_square: (ratio_squares / count).sqrt(),
                largest: found.largest.to_f64(),
            }),
        }
    }

    /// Of each element g², the squared update, the ratio, its square; and the ratio again for its maximum. `moved` makes the
    /// update of s and the element's place. A loop for each, so that each becomes vector code.
    #[inline(always)]
    fn terms(
        &self,
        denominator: Denominator<'_, T>,
        [g, d, v]: [&[T; BLOCK]; 3],
        terms: &mut Terms<T, 4>,
        moved: impl Fn(T, usize) -> f64,
    ) {
        let offset = T::from_f64(denominator.offset);
        let root_correction = T::from_f64(denominator.root_correction);
        let mut inverse = [T::ZERO; BLOCK];
        for i in 0..BLOCK {
            inverse[i] = T::ONE / (v[i].sqrt() + offset);
        }
        for i in 0..BLOCK {
            terms.compared[i] = g[i].abs() * root_correction * inverse[i];
        }
        for (term, g) in terms.summed[0].iter_mut().zip(g) {
            *term = square(g.to_f64());
        }
        for i in 0..BLOCK {
            terms.summed[1][i] = square(moved(self.numerator(g[i], d[i]) * inverse[i], i));
        }
        for i in 0..BLOCK {
            terms.summed[2][i] = terms.compared[i].to_f64();
        }
        for i in 0..BLOCK {
            terms.summed[3][i] = square(terms.compared[i].to_f64());
        }
    }

    fn write_update(&self, update: &mut [T]) {
        match self.denominator {
            None => elementwise::fill(update, [self.gradients, self.direction], |[g, d]| -self.numerator(g, d)),
            Some(denominator) => {
                let offset = T::from_f64(denominator.offset);
                let inputs = [self.gradients, self.direction, denominator.second_moment, self.parameters];
                elementwise::fill(update, inputs, |[g, d, v, theta]| {
                    T::from_f64(self.moved(self.numerator(g, d) / (v.sqrt() + offset), theta))
                });
            }
        }
    }

    #[inline(always)]
    fn numerator(&self, gradient: T, direction: T) -> T {
        self.direction_factor * direction + self.gradient_factor * gradient
    }

    /// θ_new − θ_old, given s and θ_new.
    #[inline(always)]
    fn moved(&self, s: T, theta: T) -> f64 {
        let (s, theta) = (s.to_f64(), theta.to_f64());
        -(s + self.decay * (theta + s) / (1.0 - self.decay))
    }
}

#[inline(always)]
fn square(x: f64) -> f64 {
    x * x
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_model::{Architecture, Flavour, LossKind};
    use flameout_optim::{AdamForm, AdamSettings, Optimizer, OptimizerSettings, RmsPropSettings, SgdSettings, l2_norm};
    use ndarray::array;

    /// Steps a small network and compares the update told from the state with the difference of the parameters.
    fn check<T: Real>(settings: OptimizerSettings, tolerance: f64) {
        let mut model = Sequential::<T>::of(Architecture::gru_single(5, 9, 3, Flavour::Keras1));
        model.initialise(&Flavour::Keras1.initialisation(), 7);
        let ranges: Vec<_> = model.tensors().iter().map(|tensor| tensor.range()).collect();
        let mut optimizer = AnyOptimizer::for_tensors(settings, &ranges).unwrap();
        assert_eq!(l2_norm(&last_update(&model, &optimizer, 0.01)), 0.0);
        let words = array![[0_u16, 3, 1, 2], [0, 4, 4, 1]];
        let targets = array![[1.0, 0.0, -1.0], [0.0, 1.0, 0.5]].mapv(T::from_f64);
        for step in 0..4 {
            let learning_rate = 0.01 / f64::from(step + 1);
            model.forward_backward(words.view(), targets.view(), LossKind::Mse).unwrap();
            let before = model.parameters().to_vec();
            let (parameters, gradients) = model.parameters_and_gradients();
            optimizer.update(parameters, gradients, learning_rate).unwrap();

            let told = last_update(&model, &optimizer, learning_rate);
            for (range, tensor) in ranges.iter().zip(model.tensors()) {
                let moved: Vec<f64> =
                    range.clone().map(|i| model.parameters()[i].to_f64() - before[i].to_f64()).collect();
                let error: Vec<f64> = range.clone().map(|i| told[i].to_f64() - moved[i - range.start]).collect();
                assert!(l2_norm(&error) <= tolerance * l2_norm(&moved), "{settings:?}, {}, step {step}", tensor.name);
                let totals = TensorStep::new(&model, &optimizer, learning_rate, range.clone()).totals();
                assert!((totals.update_norm - l2_norm(&moved)).abs() <= tolerance * l2_norm(&moved), "{settings:?}");
                assert_eq!(totals.gradient_norm.to_bits(), l2_norm(&model.gradients()[range.clone()]).to_bits());
            }
        }
    }

    #[test]
    fn the_update_is_told_for_every_optimiser() {
        let adam = AdamSettings { beta2: 0.6, ..AdamSettings::default() };
        for settings in [
            OptimizerSettings::Adam(adam),
            OptimizerSettings::Adam(AdamSettings { form: AdamForm::PyTorch, epsilon: 1e-3, ..adam }),
            OptimizerSettings::Adam(AdamSettings { amsgrad: true, ..adam }),
            OptimizerSettings::Adam(AdamSettings { weight_decay: 3.0, ..adam }),
            OptimizerSettings::Adam(AdamSettings { clip_update_rms: true, weight_decay: 0.1, ..adam }),
            OptimizerSettings::RmsProp(RmsPropSettings::default()),
            OptimizerSettings::Sgd(SgdSettings::default()),
            OptimizerSettings::Sgd(SgdSettings { momentum: 0.9, nesterov: false }),
            OptimizerSettings::Sgd(SgdSettings { momentum: 0.9, nesterov: true }),
        ] {
            check::<f64>(settings, 1e-9);
            check::<f32>(settings, 1e-3);
        }
    }

    /// After one step of Adam v̂ = g², so that every |g|/(√v̂ + ε) is nearly 1; after a second step with ten times the
    /// gradient, 10/√((0.999·0.001 + 0.1)/(1 − 0.999²)).
    #[test]
    fn ratios_by_hand() {
        let mut model = Sequential::<f64>::of(Architecture::lstm_single(3, 2, 1, Flavour::Keras1));
        let count = model.parameters().len();
        let mut optimizer = AnyOptimizer::new(OptimizerSettings::default(), count).unwrap();
        for (scale, expected) in [(1.0, 1.0), (10.0, 10.0 / ((0.999 * 0.001 + 0.1) / (1.0 - 0.998_001_f64)).sqrt())] {
            let (parameters, gradients) = model.parameters_and_gradients();
            gradients.fill(scale);
            optimizer.update(parameters, gradients, 0.001).unwrap();
            let ratio = TensorStep::new(&model, &optimizer, 0.001, 0..count).totals().ratio.unwrap();
            for found in [ratio.mean, ratio.root_mean_square, ratio.largest] {
                approx::assert_relative_eq!(found, expected, max_relative = 1e-6);
            }
        }
    }
}
