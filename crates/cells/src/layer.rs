//! What every layer can do.

use std::fmt::Debug;

use flameout_kernels::Real;
use ndarray::{Array2, ArrayView2};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::initialise::Initialisation;
use crate::sequence::Sequence;
use crate::tensor::Tensor;

/// What a layer is fed with. Every layer handles both kinds, so there will be no third.
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

/// A batch on its way into a layer: its values, and what all layers have to know of it.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a, T> {
    values: Values<'a, T>,
    lengths: Option<&'a [usize]>,
    pass: Option<Pass>,
}

/// The values of an [`Input`], as [`Inputs`] tells the kinds apart.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a, T> {
    /// Indices `(batch, time)`.
    Indices(ArrayView2<'a, u16>),
    /// Vectors `(batch, time, units)`.
    Sequence(&'a Sequence<T>),
}

/// A pass of training, from which a layer may draw random numbers: the same pass gives the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// The seed of the training.
    pub seed: u64,
    /// Which pass, counted from 0.
    pub number: u64,
    /// The layer's place in the network.
    pub layer: u64,
}

impl Pass {
    /// The layer's random numbers in this pass.
    #[must_use]
    pub fn rng(self) -> ChaCha8Rng {
        /// Numbers of 32 bits that a pass can draw.
        const WORDS: u128 = 1 << 32;
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        // The initial parameters are drawn from stream 0.
        rng.set_stream(self.layer + 1);
        rng.set_word_pos(u128::from(self.number) * WORDS);
        rng
    }
}

impl<'a, T: Copy> Input<'a, T> {
    /// Indices `(batch, time)`.
    #[must_use]
    pub fn indices(indices: ArrayView2<'a, u16>) -> Self {
        Self { values: Values::Indices(indices), lengths: None, pass: None }
    }

    /// Vectors `(batch, time, units)`.
    #[must_use]
    pub fn sequence(sequence: &'a Sequence<T>) -> Self {
        Self { values: Values::Sequence(sequence), lengths: None, pass: None }
    }

    /// The same batch, of which row i ends after `lengths[i]` time steps (at least 1): what follows is padding. A recurrent
    /// layer keeps its state there, and so ends with the state after the last step that counts.
    #[must_use]
    pub fn with_lengths(self, lengths: Option<&'a [usize]>) -> Self {
        Self { lengths, ..self }
    }

    /// The same batch, in a pass of training.
    #[must_use]
    pub fn in_pass(self, pass: Option<Pass>) -> Self {
        Self { pass, ..self }
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> Values<'a, T> {
        self.values
    }

    /// How many time steps of each row count; all of them if None.
    #[must_use]
    pub fn lengths(&self) -> Option<&'a [usize]> {
        self.lengths
    }

    /// The pass of training; None for a prediction.
    #[must_use]
    pub fn pass(&self) -> Option<Pass> {
        self.pass
    }

    /// `(batch, time)`.
    #[must_use]
    pub fn batch_and_time(&self) -> (usize, usize) {
        match self.values {
            Values::Indices(indices) => indices.dim(),
            Values::Sequence(sequence) => {
                let (batch, time, _) = sequence.dim();
                (batch, time)
            }
        }
    }
}

/// A differentiable map from a batch of sequences to a batch of sequences, with parameters in a slice of the caller's.
///
/// The order of calls: [`set_inputs`](Layer::set_inputs) once, then [`load`](Layer::load) whenever the parameters have
/// changed, then [`forward`](Layer::forward) and [`backward`](Layer::backward). `flameout-model`'s `Sequential` sees to that,
/// and checks what it is fed with.
///
/// Methods panic when shapes do not fit each other, or when they are called in another order: that is an error in the
/// calling program, not in its data.
pub trait Layer<T: Real>: Debug + Send + Sync {
    /// Sets what the layer is fed with, and lays out its parameters.
    fn set_inputs(&mut self, inputs: Inputs);

