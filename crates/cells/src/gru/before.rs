//! The reset gate before the recurrent product: two products a step, one for z and r, one for the candidate.

use flameout_kernels::{PackedLeft, PackedRight, Real, Start, dispatch, product};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Zip};

use super::Shape;
use crate::recurrent::{assign_output_gradient, reshape};
use crate::rows::{BLOCK, CONTIGUOUS, min_rows};
use crate::sequence::Sequence;
use crate::tensor::{columns, columns_mut};

/// Packed weights and buffers of the recurrence.
#[derive(Debug, Clone, Default)]
pub(super) struct ResetBefore<T> {
    /// `[U_z | U_r]`, and transposed.
    gate_kernel: PackedRight<T>,
    gate_kernel_transposed: PackedRight<T>,
    /// `U_g`, and transposed.
    candidate_kernel: PackedRight<T>,
    candidate_kernel_transposed: PackedRight<T>,
    /// `r∘h` of each step, h being the state before it.
    reset_hidden: Sequence<T>,
    zeros: Array2<T>,
    hidden_gradient: Array2<T>,
    /// What reaches the state before a step without passing a product with `[U_z | U_r]`.
    carried: Array2<T>,
    reset_hidden_gradient: Array2<T>,
    left: PackedLeft<T>,
    deltas: PackedRight<T>,
}

impl<T: Real> ResetBefore<T> {
    pub(super) fn load(&mut self, recurrent: ArrayView2<'_, T>, units: usize) {
        let (gates, candidate) = recurrent.split_at(Axis(1), 2 * units);
        self.gate_kernel.pack(gates);
        self.gate_kernel_transposed.pack(gates.reversed_axes());
        self.candidate_kernel.pack(candidate);
        self.candidate_kernel_transposed.pack(candidate.reversed_axes());
    }

    pub(super) fn forward(&mut self, shape: Shape, gates: &mut Sequence<T>, hidden: &mut Sequence<T>) {
        let (batch, time, units) = hidden.dim();
        self.reset_hidden.resize(batch, time, units, T::ZERO);
        reshape(&mut self.zeros, batch, units);
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
        self.reset_hidden.resize(rows, 1, units, T::ZERO);
        reshape(&mut self.zeros, rows, units);
        self.forward_step(shape, gates, previous, hidden, 0);
    }

    /// One step, keeping `r∘h` as that of step t.
    fn forward_step(
        &mut self,
        shape: Shape,
        mut gates: ArrayViewMut2<'_, T>,
        previous: Option<ArrayView2<'_, T>>,
        hidden: ArrayViewMut2<'_, T>,
        t: usize,
    ) {
        let units = shape.units;
        if let Some(previous) = previous {
            self.left.pack(previous);
            product(&self.left, &self.gate_kernel, columns_mut(&mut gates, ..2 * units), Start::Out);
        }
        let previous_hidden = previous.unwrap_or(self.zeros.view());
        Zip::from(gates.rows_mut())
            .and(previous_hidden.rows())
            .and(self.reset_hidden.step_mut(t).rows_mut())
            .into_par_iter()
            .with_min_len(min_rows(units))
            .for_each(|(gates, previous, reset_hidden)| {
                let (gates, previous) = (gates.into_slice().expect(CONTIGUOUS), previous.to_slice().expect(CONTIGUOUS));
                let reset_hidden = reset_hidden.into_slice().expect(CONTIGUOUS);
                dispatch(
                    #[inline(always)]
                    || {
                        let gates = &mut gates[..2 * units];
                        shape.gate_activation.apply(gates);
                        for ((to, r), h) in reset_hidden.iter_mut().zip(&gates[units..]).zip(previous) {
                            *to = *r * *h;
                        }
                    },
                );
            });
        if previous.is_some() {
            self.left.pack(self.reset_hidden.step(t));
            product(&self.left, &self.candidate_kernel, columns_mut(&mut gates, 2 * units..), Start::Out);
        }
        super::update_hidden(shape, gates, previous_hidden, hidden);
    }

