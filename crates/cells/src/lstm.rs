//! Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000).

use flameout_kernels::{PackedLeft, Real, dispatch};
use itertools::izip;
use ndarray::{Array2, ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis};
use rand_chacha::ChaCha8Rng;

use crate::activation::Activation;
use crate::initialise::Initialisation;
use crate::layer::{Input, Inputs, Layer, StepLayer};
use crate::projection::Projection;
use crate::recurrent::{Before, Initial, Lengths, RecurrentKernel, Stepped, assign_output_gradient, reshape, state_of};
use crate::rows::{BLOCK, CONTIGUOUS, Lefts, for_each_row, for_each_task, rows_per_task};
use crate::sequence::{Sequence, step_and_previous};
use crate::tensor::{GateView, GateViewMut, Tensor, gate_view, gate_view_mut};

/// The gates, in the order in which their columns lie in kernels and bias (Keras 2's order). An LSTM has no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LstmGate {
    /// i: how much of the candidate enters the cell.
    Input,
    /// f: how much of the cell stays.
    Forget,
    /// g: the candidate; Keras calls it c.
    Candidate,
    /// o: how much of the cell shows.
    Output,
}

/// An LSTM layer over whole sequences, starting from `h = c = 0` or a given state:
/// `(batch, time, inputs) -> (batch, time, units)`, or `(batch, 1, units)` if it returns the last state only.
///
/// ```text
/// i = σ(xWᵢ + hUᵢ + bᵢ)   f = σ(xW_f + hU_f + b_f)   o = σ(xWₒ + hUₒ + bₒ)   g = φ(xW_g + hU_g + b_g)
/// c' = f∘c + i∘g          h' = o∘φ(c')
/// ```
/// with σ the gate activation (default: sigmoid) and φ the activation (tanh).
///
/// Parameters, with the four gates' columns side by side in the order of [`LstmGate`]: `kernel (inputs, 4·units)`,
/// `recurrent_kernel (units, 4·units)`, `bias (4·units)`. [`gate`](Lstm::gate) shows those of one gate.
#[derive(Debug, Clone)]
pub struct Lstm<T> {
    units: usize,
    tensors: Vec<Tensor>,
    activation: Activation,
    gate_activation: Activation,
    return_sequences: bool,
    projection: Projection<T>,
    recurrent: RecurrentKernel<T>,
    /// `[i | f | g | o]` of each step; BPTT overwrites them with the gradients of what the gates were computed from.
    gates: Sequence<T>,
    cell: Sequence<T>,
    cell_activation: Sequence<T>,
    hidden: Sequence<T>,
    last_hidden: Sequence<T>,
    initial_hidden: Initial<T>,
    initial_cell: Initial<T>,
    hidden_gradient: Array2<T>,
    cell_gradient: Array2<T>,
    /// Of each task.
    lefts: Lefts<T>,
    awaits_backward: bool,
    /// For single steps: gates, cell activation, and both states.
    step_gates: Sequence<T>,
    step_cell_activation: Sequence<T>,
    stepped_hidden: Stepped<T>,
    stepped_cell: Stepped<T>,
}

impl<T: Real> Lstm<T> {
    /// A layer with sigmoid gates that returns its last hidden state.
    #[must_use]
    pub fn new(units: usize) -> Self {
        Self {
            units,
            tensors: Vec::new(),
            activation: Activation::Tanh,
            gate_activation: Activation::Sigmoid,
            return_sequences: false,
            projection: Projection::default(),
            recurrent: RecurrentKernel::default(),
            gates: Sequence::new(),
            cell: Sequence::new(),
            cell_activation: Sequence::new(),
            hidden: Sequence::new(),
            last_hidden: Sequence::new(),
            initial_hidden: Initial::default(),
            initial_cell: Initial::default(),
            hidden_gradient: Default::default(),
            cell_gradient: Default::default(),
            lefts: Lefts::default(),
            awaits_backward: false,
            step_gates: Sequence::new(),
            step_cell_activation: Sequence::new(),
            stepped_hidden: Stepped::new(),
            stepped_cell: Stepped::new(),
        }
    }

    /// Sets φ, the activation of candidate and cell.
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Sets σ, the activation of the three gates.
    #[must_use]
    pub fn gate_activation(mut self, activation: Activation) -> Self {
        self.gate_activation = activation;
        self
    }

