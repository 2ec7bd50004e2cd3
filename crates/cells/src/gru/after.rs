//! The reset gate after the recurrent product: one product a step, `hU + b'` for all three gates.

use flameout_kernels::{PackedLeft, Real, dispatch};
use itertools::izip;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis};

use super::{Rows, Shape};
use crate::projection::sum_rows;
use crate::recurrent::{Before, Lengths, RecurrentKernel, assign_output_gradient, reshape};
use crate::rows::{BLOCK, CONTIGUOUS, Lefts, for_each_row, for_each_task, rows_per_task};
use crate::sequence::{Sequence, step_and_previous};

/// Packed weights and buffers of the recurrence.
#[derive(Debug, Clone, Default)]
pub(super) struct ResetAfter<T> {
    kernel: RecurrentKernel<T>,
    bias: Vec<T>,
    /// `hU + b'` of each step; BPTT overwrites it with its gradient.
    inner: Sequence<T>,
    zeros: Array2<T>,
    hidden_gradient: Array2<T>,
    /// What reaches the state before a step without passing the product.
    carried: Array2<T>,
    /// Of each task.
    lefts: Lefts<T>,
}

impl<T: Real> ResetAfter<T> {
    pub(super) fn load(&mut self, recurrent: ArrayView2<'_, T>, bias: &[T]) {
        self.kernel.load(recurrent);
        self.bias.clear();
        self.bias.extend_from_slice(bias);
    }

    /// From the arguments that come from the input (in `gates`), the gates and states of all steps.
    pub(super) fn forward(&mut self, shape: Shape, of: Rows<'_, T>, gates: &mut Sequence<T>, hidden: &mut Sequence<T>) {
        let (batch, time, units) = hidden.dim();
        self.begin(batch, time, units);
        let rows = rows_per_task::<T>(batch, shape.weights());
        let kernel = &self.kernel;
        for_each_task(
            izip!(
                gates.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                self.inner.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                hidden.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                of.initial.chunks(rows),
                Lengths::chunks(of.lengths, batch, rows),
                self.lefts.of_tasks(batch, rows),
            ),
            |(mut gates, mut inner, mut hidden, initial, lengths, left)| {
                for t in 0..time {
                    let (previous, mut hidden) = step_and_previous(&mut hidden, t);
                    let previous = initial.or(previous);
                    let step = ForwardStep {
                        shape,
                        gates: gates.index_axis_mut(Axis(0), t),
                        inner: inner.index_axis_mut(Axis(0), t),
                        previous,
                        initial: initial.state,
                        hidden: hidden.view_mut(),
                    };
                    step.run(kernel, left);
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
        self.begin(rows, 1, units);
        let inner = self.inner.step_mut(0);
        let step = ForwardStep { shape, gates, inner, previous, initial: self.zeros.view(), hidden };
        step.run(&self.kernel, self.lefts.first());
    }

    fn begin(&mut self, batch: usize, time: usize, units: usize) {
        self.inner.resize(batch, time, 3 * units, T::ZERO);
        let bias = ArrayView1::from(&self.bias);
        self.inner.rows_mut().rows_mut().into_iter().for_each(|mut row| row.assign(&bias));
        reshape(&mut self.zeros, batch, units);
    }

    /// BPTT: overwrites `gates` with the gradients of the gates' arguments, and `inner` with its own.
    pub(super) fn backward(
        &mut self,
        shape: Shape,
        of: Rows<'_, T>,
        gates: &mut Sequence<T>,
        hidden: &Sequence<T>,
        output_gradient: &Sequence<T>,
    ) {
        let (batch, time, units) = hidden.dim();
        reshape(&mut self.hidden_gradient, batch, units);
        reshape(&mut self.carried, batch, units);
        self.carried.fill(T::ZERO);
        let rows = rows_per_task::<T>(batch, shape.weights());
        let kernel = &self.kernel;
        for_each_task(
            izip!(
                gates.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                self.inner.by_time_mut().axis_chunks_iter_mut(Axis(1), rows),
                hidden.by_time().axis_chunks_iter(Axis(1), rows),
                output_gradient.by_time().axis_chunks_iter(Axis(1), rows),
                self.hidden_gradient.axis_chunks_iter_mut(Axis(0), rows),
                self.carried.axis_chunks_iter_mut(Axis(0), rows),
                of.initial.chunks(rows),
                Lengths::chunks(of.lengths, batch, rows),
                self.lefts.of_tasks(batch, rows),
            ),
            |(gates, inner, hidden, output_gradient, hidden_gradient, carried, initial, lengths, left)| {
                let mut task = BackwardTask {
                    shape,
                    kernel,
                    gates,
                    inner,
                    hidden,
                    output_gradient,
                    hidden_gradient,
                    carried,
                    initial,
                    lengths,
                    left,
                };
                (0..time).rev().for_each(|t| task.step(t));
            },
        );
    }

    /// The gradients for the recurrent kernel and bias, from what [`backward`](Self::backward) left behind.
    pub(super) fn gradients(
        &mut self,
        of: Rows<'_, T>,
        hidden: &Sequence<T>,
        recurrent_gradient: ArrayViewMut2<'_, T>,
        bias_gradient: &mut [T],
    ) {
        self.kernel.gradient(of.initial.given(), hidden, &self.inner, recurrent_gradient);
        // The first step adds to the bias' gradient even where the state before it is zero.
        sum_rows(self.inner.rows(), bias_gradient);
    }
}

/// One step of some sequences, forward.
struct ForwardStep<'a, T> {
    shape: Shape,
    /// `(rows, 3·units)`, as is `inner`; the others `(rows, units)`.
    gates: ArrayViewMut2<'a, T>,
    /// The bias on entry, `hU + b'` on return.
    inner: ArrayViewMut2<'a, T>,
    /// None for the zeros before the first step: they are `initial`.
    previous: Option<ArrayView2<'a, T>>,
    initial: ArrayView2<'a, T>,
    hidden: ArrayViewMut2<'a, T>,
}

impl<T: Real> ForwardStep<'_, T> {
    fn run(mut self, kernel: &RecurrentKernel<T>, left: &mut PackedLeft<T>) {
        let shape = self.shape;
        if let Some(previous) = self.previous {
            kernel.add_product(previous, self.inner.view_mut(), left);
        }
        for_each_row(shape.units, izip!(self.gates.rows_mut(), self.inner.rows()), |(gates, inner)| {
            let (gates, inner) = (gates.into_slice().expect(CONTIGUOUS), inner.to_slice().expect(CONTIGUOUS));
            dispatch(
                #[inline(always)]
                || add_inner(shape, gates, inner),
            );
        });
        super::update_hidden(shape, self.gates, self.previous.unwrap_or(self.initial), self.hidden);
    }
}

/// Sequences that are taken back through time together: `gates` and `inner (time, rows, 3·units)`, `hidden (time, rows, units)`,
/// `output_gradient (time or 1, rows, units)`, the others `(rows, units)`.
struct BackwardTask<'a, T> {
    shape: Shape,
    kernel: &'a RecurrentKernel<T>,
    gates: ArrayViewMut3<'a, T>,
    inner: ArrayViewMut3<'a, T>,
    hidden: ArrayView3<'a, T>,
    output_gradient: ArrayView3<'a, T>,
    hidden_gradient: ArrayViewMut2<'a, T>,
    carried: ArrayViewMut2<'a, T>,
    initial: Before<'a, T>,
    lengths: Lengths<'a>,
    left: &'a mut PackedLeft<T>,
}

