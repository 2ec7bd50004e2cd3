//! What the recurrent layers share.

use flameout_kernels::Real;
use ndarray::{Array2, ArrayView3, ArrayViewMut2, Axis};

use crate::sequence::Sequence;

/// Gives `array` this shape, keeping its buffer; its elements are unspecified (zero where they are new).
pub(crate) fn reshape<T: Real>(array: &mut Array2<T>, rows: usize, columns: usize) {
    if array.dim() == (rows, columns) {
        return;
    }
    let mut data = std::mem::take(array).into_raw_vec_and_offset().0;
    data.resize(rows * columns, T::ZERO);
    *array = Array2::from_shape_vec((rows, columns), data).expect("the buffer has the shape's size");
}

/// Writes the gradient that reaches the hidden state after step `t` of `time` from outside the layer: there is one for
/// every step, or for the last step alone. `output_gradient` is `(time or 1, rows, units)`.
pub(crate) fn assign_output_gradient<T: Real>(
    hidden_gradient: &mut ArrayViewMut2<'_, T>,
    output_gradient: ArrayView3<'_, T>,
    t: usize,
    time: usize,
) {
    let every_step = output_gradient.len_of(Axis(0)) == time;
    if every_step {
        hidden_gradient.assign(&output_gradient.index_axis(Axis(0), t));
    } else if t + 1 == time {
        hidden_gradient.assign(&output_gradient.index_axis(Axis(0), 0));
    } else {
        hidden_gradient.fill(T::ZERO);
    }
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
