//! The gated recurrent unit (Cho et al. 2014), with the reset gate before or after the recurrent product.

mod after;
mod before;

use flameout_kernels::{Real, dispatch};
use itertools::izip;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use rand_chacha::ChaCha8Rng;

use crate::activation::Activation;
use crate::initialise::Initialisation;
use crate::layer::{Input, Inputs, Layer, StepLayer};
use crate::projection::Projection;
use crate::recurrent::{Initial, Stepped, state_of};
use crate::rows::{BLOCK, CONTIGUOUS, for_each_row};
use crate::sequence::Sequence;
use crate::tensor::{GateView, GateViewMut, Tensor, gate_view, gate_view_mut};

use after::ResetAfter;
use before::ResetBefore;

/// The gates, in the order in which their columns lie in kernels and biases (Keras 2's order). A GRU has no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GruGate {
    /// z: how much of the old state stays.
    Update,
    /// r: how much of the old state the candidate sees.
    Reset,
    /// g: the candidate; Keras calls it h.
    Candidate,
}

/// Where the reset gate acts: on either side of the recurrent product, and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Reset {
    /// On the state, before the recurrent product: `g = φ(xW_g + (r∘h)U_g + b_g)`. Cho et al. 2014; Keras 1 and 2.
    Before,
    /// On the product: `g = φ(xW_g + b_g + r∘(hU_g + b'_g))`, with a second bias b' in every gate. cuDNN, PyTorch, Keras 3.
    After,
}

/// A GRU layer over whole sequences, starting from `h = 0` or a given state:
/// `(batch, time, inputs) -> (batch, time, units)`, or `(batch, 1, units)` if it returns the last state only.
///
/// ```text
/// z = σ(xW_z + hU_z + b_z)   r = σ(xWᵣ + hUᵣ + bᵣ)   g: see Reset   h' = z∘h + (1 − z)∘g
/// ```
/// with σ the gate activation (default: sigmoid) and φ the activation (tanh).
///
/// Parameters, with the three gates' columns side by side in the order of [`GruGate`]: `kernel (inputs, 3·units)`,
/// `recurrent_kernel (units, 3·units)`, `bias (3·units)`, and `recurrent_bias (3·units)` for [`Reset::After`].
#[derive(Debug, Clone)]
pub struct Gru<T> {
    shape: Shape,
    tensors: Vec<Tensor>,
    return_sequences: bool,
    projection: Projection<T>,
    recurrence: Recurrence<T>,
    /// `[z | r | g]` of each step; BPTT overwrites them with the gradients of what the gates were computed from.
    gates: Sequence<T>,
    hidden: Sequence<T>,
    last_hidden: Sequence<T>,
    initial: Initial<T>,
    awaits_backward: bool,
    /// For single steps.
    step_gates: Sequence<T>,
    stepped_hidden: Stepped<T>,
}

/// What both recurrences need to know.
#[derive(Debug, Clone, Copy)]
struct Shape {
    units: usize,
    activation: Activation,
    gate_activation: Activation,
    reset: Reset,
}

/// What the recurrence starts from, and how many steps of each row count.
#[derive(Debug, Clone, Copy)]
struct Rows<'a, T> {
    initial: &'a Initial<T>,
    lengths: Option<&'a [usize]>,
}

impl Shape {
    /// Numbers of the recurrent kernel.
    fn weights(self) -> usize {
        3 * self.units * self.units
    }
}

#[derive(Debug, Clone)]
enum Recurrence<T> {
    Before(ResetBefore<T>),
    After(ResetAfter<T>),
}

impl<T: Real> Gru<T> {
    /// A layer with sigmoid gates that returns its last hidden state.
    #[must_use]
    pub fn new(units: usize, reset: Reset) -> Self {
        Self {
            tensors: Vec::new(),
            shape: Shape { units, activation: Activation::Tanh, gate_activation: Activation::Sigmoid, reset },
            return_sequences: false,
            projection: Projection::default(),
            recurrence: match reset {
                Reset::Before => Recurrence::Before(ResetBefore::default()),
                Reset::After => Recurrence::After(ResetAfter::default()),
            },
            gates: Sequence::new(),
            hidden: Sequence::new(),
            last_hidden: Sequence::new(),
            initial: Initial::default(),
            awaits_backward: false,
            step_gates: Sequence::new(),
            stepped_hidden: Stepped::new(),
        }
    }

    /// Sets φ, the activation of the candidate.
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> Self {
        self.shape.activation = activation;
        self
    }

    /// Sets σ, the activation of update and reset gate.
    #[must_use]
    pub fn gate_activation(mut self, activation: Activation) -> Self {
        self.shape.gate_activation = activation;
        self
    }

    /// Whether to return the hidden state of every time step instead of the last one.
    #[must_use]
    pub fn return_sequences(mut self, every_step: bool) -> Self {
        self.return_sequences = every_step;
        self
    }