impl<T: Real> BackwardTask<'_, T> {
    fn step(&mut self, t: usize) {
        let time = self.gates.len_of(Axis(0));
        assign_output_gradient(&mut self.hidden_gradient, self.output_gradient, t, time, self.lengths);
        if t + 1 < time {
            super::add_assign(&mut self.hidden_gradient, self.carried.view());
            let deltas = self.inner.index_axis(Axis(0), t + 1);
            self.kernel.add_transposed_product(deltas, self.hidden_gradient.view_mut(), self.left);
        }
        self.backward_gates(t);
    }

    fn backward_gates(&mut self, t: usize) {
        let shape = self.shape;
        let previous_hidden = if t > 0 { self.hidden.index_axis_move(Axis(0), t - 1) } else { self.initial.state };
        let lengths = self.lengths;
        for_each_row(
            shape.units,
            izip!(
                0..previous_hidden.nrows(),
                self.gates.index_axis_mut(Axis(0), t).rows_mut(),
                self.inner.index_axis_mut(Axis(0), t).rows_mut(),
                previous_hidden.rows(),
                self.hidden_gradient.rows(),
                self.carried.rows_mut()
            ),
            |(row, gates, inner, previous, hidden_gradient, carried)| {
                let gates = gates.into_slice().expect(CONTIGUOUS);
                let inner = inner.into_slice().expect(CONTIGUOUS);
                let carried = carried.into_slice().expect(CONTIGUOUS);
                if lengths.over(row, t) {
                    inner.fill(T::ZERO);
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
                    || {
                        let gates = row.run(shape);
                        backward_reset(shape, gates, inner);
                    },
                );
            },
        );
    }
}

/// Turns the arguments from the input into activations of z and r, and into the candidate's argument.
#[inline(always)]
fn add_inner<T: Real>(shape: Shape, gates: &mut [T], inner: &[T]) {
    let units = shape.units;
    let (zr, candidate) = gates.split_at_mut(2 * units);
    for (gate, inner) in zr.iter_mut().zip(inner) {
        *gate += *inner;
    }
    shape.gate_activation.apply(zr);
    for ((g, r), inner) in candidate.iter_mut().zip(&zr[units..]).zip(&inner[2 * units..]) {
        *g = r.mul_add(*inner, *g);
    }
}

/// From the gradient of the candidate's argument, those of r's argument and of `inner`.
#[inline(always)]
fn backward_reset<T: Real>(shape: Shape, gates: &mut [T], inner: &mut [T]) {
    let units = shape.units;
    let (update, rest) = gates.split_at_mut(units);
    let (reset, candidate) = rest.split_at_mut(units);
    let (inner_update, rest) = inner.split_at_mut(units);
    let (inner_reset, inner_candidate) = rest.split_at_mut(units);
    inner_update.copy_from_slice(update);
    for from in (0..units).step_by(BLOCK) {
        let block = from..(from + BLOCK).min(units);
        let (reset, candidate) = (&mut reset[block.clone()], &candidate[block.clone()]);
        let (inner_reset, inner_candidate) = (&mut inner_reset[block.clone()], &mut inner_candidate[block.clone()]);
        let mut slopes = [T::ZERO; BLOCK];
        let slopes = &mut slopes[..block.len()];
        shape.gate_activation.slopes(reset, slopes);
        for j in 0..block.len() {
            let dg = candidate[j];
            let dr = dg * inner_candidate[j] * slopes[j];
            inner_candidate[j] = dg * reset[j];
            inner_reset[j] = dr;
            reset[j] = dr;
        }
    }
}
