//! The part that every layer shares: `x·W + b` for all time steps at once, and its gradients.

use flameout_kernels::{PackedLeft, PackedRight, Real, Start, dispatch, product, team};
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};

use crate::layer::{Input, Inputs, Values};
use crate::recurrent::reshape;
use crate::rows::{CONTIGUOUS, min_rows};
use crate::sequence::Sequence;

/// Columns that one task of a row-wise sum takes.
const COLUMN_BLOCK: usize = 256;

/// `x·W + b` for all time steps at once, with x a row of features or an index, and its gradients.
#[derive(Debug, Clone)]
pub struct Projection<T> {
    inputs: Inputs,
    /// None before parameters were loaded.
    columns: Option<usize>,
    /// For indices: `W + b`, a row for each character, `(alphabet, columns)`.
    table: Array2<T>,
    /// For features: `W` packed, `Wᵀ` packed, and b.
    kernel: PackedRight<T>,
    kernel_transposed: PackedRight<T>,
    bias: Vec<T>,
    left: PackedLeft<T>,
    deltas: PackedRight<T>,
}

impl<T: Real> Projection<T> {
    /// A projection of such inputs, without parameters.
    #[must_use]
    pub fn new(inputs: Inputs) -> Self {
        Self {
            inputs,
            columns: None,
            table: Default::default(),
            kernel: PackedRight::default(),
            kernel_transposed: PackedRight::default(),
            bias: Default::default(),
            left: PackedLeft::default(),
            deltas: PackedRight::default(),
        }
    }

    /// What x is.
    #[must_use]
    pub fn inputs(&self) -> Inputs {
        self.inputs
    }

    /// Takes over `W (inputs, columns)` and `b (columns)`.
    pub fn load(&mut self, kernel: ArrayView2<'_, T>, bias: &[T]) {
        self.columns = Some(kernel.ncols());
        match self.inputs {
            Inputs::Indices(_) => {
                reshape(&mut self.table, kernel.nrows(), kernel.ncols());
                self.table.assign(&kernel);
                for mut row in self.table.rows_mut() {
                    row.iter_mut().zip(bias).for_each(|(w, b)| *w += *b);
                }
            }
            Inputs::Features(_) => {
                self.kernel.pack_with_transposed(&mut self.kernel_transposed, kernel);
                self.bias.clear();
                self.bias.extend_from_slice(bias);
            }
        }
    }

    /// Writes `x·W + b` for every time step to `out (batch, time, columns)`, which it resizes.
    ///
    /// # Panics
    /// If no parameters were loaded, or the input is of another kind or size than the projection was made for, has no time
    /// step, or holds an index outside the alphabet.
    pub fn forward(&mut self, input: Input<'_, T>, out: &mut Sequence<T>) {
        let columns = self.columns.expect("parameters are loaded before a forward pass");
        let (batch, time) = input.batch_and_time();
        assert!(time > 0, "a sequence has at least one time step");
        out.resize(batch, time, columns, T::ZERO);
        match (self.inputs, input.values()) {
            (Inputs::Indices(size), Values::Indices(indices)) => {
                assert!(indices.iter().all(|index| usize::from(*index) < size), "indices below {size}");
                let mut rows = out.rows_mut();
                let rows_at_once = min_rows(columns);
                let blocks = rows.axis_chunks_iter_mut(Axis(0), rows_at_once).enumerate();
                team::for_each(batch * time * columns, blocks, |(block, mut rows)| {
                    for (at, mut row) in (block * rows_at_once..).zip(rows.rows_mut()) {
                        let index = indices[(at % batch, at / batch)];
                        row.assign(&self.table.row(usize::from(index)));
                    }
                });
            }
            (Inputs::Features(size), Values::Sequence(sequence)) => {
                assert_eq!(sequence.dim().2, size, "units of the input");
                let mut rows = out.rows_mut();
                rows.rows_mut().into_iter().for_each(|mut row| row.assign(&ArrayView1::from(&self.bias)));
                self.left.pack(sequence.rows());
                product(&self.left, &self.kernel, rows, Start::Out);
            }
            (inputs, _) => panic!("a layer built for {inputs:?} was fed with the other kind of input"),
        }
    }

    /// The gradients for W, b and (if asked) x, from those for `x·W + b`: `deltas (batch, time, columns)`.
    ///
    /// # Panics
    /// If shapes do not fit, or the gradient for x is asked for where x is an index.
    pub fn backward(
        &mut self,
        input: Input<'_, T>,
        deltas: &Sequence<T>,
        mut kernel_gradient: ArrayViewMut2<'_, T>,
        bias_gradient: &mut [T],
        input_gradient: Option<&mut Sequence<T>>,
    ) {
        match input.values() {
            Values::Indices(indices) => {
                assert!(input_gradient.is_none(), "indices have no gradient");
                add_rows_by_index(indices, deltas, kernel_gradient.view_mut());
                // Every row of deltas has been added to just one row of the kernel's gradient.
                sum_rows(kernel_gradient.view(), bias_gradient);
            }
            Values::Sequence(sequence) => {
                self.left.pack(sequence.rows().reversed_axes());
                self.deltas.pack(deltas.rows());
                product(&self.left, &self.deltas, kernel_gradient, Start::Zero);
                sum_rows(deltas.rows(), bias_gradient);
                if let Some(gradient) = input_gradient {
                    let (batch, time, units) = sequence.dim();
                    gradient.resize(batch, time, units, T::ZERO);
                    self.left.pack(deltas.rows());
                    product(&self.left, &self.kernel_transposed, gradient.rows_mut(), Start::Zero);
                }
            }
        }
    }
}

impl<T: Real> Default for Projection<T> {
    /// A projection of nothing.
    fn default() -> Self {
        Self::new(Inputs::Features(0))
    }
}

/// `gradient[index] = Σ` of the deltas of all places where the index stands, in the order of time, then batch.
fn add_rows_by_index<T: Real>(indices: ArrayView2<'_, u16>, deltas: &Sequence<T>, mut gradient: ArrayViewMut2<'_, T>) {
    let rows = deltas.rows();
    let blocks = gradient.axis_chunks_iter_mut(Axis(1), COLUMN_BLOCK).enumerate();
    team::for_each(rows.len(), blocks, |(block, mut gradient)| {
        dispatch(
            #[inline(always)]
            || {
                gradient.fill(T::ZERO);
                let from = block * COLUMN_BLOCK;
                let columns = from..from + gradient.ncols();
                let time_major = indices.columns().into_iter().flatten();
                for (&index, delta) in time_major.zip(rows.rows()) {
                    let delta = &delta.to_slice().expect(CONTIGUOUS)[columns.clone()];
                    add(gradient.row_mut(usize::from(index)).into_slice().expect(CONTIGUOUS), delta);
                }
            },
        );
    });
}

#[inline(always)]
fn add<T: Real>(to: &mut [T], values: &[T]) {
    to.iter_mut().zip(values).for_each(|(to, x)| *to += *x);
}

/// Writes the sum of all rows, in their order: the gradient for a bias that was added to each.
pub fn sum_rows<T: Real>(matrix: ArrayView2<'_, T>, sums: &mut [T]) {
    team::for_each(
        matrix.len(),
        sums.chunks_mut(COLUMN_BLOCK).zip(matrix.axis_chunks_iter(Axis(1), COLUMN_BLOCK)),
        |(sums, block)| {
            dispatch(
                #[inline(always)]
                || {
                    sums.fill(T::ZERO);
                    block.rows().into_iter().for_each(|row| add(sums, row.to_slice().expect(CONTIGUOUS)));
                },
            );
        },
    );
}