    /// The same layer, with its inputs [set](Layer::set_inputs).
    #[must_use]
    fn with_inputs(mut self, inputs: Inputs) -> Self
    where
        Self: Sized,
    {
        self.set_inputs(inputs);
        self
    }

    /// The parameters' names, shapes and places in the slice; none before the inputs are set.
    fn tensors(&self) -> &[Tensor];

    /// Length of the parameter slice.
    fn parameter_count(&self) -> usize {
        self.tensors().last().map_or(0, |tensor| tensor.range().end)
    }

    /// Length of the output vectors. A layer without units of its own, such as a dropout, knows it once the inputs are set.
    fn units(&self) -> usize;

    /// Whether the output has one time step, however many the input has.
    fn ends_sequence(&self) -> bool {
        false
    }

    /// Makes a layer that ends the sequence return every time step instead, for a layer after it that reads sequences.
    fn return_every_step(&mut self) {}

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
    /// If no parameters were loaded, or the input is of another kind or size than the layer was built for, has no time step,
    /// or holds an index outside the alphabet.
    fn forward(&mut self, input: Input<'_, T>);

    /// The result of the last [`forward`](Layer::forward), `(batch, time, units)`; `time` is 1 for a layer that returns
    /// only its last state.
    fn output(&self) -> &Sequence<T>;

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

    /// Whether the layer minds the [lengths](Input::lengths) of its input's sequences. One whose time steps need nothing of
    /// each other has nothing to mind: it says yes.
    fn minds_lengths(&self) -> bool {
        false
    }

    /// How many states the layer hands from one time step to the next: 0 for one whose time steps need nothing of each other.
    /// None if it cannot go on from given states.
    fn state_count(&self) -> Option<usize> {
        None
    }

    /// The states after the last time step of the last forward pass, each `(batch, units)`; none if there was no pass.
    fn final_state(&self) -> Vec<ArrayView2<'_, T>> {
        Vec::new()
    }

    /// Sets the states from which every forward pass starts from now on; zero if None. No gradient flows into them.
    ///
    /// # Panics
    /// If these are not [`state_count`](Layer::state_count) states; at the next forward pass, if they are of another shape.
    fn set_initial_state(&mut self, state: Option<&[Array2<T>]>) {
        assert!(state.is_none_or(<[_]>::is_empty), "this layer has no states");
    }

    /// The activations of the gates of the last forward pass, `(batch, time, gates · units)`, if the layer has gates and
    /// no backward pass has used them up.
    fn gates(&self) -> Option<&Sequence<T>> {
        None
    }

    /// The layer as one that computes step by step, if it can.
    fn as_step_layer(&self) -> Option<&dyn StepLayer<T>> {
        None
    }

    /// As [`as_step_layer`](Layer::as_step_layer), to use.
    fn as_step_layer_mut(&mut self) -> Option<&mut dyn StepLayer<T>> {
        None
    }
}

/// A layer whose output at a time step depends on that step and those before alone, so that it can be computed step by
/// step: sequences that begin alike share the states of their beginning.
pub trait StepLayer<T: Real>: Layer<T> {
    /// Computes a single time step for sequences that may share their beginnings: row i of `input` (of one time step)
    /// continues the sequence that was row `parents[i]` of the step before, or begins a sequence if there are no parents.
    /// The result is in [`step_output`](StepLayer::step_output), with the same bits as [`forward`](Layer::forward) gives.
    /// Nothing is kept for [`backward`](Layer::backward), and what a forward pass kept may be lost.
    ///
    /// # Panics
    /// As [`forward`](Layer::forward), or if a parent is no row of the step before.
    fn step(&mut self, input: Input<'_, T>, parents: Option<&[usize]>);

    /// The result of the last [`step`](StepLayer::step), `(batch, 1, units)`: for a recurrent layer the hidden states.
    fn step_output(&self) -> &Sequence<T>;
}
