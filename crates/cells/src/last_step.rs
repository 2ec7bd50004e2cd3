//! The last time step of a sequence.

use flameout_kernels::Real;
use rand_chacha::ChaCha8Rng;

use crate::initialise::Initialisation;
use crate::layer::{Input, Inputs, Layer, StepLayer, Values};
use crate::sequence::Sequence;
use crate::tensor::Tensor;

/// Takes the last time step, `(batch, time, units) -> (batch, 1, units)`: NumPy's `states[:, -1]`. No parameters.
///
/// After a [`Bidirectional`](crate::Bidirectional) layer that returns every state, this is not each direction's last state:
/// at the last time step the second direction has read one step only.
#[derive(Debug, Clone, Default)]
pub struct LastStep<T> {
    units: usize,
    output: Sequence<T>,
    awaits_backward: bool,
}

impl<T: Real> LastStep<T> {
    /// A layer for sequences of any length.
    #[must_use]
    pub fn new() -> Self {
        Self { units: 0, output: Sequence::new(), awaits_backward: false }
    }
}

fn sequence<'a, T: Copy>(input: Input<'a, T>) -> &'a Sequence<T> {
    match input.values() {
        Values::Sequence(sequence) => sequence,
        Values::Indices(_) => panic!("the last time step is of vectors, not of indices"),
    }
}

impl<T: Real> Layer<T> for LastStep<T> {
    /// # Panics
    /// If these are indices.
    fn set_inputs(&mut self, inputs: Inputs) {
        let Inputs::Features(units) = inputs else { panic!("the last time step is of vectors, not of indices") };
        self.units = units;
    }

    fn units(&self) -> usize {
        self.units
    }

    fn ends_sequence(&self) -> bool {
        true
    }

    fn tensors(&self) -> &[Tensor] {
        &[]
    }

    fn initialise(&self, _: &Initialisation, parameters: &mut [T], _: &mut ChaCha8Rng) {
        assert!(parameters.is_empty(), "the last time step has no parameters");
    }

    fn load(&mut self, parameters: &[T]) {
        assert!(parameters.is_empty(), "the last time step has no parameters");
    }

    fn forward(&mut self, input: Input<'_, T>) {
        self.output.assign_last_step(sequence(input));
        self.awaits_backward = true;
    }

    fn output(&self) -> &Sequence<T> {
        &self.output
    }

    fn backward(
        &mut self,
        input: Input<'_, T>,
        output_gradient: &Sequence<T>,
        _: &mut [T],
        input_gradient: Option<&mut Sequence<T>>,
    ) {
        assert!(std::mem::take(&mut self.awaits_backward), "backward needs a forward pass before it");
        assert_eq!(output_gradient.dim(), self.output.dim(), "shape of the output gradient");
        let (batch, time, units) = sequence(input).dim();
        if let Some(gradient) = input_gradient {
            gradient.resize(batch, time, units, T::ZERO);
            gradient.fill(T::ZERO);
            gradient.step_mut(time - 1).assign(&output_gradient.step(0));
        }
    }

    fn state_count(&self) -> Option<usize> {
        Some(0)
    }

    fn as_step_layer(&self) -> Option<&dyn StepLayer<T>> {
        Some(self)
    }

    fn as_step_layer_mut(&mut self) -> Option<&mut dyn StepLayer<T>> {
        Some(self)
    }
}

impl<T: Real> StepLayer<T> for LastStep<T> {
    fn step(&mut self, input: Input<'_, T>, _: Option<&[usize]>) {
        self.forward(input);
        self.awaits_backward = false;
    }

    fn step_output(&self) -> &Sequence<T> {
        &self.output
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Axis};

    use super::*;

    #[test]
    fn the_gradient_goes_to_where_the_output_came_from() {
        let array = Array3::from_shape_fn((2, 3, 4), |(b, t, u)| (100 * b + 10 * t + u) as f64);
        let input = Sequence::from_array(array.view());
        let mut layer = LastStep::new();
        layer.forward(Input::sequence(&input));
        assert_eq!(layer.output().step(0), array.index_axis(Axis(1), 2));

        let mut gradient = Sequence::filled(1, 1, 1, 7.0);
        let ones = Sequence::filled(2, 1, 4, 1.0);
        layer.backward(Input::sequence(&input), &ones, &mut [], Some(&mut gradient));
        assert_eq!(gradient.dim(), (2, 3, 4));
        assert_eq!(gradient.step(2), ones.step(0));
        assert_eq!(gradient.as_slice().iter().sum::<f64>(), 8.0);

        layer.step(Input::sequence(&input), None);
        assert_eq!(layer.step_output(), layer.output());
    }
}
