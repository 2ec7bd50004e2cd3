//! The reset gate before the recurrent product: two products a step, one for z and r, one for the candidate.

use flameout_kernels::{PackedLeft, PackedRight, Real, Start, dispatch, product};
use itertools::izip;
use ndarray::{Array2, ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis};

use super::{Rows, Shape};
use crate::recurrent::{Before, Lengths, assign_output_gradient, reshape};
use crate::rows::{BLOCK, CONTIGUOUS, Lefts, for_each_row, for_each_task, rows_per_task};
use crate::sequence::{Sequence, step_and_previous};
use crate::tensor::{columns, columns_mut};

/// Packed weights and buffers of the recurrence.
#[derive(Debug, Clone, Default)]
pub(super) struct ResetBefore<T> {
    kernels: Kernels<T>,
    /// `r∘h` of each step, h being the state before it.
    reset_hidden: Sequence<T>,
    zeros: Array2<T>,
    hidden_gradient: Array2<T>,
    /// What reaches the state before a step without passing a product with `[U_z | U_r]`.
    carried: Array2<T>,
    reset_hidden_gradient: Array2<T>,
    /// Of each task.
    lefts: Lefts<T>,
    deltas: PackedRight<T>,
}

/// The recurrent kernel, packed.
#[derive(Debug, Clone, Default)]
struct Kernels<T> {
    /// `[U_z | U_r]`, and transposed.
    gates: PackedRight<T>,
    gates_transposed: PackedRight<T>,
    /// `U_g`, and transposed.
    candidate: PackedRight<T>,
    candidate_transposed: PackedRight<T>,
}

impl<T: Real> ResetBefore<T> {
    pub(super) fn load(&mut self, recurrent: ArrayView2<'_, T>, units: usize) {
        let (gates, candidate) = recurrent.split_at(Axis(1), 2 * units);
        self.kernels.gates.pack_with_transposed(&mut self.kernels.gates_transposed, gates);
        self.kernels.candidate.pack_with_transposed(&mut self.kernels.candidate_transposed, candidate);
    }

    /// From the arguments that come from the input (in `gates`), the gates and states of all steps.
    pub(super) fn forward(&mut self, shape: Shape, of: Rows<'_, T>, gates: &mut Sequence<T>, hidden: &mut Sequence<T>) {
        let (batch, time, units) = hidden.dim();
        self.reset_hidden.resize(batch, time, units, T::ZERO);
        let rows = rows_per_task::<T>(batch, shape.weights());
        let kernels = &self.kernels;
        for_each_task(
            izip!(
                gates.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                self.reset_hidden.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                hidden.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                of.initial.chunks(rows),
                Lengths::chunks(of.lengths, batch, rows),
                self.lefts.of_tasks(batch, rows),
            ),
            |(mut gates, mut reset_hidden, mut hidden, initial, lengths, left)| {
                for t in 0..time {
                    let (previous, mut hidden) = step_and_previous(&mut hidden, t);
                    let previous = initial.or(previous);
                    let step = ForwardStep {
                        shape,
                        gates: gates.index_axis_mut(Axis(0), t),
                        reset_hidden: reset_hidden.index_axis_mut(Axis(0), t),
                        previous,
                        initial: initial.state,
                        hidden: hidden.view_mut(),
                    };
                    step.run(kernels, left);
                    lengths.hold(t, previous, hidden);
                }
            },
        );
    }

    /// A single step from these states (none: from zero).
    pub(super) fn step(
        &mut self,
        shape: Shape,
        gates: ArrayViewMut2<'_, T>,
        previous: Option<ArrayView2<'_, T>>,
        hidden: ArrayViewMut2<'_, T>,
    ) {
        let (rows, units) = hidden.dim();
        self.reset_hidden.resize(rows, 1, units, T::ZERO);
        reshape(&mut self.zeros, rows, units);
        let reset_hidden = self.reset_hidden.step_mut(0);
        let step = ForwardStep { shape, gates, reset_hidden, previous, initial: self.zeros.view(), hidden };
        step.run(&self.kernels, self.lefts.first());
    }

