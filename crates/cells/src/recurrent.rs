//! What the recurrent layers share.

use flameout_kernels::{PackedLeft, PackedRight, Real, Start, product};
use ndarray::{Array2, ArrayView2, ArrayView3, ArrayViewMut2, Axis};

use crate::sequence::Sequence;

/// `h·U`, with U packed once for all time steps, and its gradients.
#[derive(Debug, Clone, Default)]
pub struct RecurrentKernel<T> {
    kernel: PackedRight<T>,
    transposed: PackedRight<T>,
    left: PackedLeft<T>,
    deltas: PackedRight<T>,
}

impl<T: Real> RecurrentKernel<T> {
    /// Takes over `U (units, columns)`.
    pub fn load(&mut self, kernel: ArrayView2<'_, T>) {
        self.kernel.pack_with_transposed(&mut self.transposed, kernel);
    }

    /// `out += h·U`, with `hidden (rows, units)` and `out (rows, columns)`; `left` is memory to work in.
    pub fn add_product(&self, hidden: ArrayView2<'_, T>, out: ArrayViewMut2<'_, T>, left: &mut PackedLeft<T>) {
        left.pack(hidden);
        product(left, &self.kernel, out, Start::Out);
    }

    /// `out += δ·Uᵀ`, with `deltas (rows, columns)` and `out (rows, units)`; `left` is memory to work in.
    pub fn add_transposed_product(
        &self,
        deltas: ArrayView2<'_, T>,
        out: ArrayViewMut2<'_, T>,
        left: &mut PackedLeft<T>,
    ) {
        left.pack(deltas);
        product(left, &self.transposed, out, Start::Out);
    }

    /// The gradient for U: the sum over all time steps of the hidden state before the step, transposed, times the gradient
    /// of what it was added to. `hidden (batch, time, units)` has the states after each step, and `initial` that before the
    /// first; if None, that is zero, and the first step adds nothing.
    pub fn gradient(
        &mut self,
        initial: Option<ArrayView2<'_, T>>,
        hidden: &Sequence<T>,
        deltas: &Sequence<T>,
        mut gradient: ArrayViewMut2<'_, T>,
    ) {
        let (_, time, _) = hidden.dim();
        self.left.pack(hidden.steps(0, time - 1).reversed_axes());
        self.deltas.pack(deltas.steps(1, time));
        product(&self.left, &self.deltas, gradient.view_mut(), Start::Zero);
        if let Some(initial) = initial {
            self.left.pack(initial.reversed_axes());
            self.deltas.pack(deltas.step(0));
            product(&self.left, &self.deltas, gradient, Start::Out);
        }
    }
}

/// Gives `array` this shape, keeping its buffer; its elements are unspecified (zero where they are new).
pub(crate) fn reshape<T: Real>(array: &mut Array2<T>, rows: usize, columns: usize) {
    if array.dim() == (rows, columns) {
        return;
    }
    let mut data = std::mem::take(array).into_raw_vec_and_offset().0;
    data.resize(rows * columns, T::ZERO);
    *array = Array2::from_shape_vec((rows, columns), data).expect("the buffer has the shape's size");
}

/// Writes the gradient that reaches the hidden state `(rows, units)` after step `t` of `time` from outside the layer: there
/// is one for every step, or for the last step alone. `output_gradient` is `(time or 1, rows, units)`.
///
/// A row whose sequence was over before step `t + 1` passes on the gradient that it had there.
pub(crate) fn assign_output_gradient<T: Real>(
    hidden_gradient: &mut ArrayViewMut2<'_, T>,
    output_gradient: ArrayView3<'_, T>,
    t: usize,
    time: usize,
    lengths: Lengths<'_>,
) {
    let steps = output_gradient.len_of(Axis(0));
    let at = if steps == time { Some(t) } else { (t + 1 == time).then_some(0) };
    let step = at.map(|at| output_gradient.index_axis_move(Axis(0), at));
    if lengths.0.is_none() || t + 1 == time {
        match step {
            Some(step) => hidden_gradient.assign(&step),
            None => hidden_gradient.fill(T::ZERO),
        }
        return;
    }
    for (row, mut gradient) in hidden_gradient.rows_mut().into_iter().enumerate() {
        if !lengths.over(row, t + 1) {
            gradient.fill(T::ZERO);
        }
        if let Some(step) = step {
            gradient += &step.row(row);
        }
    }
}

/// The state before the first time step, `(batch, units)`: zero, or given.
#[derive(Debug, Clone)]
pub(crate) struct Initial<T> {
    state: Array2<T>,
    given: bool,
}

