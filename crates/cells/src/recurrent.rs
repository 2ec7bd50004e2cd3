//! What the recurrent layers share.

use flameout_kernels::Real;
use ndarray::Array2;

use crate::sequence::Sequence;

/// Why `to_slice` cannot fail on the rows of a [`Sequence`].
pub(crate) const CONTIGUOUS: &str = "rows are contiguous";

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
/// every step, or for the last step alone.
pub(crate) fn assign_output_gradient<T: Real>(
    hidden_gradient: &mut Array2<T>,
    output_gradient: &Sequence<T>,
    t: usize,
    time: usize,
) {
    let every_step = output_gradient.dim().1 == time;
    if every_step {
        hidden_gradient.assign(&output_gradient.step(t));
    } else if t + 1 == time {
        hidden_gradient.assign(&output_gradient.step(0));
    } else {
        hidden_gradient.fill(T::ZERO);
    }
}