    /// One gate's parameters. With [`Reset::After`] the gate's recurrent bias is not among them.
    #[must_use]
    pub fn gate<'a>(&self, gate: GruGate, parameters: &'a [T]) -> GateView<'a, T> {
        gate_view(&self.tensors, parameters, gate as usize, self.shape.units)
    }

    /// One gate's parameters, to write. With [`Reset::After`] the gate's recurrent bias is not among them.
    pub fn gate_mut<'a>(&self, gate: GruGate, parameters: &'a mut [T]) -> GateViewMut<'a, T> {
        gate_view_mut(&self.tensors, parameters, gate as usize, self.shape.units)
    }
}

fn lay_out(inputs: usize, units: usize, reset: Reset) -> Vec<Tensor> {
    let columns = 3 * units;
    let kernel: &[usize] = &[inputs, columns];
    let recurrent: &[usize] = &[units, columns];
    let bias: &[usize] = &[columns];
    match reset {
        Reset::Before => Tensor::lay_out(&[("kernel", kernel), ("recurrent_kernel", recurrent), ("bias", bias)]),
        Reset::After => Tensor::lay_out(&[
            ("kernel", kernel),
            ("recurrent_kernel", recurrent),
            ("bias", bias),
            ("recurrent_bias", bias),
        ]),
    }
}

impl<T: Real> Layer<T> for Gru<T> {
    fn set_inputs(&mut self, inputs: Inputs) {
        self.projection = Projection::new(inputs);
        self.tensors = lay_out(inputs.size(), self.shape.units, self.shape.reset);
    }

    fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    fn units(&self) -> usize {
        self.shape.units
    }

    fn ends_sequence(&self) -> bool {
        !self.return_sequences
    }

    fn return_every_step(&mut self) {
        self.return_sequences = true;
    }

    fn initialise(&self, initialisation: &Initialisation, parameters: &mut [T], rng: &mut ChaCha8Rng) {
        let tensors = &self.tensors;
        let units = self.shape.units;
        let gates = initialisation.gates;
        initialisation.kernel.fill_gates(gates, tensors[0].view_mut(parameters), units, rng);
        initialisation.recurrent_kernel.fill_gates(gates, tensors[1].view_mut(parameters), units, rng);
        for bias in &tensors[2..] {
            initialisation.bias.fill(bias.view_mut(parameters), units, rng);
        }
    }

    fn load(&mut self, parameters: &[T]) {
        assert_eq!(parameters.len(), self.parameter_count(), "parameters of a GRU");
        let tensors = &self.tensors;
        self.projection.load(tensors[0].view(parameters), &parameters[tensors[2].range()]);
        let recurrent = tensors[1].view(parameters);
        match &mut self.recurrence {
            Recurrence::Before(before) => before.load(recurrent, self.shape.units),
            Recurrence::After(after) => after.load(recurrent, &parameters[tensors[3].range()]),
        }
    }

    fn forward(&mut self, input: Input<'_, T>) {
        let (batch, time) = input.batch_and_time();
        let units = self.shape.units;
        self.projection.forward(input, &mut self.gates);
        self.hidden.resize(batch, time, units, T::ZERO);
        self.initial.begin(batch, units);
        let rows = Rows { initial: &self.initial, lengths: input.lengths() };
        match &mut self.recurrence {
            Recurrence::Before(before) => before.forward(self.shape, rows, &mut self.gates, &mut self.hidden),
            Recurrence::After(after) => after.forward(self.shape, rows, &mut self.gates, &mut self.hidden),
        }
        if !self.return_sequences {
            self.last_hidden.assign_last_step(&self.hidden);
        }
        self.awaits_backward = true;
    }

    fn output(&self) -> &Sequence<T> {
        if self.return_sequences { &self.hidden } else { &self.last_hidden }
    }

    fn backward(
        &mut self,
        input: Input<'_, T>,
        output_gradient: &Sequence<T>,
        gradients: &mut [T],
        input_gradient: Option<&mut Sequence<T>>,
    ) {
        assert!(std::mem::take(&mut self.awaits_backward), "backward needs a forward pass before it");
        assert_eq!(output_gradient.dim(), self.output().dim(), "shape of the output gradient");
        let tensors = &self.tensors;
        let (kernel_gradient, rest) = gradients.split_at_mut(tensors[1].offset);
        let (recurrent_gradient, biases) = rest.split_at_mut(tensors[1].range().len());
        let recurrent_gradient = ArrayViewMut2::from_shape(tensors[1].matrix_shape(), recurrent_gradient)
            .expect("the range has the shape's size");
        let (bias_gradient, recurrent_bias_gradient) = biases.split_at_mut(tensors[2].range().len());
        let rows = Rows { initial: &self.initial, lengths: input.lengths() };
        match &mut self.recurrence {
            Recurrence::Before(before) => {
                before.backward(self.shape, rows, &mut self.gates, &self.hidden, output_gradient);
                before.gradients(rows, &self.gates, &self.hidden, recurrent_gradient);
            }
            Recurrence::After(after) => {
                after.backward(self.shape, rows, &mut self.gates, &self.hidden, output_gradient);
                after.gradients(rows, &self.hidden, recurrent_gradient, recurrent_bias_gradient);
            }
        }
        let kernel_gradient = tensors[0].view_mut(kernel_gradient);
        self.projection.backward(input, &self.gates, kernel_gradient, bias_gradient, input_gradient);
    }