    /// Whether to return the hidden state of every time step instead of the last one.
    #[must_use]
    pub fn return_sequences(mut self, every_step: bool) -> Self {
        self.return_sequences = every_step;
        self
    }

    /// One gate's parameters.
    #[must_use]
    pub fn gate<'a>(&self, gate: LstmGate, parameters: &'a [T]) -> GateView<'a, T> {
        gate_view(&self.tensors, parameters, gate as usize, self.units)
    }

    /// One gate's parameters, to write.
    pub fn gate_mut<'a>(&self, gate: LstmGate, parameters: &'a mut [T]) -> GateViewMut<'a, T> {
        gate_view_mut(&self.tensors, parameters, gate as usize, self.units)
    }

    /// From the arguments that come from the input (in `gates`), the gates and states of all steps.
    fn forward_through_time(&mut self, lengths: Option<&[usize]>) {
        let (batch, time, units) = self.hidden.dim();
        let rows = rows_per_task::<T>(batch, 4 * units * units);
        let activations = (self.activation, self.gate_activation);
        let recurrent = &self.recurrent;
        for_each_task(
            izip!(
                self.gates.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                self.cell.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                self.cell_activation.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                self.hidden.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                self.initial_hidden.chunks(rows),
                self.initial_cell.chunks(rows),
                Lengths::chunks(lengths, batch, rows),
                self.lefts.of_tasks(batch, rows),
            ),
            |(gates, cell, cell_activation, hidden, initial_hidden, initial_cell, lengths, left)| {
                let mut task = ForwardTask {
                    activations,
                    recurrent,
                    gates,
                    cell,
                    cell_activation,
                    hidden,
                    initial_hidden,
                    initial_cell,
                    lengths,
                    left,
                };
                (0..time).for_each(|t| task.step(t));
            },
        );
    }

    /// BPTT proper: runs back through time and leaves the gradients of the gates' arguments in `gates`.
    fn backward_through_time(&mut self, output_gradient: &Sequence<T>, lengths: Option<&[usize]>) {
        let (batch, time, units) = self.hidden.dim();
        reshape(&mut self.cell_gradient, batch, units);
        reshape(&mut self.hidden_gradient, batch, units);
        self.cell_gradient.fill(T::ZERO);
        let rows = rows_per_task::<T>(batch, 4 * units * units);
        let activations = (self.activation, self.gate_activation);
        let recurrent = &self.recurrent;
        for_each_task(
            izip!(
                self.gates.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                self.cell.by_time().axis_chunks_iter(Axis(1), rows),
                self.cell_activation.by_time().axis_chunks_iter(Axis(1), rows),
                output_gradient.by_time().axis_chunks_iter(Axis(1), rows),
                self.hidden_gradient.axis_chunks_iter_mut(Axis(0), rows),
                self.cell_gradient.axis_chunks_iter_mut(Axis(0), rows),
                self.initial_cell.chunks(rows),
                Lengths::chunks(lengths, batch, rows),
                self.lefts.of_tasks(batch, rows),
            ),
            |(
                gates,
                cell,
                cell_activation,
                output_gradient,
                hidden_gradient,
                cell_gradient,
                initial_cell,
                lengths,
                left,
            )| {
                let mut task = BackwardTask {
                    activations,
                    recurrent,
                    gates,
                    cell,
                    cell_activation,
                    output_gradient,
                    hidden_gradient,
                    cell_gradient,
                    initial_cell,
                    lengths,
                    left,
                };
                (0..time).rev().for_each(|t| task.step(t));
            },
        );
    }
}

impl<T: Real> Layer<T> for Lstm<T> {
    fn set_inputs(&mut self, inputs: Inputs) {
        let columns = 4 * self.units;
        self.projection = Projection::new(inputs);
        self.tensors = Tensor::lay_out(&[
            ("kernel", &[inputs.size(), columns]),
            ("recurrent_kernel", &[self.units, columns]),
            ("bias", &[columns]),
        ]);
    }

    fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    fn units(&self) -> usize {
        self.units
    }

    fn ends_sequence(&self) -> bool {
        !self.return_sequences
    }

    fn return_every_step(&mut self) {
        self.return_sequences = true;
    }

