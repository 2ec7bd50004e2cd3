//! RMSProp (Tieleman & Hinton 2012) in Keras' form.

use flameout_kernels::Real;
use serde::{Deserialize, Serialize};

use crate::elementwise::Buffers;
use crate::error::{require_decay_rate, require_positive};
use crate::optimizer::{Optimizer, Tensors, check_learning_rate, check_tensors};
use crate::{Error, StepReport};

/// RMSProp's settings; the defaults are those of Keras 1.0.7.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RmsPropSettings {
    /// ρ, the decay rate of the squared gradient's moving average, in [0, 1). Default 0.9.
    pub rho: f64,
    /// ε, which bounds the step where gradients are tiny; above 0, also once rounded to the parameters' type. Default 1e-8.
    pub epsilon: f64,
}

impl Default for RmsPropSettings {
    fn default() -> Self {
        Self { rho: 0.9, epsilon: 1e-8 }
    }
}

impl RmsPropSettings {
    /// Checks every setting's range.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first setting out of range.
    pub fn check(&self) -> Result<(), Error> {
        require_decay_rate("rho", self.rho)?;
        require_positive("epsilon", self.epsilon)
    }
}

/// RMSProp's state over one flat buffer of parameters.
///
/// `a ← ρ·a + (1−ρ)·(g·g)`, `θ ← θ − lr·g/(sqrt(a)+ε)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RmsProp<T> {
    settings: RmsPropSettings,
    steps: u64,
    second_moment: Vec<T>,
}

impl<T: Real> RmsProp<T> {
    /// RMSProp before its first step, for a network, or for tensors that lie one after the other in the parameter buffer.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of range, [`Error::Tensor`] for tensors with gaps or overlaps.
    pub fn new(settings: RmsPropSettings, tensors: &(impl Tensors + ?Sized)) -> Result<Self, Error> {
        settings.check()?;
        require_positive("epsilon", T::from_f64(settings.epsilon).to_f64())?;
        let parameter_count = check_tensors(&tensors.ranges())?;
        Ok(Self { settings, steps: 0, second_moment: vec![T::ZERO; parameter_count] })
    }

    /// The settings it was built with.
    #[must_use]
    pub fn settings(&self) -> &RmsPropSettings {
        &self.settings
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// a, the moving average of the squared gradient, one a parameter.
    #[must_use]
    pub fn second_moment(&self) -> &[T] {
        &self.second_moment
    }

    /// The same, to write.
    pub(crate) fn second_moment_mut(&mut self) -> &mut [T] {
        &mut self.second_moment
    }
}

impl<T: Real> Optimizer<T> for RmsProp<T> {
    /// Moves the parameters by one step; both buffers have the length RMSProp was built for.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::LearningRate`]; nothing has changed then.
    fn update(&mut self, parameters: &mut [T], gradients: &[T], learning_rate: f64) -> Result<StepReport, Error> {
        check_learning_rate(learning_rate)?;
        let rho = T::from_f64(self.settings.rho);
        let one_minus_rho = T::from_f64(1.0 - self.settings.rho);
        let epsilon = T::from_f64(self.settings.epsilon);
        let rate = T::from_f64(learning_rate);
        let count = self.second_moment.len();
        let buffers = Buffers::new(count, parameters, gradients, [&mut self.second_moment[..]])?;
        let squares = buffers.apply(|theta, g, [a]| {
            let a = rho * a + one_minus_rho * (g * g);
            (theta - rate * g / (a.sqrt() + epsilon), [a])
        });
        self.steps += 1;
        Ok(StepReport { update_norm: squares.sqrt() })
    }
}
