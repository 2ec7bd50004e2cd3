//! Adam (Kingma & Ba 2015, algorithm 1), with the variants that change its stability.

use std::ops::Range;

use flameout_kernels::Real;
use serde::{Deserialize, Serialize};

use crate::elementwise::Buffers;
use crate::error::{require_decay_rate, require_not_negative, require_positive};
use crate::optimizer::{Optimizer, Tensors, check_learning_rate, check_tensors};
use crate::{Error, StepReport};

/// Where ε is added, the one difference between the two common formulas of Adam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AdamForm {
    /// Keras' form, ε added to the uncorrected √v (the "ε̂" of Kingma & Ba 2015, section 2):
    /// `α = lr·sqrt(1−β2^t)/(1−β1^t)`, `θ ← θ − α·m/(sqrt(v)+ε)`.
    #[default]
    Keras,
    /// PyTorch's form, ε added after the bias correction: `θ ← θ − (lr/(1−β1^t))·m/(sqrt(v)/sqrt(1−β2^t)+ε)`.
    #[serde(rename = "pytorch")]
    PyTorch,
}

/// Adam's settings; the defaults are those of Keras 1.0.7.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct AdamSettings {
    /// β1, the decay rate of the gradient's moving average, in [0, 1). Default 0.9.
    pub beta1: f64,
    /// β2, the decay rate of the squared gradient's moving average, in [0, 1). Default 0.999.
    pub beta2: f64,
    /// ε, which bounds the step where gradients are tiny; above 0, also once rounded to the parameters' type. Default 1e-8.
    pub epsilon: f64,
    /// Where ε is added. Default Keras' form.
    pub form: AdamForm,
    /// Divide by the largest v so far instead of v (AMSGrad, Reddi et al. 2018); as in PyTorch, the maximum is taken before
    /// the bias correction. Default off.
    pub amsgrad: bool,
    /// λ of the decoupled weight decay (AdamW, Loshchilov & Hutter 2019), as in PyTorch: θ is first multiplied by
    /// `1 − lr·λ`. Default 0.
    pub weight_decay: f64,
    /// Divide each tensor's learning rate by `max(1, RMS)`, where RMS = sqrt(mean(g²/max(v̂, ε²))) over the tensor
    /// (StableAdamW, Wortsman et al. 2023, algorithm 2). v̂ = v/(1−β2^t) is the bias-corrected v that the step divides by
    /// (with AMSGrad the largest). Default off.
    pub clip_update_rms: bool,
}

impl Default for AdamSettings {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            form: AdamForm::Keras,
            amsgrad: false,
            weight_decay: 0.0,
            clip_update_rms: false,
        }
    }
}

impl AdamSettings {
    /// Checks every setting's range.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first setting out of range.
    pub fn check(&self) -> Result<(), Error> {
        require_decay_rate("beta1", self.beta1)?;
        require_decay_rate("beta2", self.beta2)?;
        require_positive("epsilon", self.epsilon)?;
        require_not_negative("weight-decay", self.weight_decay)
    }
}

/// Adam's state over one flat buffer of parameters; see [`AdamSettings`] for the formulas.
///
/// Constants of a step (α, β1, 1−β1, …) are computed in `f64` and rounded once to `T`; the rest is plain `T` arithmetic:
/// `m ← β1·m + (1−β1)·g`, `v ← β2·v + (1−β2)·(g·g)`, no fused multiply-add.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adam<T> {
    settings: AdamSettings,
    tensors: Vec<Range<usize>>,
    steps: u64,
    /// β1^t and β2^t as running products: a power function would differ between platforms.
    beta1_power: f64,
    beta2_power: f64,
    first_moment: Vec<T>,
    second_moment: Vec<T>,
    max_second_moment: Option<Vec<T>>,
}

impl<T: Real> Adam<T> {
    /// Adam before its first step, for a network, or for tensors that lie one after the other in the parameter buffer, from 0.
    ///
    /// The tensors matter for [`AdamSettings::clip_update_rms`] alone.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of range, [`Error::Tensor`] for tensors with gaps or overlaps.
    pub fn new(settings: AdamSettings, tensors: &(impl Tensors + ?Sized)) -> Result<Self, Error> {
        settings.check()?;
        require_positive("epsilon", T::from_f64(settings.epsilon).to_f64())?;
        let tensors = tensors.ranges();
        let count = check_tensors(&tensors)?;
        Ok(Self {
            settings,
            tensors,
            steps: 0,
            beta1_power: 1.0,
            beta2_power: 1.0,
            first_moment: vec![T::ZERO; count],
            second_moment: vec![T::ZERO; count],
            max_second_moment: settings.amsgrad.then(|| vec![T::ZERO; count]),
        })
    }

