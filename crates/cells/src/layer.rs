//! What every layer can do.

use flameout_kernels::Real;
use ndarray::ArrayView2;
use rand_chacha::ChaCha8Rng;

use crate::initialise::Initialisation;
use crate::sequence::Sequence;
use crate::tensor::Tensor;

/// What a layer is fed with; fixed when it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inputs {
    /// Indices into an alphabet of this size. Stands for one-hot vectors, which are never built: `x·W` is a row of `W`.
    Indices(usize),
    /// Vectors of this length.
    Features(usize),
}

impl Inputs {
    /// The number of rows of the layer's input kernel.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Indices(size) | Self::Features(size) => size,
        }
    }
}

/// A batch on its way into a layer.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a, T> {
    /// Character indices `(batch, time)`.
    Indices(ArrayView2<'a, u16>),
    /// Vectors `(batch, time, units)`.
    Sequence(&'a Sequence<T>),
}

impl<T: Copy> Input<'_, T> {
    /// `(batch, time)`.
    #[must_use]
    pub fn batch_and_time(&self) -> (usize, usize) {
        match self {
            Self::Indices(indices) => indices.dim(),
            Self::Sequence(sequence) => {
                let (batch, time, _) = sequence.dim();
                (batch, time)
            }
        }
    }
}

/// A differentiable map from a batch of sequences to a batch of sequences, with parameters in a slice of the caller's.
///
/// Methods panic when shapes do not fit each other: a wrong shape is an error in the calling program, not in its data.
pub trait Layer<T: Real>: Send + Sync {
    /// The parameters' names, shapes and places in the slice.
    fn tensors(&self) -> &[Tensor];

    /// Length of the parameter slice.
    fn parameter_count(&self) -> usize {
        self.tensors().last().map_or(0, |tensor| tensor.range().end)
    }

    /// Draws initial parameters.
    ///
    /// # Panics
    /// If `parameters` has not [`parameter_count`](Layer::parameter_count) elements.
    fn initialise(&self, initialisation: &Initialisation, parameters: &mut [T], rng: &mut ChaCha8Rng);

    /// Takes over new parameter values, in the order that the kernels want. Everything computed afterwards uses them.
    ///
    /// # Panics
    /// If `parameters` has not [`parameter_count`](Layer::parameter_count) elements.
    fn load(&mut self, parameters: &[T]);

    /// Computes [`output`](Layer::output) and keeps what [`backward`](Layer::backward) needs.
    ///
    /// # Panics
    /// If the input is of another kind or size than the layer was built for, has no time step, or holds an index outside
    /// the alphabet.
    fn forward(&mut self, input: Input<'_, T>);

    /// The result of the last [`forward`](Layer::forward), `(batch, time, units)`; `time` is 1 for a layer that returns
    /// only its last state.
    fn output(&self) -> &Sequence<T>;

    /// Computes a single time step for sequences that may share their beginnings: row i of `input` (of one time step)
    /// continues the sequence that was row `parents[i]` of the step before, or begins a sequence if there are no parents.
    /// The result is in [`step_output`](Layer::step_output), with the same bits as [`forward`](Layer::forward) gives.
    /// Nothing is kept for [`backward`](Layer::backward), and what a forward pass kept may be lost.
    ///
    /// # Panics
    /// As [`forward`](Layer::forward), or if a parent is no row of the step before.
    fn step(&mut self, input: Input<'_, T>, parents: Option<&[usize]>);

    /// The result of the last [`step`](Layer::step), `(batch, 1, units)`: for a recurrent layer the hidden states.
    fn step_output(&self) -> &Sequence<T>;

    /// Backpropagation (through time): overwrites `gradients` with the gradient for every parameter, and `input_gradient`,
    /// if given, with the one for the input, `(batch, time, input units)`.
    ///
    /// `input` is what [`forward`](Layer::forward) got. What it kept is used up: one backward pass for one forward pass.
    ///
    /// # Panics
    /// If no unused forward pass precedes, shapes do not fit, or `input_gradient` is asked of a layer fed with indices.
    fn backward(
        &mut self,
        input: Input<'_, T>,
        output_gradient: &Sequence<T>,
        gradients: &mut [T],
        input_gradient: Option<&mut Sequence<T>>,
    );

    /// The activations of the gates of the last forward pass, `(batch, time, gates · units)`, if the layer has gates and
    /// no backward pass has used them up.
    fn gates(&self) -> Option<&Sequence<T>> {
        None
    }
}