    fn initialise(&self, initialisation: &Initialisation, parameters: &mut [T], rng: &mut ChaCha8Rng) {
        let [kernel, recurrent, bias] = &self.tensors[..] else { unreachable!("three tensors") };
        let Initialisation { gates, forget_bias, .. } = *initialisation;
        initialisation.kernel.fill_gates(gates, kernel.view_mut(parameters), self.units, rng);
        initialisation.recurrent_kernel.fill_gates(gates, recurrent.view_mut(parameters), self.units, rng);
        initialisation.bias.fill(bias.view_mut(parameters), self.units, rng);
        if let Some(value) = forget_bias {
            self.gate_mut(LstmGate::Forget, parameters).bias.fill(T::from_f64(value));
        }
    }

    fn load(&mut self, parameters: &[T]) {
        assert_eq!(parameters.len(), self.parameter_count(), "parameters of an LSTM");
        let [kernel, recurrent, bias] = &self.tensors[..] else { unreachable!("three tensors") };
        self.projection.load(kernel.view(parameters), &parameters[bias.range()]);
        self.recurrent.load(recurrent.view(parameters));
    }

    fn forward(&mut self, input: Input<'_, T>) {
        let (batch, time) = input.batch_and_time();
        self.projection.forward(input, &mut self.gates);
        for states in [&mut self.cell, &mut self.cell_activation, &mut self.hidden] {
            states.resize(batch, time, self.units, T::ZERO);
        }
        self.initial_hidden.begin(batch, self.units);
        self.initial_cell.begin(batch, self.units);
        self.forward_through_time(input.lengths());
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
        self.backward_through_time(output_gradient, input.lengths());

        let [kernel, recurrent, bias] = &self.tensors[..] else { unreachable!("three tensors") };
        let recurrent_gradient = recurrent.view_mut(gradients);
        self.recurrent.gradient(self.initial_hidden.given(), &self.hidden, &self.gates, recurrent_gradient);

        let (kernel_gradient, rest) = gradients.split_at_mut(recurrent.offset);
        let bias_gradient = &mut rest[bias.offset - recurrent.offset..];
        let kernel_gradient = kernel.view_mut(kernel_gradient);
        self.projection.backward(input, &self.gates, kernel_gradient, bias_gradient, input_gradient);
    }

    fn minds_lengths(&self) -> bool {
        true
    }

    fn state_count(&self) -> Option<usize> {
        Some(2)
    }

    /// The hidden and the cell state.
    fn final_state(&self) -> Vec<ArrayView2<'_, T>> {
        [&self.hidden, &self.cell].into_iter().filter_map(Sequence::last_step).collect()
    }

    fn set_initial_state(&mut self, state: Option<&[Array2<T>]>) {
        let [hidden, cell] = state_of(state);
        self.initial_hidden.set(hidden);
        self.initial_cell.set(cell);
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

impl<T: Real> StepLayer<T> for Lstm<T> {
    fn step(&mut self, input: Input<'_, T>, parents: Option<&[usize]>) {
        let (rows, time) = input.batch_and_time();
        assert_eq!(time, 1, "a single time step");
        self.projection.forward(input, &mut self.step_gates);
        self.step_cell_activation.resize(rows, 1, self.units, T::ZERO);
        for states in [&mut self.stepped_hidden, &mut self.stepped_cell] {
            states.begin(rows, self.units, parents);
        }
        if parents.is_some() {
            let previous = self.stepped_hidden.previous.view();
            self.recurrent.add_product(previous, self.step_gates.step_mut(0), self.lefts.first());
        }
        update_states(
            (self.activation, self.gate_activation),
            self.step_gates.step_mut(0),
            self.stepped_cell.previous.view(),
            self.stepped_cell.states.step_mut(0),
            self.step_cell_activation.step_mut(0),
            self.stepped_hidden.states.step_mut(0),
        );
    }

    fn step_output(&self) -> &Sequence<T> {
        &self.stepped_hidden.states
    }
}

/// Sequences that are taken forward through time together: `gates (time, rows, 4·units)`, the others `(time, rows, units)`.
struct ForwardTask<'a, T> {
    activations: (Activation, Activation),
    recurrent: &'a RecurrentKernel<T>,
    gates: ArrayViewMut3<'a, T>,
    cell: ArrayViewMut3<'a, T>,
    cell_activation: ArrayViewMut3<'a, T>,
    hidden: ArrayViewMut3<'a, T>,
    initial_hidden: Before<'a, T>,
    initial_cell: Before<'a, T>,
    lengths: Lengths<'a>,
    left: &'a mut PackedLeft<T>,
}