    /// Goes on with other settings and the same moments. AMSGrad's largest v begins with the present one.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of range; nothing has changed then.
    pub fn change_settings(&mut self, settings: AdamSettings) -> Result<(), Error> {
        settings.check()?;
        require_positive("epsilon", T::from_f64(settings.epsilon).to_f64())?;
        self.max_second_moment = match (settings.amsgrad, self.max_second_moment.take()) {
            (true, None) => Some(self.second_moment.clone()),
            (true, largest) => largest,
            (false, _) => None,
        };
        self.settings = settings;
        Ok(())
    }

    /// The settings at work.
    #[must_use]
    pub fn settings(&self) -> &AdamSettings {
        &self.settings
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// 1 − β1^t and 1 − β2^t, by which m and v are divided to correct their bias after step t = [`steps`](Self::steps)
    /// (0 before the first).
    #[must_use]
    pub fn bias_corrections(&self) -> (f64, f64) {
        (1.0 - self.beta1_power, 1.0 - self.beta2_power)
    }

    /// m, the moving average of the gradient (not bias-corrected), one a parameter.
    #[must_use]
    pub fn first_moment(&self) -> &[T] {
        &self.first_moment
    }

    /// v, the moving average of the squared gradient (not bias-corrected), one a parameter.
    #[must_use]
    pub fn second_moment(&self) -> &[T] {
        &self.second_moment
    }

    /// v, to write.
    pub(crate) fn second_moment_mut(&mut self) -> &mut [T] {
        &mut self.second_moment
    }

    /// The largest v so far, one a parameter; with AMSGrad only.
    #[must_use]
    pub fn max_second_moment(&self) -> Option<&[T]> {
        self.max_second_moment.as_deref()
    }
}

impl<T: Real> Optimizer<T> for Adam<T> {
    /// Moves the parameters by one step; both buffers have the length Adam was built for.
    ///
    /// A NaN or infinite gradient spoils its own m, v and parameter and no other, as in Keras and PyTorch; the report's norm
    /// shows it. (An RMS that is NaN does not clip.)
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::LearningRate`]; nothing has changed then.
    fn update(&mut self, parameters: &mut [T], gradients: &[T], learning_rate: f64) -> Result<StepReport, Error> {
        check_learning_rate(learning_rate)?;
        let count = check_tensors(&self.tensors)?;
        let whole = 0..count;
        let step = Step {
            settings: &self.settings,
            tensors: if self.settings.clip_update_rms { &self.tensors } else { std::slice::from_ref(&whole) },
            learning_rate,
            beta1_power: self.beta1_power * self.settings.beta1,
            beta2_power: self.beta2_power * self.settings.beta2,
        };
        let (m, v) = (&mut self.first_moment[..], &mut self.second_moment[..]);
        let average = Averages::<T>::new(&self.settings);
        let squares = match &mut self.max_second_moment {
            None => step.run(Buffers::new(count, parameters, gradients, [m, v])?, |g, [m, v]| {
                let (m, v) = average.update(g, m, v);
                Moments { m, v, state: [m, v] }
            }),
            Some(max) => step.run(Buffers::new(count, parameters, gradients, [m, v, max])?, |g, [m, v, max]| {
                let (m, v) = average.update(g, m, v);
                let max = if max >= v { max } else { v }; // a NaN in v is kept
                Moments { m, v: max, state: [m, v, max] }
            }),
        };
        self.beta1_power = step.beta1_power;
        self.beta2_power = step.beta2_power;
        self.steps += 1;
        Ok(StepReport { update_norm: squares.sqrt() })
    }
}

/// The weights of the two moving averages, rounded to `T`.
struct Averages<T> {
    beta1: T,
    beta2: T,
    one_minus_beta1: T,
    one_minus_beta2: T,
}

impl<T: Real> Averages<T> {
    fn new(settings: &AdamSettings) -> Self {
        Self {
            beta1: T::from_f64(settings.beta1),
            beta2: T::from_f64(settings.beta2),
            one_minus_beta1: T::from_f64(1.0 - settings.beta1),
            one_minus_beta2: T::from_f64(1.0 - settings.beta2),
        }
    }

    #[inline(always)]
    fn update(&self, g: T, m: T, v: T) -> (T, T) {
        (self.beta1 * m + self.one_minus_beta1 * g, self.beta2 * v + self.one_minus_beta2 * (g * g))
    }
}

/// One parameter's moments after a gradient: `m` and `v` as the step uses them, and the new state.
struct Moments<T, const N: usize> {
    m: T,
    v: T,
    state: [T; N],
}

/// What is the same for all tensors of a step.
struct Step<'a> {
    settings: &'a AdamSettings,
    tensors: &'a [Range<usize>],
    learning_rate: f64,
    beta1_power: f64,
    beta2_power: f64,
}

impl Step<'_> {
    /// Σ (θ_new − θ_old)² over all tensors; `moments` maps a gradient and the old state to the new moments.
    fn run<T: Real, const N: usize>(
        &self,
        buffers: Buffers<'_, T, N>,
        moments: impl Fn(T, [T; N]) -> Moments<T, N> + Sync,
    ) -> f64 {
        let mut rest = buffers;
        let mut squares = 0.0;
        for range in self.tensors {
            let (tensor, tail) = rest.split_at(range.len());
            rest = tail;
            let mut learning_rate = self.learning_rate;
            if self.settings.clip_update_rms {
                learning_rate /= self.update_rms(&tensor, &moments).max(1.0);
            }
            squares += self.move_tensor(tensor, learning_rate, &moments);
        }
        squares
    }

    /// sqrt(mean(g²/max(v̂, ε²))) with the v̂ that this step's gradient makes.
    fn update_rms<T: Real, const N: usize>(
        &self,
        tensor: &Buffers<'_, T, N>,
        moments: &(impl Fn(T, [T; N]) -> Moments<T, N> + Sync),
    ) -> f64 {
        // v̂ = v/correction, with the correction taken out of the sum: one division an element.
        let correction = 1.0 - self.beta2_power;
        let floor = self.settings.epsilon * self.settings.epsilon * correction;
        let sum = tensor.sum(|g, state| {
            let (g, v) = (g.to_f64(), moments(g, state).v.to_f64());
            g * g / if v < floor { floor } else { v } // not `f64::max`, which would hide a NaN
        });
        (correction * sum / tensor.len() as f64).sqrt()
    }

    fn move_tensor<T: Real, const N: usize>(
        &self,
        tensor: Buffers<'_, T, N>,
        learning_rate: f64,
        moments: &(impl Fn(T, [T; N]) -> Moments<T, N> + Sync),
    ) -> f64 {
        let correction1 = 1.0 - self.beta1_power;
        let root_correction2 = (1.0 - self.beta2_power).sqrt();
        let epsilon = T::from_f64(self.settings.epsilon);
        let kept = T::from_f64(1.0 - learning_rate * self.settings.weight_decay);
        match self.settings.form {
            AdamForm::Keras => {
                let rate = T::from_f64(learning_rate * root_correction2 / correction1);
                tensor.apply(|theta, g, state| {
                    let new = moments(g, state);
                    (theta * kept - rate * new.m / (new.v.sqrt() + epsilon), new.state)
                })
            }
            AdamForm::PyTorch => {
                let rate = T::from_f64(learning_rate / correction1);
                let root_correction2 = T::from_f64(root_correction2);
                tensor.apply(|theta, g, state| {
                    let new = moments(g, state);
                    (theta * kept - rate * new.m / (new.v.sqrt() / root_correction2 + epsilon), new.state)
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_step(settings: AdamSettings, gradient: f64) -> f64 {
        let one_tensor = 0..1;
        let mut adam = Adam::new(settings, std::slice::from_ref(&one_tensor)).expect("valid settings");
        let mut parameter = [0.0];
        adam.update(&mut parameter, &[gradient], 0.1).expect("lengths agree");
        parameter[0]
    }

    /// By hand: m = 0.1·g, v = 0.001·g², hence with ε = 0.5 and g = 2
    /// Keras: −0.1·√0.001/0.1·0.2/(√0.004 + 0.5) and PyTorch: −(0.1/0.1)·0.2/(√0.004/√0.001 + 0.5) = −0.2/2.5.
    #[test]
    fn the_first_step_by_hand_in_both_forms() {
        let keras = AdamSettings { epsilon: 0.5, ..AdamSettings::default() };
        let pytorch = AdamSettings { form: AdamForm::PyTorch, ..keras };
        let expected = -0.001_f64.sqrt() * 0.2 / (0.004_f64.sqrt() + 0.5);
        approx::assert_relative_eq!(one_step(keras, 2.0), expected, max_relative = 1e-14);
        approx::assert_relative_eq!(one_step(pytorch, 2.0), -0.08, max_relative = 1e-14);
    }

    #[test]
    fn bias_corrections_follow_the_steps() {
        let mut adam = Adam::new(AdamSettings::default(), std::slice::from_ref(&(0..1))).expect("valid settings");
        assert_eq!(adam.bias_corrections(), (0.0, 0.0));
        for _ in 0..2 {
            adam.update(&mut [0.0_f64], &[1.0], 0.1).expect("lengths agree");
        }
        assert_eq!(adam.bias_corrections(), (1.0 - 0.9 * 0.9, 1.0 - 0.999 * 0.999));
    }

    #[test]
    fn a_gradient_of_zero_moves_nothing() {
        assert_eq!(one_step(AdamSettings::default(), 0.0), 0.0);
        assert_eq!(one_step(AdamSettings { clip_update_rms: true, ..AdamSettings::default() }, 0.0), 0.0);
    }

    /// After steps with small gradients a large one comes in one of two tensors. By hand there, with β2 = 0.75 and
    /// g = 1, 1, 8: v̂ = (0.75²·0.25 + 0.75·0.25 + 0.25·64)/(1 − 0.75³) = 28.2973, RMS = 8/√28.2973 = 1.50389.
    #[test]
    fn update_clipping_slows_the_tensor_that_jumped_and_no_other() {
        let plain = AdamSettings { beta1: 0.0, beta2: 0.75, ..AdamSettings::default() };
        let gradients = [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [8.0, 8.0, 1.0]];
        let last_moves = |settings| {
            let mut adam = Adam::new(settings, &[0..2, 2..3]).expect("valid settings");
            let mut parameters = [0.0_f64; 3];
            let mut before = parameters;
            for gradients in &gradients {
                before = parameters;
                adam.update(&mut parameters, gradients, 0.1).expect("lengths agree");
            }
            [0, 1, 2].map(|i| parameters[i] - before[i])
        };
        let free = last_moves(plain);
        let clipped = last_moves(AdamSettings { clip_update_rms: true, ..plain });
        let v_hat = (0.75 * 0.75 * 0.25 + 0.75 * 0.25 + 0.25 * 64.0) / (1.0 - 0.75_f64 * 0.75 * 0.75);
        let rms = 8.0 / f64::sqrt(v_hat);
        for i in 0..2 {
            approx::assert_relative_eq!(clipped[i], free[i] / rms, max_relative = 1e-12);
        }
        assert_eq!(clipped[2], free[2]);
    }

    #[test]
    fn a_nan_stays_in_its_own_parameter() {
        for clip_update_rms in [false, true] {
            for amsgrad in [false, true] {
                let settings = AdamSettings { clip_update_rms, amsgrad, ..AdamSettings::default() };
                let mut adam = Adam::new(settings, std::slice::from_ref(&(0..3))).expect("valid settings");
                let mut parameters = [1.0_f32; 3];
                let report = adam.update(&mut parameters, &[1.0, f32::NAN, 1.0], 0.1).expect("lengths agree");
                assert!(report.update_norm.is_nan());
                adam.update(&mut parameters, &[1.0; 3], 0.1).expect("lengths agree");
                assert!(parameters[0] < 1.0 && parameters[1].is_nan() && parameters[2] == parameters[0]);
                assert!(adam.max_second_moment().is_none_or(|max| max[1].is_nan()));
            }
        }
    }

    #[test]
    fn an_epsilon_that_vanishes_in_single_precision_is_refused() {
        let settings = AdamSettings { epsilon: 1e-50, ..AdamSettings::default() };
        assert!(Adam::<f64>::new(settings, &[]).is_ok());
        assert!(matches!(Adam::<f32>::new(settings, &[]), Err(Error::Setting { name: "epsilon", .. })));
    }
}
