//! Where a number was not finite.

use std::fmt;

use flameout_cells::Tensor;
use flameout_kernels::Real;
use flameout_model::Sequential;
use serde::{Deserialize, Serialize};

/// The first step of a run after which a number was not finite, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonFinite {
    /// The step, from 1. The state after the step before is the last sound one.
    pub step: u64,
    /// Whether the loss of the batch was not finite already: then it began in the forward pass, or in the data.
    pub loss: bool,
    /// The first number in the network that was not; None if there is none, and merely a norm was too large for an `f64`.
    pub place: Option<Place>,
}

/// A number in a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Of what.
    pub quantity: Quantity,
    /// The tensor's name, as in `Sequential::tensors`.
    pub tensor: String,
    /// The position in the tensor, row after row, from 0.
    pub index: usize,
}

/// Gradients or parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Quantity {
    /// The gradient of the loss.
    Gradient,
    /// A parameter after the update.
    Parameter,
}

impl NonFinite {
    /// Looks through a network whose step has just been made: its gradients first, as they are computed first.
    pub(crate) fn find<T: Real>(step: u64, loss: f64, model: &Sequential<T>) -> Self {
        let of = |quantity, values: &[T]| {
            model.tensors().iter().find_map(|tensor| {
                let index = first_non_finite(tensor, values)?;
                Some(Place { quantity, tensor: tensor.name.clone(), index })
            })
        };
        let place = of(Quantity::Gradient, model.gradients()).or_else(|| of(Quantity::Parameter, model.parameters()));
        Self { step, loss: !loss.is_finite(), place }
    }
}

fn first_non_finite<T: Real>(tensor: &Tensor, values: &[T]) -> Option<usize> {
    values[tensor.range()].iter().position(|x| !x.to_f64().is_finite())
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number was not finite at step {}: ", self.step)?;
        let loss = if self.loss { "the loss, and " } else { "" };
        match &self.place {
            Some(Place { quantity: Quantity::Gradient, tensor, index }) => {
                write!(f, "{loss}the gradient of {tensor}, first at index {index}")
            }
            Some(Place { quantity: Quantity::Parameter, tensor, index }) => {
                write!(f, "{loss}the parameter {tensor} after the update, first at index {index}")
            }
            None if self.loss => write!(f, "the loss"),
            None => write!(f, "the norm of numbers that are finite, but huge"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_where_and_when() {
        let place = |quantity| Some(Place { quantity, tensor: "layer1/kernel".into(), index: 7 });
        let text = |loss, place| NonFinite { step: 57, loss, place }.to_string();
        assert_eq!(
            text(true, place(Quantity::Gradient)),
            "a number was not finite at step 57: the loss, and the gradient of layer1/kernel, first at index 7"
        );
        assert!(text(false, place(Quantity::Parameter)).contains("parameter layer1/kernel after the update"));
        assert!(text(true, None).ends_with(": the loss") && text(false, None).contains("norm"));
    }
}