impl<T: Real> ForwardTask<'_, T> {
    fn step(&mut self, t: usize) {
        let mut gates = self.gates.index_axis_mut(Axis(0), t);
        let (previous_hidden, mut hidden) = step_and_previous(&mut self.hidden, t);
        let previous_hidden = self.initial_hidden.or(previous_hidden);
        if let Some(previous) = previous_hidden {
            self.recurrent.add_product(previous, gates.view_mut(), self.left);
        }
        let (previous_cell, mut cell) = step_and_previous(&mut self.cell, t);
        update_states(
            self.activations,
            gates,
            previous_cell.unwrap_or(self.initial_cell.state),
            cell.view_mut(),
            self.cell_activation.index_axis_mut(Axis(0), t),
            hidden.view_mut(),
        );
        self.lengths.hold(t, previous_hidden, hidden);
        self.lengths.hold(t, previous_cell, cell);
    }
}

/// Sequences that are taken back through time together: `gates (time, rows, 4·units)`, the gradients but for the output's
/// `(rows, units)`, the others `(time, rows, units)`.
struct BackwardTask<'a, T> {
    activations: (Activation, Activation),
    recurrent: &'a RecurrentKernel<T>,
    gates: ArrayViewMut3<'a, T>,
    cell: ArrayView3<'a, T>,
    cell_activation: ArrayView3<'a, T>,
    output_gradient: ArrayView3<'a, T>,
    hidden_gradient: ArrayViewMut2<'a, T>,
    cell_gradient: ArrayViewMut2<'a, T>,
    initial_cell: Before<'a, T>,
    lengths: Lengths<'a>,
    left: &'a mut PackedLeft<T>,
}

impl<T: Real> BackwardTask<'_, T> {
    fn step(&mut self, t: usize) {
        let time = self.gates.len_of(Axis(0));
        assign_output_gradient(&mut self.hidden_gradient, self.output_gradient, t, time, self.lengths);
        if t + 1 < time {
            let deltas = self.gates.index_axis(Axis(0), t + 1);
            self.recurrent.add_transposed_product(deltas, self.hidden_gradient.view_mut(), self.left);
        }
        self.backward_gates(t);
    }

    /// From the gradients for the hidden and the cell state after step t, those for the gates' arguments (into `gates`)
    /// and for the cell state before step t.
    fn backward_gates(&mut self, t: usize) {
        let previous_cell = if t > 0 { self.cell.index_axis(Axis(0), t - 1) } else { self.initial_cell.state };
        let lengths = self.lengths;
        let (activation, gate_activation) = self.activations;
        for_each_row(
            previous_cell.ncols(),
            izip!(
                0..previous_cell.nrows(),
                self.gates.index_axis_mut(Axis(0), t).rows_mut(),
                previous_cell.rows(),
                self.cell_activation.index_axis(Axis(0), t).rows(),
                self.hidden_gradient.rows(),
                self.cell_gradient.rows_mut()
            ),
            |(row, gates, previous_cell, cell_activation, hidden_gradient, cell_gradient)| {
                let gates = gates.into_slice().expect(CONTIGUOUS);
                if lengths.over(row, t) {
                    // The states went through the step unchanged, and so do their gradients.
                    gates.fill(T::ZERO);
                    return;
                }
                dispatch(
                    #[inline(always)]
                    || {
                        let row = BackwardRow {
                            gates,
                            previous_cell: previous_cell.to_slice().expect(CONTIGUOUS),
                            cell_activation: cell_activation.to_slice().expect(CONTIGUOUS),
                            hidden_gradient: hidden_gradient.to_slice().expect(CONTIGUOUS),
                            cell_gradient: cell_gradient.into_slice().expect(CONTIGUOUS),
                        };
                        row.run(activation, gate_activation);
                    },
                );
            },
        );
    }
}

