//! Two layers over one sequence, one from either end.

use flameout_kernels::Real;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rand_chacha::ChaCha8Rng;

use crate::initialise::Initialisation;
use crate::layer::{Input, Inputs, Layer, Values};
use crate::sequence::Sequence;
use crate::tensor::Tensor;

/// A layer that reads the sequence as it is, and another that reads it from its end, side by side:
/// `(batch, time, inputs) -> (batch, time or 1, 2 · units)`, the first layer's outputs before the second's.
///
/// Schuster and Paliwal 1997, *Bidirectional Recurrent Neural Networks*; Keras' wrapper by that name, with
/// `merge_mode="concat"`: where every state is returned, those of the second layer stand at the time steps they belong to.
///
/// Parameters: those of the first layer, named `forward/…`, then those of the second, `backward/…`.
#[derive(Debug, Clone)]
pub struct Bidirectional<T, L> {
    forward: L,
    backward: L,
    tensors: Vec<Tensor>,
    /// The input from its end.
    reversed: Reversed<T>,
    output: Sequence<T>,
    /// One direction's part of the output gradient.
    part: Sequence<T>,
    /// The backward layer's gradient for its input, from the end.
    input_part: Sequence<T>,
}

/// The input from its end, of the kind that the layers are fed with.
#[derive(Debug, Clone, Default)]
struct Reversed<T> {
    indices: Array2<u16>,
    sequence: Sequence<T>,
}

/// Where step `t` of a row stands in the row from its end: what is padding stays where it is.
fn from_end(lengths: Option<&[usize]>, time: usize, row: usize, t: usize) -> usize {
    let length = lengths.map_or(time, |lengths| lengths[row]);
    if t < length { length - 1 - t } else { t }
}

impl<T: Real> Reversed<T> {
    /// Takes a new input.
    fn fill(&mut self, input: Input<'_, T>) {
        match input.values() {
            Values::Indices(indices) => {
                // Keeps its memory as long as the shape stays.
                if self.indices.dim() != indices.dim() {
                    self.indices = Array2::zeros(indices.dim());
                }
                let time = indices.ncols();
                for ((row, t), index) in self.indices.indexed_iter_mut() {
                    *index = indices[(row, from_end(input.lengths(), time, row, t))];
                }
            }
            Values::Sequence(sequence) => {
                let (batch, time, units) = sequence.dim();
                self.sequence.resize(batch, time, units, T::ZERO);
                for t in 0..time {
                    assign_from_end(self.sequence.step_mut(t), sequence, t, input.lengths());
                }
            }
        }
    }

    /// As the layer wants it, for an input of this kind.
    fn input<'a, 'b: 'a>(&'a self, original: Input<'b, T>) -> Input<'a, T> {
        let values = match original.values() {
            Values::Indices(_) => Input::indices(self.indices.view()),
            Values::Sequence(_) => Input::sequence(&self.sequence),
        };
        values.with_lengths(original.lengths()).in_pass(original.pass())
    }
}

/// Writes step `t` of a sequence from its end.
fn assign_from_end<T: Real>(
    mut step: ArrayViewMut2<'_, T>,
    sequence: &Sequence<T>,
    t: usize,
    lengths: Option<&[usize]>,
) {
    let (_, time, _) = sequence.dim();
    for (row, mut to) in step.rows_mut().into_iter().enumerate() {
        to.assign(&sequence.step(from_end(lengths, time, row, t)).row(row));
    }
}

impl<T: Real, L: Layer<T>> Bidirectional<T, L> {
    /// Two layers of the same shape.
    ///
    /// # Panics
    /// When the inputs are set, if the layers' parameters have different names or shapes.
    #[must_use]
    pub fn new(forward: L, backward: L) -> Self {
        let [output, part, input_part] = std::array::from_fn(|_| Sequence::new());
        let tensors = Vec::new();
        Self { forward, backward, tensors, reversed: Reversed::default(), output, part, input_part }
    }

