//! Two layers over one sequence, one from either end.

use flameout_kernels::Real;
use ndarray::{Array2, ArrayView2, Axis};
use rand_chacha::ChaCha8Rng;

use crate::initialise::Initialisation;
use crate::layer::{Input, Layer};
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
#[derive(Debug, Clone)]
struct Reversed<T> {
    indices: Array2<u16>,
    sequence: Sequence<T>,
}

impl<T: Real> Reversed<T> {
    /// Takes a new input.
    fn fill(&mut self, input: Input<'_, T>) {
        match input {
            Input::Indices(indices) => {
                // Keeps its memory as long as the shape stays.
                if self.indices.dim() != indices.dim() {
                    self.indices = Array2::zeros(indices.dim());
                }
                let mut from_end = indices;
                from_end.invert_axis(Axis(1));
                self.indices.assign(&from_end);
            }
            Input::Sequence(sequence) => {
                let (batch, time, units) = sequence.dim();
                self.sequence.resize(batch, time, units, T::ZERO);
                for t in 0..time {
                    self.sequence.step_mut(t).assign(&sequence.step(time - 1 - t));
                }
            }
        }
    }

    /// As the layer wants it, for an input of this kind.
    fn input(&self, original: Input<'_, T>) -> Input<'_, T> {
        match original {
            Input::Indices(_) => Input::Indices(self.indices.view()),
            Input::Sequence(_) => Input::Sequence(&self.sequence),
        }
    }
}

impl<T: Real, L: Layer<T>> Bidirectional<T, L> {
    /// Two layers of the same shape.
    ///
    /// # Panics
    /// If their parameters have different names or shapes.
    #[must_use]
    pub fn new(forward: L, backward: L) -> Self {
        assert_eq!(forward.tensors(), backward.tensors(), "two layers of the same shape");
        let count = forward.parameter_count();
        let of = |direction: &str, layer: &L, offset: usize| -> Vec<Tensor> {
            let rename = |tensor: &Tensor| Tensor {
                name: format!("{direction}/{}", tensor.name),
                shape: tensor.shape.clone(),
                offset: offset + tensor.offset,
            };
            layer.tensors().iter().map(rename).collect()
        };
        let mut tensors = of("forward", &forward, 0);
        tensors.extend(of("backward", &backward, count));
        let reversed = Reversed { indices: Array2::zeros((0, 0)), sequence: Sequence::new() };
        let [output, part, input_part] = std::array::from_fn(|_| Sequence::new());
        Self { forward, backward, tensors, reversed, output, part, input_part }
    }

    /// Puts both layers' outputs side by side.
    fn join(&mut self) {
        let (batch, time, units) = self.forward.output().dim();
        self.output.resize(batch, time, 2 * units, T::ZERO);
        for t in 0..time {
            let mut step = self.output.step_mut(t);
            let (mut left, mut right) = step.view_mut().split_at(Axis(1), units);
            left.assign(&self.forward.output().step(t));
            right.assign(&self.backward.output().step(time - 1 - t));
        }
    }
}

impl<T: Real, L: Layer<T>> Layer<T> for Bidirectional<T, L> {
    fn tensors(&self) -> &[Tensor] {
        &self.tensors
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
        self.join();
    }

    fn output(&self) -> &Sequence<T> {
        &self.output
    }

    /// # Panics
    /// Always, beyond sequences of one step: what comes later takes part in every state.
    fn step(&mut self, input: Input<'_, T>, parents: Option<&[usize]>) {
        assert!(parents.is_none(), "a bidirectional layer needs the whole sequence");
        self.forward(input);
    }

    fn step_output(&self) -> &Sequence<T> {
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
        let units = both / 2;
        let (forward, backward) = gradients.split_at_mut(self.forward.parameter_count());

        self.part.resize(batch, time, units, T::ZERO);
        for t in 0..time {
            self.part.step_mut(t).assign(&halves(output_gradient.step(t)).0);
        }
        self.forward.backward(input, &self.part, forward, input_gradient.as_deref_mut());

        for t in 0..time {
            self.part.step_mut(t).assign(&halves(output_gradient.step(time - 1 - t)).1);
        }
        let wanted = input_gradient.is_some().then_some(&mut self.input_part);
        self.backward.backward(self.reversed.input(input), &self.part, backward, wanted);
        if let Some(gradient) = input_gradient {
            let (_, input_time, _) = gradient.dim();
            for t in 0..input_time {
                let mut sum = gradient.step_mut(t);
                sum += &self.input_part.step(input_time - 1 - t);
            }
        }
    }
}

/// What belongs to the forward layer, and what to the backward layer.
fn halves<T>(step: ArrayView2<'_, T>) -> (ArrayView2<'_, T>, ArrayView2<'_, T>) {
    let units = step.ncols() / 2;
    step.split_at(Axis(1), units)
}
