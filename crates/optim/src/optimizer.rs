//! What an optimiser is, and what it moves.

use std::fmt::Debug;
use std::ops::Range;

use flameout_kernels::Real;

use crate::Error;

/// The tensors of a flat buffer of parameters, which lie one after the other in it, from 0: a network has them, and so has
/// a list of ranges.
///
/// They matter where an optimiser computes something a tensor: [`AdamSettings::clip_update_rms`](crate::AdamSettings).
pub trait Tensors {
    /// Each tensor's place in the buffer.
    fn ranges(&self) -> Vec<Range<usize>>;
}

impl<A: AsRef<[Range<usize>]> + ?Sized> Tensors for A {
    fn ranges(&self) -> Vec<Range<usize>> {
        self.as_ref().to_vec()
    }
}

/// What an optimiser moves: a network, with its parameters and the gradients of its last backward pass.
pub trait Trainable<T> {
    /// All parameters, to change, and their gradients.
    fn parameters_and_gradients(&mut self) -> (&mut [T], &[T]);
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// ‖θ_new − θ_old‖₂ over all parameters (weight decay included), summed in `f64` in a fixed order.
    pub update_norm: f64,
}

/// A rule that moves parameters by their gradients.
///
/// ```
/// use flameout_optim::{Error, Optimizer, StepReport};
///
/// /// Moves every parameter by the learning rate, whatever the size of its gradient.
/// #[derive(Debug)]
/// struct SignDescent;
///
/// impl Optimizer<f64> for SignDescent {
///     fn update(&mut self, parameters: &mut [f64], gradients: &[f64], learning_rate: f64) -> Result<StepReport, Error> {
///         parameters.iter_mut().zip(gradients).for_each(|(p, g)| *p -= learning_rate * g.signum());
///         Ok(StepReport { update_norm: learning_rate * (parameters.len() as f64).sqrt() })
///     }
/// }
///
/// let mut parameters = [1.0, -1.0];
/// SignDescent.update(&mut parameters, &[3.0, -0.1], 0.5)?;
/// assert_eq!(parameters, [0.5, -0.5]);
/// # Ok::<(), Error>(())
/// ```
pub trait Optimizer<T: Real>: Debug + Send + Sync {
    /// Moves `parameters` by one step against `gradients`.
    ///
    /// # Errors
    /// [`Error::Length`] for a buffer of another length than the optimiser was built for, [`Error::LearningRate`] for a
    /// learning rate that is negative or not finite; nothing has changed then.
    fn update(&mut self, parameters: &mut [T], gradients: &[T], learning_rate: f64) -> Result<StepReport, Error>;

    /// Moves a network's parameters by one step against the gradients of its last backward pass.
    ///
    /// # Errors
    /// As [`update`](Optimizer::update).
    fn step(&mut self, network: &mut dyn Trainable<T>, learning_rate: f64) -> Result<StepReport, Error> {
        let (parameters, gradients) = network.parameters_and_gradients();
        self.update(parameters, gradients, learning_rate)
    }
}

pub(crate) fn check_learning_rate(value: f64) -> Result<(), Error> {
    if value.is_finite() && value >= 0.0 { Ok(()) } else { Err(Error::LearningRate { value }) }
}

/// The end of the last tensor, if each begins at the end of the one before it (the first at 0).
pub(crate) fn check_tensors(tensors: &[Range<usize>]) -> Result<usize, Error> {
    let mut end = 0;
    for (index, range) in tensors.iter().enumerate() {
        if range.start != end || range.end < range.start {
            return Err(Error::Tensor { index, range: range.clone(), expected_start: end });
        }
        end = range.end;
    }
    Ok(end)
}