    /// The lengths of the layers' outputs: none where there is one step.
    fn output_lengths<'a>(&self, input: Input<'a, T>) -> Option<&'a [usize]> {
        if self.ends_sequence() { None } else { input.lengths() }
    }

    /// Puts both layers' outputs side by side.
    fn join(&mut self, lengths: Option<&[usize]>) {
        let (batch, time, units) = self.forward.output().dim();
        self.output.resize(batch, time, 2 * units, T::ZERO);
        for t in 0..time {
            let mut step = self.output.step_mut(t);
            let (mut left, right) = step.view_mut().split_at(Axis(1), units);
            left.assign(&self.forward.output().step(t));
            assign_from_end(right, self.backward.output(), t, lengths);
        }
    }
}

impl<T: Real, L: Layer<T>> Layer<T> for Bidirectional<T, L> {
    fn set_inputs(&mut self, inputs: Inputs) {
        let (forward, backward) = (&mut self.forward, &mut self.backward);
        forward.set_inputs(inputs);
        backward.set_inputs(inputs);
        assert_eq!(forward.tensors(), backward.tensors(), "two layers of the same shape");
        self.tensors = forward.tensors().iter().map(|tensor| tensor.within("forward", 0)).collect();
        let count = forward.parameter_count();
        self.tensors.extend(backward.tensors().iter().map(|tensor| tensor.within("backward", count)));
    }

    fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    fn units(&self) -> usize {
        2 * self.forward.units()
    }

    fn ends_sequence(&self) -> bool {
        self.forward.ends_sequence()
    }

    fn return_every_step(&mut self) {
        self.forward.return_every_step();
        self.backward.return_every_step();
    }

    fn minds_lengths(&self) -> bool {
        self.forward.minds_lengths()
    }

    fn initialise(&self, initialisation: &Initialisation, parameters: &mut [T], rng: &mut ChaCha8Rng) {
        assert_eq!(parameters.len(), self.parameter_count(), "parameters of a bidirectional layer");
        let (forward, backward) = parameters.split_at_mut(self.forward.parameter_count());
        self.forward.initialise(initialisation, forward, rng);
        self.backward.initialise(initialisation, backward, rng);
    }

    fn load(&mut self, parameters: &[T]) {
        assert_eq!(parameters.len(), self.parameter_count(), "parameters of a bidirectional layer");
        let (forward, backward) = parameters.split_at(self.forward.parameter_count());
        self.forward.load(forward);
        self.backward.load(backward);
    }

    fn forward(&mut self, input: Input<'_, T>) {
        self.forward.forward(input);
        self.reversed.fill(input);
        self.backward.forward(self.reversed.input(input));
        self.join(self.output_lengths(input));
    }

    fn output(&self) -> &Sequence<T> {
        &self.output
    }

    fn backward(
        &mut self,
        input: Input<'_, T>,
        output_gradient: &Sequence<T>,
        gradients: &mut [T],
        mut input_gradient: Option<&mut Sequence<T>>,
    ) {
        assert_eq!(output_gradient.dim(), self.output.dim(), "shape of the output gradient");
        let (batch, time, both) = output_gradient.dim();
        let (units, lengths) = (both / 2, self.output_lengths(input));
        let (forward, backward) = gradients.split_at_mut(self.forward.parameter_count());

        self.part.resize(batch, time, units, T::ZERO);
        for t in 0..time {
            self.part.step_mut(t).assign(&halves(output_gradient.step(t)).0);
        }
        self.forward.backward(input, &self.part, forward, input_gradient.as_deref_mut());

        for t in 0..time {
            let right = halves(output_gradient.step(t)).1;
            for (row, gradient) in right.rows().into_iter().enumerate() {
                self.part.step_mut(from_end(lengths, time, row, t)).row_mut(row).assign(&gradient);
            }
        }
        let wanted = input_gradient.is_some().then_some(&mut self.input_part);
        self.backward.backward(self.reversed.input(input), &self.part, backward, wanted);
        if let Some(gradient) = input_gradient {
            let (_, input_time, _) = gradient.dim();
            for t in 0..input_time {
                for (row, mut sum) in gradient.step_mut(t).rows_mut().into_iter().enumerate() {
                    sum += &self.input_part.step(from_end(input.lengths(), input_time, row, t)).row(row);
                }
            }
        }
    }
}

/// What belongs to the forward layer, and what to the backward layer.
fn halves<T>(step: ArrayView2<'_, T>) -> (ArrayView2<'_, T>, ArrayView2<'_, T>) {
    let units = step.ncols() / 2;
    step.split_at(Axis(1), units)
}
