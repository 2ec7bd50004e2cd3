//! Stochastic gradient descent, with momentum and Nesterov's variant, in Keras' form.

use flameout_kernels::Real;
use serde::{Deserialize, Serialize};

use crate::elementwise::Buffers;
use crate::error::require_decay_rate;
use crate::optimizer::{Optimizer, Tensors, check_learning_rate, check_tensors};
use crate::{Error, StepReport};

/// SGD's settings; the default is plain SGD.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct SgdSettings {
    /// μ, the share of the last update that is repeated, in [0, 1). Default 0.
    pub momentum: f64,
    /// Nesterov's momentum (Sutskever et al. 2013); needs a momentum above 0. Default off.
    pub nesterov: bool,
}

impl SgdSettings {
    /// Checks every setting's range, and that Nesterov's variant has a momentum.
    ///
    /// # Errors
    /// [`Error::Setting`] or [`Error::NesterovWithoutMomentum`].
    pub fn check(&self) -> Result<(), Error> {
        require_decay_rate("momentum", self.momentum)?;
        if self.nesterov && self.momentum == 0.0 {
            return Err(Error::NesterovWithoutMomentum);
        }
        Ok(())
    }
}

/// SGD's state over one flat buffer of parameters.
///
/// Plain: `θ ← θ − lr·g`. Momentum: `u ← μ·u − lr·g`, `θ ← θ + u`; Nesterov: `θ ← θ + μ·u − lr·g`. As in Keras, the velocity
/// u holds the learning rates of its time (PyTorch multiplies by the learning rate when it moves θ).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sgd<T> {
    settings: SgdSettings,
    parameter_count: usize,
    steps: u64,
    /// None without momentum.
    velocity: Option<Vec<T>>,
}

impl<T: Real> Sgd<T> {
    /// SGD before its first step, for a network, or for tensors that lie one after the other in the parameter buffer.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::NesterovWithoutMomentum`], or [`Error::Tensor`] for tensors with gaps or overlaps.
    pub fn new(settings: SgdSettings, tensors: &(impl Tensors + ?Sized)) -> Result<Self, Error> {
        settings.check()?;
        let parameter_count = check_tensors(&tensors.ranges())?;
        let velocity = (settings.momentum > 0.0).then(|| vec![T::ZERO; parameter_count]);
        Ok(Self { settings, parameter_count, steps: 0, velocity })
    }

    /// The settings it was built with.
    #[must_use]
    pub fn settings(&self) -> &SgdSettings {
        &self.settings
    }

    /// The number of parameters it was built for.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameter_count
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// u, the last update, one a parameter; with momentum only.
    #[must_use]
    pub fn velocity(&self) -> Option<&[T]> {
        self.velocity.as_deref()
    }
}

impl<T: Real> Optimizer<T> for Sgd<T> {
    /// Moves the parameters by one step; both buffers have the length SGD was built for.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::LearningRate`]; nothing has changed then.
    fn update(&mut self, parameters: &mut [T], gradients: &[T], learning_rate: f64) -> Result<StepReport, Error> {
        check_learning_rate(learning_rate)?;
        let rate = T::from_f64(learning_rate);
        let momentum = T::from_f64(self.settings.momentum);
        let count = self.parameter_count;
        let squares = match &mut self.velocity {
            None => Buffers::new(count, parameters, gradients, [])?.apply(|theta, g, []| (theta - rate * g, [])),
            Some(velocity) => {
                let buffers = Buffers::new(count, parameters, gradients, [&mut velocity[..]])?;
                if self.settings.nesterov {
                    buffers.apply(|theta, g, [u]| {
                        let u = momentum * u - rate * g;
                        (theta + momentum * u - rate * g, [u])
                    })
                } else {
                    buffers.apply(|theta, g, [u]| {
                        let u = momentum * u - rate * g;
                        (theta + u, [u])
                    })
                }
            }
        };
        self.steps += 1;
        Ok(StepReport { update_norm: squares.sqrt() })
    }
}