impl<T> Default for Initial<T> {
    fn default() -> Self {
        Self { state: Array2::from_shape_vec((0, 0), Vec::new()).expect("nothing"), given: false }
    }
}

impl<T: Real> Initial<T> {
    /// Takes over a state; None for zero.
    pub(crate) fn set(&mut self, state: Option<&Array2<T>>) {
        self.given = state.is_some();
        match state {
            Some(state) => self.state = state.as_standard_layout().into_owned(),
            None => self.state.fill(T::ZERO),
        }
    }

    /// Makes ready for a batch of so many rows.
    pub(crate) fn begin(&mut self, batch: usize, units: usize) {
        if self.given {
            assert_eq!(self.state.dim(), (batch, units), "shape of the initial state");
        } else {
            reshape(&mut self.state, batch, units);
        }
    }

    /// None for zero: what it is multiplied with need not be.
    pub(crate) fn given(&self) -> Option<ArrayView2<'_, T>> {
        self.given.then(|| self.state.view())
    }

    /// Both, for each task that takes so many rows.
    pub(crate) fn chunks(&self, rows: usize) -> impl ExactSizeIterator<Item = Before<'_, T>> + Send {
        let given = self.given;
        self.state.axis_chunks_iter(Axis(0), rows).map(move |state| Before { state, given })
    }
}

/// The state before the first time step, of some rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before<'a, T> {
    pub(crate) state: ArrayView2<'a, T>,
    given: bool,
}

impl<T> Before<'_, T> {
    /// The state after the step before, which there is none of before the first; None for zero.
    pub(crate) fn or<'b>(&'b self, previous: Option<ArrayView2<'b, T>>) -> Option<ArrayView2<'b, T>> {
        previous.or_else(|| self.given.then(|| self.state.view()))
    }
}

/// How many time steps count, of some rows: all, or for each row a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lengths<'a>(Option<&'a [usize]>);

impl<'a> Lengths<'a> {
    /// For each task that takes so many rows of the batch.
    pub(crate) fn chunks(
        lengths: Option<&'a [usize]>,
        batch: usize,
        rows: usize,
    ) -> impl ExactSizeIterator<Item = Self> + Send {
        assert!(lengths.is_none_or(|lengths| lengths.len() == batch), "a length for each sequence");
        let tasks = batch.div_ceil(rows);
        (0..tasks).map(move |task| Self(lengths.map(|all| &all[task * rows..batch.min((task + 1) * rows)])))
    }

    /// Whether a row's sequence is over before step `t`.
    pub(crate) fn over(self, row: usize, t: usize) -> bool {
        self.0.is_some_and(|lengths| t >= lengths[row])
    }

    /// Gives rows whose sequence is over the state before step `t` again.
    pub(crate) fn hold<T: Real>(self, t: usize, previous: Option<ArrayView2<'_, T>>, mut states: ArrayViewMut2<'_, T>) {
        let (Some(lengths), Some(previous)) = (self.0, previous) else { return };
        for ((mut state, previous), &length) in states.rows_mut().into_iter().zip(previous.rows()).zip(lengths) {
            if t >= length {
                state.assign(&previous);
            }
        }
    }
}

/// The states of a layer that has so many.
pub(crate) fn state_of<T, const N: usize>(state: Option<&[Array2<T>]>) -> [Option<&Array2<T>>; N] {
    assert!(state.is_none_or(|state| state.len() == N), "{N} states");
    std::array::from_fn(|index| state.map(|state| &state[index]))
}

/// Rows of states, one set for the step that is computed and one for those it starts from.
#[derive(Debug, Clone)]
pub(crate) struct Stepped<T> {
    /// The states after the last step, `(rows, 1, units)`.
    pub(crate) states: Sequence<T>,
    /// The states that the rows of the current step start from, `(rows, units)`.
    pub(crate) previous: Array2<T>,
}

impl<T: Real> Stepped<T> {
    pub(crate) fn new() -> Self {
        Self { states: Sequence::new(), previous: Array2::default((0, 0)) }
    }

    /// Makes room for a step of `rows` rows that start from the states of `parents`, or from zero.
    pub(crate) fn begin(&mut self, rows: usize, units: usize, parents: Option<&[usize]>) {
        reshape(&mut self.previous, rows, units);
        match parents {
            Some(parents) => {
                assert_eq!(parents.len(), rows, "a parent for each row");
                let states = self.states.step(0);
                for (mut row, &parent) in self.previous.rows_mut().into_iter().zip(parents) {
                    row.assign(&states.row(parent));
                }
            }
            None => self.previous.fill(T::ZERO),
        }
        self.states.resize(rows, 1, units, T::ZERO);
    }
}
