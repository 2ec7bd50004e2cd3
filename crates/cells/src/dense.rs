//! A fully connected layer.

use flameout_kernels::{Real, dispatch, team};
use itertools::izip;
use rand_chacha::ChaCha8Rng;

use crate::activation::Activation;
use crate::initialise::Initialisation;
use crate::layer::{Input, Inputs, Layer, StepLayer};
use crate::projection::Projection;
use crate::rows::{BLOCK, TASK_ELEMENTS};
use crate::sequence::Sequence;
use crate::tensor::Tensor;

/// `y = activation(x·W + b)`, the same at every time step: `(batch, time, inputs) -> (batch, time, units)`. Keras' wrapper
/// `TimeDistributed` around such a layer changes nothing.
///
/// Parameters: `kernel (inputs, units)`, `bias (units)`; Keras 1 calls them `W` and `b`.
#[derive(Debug, Clone)]
pub struct Dense<T> {
    units: usize,
    tensors: Vec<Tensor>,
    activation: Activation,
    projection: Projection<T>,
    output: Sequence<T>,
    deltas: Sequence<T>,
    awaits_backward: bool,
}

impl<T: Real> Dense<T> {
    /// A layer of `units` linear outputs.
    #[must_use]
    pub fn new(units: usize) -> Self {
        Self {
            units,
            tensors: Vec::new(),
            activation: Activation::Linear,
            projection: Projection::default(),
            output: Sequence::new(),
            deltas: Sequence::new(),
            awaits_backward: false,
        }
    }

    /// Sets the activation.
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }
}

impl<T: Real> Layer<T> for Dense<T> {
    fn set_inputs(&mut self, inputs: Inputs) {
        self.projection = Projection::new(inputs);
        self.tensors = Tensor::lay_out(&[("kernel", &[inputs.size(), self.units]), ("bias", &[self.units])]);
    }

    fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    fn units(&self) -> usize {
        self.units
    }

    fn initialise(&self, initialisation: &Initialisation, parameters: &mut [T], rng: &mut ChaCha8Rng) {
        let [kernel, bias] = &self.tensors[..] else { unreachable!("two tensors") };
        let inputs = self.projection.inputs().size();
        initialisation.kernel.fill(kernel.view_mut(parameters), inputs, rng);
        initialisation.bias.fill(bias.view_mut(parameters), inputs, rng);
    }

    fn load(&mut self, parameters: &[T]) {
        assert_eq!(parameters.len(), self.parameter_count(), "parameters of a dense layer");
        let [kernel, bias] = &self.tensors[..] else { unreachable!("two tensors") };
        self.projection.load(kernel.view(parameters), &parameters[bias.range()]);
    }

    fn forward(&mut self, input: Input<'_, T>) {
        self.projection.forward(input, &mut self.output);
        let activation = self.activation;
        if activation != Activation::Linear {
            let outputs = self.output.as_mut_slice();
            team::for_each(outputs.len(), outputs.chunks_mut(TASK_ELEMENTS), |block| {
                dispatch(
                    #[inline(always)]
                    || activation.apply(block),
                )
            });
        }
        self.awaits_backward = true;
    }

    fn output(&self) -> &Sequence<T> {
        &self.output
    }

    fn backward(
        &mut self,
        input: Input<'_, T>,
        output_gradient: &Sequence<T>,
        gradients: &mut [T],
        input_gradient: Option<&mut Sequence<T>>,
    ) {
        assert!(std::mem::take(&mut self.awaits_backward), "backward needs a forward pass before it");
        assert_eq!(output_gradient.dim(), self.output.dim(), "shape of the output gradient");
        let (batch, time, units) = self.output.dim();
        self.deltas.resize(batch, time, units, T::ZERO);
        let activation = self.activation;
        let blocks = izip!(
            self.deltas.as_mut_slice().chunks_mut(TASK_ELEMENTS),
            output_gradient.as_slice().chunks(TASK_ELEMENTS),
            self.output.as_slice().chunks(TASK_ELEMENTS),
        );
        team::for_each(batch * time * units, blocks, |(deltas, gradients, outputs)| {
            dispatch(
                #[inline(always)]
                || multiply_by_slopes(activation, deltas, gradients, outputs),
            );
        });

        let [kernel, bias] = &self.tensors[..] else { unreachable!("two tensors") };
        let (kernel_gradient, bias_gradient) = gradients.split_at_mut(bias.offset);
        let kernel_gradient = kernel.view_mut(kernel_gradient);
        self.projection.backward(input, &self.deltas, kernel_gradient, bias_gradient, input_gradient);
    }

    fn minds_lengths(&self) -> bool {
        true
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

impl<T: Real> StepLayer<T> for Dense<T> {
    fn step(&mut self, input: Input<'_, T>, _: Option<&[usize]>) {
        self.forward(input);
        self.awaits_backward = false;
    }

    fn step_output(&self) -> &Sequence<T> {
        &self.output
    }
}

#[inline(always)]
fn multiply_by_slopes<T: Real>(activation: Activation, deltas: &mut [T], gradients: &[T], outputs: &[T]) {
    let mut slopes = [T::ZERO; BLOCK];
    for ((deltas, gradients), outputs) in
        deltas.chunks_mut(BLOCK).zip(gradients.chunks(BLOCK)).zip(outputs.chunks(BLOCK))
    {
        let slopes = &mut slopes[..outputs.len()];
        activation.slopes(outputs, slopes);
        for ((delta, gradient), slope) in deltas.iter_mut().zip(gradients).zip(slopes) {
            *delta = *gradient * *slope;
        }
    }
}