    /// BPTT: overwrites `gates` with the gradients of the gates' arguments.
    pub(super) fn backward(
        &mut self,
        shape: Shape,
        of: Rows<'_, T>,
        gates: &mut Sequence<T>,
        hidden: &Sequence<T>,
        output_gradient: &Sequence<T>,
    ) {
        let (batch, time, units) = hidden.dim();
        for matrix in [&mut self.hidden_gradient, &mut self.carried, &mut self.reset_hidden_gradient] {
            reshape(matrix, batch, units);
        }
        self.carried.fill(T::ZERO);
        let rows = rows_per_task::<T>(batch, shape.weights());
        let kernels = &self.kernels;
        for_each_task(
            izip!(
                gates.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                hidden.by_time().axis_chunks_iter(Axis(1), rows),
                output_gradient.by_time().axis_chunks_iter(Axis(1), rows),
                self.hidden_gradient.axis_chunks_iter_mut(Axis(0), rows),
                self.carried.axis_chunks_iter_mut(Axis(0), rows),
                self.reset_hidden_gradient.axis_chunks_iter_mut(Axis(0), rows),
                of.initial.chunks(rows),
                Lengths::chunks(of.lengths, batch, rows),
                self.lefts.of_tasks(batch, rows),
            ),
            |(
                gates,
                hidden,
                output_gradient,
                hidden_gradient,
                carried,
                reset_hidden_gradient,
                initial,
                lengths,
                left,
            )| {
                let mut task = BackwardTask {
                    shape,
                    kernels,
                    gates,
                    hidden,
                    output_gradient,
                    hidden_gradient,
                    carried,
                    reset_hidden_gradient,
                    initial,
                    lengths,
                    left,
                };
                (0..time).rev().for_each(|t| task.step(t));
            },
        );
    }

    /// The gradient for the recurrent kernel, from what [`backward`](Self::backward) left in `gates`.
    pub(super) fn gradients(
        &mut self,
        of: Rows<'_, T>,
        gates: &Sequence<T>,
        hidden: &Sequence<T>,
        recurrent_gradient: ArrayViewMut2<'_, T>,
    ) {
        let (_, time, units) = hidden.dim();
        let left = self.lefts.first();
        let (mut gate_gradient, candidate_gradient) = recurrent_gradient.split_at(Axis(1), 2 * units);
        left.pack(hidden.steps(0, time - 1).reversed_axes());
        self.deltas.pack(columns(gates.steps(1, time), ..2 * units));
        product(left, &self.deltas, gate_gradient.view_mut(), Start::Zero);
        // Where h before the first step is zero, that step adds nothing.
        let mut from = 1;
        if let Some(initial) = of.initial.given() {
            left.pack(initial.reversed_axes());
            self.deltas.pack(columns(gates.step(0), ..2 * units));
            product(left, &self.deltas, gate_gradient, Start::Out);
            from = 0;
        }
        left.pack(self.reset_hidden.steps(from, time).reversed_axes());
        self.deltas.pack(columns(gates.steps(from, time), 2 * units..));
        product(left, &self.deltas, candidate_gradient, Start::Zero);
    }
}

/// One step of some sequences, forward.
struct ForwardStep<'a, T> {
    shape: Shape,
    /// `(rows, 3·units)`; the others `(rows, units)`.
    gates: ArrayViewMut2<'a, T>,
    reset_hidden: ArrayViewMut2<'a, T>,
    /// None for the zeros before the first step: they are `initial`.
    previous: Option<ArrayView2<'a, T>>,
    initial: ArrayView2<'a, T>,
    hidden: ArrayViewMut2<'a, T>,
}

impl<T: Real> ForwardStep<'_, T> {
    fn run(mut self, kernels: &Kernels<T>, left: &mut PackedLeft<T>) {
        let units = self.shape.units;
        if let Some(previous) = self.previous {
            left.pack(previous);
            product(left, &kernels.gates, columns_mut(&mut self.gates, ..2 * units), Start::Out);
        }
        let previous_hidden = self.previous.unwrap_or(self.initial);
        self.reset(previous_hidden);
        if self.previous.is_some() {
            left.pack(self.reset_hidden.view());
            product(left, &kernels.candidate, columns_mut(&mut self.gates, 2 * units..), Start::Out);
        }
        super::update_hidden(self.shape, self.gates, previous_hidden, self.hidden);
    }

    /// The activations of z and r, and r∘h.
    fn reset(&mut self, previous_hidden: ArrayView2<'_, T>) {
        let Shape { units, gate_activation, .. } = self.shape;
        for_each_row(
            units,
            izip!(self.gates.rows_mut(), previous_hidden.rows(), self.reset_hidden.rows_mut()),
            |(gates, previous, reset_hidden)| {
                let (gates, previous) = (gates.into_slice().expect(CONTIGUOUS), previous.to_slice().expect(CONTIGUOUS));
                let reset_hidden = reset_hidden.into_slice().expect(CONTIGUOUS);
                dispatch(
                    #[inline(always)]
                    || {
                        let gates = &mut gates[..2 * units];
                        gate_activation.apply(gates);
                        for ((to, r), h) in reset_hidden.iter_mut().zip(&gates[units..]).zip(previous) {
                            *to = *r * *h;
                        }
                    },
                );
            },
        );
    }
}