    fn minds_lengths(&self) -> bool {
        true
    }

    fn state_count(&self) -> Option<usize> {
        Some(1)
    }

    fn final_state(&self) -> Vec<ArrayView2<'_, T>> {
        self.hidden.last_step().into_iter().collect()
    }

    fn set_initial_state(&mut self, state: Option<&[Array2<T>]>) {
        let [hidden] = state_of(state);
        self.initial.set(hidden);
    }

    fn gates(&self) -> Option<&Sequence<T>> {
        self.awaits_backward.then_some(&self.gates)
    }

    fn as_step_layer(&self) -> Option<&dyn StepLayer<T>> {
        Some(self)
    }

    fn as_step_layer_mut(&mut self) -> Option<&mut dyn StepLayer<T>> {
        Some(self)
    }
}

impl<T: Real> StepLayer<T> for Gru<T> {
    fn step(&mut self, input: Input<'_, T>, parents: Option<&[usize]>) {
        let (rows, time) = input.batch_and_time();
        assert_eq!(time, 1, "a single time step");
        // The recurrence's buffers are used for this step: a forward pass before it is no longer kept.
        self.awaits_backward = false;
        self.projection.forward(input, &mut self.step_gates);
        self.stepped_hidden.begin(rows, self.shape.units, parents);
        let Stepped { states, previous } = &mut self.stepped_hidden;
        let previous = parents.map(|_| previous.view());
        let (gates, hidden) = (self.step_gates.step_mut(0), states.step_mut(0));
        match &mut self.recurrence {
            Recurrence::Before(before) => before.step(self.shape, gates, previous, hidden),
            Recurrence::After(after) => after.step(self.shape, gates, previous, hidden),
        }
    }

    fn step_output(&self) -> &Sequence<T> {
        &self.stepped_hidden.states
    }
}

/// `g = φ(argument)`, `h' = g + z∘(h − g)` for a whole batch at one time step.
fn update_hidden<T: Real>(
    shape: Shape,
    mut gates: ArrayViewMut2<'_, T>,
    previous_hidden: ArrayView2<'_, T>,
    mut hidden: ArrayViewMut2<'_, T>,
) {
    let units = shape.units;
    for_each_row(
        units,
        izip!(gates.rows_mut(), previous_hidden.rows(), hidden.rows_mut()),
        |(gates, previous, hidden)| {
            let (gates, previous) = (gates.into_slice().expect(CONTIGUOUS), previous.to_slice().expect(CONTIGUOUS));
            let hidden = hidden.into_slice().expect(CONTIGUOUS);
            dispatch(
                #[inline(always)]
                || {
                    let (zr, candidate) = gates.split_at_mut(2 * units);
                    shape.activation.apply(candidate);
                    for (((to, z), g), h) in hidden.iter_mut().zip(&zr[..units]).zip(candidate).zip(previous) {
                        *to = z.mul_add(*h - *g, *g);
                    }
                },
            );
        },
    );
}

/// One sequence at one time step, backward through `h' = g + z∘(h − g)`. `gates` holds `[z | r | g]` on entry;
/// on return the gradients of the arguments of z and g, with r left as it is; `carried` is then `dh'∘z`.
struct UpdateRow<'a, T> {
    gates: &'a mut [T],
    previous_hidden: &'a [T],
    hidden_gradient: &'a [T],
    carried: &'a mut [T],
}

impl<'a, T: Real> UpdateRow<'a, T> {
    #[inline(always)]
    fn run(self, shape: Shape) -> &'a mut [T] {
        let units = shape.units;
        let (update, rest) = self.gates.split_at_mut(units);
        let candidate = &mut rest[units..];
        for from in (0..units).step_by(BLOCK) {
            let block = from..(from + BLOCK).min(units);
            let len = block.len();
            let (update, candidate) = (&mut update[block.clone()], &mut candidate[block.clone()]);
            let previous_hidden = &self.previous_hidden[block.clone()];
            let hidden_gradient = &self.hidden_gradient[block.clone()];
            let carried = &mut self.carried[block];
            let mut slopes = [[T::ZERO; BLOCK]; 2];
            let [update_slope, candidate_slope] = slopes.each_mut().map(|slopes| &mut slopes[..len]);
            shape.gate_activation.slopes(update, update_slope);
            shape.activation.slopes(candidate, candidate_slope);
            for j in 0..len {
                let (dh, z, g) = (hidden_gradient[j], update[j], candidate[j]);
                update[j] = dh * (previous_hidden[j] - g) * update_slope[j];
                candidate[j] = dh * (T::ONE - z) * candidate_slope[j];
                carried[j] = dh * z;
            }
        }
        self.gates
    }
}

/// One sequence at a time step at which it is over: the state went through it unchanged, and so does its gradient.
fn pass_over<T: Real>(gates: &mut [T], carried: &mut [T]) {
    gates.fill(T::ZERO);
    carried.fill(T::ZERO);
}

fn add_assign<T: Real>(to: &mut ArrayViewMut2<'_, T>, values: ArrayView2<'_, T>) {
    to.zip_mut_with(&values, |to, x| *to += *x);
}
