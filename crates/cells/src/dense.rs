//! A fully connected layer.

use flameout_kernels::{Real, dispatch, team};
use itertools::izip;
use rand_chacha::ChaCha8Rng;

use crate::activation::Activation;
use crate::initialise::Initialisation;
use crate::layer::{Input, Inputs, Layer};
use crate::projection::Projection;
use crate::rows::{BLOCK, TASK_ELEMENTS};
use crate::sequence::Sequence;
use crate::tensor::Tensor;

/// `y = activation(x·W + b)`, the same at every time step: `(batch, time, inputs) -> (batch, time, units)`.
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
    unused_forward: bool,
}

impl<T: Real> Dense<T> {
    /// A layer of `units` linear outputs.
    #[must_use]
    pub fn new(inputs: Inputs, units: usize) -> Self {
        Self {
            units,
            tensors: Tensor::lay_out([("kernel", &[inputs.size(), units]), ("bias", &[units])]),
            activation: Activation::Linear,
            projection: Projection::new(inputs),
            output: Sequence::new(),
            deltas: Sequence::new(),
            unused_forward: false,
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
    fn tensors(&self) -> &[Tensor] {
        &self.tensors
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
        self.projection.forward(input, &mut self.output, self.units);
        let activation = self.activation;
        if activation != Activation::Linear {
            let blocks = self.output.as_mut_slice().chunks_mut(TASK_ELEMENTS);
            team::for_each(blocks, |block| {
                dispatch(
                    #[inline(always)]
                    || activation.apply(block),
                )
            });
        }
        self.unused_forward = true;
    }

    fn output(&self) -> &Sequence<T> {
        &self.output
    }

    fn step(&mut self, input: Input<'_, T>, _: Option<&[usize]>) {
        self.forward(input);
        self.unused_forward = false;
    }

    fn step_output(&self) -> &Sequence<T> {
        &self.output
    }

    fn backward(
        &mut self,
        input: Input<'_, T>,
        output_gradient: &Sequence<T>,
        gradients: &mut [T],
        input_gradient: Option<&mut Sequence<T>>,
    ) {
        assert!(std::mem::take(&mut self.unused_forward), "backward needs a forward pass before it");
        assert_eq!(output_gradient.dim(), self.output.dim(), "shape of the output gradient");
        let (batch, time, units) = self.output.dim();
        self.deltas.resize(batch, time, units, T::ZERO);
        let activation = self.activation;
        let blocks = izip!(
            self.deltas.as_mut_slice().chunks_mut(TASK_ELEMENTS),
            output_gradient.as_slice().chunks(TASK_ELEMENTS),
            self.output.as_slice().chunks(TASK_ELEMENTS),
        );
        team::for_each(blocks, |(deltas, gradients, outputs)| {
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

/// A layer applied to each time step on its own: Keras' wrapper by that name.
///
/// [`Dense`] already does so; the wrapper says it, and keeps a network's description the same as in Keras.
#[derive(Debug, Clone)]
pub struct TimeDistributed<T>(pub Dense<T>);

impl<T: Real> Layer<T> for TimeDistributed<T> {
    fn tensors(&self) -> &[Tensor] {
        self.0.tensors()
    }

    fn initialise(&self, initialisation: &Initialisation, parameters: &mut [T], rng: &mut ChaCha8Rng) {
        self.0.initialise(initialisation, parameters, rng);
    }

    fn load(&mut self, parameters: &[T]) {
        self.0.load(parameters);
    }

    fn forward(&mut self, input: Input<'_, T>) {
        self.0.forward(input);
    }

    fn output(&self) -> &Sequence<T> {
        self.0.output()
    }

    fn step(&mut self, input: Input<'_, T>, parents: Option<&[usize]>) {
        self.0.step(input, parents);
    }

    fn step_output(&self) -> &Sequence<T> {
        self.0.step_output()
    }

    fn backward(
        &mut self,
        input: Input<'_, T>,
        output_gradient: &Sequence<T>,
        gradients: &mut [T],
        input_gradient: Option<&mut Sequence<T>>,
    ) {
        self.0.backward(input, output_gradient, gradients, input_gradient);
    }
}