    /// BPTT: overwrites `gates` with the gradients of the gates' arguments.
    pub(super) fn backward(
        &mut self,
        shape: Shape,
        gates: &mut Sequence<T>,
        hidden: &Sequence<T>,
        output_gradient: &Sequence<T>,
    ) {
        let (batch, time, units) = hidden.dim();
        for matrix in [&mut self.hidden_gradient, &mut self.carried, &mut self.reset_hidden_gradient] {
            reshape(matrix, batch, units);
        }
        self.carried.fill(T::ZERO);
        let zeros = std::mem::take(&mut self.zeros);
        for t in (0..time).rev() {
            assign_output_gradient(&mut self.hidden_gradient, output_gradient, t, time);
            if t + 1 < time {
                super::add_assign(&mut self.hidden_gradient, &self.carried);
                self.left.pack(columns(gates.step(t + 1), ..2 * units));
                product(&self.left, &self.gate_kernel_transposed, self.hidden_gradient.view_mut(), Start::Out);
            }
            let previous_hidden = if t > 0 { hidden.step(t - 1) } else { zeros.view() };
            self.backward_update_and_candidate(shape, gates.step_mut(t), previous_hidden);
            self.left.pack(columns(gates.step(t), 2 * units..));
            let gradient = self.reset_hidden_gradient.view_mut();
            product(&self.left, &self.candidate_kernel_transposed, gradient, Start::Zero);
            self.backward_reset(shape, gates.step_mut(t), previous_hidden);
        }
        self.zeros = zeros;
    }

    /// The gradients of the arguments of z and g, and what of h's gradient passes through z: `carried = dh∘z`.
    fn backward_update_and_candidate(
        &mut self,
        shape: Shape,
        mut gates: ArrayViewMut2<'_, T>,
        previous_hidden: ArrayView2<'_, T>,
    ) {
        Zip::from(gates.rows_mut())
            .and(previous_hidden.rows())
            .and(self.hidden_gradient.rows())
            .and(self.carried.rows_mut())
            .into_par_iter()
            .with_min_len(min_rows(shape.units))
            .for_each(|(gates, previous, hidden_gradient, carried)| {
                let row = super::UpdateRow {
                    gates: gates.into_slice().expect(CONTIGUOUS),
                    previous_hidden: previous.to_slice().expect(CONTIGUOUS),
                    hidden_gradient: hidden_gradient.to_slice().expect(CONTIGUOUS),
                    carried: carried.into_slice().expect(CONTIGUOUS),
                };
                dispatch(
                    #[inline(always)]
                    || row.run(shape),
                );
            });
    }

    /// From the gradient of r∘h, that of the argument of r; and `carried += d(r∘h)∘r`.
    fn backward_reset(&mut self, shape: Shape, mut gates: ArrayViewMut2<'_, T>, previous_hidden: ArrayView2<'_, T>) {
        let units = shape.units;
        Zip::from(gates.rows_mut())
            .and(previous_hidden.rows())
            .and(self.reset_hidden_gradient.rows())
            .and(self.carried.rows_mut())
            .into_par_iter()
            .with_min_len(min_rows(units))
            .for_each(|(gates, previous, gradient, carried)| {
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
                            shape.gate_activation.slopes(reset, slopes);
                            for j in 0..block.len() {
                                carried[j] = gradient[j].mul_add(reset[j], carried[j]);
                                reset[j] = gradient[j] * previous[j] * slopes[j];
                            }
                        }
                    },
                );
            });
    }

    /// The gradient for the recurrent kernel, from what [`backward`](Self::backward) left in `gates`.
    pub(super) fn gradients(
        &mut self,
        gates: &Sequence<T>,
        hidden: &Sequence<T>,
        recurrent_gradient: ArrayViewMut2<'_, T>,
    ) {
        let (_, time, units) = hidden.dim();
        // h before the first step is zero: that step adds nothing.
        let deltas = gates.steps(1, time);
        let (gate_gradient, candidate_gradient) = recurrent_gradient.split_at(Axis(1), 2 * units);
        self.left.pack(hidden.steps(0, time - 1).reversed_axes());
        self.deltas.pack(columns(deltas, ..2 * units));
        product(&self.left, &self.deltas, gate_gradient, Start::Zero);
        self.left.pack(self.reset_hidden.steps(1, time).reversed_axes());
        self.deltas.pack(columns(deltas, 2 * units..));
        product(&self.left, &self.deltas, candidate_gradient, Start::Zero);
    }
}