/// Sequences that are taken back through time together: `gates (time, rows, 3·units)`, `hidden (time, rows, units)`,
/// `output_gradient (time or 1, rows, units)`, the others `(rows, units)`.
struct BackwardTask<'a, T> {
    shape: Shape,
    kernels: &'a Kernels<T>,
    gates: ArrayViewMut3<'a, T>,
    hidden: ArrayView3<'a, T>,
    output_gradient: ArrayView3<'a, T>,
    hidden_gradient: ArrayViewMut2<'a, T>,
    carried: ArrayViewMut2<'a, T>,
    reset_hidden_gradient: ArrayViewMut2<'a, T>,
    initial: Before<'a, T>,
    lengths: Lengths<'a>,
    left: &'a mut PackedLeft<T>,
}

impl<T: Real> BackwardTask<'_, T> {
    fn step(&mut self, t: usize) {
        let (time, units) = (self.gates.len_of(Axis(0)), self.shape.units);
        assign_output_gradient(&mut self.hidden_gradient, self.output_gradient, t, time, self.lengths);
        if t + 1 < time {
            super::add_assign(&mut self.hidden_gradient, self.carried.view());
            self.left.pack(columns(self.gates.index_axis(Axis(0), t + 1), ..2 * units));
            product(self.left, &self.kernels.gates_transposed, self.hidden_gradient.view_mut(), Start::Out);
        }
        let previous_hidden = if t > 0 { self.hidden.index_axis_move(Axis(0), t - 1) } else { self.initial.state };
        self.backward_update_and_candidate(t, previous_hidden);
        self.left.pack(columns(self.gates.index_axis(Axis(0), t), 2 * units..));
        let gradient = self.reset_hidden_gradient.view_mut();
        product(self.left, &self.kernels.candidate_transposed, gradient, Start::Zero);
        self.backward_reset(t, previous_hidden);
    }

    /// The gradients of the arguments of z and g, and what of h's gradient passes through z: `carried = dh∘z`.
    fn backward_update_and_candidate(&mut self, t: usize, previous_hidden: ArrayView2<'_, T>) {
        let (shape, lengths) = (self.shape, self.lengths);
        for_each_row(
            shape.units,
            izip!(
                0..previous_hidden.nrows(),
                self.gates.index_axis_mut(Axis(0), t).rows_mut(),
                previous_hidden.rows(),
                self.hidden_gradient.rows(),
                self.carried.rows_mut()
            ),
            |(row, gates, previous, hidden_gradient, carried)| {
                let (gates, carried) = (gates.into_slice().expect(CONTIGUOUS), carried.into_slice().expect(CONTIGUOUS));
                if lengths.over(row, t) {
                    super::pass_over(gates, carried);
                    return;
                }
                let row = super::UpdateRow {
                    gates,
                    previous_hidden: previous.to_slice().expect(CONTIGUOUS),
                    hidden_gradient: hidden_gradient.to_slice().expect(CONTIGUOUS),
                    carried,
                };
                dispatch(
                    #[inline(always)]
                    || row.run(shape),
                );
            },
        );
    }

    /// From the gradient of r∘h, that of the argument of r; and `carried += d(r∘h)∘r`.
    fn backward_reset(&mut self, t: usize, previous_hidden: ArrayView2<'_, T>) {
        let Shape { units, gate_activation, .. } = self.shape;
        for_each_row(
            units,
            izip!(
                self.gates.index_axis_mut(Axis(0), t).rows_mut(),
                previous_hidden.rows(),
                self.reset_hidden_gradient.rows(),
                self.carried.rows_mut()
            ),
            |(gates, previous, gradient, carried)| {
                let reset = &mut gates.into_slice().expect(CONTIGUOUS)[units..2 * units];
                let previous = previous.to_slice().expect(CONTIGUOUS);
                let gradient = gradient.to_slice().expect(CONTIGUOUS);
                let carried = carried.into_slice().expect(CONTIGUOUS);
                dispatch(
                    #[inline(always)]
                    || {
                        for from in (0..units).step_by(BLOCK) {
                            let block = from..(from + BLOCK).min(units);
                            let (reset, previous) = (&mut reset[block.clone()], &previous[block.clone()]);
                            let (gradient, carried) = (&gradient[block.clone()], &mut carried[block.clone()]);
                            let mut slopes = [T::ZERO; BLOCK];
                            let slopes = &mut slopes[..block.len()];
                            gate_activation.slopes(reset, slopes);
                            for j in 0..block.len() {
                                carried[j] = gradient[j].mul_add(reset[j], carried[j]);
                                reset[j] = gradient[j] * previous[j] * slopes[j];
                            }
                        }
                    },
                );
            },
        );
    }
}
