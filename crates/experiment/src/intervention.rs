//! Reaching into a step: for injected faults, and to replay the past with one thing changed.

use flameout_cells::Tensor;

use crate::dataset::Batch;
use crate::floats::FloatsMut;

/// Changes what a step works with. Each method does nothing unless written; `step` is the number of the step being made,
/// from 1.
///
/// An intervention is part of what decides a run's numbers, like a setting: it should be a function of the step alone.
pub trait Intervention {
    /// The batch, before the forward pass.
    fn batch(&mut self, step: u64, batch: &mut Batch) {
        let _ = (step, batch);
    }

    /// The gradient, before clipping. `tensors` tells the parts of the flat buffer.
    fn gradients(&mut self, step: u64, tensors: &[Tensor], gradients: FloatsMut<'_>) {
        let _ = (step, tensors, gradients);
    }

    /// The parameters, after the update.
    fn parameters(&mut self, step: u64, tensors: &[Tensor], parameters: FloatsMut<'_>) {
        let _ = (step, tensors, parameters);
    }
}

/// No intervention.
impl Intervention for () {}
