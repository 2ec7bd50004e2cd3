//! Names, shapes and places of the parameters in a flat buffer.

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Slice};

/// A named matrix (or row vector) inside a flat parameter buffer, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// `kernel`, `recurrent_kernel`, `bias` or `recurrent_bias`, after the layer's name in a whole network.
    pub name: String,
    /// One number for a bias, `[rows, columns]` for a kernel.
    pub shape: Vec<usize>,
    /// Where the tensor begins in the buffer.
    pub offset: usize,
}

impl Tensor {
    /// Lays tensors of these names and shapes out one after the other, from offset 0.
    #[must_use]
    pub fn lay_out(tensors: &[(&str, &[usize])]) -> Vec<Self> {
        let mut offset = 0;
        let place = |(name, shape): &(&str, &[usize])| {
            let tensor = Self { name: (*name).to_owned(), shape: shape.to_vec(), offset };
            offset = tensor.range().end;
            tensor
        };
        tensors.iter().map(place).collect()
    }

    /// The same tensor in a part of a larger buffer that begins at `offset`, with the part's name before its own.
    #[must_use]
    pub fn within(&self, part: &str, offset: usize) -> Self {
        Self { name: format!("{part}/{}", self.name), shape: self.shape.clone(), offset: offset + self.offset }
    }

    /// The elements' places in the buffer.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.shape.iter().product::<usize>()
    }

    /// Rows and columns; a bias is one row.
    #[must_use]
    pub fn matrix_shape(&self) -> (usize, usize) {
        match self.shape[..] {
            [columns] => (1, columns),
            [rows, columns] => (rows, columns),
            _ => unreachable!("parameters are vectors or matrices"),
        }
    }

    /// The tensor's elements.
    ///
    /// # Panics
    /// If the buffer is too short.
    #[must_use]
    pub fn view<'a, T>(&self, parameters: &'a [T]) -> ArrayView2<'a, T> {
        ArrayView2::from_shape(self.matrix_shape(), &parameters[self.range()]).expect("the range has the shape's size")
    }

    /// The tensor's elements, to write.
    ///
    /// # Panics
    /// If the buffer is too short.
    pub fn view_mut<'a, T>(&self, parameters: &'a mut [T]) -> ArrayViewMut2<'a, T> {
        ArrayViewMut2::from_shape(self.matrix_shape(), &mut parameters[self.range()])
            .expect("the range has the shape's size")
    }
}

/// The parameters of one gate of a recurrent layer.
#[derive(Debug)]
pub struct GateView<'a, T> {
    /// From the input, `(inputs, units)`: Keras 1 calls it `W_…`.
    pub kernel: ArrayView2<'a, T>,
    /// From the hidden state, `(units, units)`: `U_…`.
    pub recurrent_kernel: ArrayView2<'a, T>,
    /// `(units)`: `b_…`.
    pub bias: ArrayView1<'a, T>,
}

/// The parameters of one gate of a recurrent layer, to write.
#[derive(Debug)]
pub struct GateViewMut<'a, T> {
    /// From the input, `(inputs, units)`: Keras 1 calls it `W_…`.
    pub kernel: ArrayViewMut2<'a, T>,
    /// From the hidden state, `(units, units)`: `U_…`.
    pub recurrent_kernel: ArrayViewMut2<'a, T>,
    /// `(units)`: `b_…`.
    pub bias: ArrayViewMut1<'a, T>,
}

/// The columns of a matrix that lie in `range`. (ndarray's `s!` would expand to `unsafe` code.)
pub(crate) fn columns<'a, T>(matrix: ArrayView2<'a, T>, range: impl Into<Slice>) -> ArrayView2<'a, T> {
    matrix.slice_axis_move(Axis(1), range.into())
}

/// As [`columns`], to write.
pub(crate) fn columns_mut<'a, T>(
    matrix: &'a mut ArrayViewMut2<'_, T>,
    range: impl Into<Slice>,
) -> ArrayViewMut2<'a, T> {
    matrix.slice_axis_mut(Axis(1), range.into())
}

/// Columns `gate · units ..` of kernel, recurrent kernel and bias (the first three of `tensors`).
pub(crate) fn gate_view<'a, T>(tensors: &[Tensor], parameters: &'a [T], gate: usize, units: usize) -> GateView<'a, T> {
    let range = gate * units..(gate + 1) * units;
    GateView {
        kernel: columns(tensors[0].view(parameters), range.clone()),
        recurrent_kernel: columns(tensors[1].view(parameters), range.clone()),
        bias: ArrayView1::from(&parameters[tensors[2].range()][range]),
    }
}

/// As [`gate_view`], to write.
pub(crate) fn gate_view_mut<'a, T>(
    tensors: &[Tensor],
    parameters: &'a mut [T],
    gate: usize,
    units: usize,
) -> GateViewMut<'a, T> {
    let range = gate * units..(gate + 1) * units;
    // The three tensors lie one after the other: split the buffer to lend each of them out.
    let (kernel, rest) = parameters.split_at_mut(tensors[0].range().end);
    let (recurrent, rest) = rest.split_at_mut(tensors[1].range().len());
    let bias = &mut rest[range.clone()];
    let gate_columns = |shape, data| {
        let matrix = ArrayViewMut2::from_shape(shape, data).expect("the range has the shape's size");
        matrix.slice_axis_move(Axis(1), Slice::from(range.clone()))
    };
    GateViewMut {
        kernel: gate_columns(tensors[0].matrix_shape(), kernel),
        recurrent_kernel: gate_columns(tensors[1].matrix_shape(), recurrent),
        bias: ArrayViewMut1::from(bias),
    }
}
