//! The reset gate after the recurrent product: one product a step, `hU + b'` for all three gates.

use flameout_kernels::{PackedLeft, PackedRight, Real, Start, dispatch, product};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, Zip};

use super::Shape;
use crate::projection::sum_rows;
use crate::recurrent::{assign_output_gradient, reshape};
use crate::rows::{BLOCK, CONTIGUOUS, min_rows};
use crate::sequence::Sequence;

/// Packed weights and buffers of the recurrence.
#[derive(Debug, Clone, Default)]
pub(super) struct ResetAfter<T> {
    kernel: PackedRight<T>,
    kernel_transposed: PackedRight<T>,
    bias: Vec<T>,
    /// `hU + b'` of each step; BPTT overwrites it with its gradient.
    inner: Sequence<T>,
    zeros: Array2<T>,
    hidden_gradient: Array2<T>,
    /// What reaches the state before a step without passing the product.
    carried: Array2<T>,
    left: PackedLeft<T>,
    deltas: PackedRight<T>,
}

impl<T: Real> ResetAfter<T> {
    pub(super) fn load(&mut self, recurrent: ArrayView2<'_, T>, bias: &[T]) {
        self.kernel.pack(recurrent);
        self.kernel_transposed.pack(recurrent.reversed_axes());
        self.bias.clear();
        self.bias.extend_from_slice(bias);
    }

    pub(super) fn forward(&mut self, shape: Shape, gates: &mut Sequence<T>, hidden: &mut Sequence<T>) {
        let (batch, time, units) = hidden.dim();
        self.begin(batch, time, units);
        for t in 0..time {
            let (previous, hidden) = hidden.step_and_previous(t);
            self.forward_step(shape, gates.step_mut(t), previous, hidden, t);
        }
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
        self.forward_step(shape, gates, previous, hidden, 0);
    }

    fn begin(&mut self, batch: usize, time: usize, units: usize) {
        self.inner.resize(batch, time, 3 * units, T::ZERO);
        let bias = ArrayView1::from(&self.bias);
        self.inner.rows_mut().rows_mut().into_iter().for_each(|mut row| row.assign(&bias));
        reshape(&mut self.zeros, batch, units);
    }

    /// One step, keeping `hU + b'` as that of step t.
    fn forward_step(
        &mut self,
        shape: Shape,
        mut gates: ArrayViewMut2<'_, T>,
        previous: Option<ArrayView2<'_, T>>,
        hidden: ArrayViewMut2<'_, T>,
        t: usize,
    ) {
        if let Some(previous) = previous {
            self.left.pack(previous);
            product(&self.left, &self.kernel, self.inner.step_mut(t), Start::Out);
        }
        let previous_hidden = previous.unwrap_or(self.zeros.view());
        Zip::from(gates.rows_mut())
            .and(self.inner.step(t).rows())
            .into_par_iter()
            .with_min_len(min_rows(shape.units))
            .for_each(|(gates, inner)| {
                let (gates, inner) = (gates.into_slice().expect(CONTIGUOUS), inner.to_slice().expect(CONTIGUOUS));
                dispatch(
                    #[inline(always)]
                    || add_inner(shape, gates, inner),
                );
            });
        super::update_hidden(shape, gates, previous_hidden, hidden);
    }

    /// BPTT: overwrites `gates` with the gradients of the gates' arguments, and `inner` with its own.
    pub(super) fn backward(
        &mut self,
        shape: Shape,
        gates: &mut Sequence<T>,
        hidden: &Sequence<T>,
        output_gradient: &Sequence<T>,
    ) {
        let (batch, time, units) = hidden.dim();
        reshape(&mut self.hidden_gradient, batch, units);
        reshape(&mut self.carried, batch, units);
        self.carried.fill(T::ZERO);
        let zeros = std::mem::take(&mut self.zeros);
        for t in (0..time).rev() {
            assign_output_gradient(&mut self.hidden_gradient, output_gradient, t, time);
            if t + 1 < time {
                super::add_assign(&mut self.hidden_gradient, &self.carried);
                self.left.pack(self.inner.step(t + 1));
                product(&self.left, &self.kernel_transposed, self.hidden_gradient.view_mut(), Start::Out);
            }
            let previous_hidden = if t > 0 { hidden.step(t - 1) } else { zeros.view() };
            self.backward_gates(shape, gates.step_mut(t), previous_hidden, t);
        }
        self.zeros = zeros;
    }

    fn backward_gates(
        &mut self,
        shape: Shape,
        mut gates: ArrayViewMut2<'_, T>,
        previous_hidden: ArrayView2<'_, T>,
        t: usize,
    ) {
        Zip::from(gates.rows_mut())
            .and(self.inner.step_mut(t).rows_mut())
            .and(previous_hidden.rows())
            .and(self.hidden_gradient.rows())
            .and(self.carried.rows_mut())
            .into_par_iter()
            .with_min_len(min_rows(shape.units))
            .for_each(|(gates, inner, previous, hidden_gradient, carried)| {
                let gates = gates.into_slice().expect(CONTIGUOUS);
                let inner = inner.into_slice().expect(CONTIGUOUS);
                let row = super::UpdateRow {
                    gates,
                    previous_hidden: previous.to_slice().expect(CONTIGUOUS),
                    hidden_gradient: hidden_gradient.to_slice().expect(CONTIGUOUS),
                    carried: carried.into_slice().expect(CONTIGUOUS),
                };
                dispatch(
                    #[inline(always)]
                    || {
                        let gates = row.run(shape);
                        backward_reset(shape, gates, inner);
                    },
                );
            });
    }

    /// The gradients for the recurrent kernel and bias, from what [`backward`](Self::backward) left behind.
    pub(super) fn gradients(
        &mut self,
        hidden: &Sequence<T>,
        recurrent_gradient: ArrayViewMut2<'_, T>,
        bias_gradient: &mut [T],
    ) {
        let time = hidden.dim().1;
        // h before the first step is zero: that step adds nothing to the kernel's gradient, but does to the bias'.
        self.left.pack(hidden.steps(0, time - 1).reversed_axes());
        self.deltas.pack(self.inner.steps(1, time));
        product(&self.left, &self.deltas, recurrent_gradient, Start::Zero);
        sum_rows(self.inner.rows(), bias_gradient);
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