/// From the arguments of the gates, the gates and the states of some sequences after a time step.
fn update_states<T: Real>(
    (activation, gate_activation): (Activation, Activation),
    mut gates: ArrayViewMut2<'_, T>,
    previous_cell: ArrayView2<'_, T>,
    mut cell: ArrayViewMut2<'_, T>,
    mut cell_activation: ArrayViewMut2<'_, T>,
    mut hidden: ArrayViewMut2<'_, T>,
) {
    let units = cell.ncols();
    for_each_row(
        units,
        izip!(gates.rows_mut(), previous_cell.rows(), cell.rows_mut(), cell_activation.rows_mut(), hidden.rows_mut()),
        |(gates, previous_cell, cell, cell_activation, hidden)| {
            dispatch(
                #[inline(always)]
                || {
                    let row = ForwardRow {
                        gates: gates.into_slice().expect(CONTIGUOUS),
                        previous_cell: previous_cell.to_slice().expect(CONTIGUOUS),
                        cell: cell.into_slice().expect(CONTIGUOUS),
                        cell_activation: cell_activation.into_slice().expect(CONTIGUOUS),
                        hidden: hidden.into_slice().expect(CONTIGUOUS),
                    };
                    row.run(activation, gate_activation);
                },
            );
        },
    );
}

/// One sequence at one time step, forward. `gates` holds `[i | f | g | o]`: arguments on entry, activations on return.
struct ForwardRow<'a, T> {
    gates: &'a mut [T],
    previous_cell: &'a [T],
    cell: &'a mut [T],
    cell_activation: &'a mut [T],
    hidden: &'a mut [T],
}

impl<T: Real> ForwardRow<'_, T> {
    #[inline(always)]
    fn run(self, activation: Activation, gate_activation: Activation) {
        let units = self.cell.len();
        gate_activation.apply(&mut self.gates[..2 * units]);
        activation.apply(&mut self.gates[2 * units..3 * units]);
        gate_activation.apply(&mut self.gates[3 * units..]);
        let (input, rest) = self.gates.split_at(units);
        let (forget, rest) = rest.split_at(units);
        let (candidate, output) = rest.split_at(units);
        for j in 0..units {
            self.cell[j] = forget[j].mul_add(self.previous_cell[j], input[j] * candidate[j]);
        }
        self.cell_activation.copy_from_slice(self.cell);
        activation.apply(self.cell_activation);
        for ((hidden, output), cell) in self.hidden.iter_mut().zip(output).zip(self.cell_activation.iter()) {
            *hidden = *output * *cell;
        }
    }
}

/// One sequence at one time step, backward. `gates` holds activations on entry, the gradients of their arguments on
/// return; `cell_gradient` that for the cell state after the step, then before it.
struct BackwardRow<'a, T> {
    gates: &'a mut [T],
    previous_cell: &'a [T],
    cell_activation: &'a [T],
    hidden_gradient: &'a [T],
    cell_gradient: &'a mut [T],
}

impl<T: Real> BackwardRow<'_, T> {
    #[inline(always)]
    fn run(self, activation: Activation, gate_activation: Activation) {
        let units = self.previous_cell.len();
        let (input, rest) = self.gates.split_at_mut(units);
        let (forget, rest) = rest.split_at_mut(units);
        let (candidate, output) = rest.split_at_mut(units);
        for from in (0..units).step_by(BLOCK) {
            let block = from..(from + BLOCK).min(units);
            let len = block.len();
            let (input, forget) = (&mut input[block.clone()], &mut forget[block.clone()]);
            let (candidate, output) = (&mut candidate[block.clone()], &mut output[block.clone()]);
            let previous_cell = &self.previous_cell[block.clone()];
            let cell_activation = &self.cell_activation[block.clone()];
            let hidden_gradient = &self.hidden_gradient[block.clone()];
            let cell_gradient = &mut self.cell_gradient[block];

            let mut slopes = [[T::ZERO; BLOCK]; 5];
            let [input_slope, forget_slope, candidate_slope, output_slope, cell_slope] =
                slopes.each_mut().map(|slopes| &mut slopes[..len]);
            gate_activation.slopes(input, input_slope);
            gate_activation.slopes(forget, forget_slope);
            activation.slopes(candidate, candidate_slope);
            gate_activation.slopes(output, output_slope);
            activation.slopes(cell_activation, cell_slope);

            for j in 0..len {
                let dh = hidden_gradient[j];
                let dc = (dh * output[j]).mul_add(cell_slope[j], cell_gradient[j]);
                let (i, f, g) = (input[j], forget[j], candidate[j]);
                input[j] = dc * g * input_slope[j];
                forget[j] = dc * previous_cell[j] * forget_slope[j];
                candidate[j] = dc * i * candidate_slope[j];
                output[j] = dh * cell_activation[j] * output_slope[j];
                cell_gradient[j] = dc * f;
            }
        }
    }
}
